/* Listeners on loopback and unix: sockets of a real loop. What is accepted is echoed. */
#include "listener.h"

#include "check.h"
#include "server_fixture.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static struct server_fixture f;
static struct listeners *listeners;
static char folder[64];
static char unix_list[96]; /* "unix:/tmp/…/socket" */

/* ---- a dialect that answers each byte by itself ---- */

struct echo {
    uint8_t byte;
};

static void free_answer(struct response *response)
{
    struct memory *memory = response->context;
    writer_close(&response->body);
    memory_free(memory, MEMORY_RESPONSES, response, sizeof *response);
}

static struct echo *echo_of(struct connection *connection)
{
    void *state = connection->state;
    return state;
}

static void nothing_to_do(struct connection *connection)
{
    (void)connection;
}

static int space(struct connection *connection, struct iovec parts[2])
{
    parts[0] = (struct iovec){&echo_of(connection)->byte, 1};
    return 1;
}

static void received(struct connection *connection, size_t bytes)
{
    struct memory *memory = connection->server->memory;
    struct response *response = memory_alloc_zeroed(memory, MEMORY_RESPONSES, sizeof *response);
    CHECK_EQUAL(bytes, 1);
    if (response == NULL) {
        connection_close(connection, "out of memory");
        return;
    }
    *response = (struct response){.done = free_answer, .context = memory};
    writer_init(&response->body, memory, MEMORY_RESPONSES, 16);
    write_u8(&response->body, echo_of(connection)->byte);
    if (writer_ok(&response->body)) {
        connection_send(connection, response);
    } else {
        free_answer(response);
        connection_close(connection, "out of memory");
    }
}

static bool busy(const struct connection *connection)
{
    (void)connection;
    return false;
}

static int64_t deadline(const struct connection *connection)
{
    (void)connection;
    return 0;
}

static const struct connection_dialect echo_dialect = {
    .name = "echo",
    .state_size = sizeof(struct echo),
    .open = nothing_to_do,
    .space = space,
    .received = received,
    .granted = nothing_to_do,
    .sent = nothing_to_do,
    .busy = busy,
    .ending = nothing_to_do,
    .deadline = deadline,
    .close = nothing_to_do,
};

/* ---- set-up ---- */

static void open_server(void)
{
    snprintf(folder, sizeof folder, "/tmp/furrow-listener-XXXXXX");
    REQUIRE(mkdtemp(folder) != NULL);
    snprintf(unix_list, sizeof unix_list, "unix:%s/socket", folder);
    server_fixture_open(&f, NULL);
    REQUIRE(server_fixture_open_connections(&f) == 0);
}

static void close_server(void)
{
    server_fixture_close_connections(&f);
    CHECK(server_fixture_close(&f));
    CHECK(rmdir(folder) == 0); /* nothing is left in it */
}

static int open_list(const char *list)
{
    return listeners_open(&f.server, list, &echo_dialect, false, &listeners, &f.error);
}

static void close_listeners(void)
{
    listeners_close(listeners);
    server_fixture_turn(&f);
}

static const char *path(void)
{
    return unix_list + strlen("unix:");
}

/* The port that the log names for `host`. */
static uint16_t port_of(const char *host)
{
    static char log[1 << 14];
    char text[64];
    unsigned port = 0;
    ssize_t size = pread(f.log, log, sizeof log - 1, 0);
    REQUIRE(size > 0);
    log[size] = '\0';
    snprintf(text, sizeof text, "address=%s port=", host);
    const char *at = strstr(log, text);
    REQUIRE(at != NULL);
    REQUIRE(sscanf(at + strlen(text), "%u", &port) == 1 && port != 0);
    return (uint16_t)port;
}

