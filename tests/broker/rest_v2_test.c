/* Consumer instances of REST Proxy v2 over socket pairs, with the groups' log on a simulated disk. */
#include "check.h"
#include "http_fixture.h"
#include "operations/groups.h"
#include "operations/operations.h"
#include "rest/consumer_instances.h"
#include "rest/rest.h"
#include "rest/v2.h"
#include "writer_thread.h"

#include <stdio.h>
#include <unistd.h>

#define RECORDS 3

static struct server_fixture f;
static int peer;

static const char *const settings[] = {"furrow.clock.trusted=true", "auto.create.topics.enable=false",
                                       "consumer.request.timeout.ms=50", "furrow.rest.consumers.max=5", NULL};

static void open_all(void)
{
    static const struct http_api *const apis[] = {&rest_v2_api, NULL};
    struct topic *topic;
    http_fixture_open(&f, apis, settings);
    server_fixture_make_disk(&f, 1);
    REQUIRE(server_fixture_open_storage(&f) == 0);
    REQUIRE(rest_open(&f.server, &f.error) == 0);
    REQUIRE(server_fixture_create_topic(&f, "orders", 2, NULL, &topic) == 0);
    for (int i = 0; i < RECORDS; i++) {
        char value[] = {(char)('0' + i), '\0'};
        CHECK_EQUAL(server_fixture_append(&f, topic_partition(topic, 0), APPEND_ACKS_ALL, 1000 + i,
                                          slice_of_text("\"k\""), slice_of_text(value)),
                    KAFKA_NONE);
    }
    peer = http_fixture_connect(&f);
}

static void turn_until_idle(void)
{
    while (!rest_idle(&f.server) || !operations_idle(&f.server) || !writer_thread_idle(f.server.writer) ||
           !jobs_idle(&f.server.jobs))
        uv_run(&f.loop, UV_RUN_ONCE);
}

static void close_all(void)
{
    rest_end_waits(&f.server);
    operations_end_waits(&f.server);
    turn_until_idle();
    close(peer);
    rest_close(&f.server);
    server_fixture_close_services(&f);
    CHECK(server_fixture_close(&f));
}

/* The status and what follows it, within some seconds; "" when the connection was closed instead. */
static const char *ask(const char *method, const char *path, const char *body)
{
    char request[1024];
    static char text[8192];
    snprintf(
        request, sizeof request,
        "%s %s HTTP/1.1\r\nHost: h\r\nContent-Type: application/vnd.kafka.v2+json\r\nContent-Length: %zu\r\n\r\n%s",
        method, path, strlen(body), body);
    text[0] = '\0';
    if (write(peer, request, strlen(request)) < 0)
        return text;
    for (int i = 0; i < 3000 && text[0] == '\0'; i++) {
        server_fixture_run_ms(&f, 1);
        snprintf(text, sizeof text, "%s", http_fixture_hear(peer));
    }
    return text;
}

static bool answers(const char *method, const char *path, const char *body, int status, const char *part)
{
    char line[32];
    const char *text = ask(method, path, body);
    snprintf(line, sizeof line, "HTTP/1.1 %d ", status);
    bool is_so = strncmp(text, line, strlen(line)) == 0 && strstr(text, part) != NULL;
    if (!is_so)
        printf("\n%s %s: %s\n", method, path, text);
    return is_so;
}

#define IN(name)     "/consumers/g/instances/" name
#define CREATE(name) "{\"name\":\"" name "\",\"format\":\"json\",\"auto.offset.reset\":\"earliest\"}"
#define RECORD(value, offset)                                                                                          \
    "{\"topic\":\"orders\",\"key\":\"k\",\"value\":" value ",\"partition\":0,\"offset\":" offset "}"

static int64_t committed(void)
{
    const struct group *group = group_coordinator_find(group_service_coordinator(f.server.groups), slice_of_text("g"));
    const struct committed_offset *offset =
        group != NULL ? committed_offsets_find(group_offsets(group), slice_of_text("orders"), 0) : NULL;
    return offset != NULL ? offset->offset : -1;
}

static const char *group_state(void)
{
    const struct group *group = group_coordinator_find(group_service_coordinator(f.server.groups), slice_of_text("g"));
    return group != NULL ? group_state_text(group) : "none";
}

