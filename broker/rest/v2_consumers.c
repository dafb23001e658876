/* Consumer instances: their life, what they subscribe to, what they are assigned. */
#include "connection.h"
#include "rest/rest.h"
#include "rest/rest_body.h"
#include "rest/rest_failure.h"
#include "rest/v2.h"
#include "server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MIN_BYTES_MOST 10000000

/* ---- the settings of a new one ---- */

struct creation {
    slice id, name, format, reset;
    const struct json_value *auto_commit, *min_bytes, *min_bytes_alias, *timeout, *timeout_alias;
};

static const struct rest_field creation_fields[] = {
    {"id", REST_TEXT, false, offsetof(struct creation, id)},
    {"name", REST_TEXT, false, offsetof(struct creation, name)},
    {"format", REST_TEXT, false, offsetof(struct creation, format)},
    {"auto.offset.reset", REST_TEXT, false, offsetof(struct creation, reset)},
    {"auto.commit.enable", REST_VALUE, false, offsetof(struct creation, auto_commit)},
    {"fetch.min.bytes", REST_VALUE, false, offsetof(struct creation, min_bytes)},
    {"responseMinBytes", REST_VALUE, false, offsetof(struct creation, min_bytes_alias)},
    {"consumer.request.timeout.ms", REST_VALUE, false, offsetof(struct creation, timeout)},
    {"requestWaitMs", REST_VALUE, false, offsetof(struct creation, timeout_alias)},
};

static bool same_letters(slice text, const char *word)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t letter = text.data[i];
        if (letter >= 'A' && letter <= 'Z')
            letter = (uint8_t)(letter - 'A' + 'a');
        if (word[i] == '\0' || letter != (uint8_t)word[i])
            return false;
    }
    return word[text.size] == '\0';
}

static int read_format(slice format, enum consumer_format *found, struct error *error)
{
    static const char *const with_schema[] = {"avro", "jsonschema", "protobuf"};
    for (size_t i = 0; i < sizeof with_schema / sizeof with_schema[0]; i++) {
        if (same_letters(format, with_schema[i]))
            return error_set(error, V2_INVALID_CONFIG,
                             "Invalid consumer configuration: the format %s needs a schema registry; there is none",
                             with_schema[i]);
    }
    bool is_json = same_letters(format, "json");
    if (!slice_is_null(format) && !is_json && !same_letters(format, "binary"))
        return error_set(error, REST_UNPROCESSABLE, "Invalid format type.");
    *found = is_json ? CONSUMER_JSON : CONSUMER_BINARY;
    return 0;
}

/* Kafka's words for what its consumer refuses. */
static int read_reset(slice reset, enum consumer_reset *found, struct error *error)
{
    static const char *const words[] = {
        [CONSUMER_LATEST] = "latest", [CONSUMER_EARLIEST] = "earliest", [CONSUMER_NO_RESET] = "none"};
    if (slice_is_null(reset))
        return 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (same_letters(reset, words[i])) {
            *found = (enum consumer_reset)i;
            return 0;
        }
    }
    return error_set(error, V2_INVALID_CONFIG,
                     "Invalid consumer configuration: Invalid value %.*s for configuration auto.offset.reset: "
                     "String must be one of: latest, earliest, none",
                     (int)(reset.size < 64 ? reset.size : 64), (const char *)reset.data);
}

/* A flag, or one as text: Confluent's is a string. */
static int read_flag(struct rest_body *body, const struct json_value *value, bool *found, struct error *error)
{
    if (value == NULL || value->kind == JSON_NULL)
        return 0;
    slice text = value->kind == JSON_STRING ? json_value_string(value, &body->arena) : NULL_SLICE;
    bool is_true = value->kind == JSON_TRUE || (text.data != NULL && same_letters(text, "true"));
    if (!is_true && value->kind != JSON_FALSE && (text.data == NULL || !same_letters(text, "false")))
        return error_set(error, V2_INVALID_CONFIG,
                         "Invalid consumer configuration: Invalid value for configuration enable.auto.commit: "
                         "Expected value to be either true or false");
    *found = is_true;
    return 0;
}

/* A number, or one as text. */
static bool read_integer(struct rest_body *body, const struct json_value *value, int64_t *number)
{
    if (value->kind != JSON_STRING)
        return json_value_int64(value, number);
    slice text = json_value_string(value, &body->arena);
    char digits[24];
    char *end;
    if (text.data == NULL || text.size == 0 || text.size >= sizeof digits)
        return false;
    snprintf(digits, sizeof digits, "%.*s", SLICE_PRINT(text));
    *number = strtoll(digits, &end, 10);
    return *end == '\0' && (digits[0] == '-' || (digits[0] >= '0' && digits[0] <= '9'));
}

