/* What the coordinator's files share; nobody else includes it.
 *
 *     group_coordinator.c   the table of groups; members' calls
 *     group_write.c         batches on their way to the log
 *     group_commit.c        commits, deletions, expiry of offsets
 *     group_load.c          reading the log at start */
#pragma once

#include "group/group_coordinator.h"
#include "group/group_records.h"

#include <uthash.h>

struct group {
    struct group_coordinator *coordinator;
    struct classic_group *classic;
    struct committed_offsets offsets;
    int64_t since;    /* ms, wall clock: when it came to be empty, or began to be looked at */
    unsigned writes;  /* under way */
    bool is_recorded; /* the log has a record of it that is no tombstone */
    bool is_deleting;
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
    unsigned writes;        /* under way */
    bool has_given_up;      /* nothing could be loaded */
    int64_t wake_at;        /* ms, steady */
    struct group_time time; /* of the call that is being served */
};

/* What a batch does when it is durable. */
enum group_write_kind { WRITE_CLASSIC, WRITE_COMMIT, WRITE_DELETION, WRITE_EXPIRY };

struct removed_offset {
    slice topic; /* a copy, in the block of the list */
    int32_t partition;
};

struct group_write {
    struct group_append append;
    enum group_write_kind kind;
    struct group *group;
    uint64_t token;                 /* CLASSIC */
    struct commit_call *commit;     /* COMMIT, DELETION */
    struct removed_offset *removed; /* DELETION, EXPIRY */
    size_t removed_count;
    size_t removed_size; /* bytes of that block */
    bool ends_group;     /* DELETION, EXPIRY: the group goes too */
    writer batch;
    struct batch_builder builder;
};

struct group *group_find(const struct group_coordinator *coordinator, slice id);
/* NULL: a bound, or no memory. */
struct group *group_add(struct group_coordinator *coordinator, slice id);
void group_remove(struct group *group);
void group_note_wake(struct group *group);
/* After a call: what is finished is given out. */
void group_give_answers(struct group_coordinator *coordinator);
bool group_has_memory(const struct group_coordinator *coordinator);

/* An open batch; NULL without memory. */
struct group_write *group_write_open(struct group *group, enum group_write_kind kind);
/* Sends it. False, and it is gone, when it could not be made. */
bool group_write_send(struct group_write *write, int rc);
/* Closes and frees one that is not sent. */
void group_write_drop_unsent(struct group_write *write);

void group_commit_written(struct group_write *write, enum kafka_error error);
void group_removal_written(struct group_write *write, enum kafka_error error);
