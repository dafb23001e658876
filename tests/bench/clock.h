/* Monotonic time, and the latencies of many requests. */
#pragma once

#include <stddef.h>
#include <stdint.h>

int64_t clock_ns(void);

struct latencies {
    uint32_t *ns; /* each, cut at 4 s */
    size_t count;
    size_t capacity; /* those beyond it are not kept */
};

void latencies_init(struct latencies *latencies, size_t capacity);

static inline void latencies_add(struct latencies *latencies, int64_t ns)
{
    if (latencies->count < latencies->capacity)
        latencies->ns[latencies->count++] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

/* Microseconds below which the part lies; sorts. */
double latencies_percentile(struct latencies *latencies, double part);
