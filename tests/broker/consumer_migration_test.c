#include "consumer_client.h"

#include <stdio.h>

/* ---- kinds ---- */

static void an_empty_group_changes_its_protocol_with_its_members(void)
{
    struct group_fixture f;
    struct consumer_client a;
    char id[80];
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 1);
    consumer_client_open(&a, &f, "a");
    group_fixture_settle(&f, id);
    CHECK(consumer_client_beat(&a) == KAFKA_GROUP_ID_NOT_FOUND);
    struct leave_member leaving = {.member_id = slice_of_text(id), .instance_id = NULL_SLICE};
    CHECK(group_coordinator_leave(f.coordinator, slice_of_text("g"), &leaving, 1, f.now) == KAFKA_NONE);
    group_fixture_answer(&f, KAFKA_NONE);
    group_fixture_commit(&f, "g", "t", 0, 42);
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.held_count == 1);
    group_fixture_restart(&f);
    const struct group *group = group_coordinator_find(f.coordinator, slice_of_text("g"));
    CHECK(group_is_consumer(group) && consumer_client_group_is(&f, "Stable"));
    CHECK(group_fixture_find(&f, "g", "t", 0)->offset == 42);
    consumer_client_send(&a, -1);
    group_fixture_answer(&f, KAFKA_NONE);
    group_fixture_settle(&f, id);
    group_fixture_restart(&f);
    group = group_coordinator_find(f.coordinator, slice_of_text("g"));
    CHECK(!group_is_consumer(group) && consumer_client_group_is(&f, "Stable"));
    CHECK(group_fixture_find(&f, "g", "t", 0)->offset == 42);
    consumer_client_close(&a);
    group_fixture_close(&f);
}

static void a_join_that_is_refused_changes_no_group(void)
{
    struct group_fixture f;
    struct consumer_client a;
    group_fixture_open(&f);
    group_fixture_commit(&f, "g", "t", 0, 42);
    consumer_client_open(&a, &f, "a");
    a.name_count = 0;
    a.regex = "(";
    CHECK_EQUAL(consumer_client_beat(&a), KAFKA_INVALID_REGULAR_EXPRESSION);
    CHECK(!group_is_consumer(group_coordinator_find(f.coordinator, slice_of_text("g"))) && f.waiting_count == 0);
    a.regex = "t";
    a.says_all = true;
    CHECK_EQUAL(consumer_client_beat(&a), KAFKA_NONE);
    CHECK(group_is_consumer(group_coordinator_find(f.coordinator, slice_of_text("g"))));
    consumer_client_close(&a);
    group_fixture_close(&f);
}

/* The batch that buries a member is under way when the group becomes one of the classic protocol, and fails. */
static void who_has_left_is_buried_with_the_group_though_its_own_batch_failed(void)
{
    struct group_fixture f;
    struct consumer_client a;
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 1);
    consumer_client_open(&a, &f, "member a");
    CHECK_EQUAL(consumer_client_beat(&a), KAFKA_NONE);
    consumer_client_send(&a, -1);
    struct join_call join = group_fixture_join_call(&f, "");
    join.requires_member_id = true;
    group_coordinator_join(f.coordinator, slice_of_text("g"), &join, f.now);
    CHECK_EQUAL(join.call.error, KAFKA_MEMBER_ID_REQUIRED);
    group_fixture_answer_one(&f, KAFKA_COORDINATOR_NOT_AVAILABLE);
    CHECK(group_fixture_count_standing(&f, "member a") > 0);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK_EQUAL(group_fixture_count_standing(&f, "member a"), 0);
    consumer_client_close(&a);
    group_fixture_close(&f);
}

/* The sync of a group of one; its assignment is on its way to the log. */
static void begin_sync(struct group_fixture *f, struct join_call *join, struct group_assignment *mine,
                       struct sync_call *sync)
{
    *join = group_fixture_join_call(f, "");
    group_coordinator_join(f->coordinator, slice_of_text("g"), join, f->now);
    REQUIRE(f->answers > 0 && join->call.error == KAFKA_NONE);
    *mine = (struct group_assignment){join->found_member_id, slice_of_text("all")};
    *sync = (struct sync_call){.call = {.done = group_fixture_done,
                                        .context = f,
                                        .arena = &f->arena,
                                        .error = KAFKA_UNKNOWN_SERVER_ERROR}, /* until it is answered */
                               .member_id = join->found_member_id,
                               .generation = join->generation,
                               .assignments = mine,
                               .assignment_count = 1};
    group_coordinator_sync(f->coordinator, slice_of_text("g"), sync, f->now);
    CHECK(sync->call.error == KAFKA_UNKNOWN_SERVER_ERROR);
}

