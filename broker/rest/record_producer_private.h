/* What record_producer.c (records in) and record_producer_send.c (what becomes of them) share. */
#pragma once

#include "batch_builder.h"
#include "rest/record_producer.h"

/* Batches under way, of a partition. */
struct forming_batch {
    struct batch_builder builder;
    writer bytes;
    size_t payload;
    int32_t partition;
    bool was_written_before; /* so long ago that the offsets are not known */
};

#define PLACE_REFUSED UINT32_MAX

/* Where a record's result is. */
struct record_place {
    uint32_t batch; /* PLACE_REFUSED: it is among the refusals */
    int32_t index;  /* in the batch; of a refused one: among the refusals */
    int64_t timestamp;
};

struct record_refusal {
    enum kafka_error error;
    slice words;
};

struct record_producer {
    struct record_producer_settings settings;
    struct memory *memory;
    int64_t now;
    size_t largest; /* payload of a batch with several records */

    struct forming_batch **batches;
    uint32_t batch_count, batch_capacity;
    uint32_t *open; /* by partition: its open batch and 1; 0: none */
    struct record_place *places;
    size_t place_count, place_capacity;
    struct record_refusal *refusals;
    size_t refusal_count, refusal_capacity;
    size_t count;
    size_t bytes; /* payload of all records */
    struct arena arena;

    struct append_part *parts;
    struct append_request append;
    void (*done)(void *context);
    void *context;
};
