#include "log_swap.h"

#include <stdio.h>

/* The .log is the one that counts, so it is not among them. */
static const enum segment_part other_parts[] = {SEGMENT_OFFSET_INDEX, SEGMENT_TIME_INDEX, SEGMENT_TRANSACTION_INDEX};
#define OTHER_PARTS (sizeof other_parts / sizeof other_parts[0])

void log_swap_path(const char *folder, int64_t base_offset, enum segment_part part, const char *suffix,
                   char path[SWAP_PATH_MAX])
{
    char plain[DISK_PATH_MAX];
    segment_path(folder, base_offset, part, plain);
    snprintf(path, SWAP_PATH_MAX, "%s%s", plain, suffix);
}

struct log_swap *log_swap_create(struct memory *memory, uint32_t capacity)
{
    struct log_swap *swap = memory_alloc(memory, MEMORY_LOGS, sizeof(struct log_swap) + capacity * sizeof(int64_t));
    if (swap != NULL) {
        swap->count = 0;
        swap->capacity = capacity;
    }
    return swap;
}

void log_swap_free(struct memory *memory, struct log_swap *swap)
{
    if (swap != NULL)
        memory_free(memory, MEMORY_LOGS, swap, sizeof *swap + swap->capacity * sizeof swap->bases[0]);
}

static int rename_part(struct disk *disk, const char *folder, int64_t base_offset, enum segment_part part,
                       const char *from_suffix, const char *to_suffix, struct error *error)
{
    char from[SWAP_PATH_MAX];
    char to[SWAP_PATH_MAX];
    log_swap_path(folder, base_offset, part, from_suffix, from);
    log_swap_path(folder, base_offset, part, to_suffix, to);
    return disk_rename(disk, from, to, error);
}

static int remove_part(struct disk *disk, const char *folder, int64_t base_offset, enum segment_part part,
                       const char *suffix, struct error *error)
{
    char path[SWAP_PATH_MAX];
    log_swap_path(folder, base_offset, part, suffix, path);
    int rc = disk_remove_file(disk, path, error);
    return rc == -ENOENT ? 0 : rc;
}

int log_swap_announce(struct disk *disk, const char *folder, int64_t base_offset, struct error *error)
{
    for (size_t i = 0; i < OTHER_PARTS; i++) {
        int rc = rename_part(disk, folder, base_offset, other_parts[i], CLEANED_SUFFIX, SWAP_SUFFIX, error);
        if (rc != 0 && (rc != -ENOENT || other_parts[i] != SEGMENT_TRANSACTION_INDEX))
            return rc;
    }
    int rc = rename_part(disk, folder, base_offset, SEGMENT_LOG, CLEANED_SUFFIX, SWAP_SUFFIX, error);
    return rc == 0 ? disk_sync_folder(disk, folder, error) : rc;
}

/* Steps 2 and 3 of the new segment, when the old ones behind it are gone. */
static int take_names(struct disk *disk, const char *folder, int64_t base_offset, struct error *error)
{
    char path[SWAP_PATH_MAX];
    struct file *file;
    log_swap_path(folder, base_offset, SEGMENT_LOG, SWAP_SUFFIX, path);
    int rc = disk_open_file(disk, path, FILE_READ, &file, error);
    if (rc == -ENOENT) /* done by an earlier try, which may not have come to the last sync */
        return disk_sync_folder(disk, folder, error);
    if (rc != 0)
        return rc;
    file_close(file);
    for (size_t i = 0; i < OTHER_PARTS; i++) {
        rc = rename_part(disk, folder, base_offset, other_parts[i], SWAP_SUFFIX, "", error);
        if (rc != 0 && rc != -ENOENT)
            return rc;
    }
    if ((rc = disk_sync_folder(disk, folder, error)) != 0 ||
        (rc = rename_part(disk, folder, base_offset, SEGMENT_LOG, SWAP_SUFFIX, "", error)) != 0)
        return rc;
    return disk_sync_folder(disk, folder, error);
}

int log_swap_settle(const struct log_swap *swap, struct disk *disk, const char *folder, struct error *error)
{
    for (uint32_t i = 1; i < swap->count; i++) {
        int rc = log_remove_segment_files(disk, folder, swap->bases[i], error);
        if (rc != 0)
            return rc;
    }
    return take_names(disk, folder, swap->bases[0], error);
}

int log_swap_drop(struct disk *disk, const char *folder, int64_t base_offset, struct error *error)
{
    int rc = remove_part(disk, folder, base_offset, SEGMENT_LOG, SWAP_SUFFIX, error);
    if (rc == 0)
        rc = remove_part(disk, folder, base_offset, SEGMENT_LOG, CLEANED_SUFFIX, error);
    for (size_t i = 0; i < OTHER_PARTS && rc == 0; i++) {
        rc = remove_part(disk, folder, base_offset, other_parts[i], SWAP_SUFFIX, error);
        if (rc == 0)
            rc = remove_part(disk, folder, base_offset, other_parts[i], CLEANED_SUFFIX, error);
    }
    return rc;
}

/* ---- at a start ---- */

/* Base offset of a .log under a name with the suffix. */
static bool parse_log_name(const char *name, const char *suffix, int64_t *base_offset)
{
    char plain[64];
    enum segment_part part;
    size_t length = strlen(name);
    size_t ending = strlen(suffix);
    if (length <= ending || length - ending >= sizeof plain || strcmp(name + length - ending, suffix) != 0)
        return false;
    snprintf(plain, sizeof plain, "%.*s", (int)(length - ending), name);
    return segment_parse_name(plain, base_offset, &part) && part == SEGMENT_LOG;
}

