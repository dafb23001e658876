/* Retention: old segments go by time, size and count (log.retention.check.interval.ms), and when the data folder as a
 * whole has more than furrow.retention.total.bytes, or the disk is nearly full.
 *
 * What a policy lets go are segments of topics with `delete` in theirs; what lies below a log's start goes from every
 * topic. One thing is done at a time, everything slow in the pool. It belongs to the loop. */
#pragma once

#include "proven_time.h"
#include "topics.h"
#include "writer.h"

struct server;
struct retention;

/* After the topics are open. Reads what is known of the clock. */
MUST_USE int retention_create(struct server *server, struct retention **retention, struct error *error);
/* Nothing may be under way. */
void retention_destroy(struct retention *retention);
/* Nothing more is begun; files that wait for their time to be removed are left to the next start. */
void retention_stop(struct retention *retention);
/* furrow.retention.total.bytes may be another one now. */
void retention_follow_config(struct retention *retention);
bool retention_idle(const struct retention *retention);

/* The partition's start has moved and is saved: its files go soon. */
void retention_note_start(struct retention *retention, struct partition *partition);
/* After each append: the data folder has grown. */
void retention_note_append(struct retention *retention, size_t bytes);

/* ---- proven time ---- */

/* As of now, for whoever judges ages. */
const struct proven_time *retention_time(struct retention *retention);
/* For the checkpoints: the text of what is to be kept over a restart; empty while that on the disk is good enough.
 * `stops`: the server stops. */
void retention_write_time(struct retention *retention, bool stops, writer *text);
/* Replaces it; blocking, on any thread. Nothing when the text is empty. */
MUST_USE int retention_save_time(struct disk *disk, slice text, struct error *error);
