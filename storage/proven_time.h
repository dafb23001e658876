/* How much time has certainly passed: what retention by time goes by.
 *
 * A small machine has no battery for its clock. It starts in 1970, or where the last stop was, or in 2040, until
 * somebody tells it the time; a record stamped yesterday may look decades old for a moment. So an age is not
 * `now - timestamp` but the time of which is proven that it passed since the timestamp: measured by the monotonic clock
 * while the server ran, or lying between two moments at which the kernel said that its clock was synchronised.
 *
 * The proven clock runs along the wall clock in periods. A period ends where the wall clock jumps, or the server stops;
 * the next one begins with no proven time between them. When the kernel says "synchronised" for the second time, the
 * time between the two moments is proven, and everything stamped since the first moves up by what was missing: it is
 * taken to have been stamped as late as can be.
 *
 * A timestamp belongs to the period whose wall time it lies in; to the youngest one, where there are more. What lies in
 * no period is the claim of somebody with another clock. It is believed while our own clock is known to be right, that
 * is, was synchronised in the present period; else its age is not known.
 *
 * No clock is read here. Readings come in as values; the state goes out as text, to be kept over restarts. Periods are
 * bounded: when there are too many, neighbours become one, in a way that can only make their timestamps younger. */
#pragma once

#include "status.h"
#include "writer.h"

#include <stdbool.h>

#define PROVEN_TIME_PERIODS 32
#define PROVEN_TIME_SAVE_MS 3600000 /* the text is to be kept so often; what was stamped since then counts as older */

/* One look at the clocks, in ms. */
struct clock_reading {
    int64_t wall;      /* since 1970 */
    int64_t monotonic; /* runs while the machine sleeps too (CLOCK_BOOTTIME) */
    bool synchronised; /* the kernel says that the wall clock is right */
};

/* Wall time [from, to] and the proven time at its ends. */
struct proven_period {
    int64_t wall_from;
    int64_t wall_to;
    int64_t proven_from;
    int64_t proven_to;
};

struct proven_time {
    struct proven_period periods[PROVEN_TIME_PERIODS]; /* in the order in which they happened; the last one is open */
    uint32_t count;
    int64_t proven;         /* now; ms, from an arbitrary start */
    int64_t wall;           /* of the last reading */
    int64_t monotonic;      /* likewise */
    int64_t synced_wall;    /* the last moment known to be right; -1: none */
    int64_t synced_proven;  /* the proven time then */
    uint32_t synced_period; /* its period */
};

#define PROVEN_TIME_UNKNOWN (-1)

/* The first start of a data folder, or nothing is known of those before. */
void proven_time_init(struct proven_time *time, const struct clock_reading *reading);
/* What proven_time_write wrote; proven_time_resume follows. FURROW_CORRUPT, FURROW_WRONG_VERSION: call proven_time_init
 * instead. */
MUST_USE int proven_time_parse(struct proven_time *time, slice text, struct error *error);
/* The first reading of this start. */
void proven_time_resume(struct proven_time *time, const struct clock_reading *reading);
void proven_time_write(const struct proven_time *time, writer *w);

/* Called from time to time while the server runs, and before ages are asked for. True when the wall clock has jumped:
 * *jump_ms says how far ahead (or, negative, back). */
bool proven_time_note(struct proven_time *time, const struct clock_reading *reading, int64_t *jump_ms);

/* Proven ms since `timestamp` (>= 0), as of the last reading; 0 for what lies ahead of a clock that is right;
 * PROVEN_TIME_UNKNOWN. */
int64_t proven_time_age(const struct proven_time *time, int64_t timestamp);
