/* One Kafka request between its arrival and its answer: what a handler sees.
 *
 * A handler is called once with a decoded request. It ends the request exactly once, at once or later, by one of
 * kafka_answer, kafka_finish and kafka_close. Until then it owns the request. A connection that has gone in the
 * meantime is no concern of the handler: ending the request then only frees it.
 *
 * Answers leave in the order of the requests. Requests of one connection overlap only where that is not seen: produce
 * requests are started while earlier produce requests of the connection are under way, so that one sync serves them
 * all; any other request starts when those before it have been answered. */
#pragma once

#include "advertised.h"
#include "kafka/api.h"
#include "kafka/error_code.h"
#include "kafka/messages.h"
#include "response.h"
#include "server.h"

struct connection;

struct kafka_request {
    struct server *server;
    struct connection *connection; /* NULL when it has gone */
    const struct kafka_api *api;
    int16_t version;
    int32_t correlation_id;
    slice client_id;
    void *message;      /* the decoded struct of api->request; borrows from the request's buffer */
    struct arena arena; /* for the handler too; lives until the answer was sent */

    /* Set by a handler whose answer has splices: called once, on the loop, when the answer has been sent or dropped. */
    void (*release)(struct kafka_request *request);
    /* Set by a handler that waits for more than the disk: nobody will send more on this connection, or it has gone. The
     * handler ends the request soon, and not from within. */
    void (*hurry)(struct kafka_request *request);
    void *handler_state;

    /* Private to the session */
    struct kafka_request *next;
    struct request_buffer *buffer; /* NULL once it is answered */
    struct response *response;
    size_t charged; /* bytes of the connection's account */
    bool is_produce;
    bool is_started;
    bool is_ended;
    bool closes; /* the connection, when its turn comes */
};

typedef void kafka_handler(struct kafka_request *request);

/* Encodes the struct of api->response and queues it. Splices' sources are struct file_range, which must stay until
 * release is called. An answer that cannot be encoded closes the connection, with a log line. */
void kafka_answer(struct kafka_request *request, const void *response);
/* In another version than the request's: ApiVersions alone does so. */
void kafka_answer_version(struct kafka_request *request, int16_t version, const void *response);
/* No answer: acks=0. */
void kafka_finish(struct kafka_request *request);
/* Closes the connection after what is queued before; what is behind is not answered. `reason` goes to the log. */
void kafka_close(struct kafka_request *request, const char *reason);

/* Who asks, as Kafka shows it: "/127.0.0.1". From the arena. */
slice kafka_client_host(struct kafka_request *request);

/* Counts against the budget what the handler has taken from the arena: before it lets the request wait. */
void kafka_request_count(struct kafka_request *request);

/* Where the client is told to connect: the first of advertised.listeners, else the address that it connected to. host
 * is NUL-terminated. */
void kafka_request_address(const struct kafka_request *request, char host[ADVERTISED_HOST_MAX], uint16_t *port);

/* The handler of an API, NULL when it is not served (handlers.c has the table). */
kafka_handler *kafka_find_handler(int16_t api_key);

/* False also for what is advertised and refused. */
bool kafka_api_is_served(int16_t api_key);

/* ApiVersions in a version that is not served is answered all the same (api_versions.c). */
kafka_handler kafka_refuse_api_versions;

