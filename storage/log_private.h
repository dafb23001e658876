/* What the files of the log share; nobody else includes it.
 *
 *     log.c               the log's state: creating, closing, looking
 *     log_folder.c        what stands in the log's folder
 *     log_adopt.c         folders that were there before
 *     log_open.c          opening: what stands in the folder becomes the log's state
 *     recovery.c          after an unclean stop: scanning, cutting, rebuilding
 *     recovery_walk.c     over one segment
 *     recovery_resume.c   from a mark on
 *     log_head.c          the end of the last segment: what it adds to the indexes
 *     log_write.c         begin and end of a write
 *     log_write_form.c    which batches it takes
 *     log_write_job.c     its execution
 *     log_sync.c          syncing
 *     log_mark.c          what keeps recovery short
 *     log_stop.c          the clean stop
 *     log_transactions.c  open and aborted transactions
 *     log_read.c          begin and end of a read, the hints
 *     log_read_job.c      its execution
 *     log_read_search.c   finding the batch with the offset
 *     log_scrub.c         looking for bit rot
 *     log_find.c          finding by time
 *     log_timestamps.c    learning the largest timestamps of old segments
 *     log_trim.c          forgetting the front
 *     log_retention.c     how much of it
 *     log_swap.c          new segments in the place of old ones
 *     compaction*.c       compaction, which makes them */
#pragma once

#include "epochs.h"
#include "log.h"
#include "offset_index.h"
#include "producer_state.h"
#include "segment.h"
#include "time_index.h"
#include "transaction_index.h"

#include <errno.h>
#include <inttypes.h>

#define LOG_MAX_PRODUCERS 1024 /* per log; beyond, those idle longest are forgotten */
#define LOG_METADATA_FILE "partition.metadata"
#define LOG_EPOCHS_FILE   "leader-epoch-checkpoint"
#define CHECKPOINT_LIMIT  ((size_t)1 << 20)

/* The end of the log's last segment, where appending goes on. A write works on a copy and puts it back at its end. */
struct log_head {
    struct offset_index index;
    struct time_index times;
    struct time_offset largest; /* the largest timestamp and the last offset of its batch; {-1, base} while empty */
    int64_t first_timestamp;    /* of the first batch, ms; -1 while there is none */
    int64_t created;            /* ms; when there is no timestamp to roll by */
    uint32_t bytes_since_index; /* appended since the last index entry */
};

/* Index entries that are not in the files yet. Made by the first append. */
struct log_tails {
    struct offset_index_tail index;
    struct time_index_tail times;
};

#define LOG_HINTS            4
#define LOG_HINT_POINTS      LOG_READ_POINTS
#define LOG_READ_CHECK_BYTES ((uint32_t)1 << 20) /* of which one read checks the CRCs, beside its first batch */

/* Where batches start that somebody will probably ask for next. points[0] is where a consumer stands. */
struct log_hint {
    int64_t segment_base;
    struct log_read_point points[LOG_HINT_POINTS];
    uint32_t count; /* 0: free */
    uint32_t used;  /* the log's hint_clock then */
};

struct log_mark;
struct log_trim;
struct log_swap;

struct log {
    struct log_environment environment;
    struct log_config config;
    struct uuid topic_id;

    int64_t start;
    int64_t saved_start; /* what the data folder's checkpoint says, or less */
    int64_t end;
    int64_t stable_end;
    int64_t synced_end;
    int64_t aborted_end;  /* behind the last marker that a transaction index names; 0: none does */
    int32_t leader_epoch; /* what new batches are stamped with */

    struct segment *segments; /* by base offset; at least one */
    uint32_t segment_count;
    uint32_t segment_capacity;
    uint64_t bytes;

    struct log_head head;
    struct log_tails *tails; /* NULL before the first append */
    struct epochs epochs;
    struct producer_state *producers;

