/* The sparse offset index of one segment: Kafka's .index file (OffsetIndex in Kafka).
 *
 * A sorted file of entries (relative offset i32, position i32), big-endian, one for about every index.interval.bytes of
 * log. An entry names the *last* offset of the batch that starts at its position. The first batch of a segment never
 * gets one, so position 0 marks the zero tail of a preallocated file.
 *
 * Three values, none of which owns anything:
 *     struct offset_index       what is known of the file; may be copied into a job
 *     struct offset_index_tail  entries that are not yet in the file; only the active segment has one
 *     struct file               borrowed for the length of a call
 * A look-up asks the tail first, without a system call, then the file: a binary search by pread, at most 21 reads of 8
 * bytes for a file of 10 MiB.
 *
 * Adding (on the loop): when more than index.interval.bytes have been appended since the last entry, the batch about to
 * be appended gets one: offset_index_add. When the tail is full, at a roll and at a stop, a write takes it along:
 * offset_index_encode gives the bytes, offset_index_file_bytes the position in the file, and offset_index_flushed is
 * called once they are written. To take back entries of a write that failed, put back copies of the index and of
 * tail->count from before it. */
#pragma once

#include "file.h"

#define OFFSET_INDEX_ENTRY_SIZE 8
#define OFFSET_INDEX_TAIL_MAX   32

struct offset_position {
    int64_t offset;
    uint32_t position; /* bytes from the start of the segment */
};

struct offset_index {
    int64_t base_offset;         /* of the segment; entries are relative to it */
    uint32_t entries;            /* in the file; a torn or zero tail is not counted */
    struct offset_position last; /* of file and tail; {base_offset, 0} while there is none */
};

struct offset_index_tail {
    uint32_t count;
    uint32_t relative_offsets[OFFSET_INDEX_TAIL_MAX];
    uint32_t positions[OFFSET_INDEX_TAIL_MAX];
};

/* Of an empty file. */
void offset_index_init(struct offset_index *index, int64_t base_offset);
/* Counts the entries and reads the last one. Errors: FURROW_CORRUPT (rebuild), the disk's. */
MUST_USE int offset_index_load(struct offset_index *index, struct file *file, int64_t base_offset, struct error *error);

static inline uint64_t offset_index_file_bytes(const struct offset_index *index)
{
    return (uint64_t)index->entries * OFFSET_INDEX_ENTRY_SIZE;
}

static inline bool offset_index_tail_is_full(const struct offset_index_tail *tail)
{
    return tail->count == OFFSET_INDEX_TAIL_MAX;
}

/* True when the offset cannot be told relative to the base, so that the segment must be rolled before it. */
static inline bool offset_index_is_far(const struct offset_index *index, int64_t offset)
{
    return offset < index->base_offset || offset - index->base_offset > INT32_MAX;
}

/* The tail has room and the entry comes after the last one, or it is not taken: false. */
bool offset_index_add(struct offset_index *index, struct offset_index_tail *tail, int64_t offset, uint32_t position);

/* `bytes` has room for tail->count entries; returns how many bytes were set. */
size_t offset_index_encode(const struct offset_index_tail *tail,
                           uint8_t bytes[OFFSET_INDEX_TAIL_MAX * OFFSET_INDEX_ENTRY_SIZE]);
/* The first `count` entries of the tail are in the file now. */
void offset_index_flushed(struct offset_index *index, struct offset_index_tail *tail, uint32_t count);
/* Encode, write and flushed in one, where waiting for the disk is allowed: recovery, a stop. Cuts what stands in the
 * file behind the entries. */
MUST_USE int offset_index_flush(struct offset_index *index, struct offset_index_tail *tail, struct file *file,
                                struct error *error);

/* The last entry at or before `offset`: the batch that holds the offset starts at its position or behind it. */
/* True when the tail knows it; false: ask the file. tail may be NULL. */
bool offset_index_tail_find(const struct offset_index *index, const struct offset_index_tail *tail, int64_t offset,
                            struct offset_position *found);
/* {base_offset, 0} when there is none. Errors: FURROW_CORRUPT when an entry is out of order (rebuild), the disk's. */
MUST_USE int offset_index_find(const struct offset_index *index, struct file *file, int64_t offset,
                               struct offset_position *found, struct error *error);

/* Reads the whole file: sizes, order, every entry within the segment. Errors: FURROW_CORRUPT with words (rebuild), the
 * disk's. end_offset is the offset after the segment's last record. */
MUST_USE int offset_index_check(const struct offset_index *index, struct file *file, int64_t end_offset,
                                uint64_t segment_bytes, struct error *error);
