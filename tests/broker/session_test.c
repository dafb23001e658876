/* Kafka's sessions over socket pairs on a real loop. The handlers are the test's own: they hold a request until the
 * test answers it. */
#include "kafka/session.h"

#include "check.h"
#include "connections_private.h"
#include "server_fixture.h"

#include <errno.h>
#include <unistd.h>

#define HELD_MAX        300
#define PRODUCE_VERSION 7
#define FETCH_VERSION   4
#define BIG_ANSWER      (64 << 10)

static struct server_fixture f;
static struct kafka_request *held[HELD_MAX]; /* in the order in which they were started */
static int32_t correlations[HELD_MAX];
static bool was_hurried[HELD_MAX];
static int started;
static bool answers_at_once;

/* ---- handlers ---- */

static void answer_fetch(struct kafka_request *request)
{
    static const uint8_t bytes[BIG_ANSWER];
    const struct fetch_request *asked = request->message;
    struct fetch_response_partition partition = FETCH_RESPONSE_PARTITION_DEFAULTS;
    partition.records.bytes = slice_of(bytes, (size_t)asked->max_bytes);
    struct fetch_response_topic topic = FETCH_RESPONSE_TOPIC_DEFAULTS;
    topic.partitions = (struct fetch_response_partition_array){&partition, 1};
    struct fetch_response response = FETCH_RESPONSE_DEFAULTS;
    response.responses = (struct fetch_response_topic_array){&topic, 1};
    kafka_answer(request, &response);
}

static void answer_request(struct kafka_request *request)
{
    struct produce_response response = PRODUCE_RESPONSE_DEFAULTS;
    if (request->api->request->key == API_FETCH)
        answer_fetch(request);
    else
        kafka_answer(request, &response);
}

static void hurry(struct kafka_request *request)
{
    for (int i = 0; i < started; i++) {
        if (held[i] == request)
            was_hurried[i] = true;
    }
}

static void hold(struct kafka_request *request)
{
    if (answers_at_once) {
        answer_request(request);
        return;
    }
    REQUIRE(started < HELD_MAX);
    request->hurry = hurry;
    correlations[started] = request->correlation_id;
    held[started++] = request;
}

static void answer_held(int index)
{
    struct kafka_request *request = held[index];
    held[index] = NULL;
    answer_request(request);
}

/* In the place of the broker's table. */
kafka_handler *kafka_find_handler(int16_t api_key)
{
    return api_key == API_PRODUCE || api_key == API_FETCH ? hold : NULL;
}

/* ---- clients ---- */

static void open_with(const char *const *settings)
{
    server_fixture_open(&f, settings);
    REQUIRE(server_fixture_open_connections(&f) == 0);
    memset(was_hurried, 0, sizeof was_hurried);
    started = 0;
    answers_at_once = false;
}

static void close_all(void)
{
    server_fixture_close_connections(&f);
    CHECK(server_fixture_close(&f));
}

static int connect_from(const char *address)
{
    return server_fixture_connect(&f, &kafka_dialect, address);
}

static void write_request(writer *w, int16_t key, int32_t correlation, int32_t bytes)
{
    struct request_header header = REQUEST_HEADER_DEFAULTS;
    struct produce_request produce = PRODUCE_REQUEST_DEFAULTS;
    struct fetch_request fetch = FETCH_REQUEST_DEFAULTS;
    header.request_api_key = key;
    header.request_api_version = key == API_FETCH ? FETCH_VERSION : PRODUCE_VERSION;
    header.correlation_id = correlation;
    fetch.max_bytes = bytes;
    size_t start = w->size;
    size_t length = write_reserved_u32(w);
    REQUIRE(kafka_encode_request_header(&header, w) == 0);
    REQUIRE(kafka_encode(key == API_FETCH ? &fetch_request_type : &produce_request_type, header.request_api_version,
                         key == API_FETCH ? (void *)&fetch : (void *)&produce, w) == 0);
    writer_set_u32(w, length, (uint32_t)(w->size - start - 4));
}

