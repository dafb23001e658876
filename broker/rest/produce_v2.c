/* REST Proxy v2: POST /topics/{topic} and /topics/{topic}/partitions/{partition}, binary and json. */
#include "http/body.h"
#include "json.h"
#include "rest/produce_apis.h"
#include "rest/produce_call.h"
#include "rest/rest_failure.h"
#include "rest/v2.h"
#include "server.h"

#include <errno.h>

#define BODY_MAX   ((size_t)8 << 20)
#define ANSWER_MAX ((size_t)64 << 20)

static bool is_named(const struct json_value *key, const char *name)
{
    return json_value_equal(key, slice_of_text(name));
}

/* For formats that need no schema REST Proxy passes over the fields of schemas. */
static int find_records(const struct json_value *root, const struct json_value **records, struct error *error)
{
    static const char *const others[] = {"key_schema", "key_schema_id", "value_schema", "value_schema_id"};
    *records = NULL;
    if (root->kind != JSON_OBJECT)
        return error_set(error, 400, "the body must be an object");
    const struct json_value *key = root + 1;
    for (uint32_t i = 0; i < root->count; i++, key = json_value_after(key + 1)) {
        bool is_known = is_named(key, "records");
        if (is_known)
            *records = key + 1;
        for (size_t k = 0; k < sizeof others / sizeof others[0]; k++)
            is_known |= is_named(key, others[k]);
        if (!is_known)
            return error_set(error, REST_UNPROCESSABLE, "Unrecognized field: %.*s", (int)key->size, key->text);
    }
    if (*records != NULL && (*records)->kind != JSON_ARRAY && (*records)->kind != JSON_NULL)
        return error_set(error, 400, "records must be a list");
    if (*records == NULL || (*records)->count == 0)
        return error_set(error, REST_UNPROCESSABLE, "records must not be empty");
    return 0;
}

static int parse_body(struct produce_call *call, struct error *error)
{
    struct http_exchange *exchange = call->exchange;
    if (exchange->body.size == 0)
        return error_set(error, REST_NO_PAYLOAD, "Payload error. Null input provided. Data is required.");
    if (call->document.count != 0)
        return 0;
    int rc = json_parse(&call->document, exchange->body, error);
    if (rc == -ENOMEM)
        return error_set(error, REST_NO_MEMORY, "out of memory");
    http_exchange_hold(exchange, call->document.capacity * sizeof *call->document.values);
    return rc != 0 ? error_wrap(error, 400, "Malformed JSON") : 0;
}

static int fill(struct produce_call *call, enum record_dialect dialect, struct error *error)
{
    const struct json_value *records = NULL;
    slice partition = http_argument(call->exchange, "partition");
    int rc = parse_body(call, error);
    if (rc == 0)
        rc = find_records(call->document.values, &records, error);
    if (rc != 0 || records == NULL)
        return rc;
    if (rc != 0 || records == NULL)
        return rc;
    const struct json_value *object = records + 1;
    for (uint32_t i = 0; rc == 0 && i < records->count; i++, object = json_value_after(object)) {
        struct parsed_record record;
        rc = record_parse(object, dialect, &call->scratch, &record, error);
        if (rc == 0 && record.partition < 0 && !slice_is_null(partition))
            record.partition = (int32_t)http_argument_number(call->exchange, "partition");
        if (rc == 0 && produce_call_add(call, &record) != 0)
            rc = error_set(error, REST_NO_MEMORY, "out of memory");
    }
    return rc;
}

static int fill_binary(struct produce_call *call, struct error *error)
{
    return fill(call, RECORD_OF_V2_BINARY, error);
}

static int fill_json(struct produce_call *call, struct error *error)
{
    return fill(call, RECORD_OF_V2_JSON, error);
}

/* ---- the answer ---- */

static void write_success(struct json *json, const struct produced *produced)
{
    json_key(json, "partition");
    json_int(json, produced->partition);
    json_key(json, "offset");
    if (produced->offset >= 0)
        json_int(json, produced->offset);
    else
        json_null(json);
    json_key(json, "error_code");
    json_null(json);
    json_key(json, "error");
    json_null(json);
}

static void write_failure(struct json *json, const struct produced *produced)
{
    bool is_retriable = kafka_error_is_retriable((int16_t)produced->error);
    json_key(json, "partition");
    json_null(json);
    json_key(json, "offset");
    json_null(json);
    json_key(json, "error_code");
    json_int(json, is_retriable ? REST_KAFKA_RETRIABLE : REST_KAFKA_ERROR);
    json_key(json, "error");
    json_string(json, produced->words.size != 0 ? produced->words : slice_of_text(rest_error_text(produced->error)));
}

static void answer(struct produce_call *call)
{
    writer w;
    writer_init(&w, call->exchange->server->memory, MEMORY_RESPONSES, ANSWER_MAX);
    struct json json = json_to(&w);
    json_begin_object(&json);
    json_key(&json, "offsets");
    json_begin_array(&json);
    size_t count = record_producer_count(call->producer);
    for (size_t i = 0; i < count; i++) {
        struct produced produced = record_producer_result(call->producer, i);
        json_begin_object(&json);
        if (produced.error == KAFKA_NONE)
            write_success(&json, &produced);
        else
            write_failure(&json, &produced);
        json_end_object(&json);
    }
    json_end_array(&json);
    json_key(&json, "key_schema_id");
    json_null(&json);
    json_key(&json, "value_schema_id");
    json_null(&json);
    json_end_object(&json);
    http_reply_written(call->exchange, 200, v2_answer_type(call->exchange), &w);
    writer_close(&w);
}

