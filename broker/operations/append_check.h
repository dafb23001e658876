/* Private to append: what a batch must be like before it may be queued, and what the topic makes of it.
 *
 * The header and the CRC are checked on the loop, and the records of an uncompressed batch. A batch that must be
 * opened, or that the topic's compression.type asks to be made anew, goes through a pool job first (append_prepare.h).
 * At last timestamps are stamped. */
#pragma once

#include "operations/append.h"

enum append_verdict {
    APPEND_READY,   /* part->entry may be queued */
    APPEND_REFUSED, /* part->error and words are set */
    APPEND_PREPARE, /* part->preparation is to be executed first */
};

enum append_verdict append_check(struct append_part *part, const struct operations *operations, int64_t now);
/* After the preparation was executed: READY or REFUSED. */
enum append_verdict append_check_prepared(struct append_part *part, int64_t now);
/* Gives back the part's preparation, and with it the batch that was made anew. */
void append_check_end(struct append_part *part);

/* error and words of a part; returns APPEND_REFUSED. The text is copied into the request's arena; may be NULL. */
enum append_verdict append_refuse(struct append_part *part, enum kafka_error code, const char *text);
/* For a part with an error whose batch was whole: Kafka tells the log's start with errors of records and sequences. */
void append_note_log_start(struct append_part *part);
