/* Where the last records are: of each topic, or of each key.
 *
 * Of topics: from ever farther before the end, records are looked at until there are enough; with several partitions
 * those count that are the newest by their timestamps. Of keys: the log is looked at once, from its start, and what is
 * found are single records: the reading then shows these, and all that comes behind what was looked at.
 *
 * Records that the filter leaves out do not count. Memory is bounded: too many keys are an error. */
#pragma once

#include "rest/reading.h"

struct read_last {
    /* Asked */
    struct server *server;
    const struct reading_wish *wish; /* while read_last_begin is called */
    int32_t count;
    bool per_key;
    bool (*goes_on)(void *context);       /* asked at each step; false: the error is KAFKA_REQUEST_TIMED_OUT */
    void (*done)(struct read_last *last); /* once, never from within read_last_begin */
    void *context;

    /* Found */
    enum kafka_error error;  /* KAFKA_POLICY_VIOLATION: they are too many */
    struct cursor cursor;    /* its positions are where to begin */
    struct kept_lists *kept; /* per key: for the wish of the reading; its taker sets NULL here */

    /* Private */
    struct read_last_found *found;
    int64_t *begins, *ends; /* of what is looked at, of each part; one block */
    int64_t distance;       /* from the end */
};

/* KAFKA_NONE: `done` will be called. */
MUST_USE enum kafka_error read_last_begin(struct read_last *last);
/* After done; or before it, which is then not called. */
void read_last_close(struct read_last *last);
