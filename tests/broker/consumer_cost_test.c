/* What many members, or ones that change their minds all the time, cost: counted in steps, not in time. */
#include "consumer_client.h"

#include <stdio.h>
#include <stdlib.h>

static void open_all(struct consumer_client *clients, int count, struct group_fixture *f)
{
    for (int i = 0; i < count; i++) {
        char id[16];
        snprintf(id, sizeof id, "m%d", i);
        consumer_client_open(&clients[i], f, id);
    }
}

static void close_all(struct consumer_client *clients, int count)
{
    for (int i = 0; i < count; i++)
        consumer_client_close(&clients[i]);
}

static int count_held(const struct consumer_client *clients, int count)
{
    int held = 0;
    for (int i = 0; i < count; i++)
        held += clients[i].held_count;
    return held;
}

/* Without a bound each join would look at the subscriptions of all: half a million look-ups. */
static void many_who_join_at_once_are_looked_at_together(void)
{
    enum { COUNT = 1000, STEPS_AT_ONCE = 100000 };
    struct group_fixture f;
    struct consumer_client *clients = calloc(COUNT, sizeof *clients);
    REQUIRE(clients != NULL);
    group_fixture_open(&f);
    f.limits.consumer_max_size = COUNT;
    f.limits.memory_bytes = (size_t)16 << 20;
    group_fixture_set_topic(&f, "t", 1, 50);
    open_all(clients, COUNT, &f);
    for (int i = 0; i < COUNT; i++)
        CHECK(consumer_client_beat(&clients[i]) == KAFKA_NONE);
    CHECK(f.lookups <= STEPS_AT_ONCE);
    CHECK(consumer_client_group_is(&f, "Assigning"));
    for (int i = 0; i < 4; i++) { /* nobody says anything: it goes on by itself */
        f.now.steady += 100;
        CHECK(i > 0 || group_coordinator_wake_at(f.coordinator) <= f.now.steady);
        group_coordinator_expire(f.coordinator, f.now);
        group_fixture_answer(&f, KAFKA_NONE);
        for (int j = 0; j < COUNT; j++)
            CHECK(consumer_client_beat(&clients[j]) == KAFKA_NONE);
        if (consumer_client_group_is(&f, "Stable"))
            break;
    }
    CHECK(consumer_client_group_is(&f, "Stable"));
    CHECK_EQUAL(count_held(clients, COUNT), 50);
    CHECK(f.lookups <= 2 * STEPS_AT_ONCE);
    close_all(clients, COUNT);
    group_fixture_close(&f);
    free(clients);
}

static void a_group_of_some_members_does_not_wait(void)
{
    enum { COUNT = 50 };
    struct group_fixture f;
    struct consumer_client clients[COUNT];
    group_fixture_open(&f);
    f.limits.consumer_max_size = COUNT;
    group_fixture_set_topic(&f, "t", 1, 200);
    open_all(clients, COUNT, &f);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++)
            CHECK(consumer_client_beat(&clients[i]) == KAFKA_NONE);
    }
    CHECK(consumer_client_group_is(&f, "Stable"));
    CHECK_EQUAL(count_held(clients, COUNT), 200);
    close_all(clients, COUNT);
    group_fixture_close(&f);
}

static void between_two_assignments_the_interval_passes(void)
{
    struct group_fixture f;
    struct consumer_client a, b;
    group_fixture_open(&f);
    f.assignment_interval_ms = 1000;
    group_fixture_set_topic(&f, "t", 1, 2);
    consumer_client_open(&a, &f, "a");
    consumer_client_open(&b, &f, "b");
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.held_count == 2); /* the first one at once */
    CHECK(consumer_client_beat(&b) == KAFKA_NONE && b.held_count == 0 && b.epoch == 2);
    CHECK(consumer_client_group_is(&f, "Assigning"));
    f.now.steady += 999;
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.held_count == 2 && consumer_client_group_is(&f, "Assigning"));
    f.now.steady += 1;
    CHECK(group_coordinator_wake_at(f.coordinator) <= f.now.steady);
    group_coordinator_expire(f.coordinator, f.now);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(consumer_client_group_is(&f, "Reconciling"));
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && consumer_client_beat(&a) == KAFKA_NONE);
    CHECK(consumer_client_beat(&b) == KAFKA_NONE && a.held_count == 1 && b.held_count == 1);
    consumer_client_close(&a);
    consumer_client_close(&b);
    group_fixture_close(&f);
}

/* Each new expression is compared with all topics; whoever sends ever new ones waits. */
static void ever_new_expressions_are_resolved_at_a_rate(void)
{
    enum { COUNT = 600 };
    struct group_fixture f;
    struct consumer_client a;
    char regex[32];
    int resolved = 0;
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 1);
    consumer_client_open(&a, &f, "a");
    a.name_count = 0;
    a.regex = regex;
    for (int i = 0; i < COUNT; i++) {
        snprintf(regex, sizeof regex, "t|x%d", i);
        a.says_all = true;
        CHECK(consumer_client_beat(&a) == KAFKA_NONE);
        if (a.held_count > 0)
            resolved++;
    }
    CHECK(resolved > 100 && resolved < COUNT && a.held_count == 0);
    snprintf(regex, sizeof regex, "(");
    a.says_all = true;
    CHECK(consumer_client_beat(&a) == KAFKA_INVALID_REGULAR_EXPRESSION); /* that is told at once */
    snprintf(regex, sizeof regex, "t|x%d", COUNT - 1);
    f.now.steady += 2000;
    CHECK(group_coordinator_wake_at(f.coordinator) <= f.now.steady);
    group_coordinator_expire(f.coordinator, f.now);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.held_count == 1);
    consumer_client_close(&a);
    group_fixture_close(&f);
}

static void an_expression_is_compared_again_when_it_was_long_ago(void)
{
    struct group_fixture f;
    struct consumer_client a;
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t1", 1, 1);
    consumer_client_open(&a, &f, "a");
    a.name_count = 0;
    a.regex = "t.*";
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.held_count == 1);
    group_fixture_set_topic(&f, "t2", 2, 1);
    f.topics_version--; /* nobody notices */
    f.now.steady += f.limits.regex_refresh_ms - 1;
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.held_count == 1);
    f.now.steady += 1;
    CHECK(consumer_client_beat(&a) == KAFKA_NONE && a.held_count == 2);
    consumer_client_close(&a);
    group_fixture_close(&f);
}

SUITE("consumer_cost", CHECK_TEST(many_who_join_at_once_are_looked_at_together),
      CHECK_TEST(a_group_of_some_members_does_not_wait), CHECK_TEST(between_two_assignments_the_interval_passes),
      CHECK_TEST(ever_new_expressions_are_resolved_at_a_rate),
      CHECK_TEST(an_expression_is_compared_again_when_it_was_long_ago))
