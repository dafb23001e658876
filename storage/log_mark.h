/* A mark: see log_mark.c. */
#pragma once

#include "log_private.h"

#define LOG_MARK_BYTES ((uint32_t)16 << 20) /* of a segment between marks */

struct log_mark {
    struct memory *memory;
    int64_t offset;      /* of the snapshot */
    int64_t base_offset; /* of the segment */
    uint32_t position;   /* in the segment, of that offset */
    writer snapshot;
    uint32_t failed_rolls; /* of the log, when the mark was made */
    int64_t replaces;      /* offset of the mark before, to be removed; -1: none */
    uint8_t index[OFFSET_INDEX_TAIL_MAX * OFFSET_INDEX_ENTRY_SIZE];
    uint8_t times[TIME_INDEX_TAIL_MAX * TIME_INDEX_ENTRY_SIZE];
    bool has_aborted;
    size_t index_size; /* bytes */
    size_t times_size;
    uint64_t index_at; /* where in the file */
    uint64_t times_at;
    bool made;
    bool lost; /* a sync of an index failed */
};

bool log_mark_is_due(const struct log *log);
/* Called at a write's begin, before anything is provisional. */
void log_mark_note_begin(struct log *log);
/* For a sync that begins now; NULL when none is due or there is no memory for one. */
struct log_mark *log_mark_prepare(struct log *log);
/* After the segment itself is synced. */
void log_mark_run(struct log_mark *mark, struct disk *disk, const char *folder);
void log_mark_finish(struct log *log, const struct log_mark *mark);
/* mark may be NULL. */
void log_mark_drop(struct log_mark *mark);
