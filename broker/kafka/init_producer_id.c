/* InitProducerId (key 22). A producer without a transactional id gets a new producer id each time, at epoch 0, whatever
 * it held before: what it wrote under the old one stays as it is. */
#include "kafka/request.h"
#include "operations/failure.h"
#include "operations/operations.h"

#define NO_PRODUCER_ID    (-1)
#define NO_PRODUCER_EPOCH (-1)

static void answer(struct kafka_request *request, enum kafka_error error, int64_t producer_id)
{
    struct init_producer_id_response response = INIT_PRODUCER_ID_RESPONSE_DEFAULTS;
    response.error_code = (int16_t)error;
    response.producer_id = producer_id;
    response.producer_epoch = error == KAFKA_NONE ? 0 : NO_PRODUCER_EPOCH;
    kafka_answer(request, &response);
}

static void on_taken(struct producer_id_request *taken, int status, int64_t producer_id)
{
    /* Kafka's own answer while it cannot reserve a block: clients try again. */
    answer(taken->context, status == 0 ? KAFKA_NONE : KAFKA_COORDINATOR_LOAD_IN_PROGRESS, producer_id);
}

static enum kafka_error check(const struct init_producer_id_request *asked)
{
    if (!slice_is_null(asked->transactional_id))
        return asked->transactional_id.size == 0 ? KAFKA_INVALID_REQUEST : KAFKA_COORDINATOR_NOT_AVAILABLE;
    if ((asked->producer_id == NO_PRODUCER_ID) != (asked->producer_epoch == NO_PRODUCER_EPOCH))
        return KAFKA_INVALID_REQUEST;
    return KAFKA_NONE;
}

void handle_init_producer_id(struct kafka_request *request)
{
    enum kafka_error error = check(request->message);
    if (error != KAFKA_NONE) {
        answer(request, error, NO_PRODUCER_ID);
        return;
    }
    struct producer_id_request *taken = arena_alloc(&request->arena, sizeof *taken);
    if (taken == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    taken->done = on_taken;
    taken->context = request;
    producer_ids_take(request->server->producer_ids, taken);
}
