/* The batches of the seeded workload: records with and without keys, tombstones, headers, all codecs. */
#pragma once

#include "seeded_random.h"
#include "workload_model.h"

#define WORKLOAD_PRODUCERS     7
#define WORKLOAD_TRANSACTIONAL 4 /* the first of those that are, where there are transactions */

struct workload_producer {
    int16_t epoch;
    int32_t sequence; /* of its next batch */
    bool in_transaction;
};

struct workload_append {
    struct log_append append;
    struct model_batch batch; /* what the model will know; its header is set when the outcome is known */
};

struct workload_batch_options {
    int64_t now; /* ms */
    uint32_t keys;
    uint32_t longest; /* value, bytes */
    struct compaction_config compaction;
    struct workload_producer *producers; /* their sequences go on */
    bool transactions;                   /* some of the producers have them */
    uint64_t *content;                   /* counts up: no two batches are the same */
};

#define WORKLOAD_HEADER "id"

/* NULL without memory. */
struct workload_append *workload_append_make(struct memory *memory, struct seeded_random *random,
                                             const struct workload_batch_options *options);
/* A batch like one before, as a producer sends it that has not heard the answer. */
struct workload_append *workload_append_again(struct memory *memory, const struct batch_header *last, uint64_t content);
void workload_append_free(struct memory *memory, struct workload_append *append);
