#include "producer_state.h"

#include <errno.h>
#include <inttypes.h>

/* uthash allocates through the ledger of the state at hand. */
#define HASH_NONFATAL_OOM         1
#define uthash_malloc(size)       memory_alloc(state->memory, MEMORY_PRODUCERS, size)
#define uthash_free(block, size)  memory_free(state->memory, MEMORY_PRODUCERS, block, size)
#define uthash_nonfatal_oom(item) ((void)0)
#include <uthash.h>
#include <utlist.h>

/* Most logs know a few producers: start smaller than uthash does. */
#undef HASH_INITIAL_NUM_BUCKETS
#undef HASH_INITIAL_NUM_BUCKETS_LOG2
#define HASH_INITIAL_NUM_BUCKETS      4U
#define HASH_INITIAL_NUM_BUCKETS_LOG2 2U

struct entry {
    struct producer producer;
    bool saved;                /* there is an undo of this run */
    struct entry *prev, *next; /* all entries, idle longest first */
    UT_hash_handle hh;
};

/* What an entry was before the run. */
struct undo {
    struct undo *next;
    struct entry *entry;
    bool was_absent;
    struct producer before;
};

struct producer_state {
    struct memory *memory;
    struct entry *table;
    struct entry *entries; /* idle longest first */
    struct undo *undos;
    bool in_run;
    uint32_t max_producers;
    uint32_t open_transactions;
};

/* ---- entries ---- */

int producer_state_create(struct memory *memory, uint32_t max_producers, struct producer_state **state)
{
    *state = memory_alloc_zeroed(memory, MEMORY_PRODUCERS, sizeof **state);
    if (*state == NULL)
        return -ENOMEM;
    (*state)->memory = memory;
    (*state)->max_producers = max_producers;
    return 0;
}

uint32_t producer_state_count(const struct producer_state *state)
{
    return HASH_COUNT(state->table);
}

static struct entry *find(const struct producer_state *state, int64_t id)
{
    struct entry *entry;
    HASH_FIND(hh, state->table, &id, sizeof id, entry);
    return entry;
}

const struct producer *producer_state_find(const struct producer_state *state, int64_t producer_id)
{
    const struct entry *entry = find(state, producer_id);
    return entry != NULL ? &entry->producer : NULL;
}

static struct entry *add(struct producer_state *state, int64_t id)
{
    struct entry *entry = memory_alloc_zeroed(state->memory, MEMORY_PRODUCERS, sizeof *entry);
    if (entry == NULL)
        return NULL;
    entry->producer =
        (struct producer){.id = id, .epoch = -1, .transaction_start = -1, .coordinator_epoch = -1, .timestamp = -1};
    HASH_ADD(hh, state->table, producer.id, sizeof entry->producer.id, entry);
    if (entry->hh.tbl == NULL) {
        memory_free(state->memory, MEMORY_PRODUCERS, entry, sizeof *entry);
        return NULL;
    }
    DL_APPEND(state->entries, entry);
    return entry;
}

/* All changes of an entry pass here, so that the open transactions are counted. */
static void set(struct producer_state *state, struct entry *entry, const struct producer *producer)
{
    state->open_transactions += producer->transaction_start >= 0;
    state->open_transactions -= entry->producer.transaction_start >= 0;
    entry->producer = *producer;
}

static void drop(struct producer_state *state, struct entry *entry)
{
    state->open_transactions -= entry->producer.transaction_start >= 0;
    DL_DELETE(state->entries, entry);
    HASH_DEL(state->table, entry);
    memory_free(state->memory, MEMORY_PRODUCERS, entry, sizeof *entry);
}

static void keep_bound(struct producer_state *state)
{
    struct entry *entry, *next;
    DL_FOREACH_SAFE(state->entries, entry, next)
    {
        if (HASH_COUNT(state->table) <= state->max_producers)
            return;
        if (entry->producer.transaction_start < 0)
            drop(state, entry);
    }
}

void producer_state_clear(struct producer_state *state)
{
    struct entry *entry, *next;
    DL_FOREACH_SAFE(state->entries, entry, next)
    drop(state, entry);
}

void producer_state_close(struct producer_state *state)
{
    if (state->in_run)
        producer_state_rollback(state);
    producer_state_clear(state);
    memory_free(state->memory, MEMORY_PRODUCERS, state, sizeof *state);
}

