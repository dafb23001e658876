/* One segment: cut, emptied, removed or written anew, as its plan says; its indexes made again. */
#include "log_repair_private.h"

#include "log_swap.h"

#include <stdio.h>

#define COPY_BYTES     ((size_t)64 << 10)
#define INDEX_INTERVAL 4096 /* bytes: Kafka's default; what the topic says is not known here */
#define EPOCH_AT       12   /* in a batch, outside of what the CRC covers */

struct change {
    struct repair_walk *walk;
    const struct segment_plan *plan;
    struct error *error;
    char path[DISK_PATH_MAX]; /* of the segment */
    struct file *file;
    struct file *to; /* the new one; NULL: none is written */
    uint32_t position;
    uint8_t *buffer; /* COPY_BYTES */
};

/* ---- bytes ---- */

static int copy_bytes(struct change *c, struct file *to, uint64_t at, uint32_t from, uint32_t end)
{
    while (from < end) {
        size_t size = end - from < COPY_BYTES ? end - from : COPY_BYTES, got;
        int rc = file_read(c->file, c->buffer, size, from, &got, c->error);
        if (rc == 0 && got < size)
            rc = error_set(c->error, -EIO, "%s: it is shorter than it was", c->path);
        struct iovec part = {c->buffer, size};
        if (rc == 0)
            rc = file_write(to, &part, 1, at, c->error);
        if (rc != 0)
            return rc;
        from += (uint32_t)size;
        at += size;
    }
    return 0;
}

/* Nothing is taken out of a segment before its copy is on the disk, name and all. */
static int keep_aside(struct change *c, uint32_t from, uint32_t end)
{
    struct repair *repair = c->walk->repair;
    char path[2 * DISK_PATH_MAX];
    struct file *to;
    snprintf(path, sizeof path, "%s/%020" PRId64 ".%" PRIu32 "-%" PRIu32 ".log", c->walk->folder, c->plan->base_offset,
             from, end);
    int rc = disk_make_folder(repair->aside, c->walk->folder, c->error);
    if (rc == 0)
        rc = disk_open_file(repair->aside, path, FILE_CREATE, &to, c->error);
    if (rc != 0)
        return rc;
    rc = copy_bytes(c, to, 0, from, end);
    if (rc == 0)
        rc = file_sync(to, c->error);
    file_close(to);
    if (rc == 0)
        rc = disk_sync_folder(repair->aside, c->walk->folder, c->error);
    repair->bytes_aside += end - from;
    return rc == 0 ? disk_sync_folder(repair->aside, "", c->error) : rc;
}

static int stamp_epoch(struct change *c, struct file *file, uint64_t position, int32_t epoch)
{
    uint8_t bytes[4];
    struct iovec part = {bytes, sizeof bytes};
    store_u32(bytes, (uint32_t)epoch);
    return file_write(file, &part, 1, position + EPOCH_AT, c->error);
}

/* ---- stretches ---- */

static int take_stretch(struct change *c, const struct segment_stretch *stretch)
{
    int32_t epoch;
    uint32_t from = stretch->position, end = from + stretch->size;
    if (stretch->is_unreadable) /* it was readable a moment ago, when the plan was made */
        return error_set(c->error, -EIO, "%s: %s", c->path, stretch->why.message);
    enum stretch_fate fate = repair_judge(c->walk, stretch, &epoch);
    if (fate == STRETCH_TAKE_OUT)
        return keep_aside(c, from, end);
    int rc = c->to != NULL ? copy_bytes(c, c->to, c->position, from, end) : 0;
    if (rc == 0 && fate == STRETCH_RESTAMP)
        rc = c->to != NULL ? stamp_epoch(c, c->to, c->position, epoch) : stamp_epoch(c, c->file, from, epoch);
    c->position += stretch->size;
    return rc;
}

static int walk_stretches(struct change *c)
{
    struct segment_scan scan;
    struct segment_stretch stretch;
    int rc = segment_scan_open(&scan, c->walk->repair->memory, c->file, c->plan->size, SEGMENT_SCAN_BATCHES, c->error);
    if (rc != 0)
        return rc;
    c->walk->judge = c->plan->judge;
    c->walk->end = c->plan->end;
    segment_scan_seek(&scan, 0, c->plan->base_offset, c->plan->end_offset);
    while ((rc = segment_survey_next(&scan, &stretch, c->error)) == 1 && (rc = take_stretch(c, &stretch)) == 0)
        continue;
    segment_scan_close(&scan);
    return rc;
}

/* ---- what becomes of it ---- */

