/* Finding an offset by time, or one of a log's ends, as ListOffsets asks for them.
 *
 * Ends are known at once; a timestamp is searched by a pool job. The caller owns the request; `done` is called once,
 * perhaps from within find_offset_start. The topic is held meanwhile.
 *
 * What one client asks together is a group: a few searches are in the pool at once and the others wait, so that one
 * request cannot fill the pool's queue. */
#pragma once

#include "kafka/error_code.h"
#include "operations/environment.h"

#define FIND_LATEST                  (-1)
#define FIND_EARLIEST                (-2)
#define FIND_MAX_TIMESTAMP           (-3)
#define FIND_EARLIEST_LOCAL          (-4)
#define FIND_LATEST_TIERED           (-5) /* there are no tiers: nothing is found */
#define FIND_EARLIEST_PENDING_UPLOAD (-6) /* likewise */

#define FIND_SEARCHES_MAX            8 /* of a group, in the pool at once */

struct find_offset;

/* Lives until the last of its members is done. */
struct find_group {
    unsigned running;
    struct find_offset *queued;
    struct find_offset **queued_tail;
};

struct find_offset {
    /* Asked */
    struct find_group *group;
    struct partition *partition;
    int64_t timestamp; /* ms, or one of the above */
    bool committed;    /* the latest is the last stable offset, nothing is found at or past it */
    void (*done)(struct find_offset *find);
    void *context;

    /* Found; -1 where there is nothing */
    enum kafka_error error;
    int64_t offset;
    int64_t found_timestamp; /* of a record that was searched for */
    int32_t leader_epoch;

    /* Private */
    struct operations *operations;
    struct job job;
    struct log_find *search;
    struct find_offset *next;
};

void find_group_init(struct find_group *group);
void find_offset_start(struct operations *operations, struct find_offset *find);

/* KIP-320: where the batches of `epoch`, or of the largest one before it, end; both -1 when that is not known. An epoch
 * counts from the start of its run, whether or not a batch was written in it. */
void find_epoch_end(const struct log *log, int32_t epoch, int32_t *found_epoch, int64_t *end_offset);

/* KAFKA_NONE, or what a client is told whose idea of the leader's epoch (-1: none) is not the present one. */
enum kafka_error find_epoch_error(const struct log *log, int32_t client_epoch);
