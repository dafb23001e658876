/* Writing by HTTP over socket pairs, onto a simulated disk: what is answered, what is written, and what is left when
 * memory, the disk, the client or the power fails. */
#include "batch_iterator.h"
#include "check.h"
#include "http_fixture.h"
#include "metadata_log.h"
#include "operations/operations.h"
#include "rest/produce_apis.h"
#include "simulated_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define V2_BINARY "application/vnd.kafka.binary.v2+json"
#define V3        "/v3/clusters/%s/topics/orders/records"

static const struct http_api *const apis[] = {&produce_v2_api, &produce_v3_api, &produce_plain_api, NULL};
static struct server_fixture f;
static struct topic *orders;
static int peer;

static void open_with(const char *const *settings, int32_t partitions)
{
    http_fixture_open(&f, apis, settings);
    server_fixture_make_disk(&f, 1);
    REQUIRE(server_fixture_open_storage(&f) == 0);
    REQUIRE(server_fixture_create_topic(&f, "orders", partitions, NULL, &orders) == 0);
    peer = http_fixture_connect(&f);
}

static bool is_at_rest(void)
{
    return operations_idle(&f.server) && metadata_log_idle(f.server.metadata) && writer_thread_idle(f.server.writer) &&
           jobs_idle(&f.server.jobs);
}

static void come_to_rest(void)
{
    while (!is_at_rest())
        uv_run(&f.loop, UV_RUN_ONCE);
}

static void close_all(void)
{
    close(peer);
    come_to_rest();
    server_fixture_close_services(&f);
    CHECK(server_fixture_close(&f));
}

static void reconnect(void)
{
    close(peer);
    server_fixture_turn(&f);
    peer = http_fixture_connect(&f);
}

/* The power goes, and comes back. */
static void restart(uint64_t seed)
{
    come_to_rest();
    server_fixture_close_services(&f);
    simulated_disk_power_cut(f.server.disk, seed);
    REQUIRE(server_fixture_open_connections(&f) == 0);
    REQUIRE(server_fixture_open_storage(&f) == 0);
    f.server.http_apis = apis;
    orders = topics_find(&f.server.topics, slice_of_text("orders"));
    REQUIRE(orders != NULL);
    close(peer);
    peer = http_fixture_connect(&f);
}

static void say(const char *path, const char *fields, const char *body)
{
    char text[4096];
    snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n%s\r\n%s", path, strlen(body),
             fields, body);
    (void)!send(peer, text, strlen(text), MSG_NOSIGNAL); /* where the connection has gone, nothing will be heard */
}

/* All that the peer hears until nothing more can be expected. */
static const char *hear(void)
{
    static char heard[64 << 10];
    size_t size = 0;
    heard[0] = '\0';
    for (int rests = 0; rests < 20 && strstr(heard, "\r\n0\r\n\r\n") == NULL;) {
        uv_run(&f.loop, UV_RUN_NOWAIT);
        rests = is_at_rest() ? rests + 1 : 0;
        ssize_t got = recv(peer, heard + size, sizeof heard - 1 - size, MSG_DONTWAIT);
        if (got == 0)
            break;
        size += got > 0 ? (size_t)got : 0;
        heard[size] = '\0';
        const char *length = strstr(heard, "Content-Length: "), *body = strstr(heard, "\r\n\r\n");
        if (length != NULL && body != NULL && strlen(body + 4) >= strtoul(length + 16, NULL, 10))
            break;
    }
    return heard;
}

static const char *ask(const char *path, const char *fields, const char *body)
{
    say(path, fields, body);
    return hear();
}

static bool has(const char *text, const char *part)
{
    bool found = strstr(text, part) != NULL;
    if (!found)
        printf("\nno %s in: %s\n", part, text);
    return found;
}

static bool is_status(const char *answer, int status)
{
    char line[32];
    snprintf(line, sizeof line, "HTTP/1.1 %d ", status);
    return has(answer, line);
}

static int64_t end_of(int32_t partition)
{
    return log_end_offset(topic_partition(orders, partition)->log);
}

static const char *records_path(void)
{
    static char path[128];
    snprintf(path, sizeof path, V3, f.server.start.cluster_id);
    return path;
}

