/* Writes the responses of HTTP/1.1: status line, fields, chunks.
 *
 * What the caller passes as a value of a field may come from a client: a value with a control character fails the
 * writer, so that no response can be split. */
#pragma once

#include "writer.h"

#define HTTP_DATE_MAX 30

/* "Not Found"; "Unknown" for what no registry has. */
const char *http_status_text(int status);
/* RFC 9110 8.6: 1xx, 204 and 304 have no body and say no length. */
bool http_status_has_body(int status);

/* Status line and Date; fields follow. `now`: ms since 1970. */
void http_write_status(writer *w, int status, int64_t now);
void http_write_field(writer *w, const char *name, slice value);
void http_write_text_field(writer *w, const char *name, const char *value);
void http_write_number_field(writer *w, const char *name, uint64_t value);
/* The empty line. */
void http_write_head_end(writer *w);

/* One chunk; nothing for no bytes, since an empty chunk would end the body. */
void http_write_chunk(writer *w, slice bytes);
/* Around the bytes of a chunk, not none, that do not stand in the writer. */
void http_write_chunk_begin(writer *w, size_t size);
void http_write_chunk_end(writer *w);
void http_write_last_chunk(writer *w);

/* RFC 9110 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT". Years 1970 to 9999. */
void http_print_date(int64_t now, char text[HTTP_DATE_MAX]);
