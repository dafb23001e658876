#include "log_repair.h"

#include "log_fixture.h"
#include "seeded_random.h"
#include "segment_survey.h"
#include "simulated_disk.h"

#include "check.h"

#include <errno.h>
#include <inttypes.h>

#define FIRST_LOG LOG_FIXTURE_FOLDER "/00000000000000000000.log"

/* ---- what is good in a folder ---- */

struct good {
    int64_t offset;
    uint32_t crc;
    int32_t epoch;
};

#define GOOD_MAX 400

struct goods {
    struct good items[GOOD_MAX];
    int count;
};

struct names {
    int64_t bases[64];
    int count;
};

static int note_log(void *context, const struct disk_entry *entry)
{
    struct names *names = context;
    enum segment_part part;
    int64_t base;
    if (segment_parse_name(entry->name, &base, &part) && part == SEGMENT_LOG) {
        int i = names->count++;
        for (; i > 0 && names->bases[i - 1] > base; i--)
            names->bases[i] = names->bases[i - 1];
        names->bases[i] = base;
    }
    return 0;
}

static void collect_segment(struct log_fixture *f, int64_t base, int64_t end_offset, struct goods *goods)
{
    char path[DISK_PATH_MAX];
    struct file *file;
    struct segment_scan scan;
    struct segment_stretch stretch;
    uint64_t size;
    segment_path(LOG_FIXTURE_FOLDER, base, SEGMENT_LOG, path);
    REQUIRE(disk_open_file(f->disk, path, FILE_READ, &file, NULL) == 0);
    REQUIRE(file_size(file, &size, NULL) == 0);
    REQUIRE(segment_scan_open(&scan, &f->memory, file, (uint32_t)size, SEGMENT_SCAN_BATCHES, NULL) == 0);
    segment_scan_seek(&scan, 0, base, end_offset);
    while (segment_survey_next(&scan, &stretch, NULL) == 1) {
        if (!stretch.is_batch)
            continue;
        REQUIRE(goods->count < GOOD_MAX);
        goods->items[goods->count++] =
            (struct good){stretch.header.base_offset, stretch.header.crc, stretch.header.leader_epoch};
    }
    segment_scan_close(&scan);
    file_close(file);
}

static void collect(struct log_fixture *f, struct goods *goods)
{
    struct names names = {.count = 0};
    goods->count = 0;
    REQUIRE(disk_list(f->disk, LOG_FIXTURE_FOLDER, note_log, &names, NULL) == 0);
    for (int i = 0; i < names.count; i++)
        collect_segment(f, names.bases[i], i + 1 < names.count ? names.bases[i + 1] : INT64_MAX, goods);
}

static bool has_all(const struct goods *in, const struct goods *of)
{
    int at = 0;
    for (int i = 0; i < of->count; i++) {
        while (at < in->count && in->items[at].offset < of->items[i].offset)
            at++;
        if (at == in->count || in->items[at].offset != of->items[i].offset || in->items[at].crc != of->items[i].crc)
            return false;
    }
    return true;
}

/* ---- repairing ---- */

struct done {
    struct log_fixture *f;
    int actions;
    int64_t point; /* durable, as on_end was told */
    int64_t seen;  /* the recovery point that stands in the folder */
};

static int on_action(void *context, const char *path, const char *words)
{
    struct done *done = context;
    CHECK(path[0] != '\0' && words[0] != '\0');
    done->actions++;
    return 0;
}

static int on_end(void *context, const char *folder, int64_t end_offset, struct error *error)
{
    struct done *done = context;
    CHECK(strcmp(folder, LOG_FIXTURE_FOLDER) == 0);
    const struct checkpoint_offset point = {slice_of_text("orders"), 0, end_offset};
    int rc = data_folder_write_recovery_points(done->f->disk, &point, 1, error);
    if (rc == 0)
        done->point = end_offset;
    return rc;
}

