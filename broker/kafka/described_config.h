/* How settings are shown: value, where it comes from, type (DescribeConfigs; KIP-226, KIP-569). */
#pragma once

#include "server.h"

enum config_source_code {
    SOURCE_TOPIC = 1,
    SOURCE_DYNAMIC_BROKER = 2,
    SOURCE_DYNAMIC_DEFAULT_BROKER = 3,
    SOURCE_STATIC_BROKER = 4,
    SOURCE_DEFAULT = 5,
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
