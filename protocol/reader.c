#include "reader.h"

uint64_t read_long_unsigned_varlong(reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = read_u8(r);
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return reader_ok(r) ? value : 0;
    }
    reader_fail(r);
    return 0;
}

uint32_t read_long_unsigned_varint(reader *r)
{
    uint32_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        uint8_t byte = read_u8(r);
        if (shift == 28 && byte > 0x0f)
            break;
        value |= (uint32_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return reader_ok(r) ? value : 0;
    }
    reader_fail(r);
    return 0;
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
