/* A call at the end of the loop's turn: after the sockets of this turn were read. What arrived together can so be
 * handled together, and nothing waits: wherever in the turn it is asked for, the loop does not sleep before. */
#pragma once

#include <stdbool.h>
#include <uv.h>

struct turn_end {
    uv_check_t check;
    uv_idle_t idle; /* keeps the loop from sleeping when it is asked for between two looks at the sockets */
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