/* The offset behind the last batch of the new segment, by its headers; -1: it has none, so it is not what was written
 * here. */
static int find_end(struct disk *disk, const char *folder, int64_t base_offset, struct memory *memory,
                    int64_t *end_offset, struct error *error)
{
    char path[SWAP_PATH_MAX];
    struct file *file;
    struct segment_scan scan;
    uint64_t size;
    *end_offset = -1;
    log_swap_path(folder, base_offset, SEGMENT_LOG, SWAP_SUFFIX, path);
    int rc = disk_open_file(disk, path, FILE_READ, &file, error);
    if (rc != 0)
        return rc;
    rc = file_size(file, &size, error);
    if (rc == 0)
        rc = segment_scan_open(&scan, memory, file, size < SEGMENT_MAX_BYTES ? (uint32_t)size : SEGMENT_MAX_BYTES,
                               SEGMENT_SCAN_HEADERS, error);
    if (rc == 0) {
        struct segment_batch batch;
        segment_scan_seek(&scan, 0, base_offset, INT64_MAX);
        do {
            while ((rc = segment_scan_next(&scan, &batch, error)) == 1)
                *end_offset = batch_last_offset(&batch.header) + 1;
        } while (rc == FURROW_CORRUPT && segment_scan_find(&scan, scan.end, INT64_MAX));
        segment_scan_close(&scan);
        rc = rc == FURROW_CORRUPT ? 0 : rc;
    }
    file_close(file);
    return rc;
}

static int complete_one(const struct log_folder *found, struct disk *disk, const char *folder, int64_t base_offset,
                        struct memory *memory, struct error *error)
{
    int64_t end_offset;
    int rc = find_end(disk, folder, base_offset, memory, &end_offset, error);
    if (rc == 0 && end_offset < 0)
        return 0;
    for (uint32_t i = 0; i < found->count && rc == 0; i++) {
        const struct log_folder_segment *old = &found->segments[i];
        if (old->base_offset > base_offset && old->base_offset < end_offset)
            rc = log_remove_segment_files(disk, folder, old->base_offset, error);
    }
    /* Those of the old segment must not stand beside the new .log. Of the transaction index, which nothing would make
     * again, there is a new one under one of the names whenever there was an old one. */
    for (size_t i = 0; i < OTHER_PARTS && rc == 0; i++) {
        if (other_parts[i] != SEGMENT_TRANSACTION_INDEX)
            rc = remove_part(disk, folder, base_offset, other_parts[i], "", error);
    }
    return rc == 0 ? take_names(disk, folder, base_offset, error) : rc;
}

/* Kafka's rule: a .swap that is not before all .cleaned ones belongs to a segment that was being split, and does not
 * count. */
static int64_t lowest_cleaned(const struct log_folder *found)
{
    int64_t lowest = INT64_MAX;
    for (size_t at = 0; at < found->leftovers.size;) {
        const char *name = (const char *)found->leftovers.data + at;
        int64_t base_offset;
        if (parse_log_name(name, CLEANED_SUFFIX, &base_offset) && base_offset < lowest)
            lowest = base_offset;
        at += strlen(name) + 1;
    }
    return lowest;
}

int log_swap_complete(struct log_folder *found, struct disk *disk, const char *folder, struct memory *memory,
                      struct error *error)
{
    int64_t before = lowest_cleaned(found);
    bool any = false;
    for (size_t at = 0; at < found->leftovers.size;) {
        const char *name = (const char *)found->leftovers.data + at;
        int64_t base_offset;
        if (parse_log_name(name, SWAP_SUFFIX, &base_offset) && base_offset < before) {
            int rc = complete_one(found, disk, folder, base_offset, memory, error);
            if (rc != 0)
                return rc;
            any = true;
        }
        at += strlen(name) + 1;
    }
    if (!any)
        return 0;
    log_folder_close(found);
    return log_folder_list(found, disk, folder, memory, error);
}

/* ---- before a run ---- */

static bool is_stray(const char *name)
{
    static const char *const endings[] = {CLEANED_SUFFIX, SWAP_SUFFIX};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t length = strlen(name);
        size_t ending = strlen(endings[i]);
        if (length > ending && strcmp(name + length - ending, endings[i]) == 0)
            return true;
    }
    return false;
}

int log_swap_remove_strays(struct disk *disk, const char *folder, struct memory *memory, struct error *error)
{
    struct log_folder found;
    bool any = false;
    int rc = log_folder_list(&found, disk, folder, memory, error);
    if (rc != 0)
        return rc;
    for (size_t at = 0; at < found.leftovers.size && rc == 0;) {
        const char *name = (const char *)found.leftovers.data + at;
        if (is_stray(name)) {
            char path[DISK_PATH_MAX];
            snprintf(path, sizeof path, "%s/%s", folder, name);
            rc = disk_remove_file(disk, path, error);
            rc = rc == -ENOENT ? 0 : rc;
            any = true;
        }
        at += strlen(name) + 1;
    }
    log_folder_close(&found);
    return rc == 0 && any ? disk_sync_folder(disk, folder, error) : rc;
}
