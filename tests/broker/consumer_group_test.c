#include "consumer_client.h"
#include "kafka/messages.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- one member, two members ---- */

static void the_first_member_is_given_everything_with_its_first_heartbeat(void)
{
    struct group_fixture f;
    struct consumer_client a;
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 3);
    consumer_client_open(&a, &f, "a");
    consumer_client_begin_beat(&a);
    CHECK(a.is_beating && f.waiting_count == 1); /* until it is durable, nothing is said */
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(a.error == KAFKA_NONE && a.epoch == 2 && a.held_count == 3);
    CHECK(a.call.response.heartbeat_interval_ms == 5000 && consumer_client_group_is(&f, "Stable"));
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && f.log_count == 1); /* what changes nothing is not written */
    consumer_client_close(&a);
    group_fixture_close(&f);
}

static void a_group_that_nobody_has_subscribed_in_is_of_epoch_one(void)
{
    struct group_fixture f;
    struct consumer_client a;
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 1);
    consumer_client_open(&a, &f, "a");
    a.name_count = 0;
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.epoch == 1 && a.held_count == 0);
    a.name_count = 1;
    a.says_all = true;
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.epoch == 2 && a.held_count == 1);
    consumer_client_close(&a);
    group_fixture_close(&f);
}

static void a_partition_goes_over_when_its_owner_has_given_it_up(void)
{
    struct group_fixture f;
    struct consumer_client a, b;
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 2);
    consumer_client_open(&a, &f, "a");
    consumer_client_open(&b, &f, "b");
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.held_count == 2);
    CHECK(consumer_client_beat(&b) == KAFKA_NONE && b.held_count == 0 && b.epoch == 3);
    CHECK(consumer_client_group_is(&f, "Reconciling"));
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.held_count == 1 && a.epoch == 2); /* asked to give one up */
    CHECK(consumer_client_beat(&b) == KAFKA_NONE && b.held_count == 0);
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.epoch == 3); /* has said so */
    CHECK(consumer_client_beat(&b) == KAFKA_NONE && b.held_count == 1);
    CHECK(b.held[0].partition != a.held[0].partition && consumer_client_group_is(&f, "Stable"));
    consumer_client_close(&a);
    consumer_client_close(&b);
    group_fixture_close(&f);
}

static void who_leaves_frees_what_it_held_at_once(void)
{
    struct group_fixture f;
    struct consumer_client a, b, *both[] = {&a, &b};
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 4);
    consumer_client_open(&a, &f, "a");
    consumer_client_open(&b, &f, "b");
    consumer_client_settle(both, 2);
    CHECK(a.held_count == 2 && b.held_count == 2);
    consumer_client_send(&b, -1);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(b.error == KAFKA_NONE && b.call.response.member_epoch == -1);
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.held_count == 4);
    CHECK(consumer_client_beat(&b) == KAFKA_UNKNOWN_MEMBER_ID);
    consumer_client_send(&a, -1);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(consumer_client_group_is(&f, "Empty"));
    consumer_client_close(&a);
    consumer_client_close(&b);
    group_fixture_close(&f);
}

static void a_silent_member_is_fenced_and_so_is_one_that_keeps_what_it_is_to_give_up(void)
{
    struct group_fixture f;
    struct consumer_client a, b;
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 2);
    consumer_client_open(&a, &f, "a");
    consumer_client_open(&b, &f, "b");
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && consumer_client_beat(&b) == KAFKA_NONE &&
          consumer_client_beat(&a) == KAFKA_NONE);
    a.says_all = false;
    for (int i = 0; i < 6; i++) { /* its rebalance timeout is 60 s, its session 45 s */
        f.now.steady += 10001;
        group_coordinator_expire(f.coordinator, f.now);
        group_fixture_answer(&f, KAFKA_NONE);
        a.says_all = false;
        CHECK(consumer_client_beat(&b) == KAFKA_NONE);
        if (i < 5)
            CHECK(consumer_client_beat(&a) == KAFKA_NONE);
    }
    CHECK(b.held_count == 2);
    CHECK(consumer_client_beat(&a) == KAFKA_UNKNOWN_MEMBER_ID);
    f.now.steady += 45000;
    group_coordinator_expire(f.coordinator, f.now);
    CHECK(consumer_client_group_is(&f, "Empty"));
    group_fixture_answer(&f, KAFKA_NONE);
    consumer_client_close(&a);
    consumer_client_close(&b);
    group_fixture_close(&f);
}

