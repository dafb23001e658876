/* Happy path. The topic is found or made, then the body is read. Each text becomes a record of the current flight,
 * which is sent when it is large enough, or when the input that is here is at its end and no append is under way. What
 * became of the flights is taken in their order.
 *
 * Backpressure. While several flights are under way, or the client does not read its reports, the body is paused; a
 * block of it is taken whole in any case, so a stream holds a few flights and not more.
 *
 * Memory. What a stream holds is counted as requests are, but nobody is asked first: a record that has come in half
 * cannot wait for memory that others hold who wait as well. So one that grows large while half of all memory is taken
 * ends its stream; who sends large records slowly cannot keep the server from serving.
 *
 * Ends. The body's end, a failure, and a body that is cut all lead to the same: the last flight is sent, all are waited
 * for, and the answer says what became of them. */
#include "rest/produce_stream.h"

#include "budget.h"
#include "container.h"
#include "http/body.h"
#include "rest/produce_call.h"
#include "rest/produce_stream_private.h"
#include "rest/rest_failure.h"
#include "server.h"

#include <errno.h>
#include <stdio.h>

#define FLIGHT_BYTES  ((size_t)256 << 10) /* of keys, values and headers */
#define FLIGHTS_MAX   3
#define VALUES_MAX    100000
#define ARENA_MAX     ((size_t)64 << 20)
#define TEXT_MAX      ((size_t)64 << 20)
#define TEXT_ROOM     ((size_t)64 << 10)
#define ESCAPED_RATIO 6 /* "\u0001" is one byte */

/* ---- failures ---- */

void produce_stream_stop(struct produce_stream *stream, int error_code, const char *words)
{
    if (stream->error_code == 0) {
        stream->error_code = error_code;
        snprintf(stream->error_text, sizeof stream->error_text, "%s", words);
    }
    stream->is_ended = true;
    if (!stream->is_paused)
        http_body_pause(stream->exchange);
    stream->is_paused = true;
}

/* The text, which is the last that was read, has no record. */
static void fail_text(struct produce_stream *stream, int error_code, const char *words)
{
    if (!produce_flight_fail(stream, error_code, words))
        produce_stream_stop(stream, REST_NO_MEMORY, "out of memory");
}

/* ---- records ---- */

/* True: the record may be added. */
static bool parse_record(struct produce_stream *stream, const struct json_value *object, struct parsed_record *record)
{
    struct error error = {0};
    enum record_dialect dialect = stream->answer == PRODUCE_SUMMARY ? RECORD_OF_LINE : RECORD_OF_V3;
    int rc = record_parse(object, dialect, &stream->scratch, record, &error);
    if (rc != 0)
        fail_text(stream, rc, error.message);
    else if (record->partition < 0)
        record->partition = stream->partition;
    return rc == 0;
}

static void add_record(struct produce_stream *stream, const struct json_value *object)
{
    struct parsed_record record;
    enum kafka_error refused;
    slice words;
    if (!parse_record(stream, object, &record))
        return;
    struct flight_entry *entry = produce_flight_add(stream);
    if (entry == NULL) {
        produce_stream_stop(stream, REST_NO_MEMORY, "out of memory");
        return;
    }
    entry->sizes = record_sizes_of(&record);
    if (record_producer_add(stream->current->producer, &record, &refused, &words) != 0) {
        stream->current->entry_count--;
        produce_stream_stop(stream, REST_NO_MEMORY, "out of memory");
    }
}

/* What is no JSON is one line that is wrong; among values without lines, nobody knows where the next one begins. */
static void fail_parse(struct produce_stream *stream, int rc, const struct error *error)
{
    if (rc == -ENOMEM) {
        produce_stream_stop(stream, REST_NO_MEMORY, "out of memory");
        return;
    }
    char words[ERROR_MESSAGE_MAX + 64];
    snprintf(words, sizeof words, "Bad Request: Error processing message: %s", error->message);
    fail_text(stream, 400, words);
    stream->is_lost = stream->answer == PRODUCE_REPORTS;
}

