#include "check.h"
#include "crc32c.h"

#define LENGTH_MAX 4000

/* One bit at a time, from the polynomial: an oracle too plain to be wrong in the same way. */
static uint32_t bit_by_bit(uint32_t crc, const uint8_t *p, size_t size)
{
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

static void fill(uint8_t *bytes, size_t size)
{
    uint32_t state = 1;
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(state >> 24);
    }
}

/* RFC 3720, appendix B.4, and the check value of the catalogue of parametrised CRCs. */
static void published_vectors_hold(void)
{
    static const uint8_t command[48] = {0x01, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                                        0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00,
                                        0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18, 0x28, 0x00, 0x00, 0x00,
                                        0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
    uint8_t zeros[32] = {0}, ones[32], up[32], down[32];
    for (unsigned i = 0; i < 32; i++) {
        ones[i] = 0xff;
        up[i] = (uint8_t)i;
        down[i] = (uint8_t)(31 - i);
    }
    for (int method = 0; method < CRC32C_METHODS; method++) {
        if (!crc32c_method_available((enum crc32c_method)method))
            continue;
        CHECK_EQUAL(crc32c_by_method((enum crc32c_method)method, 0, zeros, 32), 0x8a9136aa);
        CHECK_EQUAL(crc32c_by_method((enum crc32c_method)method, 0, ones, 32), 0x62a8ab43);
        CHECK_EQUAL(crc32c_by_method((enum crc32c_method)method, 0, up, 32), 0x46dd794e);
        CHECK_EQUAL(crc32c_by_method((enum crc32c_method)method, 0, down, 32), 0x113fdb5c);
        CHECK_EQUAL(crc32c_by_method((enum crc32c_method)method, 0, command, 48), 0xd9963a56);
        CHECK_EQUAL(crc32c_by_method((enum crc32c_method)method, 0, "123456789", 9), 0xe3069283);
    }
    CHECK_EQUAL(crc32c(0, "123456789", 9), 0xe3069283);
}

static void all_methods_agree_on_every_length_and_alignment(void)
{
    static uint8_t bytes[LENGTH_MAX + 8];
    fill(bytes, sizeof bytes);
    for (int method = 0; method < CRC32C_METHODS; method++) {
        if (!crc32c_method_available((enum crc32c_method)method))
            continue;
        unsigned wrong = 0;
        for (size_t size = 0; size <= LENGTH_MAX; size += 1 + size / 600) {
            size_t shift = size % 8;
            uint32_t start = (uint32_t)size * 2654435761U;
            wrong += crc32c_by_method((enum crc32c_method)method, start, bytes + shift, size) !=
                     bit_by_bit(start, bytes + shift, size);
        }
        CHECK_EQUAL(wrong, 0);
    }
}

static void parts_give_the_whole(void)
{
    static uint8_t bytes[LENGTH_MAX];
    fill(bytes, sizeof bytes);
    uint32_t whole = crc32c(0, bytes, sizeof bytes);
    for (size_t cut = 0; cut <= sizeof bytes; cut += 7)
        CHECK(crc32c(crc32c(0, bytes, cut), bytes + cut, sizeof bytes - cut) == whole);
}

/* Else a machine with the instructions would silently go by table. */
static void this_machines_instructions_are_used(void)
{
    FILE *cpuinfo = fopen("/proc/cpuinfo", "r");
    static char text[8192];
    size_t size = cpuinfo != NULL ? fread(text, 1, sizeof text - 1, cpuinfo) : 0;
    text[size] = '\0';
    if (cpuinfo != NULL)
        fclose(cpuinfo);
#if defined(__x86_64__)
    CHECK_EQUAL(crc32c_method_available(CRC32C_SSE42),
                strstr(text, " sse4_2 ") != NULL && strstr(text, " pclmulqdq ") != NULL);
#elif defined(__aarch64__)
    if (strstr(text, "Features") != NULL)
        CHECK_EQUAL(crc32c_method_available(CRC32C_ARMV8), strstr(text, " crc32 ") != NULL);
#endif
}

SUITE("crc32c", CHECK_TEST(published_vectors_hold), CHECK_TEST(all_methods_agree_on_every_length_and_alignment),
      CHECK_TEST(parts_give_the_whole), CHECK_TEST(this_machines_instructions_are_used))