static void what_a_group_wrote_before_it_changed_twice_answers_nobody(void)
{
    struct group_fixture f;
    struct consumer_client a, leaving;
    struct join_call joins[2];
    struct group_assignment assignments[2];
    struct sync_call syncs[2];
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 1);
    consumer_client_open(&a, &f, "a");
    consumer_client_open(&leaving, &f, "a");
    begin_sync(&f, &joins[0], &assignments[0], &syncs[0]);
    struct leave_member gone = {.member_id = joins[0].found_member_id, .instance_id = NULL_SLICE};
    CHECK(group_coordinator_leave(f.coordinator, slice_of_text("g"), &gone, 1, f.now) == KAFKA_NONE);
    consumer_client_begin_beat(&a);
    consumer_client_send(&leaving, -1);
    begin_sync(&f, &joins[1], &assignments[1], &syncs[1]);
    group_fixture_answer_one(&f, KAFKA_NONE);
    CHECK(syncs[1].call.error == KAFKA_UNKNOWN_SERVER_ERROR);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(syncs[1].call.error == KAFKA_NONE && consumer_client_group_is(&f, "Stable"));
    group_fixture_restart(&f);
    CHECK(consumer_client_group_is(&f, "Stable"));
    consumer_client_close(&a);
    consumer_client_close(&leaving);
    group_fixture_close(&f);
}

static void an_id_that_was_only_given_out_keeps_no_group_in_its_protocol(void)
{
    struct group_fixture f;
    struct consumer_client a;
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 1);
    consumer_client_open(&a, &f, "a");
    struct join_call join = group_fixture_join_call(&f, "");
    join.requires_member_id = true;
    group_coordinator_join(f.coordinator, slice_of_text("g"), &join, f.now);
    CHECK(join.call.error == KAFKA_MEMBER_ID_REQUIRED);
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.held_count == 1);
    consumer_client_close(&a);
    group_fixture_close(&f);
}

static void nothing_is_written_behind_the_end_of_a_group(void)
{
    struct group_fixture f;
    struct consumer_client a;
    group_fixture_open(&f);
    consumer_client_open(&a, &f, "a");
    CHECK(consumer_client_beat(&a) == KAFKA_NONE);
    consumer_client_send(&a, -1);
    group_fixture_answer(&f, KAFKA_KAFKA_STORAGE_ERROR); /* it has left, and the log does not know */
    struct commit_call deletion = group_fixture_commit_call(&f, "g", NULL, 0);
    group_coordinator_delete(f.coordinator, &deletion, f.now);
    CHECK(f.waiting_count == 1);
    a.epoch = 3;
    consumer_client_begin_beat(&a);
    CHECK(a.error == KAFKA_UNKNOWN_MEMBER_ID && f.waiting_count == 1);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(deletion.call.error == KAFKA_NONE);
    group_fixture_restart(&f);
    CHECK(group_coordinator_count(f.coordinator) == 0);
    consumer_client_close(&a);
    group_fixture_close(&f);
}

/* ---- members of both protocols ---- */

/* A client of the classic protocol, subscribed to "t". */
struct old_client {
    struct group_fixture *f;
    char id[80];
    int32_t generation;
    uint8_t subscription[64];
    struct join_protocol protocol;
    struct arena arena;
    struct join_call join;
    struct sync_call sync;
};

static void old_init(struct old_client *c, struct group_fixture *f)
{
    *c = (struct old_client){.f = f, .generation = -1};
    arena_init(&c->arena, &f->memory, MEMORY_REQUESTS, 1 << 20);
}

static void old_close(struct old_client *c)
{
    arena_close(&c->arena);
}

/* Version 1: the topic, no user data, what is held. */
static slice make_subscription(struct old_client *c, int held)
{
    static const uint8_t start[] = {0, 1, 0, 0, 0, 1, 0, 1, 't', 0xff, 0xff, 0xff, 0xff};
    uint8_t *at = c->subscription;
    memcpy(at, start, sizeof start);
    at += sizeof start;
    const uint8_t owned[] = {0, 0, 0, (uint8_t)(held > 0), 0, 1, 't', 0, 0, 0, (uint8_t)held};
    memcpy(at, owned, held > 0 ? sizeof owned : 4);
    at += held > 0 ? sizeof owned : 4;
    for (int i = 0; i < held; i++) {
        const uint8_t partition[] = {0, 0, 0, (uint8_t)i};
        memcpy(at, partition, 4);
        at += 4;
    }
    return slice_of(c->subscription, (size_t)(at - c->subscription));
}

