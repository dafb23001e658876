/* Consumer instances of REST Proxy v2: what stands for a client that has none of Kafka's libraries, between its
 * requests.
 *
 * An instance with a subscription is a member of its group (consumer_member.h): it joins when it subscribes, not at its
 * first read, and follows its group's rebalances whether or not the client asks for anything. One that was assigned
 * partitions by hand is no member; its commits are taken while its group has none.
 *
 * With auto commit, what is acknowledged (consumer_partitions.h) is committed about every CONSUMER_COMMIT_MS, before a
 * rebalance, and when the instance expires or the server stops; all that was handed out when the client itself deletes
 * the instance or unsubscribes.
 *
 * Bounds. At most furrow.rest.consumers.max instances; one that no request has named for consumer.instance.timeout.ms
 * is deleted. Nobody wakes the server while there is none, and once a second while there is one. */
#pragma once

#include "kafka/error_code.h"
#include "rest/consumer_member.h"
#include "rest/consumer_partitions.h"

#include <uthash.h>

struct server;
struct consumer_instances;

#define CONSUMER_NAME_MAX    255  /* bytes of an instance's name */
#define CONSUMER_GROUP_MAX   1024 /* of its group's */
#define CONSUMER_TOPICS_MAX  1000 /* of a subscription */
#define CONSUMER_COMMIT_MS   5000

#define CONSUMER_RANDOM_NAME "rest-consumer-"

enum consumer_format { CONSUMER_BINARY, CONSUMER_JSON };
/* auto.offset.reset: where to begin without a committed offset, or with one that is not in the log. */
enum consumer_reset { CONSUMER_LATEST, CONSUMER_EARLIEST, CONSUMER_NO_RESET };
enum consumer_mode { CONSUMER_IDLE, CONSUMER_TOPICS, CONSUMER_PATTERN, CONSUMER_ASSIGNED };

struct consumer_settings {
    enum consumer_format format;
    enum consumer_reset reset;
    bool auto_commits;
    int32_t min_bytes;  /* that a read waits for */
    int32_t timeout_ms; /* how long it does */
};

enum consumer_change {
    CONSUMER_CHANGED, /* assigned something, or told why not */
    CONSUMER_TIME_OUT,
    CONSUMER_GONE,    /* the instance is deleted */
    CONSUMER_STOPPING /* the server stops */
};

/* Somebody who waits for an instance; the caller's. */
struct consumer_waiter {
    void (*changed)(struct consumer_waiter *waiter, enum consumer_change change); /* once */
    int64_t deadline;                                                             /* ms of uv_now */
    struct consumer_waiter *next, **link;                                         /* private; link NULL: waits not */
};

struct consumer_fetch;

struct consumer_instance {
    struct consumer_instances *instances;
    struct server *server;
    slice key; /* group, a NUL byte, name: owned */
    slice group, name;
    char client_host[64];
    struct consumer_settings settings;
    int64_t touched; /* ms of uv_now: the last request */

    enum consumer_mode mode;
    struct arena subscription; /* the three below */
    slice *topics;             /* what is subscribed to; of a pattern, what matches */
    size_t topic_count;
    slice pattern;
    uint64_t topics_seen; /* topics->changes when the pattern was asked */

    struct consumer_member member;
    struct consumer_partitions partitions;
    bool is_assigned;       /* the partitions are its own now */
    bool is_handing_over;   /* commits, and then joins again */
    int32_t generation;     /* that the partitions are of */
    unsigned commits;       /* under way */
    bool commits_by_itself; /* one of them is its own */
    int64_t committed_at;   /* ms of uv_now */

    uint32_t turn;                  /* the partition that is read first */
    struct consumer_fetch *fetches; /* consumer_fetch.c: the first is under way, the others wait for it */
    struct consumer_waiter *waiters;

    bool is_closed; /* deleted, and freed once nothing is under way */
    void (*closed)(void *context);
    void *closed_context;
    struct consumer_instance *next_closing, **closing_link;
    UT_hash_handle by_key;
};

MUST_USE int consumer_instances_open(struct server *server, struct consumer_instances **instances);
/* The server stops: commits, leaves the groups, answers who waits. */
void consumer_instances_end_waits(struct consumer_instances *instances);
bool consumer_instances_idle(const struct consumer_instances *instances);
/* Nothing may be under way. The loop must run once more. */
void consumer_instances_close(struct consumer_instances *instances);

size_t consumer_instances_count(const struct consumer_instances *instances);

/* Null `name`: one is made. -EEXIST; -ENOSPC: there are too many; -ENOMEM. */
MUST_USE int consumer_instances_create(struct consumer_instances *instances, slice group, slice name, slice host,
                                       const struct consumer_settings *settings, struct consumer_instance **instance);
/* NULL: there is none. A request names it, so it lives on. */
struct consumer_instance *consumer_instances_find(struct consumer_instances *instances, slice group, slice name);

/* Gone at once for everybody else; `closed` when its offsets are committed and its group left, perhaps from within. */
void consumer_instance_delete(struct consumer_instance *instance, void (*closed)(void *context), void *context);

/* ---- what it reads ---- */

/* -EINVAL: not while it is subscribed otherwise. -ENOMEM. */
MUST_USE int consumer_instance_subscribe(struct consumer_instance *instance, const slice *topics, size_t count);
/* FURROW_MALFORMED, FURROW_TOO_LARGE with words: it is no pattern. */
MUST_USE int consumer_instance_subscribe_pattern(struct consumer_instance *instance, slice pattern,
                                                 struct error *error);
MUST_USE int consumer_instance_assign(struct consumer_instance *instance,
                                      const struct consumer_protocol_assignment_topic *topics, size_t count);
/* Commits, leaves; then `done`, perhaps from within. */
void consumer_instance_unsubscribe(struct consumer_instance *instance);

/* It has its partitions, or is not to have any. */
bool consumer_instance_is_ready(const struct consumer_instance *instance);

/* The partition in the log; NULL while there is none. One that was made anew is begun anew. */
struct partition *consumer_instance_locate(const struct consumer_instance *instance,
                                           struct consumer_partition *partition);
/* Decides where it begins, if that is not decided. False: it cannot be (no partition, or no policy). */
bool consumer_instance_place(const struct consumer_instance *instance, struct consumer_partition *partition);
/* Where auto.offset.reset says: CONSUMER_NO_POSITION when it says nothing. */
void consumer_instance_reset(const struct consumer_instance *instance, struct consumer_partition *partition);

/* What was handed out is acknowledged. */
void consumer_instance_acknowledge(struct consumer_instance *instance);

/* ---- waiting ---- */

void consumer_instance_wait(struct consumer_instance *instance, struct consumer_waiter *waiter);
void consumer_waiter_cancel(struct consumer_waiter *waiter);
