/* Records as JSON: what is written, read back by json_read. */
#include "check.h"
#include "json.h"
#include "json_read.h"
#include "rest/record_form.h"

static struct memory memory;
static struct json_document document;

#define CHECK_TEXT(actual, expected) CHECK(strcmp(actual, expected) == 0)

static slice text_of(const char *text)
{
    return slice_of_text(text);
}

/* The record's line, in a buffer that lives until the next one. */
static const char *line_of(enum record_format format, const struct record *record)
{
    static char line[2000];
    if (document.memory == NULL) {
        memory_init(&memory);
        json_document_init(&document, &memory, MEMORY_REQUESTS, (struct json_limits){.depth = 10, .values = 100});
    }
    struct record_form form;
    record_form_init(&form, format, &document, text_of("t"), 3);
    writer w;
    writer_init(&w, &memory, MEMORY_RESPONSES, sizeof line - 1);
    record_form_write(&form, record, &w);
    REQUIRE(writer_ok(&w));
    memcpy(line, w.data, w.size);
    line[w.size] = '\0';
    writer_close(&w);
    return line;
}

#define HEAD(offset, time)                                                                                             \
    "{\"topic_name\":\"t\",\"partition_id\":3,\"offset\":" offset ",\"timestamp\":" time ",\"headers\":[],"

static void a_record_has_the_form_of_rest_v3(void)
{
    struct record record = {.offset = 17, .timestamp = 1795292681123, .key = text_of("k"), .value = text_of("v")};
    CHECK_TEXT(line_of(RECORD_FORMAT_AUTO, &record),
               HEAD("17", "\"2026-11-21T20:24:41.123Z\"") "\"key\":{\"type\":\"STRING\",\"data\":\"k\"},"
                                                          "\"value\":{\"type\":\"STRING\",\"data\":\"v\"}}");
}

static void nulls_stay_nulls(void)
{
    struct record record = {.offset = INT64_MAX, .timestamp = -1};
    CHECK_TEXT(line_of(RECORD_FORMAT_AUTO, &record),
               HEAD("9223372036854775807", "null") "\"key\":null,\"value\":null}");
    record.key = record.value = text_of("");
    CHECK_TEXT(line_of(RECORD_FORMAT_AUTO, &record),
               HEAD("9223372036854775807", "null") "\"key\":{\"type\":\"STRING\",\"data\":\"\"},"
                                                   "\"value\":{\"type\":\"STRING\",\"data\":\"\"}}");
}

static void moments_that_no_year_has_are_numbers(void)
{
    struct record record = {.timestamp = INT64_MAX};
    CHECK_TEXT(line_of(RECORD_FORMAT_AUTO, &record), HEAD("0", "9223372036854775807") "\"key\":null,\"value\":null}");
    record.timestamp = -2;
    CHECK_TEXT(line_of(RECORD_FORMAT_AUTO, &record),
               HEAD("0", "\"1969-12-31T23:59:59.998Z\"") "\"key\":null,\"value\":null}");
}

static const char *type_of(enum record_format format, slice value)
{
    struct record record = {.value = value};
    slice line = text_of(line_of(format, &record));
    REQUIRE(json_parse(&document, line, NULL) == 0);
    static char type[10];
    const struct json_value *member = json_value_member(document.values, "value");
    member = json_value_member(member, "type");
    snprintf(type, sizeof type, "%.*s", (int)member->size, member->text);
    return type;
}

static void the_format_decides_what_bytes_become(void)
{
    slice binary = slice_of("\xff\x00", 2), text = text_of("f\xc3\xbcr \"x\""), json = text_of("{\"a\": [1.10]}");
    CHECK_TEXT(type_of(RECORD_FORMAT_AUTO, binary), "BINARY");
    CHECK_TEXT(type_of(RECORD_FORMAT_AUTO, text), "STRING");
    CHECK_TEXT(type_of(RECORD_FORMAT_AUTO, json), "STRING");
    CHECK_TEXT(type_of(RECORD_FORMAT_BINARY, text), "BINARY");
    CHECK_TEXT(type_of(RECORD_FORMAT_BINARY, text_of("plain")), "BINARY");
    CHECK_TEXT(type_of(RECORD_FORMAT_STRING, binary), "STRING");
    CHECK_TEXT(type_of(RECORD_FORMAT_JSON, json), "JSON");
    CHECK_TEXT(type_of(RECORD_FORMAT_JSON, text), "STRING");
    CHECK_TEXT(type_of(RECORD_FORMAT_JSON, binary), "BINARY");
    struct record record = {.value = json};
    CHECK(strstr(line_of(RECORD_FORMAT_JSON, &record), "\"data\":{\"a\":[1.10]}}}") != NULL);
}

