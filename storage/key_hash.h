/* The hash by which compaction tells keys apart: 96 bits, so wide that keys are not compared.
 *
 * Two hashes with secrets of their own. The first, 32 bits, is computed for every record of every reading, for it says
 * in which slice of the key space the key is: the upper half of
 *     added + length * weight + sum of (a[i] + x[i]) * (b[i] + y[i])  modulo 2^64
 * where a and b are the key's 32-bit words in turn and the others are secret (Lemire and Kaser, "Strongly universal
 * string hashing is fast", 2014, multilinear-HM). The second, 61 bits, is for the keys of the slice: the key's length
 * and its chunks of 7 bytes are the coefficients of a polynomial modulo the prime 2^61 - 1, evaluated at a secret
 * point, times the point once more, plus a secret number. Of a key longer than 64 bytes the first hash takes the value
 * of such a polynomial at another point.
 *
 * Why a collision is out of the question. Any two different keys have the same first hash with a probability of 2^-32
 * at most (theorem 3.1 there; of keys of different lengths, the term with the length is a multilinear hash). The
 * polynomials of two keys of at most n chunks differ, and they meet at no more than n + 1 of the 2^61 points. Both at
 * once: (n + 1)/2^93. That holds for any two keys that were chosen without the secrets, and these are fresh for each
 * run of compaction and never leave it. For 10 million keys of 20 bytes, which are 2^46 pairs: one chance in 2^44. One
 * wrong bit from memory without ECC is likelier by far.
 *
 * Only additions, shifts and multiplications of 32 bits into 64, where the machine has no more. */
#pragma once

#include "slice.h"

#define KEY_HASH_TERMS       8 /* of the first hash: keys of up to 64 bytes */
#define KEY_HASH_SECRET_SIZE (8 * (6 + 2 * KEY_HASH_TERMS))

struct key_hasher {
    uint64_t weights[2 * KEY_HASH_TERMS]; /* x and y in turn */
    uint64_t length_weight;
    uint64_t added;
    uint64_t points[2]; /* below 2^61 - 1 */
    uint64_t points_added[2];
};

void key_hasher_init(struct key_hasher *hasher, const uint8_t secret[KEY_HASH_SECRET_SIZE]);

/* The second hash, spread over 64 bits; `which` 1: at the other point. */
uint64_t key_hash_polynomial(const struct key_hasher *hasher, int which, slice key);

/* 8 bytes in the machine's order: which, does not matter here. */
static inline uint64_t key_hash_load(const uint8_t *p)
{
    uint64_t value;
    memcpy(&value, p, sizeof value);
    return value;
}

static inline uint64_t key_hash_term(const struct key_hasher *hasher, int i, uint64_t words)
{
    return ((uint32_t)words + hasher->weights[2 * i]) * ((words >> 32) + hasher->weights[2 * i + 1]);
}

uint32_t key_hash_first_of_other(const struct key_hasher *hasher, slice key);

/* The first hash. Inline: it is all that most records of a reading need. The last two words of a key may overlap those
 * before; together with the length they say the same. */
static inline uint32_t key_hash_first(const struct key_hasher *hasher, slice key)
{
    if (key.size < sizeof(uint64_t) || key.size > KEY_HASH_TERMS * sizeof(uint64_t))
        return key_hash_first_of_other(hasher, key);
    uint64_t sum = hasher->added + key.size * hasher->length_weight;
    size_t at = 0;
    int i = 0;
    for (; at + sizeof(uint64_t) < key.size; at += sizeof(uint64_t))
        sum += key_hash_term(hasher, i++, key_hash_load(key.data + at));
    sum += key_hash_term(hasher, i, key_hash_load(key.data + key.size - sizeof(uint64_t)));
    return (uint32_t)(sum >> 32);
}

/* a * b modulo 2^61 - 1, not fully reduced (below 2^61 + 8), for a below 2^62 and b below 2^61. By 32-bit parts; for
 * tests, the hash takes it where the machine has no product of 128 bits. */
uint64_t key_hash_multiply_by_parts(uint64_t a, uint64_t b);
