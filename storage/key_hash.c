#include "key_hash.h"

#include "reader.h"

#define PRIME_BITS  61
#define PRIME       (((uint64_t)1 << PRIME_BITS) - 1)
#define CHUNK_BYTES 7
#define CHUNK_MASK  (((uint64_t)1 << (8 * CHUNK_BYTES)) - 1)

/* low and high of a number below 2^124, cut at bit 61. */
static inline uint64_t fold(uint64_t low, uint64_t high)
{
    uint64_t sum = low + high;
    return (sum & PRIME) + (sum >> PRIME_BITS);
}

uint64_t key_hash_multiply_by_parts(uint64_t a, uint64_t b)
{
    uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    uint64_t low = a0 * b0;
    uint64_t middle = a1 * b0 + (low >> 32); /* a1 is below 2^30: no overflow */
    uint64_t other = a0 * b1 + (uint32_t)middle;
    uint64_t top = a1 * b1 + (middle >> 32) + (other >> 32); /* bits from 64 on */
    uint64_t bottom = other << 32 | (uint32_t)low;
    return fold(bottom & PRIME, top << (64 - PRIME_BITS) | bottom >> PRIME_BITS);
}

static inline uint64_t multiply(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return fold((uint64_t)product & PRIME, (uint64_t)(product >> PRIME_BITS));
#else
    return key_hash_multiply_by_parts(a, b);
#endif
}

/* 7 of the 8 bytes at p; which byte order, does not matter. */
static inline uint64_t first_seven(const uint8_t *p)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return key_hash_load(p) & CHUNK_MASK;
#else
    return key_hash_load(p) >> 8;
#endif
}

static inline uint64_t last_seven(const uint8_t *p)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return key_hash_load(p) >> 8;
#else
    return key_hash_load(p) & CHUNK_MASK;
#endif
}

static inline uint64_t few_bytes(slice key)
{
    uint64_t value = 0;
    for (size_t i = 0; i < key.size; i++)
        value = value << 8 | key.data[i];
    return value;
}

/* A bijection: no two values become one. */
static inline uint64_t spread(uint64_t value)
{
    value ^= value >> 32;
    value *= 0x9e3779b97f4a7c15;
    return value ^ value >> 29;
}

uint64_t key_hash_polynomial(const struct key_hasher *hasher, int which, slice key)
{
    uint64_t point = hasher->points[which];
    uint64_t sum = key.size & PRIME; /* the leading coefficient */
    if (key.size < sizeof(uint64_t)) {
        sum = multiply(sum, point) + few_bytes(key);
    } else {
        /* The last chunk ends with the key, and may begin in the one before. */
        for (size_t at = 0; at + sizeof(uint64_t) <= key.size; at += CHUNK_BYTES)
            sum = multiply(sum, point) + first_seven(key.data + at);
        sum = multiply(sum, point) + last_seven(key.data + key.size - sizeof(uint64_t));
    }
    sum = multiply(sum, point) + hasher->points_added[which];
    sum = (sum & PRIME) + (sum >> PRIME_BITS);
    return spread(sum >= PRIME ? sum - PRIME : sum);
}

/* Shorter than a word of 64 bits, or longer than there are weights for. */
uint32_t key_hash_first_of_other(const struct key_hasher *hasher, slice key)
{
    uint64_t words = key.size < sizeof(uint64_t) ? few_bytes(key) : key_hash_polynomial(hasher, 1, key);
    uint64_t sum = hasher->added + key.size * hasher->length_weight + key_hash_term(hasher, 0, words);
    return (uint32_t)(sum >> 32);
}

void key_hasher_init(struct key_hasher *hasher, const uint8_t secret[KEY_HASH_SECRET_SIZE])
{
    reader r = reader_of(slice_of(secret, KEY_HASH_SECRET_SIZE));
    for (int i = 0; i < 2 * KEY_HASH_TERMS; i++)
        hasher->weights[i] = read_u64(&r);
    hasher->length_weight = read_u64(&r);
    hasher->added = read_u64(&r);
    for (int i = 0; i < 2; i++) {
        hasher->points[i] = (read_u64(&r) & PRIME) % PRIME;
        hasher->points_added[i] = (read_u64(&r) & PRIME) % PRIME;
    }
}
