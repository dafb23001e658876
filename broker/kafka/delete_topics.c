/* DeleteTopics (key 20): by name, from version 6 on by id too. Answered when the folders are gone. */
#include "kafka/changes.h"
#include "metadata_log.h"
#include "operations/new_topic.h"
#include "operations/repeated.h"

static struct topic *find(const struct server *server, const struct delete_topics_request_topic *asked)
{
    return slice_is_null(asked->name) ? topics_find_id(&server->topics, asked->topic_id)
                                      : topics_find(&server->topics, asked->name);
}

/* A topic is the same whether it is named or its id is given; one that is unknown only in the same words. */
static bool *find_repeated(struct kafka_request *request, const struct delete_topics_request_topic_array *topics)
{
    slice *names = arena_alloc(&request->arena, (size_t)topics->count * sizeof *names);
    if (names == NULL)
        return NULL;
    for (int32_t i = 0; i < topics->count; i++) {
        const struct delete_topics_request_topic *asked = &topics->items[i];
        const struct topic *topic = find(request->server, asked);
        if (topic != NULL)
            names[i] = topic_name(topic);
        else
            names[i] = slice_is_null(asked->name) ? slice_of(&asked->topic_id, sizeof asked->topic_id) : asked->name;
    }
    return repeated_find(&request->arena, names, topics->count);
}

static int16_t refuse(const char **words, const char *why)
{
    *words = why;
    return KAFKA_INVALID_REQUEST;
}

static int16_t check(const struct server *server, const struct delete_topics_request_topic *asked, bool is_repeated,
                     const char **words)
{
    bool by_id = slice_is_null(asked->name);
    if (by_id && uuid_is_zero(asked->topic_id))
        return refuse(words, "Neither topic name nor id were specified.");
    if (!by_id && !uuid_is_zero(asked->topic_id))
        return refuse(words, "You may not specify both topic name and topic id.");
    if (is_repeated)
        return refuse(words, by_id ? "Duplicate topic id." : "Duplicate topic name.");
    int16_t code = topic_check_deletion(server, find(server, asked));
    if (code == KAFKA_UNKNOWN_TOPIC_OR_PARTITION && by_id)
        code = KAFKA_UNKNOWN_TOPIC_ID;
    *words = kafka_error_text(code);
    return code;
}

static void delete_topic(struct kafka_request *request, const struct delete_topics_request_topic *asked,
                         bool is_repeated, struct delete_topics_response_topic *answer, struct changes *changes)
{
    struct server *server = request->server;
    const char *words;
    answer->name = asked->name;
    answer->topic_id = asked->topic_id;
    answer->error_code = check(server, asked, is_repeated, &words);
    if (answer->error_code != KAFKA_NONE) {
        answer->error_message = slice_of_text(words);
        return;
    }
    struct topic *topic = find(server, asked);
    answer->name = arena_copy(&request->arena, topic_name(topic));
    answer->topic_id = topic->id;
    struct change_call *call = changes_add(changes, &answer->error_code, &answer->error_message);
    if (call != NULL)
        metadata_log_delete_topic(server->metadata, topic, change_written, call);
}

/* The form of version 6, which the older ones' list of names is brought into. */
static bool read_topics(struct kafka_request *request, struct delete_topics_request_topic_array *topics)
{
    const struct delete_topics_request *asked = request->message;
    *topics = asked->topics;
    if (request->version >= 6)
        return true;
    topics->count = asked->topic_names.count;
    topics->items = arena_alloc(&request->arena, (size_t)topics->count * sizeof *topics->items);
    if (topics->items == NULL)
        return false;
    for (int32_t i = 0; i < topics->count; i++)
        topics->items[i] = (struct delete_topics_request_topic){.name = asked->topic_names.items[i]};
    return true;
}

void handle_delete_topics(struct kafka_request *request)
{
    struct delete_topics_request_topic_array topics;
    bool ok = read_topics(request, &topics);
    bool *repeated = ok ? find_repeated(request, &topics) : NULL;
    struct delete_topics_response *response = arena_alloc(&request->arena, sizeof *response);
    struct delete_topics_response_topic *items = arena_alloc(&request->arena, (size_t)topics.count * sizeof *items);
    if (repeated == NULL || response == NULL || items == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    response->responses.items = items;
    response->responses.count = topics.count;
    struct changes *changes = changes_begin(request, response, NULL);
    if (changes == NULL)
        return;
    for (int32_t i = 0; i < topics.count; i++) {
        items[i] = DELETE_TOPICS_RESPONSE_TOPIC_DEFAULTS;
        delete_topic(request, &topics.items[i], repeated[i], &items[i], changes);
    }
    changes_end(changes);
}
