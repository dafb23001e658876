/* How settings are shown: value, where it comes from, type (DescribeConfigs; KIP-226, KIP-569). */
#pragma once

#include "kafka/messages.h"
#include "server.h"

enum config_source_code {
    SOURCE_TOPIC = 1,
    SOURCE_DYNAMIC_BROKER = 2,
    SOURCE_DYNAMIC_DEFAULT_BROKER = 3,
    SOURCE_STATIC_BROKER = 4,
    SOURCE_DEFAULT = 5,
    SOURCE_DYNAMIC_LOGGER = 6,
    SOURCE_GROUP = 8,
};

struct described_config {
    slice value;   /* borrowed from the configuration */
    int8_t source; /* enum config_source_code */
    int8_t type;   /* Kafka's number: 1 boolean, 2 string, 3 int, 5 long, 6 double, 7 list */
};

void describe_topic_config(const struct server *server, const struct topic_config *topic, int key,
                           struct described_config *described);
void describe_broker_config(const struct server *server, int key, struct described_config *described);

/* Where else a setting could come from, strongest first: the resource's own, then the broker's. */
struct described_synonyms {
    struct describe_configs_response_synonym items[CONFIG_LEVELS + 1];
    int32_t count;
};

void describe_add_synonym(struct described_synonyms *synonyms, const char *name, const char *value, int8_t source);
/* `name` is a broker's setting. */
void describe_add_broker_synonyms(struct described_synonyms *synonyms, const struct config *config, const char *name);
