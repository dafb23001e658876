#include "backup_partition.h"

#include "log.h"
#include "segment_tail.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define TRIES          100
#define BEFORE_AGAIN   50 /* ms: a compaction that replaces files is done by then, or soon */
#define CHANGED        1  /* open again */
#define WITHOUT_INDEX  2  /* segments at the end */
#define FILE_NAME_SIZE 64

struct backup_file {
    char name[FILE_NAME_SIZE];
    int64_t base_offset;
    enum segment_part part; /* SEGMENT_PARTS: a file of an interrupted compaction */
    struct file *file;      /* NULL: it has gone, and is not needed */
    struct stat status;
    int64_t next;    /* base offset of the segment behind this one; INT64_MAX: none */
    uint32_t behind; /* segments behind this one */
};

static void path_of(const struct backup_partition *p, const char *name, char path[DISK_PATH_MAX])
{
    snprintf(path, DISK_PATH_MAX, "%s/%s", p->folder, name);
}

/* ---- listing ---- */

static int add_file(struct backup_partition *p, const char *name, int64_t base_offset, enum segment_part part)
{
    if (p->count == p->capacity) {
        uint32_t capacity = p->capacity * 2 + 16;
        struct backup_file *files =
            memory_realloc(p->memory, MEMORY_SERVER, p->files, p->capacity * sizeof *files, capacity * sizeof *files);
        if (files == NULL)
            return -ENOMEM;
        p->files = files;
        p->capacity = capacity;
    }
    struct backup_file *file = &p->files[p->count++];
    *file = (struct backup_file){.base_offset = base_offset, .part = part};
    snprintf(file->name, sizeof file->name, "%s", name);
    return 0;
}

static int note_entry(void *context, const struct disk_entry *entry)
{
    struct backup_partition *p = context;
    int64_t base_offset;
    enum segment_part part;
    size_t length = strlen(entry->name);
    if (entry->is_folder || length >= FILE_NAME_SIZE)
        return 0;
    if (segment_parse_name(entry->name, &base_offset, &part))
        return add_file(p, entry->name, base_offset, part);
    if (length < 5 || strcmp(entry->name + length - 5, ".swap") != 0)
        return 0;
    p->is_swapping = true;
    return add_file(p, entry->name, -1, SEGMENT_PARTS);
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct backup_file *)a)->name, ((const struct backup_file *)b)->name);
}

static int list(struct backup_partition *p, struct error *error)
{
    p->count = 0;
    p->is_swapping = false;
    int rc = disk_list(p->disk, p->folder, note_entry, p, error);
    if (p->count > 1)
        qsort(p->files, p->count, sizeof *p->files, compare);
    return rc;
}

/* ---- opening ---- */

static void close_files(struct backup_partition *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (p->files[i].file != NULL)
            file_close(p->files[i].file);
        p->files[i].file = NULL;
    }
}

static int open_file(struct backup_partition *p, struct backup_file *file, struct error *error)
{
    char path[DISK_PATH_MAX];
    path_of(p, file->name, path);
    int rc = disk_open_file(p->disk, path, FILE_READ, &file->file, error);
    if (rc == -EMFILE || rc == -ENFILE)
        return error_set(error, rc, "%s has %u files, more than may be open: raise the limit (ulimit -n)", p->folder,
                         p->count);
    /* The newest snapshot replaces the one before. */
    if (rc == -ENOENT)
        return file->part == SEGMENT_SNAPSHOT ? 0 : CHANGED;
    if (rc == 0 && fstat(file->file->descriptor, &file->status) != 0)
        rc = error_set_status(error, -errno, "%s", path);
    return rc;
}

static bool is_same(const struct backup_partition *p, const struct backup_file *file)
{
    char path[DISK_PATH_MAX];
    struct stat now;
    path_of(p, file->name, path);
    if (file->part == SEGMENT_SNAPSHOT)
        return true;
    return fstatat(p->root, path, &now, 0) == 0 && now.st_dev == file->status.st_dev &&
           now.st_ino == file->status.st_ino;
}

static int open_files(struct backup_partition *p, struct error *error)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < p->count; i++)
        rc = open_file(p, &p->files[i], error);
    for (uint32_t i = 0; rc == 0 && i < p->count; i++)
        rc = is_same(p, &p->files[i]) ? 0 : CHANGED;
    return rc;
}

static void pause_before_again(void)
{
    const struct timespec pause = {.tv_nsec = BEFORE_AGAIN * 1000000L};
    nanosleep(&pause, NULL);
}

