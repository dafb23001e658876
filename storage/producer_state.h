/* The idempotent producers of one log, as Kafka 4 keeps them (ProducerStateManager).
 *
 * Of each producer id: its epoch and its last five batches, so that a batch sent again is answered with the offset that
 * it got the first time and a gap is refused. Kept in hash order by id, at most max_producers: beyond that those idle
 * longest are forgotten, as are those idle for longer than the expiry. Forgotten ones may start anywhere.
 *
 * A write works on it provisionally. Between producer_state_begin and _commit or _rollback, updates keep what was there
 * before; a failed write rolls all of them back. One run at a time, as a log has one write at a time.
 * producer_state_check sees the provisional updates: a duplicate whose offset is at or past the log's end stands and
 * falls with the write.
 *
 * The snapshot is Kafka's .snapshot file: it has the last batch of each producer only.
 *
 * Times are ms of the caller's choice: now for a live append, the batch's max_timestamp when a log is read again. */
#pragma once

#include "batch.h"
#include "memory.h"
#include "writer.h"

#define PRODUCER_BATCHES           5
#define PRODUCER_SNAPSHOT_MAX_SIZE ((size_t)8 << 20) /* bytes; a larger file is refused */

struct producer_batch {
    int64_t last_offset;
    int32_t offset_delta; /* last offset minus first */
    int32_t last_sequence;
};

struct producer {
    int64_t id;
    int64_t timestamp;         /* ms: when it was last heard of */
    int64_t transaction_start; /* first offset of the open transaction, -1: none */
    int32_t coordinator_epoch; /* of the last marker, -1: none */
    int16_t epoch;
    uint8_t batch_count;                             /* 0 when only a marker was seen in this epoch */
    struct producer_batch batches[PRODUCER_BATCHES]; /* oldest first */
};

struct producer_state;

MUST_USE int producer_state_create(struct memory *memory, uint32_t max_producers, struct producer_state **state);
void producer_state_close(struct producer_state *state);

uint32_t producer_state_count(const struct producer_state *state);
/* NULL when it is not known. Valid until the state changes. */
const struct producer *producer_state_find(const struct producer_state *state, int64_t producer_id);

/* What Kafka answers to a client's batch with a producer id and a sequence; 0: it may be appended.
 *   FURROW_DUPLICATE_SEQUENCE     *base_offset is that of the batch as it was written
 *   FURROW_STALE_PRODUCER_EPOCH   an older epoch than the last one seen
 *   FURROW_OUT_OF_ORDER_SEQUENCE  not the next sequence (0 follows INT32_MAX), or a new epoch that does not start at 0
 *   FURROW_NOT_TRANSACTIONAL      its transaction is open, and the batch does not belong to one
 */
MUST_USE int producer_state_check(const struct producer_state *state, const struct batch_header *header,
                                  int64_t *base_offset, struct error *error);

/* Notes a batch of data that stands at header->base_offset (it has a producer id). Nothing is checked: a log that is
 * read again is believed. A transactional batch opens a transaction when none is open. -ENOMEM: nothing was noted. */
MUST_USE int producer_state_update(struct producer_state *state, const struct batch_header *header, int64_t timestamp);

/* Notes a control batch: the transaction is over, and the marker's epoch counts from now on. */
MUST_USE int producer_state_end_transaction(struct producer_state *state, const struct batch_header *header,
                                            int32_t coordinator_epoch, int64_t timestamp);

/* Puts a producer in as it is, over what is known of its id; not within a run. -ENOMEM: nothing changed. */
MUST_USE int producer_state_restore(struct producer_state *state, const struct producer *producer);

void producer_state_begin(struct producer_state *state);
void producer_state_commit(struct producer_state *state);
void producer_state_rollback(struct producer_state *state);

/* First offset of the earliest open transaction; -1: none. */
int64_t producer_state_first_open_offset(const struct producer_state *state);

/* Forgets producers without an open transaction that were idle for expiry_ms or longer; not within a run. */
void producer_state_expire(struct producer_state *state, int64_t now, int64_t expiry_ms);
/* Forgets all; not within a run. */
void producer_state_clear(struct producer_state *state);

/* A non-zero return ends it and is returned. In no order. */
typedef int producer_callback(void *context, const struct producer *producer);
int producer_state_list(const struct producer_state *state, producer_callback *callback, void *context);
/* As they were before the run. */
int producer_state_list_settled(const struct producer_state *state, producer_callback *callback, void *context);

/* The bytes of a .snapshot file; what is provisional is in it too. */
void producer_state_write(const struct producer_state *state, writer *w);
/* Replaces what is there; only the last batch of each producer is known then. Producers that have expired at `now` are
 * left out. Errors: FURROW_WRONG_VERSION, FURROW_CORRUPT, -ENOMEM: nothing is known then. */
MUST_USE int producer_state_parse(struct producer_state *state, slice snapshot, int64_t now, int64_t expiry_ms,
                                  struct error *error);
