#include "check.h"
#include "json.h"
#include "json_read.h"
#include "sample.h"

#include <errno.h>
#include <stdlib.h>

#define LIMITS ((struct json_limits){.depth = 8, .values = 1000})

static struct memory memory;
static struct json_document document;
static struct arena arena;
static struct error error;

static int parse(const char *text)
{
    return json_parse(&document, slice_of_text(text), &error);
}

static void begin(void)
{
    memory_init(&memory);
    json_document_init(&document, &memory, MEMORY_REQUESTS, LIMITS);
    arena_init(&arena, &memory, MEMORY_REQUESTS, 1 << 20);
}

static void end(void)
{
    json_document_close(&document);
    arena_close(&arena);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static void values_stand_in_the_order_of_the_text(void)
{
    begin();
    REQUIRE(parse(" {\"a\" : [1, {\"b\":null}, []] , \"c\":true} ") == 0);
    CHECK_EQUAL(document.count, 10);
    const struct json_value *root = document.values, *a = json_value_member(root, "a");
    REQUIRE(a != NULL && a == root + 2);
    CHECK_EQUAL(root->count, 2);
    CHECK_EQUAL(root->span, 10);
    CHECK_EQUAL(a->count, 3);
    CHECK_EQUAL(a->span, 6);
    CHECK(slice_equal(json_value_raw(a), slice_of_text("[1, {\"b\":null}, []]")));
    const struct json_value *c = json_value_member(root, "c");
    REQUIRE(c != NULL);
    CHECK_EQUAL(c->kind, JSON_TRUE);
    CHECK(json_value_after(a) + 1 == c);
    CHECK(json_value_member(root, "b") == NULL);
    CHECK(json_value_member(a, "b") == NULL);
    end();
}

static void of_equal_keys_the_last_counts(void)
{
    begin();
    REQUIRE(parse("{\"a\":1,\"b\":2,\"\\u0061\":3}") == 0);
    int64_t number;
    REQUIRE(json_value_int64(json_value_member(document.values, "a"), &number));
    CHECK_EQUAL(number, 3);
    end();
}

static void integers_fit_or_are_refused(void)
{
    static const struct {
        const char *text;
        bool is_int64, is_uint64;
        int64_t value;
    } cases[] = {{"0", true, true, 0},
                 {"-0", true, true, 0},
                 {"-1", true, false, -1},
                 {"9223372036854775807", true, true, INT64_MAX},
                 {"9223372036854775808", false, true, INT64_MIN},
                 {"-9223372036854775808", true, false, INT64_MIN},
                 {"-9223372036854775809", false, false, 0},
                 {"18446744073709551615", false, true, -1},
                 {"18446744073709551616", false, false, 0},
                 {"99999999999999999999999999", false, false, 0},
                 {"1.0", false, false, 0},
                 {"1e2", false, false, 0},
                 {"\"1\"", false, false, 0},
                 {"true", false, false, 0}};
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t plain = 0;
        uint64_t wide = 0;
        REQUIRE(parse(cases[i].text) == 0);
        CHECK(json_value_int64(document.values, &plain) == cases[i].is_int64);
        CHECK(json_value_uint64(document.values, &wide) == cases[i].is_uint64);
        CHECK(!cases[i].is_int64 || plain == cases[i].value);
        CHECK(!cases[i].is_uint64 || wide == (uint64_t)cases[i].value);
    }
    end();
}

static void doubles_are_read_and_what_is_beyond_them_refused(void)
{
    double number;
    begin();
    REQUIRE(parse("-1.25e2") == 0);
    CHECK(json_value_double(document.values, &number) && number == -125);
    REQUIRE(parse("1e400") == 0);
    CHECK(!json_value_double(document.values, &number));
    REQUIRE(parse("\"1\"") == 0);
    CHECK(!json_value_double(document.values, &number));
    end();
}

