#include "operations/group_view.h"

#include "group/embedded_protocol.h"
#include "server.h"

#include <errno.h>
#include <stdlib.h>

#define MEMBER_TYPE_CLASSIC 0

/* ---- order ---- */

static int compare_places(slice left, int32_t left_partition, slice right, int32_t right_partition)
{
    int order = slice_compare(left, right);
    return order != 0 ? order : (left_partition > right_partition) - (left_partition < right_partition);
}

static int compare_assigned(const void *a, const void *b)
{
    const struct group_assigned *left = a, *right = b;
    return compare_places(left->topic, left->partition, right->topic, right->partition);
}

static int compare_members(const void *a, const void *b)
{
    return slice_compare(((const struct group_member *)a)->id, ((const struct group_member *)b)->id);
}

static int compare_lags(const void *a, const void *b)
{
    const struct group_lag *left = a, *right = b;
    return compare_places(left->topic, left->partition, right->topic, right->partition);
}

/* ---- members ---- */

struct viewing {
    struct arena *arena;
    struct group_member *members;
    size_t count;
    bool reads_assignments;
};

/* False without memory; a null text stays null. */
static bool copy(struct arena *arena, slice from, slice *to)
{
    *to = slice_is_null(from) ? NULL_SLICE : arena_copy(arena, from);
    return slice_is_null(from) == slice_is_null(*to);
}

static bool copy_texts(struct arena *arena, struct group_member *member, slice id, slice instance_id, slice client_id,
                       slice client_host)
{
    return copy(arena, id, &member->id) && copy(arena, instance_id, &member->instance_id) &&
           copy(arena, client_id, &member->client_id) && copy(arena, client_host, &member->client_host);
}

/* One topic's partitions, behind what is there. */
static bool add_assigned(struct arena *arena, struct group_assigned *items, size_t *count, slice topic,
                         const struct int32_array *partitions)
{
    slice name;
    if (!copy(arena, topic, &name))
        return false;
    for (int32_t i = 0; i < partitions->count; i++)
        items[(*count)++] = (struct group_assigned){name, partitions->items[i]};
    return true;
}

static void finish_assigned(struct group_member *member, struct group_assigned *items, size_t count)
{
    qsort(items, count, sizeof *items, compare_assigned);
    member->assigned = items;
    member->count = count;
}

/* What cannot be read is its client's own affair: nothing is shown. */
static int add_classic_assignment(struct arena *arena, slice bytes, struct group_member *member)
{
    struct consumer_protocol_assignment assignment;
    size_t total = 0, count = 0;
    int rc = embedded_read_assignment(bytes, arena, &assignment);
    if (rc != 0)
        return rc == -ENOMEM ? rc : 0;
    for (int32_t i = 0; i < assignment.assigned_partitions.count; i++)
        total += (size_t)assignment.assigned_partitions.items[i].partitions.count;
    struct group_assigned *items = arena_alloc(arena, total * sizeof *items);
    for (int32_t i = 0; items != NULL && i < assignment.assigned_partitions.count; i++) {
        const struct consumer_protocol_assignment_topic *topic = &assignment.assigned_partitions.items[i];
        if (!add_assigned(arena, items, &count, topic->topic, &topic->partitions))
            return -ENOMEM;
    }
    if (items == NULL)
        return -ENOMEM;
    finish_assigned(member, items, count);
    return 0;
}

static int add_classic_member(void *context, const struct classic_member_view *from)
{
    struct viewing *viewing = context;
    struct group_member *member = &viewing->members[viewing->count++];
    member->is_classic = true;
    if (!copy_texts(viewing->arena, member, from->id, from->instance_id, from->client_id, from->client_host))
        return -ENOMEM;
    return viewing->reads_assignments ? add_classic_assignment(viewing->arena, from->assignment, member) : 0;
}

static int view_classic(const struct group *group, struct arena *arena, struct group_view *view)
{
    const struct classic_group *classic = group_classic(group);
    slice type = classic_group_protocol_type(classic), protocol = classic_group_protocol(classic);
    size_t most = (size_t)classic_group_member_count(classic);
    struct viewing viewing = {.arena = arena, .members = arena_alloc(arena, most * sizeof *viewing.members)};
    bool is_stable = classic_group_state(classic) == CLASSIC_STABLE;
    viewing.reads_assignments = slice_equal(type, slice_of_text(EMBEDDED_PROTOCOL_TYPE));
    if (viewing.members == NULL ||
        !copy(arena, is_stable && !slice_is_null(protocol) ? protocol : slice_of_text(""), &view->assignor))
        return -ENOMEM;
    int rc = classic_group_list_members(classic, add_classic_member, &viewing);
    qsort(viewing.members, viewing.count, sizeof *viewing.members, compare_members);
    view->is_simple = type.size == 0;
    view->members = viewing.members;
    view->member_count = viewing.count;
    return rc;
}

