/* Settings of single groups (KIP-848, GROUP resources), by group id: their keys, and what holds for a group. */
#pragma once

#include "config.h"
#include "group/group_settings.h"

struct server;

struct group_config_key {
    const char *name;
    enum config_id broker;      /* the broker's setting that it inherits */
    enum config_id least, most; /* the broker's settings between which it lies */
    const char *documentation;
};

size_t group_config_count(void);
const struct group_config_key *group_config_key(int key);
/* -1 when there is no such key. */
int group_config_find(slice name);

/* Whether the key takes the value at all. -EINVAL with Kafka's words. */
MUST_USE int group_config_check_value(int key, slice value, struct error *error);
/* Whether a group may have these settings. -EINVAL with Kafka's words. */
MUST_USE int group_config_check(const struct config *config, const struct settings *settings, struct error *error);

/* What holds for the group: its own settings, within the broker's bounds, else the broker's. */
struct group_settings group_config_settings(const struct server *server, slice group_id);
