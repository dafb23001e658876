/* DeleteTopics (key 20): by name, from version 6 on by id too. Answered when the folders are gone. */
#include "kafka/changes.h"

static int16_t find_topic(const struct server *server, slice name, struct uuid id, struct topic **topic)
{
    if (!slice_is_null(name) && !uuid_is_zero(id))
        return KAFKA_INVALID_REQUEST;
    if (slice_is_null(name)) {
        *topic = topics_find_id(&server->topics, id);
        return *topic != NULL ? KAFKA_NONE : KAFKA_UNKNOWN_TOPIC_ID;
    }
    *topic = topics_find(&server->topics, name);
    return *topic != NULL ? KAFKA_NONE : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
}

static void delete_topic(struct kafka_request *request, slice name, struct uuid id,
                         struct delete_topics_response_topic *answer, struct changes *changes)
{
    struct server *server = request->server;
    struct topic *topic = NULL;
    answer->name = name;
    answer->topic_id = id;
    answer->error_code = find_topic(server, name, id, &topic);
    if (answer->error_code == KAFKA_NONE && !config_flag(server->config, CONFIG_DELETE_TOPIC_ENABLE))
        answer->error_code = KAFKA_TOPIC_DELETION_DISABLED;
    if (answer->error_code != KAFKA_NONE) {
        answer->error_message = slice_of_text(kafka_error_text(answer->error_code));
        return;
    }
    answer->name = arena_copy(&request->arena, topic_name(topic));
    answer->topic_id = topic->id;
    struct change *change = changes_add(changes, &answer->error_code, &answer->error_message);
    if (change != NULL)
        metadata_log_delete_topic(server->metadata, topic, change_done, change);
}

void handle_delete_topics(struct kafka_request *request)
{
    const struct delete_topics_request *asked = request->message;
    int32_t count = request->version >= 6 ? asked->topics.count : asked->topic_names.count;
    struct delete_topics_response *response = arena_alloc(&request->arena, sizeof *response);
    struct delete_topics_response_topic *items = arena_alloc(&request->arena, (size_t)count * sizeof *items);
    if (response == NULL || items == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    response->responses.items = items;
    response->responses.count = count;
    struct changes *changes = changes_begin(request, response, NULL);
    if (changes == NULL)
        return;
    for (int32_t i = 0; i < count; i++) {
        items[i] = DELETE_TOPICS_RESPONSE_TOPIC_DEFAULTS;
        if (request->version >= 6)
            delete_topic(request, asked->topics.items[i].name, asked->topics.items[i].topic_id, &items[i], changes);
        else
            delete_topic(request, asked->topic_names.items[i], UUID_ZERO, &items[i], changes);
    }
    changes_end(changes);
}
