/* WebSockets over connections of HTTP. */
#include "http/socket.h"

#include "check.h"
#include "connections_private.h"
#include "http/body.h"
#include "http_fixture.h"

#include <stdio.h>
#include <unistd.h>

#define HOST "Host: a\r\n"
#define ASK                                                                                                            \
    "GET /socket HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"                        \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
/* RFC 6455, section 1.3. */
#define SWITCHED                                                                                                       \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                                \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
#define MESSAGE_MAX 3000

static struct server_fixture f;

static struct {
    struct http_exchange *exchange;
    writer heard;
    unsigned messages, endings, writables;
    bool lingers;  /* does not end the exchange when told */
    bool says_bye; /* ends at the first message */
} chat;

static void end_chat(enum websocket_close_code code, const char *reason)
{
    struct http_exchange *exchange = chat.exchange;
    chat.exchange = NULL;
    http_socket_end(exchange, code, reason);
}

/* Says it back. */
static void take_message(struct http_exchange *exchange, enum websocket_opcode opcode, slice payload)
{
    chat.messages++;
    write_bytes(&chat.heard, payload);
    if (chat.says_bye)
        end_chat(WEBSOCKET_NORMAL, "bye");
    else if (http_socket_send(exchange, opcode, payload) == HTTP_STREAM_GONE)
        end_chat(WEBSOCKET_NORMAL, "");
}

static void note_writable(struct http_exchange *exchange)
{
    (void)exchange;
    chat.writables++;
}

static void note_ending(struct http_exchange *exchange)
{
    (void)exchange;
    chat.endings++;
    if (!chat.lingers)
        end_chat(WEBSOCKET_GOING_AWAY, "the server stops");
}

static const struct http_socket chatter = {
    .message_max = MESSAGE_MAX, .message = take_message, .writable = note_writable, .ending = note_ending};

static void handle_socket(struct http_exchange *exchange)
{
    if (!http_wants_socket(exchange))
        http_reply(exchange, 200, "text/plain", NULL, slice_of_text("no socket"));
    else if (http_socket_begin(exchange, &chatter, &chat))
        chat.exchange = exchange;
}

static const struct http_route routes[] = {
    {.method = HTTP_METHOD_GET, .pattern = "/socket", .handle = handle_socket, .type = "text/plain", .summary = "Chat"},
};
static const struct http_api api = {.name = "Test", .routes = routes, .count = 1};
static const struct http_api *const apis[] = {&api, NULL};

static int open_peer(void)
{
    memset(&chat, 0, sizeof chat);
    http_fixture_open(&f, apis, NULL);
    writer_init(&chat.heard, &f.memory, MEMORY_SERVER, (size_t)1 << 20);
    return http_fixture_connect(&f);
}

static int open_socket(void)
{
    int peer = open_peer();
    http_fixture_say(&f, peer, ASK "\r\n");
    http_fixture_check_hears(peer, SWITCHED);
    return peer;
}

static void close_peer(int peer)
{
    close(peer);
    connections_close_all(f.server.connections);
    server_fixture_turn(&f);
    CHECK(chat.exchange == NULL);
    CHECK_EQUAL(budget_used(f.server.budget), 0);
    writer_close(&chat.heard);
    http_fixture_close(&f);
}

/* A client's frame, masked. `first`: FIN, reserved bits and opcode. Until the next call. */
static slice frame_of(uint8_t first, slice payload)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    static uint8_t bytes[8192];
    size_t size = 0;
    bytes[size++] = first;
    if (payload.size > 125) {
        bytes[size++] = 0x80 | 126;
        bytes[size++] = (uint8_t)(payload.size >> 8);
        bytes[size++] = (uint8_t)payload.size;
    } else {
        bytes[size++] = (uint8_t)(0x80 | payload.size);
    }
    memcpy(bytes + size, mask, 4);
    size += 4;
    for (size_t i = 0; i < payload.size; i++)
        bytes[size++] = payload.data[i] ^ mask[i & 3];
    return slice_of(bytes, size);
}

