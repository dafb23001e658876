/* The group's epoch, and the target assignment that is computed for it.
 *
 * Both take time with all members and topics of the group. Of each, a group may take STEPS_PER_MS steps in a ms, and
 * what it has not taken of STEPS_SAVED_MS; then it waits. So a group, however large, and however its members come and
 * go, takes a small part of the loop's time: the epoch rises meanwhile, members stay with the target that there is
 * (which may be empty), and one assignment follows for all that has changed. A group of some hundred members does not
 * notice. */
#include "group/assignor.h"
#include "group/consumer_private.h"

#include <errno.h>

#define STEPS_PER_MS   1000 /* a step is some 30 ns of a router's time: a thirtieth of it */
#define STEPS_SAVED_MS 100

/* ---- what is put off ---- */

static bool may_take_steps(const struct consumer_group *group, int64_t taken_until)
{
    return taken_until <= (group->group->coordinator->time.steady + STEPS_SAVED_MS) * STEPS_PER_MS;
}

static void take_steps(const struct consumer_group *group, int64_t *taken_until, uint64_t steps)
{
    int64_t now = group->group->coordinator->time.steady * STEPS_PER_MS;
    *taken_until = (*taken_until > now ? *taken_until : now) + (int64_t)steps;
}

/* ms, steady: when there may be more. */
static int64_t time_for_more(int64_t taken_until)
{
    return (taken_until + STEPS_PER_MS - 1) / STEPS_PER_MS - STEPS_SAVED_MS;
}

void consumer_put_off(struct consumer_group *group, int64_t until)
{
    if (until < group->resume_at)
        consumer_set_deadline(group, &group->resume_at, until);
}

void consumer_resume(struct consumer_group *group)
{
    int64_t now = group->group->coordinator->time.steady;
    if (now < group->resume_at)
        return;
    group->resume_at = GROUP_NEVER;
    int rc = consumer_refresh(group, group->must_rise);
    if (rc == 0)
        rc = consumer_update_target(group);
    if (rc != 0)
        consumer_put_off(group, now + CONSUMER_RETRY_MS);
}

/* ---- the epoch ---- */

#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static uint64_t hash_byte(uint64_t hash, uint8_t byte)
{
    return (hash ^ byte) * FNV_PRIME;
}

/* Of ids and numbers of partitions: the same on every machine. */
static uint64_t hash_topics(const struct consumer_group *group)
{
    uint64_t hash = FNV_START;
    for (uint32_t i = 0; i < group->topic_count; i++) {
        for (size_t j = 0; j < sizeof group->topics[i].id.bytes; j++)
            hash = hash_byte(hash, group->topics[i].id.bytes[j]);
        for (unsigned shift = 0; shift < 32; shift += 8)
            hash = hash_byte(hash, (uint8_t)((uint32_t)group->topics[i].partition_count >> shift));
    }
    return group->topic_count > 0 ? hash : 0;
}

static void set_epoch(struct consumer_group *group, int32_t epoch)
{
    group->epoch = epoch;
    group->dirty |= DIRTY_EPOCH;
    group->must_rise = false;
}

static void raise_epoch(struct consumer_group *group)
{
    set_epoch(group, (group->epoch == 0 ? CONSUMER_NEW_EPOCH : group->epoch) + 1);
}

int consumer_refresh(struct consumer_group *group, bool must)
{
    const struct group_topics *topics = &group->group->coordinator->store.topics;
    uint64_t version = topics->version(topics->context);
    bool is_due = version != group->seen_version || consumer_regexes_are_old(group);
    if (!must && group->epoch > 0 && !is_due && !group->needs_refresh)
        return 0;
    group->needs_refresh = true;
    if (group->epoch > 0 && !may_take_steps(group, group->refreshing_until)) {
        if (must || group->must_rise)
            raise_epoch(group);
        consumer_put_off(group, time_for_more(group->refreshing_until));
        return 0;
    }
    bool changed = must;
    int rc = consumer_refresh_regexes(group, &changed);
    if (rc == 0)
        rc = consumer_refresh_topics(group);
    if (rc != 0) {
        group->must_rise = group->must_rise || changed;
        return rc;
    }
    uint64_t hash = hash_topics(group);
    if (changed || group->must_rise || hash != group->metadata_hash)
        raise_epoch(group);
    else if (group->epoch == 0)
        set_epoch(group, CONSUMER_NEW_EPOCH);
    group->metadata_hash = hash;
    take_steps(group, &group->refreshing_until, group->steps);
    group->steps = 0;
    group->needs_refresh = !consumer_regexes_settled(group);
    group->seen_version = version;
    return 0;
}

/* ---- the assignor ---- */

/* The one that most members want, among those that there are. */
static enum assignor choose_assignor(const struct consumer_group *group)
{
    const struct assignor_list *there = &group->group->coordinator->limits->assignors;
    uint32_t votes[ASSIGNOR_COUNT] = {0};
    for (const struct consumer_member *m = group->members; m != NULL; m = m->next) {
        enum assignor assignor;
        if (!slice_is_null(m->assignor) && assignor_find(m->assignor, &assignor))
            votes[assignor]++;
    }
    enum assignor chosen = there->items[0];
    for (uint32_t i = 1; i < there->count; i++) {
        if (votes[there->items[i]] > votes[chosen])
            chosen = there->items[i];
    }
    return chosen;
}

const char *consumer_assignor(const struct consumer_group *group)
{
    return assignor_name(choose_assignor(group));
}

