#include "group/pending_offsets.h"

#include <errno.h>
#include <stdlib.h>

/* uthash's table comes from the ledger: every function that changes it has `pending` in scope. */
#define HASH_NONFATAL_OOM        1
#define uthash_malloc(size)      memory_alloc(pending->memory, MEMORY_GROUPS, size)
#define uthash_free(block, size) memory_free(pending->memory, MEMORY_GROUPS, block, size)
#include <uthash.h>
#include <utlist.h>

#define SPARE_MAX 16 /* values that a set has room for beyond twice what it needs */

struct pending_value {
    slice topic; /* its name among the committed offsets, which stays as long as the place: told by its address */
    int32_t partition;
    uint64_t order; /* of the group's: later in the log is more */
    struct committed_offset value;
};

/* What one transaction has committed for one group: of each partition the last, ascending by topic and partition. Room
 * for what is on its way is there before it is sent. */
struct pending_set {
    struct pending_owner *owner;
    struct pending_transaction *transaction;
    struct pending_set *prev, *next;             /* of the transaction */
    struct pending_set *owner_prev, *owner_next; /* of the group */
    struct pending_value *values;
    size_t count;
    size_t reserved; /* for commits on their way */
    size_t capacity;
    unsigned under_way;
};

/* On its way to the log. */
struct pending_commit {
    struct pending_set *set;
    size_t count;
    size_t capacity;
    struct pending_value values[];
};

