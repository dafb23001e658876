#include "http/session.h"

#include "http/body.h"
#include "http/exchange_private.h"
#include "http/routes.h"
#include "kafka/framing.h"
#include "server.h"

#include <sys/socket.h>

/* While so much waits to be sent, nothing new is started. */
#define OUTPUT_MAX ((size_t)512 << 10)
/* A request must have arrived within GRACE_MS and a second for so many of its bytes. */
#define GRACE_MS         10000
#define BYTES_PER_SECOND 1024
#define DRAIN_MS         2000

static const struct http_limits limits = {.line_bytes = 8192, .head_bytes = 16384, .fields = 64};

static int64_t now_of(const struct connection *connection)
{
    return (int64_t)uv_now(connection->server->loop);
}

static bool output_is_full(const struct connection *connection)
{
    return connection->output.bytes >= OUTPUT_MAX;
}

/* ---- requests ---- */

static struct http_exchange *make_exchange(struct connection *connection)
{
    struct server *server = connection->server;
    struct http_exchange *exchange = memory_alloc_zeroed(server->memory, MEMORY_REQUESTS, sizeof *exchange);
    if (exchange == NULL) {
        connection_close(connection, "out of memory");
        return NULL;
    }
    struct http_session *session = http_session_of(connection);
    exchange->server = server;
    exchange->begun = uv_hrtime();
    exchange->connection = connection;
    session->exchange = exchange;
    http_parser_take_request(&session->parser, &exchange->request);
    http_exchange_hold(exchange, sizeof *exchange + http_request_held(&exchange->request));
    return exchange;
}

static void reserve_body(struct http_exchange *exchange)
{
    struct http_session *session = http_session_of(exchange->connection);
    size_t wanted = http_exchange_body_bytes(exchange);
    exchange->charged += wanted;
    session->waits = !budget_reserve(&exchange->connection->account, wanted);
    if (session->waits)
        exchange->charged -= wanted; /* until it is granted */
    else
        http_exchange_expect_body(exchange);
}

static void take_head(struct connection *connection)
{
    struct http_session *session = http_session_of(connection);
    struct http_exchange *exchange = make_exchange(connection);
    if (exchange == NULL)
        return;
    session->drops_body = exchange->request.has_body;
    if (!http_exchange_begin(exchange))
        return;
    session->drops_body = false;
    if (exchange->route->begin != NULL)
        http_body_begin(exchange);
    else if (exchange->request.has_body)
        reserve_body(exchange);
}
/* What was answered before its body came is dropped. */
static void take_body(struct http_session *session)
{
    struct http_exchange *exchange = session->exchange;
    if (exchange == NULL)
        return;
    if (exchange->reader != NULL)
        http_body_take(exchange, session->parser.body);
    else
        http_exchange_take_body(exchange, session->parser.body);
}

/* It may be answered already. */
static void take_end(struct http_session *session)
{
    struct http_exchange *exchange = session->exchange;
    http_parser_end_request(&session->parser);
    session->drops_body = false;
    if (exchange == NULL)
        return;
    if (exchange->reader == NULL) {
        http_exchange_handle(exchange);
        return;
    }
    exchange->is_complete = true;
    exchange->reader->end(exchange);
}

/* What was asked is not known, or no longer of interest. */
static void refuse(struct connection *connection, int status, const char *text)
{
    struct http_session *session = http_session_of(connection);
    struct http_exchange *exchange = session->exchange != NULL ? session->exchange : make_exchange(connection);
    if (exchange == NULL)
        return;
    exchange->closes = true;
    if (exchange->reader != NULL)
        http_body_cut(exchange, status, text);
    else
        http_reply_error(exchange, status, text);
}

static void take_event(struct connection *connection, enum http_event event)
{
    struct http_session *session = http_session_of(connection);
    switch (event) {
    case HTTP_EVENT_HEAD:
        take_head(connection);
        break;
    case HTTP_EVENT_BODY:
        take_body(session);
        break;
    case HTTP_EVENT_END:
        take_end(session);
        break;
    case HTTP_EVENT_BAD:
        refuse(connection, session->parser.failure.status, session->parser.failure.text);
        break;
    case HTTP_EVENT_MORE:
        break;
    }
}

static bool takes_input(const struct http_session *session)
{
    bool takes = session->exchange == NULL || http_exchange_takes_input(session->exchange);
    return takes && !session->is_refused && !session->waits;
}

static bool may_parse(struct connection *connection)
{
    return !connection->is_closing && takes_input(http_session_of(connection)) && !output_is_full(connection);
}

/* False: all is taken. */
static bool parse_next(struct connection *connection, slice *input)
{
    struct http_session *session = http_session_of(connection);
    if (session->exchange != NULL && session->exchange->socket != NULL)
        return http_socket_next(session->exchange, input);
    if (session->exchange == NULL && http_parser_is_between(&session->parser)) {
        session->began = now_of(connection);
        session->received = 0;
    }
    size_t before = input->size;
    enum http_event event = http_parser_next(&session->parser, input);
    session->received += before - input->size;
    if (event == HTTP_EVENT_MORE)
        return false;
    take_event(connection, event);
    return true;
}

static void parse(struct connection *connection, slice *input)
{
    struct http_session *session = http_session_of(connection);
    session->is_parsing = true;
    while (may_parse(connection) && parse_next(connection, input))
        ;
    session->is_parsing = false;
}

/* ---- what was received too early ---- */

static void drop_leftover(struct connection *connection)
{
    struct http_session *session = http_session_of(connection);
    memory_free(connection->server->memory, MEMORY_REQUESTS, session->leftover, session->leftover_size);
    budget_return(&connection->account, session->leftover_size);
    session->leftover = NULL;
    session->leftover_size = session->leftover_taken = 0;
}

