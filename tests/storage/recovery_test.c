#include "log_fixture.h"
#include "segment.h"
#include "simulated_disk.h"

#include "check.h"

#include <errno.h>

#define FIRST_LOG   LOG_FIXTURE_FOLDER "/00000000000000000000.log"
#define FIRST_INDEX LOG_FIXTURE_FOLDER "/00000000000000000000.index"
#define FIRST_TIMES LOG_FIXTURE_FOLDER "/00000000000000000000.timeindex"

static void write_at(struct log_fixture *f, const char *path, uint64_t position, slice bytes)
{
    struct file *file;
    struct iovec part = {(void *)(uintptr_t)bytes.data, bytes.size};
    REQUIRE(disk_open_file(f->disk, path, FILE_CREATE, &file, NULL) == 0);
    REQUIRE(file_write(file, &part, 1, position, NULL) == 0);
    file_close(file);
}

/* ---- tails ---- */

static void a_torn_tail_is_cut_and_nothing_before_it(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    log_fixture_append_pairs(&f, 2, 40);
    uint64_t whole = log_bytes(f.log);
    log_fixture_append_pairs(&f, 1, 40);
    uint64_t last = log_bytes(f.log) - whole;
    for (uint64_t left = last - 1; left > 0; left--) {
        log_fixture_cut_file(&f, FIRST_LOG, whole + left);
        REQUIRE(log_fixture_crash(&f) == 0);
        CHECK_EQUAL(log_end_offset(f.log), 4);
        CHECK_EQUAL(f.recovery.bytes_cut, left);
        CHECK_EQUAL(f.recovery.cut_offset, 4);
        CHECK(f.recovery.reason[0] != '\0');
        CHECK_EQUAL(log_fixture_file_size(&f, FIRST_LOG), whole);
        log_fixture_append_pairs(&f, 1, 40);
    }
    CHECK(log_fixture_close(&f));
}

static void zeros_and_garbage_behind_the_end_are_cut(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    log_fixture_append_pairs(&f, 3, 40);
    uint64_t whole = log_bytes(f.log);
    uint8_t tail[3000] = {0};
    for (int round = 0; round < 2; round++) {
        write_at(&f, FIRST_LOG, whole, slice_of(tail, sizeof tail));
        REQUIRE(log_fixture_crash(&f) == 0);
        CHECK_EQUAL(log_end_offset(f.log), 6);
        CHECK_EQUAL(f.recovery.bytes_cut, sizeof tail);
        memset(tail, 0xa5, sizeof tail);
    }
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 10000), 6);
    CHECK(log_fixture_close(&f));
}

static void a_flipped_bit_past_the_recovery_point_ends_the_log_there(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    log_fixture_append_pairs(&f, 2, 40);
    uint64_t whole = log_bytes(f.log);
    log_fixture_append_pairs(&f, 2, 40);
    simulated_disk_flip_bit(f.disk, FIRST_LOG, whole * 8 + 8 * 70);
    REQUIRE(log_fixture_crash(&f) == 0);
    CHECK_EQUAL(log_end_offset(f.log), 4);
    CHECK_EQUAL(f.recovery.bytes_cut, whole);
    CHECK(log_fixture_close(&f));
}

static void a_flipped_bit_before_the_recovery_point_costs_only_its_batch(void)
{
    struct log_fixture f;
    for (uint64_t byte = 0; byte < 75; byte++) {
        log_fixture_init(&f, 1);
        REQUIRE(log_fixture_open(&f) == 0);
        log_fixture_append_pairs(&f, 2, 40);
        uint64_t whole = log_bytes(f.log);
        log_fixture_append_pairs(&f, 6, 40);
        REQUIRE(log_fixture_sync(&f) == 0);
        f.opening.recovery_point = log_synced_end_offset(f.log);
        log_fixture_append_pairs(&f, 2, 40);
        simulated_disk_flip_bit(f.disk, FIRST_LOG, (whole + byte) * 8 + 3);
        REQUIRE(log_fixture_crash(&f) == 0);
        CHECK_EQUAL(log_end_offset(f.log), 20);
        CHECK_EQUAL(f.recovery.bytes_cut, 0);
        struct log_read read;
        CHECK_EQUAL(log_fixture_read(&f, &read, 6, 1000), 0);
        log_read_release(f.log, &read);
        if (byte < 12 || byte >= 16)
            CHECK_EQUAL(log_fixture_read(&f, &read, 4, 1000), FURROW_CORRUPT);
        else
            log_read_release(f.log, &read);
        CHECK(log_fixture_close(&f));
    }
}

