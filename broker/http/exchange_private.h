/* What session.c and exchange.c share. Each call that may answer may free the exchange. */
#pragma once

#include "http/exchange.h"

/* Finds the route. False: it has been answered. */
MUST_USE bool http_exchange_begin(struct http_exchange *exchange);
/* What its body may take. */
size_t http_exchange_body_bytes(const struct http_exchange *exchange);
/* The body may come. */
void http_exchange_expect_body(struct http_exchange *exchange);
void http_exchange_take_body(struct http_exchange *exchange, slice bytes);
/* It is whole. */
void http_exchange_handle(struct http_exchange *exchange);

/* Counts bytes that are held already. */
void http_exchange_charge(struct http_exchange *exchange, size_t bytes);
/* The connection goes. */
void http_exchange_orphan(struct http_exchange *exchange);
/* Of whatever state; answers nothing. */
void http_exchange_free(struct http_exchange *exchange);

/* ---- answers: what is on its way out, counted in the connection's account (answer.c) ---- */

#define HTTP_HEAD_ROOM ((size_t)4 << 10)

struct answer {
    struct response response;
    struct connection *connection; /* closes its account only when all answers are done */
    size_t charged;
};

/* For at most so many bytes; NULL without memory. */
struct answer *http_answer_make(struct connection *connection, size_t bytes);
/* The head, and the body where this request and status have one. */
void http_answer_write(const struct http_exchange *exchange, int status, const char *type, const char *headers,
                       slice body, writer *w);
/* Takes it. False: it could not be written; the connection is closed. */
MUST_USE bool http_answer_send(struct answer *answer);

/* ---- streams (stream.c) ---- */

/* The connection ends or has gone. */
void http_exchange_hurry(struct http_exchange *exchange);
/* There is less output than before. */
void http_exchange_sent(struct http_exchange *exchange);