static void an_instance_is_a_member_until_it_is_deleted(void)
{
    open_all();
    CHECK(answers("POST", "/consumers/g", CREATE("a"), 200,
                  "{\"instance_id\":\"a\",\"base_uri\":\"http://h/consumers/g/instances/a\"}"));
    CHECK(answers("POST", IN("a") "/subscription", "{\"topics\":[\"orders\"]}", 204, ""));
    CHECK(answers("GET", IN("a") "/records", "", 200,
                  "[" RECORD("0", "0") "," RECORD("1", "1") "," RECORD("2", "2") "]"));
    CHECK(strcmp(group_state(), "Stable") == 0);
    CHECK_EQUAL(committed(), -1);
    CHECK(answers("GET", IN("a") "/records", "", 200, "\r\n\r\n[]"));
    CHECK(answers("DELETE", IN("a"), "", 204, ""));
    CHECK(strcmp(group_state(), "Empty") == 0);
    CHECK_EQUAL(committed(), RECORDS);
    CHECK_EQUAL(server_fixture_timers(&f) > 0, true); /* it stops with the next tick */
    server_fixture_run_ms(&f, 1100);
    CHECK_EQUAL(consumer_instances_count(f.server.rest->consumers), 0);
    close_all();
}

/* Within some seconds. */
static bool comes_to_have(const char *instance, const char *partitions)
{
    char path[64];
    snprintf(path, sizeof path, "/consumers/g/instances/%s/assignments", instance);
    for (int i = 0; i < 100; i++) {
        if (strstr(ask("GET", path, ""), partitions) != NULL)
            return true;
        server_fixture_run_ms(&f, 30);
    }
    return false;
}

#define PARTITION(number) "{\"topic\":\"orders\",\"partition\":" number "}"

static void two_instances_share_what_there_is(void)
{
    open_all();
    CHECK(answers("POST", "/consumers/g", CREATE("a"), 200, ""));
    CHECK(answers("POST", "/consumers/g", CREATE("b"), 200, ""));
    CHECK(answers("POST", IN("a") "/subscription", "{\"topics\":[\"orders\"]}", 204, ""));
    CHECK(comes_to_have("a", "[" PARTITION("0") "," PARTITION("1") "]"));
    CHECK(answers("POST", IN("b") "/subscription", "{\"topics\":[\"orders\"]}", 204, ""));
    CHECK(comes_to_have("b", "[" PARTITION("1") "]")); /* with a's next heartbeat */
    CHECK(comes_to_have("a", "[" PARTITION("0") "]"));
    CHECK(answers("GET", IN("a") "/records?max_bytes=5", "", 200, "[" RECORD("0", "0") "]"));
    CHECK(answers("DELETE", IN("a"), "", 204, ""));
    CHECK(comes_to_have("b", "[" PARTITION("0") "," PARTITION("1") "]"));
    CHECK(answers("GET", IN("b") "/records", "", 200, "[" RECORD("1", "1") "," RECORD("2", "2") "]"));
    close_all();
}

static void there_are_only_so_many(void)
{
    open_all();
    for (int i = 0; i < 5; i++)
        CHECK(answers("POST", "/consumers/g", "{}", 200, "\"instance_id\":\"rest-consumer-"));
    CHECK(answers("POST", "/consumers/g", "", 429, "42901"));
    close_all();
}

/* Whatever is refused, the server goes on, and all comes back. */
static void any_allocation_may_be_refused(void)
{
    for (int64_t nth = 0;; nth += nth < 60 ? 1 : 7) {
        open_all();
        memory_fail_at(&f.memory, nth);
        ask("POST", "/consumers/g", CREATE("a"));
        ask("POST", IN("a") "/subscription", "{\"topic_pattern\":\"ord.*\"}");
        ask("GET", IN("a") "/records", "");
        ask("POST", IN("a") "/offsets", "{\"offsets\":[{\"topic\":\"orders\",\"partition\":0,\"offset\":1}]}");
        ask("POST", IN("a") "/positions",
            "{\"timestamps\":[{\"topic\":\"orders\",\"partition\":0,"
            "\"timestamp\":\"1970-01-01T00:00:01Z\"}]}");
        bool is_over = memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        close_all();
        if (is_over)
            break;
    }
}

SUITE("consumer instances of REST", CHECK_TEST(an_instance_is_a_member_until_it_is_deleted),
      CHECK_TEST(two_instances_share_what_there_is), CHECK_TEST(there_are_only_so_many),
      CHECK_TEST(any_allocation_may_be_refused))
