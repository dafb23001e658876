/* REST v3 but for records: clusters, brokers, topics, configurations, consumer groups. What the files of these share,
 * and their handlers, which v3_routes.c lists. */
#pragma once

#include "http/routes.h"
#include "operations/change.h"
#include "rest/resource_list.h"
#include "rest/rest_body.h"
#include "rest/v3_path.h"

extern const struct http_api rest_v3_api;

#define V3_BODY_MAX ((size_t)1 << 20)

/* ---- requests that change something ---- */

struct v3_change {
    struct http_exchange *exchange;
    struct change_call call;
    struct arena arena;
    struct rest_body body;
    bool has_body;
    void (*succeed)(struct v3_change *change); /* answers; NULL: 204 */
    slice name;                                /* for succeed */
    int32_t partitions;
};

/* Takes the exchange, and its body where it has one. NULL: it has been answered. */
MUST_USE struct v3_change *v3_change_open(struct http_exchange *exchange, bool has_body);
/* Answers with an error_code of REST, and closes it. An operation's outcome does so by change->call. */
void v3_change_refuse(struct v3_change *change, int error_code, const char *message);

/* ---- what more than one of them write ---- */

/* The notes of a list: the names of all topics, in order (const slice *). False: it has been answered, and the list is
 * gone. */
MUST_USE bool v3_note_topics(struct resource_list *list);
void v3_write_topic(struct resource_writer *w, const struct topic *topic, bool with_operations);

#define V3_HANDLERS(X)                                                                                                 \
    X(v3_list_clusters)                                                                                                \
    X(v3_get_cluster)                                                                                                  \
    X(v3_list_brokers)                                                                                                 \
    X(v3_get_broker)                                                                                                   \
    X(v3_list_broker_replicas)                                                                                         \
    X(v3_list_topics)                                                                                                  \
    X(v3_create_topic)                                                                                                 \
    X(v3_get_topic)                                                                                                    \
    X(v3_grow_topic)                                                                                                   \
    X(v3_delete_topic)                                                                                                 \
    X(v3_list_partitions)                                                                                              \
    X(v3_get_partition)                                                                                                \
    X(v3_get_offsets)                                                                                                  \
    X(v3_list_replicas)                                                                                                \
    X(v3_get_replica)                                                                                                  \
    X(v3_list_reassignments)                                                                                           \
    X(v3_list_topic_reassignments)                                                                                     \
    X(v3_get_reassignment)                                                                                             \
    X(v3_list_topic_configs)                                                                                           \
    X(v3_list_all_topic_configs)                                                                                       \
    X(v3_get_topic_config)                                                                                             \
    X(v3_set_topic_config)                                                                                             \
    X(v3_reset_topic_config)                                                                                           \
    X(v3_alter_topic_configs)                                                                                          \
    X(v3_list_broker_configs)                                                                                          \
    X(v3_list_all_broker_configs)                                                                                      \
    X(v3_get_broker_config)                                                                                            \
    X(v3_set_broker_config)                                                                                            \
    X(v3_reset_broker_config)                                                                                          \
    X(v3_alter_broker_configs)                                                                                         \
    X(v3_list_cluster_configs)                                                                                         \
    X(v3_get_cluster_config)                                                                                           \
    X(v3_set_cluster_config)                                                                                           \
    X(v3_reset_cluster_config)                                                                                         \
    X(v3_alter_cluster_configs)                                                                                        \
    X(v3_list_groups)                                                                                                  \
    X(v3_get_group)                                                                                                    \
    X(v3_list_consumers)                                                                                               \
    X(v3_get_consumer)                                                                                                 \
    X(v3_list_assignments)                                                                                             \
    X(v3_get_assignment)                                                                                               \
    X(v3_get_lag_summary)                                                                                              \
    X(v3_list_lags)                                                                                                    \
    X(v3_get_lag)                                                                                                      \
    X(v3_search_acls)                                                                                                  \
    X(v3_create_acl)                                                                                                   \
    X(v3_create_acls)                                                                                                  \
    X(v3_delete_acls)

#define X(handler) void handler(struct http_exchange *exchange);
V3_HANDLERS(X)
#undef X
