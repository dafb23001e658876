#include "http/head.h"

/* ---- lines ---- */

/* RFC 9110 5.6.2: what a method and a field's name are made of. */
static bool is_token_byte(uint8_t byte)
{
    if ((byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z'))
        return true;
    return byte != 0 && strchr("!#$%&'*+-.^_`|~", byte) != NULL;
}

static bool is_control(uint8_t byte)
{
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

void http_lines_begin(struct http_lines *lines, bool is_trailer)
{
    *lines = (struct http_lines){.is_trailer = is_trailer, .in_name = is_trailer};
}

static enum http_lines_state refuse(struct http_failure *failure, int status, const char *text)
{
    *failure = (struct http_failure){status, text};
    return HTTP_LINES_BAD;
}

static const char *find_objection(const struct http_lines *lines, uint8_t byte)
{
    if (byte == '\n')
        return lines->before != '\r' ? "a line ends without CR" : NULL;
    if (lines->before == '\r')
        return "a CR that ends no line";
    if (byte == '\r')
        return lines->in_name && lines->line_bytes != 0 ? "a header field without a colon" : NULL;
    if (is_control(byte))
        return "a control character in the head";
    if (!lines->in_name)
        return NULL;
    if (byte == ':')
        return lines->line_bytes == 0 ? "a header field without a name" : NULL;
    if ((byte == ' ' || byte == '\t') && lines->line_bytes == 0)
        return "a header field that is folded";
    return is_token_byte(byte) ? NULL : "the name of a header field is malformed";
}

static bool is_request_line(const struct http_lines *lines)
{
    return lines->lines == 0 && !lines->is_trailer;
}

enum http_lines_state http_lines_take(struct http_lines *lines, const struct http_limits *limits, uint8_t byte,
                                      struct http_failure *failure)
{
    const char *objection = find_objection(lines, byte);
    if (objection != NULL)
        return refuse(failure, 400, objection);
    if (lines->line_bytes == limits->line_bytes)
        return is_request_line(lines) ? refuse(failure, 414, "the request line is too long")
                                      : refuse(failure, 431, "a header field is too long");
    if (lines->bytes == limits->head_bytes)
        return refuse(failure, 431, "the header fields are too large");
    lines->bytes++;
    lines->line_bytes++;
    lines->before = byte;
    if (byte == ':')
        lines->in_name = false;
    if (byte != '\n')
        return HTTP_LINES_MORE;
    if (lines->line_bytes == 2)
        return HTTP_LINES_END;
    lines->lines++;
    if (lines->lines > limits->fields + !lines->is_trailer)
        return refuse(failure, 431, "there are too many header fields");
    lines->line_bytes = 0;
    lines->before = 0;
    lines->in_name = true;
    return HTTP_LINES_MORE;
}

/* ---- the parts of a head ---- */

slice http_trim(slice text)
{
    while (text.size != 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = slice_of(text.data + 1, text.size - 1);
    while (text.size != 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

/* Up to `end`, which must be there: *left goes on behind it. */
static slice take_until(slice *left, uint8_t end)
{
    const uint8_t *found = left->size != 0 ? memchr(left->data, end, left->size) : NULL;
    if (found == NULL)
        return NULL_SLICE;
    slice taken = slice_of(left->data, (size_t)(found - left->data));
    *left = slice_of(found + 1, left->size - taken.size - 1);
    return taken;
}

/* Without its CR LF. */
static slice take_line(slice *left)
{
    slice line = take_until(left, '\n');
    line.size -= line.size != 0;
    return line;
}

static bool fail(struct http_failure *failure, int status, const char *text)
{
    *failure = (struct http_failure){status, text};
    return false;
}

static bool parse_method(slice text, enum http_method *method)
{
    for (int i = 0; i < HTTP_METHODS; i++) {
        if (slice_equal(text, slice_of_text(http_method_text((enum http_method)i)))) {
            *method = (enum http_method)i;
            return true;
        }
    }
    return false;
}

static bool starts_with(slice text, const char *start)
{
    size_t size = strlen(start);
    return text.size >= size && http_same_name(slice_of(text.data, size), start);
}

/* RFC 9112 3.2: the origin form; the absolute form, as to a proxy, is the same without what stands before its path. */
static bool parse_target(slice text, struct http_request *request)
{
    bool is_absolute = starts_with(text, "http://") || starts_with(text, "https://");
    if (is_absolute) {
        size_t authority = starts_with(text, "http://") ? 7 : 8;
        text = slice_of(text.data + authority, text.size - authority);
        while (text.size != 0 && text.data[0] != '/')
            text = slice_of(text.data + 1, text.size - 1);
    }
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f || text.data[i] == '#')
            return false;
    request->target = text;
    if (request->method == HTTP_METHOD_OPTIONS && slice_equal(text, slice_of_text("*")))
        return true;
    return text.size != 0 && text.data[0] == '/';
}

static bool parse_request_line(slice line, struct http_request *request, struct http_failure *failure)
{
    slice method = take_until(&line, ' ');
    slice target = take_until(&line, ' ');
    if (slice_is_null(target) || method.size == 0)
        return fail(failure, 400, "the request line is malformed");
    for (size_t i = 0; i < method.size; i++)
        if (!is_token_byte(method.data[i]))
            return fail(failure, 400, "the request line is malformed");
    bool is_version = line.size == 8 && memcmp(line.data, "HTTP/", 5) == 0 && line.data[6] == '.';
    if (!is_version)
        return fail(failure, 400, "the request line is malformed");
    if (line.data[5] != '1' || (line.data[7] != '0' && line.data[7] != '1'))
        return fail(failure, 505, "this is a server of HTTP/1.1");
    request->minor_version = line.data[7] - (unsigned)'0';
    if (!parse_method(method, &request->method))
        return fail(failure, 501, "the method is unknown");
    if (!parse_target(target, request))
        return fail(failure, 400, "the request's target is malformed");
    return true;
}

/* RFC 9112 6.2: digits, and not a list of them. Beyond 2^63 nothing is meant. */
static bool parse_length(slice text, uint64_t *length)
{
    *length = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || *length > (uint64_t)INT64_MAX / 10 - 1)
            return false;
        *length = *length * 10 + (uint64_t)(text.data[i] - '0');
    }
    return text.size != 0;
}

/* Only once of each. */
struct framing_fields {
    slice host, length, coding, expect;
};

static bool note_once(slice *known, slice value)
{
    if (!slice_is_null(*known))
        return false;
    *known = value;
    return true;
}

static bool note_field(struct framing_fields *noted, const struct http_field *field)
{
    if (http_same_name(field->name, "host"))
        return note_once(&noted->host, field->value);
    if (http_same_name(field->name, "content-length"))
        return note_once(&noted->length, field->value);
    if (http_same_name(field->name, "transfer-encoding"))
        return note_once(&noted->coding, field->value);
    if (http_same_name(field->name, "expect"))
        return note_once(&noted->expect, field->value);
    return true;
}

/* RFC 3986 3.2.2 and 3.2.3: a name, an address, brackets around that, a port; or nothing. */
static bool is_host(slice host)
{
    for (size_t i = 0; i < host.size; i++) {
        uint8_t c = host.data[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_letter && (c == '\0' || strchr("-._~!$&'()*+,;=%:[]", c) == NULL))
            return false;
    }
    return true;
}

static bool judge(const struct framing_fields *noted, struct http_request *request, struct http_failure *failure)
{
    request->host = noted->host;
    if (slice_is_null(noted->host) && request->minor_version == 1)
        return fail(failure, 400, "there is no Host");
    if (!is_host(noted->host))
        return fail(failure, 400, "Host is malformed");
    if (!slice_is_null(noted->coding)) {
        if (!slice_is_null(noted->length))
            return fail(failure, 400, "both Content-Length and Transfer-Encoding");
        if (request->minor_version == 0)
            return fail(failure, 400, "Transfer-Encoding in HTTP/1.0");
        if (!http_same_name(noted->coding, "chunked"))
            return fail(failure, 501, "the transfer coding is unknown");
        request->is_chunked = true;
    }
    if (!slice_is_null(noted->length) && !parse_length(noted->length, &request->content_length))
        return fail(failure, 400, "Content-Length is malformed");
    request->has_body = request->is_chunked || request->content_length != 0;
    if (slice_is_null(noted->expect) || request->minor_version == 0)
        return true;
    if (!http_same_name(noted->expect, "100-continue"))
        return fail(failure, 417, "the expectation is unknown");
    request->expects_continue = request->has_body;
    return true;
}

bool http_head_parse(slice head, struct http_field *fields, struct http_request *request, struct http_failure *failure)
{
    if (!parse_request_line(take_line(&head), request, failure))
        return false;
    struct framing_fields noted = {0};
    for (unsigned i = 0; i < request->field_count; i++) {
        slice value = take_line(&head);
        fields[i].name = take_until(&value, ':');
        fields[i].value = http_trim(value);
        if (!note_field(&noted, &fields[i]))
            return fail(failure, 400, "a header field that may be there only once is there twice");
    }
    request->fields = fields;
    return judge(&noted, request, failure);
}
