/* What of a log is to be forgotten: decided here, done by log_trim.h.
 *
 * By time and by size as Kafka does (UnifiedLog.deleteOldSegments): whole segments, from the oldest on, stopping at the
 * first that stays. A segment goes by time when the largest timestamp in it is older than the limit; by size while what
 * remains is no smaller than the limit. A segment whose age nobody knows goes with one behind it. By count to the
 * record: the start moves so that so many offsets remain. The segment that is appended to goes only when it was rolled
 * first, which the verdict asks for.
 *
 * Nothing here touches the disk but the job that learns timestamps. */
#pragma once

#include "log.h"
#include "proven_time.h"

/* -1: no limit. */
struct retention_limits {
    int64_t ms;
    int64_t bytes;
    int64_t records;
};

struct retention_verdict {
    int64_t start;         /* where the log should start; its present start when nothing goes */
    bool wants_timestamps; /* the verdict may be another one when more is known: log_timestamps_begin */
    bool wants_roll;       /* the segment that is appended to goes as a whole: roll, then ask again */
};

struct retention_verdict retention_decide(const struct log *log, const struct retention_limits *limits,
                                          const struct proven_time *time);

/* ---- the whole data folder ---- */

/* Bytes of the segments that are not wholly below the start. */
uint64_t retention_kept_bytes(const struct log *log);

/* The oldest segment that is not wholly below the start. */
struct retention_segment {
    int64_t end_offset; /* a start from which it is gone */
    int64_t timestamp;  /* its largest, ms; -1: none, or not known */
    bool is_unknown;    /* log_timestamps_begin would tell */
    uint32_t bytes;
    bool is_active; /* only a roll lets it go */
};
struct retention_segment retention_oldest(const struct log *log);

/* ---- largest timestamps that are not known ---- */

/* After a clean stop the time indexes of old segments have not been looked at yet. In three steps (log.h), a bounded
 * number of segments at a time, from the oldest on. */
struct log_timestamps; /* opaque, from the ledger */

/* *job is NULL when all are known. -ENOMEM. */
MUST_USE int log_timestamps_begin(struct log *log, struct log_timestamps **job, struct error *error);
void log_timestamps_execute(struct log_timestamps *job);
/* A segment whose time index cannot be read counts as one without timestamps. The disk's errors. */
MUST_USE int log_timestamps_end(struct log *log, struct log_timestamps *job, struct error *error);
