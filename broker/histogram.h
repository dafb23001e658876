/* How long things took, counted in buckets, as Prometheus wants them. */
#pragma once

#include <stdint.h>

#define HISTOGRAM_BOUNDS 16

struct histogram {
    uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* of each bucket alone; the last: longer than all bounds */
    uint64_t sum;                          /* ns */
};

/* Ascending; a bucket holds what took at most so many µs. */
extern const uint32_t histogram_bounds_us[HISTOGRAM_BOUNDS];

void histogram_add(struct histogram *histogram, uint64_t ns);
