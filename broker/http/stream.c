/* Answers that come bit by bit.
 *
 * Backpressure. What was written and not sent is bounded: at STREAM_FULL bytes the handler is told to stop, at
 * STREAM_LOW to go on. A client that reads slowly costs that, and no more.
 *
 * Ends. The handler ends the stream in any case. When the connection has gone before, it is told to hurry, unless it
 * is just writing: then it learns that from what http_stream_write returns. */
#include "connection.h"
#include "http/exchange_private.h"
#include "http/session.h"

#define STREAM_FULL ((size_t)64 << 10)
#define STREAM_LOW  ((size_t)16 << 10)
/* Around a chunk. */
#define CHUNK_ROOM 32

static bool is_chunked(const struct http_exchange *exchange)
{
    return exchange->request.minor_version != 0;
}

enum http_stream_state http_stream_state_of(struct http_exchange *exchange)
{
    if (exchange->connection == NULL || exchange->request.method == HTTP_METHOD_HEAD)
        return HTTP_STREAM_GONE;
    exchange->is_full = exchange->connection->output.bytes >= STREAM_FULL;
    return exchange->is_full ? HTTP_STREAM_FULL : HTTP_STREAM_READY;
}

/* NULL: the connection is closed. */
static struct answer *make_answer(struct http_exchange *exchange, size_t bytes)
{
    struct answer *answer = http_answer_make(exchange->connection, bytes);
    if (answer == NULL)
        connection_close(exchange->connection, "out of memory");
    return answer;
}

enum http_stream_state http_stream_begin(struct http_exchange *exchange, int status, const char *type,
                                         const char *headers, const struct http_stream *stream, void *context)
{
    exchange->is_stream = true;
    exchange->writable = stream->writable;
    exchange->hurry = stream->hurry;
    exchange->context = context;
    exchange->closes |= !is_chunked(exchange);
    exchange->is_writing = true;
    struct answer *answer = exchange->connection != NULL ? make_answer(exchange, HTTP_HEAD_ROOM) : NULL;
    if (answer != NULL) {
        exchange->connection->may_stall = true;
        http_answer_write(exchange, status, type, headers, NULL_SLICE, &answer->response.body);
        (void)!http_answer_send(answer);
    }
    exchange->is_writing = false;
    return http_stream_state_of(exchange);
}

/* NULL: nothing is to be sent. */
static struct answer *begin_piece(struct http_exchange *exchange, size_t size, size_t copied)
{
    bool is_sent = size != 0 && http_stream_state_of(exchange) != HTTP_STREAM_GONE;
    exchange->is_writing = true;
    struct answer *answer = is_sent ? make_answer(exchange, copied + CHUNK_ROOM) : NULL;
    if (answer != NULL && is_chunked(exchange))
        http_write_chunk_begin(&answer->response.body, size);
    return answer;
}

static enum http_stream_state end_piece(struct http_exchange *exchange, struct answer *answer)
{
    if (answer != NULL) {
        if (is_chunked(exchange))
            http_write_chunk_end(&answer->response.body);
        (void)!http_answer_send(answer);
    }
    exchange->is_writing = false;
    return http_stream_state_of(exchange);
}

enum http_stream_state http_stream_write(struct http_exchange *exchange, slice bytes)
{
    struct answer *answer = begin_piece(exchange, bytes.size, bytes.size);
    if (answer != NULL)
        write_bytes(&answer->response.body, bytes);
    return end_piece(exchange, answer);
}

enum http_stream_state http_stream_write_shared(struct http_exchange *exchange, struct shared_bytes *shared,
                                                size_t from, size_t size)
{
    struct answer *answer = begin_piece(exchange, size, 0);
    if (answer != NULL)
        http_answer_share(answer, shared, from, size);
    return end_piece(exchange, answer);
}

/* Frees the exchange. False: the connection has gone. */
static bool send_end(struct http_exchange *exchange, slice chunks)
{
    struct connection *connection = exchange->connection;
    bool is_sent = is_chunked(exchange) && exchange->request.method != HTTP_METHOD_HEAD;
    http_exchange_free(exchange);
    if (connection == NULL || !is_sent)
        return connection != NULL;
    struct answer *answer = http_answer_make(connection, chunks.size + CHUNK_ROOM);
    if (answer == NULL) {
        connection_close(connection, "out of memory");
        return false;
    }
    write_bytes(&answer->response.body, chunks);
    http_write_last_chunk(&answer->response.body);
    return http_answer_send(answer);
}

void http_reply_chunks(struct http_exchange *exchange, int status, const char *type, const char *headers, slice chunks)
{
    struct connection *connection = exchange->connection;
    bool closes = exchange->closes || http_body_is_awaited(exchange);
    exchange->is_stream = true;
    struct answer *answer =
        connection != NULL ? http_answer_make(connection, HTTP_HEAD_ROOM + chunks.size + CHUNK_ROOM) : NULL;
    if (answer != NULL) {
        http_answer_write(exchange, status, type, headers, NULL_SLICE, &answer->response.body);
        write_bytes(&answer->response.body, chunks);
        http_write_last_chunk(&answer->response.body);
    }
    http_exchange_free(exchange);
    if (connection == NULL)
        return;
    if (answer == NULL)
        connection_close(connection, "out of memory");
    else if (http_answer_send(answer))
        http_session_advance(connection, closes);
}

void http_stream_end_with(struct http_exchange *exchange, slice chunks)
{
    struct connection *connection = exchange->connection;
    bool closes = exchange->closes || http_body_is_awaited(exchange);
    if (send_end(exchange, chunks))
        http_session_advance(connection, closes);
}

void http_stream_end(struct http_exchange *exchange)
{
    http_stream_end_with(exchange, slice_of("", 0));
}

void http_stream_abort(struct http_exchange *exchange)
{
    struct connection *connection = exchange->connection;
    http_exchange_free(exchange);
    if (connection != NULL)
        connection_close(connection, "an answer could not be ended");
}

void http_exchange_hurry(struct http_exchange *exchange)
{
    exchange->is_hurried = true;
    if (exchange->hurry != NULL && !exchange->is_writing)
        exchange->hurry(exchange);
}

bool http_when_hurried(struct http_exchange *exchange, void (*hurry)(struct http_exchange *exchange))
{
    if (exchange->connection == NULL || exchange->connection->is_ending)
        return false;
    exchange->hurry = hurry;
    return true;
}

/* What began when the connection was ending already has not been told. */
static bool is_to_hurry(const struct http_exchange *exchange)
{
    return exchange->connection->is_ending && !exchange->is_hurried;
}

void http_exchange_sent(struct http_exchange *exchange)
{
    if (is_to_hurry(exchange)) {
        http_exchange_hurry(exchange);
    } else if (exchange->is_full && exchange->connection->output.bytes <= STREAM_LOW) {
        exchange->is_full = false;
        exchange->writable(exchange);
    }
}
