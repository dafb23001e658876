/* Readings: what is read by HTTP, and by all who read the same.
 *
 * A reading is a choice of partitions, a filter, and the form in which records go out. Whoever reads has a cursor on
 * it: a position in each partition. What comes next at the same positions is the same for all, and so is made once: a
 * step, a block of bytes that all of them send, and the positions behind it.
 *
 * Happy path. A cursor looks for the step at its positions. When there is none, one is begun: records are read
 * (operations/read.h), which waits for some at the log's end without polling; a pass (record_pass.h) makes a run of
 * blocks of them, on the loop when it is little, else in the pool; each block becomes a step, the first is handed to
 * the cursors that wait for it, a few in each turn of the loop. A thousand followers at the end of a topic wait for one
 * step. Those that were left behind stand at other positions, and meet the others again where they catch up.
 *
 * Memory. Steps that are made and wait for nobody are a cache: at most so many bytes of all readings, the longest
 * unused go first. They can be made again at any time. A reader that stops holds its positions and what it has queued.
 *
 * Changes. A partition that comes, of a topic that the choice covers, is read from its start: its readers go over to a
 * reading that has it too. One that is deleted is told of, and its place stays empty. Positions at which nothing is any
 * more (retention) are told of as a gap, and the reading goes on behind it.
 *
 * Failures. A step that cannot be made says why; its readers end. */
#pragma once

#include "kafka/error_code.h"
#include "rest/record_pass.h"
#include "shared_bytes.h"
#include "topics.h"

#include <uthash.h>

struct record_readers;
struct reading;
struct reading_step;
struct reading_work;
struct read_alarms;
struct server;

MUST_USE int record_readers_open(struct server *server, struct record_readers **readers, struct error *error);
/* No cursor may be left. Freed by a later turn of the loop. */
void record_readers_close(struct record_readers *readers);
/* Nothing is under way. */
bool record_readers_idle(const struct record_readers *readers);
/* Topics or partitions came or went. */
void record_readers_note_topics(struct record_readers *readers);
struct read_alarms *record_readers_alarms(struct record_readers *readers);
/* Bytes that the cache holds, for metrics and tests. */
size_t record_readers_cached(const struct record_readers *readers);

#define READING_PARTS_MAX 2000

struct reading_wish {
    slice topics;      /* a name, or, with is_choice, names and patterns with commas between them, in which '*' stands
                        * for any characters */
    bool is_choice;    /* internal topics are covered by their whole names only */
    int32_t partition; /* -1: all */
    enum record_output output;
    enum record_format format;
    struct record_filter filter;
    bool committed;
    /* A reading with one of these is nobody else's, and has the partitions that it began with. */
    bool hashes_keys;        /* in places */
    struct kept_lists *kept; /* taken over by the reading that is opened; NULL: none */
};

/* One block; its offsets stand behind the parts. */
struct kept_lists {
    size_t size; /* of the block, from MEMORY_REQUESTS */
    struct record_kept parts[];
};

/* Finds the reading or makes it, held. KAFKA_UNKNOWN_TOPIC_OR_PARTITION when it covers no partition,
 * KAFKA_POLICY_VIOLATION when they are too many, KAFKA_KAFKA_STORAGE_ERROR without memory. */
MUST_USE enum kafka_error reading_open(struct record_readers *readers, const struct reading_wish *wish,
                                       struct reading **reading);
void reading_release(struct reading *reading);

int32_t reading_part_count(const struct reading *reading);
const struct record_part *reading_parts(const struct reading *reading);
struct partition *reading_partition(const struct reading *reading, int32_t part);
/* -1: it has none such. */
int32_t reading_find_part(const struct reading *reading, slice topic, int32_t partition);
/* Where what may be read now ends; 0 for a partition that is offline. */
int64_t reading_end_offset(const struct reading *reading, int32_t part);

/* ---- steps ---- */

/* Part of a partition that is not there any more, or was never. */
struct reading_gap {
    int32_t part;     /* -1: there is none */
    int64_t from, to; /* the reading goes on at `to`; before `from` when the log has begun anew */
};

struct cursor;

struct cursor_queue {
    struct cursor *first, **last;
};

struct reading_step {
    /* Made */
    enum kafka_error error;     /* the rest is then empty */
    struct shared_bytes *bytes; /* NULL: none, for nothing has passed the filter, or it is told otherwise */
    int32_t records;
    int64_t first_offset; /* of the first record; -1 */
    struct reading_gap gap;
    bool tells_deleted; /* that a partition has gone */

    /* Private */
    struct reading *reading;
    struct reading_step *next, *previous; /* of the reading's */
    struct reading_step *newer, *older;   /* among those that are made, by use */
    struct reading_step *next_start;      /* among those to be begun */
    int64_t *positions, *after;           /* of each part; one block for both */
    int32_t turn, after_turn;             /* the part that is first */
    int32_t limit;                        /* of records */
    int state;
    struct reading_work *work;   /* while it is under way */
    unsigned offers;             /* cursors that are about to take it */
    struct cursor_queue waiters; /* while it is made */
};

/* ---- cursors ---- */

struct cursor {
    struct reading *reading; /* held */
    int64_t *positions;      /* next offset of each part; RECORD_PART_GONE */
    int32_t limit;           /* records that are still wanted */
    /* What was waited for is there: look again. On the loop, never from within a call of cursor's. */
    void (*ready)(struct cursor *cursor);
    enum kafka_error error; /* it cannot go on */

    /* Private */
    int32_t turn;
    struct cursor *next, *previous; /* of the reading's */
    struct cursor *next_in_queue, **link;
    struct cursor_queue *queue;   /* a step's, or that of those that are ready; NULL: none */
    struct reading_step *offered; /* it waited for, and that is made */
};

#define CURSOR_NO_LIMIT INT32_MAX

/* Takes over the hold of the reading. Positions are to be set: they are 0. -ENOMEM, the reading is still the caller's.
 */
MUST_USE int cursor_open(struct cursor *cursor, struct reading *reading, void (*ready)(struct cursor *cursor));
void cursor_close(struct cursor *cursor);
/* The step at the positions; NULL: `ready` will be called. The step stays until the next call for any cursor. */
struct reading_step *cursor_find(struct cursor *cursor);
/* Behind the step that cursor_find has returned. */
void cursor_take(struct cursor *cursor, struct reading_step *step);
/* Has `ready` called soon, as if something had come. */
void cursor_wake(struct cursor *cursor);
/* There is nothing to read now. */
bool cursor_at_end(const struct cursor *cursor);
/* There will never be: all partitions are gone. */
bool cursor_is_over(const struct cursor *cursor);
