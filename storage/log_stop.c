/* The clean stop of a log: what was kept back goes to the disk, so that the next start scans nothing. A log that has
 * taken no batch since it was opened has nothing to write. */
#include "log_private.h"

/* The last segment's, which no sync covers before. */
static int complete_transaction_index(struct log *log, struct error *error)
{
    const struct segment *segment = log_last_segment(log);
    struct log_handle handle = {0};
    int rc = log_handle_open(&handle, log->environment.disk, log->folder, segment->base_offset,
                             SEGMENT_TRANSACTION_INDEX, FILE_READ_WRITE, error);
    if (rc != 0)
        return rc == -ENOENT && segment->aborted == 0 ? 0 : rc;
    rc = file_truncate(handle.file, (uint64_t)segment->aborted * TRANSACTION_INDEX_ENTRY_SIZE, error);
    if (rc == 0)
        rc = file_sync(handle.file, error);
    file_close(handle.file);
    return rc;
}

/* Bytes and files that failed writes may have left behind the end. */
static int remove_remains(struct log *log, struct error *error)
{
    if (log->stray_base >= 0) {
        int rc = log_remove_segment_files(log->environment.disk, log->folder, log->stray_base, error);
        if (rc != 0)
            return rc;
        log->stray_base = -1;
        log->folder_changes++;
    }
    if (!log->tail_dirty)
        return 0;
    const struct segment *segment = log_last_segment(log);
    struct log_handle handle = {0};
    int rc = log_handle_open(&handle, log->environment.disk, log->folder, segment->base_offset, SEGMENT_LOG,
                             FILE_READ_WRITE, error);
    if (rc != 0)
        return rc;
    rc = file_truncate(handle.file, segment->size, error);
    if (rc == 0)
        rc = file_sync(handle.file, error);
    file_close(handle.file);
    if (rc == 0)
        rc = complete_transaction_index(log, error);
    if (rc == 0)
        log->tail_dirty = false;
    return rc;
}

/* The last segment's, which no sync covers before. */
static int flush_indexes(struct log *log, struct error *error)
{
    struct log_tails none = {.index = {.count = 0}, .times = {.count = 0}};
    struct log_tails *tails = log->tails != NULL ? log->tails : &none;
    if (log->tails == NULL && !log->indexes_made)
        return 0;
    if (log_head_wants_flush(tails)) {
        int rc = log_head_flush(&log->head, tails, log->environment.disk, log->folder, false, error);
        if (rc != 0)
            return rc;
    }
    (void)log_head_note_end(&log->head, tails);
    int rc = log_head_flush(&log->head, tails, log->environment.disk, log->folder, true, error);
    return rc == 0 && log_last_segment(log)->aborted > 0 ? complete_transaction_index(log, error) : rc;
}

/* Needed when there are producers, or when an older snapshot would be taken for the newest. */
static int write_snapshot(struct log *log, int64_t now, struct error *error)
{
    producer_state_expire(log->producers, now, log->environment.producer_expiry_ms);
    bool is_older = log->snapshot_offset >= 0 && log->snapshot_offset != log->end;
    bool is_missing = log->snapshot_offset < 0 && producer_state_count(log->producers) > 0;
    if (!is_older && !is_missing)
        return 0;
    writer w;
    writer_init(&w, log->environment.memory, MEMORY_PRODUCERS, PRODUCER_SNAPSHOT_MAX_SIZE);
    producer_state_write(log->producers, &w);
    char path[DISK_PATH_MAX];
    segment_path(log->folder, log->end, SEGMENT_SNAPSHOT, path);
    int rc = writer_ok(&w) ? disk_replace_file(log->environment.disk, path, writer_slice(&w), error)
                           : error_set_status(error, -ENOMEM, "producer snapshot");
    writer_close(&w);
    if (rc == 0)
        log->snapshot_offset = log->end;
    return rc;
}

static int sync_now(struct log *log, struct error *error)
{
    struct log_sync *sync;
    int rc = log_sync_begin(log, true, &sync, error);
    if (rc != 0 || sync == NULL)
        return rc;
    log_sync_execute(sync);
    return log_sync_end(log, sync, error);
}

int log_flush_for_stop(struct log *log, int64_t now, struct error *error)
{
    int rc;
    if (log->offline)
        return error_set_status(error, FURROW_OFFLINE, "%s", log->folder);
    if ((rc = remove_remains(log, error)) != 0 || (rc = flush_indexes(log, error)) != 0 ||
        (rc = write_snapshot(log, now, error)) != 0)
        return error_wrap(error, rc, "%s", log->folder);
    return sync_now(log, error);
}
