/* A consumer instance's membership in its group: what a Kafka client does with JoinGroup, SyncGroup, Heartbeat and
 * LeaveGroup, done with the coordinator of this process.
 *
 *     OUT ── consumer_member_join ──▶ JOINING ── its generation begins ──▶ SYNCING ── `assigned` ──▶ IN
 *      ▲                                 ▲                                    │                      │
 *      └── consumer_member_leave         └──────── the group rebalances ──────┴──────────────────────┘
 *
 * It speaks the classic protocol, with all of Kafka's usual assignors (consumer_assign.h), so that it can share a group
 * with any client. Whoever has it calls consumer_member_beat about once a second: that is its heartbeat, finds out
 * that the group rebalances, and tries again what has failed. A call of the coordinator may be under way after
 * consumer_member_leave: it may be freed once consumer_member_is_busy says so. */
#pragma once

#include "group/classic_group.h"
#include "kafka/messages.h"

struct server;

#define CONSUMER_SESSION_MS   10000
#define CONSUMER_REBALANCE_MS 60000

struct consumer_member_owner {
    /* What it subscribes to now; valid until the call returns. */
    void (*list_topics)(void *context, const slice **topics, size_t *count);
    /* A generation has begun, and this is its part. The message lives for the length of the call. */
    void (*assigned)(void *context, const struct consumer_protocol_assignment *assignment);
    /* It is out and nothing is under way any more; the member may be freed from within. */
    void (*left)(void *context);
};

enum consumer_member_state { CONSUMER_OUT, CONSUMER_JOINING, CONSUMER_SYNCING, CONSUMER_IN };

struct consumer_member {
    struct server *server;
    slice group_id, client_id, client_host; /* borrowed */
    const struct consumer_member_owner *owner;
    void *context;
    enum consumer_member_state state;
    enum kafka_error error; /* why it is out although it wants in */
    bool wants_in;
    bool is_stale; /* what it joins with is no longer what it subscribes to: once more */
    bool is_leaving;
    slice id; /* owned; null: it has none */
    int32_t generation;
    uint64_t stamp; /* of a leader: of what it has shared out */
    bool leads;
    slice *group_topics; /* of a leader: what all members subscribe to, in the arena */
    size_t group_topic_count;
    struct arena arena; /* of the call under way, and the leader's topics */
    struct join_call join;
    struct sync_call sync;
    struct join_protocol *protocols;
};

void consumer_member_init(struct consumer_member *member, struct server *server,
                          const struct consumer_member_owner *owner, void *context);
/* Nothing is under way. */
void consumer_member_close(struct consumer_member *member);

/* Joins, or joins again with what it subscribes to now. */
void consumer_member_join(struct consumer_member *member);
/* Not KAFKA_NONE: it is no longer in, for the group rebalances (KAFKA_REBALANCE_IN_PROGRESS: offsets of its generation
 * can still be committed) or has dropped it; to be joined again. */
enum kafka_error consumer_member_beat(struct consumer_member *member);
/* Out at once; `left` follows, perhaps from within. */
void consumer_member_leave(struct consumer_member *member);

static inline bool consumer_member_is_busy(const struct consumer_member *member)
{
    return member->state == CONSUMER_JOINING || member->state == CONSUMER_SYNCING;
}
