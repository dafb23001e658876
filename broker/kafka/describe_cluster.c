/* DescribeCluster (key 60): one broker, which is its own controller. */
#include "kafka/request.h"
#include "operations/authorized_operations.h"

#include <stdio.h>

enum { ENDPOINT_BROKERS = 1, ENDPOINT_CONTROLLERS = 2 };

/* What is asked for is not here: controllers have no endpoint of their own. */
static void refuse(struct kafka_request *request, int8_t endpoint_type)
{
    struct describe_cluster_response response = DESCRIBE_CLUSTER_RESPONSE_DEFAULTS;
    char words[128];
    response.cluster_id = slice_of_text("");
    if (endpoint_type == ENDPOINT_CONTROLLERS) {
        response.error_code = KAFKA_MISMATCHED_ENDPOINT_TYPE;
        snprintf(words, sizeof words,
                 "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER");
    } else {
        response.error_code = KAFKA_UNSUPPORTED_ENDPOINT_TYPE;
        snprintf(words, sizeof words, "Unsupported endpoint type %d", endpoint_type);
    }
    response.error_message = slice_of_text(words);
    kafka_answer(request, &response);
}

void handle_describe_cluster(struct kafka_request *request)
{
    const struct describe_cluster_request *asked = request->message;
    const struct server *server = request->server;
    struct describe_cluster_response response = DESCRIBE_CLUSTER_RESPONSE_DEFAULTS;
    struct describe_cluster_response_broker broker = {.broker_id = server->start.node_id};
    char host[256];
    uint16_t port;
    if (asked->endpoint_type != ENDPOINT_BROKERS) {
        refuse(request, asked->endpoint_type);
        return;
    }
    kafka_request_address(request, host, &port);
    broker.host = slice_of_text(host);
    broker.port = port;
    response.cluster_id = slice_of_text(server->start.cluster_id);
    response.controller_id = server->start.node_id;
    response.brokers.items = &broker;
    response.brokers.count = 1;
    if (asked->include_cluster_authorized_operations)
        response.cluster_authorized_operations = CLUSTER_OPERATIONS;
    kafka_answer(request, &response);
}
