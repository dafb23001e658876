#include "crc32c.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <wmmintrin.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif
#endif

/* The checksum is linear: a table's entry is the sum of the entries of its index's bits. */
#define ENTRY(i, b0, b1, b2, b3, b4, b5, b6, b7)                                                                       \
    ((((i)&1) != 0 ? (b0) : 0U) ^ (((i)&2) != 0 ? (b1) : 0U) ^ (((i)&4) != 0 ? (b2) : 0U) ^                            \
     (((i)&8) != 0 ? (b3) : 0U) ^ (((i)&16) != 0 ? (b4) : 0U) ^ (((i)&32) != 0 ? (b5) : 0U) ^                          \
     (((i)&64) != 0 ? (b6) : 0U) ^ (((i)&128) != 0 ? (b7) : 0U))
#define ENTRIES_4(i, ...)                                                                                              \
    ENTRY(i, __VA_ARGS__), ENTRY((i) + 1, __VA_ARGS__), ENTRY((i) + 2, __VA_ARGS__), ENTRY((i) + 3, __VA_ARGS__)
#define ENTRIES_16(i, ...)                                                                                             \
    ENTRIES_4(i, __VA_ARGS__), ENTRIES_4((i) + 4, __VA_ARGS__), ENTRIES_4((i) + 8, __VA_ARGS__),                       \
        ENTRIES_4((i) + 12, __VA_ARGS__)
#define ENTRIES_64(i, ...)                                                                                             \
    ENTRIES_16(i, __VA_ARGS__), ENTRIES_16((i) + 16, __VA_ARGS__), ENTRIES_16((i) + 32, __VA_ARGS__),                  \
        ENTRIES_16((i) + 48, __VA_ARGS__)
#define TABLE(...)                                                                                                     \
    {                                                                                                                  \
        ENTRIES_64(0, __VA_ARGS__), ENTRIES_64(64, __VA_ARGS__), ENTRIES_64(128, __VA_ARGS__),                         \
            ENTRIES_64(192, __VA_ARGS__)                                                                               \
    }

/* tables[k][byte]: what a byte does to the checksum when k bytes follow it. */
static const uint32_t tables[4][256] = {
    TABLE(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede, 0x417b1dbc, 0x82f63b78),
    TABLE(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302, 0xff17c604, 0xfbc3faf9),
    TABLE(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14, 0xc76580d9, 0x8b277743),
    TABLE(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b, 0xaba65fe7, 0x52a0c93f),
};

/* Composed from bytes: right on either byte order and any alignment; compilers make one load of it where they can. */
static inline uint32_t load_little_u32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* The methods take and return the register: the checksum's complement. */
static uint32_t by_table(uint32_t c, const uint8_t *p, size_t size)
{
    for (; size >= 4; p += 4, size -= 4) {
        c ^= load_little_u32(p);
        c = tables[3][c & 0xff] ^ tables[2][c >> 8 & 0xff] ^ tables[1][c >> 16 & 0xff] ^ tables[0][c >> 24];
    }
    for (; size != 0; p++, size--)
        c = c >> 8 ^ tables[0][(c ^ *p) & 0xff];
    return c;
}

#if defined(__x86_64__) || defined(__aarch64__)
static inline uint64_t load_little_u64(const uint8_t *p)
{
    return (uint64_t)load_little_u32(p + 4) << 32 | load_little_u32(p);
}
#endif

#if defined(__x86_64__)
#define SSE42 __attribute__((target("sse4.2,pclmul")))

/* The instruction takes three cycles and can start each cycle: three streams side by side keep it busy. Each lane's
 * checksum is then moved over the lanes behind it: times x^(8n-33), where the reduction by one more instruction
 * contributes x^32 and the bit order of the product x. */
