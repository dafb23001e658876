/* A call of the coordinator of transactions, embedded in each kind of call: memory of its caller, who keeps it until
 * `done`. That is called once, perhaps from within the call that began it. */
#pragma once

#include "kafka/error_code.h"
#include "slice.h"

struct transaction_call {
    void (*done)(struct transaction_call *call);
    void *context;
    enum kafka_error error;        /* found */
    struct transaction_call *next; /* private */
};

struct transaction_partition {
    slice topic;
    int32_t partition;
};

/* Which protocol of transactions a producer speaks, as its request's version tells: CLASSIC adds partitions by itself
 * and keeps its epoch; EPOCHS (transaction.version 2) has them added by its first Produce, and gets a new epoch with
 * each EndTxn. */
enum transaction_protocol { TRANSACTION_CLASSIC = 0, TRANSACTION_EPOCHS = 2 };

/* Partitions join the producer's transaction, which begins with the first. Everything borrowed stays until `done`. */
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
