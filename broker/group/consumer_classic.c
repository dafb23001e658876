/* Members of the classic protocol in a group of the consumer protocol, while clients are being exchanged (KIP-848,
 * online migration). The coordinator assigns for all; a member of the classic protocol is told of a new epoch as of a
 * rebalance, joins with its subscription and what it holds, and reads its assignment with SyncGroup. Its generation is
 * its member epoch. */
#include "group/consumer_private.h"
#include "group/embedded_protocol.h"

#include <errno.h>

/* ---- what such a member speaks ---- */

int consumer_keep_protocols(struct consumer_group *group, struct consumer_member *member,
                            const struct join_protocol *protocols, int32_t count, int32_t session_timeout_ms)
{
    size_t size = sizeof(struct consumer_classic) + (size_t)count * sizeof *protocols;
    for (int32_t i = 0; i < count; i++)
        size += protocols[i].name.size + protocols[i].metadata.size;
    struct consumer_classic *made = memory_alloc_zeroed(group->memory, MEMORY_GROUPS, size);
    if (made == NULL)
        return -ENOMEM;
    made->size = size;
    made->session_timeout_ms = session_timeout_ms;
    uint8_t *text = (uint8_t *)(made->protocols + count);
    for (int32_t i = 0; i < count; i++) {
        const slice parts[] = {protocols[i].name, protocols[i].metadata};
        slice kept[2];
        for (int j = 0; j < 2; j++) {
            if (parts[j].size > 0)
                memcpy(text, parts[j].data, parts[j].size);
            kept[j] = slice_of(text, parts[j].size);
            text += parts[j].size;
        }
        made->protocols[made->count++] = (struct join_protocol){kept[0], kept[1]};
    }
    consumer_forget_protocols(group, member);
    member->classic = made;
    group->classic_count++;
    consumer_mark(group, member, DIRTY_METADATA);
    return 0;
}

void consumer_forget_protocols(struct consumer_group *group, struct consumer_member *member)
{
    if (member->classic == NULL)
        return;
    memory_free(group->memory, MEMORY_GROUPS, member->classic, member->classic->size);
    member->classic = NULL;
    group->classic_count--;
    consumer_mark(group, member, DIRTY_METADATA);
}

static bool speaks(const struct consumer_classic *classic, slice name)
{
    for (int32_t i = 0; i < classic->count; i++) {
        if (slice_equal(classic->protocols[i].name, name))
            return true;
    }
    return false;
}

/* All members of the classic protocol have one in common, or it could not be gone back to. */
bool consumer_is_common(const struct consumer_group *group, slice name)
{
    for (const struct consumer_member *m = group->members; m != NULL; m = m->next) {
        if (m->classic != NULL && !speaks(m->classic, name))
            return false;
    }
    return true;
}

static bool supports(const struct consumer_group *group, const struct join_call *join)
{
    if (!slice_equal(join->protocol_type, slice_of_text(EMBEDDED_PROTOCOL_TYPE)))
        return false;
    for (int32_t i = 0; i < join->protocol_count; i++) {
        if (consumer_is_common(group, join->protocols[i].name))
            return true;
    }
    return false;
}

/* ---- joining ---- */

static slice make_id(struct consumer_group *group, struct arena *arena)
{
    const struct group_store *store = &group->group->coordinator->store;
    uint8_t random[16];
    char text[UUID_TEXT_SIZE];
    store->random(store->context, random, sizeof random);
    uuid_print(uuid_from_random(random), text);
    return arena_copy(arena, slice_of_text(text));
}

/* Its record is one that a batch can hold. */
static bool is_short(const struct join_call *join)
{
    size_t bytes = join->member_id.size + (slice_is_null(join->instance_id) ? 0 : join->instance_id.size);
    for (int32_t i = 0; i < join->protocol_count && bytes <= CONSUMER_TEXT_MAX; i++)
        bytes += join->protocols[i].name.size + join->protocols[i].metadata.size;
    return bytes <= CONSUMER_TEXT_MAX;
}

