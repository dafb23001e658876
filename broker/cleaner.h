/* The cleaner: compacts topics with `compact` in their cleanup.policy, and the metadata log; one log at a time, the
 * dirtiest first, the work in the pool in slices (storage/compaction.h).
 *
 * While clients are served, slices are small and far between: what a producer waits for comes first. */
#pragma once

#include "topics.h"

struct server;
struct cleaner;

MUST_USE int cleaner_create(struct server *server, struct cleaner **cleaner);
/* Nothing may be under way. */
void cleaner_destroy(struct cleaner *cleaner);
/* Begins nothing more, and ends what is under way behind its present slice: nothing of it is lost but work. */
void cleaner_stop(struct cleaner *cleaner);
bool cleaner_idle(const struct cleaner *cleaner);

/* ---- what others say; without a cleaner (NULL) there is nothing to it ---- */

/* Recovery points have moved, there is a new topic, or the server has just started: there may be something to compact.
 */
void cleaner_wake(struct cleaner *cleaner);
/* The topic's configuration was another one before. What was compacted by another key, or to more records of it, is
 * compacted anew. */
void cleaner_note_config(struct cleaner *cleaner, struct topic *topic, const struct topic_config *before);

/* Embedded by who waits. */
struct cleaner_wait {
    void (*done)(struct cleaner_wait *wait); /* on the loop, never from within cleaner_let_go */
    struct cleaner_wait *next;               /* private */
};

/* Before the topic's folders are removed: false when no job has to do with them. True: the compaction is ended, `done`
 * is called soon. */
bool cleaner_let_go(struct cleaner *cleaner, const struct topic *topic, struct cleaner_wait *wait);
