/* Reading: what is decided on the loop.
 *
 * A consumer asks for the offset behind what it got the last time. A hint remembers where that is, and, of a consumer
 * that reads what is old, the next few boundaries too; so most reads are answered here, from memory, with one system
 * call to ask whether the bytes are in the page cache. Hints are made where reads end.
 *
 * All others go through the pool: log_read_job.c. */
#include "log_read_aborted.h"

/* ---- hints ---- */

void log_hints_forget(struct log *log)
{
    for (int i = 0; i < LOG_HINTS; i++)
        log->hints[i].count = 0;
}

static struct log_hint *find_hint(struct log *log, int64_t segment_base, int64_t offset, uint32_t *point)
{
    for (int i = 0; i < LOG_HINTS; i++) {
        struct log_hint *hint = &log->hints[i];
        for (uint32_t j = 0; j < hint->count; j++) {
            if (hint->segment_base == segment_base && hint->points[j].offset == offset) {
                *point = j;
                hint->used = ++log->hint_clock;
                return hint;
            }
        }
    }
    return NULL;
}

/* In the place of one for the same offset, else of the one not used for longest. */
static void put_hint(struct log *log, int64_t segment_base, const struct log_read_point *points, uint32_t count)
{
    uint32_t point;
    struct log_hint *hint = find_hint(log, segment_base, points[0].offset, &point);
    if (hint != NULL && point == 0 && hint->count >= count)
        return;
    if (hint == NULL || point != 0) {
        hint = &log->hints[0];
        for (int i = 1; i < LOG_HINTS; i++) {
            const struct log_hint *other = &log->hints[i];
            if (hint->count > 0 && (other->count == 0 || other->used < hint->used))
                hint = &log->hints[i];
        }
    }
    hint->segment_base = segment_base;
    hint->count = count < LOG_HINT_POINTS ? count : LOG_HINT_POINTS;
    memcpy(hint->points, points, hint->count * sizeof *points);
    hint->used = ++log->hint_clock;
}

/* ---- begin ---- */

/* Where the search may start, without a system call. */
static struct log_hint *find_start(struct log *log, struct log_read *read, const struct segment *segment,
                                   uint32_t *point)
{
    struct log_read_private *p = &read->private;
    struct log_hint *hint = find_hint(log, segment->base_offset, read->offset, point);
    if (hint != NULL) {
        p->start = hint->points[*point];
        p->started = p->exact = true;
        return hint;
    }
    if (read->offset == segment->base_offset) {
        p->start = (struct log_read_point){read->offset, 0};
        p->started = p->exact = true;
        return NULL;
    }
    struct offset_position found;
    if (p->is_last && log->tails != NULL &&
        offset_index_tail_find(&log->head.index, &log->tails->index, read->offset, &found)) {
        p->start = (struct log_read_point){segment->base_offset, found.position};
        p->started = true;
    }
    return NULL;
}

/* The end of what can be sent from the exact start: the segment's, or a boundary that the hint knows. */
static bool find_end(const struct log_read *read, const struct log_hint *hint, uint32_t point,
                     struct log_read_point *end)
{
    const struct log_read_private *p = &read->private;
    if (p->segment_size - p->start.position <= read->max_bytes && read->end_offset >= p->segment_end_offset) {
        *end = (struct log_read_point){p->segment_end_offset, p->segment_size};
        return true;
    }
    if (hint == NULL || point + 1 >= hint->count)
        return false;
    *end = hint->points[point + 1];
    return end->position - p->start.position <= read->max_bytes && end->offset <= read->end_offset;
}

static bool answer_from_memory(struct log *log, struct log_read *read, const struct segment *segment,
                               struct log_hint *hint, uint32_t point)
{
    struct log_read_private *p = &read->private;
    struct log_read_point end;
    if (!p->exact || p->pinned == NULL || !find_end(read, hint, point, &end) ||
        end.position == p->start.position || /* what is missing up to the segment's end was compacted */
        !segment_is_verified(segment, p->start.position, end.position))
        return false;
    if (!file_is_cached(read->file, p->start.position, end.position - p->start.position))
        return false;
    read->position = p->start.position;
    read->bytes = end.position - p->start.position;
    if (hint != NULL && point + 1 < hint->count && hint->points[point + 1].offset == end.offset) {
        hint->count -= point + 1;
        memmove(hint->points, hint->points + point + 1, hint->count * sizeof *hint->points);
    } else if (hint != NULL) {
        hint->points[0] = end;
        hint->count = 1;
    } else {
        put_hint(log, segment->base_offset, &end, 1);
    }
    return true;
}

