/* Whether a small write is executed on the loop, and not by the writer's thread.
 *
 * A small write into the page cache takes a microsecond, and handing it to another thread and back takes twenty. But a
 * write can wait for the disk, too: when too much is dirty, or the file system's journal is busy. So the time that
 * writes take on the loop is looked at: after one that took LOOP_WRITE_SLOW_NS the writer gets all of them for a
 * second, and for twice as long after each further one that is slow, up to about a minute. Whoever uses the server then
 * sees one pause in that time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LOOP_WRITE_MAX_BYTES  ((uint32_t)16 << 10)
#define LOOP_WRITE_SLOW_NS    ((uint64_t)10000000)
#define LOOP_WRITES_BAR_NS    ((uint64_t)1000000000)
#define LOOP_WRITES_BAR_TIMES 64 /* a minute */

/* Zeroed to begin with. Times are of a monotonic clock, ns. */
struct loop_writes {
    uint64_t barred_until;
    uint64_t bar; /* how long the last one was; 0: none in the last time */
};

static inline bool loop_writes_allowed(const struct loop_writes *writes, uint64_t now)
{
    return now >= writes->barred_until;
}

/* A write on the loop began at `started` and has just ended. */
static inline void loop_writes_note(struct loop_writes *writes, uint64_t started, uint64_t now)
{
    if (now - started >= LOOP_WRITE_SLOW_NS) {
        writes->bar = writes->bar == 0 ? LOOP_WRITES_BAR_NS : 2 * writes->bar;
        if (writes->bar > LOOP_WRITES_BAR_TIMES * LOOP_WRITES_BAR_NS)
            writes->bar = LOOP_WRITES_BAR_TIMES * LOOP_WRITES_BAR_NS;
        writes->barred_until = now + writes->bar;
    } else if (writes->bar != 0 && now - writes->barred_until > writes->bar) {
        writes->bar = 0; /* it has been quiet for as long as it was barred */
    }
}
