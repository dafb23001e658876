#include "check.h"
#include "file_cache.h"
#include "seeded_random.h"
#include "simulated_disk.h"

#include <errno.h>

static struct memory ledger;
static struct disk *disk;
static struct file_cache *cache;

static void start(uint32_t max_open)
{
    memory_init(&ledger);
    disk = simulated_disk_create(&ledger, 1);
    REQUIRE(disk_make_folder(disk, "t-0", NULL) == 0);
    REQUIRE(disk_make_folder(disk, "t-00", NULL) == 0);
    REQUIRE(file_cache_create(disk, max_open, &cache) == 0);
}

static void finish(void)
{
    file_cache_close(cache);
    CHECK_EQUAL(simulated_disk_open_files(disk), 0);
    disk_close(disk);
    CHECK_EQUAL(memory_total_bytes(&ledger), 0);
}

static struct file_cache_entry *acquire(const char *path)
{
    struct file_cache_entry *entry = NULL;
    CHECK(file_cache_acquire(cache, path, FILE_CREATE, &entry, NULL) == 0);
    return entry;
}

static void use(const char *path)
{
    file_cache_release(cache, acquire(path));
}

static bool is_open(const char *path)
{
    struct file_cache_entry *entry = file_cache_find(cache, path);
    file_cache_release(cache, entry);
    return entry != NULL;
}

static void a_file_is_opened_once(void)
{
    start(4);
    struct file_cache_entry *a = acquire("a"), *again = acquire("a");
    CHECK(a == again);
    CHECK(file_cache_file(a) != NULL);
    file_cache_release(cache, a);
    file_cache_release(cache, again);
    use("a");
    CHECK_EQUAL(simulated_disk_calls_of(disk, SIMULATED_OPEN), 1);
    struct file_cache_entry *entry;
    struct error error;
    CHECK_EQUAL(file_cache_acquire(cache, "b", FILE_READ, &entry, &error), -ENOENT);
    CHECK(file_cache_find(cache, "b") == NULL);
    finish();
}

static void the_least_recently_used_goes_first(void)
{
    start(3);
    use("a");
    use("b");
    use("c");
    use("a");
    use("d");
    CHECK_EQUAL(file_cache_open_count(cache), 3);
    CHECK(is_open("a") && !is_open("b") && is_open("c") && is_open("d"));
    finish();
}

static void pinned_and_unsynced_files_stay_open_beyond_the_bound(void)
{
    start(2);
    struct file_cache_entry *a = acquire("a"), *b = acquire("b");
    file_cache_mark_dirty(b);
    file_cache_release(cache, b);
    struct file_cache_entry *c = acquire("c");
    CHECK_EQUAL(file_cache_open_count(cache), 3);
    file_cache_release(cache, c);
    CHECK_EQUAL(file_cache_open_count(cache), 2);
    CHECK(!is_open("c"));
    CHECK(is_open("b"));
    use("d");
    CHECK(is_open("b"));

    b = file_cache_find(cache, "b");
    file_cache_mark_synced(b);
    file_cache_release(cache, b);
    use("e");
    CHECK(!is_open("b"));
    file_cache_release(cache, a);
    CHECK_EQUAL(file_cache_open_count(cache), 2);
    finish();
}

static void forgotten_files_close_with_their_last_pin(void)
{
    start(10);
    use("t-0/a");
    use("t-00/a");
    struct file_cache_entry *pinned = acquire("t-0/b");
    file_cache_mark_dirty(pinned);
    struct file_cache_entry *dirty = acquire("t-0/c");
    file_cache_mark_dirty(dirty);
    file_cache_release(cache, dirty);
    file_cache_forget(cache, "t-0/");
    CHECK_EQUAL(file_cache_open_count(cache), 2);
    CHECK(is_open("t-00/a") && !is_open("t-0/b"));
    size_t got;
    uint8_t byte;
    CHECK(file_read(file_cache_file(pinned), &byte, 1, 0, &got, NULL) == 0);

    struct file_cache_entry *new = acquire("t-0/b");
    CHECK(new != pinned);
    file_cache_release(cache, pinned);
    CHECK_EQUAL(file_cache_open_count(cache), 2);
    file_cache_release(cache, new);
    finish();
}

