#include "log_fixture.h"
#include "seeded_random.h"
#include "simulated_disk.h"

#include "check.h"

#include <errno.h>

#define MAX_RECORDS 3000

/* Timestamps by offset: what the searches are compared with. */
struct times {
    int64_t at[MAX_RECORDS];
    int64_t count;
};

static void append_at(struct log_fixture *f, struct times *times, int32_t records, int64_t timestamp, enum codec codec)
{
    struct test_batch batch = {
        .records = records, .size = 30, .timestamp = timestamp, .codec = codec, .content = (uint64_t)times->count};
    REQUIRE(log_fixture_append(f, &batch, false) == times->count);
    for (int32_t i = 0; i < records; i++)
        times->at[times->count++] = timestamp + i;
}

static int64_t first_at_or_after(const struct times *times, int64_t start, int64_t timestamp)
{
    for (int64_t i = start; i < times->count; i++) {
        if (times->at[i] >= timestamp)
            return i;
    }
    return -1;
}

static int64_t first_largest(const struct times *times, int64_t start)
{
    int64_t best = -1;
    for (int64_t i = start; i < times->count; i++) {
        if (best < 0 || times->at[i] > times->at[best])
            best = i;
    }
    return best;
}

static void check_all(struct log_fixture *f, const struct times *times, int64_t start)
{
    int64_t found;
    for (int64_t timestamp = LOG_FIXTURE_TIME - 100; timestamp < LOG_FIXTURE_TIME + 30000; timestamp += 123) {
        int64_t expected = first_at_or_after(times, start, timestamp);
        CHECK_EQUAL(log_fixture_find(f, timestamp, &found), expected);
        CHECK_EQUAL(found, expected < 0 ? -1 : times->at[expected]);
    }
    int64_t largest = first_largest(times, start);
    CHECK_EQUAL(log_fixture_find(f, LOG_FIND_MAX_TIMESTAMP, &found), largest);
    CHECK_EQUAL(found, times->at[largest]);
}

static void fill(struct log_fixture *f, struct times *times, uint64_t seed, bool rising)
{
    struct seeded_random random = {seed};
    times->count = 0;
    log_fixture_init(f, seed);
    f->config.segment_bytes = 8000;
    f->config.index_interval_bytes = 600;
    REQUIRE(log_fixture_open(f) == 0);
    for (int i = 0; i < 400; i++) {
        int64_t timestamp = LOG_FIXTURE_TIME + i * 50;
        if (!rising)
            timestamp += (int64_t)random_below(&random, 8000) - 4000;
        append_at(f, times, 1 + (int32_t)random_below(&random, 6), timestamp,
                  random_chance(&random, 30) ? CODEC_ZSTD : CODEC_NONE);
    }
}

static void the_first_record_at_or_after_a_time_is_found(void)
{
    static struct times times;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct log_fixture f;
        fill(&f, &times, seed, seed % 2 == 0);
        check_all(&f, &times, 0);
        REQUIRE(log_fixture_restart(&f) == 0);
        check_all(&f, &times, 0);
        check_all(&f, &times, 0); /* now with what the first searches learned */
        REQUIRE(log_fixture_crash(&f) == 0);
        check_all(&f, &times, 0);
        CHECK(log_fixture_close(&f));
    }
}

static void records_before_the_start_are_not_found(void)
{
    static struct times times;
    struct log_fixture f;
    fill(&f, &times, 7, false);
    REQUIRE(log_set_start_offset(f.log, 501, NULL) == 0);
    check_all(&f, &times, 501);
    REQUIRE(log_fixture_restart(&f) == 0);
    check_all(&f, &times, 501);
    CHECK(log_fixture_close(&f));
}

static void an_empty_log_has_no_record_at_any_time(void)
{
    struct log_fixture f;
    int64_t found;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    CHECK_EQUAL(log_fixture_find(&f, 0, &found), -1);
    CHECK_EQUAL(found, -1);
    CHECK_EQUAL(log_fixture_find(&f, LOG_FIND_MAX_TIMESTAMP, &found), -1);
    CHECK(log_fixture_close(&f));
}

static void without_timestamps_nothing_is_found(void)
{
    static struct times times;
    struct log_fixture f;
    int64_t found;
    times.count = 0;
    log_fixture_init(&f, 1);
    f.config.segment_bytes = 1000;
    REQUIRE(log_fixture_open(&f) == 0);
    for (int i = 0; i < 50; i++)
        append_at(&f, &times, 1, -1, CODEC_NONE);
    CHECK_EQUAL(log_fixture_find(&f, 0, &found), -1);
    CHECK_EQUAL(log_fixture_find(&f, LOG_FIND_MAX_TIMESTAMP, &found), -1);
    REQUIRE(log_fixture_crash(&f) == 0);
    CHECK_EQUAL(log_fixture_find(&f, LOG_FIND_MAX_TIMESTAMP, &found), -1);
    CHECK(log_fixture_close(&f));
}

