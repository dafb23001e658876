/* A connection that speaks Kafka: its framing, and its requests in order. */
#pragma once

#include "connection.h"
#include "kafka/framing.h"
#include "kafka/request.h"

struct kafka_session {
    struct framing framing;
    struct kafka_request *first; /* oldest that is not answered */
    struct kafka_request **tail;
    struct kafka_request *unstarted; /* oldest that is not started; NULL: all are */
    unsigned queued;
    bool is_starting; /* start_requests is on the stack */
    bool is_closed;   /* a request has closed the connection: what was sent behind it is not answered */
    int64_t paused;   /* since when nothing is received, ms of uv_now; 0: it is */
};

extern const struct connection_dialect kafka_dialect;

static inline struct kafka_session *kafka_session_of(struct connection *connection)
{
    return (void *)connection->state;
}

/* The request, which has ended, may leave, and with it all that ended behind it. */
void kafka_session_advance(struct connection *connection);

/* Frees everything of the request but what the handler has still to release; gives its bytes back. */
void kafka_request_free(struct kafka_request *request);
/* Decodes it and calls its handler. */
void kafka_request_start(struct kafka_request *request);
