#include "check.h"
#include "file.h"
#include "simulated_disk.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct memory ledger;
static char folder[] = "/tmp/furrow-file-XXXXXX";

/* Every test runs on the real disk and on the simulated one: they must not differ. */
static void on_both_disks(void (*test)(struct disk *disk))
{
    memory_init(&ledger);
    struct error error;
    struct disk *disk;
    char root[sizeof folder];
    memcpy(root, folder, sizeof folder);
    REQUIRE(mkdtemp(root) != NULL);
    REQUIRE(disk_open_real(root, &ledger, &disk, &error) == 0);
    test(disk);
    disk_close(disk);
    char command[64];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    CHECK(system(command) == 0); /* NOLINT(cert-env33-c) */

    disk = simulated_disk_create(&ledger, 1);
    test(disk);
    disk_close(disk);
    CHECK_EQUAL(memory_total_bytes(&ledger), 0);
}

static int write_text(struct file *file, const char *text, uint64_t position)
{
    struct iovec part = {.iov_base = (void *)text, .iov_len = strlen(text)};
    return file_write(file, &part, 1, position, NULL);
}

static bool holds(struct file *file, const char *text)
{
    char bytes[256];
    size_t got = 0;
    uint64_t size = 0;
    return file_size(file, &size, NULL) == 0 && size == strlen(text) &&
           file_read(file, bytes, sizeof bytes, 0, &got, NULL) == 0 && got == size && memcmp(bytes, text, got) == 0;
}

static bool path_holds(struct disk *disk, const char *path, const char *text)
{
    struct file *file;
    if (disk_open_file(disk, path, FILE_READ, &file, NULL) != 0)
        return false;
    bool result = holds(file, text);
    file_close(file);
    return result;
}

static void modes_on(struct disk *disk)
{
    struct file *file;
    struct error error;
    CHECK_EQUAL(disk_open_file(disk, "a", FILE_READ, &file, &error), -ENOENT);
    CHECK(strstr(error.message, "open a") != NULL);
    CHECK_EQUAL(disk_open_file(disk, "a", FILE_READ_WRITE, &file, &error), -ENOENT);
    CHECK_EQUAL(disk_open_file(disk, "no/a", FILE_CREATE, &file, &error), -ENOENT);
    REQUIRE(disk_open_file(disk, "a", FILE_CREATE, &file, &error) == 0);
    CHECK(write_text(file, "hello", 0) == 0);
    file_close(file);

    REQUIRE(disk_open_file(disk, "a", FILE_CREATE, &file, &error) == 0);
    CHECK(holds(file, "hello"));
    CHECK(write_text(file, "J", 0) == 0);
    file_close(file);

    REQUIRE(disk_open_file(disk, "a", FILE_READ, &file, &error) == 0);
    CHECK(holds(file, "Jello"));
    CHECK(write_text(file, "no", 0) < 0);
    file_close(file);
}

static void a_file_is_made_kept_or_missed_as_the_mode_says(void)
{
    on_both_disks(modes_on);
}

static void writes_on(struct disk *disk)
{
    struct file *file;
    REQUIRE(disk_open_file(disk, "a", FILE_CREATE, &file, NULL) == 0);
    CHECK(write_text(file, "end", 5) == 0);
    char bytes[16];
    size_t got;
    CHECK(file_read(file, bytes, sizeof bytes, 0, &got, NULL) == 0);
    CHECK(got == 8 && memcmp(bytes, "\0\0\0\0\0end", 8) == 0);
    CHECK(file_read(file, bytes, 4, 7, &got, NULL) == 0);
    CHECK(got == 1 && bytes[0] == 'd');
    CHECK(file_read(file, bytes, 4, 100, &got, NULL) == 0);
    CHECK_EQUAL(got, 0);

    CHECK(file_truncate(file, 6, NULL) == 0);
    CHECK(file_truncate(file, 8, NULL) == 0);
    CHECK(file_read(file, bytes, sizeof bytes, 0, &got, NULL) == 0);
    CHECK(got == 8 && memcmp(bytes, "\0\0\0\0\0e\0\0", 8) == 0);
    CHECK(file_sync(file, NULL) == 0);
    CHECK(file_is_cached(file, 0, 8));
    file_close(file);
}

