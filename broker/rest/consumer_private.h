/* What the files of consumer instances share; nobody else includes it.
 *
 *     consumer_instances.c     the table of instances, their life and time
 *     consumer_subscription.c  what an instance reads, and the way from one choice to the next
 *     consumer_fetch.c         reading (consumer_fetch.h) */
#pragma once

#include "rest/consumer_commit.h"
#include "rest/consumer_fetch.h"
#include "rest/consumer_instances.h"

extern const struct consumer_member_owner consumer_instance_owner;

static inline bool consumer_is_subscribed(const struct consumer_instance *instance)
{
    return !instance->is_closed && (instance->mode == CONSUMER_TOPICS || instance->mode == CONSUMER_PATTERN);
}

/* The partitions are no longer its own: commits what `extent` says, where commits are automatic, and then joins its
 * group again, or leaves it, as its subscription is by then. The instance may go with it. */
void consumer_hand_over(struct consumer_instance *instance, enum consumer_extent extent);

/* About once a second. The instance may go with it. */
void consumer_subscription_tick(struct consumer_instance *instance);

/* Whoever waits is told. */
void consumer_tell_waiters(struct consumer_instance *instance, enum consumer_change change);

/* Frees one that is closed, when nothing of it is under way any more. */
void consumer_instance_settle(struct consumer_instance *instance);