static int make_client(const struct address *address)
{
    int client = socket(address->socket.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(client >= 0);
    return client;
}

static int connect_to(const struct address *address)
{
    int client = make_client(address);
    REQUIRE(connect(client, (const struct sockaddr *)&address->socket, address->size) == 0);
    return client;
}

static struct address address_of(const char *text)
{
    struct address address;
    REQUIRE(address_parse(slice_of_text(text), &address, NULL) == 0);
    return address;
}

static int connect_by_name(const char *text)
{
    struct address address = address_of(text);
    return connect_to(&address);
}

static void check_echo(int client, char byte)
{
    char got = 0;
    CHECK_EQUAL(write(client, &byte, 1), 1);
    server_fixture_turn(&f);
    CHECK_EQUAL(recv(client, &got, 1, MSG_DONTWAIT), 1);
    CHECK_EQUAL(got, byte);
}

/* ---- tests ---- */

static void every_address_of_the_list_is_served(void)
{
    char text[64], list[160];
    open_server();
    snprintf(list, sizeof list, "127.0.0.1:0, PLAINTEXT://[::1]:0,%s", unix_list);
    REQUIRE(open_list(list) == 0);
    snprintf(text, sizeof text, "127.0.0.1:%u", port_of("127.0.0.1"));
    int four = connect_by_name(text);
    snprintf(text, sizeof text, "[::1]:%u", port_of("::1"));
    int six = connect_by_name(text);
    int local = connect_by_name(unix_list);
    server_fixture_turn(&f);
    CHECK_EQUAL(connections_count(f.server.connections), 3);
    check_echo(four, '4');
    check_echo(six, '6');
    check_echo(local, 'u');

    close_listeners(); /* those that are there stay */
    check_echo(four, '7');
    close(four);
    close(six);
    close(local);
    close_server();
}

static void many_that_come_at_once_are_all_taken(void)
{
    open_server();
    REQUIRE(open_list(unix_list) == 0);
    int clients[200];
    for (int i = 0; i < 200; i++)
        clients[i] = connect_by_name(unix_list);
    server_fixture_turn(&f);
    CHECK_EQUAL(connections_count(f.server.connections), 200);
    for (int i = 0; i < 200; i++) {
        check_echo(clients[i], (char)('a' + i % 26));
        close(clients[i]);
    }
    close_listeners();
    close_server();
}

static void an_address_that_others_can_reach_must_be_permitted(void)
{
    open_server();
    CHECK_EQUAL(open_list("0.0.0.0:0"), -EACCES);
    CHECK(strstr(f.error.message, "allow.unauthenticated") != NULL);
    CHECK_EQUAL(open_list("127.0.0.1:0,[::]:0"), -EACCES);
    CHECK_EQUAL(open_list("127.0.0.1:0,nonsense"), -EINVAL);
    CHECK_EQUAL(listeners_check("127.0.0.1:9092,:9092", false, &f.error), -EACCES);
    CHECK_EQUAL(listeners_check("127.0.0.1:9092,:9092", true, &f.error), 0);
    server_fixture_turn(&f);
    REQUIRE(open_list("") == 0); /* none */
    close_listeners();
    close_server();
}

static void a_list_of_nothing_is_refused(void)
{
    static const char *const empty[] = {"", " ", ",", " , ,"};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        CHECK_EQUAL(listeners_check(empty[i], true, &f.error), -EINVAL);
        CHECK(strcmp(f.error.message, "listeners is empty: nobody could connect") == 0);
    }
    CHECK_EQUAL(listeners_check(",127.0.0.1:9092,", false, &f.error), 0);
}

static void one_address_that_clients_can_reach_is_advertised(void)
{
    static const char *const right[] = {"", "furrow.example:9092", "PLAINTEXT://127.0.0.1:1", "[::1]:9092", " host:9 "};
    static const char *const wrong[] = {
        "0.0.0.0:9092",          "0:9092", "[::]:9092", ":9092", "host:0", "a:1,b:2", "unix:/tmp/sock",
        "PLAINTEXT://0.0.0.0:1", "host",   "SSL://a:1", " ",     "a:1 b:2"};
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
        CHECK_EQUAL(listeners_check_advertised(right[i], &f.error), 0);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_EQUAL(listeners_check_advertised(wrong[i], &f.error), -EINVAL);
        CHECK(strstr(f.error.message, "advertised.listeners: ") == f.error.message);
    }
}

static void a_port_that_is_taken_is_an_error_and_leaves_nothing_open(void)
{
    char list[160];
    open_server();
    REQUIRE(open_list("127.0.0.1:0") == 0);
    struct listeners *first = listeners;
    snprintf(list, sizeof list, "%s,127.0.0.1:%u", unix_list, port_of("127.0.0.1"));
    CHECK_EQUAL(open_list(list), -EADDRINUSE);
    CHECK(strstr(f.error.message, "cannot listen on 127.0.0.1:") != NULL);
    server_fixture_turn(&f);
    CHECK(access(path(), F_OK) != 0);
    listeners_close(first);
    server_fixture_turn(&f);
    close_server();
}

static void a_socket_that_nobody_serves_is_made_anew(void)
{
    open_server();
    struct address address = address_of(unix_list);
    int stale = make_client(&address);
    REQUIRE(bind(stale, (const struct sockaddr *)&address.socket, address.size) == 0);
    close(stale);
    REQUIRE(access(path(), F_OK) == 0);
    for (int i = 0; i < 3; i++) {
        REQUIRE(open_list(unix_list) == 0);
        int client = connect_by_name(unix_list);
        check_echo(client, 'a');
        close(client);
        close_listeners();
        CHECK(access(path(), F_OK) != 0);
    }
    close_server();
}

