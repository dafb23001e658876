#include "batch_iterator.h"
#include "check.h"
#include "container.h"
#include "operations_fixture.h"
#include "simulated_disk.h"

#include <errno.h>

static struct operations_fixture f;

static void open_with(const struct topic_config *config, int32_t partitions)
{
    REQUIRE(operations_fixture_open(&f, partitions, config) == 0);
}

static void open_default(int32_t partitions)
{
    struct topic_config config = fixture_topic_config();
    open_with(&config, partitions);
}

static void close_all(void)
{
    CHECK(operations_fixture_close(&f));
}

/* The batch at `offset` as it stands in the log, in the fixture's arena. */
static slice read_back(int32_t partition, int64_t offset)
{
    struct fixture_read read;
    fixture_read_init(&f, &read);
    fixture_read_add(&f, &read, partition, offset);
    fixture_read_run(&f, &read);
    REQUIRE(read.parts[0].error == KAFKA_NONE);
    REQUIRE(read.parts[0].read != NULL);
    const struct log_read *found = read.parts[0].read;
    uint8_t *bytes = arena_alloc(&f.arena, found->bytes);
    size_t got = 0;
    REQUIRE(bytes != NULL && file_read(found->file, bytes, found->bytes, found->position, &got, NULL) == 0);
    CHECK_EQUAL(got, found->bytes);
    read_release(&read.request);
    return slice_of(bytes, got);
}

static struct batch_header header_of(slice batch)
{
    struct batch_header header;
    REQUIRE(batch_parse_header(batch, &header, NULL) == 0);
    CHECK(batch_crc_matches(slice_of(batch.data, batch_size(&header)), &header));
    return header;
}

static void offsets_follow_the_order_of_the_requests(void)
{
    open_default(1);
    for (int i = 0; i < 5; i++) {
        struct append_part part = fixture_append_one(&f, &(struct fixture_batch){.records = 3});
        CHECK_EQUAL(part.error, KAFKA_NONE);
        CHECK_EQUAL(part.base_offset, 3 * i);
        CHECK_EQUAL(part.log_start, 0);
        CHECK_EQUAL(part.log_append_time, -1);
    }
    CHECK_EQUAL(log_end_offset(fixture_partition(&f, 0)->log), 15);
    close_all();
}

/* A log's first append syncs its epoch checkpoint too. */
static void append_first(void)
{
    struct fixture_append first;
    fixture_append_init(&f, &first, APPEND_ACKS_ALL);
    fixture_append_add(&f, &first, 0, fixture_make_batch(&f, &(struct fixture_batch){0}));
    fixture_append_run(&f, &first);
    CHECK_EQUAL(first.parts[0].base_offset, 0);
}

static void what_one_turn_brings_shares_a_write(void)
{
    open_default(1);
    append_first();
    struct fixture_append appends[10];
    for (int i = 0; i < 10; i++) {
        fixture_append_init(&f, &appends[i], APPEND_ACKS_ALL);
        fixture_append_add(&f, &appends[i], 0, fixture_make_batch(&f, &(struct fixture_batch){0}));
        append_start(f.operations.appends, &appends[i].request);
    }
    uint64_t writes = simulated_disk_calls_of(f.disk, SIMULATED_WRITE);
    uint64_t syncs = simulated_disk_calls_of(f.disk, SIMULATED_SYNC);
    fixture_run_until(&f, &appends[9].is_done);
    for (int i = 0; i < 10; i++) {
        CHECK(appends[i].is_done);
        CHECK_EQUAL(appends[i].parts[0].base_offset, 1 + i);
    }
    CHECK(simulated_disk_calls_of(f.disk, SIMULATED_WRITE) - writes <= 2);
    CHECK_EQUAL(simulated_disk_calls_of(f.disk, SIMULATED_SYNC) - syncs, 1);
    close_all();
}

static void only_acks_all_waits_for_the_disk(void)
{
    open_default(1);
    uint64_t syncs = simulated_disk_calls_of(f.disk, SIMULATED_SYNC);
    (void)fixture_append_one(&f, &(struct fixture_batch){0});
    CHECK_EQUAL(simulated_disk_calls_of(f.disk, SIMULATED_SYNC), syncs);
    CHECK(log_unsynced_bytes(fixture_partition(&f, 0)->log) != 0);
    struct fixture_append append;
    fixture_append_init(&f, &append, APPEND_ACKS_ALL);
    fixture_append_add(&f, &append, 0, fixture_make_batch(&f, &(struct fixture_batch){0}));
    fixture_append_run(&f, &append);
    CHECK_EQUAL(log_unsynced_bytes(fixture_partition(&f, 0)->log), 0);
    CHECK_EQUAL(log_synced_end_offset(fixture_partition(&f, 0)->log), 2);
    close_all();
}

