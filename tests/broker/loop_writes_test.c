#include "operations/loop_writes.h"

#include "check.h"

#define SLOW (LOOP_WRITE_SLOW_NS + 1)
#define FAST (LOOP_WRITE_SLOW_NS - 1)

static void fast_writes_stay_on_the_loop(void)
{
    struct loop_writes writes = {0};
    for (uint64_t now = 0; now < 100 * LOOP_WRITES_BAR_NS; now += LOOP_WRITES_BAR_NS) {
        CHECK(loop_writes_allowed(&writes, now));
        loop_writes_note(&writes, now, now + FAST);
    }
}

static void each_slow_write_sends_them_away_for_twice_as_long_up_to_a_limit(void)
{
    struct loop_writes writes = {0};
    uint64_t now = 5;
    for (uint64_t bar = LOOP_WRITES_BAR_NS; bar <= 4 * LOOP_WRITES_BAR_TIMES * LOOP_WRITES_BAR_NS; bar *= 2) {
        uint64_t limited =
            bar < LOOP_WRITES_BAR_TIMES * LOOP_WRITES_BAR_NS ? bar : LOOP_WRITES_BAR_TIMES * LOOP_WRITES_BAR_NS;
        loop_writes_note(&writes, now, now + SLOW);
        CHECK(!loop_writes_allowed(&writes, now + SLOW + limited - 1));
        now += SLOW + limited;
        CHECK(loop_writes_allowed(&writes, now));
    }
}

static void a_quiet_time_is_forgiven(void)
{
    struct loop_writes writes = {0};
    loop_writes_note(&writes, 0, SLOW);
    loop_writes_note(&writes, SLOW + LOOP_WRITES_BAR_NS, SLOW + LOOP_WRITES_BAR_NS + FAST);
    CHECK(writes.bar != 0);
    loop_writes_note(&writes, SLOW + 3 * LOOP_WRITES_BAR_NS, SLOW + 3 * LOOP_WRITES_BAR_NS + FAST);
    CHECK_EQUAL(writes.bar, 0);
}

SUITE("loop writes", CHECK_TEST(fast_writes_stay_on_the_loop),
      CHECK_TEST(each_slow_write_sends_them_away_for_twice_as_long_up_to_a_limit), CHECK_TEST(a_quiet_time_is_forgiven))
