#include "check.h"
#include "time_text.h"

#include <time.h>

static bool parses(const char *text, const char *expected)
{
    int64_t moment;
    char printed[TIME_TEXT_SIZE];
    return time_parse(slice_of_text(text), &moment) && time_print(moment, printed) && strcmp(printed, expected) == 0;
}

/* Section 5.8, and what its grammar allows besides. */
static void the_rfcs_examples(void)
{
    CHECK(parses("1985-04-12T23:20:50.52Z", "1985-04-12T23:20:50.520Z"));
    CHECK(parses("1996-12-19T16:39:57-08:00", "1996-12-20T00:39:57.000Z"));
    CHECK(parses("1990-12-31T23:59:60Z", "1991-01-01T00:00:00.000Z"));
    CHECK(parses("1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00.000Z"));
    CHECK(parses("1937-01-01T12:00:27.87+00:20", "1937-01-01T11:40:27.870Z"));
    CHECK(parses("2026-11-21t07:39:48z", "2026-11-21T07:39:48.000Z"));
    CHECK(parses("2026-11-21 07:39:48.123999999-00:00", "2026-11-21T07:39:48.123Z"));
    CHECK(parses("1969-12-31T23:59:59.9Z", "1969-12-31T23:59:59.900Z"));
    CHECK(parses("2024-02-29T00:00:00+23:59", "2024-02-28T00:01:00.000Z"));
}

static void what_is_no_moment_is_refused(void)
{
    static const char *const others[] = {"",
                                         "2026",
                                         "2026-11-21",
                                         "2026-11-21T07:39Z",
                                         "2026-11-21T07:39:48",
                                         "2026-11-21T07:39:48.Z",
                                         "2026-11-21T07:39:48+0100",
                                         "2026-11-21T07:39:48+01",
                                         "2026-11-21T07:39:48+24:00",
                                         "2026-11-21T07:39:48Zx",
                                         "2026-11-21T24:00:00Z",
                                         "2026-11-21T07:60:00Z",
                                         "2026-11-21T07:39:60Z",
                                         "2026-11-21T07:39:61Z",
                                         "2026-13-01T00:00:00Z",
                                         "2026-00-01T00:00:00Z",
                                         "2026-01-00T00:00:00Z",
                                         "2026-02-29T00:00:00Z",
                                         "2100-02-29T00:00:00Z",
                                         "2026-04-31T00:00:00Z",
                                         "2026-1-01T00:00:00Z",
                                         "+2026-11-21T07:39:48Z",
                                         "12026-11-21T07:39:48Z",
                                         "2026/11/21T07:39:48Z",
                                         "2026-11-21X07:39:48Z",
                                         "2026-11-21T07:39:48,5Z",
                                         " 2026-11-21T07:39:48Z",
                                         "2026-11-21T07:39:48 Z",
                                         "2026-11-21T-7:39:48Z"};
    int64_t moment;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        CHECK(!time_parse(slice_of_text(others[i]), &moment));
    slice whole = slice_of_text("2026-11-21T07:39:48.120+01:00");
    for (size_t size = 0; size < whole.size; size++)
        CHECK(!time_parse(slice_of(whole.data, size), &moment));
}

static void moments_outside_of_four_digit_years_are_not_printed(void)
{
    char text[TIME_TEXT_SIZE];
    int64_t moment;
    REQUIRE(time_parse(slice_of_text("0000-01-01T00:00:00Z"), &moment));
    CHECK(time_print(moment, text) && strcmp(text, "0000-01-01T00:00:00.000Z") == 0);
    CHECK(!time_print(moment - 1, text));
    REQUIRE(time_parse(slice_of_text("9999-12-31T23:59:59.999Z"), &moment));
    CHECK(time_print(moment, text) && strcmp(text, "9999-12-31T23:59:59.999Z") == 0);
    CHECK(!time_print(moment + 1, text));
    CHECK(!time_print(INT64_MAX, text) && !time_print(INT64_MIN, text));
}

/* Each day of 1600 to 1999, after which the calendar repeats, and some of all others. */
static void the_c_library_has_the_same_calendar(void)
{
    uint32_t wrong = 0;
    for (int64_t day = -719528; day < 2932897; day += day >= -135140 && day < 10957 ? 1 : 29) {
        int64_t moment = day * 86400000 + day * 7919 % 86400000 * (day >= 0), parsed;
        time_t seconds = (time_t)(moment / 1000);
        struct tm tm;
        char text[TIME_TEXT_SIZE], theirs[64];
        if (sizeof(time_t) < 8 || gmtime_r(&seconds, &tm) == NULL)
            return;
        snprintf(theirs, sizeof theirs, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
                 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(moment % 1000));
        wrong += !time_print(moment, text) || strcmp(text, theirs) != 0;
        wrong += !time_parse(slice_of_text(text), &parsed) || parsed != moment;
    }
    CHECK_EQUAL(wrong, 0);
}

static int64_t duration(const char *text)
{
    int64_t milliseconds;
    return time_parse_duration(slice_of_text(text), &milliseconds) ? milliseconds : -1;
}

static void durations_are_sums_of_units(void)
{
    CHECK_EQUAL(duration("10m"), 600000);
    CHECK_EQUAL(duration("1h30m"), 5400000);
    CHECK_EQUAL(duration("500ms"), 500);
    CHECK_EQUAL(duration("1s500ms"), 1500);
    CHECK_EQUAL(duration("2d"), 172800000);
    CHECK_EQUAL(duration("1w"), 604800000);
    CHECK_EQUAL(duration("0s"), 0);
    CHECK_EQUAL(duration("9223372036854775807ms"), INT64_MAX);
    CHECK_EQUAL(duration("9223372036854775s807ms"), INT64_MAX);
}

static void other_durations_are_refused(void)
{
    static const char *const others[] = {"",
                                         "10",
                                         "m",
                                         "-1m",
                                         "1 m",
                                         "1.5h",
                                         "1M",
                                         "1y",
                                         "1h30",
                                         "h1",
                                         "+1s",
                                         "1mm",
                                         "9223372036854775808ms",
                                         "9223372036854775s808ms",
                                         "9223372036854776s",
                                         "99999999999999999999s",
                                         "15250284453w"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        CHECK_EQUAL(duration(others[i]), -1);
}

SUITE("time text", CHECK_TEST(the_rfcs_examples), CHECK_TEST(what_is_no_moment_is_refused),
      CHECK_TEST(moments_outside_of_four_digit_years_are_not_printed), CHECK_TEST(the_c_library_has_the_same_calendar),
      CHECK_TEST(durations_are_sums_of_units), CHECK_TEST(other_durations_are_refused))
