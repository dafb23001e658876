#include "classic_fixture.h"

#include <stdio.h>

static void a_static_member_that_comes_back_takes_its_place_without_a_rebalance(void)
{
    struct classic_fixture f;
    struct classic_client a, b, again;
    classic_fixture_open(&f);
    classic_client_open(&f, &a, "one", "");
    classic_client_open(&f, &b, "two", "");
    classic_fixture_settle_two(&f, &a, &b);
    classic_client_open(&f, &again, "two", "");
    classic_client_join_as(&f, &again, "range", "", true);
    CHECK(again.joined == 0 && f.writes == 1);
    classic_fixture_answer(&f, KAFKA_NONE);
    REQUIRE(again.joined == 1 && again.join.call.error == KAFKA_NONE);
    classic_client_keep_id(&again);
    CHECK(strncmp(again.id, "two-", 4) == 0 && strcmp(again.id, b.id) != 0);
    CHECK(again.join.generation == b.join.generation && !again.join.skip_assignment);
    CHECK(classic_client_heartbeat(&f, &b) == KAFKA_FENCED_INSTANCE_ID);
    CHECK(classic_client_heartbeat(&f, &a) == KAFKA_NONE);
    classic_client_sync(&f, &again, NULL, 0);
    CHECK(again.synced == 1 && slice_equal(again.sync.assignment, slice_of_text("second")));

    /* The leader too: it is told not to assign anything. */
    struct classic_client leader;
    classic_client_open(&f, &leader, "one", "");
    classic_client_join_as(&f, &leader, "range", "", true);
    classic_fixture_answer(&f, KAFKA_NONE);
    CHECK(leader.joined == 1 && leader.join.skip_assignment && leader.join.member_count == 2);
    classic_fixture_close_group(&f);
    arena_close(&a.arena);
    arena_close(&b.arena);
    arena_close(&again.arena);
    arena_close(&leader.arena);
    classic_fixture_close(&f);
}

static void a_static_members_old_id_is_valid_again_when_the_new_one_cannot_be_written(void)
{
    struct classic_fixture f;
    struct classic_client a, again;
    classic_fixture_open(&f);
    classic_client_open(&f, &a, "one", "");
    classic_fixture_settle_alone(&f, &a);
    classic_client_open(&f, &again, "one", "");
    classic_client_join_as(&f, &again, "range", "", true);
    classic_fixture_answer(&f, KAFKA_KAFKA_STORAGE_ERROR);
    CHECK(again.joined == 1 && again.join.call.error == KAFKA_NOT_COORDINATOR);
    CHECK(classic_client_heartbeat(&f, &a) == KAFKA_NONE);
    classic_fixture_close_group(&f);
    arena_close(&a.arena);
    arena_close(&again.arena);
    classic_fixture_close(&f);
}

static void one_replacement_is_written_after_the_other(void)
{
    struct classic_fixture f;
    struct classic_client a, again, third;
    classic_fixture_open(&f);
    classic_client_open(&f, &a, "one", "");
    classic_fixture_settle_alone(&f, &a);
    classic_client_open(&f, &again, "one", "");
    classic_client_open(&f, &third, "one", "");
    classic_client_join_as(&f, &again, "range", "", true);
    classic_client_join_as(&f, &third, "range", "", true);
    CHECK(again.joined == 0 && third.joined == 1 && third.join.call.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    classic_fixture_answer(&f, KAFKA_KAFKA_STORAGE_ERROR);
    CHECK(again.joined == 1 && again.join.call.error == KAFKA_NOT_COORDINATOR);
    CHECK(classic_client_heartbeat(&f, &a) == KAFKA_NONE); /* what the log says */
    classic_client_join_as(&f, &third, "range", "", true);
    classic_fixture_answer(&f, KAFKA_NONE);
    CHECK(third.joined == 1 && third.join.call.error == KAFKA_NONE);
    CHECK(classic_client_heartbeat(&f, &a) == KAFKA_FENCED_INSTANCE_ID);
    classic_fixture_close_group(&f);
    arena_close(&a.arena);
    arena_close(&again.arena);
    arena_close(&third.arena);
    classic_fixture_close(&f);
}

static void a_member_whose_replacement_fails_for_memory_is_not_kept_for_ever(void)
{
    bool failed = true;
    int fenced = 0;
    for (int64_t nth = 0; failed; nth++) {
        struct classic_fixture f;
        struct classic_client a, b, again;
        classic_fixture_open(&f);
        classic_client_open(&f, &a, "one", "");
        classic_client_open(&f, &b, "two", "");
        classic_fixture_settle_two(&f, &a, &b);
        snprintf(b.metadata, sizeof b.metadata, "more");
        classic_client_join_as(&f, &b, "range", "", true);
        REQUIRE(b.joined == 0);
        for (int i = 0; i < 4; i++) { /* past its session: it waits */
            classic_fixture_wait_until(&f, f.now + 5000);
            CHECK(classic_client_heartbeat(&f, &a) == KAFKA_REBALANCE_IN_PROGRESS);
        }
        classic_client_open(&f, &again, "two", "");
        memory_fail_at(&f.memory, nth);
        classic_client_join_as(&f, &again, "range", "", true);
        failed = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        bool is_lost = b.joined == 1 && again.joined == 1;
        for (int i = 0; i < 3 && is_lost; i++) {
            classic_fixture_wait_until(&f, f.now + 5000);
            CHECK(classic_client_heartbeat(&f, &a) == KAFKA_REBALANCE_IN_PROGRESS);
        }
        CHECK(classic_group_member_count(f.group) == (is_lost ? 1 : 2));
        fenced += is_lost;
        classic_fixture_close_group(&f);
        arena_close(&a.arena);
        arena_close(&b.arena);
        arena_close(&again.arena);
        classic_fixture_close(&f);
        REQUIRE(nth < 50);
    }
    CHECK(fenced > 0);
}

SUITE("classic_static", CHECK_TEST(a_static_member_that_comes_back_takes_its_place_without_a_rebalance),
      CHECK_TEST(a_static_members_old_id_is_valid_again_when_the_new_one_cannot_be_written),
      CHECK_TEST(one_replacement_is_written_after_the_other),
      CHECK_TEST(a_member_whose_replacement_fails_for_memory_is_not_kept_for_ever))
