/* Syncing. Everything that is not on the disk for certain is one range of segments, from unsynced_base to the last; the
 * names made in the folder; and the leader epochs, which must be in their checkpoint before a batch of theirs counts as
 * synced, or a power cut could leave the batch and forget that the epoch has begun.
 *
 * A segment that another one stands behind gets no more bytes: its indexes and the producer snapshot that closes it are
 * synced with it, so that all of a segment below the recovery point can be trusted.
 *
 * A sync may run beside a write: it promises what was written before it began. The kernel tells of a failed sync once,
 * so the syncs of one log run one after the other and share the bad news. That need not be the order in which they were
 * begun: epochs that are older than those on the disk are not written any more. */
#include "log_mark.h"

#include <stdatomic.h>
#include <stdio.h>

struct log_sync_file {
    int64_t base_offset;
    int64_t next_base; /* of the segment behind it, -1 for the last: those behind which another one stands are complete,
                        * and their indexes and the snapshot are synced too */
    bool has_aborted;
    struct log_handle log;
};

struct log_sync {
    struct disk *disk;
    const char *folder;
    struct log_sync_file *files;
    uint32_t file_count;
    writer epochs; /* the checkpoint's text; empty: nothing to write */
    int64_t end;   /* what is synced then */
    uint64_t written_bytes;
    uint64_t folder_changes;
    uint64_t epoch_changes;
    bool sync_folder;
    bool alone; /* also when all is synced at once */
    bool executed;
    bool *any_lost;                /* the log's sync_lost */
    uint64_t *epochs_saved;        /* likewise */
    const _Atomic bool *abandoned; /* likewise */
    struct log_mark *mark;         /* NULL: none is made */
    bool lost;                     /* a sync failed, so nothing may be believed of what it covered */
    int status;
    struct error error;
};

static int prepare_files(struct log *log, struct log_sync *sync)
{
    uint32_t first = log_find_segment(log, log->unsynced_base);
    uint32_t count = log->segment_count - first;
    sync->files = memory_alloc_zeroed(log->environment.memory, MEMORY_LOGS, count * sizeof *sync->files);
    if (sync->files == NULL)
        return -ENOMEM;
    sync->file_count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct log_sync_file *file = &sync->files[i];
        file->base_offset = log->segments[first + i].base_offset;
        file->has_aborted = log->segments[first + i].aborted > 0;
        file->next_base = first + i + 1 < log->segment_count ? log->segments[first + i + 1].base_offset : -1;
        log_handle_find(log, &file->log, file->base_offset, SEGMENT_LOG);
    }
    return 0;
}

/* Of everything up to the log's end. */
static int prepare(struct log *log, struct log_sync *sync)
{
    struct memory *memory = log->environment.memory;
    *sync = (struct log_sync){.disk = log->environment.disk,
                              .any_lost = &log->sync_lost,
                              .epochs_saved = &log->epochs_saved,
                              .abandoned = &log->abandoned,
                              .folder = log->folder,
                              .end = log->end,
                              .written_bytes = log->written_bytes,
                              .folder_changes = log->folder_changes,
                              .epoch_changes = log->epoch_changes,
                              .sync_folder = log->folder_changes != log->folder_synced,
                              .alone = log->sync_alone};
    writer_init(&sync->epochs, memory, MEMORY_LOGS, CHECKPOINT_LIMIT);
    if (log->epoch_changes != log->epochs_written) {
        epochs_write(&log->epochs, &sync->epochs);
        if (!writer_ok(&sync->epochs))
            goto err_close;
    }
    if (prepare_files(log, sync) != 0)
        goto err_close;
    return 0;

err_close:
    writer_close(&sync->epochs);
    return -ENOMEM;
}

