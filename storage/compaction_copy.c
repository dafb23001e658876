/* The copy pass: which segments go together.
 *
 * Old segments are copied into one new one as long as it does not get larger than segment.bytes, as far as can be told
 * before. One in which nothing changes is left alone, unless it is so small beside its neighbours that joining them is
 * worth the writing. One that is left because it cannot be read for certain stands alone. */
#include "compaction_private.h"

#define MERGE_FACTOR 4 /* an unchanged segment is joined with neighbours of at least a fourth of its size */

static bool is_changed(const struct log_compaction *run, const struct compaction_input *input)
{
    return input->alive < input->records || input->new_tombstones || (input->old_tombstones && !run->kept_whole) ||
           input->aborted || input->markers_go;
}

static uint64_t expected_size(const struct compaction_input *input)
{
    return input->records > 0 ? (uint64_t)input->size * input->alive / input->records : input->size;
}

/* Index entries that its batches may add, at most. */
static uint64_t index_entries(const struct log_compaction *run, const struct compaction_input *input)
{
    uint32_t interval = run->log_config.index_interval_bytes > 0 ? (uint32_t)run->log_config.index_interval_bytes : 1;
    if (interval < BATCH_HEADER_SIZE)
        interval = BATCH_HEADER_SIZE;
    return input->size / interval + 2;
}

static bool may_join(const struct log_compaction *run, const struct compaction_input *input)
{
    const struct compaction_output *out = &run->output;
    uint64_t entries = out->head.index.entries + out->tails.index.count + index_entries(run, input);
    return !input->left && out->position + expected_size(input) <= (uint64_t)run->log_config.segment_bytes &&
           (uint64_t)out->position + input->size <= SEGMENT_MAX_BYTES &&
           entries * TIME_INDEX_ENTRY_SIZE <= (uint64_t)run->log_config.segment_index_bytes &&
           input->end_offset - out->first_offset <= INT32_MAX;
}

/* Whether unchanged segments from the input on are worth joining with what follows. */
static bool is_worth_joining(const struct log_compaction *run, uint32_t i)
{
    const struct compaction_input *input = &run->inputs[i];
    uint64_t limit = (uint64_t)run->log_config.segment_bytes;
    uint64_t others = 0;
    for (uint32_t next = i + 1; next < run->input_count && others * MERGE_FACTOR < input->size; next++) {
        const struct compaction_input *other = &run->inputs[next];
        uint64_t size = expected_size(other);
        if (other->left || input->size + others + size > limit || other->end_offset - input->base_offset > INT32_MAX)
            return false;
        others += size > 0 ? size : 1;
    }
    return others > 0 && others * MERGE_FACTOR >= input->size;
}

static void skip_input(struct log_compaction *run)
{
    const struct compaction_input *input = &run->inputs[run->input++];
    run->result.bytes_after += input->size;
    run->result.records_after += input->left ? input->records : input->alive;
    run->result.segments_after++;
    run->result.segments_left += input->left;
}

static int start_input(struct log_compaction *run)
{
    struct compaction_input *input = &run->inputs[run->input];
    struct compaction_output *out = &run->output;
    if (out->swap != NULL && !may_join(run, input))
        return compaction_output_finish(run);
    if (out->swap == NULL) {
        if (input->left || (!is_changed(run, input) && !is_worth_joining(run, run->input))) {
            skip_input(run);
            return 0;
        }
        int rc = compaction_output_open(run, input);
        if (rc != 0)
            return rc;
    }
    int rc = input->has_entries ? compaction_output_open_aborted(run) : 0;
    if (rc != 0)
        return rc;
    out->swap->bases[out->swap->count++] = input->base_offset;
    out->end_offset = input->end_offset;
    out->bytes_before += input->size;
    out->has_emptied = false;
    run->ordinal = input->first_ordinal;
    return compaction_open_input(run);
}

static int copy_batch(struct log_compaction *run)
{
    struct compaction_input *input = &run->inputs[run->input];
    struct batch_header header;
    slice batch;
    int rc = batch_stream_next(&run->stream, &header, &batch, &run->error);
    if (rc < 0)
        return rc;
    if (rc == 1) {
        rc = compaction_filter(run, input, &header, batch);
        return rc < 0 ? rc : 1;
    }
    if (run->ordinal != input->first_ordinal + input->records)
        return error_set(&run->error, FURROW_CORRUPT, "a segment has changed while it was read");
    compaction_close_input(run);
    run->result.records_after += input->alive;
    run->input++;
    return 1;
}

int compaction_copy(struct log_compaction *run)
{
    int rc;
    if (run->file != NULL)
        return copy_batch(run);
    if (run->input < run->input_count)
        rc = start_input(run);
    else if (run->output.swap != NULL)
        rc = compaction_output_finish(run);
    else
        return 0;
    return rc < 0 ? rc : 1;
}
