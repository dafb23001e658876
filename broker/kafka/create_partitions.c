/* CreatePartitions (key 37): a topic grows, it never shrinks. */
#include "kafka/changes.h"
#include "metadata_log.h"
#include "operations/new_topic.h"
#include "operations/repeated.h"

#include <errno.h>

static int16_t check(struct kafka_request *request, const struct create_partitions_request_topic *asked,
                     const struct topic *topic, struct error *error)
{
    int32_t count = asked->assignments.count;
    struct replica_assignment *assignments =
        arena_alloc(&request->arena, (size_t)(count > 0 ? count : 0) * sizeof *assignments);
    if (assignments == NULL)
        return KAFKA_UNKNOWN_SERVER_ERROR;
    for (int32_t i = 0; i < count; i++) {
        const struct int32_array *brokers = &asked->assignments.items[i].broker_ids;
        assignments[i] = (struct replica_assignment){.brokers = brokers->items, .count = brokers->count};
    }
    return topic_check_growth(request->server, topic, asked->count, assignments, count, error);
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
            items[i].error_code = check(request, wanted, topic, &error);
        if (items[i].error_code != KAFKA_NONE) {
            if (error.message[0] != '\0')
                items[i].error_message = change_message(request, &error);
            continue;
        }
        struct change_call *call =
            asked->validate_only ? NULL : changes_add(changes, &items[i].error_code, &items[i].error_message);
        if (call != NULL)
            metadata_log_add_partitions(server->metadata, topic, wanted->count, change_written, call);
    }
    changes_end(changes);
}
