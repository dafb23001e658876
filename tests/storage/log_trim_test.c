#include "check.h"
#include "log_fixture.h"
#include "log_trim.h"
#include "segment.h"
#include "simulated_disk.h"

#include <errno.h>

#define BATCHES 40

/* Segments of four batches of one record each, or nearly. */
static void fill(struct log_fixture *f, uint64_t seed)
{
    log_fixture_init(f, seed);
    f->config.segment_bytes = 1000;
    REQUIRE(log_fixture_open(f) == 0);
    for (int i = 0; i < BATCHES; i++)
        REQUIRE(log_fixture_append(f, &(struct test_batch){.size = 160}, true) == i);
}

/* As the data folder's checkpoint, written and durable. */
static void save_start(struct log_fixture *f)
{
    f->opening.log_start = log_start_offset(f->log);
    log_note_start_saved(f->log, f->opening.log_start);
}

static void move_start(struct log_fixture *f, int64_t offset)
{
    REQUIRE(log_set_start_offset(f->log, offset, NULL) == 0);
    save_start(f);
}

static int trim_all(struct log_fixture *f)
{
    struct log_trim *trim;
    int rc = log_trim_begin(f->log, &trim, &f->error);
    if (rc != 0 || trim == NULL)
        return rc;
    rc = log_trim_execute(trim, &f->error);
    if (rc == 0)
        rc = log_trim_remove(trim, &f->error);
    log_trim_end(f->log, trim);
    return rc;
}

struct file_count {
    int logs, others, aside;
};

static int count_file(void *context, const struct disk_entry *entry)
{
    struct file_count *count = context;
    int64_t base_offset;
    enum segment_part part;
    size_t size = strlen(entry->name);
    if (size > 8 && strcmp(entry->name + size - 8, ".deleted") == 0)
        count->aside++;
    else if (segment_parse_name(entry->name, &base_offset, &part))
        *(part == SEGMENT_LOG ? &count->logs : &count->others) += 1;
    return 0;
}

static struct file_count count_files(struct log_fixture *f)
{
    struct file_count count = {0};
    REQUIRE(disk_list(f->disk, LOG_FIXTURE_FOLDER, count_file, &count, NULL) == 0);
    return count;
}

/* ---- what goes and what stays ---- */

static void segments_wholly_below_the_start_go_with_all_their_files(void)
{
    struct log_fixture f;
    fill(&f, 1);
    struct file_count before = count_files(&f);
    uint64_t bytes = log_bytes(f.log);
    move_start(&f, 18);
    REQUIRE(trim_all(&f) == 0);
    struct file_count after = count_files(&f);
    CHECK_EQUAL(before.logs, 10);
    CHECK_EQUAL(after.logs, 6); /* 0, 4, 8 and 12 are gone; 18 lies in the segment of 16 */
    CHECK_EQUAL(after.others, 6 * 3);
    CHECK_EQUAL(after.aside, 0);
    CHECK_EQUAL(log_bytes(f.log), bytes * 6 / 10);
    CHECK_EQUAL(log_fixture_count_records(&f, 18, 5000), BATCHES - 18);
    struct log_read read;
    CHECK_EQUAL(log_fixture_read(&f, &read, 17, 5000), FURROW_OUT_OF_RANGE);
    REQUIRE(log_fixture_append(&f, &(struct test_batch){.size = 160}, true) == BATCHES);
    CHECK(log_fixture_close(&f));
}

static void a_start_that_is_not_saved_lets_nothing_go(void)
{
    struct log_fixture f;
    fill(&f, 1);
    REQUIRE(log_set_start_offset(f.log, 30, NULL) == 0);
    struct log_trim *trim;
    REQUIRE(log_trim_begin(f.log, &trim, NULL) == 0);
    CHECK(trim == NULL);
    log_note_start_saved(f.log, 10);
    REQUIRE(log_trim_begin(f.log, &trim, NULL) == 0);
    REQUIRE(trim != NULL);
    CHECK_EQUAL(log_trim_segments(trim), 2);
    log_trim_end(f.log, trim);
    CHECK(log_fixture_close(&f));
}

static void the_last_segment_stays_though_all_of_it_lies_below(void)
{
    struct log_fixture f;
    fill(&f, 1);
    move_start(&f, BATCHES);
    REQUIRE(trim_all(&f) == 0);
    CHECK_EQUAL(count_files(&f).logs, 1);
    CHECK_EQUAL(log_fixture_append(&f, &(struct test_batch){.size = 160}, true), BATCHES);
    REQUIRE(log_fixture_restart(&f) == 0);
    CHECK(log_start_offset(f.log) == BATCHES && log_end_offset(f.log) == BATCHES + 1);
    CHECK(log_fixture_close(&f));
}

