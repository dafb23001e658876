/* Folders that were there before their log: copied in, as from Apache Kafka. */
#include "log_private.h"

#include <stdio.h>

static int find_last_base(void *context, const struct disk_entry *entry)
{
    int64_t *last = context;
    int64_t base;
    enum segment_part part;
    if (!entry->is_folder && segment_parse_name(entry->name, &base, &part) && part == SEGMENT_LOG && base > *last)
        *last = base;
    return 0;
}

int log_find_records(struct disk *disk, const char *folder, int64_t *last_base, struct error *error)
{
    *last_base = -1;
    int rc = disk_list(disk, folder, find_last_base, last_base, error);
    if (rc != 0 || *last_base != 0)
        return rc;
    struct log_handle handle = {0};
    uint64_t size = 0;
    rc = log_handle_open(&handle, disk, folder, 0, SEGMENT_LOG, FILE_READ, error);
    if (rc != 0)
        return rc;
    rc = file_size(handle.file, &size, error);
    file_close(handle.file);
    if (size == 0)
        *last_base = -1;
    return rc;
}

struct syncing {
    struct disk *disk;
    const char *folder;
    struct error *error;
};

static int sync_file(void *context, const struct disk_entry *entry)
{
    const struct syncing *syncing = context;
    char path[2 * DISK_PATH_MAX];
    struct file *file;
    int length = snprintf(path, sizeof path, "%s/%s", syncing->folder, entry->name);
    if (entry->is_folder || length >= DISK_PATH_MAX)
        return 0;
    int rc = disk_open_file(syncing->disk, path, FILE_READ_WRITE, &file, syncing->error);
    if (rc != 0)
        return rc;
    rc = file_sync(file, syncing->error);
    file_close(file);
    return rc;
}

int log_sync_files(struct disk *disk, const char *folder, struct error *error)
{
    struct syncing syncing = {disk, folder, error};
    struct error words;
    int rc = disk_list(disk, folder, sync_file, &syncing, &words);
    return rc == 0 ? disk_sync_folder(disk, folder, error) : rc;
}

int log_write_topic_id(struct disk *disk, const char *folder, struct uuid topic_id, struct error *error)
{
    char path[DISK_PATH_MAX];
    char id[UUID_TEXT_SIZE];
    char text[64];
    uuid_print(topic_id, id);
    snprintf(path, sizeof path, "%s/" LOG_METADATA_FILE, folder);
    snprintf(text, sizeof text, "version: 0\ntopic_id: %s\n", id);
    return disk_replace_file(disk, path, slice_of_text(text), error);
}
