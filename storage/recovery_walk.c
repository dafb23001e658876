/* The walk over one segment: what is checked, noted and cut. recovery.c says why. */
#include "recovery_walk.h"

#include <stdio.h>

static int flush_head(struct recovery_walk *w, struct log_head *head, struct log_tails *tails)
{
    return log_head_flush(head, tails, w->log->environment.disk, w->log->folder, false, w->error);
}

static int note_producer(struct recovery_walk *w, struct segment_scan *scan, const struct segment_batch *batch,
                         const struct segment *segment)
{
    struct aborted_transaction aborted;
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
    int rc = log_note_producer(w->log->producers, header, slice_of(bytes, batch_size(header)), timestamp, &aborted);
    memory_free(w->log->environment.memory, MEMORY_LOGS, bytes, batch_size(header));
    return rc == 0 && aborted.producer_id >= 0 ? recovery_aborted_note(w, &aborted, segment) : rc;
}

static int note_epoch(struct recovery_walk *w, const struct batch_header *header)
{
    int32_t epoch = header->leader_epoch;
    if (batch_last_offset(header) < w->trusted_to && epochs_latest(&w->log->epochs) >= 0)
        return 0; /* it stood in the checkpoint before it was synced */
    if (epoch < 0 || epoch > w->largest_epoch || epoch <= epochs_latest(&w->seen) ||
        epoch <= epochs_at(&w->log->epochs, header->base_offset))
        return 0;
    int rc = epochs_append(&w->seen, epoch, header->base_offset);
    return rc < 0 ? rc : 0;
}

/* Epochs whose batches were synced later than the checkpoint. Of those that it has, it knows better where they begin:
 * the walk may have begun behind, or below the log's start. */
int recovery_take_seen_epochs(struct recovery_walk *w)
{
    for (uint32_t i = 0; i < w->seen.count; i++) {
        if (w->seen.starts[i].epoch <= epochs_latest(&w->log->epochs))
            continue;
        int rc = epochs_append(&w->log->epochs, w->seen.starts[i].epoch, w->seen.starts[i].start_offset);
        if (rc < 0)
            return rc;
        w->log->epoch_changes += rc > 0;
    }
    return 0;
}

/* The CRC does not cover the epoch, so a batch that was torn just there looks whole. Epochs never go back; and one
 * stands in the checkpoint before its first batch is synced, so what is older is left of a write that failed. */
static int judge_epoch(struct recovery_walk *w, const struct segment_batch *batch)
{
    int32_t epoch = batch->header.leader_epoch;
    int32_t smallest = epochs_at(&w->log->epochs, batch->header.base_offset);
    if (smallest < epochs_latest(&w->seen))
        smallest = epochs_latest(&w->seen);
    if (epoch < smallest)
        return error_set(w->error, FURROW_CORRUPT, "position %" PRIu32 ": epoch %" PRId32 " is over", batch->position,
                         epoch);
    if (epoch > w->largest_epoch)
        return error_set(w->error, FURROW_CORRUPT, "position %" PRIu32 ": epoch %" PRId32 " has not begun",
                         batch->position, epoch);
    return 0;
}

/* FURROW_CORRUPT: the log ends before this batch. */
static int judge_batch(struct recovery_walk *w, struct segment_scan *scan, const struct segment_batch *batch)
{
    const struct batch_header *header = &batch->header;
    if (batch_last_offset(header) < w->trusted_to)
        return 0;
    int64_t expected = w->end > w->trusted_to ? w->end : w->trusted_to;
    if (header->base_offset > expected && !w->is_closed)
        return error_set(w->error, FURROW_CORRUPT,
                         "position %" PRIu32 ": offsets %" PRId64 " to %" PRId64 " are missing", batch->position,
                         expected, header->base_offset - 1);
    int rc = judge_epoch(w, batch);
    if (rc != 0)
        return rc;
    if (w->checked_from == UINT32_MAX)
        w->checked_from = batch->position;
    return segment_scan_check(scan, batch, w->error);
}

/* *tails is empty again when a flush was needed. */
static int take_batch(struct recovery_walk *w, struct segment_scan *scan, const struct segment_batch *batch,
                      const struct segment *segment, struct log_head *head, struct log_tails *tails)
{
    int rc = judge_batch(w, scan, batch);
    if (rc != 0)
        return rc;
    if (log_head_wants_flush(tails) && (rc = flush_head(w, head, tails)) != 0)
        return rc;
    log_head_note(head, tails, w->log->config.index_interval_bytes, &batch->header, batch->position);
    w->end = batch_last_offset(&batch->header) + 1;
    if ((rc = note_producer(w, scan, batch, segment)) != 0)
        return rc;
    return note_epoch(w, &batch->header);
}

