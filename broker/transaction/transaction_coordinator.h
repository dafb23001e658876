/* The coordinator of transactions: all transactional ids of the server, and their log.
 *
 * Without sockets, files or clocks, like the coordinator of groups: requests come as calls with the time
 * (transaction_call.h); what must be durable goes out as batches of records of __transaction_state by store->append,
 * whose outcome comes back by transaction_coordinator_appended; a decided transaction goes out by store->end, which
 * writes the markers and says so by transaction_coordinator_ended. What a change does is seen when it is durable; until
 * then other calls for the transactional id are CONCURRENT_TRANSACTIONS.
 *
 * The order that makes a decision last: PREPARE_* is durable before anybody is told and before the first marker is
 * written, every marker is durable before COMPLETE_* is written. A start that finds PREPARE_* writes the markers again.
 *
 * Fencing, epochs, retries and errors are Kafka's (KIP-98, KIP-360, KIP-890).
 *
 * Bounds: limits->max_transactions ids and limits->memory_bytes for all of them; beyond these
 * COORDINATOR_NOT_AVAILABLE, which clients try again. */
#pragma once

#include "arena.h"
#include "coordinator_batch.h"
#include "transaction/transaction_call.h"
#include "transaction/transaction_records.h"

struct transaction_coordinator;
struct transaction;

struct transaction_time {
    int64_t steady; /* ms, never goes back: timeouts */
    int64_t wall;   /* ms since 1970: what is written down */
};
#define TRANSACTION_NEVER INT64_MAX

/* A decided transaction. */
struct transaction_ending {
    slice transactional_id;
    int64_t producer_id;
    int16_t producer_epoch; /* of the markers */
    bool commits;
    const struct transaction_partitions *partitions;
    struct transaction_ending *next; /* the store's */
};

struct transaction_store {
    /* All or nothing, in order; transaction_coordinator_appended follows, not from within. */
    void (*append)(void *context, struct coordinator_batch *batch);
    /* transaction_coordinator_ended follows when every marker is durable, not from within; until then the store tries
     * again. Never, when the server stops before. */
    void (*end)(void *context, struct transaction_ending *ending);
    /* transaction_coordinator_took follows, perhaps from within. */
    void (*take_producer_id)(void *context, struct transaction_call *call);
    /* ms that have certainly passed since that moment of the wall clock, whatever it was set to meanwhile. */
    int64_t (*age)(void *context, int64_t since);
    slice groups_topic; /* of a transaction that is loaded, any partition of it is partition 0 here; null: there is none
                         */
    void *context;
};

struct transaction_limits {
    uint32_t max_transactions;
    size_t memory_bytes;
    int32_t max_timeout_ms;    /* transaction.max.timeout.ms */
    int64_t abort_interval_ms; /* transaction.abort.timed.out.transaction.cleanup.interval.ms */
    int64_t expiration_ms;     /* transactional.id.expiration.ms */
};

/* limits is borrowed and may change. */
MUST_USE int transaction_coordinator_open(struct memory *memory, const struct transaction_limits *limits,
                                          const struct transaction_store *store,
                                          struct transaction_coordinator **coordinator);
/* Those who wait are answered NOT_COORDINATOR. No append is under way. */
void transaction_coordinator_close(struct transaction_coordinator *coordinator);
/* Answers those who wait for a transaction to end, and lets nobody wait any more: the server stops. */
void transaction_coordinator_end_waits(struct transaction_coordinator *coordinator);

/* ---- loading: every record of the log in order, then `loaded` ---- */

/* FURROW_MALFORMED and FURROW_WRONG_VERSION name a record that cannot be understood: it is passed over. -ENOMEM. */
MUST_USE int transaction_coordinator_load(struct transaction_coordinator *coordinator, slice key, slice value,
                                          struct arena *arena);
/* What was decided and not ended goes out. */
void transaction_coordinator_loaded(struct transaction_coordinator *coordinator, struct transaction_time now);

/* The log cannot be read: COORDINATOR_NOT_AVAILABLE for all. */
void transaction_coordinator_give_up(struct transaction_coordinator *coordinator);
/* There is no log any more: nothing is known, and all may begin anew. */
void transaction_coordinator_begin_anew(struct transaction_coordinator *coordinator);
bool transaction_coordinator_available(const struct transaction_coordinator *coordinator);

/* ---- calls ---- */

void transaction_coordinator_init(struct transaction_coordinator *coordinator, struct transaction_init *init,
                                  struct transaction_time now);
void transaction_coordinator_add(struct transaction_coordinator *coordinator, struct transaction_add *add,
                                 struct transaction_time now);
void transaction_coordinator_end(struct transaction_coordinator *coordinator, struct transaction_end *end,
                                 struct transaction_time now);
/* Whether the partition is in the producer's transaction: TRANSACTION_ABORTABLE when it is not. */
enum kafka_error transaction_coordinator_verify(const struct transaction_coordinator *coordinator,
                                                slice transactional_id, int64_t producer_id, int16_t producer_epoch,
                                                slice topic, int32_t partition);

/* ---- the store's answers ---- */

void transaction_coordinator_appended(struct transaction_coordinator *coordinator, struct coordinator_batch *batch,
                                      enum kafka_error error, struct transaction_time now);
void transaction_coordinator_ended(struct transaction_coordinator *coordinator, struct transaction_ending *ending,
                                   struct transaction_time now);
void transaction_coordinator_took(struct transaction_coordinator *coordinator, struct transaction_call *call,
                                  enum kafka_error error, int64_t producer_id, struct transaction_time now);
/* Nothing is on its way to the log, and nobody waits for a producer id. */
bool transaction_coordinator_idle(const struct transaction_coordinator *coordinator);

/* ---- time ---- */

/* ms, steady: when to call expire; TRANSACTION_NEVER. After any other call it may be earlier than before. */
int64_t transaction_coordinator_wake_at(const struct transaction_coordinator *coordinator);
/* Aborts what has outlived its timeout. */
void transaction_coordinator_expire(struct transaction_coordinator *coordinator, struct transaction_time now);
/* Forgets transactional ids that nobody has used for expiration_ms. From time to time: it looks at everything. */
void transaction_coordinator_clean(struct transaction_coordinator *coordinator, struct transaction_time now);

/* ---- looking ---- */

uint32_t transaction_coordinator_count(const struct transaction_coordinator *coordinator);
/* NULL when there is none. */
const struct transaction *transaction_coordinator_find(const struct transaction_coordinator *coordinator,
                                                       slice transactional_id);
typedef int transaction_callback(void *context, const struct transaction *transaction);
/* In no order; a non-zero return ends it and is returned. */
int transaction_coordinator_list(const struct transaction_coordinator *coordinator, transaction_callback *callback,
                                 void *context);

slice transaction_id(const struct transaction *transaction);
const struct transaction_values *transaction_values(const struct transaction *transaction);
const struct transaction_partitions *transaction_partitions(const struct transaction *transaction);
