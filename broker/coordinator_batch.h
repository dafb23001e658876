/* One batch of records on its way from a coordinator to its log: all of it, or nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct coordinator_batch {
    uint8_t *bytes; /* stamped in place; the coordinator's until it hears of the outcome */
    size_t size;
    bool is_awaited;                /* else the outcome may come before it is durable */
    struct coordinator_batch *next; /* the log's */
};
