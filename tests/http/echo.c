/* A server of HTTP that knows no topic: what the integration tests of the connection layer talk to.
 *
 *     http_echo [SETTING=VALUE …]
 *
 * Listens at rest.listeners, logs to stderr as furrowd does, and ends on SIGTERM, with 1 when memory was lost.
 *
 *     POST /echo     the body, when all of it is there
 *     POST /stream   the body, piece by piece as it comes
 *     GET  /bytes    ?size=N&piece=M: N bytes in chunks of M
 *     GET  /socket   a WebSocket that says what it hears */
#include "http/body.h"
#include "http/routes.h"
#include "http/session.h"
#include "http/socket.h"
#include "listener.h"
#include "server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ECHO_MAX    ((size_t)1 << 20)
#define MESSAGE_MAX ((size_t)16 << 20)

#define BINARY_TYPE "application/octet-stream"

static void handle_echo(struct http_exchange *exchange)
{
    http_reply(exchange, 200, BINARY_TYPE, NULL, exchange->body);
}

/* ---- /stream ---- */

static void end_stream(struct http_exchange *exchange)
{
    http_stream_end(exchange);
}

static void take_piece(struct http_exchange *exchange, slice bytes)
{
    switch (http_stream_write(exchange, bytes)) {
    case HTTP_STREAM_READY:
        break;
    case HTTP_STREAM_FULL:
        http_body_pause(exchange);
        break;
    case HTTP_STREAM_GONE:
        http_stream_end(exchange);
        break;
    }
}

static void cut_stream(struct http_exchange *exchange, int status, const char *message)
{
    (void)status;
    (void)message;
    http_stream_abort(exchange);
}

static void begin_stream(struct http_exchange *exchange)
{
    static const struct http_body_reader reader = {.take = take_piece, .end = end_stream, .cut = cut_stream};
    static const struct http_stream stream = {.writable = http_body_resume};
    if (http_stream_begin(exchange, 200, BINARY_TYPE, NULL, &stream, NULL) == HTTP_STREAM_GONE)
        http_stream_end(exchange);
    else
        http_body_read(exchange, &reader, NULL);
}

/* ---- /bytes ---- */

static const struct http_parameter bytes_parameters[] = {
    {.name = "size", .type = HTTP_INTEGER, .most = INT32_MAX, .summary = "Bytes in all"},
    {.name = "piece", .type = HTTP_INTEGER, .least = 1, .most = 65536, .summary = "Bytes of a chunk"},
};

/* What is left stands in the context. */
static void write_bytes_on(struct http_exchange *exchange)
{
    static uint8_t piece[65536];
    size_t most = (size_t)http_parameter_number(exchange, "piece", 4096);
    uintptr_t left = (uintptr_t)exchange->context;
    enum http_stream_state state = HTTP_STREAM_READY;
    while (left != 0 && state == HTTP_STREAM_READY) {
        size_t size = left < most ? left : most;
        left -= size;
        state = http_stream_write(exchange, slice_of(piece, size));
    }
    exchange->context = (void *)left;
    if (left == 0 || state == HTTP_STREAM_GONE)
        http_stream_end(exchange);
}

static void handle_bytes(struct http_exchange *exchange)
{
    static const struct http_stream stream = {.writable = write_bytes_on, .hurry = write_bytes_on};
    void *left = (void *)(uintptr_t)http_parameter_number(exchange, "size", 0);
    if (http_stream_begin(exchange, 200, BINARY_TYPE, NULL, &stream, left) == HTTP_STREAM_GONE)
        http_stream_end(exchange);
    else
        write_bytes_on(exchange);
}

/* ---- /socket ---- */

static void end_socket(struct http_exchange *exchange)
{
    http_socket_end(exchange, WEBSOCKET_GOING_AWAY, "the server stops");
}