/* ---- what it is given ---- */

static int list_owned(const struct claims *claims, struct arena *arena, struct assignor_member *member)
{
    struct owned_topic *owned = arena_alloc(arena, claims_topic_count(claims) * sizeof *owned);
    int32_t *partitions = arena_alloc(arena, claims->count * sizeof *partitions);
    if (owned == NULL || partitions == NULL)
        return -ENOMEM;
    uint32_t count = 0;
    for (uint32_t at = 0, run; at < claims->count; at += run) {
        run = claims_run(claims, at);
        for (uint32_t i = at; i < at + run; i++)
            partitions[i] = claims->items[i].partition;
        owned[count++] = (struct owned_topic){claims->items[at].topic, &partitions[at], run};
    }
    member->owned = owned;
    member->owned_count = count;
    return 0;
}

static int list_members(const struct consumer_group *group, struct arena *arena, struct assignor_member *members)
{
    uint32_t at = 0;
    for (const struct consumer_member *m = group->members; m != NULL; m = m->next, at++) {
        uint32_t *topics;
        int rc = consumer_subscription(group, m, arena, &topics, &members[at].topic_count);
        if (rc == 0)
            rc = list_owned(&m->target, arena, &members[at]);
        if (rc != 0)
            return rc;
        members[at].id = m->id;
        members[at].instance_id = m->instance_id;
        members[at].topics = topics;
    }
    return 0;
}

static int assign(const struct consumer_group *group, struct assignment *assignment)
{
    struct arena arena;
    arena_init(&arena, group->memory, MEMORY_GROUPS, SIZE_MAX);
    struct assignor_topic *topics = arena_alloc(&arena, group->topic_count * sizeof *topics);
    struct assignor_member *members = arena_alloc(&arena, group->member_count * sizeof *members);
    int rc = topics != NULL && members != NULL ? list_members(group, &arena, members) : -ENOMEM;
    for (uint32_t i = 0; rc == 0 && i < group->topic_count; i++)
        topics[i] = (struct assignor_topic){group->topics[i].id, group->topics[i].partition_count};
    struct assignor_group asked = {
        .topics = topics, .topic_count = group->topic_count, .members = members, .member_count = group->member_count};
    if (rc == 0)
        rc = assignor_assign(choose_assignor(group), &asked, group->memory, assignment);
    arena_close(&arena);
    return rc;
}

/* ---- what it gives ---- */

static int copy_targets(const struct consumer_group *group, const struct assignment *assignment, struct claims *targets)
{
    for (uint32_t m = 0; m < group->member_count; m++) {
        uint32_t first = assignment->starts[m], end = assignment->starts[m + 1];
        int rc = claims_reserve(group->memory, &targets[m], end - first);
        if (rc != 0)
            return rc;
        for (uint32_t i = first; i < end; i++)
            claims_add(&targets[m], (struct claim){.topic = group->topics[assignment->partitions[i].topic].id,
                                                   .partition = assignment->partitions[i].partition});
    }
    return 0;
}

static void put_targets(struct consumer_group *group, struct claims *targets)
{
    uint32_t at = 0;
    for (struct consumer_member *m = group->members; m != NULL; m = m->next, at++) {
        if (claims_equal(&m->target, &targets[at]))
            continue;
        struct claims former = m->target;
        m->target = targets[at];
        targets[at] = former;
        consumer_mark(group, m, DIRTY_TARGET);
    }
    group->target_epoch = group->epoch;
    group->target_at = group->group->coordinator->time.wall;
    group->dirty |= DIRTY_TARGET_EPOCH;
}

/* ms, steady. The first is made at once. */
static int64_t assign_at(const struct consumer_group *group)
{
    const struct group_store *store = &group->group->coordinator->store;
    int64_t interval = store->settings(store->context, group->group->id).consumer_assignment_interval_ms;
    int64_t after = group->assigned_at + interval, with_steps = time_for_more(group->assigning_until);
    return group->target_epoch == 0 ? 0 : after > with_steps ? after : with_steps;
}

/* An assignment that was cut is gone on with in a further epoch. */
static void plan_next(struct consumer_group *group, const struct assignment *assignment)
{
    group->assigned_at = group->group->coordinator->time.steady;
    take_steps(group, &group->assigning_until, assignment->steps);
    if (!assignment->is_cut)
        return;
    group->must_rise = group->needs_refresh = true;
    consumer_put_off(group, assign_at(group));
}

int consumer_update_target(struct consumer_group *group)
{
    if (group->target_epoch == group->epoch)
        return 0;
    int64_t at = assign_at(group);
    if (group->group->coordinator->time.steady < at) {
        consumer_put_off(group, at);
        return 0;
    }
    struct assignment assignment;
    int rc = assign(group, &assignment);
    if (rc != 0)
        return rc;
    size_t size = group->member_count * sizeof(struct claims);
    struct claims *targets = memory_alloc_zeroed(group->memory, MEMORY_GROUPS, size);
    rc = targets != NULL ? copy_targets(group, &assignment, targets) : -ENOMEM;
    if (rc == 0) {
        put_targets(group, targets);
        plan_next(group, &assignment);
    }
    for (uint32_t m = 0; targets != NULL && m < group->member_count; m++)
        claims_free(group->memory, &targets[m]);
    memory_free(group->memory, MEMORY_GROUPS, targets, size);
    assignment_close(&assignment);
    return rc;
}
