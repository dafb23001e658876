/* AlterConfigs (key 33) replaces a topic's whole configuration; IncrementalAlterConfigs (key 44, KIP-339) changes
 * single entries. The new configuration is worked out and checked as a whole before anything changes. */
#include "kafka/changes.h"
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
    if (type != RESOURCE_TOPIC)
        return refuse(error, KAFKA_INVALID_REQUEST, "Unsupported type of resource", name);
    *topic = topics_find(&server->topics, name);
    if (*topic == NULL)
        return refuse(error, KAFKA_UNKNOWN_TOPIC_OR_PARTITION, "The topic does not exist", name);
    return KAFKA_NONE;
}

static bool next_element(slice *list, slice *element)
{
    if (list->size == 0)
        return false;
    const uint8_t *comma = memchr(list->data, ',', list->size);
    size_t size = comma != NULL ? (size_t)(comma - list->data) : list->size;
    *element = slice_of(list->data, size);
    size_t used = comma != NULL ? size + 1 : size;
    *list = slice_of(list->data + used, list->size - used);
    return true;
}

static bool has_element(slice list, slice wanted)
{
    slice element;
    while (next_element(&list, &element)) {
        if (slice_equal(element, wanted))
            return true;
    }
    return false;
}

static void write_element(writer *w, slice element)
{
    if (w->size != 0)
        write_u8(w, ',');
    write_bytes(w, element);
}

/* Elements of `from` that are not in `without`, then those of `added` that `from` lacks. */
static void merge_lists(writer *w, slice from, slice without, slice added)
{
    slice rest = from, element;
    while (next_element(&rest, &element)) {
        if (!has_element(without, element))
            write_element(w, element);
    }
    while (next_element(&added, &element)) {
        if (!has_element(from, element))
            write_element(w, element);
    }
}

static int16_t change_list(struct server *server, struct topic_config *config, int key, enum operation operation,
                           slice value, struct error *error)
{
    const struct topic_config_key *keys;
    bool is_own;
    topic_config_keys(&keys);
    slice name = slice_of_text(keys[key].name);
    if (keys[key].type != TOPIC_CONFIG_LIST)
        return refuse(error, KAFKA_INVALID_CONFIG,
                      operation == OPERATION_APPEND ? "Can't APPEND to a key whose type is not LIST"
                                                    : "Can't SUBTRACT from a key whose type is not LIST",
                      name);
    slice current = slice_of_text(topic_config_text(config, server->config, key, &is_own));
    writer w;
    writer_init(&w, server->memory, MEMORY_TOPICS, INT16_MAX);
    if (operation == OPERATION_APPEND)
        merge_lists(&w, current, NULL_SLICE, value);
    else
        merge_lists(&w, current, value, NULL_SLICE);
    int16_t code = KAFKA_UNKNOWN_SERVER_ERROR;
    if (writer_ok(&w))
        code = new_topic_set_config(server, config, name, w.size != 0 ? writer_slice(&w) : slice_of_text(""), error);
    writer_close(&w);
    return code;
}

static int16_t change_entry(struct server *server, struct topic_config *config,
                            const struct incremental_alter_configs_request_config *entry, struct error *error)
{
    int key = topic_config_find(entry->name);
    if (key < 0)
        return refuse(error, KAFKA_INVALID_CONFIG, "Unknown topic config name", entry->name);
    switch (entry->config_operation) {
    case OPERATION_SET:
        return new_topic_set_config(server, config, entry->name, entry->value, error);
    case OPERATION_DELETE:
        topic_config_unset(config, server->config, server->memory, key);
        return KAFKA_NONE;
    case OPERATION_APPEND:
    case OPERATION_SUBTRACT:
        if (slice_is_null(entry->value))
            return refuse(error, KAFKA_INVALID_REQUEST, "Null value not supported for topic configs", entry->name);
        return change_list(server, config, key, (enum operation)entry->config_operation, entry->value, error);
    default:
        return refuse(error, KAFKA_INVALID_REQUEST, "Unknown operation for the configuration", entry->name);
    }
}