static int repair(struct log_fixture *f, struct disk *aside, bool dry, int64_t point, struct done *done)
{
    struct repair repair = {.disk = f->disk,
                            .memory = &f->memory,
                            .leader_epoch = f->opening.leader_epoch,
                            .dry = dry,
                            .aside = aside,
                            .on_action = on_action,
                            .on_end = on_end,
                            .context = done};
    const struct inspect_known known = {point, -1};
    *done = (struct done){.f = f, .point = point};
    return repair_log(&repair, LOG_FIXTURE_FOLDER, &known, &f->error);
}

static uint64_t damages(struct log_fixture *f, int64_t point, int64_t *end)
{
    struct inspection inspection = {.disk = f->disk, .memory = &f->memory, .leader_epoch = f->opening.leader_epoch};
    const struct inspect_known known = {point, -1};
    struct inspect_log found;
    REQUIRE(inspect_log(&inspection, LOG_FIXTURE_FOLDER, &known, &found, &f->error) == 0);
    *end = found.end_offset;
    return inspection.damages;
}

/* ---- a log to damage ---- */

static void make(struct log_fixture *f, uint64_t seed, int batches)
{
    struct seeded_random random = {seed};
    int32_t sequence = 0;
    log_fixture_init(f, seed);
    f->config.segment_bytes = 3000;
    f->config.index_interval_bytes = 300;
    REQUIRE(log_fixture_open(f) == 0);
    for (int i = 0; i < batches; i++) {
        struct test_batch batch = {.records = 1 + (int32_t)(random_next(&random) % 3),
                                   .size = 20 + (uint32_t)(random_next(&random) % 300),
                                   .content = random_next(&random),
                                   .codec = i % 4 == 0 ? CODEC_ZSTD : CODEC_NONE};
        if (i % 4 == 1) {
            batch.transactional = true;
            batch.producer_id = 7;
            batch.sequence = sequence;
            sequence += batch.records;
        } else if (i % 4 == 3) {
            batch.marker = i % 8 == 3 ? TEST_ABORT : TEST_COMMIT;
            batch.producer_id = 7;
        }
        f->now += 10;
        REQUIRE(log_fixture_append(f, &batch, false) >= 0);
        if (i == batches / 2) {
            REQUIRE(log_fixture_sync(f) == 0);
            REQUIRE(log_fixture_crash(f) == 0); /* another epoch */
        }
    }
    REQUIRE(log_flush_for_stop(f->log, f->now, &f->error) == 0);
    f->opening.recovery_point = log_end_offset(f->log);
    log_fixture_shut(f);
    REQUIRE(disk_sync_folder(f->disk, "", NULL) == 0);
}

static void overwrite(struct log_fixture *f, const char *path, uint64_t at, size_t size, struct seeded_random *random)
{
    uint8_t bytes[700];
    struct file *file;
    size = size < sizeof bytes ? size : sizeof bytes;
    bool zeros = random_next(random) % 2 == 0;
    for (size_t i = 0; i < size; i++)
        bytes[i] = zeros ? 0 : (uint8_t)random_next(random);
    struct iovec part = {bytes, size};
    REQUIRE(disk_open_file(f->disk, path, FILE_READ_WRITE, &file, NULL) == 0);
    REQUIRE(file_write(file, &part, 1, at, NULL) == 0);
    REQUIRE(file_sync(file, NULL) == 0);
    file_close(file);
}

/* One to four things go wrong in the segments. */
static void damage(struct log_fixture *f, struct seeded_random *random)
{
    struct names names = {.count = 0};
    REQUIRE(disk_list(f->disk, LOG_FIXTURE_FOLDER, note_log, &names, NULL) == 0);
    for (int left = 1 + (int)(random_next(random) % 4); left > 0; left--) {
        char path[DISK_PATH_MAX];
        struct file *file;
        segment_path(LOG_FIXTURE_FOLDER, names.bases[random_next(random) % (uint64_t)names.count], SEGMENT_LOG, path);
        uint64_t size = log_fixture_file_size(f, path);
        if (size == 0)
            continue;
        uint64_t at = random_next(random) % size;
        switch (random_next(random) % 4) {
        case 0:
            REQUIRE(simulated_disk_flip_bit(f->disk, path, 8 * at + 1));
            break;
        case 1:
            overwrite(f, path, at, 1 + (size_t)(random_next(random) % (size - at)), random);
            break;
        case 2:
            REQUIRE(disk_open_file(f->disk, path, FILE_READ_WRITE, &file, NULL) == 0);
            REQUIRE(file_truncate(file, at, NULL) == 0);
            REQUIRE(file_sync(file, NULL) == 0);
            file_close(file);
            break;
        default:
            overwrite(f, path, size, 100, random);
        }
    }
}

