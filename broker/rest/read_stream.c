/* Records as a stream: NDJSON, server-sent events, or the messages of a WebSocket.
 *
 * Happy path. What the cursor finds is sent, block by block, until the client has enough in its queue; it goes on when
 * there is room, and when the cursor has found more. One that follows says once that history is behind it, and then
 * waits with all others that stand where it stands.
 *
 * Ends. At the ends that were there when it began, unless it follows; at the limit; when all partitions are deleted,
 * which it has been told; with a mark that says what has failed. A client that goes is noticed by what is written to
 * it, and by the hurry that the connection asks for. */
#include "connection.h"
#include "container.h"
#include "http/socket.h"
#include "http/sse.h"
#include "rest/read_call.h"
#include "rest/record_mark.h"
#include "rest/rest_failure.h"
#include "server.h"

#include <errno.h>

/* What proxies take for a living connection. */
#define KEEPALIVE_MS 15000
#define MARK_MAX     ((size_t)4 << 10)
#define HEADERS      "Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\n"

static void go_on(struct read_call *call);

/* ---- its end ---- */

static void free_stream(struct read_call *call)
{
    struct read_stream *stream = &call->stream;
    memory_free(call->server->memory, MEMORY_CONNECTIONS, stream->ends,
                (size_t)stream->end_count * sizeof *stream->ends);
    read_call_free(call);
}

static void end(struct read_call *call)
{
    struct http_exchange *exchange = call->exchange;
    bool is_socket = call->output == RECORD_MESSAGES;
    free_stream(call);
    if (is_socket)
        http_socket_end(exchange, WEBSOCKET_NORMAL, "");
    else
        http_stream_end(exchange);
}

/* ---- writing ---- */

static void note(struct read_call *call, enum http_stream_state state)
{
    call->stream.is_full = state == HTTP_STREAM_FULL;
    call->stream.is_gone |= state == HTTP_STREAM_GONE;
}

static void write_shared(struct read_call *call, struct shared_bytes *bytes)
{
    if (call->output == RECORD_MESSAGES)
        note(call, http_socket_send_shared(call->exchange, bytes, 0, bytes->size));
    else
        note(call, http_stream_write_shared(call->exchange, bytes, 0, bytes->size));
}

/* Marks of one stream alone; of a socket the frame stands in the block as in those that are shared. */
static void write_mark(struct read_call *call, const writer *mark)
{
    struct memory *memory = call->server->memory;
    struct shared_bytes *bytes =
        writer_ok(mark) ? shared_bytes_make(memory, connections_orphans(call->server->connections), mark->size) : NULL;
    if (bytes == NULL) {
        call->stream.is_gone = true;
        return;
    }
    memcpy(bytes->data, mark->data, mark->size);
    write_shared(call, bytes);
    shared_bytes_release(bytes);
}

static writer begin_mark(const struct read_call *call)
{
    writer w;
    writer_init(&w, call->server->memory, MEMORY_RESPONSES, MARK_MAX);
    return w;
}

static void write_threshold(struct read_call *call)
{
    writer w = begin_mark(call);
    record_mark_threshold(call->output, &w);
    write_mark(call, &w);
    writer_close(&w);
    call->stream.wants_threshold = false;
}

static void fail(struct read_call *call, enum kafka_error error)
{
    writer w = begin_mark(call);
    record_mark_error(call->output, rest_error_code(error), rest_error_text(error), &w);
    write_mark(call, &w);
    writer_close(&w);
    end(call);
}

/* ---- pulses ---- */

static void set_alarm(struct read_call *call)
{
    if (call->stream.pulse_ms != 0)
        read_alarm_set(record_readers_alarms(call->server->record_readers), &call->alarm, call->stream.pulse_ms);
}

/* Whoever does not read what there is gets no more of it. */
static void on_due(struct read_alarm *alarm)
{
    struct read_call *call = CONTAINER_OF(alarm, struct read_call, alarm);
    set_alarm(call);
    if (call->stream.is_full || call->stream.is_gone)
        return;
    writer w = begin_mark(call);
    if (call->stream.keeps_alive)
        sse_write_comment(&w, "keepalive");
    else
        record_mark_pulse(call->output, server_now(call->server), &w);
    write_mark(call, &w);
    writer_close(&w);
    if (call->stream.is_gone)
        end(call);
}

/* ---- records ---- */

