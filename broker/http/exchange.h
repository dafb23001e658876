/* One request of HTTP and its answer, from the head's arrival to the last byte that was queued.
 *
 * A route's handler is called when the whole body is there (at most the route's limit), with an exchange that is its
 * own until it has answered: with http_reply, at once or whenever it can. The connection may go before that; the answer
 * then goes nowhere, and the handler need not know. The exchange is gone when http_reply returns.
 *
 * Bodies that are taken as they come: body.h. WebSockets: socket.h. Parameters with types: parameters.h. */
#pragma once

#include "budget.h"
#include "http/request.h"
#include "http/response.h"
#include "response.h"

struct connection;
struct http_api;
struct http_body_reader;
struct http_route;
struct http_socket_state;
struct server;
struct shared_bytes;

#define HTTP_ARGUMENTS_MAX  6
#define HTTP_PARAMETERS_MAX 20 /* of a route's query */

struct http_exchange {
    struct server *server;
    struct http_request request; /* owned */
    slice path;                  /* of the target, as it was sent but for arguments, which are decoded in place */
    slice query;                 /* behind the question mark, null without one; of declared parameters too */
    const struct http_api *api;
    const struct http_route *route;
    slice arguments[HTTP_ARGUMENTS_MAX]; /* what stands in the path for the route's {names}, decoded */
    slice values[HTTP_PARAMETERS_MAX];   /* of the query, for parameters.h */
    slice body;                          /* whole when the handler is called */
    void *context;                       /* the handler's */

    /* Private */
    struct connection *connection; /* NULL when it has gone */
    uint8_t *room;                 /* what `body` is part of, owned */
    size_t room_size;
    uint64_t begun;     /* ns of uv_hrtime: when the head was there */
    size_t charged;     /* bytes of the connection's account */
    const char *coding; /* of the answer, as in Content-Encoding; NULL: as it is */
    bool is_handled;    /* it is the handler's */
    bool is_complete;   /* nothing more comes of the body */
    bool is_paused;     /* nothing of it is taken */
    bool is_stream;     /* the answer has begun */
    bool is_full;       /* its writer waits */
    bool is_writing;    /* a call that sends is on the stack */
    bool is_hurried;
    bool closes; /* the connection ends with the answer */
    const struct http_body_reader *reader;
    struct http_socket_state *socket; /* NULL: it is none; owned */
    void (*writable)(struct http_exchange *exchange);
    void (*hurry)(struct http_exchange *exchange);
};

/* Text for people, as JSON: {"error_code":40401,"message":"…"}; the code is the status and two digits of its own. */
void http_reply_error(struct http_exchange *exchange, int error_code, const char *message);

/* A whole answer. `headers`: further fields, "Name: value\r\n" each, or NULL; only of the server's own text. The
 * type may be NULL where there is no body. */
void http_reply(struct http_exchange *exchange, int status, const char *type, const char *headers, slice body);
/* As http_reply of what was written, which must still be closed; 500 when the writer failed. */
void http_reply_written(struct http_exchange *exchange, int status, const char *type, const writer *body);

/* For an answer that waits for something (a long poll): when the connection ends or has gone, or the server stops,
 * `hurry` is called, so that it need not wait. False: that is so already, and it is not called. */
MUST_USE bool http_when_hurried(struct http_exchange *exchange, void (*hurry)(struct http_exchange *exchange));

/* ---- an answer that comes bit by bit ---- */

struct http_stream {
    /* There is room again, after HTTP_STREAM_FULL. */
    void (*writable)(struct http_exchange *exchange);
    /* What is not there yet need not be waited for: the connection ends, or has gone. Until the stream is ended, this
     * may be called again. NULL: it never waits. */
    void (*hurry)(struct http_exchange *exchange);
};

enum http_stream_state {
    HTTP_STREAM_READY,
    HTTP_STREAM_FULL, /* taken, but the client does not read as fast: nothing more before `writable` */
    HTTP_STREAM_GONE  /* nobody listens: to be ended; so it is for HEAD, once the head is sent */
};

/* Begins the answer. From then on the handler writes, and ends it with http_stream_end, whatever happens; the exchange
 * is its own until then. `stream` lives as long as the process; `context` is for the handler. In chunks, or, for
 * HTTP/1.0, up to the end of the connection. */
enum http_stream_state http_stream_begin(struct http_exchange *exchange, int status, const char *type,
                                         const char *headers, const struct http_stream *stream, void *context);
/* Copies the bytes. */
enum http_stream_state http_stream_write(struct http_exchange *exchange, slice bytes);
/* Holds the block until the bytes are sent, and copies nothing. */
enum http_stream_state http_stream_write_shared(struct http_exchange *exchange, struct shared_bytes *shared,
                                                size_t from, size_t size);
void http_stream_end(struct http_exchange *exchange);
/* A whole answer in chunks as the caller has divided them (http_write_chunk), in one write. As the next, of HTTP/1.1
 * alone. */
void http_reply_chunks(struct http_exchange *exchange, int status, const char *type, const char *headers, slice chunks);
/* With these bytes before the end, in one write: chunks, likewise. */
void http_stream_end_with(struct http_exchange *exchange, slice chunks);
/* The rest cannot be had: the connection is cut, so that what came is not taken for all of it. */
void http_stream_abort(struct http_exchange *exchange);

/* The path's argument for {name} of the route's pattern, decoded; null when there is none. */
slice http_argument(const struct http_exchange *exchange, const char *name);
/* Of one that the route declares as HTTP_INTEGER. */
int64_t http_argument_number(const struct http_exchange *exchange, const char *name);
