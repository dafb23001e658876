/* What the files of retention share; nobody else includes it.
 *
 *     retention.c         its life, what comes next, the rounds
 *     retention_visit.c   one partition: what is to go
 *     retention_trim.c    the files of what has gone
 *     retention_total.c   what is to go of the whole data folder
 *     retention_time.c    the clocks */
#pragma once

#include "checkpoints.h"
#include "cleaner.h"
#include "container.h"
#include "log_retention.h"
#include "log_trim.h"
#include "operations/append.h"
#include "operations/environment.h"
#include "retention.h"
#include "server.h"

#include <inttypes.h>

/* Files that were set aside, until their time has come. */
struct retention_aside {
    struct partition *partition; /* its topic is held */
    struct log_trim *trim;
    uint64_t due;     /* ms of the loop's clock */
    bool is_executed; /* else renaming has failed, and is tried again */
    bool removes;     /* in the job under way */
    struct retention_aside *next;
};

struct retention {
    struct server *server;
    uv_timer_t round_timer; /* the next round */
    uv_timer_t due_timer;   /* whatever comes before that */
    int open_handles;
    bool is_stopping;

    struct proven_time time;
    uint64_t time_read_at;  /* ms of the loop's clock; 0: not yet */
    uint64_t time_saved_at; /* likewise */
    bool time_changed;      /* in a way that is to be kept at once */

    /* What is to be done; both lists hold their topics */
    struct partition *to_visit;
    struct partition *to_trim;
    struct retention_aside *aside;
    uint64_t aside_bytes;
    bool wants_checkpoint; /* a start has moved */
    bool wants_space;      /* the data folder has grown past its limit, or the disk is nearly full */
    unsigned space_tries;

    /* What is under way: one thing, of this partition, whose topic is held */
    bool is_busy;
    struct partition *partition;
    struct job job;
    struct log_timestamps *timestamps;
    struct append_roll roll;
    struct writer_job sync;
    struct retention_aside *moving;
    struct cleaner_wait let_go;
    struct checkpoint_request checkpoint;
    int status;
    struct error error;
    struct log_limit failures;

    /* The data folder as a whole */
    int64_t total_limit;   /* bytes; -1: any */
    uint64_t total;        /* at the last look */
    uint64_t grown;        /* since then */
    uint64_t looked_at;    /* ms of the loop's clock */
    uint64_t wanted_bytes; /* because the disk is nearly full */
};

static inline uint64_t retention_now(const struct retention *retention)
{
    return uv_now(retention->server->loop);
}

/* ---- retention.c ---- */

/* Goes on with whatever comes next, unless something is under way. */
void retention_advance(struct retention *retention);
/* Comes back when something is due; for who may not go on from within. */
void retention_arm(struct retention *retention);
/* What was under way has ended. */
void retention_end_step(struct retention *retention);
void retention_ask_visit(struct retention *retention, struct partition *partition);
void retention_ask_trim(struct retention *retention, struct partition *partition);
/* Not offline, not of a deleted topic. */
bool retention_can_touch(const struct partition *partition);
void retention_warn(struct retention *retention, const struct partition *partition, const struct error *error);

/* ---- retention_visit.c ---- */

/* Lets go what the topic's policy lets go. True: done; false: there is something to be learnt or rolled first, so the
 * partition is to be visited. */
bool retention_look_at(struct retention *retention, struct partition *partition);
/* Begins what is needed before a look; false: there is nothing. */
MUST_USE bool retention_visit(struct retention *retention, struct partition *partition);
/* The start moves; its files follow once that is saved. */
void retention_move_start(struct retention *retention, struct partition *partition, int64_t start);

/* ---- retention_trim.c ---- */

/* False: there is nothing to do, or it cannot be done now. */
MUST_USE bool retention_trim(struct retention *retention, struct partition *partition);
/* Removes what is due; false when nothing is. */
bool retention_remove_due(struct retention *retention);
/* When the next files are due; UINT64_MAX: none are. */
uint64_t retention_next_due(const struct retention *retention);
/* From now on everything is due. */
void retention_hurry(struct retention *retention);
void retention_drop_aside(struct retention *retention);

/* ---- retention_total.c ---- */

MUST_USE int retention_total_open(struct retention *retention, struct error *error);
/* Looks whether there is too much, and lets go of what is. */
void retention_make_space(struct retention *retention);
/* Whether a look is wanted now or, *due, later. */
bool retention_wants_look(const struct retention *retention, uint64_t *due);

/* ---- retention_time.c ---- */

MUST_USE int retention_time_open(struct retention *retention, struct error *error);
/* There is something to be kept. */
bool retention_time_is_due(const struct retention *retention);
