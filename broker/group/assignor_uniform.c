/* Uniform, where all members have the same subscription: everybody gets total / members, some of them one more. What a
 * member has beyond its quota is taken from the topics of which it has most, and what is free goes around among those
 * who lack: so that a busy topic is not left with few of them. */

#include "group/assignor_private.h"

#include <errno.h>

/* The places for one more go to those who have it, first: each saves a move. */
static void set_quotas(const struct assignor_plan *plan, uint32_t *quota)
{
    const struct assignor_group *group = plan->group;
    uint32_t total = 0;
    for (uint32_t i = 0; i < group->members[0].topic_count; i++)
        total += plan_partitions_of(plan, group->members[0].topics[i]);
    uint32_t least = total / group->member_count, one_more = total % group->member_count;
    for (uint32_t m = 0; m < group->member_count; m++) {
        bool has_more = one_more > 0 && plan->load[m] > least;
        quota[m] = least + has_more;
        one_more -= has_more;
    }
    for (uint32_t m = 0; one_more > 0; m++) {
        if (quota[m] == least) {
            quota[m]++;
            one_more--;
        }
    }
}

/* How many partitions all topics together keep when none keeps more than `level`. */
static uint64_t sum_below(const uint32_t *kept, uint32_t count, uint32_t level)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += kept[i] < level ? kept[i] : level;
    return sum;
}

/* The highest level that is not too much for the quota. */
static uint32_t find_level(const uint32_t *kept, uint32_t count, uint32_t quota)
{
    uint32_t from = 0, to = quota;
    while (from < to) {
        uint32_t middle = from + (to - from + 1) / 2;
        if (sum_below(kept, count, middle) <= quota)
            from = middle;
        else
            to = middle - 1;
    }
    return from;
}

/* Of what a member owned of one topic it keeps as many as it may; the number of those. */
static uint32_t keep_some(struct assignor_plan *plan, uint32_t m, const struct owned_topic *owned, uint32_t may_keep)
{
    uint32_t topic = plan_find_owned(plan, &plan->group->members[m], owned), kept = 0;
    for (uint32_t k = 0; topic != NOBODY && k < owned->partition_count; k++) {
        uint32_t partition = (uint32_t)owned->partitions[k];
        if (partition >= plan_partitions_of(plan, topic) || plan->owner[plan->first[topic] + partition] != m)
            continue;
        if (kept < may_keep)
            kept++;
        else
            plan_take_back(plan, plan->first[topic] + partition);
    }
    return kept;
}

static void take_excess(struct assignor_plan *plan, uint32_t m, uint32_t quota, uint32_t *kept)
{
    const struct assignor_member *member = &plan->group->members[m];
    for (uint32_t i = 0; i < member->owned_count; i++)
        kept[i] = keep_some(plan, m, &member->owned[i], UINT32_MAX);
    uint32_t level = find_level(kept, member->owned_count, quota);
    uint64_t spare = quota - sum_below(kept, member->owned_count, level);
    for (uint32_t i = 0; i < member->owned_count; i++) {
        bool keeps_one_more = kept[i] > level && spare > 0;
        spare -= keeps_one_more;
        keep_some(plan, m, &member->owned[i], level + keeps_one_more);
    }
}

/* The next behind `m`, around the ring, that lacks something. */
static uint32_t next_lacking(const struct assignor_plan *plan, const uint32_t *quota, uint32_t m)
{
    do
        m = m + 1 < plan->group->member_count ? m + 1 : 0;
    while (plan->load[m] >= quota[m]);
    return m;
}

static void give_free(struct assignor_plan *plan, const uint32_t *quota)
{
    const struct assignor_member *any = &plan->group->members[0];
    uint32_t m = plan->group->member_count - 1;
    for (uint32_t i = 0; i < any->topic_count; i++) {
        for (uint32_t p = plan->first[any->topics[i]]; p < plan->first[any->topics[i] + 1]; p++) {
            if (plan->owner[p] != NOBODY)
                continue;
            m = next_lacking(plan, quota, m);
            plan_give(plan, p, m);
        }
    }
}

static uint32_t most_owned_topics(const struct assignor_group *group)
{
    uint32_t most = 0;
    for (uint32_t m = 0; m < group->member_count; m++)
        most = group->members[m].owned_count > most ? group->members[m].owned_count : most;
    return most;
}

int assign_alike(struct assignor_plan *plan)
{
    const struct assignor_group *group = plan->group;
    size_t quota_size = group->member_count * sizeof(uint32_t);
    size_t kept_size = most_owned_topics(group) * sizeof(uint32_t);
    uint32_t *quota = memory_alloc(plan->memory, MEMORY_GROUPS, quota_size);
    uint32_t *kept = memory_alloc(plan->memory, MEMORY_GROUPS, kept_size);
    int rc = quota == NULL || kept == NULL ? -ENOMEM : 0;
    if (rc == 0) {
        set_quotas(plan, quota);
        for (uint32_t m = 0; m < group->member_count; m++) {
            if (plan->load[m] > quota[m])
                take_excess(plan, m, quota[m], kept);
        }
        give_free(plan, quota);
    }
    memory_free(plan->memory, MEMORY_GROUPS, kept, kept_size);
    memory_free(plan->memory, MEMORY_GROUPS, quota, quota_size);
    return rc;
}
