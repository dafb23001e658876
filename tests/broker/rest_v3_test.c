/* REST v3 over socket pairs, with a log on a simulated disk behind it: long lists and slow readers, topics that go
 * meanwhile, and refused memory. What the answers say is tested beside Kafka's clients (integration/test_rest_v3.py).
 */
#include "check.h"
#include "http_fixture.h"
#include "json_read.h"
#include "metadata_log.h"
#include "rest/v3.h"
#include "simulated_disk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TOPICS    100
#define HEARD_MAX ((size_t)8 << 20)
#define C         "/v3/clusters/-"

static const struct http_api *const apis[] = {&rest_v3_api, NULL};
static struct server_fixture f;
static struct memory own; /* a failure asked for by the test must not hit the test */
static uint8_t heard[HEARD_MAX];
static size_t heard_size;

static void open_all(void)
{
    http_fixture_open(&f, apis, NULL);
    server_fixture_make_disk(&f, 1);
    REQUIRE(server_fixture_open_storage(&f) == 0);
    memory_init(&own);
}

static void close_all(void)
{
    CHECK_EQUAL(memory_total_bytes(&own), 0);
    server_fixture_turn(&f);
    CHECK_EQUAL(budget_used(f.server.budget), 0);
    server_fixture_close_services(&f);
    CHECK(server_fixture_close(&f));
}

static void create_topics(int count)
{
    struct topic *topic;
    for (int i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "topic-%03d", i);
        REQUIRE(server_fixture_create_topic(&f, name, 1, NULL, &topic) == 0);
    }
}

/* ---- a client that says what it wants and hears until the end ---- */

