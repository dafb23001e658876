/* One request of HTTP and its answer, from the head's arrival to the last byte that was queued.
 *
 * A route's handler is called when the whole body is there (at most the route's limit), with an exchange that is its
 * own until it has answered: with http_reply, at once or whenever it can. The connection may go before that; the answer
 * then goes nowhere, and the handler need not know. The exchange is gone when http_reply returns. */
#pragma once

#include "budget.h"
#include "http_request.h"
#include "http_response.h"
#include "response.h"

struct connection;
struct http_route;
struct server;

#define HTTP_ARGUMENTS_MAX 6

struct http_exchange {
    struct server *server;
    struct http_request request; /* owned */
    slice path;                  /* of the target, as it was sent: percent signs and all */
    slice query;                 /* behind the question mark; null without one */
    const struct http_route *route;
    slice arguments[HTTP_ARGUMENTS_MAX]; /* what stands in the path for the route's {names}, as it was sent */
    slice body;                          /* whole when the handler is called */

    /* Private */
    struct connection *connection; /* NULL when it has gone */
    uint8_t *room;                 /* what `body` is part of, owned */
    size_t room_size;
    size_t charged; /* bytes of the connection's account */
    bool is_handled;
    bool closes; /* the connection ends with the answer */
};

/* Text for people, as JSON: {"error_code":40401,"message":"…"}; the code is the status and two digits of its own. */
void http_reply_error(struct http_exchange *exchange, int error_code, const char *message);

/* A whole answer. `headers`: further fields, "Name: value\r\n" each, or NULL; only of the server's own text. The
 * type may be NULL where there is no body. */
void http_reply(struct http_exchange *exchange, int status, const char *type, const char *headers, slice body);
/* As http_reply of what was written, which must still be closed; 500 when the writer failed. */
void http_reply_written(struct http_exchange *exchange, int status, const char *type, const writer *body);

/* The path's argument for {name} of the route's pattern; null when there is none. */
slice http_exchange_argument(const struct http_exchange *exchange, const char *name);
