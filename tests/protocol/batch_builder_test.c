#include "batch_builder.h"
#include "batch_iterator.h"
#include "batch_validate.h"
#include "check.h"
#include "sample.h"

#include <errno.h>

#define RECORDS 300

static struct memory memory;
static uint8_t bytes[100000];

static struct batch_options options_with(enum codec codec)
{
    struct batch_options options = BATCH_OPTIONS_PLAIN;
    options.codec = codec;
    options.level = codec_default_level(codec);
    return options;
}

/* The made-up record at an index: its key, value and headers are parts of `bytes`, some of them null. */
static void record_at(uint32_t index, struct record *record, struct record_header headers[3])
{
    uint32_t state = index;
    sample_next(&state);
    *record = (struct record){.offset = index, .timestamp = 1000 + sample_next(&state) % 5000};
    if (sample_next(&state) % 4 != 0)
        record->key = slice_of(bytes + sample_next(&state) % 500, sample_next(&state) % 40);
    if (sample_next(&state) % 5 != 0)
        record->value = slice_of(bytes + sample_next(&state) % 500, sample_next(&state) % 900);
    record->header_count = (int32_t)(sample_next(&state) % 4);
    for (int32_t i = 0; i < record->header_count; i++) {
        headers[i].key = slice_of(bytes + sample_next(&state) % 500, sample_next(&state) % 9);
        headers[i].value = i == 1 ? NULL_SLICE : slice_of(bytes, sample_next(&state) % 90);
    }
}

static int build(writer *w, const struct batch_options *options, uint32_t count, struct error *error)
{
    struct batch_builder builder;
    batch_builder_open(&builder, w, options);
    for (uint32_t i = 0; i < count; i++) {
        struct record record;
        struct record_header headers[3];
        record_at(i, &record, headers);
        batch_builder_add_with_headers(&builder, record.timestamp, record.key, record.value, headers,
                                       (size_t)record.header_count);
    }
    return batch_builder_close(&builder, error);
}

static bool same(slice a, slice b)
{
    return slice_is_null(a) == slice_is_null(b) && slice_equal(a, b);
}

static unsigned differences(const struct record *got, uint32_t index)
{
    struct record expected;
    struct record_header headers[3];
    record_at(index, &expected, headers);
    unsigned wrong = got->offset != expected.offset || got->timestamp != expected.timestamp ||
                     !same(got->key, expected.key) || !same(got->value, expected.value) ||
                     got->header_count != expected.header_count;
    reader r = reader_of(got->headers);
    struct record_header header;
    int32_t count = 0;
    for (; record_next_header(&r, &header); count++)
        wrong += count >= expected.header_count || !same(header.key, headers[count].key) ||
                 !same(header.value, headers[count].value);
    return wrong + (count != expected.header_count);
}

static void check_batch(slice batch, uint32_t count)
{
    struct batch_rules rules = {
        .max_bytes = batch.size, .open_compressed = true, .max_uncompressed = 1 << 20, .memory = &memory};
    struct batch_report report;
    struct error error = {0};
    int rc = batch_validate(batch, &rules, &report, &error);
    if (rc != 0)
        printf("%s\n", error.message);
    REQUIRE(rc == 0);
    CHECK_EQUAL(report.header.max_timestamp, report.walked_max_timestamp);
    struct batch_iterator it;
    struct record record;
    REQUIRE(batch_iterator_open(&it, batch, &memory, 1 << 20, &error) == 0);
    uint32_t index = 0;
    unsigned wrong = 0;
    while ((rc = batch_iterator_next(&it, &record, &error)) == 1)
        wrong += differences(&record, index++);
    CHECK_EQUAL(rc, 0);
    CHECK_EQUAL(wrong, 0);
    CHECK_EQUAL(index, count);
    batch_iterator_close(&it);
}

