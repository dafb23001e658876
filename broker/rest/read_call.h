/* A request that reads records, from its parameters to its answer: private to the routes that read.
 *
 * Its cursor is opened and brought to where it begins (read_call.c); then it is answered by a page (read_page.c) or as
 * a stream (read_stream.c), or a WebSocket (read_socket.c), and freed with the answer. */
#pragma once

#include "http/exchange.h"
#include "rest/read_alarm.h"
#include "rest/read_query.h"
#include "rest/reading.h"

/* Of a page, only while it is made. */
struct read_page {
    writer items;
    writer gaps; /* as items */
    size_t held; /* bytes that the exchange counts */
    size_t max_bytes;
    int64_t max_wait_ms;
    bool is_given_up; /* it ends here */
    bool is_one;      /* only the record at `one_offset`, as it is */
    int64_t one_offset;
    int64_t first_offset; /* of the first record; -1: there is none yet */
};

/* Of a stream. */
struct read_stream {
    int64_t *ends; /* of each part: what was there when it began; NULL: it follows */
    int32_t end_count;
    uint32_t pulse_ms; /* 0: none */
    bool wants_threshold;
    bool keeps_alive; /* the pulse is a comment, for proxies */
    bool is_full;     /* the client does not read as fast */
    bool is_gone;
    bool is_ending; /* it is not to be told of room any more */
};

struct read_call {
    struct http_exchange *exchange;
    struct server *server;
    struct cursor cursor;
    enum record_output output;
    bool is_hurried;
    unsigned vain_steps; /* that had nothing for a page, since it is hurried */
    struct read_alarm alarm;
    union {
        struct read_page page;
        struct read_stream stream;
    };
};

#define READ_OFFSET_OUT_OF_RANGE 41601
#define READ_RECORD_NOT_FOUND    40404

/* The route's topic; null when it has none. */
slice read_topic(const struct http_exchange *exchange);
/* -1: all. */
int32_t read_partition(const struct http_exchange *exchange);

/* The exchange's query decides the answer's form. The handler of all routes but those of one record. */
void read_handle_records(struct http_exchange *exchange);
void read_handle_one(struct http_exchange *exchange);

/* Whether to read on for a page, or for where it begins, though a step was in vain. A client that has ended its half of
 * the connection has most often gone altogether: it is read for a little longer, and not to the end of a log. */
bool read_call_goes_on(struct read_call *call);
/* After the answer, which has been given. */
void read_call_free(struct read_call *call);
/* Of a cursor. */
void read_page_ready(struct cursor *cursor);
void read_stream_ready(struct cursor *cursor);

void read_page_begin(struct read_call *call, const struct read_query *query);
void read_stream_begin(struct read_call *call, const struct read_query *query);
