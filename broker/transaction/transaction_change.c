/* Changes on their way to the log.
 *
 * Happy path. A change holds what the transaction will be; it is written, applied when it is durable, and whoever asked
 * for it is told. If it decided the transaction, the markers go out; when they are all durable, the transaction is
 * complete at once, and a record that nobody waits for says so. Then those who waited for any of this are looked at
 * again.
 *
 * Failures. A change that is not written has not happened. A record of completion that is not written leaves
 * PREPARE_*, whose markers the next start writes again: behind markers they end nothing. */
#include "transaction/transaction_private.h"

#include "container.h"

#define BATCH_BYTES_MAX ((size_t)16 << 20)

/* ---- writing ---- */

static struct transaction_change *open_change(struct transaction_coordinator *coordinator)
{
    struct transaction_change *change = memory_alloc_zeroed(coordinator->memory, MEMORY_TRANSACTIONS, sizeof *change);
    if (change == NULL)
        return NULL;
    change->coordinator = coordinator;
    transaction_calls_init(&change->calls);
    writer_init(&change->bytes, coordinator->memory, MEMORY_TRANSACTIONS, BATCH_BYTES_MAX);
    batch_builder_open(&change->builder, &change->bytes, &BATCH_OPTIONS_PLAIN);
    return change;
}

static void free_change(struct transaction_change *change)
{
    struct memory *memory = change->coordinator->memory;
    writer_close(&change->bytes);
    transaction_partitions_close(&change->partitions, memory);
    memory_free(memory, MEMORY_TRANSACTIONS, change, sizeof *change);
}

/* False, and it is gone, when it could not be made. */
static bool send_change(struct transaction_change *change, int rc)
{
    struct transaction_coordinator *coordinator = change->coordinator;
    int closed = batch_builder_close(&change->builder, NULL);
    if (rc != 0 || closed != 0) {
        free_change(change);
        return false;
    }
    change->written.bytes = change->bytes.data;
    change->written.size = change->bytes.size;
    coordinator->appends++;
    coordinator->store.append(coordinator->store.context, &change->written);
    return true;
}

static void answer_all(struct transaction_coordinator *coordinator, struct transaction_calls *calls,
                       enum kafka_error error, const struct transaction_values *values)
{
    struct transaction_call *call;
    while ((call = transaction_calls_take(calls)) != NULL) {
        if (error == KAFKA_NONE && call->tell != NULL)
            call->tell(call, values);
        transaction_answer(coordinator, call, error);
    }
}

/* One that was never written down is nothing to be kept. */
static void remove_if_new(struct transaction *transaction)
{
    if (transaction->values.producer_epoch == NO_PRODUCER_EPOCH)
        transaction_remove(transaction);
}

void transaction_change(struct transaction *transaction, const struct transaction_values *values,
                        struct transaction_partitions *partitions, struct transaction_calls *calls,
                        enum kafka_error success)
{
    struct transaction_coordinator *coordinator = transaction->coordinator;
    struct transaction_change *change = open_change(coordinator);
    if (change == NULL) {
        transaction_partitions_close(partitions, coordinator->memory);
        goto err_answer;
    }
    change->written.is_awaited = true;
    change->transaction = transaction;
    change->values = *values;
    change->partitions = *partitions;
    change->success = success;
    int rc = transaction_records_add(&change->builder, coordinator->time.wall, transaction->id, values, partitions);
    if (!send_change(change, rc))
        goto err_answer;
    transaction->change = change;
    transaction_calls_move(&change->calls, calls);
    return;

err_answer:
    answer_all(coordinator, calls, KAFKA_COORDINATOR_NOT_AVAILABLE, values);
    remove_if_new(transaction);
}

void transaction_change_to_nothing(struct transaction *transaction)
{
    struct transaction_coordinator *coordinator = transaction->coordinator;
    struct transaction_change *change = open_change(coordinator);
    if (change == NULL)
        return;
    change->written.is_awaited = true;
    change->transaction = transaction;
    change->removes = true;
    int rc = transaction_records_add_tombstone(&change->builder, coordinator->time.wall, transaction->id);
    if (send_change(change, rc))
        transaction->change = change;
}

/* ---- the end of a transaction ---- */

