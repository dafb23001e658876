#include "check.h"
#include "sample.h"
#include "snappy_block.h"

#include <stdlib.h>
#ifdef HAVE_LIBSNAPPY
#include <snappy-c.h>
#endif

#define SIZE_LIMIT ((size_t)1 << 20)

static const size_t sizes[] = {0,      1,      2,      3,      4,      15,     16,        17,    59,
                               60,     61,     255,    256,    257,    1000,   2047,      2048,  4096,
                               10000,  32767,  32768,  65535,  65536,  65537,  70000,     99999, 131071,
                               131072, 262144, 300001, 500000, 700000, 999999, SIZE_LIMIT};
#define SIZES (sizeof sizes / sizeof sizes[0])

static uint8_t input[SIZE_LIMIT];
static uint8_t output[SIZE_LIMIT];
static uint8_t block[32 + SIZE_LIMIT + SIZE_LIMIT / 6];
static uint16_t table[SNAPPY_TABLE_ENTRIES];

/* Calls `check` on input of every kind and size. */
static void with_all_inputs(void (*check)(size_t size))
{
    for (int kind = 0; kind < SAMPLE_KINDS; kind++) {
        for (size_t i = 0; i < SIZES; i++) {
            sample_fill((enum sample_kind)kind, (uint32_t)i, input, sizes[i]);
            check(sizes[i]);
        }
    }
}

static void check_round_trip(size_t size)
{
    size_t compressed = snappy_block_compress(slice_of(input, size), block, table), told;
    CHECK(compressed <= snappy_block_bound(size));
    REQUIRE(snappy_block_size(slice_of(block, compressed), &told));
    CHECK_EQUAL(told, size);
    memset(output, 0xee, size);
    CHECK(snappy_block_decompress(slice_of(block, compressed), output, size));
    CHECK(memcmp(output, input, size) == 0);
}

static void what_is_compressed_comes_back(void)
{
    with_all_inputs(check_round_trip);
}

static void repetition_shrinks(void)
{
    sample_fill(SAMPLE_REPETITIVE, 1, input, SIZE_LIMIT);
    CHECK(snappy_block_compress(slice_of(input, SIZE_LIMIT), block, table) < SIZE_LIMIT / 10);
    sample_fill(SAMPLE_TEXT, 1, input, SIZE_LIMIT);
    CHECK(snappy_block_compress(slice_of(input, SIZE_LIMIT), block, table) < SIZE_LIMIT / 2);
}

#ifdef HAVE_LIBSNAPPY
static void check_theirs_reads_ours(size_t size)
{
    size_t compressed = snappy_block_compress(slice_of(input, size), block, table), got = sizeof output;
    CHECK_EQUAL(snappy_uncompress((const char *)block, compressed, (char *)output, &got), SNAPPY_OK);
    CHECK_EQUAL(got, size);
    CHECK(memcmp(output, input, size) == 0);
}

static void check_ours_reads_theirs(size_t size)
{
    size_t compressed = sizeof block, told;
    REQUIRE(snappy_compress((const char *)input, size, (char *)block, &compressed) == SNAPPY_OK);
    REQUIRE(snappy_block_size(slice_of(block, compressed), &told));
    CHECK_EQUAL(told, size);
    CHECK(snappy_block_decompress(slice_of(block, compressed), output, size));
    CHECK(memcmp(output, input, size) == 0);
}

static void check_no_worse_than_theirs(size_t size)
{
    size_t theirs = sizeof block, ours = snappy_block_compress(slice_of(input, size), block, table);
    REQUIRE(snappy_compress((const char *)input, size, (char *)block, &theirs) == SNAPPY_OK);
    CHECK(ours <= theirs + theirs / 20 + 8);
}
#endif

static void libsnappy_reads_ours(void)
{
#ifdef HAVE_LIBSNAPPY
    with_all_inputs(check_theirs_reads_ours);
#endif
}

static void ours_reads_libsnappys(void)
{
#ifdef HAVE_LIBSNAPPY
    with_all_inputs(check_ours_reads_theirs);
#endif
}

static void ours_is_at_most_a_twentieth_larger_than_libsnappys(void)
{
#ifdef HAVE_LIBSNAPPY
    with_all_inputs(check_no_worse_than_theirs);
#endif
}

#define BLOCK(...) slice_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static bool decompresses_to(slice compressed, const char *text)
{
    size_t size;
    return snappy_block_size(compressed, &size) && size == strlen(text) &&
           snappy_block_decompress(compressed, output, size) && memcmp(output, text, size) == 0;
}

