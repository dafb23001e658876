/* What the coordinator's files share; nobody else includes it.
 *
 *     transaction_coordinator.c   the table of transactional ids; time
 *     transaction_change.c        changes on their way to the log, and what follows them
 *     transaction_init.c          InitProducerId
 *     transaction_add.c           partitions join a transaction
 *     transaction_end.c           EndTxn, timeouts
 *     transaction_load.c          reading the log at start */
#pragma once

#include "transaction/transaction_coordinator.h"

#include <uthash.h>

#define NO_PRODUCER_ID    (-1)
#define NO_PRODUCER_EPOCH (-1)

/* Finished calls, in order. */
struct transaction_calls {
    struct transaction_call *first;
    struct transaction_call **tail;
};

static inline void transaction_calls_init(struct transaction_calls *calls)
{
    calls->first = NULL;
    calls->tail = &calls->first;
}

static inline void transaction_calls_add(struct transaction_calls *calls, struct transaction_call *call)
{
    call->next = NULL;
    *calls->tail = call;
    calls->tail = &call->next;
}

/* NULL: there is none. */
static inline struct transaction_call *transaction_calls_take(struct transaction_calls *calls)
{
    struct transaction_call *call = calls->first;
    if (call != NULL)
        calls->first = call->next;
    if (calls->first == NULL)
        calls->tail = &calls->first;
    return call;
}

static inline void transaction_calls_move(struct transaction_calls *to, struct transaction_calls *from)
{
    struct transaction_call *call;
    while ((call = transaction_calls_take(from)) != NULL)
        transaction_calls_add(to, call);
}

struct transaction {
    struct transaction_coordinator *coordinator;
    slice id; /* its own copy */
    struct transaction_values values;
    struct transaction_partitions partitions;
    struct transaction_change *change; /* on its way to the log; NULL: none */
    struct transaction_ending ending;
    bool is_ending;                   /* its markers are being written */
    bool is_gone;                     /* not in the table any more; freed when nothing is under way */
    int64_t deadline;                 /* ms, steady; while ONGOING */
    struct transaction_calls waiting; /* struct transaction_add, for the end of a change or an ending */
    struct transaction *next_gone;
    UT_hash_handle by_id;
};

/* One record of a transactional id on its way to the log, and what holds when it is there. */
struct transaction_change {
    struct coordinator_batch written;
    struct transaction_coordinator *coordinator;
    struct transaction *transaction; /* NULL: it holds already */
    bool removes;                    /* a tombstone */
    struct transaction_values values;
    struct transaction_partitions partitions;
    struct transaction_calls calls; /* who waits for it */
    enum kafka_error success;       /* what they are told then */
    writer bytes;
    struct batch_builder builder;
};

struct transaction_coordinator {
    struct memory *memory;
    const struct transaction_limits *limits;
    struct transaction_store store;
    struct transaction_calls answers;
    bool is_answering;
    struct transaction *transactions;
    struct transaction *gone;
    uint32_t count;
    unsigned appends;             /* under way */
    unsigned takes;               /* of producer ids, under way */
    bool has_given_up;            /* nothing could be loaded */
    bool is_stopping;             /* nobody may wait any more */
    int64_t wake_at;              /* ms, steady */
    int64_t next_abort_at;        /* ms, steady: no timeout is looked at before */
    struct transaction_time time; /* of the call that is being served */
};

/* ---- transaction_coordinator.c ---- */

struct transaction *transaction_find(const struct transaction_coordinator *coordinator, slice id);
/* NULL without memory. */
struct transaction *transaction_create(struct transaction_coordinator *coordinator, slice id);
/* Out of the table; freed now, or when nothing of it is under way. */
void transaction_remove(struct transaction *transaction);
void transaction_free_if_gone(struct transaction *transaction);
bool transaction_has_room(const struct transaction_coordinator *coordinator);
/* A change is under way, or markers. */
bool transaction_is_busy(const struct transaction *transaction);
/* No further epoch may be given out for the producer id. */
bool transaction_epoch_exhausted(int16_t epoch);
void transaction_note_wake(struct transaction_coordinator *coordinator, int64_t at);
/* The call is finished; given out at the end of what is being served. */
void transaction_answer(struct transaction_coordinator *coordinator, struct transaction_call *call,
                        enum kafka_error error);
void transaction_give_answers(struct transaction_coordinator *coordinator);
/* Runs the call again when there is an id. */
void transaction_take_id(struct transaction_coordinator *coordinator, struct transaction_call *call);

/* ---- transaction_change.c ---- */

/* The transaction shall have these values and partitions, which are taken over. calls are taken, too: told `success`
 * when it is durable. Without memory they are answered at once, and a transaction that is new is removed. */
void transaction_change(struct transaction *transaction, const struct transaction_values *values,
                        struct transaction_partitions *partitions, struct transaction_calls *calls,
                        enum kafka_error success);
/* A tombstone, and it is gone. */
void transaction_change_to_nothing(struct transaction *transaction);
/* The markers of a decided transaction. */
void transaction_begin_ending(struct transaction *transaction);

/* ---- transaction_add.c ---- */

/* What has waited is looked at again. */
void transaction_run_waiting(struct transaction *transaction);
/* Those who have waited for too long. */
void transaction_expire_waiting(struct transaction *transaction);
void transaction_refuse_waiting(struct transaction *transaction, enum kafka_error error);

/* ---- transaction_end.c ---- */

/* Decides; next_id is given out at the end, -1: the producer id stays. */
void transaction_decide(struct transaction *transaction, bool commits, enum transaction_protocol protocol,
                        int64_t next_id, struct transaction_call *call, enum kafka_error success);
/* With what it is complete. */
struct transaction_values transaction_completed(const struct transaction_values *values, int64_t now);
