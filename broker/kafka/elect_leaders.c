/* ElectLeaders (key 43): there is one replica, which leads, so an election is never needed. As in Kafka, whoever asks
 * about all partitions is told the topics without their partitions. */
#include "kafka/request.h"

#include <stdio.h>

enum { ELECT_PREFERRED = 0, ELECT_UNCLEAN = 1 };

typedef struct elect_leaders_response_topic answer_topic;

static bool is_known(int8_t type)
{
    return type == ELECT_PREFERRED || type == ELECT_UNCLEAN;
}

static void elect(struct kafka_request *request, slice name, int32_t index, int8_t type,
                  struct elect_leaders_response_partition *answer)
{
    const struct topic *topic = topics_find(&request->server->topics, name);
    char words[320];
    answer->partition_id = index;
    if (topic == NULL) {
        answer->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        snprintf(words, sizeof words, "No such topic as %.*s", name.size < 256 ? (int)name.size : 256,
                 (const char *)name.data);
    } else if (topic_partition(topic, index) == NULL) {
        answer->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        snprintf(words, sizeof words, "No such partition as %s-%d", topic->name, index);
    } else if (!is_known(type)) {
        answer->error_code = KAFKA_INVALID_REQUEST;
        snprintf(words, sizeof words, "Unknown election type %d", type);
    } else {
        answer->error_code = KAFKA_ELECTION_NOT_NEEDED;
        return;
    }
    answer->error_message = arena_copy(&request->arena, slice_of_text(words));
}

static bool elect_in_topic(struct kafka_request *request, const struct elect_leaders_request_topic *asked,
                           answer_topic *answer)
{
    const struct elect_leaders_request *message = request->message;
    size_t count = asked->partitions.count > 0 ? (size_t)asked->partitions.count : 0;
    *answer = (answer_topic){.topic = asked->topic};
    answer->partition_result.items = arena_alloc(&request->arena, count * sizeof *answer->partition_result.items);
    if (answer->partition_result.items == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        elect(request, asked->topic, asked->partitions.items[i], message->election_type,
              &answer->partition_result.items[answer->partition_result.count++]);
    return true;
}

static void list_all(const struct topics *topics, struct elect_leaders_response *response)
{
    for (const struct topic *topic = topics->by_name; topic != NULL; topic = topic->by_name.next)
        response->replica_election_results.items[response->replica_election_results.count++] =
            (answer_topic){.topic = topic_name(topic)};
}

void handle_elect_leaders(struct kafka_request *request)
{
    const struct elect_leaders_request *asked = request->message;
    const struct topics *topics = &request->server->topics;
    bool knows_type = is_known(asked->election_type);
    struct elect_leaders_response response = {.error_code = KAFKA_NONE};
    if (!knows_type)
        response.error_code = KAFKA_INVALID_REQUEST;
    bool wants_all = asked->topic_partitions.count < 0;
    size_t count = wants_all ? topics->count : (size_t)asked->topic_partitions.count;
    response.replica_election_results.items =
        arena_alloc(&request->arena, count * sizeof *response.replica_election_results.items);
    bool ok = response.replica_election_results.items != NULL;
    if (ok && wants_all && knows_type)
        list_all(topics, &response);
    for (size_t i = 0; ok && !wants_all && i < count; i++)
        ok = elect_in_topic(request, &asked->topic_partitions.items[i],
                            &response.replica_election_results.items[response.replica_election_results.count++]);
    if (ok)
        kafka_answer(request, &response);
    else
        kafka_close(request, "out of memory");
}
