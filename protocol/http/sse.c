#include "http/sse.h"

#include <inttypes.h>
#include <stdio.h>

static void write_field(writer *w, const char *name, slice value)
{
    write_bytes(w, slice_of_text(name));
    write_bytes(w, slice_of_text(": ")); /* a client takes one space off, so a value may begin with another */
    write_bytes(w, value);
    write_u8(w, '\n');
}

/* Takes a line off the text, which LF, CR or both end. */
static slice take_line(slice *text)
{
    size_t size = 0;
    while (size < text->size && text->data[size] != '\n' && text->data[size] != '\r')
        size++;
    slice line = slice_of(text->data, size);
    size_t end = size < text->size;
    if (end == 1 && text->data[size] == '\r' && size + 1 < text->size && text->data[size + 1] == '\n')
        end = 2;
    *text = slice_of(text->data + size + end, text->size - size - end);
    return line;
}

void sse_write_event(writer *w, slice name, slice id, slice data)
{
    if (!slice_is_null(name))
        write_field(w, "event", name);
    if (!slice_is_null(id))
        write_field(w, "id", id);
    /* What a line's end at the end of the data begins is a line too: an empty one. */
    bool more = !slice_is_null(data);
    while (more) {
        size_t left = data.size;
        slice line = take_line(&data);
        write_field(w, "data", line);
        more = left > line.size;
    }
    write_u8(w, '\n');
}

void sse_write_comment(writer *w, const char *text)
{
    write_field(w, "", slice_of_text(text));
    write_u8(w, '\n');
}

void sse_write_retry(writer *w, uint32_t milliseconds)
{
    char digits[16];
    int size = snprintf(digits, sizeof digits, "%" PRIu32, milliseconds);
    write_field(w, "retry", slice_of(digits, (size_t)size));
    write_u8(w, '\n');
}
