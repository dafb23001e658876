/* OffsetCommit (key 8). Version 10 on names topics by their ids (KIP-848's follow-up). */
#include "kafka/request.h"
#include "operations/groups.h"

#define TOPIC_IDS          10
#define GROUP_ID_NOT_FOUND 9 /* the first version that knows the error, and groups of the consumer protocol */

struct committing {
    struct kafka_request *request;
    struct offset_commit_response response;
    struct commit_call commit;
};

static int16_t code_of(const struct kafka_request *request, enum kafka_error error)
{
    if (error == KAFKA_GROUP_ID_NOT_FOUND && request->version < GROUP_ID_NOT_FOUND)
        error = KAFKA_ILLEGAL_GENERATION;
    return (int16_t)error;
}

static void on_committed(struct group_call *call)
{
    struct committing *committing = call->context;
    struct kafka_request *request = committing->request;
    const struct commit_partition *found = committing->commit.partitions;
    for (int32_t i = 0; i < committing->response.topics.count; i++) {
        struct offset_commit_response_topic *topic = &committing->response.topics.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++)
            topic->partitions.items[j].error_code = code_of(request, (found++)->error);
    }
    kafka_answer(request, &committing->response);
}

static enum kafka_error check(const struct kafka_request *request, const struct topic *topic,
                              const struct offset_commit_request_partition *asked)
{
    int64_t longest = config_number(request->server->config, CONFIG_OFFSET_METADATA_MAX_BYTES);
    if (topic == NULL)
        return request->version >= TOPIC_IDS ? KAFKA_UNKNOWN_TOPIC_ID : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    if (topic_partition(topic, asked->partition_index) == NULL)
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    return (int64_t)asked->committed_metadata.size > longest ? KAFKA_OFFSET_METADATA_TOO_LARGE : KAFKA_NONE;
}

/* False when the arena refuses. */
static bool take_topic(struct committing *committing, const struct offset_commit_request_topic *asked,
                       struct offset_commit_response_topic *answer)
{
    struct kafka_request *request = committing->request;
    const struct topics *topics = &request->server->topics;
    const struct topic *topic =
        request->version >= TOPIC_IDS ? topics_find_id(topics, asked->topic_id) : topics_find(topics, asked->name);
    size_t count = asked->partitions.count > 0 ? (size_t)asked->partitions.count : 0;
    *answer = (struct offset_commit_response_topic){.name = asked->name, .topic_id = asked->topic_id};
    answer->partitions.items = arena_alloc(&request->arena, count * sizeof *answer->partitions.items);
    /* Until the answer the topic may go. */
    slice name =
        request->version >= TOPIC_IDS && topic != NULL ? arena_copy(&request->arena, topic_name(topic)) : asked->name;
    if (answer->partitions.items == NULL || (topic != NULL && slice_is_null(name)))
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct offset_commit_request_partition *partition = &asked->partitions.items[i];
        committing->commit.partitions[committing->commit.count++] = (struct commit_partition){
            .topic = name,
            .partition = partition->partition_index,
            .value = {.offset = partition->committed_offset,
                      .leader_epoch = partition->committed_leader_epoch,
                      .metadata = partition->committed_metadata},
            .error = check(request, topic, partition),
        };
        answer->partitions.items[answer->partitions.count++].partition_index = partition->partition_index;
    }
    return true;
}

/* What had to expire before it was committed does so at once. */
static int64_t retention_of(const struct offset_commit_request *asked)
{
    if (asked->retention_time_ms == -1)
        return 0;
    return asked->retention_time_ms > 0 ? asked->retention_time_ms : 1;
}

static size_t count_partitions(const struct offset_commit_request *asked)
{
    size_t count = 0;
    for (int32_t i = 0; i < asked->topics.count; i++)
        count += asked->topics.items[i].partitions.count > 0 ? (size_t)asked->topics.items[i].partitions.count : 0;
    return count;
}

void handle_offset_commit(struct kafka_request *request)
{
    const struct offset_commit_request *asked = request->message;
    struct committing *committing = arena_alloc(&request->arena, sizeof *committing);
    size_t count = asked->topics.count > 0 ? (size_t)asked->topics.count : 0;
    struct offset_commit_response_topic *topics = arena_alloc(&request->arena, count * sizeof *topics);
    struct commit_partition *partitions = arena_alloc(&request->arena, count_partitions(asked) * sizeof *partitions);
    bool ok = committing != NULL && topics != NULL && partitions != NULL;
    if (ok) {
        committing->request = request;
        committing->response.topics.items = topics;
        committing->commit =
            (struct commit_call){.call = {.done = on_committed, .context = committing, .arena = &request->arena},
                                 .group_id = asked->group_id,
                                 .member_id = asked->member_id,
                                 .instance_id = asked->group_instance_id,
                                 .generation = asked->generation_id_or_member_epoch,
                                 .is_old = request->version < GROUP_ID_NOT_FOUND,
                                 .retention_ms = retention_of(asked),
                                 .partitions = partitions};
    }
    for (size_t i = 0; ok && i < count; i++)
        ok = take_topic(committing, &asked->topics.items[i], &topics[committing->response.topics.count++]);
    if (!ok) {
        kafka_close(request, "out of memory");
        return;
    }
    kafka_request_count(request);
    group_service_commit(request->server->groups, &committing->commit);
}
