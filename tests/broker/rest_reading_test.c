/* Reading records over HTTP, on a simulated disk: pages, streams, events and WebSockets. */
#include "check.h"
#include "http_fixture.h"
#include "metadata_log.h"
#include "operations/operations.h"
#include "rest/read_apis.h"
#include "rest/reading.h"
#include "simulated_disk.h"

#include <stdlib.h>
#include <unistd.h>

#define MAX_TURNS 2000

static struct server_fixture f;
static struct topic *topic;
static const struct http_api *const apis[] = {&read_v3_api, &read_plain_api, NULL};

/* ---- the server ---- */

static void open_with_topic(int32_t partitions)
{
    http_fixture_open(&f, apis, NULL);
    server_fixture_make_disk(&f, 1);
    REQUIRE(server_fixture_open_storage(&f) == 0);
    REQUIRE(server_fixture_create_topic(&f, "t", partitions, NULL, &topic) == 0);
}

static void close_all(void)
{
    server_fixture_close_services(&f);
    CHECK(server_fixture_close(&f));
}

/* Each in a batch of its own; keys k0, k1, k2 in turn. */
static void append(int32_t partition, int from, int count)
{
    for (int i = from; i < from + count; i++) {
        char key[16], value[16];
        snprintf(key, sizeof key, "k%d", i % 3);
        snprintf(value, sizeof value, "v%d", i);
        REQUIRE(server_fixture_append(&f, topic->partitions[partition], APPEND_ACKS_LEADER, 1000 + i,
                                      slice_of_text(key), slice_of_text(value)) == KAFKA_NONE);
    }
}

/* ---- a client ---- */

static int connect_client(void)
{
    return http_fixture_connect(&f);
}

static void ask(int peer, const char *target, const char *fields)
{
    char text[1000];
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", target, fields);
    http_fixture_say(&f, peer, text);
}

static char answer[2 << 20];
static size_t answer_size;

/* Until `text` has come. */
static bool hears(int peer, const char *text)
{
    for (int turn = 0; turn < MAX_TURNS; turn++) {
        const char *more = http_fixture_hear(peer);
        size_t size = strlen(more);
        REQUIRE(answer_size + size < sizeof answer);
        memcpy(answer + answer_size, more, size + 1);
        answer_size += size;
        if (strstr(answer, text) != NULL)
            return true;
        server_fixture_run_ms(&f, 1);
    }
    printf("\nheard:\n%s\nexpected: %s\n", answer, text);
    return false;
}

static void forget(void)
{
    answer_size = 0;
    answer[0] = '\0';
}

