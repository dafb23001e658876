#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void write_text(writer *w, const char *text)
{
    write_bytes(w, slice_of_text(text));
}

static void begin_value(struct json *j)
{
    if (j->comma)
        write_u8(j->w, ',');
    j->comma = true;
}

static void begin(struct json *j, uint8_t bracket)
{
    begin_value(j);
    write_u8(j->w, bracket);
    j->comma = false;
}

static void end(struct json *j, uint8_t bracket)
{
    write_u8(j->w, bracket);
    j->comma = true;
}

void json_begin_object(struct json *j)
{
    begin(j, '{');
}

void json_end_object(struct json *j)
{
    end(j, '}');
}

void json_begin_array(struct json *j)
{
    begin(j, '[');
}

void json_end_array(struct json *j)
{
    end(j, ']');
}

/* Bytes of the UTF-8 sequence at the front, 0 when it is none; *bad is then the length of its maximal part: what one
 * U+FFFD stands for (Unicode 15, table 3-7 and section 3.9). */
static size_t utf8_sequence(const uint8_t *p, size_t size, size_t *bad)
{
    *bad = 1;
    size_t length = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < length; i++) {
        uint8_t low = 0x80, high = 0xbf;
        if (i == 1) {
            low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
            high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
        }
        if (i == size || p[i] < low || p[i] > high) {
            *bad = i;
            return 0;
        }
    }
    return length;
}

/* The letter that escapes a character with a backslash, or 0. */
static uint8_t short_escape(uint8_t c)
{
    switch (c) {
    case '"':
    case '\\':
        return c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static void write_ascii(writer *w, uint8_t c)
{
    uint8_t letter = short_escape(c);
    if (letter != 0) {
        write_u8(w, '\\');
        write_u8(w, letter);
    } else if (c < 0x20 || c == 0x7f) {
        char escape[8];
        snprintf(escape, sizeof escape, "\\u%04x", c);
        write_text(w, escape);
    } else {
        write_u8(w, c);
    }
}

static bool is_line_separator(const uint8_t *p, size_t length)
{
    return length == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9);
}

static void write_quoted(writer *w, slice text)
{
    write_u8(w, '"');
    for (size_t i = 0; i < text.size;) {
        const uint8_t *p = text.data + i;
        size_t bad, length = utf8_sequence(p, text.size - i, &bad);
        if (length == 0)
            write_text(w, "\xef\xbf\xbd");
        else if (length == 1)
            write_ascii(w, p[0]);
        else if (is_line_separator(p, length))
            write_text(w, p[2] == 0xa8 ? "\\u2028" : "\\u2029");
        else
            write_bytes(w, slice_of(p, length));
        i += length != 0 ? length : bad;
    }
    write_u8(w, '"');
}

void json_key(struct json *j, const char *key)
{
    begin_value(j);
    write_quoted(j->w, slice_of_text(key));
    write_u8(j->w, ':');
    j->comma = false;
}

void json_string(struct json *j, slice text)
{
    if (slice_is_null(text)) {
        json_null(j);
        return;
    }
    begin_value(j);
    write_quoted(j->w, text);
}

void json_text(struct json *j, const char *text)
{
    json_string(j, slice_of_text(text));
}

static void write_base64_group(writer *w, const uint8_t *p, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = (uint32_t)p[0] << 16 | (size > 1 ? (uint32_t)p[1] << 8 : 0) | (size > 2 ? p[2] : 0);
    uint8_t *to = writer_extend(w, 4);
    if (to == NULL)
        return;
    for (size_t i = 0; i < 4; i++)
        to[i] = i <= size ? (uint8_t)digits[bits >> (18 - 6 * i) & 63] : '=';
}

void json_base64(struct json *j, slice bytes)
{
    if (slice_is_null(bytes)) {
        json_null(j);
        return;
    }
    begin_value(j);
    write_u8(j->w, '"');
    for (size_t i = 0; i < bytes.size; i += 3)
        write_base64_group(j->w, bytes.data + i, bytes.size - i < 3 ? bytes.size - i : 3);
    write_u8(j->w, '"');
}

void json_int(struct json *j, int64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, value);
    begin_value(j);
    write_text(j->w, digits);
}

void json_uint(struct json *j, uint64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, value);
    begin_value(j);
    write_text(j->w, digits);
}

void json_double(struct json *j, double value)
{
    char digits[32];
    int precision = 15;
    do {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
    } while (++precision <= 17 && strtod(digits, NULL) != value);
    begin_value(j);
    write_text(j->w, isfinite(value) ? digits : "null");
}

void json_bool(struct json *j, bool value)
{
    begin_value(j);
    write_text(j->w, value ? "true" : "false");
}

void json_null(struct json *j)
{
    begin_value(j);
    write_text(j->w, "null");
}
