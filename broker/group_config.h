/* Settings of single groups, by group id. */
#pragma once

#include "group/group_settings.h"
#include "slice.h"

struct server;

/* What holds for the group: its own settings, else the broker's. */
struct group_settings group_config_settings(const struct server *server, slice group_id);
