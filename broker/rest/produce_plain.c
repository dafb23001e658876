/* For curl and small devices: a record whose value is the body, and records one a line. */
#include "base64.h"
#include "rest/produce_apis.h"
#include "rest/produce_call.h"
#include "rest/produce_report.h"
#include "rest/produce_stream.h"
#include "rest/rest_failure.h"
#include "server.h"
#include "time_text.h"

#include <errno.h>
#include <stdlib.h>

#define JSON_TYPE     "application/json"
#define BODY_MAX      ((size_t)16 << 20)
#define ANSWER_MAX    ((size_t)64 << 10)
#define HEADER_PREFIX "x-record-header-"

static int32_t partition_of(const struct http_exchange *exchange)
{
    bool is_in_path = !slice_is_null(http_argument(exchange, "partition"));
    return (int32_t)(is_in_path ? http_argument_number(exchange, "partition")
                                : http_parameter_number(exchange, "partition", -1));
}

static void begin_lines(struct http_exchange *exchange)
{
    produce_stream_begin(exchange, PRODUCE_SUMMARY, http_argument(exchange, "topic"), partition_of(exchange));
}

/* ---- one record ---- */

static int take_key(struct produce_call *call, struct parsed_record *record, struct error *error)
{
    const struct http_request *request = &call->exchange->request;
    slice text = http_request_field(request, "x-record-key-base64");
    record->key = http_request_field(request, "x-record-key");
    record->key_type = slice_is_null(record->key) ? RECORD_DATA_NONE : RECORD_DATA_STRING;
    if (slice_is_null(text))
        return 0;
    if (!slice_is_null(record->key))
        return error_set(error, 400, "X-Record-Key and X-Record-Key-Base64 are two keys");
    uint8_t *bytes = arena_alloc(&call->scratch, base64_decoded_max(text.size) + 1);
    if (bytes == NULL)
        return error_set(error, REST_NO_MEMORY, "out of memory");
    if (!base64_decode(text, bytes, &record->key.size))
        return error_set(error, 400, "X-Record-Key-Base64 is not base64");
    record->key.data = bytes;
    record->key_type = RECORD_DATA_BINARY;
    return 0;
}

static bool parse_milliseconds(slice text, int64_t *moment)
{
    char digits[21], *end;
    if (text.size == 0 || text.size >= sizeof digits)
        return false;
    memcpy(digits, text.data, text.size);
    digits[text.size] = '\0';
    errno = 0;
    *moment = strtoll(digits, &end, 10);
    return *end == '\0' && errno == 0 && *moment >= 0 && digits[0] >= '0' && digits[0] <= '9';
}

static int take_timestamp(const struct produce_call *call, struct parsed_record *record, struct error *error)
{
    slice text = http_request_field(&call->exchange->request, "x-record-timestamp");
    record->has_timestamp = !slice_is_null(text);
    if (slice_is_null(text) || time_parse(text, &record->timestamp) || parse_milliseconds(text, &record->timestamp))
        return 0;
    return error_set(error, 400, "X-Record-Timestamp is neither RFC 3339 nor milliseconds since 1970");
}

static bool is_header(const struct http_field *field)
{
    size_t prefix = sizeof HEADER_PREFIX - 1;
    return field->name.size > prefix && http_same_name(slice_of(field->name.data, prefix), HEADER_PREFIX);
}

/* Their names are what stands behind the prefix, in the letters that arrived. */
static int take_headers(struct produce_call *call, struct parsed_record *record, struct error *error)
{
    const struct http_request *request = &call->exchange->request;
    struct record_header *headers = arena_alloc(&call->scratch, request->field_count * sizeof *headers);
    if (headers == NULL)
        return error_set(error, REST_NO_MEMORY, "out of memory");
    for (unsigned i = 0; i < request->field_count; i++) {
        const struct http_field *field = &request->fields[i];
        size_t prefix = sizeof HEADER_PREFIX - 1;
        if (is_header(field))
            headers[record->header_count++] =
                (struct record_header){slice_of(field->name.data + prefix, field->name.size - prefix), field->value};
    }
    record->headers = headers;
    return 0;
}

