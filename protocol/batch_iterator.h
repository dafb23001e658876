/* Walks the records of one batch.
 *
 * An uncompressed batch costs no memory: slices point into it. Of a compressed batch, a buffer with at least one whole
 * record is held, so the slices of a record live until the next call. `limit` bounds the bytes of all its records
 * together. Records that batch_validate has never seen are safe to walk: whatever is wrong ends in an error. */
#pragma once

#include "batch.h"
#include "compression.h"
#include "record.h"

struct batch_iterator {
    struct batch_header header;
    int32_t index; /* of the record that comes next */
    bool compressed;
    reader records; /* the bytes at hand: all records, or what the window holds */
    struct decompressor decompressor;
    struct memory *memory;
    uint8_t *window;
    size_t window_size;
    bool exhausted; /* the decompressor has nothing more */
    int status;     /* the failure that ended it */
};

/* `batch` is one whole batch and outlives the iterator; its CRC is not looked at. memory may be NULL for an
 * uncompressed one. Errors: of batch_parse_header, FURROW_CORRUPT when `batch` is shorter than its length, of
 * decompressor_open. After a failure there is nothing to close. */
MUST_USE int batch_iterator_open(struct batch_iterator *it, slice batch, struct memory *memory, size_t limit,
                                 struct error *error);

/* 1 with a record, 0 after the last one. FURROW_MALFORMED: the record it->index is wrong, or something follows the
 * last; else errors of decompressor_read. After an error the iterator gives nothing more. */
MUST_USE int batch_iterator_next(struct batch_iterator *it, struct record *record, struct error *error);

void batch_iterator_close(struct batch_iterator *it);
