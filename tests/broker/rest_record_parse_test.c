/* Records as people and programs send them, right and wrong, in each dialect. */
#include "check.h"
#include "rest/record_parse.h"

static struct memory memory;
static struct json_document document;
static struct arena arena;
static struct parsed_record record;
static struct error error;

static void open_all(void)
{
    memory_init(&memory);
    json_document_init(&document, &memory, MEMORY_REQUESTS, (struct json_limits){JSON_DEPTH_MAX, 1000});
    arena_init(&arena, &memory, MEMORY_REQUESTS, 1 << 20);
}

static void close_all(void)
{
    json_document_close(&document);
    arena_close(&arena);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static int parse(const char *text, enum record_dialect dialect)
{
    error = (struct error){0};
    arena_reset(&arena);
    REQUIRE(json_parse(&document, slice_of_text(text), &error) == 0);
    return record_parse(document.values, dialect, &arena, &record, &error);
}

static bool is(slice bytes, const char *text)
{
    return !slice_is_null(bytes) && slice_equal(bytes, slice_of_text(text));
}

static void v2_in_base64(void)
{
    open_all();
    REQUIRE(parse("{\"key\":\"a2V5\",\"value\":\"dmFsdWU=\",\"partition\":3}", RECORD_OF_V2_BINARY) == 0);
    CHECK(is(record.key, "key") && is(record.value, "value"));
    CHECK_EQUAL(record.partition, 3);
    CHECK(!record.has_timestamp && record.header_count == 0);
    REQUIRE(parse("{\"value\":\"\",\"key\":null,\"partition\":null}", RECORD_OF_V2_BINARY) == 0);
    CHECK(is(record.value, "") && slice_is_null(record.key));
    CHECK_EQUAL(record.partition, -1);
    REQUIRE(parse("{}", RECORD_OF_V2_BINARY) == 0);
    CHECK(slice_is_null(record.key) && slice_is_null(record.value));
    REQUIRE(parse("{\"value\":\"\\u0061GVsbG8=\"}", RECORD_OF_V2_BINARY) == 0);
    CHECK(is(record.value, "hello"));
    close_all();
}

static void v2_in_json(void)
{
    open_all();
    REQUIRE(parse("{\"key\": \"k \\\" 1\", \"value\": { \"a b\" : [ 1.10, \"x\\\\\" ] }}", RECORD_OF_V2_JSON) == 0);
    CHECK(is(record.key, "\"k \\\" 1\"") && is(record.value, "{\"a b\":[1.10,\"x\\\\\"]}"));
    REQUIRE(parse("{\"key\":null,\"value\":false}", RECORD_OF_V2_JSON) == 0);
    CHECK(slice_is_null(record.key) && is(record.value, "false"));
    close_all();
}

static void v3_says_types(void)
{
    open_all();
    REQUIRE(parse("{\"partition_id\":0,\"key\":{\"type\":\"STRING\",\"data\":\"\\u00e4\"},\"value\":{\"data\":\"AP8=\","
                  "\"type\":\"BINARY\"},\"timestamp\":\"2026-01-02T03:04:05.678+01:00\",\"headers\":[{\"name\":\"h\","
                  "\"value\":\"AQ==\"},{\"value\":null,\"name\":\"\"},{\"name\":\"n\"}]}",
                  RECORD_OF_V3) == 0);
    CHECK(is(record.key, "\xc3\xa4") && slice_equal(record.value, slice_of("\0\xff", 2)));
    CHECK_EQUAL(record.key_type, RECORD_DATA_STRING);
    CHECK_EQUAL(record.value_type, RECORD_DATA_BINARY);
    CHECK(record.has_timestamp);
    CHECK_EQUAL(record.timestamp, 1767319445678);
    REQUIRE(record.header_count == 3);
    CHECK(is(record.headers[0].key, "h") && is(record.headers[0].value, "\x01"));
    CHECK(is(record.headers[1].key, "") && slice_is_null(record.headers[1].value));
    CHECK(is(record.headers[2].key, "n") && slice_is_null(record.headers[2].value));

    REQUIRE(parse("{\"value\":{\"type\":\"JSON\",\"data\": [ 1 ] },\"key\":{\"type\":\"JSON\",\"data\":null},"
                  "\"timestamp\":null,\"headers\":null}",
                  RECORD_OF_V3) == 0);
    CHECK(is(record.value, "[1]") && slice_is_null(record.key) && !record.has_timestamp && record.header_count == 0);
    CHECK_EQUAL(record.key_type, RECORD_DATA_JSON);
    REQUIRE(parse("{\"value\":{\"type\":\"STRING\",\"data\":1.50}}", RECORD_OF_V3) == 0);
    CHECK(is(record.value, "1.50"));
    close_all();
}

static void a_line_is_what_was_read(void)
{
    open_all();
    REQUIRE(parse("{\"topic_name\":\"t\\u003a1\",\"partition_id\":1,\"offset\":17,\"timestamp\":-5,\"timestamp_type\":"
                  "\"LOG_APPEND_TIME\",\"headers\":[],\"key\":\"plain\",\"value\":{\"type\":\"STRING\",\"data\":\"\"}}",
                  RECORD_OF_LINE) == 0);
    CHECK(is(record.key, "plain") && is(record.value, ""));
    CHECK_EQUAL(record.timestamp, -5);
    REQUIRE(parse("{\"timestamp\":null}", RECORD_OF_LINE) == 0);
    CHECK(record.has_timestamp);
    CHECK_EQUAL(record.timestamp, -1);
    close_all();
}

static void a_mark_is_no_record(void)
{
    open_all();
    REQUIRE(json_parse(&document, slice_of_text("{\"offset\":1,\"mark\":\"gap\"}"), &error) == 0);
    CHECK(record_is_mark(document.values));
    REQUIRE(json_parse(&document, slice_of_text("{\"value\":{\"mark\":1}}"), &error) == 0);
    CHECK(!record_is_mark(document.values));
    REQUIRE(json_parse(&document, slice_of_text("\"mark\""), &error) == 0);
    CHECK(!record_is_mark(document.values));
    close_all();
}

static void an_entry_of_a_batch_has_an_id(void)
{
    open_all();
    REQUIRE(parse("{\"id\":\"aZ0-_\",\"value\":null}", RECORD_OF_V3_BATCH) == 0);
    CHECK(is(record.id, "aZ0-_"));
    CHECK_EQUAL(parse("{\"id\":\"a\",\"unknown\":1}", RECORD_OF_V3_BATCH), 400);
    CHECK(is(record.id, "a"));
    static const char *const wrong[] = {
        "{}",
        "{\"id\":\"\"}",
        "{\"id\":1}",
        "{\"id\":\"a b\"}",
        "{\"id\":\"\\u0061\"}",
        "{\"id\":\"12345678901234567890123456789012345678901234567890123456789012345678901234567890+\"}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_EQUAL(parse(wrong[i], RECORD_OF_V3_BATCH), RECORD_BAD_ID);
        CHECK(slice_is_null(record.id));
    }
    close_all();
}

static void what_is_wrong_is_told_by_code_and_words(void)
{
    static const struct {
        enum record_dialect dialect;
        int code;
        const char *text;
        const char *words;
    } cases[] = {
        {RECORD_OF_V2_BINARY, 42203, "{\"value\":\"a\"}", "base64"},
        {RECORD_OF_V2_BINARY, 42203, "{\"value\":1}", "base64"},
        {RECORD_OF_V2_BINARY, 42203, "{\"key\":\"YQ=\"}", "key"},
        {RECORD_OF_V2_BINARY, 422, "{\"partition_id\":1}", "Unrecognized field: partition_id"},
        {RECORD_OF_V2_JSON, 422, "{\"timestamp\":1}", "timestamp"},
        {RECORD_OF_V2_JSON, 400, "[]", "object"},
        {RECORD_OF_V2_JSON, 400, "{\"partition\":-1}", "partition"},
        {RECORD_OF_V2_JSON, 400, "{\"partition\":1.0}", "partition"},
        {RECORD_OF_V3, 400, "{\"partition_id\":4294967296}", "partition_id"},
        {RECORD_OF_V3, 400, "{\"partition_id\":\"1\"}", "partition_id"},
        {RECORD_OF_V3, 400, "{\"partition\":1}", "Unrecognized field \"partition\""},
        {RECORD_OF_V3, 400, "{\"topic_name\":\"t\"}", "topic_name"},
        {RECORD_OF_V3, 400, "{\"offset\":1}", "offset"},
        {RECORD_OF_V3, 400, "{\"value\":\"x\"}", "object of type and data"},
        {RECORD_OF_V3, 400, "{\"value\":{\"type\":\"BINARY\"}}", "data is missing"},
        {RECORD_OF_V3, 42206, "{\"value\":{\"data\":\"\"}}", "Type must be specified"},
        {RECORD_OF_V3, 42206, "{\"value\":{\"type\":\"AVRO\",\"data\":\"\"}}", "Schema Registry"},
        {RECORD_OF_V3, 42206, "{\"value\":{\"schema_id\":1,\"data\":\"\"}}", "Schema Registry"},
        {RECORD_OF_V3, 400, "{\"value\":{\"type\":\"TEXT\",\"data\":\"\"}}", "BINARY, JSON or STRING"},
        {RECORD_OF_V3, 400, "{\"value\":{\"type\":\"STRING\",\"data\":[]}}", "STRING"},
        {RECORD_OF_V3, 400, "{\"value\":{\"type\":\"BINARY\",\"data\":\"=\"}}", "base64"},
        {RECORD_OF_V3, 400, "{\"value\":{\"type\":\"STRING\",\"data\":\"\",\"other\":1}}", "other"},
        {RECORD_OF_V3, 400, "{\"timestamp\":\"yesterday\"}", "RFC 3339"},
        {RECORD_OF_V3, 400, "{\"timestamp\":1.5}", "RFC 3339"},
        {RECORD_OF_V3, 400, "{\"timestamp\":99999999999999999999}", "RFC 3339"},
        {RECORD_OF_V3, 400, "{\"timestamp\":true}", "RFC 3339"},
        {RECORD_OF_V3, 400, "{\"headers\":{}}", "list"},
        {RECORD_OF_V3, 400, "{\"headers\":[1]}", "header"},
        {RECORD_OF_V3, 400, "{\"headers\":[{}]}", "no name"},
        {RECORD_OF_V3, 400, "{\"headers\":[{\"name\":1}]}", "no name"},
        {RECORD_OF_V3, 400, "{\"headers\":[{\"name\":\"h\",\"value\":\"*\"}]}", "base64"},
        {RECORD_OF_V3, 400, "{\"headers\":[{\"name\":\"h\",\"key\":1}]}", "Unrecognized field \"key\""},
        {RECORD_OF_LINE, 400, "{\"value\":7}", "object of type and data"},
        {RECORD_OF_LINE, 400, "{\"id\":\"1\"}", "id"},
        {RECORD_OF_LINE, 400, "7", "object"},
    };
    open_all();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int rc = parse(cases[i].text, cases[i].dialect);
        bool is_right = rc == cases[i].code && strstr(error.message, cases[i].words) != NULL;
        if (!is_right)
            printf("\n%s: %d %s\n", cases[i].text, rc, error.message);
        CHECK(is_right);
    }
    close_all();
}