static void strings_are_borrowed_until_they_have_escapes(void)
{
    static const char plain[] = "\"gr\xc3\xbc\xc3\x9f\"";
    begin();
    REQUIRE(parse(plain) == 0);
    CHECK(json_value_string(document.values, &arena).data == (const uint8_t *)plain + 1);
    CHECK(json_value_equal(document.values, slice_of_text("gr\xc3\xbc\xc3\x9f")));
    REQUIRE(parse("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u00Fc\\u20aC\\ud83c\\udf3e.\"") == 0);
    static const char said[] = "\"\\/\b\f\n\r\t\0\xc3\xbc\xe2\x82\xac\xf0\x9f\x8c\xbe.";
    slice expected = slice_of(said, sizeof said - 1);
    CHECK(slice_equal(json_value_string(document.values, &arena), expected));
    CHECK(json_value_equal(document.values, expected));
    CHECK(!json_value_equal(document.values, slice_of(said, sizeof said - 2)));
    CHECK(!json_value_equal(document.values, slice_of(said, sizeof said)));
    memory_fail_at(&memory, 0);
    struct arena refused;
    arena_init(&refused, &memory, MEMORY_REQUESTS, 1 << 20);
    CHECK(slice_is_null(json_value_string(document.values, &refused)));
    end();
}

static void surrogates_are_pairs_or_refused(void)
{
    static const char *const wrong[] = {"\"\\ud83c\"",        "\"\\udf3e\"",        "\"\\ud83c\\ud83c\"",
                                        "\"\\ud83c\\udbff\"", "\"\\ud83c\\ue000\"", "\"\\ud83c\\u0041\"",
                                        "\"\\ud83cdf3e\"",    "\"\\ud83c\\n\""};
    begin();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK_EQUAL(parse(wrong[i]), FURROW_MALFORMED);
    CHECK_EQUAL(parse("\"\\ud800\\udc00\\udbff\\udfff\""), 0);
    CHECK(json_value_equal(document.values, slice_of_text("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")));
    end();
}

static void limits_hold(void)
{
    begin();
    CHECK_EQUAL(parse("[[[[[[[[]]]]]]]]"), 0);
    CHECK_EQUAL(parse("[[[[[[[[[]]]]]]]]]"), FURROW_TOO_LARGE);
    CHECK_EQUAL(parse("[[[[[[[[{}]]]]]]]]"), FURROW_TOO_LARGE);
    writer w;
    writer_init(&w, &memory, MEMORY_REQUESTS, 1 << 20);
    write_u8(&w, '[');
    for (int i = 0; i < 998; i++)
        write_bytes(&w, slice_of_text("1,"));
    write_bytes(&w, slice_of_text("1]"));
    REQUIRE(writer_ok(&w));
    CHECK_EQUAL(json_parse(&document, writer_slice(&w), &error), 0);
    CHECK_EQUAL(document.capacity, 1000);
    w.data[w.size - 1] = ',';
    write_bytes(&w, slice_of_text("1]"));
    REQUIRE(writer_ok(&w));
    CHECK_EQUAL(json_parse(&document, writer_slice(&w), &error), FURROW_TOO_LARGE);
    CHECK(strcmp(error.message, "JSON: more than 1000 values") == 0);
    writer_close(&w);
    end();
}

static void errors_name_the_place(void)
{
    static const char *const cases[][2] = {{"", "JSON: no value at byte 0"},
                                           {"  [1,]", "JSON: no value at byte 5"},
                                           {"[1 2]", "JSON: neither comma nor ] at byte 3"},
                                           {"{\"a\":1;}", "JSON: neither comma nor } at byte 6"},
                                           {"{a:1}", "JSON: no key at byte 1"},
                                           {"{\"a\" 1}", "JSON: no colon behind the key at byte 5"},
                                           {"[\"a", "JSON: a string without an end at byte 1"},
                                           {"[01]", "JSON: no number at byte 1"},
                                           {"[] []", "JSON: something behind the value at byte 3"}};
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_EQUAL(parse(cases[i][0]), FURROW_MALFORMED);
        CHECK(strcmp(error.message, cases[i][1]) == 0);
    }
    end();
}

static void every_failing_allocation_is_an_error(void)
{
    for (int nth = 0;; nth++) {
        begin();
        memory_fail_at(&memory, nth);
        writer w;
        struct memory plain;
        memory_init(&plain);
        writer_init(&w, &plain, MEMORY_REQUESTS, 1 << 20);
        write_u8(&w, '[');
        for (int i = 0; i < 200; i++)
            write_bytes(&w, slice_of_text("{},"));
        write_bytes(&w, slice_of_text("0]"));
        int rc = json_parse(&document, writer_slice(&w), &error);
        bool pending = memory_fail_pending(&memory);
        CHECK_EQUAL(rc, pending ? 0 : -ENOMEM);
        writer_close(&w);
        memory_fail_at(&memory, -1);
        end();
        if (pending)
            break;
    }
}

