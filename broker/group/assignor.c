#include "group/assignor_private.h"

#include <errno.h>

static const char *const assignor_names[] = {[ASSIGNOR_UNIFORM] = "uniform", [ASSIGNOR_RANGE] = "range"};

bool assignor_find(slice name, enum assignor *assignor)
{
    for (size_t i = 0; i < sizeof assignor_names / sizeof assignor_names[0]; i++) {
        if (slice_equal(name, slice_of_text(assignor_names[i]))) {
            *assignor = (enum assignor)i;
            return true;
        }
    }
    return false;
}

const char *assignor_name(enum assignor assignor)
{
    return assignor_names[assignor];
}

bool assignor_list_has(const struct assignor_list *list, enum assignor assignor)
{
    uint32_t at = 0;
    while (at < list->count && list->items[at] != assignor)
        at++;
    return at < list->count;
}

/* ---- the plan ---- */

static int plan_number_partitions(struct assignor_plan *plan)
{
    const struct assignor_group *group = plan->group;
    uint64_t next = 0;
    plan->first = memory_alloc(plan->memory, MEMORY_GROUPS, (group->topic_count + (size_t)1) * sizeof *plan->first);
    if (plan->first == NULL)
        return -ENOMEM;
    for (uint32_t t = 0; t < group->topic_count; t++) {
        plan->first[t] = (uint32_t)next;
        next += (uint64_t)group->topics[t].partition_count;
        if (next > INT32_MAX)
            return FURROW_TOO_LARGE;
    }
    plan->first[group->topic_count] = (uint32_t)next;
    return 0;
}

static uint32_t partition_count(const struct assignor_plan *plan)
{
    return plan->first[plan->group->topic_count];
}

static int plan_open(struct assignor_plan *plan)
{
    int rc = plan_number_partitions(plan);
    if (rc != 0)
        return rc;
    plan->owner = memory_alloc(plan->memory, MEMORY_GROUPS, partition_count(plan) * sizeof *plan->owner);
    plan->load = memory_alloc_zeroed(plan->memory, MEMORY_GROUPS, plan->group->member_count * sizeof *plan->load);
    if (plan->owner == NULL || plan->load == NULL)
        return -ENOMEM;
    for (uint32_t p = 0; p < partition_count(plan); p++)
        plan->owner[p] = NOBODY;
    return 0;
}

static void plan_close(struct assignor_plan *plan)
{
    memory_free(plan->memory, MEMORY_GROUPS, plan->load, plan->group->member_count * sizeof *plan->load);
    if (plan->owner != NULL)
        memory_free(plan->memory, MEMORY_GROUPS, plan->owner, partition_count(plan) * sizeof *plan->owner);
    memory_free(plan->memory, MEMORY_GROUPS, plan->first, (plan->group->topic_count + (size_t)1) * sizeof *plan->first);
}

static uint32_t find_topic(const struct assignor_group *group, struct uuid id)
{
    uint32_t from = 0, to = group->topic_count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        int order = memcmp(group->topics[middle].id.bytes, id.bytes, sizeof id.bytes);
        if (order == 0)
            return middle;
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return NOBODY;
}

static bool is_subscribed(const struct assignor_member *member, uint32_t topic)
{
    uint32_t from = 0, to = member->topic_count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (member->topics[middle] == topic)
            return true;
        if (member->topics[middle] < topic)
            from = middle + 1;
        else
            to = middle;
    }
    return false;
}

uint32_t plan_find_owned(const struct assignor_plan *plan, const struct assignor_member *member,
                         const struct owned_topic *owned)
{
    uint32_t topic = find_topic(plan->group, owned->id);
    return topic != NOBODY && is_subscribed(member, topic) ? topic : NOBODY;
}

