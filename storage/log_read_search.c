/* Finding the batch with an offset: from the nearest index entry by walking headers.
 *
 * Behind a batch whose header is wrong the next right one is looked for, no farther than the next index entry. The
 * offsets up to it are lost. A batch that was stepped over by its header may have a wrong length: it is doubted when
 * what follows it is no batch, or leaves offsets out. */
#include "log_read_search.h"

#include "reader.h"

/* ---- the index file ---- */

static int open_index(struct log_search *s)
{
    if (s->index_loaded)
        return 0;
    struct log_read_private *p = s->p;
    s->index.unsettled = p->unsettled;
    int rc =
        log_handle_open(&s->index, p->disk, p->folder, p->segment_base, SEGMENT_OFFSET_INDEX, FILE_READ, &s->error);
    if (rc == 0 && !p->is_last)
        rc = offset_index_load(&p->index, s->index.file, p->segment_base, &s->error);
    s->index_loaded = rc == 0;
    return rc;
}

/* Entries of an open index never change, so what the window holds stays right. */
static int fill_window(struct log_search *s, uint32_t i)
{
    uint32_t first = i - i % INDEX_WINDOW;
    size_t got = 0;
    s->window_count = 0;
    int rc = file_read(s->index.file, s->window, sizeof s->window, (uint64_t)first * OFFSET_INDEX_ENTRY_SIZE, &got,
                       &s->error);
    if (rc != 0)
        return rc;
    s->window_first = first;
    s->window_count = (uint32_t)(got / OFFSET_INDEX_ENTRY_SIZE);
    return i - first < s->window_count ? 0 : FURROW_CORRUPT;
}

int log_search_read_entry(struct log_search *s, uint32_t i, struct offset_position *entry)
{
    if (i < s->window_first || i - s->window_first >= s->window_count) {
        int rc = fill_window(s, i);
        if (rc != 0)
            return rc;
    }
    const uint8_t *bytes = s->window + (size_t)(i - s->window_first) * OFFSET_INDEX_ENTRY_SIZE;
    entry->offset = s->p->segment_base + load_u32(bytes);
    entry->position = load_u32(bytes + 4);
    return 0;
}

/* Narrows *low and *high around the count for `position`: one answer ends near where the one before it did, so the
 * steps from there grow from small ones. */
static int gallop(struct log_search *s, uint32_t position, uint32_t *low, uint32_t *high)
{
    uint32_t entries = s->p->index.entries;
    *low = position >= s->passed_position ? s->passed : 0;
    *high = entries;
    if (*low == 0)
        return 0;
    for (uint32_t step = INDEX_WINDOW / 2; step < entries - *low; step *= 2) {
        struct offset_position found;
        int rc = log_search_read_entry(s, *low + step, &found);
        if (rc != 0)
            return rc;
        if (found.position > position) {
            *high = *low + step;
            return 0;
        }
        *low += step;
    }
    return 0;
}

int log_search_count_entries(struct log_search *s, uint32_t position, uint32_t *count)
{
    uint32_t low, high;
    int rc = open_index(s);
    if (rc == 0)
        rc = gallop(s, position, &low, &high);
    if (rc != 0)
        return rc;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct offset_position found;
        rc = log_search_read_entry(s, middle, &found);
        if (rc != 0)
            return rc;
        if (found.position <= position)
            low = middle + 1;
        else
            high = middle;
    }
    s->passed = low;
    s->passed_position = position;
    *count = low;
    return 0;
}

/* A broken or missing index costs time, not the read. */
uint32_t log_search_index_position(struct log_search *s)
{
    struct offset_position found = {0, 0};
    if (s->p->segment_size <= SEGMENT_SCAN_HEADERS || open_index(s) != 0 ||
        offset_index_find(&s->p->index, s->index.file, s->read->offset, &found, &s->error) != 0 ||
        found.position >= s->p->segment_size)
        return 0;
    s->entry_offset = found.offset;
    s->entry_position = found.position;
    return found.position;
}

/* ---- the batch with the offset ---- */

bool log_search_is_known(const struct log_read_private *p, uint32_t from, uint64_t to)
{
    if (to > p->segment_size)
        to = p->segment_size;
    return from >= p->known_from && to <= p->known_to;
}

/* Goes on behind what cannot be read: at the next batch that is right, at the latest where the next index entry says
 * that one is. False when there is none. */
static bool step_over(struct log_search *s)
{
    struct log_read_private *p = s->p;
    uint32_t count;
    struct offset_position entry = {0, p->segment_size};
    if (log_search_count_entries(s, s->scan.position, &count) == 0 && count < p->index.entries)
        (void)!log_search_read_entry(s, count, &entry);
    if (entry.position >= p->segment_size)
        return segment_scan_find(&s->scan, p->segment_size, p->segment_end_offset);
    if (!segment_scan_find(&s->scan, entry.position, p->segment_end_offset))
        segment_scan_seek(&s->scan, entry.position, s->scan.next_offset, p->segment_end_offset);
    return true;
}

/* No CRC covers a base offset. One that is too high runs into the batch behind it; offsets that are missing because
 * they were compacted do not. When it is not believed, the scan stands behind the batch as if it had not been there. */
