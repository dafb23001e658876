/* What the load generator can do; load.c has the command line. */
#pragma once

#include "clock.h"
#include "frame.h"

#define LOAD_CONNECTIONS_MAX 4096
#define LOAD_LATENCIES_MAX   ((size_t)4 << 20)

struct load_options {
    uint16_t port;
    int connections;
    int in_flight; /* requests per connection; fetches go one at a time */
    int16_t acks;
    struct bench_batch batch;
    const char *topic;
    uint64_t requests;  /* in all; 0: until the time is over */
    double seconds;     /* 0: until the requests are answered */
    int64_t offset;     /* fetches start here */
    int64_t end_offset; /* and end here, on each connection */
    int32_t max_bytes;  /* of an answer's records */
};

struct load_result {
    uint64_t requests; /* answered, all without an error */
    uint64_t records;
    uint64_t bytes; /* of whole batches */
    double seconds;
    struct latencies latencies; /* from the request's first byte sent to its answer's last byte */
};

/* Both end the program on an error code, a closed connection or an answer that is none. */
void load_produce(const struct load_options *options, struct load_result *result);
void load_fetch(const struct load_options *options, struct load_result *result);
