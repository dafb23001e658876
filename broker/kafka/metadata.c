/* Metadata (key 3). Topics that may be created are created first, and the answer waits for them: a client that asks
 * for a topic which does not exist yet can use it at once. */
#include "kafka/changes.h"
#include "metadata_log.h"
#include "operations/authorized_operations.h"
#include "operations/groups.h"
#include "operations/new_topic.h"
#include "operations/transactions.h"

static bool fill_partitions(struct kafka_request *request, const struct topic *topic,
                            struct metadata_response_topic *answer)
{
    int32_t count = topic->partition_count;
    struct metadata_response_partition *items = arena_alloc(&request->arena, (size_t)count * sizeof *items);
    int32_t *self = arena_alloc(&request->arena, sizeof *self);
    if (items == NULL || self == NULL)
        return false;
    *self = request->server->start.node_id;
    for (int32_t i = 0; i < count; i++) {
        const struct log *log = topic->partitions[i]->log;
        bool is_online = log != NULL && !log_is_offline(log);
        items[i] = (struct metadata_response_partition){
            .error_code = is_online ? KAFKA_NONE : KAFKA_LEADER_NOT_AVAILABLE,
            .partition_index = i,
            .leader_id = is_online ? *self : -1,
            .leader_epoch = log != NULL ? log_leader_epoch(log) : -1,
            .replica_nodes = {self, 1},
            .isr_nodes = {self, is_online ? 1 : 0},
            .offline_replicas = {self, is_online ? 0 : 1},
        };
    }
    answer->partitions.items = items;
    answer->partitions.count = count;
    return true;
}

static bool fill_topic(struct kafka_request *request, const struct topic *topic, struct metadata_response_topic *answer)
{
    const struct metadata_request *asked = request->message;
    answer->error_code = KAFKA_NONE;
    answer->name = arena_copy(&request->arena, topic_name(topic));
    answer->topic_id = topic->id;
    answer->is_internal = topic->is_internal;
    if (asked->include_topic_authorized_operations)
        answer->topic_authorized_operations = TOPIC_OPERATIONS;
    return fill_partitions(request, topic, answer);
}

/* A request with both means the id. */
static bool is_by_id(const struct metadata_request_topic *asked)
{
    return slice_is_null(asked->name) || !uuid_is_zero(asked->topic_id);
}

static bool fill_asked_topic(struct kafka_request *request, const struct metadata_request_topic *asked,
                             struct metadata_response_topic *answer)
{
    const struct server *server = request->server;
    bool by_id = is_by_id(asked);
    const struct topic *topic =
        by_id ? topics_find_id(&server->topics, asked->topic_id) : topics_find(&server->topics, asked->name);
    if (topic != NULL)
        return fill_topic(request, topic, answer);
    answer->name = by_id ? NULL_SLICE : asked->name;
    answer->topic_id = asked->topic_id;
    if (by_id)
        answer->error_code = KAFKA_UNKNOWN_TOPIC_ID;
    else if (answer->error_code == KAFKA_NONE)
        answer->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    if (!by_id && ((const struct metadata_request *)request->message)->include_topic_authorized_operations)
        answer->topic_authorized_operations = TOPIC_OPERATIONS; /* one that is missing may be created */
    return true;
}

static bool fill_all_topics(struct kafka_request *request, struct metadata_response *response)
{
    struct server *server = request->server;
    struct metadata_response_topic *items = arena_alloc(&request->arena, server->topics.count * sizeof *items);
    if (items == NULL)
        return false;
    response->topics.items = items;
    struct topic *topic, *next;
    HASH_ITER (by_name, server->topics.by_name, topic, next) {
        items[response->topics.count] = METADATA_RESPONSE_TOPIC_DEFAULTS;
        if (!fill_topic(request, topic, &items[response->topics.count++]))
            return false;
    }
    return true;
}

/* Version 0 has no null: there an empty list asks for all. */
static bool asks_for_all(const struct kafka_request *request)
{
    const struct metadata_request *asked = request->message;
    return asked->topics.count < 0 || (request->version == 0 && asked->topics.count == 0);
}

static bool fill_broker(struct kafka_request *request, struct metadata_response *response)
{
    struct metadata_response_broker *broker = arena_alloc(&request->arena, sizeof *broker);
    char host[256];
    uint16_t port;
    if (broker == NULL)
        return false;
    kafka_request_address(request, host, &port);
    broker->node_id = request->server->start.node_id;
    broker->host = arena_copy(&request->arena, slice_of_text(host));
    broker->port = port;
    response->brokers.items = broker;
    response->brokers.count = 1;
    return true;
}

