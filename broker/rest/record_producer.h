/* Records on their way into one topic: put into batches by partition, appended together, each with its result.
 *
 *     producer = record_producer_make(&settings);
 *     record_producer_add(producer, &record);          copies it
 *     record_producer_send(producer, done, context);   done later, never at once
 *     record_producer_result(producer, i);
 *     record_producer_free(producer);
 *
 * A record without a partition goes where its key's hash says (partitioner.h); without a key too, all go to the one
 * that `start` names. Batches are cut at a size that the topic takes, by the records' sizes alone.
 *
 * One that the topic refuses (a partition that is not there, a missing key, a timestamp out of bounds) has that as its
 * result, and does not touch the others. Those of one batch are written all or none.
 *
 * With an identity, a request that is sent a second time is written once: batches carry a producer id that is made of
 * the client's key, and sequences counted from 0, so that the log itself knows them again, whole or in part, also after
 * a restart. What bounds this is what bounds Kafka's idempotent producers (producer.id.expiration.ms, and how many of
 * them a partition remembers). The batches of the second time must be those of the first: the records and the number of
 * partitions are all that they depend on. */
#pragma once

#include "operations/append.h"
#include "rest/record_parse.h"

struct server;

struct record_identity {
    int64_t producer_id;
    int32_t *sequences; /* the next of each partition */
};

struct record_producer_settings {
    struct server *server;
    struct topic *topic; /* held until the producer is freed */
    int32_t partitions;  /* as many of the topic's are used */
    uint32_t start;      /* where records without a key go, modulo `partitions` */
    enum append_acks acks;
    struct record_identity *identity; /* borrowed; NULL: none */
};

struct produced {
    enum kafka_error error;
    slice words; /* may be null; valid until the producer is freed */
    int32_t partition;
    int64_t offset;    /* -1 on error, and of what was written before so long ago that only that is known */
    int64_t timestamp; /* ms; -1: none */
};

struct record_producer;

/* The producer id for a client's Idempotency-Key: none that was ever handed out. */
int64_t record_identity_of(slice key);

/* NULL without memory. */
struct record_producer *record_producer_make(const struct record_producer_settings *settings);
/* Not while it is under way. */
void record_producer_free(struct record_producer *producer);

/* -ENOMEM: it was not taken. *refused: KAFKA_NONE, or why this record will not be written, with *words. */
MUST_USE int record_producer_add(struct record_producer *producer, const struct parsed_record *record,
                                 enum kafka_error *refused, slice *words);
const struct topic *record_producer_topic(const struct record_producer *producer);
size_t record_producer_count(const struct record_producer *producer); /* records, refused ones included */
size_t record_producer_bytes(const struct record_producer *producer); /* of keys, values and headers; deterministic */
size_t record_producer_held(const struct record_producer *producer);  /* bytes of memory */

/* `done` may free the producer. */
void record_producer_send(struct record_producer *producer, void (*done)(void *context), void *context);

/* The i-th record added. */
struct produced record_producer_result(const struct record_producer *producer, size_t i);