static int count_of(const char *text)
{
    int count = 0;
    for (const char *at = answer; (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

/* A page, whole: its last byte is the one behind the data. */
static void get(const char *target)
{
    int peer = connect_client();
    forget();
    ask(peer, target, "");
    CHECK(hears(peer, "]}") || hears(peer, "\"error_code\""));
    close(peer);
    server_fixture_turn(&f);
}

/* ---- pages ---- */

static void a_page_has_what_is_there_and_a_link_to_what_comes(void)
{
    open_with_topic(1);
    append(0, 0, 5);
    get("/topics/t/records");
    CHECK_EQUAL(count_of("\"offset\":"), 5);
    CHECK(strstr(answer, "\"next\":\"http://a/topics/t/records?from=0:5\"") != NULL);
    CHECK(strstr(answer, "\"at_end\":true") != NULL);
    get("/topics/t/partitions/0/records?limit=2&format=binary");
    CHECK_EQUAL(count_of("\"offset\":"), 2);
    CHECK(strstr(answer, "\"next\":\"http://a/topics/t/partitions/0/records?limit=2&format=binary&from=2\"") != NULL);
    CHECK(strstr(answer, "\"at_end\":false") != NULL);
    get("/topics/t/records?from=0:5");
    CHECK(strstr(answer, "\"data\":[]") != NULL);
    close_all();
    open_with_topic(2);
    get("/topics/t/records");
    CHECK(strstr(answer, "\"next\":\"http://a/topics/t/records?since=all\"") != NULL);
    append(1, 0, 1);
    get("/topics/t/records?since=all");
    CHECK(strstr(answer, "\"next\":\"http://a/topics/t/records?from=1:1\"") != NULL);
    close_all();
}

#define MANY 250

static void pages_of_many_partitions_lead_on(void)
{
    char link[2000];
    open_with_topic(MANY);
    for (int32_t i = 0; i < MANY; i++)
        append(i, 0, 2);
    get("/topics/t/records?limit=400");
    CHECK_EQUAL(count_of("\"offset\":"), 400);
    const char *next = strstr(answer, "\"next\":\"http://a");
    REQUIRE(next != NULL);
    snprintf(link, sizeof link, "%.*s", (int)strcspn(next + 16, "\""), next + 16);
    CHECK(strstr(link, "from=~") != NULL);
    get(link);
    CHECK_EQUAL(count_of("\"offset\":"), 2 * MANY - 400);
    close_all();
}

static void beginnings_are_where_they_say(void)
{
    open_with_topic(1);
    append(0, 0, 10);
    static const struct {
        const char *query;
        int first, count;
    } cases[] = {
        {"offset=4", 4, 6},
        {"from=0:9", 9, 1},
        {"after=0:7", 8, 2},
        {"timestamp=1003", 3, 7},
        {"since=all", 0, 10},
        {"since=latest", 10, 0},
        {"since=1970-01-01T00:00:01.005Z", 5, 5},
        {"since=1ms", 10, 0},
        {"last=3", 7, 3},
        {"last=100", 0, 10},
        {"limit=4", 0, 4},
        {"key=k1", 1, 3},
        {"key=k1&last=2", 4, 2},
        {"last=1&last_per=key", 7, 3},
        {"timestamp_from=1002&timestamp_to=1004", 2, 2},
        {"header=h", 10, 0},
        {"max_bytes=1", 0, 10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char target[200], first[40];
        snprintf(target, sizeof target, "/topics/t/records?%s", cases[i].query);
        get(target);
        const char *found = strstr(answer, "\"offset\":");
        snprintf(first, sizeof first, "\"offset\":%d,", cases[i].first);
        bool is_right = count_of("\"offset\":") == cases[i].count &&
                        (cases[i].count == 0 || (found != NULL && strncmp(found, first, strlen(first)) == 0));
        if (!is_right)
            printf("\n%s: %s\n", target, answer);
        CHECK(is_right);
    }
    close_all();
}

static void what_cannot_be_read_is_refused(void)
{
    static const struct {
        const char *target, *code;
    } cases[] = {
        {"/topics/u/records", "\"error_code\":40401"},
        {"/topics/t/partitions/1/records", "\"error_code\":40402"},
        {"/topics/t/records?offset=6", "\"error_code\":41601"},
        {"/topics/t/records?offset=1&since=all", "\"error_code\":400"},
        {"/topics/t/records?since=soon", "\"error_code\":400"},
        {"/topics/t/records?from=a", "\"error_code\":400"},
        {"/topics/t/records?last_per=key", "\"error_code\":400"},
        {"/topics/t/partitions/0/records/5", "\"error_code\":40404"},
        {"/topics/t/partitions/0/records/99", "\"error_code\":40404"},
        {"/v3/clusters/other/records?topics=t", "\"error_code\":404"},
        {"/v3/clusters/-/records?topics=*,*,*,*,*,*,*,*,*,*,*,*,*,*,*,*,*", "\"error_code\":400"},
    };
    open_with_topic(1);
    append(0, 0, 5);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int peer = connect_client();
        forget();
        ask(peer, cases[i].target, "");
        CHECK(hears(peer, cases[i].code));
        close(peer);
        server_fixture_turn(&f);
    }
    close_all();
}

static void one_record_has_a_tag(void)
{
    char fields[100];
    open_with_topic(1);
    append(0, 0, 5);
    int peer = connect_client();
    forget();
    ask(peer, "/topics/t/partitions/0/records/3", "");
    REQUIRE(hears(peer, "\"v3\"}}"));
    const char *tag = strstr(answer, "ETag: ") + 6;
    snprintf(fields, sizeof fields, "If-None-Match: %.*s\r\n", (int)strcspn(tag, "\r"), tag);
    forget();
    ask(peer, "/topics/t/partitions/0/records/3", fields);
    CHECK(hears(peer, "HTTP/1.1 304 "));
    forget();
    ask(peer, "/topics/t/partitions/0/records/3?format=binary", fields);
    CHECK(hears(peer, "HTTP/1.1 200 "));
    close(peer);
    close_all();
}

static void an_empty_page_waits_for_a_record(void)
{
    open_with_topic(1);
    int peer = connect_client();
    forget();
    ask(peer, "/topics/t/records?max_wait_ms=60000", "");
    server_fixture_run_ms(&f, 5);
    CHECK_EQUAL(strlen(http_fixture_hear(peer)), 0);
    append(0, 0, 1);
    CHECK(hears(peer, "\"v0\"}}]}"));
    forget();
    ask(peer, "/topics/t/records?from=0:1&max_wait_ms=5", "");
    CHECK(hears(peer, "\"data\":[]"));
    close(peer);
    close_all();
}

/* ---- streams ---- */

static void a_follower_gets_history_the_threshold_and_what_comes(void)
{
    open_with_topic(1);
    append(0, 0, 3);
    int peer = connect_client();
    forget();
    ask(peer, "/topics/t/records?since=all&follow", "");
    CHECK(hears(peer, "{\"mark\":\"threshold\"}\n"));
    CHECK_EQUAL(count_of("\"offset\":"), 3);
    append(0, 3, 1);
    CHECK(hears(peer, "\"v3\"}}\n"));
    CHECK_EQUAL(count_of("threshold"), 1);
    close(peer);
    close_all();
}

static void a_stream_without_follow_ends(void)
{
    open_with_topic(1);
    append(0, 0, 30);
    int peer = connect_client();
    forget();
    ask(peer, "/topics/t/records", "Accept: application/x-ndjson\r\n");
    CHECK(hears(peer, "\r\n0\r\n\r\n"));
    CHECK_EQUAL(count_of("\"offset\":"), 30);
    forget();
    ask(peer, "/topics/t/records?since=latest&follow=false", "Accept: text/event-stream\r\n");
    CHECK(hears(peer, "\r\n0\r\n\r\n"));
    close(peer);
    close_all();
}

static void events_come_back_by_their_id(void)
{
    open_with_topic(2);
    append(0, 0, 4);
    append(1, 0, 2);
    int peer = connect_client();
    forget();
    ask(peer, "/topics/t/records?since=all&limit=3", "Accept: text/event-stream\r\n");
    REQUIRE(hears(peer, "\r\n0\r\n\r\n"));
    const char *last = "";
    for (const char *at = answer; (at = strstr(at, "\nid: ")) != NULL; at++)
        last = at + 5;
    REQUIRE(*last != '\0');
    char fields[300];
    snprintf(fields, sizeof fields, "Accept: text/event-stream\r\nLast-Event-ID: %.*s\r\n", (int)strcspn(last, "\n"),
             last);
    forget();
    ask(peer, "/topics/t/records?since=all", fields);
    CHECK(hears(peer, "event: threshold"));
    CHECK_EQUAL(count_of("\ndata: {\"topic_name\""), 3);
    close(peer);
    close_all();
}

static void a_websocket_gets_each_record_in_a_message(void)
{
    open_with_topic(1);
    int peer = connect_client();
    forget();
    ask(peer, "/topics/t/records",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
    CHECK(hears(peer, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"));
    forget();
    append(0, 0, 2);
    CHECK(hears(peer, "\"v1\"}}"));
    CHECK_EQUAL(count_of("\x81\x7e"), 2);
    http_fixture_say_bytes(&f, peer, slice_of("\x88\x80\0\0\0\0", 6));
    CHECK(hears(peer, "\x88"));
    close(peer);
    close_all();
}

static void ignore_status(void *context, int status, const struct error *error)
{
    (void)context;
    (void)status;
    (void)error;
}

static void followers_are_told_that_their_topic_is_deleted(void)
{
    open_with_topic(1);
    append(0, 0, 1);
    int peer = connect_client();
    forget();
    ask(peer, "/topics/t/records?follow", "");
    server_fixture_run_ms(&f, 5);
    metadata_log_delete_topic(f.server.metadata, topic, ignore_status, NULL);
    CHECK(hears(peer, "\"mark\":\"deleted\""));
    CHECK(hears(peer, "\r\n0\r\n\r\n"));
    close(peer);
    close_all();
}

static void partitions_that_come_are_followed(void)
{
    struct topic *first, *other;
    open_with_topic(1);
    first = topic;
    int peer = connect_client();
    forget();
    ask(peer, "/topics/nothing/records", "");
    CHECK(hears(peer, "40401"));
    forget();
    struct server *server = &f.server;
    char target[200];
    snprintf(target, sizeof target, "/v3/clusters/%s/records?topics=t*&follow", server->start.cluster_id);
    ask(peer, target, "");
    server_fixture_run_ms(&f, 5);
    REQUIRE(server_fixture_create_topic(&f, "tt", 1, NULL, &other) == 0);
    topic = other;
    append(0, 0, 1);
    CHECK(hears(peer, "\"topic_name\":\"tt\",\"partition_id\":0,\"offset\":0"));
    topic = first;
    append(0, 0, 1);
    CHECK(hears(peer, "\"topic_name\":\"t\",\"partition_id\":0,\"offset\":0"));
    close(peer);
    close_all();
}

#define FOLLOWERS 100

static void followers_of_one_topic_share_what_is_made(void)
{
    int peers[FOLLOWERS];
    open_with_topic(1);
    append(0, 0, 10);
    for (int i = 0; i < FOLLOWERS; i++) {
        peers[i] = connect_client();
        ask(peers[i], i % 2 == 0 ? "/topics/t/records?follow" : "/topics/t/records?follow&since=all&threshold=false",
            "");
    }
    server_fixture_run_ms(&f, 5);
    append(0, 10, 3);
    for (int i = 0; i < FOLLOWERS; i++) {
        forget();
        CHECK(hears(peers[i], "\"v12\"}}\n"));
        CHECK_EQUAL(count_of("\"offset\":"), i % 2 == 0 ? 3 : 13);
    }
    CHECK(record_readers_cached(f.server.record_readers) < 20000);
    for (int i = 0; i < FOLLOWERS; i++)
        close(peers[i]);
    server_fixture_turn(&f);
    server_fixture_run_ms(&f, 5);
    CHECK(record_readers_idle(f.server.record_readers));
    CHECK_EQUAL(record_readers_cached(f.server.record_readers), 0);
    close_all();
}

/* A client that does not read costs what is queued for it; then it gets the rest. */
static void a_stopped_reader_loses_nothing(void)
{
    static char value[900];
    memset(value, 'x', sizeof value - 1);
    open_with_topic(1);
    for (int i = 0; i < 1200; i++)
        REQUIRE(server_fixture_append(&f, topic->partitions[0], APPEND_ACKS_LEADER, i, NULL_SLICE,
                                      slice_of_text(value)) == KAFKA_NONE);
    int peer = connect_client();
    ask(peer, "/topics/t/records?since=all&follow&threshold=false", "");
    server_fixture_run_ms(&f, 50);
    unsigned turns = server_fixture_run_ms(&f, 50);
    CHECK(turns < 5);
    int records = 0;
    for (int turn = 0; turn < MAX_TURNS && records < 1200; turn++) {
        const char *text = http_fixture_hear(peer);
        for (const char *at = text; (at = strstr(at, "\"offset\":")) != NULL; at++)
            records++;
        server_fixture_run_ms(&f, 1);
    }
    CHECK_EQUAL(records, 1200);
    close(peer);
    close_all();
}

/* ---- clients that go ---- */

#define LARGE   8192
#define RECORDS 3000

static void append_large(int count)
{
    static uint8_t value[LARGE];
    memset(value, 'v', sizeof value);
    for (int i = 0; i < count; i++)
        REQUIRE(server_fixture_append(&f, topic->partitions[0], APPEND_ACKS_LEADER, 1000 + i, slice_of_text("k"),
                                      slice_of(value, sizeof value)) == KAFKA_NONE);
}

/* Whoever looks for what is not there is not read for when he has gone. */
static void what_nobody_waits_for_is_not_read(void)
{
    static const char *const targets[] = {"/topics/t/records?key=none", "/topics/t/records?last=1&key=none",
                                          "/topics/t/records?last=1&last_per=key&key=none"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        open_with_topic(1);
        append_large(RECORDS);
        int peer = connect_client();
        uint64_t before = simulated_disk_bytes_read(f.server.disk);
        char text[200];
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", targets[i]);
        CHECK_EQUAL(write(peer, text, strlen(text)), strlen(text));
        close(peer);
        for (int turn = 0; turn < MAX_TURNS && !record_readers_idle(f.server.record_readers); turn++)
            server_fixture_run_ms(&f, 1);
        CHECK(record_readers_idle(f.server.record_readers));
        CHECK(simulated_disk_bytes_read(f.server.disk) - before < (uint64_t)RECORDS * LARGE / 2);
        close_all();
    }
}

/* What is collected counts; when memory is short a page is shorter, and the next one goes on behind it. */
static void a_page_ends_where_memory_does(void)
{
    static const char *const settings[] = {"furrow.memory.limit.bytes=1048576", NULL};
    http_fixture_open(&f, apis, settings);
    server_fixture_make_disk(&f, 1);
    REQUIRE(server_fixture_open_storage(&f) == 0);
    REQUIRE(server_fixture_create_topic(&f, "t", 1, NULL, &topic) == 0);
    append_large(200);
    get("/topics/t/records?max_bytes=16777216&limit=200&key=k");
    const char *next = strstr(answer, "from=0:");
    REQUIRE(next != NULL);
    int behind = atoi(next + 7);
    CHECK(behind > 0 && behind < 200);
    CHECK(strstr(answer, "\"at_end\":false") != NULL);
    CHECK_EQUAL(budget_used(f.server.budget), 0);
    close_all();
}

/* ---- failures ---- */

/* Its clients have gone. */
static void await_idleness(void)
{
    for (int turn = 0; turn < MAX_TURNS && !record_readers_idle(f.server.record_readers); turn++)
        server_fixture_run_ms(&f, 1);
    CHECK(record_readers_idle(f.server.record_readers));
}

/* One request with the nth allocation from now on failing; a client that hears nothing more goes. */
static bool ask_with_failure(const char *target, const char *fields, int nth)
{
    int peer = connect_client();
    memory_fail_at(&f.memory, nth);
    ask(peer, target, fields);
    server_fixture_run_ms(&f, 3);
    bool was_reached = !memory_fail_pending(&f.memory);
    memory_fail_at(&f.memory, -1);
    server_fixture_run_ms(&f, 1);
    close(peer);
    await_idleness();
    return was_reached;
}

static void any_allocation_may_fail(void)
{
    static const struct {
        const char *target, *fields;
    } requests[] = {
        {"/topics/t/records", ""},
        {"/topics/t/records?last=3", ""},
        {"/topics/t/records?last=1&last_per=key&header=h&key=k", ""},
        {"/topics/t/records?timestamp=1003&format=json", ""},
        {"/topics/t/partitions/0/records/3", ""},
        {"/topics/t/records?since=all&pulse=100", "Accept: text/event-stream\r\n"},
        {"/topics/t/records?follow&from=0:3", ""},
    };
    open_with_topic(2);
    append(0, 0, 10);
    append(1, 0, 10);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        int nth = 0;
        while (ask_with_failure(requests[i].target, requests[i].fields, nth))
            nth++;
        CHECK(nth > 10);
    }
    get("/topics/t/records");
    CHECK_EQUAL(count_of("\"offset\":"), 20);
    close_all();
}

static void any_allocation_may_fail_while_topics_change(void)
{
    char target[200];
    struct topic *other;
    for (int nth = 0, is_reached = 1; is_reached; nth++) {
        open_with_topic(1);
        int peer = connect_client();
        snprintf(target, sizeof target, "/v3/clusters/%s/records?topics=t*&follow", f.server.start.cluster_id);
        ask(peer, target, "");
        server_fixture_run_ms(&f, 2);
        REQUIRE(server_fixture_create_topic(&f, "tt", 1, NULL, &other) == 0);
        memory_fail_at(&f.memory, nth);
        server_fixture_run_ms(&f, 2);
        is_reached = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        close(peer);
        close_all();
    }
}

static void large_streams_are_not_begun_when_memory_is_short(void)
{
    open_with_topic(400);
    append(0, 0, 1);
    struct budget_account *others = connections_orphans(f.server.connections);
    size_t taken = budget_limit(f.server.budget) / 2 + 1;
    budget_add(others, taken);
    int peer = connect_client();
    forget();
    ask(peer, "/topics/t/records?follow", "");
    CHECK(hears(peer, "HTTP/1.1 503"));
    forget();
    ask(peer, "/topics/t/partitions/0/records?follow&since=all", "");
    CHECK(hears(peer, "\"offset\":0"));
    close(peer);
    budget_return(others, taken);
    peer = connect_client();
    forget();
    ask(peer, "/topics/t/records?follow&since=all", "");
    CHECK(hears(peer, "\"offset\":0"));
    CHECK(budget_used(f.server.budget) >= 400 * 2 * sizeof(int64_t));
    close(peer);
    server_fixture_run_ms(&f, 5);
    CHECK_EQUAL(budget_used(f.server.budget), 0);
    close_all();
}

SUITE("rest reading", CHECK_TEST(a_page_has_what_is_there_and_a_link_to_what_comes),
      CHECK_TEST(pages_of_many_partitions_lead_on), CHECK_TEST(beginnings_are_where_they_say),
      CHECK_TEST(what_cannot_be_read_is_refused), CHECK_TEST(one_record_has_a_tag),
      CHECK_TEST(an_empty_page_waits_for_a_record), CHECK_TEST(a_follower_gets_history_the_threshold_and_what_comes),
      CHECK_TEST(a_stream_without_follow_ends), CHECK_TEST(events_come_back_by_their_id),
      CHECK_TEST(a_websocket_gets_each_record_in_a_message), CHECK_TEST(followers_are_told_that_their_topic_is_deleted),
      CHECK_TEST(partitions_that_come_are_followed), CHECK_TEST(followers_of_one_topic_share_what_is_made),
      CHECK_TEST(a_stopped_reader_loses_nothing), CHECK_TEST(what_nobody_waits_for_is_not_read),
      CHECK_TEST(a_page_ends_where_memory_does), CHECK_TEST(large_streams_are_not_begun_when_memory_is_short),
      CHECK_TEST(any_allocation_may_fail), CHECK_TEST(any_allocation_may_fail_while_topics_change))
