#include "segment_tail.h"

#include "log_fixture.h"
#include "simulated_disk.h"

#include "check.h"

#define FIRST_LOG LOG_FIXTURE_FOLDER "/00000000000000000000.log"

static void append(struct log_fixture *f, int count, uint32_t size)
{
    for (int i = 0; i < count; i++) {
        struct test_batch batch = {.records = 2, .size = size};
        REQUIRE(log_fixture_append(f, &batch, false) >= 0);
    }
}

static void find(struct log_fixture *f, struct segment_tail *tail)
{
    struct file *file;
    REQUIRE(disk_open_file(f->disk, FIRST_LOG, FILE_READ, &file, NULL) == 0);
    CHECK_EQUAL(segment_find_tail(tail, f->disk, LOG_FIXTURE_FOLDER, 0, file, &f->error), 0);
    file_close(file);
}

static void it_is_behind_the_last_batch_of_a_log_in_use(void)
{
    struct log_fixture f;
    struct segment_tail tail;
    log_fixture_init(&f, 1);
    f.config.index_interval_bytes = 300;
    REQUIRE(log_fixture_open(&f) == 0);
    find(&f, &tail);
    CHECK_EQUAL(tail.size, 0);
    CHECK_EQUAL(tail.end_offset, 0);
    for (int i = 0; i < 100; i++) {
        append(&f, 1, 200);
        find(&f, &tail);
        CHECK_EQUAL(tail.size, log_bytes(f.log));
        CHECK_EQUAL(tail.end_offset, log_end_offset(f.log));
    }
    CHECK(log_fixture_close(&f));
}

/* As a write under way looks to others, byte by byte; the index may already speak of what is not there. */
static void part_of_a_batch_is_left_out(void)
{
    struct log_fixture f;
    struct segment_tail tail;
    log_fixture_init(&f, 1);
    f.config.index_interval_bytes = 100;
    REQUIRE(log_fixture_open(&f) == 0);
    append(&f, 10, 200);
    uint64_t whole = log_bytes(f.log);
    append(&f, 1, 200);
    uint64_t size = log_bytes(f.log);
    REQUIRE(log_flush_for_stop(f.log, f.now, &f.error) == 0);
    log_fixture_shut(&f);
    for (uint64_t left = size; left-- > whole;) {
        log_fixture_cut_file(&f, FIRST_LOG, left);
        find(&f, &tail);
        CHECK_EQUAL(tail.size, whole);
        CHECK_EQUAL(tail.end_offset, 20);
    }
    CHECK(log_fixture_close(&f));
}

static void a_batch_that_is_not_right_ends_it(void)
{
    struct log_fixture f;
    struct segment_tail tail;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    append(&f, 3, 200);
    uint64_t whole = log_bytes(f.log);
    append(&f, 2, 200);
    REQUIRE(simulated_disk_flip_bit(f.disk, FIRST_LOG, 8 * (whole + 100)));
    find(&f, &tail);
    CHECK_EQUAL(tail.size, whole);
    CHECK_EQUAL(tail.end_offset, 6);
    CHECK(log_fixture_close(&f));
}

SUITE("segment tail", CHECK_TEST(it_is_behind_the_last_batch_of_a_log_in_use), CHECK_TEST(part_of_a_batch_is_left_out),
      CHECK_TEST(a_batch_that_is_not_right_ends_it))
