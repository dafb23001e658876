/* What a group has committed: by topic and partition, in memory that follows the number of offsets alone.
 *
 * Topics in no order, partitions of one sorted; a group has few of both. A value that cannot be put for lack of memory
 * leaves what was there. */
#pragma once

#include "memory.h"
#include "slice.h"

#include <stdint.h>

struct committed_offset {
    int64_t offset;
    int64_t committed_at; /* ms, wall clock: when the commit came */
    int32_t leader_epoch; /* -1: not known */
    slice metadata;       /* the client's own */
};

struct committed_partition {
    int32_t partition;
    struct committed_offset value; /* metadata is a copy */
};

struct committed_topic {
    slice name; /* a copy */
    struct committed_partition *partitions;
    uint32_t count;
    uint32_t capacity;
};

struct committed_offsets {
    struct memory *memory;
    struct committed_topic *topics;
    uint32_t topic_count;
    uint32_t topic_capacity;
};

void committed_offsets_init(struct committed_offsets *offsets, struct memory *memory);
void committed_offsets_close(struct committed_offsets *offsets);

/* -ENOMEM. */
MUST_USE int committed_offsets_put(struct committed_offsets *offsets, slice topic, int32_t partition,
                                   const struct committed_offset *value);
/* NULL when there is none; valid until the next change. */
const struct committed_offset *committed_offsets_find(const struct committed_offsets *offsets, slice topic,
                                                      int32_t partition);
/* False when there was none. */
bool committed_offsets_remove(struct committed_offsets *offsets, slice topic, int32_t partition);
