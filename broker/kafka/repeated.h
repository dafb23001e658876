/* Names that a request gives more than once: Kafka refuses every entry of such a name. */
#pragma once

#include "arena.h"
#include "slice.h"
#include "status.h"

/* For each of the names, whether another one is equal to it. n log n: a request may hold millions. NULL when out of
 * memory. */
MUST_USE bool *repeated_find(struct arena *arena, const slice *names, int32_t count);
