/* How REST Proxy's dialects, v2 and v3, say what has failed: an error_code whose first three digits are the status, and
 * words. The codes are those of Confluent's proxy; what they are known by is fixed there. */
#pragma once

#include "http/exchange.h"
#include "kafka/error_code.h"

#define REST_BAD_REQUEST         40002 /* Kafka refuses what was asked for */
#define REST_UNAUTHENTICATED     40101
#define REST_FORBIDDEN           40301
#define REST_TOPIC_NOT_FOUND     40401
#define REST_PARTITION_NOT_FOUND 40402
#define REST_UNKNOWN_PARTITION   40403 /* Kafka's UNKNOWN_TOPIC_OR_PARTITION */
#define REST_UNPROCESSABLE       422
#define REST_NO_PAYLOAD          42206
#define REST_TOO_MANY            42901
#define REST_KAFKA_ERROR         50002
#define REST_KAFKA_RETRIABLE     50003 /* asking again may help */
#define REST_NO_BROKER           50302
#define REST_NO_MEMORY           50301

/* Of any but KAFKA_NONE. */
int rest_error_code(enum kafka_error error);
/* What a client is told of it: Kafka's own words where clients know them. */
const char *rest_error_text(enum kafka_error error);
/* Answers with it. `words` may be NULL or empty: rest_error_text. */
void rest_reply_failure(struct http_exchange *exchange, enum kafka_error error, const char *words);
void rest_reply_no_memory(struct http_exchange *exchange);
