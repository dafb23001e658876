/* A write under way: what log_write.c and log_write_form.c decide and log_write_job.c does. */
#pragma once

#include "log_private.h"

#define LOG_WRITE_MAX_PARTS 256 /* runs of adjacent batches in one write */
#define LOG_WRITE_MAX_BYTES ((uint32_t)16 << 20)

/* Index entries on their way to a file. */
struct log_index_write {
    int64_t base_offset;
    enum segment_part part;
    uint64_t position; /* in the file */
    bool cut;          /* the file ends behind them: its segment is complete */
    writer bytes;
    struct log_handle handle;
};

enum { INDEX_OLD, TIMES_OLD, INDEX_NEW, TIMES_NEW, ABORTED, INDEX_WRITES };

struct log_write {
    struct disk *disk;
    struct memory *memory;
    const char *folder;
    struct log_append *appends; /* in order of arrival, refused ones too */
    struct log_append **appends_tail;

    /* The bytes */
    int64_t base_offset; /* of the segment that is written to */
    struct log_handle log;
    uint32_t position;
    uint32_t size;
    uint32_t aborted; /* entries of its transaction index, those of this write included */
    struct iovec *parts;
    int part_count;
    int part_capacity;
    struct log_index_write indexes[INDEX_WRITES];

    bool rolled;       /* the segment is new */
    int64_t old_base;  /* the one before it, valid when rolled */
    uint32_t old_size; /* bytes */
    uint32_t old_aborted;
    writer snapshot;    /* of the producers before it */
    bool cut_first;     /* an earlier failure left bytes behind the end */
    int64_t stray_base; /* an earlier roll that failed left files of this base offset; -1: none */

    /* What the log becomes */
    struct log_head head;
    struct log_tails tails;
    int64_t end;
    int64_t aborted_end;
    bool new_epoch;

    /* Result */
    int status;
    bool executed;
    bool wrote;
    bool left_files; /* files of a roll that failed may be there */
    bool left_bytes; /* bytes of a failed write may stand behind the end */
    struct error error;
};

/* Takes from the queue what one write can cover, and what is refused; begins the producers' run. -ENOMEM: nothing of it
 * can be written; what was taken is in write->appends. */
MUST_USE int log_write_fill(struct log *log, struct log_write *write, struct log_append **queue, int64_t now);
/* The write goes to a new segment at the log's end; it carries the last words of the old one. -ENOMEM. */
MUST_USE int log_write_roll(struct log *log, struct log_write *write, int64_t now);
