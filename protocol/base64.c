#include "base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#define NO 0xff

static void encode_group(const uint8_t *p, size_t size, uint8_t *to)
{
    uint32_t bits = (uint32_t)p[0] << 16 | (size > 1 ? (uint32_t)p[1] << 8 : 0) | (size > 2 ? p[2] : 0);
    for (size_t i = 0; i < 4; i++)
        to[i] = i <= size ? (uint8_t)alphabet[bits >> (18 - 6 * i) & 63] : '=';
}

void base64_print(slice bytes, uint8_t *to)
{
    for (size_t i = 0; i < bytes.size; i += 3, to += 4)
        encode_group(bytes.data + i, bytes.size - i < 3 ? bytes.size - i : 3, to);
}

void base64_write(writer *w, slice bytes)
{
    uint8_t *to = writer_extend(w, base64_size(bytes.size));
    if (to != NULL)
        base64_print(bytes, to);
}

/* The value of each ASCII character. */
/* clang-format off */
static const uint8_t values[128] = {
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, 62, NO, NO, NO, 63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, NO, NO, NO, NO, NO, NO,
    NO,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, NO, NO, NO, NO, NO,
    NO, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, NO, NO, NO, NO, NO,
};
/* clang-format on */

static uint32_t value_of(uint8_t c)
{
    return c < sizeof values ? values[c] : NO;
}

/* The last characters, 2 or 3 of them before the padding. */
static bool decode_tail(const uint8_t *p, size_t characters, uint8_t *to)
{
    uint32_t a = value_of(p[0]), b = value_of(p[1]), c = characters == 3 ? value_of(p[2]) : 0;
    uint32_t unused = characters == 3 ? c & 0x03 : b & 0x0f;
    if (((a | b | c) & 0xc0) != 0 || unused != 0)
        return false;
    to[0] = (uint8_t)(a << 2 | b >> 4);
    if (characters == 3)
        to[1] = (uint8_t)(b << 4 | c >> 2);
    return true;
}

bool base64_decode(slice text, uint8_t *to, size_t *size)
{
    *size = 0;
    if (text.size % 4 != 0)
        return false;
    if (text.size == 0)
        return true;
    size_t padding = text.data[text.size - 1] != '=' ? 0 : text.data[text.size - 2] != '=' ? 1 : 2;
    size_t whole = text.size - (padding != 0 ? 4 : 0);
    uint8_t *end = to;
    for (size_t i = 0; i < whole; i += 4) {
        const uint8_t *p = text.data + i;
        uint32_t a = value_of(p[0]), b = value_of(p[1]), c = value_of(p[2]), d = value_of(p[3]);
        if (((a | b | c | d) & 0xc0) != 0) /* NO has bits that no value has */
            return false;
        *end++ = (uint8_t)(a << 2 | b >> 4);
        *end++ = (uint8_t)(b << 4 | c >> 2);
        *end++ = (uint8_t)(c << 6 | d);
    }
    if (padding != 0) {
        if (!decode_tail(text.data + whole, 4 - padding, end))
            return false;
        end += 3 - padding;
    }
    *size = (size_t)(end - to);
    return true;
}
