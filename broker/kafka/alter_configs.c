/* AlterConfigs (key 33) replaces a topic's whole configuration; IncrementalAlterConfigs (key 44, KIP-339) changes
 * single entries. The new configuration is worked out and checked as a whole before anything changes. */
#include "kafka/changes.h"
#include "kafka/repeated.h"
#include "operations/new_topic.h"

#include <errno.h>

enum { RESOURCE_TOPIC = 2, RESOURCE_BROKER = 4 };

enum operation { OPERATION_SET = 0, OPERATION_DELETE = 1, OPERATION_APPEND = 2, OPERATION_SUBTRACT = 3 };

/* The words, then the value behind a colon. */
static int16_t refuse(struct error *error, int16_t code, const char *words, slice value)
{
    error_set(error, -EINVAL, "%s: %.*s", words, SLICE_PRINT(value));
    return code;
}

/* The topic a resource names, or why it cannot be changed. */
static int16_t find_resource(const struct server *server, int8_t type, slice name, struct topic **topic,
                             struct error *error)
{
    if (type == RESOURCE_BROKER)
        return refuse(error, KAFKA_INVALID_REQUEST,
                      "Broker settings are read at start and cannot be changed at run time", name);
    if (type != RESOURCE_TOPIC) {
        error_set(error, -EINVAL, "Unknown resource type %d", type);
        return KAFKA_INVALID_REQUEST;
    }
    if (name.size == 0) {
        error_set(error, -EINVAL, "Default topic resources are not allowed.");
        return KAFKA_INVALID_REQUEST;
    }
    if (!topic_name_valid(name, error))
        return KAFKA_INVALID_TOPIC_EXCEPTION;
    *topic = topics_find(&server->topics, name);
    if (*topic != NULL)
        return KAFKA_NONE;
    error_set(error, -ENOENT, "The topic '%.*s' does not exist.", SLICE_PRINT(name));
    return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
}

static slice list_of(slice text)
{
    return text.size != 0 ? text : NULL_SLICE;
}

static bool has_element(slice list, slice wanted)
{
    slice element;
    while (setting_next_element(&list, &element)) {
        if (slice_equal(element, wanted))
            return true;
    }
    return false;
}

static void write_element(writer *w, slice element, bool *is_first)
{
    if (!*is_first)
        write_u8(w, ',');
    *is_first = false;
    write_bytes(w, element);
}

/* Elements of `from` that are not in `without`, then those of `added` that `from` lacks. */
static void merge_lists(writer *w, slice from, slice without, slice added)
{
    slice rest = list_of(from), element;
    bool is_first = true;
    while (setting_next_element(&rest, &element)) {
        if (!has_element(without, element))
            write_element(w, element, &is_first);
    }
    while (setting_next_element(&added, &element)) {
        if (!has_element(list_of(from), element))
            write_element(w, element, &is_first);
    }
}

static int16_t refuse_list(struct error *error, enum operation operation, const char *name)
{
    error_set(error, -EINVAL, "Can't %s to key %s because its type is not LIST.",
              operation == OPERATION_APPEND ? "APPEND" : "SUBTRACT", name);
    return KAFKA_INVALID_CONFIG;
}

static int16_t change_list(struct server *server, struct topic_config *config, int key, enum operation operation,
                           slice value, struct error *error)
{
    const struct topic_config_key *keys;
    bool is_own;
    topic_config_keys(&keys);
    if (keys[key].type != SETTING_LIST)
        return refuse_list(error, operation, keys[key].name);
    if (value.size > SETTING_TEXT_MAX)
        return refuse(error, KAFKA_INVALID_CONFIG, "The list is too long", slice_of_text(keys[key].name));
    slice current = slice_of_text(topic_config_text(config, server->config, key, &is_own));
    writer w;
    writer_init(&w, server->memory, MEMORY_TOPICS, INT16_MAX);
    if (operation == OPERATION_APPEND)
        merge_lists(&w, current, NULL_SLICE, value);
    else
        merge_lists(&w, current, value, NULL_SLICE);
    int16_t code = KAFKA_UNKNOWN_SERVER_ERROR;
    if (writer_ok(&w))
        code = new_topic_set_config(server, config, slice_of_text(keys[key].name),
                                    w.size != 0 ? writer_slice(&w) : slice_of_text(""), error);
    writer_close(&w);
    return code;
}

