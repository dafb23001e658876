/* Preloaded into a server: keeps a journal (journal.h) of all that is done to its data folder, from which a test makes
 * what a power cut at this moment would have left.
 *
 *     POWER_FOLDER    the data folder; it exists
 *     POWER_JOURNAL   the journal; it is gone on with when it is there
 *     POWER_SYNC_US   a sync takes a random time below this, as a disk's would; the real one is not asked
 *     POWER_DEAF      a disk that lies: syncs of `files` or `folders` succeed and are nothing, and those of all
 *     POWER_CUT_AT    the process dies in place of the n-th change or sync, counted from 0
 *
 * The journal is written after the call that it tells of, under one lock: a change that the journal does not know has
 * not returned to its caller, so nobody may count on it. A sync covers what was in the journal when it began.
 *
 * What is part of the data folder is known by inode: a set of its folders, and for each descriptor the file behind it.
 * Calls that this layer does not follow (writable mappings, links, O_SYNC) end the process rather than go unnoticed. */
#undef _FILE_OFFSET_BITS /* both names of each call are defined here, so neither may stand for the other */
#undef _TIME_BITS

#include "journal.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SHOWN             __attribute__((visibility("default")))
#define ALSO(name, other) SHOWN extern __typeof__(name) other __attribute__((alias(#name)))
#define REAL(name)        ((__typeof__(&name))real(#name))

#define MAX_DESCRIPTORS   (1 << 20)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool active;
static dev_t device;
static ino_t *folders;
static size_t folder_count, folder_capacity;
static ino_t nodes[MAX_DESCRIPTORS]; /* what is behind a descriptor; 0: nothing of the data folder */
static unsigned sync_us;
static bool deaf_to_files, deaf_to_folders;
static long cut_countdown = -1;

static void *real(const char *name)
{
    void *call = dlsym(RTLD_NEXT, name);
    if (call == NULL) {
        fprintf(stderr, "power layer: there is no %s\n", name);
        abort();
    }
    return call;
}

static void refuse(const char *what)
{
    fprintf(stderr, "power layer: cannot follow %s in the data folder\n", what);
    abort();
}

/* ---- the data folder ---- */

static bool is_folder(ino_t node)
{
    for (size_t i = 0; i < folder_count; i++) {
        if (folders[i] == node)
            return true;
    }
    return false;
}

static void add_folder(ino_t node)
{
    if (folder_count == folder_capacity) {
        folder_capacity = folder_capacity * 2 + 64;
        folders = realloc(folders, folder_capacity * sizeof *folders);
        if (folders == NULL)
            abort();
    }
    folders[folder_count++] = node;
}

static void drop_folder(ino_t node)
{
    for (size_t i = 0; i < folder_count; i++) {
        if (folders[i] == node) {
            folders[i] = folders[--folder_count];
            return;
        }
    }
}

static int meet(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)path, (void)at;
    if (kind == FTW_D)
        add_folder(status->st_ino);
    return 0;
}

__attribute__((constructor)) static void begin(void)
{
    const char *folder = getenv("POWER_FOLDER"), *journal = getenv("POWER_JOURNAL"), *value;
    struct stat status;
    if (folder == NULL || journal == NULL)
        return;
    if (stat(folder, &status) != 0 || nftw(folder, meet, 16, FTW_PHYS) != 0) {
        perror(folder);
        abort();
    }
    device = status.st_dev;
    if ((value = getenv("POWER_SYNC_US")) != NULL)
        sync_us = (unsigned)strtoul(value, NULL, 10);
    if ((value = getenv("POWER_DEAF")) != NULL) {
        deaf_to_files = strstr(value, "files") != NULL;
        deaf_to_folders = strstr(value, "folders") != NULL;
    }
    if ((value = getenv("POWER_CUT_AT")) != NULL)
        cut_countdown = strtol(value, NULL, 10);
    journal_open(journal);
    active = true;
}

