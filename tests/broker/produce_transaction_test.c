/* Produce and TxnOffsetCommit of transactional producers, over a connection, with a log on a simulated disk. */
#include "batch_builder.h"
#include "check.h"
#include "kafka/api.h"
#include "kafka/session.h"
#include "operations/operations.h"
#include "operations/transactions.h"
#include "server_fixture.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define PRODUCE_VERSION 12
#define CLOSED          INT16_MAX
#define API_PRODUCE_KEY 0
#define API_DELETE_KEY  20
#define API_INIT_KEY    22
#define API_END_KEY     26
#define API_COMMIT_KEY  28

static struct server_fixture f;
static struct memory own; /* a failure asked for by the test must not hit the test */
static struct arena arena;
static uint8_t heard[1 << 16];

static void open_fixture(void)
{
    struct topic *topic;
    server_fixture_open(&f, NULL);
    server_fixture_make_disk(&f, 1);
    REQUIRE(server_fixture_open_connections(&f) == 0);
    REQUIRE(server_fixture_open_storage(&f) == 0);
    REQUIRE(server_fixture_create_topic(&f, "orders", 2, NULL, &topic) == 0);
    memory_init(&own);
    arena_init(&arena, &own, MEMORY_REQUESTS, 1 << 20);
}

/* Markers follow an answer, so it is waited for what is still under way. */
static void close_fixture(void)
{
    server_fixture_turn(&f);
    transaction_service_end_waits(f.server.transactions);
    while (!operations_idle(&f.server))
        uv_run(&f.loop, UV_RUN_NOWAIT);
    arena_close(&arena);
    CHECK_EQUAL(memory_total_bytes(&own), 0);
    server_fixture_close_services(&f);
    CHECK(server_fixture_close(&f));
}

static int connect_peer(void)
{
    return server_fixture_connect(&f, &kafka_dialect, "10.0.0.1");
}

/* False when the connection is closed. */
static bool say(int peer, int16_t key, int16_t version, const void *message)
{
    const struct kafka_api *api = kafka_api_find(key);
    struct request_header header = REQUEST_HEADER_DEFAULTS;
    writer w;
    writer_init(&w, &own, MEMORY_REQUESTS, 1 << 16);
    header.request_api_key = key;
    header.request_api_version = version;
    size_t length = write_reserved_u32(&w);
    REQUIRE(kafka_encode_request_header(&header, &w) == 0);
    REQUIRE(kafka_encode(api->request, version, message, &w) == 0);
    writer_set_u32(&w, length, (uint32_t)(w.size - 4));
    bool is_sent = send(peer, w.data, w.size, MSG_NOSIGNAL) == (ssize_t)w.size;
    writer_close(&w);
    return is_sent;
}

