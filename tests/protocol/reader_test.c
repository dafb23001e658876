#include "check.h"
#include "reader.h"
#include "writer.h"

#define READER(...) reader_of(slice_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})))

static void integers_are_big_endian(void)
{
    reader r = READER(0xfe, 0x01, 0x02, 0x80, 0x00, 0x00, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe);
    CHECK_EQUAL(read_i8(&r), -2);
    CHECK_EQUAL(read_i16(&r), 0x0102);
    CHECK_EQUAL(read_i32(&r), INT32_MIN + 1);
    CHECK_EQUAL(read_i64(&r), -2);
    CHECK(reader_ok(&r));
    CHECK_EQUAL(reader_left(&r), 0);
}

static void a_short_read_gives_zero_and_sticks(void)
{
    reader r = READER(1, 2, 3);
    CHECK_EQUAL(read_u32(&r), 0);
    CHECK(!reader_ok(&r));
    CHECK_EQUAL(reader_left(&r), 0);
    CHECK_EQUAL(read_u8(&r), 0);
    CHECK_EQUAL(read_varint(&r), 0);
    CHECK(slice_is_null(read_bytes(&r, 0)));
    CHECK(uuid_is_zero(read_uuid(&r)));
}

static void nothing_reads_as_nothing(void)
{
    reader r = reader_of(NULL_SLICE);
    CHECK_EQUAL(reader_left(&r), 0);
    CHECK(reader_ok(&r));
    CHECK_EQUAL(read_unsigned_varint(&r), 0);
    CHECK(!reader_ok(&r));
}

/* The examples of protocol buffers' encoding guide, which Kafka's varints follow. */
static void varints_are_those_of_protocol_buffers(void)
{
    reader r = READER(0x96, 0x01, 0x00, 0x01, 0x02, 0x03, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 0xff, 0x0f);
    CHECK_EQUAL(read_unsigned_varint(&r), 150);
    CHECK_EQUAL(read_varint(&r), 0);
    CHECK_EQUAL(read_varint(&r), -1);
    CHECK_EQUAL(read_varint(&r), 1);
    CHECK_EQUAL(read_varint(&r), -2);
    CHECK_EQUAL(read_varint(&r), INT32_MAX);
    CHECK_EQUAL(read_varint(&r), INT32_MIN);
    CHECK(reader_ok(&r));
}

static void varints_of_every_length_come_back(void)
{
    struct memory memory;
    memory_init(&memory);
    writer w;
    writer_init(&w, &memory, MEMORY_REQUESTS, 100000);
    for (int shift = 0; shift < 64; shift++) {
        write_varlong(&w, (int64_t)(UINT64_C(1) << shift));
        write_varlong(&w, -(int64_t)(UINT64_C(1) << (shift % 63)) - 1);
        write_unsigned_varlong(&w, UINT64_MAX >> shift);
        write_varint(&w, (int32_t)(UINT32_C(1) << (shift % 32)));
        write_unsigned_varint(&w, UINT32_MAX >> (shift % 32));
    }
    reader r = reader_of(writer_slice(&w));
    for (int shift = 0; shift < 64; shift++) {
        CHECK(read_varlong(&r) == (int64_t)(UINT64_C(1) << shift));
        CHECK(read_varlong(&r) == -(int64_t)(UINT64_C(1) << (shift % 63)) - 1);
        CHECK(read_unsigned_varlong(&r) == UINT64_MAX >> shift);
        CHECK(read_varint(&r) == (int32_t)(UINT32_C(1) << (shift % 32)));
        CHECK(read_unsigned_varint(&r) == UINT32_MAX >> (shift % 32));
    }
    CHECK(reader_ok(&r) && reader_left(&r) == 0);
    writer_close(&w);
}

static void a_varint_beyond_its_type_fails(void)
{
    reader too_many_bits = READER(0xff, 0xff, 0xff, 0xff, 0x1f);
    read_unsigned_varint(&too_many_bits);
    CHECK(!reader_ok(&too_many_bits));
    reader too_long = READER(0x80, 0x80, 0x80, 0x80, 0x80, 0x00);
    read_unsigned_varint(&too_long);
    CHECK(!reader_ok(&too_long));
    reader fits_long = READER(0xff, 0xff, 0xff, 0xff, 0x1f);
    CHECK(read_unsigned_varlong(&fits_long) == UINT64_C(0x1ffffffff));
    reader long_too_many_bits = READER(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02);
    read_unsigned_varlong(&long_too_many_bits);
    CHECK(!reader_ok(&long_too_many_bits));
    reader most = READER(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01);
    CHECK(read_unsigned_varlong(&most) == UINT64_MAX && reader_ok(&most));
    reader unended = READER(0x80);
    read_unsigned_varint(&unended);
    CHECK(!reader_ok(&unended));
}

static void sizes_beyond_the_input_fail(void)
{
    reader text = READER(0x00, 0x03, 'a', 'b');
    CHECK(slice_is_null(read_string(&text)) && !reader_ok(&text));
    reader bytes = READER(0x7f, 0xff, 0xff, 0xff, 1);
    CHECK(slice_is_null(read_nullable_bytes(&bytes)) && !reader_ok(&bytes));
    reader below_null = READER(0xff, 0xff, 0xff, 0xfe);
    CHECK(slice_is_null(read_nullable_bytes(&below_null)) && !reader_ok(&below_null));
    reader compact = READER(0x04, 'a', 'b');
    CHECK(slice_is_null(read_compact_bytes(&compact)) && !reader_ok(&compact));
}

static void null_and_empty_differ(void)
{
    reader r = READER(0xff, 0xff, 0x00, 0x00, 0x00, 0x01);
    CHECK(slice_is_null(read_string(&r)));
    CHECK(!slice_is_null(read_string(&r)));
    CHECK(slice_is_null(read_compact_bytes(&r)));
    slice empty = read_compact_bytes(&r);
    CHECK(!slice_is_null(empty) && empty.size == 0);
    CHECK(reader_ok(&r));
}

SUITE("reader", CHECK_TEST(integers_are_big_endian), CHECK_TEST(a_short_read_gives_zero_and_sticks),
      CHECK_TEST(nothing_reads_as_nothing), CHECK_TEST(varints_are_those_of_protocol_buffers),
      CHECK_TEST(varints_of_every_length_come_back), CHECK_TEST(a_varint_beyond_its_type_fails),
      CHECK_TEST(sizes_beyond_the_input_fail), CHECK_TEST(null_and_empty_differ))