struct place {
    ino_t folder; /* 0: not in the data folder */
    const char *name;
};

static struct place find_place(int folder, const char *path)
{
    struct place place = {.name = path};
    const char *slash = strrchr(path, '/');
    char parent[4096] = ".";
    struct stat status;
    if (slash != NULL) {
        snprintf(parent, sizeof parent, "%.*s", (int)(slash - path + 1), path);
        place.name = slash + 1;
    }
    if (fstatat(folder, parent, &status, 0) == 0 && status.st_dev == device && is_folder(status.st_ino))
        place.folder = status.st_ino;
    return place;
}

static ino_t node_at(int folder, const char *path)
{
    struct stat status;
    return fstatat(folder, path, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status.st_ino : 0;
}

static ino_t node_of(int descriptor)
{
    return active && descriptor >= 0 && descriptor < MAX_DESCRIPTORS ? nodes[descriptor] : 0;
}

/* ---- noting ---- */

static void note(enum journal_kind kind, ino_t node, uint64_t a, const struct iovec *parts, size_t size)
{
    if (cut_countdown >= 0 && cut_countdown-- == 0) {
        kill(getpid(), SIGKILL);
        for (;;)
            pause();
    }
    journal_add(kind, node, a, parts, size);
}

static void note_name(enum journal_kind kind, struct place place, ino_t node)
{
    struct iovec name = {(void *)(uintptr_t)place.name, strlen(place.name)};
    note(kind, place.folder, node, &name, name.iov_len);
}

/* ---- names ---- */

static void note_opened(int descriptor, struct place place, bool is_new, int flags)
{
    struct stat status;
    if (descriptor >= MAX_DESCRIPTORS || fstat(descriptor, &status) != 0 || status.st_dev != device)
        return;
    if (S_ISDIR(status.st_mode) ? !is_folder(status.st_ino) : place.folder == 0)
        return;
    if ((flags & (O_SYNC | O_DSYNC)) != 0 || (flags & O_TMPFILE) == O_TMPFILE)
        refuse("O_SYNC, O_DSYNC or O_TMPFILE");
    nodes[descriptor] = status.st_ino;
    if (is_new)
        note_name(JOURNAL_CREATE, place, status.st_ino);
    else if ((flags & O_TRUNC) != 0)
        note(JOURNAL_RESIZE, status.st_ino, 0, NULL, 0);
}

static int open_and_note(int folder, const char *path, int flags, mode_t mode)
{
    if (!active)
        return REAL(openat)(folder, path, flags, mode);
    pthread_mutex_lock(&lock);
    struct place place = find_place(folder, path);
    bool is_new = (flags & O_CREAT) != 0 && place.folder != 0 && node_at(folder, path) == 0;
    int descriptor = REAL(openat)(folder, path, flags, mode);
    int code = errno;
    if (descriptor >= 0)
        note_opened(descriptor, place, is_new, flags);
    pthread_mutex_unlock(&lock);
    errno = code;
    return descriptor;
}

static mode_t mode_of(int flags, va_list *arguments)
{
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? (mode_t)va_arg(*arguments, unsigned) : 0;
}

SHOWN int openat(int folder, const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, &arguments);
    va_end(arguments);
    return open_and_note(folder, path, flags, mode);
}
ALSO(openat, openat64);

SHOWN int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, &arguments);
    va_end(arguments);
    return open_and_note(AT_FDCWD, path, flags, mode);
}
ALSO(open, open64);

SHOWN int close(int descriptor)
{
    if (node_of(descriptor) != 0) {
        pthread_mutex_lock(&lock);
        nodes[descriptor] = 0;
        pthread_mutex_unlock(&lock);
    }
    return REAL(close)(descriptor);
}