static void say_frame(int peer, uint8_t first, const char *text)
{
    http_fixture_say_bytes(&f, peer, frame_of(first, slice_of_text(text)));
}

static void check_hears_bytes(int peer, const char *expected, size_t size)
{
    slice heard = http_fixture_hear_bytes(peer);
    bool same = heard.size == size && memcmp(heard.data, expected, size) == 0;
    for (size_t i = 0; !same && i < heard.size; i++)
        printf("%02x ", heard.data[i]);
    CHECK(same);
}
#define CHECK_HEARS_BYTES(peer, text) check_hears_bytes(peer, text, sizeof(text) - 1)

/* ---- ---- */

static void messages_go_both_ways(void)
{
    int peer = open_socket();
    say_frame(peer, 0x81, "hi");
    CHECK_HEARS_BYTES(peer, "\x81\x02hi");
    say_frame(peer, 0x82, "");
    CHECK_HEARS_BYTES(peer, "\x82\0");
    say_frame(peer, 0x01, "in ");
    say_frame(peer, 0x89, "ping");
    CHECK_HEARS_BYTES(peer, "\x8a\x04ping");
    say_frame(peer, 0x00, "three ");
    say_frame(peer, 0x80, "parts");
    CHECK_HEARS_BYTES(peer, "\x81\x0ein three parts");
    CHECK_EQUAL(chat.messages, 3);
    close_peer(peer);
}

static void frames_may_be_cut_anywhere_even_behind_the_request(void)
{
    uint8_t bytes[1024];
    size_t size = sizeof ASK "\r\n" - 1;
    memcpy(bytes, ASK "\r\n", size);
    for (int i = 0; i < 3; i++) {
        slice frame = frame_of(i == 1 ? 0x01 : 0x81, slice_of_text(i == 0 ? "one" : "two"));
        memcpy(bytes + size, frame.data, frame.size);
        size += frame.size;
        if (i == 1) {
            frame = frame_of(0x80, slice_of_text("more"));
            memcpy(bytes + size, frame.data, frame.size);
            size += frame.size;
        }
    }
    int peer = open_peer();
    static const char answers[] = SWITCHED "\x81\x03one\x81\x07twomore\x81\x03two";
    for (size_t at = 1; at < size; at++) {
        http_fixture_say_bytes(&f, peer, slice_of(bytes, at));
        http_fixture_say_bytes(&f, peer, slice_of(bytes + at, size - at));
        http_fixture_check_hears(peer, answers);
        close(peer);
        server_fixture_turn(&f);
        CHECK(chat.exchange == NULL);
        peer = http_fixture_connect(&f);
    }
    CHECK_EQUAL(chat.heard.size, 13 * (size - 1));
    close_peer(peer);
}

static void a_close_is_answered_with_its_code(void)
{
    int peer = open_socket();
    say_frame(peer, 0x88, "\x03\xe9gone");
    CHECK_EQUAL(chat.endings, 1);
    CHECK_HEARS_BYTES(peer, "\x88\x02\x03\xe9<end>");
    close_peer(peer);
    peer = open_socket();
    chat.lingers = true;
    say_frame(peer, 0x88, "");
    say_frame(peer, 0x81, "too late");
    CHECK_HEARS_BYTES(peer, "");
    CHECK_EQUAL(chat.messages, 0);
    end_chat(WEBSOCKET_NORMAL, "unheard");
    server_fixture_turn(&f);
    CHECK_HEARS_BYTES(peer, "\x88\0<end>");
    close_peer(peer);
}

static void the_server_may_end_it(void)
{
    int peer = open_socket();
    chat.says_bye = true;
    say_frame(peer, 0x81, "a");
    say_frame(peer, 0x81, "b");
    CHECK_EQUAL(chat.messages, 1);
    CHECK_HEARS_BYTES(peer, "\x88\x05\x03\xe8"
                            "bye<end>");
    say_frame(peer, 0x88, "\x03\xe8");
    close(peer);
    server_fixture_turn(&f);
    CHECK_EQUAL(connections_count(f.server.connections), 0);
    CHECK_EQUAL(chat.endings, 0);
    close_peer(http_fixture_connect(&f));

    peer = open_socket();
    connections_end_all(f.server.connections);
    server_fixture_turn(&f);
    CHECK_HEARS_BYTES(peer, "\x88\x12\x03\xe9the server stops<end>");
    close_peer(peer);
}

