#include "proven_time.h"

#include "text.h"

#include <inttypes.h>
#include <stdio.h>

#define JUMP_LEAST_MS 2000 /* what is less is the clock being set right, or slewed */
#define HOUR_MS       3600000
#define JUMP_SHARE    100             /* of the time between two readings */
#define NUMBER_MOST   (INT64_MAX / 8) /* of what is read back: sums of a few never overflow */
#define NO_MOMENT     (-1)

static struct proven_period *current(struct proven_time *time)
{
    return &time->periods[time->count - 1];
}

static bool is_jump(int64_t step, int64_t elapsed)
{
    int64_t tolerated = JUMP_LEAST_MS + elapsed / JUMP_SHARE;
    return step > tolerated || step < -tolerated;
}

/* ---- periods ---- */

/* No timestamp of either is older in what they become. */
static struct proven_period join(const struct proven_period *earlier, const struct proven_period *later)
{
    struct proven_period joined = *earlier;
    if (later->wall_from < joined.wall_from)
        joined.wall_from = later->wall_from;
    if (later->wall_to > joined.wall_to)
        joined.wall_to = later->wall_to;
    int64_t by_earlier = earlier->proven_from - (earlier->wall_from - joined.wall_from);
    int64_t by_later = later->proven_from - (later->wall_from - joined.wall_from);
    joined.proven_from = by_earlier > by_later ? by_earlier : by_later;
    joined.proven_to = later->proven_to;
    return joined;
}

static void join_at(struct proven_time *time, uint32_t i)
{
    time->periods[i] = join(&time->periods[i], &time->periods[i + 1]);
    for (uint32_t j = i + 1; j + 1 < time->count; j++)
        time->periods[j] = time->periods[j + 1];
    time->count--;
    if (time->synced_period > i)
        time->synced_period--;
}

/* The neighbours of which least is lost, which is the wall time in which nothing is proven, for how old they are. What
 * came after the synchronised moment may have to move by itself, so it is not joined to its period. */
static void make_room(struct proven_time *time)
{
    uint32_t best = 0;
    int64_t least = INT64_MAX;
    for (uint32_t i = 0; i + 1 < time->count; i++) {
        struct proven_period joined = join(&time->periods[i], &time->periods[i + 1]);
        int64_t lost = (joined.wall_to - joined.wall_from) - (joined.proven_to - joined.proven_from);
        int64_t score = lost / ((time->proven - joined.proven_to) / HOUR_MS + 1);
        if (time->synced_wall != NO_MOMENT && i == time->synced_period)
            continue;
        if (score < least) {
            least = score;
            best = i;
        }
    }
    join_at(time, best);
}

/* It may have begun up to `since` ms ago. */
static void open_period(struct proven_time *time, int64_t wall, int64_t since)
{
    if (time->count == PROVEN_TIME_PERIODS)
        make_room(time);
    if (since > wall)
        since = wall;
    if (since > time->proven)
        since = time->proven;
    time->periods[time->count++] = (struct proven_period){wall - since, wall, time->proven - since, time->proven};
}

/* The wall clock went from period to period as the proven one did: they are one. */
static void join_straight(struct proven_time *time)
{
    if (time->count < 2)
        return;
    const struct proven_period *last = &time->periods[time->count - 1];
    const struct proven_period *before = last - 1;
    int64_t wall = last->wall_from - before->wall_from;
    int64_t proven = last->proven_from - before->proven_from;
    if (wall >= 0 && wall == proven)
        join_at(time, time->count - 2);
}

/* ---- readings ---- */

static int64_t wall_of(const struct clock_reading *reading)
{
    return reading->wall < 0 ? 0 : reading->wall > NUMBER_MOST ? NUMBER_MOST : reading->wall;
}

/* The second of two moments that are right: all of the time between them has passed. */
static void note_synchronised(struct proven_time *time, int64_t wall)
{
    if (time->synced_wall != NO_MOMENT) {
        int64_t missing = (wall - time->synced_wall) - (time->proven - time->synced_proven);
        for (uint32_t i = time->synced_period + 1; i < time->count && missing > 0; i++) {
            time->periods[i].proven_from += missing;
            time->periods[i].proven_to += missing;
        }
        if (missing > 0 && time->synced_period + 1 < time->count)
            time->proven += missing;
        join_straight(time);
    }
    time->synced_wall = wall;
    time->synced_proven = time->proven;
    time->synced_period = time->count - 1;
}

static void take_reading(struct proven_time *time, const struct clock_reading *reading)
{
    struct proven_period *period = current(time);
    int64_t wall = wall_of(reading);
    if (wall > period->wall_to)
        period->wall_to = wall;
    period->proven_to = time->proven;
    time->wall = wall;
    time->monotonic = reading->monotonic;
    if (reading->synchronised)
        note_synchronised(time, wall);
}

void proven_time_init(struct proven_time *time, const struct clock_reading *reading)
{
    *time = (struct proven_time){.synced_wall = NO_MOMENT};
    open_period(time, wall_of(reading), 0);
    take_reading(time, reading);
}

void proven_time_resume(struct proven_time *time, const struct clock_reading *reading)
{
    int64_t wall = wall_of(reading);
    current(time)->wall_to += PROVEN_TIME_SAVE_MS; /* what was stamped after the text was written */
    open_period(time, wall, 0);                    /* even where the clock seems to go on: it may have stood still */
    take_reading(time, reading);
}

