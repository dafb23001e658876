/* Base64 (RFC 4648, section 4): the standard alphabet, padded. Nothing else is read: no line breaks, no missing
 * padding, no other alphabet, no bits behind the last byte. */
#pragma once

#include "writer.h"

static inline size_t base64_size(size_t bytes)
{
    return (bytes + 2) / 3 * 4;
}

/* Room that is enough for what a text of `size` characters stands for. */
static inline size_t base64_decoded_max(size_t size)
{
    return size / 4 * 3;
}

/* Writes base64_size(bytes.size) characters to `to`, no NUL byte behind them. */
void base64_print(slice bytes, uint8_t *to);
void base64_write(writer *w, slice bytes);

/* Writes at most base64_decoded_max(text.size) bytes to `to`, which may be where the text itself begins. False when the
 * text is none; `to` is then undefined. */
bool base64_decode(slice text, uint8_t *to, size_t *size);
