#include "operations/turn_end.h"

static void run(struct turn_end *turn_end)
{
    uv_prepare_stop(&turn_end->prepare);
    uv_check_stop(&turn_end->check);
    turn_end->is_asked = false;
    turn_end->call(turn_end);
}

static void on_prepare(uv_prepare_t *prepare)
{
    run(prepare->data);
}

static void on_check(uv_check_t *check)
{
    run(check->data);
}

void turn_end_init(struct turn_end *turn_end, uv_loop_t *loop, void (*call)(struct turn_end *turn_end))
{
    turn_end->call = call;
    turn_end->is_asked = false;
    uv_prepare_init(loop, &turn_end->prepare);
    uv_check_init(loop, &turn_end->check);
    turn_end->prepare.data = turn_end;
    turn_end->check.data = turn_end;
    turn_end->open_handles = 2;
}

void turn_end_ask(struct turn_end *turn_end)
{
    if (turn_end->is_asked)
        return;
    turn_end->is_asked = true;
    uv_prepare_start(&turn_end->prepare, on_prepare);
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
    uv_close((uv_handle_t *)&turn_end->prepare, on_closed);
    uv_close((uv_handle_t *)&turn_end->check, on_closed);
}
