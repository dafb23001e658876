/* Which log is compacted next: Kafka's rule (LogCleanerManager.grabFilthiestCompactedLog). A log is due when the dirty
 * share of what could be compacted is above min.cleanable.dirty.ratio, or when a record has stayed uncompacted for
 * max.compaction.lag.ms; those that are overdue come first, then the dirtiest. */
#pragma once

#include "compaction.h"
#include "topics.h"

struct server;

/* One log and how it is compacted. */
struct cleaner_target {
    struct partition *partition; /* NULL: the metadata log */
    struct log *log;             /* NULL: nothing is due */
    struct clean_state *state;
    struct compaction_bounds bounds; /* as of this look */
    bool is_overdue;
    double dirty_ratio;
};

/* What a look at all logs has found. */
struct cleaner_choice {
    struct cleaner_target target;
    struct cleaner_target undated; /* one that may be due once timestamps of its segments are known */
    bool any_compacted;            /* there are topics that are compacted: look again some time */
};

/* How a log is compacted, as of `now` (ms of the wall clock), without the secret. Borrows from the configuration. */
struct compaction_config cleaner_config(const struct server *server, const struct partition *partition, int64_t now);

void cleaner_choose(struct server *server, struct cleaner_choice *choice);
