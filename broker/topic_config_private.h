/* What topic_config.c, its table and the checks of its values share. */
#pragma once

#include "config.h"
#include "topic_config.h"

/* Indexes into the table, topic_config_table.c. */
enum topic_key {
    CLEANUP_POLICY,
    COMPRESSION_GZIP_LEVEL,
    COMPRESSION_LZ4_LEVEL,
    COMPRESSION_TYPE,
    COMPRESSION_ZSTD_LEVEL,
    DELETE_RETENTION_MS,
    FILE_DELETE_DELAY_MS,
    FLUSH_MESSAGES,
    FLUSH_MS,
    FOLLOWER_REPLICATION_THROTTLED_REPLICAS,
    FURROW_COMPACTION_KEEP,
    FURROW_COMPACTION_KEY,
    FURROW_RETENTION_RECORDS,
    INDEX_INTERVAL_BYTES,
    LEADER_REPLICATION_THROTTLED_REPLICAS,
    LOCAL_RETENTION_BYTES,
    LOCAL_RETENTION_MS,
    MAX_COMPACTION_LAG_MS,
    MAX_MESSAGE_BYTES,
    MESSAGE_TIMESTAMP_AFTER_MAX_MS,
    MESSAGE_TIMESTAMP_BEFORE_MAX_MS,
    MESSAGE_TIMESTAMP_TYPE,
    MIN_CLEANABLE_DIRTY_RATIO,
    MIN_COMPACTION_LAG_MS,
    MIN_INSYNC_REPLICAS,
    PREALLOCATE,
    REMOTE_LOG_COPY_DISABLE,
    REMOTE_LOG_DELETE_ON_DISABLE,
    REMOTE_STORAGE_ENABLE,
    RETENTION_BYTES,
    RETENTION_MS,
    SEGMENT_BYTES,
    SEGMENT_INDEX_BYTES,
    SEGMENT_JITTER_MS,
    SEGMENT_MS,
    UNCLEAN_LEADER_ELECTION_ENABLE,
    TOPIC_KEY_COUNT
};

extern const struct topic_config_key topic_config_table[TOPIC_KEY_COUNT];

/* Whether the key takes the value. -EINVAL with Kafka's words. */
MUST_USE int topic_config_check_value(const struct topic_config_key *key, slice value, struct error *error);
