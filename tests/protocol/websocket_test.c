#include "check.h"
#include "http/websocket.h"
#include "sample.h"

#define LIMIT 70000
#define FIN   0x80

struct frame {
    uint8_t first;
    const char *payload;
};

static struct memory memory;

/* Appends a client's frame; first is FIN, reserved bits and opcode. */
static void put_frame(writer *w, uint8_t first, slice payload)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    size_t start = w->size;
    websocket_write_header(w, WEBSOCKET_TEXT, true, payload.size);
    REQUIRE(writer_ok(w));
    w->data[start] = first;
    w->data[start + 1] |= 0x80;
    write_bytes(w, slice_of(mask, 4));
    for (size_t i = 0; i < payload.size; i++)
        write_u8(w, payload.data[i] ^ mask[i & 3]);
}

static void put_text_frame(writer *w, uint8_t first, const char *payload)
{
    put_frame(w, first, slice_of_text(payload));
}

static void open_writer(writer *w)
{
    writer_init(w, &memory, MEMORY_REQUESTS, 1 << 20);
}

static void print_number(writer *out, unsigned number)
{
    char digits[16];
    snprintf(digits, sizeof digits, "%u", number);
    write_bytes(out, slice_of_text(digits));
}

static void print_event(writer *out, const struct websocket_event *event, bool *in_message)
{
    static const char letters[] = "?TB?????CPp";
    bool is_message = event->opcode < WEBSOCKET_CLOSE;
    if (!is_message && *in_message)
        write_u8(out, '~'); /* between two parts */
    if (!is_message || !*in_message)
        write_u8(out, (uint8_t)letters[event->opcode]);
    if (event->opcode == WEBSOCKET_CLOSE)
        print_number(out, event->code);
    write_bytes(out, event->payload);
    if (event->ends)
        write_u8(out, '|');
    *in_message = is_message ? !event->ends : *in_message;
}

/* Prints what a server sees of the bytes, the last thing being the close code with which it fails. */
static void see(writer *out, struct websocket *socket, uint8_t *bytes, size_t size, bool *in_message)
{
    struct websocket_input input = {bytes, size};
    struct websocket_event event;
    int rc;
    while ((rc = websocket_next(socket, &input, &event, NULL)) > 0)
        print_event(out, &event, in_message);
    if (rc < 0) {
        write_u8(out, '!');
        print_number(out, socket->failure);
    }
    CHECK(rc < 0 || input.size == 0);
}

/* The same, whole and cut in two at every place; then byte by byte. */
static void check_seen(const writer *sent, const char *expected)
{
    uint32_t wrong = 0;
    for (size_t cut = 0; cut <= sent->size + 1; cut++) {
        struct websocket socket;
        writer out, bytes;
        bool in_message = false;
        open_writer(&out);
        open_writer(&bytes);
        write_bytes(&bytes, writer_slice(sent));
        REQUIRE(writer_ok(&bytes));
        websocket_init(&socket, LIMIT);
        if (cut <= sent->size) {
            see(&out, &socket, bytes.data, cut, &in_message);
            if (socket.failure == 0)
                see(&out, &socket, bytes.data + cut, sent->size - cut, &in_message);
        }
        for (size_t i = 0; cut > sent->size && i < sent->size && socket.failure == 0; i++)
            see(&out, &socket, bytes.data + i, 1, &in_message);
        if (!slice_equal(writer_slice(&out), slice_of_text(expected)) && wrong++ == 0)
            printf("cut at %zu: %.*s, not %s\n", cut, SLICE_PRINT(writer_slice(&out)), expected);
        writer_close(&bytes);
        writer_close(&out);
    }
    CHECK_EQUAL(wrong, 0);
}

