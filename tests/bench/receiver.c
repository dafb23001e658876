/* Baseline (a) and (b): one epoll loop that does only the unavoidable. A produce request is received, its batch's CRC
 * checked, the batch written to a file, the answer sent. A fetch is answered with sendfile.
 *
 *     bench_receiver PORT FILE
 *
 * Not a broker: one topic, one partition, offsets that assume batches of one size, nothing stamped into the batch but
 * the base offset, no validation beyond the CRC. One write per batch; answers to what one recv brought go out in one
 * send. */
#include "batch.h"
#include "client.h"
#include "crc32c.h"
#include "frame.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#define INPUT_SIZE  (256 << 10)
#define OUTPUT_SIZE (64 << 10)
#define DESCRIPTORS 256

struct connection {
    int fd;
    size_t received; /* bytes in `input` */
    uint8_t input[INPUT_SIZE];
    size_t output_size; /* bytes in `output` that are to be sent */
    uint8_t output[OUTPUT_SIZE];
    off_t file_at; /* what is to be sent behind `output` */
    size_t file_left;
};

struct receiver {
    int file;
    int64_t end; /* bytes */
    int64_t end_offset;
    size_t batch_size; /* of the first batch: all are alike */
    int64_t batch_records;
    writer produce_answer; /* to be patched and copied */
    writer fetch_answer;
    size_t base_offset_at;
    size_t high_watermark_at;
    struct connection *connections[DESCRIPTORS]; /* by descriptor; kept for the next with the same */
};

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void make_answers(struct receiver *r)
{
    writer other;
    slice topic = slice_of_text(BENCH_TOPIC);
    frame_writer_init(&r->produce_answer);
    frame_writer_init(&r->fetch_answer);
    frame_writer_init(&other);
    frame_write_produce_answer(&r->produce_answer, 0, topic, 0, &(struct bench_appended){0, -1, 0});
    frame_write_produce_answer(&other, 0, topic, 0, &(struct bench_appended){-1, -1, 0});
    r->base_offset_at = frame_first_difference(writer_slice(&r->produce_answer), writer_slice(&other));
    writer_cut(&other, 0);
    frame_write_fetch_answer(&r->fetch_answer, 0, topic, 0);
    frame_write_fetch_answer(&other, 0, topic, -1);
    r->high_watermark_at = frame_first_difference(writer_slice(&r->fetch_answer), writer_slice(&other));
}

static uint8_t *add_output(struct connection *c, const writer *answer, int32_t correlation_id)
{
    if (c->output_size + answer->size > OUTPUT_SIZE)
        fail("output");
    uint8_t *to = c->output + c->output_size;
    memcpy(to, answer->data, answer->size);
    store_u32(to + BENCH_CORRELATION_AT, (uint32_t)correlation_id);
    c->output_size += answer->size;
    return to;
}

static void handle_produce(struct receiver *r, struct connection *c, int32_t correlation_id, reader *request)
{
    int16_t acks;
    slice batch = frame_read_produce(request, &acks);
    struct batch_header header;
    if (!reader_ok(request) || batch_parse_header(batch, &header, NULL) != 0 || !batch_crc_matches(batch, &header))
        fail("produce request");
    batch_stamp_offset((uint8_t *)(uintptr_t)batch.data, r->end_offset, 0);
    if (write(r->file, batch.data, batch.size) != (ssize_t)batch.size)
        fail("write");
    if (acks != 0)
        store_u64(add_output(c, &r->produce_answer, correlation_id) + r->base_offset_at, (uint64_t)r->end_offset);
    r->batch_size = batch.size;
    r->batch_records = header.last_offset_delta + 1;
    r->end += (int64_t)batch.size;
    r->end_offset += r->batch_records;
}

static void handle_fetch(struct receiver *r, struct connection *c, int32_t correlation_id, reader *request)
{
    read_bytes(request, 4 + 4 + 4 + 4 + 1 + 4 + 4); /* replica, wait, least, most, isolation, session and its epoch */
    read_i32(request);
    read_string(request);
    read_bytes(request, 4 + 4 + 4); /* partitions, index, leader epoch */
    int64_t offset = read_i64(request);
    read_i64(request);
    int32_t max_bytes = read_i32(request);
    if (!reader_ok(request) || r->batch_records == 0)
        fail("fetch request");
    c->file_at = offset / r->batch_records * (int64_t)r->batch_size;
    int64_t left = r->end - c->file_at;
    c->file_left = (size_t)(left < max_bytes ? left : max_bytes);
    uint8_t *answer = add_output(c, &r->fetch_answer, correlation_id);
    store_u64(answer + r->high_watermark_at, (uint64_t)r->end_offset);
    store_u64(answer + r->high_watermark_at + 8, (uint64_t)r->end_offset);
    store_u32(answer, (uint32_t)(r->fetch_answer.size - BENCH_FRAME_PREFIX + c->file_left));
    store_u32(answer + r->fetch_answer.size - 4, (uint32_t)c->file_left);
}

