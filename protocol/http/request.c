#include "http/request.h"

#include "http/head.h"

#include <strings.h>

enum parser_state { BETWEEN, IN_HEAD, IN_BODY, IN_TRAILER, AT_END, FAILED };

#define FIRST_HEAD_BYTES 1024
/* Of a chunk's size, its extensions and the line ends around it. */
#define CHUNK_LINE_MAX 256

static enum http_event fail(struct http_parser *parser, int status, const char *text)
{
    parser->state = FAILED;
    parser->failure = (struct http_failure){status, text};
    return HTTP_EVENT_BAD;
}

/* ---- llhttp ---- */

static int on_headers_complete(llhttp_t *framing)
{
    struct http_parser *parser = framing->data;
    parser->request.keeps_alive = llhttp_should_keep_alive(framing) != 0;
    parser->request.upgrades = framing->upgrade != 0;
    return 0;
}

static int on_body(llhttp_t *framing, const char *at, size_t size)
{
    struct http_parser *parser = framing->data;
    parser->body = slice_of(at, size);
    return HPE_PAUSED;
}

static int on_chunk_header(llhttp_t *framing)
{
    struct http_parser *parser = framing->data;
    parser->is_last_chunk = framing->content_length == 0;
    return parser->is_last_chunk ? HPE_PAUSED : 0;
}

