/* WebSockets over a connection of HTTP.
 *
 * Happy path. The request for one is answered with 101, and from then on what arrives are frames. A message that comes
 * in one piece is passed on where it lies; one in parts is put together in a buffer that goes with its last part.
 *
 * Ends. The client's close, a broken rule or the connection's end are told to the handler once, which ends the socket
 * then or later; until it has, nothing more is received. Its end writes the close frame and lets the session drain what
 * the client still sends.
 *
 * Quiet. Whoever is silent for SOCKET_QUIET_MS is sent a ping; whoever is silent for as long again has gone. */
#include "http/socket.h"

#include "connection.h"
#include "http/body.h"
#include "http/exchange_private.h"
#include "http/negotiate.h"
#include "http/routes.h"
#include "http/session.h"
#include "server.h"

#define MESSAGE_ROOM ((size_t)1 << 10)
#define FRAME_ROOM   (WEBSOCKET_HEADER_MAX + WEBSOCKET_CONTROL_MAX)

struct http_socket_state {
    const struct http_socket *handlers;
    struct websocket protocol;
    uint8_t *message; /* of parts, owned */
    size_t size, capacity;
    int64_t quiet_since; /* ms of uv_now */
    uint16_t code;       /* to close with; 0: the handler's */
    const char *reason;
    bool is_asked; /* a ping is not answered */
};

static int64_t now_of(const struct http_exchange *exchange)
{
    return (int64_t)uv_now(exchange->server->loop);
}

/* ---- the beginning ---- */

bool http_wants_socket(const struct http_exchange *exchange)
{
    const struct http_request *request = &exchange->request;
    return request->method == HTTP_METHOD_GET && request->minor_version != 0 &&
           http_request_lists(request, "upgrade", "websocket") && http_request_lists(request, "connection", "upgrade");
}

/* NULL: none. */
static const char *find_objection(const struct http_exchange *exchange, int *status, char accept[WEBSOCKET_ACCEPT_SIZE])
{
    const struct http_request *request = &exchange->request;
    *status = 403;
    if (!http_origin_may_connect(exchange->server->config, request))
        return "pages of this origin may not do that; access.control.allow.origin permits it";
    *status = 426;
    if (!slice_equal(http_request_field(request, "sec-websocket-version"), slice_of_text("13")))
        return "WebSocket's version is 13";
    *status = 400;
    if (!websocket_accept(http_request_field(request, "sec-websocket-key"), accept))
        return "Sec-WebSocket-Key is not 16 bytes in base64";
    return NULL;
}

/* False: the connection has gone, or cannot be answered. */
static bool send_switch(struct http_exchange *exchange, const char *accept)
{
    struct answer *answer =
        exchange->connection != NULL ? http_answer_make(exchange->connection, HTTP_HEAD_ROOM) : NULL;
    if (answer == NULL)
        return false;
    writer *w = &answer->response.body;
    http_write_status(w, 101, server_now(exchange->server));
    http_write_text_field(w, "Upgrade", "websocket");
    http_write_text_field(w, "Connection", "Upgrade");
    http_write_text_field(w, "Sec-WebSocket-Accept", accept);
    http_write_head_end(w);
    http_answer_count(exchange, 101);
    return http_answer_send(answer);
}

static bool make_state(struct http_exchange *exchange, const struct http_socket *handlers)
{
    struct http_socket_state *socket =
        memory_alloc_zeroed(exchange->server->memory, MEMORY_REQUESTS, sizeof *exchange->socket);
    if (socket == NULL)
        return false;
    socket->handlers = handlers;
    socket->quiet_since = now_of(exchange);
    websocket_init(&socket->protocol, handlers->message_max);
    exchange->socket = socket;
    http_exchange_hold(exchange, sizeof *socket);
    return true;
}

bool http_socket_begin(struct http_exchange *exchange, const struct http_socket *handlers, void *context)
{
    char accept[WEBSOCKET_ACCEPT_SIZE];
    int status;
    const char *objection = find_objection(exchange, &status, accept);
    if (objection != NULL) {
        http_reply_error(exchange, status, objection);
        return false;
    }
    if (!make_state(exchange, handlers)) {
        http_reply_error(exchange, 503, "out of memory");
        return false;
    }
    exchange->context = context;
    exchange->is_stream = true;
    exchange->is_complete = false;
    if (!send_switch(exchange, accept)) {
        http_stream_abort(exchange);
        return false;
    }
    exchange->connection->may_stall = true;
    exchange->writable = handlers->writable;
    exchange->hurry = handlers->ending;
    return true;
}

/* ---- what comes in ---- */

/* The client's part is over. */
static void end_input(struct http_exchange *exchange, uint16_t code, const char *reason)
{
    exchange->socket->code = code;
    exchange->socket->reason = reason;
    exchange->is_paused = true;
    http_exchange_hurry(exchange);
}

static bool keep_part(struct http_exchange *exchange, slice part)
{
    struct http_socket_state *socket = exchange->socket;
    size_t needed = socket->size + part.size;
    if (needed > socket->capacity) {
        size_t capacity = socket->capacity != 0 ? socket->capacity : MESSAGE_ROOM;
        while (capacity < needed)
            capacity *= 2;
        uint8_t *message =
            memory_realloc(exchange->server->memory, MEMORY_REQUESTS, socket->message, socket->capacity, capacity);
        if (message == NULL)
            return false;
        http_exchange_hold(exchange, capacity - socket->capacity);
        socket->message = message;
        socket->capacity = capacity;
    }
    if (part.size != 0)
        memcpy(socket->message + socket->size, part.data, part.size);
    socket->size = needed;
    return true;
}

