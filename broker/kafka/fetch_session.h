/* Fetch sessions (KIP-227): the broker remembers what a consumer fetches, so that a fetch names only what changed, and
 * an answer only what is new.
 *
 * A session is a list of partitions in the order in which they had records last, so that none is starved by those
 * before it. It is found by an id that a client cannot guess; each fetch must carry the next epoch. Sessions are a
 * cache, bounded in number and in partitions: a client whose session is gone starts anew with a full fetch.
 *
 * fetch_sessions_begin turns a request into targets, fetch_sessions_end decides which of them the answer names. Between
 * the two the session may go; no pointer into one is held outside. */
#pragma once

#include "arena.h"
#include "kafka/error_code.h"
#include "kafka/messages.h"
#include "topics.h"

#define FETCH_SESSION_PARTITIONS_MAX 50000  /* of all sessions together; about 200 bytes each */
#define FETCH_SESSION_EVICTION_MS    120000 /* Kafka's min.incremental.fetch.session.eviction.ms */

struct fetch_sessions;

struct fetch_target {
    /* Asked */
    slice topic_name;     /* as the client calls it; borrowed from the request or the arena */
    struct uuid topic_id; /* likewise, from v13 */
    slice known_name;     /* what the topic of an id is called, where a session is to remember it; from the arena */
    struct topic *topic;  /* NULL: `error` says why */
    enum kafka_error error;
    int32_t partition;
    int32_t max_bytes;
    int32_t current_leader_epoch; /* -1: unknown to the client */
    int32_t last_fetched_epoch;   /* likewise */
    int64_t offset;

    /* To be set before fetch_sessions_end */
    int64_t high_watermark;
    int64_t log_start;
    bool has_records;
    bool must_answer; /* set: the answer names it whatever the session thinks; and by fetch_sessions_end */
};

enum fetch_kind {
    FETCH_WITHOUT_SESSION,
    FETCH_FULL, /* and a session is wanted */
    FETCH_INCREMENTAL,
};

struct fetch_context {
    enum fetch_kind kind;
    enum kafka_error error; /* of the whole request; there are no targets then */
    bool by_id;             /* topics are named by their ids */
    int32_t session_id;     /* for the answer */
    int32_t epoch;          /* of the session after this fetch */
    struct fetch_target *targets;
    int32_t count;
};

typedef void fetch_session_random(void *context, void *to, size_t size);

MUST_USE int fetch_sessions_open(struct memory *memory, size_t limit, fetch_session_random *random,
                                 void *random_context, struct fetch_sessions **sessions);
void fetch_sessions_close(struct fetch_sessions *sessions);
size_t fetch_sessions_count(const struct fetch_sessions *sessions);

/* `now` in ms of any clock that does not go back. Targets come from the arena. -ENOMEM. */
MUST_USE int fetch_sessions_begin(struct fetch_sessions *sessions, const struct fetch_request *request, int16_t version,
                                  const struct topics *topics, int64_t now, struct arena *arena,
                                  struct fetch_context *context);
/* Sets must_answer, session_id and, when the session has moved on meanwhile, error. */
void fetch_sessions_end(struct fetch_sessions *sessions, struct fetch_context *context, int64_t now);