static int remove_part(struct change *c, enum segment_part part)
{
    char path[DISK_PATH_MAX];
    segment_path(c->walk->folder, c->plan->base_offset, part, path);
    int rc = disk_remove_file(c->walk->repair->disk, path, c->error);
    return rc == -ENOENT ? 0 : rc;
}

/* First: a start that finds none makes them, one that finds those of the old segment believes them. The transaction
 * index, which no start would miss, stays until its successor takes its name. */
static int remove_indexes(struct change *c)
{
    int rc = remove_part(c, SEGMENT_OFFSET_INDEX);
    if (rc == 0)
        rc = remove_part(c, SEGMENT_TIME_INDEX);
    return rc == 0 ? disk_sync_folder(c->walk->repair->disk, c->walk->folder, c->error) : rc;
}

static int remove_segment(struct change *c)
{
    int rc = keep_aside(c, 0, c->plan->size);
    if (rc == 0)
        rc = remove_indexes(c);
    if (rc == 0)
        rc = remove_part(c, SEGMENT_TRANSACTION_INDEX);
    if (rc == 0)
        rc = remove_part(c, SEGMENT_LOG);
    return rc == 0 ? disk_sync_folder(c->walk->repair->disk, c->walk->folder, c->error) : rc;
}

static int cut_segment(struct change *c)
{
    int rc = walk_stretches(c);
    if (rc == 0)
        rc = file_truncate(c->file, c->plan->good_end, c->error);
    return rc == 0 ? file_sync(c->file, c->error) : rc;
}

static int restamp_segment(struct change *c)
{
    int rc = walk_stretches(c);
    return rc == 0 ? file_sync(c->file, c->error) : rc;
}

static int write_new(struct change *c, const char *path)
{
    int rc = disk_open_file(c->walk->repair->disk, path, FILE_CREATE, &c->to, c->error);
    if (rc != 0)
        return rc;
    rc = file_truncate(c->to, 0, c->error);
    if (rc == 0)
        rc = walk_stretches(c);
    if (rc == 0)
        rc = file_sync(c->to, c->error);
    file_close(c->to);
    return rc;
}

static int rewrite_segment(struct change *c)
{
    struct disk *disk = c->walk->repair->disk;
    char path[SWAP_PATH_MAX];
    log_swap_path(c->walk->folder, c->plan->base_offset, SEGMENT_LOG, CLEANED_SUFFIX, path);
    int rc = write_new(c, path);
    if (rc == 0)
        rc = remove_indexes(c);
    if (rc == 0)
        rc = disk_rename(disk, path, c->path, c->error);
    return rc == 0 ? disk_sync_folder(disk, c->walk->folder, c->error) : rc;
}

/* ---- indexes ---- */

static int note_batches(struct change *c, struct segment_scan *scan, struct log_head *head, struct log_tails *tails)
{
    struct disk *disk = c->walk->repair->disk;
    struct segment_batch batch;
    int rc;
    while ((rc = segment_scan_next(scan, &batch, c->error)) == 1) {
        if (log_head_wants_flush(tails) &&
            (rc = log_head_flush(head, tails, disk, c->walk->folder, false, c->error)) != 0)
            return rc;
        log_head_note(head, tails, INDEX_INTERVAL, &batch.header, batch.position);
    }
    if (rc == 0 && log_head_wants_flush(tails))
        rc = log_head_flush(head, tails, disk, c->walk->folder, false, c->error);
    if (rc != 0)
        return rc;
    (void)log_head_note_end(head, tails);
    return log_head_flush(head, tails, disk, c->walk->folder, true, c->error);
}

/* Of the segment as it is now; of what was taken out, a transaction may have lost its marker. */
static int make_aborted(struct change *c)
{
    struct repair *repair = c->walk->repair;
    char path[DISK_PATH_MAX];
    writer entries;
    segment_path(c->walk->folder, c->plan->base_offset, SEGMENT_TRANSACTION_INDEX, path);
    writer_init(&entries, repair->memory, MEMORY_LOGS, SEGMENT_MAX_BYTES);
    int rc = log_remake_aborted(repair->disk, repair->memory, c->walk->folder, c->walk->found, c->plan->base_offset,
                                INT64_MAX, false, &entries, c->error);
    if (rc == 0 && entries.size > 0)
        rc = disk_replace_file(repair->disk, path, writer_slice(&entries), c->error);
    else if (rc == 0)
        rc = remove_part(c, SEGMENT_TRANSACTION_INDEX);
    writer_close(&entries);
    return rc == 0 ? disk_sync_folder(repair->disk, c->walk->folder, c->error) : rc;
}

