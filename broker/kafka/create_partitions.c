/* CreatePartitions (key 37): a topic grows, it never shrinks. */
#include "kafka/assignment.h"
#include "kafka/changes.h"
#include "kafka/repeated.h"
#include "operations/new_topic.h"

#include <errno.h>

static int16_t check(struct server *server, const struct create_partitions_request_topic *asked,
                     const struct topic *topic, struct error *error)
{
    if (topic == NULL)
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION; /* Kafka has no words for it here */
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
    size_t others = server->topics.partition_count + metadata_log_planned_partitions(server->metadata);
    if (others + (size_t)(asked->count - current) > NEW_TOPIC_PARTITIONS_MAX) {
        error_set(error, -EINVAL, "there can be %d partitions in all", NEW_TOPIC_PARTITIONS_MAX);
        return KAFKA_POLICY_VIOLATION;
    }
    int16_t space = new_topic_check_space(server, error);
    if (space != KAFKA_NONE || asked->assignments.count < 0)
        return space;
    if (asked->assignments.count != asked->count - current) {
        error_set(error, -EINVAL,
                  "Attempted to add %d additional partition(s), but only %d assignment(s) were specified.",
                  asked->count - current, asked->assignments.count);
        return KAFKA_INVALID_REPLICA_ASSIGNMENT;
    }
    for (int32_t i = 0; i < asked->assignments.count; i++) {
        if (!assignment_is_possible(server, &asked->assignments.items[i].broker_ids, error))
            return KAFKA_INVALID_REPLICA_ASSIGNMENT;
    }
    return KAFKA_NONE;
}

static int16_t refuse_repeated(struct error *error)
{
    error_set(error, -EINVAL, "Duplicate topic name.");
    return KAFKA_INVALID_REQUEST;
}

static bool *find_repeated(struct kafka_request *request)
{
    const struct create_partitions_request *asked = request->message;
    slice *names = arena_alloc(&request->arena, (size_t)asked->topics.count * sizeof *names);
    for (int32_t i = 0; names != NULL && i < asked->topics.count; i++)
        names[i] = asked->topics.items[i].name;
    return names != NULL ? repeated_find(&request->arena, names, asked->topics.count) : NULL;
}

void handle_create_partitions(struct kafka_request *request)
{
    const struct create_partitions_request *asked = request->message;
    struct server *server = request->server;
    struct create_partitions_response *response = arena_alloc(&request->arena, sizeof *response);
    struct create_partitions_response_topic *items =
        arena_alloc(&request->arena, (size_t)asked->topics.count * sizeof *items);
    bool *repeated = find_repeated(request);
    if (response == NULL || items == NULL || repeated == NULL) {
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
        if (repeated[i])
            items[i].error_code = refuse_repeated(&error);
        else
            items[i].error_code = check(server, wanted, topic, &error);
        if (items[i].error_code != KAFKA_NONE) {
            if (error.message[0] != '\0')
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
