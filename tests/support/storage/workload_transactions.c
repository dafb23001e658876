/* The oracle of transactions: which batches are decided, where the last stable offset is, and what a reader of what was
 * committed may see. */
#include "workload_model_private.h"

#include <inttypes.h>
#include <string.h>

/* ---- what the markers say ---- */

static bool is_of_transaction(const struct model_batch *batch, int64_t producer_id)
{
    return batch->header.producer_id == producer_id && batch_is_transactional(&batch->header) && !batch->is_marker;
}

void model_note_marker(struct model *m, size_t marker)
{
    int64_t id = m->batches[marker].header.producer_id;
    for (size_t i = marker; i-- > 0;) {
        struct model_batch *batch = &m->batches[i];
        if (batch->is_marker && batch->header.producer_id == id)
            break;
        if (is_of_transaction(batch, id)) {
            batch->is_decided = true;
            batch->is_aborted = !m->batches[marker].commits;
        }
    }
}

void model_judge_transactions(struct model *m)
{
    for (size_t i = 0; i < m->count; i++)
        m->batches[i].is_decided = m->batches[i].is_aborted = false;
    for (size_t i = 0; i < m->count; i++) {
        if (m->batches[i].is_marker)
            model_note_marker(m, i);
    }
}

static bool is_open(const struct model_batch *batch)
{
    return batch_is_transactional(&batch->header) && !batch->is_marker && !batch->is_decided;
}

/* A start takes the batches before the log's start from the model; the log may still know of their transactions. The
 * markers behind the start may have been lost, as may be those before it that were not synced. */
void model_forget_below(struct model *m, int64_t start)
{
    for (size_t i = 0; i < m->count && m->batches[i].header.base_offset < start; i++) {
        const struct model_batch *batch = &m->batches[i];
        if (!batch_has_producer(&batch->header))
            continue;
        bool *open = &m->open_below[batch->header.producer_id % MODEL_PRODUCERS];
        if (batch->is_marker)
            *open &= batch->header.base_offset >= m->durable_end; /* lost, if the log begins again behind it */
        else if (batch_is_transactional(&batch->header))
            *open = true;
    }
}

bool model_is_in_transaction(const struct model *m, int64_t producer_id)
{
    for (size_t i = m->count; i-- > 0;) {
        if (m->batches[i].header.producer_id == producer_id)
            return is_open(&m->batches[i]);
    }
    return m->open_below[producer_id % MODEL_PRODUCERS];
}

static bool has_marker(const struct model *m, size_t producer)
{
    for (size_t i = 0; i < m->count; i++) {
        if (m->batches[i].is_marker && (size_t)m->batches[i].header.producer_id % MODEL_PRODUCERS == producer)
            return true;
    }
    return false;
}

/* Where a transaction began below the log's start, the log need not remember. */
bool model_check_stable_end(struct model *m, int64_t stable_end)
{
    int64_t lowest = m->end, highest = m->end;
    for (size_t i = m->count; i-- > 0;) {
        if (!is_open(&m->batches[i]))
            continue;
        lowest = m->batches[i].header.base_offset;
        if (batch_last_offset(&m->batches[i].header) >= m->start)
            highest = lowest;
    }
    for (size_t i = 0; i < MODEL_PRODUCERS; i++)
        lowest = m->open_below[i] && !has_marker(m, i) ? m->start : lowest;
    lowest = lowest < m->start ? m->start : lowest;
    highest = highest < m->start ? m->start : highest;
    return (stable_end >= lowest && stable_end <= highest) ||
           model_fail(m, "the last stable offset is %" PRId64 ", not %" PRId64 " to %" PRId64, stable_end, lowest,
                      highest);
}

/* No marker is gone of which a batch is there; `bytes` are the whole log. */
bool model_check_markers(struct model *m, slice bytes)
{
    bool has_batch[MODEL_PRODUCERS] = {false};
    struct batch_header header = {.base_offset = -1};
    slice batch;
    int rc = 1;
    for (size_t i = 0; i < m->count; i++) {
        const struct batch_header *known = &m->batches[i].header;
        while (rc == 1 && header.base_offset < known->base_offset)
            rc = batch_next(&bytes, &header, &batch, NULL);
        bool is_there = rc == 1 && header.base_offset == known->base_offset;
        if (!batch_is_transactional(known) || known->base_offset < m->start)
            continue;
        bool *has = &has_batch[known->producer_id % MODEL_PRODUCERS];
        if (m->batches[i].is_marker && !is_there && *has)
            return model_fail(m, "the marker at %" PRId64 " is gone, a batch of its transaction is not",
                              known->base_offset);
        *has = !m->batches[i].is_marker && (*has || (is_there && header.producer_id >= 0));
    }
    return true;
}

/* ---- what a reader sees ---- */

/* As Kafka's clients do it (CompletedFetch): a producer's batches do not count from the first offset of its aborted
 * transaction on to the marker. */
struct committed_reader {
    const struct log_aborted *aborted;
    uint32_t count;
    bool skips[MODEL_PRODUCERS];
};

static void enter(struct committed_reader *to, int64_t from, int64_t last_offset)
{
    for (uint32_t i = 0; i < to->count; i++) {
        int64_t first = to->aborted[i].first_offset;
        if (first <= last_offset && first > from)
            to->skips[to->aborted[i].producer_id % MODEL_PRODUCERS] = true;
    }
}

bool model_check_committed(struct model *m, int64_t stable_end, slice bytes, const struct log_aborted *aborted,
                           uint32_t count)
{
    struct committed_reader committed = {.aborted = aborted, .count = count};
    struct batch_header header;
    slice batch;
    int64_t entered = -1;
    while (batch_next(&bytes, &header, &batch, NULL) == 1) {
        const struct model_batch *known = &m->batches[model_find_batch(m, header.base_offset)];
        if (header.base_offset >= stable_end)
            return model_fail(m, "a batch at %" PRId64 " is read as committed, stable to %" PRId64, header.base_offset,
                              stable_end);
        enter(&committed, entered, batch_last_offset(&header));
        entered = batch_last_offset(&header);
        if (!batch_has_producer(&header))
            continue;
        bool *skips = &committed.skips[header.producer_id % MODEL_PRODUCERS];
        if (batch_is_control(&header)) {
            *skips = *skips && (header.count == 0 || known->commits);
            continue;
        }
        bool is_seen = header.count > 0 && !(batch_is_transactional(&header) && *skips);
        if (is_seen && known->is_aborted)
            return model_fail(m, "an aborted batch is served at %" PRId64, header.base_offset);
        if (!is_seen && header.count > 0 && !known->is_aborted)
            return model_fail(m, "a committed batch is held back at %" PRId64, header.base_offset);
    }
    return true;
}
