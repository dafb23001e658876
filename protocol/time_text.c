#include "time_text.h"

#include <stdio.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define WEEK   (7 * DAY)

/* Days in 400 years, after which the calendar repeats, and from 0000-03-01 to 1970-01-01. */
#define DAYS_OF_ERA    146097
#define DAYS_TO_1970   719468
#define FIRST_MOMENT   (INT64_C(-719528) * DAY) /* 0000-01-01 */
#define BEHIND_MOMENTS (INT64_C(2932897) * DAY) /* 10000-01-01 */

/* Years are counted from March here: a leap day is then the last day of its year, and the months before it follow one
 * rule, (153 * month + 2) / 5 days from March on (Howard Hinnant, "chrono-compatible low-level date algorithms"). */
static int64_t days_from_date(int year, int month, int day)
{
    int from_march = month > 2 ? month - 3 : month + 9;
    int64_t years = year - (month <= 2), era = (years >= 0 ? years : years - 399) / 400, of_era = years - era * 400;
    int64_t day_of_year = (153 * from_march + 2) / 5 + day - 1;
    return era * DAYS_OF_ERA + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - DAYS_TO_1970;
}

static void date_from_days(int64_t days, int *year, int *month, int *day)
{
    days += DAYS_TO_1970;
    int64_t era = (days >= 0 ? days : days - (DAYS_OF_ERA - 1)) / DAYS_OF_ERA, of_era = days - era * DAYS_OF_ERA;
    int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / (DAYS_OF_ERA - 1)) / 365;
    int day_of_year = (int)(of_era - (365 * years + years / 4 - years / 100));
    int from_march = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * from_march + 2) / 5 + 1;
    *month = from_march < 10 ? from_march + 3 : from_march - 9;
    *year = (int)(years + era * 400) + (*month <= 2);
}

bool time_print(int64_t moment, char text[TIME_TEXT_SIZE])
{
    if (moment < FIRST_MOMENT || moment >= BEHIND_MOMENTS)
        return false;
    int64_t days = (moment - FIRST_MOMENT) / DAY + FIRST_MOMENT / DAY;
    int rest = (int)(moment - days * DAY), year, month, day;
    date_from_days(days, &year, &month, &day);
    snprintf(text, TIME_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", year, month, day, rest / (int)HOUR,
             rest / (int)MINUTE % 60, rest / (int)SECOND % 60, rest % (int)SECOND);
    return true;
}

struct cursor {
    slice left;
    bool failed;
};

static uint8_t take(struct cursor *c)
{
    if (c->left.size == 0) {
        c->failed = true;
        return 0;
    }
    uint8_t taken = c->left.data[0];
    c->left = slice_of(c->left.data + 1, c->left.size - 1);
    return taken;
}

static bool next_is_digit(const struct cursor *c)
{
    return c->left.size > 0 && c->left.data[0] >= '0' && c->left.data[0] <= '9';
}

/* A number of just so many digits, between two bounds. */
static int take_number(struct cursor *c, int digits, int low, int high)
{
    int number = 0;
    for (int i = 0; i < digits; i++) {
        c->failed |= !next_is_digit(c);
        number = number * 10 + (take(c) - '0');
        if (c->failed)
            return low;
    }
    c->failed |= number < low || number > high;
    return number;
}

static void take_mark(struct cursor *c, char mark)
{
    c->failed |= take(c) != (uint8_t)mark;
}

static int take_fraction(struct cursor *c)
{
    int milliseconds = 0, unit = 100;
    if (c->left.size == 0 || c->left.data[0] != '.')
        return 0;
    take(c);
    c->failed |= !next_is_digit(c);
    for (; next_is_digit(c); unit /= 10)
        milliseconds += (take(c) - '0') * unit;
    return milliseconds;
}

/* Milliseconds east of UTC. */
static int64_t take_zone(struct cursor *c)
{
    uint8_t sign = take(c);
    if (sign == 'Z' || sign == 'z')
        return 0;
    c->failed |= sign != '+' && sign != '-';
    int hours = take_number(c, 2, 0, 23);
    take_mark(c, ':');
    int minutes = take_number(c, 2, 0, 59);
    int64_t east = hours * HOUR + minutes * MINUTE;
    return sign == '-' ? -east : east;
}

static int days_of_month(int year, int month)
{
    return (int)((month == 12 ? days_from_date(year + 1, 1, 1) : days_from_date(year, month + 1, 1)) -
                 days_from_date(year, month, 1));
}

bool time_parse(slice text, int64_t *moment)
{
    struct cursor c = {text, false};
    int year = take_number(&c, 4, 0, 9999);
    take_mark(&c, '-');
    int month = take_number(&c, 2, 1, 12);
    take_mark(&c, '-');
    int day = take_number(&c, 2, 1, days_of_month(year, month));
    uint8_t between = take(&c);
    c.failed |= between != 'T' && between != 't' && between != ' ';
    int hour = take_number(&c, 2, 0, 23);
    take_mark(&c, ':');
    int minute = take_number(&c, 2, 0, 59);
    take_mark(&c, ':');
    int second = take_number(&c, 2, 0, 60), fraction = take_fraction(&c);
    int64_t east = take_zone(&c);
    int64_t of_day = hour * HOUR + minute * MINUTE + second * SECOND - east;
    bool is_midnight = of_day % DAY == 0;
    *moment = days_from_date(year, month, day) * DAY + of_day + fraction;
    return !c.failed && c.left.size == 0 && (second < 60 || is_midnight);
}

/* The milliseconds of the unit at the front, 0 when it is none. */
static int64_t take_unit(struct cursor *c)
{
    static const struct {
        const char *name;
        int64_t milliseconds;
    } units[] = {{"ms", 1}, {"s", SECOND}, {"m", MINUTE}, {"h", HOUR}, {"d", DAY}, {"w", WEEK}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t size = strlen(units[i].name);
        if (c->left.size >= size && memcmp(c->left.data, units[i].name, size) == 0) {
            c->left = slice_of(c->left.data + size, c->left.size - size);
            return units[i].milliseconds;
        }
    }
    return 0;
}

bool time_parse_duration(slice text, int64_t *milliseconds)
{
    struct cursor c = {text, text.size == 0};
    *milliseconds = 0;
    while (!c.failed && c.left.size > 0) {
        int64_t number = 0;
        c.failed |= !next_is_digit(&c);
        while (!c.failed && next_is_digit(&c)) {
            int digit = take(&c) - '0';
            c.failed |= number > (INT64_MAX - digit) / 10;
            number = c.failed ? 0 : number * 10 + digit;
        }
        int64_t unit = take_unit(&c);
        c.failed |= unit == 0 || number > (INT64_MAX - *milliseconds) / unit;
        *milliseconds += c.failed ? 0 : number * unit;
    }
    return !c.failed;
}
