/* Routes that share a path, and parameters with types. */
#include "check.h"
#include "http_fixture.h"
#include "json_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define HOST "Host: a\r\n"

static struct server_fixture f;

static void say_text(struct http_exchange *exchange, const char *text)
{
    http_reply(exchange, 200, "text/plain", NULL, slice_of_text(text));
}

static void handle_binary(struct http_exchange *exchange)
{
    say_text(exchange, "binary");
}

static void handle_json(struct http_exchange *exchange)
{
    say_text(exchange, "json");
}

static void handle_any(struct http_exchange *exchange)
{
    say_text(exchange, "any");
}

static void write_parameter(struct http_exchange *exchange, const char *name, char *text, size_t room)
{
    slice value = http_parameter_text(exchange, name);
    snprintf(text + strlen(text), room - strlen(text), "%s=%.*s%s ", name, SLICE_PRINT(value),
             slice_is_null(value) ? "null"
             : value.size == 0    ? "alone"
                                  : "");
}

static void handle_shown(struct http_exchange *exchange)
{
    char text[512] = "";
    write_parameter(exchange, "name", text, sizeof text);
    write_parameter(exchange, "topics", text, sizeof text);
    size_t size = strlen(text);
    snprintf(text + size, sizeof text - size,
             "id=%" PRId64 " limit=%" PRId64 " wait=%" PRId64 " at=%" PRId64 " follow=%d given=%d colour=%d",
             http_argument_number(exchange, "id"), http_parameter_number(exchange, "limit", -1),
             http_parameter_number(exchange, "wait", -1), http_parameter_number(exchange, "at", -1),
             http_parameter_flag(exchange, "follow"), http_parameter_given(exchange, "follow"),
             http_parameter_choice(exchange, "colour", -1));
    say_text(exchange, text);
}

static const struct http_parameter shown[] = {
    {.name = "id", .type = HTTP_INTEGER, .most = INT32_MAX, .summary = "Of a shop"},
    {.name = "limit", .type = HTTP_INTEGER, .least = -5, .most = 10},
    {.name = "wait", .type = HTTP_DURATION, .most = 60000},
    {.name = "at", .type = HTTP_MOMENT},
    {.name = "follow", .type = HTTP_FLAG},
    {.name = "name", .type = HTTP_TEXT, .most = 8, .may_stand_alone = true},
    {.name = "topics", .type = HTTP_LIST},
    {.name = "colour", .type = HTTP_CHOICE, .choices = "red|green|blue"},
};
static const struct http_parameter needed[] = {{.name = "must", .type = HTTP_TEXT, .is_required = true}};

#define ROUTE(verb, path, handler) .method = HTTP_METHOD_##verb, .pattern = path, .handle = handler, .summary = "s"

static const struct http_route first_routes[] = {
    {ROUTE(POST, "/things/{name}", handle_binary), .body_limit = 100, .type = "a/b", .consumes = "a/binary, a/octets"},
    {ROUTE(POST, "/things/{name}", handle_json), .body_limit = 100, .type = "a/c, a/d", .consumes = "application/json"},
    {ROUTE(GET, "/things/{name}", handle_binary), .when = "a/binary", .type = "a/binary"},
    {ROUTE(POST, "/raw", handle_json), .body_limit = 100, .type = "a/b", .consumes = "application/json"},
    {ROUTE(POST, "/raw", handle_any), .body_limit = 100, .type = "a/b", .consumes = "*"},
    {ROUTE(GET, "/shops/{id}", handle_shown), .type = "text/plain", HTTP_PARAMETERS(shown)},
    {ROUTE(GET, "/needed", handle_any), .type = "text/plain", HTTP_PARAMETERS(needed)},
};
static const struct http_route second_routes[] = {
    {ROUTE(GET, "/things/{name}", handle_any), .type = "a/any", .status = 203, .other_status = 202,
     .answer_schema = "{\"type\":\"string\"}"},
    {ROUTE(GET, "/loose", handle_any), .type = "text/plain", HTTP_PARAMETERS(needed)},
};
static const struct http_api first = {.name = "First",
                                      .routes = first_routes,
                                      .count = sizeof first_routes / sizeof first_routes[0],
                                      .media_error = 41599};
static const struct http_api second = {.name = "Second",
                                       .routes = second_routes,
                                       .count = sizeof second_routes / sizeof second_routes[0],
                                       .error_type = "a/error",
                                       .parameter_error = 42201,
                                       .passes_unknown = true};
static const struct http_api *const apis[] = {&first, &second, NULL};

