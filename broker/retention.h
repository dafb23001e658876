/* Retention: old segments go by time, size and count (log.retention.check.interval.ms), and when the data folder as a
 * whole has more than furrow.retention.total.bytes.
 *
 * One visit at a time, everything slow in the pool. What a topic's policy lets go by itself is topics with `delete`;
 * what lies below a log's start goes from every topic. */
#pragma once

#include "proven_time.h"
#include "topics.h"

struct server;
struct retention;

MUST_USE int retention_create(struct server *server, struct retention **retention);
/* Nothing may be under way. */
void retention_destroy(struct retention *retention);
/* No more rounds are begun; what waits for its time to be removed is left to the next start. */
void retention_stop(struct retention *retention);
bool retention_idle(const struct retention *retention);

/* The partition's start has moved: its files go soon. */
void retention_note_start(struct retention *retention, struct partition *partition);
/* After each append: whether the data folder has grown past its limit. */
void retention_note_append(struct retention *retention, struct partition *partition);
/* The disk is nearly full: at least so many bytes are to go at once, if there are such. */
void retention_make_space(struct retention *retention, uint64_t bytes);

/* Bytes that the data folder may have; 0: any. */
uint64_t retention_total_limit(const struct retention *retention);
/* As of now. What has certainly passed, for whoever judges ages. */
const struct proven_time *retention_time(struct retention *retention);
