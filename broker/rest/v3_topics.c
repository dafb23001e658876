/* Topics: looked at, created, grown, deleted. */
#include "metadata_log.h"
#include "operations/authorized_operations.h"
#include "operations/new_topic.h"
#include "rest/resource_list.h"
#include "rest/rest_failure.h"
#include "rest/v3.h"

#include <stddef.h>
#include <stdlib.h>

#define ONE_MAX ((size_t)64 << 10)

/* ---- writing ---- */

/* AclOperation's names, by Kafka's numbers. */
static void write_operations(struct resource_writer *w, uint32_t operations)
{
    static const char *const names[] = {
        [3] = "READ",
        [4] = "WRITE",
        [5] = "CREATE",
        [6] = "DELETE",
        [7] = "ALTER",
        [8] = "DESCRIBE",
        [10] = "DESCRIBE_CONFIGS",
        [11] = "ALTER_CONFIGS",
    };
    json_key(&w->json, "authorized_operations");
    json_begin_array(&w->json);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i] != NULL && (operations & 1U << i) != 0)
            json_text(&w->json, names[i]);
    json_end_array(&w->json);
}

static void write_topic(struct resource_writer *w, slice name, bool is_internal, int32_t partitions,
                        uint32_t operations)
{
    resource_begin(w, "KafkaTopic", RESOURCE_PATH(TEXT("topics"), name), RESOURCE_PATH(TEXT("topic"), name));
    resource_text(w, "topic_name", name);
    resource_flag(w, "is_internal", is_internal);
    resource_int(w, "replication_factor", 1);
    resource_int(w, "partitions_count", partitions);
    resource_link(w, "partitions", RESOURCE_PATH(TEXT("topics"), name, TEXT("partitions")));
    resource_link(w, "configs", RESOURCE_PATH(TEXT("topics"), name, TEXT("configs")));
    resource_link(w, "partition_reassignments",
                  RESOURCE_PATH(TEXT("topics"), name, TEXT("partitions"), TEXT("-"), TEXT("reassignment")));
    write_operations(w, operations);
    resource_end(w);
}

void v3_write_topic(struct resource_writer *w, const struct topic *topic, bool with_operations)
{
    write_topic(w, topic_name(topic), topic->is_internal, topic->partition_count,
                with_operations ? TOPIC_OPERATIONS : 0);
}

/* ---- looking ---- */

static void add_topic(struct resource_list *list, size_t index)
{
    const slice *names = list->notes;
    const struct topic *topic = topics_find(&list->out.exchange->server->topics, names[index]);
    if (topic != NULL)
        v3_write_topic(&list->out, topic, false);
}

void v3_list_topics(struct http_exchange *exchange)
{
    struct resource_list *list = v3_check_cluster(exchange) ? resource_list_open(exchange) : NULL;
    if (list == NULL || !v3_note_topics(list))
        return;
    list->write = add_topic;
    resource_list_start(list, "KafkaTopicList", RESOURCE_PATH(TEXT("topics")));
}

static void reply_topic(struct http_exchange *exchange, const struct topic *topic, bool with_operations)
{
    struct resource_writer w;
    resource_writer_open(&w, exchange, ONE_MAX);
    v3_write_topic(&w, topic, with_operations);
    resource_reply(&w, 200, RESOURCE_CLUSTER);
}

void v3_get_topic(struct http_exchange *exchange)
{
    const struct topic *topic = v3_find_topic(exchange);
    if (topic != NULL)
        reply_topic(exchange, topic, http_parameter_flag(exchange, "include_authorized_operations"));
}

/* ---- creating ---- */

struct creation {
    slice name;
    int32_t partitions;
    int16_t replication_factor;
    const struct json_value *assignments;
    const struct json_value *configs;
    bool validate_only;
};

static const struct rest_field creation_fields[] = {
    {"topic_name", REST_TEXT, true, offsetof(struct creation, name)},
    {"partitions_count", REST_INT32, false, offsetof(struct creation, partitions)},
    {"replication_factor", REST_INT16, false, offsetof(struct creation, replication_factor)},
    {"replicas_assignments", REST_LIST, false, offsetof(struct creation, assignments)},
    {"configs", REST_LIST, false, offsetof(struct creation, configs)},
    {"validate_only", REST_FLAG, false, offsetof(struct creation, validate_only)},
};

static const struct rest_field config_fields[] = {
    {"name", REST_TEXT, true, offsetof(struct new_topic_setting, name)},
    {"value", REST_TEXT, false, offsetof(struct new_topic_setting, value)},
};

struct given_assignment {
    int32_t partition;
    const struct json_value *brokers;
};

static const struct rest_field assignment_fields[] = {
    {"partition_id", REST_INT32, true, offsetof(struct given_assignment, partition)},
    {"broker_ids", REST_LIST, true, offsetof(struct given_assignment, brokers)},
};

static int read_brokers(struct rest_body *body, const struct json_value *list, struct replica_assignment *assignment,
                        struct error *error)
{
    int32_t *ids = arena_alloc(&body->arena, list->count * sizeof *ids);
    if (ids == NULL)
        return error_set(error, REST_NO_MEMORY, "out of memory");
    const struct json_value *value = list + 1;
    for (uint32_t i = 0; i < list->count; i++, value = json_value_after(value)) {
        int64_t id;
        if (!json_value_int64(value, &id) || id < INT32_MIN || id > INT32_MAX)
            return error_set(error, 400, "broker_ids must be integers");
        ids[i] = (int32_t)id;
    }
    assignment->brokers = ids;
    assignment->count = (int32_t)list->count;
    return 0;
}

