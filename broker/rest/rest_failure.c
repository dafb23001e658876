#include "rest/rest_failure.h"

int rest_error_code(enum kafka_error error)
{
    switch (error) {
    case KAFKA_UNKNOWN_SERVER_ERROR:
    case KAFKA_UNSUPPORTED_VERSION:
    case KAFKA_TOPIC_ALREADY_EXISTS:
    case KAFKA_TOPIC_DELETION_DISABLED:
    case KAFKA_INVALID_TOPIC_EXCEPTION:
    case KAFKA_INVALID_PARTITIONS:
    case KAFKA_INVALID_REPLICATION_FACTOR:
    case KAFKA_INVALID_REPLICA_ASSIGNMENT:
    case KAFKA_INVALID_CONFIG:
    case KAFKA_INVALID_REQUEST:
    case KAFKA_POLICY_VIOLATION:
    case KAFKA_SECURITY_DISABLED:
        return REST_BAD_REQUEST;
    case KAFKA_SASL_AUTHENTICATION_FAILED:
        return REST_UNAUTHENTICATED;
    case KAFKA_TOPIC_AUTHORIZATION_FAILED:
    case KAFKA_GROUP_AUTHORIZATION_FAILED:
    case KAFKA_CLUSTER_AUTHORIZATION_FAILED:
    case KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        return REST_FORBIDDEN;
    case KAFKA_UNKNOWN_TOPIC_OR_PARTITION:
        return REST_UNKNOWN_PARTITION;
    case KAFKA_THROTTLING_QUOTA_EXCEEDED:
        return REST_TOO_MANY;
    case KAFKA_BROKER_NOT_AVAILABLE:
        return REST_NO_BROKER;
    default:
        return kafka_error_is_retriable((int16_t)error) ? REST_KAFKA_RETRIABLE : REST_KAFKA_ERROR;
    }
}

const char *rest_error_text(enum kafka_error error)
{
    if (error == KAFKA_UNKNOWN_TOPIC_OR_PARTITION)
        return "This server does not host this topic-partition.";
    return kafka_error_text((int16_t)error);
}

void rest_reply_failure(struct http_exchange *exchange, enum kafka_error error, const char *words)
{
    bool has_words = words != NULL && words[0] != '\0';
    http_reply_error(exchange, rest_error_code(error), has_words ? words : rest_error_text(error));
}

void rest_reply_no_memory(struct http_exchange *exchange)
{
    http_reply_error(exchange, REST_NO_MEMORY, "out of memory");
}
