#include "check.h"
#include "checkpoint.h"
#include "simulated_disk.h"

#include <errno.h>

struct taken {
    int count;
    int64_t partitions;
    int64_t offsets;
    char last_topic[64];
    int stop_at;
};

static int take(void *context, const struct checkpoint_offset *entry)
{
    struct taken *taken = context;
    taken->count++;
    taken->partitions += entry->partition;
    taken->offsets += entry->offset;
    snprintf(taken->last_topic, sizeof taken->last_topic, "%.*s", SLICE_PRINT(entry->topic));
    return taken->count == taken->stop_at ? 42 : 0;
}

static int parse(const char *text, struct taken *taken, struct error *error)
{
    *taken = (struct taken){0};
    return checkpoint_parse_offsets(slice_of_text(text), take, taken, error);
}

/* As kafka.server.checkpoints.OffsetCheckpointFile writes it. */
static void kafkas_text_is_read(void)
{
    struct taken taken;
    CHECK(parse("0\n3\norders 0 12345\n__consumer_offsets 49 7\na:b.c-d 2147483647 9223372036854700000\n", &taken,
                NULL) == 0);
    CHECK_EQUAL(taken.count, 3);
    CHECK_EQUAL(taken.partitions, INT64_C(2147483647) + 49);
    CHECK(strcmp(taken.last_topic, "a:b.c-d") == 0);
    CHECK(parse("0\n0\n", &taken, NULL) == 0);
    CHECK_EQUAL(taken.count, 0);
    CHECK(parse("0\r\n1\r\norders 0 1\r\n", &taken, NULL) == 0);
    CHECK(parse("0\n1\norders 0 1", &taken, NULL) == 0);
    CHECK_EQUAL(taken.offsets, 1);
}

static void other_texts_are_refused(void)
{
    static const char *const wrong[] = {
        "",
        "0",
        "x\n0\n",
        "0\nx\n",
        "0\n1\n",
        "0\n2\norders 0 1\n",
        "0\n1\norders 0 1\norders 1 1\n",
        "0\n1\norders 0\n",
        "0\n1\norders 0 1 2\n",
        "0\n1\norders 0 -1\n",
        "0\n1\norders 0x1 1\n",
        "0\n1\norders 2147483648 1\n",
        "0\n1\norders 0 9223372036854775808\n",
        "0\n99999999999\norders 0 1\n",
        "0\n1\n\n",
        "0\n1\norders 0 1\n\n",
        "-1\n0\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct taken taken;
        struct error error = {0};
        CHECK_EQUAL(parse(wrong[i], &taken, &error), FURROW_CORRUPT);
        CHECK(error.message[0] != '\0');
    }
    struct taken taken;
    struct error error;
    CHECK_EQUAL(parse("1\n0\n", &taken, &error), FURROW_WRONG_VERSION);
    CHECK(strcmp(error.message, "version 1, expected 0") == 0);
    CHECK_EQUAL(parse("0\n2\norders 0 1\norders zero 1\n", &taken, &error), FURROW_CORRUPT);
    CHECK(strncmp(error.message, "line 4: ", 8) == 0);
}

static void the_callback_can_end_it(void)
{
    struct taken taken = {.stop_at = 2};
    slice text = slice_of_text("0\n3\na 0 1\na 1 1\na 2 1\n");
    CHECK_EQUAL(checkpoint_parse_offsets(text, take, &taken, NULL), 42);
    CHECK_EQUAL(taken.count, 2);
}

static int count_epoch(void *context, int32_t epoch, int64_t start_offset)
{
    *(int64_t *)context += epoch * INT64_C(1000) + start_offset;
    return 0;
}

static void epochs_are_read(void)
{
    int64_t sum = 0;
    CHECK(checkpoint_parse_epochs(slice_of_text("0\n2\n1 0\n3 77\n"), count_epoch, &sum, NULL) == 0);
    CHECK_EQUAL(sum, 4077);
    CHECK_EQUAL(checkpoint_parse_epochs(slice_of_text("0\n1\n1\n"), count_epoch, &sum, NULL), FURROW_CORRUPT);
    CHECK_EQUAL(checkpoint_parse_epochs(slice_of_text("0\n1\n1 2 3\n"), count_epoch, &sum, NULL), FURROW_CORRUPT);
    CHECK_EQUAL(checkpoint_parse_epochs(slice_of_text("0\n1\n-1 2\n"), count_epoch, &sum, NULL), FURROW_CORRUPT);
}

static void files_are_replaced(void)
{
    struct memory ledger;
    memory_init(&ledger);
    struct disk *disk = simulated_disk_create(&ledger, 1);
    struct checkpoint_offset entries[] = {{slice_of_text("a"), 0, 5}, {slice_of_text("b:c"), 17, INT64_MAX - 5}};
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        simulated_disk_fail_at(disk, nth, -EIO);
        int rc = checkpoint_replace_offsets_file(disk, "points", entries, 2, NULL);
        failed = !simulated_disk_fail_pending(disk);
        CHECK_EQUAL(rc, failed ? -EIO : 0);
    }
    simulated_disk_fail_at(disk, -1, 0);
    uint8_t *bytes;
    size_t size;
    REQUIRE(disk_read_file(disk, "points", 100, MEMORY_SERVER, &bytes, &size, NULL) == 0);
    CHECK(slice_equal(slice_of(bytes, size), slice_of_text("0\n2\na 0 5\nb:c 17 9223372036854775802\n")));
    memory_free(&ledger, MEMORY_SERVER, bytes, size);

    bool pending = false;
    for (int64_t nth = 0; !pending; nth++) {
        memory_fail_at(&ledger, nth);
        int rc = checkpoint_replace_offsets_file(disk, "points", entries, 2, NULL);
        pending = memory_fail_pending(&ledger);
        CHECK_EQUAL(rc, pending ? 0 : -ENOMEM);
    }
    disk_close(disk);
    CHECK_EQUAL(memory_total_bytes(&ledger), 0);
}

SUITE("checkpoint", CHECK_TEST(kafkas_text_is_read), CHECK_TEST(other_texts_are_refused),
      CHECK_TEST(the_callback_can_end_it), CHECK_TEST(epochs_are_read), CHECK_TEST(files_are_replaced))
