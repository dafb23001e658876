/* A log: one partition's records, in Kafka's own layout: segments with sparse indexes, producer snapshots, the
 * leader epoch checkpoint, partition.metadata.
 *
 * A log belongs to one thread, the loop. What touches the disk is taken out of it as an operation of three steps, so
 * that nobody else ever sees a live structure:
 *
 *     begin    on the loop    decides everything from the log's state; fills an operation with file handles and values
 *     execute  any thread     does the disk calls of that operation and nothing else
 *     end      on the loop    takes the result into the log's state; releases the handles
 *
 * Every begun operation must be ended, executed or not, before the log is closed. At most one write is under way per
 * log. Syncs may run beside it, and reads beside both and each other; all syncs of one log are executed on one thread,
 * in any order.
 *
 * What a log at rest costs: under 2 KiB of heap, no file handle that the file cache does not own.
 *
 * Offsets. [log_start, end) can be read; `end` is also the high watermark, for there is one replica. `stable_end` (the
 * last stable offset) is `end` while no transaction is open. `synced_end` is what certainly survives a power cut. */
#pragma once

#include "batch.h"
#include "file.h"
#include "file_cache.h"
#include "offset_index.h"

struct log;

/* The topic's settings that concern storage, with Kafka's names and units. */
struct log_config {
    int64_t segment_bytes;       /* segment.bytes */
    int64_t segment_ms;          /* segment.ms */
    int64_t segment_jitter_ms;   /* segment.jitter.ms: up to so much is taken off, differently for each segment */
    int32_t segment_index_bytes; /* segment.index.bytes */
    int32_t index_interval_bytes;
};

/* What all logs of a data folder share. */
struct log_environment {
    struct disk *disk;
    struct file_cache *files;
    struct memory *memory;
    int64_t producer_expiry_ms; /* producer.id.expiration.ms: an idle producer is forgotten */
    uint32_t mark_bytes;        /* after so much, a sync saves indexes and producers for recovery; 0: 16 MiB */
};

/* What the data folder knows of a log at start (data_folder.h). */
struct log_opening {
    bool clean;             /* the last stop was clean: nothing is scanned */
    int64_t recovery_point; /* all before it was synced */
    int64_t log_start;      /* from the checkpoint; the first segment's base when larger */
    int32_t leader_epoch;   /* of this run: what new batches are stamped with, unless the log has seen a higher one */
    int64_t now;            /* ms */
    /* Zero, or the topic's id. A folder with records whose partition.metadata says another, or nothing, was copied in,
     * as from Apache Kafka: what wrote it closed segments only when they were safe, so it is opened as after a crash
     * with its last segment's base offset for the recovery point, or `recovery_point` when that is larger. Once a
     * checkpoint on the disk names the log, log_write_topic_id makes it the topic's own. */
    struct uuid topic_id;
};

/* What recovery did; all zero after a clean stop. Nothing is logged here: broker/metadata_load.c writes it to the
 * server's log. */
struct log_recovery {
    uint64_t bytes_scanned;
    uint64_t bytes_cut;    /* of torn or corrupt tails */
    uint32_t segments_cut; /* whole segments set aside behind a cut */
    uint32_t indexes_rebuilt;
    bool adopted;       /* the folder was copied in */
    int64_t cut_offset; /* first offset that was cut, valid when bytes_cut or segments_cut */
    char reason[128];   /* why the first bytes were cut */
};

/* Makes the folder, an empty first segment and partition.metadata; a value-only job for any thread, idempotent.
 * `folder` as from partition_folder_name. A folder that has records already was copied in: its files are synced,
 * nothing else changes. */
MUST_USE int log_create_files(struct disk *disk, const char *folder, struct uuid topic_id, struct error *error);

/* Replaces partition.metadata. */
MUST_USE int log_write_topic_id(struct disk *disk, const char *folder, struct uuid topic_id, struct error *error);

/* Removes the folder and all that is in it, and what is left of it from an earlier try; a value-only job for any
 * thread. The log is closed. For a topic that is deleted, rename the folder to `<topic>-<partition>.<uuid>-delete`
 * first: a start removes what it finds under such a name. */
MUST_USE int log_delete_files(struct disk *disk, const char *folder, struct error *error);

/* The topic id that the folder's partition.metadata names; zero when it names none. Errors: the disk's. */
MUST_USE int log_read_topic_id(struct disk *disk, const char *folder, struct uuid *topic_id, struct error *error);

/* Opens what is in `folder`, recovering first when the stop was not clean. Blocks on the disk: at start, or for a
 * folder just made. Errors: FURROW_CORRUPT with words; the disk's. */
MUST_USE int log_open(const struct log_environment *environment, const char *folder, const struct log_config *config,
                      const struct log_opening *opening, struct log **log, struct log_recovery *recovery,
                      struct error *error);

/* A clean stop's last step, blocking: flushes index tails, syncs, writes the producer snapshot. */
MUST_USE int log_flush_for_stop(struct log *log, int64_t now, struct error *error);
/* From now on nothing is appended or synced; reads go on. */
void log_take_offline(struct log *log);
/* Before the folder is renamed or removed: lets go of its files, and from now on of each that an operation under way
 * hands back. Another log may soon have the same folder's name. Nothing new may be begun. */
