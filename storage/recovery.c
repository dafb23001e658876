/* Recovery: after an unclean stop nothing behind the recovery point is believed.
 *
 * The segments from the one that ends at or behind the recovery point on are walked batch by batch. What lies before
 * the recovery point was synced and is stepped over by its headers; what lies past it is checked by CRC and must follow
 * without a hole, for nothing past the recovery point has been compacted. At the first batch that is not right the log
 * ends: the segment is cut there, and the segments behind are set aside (renamed, removed by the next start). Their
 * names must not come back, so the next sync covers the folder.
 *
 * The walk also makes the indexes of these segments again and notes the producers' batches behind the newest snapshot
 * and the epochs that the checkpoint lacks. Snapshots are made at each roll; where one cannot be read, the one before
 * it is taken and the headers in between are walked.
 *
 * Indexes of segments before are kept when they look right: there, with a last entry inside the segment and none
 * missing behind it. */
#include "log_private.h"

#include <stdio.h>

struct walk {
    struct log *log;
    struct log_recovery *recovery;
    struct error *error;
    int64_t recovery_point;
    int64_t replay_from; /* producers' batches from here on are not in the snapshot */
    int64_t now;
    int64_t end; /* offset behind the last batch that is right */
    bool cut;
    struct epochs seen; /* that the checkpoint lacks */

    /* Of the segment that is walked */
    int64_t trusted_to;    /* batches that end before this offset are not checked, and nothing is cut before it */
    uint32_t checked_from; /* position of the first batch whose CRC was looked at; UINT32_MAX: none */
};

/* ---- one segment ---- */

static int flush_head(struct walk *w, struct log_head *head, struct log_tails *tails)
{
    return log_head_flush(head, tails, w->log->environment.disk, w->log->folder, false, w->error);
}

static int note_producer(struct walk *w, struct segment_scan *scan, const struct segment_batch *batch)
{
    const struct batch_header *header = &batch->header;
    if (header->base_offset < w->replay_from || !batch_has_producer(header))
        return 0;
    uint8_t *bytes = NULL;
    if (batch_is_control(header)) {
        int rc = segment_scan_load(scan, batch, &bytes, w->error);
        if (rc != 0)
            return rc;
    }
    int64_t timestamp = header->max_timestamp;
    int rc = log_note_producer(w->log->producers, header, slice_of(bytes, batch_size(header)), timestamp);
    memory_free(w->log->environment.memory, MEMORY_LOGS, bytes, batch_size(header));
    return rc;
}

/* What the checkpoint says of the offset; -1: nothing. */
static int32_t epoch_at(const struct epochs *epochs, int64_t offset)
{
    for (uint32_t i = epochs->count; i-- > 0;) {
        if (epochs->starts[i].start_offset <= offset)
            return epochs->starts[i].epoch;
    }
    return -1;
}

static int note_epoch(struct walk *w, const struct batch_header *header)
{
    int32_t epoch = header->leader_epoch;
    if (epoch < 0 || epoch <= epochs_latest(&w->seen) || epoch <= epoch_at(&w->log->epochs, header->base_offset))
        return 0;
    int rc = epochs_append(&w->seen, epoch, header->base_offset);
    return rc < 0 ? rc : 0;
}

/* Epochs whose batches were synced later than the checkpoint. */
static int take_seen_epochs(struct walk *w)
{
    for (uint32_t i = 0; i < w->seen.count; i++) {
        int rc = epochs_append(&w->log->epochs, w->seen.starts[i].epoch, w->seen.starts[i].start_offset);
        if (rc < 0)
            return rc;
        w->log->epoch_changes += rc > 0;
    }
    return 0;
}

/* FURROW_CORRUPT: the log ends before this batch. */
static int judge_batch(struct walk *w, struct segment_scan *scan, const struct segment_batch *batch)
{
    const struct batch_header *header = &batch->header;
    if (batch_last_offset(header) < w->trusted_to)
        return 0;
    int64_t expected = w->end > w->trusted_to ? w->end : w->trusted_to;
    if (header->base_offset > expected)
        return error_set(w->error, FURROW_CORRUPT,
                         "position %" PRIu32 ": offsets %" PRId64 " to %" PRId64 " are missing", batch->position,
                         expected, header->base_offset - 1);
    /* An epoch stands in the checkpoint before its first batch is synced: what is older is left of a write that failed.
     */
    if (header->leader_epoch < epoch_at(&w->log->epochs, header->base_offset))
        return error_set(w->error, FURROW_CORRUPT, "position %" PRIu32 ": epoch %" PRId32 " is over", batch->position,
                         header->leader_epoch);
    if (w->checked_from == UINT32_MAX)
        w->checked_from = batch->position;
    return segment_scan_check(scan, batch, w->error);
}

