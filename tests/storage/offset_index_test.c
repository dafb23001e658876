#include "check.h"
#include "offset_index.h"
#include "seeded_random.h"
#include "simulated_disk.h"
#include "vector_file.h"

#include <errno.h>
#include <stdlib.h>

#define BASE INT64_C(5000000000) /* beyond 32 bits */

static struct memory ledger;
static struct disk *disk;
static struct file *file;
static struct offset_index index_;
static struct offset_index_tail tail;

static void start(void)
{
    memory_init(&ledger);
    disk = simulated_disk_create(&ledger, 1);
    REQUIRE(disk_open_file(disk, "0.index", FILE_CREATE, &file, NULL) == 0);
    offset_index_init(&index_, BASE);
    tail.count = 0;
}

static void finish(void)
{
    file_close(file);
    disk_close(disk);
    CHECK_EQUAL(memory_total_bytes(&ledger), 0);
}

/* Entry i is (BASE + 10 i, 100 i + 100). */
static void add_entries(uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++) {
        if (offset_index_tail_is_full(&tail))
            CHECK(offset_index_flush(&index_, &tail, file, NULL) == 0);
        CHECK(offset_index_add(&index_, &tail, BASE + 10 * (int64_t)i, 100 * i + 100));
    }
}

static int write_at(const void *bytes, size_t size, uint64_t position)
{
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
    return file_write(file, &part, 1, position, NULL);
}

static struct offset_position find(int64_t offset)
{
    struct offset_position found = {-1, 77};
    if (!offset_index_tail_find(&index_, &tail, offset, &found))
        CHECK(offset_index_find(&index_, file, offset, &found, NULL) == 0);
    return found;
}

static void entries_are_kafkas_eight_bytes(void)
{
    start();
    CHECK(offset_index_add(&index_, &tail, BASE + 0x01020304, 0x05060708));
    uint8_t bytes[sizeof tail.relative_offsets + sizeof tail.positions];
    CHECK_EQUAL(offset_index_encode(&tail, bytes), 8);
    CHECK(memcmp(bytes, "\1\2\3\4\5\6\7\10", 8) == 0);
    finish();
}

static void an_empty_index_sends_to_the_start(void)
{
    start();
    uint64_t calls = simulated_disk_calls(disk);
    struct offset_position found = find(BASE + 1000);
    CHECK(found.offset == BASE && found.position == 0);
    CHECK_EQUAL(simulated_disk_calls(disk), calls);
    REQUIRE(offset_index_find(&index_, file, BASE, &found, NULL) == 0);
    CHECK(found.offset == BASE && found.position == 0);
    finish();
}

static void entries_must_rise_and_fit(void)
{
    start();
    CHECK(!offset_index_add(&index_, &tail, BASE - 1, 100));
    CHECK(!offset_index_add(&index_, &tail, BASE + 1, 0));
    CHECK(!offset_index_add(&index_, &tail, BASE + 1, UINT32_C(0x80000000)));
    CHECK(!offset_index_add(&index_, &tail, BASE + INT64_C(0x80000000), 100));
    CHECK(offset_index_is_far(&index_, BASE + INT64_C(0x80000000)));
    CHECK(!offset_index_is_far(&index_, BASE + INT32_MAX));
    CHECK(offset_index_add(&index_, &tail, BASE, 100));
    CHECK(!offset_index_add(&index_, &tail, BASE, 200));
    CHECK(!offset_index_add(&index_, &tail, BASE + 5, 100));
    CHECK(offset_index_add(&index_, &tail, BASE + INT32_MAX, INT32_MAX));
    for (uint32_t i = 2; i < OFFSET_INDEX_TAIL_MAX; i++)
        tail.count++;
    CHECK(offset_index_tail_is_full(&tail));
    finish();
}

/* Every number of entries in the file and in the tail, every offset: as a walk over all entries finds it. */
static void a_search_finds_the_last_entry_at_or_before(void)
{
    static const uint32_t in_file[] = {0, 1, 2, 3, 4, 5, 7, 8, 31, 33, 100};
    for (size_t i = 0; i < sizeof in_file / sizeof in_file[0]; i++) {
        for (uint32_t in_tail = 0; in_tail < 4; in_tail++) {
            start();
            uint32_t all = in_file[i] + in_tail;
            add_entries(0, in_file[i]);
            REQUIRE(offset_index_flush(&index_, &tail, file, NULL) == 0);
            add_entries(in_file[i], in_tail);
            CHECK_EQUAL(index_.entries, in_file[i]);
            for (int64_t relative = 0; relative < 10 * (int64_t)all + 5; relative++) {
                struct offset_position found = find(BASE + relative);
                int64_t expected = all == 0 ? -1 : relative / 10 < (int64_t)all ? relative / 10 : (int64_t)all - 1;
                CHECK_EQUAL(found.offset, expected < 0 ? BASE : BASE + 10 * expected);
                CHECK_EQUAL(found.position, 100 * expected + 100);
            }
            finish();
        }
    }
}

