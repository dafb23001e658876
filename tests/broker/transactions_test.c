/* Transactions on a simulated disk: whenever the power goes, they end as they were decided. */
#include "operations/transactions.h"

#include "batch_builder.h"
#include "check.h"
#include "container.h"
#include "operations/groups.h"
#include "operations/operations.h"
#include "server_fixture.h"
#include "simulated_disk.h"

#include <errno.h>

#define PARTITIONS 3

static struct server_fixture f;

static void open_server(void)
{
    static const char *const settings[] = {"furrow.clock.trusted=true", NULL};
    server_fixture_open(&f, settings);
    server_fixture_make_disk(&f, 1);
    REQUIRE(server_fixture_open_storage(&f) == 0);
}

static void close_server(void)
{
    CHECK(server_fixture_close(&f));
}

/* Until all is quiet that does not wait for a timer. */
static void settle(void)
{
    for (int i = 0; i < 3 || !operations_idle(&f.server); i++)
        uv_run(&f.loop, UV_RUN_NOWAIT);
}

static void restart(uint64_t seed)
{
    transaction_service_end_waits(f.server.transactions);
    settle();
    server_fixture_close_storage(&f);
    simulated_disk_power_cut(f.server.disk, seed);
    REQUIRE(server_fixture_open_storage(&f) == 0);
    settle();
}

/* ---- a producer ---- */

struct producer {
    struct transaction_init init;
    struct transaction_add add;
    struct transaction_end end;
    struct transaction_partition partitions[PARTITIONS];
    int answers;
};

static void on_answer(struct transaction_call *call)
{
    ((struct producer *)call->context)->answers++;
}

static void wait_for(struct producer *producer, int answers)
{
    while (producer->answers < answers)
        uv_run(&f.loop, UV_RUN_NOWAIT);
}

static void begin(struct producer *producer)
{
    *producer = (struct producer){.init = {.call = {.done = on_answer, .context = producer},
                                           .transactional_id = slice_of_text("t"),
                                           .timeout_ms = 60000,
                                           .producer_id = -1,
                                           .producer_epoch = -1}};
    transaction_service_init(f.server.transactions, &producer->init);
    wait_for(producer, 1);
    REQUIRE(producer->init.call.error == KAFKA_NONE);
}

static struct partition *partition_of(int32_t index)
{
    const struct topic *topic = topics_find(&f.server.topics, slice_of_text("orders"));
    REQUIRE(topic != NULL);
    return topic_partition(topic, index);
}

static enum kafka_error append(const struct producer *producer, int32_t partition)
{
    struct memory memory;
    struct batch_builder builder;
    writer w;
    memory_init(&memory);
    writer_init(&w, &memory, MEMORY_REQUESTS, 1 << 10);
    struct batch_options options = BATCH_OPTIONS_PLAIN;
    options.attributes = BATCH_TRANSACTIONAL;
    options.producer_id = producer->init.producer_id;
    options.producer_epoch = producer->init.producer_epoch;
    options.base_sequence = 0;
    batch_builder_open(&builder, &w, &options);
    batch_builder_add(&builder, 1700000000000, NULL_SLICE, slice_of_text("value"));
    REQUIRE(batch_builder_close(&builder, NULL) == 0);
    struct append_part part = {
        .partition = partition_of(partition), .batch = w.data, .size = w.size, .in_transaction = true};
    enum kafka_error error = server_fixture_append_batch(&f, &part, APPEND_ACKS_ALL, APPEND_FROM_CLIENT);
    writer_close(&w);
    return error;
}

