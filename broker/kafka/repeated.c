#include "kafka/repeated.h"

#include <stdlib.h>

struct entry {
    slice name;
    int32_t index;
};

static int compare(const void *a, const void *b)
{
    const slice *left = &((const struct entry *)a)->name, *right = &((const struct entry *)b)->name;
    if (left->size != right->size)
        return left->size < right->size ? -1 : 1;
    return left->size != 0 ? memcmp(left->data, right->data, left->size) : 0;
}

bool *repeated_find(struct arena *arena, const slice *names, int32_t count)
{
    size_t size = count > 0 ? (size_t)count : 0;
    struct entry *entries = arena_alloc(arena, size * sizeof *entries);
    bool *repeated = arena_alloc(arena, size * sizeof *repeated);
    if (entries == NULL || repeated == NULL)
        return NULL;
    for (int32_t i = 0; i < count; i++)
        entries[i] = (struct entry){names[i], i};
    qsort(entries, size, sizeof *entries, compare);
    for (int32_t i = 1; i < count; i++) {
        if (compare(&entries[i - 1], &entries[i]) == 0)
            repeated[entries[i - 1].index] = repeated[entries[i].index] = true;
    }
    return repeated;
}