/* Of equal fields the last counts. */
static void a_field_that_comes_twice(void)
{
    open_all();
    REQUIRE(parse("{\"value\":\"YQ==\",\"value\":null}", RECORD_OF_V2_BINARY) == 0);
    CHECK(slice_is_null(record.value));
    REQUIRE(parse("{\"value\":{\"type\":\"STRING\",\"data\":\"a\"},\"value\":null}", RECORD_OF_V3) == 0);
    CHECK(slice_is_null(record.value));
    CHECK_EQUAL(record.value_type, RECORD_DATA_NONE);
    REQUIRE(parse("{\"headers\":[{\"name\":\"h\",\"value\":\"AQ==\",\"value\":null}]}", RECORD_OF_V3) == 0);
    CHECK(slice_is_null(record.headers[0].value));
    close_all();
}

static void any_allocation_may_fail(void)
{
    static const char text[] =
        "{\"key\":{\"type\":\"STRING\",\"data\":\"\\n\"},\"value\":{\"type\":\"BINARY\",\"data\":"
        "\"AAAA\"},\"headers\":[{\"name\":\"\\t\",\"value\":\"AA==\"}]}";
    int failed = 0;
    for (int64_t nth = 0;; nth++) {
        open_all();
        REQUIRE(json_parse(&document, slice_of_text(text), &error) == 0);
        memory_fail_at(&memory, nth);
        int rc = record_parse(document.values, RECORD_OF_V3, &arena, &record, &error);
        bool outlived = memory_fail_pending(&memory);
        memory_fail_at(&memory, -1);
        CHECK_EQUAL(rc, outlived ? 0 : 50301);
        failed += !outlived;
        close_all();
        if (outlived)
            break;
    }
    CHECK(failed > 0);
}

SUITE("rest_record_parse", CHECK_TEST(v2_in_base64), CHECK_TEST(v2_in_json), CHECK_TEST(v3_says_types),
      CHECK_TEST(a_line_is_what_was_read), CHECK_TEST(a_mark_is_no_record), CHECK_TEST(an_entry_of_a_batch_has_an_id),
      CHECK_TEST(what_is_wrong_is_told_by_code_and_words), CHECK_TEST(a_field_that_comes_twice),
      CHECK_TEST(any_allocation_may_fail))
