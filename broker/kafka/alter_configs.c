/* AlterConfigs (key 33) replaces a resource's whole configuration; IncrementalAlterConfigs (key 44, KIP-339) changes
 * single entries. */
#include "kafka/changes.h"
#include "operations/alteration.h"
#include "operations/repeated.h"

#include <errno.h>

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

static void alter(struct kafka_request *request, const struct alter_resource *asked, bool is_repeated,
                  struct change_call *call)
{
    struct error error;
    if (call == NULL)
        return;
    if (is_repeated) {
        error_set(&error, -EINVAL, "Each resource must appear at most once.");
        change_end(call, KAFKA_INVALID_REQUEST, &error);
    } else if (asked->entries == NULL) {
        change_end(call, KAFKA_UNKNOWN_SERVER_ERROR, NULL);
    } else {
        alter_resource(request->server, &request->arena, asked, call);
    }
}

static void alter_incrementally(struct kafka_request *request,
                                const struct incremental_alter_configs_request_resource *resource, bool is_repeated,
                                struct incremental_alter_configs_response_resource *answer, struct changes *changes)
{
    const struct incremental_alter_configs_request *message = request->message;
    int32_t count = resource->configs.count;
    struct alter_entry *entries = arena_alloc(&request->arena, (size_t)count * sizeof *entries);
    for (int32_t i = 0; entries != NULL && i < count; i++) {
        const struct incremental_alter_configs_request_config *entry = &resource->configs.items[i];
        entries[i] = (struct alter_entry){entry->name, entry->value, entry->config_operation};
    }
    struct alter_resource asked = {.type = resource->resource_type,
                                   .name = resource->resource_name,
                                   .validate_only = message->validate_only,
                                   .entries = entries,
                                   .count = count};
    answer->resource_type = resource->resource_type;
    answer->resource_name = resource->resource_name;
    alter(request, &asked, is_repeated, changes_add(changes, &answer->error_code, &answer->error_message));
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
    const struct alter_configs_request *message = request->message;
    int32_t count = resource->configs.count;
    struct alter_entry *entries = arena_alloc(&request->arena, (size_t)count * sizeof *entries);
    for (int32_t i = 0; entries != NULL && i < count; i++) {
        const struct alter_configs_request_config *entry = &resource->configs.items[i];
        entries[i] = (struct alter_entry){entry->name, entry->value, ALTER_SET};
    }
    struct alter_resource asked = {.type = resource->resource_type,
                                   .name = resource->resource_name,
                                   .replaces = true,
                                   .validate_only = message->validate_only,
                                   .entries = entries,
                                   .count = count};
    answer->resource_type = resource->resource_type;
    answer->resource_name = resource->resource_name;
    alter(request, &asked, is_repeated, changes_add(changes, &answer->error_code, &answer->error_message));
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
