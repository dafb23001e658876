#include "segment_tail.h"

#include "offset_index.h"

#include <errno.h>

/* The last entry of the index file; {base, 0} when there is none that can be read. */
static struct offset_position last_entry(struct disk *disk, const char *folder, int64_t base_offset)
{
    struct offset_index index;
    struct file *file;
    char path[DISK_PATH_MAX];
    segment_path(folder, base_offset, SEGMENT_OFFSET_INDEX, path);
    offset_index_init(&index, base_offset);
    if (disk_open_file(disk, path, FILE_READ, &file, NULL) != 0)
        return index.last;
    if (offset_index_load(&index, file, base_offset, NULL) != 0)
        offset_index_init(&index, base_offset);
    file_close(file);
    return index.last;
}

/* Whether the batch stands there of which the entry speaks: it may be of a write that is not done, or failed. */
static bool is_right(struct segment_scan *scan, const struct offset_position *entry, int64_t base_offset)
{
    struct segment_batch batch;
    if (entry->position >= scan->end)
        return false;
    segment_scan_seek(scan, entry->position, base_offset, INT64_MAX);
    return segment_scan_next(scan, &batch, NULL) == 1 && batch_last_offset(&batch.header) == entry->offset &&
           segment_scan_check(scan, &batch, NULL) == 0;
}

/* From tail->size on, where a batch starts. */
static int walk(struct segment_tail *tail, struct segment_scan *scan, struct error *error)
{
    struct segment_batch batch;
    int rc;
    segment_scan_seek(scan, tail->size, tail->end_offset, INT64_MAX);
    while ((rc = segment_scan_next(scan, &batch, error)) == 1 && (rc = segment_scan_check(scan, &batch, error)) == 0) {
        tail->size = scan->position;
        tail->end_offset = scan->next_offset;
    }
    return rc == FURROW_CORRUPT ? 0 : rc;
}

int segment_find_tail(struct segment_tail *tail, struct disk *disk, const char *folder, int64_t base_offset,
                      struct file *file, struct error *error)
{
    struct segment_scan scan;
    uint64_t size;
    *tail = (struct segment_tail){.end_offset = base_offset};
    struct offset_position entry = last_entry(disk, folder, base_offset);
    int rc = file_size(file, &size, error);
    if (rc != 0)
        return rc;
    if (size > SEGMENT_MAX_BYTES)
        size = SEGMENT_MAX_BYTES;
    rc = segment_scan_open(&scan, disk->memory, file, (uint32_t)size, SEGMENT_SCAN_BATCHES, error);
    if (rc != 0)
        return rc;
    if (is_right(&scan, &entry, base_offset))
        tail->size = entry.position;
    rc = walk(tail, &scan, error);
    segment_scan_close(&scan);
    return rc;
}
