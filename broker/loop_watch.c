#include "loop_watch.h"

static void on_wake(uv_check_t *check)
{
    struct loop_watch *watch = check->data;
    watch->woken = uv_hrtime();
}

static void on_sleep(uv_prepare_t *prepare)
{
    struct loop_watch *watch = prepare->data;
    if (watch->woken != 0)
        histogram_add(&watch->turns, uv_hrtime() - watch->woken);
}

void loop_watch_open(struct loop_watch *watch, uv_loop_t *loop)
{
    *watch = (struct loop_watch){.woken = 0};
    (void)uv_check_init(loop, &watch->wakes); /* these never fail */
    (void)uv_prepare_init(loop, &watch->sleeps);
    watch->wakes.data = watch->sleeps.data = watch;
    (void)uv_check_start(&watch->wakes, on_wake);
    (void)uv_prepare_start(&watch->sleeps, on_sleep);
}

void loop_watch_close(struct loop_watch *watch)
{
    uv_close((uv_handle_t *)&watch->wakes, NULL);
    uv_close((uv_handle_t *)&watch->sleeps, NULL);
}
