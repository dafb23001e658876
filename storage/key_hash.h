/* The hash by which compaction tells keys apart: 96 bits, so wide that keys are not compared.
 *
 * A key is cut into chunks of 7 bytes. They and its length are the coefficients of a polynomial, evaluated modulo the
 * prime 2^61 - 1 at a secret point, times the point once more, plus a secret number; twice, with secrets of their own.
 * A fixed bijection spreads each value over 64 bits; the first gives words 0 and 1, the second's upper half word 2.
 *
 * Why a collision is out of the question. For two keys of at most n chunks the polynomials differ, and their
 * difference, whatever it is to be, is met at no more than n + 1 of the 2^61 points. The number that is added makes
 * each value uniform, so what is cut off costs its bits and no more: both hashes agree with a probability of at most (n
 * + 1)/2^61 * (n + 1)/2^32. That is a proof, for any two keys that were chosen without the secret, and the secret is
 * fresh for each run of compaction and never leaves it. For 10 million keys of 20 bytes: 2^46 pairs, less than one
 * chance in 2^42; one wrong bit from memory without ECC is likelier by far.
 *
 * Only additions, shifts and multiplications of 32 bits into 64, where the machine has no more. */
#pragma once

#include "slice.h"

#define KEY_HASH_SECRET_SIZE 32

struct key_hasher {
    uint64_t points[2]; /* below 2^61 - 1 */
    uint64_t added[2];
};

void key_hasher_init(struct key_hasher *hasher, const uint8_t secret[KEY_HASH_SECRET_SIZE]);

/* The first hash, words 0 and 1; `which` 1: the second. */
uint64_t key_hash(const struct key_hasher *hasher, int which, slice key);

/* a * b modulo 2^61 - 1, not fully reduced (below 2^61 + 4), for a below 2^62 and b below 2^61. By 32-bit parts; for
 * tests, the hash takes it where the machine has no product of 128 bits. */
uint64_t key_hash_multiply_by_parts(uint64_t a, uint64_t b);