/* ---- segments ---- */

/* The last batch before the recovery point: what is behind it follows all the same, in the same segment or the next. */
static void a_flipped_bit_right_before_the_recovery_point_costs_only_its_batch(void)
{
    for (uint64_t bit = 0; bit < 75 * 8 * 2; bit++) {
        struct log_fixture f;
        struct log_write *roll = NULL;
        log_fixture_init(&f, 1);
        REQUIRE(log_fixture_open(&f) == 0);
        log_fixture_append_pairs(&f, 2, 40);
        uint64_t position = log_bytes(f.log);
        log_fixture_append_pairs(&f, 1, 40);
        if (bit % 2 == 1) {
            REQUIRE(log_roll_begin(f.log, f.now, &roll, NULL) == 0);
            log_write_execute(roll);
            (void)log_write_end(f.log, roll, NULL);
        }
        REQUIRE(log_fixture_sync(&f) == 0);
        f.opening.recovery_point = log_synced_end_offset(f.log);
        log_fixture_append_pairs(&f, 3, 40);
        simulated_disk_flip_bit(f.disk, FIRST_LOG, position * 8 + bit / 2);
        REQUIRE(log_fixture_crash(&f) == 0);
        CHECK_EQUAL(log_end_offset(f.log), 12);
        CHECK_EQUAL(f.recovery.bytes_cut, 0);
        struct log_read read;
        for (int64_t offset = 6; offset < 12; offset++) {
            CHECK_EQUAL(log_fixture_read(&f, &read, offset, 100), 0);
            log_read_release(f.log, &read);
        }
        CHECK(log_fixture_close(&f));
    }
}

/* They were cut off before the roll; a power cut can bring them back, for the segment was synced before that. */
static void bytes_of_a_failed_write_behind_a_closed_segment_are_cut_off_again(void)
{
    struct log_fixture f;
    struct log_write *roll = NULL;
    uint8_t tail[240] = {0};
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    log_fixture_append_pairs(&f, 2, 40);
    REQUIRE(log_fixture_sync(&f) == 0);
    f.opening.recovery_point = log_synced_end_offset(f.log);
    uint64_t whole = log_bytes(f.log);
    REQUIRE(log_roll_begin(f.log, f.now, &roll, NULL) == 0);
    log_write_execute(roll);
    REQUIRE(log_write_end(f.log, roll, NULL) == NULL);
    log_fixture_append_pairs(&f, 2, 40);
    write_at(&f, FIRST_LOG, whole, slice_of(tail, sizeof tail));
    REQUIRE(log_fixture_crash(&f) == 0);
    CHECK_EQUAL(log_end_offset(f.log), 8);
    CHECK_EQUAL(f.recovery.segments_cut, 0);
    CHECK_EQUAL(log_fixture_file_size(&f, FIRST_LOG), whole);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 1000), 8);
    CHECK(log_fixture_close(&f));
}

/* The base offset is not in the CRC: a tail whose first bytes never reached the disk looks like a batch at offset 0. */
static void a_tail_with_a_torn_offset_costs_nothing_that_was_synced(void)
{
    static const uint8_t zeros[8] = {0};
    struct log_fixture f;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    struct test_batch synced = {.records = 5}, torn = {.records = 2, .content = 1};
    REQUIRE(log_fixture_append(&f, &synced, true) == 0);
    uint64_t position = log_bytes(f.log);
    f.opening.recovery_point = 5;
    REQUIRE(log_fixture_append(&f, &torn, false) == 5);
    write_at(&f, FIRST_LOG, position, slice_of(zeros, sizeof zeros));
    REQUIRE(log_fixture_crash(&f) == 0);
    CHECK_EQUAL(log_end_offset(f.log), 5);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 1000), 5);
    CHECK(log_fixture_close(&f));
}