SSE42 static inline uint32_t three_lanes(uint32_t c, const uint8_t *p, size_t lane, uint32_t over_one,
                                         uint32_t over_two)
{
    uint64_t a = c, b = 0, d = 0;
    for (size_t i = 0; i < lane; i += 8) {
        a = _mm_crc32_u64(a, load_little_u64(p + i));
        b = _mm_crc32_u64(b, load_little_u64(p + lane + i));
        d = _mm_crc32_u64(d, load_little_u64(p + 2 * lane + i));
    }
    __m128i moved_a = _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)a), _mm_cvtsi32_si128((int)over_two), 0);
    __m128i moved_b = _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)b), _mm_cvtsi32_si128((int)over_one), 0);
    uint64_t moved = (uint64_t)_mm_cvtsi128_si64(_mm_xor_si128(moved_a, moved_b));
    return (uint32_t)(_mm_crc32_u64(0, moved) ^ d);
}

#define LONG_LANE  ((size_t)512)
#define SHORT_LANE ((size_t)64)

SSE42 static uint32_t by_sse42(uint32_t c, const uint8_t *p, size_t size)
{
    for (; size >= 3 * LONG_LANE; p += 3 * LONG_LANE, size -= 3 * LONG_LANE)
        c = three_lanes(c, p, LONG_LANE, 0xdd7e3b0c, 0x170076fa);
    for (; size >= 3 * SHORT_LANE; p += 3 * SHORT_LANE, size -= 3 * SHORT_LANE)
        c = three_lanes(c, p, SHORT_LANE, 0x9e4addf8, 0x0d3b6092);
    uint64_t wide = c;
    for (; size >= 8; p += 8, size -= 8)
        wide = _mm_crc32_u64(wide, load_little_u64(p));
    c = (uint32_t)wide;
    for (; size != 0; p++, size--)
        c = _mm_crc32_u8(c, *p);
    return c;
}

#elif defined(__aarch64__)
/* Builtins, for clang's <arm_acle.h> has the intrinsics only where the whole file is compiled for the extension. */
#ifdef __clang__
#define ARMV8_CRC        __attribute__((target("crc")))
#define ARMV8_CRC32C_U64 __builtin_arm_crc32cd
#define ARMV8_CRC32C_U8  __builtin_arm_crc32cb
#else
#define ARMV8_CRC        __attribute__((target("+crc")))
#define ARMV8_CRC32C_U64 __builtin_aarch64_crc32cx
#define ARMV8_CRC32C_U8  __builtin_aarch64_crc32cb
#endif

ARMV8_CRC static uint32_t by_armv8(uint32_t c, const uint8_t *p, size_t size)
{
    for (; size >= 8; p += 8, size -= 8)
        c = ARMV8_CRC32C_U64(c, load_little_u64(p));
    for (; size != 0; p++, size--)
        c = ARMV8_CRC32C_U8(c, *p);
    return c;
}
#endif

bool crc32c_method_available(enum crc32c_method method)
{
    switch (method) {
    case CRC32C_TABLE:
        return true;
#if defined(__x86_64__)
    case CRC32C_SSE42:
        return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
#elif defined(__aarch64__)
    case CRC32C_ARMV8:
        return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
#endif
    default:
        return false;
    }
}

uint32_t crc32c_by_method(enum crc32c_method method, uint32_t crc, const void *data, size_t size)
{
    switch (method) {
#if defined(__x86_64__)
    case CRC32C_SSE42:
        return ~by_sse42(~crc, data, size);
#elif defined(__aarch64__)
    case CRC32C_ARMV8:
        return ~by_armv8(~crc, data, size);
#endif
    default:
        return ~by_table(~crc, data, size);
    }
}

uint32_t crc32c(uint32_t crc, const void *data, size_t size)
{
#if defined(__x86_64__)
    const enum crc32c_method instructions = CRC32C_SSE42;
#else
    const enum crc32c_method instructions = CRC32C_ARMV8;
#endif
    return crc32c_by_method(crc32c_method_available(instructions) ? instructions : CRC32C_TABLE, crc, data, size);
}
