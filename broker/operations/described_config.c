#include "operations/described_config.h"

#include "group_config.h"
#include "kafka/error_code.h"
#include "metadata_log.h"

#include <errno.h>
#include <stdio.h>

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

/* ---- where else it could come from ---- */

static void add_synonym(struct described_config *described, const char *name, const char *value, int8_t source)
{
    described->synonyms[described->synonym_count++] =
        (struct described_synonym){slice_of_text(name), text_slice(value), source};
}

/* `name` is a broker's setting. */
static void add_broker_synonyms(struct described_config *described, const struct config *config, const char *name)
{
    int id = config_find(slice_of_text(name));
    if (id < 0)
        return;
    for (int level = 0; level < CONFIG_LEVELS; level++) {
        const char *text = config_text_of(config, id, (enum config_level)level);
        if (text != NULL || level == CONFIG_OF_DEFAULT)
            add_synonym(described, name, text, level_sources[level]);
    }
}

/* ---- topics ---- */

void describe_topic_config(const struct server *server, const struct topic_config *topic, int key,
                           struct described_config *described)
{
    const struct topic_config_key *keys;
    bool is_own;
    topic_config_keys(&keys);
    const char *text = topic_config_text(topic, server->config, key, &is_own);
    *described = (struct described_config){
        .name = keys[key].name,
        .value = text_slice(text),
        .source = is_own ? SOURCE_TOPIC : broker_source(server->config, keys[key].broker_name),
        .type = type_code(keys[key].type),
        .documentation = keys[key].documentation,
    };
    if (is_own)
        add_synonym(described, keys[key].name, text, SOURCE_TOPIC);
    if (keys[key].broker_name != NULL)
        add_broker_synonyms(described, server->config, keys[key].broker_name);
}

static int16_t describe_topic(const struct server *server, slice name, described_config_callback *callback,
                              void *context, struct error *error)
{
    const struct topic_config_key *keys;
    if (!topic_name_valid(name, error))
        return KAFKA_INVALID_TOPIC_EXCEPTION;
    const struct topic *topic = topics_find(&server->topics, name);
    if (topic == NULL) {
        error_set(error, -ENOENT, "%s", kafka_error_text(KAFKA_UNKNOWN_TOPIC_OR_PARTITION));
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    }
    size_t count = topic_config_keys(&keys);
    bool goes_on = true;
    for (size_t i = 0; goes_on && i < count; i++) {
        struct described_config described;
        describe_topic_config(server, &topic->config, (int)i, &described);
        goes_on = callback(context, &described);
    }
    return KAFKA_NONE;
}

/* ---- brokers ---- */

static struct described_config describe_broker_key(const struct server *server, int key)
{
    return (struct described_config){
        .name = config_key(key)->name,
        .value = text_slice(config_text_at(server->config, key)),
        .source = level_sources[config_level_at(server->config, key)],
        .type = type_code(config_key(key)->type),
        .documentation = config_key(key)->documentation,
    };
}

static void describe_broker(const struct server *server, described_config_callback *callback, void *context)
{
    bool goes_on = true;
    for (int i = 0; goes_on && i < CONFIG_KEY_COUNT; i++) {
        struct described_config described = describe_broker_key(server, i);
        described.is_read_only = !config_is_dynamic(i);
        add_broker_synonyms(&described, server->config, described.name);
        goes_on = callback(context, &described);
    }
}

/* What is set for all brokers of the cluster; nothing else has that resource. */
static void describe_cluster(const struct server *server, described_config_callback *callback, void *context)
{
    bool goes_on = true;
    for (int i = 0; goes_on && i < CONFIG_KEY_COUNT; i++) {
        const char *text = config_text_of(server->config, i, CONFIG_OF_CLUSTER);
        if (text == NULL)
            continue;
        struct described_config described = describe_broker_key(server, i);
        described.value = slice_of_text(text);
        described.source = SOURCE_DYNAMIC_DEFAULT_BROKER;
        add_synonym(&described, described.name, text, SOURCE_DYNAMIC_DEFAULT_BROKER);
        goes_on = callback(context, &described);
    }
}

