#include "classic_fixture.h"

#include <stdio.h>
#include <stdlib.h>

static void a_lone_member_leads_at_once_and_is_answered_when_its_assignment_is_written(void)
{
    struct classic_fixture f;
    struct classic_client c;
    classic_fixture_open(&f);
    classic_client_open(&f, &c, "", "topics");
    classic_client_join(&f, &c);
    REQUIRE(c.joined == 1);
    CHECK(c.join.call.error == KAFKA_NONE && c.join.generation == 1);
    CHECK(slice_equal(c.join.leader, c.join.found_member_id));
    CHECK(slice_equal(c.join.found_protocol, slice_of_text("range")));
    REQUIRE(c.join.member_count == 1);
    CHECK(slice_equal(c.join.members[0].metadata, slice_of_text("topics")));
    CHECK(strncmp(c.id, "client-", 7) == 0 && strlen(c.id) == 7 + 36);

    struct group_assignment mine = {slice_of_text(c.id), slice_of_text("all")};
    classic_client_sync(&f, &c, &mine, 1);
    CHECK(c.synced == 0);
    classic_fixture_answer(&f, KAFKA_NONE);
    CHECK(c.synced == 1 && slice_equal(c.sync.assignment, slice_of_text("all")));
    CHECK(classic_group_state(f.group) == CLASSIC_STABLE);
    classic_fixture_close_group(&f);
    arena_close(&c.arena);
    classic_fixture_close(&f);
}

static void a_new_member_is_given_an_id_first_when_its_protocol_says_so(void)
{
    struct classic_fixture f;
    struct classic_client c;
    classic_fixture_open(&f);
    classic_client_open(&f, &c, "", "");
    classic_client_join_as(&f, &c, "range", "", true);
    REQUIRE(c.joined == 1 && c.join.call.error == KAFKA_MEMBER_ID_REQUIRED);
    classic_client_keep_id(&c);
    CHECK(classic_group_member_count(f.group) == 0);
    CHECK(classic_client_heartbeat(&f, &c) == KAFKA_UNKNOWN_MEMBER_ID);
    classic_client_join_as(&f, &c, "range", "", true);
    CHECK(c.joined == 1 && c.join.call.error == KAFKA_NONE && c.join.generation == 1);

    struct classic_client never;
    classic_client_open(&f, &never, "", "");
    classic_client_join_as(&f, &never, "range", "", true);
    classic_client_keep_id(&never);
    classic_fixture_wait_until(&f, f.now + 9000);
    CHECK(classic_client_heartbeat(&f, &c) == KAFKA_NONE);
    classic_fixture_wait_until(&f, f.now + 1000);
    classic_client_join_as(&f, &never, "range", "", true);
    CHECK(never.joined == 1 && never.join.call.error == KAFKA_UNKNOWN_MEMBER_ID);
    classic_fixture_close_group(&f);
    arena_close(&c.arena);
    arena_close(&never.arena);
    classic_fixture_close(&f);
}

static void followers_wait_for_the_leader_and_get_what_it_assigned_them(void)
{
    struct classic_fixture f;
    struct classic_client a, b;
    classic_fixture_open(&f);
    classic_client_open(&f, &a, "", "a");
    classic_client_open(&f, &b, "", "b");
    classic_fixture_settle_alone(&f, &a);
    classic_client_join(&f, &b);
    CHECK(b.joined == 0);
    CHECK(classic_client_heartbeat(&f, &a) == KAFKA_REBALANCE_IN_PROGRESS);
    classic_client_join(&f, &a);
    REQUIRE(a.joined == 1 && b.joined == 1);
    classic_client_keep_id(&b);
    CHECK(a.join.generation == 2 && b.join.generation == 2);
    CHECK(a.join.member_count == 2 && b.join.member_count == 0);
    CHECK(slice_equal(b.join.leader, slice_of_text(a.id)));
    classic_client_sync(&f, &b, NULL, 0);
    CHECK(b.synced == 0);
    struct group_assignment only_b = {slice_of_text(b.id), slice_of_text("everything")};
    classic_client_sync(&f, &a, &only_b, 1);
    CHECK(f.writes == 1);
    classic_fixture_answer(&f, KAFKA_NONE);
    CHECK(slice_equal(b.sync.assignment, slice_of_text("everything")));
    CHECK(a.sync.assignment.size == 0 && a.sync.call.error == KAFKA_NONE);
    CHECK(classic_client_heartbeat(&f, &a) == KAFKA_NONE && classic_client_heartbeat(&f, &b) == KAFKA_NONE);
    classic_fixture_close_group(&f);
    arena_close(&a.arena);
    arena_close(&b.arena);
    classic_fixture_close(&f);
}

