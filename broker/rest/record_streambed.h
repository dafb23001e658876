/* A record in Streambed's form:
 *
 *     {"topic":"ns:t","headers":[{"key":"h","value":"AQI="}],"timestamp":"2026-11-21T22:44:41.123Z","key":17,
 *      "value":"AQI=","partition":0,"offset":17}
 *
 * `headers` is null without any; `timestamp` is left out where the record has none that its clients can read. A key is
 * a number of 64 bits without a sign: the 8 bytes of a Kafka key, big-endian. What the form cannot hold - a key of
 * another size or none, no value, a header without one - its clients cannot take: such records are left out. */
#pragma once

#include "rest/record_pass.h"

struct record_streambed {
    size_t most;       /* bytes of the page, chunks' ends and all; the first record is taken whatever it has */
    bool is_last_only; /* nothing is written, it is only looked for */
    int32_t taken;
    int64_t last_offset; /* taken; -1: none */
    uint64_t left_out;
};

/* A record_form hook (record_pass.h); `context` is a struct record_streambed. Each record is a chunk of HTTP's. */
enum record_verdict record_streambed_write(void *context, struct json_document *document,
                                           const struct record_part *part, const struct record *record, writer *w);

#define STREAMBED_KEY_SIZE 8