static int16_t refuse_broker(const struct server *server, slice name, struct error *error)
{
    error_set(error, -EINVAL, "Unexpected broker id, expected %d but received %.*s", server->start.node_id,
              SLICE_PRINT(name));
    return KAFKA_INVALID_REQUEST;
}

/* A broker is named by its id; the empty name stands for all of the cluster. */
static int16_t describe_broker_resource(const struct server *server, slice name, described_config_callback *callback,
                                        void *context, struct error *error)
{
    char id[16];
    snprintf(id, sizeof id, "%d", server->start.node_id);
    if (name.size == 0)
        describe_cluster(server, callback, context);
    else if (slice_equal(name, slice_of_text(id)))
        describe_broker(server, callback, context);
    else
        return refuse_broker(server, name, error);
    return KAFKA_NONE;
}

/* The server's log has one level, which may be changed until the next start. */
static int16_t describe_logger(const struct server *server, slice name, described_config_callback *callback,
                               void *context, struct error *error)
{
    static const char *const levels[] = {
        [LOG_DEBUG] = "DEBUG", [LOG_INFO] = "INFO", [LOG_WARN] = "WARN", [LOG_ERROR] = "ERROR"};
    int32_t id;
    if (!resource_parse_node(name, &id) || id != server->start.node_id)
        return refuse_broker(server, name, error);
    struct described_config described = {
        .name = RESOURCE_ROOT_LOGGER,
        .value = slice_of_text(levels[logger_level(server->logger)]),
        .source = SOURCE_DYNAMIC_LOGGER,
        .documentation = "",
    };
    (void)callback(context, &described);
    return KAFKA_NONE;
}

/* ---- groups ---- */

static int16_t describe_group(const struct server *server, slice name, described_config_callback *callback,
                              void *context, struct error *error)
{
    if (name.size == 0) {
        error_set(error, -EINVAL, "Group name must not be empty");
        return KAFKA_INVALID_REQUEST;
    }
    const struct settings *own = metadata_log_settings(server->metadata, SETTINGS_OF_GROUP, name);
    bool goes_on = true;
    for (int i = 0; goes_on && i < (int)group_config_count(); i++) {
        const struct group_config_key *key = group_config_key(i);
        const char *text = own != NULL ? settings_find(own, i) : NULL;
        struct described_config described = describe_broker_key(server, (int)key->broker);
        described.name = key->name;
        described.documentation = key->documentation;
        if (text != NULL) {
            described.value = slice_of_text(text);
            described.source = SOURCE_GROUP;
            add_synonym(&described, key->name, text, SOURCE_GROUP);
        }
        add_broker_synonyms(&described, server->config, config_key((int)key->broker)->name);
        goes_on = callback(context, &described);
    }
    return KAFKA_NONE;
}

/* ---- resources ---- */

int16_t describe_resource(const struct server *server, int8_t type, slice name, described_config_callback *callback,
                          void *context, struct error *error)
{
    switch (type) {
    case RESOURCE_TOPIC:
        return describe_topic(server, name, callback, context, error);
    case RESOURCE_BROKER:
        return describe_broker_resource(server, name, callback, context, error);
    case RESOURCE_BROKER_LOGGER:
        return describe_logger(server, name, callback, context, error);
    case RESOURCE_GROUP:
        return describe_group(server, name, callback, context, error);
    default:
        error_set(error, -EINVAL, "Unsupported resource type: %d", type);
        return KAFKA_INVALID_REQUEST;
    }
}

size_t described_configs_most(int8_t type)
{
    const struct topic_config_key *keys;
    switch (type) {
    case RESOURCE_TOPIC:
        return topic_config_keys(&keys);
    case RESOURCE_BROKER:
        return CONFIG_KEY_COUNT;
    case RESOURCE_GROUP:
        return group_config_count();
    default:
        return 1;
    }
}
