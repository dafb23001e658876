#include "batch_stream.h"

#include "segment.h"

#include <errno.h>
#include <inttypes.h>

int batch_stream_open(struct batch_stream *stream, struct memory *memory)
{
    *stream = (struct batch_stream){.memory = memory, .capacity = BATCH_STREAM_BUFFER};
    stream->buffer = memory_alloc(memory, MEMORY_LOGS, stream->capacity);
    return stream->buffer != NULL ? 0 : -ENOMEM;
}

void batch_stream_close(struct batch_stream *stream)
{
    if (stream->buffer != NULL)
        memory_free(stream->memory, MEMORY_LOGS, stream->buffer, stream->capacity);
    stream->buffer = NULL;
}

void batch_stream_start(struct batch_stream *stream, struct file *file, uint32_t end, int64_t base_offset,
                        int64_t end_offset)
{
    stream->file = file;
    stream->start = stream->filled = stream->at = 0;
    stream->end = end;
    stream->next_offset = base_offset;
    stream->end_offset = end_offset;
}

/* A length that is wrong must not cost its memory: of a batch that does not fit, the CRC is looked at first. */
static int check_large(struct batch_stream *stream, const struct batch_header *header, struct error *error)
{
    struct segment_scan scan;
    struct segment_batch batch = {.header = *header, .position = batch_stream_position(stream)};
    if (batch_size(header) <= stream->capacity)
        return 0;
    int rc = segment_scan_open(&scan, stream->memory, stream->file, stream->end, SEGMENT_SCAN_BATCHES, error);
    if (rc != 0)
        return rc;
    rc = segment_scan_check(&scan, &batch, error);
    stream->bytes_read += scan.bytes_read;
    segment_scan_close(&scan);
    return rc;
}

static int grow(struct batch_stream *stream, uint32_t size, struct error *error)
{
    if (size <= stream->capacity)
        return 0;
    uint8_t *buffer = memory_realloc(stream->memory, MEMORY_LOGS, stream->buffer, stream->capacity, size);
    if (buffer == NULL)
        return error_set_status(error, -ENOMEM, "batch of %" PRIu32 " bytes", size);
    stream->buffer = buffer;
    stream->capacity = size;
    return 0;
}

/* What is left of the buffer goes to its front, the rest is read. */
static int fill(struct batch_stream *stream, uint32_t size, struct error *error)
{
    uint32_t left = stream->filled - stream->at;
    int rc = grow(stream, size, error);
    if (rc != 0)
        return rc;
    memmove(stream->buffer, stream->buffer + stream->at, left);
    stream->start += stream->at;
    stream->at = 0;
    stream->filled = left;
    uint32_t want = stream->capacity - left;
    uint32_t there = stream->end - stream->start - left;
    size_t got = 0;
    rc = file_read(stream->file, stream->buffer + left, want < there ? want : there, (uint64_t)stream->start + left,
                   &got, error);
    if (rc != 0)
        return rc;
    stream->filled += (uint32_t)got;
    stream->bytes_read += got;
    return stream->filled >= size ? 0 : error_set(error, FURROW_CORRUPT, "the segment ends early");
}

int batch_stream_next(struct batch_stream *stream, struct batch_header *header, slice *batch, struct error *error)
{
    uint32_t position = batch_stream_position(stream);
    uint32_t left = stream->end - position;
    int rc;
    if (left == 0)
        return 0;
    if (left < BATCH_HEADER_SIZE)
        return error_set(error, FURROW_CORRUPT, "position %" PRIu32 ": the batch is not whole", position);
    if (stream->filled - stream->at < BATCH_HEADER_SIZE && (rc = fill(stream, BATCH_HEADER_SIZE, error)) != 0)
        return rc;
    rc = batch_parse_header(slice_of(stream->buffer + stream->at, stream->filled - stream->at), header, error);
    if (rc != 0)
        return error_wrap(error, FURROW_CORRUPT, "position %" PRIu32, position);
    size_t size = batch_size(header);
    if (size > left || header->base_offset < stream->next_offset || batch_last_offset(header) >= stream->end_offset)
        return error_set(error, FURROW_CORRUPT, "position %" PRIu32 ": it does not fit in here", position);
    if ((rc = check_large(stream, header, error)) != 0)
        return rc;
    if (stream->filled - stream->at < size && (rc = fill(stream, (uint32_t)size, error)) != 0)
        return rc;
    *batch = slice_of(stream->buffer + stream->at, size);
    stream->at += (uint32_t)size;
    stream->next_offset = batch_last_offset(header) + 1;
    return 1;
}

int batch_stream_skip(struct batch_stream *stream, struct error *error)
{
    struct segment_scan scan;
    uint32_t position = batch_stream_position(stream);
    int rc = segment_scan_open(&scan, stream->memory, stream->file, stream->end, SEGMENT_SCAN_HEADERS, error);
    if (rc != 0)
        return rc;
    segment_scan_seek(&scan, position, stream->next_offset, stream->end_offset);
    bool found = segment_scan_find(&scan, stream->end, stream->end_offset);
    stream->start = found ? scan.position : stream->end;
    stream->at = stream->filled = 0;
    segment_scan_close(&scan);
    return 0;
}
