#include "rest/v2.h"

#include "http/media_type.h"
#include "rest/rest.h"
#include "rest/rest_failure.h"
#include "server.h"

#include <stdarg.h>
#include <stdio.h>

#define ANSWER_MAX  ((size_t)16 << 20)
#define REFUSAL_MAX 1024
#define BODY_MAX    ((size_t)1 << 20)
#define COMMIT_MAX  ((size_t)4 << 20)

/* ---- media types ---- */

/* As the server likes them. The formats that need a schema registry are taken where no records are in the answer. */
static const char *const types[] = {V2_TYPE,
                                    "application/vnd.kafka.binary.v2+json",
                                    "application/vnd.kafka.json.v2+json",
                                    "application/vnd.kafka.avro.v2+json",
                                    "application/vnd.kafka.jsonschema.v2+json",
                                    "application/vnd.kafka.protobuf.v2+json",
                                    "application/vnd.kafka+json",
                                    "application/json"};

const char *v2_answer_type(struct http_exchange *exchange)
{
    slice accept = http_request_field(&exchange->request, "accept");
    int chosen = media_type_choose(accept, types, (int)(sizeof types / sizeof types[0]));
    if (chosen < 0)
        http_reply_error(exchange, 406, "HTTP 406 Not Acceptable");
    return chosen >= 0 ? types[chosen] : NULL;
}

bool v2_type_format(const char *type, enum consumer_format *format)
{
    bool is_binary = strcmp(type, types[1]) == 0;
    if (!is_binary && strcmp(type, types[2]) != 0)
        return false;
    *format = is_binary ? CONSUMER_BINARY : CONSUMER_JSON;
    return true;
}

/* ---- answers ---- */

bool v2_answer_open(struct v2_answer *answer, struct http_exchange *exchange)
{
    const char *type = v2_answer_type(exchange);
    if (type == NULL)
        return false;
    *answer = (struct v2_answer){.exchange = exchange, .type = type};
    writer_init(&answer->body, exchange->server->memory, MEMORY_RESPONSES, ANSWER_MAX);
    answer->json = json_to(&answer->body);
    return true;
}

void v2_answer_send(struct v2_answer *answer)
{
    http_reply_written(answer->exchange, 200, answer->type, &answer->body);
    writer_close(&answer->body);
}

void v2_answer_nothing(struct http_exchange *exchange)
{
    http_reply(exchange, 204, NULL, NULL, NULL_SLICE);
}

void v2_refuse(struct http_exchange *exchange, int error_code, const char *format, ...)
{
    char words[REFUSAL_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    http_reply_error(exchange, error_code, words);
}

void v2_refuse_kafka(struct http_exchange *exchange, enum kafka_error error)
{
    v2_refuse(exchange, V2_KAFKA_ERROR, "Kafka error: %s", rest_error_text(error));
}

/* ---- what the path names ---- */

struct consumer_instance *v2_find_instance(struct http_exchange *exchange)
{
    struct consumer_instance *instance = consumer_instances_find(
        exchange->server->rest->consumers, http_argument(exchange, "group"), http_argument(exchange, "instance"));
    if (instance == NULL)
        http_reply_error(exchange, V2_NO_INSTANCE, "Consumer instance not found.");
    return instance;
}

const struct topic *v2_find_topic(struct http_exchange *exchange)
{
    const struct topic *topic = topics_find(&exchange->server->topics, http_argument(exchange, "topic"));
    if (topic == NULL)
        http_reply_error(exchange, REST_TOPIC_NOT_FOUND, "Topic not found.");
    return topic;
}

struct partition *v2_find_partition(struct http_exchange *exchange, const struct topic *topic)
{
    int64_t index = http_argument_number(exchange, "partition");
    struct partition *partition = topic_partition(topic, (int32_t)index);
    if (partition == NULL)
        http_reply_error(exchange, REST_PARTITION_NOT_FOUND, "Partition not found.");
    return partition;
}

void v2_write_segment(writer *w, slice segment)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < segment.size; i++) {
        uint8_t byte = segment.data[i];
        bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
                        (byte != '\0' && strchr("-._~:@!$*,", byte) != NULL);
        if (is_plain) {
            write_u8(w, byte);
            continue;
        }
        write_u8(w, '%');
        write_u8(w, (uint8_t)digits[byte >> 4]);
        write_u8(w, (uint8_t)digits[byte & 15]);
    }
}

/* ---- the table ---- */

#define CONSUMES                                                                                                       \
    V2_TYPE ", application/vnd.kafka.binary.v2+json, application/vnd.kafka.json.v2+json, "                             \
            "application/vnd.kafka.avro.v2+json, application/vnd.kafka.jsonschema.v2+json, "                           \
            "application/vnd.kafka.protobuf.v2+json, application/vnd.kafka+json"
