/* Reading the log of transactions at start: the last record of a transactional id holds. */
#include "transaction/transaction_private.h"

#include <errno.h>

/* With its commit a producer gave up the epoch before: where the answer was lost with the server, it may begin anew by
 * that. (Kafka fences it.) An abort may be somebody else's, who fenced it; the record does not say. */
static int16_t last_epoch(const struct transaction_values *values)
{
    bool has_committed = values->state == TRANSACTION_PREPARE_COMMIT || values->state == TRANSACTION_COMPLETE_COMMIT;
    bool is_bumped = has_committed && values->protocol == TRANSACTION_EPOCHS && values->producer_epoch > 0;
    return is_bumped ? (int16_t)(values->producer_epoch - 1) : NO_PRODUCER_EPOCH;
}

int transaction_coordinator_load(struct transaction_coordinator *coordinator, slice key, slice value,
                                 struct arena *arena)
{
    struct transaction_record record;
    int rc = transaction_records_parse(key, value, arena, coordinator->memory, &record);
    if (rc != 0 || record.transactional_id.size == 0) {
        transaction_partitions_close(&record.partitions, coordinator->memory);
        return rc;
    }
    transaction_partitions_fold(&record.partitions, coordinator->store.groups_topic);
    struct transaction *transaction = transaction_find(coordinator, record.transactional_id);
    if (record.is_tombstone) {
        if (transaction != NULL)
            transaction_remove(transaction);
        return 0;
    }
    if (transaction == NULL)
        transaction = transaction_create(coordinator, record.transactional_id);
    if (transaction == NULL) {
        transaction_partitions_close(&record.partitions, coordinator->memory);
        return -ENOMEM;
    }
    transaction_partitions_close(&transaction->partitions, coordinator->memory);
    transaction->partitions = record.partitions;
    transaction->values = record.values;
    transaction->values.last_producer_epoch = last_epoch(&record.values);
    return 0;
}

/* Its time goes on from when it began, as far as that is known. */
static void resume_timeout(struct transaction *transaction)
{
    struct transaction_coordinator *coordinator = transaction->coordinator;
    int64_t age = coordinator->store.age(coordinator->store.context, transaction->values.started_at);
    transaction->deadline = coordinator->time.steady + transaction->values.timeout_ms - age;
    transaction_note_wake(coordinator, transaction->deadline);
}

void transaction_coordinator_loaded(struct transaction_coordinator *coordinator, struct transaction_time now)
{
    struct transaction *transaction, *next;
    coordinator->time = now;
    HASH_ITER (by_id, coordinator->transactions, transaction, next) {
        switch (transaction->values.state) {
        case TRANSACTION_ONGOING:
            resume_timeout(transaction);
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
}
