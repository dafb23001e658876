/* Compaction of a log: of each key the last record stays (or the last n), what it supersedes goes. What is promised is
 * what Kafka promises: offsets and order never change; who reads from the start sees at least the final state of each
 * key; a tombstone (null value) stays delete.retention.ms from the run on that saw it first.
 *
 * A run takes the closed segments from the log's start up to what may be cleaned, and works in a fixed memory whatever
 * the number of keys: the key space is cut into slices, each slice is one reading of the log that marks the survivors
 * in a bitmap (a bit a record, in a file of its own), and one copy pass writes them (compaction_job.c has the story).
 *
 *     begin     on the loop    decides the segments; fills the run with values
 *     execute   any thread     a part of the work, then
 *     step      on the loop    takes in what is finished, and says whether to go on
 *     end       on the loop    frees, from any state
 *
 *     rc = log_compaction_begin(…);
 *     do { in the pool: log_compaction_execute(run, budget); on the loop: rc = log_compaction_step(log, run, …); }
 *     while (rc == 1);
 *     log_compaction_end(log, run, &result);
 *
 * The new files replace the old ones group by group, from the oldest on. A power cut at any point, an end at any point
 * and a failing disk lose nothing: either the old segments or the new one are there. A start finishes a replacement
 * that was begun (Kafka's .swap files).
 *
 * Readers may read all the time. One that has an old file goes on with it; one that was under way while files were
 * replaced is run once more inside of log_read_end and log_find_end.
 *
 * What cannot be read for certain is never a reason to lose something: a segment with a wrong CRC is kept whole, and
 * with it all tombstones and markers of that run.
 *
 * Of transactions, only what is decided is cleaned. Records of aborted ones go; a marker goes when nothing of its
 * transaction is left and delete.retention.ms have passed since a run has found so.
 *
 * A log has one run at a time, which must be ended before the log is closed. No trim begins beside it. */
#pragma once

#include "log.h"

struct log_compaction; /* opaque, from the ledger */

enum compaction_key {
    COMPACTION_RECORD_KEY,
    COMPACTION_HEADER, /* the value of the last header of that name */
    COMPACTION_PREFIX, /* the first bytes of the record's key */
};

#define COMPACTION_SECRET_SIZE 176

/* Records that lack the key (it is null, has no such header, or is shorter than the prefix) are kept. */
struct compaction_config {
    int64_t min_lag_ms;          /* min.compaction.lag.ms */
    int64_t delete_retention_ms; /* delete.retention.ms */
    int64_t unproven_ms; /* so much of the time until `now` may be a jump of the clock: no tombstone goes for it */
    uint32_t keep;       /* records of each key that stay, at least 1; a tombstone removes all before it */
    enum compaction_key key;
    slice header;                           /* COMPACTION_HEADER: its name; borrowed during begin */
    uint32_t prefix;                        /* COMPACTION_PREFIX: bytes */
    uint8_t secret[COMPACTION_SECRET_SIZE]; /* random, fresh for each run: nobody can make keys that collide */
};

/* Where a log's compaction stands; both offsets are the broker's to keep (cleaner-offset-checkpoint,
 * recovery-point-offset-checkpoint). */
struct compaction_bounds {
    int64_t cleaned_end; /* all before it was cleaned; 0: nothing */
    int64_t
        recovery_point; /* that is saved durably: nothing past it may be cleaned, for recovery accepts no gaps there */
};

struct compaction_look {
    uint64_t clean_bytes;          /* of segments that were cleaned */
    uint64_t dirty_bytes;          /* of segments that could be cleaned now and were not yet */
    int64_t first_dirty;           /* offset */
    int64_t first_uncleanable;     /* offset; a run would make it the cleaned end */
    int64_t first_dirty_timestamp; /* ms, for max.compaction.lag.ms: the largest of the first dirty segment, the one
                                    * that is appended to included; SEGMENT_TIMESTAMP_UNKNOWN, or -1: there is none */
    bool wants_timestamps;         /* segments may be kept out only because their timestamps are not known:
                                    * log_timestamps_begin (log_retention.h) */
};

void log_compaction_look(const struct log *log, const struct compaction_config *config,
                         const struct compaction_bounds *bounds, int64_t now, struct compaction_look *look);

/* True from begin to end, and while files of an earlier run wait for their last step. */
bool log_is_compacting(const struct log *log);
/* Files of an earlier run wait for their last step, which the next run does, whatever it is to clean. */
bool log_wants_settling(const struct log *log);

/* `buffer` is log.cleaner.dedupe.buffer.size in bytes (at least 64 KiB are taken): the table of keys, which is
 * gone when copying begins. Beside it a run holds about 200 KiB, the largest batch once or twice, and what a codec
 * takes. *run is NULL when nothing may be cleaned. Errors: -ENOMEM, -EBUSY (another run), FURROW_OFFLINE. */
MUST_USE int log_compaction_begin(struct log *log, const struct compaction_config *config,
                                  const struct compaction_bounds *bounds, int64_t now, size_t buffer,
                                  struct log_compaction **run, struct error *error);

/* Reads and writes about `budget` bytes, to within a batch and what one step cannot be cut into; written bytes are
 * synced at least every MiB. */
void log_compaction_execute(struct log_compaction *run, uint64_t budget);
/* 1: execute again; 0: done; else why it failed. */
MUST_USE int log_compaction_step(struct log *log, struct log_compaction *run, struct error *error);

/* Bytes that the last execute has read and written, for throttling. */
uint64_t log_compaction_last_bytes(const struct log_compaction *run);

/* From now on only what must be finished is done: step returns 0 after few more calls. What was replaced stays so. */
void log_compaction_cancel(struct log_compaction *run);

struct compaction_result {
    int64_t cleaned_end; /* the new one; a run that was cancelled or has failed may have come some way, too */
    uint64_t bytes_before;
    uint64_t bytes_after;
    uint64_t records_before; /* of what was read */
    uint64_t records_after;
    uint32_t segments_before;
    uint32_t segments_after;
    uint32_t slices;        /* of the key space: so many times the log was read, twice as many to keep more than 4 */
    uint32_t segments_left; /* as they were, for a CRC or a record in them is wrong */
    uint64_t bytes_read;
    uint64_t bytes_written;
};

/* May also be called before step has returned 0, when the log is closed next: a start does the rest. */
void log_compaction_end(struct log *log, struct log_compaction *run, struct compaction_result *result);
