/* DescribeConfigs (key 32), for topics and for this broker. */
#include "kafka/changes.h"
#include "kafka/described_config.h"
#include "kafka/repeated.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { RESOURCE_TOPIC = 2, RESOURCE_BROKER = 4 };

#define SYNONYMS_MAX (CONFIG_LEVELS + 1) /* the resource's own, then the broker's */

static int8_t type_code(enum setting_type type)
{
    static const int8_t codes[] = {
        [SETTING_BOOLEAN] = 1, [SETTING_STRING] = 2, [SETTING_INT] = 3,
        [SETTING_LONG] = 5,    [SETTING_DOUBLE] = 6, [SETTING_LIST] = 7,
    };
    return codes[type];
}

static slice text_slice(const char *text)
{
    return text != NULL ? slice_of_text(text) : NULL_SLICE;
}

static const int8_t level_sources[] = {
    [CONFIG_OF_BROKER] = SOURCE_DYNAMIC_BROKER,
    [CONFIG_OF_CLUSTER] = SOURCE_DYNAMIC_DEFAULT_BROKER,
    [CONFIG_OF_START] = SOURCE_STATIC_BROKER,
    [CONFIG_OF_DEFAULT] = SOURCE_DEFAULT,
};

static int8_t broker_source(const struct config *config, const char *name)
{
    int id = name != NULL ? config_find(slice_of_text(name)) : -1;
    return id >= 0 ? level_sources[config_level_at(config, id)] : SOURCE_DEFAULT;
}

void describe_topic_config(const struct server *server, const struct topic_config *topic, int key,
                           struct described_config *described)
{
    const struct topic_config_key *keys;
    bool is_own;
    topic_config_keys(&keys);
    described->value = text_slice(topic_config_text(topic, server->config, key, &is_own));
    described->source = is_own ? SOURCE_TOPIC : broker_source(server->config, keys[key].broker_name);
    described->type = type_code(keys[key].type);
}

void describe_broker_config(const struct server *server, int key, struct described_config *described)
{
    described->value = text_slice(config_text_at(server->config, key));
    described->source = level_sources[config_level_at(server->config, key)];
    described->type = type_code(config_key(key)->type);
}

/* ---- one entry of the answer ---- */

struct synonyms {
    struct describe_configs_response_synonym items[SYNONYMS_MAX];
    int32_t count;
};

static void add_synonym(struct synonyms *synonyms, const char *name, const char *value, int8_t source)
{
    synonyms->items[synonyms->count++] = (struct describe_configs_response_synonym){
        .name = slice_of_text(name), .value = text_slice(value), .source = source};
}

static void add_broker_synonyms(struct synonyms *synonyms, const struct config *config, const char *name)
{
    int id = config_find(slice_of_text(name));
    if (id < 0)
        return;
    for (int level = 0; level < CONFIG_LEVELS; level++) {
        const char *text = config_text_of(config, id, (enum config_level)level);
        if (text != NULL || level == CONFIG_OF_DEFAULT)
            add_synonym(synonyms, name, text, level_sources[level]);
    }
}

static bool fill_entry(struct kafka_request *request, struct describe_configs_response_config *entry, const char *name,
                       const struct described_config *described, const struct synonyms *synonyms,
                       const char *documentation, bool read_only)
{
    const struct describe_configs_request *asked = request->message;
    *entry = (struct describe_configs_response_config){
        .name = slice_of_text(name),
        .value = slice_is_null(described->value) ? NULL_SLICE : arena_copy(&request->arena, described->value),
        .read_only = read_only,
        .config_source = described->source,
        .config_type = described->type,
        .documentation = asked->include_documentation ? slice_of_text(documentation) : NULL_SLICE,
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

static bool is_asked_for(const struct describe_configs_request_resource *resource, const char *name)
{
    if (resource->configuration_keys.count < 0)
        return true;
    for (int32_t i = 0; i < resource->configuration_keys.count; i++) {
        if (slice_equal(resource->configuration_keys.items[i], slice_of_text(name)))
            return true;
    }
    return false;
}

/* ---- resources ---- */

static bool describe_topic(struct kafka_request *request, const struct describe_configs_request_resource *resource,
                           const struct topic *topic, struct describe_configs_response_resource *answer)
{
    const struct server *server = request->server;
    const struct topic_config_key *keys;
    size_t count = topic_config_keys(&keys);
    answer->configs.items = arena_alloc(&request->arena, count * sizeof *answer->configs.items);
    if (answer->configs.items == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!is_asked_for(resource, keys[i].name))
            continue;
        struct described_config described;
        struct synonyms synonyms = {.count = 0};
        describe_topic_config(server, &topic->config, (int)i, &described);
        if (described.source == SOURCE_TOPIC)
            add_synonym(&synonyms, keys[i].name, (const char *)described.value.data, SOURCE_TOPIC);
        if (keys[i].broker_name != NULL)
            add_broker_synonyms(&synonyms, server->config, keys[i].broker_name);
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
    answer->configs.items = arena_alloc(&request->arena, CONFIG_KEY_COUNT * sizeof *answer->configs.items);
    if (answer->configs.items == NULL)
        return false;
    for (int i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = config_key(i);
        if (!is_asked_for(resource, key->name))
            continue;
        struct described_config described;
        struct synonyms synonyms = {.count = 0};
        describe_broker_config(server, i, &described);
        add_broker_synonyms(&synonyms, server->config, key->name);
        if (!fill_entry(request, &answer->configs.items[answer->configs.count++], key->name, &described, &synonyms,
                        key->documentation, true))
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

/* A broker is named by its id; the empty name stands for the cluster's dynamic defaults, of which there are none. */
static bool describe_broker_resource(struct kafka_request *request,
                                     const struct describe_configs_request_resource *resource,
                                     struct describe_configs_response_resource *answer)
{
    char id[16];
    snprintf(id, sizeof id, "%d", request->server->start.node_id);
    if (resource->resource_name.size == 0)
        return true;
    if (slice_equal(resource->resource_name, slice_of_text(id)))
        return describe_broker(request, resource, answer);
    struct error error;
    error_set(&error, -EINVAL, "Unexpected broker id, expected %s but received %.*s", id,
              SLICE_PRINT(resource->resource_name));
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
