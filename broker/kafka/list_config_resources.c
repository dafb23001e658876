/* ListConfigResources (key 74): what has a configuration. Version 0 asks for subscriptions of client metrics alone, of
 * which there are none. */
#include "kafka/request.h"
#include "metadata_log.h"
#include "operations/resources.h"

#include <errno.h>
#include <stdio.h>

struct listing {
    struct kafka_request *request;
    struct list_config_resources_response response;
    int32_t capacity;
};

static int add(struct listing *listing, enum resource_type type, slice name)
{
    struct list_config_resources_response_config_resource_array *list = &listing->response.config_resources;
    if (list->count == listing->capacity) {
        int32_t capacity = listing->capacity != 0 ? 2 * listing->capacity : 16;
        struct list_config_resources_response_config_resource *items =
            arena_alloc(&listing->request->arena, (size_t)capacity * sizeof *items);
        if (items == NULL)
            return -ENOMEM;
        if (list->count != 0)
            memcpy(items, list->items, (size_t)list->count * sizeof *items);
        list->items = items;
        listing->capacity = capacity;
    }
    list->items[list->count++] =
        (struct list_config_resources_response_config_resource){.resource_name = name, .resource_type = (int8_t)type};
    return 0;
}

static int add_group(void *context, slice name, const struct settings *settings)
{
    (void)settings;
    return add(context, RESOURCE_GROUP, name);
}

static int add_topics(struct listing *listing)
{
    int rc = 0;
    const struct topic *topic = listing->request->server->topics.by_name;
    for (; rc == 0 && topic != NULL; topic = topic->by_name.next)
        rc = add(listing, RESOURCE_TOPIC, topic_name(topic));
    return rc;
}

static int add_all(struct listing *listing, enum resource_type type)
{
    struct server *server = listing->request->server;
    char text[16];
    slice id;
    switch (type) {
    case RESOURCE_TOPIC:
        return add_topics(listing);
    case RESOURCE_BROKER:
    case RESOURCE_BROKER_LOGGER:
        snprintf(text, sizeof text, "%d", server->start.node_id);
        id = arena_copy(&listing->request->arena, slice_of_text(text));
        return slice_is_null(id) ? -ENOMEM : add(listing, type, id);
    case RESOURCE_GROUP:
        return metadata_log_list_settings(server->metadata, SETTINGS_OF_GROUP, add_group, listing);
    default:
        return 0;
    }
}

static bool is_known(int8_t type)
{
    return type == RESOURCE_TOPIC || type == RESOURCE_BROKER || type == RESOURCE_BROKER_LOGGER ||
           type == RESOURCE_CLIENT_METRICS || type == RESOURCE_GROUP;
}

/* The wanted types as a set: one that is named twice is listed once. None named: all. */
static bool find_wanted(const struct list_config_resources_request *asked, unsigned *wanted)
{
    *wanted = asked->resource_types.count > 0 ? 0 : ~0U;
    for (int32_t i = 0; i < asked->resource_types.count; i++) {
        if (!is_known(asked->resource_types.items[i]))
            return false;
        *wanted |= (unsigned)asked->resource_types.items[i];
    }
    return true;
}

void handle_list_config_resources(struct kafka_request *request)
{
    static const enum resource_type types[] = {RESOURCE_GROUP, RESOURCE_BROKER_LOGGER, RESOURCE_BROKER, RESOURCE_TOPIC};
    struct listing listing = {.request = request};
    unsigned wanted;
    int rc = 0;
    if (!find_wanted(request->message, &wanted))
        listing.response.error_code = KAFKA_UNSUPPORTED_VERSION;
    bool lists = listing.response.error_code == KAFKA_NONE && request->version >= 1;
    for (size_t i = 0; lists && rc == 0 && i < sizeof types / sizeof types[0]; i++) {
        if ((wanted & (unsigned)types[i]) != 0)
            rc = add_all(&listing, types[i]);
    }
    if (rc != 0)
        kafka_close(request, "out of memory");
    else
        kafka_answer(request, &listing.response);
}
