/* Whether the next sync of a partition waits a moment for those who were just answered.
 *
 * While a sync takes its time, half of the producers wait for it and the other half queue up behind it: they would take
 * turns for ever, each sync serving half of them. Behind a slow sync, the next one therefore waits until as many are
 * written as there were before it, answered and waiting together, or GATHER_WAIT_MS, whatever comes first. Never behind
 * a fast sync, where nothing can be won, and never for a lone record, which nobody was seen beside.
 *
 * Producers that do not wait for their answers do not come back: a wait that ended with the time was in vain, and the
 * next ones are passed over, twice as many after each failure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GATHER_WAIT_MS      2 /* of a clock that counts whole ms: 1 to 2 */
#define GATHER_SLOW_SYNC_NS ((uint64_t)1500000)
#define GATHER_SKIP_MAX     255

/* Zeroed to begin with. Times are of a monotonic clock, ns. */
struct gather {
    uint64_t started;  /* the sync under way was handed over */
    bool is_waiting;   /* the next sync waits */
    uint32_t expected; /* while it waits */
    uint32_t present;
    uint32_t to_skip;   /* waits that are still passed over */
    uint32_t last_skip; /* after the last failure; 0 after a success */
};

static inline void gather_start_sync(struct gather *gather, uint64_t now)
{
    gather->started = now;
    gather->is_waiting = false;
}

/* The sync has ended for `answered` batches, while `waiting` others were written and `coming` have arrived and will be.
 * True: wait. */
static inline bool gather_end_sync(struct gather *gather, uint32_t answered, uint32_t waiting, uint32_t coming,
                                   uint64_t now)
{
    gather->expected = answered + waiting + coming;
    gather->present = waiting;
    bool is_worth_it = answered != 0 && gather->expected > 1 && now - gather->started >= GATHER_SLOW_SYNC_NS;
    gather->is_waiting = is_worth_it && gather->to_skip == 0;
    gather->to_skip -= is_worth_it && gather->to_skip != 0;
    return gather->is_waiting;
}

/* The time is over. */
static inline void gather_give_up(struct gather *gather)
{
    if (!gather->is_waiting)
        return;
    gather->is_waiting = false;
    gather->last_skip = gather->last_skip < GATHER_SKIP_MAX ? 2 * gather->last_skip + 1 : GATHER_SKIP_MAX;
    gather->to_skip = gather->last_skip;
}

/* One more has come. True: nothing is waited for any more. */
static inline bool gather_note_arrival(struct gather *gather)
{
    if (gather->is_waiting && ++gather->present >= gather->expected) {
        gather->is_waiting = false;
        gather->last_skip = 0;
    }
    return !gather->is_waiting;
}
