/* Offsets that transactions have committed and that wait for their transaction's end: then they hold, or never were.
 *
 * A value has its place among its group's committed offsets from the first (committed_offsets_reserve), so that the end
 * needs no memory. Of each partition a transaction keeps the value that it committed last, as Kafka does: what it holds
 * follows the number of partitions, however often it commits. */
#pragma once

#include "group/committed_offsets.h"

struct pending_commit;
struct pending_set;
struct pending_transaction;

/* Of a group. Zeroed but for `offsets` to begin with. */
struct pending_owner {
    struct committed_offsets *offsets;
    struct pending_set *sets; /* one for each transaction */
    uint64_t order;           /* of the last value that came */
};

/* Of all groups. */
struct pending_offsets {
    struct memory *memory;
    struct pending_transaction *transactions;
};

void pending_offsets_init(struct pending_offsets *pending, struct memory *memory);
/* Every owner is closed. */
void pending_offsets_close(struct pending_offsets *pending);
/* Its values are given up. */
void pending_owner_close(struct pending_offsets *pending, struct pending_owner *owner);

/* Room for so many values of one commit on its way to the log; NULL without memory. */
struct pending_commit *pending_commit_open(struct pending_offsets *pending, struct pending_owner *owner,
                                           int64_t producer_id, size_t capacity);
/* A copy of the value. -ENOMEM, -EBUSY: as of committed_offsets_reserve. */
MUST_USE int pending_commit_add(struct pending_commit *commit, slice topic, int32_t partition,
                                const struct committed_offset *value);
bool pending_commit_is_empty(const struct pending_commit *commit);
/* It is in the log: from now on its values are pending. */
void pending_commit_stand(struct pending_offsets *pending, struct pending_commit *commit);
/* It is not, and never will be. */
void pending_commit_cancel(struct pending_offsets *pending, struct pending_commit *commit);

/* The transaction's marker is in the log: what it committed stands among the committed offsets, or is gone. */
void pending_offsets_end(struct pending_offsets *pending, int64_t producer_id, bool commits);
/* Something that stands later in the log takes the place of what is pending for this partition now. */
void pending_owner_drop(struct pending_offsets *pending, struct pending_owner *owner, slice topic, int32_t partition);
