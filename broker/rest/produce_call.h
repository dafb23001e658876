/* A request whose body is here as a whole and has records for one topic: what v2, v3's batches and plain bytes have in
 * common.
 *
 * The body is read before anything is written: what is wrong with it refuses the request, and neither a record nor a
 * topic is left behind. Then the topic is found, or made; then all records are appended together, and the dialect
 * writes the answer of what record_producer_result says of each.
 *
 * Of the request itself: the parameter `acks`, and the field Idempotency-Key, by which it may be sent again
 * (record_producer.h). */
#pragma once

#include "http/exchange.h"
#include "http/parameters.h"
#include "json_read.h"
#include "operations/missing_topic.h"
#include "rest/record_producer.h"

struct produce_call;

struct produce_dialect {
    /* Reads the body and hands each record to produce_call_add. 0, or an error_code of REST with words. Called a second
     * time when the topic had to be made first. */
    int (*fill)(struct produce_call *call, struct error *error);
    /* Answers the exchange. */
    void (*answer)(struct produce_call *call);
    /* When the topic is not there: an error_code and its text. */
    int topic_error;
    const char *topic_text;
};

struct produce_call {
    struct http_exchange *exchange;
    const struct produce_dialect *dialect;
    slice topic_name;                 /* borrowed from the exchange */
    struct json_document document;    /* of the body, for `fill` */
    struct arena arena;               /* as long as the call */
    struct arena scratch;             /* of one record; reset by produce_call_add */
    struct record_producer *producer; /* NULL while records are only read */
    void *context;                    /* the dialect's */

    /* Private */
    enum append_acks acks;
    struct record_identity identity;
    int32_t partitions;
    bool has_identity;
    struct missing_topic_request topic_request;
};

/* The parameter that routes declare for it. */
#define PRODUCE_ACKS                                                                                                   \
    {                                                                                                                  \
        .name = "acks", .type = HTTP_CHOICE, .choices = "all|-1|1",                                                    \
        .summary = "Answer when the disk has the records (all, -1), or when the operating system has them (1)"         \
    }

/* Of a request: what `acks` says; all without it, as Kafka's producers and so REST Proxy's have it. */
enum append_acks produce_acks(const struct http_exchange *exchange);
/* The request's Idempotency-Key; null without one. False: it is too long or empty, and that has been answered. */
bool produce_idempotency_key(struct http_exchange *exchange, slice *key);

/* Takes the exchange over. */
void produce_call_start(struct http_exchange *exchange, const struct produce_dialect *dialect, slice topic);
/* 0 or -ENOMEM. */
MUST_USE int produce_call_add(struct produce_call *call, const struct parsed_record *record);