/* *end: position behind the last batch that is right. FURROW_CORRUPT with words when something follows. */
static int walk_batches(struct recovery_walk *w, struct segment_scan *scan, const struct segment *segment,
                        struct log_head *head, struct log_tails *tails, uint32_t *end)
{
    struct segment_batch batch;
    int rc;
    while ((rc = segment_scan_next(scan, &batch, w->error)) == 1) {
        int64_t from = w->end;
        rc = take_batch(w, scan, &batch, segment, head, tails);
        if (rc != 0) {
            segment_scan_seek(scan, batch.position, w->end, w->limit);
            break;
        }
        *end = scan->position;
        w->has_passed = true;
        w->passed = batch;
        w->passed_from = from;
    }
    return rc;
}

/* A batch that is right stands here, and nothing is left out before it but what was trusted. The scan does not move. */
static bool is_near(struct recovery_walk *w, struct segment_scan *scan)
{
    struct segment_batch batch;
    uint32_t position = scan->position;
    int64_t next_offset = scan->next_offset;
    bool is = segment_scan_next(scan, &batch, NULL) == 1 && batch.header.base_offset <= w->trusted_to &&
              segment_scan_check(scan, &batch, NULL) == 0;
    segment_scan_seek(scan, position, next_offset, w->limit);
    return is;
}

/* Moves the scan on to the next such place. */
static bool find_near(struct recovery_walk *w, struct segment_scan *scan)
{
    uint32_t from = scan->position;
    int64_t next_offset = scan->next_offset;
    if (segment_scan_find(scan, scan->end, w->limit) && is_near(w, scan))
        return true;
    segment_scan_seek(scan, from, next_offset, w->limit);
    return false;
}

/* Nothing that may stand there follows the last batch that was taken. Its length may be what is wrong, when its CRC was
 * not looked at: the search begins behind its first byte. Or its offset, which no CRC covers: then the batch here is
 * right as if that one had not been there. When nothing is found so, all is as it was. The offset of a
 * batch that ends just where the trusted part does is not doubted: behind it may stand one whose own was torn. */
static bool find_without_passed(struct recovery_walk *w, struct segment_scan *scan)
{
    uint32_t position = scan->position;
    int64_t end = w->end;
    if (!w->has_passed || w->passed_from >= w->trusted_to)
        return false;
    w->has_passed = false;
    w->end = w->passed_from;
    segment_scan_seek(scan, position, w->end, w->limit);
    if (end != w->trusted_to && is_near(w, scan))
        return true;
    if (segment_scan_check(scan, &w->passed, NULL) == FURROW_CORRUPT) {
        segment_scan_seek(scan, w->passed.position, w->end, w->limit);
        if (find_near(w, scan))
            return true;
    }
    w->end = end;
    segment_scan_seek(scan, position, w->end, w->limit);
    return false;
}

/* As walk_batches, but what is wrong in the trusted part is stepped over: reads will tell. */
static int walk_on(struct recovery_walk *w, struct segment_scan *scan, const struct segment *segment,
                   struct log_head *head, struct log_tails *tails, uint32_t *end)
{
    for (;;) {
        int rc = walk_batches(w, scan, segment, head, tails, end);
        if (rc != FURROW_CORRUPT)
            return rc;
        if (!find_without_passed(w, scan) && (w->end >= w->trusted_to || !find_near(w, scan)))
            return w->limit <= w->trusted_to || w->trusted_to == INT64_MAX ? 0 : rc;
        w->checked_from = UINT32_MAX; /* what was stepped over is not verified */
    }
}

void recovery_note_cut(struct recovery_walk *w, int64_t base_offset)
{
    if (!w->cut) {
        w->recovery->cut_offset = w->end;
        snprintf(w->recovery->reason, sizeof w->recovery->reason, "segment %" PRId64 ": %s", base_offset,
                 w->error != NULL ? w->error->message : "");
    }
    w->cut = true;
}

