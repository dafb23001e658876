#include "log_fixture.h"
#include "segment.h"
#include "simulated_disk.h"

#include "check.h"

#include <errno.h>

#define BATCHES 400
#define RECORDS 2 /* in each */

static void open_with_batches(struct log_fixture *f, int64_t segment_bytes)
{
    log_fixture_init(f, 1);
    f->config.segment_bytes = segment_bytes;
    f->config.index_interval_bytes = 1000;
    REQUIRE(log_fixture_open(f) == 0);
    for (int i = 0; i < BATCHES; i++) {
        struct test_batch batch = {.records = RECORDS, .size = 50 + (uint32_t)(i * 13 % 200), .content = (uint64_t)i};
        REQUIRE(log_fixture_append(f, &batch, false) == i * RECORDS);
    }
}

/* The base offset of the batch that a read starts with, or its status; released. */
static int64_t first_offset(struct log_fixture *f, int64_t offset, uint32_t max_bytes)
{
    struct log_read read;
    int rc = log_fixture_read(f, &read, offset, max_bytes);
    if (rc != 0)
        return rc;
    uint8_t bytes[BATCH_HEADER_SIZE];
    struct batch_header header = {.base_offset = -1};
    size_t got;
    if (read.bytes > 0 && (file_read(read.file, bytes, sizeof bytes, read.position, &got, NULL) != 0 ||
                           batch_parse_header(slice_of(bytes, got), &header, NULL) != 0))
        header.base_offset = -EIO;
    log_read_release(f->log, &read);
    return header.base_offset;
}

static void any_offset_gives_the_batch_that_holds_it(void)
{
    struct log_fixture f;
    open_with_batches(&f, 20000);
    for (int round = 0; round < 2; round++) {
        for (int64_t offset = 0; offset < BATCHES * RECORDS; offset++)
            CHECK_EQUAL(first_offset(&f, offset, 1 + (uint32_t)offset % 3000), offset / RECORDS * RECORDS);
        REQUIRE(log_fixture_restart(&f) == 0);
    }
    CHECK_EQUAL(first_offset(&f, BATCHES * RECORDS, 1000), -1);
    CHECK_EQUAL(first_offset(&f, BATCHES * RECORDS + 1, 1000), FURROW_OUT_OF_RANGE);
    CHECK_EQUAL(first_offset(&f, -1, 1000), FURROW_OUT_OF_RANGE);
    REQUIRE(log_set_start_offset(f.log, 31, NULL) == 0);
    CHECK_EQUAL(first_offset(&f, 30, 1000), FURROW_OUT_OF_RANGE);
    CHECK_EQUAL(first_offset(&f, 31, 1000), 30);
    CHECK(log_fixture_close(&f));
}

static void a_consumer_that_keeps_up_is_answered_from_memory(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    struct log_read read = {.offset = 0, .end_offset = 0, .max_bytes = 10000};
    CHECK_EQUAL(log_read_begin(f.log, &read), 1);
    struct test_batch batch = {.content = 1};
    REQUIRE(log_fixture_append(&f, &batch, false) == 0);
    for (int i = 1; i < 100; i++) {
        uint64_t calls = simulated_disk_calls(f.disk);
        read.offset = i - 1;
        read.end_offset = i;
        CHECK_EQUAL(log_read_begin(f.log, &read), 1);
        CHECK(read.status == 0 && read.bytes > 0);
        CHECK_EQUAL(simulated_disk_calls(f.disk), calls);
        log_read_release(f.log, &read);
        REQUIRE(log_fixture_append(&f, &batch, false) == i);
    }
    CHECK(log_fixture_close(&f));
}

