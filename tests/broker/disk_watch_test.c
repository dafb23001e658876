/* The space of the disk, on a simulated disk and a clock of the test's own. */
#include "disk_watch.h"

#include "check.h"
#include "simulated_disk.h"

#include <errno.h>

#define RESERVE 1600

static struct memory ledger;
static struct disk *disk;
static struct disk_watch watch;
static uint64_t now;

static void start(uint64_t space, uint64_t reserve)
{
    memory_init(&ledger);
    disk = simulated_disk_create(&ledger, 1);
    simulated_disk_set_space(disk, space);
    disk_watch_init(&watch, disk, NULL, reserve);
    now = 5;
}

static void finish(void)
{
    disk_close(disk);
    CHECK_EQUAL(memory_total_bytes(&ledger), 0);
}

static uint64_t looks(void)
{
    return simulated_disk_calls_of(disk, SIMULATED_SPACE);
}

static void records_are_taken_down_to_the_reserve(void)
{
    start(RESERVE + 1000, RESERVE);
    CHECK(disk_watch_take(&watch, 900, now));
    simulated_disk_set_space(disk, RESERVE + 100); /* they are on the disk */
    CHECK(disk_watch_take(&watch, 50, now));
    simulated_disk_set_space(disk, RESERVE + 50);
    CHECK(disk_watch_take(&watch, 50, now));
    simulated_disk_set_space(disk, RESERVE);
    CHECK(!disk_watch_take(&watch, 1, now));
    finish();
}

static void one_batch_larger_than_the_room_is_refused(void)
{
    start(RESERVE + 1000, RESERVE);
    CHECK(!disk_watch_take(&watch, 1001, now));
    finish();
}

static void a_full_disk_is_asked_once_a_second(void)
{
    start(RESERVE - 1, RESERVE);
    for (int i = 0; i < 999; i++)
        CHECK(!disk_watch_take(&watch, 1, now + (uint64_t)i));
    CHECK_EQUAL(looks(), 1);
    CHECK(!disk_watch_take(&watch, 1, now + 1000));
    CHECK_EQUAL(looks(), 2);
    finish();
}

static void an_idle_server_asks_nothing_and_a_busy_one_seldom(void)
{
    start((uint64_t)1 << 40, RESERVE);
    CHECK_EQUAL(looks(), 0);
    for (int i = 0; i < 3000; i++)
        CHECK(disk_watch_take(&watch, 100, now + (uint64_t)i));
    CHECK_EQUAL(looks(), 3);
    finish();
}

static void records_are_taken_again_when_there_is_space(void)
{
    start(RESERVE - 1, RESERVE);
    CHECK(!disk_watch_take(&watch, 1, now));
    simulated_disk_set_space(disk, RESERVE + RESERVE / 16 - 1); /* too little to be worth it */
    CHECK(!disk_watch_take(&watch, 1, now += 1000));
    simulated_disk_set_space(disk, RESERVE + RESERVE / 16);
    CHECK(!disk_watch_take(&watch, 1, now + 999));
    CHECK(disk_watch_take(&watch, 1, now += 1000));
    finish();
}

static void a_write_for_which_there_was_no_space_closes_for_a_second(void)
{
    for (int i = 0; i < 2; i++) {
        start((uint64_t)1 << 40, i == 0 ? RESERVE : 0);
        CHECK(disk_watch_take(&watch, 1, now));
        disk_watch_note_failure(&watch, -EIO, now);
        CHECK(disk_watch_take(&watch, 1, now));
        disk_watch_note_failure(&watch, i == 0 ? -ENOSPC : -EDQUOT, now);
        CHECK(!disk_watch_take(&watch, 1, now + 999));
        CHECK(disk_watch_take(&watch, 1, now + 1000));
        finish();
    }
}

static void without_a_reserve_only_the_disk_refuses(void)
{
    start(0, 0);
    CHECK(disk_watch_take(&watch, 1000000, now));
    CHECK_EQUAL(looks(), 0);
    finish();
}

static void a_disk_that_does_not_tell_its_space_is_written_to(void)
{
    start(0, RESERVE);
    simulated_disk_fail_call_at(disk, SIMULATED_SPACE, 0, -EIO);
    CHECK(disk_watch_take(&watch, 1, now));
    CHECK(!disk_watch_take(&watch, 1, now + 1000));
    finish();
}

static void count_low(void *context)
{
    ++*(int *)context;
}

static void low_space_is_told_before_anything_is_refused(void)
{
    int low = 0;
    start(2 * RESERVE, RESERVE);
    watch.on_low = count_low;
    watch.on_low_context = &low;
    CHECK(disk_watch_take(&watch, 1, now) && low == 0);
    simulated_disk_set_space(disk, 2 * RESERVE - 1);
    CHECK(disk_watch_take(&watch, 1, now + 1000) && low == 1);
    finish();
}

static void the_default_reserve_follows_the_disk_and_the_segments(void)
{
    const uint64_t mib = (uint64_t)1 << 20, gib = (uint64_t)1 << 30;
    CHECK_EQUAL(disk_watch_default_reserve(1000 * gib, gib), 2 * gib);
    CHECK_EQUAL(disk_watch_default_reserve(20 * gib, gib), gib);
    CHECK_EQUAL(disk_watch_default_reserve(gib, 16 * mib), 32 * mib);
    CHECK_EQUAL(disk_watch_default_reserve(gib, mib), 4 * mib);
    CHECK_EQUAL(disk_watch_default_reserve(20 * mib, mib), mib);
    CHECK_EQUAL(disk_watch_default_reserve(0, mib), 0);
}

SUITE("disk watch", CHECK_TEST(records_are_taken_down_to_the_reserve),
      CHECK_TEST(one_batch_larger_than_the_room_is_refused), CHECK_TEST(a_full_disk_is_asked_once_a_second),
      CHECK_TEST(an_idle_server_asks_nothing_and_a_busy_one_seldom),
      CHECK_TEST(records_are_taken_again_when_there_is_space),
      CHECK_TEST(a_write_for_which_there_was_no_space_closes_for_a_second),
      CHECK_TEST(without_a_reserve_only_the_disk_refuses),
      CHECK_TEST(a_disk_that_does_not_tell_its_space_is_written_to),
      CHECK_TEST(low_space_is_told_before_anything_is_refused),
      CHECK_TEST(the_default_reserve_follows_the_disk_and_the_segments))
