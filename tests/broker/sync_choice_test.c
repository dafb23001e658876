#include "sync_choice.h"

#include "check.h"

static void few_files_are_synced_one_by_one(void)
{
    struct sync_choice choice = {0};
    CHECK(!sync_choice_all(&choice, 1));
    CHECK(!sync_choice_all(&choice, SYNC_CHOICE_MIN_PAUSES - 1));
    CHECK(sync_choice_all(&choice, SYNC_CHOICE_MIN_PAUSES));
}

static void what_takes_less_time_is_chosen(void)
{
    struct sync_choice choice = {0};
    sync_choice_note_each(&choice, 2, 2000);
    sync_choice_note_all(&choice, 10000);
    CHECK(!sync_choice_all(&choice, 10));
    CHECK(sync_choice_all(&choice, 11));
}

static void a_slow_sync_of_all_is_tried_again_some_day(void)
{
    struct sync_choice choice = {0};
    sync_choice_note_all(&choice, 50000000);
    CHECK(!sync_choice_all(&choice, 10));
    int times = 0;
    for (; !sync_choice_all(&choice, 10); times++)
        sync_choice_note_each(&choice, 10, 10 * 1000000);
    CHECK(times > 10 && times < 100);
}

static void one_that_is_out_of_the_way_changes_little(void)
{
    struct sync_choice choice = {0};
    for (int i = 0; i < 10; i++)
        sync_choice_note_each(&choice, 1, 1000000);
    sync_choice_note_all(&choice, 2000000);
    sync_choice_note_all(&choice, 9000000);
    CHECK(sync_choice_all(&choice, 4));
}

SUITE("sync choice", CHECK_TEST(few_files_are_synced_one_by_one), CHECK_TEST(what_takes_less_time_is_chosen),
      CHECK_TEST(a_slow_sync_of_all_is_tried_again_some_day), CHECK_TEST(one_that_is_out_of_the_way_changes_little))
