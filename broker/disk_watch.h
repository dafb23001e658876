/* Watches the space of the disk, so that it never fills to the last byte.
 *
 * While less than furrow.disk.reserve.bytes is free, records are refused and no topics are made: what is left is for
 * that which makes space (retention, compaction, deletions) or keeps a start short (checkpoints, indexes). Records are
 * taken again when there is a sixteenth of the reserve more than that. A write for which the disk had no space all the
 * same (a quota, no free inodes) closes the door for a second too.
 *
 * The file system is asked only while records come: once a second, and before what has come since could have used up
 * the space. Belongs to the loop. */
#pragma once

#include "file.h"
#include "logger.h"

struct disk_watch {
    struct disk *disk;
    struct logger *logger; /* NULL: nobody hears of it */
    uint64_t reserve;      /* bytes; 0: only what the disk itself refuses is refused */
    /* NULL, or called whenever a look finds less than twice the reserve, before records are refused. */
    void (*on_low)(void *context);
    void *on_low_context;

    /* Private */
    bool has_looked;
    bool is_full;
    bool is_said;       /* in the log, that it is full */
    uint64_t looked_at; /* ms, of a clock that never goes back */
    uint64_t said_at;
    uint64_t free;  /* bytes, at the last look */
    uint64_t taken; /* bytes since */
    struct log_limit limit;
};

void disk_watch_init(struct disk_watch *watch, struct disk *disk, struct logger *logger, uint64_t reserve);

/* Whether records of so many bytes may be taken now; they are counted then. `now`: ms of a clock that never goes
 * back. */
MUST_USE bool disk_watch_take(struct disk_watch *watch, uint64_t bytes, uint64_t now);
/* As disk_watch_take of nothing: for what is not counted, as a new topic. */
MUST_USE bool disk_watch_has_space(struct disk_watch *watch, uint64_t now);
/* A write failed with `status`; only those that say that the disk is full count. */
void disk_watch_note_failure(struct disk_watch *watch, int status, uint64_t now);

/* What is kept free on a disk of `total` bytes when nothing is configured: room for a segment and its compacted copy,
 * at most a twentieth of the disk. */
uint64_t disk_watch_default_reserve(uint64_t total, uint64_t segment_bytes);
