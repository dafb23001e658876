#include "http/uri.h"

#include "utf8.h"

#define NO_DIGIT (-1)

/* RFC 3986's reserved and unreserved characters, and '%'. */
static bool may_stand(uint8_t c)
{
    if (c <= 0x20 || c >= 0x7f)
        return false;
    return strchr("\"#<>\\^`{|}", c) == NULL;
}

/* What the WHATWG's URL parser leaves as it is in a query, and clients that encode nothing send. */
static bool may_stand_in_query(uint8_t c)
{
    return may_stand(c) || (c != '\0' && strchr("\\^`{|}\"<>", c) != NULL);
}

static bool all_may_stand(slice text, bool (*may)(uint8_t))
{
    for (size_t i = 0; i < text.size; i++) {
        if (!may(text.data[i]))
            return false;
    }
    return true;
}

/* The part of *text before the first `mark`; *text becomes what is behind it, null when there is none. */
static slice cut_at(slice *text, uint8_t mark)
{
    const uint8_t *found = text->size > 0 ? memchr(text->data, mark, text->size) : NULL;
    slice before = *text;
    *text = NULL_SLICE;
    if (found != NULL) {
        size_t size = (size_t)(found - before.data);
        *text = slice_of(found + 1, before.size - size - 1);
        before.size = size;
    }
    return before;
}

static bool begins_with_scheme(slice target, size_t *size)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < 2; i++) {
        *size = strlen(schemes[i]);
        if (target.size >= *size && strncasecmp((const char *)target.data, schemes[i], *size) == 0)
            return true;
    }
    return false;
}

/* "http://host:port" in front of the path; without a path, the path is "/" (RFC 9112, section 3.2.2). */
static bool take_authority(slice *rest, struct uri *uri)
{
    size_t scheme;
    if (!begins_with_scheme(*rest, &scheme))
        return true;
    slice behind = slice_of(rest->data + scheme, rest->size - scheme);
    size_t size = 0;
    while (size < behind.size && behind.data[size] != '/' && behind.data[size] != '?')
        size++;
    uri->authority = slice_of(behind.data, size);
    *rest = slice_of(behind.data + size, behind.size - size);
    return size > 0 && memchr(uri->authority.data, '@', size) == NULL && all_may_stand(uri->authority, may_stand);
}

bool uri_parse(slice target, struct uri *uri)
{
    *uri = (struct uri){NULL_SLICE, NULL_SLICE, NULL_SLICE};
    if (!take_authority(&target, uri))
        return false;
    uri->query = target;
    uri->path = cut_at(&uri->query, '?');
    if (!slice_is_null(uri->authority) && uri->path.size == 0)
        uri->path = slice_of_text("/");
    bool is_asterisk = slice_equal(uri->path, slice_of_text("*")) && slice_is_null(uri->authority);
    if (is_asterisk)
        return slice_is_null(uri->query);
    return uri->path.size > 0 && uri->path.data[0] == '/' && all_may_stand(uri->path, may_stand) &&
           all_may_stand(uri->query, may_stand_in_query);
}

bool uri_next_segment(slice *path, slice *segment)
{
    if (path->size == 0)
        return false;
    slice behind = slice_of(path->data + 1, path->size - 1);
    const uint8_t *next = behind.size > 0 ? memchr(behind.data, '/', behind.size) : NULL;
    *segment = slice_of(behind.data, next != NULL ? (size_t)(next - behind.data) : behind.size);
    *path = slice_of(behind.data + segment->size, behind.size - segment->size);
    return true;
}

bool uri_next_parameter(slice *query, struct uri_parameter *parameter)
{
    while (query->size > 0) {
        slice value = cut_at(query, '&');
        if (value.size == 0)
            continue;
        parameter->name = cut_at(&value, '=');
        parameter->value = value;
        return true;
    }
    return false;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : NO_DIGIT;
}

/* The byte at the front; *step is what it takes in the text, 0 when it is wrongly encoded. */
static uint8_t decode_byte(slice text, enum uri_part part, size_t *step)
{
    uint8_t c = text.data[0];
    *step = 1;
    if (c == '+' && part == URI_QUERY)
        return ' ';
    if (c != '%')
        return c;
    int high = text.size > 2 ? hex_digit(text.data[1]) : NO_DIGIT;
    int low = text.size > 2 ? hex_digit(text.data[2]) : NO_DIGIT;
    *step = high == NO_DIGIT || low == NO_DIGIT ? 0 : 3;
    return (uint8_t)((unsigned)high << 4 | (unsigned)low);
}

bool uri_decode(slice text, enum uri_part part, uint8_t *to, size_t *size)
{
    size_t written = 0;
    for (size_t i = 0, step; i < text.size; i += step) {
        to[written++] = decode_byte(slice_of(text.data + i, text.size - i), part, &step);
        if (step == 0)
            return false;
    }
    *size = written;
    return utf8_is_valid(slice_of(to, written));
}

bool uri_equal(slice text, enum uri_part part, slice plain)
{
    size_t compared = 0;
    for (size_t i = 0, step; i < text.size; i += step) {
        uint8_t c = decode_byte(slice_of(text.data + i, text.size - i), part, &step);
        if (step == 0 || compared == plain.size || plain.data[compared++] != c)
            return false;
    }
    return compared == plain.size;
}
