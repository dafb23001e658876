#include "classic_private.h"

#include <errno.h>

/* ---- life ---- */

int classic_group_create(const struct group_surroundings *surroundings, slice id, struct classic_group **group)
{
    struct classic_group *made = memory_alloc_zeroed(surroundings->memory, MEMORY_GROUPS, sizeof *made);
    if (made == NULL)
        return -ENOMEM;
    made->surroundings = *surroundings;
    made->tail = &made->members;
    made->join_deadline = made->sync_deadline = made->wake_at = GROUP_NEVER;
    if (!classic_keep(made, &made->id, id)) {
        memory_free(surroundings->memory, MEMORY_GROUPS, made, sizeof *made);
        return -ENOMEM;
    }
    *group = made;
    return 0;
}

void classic_group_end_waits(struct classic_group *group, enum kafka_error error)
{
    for (struct classic_member *member = group->members; member != NULL; member = member->next) {
        if (member->join != NULL)
            classic_refuse_join(group->surroundings.answers, member->join, member->id, error);
        if (member->sync != NULL)
            classic_answer_sync(group, member, member->sync, error);
        member->join = NULL;
        member->sync = NULL;
    }
}

void classic_group_clear(struct classic_group *group)
{
    while (group->members != NULL)
        classic_remove_member(group, group->members);
    classic_drop(group, &group->protocol);
    classic_drop(group, &group->protocol_type);
    group->state = CLASSIC_EMPTY;
}

void classic_group_close(struct classic_group *group, enum kafka_error error)
{
    classic_group_end_waits(group, error);
    classic_group_clear(group);
    classic_drop(group, &group->id);
    memory_free(group->surroundings.memory, MEMORY_GROUPS, group, sizeof *group);
}

/* ---- loading ---- */

int classic_group_load(struct classic_group *group, slice protocol_type, slice protocol, int32_t generation)
{
    if ((protocol_type.size > 0 && !classic_keep(group, &group->protocol_type, protocol_type)) ||
        !classic_keep(group, &group->protocol, protocol))
        return -ENOMEM;
    group->generation = generation;
    return 0;
}

/* Of its protocols only the one in force was written. */
int classic_group_load_member(struct classic_group *group, const struct classic_member_view *view, bool leads)
{
    struct join_protocol protocol = {.name = group->protocol, .metadata = view->metadata};
    struct join_call join = {.instance_id = view->instance_id,
                             .client_id = view->client_id,
                             .client_host = view->client_host,
                             .protocol_type = group->protocol_type,
                             .protocols = &protocol,
                             .protocol_count = 1,
                             .session_timeout_ms = view->session_timeout_ms,
                             .rebalance_timeout_ms = view->rebalance_timeout_ms};
    struct classic_member *member = classic_add_pending(group, view->id);
    if (member == NULL)
        return -ENOMEM;
    if (!classic_keep(group, &member->assignment, view->assignment) ||
        classic_admit_member(group, member, &join) != 0) {
        classic_remove_member(group, member);
        return -ENOMEM;
    }
    if (leads)
        group->leader = member;
    group->state = CLASSIC_STABLE;
    return 0;
}

void classic_group_loaded(struct classic_group *group, int64_t now)
{
    for (struct classic_member *member = group->members; member != NULL; member = member->next)
        classic_begin_session(group, member, now);
    if (group->member_count > group->surroundings.limits->max_size)
        classic_prepare_rebalance(group,
                                  now); /* the limit was lowered: those that are slow to join again are left out */
}

/* ---- looking ---- */

int64_t classic_group_wake_at(const struct classic_group *group)
{
    return group->wake_at;
}

enum classic_group_state classic_group_state(const struct classic_group *group)
{
    return group->state;
}

const char *classic_group_state_text(const struct classic_group *group)
{
    static const char *const texts[] = {
        [CLASSIC_EMPTY] = "Empty",
        [CLASSIC_PREPARING_REBALANCE] = "PreparingRebalance",
        [CLASSIC_COMPLETING_REBALANCE] = "CompletingRebalance",
        [CLASSIC_STABLE] = "Stable",
    };
    return texts[group->state];
}

slice classic_group_id(const struct classic_group *group)
{
    return group->id;
}

slice classic_group_protocol_type(const struct classic_group *group)
{
    return group->protocol_type;
}

slice classic_group_protocol(const struct classic_group *group)
{
    return group->protocol;
}

slice classic_group_leader(const struct classic_group *group)
{
    return group->leader != NULL ? group->leader->id : NULL_SLICE;
}

int32_t classic_group_generation(const struct classic_group *group)
{
    return group->generation;
}

int32_t classic_group_member_count(const struct classic_group *group)
{
    return group->member_count;
}

bool classic_group_has_member(const struct classic_group *group, slice id)
{
    const struct classic_member *member = id.size > 0 ? classic_find_member(group, id) : NULL;
    return member != NULL && !member->is_pending;
}

bool classic_group_has_pending(const struct classic_group *group)
{
    return group->pending_count > 0;
}

int classic_group_list_members(const struct classic_group *group, classic_member_callback *callback, void *context)
{
    for (const struct classic_member *member = group->members; member != NULL; member = member->next) {
        if (member->is_pending)
            continue;
        struct classic_member_view view = {
            .id = member->id,
            .instance_id = member->instance_id,
            .client_id = member->client_id,
            .client_host = member->client_host,
            .metadata = classic_metadata(member, group->protocol),
            .protocols = member->protocols,
            .protocol_count = member->protocol_count,
            .assignment = slice_is_null(member->assignment) ? slice_of_text("") : member->assignment,
            .session_timeout_ms = member->session_timeout_ms,
            .rebalance_timeout_ms = member->rebalance_timeout_ms,
        };
        int rc = callback(context, &view);
        if (rc != 0)
            return rc;
    }
    return 0;
}
