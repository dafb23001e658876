/* Syncs that are executed late. */
#include "check.h"
#include "log_fixture.h"
#include "log_trim.h"
#include "simulated_disk.h"

#define EPOCHS LOG_FIXTURE_FOLDER "/leader-epoch-checkpoint"

static struct log_sync *begin(struct log_fixture *f)
{
    struct log_sync *sync = NULL;
    REQUIRE(log_sync_begin(f->log, true, &sync, &f->error) == 0 && sync != NULL);
    return sync;
}

static bool is_text_of(struct log_fixture *f, const char *path, const char *text)
{
    uint8_t *bytes;
    size_t size;
    if (disk_read_file(f->disk, path, 1024, MEMORY_LOGS, &bytes, &size, NULL) != 0)
        return false;
    bool is = slice_equal(slice_of(bytes, size), slice_of_text(text));
    memory_free(&f->memory, MEMORY_LOGS, bytes, size);
    return is;
}

static void older_epochs_do_not_replace_newer_ones(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    for (int i = 0; i < 4; i++)
        REQUIRE(log_fixture_append(&f, &(struct test_batch){.records = 1}, false) == i);
    struct log_sync *older = begin(&f);
    REQUIRE(log_set_start_offset(f.log, 2, NULL) == 0);
    log_note_start_saved(f.log, 2);
    struct log_sync *newer = begin(&f);
    log_sync_execute(newer);
    CHECK(is_text_of(&f, EPOCHS, "0\n1\n0 2\n"));
    log_sync_execute(older);
    CHECK(is_text_of(&f, EPOCHS, "0\n1\n0 2\n"));
    CHECK_EQUAL(log_sync_end(f.log, newer, &f.error), 0);
    CHECK_EQUAL(log_sync_end(f.log, older, &f.error), 0);
    CHECK_EQUAL(log_synced_end_offset(f.log), 4);
    CHECK(log_fixture_close(&f));
}

static int count_file(void *context, const struct disk_entry *entry)
{
    (void)entry;
    (*(int *)context)++;
    return 0;
}

static int count_files(struct log_fixture *f)
{
    int count = 0;
    REQUIRE(disk_list(f->disk, LOG_FIXTURE_FOLDER, count_file, &count, NULL) == 0);
    return count;
}

/* The topic is deleted and made again while a sync of the old log waits for its turn. */
static void nothing_of_an_abandoned_log_is_put_into_the_next_one_of_its_name(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 2);
    f.mark_bytes = 1;
    REQUIRE(log_fixture_open(&f) == 0);
    for (int i = 0; i < 4; i++)
        REQUIRE(log_fixture_append(&f, &(struct test_batch){.records = 1}, false) == i);
    struct log_sync *sync = begin(&f);
    log_abandon(f.log);
    REQUIRE(disk_rename(f.disk, LOG_FIXTURE_FOLDER, "gone-delete", NULL) == 0);
    REQUIRE(log_create_files(f.disk, LOG_FIXTURE_FOLDER, LOG_FIXTURE_TOPIC_ID, NULL) == 0);
    int files = count_files(&f);
    log_sync_execute(sync);
    CHECK_EQUAL(count_files(&f), files);
    CHECK_EQUAL(log_sync_end(f.log, sync, &f.error), FURROW_OFFLINE);
    CHECK(log_fixture_close(&f));
}

SUITE("log sync", CHECK_TEST(older_epochs_do_not_replace_newer_ones),
      CHECK_TEST(nothing_of_an_abandoned_log_is_put_into_the_next_one_of_its_name))
