/* One segment of a log: its entry in the log's array, the names of its files, and the walk over its batches.
 *
 * A segment is named by its base offset, the lowest that it may hold; its batches follow each other without a gap, in
 * rising offsets. Offsets may be missing (compaction), bytes never. */
#pragma once

#include "batch.h"
#include "file.h"

#define SEGMENT_MAX_BYTES         INT32_MAX /* positions in indexes are i32 */

#define SEGMENT_TIMESTAMP_UNKNOWN INT64_MIN

struct segment {
    int64_t base_offset;
    int64_t largest_timestamp; /* ms; SEGMENT_TIMESTAMP_UNKNOWN until its time index was asked */
    uint32_t size;             /* bytes */
    uint32_t verified_from;    /* bytes [from, to): CRCs were found right since the start */
    uint32_t verified_to;
    uint32_t aborted; /* entries of its transaction index */
    uint32_t swap;    /* the log's count of replacements when this one came, 0: it is as it was written */
    bool unsettled;   /* its files have names with .swap still (log_swap.h) */
};

enum segment_part {
    SEGMENT_LOG,
    SEGMENT_OFFSET_INDEX,
    SEGMENT_TIME_INDEX,
    SEGMENT_SNAPSHOT, /* of the producers, before the segment's first batch */
    SEGMENT_TRANSACTION_INDEX,
    SEGMENT_PARTS
};

void segment_path(const char *folder, int64_t base_offset, enum segment_part part, char path[DISK_PATH_MAX]);
/* False when it is no such name: 20 digits and one of the suffixes. */
bool segment_parse_name(const char *name, int64_t *base_offset, enum segment_part *part);

/* Adds [from, to) to the verified range when they touch; else the range with more bytes is kept. */
void segment_note_verified(struct segment *segment, uint32_t from, uint32_t to);

static inline bool segment_is_verified(const struct segment *segment, uint32_t from, uint32_t to)
{
    return from >= to || (segment->verified_from <= from && to <= segment->verified_to);
}

/* ---- walking ---- */

#define SEGMENT_SCAN_HEADERS 4096              /* bytes read at once where only headers are wanted */
#define SEGMENT_SCAN_BATCHES ((uint32_t)65536) /* where whole batches are */

struct segment_batch {
    struct batch_header header;
    uint32_t position;
};

/* A walk from batch to batch. The buffer comes from the ledger; the file is borrowed. */
struct segment_scan {
    struct memory *memory;
    struct file *file;
    uint32_t position;   /* of the next batch */
    uint32_t end;        /* bytes of the segment that may be read */
    int64_t next_offset; /* the next batch's base offset is this or above */
    int64_t end_offset;  /* and its last offset below this */
    uint8_t *buffer;
    uint32_t buffer_size;
    uint32_t filled_from; /* position in the segment of buffer[0] */
    uint32_t filled;      /* bytes */
    uint64_t bytes_read;  /* of batches whose CRC was looked at */
    int read_status;      /* the last read that failed; 0: none has */
};

MUST_USE int segment_scan_open(struct segment_scan *scan, struct memory *memory, struct file *file, uint32_t end,
                               uint32_t buffer_size, struct error *error);
void segment_scan_close(struct segment_scan *scan);
/* Goes on at `position`, where a batch starts. end_offset is exclusive; INT64_MAX: not known. */
void segment_scan_seek(struct segment_scan *scan, uint32_t position, int64_t next_offset, int64_t end_offset);

/* 1 with the next batch's header, 0 at the end. FURROW_CORRUPT: what stands at scan->position is no batch, or not one
 * that may stand there; the scan stays where it is. The CRC is not looked at. */
MUST_USE int segment_scan_next(struct segment_scan *scan, struct segment_batch *batch, struct error *error);

/* Reads the batch and compares its CRC, in bounded memory. FURROW_CORRUPT, the disk's. */
MUST_USE int segment_scan_check(struct segment_scan *scan, const struct segment_batch *batch, struct error *error);

/* Behind bytes that are no batch: moves the scan to the next position before `limit` where one is, by its form and its
 * CRC, with offsets at or above scan->next_offset and below end_offset. False when there is none; the scan stays. Where
 * the disk fails there is none either: scan->read_status tells. */
bool segment_scan_find(struct segment_scan *scan, uint32_t limit, int64_t end_offset);

/* The whole batch in a block of the ledger, batch_size(&batch->header) bytes, the caller's to free (MEMORY_LOGS). */
MUST_USE int segment_scan_load(struct segment_scan *scan, const struct segment_batch *batch, uint8_t **bytes,
                               struct error *error);
