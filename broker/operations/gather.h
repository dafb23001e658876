/* Whether the next write of a partition waits a moment for those who were just answered.
 *
 * While a sync takes its time, half of the producers wait for it and the other half queue up behind it: they would take
 * turns for ever, each sync serving half of them. Behind a slow sync, the next write therefore waits for as many as
 * there were before it, answered and queued together, or GATHER_WAIT_MS, whatever comes first. Never behind a fast
 * sync, where nothing can be won, and never for a lone record, which nobody was seen beside. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GATHER_WAIT_MS      2 /* of a clock that counts whole ms: 1 to 2 */
#define GATHER_SLOW_SYNC_NS ((uint64_t)1500000)

/* Zeroed to begin with. Times are of a monotonic clock, ns. */
struct gather {
    uint64_t started;  /* the write under way was handed over */
    bool is_synced;    /* it ends in a sync */
    bool is_waiting;   /* the next write waits */
    uint32_t expected; /* while it waits */
    uint32_t present;
};

static inline void gather_start_write(struct gather *gather, bool sync, uint64_t now)
{
    gather->started = now;
    gather->is_synced = sync;
    gather->is_waiting = false;
}

/* The write has ended with `answered` batches, while `queued` others have come. True: wait. */
static inline bool gather_end_write(struct gather *gather, uint32_t answered, uint32_t queued, uint64_t now)
{
    gather->expected = answered + queued;
    gather->present = queued;
    gather->is_waiting =
        gather->is_synced && answered != 0 && gather->expected > 1 && now - gather->started >= GATHER_SLOW_SYNC_NS;
    return gather->is_waiting;
}

/* One more has come. True: nothing is waited for any more. */
static inline bool gather_note_arrival(struct gather *gather)
{
    if (gather->is_waiting && ++gather->present >= gather->expected)
        gather->is_waiting = false;
    return !gather->is_waiting;
}
