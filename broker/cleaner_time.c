#include "cleaner_time.h"

/* In a period, what was stamped later is younger. */
static int64_t latest_in(const struct proven_time *time, const struct proven_period *period, int64_t ms)
{
    int64_t from = period->wall_from, to = period->wall_to; /* `from` is old enough */
    while (from < to) {
        int64_t middle = to - (to - from) / 2;
        if (proven_time_age(time, middle) >= ms)
            from = middle;
        else
            to = middle - 1;
    }
    return from;
}

/* The latest moment of which `ms` are proven to have passed since. What lies before it in an earlier period is older
 * still; what lies in none was there before our first start. */
static int64_t latest_moment(const struct proven_time *time, int64_t wall, int64_t ms)
{
    if (proven_time_age(time, wall - ms) >= ms)
        return wall - ms;
    for (uint32_t i = time->count; i-- > 0;) {
        const struct proven_period *period = &time->periods[i];
        if (period->wall_from >= 0 && proven_time_age(time, period->wall_from) >= ms) {
            int64_t found = latest_in(time, period, ms);
            return found < wall - ms ? found : wall - ms;
        }
    }
    return -ms; /* there is none: no time is over */
}

int64_t cleaner_unproven_ms(const struct proven_time *time, int64_t wall, int64_t ms)
{
    if (ms < 0 || ms > wall)
        return 0;
    return wall - ms - latest_moment(time, wall, ms);
}
