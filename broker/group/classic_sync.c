/* SyncGroup: the leader brings the assignment of a generation, which is written before anyone hears of it. */
#include "classic_private.h"

#include <stdlib.h>

void classic_answer_sync(struct classic_group *group, const struct classic_member *member, struct sync_call *sync,
                         enum kafka_error error)
{
    struct arena *arena = sync->call.arena;
    sync->found_protocol_type = sync->found_protocol = NULL_SLICE;
    sync->assignment = slice_of_text("");
    if (error == KAFKA_NONE) {
        sync->found_protocol_type = arena_copy(arena, group->protocol_type);
        sync->found_protocol = arena_copy(arena, group->protocol);
        sync->assignment = arena_copy(arena, member->assignment);
        if (slice_is_null(sync->found_protocol_type) || slice_is_null(sync->found_protocol) ||
            slice_is_null(sync->assignment)) {
            sync->assignment = slice_of_text("");
            error = KAFKA_COORDINATOR_NOT_AVAILABLE;
        }
    }
    group_answers_add(group->surroundings.answers, &sync->call, error);
}

/* Their sessions, which did not run while they waited, begin anew. */
static void answer_syncs(struct classic_group *group, enum kafka_error error, int64_t now)
{
    for (struct classic_member *member = group->members; member != NULL; member = member->next) {
        if (member->sync == NULL)
            continue;
        classic_answer_sync(group, member, member->sync, error);
        member->sync = NULL;
        classic_begin_session(group, member, now);
    }
}

void classic_fail_syncs(struct classic_group *group, enum kafka_error error, int64_t now)
{
    for (struct classic_member *member = group->members; member != NULL; member = member->next)
        classic_drop(group, &member->assignment);
    group->assigning = 0;
    answer_syncs(group, error, now);
}

/* ---- the leader's assignment ---- */

typedef const struct group_assignment *assignment_place;

/* By the member's id; of one that is named twice, the last one first. */
static int compare_places(const void *a, const void *b)
{
    assignment_place left = *(const assignment_place *)a, right = *(const assignment_place *)b;
    int order = slice_compare(left->member_id, right->member_id);
    return order != 0 ? order : (left < right) - (left > right);
}

static slice find_assignment(const assignment_place *sorted, size_t count, slice member_id)
{
    size_t from = 0, to = count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (slice_compare(sorted[middle]->member_id, member_id) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    bool is_there = from < count && slice_equal(sorted[from]->member_id, member_id);
    return is_there ? sorted[from]->assignment : slice_of_text("");
}

/* False without memory. */
static bool keep_assignments(struct classic_group *group, const struct sync_call *sync)
{
    size_t count = sync->assignment_count > 0 ? (size_t)sync->assignment_count : 0;
    assignment_place *sorted = arena_alloc(sync->call.arena, count * sizeof *sorted);
    bool kept = sorted != NULL;
    for (size_t i = 0; kept && i < count; i++)
        sorted[i] = &sync->assignments[i];
    if (kept && count > 0)
        qsort(sorted, count, sizeof *sorted, compare_places);
    for (struct classic_member *member = group->members; member != NULL && kept; member = member->next)
        kept = classic_keep(group, &member->assignment, find_assignment(sorted, count, member->id));
    return kept;
}

static void take_assignment(struct classic_group *group, const struct sync_call *sync, int64_t now)
{
    bool kept = keep_assignments(group, sync);
    group->assigning = kept ? classic_write(group) : 0;
    if (group->assigning != 0)
        return;
    classic_fail_syncs(group, KAFKA_COORDINATOR_NOT_AVAILABLE, now);
    classic_prepare_rebalance(group, now);
}

uint64_t classic_write(struct classic_group *group)
{
    uint64_t token = ++group->last_token;
    return group->surroundings.write(group->surroundings.context, group, token) ? token : 0;
}

enum kafka_error classic_write_error(enum kafka_error error)
{
    switch (error) {
    case KAFKA_NONE:
        return KAFKA_NONE;
    case KAFKA_NOT_LEADER_OR_FOLLOWER:
    case KAFKA_KAFKA_STORAGE_ERROR:
        return KAFKA_NOT_COORDINATOR;
    case KAFKA_MESSAGE_TOO_LARGE:
    case KAFKA_RECORD_LIST_TOO_LARGE:
        return KAFKA_UNKNOWN_SERVER_ERROR;
    default:
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    }
}

void classic_group_written(struct classic_group *group, uint64_t token, enum kafka_error error, int64_t now)
{
    if (group->assigning == token && group->state == CLASSIC_COMPLETING_REBALANCE) {
        if (error == KAFKA_NONE) {
            group->assigning = 0;
            group->state = CLASSIC_STABLE;
            answer_syncs(group, KAFKA_NONE, now);
        } else {
            classic_fail_syncs(group, classic_write_error(error), now);
            classic_prepare_rebalance(group, now);
        }
        return;
    }
    struct classic_member *member = group->members;
    while (member != NULL && member->replacing != token)
        member = member->next;
    if (member != NULL)
        classic_replacement_written(group, member, error, now);
}

/* ---- SyncGroup ---- */

static bool differs(slice asked, slice actual)
{
    return !slice_is_null(asked) && !slice_equal(asked, actual);
}

static enum kafka_error check(const struct classic_group *group, const struct sync_call *sync,
                              struct classic_member **member)
{
    if (group->state == CLASSIC_EMPTY)
        return KAFKA_UNKNOWN_MEMBER_ID;
    enum kafka_error error =
        classic_validate_generation(group, sync->member_id, sync->instance_id, sync->generation, member);
    if (error != KAFKA_NONE)
        return error;
    if (differs(sync->protocol_type, group->protocol_type) || differs(sync->protocol, group->protocol))
        return KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    return group->state == CLASSIC_PREPARING_REBALANCE ? KAFKA_REBALANCE_IN_PROGRESS : KAFKA_NONE;
}

static void note_synced(struct classic_group *group, struct classic_member *synced)
{
    synced->owes_sync = false;
    for (const struct classic_member *member = group->members; member != NULL; member = member->next) {
        if (member->owes_sync)
            return;
    }
    group->sync_deadline = GROUP_NEVER;
}

void classic_group_sync(struct classic_group *group, struct sync_call *sync, int64_t now)
{
    struct classic_member *member = NULL;
    enum kafka_error error = check(group, sync, &member);
    if (error != KAFKA_NONE) {
        classic_answer_sync(group, member, sync, error);
        return;
    }
    note_synced(group, member);
    if (group->state == CLASSIC_STABLE) {
        classic_begin_session(group, member, now);
        classic_answer_sync(group, member, sync, KAFKA_NONE);
        return;
    }
    if (member->sync != NULL) /* asked again, on another connection: nobody waits for the first answer */
        classic_answer_sync(group, member, member->sync, KAFKA_COORDINATOR_NOT_AVAILABLE);
    member->sync = sync;
    if (member == group->leader)
        take_assignment(group, sync, now);
}
