/* What connections.c (the set) and connection.c (each one) share. */
#pragma once

#include "connection.h"
#include "kafka/framing.h"

struct connections {
    struct server *server;
    struct memory *memory;
    uv_prepare_t prepare; /* sends what was queued, before the loop sleeps */
    uv_timer_t timer;
    bool timer_is_fast; /* each second */
    int handles;        /* of the two above, not closed yet */
    int64_t limit;      /* of count */
    size_t count;       /* open */
    size_t closing;     /* closed and not freed yet */
    size_t receiving;   /* with a half received request */
    struct connection *newest, *oldest;
    struct connection *pending;
    struct log_limit refusals, ends; /* lines that peers can cause */
    struct budget_account orphans;   /* of requests whose connection has gone */
    struct framing_shared framing;
};

void connections_touch(struct connection *connection);
/* Counts it in or out of those with a deadline. */
void connections_note_receiving(struct connection *connection);
void connections_take_out(struct connection *connection);
void connections_arm_timer(struct connections *set);
/* What prepare does for one connection. */
void connection_work(struct connection *connection);
