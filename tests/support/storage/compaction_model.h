/* What compaction may and must leave, said a second time in the simplest way: a log of keyed records that is written at
 * random, and the list of what was written, from which the survivors are picked one by one.
 *
 * Keys are numbers; how they get into a record depends on the kind of compaction. */
#pragma once

#include "compaction.h"
#include "log_fixture.h"
#include "seeded_random.h"

#define MODEL_NO_KEY       (-1)
#define MODEL_HEADER       "id"
#define MODEL_PREFIX_BYTES 6

struct model_record {
    int64_t offset;
    int64_t timestamp;
    uint64_t content; /* seed of the value */
    int64_t horizon;  /* ms, of a tombstone that a run has kept; -1: none yet */
    int32_t key;      /* or MODEL_NO_KEY */
    uint32_t batch;
    bool tombstone;
    bool gone;
};

struct model_batch {
    struct batch_header header; /* as appended */
};

struct compaction_model {
    struct log_fixture f;
    struct seeded_random random;
    struct compaction_config config;
    struct model_record *records;
    size_t record_count;
    size_t record_capacity;
    struct model_batch *batches;
    size_t batch_count;
    size_t batch_capacity;
    int64_t cleaned_end;
    int64_t run_end;      /* the last run was to clean up to here */
    int64_t producers[4]; /* of each the last batch's last offset; -1: none */
    int32_t sequences[4];
    size_t buffer;
    uint64_t budget;
    struct compaction_result result;
    char message[256]; /* of the first thing that is wrong */
};

/* On the simulated disk, not opened yet: set f.config and config first. */
void compaction_model_init(struct compaction_model *m, uint64_t seed);
/* True when nothing is wrong and all memory came back. */
bool compaction_model_close(struct compaction_model *m);

struct model_batch_plan {
    int32_t records;
    int32_t keys; /* of this many */
    unsigned tombstone_percent;
    unsigned keyless_percent;
    uint32_t value_size; /* at most */
    enum codec codec;
    int producer; /* -1: none; an index */
    bool append_time;
    int16_t attributes; /* further */
};
/* Appends one batch of random records. False when the log refuses. */
bool compaction_model_append(struct compaction_model *m, const struct model_batch_plan *plan);

/* A whole run, and syncing before it; the model forgets what it should. False and a message when it fails. */
bool compaction_model_run(struct compaction_model *m);
/* As compaction_model_run, while reads and searches by time begin and end in between: none misses what stays. */
bool compaction_model_run_beside_readers(struct compaction_model *m, uint32_t *reads);
/* The steps alone, without the model: the status of the first that fails. */
int compaction_model_run_once(struct compaction_model *m);

/* What a run up to `end` leaves of a copy of the records. */
void compaction_model_apply(const struct compaction_model *m, struct model_record *records, int64_t end);
struct compaction_bounds compaction_model_bounds(const struct compaction_model *m);
PRINTF_LIKE(2, 3) bool compaction_model_fail(struct compaction_model *m, const char *format, ...);

/* Reads the whole log: exactly the records that are not gone, as they were, in batches with the offsets, producers and
 * sequences that they had. */
bool compaction_model_check(struct compaction_model *m);
/* After an interruption: nothing is missing that a whole run would leave, nothing is there that was not, and each key's
 * last state is what it should be. Those found gone are gone. */
bool compaction_model_check_interrupted(struct compaction_model *m);
