/* Streambed's dialect: the part of Kafka's HTTP API that its commit logs use, with what its published clients need
 * beyond it (they parse what one read of a chunk yields as one record, and drop what is not one).
 *
 *     GET  /topics/{topic}/partitions/{partition}/offsets    without vnd.kafka in Accept
 *     POST /topics/{topic}                                   application/json
 *     POST /consumers/{group}                                application/json
 *
 * A subscription is answered with 200 at once, whatever its topics are, and then, when there is something, with a page:
 * chunks of one record each, that fit one segment of TCP together, or one larger record, and the end of the body, all
 * in one write. The client asks again on the same connection, with the offsets that it has by then. So the server
 * remembers nothing of it; the group is a label. */
#pragma once

#include "http/routes.h"

struct server;
struct streambed;

#define STREAMBED_TYPE "application/json"

extern const struct http_api streambed_api;

MUST_USE int streambed_open(struct server *server, struct streambed **streambed);
/* The server stops: subscriptions end. */
void streambed_end_waits(struct streambed *streambed);
bool streambed_idle(const struct streambed *streambed);
/* Nothing may be under way. The loop must run once more. */
void streambed_close(struct streambed *streambed);

/* Records that subscriptions did not get, since the form cannot hold them. */
uint64_t streambed_left_out(const struct streambed *streambed);

void streambed_show_offsets(struct http_exchange *exchange);
void streambed_subscribe(struct http_exchange *exchange);
