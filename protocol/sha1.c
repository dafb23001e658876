#include "sha1.h"

#include "reader.h"
#include "writer.h"

#define BLOCK 64

static uint32_t rotate_left(uint32_t value, unsigned bits)
{
    return value << bits | value >> (32 - bits);
}

/* Section 4.1.1 and 4.2.1: the function and the constant of a round. */
static uint32_t mix(unsigned round, uint32_t b, uint32_t c, uint32_t d)
{
    if (round < 20)
        return ((b & c) | (~b & d)) + 0x5a827999;
    if (round < 40)
        return (b ^ c ^ d) + 0x6ed9eba1;
    if (round < 60)
        return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
    return (b ^ c ^ d) + 0xca62c1d6;
}

static void add_block(uint32_t state[5], const uint8_t *block)
{
    uint32_t words[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (unsigned i = 0; i < 16; i++)
        words[i] = load_u32(block + 4 * i);
    for (unsigned i = 16; i < 80; i++)
        words[i] = rotate_left(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
    for (unsigned i = 0; i < 80; i++) {
        uint32_t next = rotate_left(a, 5) + mix(i, b, c, d) + e + words[i];
        e = d;
        d = c;
        c = rotate_left(b, 30);
        b = a;
        a = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}

void sha1(slice message, uint8_t digest[SHA1_SIZE])
{
    uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    size_t whole = message.size / BLOCK * BLOCK, rest = message.size - whole;
    for (size_t at = 0; at < whole; at += BLOCK)
        add_block(state, message.data + at);
    /* A one bit, zeros, and the length in bits. */
    uint8_t last[2 * BLOCK] = {0};
    size_t size = rest + 1 + 8 <= BLOCK ? BLOCK : 2 * BLOCK;
    if (rest > 0)
        memcpy(last, message.data + whole, rest);
    last[rest] = 0x80;
    store_u64(last + size - 8, (uint64_t)message.size * 8);
    for (size_t at = 0; at < size; at += BLOCK)
        add_block(state, last + at);
    for (size_t i = 0; i < 5; i++)
        store_u32(digest + 4 * i, state[i]);
}