#define JSON_FIELD   "Content-Type: application/json\r\n"
#define BINARY_FIELD "Content-Type: " V2_BINARY "\r\n"
#define LINES_FIELD  "Content-Type: application/x-ndjson\r\n"

/* ---- what is answered ---- */

static void v2_answers_per_record(void)
{
    open_with(NULL, 2);
    const char *answer = ask("/topics/orders", BINARY_FIELD,
                             "{\"records\":[{\"partition\":1,\"value\":\"AA==\"},{\"partition\":2,\"value\":null},"
                             "{\"partition\":1,\"value\":null}]}");
    CHECK(is_status(answer, 200) && has(answer, "Content-Type: application/vnd.kafka.v2+json"));
    CHECK(has(answer,
              "{\"offsets\":[{\"partition\":1,\"offset\":0,\"error_code\":null,\"error\":null},"
              "{\"partition\":null,\"offset\":null,\"error_code\":50003,\"error\":\"Partition 2 of topic orders "
              "with partition count 2 is not present in metadata.\"},"
              "{\"partition\":1,\"offset\":1,\"error_code\":null,\"error\":null}],"
              "\"key_schema_id\":null,\"value_schema_id\":null}"));
    CHECK_EQUAL(end_of(0), 0);
    CHECK_EQUAL(end_of(1), 2);
    CHECK_EQUAL(log_synced_end_offset(topic_partition(orders, 1)->log), 2);
    close_all();
}

static void acks_1_does_not_wait_for_the_disk(void)
{
    open_with(NULL, 1);
    CHECK(is_status(ask("/topics/orders?acks=1", BINARY_FIELD, "{\"records\":[{\"value\":null}]}"), 200));
    CHECK_EQUAL(log_synced_end_offset(topic_partition(orders, 0)->log), 0);
    CHECK(is_status(ask("/topics/orders/records?acks=1", "", "{}"), 200));
    CHECK_EQUAL(log_synced_end_offset(topic_partition(orders, 0)->log), 0);
    CHECK(is_status(ask("/topics/orders/records", "", "{}"), 200));
    CHECK_EQUAL(log_synced_end_offset(topic_partition(orders, 0)->log), 3);
    CHECK(is_status(ask("/topics/orders?acks=2", BINARY_FIELD, "{\"records\":[{\"value\":null}]}"), 400));
    close_all();
}

