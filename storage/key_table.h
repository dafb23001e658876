/* The keys of one slice of the key space, with the last records of each: what one reading of the log fills.
 *
 * Open addressing in one block of the ledger, never larger than asked for. An entry is the 96 bits of a key's hash
 * (key_hash.h) and the ordinals of its last `keep` records, ordinals being the records' numbers in the order of
 * reading. Where more are to be kept than KEY_TABLE_RING, it only counts them, and a second reading of the same records
 * picks the last ones by the count: so the table holds as many keys whatever is kept of each.
 *
 * A slice is a range of the first hash. It begins as all that is left of the key space; whenever the table is
 * full, the upper end is taken back and what lies above it goes, for a later slice. So a slice is as wide as the memory
 * allows, whatever the keys are, and one reading fills it. */
#pragma once

#include "memory.h"
#include "slice.h"

#define KEY_TABLE_MAX_ORDINAL (UINT32_MAX - 1)
#define KEY_TABLE_RING        4

struct key_table {
    struct memory *memory;
    uint32_t *words;
    size_t size;     /* bytes */
    uint32_t keep;   /* ordinals of each key */
    bool counts;     /* keep is above KEY_TABLE_RING: no ordinals are held */
    uint32_t stride; /* words of an entry */
    uint32_t slots;
    uint32_t most;  /* entries before it is full */
    uint32_t count; /* entries */
    uint32_t low;   /* the slice: [low, high] of the first hash */
    uint32_t high;
};

/* `size` bytes, or what an entry or two take. -ENOMEM. */
MUST_USE int key_table_open(struct key_table *table, struct memory *memory, size_t size, uint32_t keep);
void key_table_close(struct key_table *table);

/* Empties it for the slice [low, high]. */
void key_table_begin_slice(struct key_table *table, uint32_t low, uint32_t high);

static inline bool key_table_wants(const struct key_table *table, uint32_t first)
{
    return first - table->low <= table->high - table->low;
}

/* Notes a record of a key that is wanted, by its two hashes; a tombstone makes those before it superseded. May narrow
 * the slice, this key included. False: the keys of one first hash alone do not fit. */
MUST_USE bool key_table_put(struct key_table *table, uint32_t first, uint64_t second, uint32_t ordinal, bool tombstone);

bool key_table_has(const struct key_table *table, uint32_t first, uint64_t second);

/* Brings the place of a key that will be asked for into the cache. */
static inline void key_table_prefetch(const struct key_table *table, uint64_t second)
{
    uint32_t slot = (uint32_t)((uint64_t)(uint32_t)second * table->slots >> 32);
    __builtin_prefetch(table->words + (size_t)slot * table->stride, 1);
}

/* Where it counts: whether the next record of a key that was put stays, the records in the order of the first reading.
 */
bool key_table_pick(struct key_table *table, uint32_t first, uint64_t second, bool tombstone);

/* Calls back for each ordinal in [from, to), in no order. */
typedef void key_table_callback(void *context, uint32_t ordinal);
void key_table_list(const struct key_table *table, uint32_t from, uint32_t to, key_table_callback *callback,
                    void *context);

/* The upper end of the slice that should follow this full one: as much as will probably fit, in slices of one size. */
uint32_t key_table_next_high(const struct key_table *table);
