/* Baseline (c): a libuv server that writes and syncs each batch in a thread of libuv's pool and then answers: pwrite
 * and fdatasync. One request of a connection at a time.
 *
 *     bench_sync_echo PORT FILE */
#include "batch.h"
#include "frame.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#define INPUT_SIZE (64 << 10)

struct server {
    uv_tcp_t listener;
    int file;
    int64_t end;    /* bytes */
    writer answer;  /* to be patched */
    int64_t offset; /* of the next batch */
    size_t base_offset_at;
};

struct connection {
    uv_tcp_t socket;
    uv_work_t work;
    uv_write_t reply;
    struct server *server;
    size_t received;
    slice batch; /* part of `input` */
    int64_t file_at;
    uint8_t answer[256];
    uint8_t input[INPUT_SIZE];
};

static void require(bool condition, const char *what)
{
    if (condition)
        return;
    perror(what);
    exit(1);
}

static void write_and_sync(uv_work_t *work)
{
    struct connection *c = work->data;
    require(pwrite(c->server->file, c->batch.data, c->batch.size, c->file_at) == (ssize_t)c->batch.size, "pwrite");
    require(fdatasync(c->server->file) == 0, "fdatasync");
}

static void end_connection(uv_handle_t *handle)
{
    free(handle->data);
}

static void end_reply(uv_write_t *reply, int status)
{
    struct connection *c = reply->data;
    if (status != 0)
        uv_close((uv_handle_t *)&c->socket, end_connection);
}

static void send_answer(uv_work_t *work, int status)
{
    struct connection *c = work->data;
    require(status == 0, "work");
    uv_buf_t buffer = uv_buf_init((char *)c->answer, (unsigned)c->server->answer.size);
    c->reply.data = c;
    require(uv_write(&c->reply, (uv_stream_t *)&c->socket, &buffer, 1, end_reply) == 0, "uv_write");
}

/* One whole produce request is in the buffer. */
static void handle_request(struct connection *c)
{
    struct server *server = c->server;
    reader request = reader_of(slice_of(c->input + BENCH_FRAME_PREFIX, c->received - BENCH_FRAME_PREFIX));
    read_i32(&request); /* key and version */
    uint32_t correlation_id = read_u32(&request);
    read_string(&request);
    int16_t acks;
    c->batch = frame_read_produce(&request, &acks);
    struct batch_header header;
    require(reader_ok(&request) && batch_parse_header(c->batch, &header, NULL) == 0 &&
                batch_crc_matches(c->batch, &header),
            "produce request");
    memcpy(c->answer, server->answer.data, server->answer.size);
    store_u32(c->answer + BENCH_CORRELATION_AT, correlation_id);
    store_u64(c->answer + server->base_offset_at, (uint64_t)server->offset);
    c->file_at = server->end;
    server->end += (int64_t)c->batch.size;
    server->offset += header.last_offset_delta + 1;
    c->received = 0;
    c->work.data = c;
    require(uv_queue_work(c->socket.loop, &c->work, write_and_sync, send_answer) == 0, "uv_queue_work");
}

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    struct connection *c = handle->data;
    *buffer = uv_buf_init((char *)c->input + c->received, (unsigned)(INPUT_SIZE - c->received));
}

static void take_input(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    (void)buffer;
    struct connection *c = stream->data;
    if (size < 0) {
        uv_close((uv_handle_t *)stream, end_connection);
        return;
    }
    c->received += (size_t)size;
    if (c->received < BENCH_FRAME_PREFIX)
        return;
    size_t whole = BENCH_FRAME_PREFIX + (size_t)load_u32(c->input);
    require(whole <= INPUT_SIZE && c->received <= whole, "one request at a time");
    if (c->received == whole)
        handle_request(c);
}

static void accept_connection(uv_stream_t *listener, int status)
{
    require(status == 0, "listen");
    struct connection *c = calloc(1, sizeof *c);
    require(c != NULL, "memory");
    c->server = listener->data;
    require(uv_tcp_init(listener->loop, &c->socket) == 0 && uv_accept(listener, (uv_stream_t *)&c->socket) == 0 &&
                uv_tcp_nodelay(&c->socket, 1) == 0,
            "accept");
    c->socket.data = c;
    require(uv_read_start((uv_stream_t *)&c->socket, give_buffer, take_input) == 0, "read");
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: bench_sync_echo PORT FILE\n");
        return 2;
    }
    struct server server = {.file = open(argv[2], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    require(server.file >= 0, argv[2]);
    writer other;
    frame_writer_init(&server.answer);
    frame_writer_init(&other);
    frame_write_produce_answer(&server.answer, 0, slice_of_text(BENCH_TOPIC), 0, &(struct bench_appended){0, -1, 0});
    frame_write_produce_answer(&other, 0, slice_of_text(BENCH_TOPIC), 0, &(struct bench_appended){-1, -1, 0});
    server.base_offset_at = frame_first_difference(writer_slice(&server.answer), writer_slice(&other));
    writer_close(&other);

    uv_loop_t *loop = uv_default_loop();
    struct sockaddr_in address;
    require(uv_ip4_addr("127.0.0.1", (int)strtoul(argv[1], NULL, 10), &address) == 0 &&
                uv_tcp_init(loop, &server.listener) == 0 &&
                uv_tcp_bind(&server.listener, (const struct sockaddr *)&address, 0) == 0,
            "bind");
    server.listener.data = &server;
    require(uv_listen((uv_stream_t *)&server.listener, 128, accept_connection) == 0, "listen");
    return uv_run(loop, UV_RUN_DEFAULT);
}
