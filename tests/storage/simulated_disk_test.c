#include "check.h"
#include "seeded_random.h"
#include "simulated_disk.h"

#include <errno.h>

static struct memory ledger;
static struct disk *disk;

static void start(uint64_t seed)
{
    memory_init(&ledger);
    disk = simulated_disk_create(&ledger, seed);
}

static void finish(void)
{
    CHECK_EQUAL(simulated_disk_open_files(disk), 0);
    disk_close(disk);
    CHECK_EQUAL(memory_total_bytes(&ledger), 0);
}

static struct file *open_file(const char *path)
{
    struct file *file = NULL;
    CHECK(disk_open_file(disk, path, FILE_CREATE, &file, NULL) == 0);
    return file;
}

static int write_at(struct file *file, const void *bytes, size_t size, uint64_t position)
{
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
    return file_write(file, &part, 1, position, NULL);
}

static bool exists(const char *path)
{
    struct file *file;
    if (disk_open_file(disk, path, FILE_READ, &file, NULL) != 0)
        return false;
    file_close(file);
    return true;
}

static bool folder_exists(const char *path)
{
    return disk_sync_folder(disk, path, NULL) == 0;
}

/* Bytes of the file in a static buffer; -1 when it is not there. */
static uint8_t found[16384];
static int64_t read_whole(const char *path)
{
    struct file *file;
    if (disk_open_file(disk, path, FILE_READ, &file, NULL) != 0)
        return -1;
    size_t got = 0;
    CHECK(file_read(file, found, sizeof found, 0, &got, NULL) == 0);
    file_close(file);
    return (int64_t)got;
}

/* What holds in every one of many cuts is a promise; what never happens in them is not tested by anyone. */
#define SEEDS 400

static void what_was_synced_survives_and_the_rest_may_be_anything(void)
{
    static uint8_t old[5000], new[10000];
    memset(old, 'o', sizeof old);
    memset(new, 'n', sizeof new);
    int all = 0, nothing = 0, holes = 0, torn = 0, garbage = 0, zeros = 0, between = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        start(seed);
        struct file *file = open_file("a");
        CHECK(write_at(file, old, sizeof old, 0) == 0);
        CHECK(file_sync(file, NULL) == 0);
        CHECK(disk_sync_folder(disk, "", NULL) == 0);
        CHECK(simulated_disk_is_all_synced(disk));
        CHECK(write_at(file, new, sizeof new, sizeof old) == 0);
        CHECK(!simulated_disk_is_all_synced(disk));
        simulated_disk_power_cut(disk, seed);
        CHECK(simulated_disk_is_all_synced(disk));
        file_close(file);

        int64_t size = read_whole("a");
        REQUIRE(size >= (int64_t)sizeof old && size <= (int64_t)(sizeof old + sizeof new));
        CHECK(memcmp(found, old, sizeof old) == 0);
        int changes = 0, other = 0, zero = 0, within = 0;
        for (int64_t i = sizeof old; i < size; i++) {
            changes += i > (int64_t)sizeof old && (found[i] == 'n') != (found[i - 1] == 'n');
            within += i % 512 != 0 && (found[i] == 'n') != (found[i - 1] == 'n') && i > (int64_t)sizeof old;
            zero += found[i] == 0;
            other += found[i] != 'n' && found[i] != 0;
        }
        nothing += size == sizeof old;
        all += size == sizeof old + sizeof new &&changes == 0 && zero + other == 0;
        between += size > (int64_t)sizeof old && size < (int64_t)(sizeof old + sizeof new);
        holes += changes > 1;
        torn += within > 0 && other == 0;
        garbage += other > 0;
        zeros += zero > 0 && other == 0;
        finish();
    }
    CHECK(all > 0 && nothing > 0 && between > 0 && holes > 0 && torn > 0 && garbage > 0 && zeros > 0);
}

