#include "check.h"
#include "http/field_value.h"
#include "http/media_type.h"

static bool is(slice text, const char *expected)
{
    return slice_equal(text, slice_of_text(expected));
}

static void types_subtypes_and_parameters(void)
{
    struct media_type media;
    slice name, value;
    REQUIRE(media_type_parse(slice_of_text(" Text/HTML;Charset=\"utf-8\""), &media));
    CHECK(is(media.type, "Text"));
    CHECK(is(media.subtype, "HTML"));
    CHECK(media_type_is(&media, "text/html"));
    CHECK(!media_type_is(&media, "text/htm"));
    CHECK(!media_type_is(&media, "application/html"));
    CHECK(field_next_parameter(&media.parameters, &name, &value) && is(value, "utf-8"));
    CHECK(media_type_parse(slice_of_text("application/vnd.kafka.binary.v2+json"), &media));
    CHECK(media_type_parse(slice_of_text("*/*;q=0.1"), &media));
}

static void what_is_no_media_type_is_refused(void)
{
    static const char *const others[] = {"",
                                         "text",
                                         "/",
                                         "text/",
                                         "/html",
                                         "text/ht ml",
                                         "te xt/html",
                                         "text /html",
                                         "a/b/c",
                                         "text/html, text/plain",
                                         "\"text/html\"",
                                         "text;/html",
                                         ";"};
    struct media_type media;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        CHECK(!media_type_parse(slice_of_text(others[i]), &media));
    CHECK(!media_type_parse(NULL_SLICE, &media));
}

static int chosen(const char *accept, const char *first, const char *second, const char *third)
{
    const char *const offers[] = {first, second, third};
    return media_type_choose(accept != NULL ? slice_of_text(accept) : NULL_SLICE, offers, third != NULL ? 3 : 2);
}

/* RFC 9110, section 12.5.1: its examples. */
static void the_rfcs_examples(void)
{
    CHECK_EQUAL(chosen("audio/*; q=0.2, audio/basic", "audio/midi", "audio/basic", NULL), 1);
    CHECK_EQUAL(chosen("audio/*; q=0.2, audio/basic", "audio/midi", "audio/mp4", NULL), 0);
    const char *dvi = "text/plain; q=0.5, text/html, text/x-dvi; q=0.8, text/x-c";
    CHECK_EQUAL(chosen(dvi, "text/plain", "text/x-dvi", NULL), 1);
    CHECK_EQUAL(chosen(dvi, "text/x-dvi", "text/x-c", "text/html"), 1);
    const char *levels =
        "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, text/plain;format=fixed;q=0.4, */*;q=0.5";
    CHECK_EQUAL(chosen(levels, "text/plain", "text/plain;format=flowed", "text/plain;format=fixed"), 1);
    CHECK_EQUAL(chosen(levels, "text/html", "image/jpeg", NULL), 1);
    CHECK_EQUAL(chosen(levels, "text/plain;format=fixed", "image/jpeg", NULL), 1);
    CHECK_EQUAL(chosen(levels, "text/html", "text/plain;format=fixed", NULL), 1);
}

static void accept_chooses_among_offers(void)
{
    static const char json[] = "application/json", sse[] = "text/event-stream", lines[] = "application/x-ndjson";
    CHECK_EQUAL(chosen(NULL, json, sse, lines), 0);
    CHECK_EQUAL(chosen("", json, sse, lines), 0);
    CHECK_EQUAL(chosen("*/*", json, sse, lines), 0);
    CHECK_EQUAL(chosen("text/event-stream", json, sse, lines), 1);
    CHECK_EQUAL(chosen("application/x-ndjson, text/event-stream", json, sse, lines), 1);
    CHECK_EQUAL(chosen("application/*", json, sse, lines), 0);
    CHECK_EQUAL(chosen("text/html", json, sse, lines), -1);
    CHECK_EQUAL(chosen("application/json;q=0, */*", json, sse, lines), 1);
    CHECK_EQUAL(chosen("*/*, application/json;q=0", json, sse, lines), 1);
    CHECK_EQUAL(chosen("nonsense, Application/X-NDJSON", json, sse, lines), 2);
    CHECK_EQUAL(chosen("application/json;q=7, text/event-stream;q=0.1", json, sse, lines), 1);
    CHECK_EQUAL(chosen("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", json, "text/html", NULL), 1);
}

static bool kafka_is(const char *text, const char *format, unsigned version)
{
    struct media_type media;
    struct kafka_media_type kafka;
    return media_type_parse(slice_of_text(text), &media) && media_type_kafka(&media, &kafka) &&
           is(kafka.format, format) && kafka.version == version;
}

static void rest_proxys_types(void)
{
    CHECK(kafka_is("application/vnd.kafka.binary.v2+json", "binary", 2));
    CHECK(kafka_is("application/vnd.kafka.json.v2+json; charset=utf-8", "json", 2));
    CHECK(kafka_is("application/vnd.kafka.v2+json", "", 2));
    CHECK(kafka_is("application/vnd.kafka+json", "", 0));
    CHECK(kafka_is("application/vnd.kafka.json+json", "json", 0));
    CHECK(kafka_is("Application/Vnd.Kafka.JSONSchema.V1+JSON", "JSONSchema", 1));
    CHECK(kafka_is("application/vnd.kafka.av2+json", "av2", 0));
    static const char *const others[] = {"application/json",
                                         "application/vnd.kafka",
                                         "text/vnd.kafka.v2+json",
                                         "application/vnd.kafkas.v2+json",
                                         "application/vnd.kafka.+json",
                                         "application/vnd.kafka.v2+jso",
                                         "application/*"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct media_type media;
        struct kafka_media_type kafka;
        REQUIRE(media_type_parse(slice_of_text(others[i]), &media));
        CHECK(!media_type_kafka(&media, &kafka));
    }
}

SUITE("media type", CHECK_TEST(types_subtypes_and_parameters), CHECK_TEST(what_is_no_media_type_is_refused),
      CHECK_TEST(the_rfcs_examples), CHECK_TEST(accept_chooses_among_offers), CHECK_TEST(rest_proxys_types))