static void an_assignment_that_cannot_be_written_is_taken_back(void)
{
    struct classic_fixture f;
    struct classic_client c;
    classic_fixture_open(&f);
    classic_client_open(&f, &c, "", "");
    classic_client_join(&f, &c);
    struct group_assignment mine = {slice_of_text(c.id), slice_of_text("all")};
    classic_client_sync(&f, &c, &mine, 1);
    classic_fixture_answer(&f, KAFKA_KAFKA_STORAGE_ERROR);
    CHECK(c.synced == 1 && c.sync.call.error == KAFKA_NOT_COORDINATOR);
    CHECK(classic_group_state(f.group) == CLASSIC_PREPARING_REBALANCE);
    classic_fixture_settle_alone(&f, &c);
    CHECK(classic_group_generation(f.group) == 2);
    classic_fixture_close_group(&f);
    arena_close(&c.arena);
    classic_fixture_close(&f);
}

static void a_member_that_is_silent_is_removed_and_the_others_rebalance(void)
{
    struct classic_fixture f;
    struct classic_client a, b;
    classic_fixture_open(&f);
    classic_client_open(&f, &a, "", "");
    classic_client_open(&f, &b, "", "");
    classic_fixture_settle_two(&f, &a, &b);
    classic_fixture_wait_until(&f, f.now + 9000);
    CHECK(classic_client_heartbeat(&f, &b) == KAFKA_NONE);
    classic_fixture_wait_until(&f, f.now + 1000);
    CHECK(classic_group_member_count(f.group) == 1);
    CHECK(classic_client_heartbeat(&f, &a) == KAFKA_UNKNOWN_MEMBER_ID);
    CHECK(classic_client_heartbeat(&f, &b) == KAFKA_REBALANCE_IN_PROGRESS);
    classic_client_join(&f, &b);
    CHECK(b.joined == 1 && b.join.generation == 3 && b.join.member_count == 1);
    classic_fixture_close_group(&f);
    arena_close(&a.arena);
    arena_close(&b.arena);
    classic_fixture_close(&f);
}

static void a_member_that_does_not_join_again_is_left_behind(void)
{
    struct classic_fixture f;
    struct classic_client a, b;
    classic_fixture_open(&f);
    classic_client_open(&f, &a, "", "");
    classic_client_open(&f, &b, "", "");
    classic_fixture_settle_two(&f, &a, &b);
    classic_client_join(&f, &a);
    CHECK(a.joined == 0);
    for (int64_t end = f.now + 59000; f.now < end;) {
        CHECK(classic_client_heartbeat(&f, &b) == KAFKA_REBALANCE_IN_PROGRESS);
        classic_fixture_wait_until(&f, f.now + 1000);
    }
    CHECK(a.joined == 0);
    classic_fixture_wait_until(&f, f.now + 1000);
    CHECK(a.joined == 1 && a.join.call.error == KAFKA_NONE && a.join.member_count == 1);
    CHECK(classic_client_heartbeat(&f, &b) == KAFKA_UNKNOWN_MEMBER_ID);
    classic_fixture_close_group(&f);
    arena_close(&a.arena);
    arena_close(&b.arena);
    classic_fixture_close(&f);
}

static void who_does_not_sync_in_time_is_removed(void)
{
    struct classic_fixture f;
    struct classic_client c;
    classic_fixture_open(&f);
    classic_client_open(&f, &c, "", "");
    classic_client_join(&f, &c);
    for (int64_t end = f.now + 59000; f.now < end;) {
        classic_fixture_wait_until(&f, f.now + 1000);
        CHECK(classic_client_heartbeat(&f, &c) == KAFKA_NONE);
    }
    classic_fixture_wait_until(&f, f.now + 1000);
    CHECK(classic_group_member_count(f.group) == 0 && classic_group_state(f.group) == CLASSIC_EMPTY);
    CHECK(f.writes == 1); /* that it is empty */
    classic_fixture_close_group(&f);
    arena_close(&c.arena);
    classic_fixture_close(&f);
}

