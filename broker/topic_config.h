/* A topic's configuration: Kafka's keys (KIP-226's sources), typed, with what is set and what is inherited.
 *
 * One table (topic_config.c) declares each key once: name, type, default, the broker setting it inherits from, valid
 * values, documentation. Texts are kept as they were set, but for blanks around them; the typed values are worked out
 * when one changes. */
#pragma once

#include "compression.h"
#include "log.h"
#include "setting_check.h"
#include "settings.h"

struct config;

enum cleanup_policy { CLEANUP_DELETE = 1, CLEANUP_COMPACT = 2 }; /* bits */

struct topic_config_key {
    const char *name;
    const char *broker_name; /* the broker setting that gives the default; NULL when none */
    enum setting_type type;
    const char *default_text; /* when there is no such broker setting */
    int64_t min, max;         /* of INT and LONG */
    const char *valid;        /* of STRING and LIST: the values, "a,b,c"; NULL: a LIST of replicas, "p:b,p:b" or "*", or
                               * a STRING that says what a record is compacted by */
    const char *documentation;
};

#define COMPACTION_KEEP_MOST   65535
#define COMPACTION_HEADER_MOST 255   /* bytes of a header's name */
#define COMPACTION_PREFIX_MOST 65535 /* bytes */
#define COMPACTION_KEY_FORMS   "Must be key, header:NAME (at most 255 bytes) or prefix:N (N from 1 to 65535)"

/* What compaction takes for a record's key. */
enum compaction_key_kind { COMPACTION_BY_KEY, COMPACTION_BY_HEADER, COMPACTION_BY_PREFIX };

struct topic_compaction_key {
    enum compaction_key_kind kind;
    slice header;    /* its name, part of the parsed text */
    uint32_t prefix; /* bytes */
};

struct topic_config {
    struct settings own; /* what is set on the topic; everything else is inherited */

    /* Typed, with defaults applied */
    struct log_config log;
    unsigned cleanup_policy; /* bits */
    int32_t max_message_bytes;
    bool log_append_time;
    bool recompress;  /* compression.type is not "producer" */
    enum codec codec; /* when recompress */
    int compression_level;
    int64_t retention_ms;
    int64_t retention_bytes;
    int64_t retention_records;
    int64_t file_delete_delay_ms;
    int64_t timestamp_before_max_ms;
    int64_t timestamp_after_max_ms;
    int32_t min_insync_replicas; /* without effect: as in Kafka, no more than a partition has can be asked for */
    int64_t flush_messages;
    int64_t flush_ms;
    int64_t delete_retention_ms;
    int64_t min_compaction_lag_ms;
    int64_t max_compaction_lag_ms;
    double min_cleanable_ratio;
    uint32_t compaction_keep;
    bool keys_required; /* records without a key are refused */
};

size_t topic_config_keys(const struct topic_config_key **keys);
/* -1 when there is no such key. */
int topic_config_find(slice name);

/* Defaults from the broker's configuration; nothing set. */
void topic_config_init(struct topic_config *topic, const struct config *config);
void topic_config_close(struct topic_config *topic, struct memory *memory);
MUST_USE int topic_config_copy(struct topic_config *to, const struct topic_config *from, struct memory *memory);

/* -EINVAL with Kafka's words ("Invalid value x for configuration y: …"), -ENOENT for an unknown key, -ENOMEM. */
MUST_USE int topic_config_set(struct topic_config *topic, const struct config *config, struct memory *memory, int key,
                              slice value, struct error *error);
/* What the entries must be together: 0, or -EINVAL with Kafka's words. */
MUST_USE int topic_config_check(const struct topic_config *topic, const struct config *config, struct error *error);
/* furrow.compaction.key: "key", "header:NAME", "prefix:N". False when it says something else. */
bool topic_config_parse_compaction_key(slice text, struct topic_compaction_key *key);
/* The one in force; valid as long as the topic's and the broker's configuration are not changed. */
struct topic_compaction_key topic_config_compaction_key(const struct topic_config *topic, const struct config *config);
/* Back to what is inherited. */
void topic_config_unset(struct topic_config *topic, const struct config *config, struct memory *memory, int key);
/* The text in force: the topic's own (*is_own), else the broker's, else the default. */
const char *topic_config_text(const struct topic_config *topic, const struct config *config, int key, bool *is_own);
/* After a change of the broker's configuration. */
void topic_config_refresh(struct topic_config *topic, const struct config *config);
