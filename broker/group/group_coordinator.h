/* The coordinator of groups: all groups of the server, what they have committed, and their log.
 *
 * Without sockets, files or clocks, like the groups themselves: requests come as calls with the time, answers go out by
 * the calls' `done` (group_call.h), and what must be durable goes out as batches of records of __consumer_offsets by
 * store->append, whose outcome comes back by group_coordinator_appended. An answer that promises something is given
 * when its batch is durable; until then nobody sees what it changes.
 *
 * Bounds: limits->max_groups, and limits->memory_bytes for all that groups hold; beyond them COORDINATOR_NOT_AVAILABLE,
 * which clients try again. */
#pragma once

#include "coordinator_batch.h"
#include "group/assignor.h"
#include "group/classic_group.h"
#include "group/committed_offsets.h"
#include "group/consumer_group.h"
#include "group/group_settings.h"

struct group_coordinator;
struct group;

struct group_time {
    int64_t steady; /* ms, never goes back: sessions and rebalances */
    int64_t wall;   /* ms since 1970: what is written down, expiry of offsets */
};

struct group_coordinator_limits {
    struct group_limits groups;
    int32_t consumer_max_size;                  /* group.consumer.max.size: members */
    enum consumer_migration consumer_migration; /* group.consumer.migration.policy */
    struct assignor_list assignors;             /* group.consumer.assignors */
    int64_t regex_refresh_ms;                   /* group.consumer.regex.refresh.interval.ms */
    uint32_t max_groups;
    size_t memory_bytes;
    int64_t offsets_retention_ms; /* offsets.retention.minutes */
};

struct group_store {
    /* All or nothing, in order; group_coordinator_appended follows once it is durable, not from within. */
    void (*append)(void *context, struct coordinator_batch *batch);
    void (*random)(void *context, void *to, size_t size);
    /* ms that have certainly passed since that moment of the wall clock, whatever it was set to meanwhile. */
    int64_t (*age)(void *context, int64_t since);
    struct group_settings (*settings)(void *context, slice group_id);
    struct group_topics topics;
    void *context;
};

/* limits is borrowed and may change. */
MUST_USE int group_coordinator_open(struct memory *memory, const struct group_coordinator_limits *limits,
                                    const struct group_store *store, struct group_coordinator **coordinator);
/* Those who wait are answered NOT_COORDINATOR. No append is under way. */
void group_coordinator_close(struct group_coordinator *coordinator);
/* Answers all who wait for a generation or an assignment: the server stops. */
void group_coordinator_end_waits(struct group_coordinator *coordinator, struct group_time now);

/* ---- loading: every record of the log in order, then `loaded` ---- */

/* FURROW_MALFORMED and FURROW_WRONG_VERSION name a record that cannot be understood: it is passed over. -ENOMEM. */
MUST_USE int group_coordinator_load(struct group_coordinator *coordinator, slice key, slice value, struct arena *arena);
/* A record of a transaction of this producer; and how that ended. */
MUST_USE int group_coordinator_load_transactional(struct group_coordinator *coordinator, int64_t producer_id, slice key,
                                                  slice value, struct arena *arena);
void group_coordinator_load_marker(struct group_coordinator *coordinator, int64_t producer_id, bool commits);
void group_coordinator_loaded(struct group_coordinator *coordinator, struct group_time now);

/* The log cannot be read: what was committed is not known, and nobody may take that for nothing. No groups are there,
 * and none come to be: COORDINATOR_NOT_AVAILABLE. */
void group_coordinator_give_up(struct group_coordinator *coordinator);
bool group_coordinator_available(const struct group_coordinator *coordinator);

/* ---- time ---- */

/* ms, steady: when to call expire; GROUP_NEVER. After any other call it may be earlier than before. */
int64_t group_coordinator_wake_at(const struct group_coordinator *coordinator);
void group_coordinator_expire(struct group_coordinator *coordinator, struct group_time now);
/* Forgets offsets that nobody has asked to keep for longer, and groups without members and offsets. From time to time:
 * it looks at everything. */
void group_coordinator_clean(struct group_coordinator *coordinator, struct group_time now);

/* ---- members ---- */

void group_coordinator_join(struct group_coordinator *coordinator, slice group_id, struct join_call *join,
                            struct group_time now);
void group_coordinator_sync(struct group_coordinator *coordinator, slice group_id, struct sync_call *sync,
                            struct group_time now);
enum kafka_error group_coordinator_heartbeat(struct group_coordinator *coordinator, slice group_id, slice member_id,
                                             slice instance_id, int32_t generation, struct group_time now);

/* ConsumerGroupHeartbeat; the answer has words where it is a refusal. */
void group_coordinator_consumer_heartbeat(struct group_coordinator *coordinator, struct consumer_call *call,
                                          struct group_time now);

