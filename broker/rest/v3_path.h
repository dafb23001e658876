/* What a path of REST v3 names, or why it is refused. */
#pragma once

#include "http/exchange.h"
#include "server.h"
#include "status.h"

/* Whether {cluster_id} is this cluster's, or "-", which is short for it. False: it has been answered. */
MUST_USE bool v3_check_cluster(struct http_exchange *exchange);
/* {broker_id} too. */
MUST_USE bool v3_check_broker(struct http_exchange *exchange);
/* {topic_name}, of this cluster. NULL: it has been answered. */
MUST_USE struct topic *v3_find_topic(struct http_exchange *exchange);
/* {partition_id} of it too. */
MUST_USE struct partition *v3_find_partition(struct http_exchange *exchange);
/* 404 with these words. */
PRINTF_LIKE(2, 3) void v3_reply_missing(struct http_exchange *exchange, const char *format, ...);