void log_abandon(struct log *log);
/* Frees; touches nothing on the disk. */
void log_close(struct log *log);

void log_set_config(struct log *log, const struct log_config *config);
void log_set_producer_expiry(struct log *log, int64_t ms);

const char *log_folder(const struct log *log);
struct uuid log_topic_id(const struct log *log); /* of partition.metadata; zero when there is none */
int64_t log_start_offset(const struct log *log);
int64_t log_end_offset(const struct log *log);
int64_t log_stable_end_offset(const struct log *log);
int64_t log_synced_end_offset(const struct log *log);
int32_t log_leader_epoch(const struct log *log);
int64_t log_active_base(const struct log *log); /* of the segment that is appended to */
uint64_t log_bytes(const struct log *log);      /* of all segments */
uint64_t log_unsynced_bytes(const struct log *log);
bool log_is_offline(const struct log *log); /* after a failed sync, or a disk that cannot be written */
/* Offset and epoch for OffsetForLeaderEpoch (KIP-320): the end offset of the largest epoch <= `epoch` (epoch and
 * offset -1 when there is none). */
void log_find_epoch_end(const struct log *log, int32_t epoch, int32_t *found_epoch, int64_t *end_offset);

/* ---- appending ---- */

/* One validated batch on its way into the log. Embedded in the caller's request; linked in order of arrival. */
struct log_append {
    uint8_t *batch;             /* borrowed, stamped in place */
    size_t size;                /* bytes */
    struct batch_header header; /* as parsed by batch_validate */
    bool is_trusted;            /* from a coordinator of this server: its epoch is checked, not its sequence */
    struct log_append *next;

    /* Results, valid after log_write_end or when begin has refused it */
    int status; /* 0, FURROW_DUPLICATE_SEQUENCE (base_offset names the earlier one), FURROW_OUT_OF_ORDER_SEQUENCE,
                 * FURROW_STALE_PRODUCER_EPOCH, FURROW_STALE_COORDINATOR_EPOCH, FURROW_NOT_TRANSACTIONAL,
                 * FURROW_TOO_LARGE, or why the write failed */
    int64_t base_offset;
};

struct log_write; /* opaque, from the ledger */

/* Forms a write from the head of the queue: checks producer sequences, assigns and stamps offsets and epochs, rolls to
 * a new segment when the active one is full or old. Takes from the queue what the write covers and what it refuses at
 * once (refused ones are in the same list with their status set; they come out at log_write_end in order).
 * *write is NULL when nothing is to be written (all were refused; then *done has them).
 * Errors: -ENOMEM, -EBUSY, FURROW_OFFLINE: the queue is as it was. */
MUST_USE int log_write_begin(struct log *log, struct log_append **queue, int64_t now, struct log_write **write,
                             struct log_append **done, struct error *error);
/* A write without a batch, for who wants the segment that is appended to closed: retention, before it takes it. *write
 * is NULL when that is empty. Then as any write; log_write_end returns NULL. -ENOMEM, -EBUSY, FURROW_OFFLINE. */
MUST_USE int log_roll_begin(struct log *log, int64_t now, struct log_write **write, struct error *error);
/* Whether the execution is one call that writes at most `bytes` to a file that is open: nothing is made, cut or flushed
 * beside it. */
bool log_write_is_small(const struct log_write *write, uint32_t bytes);
void log_write_execute(struct log_write *write);
/* Takes the result in, frees the write, returns its appends. What it has written can be read from now on, and survives
 * a power cut from the end of a sync on that begins after this. A failed write leaves the log as it was before begin.
 */
struct log_append *log_write_end(struct log *log, struct log_write *write, struct error *error);

/* ---- syncing ----
 *
 * Puts on the disk all that was written before begin; synced_end says so after the end. May run beside the next write.
 * A failed sync takes the log offline: what is on the disk is unknown until recovery has read it. What fails before the
 * sync itself, as when the disk is full, leaves all as it was, to be tried again. */

struct log_sync;

/* *sync is NULL when there is nothing to do. With `mark`, the sync also saves the indexes and a producer snapshot when
 * that is due, so that recovery has little to walk: for the background flush, where nobody waits.
 * One thread for all syncs of a log: of two syncs of one file at once, only one is told of a failure. */
MUST_USE int log_sync_begin(struct log *log, bool mark, struct log_sync **sync, struct error *error);
void log_sync_execute(struct log_sync *sync);
/* Several syncs in one pause, where the disk can sync all at once. When that fails, each is executed by itself, so that
 * a log goes offline only for what is its own. */
bool log_sync_can_join(const struct log_sync *sync);
void log_sync_execute_together(struct log_sync *const *syncs, uint32_t count);
/* How many files and folders the execution syncs by itself: each costs a pause. */
uint32_t log_sync_pauses(const struct log_sync *sync);
MUST_USE int log_sync_end(struct log *log, struct log_sync *sync, struct error *error);

