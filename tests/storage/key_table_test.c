#include "key_table.h"

#include "seeded_random.h"

#include "check.h"

#include <stdlib.h>

#define KEYS 3000

struct found {
    uint32_t ordinals[64];
    uint32_t count;
};

static void take(void *context, uint32_t ordinal)
{
    struct found *found = context;
    if (found->count < 64)
        found->ordinals[found->count] = ordinal;
    found->count++;
}

static void open_table(struct memory *memory, struct key_table *table, size_t size, uint32_t keep)
{
    memory_init(memory);
    REQUIRE(key_table_open(table, memory, size, keep) == 0);
    key_table_begin_slice(table, 0, UINT32_MAX);
    CHECK(memory_total_bytes(memory) <= size);
}

static void the_last_ordinals_of_a_key_are_listed(void)
{
    for (uint32_t keep = 1; keep <= KEY_TABLE_RING; keep++) {
        struct memory memory;
        struct key_table table;
        open_table(&memory, &table, 4096, keep);
        for (uint32_t i = 0; i < 12; i++)
            REQUIRE(key_table_put(&table, 77, 88, i, false));
        struct found found = {.count = 0};
        key_table_list(&table, 0, 100, take, &found);
        CHECK_EQUAL(found.count, keep);
        for (uint32_t i = 0; i < found.count; i++)
            CHECK(found.ordinals[i] >= 12 - keep && found.ordinals[i] < 12);
        found.count = 0;
        key_table_list(&table, 0, 11, take, &found);
        CHECK_EQUAL(found.count, keep - 1);
        CHECK(key_table_has(&table, 77, 88) && !key_table_has(&table, 77, 89) && !key_table_has(&table, 76, 88));
        key_table_close(&table);
        CHECK_EQUAL(memory_total_bytes(&memory), 0);
    }
}

static void a_tombstone_is_the_first_of_what_follows(void)
{
    struct memory memory;
    struct key_table table;
    open_table(&memory, &table, 4096, 3);
    for (uint32_t i = 0; i < 5; i++)
        REQUIRE(key_table_put(&table, 1, 2, i, i == 3));
    struct found found = {.count = 0};
    key_table_list(&table, 0, 100, take, &found);
    REQUIRE(found.count == 2);
    CHECK(found.ordinals[0] + found.ordinals[1] == 3 + 4);
    key_table_close(&table);
}

/* As the ring would have it, by counting. */
static void what_is_only_counted_is_picked_by_a_second_reading(void)
{
    static const bool tombstones[] = {false, true, false, true, false, false, false, false, false, false};
    enum { RECORDS = sizeof tombstones / sizeof tombstones[0] };
    for (uint32_t keep = KEY_TABLE_RING + 1; keep < 12; keep++) {
        struct memory memory;
        struct key_table table;
        open_table(&memory, &table, 4096, keep);
        for (uint32_t i = 0; i < RECORDS; i++)
            REQUIRE(key_table_put(&table, 1, 2, i, tombstones[i]) && key_table_put(&table, 1, 3, i, false));
        for (uint32_t i = 0; i < RECORDS; i++) {
            CHECK(key_table_pick(&table, 1, 2, tombstones[i]) == (i >= 3 && i + keep >= RECORDS));
            CHECK(key_table_pick(&table, 1, 3, false) == (i + keep >= RECORDS));
        }
        key_table_close(&table);
    }
}

/* Slice after slice, whatever the size of the table: each key's last ordinal is found exactly once. */
static void slices_cover_the_key_space(void)
{
    static const size_t sizes[] = {100, 1000, 5000, 20000, 100000};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        struct memory memory;
        struct key_table table;
        uint32_t firsts[KEYS];
        uint64_t seconds[KEYS];
        uint32_t found_in[KEYS] = {0};
        struct seeded_random random = {s};
        for (uint32_t i = 0; i < KEYS; i++) {
            firsts[i] = (uint32_t)random_next(&random);
            seconds[i] = random_next(&random);
        }
        open_table(&memory, &table, sizes[s], 1);
        uint32_t slices = 0;
        for (bool more = true; more; slices++) {
            for (uint32_t i = 0; i < 2 * KEYS; i++) {
                uint32_t key = i % KEYS;
                if (key_table_wants(&table, firsts[key]))
                    REQUIRE(key_table_put(&table, firsts[key], seconds[key], i, false));
            }
            CHECK(table.count <= table.most);
            for (uint32_t i = 0; i < KEYS; i++) {
                bool is_in = key_table_has(&table, firsts[i], seconds[i]);
                CHECK(is_in == key_table_wants(&table, firsts[i]));
                found_in[i] += is_in;
            }
            struct found found = {.count = 0};
            key_table_list(&table, KEYS, 2 * KEYS, take, &found);
            CHECK_EQUAL(found.count, table.count);
            more = table.high < UINT32_MAX;
            if (more)
                key_table_begin_slice(&table, table.high + 1, key_table_next_high(&table));
        }
        for (uint32_t i = 0; i < KEYS; i++)
            CHECK_EQUAL(found_in[i], 1);
        uint32_t least = (KEYS + table.most - 1) / table.most;
        CHECK(slices >= least && slices <= least + 2 + least / 2);
        key_table_close(&table);
        CHECK_EQUAL(memory_total_bytes(&memory), 0);
    }
}

static void keys_of_one_first_hash_that_do_not_fit_are_told(void)
{
    struct memory memory;
    struct key_table table;
    open_table(&memory, &table, 100, 1);
    key_table_begin_slice(&table, 5, UINT32_MAX);
    bool fits = true;
    for (uint32_t i = 0; i < 10 && fits; i++)
        fits = key_table_put(&table, 5, i, i, false);
    CHECK(!fits);
    key_table_close(&table);
}

SUITE("key table", CHECK_TEST(the_last_ordinals_of_a_key_are_listed),
      CHECK_TEST(a_tombstone_is_the_first_of_what_follows),
      CHECK_TEST(what_is_only_counted_is_picked_by_a_second_reading), CHECK_TEST(slices_cover_the_key_space),
      CHECK_TEST(keys_of_one_first_hash_that_do_not_fit_are_told))
