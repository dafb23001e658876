/* What a change does once its record is safe: folders are made or removed in the pool, then the server's topics follow.
 */
#include "cleaner.h"
#include "container.h"
#include "metadata_private.h"
#include "operations/environment.h"
#include "operations/groups.h"
#include "operations/read.h"
#include "operations/transactions.h"

#include <errno.h>
#include <stdio.h>

static struct metadata_change *change_of_job(struct job *job)
{
    return CONTAINER_OF(job, struct metadata_change, job);
}

slice metadata_change_name(const struct metadata_change *change)
{
    return change->topic != NULL ? topic_name(change->topic) : slice_of(change->name, change->name_size);
}

/* ---- folders, in the pool ---- */

/* A folder of the name that a deleted topic has left is not taken over. */
static int remove_leftover(const struct metadata_change *change, const char *folder, struct error *error)
{
    struct disk *disk = change->metadata->server->disk;
    struct uuid id;
    if (change->leftovers == NULL || log_read_topic_id(disk, folder, &id, NULL) != 0)
        return 0;
    const struct leftover *leftover = change->leftovers;
    while (leftover != NULL && !uuid_equal(leftover->id, id))
        leftover = leftover->next;
    if (leftover == NULL)
        return 0;
    char unique[UUID_TEXT_SIZE];
    uuid_print(id, unique);
    return metadata_remove_folder(disk, folder, unique, error);
}

static void make_folders(struct job *job)
{
    struct metadata_change *change = change_of_job(job);
    struct disk *disk = change->metadata->server->disk;
    for (int32_t i = change->first_partition; i < change->end_partition && change->status == 0; i++) {
        char folder[DISK_PATH_MAX];
        change->status = partition_folder_name(metadata_change_name(change), i, folder);
        if (change->status == 0)
            change->status = remove_leftover(change, folder, &change->error);
        if (change->status == 0)
            change->status = log_create_files(disk, folder, change->id, &change->error);
    }
}

static void remove_folders(struct job *job)
{
    struct metadata_change *change = change_of_job(job);
    char unique[UUID_TEXT_SIZE];
    uuid_print(change->id, unique);
    for (int32_t i = change->first_partition; i < change->end_partition; i++) {
        char folder[DISK_PATH_MAX];
        int rc = partition_folder_name(metadata_change_name(change), i, folder);
        if (rc == 0)
            rc = metadata_remove_folder(change->metadata->server->disk, folder, unique, &change->error);
        if (rc != 0)
            change->status = rc;
    }
}

static void checkpoints_written(struct checkpoint_request *request, int status)
{
    struct metadata_change *change = CONTAINER_OF(request, struct metadata_change, checkpoint);
    if (status == 0) /* else it is said in the log, and tried again with the next change */
        change->metadata->server->checkpoints_stale = false;
    metadata_end_change(change);
}

/* The change ends when the checkpoints on the disk speak of the logs that there are now. Those of a topic that is gone
 * would be believed of the next one of its name. */
static void write_checkpoints(struct metadata_change *change)
{
    struct server *server = change->metadata->server;
    server->checkpoints_stale = true;
    change->checkpoint.done = checkpoints_written;
    checkpoints_write(server->checkpoints, &change->checkpoint);
}

static void folders_removed(struct job *job)
{
    struct metadata_change *change = change_of_job(job);
    if (change->status != 0) {
        /* The topic is gone all the same; what is left of its folders goes at the next start, which has to know. */
        metadata_note_leftover(change->metadata, change->id);
        log_warn(change->metadata->server->logger, "metadata", "topic=%s %s", change->topic->name,
                 change->error.message);
        change->status = 0;
    }
    write_checkpoints(change);
}

static void folders_made(struct job *job)
{
    struct metadata_change *change = change_of_job(job);
    struct server *server = change->metadata->server;
    if (change->kind == CREATE) {
        int rc = topics_add(&server->topics, slice_of(change->name, change->name_size), change->id, &change->config,
                            &change->topic);
        if (rc != 0) {
            change->status = error_set_status(&change->error, rc, "topic %s", change->name);
            metadata_end_change(change);
            return;
        }
        topic_hold(change->topic);
        topic_config_refresh(&change->topic->config, server->config); /* the broker's may have changed since */
        change->topic->recorded_partitions = change->end_partition;
    }
    for (int32_t i = change->first_partition; i < change->end_partition; i++) {
        int rc = metadata_open_partition(server, change->topic, i, true, &change->error);
        if (rc != 0)
            change->status = rc;
    }
    cleaner_wake(server->cleaner);
    if (server->checkpoints_stale)
        write_checkpoints(change);
    else
        metadata_end_change(change);
}

