/* Marks, which keep recovery short in a large segment.
 *
 * A mark is a producer snapshot at an offset inside the last segment. That it is there says that the segment's indexes
 * up to it are on the disk too: they are flushed and synced before the snapshot is written. An unclean start then goes
 * on from the mark before the recovery point (recovery_resume.c) and not from the segment's first batch.
 *
 * A background sync makes one when enough was appended since the last. The snapshot must not hold what a write under
 * way has noted provisionally: while there is one, the next write's begin takes the snapshot, and the sync after it
 * uses it.
 *
 * A roll at the mark's offset makes a snapshot of the same name, and removes it when it fails. So a mark that was under
 * way then counts as not made, and none is begun while files of a failed roll are still to be removed.
 *
 * Marks are worth nothing to anyone but recovery: one that cannot be made is left out. After a failed sync of an index
 * nothing may be said about the segment's indexes, so there are no more marks until the next roll. */
#include "log_mark.h"

static uint32_t position_now(struct log *log)
{
    return log_last_segment(log)->size;
}

bool log_mark_is_due(const struct log *log)
{
    uint32_t every = log->environment.mark_bytes != 0 ? log->environment.mark_bytes : LOG_MARK_BYTES;
    const struct segment *last = &log->segments[log->segment_count - 1];
    return !log->marks_off && log->stray_base < 0 && last->size >= log->mark_position &&
           last->size - log->mark_position >= every && log->end > last->base_offset;
}

static struct log_mark *make_mark(struct log *log)
{
    struct memory *memory = log->environment.memory;
    struct log_mark *mark = memory_alloc_zeroed(memory, MEMORY_LOGS, sizeof *mark);
    if (mark == NULL)
        return NULL;
    mark->memory = memory;
    mark->offset = log->end;
    mark->position = position_now(log);
    mark->failed_rolls = log->failed_rolls;
    writer_init(&mark->snapshot, memory, MEMORY_PRODUCERS, PRODUCER_SNAPSHOT_MAX_SIZE);
    producer_state_write(log->producers, &mark->snapshot);
    if (writer_ok(&mark->snapshot))
        return mark;
    log_mark_drop(mark);
    return NULL;
}

void log_mark_note_begin(struct log *log)
{
    if (!log->mark_wanted || log->pending_mark != NULL)
        return;
    log->pending_mark = make_mark(log);
    log->mark_wanted = log->pending_mark == NULL;
}

struct log_mark *log_mark_prepare(struct log *log)
{
    struct log_mark *mark = log->pending_mark;
    log->pending_mark = NULL;
    if (mark != NULL && mark->offset <= log_last_segment(log)->base_offset) {
        log_mark_drop(mark); /* rolled since: there is a snapshot at the new base */
        mark = NULL;
    }
    if (mark == NULL && log_mark_is_due(log)) {
        if (log->writing)
            log->mark_wanted = true;
        else
            mark = make_mark(log);
    }
    if (mark == NULL)
        return NULL;
    mark->base_offset = log_last_segment(log)->base_offset;
    mark->has_aborted = log_last_segment(log)->aborted > 0;
    mark->replaces = log->snapshot_offset > mark->base_offset ? log->snapshot_offset : -1;
    mark->index_at = offset_index_file_bytes(&log->head.index);
    mark->times_at = time_index_file_bytes(&log->head.times);
    if (log->tails != NULL) {
        mark->index_size = offset_index_encode(&log->tails->index, mark->index);
        mark->times_size = time_index_encode(&log->tails->times, mark->times);
    }
    return mark;
}

static int save_index(struct log_mark *mark, struct disk *disk, const char *folder, enum segment_part part,
                      uint8_t *bytes, size_t size, uint64_t position)
{
    struct log_handle handle = {0};
    struct iovec all = {bytes, size};
    int rc = log_handle_open(&handle, disk, folder, mark->base_offset, part, FILE_CREATE, NULL);
    if (rc != 0)
        return rc;
    if (size > 0)
        rc = file_write(handle.file, &all, 1, position, NULL);
    if (rc == 0) {
        rc = file_sync(handle.file, NULL);
        mark->lost |= rc != 0;
    }
    file_close(handle.file);
    return rc;
}

void log_mark_run(struct log_mark *mark, struct disk *disk, const char *folder)
{
    char path[DISK_PATH_MAX];
    int rc = save_index(mark, disk, folder, SEGMENT_OFFSET_INDEX, mark->index, mark->index_size, mark->index_at);
    if (rc == 0)
        rc = save_index(mark, disk, folder, SEGMENT_TIME_INDEX, mark->times, mark->times_size, mark->times_at);
    if (rc == 0 && mark->has_aborted)
        rc = save_index(mark, disk, folder, SEGMENT_TRANSACTION_INDEX, NULL, 0, 0);
    segment_path(folder, mark->offset, SEGMENT_SNAPSHOT, path);
    if (rc == 0)
        rc = disk_replace_file(disk, path, writer_slice(&mark->snapshot), NULL);
    mark->made = rc == 0;
    if (!mark->made || mark->replaces < 0 || mark->replaces == mark->offset)
        return;
    segment_path(folder, mark->replaces, SEGMENT_SNAPSHOT, path);
    rc = disk_remove_file(disk, path, NULL);
    (void)rc; /* what stays is removed by the next start */
}

void log_mark_finish(struct log *log, const struct log_mark *mark)
{
    bool same_segment = log_last_segment(log)->base_offset == mark->base_offset;
    if (mark->lost && same_segment)
        log->marks_off = true;
    if (!mark->made || !same_segment || mark->failed_rolls != log->failed_rolls)
        return;
    log->snapshot_offset = mark->offset;
    log->mark_position = mark->position;
    if (log->writing || log->tails == NULL || offset_index_file_bytes(&log->head.index) != mark->index_at ||
        time_index_file_bytes(&log->head.times) != mark->times_at)
        return; /* the entries are written once more, to the same place */
    offset_index_flushed(&log->head.index, &log->tails->index, (uint32_t)(mark->index_size / OFFSET_INDEX_ENTRY_SIZE));
    time_index_flushed(&log->head.times, &log->tails->times, (uint32_t)(mark->times_size / TIME_INDEX_ENTRY_SIZE));
}

void log_mark_drop(struct log_mark *mark)
{
    if (mark == NULL)
        return;
    writer_close(&mark->snapshot);
    memory_free(mark->memory, MEMORY_LOGS, mark, sizeof *mark);
}
