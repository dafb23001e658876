/* The tables of uthash come from the ledger too: every function that changes them has `topics` in scope. */
#define HASH_NONFATAL_OOM        1
#define uthash_malloc(size)      memory_alloc(topics->memory, MEMORY_TOPICS, size)
#define uthash_free(block, size) memory_free(topics->memory, MEMORY_TOPICS, block, size)
#include "topics.h"

#include <errno.h>

void topics_init(struct topics *topics, struct memory *memory)
{
    *topics = (struct topics){.memory = memory};
}

static void note_change(struct topics *topics)
{
    topics->changes++;
    if (topics->changed != NULL)
        topics->changed(topics);
}

static void free_topic(struct topics *topics, struct topic *topic)
{
    for (int32_t i = 0; i < topic->partition_count; i++) {
        struct partition *partition = topic->partitions[i];
        if (partition->log != NULL)
            log_close(partition->log);
        memory_free(topics->memory, MEMORY_TOPICS, partition, sizeof *partition);
    }
    memory_free(topics->memory, MEMORY_TOPICS, topic->partitions,
                (size_t)topic->partition_capacity * sizeof(struct partition *));
    topic_config_close(&topic->config, topics->memory);
    memory_free(topics->memory, MEMORY_TOPICS, topic->unified_name, topic->name_size);
    memory_free(topics->memory, MEMORY_TOPICS, topic->name, topic->name_size + 1);
    memory_free(topics->memory, MEMORY_TOPICS, topic, sizeof *topic);
}

void topics_close(struct topics *topics)
{
    struct topic *topic, *next;
    HASH_ITER (by_name, topics->by_name, topic, next)
        topics_remove(topics, topic);
}

struct topic *topics_find(const struct topics *topics, slice name)
{
    struct topic *topic = NULL;
    HASH_FIND(by_name, topics->by_name, name.data, name.size, topic);
    return topic;
}

struct topic *topics_find_id(const struct topics *topics, struct uuid id)
{
    struct topic *topic = NULL;
    HASH_FIND(by_id, topics->by_id, &id, sizeof id, topic);
    return topic;
}

static bool unify_name(char *unified, slice name)
{
    bool has_either = false;
    for (size_t i = 0; i < name.size; i++) {
        bool is_either = name.data[i] == '.' || name.data[i] == '_';
        unified[i] = is_either ? '_' : (char)name.data[i];
        has_either |= is_either;
    }
    return has_either;
}

struct topic *topics_find_collision(const struct topics *topics, slice name)
{
    char unified[TOPIC_NAME_MAX];
    struct topic *topic = NULL;
    if (name.size <= sizeof unified && unify_name(unified, name))
        HASH_FIND(by_unified_name, topics->by_unified_name, unified, name.size, topic);
    return topic;
}

struct partition *topic_partition(const struct topic *topic, int32_t index)
{
    return 0 <= index && index < topic->partition_count ? topic->partitions[index] : NULL;
}

/* uthash leaves hh.tbl NULL when it could not add. */
static bool add_to_tables(struct topics *topics, struct topic *topic)
{
    HASH_ADD_KEYPTR(by_name, topics->by_name, topic->name, topic->name_size, topic);
    if (topic->by_name.tbl == NULL)
        return false;
    HASH_ADD(by_id, topics->by_id, id, sizeof topic->id, topic);
    if (topic->by_id.tbl == NULL)
        goto err_delete_name;
    if (topic->unified_name != NULL)
        HASH_ADD_KEYPTR(by_unified_name, topics->by_unified_name, topic->unified_name, topic->name_size, topic);
    if (topic->unified_name != NULL && topic->by_unified_name.tbl == NULL)
        goto err_delete_id;
    return true;

err_delete_id:
    HASH_DELETE(by_id, topics->by_id, topic);
err_delete_name:
    HASH_DELETE(by_name, topics->by_name, topic);
    return false;
}

/* False when out of memory. */
static bool keep_unified_name(struct topics *topics, struct topic *topic)
{
    char unified[TOPIC_NAME_MAX];
    if (topic->name_size > sizeof unified || !unify_name(unified, topic_name(topic)))
        return true;
    topic->unified_name = memory_alloc(topics->memory, MEMORY_TOPICS, topic->name_size);
    if (topic->unified_name == NULL)
        return false;
    memcpy(topic->unified_name, unified, topic->name_size);
    return true;
}

