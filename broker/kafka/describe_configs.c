/* DescribeConfigs (key 32), for topics, for this broker and what is set for all, for its log, and for groups. */
#include "container.h"
#include "group_config.h"
#include "kafka/changes.h"
#include "kafka/described_config.h"
#include "kafka/repeated.h"
#include "kafka/resources.h"
#include "text_index.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static bool fill_entry(struct kafka_request *request, struct describe_configs_response_config *entry, const char *name,
                       const struct described_config *described, const struct described_synonyms *synonyms,
                       const char *documentation, bool read_only)
{
    const struct describe_configs_request *asked = request->message;
    *entry = (struct describe_configs_response_config){
        .name = slice_of_text(name),
        .value = slice_is_null(described->value) ? NULL_SLICE : arena_copy(&request->arena, described->value),
        .read_only = read_only,
        .config_source = described->source,
        .config_type = described->type,
        /* of a logger there is none, asked for or not, as in Kafka */
        .documentation =
            asked->include_documentation || *documentation == '\0' ? slice_of_text(documentation) : NULL_SLICE,
    };
    if (!asked->include_synonyms)
        return true;
    size_t size = (size_t)synonyms->count * sizeof synonyms->items[0];
    entry->synonyms.items = arena_alloc(&request->arena, size);
    if (entry->synonyms.items == NULL)
        return false;
    memcpy(entry->synonyms.items, synonyms->items, size);
    entry->synonyms.count = synonyms->count;
    return true;
}

/* ---- which settings ---- */

struct known_key {
    struct text_index_entry entry;
    bool is_asked;
};

static bool list_known(struct kafka_request *request, struct text_index *index, int count,
                       const char *(*name_of)(int key), struct known_key **keys)
{
    *keys = arena_alloc(&request->arena, (size_t)count * sizeof **keys);
    for (int i = 0; *keys != NULL && i < count; i++)
        text_index_add(index, &(*keys)[i].entry, slice_of_text(name_of(i)));
    return *keys != NULL;
}

/* Of each key whether it is asked for; NULL without memory. The names that are asked for, which may be millions, are
 * gone through once. */
static const struct known_key *find_asked(struct kafka_request *request,
                                          const struct describe_configs_request_resource *resource, int count,
                                          const char *(*name_of)(int key))
{
    struct text_index index;
    struct known_key *keys;
    text_index_init(&index, request->arena.memory, MEMORY_REQUESTS, 0);
    bool ok = list_known(request, &index, count, name_of, &keys);
    for (int i = 0; ok && resource->configuration_keys.count < 0 && i < count; i++)
        keys[i].is_asked = true;
    for (int32_t i = 0; ok && i < resource->configuration_keys.count; i++) {
        struct text_index_entry *entry = text_index_find(&index, resource->configuration_keys.items[i]);
        if (entry != NULL)
            CONTAINER_OF(entry, struct known_key, entry)->is_asked = true;
    }
    text_index_close(&index);
    return ok ? keys : NULL;
}

static const char *topic_key_name(int key)
{
    const struct topic_config_key *keys;
    topic_config_keys(&keys);
    return keys[key].name;
}

static const char *broker_key_name(int key)
{
    return config_key(key)->name;
}

static const char *group_key_name(int key)
{
    return group_config_key(key)->name;
}

static const char *logger_key_name(int key)
{
    (void)key;
    return RESOURCE_ROOT_LOGGER;
}

/* ---- resources ---- */

static bool describe_topic(struct kafka_request *request, const struct describe_configs_request_resource *resource,
                           const struct topic *topic, struct describe_configs_response_resource *answer)
{
    const struct server *server = request->server;
    const struct topic_config_key *keys;
    size_t count = topic_config_keys(&keys);
    const struct known_key *asked = find_asked(request, resource, (int)count, topic_key_name);
    answer->configs.items = arena_alloc(&request->arena, count * sizeof *answer->configs.items);
    if (answer->configs.items == NULL || asked == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!asked[i].is_asked)
            continue;
        struct described_config described;
        struct described_synonyms synonyms = {.count = 0};
        describe_topic_config(server, &topic->config, (int)i, &described);
        if (described.source == SOURCE_TOPIC)
            describe_add_synonym(&synonyms, keys[i].name, (const char *)described.value.data, SOURCE_TOPIC);
        if (keys[i].broker_name != NULL)
            describe_add_broker_synonyms(&synonyms, server->config, keys[i].broker_name);
        if (!fill_entry(request, &answer->configs.items[answer->configs.count++], keys[i].name, &described, &synonyms,
                        keys[i].documentation, false))
            return false;
    }
    return true;
}

