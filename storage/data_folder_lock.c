/* Making and locking the data folder: on the real disk, before there is a struct disk. */
#include "data_folder.h"
#include "data_folder_names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* -EEXIST: a file stands there. A folder just made is as durable as what it will hold: its name is synced too. */
static int make_root(const char *root)
{
    struct stat present;
    if (mkdir(root, 0750) != 0) {
        if (errno != EEXIST)
            return -errno;
        return stat(root, &present) != 0 ? -errno : S_ISDIR(present.st_mode) ? 0 : -EEXIST;
    }
    int folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int parent = folder >= 0 ? openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int rc = parent >= 0 && fsync(parent) == 0 ? 0 : -errno;
    if (parent >= 0)
        close(parent);
    if (folder >= 0)
        close(folder);
    return rc == -EACCES || rc == -EINVAL ? 0 : rc; /* a parent that may not be opened, or cannot be synced */
}

static int refuse_foreign(const char *root, struct error *error)
{
    struct memory ledger; /* for one look */
    memory_init(&ledger);
    struct disk *disk;
    int rc = disk_open_real(root, &ledger, &disk, error);
    if (rc != 0)
        return rc;
    rc = data_folder_refuse_foreign(disk, error);
    disk_close(disk);
    return rc;
}

static int open_lock(const char *path, int flags)
{
    int descriptor = open(path, O_CLOEXEC | O_NOCTTY | flags, 0640);
    return descriptor >= 0 ? descriptor : -errno;
}

static int lock_path(const char *root, char path[4096], struct error *error)
{
    if ((size_t)snprintf(path, 4096, "%s/" DATA_FOLDER_LOCK, root) >= 4096)
        return error_set_status(error, -ENAMETOOLONG, "data folder");
    return 0;
}

/* Closes the descriptor when it is locked by another. */
static int take_lock(const char *root, int opened, short kind, struct error *error)
{
    struct flock lock = {.l_type = kind, .l_whence = SEEK_SET};
    if (fcntl(opened, F_OFD_SETLK, &lock) == 0)
        return 0;
    int rc = errno == EAGAIN || errno == EACCES ? FURROW_IN_USE : -errno;
    close(opened);
    return error_set_status(error, rc, "the data folder %s", root);
}

int data_folder_lock_to_read(const char *root, int *descriptor, struct error *error)
{
    char path[4096];
    *descriptor = -1;
    int rc = lock_path(root, path, error);
    if (rc != 0)
        return rc;
    int opened = open_lock(path, O_RDONLY);
    if (opened == -ENOENT)
        return 0;
    if (opened < 0)
        return error_set_status(error, opened, "%s", path);
    rc = take_lock(root, opened, F_RDLCK, error);
    if (rc == 0)
        *descriptor = opened;
    return rc;
}

int data_folder_lock(const char *root, int *descriptor, struct error *error)
{
    int rc = make_root(root);
    if (rc == -EEXIST)
        return error_set(error, -ENOTDIR, "the data folder %s is a file", root);
    if (rc == -ENOENT)
        return error_set(error, rc, "%s: its parent folder does not exist", root);
    if (rc != 0)
        return error_set_status(error, rc, "make the data folder %s", root);

    char path[4096];
    rc = lock_path(root, path, error);
    if (rc != 0)
        return rc;
    int opened = open_lock(path, O_RDWR);
    if (opened == -ENOENT) {
        rc = refuse_foreign(root, error);
        if (rc != 0)
            return error_wrap(error, rc, "%s", root);
        opened = open_lock(path, O_RDWR | O_CREAT);
    }
    if (opened < 0)
        return error_set_status(error, opened, "the data folder %s cannot be written", root);
    rc = take_lock(root, opened, F_WRLCK, error);
    if (rc == 0)
        *descriptor = opened;
    return rc;
}
