/* What session.c and exchange.c share. Each call that may answer may free the exchange. */
#pragma once

#include "http/exchange.h"
#include "shared_bytes.h"

/* Finds the route. False: it has been answered. */
MUST_USE bool http_exchange_begin(struct http_exchange *exchange);
/* What its body may take. */
size_t http_exchange_body_bytes(const struct http_exchange *exchange);
/* The body may come. */
void http_exchange_expect_body(struct http_exchange *exchange);
void http_exchange_take_body(struct http_exchange *exchange, slice bytes);
/* It is whole. */
void http_exchange_handle(struct http_exchange *exchange);
/* What the client still sends is read. */
bool http_exchange_takes_input(const struct http_exchange *exchange);

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
    struct shared_bytes *shared; /* that it holds; NULL: none */
    struct file_range range;     /* of them */
};

/* For /metrics. */
void http_answer_count(struct http_exchange *exchange, int status);
/* For at most so many bytes; NULL without memory. */
struct answer *http_answer_make(struct connection *connection, size_t bytes);
/* The head, and the body where this request and status have one; counts it. */
void http_answer_write(struct http_exchange *exchange, int status, const char *type, const char *headers, slice body,
                       writer *w);
/* Puts in bytes of a block, which it then holds. */
void http_answer_share(struct answer *answer, struct shared_bytes *shared, size_t from, size_t size);
/* Takes it. False: it could not be written; the connection is closed. */
MUST_USE bool http_answer_send(struct answer *answer);

/* ---- bodies that are taken as they come (body.c) ---- */

/* The head is there. */
void http_body_begin(struct http_exchange *exchange);
void http_body_take(struct http_exchange *exchange, slice bytes);
/* What is missing never comes. */
void http_body_cut(struct http_exchange *exchange, int status, const char *message);
/* Its bytes are still to come: an answer that is complete now ends the connection. */
bool http_body_is_awaited(const struct http_exchange *exchange);

/* ---- streams (stream.c) ---- */

/* The connection ends or has gone. */
void http_exchange_hurry(struct http_exchange *exchange);
/* There is less output than before. */
void http_exchange_sent(struct http_exchange *exchange);
/* After something was sent. */
enum http_stream_state http_stream_state_of(struct http_exchange *exchange);

/* ---- WebSockets (socket.c) ---- */

/* Takes the next event off the input. False: there is none yet, all is taken. */
MUST_USE bool http_socket_next(struct http_exchange *exchange, slice *input);
/* When it is to be asked whether it lives, ms of uv_now. */
int64_t http_socket_deadline(const struct http_exchange *exchange);
void http_socket_expired(struct http_exchange *exchange);
void http_socket_free(struct http_exchange *exchange);
