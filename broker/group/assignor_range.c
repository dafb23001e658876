#include "group/assignor_private.h"

#include <errno.h>
#include <stdlib.h>

/* What is left of a topic. */
struct range {
    uint32_t subscribers;
    uint32_t next; /* partition */
    uint32_t given_one_more;
};

/* Static members first, so that a restart that gives them other member ids changes nothing. */
static int compare_members(const void *left, const void *right)
{
    const struct assignor_member *const *a = left, *const *b = right;
    bool a_is_static = !slice_is_null((*a)->instance_id), b_is_static = !slice_is_null((*b)->instance_id);
    if (a_is_static != b_is_static)
        return a_is_static ? -1 : 1;
    return a_is_static ? slice_compare((*a)->instance_id, (*b)->instance_id) : slice_compare((*a)->id, (*b)->id);
}

static void give_range(struct assignor_plan *plan, struct range *range, uint32_t topic, uint32_t member)
{
    uint32_t partitions = plan_partitions_of(plan, topic);
    uint32_t quota = partitions / range->subscribers;
    if (range->given_one_more < partitions % range->subscribers) {
        range->given_one_more++;
        quota++;
    }
    for (; quota > 0; quota--)
        plan_give(plan, plan->first[topic] + range->next++, member);
}

int assign_range(struct assignor_plan *plan)
{
    const struct assignor_group *group = plan->group;
    size_t order_size = group->member_count * sizeof(struct assignor_member *);
    size_t ranges_size = group->topic_count * sizeof(struct range);
    const struct assignor_member **order = memory_alloc(plan->memory, MEMORY_GROUPS, order_size);
    struct range *ranges = memory_alloc_zeroed(plan->memory, MEMORY_GROUPS, ranges_size);
    int rc = order == NULL || ranges == NULL ? -ENOMEM : 0;
    if (rc != 0)
        goto out;

    for (uint32_t m = 0; m < group->member_count; m++) {
        order[m] = &group->members[m];
        for (uint32_t i = 0; i < order[m]->topic_count; i++)
            ranges[order[m]->topics[i]].subscribers++;
    }
    qsort(order, group->member_count, sizeof *order, compare_members);
    for (uint32_t k = 0; k < group->member_count; k++) {
        for (uint32_t i = 0; i < order[k]->topic_count; i++) {
            uint32_t topic = order[k]->topics[i];
            give_range(plan, &ranges[topic], topic, (uint32_t)(order[k] - group->members));
        }
    }

out:
    memory_free(plan->memory, MEMORY_GROUPS, ranges, ranges_size);
    memory_free(plan->memory, MEMORY_GROUPS, order, order_size);
    return rc;
}