static void files_are_set_aside_first_and_removed_later(void)
{
    struct log_fixture f;
    fill(&f, 1);
    move_start(&f, 20);
    struct log_trim *trim, *another;
    REQUIRE(log_trim_begin(f.log, &trim, NULL) == 0);
    REQUIRE(log_trim_execute(trim, NULL) == 0);
    CHECK_EQUAL(count_files(&f).aside, 5 * 4 - 1); /* the first segment has no snapshot */
    REQUIRE(log_trim_begin(f.log, &another, NULL) == 0);
    CHECK(another == NULL);
    REQUIRE(log_trim_execute(trim, NULL) == 0); /* again, for nothing */
    REQUIRE(log_trim_remove(trim, NULL) == 0);
    CHECK_EQUAL(count_files(&f).aside, 0);
    REQUIRE(log_trim_remove(trim, NULL) == 0);
    log_trim_end(f.log, trim);
    CHECK(log_fixture_close(&f));
}

static void a_trim_of_a_log_that_is_abandoned_touches_nothing(void)
{
    struct log_fixture f;
    fill(&f, 1);
    move_start(&f, 20);
    struct log_trim *trim;
    REQUIRE(log_trim_begin(f.log, &trim, NULL) == 0);
    log_abandon(f.log);
    REQUIRE(log_trim_execute(trim, NULL) == 0);
    REQUIRE(log_trim_remove(trim, NULL) == 0);
    CHECK_EQUAL(count_files(&f).logs, 10);
    log_trim_end(f.log, trim);
    CHECK(log_fixture_close(&f));
}

/* ---- readers ---- */

static void a_read_that_has_its_file_goes_on_with_it(void)
{
    struct log_fixture f;
    fill(&f, 1);
    struct log_read read;
    REQUIRE(log_fixture_read(&f, &read, 1, 200) == 0);
    uint8_t bytes[1000];
    size_t got = 0;
    REQUIRE(read.bytes > 0 && read.bytes < sizeof bytes);
    move_start(&f, 20);
    REQUIRE(trim_all(&f) == 0);
    REQUIRE(file_read(read.file, bytes, read.bytes, read.position, &got, NULL) == 0);
    struct batch_header header;
    slice batch, rest = slice_of(bytes, got);
    REQUIRE(batch_next(&rest, &header, &batch, NULL) == 1);
    CHECK(header.base_offset == 1 && batch_crc_matches(batch, &header));
    log_read_release(f.log, &read);
    CHECK_EQUAL(simulated_disk_open_files(f.disk), file_cache_open_count(f.files));
    CHECK(log_fixture_close(&f));
}

static void a_read_that_finds_the_file_gone_is_out_of_range(void)
{
    struct log_fixture f;
    fill(&f, 1);
    REQUIRE(log_fixture_restart(&f) == 0); /* no handle is open */
    struct log_read read = {.offset = 2, .end_offset = BATCHES, .max_bytes = 500};
    REQUIRE(log_read_begin(f.log, &read) == 0);
    move_start(&f, 20);
    REQUIRE(trim_all(&f) == 0);
    log_read_execute(&read);
    log_read_end(f.log, &read);
    CHECK_EQUAL(read.status, FURROW_OUT_OF_RANGE);
    CHECK_EQUAL(read.bytes, 0);
    CHECK(log_fixture_close(&f));
}

/* The read has opened the file itself: the cache must not get it, or the space would not come back. */
static void a_read_that_began_before_leaves_no_handle_behind(void)
{
    struct log_fixture f;
    fill(&f, 1);
    REQUIRE(log_fixture_restart(&f) == 0);
    struct log_read read = {.offset = 2, .end_offset = BATCHES, .max_bytes = 500};
    REQUIRE(log_read_begin(f.log, &read) == 0);
    log_read_execute(&read);
    CHECK_EQUAL(read.status, 0);
    move_start(&f, 20);
    REQUIRE(trim_all(&f) == 0);
    log_read_end(f.log, &read);
    CHECK_EQUAL(read.status, FURROW_OUT_OF_RANGE);
    CHECK_EQUAL(simulated_disk_open_files(f.disk), 0);
    CHECK(log_fixture_close(&f));
}

