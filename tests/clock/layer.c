/* Preloaded into a server: clocks that a test sets.
 *
 *     CLOCK_SETTINGS   a file of three int64 of the machine's own byte order, which may change at any time: ms that are
 *                      added to the wall clock, ms that are added to the time since the machine's start, and whether
 *                      the kernel says that its clock is synchronised */
#undef _TIME_BITS

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define SHOWN __attribute__((visibility("default")))

struct settings {
    volatile int64_t wall;
    volatile int64_t boot;
    volatile int64_t synchronised;
};

static const struct settings *settings;
static int (*real_clock)(clockid_t, struct timespec *);
static int (*real_adjust)(struct timex *);

__attribute__((constructor)) static void look_up(void)
{
    const char *path = getenv("CLOCK_SETTINGS");
    *(void **)&real_clock = dlsym(RTLD_NEXT, "clock_gettime");
    *(void **)&real_adjust = dlsym(RTLD_NEXT, "adjtimex");
    int file = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = file >= 0 ? mmap(NULL, sizeof *settings, PROT_READ, MAP_SHARED, file, 0) : MAP_FAILED;
    if (mapped == MAP_FAILED)
        abort();
    close(file);
    settings = mapped;
}

static void add(struct timespec *time, int64_t ms)
{
    int64_t ns = time->tv_nsec + ms % 1000 * 1000000;
    time->tv_sec += (time_t)(ms / 1000) + (ns >= 1000000000) - (ns < 0);
    time->tv_nsec = (long)(ns >= 1000000000 ? ns - 1000000000 : ns < 0 ? ns + 1000000000 : ns);
}

SHOWN int clock_gettime(clockid_t id, struct timespec *now)
{
    int rc = real_clock(id, now);
    if (rc == 0 && settings != NULL && id == CLOCK_REALTIME)
        add(now, settings->wall);
    if (rc == 0 && settings != NULL && id == CLOCK_BOOTTIME)
        add(now, settings->boot);
    return rc;
}

SHOWN int adjtimex(struct timex *state)
{
    int rc = real_adjust(state);
    if (settings->synchronised)
        state->status &= ~STA_UNSYNC;
    else
        state->status |= STA_UNSYNC;
    return rc == -1 ? rc : settings->synchronised ? TIME_OK : TIME_ERROR;
}