static bool add_consumer_member(struct arena *arena, const struct consumer_group_describe_response_member *from,
                                struct group_member *member)
{
    const struct consumer_group_describe_response_topic_array *topics = &from->assignment.topic_partitions;
    size_t total = 0, count = 0;
    for (int32_t i = 0; i < topics->count; i++)
        total += (size_t)topics->items[i].partitions.count;
    struct group_assigned *items = arena_alloc(arena, total * sizeof *items);
    member->is_classic = from->member_type == MEMBER_TYPE_CLASSIC;
    if (items == NULL ||
        !copy_texts(arena, member, from->member_id, from->instance_id, from->client_id, from->client_host))
        return false;
    for (int32_t i = 0; i < topics->count; i++)
        if (!add_assigned(arena, items, &count, topics->items[i].topic_name, &topics->items[i].partitions))
            return false;
    finish_assigned(member, items, count);
    return true;
}

static int view_consumers(const struct group *group, struct arena *arena, struct group_view *view)
{
    struct consumer_group_describe_response_group described = CONSUMER_GROUP_DESCRIBE_RESPONSE_GROUP_DEFAULTS;
    if (!group_describe_consumer(group, arena, &described) || !copy(arena, described.assignor_name, &view->assignor))
        return -ENOMEM;
    size_t count = (size_t)described.members.count;
    struct group_member *members = arena_alloc(arena, count * sizeof *members);
    if (members == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        if (!add_consumer_member(arena, &described.members.items[i], &members[i]))
            return -ENOMEM;
    qsort(members, count, sizeof *members, compare_members);
    view->members = members;
    view->member_count = count;
    return 0;
}

int group_view_make(const struct group *group, struct arena *arena, struct group_view *view)
{
    *view = (struct group_view){.state = group_state_text(group), .is_consumer = group_is_consumer(group)};
    if (!copy(arena, group_id(group), &view->id))
        return -ENOMEM;
    return view->is_consumer ? view_consumers(group, arena, view) : view_classic(group, arena, view);
}

bool group_view_is_of_consumers(const struct group *group)
{
    slice type = group_protocol_type(group);
    return group_is_consumer(group) || type.size == 0 || slice_equal(type, slice_of_text(EMBEDDED_PROTOCOL_TYPE));
}

/* ---- lag ---- */

struct owned {
    struct group_assigned place;
    const struct group_member *member;
};

static int compare_owned(const void *a, const void *b)
{
    return compare_assigned(&((const struct owned *)a)->place, &((const struct owned *)b)->place);
}

/* All that is assigned, in order; NULL without memory. */
static struct owned *list_owned(const struct group_view *view, struct arena *arena, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < view->member_count; i++)
        *count += view->members[i].count;
    struct owned *owned = arena_alloc(arena, *count * sizeof *owned);
    struct owned *next = owned;
    for (size_t i = 0; owned != NULL && i < view->member_count; i++)
        for (size_t k = 0; k < view->members[i].count; k++)
            *next++ = (struct owned){view->members[i].assigned[k], &view->members[i]};
    if (owned != NULL)
        qsort(owned, *count, sizeof *owned, compare_owned);
    return owned;
}

static const struct group_member *find_owner(const struct owned *owned, size_t count, const struct group_lag *lag)
{
    const struct owned wanted = {.place = {lag->topic, lag->partition}};
    const struct owned *found = count != 0 ? bsearch(&wanted, owned, count, sizeof *owned, compare_owned) : NULL;
    return found != NULL ? found->member : NULL;
}

/* Of one topic's; -ENOMEM. */
static int add_lags(const struct topic *topic, const struct committed_topic *committed, struct arena *arena,
                    struct group_lag *lags, size_t *count)
{
    slice name;
    if (!copy(arena, committed->name, &name))
        return -ENOMEM;
    for (uint32_t i = 0; i < committed->count; i++) {
        const struct committed_partition *partition = &committed->partitions[i];
        const struct partition *found = topic_partition(topic, partition->partition);
        if (partition->has_value && found != NULL && found->log != NULL)
            lags[(*count)++] = (struct group_lag){.topic = name,
                                                  .partition = partition->partition,
                                                  .committed = partition->value.offset,
                                                  .end = log_stable_end_offset(found->log)};
    }
    return 0;
}

int group_view_lags(const struct server *server, const struct group *group, const struct group_view *view,
                    struct arena *arena, struct group_lag **lags, size_t *count)
{
    const struct committed_offsets *offsets = group_offsets(group);
    size_t most = 0, owned_count;
    for (uint32_t i = 0; i < offsets->topic_count; i++)
        most += offsets->topics[i]->count;
    struct owned *owned = list_owned(view, arena, &owned_count);
    *lags = arena_alloc(arena, most * sizeof **lags);
    *count = 0;
    if (owned == NULL || *lags == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < offsets->topic_count; i++) {
        const struct topic *topic = topics_find(&server->topics, offsets->topics[i]->name);
        if (topic == NULL || offsets->topics[i]->is_going)
            continue;
        if (add_lags(topic, offsets->topics[i], arena, *lags, count) != 0)
            return -ENOMEM;
    }
    qsort(*lags, *count, sizeof **lags, compare_lags);
    for (size_t i = 0; i < *count; i++)
        (*lags)[i].member = find_owner(owned, owned_count, &(*lags)[i]);
    return 0;
}
