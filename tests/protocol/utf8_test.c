#include "check.h"
#include "utf8.h"

#define TEXT(literal) slice_of(literal, sizeof(literal) - 1)

/* Decides as table 3-7 does, by the value that the bytes would stand for: another way than the module's. */
static bool is_character(const uint8_t *p, size_t size)
{
    uint32_t code = size == 1 ? p[0] : p[0] & (0xffU >> (size + 1));
    uint8_t mark = (uint8_t)(size == 1 ? 0 : 0xf0U << (4 - size));
    uint8_t mask = (uint8_t)(size == 1 ? 0x80 : 0xff00U >> (size + 1));
    if ((p[0] & mask) != mark)
        return false;
    for (size_t i = 1; i < size; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return false;
        code = code << 6 | (p[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    return code >= least[size] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

static void every_sequence_of_up_to_three_bytes_is_judged_right(void)
{
    uint32_t wrong = 0;
    for (uint32_t bits = 0; bits < 1U << 24; bits++) {
        uint8_t p[3] = {(uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits};
        size_t bad, expected = 0;
        for (size_t size = 1; size <= 3; size++)
            expected = is_character(p, size) ? size : expected;
        wrong += utf8_sequence(p, 3, &bad) != expected;
    }
    CHECK_EQUAL(wrong, 0);
}

static void every_character_is_printed_and_read(void)
{
    uint32_t wrong = 0;
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        uint8_t p[4];
        size_t bad, size;
        if (code >= 0xd800 && code <= 0xdfff)
            continue;
        size = utf8_print(code, p);
        wrong += utf8_sequence(p, size, &bad) != size || !is_character(p, size) || !utf8_is_valid(slice_of(p, size));
    }
    CHECK_EQUAL(wrong, 0);
}

/* Unicode 15, section 3.9, table 3-8 and its like: how far a decoder goes before it replaces what is none. */
static void the_maximal_part_of_what_is_none_is_told(void)
{
    static const struct {
        const char *text;
        size_t bad;
    } cases[] = {{"\xc0\xaf", 1},         {"\xe0\x80\xbf", 1}, {"\xf0\x81\x82", 1}, {"\xed\xa0\x80", 1},
                 {"\xf4\x91\x92\x93", 1}, {"\xff", 1},         {"\x80\xbf", 1},     {"\xe1\x80\xe2", 2},
                 {"\xf0\x91\x92\xf1", 3}, {"\xf1\xbf\x41", 2}, {"\xe1\x80", 2},     {"\xdf", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t bad = 0;
        CHECK_EQUAL(utf8_sequence((const uint8_t *)cases[i].text, strlen(cases[i].text), &bad), 0);
        CHECK_EQUAL(bad, cases[i].bad);
    }
}

/* Markus Kuhn's UTF-8 decoder stress test, sections 3 to 5; the Autobahn suite's 6.6 to 6.21 are of the same kind. */
static void what_is_none_is_refused(void)
{
    static const char *const none[] = {"\x80",
                                       "\xbf",
                                       "\x80\xbf\x80",
                                       "\xc0 ",
                                       "\xe0 ",
                                       "\xf0 ",
                                       "\xf8 ",
                                       "\xfc ",
                                       "\xc0",
                                       "\xe0\x80",
                                       "\xf0\x80\x80",
                                       "\xdf",
                                       "\xef\xbf",
                                       "\xf7\xbf\xbf",
                                       "\xfe",
                                       "\xff",
                                       "\xfe\xfe\xff\xff",
                                       "\xc0\xaf",
                                       "\xe0\x80\xaf",
                                       "\xf0\x80\x80\xaf",
                                       "\xf8\x80\x80\x80\xaf",
                                       "\xc1\xbf",
                                       "\xe0\x9f\xbf",
                                       "\xf0\x8f\xbf\xbf",
                                       "\xc0\x80",
                                       "\xed\xa0\x80",
                                       "\xed\xaf\xbf",
                                       "\xed\xbf\xbf",
                                       "\xed\xa0\x80\xed\xb0\x80",
                                       "\xf4\x90\x80\x80",
                                       "\xf7\xbf\xbf\xbf",
                                       "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65\x64"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        CHECK(!utf8_is_valid(slice_of_text(none[i])));
    CHECK(utf8_is_valid(TEXT("")));
    CHECK(utf8_is_valid(TEXT("a\0b")));
    CHECK(utf8_is_valid(TEXT("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5 \xef\xbf\xbf \xf4\x8f\xbf\xbf")));
}

static void text_in_parts_is_the_text(void)
{
    slice text = TEXT("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8c\xbe!");
    for (size_t i = 0; i <= text.size; i++) {
        for (size_t j = i; j <= text.size; j++) {
            struct utf8_check check = {0};
            CHECK(utf8_check_add(&check, slice_of(text.data, i)));
            CHECK(utf8_check_add(&check, slice_of(text.data + i, j - i)));
            CHECK(utf8_check_between(&check) == utf8_is_valid(slice_of(text.data, j)));
            CHECK(utf8_check_add(&check, slice_of(text.data + j, text.size - j)));
            CHECK(utf8_check_between(&check));
        }
    }
}

static void a_bad_byte_is_told_before_the_character_ends(void)
{
    struct utf8_check check = {0};
    CHECK(!utf8_check_add(&check, TEXT("ok \xf4\x90")));
    check = (struct utf8_check){0};
    CHECK(utf8_check_add(&check, TEXT("ok \xf4")));
    CHECK(!utf8_check_add(&check, TEXT("\x90")));
}

SUITE("utf8", CHECK_TEST(every_sequence_of_up_to_three_bytes_is_judged_right),
      CHECK_TEST(every_character_is_printed_and_read), CHECK_TEST(the_maximal_part_of_what_is_none_is_told),
      CHECK_TEST(what_is_none_is_refused), CHECK_TEST(text_in_parts_is_the_text),
      CHECK_TEST(a_bad_byte_is_told_before_the_character_ends))
