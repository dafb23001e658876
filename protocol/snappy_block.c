#include "snappy_block.h"

#include "reader.h"

/* Matches are looked for within fragments: positions then fit 16 bits, and so do the offsets of copies. */
#define FRAGMENT_SIZE ((size_t)1 << 16)
/* Shorter fragments are one literal. */
#define FRAGMENT_MIN ((size_t)16)

enum tag { TAG_LITERAL, TAG_COPY_1, TAG_COPY_2, TAG_COPY_4 };

/* Little end first on every machine, so the same input gives the same block. */
static inline uint32_t load_little_u32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static uint8_t *put_literal(uint8_t *to, const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return to;
    size_t n = size - 1;
    if (n < 60) {
        *to++ = (uint8_t)(n << 2 | TAG_LITERAL);
    } else if (n < 256) {
        *to++ = 60 << 2 | TAG_LITERAL;
        *to++ = (uint8_t)n;
    } else {
        *to++ = 61 << 2 | TAG_LITERAL;
        *to++ = (uint8_t)n;
        *to++ = (uint8_t)(n >> 8);
    }
    memcpy(to, bytes, size);
    return to + size;
}

static uint8_t *put_copy_2(uint8_t *to, size_t offset, size_t length)
{
    *to++ = (uint8_t)((length - 1) << 2 | TAG_COPY_2);
    *to++ = (uint8_t)offset;
    *to++ = (uint8_t)(offset >> 8);
    return to;
}

/* A copy takes at most 64 bytes, and the short form 4 to 11: never leave fewer than 4 for the last. */
static uint8_t *put_copy(uint8_t *to, size_t offset, size_t length)
{
    for (; length >= 68; length -= 64)
        to = put_copy_2(to, offset, 64);
    if (length > 64) {
        to = put_copy_2(to, offset, 60);
        length -= 60;
    }
    if (length >= 12 || offset >= 2048)
        return put_copy_2(to, offset, length);
    *to++ = (uint8_t)((offset >> 8) << 5 | (length - 4) << 2 | TAG_COPY_1);
    *to++ = (uint8_t)offset;
    return to;
}

static inline uint32_t hash(const uint8_t *p, unsigned shift)
{
    return load_little_u32(p) * 0x1e35a7bdU >> shift;
}

static size_t match_length(const uint8_t *a, const uint8_t *b, const uint8_t *b_end)
{
    const uint8_t *start = b;
    while (b_end - b >= 8 && memcmp(a, b, 8) == 0) {
        a += 8;
        b += 8;
    }
    while (b < b_end && *a == *b) {
        a++;
        b++;
    }
    return (size_t)(b - start);
}

/* Greedy: the last position with the same hash, taken when four bytes agree. The longer nothing matches, the larger
 * the steps: incompressible data passes quickly. */
static uint8_t *compress_fragment(const uint8_t *bytes, size_t size, uint8_t *to, uint16_t *table)
{
    unsigned shift = 32 - 8;
    while (shift > 32 - 14 && (size_t)1 << (32 - shift) < size)
        shift--;
    memset(table, 0, sizeof *table << (32 - shift));

    size_t literal = 0, misses = 32;
    for (size_t i = 1; size >= FRAGMENT_MIN && i <= size - 4;) {
        uint32_t slot = hash(bytes + i, shift);
        size_t candidate = table[slot];
        table[slot] = (uint16_t)i;
        if (memcmp(bytes + candidate, bytes + i, 4) != 0) {
            i += misses++ / 32;
            continue;
        }
        to = put_literal(to, bytes + literal, i - literal);
        size_t length = 4 + match_length(bytes + candidate + 4, bytes + i + 4, bytes + size);
        to = put_copy(to, i - candidate, length);
        i += length;
        literal = i;
        misses = 32;
        if (i <= size - 4)
            table[hash(bytes + i - 1, shift)] = (uint16_t)(i - 1);
    }
    return put_literal(to, bytes + literal, size - literal);
}

size_t snappy_block_compress(slice input, uint8_t *to, uint16_t *table)
{
    uint8_t *start = to;
    size_t rest = input.size;
    for (; rest >= 0x80; rest >>= 7)
        *to++ = (uint8_t)(rest | 0x80);
    *to++ = (uint8_t)rest;
    for (size_t i = 0; i < input.size; i += FRAGMENT_SIZE) {
        size_t left = input.size - i;
        to = compress_fragment(input.data + i, left < FRAGMENT_SIZE ? left : FRAGMENT_SIZE, to, table);
    }
    return (size_t)(to - start);
}

bool snappy_block_size(slice block, size_t *size)
{
    reader r = reader_of(block);
    *size = read_unsigned_varint(&r);
    /* The densest element makes 64 bytes of 3. */
    return reader_ok(&r) && *size / 22 <= reader_left(&r);
}

struct output {
    uint8_t *data;
    size_t size;
    size_t position;
};

static bool put_input(struct output *out, reader *r, size_t size)
{
    const uint8_t *bytes = reader_take(r, size);
    if (bytes == NULL || size > out->size - out->position)
        return false;
    memcpy(out->data + out->position, bytes, size);
    out->position += size;
    return true;
}

/* A copy may reach into what it makes itself: a run. Each round doubles what can be copied at once. */
static bool put_back_reference(struct output *out, size_t offset, size_t length)
{
    if (offset == 0 || offset > out->position || length > out->size - out->position)
        return false;
    uint8_t *to = out->data + out->position;
    const uint8_t *from = to - offset;
    out->position += length;
    if (offset >= 16 && length <= 16 && out->size - out->position >= 16) {
        memcpy(to, from, 16);
        return true;
    }
    while (length > offset) {
        memcpy(to, from, offset);
        to += offset;
        length -= offset;
        offset *= 2;
    }
    memcpy(to, from, length);
    return true;
}

static uint32_t read_little(reader *r, size_t size)
{
    const uint8_t *p = reader_take(r, size);
    uint32_t value = 0;
    for (size_t i = 0; p != NULL && i < size; i++)
        value |= (uint32_t)p[i] << 8 * i;
    return value;
}

static bool literal(struct output *out, reader *r, unsigned tag)
{
    size_t n = tag >> 2;
    if (n >= 60)
        n = read_little(r, n - 59);
    return n < out->size && put_input(out, r, n + 1);
}

bool snappy_block_decompress(slice block, uint8_t *to, size_t size)
{
    struct output out = {to, size, 0};
    reader r = reader_of(block);
    read_unsigned_varint(&r);
    while (reader_left(&r) != 0) {
        unsigned tag = read_u8(&r);
        bool fits;
        switch ((enum tag)(tag & 3)) {
        case TAG_LITERAL:
            fits = literal(&out, &r, tag);
            break;
        case TAG_COPY_1:
            fits = put_back_reference(&out, (tag >> 5) << 8 | read_u8(&r), (tag >> 2 & 7) + 4);
            break;
        case TAG_COPY_2:
            fits = put_back_reference(&out, read_little(&r, 2), (tag >> 2) + 1);
            break;
        default:
            fits = put_back_reference(&out, read_little(&r, 4), (tag >> 2) + 1);
            break;
        }
        if (!fits || !reader_ok(&r))
            return false;
    }
    return reader_ok(&r) && out.position == size;
}
