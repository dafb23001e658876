/* DescribeCluster (key 60): one broker, which is its own controller. */
#include "kafka/authorized_operations.h"
#include "kafka/request.h"

enum { ENDPOINT_BROKERS = 1 };

void handle_describe_cluster(struct kafka_request *request)
{
    const struct describe_cluster_request *asked = request->message;
    const struct server *server = request->server;
    struct describe_cluster_response response = DESCRIBE_CLUSTER_RESPONSE_DEFAULTS;
    struct describe_cluster_response_broker broker = {.broker_id = server->start.node_id};
    char host[256];
    uint16_t port;
    kafka_request_address(request, host, &port);
    broker.host = slice_of_text(host);
    broker.port = port;
    response.cluster_id = slice_of_text(server->start.cluster_id);
    response.controller_id = server->start.node_id;
    response.endpoint_type = asked->endpoint_type;
    if (asked->endpoint_type == ENDPOINT_BROKERS) {
        response.brokers.items = &broker;
        response.brokers.count = 1;
    } else {
        response.error_code = KAFKA_MISMATCHED_ENDPOINT_TYPE;
        response.error_message = slice_of_text("The request was sent to an endpoint of type BROKER");
    }
    if (asked->include_cluster_authorized_operations)
        response.cluster_authorized_operations = CLUSTER_OPERATIONS;
    kafka_answer(request, &response);
}
