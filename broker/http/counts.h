/* Answers of HTTP by route and status, for /metrics. Bounded: what finds no place is counted without its route. */
#pragma once

#include "histogram.h"

#include <stddef.h>

struct http_route;

#define HTTP_COUNTS_MAX 512

struct http_count {
    const struct http_route *route; /* NULL: none matched */
    int status;                     /* 0: the place is free */
    uint64_t answers;
};

struct http_counts {
    struct http_count places[HTTP_COUNTS_MAX];
    size_t taken;
    struct histogram times; /* from a request's head to its answer; of streams, to their beginning */
};

void http_counts_add(struct http_counts *counts, const struct http_route *route, int status, uint64_t ns);
