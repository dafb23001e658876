#include "utf8.h"

/* Bytes of a character by its first byte, 0 for one that starts none. */
static uint8_t length_of(uint8_t first)
{
    return first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
}

/* Bounds of the second byte: what keeps overlong forms, surrogates and too large values out. */
static uint8_t second_low(uint8_t first)
{
    return first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
}

static uint8_t second_high(uint8_t first)
{
    return first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
}

size_t utf8_sequence(const uint8_t *p, size_t size, size_t *bad)
{
    *bad = 1;
    size_t length = length_of(p[0]);
    for (size_t i = 1; i < length; i++) {
        uint8_t low = i == 1 ? second_low(p[0]) : 0x80, high = i == 1 ? second_high(p[0]) : 0xbf;
        if (i == size || p[i] < low || p[i] > high) {
            *bad = i;
            return 0;
        }
    }
    return length;
}

bool utf8_is_valid(slice text)
{
    struct utf8_check check = {0};
    return utf8_check_add(&check, text) && utf8_check_between(&check);
}

size_t utf8_print(uint32_t code, uint8_t to[4])
{
    size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        to[i] = (uint8_t)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    to[0] = (uint8_t)(marks[length] | code);
    return length;
}

bool utf8_check_add(struct utf8_check *check, slice part)
{
    for (size_t i = 0; i < part.size; i++) {
        uint8_t byte = part.data[i];
        if (check->wanted == 0 && byte < 0x80)
            continue;
        if (check->wanted == 0) {
            uint8_t length = length_of(byte);
            if (length == 0)
                return false;
            *check = (struct utf8_check){(uint8_t)(length - 1), second_low(byte), second_high(byte)};
        } else if (byte < check->low || byte > check->high) {
            return false;
        } else {
            *check = (struct utf8_check){(uint8_t)(check->wanted - 1), 0x80, 0xbf};
        }
    }
    return true;
}