static void gaps_and_what_was_cut_read_as_zeros(void)
{
    on_both_disks(writes_on);
}

/* More than the system takes in one call, empty parts among them. */
static void many_parts_on(struct disk *disk)
{
    enum { PARTS = 2 * 1024 + 77 };
    static uint8_t bytes[PARTS], read[PARTS];
    static struct iovec parts[PARTS];
    size_t size = 0;
    for (size_t i = 0; i < PARTS; i++) {
        bytes[i] = (uint8_t)(i * 31);
        parts[i] = (struct iovec){.iov_base = &bytes[size], .iov_len = i % 3 != 0};
        size += i % 3 != 0;
    }
    struct file *file;
    REQUIRE(disk_open_file(disk, "a", FILE_CREATE, &file, NULL) == 0);
    CHECK(file_write(file, parts, PARTS, 3, NULL) == 0);
    size_t got;
    CHECK(file_read(file, read, sizeof read, 3, &got, NULL) == 0);
    CHECK(got == size && memcmp(read, bytes, size) == 0);
    CHECK(file_write(file, parts, 0, 3, NULL) == 0);
    CHECK(file_write(file, parts, 1, 3, NULL) == 0);
    file_close(file);
}

static void a_write_may_have_any_number_of_parts(void)
{
    on_both_disks(many_parts_on);
}

struct listed {
    int files;
    int folders;
    int stop_after;
};

static int count_entry(void *context, const struct disk_entry *entry)
{
    struct listed *listed = context;
    CHECK(entry->name[0] != '.');
    if (entry->is_folder)
        listed->folders++;
    else
        listed->files++;
    return --listed->stop_after == 0 ? 42 : 0;
}

static void make_file(struct disk *disk, const char *path)
{
    struct file *file;
    REQUIRE(disk_open_file(disk, path, FILE_CREATE, &file, NULL) == 0);
    file_close(file);
}

static void folders_on(struct disk *disk)
{
    REQUIRE(disk_make_folder(disk, "t-0", NULL) == 0);
    CHECK(disk_make_folder(disk, "t-0", NULL) == 0);
    CHECK_EQUAL(disk_make_folder(disk, "no/t-0", NULL), -ENOENT);
    REQUIRE(disk_make_folder(disk, "t-0/deep", NULL) == 0);
    make_file(disk, "t-0/deep/x");
    char path[64];
    for (int i = 0; i < 300; i++) {
        snprintf(path, sizeof path, "t-0/a-name-that-needs-some-room-%d", i);
        make_file(disk, path);
    }
    struct listed listed = {.stop_after = -1};
    CHECK(disk_list(disk, "t-0", count_entry, &listed, NULL) == 0);
    CHECK_EQUAL(listed.files, 300);
    CHECK_EQUAL(listed.folders, 1);
    listed = (struct listed){.stop_after = 7};
    CHECK_EQUAL(disk_list(disk, "t-0", count_entry, &listed, NULL), 42);
    CHECK_EQUAL(listed.files + listed.folders, 7);
    listed = (struct listed){.stop_after = -1};
    CHECK(disk_list(disk, "", count_entry, &listed, NULL) == 0);
    CHECK_EQUAL(listed.folders, 1);
    CHECK_EQUAL(disk_list(disk, "no", count_entry, &listed, NULL), -ENOENT);

    CHECK(disk_sync_folder(disk, "t-0", NULL) == 0);
    CHECK(disk_sync_folder(disk, "", NULL) == 0);
    CHECK_EQUAL(disk_sync_folder(disk, "no", NULL), -ENOENT);
    CHECK(disk_rename(disk, "t-0", "t-1", NULL) == 0);
    CHECK(disk_remove_tree(disk, "t-1", NULL) == 0);
    CHECK_EQUAL(disk_sync_folder(disk, "t-1", NULL), -ENOENT);
    CHECK(disk_remove_tree(disk, "t-1", NULL) == 0);
}

