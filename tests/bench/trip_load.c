/* One request after the other, on blocking sockets: latencies as a lone client sees them. */
#include "batch.h"
#include "client.h"
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX       (4 << 20)
#define ONE_RECORD_BYTES (64 << 10)
#define API_PRODUCE      0
#define API_VERSIONS     18

/* Between a record consumed and the next produced, so that the consumer's next fetch waits at the server by then. */
#define TRIP_PAUSE_NS 300000

static uint8_t answer[ANSWER_MAX];

static slice take(int fd, const char *what)
{
    int64_t size = client_take(fd, answer, sizeof answer);
    if (size < 0)
        load_fail(what, strerror((int)-size));
    return slice_of(answer, (size_t)size);
}

static void send_all(int fd, const writer *request, const char *what)
{
    int rc = client_send(fd, writer_slice(request));
    if (rc != 0)
        load_fail(what, strerror(-rc));
}

static void require_no_error(int error, const char *what)
{
    char text[32];
    snprintf(text, sizeof text, "error code %d", error);
    if (error != 0)
        load_fail(what, text);
}

static void take_produced(int fd)
{
    require_no_error(frame_error_of(API_PRODUCE, BENCH_PRODUCE_VERSION, take(fd, "produce")), "produce");
}

static slice take_fetched(int fd)
{
    slice records = NULL_SLICE;
    require_no_error(frame_read_fetch(take(fd, "fetch"), &records), "fetch");
    return records;
}

static void write_produce(writer *w, const struct load_options *options, size_t *batch_size)
{
    writer batch;
    frame_writer_init(&batch);
    frame_writer_init(w);
    frame_write_batch(&batch, &options->batch);
    frame_write_produce(w, 0, options->acks, slice_of_text(options->topic), 0, writer_slice(&batch));
    *batch_size = writer_slice(&batch).size;
    writer_close(&batch);
}

static void ask(int fd, writer *w, const struct load_options *options, int64_t offset, int32_t max_bytes)
{
    struct bench_fetch fetch = {.offset = offset, .max_bytes = max_bytes, .wait_ms = LOAD_FETCH_WAIT_MS};
    writer_cut(w, 0);
    frame_write_fetch(w, 0, slice_of_text(options->topic), &fetch);
    send_all(fd, w, "fetch");
}

static void wait_until(int64_t then)
{
    int64_t left;
    while ((left = then - clock_ns()) > 0) {
        struct timespec pause = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
        nanosleep(&pause, NULL);
    }
}

void load_round_trip(const struct load_options *options, struct load_result *result)
{
    int producer = client_connect(options->port);
    int consumer = client_connect(options->port);
    size_t batch_size;
    writer produce;
    writer fetch;
    write_produce(&produce, options, &batch_size);
    frame_writer_init(&fetch);
    latencies_init(&result->latencies, LOAD_LATENCIES_MAX);
    int64_t begin = clock_ns();
    for (uint64_t i = 0; i < options->requests; i++) {
        int64_t offset = options->offset + (int64_t)i * options->batch.records;
        ask(consumer, &fetch, options, offset, ONE_RECORD_BYTES);
        wait_until(clock_ns() + TRIP_PAUSE_NS);
        int64_t sent = clock_ns();
        send_all(producer, &produce, "produce");
        if (take_fetched(consumer).size == 0)
            load_fail("fetch", "nothing came, or the topic did not end at the offset");
        latencies_add(&result->latencies, clock_ns() - sent);
        take_produced(producer);
    }
    result->seconds = (double)(clock_ns() - begin) / 1e9;
    result->requests = options->requests;
    result->records = result->requests * (uint64_t)options->batch.records;
    result->bytes = result->requests * batch_size;
    writer_close(&produce);
    writer_close(&fetch);
    close(producer);
    close(consumer);
}

static void read_first(const struct load_options *options, struct load_result *result, const writer *greeting,
                       writer *fetch)
{
    int64_t begin = clock_ns();
    int fd = client_connect(options->port);
    send_all(fd, greeting, "ApiVersions");
    require_no_error(frame_error_of(API_VERSIONS, 3, take(fd, "ApiVersions")), "ApiVersions");
    ask(fd, fetch, options, options->offset, options->max_bytes);
    slice records = take_fetched(fd);
    latencies_add(&result->latencies, clock_ns() - begin);
    struct batch_header header;
    if (batch_parse_header(records, &header, NULL) != 0 || header.base_offset > options->offset ||
        header.base_offset + options->batch.records <= options->offset)
        load_fail("fetch", "another batch than was asked for");
    result->requests++;
    result->bytes += records.size;
    close(fd);
}

void load_first_read(const struct load_options *options, struct load_result *result)
{
    writer greeting;
    writer fetch;
    frame_writer_init(&greeting);
    frame_writer_init(&fetch);
    frame_write_api_versions(&greeting, 0);
    latencies_init(&result->latencies, LOAD_LATENCIES_MAX);
    int64_t begin = clock_ns();
    for (uint64_t i = 0; i < options->requests; i++)
        read_first(options, result, &greeting, &fetch);
    result->seconds = (double)(clock_ns() - begin) / 1e9;
    writer_close(&greeting);
    writer_close(&fetch);
}

void load_paced(const struct load_options *options, struct load_result *result)
{
    int fd = client_connect(options->port);
    size_t batch_size;
    writer produce;
    write_produce(&produce, options, &batch_size);
    latencies_init(&result->latencies, LOAD_LATENCIES_MAX);
    int64_t begin = clock_ns();
    for (uint64_t i = 0; i < options->requests; i++) {
        wait_until(begin + (int64_t)((double)i * 1e9 / options->rate));
        int64_t sent = clock_ns();
        send_all(fd, &produce, "produce");
        take_produced(fd);
        latencies_add(&result->latencies, clock_ns() - sent);
    }
    result->seconds = (double)(clock_ns() - begin) / 1e9;
    result->requests = options->requests;
    result->records = result->requests * (uint64_t)options->batch.records;
    result->bytes = result->requests * batch_size;
    writer_close(&produce);
    close(fd);
}
