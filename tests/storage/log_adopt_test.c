/* Folders that were copied in: their records are kept. */
#include "check.h"
#include "log_fixture.h"
#include "simulated_disk.h"

#include <errno.h>
#include <inttypes.h>

#define OTHER_TOPIC ((struct uuid){{9}})
#define BATCHES     40
#define PER_SEGMENT 5

static struct log_fixture f;

/* Several segments of batches of one record. */
static void start(void)
{
    log_fixture_init(&f, 1);
    f.config.segment_bytes = 1000;
    REQUIRE(log_fixture_open(&f) == 0);
    for (int i = 0; i < BATCHES; i++)
        CHECK_EQUAL(log_fixture_append(&f, &(struct test_batch){.size = 100, .content = (uint64_t)i}, true), i);
    CHECK_EQUAL(log_active_base(f.log), BATCHES - PER_SEGMENT);
}

static void path_of(int64_t base, const char *suffix, char path[64])
{
    snprintf(path, 64, LOG_FIXTURE_FOLDER "/%020" PRId64 "%s", base, suffix);
}

static void damage(int64_t base, uint64_t byte)
{
    char path[64];
    path_of(base, ".log", path);
    CHECK(simulated_disk_flip_bit(f.disk, path, byte * 8));
}

/* Opened for another topic than it was written for. */
static int adopt(bool clean)
{
    log_fixture_shut(&f);
    f.opening = (struct log_opening){.clean = clean, .topic_id = OTHER_TOPIC};
    return log_fixture_open(&f);
}

static void nothing_is_cut_behind_a_bad_batch_of_a_closed_segment(void)
{
    for (int clean = 0; clean < 2; clean++) {
        start();
        damage(0, 100);
        REQUIRE(adopt(clean) == 0);
        CHECK(f.recovery.adopted && f.recovery.bytes_cut == 0 && f.recovery.segments_cut == 0);
        CHECK_EQUAL(log_end_offset(f.log), BATCHES);
        CHECK_EQUAL(log_fixture_count_readable(&f), BATCHES - 1);
        CHECK(log_fixture_close(&f));
    }
}

static void a_torn_end_is_cut_and_nothing_before_it(void)
{
    start();
    int64_t last_base = log_active_base(f.log);
    damage(last_base, 100);
    REQUIRE(adopt(true) == 0);
    CHECK(f.recovery.adopted && f.recovery.cut_offset == last_base);
    CHECK_EQUAL(log_end_offset(f.log), last_base);
    CHECK_EQUAL(log_fixture_append(&f, &(struct test_batch){.size = 100}, true), last_base);
    CHECK(log_fixture_close(&f));
}

/* As compaction leaves it: the batch before the last segment is gone. */
static void offsets_that_are_missing_before_the_last_segment_are_no_damage(void)
{
    start();
    int64_t last_base = log_active_base(f.log);
    char path[64];
    struct file *file;
    uint64_t size;
    path_of(last_base - PER_SEGMENT, ".log", path);
    REQUIRE(disk_open_file(f.disk, path, FILE_READ_WRITE, &file, &f.error) == 0);
    REQUIRE(file_size(file, &size, NULL) == 0 &&
            file_truncate(file, size / PER_SEGMENT * (PER_SEGMENT - 1), NULL) == 0);
    file_close(file);
    REQUIRE(adopt(true) == 0);
    CHECK(f.recovery.bytes_cut == 0 && f.recovery.segments_cut == 0);
    CHECK_EQUAL(log_end_offset(f.log), BATCHES);
    CHECK_EQUAL(log_fixture_count_readable(&f), BATCHES);
    CHECK(log_fixture_close(&f));
}

static void its_new_records_have_a_higher_leader_epoch(void)
{
    start();
    int32_t epoch = log_leader_epoch(f.log);
    REQUIRE(adopt(true) == 0);
    CHECK(log_leader_epoch(f.log) > epoch);
    CHECK(log_fixture_close(&f));
}

