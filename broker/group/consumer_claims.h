/* Partitions that a member of a consumer group has, or is to have: a list, ascending by topic id and partition, without
 * doubles. */
#pragma once

#include "memory.h"
#include "uuid.h"

#include <stdbool.h>
#include <stdint.h>

struct claim {
    struct uuid topic;
    int32_t partition;
    int32_t epoch; /* the member's, when it was given the partition; 0 where it does not matter */
};

struct claims {
    struct claim *items;
    uint32_t count;
    uint32_t capacity;
};

/* Room for `count`; the list is empty. -ENOMEM. */
MUST_USE int claims_reserve(struct memory *memory, struct claims *claims, uint32_t count);
/* What was not filled is given back, if that is possible. */
void claims_trim(struct memory *memory, struct claims *claims);
/* -ENOMEM. */
MUST_USE int claims_copy(struct memory *memory, struct claims *to, const struct claims *from);
void claims_free(struct memory *memory, struct claims *claims);
/* Sorts what was added in any order, and drops doubles. */
void claims_sort(struct claims *claims);

const struct claim *claims_find(const struct claims *claims, struct uuid topic, int32_t partition);
/* Epochs are not looked at. */
bool claims_equal(const struct claims *a, const struct claims *b);

/* How many of one topic begin at `at`. */
uint32_t claims_run(const struct claims *claims, uint32_t at);
uint32_t claims_topic_count(const struct claims *claims);

static inline void claims_add(struct claims *claims, struct claim claim)
{
    claims->items[claims->count++] = claim;
}
