/* What has a configuration (DescribeConfigs, AlterConfigs, IncrementalAlterConfigs, ListConfigResources). */
#pragma once

#include "slice.h"

enum resource_type {
    RESOURCE_TOPIC = 2,
    RESOURCE_BROKER = 4,
    RESOURCE_BROKER_LOGGER = 8,
    RESOURCE_CLIENT_METRICS = 16,
    RESOURCE_GROUP = 32,
};

#define RESOURCE_ROOT_LOGGER "root"

/* A broker's resource is named by its id, as Java's Integer.valueOf takes it. */
bool resource_parse_node(slice name, int32_t *id);
