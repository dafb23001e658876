#include "inspect.h"
#include "log_fixture.h"
#include "seeded_random.h"
#include "segment.h"
#include "simulated_disk.h"

#include "check.h"

#include <errno.h>

#define FIRST(ending) LOG_FIXTURE_FOLDER "/00000000000000000000" ending

struct found {
    int notes;
    int damages;
    int would_cut; /* of the damages */
    char words[ERROR_MESSAGE_MAX];
    char path[DISK_PATH_MAX];
};

static int on_finding(void *context, const struct finding *finding)
{
    struct found *found = context;
    found->notes += finding->level == FINDING_NOTE;
    found->damages += finding->level == FINDING_DAMAGE;
    found->would_cut += strstr(finding->words, "which the next start would cut") != NULL;
    snprintf(found->words, sizeof found->words, "%s", finding->words);
    snprintf(found->path, sizeof found->path, "%s", finding->path);
    return 0;
}

static int inspect(struct log_fixture *f, bool clean, int64_t recovery_point, struct found *found,
                   struct inspect_log *result)
{
    struct inspection inspection = {.disk = f->disk,
                                    .memory = &f->memory,
                                    .clean = clean,
                                    .leader_epoch = f->opening.leader_epoch,
                                    .on_finding = on_finding,
                                    .context = found};
    const struct inspect_known known = {recovery_point, f->opening.log_start};
    *found = (struct found){0};
    return inspect_log(&inspection, LOG_FIXTURE_FOLDER, &known, result, &f->error);
}

static void append(struct log_fixture *f, int count, uint32_t size)
{
    for (int i = 0; i < count; i++) {
        f->now += 10;
        struct test_batch batch = {.records = 2,
                                   .size = size,
                                   .content = (uint64_t)(log_end_offset(f->log) + 1),
                                   .idempotent = true,
                                   .producer_id = 7,
                                   .sequence = (int32_t)log_end_offset(f->log),
                                   .codec = i % 3 == 1 ? CODEC_ZSTD : CODEC_NONE};
        REQUIRE(log_fixture_append(f, &batch, false) == log_end_offset(f->log) - 2);
    }
}

static void stop(struct log_fixture *f)
{
    REQUIRE(log_flush_for_stop(f->log, f->now, &f->error) == 0);
    f->opening.recovery_point = log_end_offset(f->log);
    log_fixture_shut(f);
}

/* ---- nothing is wrong ---- */

static void a_log_after_a_clean_stop_is_sound(void)
{
    struct log_fixture f;
    struct found found;
    struct inspect_log result;
    log_fixture_init(&f, 1);
    f.config.segment_bytes = 20000;
    f.config.index_interval_bytes = 500;
    REQUIRE(log_fixture_open(&f) == 0);
    append(&f, 200, 100);
    int64_t end = log_end_offset(f.log);
    uint64_t bytes = log_bytes(f.log);
    stop(&f);
    REQUIRE(inspect(&f, true, end, &found, &result) == 0);
    CHECK_EQUAL(found.notes + found.damages, 0);
    CHECK_EQUAL(result.first_offset, 0);
    CHECK_EQUAL(result.end_offset, end);
    CHECK_EQUAL(result.bytes, bytes);
    CHECK_EQUAL(result.largest_epoch, 0);
    CHECK(log_fixture_close(&f));
}

/* What a process that was killed leaves behind is a matter of the next start, not damage. */
static void a_log_after_a_kill_has_notes_at_most(void)
{
    struct log_fixture f;
    struct found found;
    struct inspect_log result;
    log_fixture_init(&f, 1);
    f.config.segment_bytes = 20000;
    f.config.index_interval_bytes = 500;
    REQUIRE(log_fixture_open(&f) == 0);
    for (int i = 0; i < 100; i++) {
        append(&f, 3, 100);
        REQUIRE(inspect(&f, false, i % 2 == 0 ? 0 : log_end_offset(f.log), &found, &result) == 0);
        CHECK_EQUAL(found.damages, 0);
        CHECK_EQUAL(result.end_offset, log_end_offset(f.log));
    }
    CHECK(log_fixture_close(&f));
}

/* ---- what is wrong is found ---- */