static int read_assignments(struct rest_body *body, const struct json_value *list, struct new_topic *topic,
                            struct error *error)
{
    struct replica_assignment *assignments = arena_alloc(&body->arena, list->count * sizeof *assignments);
    const struct given_assignment *given =
        rest_read_list(body, list, REST_FIELDS(assignment_fields), sizeof(struct given_assignment), error);
    if (given == NULL)
        return error->code;
    if (assignments == NULL)
        return error_set(error, REST_NO_MEMORY, "out of memory");
    for (uint32_t i = 0; i < list->count; i++) {
        assignments[i].partition = given[i].partition;
        int rc = read_brokers(body, given[i].brokers, &assignments[i], error);
        if (rc != 0)
            return rc;
    }
    topic->assignments = assignments;
    topic->assignment_count = (int32_t)list->count;
    return 0;
}

/* 0, or the error_code of REST. As in Confluent's, assignments are instead of the numbers. */
static int read_creation(struct rest_body *body, struct new_topic *topic, bool *validate_only, struct error *error)
{
    struct creation creation = {.partitions = -1, .replication_factor = -1};
    int rc = rest_read_object(body, rest_body_root(body), REST_FIELDS(creation_fields), &creation, error);
    if (rc != 0)
        return rc;
    *topic = (struct new_topic){
        .name = creation.name, .partitions = creation.partitions, .replication_factor = creation.replication_factor};
    *validate_only = creation.validate_only;
    if (creation.assignments != NULL && creation.assignments->count != 0) {
        topic->partitions = topic->replication_factor = -1;
        rc = read_assignments(body, creation.assignments, topic, error);
    }
    if (rc == 0 && creation.configs != NULL) {
        topic->settings =
            rest_read_list(body, creation.configs, REST_FIELDS(config_fields), sizeof(struct new_topic_setting), error);
        topic->setting_count = (int32_t)creation.configs->count;
        rc = topic->settings == NULL ? error->code : 0;
    }
    return rc;
}

static void reply_created(struct v3_change *change, int status)
{
    struct resource_writer w;
    resource_writer_open(&w, change->exchange, ONE_MAX);
    write_topic(&w, change->name, false, change->partitions, 0);
    resource_reply(&w, status, status == 201 ? RESOURCE_PATH(TEXT("topics"), change->name) : RESOURCE_CLUSTER);
}

static void succeed_created(struct v3_change *change)
{
    reply_created(change, 201);
}

static void succeed_validated(struct v3_change *change)
{
    reply_created(change, 200);
}

void v3_create_topic(struct http_exchange *exchange)
{
    struct server *server = exchange->server;
    struct v3_change *change = v3_check_cluster(exchange) ? v3_change_open(exchange, true) : NULL;
    struct new_topic topic;
    struct topic_config config;
    struct error error = {0};
    bool validate_only;
    if (change == NULL)
        return;
    int rc = read_creation(&change->body, &topic, &validate_only, &error);
    if (rc != 0) {
        v3_change_refuse(change, rc, error.message);
        return;
    }
    topic_config_init(&config, server->config);
    int16_t code = new_topic_prepare(server, &topic, &config, &error);
    change->name = topic.name;
    change->partitions = topic.partitions;
    change->succeed = validate_only ? succeed_validated : succeed_created;
    if (code != KAFKA_NONE || validate_only)
        change_end(&change->call, code, &error);
    else
        metadata_log_create_topic(server->metadata, topic.name, &config, topic.partitions, change_written,
                                  &change->call);
    topic_config_close(&config, server->memory);
}

/* ---- changing ---- */

static const struct rest_field growth_fields[] = {
    {"partitions_count", REST_INT32, true, offsetof(struct v3_change, partitions)},
};

static void succeed_grown(struct v3_change *change)
{
    struct http_exchange *exchange = change->exchange;
    const struct topic *topic = v3_find_topic(exchange);
    if (topic != NULL)
        reply_topic(exchange, topic, false);
}

void v3_grow_topic(struct http_exchange *exchange)
{
    struct server *server = exchange->server;
    struct topic *topic = v3_find_topic(exchange);
    struct v3_change *change = topic != NULL ? v3_change_open(exchange, true) : NULL;
    struct error error = {0};
    if (change == NULL)
        return;
    struct rest_body *body = &change->body;
    int rc = rest_read_object(body, rest_body_root(body), REST_FIELDS(growth_fields), change, &error);
    if (rc != 0) {
        v3_change_refuse(change, rc, error.message);
        return;
    }
    change->succeed = succeed_grown;
    int16_t code = topic_check_growth(server, topic, change->partitions, NULL, -1, &error);
    if (code != KAFKA_NONE)
        change_end(&change->call, code, &error);
    else
        metadata_log_add_partitions(server->metadata, topic, change->partitions, change_written, &change->call);
}

void v3_delete_topic(struct http_exchange *exchange)
{
    struct server *server = exchange->server;
    struct topic *topic = v3_find_topic(exchange);
    struct v3_change *change = topic != NULL ? v3_change_open(exchange, false) : NULL;
    if (change == NULL)
        return;
    int16_t code = topic_check_deletion(server, topic);
    if (code != KAFKA_NONE)
        change_end(&change->call, code, NULL);
    else
        metadata_log_delete_topic(server->metadata, topic, change_written, &change->call);
}