static void segments_behind_a_cut_are_set_aside(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.config.segment_bytes = 1000;
    REQUIRE(log_fixture_open(&f) == 0);
    log_fixture_append_pairs(&f, 30, 40);
    int64_t base = log_active_base(f.log);
    char path[DISK_PATH_MAX];
    segment_path(LOG_FIXTURE_FOLDER, base, SEGMENT_LOG, path);
    log_fixture_cut_file(&f, FIRST_LOG, log_fixture_file_size(&f, FIRST_LOG) - 1);
    REQUIRE(log_fixture_crash(&f) == 0);
    CHECK(f.recovery.segments_cut > 3);
    CHECK(log_active_base(f.log) == 0 && log_end_offset(f.log) > 0 && log_end_offset(f.log) < base);
    CHECK(!log_fixture_has_file(&f, path));
    int64_t end = log_end_offset(f.log);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 1000), end);
    log_fixture_append_pairs(&f, 30, 40);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 1000), end + 60);
    REQUIRE(log_fixture_restart(&f) == 0);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 1000), end + 60);
    CHECK(log_fixture_close(&f));
}

/* The CRC does not cover the offset either. */
static void a_batch_whose_offset_was_torn_ends_the_log_in_a_closed_segment_too(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.config.segment_bytes = 1000;
    REQUIRE(log_fixture_open(&f) == 0);
    log_fixture_append_pairs(&f, 3, 40);
    uint64_t position = log_bytes(f.log);
    log_fixture_append_pairs(&f, 20, 40);
    write_at(&f, FIRST_LOG, position, slice_of("\x49\x39\x51\x2a", 4));
    REQUIRE(log_fixture_crash(&f) == 0);
    CHECK_EQUAL(log_end_offset(f.log), 6);
    CHECK(f.recovery.segments_cut > 0);
    CHECK(log_fixture_close(&f));
}

static void a_segment_that_lost_whole_batches_ends_the_log(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.config.segment_bytes = 1000;
    REQUIRE(log_fixture_open(&f) == 0);
    log_fixture_append_pairs(&f, 1, 40);
    uint64_t one = log_bytes(f.log);
    log_fixture_append_pairs(&f, 20, 40);
    log_fixture_cut_file(&f, FIRST_LOG, one);
    REQUIRE(log_fixture_crash(&f) == 0);
    CHECK_EQUAL(log_end_offset(f.log), 2);
    CHECK(f.recovery.segments_cut > 0 && f.recovery.cut_offset == 2);
    CHECK(log_fixture_close(&f));
}

static void a_log_whose_start_lies_behind_what_is_left_begins_again_there(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    log_fixture_append_pairs(&f, 10, 40);
    REQUIRE(log_set_start_offset(f.log, 15, NULL) == 0);
    f.opening.log_start = 15;
    log_fixture_cut_file(&f, FIRST_LOG, 500);
    REQUIRE(log_fixture_crash(&f) == 0);
    CHECK(log_start_offset(f.log) == 15 && log_end_offset(f.log) == 15);
    log_fixture_append_pairs(&f, 2, 40);
    CHECK_EQUAL(log_end_offset(f.log), 19);
    REQUIRE(log_fixture_crash(&f) == 0);
    CHECK_EQUAL(log_fixture_count_records(&f, 15, 1000), 4);
    CHECK(log_fixture_close(&f));
}

static void leftovers_are_removed_at_the_start(void)
{
    static const char *const names[] = {"/00000000000000000000.log.deleted", "/00000000000000000000.index.cleaned",
                                        "/00000000000000000000.log.swap",    "/leader-epoch-checkpoint.tmp",
                                        "/00000000000000000077.index",       "/00000000000000000077.timeindex",
                                        "/00000000000000000077.txnindex"};
    struct log_fixture f;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    log_fixture_append_pairs(&f, 3, 40);
    char path[DISK_PATH_MAX];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, LOG_FIXTURE_FOLDER "%s", names[i]);
        write_at(&f, path, 0, slice_of("x", 1));
    }
    REQUIRE(log_fixture_restart(&f) == 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, LOG_FIXTURE_FOLDER "%s", names[i]);
        CHECK(!log_fixture_has_file(&f, path));
    }
    CHECK_EQUAL(log_end_offset(f.log), 6);
    CHECK(log_fixture_close(&f));
}

/* ---- what is scanned ---- */