static void those_who_are_silent_together_go_together(void)
{
    enum { COUNT = 20 };
    struct group_fixture f;
    struct consumer_client members[COUNT];
    group_fixture_open(&f);
    f.limits.consumer_max_size = COUNT;
    group_fixture_set_topic(&f, "t", 1, 3);
    for (int i = 0; i < COUNT; i++) {
        char id[16];
        snprintf(id, sizeof id, "m%d", i);
        consumer_client_open(&members[i], &f, id);
        CHECK(consumer_client_beat(&members[i]) == KAFKA_NONE);
    }
    f.now.steady += 45000;
    CHECK(consumer_client_beat(&members[0]) == KAFKA_NONE);
    f.lookups = 0;
    group_coordinator_expire(f.coordinator, f.now);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(f.lookups == 1); /* of who is left, once, not with each who goes */
    for (int i = 0; i < 3; i++)
        CHECK(consumer_client_beat(&members[0]) == KAFKA_NONE);
    CHECK(members[0].held_count == 3);
    for (int i = 0; i < COUNT; i++)
        consumer_client_close(&members[i]);
    group_fixture_close(&f);
}

static void who_cannot_be_fenced_for_lack_of_memory_is_fenced_later(void)
{
    struct group_fixture f;
    struct consumer_client a, b;
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 2);
    consumer_client_open(&a, &f, "a");
    consumer_client_open(&b, &f, "b");
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && consumer_client_beat(&b) == KAFKA_NONE &&
          consumer_client_beat(&a) == KAFKA_NONE); /* is to give one up within a minute */
    f.now.steady += 60001;
    memory_fail_at(&f.memory, 0);
    group_coordinator_expire(f.coordinator, f.now);
    memory_fail_at(&f.memory, -1);
    CHECK(group_coordinator_wake_at(f.coordinator) > f.now.steady);
    f.now.steady += CONSUMER_RETRY_MS;
    group_coordinator_expire(f.coordinator, f.now);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(consumer_client_group_is(&f, "Empty"));
    consumer_client_close(&a);
    consumer_client_close(&b);
    group_fixture_close(&f);
}

/* Empty, it becomes one of the classic protocol and back while its first batch is under way. */
static void what_a_former_group_wrote_is_not_taken_for_what_the_present_one_writes(void)
{
    struct group_fixture f;
    struct consumer_client a, leaving, b, again;
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 2);
    consumer_client_open(&a, &f, "a");
    consumer_client_open(&leaving, &f, "a");
    consumer_client_open(&b, &f, "b");
    consumer_client_open(&again, &f, "b");
    consumer_client_begin_beat(&a);
    consumer_client_send(&leaving, -1);
    struct join_call join = group_fixture_join_call(&f, "");
    join.requires_member_id = true;
    group_coordinator_join(f.coordinator, slice_of_text("g"), &join, f.now);
    CHECK(join.call.error == KAFKA_MEMBER_ID_REQUIRED);
    consumer_client_begin_beat(&b);
    group_fixture_answer_one(&f, KAFKA_NONE);
    CHECK(!a.is_beating && b.is_beating);
    consumer_client_send(&again, 2);
    CHECK(again.is_beating); /* what it sees is not durable yet */
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(b.error == KAFKA_NONE && b.held_count == 2 && again.error == KAFKA_NONE);
    group_fixture_restart(&f);
    CHECK(consumer_client_beat(&b) == KAFKA_NONE && b.held_count == 2 && consumer_client_group_is(&f, "Stable"));
    f.now.steady += 40000;
    CHECK(consumer_client_beat(&b) == KAFKA_NONE);
    int32_t epoch = b.epoch;
    f.now.steady += 10000;
    group_coordinator_expire(f.coordinator, f.now); /* nobody who left has come back with the log */
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(consumer_client_beat(&b) == KAFKA_NONE && b.epoch == epoch);
    consumer_client_close(&a);
    consumer_client_close(&leaving);
    consumer_client_close(&b);
    consumer_client_close(&again);
    group_fixture_close(&f);
}

/* ---- static members ---- */

