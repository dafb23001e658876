#include "check.h"
#include "sha1.h"

#include <stdlib.h>

static bool digest_is(slice message, const char *expected)
{
    uint8_t digest[SHA1_SIZE];
    char text[2 * SHA1_SIZE + 1];
    sha1(message, digest);
    for (size_t i = 0; i < SHA1_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return strcmp(text, expected) == 0;
}

/* RFC 3174, section 7.3, and NIST's examples. */
static void published_vectors(void)
{
    CHECK(digest_is(NULL_SLICE, "da39a3ee5e6b4b0d3255bfef95601890afd80709"));
    CHECK(digest_is(slice_of_text("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d"));
    CHECK(digest_is(slice_of_text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
                    "84983e441c3bd26ebaae4aa1f95129e5e54670f1"));
    CHECK(digest_is(slice_of_text("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                                  "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"),
                    "a49b2446a02c645bf419f995b67091253a04a259"));
    enum { MILLION = 1000000 };
    uint8_t *a = malloc(MILLION);
    REQUIRE(a != NULL);
    memset(a, 'a', MILLION);
    CHECK(digest_is(slice_of(a, MILLION), "34aa973cd4c4daa4f61eeb2bdbad27316534016f"));
    free(a);
}

/* Where the padding begins a block of its own; from CPython's hashlib. */
static void lengths_around_a_block(void)
{
    static const struct {
        size_t size;
        const char *digest;
    } cases[] = {
        {1, "11f6ad8ec52a2984abaafd7c3b516503785c2072"},   {55, "cef734ba81a024479e09eb5a75b6ddae62e6abf1"},
        {56, "901305367c259952f4e7af8323f480d59f81335b"},  {57, "025ecbd5d70f8fb3c5457cd96bab13fda305dc59"},
        {63, "0ddc4e0cccd9a12850deb5abb0853a4425559fec"},  {64, "bb2fa3ee7afb9f54c6dfb5d021f14b1ffe40c163"},
        {65, "78c741ddc482e4cdf8c474a0876347a0905b6233"},  {119, "4300320394f7ee239bcdce7d3b8bcee173a0cd5c"},
        {120, "ceb2821639c4b6dcb10bce0e522ca2e608ce056d"}, {127, "e463484d274607e1897d4099497cbf2aedcf8206"},
        {128, "150fa3fbdc899bd0b8f95a9fb6027f564d953762"}, {129, "2699b675922cc84a9b0dfd926eb7f8211c78693d"},
    };
    uint8_t message[130];
    memset(message, 'x', sizeof message);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK(digest_is(slice_of(message, cases[i].size), cases[i].digest));
}

SUITE("sha1", CHECK_TEST(published_vectors), CHECK_TEST(lengths_around_a_block))