/* Until all that was opened stood there at the same time, and no compaction was replacing it; one that never ends is
 * of a server that was killed. */
static int open_together(struct backup_partition *p, struct error *error)
{
    for (int tries = 1;; tries++) {
        int rc = list(p, error);
        if (rc == 0 && p->is_swapping && tries < TRIES)
            rc = CHANGED;
        else if (rc == 0)
            rc = open_files(p, error);
        if (rc <= 0)
            return rc;
        close_files(p);
        if (tries >= 2 * TRIES)
            return error_set(error, -EBUSY, "%s: its files change faster than they can be opened", p->folder);
        pause_before_again();
    }
}

/* What stands behind each file's segment; the last one. */
static void note_order(struct backup_partition *p)
{
    int64_t base_offset = -1, next = INT64_MAX;
    uint32_t behind = 0;
    bool is_segment = false;
    p->last = UINT32_MAX;
    for (uint32_t i = p->count; i-- > 0;) {
        struct backup_file *file = &p->files[i];
        if (file->part == SEGMENT_PARTS)
            continue;
        if (file->base_offset != base_offset && is_segment) {
            next = base_offset;
            behind++;
            is_segment = false;
        }
        base_offset = file->base_offset;
        is_segment |= file->part == SEGMENT_LOG;
        if (file->part == SEGMENT_LOG && p->last == UINT32_MAX)
            p->last = i;
        file->next = next;
        file->behind = behind;
    }
}

static int find_end(struct backup_partition *p, struct error *error)
{
    struct segment_tail tail;
    p->end_offset = 0;
    note_order(p);
    if (p->last == UINT32_MAX)
        return 0;
    const struct backup_file *last = &p->files[p->last];
    int rc = segment_find_tail(&tail, p->disk, p->folder, last->base_offset, last->file, error);
    p->end_offset = tail.end_offset;
    p->end_size = tail.size;
    return rc;
}

/* A folder of that name may be another topic's by now. */
static int check_topic_id(const struct backup_partition *p, struct uuid topic_id, struct error *error)
{
    struct uuid now = UUID_ZERO;
    int rc = log_read_topic_id(p->disk, p->folder, &now, error);
    if (rc != 0 && rc != -ENOENT)
        return rc;
    return uuid_equal(now, topic_id) ? 0 : error_set(error, -ENOENT, "%s: it is another topic's now", p->folder);
}

int backup_partition_open(struct backup_partition *p, struct disk *disk, int root, const char *folder,
                          struct uuid topic_id, struct error *error)
{
    *p = (struct backup_partition){.memory = disk->memory, .disk = disk, .root = root, .folder = folder};
    int rc = open_together(p, error);
    if (rc == 0)
        rc = check_topic_id(p, topic_id, error);
    if (rc == 0)
        rc = find_end(p, error);
    if (rc != 0)
        backup_partition_close(p);
    return rc;
}

void backup_partition_close(struct backup_partition *p)
{
    close_files(p);
    memory_free(p->memory, MEMORY_SERVER, p->files, p->capacity * sizeof *p->files);
    p->files = NULL;
    p->capacity = 0;
    p->count = 0;
}

/* ---- copying ---- */

static bool is_wanted(const struct backup_partition *p, const struct backup_file *file, int64_t log_start)
{
    if (file->file == NULL)
        return false;
    if (file->part == SEGMENT_PARTS)
        return true;
    if (file->next <= log_start || file->base_offset > p->end_offset)
        return false;
    bool is_index = file->part == SEGMENT_OFFSET_INDEX || file->part == SEGMENT_TIME_INDEX ||
                    file->part == SEGMENT_TRANSACTION_INDEX;
    return !is_index || file->behind >= WITHOUT_INDEX;
}

int backup_partition_copy(const struct backup_partition *p, int64_t log_start, backup_copy *copy, void *context,
                          struct error *error)
{
    for (uint32_t i = 0; i < p->count; i++) {
        const struct backup_file *file = &p->files[i];
        char path[DISK_PATH_MAX];
        if (!is_wanted(p, file, log_start))
            continue;
        path_of(p, file->name, path);
        uint64_t bytes = i == p->last ? p->end_size : (uint64_t)file->status.st_size;
        int rc = copy(context, path, file->file, bytes, (int64_t)file->status.st_mtim.tv_sec, error);
        if (rc != 0)
            return error_wrap(error, rc, "%s", path);
    }
    return 0;
}
