#include "check.h"
#include "text_index.h"

#include <stdio.h>

enum { COUNT = 5000 };

struct item {
    struct text_index_entry entry;
    char text[16];
};

static struct item items[COUNT];

static void fill(struct text_index *index)
{
    for (int i = 0; i < COUNT; i++) {
        snprintf(items[i].text, sizeof items[i].text, "member-%d", i);
        text_index_add(index, &items[i].entry, slice_of_text(items[i].text));
    }
}

static uint32_t longest_chain(const struct text_index *index)
{
    uint32_t longest = 0;
    for (uint32_t i = 0; i < index->chain_count; i++) {
        uint32_t length = 0;
        for (const struct text_index_entry *entry = index->chains[i]; entry != NULL; entry = entry->next)
            length++;
        longest = length > longest ? length : longest;
    }
    return longest;
}

static void what_is_added_is_found_until_it_is_removed(void)
{
    struct memory memory;
    struct text_index index;
    memory_init(&memory);
    text_index_init(&index, &memory, MEMORY_GROUPS, 7);
    CHECK(text_index_find(&index, slice_of_text("member-0")) == NULL);
    fill(&index);
    for (int i = 0; i < COUNT; i++)
        CHECK(text_index_find(&index, slice_of_text(items[i].text)) == &items[i].entry);
    for (int i = 0; i < COUNT; i += 2)
        text_index_remove(&index, &items[i].entry);
    for (int i = 0; i < COUNT; i++)
        CHECK((text_index_find(&index, slice_of_text(items[i].text)) != NULL) == (i % 2 != 0));
    CHECK_EQUAL(index.count, COUNT / 2);
    text_index_close(&index);
    CHECK(memory_total_bytes(&memory) == 0);
}

static void few_are_looked_at_however_many_there_are(void)
{
    struct memory memory;
    struct text_index index;
    memory_init(&memory);
    for (uint32_t seed = 0; seed < 20; seed++) {
        text_index_init(&index, &memory, MEMORY_GROUPS, seed * UINT32_C(0x9e3779b9));
        fill(&index);
        CHECK(index.chain_count >= COUNT && longest_chain(&index) <= 12);
        text_index_close(&index);
    }
    CHECK(memory_total_bytes(&memory) == 0);
}

static void without_memory_it_finds_all_the_same(void)
{
    struct memory memory;
    struct text_index index;
    memory_init(&memory);
    for (int64_t nth = 0; nth < 12; nth++) {
        text_index_init(&index, &memory, MEMORY_GROUPS, 0);
        memory_fail_at(&memory, nth);
        fill(&index);
        memory_fail_at(&memory, -1);
        for (int i = 0; i < COUNT; i++)
            CHECK(text_index_find(&index, slice_of_text(items[i].text)) == &items[i].entry);
        for (int i = 0; i < COUNT; i++)
            text_index_remove(&index, &items[i].entry);
        CHECK_EQUAL(index.count, 0);
        text_index_close(&index);
    }
    CHECK(memory_total_bytes(&memory) == 0);
}

SUITE("text_index", CHECK_TEST(what_is_added_is_found_until_it_is_removed),
      CHECK_TEST(few_are_looked_at_however_many_there_are), CHECK_TEST(without_memory_it_finds_all_the_same))
