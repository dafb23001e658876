/* Going on from a mark: the indexes of a segment are right up to the mark's offset (log_mark.c), behind it the files
 * may hold anything. The walk of the segment starts at the last index entry before the mark.
 *
 * The entries are looked for as if what is behind the mark were in order too. Should that lead astray, the entry does
 * not name the batch that stands there, and the segment is walked from its first batch. */
#include "log_private.h"

#include "reader.h"

struct resume {
    struct log *log;
    const struct segment *segment;
    int64_t mark;
    struct file *file;
    uint8_t entry[TIME_INDEX_ENTRY_SIZE];
    struct error *error;
};

static bool is_index_entry_before(const struct resume *r, struct offset_position *found)
{
    *found = (struct offset_position){r->segment->base_offset + load_u32(r->entry), load_u32(r->entry + 4)};
    return found->position != 0 && found->offset < r->mark;
}

static bool is_times_entry_before(const struct resume *r, struct time_offset *found)
{
    *found = (struct time_offset){(int64_t)load_u64(r->entry), r->segment->base_offset + load_u32(r->entry + 8)};
    return found->timestamp > 0 && found->offset < r->mark;
}

/* Opens the part; *entries is how many there may be. -ENOENT. */
static int open_index(struct resume *r, enum segment_part part, uint32_t entry_size, uint32_t *entries)
{
    struct log_handle handle = {0};
    uint64_t size;
    int rc = log_handle_open(&handle, r->log->environment.disk, r->log->folder, r->segment->base_offset, part,
                             FILE_READ, r->error);
    if (rc != 0)
        return rc;
    rc = file_size(handle.file, &size, r->error);
    if (rc != 0) {
        file_close(handle.file);
        return rc;
    }
    r->file = handle.file;
    *entries = (uint32_t)(size / entry_size);
    return 0;
}

static int read_entry(struct resume *r, uint32_t i, uint32_t entry_size)
{
    size_t got;
    int rc = file_read(r->file, r->entry, entry_size, (uint64_t)i * entry_size, &got, r->error);
    return rc == 0 && got < entry_size ? FURROW_CORRUPT : rc;
}

static int find_index_entry(struct resume *r, struct offset_index *index)
{
    uint32_t low = 0;
    uint32_t high;
    int rc = open_index(r, SEGMENT_OFFSET_INDEX, OFFSET_INDEX_ENTRY_SIZE, &high);
    if (rc != 0)
        return rc;
    while (rc == 0 && low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct offset_position found;
        rc = read_entry(r, middle, OFFSET_INDEX_ENTRY_SIZE);
        if (rc == 0 && is_index_entry_before(r, &found)) {
            low = middle + 1;
            index->last = found;
        } else {
            high = middle;
        }
    }
    file_close(r->file);
    index->entries = low;
    return rc;
}

/* The entry made with the index entry, or the last one before it. */
static int find_times_entry(struct resume *r, int64_t last_offset, struct time_index *times)
{
    uint32_t low = 0;
    uint32_t high;
    int rc = open_index(r, SEGMENT_TIME_INDEX, TIME_INDEX_ENTRY_SIZE, &high);
    if (rc != 0)
        return rc;
    while (rc == 0 && low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct time_offset found;
        rc = read_entry(r, middle, TIME_INDEX_ENTRY_SIZE);
        if (rc == 0 && is_times_entry_before(r, &found) && found.offset <= last_offset) {
            low = middle + 1;
            times->last = found;
        } else {
            high = middle;
        }
    }
    file_close(r->file);
    times->entries = low;
    return rc;
}

/* Whether the batches say the same as the entries: FURROW_CORRUPT when not. */
static int check_entries(struct resume *r, struct segment_scan *scan, struct log_head *head, int64_t *next_offset)
{
    struct segment_batch batch;
    segment_scan_seek(scan, 0, r->segment->base_offset, INT64_MAX);
    int rc = segment_scan_next(scan, &batch, r->error);
    if (rc != 1)
        return rc < 0 ? rc : FURROW_CORRUPT;
    head->first_timestamp = batch.header.max_timestamp;
    segment_scan_seek(scan, head->index.last.position, r->segment->base_offset, INT64_MAX);
    rc = segment_scan_next(scan, &batch, r->error);
    if (rc != 1)
        return rc < 0 ? rc : FURROW_CORRUPT;
    *next_offset = batch.header.base_offset;
    bool is_largest = batch.header.max_timestamp <= head->times.last.timestamp;
    return batch_last_offset(&batch.header) == head->index.last.offset && is_largest ? 0 : FURROW_CORRUPT;
}

/* The batch that the last time index entry names. */
static int check_times_entry(struct resume *r, struct segment_scan *scan, const struct log_head *head)
{
    struct log_handle handle = {0};
    struct offset_position at = {0, 0};
    struct segment_batch batch;
    int64_t offset = head->times.last.offset;
    int rc = log_handle_open(&handle, r->log->environment.disk, r->log->folder, r->segment->base_offset,
                             SEGMENT_OFFSET_INDEX, FILE_READ, r->error);
    if (rc != 0)
        return rc;
    rc = offset_index_find(&head->index, handle.file, offset, &at, r->error);
    file_close(handle.file);
    if (rc != 0)
        return rc;
    segment_scan_seek(scan, at.position, r->segment->base_offset, INT64_MAX);
    do
        rc = segment_scan_next(scan, &batch, r->error);
    while (rc == 1 && batch_last_offset(&batch.header) < offset);
    bool is = rc == 1 && batch_last_offset(&batch.header) == offset &&
              batch.header.max_timestamp == head->times.last.timestamp;
    return is ? 0 : rc < 0 ? rc : FURROW_CORRUPT;
}

int log_resume_head(struct log *log, const struct segment *segment, int64_t mark, struct segment_scan *scan,
                    struct log_head *head, int64_t *next_offset, struct error *error)
{
    struct resume r = {.log = log, .segment = segment, .mark = mark, .error = error};
    int rc = find_index_entry(&r, &head->index);
    if (rc == 0 && head->index.entries > 0)
        rc = find_times_entry(&r, head->index.last.offset, &head->times);
    if (rc != 0)
        return rc == FURROW_CORRUPT || rc == -ENOENT ? 0 : rc;
    if (head->index.entries == 0 || head->times.entries == 0)
        return 0;
    rc = check_entries(&r, scan, head, next_offset);
    if (rc == 0)
        rc = check_times_entry(&r, scan, head);
    if (rc != 0)
        return rc == FURROW_CORRUPT ? 0 : rc;
    head->largest = head->times.last;
    head->bytes_since_index = 0;
    return 1;
}
