#include "batch_iterator.h"

#include <errno.h>
#include <inttypes.h>

#define FIRST_WINDOW_SIZE ((size_t)4096)
#define VARINT_MAX_SIZE   5

int batch_iterator_open(struct batch_iterator *it, slice batch, struct memory *memory, size_t limit,
                        struct error *error)
{
    *it = (struct batch_iterator){.memory = memory};
    int rc = batch_parse_header(batch, &it->header, error);
    if (rc != 0)
        return rc;
    if (batch.size < batch_size(&it->header))
        return error_set(error, FURROW_CORRUPT, "the batch ends early");
    slice records = slice_of(batch.data + BATCH_HEADER_SIZE, batch_size(&it->header) - BATCH_HEADER_SIZE);
    if (batch_codec(&it->header) == CODEC_NONE) {
        it->records = reader_of(records);
        it->exhausted = true;
        return 0;
    }
    it->compressed = true;
    return decompressor_open(&it->decompressor, batch_codec(&it->header), records, limit, memory, error);
}

/* Moves what is left to the front of the window, and doubles the window when that alone makes no room. */
static int make_room(struct batch_iterator *it)
{
    size_t left = reader_left(&it->records);
    if (left != 0 && it->records.position != 0)
        memmove(it->window, it->window + it->records.position, left);
    if (left == it->window_size) {
        size_t size = it->window_size != 0 ? 2 * it->window_size : FIRST_WINDOW_SIZE;
        uint8_t *window = memory_realloc(it->memory, MEMORY_COMPRESSION, it->window, it->window_size, size);
        if (window == NULL)
            return -ENOMEM;
        it->window = window;
        it->window_size = size;
    }
    it->records = reader_of(slice_of(it->window, left));
    return 0;
}

/* Has `size` bytes at hand, or all that the batch still holds. */
static int fill(struct batch_iterator *it, size_t size, struct error *error)
{
    while (!it->exhausted && reader_left(&it->records) < size) {
        int rc = make_room(it);
        if (rc != 0)
            return error_set_status(error, rc, "records of a compressed batch");
        size_t held = it->records.size, got = 0;
        rc = decompressor_read(&it->decompressor, it->window + held, it->window_size - held, &got, error);
        if (rc != 0)
            return rc;
        it->exhausted = got < it->window_size - held;
        it->records.size = held + got;
    }
    return 0;
}

static int fill_record(struct batch_iterator *it, struct error *error)
{
    int rc = fill(it, VARINT_MAX_SIZE, error);
    if (rc != 0)
        return rc;
    reader ahead = it->records;
    int32_t size = read_varint(&ahead);
    if (!reader_ok(&ahead) || size < 0)
        return 0; /* record_read finds the words for it */
    return fill(it, ahead.position - it->records.position + (size_t)size, error);
}

static int check_end(struct batch_iterator *it, struct error *error)
{
    int rc = fill(it, 1, error);
    if (rc == 0 && reader_left(&it->records) != 0)
        rc = error_set(error, FURROW_MALFORMED, "bytes follow the last record");
    return rc;
}

/* From deltas to values. */
static const char *place(const struct batch_header *header, struct record *record)
{
    if (record->offset < 0 || record->offset > header->last_offset_delta)
        return "its offset is not in the batch";
    record->offset += header->base_offset;
    if (__builtin_add_overflow(header->base_timestamp, record->timestamp, &record->timestamp))
        return "its timestamp is out of range";
    if (batch_is_log_append_time(header))
        record->timestamp = header->max_timestamp;
    return NULL;
}

static int next(struct batch_iterator *it, struct record *record, struct error *error)
{
    if (it->index == it->header.count)
        return check_end(it, error);
    int rc = it->compressed ? fill_record(it, error) : 0;
    if (rc != 0)
        return rc;
    const char *wrong = record_read(&it->records, record);
    if (wrong == NULL)
        wrong = place(&it->header, record);
    if (wrong != NULL)
        return error_set(error, FURROW_MALFORMED, "record %" PRId32 ": %s", it->index, wrong);
    it->index++;
    return 1;
}

int batch_iterator_next(struct batch_iterator *it, struct record *record, struct error *error)
{
    if (it->status != 0)
        return it->status;
    int rc = next(it, record, error);
    if (rc < 0)
        it->status = rc;
    return rc;
}

void batch_iterator_close(struct batch_iterator *it)
{
    if (it->compressed)
        decompressor_close(&it->decompressor);
    memory_free(it->memory, MEMORY_COMPRESSION, it->window, it->window_size);
    it->window = NULL;
    it->compressed = false;
}
