/* Commits.
 *
 * What is on its way to the log is seen by nobody, but it has its place: what was written cannot fail here any more.
 * Batches are answered in order, so the last commit of a partition is the one that stays, here as in the log. */
#include "group/group_private.h"

#include <errno.h>

void group_commit_refuse(struct commit_call *commit, enum kafka_error error)
{
    for (size_t i = 0; i < commit->count; i++) {
        if (commit->partitions[i].error == KAFKA_NONE)
            commit->partitions[i].error = error;
    }
}

struct uuid group_topic_id(const struct group_coordinator *coordinator, slice topic)
{
    const struct group_topics *topics = &coordinator->store.topics;
    struct group_topic found;
    return topics->find(topics->context, topic, &found) ? found.id : UUID_ZERO;
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
        return commit->transaction != NULL ? KAFKA_ILLEGAL_GENERATION : KAFKA_GROUP_ID_NOT_FOUND;
    if (!group_has_memory(coordinator, *group != NULL ? GROUP_SHARE_COMMITS : GROUP_SHARE_NEWCOMERS))
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    if (*group == NULL && coordinator->group_count < coordinator->limits->max_groups)
        *group = group_add(coordinator, commit->group_id);
    if (*group == NULL || (*group)->is_deleting)
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    return (*group)->kind->check_commit(*group, commit, commit->transaction != NULL);
}

/* ---- places ---- */

/* For the first `count` partitions, which are not to be. */
static void release(struct group *group, const struct commit_call *commit, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct commit_partition *partition = &commit->partitions[i];
        if (partition->error == KAFKA_NONE)
            committed_offsets_release(&group->offsets, partition->topic, partition->partition,
                                      partition->value.metadata);
    }
}

/* From here on the values' metadata are the group's copies. */
static int reserve(struct group *group, struct commit_call *commit)
{
    int rc = 0;
    size_t i = 0;
    for (; i < commit->count && rc == 0; i++) {
        struct commit_partition *partition = &commit->partitions[i];
        if (partition->error != KAFKA_NONE)
            continue;
        slice metadata = partition->value.metadata;
        rc = committed_offsets_reserve(&group->offsets, partition->topic, partition->partition, metadata,
                                       &partition->value.metadata);
        if (rc == -EBUSY) { /* what was committed for the topic before is being removed */
            partition->error = KAFKA_COORDINATOR_NOT_AVAILABLE;
            rc = 0;
        }
    }
    if (rc != 0)
        release(group, commit, i - 1);
    return rc;
}

/* ---- commits ---- */

static int64_t expires_at(const struct commit_call *commit, int64_t now)
{
    if (commit->retention_ms == 0)
        return 0;
    return commit->retention_ms < INT64_MAX - now ? now + commit->retention_ms : INT64_MAX;
}

static int add_commits(struct group_write *write, const struct commit_call *commit, int64_t now)
{
    int rc = 0;
    for (size_t i = 0; i < commit->count && rc == 0; i++) {
        struct commit_partition *partition = &commit->partitions[i];
        if (partition->error != KAFKA_NONE)
            continue;
        partition->value.committed_at = now;
        partition->value.expires_at = expires_at(commit, now);
        rc = group_records_add_offset(&write->builder, now, commit->group_id, partition->topic,
                                      group_topic_id(write->group->coordinator, partition->topic), partition->partition,
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

/* False: nothing is under way. */
static bool send_commit(struct group *group, struct commit_call *commit)
{
    if (commit->transaction != NULL)
        return group_transaction_send(group, commit);
    if (reserve(group, commit) != 0)
        return false;
    struct group_write *write = has_any(commit) ? group_write_open(group, WRITE_COMMIT) : NULL;
    if (write != NULL) {
        write->commit = commit;
        if (group_write_send(write, add_commits(write, commit, group->coordinator->time.wall)))
            return true;
    }
    release(group, commit, commit->count);
    return false;
}

void group_coordinator_commit(struct group_coordinator *coordinator, struct commit_call *commit, struct group_time now)
{
    coordinator->time = now;
    struct group *group = NULL;
    enum kafka_error error = find_committer(coordinator, commit, &group);
    if (error != KAFKA_NONE || !has_any(commit) || !send_commit(group, commit)) {
        group_commit_refuse(commit, error != KAFKA_NONE ? error : KAFKA_COORDINATOR_NOT_AVAILABLE);
        answer(coordinator, commit, KAFKA_NONE);
    }
    if (group != NULL)
        group_note_wake(group);
    group_give_answers(coordinator);
}

void group_commit_written(struct group_write *write, enum kafka_error error)
{
    struct commit_call *commit = write->commit;
    struct group *group = write->group;
    if (error != KAFKA_NONE)
        release(group, commit, commit->count);
    for (size_t i = 0; i < commit->count && error == KAFKA_NONE; i++) {
        const struct commit_partition *partition = &commit->partitions[i];
        if (partition->error != KAFKA_NONE)
            continue;
        pending_owner_drop(&group->coordinator->pending, &group->pending, partition->topic, partition->partition);
        committed_offsets_settle(&group->offsets, partition->topic, partition->partition, &partition->value);
    }
    group_commit_refuse(commit, classic_write_error(error));
    answer(group->coordinator, commit, KAFKA_NONE);
}
