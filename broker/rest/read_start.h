/* Where reading begins: a query's beginning becomes a position in each partition of a cursor. */
#pragma once

#include "operations/find_offset.h"
#include "rest/read_query.h"
#include "rest/reading.h"

struct read_start {
    /* Asked */
    struct server *server;
    struct cursor *cursor;                  /* outlives it */
    const struct read_query *query;         /* while read_start_begin is called */
    void (*done)(struct read_start *start); /* once, perhaps from within read_start_begin */
    void *context;

    /* Found */
    enum kafka_error error;     /* the positions are not set */
    char words[READ_WORDS_MAX]; /* with an error, perhaps */

    /* Private */
    struct find_group group;
    struct find_offset *finds; /* of each part */
    int32_t count, pending;
};

void read_start_begin(struct read_start *start);
