#include "key_table.h"

#include <errno.h>

#define FREE        UINT32_MAX /* as the state of an entry */
#define NARROW_PART 16

/* An entry: words 0 to 2 are the two hashes. With keep == 1 the fourth is the ordinal. Else the fourth is the place of
 * the next ordinal in the ring of `keep` behind it. Where it counts, the fourth is the number of records from the last
 * tombstone on, the fifth the number of tombstones. */
enum { HASH_WORDS = 3, AT_STATE = HASH_WORDS, AT_TOMBSTONES };

int key_table_open(struct key_table *table, struct memory *memory, size_t size, uint32_t keep)
{
    bool counts = keep > KEY_TABLE_RING;
    uint32_t stride = HASH_WORDS + 1 + (counts ? 1 : keep > 1 ? keep : 0);
    size_t entry_bytes = stride * sizeof(uint32_t);
    if (size < 4 * entry_bytes)
        size = 4 * entry_bytes;
    size_t slots = size / entry_bytes;
    if (slots > UINT32_MAX / 2)
        slots = UINT32_MAX / 2;
    *table = (struct key_table){.memory = memory,
                                .keep = keep,
                                .counts = counts,
                                .stride = stride,
                                .slots = (uint32_t)slots,
                                .size = slots * entry_bytes};
    table->most = (uint32_t)(slots - slots / 8 - 1); /* a search ends at a free one */
    table->words = memory_alloc(memory, MEMORY_LOGS, table->size);
    return table->words != NULL ? 0 : -ENOMEM;
}

void key_table_close(struct key_table *table)
{
    memory_free(table->memory, MEMORY_LOGS, table->words, table->size);
    table->words = NULL;
}

void key_table_begin_slice(struct key_table *table, uint32_t low, uint32_t high)
{
    table->low = low;
    table->high = high;
    table->count = 0;
    memset(table->words, 0xff, table->size);
}

static inline uint32_t *entry_at(const struct key_table *table, uint32_t slot)
{
    return table->words + (size_t)slot * table->stride;
}

static inline bool is_free(const uint32_t *entry)
{
    return entry[AT_STATE] == FREE;
}

/* By a word that is kept in the entry, and not the one by which slices are cut. */
static inline uint32_t home_of(const struct key_table *table, uint32_t word)
{
    return (uint32_t)((uint64_t)word * table->slots >> 32);
}

static inline uint32_t *find(const struct key_table *table, uint32_t first, uint64_t second)
{
    uint32_t word1 = (uint32_t)second;
    uint32_t word2 = (uint32_t)(second >> 32);
    uint32_t slot = home_of(table, word1);
    for (;;) {
        uint32_t *entry = entry_at(table, slot);
        if (is_free(entry) || (entry[1] == word1 && entry[0] == first && entry[2] == word2))
            return entry;
        slot = slot + 1 < table->slots ? slot + 1 : 0;
    }
}

/* Fills the gap with the entries behind it that may stand there. */
static void remove_at(struct key_table *table, uint32_t gap)
{
    size_t bytes = table->stride * sizeof(uint32_t);
    for (uint32_t slot = gap;;) {
        slot = slot + 1 < table->slots ? slot + 1 : 0;
        const uint32_t *entry = entry_at(table, slot);
        if (is_free(entry))
            break;
        uint32_t home = home_of(table, entry[1]);
        uint32_t from_home = slot >= home ? slot - home : slot + table->slots - home;
        uint32_t from_gap = slot >= gap ? slot - gap : slot + table->slots - gap;
        if (from_home < from_gap)
            continue;
        memcpy(entry_at(table, gap), entry, bytes);
        gap = slot;
    }
    memset(entry_at(table, gap), 0xff, bytes);
    table->count--;
}

