#include "clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void latencies_init(struct latencies *latencies, size_t capacity)
{
    latencies->ns = calloc(capacity, sizeof *latencies->ns);
    if (latencies->ns == NULL) {
        fprintf(stderr, "bench: out of memory\n");
        exit(1);
    }
    latencies->count = 0;
    latencies->capacity = capacity;
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

double latencies_percentile(struct latencies *latencies, double part)
{
    if (latencies->count == 0)
        return 0;
    qsort(latencies->ns, latencies->count, sizeof *latencies->ns, compare);
    return latencies->ns[(size_t)((double)(latencies->count - 1) * part)] / 1000.0;
}
