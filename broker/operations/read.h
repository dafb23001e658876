/* Reading from partitions: what Fetch and everything like it does.
 *
 * A request reads from each of its partitions in order until its limits are met, and waits for records, without
 * polling, while there are too few: it stands on the waiter lists of its partitions and, with all others, under one
 * timer. What lies in the page cache is found on the loop; else a pool job brings it there first.
 *
 * The caller owns the request. `done` is called once, never from within read_start; then the parts name ranges of files
 * that stay open until read_release, which must be called. The parts' topics are held until then. */
#pragma once

#include "arena.h"
#include "kafka/error_code.h"
#include "operations/environment.h"

struct read_request;

struct read_waiter {
    struct read_waiter *next, **link; /* on its partition's list */
    struct read_request *request;
};

struct read_part {
    /* Asked; zero what is not set */
    struct partition *partition; /* NULL: `error` is set already, the part is passed over */
    int64_t offset;
    int32_t max_bytes;
    bool is_final; /* with a partition: the caller has its answer already (an error, a diverging epoch); not read */

    /* Found */
    enum kafka_error error; /* any error ends the waiting */
    int64_t high_watermark; /* -1 on error, as the two below */
    int64_t log_start;
    int64_t stable_end;          /* the last stable offset */
    const struct log_read *read; /* NULL: no bytes; else file, position, bytes */

    /* Private */
    struct log_read *slot; /* from the request's arena, at the first read */
    struct read_waiter waiter;
    uint32_t counted;   /* bytes found, or appended since; no more than max_bytes */
    size_t unstable;    /* bytes appended since that a committed request may not have yet */
    int64_t end_offset; /* of the round: nothing is read at or past it */
};

struct read_request {
    /* Asked */
    struct read_part *parts;
    int32_t part_count;
    int32_t max_bytes; /* of all parts; the first part that has records gets a whole batch whatever the limits */
    int32_t min_bytes;
    int32_t max_wait_ms;
    bool committed; /* nothing at or past the last stable offset, and the aborted transactions with it */
    struct arena *arena;
    void (*done)(struct read_request *request);
    void *context;

    /* Private */
    struct read_service *service;
    int state;
    bool is_last_round; /* done after it, whatever it finds */
    bool is_cancelled;
    bool found_first;   /* in this round: a part that has records */
    int32_t found;      /* in this round: parts with bytes */
    int64_t bytes_left; /* in this round */
    uint32_t jobs;      /* of this round, not done */
    uint64_t counted;   /* bytes, of all parts */
    uint64_t deadline;  /* ms of the loop's clock */
    struct read_request *next, *previous;
};

MUST_USE int read_service_open(struct operations *operations, struct read_service **service, struct error *error);
/* Nothing may be under way. The service is freed by a later turn of the loop, which must run until then. */
void read_service_close(struct read_service *service);
bool read_service_idle(const struct read_service *service);
/* Ends the waiting of all requests, with what there is: a stop. */
void read_service_end_waits(struct read_service *service);

void read_start(struct read_service *service, struct read_request *request);
/* Waits no longer: done comes soon, with what there is. Nothing when it has come. */
void read_hurry(struct read_request *request);
/* The answer is not wanted any more: as read_hurry, and nothing more is read. */
void read_cancel(struct read_request *request);
/* After done. */
void read_release(struct read_request *request);

/* `bytes` were appended to the partition. */
void read_note_append(struct read_service *service, struct partition *partition, size_t bytes);
/* Something else happened to the partition (its topic was deleted): whoever waits for it answers with what there is. */
void read_wake(struct read_service *service, struct partition *partition);
