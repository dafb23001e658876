/* An arena: many small allocations with one lifetime, given back together.
 *
 * The values decoded from one request live in one arena. Memory comes from the ledger in chunks that double; `limit`
 * bounds the whole, so a hostile length field costs no more than it. arena_reset keeps the first chunk for reuse. */
#pragma once

#include "memory.h"
#include "slice.h"

struct arena_chunk;

struct arena {
    struct memory *memory;
    enum memory_purpose purpose;
    struct arena_chunk *chunks; /* newest first; NULL until the first allocation */
    size_t used;                /* of the newest chunk */
    size_t total;               /* bytes in chunks */
    size_t limit;               /* of total */
};

void arena_init(struct arena *arena, struct memory *memory, enum memory_purpose purpose, size_t limit);

/* Zeroed, aligned for any type; NULL when the ledger or the limit refuses. */
MUST_USE void *arena_alloc(struct arena *arena, size_t size);

/* A copy that ends in a NUL byte which the slice does not count; data == NULL when refused. */
slice arena_copy(struct arena *arena, slice bytes);

void arena_reset(struct arena *arena);
void arena_close(struct arena *arena);