static void every_bit_that_flips_is_found(void)
{
    static const char *const paths[] = {FIRST(".log"), FIRST(".index"), FIRST(".timeindex"),
                                        LOG_FIXTURE_FOLDER "/00000000000000000012.snapshot"};
    struct log_fixture f;
    struct found found;
    struct inspect_log result;
    log_fixture_init(&f, 1);
    f.config.index_interval_bytes = 100;
    REQUIRE(log_fixture_open(&f) == 0);
    append(&f, 6, 40);
    stop(&f);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        uint64_t bits = 8 * log_fixture_file_size(&f, paths[i]);
        CHECK(bits > 0);
        for (uint64_t bit = 0; bit < bits; bit++) {
            if (i == 2 && bit % 96 == 88)
                continue; /* names the other record of the batch, as Kafka once did */
            REQUIRE(simulated_disk_flip_bit(f.disk, paths[i], bit));
            REQUIRE(inspect(&f, true, 12, &found, &result) == 0);
            if (found.damages == 0)
                printf("%s: bit %llu\n", paths[i], (unsigned long long)bit);
            CHECK(found.damages > 0);
            REQUIRE(simulated_disk_flip_bit(f.disk, paths[i], bit));
        }
    }
    REQUIRE(inspect(&f, true, 12, &found, &result) == 0);
    CHECK_EQUAL(found.damages, 0);
    CHECK(log_fixture_close(&f));
}

static void a_torn_tail_is_a_note_where_the_start_cuts_it(void)
{
    struct log_fixture f;
    struct found found;
    struct inspect_log result;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    append(&f, 5, 40);
    uint64_t whole = log_bytes(f.log);
    append(&f, 1, 40);
    uint64_t size = log_bytes(f.log);
    stop(&f);
    log_fixture_cut_file(&f, FIRST(".log"), whole + (size - whole) / 2);
    REQUIRE(inspect(&f, false, 4, &found, &result) == 0);
    CHECK_EQUAL(found.damages, 0);
    CHECK(found.notes > 0);
    CHECK_EQUAL(result.end_offset, 10);
    /* The same tail of a clean stop, or before the recovery point, was lost since. */
    REQUIRE(inspect(&f, true, 12, &found, &result) == 0);
    CHECK(found.damages > 0);
    REQUIRE(inspect(&f, false, 12, &found, &result) == 0);
    CHECK(found.damages > 0);
    CHECK(log_fixture_close(&f));
}

static void good_batches_behind_a_bad_one_are_told(void)
{
    struct log_fixture f;
    struct found found;
    struct inspect_log result;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    append(&f, 3, 40);
    uint64_t position = log_bytes(f.log);
    append(&f, 3, 40);
    stop(&f);
    REQUIRE(simulated_disk_flip_bit(f.disk, FIRST(".log"), 8 * (position + 70)));
    REQUIRE(inspect(&f, false, 0, &found, &result) == 0);
    CHECK_EQUAL(found.would_cut, 1);
    CHECK_EQUAL(result.end_offset, 12);
    CHECK_EQUAL(result.damages, 1);
    CHECK(log_fixture_close(&f));
}

static void a_missing_index_is_a_note(void)
{
    struct log_fixture f;
    struct found found;
    struct inspect_log result;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    append(&f, 3, 40);
    stop(&f);
    REQUIRE(disk_remove_file(f.disk, FIRST(".timeindex"), NULL) == 0);
    REQUIRE(inspect(&f, true, 6, &found, &result) == 0);
    CHECK_EQUAL(found.damages, 0);
    CHECK_EQUAL(found.notes, 1);
    CHECK(strcmp(found.path, FIRST(".timeindex")) == 0);
    CHECK(log_fixture_close(&f));
}

static void copy(struct log_fixture *f, const char *from, const char *to)
{
    uint8_t *bytes;
    size_t size;
    REQUIRE(disk_read_file(f->disk, from, 1 << 20, MEMORY_LOGS, &bytes, &size, NULL) == 0);
    REQUIRE(disk_replace_file(f->disk, to, slice_of(bytes, size), NULL) == 0);
    memory_free(&f->memory, MEMORY_LOGS, bytes, size);
}

/* A kill in the middle of a compaction: the new segment counts, whatever names its indexes and the old ones have. */
static void a_compaction_that_was_interrupted_is_no_damage(void)
{
    struct log_fixture f;
    struct found found;
    struct inspect_log result;
    log_fixture_init(&f, 1);
    f.config.segment_bytes = 3000;
    f.config.index_interval_bytes = 100;
    REQUIRE(log_fixture_open(&f) == 0);
    append(&f, 40, 100);
    int64_t end = log_end_offset(f.log);
    stop(&f);
    copy(&f, FIRST(".log"), FIRST(".log.swap"));
    copy(&f, FIRST(".index"), FIRST(".timeindex")); /* of something else */
    REQUIRE(simulated_disk_flip_bit(f.disk, FIRST(".log"), 8 * 100));
    REQUIRE(inspect(&f, false, end, &found, &result) == 0);
    CHECK_EQUAL(found.damages, 0);
    CHECK_EQUAL(result.end_offset, end);
    REQUIRE(simulated_disk_flip_bit(f.disk, FIRST(".log.swap"), 8 * 100));
    REQUIRE(inspect(&f, false, end, &found, &result) == 0);
    CHECK_EQUAL(found.damages, 1);
    CHECK(strcmp(found.path, FIRST(".log.swap")) == 0);
    CHECK(log_fixture_close(&f));
}

