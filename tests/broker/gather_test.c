#include "operations/gather.h"

#include "check.h"

#define SLOW (2 * GATHER_SLOW_SYNC_NS)
#define FAST (GATHER_SLOW_SYNC_NS / 2)

static void the_next_write_waits_for_all_who_were_there(void)
{
    struct gather gather = {.started = 0};
    gather_start_write(&gather, true, 1000);
    CHECK(gather_end_write(&gather, 8, 8, 1000 + SLOW));
    for (int i = 0; i < 7; i++)
        CHECK(!gather_note_arrival(&gather));
    CHECK(gather_note_arrival(&gather));
    CHECK(gather_note_arrival(&gather)); /* whoever comes on top of that waits for nobody */
}

static void all_who_were_answered_at_once_are_waited_for(void)
{
    struct gather gather = {.started = 0};
    gather_start_write(&gather, true, 0);
    CHECK(gather_end_write(&gather, 3, 0, SLOW));
    CHECK(!gather_note_arrival(&gather));
    CHECK(!gather_note_arrival(&gather));
    CHECK(gather_note_arrival(&gather));
}

static void a_lone_record_is_not_held_back(void)
{
    struct gather gather = {.started = 0};
    CHECK(gather_note_arrival(&gather)); /* the first of all */
    gather_start_write(&gather, true, 0);
    CHECK(!gather_end_write(&gather, 1, 0, SLOW));
    CHECK(gather_note_arrival(&gather));
}

static void a_fast_sync_and_no_sync_hold_nobody_back(void)
{
    struct gather gather = {.started = 0};
    gather_start_write(&gather, true, 0);
    CHECK(!gather_end_write(&gather, 8, 8, FAST));
    CHECK(gather_note_arrival(&gather));
    gather_start_write(&gather, false, 0);
    CHECK(!gather_end_write(&gather, 8, 8, SLOW));
    CHECK(gather_note_arrival(&gather));
}

static void a_failed_write_makes_nobody_wait(void)
{
    struct gather gather = {.started = 0};
    gather_start_write(&gather, true, 0);
    CHECK(!gather_end_write(&gather, 0, 4, SLOW));
}

SUITE("gather", CHECK_TEST(the_next_write_waits_for_all_who_were_there),
      CHECK_TEST(all_who_were_answered_at_once_are_waited_for), CHECK_TEST(a_lone_record_is_not_held_back),
      CHECK_TEST(a_fast_sync_and_no_sync_hold_nobody_back), CHECK_TEST(a_failed_write_makes_nobody_wait))