/* It says that it holds the first `held` partitions. */
static enum kafka_error old_join(struct old_client *c, int held)
{
    arena_reset(&c->arena);
    c->protocol = (struct join_protocol){slice_of_text("cooperative-sticky"), make_subscription(c, held)};
    c->join = group_fixture_join_call(c->f, c->id);
    c->join.call.arena = &c->arena;
    c->join.protocols = &c->protocol;
    group_coordinator_join(c->f->coordinator, slice_of_text("g"), &c->join, c->f->now);
    group_fixture_answer(c->f, KAFKA_NONE);
    REQUIRE(c->f->answers > 0);
    if (c->join.call.error != KAFKA_NONE)
        return c->join.call.error;
    snprintf(c->id, sizeof c->id, "%.*s", SLICE_PRINT(c->join.found_member_id));
    c->generation = c->join.generation;
    return KAFKA_NONE;
}

/* Version 0 of one topic: how many partitions, and the first of them. */
static int count_assigned(slice assignment)
{
    return assignment.size < 17 ? 0 : assignment.data[12];
}

/* A leader gives itself partitions 0 and 1. */
static enum kafka_error old_sync(struct old_client *c, bool leads)
{
    static const uint8_t both[] = {0, 1, 0, 0, 0, 1, 0, 1, 't',  0,    0,    0,   2,
                                   0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff};
    static struct group_assignment mine;
    mine = (struct group_assignment){slice_of_text(c->id), slice_of(both, sizeof both)};
    c->f->answers = 0;
    c->sync = (struct sync_call){.call = {.done = group_fixture_done, .context = c->f, .arena = &c->arena},
                                 .member_id = slice_of_text(c->id),
                                 .generation = c->generation,
                                 .assignments = &mine,
                                 .assignment_count = leads};
    group_coordinator_sync(c->f->coordinator, slice_of_text("g"), &c->sync, c->f->now);
    group_fixture_answer(c->f, KAFKA_NONE);
    REQUIRE(c->f->answers > 0);
    return c->sync.call.error;
}

static enum kafka_error old_beat(struct old_client *c)
{
    enum kafka_error error = group_coordinator_heartbeat(c->f->coordinator, slice_of_text("g"), slice_of_text(c->id),
                                                         NULL_SLICE, c->generation, c->f->now);
    group_fixture_answer(c->f, KAFKA_NONE);
    return error;
}

static void open_migration(struct group_fixture *f, struct old_client *old, struct consumer_client *new)
{
    group_fixture_open(f);
    group_fixture_set_topic(f, "t", 1, 2);
    old_init(old, f);
    consumer_client_open(new, f, "new");
    REQUIRE(old_join(old, 0) == KAFKA_NONE && old_sync(old, true) == KAFKA_NONE);
}

static void close_migration(struct group_fixture *f, struct old_client *old, struct consumer_client *new)
{
    old_close(old);
    consumer_client_close(new);
    group_fixture_close(f);
}

static bool is_consumer(const struct group_fixture *f)
{
    return group_is_consumer(group_coordinator_find(f->coordinator, slice_of_text("g")));
}

static void a_group_is_migrated_and_back_member_by_member(void)
{
    struct group_fixture f;
    struct old_client old;
    struct consumer_client new;
    open_migration(&f, &old, &new);
    CHECK(consumer_client_beat(&new) == KAFKA_NONE && new.held_count == 0 && new.epoch == 2 && is_consumer(&f));
    CHECK(old_beat(&old) == KAFKA_REBALANCE_IN_PROGRESS);
    CHECK(old_join(&old, 2) == KAFKA_NONE && old.generation == 1 && old_sync(&old, false) == KAFKA_NONE);
    CHECK(count_assigned(old.sync.assignment) == 1 && old.sync.assignment.data[16] == 0);
    CHECK(consumer_client_beat(&new) == KAFKA_NONE && new.held_count == 0);
    CHECK(old_beat(&old) == KAFKA_REBALANCE_IN_PROGRESS); /* to say that it has given up the other */
    group_fixture_restart(&f);
    CHECK(is_consumer(&f));
    CHECK(old_join(&old, 1) == KAFKA_NONE && old.generation == 2 && old_sync(&old, false) == KAFKA_NONE);
    CHECK(count_assigned(old.sync.assignment) == 1 && old_beat(&old) == KAFKA_NONE);
    CHECK(consumer_client_beat(&new) == KAFKA_NONE && consumer_client_holds(&new, 1, 1) &&
          consumer_client_group_is(&f, "Stable"));

    consumer_client_send(&new, -1);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(new.error == KAFKA_NONE && !is_consumer(&f) && consumer_client_group_is(&f, "PreparingRebalance"));
    CHECK(old_beat(&old) != KAFKA_NONE);
    CHECK(old_join(&old, 1) == KAFKA_NONE && old_sync(&old, true) == KAFKA_NONE && old_beat(&old) == KAFKA_NONE);
    group_fixture_restart(&f);
    CHECK(!is_consumer(&f) && consumer_client_group_is(&f, "Stable") && old_beat(&old) == KAFKA_NONE);
    close_migration(&f, &old, &new);
}

