/* Reading: what is done in the pool. The batch with the offset is found (log_read_search.c); then the range is made as
 * long as the limit lets it and ends at a batch. Bytes whose CRCs are not known to be right are read and checked batch
 * by batch; the range ends before one that is wrong, and a read that would begin with one is FURROW_CORRUPT. */
#include "log_read_aborted.h"
#include "log_read_search.h"

/* ---- the range ---- */

/* From the batch boundary where the scan stands, over whole batches that end at or before `limit`, hold nothing at or
 * past the read's end offset and, with `check`, have right CRCs. Ends before anything that is wrong. */
static int walk(struct log_search *s, uint64_t limit, bool check, struct log_read_point *end)
{
    bool gap = false;
    struct log_read_point before = *end;
    for (;;) {
        struct segment_batch batch;
        int64_t expected = s->scan.next_offset;
        int rc = segment_scan_next(&s->scan, &batch, &s->error);
        if (rc == FURROW_CORRUPT && gap)
            *end = before; /* it may be the base offset before it that is wrong */
        if (rc == 0 || rc == FURROW_CORRUPT)
            return 0;
        if (rc < 0)
            return rc;
        if ((uint64_t)batch.position + batch_size(&batch.header) > limit ||
            batch.header.base_offset >= s->read->end_offset)
            return 0;
        rc = check ? segment_scan_check(&s->scan, &batch, &s->error) : 0;
        if (rc == FURROW_CORRUPT)
            return 0;
        if (rc < 0)
            return rc;
        gap = batch.header.base_offset > expected;
        before = *end;
        *end = (struct log_read_point){batch_last_offset(&batch.header) + 1, s->scan.position};
    }
}

/* As walk, over bytes that are known to be right: most of them are skipped by the index. */
static int skip(struct log_search *s, uint64_t limit, struct log_read_point *end)
{
    struct log_read_private *p = s->p;
    if (p->segment_size <= limit && p->segment_end_offset <= s->read->end_offset) {
        *end = (struct log_read_point){p->segment_end_offset, p->segment_size};
        return 0;
    }
    uint32_t count;
    struct log_read_point from = *end;
    if (log_search_count_entries(s, (uint32_t)(limit < UINT32_MAX ? limit : UINT32_MAX), &count) != 0)
        count = 0;
    /* The batch at the last entry may not fit: the one at the entry before it, as a rule, does, and ends there. */
    for (uint32_t back = 1; back <= 2 && back <= count; back++) {
        struct offset_position entry;
        if (log_search_read_entry(s, count - back, &entry) != 0 || entry.position <= from.position)
            break;
        if (entry.position >= p->segment_size || entry.offset >= s->read->end_offset)
            continue;
        segment_scan_seek(&s->scan, entry.position, from.offset, p->segment_end_offset);
        int rc = walk(s, limit, false, end);
        if (rc != 0 || end->position != from.position)
            return rc;
    }
    segment_scan_seek(&s->scan, from.position, from.offset, p->segment_end_offset);
    return walk(s, limit, false, end);
}

/* Boundaries behind the range, for the reads that will follow. */
static int look_ahead(struct log_search *s, struct log_read_point end)
{
    struct log_read_private *p = s->p;
    for (;;) {
        p->points[p->point_count++] = end;
        uint64_t limit = (uint64_t)end.position + s->read->max_bytes;
        if (p->point_count == LOG_READ_POINTS || end.position >= p->segment_size ||
            !log_search_is_known(p, end.position, limit))
            return 0;
        struct log_read_point next = end;
        int rc = skip(s, limit, &next);
        if (rc != 0 || next.position == end.position)
            return rc;
        end = next;
    }
}

