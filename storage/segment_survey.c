#include "segment_survey.h"

#include <errno.h>
#include <inttypes.h>

/* The CRC does not cover the offset. One that jumps ahead (as it may, after a compaction) is not believed when the next
 * batch, which is right too, stands between. */
static bool is_contradicted(struct segment_scan *scan, const struct segment_batch *batch, int64_t next_offset,
                            struct error *why)
{
    if (batch->header.base_offset == next_offset || scan->position >= scan->end)
        return false;
    uint32_t behind = scan->position;
    struct segment_batch next;
    segment_scan_seek(scan, behind, next_offset, scan->end_offset);
    bool is = segment_scan_next(scan, &next, NULL) == 1 &&
              next.header.base_offset <= batch_last_offset(&batch->header) &&
              segment_scan_check(scan, &next, NULL) == 0;
    segment_scan_seek(scan, behind, batch_last_offset(&batch->header) + 1, scan->end_offset);
    if (is)
        error_set(why, FURROW_CORRUPT, "position %" PRIu32 ": offset %" PRId64 " stands before offset %" PRId64,
                  batch->position, batch->header.base_offset, next.header.base_offset);
    return is;
}

static int take_batch(struct segment_scan *scan, int64_t next_offset, struct segment_stretch *stretch)
{
    struct segment_batch batch;
    int rc = segment_scan_next(scan, &batch, &stretch->why);
    if (rc != 1)
        return rc;
    rc = segment_scan_check(scan, &batch, &stretch->why);
    if (rc == 0 && is_contradicted(scan, &batch, next_offset, &stretch->why))
        rc = FURROW_CORRUPT;
    if (rc != 0)
        return rc;
    stretch->is_batch = true;
    stretch->header = batch.header;
    stretch->size = (uint32_t)batch_size(&batch.header);
    return 1;
}

int segment_survey_next(struct segment_scan *scan, struct segment_stretch *stretch, struct error *error)
{
    uint32_t from = scan->position;
    int64_t next_offset = scan->next_offset;
    *stretch = (struct segment_stretch){.position = from};
    scan->read_status = 0;
    int rc = take_batch(scan, next_offset, stretch);
    if (rc >= 0 && scan->read_status == 0)
        return rc;
    if (rc == -ENOMEM)
        return error_set_status(error, rc, "position %" PRIu32, from);
    segment_scan_seek(scan, from, next_offset, scan->end_offset);
    if (scan->read_status == 0 && segment_scan_find(scan, scan->end, scan->end_offset) && scan->read_status == 0) {
        stretch->size = scan->position - from;
        return 1;
    }
    segment_scan_seek(scan, scan->end, next_offset, scan->end_offset);
    stretch->size = scan->end - from;
    stretch->is_batch = false;
    stretch->is_unreadable = scan->read_status != 0;
    if (stretch->is_unreadable)
        error_set_status(&stretch->why, scan->read_status, "position %" PRIu32 ": the disk", from);
    return 1;
}
