/* Manual assignments of partitions to brokers: on one node there is only one that can be followed. */
#pragma once

#include "status.h"

#include <stdbool.h>
#include <stdint.h>

struct server;

struct replica_assignment {
    int32_t partition; /* where a topic grows: nothing */
    const int32_t *brokers;
    int32_t count;
};

/* False, with Kafka's words, unless the brokers are this one alone. */
MUST_USE bool replica_assignment_is_possible(const struct server *server, const struct replica_assignment *assignment,
                                             struct error *error);
