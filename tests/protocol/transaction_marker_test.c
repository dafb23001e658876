#include "batch_builder.h"
#include "check.h"
#include "transaction_marker.h"

#include <errno.h>

static struct memory memory;

/* Apache Kafka 4.3.1: MemoryRecords.withEndTransactionMarker(0, 1700000000123, -1, 4711, 5, marker of epoch 7). */
static const char kafka_abort[] =
    "000000000000000000000042ffffffff02f4d7c1b50030000000000000018bcfe5687b0000018bcfe5687b00000000000012670005ffffffff"
    "000000012000000008000000000c00000000000700";
static const char kafka_commit[] =
    "000000000000000000000042ffffffff0200e917fd0030000000000000018bcfe5687b0000018bcfe5687b00000000000012670005ffffffff"
    "000000012000000008000000010c00000000000700";

static const struct transaction_marker sample = {
    .producer_id = 4711, .producer_epoch = 5, .coordinator_epoch = 7, .timestamp = 1700000000123};

static size_t from_hex(const char *hex, uint8_t *bytes)
{
    size_t size = strlen(hex) / 2;
    for (size_t i = 0; i < size; i++) {
        unsigned byte;
        REQUIRE(sscanf(hex + 2 * i, "%2x", &byte) == 1);
        bytes[i] = (uint8_t)byte;
    }
    return size;
}

static void markers_have_the_bytes_of_kafka(void)
{
    memory_init(&memory);
    for (int commit = 0; commit < 2; commit++) {
        uint8_t expected[TRANSACTION_MARKER_SIZE];
        struct transaction_marker marker = sample;
        writer w;
        marker.commit = commit == 1;
        REQUIRE(from_hex(marker.commit ? kafka_commit : kafka_abort, expected) == sizeof expected);
        writer_init(&w, &memory, MEMORY_REQUESTS, 4096);
        transaction_marker_write(&marker, &w);
        CHECK(writer_ok(&w));
        CHECK(slice_equal(writer_slice(&w), slice_of(expected, sizeof expected)));

        struct batch_header header;
        struct transaction_marker parsed;
        REQUIRE(batch_parse_header(writer_slice(&w), &header, NULL) == 0);
        REQUIRE(transaction_marker_parse(writer_slice(&w), &header, &parsed) == 0);
        CHECK_EQUAL(parsed.producer_id, 4711);
        CHECK_EQUAL(parsed.producer_epoch, 5);
        CHECK_EQUAL(parsed.coordinator_epoch, 7);
        CHECK_EQUAL(parsed.timestamp, 1700000000123);
        CHECK_EQUAL(parsed.commit, commit);
        writer_close(&w);
    }
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static int parse_control(int16_t attributes, int64_t producer_id, slice key, slice value)
{
    struct batch_options options = BATCH_OPTIONS_PLAIN;
    struct batch_builder builder;
    struct batch_header header;
    struct transaction_marker parsed;
    writer w;
    options.attributes = attributes;
    options.producer_id = producer_id;
    writer_init(&w, &memory, MEMORY_REQUESTS, 4096);
    batch_builder_open(&builder, &w, &options);
    batch_builder_add(&builder, 1, key, value);
    REQUIRE(batch_builder_close(&builder, NULL) == 0);
    REQUIRE(batch_parse_header(writer_slice(&w), &header, NULL) == 0);
    int rc = transaction_marker_parse(writer_slice(&w), &header, &parsed);
    writer_close(&w);
    return rc;
}

static void what_is_no_marker_is_none(void)
{
    static const int16_t control = BATCH_CONTROL | BATCH_TRANSACTIONAL;
    memory_init(&memory);
    slice commit = slice_of("\0\0\0\1", 4);
    slice value = slice_of("\0\0\0\0\0\7", 6);
    CHECK_EQUAL(parse_control(control, 1, commit, value), 0);
    CHECK_EQUAL(parse_control(control, 1, commit, NULL_SLICE), 0); /* the coordinator's epoch is missing */
    CHECK_EQUAL(parse_control(BATCH_TRANSACTIONAL, 1, commit, value), FURROW_MALFORMED);
    CHECK_EQUAL(parse_control(control, -1, commit, value), FURROW_MALFORMED);
    CHECK_EQUAL(parse_control(control, 1, slice_of("\0\0\0\2", 4), value), FURROW_MALFORMED); /* a leader change */
    CHECK_EQUAL(parse_control(control, 1, slice_of("\0\0\0", 3), value), FURROW_MALFORMED);
    CHECK_EQUAL(parse_control(control, 1, NULL_SLICE, value), FURROW_MALFORMED);
}

static void a_writer_without_memory_has_no_marker(void)
{
    memory_init(&memory);
    writer w;
    writer_init(&w, &memory, MEMORY_REQUESTS, TRANSACTION_MARKER_SIZE - 1);
    transaction_marker_write(&sample, &w);
    CHECK(!writer_ok(&w));
    writer_close(&w);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

SUITE("transaction_marker", CHECK_TEST(markers_have_the_bytes_of_kafka), CHECK_TEST(what_is_no_marker_is_none),
      CHECK_TEST(a_writer_without_memory_has_no_marker))