static void a_body_that_is_wrong_writes_nothing(void)
{
    open_with(NULL, 1);
    static const char *const wrong[] = {
        "{\"records\":[{\"value\":\"AA==\"},{\"value\":\"AA=\"}]}",
        "{\"records\":[{\"value\":\"AA==\"}],\"other\":1}",
        "{\"records\":[{\"value\":\"AA==\"}]",
        "[]",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK(has(ask("/topics/orders", BINARY_FIELD, wrong[i]), "HTTP/1.1 4"));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK(has(ask("/topics/missing", BINARY_FIELD, wrong[i]), "HTTP/1.1 4"));
    CHECK_EQUAL(end_of(0), 0);
    CHECK_EQUAL(f.server.topics.count, 1);
    close_all();
}

static void a_missing_topic_is_made_for_all_who_ask(void)
{
    open_with(NULL, 1);
    int other = peer;
    say("/topics/new:one/raw", "", "x");
    peer = http_fixture_connect(&f);
    say("/topics/new:one/records", "", "{}\n{}\n");
    CHECK(is_status(hear(), 200));
    close(peer);
    peer = other;
    CHECK(is_status(hear(), 200));
    const struct topic *topic = topics_find(&f.server.topics, slice_of_text("new:one"));
    REQUIRE(topic != NULL);
    CHECK_EQUAL(log_end_offset(topic_partition(topic, 0)->log), 3);
    CHECK(is_status(ask("/topics/__consumer_offsets/raw", "", "x"), 400));
    CHECK(is_status(ask("/topics/a%20b/raw", "", "x"), 400));
    close_all();
}

static void reports_follow_the_records_as_they_come(void)
{
    open_with(NULL, 1);
    char head[512];
    snprintf(head, sizeof head,
             "POST %s HTTP/1.1\r\nHost: a\r\n" JSON_FIELD "Transfer-Encoding: chunked\r\n\r\n8\r\n{\"value\"\r\n",
             records_path());
    CHECK_EQUAL(write(peer, head, strlen(head)), strlen(head));
    CHECK_EQUAL(strlen(hear()), 0);
    static const char first[] = "6\r\n:null}\r\n", second[] = "2\r\n{}\r\n0\r\n\r\n";
    CHECK_EQUAL(write(peer, first, sizeof first - 1), sizeof first - 1);
    const char *answer = hear();
    CHECK(is_status(answer, 200) && has(answer, "\"offset\":0,"));
    CHECK_EQUAL(write(peer, second, sizeof second - 1), sizeof second - 1);
    answer = hear();
    CHECK(has(answer, "\"offset\":1,") && has(answer, "\r\n0\r\n\r\n"));
    CHECK(is_status(ask(records_path(), JSON_FIELD, ""), 422));
    answer = ask(records_path(), JSON_FIELD, "{}{]{}"); /* the connection stays */
    CHECK(has(answer, "\"offset\":2,") && has(answer, "\"error_code\":400") && has(answer, "\r\n0\r\n\r\n"));
    CHECK(is_status(ask("/topics/orders/raw", "", "x"), 200));
    CHECK_EQUAL(end_of(0), 4);
    close_all();
}

/* It sends records until it is held back, for it reads no reports; then it goes. */
static void who_goes_without_reading_its_reports_leaves_nothing(void)
{
    static const char piece[] = "c\r\n{}{}{}{}{}{}\r\n";
    open_with(NULL, 1);
    char head[512];
    snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: a\r\n" JSON_FIELD "Transfer-Encoding: chunked\r\n\r\n",
             records_path());
    CHECK_EQUAL(write(peer, head, strlen(head)), strlen(head));
    for (int rests = 0; rests < 20;) {
        ssize_t sent = send(peer, piece, sizeof piece - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        uv_run(&f.loop, UV_RUN_NOWAIT);
        rests = sent < 0 && is_at_rest() ? rests + 1 : 0;
    }
    CHECK(end_of(0) > 0);
    close(peer);
    peer = http_fixture_connect(&f);
    come_to_rest();
    close_all();
}

/* Nobody knows where the next record begins, and whoever sends on without end is not listened to. */
static void a_stream_without_end_ends_at_a_text_that_is_none(void)
{
    open_with(NULL, 1);
    char head[512];
    snprintf(head, sizeof head,
             "POST %s HTTP/1.1\r\nHost: a\r\n" JSON_FIELD "Transfer-Encoding: chunked\r\n\r\n4\r\n{}{]\r\n",
             records_path());
    CHECK_EQUAL(write(peer, head, strlen(head)), strlen(head));
    const char *answer = hear();
    CHECK(has(answer, "\"offset\":0,") && has(answer, "\"error_code\":400") && has(answer, "\r\n0\r\n\r\n"));
    CHECK_EQUAL(end_of(0), 1);
    close_all();
}

static void a_summary_lists_what_was_not_written(void)
{
    open_with(NULL, 2);
    const char *answer = ask("/topics/orders/records", "",
                             "{\"partition_id\":1}\n{]\n{\"partition_id\":5}\n\n"
                             "{\"mark\":\"pulse\"}\n{\"partition_id\":1}");
    CHECK(is_status(answer, 400) && has(answer, "\"message\":\"2 of 4 records were not written\""));
    CHECK(has(answer, "\"records\":2,\"partitions\":[{\"partition_id\":1,\"records\":2,\"first_offset\":0,"
                      "\"last_offset\":1}],\"failed\":2,\"failures\":[{\"record\":2,\"error_code\":400,"));
    CHECK(has(answer, "{\"record\":3,\"error_code\":40403,"));
    answer = ask("/topics/orders/partitions/0/records", "", "{}\n{\"partition_id\":1}");
    CHECK(is_status(answer, 200) &&
          has(answer, "{\"partition_id\":0,\"records\":1,\"first_offset\":0,\"last_offset\":0}"));
    CHECK(is_status(ask("/topics/orders/partitions/2/records", "", "{}"), 404));
    reconnect(); /* its body was not read */
    CHECK(has(ask("/topics/orders/records", "", ""), "\"records\":0,\"partitions\":[],\"failed\":0"));
    close_all();
}

static void a_hundred_failures_are_listed_and_all_are_counted(void)
{
    char lines[601] = "";
    open_with(NULL, 1);
    for (int i = 0; i < 600; i++)
        lines[i] = i % 2 == 0 ? '7' : '\n';
    const char *answer = ask("/topics/orders/records", "", lines);
    CHECK(is_status(answer, 400) && has(answer, "\"failed\":300") && has(answer, "{\"record\":100,"));
    CHECK(strstr(answer, "{\"record\":101,") == NULL);
    close_all();
}

static void a_raw_record_has_its_fields_from_the_head(void)
{
    open_with(NULL, 1);
    const char *answer = ask("/topics/orders/raw",
                             "X-Record-Key: k\r\nX-Record-Header-A: 1\r\nx-record-header-b:\r\n"
                             "X-Record-Timestamp: 2026-01-02T03:04:05Z\r\n",
                             "value");
    CHECK(is_status(answer, 200) &&
          has(answer, "\"timestamp\":\"2026-01-02T03:04:05.000Z\",\"key\":{\"type\":\"STRING\","
                      "\"size\":1},\"value\":{\"type\":\"BINARY\",\"size\":5}"));
    CHECK(is_status(ask("/topics/orders/raw", "X-Record-Timestamp: -1\r\n", ""), 400));
    CHECK(is_status(ask("/topics/orders/raw", "X-Record-Key-Base64: =\r\n", ""), 400));
    CHECK(is_status(ask("/topics/orders/raw", "X-Record-Key-Base64: AA==\r\nX-Record-Key: k\r\n", ""), 400));
    CHECK(is_status(ask("/topics/orders/raw?tombstone", "", "x"), 400));
    CHECK(is_status(ask("/topics/orders/raw?tombstone", "", ""), 200));
    CHECK(is_status(ask("/topics/orders/raw?partition=1", "", ""), 404));
    CHECK(is_status(ask("/topics/orders/raw", "Idempotency-Key:\r\n", ""), 400));
    CHECK(is_status(ask("/topics/orders/raw", "Content-Encoding: gzip\r\n", "x"), 415));
    CHECK_EQUAL(end_of(0), 2);
    close_all();
}

static void wherever_a_body_is_cut_its_records_are_the_same(void)
{
    static const char body[] = "{\"value\":{\"type\":\"STRING\",\"data\":\"\\u00e4 {\"}}\n"
                               "{\"key\":{\"type\":\"BINARY\",\"data\":\"AA==\"}}\n\n{}";
    open_with(NULL, 1);
    for (size_t i = 0; i < 2 * sizeof body; i++) {
        char head[300];
        size_t first = i / 2;
        bool is_v3 = i % 2 == 0;
        snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %zu\r\n\r\n",
                 is_v3 ? records_path() : "/topics/orders/records", is_v3 ? JSON_FIELD : LINES_FIELD, sizeof body - 1);
        int64_t end = end_of(0);
        CHECK_EQUAL(write(peer, head, strlen(head)), strlen(head));
        CHECK_EQUAL(write(peer, body, first), first);
        server_fixture_turn(&f);
        CHECK_EQUAL(write(peer, body + first, sizeof body - 1 - first), sizeof body - 1 - first);
        const char *answer = hear();
        CHECK(is_status(answer, 200) && (is_v3 || has(answer, "\"records\":3,")));
        CHECK_EQUAL(end_of(0), end + 3);
    }
    close_all();
}

