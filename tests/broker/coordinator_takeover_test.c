/* Folders of coordinators' logs that were Apache Kafka's, with many partitions, on a simulated disk. */
#include "operations/coordinator_takeover.h"

#include "check.h"
#include "group/group_records.h"
#include "log_trim.h"
#include "operations/groups.h"
#include "operations/operations.h"
#include "operations/transactions.h"
#include "server_fixture.h"
#include "simulated_disk.h"
#include "transaction_marker.h"

#include <errno.h>

#define PARTITIONS 4
#define WALL       server_now(&f.server)
#define EPOCH      5 /* of Kafka's coordinator of transactions: a leader epoch of that partition */
#define PRODUCER   77

static struct server_fixture f;

/* ---- the server ---- */

static void settle(void)
{
    for (int i = 0; i < 3 || !operations_idle(&f.server); i++)
        uv_run(&f.loop, UV_RUN_NOWAIT);
}

static void close_storage(void)
{
    transaction_service_end_waits(f.server.transactions);
    settle();
    server_fixture_close_storage(&f);
}

static void restart(void)
{
    close_storage();
    simulated_disk_power_cut(f.server.disk, 1);
    REQUIRE(server_fixture_open_storage(&f) == 0);
    settle();
}

/* With what a test cannot have written by this server's log. */
static void stop_kafka(void)
{
    static const char epochs[] = "0\n1\n5 1\n"; /* behind the record of write_state */
    close_storage();
    REQUIRE(disk_replace_file(f.server.disk, TRANSACTIONS_TOPIC "-3/leader-epoch-checkpoint", slice_of_text(epochs),
                              NULL) == 0);
    REQUIRE(disk_sync_folder(f.server.disk, TRANSACTIONS_TOPIC "-3", NULL) == 0);
}

static void take_over(void)
{
    stop_kafka();
    simulated_disk_power_cut(f.server.disk, 1);
    REQUIRE(server_fixture_open_storage(&f) == 0);
    settle();
}

static struct partition *partition_of(const char *topic, int32_t index)
{
    const struct topic *found = topics_find(&f.server.topics, slice_of_text(topic));
    REQUIRE(found != NULL);
    return topic_partition(found, index);
}

static void open_server(void)
{
    static const char *const settings[] = {"furrow.clock.trusted=true", NULL};
    struct topic *topic;
    server_fixture_open(&f, settings);
    server_fixture_make_disk(&f, 1);
    REQUIRE(server_fixture_open_storage(&f) == 0);
    REQUIRE(server_fixture_create_topic(&f, "orders", 1, NULL, &topic) == 0);
    struct topic_config config;
    topic_config_init(&config, f.server.config);
    config.log.segment_bytes = 1 << 20;
    REQUIRE(server_fixture_create_topic(&f, GROUPS_TOPIC, PARTITIONS, &config, &topic) == 0);
    topic_config_close(&config, &f.memory);
    REQUIRE(server_fixture_create_topic(&f, TRANSACTIONS_TOPIC, PARTITIONS, NULL, &topic) == 0);
}

static void close_server(void)
{
    close_storage();
    CHECK(server_fixture_close(&f));
}

/* ---- what Kafka has written ---- */

static void append(struct partition *partition, writer *w)
{
    struct append_part part = {.partition = partition, .batch = w->data, .size = w->size};
    CHECK_EQUAL(server_fixture_append_batch(&f, &part, APPEND_ACKS_ALL, APPEND_FROM_COORDINATOR), KAFKA_NONE);
    writer_close(w);
}

static enum kafka_error append_record(struct partition *partition, slice key, slice value)
{
    struct memory memory;
    struct batch_builder builder;
    writer w;
    memory_init(&memory);
    writer_init(&w, &memory, MEMORY_REQUESTS, 1 << 20);
    batch_builder_open(&builder, &w, &BATCH_OPTIONS_PLAIN);
    batch_builder_add(&builder, WALL, key, value);
    REQUIRE(batch_builder_close(&builder, NULL) == 0);
    struct append_part part = {.partition = partition, .batch = w.data, .size = w.size};
    enum kafka_error error = server_fixture_append_batch(&f, &part, APPEND_ACKS_ALL, APPEND_FROM_COORDINATOR);
    writer_close(&w);
    return error;
}