static bool has_ended(const struct read_call *call)
{
    const struct read_stream *stream = &call->stream;
    const struct cursor *cursor = &call->cursor;
    if (cursor->limit <= 0 || cursor_is_over(cursor))
        return true;
    if (call->is_hurried && cursor_at_end(cursor))
        return true;
    if (stream->ends == NULL)
        return false;
    if (reading_part_count(cursor->reading) != stream->end_count) /* partitions came, and are behind what was there */
        return cursor_at_end(cursor);
    bool is_behind = true;
    for (int32_t i = 0; i < stream->end_count && is_behind; i++)
        is_behind = cursor->positions[i] >= stream->ends[i];
    return is_behind;
}

/* False: it has ended, or waits. */
static bool take_next(struct read_call *call)
{
    struct cursor *cursor = &call->cursor;
    struct reading_step *step = cursor->error == KAFKA_NONE ? cursor_find(cursor) : NULL;
    enum kafka_error error = step != NULL ? step->error : cursor->error;
    if (error != KAFKA_NONE) {
        fail(call, error);
        return false;
    }
    if (step == NULL)
        return false;
    if (step->bytes != NULL)
        write_shared(call, step->bytes);
    cursor_take(cursor, step);
    return true;
}

static void go_on(struct read_call *call)
{
    struct read_stream *stream = &call->stream;
    bool goes_on = true;
    while (goes_on) {
        if (stream->is_gone || has_ended(call)) {
            end(call);
            return;
        }
        if (stream->is_full)
            return;
        if (stream->wants_threshold && cursor_at_end(&call->cursor))
            write_threshold(call);
        else
            goes_on = take_next(call);
    }
}

void read_stream_ready(struct cursor *cursor)
{
    go_on(CONTAINER_OF(cursor, struct read_call, cursor));
}

/* ---- what the connection says ---- */

static void on_writable(struct http_exchange *exchange)
{
    struct read_call *call = exchange->context;
    call->stream.is_full = false;
    go_on(call);
}

/* What is there is still sent to a client that only ends its half. */
static void on_hurry(struct http_exchange *exchange)
{
    struct read_call *call = exchange->context;
    call->is_hurried = true;
    call->stream.is_gone |= exchange->connection == NULL;
    cursor_wake(&call->cursor);
}

static void on_message(struct http_exchange *exchange, enum websocket_opcode opcode, slice payload)
{
    (void)exchange; /* nothing that a client says means anything */
    (void)opcode;
    (void)payload;
}

static void on_ending(struct http_exchange *exchange)
{
    struct read_call *call = exchange->context;
    call->stream.is_gone = true;
    cursor_wake(&call->cursor);
}

static const struct http_stream stream_calls = {.writable = on_writable, .hurry = on_hurry};
static const struct http_socket socket_calls = {
    .message_max = 4096,
    .message = on_message,
    .writable = on_writable,
    .ending = on_ending,
};

/* ---- its beginning ---- */

static bool set_ends(struct read_call *call)
{
    struct read_stream *stream = &call->stream;
    const struct reading *reading = call->cursor.reading;
    stream->end_count = reading_part_count(reading);
    stream->ends =
        memory_alloc(call->server->memory, MEMORY_CONNECTIONS, (size_t)stream->end_count * sizeof *stream->ends);
    for (int32_t i = 0; stream->ends != NULL && i < stream->end_count; i++)
        stream->ends[i] = reading_end_offset(reading, i);
    return stream->ends != NULL;
}

/* False: the exchange has gone. */
static bool begin_answer(struct read_call *call)
{
    struct http_exchange *exchange = call->exchange;
    if (call->output == RECORD_MESSAGES)
        return http_socket_begin(exchange, &socket_calls, call);
    const char *type = call->output == RECORD_EVENTS ? "text/event-stream" : "application/x-ndjson";
    note(call, http_stream_begin(exchange, 200, type, HEADERS, &stream_calls, call));
    call->is_hurried = !http_when_hurried(exchange, on_hurry);
    call->stream.is_gone |= exchange->request.method == HTTP_METHOD_HEAD;
    return true;
}

void read_stream_begin(struct read_call *call, const struct read_query *query)
{
    struct read_stream *stream = &call->stream;
    bool keeps_alive = query->pulse_ms == 0 && call->output == RECORD_EVENTS && query->follow;
    *stream = (struct read_stream){
        .pulse_ms = keeps_alive     ? KEEPALIVE_MS
                    : query->follow ? (uint32_t)query->pulse_ms
                                    : 0,
        .keeps_alive = keeps_alive,
        .wants_threshold = query->wants_threshold,
    };
    if (!query->follow && !set_ends(call)) {
        struct http_exchange *exchange = call->exchange;
        free_stream(call);
        rest_reply_no_memory(exchange);
        return;
    }
    if (!begin_answer(call)) {
        free_stream(call);
        return;
    }
    call->alarm.due = on_due;
    set_alarm(call);
    go_on(call);
}
