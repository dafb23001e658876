/* The topics that exist: by name and by id, each with its partitions' logs and its configuration.
 *
 * In memory only; metadata_log.h makes changes last and calls these. Everything belongs to the loop. A partition's
 * address is stable as long as its topic exists; operations that outlive a turn of the loop hold the topic
 * (topic_hold, topic_release), so that a deleted one goes when the last of them has ended. */
#pragma once

#include "log.h"
#include "topic_config.h"
#include "uuid.h"

#include <uthash.h>

#define TOPIC_NAME_MAX 249 /* bytes */

struct server;
struct topic;

/* How far a log's compaction has come. */
struct clean_state {
    int64_t cleaned_end; /* all before it was compacted; 0: nothing */
    uint64_t retry_at;   /* ms of the loop's clock: before, it is left alone, for the last try has failed */
};

/* retention: what is to be done with a partition. */
struct retention_state {
    struct partition *next_visit;
    struct partition *next_trim;
    bool is_to_visit;
    bool is_to_trim;
    bool wants_learning; /* the age of its oldest segment, whatever its own limits */
    bool wants_roll;     /* it is to let go of the segment that it appends to */
    bool at_once;        /* its files do not wait for file.delete.delay.ms */
    uint8_t visits;      /* without result in this round */
};

struct partition {
    struct topic *topic;
    int32_t index;
    struct log *log; /* NULL while it is made, and when it could not be opened: offline */
    /* Of one that could not be opened: what the checkpoints say, to be kept for a start that can */
    int64_t unopened_synced;
    int64_t unopened_start;

    struct partition_append *append; /* operations/append: its own state, NULL at rest */
    struct read_waiter *waiters;     /* operations/read: who waits for records */
    struct partition *next_dirty;    /* flush: partitions with unsynced bytes */
    bool is_dirty;
    struct clean_state clean;
    uint32_t scrubbed; /* scrub: the last pass that has looked at it */
    struct retention_state retention;
    int64_t saving_start; /* checkpoints: what the job under way says of the log's start */
};

/* Since the start of the process. */
struct topic_traffic {
    uint64_t records_in;
    uint64_t bytes_in; /* of batches, as they are stored */
    uint64_t bytes_out;
};

struct topic {
    char *name;         /* NUL-terminated */
    char *unified_name; /* with '_' for each '.', not terminated; NULL when it has neither */
    size_t name_size;
    struct uuid id;
    struct topic_config config;
    struct topic_traffic traffic;
    bool is_internal;
    bool is_deleted;                       /* gone from the tables; kept until released */
    bool is_deleting;                      /* metadata_log: a record says so that is not safe yet */
    bool is_growing;                       /* metadata_log: until its new partitions' folders are there */
    struct metadata_change *configured_by; /* metadata_log: the newest change of the configuration under way */
    unsigned holds;
    int32_t
        recorded_partitions; /* metadata_log: what its newest record says; more than there are while they are made */
    int32_t partition_count;
    int32_t partition_capacity;
    struct partition **partitions;

    UT_hash_handle by_name;
    UT_hash_handle by_id;
    UT_hash_handle by_unified_name;
};

struct topics {
    struct memory *memory;
    struct topic *by_name;
    struct topic *by_id;
    struct topic *by_unified_name; /* names may be in it more than once: topics made by older versions stay */
    size_t count;
    size_t partition_count;
    uint64_t clean_changes;                 /* of any cleaned_end, counted */
    uint64_t changes;                       /* topics and partitions that came or went, counted */
    void (*changed)(struct topics *topics); /* one more of these; not to look at them yet. NULL: nobody wants to know */
};

static inline slice topic_name(const struct topic *topic)
{
    return slice_of(topic->name, topic->name_size);
}

void topics_init(struct topics *topics, struct memory *memory);
void topics_close(struct topics *topics);

struct topic *topics_find(const struct topics *topics, slice name);
struct topic *topics_find_id(const struct topics *topics, struct uuid id);
/* One whose name is the same but for '.' and '_', which are one character in the names of Kafka's metrics; NULL when
 * there is none. */
struct topic *topics_find_collision(const struct topics *topics, slice name);
/* NULL when there is no such partition. */
struct partition *topic_partition(const struct topic *topic, int32_t index);

/* -EEXIST, -ENOMEM. The configuration is copied. Partitions follow with topic_add_partition. */
MUST_USE int topics_add(struct topics *topics, slice name, struct uuid id, const struct topic_config *config,
                        struct topic **topic);
/* Takes the log over (may be NULL: offline). */
MUST_USE int topic_add_partition(struct topics *topics, struct topic *topic, struct log *log);
/* Out of the tables; freed, logs closed, when the last hold ends. */
void topics_remove(struct topics *topics, struct topic *topic);

void topic_hold(struct topic *topic);
void topic_release(struct topics *topics, struct topic *topic);

/* Kafka's rule (1 to 249 of [a-zA-Z0-9._-], not "." or "..") and ':', which Streambed's namespaces use. `why` gets
 * Kafka's words when not valid. */
bool topic_name_valid(slice name, struct error *why);
