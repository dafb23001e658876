/* Reading: which records stay.
 *
 * The dirty part is read into the table, the last records of each key of the slice. Where one record of each key is
 * kept, the clean part has no key twice, so its keys are only looked up: what the table has is superseded, the others
 * survive; the table then has room for the dirty keys alone. (With more than one to keep, all of the log is dirty.)
 *
 * The first reading of all checks the CRCs. A batch that is wrong makes its segment one that is left as it is; the
 * right ones in it count all the same, for a record there supersedes what is in other segments. Later readings see the
 * same bytes; in a segment that is left they check again, to step over the same batches. */
#include "compaction_key.h"

#include "batch_iterator.h"

#define MAX_UNCOMPRESSED ((size_t)1 << 30) /* of one batch; it is walked in a window */

/* ---- inputs ---- */

int compaction_open_input(struct log_compaction *run)
{
    const struct compaction_input *input = &run->inputs[run->input];
    char path[DISK_PATH_MAX];
    segment_path(run->folder, input->base_offset, SEGMENT_LOG, path);
    int rc = disk_open_file(run->disk, path, FILE_READ, &run->file, &run->error);
    if (rc != 0)
        return rc;
    compaction_aborted_skip(run, input->base_offset);
    batch_stream_start(&run->stream, run->file, input->size, input->base_offset, input->end_offset);
    return 0;
}

void compaction_close_input(struct log_compaction *run)
{
    if (run->file != NULL)
        file_close(run->file);
    run->file = NULL;
}

/* ---- records ---- */

int compaction_mark_alive(struct log_compaction *run, struct compaction_input *input, uint32_t ordinal)
{
    struct survivors *survivors = &run->survivors[input->part];
    if (!survivors_is_loaded(survivors, ordinal)) {
        int rc = survivors_load(survivors, ordinal, &run->error);
        if (rc != 0)
            return rc;
    }
    survivors_set(survivors, ordinal);
    input->alive++;
    return 0;
}

static void note_tombstone(const struct log_compaction *run, struct compaction_input *input,
                           const struct batch_header *header)
{
    if ((header->attributes & BATCH_DELETE_HORIZON) == 0)
        input->new_tombstones = true;
    else if (header->base_timestamp <= run->now - run->config.unproven_ms)
        input->old_tombstones = true;
}

