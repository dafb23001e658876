/* What the load generator can do; load.c has the command line.
 *
 * Everything ends the program on an error code, a closed connection or an answer that is none. */
#pragma once

#include "clock.h"
#include "frame.h"

#define LOAD_CONNECTIONS_MAX 4096
#define LOAD_LATENCIES_MAX   ((size_t)4 << 20)
#define LOAD_FETCH_WAIT_MS   500

struct load_options {
    uint16_t port;
    int connections;
    int in_flight;      /* requests per connection; fetches go one at a time */
    int32_t partitions; /* of the topic: produced to in turn; the others use the first alone */
    int16_t acks;
    struct bench_batch batch;
    const char *topic;
    const char *setting; /* of a topic that is created, "key=value"; NULL: none */
    uint64_t requests;   /* in all; 0: until the time is over */
    double seconds;      /* 0: until the requests are answered */
    double rate;         /* paced: requests per second */
    int64_t offset;      /* fetches start here */
    int64_t end_offset;  /* and end here, on each connection */
    int32_t max_bytes;   /* of an answer's records */
    bool until_read;     /* startup: not only until it answers, but until the last partition is read from */
};

struct load_result {
    uint64_t requests; /* answered, all without an error */
    uint64_t records;
    uint64_t bytes; /* of whole batches */
    double seconds;
    struct latencies latencies; /* from the request's first byte sent to its answer's last byte */
};

_Noreturn void load_fail(const char *what, const char *why);

/* Many connections, many requests under way. */
void load_produce(const struct load_options *options, struct load_result *result);
void load_fetch(const struct load_options *options, struct load_result *result);

/* One request after the other.
 * round_trip: one connection produces, another waits for the record in a fetch. The topic ends at `offset`. The latency
 *   is from the record's first byte sent to the consumer's answer received.
 * first_read: each time a new connection, greeted with ApiVersions, then a fetch of `offset`. The latency begins before
 *   the connection.
 * paced: `rate` records a second, produced one by one. */
void load_round_trip(const struct load_options *options, struct load_result *result);
void load_first_read(const struct load_options *options, struct load_result *result);
void load_paced(const struct load_options *options, struct load_result *result);

/* Once. await_leaders returns when all partitions can be read from; create_topic waits for it. */
void load_await_leaders(const struct load_options *options);
void load_create_topic(const struct load_options *options);
void load_stay_idle(const struct load_options *options);
void load_start_up(const struct load_options *options, char **command);