static void take_part(struct http_exchange *exchange, const struct websocket_event *event)
{
    struct http_socket_state *socket = exchange->socket;
    if (socket->size == 0 && event->ends) {
        socket->handlers->message(exchange, event->opcode, event->payload);
        return;
    }
    if (!keep_part(exchange, event->payload)) {
        end_input(exchange, WEBSOCKET_INTERNAL_ERROR, "out of memory");
        return;
    }
    if (!event->ends)
        return;
    /* The handler may end the exchange, and the state with it. */
    struct memory *memory = exchange->server->memory;
    uint8_t *message = socket->message;
    size_t size = socket->size, capacity = socket->capacity;
    http_exchange_let_go(exchange, capacity);
    socket->message = NULL;
    socket->size = socket->capacity = 0;
    socket->handlers->message(exchange, event->opcode, slice_of(message, size));
    memory_free(memory, MEMORY_REQUESTS, message, capacity);
}

static enum http_stream_state send_frame(struct http_exchange *exchange, enum websocket_opcode opcode, slice payload)
{
    exchange->is_writing = true;
    struct answer *answer =
        exchange->connection != NULL ? http_answer_make(exchange->connection, FRAME_ROOM + payload.size) : NULL;
    if (answer != NULL) {
        websocket_write_frame(&answer->response.body, opcode, payload);
        (void)!http_answer_send(answer);
    } else if (exchange->connection != NULL) {
        connection_close(exchange->connection, "out of memory");
    }
    exchange->is_writing = false;
    return http_stream_state_of(exchange);
}

static void take_event(struct http_exchange *exchange, const struct websocket_event *event)
{
    switch (event->opcode) {
    case WEBSOCKET_CLOSE:
        end_input(exchange, event->code, NULL);
        break;
    case WEBSOCKET_PING:
        if (send_frame(exchange, WEBSOCKET_PONG, event->payload) == HTTP_STREAM_GONE)
            http_exchange_hurry(exchange);
        break;
    case WEBSOCKET_PONG:
    case WEBSOCKET_CONTINUATION:
        break;
    case WEBSOCKET_TEXT:
    case WEBSOCKET_BINARY:
        take_part(exchange, event);
        break;
    }
}

/* The bytes lie in the shared block or the session's leftover: nobody else's, so that they may be unmasked there. */
bool http_socket_next(struct http_exchange *exchange, slice *input)
{
    struct http_socket_state *socket = exchange->socket;
    struct websocket_input bytes = {(uint8_t *)(uintptr_t)input->data, input->size};
    struct websocket_event event;
    struct error error;
    if (bytes.size != 0) {
        socket->quiet_since = now_of(exchange);
        socket->is_asked = false;
    }
    int rc = websocket_next(&socket->protocol, &bytes, &event, &error);
    *input = slice_of(bytes.data, bytes.size);
    if (rc > 0)
        take_event(exchange, &event);
    else if (rc < 0)
        end_input(exchange, socket->protocol.failure, "the frames break a rule of WebSocket");
    return rc != 0;
}

/* ---- what goes out ---- */

enum http_stream_state http_socket_send(struct http_exchange *exchange, enum websocket_opcode opcode, slice payload)
{
    return send_frame(exchange, opcode, payload);
}

enum http_stream_state http_socket_send_shared(struct http_exchange *exchange, struct shared_bytes *shared, size_t from,
                                               size_t size)
{
    exchange->is_writing = true;
    struct answer *answer = exchange->connection != NULL ? http_answer_make(exchange->connection, 0) : NULL;
    if (answer != NULL) {
        http_answer_share(answer, shared, from, size);
        (void)!http_answer_send(answer);
    } else if (exchange->connection != NULL) {
        connection_close(exchange->connection, "out of memory");
    }
    exchange->is_writing = false;
    return http_stream_state_of(exchange);
}

void http_socket_end(struct http_exchange *exchange, enum websocket_close_code code, const char *reason)
{
    struct connection *connection = exchange->connection;
    const struct http_socket_state *socket = exchange->socket;
    uint16_t told = socket->code != 0 ? socket->code : (uint16_t)code;
    const char *why = socket->code != 0 ? socket->reason : reason;
    http_exchange_free(exchange);
    if (connection == NULL)
        return;
    struct answer *answer = http_answer_make(connection, FRAME_ROOM);
    if (answer == NULL) {
        connection_close(connection, "out of memory");
        return;
    }
    websocket_write_close(&answer->response.body, told, why != NULL ? why : "");
    if (http_answer_send(answer))
        http_session_advance(connection, true);
}

/* ---- time ---- */

int64_t http_socket_deadline(const struct http_exchange *exchange)
{
    return exchange->socket->quiet_since + (exchange->socket->is_asked ? 2 : 1) * SOCKET_QUIET_MS;
}

/* What cannot be sent cannot be answered, and what is not read is not heard: a client that does not read is not asked
 * (the kernel asks it), nor one that is held back. */
void http_socket_expired(struct http_exchange *exchange)
{
    struct http_socket_state *socket = exchange->socket;
    if (exchange->connection->output.first != NULL || exchange->is_paused) {
        socket->quiet_since = now_of(exchange);
    } else if (socket->is_asked) {
        connection_close(exchange->connection, "a WebSocket's client does not answer");
    } else {
        socket->is_asked = true;
        if (send_frame(exchange, WEBSOCKET_PING, NULL_SLICE) == HTTP_STREAM_GONE)
            http_exchange_hurry(exchange);
    }
}

void http_socket_free(struct http_exchange *exchange)
{
    if (exchange->socket == NULL)
        return;
    struct memory *memory = exchange->server->memory;
    memory_free(memory, MEMORY_REQUESTS, exchange->socket->message, exchange->socket->capacity);
    memory_free(memory, MEMORY_REQUESTS, exchange->socket, sizeof *exchange->socket);
    exchange->socket = NULL;
}
