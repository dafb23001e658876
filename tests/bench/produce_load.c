/* Producers: every connection keeps `in_flight` requests under way.
 *
 * Requests are made once and lie side by side with the correlation ids 0, 1, …: a ring that all connections send from,
 * round and round; `in_flight` of them, or a few more, so that all partitions have their turn equally often. Nothing is
 * copied or encoded while the clock runs. Answers are compared with what they must be; only one that looks different is
 * decoded. */
#include "client.h"
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWERS_SIZE (64 << 10)
#define TIMEOUT_MS   30000

struct producer {
    int fd;
    uint64_t quota;      /* requests */
    uint64_t sent_bytes; /* of the ring, rounds included */
    uint64_t started;    /* requests of which a byte was sent */
    uint64_t answered;
    int64_t *sent_at; /* by place in the ring */
    size_t received;  /* bytes in `answers` */
    uint8_t answers[ANSWERS_SIZE];
};

struct production {
    const struct load_options *options;
    struct load_result *result;
    slice ring;
    int places; /* requests in the ring */
    size_t request_size;
    struct frame_template answer;
    int under_way; /* connections */
};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "bench_load: produce: %s: %s\n", what, why);
    exit(1);
}

static void make_frames(struct production *p)
{
    slice topic = slice_of_text(p->options->topic);
    writer batch, ring, one, other;
    frame_writer_init(&batch);
    frame_writer_init(&ring);
    frame_writer_init(&one);
    frame_writer_init(&other);
    frame_write_batch(&batch, &p->options->batch);
    int32_t partitions = p->options->partitions;
    p->places = (p->options->in_flight + partitions - 1) / partitions * partitions;
    for (int i = 0; i < p->places; i++)
        frame_write_produce(&ring, i, p->options->acks, topic, i % partitions, writer_slice(&batch));
    frame_write_produce_answer(&one, 0, topic, 0, &(struct bench_appended){0, 0, 0});
    frame_write_produce_answer(&other, -1, topic, -1, &(struct bench_appended){-1, -1, -1});
    p->ring = writer_slice(&ring);
    p->request_size = p->ring.size / (size_t)p->places;
    frame_template_make(&p->answer, writer_slice(&one), writer_slice(&other));
}