static int16_t change_entry(struct server *server, struct topic_config *config,
                            const struct incremental_alter_configs_request_config *entry, struct error *error)
{
    int key = topic_config_find(entry->name);
    if (entry->config_operation == OPERATION_DELETE) {
        if (key >= 0)
            topic_config_unset(config, server->config, server->memory, key);
        return KAFKA_NONE; /* what is not set needs no deleting, known or not */
    }
    if (key < 0)
        return refuse(error, KAFKA_INVALID_CONFIG, "Unknown topic config name", entry->name);
    if (slice_is_null(entry->value))
        return refuse(error, KAFKA_INVALID_REQUEST, "Null value not supported for ", entry->name);
    switch (entry->config_operation) {
    case OPERATION_SET:
        return new_topic_set_config(server, config, entry->name, entry->value, error);
    case OPERATION_APPEND:
    case OPERATION_SUBTRACT:
        return change_list(server, config, key, (enum operation)entry->config_operation, entry->value, error);
    default:
        return refuse(error, KAFKA_INVALID_REQUEST, "Unknown operation for the configuration", entry->name);
    }
}

/* The outcome for one resource: answered at once when it is refused or only validated. */
static void submit(struct kafka_request *request, struct topic *topic, const struct topic_config *config,
                   bool validate_only, int16_t *error_code, slice *error_message, struct changes *changes,
                   struct error *error)
{
    if (*error_code == KAFKA_NONE && topic_config_check(config, request->server->config, error) != 0)
        *error_code = KAFKA_INVALID_CONFIG;
    if (*error_code != KAFKA_NONE) {
        *error_message = change_message(request, error);
        return;
    }
    struct change *change = validate_only ? NULL : changes_add(changes, error_code, error_message);
    if (change != NULL)
        metadata_log_set_topic_config(request->server->metadata, topic, config, change_done, change);
}

/* What holds for a resource before its entries are looked at. `keys` are their names. */
static int16_t check_resource(struct kafka_request *request, int8_t type, slice name, bool is_repeated,
                              const slice *keys, int32_t key_count, struct topic **topic, struct error *error)
{
    if (is_repeated) {
        error_set(error, -EINVAL, "Each resource must appear at most once.");
        return KAFKA_INVALID_REQUEST;
    }
    int16_t code = find_resource(request->server, type, name, topic, error);
    if (code != KAFKA_NONE)
        return code;
    const bool *repeated = keys != NULL ? repeated_find(&request->arena, keys, key_count) : NULL;
    if (repeated == NULL)
        return KAFKA_UNKNOWN_SERVER_ERROR;
    for (int32_t i = 0; i < key_count; i++) {
        if (repeated[i]) {
            error_set(error, -EINVAL, "Error due to duplicate config keys");
            return KAFKA_INVALID_REQUEST;
        }
    }
    return KAFKA_NONE;
}

static void alter_incrementally(struct kafka_request *request,
                                const struct incremental_alter_configs_request_resource *resource, bool is_repeated,
                                struct incremental_alter_configs_response_resource *answer, struct changes *changes)
{
    const struct incremental_alter_configs_request *asked = request->message;
    struct server *server = request->server;
    struct topic *topic = NULL;
    struct topic_config config = {.cleanup_policy = 0};
    struct error error = {0};
    slice *keys = arena_alloc(&request->arena, (size_t)resource->configs.count * sizeof *keys);
    for (int32_t i = 0; keys != NULL && i < resource->configs.count; i++)
        keys[i] = resource->configs.items[i].name;
    answer->resource_type = resource->resource_type;
    answer->resource_name = resource->resource_name;
    answer->error_code = check_resource(request, resource->resource_type, resource->resource_name, is_repeated, keys,
                                        resource->configs.count, &topic, &error);
    if (answer->error_code == KAFKA_NONE && topic_config_copy(&config, &topic->config, server->memory) != 0)
        answer->error_code = KAFKA_UNKNOWN_SERVER_ERROR;
    for (int32_t i = 0; answer->error_code == KAFKA_NONE && i < resource->configs.count; i++)
        answer->error_code = change_entry(server, &config, &resource->configs.items[i], &error);
    submit(request, topic, &config, asked->validate_only, &answer->error_code, &answer->error_message, changes, &error);
    topic_config_close(&config, server->memory);
}

