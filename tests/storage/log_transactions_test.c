/* Transactions in a log: the last stable offset, the transaction index, what a reader of committed records is told. */
#include "log_fixture.h"
#include "segment.h"
#include "simulated_disk.h"
#include "transaction_index.h"

#include "check.h"

#include <errno.h>
#include <time.h>

#define FIRST_INDEX LOG_FIXTURE_FOLDER "/00000000000000000000.txnindex"

/* ---- producers ---- */

static int32_t sequences[8];

static int64_t send(struct log_fixture *f, int64_t producer, int32_t records)
{
    struct test_batch batch = {.records = records,
                               .producer_id = producer,
                               .sequence = sequences[producer],
                               .transactional = true,
                               .content = (uint64_t)producer};
    int64_t offset = log_fixture_append(f, &batch, false);
    if (offset >= 0)
        sequences[producer] += records;
    return offset;
}

static int64_t end(struct log_fixture *f, int64_t producer, enum test_marker how)
{
    struct test_batch marker = {.producer_id = producer, .marker = how};
    return log_fixture_append(f, &marker, false);
}

static void open_log(struct log_fixture *f)
{
    memset(sequences, 0, sizeof sequences);
    log_fixture_init(f, 1);
    f->config.index_interval_bytes = 200;
    REQUIRE(log_fixture_open(f) == 0);
}

/* How many aborted transactions a committed read at the offset names, or its status. */
static int64_t count_aborted(struct log_fixture *f, int64_t offset, uint32_t max_bytes)
{
    struct log_read read;
    int rc = log_fixture_read_committed(f, &read, offset, max_bytes);
    int64_t count = rc != 0 ? rc : (int64_t)read.aborted_count;
    log_read_release(f->log, &read);
    return count;
}

/* ---- the last stable offset ---- */

static void a_transaction_holds_the_stable_offset_until_its_marker(void)
{
    struct log_fixture f;
    open_log(&f);
    CHECK_EQUAL(send(&f, 1, 2), 0);
    CHECK_EQUAL(log_stable_end_offset(f.log), 0);
    CHECK_EQUAL(send(&f, 2, 3), 2);
    CHECK_EQUAL(end(&f, 1, TEST_COMMIT), 5);
    CHECK_EQUAL(log_stable_end_offset(f.log), 2);
    REQUIRE(log_fixture_restart(&f) == 0);
    CHECK_EQUAL(log_stable_end_offset(f.log), 2);
    REQUIRE(log_fixture_crash(&f) == 0);
    CHECK_EQUAL(log_stable_end_offset(f.log), 2);
    CHECK_EQUAL(send(&f, 1, 1), 6);
    CHECK_EQUAL(end(&f, 2, TEST_ABORT), 7);
    CHECK_EQUAL(log_stable_end_offset(f.log), 6);
    CHECK_EQUAL(end(&f, 1, TEST_COMMIT), 8);
    CHECK_EQUAL(log_stable_end_offset(f.log), log_end_offset(f.log));
    CHECK(log_fixture_close(&f));
}

static void the_stable_offset_is_never_before_the_start(void)
{
    struct log_fixture f;
    open_log(&f);
    CHECK_EQUAL(send(&f, 1, 2), 0);
    log_fixture_append_pairs(&f, 3, 10);
    CHECK_EQUAL(log_stable_end_offset(f.log), 0);
    REQUIRE(log_set_start_offset(f.log, 4, NULL) == 0);
    CHECK_EQUAL(log_stable_end_offset(f.log), 4);
    CHECK_EQUAL(end(&f, 1, TEST_ABORT), 8);
    CHECK_EQUAL(log_stable_end_offset(f.log), 9);
    CHECK(log_fixture_close(&f));
}

/* What is not written yet is not decided: neither a marker under way nor one that fails moves anything. */
static void a_marker_counts_when_it_is_written(void)
{
    struct log_fixture f;
    open_log(&f);
    CHECK_EQUAL(send(&f, 1, 2), 0);
    for (int round = 0; round < 2; round++) {
        struct test_batch marker = {.producer_id = 1, .marker = TEST_ABORT, .timestamp = f.now};
        struct log_append *append = test_append_make(&f.memory, &marker), *queue = append, *done;
        struct log_write *write;
        REQUIRE(log_write_begin(f.log, &queue, f.now, &write, &done, NULL) == 0);
        REQUIRE(log_set_start_offset(f.log, round, NULL) == 0);
        CHECK_EQUAL(log_stable_end_offset(f.log), round);
        if (round == 1)
            log_write_execute(write);
        (void)log_write_end(f.log, write, NULL);
        CHECK_EQUAL(log_stable_end_offset(f.log), round == 1 ? 3 : 0);
        test_append_free(&f.memory, append);
    }
    CHECK(log_fixture_close(&f));
}

