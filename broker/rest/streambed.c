#include "rest/streambed.h"

#include "base64.h"
#include "json.h"
#include "json_read.h"
#include "record.h"
#include "rest/produce_call.h"
#include "rest/record_streambed.h"
#include "rest/rest_failure.h"
#include "server.h"
#include "time_text.h"

#include <errno.h>

#define BODY_MAX   ((size_t)16 << 20)
#define ANSWER_MAX ((size_t)64 << 20)

/* ---- a record ---- */

static int refuse_field(const char *name, const char *wanted, struct error *error)
{
    return error_set(error, REST_UNPROCESSABLE, "%s must be %s", name, wanted);
}

static int read_base64(const struct json_value *value, const char *name, struct arena *arena, slice *bytes,
                       struct error *error)
{
    slice text = json_value_string(value, arena);
    if (slice_is_null(text))
        return refuse_field(name, "base64", error);
    size_t size;
    uint8_t *to = arena_alloc(arena, base64_decoded_max(text.size));
    if (to == NULL)
        return error_set(error, REST_NO_MEMORY, "out of memory");
    if (!base64_decode(text, to, &size))
        return refuse_field(name, "base64", error);
    *bytes = slice_of(to, size);
    return 0;
}

static int read_header(const struct json_value *object, struct arena *arena, struct record_header *header,
                       struct error *error)
{
    const struct json_value *key = json_value_member(object, "key"), *value = json_value_member(object, "value");
    if (key == NULL || value == NULL || key->kind != JSON_STRING)
        return refuse_field("headers", "a list of {key, value}", error);
    header->key = json_value_string(key, arena);
    if (slice_is_null(header->key))
        return error_set(error, REST_NO_MEMORY, "out of memory");
    return read_base64(value, "a header's value", arena, &header->value, error);
}

static int read_headers(const struct json_value *list, struct arena *arena, struct parsed_record *record,
                        struct error *error)
{
    if (list == NULL || list->kind == JSON_NULL)
        return 0;
    if (list->kind != JSON_ARRAY)
        return refuse_field("headers", "a list", error);
    struct record_header *headers = arena_alloc(arena, list->count * sizeof *headers);
    if (headers == NULL)
        return error_set(error, REST_NO_MEMORY, "out of memory");
    const struct json_value *item = list + 1;
    int rc = 0;
    for (uint32_t i = 0; i < list->count && rc == 0; i++, item = json_value_after(item))
        rc = read_header(item, arena, &headers[i], error);
    record->headers = headers;
    record->header_count = list->count;
    return rc;
}

/* As Java's LongSerializer writes it. */
static int read_key(const struct json_value *value, struct arena *arena, struct parsed_record *record,
                    struct error *error)
{
    uint64_t number;
    if (value == NULL || !json_value_uint64(value, &number))
        return refuse_field("key", "a number of 64 bits without a sign", error);
    uint8_t *bytes = arena_alloc(arena, STREAMBED_KEY_SIZE);
    if (bytes == NULL)
        return error_set(error, REST_NO_MEMORY, "out of memory");
    for (int i = 0; i < STREAMBED_KEY_SIZE; i++)
        bytes[i] = (uint8_t)(number >> (8 * (STREAMBED_KEY_SIZE - 1 - i)));
    record->key = slice_of(bytes, STREAMBED_KEY_SIZE);
    return 0;
}

static int read_place(const struct json_value *object, slice topic, struct arena *arena, struct parsed_record *record,
                      struct error *error)
{
    const struct json_value *name = json_value_member(object, "topic");
    const struct json_value *partition = json_value_member(object, "partition");
    const struct json_value *timestamp = json_value_member(object, "timestamp");
    int64_t index = -1;
    if (name != NULL && !json_value_equal(name, topic))
        return refuse_field("topic", "that of the path", error);
    if (partition != NULL && partition->kind != JSON_NULL &&
        (!json_value_int64(partition, &index) || index < 0 || index > INT32_MAX))
        return refuse_field("partition", "a partition's number", error);
    record->partition = (int32_t)index;
    record->has_timestamp = timestamp != NULL && timestamp->kind != JSON_NULL;
    if (record->has_timestamp) {
        slice text = json_value_string(timestamp, arena);
        if (slice_is_null(text) || !time_parse(text, &record->timestamp))
            return refuse_field("timestamp", "an RFC 3339 moment", error);
    }
    return 0;
}

static int read_record(struct produce_call *call, const struct json_value *object, struct parsed_record *record,
                       struct error *error)
{
    struct arena *arena = &call->scratch;
    *record = (struct parsed_record){.partition = -1, .id = NULL_SLICE};
    if (object->kind != JSON_OBJECT)
        return refuse_field("records", "a list of objects", error);
    const struct json_value *value = json_value_member(object, "value");
    int rc = read_place(object, call->topic_name, arena, record, error);
    if (rc == 0)
        rc = read_key(json_value_member(object, "key"), arena, record, error);
    if (rc == 0)
        rc = read_headers(json_value_member(object, "headers"), arena, record, error);
    if (rc == 0)
        rc = value != NULL ? read_base64(value, "value", arena, &record->value, error)
                           : refuse_field("value", "base64", error);
    return rc;
}