static void take_text(struct produce_stream *stream, slice text)
{
    struct error error = {0};
    stream->number++;
    int rc = json_parse(&stream->document, text, &error);
    if (rc != 0) {
        fail_parse(stream, rc, &error);
        return;
    }
    if (stream->answer == PRODUCE_SUMMARY && record_is_mark(stream->document.values))
        return;
    add_record(stream, stream->document.values);
    arena_reset(&stream->scratch);
    if (stream->current != NULL && record_producer_bytes(stream->current->producer) >= FLIGHT_BYTES)
        produce_flight_send(stream);
}

/* ---- the body ---- */

static bool is_memory_short(const struct produce_stream *stream)
{
    const struct budget *budget = stream->server->budget;
    return budget_used(budget) > budget_limit(budget) / 2;
}

static void take(struct http_exchange *exchange, slice bytes)
{
    struct produce_stream *stream = exchange->context;
    struct error error = {0};
    slice text;
    int rc = 0;
    while (!stream->is_ended && !stream->is_lost && (rc = json_stream_next(&stream->texts, &bytes, &text, &error)) > 0)
        take_text(stream, text);
    if (rc == -ENOMEM)
        produce_stream_stop(stream, REST_NO_MEMORY, "out of memory");
    else if (rc < 0)
        produce_stream_stop(stream, 413, "a record is larger than the topic takes");
    produce_flight_count(stream);
    if (!stream->is_ended && stream->texts.held.size > TEXT_ROOM && is_memory_short(stream))
        produce_stream_stop(stream, REST_NO_MEMORY, "there is no memory for so large a record at the moment");
    produce_stream_go_on(stream);
}

static void end(struct http_exchange *exchange)
{
    struct produce_stream *stream = exchange->context;
    slice text;
    if (!stream->is_ended && !stream->is_lost && json_stream_end(&stream->texts, &text) > 0)
        take_text(stream, text);
    stream->is_ended = true;
    produce_stream_go_on(stream);
}

/* With an identity the records of an unfinished flight wait for the request to come again. */
static void cut(struct http_exchange *exchange, int status, const char *message)
{
    struct produce_stream *stream = exchange->context;
    produce_stream_stop(stream, status, message);
    stream->is_full &= exchange->connection != NULL;
    if (stream->has_identity && stream->current != NULL) {
        produce_flight_free(stream->current);
        stream->current = NULL;
    }
    produce_stream_go_on(stream);
}

static void take_results(struct produce_stream *stream)
{
    while (stream->first != NULL && stream->first->is_done && !stream->is_full) {
        struct flight *flight = stream->first;
        produce_results_take(stream, flight);
        stream->first = flight->next;
        if (stream->first == NULL)
            stream->last = NULL;
        produce_flight_free(flight);
    }
}

static bool may_send(const struct produce_stream *stream)
{
    bool is_last = stream->is_ended || stream->is_lost;
    return stream->current != NULL && (is_last || (stream->under_way == 0 && !stream->has_identity));
}

void produce_stream_go_on(struct produce_stream *stream)
{
    if (stream->is_settling)
        return;
    stream->is_settling = true;
    take_results(stream);
    if (may_send(stream))
        produce_flight_send(stream);
    stream->is_settling = false;
    /* A body that is here as a whole has been passed over by now, and the connection can stay. */
    stream->is_ended |= stream->is_lost && stream->first == NULL;
    bool is_busy = stream->is_full || stream->under_way >= FLIGHTS_MAX;
    if (stream->is_ended) {
        if (stream->first == NULL)
            produce_results_finish(stream);
    } else if (is_busy && !stream->is_paused) {
        stream->is_paused = true;
        http_body_pause(stream->exchange);
    } else if (!is_busy && stream->is_paused) {
        stream->is_paused = false;
        http_body_resume(stream->exchange);
    }
}

/* ---- its life ---- */

void produce_stream_free(struct produce_stream *stream)
{
    struct memory *memory = stream->memory;
    json_stream_close(&stream->texts);
    json_document_close(&stream->document);
    arena_close(&stream->scratch);
    produce_results_close(stream);
    memory_free(memory, MEMORY_REQUESTS, stream->identity.sequences,
                (size_t)stream->partitions * sizeof *stream->identity.sequences);
    memory_free(memory, MEMORY_REQUESTS, stream, sizeof *stream);
}

