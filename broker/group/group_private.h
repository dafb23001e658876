/* What the coordinator's files share; nobody else includes it.
 *
 *     group_coordinator.c   the table of groups; members' calls
 *     group_classic.c       the kind of groups of the classic protocol
 *     consumer_group.c      the kind of groups of the consumer protocol (consumer_private.h)
 *     group_write.c         batches on their way to the log
 *     group_commit.c        commits
 *     group_removal.c       deletion and expiry of offsets, and of groups with them
 *     group_transaction.c   commits of transactions, and the ends of these
 *     group_load.c          reading the log at start */
#pragma once

#include "group/group_coordinator.h"
#include "group/group_records.h"
#include "group/pending_offsets.h"
#include "reader.h"

#include <uthash.h>

struct group_write;

typedef void group_topic_callback(void *context, slice topic);

/* What differs between the kinds of groups. Every group has exactly one at a time; an empty one may be given another.
 * The time is the coordinator's. */
struct group_kind {
    const char *type; /* as ListGroups tells it */
    /* Those who wait are answered `error`; frees. */
    void (*close)(struct group *group, enum kafka_error error);
    void (*end_waits)(struct group *group, enum kafka_error error);
    void (*loaded)(struct group *group);
    int64_t (*wake_at)(const struct group *group);
    void (*expire)(struct group *group);
    /* What became of a WRITE_KIND. */
    void (*written)(struct group *group, struct group_write *write, enum kafka_error error);
    int (*add_tombstones)(const struct group *group, struct batch_builder *builder, int64_t now);

    /* The requests of the classic protocol. */
    void (*join)(struct group *group, struct join_call *join);
    void (*sync)(struct group *group, struct sync_call *sync);
    enum kafka_error (*heartbeat)(struct group *group, slice member_id, slice instance_id, int32_t generation);
    void (*leave)(struct group *group, struct leave_member *members, size_t count);

    enum kafka_error (*check_commit)(struct group *group, const struct commit_call *commit, bool transactional);
    bool (*is_empty)(const struct group *group); /* has no members */
    uint32_t (*member_count)(const struct group *group);
    bool (*has_member)(const struct group *group, slice id);
    bool (*is_awaited)(const struct group *group); /* somebody is about to become a member */
    /* Every topic that a member subscribes to, some more than once. False: it cannot be told, each may be one. */
    bool (*list_subscribed)(const struct group *group, group_topic_callback *callback, void *context);
    slice (*protocol_type)(const struct group *group); /* null: it never had a member */
    const char *(*state_text)(const struct group *group);
};

extern const struct group_kind group_kind_classic;
extern const struct group_kind group_kind_consumer;

struct group {
    struct group_coordinator *coordinator;
    const struct group_kind *kind;
    union {
        struct classic_group *classic;
        struct consumer_group *consumer;
    };
    slice id; /* a copy */
    struct committed_offsets offsets;
    struct pending_owner pending;
    int64_t since;         /* ms, wall clock: when it came to be empty, or began to be looked at */
    unsigned writes;       /* under way */
    unsigned former_kinds; /* how often it became another kind of group */
    bool is_recorded;      /* the log has a record of it that is no tombstone */
    bool is_deleting;      /* takes no calls */
    bool is_forgotten;     /* nobody finds it any more: it goes when its writes have come back */
    bool is_forgetting;    /* offsets of topics that are going are being removed */
    UT_hash_handle by_id;
};

struct group_coordinator {
    struct memory *memory;
    const struct group_coordinator_limits *limits;
    struct group_store store;
    struct group_answers answers;
    bool is_answering;
    struct group *groups;
    uint32_t group_count;
    struct pending_offsets pending;
    unsigned writes;        /* under way */
    bool has_given_up;      /* nothing could be loaded */
    int64_t wake_at;        /* ms, steady */
    int64_t matching_until; /* ms, steady: what comparing expressions with topics has used up of its time, and more */
    struct group_time time; /* of the call that is being served */
};

