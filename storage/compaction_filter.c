/* What becomes of one batch.
 *
 * All of it survives: it is copied as it is. None: it goes, but for the last batch of an active producer, whose
 * sequence must not be forgotten, and the last batch of a new segment, by which a start knows what that covers; they
 * stay without records. Else it is written anew with the same offsets, the records' own bytes unchanged where that can
 * be.
 *
 * Tombstones. The first run that keeps one gives its batch a delete horizon, now and delete.retention.ms: the attribute
 * is set, the base timestamp says when, and the records' timestamps are told relative to that (KIP-534). A run past the
 * horizon drops it. */
#include "compaction_key.h"

#include "batch_builder.h"
#include "batch_iterator.h"

#include <stdlib.h>

#define MAX_UNCOMPRESSED ((size_t)1 << 30)

struct filter {
    struct log_compaction *run;
    struct compaction_input *input;
    const struct batch_header *header;
    slice batch;
    uint32_t first; /* ordinal of the first record */
    bool drops_tombstones;
};

static bool has_horizon(const struct batch_header *header)
{
    return (header->attributes & BATCH_DELETE_HORIZON) != 0;
}

static int is_alive(struct log_compaction *run, const struct compaction_input *input, uint32_t ordinal)
{
    struct survivors *survivors = &run->survivors[input->part];
    if (!survivors_is_loaded(survivors, ordinal)) {
        int rc = survivors_load(survivors, ordinal, &run->error);
        if (rc != 0)
            return rc;
    }
    return survivors_get(survivors, ordinal);
}

/* How many records of the batch survive, tombstones that go included. */
static int count_alive(const struct filter *f, int32_t *count)
{
    *count = 0;
    for (int32_t i = 0; i < f->header->count; i++) {
        int rc = is_alive(f->run, f->input, f->first + (uint32_t)i);
        if (rc < 0)
            return rc;
        *count += rc;
    }
    return 0;
}

/* ---- nothing is left ---- */

