/* What the leader of a classic group does: sharing out the partitions that its members subscribe to.
 *
 *     range                as Kafka's, exactly
 *     roundrobin, sticky, RoundRobinAssigner (kafkajs')
 *                          any even assignment is as good: the one of assignor.h's uniform
 *     cooperative-sticky   uniform, keeping what members own; what is to move is given to nobody while somebody still
 *                          holds it, who then gives it up and joins again (KIP-429) */
#pragma once

#include "group/classic_group.h"
#include "topics.h"

/* Those, the best first. */
#define CONSUMER_PROTOCOLS 5
extern const char *const consumer_protocols[CONSUMER_PROTOCOLS];

/* One assignment for each member, in their order, in the arena. *stamp is a number that changes with whatever the
 * assignment stands on: which topics there are and how many partitions they have. -ENOMEM; FURROW_TOO_LARGE. */
MUST_USE int consumer_assign(const struct topics *topics, slice protocol, const struct join_member *members,
                             int32_t count, struct arena *arena, struct group_assignment **assignments,
                             uint64_t *stamp);

/* The same number, of those topics as they are now; `names` may have doubles. */
uint64_t consumer_assign_stamp(const struct topics *topics, const slice *names, size_t count);
