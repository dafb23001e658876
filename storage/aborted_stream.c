#include "aborted_stream.h"

static uint32_t count_segments(const struct log *log, uint32_t first)
{
    uint32_t count = 0;
    for (uint32_t i = first; i < log->segment_count; i++)
        count += log->segments[i].aborted > 0;
    return count;
}

int aborted_stream_open(struct aborted_stream *stream, const struct log *log, uint32_t first)
{
    stream->disk = log->environment.disk;
    stream->memory = log->environment.memory;
    stream->folder = log->folder;
    stream->swaps = log->swaps;
    stream->count = stream->at = 0;
    stream->file = NULL;
    stream->capacity = count_segments(log, first);
    stream->segments = memory_alloc(stream->memory, MEMORY_LOGS, stream->capacity * sizeof *stream->segments);
    if (stream->segments == NULL)
        return -ENOMEM;
    for (uint32_t i = first; i < log->segment_count; i++) {
        const struct segment *segment = &log->segments[i];
        if (segment->aborted > 0)
            stream->segments[stream->count++] =
                (struct aborted_stream_segment){segment->base_offset, segment->aborted, segment->unsettled};
    }
    return 0;
}

static void close_file(struct aborted_stream *stream)
{
    if (stream->file != NULL)
        file_close(stream->file);
    stream->file = NULL;
}

void aborted_stream_close(struct aborted_stream *stream)
{
    close_file(stream);
    memory_free(stream->memory, MEMORY_LOGS, stream->segments, stream->capacity * sizeof *stream->segments);
    stream->segments = NULL;
    stream->count = stream->capacity = 0;
}

void aborted_stream_rewind(struct aborted_stream *stream, int64_t base_offset)
{
    close_file(stream);
    stream->at = 0;
    while (stream->at < stream->count && stream->segments[stream->at].base_offset < base_offset)
        stream->at++;
}

static int open_file(struct aborted_stream *stream, struct error *error)
{
    const struct aborted_stream_segment *segment = &stream->segments[stream->at];
    struct log_handle handle = {.unsettled = segment->unsettled};
    int rc = log_handle_open(&handle, stream->disk, stream->folder, segment->base_offset, SEGMENT_TRANSACTION_INDEX,
                             FILE_READ, error);
    if (rc == -ENOENT)
        return error_set(error, FURROW_CORRUPT, "segment %" PRId64 ": the transaction index is missing",
                         segment->base_offset);
    if (rc != 0)
        return rc;
    stream->file = handle.file;
    transaction_index_start(&stream->walk, stream->file, 0, segment->entries);
    return 0;
}

int aborted_stream_next(struct aborted_stream *stream, struct aborted_transaction *aborted, struct error *error)
{
    while (stream->at < stream->count) {
        int rc = stream->file == NULL ? open_file(stream, error) : 0;
        if (rc != 0)
            return rc;
        rc = transaction_index_next(&stream->walk, aborted, error);
        if (rc != 0)
            return rc;
        close_file(stream);
        stream->at++;
    }
    return 0;
}

bool aborted_stream_is_old(const struct aborted_stream *stream, const struct log *log)
{
    for (uint32_t i = 0; i < stream->count; i++) {
        if (log_is_replaced(log, stream->segments[i].base_offset, stream->swaps))
            return true;
    }
    return false;
}
