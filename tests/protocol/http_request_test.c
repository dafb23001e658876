/* Requests as RFC 9112 has them, whole and cut at every byte; and the cases that smuggle: what is refused, and that
 * nothing behind it is read as a request. */
#include "check.h"
#include "http/request.h"

#include <stdarg.h>
#include <stdlib.h>

static const struct http_limits limits = {.line_bytes = 256, .head_bytes = 1024, .fields = 8};
static struct memory memory;

/* What came out of some bytes: a line per request, "GET /a 1.1 keep body=abc", or "bad 400". */
struct outcome {
    char text[4096];
    size_t size;
};

PRINTF_LIKE(2, 3) static void note(struct outcome *outcome, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t room = sizeof outcome->text - outcome->size;
    int size = vsnprintf(outcome->text + outcome->size, room, format, arguments);
    va_end(arguments);
    REQUIRE(size >= 0 && (size_t)size < room);
    outcome->size += (size_t)size;
}

static void note_head(struct outcome *outcome, const struct http_request *request)
{
    note(outcome, "%s %.*s 1.%u%s%s%s body=", http_method_text(request->method), SLICE_PRINT(request->target),
         request->minor_version, request->keeps_alive ? " keep" : "", request->upgrades ? " upgrade" : "",
         request->expects_continue ? " continue" : "");
}

/* False: nothing more can be read. */
static bool take_all(struct http_parser *parser, slice input, struct outcome *outcome)
{
    for (;;) {
        switch (http_parser_next(parser, &input)) {
        case HTTP_EVENT_MORE:
            CHECK_EQUAL(input.size, 0);
            return true;
        case HTTP_EVENT_HEAD:
            note_head(outcome, &parser->request);
            break;
        case HTTP_EVENT_BODY:
            note(outcome, "%.*s", SLICE_PRINT(parser->body));
            break;
        case HTTP_EVENT_END:
            note(outcome, "\n");
            http_parser_end_request(parser);
            break;
        case HTTP_EVENT_BAD:
            note(outcome, "bad %d", parser->failure.status);
            CHECK(parser->failure.text != NULL);
            return false;
        }
    }
}

/* Each piece is a block of its own, so that the sanitizer sees a look beyond it. */
static bool take_piece(struct http_parser *parser, slice piece, struct outcome *outcome)
{
    uint8_t *copy = malloc(piece.size + 1);
    REQUIRE(copy != NULL);
    memcpy(copy, piece.data, piece.size);
    uint8_t *exact = realloc(copy, piece.size != 0 ? piece.size : 1);
    bool goes_on = take_all(parser, slice_of(exact, piece.size), outcome);
    free(exact);
    return goes_on;
}

