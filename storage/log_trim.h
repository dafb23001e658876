/* Forgetting the front of a log: the files of segments that lie wholly below its start.
 *
 * Happy path. The start moves (log_set_start_offset: DeleteRecords, retention). It is saved in the data folder's
 * log-start-offset-checkpoint, and the log is told (log_note_start_saved). Then segments below it leave the log
 * (begin), their files are renamed to `.deleted` (execute) and some time later removed (remove). Only what is synced
 * goes: with a segment its successor's snapshot of the producers gets safe.
 *
 *     begin      on the loop    takes the segments out of the log
 *     execute    any thread     renames; again after a failure, as often as need be
 *     remove     any thread     removes what was renamed; likewise
 *     end        on the loop    frees, from any state
 *
 * At a crash the checkpoint says where the log starts: log_open removes every segment that lies wholly below it, and
 * every `.deleted` file, so the files may go in any order and a hole among them is no damage.
 *
 * Readers. A read that has its file goes on with it; one that finds the file gone is FURROW_OUT_OF_RANGE, as is one
 * that ends when its offset is below the start. A failure here never takes a log offline.
 *
 * A log has one trim at a time. It must be ended before the log is closed. */
#pragma once

#include "log.h"

struct log_trim; /* opaque, from the ledger */

/* The data folder's checkpoint says durably that the log starts at `offset`, or later. */
void log_note_start_saved(struct log *log, int64_t offset);

bool log_is_start_saved(const struct log *log);
/* Whether there is something below the saved start, no other trim, and no compaction. */
bool log_wants_trim(const struct log *log);
/* Whether a trim would take segments, if they were synced. */
bool log_trim_wants_sync(const struct log *log);

/* *trim is NULL when nothing that is synced lies wholly below the saved start, another trim has not ended, or the log
 * is being compacted. The segment that is appended to always stays. -ENOMEM. */
MUST_USE int log_trim_begin(struct log *log, struct log_trim **trim, struct error *error);
/* The disk's; the trim stays as it is for another try. */
MUST_USE int log_trim_execute(struct log_trim *trim, struct error *error);
MUST_USE int log_trim_remove(struct log_trim *trim, struct error *error);
void log_trim_end(struct log *log, struct log_trim *trim);

uint32_t log_trim_segments(const struct log_trim *trim);
uint64_t log_trim_bytes(const struct log_trim *trim); /* of the .log files */