static void a_marker_of_an_old_epoch_is_refused(void)
{
    struct log_fixture f;
    open_log(&f);
    struct test_batch batch = {.producer_id = 1, .epoch = 5, .transactional = true};
    CHECK_EQUAL(log_fixture_append(&f, &batch, false), 0);
    CHECK_EQUAL(end(&f, 1, TEST_ABORT), FURROW_STALE_PRODUCER_EPOCH);
    CHECK_EQUAL(log_stable_end_offset(f.log), 0);
    struct test_batch marker = {.producer_id = 1, .epoch = 6, .marker = TEST_ABORT};
    CHECK_EQUAL(log_fixture_append(&f, &marker, false), 1);
    CHECK_EQUAL(log_fixture_append(&f, &marker, false), 2); /* again, after a crash: it does no harm */
    CHECK_EQUAL(log_stable_end_offset(f.log), 3);
    CHECK_EQUAL(log_fixture_file_size(&f, FIRST_INDEX), TRANSACTION_INDEX_ENTRY_SIZE);
    CHECK(log_fixture_close(&f));
}

/* As the offsets of a group: every batch has sequence 0, or none. */
static void the_batches_of_a_coordinator_are_not_checked(void)
{
    struct log_fixture f;
    open_log(&f);
    for (int32_t i = 0; i < 3; i++) {
        struct test_batch batch = {
            .producer_id = 1, .sequence = i == 2 ? -1 : 0, .transactional = true, .trusted = true};
        CHECK_EQUAL(log_fixture_append(&f, &batch, false), i);
    }
    CHECK_EQUAL(log_stable_end_offset(f.log), 0);
    struct test_batch late = {.producer_id = 1, .sequence = -1, .transactional = true, .trusted = true};
    CHECK_EQUAL(end(&f, 1, TEST_COMMIT), 3);
    CHECK_EQUAL(log_fixture_append(&f, &late, false), 4);
    CHECK_EQUAL(log_stable_end_offset(f.log), 4); /* without a sequence too, it opens a transaction */
    CHECK(log_fixture_close(&f));
}

/* ---- the index ---- */

static void an_aborted_transaction_has_an_entry(void)
{
    struct log_fixture f;
    open_log(&f);
    (void)send(&f, 1, 2);
    (void)send(&f, 2, 3);
    CHECK_EQUAL(end(&f, 3, TEST_ABORT), 5); /* it has no batch */
    CHECK(!log_fixture_has_file(&f, FIRST_INDEX));
    CHECK_EQUAL(end(&f, 2, TEST_ABORT), 6);
    CHECK_EQUAL(end(&f, 1, TEST_ABORT), 7);
    for (int round = 0; round < 3; round++) {
        struct aborted_transaction found[2] = {{0}};
        struct transaction_index_walk walk;
        struct file *file;
        REQUIRE(disk_open_file(f.disk, FIRST_INDEX, FILE_READ, &file, NULL) == 0);
        CHECK_EQUAL(log_fixture_file_size(&f, FIRST_INDEX), 2 * TRANSACTION_INDEX_ENTRY_SIZE);
        transaction_index_start(&walk, file, 0, 2);
        REQUIRE(transaction_index_next(&walk, &found[0], NULL) == 1);
        REQUIRE(transaction_index_next(&walk, &found[1], NULL) == 1);
        file_close(file);
        CHECK_EQUAL(found[0].producer_id, 2);
        CHECK_EQUAL(found[0].first_offset, 2);
        CHECK_EQUAL(found[0].last_offset, 6);
        CHECK_EQUAL(found[0].stable_end, 0);
        CHECK_EQUAL(found[1].producer_id, 1);
        CHECK_EQUAL(found[1].first_offset, 0);
        CHECK_EQUAL(found[1].last_offset, 7);
        CHECK_EQUAL(found[1].stable_end, 8);
        if (round == 1)
            log_fixture_cut_file(&f, FIRST_INDEX, 50);
        REQUIRE((round == 0 ? log_fixture_restart(&f) : log_fixture_crash(&f)) == 0);
    }
    CHECK(log_fixture_close(&f));
}