bool proven_time_note(struct proven_time *time, const struct clock_reading *reading, int64_t *jump_ms)
{
    int64_t elapsed = reading->monotonic > time->monotonic ? reading->monotonic - time->monotonic : 0;
    int64_t step = wall_of(reading) - time->wall - elapsed;
    bool jumped = is_jump(step, elapsed);
    *jump_ms = step;
    if (jumped) {
        struct proven_period *period = current(time);
        time->proven += elapsed;
        period->proven_to = time->proven;
        if (time->wall + elapsed > period->wall_to)
            period->wall_to = time->wall + elapsed;
        open_period(time, wall_of(reading), elapsed);
    } else {
        time->proven += elapsed + step > 0 ? elapsed + step : 0;
    }
    take_reading(time, reading);
    return jumped;
}

/* ---- ages ---- */

/* When it was stamped, in proven time, at the latest. */
static int64_t stamped_in(const struct proven_period *period, int64_t timestamp)
{
    int64_t stamped = period->proven_from + (timestamp - period->wall_from);
    return stamped < period->proven_to ? stamped : period->proven_to;
}

/* No clock of ours has said so: a client's claim, to be believed when the clock that it is compared with is right. */
static int64_t claimed_age(const struct proven_time *time, int64_t timestamp)
{
    const struct proven_period *period = &time->periods[time->count - 1];
    bool is_right = time->synced_wall != NO_MOMENT && time->synced_period == time->count - 1;
    if (!is_right)
        return PROVEN_TIME_UNKNOWN;
    return timestamp < period->wall_from ? time->proven - period->proven_from + (period->wall_from - timestamp) : 0;
}

int64_t proven_time_age(const struct proven_time *time, int64_t timestamp)
{
    int64_t stamped = INT64_MIN;
    for (uint32_t i = 0; i < time->count; i++) {
        const struct proven_period *period = &time->periods[i];
        if (timestamp < period->wall_from || timestamp > period->wall_to)
            continue;
        int64_t in_this = stamped_in(period, timestamp);
        stamped = in_this > stamped ? in_this : stamped;
    }
    return stamped != INT64_MIN ? time->proven - stamped : claimed_age(time, timestamp);
}

/* ---- as text ----
 *
 *     0                                      version
 *     2                                      periods
 *     1700000100000 86400000 0 86400000 0    wall now, proven now, and of the synchronised moment: 1 + its wall time
 *                                            (0: none), its proven time, its period
 *     1 1700000000000 0 86400000             of each period: wall from, to, proven from, to */

static void write_line(writer *w, const int64_t *numbers, int count)
{
    for (int i = 0; i < count; i++) {
        char text[24];
        int length = snprintf(text, sizeof text, "%" PRId64 "%c", numbers[i], i + 1 < count ? ' ' : '\n');
        write_bytes(w, slice_of(text, (size_t)length));
    }
}

static bool read_line(slice *rest, int64_t *numbers, int count)
{
    slice line, word;
    if (!text_next_line(rest, &line))
        return false;
    for (int i = 0; i < count; i++) {
        if (!text_next_word(&line, &word) || !text_parse_number(word, NUMBER_MOST, &numbers[i]))
            return false;
    }
    return !text_next_word(&line, &word);
}

void proven_time_write(const struct proven_time *time, writer *w)
{
    write_line(w, (int64_t[]){0}, 1);
    write_line(w, (int64_t[]){time->count}, 1);
    write_line(
        w, (int64_t[]){time->wall, time->proven, time->synced_wall + 1, time->synced_proven, time->synced_period}, 5);
    for (uint32_t i = 0; i < time->count; i++) {
        const struct proven_period *period = &time->periods[i];
        write_line(w, (int64_t[]){period->wall_from, period->wall_to, period->proven_from, period->proven_to}, 4);
    }
}

static bool read_periods(struct proven_time *time, slice *rest, uint32_t count)
{
    int64_t n[4];
    for (time->count = 0; time->count < count; time->count++) {
        if (!read_line(rest, n, 4) || n[0] > n[1] || n[2] > n[3] || n[3] > time->proven)
            return false;
        time->periods[time->count] = (struct proven_period){n[0], n[1], n[2], n[3]};
    }
    return rest->size == 0;
}

int proven_time_parse(struct proven_time *time, slice text, struct error *error)
{
    int64_t version, count, n[5];
    if (!read_line(&text, &version, 1))
        return error_set(error, FURROW_CORRUPT, "the first line is no version");
    if (version != 0)
        return error_set(error, FURROW_WRONG_VERSION, "version %" PRId64 ", expected 0", version);
    if (!read_line(&text, &count, 1) || count < 1 || count > PROVEN_TIME_PERIODS || !read_line(&text, n, 5) ||
        n[3] > n[1] || n[4] >= count)
        return error_set(error, FURROW_CORRUPT, "the head is damaged");
    struct proven_time parsed = {
        .wall = n[0], .proven = n[1], .synced_wall = n[2] - 1, .synced_proven = n[3], .synced_period = (uint32_t)n[4]};
    if (!read_periods(&parsed, &text, (uint32_t)count))
        return error_set(error, FURROW_CORRUPT, "a period is damaged");
    *time = parsed;
    return 0;
}
