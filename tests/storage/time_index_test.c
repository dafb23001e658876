#include "check.h"
#include "simulated_disk.h"
#include "time_index.h"
#include "vector_file.h"

#include <errno.h>
#include <stdlib.h>

#define BASE INT64_C(5000000000) /* beyond 32 bits */
#define T0   INT64_C(1700000000000)

static struct memory ledger;
static struct disk *disk;
static struct file *file;
static struct time_index index_;
static struct time_index_tail tail;

static void start(void)
{
    memory_init(&ledger);
    disk = simulated_disk_create(&ledger, 1);
    REQUIRE(disk_open_file(disk, "0.timeindex", FILE_CREATE, &file, NULL) == 0);
    time_index_init(&index_, BASE);
    tail.count = 0;
}

static void finish(void)
{
    file_close(file);
    disk_close(disk);
    CHECK_EQUAL(memory_total_bytes(&ledger), 0);
}

/* Entry i is (T0 + 10 i, BASE + i). */
static void add_entries(uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++) {
        if (time_index_tail_is_full(&tail))
            CHECK(time_index_flush(&index_, &tail, file, NULL) == 0);
        CHECK(time_index_add(&index_, &tail, T0 + 10 * (int64_t)i, BASE + i));
    }
}

static int write_at(const void *bytes, size_t size, uint64_t position)
{
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
    return file_write(file, &part, 1, position, NULL);
}

static struct time_offset find(int64_t timestamp)
{
    struct time_offset found = {-7, -7};
    if (!time_index_tail_find(&index_, &tail, timestamp, &found))
        CHECK(time_index_find(&index_, file, timestamp, &found, NULL) == 0);
    return found;
}

static void entries_are_kafkas_twelve_bytes(void)
{
    start();
    CHECK(time_index_add(&index_, &tail, INT64_C(0x0102030405060708), BASE + 0x090a0b0c));
    uint8_t bytes[TIME_INDEX_TAIL_MAX * TIME_INDEX_ENTRY_SIZE];
    CHECK_EQUAL(time_index_encode(&tail, bytes), 12);
    CHECK(memcmp(bytes, "\1\2\3\4\5\6\7\10\11\12\13\14", 12) == 0);
    finish();
}

static void only_a_larger_time_makes_an_entry(void)
{
    start();
    CHECK(!time_index_add(&index_, &tail, -1, BASE));
    CHECK(!time_index_add(&index_, &tail, T0, BASE - 1));
    CHECK(!time_index_add(&index_, &tail, T0, BASE + INT64_C(0x80000000)));
    CHECK(time_index_add(&index_, &tail, 0, BASE));
    CHECK(!time_index_add(&index_, &tail, 0, BASE + 1));
    CHECK(time_index_add(&index_, &tail, T0, BASE + 3));
    CHECK(!time_index_add(&index_, &tail, T0 - 1, BASE + 4));
    CHECK(!time_index_add(&index_, &tail, T0 + 1, BASE + 2));
    CHECK_EQUAL(tail.count, 2);
    CHECK(index_.last.timestamp == T0 && index_.last.offset == BASE + 3);
    finish();
}

static void a_search_finds_the_last_entry_at_or_before(void)
{
    static const uint32_t in_file[] = {0, 1, 2, 3, 4, 5, 7, 8, 31, 33, 100};
    for (size_t i = 0; i < sizeof in_file / sizeof in_file[0]; i++) {
        for (uint32_t in_tail = 0; in_tail < 4; in_tail++) {
            start();
            int64_t all = in_file[i] + in_tail;
            add_entries(0, in_file[i]);
            REQUIRE(time_index_flush(&index_, &tail, file, NULL) == 0);
            add_entries(in_file[i], in_tail);
            for (int64_t after = -3; after < 10 * all + 5; after++) {
                struct time_offset found = find(T0 + after);
                int64_t expected = after < 0 ? -1 : after / 10;
                if (expected >= all)
                    expected = all - 1;
                CHECK_EQUAL(found.timestamp, expected < 0 ? -1 : T0 + 10 * expected);
                CHECK_EQUAL(found.offset, expected < 0 ? BASE : BASE + expected);
            }
            finish();
        }
    }
}

static void torn_and_zero_tails_are_not_counted(void)
{
    static const uint8_t zeros[1000];
    for (uint32_t entries = 0; entries < 20; entries++) {
        for (size_t behind = 0; behind < 200; behind += 1 + behind / 7) {
            if (entries == 0 && behind == TIME_INDEX_ENTRY_SIZE)
                continue;
            start();
            add_entries(0, entries);
            REQUIRE(time_index_flush(&index_, &tail, file, NULL) == 0);
            CHECK(write_at(zeros, behind, time_index_file_bytes(&index_)) == 0);
            struct time_index loaded;
            REQUIRE(time_index_load(&loaded, file, BASE, NULL) == 0);
            CHECK_EQUAL(loaded.entries, entries);
            CHECK(loaded.last.timestamp == index_.last.timestamp && loaded.last.offset == index_.last.offset);
            int rc = time_index_check(&loaded, file, BASE + 1000, NULL);
            CHECK_EQUAL(rc, behind % 12 == 0 ? 0 : FURROW_CORRUPT);
            finish();
        }
    }
}

