/* Whole batches of one segment, one after the other, in few large reads: for those who want all of it.
 *
 * The buffer comes from the ledger and grows to the largest batch. The file is borrowed. */
#pragma once

#include "batch.h"
#include "file.h"

#define BATCH_STREAM_BUFFER ((uint32_t)65536) /* bytes */

struct batch_stream {
    struct memory *memory;
    struct file *file;
    uint8_t *buffer;
    uint32_t capacity;
    uint32_t start;  /* position in the segment of buffer[0] */
    uint32_t filled; /* bytes */
    uint32_t at;     /* in the buffer, of the next batch */
    uint32_t end;    /* bytes of the segment */
    int64_t next_offset;
    int64_t end_offset;  /* exclusive */
    uint64_t bytes_read; /* in all, for throttling */
};

MUST_USE int batch_stream_open(struct batch_stream *stream, struct memory *memory);
void batch_stream_close(struct batch_stream *stream);

/* Goes to the segment's first batch; it has `end` bytes and offsets in [base_offset, end_offset). */
void batch_stream_start(struct batch_stream *stream, struct file *file, uint32_t end, int64_t base_offset,
                        int64_t end_offset);

static inline uint32_t batch_stream_position(const struct batch_stream *stream)
{
    return stream->start + stream->at;
}

/* 1 with the next batch, which stays until the next call; 0 at the end. Its CRC need not be right, but that of one for
 * which the buffer has to grow. FURROW_CORRUPT: what
 * stands here is no batch, or not one that may stand here; the stream stays. */
MUST_USE int batch_stream_next(struct batch_stream *stream, struct batch_header *header, slice *batch,
                               struct error *error);

/* Behind bytes that are no batch: on to the next that is one, or to the end. */
MUST_USE int batch_stream_skip(struct batch_stream *stream, struct error *error);
