/* Manual assignments of partitions to brokers (CreateTopics, CreatePartitions): on one node there is only one that can
 * be followed. */
#pragma once

#include "kafka/request.h"

/* False, with Kafka's words, unless the brokers are this one alone. */
MUST_USE bool assignment_is_possible(const struct server *server, const struct int32_array *brokers,
                                     struct error *error);