static void say_back(struct http_exchange *exchange, enum websocket_opcode opcode, slice payload)
{
    switch (http_socket_send(exchange, opcode, payload)) {
    case HTTP_STREAM_READY:
        break;
    case HTTP_STREAM_FULL:
        http_body_pause(exchange);
        break;
    case HTTP_STREAM_GONE:
        end_socket(exchange);
        break;
    }
}

static const struct http_socket echo_socket = {
    .message_max = MESSAGE_MAX, .message = say_back, .writable = http_body_resume, .ending = end_socket};

static void handle_socket(struct http_exchange *exchange)
{
    if (!http_wants_socket(exchange))
        http_reply_error(exchange, 426, "a WebSocket is to be asked for");
    else
        (void)!http_socket_begin(exchange, &echo_socket, NULL);
}

static const struct http_route routes[] = {
    {.method = HTTP_METHOD_POST, .pattern = "/echo", .body_limit = ECHO_MAX, .handle = handle_echo},
    {.method = HTTP_METHOD_POST, .pattern = "/stream", .begin = begin_stream},
    {.method = HTTP_METHOD_GET, .pattern = "/bytes", .handle = handle_bytes, HTTP_PARAMETERS(bytes_parameters)},
    {.method = HTTP_METHOD_GET, .pattern = "/socket", .handle = handle_socket},
};
static const struct http_api api = {.name = "Echo", .routes = routes, .count = sizeof routes / sizeof routes[0]};
static const struct http_api *const apis[] = {&api, NULL};

/* ---- the server ---- */

struct echo {
    struct server server;
    struct listeners *listeners;
    uv_signal_t signal;
    uv_loop_t loop;
};

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    struct echo *echo = handle->data;
    listeners_close(echo->listeners);
    connections_end_all(echo->server.connections);
    uv_close((uv_handle_t *)handle, NULL);
    uv_stop(&echo->loop);
}

static void need(int rc, const struct error *error)
{
    if (rc == 0)
        return;
    fprintf(stderr, "http_echo: %s\n", error->message);
    exit(2);
}

static void turn_until_gone(struct echo *echo)
{
    while (connections_count(echo->server.connections) != 0)
        uv_run(&echo->loop, UV_RUN_ONCE);
}

int main(int count, char **arguments)
{
    static struct echo echo;
    const struct machine machine = {.memory_bytes = (uint64_t)1 << 30, .cores = 1};
    struct memory memory;
    struct logger logger;
    struct error error = {0};
    memory_init(&memory);
    logger_init(&logger, STDERR_FILENO, LOG_INFO);
    echo.server =
        (struct server){.memory = &memory, .logger = &logger, .loop = &echo.loop, .data = "", .http_apis = apis};
    need(uv_loop_init(&echo.loop), &error);
    echo.server.config = config_create(&memory, &machine);
    for (int i = 1; i < count; i++)
        need(config_set_argument(echo.server.config, arguments[i], &error), &error);
    need(config_finish(echo.server.config, &error), &error);
    size_t limit = (size_t)config_number(echo.server.config, CONFIG_FURROW_MEMORY_LIMIT_BYTES);
    need(budget_create(&memory, limit, &echo.server.budget), &error);
    need(connections_create(&echo.server, &echo.server.connections), &error);
    need(listeners_open(&echo.server, config_string(echo.server.config, CONFIG_REST_LISTENERS), &http_dialect, false,
                        &echo.listeners, &error),
         &error);
    uv_signal_init(&echo.loop, &echo.signal);
    echo.signal.data = &echo;
    uv_signal_start(&echo.signal, on_signal, SIGTERM);
    signal(SIGPIPE, SIG_IGN);
    uv_run(&echo.loop, UV_RUN_DEFAULT);

    turn_until_gone(&echo);
    connections_destroy(echo.server.connections);
    uv_run(&echo.loop, UV_RUN_DEFAULT);
    budget_destroy(echo.server.budget);
    config_destroy(echo.server.config);
    if (memory_total_bytes(&memory) == 0)
        return 0;
    fprintf(stderr, "http_echo: %zu bytes were lost\n", memory_total_bytes(&memory));
    return 1;
}
