/* InitProducerId (key 22). A producer without a transactional id gets a new producer id each time, at epoch 0, whatever
 * it held before: what it wrote under the old one stays as it is. With one, its coordinator answers. */
#include "container.h"
#include "kafka/request.h"
#include "operations/producer_ids.h"
#include "operations/transactions.h"

#define NO_PRODUCER_ID    (-1)
#define NO_PRODUCER_EPOCH (-1)
#define FENCED            4 /* the first version that knows PRODUCER_FENCED */

static void answer(struct kafka_request *request, enum kafka_error error, int64_t producer_id, int16_t epoch)
{
    struct init_producer_id_response response = INIT_PRODUCER_ID_RESPONSE_DEFAULTS;
    bool is_renamed = error == KAFKA_PRODUCER_FENCED && request->version < FENCED;
    response.error_code = (int16_t)(is_renamed ? KAFKA_INVALID_PRODUCER_EPOCH : error);
    response.producer_id = error == KAFKA_NONE ? producer_id : NO_PRODUCER_ID;
    response.producer_epoch = error == KAFKA_NONE ? epoch : NO_PRODUCER_EPOCH;
    kafka_answer(request, &response);
}

static void on_taken(struct producer_id_request *taken, int status, int64_t producer_id)
{
    /* Kafka's own answer while it cannot reserve a block: clients try again. */
    answer(taken->context, status == 0 ? KAFKA_NONE : KAFKA_COORDINATOR_LOAD_IN_PROGRESS, producer_id, 0);
}

static void take_id(struct kafka_request *request)
{
    struct producer_id_request *taken = arena_alloc(&request->arena, sizeof *taken);
    if (taken == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    taken->done = on_taken;
    taken->context = request;
    producer_ids_take(request->server->producer_ids, taken);
}

static void on_begun(struct transaction_call *call)
{
    const struct transaction_init *init = CONTAINER_OF(call, struct transaction_init, call);
    answer(call->context, call->error, init->producer_id, init->producer_epoch);
}

static void begin_transactional(struct kafka_request *request, const struct init_producer_id_request *asked)
{
    struct transaction_init *init = arena_alloc(&request->arena, sizeof *init);
    if (init == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    *init = (struct transaction_init){.call = {.done = on_begun, .context = request},
                                      .transactional_id = asked->transactional_id,
                                      .timeout_ms = asked->transaction_timeout_ms,
                                      .producer_id = asked->producer_id,
                                      .producer_epoch = asked->producer_epoch};
    kafka_request_count(request);
    transaction_service_init(request->server->transactions, init);
}

void handle_init_producer_id(struct kafka_request *request)
{
    const struct init_producer_id_request *asked = request->message;
    if ((asked->producer_id == NO_PRODUCER_ID) != (asked->producer_epoch == NO_PRODUCER_EPOCH))
        answer(request, KAFKA_INVALID_REQUEST, NO_PRODUCER_ID, NO_PRODUCER_EPOCH);
    else if (slice_is_null(asked->transactional_id))
        take_id(request);
    else
        begin_transactional(request, asked);
}
