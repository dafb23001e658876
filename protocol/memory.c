#include "memory.h"

#include <stdlib.h>
#include <string.h>

void memory_init(struct memory *memory)
{
    memset(memory, 0, sizeof *memory);
    atomic_store(&memory->fail_countdown, -1);
}

static bool may_allocate(struct memory *memory)
{
    if (atomic_load_explicit(&memory->fail_countdown, memory_order_relaxed) < 0)
        return true;
    return atomic_fetch_sub(&memory->fail_countdown, 1) != 0;
}

static void count_add(struct memory *memory, enum memory_purpose purpose, size_t size)
{
    struct memory_count *count = &memory->counts[purpose];
    size_t bytes = atomic_fetch_add_explicit(&count->bytes, size, memory_order_relaxed) + size;
    atomic_fetch_add_explicit(&count->blocks, 1, memory_order_relaxed);
    if (bytes > atomic_load_explicit(&count->peak_bytes, memory_order_relaxed))
        atomic_store_explicit(&count->peak_bytes, bytes, memory_order_relaxed);
}

static void count_remove(struct memory *memory, enum memory_purpose purpose, size_t size)
{
    struct memory_count *count = &memory->counts[purpose];
    atomic_fetch_sub_explicit(&count->bytes, size, memory_order_relaxed);
    atomic_fetch_sub_explicit(&count->blocks, 1, memory_order_relaxed);
}

void *memory_alloc(struct memory *memory, enum memory_purpose purpose, size_t size)
{
    if (!may_allocate(memory))
        return NULL;
    void *block = malloc(size != 0 ? size : 1);
    if (block != NULL)
        count_add(memory, purpose, size);
    return block;
}

void *memory_alloc_zeroed(struct memory *memory, enum memory_purpose purpose, size_t size)
{
    if (!may_allocate(memory))
        return NULL;
    void *block = calloc(1, size != 0 ? size : 1);
    if (block != NULL)
        count_add(memory, purpose, size);
    return block;
}

void *memory_realloc(struct memory *memory, enum memory_purpose purpose, void *old, size_t old_size, size_t new_size)
{
    if (!may_allocate(memory))
        return NULL;
    void *block = realloc(old, new_size != 0 ? new_size : 1);
    if (block == NULL)
        return NULL;
    if (old != NULL)
        count_remove(memory, purpose, old_size);
    count_add(memory, purpose, new_size);
    return block;
}

void memory_free(struct memory *memory, enum memory_purpose purpose, void *block, size_t size)
{
    if (block == NULL)
        return;
    count_remove(memory, purpose, size);
    free(block);
}

void memory_fail_at(struct memory *memory, int64_t nth)
{
    atomic_store(&memory->fail_countdown, nth);
}

bool memory_fail_pending(const struct memory *memory)
{
    return atomic_load(&memory->fail_countdown) >= 0;
}

const char *memory_purpose_text(enum memory_purpose purpose)
{
    static const char *const texts[] = {
#define X(name, text) text,
        MEMORY_PURPOSE_MAP(X)
#undef X
    };
    return texts[purpose];
}

size_t memory_total_bytes(const struct memory *memory)
{
    size_t total = 0;
    for (int purpose = 0; purpose < MEMORY_PURPOSES; purpose++)
        total += atomic_load_explicit(&memory->counts[purpose].bytes, memory_order_relaxed);
    return total;
}