static void a_search_by_time_steps_over_what_was_trimmed_meanwhile(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.config.segment_bytes = 1000;
    REQUIRE(log_fixture_open(&f) == 0);
    for (int i = 0; i < BATCHES; i++, f.now += 1000)
        REQUIRE(log_fixture_append(&f, &(struct test_batch){.size = 160}, true) == i);
    REQUIRE(log_fixture_restart(&f) == 0);
    struct log_find *find;
    REQUIRE(log_find_begin(f.log, LOG_FIXTURE_TIME + 10000, BATCHES, &find, NULL) == 0);
    move_start(&f, 20);
    REQUIRE(trim_all(&f) == 0);
    log_find_execute(find);
    int64_t offset, timestamp;
    int32_t epoch;
    REQUIRE(log_find_end(f.log, find, &offset, &timestamp, &epoch, NULL) == 0);
    CHECK_EQUAL(offset, 20);
    CHECK(log_fixture_close(&f));
}

static void a_search_does_not_step_over_a_file_that_is_missing(void)
{
    struct log_fixture f;
    fill(&f, 1);
    REQUIRE(log_fixture_restart(&f) == 0);
    REQUIRE(disk_remove_file(f.disk, LOG_FIXTURE_FOLDER "/00000000000000000004.log", NULL) == 0);
    REQUIRE(disk_remove_file(f.disk, LOG_FIXTURE_FOLDER "/00000000000000000004.timeindex", NULL) == 0);
    CHECK_EQUAL(log_fixture_find(&f, LOG_FIXTURE_TIME + 1, &(int64_t){0}), -ENOENT);
    CHECK(log_fixture_close(&f));
}

/* ---- power and failures ---- */

/* Power goes at any call of a trim; the checkpoint is on the disk. The next start has the start, all that follows, and
 * nothing below. */
static void a_power_cut_at_any_call_loses_nothing_above_the_start(void)
{
    bool stopped = true;
    for (int64_t nth = 0; stopped; nth++) {
        struct log_fixture f;
        fill(&f, (uint64_t)nth + 1);
        move_start(&f, 18);
        f.opening.recovery_point = log_synced_end_offset(f.log);
        simulated_disk_stop_at(f.disk, nth);
        (void)!trim_all(&f);
        stopped = simulated_disk_is_stopped(f.disk);
        log_fixture_shut(&f);
        simulated_disk_power_cut(f.disk, (uint64_t)nth);
        REQUIRE(log_fixture_crash(&f) == 0);
        CHECK_EQUAL(log_start_offset(f.log), 18);
        CHECK_EQUAL(log_end_offset(f.log), BATCHES);
        CHECK_EQUAL(f.recovery.bytes_cut + f.recovery.segments_cut, 0);
        CHECK_EQUAL(log_fixture_count_records(&f, 18, 5000), BATCHES - 18);
        CHECK(count_files(&f).logs == 6 && count_files(&f).aside == 0);
        CHECK(log_fixture_close(&f));
    }
}

static void a_call_that_fails_is_tried_again(void)
{
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        struct log_fixture f;
        fill(&f, 1);
        move_start(&f, 18);
        struct log_trim *trim;
        REQUIRE(log_trim_begin(f.log, &trim, NULL) == 0);
        simulated_disk_fail_at(f.disk, nth, -EIO);
        int rc = log_trim_execute(trim, NULL);
        if (rc == 0)
            rc = log_trim_remove(trim, NULL);
        failed = !simulated_disk_fail_pending(f.disk);
        simulated_disk_fail_at(f.disk, -1, 0);
        CHECK_EQUAL(rc, failed ? -EIO : 0);
        CHECK(!log_is_offline(f.log));
        REQUIRE(log_trim_execute(trim, NULL) == 0);
        REQUIRE(log_trim_remove(trim, NULL) == 0);
        log_trim_end(f.log, trim);
        CHECK(count_files(&f).logs == 6 && count_files(&f).aside == 0);
        CHECK_EQUAL(log_fixture_count_records(&f, 18, 5000), BATCHES - 18);
        CHECK(log_fixture_close(&f));
    }
}

static void a_clean_start_removes_what_a_trim_has_left_too(void)
{
    struct log_fixture f;
    fill(&f, 1);
    move_start(&f, 18);
    REQUIRE(log_fixture_restart(&f) == 0);
    CHECK_EQUAL(count_files(&f).logs, 6);
    CHECK(log_start_offset(f.log) == 18 && log_end_offset(f.log) == BATCHES);
    CHECK_EQUAL(f.recovery.bytes_scanned, 0);
    CHECK_EQUAL(log_fixture_count_records(&f, 18, 5000), BATCHES - 18);
    CHECK(log_fixture_close(&f));
}