SHOWN int mkdirat(int folder, const char *path, mode_t mode)
{
    if (!active)
        return REAL(mkdirat)(folder, path, mode);
    pthread_mutex_lock(&lock);
    struct place place = find_place(folder, path);
    int rc = REAL(mkdirat)(folder, path, mode);
    int code = errno;
    if (rc == 0 && place.folder != 0) {
        add_folder(node_at(folder, path));
        note_name(JOURNAL_MAKE_FOLDER, place, node_at(folder, path));
    }
    pthread_mutex_unlock(&lock);
    errno = code;
    return rc;
}

SHOWN int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

SHOWN int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    if (!active)
        return REAL(renameat)(from_folder, from, to_folder, to);
    pthread_mutex_lock(&lock);
    struct place old = find_place(from_folder, from), new = find_place(to_folder, to);
    if ((old.folder == 0) != (new.folder == 0))
        refuse("a rename into it or out of it");
    int rc = REAL(renameat)(from_folder, from, to_folder, to);
    int code = errno;
    if (rc == 0 && old.folder != 0) {
        struct iovec names[] = {{(void *)(uintptr_t)old.name, strlen(old.name) + 1},
                                {(void *)(uintptr_t) new.name, strlen(new.name)}};
        note(JOURNAL_RENAME, old.folder, new.folder, names, names[0].iov_len + names[1].iov_len);
    }
    pthread_mutex_unlock(&lock);
    errno = code;
    return rc;
}

SHOWN int rename(const char *from, const char *to)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

SHOWN int unlinkat(int folder, const char *path, int flags)
{
    if (!active)
        return REAL(unlinkat)(folder, path, flags);
    pthread_mutex_lock(&lock);
    struct place place = find_place(folder, path);
    ino_t node = node_at(folder, path);
    int rc = REAL(unlinkat)(folder, path, flags);
    int code = errno;
    if (rc == 0 && place.folder != 0) {
        drop_folder(node);
        note_name(JOURNAL_REMOVE, place, 0);
    }
    pthread_mutex_unlock(&lock);
    errno = code;
    return rc;
}

SHOWN int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

SHOWN int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

SHOWN int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
    if (active && find_place(to_folder, to).folder != 0)
        refuse("a link");
    return REAL(linkat)(from_folder, from, to_folder, to, flags);
}

SHOWN int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* ---- bytes ---- */

static ssize_t write_and_note(int descriptor, const struct iovec *parts, int count, off_t position)
{
    if (node_of(descriptor) == 0)
        return REAL(pwritev)(descriptor, parts, count, position);
    pthread_mutex_lock(&lock);
    ssize_t n = REAL(pwritev)(descriptor, parts, count, position);
    int code = errno;
    if (n > 0)
        note(JOURNAL_WRITE, nodes[descriptor], (uint64_t)position, parts, (size_t)n);
    pthread_mutex_unlock(&lock);
    errno = code;
    return n;
}

SHOWN ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t position)
{
    return write_and_note(descriptor, parts, count, position);
}
ALSO(pwritev, pwritev64);

SHOWN ssize_t pwrite(int descriptor, const void *bytes, size_t size, off_t position)
{
    struct iovec part = {(void *)(uintptr_t)bytes, size};
    return write_and_note(descriptor, &part, 1, position);
}
ALSO(pwrite, pwrite64);

SHOWN ssize_t pwritev2(int descriptor, const struct iovec *parts, int count, off_t position, int flags)
{
    if (node_of(descriptor) == 0)
        return REAL(pwritev2)(descriptor, parts, count, position, flags);
    if (position < 0 || (flags & ~RWF_NOWAIT) != 0)
        refuse("pwritev2 with flags");
    return write_and_note(descriptor, parts, count, position);
}
ALSO(pwritev2, pwritev64v2);

SHOWN ssize_t writev(int descriptor, const struct iovec *parts, int count)
{
    if (node_of(descriptor) == 0)
        return REAL(writev)(descriptor, parts, count);
    pthread_mutex_lock(&lock);
    ssize_t n = REAL(writev)(descriptor, parts, count);
    int code = errno;
    if (n > 0)
        note(JOURNAL_WRITE, nodes[descriptor], (uint64_t)(lseek(descriptor, 0, SEEK_CUR) - n), parts, (size_t)n);
    pthread_mutex_unlock(&lock);
    errno = code;
    return n;
}

