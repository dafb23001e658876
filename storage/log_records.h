/* All records of a log, in order: for those who keep their state in one and read it at start. Blocking. */
#pragma once

#include "log.h"
#include "record.h"

/* The record borrows; valid during the call. A non-zero return ends the walk and is returned by it. */
typedef int log_record_callback(void *context, const struct record *record, struct error *error);

/* For those to whom it matters who wrote them, and how transactions ended: each whole batch, markers too. */
typedef int log_batch_callback(void *context, const struct batch_header *header, slice batch, struct error *error);

/* Errors: FURROW_CORRUPT, FURROW_MALFORMED, the disk's, -ENOMEM, the callback's. */
MUST_USE int log_for_each_batch(struct log *log, struct memory *memory, log_batch_callback *callback, void *context,
                                struct error *error);
/* Of a batch that was given out; nothing of a control batch. */
MUST_USE int log_walk_records(const struct batch_header *header, slice batch, struct memory *memory,
                              log_record_callback *callback, void *context, struct error *error);
/* Both together. */
MUST_USE int log_for_each_record(struct log *log, struct memory *memory, log_record_callback *callback, void *context,
                                 struct error *error);
