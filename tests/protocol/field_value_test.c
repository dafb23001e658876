#include "check.h"
#include "http/field_value.h"

static bool is(slice text, const char *expected)
{
    return slice_equal(text, slice_of_text(expected));
}

static void lists_are_divided_by_commas_outside_quotes(void)
{
    static const char *const expected[] = {"a", "b;x=\"1,2\"", "\"c\\\",d\"", "e f"};
    slice list = slice_of_text(", a ,b;x=\"1,2\",,\t\"c\\\",d\" , e f ,"), element;
    for (size_t i = 0; i < 4; i++) {
        REQUIRE(field_next_element(&list, &element));
        CHECK(is(element, expected[i]));
    }
    CHECK(!field_next_element(&list, &element));
    list = NULL_SLICE;
    CHECK(!field_next_element(&list, &element));
    list = slice_of_text("\"never closed, \\");
    CHECK(field_next_element(&list, &element) && !field_next_element(&list, &element));
}

static void parameters_have_tokens_or_quoted_strings(void)
{
    static const char *const expected[][2] = {{"charset", "utf-8"}, {"Q", "0.5"}, {"x", "a;b=\\\"c"}, {"y", ""}};
    slice element = slice_of_text("text/html ; charset=utf-8;Q=0.5;; x=\"a;b=\\\"c\" ;y=\"\";"), name, value;
    CHECK(is(field_take_item(&element), "text/html"));
    for (size_t i = 0; i < 4; i++) {
        REQUIRE(field_next_parameter(&element, &name, &value));
        CHECK(is(name, expected[i][0]));
        CHECK(is(value, expected[i][1]));
    }
    CHECK(!field_next_parameter(&element, &name, &value));
    CHECK_EQUAL(element.size, 0);
    static const char *const wrong[] = {"a", "=b", "a=", "a b=c", "a=b c", "a=\"b", "a=\"b\"c", "a =b", "a=\"\\\""};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        slice parameters = slice_of_text(wrong[i]);
        CHECK(!field_next_parameter(&parameters, &name, &value));
        CHECK(parameters.size > 0);
    }
}

static void tokens(void)
{
    CHECK(field_is_token(slice_of_text("!#$%&'*+-.^_`|~09azAZ")));
    CHECK(!field_is_token(slice_of_text("")));
    static const char others[] = "\"(),/:;<=>?@[\\]{} \t\r\n\x7f\x80\xff";
    for (size_t i = 0; i < sizeof others; i++) /* the NUL too */
        CHECK(!field_is_token(slice_of(others + i, 1)));
}

static int quality(const char *text)
{
    unsigned found;
    return field_quality(slice_of_text(text), &found) ? (int)found : -1;
}

static void qualities_are_thousandths(void)
{
    CHECK_EQUAL(quality(""), 1000);
    CHECK_EQUAL(quality("x=y"), 1000);
    CHECK_EQUAL(quality("q=1"), 1000);
    CHECK_EQUAL(quality("q=1.000"), 1000);
    CHECK_EQUAL(quality("x=y;Q=0.5"), 500);
    CHECK_EQUAL(quality("q=0.123"), 123);
    CHECK_EQUAL(quality("q=0."), 0);
    CHECK_EQUAL(quality("q=0"), 0);
    static const char *const wrong[] = {"q=1.001", "q=2",   "q=.5", "q=0.1234", "q=-1",
                                        "q=0,5",   "q=0.x", "q",    "q=1e0",    "q=05"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK_EQUAL(quality(wrong[i]), -1);
}

static int coding(const char *accept_encoding)
{
    static const char *const codings[] = {"zstd", "gzip"};
    return field_choose_coding(accept_encoding != NULL ? slice_of_text(accept_encoding) : NULL_SLICE, codings, 2);
}

/* RFC 9110, section 12.5.3, its examples among them. */
static void the_coding_that_is_preferred_is_chosen(void)
{
    CHECK_EQUAL(coding(NULL), -1);
    CHECK_EQUAL(coding(""), -1);
    CHECK_EQUAL(coding("compress, gzip"), 1);
    CHECK_EQUAL(coding("*"), 0);
    CHECK_EQUAL(coding("compress;q=0.5, gzip;q=1.0"), 1);
    CHECK_EQUAL(coding("gzip;q=1.0, identity; q=0.5, *;q=0"), 1);
    CHECK_EQUAL(coding("gzip, deflate, br, zstd"), 0);
    CHECK_EQUAL(coding("gzip, zstd;q=0.9"), 1);
    CHECK_EQUAL(coding("gzip;q=0, *;q=0.3"), 0);
    CHECK_EQUAL(coding("gzip;q=0.5, identity"), -1);
    CHECK_EQUAL(coding("GZIP"), 1);
    CHECK_EQUAL(coding("gzip;q=0"), -1);
    CHECK_EQUAL(coding("identity;q=0, *;q=0"), -1);
    CHECK_EQUAL(coding("gzip;q=x"), -1);
}

SUITE("field value", CHECK_TEST(lists_are_divided_by_commas_outside_quotes),
      CHECK_TEST(parameters_have_tokens_or_quoted_strings), CHECK_TEST(tokens), CHECK_TEST(qualities_are_thousandths),
      CHECK_TEST(the_coding_that_is_preferred_is_chosen))
