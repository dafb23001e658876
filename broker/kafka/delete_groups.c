/* DeleteGroups (key 42) and OffsetDelete (key 47, KIP-496). */
#include "container.h"
#include "kafka/request.h"
#include "operations/groups.h"
#include "operations/repeated.h"

/* ---- DeleteGroups: a group that is named twice is answered once ---- */

struct deleting {
    struct kafka_request *request;
    struct delete_groups_response response;
    struct commit_call *calls;
    int32_t pending;
};

static void end_one(struct deleting *deleting)
{
    if (--deleting->pending == 0)
        kafka_answer(deleting->request, &deleting->response);
}

static void on_deleted(struct group_call *call)
{
    struct deleting *deleting = call->context;
    struct commit_call *deletion = CONTAINER_OF(call, struct commit_call, call);
    deleting->response.results.items[deletion - deleting->calls].error_code = (int16_t)call->error;
    end_one(deleting);
}

/* The index of the first group of the same name, for each. NULL when out of memory. */
static const int32_t *find_first(struct arena *arena, const slice *names, size_t count)
{
    struct repeated_partition *list = arena_alloc(arena, count * sizeof *list);
    for (size_t i = 0; list != NULL && i < count; i++)
        list[i] = (struct repeated_partition){.topic = names[i]};
    return list != NULL ? repeated_find_first(arena, list, (int32_t)count) : NULL;
}

void handle_delete_groups(struct kafka_request *request)
{
    const struct delete_groups_request *asked = request->message;
    struct group_service *groups = request->server->groups;
    size_t count = asked->groups_names.count > 0 ? (size_t)asked->groups_names.count : 0;
    const int32_t *first = find_first(&request->arena, asked->groups_names.items, count);
    struct deleting *deleting = arena_alloc(&request->arena, sizeof *deleting);
    struct delete_groups_response_group *results = arena_alloc(&request->arena, count * sizeof *results);
    struct commit_call *calls = arena_alloc(&request->arena, count * sizeof *calls);
    if (first == NULL || deleting == NULL || results == NULL || calls == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    deleting->request = request;
    deleting->calls = calls;
    deleting->pending = 1;
    deleting->response.results.items = results;
    for (size_t i = 0; i < count; i++) {
        if (first[i] != (int32_t)i)
            continue;
        int32_t at = deleting->response.results.count++;
        results[at].group_id = asked->groups_names.items[i];
        calls[at] = (struct commit_call){.call = {.done = on_deleted, .context = deleting, .arena = &request->arena},
                                         .group_id = results[at].group_id};
        deleting->pending++;
        group_coordinator_delete(group_service_coordinator(groups), &calls[at], group_service_now(groups));
    }
    group_service_rearm(groups);
    end_one(deleting);
}

/* ---- OffsetDelete ---- */

struct offset_deleting {
    struct kafka_request *request;
    struct offset_delete_response response;
    struct commit_call deletion;
};

static void on_offsets_deleted(struct group_call *call)
{
    struct offset_deleting *deleting = call->context;
    const struct commit_partition *found = deleting->deletion.partitions;
    deleting->response.error_code = (int16_t)call->error;
    if (call->error != KAFKA_NONE)
        deleting->response.topics.count = 0;
    for (int32_t i = 0; i < deleting->response.topics.count; i++) {
        struct offset_delete_response_topic *topic = &deleting->response.topics.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++)
            topic->partitions.items[j].error_code = (int16_t)(found++)->error;
    }
    kafka_answer(deleting->request, &deleting->response);
}

static bool take_topic(struct offset_deleting *deleting, const struct offset_delete_request_topic *asked,
                       struct offset_delete_response_topic *answer)
{
    struct kafka_request *request = deleting->request;
    const struct topic *topic = topics_find(&request->server->topics, asked->name);
    size_t count = asked->partitions.count > 0 ? (size_t)asked->partitions.count : 0;
    *answer = (struct offset_delete_response_topic){.name = asked->name};
    answer->partitions.items = arena_alloc(&request->arena, count * sizeof *answer->partitions.items);
    if (answer->partitions.items == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        int32_t index = asked->partitions.items[i].partition_index;
        bool exists = topic != NULL && topic_partition(topic, index) != NULL;
        deleting->deletion.partitions[deleting->deletion.count++] = (struct commit_partition){
            .topic = asked->name, .partition = index, .error = exists ? KAFKA_NONE : KAFKA_UNKNOWN_TOPIC_OR_PARTITION};
        answer->partitions.items[answer->partitions.count++].partition_index = index;
    }
    return true;
}

void handle_offset_delete(struct kafka_request *request)
{
    const struct offset_delete_request *asked = request->message;
    struct group_service *groups = request->server->groups;
    size_t topics = asked->topics.count > 0 ? (size_t)asked->topics.count : 0, partitions = 1;
    for (size_t i = 0; i < topics; i++)
        partitions += asked->topics.items[i].partitions.count > 0 ? (size_t)asked->topics.items[i].partitions.count : 0;
    struct offset_deleting *deleting = arena_alloc(&request->arena, sizeof *deleting);
    struct offset_delete_response_topic *answers = arena_alloc(&request->arena, topics * sizeof *answers);
    struct commit_partition *list = arena_alloc(&request->arena, partitions * sizeof *list);
    bool ok = deleting != NULL && answers != NULL && list != NULL;
    if (ok) {
        deleting->request = request;
        deleting->response.topics.items = answers;
        deleting->deletion =
            (struct commit_call){.call = {.done = on_offsets_deleted, .context = deleting, .arena = &request->arena},
                                 .group_id = asked->group_id,
                                 .partitions = list};
    }
    for (size_t i = 0; ok && i < topics; i++)
        ok = take_topic(deleting, &asked->topics.items[i], &answers[deleting->response.topics.count++]);
    if (!ok) {
        kafka_close(request, "out of memory");
        return;
    }
    group_coordinator_delete_offsets(group_service_coordinator(groups), &deleting->deletion, group_service_now(groups));
    group_service_rearm(groups);
}
