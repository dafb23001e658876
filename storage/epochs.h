/* The leader epochs of a log: where each began. Kafka's LeaderEpochFileCache, kept in leader-epoch-checkpoint.
 *
 * A small array, rising in epoch and in start offset. A write that fails takes its epoch back with epochs_cut_end at
 * the log's end before it. */
#pragma once

#include "memory.h"
#include "slice.h"
#include "status.h"
#include "writer.h"

struct epoch_start {
    int32_t epoch;
    int64_t start_offset;
};

struct epochs {
    struct memory *memory;
    struct epoch_start *starts;
    uint32_t count;
    uint32_t capacity;
};

void epochs_init(struct epochs *epochs, struct memory *memory);
void epochs_close(struct epochs *epochs);

/* -1 while there is none. */
int32_t epochs_latest(const struct epochs *epochs);
/* The one that the offset lies in; -1: it lies before the first. */
int32_t epochs_at(const struct epochs *epochs, int64_t offset);

/* A batch of `epoch` is about to stand at start_offset. Nothing when that is the latest epoch; entries that do not rise
 * to the new one are dropped. Returns 1 when it changed something (the checkpoint is to be written), 0, or -ENOMEM. */
MUST_USE int epochs_append(struct epochs *epochs, int32_t epoch, int64_t start_offset);

/* The log ends at `end` now: epochs that start there or later are dropped. True when that changed something. */
bool epochs_cut_end(struct epochs *epochs, int64_t end);
/* The log starts at `start` now: epochs that ended before are dropped, the one it lies in starts there. */
bool epochs_cut_start(struct epochs *epochs, int64_t start);

/* KIP-320, as Kafka answers: the largest epoch <= `epoch` and where the next one starts (log_end for the latest). For
 * an epoch above the latest, or below 0: both -1. For one before the first: itself, and the first start offset. */
void epochs_find_end(const struct epochs *epochs, int32_t epoch, int64_t log_end, int32_t *found_epoch,
                     int64_t *end_offset);

/* The checkpoint's text. */
void epochs_write(const struct epochs *epochs, writer *w);
/* Replaces what is there. Errors: FURROW_WRONG_VERSION, FURROW_CORRUPT (also when it does not rise), -ENOMEM; nothing
 * is known then. */
MUST_USE int epochs_parse(struct epochs *epochs, slice text, struct error *error);
