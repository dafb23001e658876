#include "group/consumer_private.h"

#include <errno.h>
#include <utlist.h>

/* ---- what is to be written ---- */

void consumer_mark(struct consumer_group *group, struct consumer_member *member, uint8_t what)
{
    if (member->dirty == 0)
        DL_APPEND2(group->marked, member, marked_prev, marked_next);
    member->dirty |= what;
}

void consumer_unmark(struct consumer_group *group, struct consumer_member *member, uint8_t what)
{
    if (member->dirty == 0)
        return;
    member->dirty &= (uint8_t)~what;
    if (member->dirty == 0)
        DL_DELETE2(group->marked, member, marked_prev, marked_next);
}

/* ---- finding ---- */

struct consumer_member *consumer_find_member(const struct consumer_group *group, slice id)
{
    struct text_index_entry *entry = text_index_find(&group->by_id, id);
    return entry != NULL ? CONTAINER_OF(entry, struct consumer_member, by_id) : NULL;
}

struct consumer_member *consumer_find_static(const struct consumer_group *group, slice instance_id)
{
    struct text_index_entry *entry = text_index_find(&group->by_instance, instance_id);
    return entry != NULL ? CONTAINER_OF(entry, struct consumer_member, by_instance) : NULL;
}

/* ---- coming ---- */

struct consumer_member *consumer_add_member(struct consumer_group *group, slice id)
{
    struct consumer_member *member = memory_alloc_zeroed(group->memory, MEMORY_GROUPS, sizeof *member);
    if (member == NULL)
        return NULL;
    if (!consumer_keep(group, &member->id, id)) {
        memory_free(group->memory, MEMORY_GROUPS, member, sizeof *member);
        return NULL;
    }
    member->rebalance_timeout_ms = -1;
    member->session_deadline = member->rebalance_deadline = GROUP_NEVER;
    DL_APPEND(group->members, member);
    text_index_add(&group->by_id, &member->by_id, member->id);
    consumer_mark(group, member, DIRTY_MEMBER);
    group->member_count++;
    return member;
}

int consumer_replace_static(struct consumer_group *group, struct consumer_member *member, slice id)
{
    if (!slice_equal(member->id, id)) {
        slice former = member->id, kept = NULL_SLICE;
        if (!consumer_keep(group, &kept, id))
            return -ENOMEM;
        if (consumer_add_grave(group, former, false) != 0) {
            consumer_drop(group, &kept);
            return -ENOMEM;
        }
        text_index_remove(&group->by_id, &member->by_id);
        consumer_drop(group, &member->id);
        member->id = kept;
        text_index_add(&group->by_id, &member->by_id, member->id);
    }
    member->epoch = member->previous_epoch = 0;
    consumer_mark(group, member, DIRTY_MEMBER);
    return 0;
}

/* ---- changing ---- */

static bool texts_differ(slice kept, slice said)
{
    return slice_is_null(kept) != slice_is_null(said) || !slice_equal(kept, said);
}

/* True when it is another text now. */
static int update_text(struct consumer_group *group, slice *kept, slice said, bool *changed)
{
    if (slice_is_null(said) || !texts_differ(*kept, said))
        return 0;
    if (!consumer_keep(group, kept, said))
        return -ENOMEM;
    *changed = true;
    return 0;
}

static int update_names(struct consumer_group *group, struct consumer_member *member,
                        const struct consumer_description *said, bool *changed)
{
    if (said->name_count < 0)
        return 0;
    struct name_list names = {.items = NULL};
    int rc = name_list_make(group->memory, &names, said->names, (size_t)said->name_count);
    if (rc != 0)
        return rc;
    if (name_list_equal(&names, &member->names)) {
        name_list_free(group->memory, &names);
        return 0;
    }
    name_list_free(group->memory, &member->names);
    member->names = names;
    *changed = true;
    return 0;
}

/* An empty expression is none. */
static int update_regex(struct consumer_group *group, struct consumer_member *member, slice said, bool *changed)
{
    if (slice_is_null(said) || (said.size == 0 && slice_is_null(member->regex)))
        return 0;
    if (said.size > 0)
        return update_text(group, &member->regex, said, changed);
    consumer_drop(group, &member->regex);
    *changed = true;
    return 0;
}