/* producer -1: of no transaction; offset -1: a tombstone. */
static void write_offset(int32_t partition, int64_t producer, const char *group, int64_t offset)
{
    struct memory memory;
    struct batch_builder builder;
    writer w;
    struct batch_options options = BATCH_OPTIONS_PLAIN;
    if (producer >= 0) {
        options.attributes = BATCH_TRANSACTIONAL;
        options.producer_id = producer;
        options.producer_epoch = 3;
        options.base_sequence = 0;
    }
    memory_init(&memory);
    writer_init(&w, &memory, MEMORY_REQUESTS, 1 << 10);
    batch_builder_open(&builder, &w, &options);
    struct committed_offset value = {.offset = offset, .committed_at = WALL, .leader_epoch = -1};
    int rc = group_records_add_offset(&builder, WALL, slice_of_text(group), slice_of_text("orders"), UUID_ZERO, 0,
                                      offset >= 0 ? &value : NULL);
    REQUIRE(rc == 0);
    REQUIRE(batch_builder_close(&builder, NULL) == 0);
    append(partition_of(GROUPS_TOPIC, partition), &w);
}

static void write_marker(int32_t partition, int64_t producer, bool commits)
{
    struct memory memory;
    writer w;
    struct transaction_marker marker = {
        .producer_id = producer, .producer_epoch = 3, .coordinator_epoch = EPOCH, .commit = commits, .timestamp = WALL};
    memory_init(&memory);
    writer_init(&w, &memory, MEMORY_REQUESTS, 1 << 10);
    transaction_marker_write(&marker, &w);
    append(partition_of(GROUPS_TOPIC, partition), &w);
}

/* That "t" has the groups' partition 2 in a transaction. */
static void write_state(enum transaction_state state)
{
    struct memory memory;
    struct batch_builder builder;
    writer w;
    struct transaction_partitions partitions = TRANSACTION_PARTITIONS_NONE;
    struct transaction_values values = {.producer_id = PRODUCER,
                                        .previous_producer_id = -1,
                                        .next_producer_id = -1,
                                        .producer_epoch = 3,
                                        .last_producer_epoch = -1,
                                        .timeout_ms = 60000,
                                        .state = state,
                                        .started_at = WALL,
                                        .updated_at = WALL};
    memory_init(&memory);
    REQUIRE(transaction_partitions_add(&partitions, &memory, slice_of_text(GROUPS_TOPIC), 2) == 0);
    writer_init(&w, &memory, MEMORY_REQUESTS, 1 << 10);
    batch_builder_open(&builder, &w, &BATCH_OPTIONS_PLAIN);
    REQUIRE(transaction_records_add(&builder, WALL, slice_of_text("t"), &values, &partitions) == 0);
    REQUIRE(batch_builder_close(&builder, NULL) == 0);
    append(partition_of(TRANSACTIONS_TOPIC, 3), &w);
    transaction_partitions_close(&partitions, &memory);
}

/* ---- looking ---- */

static const struct committed_offsets *offsets_of(const char *group)
{
    const struct group *found =
        group_coordinator_find(group_service_coordinator(f.server.groups), slice_of_text(group));
    return found != NULL ? group_offsets(found) : NULL;
}

static int64_t offset_of(const char *group)
{
    const struct committed_offsets *offsets = offsets_of(group);
    const struct committed_offset *offset =
        offsets != NULL ? committed_offsets_find(offsets, slice_of_text("orders"), 0) : NULL;
    return offset != NULL ? offset->offset : -1;
}

static bool is_undecided(const char *group)
{
    const struct committed_offsets *offsets = offsets_of(group);
    return offsets != NULL && committed_offsets_is_pending(offsets, slice_of_text("orders"), 0);
}

