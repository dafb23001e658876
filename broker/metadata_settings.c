/* Settings made at run time: of brokers and of groups.
 *
 * A change is in force when its record is safe. Until then the next one builds upon it all the same, so that no two
 * changes forget each other; should the first fail, and the second not, both hold.
 *
 * What has settings, or a change under way, is in one table. It is put there before the record is written: applying
 * needs no memory. */
/* The tables of uthash come from the ledger too: every function that changes them has `metadata` in scope. */
#define HASH_NONFATAL_OOM        1
#define uthash_malloc(size)      memory_alloc(metadata->server->memory, MEMORY_TOPICS, size)
#define uthash_free(block, size) memory_free(metadata->server->memory, MEMORY_TOPICS, block, size)
#include "metadata_private.h"

#include "connection.h"
#include "group_config.h"
#include "retention.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <uthash.h>

struct set_resource {
    enum settings_of of;
    struct settings settings;       /* in force */
    struct metadata_change *newest; /* under way; NULL: none */
    UT_hash_handle hh;
    size_t name_size;
    char name[];
};

static slice name_of(const struct set_resource *resource)
{
    return slice_of(resource->name, resource->name_size);
}

static struct set_resource *find(const struct metadata_log *metadata, enum settings_of of, slice name)
{
    struct set_resource *resource = NULL;
    const void *bytes = name.size != 0 ? (const void *)name.data : "";
    HASH_FIND(hh, of == SETTINGS_OF_GROUP ? metadata->set_groups : metadata->set_brokers, bytes, name.size, resource);
    return resource;
}

static size_t size_of(const struct set_resource *resource)
{
    return sizeof *resource + resource->name_size + 1;
}

/* About what a change holds until it ends. */
static size_t size_of_change(slice name)
{
    return sizeof(struct metadata_change) + 2 * name.size + 256;
}

static struct set_resource *add(struct metadata_log *metadata, enum settings_of of, slice name)
{
    struct memory *memory = metadata->server->memory;
    struct set_resource *resource = memory_alloc_zeroed(memory, MEMORY_TOPICS, sizeof *resource + name.size + 1);
    if (resource == NULL)
        return NULL;
    resource->of = of;
    resource->name_size = name.size;
    if (name.size != 0)
        memcpy(resource->name, name.data, name.size);
    if (of == SETTINGS_OF_GROUP)
        HASH_ADD(hh, metadata->set_groups, name, name.size, resource);
    else
        HASH_ADD(hh, metadata->set_brokers, name, name.size, resource);
    if (resource->hh.tbl == NULL) {
        memory_free(memory, MEMORY_TOPICS, resource, size_of(resource));
        return NULL;
    }
    metadata->set_bytes += size_of(resource);
    return resource;
}

/* It is in no table any more. */
static void free_resource(struct metadata_log *metadata, struct set_resource *resource)
{
    struct memory *memory = metadata->server->memory;
    metadata->set_bytes -= size_of(resource);
    settings_close(&resource->settings, memory);
    memory_free(memory, MEMORY_TOPICS, resource, size_of(resource));
}

static void drop_unused(struct metadata_log *metadata, struct set_resource *resource)
{
    if (resource->settings.count != 0 || resource->newest != NULL || resource->of != SETTINGS_OF_GROUP)
        return;
    HASH_DELETE(hh, metadata->set_groups, resource);
    free_resource(metadata, resource);
}

static void free_all(struct metadata_log *metadata, struct set_resource *resource)
{
    while (resource != NULL) {
        struct set_resource *next = resource->hh.next;
        free_resource(metadata, resource);
        resource = next;
    }
}

void metadata_free_settings(struct metadata_log *metadata)
{
    config_use_changes(metadata->server->config, CONFIG_OF_BROKER, NULL);
    config_use_changes(metadata->server->config, CONFIG_OF_CLUSTER, NULL);
    struct set_resource *brokers = metadata->set_brokers, *groups = metadata->set_groups;
    HASH_CLEAR(hh, metadata->set_brokers);
    HASH_CLEAR(hh, metadata->set_groups);
    free_all(metadata, brokers);
    free_all(metadata, groups);
}

/* ---- looking ---- */

const struct settings *metadata_log_settings(const struct metadata_log *metadata, enum settings_of of, slice name)
{
    const struct set_resource *resource = find(metadata, of, name);
    return resource != NULL && resource->settings.count != 0 ? &resource->settings : NULL;
}