static int read_number(struct rest_body *body, const char *name, const struct json_value *value, int64_t least,
                       int64_t most, int32_t *found, struct error *error)
{
    int64_t number;
    if (value == NULL || value->kind == JSON_NULL)
        return 0;
    if (!read_integer(body, value, &number))
        return error_set(error, 400, "%s must be an integer", name);
    if (number < least || number > most)
        return error_set(error, V2_CONFIG_CONSTRAINT,
                         "Invalid consumer configuration. It does not abide by the constraints: Invalid value %lld for "
                         "configuration %s: Value must be from %lld to %lld",
                         (long long)number, name, (long long)least, (long long)most);
    *found = (int32_t)number;
    return 0;
}

static int read_settings(struct rest_body *body, const struct creation *asked, struct consumer_settings *settings,
                         struct error *error)
{
    int32_t min_bytes = -1;
    int rc = read_format(asked->format, &settings->format, error);
    if (rc == 0)
        rc = read_reset(asked->reset, &settings->reset, error);
    if (rc == 0)
        rc = read_flag(body, asked->auto_commit, &settings->auto_commits, error);
    if (rc == 0)
        rc = read_number(body, "fetch.min.bytes", asked->min_bytes != NULL ? asked->min_bytes : asked->min_bytes_alias,
                         -1, MIN_BYTES_MOST, &min_bytes, error);
    if (rc == 0)
        rc = read_number(body, "consumer.request.timeout.ms",
                         asked->timeout != NULL ? asked->timeout : asked->timeout_alias, 0, INT32_MAX,
                         &settings->timeout_ms, error);
    settings->min_bytes = min_bytes < 1 ? 1 : min_bytes; /* -1, Confluent's default, waits out the time there */
    return rc;
}

/* ---- making one ---- */

/* The status is 422 for a code that begins with 400. */
static void refuse_creation(struct http_exchange *exchange, const struct error *error)
{
    writer w;
    if (error->code != V2_CONFIG_CONSTRAINT) {
        http_reply_error(exchange, error->code, error->message);
        return;
    }
    writer_init(&w, exchange->server->memory, MEMORY_RESPONSES, (size_t)4 << 10);
    struct json json = json_to(&w);
    json_begin_object(&json);
    json_key(&json, "error_code");
    json_int(&json, error->code);
    json_key(&json, "message");
    json_text(&json, error->message);
    json_end_object(&json);
    http_reply_written(exchange, REST_UNPROCESSABLE, V2_TYPE, &w);
    writer_close(&w);
}

static slice peer_host(const struct http_exchange *exchange, char text[64])
{
    const char *peer = exchange->connection != NULL ? exchange->connection->peer : "";
    const char *port = strrchr(peer, ':');
    size_t size = port != NULL ? (size_t)(port - peer) : strlen(peer);
    bool is_bracketed = size >= 2 && peer[0] == '[';
    int length = snprintf(text, 64, "/%.*s", (int)(is_bracketed ? size - 2 : size), is_bracketed ? peer + 1 : peer);
    return slice_of(text, (size_t)length < 63 ? (size_t)length : 63);
}

/* The URL that the client asked, and what names the instance. */
static void write_base_uri(struct v2_answer *answer, const struct consumer_instance *instance)
{
    struct memory *memory = answer->exchange->server->memory;
    slice host = answer->exchange->request.host;
    writer uri;
    writer_init(&uri, memory, MEMORY_RESPONSES, (size_t)16 << 10);
    if (host.size != 0) {
        write_bytes(&uri, slice_of_text("http://"));
        write_bytes(&uri, host);
    }
    write_bytes(&uri, slice_of_text("/consumers/"));
    v2_write_segment(&uri, instance->group);
    write_bytes(&uri, slice_of_text("/instances/"));
    v2_write_segment(&uri, instance->name);
    answer->body.failed |= !writer_ok(&uri);
    json_string(&answer->json, writer_ok(&uri) ? writer_slice(&uri) : NULL_SLICE);
    writer_close(&uri);
}

static void answer_created(struct http_exchange *exchange, const struct consumer_instance *instance)
{
    struct v2_answer answer;
    if (!v2_answer_open(&answer, exchange))
        return;
    json_begin_object(&answer.json);
    json_key(&answer.json, "instance_id");
    json_string(&answer.json, instance->name);
    json_key(&answer.json, "base_uri");
    write_base_uri(&answer, instance);
    json_end_object(&answer.json);
    v2_answer_send(&answer);
}

