/* Settings of a topic, a broker, all of the cluster, a group or the server's log altered at run time, by Kafka's rules.
 * The new configuration is worked out and checked as a whole before anything changes. */
#pragma once

#include "arena.h"
#include "operations/change.h"
#include "slice.h"

struct server;

enum alter_operation { ALTER_SET = 0, ALTER_DELETE = 1, ALTER_APPEND = 2, ALTER_SUBTRACT = 3 };

struct alter_entry {
    slice name;
    slice value;      /* null for ALTER_DELETE alone */
    int8_t operation; /* enum alter_operation; another one is refused */
};

struct alter_resource {
    int8_t type;   /* enum resource_type (resources.h); another one is refused */
    slice name;    /* a topic's or a group's; a broker's id, empty for all of the cluster */
    bool replaces; /* begins with nothing set; else with what is */
    bool validate_only;
    const struct alter_entry *entries; /* no name twice */
    int32_t count;
};

/* What was asked is needed during the call only. */
void alter_resource(struct server *server, struct arena *arena, const struct alter_resource *asked,
                    struct change_call *call);
