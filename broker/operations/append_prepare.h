/* Private to append: looking into the records of a batch, and making it anew in the topic's codec. Values only, for any
 * thread. */
#pragma once

#include "batch.h"
#include "jobs.h"
#include "topic_config.h"
#include "writer.h"

#define APPEND_BAD_RECORDS_MAX 32

struct append_bad_record {
    int32_t index;
    bool has_no_key; /* else its timestamp is out of range */
    int64_t timestamp;
};

/* What the records must be like, and what was found. */
struct append_inspection {
    bool keys_required;
    int64_t oldest; /* ms; create times must lie between these two */
    int64_t newest;

    struct append_bad_record bad[APPEND_BAD_RECORDS_MAX]; /* the first ones */
    int32_t bad_count;                                    /* of those listed */
    int64_t max_timestamp;
};

/* Walks an uncompressed batch. Errors: of batch_iterator_next. */
MUST_USE int append_inspect(slice batch, struct append_inspection *inspection, struct error *error);

struct append_preparation {
    struct job job; /* the caller's */
    void *context;  /* the caller's */
    struct append_inspection inspection;
    bool recompress;

    /* Found */
    int status;
    struct error error;
    writer output; /* with recompress: the new batch */

    /* Private */
    struct memory *memory;
    slice batch;
    size_t max_uncompressed;
    enum codec codec;
    int level;
};

/* NULL when out of memory. The batch is borrowed until it was executed. What it may become is a share of memory_limit,
 * in bytes, but never less than twice its own size; a larger one fails with FURROW_TOO_LARGE. */
struct append_preparation *append_preparation_create(struct memory *memory, size_t memory_limit, slice batch,
                                                     const struct topic_config *config, bool recompress,
                                                     const struct append_inspection *inspection);
void append_preparation_execute(struct append_preparation *preparation);
void append_preparation_destroy(struct append_preparation *preparation);