static int has_open(void *context, const struct log_producer *producer)
{
    (void)context;
    return producer->transaction_start >= 0;
}

static bool all_others_are_empty(const char *topic)
{
    bool is_empty = topics_find(&f.server.topics, slice_of_text(topic))->partition_count == PARTITIONS;
    for (int32_t i = 1; i < PARTITIONS; i++) {
        const struct log *log = partition_of(topic, i)->log;
        is_empty = is_empty && log_start_offset(log) == log_end_offset(log) && log_is_start_saved(log) &&
                   log_list_producers(log, has_open, NULL) == 0;
    }
    return is_empty;
}

/* ---- tests ---- */

static void what_the_partitions_hold_is_carried_into_the_first(void)
{
    open_server();
    write_offset(2, -1, "kafka's", 4);
    write_offset(2, -1, "kafka's", 5);
    write_offset(1, -1, "gone", 8);
    write_offset(1, -1, "gone", -1);
    write_offset(1, -1, "both", 6);
    write_offset(0, -1, "both", 7);
    write_offset(3, -1, "deleted", 9);
    write_offset(0, -1, "deleted", -1);
    int64_t end = log_end_offset(partition_of(GROUPS_TOPIC, 0)->log);
    for (int i = 0; i < 2; i++) {
        restart();
        CHECK_EQUAL(offset_of("kafka's"), 5);
        CHECK_EQUAL(offset_of("both"), 7);
        CHECK_EQUAL(offset_of("gone"), -1);
        CHECK_EQUAL(offset_of("deleted"), -1);
        CHECK(all_others_are_empty(GROUPS_TOPIC));
        CHECK_EQUAL(log_end_offset(partition_of(GROUPS_TOPIC, 0)->log), end + 1);
    }
    close_server();
}

/* More than fits one batch, and a segment. */
static void large_records_are_carried_too(void)
{
    enum { COUNT = 12, BYTES = 250 << 10 };
    static uint8_t value[BYTES];
    char key[] = "0, a key that no coordinator knows";
    open_server();
    for (int i = 0; i < COUNT; i++) {
        key[0] = (char)('a' + i);
        CHECK_EQUAL(append_record(partition_of(GROUPS_TOPIC, 1 + i % 3), slice_of_text(key), slice_of(value, BYTES)),
                    KAFKA_NONE);
    }
    restart();
    CHECK(all_others_are_empty(GROUPS_TOPIC));
    CHECK_EQUAL(log_end_offset(partition_of(GROUPS_TOPIC, 0)->log), COUNT);
    CHECK(log_bytes(partition_of(GROUPS_TOPIC, 0)->log) > COUNT * BYTES);
    close_server();
}

static void nothing_is_written_where_the_others_are_empty(void)
{
    open_server();
    write_offset(0, -1, "group", 7);
    restart();
    CHECK_EQUAL(server_fixture_logged(&f, "carried into partition 0"), 0);
    CHECK_EQUAL(log_end_offset(partition_of(GROUPS_TOPIC, 0)->log), 1);
    CHECK_EQUAL(offset_of("group"), 7);
    close_server();
}

static void a_transaction_that_has_ended_there_counts_as_it_did(void)
{
    open_server();
    write_offset(2, -1, "committed", 1);
    write_offset(2, -1, "aborted", 1);
    write_offset(2, -1, "later", 1);
    write_offset(2, PRODUCER, "committed", 2);
    write_offset(2, PRODUCER + 1, "aborted", 2);
    write_offset(2, PRODUCER, "later", 2);
    write_offset(2, -1, "later", 3);
    write_marker(2, PRODUCER, true);
    write_marker(2, PRODUCER + 1, false);
    for (int i = 0; i < 2; i++) {
        restart();
        CHECK_EQUAL(offset_of("committed"), 2);
        CHECK_EQUAL(offset_of("aborted"), 1);
        CHECK_EQUAL(offset_of("later"), 3);
        CHECK(!is_undecided("committed") && !is_undecided("aborted") && !is_undecided("later"));
    }
    close_server();
}

