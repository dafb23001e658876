#include "check.h"
#include "group_fixture.h"

#include <stdio.h>

static void a_commit_is_seen_and_answered_when_it_is_written(void)
{
    struct group_fixture f;
    group_fixture_open(&f);
    struct commit_partition parts[2] = {group_fixture_partition("t", 0, 10), group_fixture_partition("gone", 0, 5)};
    parts[1].error = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    struct commit_call call = group_fixture_commit_call(&f, "g", parts, 2);
    group_coordinator_commit(f.coordinator, &call, f.now);
    CHECK(f.answers == 0 && group_fixture_find(&f, "g", "t", 0) == NULL);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(f.answers == 1 && parts[0].error == KAFKA_NONE && parts[1].error == KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    const struct committed_offset *found = group_fixture_find(&f, "g", "t", 0);
    REQUIRE(found != NULL);
    CHECK(found->offset == 10 && found->leader_epoch == 2 && slice_equal(found->metadata, slice_of_text("mine")));
    CHECK(group_fixture_find(&f, "g", "gone", 0) == NULL);
    group_fixture_restart(&f);
    found = group_fixture_find(&f, "g", "t", 0);
    REQUIRE(found != NULL);
    CHECK(found->offset == 10 && found->committed_at == f.now.wall);
    group_fixture_close(&f);
}

static void a_commit_that_cannot_be_written_changes_nothing(void)
{
    struct group_fixture f;
    group_fixture_open(&f);
    group_fixture_commit(&f, "g", "t", 0, 10);
    struct commit_partition one = group_fixture_partition("t", 0, 11);
    struct commit_call call = group_fixture_commit_call(&f, "g", &one, 1);
    group_coordinator_commit(f.coordinator, &call, f.now);
    group_fixture_answer(&f, KAFKA_KAFKA_STORAGE_ERROR);
    CHECK(f.answers == 1 && one.error == KAFKA_NOT_COORDINATOR);
    CHECK(group_fixture_find(&f, "g", "t", 0)->offset == 10);
    group_fixture_close(&f);
}

static void a_member_commits_to_no_group_that_is_not_there(void)
{
    struct group_fixture f;
    group_fixture_open(&f);
    struct commit_partition one = group_fixture_partition("t", 0, 11);
    struct commit_call call = group_fixture_commit_call(&f, "g", &one, 1);
    call.generation = 4;
    call.member_id = slice_of_text("m");
    group_coordinator_commit(f.coordinator, &call, f.now);
    CHECK(f.answers == 1 && one.error == KAFKA_GROUP_ID_NOT_FOUND && f.waiting_count == 0);
    group_fixture_close(&f);
}

static void no_more_groups_than_the_limit(void)
{
    struct group_fixture f;
    group_fixture_open(&f);
    group_fixture_commit(&f, "a", "t", 0, 1);
    group_fixture_commit(&f, "b", "t", 0, 1);
    group_fixture_commit(&f, "c", "t", 0, 1);
    struct commit_partition one = group_fixture_partition("t", 0, 11);
    struct commit_call call = group_fixture_commit_call(&f, "d", &one, 1);
    group_coordinator_commit(f.coordinator, &call, f.now);
    CHECK(f.answers == 1 && one.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    f.limits.memory_bytes = 100;
    one = group_fixture_partition("t", 0, 11);
    call = group_fixture_commit_call(&f, "a", &one, 1);
    group_coordinator_commit(f.coordinator, &call, f.now);
    CHECK(f.answers == 1 && one.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    group_fixture_close(&f);
}

static void a_coordinator_that_does_not_know_what_is_committed_serves_no_group(void)
{
    struct group_fixture f;
    group_fixture_open(&f);
    group_fixture_commit(&f, "g", "t", 0, 1);
    group_coordinator_give_up(f.coordinator);
    CHECK(!group_coordinator_available(f.coordinator) && group_coordinator_count(f.coordinator) == 0);
    struct commit_partition one = group_fixture_partition("t", 0, 2);
    struct commit_call call = group_fixture_commit_call(&f, "g", &one, 1),
                       deletion = group_fixture_commit_call(&f, "g", NULL, 0);
    group_coordinator_commit(f.coordinator, &call, f.now);
    CHECK(f.answers == 1 && one.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    group_coordinator_delete(f.coordinator, &deletion, f.now);
    CHECK(f.answers == 2 && deletion.call.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    const char *const ids[] = {"", "a member of before"};
    for (int i = 0; i < 2; i++) {
        struct join_call join = group_fixture_join_call(&f, ids[i]);
        group_coordinator_join(f.coordinator, slice_of_text("g"), &join, f.now);
        CHECK(f.answers == 1 && join.call.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    }
    CHECK(f.waiting_count == 0 && group_coordinator_count(f.coordinator) == 0);
    group_coordinator_forget_all(f.coordinator, f.now);
    group_fixture_commit(&f, "g", "t", 0, 3);
    CHECK(group_fixture_find(&f, "g", "t", 0)->offset == 3);
    group_fixture_close(&f);
}

/* ---- members ---- */

static void a_group_and_its_members_survive_a_restart(void)
{
    struct group_fixture f;
    char id[80];
    group_fixture_open(&f);
    group_fixture_settle(&f, id);
    group_fixture_restart(&f);
    slice group_name = slice_of_text("g"), member = slice_of_text(id);
    CHECK(group_coordinator_heartbeat(f.coordinator, group_name, member, NULL_SLICE, 1, f.now) == KAFKA_NONE);
    struct sync_call sync = {
        .call = {.done = group_fixture_done, .context = &f, .arena = &f.arena}, .member_id = member, .generation = 1};
    f.answers = 0;
    group_coordinator_sync(f.coordinator, group_name, &sync, f.now);
    CHECK(f.answers == 1 && slice_equal(sync.assignment, slice_of_text("all")));
    CHECK(group_coordinator_wake_at(f.coordinator) == f.now.steady + 10000);
    f.now.steady += 10000;
    group_coordinator_expire(f.coordinator, f.now);
    CHECK(group_coordinator_heartbeat(f.coordinator, group_name, member, NULL_SLICE, 1, f.now) ==
          KAFKA_UNKNOWN_MEMBER_ID);
    group_fixture_answer(&f, KAFKA_NONE);
    group_fixture_close(&f);
}

static void with_their_log_all_groups_are_gone(void)
{
    struct group_fixture f;
    char id[80];
    group_fixture_open(&f);
    group_fixture_commit(&f, "h", "t", 0, 1);
    group_fixture_settle(&f, id);
    struct join_call again = group_fixture_join_call(&f, id);
    group_coordinator_join(f.coordinator, slice_of_text("g"), &again, f.now);
    REQUIRE(f.answers == 1 && again.generation == 2);
    struct sync_call sync = {.call = {.done = group_fixture_done, .context = &f, .arena = &f.arena},
                             .member_id = slice_of_text(id),
                             .generation = 2};
    group_coordinator_sync(f.coordinator, slice_of_text("g"), &sync, f.now);
    struct commit_partition one = group_fixture_partition("t", 0, 2);
    struct commit_call call = group_fixture_commit_call(&f, "h", &one, 1);
    struct commit_partition other = group_fixture_partition("t", 0, 0);
    struct commit_call deletion = group_fixture_commit_call(&f, "h", &other, 1);
    group_coordinator_commit(f.coordinator, &call, f.now);
    group_coordinator_delete_offsets(f.coordinator, &deletion, f.now);
    REQUIRE(f.answers == 0 && f.waiting_count == 3);

    group_coordinator_forget_all(f.coordinator, f.now);
    CHECK(f.answers == 1 && sync.call.error == KAFKA_NOT_COORDINATOR);
    CHECK(group_coordinator_count(f.coordinator) == 0 && group_fixture_find(&f, "h", "t", 0) == NULL);
    CHECK(group_coordinator_heartbeat(f.coordinator, slice_of_text("g"), slice_of_text(id), NULL_SLICE, 2, f.now) ==
          KAFKA_UNKNOWN_MEMBER_ID);
    /* The new log has a group of that name before the old one's writes have come back. */
    struct commit_partition newer = group_fixture_partition("t", 0, 7);
    struct commit_call commit = group_fixture_commit_call(&f, "h", &newer, 1);
    group_coordinator_commit(f.coordinator, &commit, f.now);
    group_fixture_answer_one(&f, KAFKA_NONE);
    group_fixture_answer_one(&f, KAFKA_NONE);
    group_fixture_answer_one(&f, KAFKA_KAFKA_STORAGE_ERROR);
    CHECK(f.answers == 2 && one.error == KAFKA_NOT_COORDINATOR && deletion.call.error == KAFKA_NOT_COORDINATOR);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(f.answers == 3 && newer.error == KAFKA_NONE);
    CHECK(group_coordinator_count(f.coordinator) == 1 && group_fixture_find(&f, "h", "t", 0)->offset == 7);
    CHECK(group_coordinator_idle(f.coordinator));
    group_fixture_close(&f);
}

static void newcomers_leave_room_for_those_who_are_members(void)
{
    struct group_fixture f;
    char id[80];
    group_fixture_open(&f);
    group_fixture_settle(&f, id);
    size_t used = atomic_load(&f.memory.counts[MEMORY_GROUPS].bytes);
    f.limits.memory_bytes = used / 6 * 8;
    struct join_call join = group_fixture_join_call(&f, "");
    group_coordinator_join(f.coordinator, slice_of_text("g"), &join, f.now);
    CHECK(f.answers == 1 && join.call.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    join = group_fixture_join_call(&f, "");
    group_coordinator_join(f.coordinator, slice_of_text("new"), &join, f.now);
    CHECK(f.answers == 1 && join.call.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    struct commit_partition one = group_fixture_partition("t", 0, 1);
    struct commit_call call = group_fixture_commit_call(&f, "new", &one, 1);
    group_coordinator_commit(f.coordinator, &call, f.now);
    CHECK(f.answers == 1 && one.error == KAFKA_COORDINATOR_NOT_AVAILABLE);

    join = group_fixture_join_call(&f, id);
    group_coordinator_join(f.coordinator, slice_of_text("g"), &join, f.now);
    CHECK(f.answers == 1 && join.call.error == KAFKA_NONE);
    f.limits.memory_bytes = used / 7 * 8;
    join = group_fixture_join_call(&f, id);
    group_coordinator_join(f.coordinator, slice_of_text("g"), &join, f.now);
    CHECK(f.answers == 1 && join.call.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    one = group_fixture_partition("t", 0, 1);
    call = group_fixture_commit_call(&f, "g", &one, 1);
    call.member_id = slice_of_text(id);
    call.generation = 2;
    group_coordinator_commit(f.coordinator, &call, f.now);
    CHECK(one.error == KAFKA_REBALANCE_IN_PROGRESS); /* nothing about memory */
    group_fixture_close(&f);
}

static void more_protocols_than_any_client_has_are_refused(void)
{
    static struct join_protocol protocols[GROUP_PROTOCOLS_MAX + 1];
    struct group_fixture f;
    group_fixture_open(&f);
    struct join_call join = group_fixture_join_call(&f, "");
    for (int i = 0; i <= GROUP_PROTOCOLS_MAX; i++)
        protocols[i] = join.protocols[0];
    join.protocols = protocols;
    join.protocol_count = GROUP_PROTOCOLS_MAX + 1;
    group_coordinator_join(f.coordinator, slice_of_text("g"), &join, f.now);
    CHECK(f.answers == 1 && join.call.error == KAFKA_INCONSISTENT_GROUP_PROTOCOL);
    join.protocol_count = GROUP_PROTOCOLS_MAX;
    group_coordinator_join(f.coordinator, slice_of_text("g"), &join, f.now);
    CHECK(f.answers == 2 && join.call.error == KAFKA_NONE);
    group_fixture_close(&f);
}

static void what_the_log_has_of_a_commit_is_known_whatever_allocation_fails(void)
{
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        struct group_fixture f;
        group_fixture_open(&f);
        group_fixture_commit(&f, "g", "t", 0, 1);
        struct commit_partition parts[3] = {group_fixture_partition("t", 0, 2), group_fixture_partition("new", 0, 3),
                                            group_fixture_partition("t", 1, 4)};
        struct commit_call call = group_fixture_commit_call(&f, "g", parts, 3);
        memory_fail_at(&f.memory, nth);
        group_coordinator_commit(f.coordinator, &call, f.now);
        group_fixture_answer(&f, KAFKA_NONE);
        failed = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        CHECK(f.answers == 1);
        for (int restarted = 0; restarted < 2; restarted++) {
            bool is_new = parts[0].error == KAFKA_NONE;
            CHECK(group_fixture_find(&f, "g", "t", 0)->offset == (is_new ? 2 : 1));
            CHECK((group_fixture_find(&f, "g", "new", 0) != NULL) == is_new);
            CHECK((group_fixture_find(&f, "g", "t", 1) != NULL) == is_new);
            group_fixture_restart(&f);
        }
        group_fixture_close(&f);
        REQUIRE(nth < 100);
    }
}

static void every_call_survives_any_failing_allocation(void)
{
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        struct group_fixture f;
        group_fixture_open(&f);
        memory_fail_at(&f.memory, nth);
        struct join_call join = group_fixture_join_call(&f, "");
        group_coordinator_join(f.coordinator, slice_of_text("g"), &join, f.now);
        CHECK(f.answers == 1);
        struct sync_call sync = {.call = {.done = group_fixture_done, .context = &f, .arena = &f.arena},
                                 .member_id = join.found_member_id,
                                 .generation = join.generation};
        group_coordinator_sync(f.coordinator, slice_of_text("g"), &sync, f.now);
        group_fixture_answer(&f, KAFKA_NONE);
        CHECK(f.answers == 2);
        struct commit_partition one = group_fixture_partition("t", 0, 1);
        struct commit_call call = group_fixture_commit_call(&f, "h", &one, 1);
        group_coordinator_commit(f.coordinator, &call, f.now);
        group_fixture_answer(&f, KAFKA_NONE);
        CHECK(f.answers == 1);
        struct commit_call deletion = group_fixture_commit_call(&f, "h", NULL, 0);
        group_coordinator_delete(f.coordinator, &deletion, f.now);
        group_fixture_answer(&f, KAFKA_NONE);
        CHECK(f.answers == 1);
        failed = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        group_fixture_close(&f);
        REQUIRE(nth < 300);
    }
}

SUITE("group_coordinator", CHECK_TEST(a_commit_is_seen_and_answered_when_it_is_written),
      CHECK_TEST(a_commit_that_cannot_be_written_changes_nothing),
      CHECK_TEST(a_member_commits_to_no_group_that_is_not_there), CHECK_TEST(no_more_groups_than_the_limit),
      CHECK_TEST(a_coordinator_that_does_not_know_what_is_committed_serves_no_group),
      CHECK_TEST(a_group_and_its_members_survive_a_restart), CHECK_TEST(with_their_log_all_groups_are_gone),
      CHECK_TEST(newcomers_leave_room_for_those_who_are_members),
      CHECK_TEST(more_protocols_than_any_client_has_are_refused),
      CHECK_TEST(what_the_log_has_of_a_commit_is_known_whatever_allocation_fails),
      CHECK_TEST(every_call_survives_any_failing_allocation))
