/* The real disk: a folder's descriptor and the *at calls on it, so that nobody's working directory matters. */
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifdef IOV_MAX
#define PARTS_AT_ONCE IOV_MAX
#else
#define PARTS_AT_ONCE 1024 /* Linux's UIO_MAXIOV */
#endif

struct real_disk {
    struct disk disk;
    int root; /* descriptor of the data folder */
};

struct real_file {
    struct file file;
    struct memory *memory;
};

static int root_of(const struct disk *disk)
{
    return ((const struct real_disk *)disk)->root;
}

/* ---- open files ---- */

static int real_read(struct file *file, void *to, size_t size, uint64_t position, size_t *got)
{
    ssize_t n;
    do
        n = pread(file->descriptor, to, size, (off_t)position);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    *got = (size_t)n;
    return 0;
}

/* Where a write has come to: whole parts, and bytes of the one after them. */
struct progress {
    const struct iovec *parts;
    int count;
    size_t skip; /* bytes of parts[0] that are written */
};

static void progress_by(struct progress *at, size_t written)
{
    at->skip += written;
    while (at->count > 0 && at->skip >= at->parts[0].iov_len) {
        at->skip -= at->parts[0].iov_len;
        at->parts++;
        at->count--;
    }
}

static ssize_t write_some(int descriptor, const struct progress *at, off_t position)
{
    if (at->skip != 0) { /* the rest of a part that was cut: rare, so on its own */
        const struct iovec *part = &at->parts[0];
        return pwrite(descriptor, (const uint8_t *)part->iov_base + at->skip, part->iov_len - at->skip, position);
    }
    return pwritev(descriptor, at->parts, at->count < PARTS_AT_ONCE ? at->count : PARTS_AT_ONCE, position);
}

static int real_write(struct file *file, const struct iovec *parts, int count, uint64_t position)
{
    struct progress at = {.parts = parts, .count = count};
    progress_by(&at, 0);
    while (at.count > 0) {
        ssize_t n = write_some(file->descriptor, &at, (off_t)position);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -EIO;
        progress_by(&at, (size_t)n);
        position += (uint64_t)n;
    }
    return 0;
}

static int real_sync(struct file *file)
{
    /* Not again after EINTR or any other failure: the error would be gone, and the bytes perhaps too. */
    return fdatasync(file->descriptor) == 0 ? 0 : -errno;
}

static int real_truncate(struct file *file, uint64_t size)
{
    int rc;
    do
        rc = ftruncate(file->descriptor, (off_t)size);
    while (rc != 0 && errno == EINTR);
    return rc == 0 ? 0 : -errno;
}

static int real_size(struct file *file, uint64_t *size)
{
    struct stat status;
    if (fstat(file->descriptor, &status) != 0)
        return -errno;
    *size = (uint64_t)status.st_size;
    return 0;
}

static bool byte_is_cached(int descriptor, uint64_t position)
{
#ifdef RWF_NOWAIT
    uint8_t byte;
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    return preadv2(descriptor, &part, 1, (off_t)position, RWF_NOWAIT) >= 0 || errno != EAGAIN;
#else
    (void)descriptor, (void)position;
    return true;
#endif
}

static bool real_cached(struct file *file, uint64_t position, uint64_t size)
{
    return byte_is_cached(file->descriptor, position) && byte_is_cached(file->descriptor, position + size - 1);
}

static void real_drop_cached(struct file *file, uint64_t position, uint64_t size)
{
    (void)posix_fadvise(file->descriptor, (off_t)position, (off_t)size, POSIX_FADV_DONTNEED);
}

static void real_close_file(struct file *file)
{
    struct real_file *real = (struct real_file *)file;
    close(file->descriptor);
    memory_free(real->memory, MEMORY_LOGS, real, sizeof *real);
}

static const struct file_ops real_file_ops = {
    .read = real_read,
    .write = real_write,
    .sync = real_sync,
    .truncate = real_truncate,
    .size = real_size,
    .cached = real_cached,
    .drop_cached = real_drop_cached,
    .close = real_close_file,
};

/* ---- the folder ---- */

static int open_at(int root, const char *path, int flags)
{
    int descriptor;
    do
        descriptor = openat(root, path, flags | O_CLOEXEC | O_NOCTTY, 0640);
    while (descriptor < 0 && errno == EINTR);
    return descriptor >= 0 ? descriptor : -errno;
}

static int real_open(struct disk *disk, const char *path, enum file_mode mode, struct file **file)
{
    static const int flags[] = {[FILE_READ] = O_RDONLY, [FILE_READ_WRITE] = O_RDWR, [FILE_CREATE] = O_RDWR | O_CREAT};
    struct real_file *real = memory_alloc(disk->memory, MEMORY_LOGS, sizeof *real);
    if (real == NULL)
        return -ENOMEM;
    int descriptor = open_at(root_of(disk), path, flags[mode]);
    if (descriptor < 0) {
        memory_free(disk->memory, MEMORY_LOGS, real, sizeof *real);
        return descriptor;
    }
    *real = (struct real_file){.file = {.ops = &real_file_ops, .descriptor = descriptor}, .memory = disk->memory};
    *file = &real->file;
    return 0;
}

/* "" is the data folder itself. */
static const char *or_dot(const char *path)
{
    return path[0] != '\0' ? path : ".";
}

