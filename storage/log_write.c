/* Writing: what is decided on the loop.
 *
 * Happy path. begin walks the queue: each batch is checked against what its producer sent before, gets the next offset
 * and the leader epoch, stamped into its bytes, and an index entry where one is due. All of that happens to copies: the
 * head and the index tails in the write, the producers provisionally. The write covers one segment: where a batch wants
 * a new one, the run ends before it, and the next run begins with the roll. end puts the copies into the log.
 *
 * Failures. Nothing was changed in the log before the end, so a failed write is dropped: the offsets it had given are
 * given again. Bytes that it may have left behind the log's end are cut off by the job itself, or, where that failed
 * too, by the next write (tail_dirty). */
#include "log_mark.h"
#include "log_write_job.h"

/* ---- making and dropping ---- */

static struct log_write *make_write(struct log *log)
{
    struct memory *memory = log->environment.memory;
    if (log->tails == NULL) {
        log->tails = memory_alloc_zeroed(memory, MEMORY_LOGS, sizeof *log->tails);
        if (log->tails == NULL)
            return NULL;
    }
    struct log_write *write = memory_alloc_zeroed(memory, MEMORY_LOGS, sizeof *write);
    if (write == NULL)
        return NULL;
    write->disk = log->environment.disk;
    write->memory = memory;
    write->folder = log->folder;
    write->appends_tail = &write->appends;
    write->base_offset = log_last_segment(log)->base_offset;
    write->position = log_last_segment(log)->size;
    write->aborted = log_last_segment(log)->aborted;
    write->aborted_end = log->aborted_end;
    write->cut_first = log->tail_dirty;
    write->left_bytes = log->tail_dirty;
    write->stray_base = log->stray_base;
    write->head = log->head;
    write->tails = *log->tails;
    write->end = log->end;
    writer_init(&write->snapshot, memory, MEMORY_PRODUCERS, PRODUCER_SNAPSHOT_MAX_SIZE);
    for (int i = 0; i < INDEX_WRITES; i++)
        writer_init(&write->indexes[i].bytes, memory, MEMORY_LOGS, SEGMENT_MAX_BYTES);
    return write;
}

static void drop_write(struct log *log, struct log_write *write)
{
    log_handle_release(log, &write->log);
    for (int i = 0; i < INDEX_WRITES; i++) {
        log_handle_release(log, &write->indexes[i].handle);
        writer_close(&write->indexes[i].bytes);
    }
    writer_close(&write->snapshot);
    memory_free(write->memory, MEMORY_LOGS, write->parts, (size_t)write->part_capacity * sizeof *write->parts);
    memory_free(write->memory, MEMORY_LOGS, write, sizeof *write);
}

/* ---- begin ---- */

/* The epoch joins the log's epochs at once, while it can still be refused for want of memory; a failure takes it back.
 * A sync beside the write may save an epoch that has no batch yet: it begins at the log's end. */
static int prepare_epoch(struct log *log, struct log_write *write)
{
    int rc = epochs_append(&log->epochs, log->leader_epoch, log->end);
    if (rc < 0)
        return rc;
    write->new_epoch = rc > 0;
    log->epoch_changes += rc > 0;
    return 0;
}

static void take_epoch_back(struct log *log, struct log_write *write)
{
    if (write->new_epoch && epochs_cut_end(&log->epochs, log->end))
        log->epoch_changes++;
}

static void find_handles(struct log *log, struct log_write *write)
{
    log_handle_find(log, &write->log, write->base_offset, SEGMENT_LOG);
    for (int i = 0; i < INDEX_WRITES; i++) {
        struct log_index_write *index = &write->indexes[i];
        if (index->bytes.size > 0 || index->cut)
            log_handle_find(log, &index->handle, index->base_offset, index->part);
    }
}

/* Walks all of them, so not with every write. */
static void expire_producers(struct log *log, int64_t now)
{
    static const int64_t interval_ms = 60000;
    if (now >= log->expired_at && now - log->expired_at < interval_ms)
        return;
    log->expired_at = now;
    producer_state_expire(log->producers, now, log->environment.producer_expiry_ms);
}

int log_write_begin(struct log *log, struct log_append **queue, int64_t now, struct log_write **write,
                    struct log_append **done, struct error *error)
{
    *write = NULL;
    *done = NULL;
    if (log->offline)
        return error_set_status(error, FURROW_OFFLINE, "%s", log->folder);
    if (log->writing)
        return error_set_status(error, -EBUSY, "%s: write", log->folder);
    expire_producers(log, now);
    log_mark_note_begin(log);
    struct log_write *made = make_write(log);
    if (made == NULL)
        return error_set_status(error, -ENOMEM, "%s: write", log->folder);
    int rc = log_write_fill(log, made, queue, now);
    if (rc == 0 && made->size > 0)
        rc = prepare_epoch(log, made);
    if (rc != 0)
        goto err_rollback;
    if (made->size == 0) {
        *done = made->appends;
        producer_state_commit(log->producers);
        drop_write(log, made);
        return 0;
    }
    find_handles(log, made);
    log->writing = true;
    *write = made;
    return 0;

err_rollback:
    producer_state_rollback(log->producers);
    take_epoch_back(log, made);
    *made->appends_tail = *queue; /* back to the front of the queue, in order */
    *queue = made->appends;
    drop_write(log, made);
    return error_set_status(error, rc, "%s: write", log->folder);
}

