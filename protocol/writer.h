/* The byte writer: values become bytes, big-endian, in one owned buffer that grows.
 *
 * A failed growth (ledger or limit) sticks; the writer then takes everything and writes nothing: one check with
 * writer_ok at the end. writer_close gives the buffer back.
 *
 * Splices: bytes that are part of the message but not of the buffer (record data in segment files). A splice stands at
 * a position of the buffer; the message is the buffer with each splice's bytes put in at its position. */
#pragma once

#include "memory.h"
#include "slice.h"
#include "uuid.h"

struct writer_splice {
    size_t position;    /* in the buffer: the splice's bytes come before the byte that stands there */
    size_t size;        /* bytes of the splice */
    const void *source; /* the caller's; the writer only carries it */
};

typedef struct writer {
    struct memory *memory;
    enum memory_purpose purpose;
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t limit; /* of size */
    struct writer_splice *splices;
    size_t splice_count;
    size_t splice_capacity;
    size_t splice_bytes; /* of all splices */
    bool failed;
} writer;

void writer_init(writer *w, struct memory *memory, enum memory_purpose purpose, size_t limit);
void writer_close(writer *w);

static inline bool writer_ok(const writer *w)
{
    return !w->failed;
}

/* What was written, without splices. */
static inline slice writer_slice(const writer *w)
{
    return slice_of(w->data, w->size);
}

/* Bytes of the message, splices included. */
static inline size_t writer_message_size(const writer *w)
{
    return w->size + w->splice_bytes;
}

/* Forgets what was written behind the first `size` bytes: for what was extended further than needed, or written in
 * vain. */
static inline void writer_cut(writer *w, size_t size)
{
    w->size = size;
}

/* Makes room for `size` more bytes and returns where they go, or NULL; the size is counted as written. */
uint8_t *writer_extend(writer *w, size_t size);

static inline void store_u16(uint8_t *p, uint16_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static inline void store_u32(uint8_t *p, uint32_t value)
{
    store_u16(p, (uint16_t)(value >> 16));
    store_u16(p + 2, (uint16_t)value);
}

static inline void store_u64(uint8_t *p, uint64_t value)
{
    store_u32(p, (uint32_t)(value >> 32));
    store_u32(p + 4, (uint32_t)value);
}

void write_u8(writer *w, uint8_t value);
void write_u16(writer *w, uint16_t value);
void write_u32(writer *w, uint32_t value);
void write_u64(writer *w, uint64_t value);

static inline void write_i8(writer *w, int8_t value)
{
    write_u8(w, (uint8_t)value);
}

static inline void write_i16(writer *w, int16_t value)
{
    write_u16(w, (uint16_t)value);
}

static inline void write_i32(writer *w, int32_t value)
{
    write_u32(w, (uint32_t)value);
}

static inline void write_i64(writer *w, int64_t value)
{
    write_u64(w, (uint64_t)value);
}

void write_bytes(writer *w, slice bytes);
void write_unsigned_varint(writer *w, uint32_t value);
void write_unsigned_varlong(writer *w, uint64_t value);
void write_varint(writer *w, int32_t value);
void write_varlong(writer *w, int64_t value);
void write_uuid(writer *w, struct uuid uuid);

/* i16 length, -1 for null; fails when longer than INT16_MAX. */
void write_string(writer *w, slice text);
/* i32 length, -1 for null. */
void write_nullable_bytes(writer *w, slice bytes);
/* Unsigned varint length + 1, 0 for null. */
void write_compact_bytes(writer *w, slice bytes);

/* Bytes of a varint. */
size_t unsigned_varint_size(uint32_t value);
size_t varint_size(int32_t value);
size_t varlong_size(int64_t value);

/* A place for a length that is known later. */
static inline size_t write_reserved_u32(writer *w)
{
    size_t position = w->size;
    write_u32(w, 0);
    return position;
}

static inline void writer_set_u32(writer *w, size_t position, uint32_t value)
{
    if (writer_ok(w))
        store_u32(w->data + position, value);
}

void write_splice(writer *w, size_t size, const void *source);