struct leave_member {
    slice member_id;
    slice instance_id;
    enum kafka_error error; /* found */
};
/* The group's own error; members have theirs. */
enum kafka_error group_coordinator_leave(struct group_coordinator *coordinator, slice group_id,
                                         struct leave_member *members, size_t count, struct group_time now);

/* ---- offsets ---- */

struct commit_partition {
    struct committed_offset value; /* committed_at is set by the coordinator */
    slice topic;
    int32_t partition;
    enum kafka_error error; /* asked: not KAFKA_NONE where it was refused already; found */
};

/* Whose transaction a commit belongs to (TxnOffsetCommit). */
struct commit_transaction {
    slice id;
    int64_t producer_id;
    int16_t producer_epoch;
    bool joins; /* the groups' partition joins the transaction with it; else it must be in it already */
};

struct commit_call {
    struct group_call call; /* its error is KAFKA_NONE: partitions have theirs */
    slice group_id;
    slice member_id;
    slice instance_id;
    int32_t generation;                           /* -1: of no member; of a consumer group the member's epoch */
    bool is_old;                                  /* of a version that knows nothing of the consumer protocol */
    int64_t retention_ms;                         /* of a commit: as the client wants it; 0: as the server does */
    const struct commit_transaction *transaction; /* NULL: of none */
    struct commit_partition *partitions;
    size_t count;
};
/* GROUP_ID_NOT_FOUND where a member commits to a group that is not there (ILLEGAL_GENERATION, in a transaction). */
void group_coordinator_commit(struct group_coordinator *coordinator, struct commit_call *commit, struct group_time now);
/* Of a deletion only group_id and partitions are looked at; call.error is the group's own, partitions have theirs.
 * The first removes the whole group, which has no members. */
void group_coordinator_delete(struct group_coordinator *coordinator, struct commit_call *deletion,
                              struct group_time now);
void group_coordinator_delete_offsets(struct group_coordinator *coordinator, struct commit_call *deletion,
                                      struct group_time now);
/* ---- transactions ----
 *
 * Offsets that a transaction commits are in the log at once, as batches of its producer, and wait in memory until the
 * marker behind them is durable: then they hold, or are forgotten. */

/* The end of a transaction that has committed offsets, of whatever groups. */
struct group_transaction_end {
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t coordinator_epoch;
    bool commits; /* else it was aborted */
    /* Once; perhaps from within. Not KAFKA_NONE: nothing has changed, it may be tried again. */
    void (*done)(struct group_transaction_end *end, enum kafka_error error);
    void *context;
};
void group_coordinator_end_transaction(struct group_coordinator *coordinator, struct group_transaction_end *end,
                                       struct group_time now);

/* A topic was deleted: what was committed for it goes. */
void group_coordinator_forget_topic(struct group_coordinator *coordinator, slice topic, struct group_time now);

/* The same for whatever topics are gone, after a start. */
void group_coordinator_forget_gone(struct group_coordinator *coordinator, bool (*is_gone)(void *context, slice topic),
                                   void *context, struct group_time now);

/* The log was deleted, and all groups with it: who waits is answered NOT_COORDINATOR, and a new log begins. Appends
 * that are under way come back all the same. */
void group_coordinator_forget_all(struct group_coordinator *coordinator, struct group_time now);

/* ---- the log's answer ---- */

void group_coordinator_appended(struct group_coordinator *coordinator, struct coordinator_batch *batch,
                                enum kafka_error error, struct group_time now);
/* No append is under way. */
bool group_coordinator_idle(const struct group_coordinator *coordinator);

/* ---- looking ---- */

uint32_t group_coordinator_count(const struct group_coordinator *coordinator);
/* NULL when there is none. */
const struct group *group_coordinator_find(const struct group_coordinator *coordinator, slice group_id);
typedef int group_callback(void *context, const struct group *group);
/* In no order; a non-zero return ends it and is returned. */
int group_coordinator_list(const struct group_coordinator *coordinator, group_callback *callback, void *context);

slice group_id(const struct group *group);
const char *group_type_text(const struct group *group);               /* "classic", "consumer" */
const char *group_state_text(const struct group *group);              /* Kafka's name */
slice group_protocol_type(const struct group *group);                 /* null: it never had a member */
const struct classic_group *group_classic(const struct group *group); /* NULL: of another kind */
bool group_is_consumer(const struct group *group);
uint32_t group_member_count(const struct group *group);
/* Of a consumer group, until it changes; texts of topics in the arena. False without memory. */
MUST_USE bool group_describe_consumer(const struct group *group, struct arena *arena,
                                      struct consumer_group_describe_response_group *answer);
/* Whether an OffsetFetch may say that it is of that member (id null, epoch -1: it does not). */
enum kafka_error group_check_fetch(const struct group *group, slice member_id, int32_t epoch);
const struct committed_offsets *group_offsets(const struct group *group);
