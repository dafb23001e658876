/* The table of REST v3, but for its records. */
#include "rest/v3.h"

#define C "/v3/clusters/{cluster_id}"
#define T C "/topics/{topic_name}"
#define P T "/partitions/{partition_id}"
#define B C "/brokers/{broker_id}"
#define G C "/consumer-groups/{consumer_group_id}"
#define M G "/consumers/{consumer_id}"

/* ---- parameters ---- */

#define CLUSTER                                                                                                        \
    {                                                                                                                  \
        .name = "cluster_id", .type = HTTP_TEXT, .summary = "The cluster's id"                                         \
    }
#define TOPIC                                                                                                          \
    {                                                                                                                  \
        .name = "topic_name", .type = HTTP_TEXT, .summary = "The topic's name"                                         \
    }
#define PARTITION                                                                                                      \
    {                                                                                                                  \
        .name = "partition_id", .type = HTTP_INTEGER, .most = INT32_MAX, .summary = "The partition's number"           \
    }
#define BROKER                                                                                                         \
    {                                                                                                                  \
        .name = "broker_id", .type = HTTP_INTEGER, .most = INT32_MAX, .summary = "The broker's id"                     \
    }
#define CONFIG                                                                                                         \
    {                                                                                                                  \
        .name = "name", .type = HTTP_TEXT, .summary = "The setting's name"                                             \
    }
#define GROUP                                                                                                          \
    {                                                                                                                  \
        .name = "consumer_group_id", .type = HTTP_TEXT, .summary = "The group's id"                                    \
    }
#define MEMBER                                                                                                         \
    {                                                                                                                  \
        .name = "consumer_id", .type = HTTP_TEXT, .summary = "The member's id"                                         \
    }

#define TABLE(table, ...) static const struct http_parameter table[] = {__VA_ARGS__}

TABLE(of_cluster, CLUSTER);
TABLE(of_broker, CLUSTER, BROKER);
TABLE(of_broker_config, CLUSTER, BROKER, CONFIG);
TABLE(of_cluster_config, CLUSTER, CONFIG);
TABLE(of_topic, CLUSTER, TOPIC);
TABLE(of_topic_config, CLUSTER, TOPIC, CONFIG);
TABLE(of_partition, CLUSTER, TOPIC, PARTITION);
TABLE(of_replica, CLUSTER, TOPIC, PARTITION, BROKER);
TABLE(of_group, CLUSTER, GROUP);
TABLE(of_lag, CLUSTER, GROUP, TOPIC, PARTITION);
TABLE(of_member, CLUSTER, GROUP, MEMBER);
TABLE(of_assignment, CLUSTER, GROUP, MEMBER, TOPIC, PARTITION);

TABLE(of_topic_asked, CLUSTER, TOPIC,
      {.name = "include_authorized_operations",
       .type = HTTP_FLAG,
       .summary = "Whether to say what the client may do with it"});
TABLE(of_offsets, CLUSTER, TOPIC, PARTITION,
      {.name = "offset_type",
       .type = HTTP_CHOICE,
       .choices = "earliest_and_latest",
       .summary = "Which offsets: there is one choice"});

#define RESOURCE_TYPES "UNKNOWN|ANY|TOPIC|GROUP|CLUSTER|TRANSACTIONAL_ID|DELEGATION_TOKEN"
#define PATTERN_TYPES  "UNKNOWN|ANY|MATCH|LITERAL|PREFIXED"
#define OPERATIONS                                                                                                     \
    "UNKNOWN|ANY|ALL|READ|WRITE|CREATE|DELETE|ALTER|DESCRIBE|CLUSTER_ACTION|DESCRIBE_CONFIGS|ALTER_CONFIGS|"           \
    "IDEMPOTENT_WRITE"
#define PERMISSIONS "UNKNOWN|ANY|DENY|ALLOW"