void consumer_forget_instance(struct consumer_group *group, struct consumer_member *member)
{
    if (slice_is_null(member->instance_id))
        return;
    text_index_remove(&group->by_instance, &member->by_instance);
    consumer_drop(group, &member->instance_id);
}

static int update_instance(struct consumer_group *group, struct consumer_member *member, slice said, bool *changed)
{
    slice kept = NULL_SLICE;
    if (slice_is_null(said) || !texts_differ(member->instance_id, said))
        return 0;
    if (!consumer_keep(group, &kept, said))
        return -ENOMEM;
    consumer_forget_instance(group, member);
    member->instance_id = kept;
    text_index_add(&group->by_instance, &member->by_instance, kept);
    *changed = true;
    return 0;
}

int consumer_describe_member(struct consumer_group *group, struct consumer_member *member,
                             const struct consumer_description *said, bool *subscribes)
{
    bool changed = said->rebalance_timeout_ms >= 0 && said->rebalance_timeout_ms != member->rebalance_timeout_ms;
    *subscribes = false;
    int rc = update_names(group, member, said, subscribes);
    if (rc == 0)
        rc = update_regex(group, member, said->regex, subscribes);
    if (rc == 0)
        rc = update_instance(group, member, said->instance_id, &changed);
    if (rc == 0)
        rc = update_text(group, &member->rack_id, said->rack_id, &changed);
    if (rc == 0)
        rc = update_text(group, &member->assignor, said->assignor, &changed);
    if (rc == 0)
        rc = update_text(group, &member->client_id, said->client_id, &changed);
    if (rc == 0)
        rc = update_text(group, &member->client_host, said->client_host, &changed);
    if (said->rebalance_timeout_ms >= 0)
        member->rebalance_timeout_ms = said->rebalance_timeout_ms;
    if (changed || *subscribes)
        consumer_mark(group, member, DIRTY_METADATA);
    return rc;
}

void consumer_set_deadline(struct consumer_group *group, int64_t *deadline, int64_t at)
{
    *deadline = at;
    if (at < group->wake_at)
        group->wake_at = at;
}

void consumer_begin_session(struct consumer_group *group, struct consumer_member *member, int64_t now)
{
    const struct group_store *store = &group->group->coordinator->store;
    int32_t timeout = member->classic != NULL
                          ? member->classic->session_timeout_ms
                          : store->settings(store->context, group->group->id).consumer_session_timeout_ms;
    consumer_set_deadline(group, &member->session_deadline, now + timeout);
}

/* ---- going ---- */

void consumer_free_member(struct consumer_group *group, struct consumer_member *member)
{
    DL_DELETE(group->members, member);
    text_index_remove(&group->by_id, &member->by_id);
    consumer_forget_instance(group, member);
    group->member_count--;
    consumer_let_go(group, member);
    consumer_forget_protocols(group, member);
    consumer_unmark(group, member, DIRTY_MEMBER);
    slice *texts[] = {&member->id,          &member->rack_id,  &member->client_id,
                      &member->client_host, &member->assignor, &member->regex};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        consumer_drop(group, texts[i]);
    name_list_free(group->memory, &member->names);
    claims_free(group->memory, &member->assigned);
    claims_free(group->memory, &member->revoking);
    claims_free(group->memory, &member->target);
    memory_free(group->memory, MEMORY_GROUPS, member, sizeof *member);
}

int consumer_dismiss(struct consumer_group *group, struct consumer_member *member)
{
    int rc = consumer_add_grave(group, member->id, false);
    if (rc != 0)
        return rc;
    consumer_free_member(group, member);
    if (group->member_count == 0)
        group->group->since = group->group->coordinator->time.wall;
    group->must_rise = group->needs_refresh = true;
    return 0;
}

void consumer_end_dismissals(struct consumer_group *group)
{
    if (!group->must_rise || consumer_is_to_downgrade(group))
        return;
    int rc = consumer_refresh(group, true);
    (void)rc; /* without memory, the next heartbeat does it */
}