static void create(struct http_exchange *exchange, slice name, const struct consumer_settings *settings)
{
    char host[64];
    struct consumer_instance *instance;
    slice group = http_argument(exchange, "group");
    int rc = consumer_instances_create(exchange->server->rest->consumers, group, name, peer_host(exchange, host),
                                       settings, &instance);
    if (rc == 0)
        answer_created(exchange, instance);
    else if (rc == -EEXIST)
        http_reply_error(exchange, V2_INSTANCE_EXISTS,
                         "Consumer with specified consumer ID already exists in the specified consumer group.");
    else if (rc == -ENOSPC)
        http_reply_error(exchange, V2_TOO_MANY_INSTANCES,
                         "There are as many consumer instances as furrow.rest.consumers.max permits.");
    else
        rest_reply_no_memory(exchange);
}

static struct consumer_settings default_settings(const struct server *server)
{
    return (struct consumer_settings){
        .format = CONSUMER_BINARY,
        .reset = CONSUMER_LATEST,
        .auto_commits = true,
        .min_bytes = 1,
        .timeout_ms = (int32_t)config_number(server->config, CONFIG_CONSUMER_REQUEST_TIMEOUT_MS),
    };
}

/* "id" is an older name of "name", and the stronger one. */
void v2_create_instance(struct http_exchange *exchange)
{
    struct rest_body body;
    struct error error = {.code = 0};
    struct creation asked = {.id = NULL_SLICE};
    struct consumer_settings settings = default_settings(exchange->server);
    if (exchange->body.size == 0) {
        create(exchange, NULL_SLICE, &settings);
        return;
    }
    if (!rest_body_open(&body, exchange))
        return;
    int rc = rest_read_object(&body, rest_body_root(&body), REST_FIELDS(creation_fields), &asked, &error);
    if (rc == 0)
        rc = read_settings(&body, &asked, &settings, &error);
    slice name = slice_is_null(asked.id) ? asked.name : asked.id;
    if (rc == 0 && !slice_is_null(name) && (name.size == 0 || name.size > CONSUMER_NAME_MAX))
        rc = error_set(&error, V2_INVALID_CONFIG, "Invalid consumer configuration: a name has 1 to %d bytes",
                       CONSUMER_NAME_MAX);
    if (rc == 0)
        create(exchange, name, &settings);
    else
        refuse_creation(exchange, &error);
    rest_body_close(&body);
}

/* ---- its end ---- */

static void on_closed(void *context)
{
    v2_answer_nothing(context);
}

void v2_delete_instance(struct http_exchange *exchange)
{
    struct consumer_instance *instance = v2_find_instance(exchange);
    if (instance != NULL)
        consumer_instance_delete(instance, on_closed, exchange);
}

/* ---- subscriptions ---- */

static void answer_choice(struct http_exchange *exchange, int rc, const struct error *error)
{
    if (rc == 0)
        v2_answer_nothing(exchange);
    else if (rc == -EINVAL)
        http_reply_error(exchange, V2_ILLEGAL_STATE, V2_EXCLUSIVE);
    else if (rc == FURROW_MALFORMED || rc == FURROW_TOO_LARGE)
        v2_refuse(exchange, REST_UNPROCESSABLE, "topic_pattern is not a valid regular expression: %s", error->message);
    else
        rest_reply_no_memory(exchange);
}

struct subscription {
    const struct json_value *topics;
    slice pattern;
};

static const struct rest_field subscription_fields[] = {
    {"topics", REST_LIST, false, offsetof(struct subscription, topics)},
    {"topic_pattern", REST_TEXT, false, offsetof(struct subscription, pattern)},
};

static int subscribe_to_topics(struct rest_body *body, struct consumer_instance *instance,
                               const struct json_value *list, struct error *error)
{
    if (list->count > CONSUMER_TOPICS_MAX)
        return error_set(error, FURROW_UNSUPPORTED, "at most %d topics", CONSUMER_TOPICS_MAX);
    slice *names = arena_alloc(&body->arena, list->count * sizeof *names);
    if (names == NULL)
        return -ENOMEM;
    const struct json_value *item = list + 1;
    for (uint32_t i = 0; i < list->count; i++, item = json_value_after(item)) {
        struct error why;
        names[i] = json_value_string(item, &body->arena);
        if (slice_is_null(names[i]))
            return error_set(error, FURROW_UNSUPPORTED, "topics must be names");
        if (!topic_name_valid(names[i], &why))
            return error_set(error, FURROW_UNSUPPORTED, "Invalid topic: %s", why.message);
    }
    return consumer_instance_subscribe(instance, names, list->count);
}

