#include "check.h"
#include "config.h"
#include "topics.h"

#include <errno.h>

static struct memory memory;
static struct config *config;
static struct topics topics;
static struct topic_config defaults;

static void open_topics(void)
{
    const struct machine machine = {.memory_bytes = (uint64_t)1 << 30, .cores = 1};
    memory_init(&memory);
    config = config_create(&memory, &machine);
    REQUIRE(config != NULL);
    REQUIRE(config_finish(config, NULL) == 0);
    topics_init(&topics, &memory);
    topic_config_init(&defaults, config);
}

static void close_topics(void)
{
    topics_close(&topics);
    config_destroy(config);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static struct uuid id_of(uint8_t number)
{
    struct uuid id = UUID_ZERO;
    id.bytes[0] = number;
    return id;
}

static void a_topic_is_found_by_name_and_by_id(void)
{
    open_topics();
    struct topic *orders, *second;
    REQUIRE(topics_add(&topics, slice_of_text("orders"), id_of(1), &defaults, &orders) == 0);
    CHECK(topics_find(&topics, slice_of_text("orders")) == orders);
    CHECK(topics_find_id(&topics, id_of(1)) == orders);
    CHECK(topics_find(&topics, slice_of_text("order")) == NULL);
    CHECK_EQUAL(topics_add(&topics, slice_of_text("orders"), id_of(2), &defaults, &second), -EEXIST);
    CHECK_EQUAL(topics_add(&topics, slice_of_text("others"), id_of(1), &defaults, &second), -EEXIST);
    close_topics();
}

static void names_that_differ_in_dots_and_underscores_collide(void)
{
    open_topics();
    struct topic *dotted, *other, *plain;
    REQUIRE(topics_add(&topics, slice_of_text("a.b_c"), id_of(1), &defaults, &dotted) == 0);
    REQUIRE(topics_add(&topics, slice_of_text("plain"), id_of(2), &defaults, &plain) == 0);
    CHECK(topics_find_collision(&topics, slice_of_text("a_b.c")) == dotted);
    CHECK(topics_find_collision(&topics, slice_of_text("a-b.c")) == NULL);
    CHECK(topics_find_collision(&topics, slice_of_text("plain")) == NULL);
    REQUIRE(topics_add(&topics, slice_of_text("a_b_c"), id_of(3), &defaults, &other) == 0); /* found at start */
    CHECK(topics_find_collision(&topics, slice_of_text("a.b.c")) != NULL);
    topics_remove(&topics, dotted);
    CHECK(topics_find_collision(&topics, slice_of_text("a.b.c")) == other);
    topics_remove(&topics, other);
    CHECK(topics_find_collision(&topics, slice_of_text("a.b.c")) == NULL);
    close_topics();
}

static void partitions_keep_their_address_while_the_topic_grows(void)
{
    open_topics();
    struct topic *topic;
    REQUIRE(topics_add(&topics, slice_of_text("orders"), id_of(1), &defaults, &topic) == 0);
    REQUIRE(topic_add_partition(&topics, topic, NULL) == 0);
    const struct partition *first = topic_partition(topic, 0);
    for (int i = 0; i < 100; i++)
        REQUIRE(topic_add_partition(&topics, topic, NULL) == 0);
    CHECK(topic_partition(topic, 0) == first);
    CHECK_EQUAL(topic_partition(topic, 100)->index, 100);
    CHECK(topic_partition(topic, 101) == NULL);
    CHECK(topic_partition(topic, -1) == NULL);
    CHECK_EQUAL(topics.partition_count, 101);
    close_topics();
}

static void a_removed_topic_lives_until_its_last_hold_ends(void)
{
    open_topics();
    struct topic *topic;
    REQUIRE(topics_add(&topics, slice_of_text("orders"), id_of(1), &defaults, &topic) == 0);
    REQUIRE(topic_add_partition(&topics, topic, NULL) == 0);
    topic_hold(topic);
    topics_remove(&topics, topic);
    CHECK(topic->is_deleted);
    CHECK(topics_find(&topics, slice_of_text("orders")) == NULL);
    CHECK_EQUAL(topics.partition_count, 0);
    struct topic *again;
    REQUIRE(topics_add(&topics, slice_of_text("orders"), id_of(2), &defaults, &again) == 0);
    CHECK(topic_partition(topic, 0) != NULL);
    topic_release(&topics, topic);
    close_topics();
}

static void a_refused_allocation_changes_nothing(void)
{
    open_topics();
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        struct topic *topic;
        size_t before = memory_total_bytes(&memory);
        memory_fail_at(&memory, nth);
        int rc = topics_add(&topics, slice_of_text("orders.new"), id_of(1), &defaults, &topic);
        failed = !memory_fail_pending(&memory);
        memory_fail_at(&memory, -1);
        if (rc != 0) {
            CHECK_EQUAL(rc, -ENOMEM);
            CHECK_EQUAL(memory_total_bytes(&memory), before);
            CHECK(topics_find(&topics, slice_of_text("orders.new")) == NULL);
        }
    }
    CHECK(topics_find(&topics, slice_of_text("orders.new")) != NULL);
    close_topics();
}

/* Kafka's Topic.validate, and ':' which is ours. */
static void names_are_kafkas_and_colons(void)
{
    char long_name[251];
    memset(long_name, 'x', 250);
    struct error why;
    CHECK(topic_name_valid(slice_of_text("orders"), &why));
    CHECK(topic_name_valid(slice_of_text("a.b_c-D9"), &why));
    CHECK(topic_name_valid(slice_of_text("farm:orders"), &why));
    CHECK(topic_name_valid(slice_of(long_name, 249), &why));
    CHECK(!topic_name_valid(slice_of(long_name, 250), &why));
    CHECK(!topic_name_valid(slice_of_text(""), &why));
    CHECK(!topic_name_valid(slice_of_text("."), &why));
    CHECK(!topic_name_valid(slice_of_text(".."), &why));
    CHECK(!topic_name_valid(slice_of_text("a/b"), &why));
    CHECK(!topic_name_valid(slice_of_text("a b"), &why));
    CHECK(!topic_name_valid(slice_of_text("a%3Ab"), &why));
    CHECK(!topic_name_valid(slice_of("a\0b", 3), &why));
    CHECK(!topic_name_valid(slice_of_text("\xc3\xa4"), &why));
}

SUITE("topics", CHECK_TEST(names_that_differ_in_dots_and_underscores_collide),
      CHECK_TEST(a_topic_is_found_by_name_and_by_id), CHECK_TEST(partitions_keep_their_address_while_the_topic_grows),
      CHECK_TEST(a_removed_topic_lives_until_its_last_hold_ends), CHECK_TEST(a_refused_allocation_changes_nothing),
      CHECK_TEST(names_are_kafkas_and_colons))