static void a_file_that_a_job_opened_is_taken_in(void)
{
    start(2);
    struct file *file;
    struct file_cache_entry *entry, *same;
    REQUIRE(disk_open_file(disk, "a", FILE_CREATE, &file, NULL) == 0);
    REQUIRE(file_cache_insert(cache, "a", file, &entry) == 0);
    CHECK(file_cache_file(entry) == file);
    REQUIRE(disk_open_file(disk, "a", FILE_CREATE, &file, NULL) == 0);
    REQUIRE(file_cache_insert(cache, "a", file, &same) == 0);
    CHECK(same == entry);
    CHECK_EQUAL(simulated_disk_open_files(disk), 1);
    file_cache_release(cache, entry);
    file_cache_release(cache, same);

    use("b");
    REQUIRE(disk_open_file(disk, "c", FILE_CREATE, &file, NULL) == 0);
    REQUIRE(file_cache_insert(cache, "c", file, &entry) == 0);
    CHECK_EQUAL(file_cache_open_count(cache), 2);
    CHECK(!is_open("a"));
    file_cache_release(cache, entry);
    finish();
}

static void descriptors_that_run_out_are_taken_from_idle_files(void)
{
    start(100);
    use("a");
    use("b");
    simulated_disk_fail_at(disk, 0, -EMFILE);
    use("c");
    CHECK_EQUAL(file_cache_open_count(cache), 2);
    CHECK(!is_open("a"));
    file_cache_forget(cache, "");
    simulated_disk_fail_at(disk, 0, -EMFILE);
    struct file_cache_entry *entry;
    CHECK_EQUAL(file_cache_acquire(cache, "d", FILE_CREATE, &entry, NULL), -EMFILE);
    finish();
}

static void without_memory_nothing_is_opened_and_nothing_lost(void)
{
    bool pending = false;
    for (int64_t nth = 0; !pending; nth++) {
        start(2);
        struct file_cache_entry *entry;
        struct file *file;
        memory_fail_at(&ledger, nth);
        int rc = 0;
        for (int i = 0; i < 40 && rc == 0; i++) { /* enough for the table to grow */
            char path[8];
            snprintf(path, sizeof path, "%d", i);
            rc = file_cache_acquire(cache, path, FILE_CREATE, &entry, NULL);
            if (rc == 0) {
                file_cache_mark_dirty(entry);
                file_cache_release(cache, entry);
            }
        }
        if (rc == 0 && disk_open_file(disk, "x", FILE_CREATE, &file, NULL) == 0) {
            rc = file_cache_insert(cache, "x", file, &entry);
            if (rc != 0)
                file_close(file);
            else
                file_cache_release(cache, entry);
        }
        pending = memory_fail_pending(&ledger);
        memory_fail_at(&ledger, -1);
        CHECK_EQUAL(file_cache_open_count(cache), simulated_disk_open_files(disk));
        finish();
    }
}

/* Against the plainest possible model: never more than the bound but for pinned and unsynced ones. */
static void the_bound_holds_under_any_use(void)
{
    start(5);
    enum { FILES = 12 };
    struct file_cache_entry *pinned[FILES] = {NULL};
    bool dirty[FILES] = {false};
    struct seeded_random random = {.state = 42};
    for (int step = 0; step < 5000; step++) {
        size_t i = (size_t)random_below(&random, FILES);
        char path[8];
        snprintf(path, sizeof path, "%zu", i);
        if (pinned[i] == NULL) {
            pinned[i] = acquire(path);
            if (random_chance(&random, 30))
                file_cache_mark_dirty(pinned[i]), dirty[i] = true;
            else
                file_cache_mark_synced(pinned[i]), dirty[i] = false;
        } else {
            file_cache_release(cache, pinned[i]);
            pinned[i] = NULL;
        }
        uint32_t kept = 0;
        for (size_t j = 0; j < FILES; j++)
            kept += pinned[j] != NULL || dirty[j];
        uint32_t open = file_cache_open_count(cache);
        CHECK(open <= 5 || open == kept);
        CHECK(open >= kept);
        CHECK_EQUAL(open, simulated_disk_open_files(disk));
    }
    for (size_t i = 0; i < FILES; i++)
        file_cache_release(cache, pinned[i]);
    finish();
}

SUITE("file cache", CHECK_TEST(a_file_is_opened_once), CHECK_TEST(the_least_recently_used_goes_first),
      CHECK_TEST(pinned_and_unsynced_files_stay_open_beyond_the_bound),
      CHECK_TEST(forgotten_files_close_with_their_last_pin), CHECK_TEST(a_file_that_a_job_opened_is_taken_in),
      CHECK_TEST(descriptors_that_run_out_are_taken_from_idle_files),
      CHECK_TEST(without_memory_nothing_is_opened_and_nothing_lost), CHECK_TEST(the_bound_holds_under_any_use))