/* ---- what holds ---- */

/* A start on the repaired log takes all that is good, and goes on where offsets were not given out. */
static void check_start(struct log_fixture *f, const struct goods *before, int64_t point, int64_t end)
{
    struct goods after;
    f->opening.clean = false;
    f->opening.recovery_point = point;
    f->opening.leader_epoch++;
    REQUIRE(log_fixture_open(f) == 0);
    CHECK_EQUAL(f->recovery.bytes_cut, 0);
    CHECK_EQUAL(f->recovery.segments_cut, 0);
    CHECK_EQUAL(log_end_offset(f->log), end);
    struct test_batch batch = {.records = 1};
    CHECK_EQUAL(log_fixture_append(f, &batch, true), end);
    log_fixture_shut(f);
    collect(f, &after);
    CHECK(has_all(&after, before));
}

static void check_repaired(struct log_fixture *f, const struct goods *before, int64_t old_point,
                           const struct done *done)
{
    struct goods after;
    int64_t end;
    CHECK_EQUAL(damages(f, done->point, &end), 0);
    CHECK(end >= old_point);
    CHECK_EQUAL(end, done->point);
    collect(f, &after);
    CHECK(has_all(&after, before));
    check_start(f, before, done->point, end);
}

/* Behind the recovery point, a batch with an epoch that has not begun was torn there: no start takes it. */
static void forget_damaged_epochs(struct goods *goods, int64_t point)
{
    static const int32_t largest = 2;
    int left = 0;
    for (int i = 0; i < goods->count; i++) {
        if (goods->items[i].offset < point || goods->items[i].epoch <= largest)
            goods->items[left++] = goods->items[i];
    }
    goods->count = left;
}

static void whatever_is_damaged_the_good_batches_stay(void)
{
    for (uint64_t seed = 1; seed <= 120; seed++) {
        struct log_fixture f;
        struct seeded_random random = {seed * 77};
        struct goods before, after;
        struct done done;
        make(&f, seed, 40);
        int64_t point = seed % 3 == 0 ? f.opening.recovery_point : seed % 3 == 1 ? 0 : f.opening.recovery_point / 2;
        struct disk *aside = simulated_disk_create(&f.memory, seed);
        damage(&f, &random);
        collect(&f, &before);
        uint64_t written = simulated_disk_bytes_written(f.disk);
        REQUIRE(repair(&f, aside, true, point, &done) == 0);
        int would = done.actions;
        CHECK_EQUAL(simulated_disk_bytes_written(f.disk), written);
        collect(&f, &after);
        CHECK(after.count == before.count && has_all(&after, &before));
        forget_damaged_epochs(&before, point);
        REQUIRE(repair(&f, aside, false, point, &done) == 0);
        CHECK_EQUAL(done.actions, would);
        check_repaired(&f, &before, point, &done);
        disk_close(aside);
        CHECK(log_fixture_close(&f));
    }
}

