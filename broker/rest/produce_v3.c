/* REST v3: POST …/records, records in and reports out on one connection, and …/records:batch. */
#include "http/body.h"
#include "json.h"
#include "rest/produce_apis.h"
#include "rest/produce_call.h"
#include "rest/produce_report.h"
#include "rest/produce_stream.h"
#include "rest/rest_failure.h"
#include "rest/v3_path.h"
#include "server.h"

#include <errno.h>
#include <stdio.h>

#define JSON_TYPE  "application/json"
#define BODY_MAX   ((size_t)8 << 20)
#define ANSWER_MAX ((size_t)16 << 20)

static void begin_records(struct http_exchange *exchange)
{
    if (v3_check_cluster(exchange))
        produce_stream_begin(exchange, PRODUCE_REPORTS, http_argument(exchange, "topic_name"), -1);
}

static void begin_lines(struct http_exchange *exchange)
{
    bool names_partition = !slice_is_null(http_argument(exchange, "partition_id"));
    int32_t partition = names_partition ? (int32_t)http_argument_number(exchange, "partition_id") : -1;
    if (v3_check_cluster(exchange))
        produce_stream_begin(exchange, PRODUCE_SUMMARY, http_argument(exchange, "topic_name"), partition);
}

/* ---- batches ---- */

struct entry {
    slice id;
    struct record_sizes sizes;
    int error_code; /* why it was not handed on; 0: it was */
    slice words;
};

struct batch {
    uint32_t count;
    struct entry entries[];
};

static bool is_repeated(const struct batch *batch, uint32_t i)
{
    for (uint32_t k = 0; k < i; k++)
        if (slice_equal(batch->entries[k].id, batch->entries[i].id))
            return true;
    return false;
}

/* The ids, which must be right in all entries. */
static int read_ids(struct produce_call *call, const struct json_value *list, struct batch *batch, struct error *error)
{
    const struct json_value *object = list + 1;
    batch->count = list->count;
    for (uint32_t i = 0; i < list->count; i++, object = json_value_after(object)) {
        struct parsed_record record;
        struct error unread;
        (void)!record_parse(object, RECORD_OF_V3_BATCH, &call->scratch, &record, &unread);
        arena_reset(&call->scratch);
        if (slice_is_null(record.id))
            return error_set(error, REST_UNPROCESSABLE, "Batch entry identifier not a valid string.");
        batch->entries[i].id = record.id;
        if (is_repeated(batch, i))
            return error_set(error, REST_UNPROCESSABLE, "Batch entry IDs are not distinct.");
    }
    return 0;
}

static int find_entries(const struct produce_call *call, const struct json_value **list, struct error *error)
{
    const struct json_value *root = call->document.values;
    int64_t most = config_number(call->exchange->server->config, CONFIG_API_V3_PRODUCE_BATCH_MAXIMUM_ENTRIES);
    const struct json_value *key = root + 1;
    *list = NULL;
    for (uint32_t i = 0; root->kind == JSON_OBJECT && i < root->count; i++, key = json_value_after(key + 1)) {
        if (!json_value_equal(key, slice_of_text("entries")))
            return error_set(error, 400, "Bad Request: Error processing JSON: Unrecognized field \"%.*s\"",
                             (int)key->size, key->text);
        *list = key + 1;
    }
    if (*list == NULL || (*list)->kind != JSON_ARRAY)
        return error_set(error, 400, "Bad Request: the body must be an object with a list of entries");
    if ((*list)->count == 0)
        return error_set(error, REST_UNPROCESSABLE, "Empty batch.");
    if ((*list)->count > most)
        return error_set(error, REST_UNPROCESSABLE, "Too many entries in batch.");
    return 0;
}

