/* One member's way to its target (KIP-848's reconciliation).
 *
 * What it is to lose is asked of it first, in its old epoch: UNREVOKED, until a heartbeat lists what it holds and none
 * of that is there. Then it comes to the target's epoch with everything that nobody else holds: STABLE, or UNRELEASED
 * while something of its target is still another's. */
#include "group/consumer_private.h"

#include <errno.h>

/* ---- what the member says that it holds ---- */

static bool says_it_holds(const owned_topics *owned, const struct claims *claims)
{
    if (owned->count < 0)
        return true;
    for (int32_t i = 0; i < owned->count; i++) {
        const struct int32_array *partitions = &owned->items[i].partitions;
        for (int32_t j = 0; j < partitions->count; j++) {
            if (claims_find(claims, owned->items[i].topic_id, partitions->items[j]) != NULL)
                return true;
        }
    }
    return false;
}

/* ---- the parts of the next assignment ---- */

struct parts {
    struct claims kept; /* and what is added */
    struct claims revoked;
    bool adds;
    bool has_unreleased;
};

static void free_parts(struct consumer_group *group, struct parts *parts)
{
    claims_free(group->memory, &parts->kept);
    claims_free(group->memory, &parts->revoked);
}

static bool is_subscribed(const struct consumer_group *group, const struct consumer_member *member, struct uuid id)
{
    const struct consumer_topic *topic = consumer_find_topic(group, id);
    return topic != NULL && consumer_subscribes(group, member, topic->name);
}

/* Assigned partitions that stay, by the target or by the subscription alone, and those that go. */
static int split(struct consumer_group *group, const struct consumer_member *member, bool by_target,
                 struct parts *parts)
{
    const struct claims *assigned = &member->assigned;
    *parts = (struct parts){.adds = false};
    uint32_t most = assigned->count + member->target.count;
    int rc = claims_reserve(group->memory, &parts->kept, most);
    if (rc == 0)
        rc = claims_reserve(group->memory, &parts->revoked, assigned->count + member->revoking.count);
    if (rc != 0) {
        free_parts(group, parts);
        return rc;
    }
    bool stays = false;
    for (uint32_t i = 0; i < assigned->count; i++) {
        const struct claim *claim = &assigned->items[i];
        if (i == 0 || !uuid_equal(claim->topic, assigned->items[i - 1].topic))
            stays = is_subscribed(group, member, claim->topic);
        bool keeps = stays && (!by_target || claims_find(&member->target, claim->topic, claim->partition) != NULL);
        claims_add(keeps ? &parts->kept : &parts->revoked, *claim);
    }
    return 0;
}

/* Of the target what nobody else holds, to what is kept. */
static void add_free(const struct consumer_group *group, const struct consumer_member *member, struct parts *parts)
{
    const struct claims *target = &member->target;
    struct claims kept = parts->kept; /* the part that is sorted */
    bool subscribed = false;
    for (uint32_t i = 0; i < target->count; i++) {
        struct claim claim = target->items[i];
        if (i == 0 || !uuid_equal(claim.topic, target->items[i - 1].topic))
            subscribed = is_subscribed(group, member, claim.topic);
        if (!subscribed || claims_find(&kept, claim.topic, claim.partition) != NULL)
            continue;
        if (consumer_is_held_by_other(group, member, &claim)) {
            parts->has_unreleased = true;
            continue;
        }
        claim.epoch = group->target_epoch;
        claims_add(&parts->kept, claim);
        parts->adds = true;
    }
    claims_sort(&parts->kept);
}

/* ---- the member as it is next ---- */

static void move_to(struct consumer_group *group, struct consumer_member *member, enum consumer_member_state state,
                    int32_t epoch, struct parts *parts)
{
    const struct claims former = member->assigned, given_up = member->revoking;
    bool was_there = member->state == state && member->epoch == epoch && member->previous_epoch == epoch &&
                     claims_equal(&former, &parts->kept) && claims_equal(&given_up, &parts->revoked);
    consumer_let_go(group, member);
    member->state = state;
    member->previous_epoch = member->epoch;
    member->epoch = epoch;
    member->assigned = parts->kept;
    member->revoking = parts->revoked;
    parts->kept = former;
    parts->revoked = given_up;
    claims_trim(group->memory, &member->assigned);
    claims_trim(group->memory, &member->revoking);
    consumer_take(group, member);
    if (was_there)
        return;
    consumer_mark(group, member, DIRTY_CURRENT);
    if (member->classic != NULL)
        return;
    int64_t now = group->group->coordinator->time.steady;
    member->rebalance_deadline = GROUP_NEVER;
    if (state == MEMBER_UNREVOKED)
        consumer_set_deadline(group, &member->rebalance_deadline, now + member->rebalance_timeout_ms);
}

static int compute_next(struct consumer_group *group, struct consumer_member *member, const owned_topics *owned)
{
    struct parts parts;
    int rc = split(group, member, true, &parts);
    if (rc != 0)
        return rc;
    if (parts.revoked.count > 0 && says_it_holds(owned, &parts.revoked)) {
        move_to(group, member, MEMBER_UNREVOKED, member->epoch, &parts);
    } else {
        parts.revoked.count = 0;
        add_free(group, member, &parts);
        move_to(group, member, parts.has_unreleased ? MEMBER_UNRELEASED : MEMBER_STABLE, group->target_epoch, &parts);
    }
    free_parts(group, &parts);
    return 0;
}

/* Only what the member does not subscribe to any more is taken from it. */
static int shrink(struct consumer_group *group, struct consumer_member *member, const owned_topics *owned)
{
    struct parts parts;
    int rc = split(group, member, false, &parts);
    if (rc != 0)
        return rc;
    if (parts.revoked.count > 0) {
        bool was_unrevoked = member->state == MEMBER_UNREVOKED;
        for (uint32_t i = 0; i < member->revoking.count; i++)
            claims_add(&parts.revoked, member->revoking.items[i]);
        claims_sort(&parts.revoked);
        bool holds = says_it_holds(owned, &parts.revoked);
        if (!holds && !was_unrevoked)
            parts.revoked.count = 0;
        move_to(group, member, holds ? MEMBER_UNREVOKED : member->state, member->epoch, &parts);
    }
    free_parts(group, &parts);
    return 0;
}

int consumer_reconcile(struct consumer_group *group, struct consumer_member *member, const owned_topics *owned,
                       bool subscription_changed)
{
    bool is_there = member->state == MEMBER_STABLE && member->epoch == group->target_epoch;
    if (is_there)
        return subscription_changed ? shrink(group, member, owned) : 0;
    if (member->state == MEMBER_UNREVOKED && says_it_holds(owned, &member->revoking))
        return subscription_changed ? shrink(group, member, owned) : 0;
    return compute_next(group, member, owned);
}
