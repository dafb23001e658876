/* Alarms on a real loop, under one timer. */
#include "check.h"
#include "rest/read_alarm.h"

#include <stdbool.h>

#define MANY 400

static uv_loop_t loop;
static struct read_alarms alarms;
static struct read_alarm many[MANY];
static int due[MANY], due_count;

static void note(struct read_alarm *alarm)
{
    due[due_count++] = (int)(alarm - many);
}

static void open_alarms(void)
{
    REQUIRE(uv_loop_init(&loop) == 0);
    read_alarms_init(&alarms, &loop);
    due_count = 0;
    for (int i = 0; i < MANY; i++)
        many[i] = (struct read_alarm){.due = note};
}

static bool is_closed;

static void on_closed(struct read_alarms *closed)
{
    is_closed = closed == &alarms;
}

static void close_alarms(void)
{
    is_closed = false;
    read_alarms_close(&alarms, on_closed);
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(is_closed);
    CHECK(uv_loop_close(&loop) == 0);
}

static void they_are_due_in_the_order_of_their_times(void)
{
    static const int order[] = {3, 1, 4, 2};
    open_alarms();
    read_alarm_set(&alarms, &many[1], 4);
    read_alarm_set(&alarms, &many[2], 9);
    read_alarm_set(&alarms, &many[3], 0);
    read_alarm_set(&alarms, &many[4], 6);
    uv_run(&loop, UV_RUN_DEFAULT);
    REQUIRE(due_count == 4);
    CHECK(memcmp(due, order, sizeof order) == 0);
    close_alarms();
}

static void one_that_is_cleared_or_set_anew_is_not_due_before(void)
{
    open_alarms();
    read_alarm_set(&alarms, &many[0], 1);
    read_alarm_set(&alarms, &many[1], 2);
    read_alarm_set(&alarms, &many[2], 3);
    read_alarm_clear(&many[0]);
    read_alarm_clear(&many[0]);
    read_alarm_set(&alarms, &many[1], 5);
    uv_run(&loop, UV_RUN_DEFAULT);
    REQUIRE(due_count == 2);
    CHECK(due[0] == 2 && due[1] == 1);
    read_alarm_set(&alarms, &many[0], 1000);
    read_alarm_clear(&many[0]);
    CHECK(!uv_loop_alive(&loop)); /* nothing is waited for */
    close_alarms();
}

static void set_again(struct read_alarm *alarm)
{
    note(alarm);
    if (due_count < 3)
        read_alarm_set(&alarms, alarm, 1);
}

static void one_may_be_set_again_when_it_is_due(void)
{
    open_alarms();
    many[7].due = set_again;
    read_alarm_set(&alarms, &many[7], 1);
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK_EQUAL(due_count, 3);
    close_alarms();
}

/* Many that are due together do not keep the loop from its other work. */
static void a_turn_has_a_few_of_many(void)
{
    int most = 0, turns = 0;
    open_alarms();
    for (int i = 0; i < MANY; i++)
        read_alarm_set(&alarms, &many[i], 1);
    for (int before = 0; due_count < MANY; before = due_count, turns++) {
        uv_run(&loop, UV_RUN_ONCE);
        most = due_count - before > most ? due_count - before : most;
        REQUIRE(turns < 1000);
    }
    CHECK(most < MANY / 2);
    close_alarms();
}

SUITE("read alarm", CHECK_TEST(they_are_due_in_the_order_of_their_times),
      CHECK_TEST(one_that_is_cleared_or_set_anew_is_not_due_before), CHECK_TEST(one_may_be_set_again_when_it_is_due),
      CHECK_TEST(a_turn_has_a_few_of_many))