const struct settings *metadata_log_planned_settings(const struct metadata_log *metadata, enum settings_of of,
                                                     slice name)
{
    const struct set_resource *resource = find(metadata, of, name);
    if (resource == NULL)
        return NULL;
    return resource->newest != NULL ? &resource->newest->settings : &resource->settings;
}

int metadata_log_list_settings(const struct metadata_log *metadata, enum settings_of of,
                               metadata_settings_callback *callback, void *context)
{
    int rc = 0;
    const struct set_resource *resource = of == SETTINGS_OF_GROUP ? metadata->set_groups : metadata->set_brokers;
    for (; rc == 0 && resource != NULL; resource = resource->hh.next) {
        if (resource->settings.count != 0)
            rc = callback(context, name_of(resource), &resource->settings);
    }
    return rc;
}

/* ---- what follows from a broker's settings ---- */

static int level_of(const struct server *server, const struct set_resource *resource)
{
    char id[16];
    snprintf(id, sizeof id, "%d", server->start.node_id);
    slice name = name_of(resource);
    if (name.size == 0)
        return CONFIG_OF_CLUSTER;
    return slice_equal(name, slice_of_text(id)) ? CONFIG_OF_BROKER : CONFIG_LEVELS;
}

/* False when it is no broker's that this one listens to. */
static bool use(struct server *server, const struct set_resource *resource)
{
    int level = resource->of == SETTINGS_OF_BROKER ? level_of(server, resource) : CONFIG_LEVELS;
    if (level == CONFIG_LEVELS)
        return false;
    config_use_changes(server->config, (enum config_level)level, &resource->settings);
    return true;
}

/* Whoever reads the configuration but once. */
static void tell_services(struct server *server)
{
    server->logs.producer_expiry_ms = config_number(server->config, CONFIG_PRODUCER_ID_EXPIRATION_MS);
    if (server->connections != NULL)
        connections_follow_config(server->connections);
    if (server->retention != NULL)
        retention_follow_config(server->retention);
}

static void follow(struct server *server, struct topic *topic)
{
    struct topic_config before = topic->config;
    topic_config_refresh(&topic->config, server->config);
    metadata_use_config(topic);
    for (int32_t i = 0; i < topic->partition_count; i++) {
        if (topic->partitions[i]->log != NULL)
            log_set_producer_expiry(topic->partitions[i]->log, server->logs.producer_expiry_ms);
    }
    cleaner_note_config(server->cleaner, topic, &before);
}

/* ---- at start ---- */

static int find_key(enum settings_of of, slice name)
{
    return of == SETTINGS_OF_GROUP ? group_config_find(name) : config_find(name);
}

static int check_value(enum settings_of of, int key, slice value, struct error *error)
{
    if (key < 0)
        return error_set(error, -ENOENT, "unknown key");
    if (of == SETTINGS_OF_GROUP)
        return group_config_check_value(key, value, error);
    if (!config_is_dynamic(key))
        return error_set(error, -EINVAL, "cannot be changed at run time");
    return config_check_change(key, value, error);
}

/* What this version does not know, or does not take, is left out with a warning. */
static int load_values(struct metadata_log *metadata, enum settings_of of, slice owner,
                       const struct metadata_settings_value *value, struct settings *settings)
{
    for (int32_t i = 0; i < value->configs.count; i++) {
        const struct metadata_settings_value_config *item = &value->configs.items[i];
        struct error error;
        int key = find_key(of, item->name);
        int rc = check_value(of, key, item->value, &error);
        if (rc != 0)
            log_warn(metadata->server->logger, "metadata", "%s=%s key=%.*s %s",
                     of == SETTINGS_OF_GROUP ? "group" : "broker", log_quote(owner).text, SLICE_PRINT(item->name),
                     error.message);
        else if (settings_set(settings, metadata->server->memory, key, item->value) != 0)
            return -ENOMEM;
    }
    return 0;
}

int metadata_load_settings(struct metadata_log *metadata, enum settings_of of, slice name, slice record,
                           struct arena *arena)
{
    struct memory *memory = metadata->server->memory;
    struct settings settings = {.items = NULL};
    struct metadata_settings_value value = {.configs = {.count = 0}};
    reader from = reader_of(record);
    int rc = slice_is_null(record) ? 0 : kafka_decode_value(&metadata_settings_value_type, &from, &value, arena);
    if (rc == 0)
        rc = load_values(metadata, of, name, &value, &settings);
    struct set_resource *resource = rc == 0 ? find(metadata, of, name) : NULL;
    if (rc == 0 && resource == NULL)
        resource = add(metadata, of, name);
    if (resource == NULL) {
        settings_close(&settings, memory);
        return rc != 0 ? rc : -ENOMEM;
    }
    settings_close(&resource->settings, memory);
    resource->settings = settings;
    drop_unused(metadata, resource);
    return 0;
}

