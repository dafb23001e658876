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

static void close_topic(struct committed_offsets *offsets, struct committed_topic *topic)
{
    for (uint32_t i = 0; topic->partitions != NULL && i < topic->count; i++)
        free_text(offsets, topic->partitions[i].value.metadata);
    memory_free(offsets->memory, MEMORY_GROUPS, topic->partitions, topic->capacity * sizeof *topic->partitions);
    free_text(offsets, topic->name);
}

void committed_offsets_close(struct committed_offsets *offsets)
{
    for (uint32_t i = 0; i < offsets->topic_count; i++)
        close_topic(offsets, &offsets->topics[i]);
    memory_free(offsets->memory, MEMORY_GROUPS, offsets->topics, offsets->topic_capacity * sizeof *offsets->topics);
    committed_offsets_init(offsets, offsets->memory);
}

/* ---- finding ---- */

static struct committed_topic *find_topic(const struct committed_offsets *offsets, slice name)
{
    for (uint32_t i = 0; i < offsets->topic_count; i++) {
        if (slice_equal(offsets->topics[i].name, name))
            return &offsets->topics[i];
    }
    return NULL;
}

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

static bool is_at(const struct committed_topic *topic, uint32_t place, int32_t partition)
{
    return place < topic->count && topic->partitions[place].partition == partition;
}

const struct committed_offset *committed_offsets_find(const struct committed_offsets *offsets, slice topic,
                                                      int32_t partition)
{
    const struct committed_topic *found = find_topic(offsets, topic);
    uint32_t place = found != NULL ? find_place(found, partition) : 0;
    return found != NULL && is_at(found, place, partition) ? &found->partitions[place].value : NULL;
}

/* ---- changing ---- */

/* Room for one more element; *items and *capacity follow. */
static int reserve(struct memory *memory, void **items, uint32_t count, uint32_t *capacity, size_t size)
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

static struct committed_topic *add_topic(struct committed_offsets *offsets, slice name)
{
    void *topics = offsets->topics;
    int rc = reserve(offsets->memory, &topics, offsets->topic_count, &offsets->topic_capacity, sizeof *offsets->topics);
    offsets->topics = topics;
    if (rc != 0)
        return NULL;
    struct committed_topic topic = {0};
    if (copy_text(offsets, &topic.name, name) != 0)
        return NULL;
    offsets->topics[offsets->topic_count] = topic;
    return &offsets->topics[offsets->topic_count++];
}

static int insert(struct committed_offsets *offsets, struct committed_topic *topic, uint32_t place,
                  const struct committed_partition *partition)
{
    void *partitions = topic->partitions;
    int rc = reserve(offsets->memory, &partitions, topic->count, &topic->capacity, sizeof *topic->partitions);
    topic->partitions = partitions;
    if (rc != 0)
        return rc;
    memmove(&topic->partitions[place + 1], &topic->partitions[place],
            (topic->count - place) * sizeof *topic->partitions);
    topic->partitions[place] = *partition;
    topic->count++;
    return 0;
}

static void drop_empty(struct committed_offsets *offsets, struct committed_topic *topic)
{
    if (topic->count > 0)
        return;
    close_topic(offsets, topic);
    *topic = offsets->topics[--offsets->topic_count];
}

int committed_offsets_put(struct committed_offsets *offsets, slice topic, int32_t partition,
                          const struct committed_offset *value)
{
    struct committed_topic *found = find_topic(offsets, topic);
    struct committed_partition put = {.partition = partition, .value = *value};
    if (found == NULL && (found = add_topic(offsets, topic)) == NULL)
        return -ENOMEM;
    uint32_t place = find_place(found, partition);
    int rc = copy_text(offsets, &put.value.metadata, value->metadata);
    if (rc == 0 && is_at(found, place, partition)) {
        free_text(offsets, found->partitions[place].value.metadata);
        found->partitions[place] = put;
        return 0;
    }
    if (rc == 0 && (rc = insert(offsets, found, place, &put)) != 0)
        free_text(offsets, put.value.metadata);
    if (rc != 0)
        drop_empty(offsets, found);
    return rc;
}

bool committed_offsets_remove(struct committed_offsets *offsets, slice topic, int32_t partition)
{
    struct committed_topic *found = find_topic(offsets, topic);
    uint32_t place = found != NULL ? find_place(found, partition) : 0;
    if (found == NULL || !is_at(found, place, partition))
        return false;
    free_text(offsets, found->partitions[place].value.metadata);
    memmove(&found->partitions[place], &found->partitions[place + 1],
            (found->count - place - 1) * sizeof *found->partitions);
    found->count--;
    drop_empty(offsets, found);
    return true;
}
