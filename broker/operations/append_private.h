/* What the files of append share; nobody else includes it.
 *
 *     append.c            requests, queues, writes
 *     append_check.c      what a batch must be like
 *     append_markers.c    batches that end transactions
 *     append_prepare.c    the part of that which a pool job does
 *     append_results.c    what a part is answered
 *     append_roll.c       closing the segment that is appended to
 *     append_sync.c       who waits for the disk */
#pragma once

#include "container.h"
#include "operations/append.h"
#include "operations/append_check.h"
#include "operations/append_prepare.h"
#include "operations/gather.h"
#include "operations/loop_writes.h"
#include "operations/turn_end.h"

/* Of one partition; exists while anything below is queued, held, under way or waiting, and holds the topic. */
struct partition_append {
    struct append_service *service;
    struct partition *partition;
    struct log_append *queue; /* for the next write */
    struct log_append **queue_tail;
    struct append_part *held; /* behind a preparation, itself included */
    struct append_part **held_tail;
    struct append_roll *roll; /* to come before the next write, or under way */
    struct writer_job write;  /* while is_writing */
    bool is_writing;
    bool is_asked; /* on the list of those to be formed */
    struct partition_append *next;

    struct log_append *unsynced; /* written, and waiting for the disk; in order of their answers */
    struct log_append **unsynced_tail;
    struct writer_job sync; /* while is_syncing */
    bool is_syncing;
    struct gather gather;
    bool is_gathering; /* on the list of those that the timer looks at */
    struct partition_append *next_gathering;
};

struct append_service {
    struct memory *memory; /* the operations go before the handles below are closed */
    struct operations *operations;
    struct turn_end turn_end;
    struct partition_append *to_form;
    struct partition_append **to_form_tail;
    struct append_request *refused; /* requests that were done at once */
    struct append_request **refused_tail;
    struct partition_append *spare;
    unsigned spare_count;
    size_t states; /* in use */
    struct loop_writes loop_writes;
    struct histogram times;
    uv_timer_t gather_timer;
    struct partition_append *gathering;
    int open_handles;
    struct log_limit log_limit;
};

static inline struct append_part *append_part_of(struct log_append *entry)
{
    return CONTAINER_OF(entry, struct append_part, entry);
}

/* ---- append.c ---- */

/* NULL without memory. */
struct partition_append *append_acquire(struct append_service *service, struct partition *partition);
void append_ask_for_write(struct partition_append *state);
void append_release_if_idle(struct partition_append *state);

/* ---- append_results.c ---- */

/* The part has its result, and so perhaps its request. */
void append_fail(struct append_part *part, enum kafka_error code);
/* As their statuses say. */
void append_settle(const struct partition *partition, struct log_append *entries);
void append_fail_all(struct log_append *entries, enum kafka_error code);
void append_report_failure(struct partition_append *state, const struct error *error);

/* ---- append_roll.c ---- */

/* Nothing when no roll was asked for, or a write is under way. */
void append_form_roll(struct partition_append *state);

/* ---- append_sync.c ---- */

/* Whether the entry of a finished write is answered only when the disk has it. */
bool append_waits_for_disk(const struct log *log, struct log_append *entry);
void append_await_sync(struct partition_append *state, struct log_append *entry);
/* Begins a sync when there is reason to and none is under way. */
void append_ask_for_sync(struct partition_append *state);
void append_on_gather_timer(uv_timer_t *timer);
