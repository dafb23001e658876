/* What a leader shares out, and a member's own list of partitions. */
#include "rest/consumer_assign.h"

#include "check.h"
#include "config.h"
#include "group/embedded_protocol.h"
#include "rest/consumer_partitions.h"
#include "writer.h"

#include <errno.h>

static struct memory memory;
static struct config *config;
static struct topics topics;
static struct topic_config defaults;
static struct arena arena;

static void add_topic(const char *name, uint8_t number, int32_t partitions)
{
    struct uuid id = {.bytes = {number}};
    struct topic *topic;
    REQUIRE(topics_add(&topics, slice_of_text(name), id, &defaults, &topic) == 0);
    for (int32_t i = 0; i < partitions; i++)
        REQUIRE(topic_add_partition(&topics, topic, NULL) == 0);
}

static void open_all(void)
{
    const struct machine machine = {.memory_bytes = (uint64_t)1 << 30, .cores = 1};
    memory_init(&memory);
    config = config_create(&memory, &machine);
    REQUIRE(config != NULL);
    REQUIRE(config_finish(config, NULL) == 0);
    topics_init(&topics, &memory);
    topic_config_init(&defaults, config);
    arena_init(&arena, &memory, MEMORY_GROUPS, (size_t)1 << 20);
    add_topic("a", 1, 5);
    add_topic("b", 2, 2);
}

