/* bench_transactions: one producer's transactions on 127.0.0.1, one after the other. Prints one line of JSON: how many
 * syncs the server makes for the end of one, and for a whole one. */
#include "batch_builder.h"
#include "client.h"
#include "frame.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static const char usage_text[] =
    "usage: bench_transactions PORT TRANSACTIONS RECORDS SYNCS\n"
    "SYNCS is the file that bench_count_syncs.so counts in; the topic \"bench\" is there.\n";

#define ANSWER_MAX       (1 << 16)
#define API_PRODUCE      0
#define API_INIT         22
#define API_END          26
#define INIT_VERSION     4
#define END_VERSION      5 /* each end gives the next epoch */
#define TRANSACTIONAL_ID "bench"
#define TIMEOUT_MS       60000
#define STARTING_TRIES   100
#define SETTLE_US        20000 /* markers are written behind the answer */

static struct memory memory = {.fail_countdown = -1};
static struct arena arena;
static uint8_t answer[ANSWER_MAX];

static _Noreturn void fail(const char *what, int error)
{
    fprintf(stderr, "bench_transactions: %s: error %d\n", what, error);
    exit(1);
}

static void call(int fd, int16_t key, int16_t version, const void *request, void *response)
{
    const struct kafka_api *api = kafka_api_find(key);
    int32_t correlation_id;
    writer w;
    frame_writer_init(&w);
    frame_write_request(&w, key, version, 0, request);
    int64_t size = client_exchange(fd, writer_slice(&w), answer, sizeof answer);
    writer_close(&w);
    if (size < 0)
        fail("no answer", (int)size);
    reader r = reader_of(slice_of(answer, (size_t)size));
    arena_reset(&arena);
    if (kafka_decode_response_header(api, version, &r, &correlation_id, &arena) != 0 ||
        kafka_decode(api->response, version, &r, response, &arena) != 0)
        fail("answer", -1);
}

struct producer {
    int64_t id;
    int16_t epoch;
};

/* The log of transactions may have to be made first. */
static struct producer init(int fd)
{
    struct init_producer_id_request request = INIT_PRODUCER_ID_REQUEST_DEFAULTS;
    struct init_producer_id_response response;
    request.transactional_id = slice_of_text(TRANSACTIONAL_ID);
    request.transaction_timeout_ms = TIMEOUT_MS;
    for (int i = 0; i < STARTING_TRIES; i++) {
        call(fd, API_INIT, INIT_VERSION, &request, &response);
        if (response.error_code == 0)
            return (struct producer){response.producer_id, response.producer_epoch};
        usleep(SETTLE_US);
    }
    fail("InitProducerId", response.error_code);
}

static void write_batch(writer *w, struct producer producer, int records)
{
    struct batch_options options = BATCH_OPTIONS_PLAIN;
    struct batch_builder builder;
    options.attributes = BATCH_TRANSACTIONAL;
    options.producer_id = producer.id;
    options.producer_epoch = producer.epoch;
    options.base_sequence = 0;
    batch_builder_open(&builder, w, &options);
    for (int i = 0; i < records; i++)
        batch_builder_add(&builder, 0, NULL_SLICE, slice_of_text("a record of a transaction, of forty bytes"));
    if (batch_builder_close(&builder, NULL) != 0)
        fail("batch", -1);
}

static void produce(int fd, struct producer producer, int records)
{
    writer batch;
    frame_writer_init(&batch);
    write_batch(&batch, producer, records);
    struct produce_request_partition partition = {.records = writer_slice(&batch)};
    struct produce_request_topic topic = {.name = slice_of_text(BENCH_TOPIC), .partition_data = {&partition, 1}};
    struct produce_request request = PRODUCE_REQUEST_DEFAULTS;
    struct produce_response response;
    request.transactional_id = slice_of_text(TRANSACTIONAL_ID);
    request.acks = -1;
    request.topic_data = (struct produce_request_topic_array){&topic, 1};
    call(fd, API_PRODUCE, BENCH_PRODUCE_VERSION, &request, &response);
    writer_close(&batch);
    int error = response.responses.items[0].partition_responses.items[0].error_code;
    if (error != 0)
        fail("Produce", error);
}

static struct producer end(int fd, struct producer producer)
{
    struct end_txn_request request = END_TXN_REQUEST_DEFAULTS;
    struct end_txn_response response;
    request.transactional_id = slice_of_text(TRANSACTIONAL_ID);
    request.producer_id = producer.id;
    request.producer_epoch = producer.epoch;
    request.committed = true;
    call(fd, API_END, END_VERSION, &request, &response);
    if (response.error_code != 0)
        fail("EndTxn", response.error_code);
    return (struct producer){response.producer_id, response.producer_epoch};
}

static const volatile uint64_t *map_count(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(uint64_t), PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        fail("the file of syncs", -1);
    close(fd);
    return map;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fputs(usage_text, stderr);
        return 2;
    }
    int transactions = atoi(argv[2]), records = atoi(argv[3]);
    const volatile uint64_t *syncs = map_count(argv[4]);
    arena_init(&arena, &memory, MEMORY_REQUESTS, ANSWER_MAX);
    int fd = client_connect((uint16_t)atoi(argv[1]));
    struct producer producer = init(fd);
    produce(fd, producer, records); /* what is made at the first one is not of interest */
    producer = end(fd, producer);
    usleep(SETTLE_US);
    uint64_t before = *syncs, of_ends = 0;
    for (int i = 0; i < transactions; i++) {
        produce(fd, producer, records);
        usleep(SETTLE_US);
        uint64_t written = *syncs;
        producer = end(fd, producer);
        usleep(SETTLE_US);
        of_ends += *syncs - written;
    }
    printf("{\"syncs_per_end\": %.2f, \"syncs_per_transaction\": %.2f}\n", (double)of_ends / transactions,
           (double)(*syncs - before) / transactions);
    return 0;
}