/* format_description.txt, element by element; few compressors make all of them. */
static void every_element_is_understood(void)
{
    CHECK(decompresses_to(BLOCK(3, 2 << 2, 'a', 'b', 'c'), "abc"));
    CHECK(decompresses_to(BLOCK(3, 60 << 2, 2, 'a', 'b', 'c'), "abc"));
    CHECK(decompresses_to(BLOCK(3, 61 << 2, 2, 0, 'a', 'b', 'c'), "abc"));
    CHECK(decompresses_to(BLOCK(3, 62 << 2, 2, 0, 0, 'a', 'b', 'c'), "abc"));
    CHECK(decompresses_to(BLOCK(3, 63 << 2, 2, 0, 0, 0, 'a', 'b', 'c'), "abc"));
    CHECK(decompresses_to(BLOCK(11, 1 << 2, 'x', 'a', 5 << 2 | 1, 2), "xaxaxaxaxax"));
    CHECK(decompresses_to(BLOCK(5, 1 << 2, 'x', 'a', 2 << 2 | 2, 1, 0), "xaaaa"));
    CHECK(decompresses_to(BLOCK(5, 1 << 2, 'x', 'a', 2 << 2 | 3, 2, 0, 0, 0), "xaxax"));
}

static bool refused(slice compressed)
{
    size_t size;
    return !snappy_block_size(compressed, &size) || !snappy_block_decompress(compressed, output, size);
}

static void what_no_compressor_makes_is_refused(void)
{
    CHECK(refused(NULL_SLICE));
    CHECK(refused(BLOCK(0x80)));
    CHECK(refused(BLOCK(0xff, 0xff, 0xff, 0xff, 0x0f, 0, 'a')));
    CHECK(refused(BLOCK(1)));
    CHECK(refused(BLOCK(2, 0, 'a')));
    CHECK(refused(BLOCK(1, 1 << 2, 'a', 'b')));
    CHECK(refused(BLOCK(2, 5 << 2, 'a', 'b')));
    CHECK(refused(BLOCK(5, 0, 'a', 0 << 2 | 1, 0)));
    CHECK(refused(BLOCK(5, 0, 'a', 0 << 2 | 1, 2)));
    CHECK(refused(BLOCK(4, 0, 'a', 0 << 2 | 1, 1)));
    CHECK(refused(BLOCK(5, 0, 'a', 3 << 2 | 2, 1)));
    CHECK(refused(BLOCK(5, 0, 'a', 3 << 2 | 3, 0xff, 0xff, 0xff, 0xff)));
    CHECK(refused(BLOCK(5, 63 << 2, 0xff, 0xff, 0xff, 0xff, 'a')));
}

/* Sanitizers watch; where libsnappy is at hand, both must agree on what is a block and what it holds. */
static void damaged_blocks_do_no_harm(void)
{
    enum { SIZE = 300 };
    uint32_t state = 7;
    for (int round = 0; round < 20000; round++) {
        sample_fill((enum sample_kind)(round % SAMPLE_KINDS), (uint32_t)round, input, SIZE);
        size_t compressed = snappy_block_compress(slice_of(input, SIZE), block, table), size = 0;
        for (uint32_t damage = 1 + sample_next(&state) % 3; damage > 0; damage--)
            block[sample_next(&state) % compressed] ^= (uint8_t)(1U << (sample_next(&state) % 8));
        uint8_t *exact = NULL;
        bool valid = snappy_block_size(slice_of(block, compressed), &size) && size <= SIZE_LIMIT;
        if (valid) {
            exact = malloc(size != 0 ? size : 1);
            REQUIRE(exact != NULL);
            valid = snappy_block_decompress(slice_of(block, compressed), exact, size);
        }
#ifdef HAVE_LIBSNAPPY
        size_t theirs = sizeof output;
        bool agreed = snappy_uncompress((const char *)block, compressed, (char *)output, &theirs) == SNAPPY_OK;
        CHECK_EQUAL(valid, agreed);
        CHECK(!valid || (theirs == size && memcmp(exact, output, size) == 0));
#endif
        free(exact);
    }
}

SUITE("snappy block", CHECK_TEST(what_is_compressed_comes_back), CHECK_TEST(repetition_shrinks),
      CHECK_TEST(libsnappy_reads_ours), CHECK_TEST(ours_reads_libsnappys),
      CHECK_TEST(ours_is_at_most_a_twentieth_larger_than_libsnappys), CHECK_TEST(every_element_is_understood),
      CHECK_TEST(what_no_compressor_makes_is_refused), CHECK_TEST(damaged_blocks_do_no_harm))