static int take_waiting(struct log_compaction *run, struct compaction_input *input)
{
    uint32_t count = run->waiting_count;
    run->waiting_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct compaction_waiting *w = &run->waiting[i];
        int rc = 0;
        if (run->phase == PHASE_LOOK_UP)
            rc = key_table_has(&run->table, w->first, w->second) ? 0 : compaction_mark_alive(run, input, w->ordinal);
        else if (run->phase == PHASE_PICK)
            rc = key_table_pick(&run->table, w->first, w->second, w->tombstone)
                     ? compaction_mark_alive(run, input, w->ordinal)
                     : 0;
        else if (key_table_wants(&run->table, w->first) && /* no longer, when one before it has narrowed the slice */
                 !key_table_put(&run->table, w->first, w->second, w->ordinal, w->tombstone))
            rc = error_set(&run->error, -ENOBUFS, "the buffer is too small for the keys");
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* A key of the slice. The table is larger than the caches near the processor, so its place is fetched while others are
 * hashed. */
static int note_wanted(struct log_compaction *run, struct compaction_input *input, slice key, uint32_t first,
                       uint32_t ordinal, bool tombstone)
{
    uint64_t second = key_hash_polynomial(&run->hasher, 0, key);
    key_table_prefetch(&run->table, second);
    run->waiting[run->waiting_count++] = (struct compaction_waiting){second, first, ordinal, tombstone};
    return run->waiting_count == COMPACTION_WAITING ? take_waiting(run, input) : 0;
}

static inline int note_record(struct log_compaction *run, struct compaction_input *input,
                              const struct batch_header *header, slice key, bool tombstone)
{
    uint32_t ordinal = run->ordinal++;
    if (key.data == NULL)
        return run->first_reading ? compaction_mark_alive(run, input, ordinal) : 0;
    if (run->first_reading && tombstone)
        note_tombstone(run, input, header);
    uint32_t first = key_hash_first(&run->hasher, key);
    return key_table_wants(&run->table, first) ? note_wanted(run, input, key, first, ordinal, tombstone) : 0;
}

static int scan_plain(struct log_compaction *run, struct compaction_input *input, const struct batch_header *header,
                      slice batch)
{
    reader r = reader_of(slice_of(batch.data + BATCH_HEADER_SIZE, batch.size - BATCH_HEADER_SIZE));
    for (int32_t i = 0; i < header->count; i++) {
        struct record_view view;
        if (!record_view_next(&r, &view))
            return FURROW_MALFORMED;
        int rc = note_record(run, input, header, compaction_key_of_view(&run->config, &view), !view.has_value);
        if (rc != 0)
            return rc;
    }
    return reader_left(&r) == 0 ? 0 : FURROW_MALFORMED;
}

/* As scan_plain, where nothing but the key matters. */
static int scan_keys(struct log_compaction *run, struct compaction_input *input, const struct batch_header *header,
                     slice batch)
{
    reader r = reader_of(slice_of(batch.data + BATCH_HEADER_SIZE, batch.size - BATCH_HEADER_SIZE));
    const uint32_t low = run->table.low;
    const uint32_t first_ordinal = run->ordinal;
    for (uint32_t i = 0; i < (uint32_t)header->count; i++) {
        slice key;
        if (!record_view_next_key(&r, &key))
            return FURROW_MALFORMED;
        run->ordinal++;
        if (run->config.key == COMPACTION_PREFIX)
            key = compaction_prefix_of(&run->config, key);
        if (key.data == NULL)
            continue;
        uint32_t first = key_hash_first(&run->hasher, key);
        if (first - low > run->table.high - low)
            continue;
        int rc = note_wanted(run, input, key, first, first_ordinal + i, false);
        if (rc != 0)
            return rc;
    }
    return reader_left(&r) == 0 ? 0 : FURROW_MALFORMED;
}

static int scan_compressed(struct log_compaction *run, struct compaction_input *input,
                           const struct batch_header *header, slice batch)
{
    struct batch_iterator it;
    struct record record;
    int rc = batch_iterator_open(&it, batch, run->memory, MAX_UNCOMPRESSED, &run->error);
    if (rc != 0)
        return rc;
    while ((rc = batch_iterator_next(&it, &record, &run->error)) == 1) {
        int noted = note_record(run, input, header, compaction_key_of_record(&run->config, &record),
                                slice_is_null(record.value));
        if (noted != 0) {
            batch_iterator_close(&it);
            return noted;
        }
    }
    batch_iterator_close(&it);
    return rc;
}

/* What is wrong with the batch itself, and not with the machine. */
static bool is_about_batch(int rc)
{
    return rc == FURROW_MALFORMED || rc == FURROW_CORRUPT || rc == FURROW_UNSUPPORTED || rc == FURROW_TOO_LARGE;
}

static int pass_over(struct log_compaction *run, struct compaction_input *input, const struct batch_header *header)
{
    input->aborted = true;
    if (run->first_reading)
        run->result.records_before += (uint32_t)header->count;
    return 0;
}

static int scan_batch(struct log_compaction *run, struct compaction_input *input, const struct batch_header *header,
                      slice batch)
{
    if ((run->first_reading || input->left) && !batch_crc_matches(batch, header))
        return FURROW_CORRUPT;
    input->transactional |= batch_is_control(header) || batch_is_transactional(header);
    if (header->count == 0)
        return 0;
    if (run->ordinal > KEY_TABLE_MAX_ORDINAL - (uint32_t)header->count)
        return error_set(&run->error, -EFBIG, "more than 2^32 records");
    if (batch_is_control(header)) {
        run->ordinal += (uint32_t)header->count;
        return 0;
    }
    int rc = compaction_is_aborted(run, header);
    if (rc != 0)
        return rc < 0 ? rc : pass_over(run, input, header);
    if (batch_codec(header) != CODEC_NONE)
        rc = scan_compressed(run, input, header, batch);
    else if (run->first_reading || run->config.keep > 1 || run->config.key == COMPACTION_HEADER)
        rc = scan_plain(run, input, header, batch);
    else
        rc = scan_keys(run, input, header, batch);
    int taken = take_waiting(run, input);
    return taken != 0 ? taken : rc;
}

static void leave(struct log_compaction *run, struct compaction_input *input)
{
    input->left = true;
    run->kept_whole = true;
}

/* ---- the part ---- */

static uint32_t part_end(const struct log_compaction *run)
{
    return run->phase == PHASE_LOOK_UP ? run->dirty_first : run->input_count;
}

static int start_input(struct log_compaction *run)
{
    struct compaction_input *input = &run->inputs[run->input];
    if (run->first_reading)
        input->first_ordinal = run->ordinal;
    run->ordinal = input->first_ordinal;
    return compaction_open_input(run);
}

static void finish_input(struct log_compaction *run)
{
    struct compaction_input *input = &run->inputs[run->input];
    compaction_close_input(run);
    if (run->first_reading) {
        input->records = run->ordinal - input->first_ordinal;
        run->ordinals[input->part] = run->ordinal;
        run->result.records_before += input->records;
    }
    run->input++;
}

int compaction_scan(struct log_compaction *run)
{
    struct batch_header header;
    slice batch;
    int rc = 0;
    if (run->file == NULL && run->input == part_end(run))
        return 0;
    if (run->file == NULL && (rc = start_input(run)) != 0)
        return rc;
    struct compaction_input *input = &run->inputs[run->input];
    rc = batch_stream_next(&run->stream, &header, &batch, &run->error);
    if (rc == 0) {
        finish_input(run);
        return 1;
    }
    if (rc == FURROW_CORRUPT) {
        leave(run, input);
        rc = batch_stream_skip(&run->stream, &run->error);
        return rc != 0 ? rc : 1;
    }
    if (rc != 1)
        return rc;
    rc = scan_batch(run, input, &header, batch);
    if (is_about_batch(rc)) {
        leave(run, input);
        rc = 0;
    }
    return rc != 0 ? rc : 1;
}

/* ---- survivors ---- */

static struct compaction_input *input_of(struct log_compaction *run, uint32_t ordinal)
{
    uint32_t low = run->dirty_first;
    uint32_t high = run->input_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (run->inputs[middle].first_ordinal <= ordinal)
            low = middle;
        else
            high = middle;
    }
    return &run->inputs[low];
}

static void mark_survivor(void *context, uint32_t ordinal)
{
    struct log_compaction *run = context;
    survivors_set(&run->survivors[DIRTY], ordinal);
    input_of(run, ordinal)->alive++;
}

int compaction_mark(struct log_compaction *run)
{
    uint32_t end = run->ordinals[DIRTY];
    uint32_t from = run->block;
    if (from >= end)
        return 0;
    uint32_t to = end - from < SURVIVORS_BLOCK_RECORDS ? end : from + SURVIVORS_BLOCK_RECORDS;
    int rc = survivors_load(&run->survivors[DIRTY], from, &run->error);
    if (rc != 0)
        return rc;
    key_table_list(&run->table, from, to, mark_survivor, run);
    run->block = to;
    return 1;
}
