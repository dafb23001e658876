/* What time it is for tombstones: a clock that jumped ahead without proof must not end their time (proven_time.h). */
#pragma once

#include "proven_time.h"

/* How much of the time until `wall` may not have passed: a tombstone whose time of `ms` ends so much before `wall` has
 * had all of it, as far as is proven. 0 as long as the clock never jumped. */
int64_t cleaner_unproven_ms(const struct proven_time *time, int64_t wall, int64_t ms);