struct pending_transaction {
    int64_t producer_id;
    struct pending_set *sets;
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
    if (transaction->sets != NULL)
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

/* ---- sets ---- */

static struct pending_set *find_set(const struct pending_owner *owner, const struct pending_transaction *transaction)
{
    struct pending_set *set = owner->sets;
    while (set != NULL && set->transaction != transaction)
        set = set->owner_next;
    return set;
}

static struct pending_set *add_set(struct pending_offsets *pending, struct pending_owner *owner,
                                   struct pending_transaction *transaction)
{
    struct pending_set *set = memory_alloc_zeroed(pending->memory, MEMORY_GROUPS, sizeof *set);
    if (set == NULL)
        return NULL;
    set->owner = owner;
    set->transaction = transaction;
    DL_APPEND(transaction->sets, set);
    DL_APPEND2(owner->sets, set, owner_prev, owner_next);
    return set;
}

static int set_capacity(struct pending_offsets *pending, struct pending_set *set, size_t capacity)
{
    struct pending_value *values = memory_realloc(pending->memory, MEMORY_GROUPS, set->values,
                                                  set->capacity * sizeof *values, capacity * sizeof *values);
    if (values == NULL)
        return -ENOMEM;
    set->values = values;
    set->capacity = capacity;
    return 0;
}

static int reserve(struct pending_offsets *pending, struct pending_set *set, size_t count)
{
    size_t needed = set->count + set->reserved + count;
    int rc = needed > set->capacity ? set_capacity(pending, set, needed) : 0;
    if (rc == 0)
        set->reserved += count;
    return rc;
}

/* One that holds nothing, and waits for nothing, goes; of others, room that is not needed. */
static void tidy(struct pending_offsets *pending, struct pending_set *set)
{
    struct pending_transaction *transaction = set->transaction;
    size_t needed = set->count + set->reserved;
    if (set->count > 0 || set->under_way > 0) {
        int rc = set->capacity > 2 * needed + SPARE_MAX ? set_capacity(pending, set, needed + 1) : 0;
        (void)rc; /* it stays larger */
        return;
    }
    DL_DELETE(transaction->sets, set);
    DL_DELETE2(set->owner->sets, set, owner_prev, owner_next);
    memory_free(pending->memory, MEMORY_GROUPS, set->values, set->capacity * sizeof *set->values);
    memory_free(pending->memory, MEMORY_GROUPS, set, sizeof *set);
    drop_if_unused(pending, transaction);
}

/* ---- values ---- */

static int compare_places(const struct pending_value *a, const struct pending_value *b)
{
    uintptr_t left = (uintptr_t)a->topic.data, right = (uintptr_t)b->topic.data;
    if (left != right)
        return left < right ? -1 : 1;
    return (a->partition > b->partition) - (a->partition < b->partition);
}

static int compare_values(const void *left, const void *right)
{
    const struct pending_value *a = left, *b = right;
    int order = compare_places(a, b);
    return order != 0 ? order : (a->order > b->order) - (a->order < b->order);
}

/* NULL: the set has none for the place of `key`. */
static struct pending_value *find_value(const struct pending_set *set, const struct pending_value *key)
{
    size_t from = 0, to = set->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = compare_places(&set->values[middle], key);
        if (order == 0)
            return &set->values[middle];
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

/* Its place is given up; it is not to be looked at again. */
static void release(struct pending_set *set, const struct pending_value *value, bool stands)
{
    struct committed_offsets *offsets = set->owner->offsets;
    if (stands)
        committed_offsets_remove_pending(offsets, value->topic, value->partition);
    committed_offsets_release(offsets, value->topic, value->partition, value->value.metadata);
}

static void remove_value(struct pending_set *set, struct pending_value *value)
{
    size_t place = (size_t)(value - set->values);
    release(set, value, true);
    set->count--;
    memmove(value, value + 1, (set->count - place) * sizeof *value);
}

/* What stands for this place earlier in the log, in all transactions but one, goes. */
static void drop_earlier(struct pending_offsets *pending, struct pending_owner *owner, const struct pending_set *but,
                         const struct pending_value *key)
{
    for (struct pending_set *set = owner->sets, *next; set != NULL; set = next) {
        next = set->owner_next;
        struct pending_value *value = set != but ? find_value(set, key) : NULL;
        if (value == NULL || value->order >= key->order)
            continue;
        remove_value(set, value);
        tidy(pending, set);
    }
}

/* ---- commits ---- */

static size_t size_of(size_t capacity)
{
    return sizeof(struct pending_commit) + capacity * sizeof(struct pending_value);
}

static void free_commit(struct pending_offsets *pending, struct pending_commit *commit)
{
    struct pending_set *set = commit->set;
    set->under_way--;
    set->reserved -= commit->capacity;
    memory_free(pending->memory, MEMORY_GROUPS, commit, size_of(commit->capacity));
    tidy(pending, set);
}

struct pending_commit *pending_commit_open(struct pending_offsets *pending, struct pending_owner *owner,
                                           int64_t producer_id, size_t capacity)
{
    struct pending_transaction *transaction = find_transaction(pending, producer_id);
    struct pending_commit *commit = memory_alloc_zeroed(pending->memory, MEMORY_GROUPS, size_of(capacity));
    if (commit == NULL)
        return NULL;
    commit->capacity = capacity;
    if (transaction == NULL && (transaction = add_transaction(pending, producer_id)) == NULL)
        goto err_free;
    commit->set = find_set(owner, transaction);
    if (commit->set == NULL)
        commit->set = add_set(pending, owner, transaction);
    if (commit->set == NULL)
        goto err_drop;
    if (reserve(pending, commit->set, capacity) != 0)
        goto err_tidy;
    commit->set->under_way++;
    return commit;

err_tidy:
    tidy(pending, commit->set);
    goto err_free;
err_drop:
    drop_if_unused(pending, transaction);
err_free:
    memory_free(pending->memory, MEMORY_GROUPS, commit, size_of(capacity));
    return NULL;
}

int pending_commit_add(struct pending_commit *commit, slice topic, int32_t partition,
                       const struct committed_offset *value)
{
    struct committed_offsets *offsets = commit->set->owner->offsets;
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

/* Ascending, of each place the last. */
static void sort_commit(struct pending_commit *commit)
{
    for (size_t i = 0; i < commit->count; i++)
        commit->values[i].order = ++commit->set->owner->order;
    qsort(commit->values, commit->count, sizeof *commit->values, compare_values);
    size_t kept = 0;
    for (size_t i = 0; i < commit->count; i++) {
        bool is_last = i + 1 == commit->count || compare_places(&commit->values[i], &commit->values[i + 1]) != 0;
        if (is_last)
            commit->values[kept++] = commit->values[i];
        else
            release(commit->set, &commit->values[i], false);
    }
    commit->count = kept;
}

/* What the transaction has committed for the same place before, goes; what is left are values of other places. */
static void replace_values(struct pending_commit *commit)
{
    struct pending_set *set = commit->set;
    size_t left = 0;
    for (size_t i = 0; i < commit->count; i++) {
        struct pending_value *former = find_value(set, &commit->values[i]);
        if (former != NULL) {
            release(set, former, true);
            *former = commit->values[i];
        } else {
            commit->values[left++] = commit->values[i];
        }
    }
    commit->count = left;
}

/* From behind, so that nothing is in the way. */
static void merge_values(struct pending_commit *commit)
{
    struct pending_set *set = commit->set;
    size_t mine = set->count, theirs = commit->count, to = mine + theirs;
    set->count = to;
    while (theirs > 0) {
        bool takes = mine == 0 || compare_places(&set->values[mine - 1], &commit->values[theirs - 1]) < 0;
        set->values[--to] = takes ? commit->values[--theirs] : set->values[--mine];
    }
}

void pending_commit_stand(struct pending_offsets *pending, struct pending_commit *commit)
{
    struct committed_offsets *offsets = commit->set->owner->offsets;
    sort_commit(commit);
    for (size_t i = 0; i < commit->count; i++)
        committed_offsets_add_pending(offsets, commit->values[i].topic, commit->values[i].partition);
    replace_values(commit);
    merge_values(commit);
    free_commit(pending, commit);
}

void pending_commit_cancel(struct pending_offsets *pending, struct pending_commit *commit)
{
    for (size_t i = 0; i < commit->count; i++)
        release(commit->set, &commit->values[i], false);
    free_commit(pending, commit);
}

/* ---- the end ---- */

static void give_up(struct pending_offsets *pending, struct pending_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        release(set, &set->values[i], true);
    set->count = 0;
    tidy(pending, set);
}

/* Of two transactions that commit the same offset, the one that did so later holds, whichever ends first: compaction
 * keeps that one, too. */
static void settle(struct pending_offsets *pending, struct pending_set *set)
{
    struct committed_offsets *offsets = set->owner->offsets;
    for (size_t i = 0; i < set->count; i++) {
        struct pending_value *value = &set->values[i];
        committed_offsets_remove_pending(offsets, value->topic, value->partition);
        if (committed_offsets_is_pending(offsets, value->topic, value->partition))
            drop_earlier(pending, set->owner, set, value);
        committed_offsets_settle(offsets, value->topic, value->partition, &value->value);
    }
    set->count = 0;
    tidy(pending, set);
}

void pending_owner_close(struct pending_offsets *pending, struct pending_owner *owner)
{
    for (struct pending_set *set = owner->sets, *next; set != NULL; set = next) {
        next = set->owner_next;
        give_up(pending, set);
    }
}

/* Another commit of the same transaction may be on its way: the producer's next one, behind the marker. */
void pending_offsets_end(struct pending_offsets *pending, int64_t producer_id, bool commits)
{
    struct pending_transaction *transaction = find_transaction(pending, producer_id);
    for (struct pending_set *set = transaction != NULL ? transaction->sets : NULL, *next; set != NULL; set = next) {
        next = set->next;
        if (commits)
            settle(pending, set);
        else
            give_up(pending, set);
    }
}

void pending_owner_drop(struct pending_offsets *pending, struct pending_owner *owner, slice topic, int32_t partition)
{
    const struct committed_topic *found = committed_offsets_find_topic(owner->offsets, topic);
    if (found == NULL || !committed_offsets_is_pending(owner->offsets, topic, partition))
        return;
    struct pending_value key = {.topic = found->name, .partition = partition, .order = UINT64_MAX};
    drop_earlier(pending, owner, NULL, &key);
}
