/* The transaction index of one segment: Kafka's .txnindex file (TransactionIndex in Kafka).
 *
 * A file of entries (version i16 = 0, producer id i64, first offset i64, last offset i64, last stable offset i64),
 * big-endian, one for each aborted transaction whose marker stands in the segment, in the order of the markers. There
 * is no file while there is none.
 *
 * An entry goes to the file with the write that brings its marker; nothing of the file is held in memory. Who reads a
 * range of offsets needs the entries whose transactions lie in it or around it: those of the segment where the range
 * begins and of the ones behind, until one says that the log was stable up to the range's end. */
#pragma once

#include "file.h"

#define TRANSACTION_INDEX_ENTRY_SIZE 34
#define TRANSACTION_INDEX_BUFFERED   ((uint32_t)64) /* entries read at once */

struct aborted_transaction {
    int64_t producer_id;
    int64_t first_offset;
    int64_t last_offset; /* its marker's */
    int64_t stable_end;  /* once the marker was written: what is aborted later begins there or behind */
};

void transaction_index_encode(const struct aborted_transaction *aborted, uint8_t bytes[TRANSACTION_INDEX_ENTRY_SIZE]);

/* False: no entry is like this. */
bool transaction_index_decode(const uint8_t bytes[TRANSACTION_INDEX_ENTRY_SIZE], struct aborted_transaction *aborted);

/* Whole entries by the file's size. Errors: FURROW_CORRUPT when the size is not one of whole entries (rebuild), the
 * disk's. */
MUST_USE int transaction_index_count(struct file *file, uint32_t *entries, struct error *error);

/* Entries in order. The file is borrowed. */
struct transaction_index_walk {
    struct file *file;
    uint32_t entries;
    uint32_t next;
    uint32_t buffered_from; /* entry */
    uint32_t buffered;
    int64_t last_offset; /* of the entry before; -1: none */
    int64_t stable_end;
    uint8_t buffer[TRANSACTION_INDEX_BUFFERED * TRANSACTION_INDEX_ENTRY_SIZE];
};

/* From entry `first` on. */
void transaction_index_start(struct transaction_index_walk *walk, struct file *file, uint32_t first, uint32_t entries);
/* 1 with the next entry, 0 at the end. FURROW_CORRUPT: it is none, or out of order; the walk stays before it. */
MUST_USE int transaction_index_next(struct transaction_index_walk *walk, struct aborted_transaction *aborted,
                                    struct error *error);

/* Reads all: whole entries, in order, with markers in [base_offset, end_offset). Errors: FURROW_CORRUPT with words
 * (rebuild), the disk's. */
MUST_USE int transaction_index_check(struct file *file, int64_t base_offset, int64_t end_offset, uint32_t *entries,
                                     struct error *error);
