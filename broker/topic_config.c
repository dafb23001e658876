#include "topic_config_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

size_t topic_config_keys(const struct topic_config_key **table)
{
    *table = topic_config_table;
    return TOPIC_KEY_COUNT;
}

int topic_config_find(slice name)
{
    for (int key = 0; key < TOPIC_KEY_COUNT; key++) {
        if (slice_equal(name, slice_of_text(topic_config_table[key].name)))
            return key;
    }
    return -1;
}

const char *topic_config_text(const struct topic_config *topic, const struct config *config, int key, bool *is_own)
{
    const char *text = settings_find(&topic->own, key);
    *is_own = text != NULL;
    if (text == NULL && topic_config_table[key].broker_name != NULL)
        text = config_text(config, topic_config_table[key].broker_name);
    return text != NULL ? text : topic_config_table[key].default_text;
}

static int64_t effective_number(const struct topic_config *topic, const struct config *config, int key)
{
    bool is_own;
    return strtoll(topic_config_text(topic, config, key, &is_own), NULL, 10);
}

static const char *effective_text(const struct topic_config *topic, const struct config *config, int key)
{
    bool is_own;
    return topic_config_text(topic, config, key, &is_own);
}

static int32_t effective_i32(const struct topic_config *topic, const struct config *config, int key)
{
    int64_t number = effective_number(topic, config, key);
    return number > INT32_MAX ? INT32_MAX : (int32_t)number;
}

static void apply_compression(struct topic_config *topic, const struct config *config)
{
    slice type = slice_of_text(effective_text(topic, config, COMPRESSION_TYPE));
    topic->recompress = !slice_equal(type, slice_of_text("producer"));
    topic->codec = CODEC_NONE;
    if (topic->recompress && !codec_parse(type, &topic->codec))
        topic->codec = CODEC_NONE; /* "uncompressed" */
    switch (topic->codec) {
    case CODEC_GZIP:
        topic->compression_level = effective_i32(topic, config, COMPRESSION_GZIP_LEVEL);
        break;
    case CODEC_LZ4:
        topic->compression_level = effective_i32(topic, config, COMPRESSION_LZ4_LEVEL);
        break;
    case CODEC_ZSTD:
        topic->compression_level = effective_i32(topic, config, COMPRESSION_ZSTD_LEVEL);
        break;
    default:
        topic->compression_level = codec_default_level(topic->codec);
    }
}

struct topic_compaction_key topic_config_compaction_key(const struct topic_config *topic, const struct config *config)
{
    struct topic_compaction_key key;
    if (!topic_config_parse_compaction_key(slice_of_text(effective_text(topic, config, FURROW_COMPACTION_KEY)), &key))
        key = (struct topic_compaction_key){.kind = COMPACTION_BY_KEY};
    return key;
}

static void apply_compaction(struct topic_config *topic, const struct config *config)
{
    bool compacts = (topic->cleanup_policy & CLEANUP_COMPACT) != 0;
    topic->delete_retention_ms = effective_number(topic, config, DELETE_RETENTION_MS);
    topic->min_compaction_lag_ms = effective_number(topic, config, MIN_COMPACTION_LAG_MS);
    topic->max_compaction_lag_ms = effective_number(topic, config, MAX_COMPACTION_LAG_MS);
    topic->min_cleanable_ratio = strtod(effective_text(topic, config, MIN_CLEANABLE_DIRTY_RATIO), NULL);
    topic->compaction_keep = (uint32_t)effective_i32(topic, config, FURROW_COMPACTION_KEEP);
    topic->keys_required = compacts && topic_config_compaction_key(topic, config).kind != COMPACTION_BY_HEADER;
    /* As in Kafka: the active segment is never compacted, so it must not become older than what may stay so. */
    if (compacts && topic->log.segment_ms > topic->max_compaction_lag_ms)
        topic->log.segment_ms = topic->max_compaction_lag_ms;
}