#define ACL_PARAMETERS(required)                                                                                       \
    CLUSTER,                                                                                                           \
        {.name = "resource_type",                                                                                      \
         .type = HTTP_CHOICE,                                                                                          \
         .choices = RESOURCE_TYPES,                                                                                    \
         .is_required = (required),                                                                                    \
         .summary = "Of what"},                                                                                        \
        {.name = "resource_name", .type = HTTP_TEXT, .summary = "Of which"},                                           \
        {.name = "pattern_type",                                                                                       \
         .type = HTTP_CHOICE,                                                                                          \
         .choices = PATTERN_TYPES,                                                                                     \
         .is_required = (required),                                                                                    \
         .summary = "How the name is meant"},                                                                          \
        {.name = "principal", .type = HTTP_TEXT, .summary = "For whom"},                                               \
        {.name = "host", .type = HTTP_TEXT, .summary = "From where"},                                                  \
        {.name = "operation",                                                                                          \
         .type = HTTP_CHOICE,                                                                                          \
         .choices = OPERATIONS,                                                                                        \
         .is_required = (required),                                                                                    \
         .summary = "To do what"},                                                                                     \
    {                                                                                                                  \
        .name = "permission", .type = HTTP_CHOICE, .choices = PERMISSIONS, .is_required = (required),                  \
        .summary = "Allowed or denied"                                                                                 \
    }

TABLE(of_acl_search, ACL_PARAMETERS(false));
TABLE(of_acl_deletion, ACL_PARAMETERS(true));

/* ---- bodies ---- */

#define NULLABLE_TEXT "{\"type\":[\"string\",\"null\"]}"
#define OBJECT(required, properties)                                                                                   \
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[" required "],\"properties\":{" properties "}}"
#define LIST_OF(items) "{\"type\":\"array\",\"items\":" items "}"
#define TEXT_SCHEMA    "{\"type\":\"string\"}"
#define INT32_SCHEMA   "{\"type\":\"integer\",\"format\":\"int32\"}"

#define CREATE_BODY                                                                                                    \
    OBJECT(                                                                                                            \
        "\"topic_name\"",                                                                                              \
        "\"topic_name\":" TEXT_SCHEMA ",\"partitions_count\":" INT32_SCHEMA ",\"replication_factor\":" INT32_SCHEMA    \
        ",\"replicas_assignments\":" LIST_OF(OBJECT(                                                                   \
            "\"partition_id\",\"broker_ids\"",                                                                         \
            "\"partition_id\":" INT32_SCHEMA ",\"broker_ids\":" LIST_OF(                                               \
                INT32_SCHEMA))) ",\"configs\":" LIST_OF(OBJECT("\"name\"",                                             \
                                                               "\"name\":" TEXT_SCHEMA                                 \
                                                               ",\"value\":" NULLABLE_TEXT)) ",\"validate_only\":{"    \
                                                                                             "\"type\":\"boolean\"}")
#define GROW_BODY OBJECT("\"partitions_count\"", "\"partitions_count\":" INT32_SCHEMA)
#define SET_BODY  OBJECT("", "\"value\":" NULLABLE_TEXT)
#define ALTER_BODY                                                                                                     \
    OBJECT("\"data\"", "\"data\":" LIST_OF(OBJECT(                                                                     \
                           "\"name\"", "\"name\":" TEXT_SCHEMA ",\"value\":" NULLABLE_TEXT                             \
                                       ",\"operation\":{\"enum\":[\"SET\",\"DELETE\",\"APPEND\","                      \
                                       "\"SUBTRACT\",null]}")) ",\"validate_only\":{\"type\":[\"boolean\",\"null\"]}")
#define ACL_BODY                                                                                                       \
    OBJECT("\"resource_type\",\"resource_name\",\"pattern_type\",\"principal\",\"host\",\"operation\","                \
           "\"permission\"",                                                                                           \
           "\"resource_type\":" TEXT_SCHEMA ",\"resource_name\":" TEXT_SCHEMA ",\"pattern_type\":" TEXT_SCHEMA         \
           ",\"principal\":" TEXT_SCHEMA ",\"host\":" TEXT_SCHEMA ",\"operation\":" TEXT_SCHEMA                        \
           ",\"permission\":" TEXT_SCHEMA)
#define ACLS_BODY OBJECT("\"data\"", "\"data\":" LIST_OF(ACL_BODY))

/* ---- answers ---- */

#define ONE(kind)                                                                                                      \
    "{\"type\":\"object\",\"required\":[\"kind\",\"metadata\",\"cluster_id\"],\"properties\":{\"kind\":{\"const\":"    \
    "\"" kind "\"},\"metadata\":{\"type\":\"object\",\"required\":[\"self\",\"resource_name\"]}}}"
