#include "rest/resource_list.h"

#include "budget.h"
#include "http/body.h"
#include "rest/rest_failure.h"
#include "server.h"

#define NOTES_MAX ((size_t)16 << 20)
#define PIECE     ((size_t)32 << 10) /* begun no further item behind so many bytes */
#define PIECE_MAX ((size_t)4 << 20)  /* what one item may take */

static void go_on(struct http_exchange *exchange);

static void end(struct http_exchange *exchange)
{
    resource_list_close(exchange->context);
    http_stream_end(exchange);
}

/* The client may have gone while nothing could be written. */
static void look_after(struct http_exchange *exchange)
{
    enum http_stream_state state = http_stream_write(exchange, NULL_SLICE);
    if (state == HTTP_STREAM_GONE)
        end(exchange);
    else if (state == HTTP_STREAM_READY)
        go_on(exchange);
}

static const struct http_stream stream = {.writable = go_on, .hurry = look_after};

struct resource_list *resource_list_open(struct http_exchange *exchange)
{
    struct memory *memory = exchange->server->memory;
    struct resource_list *list = memory_alloc_zeroed(memory, MEMORY_RESPONSES, sizeof *list);
    if (list == NULL) {
        rest_reply_no_memory(exchange);
        return NULL;
    }
    resource_writer_open(&list->out, exchange, PIECE_MAX);
    arena_init(&list->arena, memory, MEMORY_RESPONSES, NOTES_MAX);
    return list;
}

void resource_list_close(struct resource_list *list)
{
    struct memory *memory = list->arena.memory; /* the exchange may be gone */
    resource_writer_close(&list->out);
    arena_close(&list->arena);
    memory_free(memory, MEMORY_RESPONSES, list, sizeof *list);
}

static void write_piece(struct resource_list *list)
{
    while (list->position < list->count && list->out.body.size < PIECE)
        list->write(list, list->position++);
    if (list->position < list->count)
        return;
    json_end_array(&list->out.json);
    json_end_object(&list->out.json);
}

/* What was sent before stays: only a cut connection tells that there is more. */
static void fail(struct resource_list *list)
{
    struct http_exchange *exchange = list->out.exchange;
    bool is_streaming = list->is_streaming;
    resource_list_close(list);
    if (is_streaming)
        http_stream_abort(exchange);
    else
        rest_reply_no_memory(exchange);
}

/* A client that does not read keeps the notes for as long as it likes. */
static bool is_memory_short(const struct budget *budget)
{
    return budget_used(budget) > budget_limit(budget) / 2;
}

static enum http_stream_state send_piece(struct resource_list *list)
{
    enum http_stream_state state = http_stream_write(list->out.exchange, writer_slice(&list->out.body));
    writer_cut(&list->out.body, 0);
    return state;
}

static void go_on(struct http_exchange *exchange)
{
    struct resource_list *list = exchange->context;
    enum http_stream_state state = HTTP_STREAM_READY;
    bool is_last = false;
    while (state == HTTP_STREAM_READY && !is_last) {
        write_piece(list);
        is_last = list->position == list->count;
        if (!writer_ok(&list->out.body)) {
            fail(list);
            return;
        }
        state = send_piece(list);
    }
    if (state == HTTP_STREAM_FULL && !is_last)
        return;
    end(exchange);
}

void resource_list_start(struct resource_list *list, const char *kind, struct resource_path url)
{
    struct http_exchange *exchange = list->out.exchange;
    struct json *json = &list->out.json;
    json_begin_object(json);
    json_key(json, "kind");
    json_text(json, kind);
    json_key(json, "metadata");
    json_begin_object(json);
    json_key(json, "self");
    resource_url(&list->out, url);
    json_key(json, "next");
    json_null(json);
    json_end_object(json);
    json_key(json, "data");
    json_begin_array(json);
    write_piece(list);
    if (!writer_ok(&list->out.body)) {
        fail(list);
        return;
    }
    if (list->position < list->count && is_memory_short(exchange->server->budget)) {
        fail(list);
        return;
    }
    if (list->position == list->count) {
        http_reply(exchange, 200, RESOURCE_TYPE, NULL, writer_slice(&list->out.body));
        resource_list_close(list);
        return;
    }
    list->is_streaming = true;
    http_exchange_hold(exchange, list->arena.total + list->out.body.capacity);
    enum http_stream_state state = http_stream_begin(exchange, 200, RESOURCE_TYPE, NULL, &stream, list);
    if (state != HTTP_STREAM_GONE)
        state = send_piece(list);
    if (state == HTTP_STREAM_READY)
        go_on(exchange);
    else if (state == HTTP_STREAM_GONE)
        end(exchange);
}
