/* DeleteRecords (key 21, KIP-107): the log starts at the offset asked from now on; -1 is the high watermark. Answered
 * when the new start is on the disk, which Kafka does not wait for; the files go afterwards. timeout_ms is without
 * meaning: nothing here waits for other nodes. */
#include "checkpoints.h"
#include "container.h"
#include "kafka/request.h"
#include "retention.h"

#define HIGH_WATERMARK (-1)

struct deletion {
    struct partition *partition; /* its topic is held */
    struct delete_records_response_partition *answer;
};

struct delete_records {
    struct kafka_request *request;
    struct delete_records_response response;
    struct checkpoint_request checkpoint;
    int32_t count;
    struct deletion deletions[];
};

static void settle(struct server *server, const struct deletion *deletion, int status)
{
    struct partition *partition = deletion->partition;
    struct delete_records_response_partition *answer = deletion->answer;
    if (partition->topic->is_deleted)
        answer->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    else if (status != 0)
        answer->error_code = KAFKA_KAFKA_STORAGE_ERROR;
    else
        answer->low_watermark = log_start_offset(partition->log);
    if (answer->error_code == KAFKA_NONE)
        retention_note_start(server->retention, partition);
    topic_release(&server->topics, partition->topic);
}

static void on_saved(struct checkpoint_request *checkpoint, int status)
{
    struct delete_records *delete = CONTAINER_OF(checkpoint, struct delete_records, checkpoint);
    for (int32_t i = 0; i < delete->count; i++)
        settle(delete->request->server, &delete->deletions[i], status);
    kafka_answer(delete->request, &delete->response);
}

/* In Kafka's order. */
static enum kafka_error move_start(const struct topic *topic, struct partition *partition, int64_t offset)
{
    if (topic != NULL && topic->is_internal)
        return KAFKA_INVALID_TOPIC_EXCEPTION;
    if (partition == NULL)
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    if (partition->log == NULL || log_is_offline(partition->log))
        return KAFKA_KAFKA_STORAGE_ERROR;
    if ((topic->config.cleanup_policy & CLEANUP_DELETE) == 0)
        return KAFKA_POLICY_VIOLATION;
    if (offset == HIGH_WATERMARK)
        offset = log_end_offset(partition->log);
    return log_set_start_offset(partition->log, offset, NULL) == 0 ? KAFKA_NONE : KAFKA_OFFSET_OUT_OF_RANGE;
}

static void ask_partition(struct delete_records *delete, const struct topic *topic,
                          const struct delete_records_request_partition *asked,
                          struct delete_records_response_partition *answer)
{
    struct partition *partition = topic != NULL ? topic_partition(topic, asked->partition_index) : NULL;
    enum kafka_error error = move_start(topic, partition, asked->offset);
    *answer = (struct delete_records_response_partition){
        .partition_index = asked->partition_index, .low_watermark = -1, .error_code = (int16_t)error};
    if (error != KAFKA_NONE || partition == NULL)
        return;
    topic_hold(partition->topic);
    delete->deletions[delete->count++] = (struct deletion){partition, answer};
}

static bool ask_topic(struct delete_records *delete, const struct delete_records_request_topic *asked,
                      struct delete_records_response_topic *answer)
{
    struct kafka_request *request = delete->request;
    int32_t count = asked->partitions.count > 0 ? asked->partitions.count : 0;
    *answer = (struct delete_records_response_topic){.name = asked->name};
    answer->partitions.items = arena_alloc(&request->arena, (size_t)count * sizeof *answer->partitions.items);
    if (answer->partitions.items == NULL)
        return false;
    answer->partitions.count = count;
    const struct topic *topic = topics_find(&request->server->topics, asked->name);
    for (int32_t i = 0; i < count; i++)
        ask_partition(delete, topic, &asked->partitions.items[i], &answer->partitions.items[i]);
    return true;
}

static int32_t count_partitions(const struct delete_records_request *asked)
{
    int32_t count = 0;
    for (int32_t i = 0; i < asked->topics.count; i++)
        count += asked->topics.items[i].partitions.count > 0 ? asked->topics.items[i].partitions.count : 0;
    return count;
}

void handle_delete_records(struct kafka_request *request)
{
    const struct delete_records_request *asked = request->message;
    size_t topics = asked->topics.count > 0 ? (size_t)asked->topics.count : 0;
    size_t partitions = (size_t)count_partitions(asked);
    struct delete_records *delete =
        arena_alloc(&request->arena, sizeof *delete + partitions * sizeof delete->deletions[0]);
    struct delete_records_response_topic *items = arena_alloc(&request->arena, topics * sizeof *items);
    if (delete == NULL || items == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    delete->request = request;
    delete->response = (struct delete_records_response){.topics = {.items = items}};
    for (size_t i = 0; i < topics; i++) {
        if (!ask_topic(delete, &asked->topics.items[i], &items[i]))
            break; /* what the arena refused is missing in the answer: the client asks again */
        delete->response.topics.count++;
    }
    if (delete->count == 0) {
        kafka_answer(request, &delete->response);
        return;
    }
    kafka_request_count(request);
    delete->checkpoint.done = on_saved;
    checkpoints_write(request->server->checkpoints, &delete->checkpoint);
}
