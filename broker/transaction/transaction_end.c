/* EndTxn, in both protocols of transactions, and what ends a transaction without it. */
#include "transaction/transaction_private.h"

#include "container.h"

void transaction_decide(struct transaction *transaction, bool commits, enum transaction_protocol protocol,
                        int64_t next_id, struct transaction_call *call, enum kafka_error success)
{
    struct transaction_coordinator *coordinator = transaction->coordinator;
    struct transaction_values values = transaction->values;
    struct transaction_partitions partitions;
    struct transaction_calls calls;
    transaction_calls_init(&calls);
    if (call != NULL)
        transaction_calls_add(&calls, call);
    int rc = transaction_partitions_copy(&partitions, &transaction->partitions, coordinator->memory);
    if (rc != 0) {
        if (call != NULL)
            transaction_answer(coordinator, call, KAFKA_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    if (protocol == TRANSACTION_EPOCHS) {
        values.last_producer_epoch = values.producer_epoch;
        if (values.producer_epoch < INT16_MAX)
            values.producer_epoch++;
    }
    if (values.state != TRANSACTION_ONGOING)
        values.started_at = coordinator->time.wall; /* an abort of nothing */
    values.previous_producer_id = values.producer_id;
    values.next_producer_id = next_id;
    values.protocol = protocol;
    values.state = commits ? TRANSACTION_PREPARE_COMMIT : TRANSACTION_PREPARE_ABORT;
    values.updated_at = coordinator->time.wall;
    transaction_change(transaction, &values, &partitions, &calls, success);
}

struct transaction_values transaction_completed(const struct transaction_values *values, int64_t now)
{
    struct transaction_values completed = *values;
    completed.state =
        values->state == TRANSACTION_PREPARE_COMMIT ? TRANSACTION_COMPLETE_COMMIT : TRANSACTION_COMPLETE_ABORT;
    completed.previous_producer_id = values->producer_id;
    if (values->next_producer_id != NO_PRODUCER_ID) {
        completed.producer_id = values->next_producer_id;
        completed.producer_epoch = 0;
    }
    completed.next_producer_id = NO_PRODUCER_ID;
    completed.updated_at = now;
    return completed;
}

static void tell(struct transaction_call *call, const struct transaction_values *values)
{
    struct transaction_end *end = CONTAINER_OF(call, struct transaction_end, call);
    struct transaction_values next = transaction_completed(values, values->updated_at);
    end->producer_id = next.producer_id;
    end->producer_epoch = next.producer_epoch;
}

/* ---- CLASSIC ---- */

static bool was_ended_so(const struct transaction_values *values, bool commits)
{
    return values->state == (commits ? TRANSACTION_COMPLETE_COMMIT : TRANSACTION_COMPLETE_ABORT);
}

static void run_classic(struct transaction *transaction, struct transaction_end *end)
{
    const struct transaction_values *values = &transaction->values;
    enum kafka_error error = KAFKA_INVALID_TXN_STATE;
    if (values->producer_id != end->producer_id)
        error = KAFKA_INVALID_PRODUCER_ID_MAPPING;
    else if (values->producer_epoch != end->producer_epoch)
        error = KAFKA_PRODUCER_FENCED;
    else if (transaction_is_busy(transaction))
        error = KAFKA_CONCURRENT_TRANSACTIONS;
    else if (values->state == TRANSACTION_ONGOING) {
        transaction_decide(transaction, end->commits, TRANSACTION_CLASSIC, NO_PRODUCER_ID, &end->call, KAFKA_NONE);
        return;
    } else if (was_ended_so(values, end->commits)) {
        error = KAFKA_NONE; /* a retry, whose answer was lost */
    }
    transaction_answer(transaction->coordinator, &end->call, error);
}

/* ---- EPOCHS (KIP-890): a retry names the epoch before ---- */

static bool is_retry(const struct transaction_values *values, const struct transaction_end *end)
{
    bool is_rotated = values->previous_producer_id == end->producer_id && end->producer_epoch == INT16_MAX - 1 &&
                      values->producer_epoch == 0;
    bool is_bumped = values->producer_id == end->producer_id && values->producer_epoch == end->producer_epoch + 1;
    bool is_complete = values->state == TRANSACTION_COMPLETE_COMMIT || values->state == TRANSACTION_COMPLETE_ABORT;
    return is_complete && (is_rotated || is_bumped);
}

static void decide_with_epoch(struct transaction *transaction, struct transaction_end *end)
{
    bool rotates = transaction_epoch_exhausted(transaction->values.producer_epoch);
    if (rotates && end->call.taken_id == NO_PRODUCER_ID) {
        transaction_take_id(transaction->coordinator, &end->call);
        return;
    }
    transaction_decide(transaction, end->commits, TRANSACTION_EPOCHS, rotates ? end->call.taken_id : NO_PRODUCER_ID,
                       &end->call, KAFKA_NONE);
}

static void run_with_epochs(struct transaction *transaction, struct transaction_end *end)
{
    struct transaction_coordinator *coordinator = transaction->coordinator;
    const struct transaction_values *values = &transaction->values;
    bool retries = is_retry(values, end);
    /* An abort may also be of a transaction that got no partition yet. */
    bool may_decide = values->state == TRANSACTION_ONGOING || !end->commits;
    if (transaction_is_busy(transaction)) {
        transaction_answer(coordinator, &end->call, KAFKA_CONCURRENT_TRANSACTIONS);
    } else if (values->producer_id != end->producer_id && !retries) {
        transaction_answer(coordinator, &end->call, KAFKA_INVALID_PRODUCER_ID_MAPPING);
    } else if (values->producer_epoch != end->producer_epoch && !retries) {
        transaction_answer(coordinator, &end->call, KAFKA_PRODUCER_FENCED);
    } else if (retries && was_ended_so(values, end->commits)) {
        end->producer_id = values->producer_id;
        end->producer_epoch = values->producer_epoch;
        transaction_answer(coordinator, &end->call, KAFKA_NONE);
    } else if (retries || !may_decide) {
        transaction_answer(coordinator, &end->call, KAFKA_INVALID_TXN_STATE);
    } else {
        decide_with_epoch(transaction, end);
    }
}

/* ---- both ---- */

static void run(struct transaction_coordinator *coordinator, struct transaction_call *call)
{
    struct transaction_end *end = CONTAINER_OF(call, struct transaction_end, call);
    struct transaction *transaction = transaction_find(coordinator, end->transactional_id);
    if (coordinator->has_given_up)
        transaction_answer(coordinator, call, KAFKA_COORDINATOR_NOT_AVAILABLE);
    else if (transaction == NULL)
        transaction_answer(coordinator, call, KAFKA_INVALID_PRODUCER_ID_MAPPING);
    else if (end->protocol == TRANSACTION_EPOCHS)
        run_with_epochs(transaction, end);
    else
        run_classic(transaction, end);
}

void transaction_coordinator_end(struct transaction_coordinator *coordinator, struct transaction_end *end,
                                 struct transaction_time now)
{
    coordinator->time = now;
    end->call.run = run;
    end->call.tell = tell;
    end->call.taken_id = NO_PRODUCER_ID;
    if (end->transactional_id.size == 0)
        transaction_answer(coordinator, &end->call, KAFKA_INVALID_REQUEST);
    else
        run(coordinator, &end->call);
    transaction_give_answers(coordinator);
}
