/* What the files of a repair share. */
#pragma once

#include "inspect_private.h"
#include "log_private.h"
#include "log_repair.h"

/* A walk over a log's segments, in order: what becomes of each stretch. */
struct repair_walk {
    struct repair *repair;
    const char *folder;
    const struct inspect_known *known;
    struct epochs epochs; /* of the checkpoint; where it cannot be read, of the batches */
    bool epochs_lost;
    const struct log_folder *found;
    struct epoch_judge judge;
    int64_t end; /* offset behind the last batch that is kept */
};

enum stretch_fate { STRETCH_KEEP, STRETCH_RESTAMP, STRETCH_TAKE_OUT };

/* *epoch is what a batch gets that is restamped. */
enum stretch_fate repair_judge(struct repair_walk *walk, const struct segment_stretch *stretch, int32_t *epoch);

/* What is to be done to one segment. */
struct segment_plan {
    int64_t base_offset;
    int64_t end_offset; /* exclusive, of what may stand in it; INT64_MAX: the last one */
    uint32_t size;      /* bytes, as found */
    uint32_t good;      /* batches that stay */
    uint32_t good_end;  /* position behind the last of them */
    uint32_t bad;       /* stretches that go */
    uint32_t bad_from;  /* position of the first */
    uint32_t restamped; /* batches whose epoch is put right */
    bool indexes_wrong;
    bool aborted_wrong;       /* the transaction index */
    bool has_aborted;         /* there is one */
    struct epoch_judge judge; /* the walk before this segment */
    int64_t end;
};

/* Counts an action and calls on_action; returns what that returns. */
PRINTF_LIKE(3, 4) int repair_tell(struct repair *repair, const char *path, const char *format, ...);
/* Tells, and does unless dry. Nothing when the plan has nothing to do. */
MUST_USE int repair_segment(struct repair_walk *walk, const struct segment_plan *plan, struct error *error);