static void append_time_gives_the_first_record_of_the_batch(void)
{
    struct log_fixture f;
    int64_t found;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    for (int i = 0; i < 3; i++) {
        struct test_batch what = {.records = 4, .timestamp = 5, .content = (uint64_t)i};
        struct log_append *append = test_append_make(&f.memory, &what);
        batch_stamp_log_append_time(append->batch, append->size, LOG_FIXTURE_TIME + i);
        REQUIRE(batch_parse_header(slice_of(append->batch, append->size), &append->header, NULL) == 0);
        REQUIRE(log_fixture_append_queue(&f, append, false) == 0);
        test_append_free(&f.memory, append);
    }
    CHECK_EQUAL(log_fixture_find(&f, LOG_FIXTURE_TIME + 1, &found), 4);
    CHECK_EQUAL(found, LOG_FIXTURE_TIME + 1);
    CHECK_EQUAL(log_fixture_find(&f, LOG_FIND_MAX_TIMESTAMP, &found), 8);
    CHECK(log_fixture_close(&f));
}

static void a_search_reads_a_few_blocks_and_not_the_log(void)
{
    static struct times times;
    struct log_fixture f;
    int64_t found;
    fill(&f, &times, 8, true);
    REQUIRE(log_fixture_restart(&f) == 0);
    CHECK(log_fixture_find(&f, LOG_FIXTURE_TIME + 19000, &found) > 0); /* learns the largest timestamps */
    uint64_t before = simulated_disk_bytes_read(f.disk);
    CHECK(log_fixture_find(&f, LOG_FIXTURE_TIME + 10000, &found) > 0);
    CHECK(simulated_disk_bytes_read(f.disk) - before < 10000);
    CHECK(log_bytes(f.log) > 50000);
    CHECK(log_fixture_close(&f));
}

static void a_flipped_bit_in_the_batch_is_told(void)
{
    struct log_fixture f;
    int64_t found;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    struct test_batch batch = {.records = 2, .content = 1};
    REQUIRE(log_fixture_append(&f, &batch, false) == 0);
    simulated_disk_flip_bit(f.disk, LOG_FIXTURE_FOLDER "/00000000000000000000.log", 70 * 8);
    CHECK_EQUAL(log_fixture_find(&f, LOG_FIXTURE_TIME, &found), FURROW_CORRUPT);
    CHECK(log_fixture_close(&f));
}

static void searching_survives_each_disk_call_and_allocation_that_fails(void)
{
    static struct times times;
    struct log_fixture f;
    int64_t found;
    fill(&f, &times, 9, false);
    int64_t timestamp = LOG_FIXTURE_TIME + 9000;
    int64_t expected = first_at_or_after(&times, 0, timestamp);
    int64_t largest = first_largest(&times, 0);
    for (int kind = 0; kind < 4; kind++) {
        bool outlived = false;
        for (int64_t nth = 0; !outlived; nth++) {
            REQUIRE(log_fixture_restart(&f) == 0);
            if (kind % 2 == 0)
                simulated_disk_fail_at(f.disk, nth, -EIO);
            else
                memory_fail_at(&f.memory, nth);
            int64_t offset = log_fixture_find(&f, kind < 2 ? timestamp : LOG_FIND_MAX_TIMESTAMP, &found);
            CHECK(offset == (kind < 2 ? expected : largest) || offset == -EIO || offset == -ENOMEM);
            outlived = kind % 2 == 0 ? simulated_disk_fail_pending(f.disk) : memory_fail_pending(&f.memory);
            simulated_disk_fail_at(f.disk, -1, 0);
            memory_fail_at(&f.memory, -1);
        }
    }
    CHECK(log_fixture_close(&f));
}

SUITE("log_find", CHECK_TEST(the_first_record_at_or_after_a_time_is_found),
      CHECK_TEST(records_before_the_start_are_not_found), CHECK_TEST(an_empty_log_has_no_record_at_any_time),
      CHECK_TEST(without_timestamps_nothing_is_found), CHECK_TEST(append_time_gives_the_first_record_of_the_batch),
      CHECK_TEST(a_search_reads_a_few_blocks_and_not_the_log), CHECK_TEST(a_flipped_bit_in_the_batch_is_told),
      CHECK_TEST(searching_survives_each_disk_call_and_allocation_that_fails))
