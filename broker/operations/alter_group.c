/* Settings of a group altered. The group need not be there. */
#include "group_config.h"
#include "operations/alteration_private.h"

#include <errno.h>

static int16_t open_group(struct alteration *alteration, struct error *error)
{
    struct server *server = alteration->server;
    if (alteration->name.size == 0) {
        error_set(error, -EINVAL, "Default group resources are not allowed.");
        return KAFKA_INVALID_REQUEST;
    }
    if (alteration->replaces)
        return KAFKA_NONE;
    const struct settings *planned =
        metadata_log_planned_settings(server->metadata, SETTINGS_OF_GROUP, alteration->name);
    bool ok = planned == NULL || settings_copy(&alteration->settings, planned, server->memory) == 0;
    return ok ? KAFKA_NONE : KAFKA_UNKNOWN_SERVER_ERROR;
}

static int16_t change_group(struct alteration *alteration, enum alter_operation operation, slice name, slice value,
                            struct error *error)
{
    struct memory *memory = alteration->server->memory;
    int key = group_config_find(name);
    if (operation == ALTER_DELETE) {
        if (key >= 0)
            (void)settings_unset(&alteration->settings, memory, key);
        return KAFKA_NONE; /* what is not set needs no deleting, known or not */
    }
    if (key < 0)
        return alter_refuse(error, KAFKA_INVALID_CONFIG, "Unknown group config name", name);
    if (operation != ALTER_SET) {
        error_set(error, -EINVAL, "Can't %s to key %s because its type is not LIST.",
                  operation == ALTER_APPEND ? "APPEND" : "SUBTRACT", group_config_key(key)->name);
        return KAFKA_INVALID_CONFIG;
    }
    value = setting_trim(value);
    if (group_config_check_value(key, value, error) != 0)
        return KAFKA_INVALID_CONFIG;
    return settings_set(&alteration->settings, memory, key, value) == 0 ? KAFKA_NONE : KAFKA_UNKNOWN_SERVER_ERROR;
}

static int16_t check_group(const struct alteration *alteration, struct error *error)
{
    int rc = group_config_check(alteration->server->config, &alteration->settings, error);
    return rc == 0 ? KAFKA_NONE : KAFKA_INVALID_CONFIG;
}

static void submit_group(struct alteration *alteration, struct change_call *call)
{
    metadata_log_set_settings(alteration->server->metadata, SETTINGS_OF_GROUP, alteration->name, &alteration->settings,
                              change_written, call);
}

static void close_group(struct alteration *alteration)
{
    settings_close(&alteration->settings, alteration->server->memory);
}

const struct alteration_kind alteration_of_group = {open_group, change_group, check_group, submit_group, close_group};