/* The member that joins, NULL for one that is new. */
static enum kafka_error find_joining(const struct consumer_group *group, const struct join_call *join,
                                     struct consumer_member **member)
{
    bool is_static = !slice_is_null(join->instance_id), is_named = join->member_id.size > 0;
    *member = is_static ? consumer_find_static(group, join->instance_id) : consumer_find_member(group, join->member_id);
    if (is_static && is_named && *member == NULL)
        return KAFKA_UNKNOWN_MEMBER_ID;
    if (is_static && is_named && !slice_equal((*member)->id, join->member_id))
        return KAFKA_FENCED_INSTANCE_ID;
    uint32_t most = (uint32_t)group->group->coordinator->limits->consumer_max_size;
    return *member == NULL && group->member_count >= most ? KAFKA_GROUP_MAX_SIZE_REACHED : KAFKA_NONE;
}

static int admit(struct consumer_group *group, const struct join_call *join, slice id, struct consumer_member **member)
{
    if (*member == NULL)
        *member = consumer_add_member(group, id);
    else if (join->member_id.size == 0)
        return consumer_replace_static(group, *member, id);
    return *member != NULL ? 0 : -ENOMEM;
}

/* What it holds by its own account, topics by their ids. */
static int list_owned(const struct consumer_group *group, const struct consumer_protocol_subscription *subscription,
                      struct arena *arena, owned_topics *owned)
{
    const struct group_topics *topics = &group->group->coordinator->store.topics;
    int32_t count = subscription->owned_partitions.count > 0 ? subscription->owned_partitions.count : 0;
    owned->count = 0;
    owned->items = arena_alloc(arena, (size_t)count * sizeof *owned->items);
    if (owned->items == NULL)
        return -ENOMEM;
    for (int32_t i = 0; i < count; i++) {
        const struct consumer_protocol_subscription_topic *held = &subscription->owned_partitions.items[i];
        struct group_topic topic;
        if (topics->find(topics->context, held->topic, &topic))
            owned->items[owned->count++] =
                (struct consumer_group_heartbeat_request_topic){.topic_id = topic.id, .partitions = held->partitions};
    }
    return 0;
}

static int step(struct consumer_group *group, struct join_call *join, slice id,
                const struct consumer_protocol_subscription *subscription, struct consumer_member **member)
{
    struct consumer_description said = {.instance_id = join->instance_id,
                                        .rack_id = subscription->rack_id,
                                        .client_id = join->client_id,
                                        .client_host = join->client_host,
                                        .regex = slice_of_text(""),
                                        .names = subscription->topics.items,
                                        .name_count = subscription->topics.count,
                                        .rebalance_timeout_ms = join->rebalance_timeout_ms};
    bool subscribes = false;
    owned_topics owned;
    int rc = list_owned(group, subscription, join->call.arena, &owned);
    if (rc == 0)
        rc = admit(group, join, id, member);
    if (rc == 0)
        rc = consumer_keep_protocols(group, *member, join->protocols, join->protocol_count, join->session_timeout_ms);
    if (rc == 0)
        rc = consumer_describe_member(group, *member, &said, &subscribes);
    if (*member != NULL)
        consumer_begin_session(group, *member, group->group->coordinator->time.steady);
    group->must_rise = group->must_rise || subscribes;
    if (rc == 0)
        rc = consumer_refresh(group, group->must_rise);
    if (rc == 0)
        rc = consumer_update_target(group);
    return rc == 0 ? consumer_reconcile(group, *member, &owned, subscribes) : rc;
}

