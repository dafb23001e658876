/* What requests that write for a transaction have in common (Produce, TxnOffsetCommit): which protocol of transactions
 * their version speaks, and what that version calls the answers of the transactions' coordinator. */
#pragma once

#include "kafka/error_code.h"

enum transactional_version {
    TRANSACTIONAL_FIRST,     /* knows no TRANSACTION_ABORTABLE */
    TRANSACTIONAL_ABORTABLE, /* KIP-890's first part */
    TRANSACTIONAL_ADDS,      /* transaction.version 2: a partition joins with what is first written to it */
};

/* Of a partition that was verified, or added, before it is written to. Producers of the older versions try again only
 * what they know, so some are told NOT_ENOUGH_REPLICAS. */
static inline enum kafka_error transactional_error(enum kafka_error error, enum transactional_version version)
{
    switch (error) {
    case KAFKA_PRODUCER_FENCED:
        return KAFKA_INVALID_PRODUCER_EPOCH;
    case KAFKA_TRANSACTION_ABORTABLE:
        return version == TRANSACTIONAL_FIRST ? KAFKA_INVALID_TXN_STATE : error;
    case KAFKA_CONCURRENT_TRANSACTIONS:
        return version == TRANSACTIONAL_ADDS ? error : KAFKA_NOT_ENOUGH_REPLICAS;
    case KAFKA_COORDINATOR_LOAD_IN_PROGRESS:
    case KAFKA_COORDINATOR_NOT_AVAILABLE:
    case KAFKA_NOT_COORDINATOR:
        return KAFKA_NOT_ENOUGH_REPLICAS;
    default:
        return error;
    }
}
