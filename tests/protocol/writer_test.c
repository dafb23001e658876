#include "check.h"
#include "writer.h"

static struct memory memory;

static writer fresh(size_t limit)
{
    memory_init(&memory);
    writer w;
    writer_init(&w, &memory, MEMORY_RESPONSES, limit);
    return w;
}

static bool holds(const writer *w, const char *bytes, size_t size)
{
    return slice_equal(writer_slice(w), slice_of(bytes, size));
}

static void integers_are_big_endian(void)
{
    writer w = fresh(100);
    write_i8(&w, -2);
    write_i16(&w, 0x0102);
    write_i32(&w, INT32_MIN + 1);
    write_i64(&w, -2);
    CHECK(holds(&w, "\xfe\x01\x02\x80\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xfe", 15));
    writer_close(&w);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static void strings_and_bytes_carry_their_lengths(void)
{
    writer w = fresh(100);
    write_string(&w, slice_of_text("ab"));
    write_string(&w, NULL_SLICE);
    write_nullable_bytes(&w, slice_of_text("c"));
    write_nullable_bytes(&w, NULL_SLICE);
    write_compact_bytes(&w, slice_of_text("de"));
    write_compact_bytes(&w, NULL_SLICE);
    CHECK(holds(&w, "\0\2ab\xff\xff\0\0\0\1c\xff\xff\xff\xff\3de\0", 19));
    writer_close(&w);
}

static void a_string_longer_than_its_length_field_fails(void)
{
    static const uint8_t zeros[INT16_MAX + 1];
    writer w = fresh(1 << 20);
    write_string(&w, slice_of(zeros, INT16_MAX));
    CHECK(writer_ok(&w));
    write_string(&w, slice_of(zeros, sizeof zeros));
    CHECK(!writer_ok(&w));
    writer_close(&w);
}

static void sizes_of_varints_are_told_before_writing(void)
{
    for (int shift = 0; shift < 64; shift++) {
        int64_t value = (int64_t)(UINT64_C(0x8000000000000001) >> shift);
        writer w = fresh(100);
        write_varlong(&w, value);
        CHECK_EQUAL(varlong_size(value), w.size);
        size_t before = w.size;
        write_varint(&w, (int32_t)value);
        CHECK_EQUAL(varint_size((int32_t)value), w.size - before);
        before = w.size;
        write_unsigned_varint(&w, (uint32_t)value);
        CHECK_EQUAL(unsigned_varint_size((uint32_t)value), w.size - before);
        writer_close(&w);
    }
}

static void the_limit_is_kept_to_the_byte(void)
{
    for (size_t limit = 0; limit < 600; limit += 13) {
        writer w = fresh(limit);
        for (size_t i = 0; i < limit; i++)
            write_u8(&w, (uint8_t)i);
        CHECK(writer_ok(&w));
        write_u8(&w, 0);
        CHECK(!writer_ok(&w));
        CHECK_EQUAL(w.size, limit);
        writer_close(&w);
    }
}

static void a_failure_sticks_and_nothing_leaks(void)
{
    for (int64_t nth = 0;; nth++) {
        writer w = fresh(1 << 20);
        memory_fail_at(&memory, nth);
        for (unsigned i = 0; i < 2000; i++)
            write_u32(&w, i);
        write_splice(&w, 5, &w);
        bool failed = !memory_fail_pending(&memory);
        CHECK(writer_ok(&w) == !failed);
        size_t size = w.size;
        write_u8(&w, 1);
        CHECK(!failed || w.size == size);
        writer_close(&w);
        CHECK_EQUAL(memory_total_bytes(&memory), 0);
        if (!failed)
            break;
    }
}

static void a_reserved_length_is_set_later(void)
{
    writer w = fresh(100);
    write_u8(&w, 9);
    size_t position = write_reserved_u32(&w);
    write_u8(&w, 8);
    writer_set_u32(&w, position, 0x01020304);
    CHECK(holds(&w, "\x09\x01\x02\x03\x04\x08", 6));
    writer_close(&w);
}

static void what_is_cut_is_written_over(void)
{
    writer w = fresh(100);
    write_bytes(&w, slice_of_text("abcdef"));
    writer_cut(&w, 2);
    write_u8(&w, 'z');
    CHECK(holds(&w, "abz", 3));
    writer_close(&w);
}

static void splices_count_for_the_message_and_take_no_buffer(void)
{
    int source;
    writer w = fresh(10);
    write_u8(&w, 1);
    for (size_t i = 1; i <= 9; i++)
        write_splice(&w, i * 1000, &source);
    write_splice(&w, 0, &source);
    write_u8(&w, 2);
    REQUIRE(writer_ok(&w));
    CHECK_EQUAL(w.splice_count, 9);
    CHECK_EQUAL(w.splices[8].position, 1);
    CHECK_EQUAL(w.splices[8].size, 9000);
    CHECK(w.splices[8].source == &source);
    CHECK_EQUAL(writer_message_size(&w), 2 + 45000);
    writer_close(&w);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

SUITE("writer", CHECK_TEST(integers_are_big_endian), CHECK_TEST(strings_and_bytes_carry_their_lengths),
      CHECK_TEST(a_string_longer_than_its_length_field_fails), CHECK_TEST(sizes_of_varints_are_told_before_writing),
      CHECK_TEST(the_limit_is_kept_to_the_byte), CHECK_TEST(a_failure_sticks_and_nothing_leaks),
      CHECK_TEST(a_reserved_length_is_set_later), CHECK_TEST(what_is_cut_is_written_over),
      CHECK_TEST(splices_count_for_the_message_and_take_no_buffer))
