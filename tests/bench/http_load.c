/* Sends one HTTP request again and again on several connections, one under way on each, and reads the answers by their
 * Content-Length. An answer whose status is not the first one's, or that is longer by more than the digits of offsets
 * could make it, ends it: then something was refused.
 *
 *     bench_http --port N --connections N --requests N --request FILE      FILE: head and body, as they are sent
 *
 * Prints {"seconds":…,"requests":…,"p50_us":…,"p99_us":…}; what is first answered goes to stderr with --show. */
#include "client.h"
#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANSWER_MAX (1 << 20)
#define TIMEOUT_MS 30000

struct options {
    int port, connections;
    int64_t requests;
    const char *file;
    bool shows;
};

struct connection {
    int fd;
    size_t sent, received;
    int64_t began; /* ns */
    char *answer;
};

struct load {
    struct options options;
    char *request;
    size_t request_size;
    size_t first_size; /* of the first answer's body */
    int64_t started, answered;
    struct latencies latencies;
    int epoll;
};

static void fail(const char *what)
{
    fprintf(stderr, "bench_http: %s: %s\n", what, errno != 0 ? strerror(errno) : "unexpected");
    exit(1);
}

static void read_request(struct load *load)
{
    struct stat status;
    int fd = open(load->options.file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0)
        fail(load->options.file);
    load->request_size = (size_t)status.st_size;
    load->request = malloc(load->request_size);
    if (load->request == NULL || read(fd, load->request, load->request_size) != (ssize_t)load->request_size)
        fail(load->options.file);
    close(fd);
}

static void open_connection(struct load *load, struct connection *c)
{
    c->fd = client_connect((uint16_t)load->options.port);
    c->answer = malloc(ANSWER_MAX);
    if (c->answer == NULL)
        fail("malloc");
    client_set_nonblocking(c->fd);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
        fail("epoll_ctl");
}

static void send_more(struct load *load, struct connection *c)
{
    while (c->sent < load->request_size) {
        ssize_t sent = send(c->fd, load->request + c->sent, load->request_size - c->sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN)
            return;
        if (sent < 0)
            fail("send");
        c->sent += (size_t)sent;
    }
}

static void begin_request(struct load *load, struct connection *c)
{
    c->sent = c->received = 0;
    c->began = clock_ns();
    load->started++;
    send_more(load, c);
}

/* Bytes of the whole answer; 0: its head is not there yet. */
static size_t answer_size(struct load *load, struct connection *c)
{
    char *end = memmem(c->answer, c->received, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    char *field = memmem(c->answer, (size_t)(end - c->answer), "Content-Length: ", 16);
    if (field == NULL || c->answer[9] != '2')
        fail(c->answer);
    size_t body = strtoul(field + 16, NULL, 10);
    if (load->first_size == 0)
        load->first_size = body;
    if (body > 2 * load->first_size)
        fail("an answer is longer than the first one");
    return (size_t)(end - c->answer) + 4 + body;
}

static void take_answer(struct load *load, struct connection *c)
{
    if (load->answered == 0 && load->options.shows)
        fprintf(stderr, "%.*s\n", (int)c->received, c->answer);
    latencies_add(&load->latencies, clock_ns() - c->began);
    load->answered++;
    if (load->started < load->options.requests)
        begin_request(load, c);
}

static void receive(struct load *load, struct connection *c)
{
    for (;;) {
        ssize_t got = recv(c->fd, c->answer + c->received, ANSWER_MAX - 1 - c->received, 0);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0)
            fail("recv");
        c->received += (size_t)got;
        c->answer[c->received] = '\0';
        size_t size = answer_size(load, c);
        if (size != 0 && c->received >= size)
            take_answer(load, c);
    }
}

static void run(struct load *load)
{
    struct epoll_event events[64];
    struct connection *connections = calloc((size_t)load->options.connections, sizeof *connections);
    latencies_init(&load->latencies, (size_t)load->options.requests);
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (connections == NULL || load->epoll < 0)
        fail("start");
    for (int i = 0; i < load->options.connections; i++)
        open_connection(load, &connections[i]);
    int64_t began = clock_ns();
    for (int i = 0; i < load->options.connections; i++)
        begin_request(load, &connections[i]);
    while (load->answered < load->options.requests) {
        int count = epoll_wait(load->epoll, events, 64, TIMEOUT_MS);
        if (count == 0)
            fail("no answer in time");
        for (int i = 0; i < count; i++) {
            send_more(load, events[i].data.ptr);
            receive(load, events[i].data.ptr);
        }
    }
    double seconds = (double)(clock_ns() - began) / 1e9;
    printf("{\"seconds\":%.6f,\"requests\":%" PRId64 ",\"p50_us\":%.1f,\"p99_us\":%.1f}\n", seconds, load->answered,
           latencies_percentile(&load->latencies, 0.5), latencies_percentile(&load->latencies, 0.99));
    free(connections);
}

int main(int argc, char **argv)
{
    static const struct option names[] = {
        {"port", required_argument, NULL, 'p'},     {"connections", required_argument, NULL, 'c'},
        {"requests", required_argument, NULL, 'n'}, {"request", required_argument, NULL, 'r'},
        {"show", no_argument, NULL, 's'},           {0}};
    struct load load = {.options = {.connections = 1, .requests = 1}};
    for (int name; (name = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        if (name == 'p')
            load.options.port = atoi(optarg);
        else if (name == 'c')
            load.options.connections = atoi(optarg);
        else if (name == 'n')
            load.options.requests = atoll(optarg);
        else if (name == 'r')
            load.options.file = optarg;
        else if (name == 's')
            load.options.shows = true;
        else
            return 2;
    }
    if (load.options.file == NULL || load.options.port == 0 || load.options.requests < load.options.connections) {
        fprintf(stderr, "usage: bench_http --port N --connections N --requests N --request FILE [--show]\n");
        return 2;
    }
    read_request(&load);
    run(&load);
    return 0;
}