/* Works the typed values out anew. */
static void apply(struct topic_config *topic, const struct config *config)
{
    topic->log = (struct log_config){
        .segment_bytes = effective_number(topic, config, SEGMENT_BYTES),
        .segment_ms = effective_number(topic, config, SEGMENT_MS),
        .segment_jitter_ms = effective_number(topic, config, SEGMENT_JITTER_MS),
        .segment_index_bytes = effective_i32(topic, config, SEGMENT_INDEX_BYTES),
        .index_interval_bytes = effective_i32(topic, config, INDEX_INTERVAL_BYTES),
    };
    const char *policy = effective_text(topic, config, CLEANUP_POLICY);
    topic->cleanup_policy = (strstr(policy, "delete") != NULL ? CLEANUP_DELETE : 0U) |
                            (strstr(policy, "compact") != NULL ? CLEANUP_COMPACT : 0U);
    topic->max_message_bytes = effective_i32(topic, config, MAX_MESSAGE_BYTES);
    topic->log_append_time = strcmp(effective_text(topic, config, MESSAGE_TIMESTAMP_TYPE), "LogAppendTime") == 0;
    apply_compression(topic, config);
    topic->retention_ms = effective_number(topic, config, RETENTION_MS);
    topic->retention_bytes = effective_number(topic, config, RETENTION_BYTES);
    topic->retention_records = effective_number(topic, config, FURROW_RETENTION_RECORDS);
    topic->file_delete_delay_ms = effective_number(topic, config, FILE_DELETE_DELAY_MS);
    topic->timestamp_before_max_ms = effective_number(topic, config, MESSAGE_TIMESTAMP_BEFORE_MAX_MS);
    topic->timestamp_after_max_ms = effective_number(topic, config, MESSAGE_TIMESTAMP_AFTER_MAX_MS);
    topic->min_insync_replicas = effective_i32(topic, config, MIN_INSYNC_REPLICAS);
    topic->flush_messages = effective_number(topic, config, FLUSH_MESSAGES);
    topic->flush_ms = effective_number(topic, config, FLUSH_MS);
    apply_compaction(topic, config);
}

void topic_config_init(struct topic_config *topic, const struct config *config)
{
    *topic = (struct topic_config){.cleanup_policy = 0};
    apply(topic, config);
}

void topic_config_close(struct topic_config *topic, struct memory *memory)
{
    settings_close(&topic->own, memory);
}

int topic_config_copy(struct topic_config *to, const struct topic_config *from, struct memory *memory)
{
    *to = *from;
    return settings_copy(&to->own, &from->own, memory);
}

int topic_config_set(struct topic_config *topic, const struct config *config, struct memory *memory, int key,
                     slice value, struct error *error)
{
    if (key < 0 || key >= TOPIC_KEY_COUNT)
        return error_set(error, -ENOENT, "Unknown topic config name");
    if (topic_config_table[key].type != SETTING_STRING)
        value = setting_trim(value);
    int rc = topic_config_check_value(&topic_config_table[key], value, error);
    if (rc != 0)
        return rc;
    rc = settings_set(&topic->own, memory, key, value);
    if (rc != 0)
        return error_set_status(error, rc, "%s", topic_config_table[key].name);
    apply(topic, config);
    return 0;
}

int topic_config_check(const struct topic_config *topic, const struct config *config, struct error *error)
{
    int64_t min = effective_number(topic, config, MIN_COMPACTION_LAG_MS);
    int64_t max = effective_number(topic, config, MAX_COMPACTION_LAG_MS);
    if (min <= max)
        return 0;
    return error_set(error, -EINVAL,
                     "conflict topic config setting min.compaction.lag.ms (%" PRId64
                     ") > max.compaction.lag.ms (%" PRId64 ")",
                     min, max);
}

void topic_config_unset(struct topic_config *topic, const struct config *config, struct memory *memory, int key)
{
    if (settings_unset(&topic->own, memory, key))
        apply(topic, config);
}

void topic_config_refresh(struct topic_config *topic, const struct config *config)
{
    apply(topic, config);
}
