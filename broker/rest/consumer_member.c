#include "rest/consumer_member.h"

#include "group/embedded_protocol.h"
#include "operations/groups.h"
#include "rest/consumer_assign.h"
#include "server.h"

#include <errno.h>

#define CALL_BYTES_MAX ((size_t)16 << 20)

static struct group_coordinator *coordinator_of(const struct consumer_member *member)
{
    return group_service_coordinator(member->server->groups);
}

/* ---- its id ---- */

static void forget_id(struct consumer_member *member)
{
    if (!slice_is_null(member->id))
        memory_free(member->server->memory, MEMORY_GROUPS, (void *)(uintptr_t)member->id.data, member->id.size);
    member->id = NULL_SLICE;
    member->generation = -1;
}

static bool keep_id(struct consumer_member *member, slice id)
{
    if (slice_equal(member->id, id))
        return true;
    uint8_t *bytes = memory_alloc(member->server->memory, MEMORY_GROUPS, id.size);
    if (bytes == NULL)
        return false;
    memcpy(bytes, id.data, id.size);
    forget_id(member);
    member->id = slice_of(bytes, id.size);
    return true;
}

/* ---- failures ---- */

/* A call under way is answered, perhaps from within: then the member may be gone. */
static void tell_leaving(struct consumer_member *member)
{
    struct group_service *groups = member->server->groups;
    struct leave_member leaver = {.member_id = member->id};
    (void)group_coordinator_leave(coordinator_of(member), member->group_id, &leaver, 1, group_service_now(groups));
    group_service_rearm(groups);
}

static void leave_now(struct consumer_member *member)
{
    if (slice_is_null(member->id))
        return;
    tell_leaving(member);
    forget_id(member);
}

static void end_leaving(struct consumer_member *member)
{
    leave_now(member);
    member->is_leaving = false;
    member->owner->left(member->context);
}

/* The next heartbeat tries again. */
static void fail(struct consumer_member *member, enum kafka_error error)
{
    bool is_forgotten = error == KAFKA_UNKNOWN_MEMBER_ID || error == KAFKA_FENCED_INSTANCE_ID;
    member->state = CONSUMER_OUT;
    member->error = error;
    if (is_forgotten)
        forget_id(member);
    if (member->is_leaving)
        end_leaving(member);
}

/* ---- SyncGroup ---- */

static void issue_join(struct consumer_member *member);

