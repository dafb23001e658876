#include "topic_config.h"

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define LONG_MAX_TEXT "9223372036854775807"

/* Indexes into the table below. */
enum key {
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
    KEY_COUNT
};

#define BOOLEAN(name, broker, text, help)                                                                              \
    {                                                                                                                  \
        name, broker, TOPIC_CONFIG_BOOLEAN, text, 0, 1, "true,false", help                                             \
    }
#define STRING(name, broker, text, valid, help)                                                                        \
    {                                                                                                                  \
        name, broker, TOPIC_CONFIG_STRING, text, 0, 0, valid, help                                                     \
    }
#define LIST(name, broker, text, valid, help)                                                                          \
    {                                                                                                                  \
        name, broker, TOPIC_CONFIG_LIST, text, 0, 0, valid, help                                                       \
    }
#define INT(name, broker, text, min, max, help)                                                                        \
    {                                                                                                                  \
        name, broker, TOPIC_CONFIG_INT, text, min, max, NULL, help                                                     \
    }
#define LONG(name, broker, text, min, help)                                                                            \
    {                                                                                                                  \
        name, broker, TOPIC_CONFIG_LONG, text, min, INT64_MAX, NULL, help                                              \
    }
#define RATIO(name, broker, text, help)                                                                                \
    {                                                                                                                  \
        name, broker, TOPIC_CONFIG_DOUBLE, text, 0, 1, NULL, help                                                      \
    }