static void a_hole_below_the_start_is_no_damage(void)
{
    struct log_fixture f;
    fill(&f, 1);
    move_start(&f, 18);
    log_fixture_shut(&f);
    REQUIRE(disk_remove_file(f.disk, LOG_FIXTURE_FOLDER "/00000000000000000004.log", NULL) == 0);
    REQUIRE(disk_remove_file(f.disk, LOG_FIXTURE_FOLDER "/00000000000000000000.index", NULL) == 0);
    f.opening.recovery_point = 0;
    REQUIRE(log_fixture_crash(&f) == 0);
    CHECK_EQUAL(f.recovery.segments_cut, 0);
    CHECK_EQUAL(log_fixture_count_records(&f, 18, 5000), BATCHES - 18);
    CHECK(log_fixture_close(&f));
}

static void without_memory_nothing_has_left_the_log(void)
{
    struct log_fixture f;
    fill(&f, 1);
    move_start(&f, 18);
    struct log_trim *trim;
    memory_fail_at(&f.memory, 0);
    CHECK_EQUAL(log_trim_begin(f.log, &trim, NULL), -ENOMEM);
    memory_fail_at(&f.memory, -1);
    CHECK(trim == NULL);
    REQUIRE(trim_all(&f) == 0);
    CHECK_EQUAL(count_files(&f).logs, 6);
    CHECK(log_fixture_close(&f));
}

static void what_is_not_synced_waits_for_a_sync(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.config.segment_bytes = 1000;
    REQUIRE(log_fixture_open(&f) == 0);
    for (int i = 0; i < BATCHES; i++)
        REQUIRE(log_fixture_append(&f, &(struct test_batch){.size = 160}, false) == i);
    move_start(&f, 18);
    CHECK(log_trim_wants_sync(f.log));
    REQUIRE(trim_all(&f) == 0);
    CHECK_EQUAL(count_files(&f).logs, 10);
    REQUIRE(log_fixture_sync(&f) == 0);
    CHECK(!log_trim_wants_sync(f.log));
    REQUIRE(trim_all(&f) == 0);
    CHECK_EQUAL(count_files(&f).logs, 6);
    CHECK(log_fixture_close(&f));
}

/* ---- the last segment, by a roll ---- */

static int roll(struct log_fixture *f)
{
    struct log_write *write;
    int rc = log_roll_begin(f->log, f->now, &write, &f->error);
    if (rc != 0 || write == NULL)
        return rc;
    log_write_execute(write);
    struct error error = {0};
    CHECK(log_write_end(f->log, write, &error) == NULL);
    return error.code;
}

static void a_roll_lets_the_last_segment_go(void)
{
    struct log_fixture f;
    fill(&f, 1);
    REQUIRE(roll(&f) == 0);
    CHECK_EQUAL(log_active_base(f.log), BATCHES);
    CHECK_EQUAL(count_files(&f).logs, 11);
    REQUIRE(roll(&f) == 0); /* an empty one is not rolled */
    CHECK_EQUAL(count_files(&f).logs, 11);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 5000), BATCHES);
    move_start(&f, BATCHES);
    REQUIRE(log_fixture_sync(&f) == 0);
    REQUIRE(trim_all(&f) == 0);
    CHECK_EQUAL(count_files(&f).logs, 1);
    CHECK_EQUAL(log_bytes(f.log), 0);
    CHECK_EQUAL(log_fixture_append(&f, &(struct test_batch){.size = 160}, true), BATCHES);
    REQUIRE(log_fixture_restart(&f) == 0);
    CHECK(log_start_offset(f.log) == BATCHES && log_end_offset(f.log) == BATCHES + 1);
    CHECK(log_fixture_close(&f));
}

/* With it go the batches that a producer is known by: its sequence must go on all the same. */
static void an_idempotent_producer_outlives_all_its_records_and_a_power_cut(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    struct test_batch batch = {.idempotent = true, .producer_id = 7};
    for (batch.sequence = 0; batch.sequence < 5; batch.sequence++)
        REQUIRE(log_fixture_append(&f, &batch, true) == batch.sequence);
    REQUIRE(roll(&f) == 0);
    move_start(&f, 5);
    REQUIRE(log_fixture_sync(&f) == 0);
    f.opening.recovery_point = log_synced_end_offset(f.log);
    REQUIRE(trim_all(&f) == 0);
    log_fixture_shut(&f);
    simulated_disk_power_cut(f.disk, 1);
    REQUIRE(log_fixture_crash(&f) == 0);
    batch.sequence = 6;
    CHECK_EQUAL(log_fixture_append(&f, &batch, true), FURROW_OUT_OF_ORDER_SEQUENCE);
    batch.sequence = 5;
    CHECK_EQUAL(log_fixture_append(&f, &batch, true), 5);
    CHECK(log_fixture_close(&f));
}

