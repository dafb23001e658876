#include "log_retention.h"

#include "check.h"
#include "log_fixture.h"
#include "log_trim.h"
#include "simulated_disk.h"

#include <errno.h>

#define HOUR ((int64_t)3600000)

static const struct retention_limits NO_LIMITS = {.ms = -1, .bytes = -1, .records = -1};

/* A clock that is right and was from the start on. */
static struct proven_time time_at(int64_t wall)
{
    struct proven_time time;
    struct clock_reading reading = {.wall = LOG_FIXTURE_TIME, .synchronised = true};
    int64_t jump;
    proven_time_init(&time, &reading);
    reading.wall = wall;
    reading.monotonic = wall - LOG_FIXTURE_TIME;
    (void)proven_time_note(&time, &reading, &jump);
    return time;
}

/* Ten segments of four records, an hour between records; the last segment has four too. */
static void fill(struct log_fixture *f)
{
    log_fixture_init(f, 1);
    f->config.segment_bytes = 1000;
    f->config.segment_ms = INT64_MAX;
    REQUIRE(log_fixture_open(f) == 0);
    for (int i = 0; i < 40; i++, f->now += HOUR)
        REQUIRE(log_fixture_append(f, &(struct test_batch){.size = 160}, true) == i);
    REQUIRE(log_active_base(f->log) == 36);
}

static struct retention_verdict decide(const struct log_fixture *f, const struct retention_limits *limits)
{
    struct proven_time time = time_at(f->now);
    return retention_decide(f->log, limits, &time);
}

static struct retention_verdict decide_by_time(const struct log_fixture *f, int64_t ms)
{
    struct retention_limits limits = NO_LIMITS;
    limits.ms = ms;
    return decide(f, &limits);
}

static struct retention_verdict decide_by_size(const struct log_fixture *f, int64_t bytes)
{
    struct retention_limits limits = NO_LIMITS;
    limits.bytes = bytes;
    return decide(f, &limits);
}

/* ---- by time ---- */

static void without_limits_everything_stays(void)
{
    struct log_fixture f;
    fill(&f);
    struct retention_verdict verdict = decide(&f, &NO_LIMITS);
    CHECK(verdict.start == 0 && !verdict.wants_roll && !verdict.wants_timestamps);
    CHECK(log_fixture_close(&f));
}

static void a_segment_goes_when_its_youngest_record_is_too_old(void)
{
    struct log_fixture f;
    fill(&f); /* the record of offset n is 40 - n hours old */
    CHECK_EQUAL(decide_by_time(&f, 37 * HOUR).start, 0);
    CHECK_EQUAL(decide_by_time(&f, 37 * HOUR - 1).start, 4);
    CHECK_EQUAL(decide_by_time(&f, 20 * HOUR).start, 20);
    CHECK_EQUAL(decide_by_time(&f, 5 * HOUR - 1).start, 36);
    CHECK(!decide_by_time(&f, HOUR).wants_roll);
    CHECK(log_fixture_close(&f));
}

static void the_last_segment_wants_to_be_rolled_when_all_of_it_is_too_old(void)
{
    struct log_fixture f;
    fill(&f);
    struct retention_verdict verdict = decide_by_time(&f, HOUR - 1);
    CHECK(verdict.start == 36 && verdict.wants_roll);
    CHECK(log_fixture_close(&f));
}

static void an_empty_log_has_nothing_to_give(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    struct retention_limits none = {0, 0, 0};
    struct retention_verdict verdict = decide(&f, &none);
    CHECK(verdict.start == 0 && !verdict.wants_roll && !verdict.wants_timestamps);
    CHECK_EQUAL(retention_oldest(f.log).bytes, 0);
    CHECK(log_fixture_close(&f));
}

static void a_segment_without_timestamps_goes_with_the_one_behind_it(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.config.segment_bytes = 1000;
    REQUIRE(log_fixture_open(&f) == 0);
    for (int i = 0; i < 12; i++)
        REQUIRE(log_fixture_append(&f, &(struct test_batch){.size = 160, .timestamp = i < 4 ? -1 : f.now}, true) == i);
    CHECK_EQUAL(decide_by_time(&f, 0).start, 0);
    f.now += HOUR;
    CHECK_EQUAL(decide_by_time(&f, HOUR).start, 0);
    CHECK_EQUAL(decide_by_time(&f, HOUR - 1).start, 8);
    CHECK(log_fixture_close(&f));
}

static void the_first_segment_that_is_young_enough_keeps_all_behind_it(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.config.segment_bytes = 1000;
    f.config.segment_ms = INT64_MAX;
    REQUIRE(log_fixture_open(&f) == 0);
    f.now += 100 * HOUR;
    for (int i = 0; i < 12; i++) {
        int64_t timestamp = i == 5 ? f.now : LOG_FIXTURE_TIME + i;
        REQUIRE(log_fixture_append(&f, &(struct test_batch){.size = 160, .timestamp = timestamp}, true) == i);
    }
    CHECK_EQUAL(decide_by_time(&f, HOUR).start, 4);
    CHECK(log_fixture_close(&f));
}

