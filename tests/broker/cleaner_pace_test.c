#include "cleaner_pace.h"

#include "check.h"

#define MS UINT64_C(1000000) /* in ns */

static void nobody_asking_there_is_no_rest(void)
{
    struct cleaner_pace pace = {.requests = 7};
    uint64_t budget = cleaner_pace_begin(&pace, 7, 1000 * MS);
    CHECK_EQUAL(cleaner_pace_end(&pace, 7, 1005 * MS, 5 * MS, budget), 0);
    CHECK_EQUAL(cleaner_pace_begin(&pace, 7, 1005 * MS), budget);
}

/* Requests every 10 ms; slices of 2 ms: three quarters of the time are left to others, and a request rarely meets a
 * slice of the size that is taken when nobody asks. */
static void between_requests_slices_are_small_and_rests_long(void)
{
    struct cleaner_pace pace = {.requests = 0};
    uint64_t now = 1000 * MS, alone = cleaner_pace_begin(&pace, 0, now);
    uint64_t rested = 0, worked = 0;
    for (int i = 0; i < 100; i++) {
        uint64_t budget = cleaner_pace_begin(&pace, now / (10 * MS), now);
        CHECK(budget <= alone / 8);
        now += 2 * MS;
        worked += 2;
        uint64_t rest_ms = cleaner_pace_end(&pace, now / (10 * MS), now, 2 * MS, budget);
        now += rest_ms * MS;
        rested += rest_ms;
    }
    CHECK(rested >= 3 * worked);
    now += 200 * MS; /* nobody has asked since */
    (void)cleaner_pace_end(&pace, pace.requests, now, 0, 0);
    CHECK_EQUAL(cleaner_pace_begin(&pace, pace.requests, now), alone);
}

static void a_limit_holds_over_any_slices(void)
{
    struct cleaner_pace pace = {.bytes_per_second = 1e6};
    static const uint64_t slices[] = {1000, 4000000, 64000, 64000, 1, 500000};
    uint64_t now = 0, bytes = 0;
    for (int i = 0; i < 600; i++) {
        uint64_t size = slices[(size_t)i % (sizeof slices / sizeof slices[0])];
        (void)cleaner_pace_begin(&pace, 0, now);
        now += MS;
        bytes += size;
        now += cleaner_pace_end(&pace, 0, now, MS, size) * MS;
    }
    double seconds = (double)now / 1e9 + 4; /* what is owed at the end */
    CHECK((double)bytes <= 1.01e6 * seconds);
    CHECK((double)bytes >= 0.9e6 * (seconds - 8));
}

SUITE("cleaner_pace", CHECK_TEST(nobody_asking_there_is_no_rest),
      CHECK_TEST(between_requests_slices_are_small_and_rests_long), CHECK_TEST(a_limit_holds_over_any_slices))