/* The body of the answer to the request line and fields, behind its status: "200 body". Until the next call. */
static const char *ask(const char *line, const char *fields)
{
    static char text[2048];
    http_fixture_open(&f, apis, NULL);
    int peer = http_fixture_connect(&f);
    snprintf(text, sizeof text, "%s HTTP/1.1\r\n" HOST "%s\r\n", line, fields);
    http_fixture_say(&f, peer, text);
    const char *heard = http_fixture_hear(peer), *body = strstr(heard, "\r\n\r\n");
    REQUIRE(strlen(heard) > 12 && body != NULL);
    snprintf(text, sizeof text, "%.3s %s", heard + 9, body + 4);
    close(peer);
    http_fixture_close(&f);
    return text;
}

static bool answers(const char *line, const char *fields, const char *expected)
{
    const char *answer = ask(line, fields);
    bool same = strncmp(answer, expected, strlen(expected)) == 0;
    if (!same)
        printf("\n%s: %s\n", line, answer);
    return same;
}

#define EMPTY "Content-Length: 0\r\n"
#define BODY  "Content-Length: 1\r\n"

static void the_body_s_type_chooses_the_route(void)
{
    CHECK(answers("POST /things/a", EMPTY "Content-Type: a/binary\r\n", "200 binary"));
    CHECK(answers("POST /things/a", EMPTY "Content-Type: A/Octets; q=1\r\n", "200 binary"));
    CHECK(answers("POST /things/a", EMPTY "Content-Type: application/json;charset=utf-8\r\n", "200 json"));
    CHECK(answers("POST /things/a", EMPTY, "200 binary")); /* nothing that could have a type */
    CHECK(answers("POST /things/a", EMPTY "Content-Type: text/plain\r\n", "415 {\"error_code\":41599,"));
    CHECK(answers("POST /things/a", BODY "\r\nx", "415 {\"error_code\":41599,"));
    CHECK(answers("POST /things/a", EMPTY "Content-Type: \r\n", "415 "));
    CHECK(answers("POST /raw", BODY "Content-Type: application/json\r\n\r\nx", "200 json"));
    CHECK(answers("POST /raw", BODY "Content-Type: x\r\n\r\nx", "200 any"));
    CHECK(answers("POST /raw", BODY "\r\nx", "200 any"));
}

static void what_is_accepted_chooses_the_route(void)
{
    CHECK(answers("GET /things/a", "Accept: text/html, a/binary;q=0.5\r\n", "200 binary"));
    CHECK(answers("GET /things/a", "Accept: */*\r\n", "200 any"));
    CHECK(answers("GET /things/a", "", "200 any"));
    CHECK(answers("DELETE /things/a", "", "405 "));
}

static void parameters_come_with_their_types(void)
{
    CHECK(answers("GET /shops/17", "",
                  "200 name=null topics=null id=17 limit=-1 wait=-1 at=-1 follow=0 given=0 colour=-1"));
    CHECK(answers("GET /shops/%31%37?limit=-5&wait=1m&at=1970-01-01T00:00:01Z&follow&name&topics=a%2Cb&colour=blue", "",
                  "200 name=alone topics=a,b id=17 limit=-5 wait=60000 at=1000 follow=1 given=1 colour=2"));
    CHECK(answers("GET /shops/0?limi%74=010&wait=250&at=17&follow=false&name=a+%C3%A9", "",
                  "200 name=a \xc3\xa9 topics=null id=0 limit=10 wait=250 at=17 follow=0 given=1 colour=-1"));
}