/* Transactions of three producers over many segments; one of them is aborted far behind its records. */
static void open_with_segments(struct log_fixture *f)
{
    open_log(f);
    f->config.segment_bytes = 1000;
    log_set_config(f->log, &f->config);
    REQUIRE(send(f, 1, 2) == 0);
    for (int i = 0; i < 20; i++) {
        log_fixture_append_pairs(f, 4, 50);
        REQUIRE(send(f, 2, 1) >= 0);
        REQUIRE(end(f, 2, i % 2 == 0 ? TEST_ABORT : TEST_COMMIT) >= 0);
    }
    REQUIRE(end(f, 1, TEST_ABORT) >= 0);
    log_fixture_append_pairs(f, 40, 50);
    REQUIRE(log_fixture_sync(f) == 0);
}

static void check_segments(struct log_fixture *f)
{
    CHECK_EQUAL(log_stable_end_offset(f->log), log_end_offset(f->log));
    CHECK_EQUAL(count_aborted(f, 0, 300), 1); /* the first batch: its marker stands many segments behind */
    CHECK_EQUAL(count_aborted(f, 0, 900), 2); /* and one between */
    CHECK_EQUAL(count_aborted(f, 45, 1), 1);  /* around the range, not in it */
    CHECK_EQUAL(count_aborted(f, log_end_offset(f->log) - 4, 900), 0);
}

static void readers_are_told_of_what_is_aborted_far_behind(void)
{
    struct log_fixture f;
    open_with_segments(&f);
    check_segments(&f);
    REQUIRE(log_fixture_restart(&f) == 0);
    check_segments(&f);
    f.opening.recovery_point = log_end_offset(f.log);
    REQUIRE(log_fixture_crash(&f) == 0);
    check_segments(&f);
    f.opening.recovery_point = 0;
    REQUIRE(log_fixture_crash(&f) == 0);
    check_segments(&f);
    CHECK(log_fixture_close(&f));
}

/* Of a closed segment no walk would look at it. */
static void an_index_that_cannot_be_read_is_made_again(void)
{
    struct log_fixture f;
    uint8_t *right, *made;
    size_t right_size, made_size;
    open_with_segments(&f);
    char path[DISK_PATH_MAX];
    struct log_read read;
    REQUIRE(log_fixture_read(&f, &read, 9, 10000) == 0);
    segment_path(LOG_FIXTURE_FOLDER, read.private.segment_base, SEGMENT_TRANSACTION_INDEX, path);
    log_read_release(f.log, &read);
    REQUIRE(disk_read_file(f.disk, path, 1000, MEMORY_REQUESTS, &right, &right_size, NULL) == 0);
    for (int clean = 0; clean < 2; clean++) {
        log_fixture_cut_file(&f, path, right_size - 1);
        f.opening.recovery_point = log_end_offset(f.log);
        REQUIRE((clean == 1 ? log_fixture_restart(&f) : log_fixture_crash(&f)) == 0);
        REQUIRE(disk_read_file(f.disk, path, 1000, MEMORY_REQUESTS, &made, &made_size, NULL) == 0);
        CHECK(slice_equal(slice_of(made, made_size), slice_of(right, right_size)));
        memory_free(&f.memory, MEMORY_REQUESTS, made, made_size);
        check_segments(&f);
    }
    memory_free(&f.memory, MEMORY_REQUESTS, right, right_size);
    CHECK(log_fixture_close(&f));
}

/* As in a folder that was backed up: a mark in the segment says that its indexes are there, and none is. */
static void an_index_that_is_missing_with_the_others_is_made_again(void)
{
    struct log_fixture f;
    memset(sequences, 0, sizeof sequences);
    log_fixture_init(&f, 1);
    f.config.index_interval_bytes = 200;
    f.mark_bytes = 1000;
    REQUIRE(log_fixture_open(&f) == 0);
    for (int i = 0; i < 10; i++) {
        (void)send(&f, 1, 5);
        (void)end(&f, 1, i % 2 == 0 ? TEST_ABORT : TEST_COMMIT);
    }
    REQUIRE(log_fixture_sync(&f) == 0);
    REQUIRE(log_fixture_sync(&f) == 0);
    CHECK(log_fixture_has_file(&f, LOG_FIXTURE_FOLDER "/00000000000000000060.snapshot"));
    log_fixture_append_pairs(&f, 2, 10);
    CHECK_EQUAL(count_aborted(&f, 0, 100000), 5);
    f.opening.recovery_point = log_end_offset(f.log);
    log_fixture_shut(&f);
    REQUIRE(disk_remove_file(f.disk, FIRST_INDEX, NULL) == 0);
    REQUIRE(disk_remove_file(f.disk, LOG_FIXTURE_FOLDER "/00000000000000000000.index", NULL) == 0);
    f.opening.clean = false;
    REQUIRE(log_fixture_open(&f) == 0);
    CHECK_EQUAL(count_aborted(&f, 0, 100000), 5);
    CHECK_EQUAL(log_fixture_file_size(&f, FIRST_INDEX), 5 * TRANSACTION_INDEX_ENTRY_SIZE);
    CHECK(log_fixture_close(&f));
}