static void a_static_member_comes_back_to_what_it_had(void)
{
    struct group_fixture f;
    struct consumer_client a, b, again;
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 4);
    consumer_client_open(&a, &f, "a");
    consumer_client_open(&b, &f, "b");
    consumer_client_open(&again, &f, "again");
    a.instance = again.instance = "i";
    struct consumer_client *both[] = {&a, &b};
    consumer_client_settle(both, 2);
    int32_t epoch = b.epoch;
    consumer_client_begin_beat(&again);
    CHECK(again.error == KAFKA_UNRELEASED_INSTANCE_ID);
    consumer_client_send(&a, -2);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(a.error == KAFKA_NONE && a.call.response.member_epoch == -2);
    CHECK(consumer_client_beat(&b) == KAFKA_NONE && b.held_count == 2);
    again.epoch = 0;
    CHECK(consumer_client_beat(&again) == KAFKA_NONE && again.held_count == 2 && again.epoch == epoch);
    CHECK(consumer_client_beat(&b) == KAFKA_NONE && b.epoch == epoch); /* nobody else noticed */
    a.epoch = epoch;
    CHECK(consumer_client_beat(&a) == KAFKA_FENCED_INSTANCE_ID);
    CHECK(slice_equal(consumer_client_words(&a),
                      slice_of_text("Static member a with instance id i was fenced by member again.")));
    consumer_client_close(&a);
    consumer_client_close(&b);
    consumer_client_close(&again);
    group_fixture_close(&f);
}

/* ---- topics ---- */

static void topics_that_come_grow_and_go_are_noticed(void)
{
    struct group_fixture f;
    struct consumer_client a;
    group_fixture_open(&f);
    consumer_client_open(&a, &f, "a");
    a.names[1] = slice_of_text("u");
    a.name_count = 2;
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.held_count == 0 && a.epoch == 2);
    group_fixture_set_topic(&f, "t", 1, 1);
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.held_count == 1 && a.epoch == 3);
    group_fixture_set_topic(&f, "t", 1, 3);
    group_fixture_set_topic(&f, "other", 9, 3);
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.held_count == 3 && a.epoch == 4);
    group_fixture_set_topic(&f, "other", 9, 4);
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.epoch == 4); /* not its affair */
    group_fixture_set_topic(&f, "u", 2, 2);
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.held_count == 5);
    group_fixture_delete_topic(&f, "t");
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.held_count == 2);
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.held_count == 2 && consumer_client_group_is(&f, "Stable"));
    group_fixture_set_topic(&f, "t", 3, 2); /* another one of the name */
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && consumer_client_holds(&a, 3, 0) &&
          consumer_client_holds(&a, 3, 1) && consumer_client_holds(&a, 2, 0));
    consumer_client_close(&a);
    group_fixture_close(&f);
}

static void a_subscription_by_expression_follows_the_topics(void)
{
    struct group_fixture f;
    struct consumer_client a;
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "logs-1", 1, 1);
    group_fixture_set_topic(&f, "metrics", 2, 1);
    consumer_client_open(&a, &f, "a");
    a.name_count = 0;
    a.regex = "logs-.*";
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.held_count == 1 && consumer_client_holds(&a, 1, 0));
    group_fixture_set_topic(&f, "logs-2", 3, 2);
    f.now.steady += CONSUMER_REGEX_REFRESH_MS;
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.held_count == 3);
    group_fixture_restart(&f);
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.held_count == 3);
    a.regex = "metrics|none";
    a.says_all = true;
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && consumer_client_beat(&a) == KAFKA_NONE);
    CHECK(a.held_count == 1 && consumer_client_holds(&a, 2, 0));
    a.regex = "(";
    a.says_all = true;
    CHECK(consumer_client_beat(&a) == KAFKA_INVALID_REGULAR_EXPRESSION && consumer_client_words(&a).size > 0);
    group_fixture_set_topic(&f, "aaaaaaaaaaaaaaaaaaaaaaaaac", 4, 1);
    a.regex = "((((a?){9}){9})*)*b"; /* more work than is done for anybody */
    a.says_all = true;
    CHECK(consumer_client_beat(&a) == KAFKA_INVALID_REGULAR_EXPRESSION && consumer_client_words(&a).size > 0);
    consumer_client_close(&a);
    group_fixture_close(&f);
}

