#include "batch.h"

#include "crc32c.h"
#include "reader.h"
#include "writer.h"

#include <inttypes.h>

#define MAGIC_POSITION         16 /* of every magic so far */
#define CRC_POSITION           17
#define CRC_START              21 /* what the CRC covers begins with the attributes */
#define ATTRIBUTES_POSITION    21
#define MAX_TIMESTAMP_POSITION 35
#define LEADER_EPOCH_POSITION  12
#define OLD_LENGTH_MIN         14 /* of magic 0: CRC, magic, attributes, the lengths of key and value */

static int check_magic(slice bytes, struct batch_header *header, struct error *error)
{
    header->length = (int32_t)load_u32(bytes.data + 8);
    header->magic = (int8_t)bytes.data[MAGIC_POSITION];
    /* The length tells an old message from zeros: the end of a file that was never written to. */
    if ((header->magic == 0 || header->magic == 1) && header->length >= OLD_LENGTH_MIN)
        return error_set(error, FURROW_UNSUPPORTED, "message format %d is no longer supported", header->magic);
    if (header->magic != BATCH_MAGIC)
        return error_set(error, FURROW_CORRUPT, "length %" PRId32 ", magic %d: no batch", header->length,
                         header->magic);
    return 0;
}

static int check_fields(const struct batch_header *header, struct error *error)
{
    if (header->length < BATCH_HEADER_SIZE - BATCH_LENGTH_OFFSET)
        return error_set(error, FURROW_CORRUPT, "length %" PRId32 " is too short for a batch", header->length);
    if (header->last_offset_delta < 0)
        return error_set(error, FURROW_CORRUPT, "last offset delta %" PRId32 " is negative", header->last_offset_delta);
    if (header->base_offset < 0 || header->base_offset > INT64_MAX - header->last_offset_delta)
        return error_set(error, FURROW_CORRUPT, "base offset %" PRId64 " is out of range", header->base_offset);
    if (header->count < 0)
        return error_set(error, FURROW_CORRUPT, "count %" PRId32 " is negative", header->count);
    return 0;
}

int batch_parse_header(slice bytes, struct batch_header *header, struct error *error)
{
    *header = (struct batch_header){0};
    if (bytes.size > MAGIC_POSITION) {
        int rc = check_magic(bytes, header, error);
        if (rc != 0)
            return rc;
    }
    if (bytes.size < BATCH_HEADER_SIZE)
        return error_set(error, FURROW_MALFORMED, "%zu bytes are too few for a batch", bytes.size);

    reader r = reader_of(bytes);
    header->base_offset = read_i64(&r);
    header->length = read_i32(&r);
    header->leader_epoch = read_i32(&r);
    header->magic = read_i8(&r);
    header->crc = read_u32(&r);
    header->attributes = read_i16(&r);
    header->last_offset_delta = read_i32(&r);
    header->base_timestamp = read_i64(&r);
    header->max_timestamp = read_i64(&r);
    header->producer_id = read_i64(&r);
    header->producer_epoch = read_i16(&r);
    header->base_sequence = read_i32(&r);
    header->count = read_i32(&r);
    return check_fields(header, error);
}

bool batch_crc_matches(slice batch, const struct batch_header *header)
{
    return crc32c(0, batch.data + CRC_START, batch.size - CRC_START) == header->crc;
}

void batch_write_header(uint8_t *batch, struct batch_header *header)
{
    store_u64(batch, (uint64_t)header->base_offset);
    store_u32(batch + 8, (uint32_t)header->length);
    store_u32(batch + LEADER_EPOCH_POSITION, (uint32_t)header->leader_epoch);
    batch[MAGIC_POSITION] = BATCH_MAGIC;
    store_u16(batch + ATTRIBUTES_POSITION, (uint16_t)header->attributes);
    store_u32(batch + 23, (uint32_t)header->last_offset_delta);
    store_u64(batch + 27, (uint64_t)header->base_timestamp);
    store_u64(batch + MAX_TIMESTAMP_POSITION, (uint64_t)header->max_timestamp);
    store_u64(batch + 43, (uint64_t)header->producer_id);
    store_u16(batch + 51, (uint16_t)header->producer_epoch);
    store_u32(batch + 53, (uint32_t)header->base_sequence);
    store_u32(batch + 57, (uint32_t)header->count);
    header->crc = crc32c(0, batch + CRC_START, batch_size(header) - CRC_START);
    store_u32(batch + CRC_POSITION, header->crc);
}

int batch_next(slice *rest, struct batch_header *header, slice *batch, struct error *error)
{
    if (rest->size < BATCH_HEADER_SIZE)
        return 0;
    int rc = batch_parse_header(*rest, header, error);
    if (rc != 0)
        return rc;
    size_t size = batch_size(header);
    if (size > rest->size)
        return 0;
    *batch = slice_of(rest->data, size);
    *rest = slice_of(rest->data + size, rest->size - size);
    return 1;
}

void batch_stamp_offset(uint8_t *batch, int64_t base_offset, int32_t leader_epoch)
{
    store_u64(batch, (uint64_t)base_offset);
    store_u32(batch + LEADER_EPOCH_POSITION, (uint32_t)leader_epoch);
}

void batch_stamp_max_timestamp(uint8_t *batch, size_t size, int64_t max_timestamp)
{
    store_u64(batch + MAX_TIMESTAMP_POSITION, (uint64_t)max_timestamp);
    store_u32(batch + CRC_POSITION, crc32c(0, batch + CRC_START, size - CRC_START));
}

void batch_stamp_log_append_time(uint8_t *batch, size_t size, int64_t now)
{
    store_u16(batch + ATTRIBUTES_POSITION, load_u16(batch + ATTRIBUTES_POSITION) | BATCH_LOG_APPEND_TIME);
    batch_stamp_max_timestamp(batch, size, now);
}
