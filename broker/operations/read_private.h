/* Private to read: the service, and what read.c and read_wait.c want of each other. */
#pragma once

#include "operations/read.h"
#include "operations/turn_end.h"

enum read_state {
    READ_QUEUED,  /* goes on at the end of the turn */
    READ_WORKING, /* pool jobs are under way */
    READ_WAITING, /* for records or its time */
    READ_DONE,
};

struct read_service {
    struct memory *memory; /* the operations go before the handles below are closed */
    struct operations *operations;
    struct turn_end turn_end;
    struct read_request *queued;
    struct read_request **queued_tail;

    uv_timer_t timer;             /* at the earliest deadline, or earlier: a request that leaves does not set it back */
    struct read_request *waiting; /* earliest deadline first */
    struct read_request *waiting_last;

    struct read_job *jobs_queued;
    struct read_job **jobs_queued_tail;
    unsigned jobs_running;

    size_t requests; /* not done */
    struct log_limit log_limit;
    int open_handles;
};

/* The request goes on at the end of the turn. */
void read_queue(struct read_request *request);
/* Onto its partitions' lists and under the timer. */
void read_wait_begin(struct read_request *request);
/* Off them, and queued. */
void read_wait_end(struct read_request *request);
void read_on_timer(uv_timer_t *timer);
