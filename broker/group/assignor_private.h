/* What the assignors share; nobody else includes it.
 *
 *     assignor.c           the plan, what members keep, the result
 *     assignor_range.c     range
 *     assignor_uniform.c   uniform where all members have the same subscription
 *     assignor_even.c      uniform where they have not */
#pragma once

#include "group/assignor.h"

#define NOBODY UINT32_MAX

/* The partitions of all topics, numbered through in the order of the topics. */
struct assignor_plan {
    const struct assignor_group *group;
    struct memory *memory;
    uint32_t *first; /* of topic t: its partition 0; first[topic_count] ends the last */
    uint32_t *owner; /* of each partition: a member's index, or NOBODY */
    uint32_t *load;  /* of each member: how many partitions it owns */
    uint64_t steps;  /* of evening out */
    bool is_cut;
};

static inline uint32_t plan_partitions_of(const struct assignor_plan *plan, uint32_t topic)
{
    return plan->first[topic + 1] - plan->first[topic];
}

static inline void plan_give(struct assignor_plan *plan, uint32_t partition, uint32_t member)
{
    plan->owner[partition] = member;
    plan->load[member]++;
}

static inline void plan_take_back(struct assignor_plan *plan, uint32_t partition)
{
    plan->load[plan->owner[partition]]--;
    plan->owner[partition] = NOBODY;
}

/* The topic of something that a member owned, or NOBODY when it is gone or not subscribed to any more. */
uint32_t plan_find_owned(const struct assignor_plan *plan, const struct assignor_member *member,
                         const struct owned_topic *owned);
/* Every member keeps what it owned and may own. */
void plan_keep_owned(struct assignor_plan *plan);

MUST_USE int assign_range(struct assignor_plan *plan);
/* Of members of one subscription, after plan_keep_owned. */
MUST_USE int assign_alike(struct assignor_plan *plan);
/* Of members of any subscriptions, after plan_keep_owned. */
MUST_USE int assign_evenly(struct assignor_plan *plan);