static void broken_rules_end_it(void)
{
    static const struct {
        size_t size;
        uint16_t code;
        uint8_t bytes[12];
    } cases[] = {
        {3, 1002, {0x81, 0x01, 'a'}},                    /* no mask */
        {6, 1002, {0xc1, 0x80, 0, 0, 0, 0}},             /* a reserved bit */
        {6, 1002, {0x83, 0x80, 0, 0, 0, 0}},             /* an opcode that is none */
        {6, 1002, {0x80, 0x80, 0, 0, 0, 0}},             /* goes on with nothing */
        {6, 1002, {0x09, 0x80, 0, 0, 0, 0}},             /* a ping in parts */
        {7, 1007, {0x81, 0x81, 0, 0, 0, 0, 0xff}},       /* no UTF-8 */
        {8, 1009, {0x81, 0xfe, 0x0b, 0xb9, 0, 0, 0, 0}}, /* larger than messages may be */
        {8, 1002, {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xed}}, /* a code that may not be sent */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int peer = open_socket();
        http_fixture_say_bytes(&f, peer, slice_of(cases[i].bytes, cases[i].size));
        slice heard = http_fixture_hear_bytes(peer);
        REQUIRE(heard.size > 4);
        CHECK_EQUAL(heard.data[0], 0x88);
        CHECK_EQUAL(heard.data[2] << 8 | heard.data[3], cases[i].code);
        CHECK(memcmp(heard.data + heard.size - 5, "<end>", 5) == 0);
        CHECK_EQUAL(chat.endings, 1);
        close_peer(peer);
    }
}

static void what_is_no_right_request_is_refused(void)
{
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"GET /socket HTTP/1.1\r\n" HOST "\r\n", 200},
        {"GET /socket HTTP/1.0\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 200},
        {"GET /socket HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 426},
        {"GET /socket HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
         426},
        {"GET /socket HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n\r\n",
         400},
        {ASK "Origin: https://elsewhere.example\r\n\r\n", 403},
        {ASK "Origin: http://a\r\n\r\n", 101},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int peer = open_peer();
        http_fixture_say(&f, peer, cases[i].request);
        CHECK(http_fixture_hears_status(peer, cases[i].status));
        close_peer(peer);
    }
}

/* ---- who does not read, who says nothing ---- */

static void a_slow_reader_is_told_to_the_writer(void)
{
    static uint8_t payload[10000];
    int peer = open_socket();
    enum http_stream_state state = HTTP_STREAM_READY;
    size_t sent = 0, heard = 0;
    while (state == HTTP_STREAM_READY && sent < (size_t)10000 * 1000) {
        state = http_socket_send(chat.exchange, WEBSOCKET_BINARY, slice_of(payload, sizeof payload));
        sent += sizeof payload + 4;
        server_fixture_turn(&f);
    }
    CHECK_EQUAL(state, HTTP_STREAM_FULL);
    CHECK_EQUAL(chat.writables, 0);
    for (int idle = 0; idle < 3; idle++) {
        size_t got = http_fixture_hear_bytes(peer).size;
        heard += got;
        idle = got != 0 ? 0 : idle;
        server_fixture_turn(&f);
    }
    CHECK_EQUAL(heard, sent);
    CHECK_EQUAL(chat.writables, 1);
    close_peer(peer);
}