static void complete(struct transaction *transaction)
{
    struct transaction_coordinator *coordinator = transaction->coordinator;
    transaction->values = transaction_completed(&transaction->values, coordinator->time.wall);
    transaction_partitions_close(&transaction->partitions, coordinator->memory);
    struct transaction_change *change = open_change(coordinator);
    if (change == NULL)
        return;
    int rc = transaction_records_add(&change->builder, coordinator->time.wall, transaction->id, &transaction->values,
                                     &transaction->partitions);
    (void)send_change(change, rc); /* not written: the next start ends it once more */
}

void transaction_begin_ending(struct transaction *transaction)
{
    struct transaction_coordinator *coordinator = transaction->coordinator;
    if (transaction->partitions.count == 0) {
        complete(transaction);
        return;
    }
    transaction->is_ending = true;
    transaction->ending = (struct transaction_ending){
        .transactional_id = transaction->id,
        .producer_id = transaction->values.producer_id,
        .producer_epoch = transaction->values.producer_epoch,
        .commits = transaction->values.state == TRANSACTION_PREPARE_COMMIT,
        .partitions = &transaction->partitions,
    };
    coordinator->store.end(coordinator->store.context, &transaction->ending);
}

void transaction_coordinator_ended(struct transaction_coordinator *coordinator, struct transaction_ending *ending,
                                   struct transaction_time now)
{
    struct transaction *transaction = CONTAINER_OF(ending, struct transaction, ending);
    coordinator->time = now;
    transaction->is_ending = false;
    if (transaction->is_gone) {
        transaction_free_if_gone(transaction);
    } else {
        complete(transaction);
        transaction_run_waiting(transaction);
    }
    transaction_give_answers(coordinator);
}

/* ---- the log's answer ---- */

static void apply(struct transaction *transaction, struct transaction_change *change)
{
    struct transaction_coordinator *coordinator = transaction->coordinator;
    bool was_open = transaction->values.state == TRANSACTION_ONGOING;
    transaction_partitions_close(&transaction->partitions, coordinator->memory);
    transaction->partitions = change->partitions;
    change->partitions = TRANSACTION_PARTITIONS_NONE;
    transaction->values = change->values;
    switch (transaction->values.state) {
    case TRANSACTION_ONGOING:
        if (!was_open)
            transaction->deadline = coordinator->time.steady + transaction->values.timeout_ms;
        transaction_note_wake(coordinator, transaction->deadline > coordinator->next_abort_at
                                               ? transaction->deadline
                                               : coordinator->next_abort_at);
        break;
    case TRANSACTION_PREPARE_COMMIT:
    case TRANSACTION_PREPARE_ABORT:
        transaction_begin_ending(transaction);
        break;
    case TRANSACTION_EMPTY:
    case TRANSACTION_COMPLETE_COMMIT:
    case TRANSACTION_COMPLETE_ABORT:
        break;
    }
}

static void finish_change(struct transaction_change *change, enum kafka_error error)
{
    struct transaction *transaction = change->transaction;
    struct transaction_coordinator *coordinator = change->coordinator;
    enum kafka_error told = error != KAFKA_NONE    ? KAFKA_COORDINATOR_NOT_AVAILABLE
                            : transaction->is_gone ? KAFKA_NOT_COORDINATOR
                                                   : change->success;
    transaction->change = NULL;
    answer_all(coordinator, &change->calls, told, &change->values);
    bool is_new = error != KAFKA_NONE && transaction->values.producer_epoch == NO_PRODUCER_EPOCH;
    if (transaction->is_gone) {
        transaction_free_if_gone(transaction);
    } else if (is_new || (error == KAFKA_NONE && change->removes)) {
        transaction_remove(transaction);
    } else {
        if (error == KAFKA_NONE)
            apply(transaction, change);
        transaction_run_waiting(transaction);
    }
}

void transaction_coordinator_appended(struct transaction_coordinator *coordinator, struct coordinator_batch *batch,
                                      enum kafka_error error, struct transaction_time now)
{
    struct transaction_change *change = CONTAINER_OF(batch, struct transaction_change, written);
    coordinator->time = now;
    coordinator->appends--;
    if (change->transaction != NULL)
        finish_change(change, error);
    free_change(change);
    transaction_give_answers(coordinator);
}
