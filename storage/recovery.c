/* Recovery: after an unclean stop nothing behind the recovery point is believed.
 *
 * The segments from the one that ends at or behind the recovery point on are walked batch by batch. What lies before
 * the recovery point was synced and is stepped over by its headers; what lies past it is checked by CRC and must follow
 * without a hole. In a segment behind which another one stands holes are legal, for it may have been compacted, and
 * nothing is ever left in it of a write that failed; between segments they are up to the recovery point. At the first
 * batch that is not right the log ends: the segment is cut there, and the segments behind are set aside (renamed,
 * removed by the next start). Their names must not come back, so the next sync covers the folder.
 *
 * The walk also makes the indexes of these segments again and notes the producers' batches behind the newest snapshot
 * and the epochs that the checkpoint lacks. Snapshots are made at each roll; where one cannot be read, the one before
 * it is taken and the headers in between are walked; what could not be read, or may be torn, is made again.
 *
 * Indexes of segments before are kept when they look right: there, with a last entry inside the segment and none
 * missing behind it. */
#include "recovery_walk.h"

/* ---- segments behind a cut ---- */

static int set_aside_from(struct recovery_walk *w, uint32_t first)
{
    struct log *log = w->log;
    while (log->segment_count > first) {
        const struct segment *segment = log_last_segment(log);
        int rc = log_set_segment_aside(log->environment.disk, log->folder, segment->base_offset, w->error);
        if (rc != 0)
            return rc;
        log->folder_changes++;
        log->bytes -= segment->size;
        log->segment_count--;
        w->recovery->segments_cut++;
    }
    return 0;
}

/* ---- segments before the recovery point ---- */

/* Whether an index entry is missing between the last one and the end. */
static int is_short(struct recovery_walk *w, const struct segment *segment, const struct offset_index *index, bool *is)
{
    struct log *log = w->log;
    struct log_handle handle = {0};
    struct segment_scan scan;
    *is = false;
    if (segment->size - index->last.position <= (uint32_t)log->config.index_interval_bytes)
        return 0;
    int rc = log_handle_open(&handle, log->environment.disk, log->folder, segment->base_offset, SEGMENT_LOG, FILE_READ,
                             w->error);
    if (rc != 0)
        return rc;
    rc = segment_scan_open(&scan, log->environment.memory, handle.file, segment->size, SEGMENT_SCAN_HEADERS, w->error);
    if (rc == 0) {
        struct segment_batch batch;
        uint32_t since = 0;
        segment_scan_seek(&scan, index->last.position, segment->base_offset, INT64_MAX);
        while (!*is && (rc = segment_scan_next(&scan, &batch, w->error)) == 1) {
            *is = since > (uint32_t)log->config.index_interval_bytes;
            since += (uint32_t)batch_size(&batch.header);
        }
        if (rc > 0 || rc == FURROW_CORRUPT)
            rc = 0;
        segment_scan_close(&scan);
    }
    file_close(handle.file);
    return rc;
}

/* 1: both look right; 0: rebuild. */
static int indexes_look_right(struct recovery_walk *w, uint32_t i)
{
    struct log *log = w->log;
    const struct segment *segment = &log->segments[i];
    int64_t end_offset = log_segment_end_offset(log, i);
    struct offset_index index;
    struct time_index times;
    struct log_handle handle = {0};
    int rc = log_handle_open(&handle, log->environment.disk, log->folder, segment->base_offset, SEGMENT_OFFSET_INDEX,
                             FILE_READ, w->error);
    if (rc == 0) {
        rc = offset_index_load(&index, handle.file, segment->base_offset, w->error);
        file_close(handle.file);
    }
    handle = (struct log_handle){0};
    if (rc == 0)
        rc = log_handle_open(&handle, log->environment.disk, log->folder, segment->base_offset, SEGMENT_TIME_INDEX,
                             FILE_READ, w->error);
    if (rc == 0) {
        rc = time_index_load(&times, handle.file, segment->base_offset, w->error);
        file_close(handle.file);
    }
    if (rc == FURROW_CORRUPT || rc == -ENOENT)
        return 0;
    if (rc != 0)
        return rc;
    if (index.last.offset >= end_offset || times.last.offset >= end_offset || index.last.position >= segment->size ||
        times.entries == 0)
        return 0;
    bool is;
    rc = is_short(w, segment, &index, &is);
    return rc != 0 ? rc : !is;
}

