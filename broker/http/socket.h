/* A connection that becomes a WebSocket (RFC 6455): messages in both directions on an exchange that does not end.
 *
 *     if (http_wants_socket(exchange)) {
 *         if (http_socket_begin(exchange, &follower_socket, follower))
 *             …
 *
 * Pings, pongs and the closing handshake are the layer's: a peer that says nothing for SOCKET_QUIET_MS is asked, and
 * goes when it says nothing for as long again. Backpressure is that of streams (HTTP_STREAM_FULL, then `writable`), and
 * that of bodies for what comes in (http_body_pause). */
#pragma once

#include "http/exchange.h"
#include "http/websocket.h"
#include "shared_bytes.h"

#define SOCKET_QUIET_MS 15000

struct http_socket {
    size_t message_max; /* bytes of a message from the client; a larger one ends it */
    /* A whole message; it stays during the call. */
    void (*message)(struct http_exchange *exchange, enum websocket_opcode opcode, slice payload);
    /* There is room again, after HTTP_STREAM_FULL. */
    void (*writable)(struct http_exchange *exchange);
    /* It ends: the client closes it, broke a rule or has gone, or the server stops. To be ended with http_socket_end.
     */
    void (*ending)(struct http_exchange *exchange);
};

/* The request asks for one. */
bool http_wants_socket(const struct http_exchange *exchange);

/* False: the request was not right (no key, another version, a page without leave) and has been answered, or its client
 * has gone; the exchange is gone too. Otherwise the handler ends it with http_socket_end, whatever happens. `socket`
 * lives as long as the process; `context` is for the handler. Calls none of its functions. */
MUST_USE bool http_socket_begin(struct http_exchange *exchange, const struct http_socket *socket, void *context);

/* One message. Copies the bytes. */
enum http_stream_state http_socket_send(struct http_exchange *exchange, enum websocket_opcode opcode, slice payload);
/* Whole frames that stand in the block, header and all (websocket_write_frame): the same ones for all who get them. */
enum http_stream_state http_socket_send_shared(struct http_exchange *exchange, struct shared_bytes *shared, size_t from,
                                               size_t size);
/* The exchange is gone then. `code` and `reason` are told to the client unless it knows an end already. */
void http_socket_end(struct http_exchange *exchange, enum websocket_close_code code, const char *reason);
