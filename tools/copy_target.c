#include "copy_target.h"

#include "tar.h"

#include <errno.h>
#include <sys/stat.h>

void copy_target_open(struct copy_target *target, struct disk *disk, FILE *to, struct memory *memory)
{
    *target = (struct copy_target){.disk = disk, .to = to, .memory = memory};
    writer_init(&target->header, memory, MEMORY_SERVER, (size_t)8 * TAR_BLOCK);
}

void copy_target_close(struct copy_target *target)
{
    if (target->file != NULL)
        file_close(target->file);
    target->file = NULL;
    writer_close(&target->header);
}

static int refuse_entry(void *context, const struct disk_entry *entry)
{
    (void)context;
    return strcmp(entry->name, "lost+found") == 0 ? 0 : -ENOTEMPTY;
}

int copy_target_open_folder(const char *root, struct memory *memory, struct disk **disk, struct error *error)
{
    if (mkdir(root, 0750) != 0 && errno != EEXIST)
        return error_set_status(error, -errno, "make the folder %s", root);
    int rc = disk_open_real(root, memory, disk, error);
    if (rc != 0)
        return rc;
    rc = disk_list(*disk, "", refuse_entry, NULL, error);
    if (rc == 0)
        return 0;
    disk_close(*disk);
    return rc == -ENOTEMPTY ? error_set(error, rc, "%s is not empty: name a new folder", root) : rc;
}

/* ---- the archive ---- */

static int put_bytes(struct copy_target *target, slice bytes, struct error *error)
{
    if (bytes.size == 0 || fwrite(bytes.data, 1, bytes.size, target->to) == bytes.size)
        return 0;
    return error_set_status(error, -errno, "the archive");
}

static int begin_entry(struct copy_target *target, const char *path, struct error *error)
{
    struct tar_entry entry = {.kind = TAR_FILE, .size = target->size, .mtime = target->mtime, .mode = 0640};
    snprintf(entry.path, sizeof entry.path, "%s", path);
    writer_cut(&target->header, 0);
    tar_write_header(&target->header, &entry);
    if (!writer_ok(&target->header))
        return error_set_status(error, -ENOMEM, "%s", path);
    return put_bytes(target, writer_slice(&target->header), error);
}

static int end_entry(struct copy_target *target, struct error *error)
{
    static const uint8_t zeros[TAR_BLOCK];
    return put_bytes(target, slice_of(zeros, tar_padding(target->size)), error);
}

/* ---- the folder ---- */

static int sync_names(struct copy_target *target, struct error *error)
{
    return target->folder[0] == '\0' ? 0 : disk_sync_folder(target->disk, target->folder, error);
}

static int begin_file(struct copy_target *target, const char *path, struct error *error)
{
    const char *slash = strrchr(path, '/');
    char folder[DISK_PATH_MAX];
    snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash - path) : 0, path);
    if (strcmp(folder, target->folder) != 0) {
        int rc = sync_names(target, error);
        if (rc == 0 && folder[0] != '\0')
            rc = disk_make_folder(target->disk, folder, error);
        if (rc != 0)
            return rc;
        memcpy(target->folder, folder, sizeof folder);
    }
    return disk_open_file(target->disk, path, FILE_CREATE, &target->file, error);
}

static int end_file(struct copy_target *target, struct error *error)
{
    const struct timespec times[2] = {{.tv_sec = target->mtime}, {.tv_sec = target->mtime}};
    int rc = file_sync(target->file, error);
    /* Of no consequence but for people: nothing of ours goes by a file's time. */
    (void)futimens(target->file->descriptor, times);
    file_close(target->file);
    target->file = NULL;
    return rc;
}

/* ---- both ---- */

int copy_target_begin(struct copy_target *target, const char *path, uint64_t size, int64_t mtime, struct error *error)
{
    target->size = size;
    target->mtime = mtime;
    target->position = 0;
    target->files++;
    return target->disk != NULL ? begin_file(target, path, error) : begin_entry(target, path, error);
}

int copy_target_write(struct copy_target *target, slice bytes, struct error *error)
{
    struct iovec part = {(void *)(uintptr_t)bytes.data, bytes.size};
    int rc = target->disk != NULL ? file_write(target->file, &part, 1, target->position, error)
                                  : put_bytes(target, bytes, error);
    target->position += bytes.size;
    target->bytes += bytes.size;
    return rc;
}

int copy_target_end(struct copy_target *target, struct error *error)
{
    if (target->position != target->size)
        return error_set(error, -EIO, "the file became shorter while it was copied");
    return target->disk != NULL ? end_file(target, error) : end_entry(target, error);
}

int copy_target_put(struct copy_target *target, const char *path, slice bytes, int64_t mtime, struct error *error)
{
    int rc = copy_target_begin(target, path, bytes.size, mtime, error);
    if (rc == 0 && bytes.size > 0)
        rc = copy_target_write(target, bytes, error);
    return rc == 0 ? copy_target_end(target, error) : rc;
}

int copy_target_finish(struct copy_target *target, struct error *error)
{
    if (target->disk != NULL) {
        int rc = sync_names(target, error);
        return rc == 0 ? disk_sync_folder(target->disk, "", error) : rc;
    }
    writer_cut(&target->header, 0);
    tar_write_end(&target->header);
    if (!writer_ok(&target->header))
        return error_set_status(error, -ENOMEM, "the archive");
    int rc = put_bytes(target, writer_slice(&target->header), error);
    if (rc == 0 && fflush(target->to) != 0)
        rc = error_set_status(error, -errno, "the archive");
    return rc;
}
