#include "log_fixture.h"
#include "segment.h"
#include "simulated_disk.h"

#include "check.h"

#include <errno.h>

static void names_are_twenty_digits_and_a_suffix(void)
{
    char path[DISK_PATH_MAX];
    segment_path("orders-0", 12345, SEGMENT_TIME_INDEX, path);
    CHECK(strcmp(path, "orders-0/00000000000000012345.timeindex") == 0);
    segment_path("orders-0", INT64_MAX, SEGMENT_LOG, path);
    CHECK(strcmp(path, "orders-0/09223372036854775807.log") == 0);
}

static void names_are_parsed_and_others_refused(void)
{
    int64_t offset;
    enum segment_part part;
    REQUIRE(segment_parse_name("00000000000000012345.index", &offset, &part));
    CHECK_EQUAL(offset, 12345);
    CHECK_EQUAL(part, SEGMENT_OFFSET_INDEX);
    REQUIRE(segment_parse_name("09223372036854775807.snapshot", &offset, &part));
    CHECK_EQUAL(offset, INT64_MAX);
    static const char *const others[] = {
        "",
        "0.log",
        "0000000000000001234.log",
        "000000000000000012345.log",
        "00000000000000012345",
        "00000000000000012345.logs",
        "00000000000000012345.log.deleted",
        "0000000000000001234x.log",
        "-0000000000000012345.log",
        "09223372036854775808.log", /* beyond INT64_MAX */
        "99999999999999999999.log",
        "partition.metadata",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        CHECK(!segment_parse_name(others[i], &offset, &part));
}

static void verified_ranges_join_when_they_touch(void)
{
    struct segment segment = {.size = 1000};
    segment_note_verified(&segment, 100, 200);
    CHECK(segment_is_verified(&segment, 100, 200) && segment_is_verified(&segment, 150, 150));
    CHECK(!segment_is_verified(&segment, 99, 200) && !segment_is_verified(&segment, 100, 201));
    segment_note_verified(&segment, 200, 300);
    segment_note_verified(&segment, 50, 120);
    CHECK(segment_is_verified(&segment, 50, 300));
    segment_note_verified(&segment, 400, 450); /* apart and smaller: forgotten */
    CHECK(segment_is_verified(&segment, 50, 300) && !segment_is_verified(&segment, 400, 450));
    segment_note_verified(&segment, 500, 1000); /* apart and larger: kept instead */
    CHECK(segment_is_verified(&segment, 500, 1000) && !segment_is_verified(&segment, 50, 300));
    segment_note_verified(&segment, 10, 10);
    CHECK(segment_is_verified(&segment, 500, 1000));
}

/* ---- walking ---- */

#define BATCHES 20

struct walk_fixture {
    struct memory memory;
    struct disk *disk;
    struct file *file;
    uint32_t positions[BATCHES + 1];
};

/* Batches of three records and rising size. */
static void setup(struct walk_fixture *f)
{
    memory_init(&f->memory);
    f->disk = simulated_disk_create(&f->memory, 1);
    REQUIRE(disk_open_file(f->disk, "segment", FILE_CREATE, &f->file, NULL) == 0);
    uint32_t position = 0;
    for (int i = 0; i < BATCHES; i++) {
        struct test_batch what = {.records = 3, .size = 10 + 400 * (uint32_t)i, .content = (uint64_t)i + 1};
        struct log_append *append = test_append_make(&f->memory, &what);
        REQUIRE(append != NULL);
        batch_stamp_offset(append->batch, 100 + 3 * i, 0);
        struct iovec part = {append->batch, append->size};
        REQUIRE(file_write(f->file, &part, 1, position, NULL) == 0);
        f->positions[i] = position;
        position += (uint32_t)append->size;
        test_append_free(&f->memory, append);
    }
    f->positions[BATCHES] = position;
}

static void teardown(struct walk_fixture *f)
{
    file_close(f->file);
    disk_close(f->disk);
    CHECK_EQUAL(memory_total_bytes(&f->memory), 0);
}

static void a_walk_gives_every_batch_once(void)
{
    struct walk_fixture f;
    setup(&f);
    static const uint32_t buffers[] = {BATCH_HEADER_SIZE, 100, SEGMENT_SCAN_HEADERS, SEGMENT_SCAN_BATCHES};
    for (size_t b = 0; b < sizeof buffers / sizeof buffers[0]; b++) {
        struct segment_scan scan;
        REQUIRE(segment_scan_open(&scan, &f.memory, f.file, f.positions[BATCHES], buffers[b], NULL) == 0);
        segment_scan_seek(&scan, 0, 100, 160);
        struct segment_batch batch;
        for (int i = 0; i < BATCHES; i++) {
            REQUIRE(segment_scan_next(&scan, &batch, NULL) == 1);
            CHECK_EQUAL(batch.position, f.positions[i]);
            CHECK_EQUAL(batch.header.base_offset, 100 + 3 * i);
            CHECK(segment_scan_check(&scan, &batch, NULL) == 0);
        }
        CHECK_EQUAL(segment_scan_next(&scan, &batch, NULL), 0);
        CHECK_EQUAL(scan.bytes_read, f.positions[BATCHES]);
        segment_scan_close(&scan);
    }
    teardown(&f);
}

static void every_flipped_bit_of_a_batch_is_found(void)
{
    struct walk_fixture f;
    setup(&f);
    struct segment_scan scan;
    struct segment_batch batch;
    uint32_t end = f.positions[2];
    for (uint64_t bit = 0; bit < (uint64_t)f.positions[1] * 8; bit++) {
        uint64_t byte = bit / 8;
        if (byte >= 12 && byte < 16)
            continue; /* the leader epoch, which no CRC covers and anything can be */
        simulated_disk_flip_bit(f.disk, "segment", bit);
        REQUIRE(segment_scan_open(&scan, &f.memory, f.file, end, SEGMENT_SCAN_BATCHES, NULL) == 0);
        segment_scan_seek(&scan, 0, 100, 106);
        int rc = segment_scan_next(&scan, &batch, NULL);
        if (rc == 1)
            rc = segment_scan_check(&scan, &batch, NULL);
        if (rc == 0)
            rc = segment_scan_next(&scan, &batch, NULL); /* a base offset that runs into the next batch */
        CHECK_EQUAL(rc, FURROW_CORRUPT);
        segment_scan_close(&scan);
        simulated_disk_flip_bit(f.disk, "segment", bit);
    }
    teardown(&f);
}

static void a_batch_that_is_not_whole_is_none(void)
{
    struct walk_fixture f;
    setup(&f);
    for (uint32_t end = f.positions[1] + 1; end < f.positions[2]; end++) {
        struct segment_scan scan;
        struct segment_batch batch;
        REQUIRE(segment_scan_open(&scan, &f.memory, f.file, end, SEGMENT_SCAN_HEADERS, NULL) == 0);
        segment_scan_seek(&scan, 0, 100, INT64_MAX);
        CHECK_EQUAL(segment_scan_next(&scan, &batch, NULL), 1);
        CHECK_EQUAL(segment_scan_next(&scan, &batch, NULL), FURROW_CORRUPT);
        CHECK_EQUAL(scan.position, f.positions[1]);
        segment_scan_close(&scan);
    }
    teardown(&f);
}

static void a_batch_is_loaded_whole(void)
{
    struct walk_fixture f;
    setup(&f);
    struct segment_scan scan;
    struct segment_batch batch;
    uint8_t *bytes;
    REQUIRE(segment_scan_open(&scan, &f.memory, f.file, f.positions[BATCHES], SEGMENT_SCAN_HEADERS, NULL) == 0);
    segment_scan_seek(&scan, f.positions[19], 157, 160);
    REQUIRE(segment_scan_next(&scan, &batch, NULL) == 1);
    REQUIRE(segment_scan_load(&scan, &batch, &bytes, NULL) == 0);
    CHECK(batch_crc_matches(slice_of(bytes, batch_size(&batch.header)), &batch.header));
    memory_free(&f.memory, MEMORY_LOGS, bytes, batch_size(&batch.header));
    simulated_disk_fail_at(f.disk, 0, -EIO);
    CHECK_EQUAL(segment_scan_load(&scan, &batch, &bytes, NULL), -EIO);
    memory_fail_at(&f.memory, 0);
    CHECK_EQUAL(segment_scan_load(&scan, &batch, &bytes, NULL), -ENOMEM);
    segment_scan_close(&scan);
    teardown(&f);
}

SUITE("segment", CHECK_TEST(names_are_twenty_digits_and_a_suffix), CHECK_TEST(names_are_parsed_and_others_refused),
      CHECK_TEST(verified_ranges_join_when_they_touch), CHECK_TEST(a_walk_gives_every_batch_once),
      CHECK_TEST(every_flipped_bit_of_a_batch_is_found), CHECK_TEST(a_batch_that_is_not_whole_is_none),
      CHECK_TEST(a_batch_is_loaded_whole))