/* All records of the segment have time 0, and the first batch holds one record. */
static void time_zero_at_the_base_is_an_entry_when_alone(void)
{
    start();
    CHECK(time_index_add(&index_, &tail, 0, BASE));
    REQUIRE(time_index_flush(&index_, &tail, file, NULL) == 0);
    struct time_index loaded;
    REQUIRE(time_index_load(&loaded, file, BASE, NULL) == 0);
    CHECK_EQUAL(loaded.entries, 1);
    CHECK_EQUAL(loaded.last.timestamp, 0);
    CHECK(time_index_check(&loaded, file, BASE + 1, NULL) == 0);
    finish();
}

static void entries_added_during_a_flush_stay_in_the_tail(void)
{
    start();
    add_entries(0, 5);
    uint8_t bytes[TIME_INDEX_TAIL_MAX * TIME_INDEX_ENTRY_SIZE];
    size_t size = time_index_encode(&tail, bytes);
    uint64_t position = time_index_file_bytes(&index_);
    add_entries(5, 2);
    CHECK(write_at(bytes, size, position) == 0);
    time_index_flushed(&index_, &tail, (uint32_t)(size / TIME_INDEX_ENTRY_SIZE));
    CHECK_EQUAL(index_.entries, 5);
    CHECK_EQUAL(tail.count, 2);
    for (int64_t i = 0; i < 7; i++)
        CHECK_EQUAL(find(T0 + 10 * i).offset, BASE + i);
    finish();
}

static void wrong_entries_are_found(void)
{
    static const char *const wrongs[] = {
        "\0\0\1\213\317\345\150\0\0\0\0\3",         /* time as of the first entry */
        "\0\0\1\213\317\345\150\36\0\0\0\2",        /* offset as of the one before */
        "\377\377\377\377\377\377\377\377\0\0\0\3", /* negative time */
        "\0\0\1\213\317\345\150\36\377\0\0\3",      /* negative offset */
        "\0\0\1\213\317\345\150\36\0\0\4\3",        /* offset behind the end */
        "\0\0\0\0\0\0\0\0\0\0\0\0",
    };
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        start();
        add_entries(0, 10);
        REQUIRE(time_index_flush(&index_, &tail, file, NULL) == 0);
        CHECK(time_index_check(&index_, file, BASE + 10, NULL) == 0);
        CHECK_EQUAL(time_index_check(&index_, file, BASE + 9, NULL), FURROW_CORRUPT);
        CHECK(write_at(wrongs[i], 12, 36) == 0);
        struct error error = {0};
        CHECK_EQUAL(time_index_check(&index_, file, BASE + 10, &error), FURROW_CORRUPT);
        CHECK(strncmp(error.message, "time index: entry 3 ", 20) == 0);
        finish();
    }
    start();
    add_entries(0, 10);
    REQUIRE(time_index_flush(&index_, &tail, file, NULL) == 0);
    CHECK(write_at(wrongs[2], 12, 60) == 0);
    struct time_offset found;
    CHECK_EQUAL(time_index_find(&index_, file, T0 + 75, &found, NULL), FURROW_CORRUPT);
    finish();
}

static void any_failing_call_is_told(void)
{
    start();
    add_entries(0, 20);
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        struct time_index before = index_;
        struct time_index_tail before_tail = tail;
        struct time_index loaded;
        struct time_offset found;
        simulated_disk_fail_at(disk, nth, -EIO);
        int rc = time_index_flush(&index_, &tail, file, NULL);
        if (rc == 0)
            rc = time_index_load(&loaded, file, BASE, NULL);
        if (rc == 0)
            rc = time_index_check(&index_, file, BASE + 1000, NULL);
        if (rc == 0)
            rc = time_index_find(&index_, file, T0 + 100, &found, NULL);
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
    slice trimmed = vector_read("trimmed.timeindex"), zero_tail = vector_read("zero-tail.timeindex");
    REQUIRE(trimmed.size == (size_t)40 * 12 && zero_tail.size > trimmed.size);
    CHECK(write_at(zero_tail.data, zero_tail.size, 0) == 0);
    struct time_index loaded;
    REQUIRE(time_index_load(&loaded, file, BASE, NULL) == 0);
    CHECK_EQUAL(loaded.entries, 40);
    CHECK(time_index_check(&loaded, file, BASE + 300, NULL) == 0);

    for (uint32_t i = 0; i < 40; i++) {
        if (time_index_tail_is_full(&tail))
            CHECK(time_index_flush(&index_, &tail, file, NULL) == 0);
        CHECK(time_index_add(&index_, &tail, T0 + 11 * (int64_t)i, BASE + 7 * (int64_t)i + 3));
    }
    CHECK(time_index_flush(&index_, &tail, file, NULL) == 0);
    uint8_t bytes[40 * 12 + 1];
    size_t got;
    REQUIRE(file_read(file, bytes, sizeof bytes, 0, &got, NULL) == 0);
    CHECK(slice_equal(slice_of(bytes, got), trimmed));
    CHECK_EQUAL(loaded.last.offset, index_.last.offset);
    free((void *)trimmed.data);
    free((void *)zero_tail.data);
    finish();
}

SUITE("time index", CHECK_TEST(entries_are_kafkas_twelve_bytes), CHECK_TEST(only_a_larger_time_makes_an_entry),
      CHECK_TEST(a_search_finds_the_last_entry_at_or_before), CHECK_TEST(torn_and_zero_tails_are_not_counted),
      CHECK_TEST(time_zero_at_the_base_is_an_entry_when_alone),
      CHECK_TEST(entries_added_during_a_flush_stay_in_the_tail), CHECK_TEST(wrong_entries_are_found),
      CHECK_TEST(any_failing_call_is_told), CHECK_TEST(files_are_kafkas))
