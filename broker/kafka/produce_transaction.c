#include "kafka/produce_transaction.h"

#include "container.h"
#include "kafka/transactional.h"

#define FIRST_VERSION_ABORTABLE 11
#define FIRST_VERSION_ADDS      12
#define NO_PRODUCER             (-1)

static enum transactional_version version_of(const struct kafka_request *request)
{
    if (request->version >= FIRST_VERSION_ADDS)
        return TRANSACTIONAL_ADDS;
    return request->version >= FIRST_VERSION_ABORTABLE ? TRANSACTIONAL_ABORTABLE : TRANSACTIONAL_FIRST;
}

/* What is no batch at all is refused when it is appended. */
static bool is_transactional(const struct append_part *part, struct batch_header *header)
{
    return part->partition != NULL && batch_parse_header(slice_of(part->batch, part->size), header, NULL) == 0 &&
           batch_is_transactional(header) && batch_has_producer(header);
}

static void refuse(struct append_part *part, enum kafka_error error)
{
    part->error = error;
    part->partition = NULL;
}

/* The one producer of all transactional batches; how many these are. KAFKA_NONE, or what holds for every partition. */
static enum kafka_error find_producer(struct produce_transaction *transaction, size_t *count)
{
    const struct produce_request *asked = transaction->request->message;
    struct transaction_add *add = &transaction->add;
    struct batch_header header;
    *count = 0;
    add->producer_id = NO_PRODUCER;
    for (int32_t i = 0; i < transaction->count; i++) {
        if (!is_transactional(&transaction->parts[i], &header))
            continue;
        if (slice_is_null(asked->transactional_id))
            return KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
        if (++*count > 1 && (header.producer_id != add->producer_id || header.producer_epoch != add->producer_epoch))
            return KAFKA_INVALID_PRODUCER_ID_MAPPING;
        add->producer_id = header.producer_id;
        add->producer_epoch = header.producer_epoch;
    }
    return KAFKA_NONE;
}

/* ---- verified, at once ---- */

static void verify(struct produce_transaction *transaction)
{
    const struct produce_request *asked = transaction->request->message;
    const struct transaction_service *service = transaction->request->server->transactions;
    enum transactional_version version = version_of(transaction->request);
    struct batch_header header;
    for (int32_t i = 0; i < transaction->count; i++) {
        struct append_part *part = &transaction->parts[i];
        if (!is_transactional(part, &header))
            continue;
        enum kafka_error error =
            transaction_service_verify(service, asked->transactional_id, header.producer_id, header.producer_epoch,
                                       topic_name(part->partition->topic), part->partition->index);
        part->in_transaction = error == KAFKA_NONE;
        if (error != KAFKA_NONE)
            refuse(part, transactional_error(error, version));
    }
    transaction->done(transaction);
}

/* ---- added ---- */

static void judge(struct append_part *part, enum kafka_error error)
{
    struct batch_header header;
    bool joins = is_transactional(part, &header);
    part->in_transaction = joins && error == KAFKA_NONE;
    if (part->partition->topic->is_deleted)
        refuse(part, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    else if (joins && error != KAFKA_NONE)
        refuse(part, error);
}

/* While partitions wait to join, their topics are held. */
static void on_added(struct transaction_call *call)
{
    struct transaction_add *add = CONTAINER_OF(call, struct transaction_add, call);
    struct produce_transaction *transaction = CONTAINER_OF(add, struct produce_transaction, add);
    struct topics *topics = &transaction->request->server->topics;
    for (int32_t i = 0; i < transaction->count; i++) {
        struct append_part *part = &transaction->parts[i];
        struct topic *topic = part->partition != NULL ? part->partition->topic : NULL;
        if (topic == NULL)
            continue;
        judge(part, transactional_error(call->error, TRANSACTIONAL_ADDS));
        if (part->partition == NULL)
            topic_release(topics, topic);
    }
    transaction->done(transaction);
    for (int32_t i = 0; i < transaction->count; i++) {
        if (transaction->parts[i].partition != NULL)
            topic_release(topics, transaction->parts[i].partition->topic);
    }
}

static void add_partitions(struct produce_transaction *transaction, size_t count)
{
    struct kafka_request *request = transaction->request;
    const struct produce_request *asked = request->message;
    struct transaction_partition *partitions = arena_alloc(&request->arena, count * sizeof *partitions);
    if (partitions == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    struct transaction_add *add = &transaction->add;
    struct batch_header header;
    for (int32_t i = 0; i < transaction->count; i++) {
        const struct partition *partition = transaction->parts[i].partition;
        if (partition == NULL)
            continue;
        topic_hold(partition->topic);
        if (is_transactional(&transaction->parts[i], &header))
            partitions[add->count++] =
                (struct transaction_partition){.topic = topic_name(partition->topic), .partition = partition->index};
    }
    add->call = (struct transaction_call){.done = on_added};
    add->transactional_id = asked->transactional_id;
    add->protocol = TRANSACTION_EPOCHS;
    add->waits = true;
    add->partitions = partitions;
    transaction_service_add(request->server->transactions, add);
}

void produce_transaction_start(struct produce_transaction *transaction)
{
    size_t count;
    transaction->add = (struct transaction_add){0};
    enum kafka_error error = find_producer(transaction, &count);
    for (int32_t i = 0; error != KAFKA_NONE && i < transaction->count; i++)
        refuse(&transaction->parts[i], error);
    if (error != KAFKA_NONE || count == 0)
        transaction->done(transaction);
    else if (version_of(transaction->request) != TRANSACTIONAL_ADDS)
        verify(transaction);
    else
        add_partitions(transaction, count);
}
