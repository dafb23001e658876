#include "cleaner_pace.h"

#define SLICE_ALONE      ((uint64_t)1 << 20) /* bytes */
#define SLICE_IN_BETWEEN ((uint64_t)64 << 10)
#define REST_FACTOR      3                     /* so many times what the slice took */
#define BUSY_NS          ((uint64_t)100000000) /* after a request, more are expected for so long */
#define REST_MOST_MS     1000.0

static bool is_busy(struct cleaner_pace *pace, uint64_t requests, uint64_t now_ns)
{
    if (pace->requests != requests)
        pace->busy_until_ns = now_ns + BUSY_NS;
    pace->requests = requests;
    return now_ns < pace->busy_until_ns;
}

uint64_t cleaner_pace_begin(struct cleaner_pace *pace, uint64_t requests, uint64_t now_ns)
{
    return is_busy(pace, requests, now_ns) ? SLICE_IN_BETWEEN : SLICE_ALONE;
}

/* What the limit asks for is owed until it was rested. */
static double rest_of_limit(struct cleaner_pace *pace, double bytes, double took_ms)
{
    if (pace->bytes_per_second <= 0)
        return 0;
    pace->owed_ms += bytes / pace->bytes_per_second * 1e3 - took_ms;
    if (pace->owed_ms < 0)
        pace->owed_ms = 0;
    return pace->owed_ms;
}

uint64_t cleaner_pace_end(struct cleaner_pace *pace, uint64_t requests, uint64_t now_ns, uint64_t took_ns,
                          uint64_t bytes)
{
    double took_ms = (double)took_ns / 1e6;
    double rest_ms = is_busy(pace, requests, now_ns) ? took_ms * REST_FACTOR + 1 : 0;
    double limited_ms = rest_of_limit(pace, (double)bytes, took_ms);
    if (rest_ms < limited_ms)
        rest_ms = limited_ms;
    uint64_t rest = (uint64_t)(rest_ms < REST_MOST_MS ? rest_ms : REST_MOST_MS);
    pace->owed_ms -= (double)rest;
    return rest;
}
