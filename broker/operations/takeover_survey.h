/* Private to coordinator_takeover: which records of a topic's partitions hold.
 *
 * Both readings of the partitions give the same records in the same order, and a record is known by its number in it,
 * the ordinal. A transaction's records hold when the marker behind them commits, and then from where they stand: the
 * last record of a key is the one with the highest ordinal, as for compaction. */
#pragma once

#include "batch.h"
#include "memory.h"
#include "status.h"

#include <stdbool.h>

struct survey_key;

/* A record of a transaction that has no marker yet. */
struct survey_undecided {
    int64_t producer_id;
    uint64_t ordinal;
    struct survey_key *key; /* NULL: of no interest */
};

struct takeover_survey {
    struct memory *memory;
    enum memory_purpose purpose;
    struct survey_key *keys;
    struct survey_undecided *undecided; /* in the order of reading */
    size_t undecided_count;
    size_t undecided_capacity;
    size_t decided;   /* markers concern those from here on: of the partition at hand */
    size_t next;      /* in the second reading: the first of them that has not been asked for */
    uint64_t ordinal; /* of the next record */
};

void survey_init(struct takeover_survey *survey, struct memory *memory, enum memory_purpose purpose);
void survey_close(struct takeover_survey *survey);

/* ---- the first reading: each partition to be emptied, then the one that stays ---- */

void survey_begin_partition(struct takeover_survey *survey);
/* -ENOMEM; what reading a compressed batch may say. */
MUST_USE int survey_note_batch(struct takeover_survey *survey, const struct batch_header *header, slice batch,
                               struct error *error);
/* As that, of the partition that stays: it has these keys already. */
MUST_USE int survey_note_kept(struct takeover_survey *survey, const struct batch_header *header, slice batch,
                              struct error *error);

/* ---- the second reading, of the partitions to be emptied ---- */

void survey_begin_again(struct takeover_survey *survey);
/* Whether the next record belongs to an open transaction, as its whole batch does. */
bool survey_is_open(const struct takeover_survey *survey);
/* Of the next record: whether it is to be carried. */
bool survey_wants(struct takeover_survey *survey, slice key, bool is_tombstone);