static void handle_frame(struct receiver *r, struct connection *c, slice frame)
{
    reader request = reader_of(frame);
    int16_t key = read_i16(&request);
    read_i16(&request);
    int32_t correlation_id = read_i32(&request);
    read_string(&request);
    if (key == 0)
        handle_produce(r, c, correlation_id, &request);
    else
        handle_fetch(r, c, correlation_id, &request);
}

/* True when all is sent. */
static bool send_output(struct receiver *r, struct connection *c)
{
    if (c->output_size > 0) {
        ssize_t n = send(c->fd, c->output, c->output_size, MSG_NOSIGNAL | (c->file_left > 0 ? MSG_MORE : 0));
        if (n < 0 && errno != EAGAIN)
            fail("send");
        if (n > 0)
            c->output_size -= (size_t)n;
        if (n > 0 && c->output_size > 0)
            memmove(c->output, c->output + n, c->output_size);
        if (c->output_size > 0)
            return false;
    }
    while (c->file_left > 0) {
        ssize_t n = sendfile(c->fd, r->file, &c->file_at, c->file_left);
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n <= 0)
            fail("sendfile");
        c->file_left -= (size_t)n;
    }
    return true;
}

/* False when the peer has closed. */
static bool receive_input(struct receiver *r, struct connection *c)
{
    ssize_t n = recv(c->fd, c->input + c->received, INPUT_SIZE - c->received, 0);
    if (n == 0)
        return false;
    if (n < 0 && errno == EAGAIN)
        return true;
    if (n < 0)
        fail("recv");
    c->received += (size_t)n;
    size_t at = 0;
    while (c->received - at >= BENCH_FRAME_PREFIX) {
        size_t size = load_u32(c->input + at);
        if (size > INPUT_SIZE - BENCH_FRAME_PREFIX)
            fail("request");
        if (c->received - at - BENCH_FRAME_PREFIX < size)
            break;
        handle_frame(r, c, slice_of(c->input + at + BENCH_FRAME_PREFIX, size));
        at += BENCH_FRAME_PREFIX + size;
    }
    c->received -= at;
    memmove(c->input, c->input + at, c->received);
    return true;
}

static void watch(int poll_fd, int operation, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(poll_fd, operation, fd, &event) != 0)
        fail("epoll_ctl");
}

static void accept_connection(struct receiver *r, int poll_fd, int listener)
{
    int fd = accept(listener, NULL, NULL);
    if (fd < 0 || fd >= DESCRIPTORS)
        fail("accept");
    if (r->connections[fd] == NULL && (r->connections[fd] = malloc(sizeof(struct connection))) == NULL)
        fail("memory");
    struct connection *c = r->connections[fd];
    c->fd = fd;
    c->received = 0;
    c->output_size = 0;
    c->file_left = 0;
    client_tune_accepted(fd);
    watch(poll_fd, EPOLL_CTL_ADD, fd, EPOLLIN);
}

static void serve(struct receiver *r, int poll_fd, struct connection *c, uint32_t events)
{
    if ((events & EPOLLOUT) == 0 && !receive_input(r, c)) {
        close(c->fd);
        return;
    }
    bool done = send_output(r, c);
    uint32_t wanted = done ? EPOLLIN : EPOLLOUT;
    uint32_t watched = (events & EPOLLOUT) != 0 ? EPOLLOUT : EPOLLIN;
    if (wanted != watched)
        watch(poll_fd, EPOLL_CTL_MOD, c->fd, wanted);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: bench_receiver PORT FILE\n");
        return 2;
    }
    static struct receiver r;
    r.file = open(argv[2], O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (r.file < 0)
        fail(argv[2]);
    make_answers(&r);
    int listener = client_listen((uint16_t)strtoul(argv[1], NULL, 10));
    int poll_fd = epoll_create1(EPOLL_CLOEXEC);
    watch(poll_fd, EPOLL_CTL_ADD, listener, EPOLLIN);
    for (;;) {
        struct epoll_event events[64];
        int n = epoll_wait(poll_fd, events, 64, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == listener)
                accept_connection(&r, poll_fd, listener);
            else
                serve(&r, poll_fd, r.connections[events[i].data.fd], events[i].events);
        }
    }
}
