/* Compaction of logs with transactions: kafka.md §9. */
#include "compaction.h"
#include "log_fixture.h"
#include "simulated_disk.h"
#include "transaction_index.h"

#include "check.h"

#include <errno.h>

#define RETENTION_MS 1000
#define FIRST_INDEX  LOG_FIXTURE_FOLDER "/00000000000000000000.txnindex"

static struct log_fixture f;
static int32_t sequences[8];

static void open_log(void)
{
    memset(sequences, 0, sizeof sequences);
    log_fixture_init(&f, 1);
    f.config.index_interval_bytes = 200;
    REQUIRE(log_fixture_open(&f) == 0);
}

static int64_t send(int64_t producer, const char *key, int32_t records)
{
    struct test_batch batch = {.records = records,
                               .producer_id = producer,
                               .sequence = sequences[producer],
                               .transactional = true,
                               .key = key};
    int64_t offset = log_fixture_append(&f, &batch, false);
    sequences[producer] += records;
    return offset;
}

static int64_t end(int64_t producer, int16_t epoch, enum test_marker how)
{
    struct test_batch marker = {.producer_id = producer, .epoch = epoch, .marker = how};
    return log_fixture_append(&f, &marker, false);
}

static int64_t plain(const char *key)
{
    struct test_batch batch = {.key = key};
    return log_fixture_append(&f, &batch, false);
}

/* What is in the log so far lies in segments that are closed then. */
static void roll(void)
{
    struct log_write *write;
    REQUIRE(log_roll_begin(f.log, f.now, &write, NULL) == 0 && write != NULL);
    log_write_execute(write);
    REQUIRE(log_write_end(f.log, write, NULL) == NULL);
    REQUIRE(plain(NULL) >= 0);
    REQUIRE(log_fixture_sync(&f) == 0);
}

static int try_to_compact(void)
{
    struct compaction_config config = {.delete_retention_ms = RETENTION_MS};
    struct compaction_bounds bounds = {.recovery_point = log_synced_end_offset(f.log)};
    struct log_compaction *run;
    struct compaction_result result;
    int rc;
    for (size_t i = 0; i < sizeof config.secret; i++)
        config.secret[i] = (uint8_t)(i * 37 + 11);
    rc = log_compaction_begin(f.log, &config, &bounds, f.now, 65536, &run, NULL);
    if (rc != 0 || run == NULL)
        return rc;
    do {
        log_compaction_execute(run, 4096);
        rc = log_compaction_step(f.log, run, NULL);
    } while (rc == 1);
    log_compaction_end(f.log, run, &result);
    return rc;
}

static void compact(void)
{
    CHECK_EQUAL(try_to_compact(), 0);
}

/* Of the batch that has the offset; records 0 when it is gone. */
static struct batch_header batch_at(int64_t offset)
{
    struct batch_header header = {.count = 0}, found;
    uint8_t *bytes;
    size_t size;
    REQUIRE(log_fixture_read_all(&f, log_start_offset(f.log), 10000, &bytes, &size) == 0);
    slice rest = slice_of(bytes, size), batch;
    while (batch_next(&rest, &found, &batch, NULL) == 1) {
        if (found.base_offset <= offset && offset <= batch_last_offset(&found))
            header = found;
    }
    memory_free(&f.memory, MEMORY_REQUESTS, bytes, size);
    return header;
}

static int32_t records_at(int64_t offset)
{
    return batch_at(offset).count;
}

static bool has_horizon(int64_t offset)
{
    return (batch_at(offset).attributes & BATCH_DELETE_HORIZON) != 0;
}

static uint64_t index_entries(void)
{
    return log_fixture_file_size(&f, FIRST_INDEX) / TRANSACTION_INDEX_ENTRY_SIZE;
}

static uint32_t count_aborted_from(int64_t offset)
{
    struct log_read read;
    REQUIRE(log_fixture_read_committed(&f, &read, offset, 1 << 20) == 0);
    uint32_t count = read.aborted_count;
    log_read_release(f.log, &read);
    return count;
}

static uint32_t count_aborted(void)
{
    return count_aborted_from(log_start_offset(f.log));
}

