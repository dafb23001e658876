/* Makes one record batch, appended to a writer.
 *
 *     struct batch_builder builder;
 *     batch_builder_open(&builder, &w, &BATCH_OPTIONS_PLAIN);
 *     batch_builder_add(&builder, now, key, value);
 *     int rc = batch_builder_close(&builder, &error);
 *
 * Records are encoded straight into the writer; compressed batches collect them in a buffer of their own first. A
 * failure sticks and is told by batch_builder_close, which then leaves the writer as it was (but failed, if it was the
 * writer that ran out). Between open and close nobody else writes to the writer. */
#pragma once

#include "batch.h"
#include "record.h"
#include "writer.h"

struct batch_options {
    enum codec codec;
    int level;           /* of the codec; codec_default_level(codec) when in doubt */
    int16_t attributes;  /* flags beside the codec: BATCH_TRANSACTIONAL, BATCH_CONTROL, … */
    int64_t base_offset; /* 0 when a producer makes it; the broker stamps it */
    int32_t leader_epoch;
    int64_t producer_id; /* BATCH_NO_PRODUCER_ID: none */
    int16_t producer_epoch;
    int32_t base_sequence;
    bool has_base_timestamp; /* else it is the first record's */
    int64_t base_timestamp;  /* ms; the delete horizon, in a batch with that attribute */
};

/* No compression, no producer, offsets from 0. */
#define BATCH_OPTIONS_PLAIN                                                                                            \
    ((struct batch_options){.leader_epoch = BATCH_NO_LEADER_EPOCH,                                                     \
                            .producer_id = BATCH_NO_PRODUCER_ID,                                                       \
                            .producer_epoch = -1,                                                                      \
                            .base_sequence = BATCH_NO_SEQUENCE})

struct batch_builder {
    struct batch_options options;
    writer *to;
    size_t start;   /* of the batch in `to` */
    writer records; /* of a compressed batch */
    int32_t count;
    int64_t last_offset;    /* base_offset - 1 while empty */
    int64_t base_timestamp; /* the first record's */
    int64_t max_timestamp;
    int status; /* the first failure */
};

void batch_builder_open(struct batch_builder *b, writer *to, const struct batch_options *options);

/* The next record, at the offset after the last one's. */
void batch_builder_add(struct batch_builder *b, int64_t timestamp, slice key, slice value);
void batch_builder_add_with_headers(struct batch_builder *b, int64_t timestamp, slice key, slice value,
                                    const struct record_header *headers, size_t header_count);

/* A record as an iterator gave it, offset, timestamp and headers kept: for rewriting batches. The offset must be above
 * the last one's. */
void batch_builder_add_record(struct batch_builder *b, const struct record *record);

/* Bytes of records so far, before compression. */
size_t batch_builder_size(const struct batch_builder *b);

/* Keeps the last offset of a batch whose last records were dropped by compaction. */
void batch_builder_set_last_offset(struct batch_builder *b, int64_t last_offset);

/* Writes the header and gives back the builder's memory; to be called whether or not it failed.
 * Errors: -ENOMEM, FURROW_TOO_LARGE beyond 2 GiB, FURROW_OUT_OF_RANGE for offsets that go back or deltas that do not
 * fit. */
MUST_USE int batch_builder_close(struct batch_builder *b, struct error *error);
