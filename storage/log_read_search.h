/* Finding the batch with an offset in one segment: see log_read_search.c. */
#pragma once

#include "log_private.h"

#define INDEX_WINDOW 64 /* entries that one call reads */

struct log_search {
    struct log_read *read;
    struct log_read_private *p;
    struct segment_scan scan;
    struct log_handle index; /* opened when asked */
    bool index_loaded;
    uint8_t window[INDEX_WINDOW * OFFSET_INDEX_ENTRY_SIZE]; /* of the index */
    uint32_t window_first;                                  /* entry */
    uint32_t window_count;                                  /* entries; 0: not read yet */
    uint32_t passed;                                        /* so many entries have a position <= passed_position */
    uint32_t passed_position;
    int64_t entry_offset;    /* the last offset that the batch at entry_position can have; where the search began */
    uint32_t entry_position; /* 0: it did not begin at an index entry */
    struct error error;      /* of which nobody wants the words */
};

/* Position of the index entry at or before the offset. A broken or missing index costs time, not the read. */
uint32_t log_search_index_position(struct log_search *s);
/* How many index entries have a position <= `position`. */
MUST_USE int log_search_count_entries(struct log_search *s, uint32_t position, uint32_t *count);
MUST_USE int log_search_read_entry(struct log_search *s, uint32_t i, struct offset_position *entry);

/* CRCs of [from, to) are known to be right. */
bool log_search_is_known(const struct log_read_private *p, uint32_t from, uint64_t to);

/* From where the scan stands. 1: found, its CRC is right; 0: the segment has no such offset and none behind it.
 * FURROW_CORRUPT, the disk's. */
MUST_USE int log_search_batch(struct log_search *s, struct segment_batch *batch);