/* Once; then the batch is the call's context. */
static int read_batch(struct produce_call *call, const struct json_value **list, struct error *error)
{
    if (call->exchange->body.size == 0)
        return error_set(error, REST_NO_PAYLOAD, "Payload error. Null input provided. Data is required.");
    int rc = call->context == NULL ? json_parse(&call->document, call->exchange->body, error) : 0;
    if (rc == -ENOMEM)
        return error_set(error, REST_NO_MEMORY, "out of memory");
    if (rc != 0)
        return error_wrap(error, 400, "Bad Request: Error processing JSON");
    http_exchange_hold(call->exchange, call->document.capacity * sizeof *call->document.values);
    rc = find_entries(call, list, error);
    if (rc != 0 || call->context != NULL || *list == NULL)
        return rc;
    struct batch *batch = arena_alloc(&call->arena, sizeof *batch + (*list)->count * sizeof batch->entries[0]);
    if (batch == NULL)
        return error_set(error, REST_NO_MEMORY, "out of memory");
    call->context = batch;
    return read_ids(call, *list, batch, error);
}

static int fill(struct produce_call *call, struct error *error)
{
    const struct json_value *list = NULL;
    int rc = read_batch(call, &list, error);
    if (rc != 0 || list == NULL)
        return rc;
    if (rc != 0 || list == NULL)
        return rc;
    struct batch *batch = call->context;
    const struct json_value *object = list + 1;
    for (uint32_t i = 0; rc == 0 && i < list->count; i++, object = json_value_after(object)) {
        struct parsed_record record;
        struct error wrong = {0};
        struct entry *entry = &batch->entries[i];
        entry->error_code = record_parse(object, RECORD_OF_V3_BATCH, &call->scratch, &record, &wrong);
        entry->sizes = record_sizes_of(&record);
        if (entry->error_code != 0)
            entry->words = arena_copy(&call->arena, slice_of_text(wrong.message));
        else if (produce_call_add(call, &record) != 0)
            rc = error_set(error, REST_NO_MEMORY, "out of memory");
    }
    return rc;
}

/* Those that were written, or those that were not. */
static void write_entries(const struct produce_call *call, bool successes, struct json *json)
{
    const struct batch *batch = call->context;
    const char *cluster_id = call->exchange->server->start.cluster_id;
    const struct topic *topic = record_producer_topic(call->producer);
    json_begin_array(json);
    for (size_t i = 0, record = 0; i < batch->count; i++) {
        const struct entry *entry = &batch->entries[i];
        struct produced produced = {.error = KAFKA_NONE};
        if (entry->error_code == 0)
            produced = record_producer_result(call->producer, record++);
        bool is_success = entry->error_code == 0 && produced.error == KAFKA_NONE;
        if (is_success != successes)
            continue;
        json_begin_object(json);
        json_key(json, "id");
        json_string(json, entry->id);
        if (is_success)
            produce_report_write_place(json, cluster_id, topic, &produced, &entry->sizes);
        else if (entry->error_code != 0)
            produce_report_write_error(json, entry->error_code, entry->words);
        else
            produce_report_write_failure(json, &produced);
        json_end_object(json);
    }
    json_end_array(json);
}

static void answer(struct produce_call *call)
{
    writer w;
    writer_init(&w, call->exchange->server->memory, MEMORY_RESPONSES, ANSWER_MAX);
    struct json json = json_to(&w);
    json_begin_object(&json);
    json_key(&json, "successes");
    write_entries(call, true, &json);
    json_key(&json, "failures");
    write_entries(call, false, &json);
    json_end_object(&json);
    http_reply_written(call->exchange, 207, JSON_TYPE, &w);
    writer_close(&w);
}

static void handle_batch(struct http_exchange *exchange)
{
    static const struct produce_dialect dialect = {
        .fill = fill,
        .answer = answer,
        .topic_error = REST_UNKNOWN_PARTITION,
        .topic_text = "This server does not host this topic-partition.",
    };
    if (v3_check_cluster(exchange))
        produce_call_start(exchange, &dialect, http_argument(exchange, "topic_name"));
}

/* ---- routes ---- */

#define TOPIC      "/v3/clusters/{cluster_id}/topics/{topic_name}"
#define LINE_TYPES "application/x-ndjson, application/ndjson, application/jsonl, application/x-jsonlines"

#define DATA_SCHEMA                                                                                                    \
    "{\"type\":[\"object\",\"null\"],\"required\":[\"type\",\"data\"],\"properties\":{\"type\":{\"enum\":["            \
    "\"BINARY\",\"JSON\",\"STRING\"]},\"data\":{}}}"