struct ending {
    struct transaction_end end;
    bool is_done;
};

static void on_ended(struct transaction_call *call)
{
    ((struct ending *)call->context)->is_done = true;
}

static void end_transaction(bool commits)
{
    struct ending ending = {.end = {.call = {.done = on_ended, .context = &ending},
                                    .transactional_id = slice_of_text("t"),
                                    .producer_id = PRODUCER,
                                    .producer_epoch = 3,
                                    .commits = commits,
                                    .protocol = TRANSACTION_CLASSIC}};
    transaction_service_end(f.server.transactions, &ending.end);
    while (!ending.is_done)
        uv_run(&f.loop, UV_RUN_NOWAIT);
    CHECK_EQUAL(ending.end.call.error, KAFKA_NONE);
    settle();
}

/* The old marker in the first partition is of another transaction of that producer, by a coordinator whose epoch those
 * that come now must not fall behind. */
static void write_open(enum transaction_state state)
{
    write_offset(0, PRODUCER, "old", 1);
    write_marker(0, PRODUCER, true);
    write_offset(2, -1, "group", 4);
    write_offset(2, PRODUCER, "group", 5);
    write_offset(2, PRODUCER, "overtaken", 5);
    write_offset(2, -1, "overtaken", 6);
    if (state != TRANSACTION_EMPTY)
        write_state(state);
}

static void an_open_transaction_goes_on_in_the_first_partition(void)
{
    for (int commits = 0; commits <= 1; commits++) {
        open_server();
        write_open(TRANSACTION_ONGOING);
        take_over();
        for (int i = 0; i < 2; i++) {
            CHECK_EQUAL(offset_of("group"), 4);
            CHECK(is_undecided("group"));
            CHECK(!is_undecided("overtaken"));
            CHECK(all_others_are_empty(GROUPS_TOPIC) && all_others_are_empty(TRANSACTIONS_TOPIC));
            CHECK_EQUAL(transaction_service_verify(f.server.transactions, slice_of_text("t"), PRODUCER, 3,
                                                   slice_of_text(GROUPS_TOPIC), 0),
                        KAFKA_NONE);
            restart();
        }
        end_transaction(commits != 0);
        for (int i = 0; i < 2; i++) {
            CHECK_EQUAL(offset_of("group"), commits != 0 ? 5 : 4);
            CHECK_EQUAL(offset_of("overtaken"), 6);
            CHECK(!is_undecided("group"));
            const struct log *log = partition_of(GROUPS_TOPIC, 0)->log;
            CHECK_EQUAL(log_stable_end_offset(log), log_end_offset(log));
            restart();
        }
        close_server();
    }
}