static void what_was_aborted_goes_at_once_and_supersedes_nothing(void)
{
    open_log();
    int64_t old = plain("a");
    int64_t aborted = send(1, "a", 3);
    int64_t other = send(2, "b", 1);
    int64_t abort = end(1, 1, TEST_ABORT); /* the epoch of what comes next: this marker is not the producer's last */
    int64_t commit = end(2, 1, TEST_COMMIT);
    sequences[1] = sequences[2] = 0;
    struct test_batch next = {.epoch = 1, .transactional = true, .records = 1};
    for (next.producer_id = 1; next.producer_id <= 2; next.producer_id++)
        REQUIRE(log_fixture_append(&f, &next, false) > 0 && end(next.producer_id, 1, TEST_COMMIT) > 0);
    roll();
    CHECK_EQUAL(count_aborted(), 1);

    compact();
    CHECK_EQUAL(records_at(old), 1);
    CHECK_EQUAL(records_at(aborted), 0);
    CHECK_EQUAL(records_at(other), 1);
    CHECK_EQUAL(records_at(abort), 1);
    CHECK(!has_horizon(abort)); /* this run has still seen its transaction */
    CHECK_EQUAL(index_entries(), 1);
    CHECK_EQUAL(count_aborted(), 1);

    compact();
    CHECK(has_horizon(abort));
    CHECK_EQUAL(batch_at(abort).base_timestamp, f.now + RETENTION_MS);
    CHECK_EQUAL(index_entries(), 1);

    f.now += RETENTION_MS - 1;
    compact();
    CHECK_EQUAL(records_at(abort), 1);
    f.now += 1;
    compact();
    CHECK_EQUAL(records_at(abort), 0);
    CHECK_EQUAL(records_at(commit), 1); /* a record of its transaction is still there */
    CHECK(!has_horizon(commit));
    CHECK_EQUAL(index_entries(), 0); /* it would hide what the producer has written since */
    CHECK_EQUAL(count_aborted(), 0);

    f.opening.recovery_point = log_end_offset(f.log);
    REQUIRE(log_fixture_crash(&f) == 0);
    CHECK_EQUAL(count_aborted(), 0);
    CHECK_EQUAL(log_stable_end_offset(f.log), log_end_offset(f.log));
    CHECK(log_fixture_close(&f));
}

static void what_was_committed_is_compacted_like_all_else(void)
{
    open_log();
    int64_t first = send(1, "a", 1);
    int64_t second = send(1, "a", 1);
    int64_t commit = end(1, 0, TEST_COMMIT);
    roll();
    compact();
    CHECK_EQUAL(records_at(first), 0);
    CHECK_EQUAL(records_at(second), 1);
    CHECK_EQUAL(records_at(commit), 1);
    int64_t third = plain("a");
    roll();
    compact();
    CHECK_EQUAL(records_at(second), 0); /* an empty batch: it has the producer's last sequence */
    CHECK_EQUAL(records_at(third), 1);
    CHECK_EQUAL(records_at(commit), 1);
    f.now += 10 * RETENTION_MS;
    compact();
    CHECK(!has_horizon(commit)); /* for which the marker stays */
    REQUIRE(log_fixture_restart(&f) == 0);
    CHECK_EQUAL(log_stable_end_offset(f.log), log_end_offset(f.log));
    CHECK(log_fixture_close(&f));
}

/* It is all that is left of a producer whose epoch it has raised. */
static void the_marker_that_fences_an_active_producer_stays(void)
{
    open_log();
    (void)send(1, "a", 1);
    int64_t abort = end(1, 1, TEST_ABORT);
    roll();
    for (int i = 0; i < 4; i++) {
        compact();
        f.now += 2 * RETENTION_MS;
    }
    CHECK_EQUAL(records_at(abort), 1);
    CHECK(!has_horizon(abort));
    f.opening.recovery_point = log_end_offset(f.log);
    REQUIRE(disk_remove_file(f.disk, LOG_FIXTURE_FOLDER "/00000000000000000002.snapshot", NULL) == 0);
    REQUIRE(log_fixture_crash(&f) == 0);
    struct test_batch late = {.producer_id = 1, .sequence = 1, .transactional = true};
    CHECK_EQUAL(log_fixture_append(&f, &late, false), FURROW_STALE_PRODUCER_EPOCH);
    CHECK(log_fixture_close(&f));
}

