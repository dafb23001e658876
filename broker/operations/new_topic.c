#include "operations/new_topic.h"

#include "metadata_log.h"

#include <errno.h>

static int16_t check_partitions(const struct server *server, const struct new_topic *topic, struct error *error)
{
    if (topic->partitions <= 0) {
        error_set(error, -EINVAL, "Number of partitions was set to an invalid non-positive value.");
        return KAFKA_INVALID_PARTITIONS;
    }
    size_t others = server->topics.partition_count + metadata_log_planned_partitions(server->metadata);
    if (topic->partitions > NEW_TOPIC_PARTITIONS_MAX || others + (size_t)topic->partitions > NEW_TOPIC_PARTITIONS_MAX) {
        error_set(error, -EINVAL, "%d partitions asked for, %zu exist: there can be %d in all.", topic->partitions,
                  others, NEW_TOPIC_PARTITIONS_MAX);
        return KAFKA_POLICY_VIOLATION;
    }
    return KAFKA_NONE;
}

int16_t new_topic_check_space(struct server *server, struct error *error)
{
    if (disk_watch_has_space(&server->disk_watch, uv_now(server->loop)))
        return KAFKA_NONE;
    error_set(error, -ENOSPC, "The disk is full.");
    return KAFKA_KAFKA_STORAGE_ERROR;
}

int16_t new_topic_check(struct server *server, struct new_topic *topic, struct error *error)
{
    if (!topic_name_valid(topic->name, error))
        return KAFKA_INVALID_TOPIC_EXCEPTION;
    if (topics_find(&server->topics, topic->name) != NULL || metadata_log_is_busy(server->metadata, topic->name)) {
        error_set(error, -EEXIST, "Topic '%.*s' already exists.", SLICE_PRINT(topic->name));
        return KAFKA_TOPIC_ALREADY_EXISTS;
    }
    const struct topic *other = topics_find_collision(&server->topics, topic->name);
    if (other != NULL) {
        error_set(error, -EEXIST, "Topic '%.*s' collides with existing topic: %s", SLICE_PRINT(topic->name),
                  other->name);
        return KAFKA_INVALID_TOPIC_EXCEPTION;
    }
    if (topic->partitions == -1)
        topic->partitions = (int32_t)config_number(server->config, CONFIG_NUM_PARTITIONS);
    if (topic->replication_factor == 0 || topic->replication_factor < -1) {
        error_set(error, -EINVAL, "Replication factor must be larger than 0, or -1 to use the default value.");
        return KAFKA_INVALID_REPLICATION_FACTOR;
    }
    int16_t code = check_partitions(server, topic, error);
    if (code != KAFKA_NONE)
        return code;
    char folder[DISK_PATH_MAX]; /* each ':' takes three characters there */
    if (partition_folder_name(topic->name, topic->partitions - 1, folder) != 0) {
        error_set(error, -ENAMETOOLONG,
                  "Topic name is invalid: with its colons it is too long for the name of a folder");
        return KAFKA_INVALID_TOPIC_EXCEPTION;
    }
    if (topic->replication_factor > 1) {
        error_set(error, -EINVAL,
                  "Unable to replicate the partition %d time(s): The target replication factor of %d cannot be reached "
                  "because only 1 broker(s) are registered.",
                  topic->replication_factor, topic->replication_factor);
        return KAFKA_INVALID_REPLICATION_FACTOR;
    }
    return new_topic_check_space(server, error);
}

int16_t new_topic_set_config(struct server *server, struct topic_config *config, slice name, slice value,
                             struct error *error)
{
    int key = topic_config_find(name);
    if (key < 0) {
        error_set(error, -ENOENT, "Unknown topic config name: %.*s", SLICE_PRINT(name));
        return KAFKA_INVALID_CONFIG;
    }
    if (slice_is_null(value)) {
        error_set(error, -EINVAL, "Null value not supported for topic configs: %.*s", SLICE_PRINT(name));
        return KAFKA_INVALID_CONFIG;
    }
    int rc = topic_config_set(config, server->config, server->memory, key, value, error);
    if (rc == 0)
        return KAFKA_NONE;
    return rc == -ENOMEM ? KAFKA_UNKNOWN_SERVER_ERROR : KAFKA_INVALID_CONFIG;
}

/* ---- with all that was said of it ---- */

static int16_t refuse(struct error *error, int16_t code, const char *words)
{
    error_set(error, -EINVAL, "%s", words);
    return code;
}

