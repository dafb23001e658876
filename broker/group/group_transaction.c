/* Offsets that are committed by transactions (pending_offsets.h), and the markers that end these.
 *
 * A commit is a batch of its producer, in the form that Kafka gives it. A marker's batch stands behind all of them, and
 * batches are answered in order: when it is durable, they are all known here. */
#include "container.h"
#include "group/group_private.h"
#include "transaction_marker.h"

#include <errno.h>

/* ---- commits ---- */

static struct group_write *open_write(struct group *group, const struct commit_transaction *transaction)
{
    struct batch_options options = BATCH_OPTIONS_PLAIN;
    options.attributes = BATCH_TRANSACTIONAL;
    options.producer_id = transaction->producer_id;
    options.producer_epoch = transaction->producer_epoch;
    options.base_sequence = 0; /* as Kafka's coordinator: it numbers nothing */
    return group_write_open_with(group, WRITE_TRANSACTIONAL, &options);
}

static int add_values(struct group_write *write, struct commit_call *commit)
{
    int64_t now = write->group->coordinator->time.wall;
    int rc = 0;
    for (size_t i = 0; i < commit->count && rc == 0; i++) {
        struct commit_partition *partition = &commit->partitions[i];
        if (partition->error != KAFKA_NONE)
            continue;
        partition->value.committed_at = now;
        rc = pending_commit_add(write->pending, partition->topic, partition->partition, &partition->value);
        if (rc == -EBUSY) { /* what was committed for the topic before is being removed */
            partition->error = KAFKA_COORDINATOR_NOT_AVAILABLE;
            rc = 0;
        } else if (rc == 0) {
            rc = group_records_add_offset(&write->builder, now, commit->group_id, partition->topic,
                                          group_topic_id(write->group->coordinator, partition->topic),
                                          partition->partition, &partition->value);
        }
    }
    return rc == 0 && pending_commit_is_empty(write->pending) ? -EBUSY : rc;
}

bool group_transaction_send(struct group *group, struct commit_call *commit)
{
    struct pending_offsets *all = &group->coordinator->pending;
    struct group_write *write = open_write(group, commit->transaction);
    if (write == NULL)
        return false;
    struct pending_commit *pending =
        pending_commit_open(all, &group->pending, commit->transaction->producer_id, commit->count);
    write->commit = commit;
    write->pending = pending;
    if (group_write_send(write, pending != NULL ? add_values(write, commit) : -ENOMEM))
        return true;
    if (pending != NULL)
        pending_commit_cancel(all, pending);
    return false;
}

void group_transaction_written(struct group_write *write, enum kafka_error error)
{
    struct group_coordinator *coordinator = write->group->coordinator;
    if (error == KAFKA_NONE)
        pending_commit_stand(&coordinator->pending, write->pending);
    else
        pending_commit_cancel(&coordinator->pending, write->pending);
    group_commit_refuse(write->commit, classic_write_error(error));
    group_answers_add(&coordinator->answers, &write->commit->call, KAFKA_NONE);
}

/* ---- ends ---- */

struct marker_write {
    struct group_append append;
    struct group_coordinator *coordinator;
    struct group_transaction_end *end;
    writer batch;
};

static void on_marker_written(struct group_append *append, enum kafka_error error)
{
    struct marker_write *write = CONTAINER_OF(append, struct marker_write, append);
    struct group_coordinator *coordinator = write->coordinator;
    struct group_transaction_end *end = write->end;
    writer_close(&write->batch);
    memory_free(coordinator->memory, MEMORY_GROUPS, write, sizeof *write);
    if (error == KAFKA_NONE)
        pending_offsets_end(&coordinator->pending, end->producer_id, end->commits);
    end->done(end, error);
}

void group_coordinator_end_transaction(struct group_coordinator *coordinator, struct group_transaction_end *end,
                                       struct group_time now)
{
    struct transaction_marker marker = {
        .producer_id = end->producer_id,
        .producer_epoch = end->producer_epoch,
        .coordinator_epoch = end->coordinator_epoch,
        .commit = end->commits,
        .timestamp = now.wall,
    };
    struct marker_write *write = memory_alloc_zeroed(coordinator->memory, MEMORY_GROUPS, sizeof *write);
    if (write == NULL || coordinator->has_given_up)
        goto err_refuse;
    write->coordinator = coordinator;
    write->end = end;
    writer_init(&write->batch, coordinator->memory, MEMORY_GROUPS, TRANSACTION_MARKER_SIZE);
    transaction_marker_write(&marker, &write->batch);
    if (!writer_ok(&write->batch))
        goto err_close;
    write->append = (struct group_append){.batch = {.bytes = write->batch.data, .size = write->batch.size},
                                          .written = on_marker_written};
    coordinator->time = now;
    group_write_hand_over(coordinator, &write->append);
    return;

err_close:
    writer_close(&write->batch);
err_refuse:
    memory_free(coordinator->memory, MEMORY_GROUPS, write, sizeof *write);
    end->done(end, KAFKA_COORDINATOR_NOT_AVAILABLE);
}

/* ---- loading ---- */

int group_transaction_load(struct group *group, int64_t producer_id, const struct group_record *record)
{
    struct pending_offsets *all = &group->coordinator->pending;
    struct pending_commit *commit = pending_commit_open(all, &group->pending, producer_id, 1);
    if (commit == NULL)
        return -ENOMEM;
    int rc = pending_commit_add(commit, record->topic, record->partition, &record->offset);
    if (rc == 0)
        pending_commit_stand(all, commit);
    else
        pending_commit_cancel(all, commit);
    return rc;
}

void group_coordinator_load_marker(struct group_coordinator *coordinator, int64_t producer_id, bool commits)
{
    pending_offsets_end(&coordinator->pending, producer_id, commits);
}