static int cut_bytes(struct recovery_walk *w, struct segment *segment, struct file *file, uint32_t end)
{
    int rc = file_truncate(file, end, w->error);
    if (rc == 0)
        rc = file_sync(file, w->error); /* or the next power cut could bring back what was cut */
    if (rc != 0)
        return rc;
    w->log->bytes -= segment->size - end;
    segment->size = end;
    return 0;
}

/* All offsets up to the next segment are there, and bytes behind them in which no batch is: what a write that failed
 * has left. They were cut off before the roll, but the segment was not synced again, so a power cut has brought them
 * back.
 */
static bool ends_in_leftovers(struct recovery_walk *w, struct segment_scan *scan, uint32_t end)
{
    if (!w->is_closed || w->trusted_to == INT64_MAX || w->end != w->limit || end == scan->end)
        return false;
    segment_scan_seek(scan, end, 0, INT64_MAX);
    return !segment_scan_find(scan, scan->end, INT64_MAX) && scan->read_status == 0;
}

/* Where the walk of a segment starts: at the mark, when there is one in it, else at the first batch. Sets *end to that
 * position, and *from_start. */
static int start_walk(struct recovery_walk *w, uint32_t i, struct segment_scan *scan, struct log_head *head,
                      uint32_t *end, bool *from_start)
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
    segment_scan_seek(scan, *end, next_offset, w->limit);
    if (w->end < next_offset)
        w->end = next_offset;
    return 0;
}

/* The last words of a segment. Its indexes are synced where others say that they are: the recovery point of those
 * before it, a mark of those that are made anew under it. */
static int finish_indexes(struct recovery_walk *w, struct segment *segment, struct log_head *head,
                          struct log_tails *tails, bool from_start)
{
    struct log *log = w->log;
    bool sync = w->trusted_to == INT64_MAX || (from_start && log->snapshot_offset > segment->base_offset);
    if (log_head_wants_flush(tails)) {
        int rc = flush_head(w, head, tails);
        if (rc != 0)
            return rc;
    }
    (void)log_head_note_end(head, tails);
    int rc = log_head_flush(head, tails, log->environment.disk, log->folder, sync, w->error);
    return rc == 0 ? recovery_aborted_finish(w, segment, sync) : rc;
}

/* Walks the segment, cuts it where it stops being right, completes its indexes. head is that of its end. */
int recovery_walk_segment(struct recovery_walk *w, uint32_t i, int64_t trusted_to, struct log_head *head)
{
    struct log *log = w->log;
    struct segment *segment = &log->segments[i];
    struct log_tails tails = {.index = {.count = 0}, .times = {.count = 0}};
    struct log_handle handle = {0};
    struct segment_scan scan;
    uint32_t end = 0;
    bool from_start = true;
    w->trusted_to = trusted_to;
    w->is_closed = i + 1 < log->segment_count;
    w->limit = w->is_closed ? log->segments[i + 1].base_offset : INT64_MAX;
    w->checked_from = UINT32_MAX;
    w->has_passed = false;
    int rc = log_handle_open(&handle, log->environment.disk, log->folder, segment->base_offset, SEGMENT_LOG,
                             FILE_READ_WRITE, w->error);
    if (rc != 0)
        return rc;
    rc = segment_scan_open(&scan, log->environment.memory, handle.file, segment->size, SEGMENT_SCAN_BATCHES, w->error);
    if (rc != 0)
        goto close_file;
    rc = start_walk(w, i, &scan, head, &end, &from_start);
    if (rc == 0)
        rc = recovery_aborted_open(w, segment, from_start);
    if (rc == 0)
        rc = walk_on(w, &scan, segment, head, &tails, &end);
    bool has_leftovers = rc == 0 && ends_in_leftovers(w, &scan, end);
    w->recovery->bytes_scanned += scan.bytes_read;
    segment_scan_close(&scan);
    if (rc == FURROW_CORRUPT) {
        recovery_note_cut(w, segment->base_offset);
        w->recovery->bytes_cut += segment->size - end;
    }
    if (rc == FURROW_CORRUPT || has_leftovers)
        rc = cut_bytes(w, segment, handle.file, end);
    if (rc == 0)
        rc = finish_indexes(w, segment, head, &tails, from_start);
    recovery_aborted_close(w);
    segment->largest_timestamp = head->largest.timestamp;
    if (w->checked_from < end)
        segment_note_verified(segment, w->checked_from, end);

close_file:
    file_close(handle.file);
    return rc;
}
