#include "check.h"
#include "data_folder.h"
#include "data_folder_version.h"
#include "simulated_disk.h"

#include <errno.h>

static struct memory ledger;
static struct disk *disk;
static struct error error;

static void start(void)
{
    memory_init(&ledger);
    disk = simulated_disk_create(&ledger, 1);
}

static void finish(void)
{
    disk_close(disk);
    CHECK_EQUAL(memory_total_bytes(&ledger), 0);
}

static bool is_there(const char *path)
{
    struct file *file;
    if (disk_open_file(disk, path, FILE_READ, &file, NULL) != 0)
        return false;
    file_close(file);
    return true;
}

/* Two steps as they might come: a file gets another name, then a file is added. Both may be done again. */
static int rename_it(struct disk *on, struct error *why)
{
    int rc = disk_rename(on, "old", "new", why);
    if (rc == -ENOENT)
        rc = 0;
    return rc == 0 ? disk_sync_folder(on, "", why) : rc;
}

static int add_one(struct disk *on, struct error *why)
{
    if (!is_there("new"))
        return error_set(why, -ENOENT, "the step before was not done");
    return disk_replace_file(on, "added", slice_of_text("x"), why);
}

static data_folder_step *const steps[] = {NULL, rename_it, add_one};

static int begin_with_version_1(void)
{
    const struct furrow_properties furrow = {.version = 1, .leader_epoch = 7};
    int rc = furrow_properties_write(disk, &furrow, &error);
    return rc == 0 ? disk_replace_file(disk, "old", slice_of_text("x"), &error) : rc;
}

static void an_older_folder_takes_every_step_in_order(void)
{
    start();
    REQUIRE(begin_with_version_1() == 0);
    struct furrow_properties furrow;
    REQUIRE(furrow_properties_read(disk, &furrow, &error) == 0);
    REQUIRE(data_folder_upgrade(disk, &furrow, steps, 3, &error) == 0);
    CHECK_EQUAL(furrow.version, 3);
    CHECK_EQUAL(furrow.leader_epoch, 7);
    CHECK(!is_there("old") && is_there("new") && is_there("added"));
    finish();
}

/* Wherever the power goes, the number on the disk is that of work that is durable, and going on from it ends well. */
static void an_upgrade_that_was_cut_short_goes_on(void)
{
    bool outlived = false;
    for (int64_t nth = 0; !outlived; nth++) {
        start();
        REQUIRE(begin_with_version_1() == 0);
        struct furrow_properties furrow = {.version = 1, .leader_epoch = 7};
        simulated_disk_stop_at(disk, nth);
        outlived = data_folder_upgrade(disk, &furrow, steps, 3, &error) == 0;
        simulated_disk_power_cut(disk, (uint64_t)nth);
        uint8_t *text;
        size_t size;
        REQUIRE(disk_read_file(disk, "furrow.properties", 100, MEMORY_SERVER, &text, &size, &error) == 0);
        REQUIRE(size > 9 && memcmp(text, "version=", 8) == 0);
        furrow.version = text[8] - '0';
        memory_free(&ledger, MEMORY_SERVER, text, size);
        CHECK(furrow.version >= 2 ? is_there("new") : is_there("old") || is_there("new"));
        CHECK(furrow.version < 3 || is_there("added"));
        REQUIRE(data_folder_upgrade(disk, &furrow, steps, 3, &error) == 0);
        CHECK(is_there("new") && is_there("added"));
        finish();
    }
}

static void a_step_that_fails_leaves_the_number(void)
{
    start();
    const struct furrow_properties before = {.version = 2, .leader_epoch = 7};
    REQUIRE(furrow_properties_write(disk, &before, &error) == 0);
    struct furrow_properties furrow = before;
    CHECK_EQUAL(data_folder_upgrade(disk, &furrow, steps, 3, &error), -ENOENT);
    CHECK(strstr(error.message, "upgrade from version 2 to 3: the step before was not done") != NULL);
    CHECK_EQUAL(furrow.version, 2);
    finish();
}

/* A newer server's folder: not a byte of it changes. */
static void a_newer_folder_is_refused(void)
{
    start();
    const struct furrow_properties newer = {.version = DATA_FOLDER_VERSION + 1, .leader_epoch = 7};
    struct data_folder *folder;
    struct data_folder_start found;
    const uint8_t random[32] = {1};
    REQUIRE(data_folder_open(disk, 1, random, &folder, &found, &error) == 0);
    data_folder_close(folder);
    REQUIRE(data_folder_mark_clean(disk, &error) == 0);
    REQUIRE(furrow_properties_write(disk, &newer, &error) == 0);
    uint64_t written = simulated_disk_bytes_written(disk);
    CHECK_EQUAL(data_folder_open(disk, 1, random, &folder, &found, &error), FURROW_WRONG_VERSION);
    CHECK(strstr(error.message, "version 2") != NULL);
    CHECK_EQUAL(data_folder_look(disk, &folder, &found, &error), FURROW_WRONG_VERSION);
    CHECK_EQUAL(simulated_disk_bytes_written(disk), written);
    CHECK(is_there(".kafka_cleanshutdown"));
    finish();
}

static void looking_changes_nothing(void)
{
    start();
    struct data_folder *folder;
    struct data_folder_start found;
    const uint8_t random[32] = {1};
    CHECK_EQUAL(data_folder_look(disk, &folder, &found, &error), -ENOENT);
    REQUIRE(data_folder_open(disk, 5, random, &folder, &found, &error) == 0);
    data_folder_close(folder);
    const struct checkpoint_offset point = {slice_of_text("orders"), 3, 17};
    REQUIRE(data_folder_write_recovery_points(disk, &point, 1, &error) == 0);
    REQUIRE(data_folder_mark_clean(disk, &error) == 0);
    uint64_t written = simulated_disk_bytes_written(disk);
    for (int i = 0; i < 2; i++) {
        REQUIRE(data_folder_look(disk, &folder, &found, &error) == 0);
        CHECK(found.clean && !found.fresh);
        CHECK_EQUAL(found.node_id, 5);
        CHECK_EQUAL(found.version, DATA_FOLDER_VERSION);
        CHECK_EQUAL(data_folder_recovery_point(folder, slice_of_text("orders"), 3), 17);
        data_folder_close(folder);
    }
    CHECK_EQUAL(simulated_disk_bytes_written(disk), written);
    finish();
}

SUITE("data folder version", CHECK_TEST(an_older_folder_takes_every_step_in_order),
      CHECK_TEST(an_upgrade_that_was_cut_short_goes_on), CHECK_TEST(a_step_that_fails_leaves_the_number),
      CHECK_TEST(a_newer_folder_is_refused), CHECK_TEST(looking_changes_nothing))
