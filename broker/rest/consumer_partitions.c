#include "rest/consumer_partitions.h"

#include <errno.h>
#include <stdlib.h>

void consumer_partitions_init(struct consumer_partitions *partitions, struct memory *memory)
{
    *partitions = (struct consumer_partitions){.items = NULL};
    arena_init(&partitions->arena, memory, MEMORY_GROUPS, CONSUMER_PARTITIONS_BYTES);
}

void consumer_partitions_close(struct consumer_partitions *partitions)
{
    arena_close(&partitions->arena);
}

void consumer_partitions_clear(struct consumer_partitions *partitions)
{
    struct memory *memory = partitions->arena.memory;
    consumer_partitions_close(partitions);
    consumer_partitions_init(partitions, memory);
}

static int compare(const struct consumer_partition *partition, slice topic, int32_t index)
{
    int order = slice_compare(partition->topic, topic);
    return order != 0 ? order : (partition->index > index) - (partition->index < index);
}

static int compare_partitions(const void *a, const void *b)
{
    const struct consumer_partition *second = b;
    return compare(a, second->topic, second->index);
}

struct consumer_partition *consumer_partitions_find(const struct consumer_partitions *partitions, slice topic,
                                                    int32_t index)
{
    size_t from = 0, to = partitions->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = compare(&partitions->items[middle], topic, index);
        if (order == 0)
            return &partitions->items[middle];
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

static bool add_topic(struct consumer_partitions *to, const struct consumer_partitions *before,
                      const struct consumer_protocol_assignment_topic *topic)
{
    slice name = arena_copy(&to->arena, topic->topic);
    for (int32_t i = 0; !slice_is_null(name) && i < topic->partitions.count; i++) {
        int32_t index = topic->partitions.items[i];
        const struct consumer_partition *known = consumer_partitions_find(before, topic->topic, index);
        struct consumer_partition *item = &to->items[to->count++];
        *item = known != NULL ? *known
                              : (struct consumer_partition){.index = index,
                                                            .position = CONSUMER_NO_POSITION,
                                                            .acknowledged = CONSUMER_NO_POSITION,
                                                            .committed = CONSUMER_NO_POSITION};
        item->topic = name;
    }
    return !slice_is_null(name);
}

static void drop_doubles(struct consumer_partitions *partitions)
{
    size_t kept = 0;
    for (size_t i = 0; i < partitions->count; i++) {
        if (kept == 0 || compare_partitions(&partitions->items[kept - 1], &partitions->items[i]) != 0)
            partitions->items[kept++] = partitions->items[i];
    }
    partitions->count = kept;
}

int consumer_partitions_set(struct consumer_partitions *partitions,
                            const struct consumer_protocol_assignment_topic *topics, size_t count)
{
    struct consumer_partitions made;
    size_t room = 0;
    consumer_partitions_init(&made, partitions->arena.memory);
    for (size_t i = 0; i < count; i++)
        room += topics[i].partitions.count > 0 ? (size_t)topics[i].partitions.count : 0;
    made.items = arena_alloc(&made.arena, room * sizeof *made.items);
    bool ok = made.items != NULL;
    for (size_t i = 0; ok && i < count; i++)
        ok = add_topic(&made, partitions, &topics[i]);
    if (!ok) {
        consumer_partitions_close(&made);
        return -ENOMEM;
    }
    qsort(made.items, made.count, sizeof *made.items, compare_partitions);
    drop_doubles(&made);
    consumer_partitions_close(partitions);
    *partitions = made;
    return 0;
}
