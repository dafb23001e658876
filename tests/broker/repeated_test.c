#include "check.h"
#include "operations/repeated.h"

static struct memory memory;

static bool *find(struct arena *arena, const slice *names, int32_t count)
{
    memory_init(&memory);
    arena_init(arena, &memory, MEMORY_REQUESTS, 1 << 20);
    return repeated_find(arena, names, count);
}

static void every_entry_of_a_name_that_occurs_twice_is_found(void)
{
    const slice names[] = {slice_of_text("b"), slice_of_text("a"),  NULL_SLICE,        slice_of_text("b"),
                           slice_of_text(""),  slice_of_text("ab"), slice_of_text("b")};
    static const bool expected[] = {true, false, true, true, true, false, true};
    struct arena arena;
    bool *repeated = find(&arena, names, 7);
    REQUIRE(repeated != NULL);
    for (int i = 0; i < 7; i++)
        CHECK_EQUAL(repeated[i], expected[i]);
    arena_close(&arena);
}

static void the_first_of_equal_partitions_is_found(void)
{
    const slice a = slice_of_text("a"), b = slice_of_text("b");
    const struct repeated_partition partitions[] = {{b, 1}, {a, 1}, {a, -1}, {b, 1}, {a, 1}, {NULL_SLICE, 1}, {b, 1}};
    static const int32_t expected[] = {0, 1, 2, 0, 1, 5, 0};
    struct arena arena;
    memory_init(&memory);
    arena_init(&arena, &memory, MEMORY_REQUESTS, 1 << 20);
    const int32_t *first = repeated_find_first(&arena, partitions, 7);
    REQUIRE(first != NULL);
    for (int i = 0; i < 7; i++)
        CHECK_EQUAL(first[i], expected[i]);
    CHECK(repeated_find_first(&arena, NULL, 0) != NULL);
    arena_close(&arena);
}

static void no_names_are_not_repeated(void)
{
    struct arena arena;
    CHECK(find(&arena, NULL, 0) != NULL);
    arena_close(&arena);
    CHECK(find(&arena, NULL, -1) != NULL);
    arena_close(&arena);
}

static void out_of_memory_is_told(void)
{
    const slice name = slice_of_text("a");
    struct arena arena;
    memory_init(&memory);
    arena_init(&arena, &memory, MEMORY_REQUESTS, 1 << 20);
    memory_fail_at(&memory, 0);
    CHECK(repeated_find(&arena, &name, 1) == NULL);
    arena_close(&arena);
    memory_fail_at(&memory, 0);
    CHECK(repeated_find_first(&arena, &(struct repeated_partition){name, 0}, 1) == NULL);
    memory_fail_at(&memory, -1);
    arena_close(&arena);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

SUITE("repeated", CHECK_TEST(every_entry_of_a_name_that_occurs_twice_is_found), CHECK_TEST(no_names_are_not_repeated),
      CHECK_TEST(the_first_of_equal_partitions_is_found), CHECK_TEST(out_of_memory_is_told))
