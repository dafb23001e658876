/* Bodies that are taken as they come, and answers that many share. */
#include "check.h"
#include "connections_private.h"
#include "http/body.h"
#include "http_fixture.h"
#include "shared_bytes.h"

#include <stdio.h>
#include <unistd.h>

#define HOST    "Host: a\r\n"
#define CHUNKED "POST /take HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
#define ENDED   "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nended"
#define HELLO   "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"

static struct server_fixture f;

/* What the handler does and saw. */
static struct {
    struct http_exchange *exchange;
    char taken[4096];
    size_t size, total;
    unsigned takes, ends, cuts;
    int status;
    const char *message;
    bool pauses;      /* after each piece */
    bool echoes;      /* each piece at once, as a stream */
    bool defers;      /* the reading, and the answer */
    bool refuses;     /* in `begin` */
    size_t enough_at; /* answers behind so many bytes; 0: never */
} body;

static void answer(struct http_exchange *exchange, const char *text)
{
    body.exchange = NULL;
    if (body.echoes)
        http_stream_end(exchange);
    else
        http_reply(exchange, 200, "text/plain", NULL, slice_of_text(text));
}

static void take(struct http_exchange *exchange, slice bytes)
{
    CHECK(bytes.size != 0 && exchange->context == &body);
    body.takes++;
    body.total += bytes.size;
    if (body.size + bytes.size < sizeof body.taken) {
        memcpy(body.taken + body.size, bytes.data, bytes.size);
        body.size += bytes.size;
        body.taken[body.size] = '\0';
    }
    if (body.pauses)
        http_body_pause(exchange);
    if (body.echoes && http_stream_write(exchange, bytes) == HTTP_STREAM_GONE)
        answer(exchange, "");
    else if (body.enough_at != 0 && body.total >= body.enough_at)
        answer(exchange, "enough");
}

static void end(struct http_exchange *exchange)
{
    body.ends++;
    if (!body.defers)
        answer(exchange, "ended");
}

static void cut(struct http_exchange *exchange, int status, const char *message)
{
    body.cuts++;
    body.status = status;
    body.message = message;
    if (body.defers)
        return;
    body.exchange = NULL;
    if (body.echoes)
        http_stream_abort(exchange);
    else
        http_reply_error(exchange, status, message);
}

static const struct http_body_reader reader = {.take = take, .end = end, .cut = cut};

static void begin_take(struct http_exchange *exchange)
{
    static const struct http_stream stream = {.writable = NULL};
    body.exchange = exchange;
    if (body.refuses) {
        body.exchange = NULL;
        http_reply_error(exchange, 42201, "not that one");
        return;
    }
    if (body.echoes && http_stream_begin(exchange, 200, "text/plain", NULL, &stream, &body) == HTTP_STREAM_GONE)
        answer(exchange, "");
    else if (!body.defers)
        http_body_read(exchange, &reader, &body);
}

static void handle_hello(struct http_exchange *exchange)
{
    http_reply(exchange, 200, "text/plain", NULL, slice_of_text("hello"));
}

/* ---- answers that share ---- */

static struct shared_bytes *block;
static struct http_exchange *followers[4];
static size_t follower_count;

static void drop_follower(struct http_exchange *exchange)
{
    for (size_t i = 0; i < follower_count; i++)
        if (followers[i] == exchange)
            followers[i] = followers[--follower_count];
    http_stream_end(exchange);
}

static void handle_follow(struct http_exchange *exchange)
{
    static const struct http_stream stream = {.hurry = drop_follower};
    followers[follower_count++] = exchange;
    if (http_stream_begin(exchange, 200, "text/plain", NULL, &stream, NULL) == HTTP_STREAM_GONE)
        drop_follower(exchange);
}

static const struct http_route routes[] = {
    {.method = HTTP_METHOD_POST, .pattern = "/take", .begin = begin_take, .type = "text/plain", .summary = "Takes"},
    {.method = HTTP_METHOD_GET, .pattern = "/hello", .handle = handle_hello, .type = "text/plain", .summary = "Hello"},
    {.method = HTTP_METHOD_GET, .pattern = "/follow", .handle = handle_follow, .type = "text/plain", .summary = "On"},
};
static const struct http_api api = {.name = "Test", .routes = routes, .count = sizeof routes / sizeof routes[0]};
static const struct http_api *const apis[] = {&api, NULL};

