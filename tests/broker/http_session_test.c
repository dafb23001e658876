/* HTTP over socket pairs, with routes of the test's own. */
#include "check.h"
#include "compression.h"
#include "connections_private.h"
#include "http_fixture.h"

#include <stdlib.h>
#include <unistd.h>

#define HOST  "Host: a\r\n"
#define LIMIT 1000

static struct server_fixture f;
static struct http_exchange *waiting; /* a handler's that has not answered yet */

/* ---- the API ---- */

static void handle_hello(struct http_exchange *exchange)
{
    http_reply(exchange, 200, "text/plain", NULL, slice_of_text("hello"));
}

static void handle_echo(struct http_exchange *exchange)
{
    http_reply(exchange, 201, "text/plain", NULL, exchange->body);
}

static void handle_later(struct http_exchange *exchange)
{
    REQUIRE(waiting == NULL);
    waiting = exchange;
}

static void handle_item(struct http_exchange *exchange)
{
    char text[128];
    slice shop = http_argument(exchange, "shop"), item = http_argument(exchange, "item");
    CHECK(slice_is_null(http_argument(exchange, "other")));
    int size = snprintf(text, sizeof text, "%.*s/%.*s?%.*s", SLICE_PRINT(shop), SLICE_PRINT(item),
                        SLICE_PRINT(exchange->query));
    http_reply(exchange, 200, "text/plain", "X-Item: 1\r\n", slice_of(text, (size_t)size));
}

#define VERBOSE 5000

static void handle_verbose(struct http_exchange *exchange)
{
    static uint8_t text[VERBOSE];
    memset(text, 'v', sizeof text);
    http_reply(exchange, 200, "application/json", NULL, slice_of(text, sizeof text));
}

static void handle_large(struct http_exchange *exchange)
{
    static uint8_t bytes[200 << 10];
    http_reply(exchange, 200, "text/plain", NULL, slice_of(bytes, sizeof bytes));
}

/* As many pieces as the test wants, each of PIECE bytes, as fast as the client reads; then it waits or ends. */
#define PIECE 1000
static struct {
    unsigned wanted, written;
    bool waits, was_hurried;
} flow;

static void flow_on(struct http_exchange *exchange)
{
    static uint8_t piece[PIECE];
    memset(piece, 'p', PIECE);
    enum http_stream_state state = HTTP_STREAM_READY;
    while (flow.written < flow.wanted && state == HTTP_STREAM_READY) {
        flow.written++;
        state = http_stream_write(exchange, slice_of(piece, PIECE));
    }
    if (state == HTTP_STREAM_GONE || (flow.written == flow.wanted && !flow.waits))
        http_stream_end(exchange);
}

static void hurry_flow(struct http_exchange *exchange)
{
    flow.was_hurried = true;
    flow.waits = false;
    if (exchange->connection == NULL || flow.written == flow.wanted)
        http_stream_end(exchange);
}

static void handle_flow(struct http_exchange *exchange)
{
    static const struct http_stream stream = {.writable = flow_on, .hurry = hurry_flow};
    if (http_stream_begin(exchange, 200, "text/plain", NULL, &stream, NULL) == HTTP_STREAM_GONE)
        http_stream_end(exchange);
    else
        flow_on(exchange);
}

#define ROUTE(verb, path, limit, handler, media, text)                                                                 \
    {                                                                                                                  \
        .method = HTTP_METHOD_##verb, .pattern = path, .body_limit = limit, .handle = handler, .type = media,          \
        .summary = text                                                                                                \
    }

static const struct http_route routes[] = {
    ROUTE(GET, "/hello", 0, handle_hello, "text/plain", "Says hello"),
    ROUTE(POST, "/echo", LIMIT, handle_echo, "text/plain", "Gives back"),
    ROUTE(GET, "/later", 0, handle_later, "text/plain", "Answers later"),
    ROUTE(GET, "/flow", 0, handle_flow, "text/plain", "Answers bit by bit"),
    ROUTE(GET, "/verbose", 0, handle_verbose, "application/json", "A long text"),
    ROUTE(GET, "/large", 0, handle_large, "text/plain", "Answers much"),
    ROUTE(GET, "/shops/{shop}/items/{item}", 0, handle_item, "text/plain", "One item"),
    ROUTE(DELETE, "/shops/{shop}/items/{item}", 0, handle_item, "text/plain", "One item less"),
    ROUTE(LIST, "/shops/{shop}", 0, handle_hello, "text/plain", "A list"),
};
static const struct http_api api = {.name = "Test", .routes = routes, .count = sizeof routes / sizeof routes[0]};
static const struct http_api *const apis[] = {&api, NULL};