static int on_message_complete(llhttp_t *framing)
{
    struct http_parser *parser = framing->data;
    parser->is_complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t callbacks = {
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_chunk_header = on_chunk_header,
    .on_message_complete = on_message_complete,
};

/* How many bytes it took; parser->state is FAILED when it refused one. */
static size_t run(struct http_parser *parser, const void *data, size_t size)
{
    llhttp_t *framing = &parser->framing;
    llhttp_errno_t rc = llhttp_execute(framing, data, size);
    if (rc == HPE_OK)
        return size;
    size_t taken = (size_t)(llhttp_get_error_pos(framing) - (const char *)data);
    if (rc == HPE_PAUSED)
        llhttp_resume(framing);
    else if (rc == HPE_PAUSED_UPGRADE)
        llhttp_resume_after_upgrade(framing);
    else
        fail(parser, 400, llhttp_get_error_reason(framing));
    return taken;
}

/* llhttp does not know LIST, and how a message is framed does not depend on its method: it is told GET. */
static bool run_head(struct http_parser *parser)
{
    const char *method = http_method_text(parser->request.method);
    const char *told = parser->request.method == HTTP_METHOD_LIST ? "GET" : method;
    slice rest = slice_of(parser->request.head + strlen(method), parser->request.head_size - strlen(method));
    llhttp_init(&parser->framing, HTTP_REQUEST, &callbacks);
    parser->framing.data = parser;
    (void)run(parser, told, strlen(told));
    if (parser->state != FAILED && run(parser, rest.data, rest.size) != rest.size && parser->state != FAILED)
        fail(parser, 400, "the header fields end too early");
    return parser->state != FAILED;
}

/* ---- the head ---- */

static bool store(struct http_parser *parser, uint8_t byte)
{
    struct http_request *request = &parser->request;
    if (request->head_size == request->head_capacity) {
        size_t capacity = request->head_capacity != 0 ? 2 * request->head_capacity : FIRST_HEAD_BYTES;
        uint8_t *head =
            memory_realloc(parser->memory, MEMORY_REQUESTS, request->head, request->head_capacity, capacity);
        if (head == NULL)
            return false;
        request->head = head;
        request->head_capacity = capacity;
    }
    request->head[request->head_size++] = byte;
    return true;
}

static void begin_between(struct http_parser *parser)
{
    http_request_free(&parser->request, parser->memory);
    parser->body = NULL_SLICE;
    parser->chunk_line = 0;
    parser->is_last_chunk = parser->is_complete = false;
    parser->state = BETWEEN;
    http_lines_begin(&parser->lines, false);
}

/* RFC 9112 2.2: one empty line before the request line is ignored; old clients end a body with one. */
static enum http_event skip_empty_line(struct http_parser *parser)
{
    begin_between(parser);
    return parser->empty_lines++ == 0 ? HTTP_EVENT_MORE : fail(parser, 400, "empty lines before the request");
}

static enum http_event end_head(struct http_parser *parser)
{
    if (parser->lines.lines == 0)
        return skip_empty_line(parser);
    struct http_request *request = &parser->request;
    unsigned count = parser->lines.lines - 1;
    request->table = memory_alloc_zeroed(parser->memory, MEMORY_REQUESTS, count * sizeof *request->table);
    if (request->table == NULL)
        return fail(parser, 503, "out of memory");
    request->fields = request->table; /* as far as they are read, if the head is refused */
    request->field_count = count;
    if (!http_head_parse(slice_of(request->head, request->head_size), request->table, request, &parser->failure)) {
        parser->state = FAILED;
        return HTTP_EVENT_BAD;
    }
    if (!run_head(parser))
        return HTTP_EVENT_BAD;
    parser->state = request->has_body ? IN_BODY : AT_END;
    return HTTP_EVENT_HEAD;
}

static enum http_event read_head(struct http_parser *parser, slice *input)
{
    parser->state = IN_HEAD;
    while (input->size != 0) {
        uint8_t byte = input->data[0];
        enum http_lines_state state = http_lines_take(&parser->lines, parser->limits, byte, &parser->failure);
        if (state == HTTP_LINES_BAD)
            return fail(parser, parser->failure.status, parser->failure.text);
        if (!store(parser, byte))
            return fail(parser, 503, "out of memory");
        *input = slice_of(input->data + 1, input->size - 1);
        if (state == HTTP_LINES_END) {
            enum http_event event = end_head(parser);
            if (event != HTTP_EVENT_MORE)
                return event;
            parser->state = input->size != 0 ? IN_HEAD : BETWEEN;
        }
    }
    return HTTP_EVENT_MORE;
}

/* ---- the body ---- */

static enum http_event read_body(struct http_parser *parser, slice *input)
{
    parser->body = NULL_SLICE;
    size_t taken = run(parser, input->size != 0 ? (const void *)input->data : "", input->size);
    if (parser->state == FAILED)
        return HTTP_EVENT_BAD;
    *input = slice_of(input->data + taken, input->size - taken);
    parser->chunk_line += taken - parser->body.size;
    if (parser->chunk_line > CHUNK_LINE_MAX)
        return fail(parser, 400, "the line of a chunk is too long");
    if (parser->body.size != 0) {
        parser->chunk_line = 0;
        return HTTP_EVENT_BODY;
    }
    if (parser->is_last_chunk) {
        parser->state = IN_TRAILER;
        http_lines_begin(&parser->lines, true);
    } else if (parser->is_complete) {
        parser->state = AT_END;
    } else {
        return HTTP_EVENT_MORE;
    }
    return http_parser_next(parser, input);
}

/* Trailer fields are checked, and dropped: nothing here asks for one. */
static enum http_event read_trailer(struct http_parser *parser, slice *input)
{
    while (input->size != 0) {
        enum http_lines_state state = http_lines_take(&parser->lines, parser->limits, input->data[0], &parser->failure);
        if (state == HTTP_LINES_BAD)
            return fail(parser, parser->failure.status, parser->failure.text);
        *input = slice_of(input->data + 1, input->size - 1);
        if (state == HTTP_LINES_END) {
            parser->state = AT_END;
            return HTTP_EVENT_END;
        }
    }
    return HTTP_EVENT_MORE;
}

/* ---- the parser ---- */

void http_parser_init(struct http_parser *parser, struct memory *memory, const struct http_limits *limits)
{
    *parser = (struct http_parser){.memory = memory, .limits = limits};
    http_lines_begin(&parser->lines, false);
}

void http_parser_close(struct http_parser *parser)
{
    begin_between(parser);
}

enum http_event http_parser_next(struct http_parser *parser, slice *input)
{
    switch ((enum parser_state)parser->state) {
    case BETWEEN:
    case IN_HEAD:
        return input->size != 0 ? read_head(parser, input) : HTTP_EVENT_MORE;
    case IN_BODY:
        return read_body(parser, input);
    case IN_TRAILER:
        return read_trailer(parser, input);
    case AT_END:
        return HTTP_EVENT_END;
    case FAILED:
        break;
    }
    return HTTP_EVENT_BAD;
}

void http_parser_end_request(struct http_parser *parser)
{
    begin_between(parser);
    parser->empty_lines = 0;
}

bool http_parser_is_between(const struct http_parser *parser)
{
    return parser->state == BETWEEN || parser->state == AT_END;
}

void http_parser_take_request(struct http_parser *parser, struct http_request *request)
{
    *request = parser->request;
    parser->request = (struct http_request){0};
}

/* ---- what was read ---- */

size_t http_request_held(const struct http_request *request)
{
    return request->head_capacity + request->field_count * sizeof *request->table;
}

void http_request_free(struct http_request *request, struct memory *memory)
{
    memory_free(memory, MEMORY_REQUESTS, request->head, request->head_capacity);
    memory_free(memory, MEMORY_REQUESTS, request->table, request->field_count * sizeof *request->table);
    *request = (struct http_request){0};
}

const char *http_method_text(enum http_method method)
{
    static const char *const texts[HTTP_METHODS] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "LIST"};
    return texts[method];
}

bool http_same_name(slice name, const char *other)
{
    return name.size == strlen(other) && strncasecmp((const char *)name.data, other, name.size) == 0;
}

slice http_request_field(const struct http_request *request, const char *name)
{
    for (unsigned i = 0; i < request->field_count; i++)
        if (http_same_name(request->fields[i].name, name))
            return request->fields[i].value;
    return NULL_SLICE;
}

static bool lists(slice value, const char *token)
{
    while (value.size != 0) {
        const uint8_t *comma = memchr(value.data, ',', value.size);
        size_t size = comma != NULL ? (size_t)(comma - value.data) : value.size;
        if (http_same_name(http_trim(slice_of(value.data, size)), token))
            return true;
        size += comma != NULL;
        value = slice_of(value.data + size, value.size - size);
    }
    return false;
}

bool http_request_lists(const struct http_request *request, const char *name, const char *token)
{
    for (unsigned i = 0; i < request->field_count; i++)
        if (http_same_name(request->fields[i].name, name) && lists(request->fields[i].value, token))
            return true;
    return false;
}
