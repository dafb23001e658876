/* Partitions, their offsets, their replicas, which are all on this node, and reassignments, of which there are none. */
#include "rest/rest_failure.h"
#include "rest/v3.h"

#define ONE_MAX ((size_t)64 << 10)

/* Where one is in a list that may be longer than it is now, topics having gone. */
struct noted_partition {
    slice topic;
    int32_t index;
};

static void reply_one(struct http_exchange *exchange, const struct partition *partition,
                      void (*write)(struct resource_writer *w, const struct partition *partition))
{
    struct resource_writer w;
    resource_writer_open(&w, exchange, ONE_MAX);
    write(&w, partition);
    resource_reply(&w, 200, RESOURCE_CLUSTER);
}

/* ---- writing ---- */

static void write_partition(struct resource_writer *w, const struct partition *partition)
{
    struct resource_number index_room, node_room;
    slice name = topic_name(partition->topic), index = resource_number(&index_room, partition->index);
    slice node = resource_number(&node_room, w->exchange->server->start.node_id);
    resource_begin(w, "KafkaPartition", RESOURCE_PATH(TEXT("topics"), name, TEXT("partitions"), index),
                   RESOURCE_PATH(TEXT("topic"), name, TEXT("partition"), index));
    resource_text(w, "topic_name", name);
    resource_int(w, "partition_id", partition->index);
    if (partition->log != NULL)
        resource_link(w, "leader",
                      RESOURCE_PATH(TEXT("topics"), name, TEXT("partitions"), index, TEXT("replicas"), node));
    resource_link(w, "replicas", RESOURCE_PATH(TEXT("topics"), name, TEXT("partitions"), index, TEXT("replicas")));
    resource_link(w, "reassignment",
                  RESOURCE_PATH(TEXT("topics"), name, TEXT("partitions"), index, TEXT("reassignment")));
    resource_end(w);
}

static void write_replica(struct resource_writer *w, const struct partition *partition)
{
    struct resource_number index_room, node_room;
    slice name = topic_name(partition->topic), index = resource_number(&index_room, partition->index);
    slice node = resource_number(&node_room, w->exchange->server->start.node_id);
    resource_begin(w, "KafkaReplica",
                   RESOURCE_PATH(TEXT("topics"), name, TEXT("partitions"), index, TEXT("replicas"), node),
                   RESOURCE_PATH(TEXT("topic"), name, TEXT("partition"), index, TEXT("replica"), node));
    resource_text(w, "topic_name", name);
    resource_int(w, "partition_id", partition->index);
    resource_int(w, "broker_id", w->exchange->server->start.node_id);
    resource_flag(w, "is_leader", partition->log != NULL);
    resource_flag(w, "is_in_sync", partition->log != NULL);
    resource_link(w, "broker", RESOURCE_PATH(TEXT("brokers"), node));
    resource_end(w);
}

static void write_offsets(struct resource_writer *w, const struct partition *partition)
{
    struct resource_number room;
    slice name = topic_name(partition->topic), index = resource_number(&room, partition->index);
    resource_begin(
        w, "KafkaPartitionWithOffsets", RESOURCE_PATH(TEXT("topics"), name, TEXT("partitions"), index, TEXT("offset")),
        RESOURCE_PATH(TEXT("topic"), name, TEXT("partition"), index, TEXT("offset_type"), TEXT("earliest_and_latest")));
    resource_text(w, "topic_name", name);
    resource_int(w, "partition_id", partition->index);
    resource_int(w, "earliest_offset", log_start_offset(partition->log));
    resource_int(w, "latest_offset", log_end_offset(partition->log));
    resource_end(w);
}

/* ---- partitions ---- */

static const struct partition *find_noted(const struct resource_list *list, size_t index)
{
    const struct noted_partition *noted = (const struct noted_partition *)list->notes + index;
    const struct topic *topic = topics_find(&list->out.exchange->server->topics, noted->topic);
    return topic != NULL ? topic_partition(topic, noted->index) : NULL;
}

static void add_partition(struct resource_list *list, size_t index)
{
    const struct partition *partition = find_noted(list, index);
    if (partition != NULL)
        write_partition(&list->out, partition);
}

static void add_replica(struct resource_list *list, size_t index)
{
    const struct partition *partition = find_noted(list, index);
    if (partition != NULL)
        write_replica(&list->out, partition);
}

static bool refuse_list(struct resource_list *list)
{
    struct http_exchange *exchange = list->out.exchange;
    resource_list_close(list);
    rest_reply_no_memory(exchange);
    return false;
}

