/* Groups of consumers looked at, whatever protocol they speak: members, what is assigned to whom, and how far what was
 * committed lies behind. */
#pragma once

#include "arena.h"
#include "group/group_coordinator.h"

struct server;

struct group_assigned {
    slice topic;
    int32_t partition;
};

struct group_member {
    slice id;
    slice instance_id; /* null: dynamic */
    slice client_id;
    slice client_host;
    bool is_classic;                       /* it speaks the classic protocol */
    const struct group_assigned *assigned; /* by topic and partition */
    size_t count;
};

/* All of it copied into the arena. */
struct group_view {
    slice id;
    slice assignor;                     /* empty: none, or not agreed upon at the moment */
    const char *state;                  /* Kafka's name, "PreparingRebalance" */
    bool is_consumer;                   /* KIP-848's protocol; else the classic one */
    bool is_simple;                     /* there are offsets and no members have ever been */
    const struct group_member *members; /* by id */
    size_t member_count;
};

/* Groups that are no consumers' (Kafka Connect's workers) have members without assignments. -ENOMEM. */
MUST_USE int group_view_make(const struct group *group, struct arena *arena, struct group_view *view);
/* Whether it is one of consumers, or of nobody in particular. */
bool group_view_is_of_consumers(const struct group *group);

struct group_lag {
    slice topic;
    int32_t partition;
    int64_t committed;
    int64_t end;                       /* of what has been committed by transactions: the last stable offset */
    const struct group_member *member; /* whose the partition is; NULL: nobody's */
};

/* By topic and partition, of the partitions that are there; members are of the view. -ENOMEM. */
MUST_USE int group_view_lags(const struct server *server, const struct group *group, const struct group_view *view,
                             struct arena *arena, struct group_lag **lags, size_t *count);

/* Never below 0: offsets may be committed that are yet to come. */
static inline int64_t group_lag_of(const struct group_lag *lag)
{
    return lag->end > lag->committed ? lag->end - lag->committed : 0;
}
