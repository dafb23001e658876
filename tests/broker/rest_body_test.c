/* Bodies of requests read by a table of fields. */
#include "check.h"
#include "rest/rest_body.h"
#include "rest/rest_failure.h"

#include <stddef.h>

struct all {
    slice text;
    int16_t small;
    int32_t middle;
    int64_t large;
    bool flag;
    const struct json_value *list;
    const struct json_value *value;
};

static const struct rest_field fields[] = {
    {"text", REST_TEXT, true, offsetof(struct all, text)},
    {"small", REST_INT16, false, offsetof(struct all, small)},
    {"middle", REST_INT32, false, offsetof(struct all, middle)},
    {"large", REST_INT64, false, offsetof(struct all, large)},
    {"flag", REST_FLAG, false, offsetof(struct all, flag)},
    {"list", REST_LIST, false, offsetof(struct all, list)},
    {"value", REST_VALUE, false, offsetof(struct all, value)},
};

static struct memory memory;
static struct rest_body body;
static struct error error;

static void open_body(const char *text)
{
    if (body.document.memory == NULL) {
        memory_init(&memory);
        json_document_init(&body.document, &memory, MEMORY_REQUESTS, (struct json_limits){.depth = 10, .values = 100});
        arena_init(&body.arena, &memory, MEMORY_REQUESTS, 1 << 16);
    }
    REQUIRE(json_parse(&body.document, slice_of_text(text), NULL) == 0);
}

static void close_body(void)
{
    rest_body_close(&body);
    body = (struct rest_body){.exchange = NULL};
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static int read_all(const char *text, struct all *all)
{
    open_body(text);
    return rest_read_object(&body, rest_body_root(&body), REST_FIELDS(fields), all, &error);
}

static int refused(const char *text)
{
    struct all all = {.small = 0};
    return read_all(text, &all);
}

static void every_kind_is_read_to_its_limits(void)
{
    struct all all = {.small = 0};
    CHECK_EQUAL(read_all("{\"text\":\"a\\u00e9\",\"small\":-32768,\"middle\":2147483647,\"large\":-9223372036854775808,"
                         "\"flag\":true,\"list\":[1,2],\"value\":{\"x\":null}}",
                         &all),
                0);
    CHECK(slice_equal(all.text, slice_of_text("a\xc3\xa9")) && all.small == INT16_MIN && all.middle == INT32_MAX);
    CHECK(all.large == INT64_MIN && all.flag && all.list->count == 2 && all.value->kind == JSON_OBJECT);
    close_body();
}

static void what_is_left_out_or_null_stays_as_it_was(void)
{
    struct all all = {.small = 7, .middle = 8, .flag = true};
    CHECK_EQUAL(read_all("{\"text\":\"\",\"small\":null,\"flag\":null,\"list\":null}", &all), 0);
    CHECK(all.small == 7 && all.middle == 8 && all.flag && all.list == NULL);
    CHECK(!slice_is_null(all.text) && all.text.size == 0);
    close_body();
}

static void what_does_not_fit_is_refused_with_its_name(void)
{
    static const char *const wrong[] = {
        "{\"text\":1}",
        "{\"text\":\"\",\"small\":32768}",
        "{\"text\":\"\",\"small\":-32769}",
        "{\"text\":\"\",\"middle\":2147483648}",
        "{\"text\":\"\",\"middle\":1.0}",
        "{\"text\":\"\",\"middle\":\"1\"}",
        "{\"text\":\"\",\"large\":9223372036854775808}",
        "{\"text\":\"\",\"flag\":1}",
        "{\"text\":\"\",\"list\":{}}",
        "{\"text\":null}",
        "{}",
        "[]",
        "7",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK_EQUAL(refused(wrong[i]), 400);
    CHECK_EQUAL(refused("{\"text\":\"\",\"small\":\"x\"}"), 400);
    CHECK(strstr(error.message, "small") != NULL);
    CHECK_EQUAL(refused("{\"text\":\"\",\"txet\":\"\"}"), REST_UNPROCESSABLE);
    CHECK(strcmp(error.message, "Unrecognized field: txet") == 0);
    CHECK_EQUAL(refused("{\"text\":\"\",\"te\\u0078u\":1}"), REST_UNPROCESSABLE);
    close_body();
}

static void an_escaped_name_is_the_same_name(void)
{
    struct all all = {.small = 0};
    CHECK_EQUAL(read_all("{\"te\\u0078t\":\"a\"}", &all), 0);
    CHECK(slice_equal(all.text, slice_of_text("a")));
    close_body();
}

static void lists_of_objects_are_arrays_of_structs(void)
{
    open_body("[{\"text\":\"a\"},{\"text\":\"b\",\"small\":2}]");
    const struct all *items = rest_read_list(&body, rest_body_root(&body), REST_FIELDS(fields), sizeof *items, &error);
    REQUIRE(items != NULL);
    CHECK(slice_equal(items[0].text, slice_of_text("a")) && items[0].small == 0);
    CHECK(slice_equal(items[1].text, slice_of_text("b")) && items[1].small == 2);
    open_body("[]");
    CHECK(rest_read_list(&body, rest_body_root(&body), REST_FIELDS(fields), sizeof *items, &error) != NULL);
    open_body("[{\"text\":\"a\"},3]");
    CHECK(rest_read_list(&body, rest_body_root(&body), REST_FIELDS(fields), sizeof *items, &error) == NULL);
    CHECK_EQUAL(error.code, 400);
    close_body();
}

/* Confluent's KafkaExceptionMapper. */
static void failures_have_the_codes_that_clients_know(void)
{
    CHECK_EQUAL(rest_error_code(KAFKA_TOPIC_ALREADY_EXISTS), 40002);
    CHECK_EQUAL(rest_error_code(KAFKA_INVALID_CONFIG), 40002);
    CHECK_EQUAL(rest_error_code(KAFKA_SECURITY_DISABLED), 40002);
    CHECK_EQUAL(rest_error_code(KAFKA_SASL_AUTHENTICATION_FAILED), 40101);
    CHECK_EQUAL(rest_error_code(KAFKA_TOPIC_AUTHORIZATION_FAILED), 40301);
    CHECK_EQUAL(rest_error_code(KAFKA_UNKNOWN_TOPIC_OR_PARTITION), 40403);
    CHECK_EQUAL(rest_error_code(KAFKA_THROTTLING_QUOTA_EXCEEDED), 42901);
    CHECK_EQUAL(rest_error_code(KAFKA_COORDINATOR_NOT_AVAILABLE), 50003);
    CHECK_EQUAL(rest_error_code(KAFKA_KAFKA_STORAGE_ERROR), 50003);
    CHECK_EQUAL(rest_error_code(KAFKA_MESSAGE_TOO_LARGE), 50002);
    CHECK_EQUAL(rest_error_code(KAFKA_BROKER_NOT_AVAILABLE), 50302);
}

SUITE("rest_body", CHECK_TEST(every_kind_is_read_to_its_limits), CHECK_TEST(what_is_left_out_or_null_stays_as_it_was),
      CHECK_TEST(what_does_not_fit_is_refused_with_its_name), CHECK_TEST(an_escaped_name_is_the_same_name),
      CHECK_TEST(lists_of_objects_are_arrays_of_structs), CHECK_TEST(failures_have_the_codes_that_clients_know))
