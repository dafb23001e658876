/* Repairing a log of a stopped data folder: what inspect.h calls damage is taken out, so that all that is good is
 * served again. What is taken out is copied to another disk first. Good batches are never dropped, whatever stands
 * before them.
 *
 *   - Stretches of a segment that are no batch go, the good ones behind move up. Offsets may be missing then, as after
 * a compaction. A tail is cut. A segment in which nothing is good goes, but for the last one, which becomes empty.
 *   - A batch whose epoch was damaged gets the one that the checkpoint says.
 *   - Indexes that are wrong or missing are made again, as is an epoch checkpoint; a damaged snapshot goes.
 *   - A log that lost records at its end goes on at its recovery point: offsets that were given out are not given
 * again.
 *
 * The order makes every step safe to be the last one. First the segments are synced and on_end is called: with that
 * recovery point on the disk no start cuts what stands behind damage, and it steps over what is still there. A segment
 * is written anew beside the old one, its indexes go, then it takes the old one's name. Done again, all of it goes on.
 *
 * Blocks on the disk; needs room for the largest damaged segment. Memory as inspect.h. */
#pragma once

#include "inspect.h"

struct repair {
    struct disk *disk;
    struct memory *memory;
    bool clean;           /* as in the inspection */
    int32_t leader_epoch; /* of the last run */
    bool dry;             /* tells only */
    /* Where what is taken out goes: FOLDER/BASE.FROM-TO.log, by position, and small files under their names; not used
     * when dry. */
    struct disk *aside;
    /* What is done, or would be. A return above 0 ends the repair and is returned. */
    int (*on_action)(void *context, const char *path, const char *words);
    /* The log is whole up to here and synced: make this its recovery point, durably, before anything is changed. Not
     * called when dry. */
    int (*on_end)(void *context, const char *folder, int64_t end_offset, struct error *error);
    void *context;

    /* Counted as it goes */
    uint64_t bytes_aside;
    uint64_t actions;
};

/* Nothing is done to a log without damage. Errors: the disk's (also for what cannot be read: the files are as they
 * were), -ENOMEM, a callback's. */
MUST_USE int repair_log(struct repair *repair, const char *folder, const struct inspect_known *known,
                        struct error *error);

/* A small file beside the partitions, or in one: copied to `aside` and removed; 0 when it is not there. */
MUST_USE int repair_set_aside(struct repair *repair, const char *path, const char *why, struct error *error);