static void what_is_written_is_visible_and_holds_nobody_up_while_it_is_synced(void)
{
    open_default(1);
    append_first();
    const struct log *log = fixture_partition(&f, 0)->log;
    writer_thread_set_sync_delay(f.writer, 100);
    struct fixture_append all, later;
    fixture_append_init(&f, &all, APPEND_ACKS_ALL);
    fixture_append_add(&f, &all, 0, fixture_make_batch(&f, &(struct fixture_batch){0}));
    append_start(f.operations.appends, &all.request);
    while (log_end_offset(log) < 2)
        uv_run(&f.loop, UV_RUN_ONCE);
    CHECK(!all.is_done);
    CHECK(read_back(0, 1).size != 0);
    CHECK_EQUAL(fixture_append_one(&f, &(struct fixture_batch){0}).base_offset, 2);
    CHECK(!all.is_done);
    CHECK_EQUAL(log_synced_end_offset(log), 1);

    /* What came meanwhile is not promised by that sync, but by the next. */
    fixture_append_init(&f, &later, APPEND_ACKS_ALL);
    fixture_append_add(&f, &later, 0, fixture_make_batch(&f, &(struct fixture_batch){0}));
    append_start(f.operations.appends, &later.request);
    fixture_run_until(&f, &all.is_done);
    CHECK(!later.is_done);
    CHECK_EQUAL(log_synced_end_offset(log), 2);
    fixture_run_until(&f, &later.is_done);
    CHECK_EQUAL(log_synced_end_offset(log), 4);
    close_all();
}

static void who_completes_flush_messages_waits_for_the_disk(void)
{
    struct topic_config config = fixture_topic_config();
    config.flush_messages = 5;
    open_with(&config, 1);
    const struct log *log = fixture_partition(&f, 0)->log;
    static const int64_t synced[] = {0, 0, 6, 6, 6, 12, 12};
    for (size_t i = 0; i < sizeof synced / sizeof synced[0]; i++) {
        (void)fixture_append_one(&f, &(struct fixture_batch){.records = 2});
        CHECK_EQUAL(log_synced_end_offset(log), synced[i]);
    }
    close_all();
}

static void one_request_reaches_many_partitions(void)
{
    open_default(3);
    struct fixture_append append;
    fixture_append_init(&f, &append, APPEND_ACKS_ALL);
    for (int32_t i = 0; i < 3; i++)
        fixture_append_add(&f, &append, i, fixture_make_batch(&f, &(struct fixture_batch){.records = i + 1}));
    fixture_append_add(&f, &append, 1, fixture_make_batch(&f, &(struct fixture_batch){0}));
    fixture_append_run(&f, &append);
    for (int32_t i = 0; i < 3; i++)
        CHECK_EQUAL(append.parts[i].base_offset, 0);
    CHECK_EQUAL(append.parts[3].base_offset, 2);
    close_all();
}

/* As Kafka: an error of a whole batch's records does. */
static bool tells_log_start(enum kafka_error error)
{
    return error == KAFKA_INVALID_RECORD || error == KAFKA_INVALID_TIMESTAMP ||
           error == KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER || error == KAFKA_INVALID_PRODUCER_EPOCH ||
           error == KAFKA_INVALID_TXN_STATE;
}

static enum kafka_error error_of(const struct fixture_batch *what)
{
    struct append_part part = fixture_append_one(&f, what);
    if (part.error != KAFKA_NONE) {
        CHECK_EQUAL(part.base_offset, -1);
        CHECK_EQUAL(part.log_start, tells_log_start(part.error) ? 0 : -1);
    }
    return part.error;
}

static enum kafka_error error_of_bytes(slice bytes, bool refuse_zstd)
{
    struct fixture_append append;
    fixture_append_init(&f, &append, APPEND_ACKS_LEADER);
    append.request.refuse_zstd = refuse_zstd;
    fixture_append_add(&f, &append, 0, bytes);
    fixture_append_run(&f, &append);
    return append.parts[0].error;
}

/* What is not one whole batch is refused before the log is asked. */
static void check_not_whole(slice bytes)
{
    struct fixture_append append;
    fixture_append_init(&f, &append, APPEND_ACKS_LEADER);
    fixture_append_add(&f, &append, 0, bytes);
    fixture_append_run(&f, &append);
    CHECK_EQUAL(append.parts[0].error, KAFKA_INVALID_RECORD);
    CHECK_EQUAL(append.parts[0].log_start, -1);
}