static bool is_folder(int folder, const struct dirent64 *entry)
{
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    struct stat status; /* some file systems do not tell */
    return fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

/* getdents64 by hand: opendir would take its 32 KiB from outside of the ledger. */
static int real_list(struct disk *disk, const char *folder, disk_list_callback *callback, void *context)
{
    int descriptor = open_at(root_of(disk), or_dot(folder), O_RDONLY | O_DIRECTORY);
    if (descriptor < 0)
        return descriptor;
    alignas(struct dirent64) char buffer[4096];
    int rc = 0;
    for (;;) {
        ssize_t size = getdents64(descriptor, buffer, sizeof buffer);
        if (size <= 0) {
            rc = size < 0 ? -errno : 0;
            break;
        }
        const struct dirent64 *entry;
        for (ssize_t at = 0; at < size && rc == 0; at += entry->d_reclen) {
            entry = (const struct dirent64 *)(const void *)(buffer + at);
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                continue;
            struct disk_entry told = {.name = entry->d_name, .is_folder = is_folder(descriptor, entry)};
            rc = callback(context, &told);
        }
        if (rc != 0)
            break;
    }
    close(descriptor);
    return rc;
}

static int real_make_folder(struct disk *disk, const char *path)
{
    return mkdirat(root_of(disk), path, 0750) == 0 ? 0 : -errno;
}

static int real_rename(struct disk *disk, const char *from, const char *to)
{
    return renameat(root_of(disk), from, root_of(disk), to) == 0 ? 0 : -errno;
}

static int real_remove_file(struct disk *disk, const char *path)
{
    return unlinkat(root_of(disk), path, 0) == 0 ? 0 : -errno;
}

static int real_remove_folder(struct disk *disk, const char *path)
{
    return unlinkat(root_of(disk), path, AT_REMOVEDIR) == 0 ? 0 : -errno;
}

static int real_sync_folder(struct disk *disk, const char *path)
{
    int descriptor = open_at(root_of(disk), or_dot(path), O_RDONLY | O_DIRECTORY);
    if (descriptor < 0)
        return descriptor;
    int rc = fsync(descriptor) == 0 ? 0 : -errno;
    close(descriptor);
    return rc == -EINVAL ? 0 : rc; /* a file system without such a thing as syncing folders */
}

static int real_sync_all(struct disk *disk)
{
    return syncfs(root_of(disk)) == 0 ? 0 : -errno;
}

/* Since Linux 5.8, syncfs tells of bytes that could not be written back. It knows only of the file system that it is
 * called on, so of none that lies beneath it (overlayfs). */
static bool tells_all_failures(int root)
{
    static const unsigned long file_systems[] = {
        0xef53,     /* ext4 and before */
        0x58465342, /* xfs */
        0x9123683e, /* btrfs */
        0xf2f52010, /* f2fs */
    };
    struct utsname system;
    struct statfs status;
    if (uname(&system) != 0 || fstatfs(root, &status) != 0)
        return false;
    char *rest;
    long major = strtol(system.release, &rest, 10);
    long minor = *rest == '.' ? strtol(rest + 1, &rest, 10) : 0;
    if (major < 5 || (major == 5 && minor < 8))
        return false;
    for (size_t i = 0; i < sizeof file_systems / sizeof file_systems[0]; i++) {
        if ((unsigned long)status.f_type == file_systems[i])
            return true;
    }
    return false;
}

static int real_space(struct disk *disk, struct disk_space *space)
{
    struct statvfs status;
    int rc;
    do
        rc = fstatvfs(root_of(disk), &status);
    while (rc != 0 && errno == EINTR);
    if (rc != 0)
        return -errno;
    space->total = (uint64_t)status.f_blocks * status.f_frsize;
    space->free = (uint64_t)status.f_bavail * status.f_frsize;
    return 0;
}

static void real_close(struct disk *disk)
{
    struct memory *memory = disk->memory;
    close(root_of(disk));
    memory_free(memory, MEMORY_SERVER, disk, sizeof(struct real_disk));
}

#define COMMON_OPS                                                                                                     \
    .open = real_open, .list = real_list, .make_folder = real_make_folder, .rename = real_rename,                      \
    .remove_file = real_remove_file, .remove_folder = real_remove_folder, .sync_folder = real_sync_folder,             \
    .space = real_space, .close = real_close,

static const struct disk_ops real_disk_ops = {COMMON_OPS};
static const struct disk_ops syncing_disk_ops = {COMMON_OPS.sync_all = real_sync_all};

int disk_open_real(const char *root, struct memory *memory, struct disk **disk, struct error *error)
{
    struct real_disk *real = memory_alloc(memory, MEMORY_SERVER, sizeof *real);
    if (real == NULL)
        return error_set_status(error, -ENOMEM, "open %s", root);
    int descriptor = open_at(AT_FDCWD, root, O_RDONLY | O_DIRECTORY);
    if (descriptor < 0) {
        memory_free(memory, MEMORY_SERVER, real, sizeof *real);
        return error_set_status(error, descriptor, "open %s", root);
    }
    const struct disk_ops *ops = tells_all_failures(descriptor) ? &syncing_disk_ops : &real_disk_ops;
    *real = (struct real_disk){.disk = {.ops = ops, .memory = memory}, .root = descriptor};
    *disk = &real->disk;
    return 0;
}
