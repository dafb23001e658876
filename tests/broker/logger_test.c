#include "logger.h"

#include "check.h"

#include <unistd.h>

static int64_t clock_ms;

static int64_t now(void)
{
    return clock_ms;
}

static int pipe_ends[2];
static char output[8192];

static struct logger logger_into_pipe(void)
{
    struct logger logger;
    REQUIRE(pipe(pipe_ends) == 0);
    logger_init(&logger, pipe_ends[1], LOG_INFO);
    logger.now = now;
    clock_ms = 1795246788120; /* 2026-11-21T07:39:48.120Z */
    return logger;
}

static const char *written(void)
{
    close(pipe_ends[1]);
    ssize_t got = read(pipe_ends[0], output, sizeof output - 1);
    close(pipe_ends[0]);
    output[got > 0 ? got : 0] = '\0';
    return output;
}

static int lines_of(const char *text)
{
    int lines = 0;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

static void a_line_has_time_level_subsystem_and_text(void)
{
    struct logger logger = logger_into_pipe();
    log_warn(&logger, "storage", "topic=%s partition=%d recovery cut an incomplete batch", "orders", 0);
    CHECK(strcmp(written(), "2026-11-21T07:39:48.120Z WARN storage topic=orders partition=0 recovery cut an incomplete "
                            "batch\n") == 0);
}

static void lines_below_the_level_are_not_written(void)
{
    struct logger logger = logger_into_pipe();
    log_debug(&logger, "a", "1");
    logger_set_level(&logger, LOG_ERROR);
    log_warn(&logger, "a", "2");
    log_error(&logger, "a", "3");
    CHECK(strstr(written(), "ERROR a 3\n") != NULL);
    CHECK_EQUAL(lines_of(output), 1);
}

static void no_value_makes_a_second_line(void)
{
    struct logger logger = logger_into_pipe();
    log_info(&logger, "a", "topic=%s end", "x\n2026-11-21T07:39:48.120Z ERROR forged");
    CHECK_EQUAL(lines_of(written()), 1);
}

static void a_long_line_is_cut_and_still_ends(void)
{
    char long_text[2 * LOG_LINE_MAX];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    struct logger logger = logger_into_pipe();
    log_info(&logger, "a", "%s", long_text);
    CHECK_EQUAL(strlen(written()), LOG_LINE_MAX);
    CHECK_EQUAL(lines_of(output), 1);
}

static void a_peer_cannot_fill_the_log(void)
{
    struct logger logger = logger_into_pipe();
    struct log_limit limit = {.window_start = 0};
    for (int i = 0; i < 1000; i++)
        log_line_limited(&logger, &limit, LOG_WARN, "connection", "bad=%d", i);
    clock_ms += 1000;
    log_line_limited(&logger, &limit, LOG_WARN, "connection", "bad=last");
    int lines = lines_of(written());
    CHECK(lines > 1 && lines <= 50);
    char expected[64];
    snprintf(expected, sizeof expected, "WARN connection held_back=%d bad=last\n", 1000 - (lines - 1));
    CHECK(strstr(output, expected) != NULL);
}

static void what_comes_from_outside_is_quoted(void)
{
    CHECK(strcmp(log_quote(slice_of_text("rdkafka")).text, "rdkafka") == 0);
    CHECK(strcmp(log_quote(slice_of_text("two words")).text, "\"two words\"") == 0);
    CHECK(strcmp(log_quote(slice_of_text("")).text, "\"\"") == 0);
    CHECK(strcmp(log_quote(slice_of_text("a=b")).text, "\"a=b\"") == 0);
    CHECK(strcmp(log_quote(slice_of("a\n\"\\\x80", 5)).text, "\"a\\x0a\\x22\\x5c\\x80\"") == 0);
    uint8_t long_value[1000];
    memset(long_value, 0xff, sizeof long_value);
    CHECK(strlen(log_quote(slice_of(long_value, sizeof long_value)).text) < LOG_QUOTE_MAX);
    CHECK(strstr(log_quote(slice_of(long_value, sizeof long_value)).text, "...\"") != NULL);
}

static void levels_are_parsed_in_any_case(void)
{
    enum log_level level = LOG_INFO;
    CHECK(log_level_parse(slice_of_text("Debug"), &level) && level == LOG_DEBUG);
    CHECK(log_level_parse(slice_of_text("ERROR"), &level) && level == LOG_ERROR);
    CHECK(!log_level_parse(slice_of_text("err"), &level));
    CHECK(!log_level_parse(slice_of_text(""), &level));
}

SUITE("logger", CHECK_TEST(a_line_has_time_level_subsystem_and_text), CHECK_TEST(lines_below_the_level_are_not_written),
      CHECK_TEST(no_value_makes_a_second_line), CHECK_TEST(a_long_line_is_cut_and_still_ends),
      CHECK_TEST(a_peer_cannot_fill_the_log), CHECK_TEST(what_comes_from_outside_is_quoted),
      CHECK_TEST(levels_are_parsed_in_any_case))
