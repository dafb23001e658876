/* What the operations stand on: made once by main.c (operations.h), and by tests with their own clock and disk.
 *
 * Operations know no connection and no dialect. They answer with Kafka's error codes, for these are the vocabulary of
 * every dialect that Furrow speaks. Everything here belongs to the loop. */
#pragma once

#include "disk_watch.h"
#include "jobs.h"
#include "logger.h"
#include "topics.h"
#include "writer_thread.h"

struct flush;
struct retention;
struct append_service;
struct read_service;

struct operations {
    struct memory *memory;
    size_t memory_limit; /* bytes that all requests together may take: what one of them may is a share of it */
    uv_loop_t *loop;
    struct jobs *jobs;
    struct writer_thread *writer;
    struct topics *topics;
    struct disk_watch *disk_watch;       /* NULL: the disk never fills */
    struct logger *logger;               /* NULL: nobody hears of failures */
    struct flush *flush;                 /* NULL: nobody syncs in the background */
    struct retention *retention;         /* NULL: nothing is ever deleted */
    int64_t (*now)(const void *context); /* wall clock, ms since 1970 */
    const void *now_context;

    struct append_service *appends;
    struct read_service *reads;
};

static inline int64_t operations_now(const struct operations *operations)
{
    return operations->now(operations->now_context);
}