static void a_missing_index_is_told_and_not_passed_over(void)
{
    struct log_fixture f;
    open_log(&f);
    (void)send(&f, 1, 2);
    (void)end(&f, 1, TEST_ABORT);
    REQUIRE(disk_remove_file(f.disk, FIRST_INDEX, NULL) == 0);
    CHECK_EQUAL(count_aborted(&f, 0, 1000), FURROW_CORRUPT);
    CHECK(log_fixture_close(&f));
}

static void reads_behind_the_last_abort_ask_no_file(void)
{
    struct log_fixture f;
    open_log(&f);
    (void)send(&f, 1, 2);
    (void)end(&f, 1, TEST_ABORT);
    (void)send(&f, 1, 2);
    (void)end(&f, 1, TEST_COMMIT);
    CHECK_EQUAL(count_aborted(&f, 0, 10000), 1); /* leaves a hint where it ends */
    log_fixture_append_pairs(&f, 1, 10);
    uint64_t before = simulated_disk_calls_of(f.disk, SIMULATED_OPEN);
    struct log_read read = {
        .offset = 6, .end_offset = log_stable_end_offset(f.log), .max_bytes = 1000, .committed = true};
    CHECK_EQUAL(log_read_begin(f.log, &read), 1);
    CHECK(read.bytes > 0);
    CHECK_EQUAL(read.aborted_count, 0);
    CHECK_EQUAL(simulated_disk_calls_of(f.disk, SIMULATED_OPEN), before);
    log_read_release(f.log, &read);
    CHECK(log_fixture_close(&f));
}

/* An answer names a few thousand: then the range ends. */
static void a_range_ends_where_too_many_are_aborted(void)
{
    enum { TRANSACTIONS = 20000 };
    struct log_fixture f;
    open_log(&f);
    for (int i = 0; i < TRANSACTIONS; i++) {
        REQUIRE(send(&f, 1, 1) == 2 * i);
        REQUIRE(end(&f, 1, TEST_ABORT) == 2 * i + 1);
    }
    int64_t offset = 0, named = 0;
    int reads = 0;
    while (offset < 2 * TRANSACTIONS) {
        struct log_read read;
        REQUIRE(log_fixture_read_committed(&f, &read, offset, UINT32_C(100) << 20) == 0);
        REQUIRE(read.bytes > 0 && read.aborted_count > 0 && read.aborted_count <= 8192);
        uint32_t pairs = read.bytes / (read.bytes / read.aborted_count);
        CHECK_EQUAL(read.aborted[0].first_offset, offset);
        CHECK_EQUAL(read.aborted[read.aborted_count - 1].first_offset, offset + 2 * (pairs - 1));
        named += read.aborted_count;
        offset = read.aborted[read.aborted_count - 1].first_offset + 2;
        log_read_release(f.log, &read);
        reads++;
    }
    CHECK_EQUAL(named, TRANSACTIONS);
    CHECK(reads >= 3 && reads <= 6);
    CHECK(log_fixture_close(&f));
}

static void more_that_are_open_at_the_beginning_are_named_in_time(void)
{
    enum { PRODUCERS = 12000, SECONDS = 2 };
    struct log_fixture f;
    struct log_read read;
    open_log(&f);
    for (int64_t i = 0; i < PRODUCERS; i++) {
        struct test_batch batch = {.records = 1, .producer_id = i, .transactional = true};
        REQUIRE(log_fixture_append(&f, &batch, false) == i);
    }
    for (int64_t i = 0; i < PRODUCERS; i++)
        REQUIRE(end(&f, i, TEST_ABORT) == PRODUCERS + i);
    clock_t began = clock();
    REQUIRE(log_fixture_read_committed(&f, &read, PRODUCERS, UINT32_C(100) << 20) == 0);
    CHECK(clock() - began < SECONDS * CLOCKS_PER_SEC);
    CHECK_EQUAL(read.aborted_count, PRODUCERS);
    log_read_release(f.log, &read);
    CHECK(log_fixture_close(&f));
}

