/* AlterPartitionReassignments (key 45) and ListPartitionReassignments (key 46): a partition can be assigned to this
 * node only, where it is already, so that none is ever under way. */
#include "kafka/request.h"

#include <stdio.h>

static void say(struct kafka_request *request, slice *message, const char *words)
{
    *message = arena_copy(&request->arena, slice_of_text(words));
}

/* ---- changing ---- */

static void reassign(struct kafka_request *request, const struct topic *topic,
                     const struct alter_partition_reassignments_request_partition *asked,
                     struct alter_partition_reassignments_response_partition *answer)
{
    int32_t self = request->server->start.node_id;
    char words[128];
    *answer = (struct alter_partition_reassignments_response_partition){.partition_index = asked->partition_index};
    if (topic == NULL || topic_partition(topic, asked->partition_index) == NULL) {
        answer->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        say(request, &answer->error_message, "Unable to find a partition of this name.");
    } else if (asked->replicas.count < 0) {
        answer->error_code = KAFKA_NO_REASSIGNMENT_IN_PROGRESS;
        say(request, &answer->error_message, "No partition reassignment is in progress.");
    } else if (asked->replicas.count == 0) {
        answer->error_code = KAFKA_INVALID_REPLICA_ASSIGNMENT;
        say(request, &answer->error_message, "The manual partition assignment includes an empty replica list.");
    }
    for (int32_t i = 0; answer->error_code == KAFKA_NONE && i < asked->replicas.count; i++) {
        bool is_other = asked->replicas.items[i] != self;
        if (!is_other && i == 0)
            continue;
        answer->error_code = KAFKA_INVALID_REPLICA_ASSIGNMENT;
        snprintf(words, sizeof words,
                 is_other ? "The manual partition assignment includes broker %d, but no such broker is registered."
                          : "The manual partition assignment includes the broker %d more than once.",
                 asked->replicas.items[i]);
        say(request, &answer->error_message, words);
    }
}

static bool reassign_topic(struct kafka_request *request,
                           const struct alter_partition_reassignments_request_topic *asked,
                           struct alter_partition_reassignments_response_topic *answer)
{
    const struct topic *topic = topics_find(&request->server->topics, asked->name);
    size_t count = asked->partitions.count > 0 ? (size_t)asked->partitions.count : 0;
    *answer = (struct alter_partition_reassignments_response_topic){.name = asked->name};
    answer->partitions.items = arena_alloc(&request->arena, count * sizeof *answer->partitions.items);
    if (answer->partitions.items == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        reassign(request, topic, &asked->partitions.items[i], &answer->partitions.items[answer->partitions.count++]);
    return true;
}

void handle_alter_partition_reassignments(struct kafka_request *request)
{
    const struct alter_partition_reassignments_request *asked = request->message;
    struct alter_partition_reassignments_response response = ALTER_PARTITION_REASSIGNMENTS_RESPONSE_DEFAULTS;
    size_t count = asked->topics.count > 0 ? (size_t)asked->topics.count : 0;
    response.allow_replication_factor_change = asked->allow_replication_factor_change;
    response.responses.items = arena_alloc(&request->arena, count * sizeof *response.responses.items);
    bool ok = response.responses.items != NULL;
    for (size_t i = 0; ok && i < count; i++)
        ok = reassign_topic(request, &asked->topics.items[i], &response.responses.items[response.responses.count++]);
    if (ok)
        kafka_answer(request, &response);
    else
        kafka_close(request, "out of memory");
}

/* ---- listing ---- */

void handle_list_partition_reassignments(struct kafka_request *request)
{
    kafka_answer(request, &(struct list_partition_reassignments_response){.error_code = KAFKA_NONE});
}
