/* Produce (key 0). acks 0 has no answer: an error closes the connection, so that the client hears of it. */
#include "container.h"
#include "kafka/produce_transaction.h"
#include "operations/operations.h"

#define FIRST_VERSION_BY_ID     13
#define FIRST_VERSION_WITH_ZSTD 7

struct produce {
    struct kafka_request *request;
    struct produce_transaction transaction;
    struct append_request append;
    struct append_part parts[]; /* in the request's order */
};

/* ---- the answer ---- */

static void fill_record_errors(struct arena *arena, const struct append_part *part,
                               struct produce_response_partition *answer)
{
    struct produce_response_record_error *errors =
        arena_alloc(arena, (size_t)part->record_error_count * sizeof *errors);
    if (errors == NULL)
        return; /* the partition's error says enough */
    for (int32_t i = 0; i < part->record_error_count; i++) {
        errors[i].batch_index = part->record_errors[i].index;
        errors[i].batch_index_error_message = part->record_errors[i].words;
    }
    answer->record_errors.items = errors;
    answer->record_errors.count = part->record_error_count;
}

static void fill_partition(struct arena *arena, const struct append_part *part, int32_t index,
                           struct produce_response_partition *answer)
{
    *answer = PRODUCE_RESPONSE_PARTITION_DEFAULTS;
    answer->index = index;
    answer->error_code = (int16_t)part->error;
    answer->base_offset = part->base_offset;
    answer->log_append_time_ms = part->log_append_time;
    answer->log_start_offset = part->log_start;
    answer->error_message = part->words;
    if (part->record_error_count != 0)
        fill_record_errors(arena, part, answer);
}

static bool fill_answer(struct produce *produce, struct produce_response *response)
{
    const struct produce_request *asked = produce->request->message;
    struct arena *arena = &produce->request->arena;
    const struct append_part *part = produce->parts;
    int32_t topics = asked->topic_data.count > 0 ? asked->topic_data.count : 0;
    response->responses.items = arena_alloc(arena, (size_t)topics * sizeof *response->responses.items);
    if (response->responses.items == NULL)
        return false;
    response->responses.count = topics;
    for (int32_t i = 0; i < topics; i++) {
        const struct produce_request_topic *topic = &asked->topic_data.items[i];
        struct produce_response_topic *answer = &response->responses.items[i];
        *answer = PRODUCE_RESPONSE_TOPIC_DEFAULTS;
        answer->name = topic->name;
        answer->topic_id = topic->topic_id;
        int32_t count = topic->partition_data.count > 0 ? topic->partition_data.count : 0;
        answer->partition_responses.items =
            arena_alloc(arena, (size_t)count * sizeof *answer->partition_responses.items);
        if (answer->partition_responses.items == NULL)
            return false;
        answer->partition_responses.count = count;
        for (int32_t j = 0; j < count; j++)
            fill_partition(arena, part++, topic->partition_data.items[j].index, &answer->partition_responses.items[j]);
    }
    return true;
}

static void finish_without_answer(struct produce *produce)
{
    for (int32_t i = 0; i < produce->append.part_count; i++) {
        if (produce->parts[i].error != KAFKA_NONE) {
            kafka_close(produce->request, kafka_error_name((int16_t)produce->parts[i].error));
            return;
        }
    }
    kafka_finish(produce->request);
}

static void on_appended(struct append_request *append)
{
    struct produce *produce = append->context;
    if (append->acks == APPEND_ACKS_NONE) {
        finish_without_answer(produce);
        return;
    }
    struct produce_response response = PRODUCE_RESPONSE_DEFAULTS;
    if (fill_answer(produce, &response))
        kafka_answer(produce->request, &response);
    else
        kafka_close(produce->request, "out of memory");
}

/* ---- the question ---- */

/* KAFKA_NONE, or what holds for every partition of the request. */
static enum kafka_error read_acks(const struct produce_request *asked, enum append_acks *acks)
{
    switch (asked->acks) {
    case 0:
        *acks = APPEND_ACKS_NONE;
        return KAFKA_NONE;
    case 1:
        *acks = APPEND_ACKS_LEADER;
        return KAFKA_NONE;
    case -1:
        *acks = APPEND_ACKS_ALL;
        return KAFKA_NONE;
    default:
        *acks = APPEND_ACKS_LEADER;
        return KAFKA_INVALID_REQUIRED_ACKS;
    }
}

static enum kafka_error find_topic(const struct kafka_request *request, const struct produce_request_topic *asked,
                                   struct topic **topic)
{
    const struct topics *topics = &request->server->topics;
    bool by_id = request->version >= FIRST_VERSION_BY_ID;
    *topic = by_id ? topics_find_id(topics, asked->topic_id) : topics_find(topics, asked->name);
    if (*topic == NULL)
        return by_id ? KAFKA_UNKNOWN_TOPIC_ID : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    return (*topic)->is_internal ? KAFKA_INVALID_TOPIC_EXCEPTION : KAFKA_NONE;
}

static void ask_partition(struct append_part *part, const struct topic *topic, enum kafka_error error,
                          const struct produce_request_partition *asked)
{
    part->error = error;
    if (error != KAFKA_NONE)
        return;
    part->partition = topic_partition(topic, asked->index);
    if (part->partition == NULL) {
        part->error = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        return;
    }
    /* Records lie in the request's own buffer, which is the server's to write to: offsets are stamped in place. */
    part->batch = (uint8_t *)(uintptr_t)asked->records.data;
    part->size = asked->records.size;
}

static int32_t count_partitions(const struct produce_request *asked)
{
    int32_t count = 0;
    for (int32_t i = 0; i < asked->topic_data.count; i++)
        count +=
            asked->topic_data.items[i].partition_data.count > 0 ? asked->topic_data.items[i].partition_data.count : 0;
    return count;
}

static void append(struct produce_transaction *transaction)
{
    struct produce *produce = CONTAINER_OF(transaction, struct produce, transaction);
    append_start(produce->request->server->appends, &produce->append);
}

void handle_produce(struct kafka_request *request)
{
    const struct produce_request *asked = request->message;
    int32_t count = count_partitions(asked);
    struct produce *produce = arena_alloc(&request->arena, sizeof *produce + (size_t)count * sizeof produce->parts[0]);
    if (produce == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    produce->request = request;
    produce->append = (struct append_request){
        .parts = produce->parts,
        .part_count = count,
        .refuse_zstd = request->version < FIRST_VERSION_WITH_ZSTD,
        .arena = &request->arena,
        .done = on_appended,
        .context = produce,
    };
    enum kafka_error error = read_acks(asked, &produce->append.acks);
    struct append_part *part = produce->parts;
    for (int32_t i = 0; i < asked->topic_data.count; i++) {
        const struct produce_request_topic *topic_data = &asked->topic_data.items[i];
        struct topic *topic = NULL;
        enum kafka_error topic_error = error != KAFKA_NONE ? error : find_topic(request, topic_data, &topic);
        for (int32_t j = 0; j < topic_data->partition_data.count; j++)
            ask_partition(part++, topic, topic_error, &topic_data->partition_data.items[j]);
    }
    kafka_request_count(request);
    produce->transaction =
        (struct produce_transaction){.request = request, .parts = produce->parts, .count = count, .done = append};
    produce_transaction_start(&produce->transaction);
}
