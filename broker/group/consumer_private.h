/* What the files of the consumer group share; nobody else includes it.
 *
 *     consumer_group.c      the kind of group: making, time, looking
 *     consumer_heartbeat.c  the heartbeat, up to its answer
 *     consumer_members.c    coming, changing, going
 *     consumer_texts.c      what members call themselves and what they subscribe to
 *     consumer_topics.c     the topics that members subscribe to, and who holds their partitions
 *     consumer_regex.c      subscriptions by expression
 *     consumer_target.c     the target assignment
 *     consumer_reconcile.c  one member's way to it
 *     consumer_write.c      what changed, on its way to the log
 *     consumer_load.c       reading it back
 *     consumer_classic.c    members of the classic protocol
 *     consumer_migrate.c    from one protocol to the other
 *     consumer_describe.c   ConsumerGroupDescribe */
#pragma once

#include "container.h"
#include "group/consumer_claims.h"
#include "group/consumer_group.h"
#include "group/group_private.h"
#include "text_index.h"

#define CONSUMER_LEAVE        (-1) /* member epochs of a heartbeat that are none */
#define CONSUMER_LEAVE_STATIC (-2) /* a static member that means to come back; also the epoch that it then has */

#define CONSUMER_TEXT_MAX     (1 << 20) /* bytes of what a member says of itself: one record, as Kafka's log takes it */

#define CONSUMER_NEW_EPOCH    1 /* of a group that nobody has subscribed in, as Kafka 4.3 has it */

/* As Kafka writes them down. */
enum consumer_member_state {
    MEMBER_STABLE = 0,
    MEMBER_UNREVOKED = 1,  /* it has yet to give up partitions */
    MEMBER_UNRELEASED = 2, /* others have yet to give up partitions that it is to have */
};

/* What the log does not know yet. */
enum consumer_dirty {
    DIRTY_METADATA = 1,
    DIRTY_TARGET = 2,
    DIRTY_CURRENT = 4,
    DIRTY_MEMBER = 7,
    DIRTY_EPOCH = 8,
    DIRTY_TARGET_EPOCH = 16,
    DIRTY_CLASSIC = 32, /* that it is no group of the classic protocol any more */
};

/* A list of names, ascending, without doubles: one block. */
struct name_list {
    slice *items;
    uint32_t count;
    size_t size;
};

/* Of a member that speaks the classic protocol: one block with what it points to. */
struct consumer_classic {
    size_t size;
    int32_t session_timeout_ms;
    int32_t count;
    struct join_protocol protocols[];
};

struct consumer_member {
    struct consumer_member *prev, *next;
    struct consumer_member *marked_prev, *marked_next; /* while `dirty` is not 0 */
    struct text_index_entry by_id, by_instance;
    slice id; /* texts are the member's copies */
    slice instance_id;
    slice rack_id;
    slice client_id;
    slice client_host;
    slice assignor; /* null: any */
    slice regex;    /* null: none */
    struct name_list names;
    int32_t rebalance_timeout_ms;
    enum consumer_member_state state;
    int32_t epoch; /* CONSUMER_LEAVE_STATIC: it is away */
    int32_t previous_epoch;
    struct claims assigned;
    struct claims revoking; /* still held, to be given up */
    struct claims target;
    int64_t session_deadline;
    int64_t rebalance_deadline;       /* for giving up `revoking`; of the classic protocol: for joining, or its sync */
    struct consumer_classic *classic; /* NULL: it speaks the consumer protocol */
    uint8_t dirty;                    /* consumer_mark, consumer_unmark */
    bool is_described;                /* loading: its metadata was there */
};

/* A topic that exists and that a member subscribes to. */
struct consumer_topic {
    struct uuid id;
    slice name; /* a copy */
    int32_t partition_count;
    const struct consumer_member **owners; /* of each partition; NULL: nobody holds it */
};

struct consumer_regex {
    struct consumer_regex *next;
    struct text_index_entry by_text;
    slice text; /* a copy */
    struct name_list topics;
    int64_t resolved_at; /* ms, wall clock */
    uint64_t version;    /* of the topics that it was asked for */
    bool is_resolved;
    bool is_wanted; /* while the expressions are gone through: a member has it */
    bool is_marked; /* for the log */
};

/* Something whose records are to become tombstones. */
struct consumer_grave {
    struct consumer_grave *next;
    bool is_regex;
    size_t size;
    uint8_t text[];
};