static int fill(struct produce_call *call, struct error *error)
{
    struct http_exchange *exchange = call->exchange;
    int rc = call->document.count == 0 ? json_parse(&call->document, exchange->body, error) : 0;
    if (rc != 0)
        return rc == -ENOMEM ? error_set(error, REST_NO_MEMORY, "out of memory")
                             : error_wrap(error, 400, "Malformed JSON");
    const struct json_value *records = json_value_member(call->document.values, "records");
    if (records == NULL || records->kind != JSON_ARRAY || records->count == 0)
        return refuse_field("records", "a list that is not empty", error);
    const struct json_value *object = records + 1;
    for (uint32_t i = 0; rc == 0 && i < records->count; i++, object = json_value_after(object)) {
        struct parsed_record record;
        rc = read_record(call, object, &record, error);
        if (rc == 0 && produce_call_add(call, &record) != 0)
            rc = error_set(error, REST_NO_MEMORY, "out of memory");
    }
    return rc;
}

/* ---- the answer ---- */

static void write_result(struct json *json, const struct produced *produced)
{
    bool is_written = produced->error == KAFKA_NONE;
    json_begin_object(json);
    json_key(json, "partition");
    if (is_written)
        json_int(json, produced->partition);
    else
        json_null(json);
    json_key(json, "offset");
    if (is_written)
        json_int(json, produced->offset);
    else
        json_null(json);
    if (!is_written) {
        json_key(json, "error_code");
        json_int(json, rest_error_code(produced->error));
        json_key(json, "error");
        json_string(json,
                    produced->words.size != 0 ? produced->words : slice_of_text(rest_error_text(produced->error)));
    }
    json_end_object(json);
}

/* A lone record that was not written is a failure of the request. */
static void answer(struct produce_call *call)
{
    size_t count = record_producer_count(call->producer);
    struct produced first = record_producer_result(call->producer, 0);
    if (count == 1 && first.error != KAFKA_NONE) {
        rest_reply_failure(call->exchange, first.error, NULL);
        return;
    }
    writer w;
    writer_init(&w, call->exchange->server->memory, MEMORY_RESPONSES, ANSWER_MAX);
    struct json json = json_to(&w);
    json_begin_object(&json);
    json_key(&json, "offsets");
    json_begin_array(&json);
    for (size_t i = 0; i < count; i++) {
        struct produced produced = record_producer_result(call->producer, i);
        write_result(&json, &produced);
    }
    json_end_array(&json);
    json_key(&json, "key_schema_id");
    json_null(&json);
    json_key(&json, "value_schema_id");
    json_null(&json);
    json_end_object(&json);
    http_reply_written(call->exchange, 200, STREAMBED_TYPE, &w);
    writer_close(&w);
}

static void produce(struct http_exchange *exchange)
{
    static const struct produce_dialect dialect = {
        .fill = fill, .answer = answer, .topic_error = REST_TOPIC_NOT_FOUND, .topic_text = "Topic not found."};
    produce_call_start(exchange, &dialect, http_argument(exchange, "topic"));
}

/* ---- the table ---- */

static const struct http_parameter of_partition[] = {
    {.name = "topic", .type = HTTP_TEXT, .summary = "The topic"},
    {.name = "partition", .type = HTTP_INTEGER, .least = 0, .most = INT32_MAX, .summary = "The partition"},
};
static const struct http_parameter of_topic[] = {
    {.name = "topic", .type = HTTP_TEXT, .summary = "The topic"},
    PRODUCE_ACKS,
};
static const struct http_parameter of_group[] = {
    {.name = "group", .type = HTTP_TEXT, .summary = "A label; nothing is kept under it"},
};

static const struct http_route routes[] = {
    {.method = HTTP_METHOD_GET,
     .pattern = "/topics/{topic}/partitions/{partition}/offsets",
     .handle = streambed_show_offsets,
     .type = STREAMBED_TYPE,
     .summary = "First offset, and that of the last record",
     HTTP_PARAMETERS(of_partition)},
    {.method = HTTP_METHOD_POST,
     .pattern = "/topics/{topic}",
     .body_limit = BODY_MAX,
     .consumes = "application/json",
     .handle = produce,
     .type = STREAMBED_TYPE,
     .summary = "Writes records with numbers for keys",
     .body_schema = "{\"type\":\"object\"}",
     HTTP_PARAMETERS(of_topic)},
    {.method = HTTP_METHOD_POST,
     .pattern = "/consumers/{group}",
     .body_limit = BODY_MAX,
     .consumes = "application/json",
     .handle = streambed_subscribe,
     .type = STREAMBED_TYPE,
     .summary = "The next records, a chunk each; without end while there are none",
     .body_schema = "{\"type\":\"object\"}",
     HTTP_PARAMETERS(of_group)},
};

const struct http_api streambed_api = {
    .name = "Streambed", .routes = routes, .count = sizeof routes / sizeof routes[0], .passes_unknown = true};
