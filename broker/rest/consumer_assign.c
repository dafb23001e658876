#include "rest/consumer_assign.h"

#include "group/assignor.h"
#include "group/embedded_protocol.h"

#include <errno.h>
#include <stdlib.h>

#define COOPERATIVE "cooperative-sticky"

const char *const consumer_protocols[CONSUMER_PROTOCOLS] = {"range", "roundrobin", "sticky", COOPERATIVE,
                                                            "RoundRobinAssigner"};

/* What an assignment is made of; all in the arena. */
struct plan {
    const struct topics *topics;
    struct arena *arena;
    const struct join_member *members;
    uint32_t count;
    struct consumer_protocol_subscription *subscriptions; /* of each member */
    const struct topic **found;                           /* ascending by id, each once */
    uint32_t found_count;
    bool is_cooperative;
};

/* ---- the stamp ---- */

/* FNV-1a */
static void mix(uint64_t *stamp, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < size; i++)
        *stamp = (*stamp ^ p[i]) * UINT64_C(0x100000001b3);
}

/* A sum, since the order in which topics are named means nothing. */
uint64_t consumer_assign_stamp(const struct topics *topics, const slice *names, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t stamp = UINT64_C(0xcbf29ce484222325);
        const struct topic *topic = topics_find(topics, names[i]);
        mix(&stamp, names[i].data, names[i].size);
        if (topic != NULL) {
            mix(&stamp, topic->id.bytes, sizeof topic->id.bytes);
            mix(&stamp, &topic->partition_count, sizeof topic->partition_count);
        }
        sum += stamp;
    }
    return sum;
}

/* ---- topics ---- */

static int compare_topics(const void *a, const void *b)
{
    const struct topic *const *first = a, *const *second = b;
    return memcmp((*first)->id.bytes, (*second)->id.bytes, sizeof(*first)->id.bytes);
}

/* Sorts, drops doubles, returns how many are left. */
static uint32_t sort_topics(const struct topic **topics, uint32_t count)
{
    uint32_t kept = 0;
    qsort(topics, count, sizeof(const struct topic *), compare_topics);
    for (uint32_t i = 0; i < count; i++) {
        if (kept == 0 || topics[kept - 1] != topics[i])
            topics[kept++] = topics[i];
    }
    return kept;
}

/* A member whose subscription cannot be read gets nothing. */
static int read_subscriptions(struct plan *plan, uint64_t *stamp)
{
    size_t names = 0;
    *stamp = 0;
    plan->subscriptions = arena_alloc(plan->arena, plan->count * sizeof *plan->subscriptions);
    if (plan->subscriptions == NULL)
        return -ENOMEM;
    for (uint32_t m = 0; m < plan->count; m++) {
        struct consumer_protocol_subscription *subscription = &plan->subscriptions[m];
        int rc = embedded_read_subscription(plan->members[m].metadata, plan->arena, subscription);
        if (rc == -ENOMEM)
            return rc;
        if (rc != 0)
            *subscription = CONSUMER_PROTOCOL_SUBSCRIPTION_DEFAULTS;
        size_t count = subscription->topics.count > 0 ? (size_t)subscription->topics.count : 0;
        names += count;
        *stamp += consumer_assign_stamp(plan->topics, subscription->topics.items, count);
    }
    plan->found = arena_alloc(plan->arena, names * sizeof(const struct topic *));
    return plan->found != NULL ? 0 : -ENOMEM;
}

static void find_topics(struct plan *plan)
{
    for (uint32_t m = 0; m < plan->count; m++) {
        const struct string_array *names = &plan->subscriptions[m].topics;
        for (int32_t i = 0; i < names->count; i++) {
            const struct topic *topic = topics_find(plan->topics, names->items[i]);
            if (topic != NULL)
                plan->found[plan->found_count++] = topic;
        }
    }
    plan->found_count = sort_topics(plan->found, plan->found_count);
}

static uint32_t number_of(const struct plan *plan, const struct topic *topic)
{
    const struct topic **place =
        bsearch(&topic, plan->found, plan->found_count, sizeof(const struct topic *), compare_topics);
    return (uint32_t)(place - plan->found);
}

/* ---- members ---- */

static int compare_numbers(const void *a, const void *b)
{
    const uint32_t *first = a, *second = b;
    return (*first > *second) - (*first < *second);
}

static int list_topics(const struct plan *plan, const struct string_array *names, struct assignor_member *member)
{
    uint32_t count = 0, kept = 0;
    uint32_t *numbers = arena_alloc(plan->arena, (size_t)(names->count > 0 ? names->count : 0) * sizeof *numbers);
    if (numbers == NULL)
        return -ENOMEM;
    for (int32_t i = 0; i < names->count; i++) {
        const struct topic *topic = topics_find(plan->topics, names->items[i]);
        if (topic != NULL)
            numbers[count++] = number_of(plan, topic);
    }
    qsort(numbers, count, sizeof *numbers, compare_numbers);
    for (uint32_t i = 0; i < count; i++) {
        if (kept == 0 || numbers[kept - 1] != numbers[i])
            numbers[kept++] = numbers[i];
    }
    member->topics = numbers;
    member->topic_count = kept;
    return 0;
}

