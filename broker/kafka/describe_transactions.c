/* DescribeTransactions (key 65, KIP-664). */
#include "kafka/request.h"
#include "operations/transactions.h"

/* Copied, so that whoever asks for a transaction again and again meets the bound of the request's memory. */
static bool fill_partitions(struct arena *arena, const struct transaction_topic *topic,
                            struct describe_transactions_response_topic *answer)
{
    size_t size = (size_t)topic->count * sizeof *topic->partitions;
    *answer = (struct describe_transactions_response_topic){.topic = topic->name};
    answer->partitions.items = arena_alloc(arena, size);
    if (answer->partitions.items == NULL)
        return false;
    answer->partitions.count = topic->count;
    memcpy(answer->partitions.items, topic->partitions, size);
    return true;
}

static bool fill_topics(struct kafka_request *request, const struct transaction_partitions *partitions,
                        struct describe_transactions_response_transaction *answer)
{
    size_t count = (size_t)partitions->topic_count;
    answer->topics.items = arena_alloc(&request->arena, count * sizeof *answer->topics.items);
    if (answer->topics.items == NULL)
        return false;
    answer->topics.count = partitions->topic_count;
    for (size_t i = 0; i < count; i++) {
        if (!fill_partitions(&request->arena, partitions->topics[i], &answer->topics.items[i]))
            return false;
    }
    return true;
}

static bool describe(struct kafka_request *request, slice id, struct describe_transactions_response_transaction *answer)
{
    const struct transaction_coordinator *coordinator = transaction_service_coordinator(request->server->transactions);
    const struct transaction *transaction = transaction_coordinator_find(coordinator, id);
    *answer = (struct describe_transactions_response_transaction){.transactional_id = id,
                                                                  .transaction_state = slice_of_text("")};
    if (id.size == 0)
        answer->error_code = KAFKA_INVALID_REQUEST;
    else if (!transaction_coordinator_available(coordinator))
        answer->error_code = KAFKA_COORDINATOR_NOT_AVAILABLE;
    else if (transaction == NULL || transaction_values(transaction)->producer_epoch < 0)
        answer->error_code = KAFKA_TRANSACTIONAL_ID_NOT_FOUND;
    if (answer->error_code != KAFKA_NONE)
        return true;
    const struct transaction_values *values = transaction_values(transaction);
    answer->transaction_state = slice_of_text(transaction_state_text(values->state));
    answer->transaction_timeout_ms = values->timeout_ms;
    answer->transaction_start_time_ms = values->started_at;
    answer->producer_id = values->producer_id;
    answer->producer_epoch = values->producer_epoch;
    return fill_topics(request, transaction_partitions(transaction), answer);
}

void handle_describe_transactions(struct kafka_request *request)
{
    const struct describe_transactions_request *asked = request->message;
    struct describe_transactions_response response = {.throttle_time_ms = 0};
    int32_t count = asked->transactional_ids.count > 0 ? asked->transactional_ids.count : 0;
    response.transaction_states.items =
        arena_alloc(&request->arena, (size_t)count * sizeof *response.transaction_states.items);
    bool ok = response.transaction_states.items != NULL;
    for (int32_t i = 0; ok && i < count; i++)
        ok = describe(request, asked->transactional_ids.items[i],
                      &response.transaction_states.items[response.transaction_states.count++]);
    if (ok)
        kafka_answer(request, &response);
    else
        kafka_close(request, "out of memory");
}
