/* TxnOffsetCommit (key 28): offsets that hold when the producer's transaction commits. */
#include "kafka/request.h"
#include "kafka/transactional.h"
#include "operations/groups.h"

#define FIRST_VERSION_ABORTABLE 4
#define FIRST_VERSION_ADDS      5

struct committing {
    struct kafka_request *request;
    struct txn_offset_commit_response response;
    struct commit_transaction transaction;
    struct commit_call commit;
};

static enum transactional_version version_of(const struct kafka_request *request)
{
    if (request->version >= FIRST_VERSION_ADDS)
        return TRANSACTIONAL_ADDS;
    return request->version >= FIRST_VERSION_ABORTABLE ? TRANSACTIONAL_ABORTABLE : TRANSACTIONAL_FIRST;
}

/* Of the transactions' coordinator. */
static enum kafka_error code_of(const struct kafka_request *request, enum kafka_error error)
{
    error = transactional_error(error, version_of(request));
    return error == KAFKA_NOT_ENOUGH_REPLICAS ? KAFKA_COORDINATOR_NOT_AVAILABLE : error;
}

static void on_committed(struct group_call *call)
{
    struct committing *committing = call->context;
    enum kafka_error error = code_of(committing->request, call->error);
    const struct commit_partition *found = committing->commit.partitions;
    for (int32_t i = 0; i < committing->response.topics.count; i++) {
        struct txn_offset_commit_response_topic *topic = &committing->response.topics.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++, found++)
            topic->partitions.items[j].error_code = (int16_t)(found->error != KAFKA_NONE ? found->error : error);
    }
    kafka_answer(committing->request, &committing->response);
}

static enum kafka_error check(const struct kafka_request *request, const struct topic *topic,
                              const struct txn_offset_commit_request_partition *asked)
{
    int64_t longest = config_number(request->server->config, CONFIG_OFFSET_METADATA_MAX_BYTES);
    if (topic == NULL || topic_partition(topic, asked->partition_index) == NULL)
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    return (int64_t)asked->committed_metadata.size > longest ? KAFKA_OFFSET_METADATA_TOO_LARGE : KAFKA_NONE;
}

/* False when the arena refuses. */
static bool take_topic(struct committing *committing, const struct txn_offset_commit_request_topic *asked,
                       struct txn_offset_commit_response_topic *answer)
{
    struct kafka_request *request = committing->request;
    const struct topic *topic = topics_find(&request->server->topics, asked->name);
    size_t count = asked->partitions.count > 0 ? (size_t)asked->partitions.count : 0;
    *answer = (struct txn_offset_commit_response_topic){.name = asked->name};
    answer->partitions.items = arena_alloc(&request->arena, count * sizeof *answer->partitions.items);
    if (answer->partitions.items == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct txn_offset_commit_request_partition *partition = &asked->partitions.items[i];
        committing->commit.partitions[committing->commit.count++] = (struct commit_partition){
            .topic = asked->name,
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

static size_t count_partitions(const struct txn_offset_commit_request *asked)
{
    size_t count = 0;
    for (int32_t i = 0; i < asked->topics.count; i++)
        count += asked->topics.items[i].partitions.count > 0 ? (size_t)asked->topics.items[i].partitions.count : 0;
    return count;
}

static void ask(struct committing *committing, const struct txn_offset_commit_request *asked,
                struct commit_partition *partitions)
{
    struct kafka_request *request = committing->request;
    committing->transaction = (struct commit_transaction){.id = asked->transactional_id,
                                                          .producer_id = asked->producer_id,
                                                          .producer_epoch = asked->producer_epoch,
                                                          .joins = version_of(request) == TRANSACTIONAL_ADDS};
    committing->commit =
        (struct commit_call){.call = {.done = on_committed, .context = committing, .arena = &request->arena},
                             .group_id = asked->group_id,
                             .member_id = asked->member_id,
                             .instance_id = asked->group_instance_id,
                             .generation = asked->generation_id,
                             .transaction = &committing->transaction,
                             .partitions = partitions};
}

void handle_txn_offset_commit(struct kafka_request *request)
{
    const struct txn_offset_commit_request *asked = request->message;
    struct committing *committing = arena_alloc(&request->arena, sizeof *committing);
    size_t count = asked->topics.count > 0 ? (size_t)asked->topics.count : 0;
    struct txn_offset_commit_response_topic *topics = arena_alloc(&request->arena, count * sizeof *topics);
    struct commit_partition *partitions = arena_alloc(&request->arena, count_partitions(asked) * sizeof *partitions);
    bool ok = committing != NULL && topics != NULL && partitions != NULL;
    if (ok) {
        committing->request = request;
        committing->response.topics.items = topics;
        ask(committing, asked, partitions);
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