static int check_indexes(struct recovery_walk *w, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct log_head head;
        int rc = indexes_look_right(w, i);
        bool are_missing = rc == 0;
        if (are_missing) {
            w->recovery->indexes_rebuilt += 2;
            rc = recovery_walk_segment(w, i, INT64_MAX, &head);
        }
        if (rc >= 0)
            rc = recovery_aborted_check(w, i, are_missing);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- all of it ---- */

/* The snapshot before a segment that follows one that was walked: it was torn, or may be. Who trims what lies before it
 * relies on it. */
static int save_producers(struct recovery_walk *w, int64_t base_offset)
{
    struct log *log = w->log;
    char path[DISK_PATH_MAX];
    writer snapshot;
    segment_path(log->folder, base_offset, SEGMENT_SNAPSHOT, path);
    writer_init(&snapshot, log->environment.memory, MEMORY_PRODUCERS, PRODUCER_SNAPSHOT_MAX_SIZE);
    producer_state_write(log->producers, &snapshot);
    int rc = writer_ok(&snapshot)
                 ? disk_replace_file_unsynced(log->environment.disk, path, writer_slice(&snapshot), w->error)
                 : error_set_status(w->error, -ENOMEM, "producer snapshot");
    writer_close(&snapshot);
    return rc;
}

/* Brings the producers from the snapshot to the first segment that is walked for its own sake. */
static int replay(struct recovery_walk *w, uint32_t first, uint32_t last)
{
    for (uint32_t i = first; i < last; i++) {
        struct log_head head;
        int rc = recovery_walk_segment(w, i, INT64_MAX, &head);
        if (rc == 0)
            rc = save_producers(w, log_segment_end_offset(w->log, i));
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int walk_from(struct recovery_walk *w, uint32_t first)
{
    struct log *log = w->log;
    w->end = log->segments[first].base_offset;
    for (uint32_t i = first; i < log->segment_count; i++) {
        int64_t base_offset = log->segments[i].base_offset;
        if (w->end < base_offset && base_offset <= w->recovery_point)
            w->end = base_offset;
        if (base_offset == w->end && i > first) {
            int rc = save_producers(w, base_offset);
            if (rc != 0)
                return rc;
        }
        if (base_offset != w->end) {
            error_set(w->error, FURROW_CORRUPT, "offset %" PRId64 " should come first", w->end);
            recovery_note_cut(w, base_offset);
            return set_aside_from(w, i);
        }
        int rc = recovery_walk_segment(w, i, w->recovery_point, &log->head);
        if (rc != 0)
            return rc;
        if (w->cut)
            return set_aside_from(w, i + 1);
    }
    return 0;
}

/* Without a checkpoint, as in a folder that was copied in, only garbage is told from an epoch. */
static int32_t largest_epoch(const struct log *log, const struct log_opening *opening)
{
    static const int32_t plausible = 1 << 24;
    int32_t latest = epochs_latest(&log->epochs);
    if (latest < 0)
        return opening->leader_epoch > plausible ? opening->leader_epoch : plausible;
    return opening->leader_epoch > latest ? opening->leader_epoch : latest;
}

int log_recover(struct log *log, const struct log_folder *found, const struct log_opening *opening,
                struct log_recovery *recovery, struct error *error)
{
    struct error words = {0}; /* the report wants them even when the caller does not */
    struct recovery_walk w = {.log = log, .found = found, .recovery = recovery, .error = &words, .now = opening->now};
    int64_t lowest = log->segments[0].base_offset;
    epochs_init(&w.seen, log->environment.memory);
    w.largest_epoch = largest_epoch(log, opening);
    w.recovery_point = opening->recovery_point > lowest ? opening->recovery_point : lowest;
    /* A segment that ends at the recovery point may have been rolled since: its indexes were not synced then. */
    uint32_t first = log_find_segment(log, w.recovery_point - 1);
    int rc = log_load_snapshot(log, found, w.recovery_point, opening->now, &words);
    w.replay_from = log->snapshot_offset;
    w.end = lowest;
    uint32_t replay_first = log->snapshot_offset >= 0 ? log_find_segment(log, log->snapshot_offset) : 0;
    if (rc == 0)
        rc = check_indexes(&w, replay_first < first ? replay_first : first);
    if (rc == 0)
        rc = replay(&w, replay_first, first);
    if (rc == 0)
        rc = walk_from(&w, first);
    if (rc == 0 && w.end < log->start) {
        /* What is left lies below the start: its offsets may not be given again. */
        rc = set_aside_from(&w, 0);
        if (rc == 0)
            rc = log_add_segment(log, log->start, &words);
        if (rc == 0)
            log_head_init(&log->head, log->start, opening->now);
        w.end = log->start;
        first = 0;
    }
    if (rc == 0)
        rc = recovery_take_seen_epochs(&w);
    epochs_close(&w.seen);
    if (rc == 0 && recovery->segments_cut > 0)
        rc = disk_sync_folder(log->environment.disk, log->folder, &words);
    if (rc != 0) {
        if (error != NULL)
            *error = words;
        return error_wrap(error, rc, "recovery");
    }
    log->indexes_made = true;
    log->sync_alone = true;
    log->folder_changes++; /* names that were made before a crash of the process alone may not be synced */
    log->end = w.end;
    log->synced_end = w.recovery_point < log->end ? w.recovery_point : log->end;
    log->unsynced_base = log->segments[first].base_offset;
    for (uint32_t i = first; i < log->segment_count; i++)
        log->written_bytes += log->segments[i].size; /* some of it is synced; which is not known */
    producer_state_expire(log->producers, opening->now, log->environment.producer_expiry_ms);
    if (log->aborted_end > log->end)
        log->aborted_end = log->end;
    return 0;
}