static void leaving_rebalances_at_once_and_the_last_to_leave_empties_the_group(void)
{
    struct classic_fixture f;
    struct classic_client a, b;
    classic_fixture_open(&f);
    classic_client_open(&f, &a, "", "");
    classic_client_open(&f, &b, "", "");
    classic_fixture_settle_two(&f, &a, &b);
    CHECK(classic_group_leave(f.group, slice_of_text("nobody"), NULL_SLICE) == KAFKA_UNKNOWN_MEMBER_ID);
    CHECK(classic_group_leave(f.group, slice_of_text(a.id), NULL_SLICE) == KAFKA_NONE);
    classic_group_settle(f.group, f.now);
    CHECK(classic_client_heartbeat(&f, &b) == KAFKA_REBALANCE_IN_PROGRESS);
    classic_client_join(&f, &b);
    CHECK(b.joined == 1 && slice_equal(b.join.leader, slice_of_text(b.id)));
    CHECK(classic_group_leave(f.group, slice_of_text(b.id), NULL_SLICE) == KAFKA_NONE);
    classic_group_settle(f.group, f.now);
    CHECK(classic_group_state(f.group) == CLASSIC_EMPTY && f.writes == 1);
    CHECK(slice_is_null(classic_group_leader(f.group)));
    classic_fixture_close_group(&f);
    arena_close(&a.arena);
    arena_close(&b.arena);
    classic_fixture_close(&f);
}

static void the_protocol_is_one_that_all_speak_and_most_prefer(void)
{
    struct classic_fixture f;
    struct classic_client a, b;
    classic_fixture_open(&f);
    classic_client_open(&f, &a, "", "");
    classic_client_open(&f, &b, "", "");
    classic_client_join_as(&f, &a, "range", "roundrobin", false);
    classic_client_keep_id(&a);
    classic_client_join_as(&f, &b, "sticky", "", false);
    CHECK(b.joined == 1 && b.join.call.error == KAFKA_INCONSISTENT_GROUP_PROTOCOL);
    classic_client_join_as(&f, &b, "sticky", "roundrobin", false);
    CHECK(b.joined == 0);
    classic_client_join_as(&f, &a, "range", "roundrobin", false);
    REQUIRE(a.joined == 1);
    CHECK(slice_equal(a.join.found_protocol, slice_of_text("roundrobin")));
    classic_fixture_close_group(&f);
    arena_close(&a.arena);
    arena_close(&b.arena);
    classic_fixture_close(&f);
}

static void a_full_group_takes_nobody_else(void)
{
    struct classic_fixture f;
    struct classic_client a, b;
    classic_fixture_open(&f);
    f.limits.max_size = 1;
    classic_client_open(&f, &a, "", "");
    classic_client_open(&f, &b, "", "");
    classic_fixture_settle_alone(&f, &a);
    classic_client_join(&f, &b);
    CHECK(b.joined == 1 && b.join.call.error == KAFKA_GROUP_MAX_SIZE_REACHED);
    classic_client_join(&f, &a);
    CHECK(a.joined == 1 && a.join.call.error == KAFKA_NONE);
    classic_fixture_close_group(&f);
    arena_close(&a.arena);
    arena_close(&b.arena);
    classic_fixture_close(&f);
}

static void the_initial_delay_gathers_members_into_one_generation(void)
{
    struct classic_fixture f;
    struct classic_client a, b;
    classic_fixture_open(&f);
    f.limits.initial_delay_ms = 3000;
    classic_client_open(&f, &a, "", "");
    classic_client_open(&f, &b, "", "");
    classic_client_join(&f, &a);
    classic_fixture_wait_until(&f, f.now + 2000);
    classic_client_join(&f, &b);
    classic_fixture_wait_until(&f, f.now + 1000);
    CHECK(a.joined == 0 && b.joined == 0); /* somebody came: a while longer */
    classic_fixture_wait_until(&f, f.now + 3000);
    CHECK(a.joined == 1 && b.joined == 1 && a.join.generation == 1 && a.join.member_count == 2);
    classic_fixture_close_group(&f);
    arena_close(&a.arena);
    arena_close(&b.arena);
    classic_fixture_close(&f);
}