static void a_join_that_is_refused_leaves_no_group(void)
{
    struct group_fixture f;
    struct consumer_client a;
    group_fixture_open(&f);
    consumer_client_open(&a, &f, "a");
    a.name_count = 0;
    a.regex = "(";
    CHECK_EQUAL(consumer_client_beat(&a), KAFKA_INVALID_REGULAR_EXPRESSION);
    CHECK_EQUAL(group_coordinator_count(f.coordinator), 0);
    a.regex = "t";
    a.says_all = true;
    CHECK_EQUAL(consumer_client_beat(&a), KAFKA_NONE);
    CHECK_EQUAL(group_coordinator_count(f.coordinator), 1);
    consumer_client_close(&a);
    group_fixture_close(&f);
}

static void a_join_that_is_refused_leaves_a_classic_group_what_it_is(void)
{
    struct group_fixture f;
    struct consumer_client a;
    char id[80];
    group_fixture_open(&f);
    consumer_client_open(&a, &f, "a");
    group_fixture_commit(&f, "g", "t", 0, 42);
    a.name_count = 0;
    a.regex = "(";
    for (int has_member = 0; has_member < 2; has_member++) {
        if (has_member)
            group_fixture_settle(&f, id);
        a.says_all = true;
        int batches = f.log_count;
        CHECK_EQUAL(consumer_client_beat(&a), KAFKA_INVALID_REGULAR_EXPRESSION);
        const struct group *group = group_coordinator_find(f.coordinator, slice_of_text("g"));
        CHECK(group != NULL && !group_is_consumer(group));
        CHECK_EQUAL(f.log_count, batches);
    }
    consumer_client_close(&a);
    group_fixture_close(&f);
}

static void a_static_member_does_not_come_back_as_somebody_else(void)
{
    struct group_fixture f;
    struct consumer_client a, b, again;
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 2);
    consumer_client_open(&a, &f, "a");
    consumer_client_open(&b, &f, "b");
    consumer_client_open(&again, &f, "b");
    a.instance = again.instance = "i";
    struct consumer_client *both[] = {&a, &b};
    consumer_client_settle(both, 2);
    consumer_client_send(&a, -2);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(a.error == KAFKA_NONE);
    CHECK_EQUAL(consumer_client_beat(&again), KAFKA_INVALID_REQUEST);
    CHECK(consumer_client_beat(&b) == KAFKA_NONE && b.held_count == 1);
    memcpy(again.id, "c", 2);
    CHECK(consumer_client_beat(&again) == KAFKA_NONE && again.held_count == 1);
    consumer_client_close(&a);
    consumer_client_close(&b);
    consumer_client_close(&again);
    group_fixture_close(&f);
}

static void members_ask_for_the_assignors_that_there_are(void)
{
    struct group_fixture f;
    struct consumer_client a, b;
    group_fixture_open(&f);
    f.limits.assignors = (struct assignor_list){.items = {ASSIGNOR_RANGE}, .count = 1};
    group_fixture_set_topic(&f, "t", 1, 4);
    consumer_client_open(&a, &f, "a");
    consumer_client_open(&b, &f, "b");
    a.assignor = "uniform";
    CHECK_EQUAL(consumer_client_beat(&a), KAFKA_UNSUPPORTED_ASSIGNOR);
    CHECK(slice_equal(consumer_client_words(&a),
                      slice_of_text("ServerAssignor uniform is not supported. Supported assignors: range.")));
    a.assignor = NULL;
    struct consumer_client *both[] = {&a, &b};
    consumer_client_settle(both, 2);
    CHECK(consumer_client_holds(&a, 1, 0) && consumer_client_holds(&a, 1, 1)); /* consecutive: range's */
    CHECK(consumer_client_holds(&b, 1, 2) && consumer_client_holds(&b, 1, 3));
    consumer_client_close(&a);
    consumer_client_close(&b);
    group_fixture_close(&f);
}

/* A power cut may leave the records of a member but for those that describe it. */
static void what_is_left_of_a_member_in_the_log_is_buried(void)
{
    struct group_fixture f;
    struct consumer_client a, b;
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 2);
    consumer_client_open(&a, &f, "member a");
    consumer_client_open(&b, &f, "member b");
    CHECK_EQUAL(consumer_client_beat(&b), KAFKA_NONE);
    CHECK_EQUAL(consumer_client_beat(&a), KAFKA_NONE);
    struct consumer_group_member_metadata_key key = {.group_id = slice_of_text("g"),
                                                     .member_id = slice_of_text("member a")};
    group_fixture_write_tombstone(&f, &consumer_group_member_metadata_key_type, &key);
    CHECK(group_fixture_count_standing(&f, "member a") > 0);
    group_fixture_restart(&f);
    CHECK_EQUAL(consumer_client_beat(&b), KAFKA_NONE);
    CHECK_EQUAL(group_fixture_count_standing(&f, "member a"), 0);
    consumer_client_close(&a);
    consumer_client_close(&b);
    group_fixture_close(&f);
}