static void what_clients_must_not_write_is_refused(void)
{
    open_default(1);
    CHECK_EQUAL(error_of(&(struct fixture_batch){.attributes = BATCH_CONTROL}), KAFKA_INVALID_RECORD);
    CHECK_EQUAL(error_of(&(struct fixture_batch){.attributes = BATCH_LOG_APPEND_TIME}), KAFKA_INVALID_TIMESTAMP);
    CHECK_EQUAL(error_of(&(struct fixture_batch){.attributes = BATCH_TRANSACTIONAL, .idempotent = true}),
                KAFKA_INVALID_TXN_STATE);
    CHECK_EQUAL(error_of(&(struct fixture_batch){.attributes = BATCH_TRANSACTIONAL}), KAFKA_INVALID_RECORD);
    CHECK_EQUAL(error_of(&(struct fixture_batch){.size = 1 << 20, .records = 2}), KAFKA_MESSAGE_TOO_LARGE);
    CHECK_EQUAL(error_of_bytes(NULL_SLICE, false), KAFKA_INVALID_RECORD);
    CHECK_EQUAL(log_end_offset(fixture_partition(&f, 0)->log), 0);
    close_all();
}

static void damaged_batches_are_refused(void)
{
    open_default(1);
    slice batch = fixture_make_batch(&f, &(struct fixture_batch){.records = 3});
    uint8_t *bytes = (uint8_t *)(uintptr_t)batch.data;
    bytes[70] ^= 1;
    CHECK_EQUAL(error_of_bytes(batch, false), KAFKA_CORRUPT_MESSAGE);
    bytes[70] ^= 1;
    check_not_whole(slice_of(batch.data, batch.size - 1));
    check_not_whole(slice_of(batch.data, 40));
    check_not_whole(slice_of(batch.data, 10));
    bytes[16] = 1;
    CHECK_EQUAL(error_of_bytes(batch, false), KAFKA_INVALID_RECORD); /* Kafka's answer to an old magic from v3 on */
    bytes[16] = 2;
    bytes[7] = 5;
    CHECK_EQUAL(error_of_bytes(batch, false), KAFKA_INVALID_RECORD); /* base offset 5 */
    bytes[7] = 0;
    CHECK_EQUAL(error_of_bytes(batch, false), KAFKA_NONE);
    close_all();
}

static void two_batches_for_a_partition_are_refused(void)
{
    open_default(1);
    slice batch = fixture_make_batch(&f, &(struct fixture_batch){0});
    uint8_t *two = arena_alloc(&f.arena, 2 * batch.size);
    memcpy(two, batch.data, batch.size);
    memcpy(two + batch.size, batch.data, batch.size);
    check_not_whole(slice_of(two, 2 * batch.size));
    close_all();
}

static void zstd_needs_a_client_that_knows_it(void)
{
    open_default(1);
    const struct fixture_batch zstd = {.codec = CODEC_ZSTD}, lz4 = {.codec = CODEC_LZ4};
    CHECK_EQUAL(error_of_bytes(fixture_make_batch(&f, &zstd), true), KAFKA_UNSUPPORTED_COMPRESSION_TYPE);
    CHECK_EQUAL(error_of_bytes(fixture_make_batch(&f, &zstd), false), KAFKA_NONE);
    CHECK_EQUAL(error_of_bytes(fixture_make_batch(&f, &lz4), true), KAFKA_NONE);
    close_all();
}

static void a_compacted_topic_names_the_records_without_keys(void)
{
    struct topic_config config = fixture_topic_config();
    config.keys_required = true;
    open_with(&config, 1);
    for (enum codec codec = CODEC_NONE; codec < CODECS; codec++) {
        struct append_part part = fixture_append_one(&f, &(struct fixture_batch){.records = 3, .codec = codec});
        CHECK_EQUAL(part.error, KAFKA_INVALID_RECORD);
        REQUIRE(part.record_error_count == 3);
        for (int32_t i = 0; i < 3; i++) {
            CHECK_EQUAL(part.record_errors[i].index, i);
            CHECK(!slice_is_null(part.record_errors[i].words));
        }
        CHECK(!slice_is_null(part.words));
        CHECK_EQUAL(error_of(&(struct fixture_batch){.records = 3, .codec = codec, .has_key = true}), KAFKA_NONE);
    }
    close_all();
}

