/* uthash's table comes from the ledger too: every function that changes it has `coordinator` in scope. */
#define HASH_NONFATAL_OOM        1
#define uthash_malloc(size)      memory_alloc(coordinator->memory, MEMORY_TRANSACTIONS, size)
#define uthash_free(block, size) memory_free(coordinator->memory, MEMORY_TRANSACTIONS, block, size)
#include "transaction/transaction_private.h"

#include <errno.h>

/* ---- the table ---- */

struct transaction *transaction_find(const struct transaction_coordinator *coordinator, slice id)
{
    struct transaction *transaction = NULL;
    HASH_FIND(by_id, coordinator->transactions, id.data, id.size, transaction);
    return transaction;
}

bool transaction_has_room(const struct transaction_coordinator *coordinator)
{
    return atomic_load(&coordinator->memory->counts[MEMORY_TRANSACTIONS].bytes) < coordinator->limits->memory_bytes;
}

struct transaction *transaction_create(struct transaction_coordinator *coordinator, slice id)
{
    struct transaction *transaction =
        memory_alloc_zeroed(coordinator->memory, MEMORY_TRANSACTIONS, sizeof *transaction + id.size);
    if (transaction == NULL)
        return NULL;
    transaction->coordinator = coordinator;
    transaction->id = slice_of(transaction + 1, id.size);
    memcpy(transaction + 1, id.data, id.size);
    transaction->values = (struct transaction_values){.producer_id = NO_PRODUCER_ID,
                                                      .previous_producer_id = NO_PRODUCER_ID,
                                                      .next_producer_id = NO_PRODUCER_ID,
                                                      .producer_epoch = NO_PRODUCER_EPOCH,
                                                      .last_producer_epoch = NO_PRODUCER_EPOCH,
                                                      .started_at = -1,
                                                      .updated_at = coordinator->time.wall};
    transaction_calls_init(&transaction->waiting);
    HASH_ADD_KEYPTR(by_id, coordinator->transactions, transaction->id.data, transaction->id.size, transaction);
    if (transaction->by_id.tbl == NULL) {
        memory_free(coordinator->memory, MEMORY_TRANSACTIONS, transaction, sizeof *transaction + id.size);
        return NULL;
    }
    coordinator->count++;
    return transaction;
}

static void free_one(struct transaction *transaction)
{
    struct memory *memory = transaction->coordinator->memory;
    transaction_partitions_close(&transaction->partitions, memory);
    memory_free(memory, MEMORY_TRANSACTIONS, transaction, sizeof *transaction + transaction->id.size);
}

void transaction_free_if_gone(struct transaction *transaction)
{
    struct transaction **at = &transaction->coordinator->gone;
    if (!transaction->is_gone || transaction->change != NULL || transaction->is_ending)
        return;
    while (*at != transaction)
        at = &(*at)->next_gone;
    *at = transaction->next_gone;
    free_one(transaction);
}

void transaction_remove(struct transaction *transaction)
{
    struct transaction_coordinator *coordinator = transaction->coordinator;
    HASH_DELETE(by_id, coordinator->transactions, transaction);
    coordinator->count--;
    transaction_refuse_waiting(transaction, KAFKA_NOT_COORDINATOR);
    transaction->is_gone = true;
    transaction->next_gone = coordinator->gone;
    coordinator->gone = transaction;
    transaction_free_if_gone(transaction);
}

bool transaction_is_busy(const struct transaction *transaction)
{
    return transaction->change != NULL || transaction->is_ending;
}

bool transaction_epoch_exhausted(int16_t epoch)
{
    return epoch >= INT16_MAX - 1;
}

/* ---- answers ---- */

void transaction_answer(struct transaction_coordinator *coordinator, struct transaction_call *call,
                        enum kafka_error error)
{
    call->error = error;
    transaction_calls_add(&coordinator->answers, call);
}

/* A client's next request may come in from within: it adds to the list that is being given out. */
void transaction_give_answers(struct transaction_coordinator *coordinator)
{
    struct transaction_call *call;
    if (coordinator->is_answering)
        return;
    coordinator->is_answering = true;
    while ((call = transaction_calls_take(&coordinator->answers)) != NULL)
        call->done(call);
    coordinator->is_answering = false;
}

void transaction_take_id(struct transaction_coordinator *coordinator, struct transaction_call *call)
{
    coordinator->takes++;
    coordinator->store.take_producer_id(coordinator->store.context, call);
}

void transaction_coordinator_took(struct transaction_coordinator *coordinator, struct transaction_call *call,
                                  enum kafka_error error, int64_t producer_id, struct transaction_time now)
{
    coordinator->time = now;
    coordinator->takes--;
    call->taken_id = producer_id;
    if (error != KAFKA_NONE)
        transaction_answer(coordinator, call, error);
    else
        call->run(coordinator, call);
    transaction_give_answers(coordinator);
}

/* ---- life ---- */

int transaction_coordinator_open(struct memory *memory, const struct transaction_limits *limits,
                                 const struct transaction_store *store, struct transaction_coordinator **opened)
{
    struct transaction_coordinator *coordinator = memory_alloc_zeroed(memory, MEMORY_TRANSACTIONS, sizeof *coordinator);
    if (coordinator == NULL)
        return -ENOMEM;
    coordinator->memory = memory;
    coordinator->limits = limits;
    coordinator->store = *store;
    coordinator->wake_at = TRANSACTION_NEVER;
    transaction_calls_init(&coordinator->answers);
    *opened = coordinator;
    return 0;
}