static int open_peer(void)
{
    memset(&body, 0, sizeof body);
    follower_count = 0;
    http_fixture_open(&f, apis, NULL);
    return http_fixture_connect(&f);
}

static void close_peer(int peer)
{
    close(peer);
    server_fixture_turn(&f);
    CHECK_EQUAL(connections_count(f.server.connections), 0);
    CHECK_EQUAL(budget_used(f.server.budget), 0);
    http_fixture_close(&f);
}

static void say(int peer, const char *text)
{
    http_fixture_say(&f, peer, text);
}

/* ---- bodies ---- */

static void a_body_is_taken_however_it_is_cut(void)
{
    static const char requests[] = CHUNKED "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
                                           "POST /take HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi"
                                           "POST /take HTTP/1.1\r\n" HOST "\r\n"
                                           "GET /hello HTTP/1.1\r\n" HOST "\r\n";
    int peer = open_peer();
    say(peer, requests);
    http_fixture_check_hears(peer, ENDED ENDED ENDED HELLO);
    CHECK(strcmp(body.taken, "abcdefghi") == 0);
    for (size_t at = 1; at < sizeof requests - 1; at++) {
        http_fixture_say_bytes(&f, peer, slice_of(requests, at));
        http_fixture_say_bytes(&f, peer, slice_of(requests + at, sizeof requests - 1 - at));
        http_fixture_check_hears(peer, ENDED ENDED ENDED HELLO);
    }
    CHECK_EQUAL(body.total, 9 * (sizeof requests - 1));
    CHECK_EQUAL(body.cuts, 0);
    close_peer(peer);
}

/* Each piece is taken when the one before has been dealt with; what arrived meanwhile is one block at most. */
static void a_paused_body_holds_the_client_back(void)
{
    static uint8_t filler[64 << 10];
    memset(filler, 'x', sizeof filler);
    int peer = open_peer();
    body.pauses = true;
    say(peer, "POST /take HTTP/1.1\r\n" HOST "Content-Length: 10000000\r\n\r\n");
    size_t sent = 0, before = 0;
    for (int blocked = 0; sent < 10000000;) {
        size_t left = 10000000 - sent;
        ssize_t went = write(peer, filler, left < sizeof filler ? left : sizeof filler);
        sent += went > 0 ? (size_t)went : 0;
        server_fixture_turn(&f);
        CHECK(memory_total_bytes(&f.memory) < (size_t)512 << 10);
        blocked = went > 0 ? 0 : blocked + 1;
        if (blocked == 0)
            continue;
        before = body.total;
        server_fixture_turn(&f);
        CHECK_EQUAL(body.total, before);
        http_body_resume(body.exchange);
        server_fixture_turn(&f);
        REQUIRE(body.total > before);
    }
    while (body.exchange != NULL) {
        http_body_resume(body.exchange);
        server_fixture_turn(&f);
    }
    CHECK_EQUAL(body.total, 10000000);
    http_fixture_check_hears(peer, ENDED);
    close_peer(peer);
}

