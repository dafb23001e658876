/* AddOffsetsToTxn (key 25): the transaction will commit offsets of a group. All groups are in one partition. */
#include "container.h"
#include "kafka/request.h"
#include "kafka/transaction_errors.h"
#include "operations/groups.h"
#include "operations/transactions.h"

struct adding_offsets {
    struct transaction_add add;
    struct transaction_partition partition;
};

static void on_added(struct transaction_call *call)
{
    struct kafka_request *request = call->context;
    struct add_offsets_to_txn_response response = {.error_code = transaction_error_code(call->error, request->version)};
    kafka_answer(request, &response);
}

void handle_add_offsets_to_txn(struct kafka_request *request)
{
    const struct add_offsets_to_txn_request *asked = request->message;
    struct adding_offsets *adding = arena_alloc(&request->arena, sizeof *adding);
    if (adding == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    adding->partition = (struct transaction_partition){.topic = slice_of_text(GROUPS_TOPIC)};
    adding->add = (struct transaction_add){.call = {.done = on_added, .context = request},
                                           .transactional_id = asked->transactional_id,
                                           .producer_id = asked->producer_id,
                                           .producer_epoch = asked->producer_epoch,
                                           .waits = true,
                                           .partitions = &adding->partition,
                                           .count = 1};
    kafka_request_count(request);
    transaction_service_add(request->server->transactions, &adding->add);
}