/* Takes a part off the upper end, as often as it takes to make room: little, so that the slice stays a full one. */
static bool narrow(struct key_table *table)
{
    while (table->count >= table->most) {
        uint32_t width = table->high - table->low;
        if (width == 0)
            return false;
        table->high = table->low + (width - width / NARROW_PART - (width < NARROW_PART));
        for (uint32_t slot = 0; slot < table->slots;) {
            const uint32_t *entry = entry_at(table, slot);
            if (!is_free(entry) && entry[0] > table->high)
                remove_at(table, slot); /* another may stand here now */
            else
                slot++;
        }
    }
    return true;
}

static void note(const struct key_table *table, uint32_t *entry, uint32_t ordinal, bool tombstone)
{
    if (table->keep == 1) {
        entry[AT_STATE] = ordinal;
        return;
    }
    if (table->counts) {
        entry[AT_STATE] = tombstone ? 1 : entry[AT_STATE] + 1;
        entry[AT_TOMBSTONES] += tombstone;
        return;
    }
    uint32_t *ring = entry + AT_STATE + 1;
    if (tombstone)
        memset(ring, 0xff, table->keep * sizeof *ring);
    ring[entry[AT_STATE]] = ordinal;
    entry[AT_STATE] = entry[AT_STATE] + 1 < table->keep ? entry[AT_STATE] + 1 : 0;
}

bool key_table_put(struct key_table *table, uint32_t first, uint64_t second, uint32_t ordinal, bool tombstone)
{
    uint32_t *entry = find(table, first, second);
    if (!is_free(entry)) {
        note(table, entry, ordinal, tombstone);
        return true;
    }
    if (table->count >= table->most) {
        if (!narrow(table))
            return false;
        if (!key_table_wants(table, first))
            return true;
        entry = find(table, first, second);
    }
    entry[0] = first;
    entry[1] = (uint32_t)second;
    entry[2] = (uint32_t)(second >> 32);
    entry[AT_STATE] = 0;
    if (table->counts)
        entry[AT_TOMBSTONES] = 0;
    note(table, entry, ordinal, tombstone);
    table->count++;
    return true;
}

bool key_table_pick(struct key_table *table, uint32_t first, uint64_t second, bool tombstone)
{
    uint32_t *entry = find(table, first, second);
    if (is_free(entry))
        return true; /* not put: whatever that is, it was not superseded */
    if (entry[AT_TOMBSTONES] > 0) {
        entry[AT_TOMBSTONES] -= tombstone;
        if (entry[AT_TOMBSTONES] > 0 || !tombstone)
            return false;
    }
    return entry[AT_STATE]-- <= table->keep;
}

bool key_table_has(const struct key_table *table, uint32_t first, uint64_t second)
{
    return !is_free(find(table, first, second));
}

void key_table_list(const struct key_table *table, uint32_t from, uint32_t to, key_table_callback *callback,
                    void *context)
{
    uint32_t first = table->keep == 1 ? AT_STATE : AT_STATE + 1;
    for (uint32_t slot = 0; slot < table->slots; slot++) {
        const uint32_t *entry = entry_at(table, slot);
        if (is_free(entry))
            continue;
        for (uint32_t i = first; i < table->stride; i++) {
            if (entry[i] >= from && entry[i] < to)
                callback(context, entry[i]);
        }
    }
}

uint32_t key_table_next_high(const struct key_table *table)
{
    uint64_t left = (uint64_t)UINT32_MAX - table->high; /* words above the slice */
    uint64_t width = (uint64_t)table->high - table->low + 1;
    /* Keys that are expected above, a little more than their share, and the slices that they take. */
    uint64_t parts = 1;
    if (table->count > 0 && left > 0) {
        uint64_t per_table = (uint64_t)table->most * width / table->count; /* words whose keys fill a table */
        per_table -= per_table / 64;
        parts = per_table > 0 ? (left + per_table - 1) / per_table : left;
    }
    uint64_t step = left / parts + (left % parts != 0);
    return (uint32_t)(table->high + (step < left ? step : left));
}
