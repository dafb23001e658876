#include "topic_config_private.h"

#define LONG_MAX_TEXT "9223372036854775807"

#define BOOLEAN(name, broker, text, help)                                                                              \
    {                                                                                                                  \
        name, broker, SETTING_BOOLEAN, text, 0, 1, "true,false", help                                                  \
    }
#define STRING(name, broker, text, valid, help)                                                                        \
    {                                                                                                                  \
        name, broker, SETTING_STRING, text, 0, 0, valid, help                                                          \
    }
#define LIST(name, broker, text, valid, help)                                                                          \
    {                                                                                                                  \
        name, broker, SETTING_LIST, text, 0, 0, valid, help                                                            \
    }
#define INT(name, broker, text, min, max, help)                                                                        \
    {                                                                                                                  \
        name, broker, SETTING_INT, text, min, max, NULL, help                                                          \
    }
#define LONG(name, broker, text, min, help)                                                                            \
    {                                                                                                                  \
        name, broker, SETTING_LONG, text, min, INT64_MAX, NULL, help                                                   \
    }
#define RATIO(name, broker, text, help)                                                                                \
    {                                                                                                                  \
        name, broker, SETTING_DOUBLE, text, 0, 1, NULL, help                                                           \
    }

const struct topic_config_key topic_config_table[TOPIC_KEY_COUNT] = {
    [CLEANUP_POLICY] = LIST("cleanup.policy", "log.cleanup.policy", "delete", "compact,delete",
                            "What happens to old segments: delete removes them by age or size, compact keeps the last "
                            "record of each key. With compact, every record needs a key."),
    [COMPRESSION_GZIP_LEVEL] = INT("compression.gzip.level", "compression.gzip.level", "-1", -1, 9,
                                   "Level when compression.type is gzip: 1 to 9, or -1 for the library's default."),
    [COMPRESSION_LZ4_LEVEL] =
        INT("compression.lz4.level", "compression.lz4.level", "9", 1, 17, "Level when compression.type is lz4."),
    [COMPRESSION_TYPE] =
        STRING("compression.type", "compression.type", "producer", "uncompressed,zstd,lz4,snappy,gzip,producer",
               "The codec in which batches are kept; producer keeps what the producer chose."),
    [COMPRESSION_ZSTD_LEVEL] = INT("compression.zstd.level", "compression.zstd.level", "3", -131072, 22,
                                   "Level when compression.type is zstd."),
    [DELETE_RETENTION_MS] =
        LONG("delete.retention.ms", "log.cleaner.delete.retention.ms", "86400000", 0,
             "How long tombstones of a compacted topic are kept, in ms from their first compaction on."),
    [FILE_DELETE_DELAY_MS] =
        LONG("file.delete.delay.ms", "log.segment.delete.delay.ms", "60000", 0,
             "How long a deleted segment's file stays on the disk, as .deleted, when there is no need for space."),
    [FLUSH_MESSAGES] =
        LONG("flush.messages", "log.flush.interval.messages", LONG_MAX_TEXT, 1,
             "Records after which the log is synced even without acks=all: who sends the last of them waits for it."),
    [FLUSH_MS] = LONG("flush.ms", "log.flush.interval.ms", LONG_MAX_TEXT, 0,
                      "Time in ms after which records are synced even without acks=all."),
    [FOLLOWER_REPLICATION_THROTTLED_REPLICAS] =
        LIST("follower.replication.throttled.replicas", NULL, "", NULL,
             "Replicas whose copying is throttled. Kept, but without effect: one node copies nothing."),
    [FURROW_COMPACTION_KEEP] =
        INT("furrow.compaction.keep", "furrow.compaction.keep", "1", 1, COMPACTION_KEEP_MOST,
            "How many of the last records of each key compaction keeps; a tombstone removes all before it."),
    [FURROW_COMPACTION_KEY] =
        STRING("furrow.compaction.key", "furrow.compaction.key", "key", NULL,
               "What compaction takes for a record's key: key; header:NAME, the value of the record's last header of "
               "that name, and then records need no key; prefix:N, the first N bytes of the key. Records that lack it "
               "are kept."),
    [FURROW_RETENTION_RECORDS] = LONG("furrow.retention.records", "furrow.retention.records", "-1", -1,
                                      "Records that a partition keeps, to the record: the last so many; -1: any."),
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
    [MAX_COMPACTION_LAG_MS] = LONG("max.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms", LONG_MAX_TEXT, 1,
                                   "The longest time in ms that a record of a compacted topic stays uncompacted."),
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
    [MIN_CLEANABLE_DIRTY_RATIO] = RATIO("min.cleanable.dirty.ratio", "log.cleaner.min.cleanable.ratio", "0.5",
                                        "The share of a log that must be uncompacted before it is compacted."),
    [MIN_COMPACTION_LAG_MS] = LONG("min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms", "0", 0,
                                   "The shortest time in ms that a record of a compacted topic stays uncompacted."),
    [MIN_INSYNC_REPLICAS] = INT("min.insync.replicas", "min.insync.replicas", "1", 1, INT32_MAX,
                                "Replicas that must have a record before acks=all is answered; there is one here."),
    [PREALLOCATE] = BOOLEAN("preallocate", "log.preallocate", "false",
                            "Kept, but without effect: segment files are never allocated in advance."),
    [REMOTE_LOG_COPY_DISABLE] =
        BOOLEAN("remote.log.copy.disable", NULL, "false",
                "Whether nothing more is copied to remote storage. Kept, but without effect: there is none."),
    [REMOTE_LOG_DELETE_ON_DISABLE] =
        BOOLEAN("remote.log.delete.on.disable", NULL, "false",
                "Whether remote segments go when remote storage is disabled. Kept, but without effect: there is none."),
    [REMOTE_STORAGE_ENABLE] = BOOLEAN("remote.storage.enable", NULL, "false",
                                      "Whether segments are moved to remote storage: there is none, so only false."),
    [RETENTION_BYTES] = {"retention.bytes", "log.retention.bytes", SETTING_LONG, "-1", INT64_MIN, INT64_MAX, NULL,
                         "Bytes that a partition may have before its oldest segments are deleted; -1: any."},
    [RETENTION_MS] = LONG("retention.ms", "log.retention.ms", "604800000", -1,
                          "Age in ms at which segments are deleted, by time that is proven to have passed; -1: never."),
    [SEGMENT_BYTES] = INT("segment.bytes", "log.segment.bytes", "1073741824", 1048576, INT32_MAX,
                          "Bytes after which a new segment is begun."),
    [SEGMENT_INDEX_BYTES] = INT("segment.index.bytes", "log.index.size.max.bytes", "10485760", 4, INT32_MAX,
                                "The largest offset index of a segment, in bytes."),
    [SEGMENT_JITTER_MS] =
        LONG("segment.jitter.ms", "log.roll.jitter.ms", "0", 0,
             "Up to so much is taken off segment.ms, differently for each segment, so that they do not roll together."),
    [SEGMENT_MS] = LONG("segment.ms", "log.roll.ms", "604800000", 1, "Age in ms after which a new segment is begun."),
    [UNCLEAN_LEADER_ELECTION_ENABLE] =
        BOOLEAN("unclean.leader.election.enable", "unclean.leader.election.enable", "false",
                "Whether a replica that is behind may become leader; there is one replica here."),
};