void producer_state_expire(struct producer_state *state, int64_t now, int64_t expiry_ms)
{
    struct entry *entry, *next;
    DL_FOREACH_SAFE(state->entries, entry, next)
    {
        if (entry->producer.transaction_start < 0 && entry->producer.timestamp <= now - expiry_ms)
            drop(state, entry);
    }
}

int64_t producer_state_first_open_offset(const struct producer_state *state)
{
    if (state->open_transactions == 0)
        return -1;
    int64_t first = INT64_MAX;
    const struct entry *entry;
    DL_FOREACH (state->entries, entry) {
        int64_t start = entry->producer.transaction_start;
        if (start >= 0 && start < first)
            first = start;
    }
    return first;
}

int producer_state_list(const struct producer_state *state, producer_callback *callback, void *context)
{
    const struct entry *entry;
    DL_FOREACH (state->entries, entry) {
        int rc = callback(context, &entry->producer);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static const struct producer *settled(const struct producer_state *state, const struct entry *entry)
{
    if (!entry->saved)
        return &entry->producer;
    const struct undo *undo = state->undos;
    while (undo->entry != entry)
        undo = undo->next;
    return undo->was_absent ? NULL : &undo->before;
}

int producer_state_list_settled(const struct producer_state *state, producer_callback *callback, void *context)
{
    const struct entry *entry;
    DL_FOREACH (state->entries, entry) {
        const struct producer *producer = settled(state, entry);
        int rc = producer != NULL ? callback(context, producer) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- checking ---- */

static const struct producer_batch *find_batch(const struct producer *producer, const struct batch_header *header)
{
    for (uint8_t i = 0; i < producer->batch_count; i++) {
        const struct producer_batch *batch = &producer->batches[i];
        if (batch->last_sequence == batch_last_sequence(header) && batch->offset_delta == header->last_offset_delta)
            return batch;
    }
    return NULL;
}

static int32_t last_sequence(const struct producer *producer)
{
    return producer->batch_count != 0 ? producer->batches[producer->batch_count - 1].last_sequence : BATCH_NO_SEQUENCE;
}

static int32_t sequence_after(int32_t sequence)
{
    return sequence == INT32_MAX ? 0 : sequence + 1;
}

static int check_sequence(const struct producer *producer, const struct batch_header *header, int64_t *base_offset,
                          struct error *error)
{
    if (header->producer_epoch < producer->epoch)
        return error_set(error, FURROW_STALE_PRODUCER_EPOCH, "producer %" PRId64 " has epoch %d, got %d", producer->id,
                         producer->epoch, header->producer_epoch);
    if (header->producer_epoch > producer->epoch) {
        if (header->base_sequence == 0)
            return 0;
        return error_set(error, FURROW_OUT_OF_ORDER_SEQUENCE,
                         "producer %" PRId64 " starts epoch %d at sequence %" PRId32 ", not at 0", producer->id,
                         header->producer_epoch, header->base_sequence);
    }

    const struct producer_batch *batch = find_batch(producer, header);
    if (batch != NULL) {
        *base_offset = batch->last_offset - batch->offset_delta;
        return error_set(error, FURROW_DUPLICATE_SEQUENCE,
                         "producer %" PRId64 ": sequence %" PRId32 " is at offset %" PRId64, producer->id,
                         header->base_sequence, *base_offset);
    }
    int32_t expected = sequence_after(last_sequence(producer));
    if (header->base_sequence == expected)
        return 0;
    return error_set(error, FURROW_OUT_OF_ORDER_SEQUENCE,
                     "producer %" PRId64 ": sequence %" PRId32 ", expected %" PRId32, producer->id,
                     header->base_sequence, expected);
}

int producer_state_check(const struct producer_state *state, const struct batch_header *header, int64_t *base_offset,
                         struct error *error)
{
    const struct producer *producer = producer_state_find(state, header->producer_id);
    if (producer == NULL || producer->epoch < 0)
        return 0;
    int rc = check_sequence(producer, header, base_offset, error);
    if (rc == 0 && producer->transaction_start >= 0 && !batch_is_transactional(header))
        return error_set(error, FURROW_NOT_TRANSACTIONAL,
                         "Expected transactional write from producer %" PRId64 ", whose transaction begins at offset "
                         "%" PRId64,
                         producer->id, producer->transaction_start);
    return rc;
}

/* ---- noting ---- */

/* Keeps what the entry is now; entry NULL: that there is none, and the one to be made is set by the caller. */
static struct undo *save(struct producer_state *state, struct entry *entry)
{
    struct undo *undo = memory_alloc_zeroed(state->memory, MEMORY_PRODUCERS, sizeof *undo);
    if (undo == NULL)
        return NULL;
    undo->entry = entry;
    undo->was_absent = entry == NULL;
    if (entry != NULL)
        undo->before = entry->producer;
    return undo;
}

/* The entry to change, made when missing, and saved when it is changed for the first time in this run. */
static struct entry *touch(struct producer_state *state, int64_t id)
{
    struct entry *entry = find(state, id);
    struct undo *undo = NULL;
    if (state->in_run && (entry == NULL || !entry->saved)) {
        undo = save(state, entry);
        if (undo == NULL)
            return NULL;
    }
    if (entry == NULL)
        entry = add(state, id);
    if (entry == NULL) {
        memory_free(state->memory, MEMORY_PRODUCERS, undo, sizeof *undo);
        return NULL;
    }
    if (undo != NULL) {
        undo->entry = entry;
        entry->saved = true;
        LL_PREPEND(state->undos, undo);
    }
    DL_DELETE(state->entries, entry);
    DL_APPEND(state->entries, entry);
    return entry;
}

static void change(struct producer_state *state, struct entry *entry, const struct producer *producer)
{
    set(state, entry, producer);
    if (!state->in_run)
        keep_bound(state);
}

static void set_epoch(struct producer *producer, int16_t epoch)
{
    if (epoch == producer->epoch)
        return;
    producer->epoch = epoch;
    producer->batch_count = 0;
}

static void add_batch(struct producer *producer, const struct producer_batch *batch)
{
    if (producer->batch_count == PRODUCER_BATCHES) {
        memmove(producer->batches, producer->batches + 1, (PRODUCER_BATCHES - 1) * sizeof producer->batches[0]);
        producer->batch_count--;
    }
    producer->batches[producer->batch_count++] = *batch;
}

int producer_state_update(struct producer_state *state, const struct batch_header *header, int64_t timestamp)
{
    struct entry *entry = touch(state, header->producer_id);
    if (entry == NULL)
        return -ENOMEM;
    struct producer producer = entry->producer;
    struct producer_batch batch = {.last_offset = batch_last_offset(header),
                                   .offset_delta = header->last_offset_delta,
                                   .last_sequence = batch_last_sequence(header)};
    set_epoch(&producer, header->producer_epoch);
    add_batch(&producer, &batch);
    producer.timestamp = timestamp;
    if (batch_is_transactional(header) && producer.transaction_start < 0)
        producer.transaction_start = header->base_offset;
    change(state, entry, &producer);
    return 0;
}

int producer_state_end_transaction(struct producer_state *state, const struct batch_header *header,
                                   int32_t coordinator_epoch, int64_t timestamp)
{
    struct entry *entry = touch(state, header->producer_id);
    if (entry == NULL)
        return -ENOMEM;
    struct producer producer = entry->producer;
    set_epoch(&producer, header->producer_epoch);
    producer.coordinator_epoch = coordinator_epoch;
    producer.transaction_start = -1;
    producer.timestamp = timestamp;
    change(state, entry, &producer);
    return 0;
}

int producer_state_restore(struct producer_state *state, const struct producer *producer)
{
    struct entry *entry = touch(state, producer->id);
    if (entry == NULL)
        return -ENOMEM;
    change(state, entry, producer);
    return 0;
}

/* ---- runs ---- */

void producer_state_begin(struct producer_state *state)
{
    state->in_run = true;
}

void producer_state_commit(struct producer_state *state)
{
    struct undo *undo, *next;
    LL_FOREACH_SAFE(state->undos, undo, next)
    {
        undo->entry->saved = false;
        memory_free(state->memory, MEMORY_PRODUCERS, undo, sizeof *undo);
    }
    state->undos = NULL;
    state->in_run = false;
    keep_bound(state);
}

void producer_state_rollback(struct producer_state *state)
{
    struct undo *undo, *next;
    LL_FOREACH_SAFE(state->undos, undo, next)
    {
        undo->entry->saved = false;
        if (undo->was_absent)
            drop(state, undo->entry);
        else
            set(state, undo->entry, &undo->before);
        memory_free(state->memory, MEMORY_PRODUCERS, undo, sizeof *undo);
    }
    state->undos = NULL;
    state->in_run = false;
}