static void remove_all(struct transaction_coordinator *coordinator)
{
    struct transaction *transaction, *next;
    HASH_ITER (by_id, coordinator->transactions, transaction, next)
        transaction_remove(transaction);
}

void transaction_coordinator_close(struct transaction_coordinator *coordinator)
{
    remove_all(coordinator);
    transaction_give_answers(coordinator);
    while (coordinator->gone != NULL) {
        struct transaction *transaction = coordinator->gone;
        coordinator->gone = transaction->next_gone;
        free_one(transaction); /* its markers were not written: the next start does it */
    }
    memory_free(coordinator->memory, MEMORY_TRANSACTIONS, coordinator, sizeof *coordinator);
}

void transaction_coordinator_end_waits(struct transaction_coordinator *coordinator)
{
    struct transaction *transaction, *next;
    coordinator->is_stopping = true;
    HASH_ITER (by_id, coordinator->transactions, transaction, next)
        transaction_refuse_waiting(transaction, KAFKA_NOT_COORDINATOR);
    transaction_give_answers(coordinator);
}

void transaction_coordinator_give_up(struct transaction_coordinator *coordinator)
{
    remove_all(coordinator);
    coordinator->has_given_up = true;
}

void transaction_coordinator_begin_anew(struct transaction_coordinator *coordinator)
{
    remove_all(coordinator);
    coordinator->has_given_up = false;
    transaction_give_answers(coordinator);
}

bool transaction_coordinator_available(const struct transaction_coordinator *coordinator)
{
    return !coordinator->has_given_up;
}

bool transaction_coordinator_idle(const struct transaction_coordinator *coordinator)
{
    return coordinator->appends == 0 && coordinator->takes == 0;
}

/* ---- time ---- */

void transaction_note_wake(struct transaction_coordinator *coordinator, int64_t at)
{
    if (at < coordinator->wake_at)
        coordinator->wake_at = at;
}

int64_t transaction_coordinator_wake_at(const struct transaction_coordinator *coordinator)
{
    return coordinator->wake_at;
}

/* The older producer is fenced: it learns of the abort by its epoch. */
static void abort_timed_out(struct transaction *transaction, int64_t now, bool looks)
{
    bool is_due = transaction->deadline <= now && !transaction_is_busy(transaction);
    if (looks && is_due)
        transaction_decide(transaction, false, TRANSACTION_EPOCHS, NO_PRODUCER_ID, NULL, KAFKA_NONE);
}

void transaction_coordinator_expire(struct transaction_coordinator *coordinator, struct transaction_time now)
{
    struct transaction *transaction, *next;
    bool looks = now.steady >= coordinator->next_abort_at;
    coordinator->time = now;
    if (now.steady < coordinator->wake_at)
        return;
    coordinator->wake_at = TRANSACTION_NEVER;
    if (looks)
        coordinator->next_abort_at = now.steady + coordinator->limits->abort_interval_ms;
    HASH_ITER (by_id, coordinator->transactions, transaction, next) {
        transaction_expire_waiting(transaction);
        if (transaction->values.state != TRANSACTION_ONGOING)
            continue;
        abort_timed_out(transaction, now.steady, looks);
        int64_t at = transaction->deadline;
        transaction_note_wake(coordinator, at > coordinator->next_abort_at ? at : coordinator->next_abort_at);
    }
    transaction_give_answers(coordinator);
}

void transaction_coordinator_clean(struct transaction_coordinator *coordinator, struct transaction_time now)
{
    struct transaction *transaction, *next;
    coordinator->time = now;
    HASH_ITER (by_id, coordinator->transactions, transaction, next) {
        enum transaction_state state = transaction->values.state;
        bool is_open = state == TRANSACTION_ONGOING || transaction_is_busy(transaction);
        int64_t age = coordinator->store.age(coordinator->store.context, transaction->values.updated_at);
        if (!is_open && age >= coordinator->limits->expiration_ms)
            transaction_change_to_nothing(transaction);
    }
    transaction_give_answers(coordinator);
}

/* ---- looking ---- */

uint32_t transaction_coordinator_count(const struct transaction_coordinator *coordinator)
{
    return coordinator->count;
}

const struct transaction *transaction_coordinator_find(const struct transaction_coordinator *coordinator,
                                                       slice transactional_id)
{
    return transaction_find(coordinator, transactional_id);
}

int transaction_coordinator_list(const struct transaction_coordinator *coordinator, transaction_callback *callback,
                                 void *context)
{
    struct transaction *transaction, *next;
    HASH_ITER (by_id, coordinator->transactions, transaction, next) {
        int rc = callback(context, transaction);
        if (rc != 0)
            return rc;
    }
    return 0;
}

slice transaction_id(const struct transaction *transaction)
{
    return transaction->id;
}

const struct transaction_values *transaction_values(const struct transaction *transaction)
{
    return &transaction->values;
}

const struct transaction_partitions *transaction_partitions(const struct transaction *transaction)
{
    return &transaction->partitions;
}
