/* Commits, and what takes committed offsets away again: deletion, expiry (KIP-211), the end of a topic.
 *
 * What is on its way to the log is seen by nobody. Batches are answered in order, so the last commit of a partition is
 * the one that stays, here as in the log. */
#include "group/group_private.h"

#include <errno.h>

#define EXPIRY_BYTES_MAX ((size_t)512 << 10)
#define TOMBSTONE_BYTES  32 /* but for the names */

/* ---- commits ---- */

static void refuse_all(struct commit_call *commit, enum kafka_error error)
{
    for (size_t i = 0; i < commit->count; i++) {
        if (commit->partitions[i].error == KAFKA_NONE)
            commit->partitions[i].error = error;
    }
}

static void answer(struct group_coordinator *coordinator, struct commit_call *commit, enum kafka_error error)
{
    group_answers_add(&coordinator->answers, &commit->call, error);
}

/* The group that takes the commit; KAFKA_NONE with it. */
static enum kafka_error find_committer(struct group_coordinator *coordinator, const struct commit_call *commit,
                                       struct group **group)
{
    if (coordinator->has_given_up)
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    *group = group_find(coordinator, commit->group_id);
    if (*group == NULL && commit->generation >= 0)
        return KAFKA_GROUP_ID_NOT_FOUND;
    if (!group_has_memory(coordinator))
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    if (*group == NULL && coordinator->group_count < coordinator->limits->max_groups)
        *group = group_add(coordinator, commit->group_id);
    if (*group == NULL || (*group)->is_deleting)
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    return (*group)->kind->check_commit(*group, commit, false);
}

static int add_commits(struct group_write *write, const struct commit_call *commit, int64_t now)
{
    int rc = 0;
    for (size_t i = 0; i < commit->count && rc == 0; i++) {
        struct commit_partition *partition = &commit->partitions[i];
        if (partition->error != KAFKA_NONE)
            continue;
        partition->value.committed_at = now;
        rc = group_records_add_offset(&write->builder, now, commit->group_id, partition->topic, partition->partition,
                                      &partition->value);
    }
    return rc;
}

static bool has_any(const struct commit_call *commit)
{
    for (size_t i = 0; i < commit->count; i++) {
        if (commit->partitions[i].error == KAFKA_NONE)
            return true;
    }
    return false;
}

void group_coordinator_commit(struct group_coordinator *coordinator, struct commit_call *commit, struct group_time now)
{
    coordinator->time = now;
    struct group *group = NULL;
    enum kafka_error error = find_committer(coordinator, commit, &group);
    struct group_write *write = NULL;
    if (error == KAFKA_NONE && has_any(commit)) {
        write = group_write_open(group, WRITE_COMMIT);
        if (write != NULL) {
            write->commit = commit;
            if (group_write_send(write, add_commits(write, commit, now.wall)))
                goto sent;
        }
        error = KAFKA_COORDINATOR_NOT_AVAILABLE;
    }
    refuse_all(commit, error);
    answer(coordinator, commit, KAFKA_NONE);
sent:
    if (group != NULL)
        group_note_wake(group);
    group_give_answers(coordinator);
}

void group_commit_written(struct group_write *write, enum kafka_error error)
{
    struct commit_call *commit = write->commit;
    struct group *group = write->group;
    for (size_t i = 0; i < commit->count && error == KAFKA_NONE; i++) {
        const struct commit_partition *partition = &commit->partitions[i];
        /* The log has it; without memory for it the answer is that it may be committed again. */
        if (partition->error == KAFKA_NONE &&
            committed_offsets_put(&group->offsets, partition->topic, partition->partition, &partition->value) != 0)
            error = KAFKA_COORDINATOR_NOT_AVAILABLE;
    }
    if (error != KAFKA_NONE)
        refuse_all(commit, classic_write_error(error));
    answer(group->coordinator, commit, KAFKA_NONE);
}

/* ---- removal ---- */

typedef bool chooses(const struct group *group, const struct committed_topic *topic,
                     const struct committed_partition *partition, void *context);

static size_t count_all(const struct group *group, size_t *bytes)
{
    size_t count = 0;
    *bytes = 0;
    for (uint32_t i = 0; i < group->offsets.topic_count; i++) {
        const struct committed_topic *topic = &group->offsets.topics[i];
        count += topic->count;
        *bytes += topic->name.size + topic->count * sizeof(struct removed_offset);
    }
    return count;
}

