/* The entries of several segments' transaction indexes, in the order of their markers: taken from the log on the loop,
 * read on any thread, in a few KiB whatever their number. A segment whose file is gone was trimmed or replaced. */
#pragma once

#include "log_private.h"

struct aborted_stream_segment {
    int64_t base_offset;
    uint32_t entries; /* at least 1 */
    bool unsettled;
};

struct aborted_stream {
    struct disk *disk;
    struct memory *memory;
    const char *folder;
    struct aborted_stream_segment *segments;
    uint32_t count;
    uint32_t capacity;
    uint32_t swaps; /* of the log, when they were taken */
    uint32_t at;    /* the segment that is read, or comes next */
    struct file *file;
    struct transaction_index_walk walk;
};

/* Of the segments of the log from `first` on. -ENOMEM. */
MUST_USE int aborted_stream_open(struct aborted_stream *stream, const struct log *log, uint32_t first);
void aborted_stream_close(struct aborted_stream *stream);
/* Back to the first marker at or past the base offset of a segment. */
void aborted_stream_rewind(struct aborted_stream *stream, int64_t base_offset);
/* 1 with the next entry, 0 at the end. FURROW_CORRUPT, also when a file is missing; the disk's. */
MUST_USE int aborted_stream_next(struct aborted_stream *stream, struct aborted_transaction *aborted,
                                 struct error *error);
/* Whether one of the segments was replaced, or went, since. */
bool aborted_stream_is_old(const struct aborted_stream *stream, const struct log *log);