struct consumer_group {
    struct group *group;
    struct memory *memory;
    struct consumer_member *members; /* in the order in which they came */
    struct consumer_member *marked;  /* those of which the log does not know something yet */
    struct text_index by_id;
    struct text_index by_instance;
    uint32_t member_count;
    uint32_t classic_count; /* of them: who speak the classic protocol */
    int32_t epoch;
    int32_t target_epoch;
    int64_t target_at; /* ms, wall clock */
    uint64_t metadata_hash;
    uint64_t seen_version;         /* of the server's topics */
    struct consumer_topic *topics; /* ascending by id */
    uint32_t topic_count;
    struct consumer_regex *regexes;
    struct text_index by_regex;
    uint32_t marked_regexes;
    int64_t regexes_at; /* ms, steady: when they were asked last */
    struct consumer_grave *graves;
    uint8_t dirty;
    uint64_t steps;           /* since the topics were last looked up, and of doing so */
    int64_t refreshing_until; /* thousandths of a ms, steady: what was taken of the time for it (consumer_target.c) */
    int64_t assigning_until;
    int64_t assigned_at;           /* ms, steady */
    int64_t resume_at;             /* when what was put off is done */
    bool needs_refresh;            /* of topics, whatever their version */
    bool must_rise;                /* the epoch, with the next refresh */
    bool was_classic;              /* the log may have it as a group of the classic protocol */
    struct group_write *under_way; /* NULL: none */
    struct group_answers waiting;  /* calls, for a batch that is not under way yet */
    int64_t retry_at;
    int64_t wake_at;
};

/* ---- texts ---- */

/* Frees what *to is and makes it a copy. False without memory: *to is as it was. */
MUST_USE bool consumer_keep(struct consumer_group *group, slice *to, slice from);
void consumer_drop(struct consumer_group *group, slice *text);
/* -ENOMEM: *to is as it was. */
MUST_USE int name_list_make(struct memory *memory, struct name_list *to, const slice *names, size_t count);
void name_list_free(struct memory *memory, struct name_list *list);
bool name_list_equal(const struct name_list *a, const struct name_list *b);
bool name_list_has(const struct name_list *list, slice name);

/* ---- members ---- */

/* Something of it is to be written: enum consumer_dirty. */
void consumer_mark(struct consumer_group *group, struct consumer_member *member, uint8_t what);
void consumer_unmark(struct consumer_group *group, struct consumer_member *member, uint8_t what);
struct consumer_member *consumer_find_member(const struct consumer_group *group, slice id);
struct consumer_member *consumer_find_static(const struct consumer_group *group, slice instance_id);
/* It is no static member. */
void consumer_forget_instance(struct consumer_group *group, struct consumer_member *member);
/* NULL without memory. */
struct consumer_member *consumer_add_member(struct consumer_group *group, slice id);
/* It is out of the group. -ENOMEM: it stays. consumer_end_dismissals must follow. */
MUST_USE int consumer_dismiss(struct consumer_group *group, struct consumer_member *member);
/* Of one or of many, who go together: the group's epoch rises, but where it is to be one of the classic protocol. */
void consumer_end_dismissals(struct consumer_group *group);
void consumer_free_member(struct consumer_group *group, struct consumer_member *member);
/* A static member comes back under another id, and has what it had. -ENOMEM: it is as it was. */
MUST_USE int consumer_replace_static(struct consumer_group *group, struct consumer_member *member, slice id);

/* What is not said stays; `subscribes` tells whether that changed which topics it subscribes to by name, or by
 * expression. -ENOMEM: perhaps some of it is changed. */
struct consumer_description {
    slice instance_id; /* null: not said, here and below */
    slice rack_id;
    slice client_id;
    slice client_host;
    slice assignor;
    slice regex;
    const slice *names;
    int32_t name_count;           /* -1: not said */
    int32_t rebalance_timeout_ms; /* -1: not said */
};
MUST_USE int consumer_describe_member(struct consumer_group *group, struct consumer_member *member,
                                      const struct consumer_description *description, bool *subscribes);
void consumer_begin_session(struct consumer_group *group, struct consumer_member *member, int64_t now);
void consumer_set_deadline(struct consumer_group *group, int64_t *deadline, int64_t at);

/* ---- subscriptions ---- */

/* The table of topics anew, and who holds their partitions. -ENOMEM: it is as it was. */
MUST_USE int consumer_refresh_topics(struct consumer_group *group);
void consumer_free_topics(struct consumer_group *group);
const struct consumer_topic *consumer_find_topic(const struct consumer_group *group, struct uuid id);
bool consumer_subscribes(const struct consumer_group *group, const struct consumer_member *member, slice topic);
/* Numbers in the table, ascending. -ENOMEM. */
MUST_USE int consumer_subscription(const struct consumer_group *group, const struct consumer_member *member,
                                   struct arena *arena, uint32_t **topics, uint32_t *count);
/* Who else holds it. */
bool consumer_is_held_by_other(const struct consumer_group *group, const struct consumer_member *member,
                               const struct claim *claim);
void consumer_take(struct consumer_group *group, const struct consumer_member *member);
void consumer_let_go(struct consumer_group *group, const struct consumer_member *member);

