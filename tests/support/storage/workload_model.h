/* What a log should hold: the oracle of the seeded workload. It knows every batch that was ever handed to the log and
 * what became of it. */
#pragma once

#include "log_fixture.h"

struct model_batch {
    struct batch_header header; /* base_offset and leader_epoch as stamped */
    bool acknowledged;          /* false: written by an append that failed or was cut off */
};

struct model {
    struct model_batch *batches; /* the log, by offset */
    size_t count;
    size_t capacity;
    struct batch_header *failed; /* batches that may be there, whole, or not */
    size_t failed_count;
    size_t failed_capacity;
    int64_t start;       /* the log's */
    int64_t end;         /* the log's */
    int64_t durable_end; /* what lies before it was acknowledged as synced */
    char message[300];   /* what is wrong */
};

void model_close(struct model *m);
/* An empty log from 0. */
void model_clear(struct model *m);
void model_append(struct model *m, const struct batch_header *header);
void model_note_failed(struct model *m, const struct batch_header *header);

/* False, with m->message set, when it does not hold. */
bool model_fail(struct model *m, const char *format, ...) PRINTF_LIKE(2, 3);

/* `bytes` are whole batches read at `offset`, as the log has them now. */
bool model_check_read(struct model *m, int64_t offset, slice bytes);
/* The log was opened after a stop without warning: what it holds now must be explained by what was done. With
 * `all_written`, only the process had died: all that was acknowledged must be there. Takes over what is there. */
bool model_check_recovered(struct model *m, const struct log *log, slice bytes, bool all_written);
/* Sequences, epochs, last offsets. */
bool model_check_state(struct model *m, const struct log *log);
/* The answer to a search by time. */
bool model_check_found(struct model *m, int64_t timestamp, int64_t offset, int64_t found_timestamp);

/* Last batch of the producer, or NULL. */
const struct batch_header *model_last_of(const struct model *m, int64_t producer_id);
