/* Marks: what a background sync saves in a large segment, so that recovery has little to walk. */
#include "log_fixture.h"
#include "segment.h"
#include "simulated_disk.h"

#include "check.h"

#include <errno.h>

#define FIRST_INDEX LOG_FIXTURE_FOLDER "/00000000000000000000.index"
#define FIRST_TIMES LOG_FIXTURE_FOLDER "/00000000000000000000.timeindex"

static uint64_t bytes_read_by_crash(struct log_fixture *f)
{
    uint64_t before = simulated_disk_bytes_read(f->disk);
    REQUIRE(log_fixture_crash(f) == 0);
    return simulated_disk_bytes_read(f->disk) - before;
}

/* A segment with a mark near its end, which a power cut has spared. */
static void open_with_mark(struct log_fixture *f)
{
    log_fixture_init(f, 1);
    f->config.index_interval_bytes = 1000;
    f->mark_bytes = 300000;
    REQUIRE(log_fixture_open(f) == 0);
    log_fixture_append_pairs(f, 500, 1000); /* 1 MB */
    REQUIRE(log_fixture_sync(f) == 0);
    log_fixture_append_pairs(f, 10, 1000);
    REQUIRE(log_fixture_sync(f) == 0);
    f->opening.recovery_point = log_synced_end_offset(f->log);
    log_fixture_append_pairs(f, 10, 1000);
    log_fixture_shut(f);
    simulated_disk_power_cut(f->disk, 3);
}

static void a_mark_spares_recovery_what_lies_before_it(void)
{
    struct log_fixture f;
    uint8_t *right;
    uint8_t *made;
    size_t right_size;
    size_t made_size;
    open_with_mark(&f);
    CHECK(log_fixture_has_file(&f, LOG_FIXTURE_FOLDER "/00000000000000001000.snapshot"));
    CHECK(bytes_read_by_crash(&f) < 150000);
    CHECK(log_end_offset(f.log) >= 1020);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 100000), log_end_offset(f.log));
    /* The indexes are those of a walk from the start. */
    REQUIRE(disk_read_file(f.disk, FIRST_INDEX, 100000, MEMORY_REQUESTS, &made, &made_size, NULL) == 0);
    REQUIRE(disk_remove_file(f.disk, LOG_FIXTURE_FOLDER "/00000000000000001000.snapshot", NULL) == 0);
    CHECK(bytes_read_by_crash(&f) > 1000000);
    REQUIRE(disk_read_file(f.disk, FIRST_INDEX, 100000, MEMORY_REQUESTS, &right, &right_size, NULL) == 0);
    CHECK(slice_equal(slice_of(made, made_size), slice_of(right, right_size)));
    memory_free(&f.memory, MEMORY_REQUESTS, right, right_size);
    memory_free(&f.memory, MEMORY_REQUESTS, made, made_size);
    CHECK(log_fixture_close(&f));
}

static void a_mark_over_broken_indexes_is_not_believed(void)
{
    for (int i = 0; i < 4; i++) {
        struct log_fixture f;
        open_with_mark(&f);
        if (i == 0)
            log_fixture_cut_file(&f, FIRST_INDEX, 0);
        else if (i == 1)
            REQUIRE(disk_remove_file(f.disk, FIRST_TIMES, NULL) == 0);
        else if (i == 2)
            log_fixture_cut_file(&f, FIRST_TIMES, 12);
        else
            simulated_disk_flip_bit(f.disk, FIRST_INDEX, (uint64_t)400 * 8 * 8 + 60);
        REQUIRE(log_fixture_crash(&f) == 0);
        int64_t end = log_end_offset(f.log);
        CHECK(end >= 1020);
        CHECK_EQUAL(log_fixture_count_records(&f, 0, 100000), end);
        int64_t found;
        for (int64_t offset = 0; offset < end; offset += 50)
            CHECK_EQUAL(log_fixture_find(&f, LOG_FIXTURE_TIME + 10 + offset * 5, &found), offset);
        CHECK(log_fixture_close(&f));
    }
}

