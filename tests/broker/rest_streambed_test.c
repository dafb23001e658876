/* Streambed's dialect over socket pairs. Its published clients are integration/test_streambed.py's. */
#include "check.h"
#include "http_fixture.h"
#include "operations/operations.h"
#include "rest/rest.h"
#include "rest/streambed.h"
#include "writer_thread.h"

#include <stdio.h>
#include <unistd.h>

static struct server_fixture f;
static struct topic *orders;
static int peer;

static void append(const char *key, const char *value)
{
    slice bytes = value != NULL ? slice_of_text(value) : NULL_SLICE;
    CHECK_EQUAL(
        server_fixture_append(&f, topic_partition(orders, 0), APPEND_ACKS_ALL, 1700000000000, slice_of(key, 8), bytes),
        KAFKA_NONE);
}

static void open_all(void)
{
    static const struct http_api *const apis[] = {&streambed_api, NULL};
    static const char *const settings[] = {"furrow.clock.trusted=true", NULL};
    http_fixture_open(&f, apis, settings);
    server_fixture_make_disk(&f, 1);
    REQUIRE(server_fixture_open_storage(&f) == 0);
    REQUIRE(rest_open(&f.server, &f.error) == 0);
    REQUIRE(server_fixture_create_topic(&f, "orders", 1, NULL, &orders) == 0);
    peer = http_fixture_connect(&f);
}

static void close_all(void)
{
    rest_end_waits(&f.server);
    operations_end_waits(&f.server);
    while (!rest_idle(&f.server) || !operations_idle(&f.server) || !writer_thread_idle(f.server.writer) ||
           !jobs_idle(&f.server.jobs))
        uv_run(&f.loop, UV_RUN_ONCE);
    close(peer);
    rest_close(&f.server);
    server_fixture_close_services(&f);
    CHECK(server_fixture_close(&f));
}

static const char *hear(void)
{
    const char *heard = "";
    for (int i = 0; i < 3000 && heard[0] == '\0'; i++) {
        server_fixture_run_ms(&f, 1);
        heard = http_fixture_hear(peer);
    }
    return heard;
}

/* Whether the connection takes it. */
static bool say(const char *method, const char *path, const char *body)
{
    char request[1024];
    snprintf(request, sizeof request,
             "%s %s HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", method,
             path, strlen(body), body);
    bool is_taken = write(peer, request, strlen(request)) > 0;
    server_fixture_turn(&f);
    return is_taken;
}

static void check_hears(const char *expected)
{
    const char *heard = hear();
    if (strcmp(heard, expected) != 0)
        printf("\nheard:\n%s\nexpected:\n%s\n", heard, expected);
    CHECK(strcmp(heard, expected) == 0);
}

#define HEAD                                                                                                           \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nCache-Control: no-cache\r\n"   \
    "X-Accel-Buffering: no\r\n\r\n"
#define CHUNK(key, offset)                                                                                             \
    "78\r\n{\"topic\":\"orders\",\"headers\":null,\"timestamp\":\"2023-11-14T22:13:20.000Z\",\"key\":" key             \
    ",\"value\":\"eA==\",\"partition\":0,\"offset\":" offset "}\r\n"
#define END              "0\r\n\r\n"
#define SUBSCRIBE(after) "{\"offsets\":" after ",\"subscriptions\":[{\"topic\":\"orders\"}]}"
#define AFTER(offset)    "[{\"topic\":\"orders\",\"partition\":0,\"offset\":" offset "}]"

static void a_page_has_a_chunk_for_each_record_and_ends_the_body(void)
{
    open_all();
    append("\0\0\0\0\0\0\0\1", "x");
    append("\0\0\0\0\0\0\0\2", NULL);
    append("\0\0\0\0\0\0\0\3", "x");
    say("POST", "/consumers/any", SUBSCRIBE("null"));
    check_hears(HEAD CHUNK("1", "0") CHUNK("3", "2") END);
    say("POST", "/consumers/any", SUBSCRIBE(AFTER("0")));
    check_hears(HEAD CHUNK("3", "2") END);
    CHECK_EQUAL(streambed_left_out(f.server.rest->streambed), 2);
    close_all();
}

static void the_body_stays_open_until_there_is_something(void)
{
    open_all();
    say("POST", "/consumers/any", SUBSCRIBE("[]"));
    check_hears(HEAD);
    append("\0\0\0\0\0\0\0\1", "x");
    check_hears(CHUNK("1", "0") END);
    say("POST", "/consumers/any", SUBSCRIBE(AFTER("0")));
    check_hears(HEAD);
    rest_end_waits(&f.server);
    check_hears(END);
    close_all();
}

static void a_page_fits_a_segment_or_is_one_record(void)
{
    static char large[3001];
    open_all();
    memset(large, 'x', sizeof large - 1);
    for (int i = 0; i < 20; i++)
        append("\0\0\0\0\0\0\0\1", "x");
    append("\0\0\0\0\0\0\0\1", large);
    say("POST", "/consumers/any", SUBSCRIBE("[]"));
    size_t size = strlen(hear());
    CHECK(size > 700 && size <= 1300);
    say("POST", "/consumers/any", SUBSCRIBE(AFTER("19")));
    CHECK(strlen(hear()) > 4000);
    close_all();
}

/* What its clients cannot take they ask for at once again: this must not go on for ever. */
static void who_asks_for_the_same_again_and_again_waits(void)
{
    open_all();
    append("\0\0\0\0\0\0\0\1", "x");
    const char *heard = "";
    int asked = 0;
    for (; asked < 2000 && strcmp(heard, HEAD) != 0; asked++) {
        say("POST", "/consumers/any", SUBSCRIBE("[]"));
        heard = hear();
    }
    CHECK(asked > 100 && asked < 2000);
    CHECK_EQUAL(server_fixture_logged(&f, "asks for the same again and again"), 1);
    close_all();
}

static void the_end_is_the_last_record_that_comes(void)
{
    open_all();
    say("GET", "/topics/orders/partitions/0/offsets", "");
    CHECK(strstr(hear(), "404 Not Found") != NULL);
    for (int i = 0; i < 3; i++)
        append("\0\0\0\0\0\0\0\1", "x");
    for (int i = 0; i < 40; i++)
        append("\0\0\0\0\0\0\0\1", NULL);
    say("GET", "/topics/orders/partitions/0/offsets", "");
    CHECK(strstr(hear(), "{\"beginning_offset\":0,\"end_offset\":2}") != NULL);
    close_all();
}

static void any_allocation_may_be_refused(void)
{
    for (int64_t nth = 0;; nth++) {
        open_all();
        append("\0\0\0\0\0\0\0\1", "x");
        memory_fail_at(&f.memory, nth);
        if (say("GET", "/topics/orders/partitions/0/offsets", ""))
            hear();
        if (say("POST", "/consumers/any", SUBSCRIBE("[]")))
            hear();
        bool is_over = memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        close_all();
        if (is_over)
            break;
    }
}

SUITE("Streambed's dialect", CHECK_TEST(a_page_has_a_chunk_for_each_record_and_ends_the_body),
      CHECK_TEST(the_body_stays_open_until_there_is_something), CHECK_TEST(a_page_fits_a_segment_or_is_one_record),
      CHECK_TEST(who_asks_for_the_same_again_and_again_waits), CHECK_TEST(the_end_is_the_last_record_that_comes),
      CHECK_TEST(any_allocation_may_be_refused))
