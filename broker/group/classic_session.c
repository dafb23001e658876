/* What keeps members in the group, and what takes them out of it. */
#include "classic_private.h"

/* ---- deadlines ---- */

void classic_set_deadline(struct classic_group *group, int64_t *deadline, int64_t at)
{
    *deadline = at;
    if (at < group->wake_at)
        group->wake_at = at;
}

void classic_begin_session(struct classic_group *group, struct classic_member *member, int64_t now)
{
    classic_set_deadline(group, &member->deadline, now + member->session_timeout_ms);
}

static void find_wake_at(struct classic_group *group)
{
    int64_t at = group->join_deadline < group->sync_deadline ? group->join_deadline : group->sync_deadline;
    for (const struct classic_member *member = group->members; member != NULL; member = member->next) {
        if (member->deadline < at)
            at = member->deadline;
    }
    group->wake_at = at;
}

/* ---- heartbeats, commits ---- */

enum kafka_error classic_group_heartbeat(struct classic_group *group, slice member_id, slice instance_id,
                                         int32_t generation, int64_t now)
{
    struct classic_member *member;
    enum kafka_error error = classic_validate_generation(group, member_id, instance_id, generation, &member);
    if (error != KAFKA_NONE)
        return error;
    classic_begin_session(group, member, now);
    return group->state == CLASSIC_PREPARING_REBALANCE ? KAFKA_REBALANCE_IN_PROGRESS : KAFKA_NONE;
}

enum kafka_error classic_group_check_commit(struct classic_group *group, slice member_id, slice instance_id,
                                            int32_t generation, bool transactional, int64_t now)
{
    bool is_member = generation >= 0 || member_id.size > 0 || !slice_is_null(instance_id);
    if (generation < 0 && group->state == CLASSIC_EMPTY)
        return KAFKA_NONE; /* an operator's, or of a consumer that assigns its partitions itself */
    if (!is_member)
        return transactional ? KAFKA_NONE : KAFKA_UNKNOWN_MEMBER_ID;
    struct classic_member *member;
    enum kafka_error error = classic_validate_generation(group, member_id, instance_id, generation, &member);
    if (error != KAFKA_NONE)
        return error;
    if (!transactional && group->state == CLASSIC_COMPLETING_REBALANCE)
        return KAFKA_REBALANCE_IN_PROGRESS;
    classic_begin_session(group, member, now);
    return KAFKA_NONE;
}

/* ---- leaving ---- */

static void dismiss(struct classic_group *group, struct classic_member *member)
{
    if (member->join != NULL)
        classic_refuse_join(group->surroundings.answers, member->join, NULL_SLICE, KAFKA_UNKNOWN_MEMBER_ID);
    if (member->sync != NULL)
        classic_answer_sync(group, member, member->sync, KAFKA_UNKNOWN_MEMBER_ID);
    classic_remove_member(group, member);
}

enum kafka_error classic_group_leave(struct classic_group *group, slice member_id, slice instance_id)
{
    struct classic_member *member;
    enum kafka_error error = KAFKA_NONE;
    if (member_id.size == 0) {
        member = slice_is_null(instance_id) ? NULL : classic_find_static(group, instance_id);
        error = member != NULL ? KAFKA_NONE : KAFKA_UNKNOWN_MEMBER_ID;
    } else {
        member = classic_find_member(group, member_id);
        if (member == NULL || !member->is_pending)
            error = classic_validate(group, member_id, instance_id, &member);
    }
    if (error == KAFKA_NONE)
        dismiss(group, member);
    return error;
}

void classic_group_settle(struct classic_group *group, int64_t now)
{
    if (group->state != CLASSIC_EMPTY)
        classic_rebalance_or_complete(group, now);
}

/* ---- expiry ---- */

/* One that waits for an answer sends no heartbeats; but a new one is not waited for without end. */
static bool is_waiting(const struct classic_member *member)
{
    return !member->is_new && (member->join != NULL || member->sync != NULL);
}

/* Whether a member went that had joined. */
static bool expire_sessions(struct classic_group *group, int64_t now, bool *any)
{
    bool joined = false;
    *any = false;
    for (struct classic_member *member = group->members, *next; member != NULL; member = next) {
        next = member->next;
        if (member->deadline > now)
            continue;
        if (is_waiting(member)) {
            member->deadline = GROUP_NEVER;
            continue;
        }
        joined = joined || !member->is_pending;
        *any = true;
        dismiss(group, member);
    }
    return joined;
}

static void expire_syncs(struct classic_group *group, int64_t now)
{
    group->sync_deadline = GROUP_NEVER;
    for (struct classic_member *member = group->members, *next; member != NULL; member = next) {
        next = member->next;
        if (member->owes_sync)
            dismiss(group, member);
    }
    classic_prepare_rebalance(group, now);
}

void classic_group_expire(struct classic_group *group, int64_t now)
{
    if (now < group->wake_at)
        return;
    bool any;
    bool joined = expire_sessions(group, now, &any);
    if (joined && group->state != CLASSIC_EMPTY)
        classic_rebalance_or_complete(group, now);
    else if (any)
        classic_maybe_complete_join(group, now);
    if (group->sync_deadline <= now)
        expire_syncs(group, now);
    if (group->join_deadline <= now)
        classic_join_timeout(group, now);
    find_wake_at(group);
}