void metadata_note_leftover(struct metadata_log *metadata, struct uuid id)
{
    struct leftover *leftover = memory_alloc(metadata->server->memory, MEMORY_TOPICS, sizeof *leftover);
    metadata->has_leftovers = true;
    if (leftover == NULL)
        return;
    *leftover = (struct leftover){.id = id, .next = metadata->leftovers};
    metadata->leftovers = leftover;
}

void metadata_free_leftovers(struct metadata_log *metadata)
{
    for (const struct leftover *leftover = metadata->leftovers, *next; leftover != NULL; leftover = next) {
        next = leftover->next;
        memory_free(metadata->server->memory, MEMORY_TOPICS, (void *)(uintptr_t)leftover, sizeof *leftover);
    }
}

/* ---- applying what is safe on the disk ---- */

/* From here on nobody finds the topic; who waits for its records is told, and its files are out of the cache. */
static void remove_topic(struct metadata_change *change)
{
    struct server *server = change->metadata->server;
    struct topic *topic = change->topic;
    change->end_partition = topic->recorded_partitions;
    metadata_set_busy(change);
    topics_remove(&server->topics, topic);
    for (int32_t i = 0; i < topic->partition_count; i++) {
        read_wake(server->operations->reads, topic->partitions[i]);
        if (topic->partitions[i]->log != NULL)
            log_abandon(topic->partitions[i]->log);
    }
    group_service_forget_topic(server->groups, topic_name(topic));
    transaction_service_forget_topic(server->transactions, topic_name(topic));
}

static void compaction_ended(struct cleaner_wait *wait)
{
    struct metadata_change *change = CONTAINER_OF(wait, struct metadata_change, compaction);
    jobs_submit(&change->metadata->server->jobs, &change->job, JOB_FILES);
}

void metadata_apply(struct metadata_change *change)
{
    struct server *server = change->metadata->server;
    change->job.execute = change->kind == DELETE ? remove_folders : make_folders;
    change->job.done = change->kind == DELETE ? folders_removed : folders_made;
    switch (change->kind) {
    case CREATE:
    case GROW:
        change->leftovers = change->metadata->leftovers;
        jobs_submit(&server->jobs, &change->job, JOB_FILES);
        return;
    case DELETE:
        remove_topic(change);
        change->compaction.done = compaction_ended;
        if (!cleaner_let_go(server->cleaner, change->topic, &change->compaction))
            jobs_submit(&server->jobs, &change->job, JOB_FILES);
        return;
    case SET:
        metadata_apply_settings(change);
        metadata_end_change(change);
        return;
    case PRODUCER_IDS:
    case CONFIGURE:
        metadata_end_change(change);
        return;
    }
}

void metadata_use_config(struct topic *topic)
{
    for (int32_t i = 0; i < topic->partition_count; i++) {
        if (topic->partitions[i]->log != NULL)
            log_set_config(topic->partitions[i]->log, &topic->config.log);
    }
}

/* What a later change has set stays; should it fail as well, it sets back to what was before both. */
static void revert_config(struct metadata_change *change)
{
    struct topic_config *place = change->later != NULL ? &change->later->config : &change->topic->config;
    struct topic_config failed = *place;
    *place = change->config;
    change->config = failed;
    topic_config_refresh(place, change->metadata->server->config); /* the broker's may have changed since */
    if (change->later == NULL)
        metadata_use_config(change->topic);
}

/* Back to what was before the record was queued. */
void metadata_revert(struct metadata_change *change)
{
    if (change->kind == DELETE)
        change->topic->is_deleting = false;
    if (change->kind == GROW)
        change->topic->recorded_partitions = change->first_partition;
    if (change->kind == CONFIGURE)
        revert_config(change);
}
