/* The new segment's files. Synced as they grow, so that a journal's commit never waits for much of them. */
#include "compaction_private.h"

#include <stdio.h>

static const enum segment_part main_parts[] = {SEGMENT_LOG, SEGMENT_OFFSET_INDEX, SEGMENT_TIME_INDEX};
#define MAIN_PARTS (sizeof main_parts / sizeof main_parts[0])

static int64_t base_of(const struct log_compaction *run)
{
    return run->output.swap->bases[0];
}

static int make_file(struct log_compaction *run, int64_t base_offset, enum segment_part part)
{
    char path[SWAP_PATH_MAX];
    log_swap_path(run->folder, base_offset, part, CLEANED_SUFFIX, path);
    int rc = disk_open_file(run->disk, path, FILE_CREATE, &run->output.files[part], &run->error);
    return rc == 0 ? file_truncate(run->output.files[part], 0, &run->error) : rc;
}

int compaction_output_open(struct log_compaction *run, const struct compaction_input *input)
{
    struct compaction_output *out = &run->output;
    uint8_t *buffer = out->buffer;
    *out = (struct compaction_output){.buffer = buffer, .first_offset = input->base_offset};
    out->swap = log_swap_create(run->memory, run->input_count - run->input);
    if (out->swap == NULL)
        return error_set_status(&run->error, -ENOMEM, "compaction");
    out->swap->bases[0] = input->base_offset; /* counted when the input is opened */
    log_head_init(&out->head, input->base_offset, run->now);
    for (size_t i = 0; i < MAIN_PARTS; i++) {
        int rc = make_file(run, input->base_offset, main_parts[i]);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int compaction_output_open_aborted(struct log_compaction *run)
{
    return run->output.files[SEGMENT_TRANSACTION_INDEX] == NULL
               ? make_file(run, base_of(run), SEGMENT_TRANSACTION_INDEX)
               : 0;
}

/* ---- writing ---- */

static int sync_some(struct log_compaction *run)
{
    struct compaction_output *out = &run->output;
    if (out->unsynced < OUTPUT_SYNC_BYTES)
        return 0;
    out->unsynced = 0;
    return file_sync(out->files[SEGMENT_LOG], &run->error);
}

static int write_parts(struct log_compaction *run, const struct iovec *parts, int count, uint32_t size)
{
    struct compaction_output *out = &run->output;
    uint32_t at = out->position - out->buffered;
    int rc = file_write(out->files[SEGMENT_LOG], parts, count, at, &run->error);
    if (rc != 0)
        return rc;
    out->buffered = 0;
    out->unsynced += size;
    run->written += size;
    return sync_some(run);
}

static int flush(struct log_compaction *run)
{
    struct compaction_output *out = &run->output;
    if (out->buffered == 0)
        return 0;
    struct iovec part = {out->buffer, out->buffered};
    return write_parts(run, &part, 1, out->buffered);
}

static int flush_indexes(struct log_compaction *run)
{
    struct compaction_output *out = &run->output;
    int rc = offset_index_flush(&out->head.index, &out->tails.index, out->files[SEGMENT_OFFSET_INDEX], &run->error);
    return rc == 0 ? time_index_flush(&out->head.times, &out->tails.times, out->files[SEGMENT_TIME_INDEX], &run->error)
                   : rc;
}

int compaction_output_write(struct log_compaction *run, const struct batch_header *header, slice batch)
{
    struct compaction_output *out = &run->output;
    int rc = 0;
    if (batch.size > (size_t)SEGMENT_MAX_BYTES - out->position)
        return error_set(&run->error, FURROW_TOO_LARGE, "the compacted segment");
    if (log_head_wants_flush(&out->tails) && (rc = flush_indexes(run)) != 0)
        return rc;
    log_head_note(&out->head, &out->tails, run->log_config.index_interval_bytes, header, out->position);
    if (batch.size > OUTPUT_BUFFER - out->buffered && (rc = flush(run)) != 0)
        return rc;
    if (batch.size > OUTPUT_BUFFER) {
        struct iovec part = {(void *)(uintptr_t)batch.data, batch.size};
        rc = write_parts(run, &part, 1, (uint32_t)batch.size);
    } else {
        memcpy(out->buffer + out->buffered, batch.data, batch.size);
        out->buffered += (uint32_t)batch.size;
    }
    out->position += (uint32_t)batch.size;
    return rc;
}

int compaction_output_write_empty(struct log_compaction *run, const struct batch_header *header)
{
    uint8_t bytes[BATCH_HEADER_SIZE];
    struct batch_header empty = *header;
    empty.length = BATCH_HEADER_SIZE - BATCH_LENGTH_OFFSET;
    empty.attributes = (int16_t)(header->attributes & (BATCH_LOG_APPEND_TIME | BATCH_TRANSACTIONAL | BATCH_CONTROL));
    empty.base_timestamp = BATCH_NO_TIMESTAMP;
    empty.count = 0;
    batch_write_header(bytes, &empty);
    return compaction_output_write(run, &empty, slice_of(bytes, sizeof bytes));
}

/* ---- finishing ---- */

static int complete_files(struct log_compaction *run)
{
    struct compaction_output *out = &run->output;
    int rc = 0;
    if (out->has_emptied && (rc = compaction_output_write_empty(run, &out->emptied)) != 0)
        return rc;
    if ((rc = flush(run)) != 0)
        return rc;
    if (log_head_wants_flush(&out->tails) && (rc = flush_indexes(run)) != 0)
        return rc;
    (void)log_head_note_end(&out->head, &out->tails);
    if ((rc = flush_indexes(run)) != 0)
        return rc;
    rc = compaction_finish_entries(run);
    for (int part = 0; part < SEGMENT_PARTS && rc == 0; part++) {
        if (out->files[part] != NULL)
            rc = file_sync(out->files[part], &run->error);
    }
    return rc;
}

static void close_outputs(struct compaction_output *out)
{
    for (int part = 0; part < SEGMENT_PARTS; part++) {
        if (out->files[part] != NULL)
            file_close(out->files[part]);
        out->files[part] = NULL;
    }
}

int compaction_output_finish(struct log_compaction *run)
{
    int rc = complete_files(run);
    if (rc != 0)
        return rc;
    close_outputs(&run->output);
    rc = log_swap_announce(run->disk, run->folder, base_of(run), &run->error);
    if (rc != 0)
        return rc;
    run->phase = PHASE_READY;
    return 0;
}

void compaction_output_drop(struct log_compaction *run, bool remove)
{
    struct compaction_output *out = &run->output;
    close_outputs(out);
    if (out->swap == NULL || run->phase == PHASE_SETTLE)
        return; /* the log has it now */
    if (remove) {
        int rc = log_swap_drop(run->disk, run->folder, base_of(run), NULL);
        (void)rc; /* the next run removes what stays */
    }
    log_swap_free(run->memory, out->swap);
    out->swap = NULL;
}
