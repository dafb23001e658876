/* A group with members goes from one protocol to the other (KIP-848, online migration): up, when the first member of
 * the consumer protocol joins a group of the classic one; down, when the last of them is gone. */
#include "group/consumer_private.h"
#include "group/embedded_protocol.h"

#include <errno.h>

#define PARSE_BYTES_MAX ((size_t)16 << 20)

static bool allows(const struct group *group, enum consumer_migration way)
{
    return (group->coordinator->limits->consumer_migration & way) != 0;
}

/* ---- up ---- */

struct upgrading {
    struct consumer_group *group;
    int32_t generation;
    struct arena arena;
};

/* What it was assigned it holds, and is to hold. */
static int take_assignment(struct upgrading *up, struct consumer_member *member,
                           const struct consumer_protocol_assignment *assignment)
{
    const struct group_topics *topics = &up->group->group->coordinator->store.topics;
    uint32_t count = 0;
    for (int32_t i = 0; i < assignment->assigned_partitions.count; i++)
        count += (uint32_t)assignment->assigned_partitions.items[i].partitions.count;
    int rc = claims_reserve(up->group->memory, &member->assigned, count);
    for (int32_t i = 0; rc == 0 && i < assignment->assigned_partitions.count; i++) {
        const struct consumer_protocol_assignment_topic *held = &assignment->assigned_partitions.items[i];
        struct group_topic topic;
        if (!topics->find(topics->context, held->topic, &topic))
            continue;
        for (int32_t j = 0; j < held->partitions.count; j++)
            claims_add(
                &member->assigned,
                (struct claim){.topic = topic.id, .partition = held->partitions.items[j], .epoch = up->generation});
    }
    claims_sort(&member->assigned);
    return rc == 0 ? claims_copy(up->group->memory, &member->target, &member->assigned) : rc;
}

static int take_member(void *context, const struct classic_member_view *view)
{
    struct upgrading *up = context;
    struct consumer_protocol_subscription subscription;
    struct consumer_protocol_assignment assignment;
    arena_reset(&up->arena);
    if (view->protocol_count == 0)
        return FURROW_MALFORMED;
    int rc = embedded_read_subscription(view->protocols[0].metadata, &up->arena, &subscription);
    if (rc == 0)
        rc = embedded_read_assignment(view->assignment, &up->arena, &assignment);
    if (rc != 0)
        return rc;
    struct consumer_member *member = consumer_add_member(up->group, view->id);
    if (member == NULL)
        return -ENOMEM;
    struct consumer_description said = {.instance_id = view->instance_id,
                                        .rack_id = subscription.rack_id,
                                        .client_id = view->client_id,
                                        .client_host = view->client_host,
                                        .names = subscription.topics.items,
                                        .name_count = subscription.topics.count,
                                        .rebalance_timeout_ms = view->rebalance_timeout_ms};
    bool subscribes;
    member->epoch = member->previous_epoch = up->generation;
    rc = consumer_keep_protocols(up->group, member, view->protocols, view->protocol_count, view->session_timeout_ms);
    if (rc == 0)
        rc = consumer_describe_member(up->group, member, &said, &subscribes);
    consumer_begin_session(up->group, member, up->group->group->coordinator->time.steady);
    return rc == 0 ? take_assignment(up, member, &assignment) : rc;
}

/* Of `former`, which is as it was if that fails. */
static int upgrade(struct group *group, const struct group *former)
{
    int rc = group_make_consumer(group);
    if (rc != 0)
        return rc;
    struct upgrading up = {.group = group->consumer, .generation = classic_group_generation(former->classic)};
    arena_init(&up.arena, group->coordinator->memory, MEMORY_GROUPS, PARSE_BYTES_MAX);
    rc = classic_group_list_members(former->classic, take_member, &up);
    arena_close(&up.arena);
    if (rc == 0)
        rc = consumer_refresh_topics(group->consumer);
    if (rc != 0) {
        group->kind->close(group, KAFKA_COORDINATOR_NOT_AVAILABLE);
        group->kind = former->kind;
        group->classic = former->classic;
        return rc;
    }
    group->consumer->epoch = group->consumer->target_epoch = up.generation;
    group->consumer->was_classic = true;
    consumer_mark_all(group->consumer);
    return 0;
}

static const char *why_not_up(const struct group *group)
{
    if (!allows(group, CONSUMER_MIGRATION_UPGRADE))
        return "online upgrade is disabled";
    if (!slice_equal(group->kind->protocol_type(group), slice_of_text(EMBEDDED_PROTOCOL_TYPE)))
        return "the group does not use the consumer embedded protocol";
    if (classic_group_member_count(group->classic) > group->coordinator->limits->consumer_max_size)
        return "the group size exceeds the consumer group maximum size";
    return NULL;
}

