#include "operations/repeated.h"

#include <stdlib.h>

struct entry {
    slice name;
    int32_t index;
};

static int compare_names(const slice *left, const slice *right)
{
    if (left->size != right->size)
        return left->size < right->size ? -1 : 1;
    return left->size != 0 ? memcmp(left->data, right->data, left->size) : 0;
}

static int compare(const void *a, const void *b)
{
    return compare_names(&((const struct entry *)a)->name, &((const struct entry *)b)->name);
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

struct partition_entry {
    struct repeated_partition key;
    int32_t index;
};

static int compare_partitions(const void *a, const void *b)
{
    const struct repeated_partition *left = &((const struct partition_entry *)a)->key;
    const struct repeated_partition *right = &((const struct partition_entry *)b)->key;
    if (left->partition != right->partition)
        return left->partition < right->partition ? -1 : 1;
    return compare_names(&left->topic, &right->topic);
}

/* Equal ones in the order of the request. */
static int compare_in_order(const void *a, const void *b)
{
    int order = compare_partitions(a, b);
    if (order != 0)
        return order;
    return ((const struct partition_entry *)a)->index < ((const struct partition_entry *)b)->index ? -1 : 1;
}

int32_t *repeated_find_first(struct arena *arena, const struct repeated_partition *partitions, int32_t count)
{
    size_t size = count > 0 ? (size_t)count : 0;
    struct partition_entry *entries = arena_alloc(arena, size * sizeof *entries);
    int32_t *first = arena_alloc(arena, size * sizeof *first);
    if (entries == NULL || first == NULL)
        return NULL;
    for (int32_t i = 0; i < count; i++)
        entries[i] = (struct partition_entry){partitions[i], i};
    qsort(entries, size, sizeof *entries, compare_in_order);
    for (int32_t i = 0; i < count; i++) {
        bool is_first = i == 0 || compare_partitions(&entries[i - 1], &entries[i]) != 0;
        first[entries[i].index] = is_first ? entries[i].index : first[entries[i - 1].index];
    }
    return first;
}

int32_t *repeated_find_first_name(struct arena *arena, const slice *names, int32_t count)
{
    struct repeated_partition *partitions = arena_alloc(arena, (count > 0 ? (size_t)count : 0) * sizeof *partitions);
    for (int32_t i = 0; partitions != NULL && i < count; i++)
        partitions[i] = (struct repeated_partition){names[i], 0};
    return partitions != NULL ? repeated_find_first(arena, partitions, count) : NULL;
}