/* ---- reading ---- */

/* A batch with this base offset starts at this position. */
struct log_read_point {
    int64_t offset;
    uint32_t position;
};

#define LOG_READ_POINTS 8

struct log_read_aborted;

/* What a read carries from step to step; nobody else looks at it. */
struct log_read_private {
    struct disk *disk;
    struct memory *memory;
    const char *folder;
    struct file_cache_entry *pinned; /* of the file; NULL while it is the read's own */
    struct file_cache_entry *left;   /* of a segment that had nothing, to be released too */
    struct offset_index index;       /* of the last segment; of others it is loaded */
    int64_t segment_base;
    int64_t begun_base; /* of the segment where it began */
    int64_t segment_end_offset;
    int64_t next_base; /* of the segment behind it; -1: none */
    int64_t next_end_offset;
    uint32_t segment_size;
    uint32_t next_size;
    uint32_t known_from; /* CRCs of [from, to) are known to be right */
    uint32_t known_to;
    uint32_t checked_from; /* CRCs of [from, to) were found right by this read */
    uint32_t checked_to;
    uint32_t swaps;                   /* the log's, when it began */
    int64_t first_base;               /* of the range's first batch */
    struct log_read_aborted *aborted; /* NULL: nothing that was aborted can concern it */
    struct log_read_point start;      /* where the search begins */
    bool started;                     /* start is set */
    bool exact;                       /* and is where the batch with the offset starts */
    bool is_last;
    bool unsettled; /* of the segment (log_swap.h) */
    bool next_unsettled;
    bool executed;
    struct log_read_point points[LOG_READ_POINTS]; /* where batches start that will be asked for next */
    uint32_t point_count;
};

/* A transaction that was aborted: of its producer, the records from first_offset to its marker do not count. */
struct log_aborted {
    int64_t producer_id;
    int64_t first_offset;
};

struct log_read {
    /* Asked */
    int64_t offset;
    int64_t end_offset; /* read nothing at or past it: log_end_offset, or the last stable one */
    uint32_t max_bytes;
    bool whole_batch; /* at least one whole batch, whatever max_bytes says */
    bool committed;   /* end_offset is at most the last stable one; the aborted transactions are wanted too */

    /* Found, after log_read_end with status 0. bytes 0: nothing at this offset yet. The file is pinned until
     * log_read_release. Starts at a batch (the one that holds `offset`), may end in a part of one. */
    struct file *file;
    uint64_t position;
    uint32_t bytes;
    int status; /* FURROW_OUT_OF_RANGE, FURROW_CORRUPT (that batch; reads past it work), the disk's */
    /* Of those with records in the range, or around it; in the order of their markers. Until log_read_release. */
    struct log_aborted *aborted;
    uint32_t aborted_count;

    struct log_read_private private;
};

/* Returns 1 when the read is complete (status says how): the offset was found by a hint or the index tail and the bytes
 * are verified and probably in the page cache. Returns 0 when log_read_execute must run first, in the pool. */
MUST_USE int log_read_begin(struct log *log, struct log_read *read);
/* Opens the segment if need be, searches the index, checks the CRCs of what was not checked since the start, and so
 * brings the bytes into the page cache. */
void log_read_execute(struct log_read *read);
void log_read_end(struct log *log, struct log_read *read);
void log_read_release(struct log *log, struct log_read *read);

/* ---- finding by time ---- */

#define LOG_FIND_MAX_TIMESTAMP (-3) /* KIP-734: the record with the largest timestamp */

struct log_find; /* opaque, from the ledger */

/* The first record at or after `timestamp` (ms, >= 0) below end_offset, or LOG_FIND_MAX_TIMESTAMP. Executed in the
 * pool: time indexes are searched, then one batch is walked (opened when compressed). */
MUST_USE int log_find_begin(struct log *log, int64_t timestamp, int64_t end_offset, struct log_find **find,
                            struct error *error);
void log_find_execute(struct log_find *find);
/* *offset and *timestamp are -1 when there is none. Frees. */
MUST_USE int log_find_end(struct log *log, struct log_find *find, int64_t *offset, int64_t *timestamp,
                          int32_t *leader_epoch, struct error *error);

/* ---- producers ---- */

/* The last sequence and so on of each active producer, for DescribeProducers; 0 ends the iteration. */
struct log_producer {
    int64_t producer_id;
    int16_t epoch;
    int32_t coordinator_epoch; /* of the last marker; -1: none */
    int32_t last_sequence;
    int64_t last_offset;
    int64_t last_timestamp;    /* ms */
    int64_t transaction_start; /* first offset of the open transaction; -1: none */
};
typedef int log_producer_callback(void *context, const struct log_producer *producer);
int log_list_producers(const struct log *log, log_producer_callback *callback, void *context);

/* ---- cutting the front ---- */

/* Moves the start to `offset` (<= end): DeleteRecords, retention. In memory; the data folder's checkpoint makes it
 * last, and log_trim.h lets the files go. Errors: FURROW_OUT_OF_RANGE. */
MUST_USE int log_set_start_offset(struct log *log, int64_t offset, struct error *error);
