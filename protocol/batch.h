/* The record batch, magic 2 ("Message Format" in Kafka's documentation): its header, scanning and stamping. What a
 * producer sent is checked with batch_validate.h, records are walked with batch_iterator.h, batches made with
 * batch_builder.h.
 *
 * All slices are borrowed; nothing here allocates. */
#pragma once

#include "compression.h"
#include "slice.h"
#include "status.h"

#define BATCH_HEADER_SIZE     61 /* bytes before the records */
#define BATCH_LENGTH_OFFSET   12 /* base offset and length field: the length counts what follows them */
#define BATCH_MAGIC           2

#define BATCH_CODEC_MASK      0x07
#define BATCH_LOG_APPEND_TIME 0x08
#define BATCH_TRANSACTIONAL   0x10
#define BATCH_CONTROL         0x20
#define BATCH_DELETE_HORIZON  0x40 /* base_timestamp is when tombstones and markers may go */

#define BATCH_NO_PRODUCER_ID  (-1)
#define BATCH_NO_SEQUENCE     (-1)
#define BATCH_NO_TIMESTAMP    (-1)
#define BATCH_NO_LEADER_EPOCH (-1)

struct batch_header {
    int64_t base_offset;
    int32_t length; /* bytes after this field; batch_size() has the whole */
    int32_t leader_epoch;
    int8_t magic;
    uint32_t crc; /* over attributes to the end of the batch */
    int16_t attributes;
    int32_t last_offset_delta;
    int64_t base_timestamp; /* ms; the first record's, or the delete horizon */
    int64_t max_timestamp;  /* ms; of all records, or the append time */
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    int32_t count; /* records; fewer than offsets once compacted, and 0 is possible then */
};

/* Bytes of the whole batch. */
static inline size_t batch_size(const struct batch_header *header)
{
    return (size_t)header->length + BATCH_LENGTH_OFFSET;
}

static inline int64_t batch_last_offset(const struct batch_header *header)
{
    return header->base_offset + header->last_offset_delta;
}

static inline bool batch_has_producer(const struct batch_header *header)
{
    return header->producer_id >= 0;
}

/* Sequences go on at 0 after INT32_MAX. */
static inline int32_t batch_last_sequence(const struct batch_header *header)
{
    if (header->base_sequence < 0)
        return BATCH_NO_SEQUENCE;
    uint32_t sequence = (uint32_t)header->base_sequence + (uint32_t)header->last_offset_delta;
    return (int32_t)(sequence & INT32_MAX);
}

/* May be CODECS or more in a header that batch_validate has not seen. */
static inline enum codec batch_codec(const struct batch_header *header)
{
    return (enum codec)(header->attributes & BATCH_CODEC_MASK);
}

static inline bool batch_is_log_append_time(const struct batch_header *header)
{
    return (header->attributes & BATCH_LOG_APPEND_TIME) != 0;
}

static inline bool batch_is_transactional(const struct batch_header *header)
{
    return (header->attributes & BATCH_TRANSACTIONAL) != 0;
}

static inline bool batch_is_control(const struct batch_header *header)
{
    return (header->attributes & BATCH_CONTROL) != 0;
}

/* The header in the first 61 bytes; the rest of the batch need not be there, and the CRC is not looked at.
 * Errors: FURROW_MALFORMED when fewer than 61 bytes are given (17 suffice to refuse an old magic); FURROW_UNSUPPORTED
 * for magic 0 and 1, with header->length and header->magic set; FURROW_CORRUPT for a length, magic, offset, offset
 * delta or count that no batch has. */
MUST_USE int batch_parse_header(slice bytes, struct batch_header *header, struct error *error);

/* True when the CRC in the header is that of the bytes; `batch` is exactly one batch. */
bool batch_crc_matches(slice batch, const struct batch_header *header);

/* The next whole batch of a buffer with several, as in a segment read in chunks: 1 with header and batch set and *rest
 * moved behind it; 0 when *rest is empty or starts with a part of a batch; else an error of batch_parse_header. The
 * CRC is not looked at. When 0 with 61 bytes or more left, header is set and says how many bytes the batch has. */
MUST_USE int batch_next(slice *rest, struct batch_header *header, slice *batch, struct error *error);

/* The header in front of its records: `batch` has batch_size(header) bytes. Sets the CRC in both. */
void batch_write_header(uint8_t *batch, struct batch_header *header);

/* In place, outside of what the CRC covers. `batch` has at least the header. */
void batch_stamp_offset(uint8_t *batch, int64_t base_offset, int32_t leader_epoch);

/* Makes it a batch of append time `now` (ms): bit 3, max_timestamp, and the CRC anew over `size` bytes of batch. */
void batch_stamp_log_append_time(uint8_t *batch, size_t size, int64_t now);

/* Corrects a max_timestamp that the sender got wrong, and the CRC. */
void batch_stamp_max_timestamp(uint8_t *batch, size_t size, int64_t max_timestamp);