static void reading_on_from_the_beginning_rarely_searches(void)
{
    struct log_fixture f;
    open_with_batches(&f, 1 << 30);
    int64_t offset = 0;
    int reads = 0;
    int searches = 0;
    while (offset < log_end_offset(f.log)) {
        struct log_read read = {
            .offset = offset, .end_offset = log_end_offset(f.log), .max_bytes = 3000, .whole_batch = true};
        if (log_read_begin(f.log, &read) == 0) {
            searches++;
            log_read_execute(&read);
            log_read_end(f.log, &read);
        }
        REQUIRE(read.status == 0 && read.bytes > 0);
        uint8_t bytes[3000];
        size_t got;
        REQUIRE(file_read(read.file, bytes, read.bytes, read.position, &got, NULL) == 0);
        slice rest = slice_of(bytes, got);
        struct batch_header header;
        slice one;
        while (batch_next(&rest, &header, &one, NULL) == 1)
            offset = batch_last_offset(&header) + 1;
        CHECK(rest.size == 0);
        log_read_release(f.log, &read);
        reads++;
    }
    CHECK(reads > 30 && searches * 3 <= reads);
    CHECK(log_fixture_close(&f));
}

static void a_read_of_old_bytes_costs_few_calls_wherever_it_starts(void)
{
    struct log_fixture f;
    open_with_batches(&f, 1 << 30);
    REQUIRE(log_fixture_restart(&f) == 0);
    for (int64_t offset = 1; offset < BATCHES * RECORDS; offset += 97) {
        uint64_t bytes = simulated_disk_bytes_read(f.disk);
        uint64_t calls = simulated_disk_calls(f.disk);
        CHECK_EQUAL(first_offset(&f, offset, 500), offset / RECORDS * RECORDS);
        CHECK(simulated_disk_calls(f.disk) - calls < 30);
        /* One window, and not the segment from its start. */
        CHECK(simulated_disk_bytes_read(f.disk) - bytes < SEGMENT_SCAN_BATCHES + SEGMENT_SCAN_HEADERS);
    }
    CHECK(log_fixture_close(&f));
}

static void ranges_keep_to_the_limit_unless_one_batch_is_larger(void)
{
    struct log_fixture f;
    open_with_batches(&f, 1 << 30);
    for (int64_t offset = 0; offset < 100; offset += 7) {
        struct log_read read;
        for (uint32_t max = 0; max < 2000; max += 333) {
            REQUIRE(log_fixture_read(&f, &read, offset, max) == 0);
            CHECK(read.bytes > 0);
            uint32_t one = read.bytes;
            log_read_release(f.log, &read);
            read = (struct log_read){.offset = offset, .end_offset = log_end_offset(f.log), .max_bytes = max};
            if (log_read_begin(f.log, &read) == 0) {
                log_read_execute(&read);
                log_read_end(f.log, &read);
            }
            CHECK(read.status == 0 && read.bytes <= max);
            CHECK(read.bytes > 0 || one > max);
            log_read_release(f.log, &read);
        }
    }
    CHECK(log_fixture_close(&f));
}

static void nothing_at_or_past_the_end_offset_is_given(void)
{
    struct log_fixture f;
    open_with_batches(&f, 20000);
    for (int64_t end = 0; end < 200; end += 9) {
        int64_t offset = 0;
        while (offset < end) {
            struct log_read read = {.offset = offset, .end_offset = end, .max_bytes = 2000, .whole_batch = true};
            if (log_read_begin(f.log, &read) == 0) {
                log_read_execute(&read);
                log_read_end(f.log, &read);
            }
            REQUIRE(read.status == 0 && read.bytes > 0);
            uint8_t bytes[4000];
            size_t got;
            REQUIRE(file_read(read.file, bytes, read.bytes, read.position, &got, NULL) == 0);
            slice rest = slice_of(bytes, got);
            struct batch_header header;
            slice one;
            while (batch_next(&rest, &header, &one, NULL) == 1) {
                CHECK(header.base_offset < end);
                offset = batch_last_offset(&header) + 1;
            }
            log_read_release(f.log, &read);
        }
    }
    CHECK(log_fixture_close(&f));
}

/* ---- corruption ---- */

