/* WriteTxnMarkers (key 27): ends a transaction in some partitions whatever its coordinator thinks, for tools that abort
 * hanging ones (KIP-664). */
#include "container.h"
#include "kafka/request.h"
#include "operations/append_markers.h"
#include "operations/groups.h"

struct writing;

struct writing_one {
    struct writing *writing;
    struct marker_append append;
    struct marker_part *parts; /* in the order of the answer's partitions */
    struct group_transaction_end groups;
    struct write_txn_markers_response_marker *answer;
};

struct writing {
    struct kafka_request *request;
    struct write_txn_markers_response response;
    int32_t pending; /* answers */
};

static void answered(struct writing *writing)
{
    if (--writing->pending == 0)
        kafka_answer(writing->request, &writing->response);
}

static bool is_groups(slice topic, int32_t partition)
{
    return partition == 0 && slice_equal(topic, slice_of_text(GROUPS_TOPIC));
}

static void on_appended(struct marker_append *append)
{
    struct writing_one *one = CONTAINER_OF(append, struct writing_one, append);
    const struct marker_part *part = one->parts;
    for (int32_t i = 0; i < one->answer->topics.count; i++) {
        struct write_txn_markers_response_topic *topic = &one->answer->topics.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++, part++) {
            if (!is_groups(topic->name, topic->partitions.items[j].partition_index))
                topic->partitions.items[j].error_code = (int16_t)part->error;
        }
    }
    answered(one->writing);
}

static void on_groups_ended(struct group_transaction_end *end, enum kafka_error error)
{
    struct writing_one *one = CONTAINER_OF(end, struct writing_one, groups);
    for (int32_t i = 0; i < one->answer->topics.count; i++) {
        struct write_txn_markers_response_topic *topic = &one->answer->topics.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            if (is_groups(topic->name, topic->partitions.items[j].partition_index))
                topic->partitions.items[j].error_code = (int16_t)error;
        }
    }
    answered(one->writing);
}

static bool take_topic(struct writing_one *one, const struct write_txn_markers_request_topic *asked, bool *wants_groups)
{
    struct kafka_request *request = one->writing->request;
    const struct topic *found = topics_find(&request->server->topics, asked->name);
    struct write_txn_markers_response_topic *topic = &one->answer->topics.items[one->answer->topics.count++];
    size_t count = asked->partition_indexes.count > 0 ? (size_t)asked->partition_indexes.count : 0;
    *topic = (struct write_txn_markers_response_topic){.name = asked->name};
    topic->partitions.items = arena_alloc(&request->arena, count * sizeof *topic->partitions.items);
    if (topic->partitions.items == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        int32_t index = asked->partition_indexes.items[i];
        struct marker_part *part = &one->parts[one->append.count++];
        bool is_of_groups = found != NULL && is_groups(asked->name, index);
        *wants_groups = *wants_groups || is_of_groups;
        part->partition = found != NULL && !is_of_groups ? topic_partition(found, index) : NULL;
        part->error = part->partition == NULL ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : KAFKA_NONE;
        topic->partitions.items[topic->partitions.count++] =
            (struct write_txn_markers_response_partition){.partition_index = index, .error_code = (int16_t)part->error};
    }
    return true;
}

static size_t count_partitions(const struct write_txn_markers_request_marker *asked)
{
    size_t count = 0;
    for (int32_t i = 0; i < asked->topics.count; i++)
        count += asked->topics.items[i].partition_indexes.count > 0
                     ? (size_t)asked->topics.items[i].partition_indexes.count
                     : 0;
    return count;
}

static bool take_marker(struct writing_one *one, const struct write_txn_markers_request_marker *asked,
                        bool *wants_groups)
{
    struct arena *arena = &one->writing->request->arena;
    size_t topics = asked->topics.count > 0 ? (size_t)asked->topics.count : 0;
    one->answer->producer_id = asked->producer_id;
    one->answer->topics.items = arena_alloc(arena, topics * sizeof *one->answer->topics.items);
    one->parts = arena_alloc(arena, count_partitions(asked) * sizeof *one->parts);
    one->append = (struct marker_append){.producer_id = asked->producer_id,
                                         .producer_epoch = asked->producer_epoch,
                                         .coordinator_epoch = asked->coordinator_epoch,
                                         .commits = asked->transaction_result,
                                         .parts = one->parts,
                                         .done = on_appended};
    one->groups = (struct group_transaction_end){.producer_id = asked->producer_id,
                                                 .producer_epoch = asked->producer_epoch,
                                                 .coordinator_epoch = asked->coordinator_epoch,
                                                 .commits = asked->transaction_result,
                                                 .done = on_groups_ended};
    bool ok = one->answer->topics.items != NULL && one->parts != NULL;
    for (size_t i = 0; ok && i < topics; i++)
        ok = take_topic(one, &asked->topics.items[i], wants_groups);
    return ok;
}

void handle_write_txn_markers(struct kafka_request *request)
{
    const struct write_txn_markers_request *asked = request->message;
    struct server *server = request->server;
    int32_t count = asked->markers.count > 0 ? asked->markers.count : 0;
    struct writing *writing = arena_alloc(&request->arena, sizeof *writing);
    struct writing_one *all = arena_alloc(&request->arena, (size_t)count * sizeof *all);
    bool *wants_groups = arena_alloc(&request->arena, (size_t)count * sizeof *wants_groups);
    struct write_txn_markers_response_marker *answers = arena_alloc(&request->arena, (size_t)count * sizeof *answers);
    bool ok = writing != NULL && all != NULL && answers != NULL && wants_groups != NULL;
    if (ok)
        *writing = (struct writing){
            .request = request, .response = {.markers = {.items = answers, .count = count}}, .pending = 1};
    for (int32_t i = 0; ok && i < count; i++) {
        all[i].writing = writing;
        all[i].answer = &answers[i];
        ok = take_marker(&all[i], &asked->markers.items[i], &wants_groups[i]);
    }
    if (!ok) {
        kafka_close(request, "out of memory");
        return;
    }
    kafka_request_count(request);
    for (int32_t i = 0; i < count; i++) {
        writing->pending += 1 + wants_groups[i];
        append_markers_start(server->appends, &all[i].append);
        if (wants_groups[i])
            group_service_end_transaction(server->groups, &all[i].groups);
    }
    answered(writing);
}
