#include "group/pending_offsets.h"

#include <errno.h>

/* uthash's table comes from the ledger: every function that changes it has `pending` in scope. */
#define HASH_NONFATAL_OOM        1
#define uthash_malloc(size)      memory_alloc(pending->memory, MEMORY_GROUPS, size)
#define uthash_free(block, size) memory_free(pending->memory, MEMORY_GROUPS, block, size)
#include <uthash.h>
#include <utlist.h>

struct pending_value {
    slice topic; /* its name among the committed offsets, which stays as long as the place */
    int32_t partition;
    bool is_dropped; /* has no place any more */
    struct committed_offset value;
};

struct pending_commit {
    struct pending_owner *owner;
    struct pending_transaction *transaction;
    struct pending_commit *prev, *next;             /* of the transaction */
    struct pending_commit *owner_prev, *owner_next; /* of the group */
    bool stands;                                    /* else it is on its way to the log, and in neither list */
    size_t count;
    size_t capacity;
    struct pending_value values[];
};

struct pending_transaction {
    int64_t producer_id;
    struct pending_commit *commits; /* in the log's order */
    unsigned under_way;             /* commits that are in no list yet */
    UT_hash_handle by_id;
};

void pending_offsets_init(struct pending_offsets *pending, struct memory *memory)
{
    *pending = (struct pending_offsets){.memory = memory};
}

/* ---- transactions ---- */

static struct pending_transaction *find_transaction(const struct pending_offsets *pending, int64_t producer_id)
{
    struct pending_transaction *transaction = NULL;
    HASH_FIND(by_id, pending->transactions, &producer_id, sizeof producer_id, transaction);
    return transaction;
}

static struct pending_transaction *add_transaction(struct pending_offsets *pending, int64_t producer_id)
{
    struct pending_transaction *transaction = memory_alloc_zeroed(pending->memory, MEMORY_GROUPS, sizeof *transaction);
    if (transaction == NULL)
        return NULL;
    transaction->producer_id = producer_id;
    HASH_ADD(by_id, pending->transactions, producer_id, sizeof producer_id, transaction);
    if (transaction->by_id.tbl != NULL)
        return transaction;
    memory_free(pending->memory, MEMORY_GROUPS, transaction, sizeof *transaction);
    return NULL;
}

static void drop_if_unused(struct pending_offsets *pending, struct pending_transaction *transaction)
{
    if (transaction->commits != NULL || transaction->under_way > 0)
        return;
    HASH_DELETE(by_id, pending->transactions, transaction);
    memory_free(pending->memory, MEMORY_GROUPS, transaction, sizeof *transaction);
}

void pending_offsets_close(struct pending_offsets *pending)
{
    struct pending_transaction *transaction, *next;
    HASH_ITER (by_id, pending->transactions, transaction, next)
        drop_if_unused(pending, transaction);
}

/* ---- commits ---- */

static size_t size_of(size_t capacity)
{
    return sizeof(struct pending_commit) + capacity * sizeof(struct pending_value);
}

struct pending_commit *pending_commit_open(struct pending_offsets *pending, struct pending_owner *owner,
                                           int64_t producer_id, size_t capacity)
{
    struct pending_commit *commit = memory_alloc_zeroed(pending->memory, MEMORY_GROUPS, size_of(capacity));
    if (commit == NULL)
        return NULL;
    commit->owner = owner;
    commit->capacity = capacity;
    commit->transaction = find_transaction(pending, producer_id);
    if (commit->transaction == NULL)
        commit->transaction = add_transaction(pending, producer_id);
    if (commit->transaction == NULL) {
        memory_free(pending->memory, MEMORY_GROUPS, commit, size_of(capacity));
        return NULL;
    }
    commit->transaction->under_way++;
    return commit;
}

int pending_commit_add(struct pending_commit *commit, slice topic, int32_t partition,
                       const struct committed_offset *value)
{
    struct committed_offsets *offsets = commit->owner->offsets;
    struct pending_value *added = &commit->values[commit->count];
    *added = (struct pending_value){.partition = partition, .value = *value};
    int rc = committed_offsets_reserve(offsets, topic, partition, value->metadata, &added->value.metadata);
    if (rc != 0)
        return rc;
    added->topic = committed_offsets_find_topic(offsets, topic)->name;
    commit->count++;
    return 0;
}

bool pending_commit_is_empty(const struct pending_commit *commit)
{
    return commit->count == 0;
}

