/* Followers of a topic over HTTP.
 *
 *     bench_follow fan-out --rest-port N --port N --topic T --followers N --records N --pause-ms N
 *         one record after the other by Kafka's protocol; the latency is from its first byte sent until the last
 *         follower (SSE) has it
 *     bench_follow hold --rest-port N --topic T --followers N
 *         followers that read all they get, until standard input ends; a line says when all of them are there
 *     bench_follow read --rest-port N --topic T --records N
 *         one follower (NDJSON) of so many stored records
 *
 * Prints {"seconds":…,"records":…,"bytes":…,"p50_us":…,"p99_us":…}. */
#include "client.h"
#include "clock.h"
#include "frame.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_SIZE (1 << 20)
#define EVENTS      256
#define TIMEOUT_MS  30000
#define API_PRODUCE 0
#define VALUE_SIZE  100

struct options {
    int rest_port, port, followers, pause_ms;
    int64_t records;
    const char *topic;
};

struct follower {
    int fd;
    bool has_head;
};

struct followers {
    struct follower *all;
    int count, with_head;
    int epoll;
    uint64_t bytes;
    uint64_t lines; /* of all of them */
};

static char buffer[BUFFER_SIZE];

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "bench_follow: %s: %s\n", what, errno != 0 ? strerror(errno) : "unexpected");
    exit(1);
}

/* ---- followers ---- */

static void ask(int fd, const char *topic, const char *query, const char *accept)
{
    int size =
        snprintf(buffer, sizeof buffer, "GET /topics/%s/records?follow&%s HTTP/1.1\r\nHost: a\r\nAccept: %s\r\n\r\n",
                 topic, query, accept);
    if (send(fd, buffer, (size_t)size, MSG_NOSIGNAL) != size)
        fail("send");
}

static void open_followers(struct followers *followers, const struct options *options)
{
    followers->count = options->followers;
    followers->all = calloc((size_t)followers->count, sizeof *followers->all);
    followers->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (followers->all == NULL || followers->epoll < 0)
        fail("followers");
    for (int i = 0; i < followers->count; i++) {
        struct follower *follower = &followers->all[i];
        follower->fd = client_connect((uint16_t)options->rest_port);
        ask(follower->fd, options->topic, "since=latest", "text/event-stream");
        client_set_nonblocking(follower->fd);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = follower};
        if (epoll_ctl(followers->epoll, EPOLL_CTL_ADD, follower->fd, &event) != 0)
            fail("epoll_ctl");
    }
}

static uint64_t count_data(const char *bytes, size_t size)
{
    uint64_t count = 0;
    const char *end = bytes + size;
    for (const char *at = bytes; (at = memmem(at, (size_t)(end - at), "\ndata: {\"topic", 14)) != NULL; at += 14)
        count++;
    return count;
}

/* An event leaves in one piece, and here is read as one. */
static void receive(struct followers *followers, struct follower *follower)
{
    ssize_t got = recv(follower->fd, buffer, sizeof buffer, 0);
    if (got <= 0)
        fail("a follower's connection");
    followers->bytes += (uint64_t)got;
    followers->lines += count_data(buffer, (size_t)got);
    if (!follower->has_head && memmem(buffer, (size_t)got, "\r\n\r\n", 4) != NULL) {
        follower->has_head = true;
        followers->with_head++;
    }
}

/* False: nothing came in time. */
static bool turn(struct followers *followers, int timeout_ms)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(followers->epoll, events, EVENTS, timeout_ms);
    for (int i = 0; i < count; i++)
        receive(followers, events[i].data.ptr);
    return count > 0;
}

static void await_heads(struct followers *followers)
{
    while (followers->with_head < followers->count) {
        if (!turn(followers, TIMEOUT_MS))
            fail("the heads of the answers");
    }
    while (turn(followers, 200))
        ;
}

/* ---- fan-out ---- */

static void print(double seconds, uint64_t records, uint64_t bytes, struct latencies *latencies)
{
    printf("{\"seconds\":%.6f,\"records\":%" PRIu64 ",\"bytes\":%" PRIu64, seconds, records, bytes);
    if (latencies != NULL)
        printf(",\"p50_us\":%.1f,\"p99_us\":%.1f", latencies_percentile(latencies, 0.5),
               latencies_percentile(latencies, 0.99));
    printf("}\n");
}

static void produce_one(int fd, const writer *request)
{
    if (client_send(fd, writer_slice(request)) != 0)
        fail("produce");
}

static void take_produced(int fd)
{
    static uint8_t answer[4096];
    int64_t size = client_take(fd, answer, sizeof answer);
    if (size < 0 || frame_error_of(API_PRODUCE, BENCH_PRODUCE_VERSION, slice_of(answer, (size_t)size)) != 0)
        fail("produce");
}

