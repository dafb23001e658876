/* A group of the classic protocol: KIP-62, static members (KIP-345), member ids before joining (KIP-394).
 *
 *     Empty ── a member joins ──▶ PreparingRebalance ── all have joined, or time is up ──▶ CompletingRebalance
 *       ▲                              ▲  │                                                     │
 *       └────── the last one left ─────│──┘            the leader's assignment is written       │
 *                                      └── a member joins, leaves, expires ── Stable ◀──────────┘
 *
 * A state machine without sockets, files or clocks. Events are calls that carry the time (ms of any clock that never
 * goes back); answers go to surroundings->answers; what must be remembered goes out by surroundings->write and comes
 * back, once, as classic_group_written. Whoever drives it calls classic_group_expire no later than
 * classic_group_wake_at, after whatever call.
 *
 * Memory: members and their metadata come from the ledger (MEMORY_GROUPS). A failed allocation fails the call with
 * COORDINATOR_NOT_AVAILABLE, which clients try again. */
#pragma once

#include "group_call.h"
#include "memory.h"

#include <stdbool.h>
#include <stdint.h>

#define GROUP_NEVER INT64_MAX
#define GROUP_NEW_MEMBER_JOIN_MS                                                                                       \
    300000                          /* a new member's JoinGroup waits at most so long: it cannot send heartbeats       \
                                     */
#define GROUP_PROTOCOLS_MAX    100  /* of a member; clients have a handful, and each is compared with all others */
#define GROUP_PENDING_MAX      1000 /* members that have only an id: a client joins with it at once */
#define GROUP_MEMBER_ID_RANDOM 16   /* bytes of a member id's random part */

struct classic_group;

enum classic_group_state {
    CLASSIC_EMPTY,
    CLASSIC_PREPARING_REBALANCE,
    CLASSIC_COMPLETING_REBALANCE,
    CLASSIC_STABLE,
};

struct group_limits {
    int32_t max_size;               /* group.max.size: members */
    int32_t initial_delay_ms;       /* group.initial.rebalance.delay.ms */
    int32_t min_session_timeout_ms; /* group.min.session.timeout.ms */
    int32_t max_session_timeout_ms;
};

/* What a group stands on; shared by all. */
struct group_surroundings {
    struct memory *memory;
    const struct group_limits *limits;
    struct group_answers *answers;
    /* The group as it is now is to be made durable; classic_group_written follows, not from within. `token` says what
     * for. False: it cannot even be tried, and nothing follows. */
    bool (*write)(void *context, struct classic_group *group, uint64_t token);
    void (*random)(void *context, void *to, size_t size);
    void *context;
};

struct join_protocol {
    slice name;
    slice metadata;
};

struct join_member {
    slice id;
    slice instance_id; /* null: dynamic */
    slice metadata;    /* for the protocol that was chosen */
};

/* JoinGroup. */
struct join_call {
    struct group_call call;
    /* Asked */
    slice member_id;   /* empty: unknown */
    slice instance_id; /* null: dynamic */
    slice client_id;
    slice client_host;
    slice protocol_type;
    const struct join_protocol *protocols; /* the best first */
    int32_t protocol_count;
    int32_t session_timeout_ms;
    int32_t rebalance_timeout_ms;
    bool requires_member_id;  /* version 4 on: a new member is given an id first */
    bool may_skip_assignment; /* version 9 on */
    /* Found */
    bool skip_assignment;
    int32_t generation; /* -1 on error */
    int32_t member_count;
    struct join_member *members; /* the leader's only */
    slice found_member_id;
    slice found_protocol_type; /* null on error */
    slice found_protocol;
    slice leader;
};

struct group_assignment {
    slice member_id;
    slice assignment;
};

/* SyncGroup. */
struct sync_call {
    struct group_call call;
    /* Asked */
    slice member_id;
    slice instance_id;
    slice protocol_type; /* null: any */
    slice protocol;
    int32_t generation;
    const struct group_assignment *assignments; /* the leader's */
    int32_t assignment_count;
    /* Found */
    slice found_protocol_type;
    slice found_protocol;
    slice assignment;
};

