#include "key_hash.h"

#include "seeded_random.h"

#include "check.h"

#include <stdlib.h>

#define PRIME (((uint64_t)1 << 61) - 1)

static void make_hasher(struct key_hasher *hasher, uint64_t seed)
{
    struct seeded_random random = {seed};
    uint8_t secret[KEY_HASH_SECRET_SIZE];
    for (size_t i = 0; i < sizeof secret; i++)
        secret[i] = (uint8_t)random_next(&random);
    key_hasher_init(hasher, secret);
}

/* Doubling and adding: nothing that could overflow. */
static uint64_t multiply_slowly(uint64_t a, uint64_t b)
{
    uint64_t result = 0;
    for (a %= PRIME; b != 0; b >>= 1) {
        if ((b & 1) != 0)
            result = (result + a) % PRIME;
        a = a * 2 % PRIME;
    }
    return result;
}

static void products_are_those_modulo_the_prime(void)
{
    static const uint64_t corners[] = {
        0, 1, 2, 0xffffffff, (uint64_t)1 << 32, PRIME - 1, PRIME, ((uint64_t)1 << 61) - 2, ((uint64_t)1 << 60) + 1};
    size_t count = sizeof corners / sizeof corners[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++)
            CHECK(key_hash_multiply_by_parts(corners[i], corners[j]) % PRIME ==
                  multiply_slowly(corners[i], corners[j]));
    }
    struct seeded_random random = {1};
    for (int i = 0; i < 10000; i++) {
        uint64_t a = random_next(&random) >> 2;
        uint64_t b = random_next(&random) >> 3;
        uint64_t product = key_hash_multiply_by_parts(a, b);
        CHECK(product < ((uint64_t)1 << 61) + 8 && product % PRIME == multiply_slowly(a, b));
    }
}

static void every_byte_and_the_length_count(void)
{
    struct key_hasher hasher;
    make_hasher(&hasher, 2);
    uint8_t key[200];
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(i * 7);
    for (size_t size = 0; size < 150; size++) {
        slice whole = slice_of(key + 3, size);
        uint32_t first = key_hash_first(&hasher, whole);
        uint64_t second = key_hash_polynomial(&hasher, 0, whole);
        uint64_t third = key_hash_polynomial(&hasher, 1, whole);
        CHECK(second != third);
        for (size_t i = 0; i < size; i++) {
            key[3 + i] ^= 0x10;
            CHECK(key_hash_first(&hasher, whole) != first || key_hash_polynomial(&hasher, 0, whole) != second);
            CHECK(key_hash_polynomial(&hasher, 0, whole) != second);
            CHECK(key_hash_polynomial(&hasher, 1, whole) != third);
            key[3 + i] ^= 0x10;
        }
        CHECK(key_hash_polynomial(&hasher, 0, slice_of(key + 3, size + 1)) != second);
    }
}

static void bytes_around_the_key_and_its_place_do_not_count(void)
{
    struct key_hasher hasher;
    make_hasher(&hasher, 3);
    for (size_t size = 0; size < 80; size++) {
        uint8_t one[128];
        uint8_t other[128];
        memset(one, 1, sizeof one);
        memset(other, 2, sizeof other);
        for (size_t i = 0; i < size; i++)
            one[16 + i] = other[21 + i] = (uint8_t)(i + size);
        slice a = slice_of(one + 16, size);
        slice b = slice_of(other + 21, size);
        CHECK(key_hash_first(&hasher, a) == key_hash_first(&hasher, b));
        CHECK(key_hash_polynomial(&hasher, 0, a) == key_hash_polynomial(&hasher, 0, b));
    }
}

static void zeros_of_another_number_are_another_key(void)
{
    struct key_hasher hasher;
    make_hasher(&hasher, 4);
    static const uint8_t zeros[100];
    uint64_t seen[101];
    for (size_t size = 0; size <= 100; size++) {
        seen[size] = key_hash_polynomial(&hasher, 0, slice_of(zeros, size));
        for (size_t i = 0; i < size; i++)
            CHECK(seen[i] != seen[size]);
    }
}

static int compare_words(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* Numbers in a row are the usual keys. 200,000 of them meet in 32 bits about 4.7 times by the birthday bound; together
 * with the other hash never. */
static void keys_that_follow_each_other_spread_evenly(void)
{
    enum { KEYS = 200000, PARTS = 64 };
    struct key_hasher hasher;
    make_hasher(&hasher, 5);
    uint32_t parts[PARTS] = {0};
    uint32_t places[PARTS] = {0};
    uint64_t *firsts = malloc(KEYS * sizeof *firsts);
    REQUIRE(firsts != NULL);
    for (uint32_t i = 0; i < KEYS; i++) {
        char text[32];
        int length = snprintf(text, sizeof text, "user-%u", i);
        slice key = slice_of(text, (size_t)length);
        uint32_t first = key_hash_first(&hasher, key);
        uint64_t second = key_hash_polynomial(&hasher, 0, key);
        parts[first >> 26]++;
        places[(uint32_t)second >> 26]++;
        firsts[i] = first;
    }
    qsort(firsts, KEYS, sizeof *firsts, compare_words);
    uint32_t same = 0;
    for (uint32_t i = 1; i < KEYS; i++)
        same += firsts[i] == firsts[i - 1];
    free(firsts);
    CHECK(same < 40);
    for (int i = 0; i < PARTS; i++) {
        CHECK(parts[i] > KEYS / PARTS / 2 && parts[i] < KEYS / PARTS * 2);
        CHECK(places[i] > KEYS / PARTS / 2 && places[i] < KEYS / PARTS * 2);
    }
}

SUITE("key hash", CHECK_TEST(products_are_those_modulo_the_prime), CHECK_TEST(every_byte_and_the_length_count),
      CHECK_TEST(bytes_around_the_key_and_its_place_do_not_count), CHECK_TEST(zeros_of_another_number_are_another_key),
      CHECK_TEST(keys_that_follow_each_other_spread_evenly))
