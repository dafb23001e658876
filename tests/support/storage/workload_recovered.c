/* The oracle after a crash, and of what a log says of itself. */
#include "workload_model_private.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- after a crash ---- */

struct recovered {
    struct model *model;
    struct model_batch *kept; /* what the model will know: what is there, and what compaction took from between */
    size_t count;
    int64_t end;      /* of what was looked at */
    int64_t promised; /* what lies before it may not be lost */
};

static void keep(struct recovered *r, struct model_batch *batch)
{
    r->kept[r->count++] = *batch;
    r->end = batch_last_offset(&batch->header) + 1;
    batch->records = NULL; /* they have moved */
}

/* From r->end to `to` there is nothing in the log: all of it must be known, and dropped by compaction. */
static bool keep_gap(struct recovered *r, int64_t to)
{
    struct model *m = r->model;
    while (r->end < to) {
        size_t i = model_find_batch(m, r->end);
        struct model_batch *batch = i < m->count ? &m->batches[i] : NULL;
        if (batch == NULL || batch->header.base_offset > r->end || batch->records == NULL ||
            (batch->header.base_offset >= m->cleaned_to && !batch->is_damaged) ||
            !model_may_be_missing(m, batch, r->end))
            return model_fail(m, "recovered: offset %" PRId64 " where %" PRId64 " should be", to, r->end);
        keep(r, batch);
    }
    return true;
}

static struct model_batch *find_failed(struct model *m, const struct batch_header *header)
{
    for (size_t i = 0; i < m->failed_count; i++) {
        if (m->failed[i].records != NULL && model_same_content(&m->failed[i].header, header))
            return &m->failed[i];
    }
    return NULL;
}

static bool take_found(struct recovered *r, const struct batch_header *header, slice batch)
{
    struct model *m = r->model;
    size_t i = model_find_batch(m, header->base_offset);
    if (r->count > 0 && !keep_gap(r, header->base_offset))
        return false;
    if (i < m->count && m->batches[i].header.base_offset == header->base_offset && m->batches[i].records != NULL &&
        (model_same_content(&m->batches[i].header, header) || header->base_offset < m->cleaned_to)) {
        if (!model_check_batch(m, &m->batches[i], header, batch))
            return false;
        keep(r, &m->batches[i]);
        return true;
    }
    struct model_batch *failed = find_failed(m, header);
    if (failed == NULL)
        return model_fail(m, "recovered: the batch at %" PRId64 " was never written there, or is there twice",
                          header->base_offset);
    if (!batch_crc_matches(batch, header))
        return model_fail(m, "recovered: the batch at %" PRId64 " is torn", header->base_offset);
    if (header->base_offset < r->promised)
        return model_fail(m, "recovered: a failed batch stands at %" PRId64 ", promised to %" PRId64,
                          header->base_offset, r->promised);
    failed->header = *header;
    keep(r, failed);
    return true;
}

/* Then the log may end before it: where a damaged batch ends is not known. */
static bool is_damaged_to(const struct model *m, int64_t from, int64_t to)
{
    for (size_t i = model_find_batch(m, from); i < m->count && m->batches[i].header.base_offset < to; i++) {
        if (!m->batches[i].is_damaged)
            return false;
    }
    return m->is_damaged;
}

static bool check_bounds(struct recovered *r, const struct log *log)
{
    struct model *m = r->model;
    int64_t start = log_start_offset(log), end = log_end_offset(log);
    bool lost_front = start > m->start && r->promised <= m->start; /* the first segments' names were not synced */
    if (start < m->saved_start || (start > m->start && !lost_front))
        return model_fail(m, "recovered: starts at %" PRId64 ", which was %" PRId64 " and is saved as %" PRId64, start,
                          m->start, m->saved_start);
    if (end < r->promised && !is_damaged_to(m, end, r->promised))
        return model_fail(m, "recovered: ends at %" PRId64 ", promised to %" PRId64, end, r->promised);
    return true;
}

static bool check_all(struct recovered *r, const struct log *log, slice bytes)
{
    struct model *m = r->model;
    struct batch_header header;
    slice batch;
    int64_t start = log_start_offset(log), end = log_end_offset(log);
    if (!check_bounds(r, log))
        return false;
    model_forget_below(m, start);
    m->start = start;
    while (batch_next(&bytes, &header, &batch, NULL) == 1) {
        if (r->count == 0 && header.base_offset > start) {
            size_t i = model_find_batch(m, start);
            r->end = i < m->count ? m->batches[i].header.base_offset : start;
            if (!keep_gap(r, header.base_offset))
                return false;
        }
        if (!take_found(r, &header, batch))
            return false;
    }
    if (bytes.size != 0)
        return model_fail(m, "recovered: a part of a batch at the end");
    if (r->count == 0) {
        size_t i = model_find_batch(m, start);
        bool is_inside = start < end && i < m->count && m->batches[i].header.base_offset < start;
        r->end = is_inside ? m->batches[i].header.base_offset : start;
    }
    if (r->end > end)
        return model_fail(m, "recovered: the end is %" PRId64 ", the last batch ends at %" PRId64, end, r->end);
    if (!keep_gap(r, end))
        return false;
    if (r->count > 0 && !m->is_damaged && r->kept[r->count - 1].header.leader_epoch >= log_leader_epoch(log))
        return model_fail(m, "recovered: the leader epoch has not risen");
    return true;
}

