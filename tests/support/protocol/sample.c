#include "sample.h"

#include <stdio.h>
#include <string.h>

uint32_t sample_next(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static size_t put_word(uint32_t *state, uint8_t *bytes, size_t size)
{
    static const char *const words[] = {"offset ",  "partition ", "the ",     "batch, ", "leader epoch ", "of ",
                                        "records ", "42 ",        "segment.", "\n",      "{\"key\": ",    "a "};
    slice word = slice_of_text(words[sample_next(state) % (sizeof words / sizeof words[0])]);
    size_t length = word.size < size ? word.size : size;
    memcpy(bytes, word.data, length);
    return length;
}

static size_t put_run(uint32_t *state, uint8_t *bytes, size_t size)
{
    size_t length = 1 + sample_next(state) % 2000, period = 1 + sample_next(state) % 9;
    if (length > size)
        length = size;
    uint8_t first = (uint8_t)sample_next(state);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(first + i % period);
    return length;
}

void sample_fill(enum sample_kind kind, uint32_t seed, uint8_t *bytes, size_t size)
{
    uint32_t state = seed;
    for (size_t i = 0; i < size;) {
        if (kind == SAMPLE_RANDOM)
            bytes[i++] = (uint8_t)(sample_next(&state) >> 12);
        else if (kind == SAMPLE_TEXT)
            i += put_word(&state, bytes + i, size - i);
        else
            i += put_run(&state, bytes + i, size - i);
    }
}

bool vector_read(writer *w, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", VECTORS, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    uint8_t chunk[4096];
    size_t got;
    while ((got = fread(chunk, 1, sizeof chunk, file)) != 0)
        write_bytes(w, slice_of(chunk, got));
    fclose(file);
    return writer_ok(w) && w->size != 0;
}

static unsigned hex_value(uint8_t c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

size_t vector_unhex(slice digits, uint8_t *to, size_t room)
{
    size_t size = digits.size / 2 < room ? digits.size / 2 : room;
    for (size_t i = 0; i < size; i++)
        to[i] = (uint8_t)(hex_value(digits.data[2 * i]) << 4 | hex_value(digits.data[2 * i + 1]));
    return size;
}
