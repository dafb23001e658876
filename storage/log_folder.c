/* What stands in a log's folder, and what does not belong there. */
#include "log_private.h"

#include <stdio.h>
#include <stdlib.h>

/* Left by work that was interrupted, or set aside by a recovery: nothing that is needed. */
static bool is_leftover(const char *name)
{
    static const char *const endings[] = {".deleted", ".cleaned", ".swap", ".tmp"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t ending = strlen(endings[i]);
        if (length > ending && strcmp(name + length - ending, endings[i]) == 0)
            return true;
    }
    return false;
}

/* One entry for each file; those of one segment are joined when all are there. */
static struct log_folder_segment *add_entry(struct log_folder *found)
{
    if (found->count == found->capacity) {
        uint32_t capacity = found->capacity * 2 + 8;
        struct log_folder_segment *segments =
            memory_realloc(found->memory, MEMORY_LOGS, found->segments, found->capacity * sizeof *segments,
                           capacity * sizeof *segments);
        if (segments == NULL)
            return NULL;
        found->segments = segments;
        found->capacity = capacity;
    }
    return &found->segments[found->count++];
}

static int note_entry(void *context, const struct disk_entry *entry)
{
    struct log_folder *found = context;
    int64_t base_offset;
    enum segment_part part;
    if (entry->is_folder)
        return 0;
    if (segment_parse_name(entry->name, &base_offset, &part)) {
        struct log_folder_segment *segment = add_entry(found);
        if (segment == NULL)
            return -ENOMEM;
        *segment = (struct log_folder_segment){.base_offset = base_offset};
        segment->parts[part] = true;
    } else if (is_leftover(entry->name)) {
        write_bytes(&found->leftovers, slice_of(entry->name, strlen(entry->name) + 1));
        return writer_ok(&found->leftovers) ? 0 : -ENOMEM;
    } else if (strcmp(entry->name, LOG_METADATA_FILE) == 0) {
        found->has_metadata = true;
    } else if (strcmp(entry->name, LOG_EPOCHS_FILE) == 0) {
        found->has_epochs = true;
    }
    return 0;
}

static int compare_segments(const void *a, const void *b)
{
    const struct log_folder_segment *left = a;
    const struct log_folder_segment *right = b;
    return (left->base_offset > right->base_offset) - (left->base_offset < right->base_offset);
}

static void join_entries(struct log_folder *found)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < found->count; i++) {
        const struct log_folder_segment *entry = &found->segments[i];
        if (count == 0 || found->segments[count - 1].base_offset != entry->base_offset) {
            found->segments[count++] = *entry;
            continue;
        }
        for (int part = 0; part < SEGMENT_PARTS; part++)
            found->segments[count - 1].parts[part] |= entry->parts[part];
    }
    found->count = count;
}

int log_folder_list(struct log_folder *found, struct disk *disk, const char *folder, struct memory *memory,
                    struct error *error)
{
    *found = (struct log_folder){.memory = memory};
    writer_init(&found->leftovers, memory, MEMORY_LOGS, (size_t)1 << 20);
    int rc = disk_list(disk, folder, note_entry, found, error);
    if (rc != 0) {
        log_folder_close(found);
        return rc;
    }
    if (found->count > 1)
        qsort(found->segments, found->count, sizeof *found->segments, compare_segments);
    join_entries(found);
    return 0;
}

void log_folder_close(struct log_folder *found)
{
    memory_free(found->memory, MEMORY_LOGS, found->segments, found->capacity * sizeof *found->segments);
    found->segments = NULL;
    found->count = found->capacity = 0;
    writer_close(&found->leftovers);
}

/* An index without its segment: the names of one segment's files reach the disk in any order. */
static int remove_orphans(const struct log_folder *found, struct disk *disk, const char *folder, struct error *error)
{
    static const enum segment_part parts[] = {SEGMENT_OFFSET_INDEX, SEGMENT_TIME_INDEX, SEGMENT_TRANSACTION_INDEX};
    for (uint32_t i = 0; i < found->count; i++) {
        const struct log_folder_segment *segment = &found->segments[i];
        for (size_t j = 0; j < sizeof parts / sizeof parts[0]; j++) {
            if (segment->parts[SEGMENT_LOG] || !segment->parts[parts[j]])
                continue;
            char path[DISK_PATH_MAX];
            segment_path(folder, segment->base_offset, parts[j], path);
            int rc = disk_remove_file(disk, path, error);
            if (rc != 0 && rc != -ENOENT)
                return rc;
        }
    }
    return 0;
}

int log_folder_remove_leftovers(struct log_folder *found, struct disk *disk, const char *folder, struct error *error)
{
    for (size_t at = 0; at < found->leftovers.size;) {
        const char *name = (const char *)found->leftovers.data + at;
        char path[DISK_PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", folder, name);
        int rc = disk_remove_file(disk, path, error);
        if (rc != 0 && rc != -ENOENT)
            return rc;
        at += strlen(name) + 1;
    }
    return remove_orphans(found, disk, folder, error);
}
