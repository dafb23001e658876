/* Server-side assignors of the consumer protocol (KIP-848): who of a group reads which partition.
 *
 *     range    Kafka's, exactly: topic by topic the members in order (static ones by their instance ids, then the
 *              others by their member ids) get consecutive partitions, the first of them one more. Topics of the same
 *              number of partitions and the same members are co-partitioned. Not sticky.
 *     uniform  partitions are spread as evenly as the subscriptions permit; then as many as possible stay where they
 *              were; then a topic is spread over many members.
 *
 * Pure functions over borrowed arrays. The caller numbers the topics: those that exist and that any member subscribes
 * to, each once, ascending by id (byte by byte). A member's subscription is a list of these numbers. What a
 * member owned before is given by topic id, as it was remembered; topics and partitions that are gone, or to which the
 * member no longer subscribes, are passed over, and so is what an earlier member of the array claims, too.
 *
 * Cost. Memory from the ledger (MEMORY_GROUPS): about 16 bytes for a partition, 28 for a member, 24 for a topic, 4 for
 * a subscription to a topic; 8 for a partition and 4 for a member remain. Time: near linear; where the subscriptions of
 * members differ, the work of evening out is bounded by ASSIGNOR_STEPS_MAX, beyond which the assignment is complete but
 * less even than it could be: the next one, of what this one gave, goes on from there. */
#pragma once

#include "memory.h"
#include "slice.h"
#include "uuid.h"

#include <stdbool.h>
#include <stdint.h>

#define ASSIGNOR_STEPS_MAX 300000 /* looks at a member, a topic or an owner; some 10 ms of a router */

enum assignor { ASSIGNOR_UNIFORM, ASSIGNOR_RANGE };
#define ASSIGNOR_COUNT 2

/* Those that members may ask for; the first is for who asks for none. */
struct assignor_list {
    enum assignor items[ASSIGNOR_COUNT];
    uint32_t count; /* 1 at least */
};

struct assignor_topic {
    struct uuid id;
    int32_t partition_count;
};

struct owned_topic {
    struct uuid id;
    const int32_t *partitions; /* in any order, each once */
    uint32_t partition_count;
};

struct assignor_member {
    slice id;
    slice instance_id;               /* null: dynamic */
    const uint32_t *topics;          /* indices of topics, ascending, each once */
    const struct owned_topic *owned; /* its target assignment until now; each topic once */
    uint32_t topic_count;
    uint32_t owned_count;
};

struct assignor_group {
    const struct assignor_topic *topics;
    uint32_t topic_count;
    const struct assignor_member *members;
    uint32_t member_count;
};

struct assigned_partition {
    uint32_t topic; /* index */
    int32_t partition;
};

/* What member m gets: partitions[starts[m]] to before partitions[starts[m + 1]], ascending by topic and partition. */
struct assignment {
    struct memory *memory;
    struct assigned_partition *partitions;
    uint32_t *starts;
    uint32_t partition_count;
    uint32_t member_count;
    uint64_t steps; /* that it took, about: what is linear, and what evening out took */
    bool is_cut;    /* it came nearer to even, and was stopped on its way */
};

/* False: no assignor of that name ("uniform", "range"). */
bool assignor_find(slice name, enum assignor *assignor);
const char *assignor_name(enum assignor assignor);
bool assignor_list_has(const struct assignor_list *list, enum assignor assignor);

/* Every partition to which any member subscribes gets exactly one owner. -ENOMEM; FURROW_TOO_LARGE beyond 2^31
 * partitions. On failure there is nothing to close. */
MUST_USE int assignor_assign(enum assignor assignor, const struct assignor_group *group, struct memory *memory,
                             struct assignment *assignment);
void assignment_close(struct assignment *assignment);
