/* Private to fetch sessions: what one is, and the cache of them. */
#pragma once

#define HASH_NONFATAL_OOM        1
#define uthash_malloc(size)      memory_alloc(sessions->memory, MEMORY_CONNECTIONS, size)
#define uthash_free(block, size) memory_free(sessions->memory, MEMORY_CONNECTIONS, block, size)

#include "kafka/fetch_session.h"

#include <uthash.h>

struct session_topic {
    struct uuid id;      /* what it is found by in a session by id */
    uint32_t partitions; /* of the session that belong to it */
    size_t name_size;
    char *name; /* what it is found by else; NULL while the id is unknown */
    UT_hash_handle hh;
};

struct session_partition_key {
    struct session_topic *topic;
    int64_t partition; /* as wide as it must be for no padding between or behind */
};

struct session_partition {
    struct session_partition_key key;
    int32_t max_bytes;
    int32_t current_leader_epoch;
    int32_t last_fetched_epoch;
    int64_t offset;
    int64_t high_watermark; /* last answered; -1: never, or an error was */
    int64_t log_start;
    struct session_partition *next, *previous; /* the order of reading */
    UT_hash_handle hh;
};

struct fetch_session {
    int32_t id;
    int32_t epoch; /* of the next fetch */
    bool by_id;
    int64_t created;
    int64_t used;
    struct session_topic *topics;
    struct session_partition *partitions; /* the table */
    struct session_partition *first, *last;
    size_t partition_count;
    struct fetch_session *older, *newer; /* by use */
    UT_hash_handle hh;
};

struct fetch_sessions {
    struct memory *memory;
    size_t limit;
    fetch_session_random *random;
    void *random_context;
    struct fetch_session *by_number;
    struct fetch_session *oldest, *newest;
    size_t count;
    size_t partition_count; /* of all */
};

struct fetch_session *session_find(struct fetch_sessions *sessions, int32_t id);
/* NULL: there is no room, or no memory. Makes room as Kafka does: what was not used for long goes first, then a smaller
 * session that has lived long enough. */
struct fetch_session *session_create(struct fetch_sessions *sessions, bool by_id, size_t partitions, int64_t now);
void session_remove(struct fetch_sessions *sessions, struct fetch_session *session);
void session_touch(struct fetch_sessions *sessions, struct fetch_session *session, int64_t now);

/* How a client names a topic. */
struct session_topic *session_find_topic(const struct fetch_session *session, slice name, struct uuid id);
struct session_partition *session_find_partition(const struct fetch_session *session, struct session_topic *topic,
                                                 int32_t partition);
/* Finds or adds. NULL: no memory, too many partitions, or a name that no topic has. */
struct session_partition *session_add_partition(struct fetch_sessions *sessions, struct fetch_session *session,
                                                slice name, struct uuid id, int32_t partition);
void session_remove_partition(struct fetch_sessions *sessions, struct fetch_session *session,
                              struct session_partition *partition);
void session_move_to_end(struct fetch_session *session, struct session_partition *partition);
/* The name of a topic that was named by an id: kept, to tell a topic that was made anew from one that never was. */
int session_name_topic(struct fetch_sessions *sessions, struct session_topic *topic, slice name);
