#include "check.h"
#include "memory.h"

static struct memory memory;

static void bytes_are_counted_by_purpose(void)
{
    memory_init(&memory);
    void *a = memory_alloc(&memory, MEMORY_LOGS, 100);
    void *b = memory_alloc_zeroed(&memory, MEMORY_LOGS, 50);
    void *c = memory_alloc(&memory, MEMORY_SERVER, 7);
    REQUIRE(a != NULL && b != NULL && c != NULL);
    CHECK_EQUAL(memory.counts[MEMORY_LOGS].bytes, 150);
    CHECK_EQUAL(memory.counts[MEMORY_LOGS].blocks, 2);
    CHECK_EQUAL(memory_total_bytes(&memory), 157);
    memory_free(&memory, MEMORY_LOGS, a, 100);
    CHECK_EQUAL(memory.counts[MEMORY_LOGS].bytes, 50);
    CHECK_EQUAL(memory.counts[MEMORY_LOGS].peak_bytes, 150);
    memory_free(&memory, MEMORY_LOGS, b, 50);
    memory_free(&memory, MEMORY_SERVER, c, 7);
    memory_free(&memory, MEMORY_SERVER, NULL, 0);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
    CHECK_EQUAL(memory.counts[MEMORY_LOGS].blocks, 0);
}

static void a_grown_block_keeps_its_bytes_and_is_counted_once(void)
{
    memory_init(&memory);
    char *block = memory_realloc(&memory, MEMORY_LOGS, NULL, 0, 4);
    REQUIRE(block != NULL);
    memcpy(block, "abc", 4);
    block = memory_realloc(&memory, MEMORY_LOGS, block, 4, 4000);
    REQUIRE(block != NULL);
    CHECK(strcmp(block, "abc") == 0);
    CHECK_EQUAL(memory.counts[MEMORY_LOGS].bytes, 4000);
    CHECK_EQUAL(memory.counts[MEMORY_LOGS].blocks, 1);
    memory_fail_at(&memory, 0);
    CHECK(memory_realloc(&memory, MEMORY_LOGS, block, 4000, 8000) == NULL);
    CHECK_EQUAL(memory.counts[MEMORY_LOGS].bytes, 4000);
    CHECK(strcmp(block, "abc") == 0);
    memory_free(&memory, MEMORY_LOGS, block, 4000);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static void the_nth_allocation_fails_and_only_that_one(void)
{
    memory_init(&memory);
    memory_fail_at(&memory, 2);
    void *blocks[5];
    for (int i = 0; i < 5; i++) {
        CHECK(memory_fail_pending(&memory) == (i <= 2));
        blocks[i] = memory_alloc(&memory, MEMORY_TOPICS, 10);
        CHECK((blocks[i] == NULL) == (i == 2));
    }
    CHECK_EQUAL(memory_total_bytes(&memory), 40);
    for (int i = 0; i < 5; i++)
        memory_free(&memory, MEMORY_TOPICS, blocks[i], 10);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static void nothing_is_a_block_too(void)
{
    memory_init(&memory);
    void *a = memory_alloc(&memory, MEMORY_LOGS, 0), *b = memory_alloc_zeroed(&memory, MEMORY_LOGS, 0);
    CHECK(a != NULL && b != NULL && a != b);
    memory_free(&memory, MEMORY_LOGS, a, 0);
    memory_free(&memory, MEMORY_LOGS, b, 0);
    CHECK_EQUAL(memory.counts[MEMORY_LOGS].blocks, 0);
}

static void every_purpose_has_a_text(void)
{
    for (int purpose = 0; purpose < MEMORY_PURPOSES; purpose++)
        CHECK(strlen(memory_purpose_text((enum memory_purpose)purpose)) != 0);
}

SUITE("memory", CHECK_TEST(bytes_are_counted_by_purpose), CHECK_TEST(a_grown_block_keeps_its_bytes_and_is_counted_once),
      CHECK_TEST(the_nth_allocation_fails_and_only_that_one), CHECK_TEST(nothing_is_a_block_too),
      CHECK_TEST(every_purpose_has_a_text))
