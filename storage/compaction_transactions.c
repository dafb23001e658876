/* Transactions of a run: whose records do not count, and which markers stay.
 *
 * Nothing is cleaned past the last stable offset, so all that a run reads is decided. What was aborted is said by the
 * transaction indexes, in the order of the markers: read beside the batches, they are in memory only as far as they
 * concern the batch at hand. An entry that says that the log was stable behind a batch is the last one that can.
 *
 * A marker stays as long as a batch of its transaction does: a run that still sees one, even if it drops it, keeps the
 * marker. The first run that sees none gives it a delete horizon, as a tombstone gets one; a run past the horizon drops
 * it, and with it its entry in the transaction index. An entry that outlived its marker would hide what the producer
 * wrote later. */
#include "compaction_private.h"

#include "transaction_marker.h"

#include <stdlib.h>

/* ---- what was aborted ---- */

static void skip_to(struct aborted_stream *stream, int64_t base_offset)
{
    if (stream->at < stream->count && stream->segments[stream->at].base_offset < base_offset)
        aborted_stream_rewind(stream, base_offset);
}

void compaction_aborted_rewind(struct log_compaction *run, int64_t base_offset)
{
    struct compaction_aborted *a = &run->aborted;
    aborted_stream_rewind(&a->stream, base_offset);
    a->count = 0;
    a->stable_end = 0;
}

/* Files of segments before this one may be gone, and concern nothing behind. */
void compaction_aborted_skip(struct log_compaction *run, int64_t base_offset)
{
    skip_to(&run->aborted.stream, base_offset);
    skip_to(&run->entries.stream, base_offset);
}

static int add_aborted(struct log_compaction *run, const struct aborted_transaction *aborted)
{
    struct compaction_aborted *a = &run->aborted;
    if (a->count == a->capacity) {
        uint32_t capacity = a->capacity != 0 ? a->capacity * 2 : 16;
        struct aborted_transaction *list =
            memory_realloc(run->memory, MEMORY_LOGS, a->list, a->capacity * sizeof *list, capacity * sizeof *list);
        if (list == NULL)
            return error_set_status(&run->error, -ENOMEM, "aborted transactions");
        a->list = list;
        a->capacity = capacity;
    }
    a->list[a->count++] = *aborted;
    return 0;
}

/* All that concern the offset are in the list then. */
static int load_aborted(struct log_compaction *run, int64_t offset)
{
    struct compaction_aborted *a = &run->aborted;
    while (a->stable_end <= offset) {
        struct aborted_transaction aborted;
        int rc = aborted_stream_next(&a->stream, &aborted, &run->error);
        if (rc < 0)
            return rc;
        if (rc == 0) {
            a->stable_end = INT64_MAX;
            return 0;
        }
        a->stable_end = aborted.stable_end;
        if (aborted.last_offset >= offset && (rc = add_aborted(run, &aborted)) != 0)
            return rc;
    }
    return 0;
}

int compaction_is_aborted(struct log_compaction *run, const struct batch_header *header)
{
    struct compaction_aborted *a = &run->aborted;
    if (!batch_is_transactional(header) || a->stream.count == 0)
        return 0;
    int64_t offset = header->base_offset;
    bool is = false;
    int rc = load_aborted(run, offset);
    if (rc != 0)
        return rc;
    for (uint32_t i = 0; i < a->count;) {
        const struct aborted_transaction *aborted = &a->list[i];
        if (aborted->last_offset < offset) {
            a->list[i] = a->list[--a->count];
            continue;
        }
        is |= aborted->producer_id == header->producer_id && aborted->first_offset <= offset;
        i++;
    }
    return is;
}

/* ---- which markers stay ---- */