static void send_more(struct production *p, struct producer *c)
{
    uint64_t window = p->options->acks == 0 ? UINT64_MAX : c->answered + (uint64_t)p->options->in_flight;
    uint64_t allowed = (c->quota < window ? c->quota : window) * p->request_size;
    while (c->sent_bytes < allowed) {
        size_t at = (size_t)(c->sent_bytes % p->ring.size);
        size_t size = p->ring.size - at;
        if (size > allowed - c->sent_bytes)
            size = (size_t)(allowed - c->sent_bytes);
        int64_t now = clock_ns();
        ssize_t n = send(c->fd, p->ring.data + at, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            fail("send", strerror(errno));
        c->sent_bytes += (uint64_t)n;
        for (; c->started * p->request_size < c->sent_bytes; c->started++)
            c->sent_at[c->started % (uint64_t)p->places] = now;
    }
}

static void check_answer(struct production *p, struct producer *c, slice frame)
{
    if (load_u32(frame.data + BENCH_CORRELATION_AT) != c->answered % (uint64_t)p->places)
        fail("answer", "out of order");
    if (frame.size == p->answer.size && frame_template_matches(&p->answer, frame.data))
        return;
    int error = frame_error_of(0, BENCH_PRODUCE_VERSION,
                               slice_of(frame.data + BENCH_FRAME_PREFIX, frame.size - BENCH_FRAME_PREFIX));
    if (error != 0) {
        char text[32];
        snprintf(text, sizeof text, "error code %d", error);
        fail("answer", text);
    }
}

static void take_answers(struct production *p, struct producer *c)
{
    ssize_t n;
    while ((n = recv(c->fd, c->answers + c->received, sizeof c->answers - c->received, 0)) > 0) {
        int64_t now = clock_ns();
        c->received += (size_t)n;
        size_t at = 0;
        while (c->received - at >= BENCH_FRAME_PREFIX + sizeof(uint32_t)) {
            size_t size = BENCH_FRAME_PREFIX + (size_t)load_u32(c->answers + at);
            if (size > sizeof c->answers)
                fail("answer", "huge");
            if (c->received - at < size)
                break;
            check_answer(p, c, slice_of(c->answers + at, size));
            latencies_add(&p->result->latencies, now - c->sent_at[c->answered % (uint64_t)p->places]);
            c->answered++;
            at += size;
        }
        c->received -= at;
        memmove(c->answers, c->answers + at, c->received);
    }
    if (n == 0)
        fail("recv", "connection closed");
    if (errno != EAGAIN)
        fail("recv", strerror(errno));
}

/* acks=0 has no answers: the one to a request behind them says that they were taken. */
static void wait_for_the_unanswered(struct production *p, struct producer *c)
{
    writer request;
    uint8_t answer[16 << 10];
    frame_writer_init(&request);
    frame_write_api_versions(&request, 0);
    client_set_blocking(c->fd);
    if (client_exchange(c->fd, writer_slice(&request), answer, sizeof answer) < 0)
        fail("after acks=0", "no answer");
    writer_close(&request);
    c->answered = c->quota;
    p->under_way--;
}

static void step(struct production *p, struct producer *c)
{
    take_answers(p, c);
    send_more(p, c);
    if (p->options->acks == 0) {
        if (c->sent_bytes == c->quota * p->request_size)
            wait_for_the_unanswered(p, c);
    } else if (c->answered == c->quota) {
        p->under_way--;
    }
}

static void run(struct production *p, struct producer *producers, int poll_fd)
{
    int64_t start = clock_ns();
    int64_t deadline = p->options->seconds > 0 ? start + (int64_t)(p->options->seconds * 1e9) : INT64_MAX;
    while (p->under_way > 0) {
        struct epoll_event events[64];
        int n = epoll_wait(poll_fd, events, 64, TIMEOUT_MS);
        if (n <= 0)
            fail("epoll_wait", n == 0 ? "no answer for 30 s" : strerror(errno));
        if (deadline != INT64_MAX && clock_ns() >= deadline) {
            for (int i = 0; i < p->options->connections; i++)
                producers[i].quota = producers[i].started;
            deadline = INT64_MAX;
        }
        for (int i = 0; i < n; i++) {
            struct producer *c = events[i].data.ptr;
            if (c->answered < c->quota)
                step(p, c);
        }
    }
    p->result->seconds = (double)(clock_ns() - start) / 1e9;
}

void load_produce(const struct load_options *options, struct load_result *result)
{
    struct production p = {.options = options, .result = result, .under_way = options->connections};
    make_frames(&p);
    latencies_init(&result->latencies, LOAD_LATENCIES_MAX);
    struct producer *producers = calloc((size_t)options->connections, sizeof *producers);
    int poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (producers == NULL || poll_fd < 0)
        fail("start", strerror(errno));
    for (int i = 0; i < options->connections; i++) {
        struct producer *c = &producers[i];
        uint64_t connections = (uint64_t)options->connections;
        c->quota = options->requests == 0
                       ? UINT64_MAX / p.request_size
                       : options->requests / connections + ((uint64_t)i < options->requests % connections);
        c->sent_at = calloc((size_t)p.places, sizeof *c->sent_at);
        if (c->sent_at == NULL)
            fail("start", strerror(errno));
        c->fd = client_connect(options->port);
        client_set_nonblocking(c->fd);
    }
    for (int i = 0; i < options->connections; i++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = &producers[i]};
        if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, producers[i].fd, &event) != 0)
            fail("epoll_ctl", strerror(errno));
    }
    run(&p, producers, poll_fd);
    for (int i = 0; i < options->connections; i++) {
        result->requests += producers[i].answered;
        close(producers[i].fd);
        free(producers[i].sent_at);
    }
    free(producers);
    close(poll_fd);
    writer batch;
    frame_writer_init(&batch);
    frame_write_batch(&batch, &options->batch);
    result->records = result->requests * (uint64_t)options->batch.records;
    result->bytes = result->requests * writer_slice(&batch).size;
}