static int believe_gap(struct log_search *s, const struct segment_batch *batch, int64_t expected, bool *believed)
{
    uint32_t position = s->scan.position;
    int64_t next_offset = s->scan.next_offset;
    struct segment_batch next;
    segment_scan_seek(&s->scan, position, expected, s->p->segment_end_offset);
    int rc = segment_scan_next(&s->scan, &next, &s->error);
    *believed = rc != 1 || next.header.base_offset > batch_last_offset(&batch->header);
    segment_scan_seek(&s->scan, position, *believed ? next_offset : expected, s->p->segment_end_offset);
    return rc < 0 && rc != FURROW_CORRUPT ? rc : 0;
}

static int check_found(struct log_search *s, const struct segment_batch *batch)
{
    const struct log_read_private *p = s->p;
    if (log_search_is_known(p, batch->position, batch->position + (uint64_t)batch_size(&batch->header)))
        return 0;
    return segment_scan_check(&s->scan, batch, &s->error);
}

/* A batch that was stepped over by its header. */
struct passed {
    struct segment_batch batch;
    int64_t expected; /* offset that it could have had */
    bool is_there;
};

/* Behind the batch stands none, or one that leaves offsets out: its length may be what is wrong, and what follows it
 * begins elsewhere. *wrong: the scan stands at it again. */
static int doubt_passed(struct log_search *s, struct passed *passed, bool *wrong)
{
    *wrong = false;
    if (!passed->is_there)
        return 0;
    passed->is_there = false;
    int rc = check_found(s, &passed->batch);
    if (rc != FURROW_CORRUPT)
        return rc;
    segment_scan_seek(&s->scan, passed->batch.position, passed->expected, s->p->segment_end_offset);
    *wrong = true;
    return 0;
}

/* Whether the scan comes from the batch that was passed to the one at `position` by a search too. Else it stands at
 * what lies between them, or where it can go on: *lost. */
static int doubt_gap(struct log_search *s, struct passed *passed, struct segment_batch *batch, bool *lost)
{
    bool wrong;
    uint32_t position = batch->position;
    int rc = doubt_passed(s, passed, &wrong);
    if (rc != 0 || !wrong)
        return rc;
    if (!step_over(s))
        return FURROW_CORRUPT;
    *lost = s->scan.position != position;
    if (*lost)
        return 0;
    rc = segment_scan_next(&s->scan, batch, &s->error);
    return rc == 1 ? 0 : rc == 0 ? FURROW_CORRUPT : rc;
}

/* segment_scan_next, but what stands where no batch should is stepped over: *lost. 1, 0, FURROW_CORRUPT when there is
 * nothing behind it, the disk's. */
static int next_batch(struct log_search *s, struct passed *passed, bool follows, struct segment_batch *batch,
                      bool *lost)
{
    int64_t expected = s->scan.next_offset;
    bool wrong, believed;
    int rc = segment_scan_next(&s->scan, batch, &s->error);
    if (rc == FURROW_CORRUPT) {
        *lost = true;
        int doubted = doubt_passed(s, passed, &wrong);
        return doubted != 0 ? doubted : step_over(s) ? 1 : FURROW_CORRUPT;
    }
    if (rc != 1 || !follows || batch->header.base_offset <= expected)
        return rc;
    rc = doubt_gap(s, passed, batch, lost);
    if (rc != 0 || *lost)
        return rc != 0 ? rc : 1;
    rc = believe_gap(s, batch, expected, &believed);
    *lost = !believed;
    return rc != 0 ? rc : 1;
}

/* No CRC covers a base offset, but the index entry has led to a batch that ends at its offset, or before. */
static bool is_beyond_entry(const struct log_search *s, const struct segment_batch *batch)
{
    return s->entry_position != 0 && batch->position == s->entry_position &&
           batch_last_offset(&batch->header) > s->entry_offset;
}

int log_search_batch(struct log_search *s, struct segment_batch *batch)
{
    int64_t offset = s->read->offset;
    bool follows = s->p->exact || s->scan.position == 0; /* the next batch begins at the scan's offset, or later */
    bool lost = false;                                   /* something right before the next batch cannot be read */
    struct passed passed = {.is_there = false};
    for (;;) {
        int64_t expected = s->scan.next_offset;
        bool skipped = false;
        int rc = next_batch(s, &passed, follows || lost, batch, &skipped);
        if (rc == 0)
            return lost ? FURROW_CORRUPT : 0;
        if (rc < 0)
            return rc;
        follows = !skipped;
        if (skipped) {
            lost = true;
            continue;
        }
        if (is_beyond_entry(s, batch)) {
            segment_scan_seek(&s->scan, s->scan.position, expected, s->p->segment_end_offset);
            lost = true;
            follows = false;
            continue;
        }
        if (batch_last_offset(&batch->header) < offset) {
            passed = (struct passed){.batch = *batch, .expected = expected, .is_there = true};
            lost = false;
            continue;
        }
        if (lost && batch->header.base_offset > offset)
            return FURROW_CORRUPT;
        rc = check_found(s, batch);
        if (rc == 0)
            return 1;
        /* Whether it holds the offset is as doubtful as the rest of it. */
        segment_scan_seek(&s->scan, batch->position, expected, s->p->segment_end_offset);
        if (rc != FURROW_CORRUPT || !step_over(s))
            return rc;
        lost = true;
        follows = false;
        passed.is_there = false;
    }
}