/* Requests with the correlation ids 0, 1, …: 'P' produces, 'F' fetches. Returns how many bytes the socket took. */
static size_t ask_in_pieces(int peer, const char *kinds, size_t piece)
{
    struct memory memory; /* a failure asked for by the test must not hit the test */
    memory_init(&memory);
    writer w;
    writer_init(&w, &memory, MEMORY_SERVER, (size_t)1 << 20);
    for (int32_t i = 0; kinds[i] != '\0'; i++)
        write_request(&w, kinds[i] == 'P' ? API_PRODUCE : API_FETCH, i, 0);
    size_t sent = 0;
    while (sent < w.size) {
        size_t size = w.size - sent < piece ? w.size - sent : piece;
        if (send(peer, w.data + sent, size, MSG_NOSIGNAL) != (ssize_t)size)
            break;
        sent += size;
        server_fixture_turn(&f);
    }
    writer_close(&w);
    return sent;
}

static void ask(int peer, const char *kinds)
{
    (void)ask_in_pieces(peer, kinds, 1 << 20);
}

static uint8_t heard[1 << 20];
static size_t heard_size;

/* All answers that are there must be those from *next on. Returns false at the connection's end. */
static bool hear_answers(int peer, int32_t *next)
{
    ssize_t got;
    while ((got = recv(peer, heard + heard_size, sizeof heard - heard_size, 0)) > 0) {
        size_t at = 0;
        heard_size += (size_t)got;
        while (heard_size - at >= 8 && heard_size - at - 4 >= load_u32(heard + at)) {
            CHECK_EQUAL(load_u32(heard + at + 4), (*next)++);
            at += 4 + load_u32(heard + at);
        }
        heard_size -= at;
        memmove(heard, heard + at, heard_size);
    }
    return got < 0 && errno == EAGAIN;
}

static void check_answered(int peer, int32_t count, bool is_open)
{
    int32_t next = 0;
    server_fixture_turn(&f);
    CHECK_EQUAL(hear_answers(peer, &next), is_open);
    CHECK_EQUAL(next, count);
}

/* ---- tests ---- */

static void answers_leave_in_the_order_of_the_requests(void)
{
    static const int order[] = {3, 1, 0, 4, 2};
    static const int32_t answered[] = {0, 0, 2, 2, 5};
    open_with(NULL);
    int peer = connect_from("10.0.0.1");
    ask(peer, "PPPPP");
    CHECK_EQUAL(started, 5); /* produce overlaps produce */
    int32_t next = 0;
    for (int i = 0; i < 5; i++) {
        answer_held(order[i]);
        server_fixture_turn(&f);
        CHECK(hear_answers(peer, &next));
        CHECK_EQUAL(next, answered[i]);
    }
    close(peer);
    close_all();
}

static void produce_overlaps_produce_only(void)
{
    open_with(NULL);
    int peer = connect_from("10.0.0.1");
    ask(peer, "PPFFPP");
    CHECK_EQUAL(started, 2);
    answer_held(1);
    CHECK_EQUAL(started, 2);
    answer_held(0);
    CHECK_EQUAL(started, 3);
    answer_held(2);
    CHECK_EQUAL(started, 4); /* not even a fetch with a fetch */
    answer_held(3);
    CHECK_EQUAL(started, 6);
    answer_held(4);
    answer_held(5);
    for (int32_t i = 0; i < 6; i++)
        CHECK_EQUAL(correlations[i], i);
    check_answered(peer, 6, true);
    close(peer);
    close_all();
}

static void requests_come_in_whatever_pieces(void)
{
    for (size_t piece = 1; piece < 40; piece += 6) {
        open_with(NULL);
        answers_at_once = true;
        int peer = connect_from("10.0.0.1");
        CHECK(ask_in_pieces(peer, "PFPPFPFFPP", piece) != 0);
        check_answered(peer, 10, true);
        close(peer);
        close_all();
    }
}

