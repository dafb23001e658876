#include "transaction_index.h"

#include "check.h"
#include "simulated_disk.h"

static struct memory memory;
static struct disk *disk;
static struct file *file;

static const struct aborted_transaction entries[] = {
    {.producer_id = 4711, .first_offset = 103, .last_offset = 110, .stable_end = 105},
    {.producer_id = 4712, .first_offset = 105, .last_offset = 120, .stable_end = 121},
};
#define ENTRIES (sizeof entries / sizeof entries[0])

/* Apache Kafka 4.3.1: TransactionIndex.append of the same two. */
static const uint8_t kafka[] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x67, 0, 0, 0, 0, 0, 0, 0, 103, 0, 0, 0, 0, 0, 0, 0, 110, 0, 0, 0, 0, 0, 0, 0, 105, //
    0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x68, 0, 0, 0, 0, 0, 0, 0, 105, 0, 0, 0, 0, 0, 0, 0, 120, 0, 0, 0, 0, 0, 0, 0, 121,
};

static void open_with(const void *bytes, size_t size)
{
    struct iovec part = {(void *)(uintptr_t)bytes, size};
    memory_init(&memory);
    disk = simulated_disk_create(&memory, 1);
    REQUIRE(disk_open_file(disk, "100.txnindex", FILE_CREATE, &file, NULL) == 0);
    REQUIRE(size == 0 || file_write(file, &part, 1, 0, NULL) == 0);
}

static void shut(void)
{
    file_close(file);
    disk_close(disk);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static int check(int64_t base_offset, int64_t end_offset)
{
    uint32_t count;
    return transaction_index_check(file, base_offset, end_offset, &count, NULL);
}

static void entries_have_the_bytes_of_kafka(void)
{
    uint8_t bytes[sizeof kafka];
    for (size_t i = 0; i < ENTRIES; i++)
        transaction_index_encode(&entries[i], bytes + i * TRANSACTION_INDEX_ENTRY_SIZE);
    CHECK(memcmp(bytes, kafka, sizeof kafka) == 0);
}

static void entries_are_read_in_order_from_any_on(void)
{
    open_with(kafka, sizeof kafka);
    for (uint32_t first = 0; first <= ENTRIES; first++) {
        struct transaction_index_walk walk;
        struct aborted_transaction aborted;
        transaction_index_start(&walk, file, first, ENTRIES);
        for (uint32_t i = first; i < ENTRIES; i++) {
            REQUIRE(transaction_index_next(&walk, &aborted, NULL) == 1);
            CHECK(memcmp(&aborted, &entries[i], sizeof aborted) == 0);
        }
        CHECK_EQUAL(transaction_index_next(&walk, &aborted, NULL), 0);
    }
    shut();
}

/* More than are read at once. */
static void long_files_are_read_whole(void)
{
    enum { MANY = 1000 };
    static uint8_t bytes[MANY * TRANSACTION_INDEX_ENTRY_SIZE];
    for (int64_t i = 0; i < MANY; i++) {
        struct aborted_transaction aborted = {i, i, i + 5, i + 3};
        transaction_index_encode(&aborted, bytes + i * TRANSACTION_INDEX_ENTRY_SIZE);
    }
    open_with(bytes, sizeof bytes);
    uint32_t count;
    CHECK_EQUAL(transaction_index_check(file, 5, MANY + 5, &count, NULL), 0);
    CHECK_EQUAL(count, MANY);
    CHECK_EQUAL(check(6, MANY + 5), FURROW_CORRUPT);
    CHECK_EQUAL(check(5, MANY + 4), FURROW_CORRUPT);
    shut();
}

static void what_is_no_entry_is_found(void)
{
    static const struct aborted_transaction wrong[] = {
        {-1, 111, 115, 112}, {1, 116, 115, 112}, {1, -1, 115, 112},
        {1, 111, 115, 117},  {1, 111, 115, -1},  {1, 90, 110, 105}, /* no later than the one before */
        {1, 111, 115, 104}                                          /* stable to less than before */
    };
    uint8_t bytes[sizeof kafka];
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        memcpy(bytes, kafka, sizeof kafka);
        transaction_index_encode(&wrong[i], bytes + TRANSACTION_INDEX_ENTRY_SIZE);
        open_with(bytes, sizeof bytes);
        CHECK_EQUAL(check(100, 200), FURROW_CORRUPT);
        shut();
    }
    memcpy(bytes, kafka, sizeof kafka);
    bytes[1] = 1; /* the version */
    open_with(bytes, sizeof bytes);
    CHECK_EQUAL(check(100, 200), FURROW_CORRUPT);
    shut();
    open_with(kafka, sizeof kafka - 1);
    CHECK_EQUAL(check(100, 200), FURROW_CORRUPT);
    shut();
    open_with(kafka, 0);
    CHECK_EQUAL(check(100, 200), 0);
    shut();
}

SUITE("transaction_index", CHECK_TEST(entries_have_the_bytes_of_kafka),
      CHECK_TEST(entries_are_read_in_order_from_any_on), CHECK_TEST(long_files_are_read_whole),
      CHECK_TEST(what_is_no_entry_is_found))
