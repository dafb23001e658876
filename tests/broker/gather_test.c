#include "operations/gather.h"

#include "check.h"

#define SLOW (2 * GATHER_SLOW_SYNC_NS)
#define FAST (GATHER_SLOW_SYNC_NS / 2)

static void the_next_sync_waits_for_all_who_were_there(void)
{
    struct gather gather = {.started = 0};
    gather_start_sync(&gather, 1000);
    CHECK(gather_end_sync(&gather, 8, 8, 0, 1000 + SLOW));
    for (int i = 0; i < 7; i++)
        CHECK(!gather_note_arrival(&gather));
    CHECK(gather_note_arrival(&gather));
    CHECK(gather_note_arrival(&gather)); /* whoever comes on top of that waits for nobody */
}

static void all_who_were_answered_at_once_are_waited_for(void)
{
    struct gather gather = {.started = 0};
    gather_start_sync(&gather, 0);
    CHECK(gather_end_sync(&gather, 3, 0, 0, SLOW));
    CHECK(!gather_note_arrival(&gather));
    CHECK(!gather_note_arrival(&gather));
    CHECK(gather_note_arrival(&gather));
}

static void those_that_are_about_to_be_written_are_waited_for(void)
{
    struct gather gather = {.started = 0};
    gather_start_sync(&gather, 0);
    CHECK(gather_end_sync(&gather, 1, 1, 1, SLOW));
    CHECK(!gather_note_arrival(&gather));
    CHECK(gather_note_arrival(&gather));
}

static void a_lone_record_is_not_held_back(void)
{
    struct gather gather = {.started = 0};
    CHECK(gather_note_arrival(&gather)); /* the first of all */
    gather_start_sync(&gather, 0);
    CHECK(!gather_end_sync(&gather, 1, 0, 0, SLOW));
    CHECK(gather_note_arrival(&gather));
}

static void a_fast_sync_holds_nobody_back(void)
{
    struct gather gather = {.started = 0};
    gather_start_sync(&gather, 0);
    CHECK(!gather_end_sync(&gather, 8, 8, 0, FAST));
    CHECK(gather_note_arrival(&gather));
}

static void a_failed_sync_makes_nobody_wait(void)
{
    struct gather gather = {.started = 0};
    gather_start_sync(&gather, 0);
    CHECK(!gather_end_sync(&gather, 0, 4, 0, SLOW));
}

static void each_failure_doubles_the_waits_passed_over(void)
{
    struct gather gather = {.started = 0};
    int passed_over = 0;
    for (int failures = 0; failures < 3; failures++) {
        for (;;) {
            gather_start_sync(&gather, 0);
            if (gather_end_sync(&gather, 2, 0, 0, SLOW))
                break;
            passed_over++;
        }
        gather_give_up(&gather);
        CHECK(gather_note_arrival(&gather));
    }
    CHECK_EQUAL(passed_over, 1 + 3);
}

static void a_success_ends_the_passing_over(void)
{
    struct gather gather = {.last_skip = 7};
    gather_start_sync(&gather, 0);
    CHECK(gather_end_sync(&gather, 2, 0, 0, SLOW));
    CHECK(!gather_note_arrival(&gather));
    CHECK(gather_note_arrival(&gather));
    CHECK_EQUAL(gather.last_skip, 0);
    gather_give_up(&gather); /* too late to be a failure */
    CHECK_EQUAL(gather.to_skip, 0);
}

SUITE("gather", CHECK_TEST(the_next_sync_waits_for_all_who_were_there),
      CHECK_TEST(all_who_were_answered_at_once_are_waited_for),
      CHECK_TEST(those_that_are_about_to_be_written_are_waited_for), CHECK_TEST(a_lone_record_is_not_held_back),
      CHECK_TEST(a_fast_sync_holds_nobody_back), CHECK_TEST(a_failed_sync_makes_nobody_wait),
      CHECK_TEST(each_failure_doubles_the_waits_passed_over), CHECK_TEST(a_success_ends_the_passing_over))
