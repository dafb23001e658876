#include "transaction/transaction_partitions.h"

#include <errno.h>
#include <string.h>

/* Where the topic is, or would be. */
static int32_t find_topic(const struct transaction_partitions *set, slice name, bool *is_there)
{
    int32_t low = 0;
    int32_t high = set->topic_count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (slice_compare(set->topics[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *is_there = low < set->topic_count && slice_compare(set->topics[low]->name, name) == 0;
    return low;
}

static int32_t find_partition(const struct transaction_topic *topic, int32_t partition, bool *is_there)
{
    int32_t low = 0;
    int32_t high = topic->count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (topic->partitions[middle] < partition)
            low = middle + 1;
        else
            high = middle;
    }
    *is_there = low < topic->count && topic->partitions[low] == partition;
    return low;
}

static void free_topic(struct transaction_topic *topic, struct memory *memory)
{
    memory_free(memory, MEMORY_TRANSACTIONS, topic->partitions, (size_t)topic->capacity * sizeof *topic->partitions);
    memory_free(memory, MEMORY_TRANSACTIONS, topic, sizeof *topic + topic->name.size);
}

/* With room for so many partitions, and none in it. */
static struct transaction_topic *make_topic(struct memory *memory, slice name, int32_t capacity)
{
    struct transaction_topic *topic = memory_alloc(memory, MEMORY_TRANSACTIONS, sizeof *topic + name.size);
    if (topic == NULL)
        return NULL;
    size_t size = (size_t)capacity * sizeof *topic->partitions;
    *topic = (struct transaction_topic){.name = {(const uint8_t *)(topic + 1), name.size}, .capacity = capacity};
    if (name.size != 0)
        memcpy(topic + 1, name.data, name.size);
    topic->partitions = memory_alloc(memory, MEMORY_TRANSACTIONS, size);
    if (topic->partitions == NULL) {
        memory_free(memory, MEMORY_TRANSACTIONS, topic, sizeof *topic + name.size);
        return NULL;
    }
    return topic;
}

void transaction_partitions_close(struct transaction_partitions *set, struct memory *memory)
{
    for (int32_t i = 0; i < set->topic_count; i++)
        free_topic(set->topics[i], memory);
    memory_free(memory, MEMORY_TRANSACTIONS, set->topics, (size_t)set->topic_capacity * sizeof(void *));
    *set = TRANSACTION_PARTITIONS_NONE;
}

int transaction_partitions_copy(struct transaction_partitions *to, const struct transaction_partitions *from,
                                struct memory *memory)
{
    *to = TRANSACTION_PARTITIONS_NONE;
    if (from->topic_count == 0)
        return 0;
    to->topics = memory_alloc(memory, MEMORY_TRANSACTIONS, (size_t)from->topic_count * sizeof(void *));
    if (to->topics == NULL)
        return -ENOMEM;
    to->topic_capacity = from->topic_count;
    for (int32_t i = 0; i < from->topic_count; i++) {
        const struct transaction_topic *topic = from->topics[i];
        struct transaction_topic *copy = make_topic(memory, topic->name, topic->count);
        if (copy == NULL) {
            transaction_partitions_close(to, memory);
            return -ENOMEM;
        }
        memcpy(copy->partitions, topic->partitions, (size_t)topic->count * sizeof *topic->partitions);
        copy->count = topic->count;
        to->topics[to->topic_count++] = copy;
    }
    to->count = from->count;
    return 0;
}

static int add_topic(struct transaction_partitions *set, struct memory *memory, slice name, int32_t at)
{
    if (set->topic_count == set->topic_capacity) {
        int32_t capacity = set->topic_capacity == 0 ? 1 : set->topic_capacity * 2;
        struct transaction_topic **topics =
            memory_realloc(memory, MEMORY_TRANSACTIONS, set->topics, (size_t)set->topic_capacity * sizeof(void *),
                           (size_t)capacity * sizeof(void *));
        if (topics == NULL)
            return -ENOMEM;
        set->topics = topics;
        set->topic_capacity = capacity;
    }
    struct transaction_topic *topic = make_topic(memory, name, 1);
    if (topic == NULL)
        return -ENOMEM;
    memmove(set->topics + at + 1, set->topics + at, (size_t)(set->topic_count - at) * sizeof(void *));
    set->topics[at] = topic;
    set->topic_count++;
    return 0;
}

static int add_partition(struct transaction_topic *topic, struct memory *memory, int32_t partition, int32_t at)
{
    if (topic->count == topic->capacity) {
        int32_t capacity = topic->capacity * 2;
        int32_t *partitions = memory_realloc(memory, MEMORY_TRANSACTIONS, topic->partitions,
                                             (size_t)topic->capacity * sizeof *topic->partitions,
                                             (size_t)capacity * sizeof *topic->partitions);
        if (partitions == NULL)
            return -ENOMEM;
        topic->partitions = partitions;
        topic->capacity = capacity;
    }
    memmove(topic->partitions + at + 1, topic->partitions + at,
            (size_t)(topic->count - at) * sizeof *topic->partitions);
    topic->partitions[at] = partition;
    topic->count++;
    return 0;
}

int transaction_partitions_add(struct transaction_partitions *set, struct memory *memory, slice topic,
                               int32_t partition)
{
    bool is_there;
    int32_t at = find_topic(set, topic, &is_there);
    int rc = is_there ? 0 : add_topic(set, memory, topic, at);
    if (rc != 0)
        return rc;
    struct transaction_topic *found = set->topics[at];
    int32_t place = find_partition(found, partition, &is_there);
    rc = is_there ? 0 : add_partition(found, memory, partition, place);
    if (rc == 0)
        set->count += !is_there;
    return rc;
}

void transaction_partitions_fold(struct transaction_partitions *set, slice topic)
{
    bool is_there;
    int32_t at = find_topic(set, topic, &is_there);
    if (!is_there)
        return;
    set->count -= (size_t)set->topics[at]->count - 1;
    set->topics[at]->count = 1;
    set->topics[at]->partitions[0] = 0;
}

bool transaction_partitions_has(const struct transaction_partitions *set, slice topic, int32_t partition)
{
    bool is_there;
    int32_t at = find_topic(set, topic, &is_there);
    if (is_there)
        find_partition(set->topics[at], partition, &is_there);
    return is_there;
}

size_t transaction_partitions_size(const struct transaction_partitions *set)
{
    size_t size = set->count * sizeof(int32_t);
    for (int32_t i = 0; i < set->topic_count; i++)
        size += set->topics[i]->name.size + 12; /* two lengths, tagged fields */
    return size;
}
