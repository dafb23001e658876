#include "workload_model.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool model_fail(struct model *m, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(m->message, sizeof m->message, format, arguments);
    va_end(arguments);
    return false;
}

static void *grown(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return array;
    *capacity = *capacity * 2 + 16;
    void *bigger = realloc(array, *capacity * size);
    if (bigger == NULL)
        abort();
    return bigger;
}

void model_close(struct model *m)
{
    free(m->batches);
    free(m->failed);
}

void model_clear(struct model *m)
{
    m->count = 0;
    m->failed_count = 0;
    m->start = m->end = m->durable_end = 0;
}

void model_append(struct model *m, const struct batch_header *header)
{
    m->batches = grown(m->batches, m->count, &m->capacity, sizeof *m->batches);
    m->batches[m->count++] = (struct model_batch){*header, true};
    m->end = batch_last_offset(header) + 1;
}

void model_note_failed(struct model *m, const struct batch_header *header)
{
    m->failed = grown(m->failed, m->failed_count, &m->failed_capacity, sizeof *m->failed);
    m->failed[m->failed_count++] = *header;
}

/* The CRC covers all that a producer sends; its values differ from batch to batch. */
static bool same_content(const struct batch_header *a, const struct batch_header *b)
{
    return a->crc == b->crc && a->length == b->length;
}

static bool has_failed(const struct model *m, const struct batch_header *header)
{
    for (size_t i = 0; i < m->failed_count; i++) {
        if (same_content(&m->failed[i], header))
            return true;
    }
    return false;
}

/* The batch that holds the offset, or comes next; the count when there is none. */
static size_t find_batch(const struct model *m, int64_t offset)
{
    size_t i = 0;
    while (i < m->count && batch_last_offset(&m->batches[i].header) < offset)
        i++;
    return i;
}

bool model_check_read(struct model *m, int64_t offset, slice bytes)
{
    size_t i = find_batch(m, offset);
    struct batch_header header;
    slice batch;
    slice rest = bytes;
    while (batch_next(&rest, &header, &batch, NULL) == 1) {
        if (i == m->count)
            return model_fail(m, "read at %" PRId64 ": a batch at %" PRId64 " that was never appended", offset,
                              header.base_offset);
        const struct batch_header *expected = &m->batches[i++].header;
        if (header.base_offset != expected->base_offset || header.leader_epoch != expected->leader_epoch ||
            !same_content(&header, expected) || !batch_crc_matches(batch, &header))
            return model_fail(m, "read at %" PRId64 ": the batch at %" PRId64 " is not what was appended at %" PRId64,
                              offset, header.base_offset, expected->base_offset);
    }
    if (rest.size != 0)
        return model_fail(m, "read at %" PRId64 " ends in a part of a batch", offset);
    return true;
}

/* ---- after a crash ---- */

static bool check_one_recovered(struct model *m, const struct batch_header *header, slice batch, int64_t expected)
{
    if (header->base_offset != expected)
        return model_fail(m, "recovered: offset %" PRId64 " where %" PRId64 " should be", header->base_offset,
                          expected);
    if (!batch_crc_matches(batch, header))
        return model_fail(m, "recovered: the batch at %" PRId64 " is torn", header->base_offset);
    size_t i = find_batch(m, header->base_offset);
    bool is_known = i < m->count && m->batches[i].header.base_offset == header->base_offset &&
                    same_content(&m->batches[i].header, header);
    if (!is_known && !has_failed(m, header))
        return model_fail(m, "recovered: the batch at %" PRId64 " was never written there", header->base_offset);
    return true;
}

static bool check_nothing_missing(struct model *m, const struct model *found, int64_t promised)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct batch_header *header = &m->batches[i].header;
        if (batch_last_offset(header) >= promised || batch_last_offset(header) < found->start)
            continue;
        size_t j = find_batch(found, header->base_offset);
        if (j >= found->count || found->batches[j].header.base_offset != header->base_offset ||
            !same_content(&found->batches[j].header, header))
            return model_fail(m, "recovered: the acknowledged batch at %" PRId64 " (promised to %" PRId64 ") is lost",
                              header->base_offset, promised);
    }
    return true;
}

static bool check_no_twins(struct model *m, const struct model *found)
{
    for (size_t i = 0; i < found->count; i++) {
        for (size_t j = i + 1; j < found->count; j++) {
            if (same_content(&found->batches[i].header, &found->batches[j].header))
                return model_fail(m, "recovered: the batch at %" PRId64 " is there again at %" PRId64,
                                  found->batches[i].header.base_offset, found->batches[j].header.base_offset);
        }
    }
    return true;
}

bool model_check_recovered(struct model *m, const struct log *log, slice bytes, bool all_written)
{
    struct model found = {.start = log_start_offset(log), .end = log_start_offset(log)};
    struct batch_header header;
    slice batch;
    slice rest = bytes;
    int64_t expected = -1;
    bool right = true;
    while (right && batch_next(&rest, &header, &batch, NULL) == 1) {
        right = check_one_recovered(m, &header, batch, expected < 0 ? header.base_offset : expected);
        expected = batch_last_offset(&header) + 1;
        model_append(&found, &header);
    }
    if (right && rest.size != 0)
        right = model_fail(m, "recovered: a part of a batch at the end");
    if (right && found.count > 0 && found.end != log_end_offset(log))
        right = model_fail(m, "recovered: the end is %" PRId64 ", the last batch ends at %" PRId64, log_end_offset(log),
                           found.end);
    int64_t promised = all_written ? m->end : m->durable_end;
    right = right && check_nothing_missing(m, &found, promised) && check_no_twins(m, &found);
    if (right && promised > log_end_offset(log))
        right = model_fail(m, "recovered: ends at %" PRId64 ", promised to %" PRId64, log_end_offset(log), promised);
    if (right && found.count > 0 && found.batches[found.count - 1].header.leader_epoch >= log_leader_epoch(log))
        right = model_fail(m, "recovered: the leader epoch has not risen");

    free(m->batches);
    m->batches = found.batches;
    m->count = found.count;
    m->capacity = found.capacity;
    m->start = log_start_offset(log);
    m->end = log_end_offset(log);
    return right;
}