#define LIST(kind)                                                                                                     \
    "{\"type\":\"object\",\"required\":[\"kind\",\"metadata\",\"data\"],\"properties\":{\"kind\":{\"const\":\"" kind   \
    "List\"},\"metadata\":{\"type\":\"object\",\"required\":[\"self\",\"next\"]},\"data\":" LIST_OF(ONE(kind)) "}}"

/* ---- routes ---- */

#define GET(path, handler, table, schema, text)                                                                        \
    {                                                                                                                  \
        .method = HTTP_METHOD_GET, .pattern = (path), .handle = (handler), .type = RESOURCE_TYPE, .summary = (text),   \
        .answer_schema = (schema), HTTP_PARAMETERS(table)                                                              \
    }
#define DELETE(path, handler, table, text)                                                                             \
    {                                                                                                                  \
        .method = HTTP_METHOD_DELETE, .pattern = (path), .handle = (handler), .type = RESOURCE_TYPE,                   \
        .summary = (text), .status = 204, HTTP_PARAMETERS(table)                                                       \
    }
#define SENT(verb, path, handler, table, schema, code, text)                                                           \
    .method = (verb), .pattern = (path), .body_limit = V3_BODY_MAX, .handle = (handler), .type = RESOURCE_TYPE,        \
    .summary = (text), .consumes = RESOURCE_TYPE, .body_schema = (schema), .status = (code), HTTP_PARAMETERS(table)
#define SEND(verb, path, handler, table, schema, code, text)                                                           \
    {                                                                                                                  \
        SENT(verb, path, handler, table, schema, code, text)                                                           \
    }
#define POST(path, handler, table, schema, code, text) SEND(HTTP_METHOD_POST, path, handler, table, schema, code, text)
#define PUT(path, handler, table, schema, text)        SEND(HTTP_METHOD_PUT, path, handler, table, schema, 204, text)

