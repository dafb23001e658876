/* The time index of one segment: Kafka's .timeindex file (TimeIndex in Kafka).
 *
 * A file of entries (timestamp i64, relative offset i32), big-endian, strictly increasing in time. An entry says: up to
 * this offset, the last of a batch, no timestamp is larger. It is made from the largest timestamp so far and the last
 * offset of the batch that holds it, whenever the offset index gets an entry, and once more when the segment is rolled
 * or the server stops. An entry that is no larger than the last one is left out.
 *
 * The values and how they go together are those of offset_index.h. */
#pragma once

#include "file.h"

#define TIME_INDEX_ENTRY_SIZE 12
#define TIME_INDEX_TAIL_MAX   32

struct time_offset {
    int64_t timestamp; /* ms; -1: none */
    int64_t offset;
};

struct time_index {
    int64_t base_offset;     /* of the segment; entries are relative to it */
    uint32_t entries;        /* in the file; a torn or zero tail is not counted */
    struct time_offset last; /* of file and tail; {-1, base_offset} while there is none */
};

struct time_index_tail {
    uint32_t count;
    uint32_t relative_offsets[TIME_INDEX_TAIL_MAX];
    int64_t timestamps[TIME_INDEX_TAIL_MAX]; /* ms */
};

/* Of an empty file. */
void time_index_init(struct time_index *index, int64_t base_offset);
/* Counts the entries and reads the last one. Errors: FURROW_CORRUPT (rebuild), the disk's. */
MUST_USE int time_index_load(struct time_index *index, struct file *file, int64_t base_offset, struct error *error);

static inline uint64_t time_index_file_bytes(const struct time_index *index)
{
    return (uint64_t)index->entries * TIME_INDEX_ENTRY_SIZE;
}

static inline bool time_index_tail_is_full(const struct time_index_tail *tail)
{
    return tail->count == TIME_INDEX_TAIL_MAX;
}

/* The tail has room and the timestamp is larger than the last one, or it is not taken: false. */
bool time_index_add(struct time_index *index, struct time_index_tail *tail, int64_t timestamp, int64_t offset);

/* `bytes` has room for tail->count entries; returns how many bytes were set. */
size_t time_index_encode(const struct time_index_tail *tail,
                         uint8_t bytes[TIME_INDEX_TAIL_MAX * TIME_INDEX_ENTRY_SIZE]);
/* The first `count` entries of the tail are in the file now. */
void time_index_flushed(struct time_index *index, struct time_index_tail *tail, uint32_t count);
/* Encode, write and flushed in one, where waiting for the disk is allowed: recovery, a stop. Cuts what stands in the
 * file behind the entries. */
MUST_USE int time_index_flush(struct time_index *index, struct time_index_tail *tail, struct file *file,
                              struct error *error);

/* The last entry with a timestamp at or before `timestamp`: a record that is later stands behind its offset. */
/* True when the tail knows it; false: ask the file. tail may be NULL. */
bool time_index_tail_find(const struct time_index *index, const struct time_index_tail *tail, int64_t timestamp,
                          struct time_offset *found);
/* {-1, base_offset} when there is none. Errors: FURROW_CORRUPT when an entry is out of order (rebuild), the disk's. */
MUST_USE int time_index_find(const struct time_index *index, struct file *file, int64_t timestamp,
                             struct time_offset *found, struct error *error);

/* Reads the whole file: sizes, order, every entry within the segment. Errors: FURROW_CORRUPT with words (rebuild), the
 * disk's. end_offset is the offset after the segment's last record. */
MUST_USE int time_index_check(const struct time_index *index, struct file *file, int64_t end_offset,
                              struct error *error);