static void only_what_lies_past_the_recovery_point_is_checked(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    log_fixture_append_pairs(&f, 50, 400);
    REQUIRE(log_fixture_sync(&f) == 0);
    f.opening.recovery_point = log_synced_end_offset(f.log);
    uint64_t synced = log_bytes(f.log);
    log_fixture_append_pairs(&f, 5, 400);
    uint64_t past = log_bytes(f.log) - synced;
    REQUIRE(log_fixture_crash(&f) == 0);
    CHECK_EQUAL(f.recovery.bytes_scanned, past);
    CHECK_EQUAL(log_end_offset(f.log), 110);
    CHECK_EQUAL(log_synced_end_offset(f.log), 100);
    CHECK(log_fixture_close(&f));
}

static void a_clean_start_scans_nothing(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.config.segment_bytes = 20000;
    REQUIRE(log_fixture_open(&f) == 0);
    log_fixture_append_pairs(&f, 200, 400);
    REQUIRE(log_flush_for_stop(f.log, f.now, &f.error) == 0);
    CHECK(simulated_disk_is_all_synced(f.disk));
    f.opening.recovery_point = log_end_offset(f.log);
    log_fixture_shut(&f);
    uint64_t bytes = simulated_disk_bytes_read(f.disk);
    uint64_t written = simulated_disk_bytes_written(f.disk);
    REQUIRE(log_fixture_open(&f) == 0);
    CHECK_EQUAL(f.recovery.bytes_scanned, 0);
    CHECK(simulated_disk_bytes_read(f.disk) - bytes < 15000);
    CHECK_EQUAL(simulated_disk_bytes_written(f.disk), written);
    CHECK_EQUAL(log_end_offset(f.log), 400);
    CHECK(log_fixture_close(&f));
}

/* ---- indexes ---- */

static void indexes_that_are_missing_short_or_wrong_are_made_again(void)
{
    static const char *const files[] = {FIRST_INDEX, FIRST_TIMES};
    for (int i = 0; i < 8; i++) {
        struct log_fixture f;
        log_fixture_init(&f, 1);
        f.config.segment_bytes = 30000;
        f.config.index_interval_bytes = 300;
        REQUIRE(log_fixture_open(&f) == 0);
        log_fixture_append_pairs(&f, 200, 200);
        REQUIRE(log_fixture_sync(&f) == 0);
        f.opening.recovery_point = log_synced_end_offset(f.log);
        uint8_t *right;
        uint8_t *made;
        size_t right_size;
        size_t made_size;
        const char *path = files[i % 2];
        REQUIRE(disk_read_file(f.disk, path, 100000, MEMORY_REQUESTS, &right, &right_size, NULL) == 0);
        REQUIRE(right_size > 60);
        if (i / 2 == 0)
            REQUIRE(disk_remove_file(f.disk, path, NULL) == 0);
        else if (i / 2 == 1)
            log_fixture_cut_file(&f, path, 0);
        else if (i / 2 == 2)
            write_at(&f, path, right_size - (i % 2 == 0 ? 8 : 12),
                     slice_of("\x7f\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff", i % 2 == 0 ? 8 : 12));
        else
            log_fixture_cut_file(&f, path, i % 2 == 0 ? 80 : 0);
        REQUIRE(log_fixture_crash(&f) == 0);
        CHECK(f.recovery.indexes_rebuilt > 0);
        REQUIRE(disk_read_file(f.disk, path, 100000, MEMORY_REQUESTS, &made, &made_size, NULL) == 0);
        CHECK(slice_equal(slice_of(made, made_size), slice_of(right, right_size)));
        memory_free(&f.memory, MEMORY_REQUESTS, right, right_size);
        memory_free(&f.memory, MEMORY_REQUESTS, made, made_size);
        CHECK_EQUAL(log_fixture_count_records(&f, 0, 3000), 400);
        CHECK(log_fixture_close(&f));
    }
}

static void a_clean_start_makes_a_missing_index_too(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.config.segment_bytes = 30000;
    REQUIRE(log_fixture_open(&f) == 0);
    log_fixture_append_pairs(&f, 200, 200);
    REQUIRE(log_flush_for_stop(f.log, f.now, &f.error) == 0);
    f.opening.recovery_point = log_end_offset(f.log);
    log_fixture_shut(&f);
    REQUIRE(disk_remove_file(f.disk, FIRST_INDEX, NULL) == 0);
    REQUIRE(log_fixture_open(&f) == 0);
    CHECK(log_fixture_has_file(&f, FIRST_INDEX) && f.recovery.indexes_rebuilt > 0 && f.recovery.bytes_cut == 0);
    CHECK_EQUAL(log_end_offset(f.log), 400);
    CHECK(log_fixture_close(&f));
}