/* Fills the write's list with those that are chosen; their topics' names stand behind the list. Of those that expire,
 * no more than the log surely takes in one batch. */
static int list_removed(struct group_write *write, chooses *choose, void *context)
{
    const struct group *group = write->group;
    size_t bytes;
    size_t most = count_all(group, &bytes);
    write->removed = memory_alloc(group->coordinator->memory, MEMORY_GROUPS, bytes);
    if (write->removed == NULL)
        return -ENOMEM;
    write->removed_size = bytes;
    uint8_t *names = (uint8_t *)(write->removed + most);
    size_t room = write->kind == WRITE_EXPIRY ? EXPIRY_BYTES_MAX : SIZE_MAX;
    for (uint32_t i = 0; i < group->offsets.topic_count; i++) {
        const struct committed_topic *topic = &group->offsets.topics[i];
        slice name = slice_of(memcpy(names, topic->name.data, topic->name.size), topic->name.size);
        names += name.size;
        size_t each = group_id(group).size + name.size + TOMBSTONE_BYTES;
        for (uint32_t j = 0; j < topic->count && room >= each; j++) {
            if (!choose(group, topic, &topic->partitions[j], context))
                continue;
            room -= each;
            write->removed[write->removed_count++] = (struct removed_offset){name, topic->partitions[j].partition};
        }
    }
    return 0;
}

static int add_tombstones(struct group_write *write, int64_t now)
{
    slice id = group_id(write->group);
    int rc = 0;
    for (size_t i = 0; i < write->removed_count && rc == 0; i++)
        rc = group_records_add_offset(&write->builder, now, id, write->removed[i].topic, write->removed[i].partition,
                                      NULL);
    if (rc == 0 && write->ends_group)
        rc = write->group->kind->add_tombstones(write->group, &write->builder, now);
    return rc;
}

void group_removal_written(struct group_write *write, enum kafka_error error)
{
    struct group *group = write->group;
    for (size_t i = 0; i < write->removed_count && error == KAFKA_NONE; i++)
        committed_offsets_remove(&group->offsets, write->removed[i].topic, write->removed[i].partition);
    if (write->ends_group)
        group->is_deleting = false;
    if (write->commit == NULL)
        return;
    error = classic_write_error(error);
    refuse_all(write->commit, error);
    answer(group->coordinator, write->commit, error);
}

/* ---- deletion ---- */

static bool choose_all(const struct group *group, const struct committed_topic *topic,
                       const struct committed_partition *partition, void *context)
{
    (void)group, (void)topic, (void)partition, (void)context;
    return true;
}

static bool choose_asked(const struct group *group, const struct committed_topic *topic,
                         const struct committed_partition *partition, void *context)
{
    (void)group;
    const struct commit_call *deletion = context;
    for (size_t i = 0; i < deletion->count; i++) {
        const struct commit_partition *asked = &deletion->partitions[i];
        if (asked->error == KAFKA_NONE && asked->partition == partition->partition &&
            slice_equal(asked->topic, topic->name))
            return true;
    }
    return false;
}

static void refuse_deletion(struct group_coordinator *coordinator, struct commit_call *deletion, enum kafka_error error)
{
    refuse_all(deletion, error);
    answer(coordinator, deletion, error);
    group_give_answers(coordinator);
}

static enum kafka_error check_deletion(const struct group_coordinator *coordinator, const struct group *group)
{
    if (group == NULL)
        return coordinator->has_given_up ? KAFKA_COORDINATOR_NOT_AVAILABLE : KAFKA_GROUP_ID_NOT_FOUND;
    return group->is_deleting ? KAFKA_COORDINATOR_NOT_AVAILABLE : KAFKA_NONE;
}

static enum kafka_error send_deletion(struct group *group, struct commit_call *deletion, bool ends_group)
{
    struct group_write *write = group_write_open(group, WRITE_DELETION);
    if (write == NULL)
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    write->commit = deletion;
    write->ends_group = ends_group;
    int rc = list_removed(write, ends_group ? choose_all : choose_asked, deletion);
    if (rc == 0 && write->removed_count == 0 && !ends_group) {
        group_write_drop_unsent(write);
        refuse_deletion(group->coordinator, deletion, KAFKA_NONE); /* there is nothing of it */
        return KAFKA_NONE;
    }
    if (rc == 0)
        rc = add_tombstones(write, group->coordinator->time.wall);
    if (!group_write_send(write, rc))
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    group->is_deleting = ends_group;
    return KAFKA_NONE;
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
    if (error == KAFKA_NONE)
        error = send_deletion(group, deletion, true);
    if (error != KAFKA_NONE)
        refuse_deletion(coordinator, deletion, error);
}