static int say(const char *method, const char *path, const char *body)
{
    char text[1000];
    int peer = http_fixture_connect(&f);
    snprintf(text, sizeof text,
             "%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             method, path, strlen(body), body);
    (void)!send(peer, text, strlen(text), MSG_NOSIGNAL); /* without memory the connection is closed already */
    heard_size = 0;
    return peer;
}

/* False at the end of what comes. */
static bool hear_some(int peer, size_t most)
{
    size_t room = HEARD_MAX - heard_size;
    server_fixture_turn(&f);
    ssize_t got = recv(peer, heard + heard_size, most < room ? most : room, 0);
    if (got > 0)
        heard_size += (size_t)got;
    return got > 0 || (got < 0 && errno == EAGAIN);
}

/* The status; 0: the connection was closed instead. */
static int hear(int peer)
{
    while (hear_some(peer, HEARD_MAX))
        continue;
    close(peer);
    server_fixture_turn(&f);
    return heard_size > 12 ? atoi((const char *)heard + 9) : 0;
}

static int ask(const char *method, const char *path, const char *body)
{
    return hear(say(method, path, body));
}

/* The body, out of its chunks. */
static slice heard_body(void)
{
    uint8_t *from = memmem(heard, heard_size, "\r\n\r\n", 4), *to;
    REQUIRE(from != NULL);
    bool is_chunked = memmem(heard, (size_t)(from - heard), "chunked", 7) != NULL;
    uint8_t *body = to = from = from + 4;
    if (!is_chunked)
        return slice_of(body, heard_size - (size_t)(body - heard));
    for (;;) {
        char *end;
        size_t size = strtoul((char *)from, &end, 16);
        if (size == 0)
            return slice_of(body, (size_t)(to - body));
        memmove(to, end + 2, size);
        to += size;
        from = (uint8_t *)end + 2 + size + 2;
    }
}

/* How many resources the list has that was heard; -1: it is no list. */
static int heard_count(void)
{
    struct json_document document;
    json_document_init(&document, &own, MEMORY_REQUESTS, (struct json_limits){.depth = 10, .values = 1000000});
    int count = -1;
    if (json_parse(&document, heard_body(), NULL) == 0) {
        const struct json_value *data = json_value_member(document.values, "data");
        count = data != NULL && data->kind == JSON_ARRAY ? (int)data->count : -1;
    }
    json_document_close(&document);
    return count;
}

static bool heard_says(const char *text)
{
    return memmem(heard, heard_size, text, strlen(text)) != NULL;
}

/* ---- lists ---- */

static void a_short_list_is_answered_whole_and_a_long_one_in_pieces(void)
{
    open_all();
    create_topics(2);
    CHECK_EQUAL(ask("GET", C "/topics", ""), 200);
    CHECK(heard_says("Content-Length") && heard_count() == 2);
    for (int i = 2; i < TOPICS; i++) {
        char body[64];
        snprintf(body, sizeof body, "{\"topic_name\":\"topic-%03d\"}", i);
        CHECK_EQUAL(ask("POST", C "/topics", body), 201);
    }
    CHECK_EQUAL(ask("GET", C "/topics", ""), 200);
    CHECK(heard_says("chunked") && heard_count() == TOPICS);
    CHECK_EQUAL(ask("GET", C "/topics/-/configs", ""), 200);
    CHECK(heard_count() > TOPICS);
    CHECK_EQUAL(ask("HEAD", C "/topics", ""), 200);
    CHECK(!heard_says("KafkaTopic"));
    close_all();
}

/* The socket takes some, the stream its bound, and the rest is not made before it is wanted. */
static void a_client_that_does_not_read_costs_one_bounded_piece(void)
{
    open_all();
    create_topics(TOPICS);
    size_t before = memory_total_bytes(&f.memory);
    int peer = say("GET", C "/topics/-/configs", "");
    CHECK(hear_some(peer, 1000));
    for (int i = 0; i < 10; i++)
        server_fixture_turn(&f);
    CHECK(memory_total_bytes(&f.memory) - before < (size_t)400 << 10);
    CHECK_EQUAL(hear(peer), 200);
    CHECK(heard_size > (size_t)500 << 10 || heard_count() > TOPICS);
    close_all();
}

static void a_client_may_go_in_the_middle_of_a_list(void)
{
    open_all();
    create_topics(TOPICS);
    int peer = say("GET", C "/topics/-/configs", "");
    CHECK(hear_some(peer, 1000));
    close(peer);
    close_all();
}

static void a_topic_that_goes_while_a_list_is_sent_is_left_out(void)
{
    open_all();
    create_topics(TOPICS);
    int peer = say("GET", C "/topics/-/configs", "");
    CHECK(hear_some(peer, 1000));
    uint8_t begun[1000];
    size_t begun_size = heard_size;
    memcpy(begun, heard, begun_size);
    CHECK_EQUAL(ask("DELETE", C "/topics/topic-099", ""), 204);
    memcpy(heard, begun, begun_size);
    heard_size = begun_size;
    CHECK_EQUAL(hear(peer), 200);
    CHECK(heard_count() > 0 && heard_says("topic-098") && !heard_says("topic-099"));
    close_all();
}

/* Each long list keeps notes of what it will show; short ones are answered as ever. */
static void long_lists_wait_for_better_times_when_memory_is_short(void)
{
    open_all();
    create_topics(TOPICS);
    struct budget_account *others = connections_orphans(f.server.connections);
    size_t taken = budget_limit(f.server.budget) / 2 + 1;
    budget_add(others, taken);
    CHECK_EQUAL(ask("GET", C "/topics", ""), 503);
    CHECK_EQUAL(ask("GET", C "/topics/topic-000/partitions", ""), 200);
    budget_return(others, taken);
    CHECK_EQUAL(ask("GET", C "/topics", ""), 200);
    close_all();
}

/* ---- failures ---- */

static const struct {
    const char *method, *path, *body;
    int status;
} requests[] = {
    {"POST", C "/topics", "{\"topic_name\":\"made\",\"configs\":[{\"name\":\"retention.ms\",\"value\":\"1\"}]}", 201},
    {"POST", C "/topics",
     "{\"topic_name\":\"sure\",\"replicas_assignments\":[{\"partition_id\":0,\"broker_ids\":[1]}]}", 201},
    {"POST", C "/topics", "{\"topic_name\":\"made\"}", 400},
    {"POST", C "/topics", "{\"topic_n\\u0061me\":1}", 400},
    {"GET", C "/topics", "", 200},
    {"GET", C, "", 200},
    {"GET", C "/topics/topic-000/configs", "", 200},
    {"PUT", C "/topics/topic-000/configs/compression.type", "{\"value\":\"gz\\u0069p\"}", 204},
    {"POST", C "/topics/topic-000/configs:alter",
     "{\"data\":[{\"name\":\"cleanup.policy\",\"value\":\"compact\",\"operation\":\"APPEND\"}]}", 204},
    {"DELETE", C "/topics/topic-000/configs/compression.type", "", 204},
    {"PATCH", C "/topics/topic-000", "{\"partitions_count\":2}", 200},
    {"GET", C "/topics/topic-000/partitions/1/replicas", "", 200},
    {"GET", C "/brokers/1/partition-replicas", "", 200},
    {"GET", C "/brokers/1/configs/log.segment.bytes", "", 200},
    {"GET", C "/consumer-groups", "", 200},
    {"GET", C "/consumer-groups/none", "", 404},
    {"POST", C "/acls:batch", "{\"data\":[]}", 400},
    {"DELETE", C "/topics/topic-000", "", 204},
};

/* A request is answered as ever, or refused, or its connection is closed; nothing leaks, and the server goes on. */
static void any_allocation_may_be_refused(void)
{
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        open_all();
        create_topics(1);
        memory_fail_at(&f.memory, nth);
        for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
            int status = ask(requests[i].method, requests[i].path, requests[i].body);
            if (status != requests[i].status)
                CHECK(!memory_fail_pending(&f.memory));
        }
        failed = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        CHECK_EQUAL(ask("GET", C "/topics", ""), 200);
        close_all();
    }
}

static void what_cannot_be_written_is_told(void)
{
    open_all();
    create_topics(1);
    simulated_disk_fail_call_at(f.server.disk, SIMULATED_WRITE, 0, -ENOSPC);
    CHECK_EQUAL(ask("POST", C "/topics", "{\"topic_name\":\"more\"}"), 500);
    CHECK(heard_says("\"error_code\":50003"));
    CHECK_EQUAL(ask("POST", C "/topics", "{\"topic_name\":\"more\"}"), 201);
    close_all();
}

SUITE("rest_v3", CHECK_TEST(a_short_list_is_answered_whole_and_a_long_one_in_pieces),
      CHECK_TEST(a_client_that_does_not_read_costs_one_bounded_piece),
      CHECK_TEST(a_client_may_go_in_the_middle_of_a_list),
      CHECK_TEST(a_topic_that_goes_while_a_list_is_sent_is_left_out),
      CHECK_TEST(long_lists_wait_for_better_times_when_memory_is_short), CHECK_TEST(any_allocation_may_be_refused),
      CHECK_TEST(what_cannot_be_written_is_told))
