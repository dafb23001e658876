/* From ranges of logs to records as clients get them: read, opened, filtered, written.
 *
 * A pass is values only, for any thread: files that stay open, a range of each, and the position in each partition from
 * where records are wanted. Control records and those of aborted transactions are left out. What comes out is a run of
 * blocks, each of whole records and of about `block_bytes`, with the positions behind each: whoever starts at those
 * positions gets the same bytes, so that a block can be sent to all who stand there. */
#pragma once

#include "file.h"
#include "json_read.h"
#include "key_hash.h"
#include "log.h"
#include "rest/record_filter.h"
#include "rest/record_form.h"
#include "writer.h"

enum record_output {
    RECORD_ITEMS,    /* of a JSON array, with commas between them but for a block's ends */
    RECORD_LINES,    /* NDJSON */
    RECORD_EVENTS,   /* SSE; an event's id says all positions (record_ids.h) */
    RECORD_MESSAGES, /* WebSocket frames, text */
    RECORD_PLACES,   /* struct record_place */
};

/* Where a record is, for who looks for some of them. */
struct record_place {
    int64_t offset;
    int64_t timestamp;
    int32_t part;
    uint32_t key_hash; /* of key_hash.h, both; without a hasher, and without a key, 0 */
    uint64_t key_tag;
};

struct record_part {
    slice topic; /* borrowed, as the pass lives */
    int32_t partition;
};

/* Of one partition, before `end`: only these records, by their offsets in order. */
struct record_kept {
    const int64_t *offsets;
    int32_t count;
    int64_t end;
};

/* What a dialect with a form of its own makes of a record; what stands between two of them is its own, too. */
enum record_verdict { RECORD_TAKEN, RECORD_LEFT_OUT, RECORD_STOPS_BEFORE };
typedef enum record_verdict record_form_hook(void *context, struct json_document *document,
                                             const struct record_part *part, const struct record *record, writer *w);

/* All that does not change from one pass to the next. */
struct record_wish {
    enum record_output output;
    enum record_format format;
    struct record_filter filter;
    const struct record_part *parts;
    int32_t part_count;
    const struct key_hasher *hasher; /* of RECORD_PLACES, or NULL */
    const struct record_kept *kept;  /* of each part; or NULL: all */
    record_form_hook *form;          /* in place of record_form.h and of `output`'s frames; on the pass's thread */
    void *form_context;
};

/* In place of a position: the partition is gone. */
#define RECORD_PART_GONE INT64_MAX

struct record_range {
    int32_t part;
    struct file *file;
    uint64_t position;
    uint32_t bytes; /* starts at a batch, may end in a part of one */
    const struct log_aborted *aborted;
    uint32_t aborted_count;
};

/* What was found of a part. */
static inline struct record_range record_range_of(int32_t part, const struct log_read *read)
{
    return (struct record_range){.part = part,
                                 .file = read->file,
                                 .position = read->position,
                                 .bytes = read->bytes,
                                 .aborted = read->aborted,
                                 .aborted_count = read->aborted_count};
}

struct record_block {
    size_t end;           /* in the pass's bytes; it begins where the one before ends */
    int32_t records;      /* in it */
    int64_t first_offset; /* of its first record; -1: it has none */
    int32_t turn;         /* the part that is next */
    int64_t *positions;   /* behind it, of each part; the pass's */
};

struct record_pass {
    /* Asked */
    struct memory *memory;
    const struct record_wish *wish;
    const struct record_range *ranges; /* in the order in which they are read */
    int32_t range_count;
    const int64_t *positions; /* of each part, where it begins */
    size_t block_bytes;
    size_t max_bytes; /* of all blocks, but for the last record's */
    int32_t max_records;

    /* Found; to be closed */
    writer bytes;
    struct record_block *blocks;
    int32_t block_count;
    int32_t block_room;
    int status; /* 0; FURROW_CORRUPT, FURROW_MALFORMED, FURROW_TOO_LARGE, -ENOMEM, the disk's. Blocks before are good.
                 */
    int32_t failed_part; /* with a status */

    /* Private */
    int64_t *at;   /* positions as it goes on */
    int32_t turn;  /* the part that is read */
    int32_t taken; /* records */
    bool is_light; /* it runs on the loop */
    bool is_full;
    bool is_moved;  /* since the last block's end */
    writer scratch; /* a record on its way into a frame */
    struct record_form form;
    struct json_document document;
};

/* Whether it may run on the loop: little to read, and nothing to open. It then ends before a batch that is to be
 * opened.
 */
bool record_pass_is_light(struct record_pass *pass);
void record_pass_run(struct record_pass *pass);
void record_pass_close(struct record_pass *pass);