/* ---- what fails ---- */

static void write_all_ways(void)
{
    (void)ask("/topics/orders", BINARY_FIELD,
              "{\"records\":[{\"partition\":1,\"value\":\"AA==\"},{\"key\":\"AA==\"}]}");
    reconnect();
    (void)ask("/topics/orders/raw", "Idempotency-Key: a\r\nX-Record-Key-Base64: AA==\r\n", "x");
    reconnect();
    (void)ask("/topics/orders/records", "Idempotency-Key: b\r\n", "{\"key\":\"\\n\"}\n7\n{\"partition_id\":1}\n");
    reconnect();
    (void)ask(records_path(), JSON_FIELD, "{\"value\":{\"type\":\"JSON\",\"data\":[1]}}{}{]");
    reconnect();
}

/* Who got no answer was cut off, and the server has all its memory. */
static void any_allocation_may_fail(void)
{
    bool outlived = false;
    for (int64_t nth = 0; !outlived; nth++) {
        open_with(NULL, 2);
        memory_fail_at(&f.memory, nth);
        write_all_ways();
        outlived = memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        reconnect();
        CHECK(is_status(ask("/topics/orders/raw", "", "x"), 200));
        close_all();
    }
}

static void a_failing_disk_is_told_and_stops_a_stream(void)
{
    open_with(NULL, 1);
    simulated_disk_set_space(f.server.disk, 0);
    const char *answer = ask("/topics/orders/records", "", "{}\n{}\n");
    CHECK(is_status(answer, 500) && has(answer, "\"records\":0") && has(answer, "\"failed\":2"));
    CHECK_EQUAL(end_of(0), 0);
    close_all();
}

