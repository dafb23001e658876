/* OffsetForLeaderEpoch (key 23): where an epoch's records end, so that a client finds out whether what it has read is
 * still there (KIP-320). */
#include "kafka/request.h"
#include "operations/operations.h"

static void answer_partition(const struct topic *topic, const struct offset_for_leader_epoch_request_partition *asked,
                             struct offset_for_leader_epoch_response_partition *answer)
{
    *answer = OFFSET_FOR_LEADER_EPOCH_RESPONSE_PARTITION_DEFAULTS;
    answer->partition = asked->partition;
    const struct partition *partition = topic != NULL ? topic_partition(topic, asked->partition) : NULL;
    if (partition == NULL) {
        answer->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        return;
    }
    if (partition->log == NULL) {
        answer->error_code = KAFKA_KAFKA_STORAGE_ERROR;
        return;
    }
    answer->error_code = (int16_t)find_epoch_error(partition->log, asked->current_leader_epoch);
    if (answer->error_code == KAFKA_NONE)
        find_epoch_end(partition->log, asked->leader_epoch, &answer->leader_epoch, &answer->end_offset);
}

static bool answer_topic(struct kafka_request *request, const struct offset_for_leader_epoch_request_topic *asked,
                         struct offset_for_leader_epoch_response_topic *answer)
{
    size_t count = asked->partitions.count > 0 ? (size_t)asked->partitions.count : 0;
    *answer = OFFSET_FOR_LEADER_EPOCH_RESPONSE_TOPIC_DEFAULTS;
    answer->topic = asked->topic;
    answer->partitions.items = arena_alloc(&request->arena, count * sizeof *answer->partitions.items);
    if (answer->partitions.items == NULL)
        return false;
    answer->partitions.count = (int32_t)count;
    const struct topic *topic = topics_find(&request->server->topics, asked->topic);
    for (size_t i = 0; i < count; i++)
        answer_partition(topic, &asked->partitions.items[i], &answer->partitions.items[i]);
    return true;
}

void handle_offset_for_leader_epoch(struct kafka_request *request)
{
    const struct offset_for_leader_epoch_request *asked = request->message;
    size_t count = asked->topics.count > 0 ? (size_t)asked->topics.count : 0;
    struct offset_for_leader_epoch_response response = OFFSET_FOR_LEADER_EPOCH_RESPONSE_DEFAULTS;
    response.topics.items = arena_alloc(&request->arena, count * sizeof *response.topics.items);
    bool complete = response.topics.items != NULL;
    for (size_t i = 0; complete && i < count; i++)
        complete = answer_topic(request, &asked->topics.items[i], &response.topics.items[i]);
    if (!complete) {
        kafka_close(request, "out of memory");
        return;
    }
    response.topics.count = (int32_t)count;
    kafka_answer(request, &response);
}