/* A manual assignment may only say what is true anyway: partitions 0…n-1, each on this node. */
static int16_t check_assignments(const struct server *server, struct new_topic *topic, struct error *error)
{
    int32_t count = topic->assignment_count;
    if (count <= 0)
        return KAFKA_NONE;
    if (topic->partitions != -1)
        return refuse(error, KAFKA_INVALID_REQUEST,
                      "A manual partition assignment was specified, but numPartitions was not set to -1.");
    if (topic->replication_factor != -1)
        return refuse(error, KAFKA_INVALID_REQUEST,
                      "A manual partition assignment was specified, but replication factor was not set to -1.");
    if (count > NEW_TOPIC_PARTITIONS_MAX)
        return refuse(error, KAFKA_POLICY_VIOLATION, "there can be no topic with so many partitions");
    bool assigned[NEW_TOPIC_PARTITIONS_MAX] = {false};
    for (int32_t i = 0; i < count; i++) {
        const struct replica_assignment *assignment = &topic->assignments[i];
        if (assignment->partition < 0 || assignment->partition >= count)
            return refuse(error, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                          "partitions should be a consecutive 0-based integer sequence");
        if (!replica_assignment_is_possible(server, assignment, error))
            return KAFKA_INVALID_REPLICA_ASSIGNMENT;
        if (assigned[assignment->partition])
            return refuse(error, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                          "Found multiple manual partition assignments for one partition");
        assigned[assignment->partition] = true;
    }
    topic->partitions = count;
    return KAFKA_NONE;
}

int16_t new_topic_prepare(struct server *server, struct new_topic *topic, struct topic_config *config,
                          struct error *error)
{
    int16_t code = check_assignments(server, topic, error);
    if (code == KAFKA_NONE)
        code = new_topic_check(server, topic, error);
    for (int32_t i = 0; code == KAFKA_NONE && i < topic->setting_count; i++)
        code = new_topic_set_config(server, config, topic->settings[i].name, topic->settings[i].value, error);
    if (code == KAFKA_NONE && topic_config_check(config, server->config, error) != 0)
        code = KAFKA_INVALID_CONFIG;
    return code;
}

/* ---- of one that is there ---- */

static int16_t check_added(const struct server *server, int32_t added, const struct replica_assignment *assignments,
                           int32_t count, struct error *error)
{
    if (count != added) {
        error_set(error, -EINVAL,
                  "Attempted to add %d additional partition(s), but only %d assignment(s) were specified.", added,
                  count);
        return KAFKA_INVALID_REPLICA_ASSIGNMENT;
    }
    for (int32_t i = 0; i < count; i++) {
        if (!replica_assignment_is_possible(server, &assignments[i], error))
            return KAFKA_INVALID_REPLICA_ASSIGNMENT;
    }
    return KAFKA_NONE;
}

int16_t topic_check_growth(struct server *server, const struct topic *topic, int32_t partitions,
                           const struct replica_assignment *assignments, int32_t count, struct error *error)
{
    if (topic == NULL)
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION; /* Kafka has no words for it here */
    int32_t current = topic->partition_count;
    if (partitions == current) {
        error_set(error, -EINVAL, "Topic already has %d partition(s).", current);
        return KAFKA_INVALID_PARTITIONS;
    }
    if (partitions < current) {
        error_set(error, -EINVAL, "The topic %s currently has %d partition(s); %d would not be an increase.",
                  topic->name, current, partitions);
        return KAFKA_INVALID_PARTITIONS;
    }
    size_t others = server->topics.partition_count + metadata_log_planned_partitions(server->metadata);
    if (others + (size_t)(partitions - current) > NEW_TOPIC_PARTITIONS_MAX) {
        error_set(error, -EINVAL, "there can be %d partitions in all", NEW_TOPIC_PARTITIONS_MAX);
        return KAFKA_POLICY_VIOLATION;
    }
    int16_t space = new_topic_check_space(server, error);
    if (space != KAFKA_NONE || count < 0)
        return space;
    return check_added(server, partitions - current, assignments, count, error);
}

int16_t topic_check_deletion(const struct server *server, const struct topic *topic)
{
    if (topic == NULL)
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    return config_flag(server->config, CONFIG_DELETE_TOPIC_ENABLE) ? KAFKA_NONE : KAFKA_TOPIC_DELETION_DISABLED;
}