    /* What is not on the disk for certain */
    uint64_t written_bytes;  /* appended, or cut off again, since the log was opened */
    uint64_t synced_bytes;   /* of them, synced */
    int64_t unsynced_base;   /* the first segment with unsynced files */
    uint64_t folder_changes; /* names made in the folder, counted */
    uint64_t folder_synced;  /* of them, synced */
    uint64_t epoch_changes;  /* of the epochs, counted */
    uint64_t epochs_written; /* of them, in leader-epoch-checkpoint */
    int64_t snapshot_offset; /* the newest producer snapshot is of this offset; -1: there is none */
    uint32_t mark_position;  /* in the last segment, of the newest mark */
    uint32_t failed_rolls;   /* each has removed the files of its base offset, a mark's snapshot among them */
    bool mark_wanted;        /* the next write's begin is to take one */
    bool marks_off;          /* until the next roll: the indexes are not to be trusted */
    struct log_mark *pending_mark;
    struct log_trim *trim; /* NULL: none is under way */
    bool tail_dirty;       /* a failed write may have left bytes behind the end */
    int64_t stray_base;    /* a roll that failed may have left files of this base offset; -1: none */
    int64_t expired_at;    /* ms: when idle producers were last forgotten */
    bool indexes_made;     /* recovery has written the last segment's indexes and not synced them */
    bool writing;
    bool offline;
    _Atomic bool abandoned; /* the folder's name is not this log's any more */
    bool sync_alone;        /* recovered: what failed before this run is told to the files' own syncs only */
    bool sync_lost;         /* a sync has failed; for those that come after it, on the same thread */
    uint64_t epochs_saved;  /* of the changes of the epochs, in the checkpoint; likewise */

    bool compacting;            /* a run of compaction has begun and not ended */
    uint32_t swaps;             /* since the log was opened: replacements of segments, and of their files' names */
    struct log_swap *unsettled; /* the last one, when its files are not where they belong yet */

    struct log_hint hints[LOG_HINTS];
    uint32_t hint_clock;

    size_t folder_size; /* with the NUL byte */
    char folder[];
};

static inline struct segment *log_last_segment(struct log *log)
{
    return &log->segments[log->segment_count - 1];
}

/* The offset after what the segment can hold: the next one's base, or the log's end. */
static inline int64_t log_segment_end_offset(const struct log *log, uint32_t segment)
{
    return segment + 1 < log->segment_count ? log->segments[segment + 1].base_offset : log->end;
}

/* The last segment with a base offset <= offset; 0 when there is none. */
uint32_t log_find_segment(const struct log *log, int64_t offset);
/* Room for one more segment. */
MUST_USE int log_reserve_segment(struct log *log);

/* Whether the segment with that base offset was replaced, or went, since the log's count of replacements was `swaps`.
 */
bool log_is_replaced(const struct log *log, int64_t base_offset, uint32_t swaps);

/* All files of that base offset; 0 when there are none. */
MUST_USE int log_remove_segment_files(struct disk *disk, const char *folder, int64_t base_offset, struct error *error);
/* Renames them to `.deleted`, which the next start removes; and removes what was renamed. */
MUST_USE int log_set_segment_aside(struct disk *disk, const char *folder, int64_t base_offset, struct error *error);
MUST_USE int log_remove_segment_aside(struct disk *disk, const char *folder, int64_t base_offset, struct error *error);

/* The folder is not the log's any more: nothing more is renamed or removed. trim may be NULL. */
void log_trim_make_void(struct log_trim *trim);

/* A batch that stands at header->base_offset, noted in the producers' state. `batch` is all of it; only needed
 * for control batches. When it aborts a transaction of which there is a batch, *aborted is what the transaction index
 * is to say, else its producer_id is -1. */
MUST_USE int log_note_producer(struct producer_state *producers, const struct batch_header *header, slice batch,
                               int64_t timestamp, struct aborted_transaction *aborted);
/* When the end or the producers have changed; nothing is provisional. */
void log_update_stable_end(struct log *log);

/* ---- the head ---- */

void log_head_init(struct log_head *head, int64_t base_offset, int64_t now);
/* A tail is full: flush before the next log_head_note. */
bool log_head_wants_flush(const struct log_tails *tails);
/* The batch is the next one, at `position`. Index entries as in Kafka: one for each batch before which more than
 * interval_bytes were appended since the last; its own timestamp counts for it. */
void log_head_note(struct log_head *head, struct log_tails *tails, int32_t interval_bytes,
                   const struct batch_header *header, uint32_t position);
/* The last time index entry of a segment; the tail has room. */
bool log_head_note_end(struct log_head *head, struct log_tails *tails);
/* Blocking: writes the tails to the index files, which end behind them then. */
MUST_USE int log_head_flush(struct log_head *head, struct log_tails *tails, struct disk *disk, const char *folder,
                            bool sync, struct error *error);