void metadata_settings_loaded(struct metadata_log *metadata)
{
    for (struct set_resource *resource = metadata->set_brokers; resource != NULL; resource = resource->hh.next)
        (void)use(metadata->server, resource);
    tell_services(metadata->server);
    for (struct topic *topic = metadata->server->topics.by_name; topic != NULL; topic = topic->by_name.next)
        topic_config_refresh(&topic->config, metadata->server->config);
}

/* ---- changes ---- */

static int encode(struct metadata_change *change)
{
    struct server *server = change->metadata->server;
    const struct set_resource *resource = change->resource;
    const struct settings *settings = &change->settings;
    bool is_group = resource->of == SETTINGS_OF_GROUP;
    enum metadata_kind kind = is_group ? METADATA_GROUP_SETTINGS : METADATA_BROKER_SETTINGS;
    if (settings->count == 0)
        return metadata_encode(&change->record, kind, name_of(resource), NULL, NULL, server_now(server));
    size_t size = settings->count * sizeof(struct metadata_settings_value_config);
    struct metadata_settings_value value = {.configs = {.count = settings->count}};
    value.configs.items = memory_alloc_zeroed(server->memory, MEMORY_TOPICS, size);
    if (value.configs.items == NULL)
        return -ENOMEM;
    for (uint16_t i = 0; i < settings->count; i++) {
        int key = settings->items[i].key;
        value.configs.items[i].name = slice_of_text(is_group ? group_config_key(key)->name : config_key(key)->name);
        value.configs.items[i].value = slice_of_text(settings->items[i].text);
    }
    int rc = metadata_encode(&change->record, kind, name_of(resource), &metadata_settings_value_type, &value,
                             server_now(server));
    memory_free(server->memory, MEMORY_TOPICS, value.configs.items, size);
    return rc;
}

/* Groups that are never heard of again may be given settings, thousands by one request. -EDQUOT. */
static int check_room(const struct metadata_log *metadata, enum settings_of of, slice name, struct error *error)
{
    const struct config *config = metadata->server->config;
    int64_t bytes = config_number(config, CONFIG_FURROW_GROUPS_MEMORY_BYTES);
    int64_t most = config_number(config, CONFIG_FURROW_GROUPS_MAX);
    if (of == SETTINGS_OF_GROUP && (int64_t)HASH_COUNT(metadata->set_groups) >= most)
        return error_set(error, -EDQUOT, "furrow.groups.max=%" PRId64 " groups have settings of their own", most);
    if (of == SETTINGS_OF_GROUP && (int64_t)(metadata->set_bytes + size_of_change(name)) > bytes / 8)
        return error_set(error, -EDQUOT, "settings of groups take an eighth of furrow.groups.memory.bytes=%" PRId64,
                         bytes);
    return 0;
}

void metadata_log_set_settings(struct metadata_log *metadata, enum settings_of of, slice name,
                               struct settings *settings, metadata_done *done, void *context)
{
    struct metadata_change *change = metadata_new_change(metadata, SET, done, context);
    if (change == NULL) {
        settings_close(settings, metadata->server->memory);
        return;
    }
    change->settings = *settings;
    *settings = (struct settings){.items = NULL};
    struct set_resource *resource = find(metadata, of, name);
    if (resource == NULL)
        change->status = check_room(metadata, of, name, &change->error);
    if (change->status != 0) {
        metadata_end_change(change);
        return;
    }
    if (resource == NULL)
        resource = add(metadata, of, name);
    if (resource == NULL) {
        metadata_refuse(change, -ENOMEM, "out of memory");
        return;
    }
    change->resource = resource;
    metadata_link_change(change, &resource->newest);
    metadata->set_bytes += size_of_change(name);
    metadata_submit(change, encode(change));
}

void metadata_apply_settings(struct metadata_change *change)
{
    struct settings before = change->resource->settings;
    change->resource->settings = change->settings;
    change->settings = before;
    struct server *server = change->metadata->server;
    if (!use(server, change->resource))
        return;
    tell_services(server);
    for (struct topic *topic = server->topics.by_name; topic != NULL; topic = topic->by_name.next)
        follow(server, topic);
}

void metadata_end_settings(struct metadata_change *change)
{
    metadata_unlink_change(change, &change->resource->newest);
    change->metadata->set_bytes -= size_of_change(name_of(change->resource));
    drop_unused(change->metadata, change->resource);
}
