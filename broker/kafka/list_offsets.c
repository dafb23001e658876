/* ListOffsets (key 2). Timestamps -1 … -6 are KIP-79's, KIP-734's and KIP-405's; isolation 1 ends at the last stable
 * offset (KIP-98). */
#include "kafka/request.h"
#include "operations/operations.h"
#include "operations/repeated.h"

struct list_offsets {
    struct kafka_request *request;
    struct list_offsets_response response;
    struct find_group group;
    const bool *repeated; /* of each partition, in the request's order */
    int32_t asked;        /* partitions looked at */
    int32_t pending;      /* searches, and one while they are started */
};

struct search {
    struct find_offset find;
    struct list_offsets *list;
    struct list_offsets_response_partition *answer;
};

static void end_one(struct list_offsets *list)
{
    if (--list->pending == 0)
        kafka_answer(list->request, &list->response);
}

static void on_found(struct find_offset *find)
{
    struct search *search = find->context;
    search->answer->error_code = (int16_t)find->error;
    search->answer->offset = find->offset;
    search->answer->timestamp = find->found_timestamp;
    search->answer->leader_epoch = find->leader_epoch;
    end_one(search->list);
}

/* The special timestamps came one by one. */
static bool is_served(int64_t timestamp, int16_t version)
{
    switch (timestamp) {
    case FIND_LATEST:
    case FIND_EARLIEST:
        return true;
    case FIND_MAX_TIMESTAMP:
        return version >= 7;
    case FIND_EARLIEST_LOCAL:
        return version >= 8;
    case FIND_LATEST_TIERED:
        return version >= 9;
    case FIND_EARLIEST_PENDING_UPLOAD:
        return version >= 11;
    default:
        return timestamp >= 0;
    }
}

static enum kafka_error check(const struct kafka_request *request, const struct partition *partition,
                              const struct list_offsets_request_partition *asked)
{
    if (partition == NULL)
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    if (!is_served(asked->timestamp, request->version))
        return KAFKA_UNSUPPORTED_VERSION;
    return partition->log != NULL ? find_epoch_error(partition->log, asked->current_leader_epoch) : KAFKA_NONE;
}

static void ask_partition(struct list_offsets *list, const struct topic *topic,
                          const struct list_offsets_request_partition *asked,
                          struct list_offsets_response_partition *answer)
{
    struct kafka_request *request = list->request;
    *answer = LIST_OFFSETS_RESPONSE_PARTITION_DEFAULTS;
    answer->partition_index = asked->partition_index;
    struct partition *partition = topic != NULL ? topic_partition(topic, asked->partition_index) : NULL;
    enum kafka_error error = list->repeated[list->asked++] ? KAFKA_INVALID_REQUEST : check(request, partition, asked);
    struct search *search = error == KAFKA_NONE ? arena_alloc(&request->arena, sizeof *search) : NULL;
    if (search == NULL) {
        answer->error_code = (int16_t)(error != KAFKA_NONE ? error : KAFKA_KAFKA_STORAGE_ERROR);
        return;
    }
    search->list = list;
    search->answer = answer;
    search->find.group = &list->group;
    search->find.partition = partition;
    search->find.timestamp = asked->timestamp;
    search->find.committed = ((const struct list_offsets_request *)request->message)->isolation_level == 1;
    search->find.done = on_found;
    search->find.context = search;
    list->pending++;
    find_offset_start(request->server->operations, &search->find);
}

static bool ask_topic(struct list_offsets *list, const struct list_offsets_request_topic *asked,
                      struct list_offsets_response_topic *answer)
{
    size_t count = asked->partitions.count > 0 ? (size_t)asked->partitions.count : 0;
    *answer = LIST_OFFSETS_RESPONSE_TOPIC_DEFAULTS;
    answer->name = asked->name;
    answer->partitions.items = arena_alloc(&list->request->arena, count * sizeof *answer->partitions.items);
    if (answer->partitions.items == NULL)
        return false;
    answer->partitions.count = (int32_t)count;
    const struct topic *topic = topics_find(&list->request->server->topics, asked->name);
    for (size_t i = 0; i < count; i++)
        ask_partition(list, topic, &asked->partitions.items[i], &answer->partitions.items[i]);
    return true;
}

static const bool *find_repeated(struct arena *arena, const struct list_offsets_request *asked)
{
    int32_t count = 0;
    for (int32_t i = 0; i < asked->topics.count; i++)
        count += asked->topics.items[i].partitions.count > 0 ? asked->topics.items[i].partitions.count : 0;
    struct repeated_partition *partitions = arena_alloc(arena, (size_t)count * sizeof *partitions);
    bool *repeated = arena_alloc(arena, (size_t)count * sizeof *repeated);
    if (partitions == NULL || repeated == NULL)
        return NULL;
    struct repeated_partition *next = partitions;
    for (int32_t i = 0; i < asked->topics.count; i++) {
        const struct list_offsets_request_topic *topic = &asked->topics.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++)
            *next++ = (struct repeated_partition){topic->name, topic->partitions.items[j].partition_index};
    }
    const int32_t *first = repeated_find_first(arena, partitions, count);
    for (int32_t i = 0; first != NULL && i < count; i++) {
        if (first[i] != i)
            repeated[i] = repeated[first[i]] = true;
    }
    return first != NULL ? repeated : NULL;
}

void handle_list_offsets(struct kafka_request *request)
{
    const struct list_offsets_request *asked = request->message;
    size_t count = asked->topics.count > 0 ? (size_t)asked->topics.count : 0;
    struct list_offsets *list = arena_alloc(&request->arena, sizeof *list);
    struct list_offsets_response_topic *topics = arena_alloc(&request->arena, count * sizeof *topics);
    const bool *repeated = find_repeated(&request->arena, asked);
    if (list == NULL || topics == NULL || repeated == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    list->request = request;
    list->repeated = repeated;
    find_group_init(&list->group);
    list->response = LIST_OFFSETS_RESPONSE_DEFAULTS;
    list->response.topics.items = topics;
    list->pending = 1;
    for (size_t i = 0; i < count; i++) {
        if (!ask_topic(list, &asked->topics.items[i], &topics[i]))
            break; /* what the arena refused is missing in the answer: the client asks again */
        list->response.topics.count++;
    }
    kafka_request_count(request);
    end_one(list);
}
