/* Preloaded into a server: a disk that fails where and when a test wants it.
 *
 *     FAULT_FOLDER  the data folder: only what is under it fails
 *     FAULT_RULES   a file of rules, read anew whenever it has changed; missing or empty: nothing fails
 *
 * A rule is a line `CALL ERROR PATH`: calls of that kind on paths that have PATH in them fail with the error.
 *     CALL   open, read, write, sync, truncate, rename, remove, or any
 *     ERROR  EIO, ENOSPC, EDQUOT, EACCES, EROFS
 * `space BYTES -` is what the file system says to be free. */
#undef _FILE_OFFSET_BITS /* both names of each call are defined here, so neither may stand for the other */
#undef _TIME_BITS

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#define SHOWN             __attribute__((visibility("default")))
#define ALSO(name, other) SHOWN extern __typeof__(name) other __attribute__((alias(#name)))
#define REAL(name)        ((__typeof__(&name))real(#name))

#define MAX_RULES         32

struct rule {
    char call[16];
    char error[24];
    char path[256];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static const char *rules_path;
static struct timespec rules_of; /* the time of the file that was read */
static struct rule rules[MAX_RULES];
static int rule_count;

static void *real(const char *name)
{
    void *call = dlsym(RTLD_NEXT, name);
    if (call == NULL) {
        fprintf(stderr, "fault layer: there is no %s\n", name);
        abort();
    }
    return call;
}

__attribute__((constructor)) static void begin(void)
{
    const char *named = getenv("FAULT_FOLDER");
    rules_path = getenv("FAULT_RULES");
    if (named != NULL)
        snprintf(folder, sizeof folder, "%s/", named);
}

/* ---- rules ---- */

static void read_rules(void)
{
    struct stat status;
    if (rules_path == NULL || stat(rules_path, &status) != 0) {
        rule_count = 0;
        return;
    }
    if (status.st_mtim.tv_sec == rules_of.tv_sec && status.st_mtim.tv_nsec == rules_of.tv_nsec)
        return;
    rules_of = status.st_mtim;
    rule_count = 0;
    FILE *file = fopen(rules_path, "re");
    if (file == NULL)
        return;
    while (rule_count < MAX_RULES) {
        struct rule *rule = &rules[rule_count];
        if (fscanf(file, "%15s %23s %255s", rule->call, rule->error, rule->path) != 3)
            break;
        rule_count++;
    }
    fclose(file);
}

static int code_of(const char *error)
{
    static const struct {
        const char *name;
        int code;
    } known[] = {{"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EACCES", EACCES}, {"EROFS", EROFS}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(error, known[i].name) == 0)
            return known[i].code;
    }
    return EIO;
}

/* True, and errno set, when such a call on that path is to fail. */
static bool fails(const char *call, const char *path)
{
    int saved = errno, code = 0;
    size_t size = strlen(folder);
    if (size == 0 || strncmp(path, folder, size) != 0)
        return false;
    pthread_mutex_lock(&lock);
    read_rules();
    for (int i = 0; i < rule_count && code == 0; i++) {
        bool is_call = strcmp(rules[i].call, call) == 0 || strcmp(rules[i].call, "any") == 0;
        if (is_call && strstr(path + size, rules[i].path) != NULL)
            code = code_of(rules[i].error);
    }
    pthread_mutex_unlock(&lock);
    errno = code != 0 ? code : saved;
    return code != 0;
}

static bool descriptor_fails(const char *call, int fd)
{
    char link[64], path[PATH_MAX];
    int saved = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    errno = saved;
    if (size <= 0)
        return false;
    path[size] = '\0';
    return fails(call, path);
}

static bool name_fails(const char *call, int at, const char *name)
{
    char link[64], path[2 * PATH_MAX];
    ssize_t size = 0;
    if (name[0] != '/' && at != AT_FDCWD) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        size = readlink(link, path, PATH_MAX - 1);
        if (size <= 0)
            return false;
        path[size++] = '/';
    }
    snprintf(path + size, sizeof path - (size_t)size, "%s", name);
    return fails(call, path);
}

static bool find_space(unsigned long *bytes)
{
    bool found = false;
    pthread_mutex_lock(&lock);
    read_rules();
    for (int i = 0; i < rule_count; i++) {
        if (strcmp(rules[i].call, "space") == 0) {
            *bytes = strtoul(rules[i].error, NULL, 10);
            found = true;
        }
    }
    pthread_mutex_unlock(&lock);
    return found;
}

/* ---- the calls ---- */

SHOWN ssize_t pread64(int fd, void *to, size_t size, off64_t position)
{
    return descriptor_fails("read", fd) ? -1 : REAL(pread64)(fd, to, size, position);
}

SHOWN ssize_t sendfile64(int out, int in, off64_t *position, size_t size)
{
    return descriptor_fails("read", in) ? -1 : REAL(sendfile64)(out, in, position, size);
}

SHOWN ssize_t pwrite64(int fd, const void *from, size_t size, off64_t position)
{
    return descriptor_fails("write", fd) ? -1 : REAL(pwrite64)(fd, from, size, position);
}

SHOWN ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t position)
{
    return descriptor_fails("write", fd) ? -1 : REAL(pwritev64)(fd, parts, count, position);
}

SHOWN int ftruncate64(int fd, off64_t size)
{
    return descriptor_fails("truncate", fd) ? -1 : REAL(ftruncate64)(fd, size);
}

SHOWN int fdatasync(int fd)
{
    return descriptor_fails("sync", fd) ? -1 : REAL(fdatasync)(fd);
}

SHOWN int fsync(int fd)
{
    return descriptor_fails("sync", fd) ? -1 : REAL(fsync)(fd);
}

SHOWN int syncfs(int fd)
{
    return descriptor_fails("sync", fd) ? -1 : REAL(syncfs)(fd);
}

SHOWN int openat64(int at, const char *name, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return name_fails("open", at, name) ? -1 : REAL(openat64)(at, name, flags, mode);
}

SHOWN int renameat(int at, const char *from, int to_at, const char *to)
{
    return name_fails("rename", at, from) ? -1 : REAL(renameat)(at, from, to_at, to);
}

SHOWN int unlinkat(int at, const char *name, int flags)
{
    return name_fails("remove", at, name) ? -1 : REAL(unlinkat)(at, name, flags);
}

SHOWN int fstatvfs64(int fd, struct statvfs64 *status)
{
    unsigned long free_bytes;
    int rc = REAL(fstatvfs64)(fd, status);
    if (rc == 0 && find_space(&free_bytes))
        status->f_bavail = status->f_bfree = free_bytes / status->f_frsize;
    return rc;
}

#if ULONG_MAX > UINT_MAX /* where off_t is off64_t, the other names are the same calls */
ALSO(pread64, pread);
ALSO(sendfile64, sendfile);
ALSO(pwrite64, pwrite);
ALSO(pwritev64, pwritev);
ALSO(ftruncate64, ftruncate);
ALSO(openat64, openat);
#endif