static void commits_are_for_members_of_this_generation_or_for_groups_without_members(void)
{
    struct classic_fixture f;
    struct classic_client c;
    classic_fixture_open(&f);
    classic_client_open(&f, &c, "", "");
    slice none = slice_of_text(""), id;
    CHECK(classic_group_check_commit(f.group, none, NULL_SLICE, -1, false, f.now) == KAFKA_NONE);
    classic_client_join(&f, &c);
    id = slice_of_text(c.id);
    CHECK(classic_group_check_commit(f.group, none, NULL_SLICE, -1, false, f.now) == KAFKA_UNKNOWN_MEMBER_ID);
    CHECK(classic_group_check_commit(f.group, none, NULL_SLICE, -1, true, f.now) == KAFKA_NONE);
    CHECK(classic_group_check_commit(f.group, id, NULL_SLICE, 1, false, f.now) == KAFKA_REBALANCE_IN_PROGRESS);
    classic_fixture_settle_alone(&f, &c);
    CHECK(classic_group_check_commit(f.group, id, NULL_SLICE, 1, false, f.now) == KAFKA_NONE);
    CHECK(classic_group_check_commit(f.group, id, NULL_SLICE, 0, false, f.now) == KAFKA_ILLEGAL_GENERATION);
    CHECK(classic_group_check_commit(f.group, slice_of_text("x"), NULL_SLICE, 1, false, f.now) ==
          KAFKA_UNKNOWN_MEMBER_ID);
    classic_fixture_close_group(&f);
    arena_close(&c.arena);
    classic_fixture_close(&f);
}

static void a_join_survives_any_failing_allocation(void)
{
    struct classic_fixture f;
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        struct classic_client a, b;
        classic_fixture_open(&f);
        classic_client_open(&f, &a, "one", "metadata");
        classic_client_open(&f, &b, "", "metadata");
        memory_fail_at(&f.memory, nth);
        classic_client_join(&f, &a);
        classic_client_join(&f, &b);
        classic_client_join(&f, &a);
        classic_client_sync(&f, &a, NULL, 0);
        classic_fixture_answer(&f, KAFKA_NONE);
        failed = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        classic_fixture_close_group(&f);
        arena_close(&a.arena);
        arena_close(&b.arena);
        classic_fixture_close(&f);
        REQUIRE(nth < 200);
    }
}

/* ---- any order of events ---- */

#define CLIENTS    5
#define PARTITIONS 8

struct crowd {
    struct classic_fixture f;
    struct classic_client clients[CLIENTS];
    bool joining[CLIENTS];
    bool syncing[CLIENTS];
    int32_t owner_generation[CLIENTS]; /* of the assignment it holds; 0: none */
    unsigned owned[CLIENTS];           /* partitions, a bit each */
};

static void hear_answers(struct crowd *crowd)
{
    for (int i = 0; i < CLIENTS; i++) {
        struct classic_client *c = &crowd->clients[i];
        if (crowd->joining[i] && c->joined) {
            crowd->joining[i] = false;
            enum kafka_error error = c->join.call.error;
            if (error == KAFKA_NONE || error == KAFKA_MEMBER_ID_REQUIRED)
                classic_client_keep_id(c);
            else if (error == KAFKA_UNKNOWN_MEMBER_ID || error == KAFKA_FENCED_INSTANCE_ID)
                c->id[0] = '\0';
            crowd->owned[i] = 0;
        }
        if (crowd->syncing[i] && c->synced) {
            crowd->syncing[i] = false;
            if (c->sync.call.error != KAFKA_NONE)
                continue;
            crowd->owner_generation[i] = c->sync.generation;
            crowd->owned[i] = c->sync.assignment.size == 1 ? c->sync.assignment.data[0] : 0;
        }
    }
    for (int i = 0; i < CLIENTS; i++) {
        for (int j = i + 1; j < CLIENTS; j++) {
            bool same = crowd->owner_generation[i] == crowd->owner_generation[j];
            CHECK(!same || (crowd->owned[i] & crowd->owned[j]) == 0);
        }
    }
}