static void timestamps_outside_the_limits_are_refused(void)
{
    struct topic_config config = fixture_topic_config();
    config.timestamp_before_max_ms = 1000;
    config.timestamp_after_max_ms = 2000;
    open_with(&config, 1);
    for (enum codec codec = CODEC_NONE; codec <= CODEC_GZIP; codec++) {
        CHECK_EQUAL(error_of(&(struct fixture_batch){.codec = codec, .timestamp = FIXTURE_NOW - 1000}), KAFKA_NONE);
        CHECK_EQUAL(error_of(&(struct fixture_batch){.codec = codec, .timestamp = FIXTURE_NOW - 1001}),
                    KAFKA_INVALID_TIMESTAMP);
        CHECK_EQUAL(error_of(&(struct fixture_batch){.codec = codec, .timestamp = FIXTURE_NOW + 2000}), KAFKA_NONE);
        struct append_part part = fixture_append_one(
            &f, &(struct fixture_batch){.records = 3, .codec = codec, .timestamp = FIXTURE_NOW + 1999});
        CHECK_EQUAL(part.error, KAFKA_INVALID_TIMESTAMP);
        REQUIRE(part.record_error_count == 1);
        CHECK_EQUAL(part.record_errors[0].index, 2);
        CHECK_EQUAL(error_of(&(struct fixture_batch){.codec = codec, .timestamp = BATCH_NO_TIMESTAMP}), KAFKA_NONE);
    }
    close_all();
}

static void append_time_is_stamped(void)
{
    struct topic_config config = fixture_topic_config();
    config.log_append_time = true;
    open_with(&config, 1);
    f.now = FIXTURE_NOW + 5000;
    struct append_part part = fixture_append_one(&f, &(struct fixture_batch){.timestamp = FIXTURE_NOW - 999999999});
    CHECK_EQUAL(part.error, KAFKA_NONE);
    CHECK_EQUAL(part.log_append_time, FIXTURE_NOW + 5000);
    struct batch_header header = header_of(read_back(0, 0));
    CHECK(batch_is_log_append_time(&header));
    CHECK_EQUAL(header.max_timestamp, FIXTURE_NOW + 5000);
    close_all();
}

static void a_wrong_maximum_is_set_right(void)
{
    open_default(1);
    slice batch = fixture_make_batch(&f, &(struct fixture_batch){.records = 4});
    batch_stamp_max_timestamp((uint8_t *)(uintptr_t)batch.data, batch.size, 12345);
    CHECK_EQUAL(error_of_bytes(batch, false), KAFKA_NONE);
    CHECK_EQUAL(header_of(read_back(0, 0)).max_timestamp, FIXTURE_NOW + 3);
    close_all();
}

static int32_t count_records(slice batch, int64_t first_timestamp)
{
    struct batch_iterator it;
    struct record record;
    int32_t count = 0;
    REQUIRE(batch_iterator_open(&it, batch, &f.memory, 1 << 20, NULL) == 0);
    while (batch_iterator_next(&it, &record, NULL) == 1) {
        CHECK_EQUAL(record.offset, it.header.base_offset + count);
        CHECK_EQUAL(record.timestamp, first_timestamp + count);
        CHECK_EQUAL(record.value.size, 10);
        count++;
    }
    batch_iterator_close(&it);
    return count;
}

static void a_topic_with_a_codec_of_its_own_stores_that_one(void)
{
    for (enum codec wanted = CODEC_NONE; wanted < CODECS; wanted++) {
        struct topic_config config = fixture_topic_config();
        config.recompress = true;
        config.codec = wanted;
        config.compression_level = codec_default_level(wanted);
        open_with(&config, 1);
        int64_t offset = 0;
        for (enum codec sent = CODEC_NONE; sent < CODECS; sent++, offset += 50) {
            CHECK_EQUAL(error_of(&(struct fixture_batch){.records = 50, .codec = sent}), KAFKA_NONE);
            slice batch = read_back(0, offset);
            struct batch_header header = header_of(batch);
            CHECK_EQUAL(batch_codec(&header), wanted);
            CHECK_EQUAL(header.base_offset, offset);
            CHECK_EQUAL(header.max_timestamp, FIXTURE_NOW + 49);
            CHECK_EQUAL(count_records(slice_of(batch.data, batch_size(&header)), FIXTURE_NOW), 50);
        }
        close_all();
    }
}

