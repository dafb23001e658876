/* Batches on their way to the log. */
#include "group/group_private.h"

#include "container.h"

#define BATCH_BYTES_MAX ((size_t)16 << 20)
#define LIST_BYTES_MAX  ((size_t)4 << 20)

struct group_write *group_write_open_with(struct group *group, enum group_write_kind kind,
                                          const struct batch_options *options)
{
    struct group_coordinator *coordinator = group->coordinator;
    struct group_write *write = memory_alloc_zeroed(coordinator->memory, MEMORY_GROUPS, sizeof *write);
    if (write == NULL)
        return NULL;
    write->kind = kind;
    write->group = group;
    arena_init(&write->arena, coordinator->memory, MEMORY_GROUPS, LIST_BYTES_MAX);
    write->former_kinds = group->former_kinds;
    group_answers_init(&write->waiting);
    writer_init(&write->batch, coordinator->memory, MEMORY_GROUPS, BATCH_BYTES_MAX);
    batch_builder_open(&write->builder, &write->batch, options);
    return write;
}

struct group_write *group_write_open(struct group *group, enum group_write_kind kind)
{
    return group_write_open_with(group, kind, &BATCH_OPTIONS_PLAIN);
}

static void drop(struct group_write *write)
{
    struct memory *memory = write->group->coordinator->memory;
    writer_close(&write->batch);
    consumer_free_graves(memory, write->graves);
    arena_close(&write->arena);
    memory_free(memory, MEMORY_GROUPS, write, sizeof *write);
}

void group_write_drop_unsent(struct group_write *write)
{
    int rc = batch_builder_close(&write->builder, NULL);
    (void)rc; /* nobody wants it */
    drop(write);
}

void group_write_hand_over(struct group_coordinator *coordinator, struct group_append *append)
{
    coordinator->writes++;
    append->batch.is_awaited = true;
    coordinator->store.append(coordinator->store.context, &append->batch);
}

static void answer_waiting(struct group_write *write, enum kafka_error error)
{
    while (write->waiting.first != NULL)
        group_answers_add(&write->group->coordinator->answers, group_answers_take(&write->waiting),
                          classic_write_error(error));
}

void group_coordinator_appended(struct group_coordinator *coordinator, struct coordinator_batch *batch,
                                enum kafka_error error, struct group_time now)
{
    struct group_append *append = CONTAINER_OF(batch, struct group_append, batch);
    coordinator->time = now;
    coordinator->writes--;
    append->written(append, error);
    group_give_answers(coordinator);
}

static void on_written(struct group_append *append, enum kafka_error error)
{
    struct group_write *write = CONTAINER_OF(append, struct group_write, append);
    struct group *group = write->group;
    group->writes--;
    if (group->is_forgotten)
        error = KAFKA_NOT_LEADER_OR_FOLLOWER; /* the log is not there any more */
    switch (write->kind) {
    case WRITE_KIND:
        group->is_recorded = group->is_recorded || error == KAFKA_NONE;
        if (!group->is_forgotten && write->former_kinds == group->former_kinds)
            group->kind->written(group, write, error);
        break;
    case WRITE_BURIAL:
        break;
    case WRITE_COMMIT:
        group_commit_written(write, error);
        break;
    case WRITE_TRANSACTIONAL:
        group_transaction_written(write, error);
        break;
    case WRITE_END:
    case WRITE_DELETION:
    case WRITE_FORGETTING:
    case WRITE_EXPIRY:
        group_removal_written(write, error);
        break;
    }
    answer_waiting(write, error);
    bool ends_group = group->writes == 0 && (group->is_forgotten || (write->ends_group && error == KAFKA_NONE));
    group_note_wake(group);
    drop(write);
    if (ends_group)
        group_remove(group);
}

bool group_write_send(struct group_write *write, int rc)
{
    int closed = batch_builder_close(&write->builder, NULL);
    if (rc != 0 || closed != 0) {
        drop(write);
        return false;
    }
    write->append =
        (struct group_append){.batch = {.bytes = write->batch.data, .size = write->batch.size}, .written = on_written};
    write->group->writes++;
    group_write_hand_over(write->group->coordinator, &write->append);
    return true;
}
