/* The cluster, which is this one, and its broker, which is this server. */
#include "advertised.h"
#include "rest/resource_list.h"
#include "rest/v3.h"

static void write_cluster(struct resource_writer *w)
{
    struct resource_number id;
    resource_begin(w, "KafkaCluster", RESOURCE_CLUSTER, RESOURCE_CLUSTER);
    resource_link(w, "controller",
                  RESOURCE_PATH(TEXT("brokers"), resource_number(&id, w->exchange->server->start.node_id)));
    resource_link(w, "acls", RESOURCE_PATH(TEXT("acls")));
    resource_link(w, "brokers", RESOURCE_PATH(TEXT("brokers")));
    resource_link(w, "broker_configs", RESOURCE_PATH(TEXT("broker-configs")));
    resource_link(w, "consumer_groups", RESOURCE_PATH(TEXT("consumer-groups")));
    resource_link(w, "topics", RESOURCE_PATH(TEXT("topics")));
    resource_link(w, "partition_reassignments",
                  RESOURCE_PATH(TEXT("topics"), TEXT("-"), TEXT("partitions"), TEXT("-"), TEXT("reassignment")));
    resource_end(w);
}

static void write_broker(struct resource_writer *w)
{
    const struct server *server = w->exchange->server;
    char host[ADVERTISED_HOST_MAX];
    uint16_t port;
    struct resource_number number;
    slice id = resource_number(&number, server->start.node_id);
    if (!advertised_listener(server->config, host, &port)) {
        advertised_by_connection(w->exchange->connection, host, &port);
        port = server->kafka_port;
    }
    resource_begin(w, "KafkaBroker", RESOURCE_PATH(TEXT("brokers"), id), RESOURCE_PATH(TEXT("broker"), id));
    resource_int(w, "broker_id", server->start.node_id);
    resource_text(w, "host", slice_of_text(host));
    if (port != 0)
        resource_int(w, "port", port);
    else
        resource_text(w, "port", NULL_SLICE); /* there are only unix: listeners */
    resource_text(w, "rack", NULL_SLICE);
    resource_link(w, "configs", RESOURCE_PATH(TEXT("brokers"), id, TEXT("configs")));
    resource_link(w, "partition_replicas", RESOURCE_PATH(TEXT("brokers"), id, TEXT("partition-replicas")));
    resource_end(w);
}

/* ---- lists of one ---- */

static void add_cluster(struct resource_list *list, size_t index)
{
    (void)index;
    write_cluster(&list->out);
}

static void add_broker(struct resource_list *list, size_t index)
{
    (void)index;
    write_broker(&list->out);
}

void v3_list_clusters(struct http_exchange *exchange)
{
    struct resource_list *list = resource_list_open(exchange);
    if (list == NULL)
        return;
    list->count = 1;
    list->write = add_cluster;
    resource_list_start(list, "KafkaClusterList", RESOURCE_CLUSTERS);
}

void v3_list_brokers(struct http_exchange *exchange)
{
    struct resource_list *list = v3_check_cluster(exchange) ? resource_list_open(exchange) : NULL;
    if (list == NULL)
        return;
    list->count = 1;
    list->write = add_broker;
    resource_list_start(list, "KafkaBrokerList", RESOURCE_PATH(TEXT("brokers")));
}

/* ---- each ---- */

#define ONE_MAX ((size_t)64 << 10)

void v3_get_cluster(struct http_exchange *exchange)
{
    struct resource_writer w;
    if (!v3_check_cluster(exchange))
        return;
    resource_writer_open(&w, exchange, ONE_MAX);
    write_cluster(&w);
    resource_reply(&w, 200, RESOURCE_CLUSTER);
}

void v3_get_broker(struct http_exchange *exchange)
{
    struct resource_writer w;
    if (!v3_check_broker(exchange))
        return;
    resource_writer_open(&w, exchange, ONE_MAX);
    write_broker(&w);
    resource_reply(&w, 200, RESOURCE_CLUSTER);
}
