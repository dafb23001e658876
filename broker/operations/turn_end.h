/* A call at the end of the loop's turn: after the sockets of this turn were read, before the loop sleeps. What arrived
 * together can so be handled together, and nothing waits. */
#pragma once

#include <stdbool.h>
#include <uv.h>

struct turn_end {
    uv_prepare_t prepare; /* asked for before the loop looked for events */
    uv_check_t check;     /* asked for while events were handled */
    void (*call)(struct turn_end *turn_end);
    void (*closed)(struct turn_end *turn_end);
    bool is_asked;
    int open_handles;
};

void turn_end_init(struct turn_end *turn_end, uv_loop_t *loop, void (*call)(struct turn_end *turn_end));
/* Once per turn, however often it is asked for. */
void turn_end_ask(struct turn_end *turn_end);
/* `closed` is called by a later turn. */
void turn_end_close(struct turn_end *turn_end, void (*closed)(struct turn_end *turn_end));
