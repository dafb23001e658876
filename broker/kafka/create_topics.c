/* CreateTopics (key 19). Each topic stands for itself: one that is refused does not keep the others from being made. */
#include "kafka/changes.h"
#include "metadata_log.h"
#include "operations/described_config.h"
#include "operations/new_topic.h"
#include "operations/repeated.h"

#include <errno.h>

static bool *find_repeated(struct kafka_request *request)
{
    const struct create_topics_request *asked = request->message;
    slice *names = arena_alloc(&request->arena, (size_t)asked->topics.count * sizeof *names);
    for (int32_t i = 0; names != NULL && i < asked->topics.count; i++)
        names[i] = asked->topics.items[i].name;
    return names != NULL ? repeated_find(&request->arena, names, asked->topics.count) : NULL;
}

/* False without memory. */
static bool read_topic(struct kafka_request *request, const struct create_topics_request_topic *asked,
                       struct new_topic *topic)
{
    int32_t assigned = asked->assignments.count > 0 ? asked->assignments.count : 0;
    int32_t set = asked->configs.count > 0 ? asked->configs.count : 0;
    struct replica_assignment *assignments = arena_alloc(&request->arena, (size_t)assigned * sizeof *assignments);
    struct new_topic_setting *settings = arena_alloc(&request->arena, (size_t)set * sizeof *settings);
    if (assignments == NULL || settings == NULL)
        return false;
    for (int32_t i = 0; i < assigned; i++) {
        const struct create_topics_request_assignment *from = &asked->assignments.items[i];
        assignments[i] =
            (struct replica_assignment){from->partition_index, from->broker_ids.items, from->broker_ids.count};
    }
    for (int32_t i = 0; i < set; i++)
        settings[i] = (struct new_topic_setting){asked->configs.items[i].name, asked->configs.items[i].value};
    *topic = (struct new_topic){.name = asked->name,
                                .partitions = asked->num_partitions,
                                .replication_factor = asked->replication_factor,
                                .assignments = assignments,
                                .assignment_count = assigned,
                                .settings = settings,
                                .setting_count = set};
    return true;
}

static int16_t check_topic(struct kafka_request *request, const struct create_topics_request_topic *asked,
                           bool is_repeated, struct new_topic *topic, struct topic_config *config, struct error *error)
{
    if (is_repeated) {
        error_set(error, -EINVAL, "Duplicate topic name.");
        return KAFKA_INVALID_REQUEST;
    }
    if (!read_topic(request, asked, topic))
        return KAFKA_UNKNOWN_SERVER_ERROR;
    return new_topic_prepare(request->server, topic, config, error);
}

static void describe_configs(struct kafka_request *request, const struct topic_config *config,
                             struct create_topics_response_topic *answer)
{
    const struct topic_config_key *keys;
    size_t count = topic_config_keys(&keys);
    struct create_topics_response_config *items = arena_alloc(&request->arena, count * sizeof *items);
    if (items == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        struct described_config described;
        describe_topic_config(request->server, config, (int)i, &described);
        items[i] = (struct create_topics_response_config){.name = slice_of_text(keys[i].name),
                                                          .value = arena_copy(&request->arena, described.value),
                                                          .config_source = described.source};
    }
    answer->configs.items = items;
    answer->configs.count = (int32_t)count;
}

static void create_topic(struct kafka_request *request, const struct create_topics_request_topic *asked,
                         bool is_repeated, struct create_topics_response_topic *answer, struct changes *changes)
{
    bool validate_only = ((const struct create_topics_request *)request->message)->validate_only;
    struct server *server = request->server;
    struct new_topic topic;
    struct topic_config config;
    struct error error = {0};
    topic_config_init(&config, server->config);
    answer->name = asked->name;
    answer->error_message = NULL_SLICE;
    answer->error_code = check_topic(request, asked, is_repeated, &topic, &config, &error);
    if (answer->error_code != KAFKA_NONE) {
        answer->error_message = change_message(request, &error);
    } else {
        answer->num_partitions = topic.partitions;
        answer->replication_factor = 1;
        describe_configs(request, &config, answer);
        struct change_call *call =
            validate_only ? NULL : changes_add(changes, &answer->error_code, &answer->error_message);
        if (call != NULL)
            metadata_log_create_topic(server->metadata, topic.name, &config, topic.partitions, change_written, call);
    }
    topic_config_close(&config, server->memory);
}

/* Ids are known once the topics are there. */
static void add_ids(struct kafka_request *request, void *value)
{
    struct create_topics_response *response = value;
    for (int32_t i = 0; i < response->topics.count; i++) {
        struct create_topics_response_topic *answer = &response->topics.items[i];
        const struct topic *topic = topics_find(&request->server->topics, answer->name);
        if (answer->error_code == KAFKA_NONE && topic != NULL)
            answer->topic_id = topic->id;
        if (answer->error_code != KAFKA_NONE) {
            answer->num_partitions = -1;
            answer->replication_factor = -1;
            answer->configs.count = 0;
        }
    }
}

void handle_create_topics(struct kafka_request *request)
{
    const struct create_topics_request *asked = request->message;
    struct create_topics_response *response = arena_alloc(&request->arena, sizeof *response);
    struct create_topics_response_topic *items =
        arena_alloc(&request->arena, (size_t)asked->topics.count * sizeof *items);
    bool *repeated = find_repeated(request);
    if (response == NULL || items == NULL || repeated == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    response->topics.items = items;
    response->topics.count = asked->topics.count;
    struct changes *changes = changes_begin(request, response, add_ids);
    if (changes == NULL)
        return;
    for (int32_t i = 0; i < asked->topics.count; i++) {
        items[i] = CREATE_TOPICS_RESPONSE_TOPIC_DEFAULTS;
        create_topic(request, &asked->topics.items[i], repeated[i], &items[i], changes);
    }
    changes_end(changes);
}
