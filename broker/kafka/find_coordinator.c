/* FindCoordinator (key 10): one node coordinates all groups and transactions. Version 4 on asks for several keys at
 * once (KIP-699). */
#include "kafka/request.h"
#include "operations/groups.h"
#include "operations/transactions.h"

enum { KEY_GROUP = 0, KEY_TRANSACTION = 1 };

struct coordinator {
    enum kafka_error error;
    int32_t node_id;
    slice host;
    uint16_t port;
};

static bool is_available(const struct server *server, int8_t type)
{
    if (type == KEY_TRANSACTION)
        return transaction_coordinator_available(transaction_service_coordinator(server->transactions));
    return group_coordinator_available(group_service_coordinator(server->groups));
}

/* There is no share coordinator. */
static struct coordinator find(const struct kafka_request *request, int8_t type, slice host, uint16_t port)
{
    struct coordinator found = {.node_id = -1, .host = slice_of_text("")};
    if (type != KEY_GROUP && type != KEY_TRANSACTION)
        found.error = KAFKA_INVALID_REQUEST;
    else if (!is_available(request->server, type))
        found.error = KAFKA_COORDINATOR_NOT_AVAILABLE;
    else
        found = (struct coordinator){.node_id = request->server->start.node_id, .host = host, .port = port};
    return found;
}

void handle_find_coordinator(struct kafka_request *request)
{
    const struct find_coordinator_request *asked = request->message;
    struct find_coordinator_response response = FIND_COORDINATOR_RESPONSE_DEFAULTS;
    char name[256];
    uint16_t port;
    kafka_request_address(request, name, &port);
    slice host = slice_of_text(name);
    struct coordinator one = find(request, asked->key_type, host, port);
    size_t count = asked->coordinator_keys.count > 0 ? (size_t)asked->coordinator_keys.count : 0;
    response.error_code = (int16_t)one.error;
    response.node_id = one.node_id;
    response.host = one.host;
    response.port = one.error == KAFKA_NONE ? one.port : -1;
    response.coordinators.items = arena_alloc(&request->arena, count * sizeof *response.coordinators.items);
    if (response.coordinators.items == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        slice key = asked->coordinator_keys.items[i];
        one = find(request, asked->key_type, host, port);
        response.coordinators.items[response.coordinators.count++] = (struct find_coordinator_response_coordinator){
            .key = key,
            .node_id = one.node_id,
            .host = one.host,
            .port = one.error == KAFKA_NONE ? one.port : -1,
            .error_code = (int16_t)one.error,
        };
    }
    if (asked->key_type == KEY_GROUP)
        group_service_prepare(request->server->groups);
    else if (asked->key_type == KEY_TRANSACTION)
        transaction_service_prepare(request->server->transactions);
    kafka_answer(request, &response);
}
