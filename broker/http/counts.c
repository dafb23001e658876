#include "http/counts.h"

#include <stdint.h>

/* Places that stay free, so that a search ends soon. */
#define FREE_LEAST (HTTP_COUNTS_MAX / 4)

static struct http_count *find_place(struct http_counts *counts, const struct http_route *route, int status)
{
    size_t place = ((uintptr_t)route / 16 + (size_t)status * 31) % HTTP_COUNTS_MAX;
    for (;; place = (place + 1) % HTTP_COUNTS_MAX) {
        struct http_count *count = &counts->places[place];
        if (count->status == 0 || (count->route == route && count->status == status))
            return count;
    }
}

static struct http_count *take_place(struct http_counts *counts, const struct http_route *route, int status)
{
    struct http_count *count = find_place(counts, route, status);
    if (count->status != 0)
        return count;
    if (route != NULL && counts->taken >= HTTP_COUNTS_MAX - FREE_LEAST)
        return take_place(counts, NULL, status);
    counts->taken++;
    *count = (struct http_count){.route = route, .status = status};
    return count;
}

void http_counts_add(struct http_counts *counts, const struct http_route *route, int status, uint64_t ns)
{
    take_place(counts, route, status)->answers++;
    histogram_add(&counts->times, ns);
}
