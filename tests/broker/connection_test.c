/* Connections over socket pairs on a real loop, with a dialect of the test's own: each byte is a request. */
#include "check.h"
#include "connections_private.h"
#include "server_fixture.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#define BIG_ANSWER ((size_t)64 << 10)
#define OUTPUT_MAX ((size_t)512 << 10)

/* 'w' is answered when the test says so, 'B' by BIG_ANSWER bytes, 'o' closes all other connections, 'x' breaks the
 * protocol; every other byte by itself. */
struct byte_session {
    uint8_t room[8];
    unsigned waiting;
    bool was_told_of_end;
    int64_t deadline;
};

static struct server_fixture f;

static struct byte_session *session_of(const struct connection *connection)
{
    return (struct byte_session *)(uintptr_t)connection->state;
}

static void free_answer(struct response *response)
{
    struct memory *memory = response->context;
    writer_close(&response->body);
    memory_free(memory, MEMORY_RESPONSES, response, sizeof *response);
}

static void answer(struct connection *connection, uint8_t byte, size_t size)
{
    struct memory *memory = connection->server->memory;
    struct response *response = memory_alloc_zeroed(memory, MEMORY_RESPONSES, sizeof *response);
    if (response == NULL) {
        connection_close(connection, "out of memory");
        return;
    }
    response->context = memory;
    response->done = free_answer;
    writer_init(&response->body, memory, MEMORY_RESPONSES, INT32_MAX);
    static uint8_t bytes[BIG_ANSWER];
    memset(bytes, byte, size);
    write_bytes(&response->body, slice_of(bytes, size));
    if (writer_ok(&response->body)) {
        connection_send(connection, response);
    } else {
        free_answer(response);
        connection_close(connection, "out of memory");
    }
}

static void open_session(struct connection *connection)
{
    CHECK_EQUAL(session_of(connection)->waiting, 0);
}

static int space(struct connection *connection, struct iovec parts[2])
{
    struct byte_session *session = session_of(connection);
    if (connection->output.bytes >= OUTPUT_MAX)
        return 0;
    parts[0] = (struct iovec){session->room, sizeof session->room};
    return 1;
}

static void close_others(const struct connection *connection)
{
    for (struct connection *other = connection->set->oldest, *newer; other != NULL; other = newer) {
        newer = other->newer;
        if (other != connection)
            connection_close(other, NULL);
    }
}

static void received(struct connection *connection, size_t bytes)
{
    struct byte_session *session = session_of(connection);
    uint8_t room[sizeof session->room];
    memcpy(room, session->room, bytes);
    for (size_t i = 0; i < bytes && !connection->is_closing; i++) {
        if (room[i] == 'w')
            session->waiting++;
        else if (room[i] == 'x')
            connection_close(connection, "it broke the protocol");
        else
            answer(connection, room[i], room[i] == 'B' ? BIG_ANSWER : 1);
        if (room[i] == 'o')
            close_others(connection);
    }
}

static void nothing_to_do(struct connection *connection)
{
    (void)connection;
}

static bool busy(const struct connection *connection)
{
    return session_of(connection)->waiting != 0;
}

static void ending(struct connection *connection)
{
    session_of(connection)->was_told_of_end = true;
}

static int64_t deadline(const struct connection *connection)
{
    return session_of(connection)->deadline;
}

static const struct connection_dialect bytes_dialect = {
    .name = "bytes",
    .state_size = sizeof(struct byte_session),
    .open = open_session,
    .space = space,
    .received = received,
    .granted = nothing_to_do,
    .sent = nothing_to_do,
    .busy = busy,
    .ending = ending,
    .deadline = deadline,
    .close = nothing_to_do,
};

/* ---- the other end ---- */

static void open_with(const char *const *settings)
{
    server_fixture_open(&f, settings);
    REQUIRE(server_fixture_open_connections(&f) == 0);
}

static void close_all(void)
{
    server_fixture_close_connections(&f);
    CHECK(server_fixture_close(&f));
}

static int connect_from(const char *address)
{
    return server_fixture_connect(&f, &bytes_dialect, address);
}

static struct connection *newest(void)
{
    return f.server.connections->newest;
}

static void say(int peer, const char *text)
{
    CHECK_EQUAL(write(peer, text, strlen(text)), strlen(text));
    server_fixture_turn(&f);
}

/* What is there to read: bytes, 0 at the end, -errno. */
static ssize_t hear(int peer, char *text, size_t size)
{
    ssize_t got = read(peer, text, size);
    return got < 0 ? -errno : got;
}

