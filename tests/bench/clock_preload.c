/* Preloaded into a server: its time goes BENCH_CLOCK_FACTOR times as fast, so that an hour's background work is seen
 * in a minute. Covers what furrowd uses: the clocks, and the timeouts of epoll. The disk's time stays as it is. */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#define NS_PER_S 1000000000

static int64_t factor = 1;
static struct timespec started[CLOCK_BOOTTIME + 1];
static int (*real_clock)(clockid_t, struct timespec *);
static int (*real_wait)(int, struct epoll_event *, int, int, const sigset_t *);

__attribute__((constructor)) static void look_up(void)
{
    const char *text = getenv("BENCH_CLOCK_FACTOR");
    *(void **)&real_clock = dlsym(RTLD_NEXT, "clock_gettime");
    *(void **)&real_wait = dlsym(RTLD_NEXT, "epoll_pwait");
    for (clockid_t id = 0; id <= CLOCK_BOOTTIME; id++)
        (void)real_clock(id, &started[id]);
    factor = text != NULL && atoll(text) > 0 ? atoll(text) : 1;
}

static bool goes_faster(clockid_t id)
{
    return id >= 0 && id <= CLOCK_BOOTTIME && id != CLOCK_PROCESS_CPUTIME_ID && id != CLOCK_THREAD_CPUTIME_ID;
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    int rc = real_clock(id, now);
    if (rc != 0 || !goes_faster(id))
        return rc;
    const struct timespec *start = &started[id];
    int64_t gone = (int64_t)(now->tv_sec - start->tv_sec) * NS_PER_S + now->tv_nsec - start->tv_nsec;
    int64_t then = start->tv_nsec + gone * factor;
    now->tv_sec = start->tv_sec + (time_t)(then / NS_PER_S);
    now->tv_nsec = (long)(then % NS_PER_S);
    return 0;
}

int epoll_pwait(int fd, struct epoll_event *events, int count, int timeout_ms, const sigset_t *mask)
{
    int64_t shorter = timeout_ms > 0 ? (timeout_ms + factor - 1) / factor : timeout_ms;
    return real_wait(fd, events, count, (int)shorter, mask);
}

int epoll_wait(int fd, struct epoll_event *events, int count, int timeout_ms)
{
    return epoll_pwait(fd, events, count, timeout_ms, NULL);
}
