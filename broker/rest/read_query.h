/* What a client asks for when it reads records: the parameters of all routes that read (read_routes.c), checked. */
#pragma once

#include "arena.h"
#include "http/parameters.h"
#include "rest/read_places.h"
#include "rest/record_filter.h"
#include "rest/record_form.h"

enum read_begin {
    READ_EARLIEST,
    READ_LATEST,
    READ_OFFSET, /* `offset`, in each partition */
    READ_TIME,   /* the first record at or after `time` */
    READ_PLACES, /* `places`; a partition that is not named there is read from its start */
    READ_LAST,   /* the last `last` records, or of each key */
};

#define READ_LAST_MAX 10000

struct read_query {
    enum read_begin begin;
    int64_t offset, time;
    struct read_place *places;
    int32_t last;
    bool last_per_key;

    int32_t limit;     /* records; 0: none is set */
    int64_t max_bytes; /* of a page */
    int64_t max_wait_ms;
    bool follow;
    int64_t pulse_ms; /* 0: none */
    bool wants_threshold;
    struct record_filter filter; /* borrows from the exchange */
    enum record_format format;
    bool committed;
    bool is_one; /* just the record at `offset` */
};

/* Those that HTTP_PARAMETERS of a route begin with are its own. */
#define READ_PARAMETERS                                                                                                \
    {.name = "offset", .type = HTTP_INTEGER, .summary = "Begin at this offset, in each partition"},                    \
        {.name = "timestamp",                                                                                          \
         .type = HTTP_MOMENT,                                                                                          \
         .summary = "Begin at the first record of this time or later: RFC 3339, or ms since 1970"},                    \
        {.name = "since",                                                                                              \
         .type = HTTP_TEXT,                                                                                            \
         .most = 64,                                                                                                   \
         .summary = "Begin so long ago (10m, 1h30m), at a time (RFC 3339), at 'all' or at 'latest'"},                  \
        {.name = "from",                                                                                               \
         .type = HTTP_LIST,                                                                                            \
         .summary = "Begin at these records: offset, partition:offset or topic:partition:offset"},                     \
        {.name = "after", .type = HTTP_LIST, .summary = "Begin behind these records, written as for 'from'"},          \
        {.name = "last",                                                                                               \
         .type = HTTP_INTEGER,                                                                                         \
         .least = 1,                                                                                                   \
         .most = READ_LAST_MAX,                                                                                        \
         .summary = "Begin so many records before the end of each topic"},                                             \
        {.name = "last_per",                                                                                           \
         .type = HTTP_CHOICE,                                                                                          \
         .choices = "topic|key",                                                                                       \
         .summary = "What 'last' counts by: with 'key', the last ones of each key"},                                   \
        {.name = "limit", .type = HTTP_INTEGER, .least = 1, .most = INT32_MAX, .summary = "At most so many records"},  \
        {.name = "max_bytes",                                                                                          \
         .type = HTTP_INTEGER,                                                                                         \
         .least = 1,                                                                                                   \
         .most = 16 << 20,                                                                                             \
         .summary = "A page ends soon after so many bytes, 1 MiB if not set"},                                         \
        {.name = "max_wait_ms",                                                                                        \
         .type = HTTP_DURATION,                                                                                        \
         .most = 600000,                                                                                               \
         .summary = "A page without records waits so long for one"},                                                   \
        {.name = "follow", .type = HTTP_FLAG, .summary = "Go on with what comes; implied by SSE and WebSocket"},       \
        {.name = "pulse",                                                                                              \
         .type = HTTP_DURATION,                                                                                        \
         .least = 100,                                                                                                 \
         .most = 86400000,                                                                                             \
         .summary = "A mark every so often while following"},                                                          \
        {.name = "threshold",                                                                                          \
         .type = HTTP_FLAG,                                                                                            \
         .summary = "A mark where history ends; given unless following begins at the end"},                            \
        {.name = "key", .type = HTTP_TEXT, .summary = "Only records with this key"},                                   \
        {.name = "header", .type = HTTP_TEXT, .summary = "Only records with this header: name, or name:value"},        \
        {.name = "timestamp_from", .type = HTTP_MOMENT, .summary = "Only records of this time or later"},              \
        {.name = "timestamp_to", .type = HTTP_MOMENT, .summary = "Only records before this time"},                     \
        {.name = "format",                                                                                             \
         .type = HTTP_CHOICE,                                                                                          \
         .choices = "auto|binary|string|json",                                                                         \
         .summary = "What keys and values become: text where they are text, or always base64, text, JSON"},            \
    {                                                                                                                  \
        .name = "isolation", .type = HTTP_CHOICE, .choices = "read_committed|read_uncommitted",                        \
        .summary = "Whether records of transactions wait for their end"                                                \
    }

#define READ_WORDS_MAX 120

/* `is_live`: the form of the answer (SSE, a WebSocket) is for following. False: `words` say what is wrong. What
 * Last-Event-ID says goes before the other beginnings. */
MUST_USE bool read_query_take(const struct http_exchange *exchange, bool is_live, int64_t now, struct arena *arena,
                              struct read_query *query, char words[READ_WORDS_MAX]);
