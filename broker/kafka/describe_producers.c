/* DescribeProducers (key 61, KIP-664). */
#include "kafka/request.h"

struct listing {
    struct describe_producers_response_partition *answer;
    size_t room;
};

static int count_one(void *context, const struct log_producer *producer)
{
    (void)producer;
    ((struct listing *)context)->room++;
    return 0;
}

static int add_one(void *context, const struct log_producer *producer)
{
    struct listing *listing = context;
    listing->answer->active_producers.items[listing->answer->active_producers.count++] =
        (struct describe_producers_response_producer){
            .producer_id = producer->producer_id,
            .producer_epoch = producer->epoch,
            .last_sequence = producer->last_sequence,
            .last_timestamp = producer->last_timestamp,
            .coordinator_epoch = producer->coordinator_epoch,
            .current_txn_start_offset = producer->transaction_start,
        };
    return 0;
}

/* `missing` is what partitions that are not there are told. */
static bool describe(struct kafka_request *request, const struct topic *topic, int32_t index, enum kafka_error missing,
                     struct describe_producers_response_partition *answer)
{
    const struct partition *partition = topic != NULL ? topic_partition(topic, index) : NULL;
    struct listing listing = {.answer = answer};
    *answer = (struct describe_producers_response_partition){.partition_index = index};
    if (partition == NULL || partition->log == NULL) {
        answer->error_code = (int16_t)(partition == NULL ? missing : KAFKA_KAFKA_STORAGE_ERROR);
        return true;
    }
    (void)log_list_producers(partition->log, count_one, &listing);
    answer->active_producers.items =
        arena_alloc(&request->arena, listing.room * sizeof *answer->active_producers.items);
    if (answer->active_producers.items == NULL)
        return false;
    (void)log_list_producers(partition->log, add_one, &listing);
    return true;
}

static bool describe_topic(struct kafka_request *request, const struct describe_producers_request_topic *asked,
                           struct describe_producers_response_topic *answer)
{
    const struct topic *topic = topics_find(&request->server->topics, asked->name);
    size_t count = asked->partition_indexes.count > 0 ? (size_t)asked->partition_indexes.count : 0;
    *answer = (struct describe_producers_response_topic){.name = asked->name};
    answer->partitions.items = arena_alloc(&request->arena, count * sizeof *answer->partitions.items);
    bool ok = answer->partitions.items != NULL;
    struct error error;
    enum kafka_error missing =
        topic_name_valid(asked->name, &error) ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : KAFKA_INVALID_TOPIC_EXCEPTION;
    for (size_t i = 0; ok && i < count; i++)
        ok = describe(request, topic, asked->partition_indexes.items[i], missing,
                      &answer->partitions.items[answer->partitions.count++]);
    return ok;
}

void handle_describe_producers(struct kafka_request *request)
{
    const struct describe_producers_request *asked = request->message;
    struct describe_producers_response response = {.throttle_time_ms = 0};
    size_t count = asked->topics.count > 0 ? (size_t)asked->topics.count : 0;
    response.topics.items = arena_alloc(&request->arena, count * sizeof *response.topics.items);
    bool ok = response.topics.items != NULL;
    for (size_t i = 0; ok && i < count; i++)
        ok = describe_topic(request, &asked->topics.items[i], &response.topics.items[response.topics.count++]);
    if (ok)
        kafka_answer(request, &response);
    else
        kafka_close(request, "out of memory");
}