static void a_flipped_bit_is_found_and_what_follows_it_can_be_read(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.config.index_interval_bytes = 200;
    REQUIRE(log_fixture_open(&f) == 0);
    uint32_t positions[61] = {0};
    for (int i = 0; i < 60; i++) {
        struct test_batch batch = {.records = 2, .size = 60, .content = (uint64_t)i};
        REQUIRE(log_fixture_append(&f, &batch, false) == i * 2);
        positions[i + 1] = (uint32_t)log_bytes(f.log);
    }
    REQUIRE(log_fixture_restart(&f) == 0);
    /* Of every field of batch 20, one bit after the other; not the leader epoch, which nothing covers. */
    for (uint32_t byte = 0; byte < BATCH_HEADER_SIZE + 20; byte++) {
        if (byte >= 12 && byte < 16)
            continue;
        uint64_t bit = (uint64_t)(positions[20] + byte) * 8 + byte % 8;
        REQUIRE(simulated_disk_flip_bit(f.disk, LOG_FIXTURE_FOLDER "/00000000000000000000.log", bit));
        f.opening.clean = true;
        log_fixture_shut(&f);
        REQUIRE(log_fixture_open(&f) == 0);
        CHECK_EQUAL(first_offset(&f, 40, 1 << 20), FURROW_CORRUPT);
        CHECK_EQUAL(first_offset(&f, 41, 1), FURROW_CORRUPT);
        struct log_read read;
        REQUIRE(log_fixture_read(&f, &read, 30, 1 << 20) == 0); /* ends before it */
        CHECK_EQUAL(read.position, positions[15]);
        CHECK(read.position + read.bytes <= positions[20] && read.bytes > 0);
        log_read_release(f.log, &read);
        for (int64_t offset = 50; offset < 120; offset += 9) /* behind the next index entry */
            CHECK_EQUAL(first_offset(&f, offset, 1 << 20), offset / 2 * 2);
        REQUIRE(simulated_disk_flip_bit(f.disk, LOG_FIXTURE_FOLDER "/00000000000000000000.log", bit));
    }
    CHECK(log_fixture_close(&f));
}

static void what_was_appended_in_this_run_is_not_checked_again(void)
{
    struct log_fixture f;
    open_with_batches(&f, 1 << 30);
    uint64_t before = simulated_disk_bytes_read(f.disk);
    int64_t offset = 0;
    struct log_read read;
    while (offset < 100) {
        REQUIRE(log_fixture_read(&f, &read, offset, 100000) == 0);
        log_read_release(f.log, &read);
        offset += 100;
    }
    CHECK(simulated_disk_bytes_read(f.disk) - before < 20000);
    CHECK(log_fixture_close(&f));
}

static void a_missing_or_broken_index_costs_time_and_not_the_read(void)
{
    struct log_fixture f;
    open_with_batches(&f, 20000);
    REQUIRE(log_fixture_restart(&f) == 0);
    for (uint64_t bit = 3; bit < 64; bit += 7)
        simulated_disk_flip_bit(f.disk, LOG_FIXTURE_FOLDER "/00000000000000000000.index", bit);
    for (int64_t offset = 0; offset < 100; offset++)
        CHECK_EQUAL(first_offset(&f, offset, 3000), offset / RECORDS * RECORDS);
    REQUIRE(disk_remove_file(f.disk, LOG_FIXTURE_FOLDER "/00000000000000000000.index", NULL) == 0);
    for (int64_t offset = 0; offset < 100; offset++)
        CHECK_EQUAL(first_offset(&f, offset, 3000), offset / RECORDS * RECORDS);
    CHECK(log_fixture_close(&f));
}

/* ---- failures ---- */