static void what_comes_in_may_be_held_back(void)
{
    int peer = open_socket();
    http_body_pause(chat.exchange);
    say_frame(peer, 0x81, "a");
    say_frame(peer, 0x81, "b");
    CHECK_EQUAL(chat.messages, 0);
    for (int i = 0; i < 3; i++)
        http_dialect.expired(f.server.connections->newest);
    CHECK_EQUAL(chat.endings, 0); /* silent because nobody listens */
    http_body_resume(chat.exchange);
    server_fixture_turn(&f);
    CHECK_EQUAL(chat.messages, 2);
    close_peer(peer);
}

static void many_are_sent_one_frame(void)
{
    int peer = open_socket();
    writer w;
    writer_init(&w, &f.memory, MEMORY_SERVER, 100);
    websocket_write_frame(&w, WEBSOCKET_TEXT, slice_of_text("all of you"));
    struct shared_bytes *block = shared_bytes_make(&f.memory, connections_orphans(f.server.connections), w.size);
    memcpy(block->data, w.data, w.size);
    writer_close(&w);
    CHECK_EQUAL(http_socket_send_shared(chat.exchange, block, 0, block->size), HTTP_STREAM_READY);
    CHECK_EQUAL(http_socket_send_shared(chat.exchange, block, 0, block->size), HTTP_STREAM_READY);
    shared_bytes_release(block);
    server_fixture_turn(&f);
    CHECK_HEARS_BYTES(peer, "\x81\x0a"
                            "all of you\x81\x0a"
                            "all of you");
    close_peer(peer);
}

static void the_quiet_are_asked_and_the_dead_go(void)
{
    int peer = open_socket();
    struct connection *connection = f.server.connections->newest;
    int64_t left = http_dialect.deadline(connection) - (int64_t)uv_now(&f.loop);
    CHECK(left > SOCKET_QUIET_MS - 1000 && left <= SOCKET_QUIET_MS);
    http_dialect.expired(connection);
    server_fixture_turn(&f);
    CHECK_HEARS_BYTES(peer, "\x89\0");
    CHECK(http_dialect.deadline(connection) - (int64_t)uv_now(&f.loop) > SOCKET_QUIET_MS);
    say_frame(peer, 0x8a, "");
    left = http_dialect.deadline(connection) - (int64_t)uv_now(&f.loop);
    CHECK(left > 0 && left <= SOCKET_QUIET_MS);
    http_dialect.expired(connection);
    server_fixture_turn(&f);
    http_dialect.expired(connection);
    server_fixture_turn(&f);
    CHECK_EQUAL(chat.endings, 1);
    CHECK_EQUAL(connections_count(f.server.connections), 0);
    close_peer(peer);
}

static void each_allocation_may_fail(void)
{
    for (int64_t nth = 0, failed = 1; failed != 0; nth++) {
        memset(&chat, 0, sizeof chat);
        http_fixture_open(&f, apis, NULL);
        writer_init(&chat.heard, &f.memory, MEMORY_SERVER, (size_t)1 << 20);
        memory_fail_at(&f.memory, nth);
        int peer = http_fixture_connect(&f);
        (void)!write(peer, ASK "\r\n", sizeof ASK "\r\n" - 1);
        server_fixture_turn(&f);
        static const char frames[] = "\x01\x81\0\0\0\0a\x80\x81\0\0\0\0b\x89\x80\0\0\0\0";
        (void)!write(peer, frames, sizeof frames - 1);
        server_fixture_turn(&f);
        failed = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        close_peer(peer);
        REQUIRE(nth < 100);
    }
}

SUITE("http_socket", CHECK_TEST(messages_go_both_ways), CHECK_TEST(frames_may_be_cut_anywhere_even_behind_the_request),
      CHECK_TEST(a_close_is_answered_with_its_code), CHECK_TEST(the_server_may_end_it), CHECK_TEST(broken_rules_end_it),
      CHECK_TEST(what_is_no_right_request_is_refused), CHECK_TEST(a_slow_reader_is_told_to_the_writer),
      CHECK_TEST(what_comes_in_may_be_held_back), CHECK_TEST(many_are_sent_one_frame),
      CHECK_TEST(the_quiet_are_asked_and_the_dead_go), CHECK_TEST(each_allocation_may_fail))