static const struct http_route routes[] = {
    {.method = HTTP_METHOD_GET,
     .pattern = "/v3/clusters",
     .handle = v3_list_clusters,
     .type = RESOURCE_TYPE,
     .summary = "Clusters: this one",
     .answer_schema = LIST("KafkaCluster")},
    GET(C, v3_get_cluster, of_cluster, ONE("KafkaCluster"), "The cluster"),

    GET(C "/acls", v3_search_acls, of_acl_search, LIST("KafkaAcl"), "ACLs that fit a pattern"),
    POST(C "/acls", v3_create_acl, of_cluster, ACL_BODY, 201, "Creates an ACL"),
    DELETE(C "/acls", v3_delete_acls, of_acl_deletion, "Deletes the ACLs that fit a pattern"),
    POST(C "/acls:batch", v3_create_acls, of_cluster, ACLS_BODY, 201, "Creates ACLs"),

    GET(C "/broker-configs", v3_list_cluster_configs, of_cluster, LIST("KafkaClusterConfig"),
        "Settings made for all brokers"),
    POST(C "/broker-configs:alter", v3_alter_cluster_configs, of_cluster, ALTER_BODY, 204,
         "Changes settings for all brokers"),
    GET(C "/broker-configs/{name}", v3_get_cluster_config, of_cluster_config, ONE("KafkaClusterConfig"), "One of them"),
    PUT(C "/broker-configs/{name}", v3_set_cluster_config, of_cluster_config, SET_BODY, "Sets it"),
    DELETE(C "/broker-configs/{name}", v3_reset_cluster_config, of_cluster_config, "Resets it"),

    GET(C "/brokers", v3_list_brokers, of_cluster, LIST("KafkaBroker"), "Brokers: this one"),
    GET(C "/brokers/-/configs", v3_list_all_broker_configs, of_cluster, LIST("KafkaBrokerConfig"),
        "Settings of all brokers"),
    GET(B, v3_get_broker, of_broker, ONE("KafkaBroker"), "The broker"),
    GET(B "/configs", v3_list_broker_configs, of_broker, LIST("KafkaBrokerConfig"), "The broker's settings"),
    POST(B "/configs:alter", v3_alter_broker_configs, of_broker, ALTER_BODY, 204, "Changes settings of the broker"),
    GET(B "/configs/{name}", v3_get_broker_config, of_broker_config, ONE("KafkaBrokerConfig"), "One of them"),
    PUT(B "/configs/{name}", v3_set_broker_config, of_broker_config, SET_BODY, "Sets it"),
    DELETE(B "/configs/{name}", v3_reset_broker_config, of_broker_config, "Resets it"),
    GET(B "/partition-replicas", v3_list_broker_replicas, of_broker, LIST("KafkaReplica"),
        "All partitions, as replicas of the broker"),

    GET(C "/consumer-groups", v3_list_groups, of_cluster, LIST("KafkaConsumerGroup"), "Consumer groups"),
    GET(G, v3_get_group, of_group, ONE("KafkaConsumerGroup"), "A consumer group"),
    GET(G "/consumers", v3_list_consumers, of_group, LIST("KafkaConsumer"), "Its members"),
    GET(M, v3_get_consumer, of_member, ONE("KafkaConsumer"), "A member"),
    GET(M "/assignments", v3_list_assignments, of_member, LIST("KafkaConsumerAssignment"),
        "The partitions that it reads"),
    GET(M "/assignments/{topic_name}/partitions/{partition_id}", v3_get_assignment, of_assignment,
        ONE("KafkaConsumerAssignment"), "One of them"),
    GET(G "/lag-summary", v3_get_lag_summary, of_group, ONE("KafkaConsumerGroupLagSummary"),
        "How far the group lies behind, in all and at most"),
    GET(G "/lags", v3_list_lags, of_group, LIST("KafkaConsumerLag"), "How far it lies behind, by partition"),
    GET(G "/lags/{topic_name}/partitions/{partition_id}", v3_get_lag, of_lag, ONE("KafkaConsumerLag"),
        "How far it lies behind in one"),

    GET(C "/topics", v3_list_topics, of_cluster, LIST("KafkaTopic"), "Topics"),
    {SENT(HTTP_METHOD_POST, C "/topics", v3_create_topic, of_cluster, CREATE_BODY, 201, "Creates a topic"),
     .other_status = 200, /* validate_only */
     .answer_schema = ONE("KafkaTopic")},
    GET(C "/topics/-/configs", v3_list_all_topic_configs, of_cluster, LIST("KafkaTopicConfig"),
        "Settings of all topics"),
    GET(C "/topics/-/partitions/-/reassignment", v3_list_reassignments, of_cluster, LIST("KafkaReassignment"),
        "Reassignments: none"),
    GET(T, v3_get_topic, of_topic_asked, ONE("KafkaTopic"), "A topic"),
    SEND(HTTP_METHOD_PATCH, T, v3_grow_topic, of_topic, GROW_BODY, 200, "Gives it more partitions"),
    DELETE(T, v3_delete_topic, of_topic, "Deletes it"),
    GET(T "/configs", v3_list_topic_configs, of_topic, LIST("KafkaTopicConfig"), "The topic's settings"),
    POST(T "/configs:alter", v3_alter_topic_configs, of_topic, ALTER_BODY, 204, "Changes settings of the topic"),
    GET(T "/configs/{name}", v3_get_topic_config, of_topic_config, ONE("KafkaTopicConfig"), "One of them"),
    PUT(T "/configs/{name}", v3_set_topic_config, of_topic_config, SET_BODY, "Sets it"),
    DELETE(T "/configs/{name}", v3_reset_topic_config, of_topic_config, "Resets it"),
    GET(T "/partitions", v3_list_partitions, of_topic, LIST("KafkaPartition"), "Its partitions"),
    GET(T "/partitions/-/reassignment", v3_list_topic_reassignments, of_topic, LIST("KafkaReassignment"),
        "Reassignments: none"),
    GET(P, v3_get_partition, of_partition, ONE("KafkaPartition"), "A partition"),
    GET(P "/offset", v3_get_offsets, of_offsets, ONE("KafkaPartitionWithOffsets"), "Its first offset and the next one"),
    GET(P "/reassignment", v3_get_reassignment, of_partition, ONE("KafkaReassignment"),
        "Its reassignment: there is none"),
    GET(P "/replicas", v3_list_replicas, of_partition, LIST("KafkaReplica"), "Its replicas: one"),
    GET(P "/replicas/{broker_id}", v3_get_replica, of_replica, ONE("KafkaReplica"), "The replica"),
};

const struct http_api rest_v3_api = {
    .name = "REST v3", .routes = routes, .count = sizeof routes / sizeof routes[0], .passes_unknown = true};
