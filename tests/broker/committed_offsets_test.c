#include "check.h"
#include "group/committed_offsets.h"
#include "seeded_random.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

static struct committed_offset value_of(int64_t offset, const char *metadata)
{
    return (struct committed_offset){
        .offset = offset, .committed_at = 5, .leader_epoch = 3, .metadata = slice_of_text(metadata)};
}

static void what_was_put_last_is_found(void)
{
    struct memory memory;
    struct committed_offsets offsets;
    memory_init(&memory);
    committed_offsets_init(&offsets, &memory);
    slice a = slice_of_text("a"), b = slice_of_text("b");
    struct committed_offset first = value_of(1, "one"), second = value_of(2, "");
    REQUIRE(committed_offsets_put(&offsets, a, 7, &first) == 0);
    REQUIRE(committed_offsets_put(&offsets, b, 7, &second) == 0);
    REQUIRE(committed_offsets_put(&offsets, a, 0, &second) == 0);
    const struct committed_offset *found = committed_offsets_find(&offsets, a, 7);
    REQUIRE(found != NULL);
    CHECK(found->offset == 1 && found->leader_epoch == 3 && found->committed_at == 5);
    CHECK(slice_equal(found->metadata, slice_of_text("one")));
    REQUIRE(committed_offsets_put(&offsets, a, 7, &second) == 0);
    found = committed_offsets_find(&offsets, a, 7);
    CHECK(found->offset == 2 && found->metadata.size == 0 && !slice_is_null(found->metadata));
    CHECK(committed_offsets_find(&offsets, a, 1) == NULL);
    CHECK(committed_offsets_find(&offsets, slice_of_text("c"), 0) == NULL);
    CHECK(committed_offsets_remove(&offsets, a, 7) && !committed_offsets_remove(&offsets, a, 7));
    CHECK(committed_offsets_remove(&offsets, a, 0) && offsets.topic_count == 1);
    committed_offsets_close(&offsets);
    CHECK(memory_total_bytes(&memory) == 0);
}

/* Against a plain table. */
static void any_order_of_changes_ends_as_in_a_plain_table(void)
{
    enum { TOPICS = 4, PARTITIONS = 30 };
    int64_t table[TOPICS][PARTITIONS];
    struct memory memory;
    struct committed_offsets offsets;
    struct seeded_random random = {.state = 7};
    memory_init(&memory);
    committed_offsets_init(&offsets, &memory);
    for (int t = 0; t < TOPICS; t++) {
        for (int p = 0; p < PARTITIONS; p++)
            table[t][p] = -1;
    }
    for (int step = 0; step < 5000; step++) {
        char name[8];
        int t = (int)random_below(&random, TOPICS), p = (int)random_below(&random, PARTITIONS);
        snprintf(name, sizeof name, "t%d", t);
        if (random_chance(&random, 55)) {
            struct committed_offset value = value_of(step, step % 2 ? "x" : "");
            REQUIRE(committed_offsets_put(&offsets, slice_of_text(name), p, &value) == 0);
            table[t][p] = step;
        } else {
            CHECK(committed_offsets_remove(&offsets, slice_of_text(name), p) == (table[t][p] >= 0));
            table[t][p] = -1;
        }
        const struct committed_offset *found = committed_offsets_find(&offsets, slice_of_text(name), p);
        CHECK((found != NULL ? found->offset : -1) == table[t][p]);
    }
    committed_offsets_close(&offsets);
    CHECK(memory_total_bytes(&memory) == 0);
}

static void without_memory_what_was_there_stays(void)
{
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        struct memory memory;
        struct committed_offsets offsets;
        struct committed_offset old = value_of(1, "old"), new = value_of(2, "new");
        memory_init(&memory);
        committed_offsets_init(&offsets, &memory);
        slice topic = slice_of_text("topic"), other = slice_of_text("other");
        REQUIRE(committed_offsets_put(&offsets, topic, 1, &old) == 0);
        memory_fail_at(&memory, nth);
        int changed = committed_offsets_put(&offsets, topic, 1, &new);
        int added = committed_offsets_put(&offsets, other, 2, &new);
        failed = !memory_fail_pending(&memory);
        memory_fail_at(&memory, -1);
        const struct committed_offset *found = committed_offsets_find(&offsets, topic, 1);
        REQUIRE(found != NULL);
        CHECK(found->offset == (changed == 0 ? 2 : 1) && found->metadata.size == 3);
        CHECK((committed_offsets_find(&offsets, other, 2) != NULL) == (added == 0));
        CHECK(added == 0 || offsets.topic_count == 1);
        committed_offsets_close(&offsets);
        CHECK(memory_total_bytes(&memory) == 0);
        REQUIRE(nth < 50);
    }
}