/* Whatever was cut out of the segments lies aside, byte for byte. */
static void what_is_taken_out_is_kept_aside(void)
{
    struct log_fixture f;
    struct done done;
    make(&f, 1, 12);
    struct disk *aside = simulated_disk_create(&f.memory, 1);
    uint64_t size = log_fixture_file_size(&f, FIRST_LOG);
    uint8_t *old, *kept;
    size_t old_size, kept_size;
    REQUIRE(simulated_disk_flip_bit(f.disk, FIRST_LOG, 8 * 100));
    REQUIRE(disk_read_file(f.disk, FIRST_LOG, 1 << 20, MEMORY_LOGS, &old, &old_size, NULL) == 0);
    uint32_t first = (uint32_t)(old[8] << 24 | old[9] << 16 | old[10] << 8 | old[11]) + 12;
    REQUIRE(repair(&f, aside, false, f.opening.recovery_point, &done) == 0);
    CHECK_EQUAL(log_fixture_file_size(&f, FIRST_LOG), size - first);
    char path[DISK_PATH_MAX];
    snprintf(path, sizeof path, LOG_FIXTURE_FOLDER "/00000000000000000000.0-%" PRIu32 ".log", first);
    REQUIRE(disk_read_file(aside, path, 1 << 20, MEMORY_LOGS, &kept, &kept_size, NULL) == 0);
    CHECK(kept_size == first && memcmp(kept, old, first) == 0);
    memory_free(&f.memory, MEMORY_LOGS, kept, kept_size);
    memory_free(&f.memory, MEMORY_LOGS, old, old_size);
    CHECK(simulated_disk_is_all_synced(aside));
    disk_close(aside);
    CHECK(log_fixture_close(&f));
}

/* The epoch is not covered by the CRC: the records are right, and get the epoch that the checkpoint says. */
static void a_damaged_epoch_is_put_right(void)
{
    for (uint64_t bit = 0; bit < 32; bit++) {
        struct log_fixture f;
        struct goods before, after;
        struct done done;
        int64_t end;
        make(&f, 1, 12);
        struct disk *aside = simulated_disk_create(&f.memory, 1);
        collect(&f, &before);
        REQUIRE(simulated_disk_flip_bit(f.disk, FIRST_LOG, 8 * 12 + bit));
        REQUIRE(repair(&f, aside, false, f.opening.recovery_point, &done) == 0);
        collect(&f, &after);
        CHECK(after.count == before.count && memcmp(after.items, before.items, sizeof *after.items) == 0);
        CHECK_EQUAL(damages(&f, f.opening.recovery_point, &end), 0);
        disk_close(aside);
        CHECK(log_fixture_close(&f));
    }
}

static void small_files_and_indexes_are_made_again(void)
{
    static const char *const paths[] = {
        LOG_FIXTURE_FOLDER "/leader-epoch-checkpoint", LOG_FIXTURE_FOLDER "/00000000000000000000.index",
        LOG_FIXTURE_FOLDER "/00000000000000000000.timeindex", LOG_FIXTURE_FOLDER "/00000000000000000000.txnindex"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct log_fixture f;
        struct goods before;
        struct done done;
        make(&f, 1, 30);
        struct disk *aside = simulated_disk_create(&f.memory, 1);
        struct seeded_random random = {1};
        collect(&f, &before);
        REQUIRE(log_fixture_has_file(&f, paths[i]));
        overwrite(&f, paths[i], 0, 11, &random);
        REQUIRE(repair(&f, aside, false, f.opening.recovery_point, &done) == 0);
        check_repaired(&f, &before, f.opening.recovery_point, &done);
        disk_close(aside);
        CHECK(log_fixture_close(&f));
    }
}