/* *tails is empty again when a flush was needed. */
static int take_batch(struct walk *w, struct segment_scan *scan, const struct segment_batch *batch,
                      struct log_head *head, struct log_tails *tails)
{
    int rc = judge_batch(w, scan, batch);
    if (rc != 0)
        return rc;
    if (log_head_wants_flush(tails) && (rc = flush_head(w, head, tails)) != 0)
        return rc;
    log_head_note(head, tails, w->log->config.index_interval_bytes, &batch->header, batch->position);
    w->end = batch_last_offset(&batch->header) + 1;
    if ((rc = note_producer(w, scan, batch)) != 0)
        return rc;
    return note_epoch(w, &batch->header);
}

/* *end: position behind the last batch that is right. FURROW_CORRUPT with words when something follows. */
static int walk_batches(struct walk *w, struct segment_scan *scan, struct log_head *head, struct log_tails *tails,
                        uint32_t *end)
{
    struct segment_batch batch;
    int rc;
    while ((rc = segment_scan_next(scan, &batch, w->error)) == 1) {
        rc = take_batch(w, scan, &batch, head, tails);
        if (rc != 0) {
            segment_scan_seek(scan, batch.position, w->end, INT64_MAX);
            break;
        }
        *end = scan->position;
    }
    return rc;
}

/* As walk_batches, but what is wrong in the trusted part is stepped over: reads will tell. */
static int walk_on(struct walk *w, struct segment_scan *scan, struct log_head *head, struct log_tails *tails,
                   uint32_t *end)
{
    for (;;) {
        int rc = walk_batches(w, scan, head, tails, end);
        if (rc != FURROW_CORRUPT || w->end >= w->trusted_to)
            return rc;
        if (segment_scan_find(scan, scan->end, w->trusted_to)) {
            segment_scan_seek(scan, scan->position, scan->next_offset, INT64_MAX);
            continue;
        }
        return w->trusted_to == INT64_MAX ? 0 : rc;
    }
}

static void note_cut(struct walk *w, int64_t base_offset)
{
    if (!w->cut) {
        w->recovery->cut_offset = w->end;
        snprintf(w->recovery->reason, sizeof w->recovery->reason, "segment %" PRId64 ": %s", base_offset,
                 w->error != NULL ? w->error->message : "");
    }
    w->cut = true;
}

static int cut_segment(struct walk *w, struct segment *segment, struct file *file, uint32_t end)
{
    note_cut(w, segment->base_offset);
    int rc = file_truncate(file, end, w->error);
    if (rc == 0)
        rc = file_sync(file, w->error); /* or the next power cut could bring back what was cut */
    if (rc != 0)
        return rc;
    w->recovery->bytes_cut += segment->size - end;
    w->log->bytes -= segment->size - end;
    segment->size = end;
    return 0;
}

/* Where the walk of a segment starts: at the mark, when there is one in it, else at the first batch. Sets *end to that
 * position, and *from_start. */
static int start_walk(struct walk *w, uint32_t i, struct segment_scan *scan, struct log_head *head, uint32_t *end,
                      bool *from_start)
{
    struct log *log = w->log;
    const struct segment *segment = &log->segments[i];
    int64_t mark = log->snapshot_offset;
    bool is_in_it = mark > segment->base_offset && mark <= w->trusted_to &&
                    (i + 1 == log->segment_count || mark < log->segments[i + 1].base_offset);
    int64_t next_offset = segment->base_offset;
    int rc = 0;
    log_head_init(head, segment->base_offset, w->now);
    if (is_in_it)
        rc = log_resume_head(log, segment, mark, scan, head, &next_offset, w->error);
    if (rc < 0)
        return rc;
    *from_start = rc == 0;
    if (*from_start) {
        log_head_init(head, segment->base_offset, w->now);
        next_offset = segment->base_offset;
    }
    *end = *from_start ? 0 : head->index.last.position;
    segment_scan_seek(scan, *end, next_offset, INT64_MAX);
    if (w->end < next_offset)
        w->end = next_offset;
    return 0;
}

/* The last words of a segment. Its indexes are synced where others say that they are: the recovery point of those
 * before it, a mark of those that are made anew under it. */
static int finish_indexes(struct walk *w, const struct segment *segment, struct log_head *head, struct log_tails *tails,
                          bool from_start)
{
    struct log *log = w->log;
    bool sync = w->trusted_to == INT64_MAX || (from_start && log->snapshot_offset > segment->base_offset);
    if (log_head_wants_flush(tails)) {
        int rc = flush_head(w, head, tails);
        if (rc != 0)
            return rc;
    }
    (void)log_head_note_end(head, tails);
    return log_head_flush(head, tails, log->environment.disk, log->folder, sync, w->error);
}