/* ---- failures ---- */

static int append_some(struct log_fixture *f)
{
    memset(sequences, 0, sizeof sequences);
    for (int i = 0; i < 12; i++) {
        (void)send(f, 1 + i % 3, 2);
        if (i % 2 == 1)
            (void)end(f, 1 + i % 3, i % 4 == 1 ? TEST_ABORT : TEST_COMMIT);
        if (i % 5 == 4) {
            int rc = log_fixture_sync(f);
            (void)rc;
        }
    }
    return 0;
}

/* The transactions by a walk over all batches, as the log's own state must say. */
static void check_against_a_walk(struct log_fixture *f)
{
    bool is_lost = log_is_offline(f->log); /* what a failed sync covered may be gone */
    int64_t log_end = log_end_offset(f->log);
    int64_t stable_end = log_stable_end_offset(f->log);
    int64_t named = stable_end > 0 ? count_aborted(f, 0, 1 << 20) : 0;
    REQUIRE(log_fixture_crash(f) == 0);
    if (is_lost)
        return;
    CHECK_EQUAL(log_end_offset(f->log), log_end);
    CHECK_EQUAL(log_stable_end_offset(f->log), stable_end);
    if (stable_end > 0)
        CHECK_EQUAL(count_aborted(f, 0, 1 << 20), named);
}

static void transactions_survive_each_disk_call_that_fails(void)
{
    int64_t nth = 0;
    for (bool outlived = false; !outlived; nth++) {
        struct log_fixture f;
        log_fixture_init(&f, 1);
        f.config.segment_bytes = 600;
        REQUIRE(log_fixture_open(&f) == 0);
        simulated_disk_fail_at(f.disk, nth, -EIO);
        append_some(&f);
        int64_t named = log_stable_end_offset(f.log) > 0 ? count_aborted(&f, 0, 1 << 20) : 0;
        CHECK(named >= 0 || named == -EIO || named == FURROW_OFFLINE);
        outlived = simulated_disk_fail_pending(f.disk);
        simulated_disk_fail_at(f.disk, -1, 0);
        f.opening.recovery_point = 0;
        check_against_a_walk(&f);
        CHECK(log_fixture_close(&f));
    }
    CHECK(nth > 50);
}

static void transactions_survive_each_allocation_that_fails(void)
{
    bool pending = false;
    for (int64_t nth = 0; !pending; nth++) {
        struct log_fixture f;
        log_fixture_init(&f, 1);
        f.config.segment_bytes = 600;
        REQUIRE(log_fixture_open(&f) == 0);
        memory_fail_at(&f.memory, nth);
        append_some(&f);
        int64_t named = log_stable_end_offset(f.log) > 0 ? count_aborted(&f, 0, 1 << 20) : 0;
        CHECK(named >= 0 || named == -ENOMEM);
        pending = memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        f.opening.recovery_point = 0;
        check_against_a_walk(&f);
        CHECK(log_fixture_close(&f));
    }
}

SUITE("log_transactions", CHECK_TEST(a_transaction_holds_the_stable_offset_until_its_marker),
      CHECK_TEST(the_stable_offset_is_never_before_the_start), CHECK_TEST(a_marker_counts_when_it_is_written),
      CHECK_TEST(a_marker_of_an_old_epoch_is_refused), CHECK_TEST(the_batches_of_a_coordinator_are_not_checked),
      CHECK_TEST(an_aborted_transaction_has_an_entry), CHECK_TEST(readers_are_told_of_what_is_aborted_far_behind),
      CHECK_TEST(an_index_that_cannot_be_read_is_made_again),
      CHECK_TEST(an_index_that_is_missing_with_the_others_is_made_again),
      CHECK_TEST(a_missing_index_is_told_and_not_passed_over), CHECK_TEST(reads_behind_the_last_abort_ask_no_file),
      CHECK_TEST(a_range_ends_where_too_many_are_aborted),
      CHECK_TEST(more_that_are_open_at_the_beginning_are_named_in_time),
      CHECK_TEST(transactions_survive_each_disk_call_that_fails),
      CHECK_TEST(transactions_survive_each_allocation_that_fails))
