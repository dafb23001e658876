/* What takes committed offsets away: deletion (of a group, of single ones: KIP-496), expiry (KIP-211), the end of a
 * topic.
 *
 * Tombstones are written, then the offsets go from memory. They are as many as there are offsets, more than the log
 * takes in one batch: what is left follows when a batch is durable. Meanwhile a group that is being deleted takes no
 * calls, and offsets of a topic that is going are not found. A power cut between two batches leaves the rest, of which
 * nobody was told that it is gone. */
#include "group/group_private.h"

#include <errno.h>
#include <stdlib.h>

#define BATCH_BYTES_MAX ((size_t)512 << 10)
#define TOMBSTONE_BYTES 32 /* but for the names */

/* ---- one batch ---- */

/* False: the batch is full. The name is a copy, or outlives the write. */
static bool remove_offset(struct group_write *write, slice topic, int32_t partition, int *rc)
{
    size_t bytes = write->group->id.size + topic.size + TOMBSTONE_BYTES;
    write->is_cut = write->removed_bytes > 0 && write->removed_bytes + bytes > BATCH_BYTES_MAX;
    if (write->is_cut)
        return false;
    struct removed_offset *removed = arena_alloc(&write->arena, sizeof *removed);
    *rc = removed == NULL ? -ENOMEM
                          : group_records_add_offset(&write->builder, write->group->coordinator->time.wall,
                                                     write->group->id, topic, UUID_ZERO, partition, NULL);
    if (*rc != 0)
        return false;
    *removed = (struct removed_offset){.topic = topic, .partition = partition, .next = write->removed};
    write->removed = removed;
    write->removed_bytes += bytes;
    write->removed_count++;
    return true;
}

typedef bool chooses(const struct group *group, const struct committed_topic *topic,
                     const struct committed_partition *partition);

/* Of all that is committed, what is chosen. */
static int remove_chosen(struct group_write *write, chooses *choose)
{
    const struct group *group = write->group;
    int rc = 0;
    for (uint32_t i = 0; i < group->offsets.topic_count; i++) {
        const struct committed_topic *topic = group->offsets.topics[i];
        slice name = NULL_SLICE;
        for (uint32_t j = 0; j < topic->count; j++) {
            if (!choose(group, topic, &topic->partitions[j]))
                continue;
            if (slice_is_null(name))
                name = arena_copy(&write->arena, topic->name);
            if (slice_is_null(name))
                return -ENOMEM;
            if (!remove_offset(write, name, topic->partitions[j].partition, &rc))
                return rc;
        }
    }
    return rc;
}

static bool is_there(const struct committed_offsets *offsets, const struct commit_partition *asked)
{
    return committed_offsets_find(offsets, asked->topic, asked->partition) != NULL ||
           committed_offsets_is_pending(offsets, asked->topic, asked->partition);
}

/* What was asked for, from where the batch before ended. */
static int remove_asked(struct group_write *write, size_t *next)
{
    const struct commit_call *deletion = write->commit;
    int rc = 0;
    for (; *next < deletion->count; ++*next) {
        const struct commit_partition *asked = &deletion->partitions[*next];
        if (asked->error == KAFKA_NONE && is_there(&write->group->offsets, asked) &&
            !remove_offset(write, asked->topic, asked->partition, &rc))
            break;
    }
    return rc;
}

static bool choose_all(const struct group *group, const struct committed_topic *topic,
                       const struct committed_partition *partition)
{
    (void)group, (void)topic, (void)partition;
    return true;
}

/* Also what is on its way: the log has it before the tombstone. */
static bool choose_going(const struct group *group, const struct committed_topic *topic,
                         const struct committed_partition *partition)
{
    (void)group, (void)partition;
    return topic->is_going;
}

/* ---- expiry ---- */

static bool has_passed(const struct group_coordinator *coordinator, int64_t since, int64_t ms)
{
    return coordinator->store.age(coordinator->store.context, since) >= ms;
}

/* Of a group without members that once had some, all count from when the last one left; else each from its commit. What
 * a client wanted for itself holds. */