/* A transaction that has a record in each partition; with_groups: and offsets, as far as the coordinator knows. */
static void fill(struct producer *producer, bool with_groups)
{
    for (int32_t i = 0; i < PARTITIONS; i++)
        producer->partitions[i] = (struct transaction_partition){.topic = slice_of_text("orders"), .partition = i};
    if (with_groups)
        producer->partitions[0] = (struct transaction_partition){.topic = slice_of_text(GROUPS_TOPIC)};
    producer->add = (struct transaction_add){.call = {.done = on_answer, .context = producer},
                                             .transactional_id = slice_of_text("t"),
                                             .producer_id = producer->init.producer_id,
                                             .producer_epoch = producer->init.producer_epoch,
                                             .partitions = producer->partitions,
                                             .count = PARTITIONS};
    transaction_service_add(f.server.transactions, &producer->add);
    wait_for(producer, 2);
    REQUIRE(producer->add.call.error == KAFKA_NONE);
    for (int32_t i = with_groups; i < PARTITIONS; i++)
        REQUIRE(append(producer, i) == KAFKA_NONE);
}

static void start_end(struct producer *producer, bool commits, enum transaction_protocol protocol)
{
    producer->end = (struct transaction_end){.call = {.done = on_answer, .context = producer},
                                             .transactional_id = slice_of_text("t"),
                                             .producer_id = producer->init.producer_id,
                                             .producer_epoch = producer->init.producer_epoch,
                                             .commits = commits,
                                             .protocol = protocol};
    transaction_service_end(f.server.transactions, &producer->end);
}

static enum transaction_state state_now(void)
{
    const struct transaction *transaction =
        transaction_coordinator_find(transaction_service_coordinator(f.server.transactions), slice_of_text("t"));
    REQUIRE(transaction != NULL);
    return transaction_values(transaction)->state;
}

/* Of all partitions together. */
static int count_open(void)
{
    int open = 0;
    for (int32_t i = 0; i < PARTITIONS; i++) {
        const struct log *log = partition_of(i)->log;
        REQUIRE(log != NULL && !log_is_offline(log));
        open += log_stable_end_offset(log) != log_end_offset(log);
    }
    return open;
}

static void make_topic(void)
{
    struct topic *topic;
    REQUIRE(server_fixture_create_topic(&f, "orders", PARTITIONS, NULL, &topic) == 0);
}

/* ---- tests ---- */

static void a_transaction_ends_in_all_its_partitions(void)
{
    struct producer producer;
    open_server();
    make_topic();
    begin(&producer);
    fill(&producer, true);
    CHECK_EQUAL(count_open(), PARTITIONS - 1);
    start_end(&producer, true, TRANSACTION_EPOCHS);
    wait_for(&producer, 3);
    CHECK_EQUAL(producer.end.call.error, KAFKA_NONE);
    settle();
    CHECK_EQUAL(state_now(), TRANSACTION_COMPLETE_COMMIT);
    CHECK_EQUAL(count_open(), 0);
    server_fixture_close_storage(&f);
    close_server();
}

static uint64_t count_syncs(void)
{
    return simulated_disk_calls_of(f.server.disk, SIMULATED_SYNC) +
           simulated_disk_calls_of(f.server.disk, SIMULATED_SYNC_ALL);
}

static void an_end_costs_a_sync_for_the_decision_and_one_for_the_markers(void)
{
    struct producer producer;
    open_server();
    make_topic();
    begin(&producer);
    producer.partitions[0] = (struct transaction_partition){.topic = slice_of_text("orders"), .partition = 0};
    producer.add = (struct transaction_add){.call = {.done = on_answer, .context = &producer},
                                            .transactional_id = slice_of_text("t"),
                                            .producer_id = producer.init.producer_id,
                                            .producer_epoch = producer.init.producer_epoch,
                                            .partitions = producer.partitions,
                                            .count = 1};
    transaction_service_add(f.server.transactions, &producer.add);
    wait_for(&producer, 2);
    REQUIRE(append(&producer, 0) == KAFKA_NONE);
    settle();
    uint64_t syncs = count_syncs();
    start_end(&producer, true, TRANSACTION_CLASSIC);
    wait_for(&producer, 3);
    settle();
    CHECK_EQUAL(state_now(), TRANSACTION_COMPLETE_COMMIT);
    CHECK_EQUAL(count_syncs() - syncs, 2);
    server_fixture_close_storage(&f);
    close_server();
}