static void what_is_built_is_valid_and_comes_back(void)
{
    memory_init(&memory);
    sample_fill(SAMPLE_TEXT, 1, bytes, sizeof bytes);
    for (int codec = 0; codec < CODECS; codec++) {
        for (uint32_t count = 1; count <= RECORDS; count += count) {
            writer w;
            writer_init(&w, &memory, MEMORY_REQUESTS, 1 << 20);
            write_u8(&w, 0xaa);
            struct batch_options options = options_with((enum codec)codec);
            struct error error = {0};
            REQUIRE(build(&w, &options, count, &error) == 0);
            check_batch(slice_of(w.data + 1, w.size - 1), count);
            CHECK_EQUAL(w.data[0], 0xaa);
            writer_close(&w);
        }
    }
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static void the_header_says_what_was_asked_for(void)
{
    memory_init(&memory);
    writer w;
    writer_init(&w, &memory, MEMORY_REQUESTS, 1 << 20);
    struct batch_options options = {
        .codec = CODEC_GZIP,
        .level = 1,
        .attributes = BATCH_TRANSACTIONAL | BATCH_CONTROL,
        .base_offset = INT64_C(1) << 40,
        .leader_epoch = 3,
        .producer_id = INT64_C(1) << 50,
        .producer_epoch = 12,
        .base_sequence = 1000000,
    };
    struct batch_builder builder;
    batch_builder_open(&builder, &w, &options);
    batch_builder_add(&builder, 500, slice_of_text("k"), NULL_SLICE);
    batch_builder_add(&builder, 400, slice_of_text("k"), NULL_SLICE);
    struct error error = {0};
    REQUIRE(batch_builder_close(&builder, &error) == 0);
    struct batch_header header;
    REQUIRE(batch_parse_header(writer_slice(&w), &header, &error) == 0);
    CHECK_EQUAL(header.base_offset, options.base_offset);
    CHECK_EQUAL(header.leader_epoch, 3);
    CHECK_EQUAL(header.attributes, BATCH_TRANSACTIONAL | BATCH_CONTROL | CODEC_GZIP);
    CHECK_EQUAL(header.last_offset_delta, 1);
    CHECK_EQUAL(header.base_timestamp, 500);
    CHECK_EQUAL(header.max_timestamp, 500);
    CHECK_EQUAL(header.producer_id, options.producer_id);
    CHECK_EQUAL(header.producer_epoch, 12);
    CHECK_EQUAL(header.base_sequence, 1000000);
    CHECK_EQUAL(header.count, 2);
    CHECK(batch_crc_matches(writer_slice(&w), &header));
    writer_close(&w);
}

/* As compaction does it: records dropped, offsets and the batch's range kept, another codec. */
static void a_batch_is_rewritten_with_holes(void)
{
    memory_init(&memory);
    sample_fill(SAMPLE_TEXT, 1, bytes, sizeof bytes);
    writer from, to;
    writer_init(&from, &memory, MEMORY_REQUESTS, 1 << 20);
    writer_init(&to, &memory, MEMORY_REQUESTS, 1 << 20);
    struct batch_options options = options_with(CODEC_LZ4);
    struct error error = {0};
    REQUIRE(build(&from, &options, RECORDS, &error) == 0);

    options = options_with(CODEC_SNAPPY);
    struct batch_builder builder;
    batch_builder_open(&builder, &to, &options);
    struct batch_iterator it;
    struct record record;
    REQUIRE(batch_iterator_open(&it, writer_slice(&from), &memory, 1 << 20, &error) == 0);
    while (batch_iterator_next(&it, &record, &error) == 1) {
        if (record.offset % 3 == 1)
            batch_builder_add_record(&builder, &record);
    }
    batch_builder_set_last_offset(&builder, RECORDS - 1);
    batch_iterator_close(&it);
    REQUIRE(batch_builder_close(&builder, &error) == 0);

    REQUIRE(batch_iterator_open(&it, writer_slice(&to), &memory, 1 << 20, &error) == 0);
    CHECK_EQUAL(batch_last_offset(&it.header), RECORDS - 1);
    unsigned wrong = 0;
    for (uint32_t index = 1; batch_iterator_next(&it, &record, &error) == 1; index += 3)
        wrong += differences(&record, index);
    CHECK_EQUAL(wrong, 0);
    CHECK_EQUAL(it.index, RECORDS / 3);
    batch_iterator_close(&it);
    writer_close(&from);
    writer_close(&to);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static int status_of(void (*add)(struct batch_builder *b))
{
    writer w;
    writer_init(&w, &memory, MEMORY_REQUESTS, 1000);
    write_u8(&w, 1);
    struct batch_builder builder;
    batch_builder_open(&builder, &w, &BATCH_OPTIONS_PLAIN);
    add(&builder);
    struct error error = {0};
    int rc = batch_builder_close(&builder, &error);
    CHECK(rc == 0 || (w.size == 1 && error.message[0] != '\0'));
    writer_close(&w);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
    return rc;
}

static void add_nothing(struct batch_builder *b)
{
    (void)b;
}

static void add_an_offset_that_goes_back(struct batch_builder *b)
{
    batch_builder_add(b, 0, NULL_SLICE, NULL_SLICE);
    batch_builder_add_record(b, &(struct record){.offset = 0});
}

static void add_an_offset_too_far(struct batch_builder *b)
{
    batch_builder_add_record(b, &(struct record){.offset = INT64_C(1) << 31});
}

static void add_timestamps_too_far_apart(struct batch_builder *b)
{
    batch_builder_add(b, INT64_MIN, NULL_SLICE, NULL_SLICE);
    batch_builder_add(b, INT64_MAX, NULL_SLICE, NULL_SLICE);
}

static void add_more_than_the_writer_takes(struct batch_builder *b)
{
    batch_builder_add(b, 0, NULL_SLICE, slice_of(bytes, 990));
}

static void add_a_size_beyond_the_format(struct batch_builder *b)
{
    batch_builder_add(b, 0, NULL_SLICE, slice_of(bytes, (size_t)INT32_MAX));
}

static void nothing_kept_but_the_range(struct batch_builder *b)
{
    batch_builder_set_last_offset(b, 5);
}

static void what_does_not_fit_is_told_at_the_end(void)
{
    memory_init(&memory);
    CHECK_EQUAL(status_of(add_nothing), FURROW_OUT_OF_RANGE);
    CHECK_EQUAL(status_of(add_an_offset_that_goes_back), FURROW_OUT_OF_RANGE);
    CHECK_EQUAL(status_of(add_an_offset_too_far), FURROW_OUT_OF_RANGE);
    CHECK_EQUAL(status_of(add_timestamps_too_far_apart), FURROW_OUT_OF_RANGE);
    CHECK_EQUAL(status_of(add_more_than_the_writer_takes), -ENOMEM);
    CHECK_EQUAL(status_of(add_a_size_beyond_the_format), FURROW_TOO_LARGE);
    CHECK_EQUAL(status_of(nothing_kept_but_the_range), 0);
}

static void every_allocation_may_fail(void)
{
    memory_init(&memory);
    sample_fill(SAMPLE_TEXT, 1, bytes, sizeof bytes);
    for (int codec = 0; codec < CODECS; codec++) {
        bool failed = true;
        for (int64_t nth = 0; failed; nth++) {
            writer w;
            writer_init(&w, &memory, MEMORY_REQUESTS, 1 << 20);
            struct batch_options options = options_with((enum codec)codec);
            struct batch_rules rules = {
                .max_bytes = 1 << 20, .open_compressed = true, .max_uncompressed = 1 << 20, .memory = &memory};
            struct batch_report report;
            struct error error = {0};
            memory_fail_at(&memory, nth);
            int rc = build(&w, &options, RECORDS, &error);
            if (rc == 0)
                rc = batch_validate(writer_slice(&w), &rules, &report, &error);
            failed = !memory_fail_pending(&memory);
            CHECK(rc == 0 || (failed && rc == -ENOMEM));
            writer_close(&w);
            CHECK_EQUAL(memory_total_bytes(&memory), 0);
        }
        memory_fail_at(&memory, -1);
    }
}

SUITE("batch builder", CHECK_TEST(what_is_built_is_valid_and_comes_back),
      CHECK_TEST(the_header_says_what_was_asked_for), CHECK_TEST(a_batch_is_rewritten_with_holes),
      CHECK_TEST(what_does_not_fit_is_told_at_the_end), CHECK_TEST(every_allocation_may_fail))