/* ---- producers and epochs ---- */

static int64_t append_for(struct log_fixture *f, int64_t producer, int32_t sequence)
{
    struct test_batch batch = {.records = 2,
                               .size = 100,
                               .idempotent = true,
                               .producer_id = producer,
                               .sequence = sequence,
                               .content = (uint64_t)sequence + 1};
    return log_fixture_append(f, &batch, false);
}

static void producers_are_as_what_survived(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.config.segment_bytes = 2000;
    REQUIRE(log_fixture_open(&f) == 0);
    for (int32_t i = 0; i < 40; i++) {
        REQUIRE(append_for(&f, 7, 2 * i) == 4 * i);
        REQUIRE(append_for(&f, 8, 2 * i) == 4 * i + 2);
    }
    /* The last batch, of producer 8, is torn. */
    char path[DISK_PATH_MAX];
    segment_path(LOG_FIXTURE_FOLDER, log_active_base(f.log), SEGMENT_LOG, path);
    log_fixture_cut_file(&f, path, log_fixture_file_size(&f, path) - 1);
    REQUIRE(log_fixture_crash(&f) == 0);
    CHECK_EQUAL(log_end_offset(f.log), 158);
    CHECK_EQUAL(append_for(&f, 8, 80), FURROW_OUT_OF_ORDER_SEQUENCE);
    CHECK_EQUAL(append_for(&f, 8, 78), 158);
    CHECK_EQUAL(append_for(&f, 7, 78), FURROW_DUPLICATE_SEQUENCE);
    CHECK_EQUAL(append_for(&f, 7, 80), 160);
    CHECK(log_fixture_close(&f));
}

/* Or a trim of what lies before it would forget producers. */
static void a_torn_snapshot_is_made_again(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.config.segment_bytes = 1000;
    REQUIRE(log_fixture_open(&f) == 0);
    REQUIRE(append_for(&f, 7, 0) == 0);
    for (int32_t i = 0; log_active_base(f.log) == 0; i++)
        REQUIRE(append_for(&f, 8, 2 * i) == 2 * i + 2);
    char path[DISK_PATH_MAX];
    segment_path(LOG_FIXTURE_FOLDER, log_active_base(f.log), SEGMENT_SNAPSHOT, path);
    uint64_t size = log_fixture_file_size(&f, path);
    for (int round = 0; round < 2; round++) {
        f.opening.recovery_point = round == 0 ? 0 : log_end_offset(f.log); /* behind it, before it */
        log_fixture_cut_file(&f, path, size - 1);
        REQUIRE(log_fixture_crash(&f) == 0);
        CHECK_EQUAL(log_fixture_file_size(&f, path), size);
    }
    CHECK(log_fixture_close(&f));
}

static void without_any_snapshot_the_whole_log_is_replayed(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.config.segment_bytes = 2000;
    REQUIRE(log_fixture_open(&f) == 0);
    REQUIRE(append_for(&f, 7, 0) == 0);
    for (int32_t i = 0; i < 40; i++)
        REQUIRE(append_for(&f, 8, 2 * i) == 2 * i + 2);
    REQUIRE(log_fixture_sync(&f) == 0);
    f.opening.recovery_point = log_synced_end_offset(f.log);
    for (int64_t offset = 0; offset < 100; offset++) {
        char path[DISK_PATH_MAX];
        segment_path(LOG_FIXTURE_FOLDER, offset, SEGMENT_SNAPSHOT, path);
        if (offset % 4 == 0 && log_fixture_has_file(&f, path))
            write_at(&f, path, 0, slice_of("\xff\xff", 2));
        else
            (void)!disk_remove_file(f.disk, path, NULL);
    }
    REQUIRE(log_fixture_crash(&f) == 0);
    CHECK_EQUAL(append_for(&f, 7, 3), FURROW_OUT_OF_ORDER_SEQUENCE);
    CHECK_EQUAL(append_for(&f, 7, 2), 82);
    CHECK_EQUAL(append_for(&f, 8, 80), 84);
    CHECK(log_fixture_close(&f));
}