/* Nobody leads: the coordinator assigns. */
static int fill_join(struct join_call *join, const struct consumer_member *member)
{
    join->generation = member->epoch;
    join->leader = slice_of_text("");
    join->found_protocol_type = slice_of_text(EMBEDDED_PROTOCOL_TYPE);
    join->found_protocol = arena_copy(join->call.arena, member->classic->protocols[0].name);
    join->found_member_id = arena_copy(join->call.arena, member->id);
    join->skip_assignment = false;
    join->members = NULL;
    join->member_count = 0;
    return slice_is_null(join->found_protocol) || slice_is_null(join->found_member_id) ? -ENOMEM : 0;
}

static enum kafka_error join_now(struct consumer_group *group, struct join_call *join, slice id)
{
    struct consumer_protocol_subscription subscription;
    struct consumer_member *member;
    enum kafka_error error = find_joining(group, join, &member);
    if (error != KAFKA_NONE)
        return error;
    if (!is_short(join))
        return KAFKA_UNKNOWN_SERVER_ERROR;
    int rc = embedded_read_subscription(join->protocols[0].metadata, join->call.arena, &subscription);
    if (rc != 0 && rc != -ENOMEM)
        return KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    if (rc == 0)
        rc = step(group, join, id, &subscription, &member);
    if (rc == 0)
        rc = fill_join(join, member);
    if (rc != 0)
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    int64_t now = group->group->coordinator->time.steady;
    consumer_set_deadline(group, &member->rebalance_deadline, now + member->rebalance_timeout_ms); /* for its sync */
    return KAFKA_NONE;
}

void consumer_classic_join(struct group *group, struct join_call *join)
{
    struct consumer_group *consumer = group->consumer;
    struct group_answers *answers = &group->coordinator->answers;
    if (!supports(consumer, join)) {
        classic_refuse_join(answers, join, join->member_id, KAFKA_INCONSISTENT_GROUP_PROTOCOL);
        return;
    }
    bool is_new = join->member_id.size == 0;
    slice id = is_new ? make_id(consumer, join->call.arena) : join->member_id;
    if (is_new && join->requires_member_id && slice_is_null(join->instance_id)) {
        classic_refuse_join(answers, join, id, KAFKA_MEMBER_ID_REQUIRED);
        return;
    }
    enum kafka_error error = slice_is_null(id) ? KAFKA_COORDINATOR_NOT_AVAILABLE : join_now(consumer, join, id);
    if (error == KAFKA_NONE) {
        consumer_write_for(consumer, &join->call);
        return;
    }
    classic_refuse_join(answers, join, join->member_id, error);
    consumer_write(consumer);
}

/* ---- between ---- */

static enum kafka_error find_classic(const struct consumer_group *group, slice member_id, slice instance_id,
                                     int32_t generation, struct consumer_member **member)
{
    bool is_static = !slice_is_null(instance_id);
    *member = is_static ? consumer_find_static(group, instance_id) : consumer_find_member(group, member_id);
    if (*member == NULL)
        return KAFKA_UNKNOWN_MEMBER_ID;
    if (is_static && !slice_equal((*member)->id, member_id))
        return KAFKA_FENCED_INSTANCE_ID;
    if ((*member)->classic == NULL)
        return KAFKA_UNKNOWN_MEMBER_ID;
    return (*member)->epoch == generation ? KAFKA_NONE : KAFKA_ILLEGAL_GENERATION;
}

/* It is to join again, and has its rebalance timeout for that. */
static enum kafka_error ask_to_join(struct consumer_group *group, struct consumer_member *member)
{
    int64_t now = group->group->coordinator->time.steady;
    if (member->rebalance_deadline == GROUP_NEVER)
        consumer_set_deadline(group, &member->rebalance_deadline, now + member->rebalance_timeout_ms);
    return KAFKA_REBALANCE_IN_PROGRESS;
}

/* Whether all that it is to have and does not have is another's still. */
static bool waits_for_others(const struct consumer_group *group, const struct consumer_member *member)
{
    for (uint32_t i = 0; i < member->target.count; i++) {
        const struct claim *claim = &member->target.items[i];
        if (claims_find(&member->assigned, claim->topic, claim->partition) == NULL &&
            !consumer_is_held_by_other(group, member, claim))
            return false;
    }
    return true;
}

