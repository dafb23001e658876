/* The background flush: what nobody waits for is synced log.flush.interval.ms (or the topic's flush.ms) after the first
 * byte that was not. Then the recovery points are written to their checkpoint. No timer runs while nothing is dirty. A
 * dirty partition's topic is held. */
#pragma once

#include "topics.h"

struct server;
struct flush;

MUST_USE int flush_create(struct server *server, struct flush **flush);
/* Nothing may be under way. */
void flush_destroy(struct flush *flush);

/* After each append: the partition has bytes that are not synced, or that are and lie past the recovery point on the
 * disk. Doing it again changes nothing. */
void flush_note_dirty(struct flush *flush, struct partition *partition);
bool flush_idle(const struct flush *flush);