static void offsets_expire_from_when_the_last_member_left_also_after_a_restart(void)
{
    struct group_fixture f;
    struct consumer_client a;
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 1);
    consumer_client_open(&a, &f, "a");
    group_fixture_commit(&f, "g", "t", 0, 42);
    CHECK(consumer_client_beat(&a) == KAFKA_NONE);
    f.now.wall += f.limits.offsets_retention_ms;
    consumer_client_send(&a, -1);
    group_fixture_answer(&f, KAFKA_NONE);
    group_fixture_restart(&f);
    f.now.wall += f.limits.offsets_retention_ms - 1;
    group_coordinator_clean(f.coordinator, f.now);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(group_fixture_find(&f, "g", "t", 0) != NULL);
    f.now.wall += 1;
    group_coordinator_clean(f.coordinator, f.now);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(consumer_client_group_is(&f, "Dead"));
    group_fixture_restart(&f);
    CHECK(consumer_client_group_is(&f, "Dead"));
    consumer_client_close(&a);
    group_fixture_close(&f);
}

/* ---- bad input ---- */

static void bad_requests_change_nothing(void)
{
    struct group_fixture f;
    struct consumer_client a, b;
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 2);
    consumer_client_open(&a, &f, "a");
    consumer_client_open(&b, &f, "b");
    CHECK(consumer_client_beat(&a) == KAFKA_NONE);
    int batches = f.log_count;
    b.epoch = 5;
    CHECK(consumer_client_beat(&b) == KAFKA_UNKNOWN_MEMBER_ID);
    CHECK(slice_equal(consumer_client_words(&b), slice_of_text("Member b is not a member of group g.")));
    b.assignor = "sticky";
    CHECK(consumer_client_beat(&b) == KAFKA_UNSUPPORTED_ASSIGNOR);
    b.assignor = NULL;
    b.id[0] = '\0';
    CHECK(consumer_client_beat(&b) == KAFKA_INVALID_REQUEST);
    CHECK(slice_equal(consumer_client_words(&b), slice_of_text("MemberId can't be empty.")));
    struct consumer_client stale;
    consumer_client_open(&stale, &f, "a");
    stale.epoch = 7;
    CHECK(consumer_client_beat(&stale) == KAFKA_FENCED_MEMBER_EPOCH);
    consumer_client_send(&stale, -3);
    CHECK(stale.error == KAFKA_INVALID_REQUEST);
    consumer_client_send(&stale, -2);
    CHECK(stale.error == KAFKA_INVALID_REQUEST);
    CHECK(f.log_count == batches && f.waiting_count == 0);
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.held_count == 2 && a.epoch == 2);
    consumer_client_close(&stale);
    consumer_client_close(&a);
    consumer_client_close(&b);
    group_fixture_close(&f);
}

static void beyond_the_bound_of_memory_nothing_new_is_kept(void)
{
    struct group_fixture f;
    struct consumer_client a, b;
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 1);
    consumer_client_open(&a, &f, "a");
    consumer_client_open(&b, &f, "b");
    CHECK(consumer_client_beat(&a) == KAFKA_NONE);
    f.limits.memory_bytes = 1;
    CHECK(consumer_client_beat(&b) == KAFKA_COORDINATOR_NOT_AVAILABLE);
    a.says_all = true;
    CHECK(consumer_client_beat(&a) == KAFKA_COORDINATOR_NOT_AVAILABLE);
    a.says_all = false;
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.held_count == 1);
    consumer_client_close(&a);
    consumer_client_close(&b);
    group_fixture_close(&f);
}

static void a_full_group_takes_no_more_members(void)
{
    struct group_fixture f;
    struct consumer_client a, b;
    group_fixture_open(&f);
    f.limits.consumer_max_size = 1;
    consumer_client_open(&a, &f, "a");
    consumer_client_open(&b, &f, "b");
    CHECK(consumer_client_beat(&a) == KAFKA_NONE);
    CHECK(consumer_client_beat(&b) == KAFKA_GROUP_MAX_SIZE_REACHED);
    CHECK(consumer_client_beat(&a) == KAFKA_NONE);
    consumer_client_close(&a);
    consumer_client_close(&b);
    group_fixture_close(&f);
}

