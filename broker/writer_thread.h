/* The writer: one thread of our own that appends and syncs, and nothing else, so that no slow job stands before a sync.
 *
 * Happy path. The loop submits writes (at most one per log at a time). The writer takes all that were submitted,
 * executes each in order, hands back at once those that asked for no sync, then syncs the others and hands them back:
 * one pause of the disk serves everyone who waits. Meanwhile the loop forms the next writes.
 *
 * Closing. writer_thread_close lets everything submitted finish and joins the thread; the dones have been called. */
#pragma once

#include "log.h"

#include <uv.h>

struct writer_thread;

struct writer_job {
    struct log_write *write;              /* or NULL */
    struct log_sync *sync;                /* or NULL: a sync without a write */
    bool wants_sync;                      /* of the write */
    void (*done)(struct writer_job *job); /* on the loop, in the order of submission among equals */
    struct writer_job *next;              /* private */
};

MUST_USE int writer_thread_open(uv_loop_t *loop, struct memory *memory, struct writer_thread **writer,
                                struct error *error);
void writer_thread_close(struct writer_thread *writer);

void writer_thread_submit(struct writer_thread *writer, struct writer_job *job);
bool writer_thread_idle(const struct writer_thread *writer);

/* Tests: a pause added to every sync, in ms (log.flush.test.delay.ms). */
void writer_thread_set_sync_delay(struct writer_thread *writer, uint32_t delay_ms);