/* Where the id is, or belongs. */
static uint32_t find_seen(const struct compaction_seen *seen, int64_t id)
{
    uint32_t low = 0, high = seen->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (seen->ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int note_seen(struct log_compaction *run, int64_t id)
{
    struct compaction_seen *seen = &run->seen;
    uint32_t at = find_seen(seen, id);
    if (at < seen->count && seen->ids[at] == id)
        return 0;
    if (seen->count == seen->capacity) {
        uint32_t capacity = seen->capacity != 0 ? seen->capacity * 2 : 16;
        int64_t *ids =
            memory_realloc(run->memory, MEMORY_LOGS, seen->ids, seen->capacity * sizeof *ids, capacity * sizeof *ids);
        if (ids == NULL)
            return error_set_status(&run->error, -ENOMEM, "producers");
        seen->ids = ids;
        seen->capacity = capacity;
    }
    memmove(seen->ids + at + 1, seen->ids + at, (seen->count - at) * sizeof *seen->ids);
    seen->ids[at] = id;
    seen->count++;
    return 0;
}

static bool take_seen(struct log_compaction *run, int64_t id)
{
    struct compaction_seen *seen = &run->seen;
    uint32_t at = find_seen(seen, id);
    if (at == seen->count || seen->ids[at] != id)
        return false;
    seen->count--;
    memmove(seen->ids + at, seen->ids + at + 1, (seen->count - at) * sizeof *seen->ids);
    return true;
}

static int compare_ids(const void *a, const void *b)
{
    const struct compaction_marked *left = a, *right = b;
    return (left->producer_id > right->producer_id) - (left->producer_id < right->producer_id);
}

void compaction_sort_marked(struct log_compaction *run)
{
    qsort(run->marked, run->marked_count, sizeof *run->marked, compare_ids);
}

/* It is all that is known of an active producer: the epoch by which older ones are fenced. */
static bool is_last_of_producer(const struct log_compaction *run, const struct batch_header *header)
{
    struct compaction_marked key = {.producer_id = header->producer_id};
    const struct compaction_marked *found =
        run->marked_count > 0 ? bsearch(&key, run->marked, run->marked_count, sizeof *run->marked, compare_ids) : NULL;
    return found != NULL && found->epoch == header->producer_epoch;
}

bool compaction_is_past_horizon(const struct log_compaction *run, const struct batch_header *header)
{
    return (header->attributes & BATCH_DELETE_HORIZON) != 0 &&
           header->base_timestamp <= run->now - run->config.unproven_ms && !run->kept_whole;
}

/* Whether it stays just as it is. */
static bool keeps_marker(struct log_compaction *run, const struct batch_header *header, slice batch)
{
    struct transaction_marker marker;
    bool was_seen = take_seen(run, header->producer_id);
    bool has_horizon = (header->attributes & BATCH_DELETE_HORIZON) != 0;
    return was_seen || run->kept_whole || is_last_of_producer(run, header) ||
           (has_horizon && !compaction_is_past_horizon(run, header)) ||
           transaction_marker_parse(batch, header, &marker) != 0;
}

static int plan_batch(struct log_compaction *run, struct compaction_input *input, const struct batch_header *header,
                      slice batch)
{
    int rc;
    if (batch_is_control(header)) {
        uint32_t ordinal = run->ordinal;
        run->ordinal += (uint32_t)header->count;
        if (header->count == 0)
            return 0;
        if (keeps_marker(run, header, batch))
            return compaction_mark_alive(run, input, ordinal);
        input->markers_go = true;
        return 0;
    }
    if (batch_is_transactional(header) && (rc = note_seen(run, header->producer_id)) != 0)
        return rc;
    rc = compaction_is_aborted(run, header);
    if (rc == 0)
        run->ordinal += (uint32_t)header->count;
    return rc < 0 ? rc : 0;
}

int compaction_plan_markers(struct log_compaction *run)
{
    struct batch_header header;
    slice batch;
    while (run->file == NULL && run->input < run->input_count) {
        struct compaction_input *input = &run->inputs[run->input];
        if (!input->transactional || input->left) {
            run->input++;
            continue;
        }
        run->ordinal = input->first_ordinal;
        int rc = compaction_open_input(run);
        if (rc != 0)
            return rc;
    }
    if (run->file == NULL)
        return 0;
    int rc = batch_stream_next(&run->stream, &header, &batch, &run->error);
    if (rc == 1)
        rc = plan_batch(run, &run->inputs[run->input], &header, batch);
    else if (rc == 0) {
        compaction_close_input(run);
        run->input++;
    }
    return rc < 0 ? rc : 1;
}

/* ---- the index of the new segment ---- */

static int flush_entries(struct log_compaction *run)
{
    struct compaction_entries *e = &run->entries;
    struct iovec part = {e->pending.data, e->pending.size};
    if (!writer_ok(&e->pending))
        return error_set_status(&run->error, -ENOMEM, "transaction index");
    if (part.iov_len == 0)
        return 0;
    int rc = file_write(run->output.files[SEGMENT_TRANSACTION_INDEX], &part, 1,
                        (uint64_t)run->output.aborted * TRANSACTION_INDEX_ENTRY_SIZE, &run->error);
    run->output.aborted += (uint32_t)(part.iov_len / TRANSACTION_INDEX_ENTRY_SIZE);
    writer_cut(&e->pending, 0);
    return rc;
}

void compaction_rewind_entries(struct log_compaction *run)
{
    aborted_stream_rewind(&run->entries.stream, run->inputs[0].base_offset);
    run->entries.has_next = false;
}

int compaction_keep_entry(struct log_compaction *run, const struct batch_header *header)
{
    static const size_t most = 65536;
    struct compaction_entries *e = &run->entries;
    uint8_t bytes[TRANSACTION_INDEX_ENTRY_SIZE];
    int64_t offset = batch_last_offset(header);
    while (!e->has_next || e->next.last_offset < offset) {
        int rc = aborted_stream_next(&e->stream, &e->next, &run->error);
        if (rc != 1)
            return rc;
        e->has_next = true;
    }
    if (e->next.last_offset != offset || e->next.producer_id != header->producer_id)
        return 0;
    transaction_index_encode(&e->next, bytes);
    write_bytes(&e->pending, slice_of(bytes, sizeof bytes));
    return e->pending.size >= most || !writer_ok(&e->pending) ? flush_entries(run) : 0;
}

int compaction_finish_entries(struct log_compaction *run)
{
    return flush_entries(run);
}

/* ---- opening and closing ---- */

int compaction_open_transactions(struct log_compaction *run, const struct log *log, uint32_t first)
{
    int rc = aborted_stream_open(&run->aborted.stream, log, first);
    return rc == 0 ? aborted_stream_open(&run->entries.stream, log, first) : rc;
}

void compaction_close_transactions(struct log_compaction *run)
{
    struct memory *memory = run->memory;
    if (run->aborted.stream.segments != NULL)
        aborted_stream_close(&run->aborted.stream);
    if (run->entries.stream.segments != NULL)
        aborted_stream_close(&run->entries.stream);
    writer_close(&run->entries.pending);
    memory_free(memory, MEMORY_LOGS, run->aborted.list, run->aborted.capacity * sizeof *run->aborted.list);
    memory_free(memory, MEMORY_LOGS, run->seen.ids, run->seen.capacity * sizeof *run->seen.ids);
    memory_free(memory, MEMORY_LOGS, run->marked, run->marked_capacity * sizeof *run->marked);
}