static void a_transaction_ends_as_it_was_decided_or_is_aborted(void)
{
    static const struct {
        enum transaction_state state;
        int64_t offset;
    } cases[] = {{TRANSACTION_PREPARE_COMMIT, 5}, {TRANSACTION_PREPARE_ABORT, 4}, {TRANSACTION_EMPTY, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        open_server();
        write_open(cases[i].state);
        take_over();
        for (int again = 0; again < 2; again++) {
            CHECK_EQUAL(offset_of("group"), cases[i].offset);
            CHECK_EQUAL(offset_of("overtaken"), 6);
            CHECK(!is_undecided("group"));
            restart();
        }
        close_server();
    }
}

static void on_begun(struct transaction_call *call)
{
    *(bool *)call->context = true;
}

static void new_producers_get_no_id_that_kafka_gave_out(void)
{
    bool is_done = false;
    struct transaction_init init = {.call = {.done = on_begun, .context = &is_done},
                                    .transactional_id = slice_of_text("new"),
                                    .timeout_ms = 60000,
                                    .producer_id = -1,
                                    .producer_epoch = -1};
    open_server();
    write_open(TRANSACTION_ONGOING);
    take_over();
    transaction_service_init(f.server.transactions, &init);
    while (!is_done)
        uv_run(&f.loop, UV_RUN_NOWAIT);
    CHECK_EQUAL(init.call.error, KAFKA_NONE);
    CHECK(init.producer_id > PRODUCER);
    close_server();
}

/* What every start that is not disturbed finds, whatever happened to those before. */
static void check_taken_over(void)
{
    CHECK_EQUAL(offset_of("one"), 11);
    CHECK_EQUAL(offset_of("three"), 13);
    CHECK_EQUAL(offset_of("gone"), -1);
    CHECK_EQUAL(offset_of("group"), 5);
    CHECK_EQUAL(offset_of("overtaken"), 6);
    CHECK_EQUAL(offset_of("old"), 1);
    CHECK(!is_undecided("group"));
    CHECK(all_others_are_empty(GROUPS_TOPIC) && all_others_are_empty(TRANSACTIONS_TOPIC));
}

static void write_all(void)
{
    write_offset(1, -1, "one", 11);
    write_offset(3, -1, "three", 13);
    write_offset(3, -1, "gone", 13);
    write_offset(3, -1, "gone", -1);
    write_open(TRANSACTION_PREPARE_COMMIT);
    stop_kafka();
}

static void a_power_cut_at_any_step_is_made_good_by_the_next_start(void)
{
    bool is_over = false;
    for (int64_t nth = 0; !is_over; nth++) {
        open_server();
        write_all();
        simulated_disk_stop_at(f.server.disk, nth);
        if (server_fixture_open_storage(&f) == 0) {
            settle();
            is_over = !simulated_disk_is_stopped(f.server.disk);
            close_storage();
        }
        simulated_disk_power_cut(f.server.disk, (uint64_t)nth);
        REQUIRE(server_fixture_open_storage(&f) == 0);
        settle();
        check_taken_over();
        restart();
        check_taken_over();
        close_server();
    }
}

/* One that fails leaves the groups without service, or the server unopened, and what is there to the next start. */
static void a_failing_disk_call_or_allocation_loses_nothing(void)
{
    bool is_over = false;
    for (int64_t nth = 0; !is_over; nth++) {
        open_server();
        write_all();
        bool fails_memory = nth % 2 == 0;
        if (fails_memory)
            memory_fail_at(&f.memory, (int)(nth / 2));
        else
            simulated_disk_fail_at(f.server.disk, nth / 2, nth % 4 == 1 ? -EIO : -ENOSPC);
        int rc = server_fixture_open_storage(&f);
        is_over = fails_memory ? memory_fail_pending(&f.memory) : simulated_disk_fail_pending(f.server.disk);
        memory_fail_at(&f.memory, -1);
        simulated_disk_fail_at(f.server.disk, -1, 0);
        if (rc == 0) {
            if (offsets_of("one") != NULL)
                CHECK(all_others_are_empty(GROUPS_TOPIC));
            close_storage();
        }
        simulated_disk_power_cut(f.server.disk, (uint64_t)nth);
        REQUIRE(server_fixture_open_storage(&f) == 0);
        settle();
        check_taken_over();
        close_server();
    }
}

SUITE("taking over a coordinator's log", CHECK_TEST(what_the_partitions_hold_is_carried_into_the_first),
      CHECK_TEST(large_records_are_carried_too), CHECK_TEST(nothing_is_written_where_the_others_are_empty),
      CHECK_TEST(a_transaction_that_has_ended_there_counts_as_it_did),
      CHECK_TEST(an_open_transaction_goes_on_in_the_first_partition),
      CHECK_TEST(a_transaction_ends_as_it_was_decided_or_is_aborted),
      CHECK_TEST(new_producers_get_no_id_that_kafka_gave_out),
      CHECK_TEST(a_power_cut_at_any_step_is_made_good_by_the_next_start),
      CHECK_TEST(a_failing_disk_call_or_allocation_loses_nothing))
