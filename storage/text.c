#include "text.h"

static slice from(slice text, size_t start)
{
    return (slice){text.data + start, text.size - start};
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

bool text_next_line(slice *rest, slice *line)
{
    if (rest->size == 0)
        return false;
    const uint8_t *end = memchr(rest->data, '\n', rest->size);
    size_t size = end != NULL ? (size_t)(end - rest->data) : rest->size;
    *line = slice_of(rest->data, size);
    *rest = from(*rest, end != NULL ? size + 1 : size);
    if (line->size != 0 && line->data[line->size - 1] == '\r')
        line->size--;
    return true;
}

bool text_next_word(slice *rest, slice *word)
{
    size_t start = 0;
    while (start < rest->size && is_blank(rest->data[start]))
        start++;
    size_t end = start;
    while (end < rest->size && !is_blank(rest->data[end]))
        end++;
    if (start == end)
        return false;
    *word = slice_of(rest->data + start, end - start);
    *rest = from(*rest, end);
    return true;
}

slice text_trim(slice text)
{
    while (text.size != 0 && is_blank(text.data[text.size - 1]))
        text.size--;
    while (text.size != 0 && is_blank(text.data[0]))
        text = from(text, 1);
    return text;
}

bool text_split_property(slice line, slice *key, slice *value)
{
    const uint8_t *equals = line.size != 0 ? memchr(line.data, '=', line.size) : NULL;
    if (equals == NULL)
        return false;
    size_t size = (size_t)(equals - line.data);
    *key = text_trim(slice_of(line.data, size));
    *value = text_trim(from(line, size + 1));
    return true;
}

bool text_parse_number(slice text, int64_t max, int64_t *number)
{
    int64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        int digit = text.data[i] - '0';
        if (value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *number = value;
    return text.size != 0;
}
