/* What the files of compaction share; nobody else includes it.
 *
 *     compaction.c         begin, step and end: what is decided on the loop
 *     compaction_job.c     execute: from phase to phase
 *     compaction_scan.c    reading: which records stay
 *     compaction_key.h     the key of a record
 *     compaction_copy.c    the copy pass: which segments go together
 *     compaction_filter.c  what becomes of one batch
 *     compaction_transactions.c  whose records do not count, and which markers stay
 *     compaction_output.c  the new segment's files */
#pragma once

#include "aborted_stream.h"
#include "batch_stream.h"
#include "compaction.h"
#include "key_hash.h"
#include "key_table.h"
#include "log_swap.h"
#include "survivors.h"

/* The records of segments that were cleaned before, and of the others: each part has its own ordinals. */
enum compaction_part { CLEAN, DIRTY, PARTS };

struct compaction_input {
    int64_t base_offset;
    int64_t end_offset;
    uint32_t size; /* bytes */
    enum compaction_part part;
    uint32_t first_ordinal;
    uint32_t records;    /* that have an ordinal */
    uint32_t alive;      /* of them, so far */
    bool left;           /* something in it cannot be read: it stays as it is */
    bool new_tombstones; /* without a horizon */
    bool old_tombstones; /* past their horizon */
    bool transactional;  /* has batches of transactions, or markers */
    bool aborted;        /* has records of aborted ones */
    bool markers_go;     /* or get a horizon */
    bool has_entries;    /* in a transaction index */
};

/* Entries of the transaction indexes that concern the batch that is read, and perhaps a few more. */
struct compaction_aborted {
    struct aborted_stream stream;
    struct aborted_transaction *list;
    uint32_t count;
    uint32_t capacity;
    int64_t stable_end; /* of the last one that was read; INT64_MAX: there are no more */
};

/* Producers of which a batch was seen behind their last marker, rising. */
struct compaction_seen {
    int64_t *ids;
    uint32_t count;
    uint32_t capacity;
};

/* An active producer of which there is only a marker in its epoch. */
struct compaction_marked {
    int64_t producer_id;
    int16_t epoch;
};

/* Entries on their way into the new segment's index. */
struct compaction_entries {
    struct aborted_stream stream;
    struct aborted_transaction next; /* valid when has_next */
    bool has_next;
    writer pending;
};

/* A record whose key is wanted, on its way into the table. */
struct compaction_waiting {
    uint64_t second;
    uint32_t first;
    uint32_t ordinal;
    bool tombstone;
};
#define COMPACTION_WAITING 16

enum compaction_phase {
    PHASE_START,
    PHASE_SCAN,    /* the dirty part, into the table */
    PHASE_LOOK_UP, /* the clean part, in the table */
    PHASE_PICK,    /* the dirty part once more, where the table only counts */
    PHASE_MARK,    /* the table's records survive */
    PHASE_MARKERS, /* which of the transactions' markers stay */
    PHASE_COPY,
    PHASE_READY,  /* a new segment waits for step */
    PHASE_SETTLE, /* step has taken it */
    PHASE_DONE,
};

#define OUTPUT_BUFFER     ((uint32_t)65536)
#define OUTPUT_SYNC_BYTES ((uint32_t)1 << 20)

/* The segment that is being written. */
struct compaction_output {
    struct log_swap *swap; /* NULL: there is none. What it replaces */
    struct file *files[SEGMENT_PARTS];
    struct log_head head;
    struct log_tails tails;
    uint32_t position; /* bytes of the segment, those in the buffer included */
    uint32_t buffered;
    uint32_t unsynced;
    uint32_t aborted; /* entries in the file of its transaction index */
    uint8_t *buffer;
    struct batch_header emptied; /* the last batch of the last input, when nothing of it is left */
    bool has_emptied;
    int64_t first_offset; /* what it covers: [first, end) */
    int64_t end_offset;
    uint64_t bytes_before;
};

struct log_compaction {
    struct memory *memory;
    struct disk *disk;
    const char *folder;
    struct compaction_config config;
    uint8_t *header_name; /* config.header points there */
    struct log_config log_config;
    int64_t now;
    int64_t start; /* of the log */

    struct compaction_input *inputs;
    uint32_t input_count;
    uint32_t input_capacity;
    uint32_t dirty_first;   /* input */
    int64_t *producer_ends; /* last offsets of active producers, rising */
    uint32_t producer_count;
    uint32_t producer_capacity;

