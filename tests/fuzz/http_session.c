/* Any bytes at HTTP's connection layer, over a socket pair: what is answered does not depend on how they are cut, and
 * nothing is left over. The routes take a body whole, take one as it comes with pauses between, and open a WebSocket.
 */
#include "connections_private.h"
#include "crc32c.h"
#include "http/body.h"
#include "http/routes.h"
#include "http/session.h"
#include "http/socket.h"
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TURNS     4
#define HEARD_MAX ((size_t)64 << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool holds)
{
    if (!holds)
        abort();
}

/* ---- the routes ---- */

static void handle_echo(struct http_exchange *exchange)
{
    http_reply(exchange, 200, "application/json", NULL, exchange->body);
}

/* How much came, and its sum: the same however it was cut. */
struct sum {
    size_t size;
    uint32_t sum;
    bool pauses;
};
static struct http_exchange *paused;

static void take_piece(struct http_exchange *exchange, slice bytes)
{
    struct sum *sum = exchange->context;
    sum->size += bytes.size;
    sum->sum = crc32c(sum->sum, bytes.data, bytes.size);
    if (sum->pauses) {
        http_body_pause(exchange);
        paused = exchange;
    }
}

static void answer_sum(struct http_exchange *exchange, int status)
{
    char text[64];
    struct sum *sum = exchange->context;
    snprintf(text, sizeof text, "%zu %08x", sum->size, sum->sum);
    memory_free(exchange->server->memory, MEMORY_SERVER, sum, sizeof *sum);
    if (paused == exchange)
        paused = NULL;
    http_reply(exchange, status, "text/plain", NULL, slice_of_text(text));
}

static void end_body(struct http_exchange *exchange)
{
    answer_sum(exchange, 200);
}

static void cut_body(struct http_exchange *exchange, int status, const char *message)
{
    (void)message;
    answer_sum(exchange, status);
}

static void begin_stream(struct http_exchange *exchange)
{
    static const struct http_body_reader reader = {.take = take_piece, .end = end_body, .cut = cut_body};
    struct sum *sum = memory_alloc_zeroed(exchange->server->memory, MEMORY_SERVER, sizeof *sum);
    need(sum != NULL);
    sum->pauses = http_parameter_flag(exchange, "pauses");
    http_body_read(exchange, &reader, sum);
}

static void end_socket(struct http_exchange *exchange)
{
    http_socket_end(exchange, WEBSOCKET_GOING_AWAY, "");
}

static void say_back(struct http_exchange *exchange, enum websocket_opcode opcode, slice payload)
{
    if (http_socket_send(exchange, opcode, payload) == HTTP_STREAM_GONE)
        end_socket(exchange);
}

static void handle_socket(struct http_exchange *exchange)
{
    static const struct http_socket socket = {.message_max = 300, .message = say_back, .ending = end_socket};
    if (!http_wants_socket(exchange))
        http_reply_error(exchange, 426, "a WebSocket is to be asked for");
    else
        (void)!http_socket_begin(exchange, &socket, NULL);
}

static const struct http_parameter parameters[] = {{.name = "pauses", .type = HTTP_FLAG}};
static const struct http_route routes[] = {
    {.method = HTTP_METHOD_POST, .pattern = "/echo", .body_limit = 300, .handle = handle_echo, .consumes = "*"},
    {.method = HTTP_METHOD_GET, .pattern = "/echo/{a}", .handle = handle_echo, HTTP_PARAMETERS(parameters)},
    {.method = HTTP_METHOD_POST, .pattern = "/s", .begin = begin_stream, HTTP_PARAMETERS(parameters)},
    {.method = HTTP_METHOD_GET, .pattern = "/w", .handle = handle_socket},
};
static const struct http_api api = {.name = "Fuzz", .routes = routes, .count = sizeof routes / sizeof routes[0]};
static const struct http_api *const apis[] = {&api, NULL};

/* ---- the server ---- */

/* In place of the server's own: answers have a date, and it must be the same. */
int64_t server_now(const struct server *server)
{
    (void)server;
    return 0;
}

static struct fixture {
    struct memory memory;
    struct logger logger;
    struct server server;
    uv_loop_t loop;
    size_t at_rest; /* bytes of the ledger */
} f;

static void open_once(void)
{
    const struct machine machine = {.memory_bytes = (uint64_t)1 << 30, .cores = 1};
    if (f.at_rest != 0)
        return;
    signal(SIGPIPE, SIG_IGN);
    memory_init(&f.memory);
    logger_init(&f.logger, open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_ERROR);
    need(uv_loop_init(&f.loop) == 0);
    f.server =
        (struct server){.memory = &f.memory, .logger = &f.logger, .loop = &f.loop, .data = "", .http_apis = apis};
    f.server.config = config_create(&f.memory, &machine);
    need(f.server.config != NULL && config_finish(f.server.config, NULL) == 0);
    need(budget_create(&f.memory, (size_t)16 << 20, &f.server.budget) == 0);
    need(connections_create(&f.server, &f.server.connections) == 0);
    f.at_rest = memory_total_bytes(&f.memory);
}

static void turn(void)
{
    for (int i = 0; i < TURNS; i++) {
        uv_run(&f.loop, UV_RUN_NOWAIT);
        if (paused != NULL) {
            struct http_exchange *exchange = paused;
            paused = NULL;
            http_body_resume(exchange);
        }
    }
}

static int connect_peer(void)
{
    const struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int ends[2];
    need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    connections_accept(f.server.connections, ends[0], (const struct sockaddr *)&from, &http_dialect);
    return ends[1];
}

struct heard {
    uint8_t bytes[HEARD_MAX];
    size_t size;
};

static void hear(int peer, struct heard *heard)
{
    ssize_t got;
    while (heard->size < HEARD_MAX && (got = read(peer, heard->bytes + heard->size, HEARD_MAX - heard->size)) > 0)
        heard->size += (size_t)got;
}

/* Says all of it in pieces, ends its half, and hears what there is. */
static void talk(slice said, size_t first, size_t rest, struct heard *heard)
{
    int peer = connect_peer();
    heard->size = 0;
    for (size_t piece = first; said.size != 0; piece = rest) {
        piece = piece < said.size ? piece : said.size;
        ssize_t went = write(peer, said.data, piece);
        turn();
        hear(peer, heard);
        if (went <= 0)
            break; /* it has ended, or what was said is still to be read */
        said = slice_of(said.data + went, said.size - (size_t)went);
    }
    (void)shutdown(peer, SHUT_WR);
    turn();
    hear(peer, heard);
    close(peer);
    turn();
    connections_close_all(f.server.connections);
    turn();
    need(connections_count(f.server.connections) == 0 && budget_used(f.server.budget) == 0);
    need(memory_total_bytes(&f.memory) == f.at_rest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct heard whole, cut;
    if (size < 3)
        return 0;
    open_once();
    slice said = slice_of(data + 2, size - 2);
    talk(said, said.size, said.size, &whole);
    talk(said, 1 + (size_t)(data[0] << 8 | data[1]) % said.size, said.size, &cut);
    need(cut.size == whole.size && memcmp(cut.bytes, whole.bytes, cut.size) == 0);
    if (size > 600)
        return 0;
    talk(said, 1, 1, &cut);
    need(cut.size == whole.size && memcmp(cut.bytes, whole.bytes, cut.size) == 0);
    return 0;
}
