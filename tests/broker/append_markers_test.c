#include "operations/append_markers.h"

#include "check.h"
#include "container.h"
#include "operations_fixture.h"
#include "simulated_disk.h"
#include "transaction_marker.h"

#include <errno.h>

static struct operations_fixture f;

static void open_partitions(int32_t partitions)
{
    struct topic_config config = fixture_topic_config();
    REQUIRE(operations_fixture_open(&f, partitions, &config) == 0);
}

struct noted {
    struct marker_append markers;
    struct marker_part parts[4];
    bool is_done;
};

static void on_done(struct marker_append *markers)
{
    CONTAINER_OF(markers, struct noted, markers)->is_done = true;
}

static void init(struct noted *noted, int32_t partitions, int16_t epoch, bool commits)
{
    *noted = (struct noted){.markers = {.producer_id = 7,
                                        .producer_epoch = epoch,
                                        .coordinator_epoch = 3,
                                        .commits = commits,
                                        .parts = noted->parts,
                                        .count = partitions,
                                        .done = on_done}};
    for (int32_t i = 0; i < partitions; i++)
        noted->parts[i].partition = fixture_partition(&f, i);
}

static void run(struct noted *noted)
{
    append_markers_start(f.operations.appends, &noted->markers);
    CHECK(!noted->is_done);
    fixture_run_until(&f, &noted->is_done);
}

/* A batch of a transaction that was verified by whoever called. */
static enum kafka_error append_data(int32_t partition, int16_t epoch, int32_t sequence)
{
    struct fixture_append append;
    fixture_append_init(&f, &append, APPEND_ACKS_ALL);
    fixture_append_add(&f, &append, partition,
                       fixture_make_batch(&f, &(struct fixture_batch){.records = 2,
                                                                      .attributes = BATCH_TRANSACTIONAL,
                                                                      .idempotent = true,
                                                                      .producer_id = 7,
                                                                      .epoch = epoch,
                                                                      .sequence = sequence}));
    append.parts[0].in_transaction = true;
    fixture_append_run(&f, &append);
    return append.parts[0].error;
}

static struct transaction_marker read_marker(int32_t partition, int64_t offset)
{
    struct fixture_read read;
    struct batch_header header;
    struct transaction_marker marker = {0};
    uint8_t bytes[TRANSACTION_MARKER_SIZE];
    size_t got = 0;
    fixture_read_init(&f, &read);
    fixture_read_add(&f, &read, partition, offset);
    fixture_read_run(&f, &read);
    const struct log_read *found = read.parts[0].read;
    CHECK(found != NULL);
    if (found == NULL)
        return marker;
    REQUIRE(file_read(found->file, bytes, sizeof bytes, found->position, &got, NULL) == 0 && got == sizeof bytes);
    REQUIRE(batch_parse_header(slice_of(bytes, got), &header, NULL) == 0);
    CHECK_EQUAL(header.base_offset, offset);
    CHECK(batch_crc_matches(slice_of(bytes, got), &header));
    CHECK_EQUAL(transaction_marker_parse(slice_of(bytes, got), &header, &marker), 0);
    read_release(&read.request);
    return marker;
}