/* The power goes in the n-th call to the disk after EndTxn came. True: it went before all was done. */
static bool cut_at(int64_t nth, bool commits, enum transaction_protocol protocol)
{
    struct producer producer;
    open_server();
    make_topic();
    begin(&producer);
    fill(&producer, nth % 2 == 0);
    settle();
    simulated_disk_stop_at(f.server.disk, nth);
    start_end(&producer, commits, protocol);
    settle();
    bool was_cut = simulated_disk_is_stopped(f.server.disk);
    bool was_told = producer.answers == 3 && producer.end.call.error == KAFKA_NONE;
    restart((uint64_t)nth + 1);
    enum transaction_state state = state_now();
    bool is_complete = state == (commits ? TRANSACTION_COMPLETE_COMMIT : TRANSACTION_COMPLETE_ABORT);
    CHECK(is_complete || (state == TRANSACTION_ONGOING && !was_told));
    CHECK(is_complete ? count_open() == 0 : count_open() > 0);
    /* And once more: what was ended stays so. */
    restart((uint64_t)nth + 1000);
    CHECK_EQUAL(state_now(), state);
    server_fixture_close_storage(&f);
    close_server();
    return was_cut;
}

static void whenever_the_power_goes_a_transaction_ends_as_it_was_decided(void)
{
    for (int i = 0; i < 4; i++) {
        int64_t nth = 0;
        while (cut_at(nth, i % 2 == 0, i / 2 == 0 ? TRANSACTION_EPOCHS : TRANSACTION_CLASSIC))
            nth++;
        CHECK(nth > 4);
    }
}

static void a_marker_that_cannot_be_written_is_tried_again(void)
{
    struct producer producer;
    open_server();
    make_topic();
    begin(&producer);
    fill(&producer, false);
    settle();
    simulated_disk_fail_call_at(f.server.disk, SIMULATED_WRITE, 1, -ENOSPC);
    start_end(&producer, true, TRANSACTION_CLASSIC);
    wait_for(&producer, 3);
    CHECK_EQUAL(producer.end.call.error, KAFKA_NONE);
    settle();
    CHECK_EQUAL(state_now(), TRANSACTION_PREPARE_COMMIT);
    CHECK_EQUAL(count_open(), 1);
    CHECK_EQUAL(server_fixture_logged(&f, "to be tried again"), 1);
    for (int i = 0; i < 100 && state_now() == TRANSACTION_PREPARE_COMMIT; i++)
        server_fixture_run_ms(&f, 20);
    settle();
    CHECK_EQUAL(state_now(), TRANSACTION_COMPLETE_COMMIT);
    CHECK_EQUAL(count_open(), 0);
    server_fixture_close_storage(&f);
    close_server();
}

static void a_partition_that_is_gone_needs_no_marker(void)
{
    struct producer producer;
    open_server();
    make_topic();
    begin(&producer);
    fill(&producer, false);
    settle();
    struct topic *topic = topics_find(&f.server.topics, slice_of_text("orders"));
    topics_remove(&f.server.topics, topic);
    start_end(&producer, true, TRANSACTION_CLASSIC);
    wait_for(&producer, 3);
    settle();
    CHECK_EQUAL(state_now(), TRANSACTION_COMPLETE_COMMIT);
    server_fixture_close_storage(&f);
    close_server();
}

static void with_their_topic_all_transactional_ids_are_gone(void)
{
    struct producer producer;
    open_server();
    make_topic();
    begin(&producer);
    transaction_service_forget_topic(f.server.transactions, slice_of_text("orders"));
    CHECK_EQUAL(transaction_coordinator_count(transaction_service_coordinator(f.server.transactions)), 1);
    transaction_service_forget_topic(f.server.transactions, slice_of_text(TRANSACTIONS_TOPIC));
    CHECK_EQUAL(transaction_coordinator_count(transaction_service_coordinator(f.server.transactions)), 0);
    server_fixture_close_storage(&f);
    close_server();
}