static const struct topic_config_key keys[KEY_COUNT] = {
    [CLEANUP_POLICY] = LIST("cleanup.policy", "log.cleanup.policy", "delete", "compact,delete",
                            "What happens to old segments: delete removes them by age or size, compact keeps the last "
                            "record of each key. With compact, every record needs a key; nothing else acts on it yet."),
    [COMPRESSION_GZIP_LEVEL] = INT("compression.gzip.level", "compression.gzip.level", "-1", -1, 9,
                                   "Level when compression.type is gzip: 1 to 9, or -1 for the library's default."),
    [COMPRESSION_LZ4_LEVEL] =
        INT("compression.lz4.level", "compression.lz4.level", "9", 1, 17, "Level when compression.type is lz4."),
    [COMPRESSION_TYPE] =
        STRING("compression.type", "compression.type", "producer", "uncompressed,zstd,lz4,snappy,gzip,producer",
               "The codec in which batches are kept; producer keeps what the producer chose."),
    [COMPRESSION_ZSTD_LEVEL] = INT("compression.zstd.level", "compression.zstd.level", "3", -131072, 22,
                                   "Level when compression.type is zstd."),
    [DELETE_RETENTION_MS] = LONG("delete.retention.ms", "log.cleaner.delete.retention.ms", "86400000", 0,
                                 "How long tombstones of a compacted topic are kept. Kept; nothing acts on it yet."),
    [FILE_DELETE_DELAY_MS] = LONG("file.delete.delay.ms", "log.segment.delete.delay.ms", "60000", 0,
                                  "How long a deleted segment's file stays on the disk. Kept; nothing acts on it yet."),
    [FLUSH_MESSAGES] =
        LONG("flush.messages", "log.flush.interval.messages", LONG_MAX_TEXT, 1,
             "Records after which the log is synced even without acks=all. Kept; nothing acts on it yet."),
    [FLUSH_MS] = LONG("flush.ms", "log.flush.interval.ms", LONG_MAX_TEXT, 0,
                      "Time in ms after which records are synced even without acks=all."),
    [FOLLOWER_REPLICATION_THROTTLED_REPLICAS] =
        LIST("follower.replication.throttled.replicas", NULL, "", NULL,
             "Replicas whose copying is throttled. Kept, but without effect: one node copies nothing."),
    [INDEX_INTERVAL_BYTES] = INT("index.interval.bytes", "log.index.interval.bytes", "4096", 0, INT32_MAX,
                                 "Bytes of log for each entry of the offset index."),
    [LEADER_REPLICATION_THROTTLED_REPLICAS] =
        LIST("leader.replication.throttled.replicas", NULL, "", NULL,
             "Replicas from which copying is throttled. Kept, but without effect: one node copies nothing."),
    [LOCAL_RETENTION_BYTES] =
        LONG("local.retention.bytes", NULL, "-2", -2,
             "Bytes that stay here once segments are in remote storage. Kept, but without effect: there is none."),
    [LOCAL_RETENTION_MS] =
        LONG("local.retention.ms", NULL, "-2", -2,
             "How long segments stay here once they are in remote storage. Kept, but without effect: there is none."),
    [MAX_COMPACTION_LAG_MS] =
        LONG("max.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms", LONG_MAX_TEXT, 1,
             "The longest time a record of a compacted topic stays uncompacted. Kept; nothing acts on it yet."),
    [MAX_MESSAGE_BYTES] = INT("max.message.bytes", "message.max.bytes", "1048588", 0, INT32_MAX,
                              "The largest record batch taken, in bytes."),
    [MESSAGE_TIMESTAMP_AFTER_MAX_MS] =
        LONG("message.timestamp.after.max.ms", "log.message.timestamp.after.max.ms", "3600000", 0,
             "How far a record's timestamp may lie ahead of the server's clock."),
    [MESSAGE_TIMESTAMP_BEFORE_MAX_MS] =
        LONG("message.timestamp.before.max.ms", "log.message.timestamp.before.max.ms", LONG_MAX_TEXT, 0,
             "How far a record's timestamp may lie behind the server's clock."),
    [MESSAGE_TIMESTAMP_TYPE] =
        STRING("message.timestamp.type", "log.message.timestamp.type", "CreateTime", "CreateTime,LogAppendTime",
               "Whose time a record carries: the producer's or the server's."),
    [MIN_CLEANABLE_DIRTY_RATIO] =
        RATIO("min.cleanable.dirty.ratio", "log.cleaner.min.cleanable.ratio", "0.5",
              "The share of a log that must be uncompacted before it is compacted. Kept; nothing acts on it yet."),
    [MIN_COMPACTION_LAG_MS] =
        LONG("min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms", "0", 0,
             "The shortest time a record of a compacted topic stays uncompacted. Kept; nothing acts on it yet."),
    [MIN_INSYNC_REPLICAS] = INT("min.insync.replicas", "min.insync.replicas", "1", 1, INT32_MAX,
                                "Replicas that must have a record before acks=all is answered; there is one here."),
    [PREALLOCATE] = BOOLEAN("preallocate", "log.preallocate", "false",
                            "Whether segment files are allocated in advance. Kept; nothing acts on it yet."),
    [REMOTE_LOG_COPY_DISABLE] =
        BOOLEAN("remote.log.copy.disable", NULL, "false",
                "Whether nothing more is copied to remote storage. Kept, but without effect: there is none."),
    [REMOTE_LOG_DELETE_ON_DISABLE] =
        BOOLEAN("remote.log.delete.on.disable", NULL, "false",
                "Whether remote segments go when remote storage is disabled. Kept, but without effect: there is none."),
    [REMOTE_STORAGE_ENABLE] = BOOLEAN("remote.storage.enable", NULL, "false",
                                      "Whether segments are moved to remote storage: there is none, so only false."),
    [RETENTION_BYTES] = {"retention.bytes", "log.retention.bytes", TOPIC_CONFIG_LONG, "-1", INT64_MIN, INT64_MAX, NULL,
                         "Bytes that a partition may have before its oldest segments are deleted; -1: any. Kept; "
                         "nothing acts on it yet."},
    [RETENTION_MS] = LONG("retention.ms", "log.retention.ms", "604800000", -1,
                          "Age in ms at which segments are deleted; -1: never. Kept; nothing acts on it yet."),
    [SEGMENT_BYTES] = INT("segment.bytes", "log.segment.bytes", "1073741824", 1048576, INT32_MAX,
                          "Bytes after which a new segment is begun."),
    [SEGMENT_INDEX_BYTES] = INT("segment.index.bytes", "log.index.size.max.bytes", "10485760", 4, INT32_MAX,
                                "The largest offset index of a segment, in bytes."),
    [SEGMENT_JITTER_MS] = LONG(
        "segment.jitter.ms", "log.roll.jitter.ms", "0", 0,
        "A random part taken off segment.ms, so that segments do not roll together. Kept; nothing acts on it yet."),
    [SEGMENT_MS] = LONG("segment.ms", "log.roll.ms", "604800000", 1, "Age in ms after which a new segment is begun."),
    [UNCLEAN_LEADER_ELECTION_ENABLE] =
        BOOLEAN("unclean.leader.election.enable", "unclean.leader.election.enable", "false",
                "Whether a replica that is behind may become leader; there is one replica here."),
};