/* Asks again and again rather than sleep: to wake a sleeper costs the server more than what it sends. */
static void await_lines(struct followers *followers, uint64_t wanted)
{
    int64_t began = clock_ns();
    while (followers->lines < wanted) {
        if (!turn(followers, 0) && clock_ns() - began > TIMEOUT_MS * INT64_C(1000000))
            fail("a record at its followers");
    }
}

static void fan_out(const struct options *options)
{
    struct followers followers = {.count = 0};
    struct latencies latencies;
    writer batch, request;
    frame_writer_init(&batch);
    frame_writer_init(&request);
    frame_write_batch(&batch, &(struct bench_batch){.records = 1, .value_size = VALUE_SIZE});
    frame_write_produce(&request, 0, 1, slice_of_text(options->topic), 0, writer_slice(&batch));
    open_followers(&followers, options);
    await_heads(&followers);
    latencies_init(&latencies, (size_t)options->records);
    int producer = client_connect((uint16_t)options->port);
    int64_t began = clock_ns();
    for (int64_t i = 0; i < options->records; i++) {
        uint64_t wanted = followers.lines + (uint64_t)followers.count;
        int64_t sent = clock_ns();
        produce_one(producer, &request);
        await_lines(&followers, wanted);
        latencies_add(&latencies, clock_ns() - sent);
        take_produced(producer);
        struct timespec pause = {.tv_nsec = (long)options->pause_ms * 1000000};
        nanosleep(&pause, NULL);
    }
    print((double)(clock_ns() - began) / 1e9, (uint64_t)options->records, followers.bytes, &latencies);
}

static void hold(const struct options *options)
{
    struct followers followers = {.count = 0};
    open_followers(&followers, options);
    await_heads(&followers);
    printf("{\"followers\":%d}\n", followers.count);
    (void)fflush(stdout);
    struct follower input = {.fd = STDIN_FILENO};
    struct epoll_event event = {.events = EPOLLIN | EPOLLHUP, .data.ptr = &input}, events[EVENTS];
    if (epoll_ctl(followers.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0)
        fail("epoll_ctl");
    int64_t began = clock_ns();
    for (bool goes_on = true; goes_on;) {
        int count = epoll_wait(followers.epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &input)
                goes_on = false;
            else
                receive(&followers, events[i].data.ptr);
        }
    }
    print((double)(clock_ns() - began) / 1e9, followers.lines, followers.bytes, NULL);
}

/* ---- one reader ---- */

static void read_stored(const struct options *options)
{
    char query[100];
    uint64_t lines = 0, bytes = 0;
    snprintf(query, sizeof query, "since=all&limit=%" PRId64, options->records);
    int fd = client_connect((uint16_t)options->rest_port);
    int64_t began = clock_ns();
    ask(fd, options->topic, query, "application/x-ndjson");
    char last[5] = {0};
    while (memcmp(last, "0\r\n\r\n", 5) != 0) {
        ssize_t got = recv(fd, buffer, sizeof buffer, 0);
        if (got < 5)
            fail("recv");
        bytes += (uint64_t)got;
        for (const char *at = buffer, *end = buffer + got; (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++)
            lines += at > buffer && at[-1] == '}';
        memcpy(last, buffer + got - 5, 5);
    }
    if (lines + 1 < (uint64_t)options->records)
        fail("records are missing");
    print((double)(clock_ns() - began) / 1e9, lines, bytes, NULL);
}

int main(int argc, char **argv)
{
    static const struct option names[] = {{"rest-port", required_argument, NULL, 'r'},
                                          {"port", required_argument, NULL, 'p'},
                                          {"topic", required_argument, NULL, 't'},
                                          {"followers", required_argument, NULL, 'f'},
                                          {"records", required_argument, NULL, 'n'},
                                          {"pause-ms", required_argument, NULL, 'w'},
                                          {0}};
    struct options options = {.topic = BENCH_TOPIC, .followers = 1, .records = 1};
    for (int name; (name = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        if (name == 'r')
            options.rest_port = atoi(optarg);
        else if (name == 'p')
            options.port = atoi(optarg);
        else if (name == 't')
            options.topic = optarg;
        else if (name == 'f')
            options.followers = atoi(optarg);
        else if (name == 'n')
            options.records = atoll(optarg);
        else if (name == 'w')
            options.pause_ms = atoi(optarg);
        else
            return 2;
    }
    const char *what = optind < argc ? argv[optind] : "";
    if (strcmp(what, "fan-out") == 0)
        fan_out(&options);
    else if (strcmp(what, "hold") == 0)
        hold(&options);
    else if (strcmp(what, "read") == 0)
        read_stored(&options);
    else
        fprintf(stderr, "usage: bench_follow fan-out|hold|read --rest-port N [--port N] [--topic T] [--followers N] "
                        "[--records N] [--pause-ms N]\n");
    return 0;
}
