/* What a committed read tells of aborted transactions: found with the range, on the same thread. */
#pragma once

#include "aborted_stream.h"

/* Whether aborted transactions may concern a read at the offset. Most do not: nothing was aborted lately. */
static inline bool log_read_wants_aborted(const struct log *log, const struct log_read *read)
{
    return read->committed && read->offset < log->aborted_end;
}

/* On the loop, at the read's begin in the segment. -ENOMEM. */
MUST_USE int log_read_aborted_begin(const struct log *log, struct log_read *read, uint32_t segment);
/* The range was found: it goes from private.first_base to `end`. 1: there are too many for one answer: the range is to
 * be found again, up to read->end_offset, which is lower now. */
MUST_USE int log_read_aborted_find(struct log_read *read, int64_t end, struct error *error);
/* On the loop, at the read's end: true when what it has seen was replaced meanwhile. */
bool log_read_aborted_is_old(const struct log *log, const struct log_read *read);
/* Frees what the search needed; the list stays in the read. */
void log_read_aborted_end(struct log_read *read);
void log_read_aborted_release(struct log_read *read);
