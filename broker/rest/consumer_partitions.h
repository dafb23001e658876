/* The partitions that a consumer instance reads, with how far it has come in each.
 *
 *     committed ≤ acknowledged ≤ position
 *
 * `position` is the next offset to be handed out. What was handed out is acknowledged when the client comes for more:
 * only that is committed behind its back, so that an answer that got lost is read again. */
#pragma once

#include "arena.h"
#include "kafka/messages.h"
#include "topics.h"

#define CONSUMER_NO_POSITION (-1)

struct consumer_partition {
    slice topic;
    struct uuid topic_id; /* zero: not known yet */
    int32_t index;
    int64_t position;     /* CONSUMER_NO_POSITION: where it begins is not decided */
    int64_t acknowledged; /* likewise */
    int64_t committed;    /* the last that was seen or made to be; likewise */
};

struct consumer_partitions {
    struct arena arena;
    struct consumer_partition *items; /* ascending by topic and index, each once */
    size_t count;
};

/* Reads on there; what came before counts as done. */
static inline void consumer_partition_put(struct consumer_partition *partition, int64_t offset)
{
    partition->position = partition->acknowledged = offset;
}

#define CONSUMER_PARTITIONS_BYTES ((size_t)4 << 20)

void consumer_partitions_init(struct consumer_partitions *partitions, struct memory *memory);
void consumer_partitions_close(struct consumer_partitions *partitions);
void consumer_partitions_clear(struct consumer_partitions *partitions);

/* From now on these, topics and indexes as a member is assigned them, in any order; what was there keeps its place.
 * -ENOMEM: nothing has changed. */
MUST_USE int consumer_partitions_set(struct consumer_partitions *partitions,
                                     const struct consumer_protocol_assignment_topic *topics, size_t count);

/* NULL when it is none of them. */
struct consumer_partition *consumer_partitions_find(const struct consumer_partitions *partitions, slice topic,
                                                    int32_t index);
