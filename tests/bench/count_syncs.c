/* Preloaded into a server: counts its calls of fdatasync, fsync and syncfs in the file that BENCH_SYNCS names (8 bytes,
 * this machine's order). With BENCH_NO_SYNC they do nothing else. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static _Atomic uint64_t *count;
static int does_nothing;

__attribute__((constructor)) static void map_count(void)
{
    const char *path = getenv("BENCH_SYNCS");
    does_nothing = getenv("BENCH_NO_SYNC") != NULL;
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED)
        count = map;
    close(fd);
}

static int counted(const char *name, int fd)
{
    int (*call)(int);
    *(void **)&call = dlsym(RTLD_NEXT, name);
    if (count != NULL)
        atomic_fetch_add(count, 1);
    return does_nothing ? 0 : call(fd);
}

int fdatasync(int fd)
{
    return counted("fdatasync", fd);
}

int fsync(int fd)
{
    return counted("fsync", fd);
}

int syncfs(int fd)
{
    return counted("syncfs", fd);
}