static void subscribe(struct rest_body *body, struct consumer_instance *instance)
{
    struct http_exchange *exchange = body->exchange;
    struct subscription asked = {.pattern = NULL_SLICE};
    struct error error = {.code = 0};
    int rc = rest_read_object(body, rest_body_root(body), REST_FIELDS(subscription_fields), &asked, &error);
    if (rc != 0) {
        http_reply_error(exchange, error.code, error.message);
        return;
    }
    bool has_pattern = !slice_is_null(asked.pattern);
    if (asked.topics != NULL && has_pattern) {
        http_reply_error(exchange, V2_ILLEGAL_STATE, V2_EXCLUSIVE);
        return;
    }
    if (asked.topics == NULL && !has_pattern) {
        http_reply_error(exchange, V2_ILLEGAL_STATE,
                         "Illegal state: Neither topic_pattern nor topics are present in request");
        return;
    }
    rc = has_pattern ? consumer_instance_subscribe_pattern(instance, asked.pattern, &error)
                     : subscribe_to_topics(body, instance, asked.topics, &error);
    if (rc == FURROW_UNSUPPORTED)
        http_reply_error(exchange, REST_UNPROCESSABLE, error.message);
    else
        answer_choice(exchange, rc, &error);
}

void v2_subscribe(struct http_exchange *exchange)
{
    struct rest_body body;
    struct consumer_instance *instance = v2_find_instance(exchange);
    if (instance == NULL || !rest_body_open(&body, exchange))
        return;
    subscribe(&body, instance);
    rest_body_close(&body);
}

void v2_show_subscription(struct http_exchange *exchange)
{
    const struct consumer_instance *instance = v2_find_instance(exchange);
    struct v2_answer answer;
    if (instance == NULL || !v2_answer_open(&answer, exchange))
        return;
    json_begin_object(&answer.json);
    json_key(&answer.json, "topics");
    json_begin_array(&answer.json);
    for (size_t i = 0; i < instance->topic_count; i++)
        json_string(&answer.json, instance->topics[i]);
    json_end_array(&answer.json);
    json_end_object(&answer.json);
    v2_answer_send(&answer);
}

void v2_unsubscribe(struct http_exchange *exchange)
{
    struct consumer_instance *instance = v2_find_instance(exchange);
    if (instance == NULL)
        return;
    consumer_instance_unsubscribe(instance);
    v2_answer_nothing(exchange);
}

/* ---- assignments ---- */

struct listed {
    const struct json_value *partitions;
};

static const struct rest_field listed_fields[] = {
    {"partitions", REST_LIST, true, offsetof(struct listed, partitions)},
};

struct listed_partition {
    slice topic;
    int32_t partition;
};

static const struct rest_field partition_fields[] = {
    {"topic", REST_TEXT, true, offsetof(struct listed_partition, topic)},
    {"partition", REST_INT32, true, offsetof(struct listed_partition, partition)},
};

/* Each partition as a topic of one; consumer_partitions.h puts them together. */
static int assign(struct rest_body *body, struct consumer_instance *instance, struct error *error)
{
    struct listed listed = {.partitions = NULL};
    int rc = rest_read_object(body, rest_body_root(body), REST_FIELDS(listed_fields), &listed, error);
    if (rc != 0)
        return rc;
    struct listed_partition *asked =
        rest_read_list(body, listed.partitions, REST_FIELDS(partition_fields), sizeof *asked, error);
    if (asked == NULL)
        return error->code;
    size_t count = listed.partitions->count;
    struct consumer_protocol_assignment_topic *topics = arena_alloc(&body->arena, count * sizeof *topics);
    for (size_t i = 0; topics != NULL && i < count; i++)
        topics[i] = (struct consumer_protocol_assignment_topic){.topic = asked[i].topic,
                                                                .partitions = {&asked[i].partition, 1}};
    return topics != NULL ? consumer_instance_assign(instance, topics, count) : -ENOMEM;
}

void v2_assign(struct http_exchange *exchange)
{
    struct rest_body body;
    struct error error = {.code = 0};
    struct consumer_instance *instance = v2_find_instance(exchange);
    if (instance == NULL || !rest_body_open(&body, exchange))
        return;
    int rc = assign(&body, instance, &error);
    if (rc > 0)
        http_reply_error(exchange, rc, error.message);
    else
        answer_choice(exchange, rc, &error);
    rest_body_close(&body);
}

void v2_show_assignment(struct http_exchange *exchange)
{
    const struct consumer_instance *instance = v2_find_instance(exchange);
    struct v2_answer answer;
    if (instance == NULL || !v2_answer_open(&answer, exchange))
        return;
    bool has_any = instance->is_assigned || instance->mode == CONSUMER_ASSIGNED;
    json_begin_object(&answer.json);
    json_key(&answer.json, "partitions");
    json_begin_array(&answer.json);
    for (size_t i = 0; has_any && i < instance->partitions.count; i++) {
        json_begin_object(&answer.json);
        json_key(&answer.json, "topic");
        json_string(&answer.json, instance->partitions.items[i].topic);
        json_key(&answer.json, "partition");
        json_int(&answer.json, instance->partitions.items[i].index);
        json_end_object(&answer.json);
    }
    json_end_array(&answer.json);
    json_end_object(&answer.json);
    v2_answer_send(&answer);
}