static int list_owned(const struct plan *plan, const struct consumer_protocol_subscription_topic_array *from,
                      struct assignor_member *member)
{
    size_t count = from->count > 0 ? (size_t)from->count : 0;
    struct owned_topic *owned = arena_alloc(plan->arena, count * sizeof *owned);
    if (owned == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct topic *topic = topics_find(plan->topics, from->items[i].topic);
        const struct int32_array *partitions = &from->items[i].partitions;
        if (topic != NULL && partitions->count > 0)
            owned[member->owned_count++] =
                (struct owned_topic){topic->id, partitions->items, (uint32_t)partitions->count};
    }
    member->owned = owned;
    return 0;
}

static int list_members(const struct plan *plan, struct assignor_member *members)
{
    int rc = 0;
    for (uint32_t m = 0; m < plan->count && rc == 0; m++) {
        members[m] = (struct assignor_member){.id = plan->members[m].id, .instance_id = plan->members[m].instance_id};
        rc = list_topics(plan, &plan->subscriptions[m].topics, &members[m]);
        if (rc == 0 && plan->is_cooperative)
            rc = list_owned(plan, &plan->subscriptions[m].owned_partitions, &members[m]);
    }
    return rc;
}

/* ---- the assignments ---- */

/* Who holds what, a member's index for its epoch. */
static int gather_owned(const struct plan *plan, const struct assignor_group *group, struct claims *owned)
{
    uint32_t count = 0;
    for (uint32_t m = 0; m < group->member_count; m++)
        for (uint32_t t = 0; t < group->members[m].owned_count; t++)
            count += group->members[m].owned[t].partition_count;
    int rc = claims_reserve(plan->arena->memory, owned, count);
    if (rc != 0)
        return rc;
    for (uint32_t m = 0; m < group->member_count; m++) {
        for (uint32_t t = 0; t < group->members[m].owned_count; t++) {
            const struct owned_topic *topic = &group->members[m].owned[t];
            for (uint32_t i = 0; i < topic->partition_count; i++)
                claims_add(owned, (struct claim){topic->id, topic->partitions[i], (int32_t)m});
        }
    }
    claims_sort(owned);
    return 0;
}

static bool somebody_else_owns(const struct claims *owned, uint32_t member, const struct claim *claim)
{
    const struct claim *found = claims_find(owned, claim->topic, claim->partition);
    return found != NULL && found->epoch != (int32_t)member;
}

static bool find_id(void *context, struct uuid id, struct group_topic *found)
{
    const struct topic *topic = topics_find_id(context, id);
    if (topic != NULL)
        *found = (struct group_topic){topic->id, topic_name(topic), topic->partition_count};
    return topic != NULL;
}

static int write_assignment(const struct plan *plan, const struct assignor_group *group,
                            const struct assignment *assignment, const struct claims *owned, uint32_t m, slice *bytes)
{
    const struct group_topics topics = {.find_id = find_id, .context = (void *)(uintptr_t)plan->topics};
    struct claims claims = {0};
    int rc = claims_reserve(plan->arena->memory, &claims, assignment->starts[m + 1] - assignment->starts[m]);
    if (rc != 0)
        return rc;
    for (uint32_t i = assignment->starts[m]; i < assignment->starts[m + 1]; i++) {
        struct claim claim = {group->topics[assignment->partitions[i].topic].id, assignment->partitions[i].partition,
                              0};
        if (!somebody_else_owns(owned, m, &claim))
            claims_add(&claims, claim);
    }
    claims_sort(&claims);
    rc = embedded_write_assignment(plan->members[m].metadata, &claims, &topics, plan->arena, bytes);
    claims_free(plan->arena->memory, &claims);
    return rc;
}

static int share_out(const struct plan *plan, enum assignor assignor, struct group_assignment *assignments)
{
    struct assignor_topic *topics = arena_alloc(plan->arena, plan->found_count * sizeof *topics);
    struct assignor_member *members = arena_alloc(plan->arena, plan->count * sizeof *members);
    struct assignment assignment;
    if (topics == NULL || members == NULL)
        return -ENOMEM;
    for (uint32_t t = 0; t < plan->found_count; t++)
        topics[t] = (struct assignor_topic){plan->found[t]->id, plan->found[t]->partition_count};
    struct assignor_group group = {topics, plan->found_count, members, plan->count};
    int rc = list_members(plan, members);
    if (rc == 0)
        rc = assignor_assign(assignor, &group, plan->arena->memory, &assignment);
    if (rc != 0)
        return rc;
    struct claims owned = {0};
    rc = gather_owned(plan, &group, &owned);
    for (uint32_t m = 0; m < plan->count && rc == 0; m++) {
        assignments[m].member_id = plan->members[m].id;
        rc = write_assignment(plan, &group, &assignment, &owned, m, &assignments[m].assignment);
    }
    claims_free(plan->arena->memory, &owned);
    assignment_close(&assignment);
    return rc;
}

int consumer_assign(const struct topics *topics, slice protocol, const struct join_member *members, int32_t count,
                    struct arena *arena, struct group_assignment **assignments, uint64_t *stamp)
{
    struct plan plan = {.topics = topics,
                        .arena = arena,
                        .members = members,
                        .count = (uint32_t)count,
                        .is_cooperative = slice_equal(protocol, slice_of_text(COOPERATIVE))};
    bool is_range = slice_equal(protocol, slice_of_text("range"));
    *assignments = arena_alloc(arena, plan.count * sizeof **assignments);
    if (*assignments == NULL)
        return -ENOMEM;
    int rc = read_subscriptions(&plan, stamp);
    if (rc != 0)
        return rc;
    find_topics(&plan);
    return share_out(&plan, is_range ? ASSIGNOR_RANGE : ASSIGNOR_UNIFORM, *assignments);
}
