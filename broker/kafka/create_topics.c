/* CreateTopics (key 19). Each topic stands for itself: one that is refused does not keep the others from being made. */
#include "kafka/assignment.h"
#include "kafka/changes.h"
#include "kafka/described_config.h"
#include "kafka/repeated.h"
#include "operations/new_topic.h"

#include <errno.h>

static int16_t refuse_assignment(struct error *error, int16_t code, const char *words)
{
    error_set(error, -EINVAL, "%s", words);
    return code;
}

/* A manual assignment may only say what is true anyway: partitions 0…n-1, each on this node. */
static int16_t check_assignments(const struct server *server, const struct create_topics_request_topic *asked,
                                 struct new_topic *topic, struct error *error)
{
    int32_t count = asked->assignments.count;
    if (count <= 0)
        return KAFKA_NONE;
    if (asked->num_partitions != -1)
        return refuse_assignment(error, KAFKA_INVALID_REQUEST,
                                 "A manual partition assignment was specified, but numPartitions was not set to -1.");
    if (asked->replication_factor != -1)
        return refuse_assignment(
            error, KAFKA_INVALID_REQUEST,
            "A manual partition assignment was specified, but replication factor was not set to -1.");
    if (count > NEW_TOPIC_PARTITIONS_MAX)
        return refuse_assignment(error, KAFKA_POLICY_VIOLATION, "there can be no topic with so many partitions");
    bool assigned[NEW_TOPIC_PARTITIONS_MAX] = {false};
    for (int32_t i = 0; i < count; i++) {
        const struct create_topics_request_assignment *assignment = &asked->assignments.items[i];
        if (assignment->partition_index < 0 || assignment->partition_index >= count)
            return refuse_assignment(error, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                                     "partitions should be a consecutive 0-based integer sequence");
        if (!assignment_is_possible(server, &assignment->broker_ids, error))
            return KAFKA_INVALID_REPLICA_ASSIGNMENT;
        if (assigned[assignment->partition_index])
            return refuse_assignment(error, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                                     "Found multiple manual partition assignments for one partition");
        assigned[assignment->partition_index] = true;
    }
    topic->partitions = count;
    return KAFKA_NONE;
}

static bool *find_repeated(struct kafka_request *request)
{
    const struct create_topics_request *asked = request->message;
    slice *names = arena_alloc(&request->arena, (size_t)asked->topics.count * sizeof *names);
    for (int32_t i = 0; names != NULL && i < asked->topics.count; i++)
        names[i] = asked->topics.items[i].name;
    return names != NULL ? repeated_find(&request->arena, names, asked->topics.count) : NULL;
}

static int16_t check_topic(struct server *server, const struct create_topics_request_topic *asked, bool is_repeated,
                           struct new_topic *topic, struct topic_config *config, struct error *error)
{
    *topic = (struct new_topic){asked->name, asked->num_partitions, asked->replication_factor};
    if (is_repeated)
        return refuse_assignment(error, KAFKA_INVALID_REQUEST, "Duplicate topic name.");
    int16_t code = check_assignments(server, asked, topic, error);
    if (code == KAFKA_NONE)
        code = new_topic_check(server, topic, error);
    for (int32_t i = 0; code == KAFKA_NONE && i < asked->configs.count; i++)
        code = new_topic_set_config(server, config, asked->configs.items[i].name, asked->configs.items[i].value, error);
    if (code == KAFKA_NONE && topic_config_check(config, server->config, error) != 0)
        code = KAFKA_INVALID_CONFIG;
    return code;
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
    answer->error_code = check_topic(server, asked, is_repeated, &topic, &config, &error);
    if (answer->error_code != KAFKA_NONE) {
        answer->error_message = change_message(request, &error);
    } else {
        answer->num_partitions = topic.partitions;
        answer->replication_factor = 1;
        describe_configs(request, &config, answer);
        struct change *change =
            validate_only ? NULL : changes_add(changes, &answer->error_code, &answer->error_message);
        if (change != NULL)
            metadata_log_create_topic(server->metadata, topic.name, &config, topic.partitions, change_done, change);
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