static void a_power_cut_at_any_call_of_roll_and_trim_loses_nothing_above_the_start(void)
{
    bool stopped = true;
    for (int64_t nth = 0; stopped; nth++) {
        struct log_fixture f;
        fill(&f, (uint64_t)nth + 1);
        f.opening.recovery_point = log_synced_end_offset(f.log);
        simulated_disk_stop_at(f.disk, nth);
        if (roll(&f) == 0 && log_fixture_sync(&f) == 0) {
            move_start(&f, BATCHES);
            (void)!trim_all(&f);
        }
        stopped = simulated_disk_is_stopped(f.disk);
        log_fixture_shut(&f);
        simulated_disk_power_cut(f.disk, (uint64_t)nth);
        int64_t start = f.opening.log_start > 0 ? f.opening.log_start : 0;
        REQUIRE(log_fixture_crash(&f) == 0);
        CHECK_EQUAL(log_start_offset(f.log), start);
        CHECK_EQUAL(log_end_offset(f.log), BATCHES);
        CHECK_EQUAL(log_fixture_count_records(&f, start, 5000), BATCHES - start);
        CHECK_EQUAL(log_fixture_append(&f, &(struct test_batch){.size = 160}, true), BATCHES);
        CHECK(log_fixture_close(&f));
    }
}

static void a_roll_that_fails_leaves_the_log_as_it_was(void)
{
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        struct log_fixture f;
        fill(&f, 1);
        simulated_disk_fail_at(f.disk, nth, -EIO);
        int rc = roll(&f);
        failed = !simulated_disk_fail_pending(f.disk);
        simulated_disk_fail_at(f.disk, -1, 0);
        CHECK_EQUAL(rc, failed ? -EIO : 0);
        CHECK_EQUAL(log_active_base(f.log), failed ? 36 : BATCHES);
        CHECK_EQUAL(log_fixture_append(&f, &(struct test_batch){.size = 160}, true), BATCHES);
        REQUIRE(roll(&f) == 0);
        CHECK_EQUAL(log_fixture_count_records(&f, 0, 5000), BATCHES + 1);
        REQUIRE(log_fixture_restart(&f) == 0);
        CHECK_EQUAL(log_fixture_count_records(&f, 0, 5000), BATCHES + 1);
        CHECK(log_fixture_close(&f));
    }
}

SUITE("log_trim", CHECK_TEST(segments_wholly_below_the_start_go_with_all_their_files),
      CHECK_TEST(a_start_that_is_not_saved_lets_nothing_go),
      CHECK_TEST(the_last_segment_stays_though_all_of_it_lies_below),
      CHECK_TEST(files_are_set_aside_first_and_removed_later),
      CHECK_TEST(a_trim_of_a_log_that_is_abandoned_touches_nothing),
      CHECK_TEST(a_read_that_has_its_file_goes_on_with_it), CHECK_TEST(a_read_that_finds_the_file_gone_is_out_of_range),
      CHECK_TEST(a_read_that_began_before_leaves_no_handle_behind),
      CHECK_TEST(a_search_by_time_steps_over_what_was_trimmed_meanwhile),
      CHECK_TEST(a_search_does_not_step_over_a_file_that_is_missing),
      CHECK_TEST(a_power_cut_at_any_call_loses_nothing_above_the_start), CHECK_TEST(a_call_that_fails_is_tried_again),
      CHECK_TEST(a_clean_start_removes_what_a_trim_has_left_too), CHECK_TEST(a_hole_below_the_start_is_no_damage),
      CHECK_TEST(without_memory_nothing_has_left_the_log), CHECK_TEST(what_is_not_synced_waits_for_a_sync),
      CHECK_TEST(a_roll_lets_the_last_segment_go),
      CHECK_TEST(an_idempotent_producer_outlives_all_its_records_and_a_power_cut),
      CHECK_TEST(a_power_cut_at_any_call_of_roll_and_trim_loses_nothing_above_the_start),
      CHECK_TEST(a_roll_that_fails_leaves_the_log_as_it_was))
