/* EndTxn (key 26). From version 5 on the producer gets an epoch for its next transaction (KIP-890). */
#include "container.h"
#include "kafka/request.h"
#include "kafka/transaction_errors.h"
#include "operations/transactions.h"

#define EPOCHS 5

static void on_ended(struct transaction_call *call)
{
    const struct transaction_end *end = CONTAINER_OF(call, struct transaction_end, call);
    struct kafka_request *request = call->context;
    struct end_txn_response response = END_TXN_RESPONSE_DEFAULTS;
    response.error_code = transaction_error_code(call->error, request->version);
    if (call->error == KAFKA_NONE) {
        response.producer_id = end->producer_id;
        response.producer_epoch = end->producer_epoch;
    }
    kafka_answer(request, &response);
}

void handle_end_txn(struct kafka_request *request)
{
    const struct end_txn_request *asked = request->message;
    struct transaction_end *end = arena_alloc(&request->arena, sizeof *end);
    if (end == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    *end = (struct transaction_end){.call = {.done = on_ended, .context = request},
                                    .transactional_id = asked->transactional_id,
                                    .producer_id = asked->producer_id,
                                    .producer_epoch = asked->producer_epoch,
                                    .commits = asked->committed,
                                    .protocol = request->version >= EPOCHS ? TRANSACTION_EPOCHS : TRANSACTION_CLASSIC};
    kafka_request_count(request);
    transaction_service_end(request->server->transactions, end);
}