/* Of the segment as it is now. */
static int make_indexes(struct change *c)
{
    struct repair *repair = c->walk->repair;
    struct log_tails tails = {.index = {.count = 0}, .times = {.count = 0}};
    struct log_head head;
    struct segment_scan scan;
    struct file *file;
    uint64_t size;
    int rc = disk_open_file(repair->disk, c->path, FILE_READ, &file, c->error);
    if (rc != 0)
        return rc;
    rc = file_size(file, &size, c->error);
    if (rc == 0)
        rc = segment_scan_open(&scan, repair->memory, file, (uint32_t)size, SEGMENT_SCAN_HEADERS, c->error);
    if (rc == 0) {
        log_head_init(&head, c->plan->base_offset, 0);
        segment_scan_seek(&scan, 0, c->plan->base_offset, c->plan->end_offset);
        rc = note_batches(c, &scan, &head, &tails);
        segment_scan_close(&scan);
    }
    file_close(file);
    return rc == 0 ? disk_sync_folder(repair->disk, c->walk->folder, c->error) : rc;
}

/* ---- all of it ---- */

enum deed { NOTHING, REMOVE, CUT, RESTAMP, REWRITE };

static enum deed deed_of(const struct segment_plan *plan)
{
    if (plan->bad == 0)
        return plan->restamped > 0 ? RESTAMP : NOTHING;
    if (plan->good == 0 && plan->end_offset != INT64_MAX)
        return REMOVE;
    return plan->bad_from >= plan->good_end ? CUT : REWRITE;
}

static int tell_deed(struct change *c, enum deed deed)
{
    const struct segment_plan *plan = c->plan;
    struct repair *repair = c->walk->repair;
    switch (deed) {
    case REMOVE:
        return repair_tell(repair, c->path, "no batch in it is right: the segment of %" PRIu32 " bytes goes",
                           plan->size);
    case CUT:
        return repair_tell(repair, c->path, "its end from position %" PRIu32 " on is cut, %" PRIu32 " bytes",
                           plan->good_end, plan->size - plan->good_end);
    case RESTAMP:
        return repair_tell(repair, c->path, "batches whose epoch is put right: %" PRIu32, plan->restamped);
    case REWRITE:
        return repair_tell(repair, c->path,
                           "taken out: %" PRIu32 " stretches that are no batch; kept: %" PRIu32 " batches", plan->bad,
                           plan->good);
    case NOTHING:
        break;
    }
    return 0;
}

static int do_deed(struct change *c, enum deed deed)
{
    switch (deed) {
    case REMOVE:
        return remove_segment(c);
    case CUT:
        return cut_segment(c);
    case RESTAMP:
        return restamp_segment(c);
    case REWRITE:
        return rewrite_segment(c);
    case NOTHING:
        break;
    }
    return 0;
}

static int change_segment(struct change *c, enum deed deed)
{
    struct repair *repair = c->walk->repair;
    int rc = disk_open_file(repair->disk, c->path, FILE_READ_WRITE, &c->file, c->error);
    if (rc != 0)
        return rc;
    c->buffer = memory_alloc(repair->memory, MEMORY_LOGS, COPY_BYTES);
    rc = c->buffer != NULL ? do_deed(c, deed) : error_set_status(c->error, -ENOMEM, "%s", c->path);
    memory_free(repair->memory, MEMORY_LOGS, c->buffer, COPY_BYTES);
    file_close(c->file);
    return rc;
}

int repair_segment(struct repair_walk *walk, const struct segment_plan *plan, struct error *error)
{
    struct change c = {.walk = walk, .plan = plan, .error = error};
    enum deed deed = deed_of(plan);
    bool wants_indexes = deed == CUT || deed == REWRITE || (deed != REMOVE && plan->indexes_wrong);
    segment_path(walk->folder, plan->base_offset, SEGMENT_LOG, c.path);
    bool wants_aborted = deed == CUT || deed == REWRITE || (deed != REMOVE && plan->aborted_wrong);
    int rc = tell_deed(&c, deed);
    if (rc == 0 && wants_indexes)
        rc = repair_tell(walk->repair, c.path, "its indexes are made again");
    else if (rc == 0 && wants_aborted)
        rc = repair_tell(walk->repair, c.path, "its transaction index is made again");
    if (rc != 0 || walk->repair->dry)
        return rc;
    if (deed != NOTHING)
        rc = change_segment(&c, deed);
    if (rc == 0 && wants_indexes)
        rc = make_indexes(&c);
    return rc == 0 && wants_aborted ? make_aborted(&c) : rc;
}
