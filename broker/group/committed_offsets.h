/* What a group has committed: by topic and partition, in memory that follows the number of offsets alone.
 *
 * A value that is on its way to the log has a place reserved first, so that nothing can fail once the log has it. Until
 * then, and while its topic is going, it is not found. Topics are sorted by their names' bytes, partitions of one by
 * their numbers. */
#pragma once

#include "memory.h"
#include "slice.h"

#include <stdbool.h>
#include <stdint.h>

struct committed_offset {
    int64_t offset;
    int64_t committed_at; /* ms, wall clock: when the commit came */
    int64_t expires_at;   /* ms, wall clock: as the client wanted it (OffsetCommit 2 to 4); 0: when all others would */
    slice metadata;       /* the client's own */
    int32_t leader_epoch; /* -1: not known */
};

struct committed_partition {
    int32_t partition;
    uint32_t awaited : 31; /* values on their way */
    bool has_value : 1;
    uint32_t pending;              /* of those awaited: in the log, and waiting for the end of a transaction */
    struct committed_offset value; /* metadata is a copy */
};

struct committed_topic {
    struct committed_partition *partitions;
    uint32_t count;
    uint32_t capacity;
    bool is_going;      /* it was deleted: its values wait to be removed */
    bool is_subscribed; /* for who looks at all topics at once */
    slice name;         /* behind this */
};

struct committed_offsets {
    struct memory *memory;
    struct committed_topic **topics;
    uint32_t topic_count;
    uint32_t topic_capacity;
};

void committed_offsets_init(struct committed_offsets *offsets, struct memory *memory);
void committed_offsets_close(struct committed_offsets *offsets);

/* A place for one value, and a copy of its metadata. -ENOMEM; -EBUSY: the topic is going. */
MUST_USE int committed_offsets_reserve(struct committed_offsets *offsets, slice topic, int32_t partition,
                                       slice metadata, slice *kept);
/* One for each that was reserved: the value, whose metadata is the copy; or the copy of one that was not to be. */
void committed_offsets_settle(struct committed_offsets *offsets, slice topic, int32_t partition,
                              const struct committed_offset *value);
void committed_offsets_release(struct committed_offsets *offsets, slice topic, int32_t partition, slice kept);
/* Both at once. -ENOMEM, -EBUSY. */
MUST_USE int committed_offsets_put(struct committed_offsets *offsets, slice topic, int32_t partition,
                                   const struct committed_offset *value);

/* One that was reserved for has come to wait for the end of a transaction; and waits no more. */
void committed_offsets_add_pending(struct committed_offsets *offsets, slice topic, int32_t partition);
void committed_offsets_remove_pending(struct committed_offsets *offsets, slice topic, int32_t partition);
/* What holds next is not decided: who wants that must ask again. */
bool committed_offsets_is_pending(const struct committed_offsets *offsets, slice topic, int32_t partition);

/* NULL when there is none; valid until the next change. */
const struct committed_offset *committed_offsets_find(const struct committed_offsets *offsets, slice topic,
                                                      int32_t partition);
struct committed_topic *committed_offsets_find_topic(const struct committed_offsets *offsets, slice topic);
/* False when there was none. */
bool committed_offsets_remove(struct committed_offsets *offsets, slice topic, int32_t partition);
