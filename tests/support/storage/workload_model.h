/* What a log should hold: the oracle of the seeded workload. It knows every batch that was ever handed to the log, what
 * became of it, and which of its records compaction may have dropped. */
#pragma once

#include "compaction.h"
#include "log.h"
#include "memory.h"
#include "record.h"

#define MODEL_PRODUCERS 16 /* by their ids' remainders */

struct model_record {
    uint64_t key;  /* what compaction goes by; 0: none, the record is kept */
    uint64_t hash; /* of all that a reader sees of it */
    int64_t timestamp;
    int64_t horizon;    /* ms; a tombstone may go from then on; INT64_MAX: no run has seen it */
    uint32_t place;     /* in its batch */
    bool is_tombstone;  /* has a key and no value */
    bool is_superseded; /* later ones take its place, as far as compaction may have come */
    bool may_go;        /* it is, or it is a tombstone whose time is over */
};

struct model_batch {
    struct batch_header header; /* as appended; base_offset and leader_epoch as stamped */
    struct model_record *records;
    bool is_marker;
    bool commits;    /* of a marker */
    bool is_decided; /* a marker stands behind it: its transaction has ended */
    bool is_aborted; /* so */
    bool is_damaged; /* a bit of it has turned over on the disk */
};

struct model {
    struct model_batch *batches; /* the log, by offset; also those that are wholly gone by compaction */
    size_t count;
    size_t capacity;
    struct model_batch *failed; /* batches that may be there after a crash, whole, or not */
    size_t failed_count;
    size_t failed_capacity;
    int64_t start;                    /* the log's */
    int64_t saved_start;              /* that a checkpoint has durably */
    int64_t end;                      /* the log's */
    int64_t durable_end;              /* what lies before it was acknowledged as synced */
    int64_t cleaned_to;               /* no run was to clean anything at or past it */
    bool is_damaged;                  /* a batch is or was */
    bool open_below[MODEL_PRODUCERS]; /* a transaction was open that began before the first batch that is known */
    uint32_t keep;                    /* records of each key that stay; 0: the log is not compacted */
    char message[300];                /* what is wrong */
};

void model_close(struct model *m);
/* An empty log from 0. */
void model_clear(struct model *m);
/* Both take the records over. */
void model_append(struct model *m, struct model_batch *batch);
void model_note_failed(struct model *m, struct model_batch *batch);
/* A run of compaction begins that may clean what lies before `end`. */
void model_note_compaction(struct model *m, int64_t end, int64_t now, int64_t delete_retention_ms);

/* False, with m->message set, when it does not hold. */
bool model_fail(struct model *m, const char *format, ...) PRINTF_LIKE(2, 3);

/* `bytes` were read at `offset`, which asked for nothing at or past `end`: whole batches and perhaps a part of one.
 * What the log had then and should have kept is there from `offset` to the last whole batch, or to `end` when there is
 * none. *next is the offset to go on at. */
bool model_check_read(struct model *m, int64_t offset, int64_t end, slice bytes, int64_t *next);
/* All records below `end` that a run may have dropped are gone; `bytes` are the whole log. */
bool model_check_compacted(struct model *m, int64_t end, slice bytes);
/* The log was opened after a stop without warning: what it holds now must be explained by what was done. With
 * `all_written`, only the process had died: all that was acknowledged must be there. Takes over what is there. */
bool model_check_recovered(struct model *m, const struct log *log, slice bytes, bool all_written);
/* Offsets, sequences, epochs. */
bool model_check_state(struct model *m, const struct log *log);
/* The answer to a search by time below `end`. */
bool model_check_found(struct model *m, int64_t timestamp, int64_t end, int64_t offset, int64_t found_timestamp);

/* Where to go on when `offset` lies in a damaged batch and cannot be read; -1: it does not. */
int64_t model_skip_damage(const struct model *m, int64_t offset);

/* What the log knows of the producer: false when it has no batch. `last` is its last batch of data in its epoch, NULL
 * when there is none. */
bool model_find_producer(const struct model *m, int64_t producer_id, int16_t *epoch, const struct batch_header **last);
/* The last batch of it, and the epoch of that. */
int64_t model_last_offset_of(const struct model *m, int64_t producer_id);

/* ---- transactions (workload_transactions.c) ---- */

/* The batch is a marker: its transaction has ended. */
void model_note_marker(struct model *m, size_t marker);
/* All markers anew. */
void model_judge_transactions(struct model *m);
/* Before batches below the start are taken from the model. */
void model_forget_below(struct model *m, int64_t start);
bool model_is_in_transaction(const struct model *m, int64_t producer_id);
bool model_check_stable_end(struct model *m, int64_t stable_end);
bool model_check_markers(struct model *m, slice bytes);
/* A reader of what is committed got these batches and this list: it sees nothing that was aborted, and all the rest. */
bool model_check_committed(struct model *m, int64_t stable_end, slice bytes, const struct log_aborted *aborted,
                           uint32_t count);

/* FNV-1a over what a reader sees of a record. */
uint64_t model_record_hash(const struct record *record);
