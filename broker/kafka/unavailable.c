/* What is advertised and not served: librdkafka turns features off unless it sees these APIs in these versions
 * (rdkafka_feature.c), so they are answered, as by a broker whose coordinator is not there: clients try again later.
 * SASL is answered as Kafka does on a listener without it. */
#include "kafka/request.h"

#define UNAVAILABLE KAFKA_COORDINATOR_NOT_AVAILABLE

static void close_for_memory(struct kafka_request *request)
{
    kafka_close(request, "out of memory");
}

/* items of an answer's array: `count` zeroed structs; an array that is null or empty needs none. */
static void *make_items(struct kafka_request *request, int32_t count, size_t item_size)
{
    return arena_alloc(&request->arena, (count > 0 ? (size_t)count : 1) * item_size);
}

void answer_unavailable_find_coordinator(struct kafka_request *request)
{
    const struct find_coordinator_request *asked = request->message;
    struct find_coordinator_response response = FIND_COORDINATOR_RESPONSE_DEFAULTS;
    response.error_code = UNAVAILABLE;
    response.node_id = -1;
    response.port = -1;
    int32_t count = asked->coordinator_keys.count;
    response.coordinators.items = make_items(request, count, sizeof *response.coordinators.items);
    if (response.coordinators.items == NULL) {
        close_for_memory(request);
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        response.coordinators.items[i] = (struct find_coordinator_response_coordinator){
            .key = asked->coordinator_keys.items[i],
            .node_id = -1,
            .port = -1,
            .error_code = UNAVAILABLE,
        };
        response.coordinators.count++;
    }
    kafka_answer(request, &response);
}

void answer_unavailable_join_group(struct kafka_request *request)
{
    struct join_group_response response = JOIN_GROUP_RESPONSE_DEFAULTS;
    response.error_code = UNAVAILABLE;
    kafka_answer(request, &response);
}

void answer_unavailable_sync_group(struct kafka_request *request)
{
    kafka_answer(request, &(struct sync_group_response){.error_code = UNAVAILABLE});
}

void answer_unavailable_heartbeat(struct kafka_request *request)
{
    kafka_answer(request, &(struct heartbeat_response){.error_code = UNAVAILABLE});
}

void answer_unavailable_leave_group(struct kafka_request *request)
{
    kafka_answer(request, &(struct leave_group_response){.error_code = UNAVAILABLE});
}

static bool refuse_commits(struct kafka_request *request, const struct offset_commit_request_topic *asked,
                           struct offset_commit_response_topic *topic)
{
    *topic = (struct offset_commit_response_topic){.name = asked->name, .topic_id = asked->topic_id};
    topic->partitions.items = make_items(request, asked->partitions.count, sizeof *topic->partitions.items);
    if (topic->partitions.items == NULL)
        return false;
    for (int32_t i = 0; i < asked->partitions.count; i++) {
        topic->partitions.items[i] = (struct offset_commit_response_partition){
            .partition_index = asked->partitions.items[i].partition_index,
            .error_code = UNAVAILABLE,
        };
        topic->partitions.count++;
    }
    return true;
}

void answer_unavailable_offset_commit(struct kafka_request *request)
{
    const struct offset_commit_request *asked = request->message;
    struct offset_commit_response response = {.throttle_time_ms = 0};
    response.topics.items = make_items(request, asked->topics.count, sizeof *response.topics.items);
    bool ok = response.topics.items != NULL;
    for (int32_t i = 0; ok && i < asked->topics.count; i++)
        ok = refuse_commits(request, &asked->topics.items[i], &response.topics.items[response.topics.count++]);
    if (ok)
        kafka_answer(request, &response);
    else
        close_for_memory(request);
}

/* Version 1 has no error of its own: each partition carries it. */
static bool refuse_fetches(struct kafka_request *request, const struct offset_fetch_request_topic *asked,
                           struct offset_fetch_response_topic *topic)
{
    *topic = (struct offset_fetch_response_topic){.name = asked->name};
    topic->partitions.items = make_items(request, asked->partition_indexes.count, sizeof *topic->partitions.items);
    if (topic->partitions.items == NULL)
        return false;
    for (int32_t i = 0; i < asked->partition_indexes.count; i++) {
        struct offset_fetch_response_partition partition = OFFSET_FETCH_RESPONSE_PARTITION_DEFAULTS;
        partition.partition_index = asked->partition_indexes.items[i];
        partition.committed_offset = -1;
        partition.error_code = UNAVAILABLE;
        topic->partitions.items[topic->partitions.count++] = partition;
    }
    return true;
}

void answer_unavailable_offset_fetch(struct kafka_request *request)
{
    const struct offset_fetch_request *asked = request->message;
    struct offset_fetch_response response = {.error_code = UNAVAILABLE};
    response.topics.items = make_items(request, asked->topics.count, sizeof *response.topics.items);
    response.groups.items = make_items(request, asked->groups.count, sizeof *response.groups.items);
    bool ok = response.topics.items != NULL && response.groups.items != NULL;
    for (int32_t i = 0; ok && i < asked->topics.count; i++)
        ok = refuse_fetches(request, &asked->topics.items[i], &response.topics.items[response.topics.count++]);
    for (int32_t i = 0; ok && i < asked->groups.count; i++) {
        response.groups.items[i] = (struct offset_fetch_response_group){.group_id = asked->groups.items[i].group_id,
                                                                        .error_code = UNAVAILABLE};
        response.groups.count++;
    }
    if (ok)
        kafka_answer(request, &response);
    else
        close_for_memory(request);
}

void answer_unavailable_sasl_handshake(struct kafka_request *request)
{
    kafka_answer(request, &(struct sasl_handshake_response){.error_code = KAFKA_ILLEGAL_SASL_STATE});
}

void answer_unavailable_sasl_authenticate(struct kafka_request *request)
{
    struct sasl_authenticate_response response = SASL_AUTHENTICATE_RESPONSE_DEFAULTS;
    response.error_code = KAFKA_ILLEGAL_SASL_STATE;
    response.error_message = slice_of_text("this listener asks nobody who they are");
    kafka_answer(request, &response);
}