static void say(writer *w, const struct json_value *value)
{
    static const char hex[] = "0123456789abcdef", openers[] = "nft#\"[{";
    write_u8(w, (uint8_t)openers[value->kind]);
    if (value->kind == JSON_NUMBER)
        write_bytes(w, json_value_raw(value));
    slice text = json_value_string(value, &arena);
    for (size_t i = 0; i < text.size; i++) {
        write_u8(w, (uint8_t)hex[text.data[i] >> 4]);
        write_u8(w, (uint8_t)hex[text.data[i] & 15]);
    }
    if (value->kind < JSON_ARRAY)
        return;
    const struct json_value *inner = value + 1;
    for (uint32_t i = 0; i < value->count << (value->kind == JSON_OBJECT); i++, inner = json_value_after(inner)) {
        say(w, inner);
        write_u8(w, ',');
    }
    CHECK(inner == json_value_after(value));
    write_u8(w, value->kind == JSON_ARRAY ? ']' : '}');
}

/* The text without blanks says the same, and has none outside its strings. */
static bool compact_says(slice said)
{
    writer compact, w;
    writer_init(&compact, &memory, MEMORY_REQUESTS, 1 << 20);
    writer_init(&w, &memory, MEMORY_REQUESTS, 1 << 20);
    struct json json = json_to(&compact);
    json_raw(&json, json_value_raw(document.values));
    bool same = json_parse(&document, writer_slice(&compact), NULL) == 0;
    if (same)
        say(&w, document.values);
    same = same && slice_equal(writer_slice(&w), said);
    same = same && (compact.size == 0 || memchr(compact.data, '\n', compact.size) == NULL);
    writer_close(&w);
    writer_close(&compact);
    return same;
}

static bool judged_as(slice text, slice verdict)
{
    writer w;
    writer_init(&w, &memory, MEMORY_REQUESTS, 1 << 20);
    int rc = json_parse(&document, text, &error);
    if (rc == 0)
        say(&w, document.values);
    else
        write_u8(&w, '-');
    bool same = (rc == 0 || rc == FURROW_MALFORMED) && w.data != NULL && slice_equal(writer_slice(&w), verdict);
    same = same && (rc != 0 || compact_says(verdict));
    if (!same)
        printf("%.*s: %.*s, not %.*s\n", SLICE_PRINT(text), SLICE_PRINT(writer_slice(&w)), SLICE_PRINT(verdict));
    writer_close(&w);
    return same;
}

static void python_reads_the_same(void)
{
    begin();
    writer lines;
    writer_init(&lines, &memory, MEMORY_REQUESTS, 1 << 20);
    REQUIRE(vector_read(&lines, "json-python.txt"));
    uint32_t count = 0;
    const uint8_t *line = lines.data, *last = lines.data + lines.size;
    for (; line < last; count++) {
        const uint8_t *tab = memchr(line, '\t', (size_t)(last - line));
        const uint8_t *newline = memchr(line, '\n', (size_t)(last - line));
        if (tab == NULL || newline == NULL)
            break;
        /* Of its own size, so that a sanitizer sees a read past the end. */
        size_t size = (size_t)(tab - line) / 2;
        uint8_t *text = malloc(size != 0 ? size : 1);
        REQUIRE(text != NULL);
        CHECK_EQUAL(vector_unhex(slice_of(line, 2 * size), text, size), size);
        CHECK(judged_as(slice_of(text, size), slice_of(tab + 1, (size_t)(newline - tab) - 1)));
        free(text);
        arena_reset(&arena);
        line = newline + 1;
    }
    CHECK(line == last && count > 1000);
    writer_close(&lines);
    end();
}

SUITE("json read", CHECK_TEST(values_stand_in_the_order_of_the_text), CHECK_TEST(of_equal_keys_the_last_counts),
      CHECK_TEST(integers_fit_or_are_refused), CHECK_TEST(doubles_are_read_and_what_is_beyond_them_refused),
      CHECK_TEST(strings_are_borrowed_until_they_have_escapes), CHECK_TEST(surrogates_are_pairs_or_refused),
      CHECK_TEST(limits_hold), CHECK_TEST(errors_name_the_place), CHECK_TEST(every_failing_allocation_is_an_error),
      CHECK_TEST(python_reads_the_same))