static void open_with(const char *const *settings)
{
    http_fixture_open(&f, apis, settings);
    waiting = NULL;
}

static void close_all(void)
{
    http_fixture_close(&f);
}

static int connect_peer(void)
{
    return http_fixture_connect(&f);
}

static void say(int peer, const char *text)
{
    http_fixture_say(&f, peer, text);
}

#define HELLO              "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
#define HELLO_CLOSE        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
#define ECHOED(size, text) "HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nContent-Length: " size "\r\n\r\n" text

/* ---- requests ---- */

static void requests_are_answered_in_their_order(void)
{
    static const char requests[] =
        "GET /hello HTTP/1.1\r\n" HOST "\r\n"
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nd\r\n0\r\n\r\n"
        "HEAD /hello HTTP/1.1\r\n" HOST "\r\n"
        "POST /echo HTTP/1.1\r\n" HOST "\r\n"
        "LIST /shops/1 HTTP/1.1\r\n" HOST "\r\n";
    static const char answers[] = HELLO ECHOED("3", "abc")
        ECHOED("1", "d") "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n" ECHOED("0", "")
            HELLO;
    open_with(NULL);
    int peer = connect_peer();
    say(peer, requests);
    http_fixture_check_hears(peer, answers);
    for (const char *byte = requests; *byte != '\0'; byte++)
        say(peer, (const char[]){*byte, '\0'});
    http_fixture_check_hears(peer, answers);
    CHECK_EQUAL(budget_used(f.server.budget), 0);
    close(peer);
    server_fixture_turn(&f);
    CHECK_EQUAL(connections_count(f.server.connections), 0);
    close_all();
}

static void paths_have_arguments(void)
{
    open_with(NULL);
    int peer = connect_peer();
    say(peer, "GET /shops/a%20b/items/17?x&y=2?z HTTP/1.1\r\n" HOST "\r\n");
    http_fixture_check_hears(peer,
                             "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\nX-Item: 1\r\n\r\n"
                             "a b/17?x&y=2?z");
    static const char *const unknown[] = {
        "/",       "/hell",           "/hello/",         "/hellox",           "/shops",
        "/shops/", "/shops//items/1", "/shops/1/items/", "/shops/1/items/1/", "//hello"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        char text[128];
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\n" HOST "\r\n", unknown[i]);
        say(peer, text);
        CHECK(http_fixture_hears_status(peer, 404));
    }
    close(peer);
    close_all();
}