static bool is_old(const struct group *group, const struct committed_offset *value)
{
    const struct group_coordinator *coordinator = group->coordinator;
    if (value->expires_at != 0)
        return has_passed(coordinator, value->committed_at, value->expires_at - value->committed_at);
    bool counts_alone = slice_is_null(group->kind->protocol_type(group)) || !group->kind->is_empty(group);
    int64_t since = counts_alone || group->since < value->committed_at ? value->committed_at : group->since;
    return has_passed(coordinator, since, coordinator->limits->offsets_retention_ms);
}

static bool choose_expired(const struct group *group, const struct committed_topic *topic,
                           const struct committed_partition *partition)
{
    return !topic->is_subscribed && partition->has_value && partition->awaited == 0 && is_old(group, &partition->value);
}

static bool has_expired(const struct group *group)
{
    for (uint32_t i = 0; i < group->offsets.topic_count; i++) {
        const struct committed_topic *topic = group->offsets.topics[i];
        for (uint32_t j = 0; j < topic->count; j++) {
            if (choose_expired(group, topic, &topic->partitions[j]))
                return true;
        }
    }
    return false;
}

static void mark_topics(struct group *group, bool is_subscribed)
{
    for (uint32_t i = 0; i < group->offsets.topic_count; i++)
        group->offsets.topics[i]->is_subscribed = is_subscribed;
}

static void mark_subscribed(void *context, slice name)
{
    struct group *group = context;
    struct committed_topic *topic = committed_offsets_find_topic(&group->offsets, name);
    if (topic != NULL)
        topic->is_subscribed = true;
}

/* While there are members, what one of them subscribes to does not expire. */
static void find_subscribed(struct group *group)
{
    mark_topics(group, false);
    if (group->kind->is_empty(group) || !has_expired(group))
        return;
    if (!group->kind->list_subscribed(group, mark_subscribed, group))
        mark_topics(group, true);
}

/* ---- rounds ---- */

/* Nobody is a member or about to become one, nothing is under way. */
static bool is_idle(const struct group *group)
{
    return group->kind->is_empty(group) && !group->kind->is_awaited(group) && group->writes == 0;
}

static size_t count_offsets(const struct group *group)
{
    size_t count = 0;
    for (uint32_t i = 0; i < group->offsets.topic_count; i++)
        count += group->offsets.topics[i]->count;
    return count;
}

static int fill(struct group_write *write, enum group_write_kind kind, size_t *next)
{
    switch (kind) {
    case WRITE_END:
        return remove_chosen(write, choose_all);
    case WRITE_DELETION:
        return remove_asked(write, next);
    case WRITE_FORGETTING:
        return remove_chosen(write, choose_going);
    default:
        return remove_chosen(write, choose_expired);
    }
}

/* USELESS: nothing is left, and nobody but us knows of the group. */
enum round { ROUND_SENT, ROUND_NOTHING_LEFT, ROUND_USELESS, ROUND_FAILED };

/* The next batch. The last one of a group that is of no use any more takes the group along. */
static enum round begin_round(struct group *group, enum group_write_kind kind, struct commit_call *deletion,
                              size_t next)
{
    struct group_write *write = group_write_open(group, kind);
    if (write == NULL)
        return ROUND_FAILED;
    write->commit = deletion;
    int rc = fill(write, kind, &next);
    write->next = next;
    write->ends_group = !write->is_cut && kind != WRITE_DELETION && (kind == WRITE_END || is_idle(group)) &&
                        write->removed_count == count_offsets(group);
    bool has_records = write->removed_count > 0 || (write->ends_group && (group->is_recorded || kind == WRITE_END));
    bool ends_group = write->ends_group;
    if (rc == 0 && !has_records) {
        group_write_drop_unsent(write);
        return ends_group ? ROUND_USELESS : ROUND_NOTHING_LEFT;
    }
    if (rc == 0 && ends_group)
        rc = group->kind->add_tombstones(group, &write->builder, group->coordinator->time.wall);
    if (!group_write_send(write, rc))
        return ROUND_FAILED;
    group->is_deleting = group->is_deleting || ends_group || kind == WRITE_END;
    group->is_forgetting = group->is_forgetting || kind == WRITE_FORGETTING;
    return ROUND_SENT;
}

