#include "text_index.h"

#define CHAINS_FIRST 4
#define CHAINS_MOST  (UINT32_C(1) << 24)

void text_index_init(struct text_index *index, struct memory *memory, enum memory_purpose purpose, uint32_t seed)
{
    *index = (struct text_index){.memory = memory, .purpose = purpose, .seed = seed};
}

void text_index_close(struct text_index *index)
{
    memory_free(index->memory, index->purpose, index->chains, index->chain_count * sizeof *index->chains);
    text_index_init(index, index->memory, index->purpose, index->seed);
}

/* FNV-1a, and a stir: a chain is chosen by the lower bits. */
static uint32_t hash_of(const struct text_index *index, slice text)
{
    uint32_t hash = UINT32_C(0x811c9dc5) ^ index->seed;
    for (size_t i = 0; i < text.size; i++) {
        hash = (hash ^ text.data[i]) * UINT32_C(0x01000193);
        hash ^= hash >> 15;
    }
    return hash;
}

static struct text_index_entry **chain_of(struct text_index *index, uint32_t hash)
{
    return index->chain_count == 0 ? &index->first : &index->chains[hash & (index->chain_count - 1)];
}

static void move_chain(struct text_index *index, struct text_index_entry *entry)
{
    while (entry != NULL) {
        struct text_index_entry *next = entry->next, **chain = chain_of(index, entry->hash);
        entry->next = *chain;
        *chain = entry;
        entry = next;
    }
}

static void grow(struct text_index *index)
{
    uint32_t count = index->chain_count == 0 ? CHAINS_FIRST : index->chain_count * 2;
    if (count > CHAINS_MOST)
        return;
    struct text_index_entry **chains = memory_alloc_zeroed(index->memory, index->purpose, count * sizeof(*chains));
    if (chains == NULL)
        return;
    struct text_index former = *index;
    index->chains = chains;
    index->chain_count = count;
    index->first = NULL;
    move_chain(index, former.first);
    for (uint32_t i = 0; i < former.chain_count; i++)
        move_chain(index, former.chains[i]);
    memory_free(index->memory, index->purpose, former.chains, former.chain_count * sizeof *former.chains);
}

void text_index_add(struct text_index *index, struct text_index_entry *entry, slice text)
{
    if (index->count >= CHAINS_FIRST && index->count >= index->chain_count)
        grow(index);
    entry->text = text;
    entry->hash = hash_of(index, text);
    struct text_index_entry **chain = chain_of(index, entry->hash);
    entry->next = *chain;
    *chain = entry;
    index->count++;
}

void text_index_remove(struct text_index *index, struct text_index_entry *entry)
{
    struct text_index_entry **link = chain_of(index, entry->hash);
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    index->count--;
}

struct text_index_entry *text_index_find(const struct text_index *index, slice text)
{
    uint32_t hash = hash_of(index, text);
    struct text_index_entry *entry =
        index->chain_count == 0 ? index->first : index->chains[hash & (index->chain_count - 1)];
    while (entry != NULL && (entry->hash != hash || !slice_equal(entry->text, text)))
        entry = entry->next;
    return entry;
}