struct consumer_regex *consumer_find_regex(const struct consumer_group *group, slice text);
/* INVALID_REGULAR_EXPRESSION with words in the arena. */
MUST_USE enum kafka_error consumer_check_regex(struct group_coordinator *coordinator, slice text, struct arena *arena,
                                               slice *why);
/* They were asked too long ago (group.consumer.regex.refresh.interval.ms). */
bool consumer_regexes_are_old(const struct consumer_group *group);
/* Those that a member subscribes by, and no others; all asked again when the server's topics changed. `changed`: what
 * they name did. One that is new to a server that has been asked much lately waits. -ENOMEM. */
MUST_USE int consumer_refresh_regexes(struct consumer_group *group, bool *changed);
/* NULL without memory. */
struct consumer_regex *consumer_add_regex(struct consumer_group *group, slice text);
/* None waits to be asked again. */
bool consumer_regexes_settled(const struct consumer_group *group);
void consumer_mark_regex(struct consumer_group *group, struct consumer_regex *regex);
void consumer_unmark_regex(struct consumer_group *group, struct consumer_regex *regex);
void consumer_free_regexes(struct consumer_group *group);

/* ---- the group's epoch, the target, a member's way ---- */

/* The epoch rises if `must`, or when the topics that are subscribed to are not what they were. -ENOMEM: it does so the
 * next time. */
MUST_USE int consumer_refresh(struct consumer_group *group, bool must);
/* For the group's epoch, if it is time for that. -ENOMEM: the old one stays. */
MUST_USE int consumer_update_target(struct consumer_group *group);
/* What was put off because it had just been done. */
void consumer_resume(struct consumer_group *group);
void consumer_put_off(struct consumer_group *group, int64_t until);
const char *consumer_assignor(const struct consumer_group *group);
/* As a member says what it holds; count -1: it does not say. */
typedef struct consumer_group_heartbeat_request_topic_array owned_topics;
MUST_USE int consumer_reconcile(struct consumer_group *group, struct consumer_member *member, const owned_topics *owned,
                                bool subscription_changed);

/* ---- requests ---- */

/* Checks that need no group. */
MUST_USE enum kafka_error consumer_check_request(const struct group_coordinator *coordinator,
                                                 struct consumer_call *call);
/* Of one that joins a group that is not there, or is none of the consumer protocol yet: what would be refused later. */
MUST_USE enum kafka_error consumer_check_join(struct group_coordinator *coordinator, struct consumer_call *call);
/* GROUP_MAX_SIZE_REACHED, of a group that has so many members. */
MUST_USE enum kafka_error consumer_check_size(const struct group *group, uint32_t count, struct consumer_call *call);
void consumer_heartbeat(struct consumer_group *group, struct consumer_call *call);
/* A group of the classic protocol with members becomes one of the consumer protocol, for a heartbeat that joins. False:
 * it must not, and the call is answered. */
bool consumer_upgrade(struct group *group, struct consumer_call *call);
/* The way back, when only members of the classic protocol are left. The last thing done with the consumer group. */
void consumer_downgrade_if_due(struct group *group);
bool consumer_is_to_downgrade(const struct consumer_group *group);
/* What a member of the classic protocol speaks. -ENOMEM: it is as it was. */
MUST_USE int consumer_keep_protocols(struct consumer_group *group, struct consumer_member *member,
                                     const struct join_protocol *protocols, int32_t count, int32_t session_timeout_ms);
void consumer_forget_protocols(struct consumer_group *group, struct consumer_member *member);
/* To all members of the classic protocol. */
bool consumer_is_common(const struct consumer_group *group, slice protocol);
/* The classic protocol's requests to a consumer group. */
void consumer_classic_join(struct group *group, struct join_call *join);
void consumer_classic_sync(struct group *group, struct sync_call *sync);
enum kafka_error consumer_classic_heartbeat(struct group *group, slice member_id, slice instance_id,
                                            int32_t generation);
void consumer_classic_leave(struct group *group, struct leave_member *members, size_t count);
/* The words of a refusal; gives the error back. */
enum kafka_error consumer_refuse(struct consumer_call *call, enum kafka_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- the log ---- */

/* Sessions begin. */
void consumer_loaded(struct consumer_group *group);

/* Writes what is marked, if anything is, as soon as what is under way is written. */
void consumer_write(struct consumer_group *group);
/* And answers the call when everything is durable that it may have seen. */
void consumer_write_for(struct consumer_group *group, struct group_call *call);
void consumer_written(struct consumer_group *group, struct group_write *write, enum kafka_error error);
void consumer_mark_all(struct consumer_group *group);
/* Of all that there is of the group. */
MUST_USE int consumer_add_tombstones(const struct group *group, struct batch_builder *builder, int64_t now);
MUST_USE int consumer_add_grave(struct consumer_group *group, slice text, bool is_regex);
