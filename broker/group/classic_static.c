/* A static member (KIP-345) that was restarted asks to join without a member id. It takes the place of the member with
 * its instance id, whose old id is fenced from then on. In a stable group whose protocol stays the same nothing is
 * rebalanced: the new id is written, then answered. When it cannot be written, the old id is valid again. */
#include "classic_private.h"

/* Those who wait under the old id are told that they were replaced. */
static void fence(struct classic_group *group, struct classic_member *member)
{
    if (member->join != NULL)
        classic_refuse_join(group->surroundings.answers, member->join, member->id, KAFKA_FENCED_INSTANCE_ID);
    if (member->sync != NULL)
        classic_answer_sync(group, member, member->sync, KAFKA_FENCED_INSTANCE_ID);
    member->join = NULL;
    member->sync = NULL;
}

static void take_id_back(struct classic_group *group, struct classic_member *member)
{
    classic_drop(group, &member->id);
    member->id = member->former_id;
    member->former_id = NULL_SLICE;
}

/* The member speaks for `join` from now on. False without memory: it is as it was. */
static bool take_over(struct classic_group *group, struct classic_member *member, slice id,
                      const struct join_call *join)
{
    slice copy = NULL_SLICE;
    if (!classic_keep(group, &copy, id))
        return false;
    if (classic_update_member(group, member, join) != 0) {
        classic_drop(group, &copy);
        return false;
    }
    classic_drop(group, &member->former_id);
    member->former_id = member->id;
    member->id = copy;
    return true;
}

static bool keeps_protocol(const struct classic_group *group)
{
    slice selected = classic_select_protocol(group);
    return !slice_is_null(selected) && slice_equal(selected, group->protocol);
}

void classic_replace_static(struct classic_group *group, struct classic_member *member, slice id,
                            struct join_call *join, int64_t now)
{
    /* The group speaks of the id that the log has until it has the next one: one after the other. */
    if (member->replacing != 0) {
        classic_refuse_join(group->surroundings.answers, join, NULL_SLICE, KAFKA_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    fence(group, member);
    classic_begin_session(group, member, now); /* it waits no more: also if what follows fails */
    if (!take_over(group, member, id, join)) {
        classic_refuse_join(group->surroundings.answers, join, NULL_SLICE, KAFKA_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    member->join = join;
    if (group->state == CLASSIC_STABLE && keeps_protocol(group)) {
        member->replacing = classic_write(group);
        if (member->replacing == 0)
            classic_replacement_written(group, member, KAFKA_COORDINATOR_NOT_AVAILABLE, now);
        return;
    }
    classic_drop(group, &member->former_id);
    /* A leader at work on an assignment does not know the new id. */
    if (group->state == CLASSIC_PREPARING_REBALANCE)
        classic_maybe_complete_join(group, now);
    else
        classic_prepare_rebalance(group, now);
}

void classic_replacement_written(struct classic_group *group, struct classic_member *member, enum kafka_error error,
                                 int64_t now)
{
    struct join_call *join = member->join;
    member->replacing = 0;
    if (group->state != CLASSIC_STABLE || join == NULL) {
        classic_drop(group, &member->former_id); /* a rebalance has begun: it writes the new id */
        return;
    }
    member->join = NULL;
    if (error != KAFKA_NONE) {
        take_id_back(group, member);
        classic_begin_session(group, member, now);
        classic_refuse_join(group->surroundings.answers, join, NULL_SLICE, classic_write_error(error));
        return;
    }
    bool is_leader = member == group->leader;
    classic_begin_session(group, member, now);
    /* An older client that leads would make an assignment that nobody waits for: it is told that another one leads. */
    if (join->may_skip_assignment)
        classic_answer_join(group, member, join, classic_group_leader(group), is_leader, is_leader);
    else
        classic_answer_join(group, member, join, is_leader ? member->former_id : classic_group_leader(group), false,
                            false);
    classic_drop(group, &member->former_id);
}
