/* AlterConfigs (key 33) replaces a resource's whole configuration; IncrementalAlterConfigs (key 44, KIP-339) changes
 * single entries. The new configuration is worked out and checked as a whole before anything changes. */
#include "kafka/alter_configs.h"
#include "kafka/repeated.h"
#include "kafka/resources.h"

#include <errno.h>

int16_t alter_refuse(struct error *error, int16_t code, const char *words, slice value)
{
    error_set(error, -EINVAL, "%s: %.*s", words, SLICE_PRINT(value));
    return code;
}

/* ---- lists ---- */

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

int16_t alter_list(struct alteration *alteration, enum alter_operation operation, slice current, slice value,
                   slice *changed, struct error *error)
{
    if (value.size > SETTING_TEXT_MAX) {
        error_set(error, -EINVAL, "The list is too long");
        return KAFKA_INVALID_CONFIG;
    }
    writer w;
    writer_init(&w, alteration->server->memory, MEMORY_TOPICS, INT16_MAX);
    if (operation == ALTER_APPEND)
        merge_lists(&w, current, NULL_SLICE, value);
    else
        merge_lists(&w, current, value, NULL_SLICE);
    *changed = arena_copy(&alteration->request->arena, w.size != 0 ? writer_slice(&w) : slice_of_text(""));
    bool ok = writer_ok(&w) && !slice_is_null(*changed);
    writer_close(&w);
    return ok ? KAFKA_NONE : KAFKA_UNKNOWN_SERVER_ERROR;
}

/* ---- one resource ---- */

static const struct alteration_kind *kind_of(int8_t type, bool replaces)
{
    switch (type) {
    case RESOURCE_TOPIC:
        return &alteration_of_topic;
    case RESOURCE_BROKER:
        return &alteration_of_broker;
    case RESOURCE_BROKER_LOGGER:
        return replaces ? NULL : &alteration_of_logger;
    case RESOURCE_GROUP:
        return &alteration_of_group;
    default:
        return NULL;
    }
}

static int16_t refuse_repeated(struct error *error, const char *words)
{
    error_set(error, -EINVAL, "%s", words);
    return KAFKA_INVALID_REQUEST;
}

static int16_t check_names(struct kafka_request *request, const slice *names, int32_t count, struct error *error)
{
    const bool *repeated = names != NULL ? repeated_find(&request->arena, names, count) : NULL;
    if (repeated == NULL)
        return KAFKA_UNKNOWN_SERVER_ERROR;
    for (int32_t i = 0; i < count; i++) {
        if (repeated[i])
            return refuse_repeated(error, "Error due to duplicate config keys");
    }
    return KAFKA_NONE;
}

/* `names` are those of its entries. Whatever it returns, end_alteration must follow. */
static int16_t begin_alteration(struct alteration *alteration, int8_t type, bool is_repeated, const slice *names,
                                int32_t count, struct error *error)
{
    if (is_repeated)
        return refuse_repeated(error, "Each resource must appear at most once.");
    const struct alteration_kind *kind = kind_of(type, alteration->replaces);
    if (kind == NULL) {
        error_set(error, -EINVAL, "Unknown resource type %d", type);
        return KAFKA_INVALID_REQUEST;
    }
    alteration->server = alteration->request->server;
    int16_t code = kind->open(alteration, error);
    if (code != KAFKA_NONE)
        return code;
    alteration->kind = kind;
    return check_names(alteration->request, names, count, error);
}

static int16_t change_entry(struct alteration *alteration, int8_t operation, slice name, slice value,
                            struct error *error)
{
    if (operation < ALTER_SET || operation > ALTER_SUBTRACT)
        return alter_refuse(error, KAFKA_INVALID_REQUEST, "Unknown operation for the configuration", name);
    if (operation != ALTER_DELETE && slice_is_null(value))
        return alter_refuse(error, KAFKA_INVALID_REQUEST, "Null value not supported for ", name);
    return alteration->kind->change(alteration, (enum alter_operation)operation, name, value, error);
}

/* The outcome for one resource: answered at once when it is refused or only validated. */
static void end_alteration(struct alteration *alteration, bool validate_only, int16_t *error_code, slice *error_message,
                           struct changes *changes, struct error *error)
{
    const struct alteration_kind *kind = alteration->kind;
    if (*error_code == KAFKA_NONE && kind->check != NULL)
        *error_code = kind->check(alteration, error);
    if (*error_code != KAFKA_NONE)
        *error_message = change_message(alteration->request, error);
    struct change *change =
        *error_code == KAFKA_NONE && !validate_only ? changes_add(changes, error_code, error_message) : NULL;
    if (change != NULL)
        kind->submit(alteration, change);
    if (kind != NULL)
        kind->close(alteration);
}

static void alter_incrementally(struct kafka_request *request,
                                const struct incremental_alter_configs_request_resource *resource, bool is_repeated,
                                struct incremental_alter_configs_response_resource *answer, struct changes *changes)
{
    const struct incremental_alter_configs_request *asked = request->message;
    struct alteration alteration = {.request = request, .name = resource->resource_name};
    struct error error = {0};
    slice *names = arena_alloc(&request->arena, (size_t)resource->configs.count * sizeof *names);
    for (int32_t i = 0; names != NULL && i < resource->configs.count; i++)
        names[i] = resource->configs.items[i].name;
    answer->resource_type = resource->resource_type;
    answer->resource_name = resource->resource_name;
    answer->error_code =
        begin_alteration(&alteration, resource->resource_type, is_repeated, names, resource->configs.count, &error);
    for (int32_t i = 0; answer->error_code == KAFKA_NONE && i < resource->configs.count; i++) {
        const struct incremental_alter_configs_request_config *entry = &resource->configs.items[i];
        answer->error_code = change_entry(&alteration, entry->config_operation, entry->name, entry->value, &error);
    }
    end_alteration(&alteration, asked->validate_only, &answer->error_code, &answer->error_message, changes, &error);
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

static void replace_configs(struct kafka_request *request, const struct alter_configs_request_resource *resource,
                            bool is_repeated, struct alter_configs_response_resource *answer, struct changes *changes)
{
    const struct alter_configs_request *asked = request->message;
    struct alteration alteration = {.request = request, .name = resource->resource_name, .replaces = true};
    struct error error = {0};
    slice *names = arena_alloc(&request->arena, (size_t)resource->configs.count * sizeof *names);
    for (int32_t i = 0; names != NULL && i < resource->configs.count; i++)
        names[i] = resource->configs.items[i].name;
    answer->resource_type = resource->resource_type;
    answer->resource_name = resource->resource_name;
    answer->error_code =
        begin_alteration(&alteration, resource->resource_type, is_repeated, names, resource->configs.count, &error);
    for (int32_t i = 0; answer->error_code == KAFKA_NONE && i < resource->configs.count; i++) {
        const struct alter_configs_request_config *entry = &resource->configs.items[i];
        answer->error_code = change_entry(&alteration, ALTER_SET, entry->name, entry->value, &error);
    }
    end_alteration(&alteration, asked->validate_only, &answer->error_code, &answer->error_message, changes, &error);
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