static void who_says_more_than_a_record_holds_does_not_keep_the_others_from_being_answered(void)
{
    const size_t size = (size_t)17 << 20;
    uint8_t *name = calloc(1, size);
    struct group_fixture f;
    struct consumer_client a, b;
    REQUIRE(name != NULL);
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 2);
    consumer_client_open(&a, &f, "a");
    consumer_client_open(&b, &f, "b");
    b.names[0] = slice_of(name, size);
    CHECK(consumer_client_beat(&a) == KAFKA_NONE);
    CHECK(consumer_client_beat(&b) == KAFKA_UNKNOWN_SERVER_ERROR);
    consumer_client_begin_beat(&a);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(a.error == KAFKA_NONE && a.held_count == 2 && consumer_client_group_is(&f, "Stable"));
    consumer_client_close(&a);
    consumer_client_close(&b);
    group_fixture_close(&f);
    free(name);
}

/* ---- memory ---- */

static void a_rebalance_survives_any_failing_allocation(void)
{
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        struct group_fixture f;
        struct consumer_client a, b, *both[] = {&a, &b};
        group_fixture_open(&f);
        group_fixture_set_topic(&f, "t", 1, 3);
        consumer_client_open(&a, &f, "a");
        consumer_client_open(&b, &f, "b");
        b.regex = "t";
        CHECK(consumer_client_beat(&a) == KAFKA_NONE);
        memory_fail_at(&f.memory, nth);
        for (int i = 0; i < 3; i++) {
            for (int j = 0; j < 2; j++) {
                consumer_client_begin_beat(both[j]);
                group_fixture_answer(&f, KAFKA_NONE);
                CHECK(both[j]->error == KAFKA_NONE || both[j]->error == KAFKA_COORDINATOR_NOT_AVAILABLE);
            }
        }
        failed = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        consumer_client_settle(both, 2);
        CHECK(a.held_count + b.held_count == 3 && consumer_client_group_is(&f, "Stable"));
        group_fixture_restart(&f);
        CHECK(consumer_client_group_is(&f, "Stable"));
        consumer_client_settle(both, 2);
        CHECK(a.held_count + b.held_count == 3);
        consumer_client_close(&a);
        consumer_client_close(&b);
        group_fixture_close(&f);
    }
}

SUITE("consumer_group", CHECK_TEST(the_first_member_is_given_everything_with_its_first_heartbeat),
      CHECK_TEST(a_group_that_nobody_has_subscribed_in_is_of_epoch_one),
      CHECK_TEST(a_partition_goes_over_when_its_owner_has_given_it_up),
      CHECK_TEST(who_leaves_frees_what_it_held_at_once),
      CHECK_TEST(a_silent_member_is_fenced_and_so_is_one_that_keeps_what_it_is_to_give_up),
      CHECK_TEST(those_who_are_silent_together_go_together),
      CHECK_TEST(who_cannot_be_fenced_for_lack_of_memory_is_fenced_later),
      CHECK_TEST(what_a_former_group_wrote_is_not_taken_for_what_the_present_one_writes),
      CHECK_TEST(a_static_member_comes_back_to_what_it_had), CHECK_TEST(topics_that_come_grow_and_go_are_noticed),
      CHECK_TEST(a_subscription_by_expression_follows_the_topics), CHECK_TEST(a_join_that_is_refused_leaves_no_group),
      CHECK_TEST(a_join_that_is_refused_leaves_a_classic_group_what_it_is),
      CHECK_TEST(a_static_member_does_not_come_back_as_somebody_else),
      CHECK_TEST(members_ask_for_the_assignors_that_there_are),
      CHECK_TEST(what_is_left_of_a_member_in_the_log_is_buried),
      CHECK_TEST(offsets_expire_from_when_the_last_member_left_also_after_a_restart),
      CHECK_TEST(bad_requests_change_nothing), CHECK_TEST(a_full_group_takes_no_more_members),
      CHECK_TEST(who_says_more_than_a_record_holds_does_not_keep_the_others_from_being_answered),
      CHECK_TEST(beyond_the_bound_of_memory_nothing_new_is_kept),
      CHECK_TEST(a_rebalance_survives_any_failing_allocation))
