#include "group/committed_offsets.h"

#include <errno.h>
#include <string.h>

void committed_offsets_init(struct committed_offsets *offsets, struct memory *memory)
{
    *offsets = (struct committed_offsets){.memory = memory};
}

static void free_text(struct committed_offsets *offsets, slice text)
{
    if (text.size > 0)
        memory_free(offsets->memory, MEMORY_GROUPS, (void *)(uintptr_t)text.data, text.size);
}

/* An empty text takes no memory. */
static int copy_text(struct committed_offsets *offsets, slice *to, slice from)
{
    *to = slice_of_text("");
    if (from.size == 0)
        return 0;
    uint8_t *bytes = memory_alloc(offsets->memory, MEMORY_GROUPS, from.size);
    if (bytes == NULL)
        return -ENOMEM;
    memcpy(bytes, from.data, from.size);
    *to = slice_of(bytes, from.size);
    return 0;
}

/* ---- topics ---- */

/* Of the first topic that is not below. */
static uint32_t find_topic_place(const struct committed_offsets *offsets, slice name)
{
    uint32_t from = 0, to = offsets->topic_count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (slice_compare(offsets->topics[middle]->name, name) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static struct committed_topic *topic_at(const struct committed_offsets *offsets, uint32_t place, slice name)
{
    bool is_there = place < offsets->topic_count && slice_equal(offsets->topics[place]->name, name);
    return is_there ? offsets->topics[place] : NULL;
}

struct committed_topic *committed_offsets_find_topic(const struct committed_offsets *offsets, slice topic)
{
    return topic_at(offsets, find_topic_place(offsets, topic), topic);
}

static void free_topic(struct committed_offsets *offsets, struct committed_topic *topic)
{
    for (uint32_t i = 0; i < topic->count; i++)
        free_text(offsets, topic->partitions[i].value.metadata);
    memory_free(offsets->memory, MEMORY_GROUPS, topic->partitions, topic->capacity * sizeof *topic->partitions);
    memory_free(offsets->memory, MEMORY_GROUPS, topic, sizeof *topic + topic->name.size);
}

void committed_offsets_close(struct committed_offsets *offsets)
{
    for (uint32_t i = 0; i < offsets->topic_count; i++)
        free_topic(offsets, offsets->topics[i]);
    memory_free(offsets->memory, MEMORY_GROUPS, offsets->topics, offsets->topic_capacity * sizeof *offsets->topics);
    committed_offsets_init(offsets, offsets->memory);
}

/* Room for one more element; *items and *capacity follow. */
static int make_room(struct memory *memory, void **items, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity)
        return 0;
    uint32_t more = *capacity < 2 ? *capacity + 1 : *capacity + *capacity / 2;
    void *grown = memory_realloc(memory, MEMORY_GROUPS, *items, *capacity * size, more * size);
    if (grown == NULL)
        return -ENOMEM;
    *items = grown;
    *capacity = more;
    return 0;
}

static struct committed_topic *add_topic(struct committed_offsets *offsets, uint32_t place, slice name)
{
    void *topics = offsets->topics;
    int rc =
        make_room(offsets->memory, &topics, offsets->topic_count, &offsets->topic_capacity, sizeof *offsets->topics);
    offsets->topics = topics;
    struct committed_topic *topic =
        rc == 0 ? memory_alloc_zeroed(offsets->memory, MEMORY_GROUPS, sizeof *topic + name.size) : NULL;
    if (topic == NULL)
        return NULL;
    if (name.size > 0)
        memcpy(topic + 1, name.data, name.size);
    topic->name = slice_of(topic + 1, name.size);
    memmove(&offsets->topics[place + 1], &offsets->topics[place],
            (offsets->topic_count - place) * sizeof *offsets->topics);
    offsets->topics[place] = topic;
    offsets->topic_count++;
    return topic;
}

static void drop_empty(struct committed_offsets *offsets, struct committed_topic *topic)
{
    if (topic->count > 0)
        return;
    uint32_t place = find_topic_place(offsets, topic->name);
    free_topic(offsets, topic);
    offsets->topic_count--;
    memmove(&offsets->topics[place], &offsets->topics[place + 1],
            (offsets->topic_count - place) * sizeof *offsets->topics);
}

/* ---- partitions ---- */

/* Of the first partition that is not below. */
static uint32_t find_place(const struct committed_topic *topic, int32_t partition)
{
    uint32_t from = 0, to = topic->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (topic->partitions[middle].partition < partition)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static struct committed_partition *partition_at(const struct committed_topic *topic, uint32_t place, int32_t partition)
{
    bool is_there = place < topic->count && topic->partitions[place].partition == partition;
    return is_there ? &topic->partitions[place] : NULL;
}

static struct committed_partition *find_partition(const struct committed_topic *topic, int32_t partition)
{
    return topic != NULL ? partition_at(topic, find_place(topic, partition), partition) : NULL;
}

static struct committed_partition *add_partition(struct committed_offsets *offsets, struct committed_topic *topic,
                                                 uint32_t place, int32_t partition)
{
    void *partitions = topic->partitions;
    int rc = make_room(offsets->memory, &partitions, topic->count, &topic->capacity, sizeof *topic->partitions);
    topic->partitions = partitions;
    if (rc != 0)
        return NULL;
    memmove(&topic->partitions[place + 1], &topic->partitions[place],
            (topic->count - place) * sizeof *topic->partitions);
    topic->partitions[place] = (struct committed_partition){.partition = partition};
    topic->count++;
    return &topic->partitions[place];
}

/* One without a value, that no value is on its way to, goes. */
static void drop_unused(struct committed_offsets *offsets, struct committed_topic *topic,
                        struct committed_partition *partition)
{
    if (partition->has_value || partition->awaited > 0)
        return;
    size_t place = (size_t)(partition - topic->partitions);
    topic->count--;
    memmove(partition, partition + 1, (topic->count - place) * sizeof *partition);
    drop_empty(offsets, topic);
}

static void forget_value(struct committed_offsets *offsets, struct committed_partition *partition)
{
    free_text(offsets, partition->value.metadata);
    partition->value = (struct committed_offset){0};
    partition->has_value = false;
}

/* ---- values ---- */

const struct committed_offset *committed_offsets_find(const struct committed_offsets *offsets, slice topic,
                                                      int32_t partition)
{
    const struct committed_topic *found = committed_offsets_find_topic(offsets, topic);
    const struct committed_partition *at = find_partition(found, partition);
    return at != NULL && at->has_value && !found->is_going ? &at->value : NULL;
}

int committed_offsets_reserve(struct committed_offsets *offsets, slice topic, int32_t partition, slice metadata,
                              slice *kept)
{
    uint32_t place = find_topic_place(offsets, topic);
    struct committed_topic *found = topic_at(offsets, place, topic);
    if (found != NULL && found->is_going)
        return -EBUSY;
    if (found == NULL && (found = add_topic(offsets, place, topic)) == NULL)
        return -ENOMEM;
    place = find_place(found, partition);
    struct committed_partition *at = partition_at(found, place, partition);
    int rc = copy_text(offsets, kept, metadata);
    if (rc == 0 && at == NULL && (at = add_partition(offsets, found, place, partition)) == NULL) {
        free_text(offsets, *kept);
        rc = -ENOMEM;
    }
    if (rc == 0)
        at->awaited++;
    else
        drop_empty(offsets, found);
    return rc;
}

void committed_offsets_settle(struct committed_offsets *offsets, slice topic, int32_t partition,
                              const struct committed_offset *value)
{
    struct committed_partition *at = find_partition(committed_offsets_find_topic(offsets, topic), partition);
    at->awaited--;
    forget_value(offsets, at);
    at->value = *value;
    at->has_value = true;
}

void committed_offsets_release(struct committed_offsets *offsets, slice topic, int32_t partition, slice kept)
{
    struct committed_topic *found = committed_offsets_find_topic(offsets, topic);
    struct committed_partition *at = find_partition(found, partition);
    free_text(offsets, kept);
    at->awaited--;
    drop_unused(offsets, found, at);
}

int committed_offsets_put(struct committed_offsets *offsets, slice topic, int32_t partition,
                          const struct committed_offset *value)
{
    struct committed_offset put = *value;
    int rc = committed_offsets_reserve(offsets, topic, partition, value->metadata, &put.metadata);
    if (rc == 0)
        committed_offsets_settle(offsets, topic, partition, &put);
    return rc;
}

bool committed_offsets_remove(struct committed_offsets *offsets, slice topic, int32_t partition)
{
    struct committed_topic *found = committed_offsets_find_topic(offsets, topic);
    struct committed_partition *at = find_partition(found, partition);
    if (at == NULL || !at->has_value)
        return false;
    forget_value(offsets, at);
    drop_unused(offsets, found, at);
    return true;
}

/* ---- transactions ---- */

void committed_offsets_add_pending(struct committed_offsets *offsets, slice topic, int32_t partition)
{
    find_partition(committed_offsets_find_topic(offsets, topic), partition)->pending++;
}

void committed_offsets_remove_pending(struct committed_offsets *offsets, slice topic, int32_t partition)
{
    find_partition(committed_offsets_find_topic(offsets, topic), partition)->pending--;
}

bool committed_offsets_is_pending(const struct committed_offsets *offsets, slice topic, int32_t partition)
{
    const struct committed_partition *at = find_partition(committed_offsets_find_topic(offsets, topic), partition);
    return at != NULL && at->pending > 0;
}
