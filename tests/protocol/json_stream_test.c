#include "check.h"
#include "json_stream.h"

#include <errno.h>

static struct memory memory;

/* What the stream makes of the text, cut into parts at two places: the texts, each with a '|' behind it. */
static void cut_up(writer *out, enum json_stream_form form, slice text, size_t first, size_t second)
{
    struct json_stream stream;
    slice parts[] = {slice_of(text.data, first), slice_of(text.data + first, second - first),
                     slice_of(text.data + second, text.size - second)};
    slice found;
    json_stream_init(&stream, &memory, MEMORY_REQUESTS, 1000, form);
    for (size_t i = 0; i < 3; i++) {
        while (json_stream_next(&stream, &parts[i], &found, NULL) > 0) {
            write_bytes(out, found);
            write_u8(out, '|');
        }
        CHECK_EQUAL(parts[i].size, 0);
    }
    if (json_stream_end(&stream, &found) > 0) {
        write_bytes(out, found);
        write_u8(out, '$');
    }
    CHECK_EQUAL(json_stream_end(&stream, &found), 0);
    json_stream_close(&stream);
}

static void check_cuts(enum json_stream_form form, const char *text, const char *expected)
{
    slice bytes = slice_of_text(text);
    uint32_t wrong = 0;
    memory_init(&memory);
    for (size_t first = 0; first <= bytes.size; first++) {
        for (size_t second = first; second <= bytes.size; second++) {
            writer out;
            struct memory other;
            memory_init(&other);
            writer_init(&out, &other, MEMORY_REQUESTS, 1000);
            cut_up(&out, form, bytes, first, second);
            if (!slice_equal(writer_slice(&out), slice_of_text(expected)) && wrong++ == 0)
                printf("%s at %zu and %zu: %.*s\n", text, first, second, SLICE_PRINT(writer_slice(&out)));
            writer_close(&out);
        }
    }
    CHECK_EQUAL(wrong, 0);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static void lines_are_texts_wherever_the_parts_end(void)
{
    check_cuts(JSON_LINES, "{\"a\":1}\n\r\n  \n[2]\r\n \"x\\n\" \nbad { line\n3\n",
               "{\"a\":1}|[2]|\"x\\n\"|bad { line|3|");
    check_cuts(JSON_LINES, "1\n2", "1|2$");
    check_cuts(JSON_LINES, "", "");
    check_cuts(JSON_LINES, " \n ", "");
}

static void values_are_texts_wherever_the_parts_end(void)
{
    check_cuts(JSON_VALUES, "{\"a\":[1,{}]}{\"b\":\"}\\\"{\"}\n[ ]\"x\"12 true\t{}",
               "{\"a\":[1,{}]}|{\"b\":\"}\\\"{\"}|[ ]|\"x\"|12|true|{}|");
    check_cuts(JSON_VALUES, "1 2", "1|2$");
    check_cuts(JSON_VALUES, "1{}\"\\\\\"2", "1|{}|\"\\\\\"|2$");
    check_cuts(JSON_VALUES, " \n\t", "");
}

static void what_is_no_json_comes_out_as_it_is(void)
{
    check_cuts(JSON_VALUES, "]{}", "]|{}|");
    check_cuts(JSON_VALUES, "{},{}", "{}|,|{}|");
    check_cuts(JSON_VALUES, "{\"a\": [1", "{\"a\": [1$");
    check_cuts(JSON_VALUES, "\"abc", "\"abc$");
    check_cuts(JSON_VALUES, "[}x]", "[}|x]|");
}

static void a_text_beyond_the_limit_is_refused_in_one_part_and_in_many(void)
{
    uint8_t line[64];
    memset(line, '1', sizeof line);
    line[40] = '\n'; /* a text of 40 */
    memory_init(&memory);
    for (size_t step = 1; step <= sizeof line; step++) {
        struct json_stream stream;
        struct error error;
        int rc = 0;
        json_stream_init(&stream, &memory, MEMORY_REQUESTS, 39, JSON_LINES);
        for (size_t at = 0; at < sizeof line && rc == 0; at += step) {
            slice part = slice_of(line + at, at + step <= sizeof line ? step : sizeof line - at), text;
            rc = json_stream_next(&stream, &part, &text, &error);
        }
        CHECK_EQUAL(rc, FURROW_TOO_LARGE);
        CHECK(strcmp(error.message, "JSON: a text of more than 39 bytes") == 0);
        json_stream_close(&stream);
    }
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static void a_whole_text_costs_no_memory(void)
{
    struct json_stream stream;
    slice part = slice_of_text("{\"a\":1}\n{}\n"), text;
    memory_init(&memory);
    json_stream_init(&stream, &memory, MEMORY_REQUESTS, 100, JSON_LINES);
    CHECK_EQUAL(json_stream_next(&stream, &part, &text, NULL), 1);
    CHECK_EQUAL(json_stream_next(&stream, &part, &text, NULL), 1);
    CHECK_EQUAL(json_stream_next(&stream, &part, &text, NULL), 0);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
    json_stream_close(&stream);
}

static void a_refused_allocation_is_an_error(void)
{
    struct json_stream stream;
    slice part = slice_of_text("{\"a\""), text;
    memory_init(&memory);
    json_stream_init(&stream, &memory, MEMORY_REQUESTS, 100, JSON_VALUES);
    memory_fail_at(&memory, 0);
    CHECK_EQUAL(json_stream_next(&stream, &part, &text, NULL), -ENOMEM);
    json_stream_close(&stream);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

SUITE("json stream", CHECK_TEST(lines_are_texts_wherever_the_parts_end),
      CHECK_TEST(values_are_texts_wherever_the_parts_end), CHECK_TEST(what_is_no_json_comes_out_as_it_is),
      CHECK_TEST(a_text_beyond_the_limit_is_refused_in_one_part_and_in_many), CHECK_TEST(a_whole_text_costs_no_memory),
      CHECK_TEST(a_refused_allocation_is_an_error))