static void close_all(void)
{
    arena_close(&arena);
    topics_close(&topics);
    config_destroy(config);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

/* A member that subscribes to both topics, and owns these partitions of "a". */
static struct join_member member_of(const char *id, const int32_t *owned, int32_t count)
{
    static slice names[] = {{(const uint8_t *)"a", 1}, {(const uint8_t *)"b", 1}, {(const uint8_t *)"missing", 7}};
    struct consumer_protocol_subscription_topic topic = {.topic = names[0],
                                                         .partitions = {(int32_t *)(uintptr_t)owned, count}};
    struct consumer_protocol_subscription subscription = CONSUMER_PROTOCOL_SUBSCRIPTION_DEFAULTS;
    struct join_member member = {.id = slice_of_text(id), .instance_id = NULL_SLICE};
    if (count == 0) {
        REQUIRE(embedded_write_subscription(names, 3, &arena, &member.metadata) == 0);
        return member;
    }
    writer w;
    subscription.topics.items = names;
    subscription.topics.count = 3;
    subscription.owned_partitions.items = &topic;
    subscription.owned_partitions.count = 1;
    writer_init(&w, &memory, MEMORY_GROUPS, 1000);
    REQUIRE(kafka_encode_value(&consumer_protocol_subscription_type, 3, &subscription, &w) == 0);
    member.metadata = arena_copy(&arena, writer_slice(&w));
    writer_close(&w);
    return member;
}

/* "a:0,1 b:0" */
static void check_assigned(const struct group_assignment *given, const char *expected)
{
    struct consumer_protocol_assignment assignment;
    char text[200] = "";
    size_t end = 0;
    REQUIRE(embedded_read_assignment(given->assignment, &arena, &assignment) == 0);
    for (int32_t t = 0; t < assignment.assigned_partitions.count; t++) {
        const struct consumer_protocol_assignment_topic *topic = &assignment.assigned_partitions.items[t];
        end += (size_t)snprintf(text + end, sizeof text - end, "%s%.*s:", t > 0 ? " " : "", SLICE_PRINT(topic->topic));
        for (int32_t i = 0; i < topic->partitions.count; i++)
            end +=
                (size_t)snprintf(text + end, sizeof text - end, "%s%d", i > 0 ? "," : "", topic->partitions.items[i]);
    }
    if (strcmp(text, expected) != 0)
        printf("assigned %s, not %s\n", text, expected);
    CHECK(strcmp(text, expected) == 0);
}

static void range_is_kafkas(void)
{
    struct group_assignment *given;
    uint64_t stamp;
    open_all();
    struct join_member members[] = {member_of("y", NULL, 0), member_of("x", NULL, 0)};
    REQUIRE(consumer_assign(&topics, slice_of_text("range"), members, 2, &arena, &given, &stamp) == 0);
    check_assigned(&given[0], "a:3,4 b:1");
    check_assigned(&given[1], "a:0,1,2 b:0");
    close_all();
}

static void a_member_that_cannot_be_understood_gets_nothing(void)
{
    struct group_assignment *given;
    uint64_t stamp;
    open_all();
    struct join_member members[] = {member_of("x", NULL, 0),
                                    {.id = slice_of_text("y"), .metadata = slice_of_text("\x7f")}};
    REQUIRE(consumer_assign(&topics, slice_of_text("range"), members, 2, &arena, &given, &stamp) == 0);
    check_assigned(&given[0], "a:0,1,2,3,4 b:0,1");
    check_assigned(&given[1], "");
    close_all();
}

static int32_t count_assigned(const struct group_assignment *given, const char *name)
{
    struct consumer_protocol_assignment assignment;
    int32_t count = 0;
    REQUIRE(embedded_read_assignment(given->assignment, &arena, &assignment) == 0);
    for (int32_t t = 0; t < assignment.assigned_partitions.count; t++) {
        if (slice_equal(assignment.assigned_partitions.items[t].topic, slice_of_text(name)))
            count += assignment.assigned_partitions.items[t].partitions.count;
    }
    return count;
}

/* KIP-429: it is taken first, and given in the next generation. */
static void what_another_one_still_holds_is_given_to_nobody(void)
{
    static const int32_t all[] = {0, 1, 2, 3, 4};
    struct group_assignment *given;
    uint64_t stamp;
    slice protocol = slice_of_text("cooperative-sticky");
    open_all();
    struct join_member first[] = {member_of("x", all, 5), member_of("y", NULL, 0)};
    REQUIRE(consumer_assign(&topics, protocol, first, 2, &arena, &given, &stamp) == 0);
    int32_t kept = count_assigned(&given[0], "a");
    CHECK(kept < 5);
    CHECK_EQUAL(count_assigned(&given[1], "a"), 0);
    CHECK_EQUAL(count_assigned(&given[1], "b"), 2);
    struct join_member second[] = {member_of("x", all, kept), member_of("y", NULL, 0)};
    REQUIRE(consumer_assign(&topics, protocol, second, 2, &arena, &given, &stamp) == 0);
    CHECK_EQUAL(count_assigned(&given[0], "a") + count_assigned(&given[1], "a"), 5);
    CHECK_EQUAL(count_assigned(&given[0], "a"), kept);
    close_all();
}

static void the_stamp_changes_with_the_topics(void)
{
    struct group_assignment *given;
    uint64_t stamp, later;
    open_all();
    struct join_member members[] = {member_of("x", NULL, 0)};
    slice names[] = {slice_of_text("missing"), slice_of_text("b"), slice_of_text("a")};
    REQUIRE(consumer_assign(&topics, slice_of_text("range"), members, 1, &arena, &given, &stamp) == 0);
    CHECK(consumer_assign_stamp(&topics, names, 3) == stamp);
    REQUIRE(topic_add_partition(&topics, topics_find(&topics, slice_of_text("b")), NULL) == 0);
    later = consumer_assign_stamp(&topics, names, 3);
    CHECK(later != stamp);
    add_topic("missing", 3, 1);
    CHECK(consumer_assign_stamp(&topics, names, 3) != later);
    close_all();
}

static void an_assignment_survives_any_refused_allocation(void)
{
    static const int32_t all[] = {0, 1, 2, 3, 4};
    for (int64_t nth = 0;; nth++) {
        struct group_assignment *given;
        uint64_t stamp;
        open_all();
        struct join_member members[] = {member_of("x", all, 5), member_of("y", NULL, 0)};
        memory_fail_at(&memory, nth);
        int rc = consumer_assign(&topics, slice_of_text("cooperative-sticky"), members, 2, &arena, &given, &stamp);
        bool is_over = memory_fail_pending(&memory);
        memory_fail_at(&memory, -1);
        CHECK(is_over ? rc == 0 : rc == -ENOMEM || rc == FURROW_TOO_LARGE);
        close_all();
        if (is_over)
            break;
    }
}

/* ---- the list ---- */

static void partitions_that_stay_keep_their_place(void)
{
    struct consumer_partitions partitions;
    int32_t two[] = {1, 0}, one[] = {1, 5};
    struct consumer_protocol_assignment_topic topic = {.topic = slice_of_text("a"), .partitions = {two, 2}};
    memory_init(&memory);
    consumer_partitions_init(&partitions, &memory);
    REQUIRE(consumer_partitions_set(&partitions, &topic, 1) == 0);
    CHECK_EQUAL(partitions.count, 2);
    CHECK_EQUAL(partitions.items[0].index, 0);
    consumer_partition_put(consumer_partitions_find(&partitions, slice_of_text("a"), 1), 17);
    topic.partitions = (struct int32_array){one, 2};
    struct consumer_protocol_assignment_topic twice[] = {topic, topic};
    REQUIRE(consumer_partitions_set(&partitions, twice, 2) == 0);
    CHECK_EQUAL(partitions.count, 2);
    CHECK(consumer_partitions_find(&partitions, slice_of_text("a"), 0) == NULL);
    CHECK_EQUAL(consumer_partitions_find(&partitions, slice_of_text("a"), 1)->position, 17);
    CHECK_EQUAL(consumer_partitions_find(&partitions, slice_of_text("a"), 5)->position, CONSUMER_NO_POSITION);
    memory_fail_at(&memory, 0);
    topic.partitions = (struct int32_array){two, 2};
    CHECK_EQUAL(consumer_partitions_set(&partitions, &topic, 1), -ENOMEM);
    CHECK_EQUAL(consumer_partitions_find(&partitions, slice_of_text("a"), 1)->position, 17);
    consumer_partitions_close(&partitions);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

SUITE("what a leader shares out", CHECK_TEST(range_is_kafkas),
      CHECK_TEST(a_member_that_cannot_be_understood_gets_nothing),
      CHECK_TEST(what_another_one_still_holds_is_given_to_nobody), CHECK_TEST(the_stamp_changes_with_the_topics),
      CHECK_TEST(an_assignment_survives_any_refused_allocation), CHECK_TEST(partitions_that_stay_keep_their_place))
