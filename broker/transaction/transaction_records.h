/* The records of __transaction_state, in Kafka's own schema (protocol/kafka/messages/transaction_records.txt; value
 * version 1, which its kafka-dump-log reads). */
#pragma once

#include "arena.h"
#include "batch_builder.h"
#include "transaction/transaction_call.h"
#include "transaction/transaction_partitions.h"

/* Kafka's numbers. */
enum transaction_state {
    TRANSACTION_EMPTY = 0,
    TRANSACTION_ONGOING = 1,
    TRANSACTION_PREPARE_COMMIT = 2, /* decided; markers are on their way */
    TRANSACTION_PREPARE_ABORT = 3,
    TRANSACTION_COMPLETE_COMMIT = 4,
    TRANSACTION_COMPLETE_ABORT = 5,
};
#define TRANSACTION_STATES 6

/* As Kafka shows it: "Ongoing". */
const char *transaction_state_text(enum transaction_state state);

/* What a record says of a transactional id, but for its partitions. */
struct transaction_values {
    int64_t producer_id;
    int64_t previous_producer_id; /* -1: none, or not known */
    int64_t next_producer_id;     /* PREPARE_*: given out when the transaction has ended, for the epochs are used up */
    int16_t producer_epoch;       /* -1: none was given out */
    int16_t last_producer_epoch;  /* that a producer may still name when it begins anew; -1: none. Not in the record */
    int32_t timeout_ms;
    enum transaction_state state;
    enum transaction_protocol protocol;
    int64_t started_at; /* ms, wall clock; -1: no transaction yet */
    int64_t updated_at;
};

MUST_USE int transaction_records_add(struct batch_builder *builder, int64_t now, slice transactional_id,
                                     const struct transaction_values *values,
                                     const struct transaction_partitions *partitions);
MUST_USE int transaction_records_add_tombstone(struct batch_builder *builder, int64_t now, slice transactional_id);

/* What a record says; it borrows from the record and the arena, but for the partitions, which are the caller's to
 * close. */
struct transaction_record {
    slice transactional_id; /* null: of a kind that is not known here; to be passed over */
    bool is_tombstone;
    struct transaction_values values;
    struct transaction_partitions partitions;
};

/* FURROW_MALFORMED, FURROW_WRONG_VERSION, -ENOMEM: there are no partitions to be closed. */
MUST_USE int transaction_records_parse(slice key, slice value, struct arena *arena, struct memory *memory,
                                       struct transaction_record *record);