static void check_frames(const struct frame *frames, size_t count, const char *expected)
{
    writer sent;
    memory_init(&memory);
    open_writer(&sent);
    for (size_t i = 0; i < count; i++)
        put_text_frame(&sent, frames[i].first, frames[i].payload);
    check_seen(&sent, expected);
    writer_close(&sent);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

#define FRAMES(expected, ...)                                                                                          \
    check_frames((const struct frame[]){__VA_ARGS__},                                                                  \
                 sizeof(const struct frame[]){__VA_ARGS__} / sizeof(struct frame), expected)
#define TEXT       (FIN | WEBSOCKET_TEXT)
#define BINARY     (FIN | WEBSOCKET_BINARY)
#define CLOSE      (FIN | WEBSOCKET_CLOSE)
#define PING       (FIN | WEBSOCKET_PING)
#define PONG       (FIN | WEBSOCKET_PONG)

#define BYTES(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})

static void check_bytes(const uint8_t *bytes, size_t size, const char *expected)
{
    writer sent;
    memory_init(&memory);
    open_writer(&sent);
    write_bytes(&sent, slice_of(bytes, size));
    check_seen(&sent, expected);
    writer_close(&sent);
}

/* RFC 6455, section 1.3. */
static void the_key_is_answered(void)
{
    char accept[WEBSOCKET_ACCEPT_SIZE];
    CHECK(websocket_accept(slice_of_text("dGhlIHNhbXBsZSBub25jZQ=="), accept));
    CHECK(strcmp(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") == 0);
    static const char *const others[] = {"",
                                         "dGhlIHNhbXBsZSBub25jZQ",
                                         "dGhlIHNhbXBsZSBub25jZQ=",
                                         "dGhlIHNhbXBsZSBub25jZWE=",
                                         "dGhlIHNhbXBsZSBub25jZWFh",
                                         "dGhlIHNhbXBsZSBub25jZ!=="};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        CHECK(!websocket_accept(slice_of_text(others[i]), accept));
}

/* Section 5.7, those that a client sends. */
static void the_rfcs_frames_are_read(void)
{
    check_bytes(BYTES(0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58), "THello|");
    check_bytes(BYTES(0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58), "pHello|");
    check_bytes(BYTES(0x81, 0x05, 'H', 'e', 'l', 'l', 'o'), "!1002");
}

static void check_written(writer *w, const uint8_t *bytes, size_t size)
{
    CHECK(writer_ok(w) && slice_equal(writer_slice(w), slice_of(bytes, size)));
    writer_cut(w, 0);
}

/* Section 5.7, those that a server sends; and closes. */
static void the_rfcs_frames_are_written(void)
{
    writer w;
    memory_init(&memory);
    open_writer(&w);
    websocket_write_frame(&w, WEBSOCKET_TEXT, slice_of_text("Hello"));
    check_written(&w, BYTES(0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f));
    websocket_write_header(&w, WEBSOCKET_TEXT, false, 3);
    check_written(&w, BYTES(0x01, 0x03));
    websocket_write_header(&w, WEBSOCKET_CONTINUATION, true, 2);
    check_written(&w, BYTES(0x80, 0x02));
    websocket_write_frame(&w, WEBSOCKET_PING, slice_of_text("Hello"));
    check_written(&w, BYTES(0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f));
    websocket_write_header(&w, WEBSOCKET_BINARY, true, 125);
    check_written(&w, BYTES(0x82, 125));
    websocket_write_header(&w, WEBSOCKET_BINARY, true, 126);
    check_written(&w, BYTES(0x82, 0x7e, 0, 126));
    websocket_write_header(&w, WEBSOCKET_BINARY, true, 256);
    check_written(&w, BYTES(0x82, 0x7e, 0x01, 0x00));
    websocket_write_header(&w, WEBSOCKET_BINARY, true, 65535);
    check_written(&w, BYTES(0x82, 0x7e, 0xff, 0xff));
    websocket_write_header(&w, WEBSOCKET_BINARY, true, 65536);
    check_written(&w, BYTES(0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0));
    websocket_write_close(&w, WEBSOCKET_GOING_AWAY, "bye");
    check_written(&w, BYTES(0x88, 5, 0x03, 0xe9, 'b', 'y', 'e'));
    websocket_write_close(&w, WEBSOCKET_NO_CODE, "");
    check_written(&w, BYTES(0x88, 0));
    writer_close(&w);
}

static void a_long_reason_is_cut_between_characters(void)
{
    char reason[200];
    writer w;
    memory_init(&memory);
    open_writer(&w);
    memset(reason, 'x', sizeof reason);
    memcpy(reason + 121, "\xe2\x82\xac", 3); /* the 123 bytes that have room end within it */
    reason[199] = '\0';
    websocket_write_close(&w, WEBSOCKET_POLICY, reason);
    CHECK_EQUAL(w.size, 2 + 2 + 121);
    CHECK_EQUAL(w.data[1], 2 + 121);
    writer_close(&w);
}

/* Autobahn's 1.*, 2.*: messages and pings of any length. */
static void lengths_of_all_three_forms(void)
{
    static const size_t sizes[] = {0, 1, 125, 126, 127, 128, 65535, 65536, LIMIT};
    static uint8_t payload[LIMIT];
    memory_init(&memory);
    memset(payload, '*', sizeof payload);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        writer sent;
        open_writer(&sent);
        put_frame(&sent, BINARY, slice_of(payload, sizes[i]));
        REQUIRE(writer_ok(&sent));
        struct websocket socket;
        struct websocket_event event;
        struct websocket_input input = {sent.data, sent.size};
        websocket_init(&socket, LIMIT);
        CHECK_EQUAL(websocket_next(&socket, &input, &event, NULL), 1);
        CHECK(event.ends && slice_equal(event.payload, slice_of(payload, sizes[i])));
        CHECK_EQUAL(websocket_next(&socket, &input, &event, NULL), 0);
        writer_close(&sent);
    }
    FRAMES("P|", {PING, ""});
    FRAMES("P123456789a123456789b123456789c123456789d123456789e123456789f123456789g123456789h123456789i123456789j123456"
           "789k"
           "123456789l12345|",
           {PING, "123456789a123456789b123456789c123456789d123456789e123456789f123456789g123456789h123456789i123456789j"
                  "123456789k123456789l12345"});
    FRAMES("!1002", {PING, "123456789a123456789b123456789c123456789d123456789e123456789f123456789g123456789h123456789i"
                           "123456789j123456789k123456789l123456"});
}

/* Autobahn's 3.* and 4.*. */
static void reserved_bits_and_opcodes_fail(void)
{
    for (unsigned first = 0; first < 256; first++) {
        unsigned opcode = first & 0x0f;
        bool is_known = opcode == 1 || opcode == 2 || (first >= FIN && opcode >= 8 && opcode <= 10);
        if ((first & 0x70) != 0 || !is_known)
            FRAMES("Tok|!1002", {TEXT, "ok"}, {(uint8_t)first, ""}, {TEXT, "never"});
    }
}

/* Autobahn's 5.*. */
static void messages_come_in_parts_with_control_frames_between(void)
{
    FRAMES("Tfragment1fragment2|", {WEBSOCKET_TEXT, "fragment1"}, {FIN, "fragment2"});
    FRAMES("Bab~P!|c|", {WEBSOCKET_BINARY, "a"}, {0, "b"}, {PING, "!"}, {FIN, "c"});
    FRAMES("Ta~p1|~P2|b~P3|c|Td|", {WEBSOCKET_TEXT, "a"}, {PONG, "1"}, {PING, "2"}, {0, "b"}, {PING, "3"}, {FIN, "c"},
           {TEXT, "d"});
    FRAMES("T|", {WEBSOCKET_TEXT, ""}, {0, ""}, {FIN, ""});
    FRAMES("!1002", {FIN, "of nothing"});
    FRAMES("!1002", {0, "of nothing"});
    FRAMES("Ta!1002", {WEBSOCKET_TEXT, "a"}, {TEXT, "b"});
    FRAMES("Ta|!1002", {TEXT, "a"}, {FIN, "b"});
    FRAMES("!1002", {WEBSOCKET_PING, "in parts"}, {FIN, "…"});
}

/* Autobahn's 6.*: a character may be cut anywhere, but the first wrong byte fails. */
static void text_is_utf8_across_parts(void)
{
    FRAMES("T\xce\xba\xe1\xbd\xb9\xcf\x83|", {WEBSOCKET_TEXT, "\xce"}, {0, "\xba\xe1\xbd"}, {0, ""},
           {FIN, "\xb9\xcf\x83"});
    FRAMES("B\xce|", {BINARY, "\xce"});
    FRAMES("Ta|B\xff|Tb|", {TEXT, "a"}, {BINARY, "\xff"}, {TEXT, "b"});
    writer sent;
    struct websocket socket;
    struct websocket_event event;
    memory_init(&memory);
    open_writer(&sent);
    put_text_frame(&sent, WEBSOCKET_TEXT, "\xce\xba\xf4\x90never read");
    REQUIRE(writer_ok(&sent));
    websocket_init(&socket, LIMIT);
    struct websocket_input input = {sent.data, 6 + 3};
    CHECK_EQUAL(websocket_next(&socket, &input, &event, NULL), 1);
    CHECK_EQUAL(websocket_next(&socket, &input, &event, NULL), 0);
    input.size = 1;
    CHECK_EQUAL(websocket_next(&socket, &input, &event, NULL), FURROW_MALFORMED);
    CHECK_EQUAL(socket.failure, WEBSOCKET_NO_TEXT);
    CHECK_EQUAL(websocket_next(&socket, &input, &event, NULL), FURROW_MALFORMED);
    CHECK_EQUAL(socket.failure, WEBSOCKET_NO_TEXT);
    writer_close(&sent);
    FRAMES("Tok|!1007", {TEXT, "ok"}, {TEXT, "\xff"});
}

static void a_text_must_not_end_within_a_character(void)
{
    struct websocket socket;
    struct websocket_event event;
    writer sent;
    memory_init(&memory);
    open_writer(&sent);
    put_text_frame(&sent, TEXT, "\xe2\x82");
    REQUIRE(writer_ok(&sent));
    websocket_init(&socket, LIMIT);
    struct websocket_input input = {sent.data, sent.size};
    CHECK_EQUAL(websocket_next(&socket, &input, &event, NULL), FURROW_MALFORMED);
    CHECK_EQUAL(socket.failure, WEBSOCKET_NO_TEXT);
    writer_close(&sent);
}

/* Autobahn's 7.*. */
static void closes_have_a_valid_code_and_reason(void)
{
    FRAMES("C1005|", {CLOSE, ""}, {TEXT, "not read"});
    FRAMES("C1000|", {CLOSE, "\x03\xe8"});
    FRAMES("C1000bye \xc3\xbc|",
           {CLOSE, "\x03\xe8"
                   "bye \xc3\xbc"},
           {CLOSE, "\x03\xe8"});
    FRAMES("!1002", {CLOSE, "\x03"});
    FRAMES("!1007", {CLOSE, "\x03\xe8\xce\xba\xed\xa0\x80"});
    FRAMES("Ta~C1001|", {WEBSOCKET_TEXT, "a"}, {CLOSE, "\x03\xe9"}, {FIN, "b"});
    static const struct {
        uint16_t first, last;
    } allowed[] = {{1000, 1003}, {1007, 1014}, {3000, 4999}};
    for (unsigned code = 0; code <= UINT16_MAX; code++) {
        uint8_t frame[] = {CLOSE, 0x82, 0, 0, 0, 0, (uint8_t)(code >> 8), (uint8_t)code};
        bool is_allowed = false;
        for (size_t i = 0; i < 3; i++)
            is_allowed |= code >= allowed[i].first && code <= allowed[i].last;
        struct websocket socket;
        struct websocket_event event;
        struct websocket_input input = {frame, sizeof frame};
        websocket_init(&socket, LIMIT);
        if ((websocket_next(&socket, &input, &event, NULL) == 1 && event.code == code) != is_allowed) {
            CHECK_EQUAL(code, -1);
            break;
        }
    }
}

/* Autobahn's 9.* go to 16 MiB: here the limit is what counts, told by the header alone. */
static void a_message_beyond_the_limit_fails_when_it_is_announced(void)
{
    check_bytes(BYTES(0x82, 0xff, 0, 0, 0, 0, 0, 1, 0x11, 0x71, 1, 2, 3, 4), "!1009");
    check_bytes(BYTES(0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4), "!1009");
    check_bytes(BYTES(0x02, 0x81, 0, 0, 0, 0, 'a', 0x80, 0xff, 0, 0, 0, 0, 0, 1, 0x11, 0x70, 1, 2, 3, 4), "Ba!1009");
    check_bytes(BYTES(0x02, 0x81, 0, 0, 0, 0, 'a', 0x00, 0x81, 0, 0, 0, 0, 'b', 0x80, 0xff, 0, 0, 0, 0, 0, 1, 0x11,
                      0x6f, 1, 2, 3, 4),
                "Bab!1009");
}

static void lengths_that_are_not_in_their_shortest_form_fail(void)
{
    check_bytes(BYTES(0x82, 0xfe, 0, 125, 0, 0, 0, 0), "!1002");
    check_bytes(BYTES(0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0), "!1002");
    check_bytes(BYTES(0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), "!1002");
}

static void print_hex(writer *out, slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.size; i++) {
        write_u8(out, (uint8_t)digits[bytes.data[i] >> 4]);
        write_u8(out, (uint8_t)digits[bytes.data[i] & 15]);
    }
}

/* As the vectors are written: messages once they are whole. */
static void print_seen(writer *out, writer *message, const struct websocket_event *event)
{
    static const char letters[] = "?TB?????CPp";
    slice payload = event->payload;
    if (event->opcode < WEBSOCKET_CLOSE) {
        write_bytes(message, payload);
        payload = writer_slice(message);
    }
    if (!event->ends)
        return;
    write_u8(out, (uint8_t)letters[event->opcode]);
    if (event->opcode == WEBSOCKET_CLOSE) {
        print_number(out, event->code);
        write_u8(out, ':');
    }
    print_hex(out, payload);
    write_u8(out, ' ');
    if (event->opcode < WEBSOCKET_CLOSE)
        writer_cut(message, 0);
}

static bool seen_as(uint8_t *bytes, size_t size, slice expected)
{
    struct websocket socket;
    struct websocket_event event;
    struct websocket_input input = {bytes, size};
    writer out, message;
    int rc;
    open_writer(&out);
    open_writer(&message);
    websocket_init(&socket, LIMIT);
    while ((rc = websocket_next(&socket, &input, &event, NULL)) > 0)
        print_seen(&out, &message, &event);
    if (rc < 0) {
        write_u8(&out, '!');
        print_number(&out, socket.failure);
        write_u8(&out, ' ');
    }
    bool same = writer_ok(&out) && slice_equal(writer_slice(&out), expected);
    if (!same)
        printf("%.*s, not %.*s\n", SLICE_PRINT(writer_slice(&out)), SLICE_PRINT(expected));
    writer_close(&message);
    writer_close(&out);
    return same;
}

static void wsproto_sees_the_same(void)
{
    writer lines;
    uint8_t bytes[8192];
    memory_init(&memory);
    open_writer(&lines);
    REQUIRE(vector_read(&lines, "websocket-wsproto.txt"));
    uint32_t count = 0;
    const uint8_t *line = lines.data, *last = lines.data + lines.size;
    for (; line < last; count++) {
        const uint8_t *tab = memchr(line, '\t', (size_t)(last - line));
        const uint8_t *newline = memchr(line, '\n', (size_t)(last - line));
        if (tab == NULL || newline == NULL)
            break;
        size_t size = vector_unhex(slice_of(line, (size_t)(tab - line)), bytes, sizeof bytes);
        CHECK(seen_as(bytes, size, slice_of(tab + 1, (size_t)(newline - tab) - 1)));
        line = newline + 1;
    }
    CHECK(line == last && count > 1000);
    writer_close(&lines);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

SUITE("websocket", CHECK_TEST(the_key_is_answered), CHECK_TEST(the_rfcs_frames_are_read),
      CHECK_TEST(the_rfcs_frames_are_written), CHECK_TEST(a_long_reason_is_cut_between_characters),
      CHECK_TEST(lengths_of_all_three_forms), CHECK_TEST(reserved_bits_and_opcodes_fail),
      CHECK_TEST(messages_come_in_parts_with_control_frames_between), CHECK_TEST(text_is_utf8_across_parts),
      CHECK_TEST(a_text_must_not_end_within_a_character), CHECK_TEST(closes_have_a_valid_code_and_reason),
      CHECK_TEST(a_message_beyond_the_limit_fails_when_it_is_announced),
      CHECK_TEST(lengths_that_are_not_in_their_shortest_form_fail), CHECK_TEST(wsproto_sees_the_same))