static int compare_offsets(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* A start would take a batch of a transaction for an open one. */
static void forget_transaction(struct batch_header *header)
{
    header->attributes &= BATCH_LOG_APPEND_TIME;
    header->producer_id = BATCH_NO_PRODUCER_ID;
    header->producer_epoch = -1;
    header->base_sequence = BATCH_NO_SEQUENCE;
}

static int drop_batch(struct log_compaction *run, const struct compaction_input *input,
                      const struct batch_header *header)
{
    int64_t last_offset = batch_last_offset(header);
    if (batch_has_producer(header) && run->producer_count > 0 &&
        bsearch(&last_offset, run->producer_ends, run->producer_count, sizeof last_offset, compare_offsets) != NULL)
        return compaction_output_write_empty(run, header);
    if (batch_stream_position(&run->stream) == input->size) {
        run->output.emptied = *header;
        run->output.has_emptied = true;
        if (batch_is_transactional(header) || batch_is_control(header))
            forget_transaction(&run->output.emptied);
    }
    return 0;
}

/* ---- some of it: records as they are ---- */

/* The records that stay, one behind the other, after a place for the header. 1: a tombstone without a horizon is among
 * them. */
static int pick_records(struct filter *f, writer *w, struct batch_header *header)
{
    reader r = reader_of(slice_of(f->batch.data + BATCH_HEADER_SIZE, f->batch.size - BATCH_HEADER_SIZE));
    bool append_time = batch_is_log_append_time(header);
    bool tombstones = false;
    int64_t largest = INT64_MIN;
    header->count = 0;
    for (int32_t i = 0; i < f->header->count; i++) {
        struct record_view view;
        if (!record_view_next(&r, &view))
            return error_set(&f->run->error, FURROW_CORRUPT, "a batch has changed while it was read");
        int alive = is_alive(f->run, f->input, f->first + (uint32_t)i);
        if (alive < 0)
            return alive;
        bool tombstone = compaction_is_tombstone_view(&f->run->config, &view);
        if (alive == 0 || (tombstone && f->drops_tombstones))
            continue;
        tombstones |= tombstone;
        int64_t timestamp;
        if (!__builtin_add_overflow(header->base_timestamp, view.timestamp_delta, &timestamp) && timestamp > largest)
            largest = timestamp;
        write_bytes(w, view.bytes);
        header->count++;
    }
    if (!append_time && header->count > 0)
        header->max_timestamp = largest;
    return tombstones && !has_horizon(header);
}

static int write_picked(struct filter *f, writer *w, struct batch_header *header)
{
    if (!writer_ok(w))
        return error_set_status(&f->run->error, -ENOMEM, "batch");
    if (header->count == 0)
        return drop_batch(f->run, f->input, f->header);
    header->length = (int32_t)(w->size - BATCH_LENGTH_OFFSET);
    batch_write_header(w->data, header);
    return compaction_output_write(f->run, header, writer_slice(w));
}

/* ---- some of it: records written anew ---- */

static struct batch_options options_of(const struct filter *f, bool set_horizon)
{
    const struct batch_header *old = f->header;
    int flags = old->attributes & ~BATCH_CODEC_MASK;
    return (struct batch_options){
        .codec = batch_codec(old),
        .level = codec_default_level(batch_codec(old)),
        .attributes = (int16_t)(set_horizon ? flags | BATCH_DELETE_HORIZON : flags),
        .base_offset = old->base_offset,
        .leader_epoch = old->leader_epoch,
        .producer_id = old->producer_id,
        .producer_epoch = old->producer_epoch,
        .base_sequence = old->base_sequence,
        .has_base_timestamp = true,
        .base_timestamp = set_horizon ? f->run->now + f->run->config.delete_retention_ms : old->base_timestamp,
    };
}

static int build(struct filter *f, writer *w, bool set_horizon, int32_t *count, bool *tombstones)
{
    struct batch_options options = options_of(f, set_horizon);
    struct batch_iterator it;
    struct batch_builder builder;
    struct record record;
    *count = 0;
    *tombstones = false;
    int rc = batch_iterator_open(&it, f->batch, f->run->memory, MAX_UNCOMPRESSED, &f->run->error);
    if (rc != 0)
        return rc;
    batch_builder_open(&builder, w, &options);
    for (uint32_t i = 0; (rc = batch_iterator_next(&it, &record, &f->run->error)) == 1; i++) {
        rc = is_alive(f->run, f->input, f->first + i);
        if (rc < 0)
            break;
        bool tombstone = compaction_is_tombstone_record(&f->run->config, &record);
        if (rc == 0 || (tombstone && f->drops_tombstones))
            continue;
        *tombstones |= tombstone;
        batch_builder_add_record(&builder, &record);
        ++*count;
    }
    batch_iterator_close(&it);
    batch_builder_set_last_offset(&builder, batch_last_offset(f->header));
    int closed = batch_builder_close(&builder, &f->run->error);
    return rc != 0 ? rc : closed;
}

/* With a horizon when there is a tombstone without one, and timestamps can be told relative to it. */
static int write_built(struct filter *f, writer *w, bool set_horizon)
{
    int32_t count;
    bool tombstones;
    writer_cut(w, 0);
    int rc = build(f, w, set_horizon, &count, &tombstones);
    if (rc == 0 && !set_horizon && tombstones && !has_horizon(f->header)) {
        set_horizon = true;
        writer_cut(w, 0);
        rc = build(f, w, true, &count, &tombstones);
    }
    if (rc == FURROW_OUT_OF_RANGE && set_horizon) {
        writer_cut(w, 0);
        rc = build(f, w, false, &count, &tombstones);
    }
    if (rc != 0)
        return rc;
    if (count == 0)
        return drop_batch(f->run, f->input, f->header);
    struct batch_header header;
    rc = batch_parse_header(writer_slice(w), &header, &f->run->error);
    return rc == 0 ? compaction_output_write(f->run, &header, writer_slice(w)) : rc;
}

static int write_some(struct filter *f)
{
    writer *w = &f->run->scratch;
    writer_cut(w, 0);
    if (batch_codec(f->header) != CODEC_NONE)
        return write_built(f, w, false);
    struct batch_header header = *f->header;
    if (writer_extend(w, BATCH_HEADER_SIZE) == NULL)
        return error_set_status(&f->run->error, -ENOMEM, "batch");
    int rc = pick_records(f, w, &header);
    if (rc < 0)
        return rc;
    return rc == 1 ? write_built(f, w, true) : write_picked(f, w, &header);
}

/* ---- markers ---- */

static int write_marker(struct filter *f, const struct batch_header *header, slice batch)
{
    int rc = compaction_keep_entry(f->run, header);
    return rc == 0 ? compaction_output_write(f->run, header, batch) : rc;
}

/* Its transaction has nothing left: it may go delete.retention.ms from now. */
static int write_with_horizon(struct filter *f)
{
    struct batch_options options = options_of(f, true);
    struct batch_iterator it;
    struct batch_builder builder;
    struct batch_header header;
    struct record record;
    writer *w = &f->run->scratch;
    writer_cut(w, 0);
    int rc = batch_iterator_open(&it, f->batch, f->run->memory, MAX_UNCOMPRESSED, &f->run->error);
    if (rc != 0)
        return rc;
    batch_builder_open(&builder, w, &options);
    while ((rc = batch_iterator_next(&it, &record, &f->run->error)) == 1)
        batch_builder_add_record(&builder, &record);
    batch_iterator_close(&it);
    int closed = batch_builder_close(&builder, &f->run->error);
    if (closed == FURROW_OUT_OF_RANGE) /* its timestamp cannot be told relative to the horizon */
        return write_marker(f, f->header, f->batch);
    rc = rc != 0 ? rc : closed;
    if (rc == 0)
        rc = batch_parse_header(writer_slice(w), &header, &f->run->error);
    return rc == 0 ? write_marker(f, &header, writer_slice(w)) : rc;
}

static int filter_marker(struct filter *f)
{
    f->run->ordinal += (uint32_t)f->header->count;
    int alive = f->header->count > 0 ? is_alive(f->run, f->input, f->first) : 1;
    if (alive < 0)
        return alive;
    if (alive > 0)
        return write_marker(f, f->header, f->batch);
    return compaction_is_past_horizon(f->run, f->header) ? drop_batch(f->run, f->input, f->header)
                                                         : write_with_horizon(f);
}

int compaction_filter(struct log_compaction *run, struct compaction_input *input, const struct batch_header *header,
                      slice batch)
{
    struct filter f = {.run = run, .input = input, .header = header, .batch = batch, .first = run->ordinal};
    run->output.has_emptied = false;
    if (!batch_crc_matches(batch, header))
        return error_set(&run->error, FURROW_CORRUPT, "offset %" PRId64 ": a CRC is wrong that was right before",
                         header->base_offset);
    if (batch_is_control(header))
        return filter_marker(&f);
    int rc = compaction_is_aborted(run, header);
    if (rc != 0)
        return rc < 0 ? rc : drop_batch(run, input, header);
    run->ordinal += (uint32_t)header->count;
    int32_t alive;
    rc = count_alive(&f, &alive);
    if (rc != 0)
        return rc;
    if (alive == 0)
        return drop_batch(run, input, header);
    f.drops_tombstones = compaction_is_past_horizon(run, header);
    bool may_have_news = has_horizon(header) ? f.drops_tombstones : input->new_tombstones;
    if (alive == header->count && !may_have_news)
        return compaction_output_write(run, header, batch);
    return write_some(&f);
}
