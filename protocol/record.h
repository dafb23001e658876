/* One record of a batch, and its headers. Slices are borrowed from the batch or from whoever opened it. */
#pragma once

#include "reader.h"
#include "slice.h"

struct record_header {
    slice key;   /* never null */
    slice value; /* may be null */
};

struct record {
    int64_t offset;
    int64_t timestamp; /* ms; the append time for batches that have one */
    slice key;         /* may be null */
    slice value;       /* may be null: a tombstone */
    int32_t header_count;
    slice headers; /* encoded, well formed; walked with record_next_header */
};

/* `headers` starts as reader_of(record->headers); false after the last. */
bool record_next_header(reader *headers, struct record_header *header);

/* Takes one record, its length field included, as it stands in the batch: offset and timestamp are still deltas to the
 * batch's. The headers are walked too. NULL on success, else words for what is wrong with the record. */
const char *record_read(reader *r, struct record *record);