static void folders_are_made_listed_renamed_and_removed_whole(void)
{
    on_both_disks(folders_on);
}

static void renames_on(struct disk *disk)
{
    REQUIRE(disk_replace_file(disk, "a", slice_of_text("one"), NULL) == 0);
    REQUIRE(disk_replace_file(disk, "b", slice_of_text("two"), NULL) == 0);
    struct file *file;
    REQUIRE(disk_open_file(disk, "b", FILE_READ, &file, NULL) == 0);
    CHECK(disk_rename(disk, "a", "b", NULL) == 0);
    CHECK(path_holds(disk, "b", "one"));
    CHECK(holds(file, "two"));
    file_close(file);
    CHECK_EQUAL(disk_remove_file(disk, "a", NULL), -ENOENT);
    struct error error;
    CHECK_EQUAL(disk_rename(disk, "a", "c", &error), -ENOENT);
    CHECK(strstr(error.message, "rename a to c") != NULL);
    CHECK(disk_remove_file(disk, "b", NULL) == 0);
    CHECK_EQUAL(disk_remove_file(disk, "b", NULL), -ENOENT);
}

static void a_rename_replaces_and_open_files_stay(void)
{
    on_both_disks(renames_on);
}

static void small_files_on(struct disk *disk)
{
    uint8_t *bytes;
    size_t size;
    struct error error;
    CHECK_EQUAL(disk_read_file(disk, "c", 100, MEMORY_SERVER, &bytes, &size, &error), -ENOENT);
    REQUIRE(disk_replace_file(disk, "c", slice_of_text("a longer text"), NULL) == 0);
    REQUIRE(disk_replace_file(disk, "c", slice_of_text("text"), NULL) == 0);
    REQUIRE(disk_read_file(disk, "c", 4, MEMORY_SERVER, &bytes, &size, &error) == 0);
    CHECK(size == 4 && memcmp(bytes, "text", 4) == 0);
    memory_free(&ledger, MEMORY_SERVER, bytes, size);
    CHECK_EQUAL(disk_read_file(disk, "c", 3, MEMORY_SERVER, &bytes, &size, &error), FURROW_TOO_LARGE);
    CHECK(strncmp(error.message, "c: ", 3) == 0);
    REQUIRE(disk_replace_file(disk, "c", slice_of_text(""), NULL) == 0);
    REQUIRE(disk_read_file(disk, "c", 3, MEMORY_SERVER, &bytes, &size, &error) == 0);
    CHECK_EQUAL(size, 0);
    memory_free(&ledger, MEMORY_SERVER, bytes, size);
    CHECK_EQUAL(disk_open_file(disk, "c.tmp", FILE_READ, NULL, NULL), -ENOENT);
}

static void small_files_are_read_and_replaced_whole(void)
{
    on_both_disks(small_files_on);
}

static void no_memory_on(struct disk *disk)
{
    REQUIRE(disk_replace_file(disk, "c", slice_of_text("text"), NULL) == 0);
    bool pending = false;
    for (int64_t nth = 0; !pending; nth++) {
        uint8_t *bytes;
        size_t size;
        memory_fail_at(&ledger, nth);
        int rc = disk_read_file(disk, "c", 100, MEMORY_SERVER, &bytes, &size, NULL);
        pending = memory_fail_pending(&ledger);
        CHECK_EQUAL(rc, pending ? 0 : -ENOMEM);
        if (rc == 0)
            memory_free(&ledger, MEMORY_SERVER, bytes, size);
    }
    memory_fail_at(&ledger, -1);
}

static void without_memory_a_file_is_not_read(void)
{
    on_both_disks(no_memory_on);
}