static void wrong_parameters_are_refused(void)
{
    static const struct {
        const char *line, *expected;
    } cases[] = {
        {"GET /shops/1?limit=11", "limit is not from -5 to 10"},
        {"GET /shops/1?limit=-6", "limit is not from -5 to 10"},
        {"GET /shops/1?limit=ten", "limit is not a whole number, or too large a one"},
        {"GET /shops/1?limit", "limit is not a whole number, or too large a one"},
        {"GET /shops/1?limit=-", "limit is not a whole number, or too large a one"},
        {"GET /shops/1?limit=9223372036854775808", "limit is not a whole number, or too large a one"},
        {"GET /shops/1?wait=2m", "wait is not from 0 to 60000"},
        {"GET /shops/1?wait=2x", "wait is no duration like 10m or 500ms"},
        {"GET /shops/1?at=-1", "at is not from 0 to 9223372036854775807"},
        {"GET /shops/1?at=tomorrow", "at is no time like 2026-11-21T07:39:48Z"},
        {"GET /shops/1?follow=yes", "follow is neither true nor false"},
        {"GET /shops/1?name=ninebytes", "name is longer than 8 bytes"},
        {"GET /shops/1?topics=", "topics has no value"},
        {"GET /shops/1?colour=gre", "colour is none of red|green|blue"},
        {"GET /shops/1?name=%ff", "name is no UTF-8 in percent-encoding"},
        {"GET /shops/1?name=%4", "name is no UTF-8 in percent-encoding"},
        {"GET /shops/1?name=a&name=b", "name is given twice"},
        {"GET /shops/1?id=2", "there is no parameter id; there are limit, wait, at, follow, name, topics, colour"},
        {"GET /shops/%ff", "the path is no UTF-8 in percent-encoding"},
        {"GET /needed", "must is missing"},
        {"GET /needed?must=", "must has no value"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[256];
        snprintf(expected, sizeof expected, "400 {\"error_code\":400,\"message\":\"%s\"}", cases[i].expected);
        CHECK(answers(cases[i].line, "", expected));
    }
    CHECK(answers("GET /shops/a", "", "404 {\"error_code\":404,"));
    CHECK(answers("GET /shops/2147483648", "", "404 {\"error_code\":404,"));
    CHECK(answers("GET /loose?other=1", "", "422 {\"error_code\":42201,\"message\":\"must is missing\"}"));
    CHECK(answers("GET /loose?other=1&must=2", "", "200 any"));
    CHECK(answers("GET /raw?a", "", "405 "));
}

/* ---- OpenAPI ---- */

static slice document;

/* The text of the value under keys with '.' between them ('/' in place of '.' within one), "" when there is none. */
static const char *find(const char *path)
{
    static char text[512];
    struct json_document json;
    struct error error;
    json_document_init(&json, &f.memory, MEMORY_SERVER, (struct json_limits){.depth = 32, .values = 2000});
    REQUIRE(json_parse(&json, document, &error) == 0);
    const struct json_value *value = json.values;
    for (const char *at = path; value != NULL && *at != '\0';) {
        size_t size = strcspn(at, ".");
        const struct json_value *key = value + 1, *found = NULL;
        for (uint32_t i = 0; value->kind == JSON_OBJECT && i < value->count; i++, key = json_value_after(key + 1))
            if (slice_equal(slice_of(key->text, key->size), slice_of(at, size)))
                found = key + 1;
        value = found;
        at += size + (at[size] == '.');
    }
    slice raw = value != NULL ? json_value_raw(value) : slice_of_text("");
    snprintf(text, sizeof text, "%.*s", SLICE_PRINT(raw));
    json_document_close(&json);
    return text;
}

static bool has(const char *path, const char *expected)
{
    const char *found = find(path);
    bool same = strcmp(found, expected) == 0;
    if (!same)
        printf("\n%s: %s\n", path, found);
    return same;
}

static void the_tables_are_told_as_openapi(void)
{
    server_fixture_open(&f, NULL);
    writer w;
    writer_init(&w, &f.memory, MEMORY_SERVER, (size_t)1 << 20);
    struct json json = json_to(&w);
    http_routes_write_openapi(apis, "1.2.3", &json);
    REQUIRE(writer_ok(&w));
    document = writer_slice(&w);
    CHECK(has("openapi", "\"3.1.0\""));
    CHECK(has("paths./things/{name}.post.requestBody.content",
              "{\"a/binary\":{},\"a/octets\":{},\"application/json\":{}}"));
    CHECK(has("paths./things/{name}.post.responses.200.content", "{\"a/b\":{},\"a/c\":{},\"a/d\":{}}"));
    CHECK(has("paths./things/{name}.get.responses.200.content", "{\"a/binary\":{}}"));
    CHECK(has("paths./things/{name}.get.responses.203.content", "{\"a/any\":{\"schema\":{\"type\":\"string\"}}}"));
    CHECK(has("paths./things/{name}.get.responses.202.content", "{\"a/any\":{\"schema\":{\"type\":\"string\"}}}"));
    CHECK(has("paths./raw.post.requestBody.content", "{\"application/json\":{},\"*/*\":{}}"));
    CHECK(has("paths./raw.get", ""));
    CHECK(has("components.responses.Error.content.a/error.schema.required", "[\"error_code\",\"message\"]"));
    const char *parameters = find("paths./shops/{id}.get.parameters");
    CHECK(strncmp(parameters,
                  "[{\"name\":\"id\",\"in\":\"path\",\"required\":true,\"description\":\"Of a shop\","
                  "\"schema\":{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":0,\"maximum\":2147483647}},"
                  "{\"name\":\"limit\",\"in\":\"query\",\"required\":false,\"schema\":{\"type\":\"integer\"",
                  200) == 0);
    writer_close(&w);
    CHECK(server_fixture_close(&f));
}

SUITE("http_routes", CHECK_TEST(the_body_s_type_chooses_the_route), CHECK_TEST(what_is_accepted_chooses_the_route),
      CHECK_TEST(parameters_come_with_their_types), CHECK_TEST(wrong_parameters_are_refused),
      CHECK_TEST(the_tables_are_told_as_openapi))
