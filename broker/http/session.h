/* A connection that speaks HTTP: requests one after the other, each answered before the next is looked at.
 *
 * Happy path. What arrives is received into a block that all connections share and parsed there. A head finds its
 * route, a body is collected in a buffer of its own or given to the handler as it comes, the handler is called, its
 * answer is queued; then the next request, which may have arrived already, has its turn. An idle connection holds
 * nothing. One that becomes a WebSocket has frames where requests were, up to its end.
 *
 * Backpressure. A body's memory is reserved from the budget before a byte of it is kept, and who waits for 100 Continue
 * is told then. What was received behind the request under way is kept, at most one block of it; while there is some,
 * or much is queued to be sent, nothing is received.
 *
 * Ends. What cannot be parsed, a body that is too large or too slow and the like are answered, and then the connection
 * ends: its sending half at once, the rest when the peer has ended too or after a moment in which what it still sends
 * is dropped, since a close with unread bytes would take the answer from it. */
#pragma once

#include "connection.h"
#include "http/exchange.h"

struct http_session {
    struct http_parser parser;
    struct http_exchange *exchange; /* under way; NULL between requests */
    uint8_t *leftover;              /* received and not parsed, owned */
    size_t leftover_size, leftover_taken;
    size_t received;       /* bytes of the request under way */
    int64_t began;         /* when its first byte came, ms of uv_now */
    int64_t drained_until; /* ms of uv_now; 0: nothing is dropped yet */
    bool waits;            /* for the budget to take the body */
    bool is_parsing;       /* parse is on the stack */
    bool drops_body;       /* of a request that has been refused */
    bool is_refused;       /* the answer that ends the connection is queued */
};

extern const struct connection_dialect http_dialect;

static inline struct http_session *http_session_of(struct connection *connection)
{
    return (void *)connection->state;
}

/* The exchange, which has gone, has queued its answer. `closes`: nothing comes after it. */
void http_session_advance(struct connection *connection, bool closes);
