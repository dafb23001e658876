#include "check.h"
#include "epochs.h"

#include <errno.h>

static struct memory ledger;
static struct epochs epochs;

static void start(void)
{
    memory_init(&ledger);
    epochs_init(&epochs, &ledger);
}

static void finish(void)
{
    epochs_close(&epochs);
    CHECK_EQUAL(memory_total_bytes(&ledger), 0);
}

/* True when the checkpoint's text is that. */
static bool reads(const char *text)
{
    writer w;
    writer_init(&w, &ledger, MEMORY_SERVER, 10000);
    epochs_write(&epochs, &w);
    bool result = writer_ok(&w) && slice_equal(writer_slice(&w), slice_of_text(text));
    writer_close(&w);
    return result;
}

static void check_end(int32_t asked, int64_t log_end, int32_t expected_epoch, int64_t expected_offset)
{
    int32_t epoch = -2;
    int64_t offset = -2;
    epochs_find_end(&epochs, asked, log_end, &epoch, &offset);
    CHECK_EQUAL(epoch, expected_epoch);
    CHECK_EQUAL(offset, expected_offset);
}

static void a_new_epoch_is_noted_once(void)
{
    start();
    CHECK_EQUAL(epochs_latest(&epochs), -1);
    CHECK_EQUAL(epochs_append(&epochs, 2, 0), 1);
    CHECK_EQUAL(epochs_append(&epochs, 2, 10), 0);
    CHECK_EQUAL(epochs_append(&epochs, -1, 10), 0);
    CHECK_EQUAL(epochs_append(&epochs, 4, 11), 1);
    CHECK_EQUAL(epochs_latest(&epochs), 4);
    CHECK(reads("0\n2\n2 0\n4 11\n"));
    finish();
}

/* kafka.server.epoch.LeaderEpochFileCacheTest: entries that conflict with the newest give way. */
static void what_does_not_rise_to_the_newest_is_dropped(void)
{
    start();
    for (int32_t i = 0; i < 10; i++)
        CHECK_EQUAL(epochs_append(&epochs, i, 10 * (int64_t)i), 1);
    CHECK_EQUAL(epochs_append(&epochs, 7, 45), 1);
    CHECK(reads("0\n6\n0 0\n1 10\n2 20\n3 30\n4 40\n7 45\n"));
    CHECK_EQUAL(epochs_append(&epochs, 2, 50), 1);
    CHECK(reads("0\n3\n0 0\n1 10\n2 50\n"));
    finish();
}

static void the_end_of_an_epoch_is_where_the_next_begins(void)
{
    start();
    check_end(0, 100, -1, -1);
    CHECK_EQUAL(epochs_append(&epochs, 2, 5), 1);
    CHECK_EQUAL(epochs_append(&epochs, 4, 20), 1);
    CHECK_EQUAL(epochs_append(&epochs, 7, 30), 1);
    check_end(-1, 100, -1, -1);
    check_end(0, 100, 0, 5);
    check_end(1, 100, 1, 5);
    check_end(2, 100, 2, 20);
    check_end(3, 100, 2, 20);
    check_end(4, 100, 4, 30);
    check_end(6, 100, 4, 30);
    check_end(7, 100, 7, 100);
    check_end(8, 100, -1, -1);
    finish();
}

static void cutting_the_end_takes_back_what_began_there(void)
{
    start();
    CHECK_EQUAL(epochs_append(&epochs, 2, 5), 1);
    CHECK_EQUAL(epochs_append(&epochs, 3, 20), 1);
    CHECK_EQUAL(epochs_append(&epochs, 4, 30), 1);
    CHECK(!epochs_cut_end(&epochs, 31));
    CHECK(epochs_cut_end(&epochs, 30));
    CHECK_EQUAL(epochs_latest(&epochs), 3);
    CHECK(epochs_cut_end(&epochs, 0));
    CHECK_EQUAL(epochs_latest(&epochs), -1);
    CHECK(!epochs_cut_end(&epochs, 0));
    finish();
}

static void cutting_the_start_keeps_the_epoch_that_it_lies_in(void)
{
    start();
    CHECK(!epochs_cut_start(&epochs, 5));
    CHECK_EQUAL(epochs_append(&epochs, 2, 5), 1);
    CHECK_EQUAL(epochs_append(&epochs, 3, 20), 1);
    CHECK_EQUAL(epochs_append(&epochs, 4, 30), 1);
    CHECK(!epochs_cut_start(&epochs, 5));
    CHECK(epochs_cut_start(&epochs, 6));
    CHECK(reads("0\n3\n2 6\n3 20\n4 30\n"));
    CHECK(epochs_cut_start(&epochs, 20));
    CHECK(reads("0\n2\n3 20\n4 30\n"));
    CHECK(!epochs_cut_start(&epochs, 20));
    CHECK(epochs_cut_start(&epochs, 35));
    CHECK(reads("0\n1\n4 35\n"));
    finish();
}

static void the_text_is_read_back(void)
{
    start();
    CHECK_EQUAL(epochs_append(&epochs, 9, 9), 1);
    REQUIRE(epochs_parse(&epochs, slice_of_text("0\n2\n0 0\n2147483647 9223372036854775807\n"), NULL) == 0);
    CHECK(reads("0\n2\n0 0\n2147483647 9223372036854775807\n"));
    static const char *const wrong[] = {"0\n2\n1 0\n1 5\n", "0\n2\n1 5\n2 5\n", "0\n2\n1 5\n2 4\n", "0\n1\n",
                                        "0\n1\nx\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct error error = {0};
        CHECK_EQUAL(epochs_parse(&epochs, slice_of_text(wrong[i]), &error), FURROW_CORRUPT);
        CHECK(error.message[0] != '\0');
        CHECK_EQUAL(epochs_latest(&epochs), -1);
    }
    CHECK_EQUAL(epochs_parse(&epochs, slice_of_text("1\n0\n"), NULL), FURROW_WRONG_VERSION);
    finish();
}

static void without_memory_nothing_changes(void)
{
    start();
    for (int32_t i = 0; i < 4; i++)
        CHECK_EQUAL(epochs_append(&epochs, i, i), 1);
    memory_fail_at(&ledger, 0);
    CHECK_EQUAL(epochs_append(&epochs, 4, 4), -ENOMEM);
    CHECK_EQUAL(epochs_latest(&epochs), 3);
    memory_fail_at(&ledger, 0);
    CHECK_EQUAL(epochs_parse(&epochs, slice_of_text("0\n5\n1 1\n2 2\n3 3\n4 4\n5 5\n"), NULL), -ENOMEM);
    CHECK_EQUAL(epochs_latest(&epochs), -1);
    finish();
}

SUITE("epochs", CHECK_TEST(a_new_epoch_is_noted_once), CHECK_TEST(what_does_not_rise_to_the_newest_is_dropped),
      CHECK_TEST(the_end_of_an_epoch_is_where_the_next_begins), CHECK_TEST(cutting_the_end_takes_back_what_began_there),
      CHECK_TEST(cutting_the_start_keeps_the_epoch_that_it_lies_in), CHECK_TEST(the_text_is_read_back),
      CHECK_TEST(without_memory_nothing_changes))