static void once_its_id_is_the_topics_it_is_the_topics(void)
{
    start();
    REQUIRE(adopt(false) == 0);
    REQUIRE(log_fixture_restart(&f) == 0);
    CHECK(f.recovery.adopted);
    REQUIRE(log_write_topic_id(f.disk, LOG_FIXTURE_FOLDER, OTHER_TOPIC, NULL) == 0);
    REQUIRE(log_fixture_restart(&f) == 0);
    CHECK(!f.recovery.adopted && f.recovery.bytes_scanned == 0);
    CHECK(uuid_equal(log_topic_id(f.log), OTHER_TOPIC));
    CHECK(log_fixture_close(&f));
}

static void an_empty_folder_is_not_adopted(void)
{
    log_fixture_init(&f, 1);
    f.opening.topic_id = OTHER_TOPIC;
    f.opening.clean = true;
    REQUIRE(log_fixture_open(&f) == 0);
    CHECK(!f.recovery.adopted);
    CHECK(log_fixture_close(&f));
}

/* It was all synced then: what is wrong in a closed segment now is no torn write. */
static void after_a_clean_stop_nothing_is_cut_of_closed_segments(void)
{
    start();
    REQUIRE(log_flush_for_stop(f.log, f.now, NULL) == 0);
    log_fixture_shut(&f);
    damage(0, 100);
    char path[64];
    path_of(0, ".index", path);
    REQUIRE(disk_remove_file(f.disk, path, NULL) == 0);
    f.opening = (struct log_opening){.clean = true};
    REQUIRE(log_fixture_open(&f) == 0);
    CHECK(f.recovery.bytes_cut == 0 && f.recovery.segments_cut == 0);
    CHECK_EQUAL(log_end_offset(f.log), BATCHES);
    CHECK_EQUAL(log_fixture_count_readable(&f), BATCHES - 1);
    CHECK(log_fixture_close(&f));
}

static void a_folder_that_begins_late_gets_no_segment_before_its_first(void)
{
    static const char *const suffixes[] = {".log", ".index", ".timeindex"};
    start();
    int64_t end = log_end_offset(f.log);
    log_fixture_shut(&f);
    for (int i = 0; i < 3; i++) {
        char path[64];
        path_of(0, suffixes[i], path);
        REQUIRE(disk_remove_file(f.disk, path, NULL) == 0);
    }
    REQUIRE(log_create_files(f.disk, LOG_FIXTURE_FOLDER, OTHER_TOPIC, NULL) == 0);
    CHECK(simulated_disk_is_all_synced(f.disk));
    struct uuid id;
    REQUIRE(log_read_topic_id(f.disk, LOG_FIXTURE_FOLDER, &id, NULL) == 0);
    CHECK(uuid_equal(id, LOG_FIXTURE_TOPIC_ID));
    REQUIRE(adopt(true) == 0);
    CHECK(log_start_offset(f.log) > 0 && log_start_offset(f.log) < end);
    CHECK_EQUAL(log_end_offset(f.log), end);
    CHECK(log_fixture_close(&f));
}

static void any_call_of_looking_at_the_folder_may_fail(void)
{
    start();
    log_fixture_shut(&f);
    for (int64_t nth = 0;; nth++) {
        simulated_disk_fail_at(f.disk, nth, -EIO);
        int rc = log_create_files(f.disk, LOG_FIXTURE_FOLDER, OTHER_TOPIC, &f.error);
        if (simulated_disk_fail_pending(f.disk)) {
            CHECK_EQUAL(rc, 0);
            break;
        }
        CHECK_EQUAL(rc, -EIO);
    }
    simulated_disk_fail_at(f.disk, -1, -EIO);
    CHECK(log_fixture_close(&f));
}

SUITE("log_adopt", CHECK_TEST(nothing_is_cut_behind_a_bad_batch_of_a_closed_segment),
      CHECK_TEST(a_torn_end_is_cut_and_nothing_before_it),
      CHECK_TEST(offsets_that_are_missing_before_the_last_segment_are_no_damage),
      CHECK_TEST(its_new_records_have_a_higher_leader_epoch), CHECK_TEST(once_its_id_is_the_topics_it_is_the_topics),
      CHECK_TEST(an_empty_folder_is_not_adopted), CHECK_TEST(after_a_clean_stop_nothing_is_cut_of_closed_segments),
      CHECK_TEST(a_folder_that_begins_late_gets_no_segment_before_its_first),
      CHECK_TEST(any_call_of_looking_at_the_folder_may_fail))