static void before_the_first_entry_is_the_start(void)
{
    start();
    CHECK(offset_index_add(&index_, &tail, BASE + 50, 500));
    CHECK_EQUAL(find(BASE + 49).position, 0);
    REQUIRE(offset_index_flush(&index_, &tail, file, NULL) == 0);
    CHECK_EQUAL(find(BASE + 49).position, 0);
    CHECK_EQUAL(find(BASE + 50).position, 500);
    finish();
}

static void a_full_file_takes_at_most_21_reads(void)
{
    start();
    enum { ENTRIES = 10 * 1024 * 1024 / OFFSET_INDEX_ENTRY_SIZE };
    add_entries(0, ENTRIES);
    REQUIRE(offset_index_flush(&index_, &tail, file, NULL) == 0);
    CHECK_EQUAL(index_.entries, ENTRIES);
    uint64_t most = 0;
    struct seeded_random random = {.state = 5};
    for (int i = 0; i < 200; i++) {
        uint64_t before = simulated_disk_bytes_read(disk);
        int64_t entry = (int64_t)random_below(&random, ENTRIES);
        CHECK_EQUAL(find(BASE + 10 * entry + 9).position, 100 * entry + 100);
        uint64_t bytes = simulated_disk_bytes_read(disk) - before;
        most = bytes > most ? bytes : most;
    }
    CHECK(most <= (uint64_t)21 * OFFSET_INDEX_ENTRY_SIZE);
    finish();
}

static void torn_and_zero_tails_are_not_counted(void)
{
    static const uint8_t zeros[1000];
    for (uint32_t entries = 0; entries < 20; entries++) {
        for (size_t behind = 0; behind < 200; behind += 1 + behind / 7) {
            start();
            add_entries(0, entries);
            REQUIRE(offset_index_flush(&index_, &tail, file, NULL) == 0);
            CHECK(write_at(zeros, behind, offset_index_file_bytes(&index_)) == 0);
            struct offset_index loaded;
            REQUIRE(offset_index_load(&loaded, file, BASE, NULL) == 0);
            CHECK_EQUAL(loaded.entries, entries);
            CHECK(loaded.last.offset == index_.last.offset && loaded.last.position == index_.last.position);
            int rc = offset_index_check(&loaded, file, BASE + 1000, 10000, NULL);
            CHECK_EQUAL(rc, behind % 8 == 0 ? 0 : FURROW_CORRUPT);

            add_entries(entries, 2);
            REQUIRE(offset_index_flush(&index_, &tail, file, NULL) == 0);
            uint64_t size;
            REQUIRE(file_size(file, &size, NULL) == 0);
            CHECK_EQUAL(size, 8 * (entries + 2));
            finish();
        }
    }
}

static void a_failed_write_is_taken_back(void)
{
    start();
    add_entries(0, 5);
    struct offset_index before = index_;
    uint32_t before_count = tail.count;
    add_entries(5, 3);
    index_ = before;
    tail.count = before_count;
    CHECK_EQUAL(find(BASE + 1000).position, 500);
    CHECK(offset_index_add(&index_, &tail, BASE + 41, 501));
    finish();
}

static void entries_added_during_a_flush_stay_in_the_tail(void)
{
    start();
    add_entries(0, 5);
    uint8_t bytes[OFFSET_INDEX_TAIL_MAX * OFFSET_INDEX_ENTRY_SIZE];
    size_t size = offset_index_encode(&tail, bytes);
    uint64_t position = offset_index_file_bytes(&index_);
    add_entries(5, 2);
    CHECK(write_at(bytes, size, position) == 0);
    offset_index_flushed(&index_, &tail, (uint32_t)(size / OFFSET_INDEX_ENTRY_SIZE));
    CHECK_EQUAL(index_.entries, 5);
    CHECK_EQUAL(tail.count, 2);
    for (int64_t i = 0; i < 7; i++)
        CHECK_EQUAL(find(BASE + 10 * i).position, 100 * i + 100);
    finish();
}

