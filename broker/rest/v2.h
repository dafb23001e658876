/* REST Proxy v2: what its handlers share. Produce is in v2_produce.c's hands (its own table). */
#pragma once

#include "http/routes.h"
#include "json.h"
#include "rest/consumer_instances.h"

#define V2_TYPE               "application/vnd.kafka.v2+json"

#define V2_NO_INSTANCE        40403
#define V2_WRONG_FORMAT       40601
#define V2_INSTANCE_EXISTS    40902
#define V2_ILLEGAL_STATE      40903
#define V2_INVALID_CONFIG     42204
#define V2_CONFIG_CONSTRAINT  40001
#define V2_TOO_MANY_INSTANCES 42901
#define V2_KAFKA_ERROR        50002

extern const struct http_api rest_v2_api;

/* The media type to answer in, as Accept wants it; NULL: it has been answered with 406. */
const char *v2_answer_type(struct http_exchange *exchange);
/* Whether such a type names a format of records. */
bool v2_type_format(const char *type, enum consumer_format *format);

/* ---- an answer in JSON ---- */

struct v2_answer {
    struct http_exchange *exchange;
    const char *type;
    writer body;
    struct json json;
};

/* False: it has been answered. */
MUST_USE bool v2_answer_open(struct v2_answer *answer, struct http_exchange *exchange);
/* Answers, and closes. */
void v2_answer_send(struct v2_answer *answer);
void v2_answer_nothing(struct http_exchange *exchange); /* 204 */

/* ---- refusals ---- */

PRINTF_LIKE(3, 4) void v2_refuse(struct http_exchange *exchange, int error_code, const char *format, ...);
/* "Kafka error: …" */
void v2_refuse_kafka(struct http_exchange *exchange, enum kafka_error error);
#define V2_EXCLUSIVE "Illegal state: Subscription to topics, partitions and pattern are mutually exclusive"

/* The instance that the path names; NULL: it has been answered with 40403. */
struct consumer_instance *v2_find_instance(struct http_exchange *exchange);
/* The topic that the path names, and its partition; NULL: 40401, 40402. */
const struct topic *v2_find_topic(struct http_exchange *exchange);
struct partition *v2_find_partition(struct http_exchange *exchange, const struct topic *topic);

/* A percent-encoded segment of a path. */
void v2_write_segment(writer *w, slice segment);

/* ---- the handlers ---- */

void v2_list_brokers(struct http_exchange *exchange);
void v2_list_topics(struct http_exchange *exchange);
void v2_show_topic(struct http_exchange *exchange);
void v2_list_partitions(struct http_exchange *exchange);
void v2_show_partition(struct http_exchange *exchange);
void v2_show_partition_offsets(struct http_exchange *exchange);
void v2_create_instance(struct http_exchange *exchange);
void v2_delete_instance(struct http_exchange *exchange);
void v2_subscribe(struct http_exchange *exchange);
void v2_show_subscription(struct http_exchange *exchange);
void v2_unsubscribe(struct http_exchange *exchange);
void v2_assign(struct http_exchange *exchange);
void v2_show_assignment(struct http_exchange *exchange);
void v2_read_records(struct http_exchange *exchange);
void v2_commit_offsets(struct http_exchange *exchange);
void v2_show_offsets(struct http_exchange *exchange);
void v2_seek(struct http_exchange *exchange);
void v2_seek_to_beginning(struct http_exchange *exchange);
void v2_seek_to_end(struct http_exchange *exchange);
