#include "check.h"
#include "operations/turn_end.h"

/* Wherever in the loop's turn it is asked for, the call comes before the loop sleeps: a timer far away would fail the
 * test by its time limit. */

#define FAR_AWAY_MS 3600000

static uv_loop_t loop;
static struct turn_end turn_end;
static int calls;
static int asks_left;

static void count(struct turn_end *called)
{
    calls++;
    if (asks_left > 0) {
        asks_left--;
        turn_end_ask(called);
    }
}

static void never(uv_timer_t *timer)
{
    (void)timer;
    CHECK(false);
}

static void on_closed(struct turn_end *closed)
{
    (void)closed;
    calls = -1;
}

/* Runs the loop with a handle that asks, until the calls have come. */
static void run_until_called(int expected)
{
    uv_timer_t far_away;
    uv_timer_init(&loop, &far_away);
    uv_timer_start(&far_away, never, FAR_AWAY_MS, 0);
    for (int turns = 0; calls < expected && turns < 10; turns++)
        uv_run(&loop, UV_RUN_ONCE);
    CHECK_EQUAL(calls, expected);
    uv_close((uv_handle_t *)&far_away, NULL);
    turn_end_close(&turn_end, on_closed);
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK_EQUAL(calls, -1);
    CHECK(uv_loop_close(&loop) == 0);
}

static void set_up(void)
{
    uv_loop_init(&loop);
    turn_end_init(&turn_end, &loop, count);
    calls = 0;
    asks_left = 0;
}

static void asked_for_outside_of_the_loop(void)
{
    set_up();
    turn_end_ask(&turn_end);
    turn_end_ask(&turn_end);
    run_until_called(1);
}

static void asked_for_by_the_call_itself(void)
{
    set_up();
    asks_left = 2;
    turn_end_ask(&turn_end);
    run_until_called(3);
}

static void ask_in_prepare(uv_prepare_t *prepare)
{
    turn_end_ask(&turn_end);
    uv_close((uv_handle_t *)prepare, NULL);
}

static void asked_for_just_before_the_loop_sleeps(void)
{
    set_up();
    uv_prepare_t prepare;
    uv_prepare_init(&loop, &prepare);
    uv_prepare_start(&prepare, ask_in_prepare);
    run_until_called(1);
}

static void ask_in_check(uv_check_t *check)
{
    turn_end_ask(&turn_end);
    uv_close((uv_handle_t *)check, NULL);
}

static void on_event(uv_async_t *event)
{
    uv_close((uv_handle_t *)event, NULL);
}

static void asked_for_after_events_were_handled(void)
{
    set_up();
    uv_check_t check;
    uv_async_t event;
    uv_check_init(&loop, &check);
    uv_check_start(&check, ask_in_check);
    uv_async_init(&loop, &event, on_event);
    uv_async_send(&event);
    run_until_called(1);
}

SUITE("turn end", CHECK_TEST(asked_for_outside_of_the_loop), CHECK_TEST(asked_for_by_the_call_itself),
      CHECK_TEST(asked_for_just_before_the_loop_sleeps), CHECK_TEST(asked_for_after_events_were_handled))
