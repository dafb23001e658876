#include "group_config.h"

#include "server.h"

struct group_settings group_config_settings(const struct server *server, slice group_id)
{
    (void)group_id;
    const struct config *config = server->config;
    return (struct group_settings){
        .consumer_session_timeout_ms = (int32_t)config_number(config, CONFIG_GROUP_CONSUMER_SESSION_TIMEOUT_MS),
        .consumer_heartbeat_interval_ms = (int32_t)config_number(config, CONFIG_GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS),
    };
}
