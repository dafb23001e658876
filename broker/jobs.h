/* Slow, self-contained work on libuv's pool, away from the loop.
 *
 * A job gets file handles and values, never a live structure. The pool's queue is first in, first out, so jobs of slow
 * kinds are held back here: together they occupy at most all threads but one, and the fast ones (cold reads) never
 * stand behind all of them. */
#pragma once

#include "histogram.h"

#include <stdbool.h>
#include <uv.h>

enum job_kind {
    JOB_READ,       /* a cold read: somebody waits for it */
    JOB_RECORDS,    /* opening and compressing batches, searching by time: somebody waits */
    JOB_FILES,      /* making and removing files: somebody waits, seldom */
    JOB_FLUSH,      /* background syncs, checkpoints */
    JOB_COMPACTION, /* a slice of a compaction */
    JOB_SCRUB,      /* a slice of a scrub */
    JOB_KINDS
};

struct job {
    void (*execute)(struct job *job); /* on a pool thread */
    void (*done)(struct job *job);    /* on the loop; may free the job */

    uv_work_t work; /* private */
    struct jobs *jobs;
    struct job *next;
    enum job_kind kind;
    uint64_t submitted, begun; /* ns of uv_hrtime */
};

struct jobs {
    uv_loop_t *loop;
    unsigned slow_limit; /* jobs of slow kinds that may be in the pool at once */
    unsigned slow_running;
    unsigned running;    /* all kinds */
    struct job *waiting; /* slow ones held back, oldest first */
    struct job **waiting_tail;
    struct histogram waits; /* until a job begins */
};

void jobs_init(struct jobs *jobs, uv_loop_t *loop, unsigned pool_threads);

/* The caller owns the job until done is called. */
void jobs_submit(struct jobs *jobs, struct job *job, enum job_kind kind);

/* True when nothing runs or waits: a stop may go on. */
bool jobs_idle(const struct jobs *jobs);