/* One answer, exactly. False when the connection was closed instead. */
static bool hear(int peer, int16_t key, int16_t version, void *response)
{
    size_t size = 0, wanted = 4;
    int32_t correlation;
    while (size < wanted) {
        uv_run(&f.loop, UV_RUN_NOWAIT);
        ssize_t got = recv(peer, heard + size, wanted - size, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            return false;
        size += got > 0 ? (size_t)got : 0;
        if (size == 4)
            wanted = 4 + load_u32(heard);
    }
    reader r = reader_of(slice_of(heard + 4, size - 4));
    const struct kafka_api *api = kafka_api_find(key);
    REQUIRE(kafka_decode_response_header(api, version, &r, &correlation, &arena) == 0);
    REQUIRE(kafka_decode(api->response, version, &r, response, &arena) == 0);
    return true;
}

/* ---- a producer ---- */

struct producer {
    int peer;
    int64_t id;
    int16_t epoch;
};

static int16_t begin(struct producer *producer)
{
    struct init_producer_id_request request = INIT_PRODUCER_ID_REQUEST_DEFAULTS;
    struct init_producer_id_response response;
    request.transactional_id = slice_of_text("t");
    request.transaction_timeout_ms = 60000;
    if (!say(producer->peer, API_INIT_KEY, 4, &request) || !hear(producer->peer, API_INIT_KEY, 4, &response))
        return CLOSED;
    producer->id = response.producer_id;
    producer->epoch = response.producer_epoch;
    return response.error_code;
}

static bool say_produce(const struct producer *producer, int32_t partition, int32_t sequence)
{
    struct batch_options options = BATCH_OPTIONS_PLAIN;
    struct batch_builder builder;
    writer batch;
    options.attributes = BATCH_TRANSACTIONAL;
    options.producer_id = producer->id;
    options.producer_epoch = producer->epoch;
    options.base_sequence = sequence;
    writer_init(&batch, &own, MEMORY_REQUESTS, 1 << 12);
    batch_builder_open(&builder, &batch, &options);
    batch_builder_add(&builder, 1, slice_of_text("k"), slice_of_text("v"));
    REQUIRE(batch_builder_close(&builder, NULL) == 0);
    struct produce_request_partition part = {.index = partition, .records = writer_slice(&batch)};
    struct produce_request_topic topic = {.name = slice_of_text("orders"), .partition_data = {&part, 1}};
    struct produce_request request = PRODUCE_REQUEST_DEFAULTS;
    request.transactional_id = slice_of_text("t");
    request.acks = -1;
    request.topic_data = (struct produce_request_topic_array){&topic, 1};
    bool is_sent = say(producer->peer, API_PRODUCE_KEY, PRODUCE_VERSION, &request);
    writer_close(&batch);
    return is_sent;
}

static int16_t hear_produced(const struct producer *producer, int64_t *offset)
{
    struct produce_response response;
    if (!hear(producer->peer, API_PRODUCE_KEY, PRODUCE_VERSION, &response))
        return CLOSED;
    const struct produce_response_partition *found = &response.responses.items[0].partition_responses.items[0];
    *offset = found->base_offset;
    return found->error_code;
}

static int16_t commit_offset(const struct producer *producer)
{
    struct txn_offset_commit_request_partition part = TXN_OFFSET_COMMIT_REQUEST_PARTITION_DEFAULTS;
    struct txn_offset_commit_request_topic topic = {.name = slice_of_text("orders"), .partitions = {&part, 1}};
    struct txn_offset_commit_request request = TXN_OFFSET_COMMIT_REQUEST_DEFAULTS;
    struct txn_offset_commit_response response;
    part.committed_offset = 1;
    part.committed_metadata = slice_of_text("mine");
    request.transactional_id = slice_of_text("t");
    request.group_id = slice_of_text("g");
    request.member_id = slice_of_text("");
    request.producer_id = producer->id;
    request.producer_epoch = producer->epoch;
    request.topics = (struct txn_offset_commit_request_topic_array){&topic, 1};
    if (!say(producer->peer, API_COMMIT_KEY, 5, &request) || !hear(producer->peer, API_COMMIT_KEY, 5, &response))
        return CLOSED;
    return response.topics.items[0].partitions.items[0].error_code;
}

static int16_t end(struct producer *producer)
{
    struct end_txn_request request = END_TXN_REQUEST_DEFAULTS;
    struct end_txn_response response;
    request.transactional_id = slice_of_text("t");
    request.producer_id = producer->id;
    request.producer_epoch = producer->epoch;
    request.committed = true;
    if (!say(producer->peer, API_END_KEY, 5, &request) || !hear(producer->peer, API_END_KEY, 5, &response))
        return CLOSED;
    return response.error_code;
}

/* ---- tests ---- */

static void batches_keep_their_order_while_the_first_one_joins(void)
{
    open_fixture();
    struct producer producer = {.peer = connect_peer()};
    REQUIRE(begin(&producer) == KAFKA_NONE);
    for (int32_t i = 0; i < 5; i++)
        REQUIRE(say_produce(&producer, 0, i));
    for (int32_t i = 0; i < 5; i++) {
        int64_t offset = -1;
        CHECK_EQUAL(hear_produced(&producer, &offset), KAFKA_NONE);
        CHECK_EQUAL(offset, i);
    }
    CHECK_EQUAL(end(&producer), KAFKA_NONE);
    close(producer.peer);
    close_fixture();
}

static void a_partition_that_goes_while_it_joins_takes_nothing(void)
{
    slice names[] = {slice_of_text("orders")};
    struct delete_topics_request request = {.topic_names = {names, 1}, .timeout_ms = 1000};
    struct delete_topics_response response;
    open_fixture();
    struct producer producer = {.peer = connect_peer()};
    int other = connect_peer();
    REQUIRE(begin(&producer) == KAFKA_NONE);
    REQUIRE(say_produce(&producer, 0, 0));
    REQUIRE(say(other, API_DELETE_KEY, 5, &request));
    int64_t offset = -1;
    int16_t error = hear_produced(&producer, &offset);
    CHECK(error == KAFKA_NONE || error == KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    REQUIRE(hear(other, API_DELETE_KEY, 5, &response));
    CHECK_EQUAL(response.responses.items[0].error_code, KAFKA_NONE);
    CHECK_EQUAL(end(&producer), KAFKA_NONE);
    close(producer.peer);
    close(other);
    close_fixture();
}

/* What is not answered has closed the connection; what was answered well has happened. */
static void any_allocation_may_fail(void)
{
    bool more = true;
    for (int64_t nth = 0; more; nth++) {
        open_fixture();
        struct producer producer = {.peer = connect_peer()};
        int64_t offset = -1;
        REQUIRE(begin(&producer) == KAFKA_NONE);
        const struct topic *topic = topics_find(&f.server.topics, slice_of_text("orders"));
        memory_fail_at(&f.memory, nth);
        int16_t produced = say_produce(&producer, 0, 0) ? hear_produced(&producer, &offset) : CLOSED;
        int16_t committed = produced != CLOSED ? commit_offset(&producer) : CLOSED;
        more = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        if (produced == KAFKA_NONE)
            CHECK_EQUAL(log_end_offset(topic_partition(topic, 0)->log), 1);
        if (committed == KAFKA_NONE)
            CHECK_EQUAL(end(&producer), KAFKA_NONE);
        close(producer.peer);
        close_fixture();
    }
}

SUITE("produce in a transaction", CHECK_TEST(batches_keep_their_order_while_the_first_one_joins),
      CHECK_TEST(a_partition_that_goes_while_it_joins_takes_nothing), CHECK_TEST(any_allocation_may_fail))