/* A resource's type and name in one: what must not be repeated. NULL_SLICE when out of memory. */
static slice resource_key(struct kafka_request *request, int8_t type, slice name)
{
    uint8_t *key = arena_alloc(&request->arena, name.size + 1);
    if (key == NULL)
        return NULL_SLICE;
    key[0] = (uint8_t)type;
    if (name.size != 0)
        memcpy(key + 1, name.data, name.size);
    return slice_of(key, name.size + 1);
}

void handle_incremental_alter_configs(struct kafka_request *request)
{
    const struct incremental_alter_configs_request *asked = request->message;
    int32_t count = asked->resources.count;
    struct incremental_alter_configs_response *response = arena_alloc(&request->arena, sizeof *response);
    struct incremental_alter_configs_response_resource *items =
        arena_alloc(&request->arena, (size_t)count * sizeof *items);
    slice *names = arena_alloc(&request->arena, (size_t)count * sizeof *names);
    for (int32_t i = 0; names != NULL && i < count; i++)
        names[i] =
            resource_key(request, asked->resources.items[i].resource_type, asked->resources.items[i].resource_name);
    const bool *repeated = names != NULL ? repeated_find(&request->arena, names, count) : NULL;
    if (response == NULL || items == NULL || repeated == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    response->responses.items = items;
    response->responses.count = count;
    struct changes *changes = changes_begin(request, response, NULL);
    if (changes == NULL)
        return;
    for (int32_t i = 0; i < count; i++)
        alter_incrementally(request, &asked->resources.items[i], repeated[i], &items[i], changes);
    changes_end(changes);
}

static int16_t set_entry(struct server *server, struct topic_config *config,
                         const struct alter_configs_request_config *entry, struct error *error)
{
    if (slice_is_null(entry->value))
        return refuse(error, KAFKA_INVALID_REQUEST, "Null value not supported for ", entry->name);
    return new_topic_set_config(server, config, entry->name, entry->value, error);
}

static void replace_configs(struct kafka_request *request, const struct alter_configs_request_resource *resource,
                            bool is_repeated, struct alter_configs_response_resource *answer, struct changes *changes)
{
    const struct alter_configs_request *asked = request->message;
    struct server *server = request->server;
    struct topic *topic = NULL;
    struct topic_config config;
    struct error error = {0};
    slice *keys = arena_alloc(&request->arena, (size_t)resource->configs.count * sizeof *keys);
    for (int32_t i = 0; keys != NULL && i < resource->configs.count; i++)
        keys[i] = resource->configs.items[i].name;
    topic_config_init(&config, server->config);
    answer->resource_type = resource->resource_type;
    answer->resource_name = resource->resource_name;
    answer->error_code = check_resource(request, resource->resource_type, resource->resource_name, is_repeated, keys,
                                        resource->configs.count, &topic, &error);
    for (int32_t i = 0; answer->error_code == KAFKA_NONE && i < resource->configs.count; i++)
        answer->error_code = set_entry(server, &config, &resource->configs.items[i], &error);
    submit(request, topic, &config, asked->validate_only, &answer->error_code, &answer->error_message, changes, &error);
    topic_config_close(&config, server->memory);
}

void handle_alter_configs(struct kafka_request *request)
{
    const struct alter_configs_request *asked = request->message;
    int32_t count = asked->resources.count;
    struct alter_configs_response *response = arena_alloc(&request->arena, sizeof *response);
    struct alter_configs_response_resource *items = arena_alloc(&request->arena, (size_t)count * sizeof *items);
    slice *names = arena_alloc(&request->arena, (size_t)count * sizeof *names);
    for (int32_t i = 0; names != NULL && i < count; i++)
        names[i] =
            resource_key(request, asked->resources.items[i].resource_type, asked->resources.items[i].resource_name);
    const bool *repeated = names != NULL ? repeated_find(&request->arena, names, count) : NULL;
    if (response == NULL || items == NULL || repeated == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    response->responses.items = items;
    response->responses.count = count;
    struct changes *changes = changes_begin(request, response, NULL);
    if (changes == NULL)
        return;
    for (int32_t i = 0; i < count; i++)
        replace_configs(request, &asked->resources.items[i], repeated[i], &items[i], changes);
    changes_end(changes);
}
