/* A request's body that is taken as it comes, of any size: for routes with `begin` in place of `handle`.
 *
 *     static void begin_import(struct http_exchange *exchange)
 *     {
 *         …                                       may answer instead: a refusal, for instance
 *         http_body_read(exchange, &reader, import);
 *     }
 *
 * `begin` is called when the head is there, and the exchange is the handler's own from then on. Nothing of the body is
 * received before http_body_read, which may come later. Then `take` is called for what arrives, and at last `end`, or
 * `cut` in its place. The handler may answer at any time, at once or bit by bit (http_stream_begin), while the body
 * still comes; an answer that is complete before the body is ends the connection, since the rest is not read.
 *
 * Backpressure. Between http_body_pause and http_body_resume nothing is taken: at most one block stays with the
 * connection, and TCP holds back the client. */
#pragma once

#include "http/exchange.h"

struct http_body_reader {
    /* The next bytes, not none; they stay during the call. Not called again while it is on the stack. */
    void (*take)(struct http_exchange *exchange, slice bytes);
    /* That was all. The exchange must be answered; it need not be at once. */
    void (*end)(struct http_exchange *exchange);
    /* What is missing never comes. The exchange must be answered as after `end`: with http_reply_error(exchange,
     * status, message), say, or what became of the bytes before. The client may not listen any more. */
    void (*cut)(struct http_exchange *exchange, int status, const char *message);
};

/* `reader` lives as long as the process; `context` is for the handler. May call the reader. A client that waits for
 * 100 Continue is told so here: not once the answer has begun. */
void http_body_read(struct http_exchange *exchange, const struct http_body_reader *reader, void *context);
void http_body_pause(struct http_exchange *exchange);
/* May call the reader. Does nothing when it is not paused. */
void http_body_resume(struct http_exchange *exchange);

/* Counts bytes that the handler holds for this request in the memory that requests may take; they are given back with
 * the exchange at the latest. */
void http_exchange_hold(struct http_exchange *exchange, size_t bytes);
void http_exchange_let_go(struct http_exchange *exchange, size_t bytes);
