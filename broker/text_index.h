/* Entries found by a text: a hash table of chains whose links are in the entries.
 *
 * Adding and removing never fail: where there is no memory for more chains, the ones that are there get longer. The
 * entry borrows its text, which stays where it is while the entry is in the index. The seed keeps clients, who choose
 * the texts, from choosing those of one chain. */
#pragma once

#include "memory.h"
#include "slice.h"

#include <stdint.h>

struct text_index_entry {
    struct text_index_entry *next;
    slice text;
    uint32_t hash;
};

struct text_index {
    struct memory *memory;
    enum memory_purpose purpose;
    struct text_index_entry **chains;
    struct text_index_entry *first; /* the one chain while there is no memory for any */
    uint32_t chain_count;           /* a power of two; 0: `first` alone */
    uint32_t count;
    uint32_t seed;
};

void text_index_init(struct text_index *index, struct memory *memory, enum memory_purpose purpose, uint32_t seed);
/* Whatever is in it is not touched. */
void text_index_close(struct text_index *index);
/* Of entries that have the same text, the one that came last is found. */
void text_index_add(struct text_index *index, struct text_index_entry *entry, slice text);
/* It is in the index. */
void text_index_remove(struct text_index *index, struct text_index_entry *entry);
/* NULL when there is none. */
struct text_index_entry *text_index_find(const struct text_index *index, slice text);
