#include "cleaner_time.h"

#include "check.h"

#define DAY  INT64_C(86400000) /* ms */
#define HOUR INT64_C(3600000)
#define NOON INT64_C(1795262400000)

static struct proven_time proven;

static void start(bool synchronised)
{
    proven_time_init(&proven, &(struct clock_reading){NOON, 0, synchronised});
}

/* So many hours after the start; the wall clock says otherwise by so much. */
static void note(int64_t hours, int64_t wrong, bool synchronised)
{
    int64_t jump;
    struct clock_reading now = {NOON + hours * HOUR + wrong, hours * HOUR, synchronised};
    (void)proven_time_note(&proven, &now, &jump);
}

static bool is_over(int64_t horizon, int64_t now)
{
    return horizon <= now - cleaner_unproven_ms(&proven, now, DAY);
}

static void while_the_clock_runs_the_wall_clock_counts(void)
{
    start(false);
    for (int64_t hour = 1; hour <= 48; hour++)
        note(hour, 0, hour > 40);
    int64_t now = NOON + 48 * HOUR;
    CHECK_EQUAL(cleaner_unproven_ms(&proven, now, DAY), 0);
    CHECK_EQUAL(cleaner_unproven_ms(&proven, now, HOUR), 0);
    CHECK_EQUAL(cleaner_unproven_ms(&proven, now, 0), 0);
    CHECK_EQUAL(cleaner_unproven_ms(&proven, now, INT64_MAX), 0);
}

static void a_clock_that_is_right_is_believed_from_the_start(void)
{
    start(true);
    CHECK_EQUAL(cleaner_unproven_ms(&proven, NOON, DAY), 0);
    start(false);
    CHECK(!is_over(NOON - 1, NOON));
    CHECK(!is_over(1, NOON));
}

/* 14 years ahead after three hours. */
static void a_jump_ahead_without_proof_ends_no_tombstones_time(void)
{
    int64_t wrong = 14 * 365 * DAY;
    int64_t horizon = NOON + DAY; /* of what was first compacted at noon */
    start(true);
    for (int64_t hour = 1; hour <= 3; hour++)
        note(hour, 0, false);
    for (int64_t hour = 4; hour <= 23; hour++) {
        note(hour, wrong, false);
        CHECK(!is_over(horizon, NOON + hour * HOUR + wrong));
    }
    for (int64_t hour = 24; hour <= 30; hour++) /* the hour of the jump is not proven */
        note(hour, wrong, false);
    int64_t now = NOON + 30 * HOUR + wrong;
    CHECK(is_over(horizon, now));
    CHECK(!is_over(NOON + 20 * HOUR + wrong + DAY, now));
    note(60, wrong, false);
    CHECK(is_over(NOON + 20 * HOUR + wrong + DAY, NOON + 60 * HOUR + wrong));
}

SUITE("cleaner_time", CHECK_TEST(while_the_clock_runs_the_wall_clock_counts),
      CHECK_TEST(a_clock_that_is_right_is_believed_from_the_start),
      CHECK_TEST(a_jump_ahead_without_proof_ends_no_tombstones_time))
