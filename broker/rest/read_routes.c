#include "rest/read_apis.h"
#include "rest/read_call.h"
#include "rest/read_query.h"

#define CLUSTER   "/v3/clusters/{cluster_id}"
#define TOPIC     CLUSTER "/topics/{topic_name}"
#define SHORT     "/topics/{topic}"

#define ALL_TYPES "application/json, application/x-ndjson, text/event-stream"

#define PARTITION(key)                                                                                                 \
    {                                                                                                                  \
        .name = key, .type = HTTP_INTEGER, .least = 0, .most = INT32_MAX, .summary = "Of the topic, from 0"            \
    }

#define DATA_SCHEMA                                                                                                    \
    "{\"type\":[\"object\",\"null\"],\"required\":[\"type\",\"data\"],\"properties\":{\"type\":{\"enum\":["            \
    "\"BINARY\",\"JSON\",\"STRING\"]},\"data\":{}}}"
#define RECORD_SCHEMA                                                                                                  \
    "{\"type\":\"object\",\"required\":[\"topic_name\",\"partition_id\",\"offset\",\"timestamp\",\"headers\","         \
    "\"key\",\"value\"],\"properties\":{\"topic_name\":{\"type\":\"string\"},\"partition_id\":{\"type\":"              \
    "\"integer\"},\"offset\":{\"type\":\"integer\"},\"timestamp\":{\"type\":[\"string\",\"integer\",\"null\"]},"       \
    "\"headers\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},"   \
    "\"value\":{\"type\":[\"string\",\"null\"],\"contentEncoding\":\"base64\"}}}},\"key\":" DATA_SCHEMA                \
    ",\"value\":" DATA_SCHEMA "}}"
#define PAGE_SCHEMA                                                                                                    \
    "{\"type\":\"object\",\"required\":[\"kind\",\"metadata\",\"data\"],\"properties\":{\"kind\":{\"const\":"          \
    "\"KafkaRecordList\"},\"metadata\":{\"type\":\"object\",\"required\":[\"self\",\"next\",\"at_end\",\"gaps\"],"     \
    "\"properties\":{\"self\":{\"type\":\"string\"},\"next\":{\"type\":\"string\"},\"at_end\":{\"type\":\"boolean\"}," \
    "\"gaps\":{\"type\":\"array\"}}},\"data\":{\"type\":\"array\",\"items\":" RECORD_SCHEMA "}}}"

static const struct http_parameter of_topic[] = {READ_PARAMETERS};
static const struct http_parameter of_partition[] = {PARTITION("partition_id"), READ_PARAMETERS};
static const struct http_parameter of_short_partition[] = {PARTITION("partition"), READ_PARAMETERS};
static const struct http_parameter of_cluster[] = {
    {.name = "topics",
     .type = HTTP_LIST,
     .is_required = true,
     .summary = "Names with commas between them; '*' stands for any characters"},
    READ_PARAMETERS,
};

#define ONE(key)                                                                                                       \
    {                                                                                                                  \
        PARTITION(key), {.name = "offset", .type = HTTP_INTEGER, .summary = "Of the record"},                          \
            {.name = "format",                                                                                         \
             .type = HTTP_CHOICE,                                                                                      \
             .choices = "auto|binary|string|json",                                                                     \
             .summary = "What key and value become"},                                                                  \
        {                                                                                                              \
            .name = "isolation", .type = HTTP_CHOICE, .choices = "read_committed|read_uncommitted",                    \
            .summary = "Whether records of transactions wait for their end"                                            \
        }                                                                                                              \
    }

static const struct http_parameter of_one[] = ONE("partition_id");
static const struct http_parameter of_short_one[] = ONE("partition");

#define RECORDS(path, table, text)                                                                                     \
    {                                                                                                                  \
        .method = HTTP_METHOD_GET, .pattern = path, .handle = read_handle_records, .type = ALL_TYPES, .summary = text, \
        HTTP_PARAMETERS(table), .answer_schema = PAGE_SCHEMA                                                           \
    }
#define RECORD(path, table)                                                                                            \
    {                                                                                                                  \
        .method = HTTP_METHOD_GET, .pattern = path, .handle = read_handle_one, .type = "application/json",             \
        .summary = "One record", HTTP_PARAMETERS(table), .answer_schema = RECORD_SCHEMA                                \
    }

static const struct http_route v3_routes[] = {
    RECORDS(TOPIC "/partitions/{partition_id}/records", of_partition, "Read a partition: a page, or a stream"),
    RECORD(TOPIC "/partitions/{partition_id}/records/{offset}", of_one),
    RECORDS(TOPIC "/records", of_topic, "Read a topic: a page, or a stream"),
    RECORDS(CLUSTER "/records", of_cluster, "Read several topics: a page, or a stream"),
};

static const struct http_route short_routes[] = {
    RECORDS(SHORT "/records", of_topic, "Read a topic: a page, or with ?follow, NDJSON, SSE or a WebSocket what comes"),
    RECORDS(SHORT "/partitions/{partition}/records", of_short_partition, "Read a partition, likewise"),
    RECORD(SHORT "/partitions/{partition}/records/{offset}", of_short_one),
};

const struct http_api read_v3_api = {
    .name = "REST v3: reading",
    .routes = v3_routes,
    .count = sizeof v3_routes / sizeof v3_routes[0],
};

const struct http_api read_plain_api = {
    .name = "Reading plainly",
    .routes = short_routes,
    .count = sizeof short_routes / sizeof short_routes[0],
};