/* The old text or the new one, whatever fails and whenever the power goes. */
static void replacing_is_whole_under_any_failure(void)
{
    memory_init(&ledger);
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        struct disk *disk = simulated_disk_create(&ledger, 3);
        REQUIRE(disk_replace_file(disk, "c", slice_of_text("old"), NULL) == 0);
        simulated_disk_fail_at(disk, nth, -EIO);
        int rc = disk_replace_file(disk, "c", slice_of_text("new"), NULL);
        failed = !simulated_disk_fail_pending(disk);
        CHECK_EQUAL(rc, failed ? -EIO : 0);
        simulated_disk_fail_at(disk, -1, 0);
        CHECK(path_holds(disk, "c", "new") || (failed && path_holds(disk, "c", "old")));
        simulated_disk_power_cut(disk, (uint64_t)nth);
        CHECK(path_holds(disk, "c", "new") || (failed && path_holds(disk, "c", "old")));
        disk_close(disk);
    }
    for (uint64_t seed = 0; seed < 500; seed++) {
        struct disk *disk = simulated_disk_create(&ledger, seed);
        REQUIRE(disk_replace_file(disk, "c", slice_of_text("old"), NULL) == 0);
        simulated_disk_stop_at(disk, (int64_t)(seed % 8));
        int rc = disk_replace_file(disk, "c", slice_of_text("new"), NULL);
        simulated_disk_power_cut(disk, seed);
        CHECK(path_holds(disk, "c", "new") || (rc != 0 && path_holds(disk, "c", "old")));
        disk_close(disk);
    }
    CHECK_EQUAL(memory_total_bytes(&ledger), 0);
}

static void a_write_that_the_system_cuts_short_goes_on_until_it_fails(void)
{
    memory_init(&ledger);
    char root[sizeof folder];
    memcpy(root, folder, sizeof folder);
    REQUIRE(mkdtemp(root) != NULL);
    struct disk *disk;
    struct file *file;
    REQUIRE(disk_open_real(root, &ledger, &disk, NULL) == 0);
    REQUIRE(disk_open_file(disk, "a", FILE_CREATE, &file, NULL) == 0);

    struct rlimit old, limit;
    REQUIRE(getrlimit(RLIMIT_FSIZE, &old) == 0);
    limit = old;
    limit.rlim_cur = 10;
    signal(SIGXFSZ, SIG_IGN);
    REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    struct iovec parts[] = {{.iov_base = (void *)"abcdef", .iov_len = 6}, {.iov_base = (void *)"ghijkl", .iov_len = 6}};
    struct error error;
    CHECK_EQUAL(file_write(file, parts, 2, 0, &error), -EFBIG);
    REQUIRE(setrlimit(RLIMIT_FSIZE, &old) == 0);
    CHECK(holds(file, "abcdefghij"));
    file_close(file);
    CHECK(disk_remove_file(disk, "a", NULL) == 0);
    disk_close(disk);
    CHECK(rmdir(root) == 0);
    CHECK_EQUAL(memory_total_bytes(&ledger), 0);
}

static void a_folder_that_is_missing_is_told_by_name(void)
{
    memory_init(&ledger);
    struct disk *disk;
    struct error error;
    CHECK_EQUAL(disk_open_real("/no/such/folder", &ledger, &disk, &error), -ENOENT);
    CHECK(strstr(error.message, "/no/such/folder: No such file") != NULL);
    CHECK_EQUAL(memory_total_bytes(&ledger), 0);
}

static void free_space_on(struct disk *disk)
{
    struct disk_space space = {0};
    CHECK(disk_find_space(disk, &space, NULL) == 0);
    CHECK(0 < space.free && space.free <= space.total);
}

static void free_space_is_told(void)
{
    on_both_disks(free_space_on);
}

SUITE("file", CHECK_TEST(a_file_is_made_kept_or_missed_as_the_mode_says),
      CHECK_TEST(gaps_and_what_was_cut_read_as_zeros), CHECK_TEST(a_write_may_have_any_number_of_parts),
      CHECK_TEST(folders_are_made_listed_renamed_and_removed_whole), CHECK_TEST(a_rename_replaces_and_open_files_stay),
      CHECK_TEST(small_files_are_read_and_replaced_whole), CHECK_TEST(without_memory_a_file_is_not_read),
      CHECK_TEST(replacing_is_whole_under_any_failure),
      CHECK_TEST(a_write_that_the_system_cuts_short_goes_on_until_it_fails),
      CHECK_TEST(a_folder_that_is_missing_is_told_by_name), CHECK_TEST(free_space_is_told))