static void a_new_mark_replaces_the_one_before(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.mark_bytes = 10000;
    REQUIRE(log_fixture_open(&f) == 0);
    log_fixture_append_pairs(&f, 20, 1000);
    REQUIRE(log_fixture_sync(&f) == 0);
    CHECK(log_fixture_has_file(&f, LOG_FIXTURE_FOLDER "/00000000000000000040.snapshot"));
    log_fixture_append_pairs(&f, 20, 1000);
    REQUIRE(log_fixture_sync(&f) == 0);
    CHECK(!log_fixture_has_file(&f, LOG_FIXTURE_FOLDER "/00000000000000000040.snapshot"));
    CHECK(log_fixture_has_file(&f, LOG_FIXTURE_FOLDER "/00000000000000000080.snapshot"));
    struct log_sync *sync;
    REQUIRE(log_sync_begin(f.log, true, &sync, NULL) == 0);
    CHECK(sync == NULL);
    CHECK(log_fixture_close(&f));
}

static void a_mark_does_not_hold_what_a_write_under_way_has_noted(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.mark_bytes = 1000;
    REQUIRE(log_fixture_open(&f) == 0);
    log_fixture_append_pairs(&f, 20, 1000);
    struct test_batch batch = {.idempotent = true, .producer_id = 7, .timestamp = f.now, .content = 1};
    struct log_append *one = test_append_make(&f.memory, &batch);
    struct log_append *queue = one;
    struct log_append *done;
    struct log_write *write;
    REQUIRE(log_write_begin(f.log, &queue, f.now, &write, &done, NULL) == 0);
    REQUIRE(log_fixture_sync(&f) == 0);
    CHECK(!log_fixture_has_file(&f, LOG_FIXTURE_FOLDER "/00000000000000000040.snapshot"));
    (void)log_write_end(f.log, write, NULL);
    /* The next begin takes it, the next sync writes it. */
    queue = one;
    REQUIRE(log_write_begin(f.log, &queue, f.now, &write, &done, NULL) == 0);
    REQUIRE(log_fixture_sync(&f) == 0);
    (void)log_write_end(f.log, write, NULL);
    REQUIRE(log_fixture_has_file(&f, LOG_FIXTURE_FOLDER "/00000000000000000040.snapshot"));
    CHECK_EQUAL(log_fixture_file_size(&f, LOG_FIXTURE_FOLDER "/00000000000000000040.snapshot"), 10);
    test_append_free(&f.memory, one);
    CHECK(log_fixture_close(&f));
}

/* Both name a snapshot after the log's end; the failed roll takes it away. */
static void a_mark_does_not_count_when_a_roll_at_its_offset_fails(void)
{
    for (int late = 0; late < 2; late++) {
        struct log_fixture f;
        struct log_sync *sync;
        struct log_write *roll;
        log_fixture_init(&f, 1);
        f.mark_bytes = 1000;
        REQUIRE(log_fixture_open(&f) == 0);
        struct test_batch batch = {.size = 2000, .idempotent = true, .producer_id = 7, .content = 1};
        REQUIRE(log_fixture_append(&f, &batch, false) == 0);
        REQUIRE(log_sync_begin(f.log, true, &sync, NULL) == 0 && sync != NULL);
        if (!late)
            log_sync_execute(sync);
        REQUIRE(log_roll_begin(f.log, f.now, &roll, NULL) == 0 && roll != NULL);
        simulated_disk_fail_call_at(f.disk, SIMULATED_TRUNCATE, 2, -EIO);
        log_write_execute(roll);
        if (late)
            log_sync_execute(sync);
        (void)log_write_end(f.log, roll, NULL);
        REQUIRE(log_sync_end(f.log, sync, NULL) == 0);
        REQUIRE(log_fixture_restart(&f) == 0);
        batch.sequence = 5;
        CHECK_EQUAL(log_fixture_append(&f, &batch, false), FURROW_OUT_OF_ORDER_SEQUENCE);
        CHECK(log_fixture_close(&f));
    }
}

SUITE("log_mark", CHECK_TEST(a_mark_spares_recovery_what_lies_before_it),
      CHECK_TEST(a_mark_over_broken_indexes_is_not_believed), CHECK_TEST(a_new_mark_replaces_the_one_before),
      CHECK_TEST(a_mark_does_not_hold_what_a_write_under_way_has_noted),
      CHECK_TEST(a_mark_does_not_count_when_a_roll_at_its_offset_fails))