/* Indexes and snapshot of a segment that is complete. They may be missing: then recovery makes them again. */
static int sync_part(struct log_sync *sync, int64_t base_offset, enum segment_part part)
{
    struct log_handle handle = {0};
    int rc = log_handle_open(&handle, sync->disk, sync->folder, base_offset, part, FILE_READ_WRITE, &sync->error);
    if (rc != 0)
        return rc == -ENOENT ? 0 : rc;
    rc = file_sync(handle.file, &sync->error);
    file_close(handle.file);
    if (rc != 0)
        sync->lost = true;
    return rc;
}

static int sync_segment(struct log_sync *sync, struct log_sync_file *file)
{
    if (file->log.file == NULL)
        return 0;
    int rc = file_sync(file->log.file, &sync->error);
    if (rc != 0) {
        sync->lost = true;
        return rc;
    }
    if (file->next_base < 0)
        return 0;
    if ((rc = sync_part(sync, file->base_offset, SEGMENT_OFFSET_INDEX)) != 0 ||
        (rc = sync_part(sync, file->base_offset, SEGMENT_TIME_INDEX)) != 0 ||
        (file->has_aborted && (rc = sync_part(sync, file->base_offset, SEGMENT_TRANSACTION_INDEX)) != 0))
        return rc;
    return sync_part(sync, file->next_base, SEGMENT_SNAPSHOT);
}

static int write_epochs(struct log_sync *sync)
{
    if (sync->epochs.size == 0 || sync->epoch_changes < *sync->epochs_saved)
        return 0;
    char path[DISK_PATH_MAX];
    snprintf(path, sizeof path, "%s/" LOG_EPOCHS_FILE, sync->folder);
    int rc = disk_replace_file(sync->disk, path, writer_slice(&sync->epochs), &sync->error);
    if (rc == 0)
        *sync->epochs_saved = sync->epoch_changes;
    return rc;
}

/* A sync that succeeds after one that failed proves nothing. */
static void share_loss(struct log_sync *sync)
{
    if (sync->lost)
        *sync->any_lost = true;
    else if (sync->status == 0 && *sync->any_lost) {
        sync->lost = true;
        sync->status = error_set(&sync->error, -EIO, "an earlier sync has failed");
    }
}

/* What can fail without a loss comes first. When the log is abandoned, another one may have the folder's name, in which
 * neither epochs nor a mark of this one may be put. */
static void start_run(struct log_sync *sync)
{
    sync->executed = true;
    if (atomic_load(sync->abandoned))
        sync->status = error_set_status(&sync->error, FURROW_OFFLINE, "sync");
    for (uint32_t i = 0; i < sync->file_count && sync->status == 0; i++) {
        struct log_sync_file *file = &sync->files[i];
        int rc = log_handle_open(&file->log, sync->disk, sync->folder, file->base_offset, SEGMENT_LOG, FILE_READ_WRITE,
                                 &sync->error);
        bool is_trimmed = rc == -ENOENT && file->next_base >= 0; /* since the sync began */
        sync->status = is_trimmed ? 0 : rc;
    }
    if (sync->status == 0)
        sync->status = write_epochs(sync);
}

static void sync_files(struct log_sync *sync)
{
    for (uint32_t i = 0; i < sync->file_count && sync->status == 0; i++)
        sync->status = sync_segment(sync, &sync->files[i]);
    if (sync->status == 0 && sync->sync_folder) {
        sync->status = disk_sync_folder(sync->disk, sync->folder, &sync->error);
        sync->lost = sync->status != 0;
    }
}

static void end_run(struct log_sync *sync)
{
    share_loss(sync);
    if (sync->status == 0 && sync->mark != NULL)
        log_mark_run(sync->mark, sync->disk, sync->folder);
}

void log_sync_execute(struct log_sync *sync)
{
    start_run(sync);
    sync_files(sync);
    end_run(sync);
}

bool log_sync_can_join(const struct log_sync *sync)
{
    return disk_can_sync_all(sync->disk);
}