static void write_record_of_kafka(struct partition *partition, int64_t producer_id, const char *id)
{
    struct memory memory;
    struct batch_builder builder;
    writer w;
    memory_init(&memory);
    writer_init(&w, &memory, MEMORY_REQUESTS, 1 << 10);
    batch_builder_open(&builder, &w, &BATCH_OPTIONS_PLAIN);
    struct transaction_values values = {.producer_id = producer_id, .timeout_ms = 60000, .started_at = -1};
    struct transaction_partitions none = TRANSACTION_PARTITIONS_NONE;
    REQUIRE(transaction_records_add(&builder, 1700000000000, slice_of_text(id), &values, &none) == 0);
    REQUIRE(batch_builder_close(&builder, NULL) == 0);
    struct append_part part = {.partition = partition, .batch = w.data, .size = w.size};
    CHECK_EQUAL(server_fixture_append_batch(&f, &part, APPEND_ACKS_ALL, APPEND_FROM_COORDINATOR), KAFKA_NONE);
    writer_close(&w);
}

static int64_t producer_id_of(const char *id)
{
    const struct transaction *transaction =
        transaction_coordinator_find(transaction_service_coordinator(f.server.transactions), slice_of_text(id));
    return transaction != NULL ? transaction_values(transaction)->producer_id : -1;
}

static void the_partitions_of_a_log_that_kafka_made_are_read_before_the_one_that_is_written(void)
{
    struct producer producer;
    struct topic *topic;
    open_server();
    REQUIRE(server_fixture_create_topic(&f, TRANSACTIONS_TOPIC, 3, NULL, &topic) == 0);
    write_record_of_kafka(topic_partition(topic, 2), 7000, "old");
    write_record_of_kafka(topic_partition(topic, 1), 8000, "t");
    begin(&producer);
    CHECK(producer.init.producer_id != 8000);
    restart(1);
    CHECK_EQUAL(producer_id_of("old"), 7000);
    CHECK_EQUAL(producer_id_of("t"), producer.init.producer_id);
    server_fixture_close_storage(&f);
    close_server();
}

/* Whatever fails is told to come again, and does; the decision is never lost. */
static void every_allocation_may_fail_once(void)
{
    bool is_over = false;
    for (int nth = 0; !is_over; nth++) {
        struct producer producer;
        open_server();
        make_topic();
        begin(&producer);
        fill(&producer, true);
        settle();
        memory_fail_at(&f.memory, nth);
        start_end(&producer, true, TRANSACTION_CLASSIC);
        wait_for(&producer, 3);
        bool was_told = producer.end.call.error == KAFKA_NONE;
        for (int i = 0; i < 100 && was_told && state_now() != TRANSACTION_COMPLETE_COMMIT; i++) {
            settle();
            if (state_now() != TRANSACTION_COMPLETE_COMMIT)
                server_fixture_run_ms(&f, 20);
        }
        is_over = memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        CHECK(was_told || producer.end.call.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
        CHECK_EQUAL(state_now(), was_told ? TRANSACTION_COMPLETE_COMMIT : TRANSACTION_ONGOING);
        CHECK_EQUAL(count_open(), was_told ? 0 : PARTITIONS - 1);
        settle();
        server_fixture_close_storage(&f);
        close_server();
    }
}

SUITE("transactions", CHECK_TEST(a_transaction_ends_in_all_its_partitions),
      CHECK_TEST(an_end_costs_a_sync_for_the_decision_and_one_for_the_markers),
      CHECK_TEST(whenever_the_power_goes_a_transaction_ends_as_it_was_decided),
      CHECK_TEST(a_marker_that_cannot_be_written_is_tried_again), CHECK_TEST(a_partition_that_is_gone_needs_no_marker),
      CHECK_TEST(with_their_topic_all_transactional_ids_are_gone),
      CHECK_TEST(the_partitions_of_a_log_that_kafka_made_are_read_before_the_one_that_is_written),
      CHECK_TEST(every_allocation_may_fail_once))