static void refuse(struct produce_stream *stream, int error_code, const char *words)
{
    struct http_exchange *exchange = stream->exchange;
    produce_stream_free(stream);
    http_reply_error(exchange, error_code, words);
}

static bool make_identity(struct produce_stream *stream)
{
    if (!stream->has_identity)
        return true;
    stream->identity.sequences =
        memory_alloc_zeroed(stream->memory, MEMORY_REQUESTS, (size_t)stream->partitions * sizeof(int32_t));
    return stream->identity.sequences != NULL;
}

static size_t text_limit(const struct topic *topic)
{
    size_t most = (size_t)topic->config.max_message_bytes;
    return most < (TEXT_MAX - TEXT_ROOM) / ESCAPED_RATIO ? most * ESCAPED_RATIO + TEXT_ROOM : TEXT_MAX;
}

static void read_body(struct produce_stream *stream, struct topic *topic)
{
    static const struct http_body_reader callbacks = {.take = take, .end = end, .cut = cut};
    enum json_stream_form form = stream->answer == PRODUCE_SUMMARY ? JSON_LINES : JSON_VALUES;
    if (topic->is_internal) {
        refuse(stream, rest_error_code(KAFKA_INVALID_TOPIC_EXCEPTION), "The topic is the server's own.");
        return;
    }
    if (stream->partition >= topic->partition_count) {
        refuse(stream, REST_PARTITION_NOT_FOUND, "Partition not found.");
        return;
    }
    stream->partitions = topic->partition_count;
    stream->topic = topic;
    topic_hold(topic);
    json_stream_close(&stream->texts);
    json_stream_init(&stream->texts, stream->memory, MEMORY_REQUESTS, text_limit(topic), form);
    if (make_identity(stream) && produce_results_open(stream))
        http_body_read(stream->exchange, &callbacks, stream);
    else
        refuse(stream, REST_NO_MEMORY, "out of memory");
}

static void on_topic(struct missing_topic_request *request, struct topic *topic, enum kafka_error code,
                     const struct error *error)
{
    struct produce_stream *stream = CONTAINER_OF(request, struct produce_stream, topic_request);
    if (topic != NULL)
        read_body(stream, topic);
    else
        refuse(stream, rest_error_code(code), error->message[0] != '\0' ? error->message : rest_error_text(code));
}

void produce_stream_begin(struct http_exchange *exchange, enum produce_answer answer, slice topic, int32_t partition)
{
    struct server *server = exchange->server;
    slice key;
    if (!produce_idempotency_key(exchange, &key))
        return;
    struct produce_stream *stream = memory_alloc_zeroed(server->memory, MEMORY_REQUESTS, sizeof *stream);
    if (stream == NULL) {
        rest_reply_no_memory(exchange);
        return;
    }
    stream->exchange = exchange;
    stream->server = server;
    stream->memory = server->memory;
    stream->answer = answer;
    stream->topic_name = topic;
    stream->partition = partition;
    stream->acks = produce_acks(exchange);
    stream->has_identity = !slice_is_null(key);
    server_random(server, &stream->start, sizeof stream->start);
    if (stream->has_identity) {
        stream->identity.producer_id = record_identity_of(key);
        stream->start = (uint32_t)stream->identity.producer_id;
    }
    json_stream_init(&stream->texts, server->memory, MEMORY_REQUESTS, TEXT_ROOM, JSON_LINES);
    json_document_init(&stream->document, server->memory, MEMORY_REQUESTS,
                       (struct json_limits){JSON_DEPTH_MAX, VALUES_MAX});
    arena_init(&stream->scratch, server->memory, MEMORY_REQUESTS, ARENA_MAX);
    writer_init(&stream->failures, server->memory, MEMORY_RESPONSES, 0);
    stream->topic_request = (struct missing_topic_request){.name = topic, .done = on_topic};
    missing_topic_start(server->missing_topics, &stream->topic_request);
}