static bool describe_broker(struct kafka_request *request, const struct describe_configs_request_resource *resource,
                            struct describe_configs_response_resource *answer)
{
    const struct server *server = request->server;
    const struct known_key *asked = find_asked(request, resource, CONFIG_KEY_COUNT, broker_key_name);
    answer->configs.items = arena_alloc(&request->arena, CONFIG_KEY_COUNT * sizeof *answer->configs.items);
    if (answer->configs.items == NULL || asked == NULL)
        return false;
    for (int i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = config_key(i);
        if (!asked[i].is_asked)
            continue;
        struct described_config described;
        struct described_synonyms synonyms = {.count = 0};
        describe_broker_config(server, i, &described);
        describe_add_broker_synonyms(&synonyms, server->config, key->name);
        if (!fill_entry(request, &answer->configs.items[answer->configs.count++], key->name, &described, &synonyms,
                        key->documentation, !config_is_dynamic(i)))
            return false;
    }
    return true;
}

static void refuse(struct kafka_request *request, struct describe_configs_response_resource *answer, int16_t code,
                   const struct error *error)
{
    answer->error_code = code;
    answer->error_message = change_message(request, error);
}

/* What is set for all brokers of the cluster; nothing else has that resource. */
static bool describe_cluster(struct kafka_request *request, const struct describe_configs_request_resource *resource,
                             struct describe_configs_response_resource *answer)
{
    const struct config *config = request->server->config;
    const struct known_key *asked = find_asked(request, resource, CONFIG_KEY_COUNT, broker_key_name);
    answer->configs.items = arena_alloc(&request->arena, CONFIG_KEY_COUNT * sizeof *answer->configs.items);
    if (answer->configs.items == NULL || asked == NULL)
        return false;
    for (int i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = config_key(i);
        const char *text = config_text_of(config, i, CONFIG_OF_CLUSTER);
        if (text == NULL || !asked[i].is_asked)
            continue;
        struct described_config described;
        struct described_synonyms synonyms = {.count = 0};
        describe_broker_config(request->server, i, &described);
        described.value = slice_of_text(text);
        described.source = SOURCE_DYNAMIC_DEFAULT_BROKER;
        describe_add_synonym(&synonyms, key->name, text, SOURCE_DYNAMIC_DEFAULT_BROKER);
        if (!fill_entry(request, &answer->configs.items[answer->configs.count++], key->name, &described, &synonyms,
                        key->documentation, false))
            return false;
    }
    return true;
}

/* A broker is named by its id; the empty name stands for all of the cluster. */
static bool describe_broker_resource(struct kafka_request *request,
                                     const struct describe_configs_request_resource *resource,
                                     struct describe_configs_response_resource *answer)
{
    char id[16];
    snprintf(id, sizeof id, "%d", request->server->start.node_id);
    if (resource->resource_name.size == 0)
        return describe_cluster(request, resource, answer);
    if (slice_equal(resource->resource_name, slice_of_text(id)))
        return describe_broker(request, resource, answer);
    struct error error;
    error_set(&error, -EINVAL, "Unexpected broker id, expected %s but received %.*s", id,
              SLICE_PRINT(resource->resource_name));
    refuse(request, answer, KAFKA_INVALID_REQUEST, &error);
    return true;
}

/* The server's log has one level, which may be changed until the next start. */
static bool describe_logger(struct kafka_request *request, const struct describe_configs_request_resource *resource,
                            struct describe_configs_response_resource *answer)
{
    static const char *const levels[] = {
        [LOG_DEBUG] = "DEBUG", [LOG_INFO] = "INFO", [LOG_WARN] = "WARN", [LOG_ERROR] = "ERROR"};
    struct described_synonyms synonyms = {.count = 0};
    struct described_config described = {.source = SOURCE_DYNAMIC_LOGGER};
    struct error error;
    int32_t id;
    if (!resource_parse_node(resource->resource_name, &id) || id != request->server->start.node_id) {
        error_set(&error, -EINVAL, "Unexpected broker id, expected %d but received %.*s",
                  request->server->start.node_id, SLICE_PRINT(resource->resource_name));
        refuse(request, answer, KAFKA_INVALID_REQUEST, &error);
        return true;
    }
    const struct known_key *asked = find_asked(request, resource, 1, logger_key_name);
    answer->configs.items = arena_alloc(&request->arena, sizeof *answer->configs.items);
    if (answer->configs.items == NULL || asked == NULL)
        return false;
    if (!asked->is_asked)
        return true;
    described.value = slice_of_text(levels[logger_level(request->server->logger)]);
    return fill_entry(request, &answer->configs.items[answer->configs.count++], RESOURCE_ROOT_LOGGER, &described,
                      &synonyms, "", false);
}

