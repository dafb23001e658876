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

static void hurry_all(struct kafka_session *session)
{
    for (struct kafka_request *request = session->first; request != session->unstarted; request = request->next) {
        if (!request->is_ended && request->hurry != NULL)
            request->hurry(request);
    }
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
        if (connection->is_ending)
            hurry_all(session);
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

/* Those that nobody will start. */
static void drop_unstarted(struct kafka_session *session)
{
    struct kafka_request *request = session->unstarted;
    session->tail = &session->first;
    while (*session->tail != NULL && *session->tail != request)
        session->tail = &(*session->tail)->next;
    *session->tail = NULL;
    session->unstarted = NULL;
    for (struct kafka_request *next; request != NULL; request = next) {
        next = request->next;
        session->queued--;
        kafka_request_free(request);
    }
}

static void take_answer(struct connection *connection, struct kafka_request *request)
{
    if (request->response == NULL)
        kafka_request_free(request);
    else if (kafka_session_of(connection)->is_closed)
        request->response->done(request->response);
    else
        connection_send(connection, request->response);
}

void kafka_session_advance(struct connection *connection)
{
    struct kafka_session *session = kafka_session_of(connection);
    while (session->first != NULL && session->first->is_ended) {
        struct kafka_request *request = pop(session);
        bool closes = request->closes;
        take_answer(connection, request);
        if (closes) {
            session->is_closed = true;
            drop_unstarted(session);
            connection_end(connection);
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
    struct kafka_request *request = connection->is_ending
                                        ? NULL /* one before it was lost, and answers come in order */
                                        : memory_alloc_zeroed(server->memory, MEMORY_REQUESTS, sizeof *request);
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

/* The time during which the peer could not go on is not counted against it. */
static int space(struct connection *connection, struct iovec parts[2])
{
    struct kafka_session *session = kafka_session_of(connection);
    int64_t now = (int64_t)uv_now(connection->server->loop);
    if (session->queued >= QUEUED_MAX || output_is_full(connection)) {
        session->paused = session->paused != 0 ? session->paused : now;
        return 0;
    }
    if (session->paused != 0 && session->framing.deadline != 0)
        session->framing.deadline += now - session->paused;
    session->paused = 0;
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

static void ending(struct connection *connection)
{
    hurry_all(kafka_session_of(connection));
}

static int64_t deadline(const struct connection *connection)
{
    const struct kafka_session *session = (const void *)connection->state;
    return session->framing.deadline != 0 && session->paused != 0 ? INT64_MAX : session->framing.deadline;
}

static void leave_alone(struct kafka_request *request)
{
    request->connection = NULL; /* what it is charged goes back with the connection's account */
    budget_add(connections_orphans(request->server->connections), request->charged);
    if (request->hurry != NULL)
        request->hurry(request);
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
            leave_alone(request);
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
    .ending = ending,
    .deadline = deadline,
    .close = close_session,
};
