/* OffsetFetch (key 9). Version 2 on: no list of topics asks for all. Version 8 on asks for several groups (KIP-709),
 * version 10 on names topics by their ids. A group that is not there has committed nothing. */
#include "kafka/request.h"
#include "operations/groups.h"

#define GROUP_ERROR    2 /* before, each partition has it */
#define SEVERAL_GROUPS 8
#define MEMBER_EPOCHS  9 /* KIP-848 */
#define TOPIC_IDS      10

typedef struct offset_fetch_response_group_topic answer_topic;
typedef struct offset_fetch_response_group_partition answer_partition;

struct fetching {
    struct kafka_request *request;
    const struct committed_offsets *offsets; /* NULL: the group is not there */
    enum kafka_error error;                  /* the group's */
    bool require_stable;
};

static void fill(answer_partition *answer, int32_t index, const struct committed_offset *committed)
{
    *answer = OFFSET_FETCH_RESPONSE_GROUP_PARTITION_DEFAULTS;
    answer->partition_index = index;
    answer->committed_offset = committed != NULL ? committed->offset : -1;
    answer->committed_leader_epoch = committed != NULL ? committed->leader_epoch : -1;
    answer->metadata = committed != NULL ? committed->metadata : slice_of_text("");
}

/* A transaction may yet change it: whoever asked for what is final asks again. */
static void refuse_unstable(const struct fetching *fetching, slice topic, answer_partition *answer)
{
    if (!fetching->require_stable || !committed_offsets_is_pending(fetching->offsets, topic, answer->partition_index))
        return;
    answer->committed_offset = answer->committed_leader_epoch = -1;
    answer->metadata = slice_of_text("");
    answer->error_code = KAFKA_UNSTABLE_OFFSET_COMMIT;
}

static bool fetch_topic(const struct fetching *fetching, slice name, struct uuid id, const struct int32_array *indexes,
                        answer_topic *answer)
{
    struct kafka_request *request = fetching->request;
    bool by_id = request->version >= TOPIC_IDS;
    const struct topic *topic = by_id ? topics_find_id(&request->server->topics, id) : NULL;
    size_t count = indexes->count > 0 ? (size_t)indexes->count : 0;
    *answer = (answer_topic){.name = name, .topic_id = id};
    answer->partitions.items = arena_alloc(&request->arena, count * sizeof *answer->partitions.items);
    if (answer->partitions.items == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct committed_offset *committed = NULL;
        bool is_known = fetching->offsets != NULL && (!by_id || topic != NULL);
        slice known = by_id && topic != NULL ? topic_name(topic) : name;
        if (is_known)
            committed = committed_offsets_find(fetching->offsets, known, indexes->items[i]);
        answer_partition *partition = &answer->partitions.items[answer->partitions.count++];
        fill(partition, indexes->items[i], committed);
        partition->error_code = (int16_t)fetching->error;
        if (is_known)
            refuse_unstable(fetching, known, partition);
        if (by_id && topic == NULL)
            partition->error_code = KAFKA_UNKNOWN_TOPIC_ID;
    }
    return true;
}

/* What is committed for a topic that is gone cannot be named by an id. */
static bool fetch_all(const struct fetching *fetching, struct offset_fetch_response_group *answer)
{
    struct kafka_request *request = fetching->request;
    uint32_t count = fetching->offsets != NULL ? fetching->offsets->topic_count : 0;
    answer->topics.items = arena_alloc(&request->arena, count * sizeof *answer->topics.items);
    if (answer->topics.items == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        const struct committed_topic *committed = fetching->offsets->topics[i];
        const struct topic *topic = topics_find(&request->server->topics, committed->name);
        if (committed->is_going || (topic == NULL && request->version >= TOPIC_IDS))
            continue;
        answer_topic *to = &answer->topics.items[answer->topics.count++];
        *to = (answer_topic){.name = committed->name};
        if (topic != NULL)
            to->topic_id = topic->id;
        to->partitions.items = arena_alloc(&request->arena, committed->count * sizeof *to->partitions.items);
        if (to->partitions.items == NULL)
            return false;
        for (uint32_t j = 0; j < committed->count; j++) {
            const struct committed_partition *partition = &committed->partitions[j];
            if (!partition->has_value)
                continue;
            answer_partition *filled = &to->partitions.items[to->partitions.count++];
            fill(filled, partition->partition, &partition->value);
            refuse_unstable(fetching, committed->name, filled);
        }
        if (to->partitions.count == 0) /* what is on its way to the log alone */
            answer->topics.count--;
    }
    return true;
}

