#include "writer.h"

#define FIRST_CAPACITY ((size_t)256)

void writer_init(writer *w, struct memory *memory, enum memory_purpose purpose, size_t limit)
{
    *w = (writer){.memory = memory, .purpose = purpose, .limit = limit};
}

void writer_close(writer *w)
{
    memory_free(w->memory, w->purpose, w->data, w->capacity);
    memory_free(w->memory, w->purpose, w->splices, w->splice_capacity * sizeof *w->splices);
    writer_init(w, w->memory, w->purpose, w->limit);
}

static bool grow(writer *w, size_t size)
{
    if (size > w->limit - w->size)
        return false;
    size_t capacity = w->capacity != 0 ? w->capacity : w->limit < FIRST_CAPACITY ? w->limit : FIRST_CAPACITY;
    while (capacity - w->size < size)
        capacity = capacity <= w->limit / 2 ? 2 * capacity : w->limit;
    uint8_t *data = memory_realloc(w->memory, w->purpose, w->data, w->capacity, capacity);
    if (data == NULL)
        return false;
    w->data = data;
    w->capacity = capacity;
    return true;
}

uint8_t *writer_extend(writer *w, size_t size)
{
    if (w->failed)
        return NULL;
    if (w->capacity - w->size < size && !grow(w, size)) {
        w->failed = true;
        return NULL;
    }
    uint8_t *place = w->data + w->size;
    w->size += size;
    return place;
}

void write_u8(writer *w, uint8_t value)
{
    uint8_t *p = writer_extend(w, 1);
    if (p != NULL)
        *p = value;
}

void write_u16(writer *w, uint16_t value)
{
    uint8_t *p = writer_extend(w, 2);
    if (p != NULL)
        store_u16(p, value);
}

void write_u32(writer *w, uint32_t value)
{
    uint8_t *p = writer_extend(w, 4);
    if (p != NULL)
        store_u32(p, value);
}

void write_u64(writer *w, uint64_t value)
{
    uint8_t *p = writer_extend(w, 8);
    if (p != NULL)
        store_u64(p, value);
}

void write_bytes(writer *w, slice bytes)
{
    if (bytes.size == 0)
        return;
    uint8_t *p = writer_extend(w, bytes.size);
    if (p != NULL)
        memcpy(p, bytes.data, bytes.size);
}

void write_unsigned_varlong(writer *w, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        write_u8(w, (uint8_t)(value | 0x80));
    write_u8(w, (uint8_t)value);
}

void write_unsigned_varint(writer *w, uint32_t value)
{
    write_unsigned_varlong(w, value);
}

static uint32_t zigzag32(int32_t value)
{
    return (uint32_t)value << 1 ^ (value < 0 ? UINT32_MAX : 0);
}

static uint64_t zigzag64(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

void write_varint(writer *w, int32_t value)
{
    write_unsigned_varlong(w, zigzag32(value));
}

void write_varlong(writer *w, int64_t value)
{
    write_unsigned_varlong(w, zigzag64(value));
}

void write_uuid(writer *w, struct uuid uuid)
{
    write_bytes(w, slice_of(uuid.bytes, sizeof uuid.bytes));
}

void write_string(writer *w, slice text)
{
    if (slice_is_null(text)) {
        write_i16(w, -1);
    } else if (text.size > INT16_MAX) {
        w->failed = true;
    } else {
        write_i16(w, (int16_t)text.size);
        write_bytes(w, text);
    }
}

void write_nullable_bytes(writer *w, slice bytes)
{
    if (slice_is_null(bytes)) {
        write_i32(w, -1);
    } else if (bytes.size > INT32_MAX) {
        w->failed = true;
    } else {
        write_i32(w, (int32_t)bytes.size);
        write_bytes(w, bytes);
    }
}

void write_compact_bytes(writer *w, slice bytes)
{
    if (slice_is_null(bytes)) {
        write_unsigned_varint(w, 0);
    } else if (bytes.size >= INT32_MAX) {
        w->failed = true;
    } else {
        write_unsigned_varint(w, (uint32_t)bytes.size + 1);
        write_bytes(w, bytes);
    }
}

static size_t bytes_of(uint64_t value)
{
    size_t size = 1;
    for (; value >= 0x80; value >>= 7)
        size++;
    return size;
}

size_t unsigned_varint_size(uint32_t value)
{
    return bytes_of(value);
}

size_t varint_size(int32_t value)
{
    return bytes_of(zigzag32(value));
}

size_t varlong_size(int64_t value)
{
    return bytes_of(zigzag64(value));
}

void write_splice(writer *w, size_t size, const void *source)
{
    if (w->failed || size == 0)
        return;
    if (w->splice_count == w->splice_capacity) {
        size_t capacity = w->splice_capacity != 0 ? 2 * w->splice_capacity : 4;
        struct writer_splice *splices = memory_realloc(
            w->memory, w->purpose, w->splices, w->splice_capacity * sizeof *splices, capacity * sizeof *splices);
        if (splices == NULL) {
            w->failed = true;
            return;
        }
        w->splices = splices;
        w->splice_capacity = capacity;
    }
    w->splices[w->splice_count++] = (struct writer_splice){.position = w->size, .size = size, .source = source};
    w->splice_bytes += size;
}
