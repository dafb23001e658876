/* The part of Produce that is about transactions: before a transactional batch is appended, its partition must be in
 * the producer's transaction. Up to version 11 the producer has seen to that itself, from version 12 on its first batch
 * does (KIP-890). */
#pragma once

#include "kafka/request.h"
#include "operations/append.h"
#include "operations/transactions.h"

struct produce_transaction {
    /* Asked; the caller's until done */
    struct kafka_request *request;
    struct append_part *parts;
    int32_t count;
    /* Each transactional batch has an error now or is `in_transaction`: to be appended at once. Perhaps from within. */
    void (*done)(struct produce_transaction *transaction);

    /* Private */
    struct transaction_add add;
};

void produce_transaction_start(struct produce_transaction *transaction);