#define RECORD_TYPES "application/vnd.kafka.binary.v2+json, application/vnd.kafka.json.v2+json"
#define INSTANCE     "/consumers/{group}/instances/{instance}"

#define GROUP_ARGUMENT                                                                                                 \
    {                                                                                                                  \
        .name = "group", .type = HTTP_TEXT, .most = CONSUMER_GROUP_MAX, .summary = "The consumer group"                \
    }
#define INSTANCE_ARGUMENT                                                                                              \
    {                                                                                                                  \
        .name = "instance", .type = HTTP_TEXT, .most = CONSUMER_NAME_MAX, .summary = "The consumer instance"           \
    }

static const struct http_parameter of_group[] = {GROUP_ARGUMENT};
static const struct http_parameter of_instance[] = {GROUP_ARGUMENT, INSTANCE_ARGUMENT};
static const struct http_parameter of_partition[] = {
    {.name = "topic", .type = HTTP_TEXT, .summary = "The topic"},
    {.name = "partition", .type = HTTP_INTEGER, .least = 0, .most = INT32_MAX, .summary = "The partition"},
};
static const struct http_parameter of_commit[] = {
    GROUP_ARGUMENT,
    INSTANCE_ARGUMENT,
    {.name = "async", .type = HTTP_FLAG, .may_stand_alone = true, .summary = "Taken, and without effect"},
};
static const struct http_parameter of_read[] = {
    GROUP_ARGUMENT,
    INSTANCE_ARGUMENT,
    {.name = "timeout",
     .type = HTTP_INTEGER,
     .least = -1,
     .most = INT32_MAX,
     .summary = "How long to wait for records, ms; the instance's own when not given or below 1"},
    {.name = "max_bytes",
     .type = HTTP_INTEGER,
     .least = -1,
     .most = INT64_MAX,
     .summary = "Of keys and values together; one record is always given"},
};

#define TEXT "{\"type\":\"string\"}"
#define INT  "{\"type\":\"integer\"}"
#define PARTITIONS                                                                                                     \
    "{\"type\":\"object\",\"required\":[\"partitions\"],\"properties\":{\"partitions\":{\"type\":\"array\","           \
    "\"items\":{\"type\":\"object\",\"required\":[\"topic\",\"partition\"],\"properties\":{\"topic\":" TEXT            \
    ",\"partition\":" INT "}}}}}"
#define OFFSETS                                                                                                        \
    "{\"type\":\"object\",\"properties\":{\"offsets\":{\"type\":\"array\",\"items\":{\"type\":\"object\","             \
    "\"required\":[\"topic\",\"partition\",\"offset\"],\"properties\":{\"topic\":" TEXT ",\"partition\":" INT          \
    ",\"offset\":" INT ",\"metadata\":" TEXT "}}}}}"
#define SUBSCRIPTION                                                                                                   \
    "{\"type\":\"object\",\"properties\":{\"topics\":{\"type\":\"array\",\"items\":" TEXT "},\"topic_pattern\":" TEXT  \
    "}}"