int log_roll_begin(struct log *log, int64_t now, struct log_write **write, struct error *error)
{
    *write = NULL;
    if (log->offline)
        return error_set_status(error, FURROW_OFFLINE, "%s", log->folder);
    if (log->writing)
        return error_set_status(error, -EBUSY, "%s: roll", log->folder);
    if (log_last_segment(log)->size == 0)
        return 0;
    log_mark_note_begin(log);
    struct log_write *made = make_write(log);
    if (made == NULL)
        return error_set_status(error, -ENOMEM, "%s: roll", log->folder);
    producer_state_begin(log->producers);
    if (log_write_roll(log, made, now) != 0) {
        producer_state_rollback(log->producers);
        drop_write(log, made);
        return error_set_status(error, -ENOMEM, "%s: roll", log->folder);
    }
    find_handles(log, made);
    log->writing = true;
    *write = made;
    return 0;
}

/* ---- end ---- */

static void commit(struct log *log, struct log_write *write)
{
    log->tail_dirty = false;
    log->stray_base = -1;
    struct segment *segment = log_last_segment(log);
    if (write->rolled) {
        segment->largest_timestamp = log->head.largest.timestamp;
        segment = &log->segments[log->segment_count++];
        *segment = (struct segment){.base_offset = write->base_offset};
        log->snapshot_offset = write->base_offset;
        log->mark_position = 0;
        log->marks_off = false;
        log->folder_changes++;
    }
    segment->size = write->position + write->size;
    if (segment->aborted == 0 && write->aborted > 0)
        log->folder_changes++; /* the file is new */
    segment->aborted = write->aborted;
    segment->largest_timestamp = write->head.largest.timestamp;
    segment_note_verified(segment, write->position, segment->size);
    log->bytes += write->size;
    log->written_bytes += write->size;
    log->head = write->head;
    *log->tails = write->tails;
    log->end = write->end;
    log->aborted_end = write->aborted_end;
    producer_state_commit(log->producers);
    log_update_stable_end(log);
}

/* The new files are removed or will be: no handle may lead to them. */
static void forget_roll(struct log *log, struct log_write *write)
{
    static const enum segment_part parts[] = {SEGMENT_LOG, SEGMENT_OFFSET_INDEX, SEGMENT_TIME_INDEX,
                                              SEGMENT_TRANSACTION_INDEX};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && !log->abandoned; i++) {
        char path[DISK_PATH_MAX];
        segment_path(log->folder, write->base_offset, parts[i], path);
        file_cache_forget(log->environment.files, path);
    }
    log->folder_changes++;
    log->failed_rolls++;
    if (log->snapshot_offset == write->base_offset)
        log->snapshot_offset = write->base_offset - 1; /* an older one, or none: not this one any more */
}

static void roll_back(struct log *log, struct log_write *write)
{
    producer_state_rollback(log->producers);
    take_epoch_back(log, write);
    log->tail_dirty = write->left_bytes;
    if (write->executed)
        log->written_bytes += write->size; /* that they were cut off is to be synced too */
    log->stray_base = write->left_files ? write->base_offset : write->stray_base;
    if (write->rolled && write->executed)
        forget_roll(log, write);
    for (struct log_append *append = write->appends; append != NULL; append = append->next) {
        /* A duplicate of a batch in this write fails with it. */
        bool failed_with = append->status == FURROW_DUPLICATE_SEQUENCE && append->base_offset >= log->end;
        if (append->status == 0 || failed_with) {
            append->status = write->status;
            append->base_offset = -1;
        }
    }
}

/* The handles go to the cache. One that it has no room for is closed; with unsynced bytes that would lose the news of
 * an error, so the write counts as failed then. */
static void keep_handles(struct log *log, struct log_write *write)
{
    for (int i = 0; i < INDEX_WRITES; i++)
        log_handle_pin(log, &write->indexes[i].handle, write->indexes[i].base_offset, write->indexes[i].part);
    if (write->log.file == NULL)
        return;
    if (log_handle_pin(log, &write->log, write->base_offset, SEGMENT_LOG) == 0) {
        file_cache_mark_dirty(write->log.pinned);
    } else if (write->status == 0) {
        write->status = error_set_status(&write->error, -ENOMEM, "file cache");
        write->left_bytes = true;
    }
}

struct log_append *log_write_end(struct log *log, struct log_write *write, struct error *error)
{
    struct log_append *appends = write->appends;
    if (!write->executed)
        write->status = error_set_status(&write->error, -ECANCELED, "write");
    keep_handles(log, write);
    if (write->status == 0)
        commit(log, write);
    else
        roll_back(log, write);
    if (write->status != 0 && error != NULL) {
        *error = write->error;
        error_wrap(error, write->status, "%s", log->folder);
    }
    log->writing = false;
    drop_write(log, write);
    return appends;
}
