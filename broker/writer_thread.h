/* The writer: two threads of our own, one that appends and one that syncs, and nothing else, so that no slow job stands
 * before either and no write waits for the disk to come to rest.
 *
 * Happy path. The loop submits writes (at most one per log at a time) and syncs. Each thread takes all that was
 * submitted to it, executes it in order and hands it back. While a sync runs, what arrives for the same log is written
 * beside it; the next sync covers all of that. Syncs that were submitted meanwhile are executed together where that is
 * faster (sync_choice.h).
 *
 * Closing. writer_thread_close lets everything submitted finish and joins the threads; the dones have been called. */
#pragma once

#include "histogram.h"
#include "log.h"

#include <uv.h>

struct writer_thread;

struct writer_job {
    struct log_write *write;              /* either this */
    struct log_sync *sync;                /* or this */
    bool is_patient;                      /* a sync that lets all others go first, for some time */
    void (*done)(struct writer_job *job); /* on the loop; among the likes of it in the order of submission */

    /* Private */
    struct writer_job *next;
    uint64_t submitted, begun,
        ended; /* ns of uv_hrtime; `ended` is 0 where one call did several syncs, but for one of them */
};

/* Of all jobs since the start. */
struct writer_times {
    struct histogram waits; /* until a write or a sync begins */
    struct histogram writes;
    struct histogram syncs;
};

MUST_USE int writer_thread_open(uv_loop_t *loop, struct memory *memory, struct writer_thread **writer,
                                struct error *error);
void writer_thread_close(struct writer_thread *writer);

void writer_thread_submit(struct writer_thread *writer, struct writer_job *job);
/* For who belongs to the loop. */
const struct writer_times *writer_thread_times(const struct writer_thread *writer);
bool writer_thread_idle(const struct writer_thread *writer);

/* Tests: a pause added to every sync, in ms (log.flush.test.delay.ms). */
void writer_thread_set_sync_delay(struct writer_thread *writer, uint32_t delay_ms);