static void a_name_survives_only_with_its_folder_synced(void)
{
    int kept = 0, lost = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        start(seed);
        REQUIRE(disk_make_folder(disk, "t", NULL) == 0);
        REQUIRE(disk_sync_folder(disk, "", NULL) == 0);
        struct file *file = open_file("t/synced");
        CHECK(disk_sync_folder(disk, "t", NULL) == 0);
        file_close(file);
        file = open_file("t/not");
        CHECK(write_at(file, "x", 1, 0) == 0);
        CHECK(file_sync(file, NULL) == 0);
        CHECK(disk_sync_folder(disk, "", NULL) == 0);
        file_close(file);
        simulated_disk_power_cut(disk, seed);
        CHECK(exists("t/synced"));
        kept += exists("t/not");
        lost += !exists("t/not");
        finish();
    }
    CHECK(kept > 0 && lost > 0);
}

static void what_is_in_a_lost_folder_is_lost(void)
{
    int kept = 0, lost = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        start(seed);
        REQUIRE(disk_make_folder(disk, "t", NULL) == 0);
        struct file *file = open_file("t/a");
        file_close(file);
        CHECK(disk_sync_folder(disk, "t", NULL) == 0);
        simulated_disk_power_cut(disk, seed);
        CHECK(simulated_disk_is_all_synced(disk));
        kept += exists("t/a");
        lost += !exists("t/a");
        REQUIRE(disk_make_folder(disk, "t", NULL) == 0);
        CHECK(kept > 0 || !exists("t/a"));
        finish();
    }
    CHECK(kept > 0 && lost > 0);
}

static void a_rename_is_whole_or_not_at_all(void)
{
    int before = 0, after = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        start(seed);
        REQUIRE(disk_make_folder(disk, "x", NULL) == 0);
        REQUIRE(disk_make_folder(disk, "y", NULL) == 0);
        REQUIRE(disk_replace_file(disk, "x/a", slice_of_text("1"), NULL) == 0);
        REQUIRE(disk_replace_file(disk, "y/b", slice_of_text("22"), NULL) == 0);
        REQUIRE(disk_sync_folder(disk, "", NULL) == 0);
        CHECK(simulated_disk_is_all_synced(disk));
        REQUIRE(disk_rename(disk, "x/a", "y/b", NULL) == 0);
        simulated_disk_power_cut(disk, seed);
        CHECK_EQUAL(read_whole("y/b"), exists("x/a") ? 2 : 1);
        before += exists("x/a");
        after += !exists("x/a");
        finish();
    }
    CHECK(before > 0 && after > 0);
}

/* Unsynced changes arrive in any order, but not without what they need. */
static void changes_survive_in_any_order_that_makes_sense(void)
{
    int second_only = 0, folder_without_file = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        start(seed);
        file_close(open_file("first"));
        file_close(open_file("second"));
        file_close(open_file("a.tmp"));
        REQUIRE(disk_rename(disk, "a.tmp", "a", NULL) == 0);
        REQUIRE(disk_make_folder(disk, "t", NULL) == 0);
        file_close(open_file("t/x"));
        simulated_disk_power_cut(disk, seed);
        CHECK(!(exists("a.tmp") && exists("a")));
        second_only += exists("second") && !exists("first");
        folder_without_file += folder_exists("t") && !exists("t/x");
        finish();
    }
    CHECK(second_only > 0 && folder_without_file > 0);
}

static void a_folder_is_gone_only_with_all_that_was_in_it(void)
{
    int gone = 0, half = 0, whole = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        start(seed);
        REQUIRE(disk_make_folder(disk, "t", NULL) == 0);
        file_close(open_file("t/a"));
        file_close(open_file("t/b"));
        REQUIRE(disk_sync_folder(disk, "t", NULL) == 0);
        REQUIRE(disk_sync_folder(disk, "", NULL) == 0);
        REQUIRE(disk_remove_tree(disk, "t", NULL) == 0);
        bool synced = seed % 4 == 0;
        if (synced)
            REQUIRE(disk_sync_folder(disk, "", NULL) == 0);
        simulated_disk_power_cut(disk, seed);
        bool there = folder_exists("t");
        CHECK(!there || !synced);
        CHECK(there || (!exists("t/a") && !exists("t/b")));
        gone += !there && !synced;
        half += exists("t/a") != exists("t/b");
        whole += exists("t/a") && exists("t/b");
        finish();
    }
    CHECK(gone > 0 && half > 0 && whole > 0);
}

