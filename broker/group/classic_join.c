/* Joining. A JoinGroup waits until the generation it asks for begins: when all members have asked, or when the longest
 * of their rebalance timeouts is over. Those who have not asked by then are left behind, but for static members, whose
 * sessions decide. */
#include "classic_private.h"

#include <stdio.h>

/* ---- answers ---- */

void classic_refuse_join(struct group_answers *answers, struct join_call *join, slice member_id, enum kafka_error error)
{
    slice empty = slice_of_text("");
    join->generation = -1;
    join->found_member_id = member_id.size > 0 ? arena_copy(join->call.arena, member_id) : empty;
    if (slice_is_null(join->found_member_id))
        join->found_member_id = empty;
    join->found_protocol_type = join->found_protocol = NULL_SLICE;
    join->leader = empty;
    join->skip_assignment = false;
    join->members = NULL;
    join->member_count = 0;
    group_answers_add(answers, &join->call, error);
}

/* False when the arena refuses. */
static bool copy_to(struct arena *arena, slice *to, slice from)
{
    *to = slice_is_null(from) ? NULL_SLICE : arena_copy(arena, from);
    return slice_is_null(from) || !slice_is_null(*to);
}

static bool list_members(const struct classic_group *group, struct join_call *join)
{
    struct arena *arena = join->call.arena;
    join->member_count = 0;
    join->members = arena_alloc(arena, (size_t)group->member_count * sizeof *join->members);
    if (join->members == NULL)
        return false;
    for (const struct classic_member *member = group->members; member != NULL; member = member->next) {
        struct join_member *listed = &join->members[join->member_count];
        if (member->is_pending)
            continue;
        if (!copy_to(arena, &listed->id, member->id) || !copy_to(arena, &listed->instance_id, member->instance_id) ||
            !copy_to(arena, &listed->metadata, classic_metadata(member, group->protocol)))
            return false;
        join->member_count++;
    }
    return true;
}

void classic_answer_join(struct classic_group *group, const struct classic_member *member, struct join_call *join,
                         slice leader, bool with_members, bool skip_assignment)
{
    struct arena *arena = join->call.arena;
    join->generation = group->generation;
    join->skip_assignment = skip_assignment;
    join->members = NULL;
    join->member_count = 0;
    if (copy_to(arena, &join->found_member_id, member->id) && copy_to(arena, &join->leader, leader) &&
        copy_to(arena, &join->found_protocol_type, group->protocol_type) &&
        copy_to(arena, &join->found_protocol, group->protocol) && (!with_members || list_members(group, join)))
        group_answers_add(group->surroundings.answers, &join->call, KAFKA_NONE);
    else
        classic_refuse_join(group->surroundings.answers, join, member->id, KAFKA_COORDINATOR_NOT_AVAILABLE);
}

static void answer_current(struct classic_group *group, const struct classic_member *member, struct join_call *join,
                           bool with_members)
{
    classic_answer_join(group, member, join, classic_group_leader(group), with_members, false);
}

/* ---- the next generation ---- */

static void leave_behind(struct classic_group *group)
{
    for (struct classic_member *member = group->members, *next; member != NULL; member = next) {
        next = member->next;
        if (!member->is_pending && member->join == NULL && slice_is_null(member->instance_id))
            classic_remove_member(group, member);
    }
}

/* The leader must have joined, or somebody else who has leads. */
static bool elect_leader(struct classic_group *group)
{
    if (group->leader == NULL || group->leader->join != NULL)
        return group->leader != NULL;
    for (struct classic_member *member = group->members; member != NULL; member = member->next) {
        if (member->join != NULL) {
            group->leader = member;
            return true;
        }
    }
    return false;
}

static void begin_generation(struct classic_group *group, int64_t now)
{
    group->state = CLASSIC_COMPLETING_REBALANCE;
    classic_set_deadline(group, &group->sync_deadline, now + classic_rebalance_timeout(group));
    for (struct classic_member *member = group->members; member != NULL; member = member->next) {
        if (member->is_pending)
            continue;
        struct join_call *join = member->join;
        member->join = NULL;
        member->is_new = false;
        member->owes_sync = true;
        classic_begin_session(group, member, now);
        if (join != NULL)
            answer_current(group, member, join, member == group->leader);
    }
}

static void refuse_all(struct classic_group *group, enum kafka_error error)
{
    for (struct classic_member *member = group->members; member != NULL; member = member->next) {
        if (member->join != NULL)
            classic_refuse_join(group->surroundings.answers, member->join, member->id, error);
        member->join = NULL;
    }
}

