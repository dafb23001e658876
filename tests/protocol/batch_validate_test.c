#include "batch_builder.h"
#include "batch_iterator.h"
#include "batch_validate.h"
#include "check.h"
#include "crc32c.h"
#include "sample.h"

#include <stdlib.h>

#define NO_RECORD (-1)

static struct memory memory;

/* Three records: "k0".."k2", the second without a key. To be closed by the caller. */
static writer three_records(enum codec codec)
{
    writer w;
    writer_init(&w, &memory, MEMORY_REQUESTS, 1 << 20);
    struct batch_options options = BATCH_OPTIONS_PLAIN;
    options.codec = codec;
    options.level = codec_default_level(codec);
    struct batch_builder builder;
    batch_builder_open(&builder, &w, &options);
    batch_builder_add(&builder, 100, slice_of_text("k0"), slice_of_text("v0"));
    batch_builder_add(&builder, 101, NULL_SLICE, slice_of_text("v1"));
    batch_builder_add(&builder, 102, slice_of_text("k2"), slice_of_text("v2"));
    struct error error;
    CHECK_EQUAL(batch_builder_close(&builder, &error), 0);
    return w;
}

static void fix_crc(writer *w)
{
    store_u32(w->data + 17, crc32c(0, w->data + 21, w->size - 21));
}

/* Validates, checks that a failure has words and names the record, and closes the writer. */
static int verdict_by(writer *w, const struct batch_rules *rules, int32_t bad_record)
{
    struct batch_report report;
    struct error error = {0};
    int rc = batch_validate(writer_slice(w), rules, &report, &error);
    CHECK((rc == 0) == (error.message[0] == '\0'));
    CHECK_EQUAL(report.bad_record, bad_record);
    CHECK(rc == 0 || !report.walked);
    if (bad_record >= 0) {
        char words[32];
        snprintf(words, sizeof words, "record %d: ", bad_record);
        CHECK(strncmp(error.message, words, strlen(words)) == 0);
    }
    writer_close(w);
    return rc;
}

static int verdict(writer *w, int32_t bad_record)
{
    struct batch_rules rules = {
        .max_bytes = 1 << 20, .open_compressed = true, .max_uncompressed = 1 << 20, .memory = &memory};
    return verdict_by(w, &rules, bad_record);
}

