/* The operations on a simulated disk, with a real loop, a real writer thread and a real pool, and a clock by hand. One
 * topic, "orders". */
#pragma once

#include "batch_builder.h"
#include "file_cache.h"
#include "operations/append.h"
#include "operations/find_offset.h"
#include "operations/read.h"

#define FIXTURE_NOW 1700000000000 /* ms */

struct operations_fixture {
    struct memory memory;
    struct disk *disk;
    struct file_cache *files;
    struct log_environment logs;
    uv_loop_t loop;
    struct jobs jobs;
    struct writer_thread *writer;
    struct topics topics;
    struct topic *topic;
    struct operations operations;
    struct arena arena; /* for requests */
    int64_t now;        /* what the operations take for the time */
    struct error error;
};

/* Kafka's defaults. */
struct topic_config fixture_topic_config(void);

/* 0, or what failed: allocations may be made to fail. */
int operations_fixture_open(struct operations_fixture *f, int32_t partitions, const struct topic_config *config);
/* Ends everything; true when all memory came back. Also after a failed open. */
bool operations_fixture_close(struct operations_fixture *f);

struct partition *fixture_partition(struct operations_fixture *f, int32_t index);

/* Runs the loop until *flag, at most some seconds. */
void fixture_run_until(struct operations_fixture *f, const bool *flag);

/* What a batch is made of; zero for what does not matter. */
struct fixture_batch {
    int32_t records;   /* 0: 1 */
    size_t size;       /* bytes of each value; 0: 10 */
    int64_t timestamp; /* of the first record, each next 1 ms later; 0: FIXTURE_NOW */
    enum codec codec;
    int16_t attributes;
    bool has_key;
    bool idempotent; /* the three below count */
    int64_t producer_id;
    int16_t epoch;
    int32_t sequence;
};

/* In the fixture's arena. */
slice fixture_make_batch(struct operations_fixture *f, const struct fixture_batch *what);

/* One request, with batches of one partition each. */
struct fixture_append {
    struct append_request request;
    struct append_part parts[4];
    bool is_done;
};

void fixture_append_init(struct operations_fixture *f, struct fixture_append *append, enum append_acks acks);
void fixture_append_add(struct operations_fixture *f, struct fixture_append *append, int32_t partition, slice batch);
/* Starts and runs the loop until it is done. */
void fixture_append_run(struct operations_fixture *f, struct fixture_append *append);
/* A whole append of one batch to partition 0; its result. */
struct append_part fixture_append_one(struct operations_fixture *f, const struct fixture_batch *what);

struct fixture_read {
    struct read_request request;
    struct read_part parts[4];
    bool is_done;
};

/* No wait, at least 1 byte, 1 MiB at most. */
void fixture_read_init(struct operations_fixture *f, struct fixture_read *read);
void fixture_read_add(struct operations_fixture *f, struct fixture_read *read, int32_t partition, int64_t offset);
void fixture_read_run(struct operations_fixture *f, struct fixture_read *read);