void pending_commit_stand(struct pending_commit *commit)
{
    commit->stands = true;
    commit->transaction->under_way--;
    DL_APPEND(commit->transaction->commits, commit);
    DL_APPEND2(commit->owner->commits, commit, owner_prev, owner_next);
    for (size_t i = 0; i < commit->count; i++)
        committed_offsets_add_pending(commit->owner->offsets, commit->values[i].topic, commit->values[i].partition);
}

static void drop_value(struct pending_commit *commit, struct pending_value *value)
{
    struct committed_offsets *offsets = commit->owner->offsets;
    if (value->is_dropped)
        return;
    value->is_dropped = true;
    if (commit->stands)
        committed_offsets_remove_pending(offsets, value->topic, value->partition);
    committed_offsets_release(offsets, value->topic, value->partition, value->value.metadata);
}

/* What is pending for this partition among the commit's first values. */
static void drop_of(struct pending_commit *commit, size_t count, slice topic, int32_t partition)
{
    for (size_t i = 0; i < count; i++) {
        struct pending_value *value = &commit->values[i];
        if (!value->is_dropped && value->partition == partition && slice_equal(value->topic, topic))
            drop_value(commit, value);
    }
}

/* What is pending for this partition in the commits before `end` (NULL: in all). */
static void drop_before(struct pending_owner *owner, const struct pending_commit *end, slice topic, int32_t partition)
{
    for (struct pending_commit *commit = owner->commits; commit != end; commit = commit->owner_next)
        drop_of(commit, commit->count, topic, partition);
}

/* Of two transactions that commit the same offset, the one that did so later holds, whichever ends first: compaction
 * keeps that one, too. The last value of a transaction comes first, and takes all before it away: they are searched
 * once for each partition, however often that was committed. */
static void settle_value(struct pending_commit *commit, struct pending_value *value)
{
    struct committed_offsets *offsets = commit->owner->offsets;
    if (value->is_dropped)
        return;
    committed_offsets_remove_pending(offsets, value->topic, value->partition);
    value->is_dropped = true;
    if (committed_offsets_is_pending(offsets, value->topic, value->partition)) {
        drop_before(commit->owner, commit, value->topic, value->partition);
        drop_of(commit, (size_t)(value - commit->values), value->topic, value->partition);
    }
    committed_offsets_settle(offsets, value->topic, value->partition, &value->value);
}

/* Its values have their end. */
static void free_commit(struct pending_offsets *pending, struct pending_commit *commit)
{
    struct pending_transaction *transaction = commit->transaction;
    if (commit->stands) {
        DL_DELETE(transaction->commits, commit);
        DL_DELETE2(commit->owner->commits, commit, owner_prev, owner_next);
    } else {
        transaction->under_way--;
    }
    memory_free(pending->memory, MEMORY_GROUPS, commit, size_of(commit->capacity));
    drop_if_unused(pending, transaction);
}

void pending_commit_cancel(struct pending_offsets *pending, struct pending_commit *commit)
{
    for (size_t i = 0; i < commit->count; i++)
        drop_value(commit, &commit->values[i]);
    free_commit(pending, commit);
}

void pending_owner_close(struct pending_offsets *pending, struct pending_owner *owner)
{
    while (owner->commits != NULL)
        pending_commit_cancel(pending, owner->commits);
}

/* ---- the end ---- */

/* Another commit of the same transaction may be on its way: the producer's next one, behind the marker. */
void pending_offsets_end(struct pending_offsets *pending, int64_t producer_id, bool commits)
{
    struct pending_transaction *transaction = find_transaction(pending, producer_id);
    if (transaction == NULL)
        return;
    transaction->under_way++; /* stays until the last one has gone */
    while (transaction->commits != NULL) {
        struct pending_commit *commit = transaction->commits->prev; /* the last one */
        for (size_t i = commits ? commit->count : 0; i-- > 0;)
            settle_value(commit, &commit->values[i]);
        if (commits)
            free_commit(pending, commit);
        else
            pending_commit_cancel(pending, commit);
    }
    transaction->under_way--;
    drop_if_unused(pending, transaction);
}

void pending_owner_drop(struct pending_owner *owner, slice topic, int32_t partition)
{
    if (committed_offsets_is_pending(owner->offsets, topic, partition))
        drop_before(owner, NULL, topic, partition);
}
