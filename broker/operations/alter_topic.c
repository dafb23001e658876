/* A topic's configuration altered. */
#include "operations/alteration_private.h"
#include "operations/new_topic.h"

#include <errno.h>

static int16_t open_topic(struct alteration *alteration, struct error *error)
{
    struct server *server = alteration->server;
    if (alteration->name.size == 0) {
        error_set(error, -EINVAL, "Default topic resources are not allowed.");
        return KAFKA_INVALID_REQUEST;
    }
    if (!topic_name_valid(alteration->name, error))
        return KAFKA_INVALID_TOPIC_EXCEPTION;
    alteration->topic = topics_find(&server->topics, alteration->name);
    if (alteration->topic == NULL) {
        error_set(error, -ENOENT, "The topic '%.*s' does not exist.", SLICE_PRINT(alteration->name));
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    }
    if (alteration->replaces)
        topic_config_init(&alteration->config, server->config);
    else if (topic_config_copy(&alteration->config, &alteration->topic->config, server->memory) != 0)
        return KAFKA_UNKNOWN_SERVER_ERROR;
    return KAFKA_NONE;
}

static int16_t change_list(struct alteration *alteration, enum alter_operation operation, int key, slice *value,
                           struct error *error)
{
    const struct topic_config_key *keys;
    bool is_own;
    topic_config_keys(&keys);
    if (keys[key].type != SETTING_LIST) {
        error_set(error, -EINVAL, "Can't %s to key %s because its type is not LIST.",
                  operation == ALTER_APPEND ? "APPEND" : "SUBTRACT", keys[key].name);
        return KAFKA_INVALID_CONFIG;
    }
    const char *current = topic_config_text(&alteration->config, alteration->server->config, key, &is_own);
    return alter_list(alteration, operation, slice_of_text(current), *value, value, error);
}

static int16_t change_topic(struct alteration *alteration, enum alter_operation operation, slice name, slice value,
                            struct error *error)
{
    struct server *server = alteration->server;
    int16_t code = KAFKA_NONE;
    int key = topic_config_find(name);
    if (operation == ALTER_DELETE) {
        if (key >= 0)
            topic_config_unset(&alteration->config, server->config, server->memory, key);
        return KAFKA_NONE; /* what is not set needs no deleting, known or not */
    }
    if (key < 0)
        return alter_refuse(error, KAFKA_INVALID_CONFIG, "Unknown topic config name", name);
    if (operation != ALTER_SET)
        code = change_list(alteration, operation, key, &value, error);
    return code != KAFKA_NONE ? code : new_topic_set_config(server, &alteration->config, name, value, error);
}

static int16_t check_topic(const struct alteration *alteration, struct error *error)
{
    int rc = topic_config_check(&alteration->config, alteration->server->config, error);
    return rc == 0 ? KAFKA_NONE : KAFKA_INVALID_CONFIG;
}

static void submit_topic(struct alteration *alteration, struct change_call *call)
{
    metadata_log_set_topic_config(alteration->server->metadata, alteration->topic, &alteration->config, change_written,
                                  call);
}

static void close_topic(struct alteration *alteration)
{
    topic_config_close(&alteration->config, alteration->server->memory);
}

const struct alteration_kind alteration_of_topic = {open_topic, change_topic, check_topic, submit_topic, close_topic};
