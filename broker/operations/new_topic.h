/* What must hold for a topic before it is created, in whatever dialect it was asked for; Kafka's rules and words. */
#pragma once

#include "kafka/error_code.h"
#include "operations/replica_assignment.h"
#include "server.h"

#define NEW_TOPIC_PARTITIONS_MAX 10000 /* of one topic, and of all together */

struct new_topic_setting {
    slice name;
    slice value;
};

struct new_topic {
    slice name;
    int32_t partitions;                           /* -1: num.partitions */
    int16_t replication_factor;                   /* -1: the default; 1 is the only other that one node can do */
    const struct replica_assignment *assignments; /* for new_topic_prepare, as the next one */
    int32_t assignment_count;
    const struct new_topic_setting *settings;
    int32_t setting_count;
};

/* KAFKA_NONE, or Kafka's error with words. Sets the number of partitions where it was left open. */
int16_t new_topic_check(struct server *server, struct new_topic *topic, struct error *error);

/* The same, with its assignments and settings: `config`, which has been initialised, is what it will have. */
int16_t new_topic_prepare(struct server *server, struct new_topic *topic, struct topic_config *config,
                          struct error *error);

/* Whether a topic may have `partitions` instead of what it has: KAFKA_NONE, or Kafka's error, with words but for a
 * topic that is not there (NULL). `count` < 0: no assignments were made. */
int16_t topic_check_growth(struct server *server, const struct topic *topic, int32_t partitions,
                           const struct replica_assignment *assignments, int32_t count, struct error *error);

/* KAFKA_NONE, or Kafka's error without words; the topic may be NULL. */
int16_t topic_check_deletion(const struct server *server, const struct topic *topic);

/* KAFKA_NONE, or KAFKA_STORAGE_ERROR with words when the disk is full. */
int16_t new_topic_check_space(struct server *server, struct error *error);

/* Sets one configuration entry of a topic that is being made or changed; KAFKA_NONE or INVALID_CONFIG with words. */
int16_t new_topic_set_config(struct server *server, struct topic_config *config, slice name, slice value,
                             struct error *error);