static void wrong_entries_are_found(void)
{
    static const struct {
        uint32_t at;
        const char *entry; /* 8 bytes */
    } wrongs[] = {
        {3, "\0\0\0\0\0\0\1\220"},    /* offset goes back */
        {3, "\0\0\0\36\0\0\0\1"},     /* position goes back */
        {3, "\377\0\0\36\0\0\1\220"}, /* negative offset */
        {3, "\0\0\0\36\377\0\1\220"}, /* negative position */
        {9, "\0\0\4\0\0\0\3\350"},    /* offset behind the end */
        {9, "\0\0\0\132\0\377\0\0"},  /* position behind the end */
        {5, "\0\0\0\0\0\0\0\0"},      /* zero in the middle */
    };
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        start();
        add_entries(0, 10);
        REQUIRE(offset_index_flush(&index_, &tail, file, NULL) == 0);
        CHECK(offset_index_check(&index_, file, BASE + 91, 1001, NULL) == 0);
        CHECK(write_at(wrongs[i].entry, 8, 8 * (uint64_t)wrongs[i].at) == 0);
        struct error error = {0};
        CHECK_EQUAL(offset_index_check(&index_, file, BASE + 91, 1001, &error), FURROW_CORRUPT);
        CHECK(strncmp(error.message, "offset index: entry ", 20) == 0);
        finish();
    }
    start();
    add_entries(0, 10);
    REQUIRE(offset_index_flush(&index_, &tail, file, NULL) == 0);
    CHECK(write_at("\377\377\377\377\377\377\377\377", 8, 40) == 0);
    struct offset_position found;
    CHECK_EQUAL(offset_index_find(&index_, file, BASE + 55, &found, NULL), FURROW_CORRUPT);
    CHECK(file_truncate(file, 16, NULL) == 0);
    CHECK_EQUAL(offset_index_find(&index_, file, BASE + 55, &found, NULL), FURROW_CORRUPT);
    CHECK_EQUAL(offset_index_check(&index_, file, BASE + 91, 1001, NULL), FURROW_CORRUPT);
    CHECK(write_at("\377\377\377\377\377\377\377\377", 8, 16) == 0);
    CHECK_EQUAL(offset_index_load(&index_, file, BASE, NULL), FURROW_CORRUPT);
    finish();
}

static void any_failing_call_is_told(void)
{
    start();
    add_entries(0, 20);
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        struct offset_index before = index_;
        struct offset_index_tail before_tail = tail;
        struct offset_index loaded;
        struct offset_position found;
        simulated_disk_fail_at(disk, nth, -EIO);
        int rc = offset_index_flush(&index_, &tail, file, NULL);
        if (rc == 0)
            rc = offset_index_load(&loaded, file, BASE, NULL);
        if (rc == 0)
            rc = offset_index_check(&index_, file, BASE + 1000, 10000, NULL);
        if (rc == 0)
            rc = offset_index_find(&index_, file, BASE + 100, &found, NULL);
        failed = !simulated_disk_fail_pending(disk);
        CHECK_EQUAL(rc, failed ? -EIO : 0);
        index_ = before;
        tail = before_tail;
    }
    finish();
}

/* What Kafka wrote is read, and written the same (vectors/README.md). */
static void files_are_kafkas(void)
{
    start();
    slice trimmed = vector_read("trimmed.index"), zero_tail = vector_read("zero-tail.index");
    REQUIRE(trimmed.size == (size_t)40 * 8 && zero_tail.size > trimmed.size);
    CHECK(write_at(zero_tail.data, zero_tail.size, 0) == 0);
    struct offset_index loaded;
    REQUIRE(offset_index_load(&loaded, file, BASE, NULL) == 0);
    CHECK_EQUAL(loaded.entries, 40);
    CHECK(offset_index_check(&loaded, file, BASE + 300, 1000000, NULL) == 0);

    for (uint32_t i = 0; i < 40; i++) {
        if (offset_index_tail_is_full(&tail))
            CHECK(offset_index_flush(&index_, &tail, file, NULL) == 0);
        CHECK(offset_index_add(&index_, &tail, BASE + 7 * (int64_t)i + 3, 5000 * i + 4200));
    }
    CHECK(offset_index_flush(&index_, &tail, file, NULL) == 0);
    uint8_t bytes[40 * 8 + 1];
    size_t got;
    REQUIRE(file_read(file, bytes, sizeof bytes, 0, &got, NULL) == 0);
    CHECK(slice_equal(slice_of(bytes, got), trimmed));
    CHECK_EQUAL(loaded.last.offset, index_.last.offset);
    free((void *)trimmed.data);
    free((void *)zero_tail.data);
    finish();
}

SUITE("offset index", CHECK_TEST(entries_are_kafkas_eight_bytes), CHECK_TEST(an_empty_index_sends_to_the_start),
      CHECK_TEST(entries_must_rise_and_fit), CHECK_TEST(a_search_finds_the_last_entry_at_or_before),
      CHECK_TEST(before_the_first_entry_is_the_start), CHECK_TEST(a_full_file_takes_at_most_21_reads),
      CHECK_TEST(torn_and_zero_tails_are_not_counted), CHECK_TEST(a_failed_write_is_taken_back),
      CHECK_TEST(entries_added_during_a_flush_stay_in_the_tail), CHECK_TEST(wrong_entries_are_found),
      CHECK_TEST(any_failing_call_is_told), CHECK_TEST(files_are_kafkas))
