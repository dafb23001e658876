/* GET …/records: reading what an instance has not handed out yet.
 *
 * Happy path. One read of an instance is under way at a time, the others wait for it. It waits until the instance has
 * its partitions, then reads from all of them (operations/read.h) and answers as soon as there is anything, or when its
 * time is up with an empty list. Only what an answer holds that goes to somebody who listens is handed out.
 *
 * A rebalance takes the partitions away from under a read: it begins anew when the instance has some again. */
#pragma once

#include "http/exchange.h"
#include "rest/consumer_instances.h"

/* Answers, at once or later. max_bytes: of keys and values together; one record is handed out however large it is. */
void consumer_fetch_start(struct http_exchange *exchange, struct consumer_instance *instance, int64_t timeout_ms,
                          int64_t max_bytes, const char *media_type);
/* The partitions have changed. */
void consumer_fetch_interrupt(struct consumer_instance *instance);
/* The instance is gone, or the server stops. */
void consumer_fetch_end_all(struct consumer_instance *instance, enum consumer_change change);