static void crowd_sync(struct crowd *crowd, int i)
{
    struct classic_client *c = &crowd->clients[i];
    struct group_assignment assignments[CLIENTS];
    uint8_t owned[CLIENTS] = {0};
    int32_t members = c->join.member_count;
    for (int p = 0; members > 0 && p < PARTITIONS; p++)
        owned[p % members] |= (uint8_t)(1U << p);
    for (int32_t m = 0; m < members; m++)
        assignments[m] = (struct group_assignment){c->join.members[m].id, slice_of(&owned[m], 1)};
    crowd->syncing[i] = true;
    classic_client_sync(&crowd->f, c, assignments, members);
}

static void crowd_act(struct crowd *crowd)
{
    struct classic_fixture *f = &crowd->f;
    int i = (int)random_below(&f->random, CLIENTS);
    struct classic_client *c = &crowd->clients[i];
    switch (random_below(&f->random, 8)) {
    case 0:
    case 1:
        if (!crowd->joining[i] && !crowd->syncing[i]) {
            crowd->joining[i] = true;
            classic_client_join_as(f, c, "range", "", random_chance(&f->random, 50));
        }
        break;
    case 2:
    case 3:
        if (!crowd->joining[i] && !crowd->syncing[i] && c->join.call.error == KAFKA_NONE && c->joined)
            crowd_sync(crowd, i);
        break;
    case 4:
        (void)classic_client_heartbeat(f, c);
        break;
    case 5:
        if (classic_group_leave(f->group, slice_of_text(c->id), classic_client_instance(c)) == KAFKA_NONE)
            classic_group_settle(f->group, f->now);
        group_answers_give(&f->answers);
        break;
    case 6:
        classic_fixture_answer(f, random_chance(&f->random, 80) ? KAFKA_NONE : KAFKA_KAFKA_STORAGE_ERROR);
        break;
    default:
        classic_fixture_wait_until(f, f->now + (int64_t)random_below(&f->random, 20000));
    }
}

static void a_partition_never_has_two_owners_in_one_generation(void)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct crowd crowd = {0};
        classic_fixture_open(&crowd.f);
        crowd.f.random.state = seed;
        crowd.f.limits.initial_delay_ms = seed % 3 == 0 ? 3000 : 0;
        for (int i = 0; i < CLIENTS; i++)
            classic_client_open(&crowd.f, &crowd.clients[i], i < 2 ? (i == 0 ? "one" : "two") : "", "m");
        for (int step = 0; step < 200; step++) {
            crowd_act(&crowd);
            hear_answers(&crowd);
        }
        classic_fixture_close_group(&crowd.f);
        hear_answers(&crowd);
        for (int i = 0; i < CLIENTS; i++) {
            CHECK(!crowd.joining[i] && !crowd.syncing[i]); /* whoever asked was answered */
            arena_close(&crowd.clients[i].arena);
        }
        CHECK(memory_total_bytes(&crowd.f.memory) == 0);
    }
}

SUITE("classic_group", CHECK_TEST(a_lone_member_leads_at_once_and_is_answered_when_its_assignment_is_written),
      CHECK_TEST(a_new_member_is_given_an_id_first_when_its_protocol_says_so),
      CHECK_TEST(followers_wait_for_the_leader_and_get_what_it_assigned_them),
      CHECK_TEST(an_assignment_that_cannot_be_written_is_taken_back),
      CHECK_TEST(a_member_that_is_silent_is_removed_and_the_others_rebalance),
      CHECK_TEST(a_member_that_does_not_join_again_is_left_behind), CHECK_TEST(who_does_not_sync_in_time_is_removed),
      CHECK_TEST(leaving_rebalances_at_once_and_the_last_to_leave_empties_the_group),
      CHECK_TEST(the_protocol_is_one_that_all_speak_and_most_prefer), CHECK_TEST(a_full_group_takes_nobody_else),
      CHECK_TEST(the_initial_delay_gathers_members_into_one_generation),
      CHECK_TEST(commits_are_for_members_of_this_generation_or_for_groups_without_members),
      CHECK_TEST(a_join_survives_any_failing_allocation),
      CHECK_TEST(a_partition_never_has_two_owners_in_one_generation))
