/* Settings of this broker, or of all brokers of the cluster ("", KIP-226), altered at run time. */
#include "operations/alteration_private.h"
#include "operations/resources.h"

#include <errno.h>
#include <stdio.h>

static int16_t find_level(struct alteration *alteration, struct error *error)
{
    int32_t id;
    alteration->level = alteration->name.size == 0 ? CONFIG_OF_CLUSTER : CONFIG_OF_BROKER;
    if (alteration->level == CONFIG_OF_CLUSTER)
        return KAFKA_NONE;
    if (!resource_parse_node(alteration->name, &id))
        return alter_refuse(error, KAFKA_INVALID_REQUEST, "Node id must be an integer, but it is", alteration->name);
    if (id == alteration->server->start.node_id)
        return KAFKA_NONE;
    error_set(error, -EINVAL, "Unexpected broker id, expected %d, but received %d", alteration->server->start.node_id,
              id);
    return KAFKA_INVALID_REQUEST;
}

static int16_t open_broker(struct alteration *alteration, struct error *error)
{
    struct server *server = alteration->server;
    int16_t code = find_level(alteration, error);
    if (code != KAFKA_NONE || alteration->replaces)
        return code;
    const struct settings *planned =
        metadata_log_planned_settings(server->metadata, SETTINGS_OF_BROKER, alteration->name);
    bool ok = planned == NULL || settings_copy(&alteration->settings, planned, server->memory) == 0;
    return ok ? KAFKA_NONE : KAFKA_UNKNOWN_SERVER_ERROR;
}

static const char *current_text(const struct alteration *alteration, int key)
{
    const char *text = settings_find(&alteration->settings, key);
    for (int level = (int)alteration->level + 1; text == NULL && level < CONFIG_LEVELS; level++)
        text = config_text_of(alteration->server->config, key, (enum config_level)level);
    return text != NULL ? text : "";
}

static int16_t change_list(struct alteration *alteration, enum alter_operation operation, int key, slice *value,
                           struct error *error)
{
    const struct config_key *config = config_key(key);
    if (config->type == SETTING_LIST)
        return alter_list(alteration, operation, slice_of_text(current_text(alteration, key)), *value, value, error);
    error_set(error, -EINVAL, "Config value %s is not allowed for config key: %s",
              operation == ALTER_APPEND ? "append" : "subtract", config->name);
    return KAFKA_INVALID_CONFIG;
}

/* Kafka takes names that it does not know, and says nothing; who mistypes a key is better told. */
static int16_t find_key(slice name, int *key, struct error *error)
{
    *key = config_find(name);
    if (*key >= 0 && config_is_dynamic(*key))
        return KAFKA_NONE;
    if (*key >= 0) {
        error_set(error, -EINVAL, "Cannot update these configs dynamically: [%s]", config_key(*key)->name);
        return KAFKA_INVALID_REQUEST;
    }
    const char *nearest = config_nearest(name);
    if (nearest != NULL)
        error_set(error, -ENOENT, "Unknown broker config name: %.*s; did you mean %s?", SLICE_PRINT(name), nearest);
    else
        error_set(error, -ENOENT, "Unknown broker config name: %.*s", SLICE_PRINT(name));
    return KAFKA_INVALID_CONFIG;
}

static int16_t change_broker(struct alteration *alteration, enum alter_operation operation, slice name, slice value,
                             struct error *error)
{
    struct memory *memory = alteration->server->memory;
    int key = config_find(name);
    if (operation == ALTER_DELETE) {
        if (key >= 0)
            (void)settings_unset(&alteration->settings, memory, key);
        return KAFKA_NONE; /* what is not set needs no deleting, known or not */
    }
    int16_t code = find_key(name, &key, error);
    if (code == KAFKA_NONE && operation != ALTER_SET)
        code = change_list(alteration, operation, key, &value, error);
    if (code != KAFKA_NONE)
        return code;
    if (config_key(key)->type != SETTING_STRING)
        value = setting_trim(value);
    if (config_check_change(key, value, error) != 0)
        return KAFKA_INVALID_REQUEST;
    return settings_set(&alteration->settings, memory, key, value) == 0 ? KAFKA_NONE : KAFKA_UNKNOWN_SERVER_ERROR;
}

static void submit_broker(struct alteration *alteration, struct change_call *call)
{
    metadata_log_set_settings(alteration->server->metadata, SETTINGS_OF_BROKER, alteration->name, &alteration->settings,
                              change_written, call);
}

static void close_broker(struct alteration *alteration)
{
    settings_close(&alteration->settings, alteration->server->memory);
}

const struct alteration_kind alteration_of_broker = {open_broker, change_broker, NULL, submit_broker, close_broker};
