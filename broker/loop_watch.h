/* How long the loop's turns take, from when it wakes to when it sleeps again: whatever arrives meanwhile waits as
 * long. */
#pragma once

#include "histogram.h"

#include <uv.h>

struct loop_watch {
    uv_check_t wakes;
    uv_prepare_t sleeps;
    uint64_t woken; /* ns of uv_hrtime */
    struct histogram turns;
};

/* Before anything else of the loop that works before it sleeps: what began first is called last. */
void loop_watch_open(struct loop_watch *watch, uv_loop_t *loop);
/* The loop must turn until its handles are closed. */
void loop_watch_close(struct loop_watch *watch);