int topics_add(struct topics *topics, slice name, struct uuid id, const struct topic_config *config,
               struct topic **topic_out)
{
    if (topics_find(topics, name) != NULL || topics_find_id(topics, id) != NULL)
        return -EEXIST;
    struct topic *topic = memory_alloc_zeroed(topics->memory, MEMORY_TOPICS, sizeof *topic);
    if (topic == NULL)
        return -ENOMEM;
    topic->id = id;
    topic->holds = 1; /* the tables' */
    topic->name = memory_alloc(topics->memory, MEMORY_TOPICS, name.size + 1);
    if (topic->name == NULL)
        goto err_free_topic;
    memcpy(topic->name, name.data, name.size);
    topic->name[name.size] = '\0';
    topic->name_size = name.size;
    topic->is_internal = slice_equal(name, slice_of_text("__consumer_offsets")) ||
                         slice_equal(name, slice_of_text("__transaction_state"));
    if (!keep_unified_name(topics, topic))
        goto err_free_name;
    if (topic_config_copy(&topic->config, config, topics->memory) != 0)
        goto err_free_unified_name;
    if (!add_to_tables(topics, topic))
        goto err_close_config;
    topics->count++;
    note_change(topics);
    *topic_out = topic;
    return 0;

err_close_config:
    topic_config_close(&topic->config, topics->memory);
err_free_unified_name:
    memory_free(topics->memory, MEMORY_TOPICS, topic->unified_name, name.size);
err_free_name:
    memory_free(topics->memory, MEMORY_TOPICS, topic->name, name.size + 1);
err_free_topic:
    memory_free(topics->memory, MEMORY_TOPICS, topic, sizeof *topic);
    return -ENOMEM;
}

static bool grow_partitions(struct topics *topics, struct topic *topic)
{
    int32_t capacity = topic->partition_capacity != 0 ? 2 * topic->partition_capacity : 1;
    struct partition **partitions =
        memory_realloc(topics->memory, MEMORY_TOPICS, topic->partitions,
                       (size_t)topic->partition_capacity * sizeof *partitions, (size_t)capacity * sizeof *partitions);
    if (partitions == NULL)
        return false;
    topic->partitions = partitions;
    topic->partition_capacity = capacity;
    return true;
}

int topic_add_partition(struct topics *topics, struct topic *topic, struct log *log)
{
    if (topic->partition_count == topic->partition_capacity && !grow_partitions(topics, topic))
        return -ENOMEM;
    struct partition *partition = memory_alloc_zeroed(topics->memory, MEMORY_TOPICS, sizeof *partition);
    if (partition == NULL)
        return -ENOMEM;
    partition->topic = topic;
    partition->index = topic->partition_count;
    partition->log = log;
    topic->partitions[topic->partition_count++] = partition;
    topics->partition_count++;
    note_change(topics);
    return 0;
}

void topics_remove(struct topics *topics, struct topic *topic)
{
    HASH_DELETE(by_name, topics->by_name, topic);
    HASH_DELETE(by_id, topics->by_id, topic);
    if (topic->unified_name != NULL)
        HASH_DELETE(by_unified_name, topics->by_unified_name, topic);
    topics->count--;
    note_change(topics);
    topics->partition_count -= (size_t)topic->partition_count;
    topic->is_deleted = true;
    topic_release(topics, topic);
}

void topic_hold(struct topic *topic)
{
    topic->holds++;
}

void topic_release(struct topics *topics, struct topic *topic)
{
    if (--topic->holds == 0)
        free_topic(topics, topic);
}

bool topic_name_valid(slice name, struct error *why)
{
    if (name.size == 0) {
        error_set(why, -EINVAL, "Topic name is invalid: the empty string is not allowed");
        return false;
    }
    if (slice_equal(name, slice_of_text(".")) || slice_equal(name, slice_of_text(".."))) {
        error_set(why, -EINVAL, "Topic name is invalid: '%.*s' is not allowed", SLICE_PRINT(name));
        return false;
    }
    if (name.size > TOPIC_NAME_MAX) {
        error_set(why, -EINVAL,
                  "Topic name is invalid: the length of '%.*s...' is longer than the max allowed length %d", 40,
                  (const char *)name.data, TOPIC_NAME_MAX);
        return false;
    }
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
                  c == '-' || c == ':';
        if (!ok) {
            error_set(
                why, -EINVAL,
                "Topic name is invalid: '%.*s' contains one or more characters other than ASCII alphanumerics, '.', "
                "'_', '-' and ':'",
                SLICE_PRINT(name));
            return false;
        }
    }
    return true;
}
