/* Batches that others wrote, and headers and stamping. */
#include "batch.h"
#include "batch_iterator.h"
#include "batch_validate.h"
#include "check.h"
#include "crc32c.h"
#include "sample.h"

#include <errno.h>

#define BASE INT64_C(1700000000000)

static struct memory memory;
static const char *const writers[] = {"kafka-clients", "kafka-python"};

/* To be closed by the caller. */
static writer vector_of(const char *by, enum codec codec)
{
    char name[64];
    snprintf(name, sizeof name, "%s-%s.bin", by, codec_text(codec));
    writer w;
    writer_init(&w, &memory, MEMORY_REQUESTS, 1 << 20);
    CHECK(vector_read(&w, name));
    return w;
}

static struct batch_rules rules_for_all(void)
{
    return (struct batch_rules){
        .max_bytes = 1 << 20, .open_compressed = true, .max_uncompressed = 1 << 20, .memory = &memory};
}

static bool is_text(slice bytes, const char *text)
{
    return !slice_is_null(bytes) && slice_equal(bytes, slice_of_text(text));
}

static void check_headers(const struct record *record)
{
    reader headers = reader_of(record->headers);
    struct record_header header;
    CHECK_EQUAL(record->header_count, 3);
    CHECK(record_next_header(&headers, &header) && is_text(header.key, "a") && is_text(header.value, "1"));
    CHECK(record_next_header(&headers, &header) && is_text(header.key, "") && slice_is_null(header.value));
    CHECK(record_next_header(&headers, &header) && is_text(header.key, "a") &&
          slice_equal(header.value, slice_of("\0\xff", 2)));
    CHECK(!record_next_header(&headers, &header) && reader_ok(&headers));
}

static void check_long_value(slice value)
{
    CHECK_EQUAL(value.size, 3000);
    unsigned wrong = 0;
    for (size_t i = 0; i < value.size; i++)
        wrong += value.data[i] != i % 251;
    CHECK_EQUAL(wrong, 0);
}

/* The seven records of tests/protocol/vectors. */
static void check_records(slice batch)
{
    static const int64_t deltas[7] = {0, 1000, 2000, 3000, 4000, -500, 5000};
    struct batch_iterator it;
    struct record records[1];
    struct error error = {0};
    REQUIRE(batch_iterator_open(&it, batch, &memory, 1 << 20, &error) == 0);
    for (int i = 0; i < 7; i++) {
        REQUIRE(batch_iterator_next(&it, records, &error) == 1);
        const struct record *record = &records[0];
        CHECK_EQUAL(record->offset, i);
        CHECK_EQUAL(record->timestamp, BASE + deltas[i]);
        switch (i) {
        case 0:
            CHECK(is_text(record->key, "key-0") && is_text(record->value, "value-0") && record->header_count == 0);
            break;
        case 1:
            CHECK(slice_is_null(record->key) && is_text(record->value, "only a value"));
            break;
        case 2:
            CHECK(is_text(record->key, "tombstone") && slice_is_null(record->value));
            break;
        case 3:
            CHECK(is_text(record->key, "") && is_text(record->value, ""));
            break;
        case 4:
            check_headers(record);
            break;
        case 5:
            CHECK(is_text(record->key, "back") && is_text(record->value, "in time"));
            break;
        default:
            check_long_value(record->value);
        }
    }
    CHECK_EQUAL(batch_iterator_next(&it, records, &error), 0);
    CHECK_EQUAL(batch_iterator_next(&it, records, &error), 0);
    batch_iterator_close(&it);
}