/* What a batch does when it is durable. A burial does nothing: what it forgets is forgotten already. */
enum group_write_kind {
    WRITE_KIND,
    WRITE_BURIAL,
    WRITE_COMMIT,
    WRITE_TRANSACTIONAL, /* a commit, too */
    WRITE_END,           /* removal of the group */
    WRITE_DELETION,      /* of single offsets */
    WRITE_FORGETTING,    /* of topics that are going */
    WRITE_EXPIRY,
};

struct removed_offset {
    slice topic;
    int32_t partition;
    struct removed_offset *next;
};

/* One batch on its way to the log, and what comes then. */
struct group_append {
    struct coordinator_batch batch;
    void (*written)(struct group_append *append, enum kafka_error error);
};

struct group_write {
    struct group_append append;
    enum group_write_kind kind;
    struct group *group;
    unsigned former_kinds;          /* as the group had then: the same, or the write is not of what it is now */
    struct group_answers waiting;   /* calls that are answered when it is durable */
    struct consumer_grave *graves;  /* KIND, of a consumer group: what it buries */
    uint64_t token;                 /* KIND */
    struct commit_call *commit;     /* COMMIT, TRANSACTIONAL, END, DELETION */
    struct pending_commit *pending; /* TRANSACTIONAL */
    /* A removal: */
    struct arena arena; /* the list's */
    struct removed_offset *removed;
    size_t removed_count;
    size_t removed_bytes; /* of tombstones, about */
    bool is_cut;          /* the batch is full: there is more */
    size_t next;          /* of DELETION's partitions, where it was cut */
    bool ends_group;      /* the group goes too */
    writer batch;
    struct batch_builder builder;
};

struct group *group_find(const struct group_coordinator *coordinator, slice id);
/* NULL: a bound, or no memory. */
struct group *group_add(struct group_coordinator *coordinator, slice id);
void group_remove(struct group *group);
/* A classic group without members. -ENOMEM. */
MUST_USE int group_make_classic(struct group *group);
/* A group of the consumer protocol without members. -ENOMEM. */
MUST_USE int group_make_consumer(struct group *group);
/* Another kind of group, by one of these, in place of what it is. -ENOMEM: it stays that. */
MUST_USE int group_become(struct group *group, int (*make)(struct group *group));
void group_note_wake(struct group *group);
/* After a call: what is finished is given out. */
void group_give_answers(struct group_coordinator *coordinator);
/* Whether there is room in limits->memory_bytes, of which each has its share: however many want to become members,
 * those who are may join again, and commit. */
enum group_share { GROUP_SHARE_NEWCOMERS = 6, GROUP_SHARE_MEMBERS, GROUP_SHARE_COMMITS }; /* eighths */
bool group_has_memory(const struct group_coordinator *coordinator, enum group_share share);

/* An open batch; NULL without memory. */
struct group_write *group_write_open(struct group *group, enum group_write_kind kind);
struct group_write *group_write_open_with(struct group *group, enum group_write_kind kind,
                                          const struct batch_options *options);
/* To the log; append->written follows. */
void group_write_hand_over(struct group_coordinator *coordinator, struct group_append *append);
/* Sends it. False, and it is gone, when it could not be made. */
bool group_write_send(struct group_write *write, int rc);
/* Closes and frees one that is not sent. */
void group_write_drop_unsent(struct group_write *write);

/* Zero: there is no such topic. */
struct uuid group_topic_id(const struct group_coordinator *coordinator, slice topic);
/* All partitions that have no error yet. */
void group_commit_refuse(struct commit_call *commit, enum kafka_error error);
/* Whether records with keys of that type are of consumer groups; the key is behind its type. */
bool consumer_loads(int16_t type);
MUST_USE int consumer_load(struct group_coordinator *coordinator, int16_t type, reader *key, slice value,
                           struct arena *arena);
struct consumer_grave;
void consumer_free_graves(struct memory *memory, struct consumer_grave *graves);

void group_commit_written(struct group_write *write, enum kafka_error error);
/* False: nothing is under way. */
bool group_transaction_send(struct group *group, struct commit_call *commit);
void group_transaction_written(struct group_write *write, enum kafka_error error);
MUST_USE int group_transaction_load(struct group *group, int64_t producer_id, const struct group_record *record);
void group_removal_written(struct group_write *write, enum kafka_error error);
