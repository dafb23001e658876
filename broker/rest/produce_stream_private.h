/* What produce_stream.c (texts in), produce_flight.c (records on their way) and produce_results.c (what became of them)
 * share. */
#pragma once

#include "json_stream.h"
#include "operations/missing_topic.h"
#include "rest/produce_report.h"
#include "rest/produce_stream.h"

struct produce_stream;

/* One text of the body: a record on its way, or what was wrong with it. */
struct flight_entry {
    uint64_t number; /* in the body, from 1 */
    struct record_sizes sizes;
    int32_t failure; /* among the flight's; -1: the producer's next record */
};

struct flight_failure {
    int error_code;
    slice words; /* from the flight's arena */
};

/* Records that are appended together. */
struct flight {
    struct produce_stream *stream;
    struct flight *next;
    struct record_producer *producer;
    struct arena arena;
    struct flight_entry *entries;
    size_t entry_count, entry_capacity;
    struct flight_failure *failures;
    size_t failure_count, failure_capacity;
    size_t held; /* bytes that the exchange counts */
    bool is_done;
};

/* Of a summary. */
struct partition_summary {
    uint64_t records;
    int64_t first_offset, last_offset; /* -1: not known */
};

struct produce_stream {
    struct http_exchange *exchange;
    struct server *server;
    struct memory *memory;
    enum produce_answer answer;
    slice topic_name;    /* borrowed from the exchange */
    struct topic *topic; /* held once it is found */
    int32_t partition;   /* for records that name none; -1 */
    int32_t partitions;  /* of the topic at the beginning */
    uint32_t start;
    enum append_acks acks;
    struct record_identity identity;
    bool has_identity;
    struct missing_topic_request topic_request;

    struct json_stream texts;
    struct json_document document;
    struct arena scratch;        /* of one record */
    size_t held;                 /* bytes of these and the current flight that the exchange counts */
    uint64_t number;             /* of the last text */
    struct flight *first, *last; /* under way, in the body's order */
    struct flight *current;      /* is filled; NULL: none */
    unsigned under_way;          /* appends */
    bool is_paused, is_settling;
    bool is_ended;  /* no more is read */
    bool is_lost;   /* in a text that is none: what follows is passed over, as long as what was before is under way */
    int error_code; /* why it stopped; 0: it did not */
    char error_text[ERROR_MESSAGE_MAX];

    /* Reports */
    bool has_begun; /* the answer */
    bool is_full;   /* the client does not read as fast */

    /* A summary */
    struct partition_summary *summary;
    uint64_t written, failed;
    int first_failure; /* its error_code */
    writer failures;   /* a JSON array without its end */
    struct json failures_json;
    unsigned failures_listed;
    struct append_request sync;
    struct append_part *sync_parts;
};

/* ---- produce_stream.c ---- */

/* No more is read. The first reason counts. */
void produce_stream_stop(struct produce_stream *stream, int error_code, const char *words);
/* Whatever can go on, does. The stream may be gone afterwards. */
void produce_stream_go_on(struct produce_stream *stream);
/* The exchange has been answered. */
void produce_stream_free(struct produce_stream *stream);

/* ---- produce_flight.c ---- */

void produce_flight_free(struct flight *flight);
/* An entry of the current flight for the text that was read last, which is made where there is none. NULL without
 * memory. */
struct flight_entry *produce_flight_add(struct produce_stream *stream);
/* What was wrong with that text. False without memory. */
MUST_USE bool produce_flight_fail(struct produce_stream *stream, int error_code, const char *words);
/* The current one goes on its way. */
void produce_flight_send(struct produce_stream *stream);
/* Counts what the stream holds that is not on its way. */
void produce_flight_count(struct produce_stream *stream);

/* ---- produce_results.c ---- */

MUST_USE bool produce_results_open(struct produce_stream *stream);
void produce_results_close(struct produce_stream *stream);
/* Takes what became of a flight that is done. */
void produce_results_take(struct produce_stream *stream, const struct flight *flight);
/* All is done: answers, at once or when the disk has it, and frees the stream. */
void produce_results_finish(struct produce_stream *stream);
