#include "batch_builder.h"

#include <errno.h>

void batch_builder_open(struct batch_builder *b, writer *to, const struct batch_options *options)
{
    *b = (struct batch_builder){
        .options = *options,
        .to = to,
        .start = to->size,
        .last_offset = options->base_offset - 1,
        .base_timestamp = BATCH_NO_TIMESTAMP,
        .max_timestamp = BATCH_NO_TIMESTAMP,
    };
    writer_init(&b->records, to->memory, MEMORY_COMPRESSION, INT32_MAX);
    writer_extend(to, BATCH_HEADER_SIZE);
}

static writer *records_of(struct batch_builder *b)
{
    return b->options.codec == CODEC_NONE ? b->to : &b->records;
}

static uint64_t field_size(slice field)
{
    if (slice_is_null(field))
        return 1;
    return unsigned_varint_size((uint32_t)field.size << 1) + (uint64_t)field.size;
}

static void write_field(writer *w, slice field)
{
    write_varint(w, slice_is_null(field) ? -1 : (int32_t)field.size);
    write_bytes(w, field);
}

/* Bytes that the headers take when encoded, their count left out. */
static uint64_t headers_size(const struct record_header *headers, int32_t count)
{
    uint64_t size = 0;
    for (int32_t i = 0; i < count; i++)
        size += field_size(headers[i].key) + field_size(headers[i].value);
    return size;
}

static int place_record(struct batch_builder *b, const struct record *record, int64_t *timestamp_delta,
                        int32_t *offset_delta)
{
    if (b->count == INT32_MAX || record->offset <= b->last_offset ||
        record->offset - b->options.base_offset > INT32_MAX)
        return FURROW_OUT_OF_RANGE;
    if (b->count == 0) {
        b->base_timestamp = b->options.has_base_timestamp ? b->options.base_timestamp : record->timestamp;
        b->max_timestamp = record->timestamp;
    }
    if (__builtin_sub_overflow(record->timestamp, b->base_timestamp, timestamp_delta))
        return FURROW_OUT_OF_RANGE;
    *offset_delta = (int32_t)(record->offset - b->options.base_offset);
    return 0;
}

/* The headers come as an array, or encoded in the record when it is NULL. */
static int add(struct batch_builder *b, const struct record *record, const struct record_header *headers)
{
    int64_t timestamp_delta;
    int32_t offset_delta;
    int rc = place_record(b, record, &timestamp_delta, &offset_delta);
    if (rc != 0)
        return rc;
    uint64_t size = 1 + varlong_size(timestamp_delta) + varint_size(offset_delta) + field_size(record->key) +
                    field_size(record->value) + varint_size(record->header_count) +
                    (headers != NULL ? headers_size(headers, record->header_count) : record->headers.size);
    if (size > INT32_MAX)
        return FURROW_TOO_LARGE;

    writer *w = records_of(b);
    write_varint(w, (int32_t)size);
    write_i8(w, 0);
    write_varlong(w, timestamp_delta);
    write_varint(w, offset_delta);
    write_field(w, record->key);
    write_field(w, record->value);
    write_varint(w, record->header_count);
    for (int32_t i = 0; headers != NULL && i < record->header_count; i++) {
        write_field(w, headers[i].key);
        write_field(w, headers[i].value);
    }
    if (headers == NULL)
        write_bytes(w, record->headers);
    if (!writer_ok(w))
        return -ENOMEM;

    b->count++;
    b->last_offset = record->offset;
    if (record->timestamp > b->max_timestamp)
        b->max_timestamp = record->timestamp;
    return 0;
}

void batch_builder_add(struct batch_builder *b, int64_t timestamp, slice key, slice value)
{
    batch_builder_add_with_headers(b, timestamp, key, value, NULL, 0);
}

void batch_builder_add_with_headers(struct batch_builder *b, int64_t timestamp, slice key, slice value,
                                    const struct record_header *headers, size_t header_count)
{
    struct record record = {
        .offset = b->last_offset + 1,
        .timestamp = timestamp,
        .key = key,
        .value = value,
        .header_count = (int32_t)header_count,
    };
    if (b->status == 0)
        b->status = header_count <= INT32_MAX ? add(b, &record, headers) : FURROW_TOO_LARGE;
}

void batch_builder_add_record(struct batch_builder *b, const struct record *record)
{
    if (b->status == 0)
        b->status = add(b, record, NULL);
}

size_t batch_builder_size(const struct batch_builder *b)
{
    return b->options.codec == CODEC_NONE ? b->to->size - b->start - BATCH_HEADER_SIZE : b->records.size;
}

void batch_builder_set_last_offset(struct batch_builder *b, int64_t last_offset)
{
    if (b->status != 0)
        return;
    if (last_offset < b->last_offset || last_offset - b->options.base_offset > INT32_MAX)
        b->status = FURROW_OUT_OF_RANGE;
    else
        b->last_offset = last_offset;
}

static void write_header(const struct batch_builder *b)
{
    const struct batch_options *options = &b->options;
    struct batch_header header = {
        .base_offset = options->base_offset,
        .length = (int32_t)(b->to->size - b->start - BATCH_LENGTH_OFFSET),
        .leader_epoch = options->leader_epoch,
        .attributes = (int16_t)((unsigned)options->attributes | (unsigned)options->codec),
        .last_offset_delta = (int32_t)(b->last_offset - options->base_offset),
        .base_timestamp = b->base_timestamp,
        .max_timestamp = b->max_timestamp,
        .producer_id = options->producer_id,
        .producer_epoch = options->producer_epoch,
        .base_sequence = options->base_sequence,
        .count = b->count,
    };
    batch_write_header(b->to->data + b->start, &header);
}

static int finish(struct batch_builder *b, struct error *error)
{
    if (b->status == 0 && b->last_offset < b->options.base_offset)
        b->status = FURROW_OUT_OF_RANGE;
    if (b->status == 0 && !writer_ok(b->to))
        b->status = -ENOMEM;
    if (b->status != 0)
        return error_set_status(error, b->status, "making a record batch");
    if (b->options.codec != CODEC_NONE) {
        int rc = codec_compress(b->options.codec, writer_slice(&b->records), b->options.level, b->to, error);
        if (rc != 0)
            return rc;
    }
    if (b->to->size - b->start - BATCH_LENGTH_OFFSET > INT32_MAX)
        return error_set_status(error, FURROW_TOO_LARGE, "making a record batch");
    write_header(b);
    return 0;
}

int batch_builder_close(struct batch_builder *b, struct error *error)
{
    int rc = finish(b, error);
    if (rc != 0)
        writer_cut(b->to, b->start);
    writer_close(&b->records);
    return rc;
}
