#include "check.h"
#include "group_fixture.h"

#include <stdio.h>

static void a_deleted_group_is_gone_after_a_restart_too(void)
{
    struct group_fixture f;
    group_fixture_open(&f);
    group_fixture_commit(&f, "g", "t", 0, 1);
    group_fixture_commit(&f, "g", "u", 3, 1);
    struct commit_call call = group_fixture_commit_call(&f, "g", NULL, 0);
    group_coordinator_delete(f.coordinator, &call, f.now);
    CHECK(f.answers == 0);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(f.answers == 1 && call.call.error == KAFKA_NONE);
    CHECK(group_coordinator_find(f.coordinator, slice_of_text("g")) == NULL);
    group_fixture_restart(&f);
    CHECK(group_coordinator_find(f.coordinator, slice_of_text("g")) == NULL);
    call = group_fixture_commit_call(&f, "g", NULL, 0);
    group_coordinator_delete(f.coordinator, &call, f.now);
    CHECK(f.answers == 1 && call.call.error == KAFKA_GROUP_ID_NOT_FOUND);
    group_fixture_close(&f);
}

static void a_group_is_not_deleted_while_a_commit_is_on_its_way(void)
{
    struct group_fixture f;
    group_fixture_open(&f);
    struct commit_partition one = group_fixture_partition("t", 0, 1);
    struct commit_call call = group_fixture_commit_call(&f, "g", &one, 1),
                       deletion = group_fixture_commit_call(&f, "g", NULL, 0);
    group_coordinator_commit(f.coordinator, &call, f.now);
    group_coordinator_delete(f.coordinator, &deletion, f.now);
    CHECK(f.answers == 1 && deletion.call.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    group_fixture_answer(&f, KAFKA_NONE);
    deletion = group_fixture_commit_call(&f, "g", NULL, 0);
    group_coordinator_delete(f.coordinator, &deletion, f.now);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(f.answers == 1 && deletion.call.error == KAFKA_NONE);
    group_fixture_restart(&f);
    CHECK(group_coordinator_find(f.coordinator, slice_of_text("g")) == NULL);
    group_fixture_close(&f);
}

static void single_offsets_can_be_deleted(void)
{
    struct group_fixture f;
    group_fixture_open(&f);
    group_fixture_commit(&f, "g", "t", 0, 1);
    group_fixture_commit(&f, "g", "t", 1, 1);
    struct commit_partition parts[2] = {group_fixture_partition("t", 0, 0), group_fixture_partition("never", 0, 0)};
    struct commit_call call = group_fixture_commit_call(&f, "g", parts, 2);
    group_coordinator_delete_offsets(f.coordinator, &call, f.now);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(f.answers == 1 && parts[0].error == KAFKA_NONE && parts[1].error == KAFKA_NONE);
    CHECK(group_fixture_find(&f, "g", "t", 0) == NULL && group_fixture_find(&f, "g", "t", 1) != NULL);
    group_fixture_restart(&f);
    CHECK(group_fixture_find(&f, "g", "t", 0) == NULL && group_fixture_find(&f, "g", "t", 1) != NULL);
    group_fixture_close(&f);
}

static void a_deleted_topic_takes_its_offsets_along(void)
{
    struct group_fixture f;
    group_fixture_open(&f);
    group_fixture_commit(&f, "g", "t", 0, 1);
    group_fixture_commit(&f, "g", "u", 0, 1);
    group_fixture_commit(&f, "h", "u", 0, 1);
    group_coordinator_forget_topic(f.coordinator, slice_of_text("t"), f.now);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(group_fixture_find(&f, "g", "t", 0) == NULL && group_fixture_find(&f, "g", "u", 0) != NULL &&
          group_fixture_find(&f, "h", "u", 0) != NULL);
    group_fixture_restart(&f);
    CHECK(group_fixture_find(&f, "g", "t", 0) == NULL && group_fixture_find(&f, "g", "u", 0) != NULL);
    group_fixture_close(&f);
}

static void a_group_that_is_being_deleted_takes_no_commits_though_a_topic_goes(void)
{
    struct group_fixture f;
    group_fixture_open(&f);
    group_fixture_commit(&f, "g", "t", 0, 1);
    struct commit_call deletion = group_fixture_commit_call(&f, "g", NULL, 0);
    group_coordinator_delete(f.coordinator, &deletion, f.now);
    group_coordinator_forget_topic(f.coordinator, slice_of_text("t"), f.now);
    struct commit_partition one = group_fixture_partition("t", 0, 2);
    struct commit_call call = group_fixture_commit_call(&f, "g", &one, 1);
    group_coordinator_commit(f.coordinator, &call, f.now);
    CHECK(f.answers == 1 && one.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(f.answers == 2 && deletion.call.error == KAFKA_NONE);
    group_fixture_restart(&f);
    CHECK(group_coordinator_find(f.coordinator, slice_of_text("g")) == NULL);
    group_fixture_close(&f);
}

static void offsets_expire_from_their_commit_where_there_was_never_a_member(void)
{
    struct group_fixture f;
    group_fixture_open(&f);
    group_fixture_commit(&f, "g", "old", 0, 1);
    f.now.wall += 60000;
    group_fixture_commit(&f, "g", "new", 0, 1);
    f.now.wall += 50000;
    group_coordinator_clean(f.coordinator, f.now);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(group_fixture_find(&f, "g", "old", 0) == NULL && group_fixture_find(&f, "g", "new", 0) != NULL);
    f.now.wall += 100000;
    group_coordinator_clean(f.coordinator, f.now);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(group_coordinator_find(f.coordinator, slice_of_text("g")) == NULL);
    group_fixture_restart(&f);
    CHECK(group_coordinator_find(f.coordinator, slice_of_text("g")) == NULL);
    group_fixture_close(&f);
}

static void offsets_of_a_group_expire_from_when_its_last_member_left(void)
{
    struct group_fixture f;
    char id[80];
    group_fixture_open(&f);
    group_fixture_settle(&f, id);
    struct commit_partition one = group_fixture_partition("t", 0, 1);
    struct commit_call call = group_fixture_commit_call(&f, "g", &one, 1);
    call.member_id = slice_of_text(id);
    call.generation = 1;
    group_coordinator_commit(f.coordinator, &call, f.now);
    group_fixture_answer(&f, KAFKA_NONE);
    REQUIRE(one.error == KAFKA_NONE);
    f.now.wall += 200000;
    group_coordinator_clean(f.coordinator, f.now);
    CHECK(f.waiting_count == 0 && group_fixture_find(&f, "g", "t", 0) != NULL); /* there is a member */
    struct leave_member leaving = {.member_id = slice_of_text(id)};
    CHECK(group_coordinator_leave(f.coordinator, slice_of_text("g"), &leaving, 1, f.now) == KAFKA_NONE);
    group_fixture_answer(&f, KAFKA_NONE);
    f.now.wall += 99000;
    group_coordinator_clean(f.coordinator, f.now);
    CHECK(f.waiting_count == 0);
    group_fixture_restart(&f);
    f.now.wall += 1000;
    group_coordinator_clean(f.coordinator, f.now);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(group_coordinator_find(f.coordinator, slice_of_text("g")) == NULL);
    group_fixture_close(&f);
}

static void a_group_with_members_is_not_deleted(void)
{
    struct group_fixture f;
    char id[80];
    group_fixture_open(&f);
    group_fixture_settle(&f, id);
    struct commit_call call = group_fixture_commit_call(&f, "g", NULL, 0);
    group_coordinator_delete(f.coordinator, &call, f.now);
    CHECK(f.answers == 1 && call.call.error == KAFKA_NON_EMPTY_GROUP);
    group_fixture_close(&f);
}

/* ---- more than one batch ---- */

enum { MANY = 1200 };

/* Their tombstones fill more than two batches. Returns the group's name. */
static const char *commit_many(struct group_fixture *f)
{
    static struct commit_partition parts[MANY];
    static char name[1001];
    memset(name, 'g', sizeof name - 1);
    for (int32_t i = 0; i < MANY; i++)
        parts[i] = group_fixture_partition("t", i, 1);
    struct commit_call call = group_fixture_commit_call(f, name, parts, MANY);
    group_coordinator_commit(f->coordinator, &call, f->now);
    group_fixture_answer(f, KAFKA_NONE);
    REQUIRE(f->answers == 1 && group_fixture_find(f, name, "t", MANY - 1) != NULL);
    return name;
}

/* One batch after the other; the number of them. */
static int write_batches(struct group_fixture *f)
{
    int batches = 0;
    for (; f->waiting_count > 0; batches++) {
        REQUIRE(f->waiting_count == 1 && f->waiting[0]->size < 1 << 20 && batches < 10);
        group_fixture_answer_one(f, KAFKA_NONE);
    }
    return batches;
}

static void what_expires_together_may_take_several_batches(void)
{
    struct group_fixture f;
    group_fixture_open(&f);
    commit_many(&f);
    f.now.wall += 200000;
    group_coordinator_clean(f.coordinator, f.now);
    CHECK(write_batches(&f) == 3);
    CHECK(group_coordinator_count(f.coordinator) == 0);
    group_fixture_close(&f);
}

static void a_group_of_any_size_can_be_deleted(void)
{
    struct group_fixture f;
    group_fixture_open(&f);
    const char *name = commit_many(&f);
    struct commit_call call = group_fixture_commit_call(&f, name, NULL, 0);
    group_coordinator_delete(f.coordinator, &call, f.now);
    struct commit_partition one = group_fixture_partition("t", 0, 2);
    struct commit_call beside = group_fixture_commit_call(&f, name, &one, 1);
    group_fixture_answer_one(&f, KAFKA_NONE);
    group_coordinator_commit(f.coordinator, &beside, f.now);
    CHECK(f.answers == 1 && one.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    CHECK(write_batches(&f) == 2);
    CHECK(f.answers == 2 && call.call.error == KAFKA_NONE);
    CHECK(group_coordinator_count(f.coordinator) == 0);
    group_fixture_restart(&f);
    CHECK(group_coordinator_count(f.coordinator) == 0);
    group_fixture_close(&f);
}

static void a_deletion_that_fails_halfway_can_be_asked_for_again(void)
{
    struct group_fixture f;
    group_fixture_open(&f);
    const char *name = commit_many(&f);
    struct commit_call call = group_fixture_commit_call(&f, name, NULL, 0);
    group_coordinator_delete(f.coordinator, &call, f.now);
    group_fixture_answer_one(&f, KAFKA_NONE);
    group_fixture_answer(&f, KAFKA_KAFKA_STORAGE_ERROR);
    CHECK(f.answers == 1 && call.call.error == KAFKA_NOT_COORDINATOR);
    CHECK(group_fixture_find(&f, name, "t", 0) == NULL && group_fixture_find(&f, name, "t", MANY - 1) != NULL);
    group_fixture_restart(&f);
    CHECK(group_fixture_find(&f, name, "t", 0) == NULL && group_fixture_find(&f, name, "t", MANY - 1) != NULL);
    call = group_fixture_commit_call(&f, name, NULL, 0);
    group_coordinator_delete(f.coordinator, &call, f.now);
    CHECK(write_batches(&f) == 2);
    CHECK(f.answers == 1 && call.call.error == KAFKA_NONE && group_coordinator_count(f.coordinator) == 0);
    group_fixture_close(&f);
}

static void any_number_of_offsets_can_be_deleted(void)
{
    static struct commit_partition parts[MANY];
    struct group_fixture f;
    group_fixture_open(&f);
    const char *name = commit_many(&f);
    for (int32_t i = 0; i < MANY; i++)
        parts[i] = group_fixture_partition("t", MANY - i, 0); /* one of them was never committed, 0 stays */
    struct commit_call call = group_fixture_commit_call(&f, name, parts, MANY);
    group_coordinator_delete_offsets(f.coordinator, &call, f.now);
    CHECK(write_batches(&f) == 3);
    CHECK(f.answers == 1 && call.call.error == KAFKA_NONE && parts[MANY - 1].error == KAFKA_NONE);
    group_fixture_restart(&f);
    CHECK(group_fixture_find(&f, name, "t", 0) != NULL);
    for (int32_t i = 1; i < MANY; i++)
        CHECK(group_fixture_find(&f, name, "t", i) == NULL);
    group_fixture_close(&f);
}

static void a_deleted_topic_takes_any_number_of_offsets_along(void)
{
    struct group_fixture f;
    group_fixture_open(&f);
    const char *name = commit_many(&f);
    group_fixture_commit(&f, name, "u", 0, 1);
    group_coordinator_forget_topic(f.coordinator, slice_of_text("t"), f.now);
    CHECK(group_fixture_find(&f, name, "t", MANY - 1) == NULL);
    CHECK(write_batches(&f) == 3);
    for (int restarted = 0; restarted < 2; restarted++) {
        CHECK(group_fixture_find(&f, name, "u", 0) != NULL);
        for (int32_t i = 0; i < MANY; i++)
            CHECK(group_fixture_find(&f, name, "t", i) == NULL);
        group_fixture_restart(&f);
    }
    group_fixture_close(&f);
}

/* ---- beside commits ---- */

static void a_commit_under_way_goes_with_its_topic(void)
{
    struct group_fixture f;
    group_fixture_open(&f);
    struct commit_partition one = group_fixture_partition("t", 0, 1), two = group_fixture_partition("t", 0, 2);
    struct commit_call call = group_fixture_commit_call(&f, "g", &one, 1);
    struct commit_call early = group_fixture_commit_call(&f, "g", &two, 1);
    group_coordinator_commit(f.coordinator, &call, f.now);
    group_coordinator_forget_topic(f.coordinator, slice_of_text("t"), f.now);
    /* The topic is there again, the offset of the one before not yet gone. */
    group_coordinator_commit(f.coordinator, &early, f.now);
    CHECK(f.answers == 1 && two.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(f.answers == 2 && group_fixture_find(&f, "g", "t", 0) == NULL);
    group_fixture_restart(&f);
    CHECK(group_fixture_find(&f, "g", "t", 0) == NULL);
    group_fixture_commit(&f, "g", "t", 0, 3);
    CHECK(group_fixture_find(&f, "g", "t", 0)->offset == 3);
    group_fixture_close(&f);
}

static void what_a_deleted_topic_leaves_because_of_a_failure_goes_later(void)
{
    struct group_fixture f;
    group_fixture_open(&f);
    group_fixture_commit(&f, "g", "t", 0, 1);
    group_fixture_commit(&f, "g", "u", 0, 1);
    group_coordinator_forget_topic(f.coordinator, slice_of_text("t"), f.now);
    group_fixture_answer(&f, KAFKA_KAFKA_STORAGE_ERROR);
    CHECK(group_fixture_find(&f, "g", "t", 0) == NULL);
    group_coordinator_clean(f.coordinator, f.now);
    group_fixture_answer(&f, KAFKA_NONE);
    group_fixture_restart(&f);
    CHECK(group_fixture_find(&f, "g", "t", 0) == NULL && group_fixture_find(&f, "g", "u", 0) != NULL);
    group_fixture_close(&f);
}

static void a_commit_beside_the_deletion_of_its_offset_stays(void)
{
    struct group_fixture f;
    group_fixture_open(&f);
    group_fixture_commit(&f, "g", "t", 0, 1);
    struct commit_partition gone = group_fixture_partition("t", 0, 0), one = group_fixture_partition("t", 0, 2);
    struct commit_call deletion = group_fixture_commit_call(&f, "g", &gone, 1);
    struct commit_call call = group_fixture_commit_call(&f, "g", &one, 1);
    group_coordinator_delete_offsets(f.coordinator, &deletion, f.now);
    group_coordinator_commit(f.coordinator, &call, f.now);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(f.answers == 2 && group_fixture_find(&f, "g", "t", 0)->offset == 2);
    group_fixture_restart(&f);
    CHECK(group_fixture_find(&f, "g", "t", 0)->offset == 2);
    group_fixture_close(&f);
}

/* ---- expiry ---- */

static const char SUBSCRIPTION[] = "\0\1\0\0\0\1\0\4mine\xff\xff\xff\xff"; /* "mine", version 1 */

static void commit_as(struct group_fixture *f, const char *id, const char *topic)
{
    struct commit_partition one = group_fixture_partition(topic, 0, 1);
    struct commit_call call = group_fixture_commit_call(f, "g", &one, 1);
    call.member_id = slice_of_text(id);
    call.generation = 1;
    group_coordinator_commit(f->coordinator, &call, f->now);
    group_fixture_answer(f, KAFKA_NONE);
    REQUIRE(f->answers == 1 && one.error == KAFKA_NONE);
}

static void of_a_group_with_members_only_what_none_subscribes_to_expires(void)
{
    for (int readable = 0; readable < 2; readable++) {
        struct group_fixture f;
        char id[80];
        group_fixture_open(&f);
        f.protocol.metadata = slice_of(SUBSCRIPTION, readable ? sizeof SUBSCRIPTION - 1 : 7);
        group_fixture_settle(&f, id);
        commit_as(&f, id, "mine");
        commit_as(&f, id, "not any more");
        f.now.wall += 99999;
        group_coordinator_clean(f.coordinator, f.now);
        CHECK(f.waiting_count == 0);
        f.now.wall += 1;
        group_coordinator_clean(f.coordinator, f.now);
        group_fixture_answer(&f, KAFKA_NONE);
        group_fixture_restart(&f);
        CHECK(group_fixture_find(&f, "g", "mine", 0) != NULL);
        CHECK((group_fixture_find(&f, "g", "not any more", 0) == NULL) == (readable == 1));
        CHECK(group_coordinator_heartbeat(f.coordinator, slice_of_text("g"), slice_of_text(id), NULL_SLICE, 1, f.now) ==
              KAFKA_NONE);
        group_fixture_close(&f);
    }
}

static void a_client_may_say_how_long_its_offsets_are_kept(void)
{
    static const struct {
        int64_t asked, kept;
    } cases[] = {{500, 500}, {0, 100000}, {1000000, 1000000}, {1, 1}, {INT64_MAX, INT64_MAX / 4}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct group_fixture f;
        group_fixture_open(&f);
        struct commit_partition one = group_fixture_partition("t", 0, 1);
        struct commit_call call = group_fixture_commit_call(&f, "g", &one, 1);
        call.retention_ms = cases[i].asked;
        group_coordinator_commit(f.coordinator, &call, f.now);
        group_fixture_answer(&f, KAFKA_NONE);
        group_fixture_restart(&f);
        REQUIRE(group_fixture_find(&f, "g", "t", 0) != NULL);
        f.now.wall += cases[i].kept - 1;
        group_coordinator_clean(f.coordinator, f.now);
        CHECK(f.waiting_count == 0);
        f.now.wall += 1;
        group_coordinator_clean(f.coordinator, f.now);
        CHECK(f.waiting_count == (cases[i].asked == INT64_MAX ? 0 : 1));
        group_fixture_answer(&f, KAFKA_NONE);
        group_fixture_close(&f);
    }
}

static void removal_survives_any_failing_allocation(void)
{
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        struct group_fixture f;
        group_fixture_open(&f);
        const char *name = commit_many(&f);
        group_fixture_commit(&f, name, "u", 0, 1);
        memory_fail_at(&f.memory, nth);
        group_coordinator_forget_topic(f.coordinator, slice_of_text("t"), f.now);
        group_fixture_answer(&f, KAFKA_NONE);
        CHECK(group_fixture_find(&f, name, "t", 0) == NULL);
        struct commit_partition one = group_fixture_partition("u", 0, 0);
        struct commit_call call = group_fixture_commit_call(&f, name, &one, 1);
        group_coordinator_delete_offsets(f.coordinator, &call, f.now);
        group_fixture_answer(&f, KAFKA_NONE);
        CHECK(f.answers == 1);
        CHECK((group_fixture_find(&f, name, "u", 0) == NULL) == (call.call.error == KAFKA_NONE));
        struct commit_call deletion = group_fixture_commit_call(&f, name, NULL, 0);
        group_coordinator_delete(f.coordinator, &deletion, f.now);
        group_fixture_answer(&f, KAFKA_NONE);
        CHECK(f.answers == 1);
        CHECK((group_coordinator_count(f.coordinator) == 0) == (deletion.call.error == KAFKA_NONE));
        bool is_gone = deletion.call.error == KAFKA_NONE;
        failed = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        group_fixture_restart(&f);
        CHECK(!is_gone || group_coordinator_count(f.coordinator) == 0);
        group_fixture_close(&f);
        nth += nth < 40 ? 0 : 97; /* the tombstones' are alike */
        REQUIRE(nth < 100000);
    }
}

SUITE("group_removal", CHECK_TEST(a_deleted_group_is_gone_after_a_restart_too),
      CHECK_TEST(a_group_is_not_deleted_while_a_commit_is_on_its_way), CHECK_TEST(single_offsets_can_be_deleted),
      CHECK_TEST(a_deleted_topic_takes_its_offsets_along),
      CHECK_TEST(a_group_that_is_being_deleted_takes_no_commits_though_a_topic_goes),
      CHECK_TEST(offsets_expire_from_their_commit_where_there_was_never_a_member),
      CHECK_TEST(offsets_of_a_group_expire_from_when_its_last_member_left),
      CHECK_TEST(a_group_with_members_is_not_deleted), CHECK_TEST(what_expires_together_may_take_several_batches),
      CHECK_TEST(a_group_of_any_size_can_be_deleted), CHECK_TEST(a_deletion_that_fails_halfway_can_be_asked_for_again),
      CHECK_TEST(any_number_of_offsets_can_be_deleted), CHECK_TEST(a_deleted_topic_takes_any_number_of_offsets_along),
      CHECK_TEST(a_commit_under_way_goes_with_its_topic),
      CHECK_TEST(what_a_deleted_topic_leaves_because_of_a_failure_goes_later),
      CHECK_TEST(a_commit_beside_the_deletion_of_its_offset_stays),
      CHECK_TEST(of_a_group_with_members_only_what_none_subscribes_to_expires),
      CHECK_TEST(a_client_may_say_how_long_its_offsets_are_kept), CHECK_TEST(removal_survives_any_failing_allocation))