static void a_value_on_its_way_is_not_found_but_has_its_place(void)
{
    struct memory memory;
    struct committed_offsets offsets;
    memory_init(&memory);
    committed_offsets_init(&offsets, &memory);
    slice topic = slice_of_text("topic"), text = slice_of_text("some words");
    struct committed_offset first = value_of(1, ""), second = value_of(2, "");
    REQUIRE(committed_offsets_reserve(&offsets, topic, 1, text, &first.metadata) == 0);
    REQUIRE(committed_offsets_reserve(&offsets, topic, 1, text, &second.metadata) == 0);
    CHECK(committed_offsets_find(&offsets, topic, 1) == NULL && !committed_offsets_remove(&offsets, topic, 1));
    memory_fail_at(&memory, 0);
    committed_offsets_settle(&offsets, topic, 1, &first);
    memory_fail_at(&memory, -1);
    REQUIRE(committed_offsets_find(&offsets, topic, 1) != NULL);
    CHECK(slice_equal(committed_offsets_find(&offsets, topic, 1)->metadata, text));
    CHECK(committed_offsets_remove(&offsets, topic, 1) && offsets.topic_count == 1);
    committed_offsets_release(&offsets, topic, 1, second.metadata);
    CHECK(offsets.topic_count == 0);
    committed_offsets_close(&offsets);
    CHECK(memory_total_bytes(&memory) == 0);
}

static void a_topic_that_is_going_takes_nothing_and_is_not_found(void)
{
    struct memory memory;
    struct committed_offsets offsets;
    struct committed_offset value = value_of(1, "x");
    memory_init(&memory);
    committed_offsets_init(&offsets, &memory);
    slice topic = slice_of_text("topic");
    REQUIRE(committed_offsets_put(&offsets, topic, 1, &value) == 0);
    committed_offsets_find_topic(&offsets, topic)->is_going = true;
    CHECK(committed_offsets_find(&offsets, topic, 1) == NULL);
    CHECK(committed_offsets_put(&offsets, topic, 1, &value) == -EBUSY);
    CHECK(committed_offsets_put(&offsets, topic, 2, &value) == -EBUSY);
    CHECK(committed_offsets_remove(&offsets, topic, 1));
    CHECK(committed_offsets_put(&offsets, topic, 1, &value) == 0);
    CHECK(committed_offsets_find(&offsets, topic, 1) != NULL);
    committed_offsets_close(&offsets);
    CHECK(memory_total_bytes(&memory) == 0);
}

/* Comparing each with all others takes many times the seconds. */
static void many_topics_take_little_time(void)
{
    enum { TOPICS = 30000 };
    struct memory memory;
    struct committed_offsets offsets;
    struct committed_offset value = value_of(1, "");
    memory_init(&memory);
    committed_offsets_init(&offsets, &memory);
    clock_t start = clock();
    for (int i = 0; i < TOPICS; i++) {
        char name[16];
        snprintf(name, sizeof name, "topic-%06d", i * 7 % TOPICS);
        REQUIRE(committed_offsets_put(&offsets, slice_of_text(name), 0, &value) == 0);
    }
    for (int i = 0; i < TOPICS; i++) {
        char name[16];
        snprintf(name, sizeof name, "topic-%06d", i);
        REQUIRE(committed_offsets_find(&offsets, slice_of_text(name), 0) != NULL);
    }
    CHECK(clock() - start < 2 * CLOCKS_PER_SEC);
    committed_offsets_close(&offsets);
    CHECK(memory_total_bytes(&memory) == 0);
}

SUITE("committed_offsets", CHECK_TEST(what_was_put_last_is_found),
      CHECK_TEST(any_order_of_changes_ends_as_in_a_plain_table), CHECK_TEST(without_memory_what_was_there_stays),
      CHECK_TEST(a_value_on_its_way_is_not_found_but_has_its_place),
      CHECK_TEST(a_topic_that_is_going_takes_nothing_and_is_not_found), CHECK_TEST(many_topics_take_little_time))
