/* Looking a stopped data folder through, without changing anything in it: every batch of every segment by its CRC and
 * its place, indexes against the batches, producer snapshots, epochs and checkpoints.
 *
 * What is found has one of two levels. Damage: something is lost, or would be, or cannot be served. A note: what a kill
 * or a power cut leaves behind and the next start puts right without losing an acknowledged record, as a torn tail
 * behind the recovery point.
 *
 * Blocks on the disk. Memory is bounded but for the lists of segments of one partition and of the partitions. */
#pragma once

#include "data_folder.h"
#include "file.h"

enum finding_level { FINDING_NOTE, FINDING_DAMAGE };

struct finding {
    enum finding_level level;
    const char *path; /* of the file or folder, in the data folder */
    int64_t offset;   /* the first that is concerned; -1: none */
    int64_t position; /* in the file, bytes; -1 */
    int64_t bytes;    /* that are concerned; -1 */
    const char *words;
};

struct inspection {
    struct disk *disk;
    struct memory *memory;
    bool clean;           /* the last stop was: nothing may be torn */
    int32_t leader_epoch; /* of the last run */
    /* Each may be NULL; a return above 0 ends the inspection and is returned by it. */
    int (*on_finding)(void *context, const struct finding *finding);
    int (*on_progress)(void *context); /* called about once a MiB; look at `bytes` */
    void *context;

    /* Counted as it goes */
    uint64_t partitions;
    uint64_t segments;
    uint64_t batches;
    uint64_t records;
    uint64_t bytes; /* of segments, looked at */
    uint64_t bytes_reported;
    uint64_t notes;
    uint64_t damages;
};

/* What the data folder's checkpoints say of a log; -1: nothing. */
struct inspect_known {
    int64_t recovery_point;
    int64_t log_start;
};

struct inspect_log {
    int64_t first_offset; /* of the first segment */
    int64_t end_offset;   /* behind the last batch that is right */
    uint64_t bytes;
    int32_t largest_epoch; /* of the batches; -1 */
    uint64_t damages;
};

/* Errors: only what ends it: -ENOMEM, a folder that cannot be listed, a callback's. */
MUST_USE int inspect_log(struct inspection *inspection, const char *folder, const struct inspect_known *known,
                         struct inspect_log *result, struct error *error);

/* The checkpoint files beside the partitions. */
MUST_USE int inspect_checkpoints(struct inspection *inspection, struct error *error);
/* One of them; true also when it is not there. */
bool inspect_checkpoint_is_right(struct disk *disk, const char *name, struct error *why);

/* Counts a finding and calls on_finding; returns what that returns. */
int inspect_tell_at(struct inspection *inspection, const struct finding *finding);
PRINTF_LIKE(4, 5)
int inspect_tell(struct inspection *inspection, enum finding_level level, const char *path, const char *format, ...);
