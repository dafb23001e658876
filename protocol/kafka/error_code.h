/* Kafka's error codes, as they stand in answers. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* name, code, whether clients try again, text for people */
#define KAFKA_ERROR_MAP(X)                                                                                             \
    X(UNKNOWN_SERVER_ERROR, -1, false, "unexpected server error")                                                      \
    X(NONE, 0, false, "no error")                                                                                      \
    X(OFFSET_OUT_OF_RANGE, 1, false, "offset is outside the range of the log")                                         \
    X(CORRUPT_MESSAGE, 2, true, "record batch is corrupt")                                                             \
    X(UNKNOWN_TOPIC_OR_PARTITION, 3, true, "unknown topic or partition")                                               \
    X(INVALID_FETCH_SIZE, 4, false, "invalid fetch size")                                                              \
    X(LEADER_NOT_AVAILABLE, 5, true, "partition has no leader at the moment")                                          \
    X(NOT_LEADER_OR_FOLLOWER, 6, true, "not the leader or a follower of the partition")                                \
    X(REQUEST_TIMED_OUT, 7, true, "request timed out")                                                                 \
    X(BROKER_NOT_AVAILABLE, 8, false, "broker is not available")                                                       \
    X(REPLICA_NOT_AVAILABLE, 9, true, "replica is not available")                                                      \
    X(MESSAGE_TOO_LARGE, 10, false, "message is larger than the server takes")                                         \
    X(STALE_CONTROLLER_EPOCH, 11, false, "controller epoch is stale")                                                  \
    X(OFFSET_METADATA_TOO_LARGE, 12, false, "offset metadata is too large")                                            \
    X(NETWORK_EXCEPTION, 13, true, "server disconnected before an answer")                                             \
    X(COORDINATOR_LOAD_IN_PROGRESS, 14, true, "coordinator is loading")                                                \
    X(COORDINATOR_NOT_AVAILABLE, 15, true, "coordinator is not available")                                             \
    X(NOT_COORDINATOR, 16, true, "not the coordinator")                                                                \
    X(INVALID_TOPIC_EXCEPTION, 17, false, "invalid topic name")                                                        \
    X(RECORD_LIST_TOO_LARGE, 18, false, "record batch is larger than the segment size")                                \
    X(NOT_ENOUGH_REPLICAS, 19, true, "too few in-sync replicas")                                                       \
    X(NOT_ENOUGH_REPLICAS_AFTER_APPEND, 20, true, "written, but to too few in-sync replicas")                          \
    X(INVALID_REQUIRED_ACKS, 21, false, "invalid acks value")                                                          \
    X(ILLEGAL_GENERATION, 22, false, "generation is not the group's current one")                                      \
    X(INCONSISTENT_GROUP_PROTOCOL, 23, false, "group members share no protocol")                                       \
    X(INVALID_GROUP_ID, 24, false, "invalid group id")                                                                 \
    X(UNKNOWN_MEMBER_ID, 25, false, "unknown group member")                                                            \
    X(INVALID_SESSION_TIMEOUT, 26, false, "session timeout is outside the allowed range")                              \
    X(REBALANCE_IN_PROGRESS, 27, false, "group is rebalancing")                                                        \
    X(INVALID_COMMIT_OFFSET_SIZE, 28, false, "offset commit is too large")                                             \
    X(TOPIC_AUTHORIZATION_FAILED, 29, false, "not authorized for the topic")                                           \
    X(GROUP_AUTHORIZATION_FAILED, 30, false, "not authorized for the group")                                           \
    X(CLUSTER_AUTHORIZATION_FAILED, 31, false, "not authorized for the cluster")                                       \
    X(INVALID_TIMESTAMP, 32, false, "timestamp is outside the allowed range")                                          \
    X(UNSUPPORTED_SASL_MECHANISM, 33, false, "SASL mechanism is not offered")                                          \
    X(ILLEGAL_SASL_STATE, 34, false, "request is not allowed in this state of SASL")                                   \
    X(UNSUPPORTED_VERSION, 35, false, "version of the API is not supported")                                           \
    X(TOPIC_ALREADY_EXISTS, 36, false, "topic exists already")                                                         \
    X(INVALID_PARTITIONS, 37, false, "invalid number of partitions")                                                   \
    X(INVALID_REPLICATION_FACTOR, 38, false, "invalid replication factor")                                             \
    X(INVALID_REPLICA_ASSIGNMENT, 39, false, "invalid replica assignment")                                             \
    X(INVALID_CONFIG, 40, false, "invalid configuration")                                                              \
    X(NOT_CONTROLLER, 41, true, "not the controller")                                                                  \
    X(INVALID_REQUEST, 42, false, "malformed or incompatible request")                                                 \
    X(UNSUPPORTED_FOR_MESSAGE_FORMAT, 43, false, "message format does not support the request")                        \
    X(POLICY_VIOLATION, 44, false, "refused by a policy")                                                              \
    X(OUT_OF_ORDER_SEQUENCE_NUMBER, 45, false, "sequence number out of order")                                         \
    X(DUPLICATE_SEQUENCE_NUMBER, 46, false, "sequence number was seen before")                                         \
    X(INVALID_PRODUCER_EPOCH, 47, false, "producer epoch is older than the current one")                               \
    X(INVALID_TXN_STATE, 48, false, "invalid state of the transaction")                                                \
    X(INVALID_PRODUCER_ID_MAPPING, 49, false, "producer id is not the one of the transactional id")                    \
    X(INVALID_TRANSACTION_TIMEOUT, 50, false, "transaction timeout is larger than allowed")                            \
    X(CONCURRENT_TRANSACTIONS, 51, true, "another operation on the transaction is in progress")                        \
    X(TRANSACTION_COORDINATOR_FENCED, 52, false, "transaction coordinator was replaced")                               \
    X(TRANSACTIONAL_ID_AUTHORIZATION_FAILED, 53, false, "not authorized for the transactional id")                     \
    X(SECURITY_DISABLED, 54, false, "security features are disabled")                                                  \
    X(OPERATION_NOT_ATTEMPTED, 55, false, "not attempted because of another failure")                                  \
    X(KAFKA_STORAGE_ERROR, 56, true, "disk error")                                                                     \
    X(LOG_DIR_NOT_FOUND, 57, false, "unknown log directory")                                                           \
    X(SASL_AUTHENTICATION_FAILED, 58, false, "SASL authentication failed")                                             \
    X(UNKNOWN_PRODUCER_ID, 59, false, "unknown producer id")                                                           \
    X(REASSIGNMENT_IN_PROGRESS, 60, false, "partition reassignment is in progress")                                    \
    X(DELEGATION_TOKEN_AUTH_DISABLED, 61, false, "delegation tokens are not enabled")                                  \
    X(DELEGATION_TOKEN_NOT_FOUND, 62, false, "unknown delegation token")                                               \
    X(DELEGATION_TOKEN_OWNER_MISMATCH, 63, false, "not the delegation token's owner")                                  \
    X(DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, 64, false, "delegation token requests are not allowed here")               \
    X(DELEGATION_TOKEN_AUTHORIZATION_FAILED, 65, false, "not authorized for the delegation token")                     \
    X(DELEGATION_TOKEN_EXPIRED, 66, false, "delegation token has expired")                                             \
    X(INVALID_PRINCIPAL_TYPE, 67, false, "invalid principal type")                                                     \
    X(NON_EMPTY_GROUP, 68, false, "group is not empty")                                                                \
    X(GROUP_ID_NOT_FOUND, 69, false, "unknown group")                                                                  \
    X(FETCH_SESSION_ID_NOT_FOUND, 70, true, "unknown fetch session")                                                   \
    X(INVALID_FETCH_SESSION_EPOCH, 71, true, "invalid fetch session epoch")                                            \
    X(LISTENER_NOT_FOUND, 72, true, "leader has no matching listener")                                                 \
    X(TOPIC_DELETION_DISABLED, 73, false, "topic deletion is disabled")                                                \
    X(FENCED_LEADER_EPOCH, 74, true, "leader epoch is older than the broker's")                                        \
    X(UNKNOWN_LEADER_EPOCH, 75, true, "leader epoch is newer than the broker's")                                       \
    X(UNSUPPORTED_COMPRESSION_TYPE, 76, false, "compression type is not supported")                                    \
    X(STALE_BROKER_EPOCH, 77, false, "broker epoch is stale")                                                          \
    X(OFFSET_NOT_AVAILABLE, 78, true, "leader's high watermark has not caught up")                                     \
    X(MEMBER_ID_REQUIRED, 79, false, "member id is required, join again with the given one")                           \
    X(PREFERRED_LEADER_NOT_AVAILABLE, 80, true, "preferred leader is not available")                                   \
    X(GROUP_MAX_SIZE_REACHED, 81, false, "group has its maximum number of members")                                    \
    X(FENCED_INSTANCE_ID, 82, false, "instance id was taken by another member")                                        \
    X(ELIGIBLE_LEADERS_NOT_AVAILABLE, 83, true, "no eligible leader is available")                                     \
    X(ELECTION_NOT_NEEDED, 84, true, "election is not needed")                                                         \
    X(NO_REASSIGNMENT_IN_PROGRESS, 85, false, "no partition reassignment is in progress")                              \
    X(GROUP_SUBSCRIBED_TO_TOPIC, 86, false, "a member of the group subscribes to the topic")                           \
    X(INVALID_RECORD, 87, false, "record failed the validation")                                                       \
    X(UNSTABLE_OFFSET_COMMIT, 88, true, "offsets of open transactions are pending")                                    \
    X(THROTTLING_QUOTA_EXCEEDED, 89, true, "throttling quota is exceeded")                                             \
    X(PRODUCER_FENCED, 90, false, "producer was fenced by a newer one")                                                \
    X(RESOURCE_NOT_FOUND, 91, false, "unknown resource")                                                               \
    X(DUPLICATE_RESOURCE, 92, false, "resource was named twice")                                                       \
    X(UNACCEPTABLE_CREDENTIAL, 93, false, "credential does not meet the requirements")                                 \
    X(INCONSISTENT_VOTER_SET, 94, false, "voter sets differ")                                                          \
    X(INVALID_UPDATE_VERSION, 95, false, "invalid update version")                                                     \
    X(FEATURE_UPDATE_FAILED, 96, false, "features could not be updated")                                               \
    X(PRINCIPAL_DESERIALIZATION_FAILURE, 97, false, "principal could not be decoded")                                  \
    X(SNAPSHOT_NOT_FOUND, 98, false, "unknown snapshot")                                                               \
    X(POSITION_OUT_OF_RANGE, 99, false, "position is out of range")                                                    \
    X(UNKNOWN_TOPIC_ID, 100, true, "unknown topic id")                                                                 \
    X(DUPLICATE_BROKER_REGISTRATION, 101, false, "broker id is registered already")                                    \
    X(BROKER_ID_NOT_REGISTERED, 102, false, "broker id is not registered")                                             \
    X(INCONSISTENT_TOPIC_ID, 103, true, "topic id does not match the partition")                                       \
    X(INCONSISTENT_CLUSTER_ID, 104, false, "cluster id does not match")                                                \
    X(TRANSACTIONAL_ID_NOT_FOUND, 105, false, "unknown transactional id")                                              \
    X(FETCH_SESSION_TOPIC_ID_ERROR, 106, true, "fetch session and request disagree on topic ids")                      \
    X(INELIGIBLE_REPLICA, 107, false, "replica is not eligible")                                                       \
    X(NEW_LEADER_ELECTED, 108, false, "a new leader was elected")                                                      \
    X(OFFSET_MOVED_TO_TIERED_STORAGE, 109, false, "offset was moved to tiered storage")                                \
    X(FENCED_MEMBER_EPOCH, 110, false, "member epoch was fenced")                                                      \
    X(UNRELEASED_INSTANCE_ID, 111, false, "instance id is still in use")                                               \
    X(UNSUPPORTED_ASSIGNOR, 112, false, "assignor is not supported")                                                   \
    X(STALE_MEMBER_EPOCH, 113, false, "member epoch is stale")                                                         \
    X(MISMATCHED_ENDPOINT_TYPE, 114, false, "wrong type of endpoint")                                                  \
    X(UNSUPPORTED_ENDPOINT_TYPE, 115, false, "type of endpoint is not supported")                                      \
    X(UNKNOWN_CONTROLLER_ID, 116, false, "unknown controller")                                                         \
    X(UNKNOWN_SUBSCRIPTION_ID, 117, false, "unknown telemetry subscription")                                           \
    X(TELEMETRY_TOO_LARGE, 118, false, "telemetry is too large")                                                       \
    X(INVALID_REGISTRATION, 119, false, "invalid registration")                                                        \
    X(TRANSACTION_ABORTABLE, 120, false, "transaction must be aborted")                                                \
    X(INVALID_RECORD_STATE, 121, false, "record is in another state")                                                  \
    X(SHARE_SESSION_NOT_FOUND, 122, true, "unknown share session")                                                     \
    X(INVALID_SHARE_SESSION_EPOCH, 123, true, "invalid share session epoch")                                           \
    X(FENCED_STATE_EPOCH, 124, false, "state epoch was fenced")                                                        \
    X(INVALID_VOTER_KEY, 125, false, "invalid voter key")                                                              \
    X(DUPLICATE_VOTER, 126, false, "voter exists already")                                                             \
    X(VOTER_NOT_FOUND, 127, false, "unknown voter")                                                                    \
    X(INVALID_REGULAR_EXPRESSION, 128, false, "invalid regular expression")                                            \
    X(REBOOTSTRAP_REQUIRED, 129, false, "client must bootstrap again")                                                 \
    X(STREAMS_INVALID_TOPOLOGY, 130, false, "invalid streams topology")                                                \
    X(STREAMS_INVALID_TOPOLOGY_EPOCH, 131, false, "invalid streams topology epoch")                                    \
    X(STREAMS_TOPOLOGY_FENCED, 132, false, "streams topology epoch is stale")                                          \
    X(SHARE_SESSION_LIMIT_REACHED, 133, true, "too many share sessions")

enum kafka_error {
#define X(name, code, retriable, text) KAFKA_##name = code,
    KAFKA_ERROR_MAP(X)
#undef X
};

/* Kafka's name, "UNKNOWN_TOPIC_OR_PARTITION"; NULL for a code that is none. */
const char *kafka_error_name(int16_t code);

/* For error_message fields and logs; of a code that is none: KAFKA_UNKNOWN_SERVER_ERROR's. */
const char *kafka_error_text(int16_t code);

bool kafka_error_is_retriable(int16_t code);