static void the_leader_epoch_rises_and_says_where_logs_diverge(void)
{
    struct log_fixture f;
    int32_t epoch;
    int64_t end;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    log_fixture_append_pairs(&f, 5, 40);
    CHECK_EQUAL(log_leader_epoch(f.log), 0);
    log_fixture_cut_file(&f, FIRST_LOG, log_fixture_file_size(&f, FIRST_LOG) - 1);
    REQUIRE(log_fixture_crash(&f) == 0);
    CHECK_EQUAL(log_leader_epoch(f.log), 1);
    log_fixture_append_pairs(&f, 5, 40);
    log_find_epoch_end(f.log, 0, &epoch, &end);
    CHECK(epoch == 0 && end == 8);
    /* Synced, it is in the checkpoint; else the batches tell. */
    REQUIRE(log_fixture_crash(&f) == 0);
    log_fixture_append_pairs(&f, 1, 40);
    REQUIRE(log_fixture_sync(&f) == 0);
    f.opening.recovery_point = log_synced_end_offset(f.log);
    REQUIRE(log_fixture_crash(&f) == 0);
    log_find_epoch_end(f.log, 1, &epoch, &end);
    CHECK(epoch == 1 && end == 18);
    log_find_epoch_end(f.log, 2, &epoch, &end);
    CHECK(epoch == 2 && end == 20);
    CHECK_EQUAL(log_leader_epoch(f.log), 3);
    CHECK(log_fixture_close(&f));
}

/* The CRC does not cover it. */
static void a_batch_whose_epoch_was_torn_is_cut(void)
{
    static const char *const torn[] = {"\0\0\0\0", "\x54\xca\x2d\x5e", "\xff\xff\xff\xff", "\x7f\xff\xff\xff",
                                       "\0\0\0\x09"};
    for (size_t i = 0; i < sizeof torn / sizeof torn[0]; i++) {
        struct log_fixture f;
        log_fixture_init(&f, 1);
        f.opening.leader_epoch = 7;
        REQUIRE(log_fixture_open(&f) == 0);
        log_fixture_append_pairs(&f, 2, 40);
        REQUIRE(log_fixture_sync(&f) == 0);
        f.opening.recovery_point = log_synced_end_offset(f.log);
        log_fixture_append_pairs(&f, 1, 40);
        uint64_t whole = log_bytes(f.log);
        log_fixture_append_pairs(&f, 2, 40);
        write_at(&f, FIRST_LOG, whole + 12, slice_of(torn[i], 4));
        REQUIRE(log_fixture_crash(&f) == 0);
        CHECK_EQUAL(log_end_offset(f.log), 6);
        CHECK_EQUAL(log_leader_epoch(f.log), 8);
        CHECK(strstr(f.recovery.reason, "epoch") != NULL);
        CHECK(log_fixture_close(&f));
    }
}

static void what_is_no_epoch_is_not_believed_without_a_checkpoint(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    log_fixture_append_pairs(&f, 2, 40);
    write_at(&f, FIRST_LOG, 12, slice_of("\x7f\xff\xff\xff", 4));
    REQUIRE(log_fixture_crash(&f) == 0);
    CHECK_EQUAL(log_end_offset(f.log), 0);
    CHECK_EQUAL(log_leader_epoch(f.log), 1);
    CHECK(log_fixture_close(&f));
}

/* ---- costs ---- */

static void a_log_at_rest_is_small_and_a_clean_start_costs_few_calls(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    log_fixture_append_pairs(&f, 100, 400);
    REQUIRE(append_for(&f, 7, 0) >= 0);
    REQUIRE(log_flush_for_stop(f.log, f.now, &f.error) == 0);
    f.opening.recovery_point = log_end_offset(f.log);
    log_close(f.log);
    f.log = NULL;
    size_t before = memory_total_bytes(&f.memory);
    uint64_t calls = simulated_disk_calls(f.disk);
    REQUIRE(log_open(&f.environment, LOG_FIXTURE_FOLDER, &f.config, &f.opening, &f.log, &f.recovery, &f.error) == 0);
    printf("\n    a log at rest: %zu bytes; a clean start: %d calls\n", memory_total_bytes(&f.memory) - before,
           (int)(simulated_disk_calls(f.disk) - calls));
    CHECK(memory_total_bytes(&f.memory) - before < 2048);
    CHECK(simulated_disk_calls(f.disk) - calls <= 25);
    CHECK_EQUAL(simulated_disk_open_files(f.disk), 0);
    CHECK(log_fixture_close(&f));
}

/* ---- failures ---- */

