/* Consumers: each connection reads everything from an offset to the end, a request at a time as clients do.
 *
 * Batches are all of one size and number of records, so where to go on follows from the length of the answer; a part of
 * a batch at its end is asked for again. The answer's head and its first batch's header are looked at, the rest is
 * dropped in the kernel (MSG_TRUNC): the consumer costs next to nothing. */
#include "batch.h"
#include "client.h"
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX   512
#define TIMEOUT_MS 30000

struct consumer {
    int fd;
    int64_t offset; /* asked for */
    int64_t asked_at;
    size_t head_size;  /* bytes of `head` that are there */
    size_t records;    /* bytes of the answer's records, known with the head */
    size_t to_discard; /* bytes of them not yet received */
    uint8_t head[HEAD_MAX];
};

struct consumption {
    const struct load_options *options;
    struct load_result *result;
    struct frame_template answer;
    size_t batch_size; /* bytes */
    writer request;
    int under_way; /* connections */
};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "bench_load: fetch: %s: %s\n", what, why);
    exit(1);
}

static void make_frames(struct consumption *f)
{
    slice topic = slice_of_text(f->options->topic);
    writer batch, one, other;
    frame_writer_init(&batch);
    frame_writer_init(&one);
    frame_writer_init(&other);
    frame_writer_init(&f->request);
    frame_write_batch(&batch, &f->options->batch);
    frame_write_fetch_answer(&one, 0, topic, 0);
    frame_write_fetch_answer(&other, 0, topic, -1);
    f->batch_size = writer_slice(&batch).size;
    frame_template_make(&f->answer, writer_slice(&one), writer_slice(&other));
    memset(f->answer.fixed, 0, BENCH_FRAME_PREFIX);
    memset(f->answer.fixed + f->answer.size - 4, 0, 4);
    if (f->answer.size + BATCH_HEADER_SIZE > HEAD_MAX)
        fail("answer", "long head");
}

static void ask(struct consumption *f, struct consumer *c)
{
    writer_cut(&f->request, 0);
    struct bench_fetch fetch = {.offset = c->offset, .max_bytes = f->options->max_bytes, .wait_ms = LOAD_FETCH_WAIT_MS};
    frame_write_fetch(&f->request, 0, slice_of_text(f->options->topic), &fetch);
    slice request = writer_slice(&f->request);
    c->head_size = 0;
    c->asked_at = clock_ns();
    if (send(c->fd, request.data, request.size, MSG_NOSIGNAL) != (ssize_t)request.size)
        fail("send", strerror(errno));
}

/* The head is there: what follows it? */
static void look_at_head(struct consumption *f, struct consumer *c)
{
    size_t head = f->answer.size;
    c->records = load_u32(c->head + head - 4);
    if (!frame_template_matches(&f->answer, c->head) || load_u32(c->head) + BENCH_FRAME_PREFIX != head + c->records) {
        memset(c->head + head - 4, 0, 4);
        char text[32];
        snprintf(
            text, sizeof text, "error code %d",
            frame_error_of(1, BENCH_FETCH_VERSION, slice_of(c->head + BENCH_FRAME_PREFIX, head - BENCH_FRAME_PREFIX)));
        fail("answer", text);
    }
    if (c->records < f->batch_size)
        fail("answer", "not one whole batch");
}

static void end_answer(struct consumption *f, struct consumer *c)
{
    struct batch_header header;
    if (batch_parse_header(slice_of(c->head + f->answer.size, BATCH_HEADER_SIZE), &header, NULL) != 0 ||
        header.base_offset != c->offset || batch_size(&header) != f->batch_size)
        fail("answer", "another batch than was asked for");
    size_t batches = c->records / f->batch_size;
    c->offset += (int64_t)batches * f->options->batch.records;
    f->result->requests++;
    f->result->bytes += batches * f->batch_size;
    f->result->records += batches * (size_t)f->options->batch.records;
    latencies_add(&f->result->latencies, clock_ns() - c->asked_at);
    if (c->offset >= f->options->end_offset)
        f->under_way--;
    else
        ask(f, c);
}

static void step(struct consumption *f, struct consumer *c)
{
    size_t whole_head = f->answer.size + BATCH_HEADER_SIZE;
    for (;;) {
        bool in_head = c->head_size < whole_head;
        ssize_t n = in_head ? recv(c->fd, c->head + c->head_size, whole_head - c->head_size, 0)
                            : recv(c->fd, NULL, c->to_discard, MSG_TRUNC);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0)
            fail("recv", n == 0 ? "connection closed" : strerror(errno));
        if (in_head) {
            bool known = c->head_size >= f->answer.size;
            c->head_size += (size_t)n;
            if (!known && c->head_size >= f->answer.size)
                look_at_head(f, c);
            if (c->head_size < whole_head)
                continue;
            c->to_discard = c->records - BATCH_HEADER_SIZE;
        } else {
            c->to_discard -= (size_t)n;
        }
        if (c->to_discard > 0)
            continue;
        end_answer(f, c);
        if (c->offset >= f->options->end_offset)
            return;
    }
}

void load_fetch(const struct load_options *options, struct load_result *result)
{
    struct consumption f = {.options = options, .result = result, .under_way = options->connections};
    make_frames(&f);
    latencies_init(&result->latencies, LOAD_LATENCIES_MAX);
    struct consumer *consumers = calloc((size_t)options->connections, sizeof *consumers);
    int poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (consumers == NULL || poll_fd < 0)
        fail("start", strerror(errno));
    for (int i = 0; i < options->connections; i++) {
        consumers[i].fd = client_connect(options->port);
        client_set_nonblocking(consumers[i].fd);
        consumers[i].offset = options->offset;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &consumers[i]};
        if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, consumers[i].fd, &event) != 0)
            fail("epoll_ctl", strerror(errno));
    }
    int64_t start = clock_ns();
    for (int i = 0; i < options->connections; i++)
        ask(&f, &consumers[i]);
    while (f.under_way > 0) {
        struct epoll_event events[64];
        int n = epoll_wait(poll_fd, events, 64, TIMEOUT_MS);
        if (n <= 0)
            fail("epoll_wait", n == 0 ? "no answer for 30 s" : strerror(errno));
        for (int i = 0; i < n; i++)
            step(&f, events[i].data.ptr);
    }
    result->seconds = (double)(clock_ns() - start) / 1e9;
    for (int i = 0; i < options->connections; i++)
        close(consumers[i].fd);
    free(consumers);
    close(poll_fd);
}