void plan_keep_owned(struct assignor_plan *plan)
{
    for (uint32_t m = 0; m < plan->group->member_count; m++) {
        const struct assignor_member *member = &plan->group->members[m];
        for (uint32_t i = 0; i < member->owned_count; i++) {
            const struct owned_topic *owned = &member->owned[i];
            uint32_t topic = plan_find_owned(plan, member, owned);
            for (uint32_t k = 0; topic != NOBODY && k < owned->partition_count; k++) {
                int32_t partition = owned->partitions[k];
                if (partition < 0 || partition >= plan->group->topics[topic].partition_count)
                    continue;
                if (plan->owner[plan->first[topic] + (uint32_t)partition] == NOBODY)
                    plan_give(plan, plan->first[topic] + (uint32_t)partition, m);
            }
        }
    }
}

/* ---- the result ---- */

static int assignment_open(struct assignment *assignment, const struct assignor_plan *plan)
{
    uint32_t members = plan->group->member_count, next = 0;
    *assignment = (struct assignment){.memory = plan->memory, .member_count = members};
    assignment->starts = memory_alloc(plan->memory, MEMORY_GROUPS, (members + (size_t)1) * sizeof *assignment->starts);
    if (assignment->starts == NULL)
        return -ENOMEM;
    for (uint32_t m = 0; m < members; m++) {
        assignment->starts[m] = next;
        next += plan->load[m];
    }
    assignment->starts[members] = next;
    assignment->partition_count = next;
    assignment->partitions = memory_alloc(plan->memory, MEMORY_GROUPS, next * sizeof *assignment->partitions);
    if (assignment->partitions != NULL)
        return 0;
    memory_free(plan->memory, MEMORY_GROUPS, assignment->starts, (members + (size_t)1) * sizeof *assignment->starts);
    return -ENOMEM;
}

/* Topic by topic, so that every member's are in order. `load` counts down to nothing on the way. */
static void assignment_fill(struct assignment *assignment, struct assignor_plan *plan)
{
    for (uint32_t t = 0; t < plan->group->topic_count; t++) {
        for (uint32_t p = 0; p < plan_partitions_of(plan, t); p++) {
            uint32_t m = plan->owner[plan->first[t] + p];
            if (m == NOBODY)
                continue;
            uint32_t place = assignment->starts[m + 1] - plan->load[m]--;
            assignment->partitions[place] = (struct assigned_partition){.topic = t, .partition = (int32_t)p};
        }
    }
}

void assignment_close(struct assignment *assignment)
{
    memory_free(assignment->memory, MEMORY_GROUPS, assignment->partitions,
                assignment->partition_count * sizeof *assignment->partitions);
    memory_free(assignment->memory, MEMORY_GROUPS, assignment->starts,
                (assignment->member_count + (size_t)1) * sizeof *assignment->starts);
}

/* ---- assigning ---- */

static bool are_alike(const struct assignor_group *group)
{
    const struct assignor_member *first = group->members;
    for (uint32_t m = 1; m < group->member_count; m++) {
        const struct assignor_member *member = &group->members[m];
        if (member->topic_count != first->topic_count ||
            (first->topic_count > 0 &&
             memcmp(member->topics, first->topics, first->topic_count * sizeof *first->topics) != 0))
            return false;
    }
    return true;
}

static uint64_t count_steps(const struct assignor_plan *plan)
{
    const struct assignor_group *group = plan->group;
    uint64_t steps = plan->steps + group->member_count + group->topic_count + partition_count(plan);
    for (uint32_t m = 0; m < group->member_count; m++)
        steps += group->members[m].topic_count;
    return steps;
}

static int assign_uniform(struct assignor_plan *plan)
{
    plan_keep_owned(plan);
    return are_alike(plan->group) ? assign_alike(plan) : assign_evenly(plan);
}

int assignor_assign(enum assignor assignor, const struct assignor_group *group, struct memory *memory,
                    struct assignment *assignment)
{
    struct assignor_plan plan = {.group = group, .memory = memory};
    int rc = plan_open(&plan);
    if (rc == 0 && group->member_count > 0)
        rc = assignor == ASSIGNOR_RANGE ? assign_range(&plan) : assign_uniform(&plan);
    if (rc == 0)
        rc = assignment_open(assignment, &plan);
    if (rc == 0) {
        assignment_fill(assignment, &plan);
        assignment->steps = count_steps(&plan);
        assignment->is_cut = plan.is_cut;
    }
    plan_close(&plan);
    return rc;
}