/* The call's results are in the arena, which the next join takes. */
static void on_synced(struct group_call *call)
{
    struct consumer_member *member = call->context;
    struct consumer_protocol_assignment assignment;
    if (call->error != KAFKA_NONE || member->is_leaving) {
        bool goes_on = call->error == KAFKA_REBALANCE_IN_PROGRESS && !member->is_leaving;
        if (goes_on)
            issue_join(member);
        else
            fail(member, call->error);
        return;
    }
    if (member->is_stale) {
        issue_join(member);
        return;
    }
    if (embedded_read_assignment(member->sync.assignment, &member->arena, &assignment) != 0) {
        fail(member, KAFKA_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    member->state = CONSUMER_IN;
    member->error = KAFKA_NONE;
    member->owner->assigned(member->context, &assignment);
}

static int keep_group_topics(struct consumer_member *member)
{
    size_t count = 0, filled = 0;
    struct arena *arena = &member->arena;
    const struct join_call *join = &member->join;
    struct consumer_protocol_subscription *read = arena_alloc(arena, (size_t)join->member_count * sizeof *read);
    if (read == NULL)
        return -ENOMEM;
    for (int32_t m = 0; m < join->member_count; m++) {
        if (embedded_read_subscription(join->members[m].metadata, arena, &read[m]) != 0)
            read[m] = CONSUMER_PROTOCOL_SUBSCRIPTION_DEFAULTS;
        count += read[m].topics.count > 0 ? (size_t)read[m].topics.count : 0;
    }
    slice *names = arena_alloc(arena, count * sizeof *names);
    if (names == NULL)
        return -ENOMEM;
    for (int32_t m = 0; m < join->member_count; m++)
        for (int32_t i = 0; i < read[m].topics.count; i++)
            names[filled++] = read[m].topics.items[i];
    member->group_topics = names;
    member->group_topic_count = filled;
    return 0;
}

static int share_out(struct consumer_member *member, struct group_assignment **assignments)
{
    const struct join_call *join = &member->join;
    int rc = keep_group_topics(member);
    if (rc != 0)
        return rc;
    return consumer_assign(&member->server->topics, join->found_protocol, join->members, join->member_count,
                           &member->arena, assignments, &member->stamp);
}

static void issue_sync(struct consumer_member *member)
{
    const struct join_call *join = &member->join;
    struct group_service *groups = member->server->groups;
    struct group_assignment *assignments = NULL;
    member->leads = slice_equal(join->leader, member->id);
    int rc = member->leads ? share_out(member, &assignments) : 0;
    if (rc != 0) { /* the others wait for its assignment: somebody else is to make it */
        leave_now(member);
        fail(member, KAFKA_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    member->state = CONSUMER_SYNCING;
    member->sync = (struct sync_call){
        .call = {.done = on_synced, .context = member, .arena = &member->arena},
        .member_id = member->id,
        .instance_id = NULL_SLICE,
        .protocol_type = NULL_SLICE,
        .protocol = join->found_protocol,
        .generation = member->generation,
        .assignments = assignments,
        .assignment_count = member->leads ? join->member_count : 0,
    };
    group_coordinator_sync(coordinator_of(member), member->group_id, &member->sync, group_service_now(groups));
    group_service_rearm(groups);
}

/* ---- JoinGroup ---- */

static void on_joined(struct group_call *call)
{
    struct consumer_member *member = call->context;
    const struct join_call *join = &member->join;
    bool has_id = call->error == KAFKA_NONE || call->error == KAFKA_MEMBER_ID_REQUIRED;
    if (has_id && !keep_id(member, join->found_member_id)) {
        fail(member, KAFKA_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    if (!has_id || member->is_leaving) {
        fail(member, call->error);
        return;
    }
    member->generation = join->generation;
    if (call->error == KAFKA_MEMBER_ID_REQUIRED || member->is_stale)
        issue_join(member);
    else
        issue_sync(member);
}

/* All its protocols say the same. */
static bool write_protocols(struct consumer_member *member)
{
    const slice *topics;
    size_t count;
    slice metadata;
    member->owner->list_topics(member->context, &topics, &count);
    member->protocols = arena_alloc(&member->arena, CONSUMER_PROTOCOLS * sizeof *member->protocols);
    if (member->protocols == NULL || embedded_write_subscription(topics, count, &member->arena, &metadata) != 0)
        return false;
    for (int i = 0; i < CONSUMER_PROTOCOLS; i++)
        member->protocols[i] = (struct join_protocol){slice_of_text(consumer_protocols[i]), metadata};
    return true;
}

static int32_t session_timeout(const struct server *server)
{
    int64_t least = config_number(server->config, CONFIG_GROUP_MIN_SESSION_TIMEOUT_MS);
    int64_t most = config_number(server->config, CONFIG_GROUP_MAX_SESSION_TIMEOUT_MS);
    int64_t timeout = CONSUMER_SESSION_MS < least ? least : CONSUMER_SESSION_MS;
    return (int32_t)(timeout > most ? most : timeout);
}

static void issue_join(struct consumer_member *member)
{
    struct server *server = member->server;
    arena_reset(&member->arena);
    member->is_stale = false;
    member->leads = false;
    member->group_topic_count = 0;
    if (!write_protocols(member)) {
        fail(member, KAFKA_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    member->state = CONSUMER_JOINING;
    member->join = (struct join_call){
        .call = {.done = on_joined, .context = member, .arena = &member->arena},
        .member_id = slice_is_null(member->id) ? slice_of_text("") : member->id,
        .instance_id = NULL_SLICE,
        .client_id = member->client_id,
        .client_host = member->client_host,
        .protocol_type = slice_of_text(EMBEDDED_PROTOCOL_TYPE),
        .protocols = member->protocols,
        .protocol_count = CONSUMER_PROTOCOLS,
        .session_timeout_ms = session_timeout(server),
        .rebalance_timeout_ms = CONSUMER_REBALANCE_MS,
        .requires_member_id = true,
    };
    group_service_prepare(server->groups);
    group_coordinator_join(coordinator_of(member), member->group_id, &member->join, group_service_now(server->groups));
    group_service_rearm(server->groups);
}

/* ---- what its instance wants ---- */

void consumer_member_init(struct consumer_member *member, struct server *server,
                          const struct consumer_member_owner *owner, void *context)
{
    *member = (struct consumer_member){
        .server = server, .owner = owner, .context = context, .id = NULL_SLICE, .generation = -1};
    arena_init(&member->arena, server->memory, MEMORY_GROUPS, CALL_BYTES_MAX);
}

void consumer_member_close(struct consumer_member *member)
{
    forget_id(member);
    arena_close(&member->arena);
}

void consumer_member_join(struct consumer_member *member)
{
    member->wants_in = true;
    if (consumer_member_is_busy(member))
        member->is_stale = true;
    else
        issue_join(member);
}

enum kafka_error consumer_member_beat(struct consumer_member *member)
{
    if (member->state == CONSUMER_OUT && member->wants_in)
        issue_join(member);
    if (member->state != CONSUMER_IN)
        return KAFKA_NONE;
    enum kafka_error error =
        group_coordinator_heartbeat(coordinator_of(member), member->group_id, member->id, NULL_SLICE,
                                    member->generation, group_service_now(member->server->groups));
    group_service_rearm(member->server->groups);
    bool is_outdated = member->leads && error == KAFKA_NONE &&
                       consumer_assign_stamp(&member->server->topics, member->group_topics,
                                             member->group_topic_count) != member->stamp;
    if (is_outdated)
        error = KAFKA_REBALANCE_IN_PROGRESS;
    if (error == KAFKA_NONE || error == KAFKA_COORDINATOR_NOT_AVAILABLE)
        return KAFKA_NONE;
    fail(member, error);
    return error;
}

/* A call under way ends with it. */
void consumer_member_leave(struct consumer_member *member)
{
    member->wants_in = false;
    member->is_leaving = true;
    if (!consumer_member_is_busy(member)) {
        member->state = CONSUMER_OUT;
        end_leaving(member);
    } else if (!slice_is_null(member->id)) {
        tell_leaving(member);
    }
}