static void check_hears(int peer, const char *expected)
{
    char text[64] = "";
    CHECK_EQUAL(hear(peer, text, sizeof text - 1), strlen(expected));
    CHECK(strcmp(text, expected) == 0);
}

static void check_is_closed(int peer)
{
    char text[64];
    ssize_t got = hear(peer, text, sizeof text);
    CHECK(got == 0 || got == -ECONNRESET);
}

/* ---- tests ---- */

static void bytes_are_answered_in_whatever_pieces(void)
{
    open_with(NULL);
    int peer = connect_from("10.0.0.1");
    say(peer, "a");
    say(peer, "bc");
    check_hears(peer, "abc");
    for (int i = 0; i < 1000; i++) {
        say(peer, "d");
        check_hears(peer, "d");
    }
    CHECK_EQUAL(f.server.connections->pending == NULL, true);
    close(peer);
    server_fixture_turn(&f);
    CHECK_EQUAL(connections_count(f.server.connections), 0);
    close_all();
}

static void a_peer_that_only_ends_its_half_is_answered_first(void)
{
    open_with(NULL);
    int peer = connect_from("10.0.0.1");
    say(peer, "awb");
    shutdown(peer, SHUT_WR);
    server_fixture_turn(&f);
    check_hears(peer, "ab");
    REQUIRE(newest() != NULL);
    CHECK(session_of(newest())->was_told_of_end);
    CHECK_EQUAL(hear(peer, (char[1]){0}, 1), -EAGAIN); /* not closed */
    CHECK(server_fixture_run_ms(&f, 50) < 10);         /* an end that was read once does not wake the loop again */

    session_of(newest())->waiting = 0;
    answer(newest(), 'w', 1);
    server_fixture_turn(&f);
    check_hears(peer, "w");
    check_is_closed(peer);
    CHECK_EQUAL(connections_count(f.server.connections), 0);
    close(peer);
    close_all();
}

static void all_are_ended_when_the_server_stops(void)
{
    open_with(NULL);
    int quiet = connect_from("10.0.0.1");
    int waits = connect_from("10.0.0.2");
    say(waits, "w");
    struct connection *waiting = f.server.connections->newest;
    connections_end_all(f.server.connections);
    server_fixture_turn(&f);
    check_is_closed(quiet);
    CHECK_EQUAL(connections_count(f.server.connections), 1);
    REQUIRE(newest() == waiting);
    CHECK_EQUAL(write(waits, "a", 1), 1);
    session_of(waiting)->waiting = 0;
    answer(waiting, 'w', 1);
    server_fixture_turn(&f);
    check_hears(waits, "w"); /* and not what was sent behind the end */
    check_is_closed(waits);
    close(quiet);
    close(waits);
    close_all();
}

static void a_peer_that_goes_before_its_answer_is_closed(void)
{
    open_with(NULL);
    int peer = connect_from("10.0.0.1");
    say(peer, "BBBBBBBB");
    CHECK(newest() != NULL && newest()->output.bytes != 0);
    close(peer);
    server_fixture_turn(&f);
    CHECK_EQUAL(connections_count(f.server.connections), 0);
    CHECK_EQUAL(atomic_load(&f.memory.counts[MEMORY_RESPONSES].bytes), 0);
    CHECK_EQUAL(server_fixture_logged(&f, "WARN"), 0); /* nobody's fault */
    close_all();
}

static void a_breach_of_the_protocol_is_logged_and_touches_nobody_else(void)
{
    open_with(NULL);
    int bad = connect_from("10.0.0.1");
    int good = connect_from("10.0.0.2");
    say(bad, "axb");
    check_hears(bad, ""); /* closed before the loop slept: nothing leaves */
    say(good, "c");
    check_hears(good, "c");
    CHECK_EQUAL(server_fixture_logged(&f, "peer=10.0.0.1:40000 closed: it broke the protocol"), 1);
    close(bad);
    close(good);
    close_all();
}