static void a_closed_connection_leaves_its_requests_to_their_handlers(void)
{
    open_with(NULL);
    int peer = connect_from("10.0.0.1");
    ask(peer, "PPPFP");
    CHECK_EQUAL(started, 3);
    answer_held(1); /* done, and waits for the one before */
    connection_close(f.server.connections->newest, NULL);
    server_fixture_turn(&f);
    CHECK_EQUAL(connections_count(f.server.connections), 0);
    CHECK(was_hurried[0] && was_hurried[2] && !was_hurried[1]);
    CHECK(held[0]->connection == NULL && held[2]->connection == NULL);
    CHECK_EQUAL(budget_used(f.server.budget), held[0]->charged + held[2]->charged); /* they still take memory */
    answer_held(2);
    kafka_close(held[0], "too late for the connection");
    CHECK_EQUAL(budget_used(f.server.budget), 0);
    CHECK_EQUAL(started, 3);
    close(peer);
    close_all();
}

static void what_came_before_the_peers_end_is_answered(void)
{
    open_with(NULL);
    int peer = connect_from("10.0.0.1");
    ask(peer, "PPFP");
    shutdown(peer, SHUT_WR);
    server_fixture_turn(&f);
    CHECK(was_hurried[0] && was_hurried[1]);
    CHECK_EQUAL(connections_count(f.server.connections), 1);
    answer_held(0);
    answer_held(1);
    REQUIRE(started == 3);
    CHECK(was_hurried[2]); /* as soon as it was started */
    answer_held(2);
    answer_held(3);
    check_answered(peer, 4, false);
    CHECK_EQUAL(connections_count(f.server.connections), 0);
    close(peer);
    close_all();
}

static void a_request_that_closes_lets_those_before_it_through_and_none_behind(void)
{
    open_with(NULL);
    int peer = connect_from("10.0.0.1");
    ask(peer, "PPPPF");
    CHECK_EQUAL(started, 4);
    kafka_close(held[1], "it cannot be served");
    answer_held(3);
    answer_held(0);
    CHECK_EQUAL(connections_count(f.server.connections), 1); /* the third is under way */
    answer_held(2);
    check_answered(peer, 1, false);
    CHECK_EQUAL(started, 4);
    CHECK_EQUAL(server_fixture_logged(&f, "closing: it cannot be served"), 1);
    close(peer);
    close_all();
}

static void a_request_without_an_answer_keeps_nobody_waiting(void)
{
    open_with(NULL);
    int peer = connect_from("10.0.0.1");
    ask(peer, "PF");
    kafka_finish(held[0]);
    REQUIRE(started == 2);
    answer_held(1);
    int32_t next = 1;
    server_fixture_turn(&f);
    CHECK(hear_answers(peer, &next));
    CHECK_EQUAL(next, 2);
    close(peer);
    close_all();
}

static void garbage_behind_requests_is_not_held_against_them(void)
{
    static const char *const garbage[] = {"\xff\xff\xff\xff????", "GET / HTTP/1.1\r\n\r\n", "\0\0\0\0????",
                                          "\0\0\0\x04\x7f\xff\x00\x00"};
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        open_with(NULL);
        int peer = connect_from("10.0.0.1");
        ask(peer, "PP");
        CHECK_EQUAL(send(peer, garbage[i], 8, 0), 8);
        server_fixture_turn(&f);
        answer_held(1);
        answer_held(0);
        check_answered(peer, 2, false);
        CHECK_EQUAL(connections_count(f.server.connections), 0);
        CHECK_EQUAL(server_fixture_logged(&f, "WARN"), 1);
        close(peer);
        close_all();
    }
}