void classic_complete_join(struct classic_group *group, int64_t now)
{
    group->join_deadline = GROUP_NEVER;
    leave_behind(group);
    if (!elect_leader(group) && group->member_count > 0) {
        /* Static members only, none of which has come back: until their sessions end. */
        classic_set_deadline(group, &group->join_deadline, now + classic_rebalance_timeout(group));
        return;
    }
    slice protocol = group->member_count > 0 ? classic_select_protocol(group) : NULL_SLICE;
    if (!classic_keep(group, &group->protocol, protocol)) {
        refuse_all(group, KAFKA_COORDINATOR_NOT_AVAILABLE);
        classic_set_deadline(group, &group->join_deadline, now + classic_rebalance_timeout(group));
        return;
    }
    group->generation++;
    if (group->member_count > 0) {
        begin_generation(group, now);
        return;
    }
    group->state = CLASSIC_EMPTY;
    uint64_t token = classic_write(group);
    (void)token; /* when it cannot be written, a start finds the generation before, whose members expire */
}

void classic_maybe_complete_join(struct classic_group *group, int64_t now)
{
    if (group->state == CLASSIC_PREPARING_REBALANCE && !group->is_initial && classic_all_joined(group))
        classic_complete_join(group, now);
}

/* ---- a rebalance ---- */

void classic_prepare_rebalance(struct classic_group *group, int64_t now)
{
    if (group->state == CLASSIC_COMPLETING_REBALANCE)
        classic_fail_syncs(group, KAFKA_REBALANCE_IN_PROGRESS, now);
    for (struct classic_member *member = group->members; member != NULL; member = member->next)
        member->owes_sync = false;
    group->sync_deadline = GROUP_NEVER;
    group->assigning = 0;
    group->is_initial = group->state == CLASSIC_EMPTY;
    group->state = CLASSIC_PREPARING_REBALANCE;
    if (!group->is_initial) {
        if (classic_all_joined(group))
            classic_complete_join(group, now);
        else
            classic_set_deadline(group, &group->join_deadline, now + classic_rebalance_timeout(group));
        return;
    }
    int32_t delay = group->surroundings.limits->initial_delay_ms;
    int32_t longest = classic_rebalance_timeout(group);
    group->has_newcomers = false;
    group->initial_delay_ms = delay;
    group->initial_remaining_ms = longest > delay ? longest - delay : 0;
    if (delay == 0)
        classic_complete_join(group, now);
    else
        classic_set_deadline(group, &group->join_deadline, now + delay);
}

void classic_group_rebalance(struct classic_group *group, int64_t now)
{
    classic_prepare_rebalance(group, now);
}

void classic_join_timeout(struct classic_group *group, int64_t now)
{
    if (!group->is_initial || !group->has_newcomers || group->initial_remaining_ms == 0) {
        classic_complete_join(group, now);
        return;
    }
    int32_t delay = group->surroundings.limits->initial_delay_ms;
    int32_t remaining = group->initial_remaining_ms;
    group->has_newcomers = false;
    group->initial_remaining_ms = remaining > group->initial_delay_ms ? remaining - group->initial_delay_ms : 0;
    group->initial_delay_ms = delay < remaining ? delay : remaining;
    classic_set_deadline(group, &group->join_deadline, now + group->initial_delay_ms);
}

void classic_rebalance_or_complete(struct classic_group *group, int64_t now)
{
    if (group->state == CLASSIC_PREPARING_REBALANCE)
        classic_maybe_complete_join(group, now);
    else
        classic_prepare_rebalance(group, now);
}

/* ---- JoinGroup ---- */

static void wait_for_generation(struct classic_group *group, struct classic_member *member, struct join_call *join)
{
    if (member->join != NULL) /* asked again, on another connection: nobody waits for the first answer */
        classic_refuse_join(group->surroundings.answers, member->join, member->id, KAFKA_COORDINATOR_NOT_AVAILABLE);
    member->join = join;
}

