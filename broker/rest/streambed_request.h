/* What a subscription of Streambed's asks for: topics, and the last offsets that its client has. */
#pragma once

#include "arena.h"
#include "http/exchange.h"

struct streambed_place {
    slice topic;
    int32_t partition;
    int64_t offset; /* the last that the client has; -1: none */
};

struct streambed_request {
    struct arena arena;
    slice *topics;
    struct streambed_place *places;
    size_t topic_count, place_count;
};

/* The exchange's body. 0; an error_code of REST with words; -1: it has been answered. Only with 0 there is something to
 * close. */
MUST_USE int streambed_request_read(struct streambed_request *request, struct http_exchange *exchange,
                                    struct error *error);
void streambed_request_close(struct streambed_request *request);

/* -1 where it says nothing. */
int64_t streambed_request_last(const struct streambed_request *request, slice topic, int32_t partition);
/* From now on that is the last. Without memory nothing changes. */
void streambed_request_put(struct streambed_request *request, slice topic, int32_t partition, int64_t offset);