/* A few kilobytes may stand for megabytes; a small machine does not have them. */
static void what_a_batch_becomes_is_a_share_of_the_memory(void)
{
    static const struct fixture_batch large = {.records = 100, .size = 10000, .codec = CODEC_GZIP};
    struct topic_config config = fixture_topic_config();
    config.recompress = true;
    config.codec = CODEC_LZ4;
    open_with(&config, 1);
    CHECK_EQUAL(error_of(&large), KAFKA_NONE);
    f.operations.memory_limit = (size_t)8 << 20;
    CHECK_EQUAL(error_of(&large), KAFKA_MESSAGE_TOO_LARGE);
    CHECK_EQUAL(error_of(&(struct fixture_batch){.records = 10, .size = 10000, .codec = CODEC_GZIP}), KAFKA_NONE);
    f.operations.memory_limit = 0;
    CHECK_EQUAL(error_of(&(struct fixture_batch){.records = 10, .size = 10000}), KAFKA_NONE);
    close_all();
}

/* A producer's batches must reach the log in order, whichever of them must be opened first. */
static void order_is_kept_behind_a_batch_that_is_made_anew(void)
{
    struct topic_config config = fixture_topic_config();
    config.recompress = true;
    config.codec = CODEC_GZIP;
    config.compression_level = -1;
    open_with(&config, 1);
    struct fixture_append appends[8];
    for (int i = 0; i < 8; i++) {
        struct fixture_batch what = {.codec = i % 2 == 0 ? CODEC_LZ4 : CODEC_GZIP,
                                     .records = 2,
                                     .idempotent = true,
                                     .producer_id = 5,
                                     .sequence = 2 * i};
        fixture_append_init(&f, &appends[i], APPEND_ACKS_LEADER);
        fixture_append_add(&f, &appends[i], 0, fixture_make_batch(&f, &what));
        append_start(f.operations.appends, &appends[i].request);
    }
    for (int i = 0; i < 8; i++) {
        fixture_run_until(&f, &appends[i].is_done);
        CHECK_EQUAL(appends[i].parts[0].error, KAFKA_NONE);
        CHECK_EQUAL(appends[i].parts[0].base_offset, 2 * i);
    }
    close_all();
}

static void a_batch_sent_twice_is_written_once(void)
{
    open_default(1);
    struct fixture_batch what = {.records = 3, .idempotent = true, .producer_id = 7};
    CHECK_EQUAL(fixture_append_one(&f, &what).base_offset, 0);
    (void)fixture_append_one(&f, &(struct fixture_batch){0});
    struct append_part again = fixture_append_one(&f, &what);
    CHECK_EQUAL(again.error, KAFKA_NONE);
    CHECK_EQUAL(again.base_offset, 0);
    CHECK_EQUAL(log_end_offset(fixture_partition(&f, 0)->log), 4);
    what.sequence = 9;
    CHECK_EQUAL(error_of(&what), KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER);
    what.sequence = 0;
    what.epoch = 1;
    CHECK_EQUAL(error_of(&what), KAFKA_NONE);
    what.epoch = 0;
    CHECK_EQUAL(error_of(&what), KAFKA_INVALID_PRODUCER_EPOCH);
    close_all();
}

/* A producer asks again where the answer was lost with a server that was killed: the batch is there, and not synced. */
static void a_batch_sent_twice_is_on_the_disk_when_acks_all_is_answered(void)
{
    open_default(1);
    struct log *log = fixture_partition(&f, 0)->log;
    struct fixture_batch what = {.records = 3, .idempotent = true, .producer_id = 7};
    for (int i = 0; i < 2; i++) {
        struct fixture_append append;
        fixture_append_init(&f, &append, i == 0 ? APPEND_ACKS_LEADER : APPEND_ACKS_ALL);
        fixture_append_add(&f, &append, 0, fixture_make_batch(&f, &what));
        fixture_append_run(&f, &append);
        CHECK_EQUAL(append.parts[0].error, KAFKA_NONE);
        CHECK_EQUAL(append.parts[0].base_offset, 0);
        CHECK_EQUAL(log_synced_end_offset(log), i == 0 ? 0 : 3);
    }
    CHECK_EQUAL(log_end_offset(log), 3);
    close_all();
}

static void a_failed_write_fails_what_it_took_and_the_next_one_works(void)
{
    open_default(1);
    (void)fixture_append_one(&f, &(struct fixture_batch){0});
    simulated_disk_fail_call_at(f.disk, SIMULATED_WRITE, 0, -ENOSPC);
    CHECK_EQUAL(error_of(&(struct fixture_batch){0}), KAFKA_KAFKA_STORAGE_ERROR);
    CHECK_EQUAL(fixture_append_one(&f, &(struct fixture_batch){0}).base_offset, 1);
    close_all();
}

