/* Bit rot is found and no longer served, and nothing else changes. */
#include "log_scrub.h"

#include "check.h"
#include "log_fixture.h"
#include "simulated_disk.h"

#include <errno.h>
#include <inttypes.h>

#define BATCHES     40
#define PER_SEGMENT 5

static struct log_fixture f;
static uint32_t batch_bytes;

static void start(void)
{
    log_fixture_init(&f, 1);
    f.config.segment_bytes = 1000;
    REQUIRE(log_fixture_open(&f) == 0);
    for (int i = 0; i < BATCHES; i++)
        CHECK_EQUAL(log_fixture_append(&f, &(struct test_batch){.size = 100, .content = (uint64_t)i}, true), i);
    CHECK_EQUAL(log_active_base(f.log), BATCHES - PER_SEGMENT);
    batch_bytes = (uint32_t)(log_bytes(f.log) / BATCHES);
}

static void damage(int64_t base, uint64_t byte)
{
    char path[64];
    snprintf(path, sizeof path, LOG_FIXTURE_FOLDER "/%020" PRId64 ".log", base);
    CHECK(simulated_disk_flip_bit(f.disk, path, byte * 8));
}

/* One segment, in slices. False when there is none. */
static bool scrub(int64_t behind, uint32_t budget, struct log_scrub_result *result)
{
    struct log_scrub *scrub;
    REQUIRE(log_scrub_begin(f.log, behind, &scrub, &f.error) == 0);
    if (scrub == NULL)
        return false;
    int rc;
    do
        rc = log_scrub_execute(scrub, budget);
    while (rc == 1);
    CHECK_EQUAL(rc, 0);
    log_scrub_end(f.log, scrub, result);
    return true;
}

static void every_segment_is_looked_at_once(void)
{
    start();
    struct log_scrub_result result = {.base_offset = -1};
    int segments = 0;
    uint64_t bytes = 0;
    while (scrub(result.base_offset, 300, &result)) {
        CHECK_EQUAL(result.base_offset, segments * PER_SEGMENT);
        CHECK_EQUAL(result.found, 0);
        bytes += result.bytes;
        segments++;
    }
    CHECK_EQUAL(segments, BATCHES / PER_SEGMENT);
    CHECK_EQUAL(bytes, log_bytes(f.log));
    CHECK(log_fixture_close(&f));
}

/* They were right when they were read before. */
static void what_is_found_is_not_served_any_more(void)
{
    start();
    CHECK_EQUAL(log_fixture_count_readable(&f), BATCHES);
    damage(5, batch_bytes + 100);
    CHECK_EQUAL(log_fixture_count_readable(&f),
                BATCHES); /* from memory, as far as a simulated disk has one: nobody looks again */
    struct log_scrub_result result;
    REQUIRE(scrub(0, UINT32_MAX, &result));
    CHECK_EQUAL(result.base_offset, 5);
    CHECK_EQUAL(result.found, 1);
    CHECK_EQUAL(result.findings[0].offset, 6);
    CHECK_EQUAL(result.findings[0].position, batch_bytes);
    CHECK_EQUAL(result.findings[0].bytes, batch_bytes);
    CHECK(strstr(result.findings[0].words, "CRC") != NULL);
    struct log_read read;
    CHECK_EQUAL(log_fixture_read(&f, &read, 6, 1), FURROW_CORRUPT);
    log_read_release(f.log, &read);
    CHECK_EQUAL(log_fixture_count_readable(&f), BATCHES - 1);
    CHECK(!log_is_offline(f.log));
    CHECK(log_fixture_close(&f));
}

static void a_broken_header_hides_nothing_behind_it(void)
{
    start();
    damage(0, 16); /* the magic */
    damage(0, 3 * batch_bytes + 100);
    for (uint32_t budget = 1; budget < 2000; budget += 333) {
        struct log_scrub_result result;
        REQUIRE(scrub(-1, budget, &result));
        CHECK_EQUAL(result.found, 2);
        CHECK_EQUAL(result.findings[0].position, 0);
        CHECK_EQUAL(result.findings[0].bytes, batch_bytes);
        CHECK_EQUAL(result.findings[1].offset, 3);
    }
    CHECK(log_fixture_close(&f));
}

static void a_disk_that_cannot_be_read_is_a_finding(void)
{
    static const enum simulated_call calls[] = {SIMULATED_OPEN, SIMULATED_READ};
    for (int i = 0; i < 2; i++) {
        start();
        simulated_disk_fail_call_at(f.disk, calls[i], 0, -EIO);
        struct log_scrub_result result = {0};
        REQUIRE(scrub(-1, UINT32_MAX, &result));
        CHECK_EQUAL(result.found, 1);
        CHECK_EQUAL(log_fixture_count_readable(&f), BATCHES);
        CHECK(log_fixture_close(&f));
    }
}

static void what_ends_early_tells_what_it_has_seen(void)
{
    start();
    struct log_scrub *scrub;
    struct log_scrub_result result;
    REQUIRE(log_scrub_begin(f.log, -1, &scrub, &f.error) == 0);
    log_scrub_end(f.log, scrub, &result);
    CHECK(result.found == 0 && result.bytes == 0);
    REQUIRE(log_scrub_begin(f.log, -1, &scrub, &f.error) == 0);
    CHECK_EQUAL(log_scrub_execute(scrub, 1), 1);
    log_scrub_end(f.log, scrub, &result);
    CHECK_EQUAL(result.bytes, batch_bytes);
    CHECK(log_fixture_close(&f));
}

static void what_is_appended_meanwhile_is_left_to_the_next(void)
{
    start();
    struct log_scrub *scrub;
    struct log_scrub_result result;
    REQUIRE(log_scrub_begin(f.log, BATCHES - PER_SEGMENT - 1, &scrub, &f.error) == 0);
    CHECK_EQUAL(log_scrub_execute(scrub, 1), 1);
    for (int i = 0; i < 2 * PER_SEGMENT; i++)
        CHECK(log_fixture_append(&f, &(struct test_batch){.size = 100}, true) >= 0);
    while (log_scrub_execute(scrub, 1) == 1)
        ;
    log_scrub_end(f.log, scrub, &result);
    CHECK_EQUAL(result.found, 0);
    CHECK_EQUAL(result.bytes, PER_SEGMENT * batch_bytes);
    CHECK(log_fixture_close(&f));
}

static void any_allocation_may_fail(void)
{
    bool more = true;
    start();
    for (int64_t nth = 0; more; nth++) {
        struct log_scrub *scrub;
        struct log_scrub_result result;
        memory_fail_at(&f.memory, nth);
        int rc = log_scrub_begin(f.log, -1, &scrub, &f.error);
        if (rc == 0) {
            rc = log_scrub_execute(scrub, UINT32_MAX);
            log_scrub_end(f.log, scrub, &result);
            CHECK_EQUAL(result.found, 0);
        }
        more = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        CHECK_EQUAL(rc, more ? -ENOMEM : 0);
    }
    CHECK(log_fixture_close(&f));
}

SUITE("log_scrub", CHECK_TEST(every_segment_is_looked_at_once), CHECK_TEST(what_is_found_is_not_served_any_more),
      CHECK_TEST(a_broken_header_hides_nothing_behind_it), CHECK_TEST(a_disk_that_cannot_be_read_is_a_finding),
      CHECK_TEST(what_ends_early_tells_what_it_has_seen), CHECK_TEST(what_is_appended_meanwhile_is_left_to_the_next),
      CHECK_TEST(any_allocation_may_fail))