/* A member as described and as written. */
struct classic_member_view {
    slice id;
    slice instance_id;
    slice client_id;
    slice client_host;
    slice metadata;                        /* for the protocol in force; empty while there is none */
    const struct join_protocol *protocols; /* all that it speaks; not looked at when loading */
    int32_t protocol_count;
    slice assignment;
    int32_t session_timeout_ms;
    int32_t rebalance_timeout_ms;
};
typedef int classic_member_callback(void *context, const struct classic_member_view *member);

/* An empty group. -ENOMEM. */
MUST_USE int classic_group_create(const struct group_surroundings *surroundings, slice id,
                                  struct classic_group **group);
/* Those who wait are answered `error`; frees. */
void classic_group_close(struct classic_group *group, enum kafka_error error);
/* Answers those who wait for a generation or an assignment; they may ask again. */
void classic_group_end_waits(struct classic_group *group, enum kafka_error error);

/* Refuses a JoinGroup that no group sees. */
void classic_refuse_join(struct group_answers *answers, struct join_call *join, slice member_id,
                         enum kafka_error error);
/* What a client is told of something that could not be written: of KAFKA_NONE, KAFKA_NONE. */
enum kafka_error classic_write_error(enum kafka_error error);

/* ---- events ---- */

/* The checks that need no group: of the group's id, timeouts, protocols. Before the group is looked for. */
enum kafka_error classic_group_check_join(const struct group_limits *limits, slice group_id,
                                          const struct join_call *join);
void classic_group_join(struct classic_group *group, struct join_call *join, int64_t now);
void classic_group_sync(struct classic_group *group, struct sync_call *sync, int64_t now);
enum kafka_error classic_group_heartbeat(struct classic_group *group, slice member_id, slice instance_id,
                                         int32_t generation, int64_t now);
/* One member of a LeaveGroup; classic_group_settle after the last of them, when any has left. An empty member id with
 * an instance id is an operator's way to name a static member. */
enum kafka_error classic_group_leave(struct classic_group *group, slice member_id, slice instance_id);
void classic_group_settle(struct classic_group *group, int64_t now);
/* Whether these may commit offsets (OffsetCommit, and TxnOffsetCommit with `transactional`). A commit of a member
 * counts as its heartbeat. */
enum kafka_error classic_group_check_commit(struct classic_group *group, slice member_id, slice instance_id,
                                            int32_t generation, bool transactional, int64_t now);
void classic_group_expire(struct classic_group *group, int64_t now);
/* All are to join again. */
void classic_group_rebalance(struct classic_group *group, int64_t now);
/* What became of a write: KAFKA_NONE, or the error that the append was answered with. */
void classic_group_written(struct classic_group *group, uint64_t token, enum kafka_error error, int64_t now);

/* ---- loading ---- */

/* Back to an empty group that never had a member. Nobody waits. */
void classic_group_clear(struct classic_group *group);
/* What the newest record says; members follow. -ENOMEM. */
MUST_USE int classic_group_load(struct classic_group *group, slice protocol_type, slice protocol, int32_t generation);
MUST_USE int classic_group_load_member(struct classic_group *group, const struct classic_member_view *member,
                                       bool leads);
/* Sessions begin. */
void classic_group_loaded(struct classic_group *group, int64_t now);

/* ---- looking ---- */

int64_t classic_group_wake_at(const struct classic_group *group); /* GROUP_NEVER: nothing can expire */
enum classic_group_state classic_group_state(const struct classic_group *group);
/* Kafka's name of the state. */
const char *classic_group_state_text(const struct classic_group *group);
slice classic_group_id(const struct classic_group *group);
slice classic_group_protocol_type(const struct classic_group *group); /* null: it never had a member */
slice classic_group_protocol(const struct classic_group *group);      /* null while there is none */
slice classic_group_leader(const struct classic_group *group);        /* null while there is none */
int32_t classic_group_generation(const struct classic_group *group);
/* Of a group of consumers: every topic that a member's subscription names, some more than once. False: one cannot be
 * read. */
bool classic_group_list_subscribed(const struct classic_group *group, void (*callback)(void *context, slice topic),
                                   void *context);
int32_t classic_group_member_count(const struct classic_group *group);
bool classic_group_has_member(const struct classic_group *group, slice id); /* that has joined */
bool classic_group_has_pending(const struct classic_group *group); /* somebody was given an id and has not joined yet */
/* Members that have joined, in the order in which they did; a non-zero return ends it and is returned. */
int classic_group_list_members(const struct classic_group *group, classic_member_callback *callback, void *context);