bool model_check_recovered(struct model *m, const struct log *log, slice bytes, bool all_written)
{
    struct recovered r = {.model = m, .promised = all_written ? m->end : m->durable_end};
    r.kept = calloc(m->count + m->failed_count + 1, sizeof *r.kept);
    if (r.kept == NULL)
        abort();
    bool right = check_all(&r, log, bytes);
    for (size_t i = 0; i < m->count; i++)
        free(m->batches[i].records);
    free(m->batches);
    m->batches = r.kept;
    m->capacity = m->count + m->failed_count + 1;
    m->count = r.count;
    size_t left = 0;
    for (size_t i = 0; i < m->failed_count; i++) {
        if (m->failed[i].records != NULL)
            m->failed[left++] = m->failed[i];
    }
    m->failed_count = left;
    m->start = log_start_offset(log);
    m->end = log_end_offset(log);
    model_judge_transactions(m);
    if (m->durable_end > m->end)
        m->durable_end = m->end; /* only where the log begins again at its start */
    return right;
}

/* ---- producers and epochs ---- */

struct producer_check {
    struct model *model;
    size_t count;
    bool right;
};

static int check_producer(void *context, const struct log_producer *producer)
{
    struct producer_check *check = context;
    struct model *m = check->model;
    const struct batch_header *last;
    int16_t epoch;
    check->count++;
    if (!model_find_producer(m, producer->producer_id, &epoch, &last)) {
        check->right = m->start > 0 || /* its batches lie before the log's start */
                       model_fail(m, "producer %" PRId64 " is known and has no batch", producer->producer_id);
        return check->right ? 0 : 1;
    }
    int32_t sequence = last != NULL ? batch_last_sequence(last) : BATCH_NO_SEQUENCE;
    int64_t offset = last != NULL ? batch_last_offset(last) : -1;
    bool may_be_below = last == NULL && m->start > 0;
    if (producer->epoch != epoch ||
        (!may_be_below && (producer->last_sequence != sequence || producer->last_offset != offset)))
        check->right = model_fail(
            m, "producer %" PRId64 ": sequence %" PRId32 " at %" PRId64 ", its last batch has %" PRId32 " at %" PRId64,
            producer->producer_id, producer->last_sequence, producer->last_offset, sequence, offset);
    return check->right ? 0 : 1;
}

/* The last batch of data of each producer in its epoch. */
struct sequence {
    bool is_known;
    int16_t epoch;
    int32_t next;
};

static bool check_sequences(struct model *m)
{
    struct sequence sequences[MODEL_PRODUCERS] = {{0}};
    for (size_t i = 0; i < m->count; i++) {
        const struct batch_header *header = &m->batches[i].header;
        if (!batch_has_producer(header))
            continue;
        struct sequence *sequence = &sequences[header->producer_id % MODEL_PRODUCERS];
        if (sequence->epoch != header->producer_epoch)
            sequence->next = 0;
        bool is_data = !m->batches[i].is_marker;
        if (is_data && sequence->is_known && header->base_sequence != sequence->next)
            return model_fail(m, "producer %" PRId64 ": sequence %" PRId32 " at %" PRId64 ", not %" PRId32,
                              header->producer_id, header->base_sequence, header->base_offset, sequence->next);
        bool was_known = sequence->is_known && sequence->epoch == header->producer_epoch;
        sequence->epoch = header->producer_epoch;
        sequence->is_known = is_data || was_known;
        if (is_data)
            sequence->next = (int32_t)(((uint32_t)batch_last_sequence(header) + 1) & INT32_MAX);
    }
    return true;
}

static size_t count_producers(const struct model *m)
{
    bool is_there[MODEL_PRODUCERS] = {false};
    size_t count = 0;
    for (size_t i = 0; i < m->count; i++) {
        int64_t id = m->batches[i].header.producer_id;
        if (id < 0 || is_there[id % MODEL_PRODUCERS])
            continue;
        is_there[id % MODEL_PRODUCERS] = true;
        count += m->start == 0 || model_last_offset_of(m, id) >= m->start;
    }
    return count;
}

static bool check_epochs(struct model *m, const struct log *log)
{
    for (size_t i = model_find_batch(m, m->start); i + 1 < m->count; i++) {
        int32_t epoch = m->batches[i].header.leader_epoch;
        int32_t next = m->batches[i + 1].header.leader_epoch;
        int32_t found;
        int64_t end;
        if (next < epoch)
            return model_fail(m, "the leader epoch goes back at %" PRId64, m->batches[i + 1].header.base_offset);
        if (next == epoch)
            continue;
        log_find_epoch_end(log, epoch, &found, &end);
        if (found != epoch || end != m->batches[i + 1].header.base_offset)
            return model_fail(m, "epoch %" PRId32 " ends at %" PRId64 " says the log (epoch %" PRId32 "), not %" PRId64,
                              epoch, end, found, m->batches[i + 1].header.base_offset);
    }
    return true;
}

bool model_check_state(struct model *m, const struct log *log)
{
    struct producer_check check = {.model = m, .right = true};
    if (log_start_offset(log) != m->start || log_end_offset(log) != m->end)
        return model_fail(m, "the log is %" PRId64 "..%" PRId64 ", not %" PRId64 "..%" PRId64, log_start_offset(log),
                          log_end_offset(log), m->start, m->end);
    if (log_synced_end_offset(log) > m->end)
        return model_fail(m, "more is synced than there is");
    if (m->is_damaged) /* headers may not be what they were */
        return true;
    (void)log_list_producers(log, check_producer, &check);
    if (!check.right || !check_sequences(m) || !model_check_stable_end(m, log_stable_end_offset(log)))
        return false;
    size_t expected = count_producers(m);
    if (m->start == 0 ? check.count != expected : check.count < expected)
        return model_fail(m, "%zu producers are known, not %zu", check.count, expected);
    return check_epochs(m, log);
}