static void the_same_seed_gives_the_same_disk(void)
{
    static uint8_t first[sizeof found];
    for (uint64_t seed = 0; seed < 20; seed++) {
        int64_t first_size = -1;
        for (int round = 0; round < 2; round++) {
            start(7);
            struct file *file = open_file("a");
            CHECK(disk_sync_folder(disk, "", NULL) == 0);
            for (uint64_t i = 0; i < 1000; i++)
                CHECK(write_at(file, &i, sizeof i, i * 13) == 0);
            simulated_disk_power_cut(disk, seed);
            file_close(file);
            int64_t size = read_whole("a");
            if (round == 0)
                memcpy(first, found, sizeof first);
            else
                CHECK(size == first_size && memcmp(first, found, (size_t)size) == 0);
            first_size = size;
            finish();
        }
    }
}

static void after_the_power_went_every_call_fails_until_it_is_back(void)
{
    for (int64_t nth = 0; nth < 6; nth++) {
        start((uint64_t)nth);
        struct file *file = open_file("a"), *other;
        simulated_disk_stop_at(disk, nth);
        for (int64_t i = 0; i < 6; i++)
            CHECK_EQUAL(write_at(file, "x", 1, 0), i < nth ? 0 : -EIO);
        CHECK(simulated_disk_is_stopped(disk));
        CHECK_EQUAL(disk_open_file(disk, "b", FILE_CREATE, &other, NULL), -EIO);
        CHECK_EQUAL(file_sync(file, NULL), -EIO);
        CHECK_EQUAL(disk_sync_folder(disk, "", NULL), -EIO);
        simulated_disk_power_cut(disk, 1);
        CHECK(!simulated_disk_is_stopped(disk));
        CHECK_EQUAL(write_at(file, "x", 1, 0), -EIO);
        CHECK_EQUAL(file_sync(file, NULL), -EIO);
        file_close(file);
        file = open_file("b");
        CHECK(write_at(file, "x", 1, 0) == 0);
        file_close(file);
        finish();
    }
}

static void a_write_that_fails_is_done_in_part(void)
{
    static uint8_t bytes[3000];
    memset(bytes, 'n', sizeof bytes);
    int none = 0, some = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        start(seed);
        struct file *file = open_file("a");
        simulated_disk_fail_at(disk, 0, -ENOSPC);
        CHECK_EQUAL(write_at(file, bytes, seed % 2 != 0 ? 2 : sizeof bytes, 0), -ENOSPC);
        CHECK(write_at(file, bytes, 0, 0) == 0);
        file_close(file);
        int64_t size = read_whole("a");
        CHECK(memcmp(found, bytes, (size_t)size) == 0);
        none += size == 0;
        some += size > 0;
        finish();
    }
    CHECK(none > 0 && some > 0);
}

static void a_sync_that_fails_loses_bytes_that_the_next_one_does_not_miss(void)
{
    static uint8_t bytes[4096];
    memset(bytes, 'n', sizeof bytes);
    int lost = 0, kept = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        start(seed);
        struct file *file = open_file("a");
        CHECK(disk_sync_folder(disk, "", NULL) == 0);
        CHECK(write_at(file, bytes, sizeof bytes, 0) == 0);
        simulated_disk_fail_call_at(disk, SIMULATED_SYNC, 0, -EIO);
        CHECK_EQUAL(file_sync(file, NULL), -EIO);
        CHECK(file_sync(file, NULL) == 0);
        simulated_disk_power_cut(disk, seed);
        file_close(file);
        CHECK_EQUAL(read_whole("a"), sizeof bytes);
        for (size_t i = 0; i < sizeof bytes; i += 512) {
            kept += found[i] == 'n';
            lost += found[i] == 0;
        }
        finish();
    }
    CHECK(lost > 100 && kept > 100);
}