static void keep(struct connection *connection, slice bytes)
{
    struct http_session *session = http_session_of(connection);
    session->leftover = memory_alloc(connection->server->memory, MEMORY_REQUESTS, bytes.size);
    if (session->leftover == NULL) {
        connection_close(connection, "out of memory");
        return;
    }
    memcpy(session->leftover, bytes.data, bytes.size);
    session->leftover_size = bytes.size;
    budget_add(&connection->account, bytes.size);
}

/* Goes on where it had to stop. */
static void go_on(struct connection *connection)
{
    struct http_session *session = http_session_of(connection);
    if (session->is_parsing || connection->is_closing)
        return;
    slice left = slice_of("", 0);
    if (session->leftover != NULL)
        left = slice_of(session->leftover + session->leftover_taken, session->leftover_size - session->leftover_taken);
    parse(connection, &left);
    if (connection->is_closing || session->leftover == NULL)
        return;
    session->leftover_taken = session->leftover_size - left.size;
    if (left.size == 0 || session->is_refused)
        drop_leftover(connection);
}

/* ---- the end ---- */

/* All that will be sent has been: the peer is told, and gets a moment to take it. */
static void begin_drain(struct connection *connection)
{
    struct http_session *session = http_session_of(connection);
    if (!session->is_refused || session->drained_until != 0 || connection->output.first != NULL)
        return;
    session->drained_until = now_of(connection) + DRAIN_MS;
    (void)shutdown(connection->transport.descriptor, SHUT_WR);
}

void http_session_advance(struct connection *connection, bool closes)
{
    http_session_of(connection)->is_refused |= closes;
    go_on(connection);
    if (!connection->is_closing)
        connection_update(connection);
}

/* ---- the dialect ---- */

static void open_session(struct connection *connection)
{
    http_parser_init(&http_session_of(connection)->parser, connection->server->memory, &limits);
}

static int space(struct connection *connection, struct iovec parts[2])
{
    const struct http_session *session = http_session_of(connection);
    bool is_paused = session->exchange != NULL && session->exchange->is_paused;
    bool is_full = session->waits || is_paused || session->leftover != NULL || output_is_full(connection);
    if (is_full && !session->is_refused)
        return 0;
    struct framing_shared *shared = connections_framing(connection->set);
    parts[0] = (struct iovec){shared->block, sizeof shared->block};
    return 1;
}

static void received(struct connection *connection, size_t bytes)
{
    struct http_session *session = http_session_of(connection);
    slice input = slice_of(connections_framing(connection->set)->block, bytes);
    parse(connection, &input);
    if (!connection->is_closing && !session->is_refused && input.size != 0)
        keep(connection, input);
}

static void granted(struct connection *connection)
{
    struct http_session *session = http_session_of(connection);
    session->waits = false;
    session->began = now_of(connection);
    session->exchange->charged += http_exchange_body_bytes(session->exchange);
    http_exchange_expect_body(session->exchange);
    go_on(connection);
}

static void sent(struct connection *connection)
{
    struct http_session *session = http_session_of(connection);
    if (session->exchange != NULL)
        http_exchange_sent(session->exchange);
    go_on(connection);
    if (!connection->is_closing)
        begin_drain(connection);
}

static bool busy(const struct connection *connection)
{
    const struct http_session *session = (const void *)connection->state;
    const struct http_exchange *exchange = session->exchange;
    bool is_ours = exchange != NULL && exchange->is_handled && (!http_body_is_awaited(exchange) || exchange->is_paused);
    return is_ours || session->leftover != NULL;
}

static void ending(struct connection *connection)
{
    struct http_exchange *exchange = http_session_of(connection)->exchange;
    if (exchange == NULL)
        return;
    if (exchange->reader != NULL && http_body_is_awaited(exchange))
        http_body_cut(exchange, 400, "the connection ends before the body does");
    else
        http_exchange_hurry(exchange);
}

static int64_t deadline(const struct connection *connection)
{
    const struct http_session *session = (const void *)connection->state;
    const struct http_exchange *exchange = session->exchange;
    if (session->drained_until != 0)
        return session->drained_until;
    if (exchange != NULL && exchange->socket != NULL)
        return http_socket_deadline(exchange);
    bool is_ours = session->waits || session->leftover != NULL || session->is_refused || output_is_full(connection) ||
                   (exchange != NULL && exchange->is_handled);
    if (is_ours || (exchange == NULL && http_parser_is_between(&session->parser)))
        return 0;
    return session->began + GRACE_MS + (int64_t)(session->received / BYTES_PER_SECOND) * 1000;
}

static void expired(struct connection *connection)
{
    const struct http_session *session = http_session_of(connection);
    if (session->drained_until != 0 || session->drops_body)
        connection_close(connection, NULL);
    else if (session->exchange != NULL && session->exchange->socket != NULL)
        http_socket_expired(session->exchange);
    else
        refuse(connection, 408, "the request arrives too slowly");
}

/* A handler that is under way is left to itself. */
static void close_session(struct connection *connection)
{
    struct http_session *session = http_session_of(connection);
    struct http_exchange *exchange = session->exchange;
    http_parser_close(&session->parser);
    drop_leftover(connection);
    session->exchange = NULL;
    if (exchange == NULL)
        return;
    if (exchange->is_handled)
        http_exchange_orphan(exchange);
    else
        http_exchange_free(exchange);
}

const struct connection_dialect http_dialect = {
    .name = "http",
    .state_size = sizeof(struct http_session),
    .open = open_session,
    .space = space,
    .received = received,
    .granted = granted,
    .sent = sent,
    .busy = busy,
    .ending = ending,
    .deadline = deadline,
    .expired = expired,
    .close = close_session,
};