static void a_failed_sync_takes_the_partition_offline(void)
{
    open_default(1);
    append_first();
    struct fixture_append append;
    fixture_append_init(&f, &append, APPEND_ACKS_ALL);
    fixture_append_add(&f, &append, 0, fixture_make_batch(&f, &(struct fixture_batch){0}));
    simulated_disk_fail_call_at(f.disk, SIMULATED_SYNC, 0, -EIO);
    fixture_append_run(&f, &append);
    CHECK_EQUAL(append.parts[0].error, KAFKA_KAFKA_STORAGE_ERROR);
    CHECK_EQUAL(error_of(&(struct fixture_batch){0}), KAFKA_KAFKA_STORAGE_ERROR);
    close_all();
}

/* The sync cannot begin its work: nothing is lost, and the producer's second try finds its batch. */
static void a_sync_that_finds_no_room_is_tried_again_by_the_producer(void)
{
    open_default(1);
    struct log *log = fixture_partition(&f, 0)->log;
    struct fixture_batch what = {.records = 3, .idempotent = true, .producer_id = 7};
    for (int i = 0; i < 2; i++) {
        struct fixture_append append;
        fixture_append_init(&f, &append, APPEND_ACKS_ALL);
        fixture_append_add(&f, &append, 0, fixture_make_batch(&f, &what));
        if (i == 0) /* the first is of the batch, the second of the leader epochs' file */
            simulated_disk_fail_call_at(f.disk, SIMULATED_WRITE, 1, -ENOSPC);
        fixture_append_run(&f, &append);
        CHECK_EQUAL(append.parts[0].error, i == 0 ? KAFKA_KAFKA_STORAGE_ERROR : KAFKA_NONE);
        CHECK_EQUAL(append.parts[0].base_offset, i == 0 ? -1 : 0);
        CHECK_EQUAL(log_synced_end_offset(log), i == 0 ? 0 : 3);
    }
    CHECK_EQUAL(log_end_offset(log), 3);
    close_all();
}

static void note_done(struct append_request *request)
{
    *(bool *)request->context = true;
}

static void an_awaited_sync_that_cannot_begin_leaves_nothing_behind(void)
{
    int answered[2] = {0, 0};
    for (int64_t nth = 0; nth < 12; nth++) {
        open_default(1);
        struct fixture_append append;
        fixture_append_init(&f, &append, APPEND_ACKS_LEADER);
        fixture_append_add(&f, &append, 0, fixture_make_batch(&f, &(struct fixture_batch){.records = 2}));
        fixture_append_run(&f, &append);
        bool is_done = false;
        struct append_part part = {.partition = fixture_partition(&f, 0), .base_offset = 2};
        struct append_request request = {
            .parts = &part, .part_count = 1, .arena = &f.arena, .done = note_done, .context = &is_done};
        memory_fail_at(&f.memory, nth);
        append_start_sync(f.operations.appends, &request);
        fixture_run_until(&f, &is_done);
        memory_fail_at(&f.memory, -1);
        CHECK(part.error != KAFKA_NONE || log_synced_end_offset(part.partition->log) == 2);
        CHECK(append_service_idle(f.operations.appends));
        answered[part.error == KAFKA_NONE]++;
        close_all();
    }
    CHECK(answered[0] > 0 && answered[1] > 0);
}

static struct {
    struct append_request request;
    struct append_part part;
    bool is_done;
} second_sync;

static void note_second_done(struct append_request *request)
{
    (void)request;
    second_sync.is_done = true;
}

static void ask_for_a_sync(struct append_request *request)
{
    ((struct fixture_append *)request->context)->is_done = true;
    second_sync.part = (struct append_part){.partition = fixture_partition(&f, 0), .base_offset = INT64_MAX};
    second_sync.request = (struct append_request){
        .parts = &second_sync.part, .part_count = 1, .arena = &f.arena, .done = note_second_done};
    second_sync.is_done = false;
    append_start_sync(f.operations.appends, &second_sync.request);
}

/* Of a batch that is refused as it is to be written, and of one that is written. */
static void a_result_may_ask_for_a_sync(void)
{
    open_default(1);
    for (int32_t sequence = 0; sequence <= 7; sequence += 7) {
        struct fixture_batch what = {.idempotent = true, .producer_id = 1, .sequence = sequence};
        for (int acks = APPEND_ACKS_LEADER; acks <= APPEND_ACKS_ALL; acks++) {
            struct fixture_append append;
            fixture_append_init(&f, &append, (enum append_acks)acks);
            append.request.done = ask_for_a_sync;
            append.request.context = &append;
            fixture_append_add(&f, &append, 0, fixture_make_batch(&f, &what));
            fixture_append_run(&f, &append);
            fixture_run_until(&f, &second_sync.is_done);
            CHECK_EQUAL(append.parts[0].error, sequence == 0 ? KAFKA_NONE : KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER);
            CHECK_EQUAL(log_synced_end_offset(fixture_partition(&f, 0)->log), 1);
            CHECK(append_service_idle(f.operations.appends));
        }
    }
    close_all();
}