/* The outcome for one resource: answered at once when it is refused or only validated. */
static void submit(struct kafka_request *request, struct topic *topic, const struct topic_config *config,
                   bool validate_only, int16_t *error_code, slice *error_message, struct changes *changes,
                   const struct error *error)
{
    if (*error_code != KAFKA_NONE) {
        *error_message = change_message(request, error);
        return;
    }
    struct change *change = validate_only ? NULL : changes_add(changes, error_code, error_message);
    if (change != NULL)
        metadata_log_set_topic_config(request->server->metadata, topic, config, change_done, change);
}

static void alter_incrementally(struct kafka_request *request,
                                const struct incremental_alter_configs_request_resource *resource, bool validate_only,
                                struct incremental_alter_configs_response_resource *answer, struct changes *changes)
{
    struct server *server = request->server;
    struct topic *topic = NULL;
    struct topic_config config = {.override_count = 0};
    struct error error = {0};
    answer->resource_type = resource->resource_type;
    answer->resource_name = resource->resource_name;
    answer->error_code = find_resource(server, resource->resource_type, resource->resource_name, &topic, &error);
    if (answer->error_code == KAFKA_NONE && topic_config_copy(&config, &topic->config, server->memory) != 0)
        answer->error_code = KAFKA_UNKNOWN_SERVER_ERROR;
    for (int32_t i = 0; answer->error_code == KAFKA_NONE && i < resource->configs.count; i++)
        answer->error_code = change_entry(server, &config, &resource->configs.items[i], &error);
    submit(request, topic, &config, validate_only, &answer->error_code, &answer->error_message, changes, &error);
    topic_config_close(&config, server->memory);
}

void handle_incremental_alter_configs(struct kafka_request *request)
{
    const struct incremental_alter_configs_request *asked = request->message;
    struct incremental_alter_configs_response *response = arena_alloc(&request->arena, sizeof *response);
    struct incremental_alter_configs_response_resource *items =
        arena_alloc(&request->arena, (size_t)asked->resources.count * sizeof *items);
    if (response == NULL || items == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    response->responses.items = items;
    response->responses.count = asked->resources.count;
    struct changes *changes = changes_begin(request, response, NULL);
    if (changes == NULL)
        return;
    for (int32_t i = 0; i < asked->resources.count; i++)
        alter_incrementally(request, &asked->resources.items[i], asked->validate_only, &items[i], changes);
    changes_end(changes);
}

static void replace_configs(struct kafka_request *request, const struct alter_configs_request_resource *resource,
                            bool validate_only, struct alter_configs_response_resource *answer, struct changes *changes)
{
    struct server *server = request->server;
    struct topic *topic = NULL;
    struct topic_config config;
    struct error error = {0};
    topic_config_init(&config, server->config);
    answer->resource_type = resource->resource_type;
    answer->resource_name = resource->resource_name;
    answer->error_code = find_resource(server, resource->resource_type, resource->resource_name, &topic, &error);
    for (int32_t i = 0; answer->error_code == KAFKA_NONE && i < resource->configs.count; i++)
        answer->error_code = new_topic_set_config(server, &config, resource->configs.items[i].name,
                                                  resource->configs.items[i].value, &error);
    submit(request, topic, &config, validate_only, &answer->error_code, &answer->error_message, changes, &error);
    topic_config_close(&config, server->memory);
}

void handle_alter_configs(struct kafka_request *request)
{
    const struct alter_configs_request *asked = request->message;
    struct alter_configs_response *response = arena_alloc(&request->arena, sizeof *response);
    struct alter_configs_response_resource *items =
        arena_alloc(&request->arena, (size_t)asked->resources.count * sizeof *items);
    if (response == NULL || items == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    response->responses.items = items;
    response->responses.count = asked->resources.count;
    struct changes *changes = changes_begin(request, response, NULL);
    if (changes == NULL)
        return;
    for (int32_t i = 0; i < asked->resources.count; i++)
        replace_configs(request, &asked->resources.items[i], asked->validate_only, &items[i], changes);
    changes_end(changes);
}