static void a_socket_that_somebody_serves_is_left_to_him(void)
{
    open_server();
    REQUIRE(open_list(unix_list) == 0);
    struct listeners *first = listeners;
    CHECK_EQUAL(open_list(unix_list), -EADDRINUSE);
    server_fixture_turn(&f);
    int client = connect_by_name(unix_list);
    check_echo(client, 'a');
    close(client);
    listeners_close(first);
    server_fixture_turn(&f);
    close_server();
}

static void a_file_that_is_no_socket_is_left_alone(void)
{
    open_server();
    FILE *file = fopen(path(), "w");
    REQUIRE(file != NULL);
    fclose(file);
    CHECK_EQUAL(open_list(unix_list), -EADDRINUSE);
    server_fixture_turn(&f);
    CHECK(unlink(path()) == 0);
    close_server();
}

/* Connections wait in the kernel until there are descriptors again, and meanwhile the loop sleeps. */
static void without_descriptors_it_waits_and_does_not_spin(void)
{
    struct rlimit before, none;
    open_server();
    REQUIRE(open_list(unix_list) == 0);
    struct address address = address_of(unix_list);
    int client = make_client(&address);
    int next = dup(client);
    close(next);
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    none = before;
    none.rlim_cur = (rlim_t)next; /* all below are in use */
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    REQUIRE(connect(client, (const struct sockaddr *)&address.socket, address.size) == 0);
    unsigned turns = server_fixture_run_ms(&f, 200);
    CHECK(turns < 10);
    CHECK_EQUAL(connections_count(f.server.connections), 0);
    CHECK_EQUAL(server_fixture_logged(&f, "cannot accept"), 1);

    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    server_fixture_run_ms(&f, 600);
    CHECK_EQUAL(connections_count(f.server.connections), 1);
    check_echo(client, 'a');
    CHECK_EQUAL(server_fixture_timers(&f), 1); /* of the connections; it listens again */
    close(client);
    close_listeners();
    close_server();
}

static void closing_while_it_waits_for_descriptors(void)
{
    struct rlimit before, none;
    open_server();
    REQUIRE(open_list(unix_list) == 0);
    struct address address = address_of(unix_list);
    int client = make_client(&address);
    int next = dup(client);
    close(next);
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    none = before;
    none.rlim_cur = (rlim_t)next;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    REQUIRE(connect(client, (const struct sockaddr *)&address.socket, address.size) == 0);
    server_fixture_turn(&f);
    close_listeners();
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK_EQUAL(recv(client, (char[1]){0}, 1, MSG_DONTWAIT) > 0, false);
    close(client);
    close_server();
}

static void any_allocation_may_fail(void)
{
    bool more = true;
    for (int64_t nth = 0; more; nth++) {
        char list[128];
        open_server();
        snprintf(list, sizeof list, "127.0.0.1:0,%s", unix_list);
        memory_fail_at(&f.memory, nth);
        int rc = open_list(list);
        if (rc == 0) {
            int client = connect_by_name(unix_list);
            server_fixture_turn(&f);
            CHECK(send(client, "a", 1, MSG_NOSIGNAL) == 1 || errno == EPIPE);
            server_fixture_turn(&f);
            close(client);
            close_listeners();
        } else {
            CHECK_EQUAL(rc, -ENOMEM);
        }
        more = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        server_fixture_turn(&f);
        close_server();
    }
}

SUITE("listener", CHECK_TEST(every_address_of_the_list_is_served), CHECK_TEST(many_that_come_at_once_are_all_taken),
      CHECK_TEST(an_address_that_others_can_reach_must_be_permitted), CHECK_TEST(a_list_of_nothing_is_refused),
      CHECK_TEST(one_address_that_clients_can_reach_is_advertised),
      CHECK_TEST(a_port_that_is_taken_is_an_error_and_leaves_nothing_open),
      CHECK_TEST(a_socket_that_nobody_serves_is_made_anew), CHECK_TEST(a_socket_that_somebody_serves_is_left_to_him),
      CHECK_TEST(a_file_that_is_no_socket_is_left_alone), CHECK_TEST(without_descriptors_it_waits_and_does_not_spin),
      CHECK_TEST(closing_while_it_waits_for_descriptors), CHECK_TEST(any_allocation_may_fail))
