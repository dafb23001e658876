#include "file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

static int with_words(int rc, struct error *error, const char *call, const char *path)
{
    if (rc < 0)
        return error_set_status(error, rc, "%s %s", call, path[0] != '\0' ? path : "the data folder");
    return rc;
}

void disk_close(struct disk *disk)
{
    disk->ops->close(disk);
}

int disk_open_file(struct disk *disk, const char *path, enum file_mode mode, struct file **file, struct error *error)
{
    return with_words(disk->ops->open(disk, path, mode, file), error, "open", path);
}

int disk_list(struct disk *disk, const char *folder, disk_list_callback *callback, void *context, struct error *error)
{
    return with_words(disk->ops->list(disk, folder, callback, context), error, "list", folder);
}

int disk_make_folder(struct disk *disk, const char *path, struct error *error)
{
    int rc = disk->ops->make_folder(disk, path);
    return with_words(rc == -EEXIST ? 0 : rc, error, "make folder", path);
}

int disk_rename(struct disk *disk, const char *from, const char *to, struct error *error)
{
    int rc = disk->ops->rename(disk, from, to);
    return rc == 0 ? 0 : error_set_status(error, rc, "rename %s to %s", from, to);
}

int disk_remove_file(struct disk *disk, const char *path, struct error *error)
{
    return with_words(disk->ops->remove_file(disk, path), error, "remove", path);
}

int disk_sync_folder(struct disk *disk, const char *path, struct error *error)
{
    return with_words(disk->ops->sync_folder(disk, path), error, "sync folder", path);
}

bool disk_can_sync_all(const struct disk *disk)
{
    return disk->ops->sync_all != NULL && !atomic_load(&disk->sync_all_failed);
}

int disk_sync_all(struct disk *disk, struct error *error)
{
    int rc = disk_can_sync_all(disk) ? disk->ops->sync_all(disk) : -EIO;
    if (rc != 0)
        atomic_store(&disk->sync_all_failed, true);
    return with_words(rc, error, "sync", "");
}

int disk_find_space(struct disk *disk, struct disk_space *space, struct error *error)
{
    return with_words(disk->ops->space(disk, space), error, "free space of", "");
}

/* ---- a folder and all that is in it ---- */

#define NAME_MAX_SIZE 256 /* of one entry, with the NUL byte */
#define NAMES_AT_ONCE 8   /* entries are not removed while they are listed; each listing gives some to remove */

struct names {
    uint32_t count;
    bool is_folder[NAMES_AT_ONCE];
    char names[NAMES_AT_ONCE][NAME_MAX_SIZE];
};

static int take_name(void *context, const struct disk_entry *entry)
{
    struct names *names = context;
    int length = snprintf(names->names[names->count], NAME_MAX_SIZE, "%s", entry->name);
    if (length >= NAME_MAX_SIZE)
        return -ENAMETOOLONG;
    names->is_folder[names->count] = entry->is_folder;
    names->count++;
    return names->count == NAMES_AT_ONCE;
}

/* `path` is a folder's in a buffer that is worked on and given back as it was. */
static int remove_tree(struct disk *disk, char path[DISK_PATH_MAX]) /* NOLINT(misc-no-recursion) */
{
    size_t length = strlen(path);
    for (;;) {
        struct names names = {.count = 0};
        int rc = disk->ops->list(disk, path, take_name, &names);
        if (rc < 0)
            return rc;
        if (names.count == 0)
            return disk->ops->remove_folder(disk, path);
        for (uint32_t i = 0; i < names.count; i++) {
            int added = snprintf(path + length, DISK_PATH_MAX - length, "/%s", names.names[i]);
            if (added < 0 || (size_t)added >= DISK_PATH_MAX - length)
                rc = -ENAMETOOLONG;
            else
                rc = names.is_folder[i] ? remove_tree(disk, path) : disk->ops->remove_file(disk, path);
            path[length] = '\0';
            if (rc != 0 && rc != -ENOENT)
                return rc;
        }
    }
}

int disk_remove_tree(struct disk *disk, const char *path, struct error *error)
{
    char work[DISK_PATH_MAX];
    int length = snprintf(work, sizeof work, "%s", path);
    int rc = (size_t)length < sizeof work ? remove_tree(disk, work) : -ENAMETOOLONG;
    return with_words(rc == -ENOENT ? 0 : rc, error, "remove folder", path);
}

/* ---- small files ---- */

