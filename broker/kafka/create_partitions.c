/* CreatePartitions (key 37): a topic grows, it never shrinks. */
#include "kafka/changes.h"
#include "operations/new_topic.h"

#include <errno.h>

static int16_t check(const struct server *server, const struct create_partitions_request_topic *asked,
                     const struct topic *topic, struct error *error)
{
    if (topic == NULL) {
        error_set(error, -ENOENT, "The topic '%.*s' does not exist.", SLICE_PRINT(asked->name));
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    }
    int32_t current = topic->partition_count;
    if (asked->count == current) {
        error_set(error, -EINVAL, "Topic already has %d partition(s).", current);
        return KAFKA_INVALID_PARTITIONS;
    }
    if (asked->count < current) {
        error_set(error, -EINVAL, "The topic %s currently has %d partition(s); %d would not be an increase.",
                  topic->name, current, asked->count);
        return KAFKA_INVALID_PARTITIONS;
    }
    if (server->topics.partition_count + (size_t)(asked->count - current) > NEW_TOPIC_PARTITIONS_MAX) {
        error_set(error, -EINVAL, "there can be %d partitions in all", NEW_TOPIC_PARTITIONS_MAX);
        return KAFKA_POLICY_VIOLATION;
    }
    if (asked->assignments.count < 0)
        return KAFKA_NONE;
    if (asked->assignments.count != asked->count - current) {
        error_set(error, -EINVAL, "Attempted to add %d additional partition(s), but %d assignment(s) were given.",
                  asked->count - current, asked->assignments.count);
        return KAFKA_INVALID_REPLICA_ASSIGNMENT;
    }
    for (int32_t i = 0; i < asked->assignments.count; i++) {
        const struct int32_array *brokers = &asked->assignments.items[i].broker_ids;
        if (brokers->count != 1 || brokers->items[0] != server->start.node_id) {
            error_set(error, -EINVAL, "a partition can only be assigned to this broker, and once");
            return KAFKA_INVALID_REPLICA_ASSIGNMENT;
        }
    }
    return KAFKA_NONE;
}

void handle_create_partitions(struct kafka_request *request)
{
    const struct create_partitions_request *asked = request->message;
    struct server *server = request->server;
    struct create_partitions_response *response = arena_alloc(&request->arena, sizeof *response);
    struct create_partitions_response_topic *items =
        arena_alloc(&request->arena, (size_t)asked->topics.count * sizeof *items);
    if (response == NULL || items == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    response->results.items = items;
    response->results.count = asked->topics.count;
    struct changes *changes = changes_begin(request, response, NULL);
    if (changes == NULL)
        return;
    for (int32_t i = 0; i < asked->topics.count; i++) {
        const struct create_partitions_request_topic *wanted = &asked->topics.items[i];
        struct topic *topic = topics_find(&server->topics, wanted->name);
        struct error error = {0};
        items[i] = CREATE_PARTITIONS_RESPONSE_TOPIC_DEFAULTS;
        items[i].name = wanted->name;
        items[i].error_code = check(server, wanted, topic, &error);
        if (items[i].error_code != KAFKA_NONE) {
            items[i].error_message = change_message(request, &error);
            continue;
        }
        struct change *change =
            asked->validate_only ? NULL : changes_add(changes, &items[i].error_code, &items[i].error_message);
        if (change != NULL)
            metadata_log_add_partitions(server->metadata, topic, wanted->count, change_done, change);
    }
    changes_end(changes);
}
