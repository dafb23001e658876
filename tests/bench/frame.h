/* The frames that the benchmark's programs exchange: requests made ahead, answers known ahead.
 *
 * Produce in version 12 and Fetch in version 11: the newest that name the topic (a baseline has no topic ids), and for
 * Fetch the last one whose answer has a fixed length before the records. Memory is never given back; running out of it
 * ends the program. */
#pragma once

#include "kafka/api.h"

#define BENCH_PRODUCE_VERSION 12
#define BENCH_FETCH_VERSION   11
#define BENCH_TOPIC           "bench"
#define BENCH_FRAME_PREFIX    4 /* bytes of the length before each frame */
#define BENCH_CORRELATION_AT  4 /* of an answer's correlation id, prefix included */

struct bench_batch {
    int32_t records;
    int32_t value_size; /* bytes of each record's value; no keys */
};

struct bench_fetch {
    int32_t partition;
    int64_t offset;
    int32_t max_bytes; /* of the answer's records */
    int32_t wait_ms;   /* at most, for one byte to be there */
};

/* Frames are written with their length before them. */
void frame_write_request(writer *w, int16_t key, int16_t version, int32_t correlation_id, const void *body);
void frame_write_produce(writer *w, int32_t correlation_id, int16_t acks, slice topic, int32_t partition, slice batch);
void frame_write_fetch(writer *w, int32_t correlation_id, slice topic, const struct bench_fetch *fetch);
/* setting: one of its configuration, "key=value"; NULL: none. */
void frame_write_create_topic(writer *w, int32_t correlation_id, slice topic, int32_t partitions, const char *setting);
void frame_write_api_versions(writer *w, int32_t correlation_id);

struct bench_appended {
    int64_t base_offset;
    int64_t append_time; /* -1: the producer's */
    int64_t log_start;
};

/* Answers, as a server that does nothing else gives them. In the fetch answer the records are empty: their length is
 * the last four bytes. */
void frame_write_produce_answer(writer *w, int32_t correlation_id, slice topic, int32_t partition,
                                const struct bench_appended *appended);
void frame_write_fetch_answer(writer *w, int32_t correlation_id, slice topic, int64_t high_watermark);

/* One batch whose values look like nothing in particular. */
void frame_write_batch(writer *w, const struct bench_batch *batch);

/* The batch of a produce request of one partition, from behind the client id; the reader fails when there is none. */
slice frame_read_produce(reader *r, int16_t *acks);

/* The first error code in an answer without its length, or 0; -1 when it is none of this API. `size` may end at a fetch
 * answer's records. */
int frame_error_of(int16_t api_key, int16_t version, slice answer);

/* The records in a whole answer to a fetch, without its length; they point into it. As frame_error_of. */
int frame_read_fetch(slice answer, slice *records);

/* A writer that ends the program when memory does. */
void frame_writer_init(writer *w);

/* What an answer must be, but for bytes that may differ. */
struct frame_template {
    size_t size;
    uint8_t *bytes;
    uint8_t *fixed; /* 0xff where the byte must be as in `bytes` */
};

/* Where two answers begin to differ. */
size_t frame_first_difference(slice one, slice other);

/* From two answers of equal length: what differs between them may differ. */
void frame_template_make(struct frame_template *template, slice one, slice other);

static inline bool frame_template_matches(const struct frame_template *template, const uint8_t *bytes)
{
    unsigned difference = 0;
    for (size_t i = 0; i < template->size; i++)
        difference |= (unsigned)(bytes[i] ^ template->bytes[i]) & template->fixed[i];
    return difference == 0;
}
