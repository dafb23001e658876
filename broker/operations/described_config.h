/* How settings are shown: value, where it comes from, type, where else it could come from (KIP-226, KIP-569). */
#pragma once

#include "operations/resources.h"
#include "server.h"

/* Kafka's numbers; the names of REST's are those of its ConfigSource. */
enum config_source_code {
    SOURCE_TOPIC = 1,
    SOURCE_DYNAMIC_BROKER = 2,
    SOURCE_DYNAMIC_DEFAULT_BROKER = 3,
    SOURCE_STATIC_BROKER = 4,
    SOURCE_DEFAULT = 5,
    SOURCE_DYNAMIC_LOGGER = 6,
    SOURCE_GROUP = 8,
};

struct described_synonym {
    slice name;
    slice value;
    int8_t source; /* enum config_source_code */
};

/* Texts are borrowed from the configuration. */
struct described_config {
    const char *name;
    slice value;   /* null: none */
    int8_t source; /* enum config_source_code */
    int8_t type;   /* Kafka's number: 1 boolean, 2 string, 3 int, 5 long, 6 double, 7 list */
    bool is_read_only;
    const char *documentation;
    struct described_synonym synonyms[CONFIG_LEVELS + 1]; /* strongest first: the resource's own, then the broker's */
    int32_t synonym_count;
};

/* One setting of a topic's configuration, by its place in the table of them. */
void describe_topic_config(const struct server *server, const struct topic_config *topic, int key,
                           struct described_config *described);

/* False ends it. */
typedef bool described_config_callback(void *context, const struct described_config *described);

/* All settings of a resource: `type` is one of resources.h, named as for alter_resource. KAFKA_NONE, or Kafka's error
 * with words. */
int16_t describe_resource(const struct server *server, int8_t type, slice name, described_config_callback *callback,
                          void *context, struct error *error);

/* How many settings a resource of that type has at most. */
size_t described_configs_most(int8_t type);
