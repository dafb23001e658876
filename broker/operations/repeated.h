/* Names and partitions that a request gives more than once. Kafka refuses every entry of such a name, or, where it only
 * reads, takes one for all. n log n: a request may hold millions. */
#pragma once

#include "arena.h"
#include "slice.h"
#include "status.h"

/* For each of the names, whether another one is equal to it. NULL when out of memory. */
MUST_USE bool *repeated_find(struct arena *arena, const slice *names, int32_t count);

/* For each of the names, the index of the first one that is equal to it. NULL when out of memory. */
MUST_USE int32_t *repeated_find_first_name(struct arena *arena, const slice *names, int32_t count);

struct repeated_partition {
    slice topic; /* its name, or the bytes of its id */
    int32_t partition;
};

/* For each of the partitions, the index of the first one that is equal to it. NULL when out of memory. */
MUST_USE int32_t *repeated_find_first(struct arena *arena, const struct repeated_partition *partitions, int32_t count);