static void the_last_of_the_consumer_protocol_may_also_expire(void)
{
    struct group_fixture f;
    struct old_client old;
    struct consumer_client new;
    open_migration(&f, &old, &new);
    CHECK(consumer_client_beat(&new) == KAFKA_NONE && is_consumer(&f));
    for (int i = 0; i < 9; i++) {
        f.now.steady += 5001;
        group_coordinator_expire(f.coordinator, f.now);
        group_fixture_answer(&f, KAFKA_NONE);
        enum kafka_error error = old_beat(&old);
        if (error == KAFKA_REBALANCE_IN_PROGRESS)
            CHECK(old_join(&old, 1) == KAFKA_NONE && old_sync(&old, false) == KAFKA_NONE);
    }
    CHECK(!is_consumer(&f));
    close_migration(&f, &old, &new);
}

static void a_group_is_not_migrated_where_that_is_not_wanted_or_not_possible(void)
{
    struct group_fixture f;
    struct old_client old;
    struct consumer_client new;
    open_migration(&f, &old, &new);
    f.limits.consumer_migration = CONSUMER_MIGRATION_DOWNGRADE;
    CHECK(consumer_client_beat(&new) == KAFKA_GROUP_ID_NOT_FOUND);
    CHECK(slice_equal(consumer_client_words(&new),
                      slice_of_text("Cannot upgrade classic group g to consumer group because online "
                                    "upgrade is disabled.")));
    f.limits.consumer_migration = CONSUMER_MIGRATION_UPGRADE;
    f.limits.consumer_max_size = 0;
    CHECK(consumer_client_beat(&new) == KAFKA_GROUP_ID_NOT_FOUND && !is_consumer(&f));
    f.limits.consumer_max_size = 2;
    CHECK(consumer_client_beat(&new) == KAFKA_NONE && is_consumer(&f));
    consumer_client_send(&new, -1);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(is_consumer(&f)); /* not back */
    old.protocol = (struct join_protocol){slice_of_text("range"), NULL_SLICE};
    struct join_call join = group_fixture_join_call(&f, "");
    group_coordinator_join(f.coordinator, slice_of_text("g"), &join, f.now);
    CHECK(join.call.error == KAFKA_INCONSISTENT_GROUP_PROTOCOL);
    close_migration(&f, &old, &new);
}

static void a_migration_survives_any_failing_allocation(void)
{
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        struct group_fixture f;
        struct old_client old;
        struct consumer_client new;
        open_migration(&f, &old, &new);
        memory_fail_at(&f.memory, nth);
        consumer_client_begin_beat(&new);
        group_fixture_answer(&f, KAFKA_NONE);
        CHECK(new.error == KAFKA_NONE || new.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
        if (is_consumer(&f) && old_beat(&old) == KAFKA_REBALANCE_IN_PROGRESS) {
            enum kafka_error error = old_join(&old, 2);
            CHECK(error == KAFKA_NONE || error == KAFKA_COORDINATOR_NOT_AVAILABLE);
            if (error == KAFKA_NONE)
                error = old_sync(&old, false);
            CHECK(error == KAFKA_NONE || error == KAFKA_COORDINATOR_NOT_AVAILABLE);
        }
        consumer_client_send(&new, -1);
        group_fixture_answer(&f, KAFKA_NONE);
        failed = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        f.now.steady += CONSUMER_RETRY_MS;
        group_coordinator_expire(f.coordinator, f.now);
        group_fixture_answer(&f, KAFKA_NONE);
        group_fixture_restart(&f);
        CHECK(!consumer_client_group_is(&f, "Dead"));
        close_migration(&f, &old, &new);
    }
}

SUITE("consumer_migration", CHECK_TEST(an_empty_group_changes_its_protocol_with_its_members),
      CHECK_TEST(a_join_that_is_refused_changes_no_group),
      CHECK_TEST(who_has_left_is_buried_with_the_group_though_its_own_batch_failed),
      CHECK_TEST(what_a_group_wrote_before_it_changed_twice_answers_nobody),
      CHECK_TEST(an_id_that_was_only_given_out_keeps_no_group_in_its_protocol),
      CHECK_TEST(nothing_is_written_behind_the_end_of_a_group),
      CHECK_TEST(a_group_is_migrated_and_back_member_by_member),
      CHECK_TEST(the_last_of_the_consumer_protocol_may_also_expire),
      CHECK_TEST(a_group_is_not_migrated_where_that_is_not_wanted_or_not_possible),
      CHECK_TEST(a_migration_survives_any_failing_allocation))
