/* A recovery's walk over the segments of a log: see recovery.c. */
#pragma once

#include "log_private.h"

/* The transaction index of the segment that is walked. */
struct recovery_aborted {
    struct file *file; /* NULL: there is none yet */
    uint32_t entries;  /* in the file */
    writer pending;    /* entries that come behind them */
};

struct recovery_walk {
    struct log *log;
    const struct log_folder *found;
    struct log_recovery *recovery;
    struct error *error;
    int64_t recovery_point;
    int64_t replay_from; /* producers' batches from here on are not in the snapshot */
    int64_t now;
    int64_t end; /* offset behind the last batch that is right */
    bool cut;
    struct epochs seen;    /* that the checkpoint lacks */
    int32_t largest_epoch; /* that a batch may have */

    /* Of the segment that is walked */
    struct recovery_aborted aborted;
    bool is_closed;              /* another one stands behind it */
    int64_t trusted_to;          /* batches that end before this offset are not checked, and nothing is cut before it */
    int64_t limit;               /* the next segment's base offset; INT64_MAX: there is none */
    struct segment_batch passed; /* the last one that was taken, when has_passed */
    int64_t passed_from;         /* w->end before it */
    bool has_passed;
    uint32_t checked_from; /* position of the first batch whose CRC was looked at; UINT32_MAX: none */
};

/* Walks the segment, cuts it where it stops being right (walk->cut), completes its indexes. head is that of its end.
 * Batches that end before trusted_to are stepped over by their headers; INT64_MAX: all of them. */
MUST_USE int recovery_walk_segment(struct recovery_walk *w, uint32_t segment, int64_t trusted_to,
                                   struct log_head *head);
/* Opens the transaction index of a segment; what it says of markers that the walk will not note is kept, or made again
 * when the other indexes were not believed either. */
MUST_USE int recovery_aborted_open(struct recovery_walk *w, const struct segment *segment, bool from_start);
MUST_USE int recovery_aborted_note(struct recovery_walk *w, const struct aborted_transaction *aborted,
                                   const struct segment *segment);
/* The file is complete; the segment has the count. */
MUST_USE int recovery_aborted_finish(struct recovery_walk *w, struct segment *segment, bool sync);
void recovery_aborted_close(struct recovery_walk *w);
/* Of a segment that is not walked: as it is when it looks right, else made again. A file that is not there says that
 * nothing was aborted, unless the other indexes are missing too. */
MUST_USE int recovery_aborted_check(struct recovery_walk *w, uint32_t segment, bool are_missing);
/* The log ends at w->end; w->error says why. */
void recovery_note_cut(struct recovery_walk *w, int64_t base_offset);
/* Epochs whose batches were synced later than the checkpoint join the log's. */
MUST_USE int recovery_take_seen_epochs(struct recovery_walk *w);