static void end_deletion(struct group *group, struct commit_call *deletion, enum kafka_error error)
{
    group_commit_refuse(deletion, error);
    group_answers_add(&group->coordinator->answers, &deletion->call, error);
}

void group_removal_written(struct group_write *write, enum kafka_error error)
{
    struct group *group = write->group;
    enum group_write_kind kind = write->kind;
    const struct removed_offset *removed = error == KAFKA_NONE ? write->removed : NULL;
    for (; removed != NULL; removed = removed->next) {
        pending_owner_drop(&group->coordinator->pending, &group->pending, removed->topic, removed->partition);
        committed_offsets_remove(&group->offsets, removed->topic, removed->partition);
    }
    if (kind == WRITE_FORGETTING)
        group->is_forgetting = false;
    if (kind == WRITE_END || write->ends_group)
        group->is_deleting = false;
    bool goes_on = error == KAFKA_NONE && write->is_cut;
    enum round round = goes_on ? begin_round(group, kind, write->commit, write->next) : ROUND_NOTHING_LEFT;
    if (round == ROUND_FAILED)
        error = KAFKA_COORDINATOR_NOT_AVAILABLE;
    if (round != ROUND_SENT && write->commit != NULL)
        end_deletion(group, write->commit, classic_write_error(error));
}

/* ---- deletion ---- */

static void refuse_deletion(struct group_coordinator *coordinator, struct commit_call *deletion, enum kafka_error error)
{
    group_commit_refuse(deletion, error);
    group_answers_add(&coordinator->answers, &deletion->call, error);
    group_give_answers(coordinator);
}

static enum kafka_error check_deletion(const struct group_coordinator *coordinator, const struct group *group)
{
    if (group == NULL)
        return coordinator->has_given_up ? KAFKA_COORDINATOR_NOT_AVAILABLE : KAFKA_GROUP_ID_NOT_FOUND;
    return group->is_deleting ? KAFKA_COORDINATOR_NOT_AVAILABLE : KAFKA_NONE;
}

void group_coordinator_delete(struct group_coordinator *coordinator, struct commit_call *deletion,
                              struct group_time now)
{
    coordinator->time = now;
    struct group *group = group_find(coordinator, deletion->group_id);
    enum kafka_error error = check_deletion(coordinator, group);
    if (error == KAFKA_NONE && !group->kind->is_empty(group))
        error = KAFKA_NON_EMPTY_GROUP;
    if (error == KAFKA_NONE && group->writes > 0)
        error = KAFKA_COORDINATOR_NOT_AVAILABLE; /* what is being committed would outlive the group */
    if (error == KAFKA_NONE && begin_round(group, WRITE_END, deletion, 0) == ROUND_FAILED)
        error = KAFKA_COORDINATOR_NOT_AVAILABLE;
    if (error != KAFKA_NONE)
        refuse_deletion(coordinator, deletion, error);
}

/* ---- deletion of single offsets ---- */

static int compare_topics(const void *a, const void *b)
{
    slice left = (*(struct commit_partition *const *)a)->topic, right = (*(struct commit_partition *const *)b)->topic;
    return slice_compare(left, right);
}

struct asked_topics {
    struct commit_partition **sorted; /* by topic */
    size_t count;
};