static const struct group *find_group(struct kafka_request *request, slice group_id)
{
    return group_coordinator_find(group_service_coordinator(request->server->groups), group_id);
}

static const struct committed_offsets *find_offsets(struct kafka_request *request, slice group_id)
{
    const struct group *group = find_group(request, group_id);
    return group != NULL ? group_offsets(group) : NULL;
}

static bool fetch_group(struct kafka_request *request, const struct offset_fetch_request_group *asked,
                        struct offset_fetch_response_group *answer)
{
    const struct offset_fetch_request *message = request->message;
    struct fetching fetching = {.request = request,
                                .offsets = find_offsets(request, asked->group_id),
                                .require_stable = message->require_stable};
    *answer = (struct offset_fetch_response_group){.group_id = asked->group_id};
    if (!group_coordinator_available(group_service_coordinator(request->server->groups)))
        fetching.error = KAFKA_NOT_COORDINATOR;
    else if (fetching.offsets != NULL && request->version >= MEMBER_EPOCHS)
        fetching.error = group_check_fetch(find_group(request, asked->group_id), asked->member_id, asked->member_epoch);
    answer->error_code = (int16_t)fetching.error;
    if (fetching.error != KAFKA_NONE && request->version >= GROUP_ERROR)
        return true;
    if (asked->topics.count < 0)
        return fetch_all(&fetching, answer);
    answer->topics.items = arena_alloc(&request->arena, (size_t)asked->topics.count * sizeof *answer->topics.items);
    if (answer->topics.items == NULL)
        return false;
    for (int32_t i = 0; i < asked->topics.count; i++) {
        const struct offset_fetch_request_group_topic *topic = &asked->topics.items[i];
        if (!fetch_topic(&fetching, topic->name, topic->topic_id, &topic->partition_indexes,
                         &answer->topics.items[answer->topics.count++]))
            return false;
    }
    return true;
}

/* The older form, of one group, is the newer one's with other names. */
static bool fetch_one(struct kafka_request *request, struct offset_fetch_response *response)
{
    const struct offset_fetch_request *asked = request->message;
    struct offset_fetch_request_group group = {.group_id = asked->group_id};
    struct offset_fetch_response_group found;
    group.topics.count = asked->topics.count;
    size_t count = asked->topics.count > 0 ? (size_t)asked->topics.count : 0;
    group.topics.items = arena_alloc(&request->arena, count * sizeof *group.topics.items);
    if (group.topics.items == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        group.topics.items[i] = (struct offset_fetch_request_group_topic){
            .name = asked->topics.items[i].name, .partition_indexes = asked->topics.items[i].partition_indexes};
    if (!fetch_group(request, &group, &found))
        return false;
    response->error_code = found.error_code;
    response->topics.items = arena_alloc(&request->arena, (size_t)found.topics.count * sizeof *response->topics.items);
    if (response->topics.items == NULL)
        return false;
    for (int32_t i = 0; i < found.topics.count; i++) {
        const answer_topic *from = &found.topics.items[i];
        struct offset_fetch_response_topic *to = &response->topics.items[response->topics.count++];
        *to = (struct offset_fetch_response_topic){.name = from->name};
        to->partitions.items =
            arena_alloc(&request->arena, (size_t)from->partitions.count * sizeof *to->partitions.items);
        if (to->partitions.items == NULL)
            return false;
        for (int32_t j = 0; j < from->partitions.count; j++) {
            const answer_partition *partition = &from->partitions.items[j];
            to->partitions.items[to->partitions.count++] =
                (struct offset_fetch_response_partition){.partition_index = partition->partition_index,
                                                         .committed_offset = partition->committed_offset,
                                                         .committed_leader_epoch = partition->committed_leader_epoch,
                                                         .metadata = partition->metadata,
                                                         .error_code = partition->error_code};
        }
    }
    return true;
}

void handle_offset_fetch(struct kafka_request *request)
{
    const struct offset_fetch_request *asked = request->message;
    struct offset_fetch_response response = {.error_code = KAFKA_NONE};
    bool ok = true;
    if (request->version < SEVERAL_GROUPS) {
        ok = fetch_one(request, &response);
    } else {
        size_t count = asked->groups.count > 0 ? (size_t)asked->groups.count : 0;
        response.groups.items = arena_alloc(&request->arena, count * sizeof *response.groups.items);
        ok = response.groups.items != NULL;
        for (size_t i = 0; ok && i < count; i++)
            ok = fetch_group(request, &asked->groups.items[i], &response.groups.items[response.groups.count++]);
    }
    if (ok)
        kafka_answer(request, &response);
    else
        kafka_close(request, "out of memory");
}
