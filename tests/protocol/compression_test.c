#include "check.h"
#include "compression.h"
#include "sample.h"

#include <errno.h>

#define SIZE_LIMIT ((size_t)1 << 20)

static struct memory memory;
static uint8_t input[SIZE_LIMIT];

static writer fresh(size_t limit)
{
    writer w;
    writer_init(&w, &memory, MEMORY_REQUESTS, limit);
    return w;
}

/* To be closed by the caller. */
static writer compressed_at(enum codec codec, size_t size, int level)
{
    writer w = fresh(2 * SIZE_LIMIT);
    struct error error = {0};
    int rc = codec_compress(codec, slice_of(input, size), level, &w, &error);
    if (rc != 0)
        printf("%s: %s\n", codec_text(codec), error.message);
    CHECK_EQUAL(rc, 0);
    return w;
}

static writer compressed(enum codec codec, size_t size)
{
    return compressed_at(codec, size, codec_default_level(codec));
}

static void check_round_trip(enum codec codec, size_t size, int level)
{
    writer packed = compressed_at(codec, size, level), unpacked = fresh(SIZE_LIMIT);
    struct error error = {0};
    CHECK_EQUAL(codec_decompress(codec, writer_slice(&packed), size, &unpacked, &error), 0);
    CHECK(slice_equal(writer_slice(&unpacked), slice_of(input, size)));
    writer_close(&packed);
    writer_close(&unpacked);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static void what_is_compressed_comes_back(void)
{
    static const size_t sizes[] = {0, 1, 17, 1000, 16383, 16384, 16385, 32768, 32769, 65536, 65537, 300000, SIZE_LIMIT};
    memory_init(&memory);
    for (int codec = 0; codec < CODECS; codec++) {
        for (int kind = 0; kind < SAMPLE_KINDS; kind++) {
            for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                sample_fill((enum sample_kind)kind, (uint32_t)i, input, sizes[i]);
                check_round_trip((enum codec)codec, sizes[i], codec_default_level((enum codec)codec));
            }
        }
    }
}

static void every_level_works(void)
{
    memory_init(&memory);
    sample_fill(SAMPLE_TEXT, 1, input, 50000);
    for (int codec = 0; codec < CODECS; codec++) {
        for (int level = -5; level <= 22; level++) {
            if (codec_level_valid((enum codec)codec, level))
                check_round_trip((enum codec)codec, 50000, level);
        }
        CHECK(codec_level_valid((enum codec)codec, codec_default_level((enum codec)codec)));
    }
    CHECK(!codec_level_valid(CODEC_GZIP, 0) && !codec_level_valid(CODEC_GZIP, 10));
    CHECK(!codec_level_valid(CODEC_LZ4, 0) && !codec_level_valid(CODEC_LZ4, 18));
    CHECK(!codec_level_valid(CODEC_ZSTD, 23));
}

/* Text shrinks with each codec: none of them only wraps. */
static void text_shrinks(void)
{
    memory_init(&memory);
    sample_fill(SAMPLE_TEXT, 1, input, 100000);
    for (int codec = CODEC_GZIP; codec < CODECS; codec++) {
        writer w = compressed((enum codec)codec, 100000);
        CHECK(w.size < 50000);
        writer_close(&w);
    }
}

