/* The partitions of one transaction: a set, ordered by topic and number.
 *
 * Changing it costs a copy (transaction_partitions_copy), so that the one in use stays as it was until the change is
 * durable. Memory comes from the ledger, under MEMORY_TRANSACTIONS. */
#pragma once

#include "memory.h"
#include "slice.h"
#include "status.h"

struct transaction_topic {
    slice name; /* in the topic's own block */
    int32_t *partitions;
    int32_t count;
    int32_t capacity;
};

struct transaction_partitions {
    struct transaction_topic **topics;
    int32_t topic_count;
    int32_t topic_capacity;
    size_t count; /* of partitions */
};

#define TRANSACTION_PARTITIONS_NONE ((struct transaction_partitions){.topics = NULL})

void transaction_partitions_close(struct transaction_partitions *set, struct memory *memory);
/* -ENOMEM: `to` is empty. */
MUST_USE int transaction_partitions_copy(struct transaction_partitions *to, const struct transaction_partitions *from,
                                         struct memory *memory);
/* Nothing new when it has it. -ENOMEM: the set is as before. */
MUST_USE int transaction_partitions_add(struct transaction_partitions *set, struct memory *memory, slice topic,
                                        int32_t partition);
/* All of the topic's, if there are any, become its partition 0. */
void transaction_partitions_fold(struct transaction_partitions *set, slice topic);
bool transaction_partitions_has(const struct transaction_partitions *set, slice topic, int32_t partition);
/* Bytes that it takes in a record, or a few more. */
size_t transaction_partitions_size(const struct transaction_partitions *set);
