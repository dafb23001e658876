/* Any bytes as requests of HTTP: the same comes out whole, byte by byte and cut where the first two bytes say, and
 * nothing of the parser is left over. */
#include "http/request.h"

#include "crc32c.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http_limits limits = {.line_bytes = 300, .head_bytes = 600, .fields = 8};

/* Of all that came out. */
struct outcome {
    uint32_t sum;
    unsigned requests;
    int status;
};

static void add(struct outcome *outcome, slice bytes)
{
    outcome->sum = crc32c(outcome->sum, bytes.data, bytes.size);
}

static void add_head(struct outcome *outcome, const struct http_request *request)
{
    uint8_t flags[] = {(uint8_t)request->method,
                       (uint8_t)request->minor_version,
                       request->has_body,
                       request->is_chunked,
                       request->keeps_alive,
                       request->upgrades,
                       (uint8_t)request->field_count};
    add(outcome, slice_of(flags, sizeof flags));
    add(outcome, request->target);
    for (unsigned i = 0; i < request->field_count; i++) {
        add(outcome, request->fields[i].name);
        add(outcome, request->fields[i].value);
    }
}

static void take(struct http_parser *parser, slice piece, struct outcome *outcome)
{
    for (;;) {
        switch (http_parser_next(parser, &piece)) {
        case HTTP_EVENT_MORE:
            return;
        case HTTP_EVENT_HEAD:
            add_head(outcome, &parser->request);
            break;
        case HTTP_EVENT_BODY:
            add(outcome, parser->body);
            break;
        case HTTP_EVENT_END:
            outcome->requests++;
            http_parser_end_request(parser);
            break;
        case HTTP_EVENT_BAD:
            outcome->status = parser->failure.status;
            (void)http_request_field(&parser->request, "accept"); /* whoever answers looks at what there is */
            (void)http_request_lists(&parser->request, "connection", "close");
            return;
        }
    }
}

static struct outcome parse(slice input, size_t first, size_t rest)
{
    struct memory memory;
    struct http_parser parser;
    struct outcome outcome = {0};
    memory_init(&memory);
    http_parser_init(&parser, &memory, &limits);
    for (size_t piece = first; input.size != 0 && outcome.status == 0; piece = rest) {
        piece = piece < input.size ? piece : input.size;
        take(&parser, slice_of(input.data, piece), &outcome);
        input = slice_of(input.data + piece, input.size - piece);
    }
    http_parser_close(&parser);
    if (memory_total_bytes(&memory) != 0)
        abort();
    return outcome;
}

static void require_same(struct outcome a, struct outcome b)
{
    if (a.sum != b.sum || a.requests != b.requests || a.status != b.status)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    slice input = slice_of(data + 2, size - 2);
    size_t cut = 1 + (size_t)(data[0] << 8 | data[1]) % input.size;
    struct outcome whole = parse(input, input.size, input.size);
    require_same(whole, parse(input, cut, input.size));
    require_same(whole, parse(input, 1, 1));
    return 0;
}