static void refuse_subscribed(void *context, slice topic)
{
    const struct asked_topics *asked = context;
    size_t from = 0, to = asked->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (slice_compare(asked->sorted[middle]->topic, topic) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    for (; from < asked->count && slice_equal(asked->sorted[from]->topic, topic); from++) {
        if (asked->sorted[from]->error != KAFKA_NONE)
            break; /* all of a topic are refused alike; a member before has done it */
        asked->sorted[from]->error = KAFKA_GROUP_SUBSCRIBED_TO_TOPIC;
    }
}

/* KIP-496: of a consumers' group only what none of its members is subscribed to. */
static enum kafka_error check_subscribed(struct group *group, struct commit_call *deletion)
{
    if (!slice_equal(group->kind->protocol_type(group), slice_of_text("consumer")))
        return KAFKA_NON_EMPTY_GROUP;
    struct asked_topics asked = {
        .sorted = arena_alloc(deletion->call.arena, deletion->count * sizeof(struct commit_partition *))};
    if (asked.sorted == NULL)
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    for (size_t i = 0; i < deletion->count; i++) {
        if (deletion->partitions[i].error == KAFKA_NONE)
            asked.sorted[asked.count++] = &deletion->partitions[i];
    }
    if (asked.count > 0)
        qsort(asked.sorted, asked.count, sizeof(struct commit_partition *), compare_topics);
    if (!group->kind->list_subscribed(group, refuse_subscribed, &asked))
        group_commit_refuse(deletion, KAFKA_GROUP_SUBSCRIBED_TO_TOPIC);
    return KAFKA_NONE;
}

void group_coordinator_delete_offsets(struct group_coordinator *coordinator, struct commit_call *deletion,
                                      struct group_time now)
{
    coordinator->time = now;
    struct group *group = group_find(coordinator, deletion->group_id);
    enum kafka_error error = deletion->group_id.size == 0 ? KAFKA_INVALID_GROUP_ID : check_deletion(coordinator, group);
    if (error == KAFKA_NONE && !group->kind->is_empty(group))
        error = check_subscribed(group, deletion);
    if (error != KAFKA_NONE) {
        refuse_deletion(coordinator, deletion, error);
        return;
    }
    enum round round = begin_round(group, WRITE_DELETION, deletion, 0);
    if (round != ROUND_SENT)
        refuse_deletion(coordinator, deletion, round == ROUND_FAILED ? KAFKA_COORDINATOR_NOT_AVAILABLE : KAFKA_NONE);
}

/* ---- what nobody asked for ---- */

static bool has_going(const struct group *group)
{
    for (uint32_t i = 0; i < group->offsets.topic_count; i++) {
        if (group->offsets.topics[i]->is_going)
            return true;
    }
    return false;
}

/* What cannot be written now is tried the next time. */
static void begin_removal(struct group *group, enum group_write_kind kind)
{
    if (begin_round(group, kind, NULL, 0) == ROUND_USELESS)
        group_remove(group);
}

void group_coordinator_clean(struct group_coordinator *coordinator, struct group_time now)
{
    struct group *group, *next;
    coordinator->time = now;
    HASH_ITER (by_id, coordinator->groups, group, next) {
        if (group->is_deleting || group->is_forgetting)
            continue;
        if (has_going(group))
            begin_removal(group, WRITE_FORGETTING);
        else if (!group->kind->is_awaited(group)) {
            find_subscribed(group);
            begin_removal(group, WRITE_EXPIRY);
        }
    }
    group_give_answers(coordinator);
}

void group_coordinator_forget_gone(struct group_coordinator *coordinator, bool (*is_gone)(void *context, slice topic),
                                   void *context, struct group_time now)
{
    struct group *group, *next;
    coordinator->time = now;
    HASH_ITER (by_id, coordinator->groups, group, next) {
        for (uint32_t i = 0; i < group->offsets.topic_count; i++) {
            struct committed_topic *topic = group->offsets.topics[i];
            topic->is_going = topic->is_going || is_gone(context, topic->name);
        }
        if (has_going(group) && !group->is_deleting && !group->is_forgetting)
            begin_removal(group, WRITE_FORGETTING);
    }
    group_give_answers(coordinator);
}

void group_coordinator_forget_topic(struct group_coordinator *coordinator, slice topic, struct group_time now)
{
    struct group *group, *next;
    coordinator->time = now;
    HASH_ITER (by_id, coordinator->groups, group, next) {
        struct committed_topic *going = committed_offsets_find_topic(&group->offsets, topic);
        if (going == NULL)
            continue;
        going->is_going = true;
        if (!group->is_deleting && !group->is_forgetting)
            begin_removal(group, WRITE_FORGETTING);
    }
    group_give_answers(coordinator);
}
