/* Where a segment ends that somebody else may be writing to: for a copy of a running server's files. */
#pragma once

#include "segment.h"

struct segment_tail {
    uint32_t size;      /* bytes of whole batches */
    int64_t end_offset; /* behind the last; the segment's base offset when there is none */
};

/* Batches behind the last index entry are checked by CRC up to the first that is not whole and right; those before are
 * believed. The file and its index are read, nothing is changed. Errors: the disk's, -ENOMEM. */
MUST_USE int segment_find_tail(struct segment_tail *tail, struct disk *disk, const char *folder, int64_t base_offset,
                               struct file *file, struct error *error);