static void a_full_disk_takes_what_fits(void)
{
    start(1);
    simulated_disk_set_space(disk, 10);
    struct file *file = open_file("a");
    CHECK(write_at(file, "abcdef", 6, 0) == 0);
    CHECK_EQUAL(write_at(file, "ghijkl", 6, 6), -ENOSPC);
    CHECK(write_at(file, "ABCDEF", 6, 0) == 0);
    struct disk_space left;
    CHECK(disk_find_space(disk, &left, NULL) == 0);
    CHECK(left.total == 10 && left.free == 0);
    simulated_disk_set_space(disk, 100);
    CHECK(write_at(file, "klm", 3, 10) == 0);
    file_close(file);
    CHECK_EQUAL(read_whole("a"), 13);
    CHECK(memcmp(found, "ABCDEFghijklm", 13) == 0);
    finish();
}

static void every_call_can_fail_once(void)
{
    start(1);
    int64_t rounds = 0;
    for (int64_t nth = 0; !simulated_disk_outlived(disk, nth); nth++) {
        rounds++;
        struct file *file;
        CHECK(!exists("a"));
        if (disk_open_file(disk, "a", FILE_CREATE, &file, NULL) != 0)
            continue;
        if (write_at(file, "x", 1, 0) == 0)
            (void)!file_sync(file, NULL);
        file_close(file);
    }
    CHECK_EQUAL(rounds, 1 + 3 + 1);
    finish();
}

static void bits_turn_over_and_calls_are_counted(void)
{
    start(1);
    struct file *file = open_file("a");
    CHECK(write_at(file, "ab", 2, 0) == 0);
    file_close(file);
    CHECK(simulated_disk_flip_bit(disk, "a", 9));
    CHECK(!simulated_disk_flip_bit(disk, "a", 16));
    CHECK(!simulated_disk_flip_bit(disk, "b", 0));
    CHECK_EQUAL(read_whole("a"), 2);
    CHECK(memcmp(found, "a`", 2) == 0);
    CHECK_EQUAL(simulated_disk_calls_of(disk, SIMULATED_OPEN), 2);
    CHECK_EQUAL(simulated_disk_calls_of(disk, SIMULATED_WRITE), 1);
    CHECK_EQUAL(simulated_disk_bytes_read(disk), 2);
    CHECK_EQUAL(simulated_disk_bytes_written(disk), 2);
    CHECK(simulated_disk_calls(disk) >= 4);
    finish();
}

SUITE("simulated disk", CHECK_TEST(what_was_synced_survives_and_the_rest_may_be_anything),
      CHECK_TEST(a_name_survives_only_with_its_folder_synced), CHECK_TEST(what_is_in_a_lost_folder_is_lost),
      CHECK_TEST(a_rename_is_whole_or_not_at_all), CHECK_TEST(changes_survive_in_any_order_that_makes_sense),
      CHECK_TEST(a_folder_is_gone_only_with_all_that_was_in_it), CHECK_TEST(the_same_seed_gives_the_same_disk),
      CHECK_TEST(after_the_power_went_every_call_fails_until_it_is_back),
      CHECK_TEST(a_write_that_fails_is_done_in_part),
      CHECK_TEST(a_sync_that_fails_loses_bytes_that_the_next_one_does_not_miss),
      CHECK_TEST(a_full_disk_takes_what_fits), CHECK_TEST(every_call_can_fail_once),
      CHECK_TEST(bits_turn_over_and_calls_are_counted))