/* Cut in pieces of `size`, the first of `first`. */
static void parse_in_pieces(slice input, size_t first, size_t size, struct outcome *outcome)
{
    struct http_parser parser;
    memory_init(&memory);
    http_parser_init(&parser, &memory, &limits);
    *outcome = (struct outcome){0};
    bool goes_on = true;
    for (size_t piece = first; goes_on && input.size != 0; piece = size) {
        piece = piece < input.size ? piece : input.size;
        goes_on = take_piece(&parser, slice_of(input.data, piece), outcome);
        input = slice_of(input.data + piece, input.size - piece);
    }
    http_parser_close(&parser);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

/* The same however it is cut: whole, in single bytes, at each byte once. */
static void check_bytes(const char *text, size_t size, const char *expected)
{
    static struct outcome outcome;
    slice input = slice_of(text, size);
    parse_in_pieces(input, size, size, &outcome);
    if (strcmp(outcome.text, expected) != 0)
        printf("\n%.*s\nis read as\n%s\nand not as\n%s\n", SLICE_PRINT(input), outcome.text, expected);
    CHECK(strcmp(outcome.text, expected) == 0);
    parse_in_pieces(input, 1, 1, &outcome);
    CHECK(strcmp(outcome.text, expected) == 0);
    for (size_t cut = 1; cut < size; cut++) {
        parse_in_pieces(input, cut, size, &outcome);
        CHECK(strcmp(outcome.text, expected) == 0);
    }
}

static void check(const char *text, const char *expected)
{
    check_bytes(text, strlen(text), expected);
}

/* A request that must be refused, and one behind it that must not be read. */
static void check_refused(const char *request, int status)
{
    char text[4096], expected[16];
    snprintf(text, sizeof text, "%sGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", request);
    snprintf(expected, sizeof expected, "bad %d", status);
    struct outcome outcome;
    for (size_t piece = 1; piece <= strlen(text); piece = piece == 1 ? strlen(text) : piece + 1) {
        parse_in_pieces(slice_of_text(text), piece, piece, &outcome);
        bool refused =
            outcome.size >= strlen(expected) && strcmp(outcome.text + outcome.size - strlen(expected), expected) == 0;
        if (!refused)
            printf("\n%s\nis read as\n%s\n", text, outcome.text);
        CHECK(refused);
        CHECK(strstr(outcome.text, "smuggled") == NULL || strstr(outcome.text, "GET /smuggled") == NULL);
    }
}

#define HOST "Host: a\r\n"

/* ---- what is served ---- */

static void a_request_without_a_body(void)
{
    check("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / 1.1 keep body=\n");
    check("GET /a?b=c&d HTTP/1.1\r\nHost:a\r\nConnection: close\r\n\r\n", "GET /a?b=c&d 1.1 body=\n");
    check("GET / HTTP/1.0\r\n\r\n", "GET / 1.0 body=\n");
    check("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET / 1.0 keep body=\n");
    check("OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "OPTIONS * 1.1 keep body=\n");
    check("DELETE /x HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", "DELETE /x 1.1 keep body=\n");
}

static void each_method_is_known(void)
{
    for (int i = 0; i < HTTP_METHODS; i++) {
        const char *method = http_method_text((enum http_method)i);
        char text[128], expected[128];
        snprintf(text, sizeof text, "%s /v1/secret HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nok", method);
        snprintf(expected, sizeof expected, "%s /v1/secret 1.1 keep body=ok\n", method);
        check(text, expected);
    }
}

static void a_body_with_its_length(void)
{
    check("POST /t HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", "POST /t 1.1 keep body=hello\n");
    check("POST /t HTTP/1.1\r\n" HOST "Content-Length: 0005\r\n\r\nhello", "POST /t 1.1 keep body=hello\n");
    check("POST /t HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhel", "POST /t 1.1 keep body=hel");
}

static void a_body_in_chunks(void)
{
    check("POST /t HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
          "POST /t 1.1 keep body=hello\n");
    check("POST /t HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n2\r\nhe\r\n00000a\r\nllo, world\r\n0\r\n"
          "X-Checksum: 17\r\nY: 1\r\n\r\n",
          "POST /t 1.1 keep body=hello, world\n");
    check("POST /t HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1;name=\"a value\"\r\nx\r\n0;e\r\n\r\n",
          "POST /t 1.1 keep body=x\n");
    check("POST /t HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "POST /t 1.1 keep body=\n");
}

static void requests_follow_one_another(void)
{
    check("GET /1 HTTP/1.1\r\n" HOST "\r\n"
          "POST /2 HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
          "POST /3 HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nd\r\n0\r\n\r\n"
          "LIST /4 HTTP/1.1\r\n" HOST "\r\n"
          "HEAD /5 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
          "GET /1 1.1 keep body=\nPOST /2 1.1 keep body=abc\nPOST /3 1.1 keep body=d\nLIST /4 1.1 keep body=\n"
          "HEAD /5 1.1 body=\n");
}

static void one_empty_line_before_a_request_is_ignored(void)
{
    check("\r\nGET / HTTP/1.1\r\n" HOST "\r\n\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n",
          "GET / 1.1 keep body=\nGET /2 1.1 keep body=\n");
    check("\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "bad 400");
}

static void an_absolute_target_is_its_path(void)
{
    check("GET http://example.org:80/a/b?c HTTP/1.1\r\n" HOST "\r\n", "GET /a/b?c 1.1 keep body=\n");
    check("GET HTTPS://example.org/ HTTP/1.1\r\n" HOST "\r\n", "GET / 1.1 keep body=\n");
}

static void who_waits_for_100_is_told_of(void)
{
    check("PUT /a HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
          "PUT /a 1.1 keep continue body=x\n");
    check("GET /a HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n\r\n", "GET /a 1.1 keep body=\n");
    check("GET /a HTTP/1.1\r\n" HOST "Expect: tea\r\n\r\n", "bad 417");
}

static void an_upgrade_is_told_of_and_what_follows_stays(void)
{
    struct http_parser parser;
    memory_init(&memory);
    http_parser_init(&parser, &memory, &limits);
    slice input =
        slice_of_text("GET /ws HTTP/1.1\r\n" HOST "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"
                      "\x81\x80\x01\x02\x03\x04");
    CHECK_EQUAL(http_parser_next(&parser, &input), HTTP_EVENT_HEAD);
    CHECK(parser.request.upgrades);
    CHECK(http_request_lists(&parser.request, "connection", "upgrade"));
    CHECK(http_request_lists(&parser.request, "UPGRADE", "WebSocket"));
    CHECK(!http_request_lists(&parser.request, "connection", "up"));
    CHECK_EQUAL(http_parser_next(&parser, &input), HTTP_EVENT_END);
    CHECK_EQUAL(input.size, 6);
    http_parser_close(&parser);
}

static void fields_are_found_whatever_their_case(void)
{
    struct http_parser parser;
    memory_init(&memory);
    http_parser_init(&parser, &memory, &limits);
    slice input = slice_of_text("GET / HTTP/1.1\r\nhOST:\t a \t\r\nEmpty:\r\nA: 1\r\na: 2, Three\r\n\r\n");
    CHECK_EQUAL(http_parser_next(&parser, &input), HTTP_EVENT_HEAD);
    const struct http_request *request = &parser.request;
    CHECK(slice_equal(request->host, slice_of_text("a")));
    CHECK(slice_equal(http_request_field(request, "Host"), slice_of_text("a")));
    CHECK(slice_equal(http_request_field(request, "A"), slice_of_text("1")));
    CHECK(!slice_is_null(http_request_field(request, "empty")));
    CHECK_EQUAL(http_request_field(request, "empty").size, 0);
    CHECK(slice_is_null(http_request_field(request, "b")));
    CHECK(http_request_lists(request, "a", "three"));
    struct http_request taken;
    http_parser_take_request(&parser, &taken);
    http_parser_close(&parser);
    CHECK(slice_equal(http_request_field(&taken, "Host"), slice_of_text("a")));
    CHECK(http_request_held(&taken) >= memory_total_bytes(&memory));
    http_request_free(&taken, &memory);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

/* ---- what is refused ---- */

static void two_lengths_are_refused(void)
{
    check_refused("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
    check_refused("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400);
    check_refused("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400);
    check_refused("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\ncontent-length: 0\r\n\r\nabc", 400);
    check_refused("POST / HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\nabc", 400);
}

static void lengths_that_are_none_are_refused(void)
{
    static const char *const lengths[] = {"",
                                          "+3",
                                          "-3",
                                          "0x3",
                                          "3 3",
                                          "3,",
                                          "3.0",
                                          "three",
                                          " ",
                                          "\t",
                                          "3;3",
                                          "\"3\"",
                                          "3e0",
                                          "1_0",
                                          "18446744073709551616",
                                          "18446744073709551619",
                                          "99999999999999999999999999"};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "POST / HTTP/1.1\r\n" HOST "Content-Length: %s\r\n\r\nabc", lengths[i]);
        check_refused(text, 400);
    }
}

static void other_codings_are_refused(void)
{
    static const char *const codings[] = {
        "identity",    "gzip, chunked", "chunked, identity", "chunked, chunked", "xchunked",
        "\"chunked\"", "chunked;q=1",   "chunked,",          ",chunked",         ""};
    for (size_t i = 0; i < sizeof codings / sizeof codings[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: %s\r\n\r\n0\r\n\r\n", codings[i]);
        check_refused(text, 501);
    }
    check_refused("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", 400);
    check_refused("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \x0b"
                  "chunked\r\n\r\n",
                  400);
    check_refused("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n", 400);
    check_refused("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding\x01: chunked\r\n\r\n", 400);
    check_refused("POST / HTTP/1.1\r\n" HOST "X: x\n Transfer-Encoding: chunked\r\n\r\n", 400);
    check_refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
}

static void line_ends_are_cr_lf_alone(void)
{
    check_refused("GET / HTTP/1.1\n" HOST "\r\n", 400);
    check_refused("GET / HTTP/1.1\r\nHost: a\n\r\n", 400);
    check_refused("GET / HTTP/1.1\r\nHost: a\r\n\n", 400);
    check_refused("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400);
    check_refused("GET / HTTP/1.1\rHost: a\r\n\r\n", 400);
    check_refused("GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", 400);
    check_refused("\nGET / HTTP/1.1\r\n" HOST "\r\n", 400);
}

static void fields_are_written_strictly(void)
{
    check_refused("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400);
    check_refused("GET / HTTP/1.1\r\nHost: a\r\n\tfolded\r\n\r\n", 400);
    check_refused("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400);
    check_refused("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400);
    check_refused("GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", 400);
    check_refused("GET / HTTP/1.1\r\n" HOST "No colon\r\n\r\n", 400);
    check_refused("GET / HTTP/1.1\r\n" HOST "Nocolon\r\n\r\n", 400);
    check_refused("GET / HTTP/1.1\r\n" HOST ": empty\r\n\r\n", 400);
    check_refused("GET / HTTP/1.1\r\n" HOST "X\x7f: y\r\n\r\n", 400);
    check_refused("GET / HTTP/1.1\r\n" HOST "X: \x08y\r\n\r\n", 400);
    check_refused("GET / HTTP/1.1\r\n" HOST "X\xe9: y\r\n\r\n", 400);
    check_refused("GET / HTTP/1.1\r\n" HOST "(X): y\r\n\r\n", 400);
    check_bytes("GET / HTTP/1.1\r\nHost: a\r\nX: \0y\r\n\r\n", 35, "bad 400");
}

static void there_is_one_host(void)
{
    check_refused("GET / HTTP/1.1\r\n\r\n", 400);
    check_refused("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400);
    check_refused("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400);
    check_refused("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400);
    check_refused("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400);
    check_refused("GET / HTTP/1.1\r\nHost: a\xe9\r\n\r\n", 400);
    check("GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / 1.1 keep body=\n");
    check("GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]:8082\r\n\r\n", "GET / 1.1 keep body=\n");
    check_refused("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", 400);
}

static void request_lines_are_written_strictly(void)
{
    check_refused("GET /\r\n" HOST "\r\n", 400);
    check_refused("GET  / HTTP/1.1\r\n" HOST "\r\n", 400);
    check_refused("GET /  HTTP/1.1\r\n" HOST "\r\n", 400);
    check_refused("GET / HTTP/1.1 \r\n" HOST "\r\n", 400);
    check_refused(" GET / HTTP/1.1\r\n" HOST "\r\n", 400);
    check_refused("GET\t/ HTTP/1.1\r\n" HOST "\r\n", 400);
    check_refused("GET /a b HTTP/1.1\r\n" HOST "\r\n", 400);
    check_refused("GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", 400);
    check_refused("GET /#a HTTP/1.1\r\n" HOST "\r\n", 400);
    check_refused("GET a HTTP/1.1\r\n" HOST "\r\n", 400);
    check_refused("GET * HTTP/1.1\r\n" HOST "\r\n", 400);
    check_refused("GET http://a HTTP/1.1\r\n" HOST "\r\n", 400);
    check_refused("GET / http/1.1\r\n" HOST "\r\n", 400);
    check_refused("GET / HTTP/1.1x\r\n" HOST "\r\n", 400);
    check_refused("GET / HTTP/1.2\r\n" HOST "\r\n", 505);
    check_refused("GET / HTTP/2.0\r\n" HOST "\r\n", 505);
    check_refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
    check_refused("get / HTTP/1.1\r\n" HOST "\r\n", 501);
    check_refused("BREW / HTTP/1.1\r\n" HOST "\r\n", 501);
    check_refused("CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n", 501);
    check_refused("G@T / HTTP/1.1\r\n" HOST "\r\n", 400);
}

static void chunks_are_written_strictly(void)
{
    static const char *const bodies[] = {"\r\n5\r\nhello\r\n0\r\n\r\n",
                                         "x\r\n",
                                         "+5\r\nhello\r\n",
                                         "-5\r\nhello\r\n",
                                         "0x5\r\nhello\r\n",
                                         " 5\r\nhello\r\n",
                                         "5 \r\nhello\r\n",
                                         "5\nhello\r\n",
                                         "5\rhello\r\n",
                                         "5\r\nhello\n0\r\n\r\n",
                                         "5\r\nhello0\r\n\r\n",
                                         "5\r\nhelloX\r\n",
                                         "5\r\nhello\r0\r\n\r\n",
                                         "5;\x01\r\nhello\r\n",
                                         "fffffffffffffffff\r\nhello\r\n",
                                         "10000000000000000\r\nhello\r\n",
                                         "5;a\nb\r\nhello\r\n",
                                         "5\r\r\nhello\r\n",
                                         "0\r\n\n",
                                         "0\r\nX\r\n\r\n",
                                         "0\r\nX : y\r\n\r\n",
                                         "0\r\n X: y\r\n\r\n",
                                         "0\r\nX: y\n\r\n",
                                         "0\n\r\n",
                                         "0\r\nX: \x01\r\n\r\n"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n%s", bodies[i]);
        check_refused(text, 400);
    }
}

static void fill(char *text, size_t size, char byte)
{
    memset(text, byte, size);
    text[size] = '\0';
}

static void sizes_are_bounded(void)
{
    char filler[2048], text[8192], expected[1024];
    fill(filler, 256 - strlen("GET / HTTP/1.1\r\n"), 'a');
    snprintf(text, sizeof text, "GET /%s HTTP/1.1\r\n" HOST "\r\n", filler);
    snprintf(expected, sizeof expected, "GET /%s 1.1 keep body=\n", filler);
    check(text, expected);
    snprintf(text, sizeof text, "GET /a%s HTTP/1.1\r\n" HOST "\r\n", filler);
    check_refused(text, 414);

    fill(filler, 256 - strlen("X: \r\n"), 'b');
    snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" HOST "X: %s\r\n\r\n", filler);
    check(text, "GET / 1.1 keep body=\n");
    snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" HOST "X: b%s\r\n\r\n", filler);
    check_refused(text, 431);
    snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" HOST "A: %s\r\nB: %s\r\nC: %s\r\nD: %s\r\n\r\n", filler, filler,
             filler, filler);
    check_refused(text, 431);

    check("GET / HTTP/1.1\r\n" HOST "1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n\r\n", "GET / 1.1 keep body=\n");
    check_refused("GET / HTTP/1.1\r\n" HOST "1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n\r\n", 431);

    fill(filler, 300, 'e');
    snprintf(text, sizeof text, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1;%s\r\nx\r\n0\r\n\r\n",
             filler);
    check_refused(text, 400);
    fill(filler, 300, '0');
    snprintf(text, sizeof text, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n%s1\r\nx\r\n0\r\n\r\n",
             filler);
    check_refused(text, 400);
}

static void each_allocation_may_fail(void)
{
    const char *text = "POST /t HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for (int64_t nth = 0, failed = 1; failed != 0; nth++) {
        struct http_parser parser;
        static struct outcome outcome;
        outcome = (struct outcome){0};
        memory_init(&memory);
        memory_fail_at(&memory, nth);
        http_parser_init(&parser, &memory, &limits);
        bool goes_on = take_all(&parser, slice_of_text(text), &outcome);
        failed = !memory_fail_pending(&memory);
        CHECK(goes_on ? failed == 0 : strcmp(outcome.text, "bad 503") == 0);
        http_parser_close(&parser);
        CHECK_EQUAL(memory_total_bytes(&memory), 0);
        REQUIRE(nth < 100);
    }
}

SUITE("http_request", CHECK_TEST(a_request_without_a_body), CHECK_TEST(each_method_is_known),
      CHECK_TEST(a_body_with_its_length), CHECK_TEST(a_body_in_chunks), CHECK_TEST(requests_follow_one_another),
      CHECK_TEST(one_empty_line_before_a_request_is_ignored), CHECK_TEST(an_absolute_target_is_its_path),
      CHECK_TEST(who_waits_for_100_is_told_of), CHECK_TEST(an_upgrade_is_told_of_and_what_follows_stays),
      CHECK_TEST(fields_are_found_whatever_their_case), CHECK_TEST(two_lengths_are_refused),
      CHECK_TEST(lengths_that_are_none_are_refused), CHECK_TEST(other_codings_are_refused),
      CHECK_TEST(line_ends_are_cr_lf_alone), CHECK_TEST(fields_are_written_strictly), CHECK_TEST(there_is_one_host),
      CHECK_TEST(request_lines_are_written_strictly), CHECK_TEST(chunks_are_written_strictly),
      CHECK_TEST(sizes_are_bounded), CHECK_TEST(each_allocation_may_fail))