/* Entries that are well formed and wrong: one is missing, one names another producer, one begins too late. */
static void a_transaction_index_that_lies_is_found_and_made_again(void)
{
    static const char path[] = LOG_FIXTURE_FOLDER "/00000000000000000000.txnindex";
    for (int lie = 0; lie < 4; lie++) {
        struct log_fixture f;
        struct goods before;
        struct done done;
        int64_t end;
        uint8_t *bytes;
        size_t size;
        make(&f, 3, 30);
        struct disk *aside = simulated_disk_create(&f.memory, 1);
        collect(&f, &before);
        REQUIRE(disk_read_file(f.disk, path, 1000, MEMORY_REQUESTS, &bytes, &size, NULL) == 0);
        CHECK_EQUAL(damages(&f, f.opening.recovery_point, &end), 0);
        if (lie == 0) {
            log_fixture_cut_file(&f, path, 0);
        } else if (lie == 1) {
            REQUIRE(disk_remove_file(f.disk, path, NULL) == 0);
        } else {
            bytes[lie == 2 ? 9 : 17]++;
            REQUIRE(disk_replace_file(f.disk, path, slice_of(bytes, size), NULL) == 0);
        }
        memory_free(&f.memory, MEMORY_REQUESTS, bytes, size);
        CHECK_EQUAL(damages(&f, f.opening.recovery_point, &end), 1);
        REQUIRE(repair(&f, aside, false, f.opening.recovery_point, &done) == 0);
        check_repaired(&f, &before, f.opening.recovery_point, &done);
        disk_close(aside);
        CHECK(log_fixture_close(&f));
    }
}

/* Power goes at any call: done again, the repair ends well; and a start instead drops nothing that is good, once the
 * new recovery point is on the disk. */
static void a_repair_that_was_cut_short_goes_on(void)
{
    bool outlived = false;
    for (int64_t nth = 0; !outlived; nth++) {
        for (int then = 0; then < 2; then++) {
            struct log_fixture f;
            struct seeded_random random = {5};
            struct goods before, after;
            struct done done;
            make(&f, 3, 30);
            struct disk *aside = simulated_disk_create(&f.memory, 3);
            damage(&f, &random);
            damage(&f, &random);
            collect(&f, &before);
            int64_t old_point = f.opening.recovery_point / 2;
            simulated_disk_stop_at(f.disk, nth);
            outlived = repair(&f, aside, false, old_point, &done) == 0;
            simulated_disk_power_cut(f.disk, (uint64_t)nth);
            if (then == 0) {
                REQUIRE(repair(&f, aside, false, done.point, &done) == 0);
                check_repaired(&f, &before, old_point, &done);
            } else if (done.point > old_point) {
                f.opening.clean = false;
                f.opening.recovery_point = done.point;
                f.opening.leader_epoch++;
                REQUIRE(log_fixture_open(&f) == 0);
                log_fixture_shut(&f);
                collect(&f, &after);
                CHECK(has_all(&after, &before));
            }
            disk_close(aside);
            CHECK(log_fixture_close(&f));
        }
    }
}

static void it_survives_any_failing_allocation_and_disk_call(void)
{
    for (int64_t nth = 0; nth < 160; nth++) {
        for (int what = 0; what < 2; what++) {
            struct log_fixture f;
            struct seeded_random random = {5};
            struct goods before;
            struct done done;
            make(&f, 3, 20);
            struct disk *aside = simulated_disk_create(&f.memory, 3);
            damage(&f, &random);
            collect(&f, &before);
            if (what == 0)
                memory_fail_at(&f.memory, nth);
            else
                simulated_disk_fail_at(f.disk, nth, -EIO);
            int rc = repair(&f, aside, false, f.opening.recovery_point, &done);
            memory_fail_at(&f.memory, -1);
            simulated_disk_fail_at(f.disk, -1, 0);
            CHECK(rc == 0 || rc == -ENOMEM || rc == -EIO);
            REQUIRE(repair(&f, aside, false, f.opening.recovery_point, &done) == 0);
            check_repaired(&f, &before, f.opening.recovery_point, &done);
            disk_close(aside);
            CHECK(log_fixture_close(&f));
        }
    }
}

SUITE("log repair", CHECK_TEST(whatever_is_damaged_the_good_batches_stay), CHECK_TEST(what_is_taken_out_is_kept_aside),
      CHECK_TEST(a_damaged_epoch_is_put_right), CHECK_TEST(small_files_and_indexes_are_made_again),
      CHECK_TEST(a_transaction_index_that_lies_is_found_and_made_again),
      CHECK_TEST(a_repair_that_was_cut_short_goes_on), CHECK_TEST(it_survives_any_failing_allocation_and_disk_call))
