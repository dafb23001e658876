#include "arena.h"

#include <stdalign.h>

#define FIRST_CHUNK_BYTES ((size_t)1024)

struct arena_chunk {
    struct arena_chunk *next;
    size_t size; /* of bytes */
    alignas(max_align_t) uint8_t bytes[];
};

void arena_init(struct arena *arena, struct memory *memory, enum memory_purpose purpose, size_t limit)
{
    *arena = (struct arena){.memory = memory, .purpose = purpose, .limit = limit};
}

static bool add_chunk(struct arena *arena, size_t at_least)
{
    size_t size = arena->chunks != NULL ? 2 * arena->chunks->size : FIRST_CHUNK_BYTES;
    size_t left = arena->limit - arena->total;
    if (size > left)
        size = left;
    if (size < at_least)
        size = at_least;
    if (size > left)
        return false;
    struct arena_chunk *chunk = memory_alloc(arena->memory, arena->purpose, sizeof *chunk + size);
    if (chunk == NULL)
        return false;
    chunk->next = arena->chunks;
    chunk->size = size;
    arena->chunks = chunk;
    arena->used = 0;
    arena->total += size;
    return true;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > arena->limit)
        return NULL;
    size_t rounded = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (arena->chunks == NULL || arena->chunks->size - arena->used < rounded) {
        if (!add_chunk(arena, rounded))
            return NULL;
    }
    void *block = arena->chunks->bytes + arena->used;
    arena->used += rounded;
    return memset(block, 0, size);
}

slice arena_copy(struct arena *arena, slice bytes)
{
    uint8_t *copy = arena_alloc(arena, bytes.size + 1);
    if (copy == NULL)
        return NULL_SLICE;
    if (bytes.size != 0)
        memcpy(copy, bytes.data, bytes.size);
    return slice_of(copy, bytes.size);
}

static void free_chunk(struct arena *arena, struct arena_chunk *chunk)
{
    arena->total -= chunk->size;
    memory_free(arena->memory, arena->purpose, chunk, sizeof *chunk + chunk->size);
}

void arena_reset(struct arena *arena)
{
    while (arena->chunks != NULL && arena->chunks->next != NULL) {
        struct arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        free_chunk(arena, chunk);
    }
    arena->used = 0;
}

void arena_close(struct arena *arena)
{
    while (arena->chunks != NULL) {
        struct arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        free_chunk(arena, chunk);
    }
    arena->used = 0;
}
