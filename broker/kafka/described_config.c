#include "kafka/described_config.h"

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

void describe_topic_config(const struct server *server, const struct topic_config *topic, int key,
                           struct described_config *described)
{
    const struct topic_config_key *keys;
    bool is_own;
    topic_config_keys(&keys);
    described->value = text_slice(topic_config_text(topic, server->config, key, &is_own));
    described->source = is_own ? SOURCE_TOPIC : broker_source(server->config, keys[key].broker_name);
    described->type = type_code(keys[key].type);
}

void describe_broker_config(const struct server *server, int key, struct described_config *described)
{
    described->value = text_slice(config_text_at(server->config, key));
    described->source = level_sources[config_level_at(server->config, key)];
    described->type = type_code(config_key(key)->type);
}

void describe_add_synonym(struct described_synonyms *synonyms, const char *name, const char *value, int8_t source)
{
    synonyms->items[synonyms->count++] = (struct describe_configs_response_synonym){
        .name = slice_of_text(name), .value = text_slice(value), .source = source};
}

void describe_add_broker_synonyms(struct described_synonyms *synonyms, const struct config *config, const char *name)
{
    int id = config_find(slice_of_text(name));
    if (id < 0)
        return;
    for (int level = 0; level < CONFIG_LEVELS; level++) {
        const char *text = config_text_of(config, id, (enum config_level)level);
        if (text != NULL || level == CONFIG_OF_DEFAULT)
            describe_add_synonym(synonyms, name, text, level_sources[level]);
    }
}
