/* The table of configuration keys: index, name, type, default, least and greatest value or the valid texts,
 * documentation. A default of NULL: unset, or worked out from the machine (config_sized.c). */
#pragma once

#include <stdint.h>

#define CONFIG_FOREVER "9223372036854775807"
/* Bytes: half of what a pointer can reach. */
#define CONFIG_MEMORY_MOST ((int64_t)(SIZE_MAX / 2))

/* B(id, name, default, documentation)                     a boolean
 * S(id, name, default, valid or NULL, documentation)      a text
 * L(id, name, default, valid or NULL, documentation)      a list
 * I(id, name, default, least, greatest, documentation)    an int32
 * N(id, name, default, least, greatest, documentation)    an int64
 * D(id, name, default, least, greatest, documentation)    a decimal number */
#define CONFIG_KEYS(B, S, L, I, N, D)                                                                                  \
    /* ---- who may reach the server ---- */                                                                           \
    L(LISTENERS, "listeners", "127.0.0.1:9092", NULL,                                                                  \
      "Where clients connect: HOST:PORT, [IPv6]:PORT or unix:/path, each with or without PLAINTEXT:// before it, "     \
      "separated by commas. Port 0 takes a free one.")                                                                 \
    L(REST_LISTENERS, "rest.listeners", NULL, NULL,                                                                    \
      "Where HTTP is served (REST APIs, health, metrics), written as listeners is; unset: nowhere.")                   \
    L(ACCESS_CONTROL_ALLOW_ORIGIN, "access.control.allow.origin", NULL, NULL,                                          \
      "Origins of the pages that may use HTTP from a browser (https://example.org), or * for all; unset: none.")       \
    I(CONSUMER_INSTANCE_TIMEOUT_MS, "consumer.instance.timeout.ms", "300000", 1, INT32_MAX,                            \
      "A consumer instance of REST Proxy v2 that no request names for so long is deleted.")                            \
    I(CONSUMER_REQUEST_TIMEOUT_MS, "consumer.request.timeout.ms", "1000", 1, INT32_MAX,                                \
      "How long a consumer instance's read waits for records, unless the request or the instance says so.")            \
    I(CONSUMER_REQUEST_MAX_BYTES, "consumer.request.max.bytes", "1048576", 1, INT32_MAX,                               \
      "The most bytes of keys and values that a consumer instance's read is answered; one record always is.")          \
    I(FURROW_REST_CONSUMERS_MAX, "furrow.rest.consumers.max", "1000", 0, INT32_MAX, "Consumer instances at a time.")   \
    S(FURROW_STREAMBED_END_OFFSET, "furrow.streambed.end.offset", "last", "last,next",                                 \
      "What end_offset means in Streambed's dialect: the offset of the last record that its clients get, as they "     \
      "expect, or the one behind the last, as in REST Proxy v2.")                                                      \
    L(ADVERTISED_LISTENERS, "advertised.listeners", NULL, NULL,                                                        \
      "The HOST:PORT that clients are told to connect to; unset: the address they connected to.")                      \
    B(ALLOW_UNAUTHENTICATED, "allow.unauthenticated", "false",                                                         \
      "Whether to listen beyond loopback although clients are not asked who they are.")                                \
    I(API_V3_PRODUCE_BATCH_MAXIMUM_ENTRIES, "api.v3.produce.batch.maximum.entries", "10", 1, 10000,                    \
      "Records that one request to REST v3's records:batch may have.")                                                 \
    I(NODE_ID, "node.id", "1", 0, INT32_MAX, "This node's id, as clients see it; broker.id is the same.")              \
    I(MAX_CONNECTIONS, "max.connections", "10000", 1, INT32_MAX, "Connections at a time, in all.")                     \
    I(MAX_CONNECTIONS_PER_IP, "max.connections.per.ip", "2147483647", 1, INT32_MAX,                                    \
      "Connections at a time from one address.")                                                                       \
    N(CONNECTIONS_MAX_IDLE_MS, "connections.max.idle.ms", "600000", -1, INT64_MAX,                                     \
      "A connection on which nothing happens for so long is closed; -1: never.")                                       \
    /* ---- memory ---- */                                                                                             \
    I(SOCKET_REQUEST_MAX_BYTES, "socket.request.max.bytes", NULL, 1024, INT32_MAX,                                     \
      "The largest request taken, at most half of furrow.memory.limit.bytes. Default: a quarter of it, at most 100 "   \
      "MiB.")                                                                                                          \
    N(FURROW_MEMORY_LIMIT_BYTES, "furrow.memory.limit.bytes", NULL, 65536, CONFIG_MEMORY_MOST,                         \
      "Memory for requests and responses under way, shared out among connections. Default: a quarter of the memory, "  \
      "at most 1 GiB.")                                                                                                \
    I(FETCH_MAX_BYTES, "fetch.max.bytes", "57671680", 1024, INT32_MAX, "The most that one fetch request is answered.") \
    I(MAX_FETCH_SESSIONS, "max.incremental.fetch.session.cache.slots", "1000", 0, INT32_MAX,                           \
      "Incremental fetch sessions that are remembered.")                                                               \
    /* ---- topics ---- */                                                                                             \
    I(NUM_PARTITIONS, "num.partitions", "1", 1, 100000, "Partitions of a topic that is created without a number.")     \
    I(DEFAULT_REPLICATION_FACTOR, "default.replication.factor", "1", 1, 1, "There is one node: always 1.")             \
    B(AUTO_CREATE_TOPICS_ENABLE, "auto.create.topics.enable", "true",                                                  \
      "Whether a topic is created when a client first asks for it.")                                                   \
    B(DELETE_TOPIC_ENABLE, "delete.topic.enable", "true", "Whether topics may be deleted.")                            \
    /* ---- what topics inherit ---- */                                                                                \
    I(MESSAGE_MAX_BYTES, "message.max.bytes", "1048588", 0, INT32_MAX, "The largest record batch taken.")              \
    S(COMPRESSION_TYPE, "compression.type", "producer", "uncompressed,zstd,lz4,snappy,gzip,producer",                  \
      "The codec in which batches are kept; producer keeps what the producer chose.")                                  \
    I(COMPRESSION_GZIP_LEVEL, "compression.gzip.level", "-1", -1, 9, "Level of gzip; -1: the library's default.")      \
    I(COMPRESSION_LZ4_LEVEL, "compression.lz4.level", "9", 1, 17, "Level of lz4.")                                     \
    I(COMPRESSION_ZSTD_LEVEL, "compression.zstd.level", "3", -131072, 22, "Level of zstd.")                            \
    I(MIN_INSYNC_REPLICAS, "min.insync.replicas", "1", 1, INT32_MAX,                                                   \
      "Replicas that must have a record before acks=all is answered; there is one node.")                              \
    B(UNCLEAN_LEADER_ELECTION_ENABLE, "unclean.leader.election.enable", "false",                                       \
      "Whether a replica that is behind may lead; there is one node.")                                                 \
    I(LOG_SEGMENT_BYTES, "log.segment.bytes", NULL, 1048576, INT32_MAX,                                                \
      "A segment is at most so large. Default: an eighth of the memory, 1 MiB to 1 GiB.")                              \
    N(LOG_ROLL_MS, "log.roll.ms", NULL, 1, INT64_MAX, "A segment takes records for so long; unset: log.roll.hours.")   \
    I(LOG_ROLL_HOURS, "log.roll.hours", "168", 1, INT32_MAX, "A segment takes records for so many hours.")             \
    N(LOG_ROLL_JITTER_MS, "log.roll.jitter.ms", NULL, 0, INT64_MAX,                                                    \
      "Up to so much is taken off, differently for each segment, so that they do not roll together; unset: "           \
      "log.roll.jitter.hours.")                                                                                        \
    I(LOG_ROLL_JITTER_HOURS, "log.roll.jitter.hours", "0", 0, INT32_MAX, "log.roll.jitter.ms in hours.")               \
    I(LOG_INDEX_INTERVAL_BYTES, "log.index.interval.bytes", "4096", 0, INT32_MAX,                                      \
      "Bytes of log for each entry of the offset index.")                                                              \
    I(LOG_INDEX_SIZE_MAX_BYTES, "log.index.size.max.bytes", "10485760", 4, INT32_MAX,                                  \
      "The largest offset index of a segment.")                                                                        \
    B(LOG_PREALLOCATE, "log.preallocate", "false",                                                                     \
      "Kept, but without effect: segment files are never allocated in advance.")                                       \
    N(LOG_RETENTION_MS, "log.retention.ms", NULL, -1, INT64_MAX,                                                       \
      "Segments older than this are deleted, by time that is proven to have passed; -1: never; unset: "                \
      "log.retention.minutes.")                                                                                        \
    I(LOG_RETENTION_MINUTES, "log.retention.minutes", NULL, -1, INT32_MAX,                                             \
      "log.retention.ms in minutes; unset: log.retention.hours.")                                                      \
    I(LOG_RETENTION_HOURS, "log.retention.hours", "168", -1, INT32_MAX, "log.retention.ms in hours.")                  \
    N(LOG_RETENTION_BYTES, "log.retention.bytes", "-1", INT64_MIN, INT64_MAX,                                          \
      "Bytes that a partition may have before its oldest segments are deleted; -1: any.")                              \
    N(FURROW_RETENTION_RECORDS, "furrow.retention.records", "-1", -1, INT64_MAX,                                       \
      "Records that a partition keeps, to the record: the last so many; -1: any.")                                     \
    N(FURROW_RETENTION_TOTAL_BYTES, "furrow.retention.total.bytes", NULL, -1, INT64_MAX,                               \
      "Bytes that the segments of all partitions may have together. Beyond, and while the disk is nearly full, the "   \
      "oldest segments of topics with delete in their policy go, first of partitions that have more than their "       \
      "share; "                                                                                                        \
      "-1: any. Default: 80 % of what the disk has free at the start and the segments that are there, or these "       \
      "alone. "                                                                                                        \
      "Of a disk that something else fills, half of the limit is not given up.")                                       \
    N(LOG_RETENTION_CHECK_INTERVAL_MS, "log.retention.check.interval.ms", "300000", 1, INT64_MAX,                      \
      "How often is looked for segments to delete.")                                                                   \
    B(FURROW_CLOCK_TRUSTED, "furrow.clock.trusted", "false",                                                           \
      "Whether the clock is right even while the kernel does not say that it is synchronised. Without either, ages "   \
      "count "                                                                                                         \
      "only the time that the server ran.")                                                                            \
    L(LOG_CLEANUP_POLICY, "log.cleanup.policy", "delete", "compact,delete",                                            \
      "What happens to old segments: delete by age or size, compact to the last record of each key. With compact, "    \
      "every record needs a key, unless furrow.compaction.key is header:NAME.")                                        \
    N(LOG_SEGMENT_DELETE_DELAY_MS, "log.segment.delete.delay.ms", "60000", 0, INT64_MAX,                               \
      "How long a deleted segment's file stays on the disk, as .deleted, when there is no need for space.")            \
    N(LOG_CLEANER_DELETE_RETENTION_MS, "log.cleaner.delete.retention.ms", "86400000", 0, INT64_MAX,                    \
      "How long tombstones of a compacted topic are kept, from their first compaction on.")                            \
    N(LOG_CLEANER_MIN_COMPACTION_LAG_MS, "log.cleaner.min.compaction.lag.ms", "0", 0, INT64_MAX,                       \
      "The shortest time that a record of a compacted topic stays uncompacted.")                                       \
    N(LOG_CLEANER_MAX_COMPACTION_LAG_MS, "log.cleaner.max.compaction.lag.ms", CONFIG_FOREVER, 1, INT64_MAX,            \
      "The longest time that a record of a compacted topic stays uncompacted.")                                        \
    I(FURROW_COMPACTION_KEEP, "furrow.compaction.keep", "1", 1, 65535,                                                 \
      "How many of the last records of each key compaction keeps.")                                                    \
    S(FURROW_COMPACTION_KEY, "furrow.compaction.key", "key", NULL,                                                     \
      "What compaction takes for a record's key: key, header:NAME or prefix:N (its first N bytes). A record without "  \
      "it is kept.")                                                                                                   \
    B(LOG_CLEANER_ENABLE, "log.cleaner.enable", "true", "Whether topics with compact in their policy are compacted.")  \
    N(LOG_CLEANER_BACKOFF_MS, "log.cleaner.backoff.ms", "15000", 0, INT64_MAX,                                         \
      "How long the cleaner rests when there is nothing to compact.")                                                  \
    N(LOG_CLEANER_DEDUPE_BUFFER_SIZE, "log.cleaner.dedupe.buffer.size", NULL, 65536, CONFIG_MEMORY_MOST,               \
      "Memory for the keys of a compaction under way; with less, the log is read more often. Default: 1/128 of the "   \
      "memory, 1 to 32 MiB.")                                                                                          \
    D(LOG_CLEANER_IO_MAX_BYTES_PER_SECOND, "log.cleaner.io.max.bytes.per.second", "1.7976931348623157E308", 1,         \
      INT64_MAX, "The most that compaction reads and writes in a second; the default: any.")                           \
    D(LOG_CLEANER_MIN_CLEANABLE_RATIO, "log.cleaner.min.cleanable.ratio", "0.5", 0, 1,                                 \
      "The share of a log that must be uncompacted before it is compacted.")                                           \
    S(LOG_MESSAGE_TIMESTAMP_TYPE, "log.message.timestamp.type", "CreateTime", "CreateTime,LogAppendTime",              \
      "Whose time a record carries: the producer's or the server's.")                                                  \
    N(LOG_MESSAGE_TIMESTAMP_BEFORE_MAX_MS, "log.message.timestamp.before.max.ms", CONFIG_FOREVER, 0, INT64_MAX,        \
      "How far a record's timestamp may lie behind the server's clock.")                                               \
    N(LOG_MESSAGE_TIMESTAMP_AFTER_MAX_MS, "log.message.timestamp.after.max.ms", "3600000", 0, INT64_MAX,               \
      "How far a record's timestamp may lie ahead of the server's clock.")                                             \
    N(LOG_FLUSH_INTERVAL_MESSAGES, "log.flush.interval.messages", CONFIG_FOREVER, 1, INT64_MAX,                        \
      "Records after which a log is synced even without acks=all: who sends the last of them waits for it.")           \
    N(LOG_FLUSH_INTERVAL_MS, "log.flush.interval.ms", "30000", 0, INT64_MAX,                                           \
      "Time after which records are synced even without acks=all. More loses more at a power cut, and saves flash.")   \
    /* ---- groups ---- */                                                                                             \
    I(GROUP_INITIAL_REBALANCE_DELAY_MS, "group.initial.rebalance.delay.ms", "0", 0, INT32_MAX,                         \
      "How long the first generation of a group waits for more members.")                                              \
    I(GROUP_MIN_SESSION_TIMEOUT_MS, "group.min.session.timeout.ms", "6000", 0, INT32_MAX,                              \
      "The shortest session timeout that a member may ask for.")                                                       \
    I(GROUP_MAX_SESSION_TIMEOUT_MS, "group.max.session.timeout.ms", "1800000", 0, INT32_MAX,                           \
      "The longest session timeout that a member may ask for.")                                                        \
    I(GROUP_MAX_SIZE, "group.max.size", "1000", 1, INT32_MAX, "Members of a group.")                                   \
    I(GROUP_CONSUMER_MAX_SIZE, "group.consumer.max.size", "2147483647", 1, INT32_MAX,                                  \
      "Members of a group of the consumer protocol.")                                                                  \
    S(GROUP_CONSUMER_MIGRATION_POLICY, "group.consumer.migration.policy", "bidirectional",                             \
      "disabled,upgrade,downgrade,bidirectional",                                                                      \
      "Whether a group with members may go from the classic protocol to the consumer protocol (upgrade) and back "     \
      "(downgrade).")                                                                                                  \
    I(GROUP_CONSUMER_SESSION_TIMEOUT_MS, "group.consumer.session.timeout.ms", "45000", 1, INT32_MAX,                   \
      "How long a member of a group of the consumer protocol may be silent, where its group has no setting of its "    \
      "own.")                                                                                                          \
    I(GROUP_CONSUMER_MIN_SESSION_TIMEOUT_MS, "group.consumer.min.session.timeout.ms", "45000", 1, INT32_MAX,           \
      "The shortest consumer.session.timeout.ms that a group may be given.")                                           \
    I(GROUP_CONSUMER_MAX_SESSION_TIMEOUT_MS, "group.consumer.max.session.timeout.ms", "60000", 1, INT32_MAX,           \
      "The longest consumer.session.timeout.ms that a group may be given.")                                            \
    I(GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS, "group.consumer.heartbeat.interval.ms", "5000", 1, INT32_MAX,              \
      "How often a member of a group of the consumer protocol is told to report, where its group has no setting of "   \
      "its "                                                                                                           \
      "own.")                                                                                                          \
    I(GROUP_CONSUMER_MIN_HEARTBEAT_INTERVAL_MS, "group.consumer.min.heartbeat.interval.ms", "5000", 1, INT32_MAX,      \
      "The shortest consumer.heartbeat.interval.ms that a group may be given.")                                        \
    I(GROUP_CONSUMER_MAX_HEARTBEAT_INTERVAL_MS, "group.consumer.max.heartbeat.interval.ms", "15000", 1, INT32_MAX,     \
      "The longest consumer.heartbeat.interval.ms that a group may be given.")                                         \
    I(GROUP_CONSUMER_ASSIGNMENT_INTERVAL_MS, "group.consumer.assignment.interval.ms", "0", 0, INT32_MAX,               \
      "How long a group of the consumer protocol waits from one assignment to the next, where it has no setting of "   \
      "its own; a large one waits longer by itself. Kafka's default, 1000, makes small groups wait for nothing.")      \
    I(GROUP_CONSUMER_MIN_ASSIGNMENT_INTERVAL_MS, "group.consumer.min.assignment.interval.ms", "0", 0, INT32_MAX,       \
      "The shortest consumer.assignment.interval.ms that a group may be given.")                                       \
    I(GROUP_CONSUMER_MAX_ASSIGNMENT_INTERVAL_MS, "group.consumer.max.assignment.interval.ms", "15000", 0, INT32_MAX,   \
      "The longest consumer.assignment.interval.ms that a group may be given.")                                        \
    L(GROUP_CONSUMER_ASSIGNORS, "group.consumer.assignors", "uniform,range", "uniform,range",                          \
      "The assignors that members of groups of the consumer protocol may ask for; the first is for who asks for "      \
      "none.")                                                                                                         \
    I(GROUP_CONSUMER_REGEX_REFRESH_INTERVAL_MS, "group.consumer.regex.refresh.interval.ms", "600000", 10000,           \
      INT32_MAX,                                                                                                       \
      "How often expressions that are subscribed to are compared with all topics again, although none came or went.")  \
    D(SCRUB_INTERVAL_HOURS, "furrow.scrub.interval.hours", "168", 0, 1000000,                                          \
      "All that is stored is read and checked for bit rot once in so many hours, slowly; 0: never.")                   \
    I(FURROW_GROUPS_MAX, "furrow.groups.max", "10000", 1, INT32_MAX,                                                   \
      "Groups in all; also groups with settings of their own.")                                                        \
    N(FURROW_GROUPS_MEMORY_BYTES, "furrow.groups.memory.bytes", NULL, 65536, CONFIG_MEMORY_MOST,                       \
      "Memory for groups, their members and committed offsets; beyond three quarters of it new groups and members "    \
      "are "                                                                                                           \
      "refused, beyond it commits. Default: an eighth of the memory, at most 1 GiB.")                                  \
    I(OFFSET_METADATA_MAX_BYTES, "offset.metadata.max.bytes", "4096", 0, INT32_MAX,                                    \
      "The largest text that a client may keep with an offset.")                                                       \
    I(OFFSETS_TOPIC_SEGMENT_BYTES, "offsets.topic.segment.bytes", "1048576", 1048576, INT32_MAX,                       \
      "Segments of __consumer_offsets, when it is made: small ones are compacted sooner, and read faster at start.")   \
    I(OFFSETS_RETENTION_MINUTES, "offsets.retention.minutes", "10080", 1, INT32_MAX,                                   \
      "How long committed offsets are kept once a group has no members, or since the commit where it never had any.")  \
    N(OFFSETS_RETENTION_CHECK_INTERVAL_MS, "offsets.retention.check.interval.ms", "600000", 1, INT64_MAX,              \
      "How often is looked for offsets that are too old.")                                                             \
    /* ---- transactions ---- */                                                                                       \
    I(TRANSACTION_MAX_TIMEOUT_MS, "transaction.max.timeout.ms", "900000", 1, INT32_MAX,                                \
      "The longest time that a producer may ask for its transactions.")                                                \
    I(TRANSACTIONAL_ID_EXPIRATION_MS, "transactional.id.expiration.ms", "604800000", 1, INT32_MAX,                     \
      "A transactional id that has no transaction for so long is forgotten.")                                          \
    I(TRANSACTION_ABORT_INTERVAL_MS, "transaction.abort.timed.out.transaction.cleanup.interval.ms", "10000", 1,        \
      INT32_MAX, "The shortest time between two looks for transactions that have outlived their time.")                \
    I(TRANSACTION_REMOVE_INTERVAL_MS, "transaction.remove.expired.transaction.cleanup.interval.ms", "3600000", 1,      \
      INT32_MAX, "How often is looked for transactional ids that are to be forgotten.")                                \
    I(TRANSACTION_STATE_LOG_NUM_PARTITIONS, "transaction.state.log.num.partitions", "1", 1, 1,                         \
      "One partition holds all transactional ids: always 1.")                                                          \
    I(TRANSACTION_STATE_LOG_REPLICATION_FACTOR, "transaction.state.log.replication.factor", "1", 1, 1,                 \
      "There is one node: always 1.")                                                                                  \
    I(TRANSACTION_STATE_LOG_MIN_ISR, "transaction.state.log.min.isr", "1", 1, 1, "There is one node: always 1.")       \
    I(TRANSACTION_STATE_LOG_SEGMENT_BYTES, "transaction.state.log.segment.bytes", "1048576", 1048576, INT32_MAX,       \
      "Segments of __transaction_state, when it is made: small ones are compacted sooner, and read faster at start.")  \
    I(FURROW_TRANSACTIONS_MAX, "furrow.transactions.max", "10000", 1, INT32_MAX, "Transactional ids in all.")          \
    N(FURROW_TRANSACTIONS_MEMORY_BYTES, "furrow.transactions.memory.bytes", NULL, 65536, CONFIG_MEMORY_MOST,           \
      "Memory for transactional ids and the partitions of their transactions; beyond it new ones are refused. "        \
      "Default: "                                                                                                      \
      "1/32 of the memory, 1 to 256 MiB.")                                                                             \
    /* ---- the server itself ---- */                                                                                  \
    N(LOG_FLUSH_TEST_DELAY_MS, "log.flush.test.delay.ms", "0", 0, 60000,                                               \
      "For tests and benchmarks: every sync takes so much longer.")                                                    \
    I(MAX_OPEN_FILES, "furrow.max.open.files", NULL, 16, INT32_MAX,                                                    \
      "Segment files kept open. Default: half of what the system lets this process open, at most 4096.")               \
    N(DISK_RESERVE_BYTES, "furrow.disk.reserve.bytes", NULL, 0, INT64_MAX,                                             \
      "While less than this is free on the disk, records and new topics are refused; what makes space goes on. 0: "    \
      "none. Default: twice log.segment.bytes, at least 4 MiB, at most a twentieth of the disk.")                      \
    I(PRODUCER_ID_EXPIRATION_MS, "producer.id.expiration.ms", "86400000", 1, INT32_MAX,                                \
      "An idempotent producer that writes nothing for so long is forgotten.")                                          \
    S(LOG_LEVEL, "log.level", "info", "debug,info,warn,error", "The least level of a line in the server's log.")

enum config_id {
#define ID(id, ...) CONFIG_##id,
    CONFIG_KEYS(ID, ID, ID, ID, ID, ID)
#undef ID
        CONFIG_KEY_COUNT
};