static int take_value(struct produce_call *call, struct parsed_record *record, struct error *error)
{
    slice body = call->exchange->body;
    bool is_null = http_parameter_flag(call->exchange, "tombstone");
    if (is_null && body.size != 0)
        return error_set(error, 400, "a tombstone has no body");
    record->value_type = is_null ? RECORD_DATA_NONE : RECORD_DATA_BINARY;
    if (!is_null)
        record->value = body.size != 0 ? body : slice_of_text("");
    return 0;
}

static int fill(struct produce_call *call, struct error *error)
{
    struct parsed_record record = {.partition = partition_of(call->exchange)};
    struct record_sizes *sizes = arena_alloc(&call->arena, sizeof *sizes);
    if (sizes == NULL)
        return error_set(error, REST_NO_MEMORY, "out of memory");
    int rc = take_key(call, &record, error);
    if (rc == 0)
        rc = take_timestamp(call, &record, error);
    if (rc == 0)
        rc = take_headers(call, &record, error);
    if (rc == 0)
        rc = take_value(call, &record, error);
    if (rc != 0)
        return rc;
    *sizes = record_sizes_of(&record);
    call->context = sizes;
    return produce_call_add(call, &record) == 0 ? 0 : error_set(error, REST_NO_MEMORY, "out of memory");
}

static void answer(struct produce_call *call)
{
    struct produced produced = record_producer_result(call->producer, 0);
    const struct server *server = call->exchange->server;
    writer w;
    writer_init(&w, server->memory, MEMORY_RESPONSES, ANSWER_MAX);
    struct json json = json_to(&w);
    json_begin_object(&json);
    if (produced.error == KAFKA_NONE)
        produce_report_write(&json, server->start.cluster_id, record_producer_topic(call->producer), &produced,
                             call->context);
    else
        produce_report_write_failure(&json, &produced);
    json_end_object(&json);
    int error_code = produced.error == KAFKA_NONE ? 200 : produce_report_error_code(&produced);
    int status = error_code >= 1000 ? error_code / 100 : error_code;
    http_reply_written(call->exchange, status, JSON_TYPE, &w);
    writer_close(&w);
}

static void handle_raw(struct http_exchange *exchange)
{
    static const struct produce_dialect dialect = {
        .fill = fill, .answer = answer, .topic_error = REST_TOPIC_NOT_FOUND, .topic_text = "Topic not found."};
    produce_call_start(exchange, &dialect, http_argument(exchange, "topic"));
}

/* ---- routes ---- */

#define PARTITION                                                                                                      \
    {                                                                                                                  \
        .name = "partition", .type = HTTP_INTEGER, .least = 0, .most = INT32_MAX, .summary = "Of the topic, from 0"    \
    }
#define TOMBSTONE                                                                                                      \
    {                                                                                                                  \
        .name = "tombstone", .type = HTTP_FLAG, .summary = "The value is null: a compacted topic forgets the key"      \
    }

static const struct http_parameter of_record[] = {PARTITION, TOMBSTONE, PRODUCE_ACKS};
static const struct http_parameter of_lines[] = {PARTITION, PRODUCE_ACKS};

#define RAW(path)                                                                                                      \
    {                                                                                                                  \
        .method = HTTP_METHOD_POST, .pattern = path, .body_limit = BODY_MAX, .handle = handle_raw, .type = JSON_TYPE,  \
        .summary = "Write one record: the body is its value; X-Record-Key, X-Record-Header-NAME, X-Record-Timestamp",  \
        HTTP_PARAMETERS(of_record)                                                                                     \
    }
#define LINES(path)                                                                                                    \
    {                                                                                                                  \
        .method = HTTP_METHOD_POST, .pattern = path, .begin = begin_lines, .type = JSON_TYPE,                          \
        .summary = "Write records, one JSON a line (NDJSON), as many as there are; what was read comes in equal",      \
        HTTP_PARAMETERS(of_lines), .answer_schema = PRODUCE_SUMMARY_SCHEMA                                             \
    }

static const struct http_route routes[] = {
    RAW("/topics/{topic}/raw"),
    RAW("/topics/{topic}/partitions/{partition}/raw"),
    LINES("/topics/{topic}/records"),
    LINES("/topics/{topic}/partitions/{partition}/records"),
};

const struct http_api produce_plain_api = {
    .name = "Writing plainly",
    .routes = routes,
    .count = sizeof routes / sizeof routes[0],
};
