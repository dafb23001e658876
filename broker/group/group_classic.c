/* Groups of the classic protocol as a kind of group: classic_group.h on the coordinator's time and writes. */
#include "group/group_private.h"

static int64_t now_of(const struct group *group)
{
    return group->coordinator->time.steady;
}

/* ---- what the state machine stands on ---- */

static bool write_classic(void *context, struct classic_group *classic, uint64_t token)
{
    struct group *group = context;
    struct group_write *write = group_write_open(group, WRITE_KIND);
    if (write == NULL)
        return false;
    write->token = token;
    int64_t now = group->coordinator->time.wall;
    if (classic_group_member_count(classic) == 0)
        group->since = now;
    return group_write_send(write, group_records_add_classic(&write->builder, now, classic));
}

static void fill_random(void *context, void *to, size_t size)
{
    const struct group *group = context;
    group->coordinator->store.random(group->coordinator->store.context, to, size);
}

int group_make_classic(struct group *group)
{
    struct group_coordinator *coordinator = group->coordinator;
    struct group_surroundings surroundings = {.memory = coordinator->memory,
                                              .limits = &coordinator->limits->groups,
                                              .answers = &coordinator->answers,
                                              .write = write_classic,
                                              .random = fill_random,
                                              .context = group};
    struct classic_group *classic;
    int rc = classic_group_create(&surroundings, group->id, &classic);
    if (rc != 0)
        return rc;
    group->classic = classic;
    group->kind = &group_kind_classic;
    return 0;
}

/* ---- life ---- */

static void close_group(struct group *group, enum kafka_error error)
{
    classic_group_close(group->classic, error);
}

static void end_waits(struct group *group, enum kafka_error error)
{
    classic_group_end_waits(group->classic, error);
}

static void loaded(struct group *group)
{
    classic_group_loaded(group->classic, now_of(group));
}

static int64_t wake_at(const struct group *group)
{
    return classic_group_wake_at(group->classic);
}

static void expire(struct group *group)
{
    classic_group_expire(group->classic, now_of(group));
}

static void written(struct group *group, struct group_write *write, enum kafka_error error)
{
    classic_group_written(group->classic, write->token, error, now_of(group));
}

static int add_tombstones(const struct group *group, struct batch_builder *builder, int64_t now)
{
    return group_records_add_classic_tombstone(builder, now, group->id);
}

/* ---- requests ---- */

static void join_group(struct group *group, struct join_call *join)
{
    classic_group_join(group->classic, join, now_of(group));
}

static void sync_group(struct group *group, struct sync_call *sync)
{
    classic_group_sync(group->classic, sync, now_of(group));
}

static enum kafka_error heartbeat(struct group *group, slice member_id, slice instance_id, int32_t generation)
{
    return classic_group_heartbeat(group->classic, member_id, instance_id, generation, now_of(group));
}

static void leave_group(struct group *group, struct leave_member *members, size_t count)
{
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        members[i].error = classic_group_leave(group->classic, members[i].member_id, members[i].instance_id);
        any = any || members[i].error == KAFKA_NONE;
    }
    if (any)
        classic_group_settle(group->classic, now_of(group));
}

static enum kafka_error check_commit(struct group *group, const struct commit_call *commit, bool transactional)
{
    return classic_group_check_commit(group->classic, commit->member_id, commit->instance_id, commit->generation,
                                      transactional, now_of(group));
}

/* ---- looking ---- */

static uint32_t member_count(const struct group *group)
{
    return (uint32_t)classic_group_member_count(group->classic);
}

static bool is_empty(const struct group *group)
{
    return classic_group_state(group->classic) == CLASSIC_EMPTY;
}

static bool has_member(const struct group *group, slice id)
{
    return classic_group_has_member(group->classic, id);
}

static bool is_awaited(const struct group *group)
{
    return classic_group_has_pending(group->classic);
}

static bool list_subscribed(const struct group *group, group_topic_callback *callback, void *context)
{
    return classic_group_list_subscribed(group->classic, callback, context);
}

static slice protocol_type(const struct group *group)
{
    return classic_group_protocol_type(group->classic);
}

static const char *state_text(const struct group *group)
{
    return classic_group_state_text(group->classic);
}

const struct group_kind group_kind_classic = {
    .type = "classic",
    .close = close_group,
    .end_waits = end_waits,
    .loaded = loaded,
    .wake_at = wake_at,
    .expire = expire,
    .written = written,
    .add_tombstones = add_tombstones,
    .join = join_group,
    .sync = sync_group,
    .heartbeat = heartbeat,
    .leave = leave_group,
    .check_commit = check_commit,
    .is_empty = is_empty,
    .member_count = member_count,
    .has_member = has_member,
    .is_awaited = is_awaited,
    .list_subscribed = list_subscribed,
    .protocol_type = protocol_type,
    .state_text = state_text,
};