/* What is served. */
#define KAFKA_HANDLERS(X)                                                                                              \
    X(PRODUCE, handle_produce)                                                                                         \
    X(FETCH, handle_fetch)                                                                                             \
    X(LIST_OFFSETS, handle_list_offsets)                                                                               \
    X(METADATA, handle_metadata)                                                                                       \
    X(API_VERSIONS, handle_api_versions)                                                                               \
    X(CREATE_TOPICS, handle_create_topics)                                                                             \
    X(DELETE_TOPICS, handle_delete_topics)                                                                             \
    X(DELETE_RECORDS, handle_delete_records)                                                                           \
    X(INIT_PRODUCER_ID, handle_init_producer_id)                                                                       \
    X(OFFSET_FOR_LEADER_EPOCH, handle_offset_for_leader_epoch)                                                         \
    X(DESCRIBE_CONFIGS, handle_describe_configs)                                                                       \
    X(ALTER_CONFIGS, handle_alter_configs)                                                                             \
    X(CREATE_PARTITIONS, handle_create_partitions)                                                                     \
    X(INCREMENTAL_ALTER_CONFIGS, handle_incremental_alter_configs)                                                     \
    X(OFFSET_COMMIT, handle_offset_commit)                                                                             \
    X(OFFSET_FETCH, handle_offset_fetch)                                                                               \
    X(FIND_COORDINATOR, handle_find_coordinator)                                                                       \
    X(JOIN_GROUP, handle_join_group)                                                                                   \
    X(CONSUMER_GROUP_HEARTBEAT, handle_consumer_group_heartbeat)                                                       \
    X(CONSUMER_GROUP_DESCRIBE, handle_consumer_group_describe)                                                         \
    X(HEARTBEAT, handle_heartbeat)                                                                                     \
    X(LEAVE_GROUP, handle_leave_group)                                                                                 \
    X(TXN_OFFSET_COMMIT, handle_txn_offset_commit)                                                                     \
    X(SYNC_GROUP, handle_sync_group)                                                                                   \
    X(DESCRIBE_GROUPS, handle_describe_groups)                                                                         \
    X(LIST_GROUPS, handle_list_groups)                                                                                 \
    X(DELETE_GROUPS, handle_delete_groups)                                                                             \
    X(OFFSET_DELETE, handle_offset_delete)                                                                             \
    X(ADD_PARTITIONS_TO_TXN, handle_add_partitions_to_txn)                                                             \
    X(ADD_OFFSETS_TO_TXN, handle_add_offsets_to_txn)                                                                   \
    X(END_TXN, handle_end_txn)                                                                                         \
    X(WRITE_TXN_MARKERS, handle_write_txn_markers)                                                                     \
    X(DESCRIBE_TRANSACTIONS, handle_describe_transactions)                                                             \
    X(LIST_TRANSACTIONS, handle_list_transactions)                                                                     \
    X(ELECT_LEADERS, handle_elect_leaders)                                                                             \
    X(ALTER_PARTITION_REASSIGNMENTS, handle_alter_partition_reassignments)                                             \
    X(LIST_PARTITION_REASSIGNMENTS, handle_list_partition_reassignments)                                               \
    X(ALTER_REPLICA_LOG_DIRS, handle_alter_replica_log_dirs)                                                           \
    X(DESCRIBE_ACLS, handle_describe_acls)                                                                             \
    X(CREATE_ACLS, handle_create_acls)                                                                                 \
    X(DELETE_ACLS, handle_delete_acls)                                                                                 \
    X(DESCRIBE_PRODUCERS, handle_describe_producers)                                                                   \
    X(DESCRIBE_LOG_DIRS, handle_describe_log_dirs)                                                                     \
    X(DESCRIBE_QUORUM, handle_describe_quorum)                                                                         \
    X(UPDATE_FEATURES, handle_update_features)                                                                         \
    X(LIST_CONFIG_RESOURCES, handle_list_config_resources)                                                             \
    X(DESCRIBE_CLUSTER, handle_describe_cluster)                                                                       \
    X(DESCRIBE_TOPIC_PARTITIONS, handle_describe_topic_partitions)

/* Advertised, because clients judge a server by these windows, and refused (unavailable.c). */
#define KAFKA_UNAVAILABLE_HANDLERS(X)                                                                                  \
    X(SASL_HANDSHAKE, answer_unavailable_sasl_handshake)                                                               \
    X(SASL_AUTHENTICATE, answer_unavailable_sasl_authenticate)

#define X(key, function) kafka_handler function;
KAFKA_HANDLERS(X)
KAFKA_UNAVAILABLE_HANDLERS(X)
#undef X
