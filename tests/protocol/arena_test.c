#include "arena.h"
#include "check.h"

#include <stdalign.h>

static struct memory memory;

static struct arena fresh(size_t limit)
{
    memory_init(&memory);
    struct arena arena;
    arena_init(&arena, &memory, MEMORY_REQUESTS, limit);
    return arena;
}

static void blocks_are_aligned_zeroed_and_apart(void)
{
    struct arena arena = fresh(1 << 20);
    uint8_t *blocks[200];
    for (size_t i = 0; i < 200; i++) {
        size_t size = i * 7 % 90;
        blocks[i] = arena_alloc(&arena, size);
        REQUIRE(blocks[i] != NULL);
        CHECK_EQUAL((uintptr_t)blocks[i] % alignof(max_align_t), 0);
        for (size_t k = 0; k < size; k++)
            CHECK_EQUAL(blocks[i][k], 0);
        memset(blocks[i], (int)i, size);
    }
    unsigned wrong = 0;
    for (size_t i = 0; i < 200; i++) {
        for (size_t k = 0; k < i * 7 % 90; k++)
            wrong += blocks[i][k] != (uint8_t)i;
    }
    CHECK_EQUAL(wrong, 0);
    arena_close(&arena);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static void memory_used_before_is_zeroed_again(void)
{
    struct arena arena = fresh(4096);
    uint8_t *block = arena_alloc(&arena, 100);
    REQUIRE(block != NULL);
    memset(block, 0xaa, 100);
    arena_reset(&arena);
    uint8_t *again = arena_alloc(&arena, 100);
    REQUIRE(again == block);
    CHECK_EQUAL(again[0] | again[99], 0);
    arena_close(&arena);
}

static void the_limit_holds_for_all_chunks_together(void)
{
    struct arena arena = fresh(10000);
    size_t got = 0;
    while (arena_alloc(&arena, 160) != NULL)
        got += 160;
    CHECK(got >= 9000 && got <= 10000);
    CHECK(arena.total <= 10000);
    CHECK(arena_alloc(&arena, SIZE_MAX) == NULL);
    CHECK(arena_alloc(&arena, SIZE_MAX - 8) == NULL);
    CHECK(arena_alloc(&arena, 10001) == NULL);
    arena_close(&arena);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

/* An idle connection's arena must not keep what one large request took. */
static void reset_keeps_one_chunk(void)
{
    struct arena arena = fresh(1 << 20);
    REQUIRE(arena_alloc(&arena, 16) != NULL);
    size_t first = memory_total_bytes(&memory);
    REQUIRE(arena_alloc(&arena, 100000) != NULL);
    arena_reset(&arena);
    CHECK_EQUAL(memory_total_bytes(&memory), first);
    arena_close(&arena);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static void a_copy_ends_in_a_nul_byte(void)
{
    struct arena arena = fresh(4096);
    slice copy = arena_copy(&arena, slice_of_text("orders"));
    REQUIRE(!slice_is_null(copy));
    CHECK_EQUAL(copy.size, 6);
    CHECK(strcmp((const char *)copy.data, "orders") == 0);
    slice empty = arena_copy(&arena, NULL_SLICE);
    CHECK(!slice_is_null(empty) && empty.size == 0);
    arena_close(&arena);
}

static void a_refused_allocation_leaves_the_arena_usable(void)
{
    struct arena arena = fresh(1 << 20);
    memory_fail_at(&memory, 0);
    CHECK(arena_alloc(&arena, 10) == NULL);
    CHECK(arena_alloc(&arena, 10) != NULL);
    memory_fail_at(&memory, 0);
    CHECK(slice_is_null(arena_copy(&arena, slice_of((const uint8_t[3000]){0}, 3000))));
    CHECK(!slice_is_null(arena_copy(&arena, slice_of((const uint8_t[3000]){0}, 3000))));
    arena_close(&arena);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

SUITE("arena", CHECK_TEST(blocks_are_aligned_zeroed_and_apart), CHECK_TEST(memory_used_before_is_zeroed_again),
      CHECK_TEST(the_limit_holds_for_all_chunks_together), CHECK_TEST(reset_keeps_one_chunk),
      CHECK_TEST(a_copy_ends_in_a_nul_byte), CHECK_TEST(a_refused_allocation_leaves_the_arena_usable))
