/* AddPartitionsToTxn (key 24). From version 4 on brokers ask, for several transactions, and may only want to know
 * whether the partitions are in (KIP-890). One partition that is not there refuses all of its transaction.
 *
 * While the transaction before is still being ended, Kafka answers CONCURRENT_TRANSACTIONS at once, and the producer
 * asks again a pause later. Here it is answered when it can be. */
#include "container.h"
#include "kafka/request.h"
#include "kafka/transaction_errors.h"
#include "operations/transactions.h"

#define BATCHED 4

struct adding;

struct adding_one {
    struct transaction_add add;
    struct adding *adding;
    struct transaction_partition *partitions;
    struct add_partitions_to_txn_response_topic_array results;
};

struct adding {
    struct kafka_request *request;
    struct adding_one *all;
    int32_t count;
    int32_t pending;
};

/* ---- the answer ---- */

static void finish(struct adding *adding)
{
    struct kafka_request *request = adding->request;
    struct add_partitions_to_txn_response response = {.throttle_time_ms = 0};
    if (request->version < BATCHED) {
        response.results_by_topic_v3_and_below = adding->all[0].results;
        kafka_answer(request, &response);
        return;
    }
    response.results_by_transaction.items =
        arena_alloc(&request->arena, (size_t)adding->count * sizeof *response.results_by_transaction.items);
    if (response.results_by_transaction.items == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    response.results_by_transaction.count = adding->count;
    for (int32_t i = 0; i < adding->count; i++) {
        response.results_by_transaction.items[i] = (struct add_partitions_to_txn_response_transaction){
            .transactional_id = adding->all[i].add.transactional_id, .topic_results = adding->all[i].results};
    }
    kafka_answer(request, &response);
}

static void answered(struct adding *adding)
{
    if (--adding->pending == 0)
        finish(adding);
}

typedef enum kafka_error part_judge(const struct adding_one *one, const struct transaction_partition *partition);

static void fill_results(struct adding_one *one, part_judge *judge)
{
    const struct transaction_partition *partition = one->partitions;
    for (int32_t i = 0; i < one->results.count; i++) {
        struct add_partitions_to_txn_response_topic *topic = &one->results.items[i];
        for (int32_t j = 0; j < topic->results_by_partition.count; j++)
            topic->results_by_partition.items[j].partition_error_code =
                transaction_error_code(judge(one, partition++), one->adding->request->version);
    }
}

static enum kafka_error judge_added(const struct adding_one *one, const struct transaction_partition *partition)
{
    (void)partition;
    return one->add.call.error;
}

static void on_added(struct transaction_call *call)
{
    struct adding_one *one = CONTAINER_OF(CONTAINER_OF(call, struct transaction_add, call), struct adding_one, add);
    fill_results(one, judge_added);
    answered(one->adding);
}

/* ---- what is asked ---- */

static bool exists(const struct adding_one *one, const struct transaction_partition *partition)
{
    const struct topic *topic = topics_find(&one->adding->request->server->topics, partition->topic);
    return topic != NULL && topic_partition(topic, partition->partition) != NULL;
}

/* Kafka's clients have no business in its own topics. */
static bool is_forbidden(const struct adding_one *one, const struct transaction_partition *partition)
{
    const struct topic *topic = topics_find(&one->adding->request->server->topics, partition->topic);
    return one->adding->request->version < BATCHED && topic != NULL && topic->is_internal;
}

static enum kafka_error judge_missing(const struct adding_one *one, const struct transaction_partition *partition)
{
    if (is_forbidden(one, partition))
        return KAFKA_TOPIC_AUTHORIZATION_FAILED;
    return exists(one, partition) ? KAFKA_OPERATION_NOT_ATTEMPTED : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
}

static enum kafka_error judge_verified(const struct adding_one *one, const struct transaction_partition *partition)
{
    const struct transaction_add *add = &one->add;
    return transaction_service_verify(one->adding->request->server->transactions, add->transactional_id,
                                      add->producer_id, add->producer_epoch, partition->topic, partition->partition);
}

static bool are_all_there(const struct adding_one *one)
{
    for (size_t i = 0; i < one->add.count; i++) {
        if (!exists(one, &one->partitions[i]) || is_forbidden(one, &one->partitions[i]))
            return false;
    }
    return true;
}

static void start_one(struct adding_one *one, bool verifies)
{
    bool is_possible = are_all_there(one);
    if (is_possible && !verifies) {
        transaction_service_add(one->adding->request->server->transactions, &one->add);
        return;
    }
    fill_results(one, is_possible ? judge_verified : judge_missing);
    answered(one->adding);
}

/* ---- taking the request apart ---- */

static size_t count_partitions(const struct add_partitions_to_txn_request_topic_array *topics)
{
    size_t count = 0;
    for (int32_t i = 0; i < topics->count; i++)
        count += topics->items[i].partitions.count > 0 ? (size_t)topics->items[i].partitions.count : 0;
    return count;
}

static bool take_topic(struct adding_one *one, const struct add_partitions_to_txn_request_topic *asked)
{
    struct add_partitions_to_txn_response_topic *result = &one->results.items[one->results.count++];
    size_t count = asked->partitions.count > 0 ? (size_t)asked->partitions.count : 0;
    *result = (struct add_partitions_to_txn_response_topic){.name = asked->name};
    result->results_by_partition.items =
        arena_alloc(&one->adding->request->arena, count * sizeof *result->results_by_partition.items);
    if (result->results_by_partition.items == NULL)
        return false;
    result->results_by_partition.count = (int32_t)count;
    for (size_t i = 0; i < count; i++) {
        int32_t partition = asked->partitions.items[i];
        result->results_by_partition.items[i].partition_index = partition;
        one->partitions[one->add.count++] =
            (struct transaction_partition){.topic = asked->name, .partition = partition};
    }
    return true;
}

static bool take_one(struct adding *adding, struct adding_one *one,
                     const struct add_partitions_to_txn_request_transaction *asked)
{
    struct arena *arena = &adding->request->arena;
    size_t count = asked->topics.count > 0 ? (size_t)asked->topics.count : 0;
    one->adding = adding;
    one->partitions = arena_alloc(arena, count_partitions(&asked->topics) * sizeof *one->partitions);
    one->results.items = arena_alloc(arena, count * sizeof *one->results.items);
    one->add = (struct transaction_add){.call = {.done = on_added, .context = adding->request},
                                        .transactional_id = asked->transactional_id,
                                        .producer_id = asked->producer_id,
                                        .producer_epoch = asked->producer_epoch,
                                        .waits = true,
                                        .partitions = one->partitions};
    bool ok = one->partitions != NULL && one->results.items != NULL;
    for (size_t i = 0; ok && i < count; i++)
        ok = take_topic(one, &asked->topics.items[i]);
    return ok;
}

void handle_add_partitions_to_txn(struct kafka_request *request)
{
    const struct add_partitions_to_txn_request *asked = request->message;
    struct add_partitions_to_txn_request_transaction old = {.transactional_id = asked->v3_and_below_transactional_id,
                                                            .producer_id = asked->v3_and_below_producer_id,
                                                            .producer_epoch = asked->v3_and_below_producer_epoch,
                                                            .topics = asked->v3_and_below_topics};
    bool is_batched = request->version >= BATCHED;
    const struct add_partitions_to_txn_request_transaction *transactions =
        is_batched ? asked->transactions.items : &old;
    int32_t count = is_batched ? asked->transactions.count : 1;
    count = count > 0 ? count : 0;
    struct adding *adding = arena_alloc(&request->arena, sizeof *adding);
    struct adding_one *all = arena_alloc(&request->arena, (size_t)count * sizeof *all);
    bool ok = adding != NULL && all != NULL;
    if (ok)
        *adding = (struct adding){.request = request, .all = all, .count = count, .pending = count + 1};
    for (int32_t i = 0; ok && i < count; i++)
        ok = take_one(adding, &all[i], &transactions[i]);
    if (!ok) {
        kafka_close(request, "out of memory");
        return;
    }
    kafka_request_count(request);
    for (int32_t i = 0; i < count; i++)
        start_one(&all[i], is_batched && transactions[i].verify_only);
    answered(adding);
}