/* ---- producers and epochs ---- */

const struct batch_header *model_last_of(const struct model *m, int64_t producer_id)
{
    for (size_t i = m->count; i-- > 0;) {
        if (m->batches[i].header.producer_id == producer_id)
            return &m->batches[i].header;
    }
    return NULL;
}

struct producer_check {
    struct model *model;
    size_t count;
    bool right;
};

static int check_producer(void *context, const struct log_producer *producer)
{
    struct producer_check *check = context;
    const struct batch_header *last = model_last_of(check->model, producer->producer_id);
    check->count++;
    if (last == NULL && check->model->start > 0)
        return 0; /* its batches lie before the log's start */
    if (last == NULL)
        check->right =
            model_fail(check->model, "producer %" PRId64 " is known and has no batch", producer->producer_id);
    else if (producer->epoch != last->producer_epoch || producer->last_sequence != batch_last_sequence(last) ||
             producer->last_offset != batch_last_offset(last))
        check->right = model_fail(check->model,
                                  "producer %" PRId64 ": sequence %" PRId32 " at %" PRId64
                                  ", its last batch has %" PRId32 " at %" PRId64,
                                  producer->producer_id, producer->last_sequence, producer->last_offset,
                                  batch_last_sequence(last), batch_last_offset(last));
    return check->right ? 0 : 1;
}

static bool check_sequences(struct model *m)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct batch_header *header = &m->batches[i].header;
        if (!batch_has_producer(header))
            continue;
        for (size_t j = i + 1; j < m->count; j++) {
            const struct batch_header *next = &m->batches[j].header;
            if (next->producer_id != header->producer_id)
                continue;
            int32_t expected = next->producer_epoch == header->producer_epoch
                                   ? (int32_t)(((uint32_t)batch_last_sequence(header) + 1) & INT32_MAX)
                                   : 0;
            if (next->base_sequence != expected)
                return model_fail(m, "producer %" PRId64 ": sequence %" PRId32 " at %" PRId64 ", not %" PRId32,
                                  next->producer_id, next->base_sequence, next->base_offset, expected);
            break;
        }
    }
    return true;
}

static bool check_epochs(struct model *m, const struct log *log)
{
    for (size_t i = 0; i + 1 < m->count; i++) {
        int32_t epoch = m->batches[i].header.leader_epoch;
        int32_t next = m->batches[i + 1].header.leader_epoch;
        int32_t found;
        int64_t end;
        if (next < epoch)
            return model_fail(m, "the leader epoch goes back at %" PRId64, m->batches[i + 1].header.base_offset);
        if (next == epoch || m->batches[i + 1].header.base_offset < m->start) /* forgotten with the front */
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
    if (log_start_offset(log) != m->start || log_end_offset(log) != m->end)
        return model_fail(m, "the log is %" PRId64 "..%" PRId64 ", not %" PRId64 "..%" PRId64, log_start_offset(log),
                          log_end_offset(log), m->start, m->end);
    if (log_synced_end_offset(log) > m->end)
        return model_fail(m, "more is synced than there is");
    struct producer_check check = {.model = m, .right = true};
    (void)log_list_producers(log, check_producer, &check);
    size_t expected = 0;
    for (size_t i = 0; i < m->count; i++)
        expected += batch_has_producer(&m->batches[i].header) &&
                    model_last_of(m, m->batches[i].header.producer_id) == &m->batches[i].header;
    if (check.right && (m->start == 0 ? check.count != expected : check.count < expected))
        return model_fail(m, "%zu producers are known, not %zu", check.count, expected);
    return check.right && check_sequences(m) && check_epochs(m, log);
}

/* ---- time ---- */

/* Records of a batch stand 1 ms apart. */
static int64_t record_timestamp(const struct batch_header *header, int64_t offset)
{
    return header->base_timestamp + (offset - header->base_offset);
}

bool model_check_found(struct model *m, int64_t timestamp, int64_t offset, int64_t found_timestamp)
{
    int64_t best = -1;
    int64_t best_timestamp = -1;
    for (size_t i = 0; i < m->count; i++) {
        const struct batch_header *header = &m->batches[i].header;
        for (int64_t at = header->base_offset; at <= batch_last_offset(header); at++) {
            int64_t is = record_timestamp(header, at);
            bool better = timestamp == LOG_FIND_MAX_TIMESTAMP ? is > best_timestamp : best < 0 && is >= timestamp;
            if (at >= m->start && better) {
                best = at;
                best_timestamp = is;
            }
        }
    }
    if (offset != best || found_timestamp != best_timestamp)
        return model_fail(
            m, "the record for %" PRId64 " is %" PRId64 " (%" PRId64 "), the log says %" PRId64 " (%" PRId64 ")",
            timestamp, best, best_timestamp, offset, found_timestamp);
    return true;
}
