/* Both indexes of a segment, read beside a walk over its batches: does every entry say what stands there? Bounded: a
 * few KiB, whatever the files' sizes. */
#pragma once

#include "batch.h"
#include "index_file.h"
#include "segment.h"

#define INDEX_FOLLOW_ENTRIES 256 /* read at once */

/* One of the two files. */
struct index_follow_file {
    struct file *file; /* NULL: missing, or not readable as an index */
    uint32_t entry_size;
    uint32_t entries;
    uint32_t next;          /* entry to be judged */
    uint32_t buffered_from; /* entry */
    uint32_t buffered;      /* entries */
    uint8_t buffer[INDEX_FOLLOW_ENTRIES * INDEX_ENTRY_MAX];
    bool is_missing;
    struct error wrong; /* code 0: nothing is; else the first that was */
};

struct index_follow {
    int64_t base_offset;
    struct index_follow_file offsets;
    struct index_follow_file times;
    int64_t largest_timestamp; /* of the batches so far; -1 */
    int64_t last_timestamp;    /* of the time index's entries so far */
    bool stepped_over;         /* something that is no batch stands before the next one: entries into it say nothing */
};

/* An index that is missing or cannot be read is a verdict, not an error; only -ENOMEM is returned. */
MUST_USE int index_follow_open(struct index_follow *follow, struct disk *disk, const char *folder, int64_t base_offset,
                               struct error *error);
void index_follow_batch(struct index_follow *follow, uint32_t position, const struct batch_header *header);
/* What is at `position` is no batch. */
void index_follow_step_over(struct index_follow *follow);
/* After the last one: entries that are left name nothing. Closes the files. */
void index_follow_close(struct index_follow *follow);
