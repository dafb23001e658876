/* What the REST APIs keep between requests: opened behind the storage, closed before it. */
#pragma once

#include "status.h"

#include <stdbool.h>

struct consumer_instances;
struct server;
struct streambed;

struct rest {
    struct consumer_instances *consumers; /* of REST Proxy v2 */
    struct streambed *streambed;          /* Streambed's subscriptions */
};

/* server->rest */
MUST_USE int rest_open(struct server *server, struct error *error);
/* The server stops: nobody waits for anything any more. */
void rest_end_waits(struct server *server);
bool rest_idle(const struct server *server);
/* Nothing may be under way. The loop must run once more. */
void rest_close(struct server *server);