/* Of a segment that cannot be read for certain nobody knows whose batches it has. */
static void a_segment_with_a_wrong_batch_keeps_all_markers(void)
{
    open_log();
    (void)plain("z");
    (void)plain("y");
    roll();
    (void)send(1, "a", 1);
    int64_t abort = end(1, 1, TEST_ABORT);
    (void)send(2, "b", 1);
    struct test_batch next = {.producer_id = 1, .epoch = 1, .transactional = true, .records = 1};
    REQUIRE(log_fixture_append(&f, &next, false) > 0 && end(1, 1, TEST_COMMIT) > 0);
    REQUIRE(end(2, 0, TEST_COMMIT) > 0);
    roll();
    REQUIRE(simulated_disk_flip_bit(f.disk, LOG_FIXTURE_FOLDER "/00000000000000000000.log", 600));
    for (int i = 0; i < 4; i++) {
        compact();
        f.now += 2 * RETENTION_MS;
    }
    struct log_read read;
    uint8_t bytes[1000];
    size_t got;
    struct batch_header header = {.count = 0};
    REQUIRE(log_fixture_read(&f, &read, abort, 10) == 0);
    REQUIRE(file_read(read.file, bytes, read.bytes, read.position, &got, NULL) == 0);
    REQUIRE(batch_parse_header(slice_of(bytes, got), &header, NULL) == 0);
    log_read_release(f.log, &read);
    CHECK_EQUAL(header.base_offset, abort);
    CHECK_EQUAL(header.attributes & BATCH_DELETE_HORIZON, 0);
    CHECK(log_fixture_close(&f));
}

/* Several segments become one: so do their indexes. */
static void indexes_are_joined_with_their_segments(void)
{
    open_log();
    for (int i = 0; i < 3; i++) {
        (void)send(1, "a", 1);
        (void)end(1, 0, TEST_ABORT);
        roll();
    }
    compact();
    CHECK_EQUAL(index_entries(), 3);
    CHECK_EQUAL(count_aborted(), 3);
    REQUIRE(log_fixture_restart(&f) == 0);
    CHECK_EQUAL(count_aborted(), 3);
    CHECK(log_fixture_close(&f));
}

/* ---- failures ---- */

/* Three segments; of two producers one aborts what it did in the second. */
static void open_for_failures(void)
{
    open_log();
    for (int i = 0; i < 3; i++) {
        (void)plain("a");
        (void)send(1, "b", 2);
        (void)send(2, "c", 1);
        (void)end(1, 0, i == 1 ? TEST_ABORT : TEST_COMMIT);
        (void)end(2, 0, TEST_COMMIT);
        roll();
    }
}

/* However far the run came: the last committed state is there, and what was aborted is gone or named. */
static void check_after_failure(void)
{
    CHECK_EQUAL(log_stable_end_offset(f.log), log_end_offset(f.log));
    CHECK(records_at(8) == 0 || count_aborted_from(8) == 1);
    CHECK_EQUAL(records_at(14), 1); /* the last of each key */
    CHECK(records_at(16) > 0);
    CHECK_EQUAL(records_at(17), 1);
}

static void a_failing_call_anywhere_loses_nothing(void)
{
    bool outlived = false;
    int64_t nth = 0;
    for (; !outlived; nth++) {
        open_for_failures();
        simulated_disk_fail_at(f.disk, nth, -EIO);
        int rc = try_to_compact();
        CHECK(rc == 0 || rc == -EIO);
        outlived = simulated_disk_fail_pending(f.disk);
        simulated_disk_fail_at(f.disk, -1, 0);
        check_after_failure();
        f.opening.recovery_point = log_end_offset(f.log);
        REQUIRE(log_fixture_crash(&f) == 0);
        check_after_failure();
        CHECK(log_fixture_close(&f));
    }
    CHECK(nth > 30);
}

static void without_memory_nothing_is_lost(void)
{
    bool pending = false;
    int64_t nth = 0;
    for (; !pending; nth++) {
        open_for_failures();
        memory_fail_at(&f.memory, nth);
        int rc = try_to_compact();
        CHECK(rc == 0 || rc == -ENOMEM);
        pending = memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        check_after_failure();
        CHECK(log_fixture_close(&f));
    }
    CHECK(nth > 10);
}

SUITE("compaction_transactions", CHECK_TEST(what_was_aborted_goes_at_once_and_supersedes_nothing),
      CHECK_TEST(what_was_committed_is_compacted_like_all_else),
      CHECK_TEST(the_marker_that_fences_an_active_producer_stays),
      CHECK_TEST(a_segment_with_a_wrong_batch_keeps_all_markers), CHECK_TEST(indexes_are_joined_with_their_segments),
      CHECK_TEST(a_failing_call_anywhere_loses_nothing), CHECK_TEST(without_memory_nothing_is_lost))