SHOWN ssize_t write(int descriptor, const void *bytes, size_t size)
{
    struct iovec part = {(void *)(uintptr_t)bytes, size};
    return node_of(descriptor) == 0 ? REAL(write)(descriptor, bytes, size) : writev(descriptor, &part, 1);
}

static int resize_and_note(int descriptor, off_t size)
{
    if (node_of(descriptor) == 0)
        return REAL(ftruncate)(descriptor, size);
    pthread_mutex_lock(&lock);
    int rc = REAL(ftruncate)(descriptor, size);
    int code = errno;
    if (rc == 0)
        note(JOURNAL_RESIZE, nodes[descriptor], (uint64_t)size, NULL, 0);
    pthread_mutex_unlock(&lock);
    errno = code;
    return rc;
}

SHOWN int ftruncate(int descriptor, off_t size)
{
    return resize_and_note(descriptor, size);
}
ALSO(ftruncate, ftruncate64);

SHOWN int fallocate(int descriptor, int mode, off_t position, off_t size)
{
    struct stat status;
    if (node_of(descriptor) == 0 || mode == FALLOC_FL_KEEP_SIZE)
        return REAL(fallocate)(descriptor, mode, position, size);
    if (mode != 0)
        refuse("fallocate with a mode");
    if (fstat(descriptor, &status) == 0 && status.st_size < position + size)
        return resize_and_note(descriptor, position + size);
    return 0;
}
ALSO(fallocate, fallocate64);

SHOWN ssize_t copy_file_range(int in, off64_t *in_position, int out, off64_t *out_position, size_t size, unsigned flags)
{
    if (node_of(out) != 0)
        refuse("copy_file_range");
    return REAL(copy_file_range)(in, in_position, out, out_position, size, flags);
}

/* Called before dlsym can be. */
SHOWN void *mmap(void *address, size_t size, int protection, int flags, int descriptor, off_t position)
{
    if (node_of(descriptor) != 0 && (flags & MAP_SHARED) != 0 && (protection & PROT_WRITE) != 0)
        refuse("a writable mapping");
    return (void *)syscall(SYS_mmap, address, size, protection, flags, descriptor, position);
}
ALSO(mmap, mmap64);

/* ---- syncs ---- */

static void wait_for_disk(void)
{
    if (sync_us == 0)
        return;
    struct timespec now, pause = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    pause.tv_nsec = (long)((unsigned long)now.tv_nsec / 16 * 2654435761U % sync_us) * 1000;
    nanosleep(&pause, NULL);
}

static int sync_and_note(enum journal_kind kind, ino_t node)
{
    pthread_mutex_lock(&lock);
    uint64_t began = journal_size();
    bool deaf = deaf_to_files || deaf_to_folders;
    if (kind == JOURNAL_SYNC)
        deaf = is_folder(node) ? deaf_to_folders : deaf_to_files;
    pthread_mutex_unlock(&lock);
    wait_for_disk();
    pthread_mutex_lock(&lock);
    if (!deaf)
        note(kind, node, began, NULL, 0);
    pthread_mutex_unlock(&lock);
    return 0;
}

SHOWN int fsync(int descriptor)
{
    ino_t node = node_of(descriptor);
    return node != 0 ? sync_and_note(JOURNAL_SYNC, node) : REAL(fsync)(descriptor);
}

SHOWN int fdatasync(int descriptor)
{
    ino_t node = node_of(descriptor);
    return node != 0 ? sync_and_note(JOURNAL_SYNC, node) : REAL(fdatasync)(descriptor);
}

SHOWN int syncfs(int descriptor)
{
    return node_of(descriptor) != 0 ? sync_and_note(JOURNAL_SYNC_ALL, 0) : REAL(syncfs)(descriptor);
}