enum kafka_error consumer_classic_heartbeat(struct group *group, slice member_id, slice instance_id, int32_t generation)
{
    struct consumer_group *consumer = group->consumer;
    struct consumer_member *member;
    enum kafka_error error = find_classic(consumer, member_id, instance_id, generation, &member);
    if (error != KAFKA_NONE)
        return error;
    consumer_begin_session(consumer, member, group->coordinator->time.steady);
    int rc = consumer_refresh(consumer, consumer->must_rise);
    if (rc == 0)
        rc = consumer_update_target(consumer);
    (void)rc; /* the next one does it */
    consumer_write(consumer);
    bool must_join = member->epoch < consumer->target_epoch || member->state == MEMBER_UNREVOKED ||
                     (member->state == MEMBER_UNRELEASED && !waits_for_others(consumer, member));
    return must_join ? ask_to_join(consumer, member) : KAFKA_NONE;
}

static enum kafka_error sync_now(struct consumer_group *group, struct sync_call *sync)
{
    struct consumer_member *member;
    enum kafka_error error = find_classic(group, sync->member_id, sync->instance_id, sync->generation, &member);
    if (error != KAFKA_NONE)
        return error;
    slice type = slice_of_text(EMBEDDED_PROTOCOL_TYPE), protocol = member->classic->protocols[0].name;
    if ((!slice_is_null(sync->protocol_type) && !slice_equal(sync->protocol_type, type)) ||
        (!slice_is_null(sync->protocol) && !slice_equal(sync->protocol, protocol)))
        return KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    if (group->target_epoch > member->epoch && member->state != MEMBER_UNREVOKED)
        return ask_to_join(group, member);
    int rc = embedded_write_assignment(member->classic->protocols[0].metadata, &member->assigned,
                                       &group->group->coordinator->store.topics, sync->call.arena, &sync->assignment);
    if (rc != 0)
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    member->rebalance_deadline = GROUP_NEVER;
    consumer_begin_session(group, member, group->group->coordinator->time.steady);
    sync->found_protocol_type = sync->protocol_type;
    sync->found_protocol = sync->protocol;
    return KAFKA_NONE;
}

void consumer_classic_sync(struct group *group, struct sync_call *sync)
{
    sync->assignment = slice_of_text("");
    sync->found_protocol_type = sync->found_protocol = NULL_SLICE;
    enum kafka_error error = sync_now(group->consumer, sync);
    if (error == KAFKA_NONE)
        consumer_write_for(group->consumer, &sync->call);
    else
        group_answers_add(&group->coordinator->answers, &sync->call, error);
}

/* ---- leaving ---- */

/* An operator may remove a static member by its instance id alone. */
static enum kafka_error leave_one(struct consumer_group *group, const struct leave_member *leaving)
{
    bool is_static = !slice_is_null(leaving->instance_id);
    struct consumer_member *member =
        is_static ? consumer_find_static(group, leaving->instance_id) : consumer_find_member(group, leaving->member_id);
    if (member == NULL)
        return KAFKA_UNKNOWN_MEMBER_ID;
    if (is_static && leaving->member_id.size > 0 && !slice_equal(member->id, leaving->member_id))
        return KAFKA_FENCED_INSTANCE_ID;
    return consumer_dismiss(group, member) == 0 ? KAFKA_NONE : KAFKA_COORDINATOR_NOT_AVAILABLE;
}

void consumer_classic_leave(struct group *group, struct leave_member *members, size_t count)
{
    for (size_t i = 0; i < count; i++)
        members[i].error = leave_one(group->consumer, &members[i]);
    consumer_end_dismissals(group->consumer);
    consumer_write(group->consumer);
    consumer_downgrade_if_due(group);
}