/* It asks and asks and never reads. */
static void a_peer_that_never_reads_is_not_read_from(void)
{
    open_with(NULL);
    int peer = connect_from("10.0.0.1");
    const struct connection *connection = newest();
    int other = connect_from("10.0.0.2");
    size_t asked = 0;
    for (int i = 0; i < 100000 && write(peer, "B", 1) == 1; i++, asked++)
        server_fixture_turn(&f);
    CHECK(asked < 100000);
    CHECK_EQUAL(connection->events, UV_WRITABLE);
    CHECK(memory_total_bytes(&f.memory) < OUTPUT_MAX + 10 * BIG_ANSWER);
    CHECK(server_fixture_run_ms(&f, 50) < 10);
    say(other, "a");
    check_hears(other, "a");

    static char bytes[1 << 16];
    size_t heard = 0;
    for (int idle = 0; idle < 3;) {
        ssize_t got = hear(peer, bytes, sizeof bytes);
        idle = got > 0 ? 0 : idle + 1;
        heard += got > 0 ? (size_t)got : 0;
        server_fixture_turn(&f);
    }
    CHECK_EQUAL(heard, asked * BIG_ANSWER);
    CHECK_EQUAL(connection->events, UV_READABLE);
    close(peer);
    close(other);
    close_all();
}

static void whoever_closes_others_in_the_middle_of_a_turn(void)
{
    open_with(NULL);
    int peers[8];
    for (int i = 0; i < 8; i++)
        peers[i] = connect_from("10.0.0.1");
    for (int i = 0; i < 8; i++)
        CHECK_EQUAL(write(peers[i], i == 3 ? "o" : "aBBBB", i == 3 ? 1 : 5), i == 3 ? 1 : 5);
    server_fixture_turn(&f);
    CHECK_EQUAL(connections_count(f.server.connections), 1);
    check_hears(peers[3], "o");
    for (int i = 0; i < 8; i++)
        close(peers[i]);
    close_all();
}

static void there_is_a_limit_in_all(void)
{
    open_with((const char *const[]){"max.connections=2", NULL});
    int first = connect_from("10.0.0.1");
    int second = connect_from("10.0.0.2");
    int third = connect_from("10.0.0.3");
    check_is_closed(third);
    CHECK_EQUAL(server_fixture_logged(&f, "peer=10.0.0.3:40000 refused: there are too many connections"), 1);
    close(first);
    close(third);
    server_fixture_turn(&f);
    third = connect_from("10.0.0.3");
    say(third, "a");
    check_hears(third, "a");
    say(second, "b");
    check_hears(second, "b");
    close(second);
    close(third);
    close_all();
}

static void there_is_a_limit_for_one_address(void)
{
    open_with((const char *const[]){"max.connections.per.ip=2", NULL});
    int peers[4];
    for (int i = 0; i < 3; i++)
        peers[i] = connect_from("10.0.0.1");
    check_is_closed(peers[2]);
    CHECK_EQUAL(server_fixture_logged(&f, "max.connections.per.ip is reached"), 1);
    peers[3] = connect_from("10.0.0.2");
    say(peers[3], "a");
    check_hears(peers[3], "a");
    close(peers[0]);
    close(peers[2]);
    server_fixture_turn(&f);
    peers[2] = connect_from("10.0.0.1");
    say(peers[2], "b");
    check_hears(peers[2], "b");
    for (int i = 1; i < 4; i++)
        close(peers[i]);
    close_all();
}

static void descriptors_are_left_for_the_logs(void)
{
    struct rlimit before, lower;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    lower = before;
    lower.rlim_cur = 200;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &lower) == 0);
    open_with((const char *const[]){"furrow.max.open.files=100", NULL});
    CHECK_EQUAL(f.server.connections->limit, 200 - 100 - 24);
    CHECK_EQUAL(server_fixture_logged(&f, "max.connections is more than open files permit"), 1);
    close_all();
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
}

/* ---- time ---- */

static void idle_connections_are_closed_and_busy_ones_are_not(void)
{
    open_with((const char *const[]){"connections.max.idle.ms=2000", NULL});
    int idle = connect_from("10.0.0.1");
    int deaf = connect_from("10.0.0.2");
    say(deaf, "BBBBBBBB");
    int waits = connect_from("10.0.0.3");
    say(waits, "w");
    struct connection *waiting = newest();
    int active = connect_from("10.0.0.4");
    server_fixture_run_ms(&f, 1200);
    say(active, "a");
    CHECK_EQUAL(connections_count(f.server.connections), 4);
    server_fixture_run_ms(&f, 1200);
    server_fixture_turn(&f);
    for (int more = 0; more < 30 && connections_count(f.server.connections) != 2; more++) {
        check_hears(active, "a");
        say(active, "a");
        server_fixture_run_ms(&f, 100); /* a busy machine is late */
    }
    CHECK_EQUAL(connections_count(f.server.connections), 2);
    check_is_closed(idle);
    CHECK_EQUAL(server_fixture_logged(&f, "peer=10.0.0.2:40000 closed: the peer does not read"), 1);
    check_hears(active, "a");
    CHECK_EQUAL(hear(waits, (char[1]){0}, 1), -EAGAIN);
    session_of(waiting)->waiting = 0;
    for (int i = 0; i < 4; i++)
        close((int[]){idle, deaf, waits, active}[i]);
    server_fixture_turn(&f);
    close_all();
}

