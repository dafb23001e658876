/* A request's target (RFC 3986, RFC 9112 section 3.2): path, segments, query.
 *
 * Everything is borrowed from the target and stays percent-encoded until uri_decode: so "%2F" within a segment divides
 * nothing, and a topic may be called anything. Dot segments mean nothing here: no route has them. */
#pragma once

#include "slice.h"

struct uri {
    slice authority; /* of the absolute form "http://host:port/path"; else null */
    slice path;      /* begins with '/'; or is "*" (OPTIONS) */
    slice query;     /* behind '?'; null without one */
};

/* False when it is neither the origin, the absolute, nor the asterisk form, or holds a byte that must be encoded: a
 * control character, a space, '"', '#', '<', '>', '\\', '^', '`', '{', '|', '}', or one above 0x7e. A query may hold
 * the printable ones of them, but '#': clients send them as they are. */
bool uri_parse(slice target, struct uri *uri);

/* Takes the next segment off a path that begins with '/': "/a//b/" has "a", "", "b", "". False at the end. */
bool uri_next_segment(slice *path, slice *segment);

struct uri_parameter {
    slice name;
    slice value; /* null when the name stands alone, without '=': a flag */
};

/* Takes the next parameter off a query; empty ones ("a&&b") are passed over. False at the end. */
bool uri_next_parameter(slice *query, struct uri_parameter *parameter);

enum uri_part {
    URI_SEGMENT, /* '+' is a plus */
    URI_QUERY,   /* '+' is a space, as forms are encoded */
};

/* Percent-decodes to at most text.size bytes at `to`, which may be the text's own place. False when a '%' is not
 * followed by two hex digits, or the result is no UTF-8. */
bool uri_decode(slice text, enum uri_part part, uint8_t *to, size_t *size);

/* Whether the text, decoded, is `plain`; false too when it cannot be decoded. */
bool uri_equal(slice text, enum uri_part part, slice plain);
