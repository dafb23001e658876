/* What consumers of the classic protocol tell each other inside JoinGroup and SyncGroup: subscriptions and assignments,
 * each a version and a message (protocol/kafka/messages/consumer_protocol.txt). Of a version that is not known here
 * what the newest known one has is read. */
#pragma once

#include "group/consumer_claims.h"
#include "group/consumer_group.h"

#define EMBEDDED_PROTOCOL_TYPE "consumer"

/* FURROW_MALFORMED, -ENOMEM. */
MUST_USE int embedded_read_subscription(slice bytes, struct arena *arena,
                                        struct consumer_protocol_subscription *subscription);
/* What is empty assigns nothing. */
MUST_USE int embedded_read_assignment(slice bytes, struct arena *arena,
                                      struct consumer_protocol_assignment *assignment);
/* In the version of that subscription; topics that are gone are left out. -ENOMEM. */
MUST_USE int embedded_write_assignment(slice subscription, const struct claims *claims,
                                       const struct group_topics *topics, struct arena *arena, slice *bytes);
/* Of a member that owns nothing yet. -ENOMEM. */
MUST_USE int embedded_write_subscription(const slice *topics, size_t count, struct arena *arena, slice *bytes);