/* KIP-496: of a consumers' group only what none of its members is subscribed to. */
void group_coordinator_delete_offsets(struct group_coordinator *coordinator, struct commit_call *deletion,
                                      struct group_time now)
{
    coordinator->time = now;
    struct group *group = group_find(coordinator, deletion->group_id);
    enum kafka_error error = deletion->group_id.size == 0 ? KAFKA_INVALID_GROUP_ID : check_deletion(coordinator, group);
    bool has_members = error == KAFKA_NONE && !group->kind->is_empty(group);
    if (has_members && !slice_equal(group->kind->protocol_type(group), slice_of_text("consumer")))
        error = KAFKA_NON_EMPTY_GROUP;
    for (size_t i = 0; has_members && error == KAFKA_NONE && i < deletion->count; i++) {
        struct commit_partition *partition = &deletion->partitions[i];
        if (partition->error == KAFKA_NONE && group->kind->subscribes(group, partition->topic))
            partition->error = KAFKA_GROUP_SUBSCRIBED_TO_TOPIC;
    }
    if (error == KAFKA_NONE)
        error = send_deletion(group, deletion, false);
    if (error != KAFKA_NONE)
        refuse_deletion(coordinator, deletion, error);
}

/* ---- expiry ---- */

/* Of a group that never had members, each offset counts from its commit; else all count from when the last member
 * left. */
static bool choose_expired(const struct group *group, const struct committed_topic *topic,
                           const struct committed_partition *partition, void *context)
{
    (void)topic, (void)context;
    const struct group_coordinator *coordinator = group->coordinator;
    bool is_simple = slice_is_null(group->kind->protocol_type(group));
    int64_t since = is_simple ? partition->value.committed_at : group->since;
    if (since < partition->value.committed_at)
        since = partition->value.committed_at;
    return coordinator->store.age(coordinator->store.context, since) >= coordinator->limits->offsets_retention_ms;
}

static bool choose_topic(const struct group *group, const struct committed_topic *topic,
                         const struct committed_partition *partition, void *context)
{
    (void)group, (void)partition;
    const slice *name = context;
    return slice_equal(topic->name, *name);
}

/* What cannot be written now is tried the next time. */
static void remove_chosen(struct group *group, chooses *choose, void *context)
{
    struct group_write *write = group_write_open(group, WRITE_EXPIRY);
    if (write == NULL)
        return;
    size_t bytes;
    int rc = list_removed(write, choose, context);
    bool goes = group->kind->is_empty(group) && group->writes == 0 && rc == 0 &&
                write->removed_count == count_all(group, &bytes);
    write->ends_group = goes;
    bool has_records = rc == 0 && (write->removed_count > 0 || (goes && group->is_recorded));
    if (has_records) {
        rc = add_tombstones(write, group->coordinator->time.wall);
        if (group_write_send(write, rc))
            group->is_deleting = group->is_deleting || goes;
        return;
    }
    group_write_drop_unsent(write);
    if (rc == 0 && goes)
        group_remove(group); /* nobody but us knew of it */
}

void group_coordinator_clean(struct group_coordinator *coordinator, struct group_time now)
{
    struct group *group, *next;
    coordinator->time = now;
    HASH_ITER (by_id, coordinator->groups, group, next) {
        bool is_idle = group->kind->is_empty(group) && !group->kind->is_awaited(group) && group->writes == 0;
        if (is_idle)
            remove_chosen(group, choose_expired, NULL);
    }
    group_give_answers(coordinator);
}

void group_coordinator_forget_topic(struct group_coordinator *coordinator, slice topic, struct group_time now)
{
    struct group *group, *next;
    coordinator->time = now;
    HASH_ITER (by_id, coordinator->groups, group, next) {
        bool has_any_of_it = false;
        for (uint32_t i = 0; i < group->offsets.topic_count && !has_any_of_it; i++)
            has_any_of_it = slice_equal(group->offsets.topics[i].name, topic);
        if (has_any_of_it)
            remove_chosen(group, choose_topic, &topic);
    }
    group_give_answers(coordinator);
}