static void recovering_survives_each_disk_call_and_allocation_that_fails(void)
{
    for (int kind = 0; kind < 3; kind++) {
        bool outlived = false;
        for (int64_t nth = 0; !outlived; nth++) {
            struct log_fixture f;
            log_fixture_init(&f, (uint64_t)nth + 1);
            f.config.segment_bytes = 2000;
            f.config.index_interval_bytes = 200;
            REQUIRE(log_fixture_open(&f) == 0);
            for (int32_t i = 0; i < 30; i++)
                REQUIRE(append_for(&f, 7, 2 * i) == 2 * i);
            REQUIRE(log_fixture_sync(&f) == 0);
            int64_t synced = log_synced_end_offset(f.log);
            f.opening.recovery_point = 20;
            for (int32_t i = 30; i < 50; i++)
                REQUIRE(append_for(&f, 7, 2 * i) == 2 * i);
            log_fixture_shut(&f);
            simulated_disk_power_cut(f.disk, (uint64_t)nth);
            if (kind == 0)
                simulated_disk_fail_at(f.disk, nth, -EIO);
            else if (kind == 1)
                simulated_disk_stop_at(f.disk, nth);
            else
                memory_fail_at(&f.memory, nth);
            int rc = log_fixture_crash(&f);
            outlived = kind == 0   ? simulated_disk_fail_pending(f.disk)
                       : kind == 1 ? !simulated_disk_is_stopped(f.disk)
                                   : memory_fail_pending(&f.memory);
            CHECK(rc == 0 || rc == -EIO || rc == -ENOMEM);
            memory_fail_at(&f.memory, -1);
            simulated_disk_fail_at(f.disk, -1, 0);
            if (simulated_disk_is_stopped(f.disk)) {
                log_fixture_shut(&f);
                simulated_disk_power_cut(f.disk, (uint64_t)nth + 77);
            }
            simulated_disk_stop_at(f.disk, -1);
            REQUIRE(log_fixture_crash(&f) == 0);
            int64_t end = log_end_offset(f.log);
            CHECK(end >= synced);
            CHECK_EQUAL(log_fixture_count_records(&f, 0, 3000), end);
            CHECK_EQUAL(append_for(&f, 7, (int32_t)end), end);
            CHECK(log_fixture_close(&f));
        }
    }
}

SUITE("recovery", CHECK_TEST(a_torn_tail_is_cut_and_nothing_before_it),
      CHECK_TEST(zeros_and_garbage_behind_the_end_are_cut),
      CHECK_TEST(a_flipped_bit_past_the_recovery_point_ends_the_log_there),
      CHECK_TEST(a_flipped_bit_before_the_recovery_point_costs_only_its_batch),
      CHECK_TEST(a_flipped_bit_right_before_the_recovery_point_costs_only_its_batch),
      CHECK_TEST(bytes_of_a_failed_write_behind_a_closed_segment_are_cut_off_again),
      CHECK_TEST(a_tail_with_a_torn_offset_costs_nothing_that_was_synced),
      CHECK_TEST(segments_behind_a_cut_are_set_aside), CHECK_TEST(a_segment_that_lost_whole_batches_ends_the_log),
      CHECK_TEST(a_batch_whose_offset_was_torn_ends_the_log_in_a_closed_segment_too),
      CHECK_TEST(a_torn_snapshot_is_made_again),
      CHECK_TEST(a_log_whose_start_lies_behind_what_is_left_begins_again_there),
      CHECK_TEST(leftovers_are_removed_at_the_start), CHECK_TEST(only_what_lies_past_the_recovery_point_is_checked),
      CHECK_TEST(a_clean_start_scans_nothing), CHECK_TEST(indexes_that_are_missing_short_or_wrong_are_made_again),
      CHECK_TEST(a_clean_start_makes_a_missing_index_too), CHECK_TEST(producers_are_as_what_survived),
      CHECK_TEST(without_any_snapshot_the_whole_log_is_replayed),
      CHECK_TEST(the_leader_epoch_rises_and_says_where_logs_diverge), CHECK_TEST(a_batch_whose_epoch_was_torn_is_cut),
      CHECK_TEST(what_is_no_epoch_is_not_believed_without_a_checkpoint),
      CHECK_TEST(a_log_at_rest_is_small_and_a_clean_start_costs_few_calls),
      CHECK_TEST(recovering_survives_each_disk_call_and_allocation_that_fails))
