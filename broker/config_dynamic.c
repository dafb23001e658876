/* Which keys can be changed while the server runs: those that are read each time they are needed, and those that topics
 * inherit, as in Kafka. */
#include "config_private.h"

#include <errno.h>

static const enum config_id dynamic[] = {
    /* what topics inherit */
    CONFIG_COMPRESSION_GZIP_LEVEL,
    CONFIG_COMPRESSION_LZ4_LEVEL,
    CONFIG_COMPRESSION_TYPE,
    CONFIG_COMPRESSION_ZSTD_LEVEL,
    CONFIG_FURROW_COMPACTION_KEEP,
    CONFIG_FURROW_RETENTION_RECORDS,
    CONFIG_LOG_CLEANER_DELETE_RETENTION_MS,
    CONFIG_LOG_CLEANER_MAX_COMPACTION_LAG_MS,
    CONFIG_LOG_CLEANER_MIN_CLEANABLE_RATIO,
    CONFIG_LOG_CLEANER_MIN_COMPACTION_LAG_MS,
    CONFIG_LOG_CLEANUP_POLICY,
    CONFIG_LOG_FLUSH_INTERVAL_MESSAGES,
    CONFIG_LOG_FLUSH_INTERVAL_MS,
    CONFIG_LOG_INDEX_INTERVAL_BYTES,
    CONFIG_LOG_INDEX_SIZE_MAX_BYTES,
    CONFIG_LOG_MESSAGE_TIMESTAMP_AFTER_MAX_MS,
    CONFIG_LOG_MESSAGE_TIMESTAMP_BEFORE_MAX_MS,
    CONFIG_LOG_MESSAGE_TIMESTAMP_TYPE,
    CONFIG_LOG_PREALLOCATE,
    CONFIG_LOG_RETENTION_BYTES,
    CONFIG_LOG_RETENTION_MS,
    CONFIG_LOG_ROLL_JITTER_MS,
    CONFIG_LOG_ROLL_MS,
    CONFIG_LOG_SEGMENT_BYTES,
    CONFIG_LOG_SEGMENT_DELETE_DELAY_MS,
    CONFIG_MESSAGE_MAX_BYTES,
    CONFIG_MIN_INSYNC_REPLICAS,
    CONFIG_UNCLEAN_LEADER_ELECTION_ENABLE,
    /* of the server itself */
    CONFIG_FURROW_RETENTION_TOTAL_BYTES,
    CONFIG_GROUP_CONSUMER_ASSIGNMENT_INTERVAL_MS,
    CONFIG_LOG_CLEANER_BACKOFF_MS,
    CONFIG_LOG_CLEANER_DEDUPE_BUFFER_SIZE,
    CONFIG_LOG_CLEANER_IO_MAX_BYTES_PER_SECOND,
    CONFIG_MAX_CONNECTIONS,
    CONFIG_MAX_CONNECTIONS_PER_IP,
    CONFIG_PRODUCER_ID_EXPIRATION_MS,
};

bool config_is_dynamic(int id)
{
    for (size_t i = 0; i < sizeof dynamic / sizeof dynamic[0]; i++) {
        if ((int)dynamic[i] == id)
            return true;
    }
    return false;
}

int config_check_change(int id, slice value, struct error *error)
{
    const struct config_key *key = config_key(id);
    const struct setting_rule rule = {key->name, key->type, key->min, key->max, key->valid};
    return setting_check(&rule, value, error);
}

void config_use_changes(struct config *config, enum config_level level, const struct settings *changes)
{
    config->changes[level] = changes;
    for (size_t i = 0; i < sizeof dynamic / sizeof dynamic[0]; i++)
        config_refresh(config, (int)dynamic[i]);
}
