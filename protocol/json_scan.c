#include "json_scan.h"

#include "utf8.h"

#include <string.h>

#define NO_CODE UINT32_MAX

static uint32_t hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10) : NO_CODE;
}

/* The number of \uXXXX at p, or NO_CODE. */
static uint32_t unit_at(const uint8_t *p, size_t left)
{
    if (left < 6 || p[0] != '\\' || p[1] != 'u')
        return NO_CODE;
    uint32_t unit = 0;
    for (size_t i = 2; i < 6; i++) {
        uint32_t digit = hex_digit(p[i]);
        if (digit == NO_CODE)
            return NO_CODE;
        unit = unit << 4 | digit;
    }
    return unit;
}

static bool is_surrogate(uint32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdfff;
}

/* The character of the escape at p, NO_CODE when it is none; *size is the escape's, a pair of surrogates being one. */
static uint32_t unescape_one(const uint8_t *p, size_t left, size_t *size)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    *size = 2;
    if (left < 2)
        return NO_CODE;
    if (p[1] != 'u') {
        const char *found = p[1] != '\0' ? strchr(letters, p[1]) : NULL;
        return found != NULL ? (uint8_t)meanings[found - letters] : NO_CODE;
    }
    *size = 6;
    uint32_t unit = unit_at(p, left);
    if (unit == NO_CODE || !is_surrogate(unit))
        return unit;
    uint32_t low = unit_at(p + 6, left - 6);
    *size = 12;
    if (unit > 0xdbff || low == NO_CODE || low < 0xdc00 || low > 0xdfff)
        return NO_CODE;
    return 0x10000 + ((unit - 0xd800) << 10 | (low - 0xdc00));
}

size_t json_scan_string(slice text, size_t at, bool *has_escapes, const char **why)
{
    *has_escapes = false;
    while (at < text.size) {
        const uint8_t *p = text.data + at;
        size_t step = 1, bad;
        if (*p == '"')
            return at;
        if (*p == '\\') {
            *has_escapes = true;
            *why = "a wrong escape";
            if (unescape_one(p, text.size - at, &step) == NO_CODE)
                return text.size;
        } else if (*p < 0x20) {
            *why = "a control character in a string";
            return text.size;
        } else if (*p >= 0x80) {
            *why = "no UTF-8";
            step = utf8_sequence(p, text.size - at, &bad);
            if (step == 0)
                return text.size;
        }
        at += step;
    }
    *why = "a string without an end";
    return text.size;
}

size_t json_unescape(slice string, uint8_t *to)
{
    uint8_t *end = to;
    for (size_t i = 0; i < string.size;) {
        const uint8_t *escape = memchr(string.data + i, '\\', string.size - i);
        size_t plain = escape != NULL ? (size_t)(escape - string.data) - i : string.size - i, size;
        memcpy(end, string.data + i, plain);
        end += plain;
        i += plain;
        if (escape != NULL) {
            end += utf8_print(unescape_one(escape, string.size - i, &size), end);
            i += size;
        }
    }
    return (size_t)(end - to);
}

bool json_escaped_equal(slice string, slice text)
{
    size_t at = 0;
    for (size_t i = 0, step; i < string.size; i += step) {
        const uint8_t *p = string.data + i;
        uint8_t character[4] = {*p};
        size_t size = step = 1;
        if (*p == '\\')
            size = utf8_print(unescape_one(p, string.size - i, &step), character);
        if (text.size - at < size || memcmp(text.data + at, character, size) != 0)
            return false;
        at += size;
    }
    return at == text.size;
}

static size_t skip_digits(slice text, size_t at)
{
    while (at < text.size && text.data[at] >= '0' && text.data[at] <= '9')
        at++;
    return at;
}

static bool is_at(slice text, size_t at, char a, char b)
{
    return at < text.size && (text.data[at] == a || text.data[at] == b);
}

size_t json_scan_number(slice text, size_t start)
{
    size_t at = start + is_at(text, start, '-', '-');
    size_t digits = at;
    at = skip_digits(text, at);
    if (at == digits || (text.data[digits] == '0' && at > digits + 1))
        return start;
    if (is_at(text, at, '.', '.')) {
        digits = at + 1;
        at = skip_digits(text, digits);
        if (at == digits)
            return start;
    }
    if (is_at(text, at, 'e', 'E')) {
        digits = at + 1 + is_at(text, at + 1, '+', '-');
        at = skip_digits(text, digits);
        if (at == digits)
            return start;
    }
    return at;
}