static void reading_may_begin_later(void)
{
    int peer = open_peer();
    body.defers = true;
    say(peer, "POST /take HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    http_fixture_check_hears(peer, "");
    http_body_read(body.exchange, &reader, &body);
    server_fixture_turn(&f);
    http_fixture_check_hears(peer, "HTTP/1.1 100 Continue\r\n\r\n");
    say(peer, "abcGET /hello HTTP/1.1\r\n" HOST "\r\n");
    CHECK_EQUAL(body.ends, 1);
    http_fixture_check_hears(peer, "");
    answer(body.exchange, "ended");
    server_fixture_turn(&f);
    http_fixture_check_hears(peer, ENDED HELLO);
    close_peer(peer);
}

static void the_answer_may_come_with_the_body(void)
{
    int peer = open_peer();
    body.echoes = true;
    say(peer, CHUNKED);
    http_fixture_check_hears(peer, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n");
    say(peer, "3\r\nabc\r\n");
    http_fixture_check_hears(peer, "3\r\nabc\r\n");
    say(peer, "1\r\nd\r\n0\r\n\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n");
    http_fixture_check_hears(peer, "1\r\nd\r\n0\r\n\r\n" HELLO);
    close_peer(peer);
}

static void an_answer_before_the_end_ends_the_connection(void)
{
    int peer = open_peer();
    body.enough_at = 3;
    say(peer, CHUNKED "3\r\nabc\r\n1\r\nd\r\n");
    http_fixture_check_hears(
        peer,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\nConnection: close\r\n\r\nenough<end>");
    close(peer);
    peer = http_fixture_connect(&f);
    body.refuses = true;
    say(peer, CHUNKED);
    const char *heard = http_fixture_hear(peer);
    CHECK(strncmp(heard, "HTTP/1.1 422 ", 13) == 0 && strstr(heard, "<end>") != NULL);
    close(peer);
    peer = http_fixture_connect(&f);
    say(peer, "POST /take HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n"); /* no body: nothing to read */
    heard = http_fixture_hear(peer);
    CHECK(strncmp(heard, "HTTP/1.1 422 ", 13) == 0 && strstr(heard, HELLO) != NULL);
    close_peer(peer);
}

static void a_body_that_breaks_off_is_told_why(void)
{
    int peer = open_peer();
    say(peer, CHUNKED "3\r\nabc\r\nwrong\r\n");
    CHECK(http_fixture_hears_status(peer, 400));
    CHECK_EQUAL(body.cuts, 1);
    CHECK_EQUAL(body.status, 400);
    close(peer);

    peer = http_fixture_connect(&f);
    say(peer, "POST /take HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nabc");
    shutdown(peer, SHUT_WR);
    server_fixture_turn(&f);
    CHECK_EQUAL(body.cuts, 2);
    CHECK(http_fixture_hears_status(peer, 400));
    close(peer);

    peer = http_fixture_connect(&f);
    say(peer, "POST /take HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nabc");
    connections_close_all(f.server.connections);
    CHECK_EQUAL(body.cuts, 3);
    CHECK(body.exchange == NULL && body.ends == 0);
    close_peer(peer);
}

static void a_handler_may_outlive_a_body_that_breaks_off(void)
{
    int peer = open_peer();
    body.defers = true;
    say(peer, "POST /take HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nabc");
    close(peer);
    connections_close_all(f.server.connections);
    CHECK(budget_used(f.server.budget) != 0);
    http_body_read(body.exchange, &reader, &body);
    CHECK_EQUAL(body.cuts, 1);
    http_exchange_hold(body.exchange, 1000);
    http_exchange_let_go(body.exchange, 400);
    answer(body.exchange, "too late");
    close_peer(http_fixture_connect(&f));
}

/* ---- what is refused ---- */

static void a_short_body_that_nobody_wants_is_passed_over(void)
{
    int peer = open_peer();
    say(peer, "POST /nothing HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhiGET /hello HTTP/1.1\r\n" HOST "\r\n");
    const char *heard = http_fixture_hear(peer);
    CHECK(strncmp(heard, "HTTP/1.1 404 ", 13) == 0 && strstr(heard, HELLO) != NULL);
    say(peer, "PUT /hello HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n");
    heard = http_fixture_hear(peer);
    CHECK(strncmp(heard, "HTTP/1.1 405 ", 13) == 0 && strstr(heard, "<end>") != NULL);
    close(peer);
    peer = http_fixture_connect(&f);
    say(peer, "POST /nothing HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nh");
    CHECK(http_fixture_hears_status(peer, 404));
    http_session_of(f.server.connections->newest)->began -= 10000;
    server_fixture_run_ms(&f, 1200);
    http_fixture_check_hears(peer, "<end>");
    close_peer(peer);
}

/* ---- sharing ---- */

static void many_answers_send_one_block(void)
{
    int peers[3] = {open_peer(), http_fixture_connect(&f), http_fixture_connect(&f)};
    for (size_t i = 0; i < 3; i++) {
        say(peers[i], i == 2 ? "GET /follow HTTP/1.0\r\n\r\n" : "GET /follow HTTP/1.1\r\n" HOST "\r\n");
        (void)http_fixture_hear(peers[i]);
    }
    size_t used = budget_used(f.server.budget), bytes = memory_total_bytes(&f.memory);
    block = shared_bytes_make(&f.memory, connections_orphans(f.server.connections), 10000);
    memset(block->data, 'b', block->size);
    for (size_t i = 0; i < 3; i++)
        CHECK_EQUAL(http_stream_write_shared(followers[i], block, 100, 9000), HTTP_STREAM_READY);
    shared_bytes_release(block);
    CHECK(memory_total_bytes(&f.memory) - bytes < 10000 + 3 * 1024 + 200);
    server_fixture_turn(&f);
    CHECK_EQUAL(memory_total_bytes(&f.memory), bytes);
    CHECK_EQUAL(budget_used(f.server.budget), used);
    slice heard = http_fixture_hear_bytes(peers[0]);
    CHECK_EQUAL(heard.size, 6 + 9000 + 2);
    CHECK(memcmp(heard.data, "2328\r\nbb", 8) == 0 && memcmp(heard.data + heard.size - 4, "bb\r\n", 4) == 0);
    CHECK_EQUAL(http_fixture_hear_bytes(peers[2]).size, 9000);
    block = shared_bytes_make(&f.memory, connections_orphans(f.server.connections), 10);
    CHECK_EQUAL(http_stream_write_shared(followers[0], block, 0, 0), HTTP_STREAM_READY); /* no end of the chunks */
    shared_bytes_release(block);
    CHECK_EQUAL(http_fixture_hear_bytes(peers[0]).size, 0);
    for (size_t i = 1; i < 3; i++)
        close(peers[i]);
    server_fixture_turn(&f);
    CHECK_EQUAL(follower_count, 1);
    close_peer(peers[0]);
}

/* ---- memory ---- */

static void fail_each_allocation(bool echoes)
{
    for (int64_t nth = 0, failed = 1; failed != 0; nth++) {
        memset(&body, 0, sizeof body);
        follower_count = 0;
        http_fixture_open(&f, apis, NULL);
        body.echoes = echoes;
        memory_fail_at(&f.memory, nth);
        int peer = http_fixture_connect(&f);
        static const char requests[] = CHUNKED "3\r\nabc\r\n0\r\n\r\nPOST /take HTTP/1.1\r\n" HOST
                                               "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi"
                                               "GET /follow HTTP/1.1\r\n" HOST "\r\n";
        (void)!write(peer, requests, sizeof requests - 1);
        server_fixture_turn(&f);
        block = shared_bytes_make(&f.memory, connections_orphans(f.server.connections), 10);
        if (block != NULL && follower_count != 0 &&
            http_stream_write_shared(followers[0], block, 0, 5) == HTTP_STREAM_GONE)
            drop_follower(followers[0]);
        shared_bytes_release(block);
        server_fixture_turn(&f);
        failed = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        close(peer);
        server_fixture_turn(&f);
        CHECK(follower_count == 0 && body.exchange == NULL);
        http_fixture_close(&f);
        REQUIRE(nth < 100);
    }
}

static void each_allocation_may_fail(void)
{
    fail_each_allocation(false);
    fail_each_allocation(true);
}

SUITE("http_body", CHECK_TEST(a_body_is_taken_however_it_is_cut), CHECK_TEST(a_paused_body_holds_the_client_back),
      CHECK_TEST(reading_may_begin_later), CHECK_TEST(the_answer_may_come_with_the_body),
      CHECK_TEST(an_answer_before_the_end_ends_the_connection), CHECK_TEST(a_body_that_breaks_off_is_told_why),
      CHECK_TEST(a_handler_may_outlive_a_body_that_breaks_off),
      CHECK_TEST(a_short_body_that_nobody_wants_is_passed_over), CHECK_TEST(many_answers_send_one_block),
      CHECK_TEST(each_allocation_may_fail))