/* Of one log there may be several among them. */
void log_sync_execute_together(struct log_sync *const *syncs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        start_run(syncs[i]);
    bool all_synced = count != 0 && disk_sync_all(syncs[0]->disk, NULL) == 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!all_synced || syncs[i]->alone)
            sync_files(syncs[i]);
        end_run(syncs[i]);
    }
}

uint32_t log_sync_pauses(const struct log_sync *sync)
{
    uint32_t pauses = sync->sync_folder;
    for (uint32_t i = 0; i < sync->file_count; i++)
        pauses += sync->files[i].next_base < 0 ? 1 : 4U + sync->files[i].has_aborted; /* with indexes and a snapshot */
    return pauses;
}

static void finish(struct log *log, struct log_sync *sync)
{
    if (sync->lost)
        log->offline = true;
    if (sync->status != 0)
        return;
    if (sync->mark != NULL)
        log_mark_finish(log, sync->mark);
    log->sync_alone = false;
    if (sync->end > log->synced_end)
        log->synced_end = sync->end;
    if (sync->written_bytes > log->synced_bytes)
        log->synced_bytes = sync->written_bytes;
    if (sync->folder_changes > log->folder_synced)
        log->folder_synced = sync->folder_changes;
    if (sync->epoch_changes > log->epochs_written)
        log->epochs_written = sync->epoch_changes;
    int64_t last = sync->files[sync->file_count - 1].base_offset;
    if (last > log->unsynced_base)
        log->unsynced_base = last;
    if (log->synced_bytes != log->written_bytes)
        return; /* something was written meanwhile: the last segment's handle is dirty again */
    for (uint32_t i = 0; i < sync->file_count; i++) {
        if (sync->files[i].log.pinned != NULL)
            file_cache_mark_synced(sync->files[i].log.pinned);
    }
}

static void drop(struct log *log, struct log_sync *sync)
{
    for (uint32_t i = 0; i < sync->file_count; i++)
        log_handle_release(log, &sync->files[i].log);
    memory_free(log->environment.memory, MEMORY_LOGS, sync->files, sync->file_count * sizeof *sync->files);
    writer_close(&sync->epochs);
    log_mark_drop(sync->mark);
    memory_free(log->environment.memory, MEMORY_LOGS, sync, sizeof *sync);
}

static bool needs_sync(const struct log *log)
{
    return log->synced_end != log->end || log->written_bytes != log->synced_bytes ||
           log->folder_changes != log->folder_synced || log->epoch_changes != log->epochs_written ||
           log->unsynced_base != log->segments[log->segment_count - 1].base_offset;
}

int log_sync_begin(struct log *log, bool mark, struct log_sync **sync, struct error *error)
{
    *sync = NULL;
    if (log->offline)
        return error_set_status(error, FURROW_OFFLINE, "%s", log->folder);
    if (!needs_sync(log) && !(mark && log_mark_is_due(log)))
        return 0;
    struct log_sync *made = memory_alloc(log->environment.memory, MEMORY_LOGS, sizeof *made);
    if (made == NULL)
        return error_set_status(error, -ENOMEM, "%s: sync", log->folder);
    if (prepare(log, made) != 0) {
        memory_free(log->environment.memory, MEMORY_LOGS, made, sizeof *made);
        return error_set_status(error, -ENOMEM, "%s: sync", log->folder);
    }
    made->mark = mark ? log_mark_prepare(log) : NULL;
    *sync = made;
    return 0;
}

int log_sync_end(struct log *log, struct log_sync *sync, struct error *error)
{
    int rc = sync->executed ? sync->status : -ECANCELED;
    if (sync->executed) {
        for (uint32_t i = 0; i < sync->file_count; i++)
            log_handle_pin(log, &sync->files[i].log, sync->files[i].base_offset, SEGMENT_LOG);
        finish(log, sync);
    } else {
        error_set_status(&sync->error, rc, "sync");
    }
    if (rc != 0 && error != NULL) {
        *error = sync->error;
        error_wrap(error, rc, "%s", log->folder);
    }
    drop(log, sync);
    return rc;
}