/* The partitions of those topics. */
static bool note_partitions(struct resource_list *list, const slice *names, size_t count)
{
    const struct topics *topics = &list->out.exchange->server->topics;
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += (size_t)topics_find(topics, names[i])->partition_count;
    struct noted_partition *notes = arena_alloc(&list->arena, total * sizeof *notes);
    if (notes == NULL)
        return refuse_list(list);
    list->notes = notes;
    list->count = total;
    for (size_t i = 0; i < count; i++)
        for (int32_t index = 0; index < topics_find(topics, names[i])->partition_count; index++)
            *notes++ = (struct noted_partition){names[i], index};
    return true;
}

void v3_list_partitions(struct http_exchange *exchange)
{
    const struct topic *topic = v3_find_topic(exchange);
    struct resource_list *list = topic != NULL ? resource_list_open(exchange) : NULL;
    if (list == NULL)
        return;
    slice name = http_argument(exchange, "topic_name");
    if (!note_partitions(list, &name, 1))
        return;
    list->write = add_partition;
    resource_list_start(list, "KafkaPartitionList", RESOURCE_PATH(TEXT("topics"), name, TEXT("partitions")));
}

void v3_get_partition(struct http_exchange *exchange)
{
    const struct partition *partition = v3_find_partition(exchange);
    if (partition != NULL)
        reply_one(exchange, partition, write_partition);
}

void v3_get_offsets(struct http_exchange *exchange)
{
    const struct partition *partition = v3_find_partition(exchange);
    if (partition == NULL)
        return;
    if (partition->log != NULL)
        reply_one(exchange, partition, write_offsets);
    else
        rest_reply_failure(exchange, KAFKA_KAFKA_STORAGE_ERROR, NULL);
}

/* ---- replicas ---- */

void v3_list_replicas(struct http_exchange *exchange)
{
    struct resource_number room;
    const struct partition *partition = v3_find_partition(exchange);
    struct resource_list *list = partition != NULL ? resource_list_open(exchange) : NULL;
    struct noted_partition *note = list != NULL ? arena_alloc(&list->arena, sizeof *note) : NULL;
    if (list != NULL && note == NULL)
        (void)refuse_list(list);
    if (note == NULL)
        return;
    slice name = http_argument(exchange, "topic_name");
    *note = (struct noted_partition){name, partition->index};
    list->notes = note;
    list->count = 1;
    list->write = add_replica;
    resource_list_start(list, "KafkaReplicaList",
                        RESOURCE_PATH(TEXT("topics"), name, TEXT("partitions"),
                                      resource_number(&room, partition->index), TEXT("replicas")));
}

void v3_get_replica(struct http_exchange *exchange)
{
    const struct partition *partition = v3_find_partition(exchange);
    if (partition != NULL && v3_check_broker(exchange))
        reply_one(exchange, partition, write_replica);
}

void v3_list_broker_replicas(struct http_exchange *exchange)
{
    struct resource_number room;
    struct resource_list *list = v3_check_broker(exchange) ? resource_list_open(exchange) : NULL;
    if (list == NULL || !v3_note_topics(list) || !note_partitions(list, list->notes, list->count))
        return;
    list->write = add_replica;
    resource_list_start(list, "KafkaReplicaList",
                        RESOURCE_PATH(TEXT("brokers"), resource_number(&room, exchange->server->start.node_id),
                                      TEXT("partition-replicas")));
}

/* ---- reassignments ---- */

static void start_empty(struct http_exchange *exchange, struct resource_path url)
{
    struct resource_list *list = resource_list_open(exchange);
    if (list != NULL)
        resource_list_start(list, "KafkaReassignmentList", url);
}

void v3_list_reassignments(struct http_exchange *exchange)
{
    if (v3_check_cluster(exchange))
        start_empty(exchange,
                    RESOURCE_PATH(TEXT("topics"), TEXT("-"), TEXT("partitions"), TEXT("-"), TEXT("reassignment")));
}

void v3_list_topic_reassignments(struct http_exchange *exchange)
{
    const struct topic *topic = v3_find_topic(exchange);
    if (topic != NULL)
        start_empty(exchange, RESOURCE_PATH(TEXT("topics"), topic_name(topic), TEXT("partitions"), TEXT("-"),
                                            TEXT("reassignment")));
}

void v3_get_reassignment(struct http_exchange *exchange)
{
    if (v3_find_partition(exchange) != NULL)
        v3_reply_missing(exchange, "The partition is not being reassigned.");
}
