/* InitProducerId: a producer begins, or begins anew (KIP-360). */
#include "transaction/transaction_private.h"

#include "container.h"

static void tell(struct transaction_call *call, const struct transaction_values *values)
{
    struct transaction_init *init = CONTAINER_OF(call, struct transaction_init, call);
    init->producer_id = values->producer_id;
    init->producer_epoch = values->producer_epoch;
}

static bool names_producer(const struct transaction_init *init)
{
    return init->producer_id != NO_PRODUCER_ID;
}

/* Of one that names what it holds: whether it is the last one, or may not have heard of its new producer id. */
static bool is_last_producer(const struct transaction_values *values, const struct transaction_init *init)
{
    return values->producer_epoch == NO_PRODUCER_EPOCH || init->producer_id == values->producer_id ||
           (init->producer_id == values->previous_producer_id && transaction_epoch_exhausted(init->producer_epoch));
}

/* A new producer id, for the epochs of the old one are used up. */
static void rotate(const struct transaction_init *init, struct transaction_values *values)
{
    values->last_producer_epoch = names_producer(init) ? values->producer_epoch : NO_PRODUCER_EPOCH;
    values->producer_id = init->call.taken_id;
    values->producer_epoch = 0;
}

static enum kafka_error bump(const struct transaction_init *init, struct transaction_values *values)
{
    int16_t epoch = values->producer_epoch;
    if (transaction_epoch_exhausted(epoch))
        return KAFKA_UNKNOWN_SERVER_ERROR; /* as Kafka: it names another epoch than the last */
    if (!names_producer(init)) {
        values->producer_epoch++;
        values->last_producer_epoch = NO_PRODUCER_EPOCH;
    } else if (epoch == NO_PRODUCER_EPOCH || init->producer_epoch == epoch) {
        values->producer_epoch++;
        values->last_producer_epoch = epoch;
    } else if (init->producer_epoch != values->last_producer_epoch) {
        return KAFKA_PRODUCER_FENCED;
    }
    return KAFKA_NONE; /* else: a retry, whose answer was lost */
}

static void begin(struct transaction *transaction, struct transaction_init *init)
{
    struct transaction_coordinator *coordinator = transaction->coordinator;
    struct transaction_values values = transaction->values;
    struct transaction_partitions none = TRANSACTION_PARTITIONS_NONE;
    struct transaction_calls calls;
    bool rotates = transaction_epoch_exhausted(values.producer_epoch) &&
                   (!names_producer(init) || init->producer_epoch == values.producer_epoch);
    if (rotates && init->call.taken_id == NO_PRODUCER_ID) {
        transaction_take_id(coordinator, &init->call);
        return;
    }
    values.previous_producer_id = values.producer_id;
    enum kafka_error error = KAFKA_NONE;
    if (rotates)
        rotate(init, &values);
    else
        error = bump(init, &values);
    if (error != KAFKA_NONE) {
        transaction_answer(coordinator, &init->call, error);
        return;
    }
    values.state = TRANSACTION_EMPTY;
    values.timeout_ms = init->timeout_ms;
    values.started_at = -1;
    values.updated_at = coordinator->time.wall;
    transaction_calls_init(&calls);
    transaction_calls_add(&calls, &init->call);
    transaction_change(transaction, &values, &none, &calls, KAFKA_NONE);
}

static void run_known(struct transaction *transaction, struct transaction_init *init)
{
    struct transaction_coordinator *coordinator = transaction->coordinator;
    if (transaction_is_busy(transaction))
        transaction_answer(coordinator, &init->call, KAFKA_CONCURRENT_TRANSACTIONS);
    else if (names_producer(init) && !is_last_producer(&transaction->values, init))
        transaction_answer(coordinator, &init->call, KAFKA_PRODUCER_FENCED);
    else if (transaction->values.state == TRANSACTION_ONGOING)
        transaction_decide(transaction, false, TRANSACTION_EPOCHS, NO_PRODUCER_ID, &init->call,
                           KAFKA_CONCURRENT_TRANSACTIONS);
    else
        begin(transaction, init);
}

static void run_new(struct transaction_coordinator *coordinator, struct transaction_init *init)
{
    bool is_full = coordinator->count >= coordinator->limits->max_transactions || !transaction_has_room(coordinator);
    if (is_full) {
        transaction_answer(coordinator, &init->call, KAFKA_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    if (init->call.taken_id == NO_PRODUCER_ID) {
        transaction_take_id(coordinator, &init->call);
        return;
    }
    struct transaction *transaction = transaction_create(coordinator, init->transactional_id);
    if (transaction == NULL) {
        transaction_answer(coordinator, &init->call, KAFKA_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    transaction->values.producer_id = init->call.taken_id;
    begin(transaction, init);
}

static void run(struct transaction_coordinator *coordinator, struct transaction_call *call)
{
    struct transaction_init *init = CONTAINER_OF(call, struct transaction_init, call);
    struct transaction *transaction = transaction_find(coordinator, init->transactional_id);
    if (coordinator->has_given_up)
        transaction_answer(coordinator, call, KAFKA_COORDINATOR_NOT_AVAILABLE);
    else if (transaction != NULL)
        run_known(transaction, init);
    else
        run_new(coordinator, init);
}

void transaction_coordinator_init(struct transaction_coordinator *coordinator, struct transaction_init *init,
                                  struct transaction_time now)
{
    coordinator->time = now;
    init->call.run = run;
    init->call.tell = tell;
    init->call.taken_id = NO_PRODUCER_ID;
    if (init->transactional_id.size == 0)
        transaction_answer(coordinator, &init->call, KAFKA_INVALID_REQUEST);
    else if (init->timeout_ms <= 0 || init->timeout_ms > coordinator->limits->max_timeout_ms)
        transaction_answer(coordinator, &init->call, KAFKA_INVALID_TRANSACTION_TIMEOUT);
    else
        run(coordinator, &init->call);
    transaction_give_answers(coordinator);
}
