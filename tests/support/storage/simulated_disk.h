/* A disk in memory that forgets, tears and fails: what tests put in the place of the real one.
 *
 * It keeps two states, what programs see and what is certainly on the platter. A power cut (simulated_disk_power_cut)
 * leaves something between the two, by a seed:
 *   - of a file's unsynced sectors (512 bytes) some survive, in no order, some in part;
 *   - its unsynced size may or may not have arrived; where the size did and the bytes did not, there are zeros or
 *     garbage;
 *   - names made, renamed or removed since their folder was synced may or may not be there; a rename is whole or not at
 *     all. A change that needs an earlier one (renaming what was made) survives only together with it.
 * Syncing a file says nothing about its name.
 *
 * Calls are counted and can be made to fail. Deterministic by seed, as far as one thread makes the calls; no real disk.
 * The open files come from the ledger as those of the real disk do; what stands on the disk does not. */
#pragma once

#include "file.h"

struct disk *simulated_disk_create(struct memory *memory, uint64_t seed);
/* disk_close frees everything. All files must be closed before. */

/* ---- power ---- */

/* The machine stops here and starts again. Files that are open stay so in name only: every call on them is -EIO. */
void simulated_disk_power_cut(struct disk *disk, uint64_t seed);
/* Power goes in the n-th call from now (0: the next): it may be done in part, and it and all calls after it fail with
 * -EIO, until simulated_disk_power_cut. */
void simulated_disk_stop_at(struct disk *disk, int64_t nth);
bool simulated_disk_is_stopped(const struct disk *disk);

/* ---- failures ---- */

/* The n-th call from now (0: the next), and only that one, fails with `code` (-EIO, -ENOSPC). A write may be done in
 * part. A failed sync loses some of the unsynced bytes and keeps others, which count as synced from then on: a second
 * sync that succeeds proves nothing. nth -1: none. */
void simulated_disk_fail_at(struct disk *disk, int64_t nth, int code);
/* True while the failure asked for has not happened yet. */
bool simulated_disk_fail_pending(const struct disk *disk);
/* As fail_at, counting only calls of one kind. */
enum simulated_call {
    SIMULATED_OPEN,
    SIMULATED_LIST,
    SIMULATED_MAKE_FOLDER,
    SIMULATED_RENAME,
    SIMULATED_REMOVE, /* of files and folders */
    SIMULATED_SYNC_FOLDER,
    SIMULATED_SYNC_ALL,
    SIMULATED_SPACE,
    SIMULATED_READ,
    SIMULATED_WRITE,
    SIMULATED_SYNC,
    SIMULATED_TRUNCATE,
    SIMULATED_SIZE,
    SIMULATED_CALLS
};
void simulated_disk_fail_call_at(struct disk *disk, enum simulated_call call, int64_t nth, int code);

/* Something that another thread does in the middle of an operation: `beside` is called within the n-th call from now
 * (0: the next), before that call does anything, and may make calls itself. nth -1: none. */
void simulated_disk_beside_at(struct disk *disk, int64_t nth, void (*beside)(void *context), void *context);

/* For a loop that lets each call fail once:
 *     for (int64_t nth = 0; !simulated_disk_outlived(disk, nth); nth++) { … }
 * Empties the disk and arms the n-th call with -EIO; true when the round before ended without its failure. The files of
 * the round before must be closed. */
bool simulated_disk_outlived(struct disk *disk, int64_t nth);

/* Bytes that all files together may have; beyond, writes are done in part and fail with -ENOSPC. */
void simulated_disk_set_space(struct disk *disk, uint64_t bytes);

/* What file_is_cached answers; true at first. */
void simulated_disk_set_cached(struct disk *disk, bool cached);

/* Turns a bit over, synced and not: bit 0 is the lowest of the first byte. False when the file is not that long. */
bool simulated_disk_flip_bit(struct disk *disk, const char *path, uint64_t bit);

/* ---- looking ---- */

uint64_t simulated_disk_calls(const struct disk *disk); /* of all kinds, failed ones included */
uint64_t simulated_disk_calls_of(const struct disk *disk, enum simulated_call call);
uint64_t simulated_disk_bytes_read(const struct disk *disk);
uint64_t simulated_disk_bytes_written(const struct disk *disk);
uint32_t simulated_disk_open_files(const struct disk *disk);
/* Whether a power cut now could change anything. */
bool simulated_disk_is_all_synced(const struct disk *disk);
