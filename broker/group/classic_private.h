/* What the files of the classic group share; nobody else includes it.
 *
 *     classic_group.c     making, loading, looking
 *     classic_members.c   the members and the protocols that they can speak
 *     classic_join.c      joining, up to the next generation
 *     classic_static.c    a static member comes back under a new id
 *     classic_sync.c      assignments
 *     classic_session.c   heartbeats, leaving, expiry, who may commit */
#pragma once

#include "classic_group.h"

struct classic_member {
    struct classic_member *next;
    slice id; /* this and the next are the group's copies */
    slice instance_id;
    slice client_id;
    slice client_host;
    slice assignment;
    struct join_protocol *protocols; /* one block with what they point to */
    size_t protocols_size;
    int32_t protocol_count;
    int32_t session_timeout_ms;
    int32_t rebalance_timeout_ms;
    int64_t deadline;       /* of its session; GROUP_NEVER while it waits for an answer */
    struct join_call *join; /* waits for the generation */
    struct sync_call *sync; /* waits for the leader's assignment */
    bool is_pending;        /* has been given an id and has not joined with it */
    bool is_new;            /* has not been answered yet: it cannot send heartbeats */
    bool owes_sync;         /* of this generation */
    slice former_id;        /* replaced by `id`, which is being written; null: nothing is */
    uint64_t replacing;     /* the token of that write */
};

struct classic_group {
    struct group_surroundings surroundings;
    slice id;
    enum classic_group_state state;
    bool is_initial; /* PreparingRebalance straight from Empty: more members are given time to come */
    bool has_newcomers;
    int32_t initial_delay_ms;     /* of the wait under way */
    int32_t initial_remaining_ms; /* how much longer it may become */
    int32_t generation;
    slice protocol_type;
    slice protocol;
    struct classic_member *members; /* in the order in which they joined; those with only an id among them */
    struct classic_member **tail;
    struct classic_member *leader;
    int32_t member_count;  /* that have joined */
    int32_t pending_count; /* that have only an id */
    int64_t join_deadline;
    int64_t sync_deadline;
    int64_t wake_at; /* nothing expires before */
    uint64_t last_token;
    uint64_t assigning; /* the token of the write of the leader's assignment; 0: none is under way */
};

/* ---- members ---- */

/* Frees what *to is and makes it a copy. False without memory: *to is as it was. */
MUST_USE bool classic_keep(struct classic_group *group, slice *to, slice from);
void classic_drop(struct classic_group *group, slice *text);

struct classic_member *classic_find_member(const struct classic_group *group, slice id);
struct classic_member *classic_find_static(const struct classic_group *group, slice instance_id);
/* With an id only; joins later. NULL without memory. */
struct classic_member *classic_add_pending(struct classic_group *group, slice id);
/* Makes the pending one a member, as the join says. -ENOMEM: it is as it was. */
MUST_USE int classic_admit_member(struct classic_group *group, struct classic_member *member,
                                  const struct join_call *join);
/* Protocols and timeouts. -ENOMEM: it is as it was. */
MUST_USE int classic_update_member(struct classic_group *group, struct classic_member *member,
                                   const struct join_call *join);
/* Whoever waits for it has been answered. */
void classic_remove_member(struct classic_group *group, struct classic_member *member);
int32_t classic_count_joining(const struct classic_group *group);
bool classic_all_joined(const struct classic_group *group);
int32_t classic_rebalance_timeout(const struct classic_group *group);
/* KAFKA_NONE with the member, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID. */
enum kafka_error classic_validate(const struct classic_group *group, slice member_id, slice instance_id,
                                  struct classic_member **member);
/* And ILLEGAL_GENERATION: of another one than the group's. */
enum kafka_error classic_validate_generation(const struct classic_group *group, slice member_id, slice instance_id,
                                             int32_t generation, struct classic_member **member);

bool classic_same_protocols(const struct classic_member *member, const struct join_call *join);
bool classic_supports(const struct classic_group *group, const struct join_call *join);
/* The one with the most votes of those that all can speak; null when there is none. Points into a member. */
slice classic_select_protocol(const struct classic_group *group);
slice classic_metadata(const struct classic_member *member, slice protocol);

/* ---- transitions ---- */

void classic_set_deadline(struct classic_group *group, int64_t *deadline, int64_t at);
void classic_begin_session(struct classic_group *group, struct classic_member *member, int64_t now);
void classic_prepare_rebalance(struct classic_group *group, int64_t now);
/* A rebalance where there is none, else perhaps its end. */
void classic_rebalance_or_complete(struct classic_group *group, int64_t now);
void classic_maybe_complete_join(struct classic_group *group, int64_t now);
void classic_complete_join(struct classic_group *group, int64_t now);
/* Time is up for those who were to join. */
void classic_join_timeout(struct classic_group *group, int64_t now);
/* A static member comes back without its id: `member` has its instance id and is `id` from now on. */
void classic_replace_static(struct classic_group *group, struct classic_member *member, slice id,
                            struct join_call *join, int64_t now);
void classic_replacement_written(struct classic_group *group, struct classic_member *member, enum kafka_error error,
                                 int64_t now);
/* Takes assignments back and answers who waits for them. */
void classic_fail_syncs(struct classic_group *group, enum kafka_error error, int64_t now);
/* The write's token; 0 when it cannot be tried. */
MUST_USE uint64_t classic_write(struct classic_group *group);

/* ---- answers ---- */

/* The member's, with the generation as it is. */
void classic_answer_join(struct classic_group *group, const struct classic_member *member, struct join_call *join,
                         slice leader, bool with_members, bool skip_assignment);
void classic_answer_sync(struct classic_group *group, const struct classic_member *member, struct sync_call *sync,
                         enum kafka_error error);