static void a_clock_that_jumped_lets_nothing_go(void)
{
    struct log_fixture f;
    fill(&f);
    struct proven_time time = time_at(f.now);
    struct clock_reading jumped = {.wall = f.now + 100 * 365 * 24 * HOUR, .monotonic = f.now - LOG_FIXTURE_TIME};
    int64_t jump;
    CHECK(proven_time_note(&time, &jumped, &jump));
    struct retention_limits limits = {.ms = 41 * HOUR, .bytes = -1, .records = -1};
    CHECK_EQUAL(retention_decide(f.log, &limits, &time).start, 0);
    CHECK(log_fixture_close(&f));
}

/* ---- by size and by count ---- */

static void by_size_goes_what_leaves_no_less_than_the_limit(void)
{
    struct log_fixture f;
    fill(&f);
    int64_t segment = (int64_t)log_bytes(f.log) / 10;
    CHECK_EQUAL(decide_by_size(&f, 10 * segment + 1).start, 0);
    CHECK_EQUAL(decide_by_size(&f, 9 * segment + 1).start, 0);
    CHECK_EQUAL(decide_by_size(&f, 9 * segment).start, 4);
    CHECK_EQUAL(decide_by_size(&f, segment + 1).start, 32);
    CHECK_EQUAL(decide_by_size(&f, 1).start, 36);
    CHECK(!decide_by_size(&f, 1).wants_roll);
    struct retention_verdict verdict = decide_by_size(&f, 0); /* as Kafka: then the last one goes too */
    CHECK(verdict.start == 36 && verdict.wants_roll);
    CHECK(log_fixture_close(&f));
}

static void what_lies_below_the_start_is_not_counted(void)
{
    struct log_fixture f;
    fill(&f);
    int64_t segment = (int64_t)log_bytes(f.log) / 10;
    REQUIRE(log_set_start_offset(f.log, 22, NULL) == 0);
    CHECK_EQUAL(retention_kept_bytes(f.log), 5 * segment);
    CHECK_EQUAL(decide_by_size(&f, 4 * segment).start, 24);
    CHECK_EQUAL(decide_by_size(&f, 5 * segment).start, 22);
    CHECK_EQUAL(retention_oldest(f.log).end_offset, 24);
    CHECK_EQUAL(retention_oldest(f.log).timestamp, LOG_FIXTURE_TIME + 23 * HOUR);
    CHECK(log_fixture_close(&f));
}

static void by_count_the_start_moves_to_the_record(void)
{
    struct log_fixture f;
    fill(&f);
    struct retention_limits limits = NO_LIMITS;
    limits.records = 7;
    CHECK_EQUAL(decide(&f, &limits).start, 33);
    limits.records = 40;
    CHECK_EQUAL(decide(&f, &limits).start, 0);
    limits.records = 0;
    CHECK_EQUAL(decide(&f, &limits).start, 40);
    CHECK(log_fixture_close(&f));
}

static void of_several_limits_the_strictest_counts(void)
{
    struct log_fixture f;
    fill(&f);
    struct retention_limits limits = {.ms = 20 * HOUR, .bytes = (int64_t)log_bytes(f.log) * 9 / 10, .records = 30};
    CHECK_EQUAL(decide(&f, &limits).start, 20);
    limits.records = 5;
    CHECK_EQUAL(decide(&f, &limits).start, 35);
    CHECK(log_fixture_close(&f));
}

/* ---- timestamps that are not known ---- */

static void learn(struct log_fixture *f, int expected)
{
    struct log_timestamps *job;
    REQUIRE(log_timestamps_begin(f->log, &job, NULL) == 0);
    REQUIRE(job != NULL);
    log_timestamps_execute(job);
    CHECK_EQUAL(log_timestamps_end(f->log, job, NULL), expected);
}

static void after_a_clean_start_timestamps_are_learnt_before_anything_goes(void)
{
    struct log_fixture f;
    fill(&f);
    REQUIRE(log_fixture_restart(&f) == 0);
    struct retention_verdict verdict = decide_by_time(&f, 20 * HOUR);
    CHECK(verdict.start == 0 && verdict.wants_timestamps);
    learn(&f, 0);
    verdict = decide_by_time(&f, 20 * HOUR);
    CHECK(verdict.start == 20 && !verdict.wants_timestamps);
    struct log_timestamps *job;
    REQUIRE(log_timestamps_begin(f.log, &job, NULL) == 0);
    CHECK(job == NULL);
    CHECK(log_fixture_close(&f));
}

