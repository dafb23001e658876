#include "check.h"
#include "http/uri.h"
#include "memory.h"

static bool is(slice text, const char *expected)
{
    return expected == NULL ? slice_is_null(text) : !slice_is_null(text) && slice_equal(text, slice_of_text(expected));
}

static bool parses(const char *target, const char *authority, const char *path, const char *query)
{
    struct uri uri;
    return uri_parse(slice_of_text(target), &uri) && is(uri.authority, authority) && is(uri.path, path) &&
           is(uri.query, query);
}

static bool refused(const char *target)
{
    struct uri uri;
    return !uri_parse(slice_of_text(target), &uri);
}

/* RFC 9112, section 3.2. */
static void the_forms_of_a_target(void)
{
    CHECK(parses("/where?q=now", NULL, "/where", "q=now"));
    CHECK(parses("/", NULL, "/", NULL));
    CHECK(parses("/a?", NULL, "/a", ""));
    CHECK(parses("/a?b?c", NULL, "/a", "b?c"));
    CHECK(
        parses("http://www.example.org/pub/WWW/TheProject.html", "www.example.org", "/pub/WWW/TheProject.html", NULL));
    CHECK(parses("HTTPS://[::1]:8082?x", "[::1]:8082", "/", "x"));
    CHECK(parses("http://www.example.org:8001", "www.example.org:8001", "/", NULL));
    CHECK(parses("*", NULL, "*", NULL));
    CHECK(parses("/topics/ns:topic/a,b.*", NULL, "/topics/ns:topic/a,b.*", NULL));
    CHECK(parses("/t?filter={\"a\":[1|2]}", NULL, "/t", "filter={\"a\":[1|2]}"));
    CHECK(parses("//double/", NULL, "//double/", NULL));
}

static void other_targets_are_refused(void)
{
    static const char *const others[] = {
        "",
        "a",
        "?a",
        "www.example.com:80",
        "http://",
        "http:///a",
        "ftp://host/",
        "http://user@host/",
        "/a b",
        "/a#b",
        "/a?b#c",
        "/a\t",
        "/a?b c",
        "/\x7f",
        "/gr\xc3\xbc\xc3\x9f",
        "/a?\x80",
        "/a\\b",
        "/{a}",
        "/a|b",
        "/^",
        "/`",
        "/<",
        "/>",
        "/\"",
        "*?a",
        "**",
        "/a\r\nX: y",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        CHECK(refused(others[i]));
    struct uri uri;
    CHECK(!uri_parse(slice_of("/a\0b", 4), &uri));
    CHECK(!uri_parse(slice_of("/a?\0b", 5), &uri));
}

static void segments_are_divided_by_slashes_alone(void)
{
    static const char *const expected[] = {"a", "", "b%2Fc", "."};
    slice path = slice_of_text("/a//b%2Fc/."), segment;
    for (size_t i = 0; i < 4; i++) {
        REQUIRE(uri_next_segment(&path, &segment));
        CHECK(is(segment, expected[i]));
    }
    CHECK(!uri_next_segment(&path, &segment));
    path = slice_of_text("/");
    CHECK(uri_next_segment(&path, &segment) && segment.size == 0);
    CHECK(!uri_next_segment(&path, &segment));
}

static void parameters_are_flags_or_have_values(void)
{
    static const char *const expected[][2] = {{"follow", NULL}, {"topics", "a,b.*"}, {"empty", ""},
                                              {"x", "1=2"},     {"", "nameless"},    {"x", "again"}};
    slice query = slice_of_text("follow&topics=a,b.*&&empty=&x=1=2&=nameless&x=again&");
    struct uri_parameter parameter;
    for (size_t i = 0; i < 6; i++) {
        REQUIRE(uri_next_parameter(&query, &parameter));
        CHECK(is(parameter.name, expected[i][0]));
        CHECK(is(parameter.value, expected[i][1]));
    }
    CHECK(!uri_next_parameter(&query, &parameter));
    query = NULL_SLICE;
    CHECK(!uri_next_parameter(&query, &parameter));
}

static bool decodes(const char *text, enum uri_part part, slice expected)
{
    uint8_t plain[64];
    size_t size;
    bool same = uri_decode(slice_of_text(text), part, plain, &size) && slice_equal(slice_of(plain, size), expected);
    return same && uri_equal(slice_of_text(text), part, expected);
}

static void what_is_encoded_is_decoded(void)
{
    CHECK(decodes("a%2Fb%2fc", URI_SEGMENT, slice_of_text("a/b/c")));
    CHECK(decodes("1+1", URI_SEGMENT, slice_of_text("1+1")));
    CHECK(decodes("1+1%2B", URI_QUERY, slice_of_text("1 1+")));
    CHECK(decodes("gr%C3%bc%c3%9F", URI_SEGMENT, slice_of_text("gr\xc3\xbc\xc3\x9f")));
    CHECK(decodes("%00", URI_QUERY, slice_of("", 1)));
    CHECK(decodes("%2541", URI_SEGMENT, slice_of_text("%41")));
    CHECK(decodes("", URI_SEGMENT, slice_of_text("")));
    uint8_t place[] = "%61%62c";
    size_t size;
    CHECK(uri_decode(slice_of(place, sizeof place - 1), URI_SEGMENT, place, &size));
    CHECK(slice_equal(slice_of(place, size), slice_of_text("abc")));
}

static void what_is_wrongly_encoded_is_refused(void)
{
    static const char *const wrong[] = {"%",   "a%4",    "%4g",       "%g4",    "%%41", "%-1",
                                        "%C3", "%c0%80", "%ed%a0%80", "%u0041", "%ff"};
    uint8_t plain[64];
    size_t size;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK(!uri_decode(slice_of_text(wrong[i]), URI_SEGMENT, plain, &size));
    CHECK(!uri_equal(slice_of_text("ab"), URI_SEGMENT, slice_of_text("a")));
    CHECK(!uri_equal(slice_of_text("a"), URI_SEGMENT, slice_of_text("ab")));
    CHECK(!uri_equal(slice_of_text("%4"), URI_SEGMENT, slice_of_text("%4")));
}

SUITE("uri", CHECK_TEST(the_forms_of_a_target), CHECK_TEST(other_targets_are_refused),
      CHECK_TEST(segments_are_divided_by_slashes_alone), CHECK_TEST(parameters_are_flags_or_have_values),
      CHECK_TEST(what_is_encoded_is_decoded), CHECK_TEST(what_is_wrongly_encoded_is_refused))
