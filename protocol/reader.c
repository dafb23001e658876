#include "reader.h"

struct varint varint_parse(const uint8_t *bytes, size_t left, unsigned bits)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < bits && left != 0; shift += 7, bytes++, left--) {
        uint64_t digit = *bytes & 0x7f;
        if (bits - shift < 7 && digit >> (bits - shift) != 0)
            break;
        value |= digit << shift;
        if (*bytes < 0x80)
            return (struct varint){value, shift / 7 + 1};
        if (bits - shift <= 7)
            break;
    }
    return (struct varint){0, 0};
}

struct uuid read_uuid(reader *r)
{
    struct uuid uuid = {{0}};
    const uint8_t *p = reader_take(r, sizeof uuid.bytes);
    if (p != NULL)
        memcpy(uuid.bytes, p, sizeof uuid.bytes);
    return uuid;
}

static slice read_sized(reader *r, int64_t size)
{
    if (size == -1)
        return NULL_SLICE;
    if (size < 0 || (uint64_t)size > reader_left(r)) {
        reader_fail(r);
        return NULL_SLICE;
    }
    return read_bytes(r, (size_t)size);
}

slice read_string(reader *r)
{
    return read_sized(r, read_i16(r));
}

slice read_nullable_bytes(reader *r)
{
    return read_sized(r, read_i32(r));
}

slice read_compact_bytes(reader *r)
{
    return read_sized(r, (int64_t)read_unsigned_varint(r) - 1);
}