    struct compaction_aborted aborted;
    struct compaction_seen seen;
    struct compaction_entries entries;
    struct compaction_marked *marked; /* by id */
    uint32_t marked_count;
    uint32_t marked_capacity;

    struct key_hasher hasher;
    size_t buffer; /* bytes of the table */
    struct key_table table;
    struct compaction_waiting waiting[COMPACTION_WAITING];
    uint32_t waiting_count;
    struct survivors survivors[PARTS];
    struct batch_stream stream;
    struct file *file; /* of the input that is being read; NULL: none */
    writer scratch;

    enum compaction_phase phase;
    uint32_t input; /* that is read, or comes next */
    uint32_t ordinal;
    uint32_t ordinals[PARTS]; /* of each part, all */
    uint32_t block;           /* ordinal that is marked next */
    bool first_reading;
    bool kept_whole; /* something was not looked into: tombstones stay */
    struct compaction_output output;
    struct log_swap *old_swap; /* the log's unsettled one, to begin with */
    bool settled;              /* the last swap; step has not seen it yet */

    _Atomic bool cancelled;
    bool executed;
    int status;
    struct error error;
    uint64_t written;    /* bytes, in all */
    uint64_t last_bytes; /* read and written by the last execute */
    struct compaction_result result;
};

/* ---- reading ---- */

/* Opens run->inputs[run->input] and starts the stream. */
MUST_USE int compaction_open_input(struct log_compaction *run);
void compaction_close_input(struct log_compaction *run);
/* 1: go on; 0: the part is read. */
MUST_USE int compaction_scan(struct log_compaction *run);
/* One block of survivors; 1: go on. */
MUST_USE int compaction_mark(struct log_compaction *run);
/* The record survives. */
MUST_USE int compaction_mark_alive(struct log_compaction *run, struct compaction_input *input, uint32_t ordinal);

/* ---- transactions ---- */

MUST_USE int compaction_open_transactions(struct log_compaction *run, const struct log *log, uint32_t first);
void compaction_close_transactions(struct log_compaction *run);
void compaction_sort_marked(struct log_compaction *run);
/* Before batches are read from the beginning of a segment on, in rising order. */
void compaction_aborted_rewind(struct log_compaction *run, int64_t base_offset);
void compaction_aborted_skip(struct log_compaction *run, int64_t base_offset);
/* 1: the batch is of a transaction that was aborted, so none of it counts and it has no ordinals; 0: it is not. */
MUST_USE int compaction_is_aborted(struct log_compaction *run, const struct batch_header *header);
/* A part of PHASE_MARKERS: those that stay as they are survive. 1: go on; 0: done. */
MUST_USE int compaction_plan_markers(struct log_compaction *run);
/* Its time is over. */
bool compaction_is_past_horizon(const struct log_compaction *run, const struct batch_header *header);
/* Before copying begins. */
void compaction_rewind_entries(struct log_compaction *run);
/* The marker is in the new segment: so is its entry, when it has one. */
MUST_USE int compaction_keep_entry(struct log_compaction *run, const struct batch_header *header);
MUST_USE int compaction_finish_entries(struct log_compaction *run);

/* ---- copying ---- */

/* 1: go on; 0: all is copied; run->phase is PHASE_READY when a segment is complete. */
MUST_USE int compaction_copy(struct log_compaction *run);
/* One batch of run->inputs[run->input], from run->ordinal on. */
MUST_USE int compaction_filter(struct log_compaction *run, struct compaction_input *input,
                               const struct batch_header *header, slice batch);

MUST_USE int compaction_output_open(struct log_compaction *run, const struct compaction_input *input);
/* One of the segments that it replaces has a transaction index: so does it, empty or not. */
MUST_USE int compaction_output_open_aborted(struct log_compaction *run);
MUST_USE int compaction_output_write(struct log_compaction *run, const struct batch_header *header, slice batch);
/* A batch without records: its offsets and its producer's sequence stay. */
MUST_USE int compaction_output_write_empty(struct log_compaction *run, const struct batch_header *header);
/* On the disk, and named .swap. */
MUST_USE int compaction_output_finish(struct log_compaction *run);
/* Closes the files; with `remove`, they go. */
void compaction_output_drop(struct log_compaction *run, bool remove);