static void others_batches_are_understood(void)
{
    memory_init(&memory);
    for (size_t by = 0; by < sizeof writers / sizeof writers[0]; by++) {
        for (int codec = 0; codec < CODECS; codec++) {
            writer w = vector_of(writers[by], (enum codec)codec);
            struct batch_rules rules = rules_for_all();
            struct batch_report report;
            struct error error = {0};
            CHECK_EQUAL(batch_validate(writer_slice(&w), &rules, &report, &error), 0);
            const struct batch_header *header = &report.header;
            CHECK(report.walked && report.bad_record == -1);
            CHECK_EQUAL(report.walked_max_timestamp, BASE + 5000);
            CHECK_EQUAL(batch_size(header), w.size);
            CHECK_EQUAL(header->base_offset, 0);
            CHECK_EQUAL(batch_last_offset(header), 6);
            CHECK_EQUAL(header->count, 7);
            CHECK_EQUAL(batch_codec(header), codec);
            CHECK(batch_is_transactional(header) && !batch_is_control(header) && !batch_is_log_append_time(header));
            CHECK_EQUAL(header->base_timestamp, BASE);
            CHECK_EQUAL(header->max_timestamp, BASE + 5000);
            CHECK_EQUAL(header->producer_id, 4242);
            CHECK_EQUAL(header->producer_epoch, 7);
            CHECK_EQUAL(header->base_sequence, 100);
            CHECK_EQUAL(batch_last_sequence(header), 106);
            check_records(writer_slice(&w));
            writer_close(&w);
        }
    }
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static void a_batch_that_is_not_opened_is_not_walked(void)
{
    memory_init(&memory);
    writer w = vector_of("kafka-clients", CODEC_ZSTD);
    struct batch_rules rules = {.max_bytes = 1 << 20};
    struct batch_report report;
    struct error error = {0};
    CHECK_EQUAL(batch_validate(writer_slice(&w), &rules, &report, &error), 0);
    CHECK(!report.walked);
    writer_close(&w);
}

/* The CRC does not cover what is stamped, so a reader still believes the batch. */
static void an_offset_is_stamped_without_touching_the_crc(void)
{
    memory_init(&memory);
    writer w = vector_of("kafka-python", CODEC_LZ4);
    batch_stamp_offset(w.data, INT64_C(0x123456789a), 77);
    struct batch_header header;
    struct error error = {0};
    REQUIRE(batch_parse_header(writer_slice(&w), &header, &error) == 0);
    CHECK_EQUAL(header.base_offset, 0x123456789a);
    CHECK_EQUAL(header.leader_epoch, 77);
    CHECK(batch_crc_matches(writer_slice(&w), &header));
    struct batch_iterator it;
    struct record record;
    REQUIRE(batch_iterator_open(&it, writer_slice(&w), &memory, 1 << 20, &error) == 0);
    CHECK(batch_iterator_next(&it, &record, &error) == 1 && record.offset == 0x123456789a);
    CHECK(batch_iterator_next(&it, &record, &error) == 1 && record.offset == 0x123456789b);
    batch_iterator_close(&it);
    writer_close(&w);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static void append_time_is_every_records_time(void)
{
    memory_init(&memory);
    for (int codec = 0; codec < CODECS; codec++) {
        writer w = vector_of("kafka-clients", (enum codec)codec);
        batch_stamp_log_append_time(w.data, w.size, 1234567890123);
        struct batch_rules rules = rules_for_all();
        struct batch_report report;
        struct error error = {0};
        CHECK_EQUAL(batch_validate(writer_slice(&w), &rules, &report, &error), 0);
        CHECK(batch_is_log_append_time(&report.header) && batch_is_transactional(&report.header));
        CHECK_EQUAL(report.header.max_timestamp, 1234567890123);
        CHECK_EQUAL(report.walked_max_timestamp, 1234567890123);
        writer_close(&w);
    }
}

static void a_wrong_max_timestamp_is_seen_and_corrected(void)
{
    memory_init(&memory);
    writer w = vector_of("kafka-clients", CODEC_NONE);
    batch_stamp_max_timestamp(w.data, w.size, BASE + 9000);
    struct batch_rules rules = rules_for_all();
    struct batch_report report;
    struct error error = {0};
    REQUIRE(batch_validate(writer_slice(&w), &rules, &report, &error) == 0);
    CHECK(report.header.max_timestamp != report.walked_max_timestamp);
    batch_stamp_max_timestamp(w.data, w.size, report.walked_max_timestamp);
    REQUIRE(batch_validate(writer_slice(&w), &rules, &report, &error) == 0);
    CHECK_EQUAL(report.header.max_timestamp, BASE + 5000);
    writer_close(&w);
}

static void sequences_wrap_after_the_largest(void)
{
    struct batch_header header = {.base_sequence = INT32_MAX - 1, .last_offset_delta = 1};
    CHECK_EQUAL(batch_last_sequence(&header), INT32_MAX);
    header.last_offset_delta = 4;
    CHECK_EQUAL(batch_last_sequence(&header), 2);
    header.base_sequence = BATCH_NO_SEQUENCE;
    CHECK_EQUAL(batch_last_sequence(&header), BATCH_NO_SEQUENCE);
}

static void a_buffer_is_scanned_batch_by_batch(void)
{
    memory_init(&memory);
    writer all;
    writer_init(&all, &memory, MEMORY_REQUESTS, 1 << 20);
    for (int codec = 0; codec < CODECS; codec++) {
        writer w = vector_of("kafka-clients", (enum codec)codec);
        write_bytes(&all, writer_slice(&w));
        writer_close(&w);
    }
    size_t whole = 0;
    for (size_t size = 0; size <= all.size; size += size % 7 + 1) {
        slice rest = slice_of(all.data, size), batch;
        struct batch_header header;
        struct error error = {0};
        int codec = 0, rc;
        while ((rc = batch_next(&rest, &header, &batch, &error)) == 1) {
            CHECK_EQUAL(batch_codec(&header), codec++);
            CHECK(batch_crc_matches(batch, &header));
        }
        CHECK_EQUAL(rc, 0);
        CHECK(rest.size < BATCH_HEADER_SIZE || rest.size < batch_size(&header));
        whole = (size_t)codec;
    }
    CHECK(whole >= 4);
    writer_close(&all);
}

static int parse_with(size_t position, uint8_t value, size_t size)
{
    writer w = vector_of("kafka-python", CODEC_NONE);
    w.data[position] = value;
    struct batch_header header;
    struct error error = {0};
    int rc = batch_parse_header(slice_of(w.data, size), &header, &error);
    CHECK((rc == 0) == (error.message[0] == '\0'));
    CHECK(rc != FURROW_UNSUPPORTED || header.magic == (int8_t)value);
    writer_close(&w);
    return rc;
}

static void headers_that_no_batch_has_are_refused(void)
{
    memory_init(&memory);
    CHECK_EQUAL(parse_with(16, 2, 61), 0);
    CHECK_EQUAL(parse_with(16, 0, 61), FURROW_UNSUPPORTED);
    CHECK_EQUAL(parse_with(16, 1, 17), FURROW_UNSUPPORTED);
    CHECK_EQUAL(parse_with(16, 3, 61), FURROW_CORRUPT);
    CHECK_EQUAL(parse_with(16, 0xff, 61), FURROW_CORRUPT);
    CHECK_EQUAL(parse_with(16, 2, 60), FURROW_MALFORMED);
    CHECK_EQUAL(parse_with(16, 2, 0), FURROW_MALFORMED);
    CHECK_EQUAL(parse_with(8, 0x80, 61), FURROW_CORRUPT);  /* length */
    CHECK_EQUAL(parse_with(0, 0x80, 61), FURROW_CORRUPT);  /* base offset */
    CHECK_EQUAL(parse_with(23, 0x80, 61), FURROW_CORRUPT); /* last offset delta */
    CHECK_EQUAL(parse_with(57, 0x80, 61), FURROW_CORRUPT); /* count */
    static const uint8_t zeros[61];
    struct batch_header header;
    struct error error = {0};
    CHECK_EQUAL(batch_parse_header(slice_of(zeros, sizeof zeros), &header, &error), FURROW_CORRUPT);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

SUITE("batch", CHECK_TEST(others_batches_are_understood), CHECK_TEST(a_batch_that_is_not_opened_is_not_walked),
      CHECK_TEST(an_offset_is_stamped_without_touching_the_crc), CHECK_TEST(append_time_is_every_records_time),
      CHECK_TEST(a_wrong_max_timestamp_is_seen_and_corrected), CHECK_TEST(sequences_wrap_after_the_largest),
      CHECK_TEST(a_buffer_is_scanned_batch_by_batch), CHECK_TEST(headers_that_no_batch_has_are_refused))
