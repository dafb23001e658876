/* All records of a log, in order: for those who keep their state in one and read it at start. */
#pragma once

#include "log.h"
#include "record.h"

/* The record borrows; valid during the call. A non-zero return ends the walk and is returned by it. */
typedef int log_record_callback(void *context, const struct record *record, struct error *error);

/* Blocking. Control batches are left out. Errors: FURROW_CORRUPT, FURROW_MALFORMED, the disk's, -ENOMEM, the
 * callback's. */
MUST_USE int log_for_each_record(struct log *log, struct memory *memory, log_record_callback *callback, void *context,
                                 struct error *error);