static void length_and_crc_must_be_those_of_the_sender(void)
{
    memory_init(&memory);
    for (int codec = 0; codec < CODECS; codec++) {
        writer w = three_records((enum codec)codec);
        size_t size = w.size;
        CHECK_EQUAL(verdict(&w, NO_RECORD), 0);
        for (size_t cut = 0; cut < size; cut += 3) {
            w = three_records((enum codec)codec);
            writer_cut(&w, cut);
            CHECK_EQUAL(verdict(&w, NO_RECORD), FURROW_MALFORMED);
        }
        for (size_t i = 17; i < size; i++) {
            w = three_records((enum codec)codec);
            w.data[i] ^= 0x20;
            CHECK_EQUAL(verdict(&w, NO_RECORD), FURROW_CORRUPT);
        }
        w = three_records((enum codec)codec);
        write_u8(&w, 0);
        CHECK_EQUAL(verdict(&w, NO_RECORD), FURROW_MALFORMED);
    }
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static void two_batches_are_not_one(void)
{
    memory_init(&memory);
    writer w = three_records(CODEC_NONE), second = three_records(CODEC_NONE);
    write_bytes(&w, writer_slice(&second));
    writer_close(&second);
    CHECK_EQUAL(verdict(&w, NO_RECORD), FURROW_MALFORMED);
}

static void the_size_limit_is_kept_to_the_byte(void)
{
    memory_init(&memory);
    writer w = three_records(CODEC_NONE);
    struct batch_rules rules = {.max_bytes = w.size};
    CHECK_EQUAL(verdict_by(&w, &rules, NO_RECORD), 0);
    rules.max_bytes--;
    w = three_records(CODEC_NONE);
    CHECK_EQUAL(verdict_by(&w, &rules, NO_RECORD), FURROW_TOO_LARGE);
}

static void opening_is_bounded(void)
{
    memory_init(&memory);
    for (int codec = CODEC_GZIP; codec < CODECS; codec++) {
        writer w = three_records((enum codec)codec);
        struct batch_rules rules = {
            .max_bytes = 1 << 20, .open_compressed = true, .max_uncompressed = 20, .memory = &memory};
        CHECK_EQUAL(verdict_by(&w, &rules, NO_RECORD), FURROW_TOO_LARGE);
        CHECK_EQUAL(memory_total_bytes(&memory), 0);
    }
}

static void old_magics_and_unknown_codecs_are_unsupported(void)
{
    memory_init(&memory);
    for (uint8_t magic = 0; magic < 2; magic++) {
        writer w = three_records(CODEC_NONE);
        w.data[16] = magic;
        CHECK_EQUAL(verdict(&w, NO_RECORD), FURROW_UNSUPPORTED);
    }
    for (uint8_t codec = CODECS; codec < 8; codec++) {
        writer w = three_records(CODEC_NONE);
        w.data[22] = codec;
        fix_crc(&w);
        CHECK_EQUAL(verdict(&w, NO_RECORD), FURROW_UNSUPPORTED);
    }
}

static int with_field(size_t position, uint8_t value)
{
    writer w = three_records(CODEC_NONE);
    w.data[position] = value;
    fix_crc(&w);
    return verdict(&w, NO_RECORD);
}

static void counts_that_disagree_are_malformed(void)
{
    memory_init(&memory);
    CHECK_EQUAL(with_field(60, 3), 0);
    CHECK_EQUAL(with_field(60, 2), FURROW_MALFORMED);
    CHECK_EQUAL(with_field(60, 4), FURROW_MALFORMED);
    CHECK_EQUAL(with_field(60, 0), FURROW_MALFORMED);
    CHECK_EQUAL(with_field(26, 1), FURROW_MALFORMED);
    CHECK_EQUAL(with_field(22, BATCH_TRANSACTIONAL), FURROW_MALFORMED);
}

/* The CRC is the sender's own, so sending it again would not help. */
static void negative_counts_are_the_senders_fault_if_the_crc_is_right(void)
{
    memory_init(&memory);
    static const size_t positions[] = {23, 57}; /* last offset delta, count */
    for (size_t i = 0; i < 2; i++) {
        CHECK_EQUAL(with_field(positions[i], 0xff), FURROW_MALFORMED);
        writer w = three_records(CODEC_NONE);
        w.data[positions[i]] = 0xff;
        CHECK_EQUAL(verdict(&w, NO_RECORD), FURROW_CORRUPT);
    }
}

static int with_length(int32_t more)
{
    writer w = three_records(CODEC_NONE);
    store_u32(w.data + 8, (uint32_t)((int32_t)(w.size - BATCH_LENGTH_OFFSET) + more));
    return verdict(&w, NO_RECORD);
}

static void a_length_too_small_is_told_from_one_too_large(void)
{
    memory_init(&memory);
    CHECK_EQUAL(with_length(0), 0);
    CHECK_EQUAL(with_length(-3), FURROW_CORRUPT);
    CHECK_EQUAL(with_length(3), FURROW_MALFORMED);
    CHECK_EQUAL(with_length(-1000), FURROW_CORRUPT);
}

static void a_producer_needs_epoch_and_sequence(void)
{
    memory_init(&memory);
    for (int has = 0; has < 4; has++) {
        writer w = three_records(CODEC_NONE);
        store_u64(w.data + 43, 17);
        store_u16(w.data + 51, (has & 1) != 0 ? 0 : 0xffff);
        store_u32(w.data + 53, (has & 2) != 0 ? 0 : 0xffffffff);
        fix_crc(&w);
        CHECK_EQUAL(verdict(&w, NO_RECORD), has == 3 ? 0 : FURROW_MALFORMED);
    }
}

/* Records written by hand behind the header of three. */
static int with_records(const char *records, size_t size, int32_t bad_record)
{
    writer w = three_records(CODEC_NONE);
    writer_cut(&w, BATCH_HEADER_SIZE);
    write_bytes(&w, slice_of(records, size));
    store_u32(w.data + 8, (uint32_t)(w.size - BATCH_LENGTH_OFFSET));
    fix_crc(&w);
    return verdict(&w, bad_record);
}

/* length, attributes, timestamp delta, offset delta, key length, value length, headers; zigzag: 12 is six bytes */
#define RECORD(delta) "\x0c\0\0" delta "\x01\x01\0"
#define WITH(text)    text, sizeof(text) - 1

static void records_must_add_up(void)
{
    memory_init(&memory);
    CHECK_EQUAL(with_records(WITH(RECORD("\0") RECORD("\2") RECORD("\4")), NO_RECORD), 0);
    CHECK_EQUAL(with_records(WITH(RECORD("\0") RECORD("\2") RECORD("\2")), 2), FURROW_MALFORMED);
    CHECK_EQUAL(with_records(WITH(RECORD("\2") RECORD("\2") RECORD("\4")), 0), FURROW_MALFORMED);
    CHECK_EQUAL(with_records(WITH(RECORD("\0") RECORD("\6") RECORD("\4")), 1), FURROW_MALFORMED);
    CHECK_EQUAL(with_records(WITH(RECORD("\0") RECORD("\1") RECORD("\4")), 1), FURROW_MALFORMED);
    CHECK_EQUAL(with_records(WITH(RECORD("\0") RECORD("\2")), 2), FURROW_MALFORMED);
    CHECK_EQUAL(with_records(WITH(RECORD("\0") RECORD("\2") RECORD("\4") "\0"), NO_RECORD), FURROW_MALFORMED);
    CHECK_EQUAL(with_records(WITH(RECORD("\0") RECORD("\2") "\x0e\0\0\4\1\1\0"), 2), FURROW_MALFORMED);
    CHECK_EQUAL(with_records(WITH(RECORD("\0") "\x0e\0\0\2\1\1\0\0" RECORD("\4")), 1), FURROW_MALFORMED);
    CHECK_EQUAL(with_records(WITH("\x0a\0\0\0\1\1\0" RECORD("\2") RECORD("\4")), 0), FURROW_MALFORMED);
    CHECK_EQUAL(with_records(WITH("\x01" RECORD("\2") RECORD("\4")), 0), FURROW_MALFORMED);
    CHECK_EQUAL(with_records(WITH("\xff\xff\xff\xff\xff\xff"), 0), FURROW_MALFORMED);
    CHECK_EQUAL(with_records(WITH("\xfe\xff\xff\xff\x0f" RECORD("\2") RECORD("\4")), 0), FURROW_MALFORMED);
}

static void keys_values_and_headers_must_fit(void)
{
    memory_init(&memory);
    CHECK_EQUAL(with_records(WITH(RECORD("\0") "\x0c\0\0\2\3\1\0" RECORD("\4")), 1), FURROW_MALFORMED);
    CHECK_EQUAL(with_records(WITH(RECORD("\0") "\x0c\0\0\2\1\4\0" RECORD("\4")), 1), FURROW_MALFORMED);
    CHECK_EQUAL(with_records(WITH(RECORD("\0") "\x0c\0\0\2\1\1\1" RECORD("\4")), 1), FURROW_MALFORMED);
    CHECK_EQUAL(with_records(WITH(RECORD("\0") "\x0c\0\0\2\1\1\2" RECORD("\4")), 1), FURROW_MALFORMED);
    CHECK_EQUAL(with_records(WITH(RECORD("\0") "\x10\0\0\2\1\1\2\0\1" RECORD("\4")), NO_RECORD), 0);
    CHECK_EQUAL(with_records(WITH(RECORD("\0") "\x10\0\0\2\1\1\2\1\1" RECORD("\4")), 1), FURROW_MALFORMED);
}

static void timestamps_must_fit_their_type(void)
{
    memory_init(&memory);
    CHECK_EQUAL(
        with_records(WITH("\x1e\0\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\0\1\1\0" RECORD("\2") RECORD("\4")), 0),
        FURROW_MALFORMED);
    CHECK_EQUAL(with_records(WITH("\x0e\0\xff\1\0\1\1\0" RECORD("\2") RECORD("\4")), NO_RECORD), 0);
}

static void a_compacted_topic_needs_keys(void)
{
    memory_init(&memory);
    for (int codec = 0; codec < CODECS; codec++) {
        writer w = three_records((enum codec)codec);
        struct batch_rules rules = {.max_bytes = 1 << 20,
                                    .keys_required = true,
                                    .open_compressed = true,
                                    .max_uncompressed = 1 << 20,
                                    .memory = &memory};
        CHECK_EQUAL(verdict_by(&w, &rules, 1), FURROW_MALFORMED);
    }
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

/* A count that promises more than the compressed records hold, and one that promises less. */
static void compressed_records_are_counted_too(void)
{
    memory_init(&memory);
    for (int codec = CODEC_GZIP; codec < CODECS; codec++) {
        for (uint8_t count = 2; count <= 4; count++) {
            writer w = three_records((enum codec)codec);
            w.data[60] = count;
            w.data[26] = (uint8_t)(count - 1);
            fix_crc(&w);
            CHECK_EQUAL(verdict(&w, count == 4 ? 3 : NO_RECORD), count == 3 ? 0 : FURROW_MALFORMED);
        }
    }
}

/* Damage behind a right CRC, in memory of exactly the batch's size: sanitizers watch. */
static void damaged_batches_do_no_harm(void)
{
    memory_init(&memory);
    uint32_t state = 3;
    for (int round = 0; round < 20000; round++) {
        writer w = three_records((enum codec)(round % CODECS));
        for (uint32_t damage = 1 + sample_next(&state) % 3; damage > 0; damage--)
            w.data[21 + sample_next(&state) % (w.size - 21)] ^= (uint8_t)(1U << (sample_next(&state) % 8));
        fix_crc(&w);
        uint8_t *exact = malloc(w.size);
        REQUIRE(exact != NULL);
        memcpy(exact, w.data, w.size);
        struct batch_rules rules = {
            .max_bytes = 1 << 20, .open_compressed = true, .max_uncompressed = 1 << 16, .memory = &memory};
        struct batch_report report;
        struct error error = {0};
        int rc = batch_validate(slice_of(exact, w.size), &rules, &report, &error);
        CHECK((rc == 0) == (error.message[0] == '\0'));
        free(exact);
        writer_close(&w);
    }
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

SUITE("batch validate", CHECK_TEST(length_and_crc_must_be_those_of_the_sender), CHECK_TEST(two_batches_are_not_one),
      CHECK_TEST(the_size_limit_is_kept_to_the_byte), CHECK_TEST(opening_is_bounded),
      CHECK_TEST(old_magics_and_unknown_codecs_are_unsupported), CHECK_TEST(counts_that_disagree_are_malformed),
      CHECK_TEST(negative_counts_are_the_senders_fault_if_the_crc_is_right),
      CHECK_TEST(a_length_too_small_is_told_from_one_too_large), CHECK_TEST(a_producer_needs_epoch_and_sequence),
      CHECK_TEST(records_must_add_up), CHECK_TEST(keys_values_and_headers_must_fit),
      CHECK_TEST(timestamps_must_fit_their_type), CHECK_TEST(a_compacted_topic_needs_keys),
      CHECK_TEST(compressed_records_are_counted_too), CHECK_TEST(damaged_batches_do_no_harm))
