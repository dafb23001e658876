#include "kafka/session.h"

#include "container.h"
#include "reader.h"

/* A client may send so many requests ahead. */
#define QUEUED_MAX 256
/* While so much waits to be sent, nothing new is started: a client that does not read is not read from. */
#define OUTPUT_MAX ((size_t)512 << 10)

static bool output_is_full(const struct connection *connection)
{
    return connection->output.bytes >= OUTPUT_MAX;
}

/* ---- the order of things ---- */

static int16_t api_key_of(const struct request_buffer *buffer)
{
    return buffer->size >= 2 ? (int16_t)load_u16(buffer->data) : -1;
}

/* Requests of one connection overlap only where that is not seen: produce behind produce. */
static bool may_start(const struct kafka_session *session)
{
    const struct kafka_request *next = session->unstarted;
    if (next == session->first)
        return true;
    return session->first->is_produce && next->is_produce;
}

static void start_requests(struct connection *connection)
{
    struct kafka_session *session = kafka_session_of(connection);
    if (session->is_starting)
        return;
    session->is_starting = true;
    while (!connection->is_closing && session->unstarted != NULL && may_start(session) && !output_is_full(connection)) {
        struct kafka_request *request = session->unstarted;
        session->unstarted = request->next;
        request->is_started = true;
        kafka_request_start(request);
    }
    session->is_starting = false;
}

static struct kafka_request *pop(struct kafka_session *session)
{
    struct kafka_request *request = session->first;
    session->first = request->next;
    if (session->first == NULL)
        session->tail = &session->first;
    session->queued--;
    return request;
}

void kafka_session_advance(struct connection *connection)
{
    struct kafka_session *session = kafka_session_of(connection);
    while (session->first != NULL && session->first->is_ended) {
        struct kafka_request *request = pop(session);
        bool closes = request->closes;
        if (request->response != NULL)
            connection_send(connection, request->response);
        else
            kafka_request_free(request);
        if (closes) {
            session->unstarted = NULL;
            connection_end(connection);
            return;
        }
    }
    if (!connection->is_closing)
        start_requests(connection);
    connection_update(connection);
}

/* ---- arrival ---- */

static void on_arrived(struct framing *framing, struct request_buffer *buffer)
{
    struct kafka_session *session = CONTAINER_OF(framing, struct kafka_session, framing);
    struct connection *connection = CONTAINER_OF(session, struct connection, state);
    struct server *server = connection->server;
    struct kafka_request *request = memory_alloc_zeroed(server->memory, MEMORY_REQUESTS, sizeof *request);
    if (request == NULL) {
        framing_free_buffer(framing->shared, buffer);
        connection_end(connection); /* the others of this connection are answered first */
        return;
    }
    request->server = server;
    request->connection = connection;
    request->buffer = buffer;
    request->charged = buffer->size + FRAMING_REQUEST_OVERHEAD;
    request->is_produce = api_key_of(buffer) == API_PRODUCE;
    arena_init(&request->arena, server->memory, MEMORY_REQUESTS, 0);
    *session->tail = request;
    session->tail = &request->next;
    session->queued++;
    if (session->unstarted == NULL)
        session->unstarted = request;
}

static void after_arrival(struct connection *connection, int rc, const struct error *error)
{
    if (rc != 0) {
        connection_log(connection, "closing: %s", error->message);
        connection_end(connection); /* what came before is answered */
    }
    start_requests(connection);
    connection_update(connection);
}

/* ---- the dialect ---- */

static void open_session(struct connection *connection)
{
    struct kafka_session *session = kafka_session_of(connection);
    framing_init(&session->framing, connections_framing(connection->set), &connection->account, on_arrived);
    session->tail = &session->first;
}

static int space(struct connection *connection, struct iovec parts[2])
{
    struct kafka_session *session = kafka_session_of(connection);
    if (session->queued >= QUEUED_MAX || output_is_full(connection))
        return 0;
    return framing_space(&session->framing, parts);
}

static void received(struct connection *connection, size_t bytes)
{
    struct error error;
    int64_t now = (int64_t)uv_now(connection->server->loop);
    int rc = framing_received(&kafka_session_of(connection)->framing, bytes, now, &error);
    after_arrival(connection, rc, &error);
}

static void granted(struct connection *connection)
{
    struct error error;
    int64_t now = (int64_t)uv_now(connection->server->loop);
    int rc = framing_granted(&kafka_session_of(connection)->framing, now, &error);
    after_arrival(connection, rc, &error);
}

static bool busy(const struct connection *connection)
{
    const struct kafka_session *session = (const void *)connection->state;
    return session->first != NULL;
}

static int64_t deadline(const struct connection *connection)
{
    const struct kafka_session *session = (const void *)connection->state;
    return session->framing.deadline;
}

/* Requests whose handlers are under way are left to them, without a connection. */
static void close_session(struct connection *connection)
{
    struct kafka_session *session = kafka_session_of(connection);
    framing_close(&session->framing);
    for (struct kafka_request *request = session->first, *next; request != NULL; request = next) {
        next = request->next;
        request->next = NULL;
        if (request->is_started && !request->is_ended)
            request->connection = NULL;
        else if (request->response != NULL)
            request->response->done(request->response);
        else
            kafka_request_free(request);
    }
    session->first = NULL;
    session->unstarted = NULL;
    session->tail = &session->first;
}

const struct connection_dialect kafka_dialect = {
    .name = "kafka",
    .state_size = sizeof(struct kafka_session),
    .open = open_session,
    .space = space,
    .received = received,
    .granted = granted,
    .sent = start_requests,
    .busy = busy,
    .deadline = deadline,
    .close = close_session,
};