static void a_client_that_never_reads_is_not_read_from(void)
{
    struct memory memory;
    memory_init(&memory);
    open_with(NULL);
    answers_at_once = true;
    int peer = connect_from("10.0.0.1");
    const struct connection *connection = f.server.connections->newest;
    int32_t asked = 0;
    for (bool takes = true; takes && asked < 100000;) {
        writer w;
        writer_init(&w, &memory, MEMORY_SERVER, 1 << 10);
        write_request(&w, API_FETCH, asked, BIG_ANSWER);
        takes = send(peer, w.data, w.size, 0) == (ssize_t)w.size;
        asked += takes;
        writer_close(&w);
        server_fixture_turn(&f);
    }
    CHECK(asked < 100000);
    CHECK_EQUAL(connection->events, UV_WRITABLE);
    CHECK(kafka_session_of((struct connection *)(uintptr_t)connection)->queued < 1000);
    CHECK(memory_total_bytes(&f.memory) < (size_t)2 << 20);
    CHECK(server_fixture_run_ms(&f, 50) < 10);

    int32_t next = 0;
    for (int idle = 0; idle < 3;) {
        int32_t before = next;
        CHECK(hear_answers(peer, &next));
        idle = next == before ? idle + 1 : 0;
        server_fixture_turn(&f);
    }
    CHECK_EQUAL(next, asked);
    CHECK_EQUAL(budget_used(f.server.budget), 0);
    close(peer);
    close_all();
}

/* One request takes most of the memory; another address waits for it, and is served when there is room. */
static void a_request_waits_for_memory_that_others_have(void)
{
    open_with((const char *const[]){"furrow.memory.limit.bytes=65536", "socket.request.max.bytes=32768", NULL});
    int first = connect_from("10.0.0.1");
    int second = connect_from("10.0.0.2");
    ask(second, "F");
    answer_held(0);
    ask(first, "P");
    budget_add(&f.server.connections->orphans, 64000);
    ask(second, "F");
    CHECK_EQUAL(started, 2);
    CHECK_EQUAL(budget_waiting(f.server.budget), 1);
    CHECK_EQUAL(f.server.connections->newest->events & UV_READABLE, 0);
    budget_return(&f.server.connections->orphans, 64000);
    server_fixture_turn(&f);
    REQUIRE(started == 3);
    answer_held(1);
    answer_held(2);
    check_answered(first, 1, true);
    close(first);
    close(second);
    close_all();
}

static void any_allocation_may_fail(void)
{
    bool more = true;
    for (int64_t nth = 0; more; nth++) {
        open_with(NULL);
        answers_at_once = true;
        memory_fail_at(&f.memory, nth);
        int peer = connect_from("10.0.0.1");
        int other = connect_from("10.0.0.2");
        ask(peer, "PFPPF");
        answers_at_once = false;
        ask(other, "PPF");
        for (int i = 0; i < started; i++)
            answer_held(i);
        more = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        heard_size = 0;
        int32_t next = 0;
        server_fixture_turn(&f);
        bool is_open = hear_answers(peer, &next);
        CHECK(is_open ? next == 5 : next < 5);
        CHECK_EQUAL(budget_used(f.server.budget), 0);
        heard_size = 0;
        close(peer);
        close(other);
        server_fixture_turn(&f);
        close_all();
    }
}

SUITE("session", CHECK_TEST(answers_leave_in_the_order_of_the_requests), CHECK_TEST(produce_overlaps_produce_only),
      CHECK_TEST(requests_come_in_whatever_pieces),
      CHECK_TEST(a_closed_connection_leaves_its_requests_to_their_handlers),
      CHECK_TEST(what_came_before_the_peers_end_is_answered),
      CHECK_TEST(a_request_that_closes_lets_those_before_it_through_and_none_behind),
      CHECK_TEST(a_request_without_an_answer_keeps_nobody_waiting),
      CHECK_TEST(garbage_behind_requests_is_not_held_against_them),
      CHECK_TEST(a_client_that_never_reads_is_not_read_from), CHECK_TEST(a_request_waits_for_memory_that_others_have),
      CHECK_TEST(any_allocation_may_fail))