static void every_limit_of_idleness_is_kept_to(void)
{
    static const char *const limits[] = {"connections.max.idle.ms=0", "connections.max.idle.ms=-1",
                                         "connections.max.idle.ms=9223372036854775807"};
    for (size_t i = 0; i < 3; i++) {
        open_with((const char *const[]){limits[i], NULL});
        int idle = connect_from("10.0.0.1");
        int waits = connect_from("10.0.0.2");
        say(waits, "w");
        CHECK(server_fixture_run_ms(&f, i == 0 ? 1300 : 50) < 10);
        CHECK_EQUAL(connections_count(f.server.connections), i == 0 ? 1 : 2);
        if (i != 0)
            CHECK(uv_timer_get_due_in(&f.server.connections->timer) == 0 ||
                  uv_timer_get_due_in(&f.server.connections->timer) > 3600000);
        close(idle);
        close(waits);
        close_all();
    }
}

static void what_arrives_too_slowly_is_closed(void)
{
    open_with(NULL);
    CHECK_EQUAL(server_fixture_timers(&f), 0); /* none without connections */
    int slow = connect_from("10.0.0.1");
    session_of(newest())->deadline = (int64_t)uv_now(&f.loop) + 1;
    int good = connect_from("10.0.0.2");
    session_of(newest())->deadline = (int64_t)uv_now(&f.loop) + 600000;
    say(slow, "a");
    say(good, "a");
    CHECK(server_fixture_run_ms(&f, 1200) < 20);
    CHECK_EQUAL(connections_count(f.server.connections), 1);
    check_hears(good, "a");
    CHECK_EQUAL(server_fixture_logged(&f, "peer=10.0.0.1:40000 closed: the request arrives too slowly"), 1);
    CHECK_EQUAL(f.server.connections->receiving, 1);
    close(slow);
    close(good);
    server_fixture_turn(&f);
    CHECK_EQUAL(f.server.connections->receiving, 0);
    close_all();
}

static void any_allocation_may_fail(void)
{
    bool more = true;
    for (int64_t nth = 0; more; nth++) {
        server_fixture_open(&f, NULL);
        memory_fail_at(&f.memory, nth);
        if (server_fixture_open_connections(&f) == 0) {
            int peer = connect_from("10.0.0.1");
            int other = connect_from("10.0.0.2");
            if (send(peer, "aBw", 3, MSG_NOSIGNAL) == 3)
                server_fixture_turn(&f);
            if (send(other, "bwc", 3, MSG_NOSIGNAL) == 3)
                server_fixture_turn(&f);
            more = !memory_fail_pending(&f.memory);
            memory_fail_at(&f.memory, -1);
            close(peer);
            server_fixture_turn(&f);
            close(other);
            server_fixture_close_connections(&f);
        }
        memory_fail_at(&f.memory, -1);
        CHECK(server_fixture_close(&f));
    }
}

SUITE("connection", CHECK_TEST(bytes_are_answered_in_whatever_pieces),
      CHECK_TEST(a_peer_that_only_ends_its_half_is_answered_first), CHECK_TEST(all_are_ended_when_the_server_stops),
      CHECK_TEST(a_peer_that_goes_before_its_answer_is_closed),
      CHECK_TEST(a_breach_of_the_protocol_is_logged_and_touches_nobody_else),
      CHECK_TEST(a_peer_that_never_reads_is_not_read_from), CHECK_TEST(whoever_closes_others_in_the_middle_of_a_turn),
      CHECK_TEST(there_is_a_limit_in_all), CHECK_TEST(there_is_a_limit_for_one_address),
      CHECK_TEST(descriptors_are_left_for_the_logs), CHECK_TEST(idle_connections_are_closed_and_busy_ones_are_not),
      CHECK_TEST(every_limit_of_idleness_is_kept_to), CHECK_TEST(what_arrives_too_slowly_is_closed),
      CHECK_TEST(any_allocation_may_fail))