static void admit(struct classic_group *group, struct classic_member *member, struct join_call *join, int64_t now)
{
    if (classic_admit_member(group, member, join) != 0) {
        classic_refuse_join(group->surroundings.answers, join, join->member_id, KAFKA_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    if (group->state == CLASSIC_PREPARING_REBALANCE && group->is_initial)
        group->has_newcomers = true;
    member->is_new = true;
    wait_for_generation(group, member, join);
    classic_set_deadline(group, &member->deadline, now + GROUP_NEW_MEMBER_JOIN_MS);
    classic_rebalance_or_complete(group, now);
}

static void join_again(struct classic_group *group, struct classic_member *member, struct join_call *join, int64_t now)
{
    if (classic_update_member(group, member, join) != 0) {
        classic_refuse_join(group->surroundings.answers, join, member->id, KAFKA_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    wait_for_generation(group, member, join);
    classic_rebalance_or_complete(group, now);
}

/* As Kafka's: the instance id or the client's id, and a random UUID. NULL_SLICE when the arena refuses. */
static slice make_member_id(struct classic_group *group, const struct join_call *join)
{
    uint8_t random[GROUP_MEMBER_ID_RANDOM];
    char uuid[37];
    slice prefix = slice_is_null(join->instance_id) ? join->client_id : join->instance_id;
    char *text = arena_alloc(join->call.arena, prefix.size + 1 + sizeof uuid);
    if (text == NULL)
        return NULL_SLICE;
    group->surroundings.random(group->surroundings.context, random, sizeof random);
    random[6] = (uint8_t)((random[6] & 0x0f) | 0x40);
    random[8] = (uint8_t)((random[8] & 0x3f) | 0x80);
    if (prefix.size > 0)
        memcpy(text, prefix.data, prefix.size);
    char *to = text + prefix.size;
    *to++ = '-';
    for (size_t i = 0; i < sizeof random; i++) {
        bool has_dash = i == 4 || i == 6 || i == 8 || i == 10;
        to += snprintf(to, 4, "%s%02x", has_dash ? "-" : "", random[i]);
    }
    return slice_of(text, (size_t)(to - text));
}

static void join_new(struct classic_group *group, struct join_call *join, int64_t now)
{
    slice id = make_member_id(group, join);
    struct classic_member *replaced =
        slice_is_null(join->instance_id) ? NULL : classic_find_static(group, join->instance_id);
    if (replaced != NULL && !slice_is_null(id)) {
        classic_replace_static(group, replaced, id, join, now);
        return;
    }
    struct classic_member *member = slice_is_null(id) ? NULL : classic_add_pending(group, id);
    if (member == NULL) {
        classic_refuse_join(group->surroundings.answers, join, NULL_SLICE, KAFKA_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    if (join->requires_member_id && slice_is_null(join->instance_id)) {
        member->session_timeout_ms = join->session_timeout_ms;
        classic_begin_session(group, member, now);
        classic_refuse_join(group->surroundings.answers, join, member->id, KAFKA_MEMBER_ID_REQUIRED);
        return;
    }
    admit(group, member, join, now);
    if (member->is_pending)
        classic_remove_member(group, member);
}

static void join_existing(struct classic_group *group, struct join_call *join, int64_t now)
{
    struct classic_member *member = classic_find_member(group, join->member_id);
    if (member != NULL && member->is_pending && slice_is_null(join->instance_id)) {
        admit(group, member, join, now);
        return;
    }
    enum kafka_error error = classic_validate(group, join->member_id, join->instance_id, &member);
    if (error == KAFKA_NONE && group->state == CLASSIC_EMPTY)
        error = KAFKA_UNKNOWN_MEMBER_ID;
    if (error != KAFKA_NONE) {
        classic_refuse_join(group->surroundings.answers, join, join->member_id, error);
        return;
    }
    bool is_leader = member == group->leader;
    bool is_same = classic_same_protocols(member, join);
    /* The leader of a stable group that joins again wants a rebalance: topics may have changed. A member that joins a
     * generation once more, with nothing new, has missed the answer. */
    if (group->state == CLASSIC_COMPLETING_REBALANCE && is_same)
        answer_current(group, member, join, is_leader);
    else if (group->state == CLASSIC_STABLE && is_same && !is_leader)
        answer_current(group, member, join, false);
    else
        join_again(group, member, join, now);
}

/* Members that wait for a generation count while one is made: so the last to ask again are those left out. */
static bool has_room(const struct classic_group *group, const struct classic_member *member)
{
    int32_t most = group->surroundings.limits->max_size;
    bool is_member = member != NULL && !member->is_pending;
    switch (group->state) {
    case CLASSIC_EMPTY:
        return true;
    case CLASSIC_PREPARING_REBALANCE:
        return (is_member && member->join != NULL) || classic_count_joining(group) < most;
    default:
        return is_member || group->member_count < most;
    }
}

void classic_group_join(struct classic_group *group, struct join_call *join, int64_t now)
{
    bool is_unknown = join->member_id.size == 0;
    struct classic_member *member = is_unknown ? NULL : classic_find_member(group, join->member_id);
    if (!has_room(group, member)) {
        if (member != NULL)
            classic_remove_member(group, member);
        classic_refuse_join(group->surroundings.answers, join, NULL_SLICE, KAFKA_GROUP_MAX_SIZE_REACHED);
        classic_maybe_complete_join(group, now);
    } else if (!classic_supports(group, join)) {
        classic_refuse_join(group->surroundings.answers, join, join->member_id, KAFKA_INCONSISTENT_GROUP_PROTOCOL);
    } else if (is_unknown) {
        join_new(group, join, now);
    } else {
        join_existing(group, join, now);
    }
}

enum kafka_error classic_group_check_join(const struct group_limits *limits, slice group_id,
                                          const struct join_call *join)
{
    if (group_id.size == 0)
        return KAFKA_INVALID_GROUP_ID;
    if (join->session_timeout_ms < limits->min_session_timeout_ms ||
        join->session_timeout_ms > limits->max_session_timeout_ms)
        return KAFKA_INVALID_SESSION_TIMEOUT;
    if (join->protocol_count > GROUP_PROTOCOLS_MAX)
        return KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    return KAFKA_NONE;
}
