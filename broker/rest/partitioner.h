/* Which partition a record goes to when it names none: that of its key's hash, as Kafka's Java clients have it by
 * default (and librdkafka with partitioner=murmur2_random), so that whoever writes by HTTP and whoever writes by Kafka
 * put the same key into the same partition. */
#pragma once

#include "slice.h"

/* Murmur2 as in org.apache.kafka.common.utils.Utils. */
uint32_t partitioner_hash(slice key);

/* `partitions` > 0. */
static inline int32_t partitioner_choose(slice key, int32_t partitions)
{
    return (int32_t)((partitioner_hash(key) & INT32_MAX) % (uint32_t)partitions);
}