static void the_limit_is_kept_to_the_byte(void)
{
    memory_init(&memory);
    sample_fill(SAMPLE_TEXT, 3, input, 70000);
    for (int codec = 0; codec < CODECS; codec++) {
        writer packed = compressed((enum codec)codec, 70000);
        for (size_t limit = 69990; limit < 70010; limit++) {
            writer w = fresh(limit);
            struct error error = {0};
            int rc = codec_decompress((enum codec)codec, writer_slice(&packed), limit, &w, &error);
            CHECK_EQUAL(rc, limit < 70000 ? FURROW_TOO_LARGE : 0);
            CHECK(w.size <= limit);
            writer_close(&w);
        }
        writer_close(&packed);
    }
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

/* A megabyte of zeros in a kilobyte, with a limit of 10 000. */
static void a_bomb_takes_no_memory(void)
{
    memset(input, 0, sizeof input);
    for (int codec = CODEC_GZIP; codec < CODECS; codec++) {
        memory_init(&memory);
        writer packed = compressed((enum codec)codec, SIZE_LIMIT);
        size_t before = memory_total_bytes(&memory);
        atomic_store(&memory.counts[MEMORY_COMPRESSION].peak_bytes, 0);
        writer w = fresh(10000);
        struct error error = {0};
        CHECK_EQUAL(codec_decompress((enum codec)codec, writer_slice(&packed), 10000, &w, &error), FURROW_TOO_LARGE);
        CHECK_EQUAL(w.size <= 10000, true);
        writer_close(&w);
        CHECK_EQUAL(memory_total_bytes(&memory), before);
        CHECK(memory.counts[MEMORY_COMPRESSION].peak_bytes < (codec == CODEC_ZSTD ? (3U << 20) / 2 : 300000));
        writer_close(&packed);
    }
}

static void a_stream_is_pulled_in_any_steps(void)
{
    memory_init(&memory);
    sample_fill(SAMPLE_TEXT, 4, input, 100000);
    for (int codec = 0; codec < CODECS; codec++) {
        writer packed = compressed((enum codec)codec, 100000);
        struct decompressor d;
        struct error error = {0};
        REQUIRE(decompressor_open(&d, (enum codec)codec, writer_slice(&packed), SIZE_LIMIT, &memory, &error) == 0);
        static uint8_t bytes[5000];
        uint32_t state = 5;
        size_t total = 0, asked = 0, got = 0;
        for (; got == asked; total += got) {
            asked = 1 + sample_next(&state) % sizeof bytes;
            REQUIRE(decompressor_read(&d, bytes, asked, &got, &error) == 0);
            CHECK(got <= asked && total + got <= 100000 && memcmp(bytes, input + total, got) == 0);
        }
        CHECK_EQUAL(total, 100000);
        CHECK(decompressor_read(&d, bytes, 10, &got, &error) == 0 && got == 0);
        decompressor_close(&d);
        writer_close(&packed);
    }
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static void a_truncated_stream_is_corrupt(void)
{
    memory_init(&memory);
    sample_fill(SAMPLE_TEXT, 6, input, 40000);
    for (int codec = CODEC_GZIP; codec < CODECS; codec++) {
        writer packed = compressed((enum codec)codec, 40000);
        for (size_t size = 0; size < packed.size; size += 1 + size / 20) {
            writer w = fresh(SIZE_LIMIT);
            struct error error = {0};
            int rc = codec_decompress((enum codec)codec, slice_of(packed.data, size), SIZE_LIMIT, &w, &error);
            /* xerial's framing has no end: a cut between blocks goes unseen, and the record count tells. */
            bool at_block = codec == CODEC_SNAPPY && rc == 0 && w.size % 32768 == 0;
            CHECK(rc == FURROW_CORRUPT || at_block);
            CHECK(at_block || error.message[0] != '\0');
            writer_close(&w);
        }
        writer_close(&packed);
    }
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static void what_follows_a_stream_is_corrupt(void)
{
    memory_init(&memory);
    sample_fill(SAMPLE_TEXT, 6, input, 40000);
    for (int codec = CODEC_GZIP; codec < CODECS; codec++) {
        writer packed = compressed((enum codec)codec, 40000), w = fresh(SIZE_LIMIT);
        write_bytes(&packed, slice_of_text("rubbish"));
        struct error error = {0};
        CHECK_EQUAL(codec_decompress((enum codec)codec, writer_slice(&packed), SIZE_LIMIT, &w, &error), FURROW_CORRUPT);
        writer_close(&w);
        writer_close(&packed);
    }
}

static void streams_may_follow_one_another(void)
{
    memory_init(&memory);
    sample_fill(SAMPLE_TEXT, 6, input, 80000);
    for (int codec = 0; codec < CODECS; codec++) {
        writer packed = compressed((enum codec)codec, 40000), w = fresh(SIZE_LIMIT);
        struct error error = {0};
        REQUIRE(codec_compress((enum codec)codec, slice_of(input + 40000, 40000),
                               codec_default_level((enum codec)codec), &packed, &error) == 0);
        CHECK_EQUAL(codec_decompress((enum codec)codec, writer_slice(&packed), SIZE_LIMIT, &w, &error), 0);
        CHECK(slice_equal(writer_slice(&w), slice_of(input, 80000)));
        writer_close(&w);
        writer_close(&packed);
    }
}

static void unknown_codecs_are_unsupported(void)
{
    memory_init(&memory);
    writer w = fresh(100);
    struct error error = {0};
    CHECK_EQUAL(codec_decompress((enum codec)5, slice_of_text("x"), 100, &w, &error), FURROW_UNSUPPORTED);
    CHECK_EQUAL(codec_compress((enum codec)7, slice_of_text("x"), 0, &w, &error), FURROW_UNSUPPORTED);
    writer_close(&w);
}

/* As librdkafka and franz-go send it: a block without framing. */
static void a_raw_snappy_block_is_read(void)
{
    static const uint8_t block[] = {11, 1 << 2, 'x', 'a', 5 << 2 | 1, 2};
    memory_init(&memory);
    writer w = fresh(100);
    struct error error = {0};
    CHECK_EQUAL(codec_decompress(CODEC_SNAPPY, slice_of(block, sizeof block), 11, &w, &error), 0);
    CHECK(slice_equal(writer_slice(&w), slice_of_text("xaxaxaxaxax")));
    writer_cut(&w, 0);
    CHECK_EQUAL(codec_decompress(CODEC_SNAPPY, slice_of(block, sizeof block), 10, &w, &error), FURROW_TOO_LARGE);
    writer_close(&w);
}

/* A frame header alone, asking for a window of 1 GiB (RFC 8878, 3.1.1.1.2: exponent 20, so 2^30). */
static void a_zstd_window_beyond_the_bound_is_unsupported(void)
{
    static const uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 20 << 3, 0x01, 0x00, 0x00};
    memory_init(&memory);
    writer w = fresh(100);
    struct error error = {0};
    CHECK_EQUAL(codec_decompress(CODEC_ZSTD, slice_of(frame, sizeof frame), 100, &w, &error), FURROW_UNSUPPORTED);
    CHECK(memory.counts[MEMORY_COMPRESSION].peak_bytes < 300000);
    writer_close(&w);
}

static void names_are_those_of_the_configuration(void)
{
    for (int codec = 0; codec < CODECS; codec++) {
        enum codec parsed;
        REQUIRE(codec_parse(slice_of_text(codec_text((enum codec)codec)), &parsed));
        CHECK_EQUAL(parsed, codec);
    }
    enum codec parsed;
    CHECK(codec_parse(slice_of_text("snappy"), &parsed) && parsed == CODEC_SNAPPY);
    CHECK(!codec_parse(slice_of_text("Snappy"), &parsed) && !codec_parse(NULL_SLICE, &parsed));
}

static void every_allocation_may_fail(void)
{
    memory_init(&memory);
    sample_fill(SAMPLE_TEXT, 9, input, 50000);
    for (int codec = 0; codec < CODECS; codec++) {
        writer packed = compressed((enum codec)codec, 50000);
        bool failed = true;
        for (int64_t nth = 0; failed; nth++) {
            writer again = fresh(SIZE_LIMIT), unpacked = fresh(SIZE_LIMIT);
            struct error error = {0};
            memory_fail_at(&memory, nth);
            int rc = codec_compress((enum codec)codec, slice_of(input, 50000), codec_default_level((enum codec)codec),
                                    &again, &error);
            if (rc == 0)
                rc = codec_decompress((enum codec)codec, writer_slice(&packed), SIZE_LIMIT, &unpacked, &error);
            failed = !memory_fail_pending(&memory);
            CHECK(rc == (failed ? -ENOMEM : 0) || rc == 0);
            CHECK(rc != 0 || slice_equal(writer_slice(&unpacked), slice_of(input, 50000)));
            writer_close(&again);
            writer_close(&unpacked);
        }
        memory_fail_at(&memory, -1);
        writer_close(&packed);
        CHECK_EQUAL(memory_total_bytes(&memory), 0);
    }
}

SUITE("compression", CHECK_TEST(what_is_compressed_comes_back), CHECK_TEST(every_level_works), CHECK_TEST(text_shrinks),
      CHECK_TEST(the_limit_is_kept_to_the_byte), CHECK_TEST(a_bomb_takes_no_memory),
      CHECK_TEST(a_stream_is_pulled_in_any_steps), CHECK_TEST(a_truncated_stream_is_corrupt),
      CHECK_TEST(what_follows_a_stream_is_corrupt), CHECK_TEST(streams_may_follow_one_another),
      CHECK_TEST(unknown_codecs_are_unsupported), CHECK_TEST(a_raw_snappy_block_is_read),
      CHECK_TEST(a_zstd_window_beyond_the_bound_is_unsupported), CHECK_TEST(names_are_those_of_the_configuration),
      CHECK_TEST(every_allocation_may_fail))