static void reading_survives_each_disk_call_and_allocation_that_fails(void)
{
    struct log_fixture f;
    open_with_batches(&f, 20000);
    bool outlived = false;
    for (int64_t nth = 0; !outlived; nth++) {
        REQUIRE(log_fixture_restart(&f) == 0);
        simulated_disk_fail_at(f.disk, nth, -EIO);
        int64_t offset = first_offset(&f, 333, 5000);
        CHECK(offset == 332 || offset == -EIO);
        outlived = simulated_disk_fail_pending(f.disk);
        simulated_disk_fail_at(f.disk, -1, 0);
        CHECK_EQUAL(first_offset(&f, 333, 5000), 332);
    }
    outlived = false;
    for (int64_t nth = 0; !outlived; nth++) {
        REQUIRE(log_fixture_restart(&f) == 0);
        memory_fail_at(&f.memory, nth);
        int64_t offset = first_offset(&f, 333, 5000);
        CHECK(offset == 332 || offset == -ENOMEM);
        outlived = memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        CHECK_EQUAL(first_offset(&f, 333, 5000), 332);
    }
    CHECK(log_fixture_close(&f));
}

static void a_read_that_is_not_executed_is_cancelled(void)
{
    struct log_fixture f;
    open_with_batches(&f, 20000);
    REQUIRE(log_fixture_restart(&f) == 0);
    struct log_read read = {.offset = 5, .end_offset = log_end_offset(f.log), .max_bytes = 100, .whole_batch = true};
    REQUIRE(log_read_begin(f.log, &read) == 0);
    log_read_end(f.log, &read);
    CHECK(read.status == -ECANCELED && read.bytes == 0);
    CHECK(log_fixture_close(&f));
}

/* The operations of a topic that is deleted may end when another one has its name. */
static void a_read_of_a_log_that_is_abandoned_leaves_the_next_one_of_its_name_alone(void)
{
    struct log_fixture f;
    open_with_batches(&f, 20000);
    REQUIRE(log_fixture_restart(&f) == 0);
    struct log *old = f.log;
    struct log_read read = {.offset = 5, .end_offset = log_end_offset(old), .max_bytes = 100, .whole_batch = true};
    REQUIRE(log_read_begin(old, &read) == 0);
    log_read_execute(&read);
    log_abandon(old);
    REQUIRE(log_delete_files(f.disk, LOG_FIXTURE_FOLDER, NULL) == 0);
    f.opening = (struct log_opening){.clean = true, .now = LOG_FIXTURE_TIME};
    REQUIRE(log_create_files(f.disk, LOG_FIXTURE_FOLDER, LOG_FIXTURE_TOPIC_ID, NULL) == 0);
    REQUIRE(log_open(&f.environment, LOG_FIXTURE_FOLDER, &f.config, &f.opening, &f.log, &f.recovery, NULL) == 0);
    log_read_end(old, &read);
    log_read_release(old, &read);
    CHECK_EQUAL(log_fixture_append(&f, &(struct test_batch){.records = 3}, true), 0);
    log_close(old);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 100000), 3);
    REQUIRE(log_fixture_crash(&f) == 0);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 100000), 3);
    CHECK(log_fixture_close(&f));
}

SUITE("log_read", CHECK_TEST(any_offset_gives_the_batch_that_holds_it),
      CHECK_TEST(a_consumer_that_keeps_up_is_answered_from_memory),
      CHECK_TEST(reading_on_from_the_beginning_rarely_searches),
      CHECK_TEST(a_read_of_old_bytes_costs_few_calls_wherever_it_starts),
      CHECK_TEST(ranges_keep_to_the_limit_unless_one_batch_is_larger),
      CHECK_TEST(nothing_at_or_past_the_end_offset_is_given),
      CHECK_TEST(a_flipped_bit_is_found_and_what_follows_it_can_be_read),
      CHECK_TEST(what_was_appended_in_this_run_is_not_checked_again),
      CHECK_TEST(a_missing_or_broken_index_costs_time_and_not_the_read),
      CHECK_TEST(reading_survives_each_disk_call_and_allocation_that_fails),
      CHECK_TEST(a_read_that_is_not_executed_is_cancelled),
      CHECK_TEST(a_read_of_a_log_that_is_abandoned_leaves_the_next_one_of_its_name_alone))