static void without_a_time_index_the_batches_are_asked(void)
{
    struct log_fixture f;
    fill(&f);
    REQUIRE(log_fixture_restart(&f) == 0);
    REQUIRE(disk_remove_file(f.disk, LOG_FIXTURE_FOLDER "/00000000000000000000.timeindex", NULL) == 0);
    REQUIRE(simulated_disk_flip_bit(f.disk, LOG_FIXTURE_FOLDER "/00000000000000000008.timeindex", 3));
    REQUIRE(simulated_disk_flip_bit(f.disk, LOG_FIXTURE_FOLDER "/00000000000000000008.log", 8 * 8));
    learn(&f, 0);
    CHECK_EQUAL(decide_by_time(&f, 37 * HOUR).start, 0);
    CHECK_EQUAL(decide_by_time(&f, 37 * HOUR - 1).start, 4);
    CHECK(log_fixture_close(&f));
}

static void a_failing_disk_leaves_timestamps_unknown(void)
{
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        struct log_fixture f;
        fill(&f);
        REQUIRE(log_fixture_restart(&f) == 0);
        struct log_timestamps *job;
        REQUIRE(log_timestamps_begin(f.log, &job, NULL) == 0);
        simulated_disk_fail_at(f.disk, nth, -EIO);
        log_timestamps_execute(job);
        failed = !simulated_disk_fail_pending(f.disk);
        simulated_disk_fail_at(f.disk, -1, 0);
        CHECK_EQUAL(log_timestamps_end(f.log, job, NULL), failed ? -EIO : 0);
        if (failed)
            learn(&f, 0);
        CHECK_EQUAL(decide_by_time(&f, 20 * HOUR).start, 20);
        CHECK(log_fixture_close(&f));
    }
}

static void segments_that_go_meanwhile_are_no_failure_and_missing_ones_are(void)
{
    struct log_fixture f;
    fill(&f);
    REQUIRE(log_fixture_restart(&f) == 0);
    struct log_timestamps *job;
    REQUIRE(log_timestamps_begin(f.log, &job, NULL) == 0);
    REQUIRE(log_set_start_offset(f.log, 20, NULL) == 0);
    log_note_start_saved(f.log, 20);
    struct log_trim *trim;
    REQUIRE(log_trim_begin(f.log, &trim, NULL) == 0 && trim != NULL);
    REQUIRE(log_trim_execute(trim, NULL) == 0);
    log_trim_end(f.log, trim);
    log_timestamps_execute(job);
    CHECK_EQUAL(log_timestamps_end(f.log, job, NULL), 0);
    CHECK_EQUAL(decide_by_time(&f, 5 * HOUR - 1).start, 36);
    CHECK(log_fixture_close(&f));

    fill(&f);
    REQUIRE(log_fixture_restart(&f) == 0);
    REQUIRE(disk_remove_file(f.disk, LOG_FIXTURE_FOLDER "/00000000000000000004.log", NULL) == 0);
    REQUIRE(disk_remove_file(f.disk, LOG_FIXTURE_FOLDER "/00000000000000000004.timeindex", NULL) == 0);
    learn(&f, -ENOENT);
    CHECK(log_fixture_close(&f));
}

static void without_memory_learning_fails_and_nothing_leaks(void)
{
    for (int64_t nth = 0; nth < 3; nth++) {
        struct log_fixture f;
        fill(&f);
        REQUIRE(log_fixture_restart(&f) == 0);
        struct log_timestamps *job;
        memory_fail_at(&f.memory, nth);
        int rc = log_timestamps_begin(f.log, &job, NULL);
        if (rc == 0) {
            log_timestamps_execute(job);
            rc = log_timestamps_end(f.log, job, NULL);
        }
        CHECK(rc == -ENOMEM || memory_fail_pending(&f.memory));
        memory_fail_at(&f.memory, -1);
        CHECK(log_fixture_close(&f));
    }
}

SUITE("log_retention", CHECK_TEST(without_limits_everything_stays),
      CHECK_TEST(a_segment_goes_when_its_youngest_record_is_too_old),
      CHECK_TEST(the_last_segment_wants_to_be_rolled_when_all_of_it_is_too_old),
      CHECK_TEST(an_empty_log_has_nothing_to_give),
      CHECK_TEST(a_segment_without_timestamps_goes_with_the_one_behind_it),
      CHECK_TEST(the_first_segment_that_is_young_enough_keeps_all_behind_it),
      CHECK_TEST(a_clock_that_jumped_lets_nothing_go), CHECK_TEST(by_size_goes_what_leaves_no_less_than_the_limit),
      CHECK_TEST(what_lies_below_the_start_is_not_counted), CHECK_TEST(by_count_the_start_moves_to_the_record),
      CHECK_TEST(of_several_limits_the_strictest_counts),
      CHECK_TEST(after_a_clean_start_timestamps_are_learnt_before_anything_goes),
      CHECK_TEST(without_a_time_index_the_batches_are_asked), CHECK_TEST(a_failing_disk_leaves_timestamps_unknown),
      CHECK_TEST(segments_that_go_meanwhile_are_no_failure_and_missing_ones_are),
      CHECK_TEST(without_memory_learning_fails_and_nothing_leaks))