static const struct http_route routes[] = {
    {.method = HTTP_METHOD_GET,
     .pattern = "/brokers",
     .handle = v2_list_brokers,
     .type = V2_TYPE,
     .summary = "Ids of the brokers"},
    {.method = HTTP_METHOD_GET,
     .pattern = "/topics",
     .handle = v2_list_topics,
     .type = V2_TYPE,
     .summary = "Names of the topics"},
    {.method = HTTP_METHOD_GET,
     .pattern = "/topics/{topic}",
     .handle = v2_show_topic,
     .type = V2_TYPE,
     .summary = "A topic's configuration and partitions"},
    {.method = HTTP_METHOD_GET,
     .pattern = "/topics/{topic}/partitions",
     .handle = v2_list_partitions,
     .type = V2_TYPE,
     .summary = "A topic's partitions"},
    {.method = HTTP_METHOD_GET,
     .pattern = "/topics/{topic}/partitions/{partition}",
     .handle = v2_show_partition,
     .type = V2_TYPE,
     .summary = "One partition",
     HTTP_PARAMETERS(of_partition)},
    {.method = HTTP_METHOD_GET,
     .pattern = "/topics/{topic}/partitions/{partition}/offsets",
     .when = "vnd.kafka",
     .handle = v2_show_partition_offsets,
     .type = V2_TYPE,
     .summary = "First offset, and the one behind the last",
     HTTP_PARAMETERS(of_partition)},
    {.method = HTTP_METHOD_POST,
     .pattern = "/consumers/{group}",
     .body_limit = BODY_MAX,
     .consumes = CONSUMES,
     .handle = v2_create_instance,
     .type = V2_TYPE,
     .summary = "Makes a consumer instance",
     .body_schema = "{\"type\":\"object\"}",
     HTTP_PARAMETERS(of_group)},
    {.method = HTTP_METHOD_DELETE,
     .pattern = INSTANCE,
     .body_limit = BODY_MAX,
     .handle = v2_delete_instance,
     .type = V2_TYPE,
     .status = 204,
     .summary = "Deletes a consumer instance",
     HTTP_PARAMETERS(of_instance)},
    {.method = HTTP_METHOD_POST,
     .pattern = INSTANCE "/subscription",
     .body_limit = BODY_MAX,
     .consumes = CONSUMES,
     .handle = v2_subscribe,
     .type = V2_TYPE,
     .status = 204,
     .summary = "Subscribes to topics, or to a pattern, as a member of the group",
     .body_schema = SUBSCRIPTION,
     HTTP_PARAMETERS(of_instance)},
    {.method = HTTP_METHOD_GET,
     .pattern = INSTANCE "/subscription",
     .handle = v2_show_subscription,
     .type = V2_TYPE,
     .summary = "What is subscribed to",
     HTTP_PARAMETERS(of_instance)},
    {.method = HTTP_METHOD_DELETE,
     .pattern = INSTANCE "/subscription",
     .body_limit = BODY_MAX,
     .handle = v2_unsubscribe,
     .type = V2_TYPE,
     .status = 204,
     .summary = "Subscribes to nothing",
     HTTP_PARAMETERS(of_instance)},
    {.method = HTTP_METHOD_POST,
     .pattern = INSTANCE "/assignments",
     .body_limit = BODY_MAX,
     .consumes = CONSUMES,
     .handle = v2_assign,
     .type = V2_TYPE,
     .status = 204,
     .summary = "Reads these partitions, without the group",
     .body_schema = PARTITIONS,
     HTTP_PARAMETERS(of_instance)},
    {.method = HTTP_METHOD_GET,
     .pattern = INSTANCE "/assignments",
     .handle = v2_show_assignment,
     .type = V2_TYPE,
     .summary = "The partitions that it reads",
     HTTP_PARAMETERS(of_instance)},
    {.method = HTTP_METHOD_GET,
     .pattern = INSTANCE "/records",
     .handle = v2_read_records,
     .type = RECORD_TYPES,
     .summary = "The next records, as soon as there are any",
     HTTP_PARAMETERS(of_read)},
    {.method = HTTP_METHOD_POST,
     .pattern = INSTANCE "/offsets",
     .body_limit = COMMIT_MAX,
     .consumes = CONSUMES,
     .handle = v2_commit_offsets,
     .type = V2_TYPE,
     .summary = "Commits offsets of records that are done, or all that was read",
     .body_schema = OFFSETS,
     HTTP_PARAMETERS(of_commit)},
    {.method = HTTP_METHOD_GET,
     .pattern = INSTANCE "/offsets",
     .body_limit = BODY_MAX,
     .handle = v2_show_offsets,
     .type = V2_TYPE,
     .summary = "Committed offsets of the partitions that the body names",
     .body_schema = PARTITIONS,
     HTTP_PARAMETERS(of_instance)},
    {.method = HTTP_METHOD_POST,
     .pattern = INSTANCE "/positions",
     .body_limit = COMMIT_MAX,
     .consumes = CONSUMES,
     .handle = v2_seek,
     .type = V2_TYPE,
     .status = 204,
     .summary = "Reads on at these offsets, or at these times",
     .body_schema = OFFSETS,
     HTTP_PARAMETERS(of_instance)},
    {.method = HTTP_METHOD_POST,
     .pattern = INSTANCE "/positions/beginning",
     .body_limit = BODY_MAX,
     .consumes = CONSUMES,
     .handle = v2_seek_to_beginning,
     .type = V2_TYPE,
     .status = 204,
     .summary = "Reads on at the first records",
     .body_schema = PARTITIONS,
     HTTP_PARAMETERS(of_instance)},
    {.method = HTTP_METHOD_POST,
     .pattern = INSTANCE "/positions/end",
     .body_limit = BODY_MAX,
     .consumes = CONSUMES,
     .handle = v2_seek_to_end,
     .type = V2_TYPE,
     .status = 204,
     .summary = "Reads on behind the last records",
     .body_schema = PARTITIONS,
     HTTP_PARAMETERS(of_instance)},
};

const struct http_api rest_v2_api = {.name = "REST Proxy v2",
                                     .routes = routes,
                                     .count = sizeof routes / sizeof routes[0],
                                     .error_type = V2_TYPE,
                                     .parameter_error = 400,
                                     .media_error = 415,
                                     .passes_unknown = true};