/* ---- opening ---- */

/* What is found in a log's folder. */
struct log_folder_segment {
    int64_t base_offset;
    bool parts[SEGMENT_PARTS];
};

struct log_folder {
    struct log_folder_segment *segments; /* by offset; those with only a snapshot are among them */
    uint32_t count;
    uint32_t capacity;
    writer leftovers; /* names that a start removes, each with a NUL byte */
    bool has_metadata;
    bool has_epochs;
    struct memory *memory;
};

MUST_USE int log_folder_list(struct log_folder *found, struct disk *disk, const char *folder, struct memory *memory,
                             struct error *error);
void log_folder_close(struct log_folder *found);
/* Removes leftovers of interrupted work, and indexes without a segment. */
MUST_USE int log_folder_remove_leftovers(struct log_folder *found, struct disk *disk, const char *folder,
                                         struct error *error);

/* The producers' state from the newest snapshot that can be read and whose offset is <= at_most, noted in
 * log->snapshot_offset; none: empty, -1. */
MUST_USE int log_load_snapshot(struct log *log, const struct log_folder *found, int64_t at_most, int64_t now,
                               struct error *error);
/* The head of the last segment, whose batches are trusted; sets the log's end. FURROW_CORRUPT: recover. */
MUST_USE int log_load_head(struct log *log, int64_t now, struct error *error);
/* The log is as in the folder, the recovery point as in opening; indexes are rebuilt, the end is found. */
MUST_USE int log_recover(struct log *log, const struct log_folder *found, const struct log_opening *opening,
                         struct log_recovery *recovery, struct error *error);
/* The head of a segment as it was at the last index entry before `mark`; the scan is of that segment. 1: the walk goes
 * on at head->index.last.position, where the batch has the base offset *next_offset; 0: it starts at the first batch,
 * and head is to be made anew. */
MUST_USE int log_resume_head(struct log *log, const struct segment *segment, int64_t mark, struct segment_scan *scan,
                             struct log_head *head, int64_t *next_offset, struct error *error);
/* The entries that the segment's transaction index should have of markers before `until`, from the newest snapshot
 * before the segment and the batches since, into `entries`. For those that cannot be read. With `all`, markers that
 * abort a transaction without a batch have one too, in which they are its first offset. */
MUST_USE int log_remake_aborted(struct disk *disk, struct memory *memory, const char *folder,
                                const struct log_folder *found, int64_t base_offset, int64_t until, bool all,
                                writer *entries, struct error *error);
/* How many entries the transaction indexes have, by their sizes, and the last of them. FURROW_CORRUPT: recover. */
MUST_USE int log_load_aborted(struct log *log, const struct log_folder *found, struct error *error);
/* The base offset of the folder's last segment; -1 when there is not a byte of records. */
MUST_USE int log_find_records(struct disk *disk, const char *folder, int64_t *last_base, struct error *error);
/* Syncs every file in the folder: whoever copied it need not have done so. */
MUST_USE int log_sync_files(struct disk *disk, const char *folder, struct error *error);
/* A new, empty last segment with its files. */
MUST_USE int log_add_segment(struct log *log, int64_t base_offset, struct error *error);

/* ---- files ---- */

/* A file that an operation uses: pinned at begin when it is open, else opened by the execution and handed to the cache
 * at the end. */
struct log_handle {
    struct file *file;
    struct file_cache_entry *pinned; /* NULL: the operation's own */
    uint32_t swaps;                  /* the log's count when the operation began: it is not kept for a newer segment */
    bool unsettled;                  /* of the segment, then: open it by its other name first */
};

void log_handle_find(struct log *log, struct log_handle *handle, int64_t base_offset, enum segment_part part);
MUST_USE int log_handle_open(struct log_handle *handle, struct disk *disk, const char *folder, int64_t base_offset,
                             enum segment_part part, enum file_mode mode, struct error *error);
/* Into the cache; when that fails the file stays the handle's own. FURROW_OUT_OF_RANGE: the segment was trimmed. */
int log_handle_pin(struct log *log, struct log_handle *handle, int64_t base_offset, enum segment_part part);
/* Gives the pin back, or closes what is the handle's own. */
void log_handle_release(struct log *log, struct log_handle *handle);

/* ---- hints ---- */

void log_hints_forget(struct log *log);
