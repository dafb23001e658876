/* Moments and durations as text. A moment is milliseconds since 1970-01-01T00:00:00Z without leap seconds, as Kafka's
 * timestamps are. */
#pragma once

#include "slice.h"

#define TIME_TEXT_SIZE 25 /* "2026-11-21T07:39:48.120Z" and the NUL byte */

/* RFC 3339 in UTC with milliseconds. False when the moment is outside of the years 0000 to 9999. */
bool time_print(int64_t moment, char text[TIME_TEXT_SIZE]);

/* RFC 3339: any offset, any number of digits of a second (what is below a millisecond is cut off), 'T' and 'Z' in
 * either case, and a space for the 'T'. A leap second, 23:59:60 in UTC, is the second after it. */
bool time_parse(slice text, int64_t *moment);

/* "10m", "1h30m", "500ms": whole numbers with a unit (ms, s, m, h, d, w) one behind the other, as milliseconds. A
 * number without a unit is none. False beyond INT64_MAX too. */
bool time_parse_duration(slice text, int64_t *milliseconds);