static int find_range(struct log_search *s, const struct segment_batch *first)
{
    struct log_read *read = s->read;
    struct log_read_private *p = s->p;
    uint32_t size = (uint32_t)batch_size(&first->header);
    bool is_past_end = first->header.base_offset >= read->end_offset; /* what lay before it was compacted */
    if (is_past_end || (size > read->max_bytes && !read->whole_batch))
        return 0;
    uint64_t limit = (uint64_t)first->position + (read->max_bytes > size ? read->max_bytes : size);
    bool check = !log_search_is_known(p, first->position, limit);
    if (check && limit > first->position + (uint64_t)LOG_READ_CHECK_BYTES)
        limit = first->position + (uint64_t)LOG_READ_CHECK_BYTES;
    struct log_read_point end = {batch_last_offset(&first->header) + 1, first->position + size};
    int rc = check ? walk(s, limit, true, &end) : skip(s, limit, &end);
    if (rc != 0)
        return rc;
    read->position = first->position;
    read->bytes = end.position - first->position;
    if (check) {
        p->checked_from = first->position;
        p->checked_to = end.position;
    }
    return look_ahead(s, end);
}

/* ---- the job ---- */

static void start_scan(struct log_search *s)
{
    struct log_read_private *p = s->p;
    uint32_t position = p->started ? p->start.position : log_search_index_position(s);
    int64_t from = p->exact ? p->start.offset : p->segment_base;
    segment_scan_seek(&s->scan, position, from, p->segment_end_offset);
}

static int open_scan(struct log_search *s)
{
    struct log_read_private *p = s->p;
    struct log_handle handle = {.file = s->read->file, .pinned = p->pinned, .unsettled = p->unsettled};
    int rc = log_handle_open(&handle, p->disk, p->folder, p->segment_base, SEGMENT_LOG, FILE_READ_WRITE, &s->error);
    if (rc != 0)
        return rc;
    s->read->file = handle.file;
    bool known = p->known_from == 0 && p->known_to == p->segment_size;
    return segment_scan_open(&s->scan, p->memory, s->read->file, p->segment_size,
                             known ? SEGMENT_SCAN_HEADERS : SEGMENT_SCAN_BATCHES, &s->error);
}

static int run(struct log_search *s, bool *found)
{
    int rc = open_scan(s);
    if (rc != 0)
        return rc;
    start_scan(s);
    struct segment_batch first;
    rc = log_search_batch(s, &first);
    *found = rc != 0;
    if (rc == 1) {
        s->p->first_base = first.header.base_offset;
        rc = find_range(s, &first);
    }
    segment_scan_close(&s->scan);
    if (s->index.file != NULL)
        file_close(s->index.file);
    return rc;
}

/* All offsets from the asked one to the segment's end are gone: the next segment's first batch is next. */
static void go_to_next_segment(struct log_read *read)
{
    struct log_read_private *p = &read->private;
    if (p->pinned == NULL && read->file != NULL)
        file_close(read->file);
    p->left = p->pinned;
    p->pinned = NULL;
    read->file = NULL;
    p->segment_base = p->next_base;
    p->segment_end_offset = p->next_end_offset;
    p->segment_size = p->next_size;
    p->known_from = p->known_to = 0;
    p->is_last = false;
    p->unsettled = p->next_unsettled;
    p->next_base = -1;
    p->start = (struct log_read_point){p->segment_base, 0};
    p->started = p->exact = true;
}

static void find_records(struct log_read *read)
{
    struct log_read_private *p = &read->private;
    bool found = true;
    struct log_search search = {.read = read, .p = p};
    read->status = run(&search, &found);
    if (read->status == 0 && !found && p->next_base >= 0) {
        go_to_next_segment(read);
        search = (struct log_search){.read = read, .p = p};
        read->status = run(&search, &found);
    }
}

/* At most twice: where the first answer was cut, no more are found than it may name. */
static void find_aborted(struct log_read *read)
{
    struct log_read_private *p = &read->private;
    while (read->status == 0 && read->bytes > 0) {
        read->status = log_read_aborted_find(read, p->points[0].offset, NULL);
        if (read->status != 1)
            return;
        read->bytes = 0;
        p->point_count = 0;
        find_records(read);
    }
}

void log_read_execute(struct log_read *read)
{
    read->private.executed = true;
    find_records(read);
    if (read->private.aborted != NULL)
        find_aborted(read);
}