bool consumer_upgrade(struct group *group, struct consumer_call *call)
{
    const char *why = why_not_up(group);
    uint32_t count = (uint32_t)classic_group_member_count(group->classic);
    enum kafka_error error = why == NULL ? consumer_check_size(group, count, call) : KAFKA_NONE;
    if (error != KAFKA_NONE) {
        group_answers_add(&group->coordinator->answers, &call->call, error);
        return false;
    }
    struct group former = *group;
    int rc = why == NULL ? upgrade(group, &former) : 0;
    if (rc == -ENOMEM) {
        group_answers_add(&group->coordinator->answers, &call->call,
                          consumer_refuse(call, KAFKA_COORDINATOR_NOT_AVAILABLE, "Out of room for groups."));
        return false;
    }
    if (rc != 0)
        why = "the embedded consumer protocol is malformed";
    if (why != NULL) {
        group_answers_add(&group->coordinator->answers, &call->call,
                          consumer_refuse(call, KAFKA_GROUP_ID_NOT_FOUND,
                                          "Cannot upgrade classic group %.*s to consumer group because %s.",
                                          group->id.size < 200 ? (int)group->id.size : 200,
                                          (const char *)group->id.data, why));
        return false;
    }
    group->former_kinds++;
    former.kind->close(&former, KAFKA_REBALANCE_IN_PROGRESS); /* who waits joins again */
    return true;
}

/* ---- down ---- */

bool consumer_is_to_downgrade(const struct consumer_group *group)
{
    return group->member_count > 0 && group->classic_count == group->member_count &&
           allows(group->group, CONSUMER_MIGRATION_DOWNGRADE) &&
           group->member_count <= (uint32_t)group->group->coordinator->limits->groups.max_size;
}

/* Until it joins again, which is asked of it, it speaks one protocol. */
static int give_member(const struct consumer_group *from, const struct consumer_member *member, slice protocol,
                       struct arena *arena, struct classic_group *to)
{
    struct classic_member_view view = {.id = member->id,
                                       .instance_id = member->instance_id,
                                       .client_id = member->client_id,
                                       .client_host = member->client_host,
                                       .session_timeout_ms = member->classic->session_timeout_ms,
                                       .rebalance_timeout_ms = member->rebalance_timeout_ms};
    for (int32_t i = 0; i < member->classic->count; i++) {
        if (slice_equal(member->classic->protocols[i].name, protocol))
            view.metadata = member->classic->protocols[i].metadata;
    }
    int rc = embedded_write_assignment(view.metadata, &member->target, &from->group->coordinator->store.topics, arena,
                                       &view.assignment);
    return rc == 0 ? classic_group_load_member(to, &view, member == from->members) : rc;
}

static slice common_protocol(const struct consumer_group *group)
{
    const struct consumer_classic *first = group->members->classic;
    for (int32_t i = 0; i < first->count; i++) {
        if (consumer_is_common(group, first->protocols[i].name))
            return first->protocols[i].name;
    }
    return first->protocols[0].name;
}

static int give_members(const struct consumer_group *from, struct classic_group *to)
{
    struct arena arena;
    slice protocol = common_protocol(from);
    arena_init(&arena, from->memory, MEMORY_GROUPS, PARSE_BYTES_MAX);
    int rc = classic_group_load(to, slice_of_text(EMBEDDED_PROTOCOL_TYPE), protocol, from->epoch);
    for (const struct consumer_member *m = from->members; m != NULL && rc == 0; m = m->next) {
        rc = give_member(from, m, protocol, &arena, to);
        arena_reset(&arena);
    }
    arena_close(&arena);
    return rc;
}

/* The group of the consumer protocol goes from the log, the one of the classic protocol comes, in one batch; who waits
 * for the former waits for that. */
static int write_down(struct group *group, const struct group *former)
{
    struct group_write *write = group_write_open(group, WRITE_BURIAL);
    if (write == NULL)
        return -ENOMEM;
    int64_t now = group->coordinator->time.wall;
    int rc = former->kind->add_tombstones(former, &write->builder, now);
    if (rc == 0)
        rc = group_records_add_classic(&write->builder, now, group->classic);
    if (!group_write_send(write, rc))
        return -ENOMEM;
    group_answers_move(&write->waiting, &former->consumer->waiting);
    return 0;
}

void consumer_downgrade_if_due(struct group *group)
{
    if (!consumer_is_to_downgrade(group->consumer))
        return;
    struct group former = *group;
    int rc = group_make_classic(group);
    if (rc == 0) {
        rc = give_members(former.consumer, group->classic);
        if (rc == 0)
            rc = write_down(group, &former);
        if (rc != 0)
            group->kind->close(group, KAFKA_COORDINATOR_NOT_AVAILABLE);
    }
    if (rc != 0) { /* it stays what it is until somebody else leaves */
        group->kind = former.kind;
        group->consumer = former.consumer;
        group->consumer->must_rise = group->consumer->needs_refresh = true;
        return;
    }
    group->former_kinds++;
    former.kind->close(&former, KAFKA_NOT_COORDINATOR);
    classic_group_loaded(group->classic, group->coordinator->time.steady);
    classic_group_rebalance(group->classic, group->coordinator->time.steady);
}
