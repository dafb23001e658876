/* DescribeQuorum (key 55): this node alone is the quorum, over the metadata log, which clients know as partition 0 of
 * __cluster_metadata. As in Kafka, anything but that one partition is not here. */
#include "kafka/request.h"
#include "metadata_log.h"

#define METADATA_TOPIC_NAME "__cluster_metadata"

static bool is_about_the_quorum(const struct describe_quorum_request *asked)
{
    return asked->topics.count == 1 && asked->topics.items[0].partitions.count == 1 &&
           slice_equal(asked->topics.items[0].topic_name, slice_of_text(METADATA_TOPIC_NAME)) &&
           asked->topics.items[0].partitions.items[0].partition_index == 0;
}

/* `unknown`: this partition and all others are not here. */
static bool refuse_topic(struct kafka_request *request, const struct describe_quorum_request_topic *topic,
                         struct describe_quorum_response_topic *answer)
{
    int32_t count = topic->partitions.count;
    answer->topic_name = topic->topic_name;
    answer->partitions.items = arena_alloc(&request->arena, (size_t)count * sizeof *answer->partitions.items);
    answer->partitions.count = count;
    for (int32_t i = 0; answer->partitions.items != NULL && i < count; i++)
        answer->partitions.items[i] = (struct describe_quorum_response_partition){
            .partition_index = topic->partitions.items[i].partition_index,
            .error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
            .error_message = slice_of_text(kafka_error_text(KAFKA_UNKNOWN_TOPIC_OR_PARTITION)),
        };
    return answer->partitions.items != NULL;
}

static void answer_unknown(struct kafka_request *request)
{
    const struct describe_quorum_request *asked = request->message;
    struct describe_quorum_response response = {.error_message = slice_of_text("")};
    int32_t count = asked->topics.count;
    response.topics.items = arena_alloc(&request->arena, (size_t)count * sizeof *response.topics.items);
    response.topics.count = count;
    for (int32_t i = 0; response.topics.items != NULL && i < count; i++) {
        if (!refuse_topic(request, &asked->topics.items[i], &response.topics.items[i]))
            response.topics.items = NULL;
    }
    if (response.topics.items == NULL)
        kafka_close(request, "out of memory");
    else
        kafka_answer(request, &response);
}

void handle_describe_quorum(struct kafka_request *request)
{
    const struct server *server = request->server;
    char host[256];
    uint16_t port;
    if (!is_about_the_quorum(request->message)) {
        answer_unknown(request);
        return;
    }
    kafka_request_address(request, host, &port);
    int64_t now = server_now(server), end = log_end_offset(metadata_log_log(server->metadata));
    struct describe_quorum_response_replica voter = {.replica_id = server->start.node_id,
                                                     .log_end_offset = end,
                                                     .last_fetch_timestamp = now,
                                                     .last_caught_up_timestamp = now};
    struct describe_quorum_response_partition partition = {.error_message = slice_of_text(""),
                                                           .leader_id = server->start.node_id,
                                                           .leader_epoch = server->start.leader_epoch,
                                                           .high_watermark = end,
                                                           .current_voters = {.items = &voter, .count = 1}};
    struct describe_quorum_response_topic topic = {.topic_name = slice_of_text(METADATA_TOPIC_NAME),
                                                   .partitions = {.items = &partition, .count = 1}};
    struct describe_quorum_response_listener listener = {
        .name = slice_of_text("CONTROLLER"), .host = slice_of_text(host), .port = port};
    struct describe_quorum_response_node node = {.node_id = server->start.node_id,
                                                 .listeners = {.items = &listener, .count = 1}};
    struct describe_quorum_response response = {.error_message = slice_of_text(""),
                                                .topics = {.items = &topic, .count = 1},
                                                .nodes = {.items = &node, .count = 1}};
    kafka_answer(request, &response);
}