size_t topic_config_keys(const struct topic_config_key **table)
{
    *table = keys;
    return KEY_COUNT;
}

int topic_config_find(slice name)
{
    for (int key = 0; key < KEY_COUNT; key++) {
        if (slice_equal(name, slice_of_text(keys[key].name)))
            return key;
    }
    return -1;
}

static const char *own_text(const struct topic_config *topic, int key)
{
    for (uint16_t i = 0; i < topic->override_count; i++) {
        if (topic->overrides[i].key == key)
            return topic->overrides[i].text;
    }
    return NULL;
}

const char *topic_config_text(const struct topic_config *topic, const struct config *config, int key, bool *is_own)
{
    const char *text = own_text(topic, key);
    *is_own = text != NULL;
    if (text == NULL && keys[key].broker_name != NULL)
        text = config_text(config, keys[key].broker_name);
    return text != NULL ? text : keys[key].default_text;
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

/* Works the typed values out anew. */
static void apply(struct topic_config *topic, const struct config *config)
{
    topic->log = (struct log_config){
        .segment_bytes = effective_number(topic, config, SEGMENT_BYTES),
        .segment_ms = effective_number(topic, config, SEGMENT_MS),
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
    topic->timestamp_before_max_ms = effective_number(topic, config, MESSAGE_TIMESTAMP_BEFORE_MAX_MS);
    topic->timestamp_after_max_ms = effective_number(topic, config, MESSAGE_TIMESTAMP_AFTER_MAX_MS);
    topic->min_insync_replicas = effective_i32(topic, config, MIN_INSYNC_REPLICAS);
    topic->flush_messages = effective_number(topic, config, FLUSH_MESSAGES);
    topic->flush_ms = effective_number(topic, config, FLUSH_MS);
}

void topic_config_init(struct topic_config *topic, const struct config *config)
{
    *topic = (struct topic_config){.override_count = 0};
    apply(topic, config);
}

void topic_config_close(struct topic_config *topic, struct memory *memory)
{
    for (uint16_t i = 0; i < topic->override_count; i++)
        memory_free(memory, MEMORY_TOPICS, topic->overrides[i].text, strlen(topic->overrides[i].text) + 1);
    memory_free(memory, MEMORY_TOPICS, topic->overrides, topic->override_capacity * sizeof *topic->overrides);
    topic->overrides = NULL;
    topic->override_count = 0;
    topic->override_capacity = 0;
}

static char *copy_text(struct memory *memory, slice text)
{
    char *copy = memory_alloc(memory, MEMORY_TOPICS, text.size + 1);
    if (copy == NULL)
        return NULL;
    if (text.size != 0)
        memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}

static bool grow_overrides(struct topic_config *topic, struct memory *memory)
{
    uint16_t capacity = (uint16_t)(topic->override_capacity + 4);
    struct topic_config_override *overrides =
        memory_realloc(memory, MEMORY_TOPICS, topic->overrides, topic->override_capacity * sizeof *overrides,
                       capacity * sizeof *overrides);
    if (overrides == NULL)
        return false;
    topic->overrides = overrides;
    topic->override_capacity = capacity;
    return true;
}

static int add_override(struct topic_config *topic, struct memory *memory, int key, slice value)
{
    if (topic->override_count == topic->override_capacity && !grow_overrides(topic, memory))
        return -ENOMEM;
    char *text = copy_text(memory, value);
    if (text == NULL)
        return -ENOMEM;
    topic->overrides[topic->override_count++] = (struct topic_config_override){.key = (uint16_t)key, .text = text};
    return 0;
}

int topic_config_copy(struct topic_config *to, const struct topic_config *from, struct memory *memory)
{
    *to = *from;
    to->overrides = NULL;
    to->override_count = 0;
    to->override_capacity = 0;
    for (uint16_t i = 0; i < from->override_count; i++) {
        int rc = add_override(to, memory, from->overrides[i].key, slice_of_text(from->overrides[i].text));
        if (rc != 0) {
            topic_config_close(to, memory);
            return rc;
        }
    }
    return 0;
}

static bool names_value(const char *valid, slice value)
{
    while (*valid != '\0') {
        size_t size = strcspn(valid, ",");
        if (slice_equal(value, slice_of(valid, size)))
            return true;
        valid += size + (valid[size] == ',');
    }
    return false;
}

/* Kafka drops the blanks around every value that is not just text, and around the elements of a list. */
static slice trim(slice text)
{
    while (text.size != 0 && text.data[0] <= ' ')
        text = slice_of(text.data + 1, text.size - 1);
    while (text.size != 0 && text.data[text.size - 1] <= ' ')
        text.size--;
    return text;
}

bool topic_config_next_element(slice *rest, slice *element)
{
    if (slice_is_null(*rest))
        return false;
    const uint8_t *comma = rest->size != 0 ? memchr(rest->data, ',', rest->size) : NULL;
    size_t size = comma != NULL ? (size_t)(comma - rest->data) : rest->size;
    *element = trim(slice_of(rest->data, size));
    *rest = comma != NULL ? slice_of(comma + 1, rest->size - size - 1) : NULL_SLICE;
    return true;
}

static int refuse(const struct topic_config_key *key, slice value, const char *why, struct error *error)
{
    return error_set(error, -EINVAL, "Invalid value %.*s for configuration %s: %s", SLICE_PRINT(value), key->name, why);
}

static int check_number(const struct topic_config_key *key, slice value, struct error *error)
{
    char text[24], *end;
    bool is_int = key->type == TOPIC_CONFIG_INT;
    const char *not_a_number = is_int ? "Not a number of type INT" : "Not a number of type LONG";
    if (value.size == 0 || value.size >= sizeof text)
        return refuse(key, value, not_a_number, error);
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (*end != '\0' || errno != 0 || text[0] == ' ' || (is_int && (number < INT32_MIN || number > INT32_MAX)))
        return refuse(key, value, not_a_number, error);
    char why[64];
    if (number < key->min) {
        snprintf(why, sizeof why, "Value must be at least %" PRId64, key->min);
        return refuse(key, value, why, error);
    }
    if (key == &keys[COMPRESSION_GZIP_LEVEL] && (number == 0 || number > key->max))
        return refuse(key, value, "Value must be between 1 and 9 or equal to -1", error);
    if (number > key->max) {
        snprintf(why, sizeof why, "Value must be no more than %" PRId64, key->max);
        return refuse(key, value, why, error);
    }
    return 0;
}

static int refuse_choice(const struct topic_config_key *key, slice value, struct error *error)
{
    char choices[96];
    size_t at = 0;
    for (const char *valid = key->valid; *valid != '\0' && at < sizeof choices - 2; valid++) {
        choices[at++] = *valid;
        if (*valid == ',')
            choices[at++] = ' ';
    }
    choices[at] = '\0';
    return error_set(error, -EINVAL, "Invalid value %.*s for configuration %s: String must be one of: %s",
                     SLICE_PRINT(value), key->name, choices);
}

static size_t count_digits(slice text)
{
    size_t count = 0;
    while (count < text.size && text.data[count] >= '0' && text.data[count] <= '9')
        count++;
    return count;
}

static bool is_replica(slice element)
{
    size_t partition = count_digits(element);
    if (partition == 0 || partition == element.size || element.data[partition] != ':')
        return element.size == 0;
    slice broker = slice_of(element.data + partition + 1, element.size - partition - 1);
    return broker.size != 0 && count_digits(broker) == broker.size;
}

/* "*", or partition:broker for each replica; as in Kafka, elements may be empty or repeated. */
static int check_replicas(const struct topic_config_key *key, slice value, struct error *error)
{
    slice rest = slice_equal(value, slice_of_text("*")) ? NULL_SLICE : value, element;
    while (topic_config_next_element(&rest, &element)) {
        if (!is_replica(element))
            return error_set(error, -EINVAL,
                             "Invalid value %.*s for configuration %s: %s must be the literal '*' or a list of "
                             "replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
                             SLICE_PRINT(value), key->name, key->name);
    }
    return 0;
}

/* An empty list is valid, an empty element is not; nothing may be in it twice (KIP-1161). */
static int check_list(const struct topic_config_key *key, slice value, struct error *error)
{
    slice rest = value.size != 0 ? value : NULL_SLICE, element;
    while (topic_config_next_element(&rest, &element)) {
        slice others = rest, other;
        if (element.size == 0)
            return error_set(error, -EINVAL, "Configuration '%s' values must not be empty.", key->name);
        if (!names_value(key->valid, element))
            return refuse_choice(key, element, error);
        while (topic_config_next_element(&others, &other)) {
            if (slice_equal(element, other))
                return error_set(error, -EINVAL, "Configuration '%s' values must not be duplicated.", key->name);
        }
    }
    return 0;
}

static int check_ratio(const struct topic_config_key *key, slice value, struct error *error)
{
    char text[32], *end;
    if (value.size == 0 || value.size >= sizeof text)
        return refuse(key, value, "Not a number of type DOUBLE", error);
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    double number = strtod(text, &end);
    if (*end != '\0')
        return refuse(key, value, "Not a number of type DOUBLE", error);
    if (!(number >= 0 && number <= 1))
        return refuse(key, value, number < 0 ? "Value must be at least 0" : "Value must be no more than 1", error);
    return 0;
}

static bool is_boolean(slice value)
{
    return (value.size == 4 && strncasecmp((const char *)value.data, "true", 4) == 0) ||
           (value.size == 5 && strncasecmp((const char *)value.data, "false", 5) == 0);
}

static int check(const struct topic_config_key *key, slice value, struct error *error)
{
    if (value.size > TOPIC_CONFIG_TEXT_MAX)
        return error_set(error, -EINVAL, "Invalid value for configuration %s: it is longer than %d bytes", key->name,
                         TOPIC_CONFIG_TEXT_MAX);
    switch (key->type) {
    case TOPIC_CONFIG_INT:
    case TOPIC_CONFIG_LONG:
        return check_number(key, value, error);
    case TOPIC_CONFIG_DOUBLE:
        return check_ratio(key, value, error);
    case TOPIC_CONFIG_LIST:
        return key->valid != NULL ? check_list(key, value, error) : check_replicas(key, value, error);
    case TOPIC_CONFIG_BOOLEAN:
        if (key == &keys[REMOTE_STORAGE_ENABLE] && value.size == 4 && is_boolean(value))
            return error_set(error, -EINVAL,
                             "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with "
                             "remote log storage.");
        if (is_boolean(value))
            return 0;
        return refuse(key, value, "Expected value to be either true or false", error);
    case TOPIC_CONFIG_STRING:
        break;
    }
    return names_value(key->valid, value) ? 0 : refuse_choice(key, value, error);
}

int topic_config_set(struct topic_config *topic, const struct config *config, struct memory *memory, int key,
                     slice value, struct error *error)
{
    if (key < 0 || key >= KEY_COUNT)
        return error_set(error, -ENOENT, "Unknown topic config name");
    if (keys[key].type != TOPIC_CONFIG_STRING)
        value = trim(value);
    int rc = check(&keys[key], value, error);
    if (rc != 0)
        return rc;
    topic_config_unset(topic, config, memory, key);
    rc = add_override(topic, memory, key, value);
    if (rc != 0)
        return error_set_status(error, rc, "%s", keys[key].name);
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
    for (uint16_t i = 0; i < topic->override_count; i++) {
        if (topic->overrides[i].key != key)
            continue;
        memory_free(memory, MEMORY_TOPICS, topic->overrides[i].text, strlen(topic->overrides[i].text) + 1);
        topic->overrides[i] = topic->overrides[--topic->override_count];
        apply(topic, config);
        return;
    }
}

void topic_config_refresh(struct topic_config *topic, const struct config *config)
{
    apply(topic, config);
}