static void headers_keep_their_order_and_nulls(void)
{
    static const uint8_t headers[] = {2, 'h', 4, 1, 2, 2, 'h', 1, 4, 'i', '"', 0}; /* zigzag lengths */
    struct record record = {.header_count = 3, .headers = slice_of(headers, sizeof headers)};
    CHECK(strstr(line_of(RECORD_FORMAT_AUTO, &record),
                 ",\"headers\":[{\"name\":\"h\",\"value\":\"AQI=\"},{\"name\":\"h\",\"value\":null},"
                 "{\"name\":\"i\\\"\",\"value\":\"\"}],") != NULL);
}

/* The time's text is made anew only where the minute is another one. */
static void times_are_right_whatever_came_before(void)
{
    static const int64_t moments[] = {0,  999,     1000,    59999,         60000, 60001, 3599999,
                                      -1, -60000,  1,       86399999,      5,     -5,    253402300799999,
                                      59, 1234567, 1234568, 1795292681123, 3,     -1,    1795292681124};
    struct record_form form;
    record_form_init(&form, RECORD_FORMAT_AUTO, NULL, text_of("t"), 0);
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        char expected[TIME_TEXT_SIZE + 20], time[TIME_TEXT_SIZE];
        REQUIRE(time_print(moments[i], time));
        snprintf(expected, sizeof expected, moments[i] != -1 ? "\"timestamp\":\"%s\"" : "\"timestamp\":null", time);
        writer w;
        writer_init(&w, &memory, MEMORY_RESPONSES, 1000);
        record_form_write(&form, &(struct record){.timestamp = moments[i]}, &w);
        write_u8(&w, 0);
        REQUIRE(writer_ok(&w));
        CHECK(strstr((const char *)w.data, expected) != NULL);
        writer_close(&w);
    }
}

static void append_time_is_told(void)
{
    struct record_form form;
    record_form_init(&form, RECORD_FORMAT_AUTO, NULL, text_of("t"), 0);
    form.is_append_time = true;
    writer w;
    writer_init(&w, &memory, MEMORY_RESPONSES, 1000);
    record_form_write(&form, &(struct record){.timestamp = 0}, &w);
    write_u8(&w, 0);
    CHECK(strstr((const char *)w.data, "Z\",\"timestamp_type\":\"LOG_APPEND_TIME\",\"headers\"") != NULL);
    writer_close(&w);
}

static void formats_have_names(void)
{
    enum record_format format;
    for (int i = 0; i < RECORD_FORMATS; i++)
        CHECK(record_format_parse(text_of(record_format_text((enum record_format)i)), &format) && (int)format == i);
    CHECK(!record_format_parse(text_of("avro"), &format));
}

/* Every byte at every place of the eight that are looked at together. */
static void plain_text_is_found_at_every_place(void)
{
    for (int c = 0; c < 256; c++) {
        bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
        for (size_t place = 0; place < 17; place++) {
            char text[17];
            memset(text, 'a', sizeof text);
            text[place] = (char)c;
            CHECK(json_plain_size(slice_of(text, sizeof text)) == (plain ? sizeof text : place));
        }
    }
}

static void all_memory_comes_back(void)
{
    json_document_close(&document);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

SUITE("record form", CHECK_TEST(a_record_has_the_form_of_rest_v3), CHECK_TEST(nulls_stay_nulls),
      CHECK_TEST(moments_that_no_year_has_are_numbers), CHECK_TEST(the_format_decides_what_bytes_become),
      CHECK_TEST(headers_keep_their_order_and_nulls), CHECK_TEST(times_are_right_whatever_came_before),
      CHECK_TEST(append_time_is_told), CHECK_TEST(formats_have_names), CHECK_TEST(plain_text_is_found_at_every_place),
      CHECK_TEST(all_memory_comes_back))