static void a_client_that_goes_costs_nothing(void)
{
    static const char *const heads[] = {
        "POST /topics/orders/records HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{}\n{}\n{\"val",
        "POST /topics/orders/records HTTP/1.1\r\nHost: a\r\nIdempotency-Key: x\r\nContent-Length: 100\r\n\r\n{}\n{}\n{",
        "POST /topics/orders/raw HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
    };
    open_with(NULL, 1);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        CHECK_EQUAL(write(peer, heads[i], strlen(heads[i])), strlen(heads[i]));
        reconnect();
    }
    CHECK(is_status(ask("/topics/orders/raw", "", "x"), 200));
    CHECK_EQUAL(end_of(0), 4); /* two lines without a key, two raw ones; a cut body with a key waits for its retry */
    close_all();
}

/* A record of many pieces; false when the server answers before it is whole. */
static bool say_large(size_t size)
{
    static const char head[] = "POST /topics/orders/records HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    static const char start[] = "{\"value\":\"";
    static char piece[16 << 10];
    char answer;
    CHECK_EQUAL(write(peer, head, strlen(head)), strlen(head));
    for (size_t said = 0; said < size; said += sizeof piece) {
        memset(piece, 'x', sizeof piece);
        for (size_t i = 0; said == 0 && i < sizeof start - 1; i++)
            piece[i] = start[i];
        CHECK_EQUAL(write(peer, "4000\r\n", 6), 6);
        CHECK_EQUAL(write(peer, piece, sizeof piece), sizeof piece);
        CHECK_EQUAL(write(peer, "\r\n", 2), 2);
        server_fixture_turn(&f);
        if (recv(peer, &answer, 1, MSG_PEEK | MSG_DONTWAIT) == 1)
            return false;
    }
    return true;
}

static void a_record_that_has_come_in_half_counts_and_goes_when_memory_is_short(void)
{
    static const char *const settings[] = {"furrow.memory.limit.bytes=4194304", NULL};
    open_with(settings, 1);
    CHECK(say_large((size_t)800 << 10));
    CHECK(budget_used(f.server.budget) > (size_t)800 << 10);
    int first = peer;
    peer = http_fixture_connect(&f);
    CHECK(!say_large((size_t)3 << 20));
    CHECK(is_status(hear(), 503));
    close(first);
    reconnect();
    CHECK_EQUAL(budget_used(f.server.budget), 0);
    CHECK(is_status(ask("/topics/orders/records", "", "{}\n"), 200));
    CHECK_EQUAL(end_of(0), 1);
    close_all();
}

/* ---- sent again ---- */

#define LINES "{\"value\":\"a\"}\n{\"key\":\"k\"}\n{\"value\":\"c\"}\n"

/* What was answered is there after the power was cut, once, and what was not answered is there once when it is sent
 * again. */
static void sent_again_after_a_power_cut_it_is_written_once(void)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        open_with(NULL, 3);
        if (seed % 2 == 0)
            simulated_disk_stop_at(f.server.disk, (int64_t)seed / 2);
        const char *answer = ask("/topics/orders/records", "Idempotency-Key: a\r\n", LINES);
        CHECK(has(answer, seed % 2 == 0 && simulated_disk_is_stopped(f.server.disk) ? "HTTP/1.1 " : "HTTP/1.1 200"));
        restart(seed);
        CHECK(is_status(ask("/topics/orders/records", "Idempotency-Key: a\r\n", LINES), 200));
        CHECK_EQUAL(end_of(0) + end_of(1) + end_of(2), 3);
        CHECK(is_status(ask("/topics/orders/records", "Idempotency-Key: b\r\n", LINES), 200));
        CHECK_EQUAL(end_of(0) + end_of(1) + end_of(2), 6);
        close_all();
    }
}