static void another_method_is_told_which_there_are(void)
{
    open_with(NULL);
    int peer = connect_peer();
    say(peer, "PUT /shops/1/items/2 HTTP/1.1\r\n" HOST "\r\n");
    const char *heard = http_fixture_hear(peer);
    CHECK(strncmp(heard, "HTTP/1.1 405 ", 13) == 0);
    CHECK(strstr(heard, "\r\nAllow: GET, HEAD, DELETE, OPTIONS\r\n") != NULL);
    say(peer, "OPTIONS /echo HTTP/1.1\r\n" HOST "\r\n");
    http_fixture_check_hears(peer, "HTTP/1.1 204 No Content\r\nAllow: POST, OPTIONS\r\n\r\n");
    say(peer, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n");
    http_fixture_check_hears(peer, "HTTP/1.1 204 No Content\r\n\r\n");
    say(peer, "OPTIONS /nothing HTTP/1.1\r\n" HOST "\r\n");
    CHECK(http_fixture_hears_status(peer, 404));
    close(peer);
    close_all();
}

static void connections_stay_as_the_client_wants(void)
{
    open_with(NULL);
    int peer = connect_peer();
    say(peer, "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    http_fixture_check_hears(
        peer,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello");
    say(peer, "GET /hello HTTP/1.0\r\n\r\nGET /hello HTTP/1.0\r\n\r\n");
    http_fixture_check_hears(peer, HELLO_CLOSE "<end>");
    close(peer);
    peer = connect_peer();
    say(peer, "GET /hello HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    http_fixture_check_hears(peer, HELLO_CLOSE "<end>");
    close(peer);
    server_fixture_turn(&f);
    CHECK_EQUAL(connections_count(f.server.connections), 0);
    close_all();
}

static void a_peer_that_ends_its_half_is_answered(void)
{
    open_with(NULL);
    int peer = connect_peer();
    static const char requests[] = "GET /later HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n";
    CHECK_EQUAL(write(peer, requests, sizeof requests - 1), sizeof requests - 1);
    shutdown(peer, SHUT_WR);
    server_fixture_turn(&f);
    http_fixture_check_hears(peer, "");
    handle_hello(waiting);
    server_fixture_turn(&f);
    http_fixture_check_hears(peer, HELLO HELLO "<end>");
    close(peer);
    close_all();
}

/* ---- bodies ---- */

static void a_body_has_a_limit(void)
{
    static char text[4096], filler[LIMIT + 2];
    memset(filler, 'x', LIMIT);
    open_with(NULL);
    int peer = connect_peer();
    snprintf(text, sizeof text, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n%s", LIMIT, filler);
    say(peer, text);
    CHECK(http_fixture_hears_status(peer, 201));
    snprintf(text, sizeof text,
             "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", LIMIT, filler);
    say(peer, text);
    CHECK(http_fixture_hears_status(peer, 201));
    snprintf(text, sizeof text,
             "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n1\r\nx\r\n0\r\n\r\n", LIMIT,
             filler);
    say(peer, text);
    const char *heard = http_fixture_hear(peer);
    CHECK(strncmp(heard, "HTTP/1.1 413 ", 13) == 0);
    CHECK(strstr(heard, "Connection: close") != NULL && strstr(heard, "<end>") != NULL);
    close(peer);
    peer = connect_peer();
    snprintf(text, sizeof text, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n", LIMIT + 1);
    say(peer, text);
    CHECK(http_fixture_hears_status(peer, 413));
    close(peer);
    peer = connect_peer();
    say(peer, "GET /hello HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx");
    CHECK(http_fixture_hears_status(peer, 413));
    close(peer);
    close_all();
}

static void who_asks_is_told_to_continue(void)
{
    open_with(NULL);
    int peer = connect_peer();
    say(peer, "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    http_fixture_check_hears(peer, "HTTP/1.1 100 Continue\r\n\r\n");
    say(peer, "ok");
    http_fixture_check_hears(peer, ECHOED("2", "ok"));
    say(peer, "POST /nothing HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    CHECK(http_fixture_hears_status(peer, 404));
    close(peer);
    close_all();
}

static void a_body_waits_for_its_memory(void)
{
    open_with(NULL);
    int peer = connect_peer();
    struct budget_account other;
    size_t limit = budget_limit(f.server.budget);
    REQUIRE(budget_account_open(f.server.budget, &other, slice_of_text("x"), NULL) == 0);
    budget_add(&other, limit);
    int holder = connect_peer();
    budget_add(&f.server.connections->newest->account, limit / 4);
    say(peer, "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 900\r\n\r\n");
    http_fixture_check_hears(peer, "");
    CHECK_EQUAL(http_dialect.deadline(f.server.connections->oldest), 0);
    budget_return(&other, limit);
    close(holder);
    server_fixture_turn(&f);
    http_fixture_check_hears(peer, "HTTP/1.1 100 Continue\r\n\r\n");
    budget_account_close(&other);
    close(peer);
    close_all();
}

/* ---- handlers that take their time ---- */

static void a_handler_may_answer_later(void)
{
    open_with(NULL);
    int peer = connect_peer();
    say(peer, "GET /later HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n");
    say(peer, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    http_fixture_check_hears(peer, "");
    REQUIRE(waiting != NULL);
    http_reply_error(waiting, 40401, "not here");
    server_fixture_turn(&f);
    http_fixture_check_hears(peer,
                             "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 41\r\n\r\n"
                             "{\"error_code\":40401,\"message\":\"not here\"}" HELLO HELLO);
    close(peer);
    close_all();
}

static void a_handler_need_not_know_that_the_client_has_gone(void)
{
    open_with(NULL);
    int peer = connect_peer();
    say(peer, "GET /later?a HTTP/1.1\r\n" HOST "X: y\r\n\r\n");
    close(peer);
    connections_close_all(f.server.connections);
    server_fixture_turn(&f);
    CHECK_EQUAL(connections_count(f.server.connections), 0);
    CHECK(slice_equal(http_request_field(&waiting->request, "x"), slice_of_text("y")));
    CHECK(budget_used(f.server.budget) != 0);
    handle_hello(waiting);
    CHECK_EQUAL(budget_used(f.server.budget), 0);
    close_all();
}

/* ---- what is asked for beside ---- */

static void a_long_text_is_compressed_for_who_takes_that(void)
{
    static const struct {
        const char *asked, *coding;
    } cases[] = {{"gzip", "gzip"},
                 {"deflate, GZIP;q=0.5, br", "gzip"},
                 {"gzip, deflate, br, zstd", "zstd"},
                 {"zstd;q=0, gzip", "gzip"},
                 {"gzip;q=0.000", NULL},
                 {"*", "gzip"},
                 {"*;q=0", NULL},
                 {"gzip;q=0, *", NULL},
                 {"br", NULL},
                 {"", NULL},
                 {",,;q,gzipx", NULL}};
    open_with(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int peer = connect_peer();
        char text[256], coding[64];
        snprintf(text, sizeof text, "GET /verbose HTTP/1.1\r\n" HOST "Accept-Encoding: %s\r\n\r\n", cases[i].asked);
        snprintf(coding, sizeof coding, "\r\nContent-Encoding: %s\r\n", cases[i].coding != NULL ? cases[i].coding : "");
        say(peer, text);
        static char answer[16 << 10];
        ssize_t size = read(peer, answer, sizeof answer - 1);
        REQUIRE(size > 0);
        answer[size] = '\0';
        char *body = strstr(answer, "\r\n\r\n");
        REQUIRE(body != NULL);
        *body = '\0';
        CHECK((strstr(answer, coding) != NULL) == (cases[i].coding != NULL));
        size_t body_size = (size_t)(answer + size - body) - 4;
        if (cases[i].coding == NULL) {
            CHECK_EQUAL(body_size, VERBOSE);
        } else {
            writer w;
            enum codec codec;
            writer_init(&w, &f.memory, MEMORY_SERVER, VERBOSE);
            CHECK(codec_parse(slice_of_text(cases[i].coding), &codec));
            CHECK_EQUAL(codec_decompress(codec, slice_of(body + 4, body_size), VERBOSE, &w, NULL), 0);
            CHECK_EQUAL(w.size, VERBOSE);
            writer_close(&w);
        }
        close(peer);
    }
    int peer = connect_peer();
    say(peer, "GET /hello HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n");
    http_fixture_check_hears(peer, HELLO);
    close(peer);
    close_all();
}

static void pages_of_other_origins_need_leave(void)
{
    static const char request[] = "GET /hello HTTP/1.1\r\n" HOST "Origin: https://a.example\r\n\r\n";
    open_with(NULL);
    int peer = connect_peer();
    say(peer, request);
    http_fixture_check_hears(peer, HELLO);
    close(peer);
    close_all();

    open_with((const char *const[]){"access.control.allow.origin=https://b.example, https://a.example", NULL});
    peer = connect_peer();
    say(peer, request);
    CHECK(strstr(http_fixture_hear(peer), "\r\nAccess-Control-Allow-Origin: https://a.example\r\nVary: Origin\r\n") !=
          NULL);
    say(peer, "GET /hello HTTP/1.1\r\n" HOST "Origin: https://c.example\r\n\r\n");
    http_fixture_check_hears(peer, HELLO);
    say(peer, "OPTIONS /echo HTTP/1.1\r\n" HOST "Origin: https://b.example\r\nAccess-Control-Request-Method: POST\r\n"
              "Access-Control-Request-Headers: content-type, x-record-key\r\n\r\n");
    const char *heard = http_fixture_hear(peer);
    CHECK(strncmp(heard, "HTTP/1.1 204 ", 13) == 0);
    CHECK(strstr(heard, "\r\nAccess-Control-Allow-Headers: content-type, x-record-key\r\n") != NULL);
    CHECK(strstr(heard, "\r\nAccess-Control-Allow-Methods: GET, HEAD, POST, ") != NULL);
    close(peer);
    close_all();

    open_with((const char *const[]){"access.control.allow.origin=*", NULL});
    peer = connect_peer();
    say(peer, request);
    CHECK(strstr(http_fixture_hear(peer), "\r\nAccess-Control-Allow-Origin: *\r\n") != NULL);
    close(peer);
    close_all();
}

static void a_page_without_leave_changes_nothing(void)
{
    static const struct {
        const char *origin;
        int status;
    } cases[] = {{"https://evil.example", 403},
                 {"null", 403},
                 {"", 403},
                 {"http://a", 201},
                 {"https://a", 201},
                 {"http://a.example", 403},
                 {"http://b", 403},
                 {"https://b.example", 201},
                 {"file://a", 403}};
    open_with((const char *const[]){"access.control.allow.origin=https://b.example", NULL});
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        int peer = connect_peer();
        snprintf(text, sizeof text, "POST /echo HTTP/1.1\r\n" HOST "Origin: %s\r\nContent-Length: 1\r\n\r\nx",
                 cases[i].origin);
        say(peer, text);
        CHECK(http_fixture_hears_status(peer, cases[i].status));
        close(peer);
    }
    close_all();
}

/* ---- streams ---- */

static void begin_flow(unsigned wanted, bool waits)
{
    memset(&flow, 0, sizeof flow);
    flow.wanted = wanted;
    flow.waits = waits;
}

static size_t drain(int peer)
{
    static char sink[1 << 20];
    size_t total = 0;
    for (int idle = 0; idle < 10; idle++) {
        ssize_t got = read(peer, sink, sizeof sink);
        total += got > 0 ? (size_t)got : 0;
        idle = got > 0 ? 0 : idle;
        server_fixture_turn(&f);
    }
    return total;
}

static void a_stream_is_chunks(void)
{
    open_with(NULL);
    int peer = connect_peer();
    begin_flow(2, false);
    say(peer, "GET /flow HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n");
    static char text[8192];
    ssize_t size = read(peer, text, sizeof text);
    static const char head[] = "Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n";
    const char *body = memmem(text, (size_t)size, head, sizeof head - 1);
    REQUIRE(body != NULL);
    CHECK(memcmp(body + sizeof head - 1 + PIECE, "\r\n3e8\r\n", 7) == 0);
    CHECK(memcmp(body + sizeof head - 1 + 2 * PIECE + 7, "\r\n0\r\n\r\nHTTP/1.1 200 OK", 22) == 0);

    begin_flow(2, false);
    say(peer, "HEAD /flow HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n");
    http_fixture_check_hears(peer,
                             "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n" HELLO);

    begin_flow(0, true);
    say(peer, "HEAD /flow HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n"); /* waits for nobody */
    http_fixture_check_hears(peer,
                             "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n" HELLO);

    begin_flow(0, false);
    say(peer, "GET /flow HTTP/1.0\r\n\r\n");
    http_fixture_check_hears(peer, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n<end>");
    close(peer);
    close_all();
}

static void a_slow_reader_holds_the_stream_back(void)
{
    open_with(NULL);
    int peer = connect_peer();
    begin_flow(5000, false);
    say(peer, "GET /flow HTTP/1.1\r\n" HOST "\r\n");
    CHECK(flow.written < 1000);
    CHECK(memory_total_bytes(&f.memory) < (size_t)512 << 10);
    unsigned written = flow.written;
    server_fixture_turn(&f);
    CHECK_EQUAL(flow.written, written);
    CHECK(drain(peer) > (size_t)5000 * PIECE);
    CHECK_EQUAL(flow.written, 5000);
    say(peer, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    http_fixture_check_hears(peer, HELLO);
    CHECK_EQUAL(budget_used(f.server.budget), 0);
    close(peer);
    close_all();
}

static void a_reader_may_stop_for_long_while_memory_is_not_short(void)
{
    open_with((const char *const[]){"connections.max.idle.ms=100", NULL});
    int peer = connect_peer();
    begin_flow(5000, false);
    say(peer, "GET /flow HTTP/1.1\r\n" HOST "\r\n");
    unsigned written = flow.written;
    CHECK(written < 1000);
    CHECK(server_fixture_run_ms(&f, 1500) < 10);
    CHECK_EQUAL(connections_count(f.server.connections), 1);
    CHECK_EQUAL(flow.written, written);
    budget_add(connections_orphans(f.server.connections), budget_limit(f.server.budget));
    server_fixture_run_ms(&f, 1500);
    CHECK_EQUAL(connections_count(f.server.connections), 0);
    budget_return(connections_orphans(f.server.connections), budget_limit(f.server.budget));
    close(peer);
    close_all();
}

static void a_stream_that_waits_is_told_to_hurry(void)
{
    open_with(NULL);
    int peer = connect_peer();
    begin_flow(0, true);
    say(peer, "GET /flow HTTP/1.1\r\n" HOST "\r\n");
    CHECK(strstr(http_fixture_hear(peer), "chunked\r\n\r\n") != NULL);
    shutdown(peer, SHUT_WR);
    server_fixture_turn(&f);
    CHECK(flow.was_hurried);
    http_fixture_check_hears(peer, "0\r\n\r\n<end>");
    close(peer);

    peer = connect_peer();
    begin_flow(5000, true);
    say(peer, "GET /flow HTTP/1.1\r\n" HOST "\r\n");
    connections_close_all(f.server.connections);
    server_fixture_turn(&f);
    CHECK(flow.was_hurried && flow.written < 5000);
    CHECK_EQUAL(budget_used(f.server.budget), 0);
    close(peer);
    close_all();
}

/* ---- bad ones ---- */

static void what_cannot_be_read_is_answered_and_ends(void)
{
    open_with(NULL);
    int peer = connect_peer();
    say(peer, "GET /hello HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\nGET /hello HTTP/1.1\r\n" HOST "\r\n");
    const char *heard = http_fixture_hear(peer);
    CHECK(strncmp(heard, HELLO "HTTP/1.1 400 ", strlen(HELLO) + 13) == 0);
    CHECK(strstr(heard, "Connection: close\r\n") != NULL && strstr(heard, "<end>") != NULL);
    for (int i = 0; i < 100; i++)
        say(peer, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    http_fixture_check_hears(peer, "<end>");
    CHECK_EQUAL(connections_count(f.server.connections), 1);
    server_fixture_run_ms(&f, 3200);
    CHECK_EQUAL(connections_count(f.server.connections), 0);
    CHECK_EQUAL(server_fixture_logged(&f, "too slowly"), 0);
    close(peer);
    close_all();
}

static void what_is_refused_half_read_is_answered_too(void)
{
    static const char *const requests[] = {
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\nAccept-Encoding: gzip\r\n\r\nxx",
        "GET /hel lo HTTP/1.1\r\n" HOST "Origin: https://a.example\r\n\r\n",
        "GET /hello HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, chunked\r\nOrigin: https://a.example\r\n\r\n",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nx\r\n",
    };
    open_with((const char *const[]){"access.control.allow.origin=*", NULL});
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        int peer = connect_peer();
        say(peer, requests[i]);
        const char *heard = http_fixture_hear(peer);
        CHECK(strncmp(heard, "HTTP/1.1 400 ", 13) == 0 || strncmp(heard, "HTTP/1.1 501 ", 13) == 0);
        CHECK(strstr(heard, "<end>") != NULL);
        close(peer);
    }
    close_all();
}

static void a_request_that_takes_too_long_is_told_so(void)
{
    open_with(NULL);
    int peer = connect_peer();
    say(peer, "GET /hello HTTP/1.1\r\nHost");
    struct connection *connection = f.server.connections->newest;
    int64_t left = http_dialect.deadline(connection) - (int64_t)uv_now(&f.loop);
    CHECK(left > 9000 && left <= 10000);
    http_session_of(connection)->began -= 10000;
    server_fixture_run_ms(&f, 1200);
    CHECK(http_fixture_hears_status(peer, 408));
    close(peer);
    peer = connect_peer();
    say(peer, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc");
    http_session_of(f.server.connections->newest)->began -= 10000;
    server_fixture_run_ms(&f, 1200);
    CHECK(http_fixture_hears_status(peer, 408));
    close(peer);
    close_all();
}

static void who_does_not_read_is_not_served(void)
{
    open_with(NULL);
    int peer = connect_peer();
    static const char request[] = "GET /large HTTP/1.1\r\n" HOST "\r\n";
    for (int i = 0; i < 100; i++)
        CHECK_EQUAL(write(peer, request, sizeof request - 1), sizeof request - 1);
    server_fixture_turn(&f);
    CHECK(f.server.connections->newest->output.bytes < (size_t)1 << 20);
    CHECK(memory_total_bytes(&f.memory) < (size_t)2 << 20);
    static char sink[1 << 20];
    size_t total = 0;
    for (int idle = 0; idle < 10; idle++) {
        ssize_t got = read(peer, sink, sizeof sink);
        if (got > 0) {
            total += (size_t)got;
            idle = 0;
        }
        server_fixture_turn(&f);
    }
    CHECK(total > (size_t)100 * (200 << 10));
    close(peer);
    close_all();
}

static void each_allocation_may_fail(void)
{
    for (int64_t nth = 0, failed = 1; failed != 0; nth++) {
        open_with(NULL);
        begin_flow(2, false);
        memory_fail_at(&f.memory, nth);
        int peer = connect_peer();
        static const char requests[] =
            "POST /echo HTTP/1.1\r\n" HOST
            "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nd\r\n0\r\n\r\n"
            "GET /verbose HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\nGET /flow HTTP/1.1\r\n" HOST
            "\r\nGET /later HTTP/1.1\r\n" HOST "\r\nGET /x HTTP/1.1\r\n" HOST "\r\n";
        (void)!write(peer, requests, sizeof requests - 1);
        server_fixture_turn(&f);
        if (waiting != NULL)
            handle_hello(waiting);
        server_fixture_turn(&f);
        failed = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        if (failed == 0)
            CHECK(strstr(http_fixture_hear(peer), HELLO "HTTP/1.1 404 ") != NULL);
        close(peer);
        close_all();
        REQUIRE(nth < 100);
    }
}

SUITE("http_session", CHECK_TEST(requests_are_answered_in_their_order), CHECK_TEST(paths_have_arguments),
      CHECK_TEST(another_method_is_told_which_there_are), CHECK_TEST(connections_stay_as_the_client_wants),
      CHECK_TEST(a_peer_that_ends_its_half_is_answered), CHECK_TEST(a_body_has_a_limit),
      CHECK_TEST(who_asks_is_told_to_continue), CHECK_TEST(a_body_waits_for_its_memory),
      CHECK_TEST(a_handler_may_answer_later), CHECK_TEST(a_handler_need_not_know_that_the_client_has_gone),
      CHECK_TEST(a_long_text_is_compressed_for_who_takes_that), CHECK_TEST(pages_of_other_origins_need_leave),
      CHECK_TEST(a_page_without_leave_changes_nothing), CHECK_TEST(a_stream_is_chunks),
      CHECK_TEST(a_slow_reader_holds_the_stream_back), CHECK_TEST(a_reader_may_stop_for_long_while_memory_is_not_short),
      CHECK_TEST(a_stream_that_waits_is_told_to_hurry), CHECK_TEST(what_cannot_be_read_is_answered_and_ends),
      CHECK_TEST(what_is_refused_half_read_is_answered_too), CHECK_TEST(a_request_that_takes_too_long_is_told_so),
      CHECK_TEST(who_does_not_read_is_not_served), CHECK_TEST(each_allocation_may_fail))