/* ---- routes ---- */

static const struct produce_dialect binary = {
    .fill = fill_binary, .answer = answer, .topic_error = REST_TOPIC_NOT_FOUND, .topic_text = "Topic not found."};
static const struct produce_dialect textual = {
    .fill = fill_json, .answer = answer, .topic_error = REST_TOPIC_NOT_FOUND, .topic_text = "Topic not found."};

/* As the proxy's documentation has it: a path that names a partition which is not there is not found. */
static void start(struct http_exchange *exchange, const struct produce_dialect *dialect)
{
    slice name = http_argument(exchange, "topic");
    const struct topic *topic = topics_find(&exchange->server->topics, name);
    bool names_partition = !slice_is_null(http_argument(exchange, "partition"));
    if (v2_answer_type(exchange) == NULL)
        return;
    if (topic != NULL && names_partition && http_argument_number(exchange, "partition") >= topic->partition_count)
        http_reply_error(exchange, REST_PARTITION_NOT_FOUND, "Partition not found.");
    else
        produce_call_start(exchange, dialect, name);
}

static void handle_binary(struct http_exchange *exchange)
{
    start(exchange, &binary);
}

static void handle_json(struct http_exchange *exchange)
{
    start(exchange, &textual);
}

static void handle_schema(struct http_exchange *exchange)
{
    http_reply_error(exchange, REST_NO_PAYLOAD,
                     "Payload error. Schema Registry must be configured when using schemas.");
}

/* Binary is what a body is taken for that does not say. */
#define BINARY_TYPES                                                                                                   \
    "application/vnd.kafka.binary.v2+json, application/vnd.kafka.v2+json, application/vnd.kafka+json, "                \
    "application/vnd.kafka.binary+json"
#define JSON_TYPES "application/vnd.kafka.json.v2+json"
#define SCHEMA_TYPES                                                                                                   \
    "application/vnd.kafka.avro.v2+json, application/vnd.kafka.jsonschema.v2+json, "                                   \
    "application/vnd.kafka.protobuf.v2+json"

#define BODY_SCHEMA(data)                                                                                              \
    "{\"type\":\"object\",\"required\":[\"records\"],\"properties\":{\"records\":{\"type\":\"array\",\"minItems\":1,"  \
    "\"items\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"partition\":{\"type\":["          \
    "\"integer\",\"null\"],\"minimum\":0,\"maximum\":2147483647},\"key\":" data ",\"value\":" data "}}}}}"
#define BASE64_SCHEMA "{\"type\":[\"string\",\"null\"],\"contentEncoding\":\"base64\"}"
#define ANSWER_SCHEMA                                                                                                  \
    "{\"type\":\"object\",\"properties\":{\"offsets\":{\"type\":\"array\",\"items\":{\"type\":\"object\","             \
    "\"properties\":{\"partition\":{\"type\":[\"integer\",\"null\"]},\"offset\":{\"type\":[\"integer\",\"null\"]},"    \
    "\"error_code\":{\"type\":[\"integer\",\"null\"]},\"error\":{\"type\":[\"string\",\"null\"]}}}}}}"

static const struct http_parameter to_topic[] = {PRODUCE_ACKS};
static const struct http_parameter to_partition[] = {
    {.name = "partition", .type = HTTP_INTEGER, .least = 0, .most = INT32_MAX, .summary = "Of the topic, from 0"},
    PRODUCE_ACKS,
};

#define ROUTE(path, table, types, schema, handler, text)                                                               \
    {                                                                                                                  \
        .method = HTTP_METHOD_POST, .pattern = path, .body_limit = BODY_MAX, .handle = handler, .type = V2_TYPE,       \
        .summary = text, .consumes = types, HTTP_PARAMETERS(table), .body_schema = schema,                             \
        .answer_schema = ANSWER_SCHEMA                                                                                 \
    }
#define TOPIC     "/topics/{topic}"
#define PARTITION "/topics/{topic}/partitions/{partition}"

static const struct http_route routes[] = {
    ROUTE(TOPIC, to_topic, BINARY_TYPES, BODY_SCHEMA(BASE64_SCHEMA), handle_binary, "Write records, in base64"),
    ROUTE(TOPIC, to_topic, JSON_TYPES, BODY_SCHEMA("{}"), handle_json, "Write records, in JSON"),
    ROUTE(TOPIC, to_topic, SCHEMA_TYPES, NULL, handle_schema, "Refused: there is no schema registry"),
    ROUTE(PARTITION, to_partition, BINARY_TYPES, BODY_SCHEMA(BASE64_SCHEMA), handle_binary,
          "Write records to a partition, in base64"),
    ROUTE(PARTITION, to_partition, JSON_TYPES, BODY_SCHEMA("{}"), handle_json, "Write records to a partition, in JSON"),
    ROUTE(PARTITION, to_partition, SCHEMA_TYPES, NULL, handle_schema, "Refused: there is no schema registry"),
};

const struct http_api produce_v2_api = {
    .name = "REST Proxy v2: writing",
    .routes = routes,
    .count = sizeof routes / sizeof routes[0],
    .error_type = V2_TYPE,
    .passes_unknown = true,
};
