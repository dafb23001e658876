#include "check.h"
#include "text.h"

static void lines_end_in_any_way(void)
{
    slice rest = slice_of_text("a\n\nb\r\nc"), line;
    REQUIRE(text_next_line(&rest, &line));
    CHECK(slice_equal(line, slice_of_text("a")));
    REQUIRE(text_next_line(&rest, &line));
    CHECK_EQUAL(line.size, 0);
    REQUIRE(text_next_line(&rest, &line));
    CHECK(slice_equal(line, slice_of_text("b")));
    REQUIRE(text_next_line(&rest, &line));
    CHECK(slice_equal(line, slice_of_text("c")));
    CHECK(!text_next_line(&rest, &line));
}

static void words_stand_between_blanks(void)
{
    slice rest = slice_of_text("  one\ttwo  "), word;
    REQUIRE(text_next_word(&rest, &word));
    CHECK(slice_equal(word, slice_of_text("one")));
    REQUIRE(text_next_word(&rest, &word));
    CHECK(slice_equal(word, slice_of_text("two")));
    CHECK(!text_next_word(&rest, &word));
    CHECK(slice_equal(text_trim(slice_of_text(" \ta b\r ")), slice_of_text("a b")));
    CHECK_EQUAL(text_trim(slice_of_text("  ")).size, 0);
}

static void properties_have_a_key_and_a_value(void)
{
    slice key, value;
    REQUIRE(text_split_property(slice_of_text(" a.b = c=d "), &key, &value));
    CHECK(slice_equal(key, slice_of_text("a.b")));
    CHECK(slice_equal(value, slice_of_text("c=d")));
    REQUIRE(text_split_property(slice_of_text("="), &key, &value));
    CHECK(key.size == 0 && value.size == 0);
    CHECK(!text_split_property(slice_of_text("none"), &key, &value));
    CHECK(!text_split_property(slice_of_text(""), &key, &value));
}

static void numbers_are_digits_within_bounds(void)
{
    int64_t number;
    REQUIRE(text_parse_number(slice_of_text("0042"), 42, &number));
    CHECK_EQUAL(number, 42);
    CHECK(!text_parse_number(slice_of_text("43"), 42, &number));
    REQUIRE(text_parse_number(slice_of_text("9223372036854775807"), INT64_MAX, &number));
    CHECK_EQUAL(number, INT64_MAX);
    static const char *const wrong[] = {"", "-1", "+1", "1 ", "0x1", "9223372036854775808", "99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK(!text_parse_number(slice_of_text(wrong[i]), INT64_MAX, &number));
}

SUITE("text", CHECK_TEST(lines_end_in_any_way), CHECK_TEST(words_stand_between_blanks),
      CHECK_TEST(properties_have_a_key_and_a_value), CHECK_TEST(numbers_are_digits_within_bounds))
