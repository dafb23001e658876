/* Brokers, topics, partitions. */
#include "operations/described_config.h"
#include "rest/v2.h"
#include "server.h"

#include <stdlib.h>

static void write_int(struct json *json, const char *key, int64_t value)
{
    json_key(json, key);
    json_int(json, value);
}

void v2_list_brokers(struct http_exchange *exchange)
{
    struct v2_answer answer;
    if (!v2_answer_open(&answer, exchange))
        return;
    json_begin_object(&answer.json);
    json_key(&answer.json, "brokers");
    json_begin_array(&answer.json);
    json_int(&answer.json, exchange->server->start.node_id);
    json_end_array(&answer.json);
    json_end_object(&answer.json);
    v2_answer_send(&answer);
}

/* ---- topics ---- */

static int compare_names(const void *a, const void *b)
{
    return slice_compare(*(const slice *)a, *(const slice *)b);
}

/* Without internal ones, as Kafka's admin client lists them. */
void v2_list_topics(struct http_exchange *exchange)
{
    const struct topics *topics = &exchange->server->topics;
    struct v2_answer answer;
    size_t count = 0, size = topics->count * sizeof(slice);
    if (!v2_answer_open(&answer, exchange))
        return;
    slice *names = memory_alloc(exchange->server->memory, MEMORY_RESPONSES, size);
    if (names == NULL)
        answer.body.failed = true;
    for (const struct topic *topic = topics->by_name; names != NULL && topic != NULL; topic = topic->by_name.next) {
        if (!topic->is_internal)
            names[count++] = topic_name(topic);
    }
    if (names != NULL)
        qsort(names, count, sizeof *names, compare_names);
    json_begin_array(&answer.json);
    for (size_t i = 0; i < count; i++)
        json_string(&answer.json, names[i]);
    json_end_array(&answer.json);
    memory_free(exchange->server->memory, MEMORY_RESPONSES, names, size);
    v2_answer_send(&answer);
}

/* There is one broker: it leads. */
static void write_partition(struct json *json, const struct server *server, int32_t index)
{
    json_begin_object(json);
    write_int(json, "partition", index);
    write_int(json, "leader", server->start.node_id);
    json_key(json, "replicas");
    json_begin_array(json);
    json_begin_object(json);
    write_int(json, "broker", server->start.node_id);
    json_key(json, "leader");
    json_bool(json, true);
    json_key(json, "in_sync");
    json_bool(json, true);
    json_end_object(json);
    json_end_array(json);
    json_end_object(json);
}

static void write_partitions(struct json *json, const struct server *server, const struct topic *topic)
{
    json_begin_array(json);
    for (int32_t i = 0; i < topic->partition_count; i++)
        write_partition(json, server, i);
    json_end_array(json);
}

static void write_configs(struct json *json, const struct server *server, const struct topic *topic)
{
    const struct topic_config_key *keys;
    size_t count = topic_config_keys(&keys);
    json_begin_object(json);
    for (size_t i = 0; i < count; i++) {
        struct described_config described;
        describe_topic_config(server, &topic->config, (int)i, &described);
        json_key(json, keys[i].name);
        json_string(json, described.value);
    }
    json_end_object(json);
}

void v2_show_topic(struct http_exchange *exchange)
{
    const struct topic *topic = v2_find_topic(exchange);
    struct v2_answer answer;
    if (topic == NULL || !v2_answer_open(&answer, exchange))
        return;
    json_begin_object(&answer.json);
    json_key(&answer.json, "name");
    json_string(&answer.json, topic_name(topic));
    json_key(&answer.json, "configs");
    write_configs(&answer.json, exchange->server, topic);
    json_key(&answer.json, "partitions");
    write_partitions(&answer.json, exchange->server, topic);
    json_end_object(&answer.json);
    v2_answer_send(&answer);
}

/* ---- partitions ---- */

void v2_list_partitions(struct http_exchange *exchange)
{
    const struct topic *topic = v2_find_topic(exchange);
    struct v2_answer answer;
    if (topic == NULL || !v2_answer_open(&answer, exchange))
        return;
    write_partitions(&answer.json, exchange->server, topic);
    v2_answer_send(&answer);
}

void v2_show_partition(struct http_exchange *exchange)
{
    const struct topic *topic = v2_find_topic(exchange);
    const struct partition *partition = topic != NULL ? v2_find_partition(exchange, topic) : NULL;
    struct v2_answer answer;
    if (partition == NULL || !v2_answer_open(&answer, exchange))
        return;
    write_partition(&answer.json, exchange->server, partition->index);
    v2_answer_send(&answer);
}

void v2_show_partition_offsets(struct http_exchange *exchange)
{
    const struct topic *topic = v2_find_topic(exchange);
    const struct partition *partition = topic != NULL ? v2_find_partition(exchange, topic) : NULL;
    struct v2_answer answer;
    if (partition == NULL)
        return;
    if (partition->log == NULL) {
        v2_refuse_kafka(exchange, KAFKA_LEADER_NOT_AVAILABLE);
        return;
    }
    if (!v2_answer_open(&answer, exchange))
        return;
    json_begin_object(&answer.json);
    write_int(&answer.json, "beginning_offset", log_start_offset(partition->log));
    write_int(&answer.json, "end_offset", log_end_offset(partition->log));
    json_end_object(&answer.json);
    v2_answer_send(&answer);
}
