#include "histogram.h"

#include "check.h"
#include "http/counts.h"
#include "http/routes.h"
#include "loop_watch.h"

#include <string.h>

static void what_took_long_stands_in_a_higher_bucket(void)
{
    struct histogram histogram = {.sum = 0};
    for (int i = 0; i < HISTOGRAM_BOUNDS; i++) {
        CHECK(i == 0 || histogram_bounds_us[i] > histogram_bounds_us[i - 1]);
        histogram_add(&histogram, (uint64_t)histogram_bounds_us[i] * 1000);
        CHECK_EQUAL(histogram.counts[i], i == 0 ? 1 : 2);
        histogram_add(&histogram, (uint64_t)histogram_bounds_us[i] * 1000 + 1);
        CHECK_EQUAL(histogram.counts[i + 1], 1);
    }
    memset(&histogram, 0, sizeof histogram);
    histogram_add(&histogram, UINT64_MAX / 2);
    histogram_add(&histogram, 7);
    CHECK_EQUAL(histogram.counts[HISTOGRAM_BOUNDS], 1);
    CHECK_EQUAL(histogram.counts[0], 1);
    CHECK_EQUAL(histogram.sum, UINT64_MAX / 2 + 7);
}

static uint64_t count_of(const struct http_counts *counts, const struct http_route *route, int status)
{
    uint64_t answers = 0;
    for (size_t i = 0; i < HTTP_COUNTS_MAX; i++)
        if (counts->places[i].status == status && counts->places[i].route == route)
            answers += counts->places[i].answers;
    return answers;
}

static void answers_are_counted_by_route_and_status(void)
{
    static struct http_counts counts;
    static const struct http_route routes[200];
    memset(&counts, 0, sizeof counts);
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < 200; i++)
            for (int status = 200; status < 500; status += 100)
                http_counts_add(&counts, &routes[i], status, 1);
    CHECK_EQUAL(count_of(&counts, &routes[0], 200), 3);
    CHECK_EQUAL(count_of(&counts, &routes[120], 400), 3);
    uint64_t known = 0, all = 0;
    for (size_t i = 0; i < HTTP_COUNTS_MAX; i++) {
        all += counts.places[i].answers;
        known += counts.places[i].route != NULL ? counts.places[i].answers : 0;
    }
    CHECK_EQUAL(all, 3 * 200 * 3);
    CHECK(known < all); /* beyond the bound without their route, but counted */
    CHECK_EQUAL(count_of(&counts, NULL, 200) + count_of(&counts, NULL, 300) + count_of(&counts, NULL, 400),
                all - known);
    CHECK_EQUAL(counts.times.counts[0], all);
}

/* ---- the loop's turns ---- */

static void work_for_a_while(uv_timer_t *timer)
{
    uint64_t until = uv_hrtime() + 3 * 1000 * 1000;
    while (uv_hrtime() < until)
        ;
    uv_close((uv_handle_t *)timer, NULL);
}

static void a_long_turn_is_seen_as_one(void)
{
    uv_loop_t loop;
    uv_timer_t timer;
    struct loop_watch watch;
    uint64_t turns = 0;
    REQUIRE(uv_loop_init(&loop) == 0);
    loop_watch_open(&watch, &loop);
    uv_timer_init(&loop, &timer);
    uv_timer_start(&timer, work_for_a_while, 200, 0);
    for (int i = 0; i < 5; i++)
        uv_run(&loop, i < 2 ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    for (int i = 0; i <= HISTOGRAM_BOUNDS; i++)
        turns += watch.turns.counts[i];
    CHECK(turns >= 3);
    CHECK(watch.turns.sum >= 3 * 1000 * 1000 && watch.turns.sum < 150 * 1000 * 1000); /* what it slept is not in it */
    loop_watch_close(&watch);
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK_EQUAL(uv_loop_close(&loop), 0);
}

SUITE("histogram", CHECK_TEST(what_took_long_stands_in_a_higher_bucket),
      CHECK_TEST(answers_are_counted_by_route_and_status), CHECK_TEST(a_long_turn_is_seen_as_one))