/* Walks the segment, cuts it where it stops being right, completes its indexes. head is that of its end. */
static int walk_segment(struct walk *w, uint32_t i, int64_t trusted_to, struct log_head *head)
{
    struct log *log = w->log;
    struct segment *segment = &log->segments[i];
    struct log_tails tails = {.index = {.count = 0}, .times = {.count = 0}};
    struct log_handle handle = {0};
    struct segment_scan scan;
    uint32_t end = 0;
    bool from_start = true;
    w->trusted_to = trusted_to;
    w->checked_from = UINT32_MAX;
    int rc = log_handle_open(&handle, log->environment.disk, log->folder, segment->base_offset, SEGMENT_LOG,
                             FILE_READ_WRITE, w->error);
    if (rc != 0)
        return rc;
    rc = segment_scan_open(&scan, log->environment.memory, handle.file, segment->size, SEGMENT_SCAN_BATCHES, w->error);
    if (rc != 0)
        goto close_file;
    rc = start_walk(w, i, &scan, head, &end, &from_start);
    if (rc == 0)
        rc = walk_on(w, &scan, head, &tails, &end);
    w->recovery->bytes_scanned += scan.bytes_read;
    segment_scan_close(&scan);
    if (rc == FURROW_CORRUPT)
        rc = cut_segment(w, segment, handle.file, end);
    if (rc == 0)
        rc = finish_indexes(w, segment, head, &tails, from_start);
    segment->largest_timestamp = head->largest.timestamp;
    if (w->checked_from < end)
        segment_note_verified(segment, w->checked_from, end);

close_file:
    file_close(handle.file);
    return rc;
}

/* ---- segments behind a cut ---- */

static int set_segment_aside(struct log *log, int64_t base_offset, struct error *error)
{
    for (int part = 0; part < SEGMENT_PARTS; part++) {
        char from[DISK_PATH_MAX];
        char to[DISK_PATH_MAX + sizeof ".deleted"];
        segment_path(log->folder, base_offset, (enum segment_part)part, from);
        snprintf(to, sizeof to, "%s.deleted", from);
        int rc = disk_rename(log->environment.disk, from, to, error);
        if (rc != 0 && rc != -ENOENT)
            return rc;
    }
    log->folder_changes++;
    return 0;
}

static int set_aside_from(struct walk *w, uint32_t first)
{
    struct log *log = w->log;
    while (log->segment_count > first) {
        const struct segment *segment = log_last_segment(log);
        int rc = set_segment_aside(log, segment->base_offset, w->error);
        if (rc != 0)
            return rc;
        log->bytes -= segment->size;
        log->segment_count--;
        w->recovery->segments_cut++;
    }
    return 0;
}

/* ---- segments before the recovery point ---- */

/* Whether an index entry is missing between the last one and the end. */
static int is_short(struct walk *w, const struct segment *segment, const struct offset_index *index, bool *is)
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
static int indexes_look_right(struct walk *w, uint32_t i)
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

static int check_indexes(struct walk *w, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct log_head head;
        int rc = indexes_look_right(w, i);
        if (rc == 0) {
            w->recovery->indexes_rebuilt += 2;
            rc = walk_segment(w, i, INT64_MAX, &head);
        }
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- all of it ---- */

/* Brings the producers from the snapshot to the first segment that is walked for its own sake. */
static int replay(struct walk *w, uint32_t first, uint32_t last)
{
    for (uint32_t i = first; i < last; i++) {
        struct log_head head;
        int rc = walk_segment(w, i, INT64_MAX, &head);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int walk_from(struct walk *w, uint32_t first)
{
    struct log *log = w->log;
    w->end = log->segments[first].base_offset;
    for (uint32_t i = first; i < log->segment_count; i++) {
        int64_t base_offset = log->segments[i].base_offset;
        if (base_offset != w->end) {
            error_set(w->error, FURROW_CORRUPT, "offset %" PRId64 " should come first", w->end);
            note_cut(w, base_offset);
            return set_aside_from(w, i);
        }
        int rc = walk_segment(w, i, w->recovery_point, &log->head);
        if (rc != 0)
            return rc;
        if (w->cut)
            return set_aside_from(w, i + 1);
    }
    return 0;
}

int log_recover(struct log *log, const struct log_folder *found, const struct log_opening *opening,
                struct log_recovery *recovery, struct error *error)
{
    struct error words = {0}; /* the report wants them even when the caller does not */
    struct walk w = {.log = log, .recovery = recovery, .error = &words, .now = opening->now};
    int64_t lowest = log->segments[0].base_offset;
    epochs_init(&w.seen, log->environment.memory);
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
        rc = take_seen_epochs(&w);
    epochs_close(&w.seen);
    if (rc == 0 && recovery->segments_cut > 0)
        rc = disk_sync_folder(log->environment.disk, log->folder, &words);
    if (rc != 0) {
        if (error != NULL)
            *error = words;
        return error_wrap(error, rc, "recovery");
    }
    log->indexes_made = true;
    log->folder_changes++; /* names that were made before a crash of the process alone may not be synced */
    log->end = w.end;
    log->synced_end = w.recovery_point < log->end ? w.recovery_point : log->end;
    log->unsynced_base = log->segments[first].base_offset;
    for (uint32_t i = first; i < log->segment_count; i++)
        log->written_bytes += log->segments[i].size; /* some of it is synced; which is not known */
    producer_state_expire(log->producers, opening->now, log->environment.producer_expiry_ms);
    return 0;
}
