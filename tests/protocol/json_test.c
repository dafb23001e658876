#include "check.h"
#include "json.h"

static struct memory memory;
static writer w;
static struct json json;

static void begin(void)
{
    memory_init(&memory);
    writer_init(&w, &memory, MEMORY_RESPONSES, 1 << 20);
    json = json_to(&w);
}

static bool written(const char *text)
{
    bool same = writer_ok(&w) && slice_equal(writer_slice(&w), slice_of_text(text));
    if (!same)
        printf("%.*s\n", SLICE_PRINT(writer_slice(&w)));
    writer_close(&w);
    return same;
}

static bool string_is(const char *bytes, size_t size, const char *text)
{
    begin();
    json_string(&json, slice_of(bytes, size));
    return written(text);
}

#define BYTES(text) text, sizeof(text) - 1

static void commas_stand_where_they_belong(void)
{
    begin();
    json_begin_object(&json);
    json_key(&json, "a");
    json_begin_array(&json);
    json_int(&json, 1);
    json_begin_object(&json);
    json_end_object(&json);
    json_begin_array(&json);
    json_end_array(&json);
    json_null(&json);
    json_end_array(&json);
    json_key(&json, "b");
    json_bool(&json, true);
    json_key(&json, "c");
    json_bool(&json, false);
    json_key(&json, "d");
    json_text(&json, "x");
    json_end_object(&json);
    CHECK(written("{\"a\":[1,{},[],null],\"b\":true,\"c\":false,\"d\":\"x\"}"));
}

static void integers_keep_all_64_bits(void)
{
    begin();
    json_begin_array(&json);
    json_int(&json, INT64_MIN);
    json_int(&json, INT64_MAX);
    json_uint(&json, UINT64_MAX);
    json_int(&json, 0);
    json_end_array(&json);
    CHECK(written("[-9223372036854775808,9223372036854775807,18446744073709551615,0]"));
}

static void strings_are_escaped(void)
{
    CHECK(string_is(BYTES("say \"\\\""), "\"say \\\"\\\\\\\"\""));
    CHECK(string_is(BYTES("\b\f\n\r\t/"), "\"\\b\\f\\n\\r\\t/\""));
    CHECK(string_is(BYTES("\0\x1f\x7f"), "\"\\u0000\\u001f\\u007f\""));
    CHECK(string_is(BYTES("gr\xc3\xbc\xc3\x9f \xf0\x9f\x8c\xbe"), "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x8c\xbe\""));
    CHECK(string_is(BYTES("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa"), "\"\\u2028\\u2029\xe2\x80\xaa\""));
    CHECK(string_is("", 0, "\"\""));
    CHECK(string_is(NULL, 0, "null"));
    begin();
    json_begin_object(&json);
    json_key(&json, "a\"b");
    json_null(&json);
    json_end_object(&json);
    CHECK(written("{\"a\\\"b\":null}"));
}

#define FFFD "\xef\xbf\xbd"

/* Unicode 15, section 3.9, tables 3-8 to 3-11: U+FFFD for each maximal subpart. */
static void what_is_no_utf8_is_replaced_as_unicode_says(void)
{
    CHECK(string_is(BYTES("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41"), "\"" FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A\""));
    CHECK(string_is(BYTES("\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41"), "\"" FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A\""));
    CHECK(string_is(BYTES("\xf4\x91\x92\x93\xff\x41\x80\xbf\x42"), "\"" FFFD FFFD FFFD FFFD FFFD "A" FFFD FFFD "B\""));
    CHECK(string_is(BYTES("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41"), "\"" FFFD FFFD FFFD FFFD "A\""));
    CHECK(string_is(BYTES("\xf0\x9f\x8c"), "\"" FFFD "\""));
    CHECK(string_is(BYTES("\xf4\x8f\xbf\xbf"), "\"\xf4\x8f\xbf\xbf\""));
}

/* RFC 4648, section 10. */
static void base64_is_that_of_the_rfc(void)
{
    static const char *const vectors[][2] = {{"", "\"\""},
                                             {"f", "\"Zg==\""},
                                             {"fo", "\"Zm8=\""},
                                             {"foo", "\"Zm9v\""},
                                             {"foob", "\"Zm9vYg==\""},
                                             {"fooba", "\"Zm9vYmE=\""},
                                             {"foobar", "\"Zm9vYmFy\""}};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        begin();
        json_base64(&json, slice_of_text(vectors[i][0]));
        CHECK(written(vectors[i][1]));
    }
    begin();
    json_begin_array(&json);
    json_base64(&json, slice_of("\xff\xef\xbe", 3));
    json_base64(&json, NULL_SLICE);
    json_end_array(&json);
    CHECK(written("[\"/+++\",null]"));
}

static void a_full_writer_is_told_by_the_writer(void)
{
    size_t needed = strlen("{\"key\":\"MDEyMzQ1Njc4OQ==\",\"n\":-17}");
    for (size_t limit = 0; limit < needed + 5; limit++) {
        memory_init(&memory);
        writer_init(&w, &memory, MEMORY_RESPONSES, limit);
        json = json_to(&w);
        json_begin_object(&json);
        json_key(&json, "key");
        json_base64(&json, slice_of_text("0123456789"));
        json_key(&json, "n");
        json_int(&json, -17);
        json_end_object(&json);
        CHECK(writer_ok(&w) == (limit >= needed));
        CHECK(w.size <= limit);
        writer_close(&w);
        CHECK_EQUAL(memory_total_bytes(&memory), 0);
    }
}

SUITE("json", CHECK_TEST(commas_stand_where_they_belong), CHECK_TEST(integers_keep_all_64_bits),
      CHECK_TEST(strings_are_escaped), CHECK_TEST(what_is_no_utf8_is_replaced_as_unicode_says),
      CHECK_TEST(base64_is_that_of_the_rfc), CHECK_TEST(a_full_writer_is_told_by_the_writer))
