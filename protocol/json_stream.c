#include "json_stream.h"

#include <errno.h>

void json_stream_init(struct json_stream *stream, struct memory *memory, enum memory_purpose purpose, size_t limit,
                      enum json_stream_form form)
{
    *stream = (struct json_stream){.form = form};
    writer_init(&stream->held, memory, purpose, limit);
}

void json_stream_close(struct json_stream *stream)
{
    writer_close(&stream->held);
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

#define NOT_THERE SIZE_MAX

/* Bytes of the text that goes on at the front of `bytes`, or NOT_THERE when it does not end in them. */
static size_t find_line_end(slice bytes)
{
    const uint8_t *end = bytes.size > 0 ? memchr(bytes.data, '\n', bytes.size) : NULL;
    return end != NULL ? (size_t)(end - bytes.data) + 1 : NOT_THERE;
}

static bool string_ends(struct json_stream *s, uint8_t c)
{
    if (s->after_backslash)
        s->after_backslash = false;
    else if (c == '\\')
        s->after_backslash = true;
    else if (c == '"')
        s->in_string = false;
    return !s->in_string && s->depth == 0;
}

/* *takes: whether the character that ends the text belongs to it. */
static bool text_ends(struct json_stream *s, uint8_t c, bool *takes)
{
    bool is_first = !s->in_text;
    s->in_text = *takes = true;
    if (s->in_string)
        return string_ends(s, c);
    switch (c) {
    case '"':
    case '{':
    case '[':
        if (s->depth == 0 && !is_first) { /* behind a number or word */
            *takes = false;
            return true;
        }
        s->in_string = c == '"';
        s->depth += c != '"';
        return false;
    case '}':
    case ']':
        if (s->depth > 0)
            s->depth--;
        return s->depth == 0;
    default:
        *takes = false;
        return s->depth == 0 && is_blank(c);
    }
}

static size_t find_value_end(struct json_stream *s, slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        bool takes;
        if (!text_ends(s, bytes.data[i], &takes))
            continue;
        s->in_text = false;
        s->depth = 0;
        return i + takes;
    }
    return NOT_THERE;
}

static void skip_blanks(slice *part)
{
    while (part->size > 0 && is_blank(part->data[0])) {
        part->data++;
        part->size--;
    }
}

static int hold(struct json_stream *s, slice bytes, struct error *error)
{
    if (bytes.size > s->held.limit - s->held.size)
        return error_set(error, FURROW_TOO_LARGE, "JSON: a text of more than %zu bytes", s->held.limit);
    write_bytes(&s->held, bytes);
    return writer_ok(&s->held) ? 0 : error_set_status(error, -ENOMEM, "JSON");
}

static slice without_blanks_behind(slice text)
{
    while (text.size > 0 && is_blank(text.data[text.size - 1]))
        text.size--;
    return text;
}

static void let_go(struct json_stream *s)
{
    if (!s->is_delivered)
        return;
    writer held = s->held;
    writer_close(&s->held);
    writer_init(&s->held, held.memory, held.purpose, held.limit);
    s->is_delivered = false;
}

int json_stream_next(struct json_stream *s, slice *part, slice *text, struct error *error)
{
    let_go(s);
    if (s->held.size == 0)
        skip_blanks(part);
    if (part->size == 0)
        return 0;
    size_t size = s->form == JSON_LINES ? find_line_end(*part) : find_value_end(s, *part);
    slice taken = slice_of(part->data, size != NOT_THERE ? size : part->size);
    part->data += taken.size;
    part->size -= taken.size;
    if (size == NOT_THERE)
        return hold(s, taken, error);
    if (s->held.size == 0) {
        *text = without_blanks_behind(taken);
        return text->size <= s->held.limit
                   ? 1
                   : error_set(error, FURROW_TOO_LARGE, "JSON: a text of more than %zu bytes", s->held.limit);
    }
    int rc = hold(s, without_blanks_behind(taken), error);
    *text = without_blanks_behind(writer_slice(&s->held));
    s->is_delivered = true;
    return rc != 0 ? rc : 1;
}

int json_stream_end(struct json_stream *s, slice *text)
{
    let_go(s);
    *text = without_blanks_behind(writer_slice(&s->held));
    s->is_delivered = true;
    return text->size > 0;
}