static void a_log_that_ends_too_early_is_told(void)
{
    struct log_fixture f;
    struct found found;
    struct inspect_log result;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    append(&f, 3, 40);
    uint64_t whole = log_bytes(f.log);
    append(&f, 3, 40);
    stop(&f);
    log_fixture_cut_file(&f, FIRST(".log"), whole);
    REQUIRE(inspect(&f, false, 12, &found, &result) == 0);
    CHECK(found.damages > 0);
    CHECK(strstr(found.words, "ends at offset 6, but records up to 12 were synced") != NULL);
    CHECK(log_fixture_close(&f));
}

/* ---- power cuts ---- */

/* After any power cut: what the recovery point covers is sound, and where the walk sees the end, recovery puts it, but
 * for what good batches it says that a start would cut. */
static void after_a_power_cut_it_agrees_with_recovery(void)
{
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct log_fixture f;
        struct found found;
        struct inspect_log result;
        struct seeded_random random = {seed};
        int64_t point = 0;
        log_fixture_init(&f, seed);
        f.config.segment_bytes = 3000;
        f.config.index_interval_bytes = 300;
        REQUIRE(log_fixture_open(&f) == 0);
        REQUIRE(disk_sync_folder(f.disk, LOG_FIXTURE_FOLDER, NULL) == 0);
        REQUIRE(disk_sync_folder(f.disk, "", NULL) == 0);
        for (int i = 0; i < 30; i++) {
            append(&f, 1, 20 + (uint32_t)(random_next(&random) % 600));
            if (random_next(&random) % 8 == 0) {
                REQUIRE(log_fixture_sync(&f) == 0);
                point = log_end_offset(f.log);
            }
        }
        simulated_disk_power_cut(f.disk, seed);
        log_fixture_shut(&f);
        f.opening.recovery_point = point;
        f.opening.clean = false;
        f.opening.leader_epoch++;
        REQUIRE(inspect(&f, false, point, &found, &result) == 0);
        CHECK_EQUAL(found.damages, found.would_cut);
        CHECK(result.end_offset >= point);
        REQUIRE(log_fixture_open(&f) == 0);
        if (found.would_cut == 0)
            CHECK_EQUAL(log_end_offset(f.log), result.end_offset);
        CHECK(log_end_offset(f.log) <= result.end_offset);
        CHECK(log_fixture_close(&f));
    }
}

/* ---- failures ---- */

static void it_survives_any_failing_allocation_and_disk_call(void)
{
    struct log_fixture f;
    struct found found;
    struct inspect_log result;
    log_fixture_init(&f, 1);
    f.config.segment_bytes = 3000;
    REQUIRE(log_fixture_open(&f) == 0);
    append(&f, 20, 100);
    stop(&f);
    int failed = 0;
    for (int64_t nth = 0; nth < 40; nth++) {
        memory_fail_at(&f.memory, nth);
        int rc = inspect(&f, true, 40, &found, &result);
        memory_fail_at(&f.memory, -1);
        CHECK(rc == 0 || rc == -ENOMEM);
        failed += rc != 0;
    }
    CHECK(failed > 5);
    int told = 0;
    for (int64_t nth = 0; nth < 200; nth++) {
        simulated_disk_fail_at(f.disk, nth, -EIO);
        int rc = inspect(&f, true, 40, &found, &result);
        CHECK(simulated_disk_fail_pending(f.disk) || rc == -EIO || found.damages > 0);
        told += rc == 0 && found.damages > 0;
        simulated_disk_fail_at(f.disk, -1, 0);
    }
    CHECK(told > 5);
    CHECK(log_fixture_close(&f));
}

SUITE("inspect", CHECK_TEST(a_log_after_a_clean_stop_is_sound), CHECK_TEST(a_log_after_a_kill_has_notes_at_most),
      CHECK_TEST(every_bit_that_flips_is_found), CHECK_TEST(a_torn_tail_is_a_note_where_the_start_cuts_it),
      CHECK_TEST(good_batches_behind_a_bad_one_are_told), CHECK_TEST(a_missing_index_is_a_note),
      CHECK_TEST(a_compaction_that_was_interrupted_is_no_damage), CHECK_TEST(a_log_that_ends_too_early_is_told),
      CHECK_TEST(after_a_power_cut_it_agrees_with_recovery),
      CHECK_TEST(it_survives_any_failing_allocation_and_disk_call))
