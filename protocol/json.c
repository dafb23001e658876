#include "json.h"

#include "base64.h"
#include "utf8.h"

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

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Not 0 when one of the eight bytes is zero; exact in that (Hacker's Delight, 6-1). */
static uint64_t has_zero(uint64_t word)
{
    return (word - EACH(1)) & ~word & EACH(0x80);
}

/* is_plain of eight bytes at once, in any order. */
static bool are_plain(uint64_t word)
{
    uint64_t below_space = (word - EACH(0x20)) & ~word & EACH(0x80);
    return (below_space | (word & EACH(0x80)) | has_zero(word ^ EACH('"')) | has_zero(word ^ EACH('\\')) |
            has_zero(word ^ EACH(0x7f))) == 0;
}

/* Most of most texts. */
size_t json_plain_size(slice text)
{
    size_t i = 0;
    for (uint64_t word; text.size - i >= sizeof word; i += sizeof word) {
        memcpy(&word, text.data + i, sizeof word);
        if (!are_plain(word))
            break;
    }
    while (i < text.size && is_plain(text.data[i]))
        i++;
    return i;
}

static void write_quoted(writer *w, slice text)
{
    write_u8(w, '"');
    for (size_t i = 0; i < text.size;) {
        size_t plain = json_plain_size(slice_of(text.data + i, text.size - i));
        if (plain > 0) {
            write_bytes(w, slice_of(text.data + i, plain));
            i += plain;
            continue;
        }
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

void json_base64(struct json *j, slice bytes)
{
    if (slice_is_null(bytes)) {
        json_null(j);
        return;
    }
    begin_value(j);
    write_u8(j->w, '"');
    base64_write(j->w, bytes);
    write_u8(j->w, '"');
}

static void write_number(struct json *j, bool negative, uint64_t magnitude)
{
    char digits[24];
    size_t start = sizeof digits;
    do {
        digits[--start] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude > 0);
    if (negative)
        digits[--start] = '-';
    begin_value(j);
    write_bytes(j->w, slice_of(digits + start, sizeof digits - start));
}

void json_int(struct json *j, int64_t value)
{
    write_number(j, value < 0, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void json_uint(struct json *j, uint64_t value)
{
    write_number(j, false, value);
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

size_t json_compact(slice text, uint8_t *to)
{
    bool in_string = false;
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (!in_string && (c == ' ' || c == '\n' || c == '\r' || c == '\t'))
            continue;
        to[size++] = c;
        if (in_string && c == '\\' && i + 1 < text.size)
            to[size++] = text.data[++i];
        else if (c == '"')
            in_string = !in_string;
    }
    return size;
}

void json_raw(struct json *j, slice text)
{
    begin_value(j);
    size_t start = j->w->size;
    uint8_t *to = writer_extend(j->w, text.size);
    if (to != NULL)
        writer_cut(j->w, start + json_compact(text, to));
}