/* The log remembers the last batches of a producer; that an older one was written is known, but not where. */
static void of_many_batches_sent_again_the_last_have_their_offsets(void)
{
    char body[2000] = "{\"records\":[";
    static const char *const settings[] = {"message.max.bytes=200", NULL};
    size_t size = strlen(body);
    for (int i = 0; i < 20; i++)
        size += (size_t)snprintf(body + size, sizeof body - size, "%s{\"value\":\"%064d\"}", i != 0 ? "," : "", 0);
    snprintf(body + size, sizeof body - size, "]}");
    open_with(settings, 1);
    CHECK(has(ask("/topics/orders?acks=1", BINARY_FIELD "Idempotency-Key: a\r\n", body), "\"offset\":0,"));
    CHECK_EQUAL(end_of(0), 20);
    CHECK_EQUAL(log_synced_end_offset(topic_partition(orders, 0)->log), 0);
    const char *answer = ask("/topics/orders", BINARY_FIELD "Idempotency-Key: a\r\n", body);
    CHECK(is_status(answer, 200) && has(answer, "{\"partition\":0,\"offset\":19,\"error_code\":null"));
    CHECK(has(answer, "[{\"partition\":0,\"offset\":null,\"error_code\":null"));
    CHECK_EQUAL(end_of(0), 20);
    CHECK_EQUAL(log_synced_end_offset(topic_partition(orders, 0)->log), 20);
    restart(7);
    answer = ask("/topics/orders", BINARY_FIELD "Idempotency-Key: a\r\n", body);
    CHECK(is_status(answer, 200) && has(answer, "\"offset\":19,") && strstr(answer, "\"error_code\":5") == NULL);
    CHECK_EQUAL(end_of(0), 20);
    close_all();
}

static void a_key_that_was_used_for_other_records_is_refused(void)
{
    open_with(NULL, 1);
    CHECK(is_status(ask("/topics/orders/raw", "Idempotency-Key: a\r\n", "x"), 200));
    const char *answer = ask("/topics/orders/records", "Idempotency-Key: a\r\n", "{}\n{}\n");
    CHECK(is_status(answer, 422) && has(answer, "The Idempotency-Key was used for other records."));
    CHECK_EQUAL(end_of(0), 1);
    close_all();
}

SUITE("rest_produce", CHECK_TEST(v2_answers_per_record), CHECK_TEST(acks_1_does_not_wait_for_the_disk),
      CHECK_TEST(a_body_that_is_wrong_writes_nothing), CHECK_TEST(a_missing_topic_is_made_for_all_who_ask),
      CHECK_TEST(who_goes_without_reading_its_reports_leaves_nothing),
      CHECK_TEST(reports_follow_the_records_as_they_come), CHECK_TEST(a_stream_without_end_ends_at_a_text_that_is_none),
      CHECK_TEST(a_summary_lists_what_was_not_written), CHECK_TEST(a_hundred_failures_are_listed_and_all_are_counted),
      CHECK_TEST(a_raw_record_has_its_fields_from_the_head),
      CHECK_TEST(wherever_a_body_is_cut_its_records_are_the_same), CHECK_TEST(any_allocation_may_fail),
      CHECK_TEST(a_failing_disk_is_told_and_stops_a_stream), CHECK_TEST(a_client_that_goes_costs_nothing),
      CHECK_TEST(a_record_that_has_come_in_half_counts_and_goes_when_memory_is_short),
      CHECK_TEST(sent_again_after_a_power_cut_it_is_written_once),
      CHECK_TEST(of_many_batches_sent_again_the_last_have_their_offsets),
      CHECK_TEST(a_key_that_was_used_for_other_records_is_refused))
