/* Calls of the coordinator of transactions: memory of their caller, who keeps them, and what they borrow, until `done`.
 * That is called once, perhaps from within the call that began it. */
#pragma once

#include "kafka/error_code.h"
#include "slice.h"

struct transaction_coordinator;
struct transaction_values;

/* The part that all calls have. */
struct transaction_call {
    void (*done)(struct transaction_call *call);
    void *context;
    enum kafka_error error; /* found */

    /* Private */
    struct transaction_call *next;
    void (*run)(struct transaction_coordinator *coordinator, struct transaction_call *call); /* from the beginning */
    void (*tell)(struct transaction_call *call, const struct transaction_values *values);    /* what is found */
    int64_t taken_id; /* a producer id that was taken for it; -1: none */
};

struct transaction_partition {
    slice topic;
    int32_t partition;
};

/* Which protocol of transactions a producer speaks, as its request's version tells: CLASSIC adds partitions by itself
 * and keeps its epoch; EPOCHS (transaction.version 2) has them added by its first Produce, and gets a new epoch with
 * each EndTxn. */
enum transaction_protocol { TRANSACTION_CLASSIC = 0, TRANSACTION_EPOCHS = 2 };

/* A producer begins, or begins anew: older ones of its transactional id are fenced, what they left open is aborted
 * (CONCURRENT_TRANSACTIONS: to be asked again until that is done). */
struct transaction_init {
    struct transaction_call call;
    slice transactional_id;
    int32_t timeout_ms;
    int64_t producer_id; /* asked: what the producer holds, -1: nothing (KIP-360); found when there is no error */
    int16_t producer_epoch;
};

/* Partitions join the producer's transaction, which begins with the first. */
struct transaction_add {
    struct transaction_call call;
    slice transactional_id;
    int64_t producer_id;
    int16_t producer_epoch;
    enum transaction_protocol protocol;
    /* While the last transaction is still being ended, wait for that, a few seconds at most; else it is
     * CONCURRENT_TRANSACTIONS at once. */
    bool waits;
    const struct transaction_partition *partitions;
    size_t count;

    int64_t give_up_at; /* private: ms, steady */
};

/* The transaction is committed or aborted: decided, and durably so, when it is done. */
struct transaction_end {
    struct transaction_call call;
    slice transactional_id;
    int64_t producer_id; /* asked; found when there is no error: with what the next transaction begins */
    int16_t producer_epoch;
    bool commits; /* else it is aborted */
    enum transaction_protocol protocol;
};
