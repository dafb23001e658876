/* Partitions join a transaction. Those who wait for the end of the last one, or for a change, are then written with one
 * record. */
#include "transaction/transaction_private.h"

#include "container.h"

#define PATIENCE_MS 5000
/* A batch of the log is no larger than a segment of it, which is 1 MiB. What is left out is for the id and for what the
 * record of the end has more. */
#define PARTITIONS_BYTES_MAX ((size_t)896 << 10)

static bool has_all(const struct transaction *transaction, const struct transaction_add *add)
{
    for (size_t i = 0; i < add->count; i++) {
        if (!transaction_partitions_has(&transaction->partitions, add->partitions[i].topic,
                                        add->partitions[i].partition))
            return false;
    }
    return transaction->values.state == TRANSACTION_ONGOING;
}

static enum kafka_error check(const struct transaction *transaction, const struct transaction_add *add)
{
    if (transaction->values.producer_id != add->producer_id)
        return KAFKA_INVALID_PRODUCER_ID_MAPPING;
    return transaction->values.producer_epoch != add->producer_epoch ? KAFKA_PRODUCER_FENCED : KAFKA_NONE;
}

static int collect(const struct transaction_calls *calls, struct memory *memory,
                   struct transaction_partitions *partitions)
{
    int rc = 0;
    for (struct transaction_call *call = calls->first; call != NULL && rc == 0; call = call->next) {
        const struct transaction_add *add = CONTAINER_OF(call, struct transaction_add, call);
        for (size_t i = 0; i < add->count && rc == 0; i++)
            rc = transaction_partitions_add(partitions, memory, add->partitions[i].topic, add->partitions[i].partition);
    }
    return rc;
}

static void refuse(struct transaction_coordinator *coordinator, struct transaction_calls *calls, enum kafka_error error)
{
    struct transaction_call *call;
    while ((call = transaction_calls_take(calls)) != NULL)
        transaction_answer(coordinator, call, error);
}

/* They are all of the transaction's producer. */
static void write_added(struct transaction *transaction, struct transaction_calls *calls)
{
    struct transaction_coordinator *coordinator = transaction->coordinator;
    const struct transaction_add *first = CONTAINER_OF(calls->first, struct transaction_add, call);
    struct transaction_values values = transaction->values;
    struct transaction_partitions partitions;
    int rc = transaction_partitions_copy(&partitions, &transaction->partitions, coordinator->memory);
    if (rc == 0)
        rc = collect(calls, coordinator->memory, &partitions);
    bool fits = rc == 0 && transaction_partitions_size(&partitions) <= PARTITIONS_BYTES_MAX;
    if (!fits || !transaction_has_room(coordinator)) {
        transaction_partitions_close(&partitions, coordinator->memory);
        refuse(coordinator, calls, KAFKA_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    if (values.state != TRANSACTION_ONGOING)
        values.started_at = coordinator->time.wall;
    values.state = TRANSACTION_ONGOING;
    values.previous_producer_id = values.producer_id;
    values.protocol = first->protocol;
    values.updated_at = coordinator->time.wall;
    transaction_change(transaction, &values, &partitions, calls, KAFKA_NONE);
}

/* In order: behind one that is to be written nobody is done before it, or a producer's batches would change places. */
void transaction_run_waiting(struct transaction *transaction)
{
    struct transaction_calls to_write;
    struct transaction_call *call;
    if (transaction_is_busy(transaction))
        return;
    transaction_calls_init(&to_write);
    while ((call = transaction_calls_take(&transaction->waiting)) != NULL) {
        const struct transaction_add *add = CONTAINER_OF(call, struct transaction_add, call);
        enum kafka_error error = check(transaction, add);
        if (error == KAFKA_NONE && (to_write.first != NULL || !has_all(transaction, add)))
            transaction_calls_add(&to_write, call);
        else
            transaction_answer(transaction->coordinator, call, error);
    }
    if (to_write.first != NULL)
        write_added(transaction, &to_write);
}

void transaction_refuse_waiting(struct transaction *transaction, enum kafka_error error)
{
    refuse(transaction->coordinator, &transaction->waiting, error);
}

void transaction_expire_waiting(struct transaction *transaction)
{
    struct transaction_coordinator *coordinator = transaction->coordinator;
    struct transaction_calls all;
    struct transaction_call *call;
    transaction_calls_init(&all);
    transaction_calls_move(&all, &transaction->waiting);
    while ((call = transaction_calls_take(&all)) != NULL) {
        const struct transaction_add *add = CONTAINER_OF(call, struct transaction_add, call);
        if (add->give_up_at <= coordinator->time.steady) {
            transaction_answer(coordinator, call, KAFKA_CONCURRENT_TRANSACTIONS);
            continue;
        }
        transaction_calls_add(&transaction->waiting, call);
        transaction_note_wake(coordinator, add->give_up_at);
    }
}

static void run(struct transaction *transaction, struct transaction_add *add)
{
    struct transaction_coordinator *coordinator = transaction->coordinator;
    if (transaction_is_busy(transaction) && (!add->waits || coordinator->is_stopping)) {
        transaction_answer(coordinator, &add->call, KAFKA_CONCURRENT_TRANSACTIONS);
        return;
    }
    add->give_up_at = coordinator->time.steady + PATIENCE_MS;
    transaction_calls_add(&transaction->waiting, &add->call);
    if (transaction_is_busy(transaction))
        transaction_note_wake(coordinator, add->give_up_at);
    else
        transaction_run_waiting(transaction);
}

void transaction_coordinator_add(struct transaction_coordinator *coordinator, struct transaction_add *add,
                                 struct transaction_time now)
{
    struct transaction *transaction = transaction_find(coordinator, add->transactional_id);
    coordinator->time = now;
    add->call.tell = NULL;
    if (add->transactional_id.size == 0)
        transaction_answer(coordinator, &add->call, KAFKA_INVALID_REQUEST);
    else if (coordinator->has_given_up)
        transaction_answer(coordinator, &add->call, KAFKA_COORDINATOR_NOT_AVAILABLE);
    else if (transaction == NULL)
        transaction_answer(coordinator, &add->call, KAFKA_INVALID_PRODUCER_ID_MAPPING);
    else
        run(transaction, add);
    transaction_give_answers(coordinator);
}

enum kafka_error transaction_coordinator_verify(const struct transaction_coordinator *coordinator,
                                                slice transactional_id, int64_t producer_id, int16_t producer_epoch,
                                                slice topic, int32_t partition)
{
    const struct transaction *transaction = transaction_find(coordinator, transactional_id);
    if (transactional_id.size == 0)
        return KAFKA_INVALID_REQUEST;
    if (coordinator->has_given_up)
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    if (transaction == NULL || transaction->values.producer_id != producer_id)
        return KAFKA_INVALID_PRODUCER_ID_MAPPING;
    if (transaction->values.producer_epoch != producer_epoch)
        return KAFKA_PRODUCER_FENCED;
    if (transaction->is_ending)
        return KAFKA_CONCURRENT_TRANSACTIONS;
    bool is_in = transaction_partitions_has(&transaction->partitions, topic, partition);
    return is_in ? KAFKA_NONE : KAFKA_TRANSACTION_ABORTABLE;
}