static void a_topic_deleted_meanwhile_takes_nothing(void)
{
    open_default(1);
    struct fixture_append append;
    fixture_append_init(&f, &append, APPEND_ACKS_LEADER);
    fixture_append_add(&f, &append, 0, fixture_make_batch(&f, &(struct fixture_batch){0}));
    append_start(f.operations.appends, &append.request);
    topics_remove(&f.topics, f.topic);
    fixture_run_until(&f, &append.is_done);
    CHECK_EQUAL(append.parts[0].error, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    CHECK(append_service_idle(f.operations.appends));
    close_all();
}

static void remove_topic(struct append_request *request)
{
    struct fixture_append *append = CONTAINER_OF(request, struct fixture_append, request);
    topics_remove(&f.topics, f.topic);
    append->is_done = true;
}

/* The topic goes while the second partition's write is under way. */
static void a_write_that_fails_on_a_deleted_topic_finds_no_topic(void)
{
    open_default(2);
    struct fixture_append first, appends[2];
    fixture_append_init(&f, &first, APPEND_ACKS_LEADER);
    for (int32_t i = 0; i < 2; i++)
        fixture_append_add(&f, &first, i, fixture_make_batch(&f, &(struct fixture_batch){0}));
    fixture_append_run(&f, &first);
    for (int32_t i = 0; i < 2; i++) {
        fixture_append_init(&f, &appends[i], APPEND_ACKS_LEADER);
        fixture_append_add(&f, &appends[i], i, fixture_make_batch(&f, &(struct fixture_batch){0}));
        append_start(f.operations.appends, &appends[i].request);
    }
    appends[0].request.done = remove_topic;
    simulated_disk_fail_call_at(f.disk, SIMULATED_WRITE, 1, -ENOENT);
    fixture_run_until(&f, &appends[1].is_done);
    CHECK_EQUAL(appends[0].parts[0].error, KAFKA_NONE);
    CHECK_EQUAL(appends[1].parts[0].error, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    close_all();
}

static void parts_that_failed_before_are_passed_over(void)
{
    open_default(1);
    struct fixture_append append;
    fixture_append_init(&f, &append, APPEND_ACKS_LEADER);
    append.request.part_count = 1;
    append.parts[0].error = KAFKA_UNKNOWN_TOPIC_ID;
    append_start(f.operations.appends, &append.request);
    CHECK(!append.is_done); /* never from within */
    fixture_run_until(&f, &append.is_done);
    CHECK_EQUAL(append.parts[0].error, KAFKA_UNKNOWN_TOPIC_ID);
    close_all();
}

/* Appends with every way of looking into a batch; each either succeeds or says that it failed. */
static void append_some(int32_t *succeeded)
{
    const struct fixture_batch batches[] = {
        {.has_key = true, .records = 2},
        {.has_key = true, .codec = CODEC_LZ4},
        {.records = 2, .codec = CODEC_ZSTD},
        {.records = 2},
    };
    for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++) {
        struct append_part part = fixture_append_one(&f, &batches[i]);
        if (part.error == KAFKA_NONE)
            *succeeded += batches[i].records != 0 ? batches[i].records : 1;
    }
}

static void any_allocation_may_fail(void)
{
    struct topic_config config = fixture_topic_config();
    config.keys_required = true;
    config.recompress = true;
    config.codec = CODEC_GZIP;
    config.compression_level = -1;
    bool more = true;
    for (int64_t nth = 0; more; nth++) {
        open_with(&config, 1);
        for (int i = 0; i < 4; i++)
            REQUIRE(arena_alloc(&f.arena, 65536) != NULL); /* batches of the test come from what is there */
        int32_t succeeded = 0;
        memory_fail_at(&f.memory, nth);
        append_some(&succeeded);
        more = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        CHECK_EQUAL(log_end_offset(fixture_partition(&f, 0)->log), succeeded);
        close_all();
    }
}

struct noted_roll {
    struct append_roll roll;
    bool is_done;
    int status;
};

static void on_rolled(struct append_roll *roll, int status)
{
    struct noted_roll *noted = CONTAINER_OF(roll, struct noted_roll, roll);
    noted->is_done = true;
    noted->status = status;
}

static void a_roll_comes_between_two_writes(void)
{
    open_default(1);
    append_first();
    struct fixture_append before, behind;
    fixture_append_init(&f, &before, APPEND_ACKS_LEADER);
    fixture_append_add(&f, &before, 0, fixture_make_batch(&f, &(struct fixture_batch){.records = 2}));
    append_start(f.operations.appends, &before.request);
    uv_run(f.operations.loop, UV_RUN_NOWAIT); /* it is being written */
    struct noted_roll roll = {.roll = {.partition = fixture_partition(&f, 0), .done = on_rolled}};
    struct noted_roll another = roll;
    append_roll_start(f.operations.appends, &roll.roll);
    append_roll_start(f.operations.appends, &another.roll);
    CHECK(another.is_done && another.status == -EBUSY);
    fixture_append_init(&f, &behind, APPEND_ACKS_ALL);
    fixture_append_add(&f, &behind, 0, fixture_make_batch(&f, &(struct fixture_batch){.records = 3}));
    fixture_append_run(&f, &behind);
    fixture_run_until(&f, &roll.is_done);
    CHECK(before.is_done && before.parts[0].base_offset == 1);
    CHECK_EQUAL(roll.status, 0);
    CHECK_EQUAL(behind.parts[0].base_offset, 3);
    CHECK_EQUAL(log_active_base(fixture_partition(&f, 0)->log), 3);
    CHECK_EQUAL(log_end_offset(fixture_partition(&f, 0)->log), 6);
    close_all();
}

static void a_roll_that_fails_takes_no_batch_along(void)
{
    open_default(1);
    append_first();
    struct noted_roll roll = {.roll = {.partition = fixture_partition(&f, 0), .done = on_rolled}};
    simulated_disk_fail_at(f.disk, 0, -EIO);
    append_roll_start(f.operations.appends, &roll.roll);
    fixture_run_until(&f, &roll.is_done);
    CHECK_EQUAL(roll.status, -EIO);
    CHECK_EQUAL(log_active_base(fixture_partition(&f, 0)->log), 0);
    CHECK_EQUAL(fixture_append_one(&f, &(struct fixture_batch){.records = 3}).base_offset, 1);
    close_all();
}

SUITE("append", CHECK_TEST(offsets_follow_the_order_of_the_requests), CHECK_TEST(what_one_turn_brings_shares_a_write),
      CHECK_TEST(only_acks_all_waits_for_the_disk), CHECK_TEST(who_completes_flush_messages_waits_for_the_disk),
      CHECK_TEST(one_request_reaches_many_partitions), CHECK_TEST(what_clients_must_not_write_is_refused),
      CHECK_TEST(damaged_batches_are_refused), CHECK_TEST(two_batches_for_a_partition_are_refused),
      CHECK_TEST(zstd_needs_a_client_that_knows_it), CHECK_TEST(a_compacted_topic_names_the_records_without_keys),
      CHECK_TEST(timestamps_outside_the_limits_are_refused), CHECK_TEST(append_time_is_stamped),
      CHECK_TEST(a_wrong_maximum_is_set_right), CHECK_TEST(a_topic_with_a_codec_of_its_own_stores_that_one),
      CHECK_TEST(what_a_batch_becomes_is_a_share_of_the_memory),
      CHECK_TEST(order_is_kept_behind_a_batch_that_is_made_anew), CHECK_TEST(a_batch_sent_twice_is_written_once),
      CHECK_TEST(a_batch_sent_twice_is_on_the_disk_when_acks_all_is_answered),
      CHECK_TEST(a_failed_write_fails_what_it_took_and_the_next_one_works),
      CHECK_TEST(a_failed_sync_takes_the_partition_offline),
      CHECK_TEST(an_awaited_sync_that_cannot_begin_leaves_nothing_behind), CHECK_TEST(a_result_may_ask_for_a_sync),
      CHECK_TEST(what_is_written_is_visible_and_holds_nobody_up_while_it_is_synced),
      CHECK_TEST(a_sync_that_finds_no_room_is_tried_again_by_the_producer),
      CHECK_TEST(a_topic_deleted_meanwhile_takes_nothing),
      CHECK_TEST(a_write_that_fails_on_a_deleted_topic_finds_no_topic),
      CHECK_TEST(parts_that_failed_before_are_passed_over), CHECK_TEST(a_roll_comes_between_two_writes),
      CHECK_TEST(a_roll_that_fails_takes_no_batch_along), CHECK_TEST(any_allocation_may_fail))