#define RECORD_PROPERTIES                                                                                              \
    "\"partition_id\":{\"type\":[\"integer\",\"null\"],\"minimum\":0,\"maximum\":2147483647},\"headers\":{\"type\":["  \
    "\"array\",\"null\"],\"items\":{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{\"name\":{\"type\":"   \
    "\"string\"},\"value\":{\"type\":[\"string\",\"null\"],\"contentEncoding\":\"base64\"}}}},\"key\":" DATA_SCHEMA    \
    ",\"value\":" DATA_SCHEMA ",\"timestamp\":{\"type\":[\"string\",\"integer\",\"null\"]}"
#define RECORD_SCHEMA "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{" RECORD_PROPERTIES "}}"
#define BATCH_SCHEMA                                                                                                   \
    "{\"type\":\"object\",\"required\":[\"entries\"],\"additionalProperties\":false,\"properties\":{\"entries\":{"     \
    "\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"object\",\"required\":[\"id\"],\"additionalProperties\":" \
    "false,\"properties\":{\"id\":{\"type\":\"string\",\"pattern\":\"^[0-9a-zA-Z_-]{1,80}$\"}," RECORD_PROPERTIES      \
    "}}}}}"
#define REPORT_SCHEMA                                                                                                  \
    "{\"type\":\"object\",\"required\":[\"error_code\"],\"properties\":{\"error_code\":{\"type\":\"integer\"},"        \
    "\"message\":{\"type\":\"string\"},\"cluster_id\":{\"type\":\"string\"},\"topic_name\":{\"type\":\"string\"},"     \
    "\"partition_id\":{\"type\":\"integer\"},\"offset\":{\"type\":[\"integer\",\"null\"]}}}"
#define BATCH_ANSWER_SCHEMA                                                                                            \
    "{\"type\":\"object\",\"required\":[\"successes\",\"failures\"],\"properties\":{\"successes\":{\"type\":"          \
    "\"array\"},\"failures\":{\"type\":\"array\"}}}"

static const struct http_parameter to_topic[] = {PRODUCE_ACKS};
static const struct http_parameter to_partition[] = {
    {.name = "partition_id", .type = HTTP_INTEGER, .least = 0, .most = INT32_MAX, .summary = "Of the topic, from 0"},
    PRODUCE_ACKS,
};

static const struct http_route routes[] = {
    {.method = HTTP_METHOD_POST,
     .pattern = TOPIC "/records",
     .begin = begin_lines,
     .type = JSON_TYPE,
     .summary = "Write records, one JSON a line, and learn at the end how many there were",
     .consumes = LINE_TYPES,
     HTTP_PARAMETERS(to_topic),
     .answer_schema = PRODUCE_SUMMARY_SCHEMA},
    {.method = HTTP_METHOD_POST,
     .pattern = TOPIC "/records",
     .begin = begin_records,
     .type = JSON_TYPE,
     .summary = "Write records, one JSON behind the other; each is reported as it is written",
     .consumes = JSON_TYPE,
     HTTP_PARAMETERS(to_topic),
     .body_schema = RECORD_SCHEMA,
     .answer_schema = REPORT_SCHEMA},
    {.method = HTTP_METHOD_POST,
     .pattern = TOPIC "/records:batch",
     .body_limit = BODY_MAX,
     .handle = handle_batch,
     .type = JSON_TYPE,
     .summary = "Write some records, each with an id by which it is reported",
     .consumes = JSON_TYPE,
     HTTP_PARAMETERS(to_topic),
     .status = 207,
     .body_schema = BATCH_SCHEMA,
     .answer_schema = BATCH_ANSWER_SCHEMA},
    {.method = HTTP_METHOD_POST,
     .pattern = TOPIC "/partitions/{partition_id}/records",
     .begin = begin_lines,
     .type = JSON_TYPE,
     .summary = "Write records to a partition, one JSON a line",
     .consumes = LINE_TYPES,
     HTTP_PARAMETERS(to_partition),
     .answer_schema = PRODUCE_SUMMARY_SCHEMA},
};

const struct http_api produce_v3_api = {
    .name = "REST v3: writing",
    .routes = routes,
    .count = sizeof routes / sizeof routes[0],
    .passes_unknown = true,
};
