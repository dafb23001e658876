/* The byte reader: the only way by which bytes from outside become values.
 *
 * A cursor over a borrowed slice, big-endian as the Kafka protocol is. A read past the end gives zeros or null and
 * sticks: one check with reader_ok after many reads. Nothing is copied, loads are never unaligned. */
#pragma once

#include "slice.h"
#include "uuid.h"

typedef struct reader {
    const uint8_t *data;
    size_t size;
    size_t position; /* <= size */
    bool failed;
} reader;

static inline reader reader_of(slice bytes)
{
    return (reader){bytes.data, bytes.size, 0, false};
}

static inline bool reader_ok(const reader *r)
{
    return !r->failed;
}

static inline size_t reader_left(const reader *r)
{
    return r->failed ? 0 : r->size - r->position;
}

/* Marks the read as failed: for a caller that found a value which the protocol forbids. */
static inline void reader_fail(reader *r)
{
    r->failed = true;
}

/* The next `size` bytes, or NULL. */
static inline const uint8_t *reader_take(reader *r, size_t size)
{
    if (r->failed || r->size - r->position < size) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *bytes = r->data + r->position;
    r->position += size;
    return bytes;
}

static inline uint16_t load_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t load_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t load_u64(const uint8_t *p)
{
    return (uint64_t)load_u32(p) << 32 | load_u32(p + 4);
}

static inline uint8_t read_u8(reader *r)
{
    const uint8_t *p = reader_take(r, 1);
    return p != NULL ? p[0] : 0;
}

static inline uint16_t read_u16(reader *r)
{
    const uint8_t *p = reader_take(r, 2);
    return p != NULL ? load_u16(p) : 0;
}

static inline uint32_t read_u32(reader *r)
{
    const uint8_t *p = reader_take(r, 4);
    return p != NULL ? load_u32(p) : 0;
}

static inline uint64_t read_u64(reader *r)
{
    const uint8_t *p = reader_take(r, 8);
    return p != NULL ? load_u64(p) : 0;
}

static inline int8_t read_i8(reader *r)
{
    return (int8_t)read_u8(r);
}

static inline int16_t read_i16(reader *r)
{
    return (int16_t)read_u16(r);
}

static inline int32_t read_i32(reader *r)
{
    return (int32_t)read_u32(r);
}

static inline int64_t read_i64(reader *r)
{
    return (int64_t)read_u64(r);
}

/* A borrowed part of the input. */
static inline slice read_bytes(reader *r, size_t size)
{
    const uint8_t *p = reader_take(r, size);
    return p != NULL ? slice_of(p, size) : NULL_SLICE;
}

struct varint {
    uint64_t value;
    size_t size; /* bytes; 0 when there is none in them that fits */
};

/* Base-128, little end first, at the start of `left` bytes; `bits` bounds the value. By value and not through the
 * reader, so that a reader in a loop can live in registers. */
struct varint varint_parse(const uint8_t *bytes, size_t left, unsigned bits);

/* Most take one byte or two: lengths and deltas of records. */
static inline uint64_t read_base128(reader *r, unsigned bits)
{
    size_t left = reader_left(r);
    if (left == 0) {
        r->failed = true;
        return 0;
    }
    const uint8_t *p = r->data + r->position;
    if (p[0] < 0x80) {
        r->position += 1;
        return p[0];
    }
    if (left >= 2 && p[1] < 0x80) {
        r->position += 2;
        return (uint64_t)p[1] << 7 | (p[0] & 0x7f);
    }
    struct varint parsed = varint_parse(p, left, bits);
    r->failed |= parsed.size == 0;
    r->position += parsed.size;
    return parsed.value;
}

/* Fail on more than 5 or 10 bytes and on bits beyond the type. */
static inline uint32_t read_unsigned_varint(reader *r)
{
    return (uint32_t)read_base128(r, 32);
}

static inline uint64_t read_unsigned_varlong(reader *r)
{
    return read_base128(r, 64);
}

/* Zigzag, as in record batches. */
static inline int32_t read_varint(reader *r)
{
    uint32_t value = read_unsigned_varint(r);
    return (int32_t)(value >> 1 ^ (0U - (value & 1)));
}

static inline int64_t read_varlong(reader *r)
{
    uint64_t value = read_unsigned_varlong(r);
    return (int64_t)(value >> 1 ^ (0U - (value & 1)));
}

struct uuid read_uuid(reader *r);

/* i16 length, -1 is null. */
slice read_string(reader *r);
/* i32 length, -1 is null. */
slice read_nullable_bytes(reader *r);
/* Unsigned varint length + 1, 0 is null: strings and bytes of flexible versions. */
slice read_compact_bytes(reader *r);