static void each_partition_gets_its_marker_on_the_disk(void)
{
    struct noted noted;
    open_partitions(3);
    for (int32_t i = 0; i < 3; i++) {
        CHECK_EQUAL(append_data(i, 0, 0), KAFKA_NONE);
        CHECK_EQUAL(log_stable_end_offset(fixture_partition(&f, i)->log), 0);
    }
    init(&noted, 3, 0, true);
    noted.parts[1] = (struct marker_part){.error = KAFKA_UNKNOWN_TOPIC_OR_PARTITION};
    run(&noted);
    CHECK_EQUAL(noted.parts[1].error, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    CHECK_EQUAL(log_end_offset(fixture_partition(&f, 1)->log), 2);
    for (int32_t i = 0; i < 3; i += 2) {
        const struct log *log = fixture_partition(&f, i)->log;
        CHECK_EQUAL(noted.parts[i].error, KAFKA_NONE);
        CHECK_EQUAL(log_synced_end_offset(log), 3);
        CHECK_EQUAL(log_stable_end_offset(log), 3);
        struct transaction_marker marker = read_marker(i, 2);
        CHECK(marker.commit && marker.producer_id == 7 && marker.producer_epoch == 0 && marker.coordinator_epoch == 3);
        CHECK_EQUAL(marker.timestamp, FIXTURE_NOW);
    }
    CHECK(operations_fixture_close(&f));
}

static void a_marker_stands_behind_what_was_queued_before_it(void)
{
    struct noted noted;
    struct fixture_append before, after;
    open_partitions(1);
    CHECK_EQUAL(append_data(0, 0, 0), KAFKA_NONE);
    fixture_append_init(&f, &before, APPEND_ACKS_LEADER);
    fixture_append_add(&f, &before, 0, fixture_make_batch(&f, &(struct fixture_batch){.records = 4}));
    fixture_append_init(&f, &after, APPEND_ACKS_LEADER);
    fixture_append_add(&f, &after, 0, fixture_make_batch(&f, &(struct fixture_batch){.records = 1}));
    init(&noted, 1, 0, false);
    append_start(f.operations.appends, &before.request);
    append_markers_start(f.operations.appends, &noted.markers);
    fixture_append_run(&f, &after);
    fixture_run_until(&f, &noted.is_done);
    CHECK_EQUAL(before.parts[0].base_offset, 2);
    CHECK_EQUAL(after.parts[0].base_offset, 7);
    CHECK(!read_marker(0, 6).commit);
    CHECK(operations_fixture_close(&f));
}

static void an_older_epoch_ends_nothing(void)
{
    struct noted noted;
    open_partitions(1);
    CHECK_EQUAL(append_data(0, 5, 0), KAFKA_NONE);
    init(&noted, 1, 4, true);
    run(&noted);
    CHECK_EQUAL(noted.parts[0].error, KAFKA_INVALID_PRODUCER_EPOCH);
    CHECK_EQUAL(log_end_offset(fixture_partition(&f, 0)->log), 2);
    CHECK_EQUAL(log_stable_end_offset(fixture_partition(&f, 0)->log), 0);
    CHECK(operations_fixture_close(&f));
}

static void after_a_marker_of_a_newer_epoch_the_older_one_is_refused(void)
{
    struct noted noted;
    open_partitions(1);
    CHECK_EQUAL(append_data(0, 0, 0), KAFKA_NONE);
    init(&noted, 1, 1, false);
    run(&noted);
    CHECK_EQUAL(noted.parts[0].error, KAFKA_NONE);
    CHECK_EQUAL(append_data(0, 0, 2), KAFKA_INVALID_PRODUCER_EPOCH);
    CHECK_EQUAL(append_data(0, 1, 0), KAFKA_NONE);
    CHECK(operations_fixture_close(&f));
}

static void an_older_coordinator_ends_nothing(void)
{
    struct noted noted;
    open_partitions(1);
    init(&noted, 1, 0, true);
    run(&noted);
    CHECK_EQUAL(noted.parts[0].error, KAFKA_NONE);
    CHECK_EQUAL(append_data(0, 0, 0), KAFKA_NONE);
    init(&noted, 1, 0, true);
    noted.markers.coordinator_epoch = 2;
    run(&noted);
    CHECK_EQUAL(noted.parts[0].error, KAFKA_TRANSACTION_COORDINATOR_FENCED);
    CHECK_EQUAL(log_stable_end_offset(fixture_partition(&f, 0)->log), 1);
    CHECK(operations_fixture_close(&f));
}

static void while_its_transaction_is_open_a_producer_writes_nothing_else(void)
{
    struct fixture_batch outside = {.idempotent = true, .producer_id = 7, .sequence = 2};
    struct noted noted;
    open_partitions(1);
    CHECK_EQUAL(append_data(0, 0, 0), KAFKA_NONE);
    CHECK_EQUAL(fixture_append_one(&f, &outside).error, KAFKA_INVALID_TXN_STATE);
    init(&noted, 1, 0, true);
    run(&noted);
    CHECK_EQUAL(fixture_append_one(&f, &outside).error, KAFKA_NONE);
    CHECK(operations_fixture_close(&f));
}

static void a_small_limit_of_the_topic_stops_no_marker(void)
{
    struct noted noted;
    struct topic_config config = fixture_topic_config();
    config.max_message_bytes = 10;
    REQUIRE(operations_fixture_open(&f, 1, &config) == 0);
    init(&noted, 1, 0, true);
    run(&noted);
    CHECK_EQUAL(noted.parts[0].error, KAFKA_NONE);
    CHECK(operations_fixture_close(&f));
}

static void a_failed_write_fails_the_marker_and_the_next_one_works(void)
{
    struct noted noted;
    open_partitions(1);
    CHECK_EQUAL(append_data(0, 0, 0), KAFKA_NONE);
    init(&noted, 1, 0, true);
    simulated_disk_fail_at(f.disk, 0, -EIO);
    run(&noted);
    CHECK_EQUAL(noted.parts[0].error, KAFKA_KAFKA_STORAGE_ERROR);
    CHECK_EQUAL(log_stable_end_offset(fixture_partition(&f, 0)->log), 0);
    init(&noted, 1, 0, true);
    run(&noted);
    CHECK_EQUAL(noted.parts[0].error, KAFKA_NONE);
    CHECK_EQUAL(log_stable_end_offset(fixture_partition(&f, 0)->log), 3);
    CHECK(operations_fixture_close(&f));
}

static void any_allocation_may_fail(void)
{
    bool failed_once = false;
    bool more = true;
    for (int64_t nth = 0; more; nth++) {
        struct noted noted;
        open_partitions(2);
        CHECK_EQUAL(append_data(0, 0, 0), KAFKA_NONE);
        init(&noted, 2, 0, true);
        memory_fail_at(&f.memory, nth);
        run(&noted);
        more = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        bool is_ended = log_stable_end_offset(fixture_partition(&f, 0)->log) == 3;
        CHECK(is_ended || noted.parts[0].error != KAFKA_NONE);
        failed_once = failed_once || !is_ended;
        CHECK(operations_fixture_close(&f));
    }
    CHECK(failed_once);
}

SUITE("append markers", CHECK_TEST(each_partition_gets_its_marker_on_the_disk),
      CHECK_TEST(a_marker_stands_behind_what_was_queued_before_it), CHECK_TEST(an_older_epoch_ends_nothing),
      CHECK_TEST(after_a_marker_of_a_newer_epoch_the_older_one_is_refused),
      CHECK_TEST(an_older_coordinator_ends_nothing),
      CHECK_TEST(while_its_transaction_is_open_a_producer_writes_nothing_else),
      CHECK_TEST(a_small_limit_of_the_topic_stops_no_marker),
      CHECK_TEST(a_failed_write_fails_the_marker_and_the_next_one_works), CHECK_TEST(any_allocation_may_fail))
