/* Reads HTTP/1.0 and HTTP/1.1 requests (RFC 9112): bytes in, events out, wherever the bytes are cut.
 *
 *     while ((event = http_parser_next(&parser, &input)) != HTTP_EVENT_MORE) …
 *
 * A head is gathered whole in one bounded buffer, so that its parts are slices that stay where they are; the request
 * owns it, and may be taken from the parser. An idle parser holds no buffer. A body is never copied: each
 * HTTP_EVENT_BODY points into the caller's input.
 *
 * Framing is llhttp's, in its strict mode. What two parsers could read differently is refused before it sees it, since
 * that is how requests are smuggled: a bare CR or LF, a control character, a folded line, a space before a colon,
 * Content-Length with Transfer-Encoding or twice, a coding other than chunked, no Host or two of them.
 *
 * It belongs to one connection and knows no socket and no clock. */
#pragma once

#include "memory.h"
#include "slice.h"

#include <llhttp.h>

/* In the order of http_method_text. */
enum http_method {
    HTTP_METHOD_GET,
    HTTP_METHOD_HEAD,
    HTTP_METHOD_POST,
    HTTP_METHOD_PUT,
    HTTP_METHOD_DELETE,
    HTTP_METHOD_PATCH,
    HTTP_METHOD_OPTIONS,
    HTTP_METHOD_LIST, /* not of HTTP; Vault's clients send it */
    HTTP_METHODS
};

enum http_event {
    HTTP_EVENT_MORE, /* all input is taken */
    HTTP_EVENT_HEAD, /* parser->request is valid */
    HTTP_EVENT_BODY, /* parser->body: the next bytes of the body */
    HTTP_EVENT_END,  /* the request is complete; what is left of the input belongs to the next */
    HTTP_EVENT_BAD   /* parser->failure says which status to answer; no more can be read from this connection */
};

struct http_limits {
    size_t line_bytes; /* of one line of the head */
    size_t head_bytes; /* of the request line and the fields together; trailer fields have the same limit */
    unsigned fields;
};

struct http_field {
    slice name;
    slice value; /* without the spaces around it */
};

struct http_request {
    enum http_method method;
    slice target; /* "/path?query", or "*"; an absolute form's scheme and authority are taken off */
    slice host;   /* of the Host field; null in HTTP/1.0 without one */
    unsigned minor_version;
    const struct http_field *fields;
    unsigned field_count;
    bool has_body;           /* Content-Length above 0, or chunks */
    bool is_chunked;         /* content_length is 0 and says nothing */
    bool keeps_alive;        /* the client wants the connection to stay */
    bool expects_continue;   /* it waits for 100 before it sends the body */
    bool upgrades;           /* it offers another protocol */
    uint64_t content_length; /* bytes */

    /* Private: what the slices above point into. */
    uint8_t *head;
    size_t head_size, head_capacity;
    struct http_field *table;
};

struct http_failure {
    int status;       /* 400, 414, 417, 431, 501, 505; 503 out of memory */
    const char *text; /* for people */
};

/* Where a head or its trailer stands; http_head.h. */
struct http_lines {
    size_t bytes;
    size_t line_bytes;
    unsigned lines; /* whole ones, the request line included */
    uint8_t before; /* the byte before */
    bool is_trailer;
    bool in_name; /* of a field, before its colon */
};

struct http_parser {
    struct memory *memory;
    const struct http_limits *limits;
    llhttp_t framing;
    int state;
    struct http_request request;
    slice body;
    struct http_failure failure;

    struct http_lines lines;
    unsigned empty_lines; /* before the request line */
    size_t chunk_line;    /* bytes since the last data, of a chunk's size and the line ends around it */
    bool is_last_chunk;
    bool is_complete;
};

/* limits is borrowed. */
void http_parser_init(struct http_parser *parser, struct memory *memory, const struct http_limits *limits);
void http_parser_close(struct http_parser *parser);

/* Takes from *input what belongs to the next event. After HTTP_EVENT_END nothing more is taken before
 * http_parser_end_request; after HTTP_EVENT_BAD nothing at all. */
enum http_event http_parser_next(struct http_parser *parser, slice *input);
/* What the parser still has of the request goes. */
void http_parser_end_request(struct http_parser *parser);
/* After HTTP_EVENT_HEAD: the request, which the caller then owns; the parser goes on with its body. */
void http_parser_take_request(struct http_parser *parser, struct http_request *request);
void http_request_free(struct http_request *request, struct memory *memory);
/* Nothing of a request has arrived, or all of it has. */
bool http_parser_is_between(const struct http_parser *parser);
/* Bytes of memory that it owns. */
size_t http_request_held(const struct http_request *request);

const char *http_method_text(enum http_method method);

/* The first field of the name (without regard to case), null when there is none. */
slice http_request_field(const struct http_request *request, const char *name);
/* A field that is a list of tokens has the token, without regard to case, in any of the fields of the name. */
bool http_request_lists(const struct http_request *request, const char *name, const char *token);
/* ASCII letters compare without regard to case. */
bool http_same_name(slice name, const char *other);
/* Without the spaces and tabs around it. */
slice http_trim(slice text);
