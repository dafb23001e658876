#include "group_config.h"

#include "metadata_log.h"

#include <errno.h>
#include <stdlib.h>

enum { CONSUMER_ASSIGNMENT_INTERVAL_MS, CONSUMER_HEARTBEAT_INTERVAL_MS, CONSUMER_SESSION_TIMEOUT_MS, KEY_COUNT };

static const struct group_config_key keys[KEY_COUNT] = {
    [CONSUMER_ASSIGNMENT_INTERVAL_MS] = {"consumer.assignment.interval.ms",
                                         CONFIG_GROUP_CONSUMER_ASSIGNMENT_INTERVAL_MS,
                                         CONFIG_GROUP_CONSUMER_MIN_ASSIGNMENT_INTERVAL_MS,
                                         CONFIG_GROUP_CONSUMER_MAX_ASSIGNMENT_INTERVAL_MS,
                                         "How long the group waits from one assignment to the next, in ms."},
    [CONSUMER_HEARTBEAT_INTERVAL_MS] = {"consumer.heartbeat.interval.ms", CONFIG_GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS,
                                        CONFIG_GROUP_CONSUMER_MIN_HEARTBEAT_INTERVAL_MS,
                                        CONFIG_GROUP_CONSUMER_MAX_HEARTBEAT_INTERVAL_MS,
                                        "How often members of the group are told to report, in ms."},
    [CONSUMER_SESSION_TIMEOUT_MS] = {"consumer.session.timeout.ms", CONFIG_GROUP_CONSUMER_SESSION_TIMEOUT_MS,
                                     CONFIG_GROUP_CONSUMER_MIN_SESSION_TIMEOUT_MS,
                                     CONFIG_GROUP_CONSUMER_MAX_SESSION_TIMEOUT_MS,
                                     "How long a member of the group may be silent, in ms."},
};

size_t group_config_count(void)
{
    return KEY_COUNT;
}

const struct group_config_key *group_config_key(int key)
{
    return &keys[key];
}

int group_config_find(slice name)
{
    for (int key = 0; key < KEY_COUNT; key++) {
        if (slice_equal(name, slice_of_text(keys[key].name)))
            return key;
    }
    return -1;
}

int group_config_check_value(int key, slice value, struct error *error)
{
    const struct setting_rule rule = {keys[key].name, SETTING_INT, config_key((int)keys[key].broker)->min, INT32_MAX,
                                      NULL};
    return setting_check(&rule, value, error);
}

static int64_t value_of(const struct config *config, const struct settings *settings, int key)
{
    const char *own = settings != NULL ? settings_find(settings, key) : NULL;
    return own != NULL ? strtoll(own, NULL, 10) : config_number(config, keys[key].broker);
}

static int check_bounds(const struct config *config, const struct settings *settings, int key, struct error *error)
{
    int64_t value = value_of(config, settings, key);
    if (value < config_number(config, keys[key].least))
        return error_set(error, -EINVAL, "%s must be greater than or equal to %s", keys[key].name,
                         config_key((int)keys[key].least)->name);
    if (value > config_number(config, keys[key].most))
        return error_set(error, -EINVAL, "%s must be less than or equal to %s", keys[key].name,
                         config_key((int)keys[key].most)->name);
    return 0;
}

int group_config_check(const struct config *config, const struct settings *settings, struct error *error)
{
    int rc = 0;
    for (int key = 0; rc == 0 && key < KEY_COUNT; key++)
        rc = check_bounds(config, settings, key, error);
    if (rc == 0 && value_of(config, settings, CONSUMER_SESSION_TIMEOUT_MS) <=
                       value_of(config, settings, CONSUMER_HEARTBEAT_INTERVAL_MS))
        rc = error_set(error, -EINVAL,
                       "consumer.session.timeout.ms must be greater than consumer.heartbeat.interval.ms");
    return rc;
}

/* The broker's bounds may be other ones since the group's settings were made. */
static int32_t bounded(const struct config *config, const struct settings *settings, int key)
{
    int64_t value = value_of(config, settings, key);
    int64_t least = config_number(config, keys[key].least), most = config_number(config, keys[key].most);
    return (int32_t)(value < least ? least : value > most ? most : value);
}

struct group_settings group_config_settings(const struct server *server, slice group_id)
{
    const struct settings *own = metadata_log_settings(server->metadata, SETTINGS_OF_GROUP, group_id);
    return (struct group_settings){
        .consumer_session_timeout_ms = bounded(server->config, own, CONSUMER_SESSION_TIMEOUT_MS),
        .consumer_heartbeat_interval_ms = bounded(server->config, own, CONSUMER_HEARTBEAT_INTERVAL_MS),
        .consumer_assignment_interval_ms = bounded(server->config, own, CONSUMER_ASSIGNMENT_INTERVAL_MS),
    };
}