static void describe_segment(struct log *log, struct log_read *read, uint32_t i)
{
    struct log_read_private *p = &read->private;
    const struct segment *segment = &log->segments[i];
    p->disk = log->environment.disk;
    p->memory = log->environment.memory;
    p->folder = log->folder;
    p->swaps = log->swaps;
    p->unsettled = segment->unsettled;
    p->is_last = i + 1 == log->segment_count;
    if (p->is_last)
        p->index = log->head.index;
    p->segment_base = p->begun_base = segment->base_offset;
    p->segment_end_offset = log_segment_end_offset(log, i);
    p->segment_size = segment->size;
    p->known_from = segment->verified_from;
    p->known_to = segment->verified_to;
    p->next_base = -1;
    uint32_t next = i + 1;
    while (next + 1 < log->segment_count && log->segments[next].size == 0)
        next++;
    if (!p->is_last) {
        p->next_base = log->segments[next].base_offset;
        p->next_end_offset = log_segment_end_offset(log, next);
        p->next_size = log->segments[next].size;
        p->next_unsettled = log->segments[next].unsettled;
    }
}

int log_read_begin(struct log *log, struct log_read *read)
{
    read->file = NULL;
    read->position = 0;
    read->bytes = 0;
    read->status = 0;
    read->aborted = NULL;
    read->aborted_count = 0;
    read->private = (struct log_read_private){0};
    if (read->offset < log->start || read->offset > log->end) {
        read->status = FURROW_OUT_OF_RANGE;
        return 1;
    }
    if (read->offset == log->end) {
        struct log_read_point end = {log->end, log_last_segment(log)->size};
        put_hint(log, log_last_segment(log)->base_offset, &end, 1);
        return 1;
    }
    if (read->offset >= read->end_offset || (read->max_bytes == 0 && !read->whole_batch))
        return 1;

    uint32_t i = log_find_segment(log, read->offset);
    describe_segment(log, read, i);
    struct log_handle handle;
    log_handle_find(log, &handle, read->private.segment_base, SEGMENT_LOG);
    read->file = handle.file;
    read->private.pinned = handle.pinned;
    uint32_t point = 0;
    struct log_hint *hint = find_start(log, read, &log->segments[i], &point);
    if (log_read_wants_aborted(log, read)) {
        read->status = log_read_aborted_begin(log, read, i);
        if (read->status != 0)
            log_read_release(log, read);
        return read->status != 0;
    }
    return answer_from_memory(log, read, &log->segments[i], hint, point) ? 1 : 0;
}

/* ---- end ---- */

static void pin_file(struct log *log, struct log_read *read)
{
    struct log_read_private *p = &read->private;
    struct log_handle handle = {.file = read->file, .pinned = p->pinned, .swaps = p->swaps};
    if (log_handle_pin(log, &handle, p->segment_base, SEGMENT_LOG) != 0) {
        log_handle_release(log, &handle);
        read->status = read->status != 0 ? read->status : -ENOMEM;
    }
    read->file = handle.file;
    p->pinned = handle.pinned;
}

/* The segment was replaced while the read was under way, so it may have seen some of the old and some of the new: once
 * more. The new files were written a moment ago, their CRCs are known to be right: the loop does not wait for them. */
static bool run_again(struct log *log, struct log_read *read)
{
    file_cache_release(log->environment.files, read->private.left);
    log_read_release(log, read);
    if (log_read_begin(log, read) == 1)
        return false;
    log_read_execute(read);
    return true;
}

void log_read_end(struct log *log, struct log_read *read)
{
    struct log_read_private *p = &read->private;
    bool is_old = log_is_replaced(log, p->begun_base, p->swaps) || log_is_replaced(log, p->segment_base, p->swaps) ||
                  log_read_aborted_is_old(log, read);
    if (p->executed && !log->abandoned && is_old && !run_again(log, read))
        return;
    if (!p->executed)
        read->status = -ECANCELED;
    if (read->offset < log->start)
        read->status = FURROW_OUT_OF_RANGE; /* meanwhile; the file may be gone */
    pin_file(log, read);
    file_cache_release(log->environment.files, p->left);
    p->left = NULL;
    log_read_aborted_end(read);
    struct segment *segment = &log->segments[log_find_segment(log, p->segment_base)];
    if (segment->base_offset == p->segment_base) {
        segment_note_verified(segment, p->checked_from, p->checked_to);
        if (read->status == 0 && p->point_count > 0)
            put_hint(log, p->segment_base, p->points, p->point_count);
    }
    if (read->status != 0)
        read->bytes = 0;
    if (read->bytes == 0)
        log_read_release(log, read);
}

void log_read_release(struct log *log, struct log_read *read)
{
    struct log_handle handle = {.file = read->file, .pinned = read->private.pinned};
    log_handle_release(log, &handle);
    log_read_aborted_release(read);
    read->file = NULL;
    read->private.pinned = NULL;
}
