#include "check.h"
#include "http/response.h"

#include <time.h>

static struct memory memory;
static writer w;

static void begin(void)
{
    memory_init(&memory);
    writer_init(&w, &memory, MEMORY_RESPONSES, 1 << 20);
}

static bool written(const char *text)
{
    bool same = writer_ok(&w) && slice_equal(writer_slice(&w), slice_of_text(text));
    if (!same)
        printf("%.*s\n", SLICE_PRINT(writer_slice(&w)));
    writer_close(&w);
    return same && memory_total_bytes(&memory) == 0;
}

#define EXAMPLE_MS 784111777123 /* RFC 9110 5.6.7's example */

static void a_date_is_as_in_the_rfc(void)
{
    static const struct {
        int64_t ms;
        const char *text;
    } dates[] = {
        {EXAMPLE_MS, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {951827696000, "Tue, 29 Feb 2000 12:34:56 GMT"},
        {4102444799999, "Thu, 31 Dec 2099 23:59:59 GMT"},
    };
    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
        char text[HTTP_DATE_MAX];
        http_print_date(dates[i].ms, text);
        CHECK(strcmp(text, dates[i].text) == 0);
    }
}

/* The C library is the oracle, on each day up to the year 2400. */
static void each_day_has_its_date(void)
{
    for (int64_t day = 0; day < 157053; day++) {
        time_t seconds = (time_t)(day * 86400 + day % 86400);
        char expected[64], text[HTTP_DATE_MAX];
        struct tm utc;
        gmtime_r(&seconds, &utc);
        strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &utc);
        http_print_date((int64_t)seconds * 1000 + 999, text);
        REQUIRE(strcmp(text, expected) == 0);
    }
}

static void a_head_is_lines(void)
{
    begin();
    http_write_status(&w, 404, EXAMPLE_MS);
    http_write_text_field(&w, "Content-Type", "application/json");
    http_write_number_field(&w, "Content-Length", UINT64_MAX);
    http_write_field(&w, "X-Key", slice_of("a\tb\xff", 4));
    http_write_head_end(&w);
    CHECK(written("HTTP/1.1 404 Not Found\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                  "Content-Type: application/json\r\nContent-Length: 18446744073709551615\r\nX-Key: a\tb\xff\r\n\r\n"));
    begin();
    http_write_status(&w, 100, EXAMPLE_MS);
    http_write_head_end(&w);
    CHECK(written("HTTP/1.1 100 Continue\r\n\r\n"));
    begin();
    http_write_status(&w, 299, 0);
    CHECK(written("HTTP/1.1 299 Unknown\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"));
}

static void a_value_cannot_split_a_response(void)
{
    static const char *const values[] = {"a\r\nSet-Cookie: b", "a\nb", "a\rb", "\x7f", "\x01", "\x1b[2J"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        begin();
        http_write_text_field(&w, "Location", values[i]);
        CHECK(!writer_ok(&w));
        writer_close(&w);
    }
    begin();
    http_write_field(&w, "Location", slice_of("a\0b", 3));
    CHECK(!writer_ok(&w));
    writer_close(&w);
}

static void chunks_have_their_size_before_them(void)
{
    uint8_t many[0x1a2b] = {0};
    memset(many, 'x', sizeof many);
    begin();
    http_write_chunk(&w, slice_of_text("hello, world"));
    http_write_chunk(&w, slice_of_text(""));
    http_write_chunk(&w, NULL_SLICE);
    http_write_last_chunk(&w);
    CHECK(written("c\r\nhello, world\r\n0\r\n\r\n"));
    begin();
    http_write_chunk(&w, slice_of(many, sizeof many));
    CHECK_EQUAL(w.size, 6 + sizeof many + 2);
    CHECK(memcmp(w.data, "1a2b\r\nxxx", 9) == 0);
    writer_close(&w);
}

static void some_statuses_have_no_body(void)
{
    CHECK(http_status_has_body(200));
    CHECK(http_status_has_body(404));
    CHECK(!http_status_has_body(100));
    CHECK(!http_status_has_body(101));
    CHECK(!http_status_has_body(204));
    CHECK(!http_status_has_body(304));
}

SUITE("http_response", CHECK_TEST(a_date_is_as_in_the_rfc), CHECK_TEST(each_day_has_its_date),
      CHECK_TEST(a_head_is_lines), CHECK_TEST(a_value_cannot_split_a_response),
      CHECK_TEST(chunks_have_their_size_before_them), CHECK_TEST(some_statuses_have_no_body))
