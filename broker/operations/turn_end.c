#include "operations/turn_end.h"

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

static void on_check(uv_check_t *check)
{
    struct turn_end *turn_end = check->data;
    uv_check_stop(&turn_end->check);
    uv_idle_stop(&turn_end->idle);
    turn_end->is_asked = false;
    turn_end->call(turn_end);
}

void turn_end_init(struct turn_end *turn_end, uv_loop_t *loop, void (*call)(struct turn_end *turn_end))
{
    turn_end->call = call;
    turn_end->is_asked = false;
    uv_idle_init(loop, &turn_end->idle);
    uv_check_init(loop, &turn_end->check);
    turn_end->idle.data = turn_end;
    turn_end->check.data = turn_end;
    turn_end->open_handles = 2;
}

void turn_end_ask(struct turn_end *turn_end)
{
    if (turn_end->is_asked)
        return;
    turn_end->is_asked = true;
    uv_idle_start(&turn_end->idle, on_idle);
    uv_check_start(&turn_end->check, on_check);
}

static void on_closed(uv_handle_t *handle)
{
    struct turn_end *turn_end = handle->data;
    if (--turn_end->open_handles == 0)
        turn_end->closed(turn_end);
}

void turn_end_close(struct turn_end *turn_end, void (*closed)(struct turn_end *turn_end))
{
    turn_end->closed = closed;
    uv_close((uv_handle_t *)&turn_end->idle, on_closed);
    uv_close((uv_handle_t *)&turn_end->check, on_closed);
}