static bool describe_group(struct kafka_request *request, const struct describe_configs_request_resource *resource,
                           struct describe_configs_response_resource *answer)
{
    const struct server *server = request->server;
    const struct settings *own = metadata_log_settings(server->metadata, SETTINGS_OF_GROUP, resource->resource_name);
    size_t count = group_config_count();
    const struct known_key *asked = find_asked(request, resource, (int)count, group_key_name);
    answer->configs.items = arena_alloc(&request->arena, count * sizeof *answer->configs.items);
    if (answer->configs.items == NULL || asked == NULL)
        return false;
    for (int i = 0; i < (int)count; i++) {
        const struct group_config_key *key = group_config_key(i);
        const char *text = own != NULL ? settings_find(own, i) : NULL;
        if (!asked[i].is_asked)
            continue;
        struct described_config described;
        struct described_synonyms synonyms = {.count = 0};
        describe_broker_config(server, (int)key->broker, &described);
        if (text != NULL) {
            described.value = slice_of_text(text);
            described.source = SOURCE_GROUP;
            describe_add_synonym(&synonyms, key->name, text, SOURCE_GROUP);
        }
        describe_add_broker_synonyms(&synonyms, server->config, config_key((int)key->broker)->name);
        if (!fill_entry(request, &answer->configs.items[answer->configs.count++], key->name, &described, &synonyms,
                        key->documentation, false))
            return false;
    }
    return true;
}

static bool describe_group_resource(struct kafka_request *request,
                                    const struct describe_configs_request_resource *resource,
                                    struct describe_configs_response_resource *answer)
{
    struct error error;
    if (resource->resource_name.size != 0)
        return describe_group(request, resource, answer);
    error_set(&error, -EINVAL, "Group name must not be empty");
    refuse(request, answer, KAFKA_INVALID_REQUEST, &error);
    return true;
}

static bool describe_topic_resource(struct kafka_request *request,
                                    const struct describe_configs_request_resource *resource,
                                    struct describe_configs_response_resource *answer)
{
    struct error error;
    if (!topic_name_valid(resource->resource_name, &error)) {
        refuse(request, answer, KAFKA_INVALID_TOPIC_EXCEPTION, &error);
        return true;
    }
    const struct topic *topic = topics_find(&request->server->topics, resource->resource_name);
    if (topic != NULL)
        return describe_topic(request, resource, topic, answer);
    error_set(&error, -ENOENT, "%s", kafka_error_text(KAFKA_UNKNOWN_TOPIC_OR_PARTITION));
    refuse(request, answer, KAFKA_UNKNOWN_TOPIC_OR_PARTITION, &error);
    return true;
}

static bool describe_resource(struct kafka_request *request, const struct describe_configs_request_resource *resource,
                              struct describe_configs_response_resource *answer)
{
    answer->resource_type = resource->resource_type;
    answer->resource_name = resource->resource_name;
    if (resource->resource_type == RESOURCE_TOPIC)
        return describe_topic_resource(request, resource, answer);
    if (resource->resource_type == RESOURCE_BROKER)
        return describe_broker_resource(request, resource, answer);
    if (resource->resource_type == RESOURCE_BROKER_LOGGER)
        return describe_logger(request, resource, answer);
    if (resource->resource_type == RESOURCE_GROUP)
        return describe_group_resource(request, resource, answer);
    struct error error;
    error_set(&error, -EINVAL, "Unsupported resource type: %d", resource->resource_type);
    refuse(request, answer, KAFKA_INVALID_REQUEST, &error);
    return true;
}

/* For each resource, the index of the first one that is the same. */
static const int32_t *find_first(struct kafka_request *request)
{
    const struct describe_configs_request *asked = request->message;
    int32_t count = asked->resources.count;
    struct repeated_partition *names = arena_alloc(&request->arena, (size_t)count * sizeof *names);
    for (int32_t i = 0; names != NULL && i < count; i++)
        names[i] = (struct repeated_partition){asked->resources.items[i].resource_name,
                                               asked->resources.items[i].resource_type};
    return names != NULL ? repeated_find_first(&request->arena, names, count) : NULL;
}

/* A resource that is named more than once is described once: clients take the answer for a map, and a short request
 * could ask for hours of work. */
void handle_describe_configs(struct kafka_request *request)
{
    const struct describe_configs_request *asked = request->message;
    struct describe_configs_response response = {.throttle_time_ms = 0};
    const int32_t *first = find_first(request);
    response.results.items =
        arena_alloc(&request->arena, (size_t)asked->resources.count * sizeof *response.results.items);
    if (response.results.items == NULL || first == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    for (int32_t i = 0; i < asked->resources.count; i++) {
        if (first[i] != i)
            continue;
        struct describe_configs_response_resource *answer = &response.results.items[response.results.count++];
        if (!describe_resource(request, &asked->resources.items[i], answer)) {
            kafka_close(request, "out of memory");
            return;
        }
    }
    kafka_answer(request, &response);
}
