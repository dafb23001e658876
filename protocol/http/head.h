/* The lines of a request's head and of its trailer fields: what http_request.c is made of.
 *
 * A line ends in CR LF and nothing else, holds no control character but tabs, and is never folded. */
#pragma once

#include "http/request.h"

enum http_lines_state {
    HTTP_LINES_MORE,
    HTTP_LINES_END, /* the byte was the last one of the empty line */
    HTTP_LINES_BAD
};

void http_lines_begin(struct http_lines *lines, bool is_trailer);
/* `failure` is set for HTTP_LINES_BAD. */
enum http_lines_state http_lines_take(struct http_lines *lines, const struct http_limits *limits, uint8_t byte,
                                      struct http_failure *failure);

/* Parses a whole head, the empty line included. `fields` has room for request->field_count of them. Sets everything of
 * the request but what llhttp says: keeps_alive and upgrades. False: `failure` is set. */
MUST_USE bool http_head_parse(slice head, struct http_field *fields, struct http_request *request,
                              struct http_failure *failure);
