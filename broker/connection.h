/* Connections: raw non-blocking sockets under uv_poll, their budget, their output, their end.
 *
 * Happy path. A listener hands an accepted socket over. When bytes are there, the dialect (Kafka's framing; later HTTP)
 * says where they are to go, they are received, and the dialect is told. Responses are queued with connection_send;
 * before the loop sleeps, each connection with something to send sends it, many responses in one call.
 *
 * Backpressure. While the dialect wants no bytes (the budget is empty, too much is queued) the socket is not polled for
 * reading. A bounded number of bytes goes in and out per turn of the loop, so that no connection starves the others.
 *
 * Ends. The peer ends: what it sent is answered first. An error, a violation of the protocol, idleness, a request that
 * arrives too slowly: closed at once, with a log line. One that does not read is idle too; but a stream's peer may stop
 * for as long as it likes while memory is not short. connection_close ends the dialect's state and the account; the
 * struct itself goes when libuv lets go of the handle, so whoever called a handler looks at is_closing afterwards.
 *
 * Time. One timer for all: at the oldest connection's idle limit, or each second while a request is half received; none
 * without connections. */
#pragma once

#include "address.h"
#include "budget.h"
#include "logger.h"
#include "response.h"
#include "transport.h"

#include <stddef.h>
#include <sys/socket.h>
#include <uv.h>

struct connection;
struct connections;
struct server;

struct connection_dialect {
    const char *name; /* as in the log */
    size_t state_size;
    void (*open)(struct connection *connection);
    /* Where bytes are wanted; 0 parts: nowhere now. */
    int (*space)(struct connection *connection, struct iovec parts[2]);
    void (*received)(struct connection *connection, size_t bytes);
    void (*granted)(struct connection *connection);           /* the budget has what was waited for */
    void (*sent)(struct connection *connection);              /* there is less output than before */
    bool (*busy)(const struct connection *connection);        /* something is in processing */
    void (*ending)(struct connection *connection);            /* no more will be read: what waits need not wait */
    int64_t (*deadline)(const struct connection *connection); /* of what is half received, ms of uv_now; 0: none */
    void (*expired)(struct connection *connection);           /* the deadline has passed; NULL: it is closed */
    void (*close)(struct connection *connection);
};

struct connection {
    struct connections *set;
    struct server *server;
    const struct connection_dialect *dialect;
    uv_poll_t poll;
    struct transport transport;
    struct budget_account account;
    struct response_queue output;

    struct connection *newer, *older; /* by last activity */
    int64_t last_active;              /* ms of uv_now */
    struct connection *next_pending;
    bool is_pending; /* has something to do before the loop sleeps */
    bool is_granted;
    bool is_receiving; /* counted among those with a deadline */
    bool is_blocked;   /* the peer takes no more for now */
    bool may_stall;    /* a stream: the peer reads when it likes, and is not idle for that */
    bool is_ending;    /* reads no more; closes when all is answered and sent */
    bool is_closing;
    int events; /* polled for */
    char peer[ADDRESS_TEXT_MAX];
    max_align_t state[]; /* the dialect's */
};

MUST_USE int connections_create(struct server *server, struct connections **connections);
/* max.connections may be another one now; nobody is sent away. */
void connections_follow_config(struct connections *set);
/* No connection may be left. */
void connections_destroy(struct connections *connections);
size_t connections_count(const struct connections *connections);
/* Open ones that speak it. */
size_t connections_count_of(const struct connections *connections, const struct connection_dialect *dialect);
struct framing_shared *connections_framing(struct connections *connections);
/* What requests are charged to whose connection has gone: they still take the memory. */
struct budget_account *connections_orphans(struct connections *connections);

/* Takes the descriptor over: a connection, or closed. */
void connections_accept(struct connections *connections, int descriptor, const struct sockaddr *peer,
                        const struct connection_dialect *dialect);
/* Each closes when all that it sent is answered. */
void connections_end_all(struct connections *connections);
void connections_close_all(struct connections *connections);

/* Queues a response; it leaves before the loop sleeps. */
void connection_send(struct connection *connection, struct response *response);
/* Reads no more, and closes when all is answered and sent. */
void connection_end(struct connection *connection);
/* reason: for the log; NULL: an ordinary end. */
void connection_close(struct connection *connection, const char *reason);
/* A line about what the peer did, bounded in number. */
PRINTF_LIKE(2, 3) void connection_log(struct connection *connection, const char *format, ...);
/* Before the loop sleeps, what the connection polls for is worked out anew. */
void connection_update(struct connection *connection);