int disk_read_file(struct disk *disk, const char *path, size_t limit, enum memory_purpose purpose, uint8_t **bytes,
                   size_t *size, struct error *error)
{
    struct file *file;
    int rc = disk_open_file(disk, path, FILE_READ, &file, error);
    if (rc != 0)
        return rc;

    uint64_t length;
    rc = file_size(file, &length, error);
    if (rc != 0)
        goto err_close;
    if (length > limit) {
        rc = error_set(error, FURROW_TOO_LARGE, "%" PRIu64 " bytes, the limit is %zu", length, limit);
        goto err_close;
    }

    uint8_t *block = memory_alloc(disk->memory, purpose, (size_t)length);
    if (block == NULL) {
        rc = error_set_status(error, -ENOMEM, "read");
        goto err_close;
    }
    size_t got = 0;
    rc = file_read(file, block, (size_t)length, 0, &got, error);
    if (rc == 0 && got != length)
        rc = error_set(error, -EIO, "it became shorter while it was read");
    if (rc != 0)
        goto err_free;

    file_close(file);
    *bytes = block;
    *size = (size_t)length;
    return 0;

err_free:
    memory_free(disk->memory, purpose, block, (size_t)length);
err_close:
    file_close(file);
    return error_wrap(error, rc, "%s", path);
}

static int write_whole_file(struct disk *disk, const char *path, slice bytes, struct error *error)
{
    struct file *file;
    int rc = disk_open_file(disk, path, FILE_CREATE, &file, error);
    if (rc != 0)
        return rc;
    struct iovec part = {.iov_base = (void *)bytes.data, .iov_len = bytes.size};
    rc = file_truncate(file, 0, error);
    if (rc == 0)
        rc = file_write(file, &part, 1, 0, error);
    if (rc == 0)
        rc = file_sync(file, error);
    file_close(file);
    return rc == 0 ? 0 : error_wrap(error, rc, "%s", path);
}

int disk_replace_file_unsynced(struct disk *disk, const char *path, slice bytes, struct error *error)
{
    char temporary[DISK_PATH_MAX];
    int length = snprintf(temporary, sizeof temporary, "%s.tmp", path);
    if ((size_t)length >= sizeof temporary)
        return with_words(-ENAMETOOLONG, error, "replace", path);
    int rc = write_whole_file(disk, temporary, bytes, error);
    if (rc == 0)
        rc = disk_rename(disk, temporary, path, error);
    if (rc != 0)
        (void)disk->ops->remove_file(disk, temporary); /* what fails here is found and replaced the next time */
    return rc;
}

int disk_replace_file(struct disk *disk, const char *path, slice bytes, struct error *error)
{
    char folder[DISK_PATH_MAX] = "";
    const char *slash = strrchr(path, '/');
    if (slash != NULL)
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    int rc = disk_replace_file_unsynced(disk, path, bytes, error);
    return rc == 0 ? disk_sync_folder(disk, folder, error) : rc;
}

/* ---- open files ---- */

int file_read(struct file *file, void *to, size_t size, uint64_t position, size_t *got, struct error *error)
{
    size_t total = 0;
    while (total < size) {
        size_t part = 0;
        int rc = file->ops->read(file, (uint8_t *)to + total, size - total, position + total, &part);
        if (rc != 0)
            return error_set_status(error, rc, "read of %zu bytes at %" PRIu64, size, position);
        if (part == 0)
            break;
        total += part;
    }
    *got = total;
    return 0;
}

int file_write(struct file *file, const struct iovec *parts, int count, uint64_t position, struct error *error)
{
    int rc = file->ops->write(file, parts, count, position);
    return rc == 0 ? 0 : error_set_status(error, rc, "write at %" PRIu64, position);
}

int file_sync(struct file *file, struct error *error)
{
    int rc = file->ops->sync(file);
    return rc == 0 ? 0 : error_set_status(error, rc, "sync");
}

int file_truncate(struct file *file, uint64_t size, struct error *error)
{
    int rc = file->ops->truncate(file, size);
    return rc == 0 ? 0 : error_set_status(error, rc, "truncate to %" PRIu64, size);
}

int file_size(struct file *file, uint64_t *size, struct error *error)
{
    int rc = file->ops->size(file, size);
    return rc == 0 ? 0 : error_set_status(error, rc, "size");
}

bool file_is_cached(struct file *file, uint64_t position, uint64_t size)
{
    return size == 0 || file->ops->cached(file, position, size);
}

void file_drop_cached(struct file *file, uint64_t position, uint64_t size)
{
    file->ops->drop_cached(file, position, size);
}

void file_close(struct file *file)
{
    file->ops->close(file);
}