/* What holds once the topics asked for are there. */
static void fill_response(struct kafka_request *request, void *value)
{
    struct metadata_response *response = value;
    const struct metadata_request *asked = request->message;
    bool ok = fill_broker(request, response);
    response->cluster_id = slice_of_text(request->server->start.cluster_id);
    response->controller_id = request->server->start.node_id;
    if (asked->include_cluster_authorized_operations)
        response->cluster_authorized_operations = CLUSTER_OPERATIONS;
    if (ok && asks_for_all(request))
        ok = fill_all_topics(request, response);
    for (int32_t i = 0; ok && !asks_for_all(request) && i < response->topics.count; i++)
        ok = fill_asked_topic(request, &asked->topics.items[i], &response->topics.items[i]);
    if (!ok)
        response->error_code = KAFKA_UNKNOWN_SERVER_ERROR;
}

/* A topic that is not there: created when both sides want that. */
static void create_missing(struct kafka_request *request, slice name, int16_t *error_code, struct changes *changes)
{
    const struct metadata_request *asked = request->message;
    struct server *server = request->server;
    struct error error;
    if (!topic_name_valid(name, &error)) {
        *error_code = KAFKA_INVALID_TOPIC_EXCEPTION;
        return;
    }
    bool allowed = request->version < 4 || asked->allow_auto_topic_creation;
    if (!allowed || !config_flag(server->config, CONFIG_AUTO_CREATE_TOPICS_ENABLE))
        return;
    if (metadata_log_is_busy(server->metadata, name)) {
        *error_code = KAFKA_LEADER_NOT_AVAILABLE;
        return;
    }
    if (slice_equal(name, slice_of_text(GROUPS_TOPIC))) { /* as it must be, for whom it serves */
        *error_code = KAFKA_LEADER_NOT_AVAILABLE;
        group_service_prepare(server->groups);
        return;
    }
    if (slice_equal(name, slice_of_text(TRANSACTIONS_TOPIC))) {
        *error_code = KAFKA_LEADER_NOT_AVAILABLE;
        transaction_service_prepare(server->transactions);
        return;
    }
    struct new_topic topic = {.name = name, .partitions = -1, .replication_factor = -1};
    *error_code = new_topic_check(server, &topic, &error);
    struct change_call *call = *error_code == KAFKA_NONE ? changes_add(changes, error_code, NULL) : NULL;
    if (call == NULL)
        return;
    struct topic_config config;
    topic_config_init(&config, server->config);
    metadata_log_create_topic(server->metadata, name, &config, topic.partitions, change_written, call);
    topic_config_close(&config, server->memory);
}

static bool start_topics(struct kafka_request *request, struct metadata_response *response, struct changes *changes)
{
    const struct metadata_request *asked = request->message;
    int32_t count = asked->topics.count;
    response->topics.items = arena_alloc(&request->arena, (size_t)count * sizeof *response->topics.items);
    if (response->topics.items == NULL)
        return false;
    response->topics.count = count;
    for (int32_t i = 0; i < count; i++) {
        slice name = asked->topics.items[i].name;
        response->topics.items[i] = METADATA_RESPONSE_TOPIC_DEFAULTS;
        if (!is_by_id(&asked->topics.items[i]) && topics_find(&request->server->topics, name) == NULL)
            create_missing(request, name, &response->topics.items[i].error_code, changes);
    }
    return true;
}

/* Versions 10 and 11 have ids, but only those from 12 on may ask by them (KIP-516). */
static bool asks_too_early_for_ids(const struct kafka_request *request)
{
    const struct metadata_request *asked = request->message;
    for (int32_t i = 0; request->version < 12 && i < asked->topics.count; i++) {
        if (is_by_id(&asked->topics.items[i]))
            return true;
    }
    return false;
}

static void refuse_ids(struct kafka_request *request, struct metadata_response *response)
{
    const struct metadata_request *asked = request->message;
    int32_t count = asked->topics.count;
    response->topics.items = arena_alloc(&request->arena, (size_t)count * sizeof *response->topics.items);
    if (response->topics.items == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        const struct metadata_request_topic *topic = &asked->topics.items[i];
        struct metadata_response_topic *answer = &response->topics.items[i];
        *answer = METADATA_RESPONSE_TOPIC_DEFAULTS;
        answer->error_code = KAFKA_INVALID_REQUEST;
        answer->name = slice_is_null(topic->name) ? slice_of_text("") : topic->name;
        answer->topic_id = topic->topic_id;
    }
    response->topics.count = count;
    kafka_answer(request, response);
}

void handle_metadata(struct kafka_request *request)
{
    struct metadata_response *response = arena_alloc(&request->arena, sizeof *response);
    if (response == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    *response = METADATA_RESPONSE_DEFAULTS;
    if (asks_too_early_for_ids(request)) {
        refuse_ids(request, response);
        return;
    }
    struct changes *changes = changes_begin(request, response, fill_response);
    if (changes == NULL)
        return;
    if (!asks_for_all(request) && !start_topics(request, response, changes))
        response->error_code = KAFKA_UNKNOWN_SERVER_ERROR;
    changes_end(changes);
}
