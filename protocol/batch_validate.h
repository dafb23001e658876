/* Checks record batches that producers send, before anything believes them. */
#pragma once

#include "batch.h"
#include "memory.h"

struct batch_rules {
    size_t max_bytes;        /* of the batch (message.max.bytes) */
    bool keys_required;      /* the topic is compacted: every record needs a key */
    bool open_compressed;    /* walk the records of compressed batches too */
    size_t max_uncompressed; /* bound on what opening yields, in bytes; unused unless open_compressed */
    struct memory *memory;   /* for opening; may be NULL unless open_compressed */
};

struct batch_report {
    struct batch_header header;
    bool whole;                   /* the bytes are one batch with its CRC: an error is about what it says */
    bool walked;                  /* the records were looked at, so walked_max_timestamp is set */
    int64_t walked_max_timestamp; /* ms: what max_timestamp should be for a batch with create times */
    int32_t bad_record;           /* index of the record that the error is about; -1: the batch as a whole */
};

/* Checks a batch as a producer sends it: `bytes` must be exactly one. Control, transactional and timestamp-type bits
 * are reported in the header, not judged. Records of compressed batches are walked only with rules->open_compressed.
 * Errors:
 *   FURROW_TOO_LARGE    above max_bytes, or max_uncompressed when opened
 *   FURROW_UNSUPPORTED  magic 0 or 1 (header.magic says so), or an unknown codec
 *   FURROW_CORRUPT      the CRC is wrong, or the length too small: not what the sender made
 *   FURROW_MALFORMED    the sender made it wrong: not one whole batch, or count, deltas, sequence, a record's form, a
 *                       missing key
 *   -ENOMEM             when opening */
MUST_USE int batch_validate(slice bytes, const struct batch_rules *rules, struct batch_report *report,
                            struct error *error);
