/* UTF-8 as RFC 3629 and Unicode 15 (table 3-7) have it: no overlong forms, no surrogates, nothing past U+10FFFF. */
#pragma once

#include "slice.h"

/* Bytes of the sequence at the front of `size` > 0 bytes, 0 when it is none; *bad is then the length of its maximal
 * part: what one U+FFFD stands for (section 3.9). */
size_t utf8_sequence(const uint8_t *p, size_t size, size_t *bad);

bool utf8_is_valid(slice text);

/* Bytes of the character, at most 4; `code` must be no surrogate and within Unicode. */
size_t utf8_print(uint32_t code, uint8_t to[4]);

/* The same check over text that comes in parts, which may end inside a character. Zeroed: at the beginning. */
struct utf8_check {
    uint8_t wanted;    /* bytes that are still to come of a character; 0 between two */
    uint8_t low, high; /* bounds of the next one; without meaning while wanted is 0 */
};

/* False at the first byte that no text could hold; the check is then of no more use. */
bool utf8_check_add(struct utf8_check *check, slice part);

static inline bool utf8_check_between(const struct utf8_check *check)
{
    return check->wanted == 0;
}
