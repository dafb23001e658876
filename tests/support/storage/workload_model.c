#include "workload_model_private.h"

#include "batch_iterator.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_KEYS 64

bool model_fail(struct model *m, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(m->message, sizeof m->message, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- what was appended ---- */

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
    for (size_t i = 0; i < m->count; i++)
        free(m->batches[i].records);
    for (size_t i = 0; i < m->failed_count; i++)
        free(m->failed[i].records);
    free(m->batches);
    free(m->failed);
}

void model_clear(struct model *m)
{
    uint32_t keep = m->keep;
    model_close(m);
    memset(m, 0, sizeof *m);
    m->keep = keep;
}

void model_append(struct model *m, struct model_batch *batch)
{
    m->batches = grown(m->batches, m->count, &m->capacity, sizeof *m->batches);
    m->batches[m->count++] = *batch;
    m->end = batch_last_offset(&batch->header) + 1;
    if (batch->is_marker)
        model_note_marker(m, m->count - 1);
    batch->records = NULL;
}

void model_note_failed(struct model *m, struct model_batch *batch)
{
    m->failed = grown(m->failed, m->failed_count, &m->failed_capacity, sizeof *m->failed);
    m->failed[m->failed_count++] = *batch;
    batch->records = NULL;
}

bool model_find_producer(const struct model *m, int64_t producer_id, int16_t *epoch, const struct batch_header **last)
{
    bool found = false;
    *last = NULL;
    for (size_t i = m->count; i-- > 0;) {
        const struct model_batch *batch = &m->batches[i];
        if (batch->header.producer_id != producer_id)
            continue;
        if (found && batch->header.producer_epoch != *epoch)
            return true;
        found = true;
        *epoch = batch->header.producer_epoch;
        if (!batch->is_marker) {
            *last = &batch->header;
            return true;
        }
    }
    return found;
}

int64_t model_last_offset_of(const struct model *m, int64_t producer_id)
{
    for (size_t i = m->count; i-- > 0;) {
        if (m->batches[i].header.producer_id == producer_id)
            return batch_last_offset(&m->batches[i].header);
    }
    return -1;
}

/* ---- what compaction may drop ---- */

struct seen_key {
    uint64_t key;
    uint32_t later; /* records of it */
    bool is_deleted;
};

static struct seen_key *find_key(struct seen_key seen[MAX_KEYS], uint64_t key)
{
    size_t i = 0;
    while (seen[i].key != 0 && seen[i].key != key) {
        if (++i == MAX_KEYS)
            abort();
    }
    seen[i].key = key;
    return &seen[i];
}

static int64_t offset_of(const struct model_batch *batch, const struct model_record *record)
{
    return batch->header.base_offset + record->place;
}

static void note_record(struct model *m, struct model_record *record, struct seen_key *seen, int64_t now,
                        int64_t delete_retention_ms)
{
    record->is_superseded = seen->is_deleted || seen->later >= m->keep;
    record->may_go = record->is_superseded || (record->is_tombstone && record->horizon <= now) || record->may_go;
    if (record->is_tombstone && record->horizon == INT64_MAX)
        record->horizon = now + delete_retention_ms;
    seen->later++;
    seen->is_deleted |= record->is_tombstone;
}

/* When its transaction has nothing left. */
static void note_marker(struct model_record *record, int64_t now, int64_t delete_retention_ms)
{
    record->may_go |= record->horizon <= now;
    if (record->horizon == INT64_MAX)
        record->horizon = now + delete_retention_ms;
}

void model_note_compaction(struct model *m, int64_t end, int64_t now, int64_t delete_retention_ms)
{
    struct seen_key seen[MAX_KEYS] = {{0}};
    if (end > m->cleaned_to)
        m->cleaned_to = end;
    for (size_t i = m->count; i-- > 0;) {
        struct model_batch *batch = &m->batches[i];
        for (int32_t j = batch->header.count; j-- > 0;) {
            struct model_record *record = &batch->records[j];
            if (batch->header.base_offset >= m->cleaned_to)
                continue;
            if (batch->is_aborted)
                record->may_go = record->is_superseded = true;
            else if (batch->is_marker)
                note_marker(record, now, delete_retention_ms);
            else if (record->key != 0 && offset_of(batch, record) < m->cleaned_to)
                note_record(m, record, find_key(seen, record->key), now, delete_retention_ms);
        }
    }
}

bool model_may_be_missing(const struct model *m, const struct model_batch *batch, int64_t offset)
{
    if (batch->is_damaged)
        return true;
    if (offset < m->start)
        offset = m->start;
    for (int32_t i = 0; i < batch->header.count; i++) {
        if (!batch->records[i].may_go && offset_of(batch, &batch->records[i]) >= offset)
            return false;
    }
    return true;
}

/* ---- one batch ---- */

uint64_t model_record_hash(const struct record *record)
{
    uint64_t hash = 14695981039346656037U;
    const slice parts[] = {record->key, record->value, record->headers};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        hash = (hash ^ (parts[i].size + slice_is_null(parts[i]))) * 1099511628211U;
        for (size_t at = 0; at < parts[i].size; at++)
            hash = (hash ^ parts[i].data[at]) * 1099511628211U;
    }
    return (hash ^ (uint64_t)record->timestamp) * 1099511628211U;
}

/* The CRC covers all that a producer sends; the content differs from batch to batch. */
bool model_same_content(const struct batch_header *a, const struct batch_header *b)
{
    return a->crc == b->crc && a->length == b->length;
}

static bool same_frame(const struct batch_header *a, const struct batch_header *b)
{
    if (a->count == 0 && a->producer_id < 0 && batch_is_transactional(b)) /* only its offsets are kept */
        return a->last_offset_delta == b->last_offset_delta && a->leader_epoch == b->leader_epoch;
    return a->last_offset_delta == b->last_offset_delta && a->producer_id == b->producer_id &&
           a->producer_epoch == b->producer_epoch && a->base_sequence == b->base_sequence &&
           a->leader_epoch == b->leader_epoch && (a->count == 0 || batch_codec(a) == batch_codec(b));
}

/* A batch that compaction has written anew: what is in it was appended, what is not could go. */
static bool check_rewritten(struct model *m, const struct model_batch *expected, const struct batch_header *header,
                            slice batch)
{
    struct memory memory;
    struct batch_iterator it;
    struct record record;
    int64_t base = header->base_offset;
    int32_t place = 0;
    bool right = true;
    if (m->keep == 0 || base >= m->cleaned_to)
        return model_fail(m, "the batch at %" PRId64 " is not what was appended", base);
    if (!same_frame(header, &expected->header) && !expected->is_damaged)
        return model_fail(m, "the batch at %" PRId64 " has another header than before it was compacted", base);
    memory_init(&memory);
    if (batch_iterator_open(&it, batch, &memory, SIZE_MAX, NULL) != 0)
        return model_fail(m, "the compacted batch at %" PRId64 " cannot be read", base);
    while (right && batch_iterator_next(&it, &record, NULL) == 1) {
        for (; right && place < record.offset - base; place++)
            right = expected->records[place].may_go || base + place < m->start ||
                    model_fail(m, "the record at %" PRId64 " was dropped", base + place);
        if (right && (place >= expected->header.count || model_record_hash(&record) != expected->records[place].hash))
            right = model_fail(m, "the record at %" PRId64 " is not what was appended", record.offset);
        place++;
    }
    if (right && (it.status != 0 || it.index != header->count))
        right = model_fail(m, "the compacted batch at %" PRId64 " is malformed", base);
    for (; right && place < expected->header.count; place++)
        right = expected->records[place].may_go || base + place < m->start ||
                model_fail(m, "the record at %" PRId64 " was dropped", base + place);
    batch_iterator_close(&it);
    return right;
}

bool model_check_batch(struct model *m, const struct model_batch *expected, const struct batch_header *header,
                       slice batch)
{
    if (!batch_crc_matches(batch, header))
        return model_fail(m, "the CRC of the batch at %" PRId64 " is wrong", header->base_offset);
    if (!model_same_content(header, &expected->header))
        return check_rewritten(m, expected, header, batch);
    return header->leader_epoch == expected->header.leader_epoch ||
           expected->is_damaged || /* the CRC does not cover it */
           model_fail(m, "the batch at %" PRId64 " has epoch %" PRId32 ", not %" PRId32, header->base_offset,
                      header->leader_epoch, expected->header.leader_epoch);
}

size_t model_find_batch(const struct model *m, int64_t offset)
{
    size_t low = 0, high = m->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (batch_last_offset(&m->batches[middle].header) < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Where compaction has left a gap beside it, the offsets of that count too: nobody knows what the damaged batch held.
 */
int64_t model_skip_damage(const struct model *m, int64_t offset)
{
    size_t i = model_find_batch(m, offset);
    if (i == m->count)
        return -1;
    int64_t next = batch_last_offset(&m->batches[i].header) + 1;
    for (size_t j = i; j < m->count && model_may_be_missing(m, &m->batches[j], m->start); j++) {
        if (m->batches[j].is_damaged)
            return batch_last_offset(&m->batches[j].header) + 1;
    }
    for (size_t j = i + 1; j-- > 0 && model_may_be_missing(m, &m->batches[j], m->start);) {
        if (m->batches[j].is_damaged)
            return next;
    }
    return -1;
}

/* ---- reading ---- */

/* All batches from *i on that lie before `end`. */
static bool check_missing(struct model *m, size_t *i, int64_t offset, int64_t end)
{
    for (; *i < m->count && batch_last_offset(&m->batches[*i].header) < end; ++*i) {
        if (!model_may_be_missing(m, &m->batches[*i], offset))
            return model_fail(m, "read at %" PRId64 ": the batch at %" PRId64 " is missing", offset,
                              m->batches[*i].header.base_offset);
    }
    return true;
}

bool model_check_read(struct model *m, int64_t offset, int64_t end, slice bytes, int64_t *next)
{
    size_t i = model_find_batch(m, offset);
    struct batch_header header;
    slice batch;
    slice rest = bytes;
    *next = bytes.size == 0 ? end : offset;
    if (bytes.size == 0)
        return check_missing(m, &i, offset, end);
    while (batch_next(&rest, &header, &batch, NULL) == 1) {
        if (!check_missing(m, &i, offset, header.base_offset))
            return false;
        if (i == m->count || m->batches[i].header.base_offset != header.base_offset)
            return model_fail(m, "read at %" PRId64 ": a batch at %" PRId64 " that was never appended", offset,
                              header.base_offset);
        if (!model_check_batch(m, &m->batches[i++], &header, batch))
            return false;
        *next = batch_last_offset(&header) + 1;
    }
    return rest.size == 0 || model_fail(m, "read at %" PRId64 " ends in a part of a batch", offset);
}

bool model_check_compacted(struct model *m, int64_t end, slice bytes)
{
    struct memory memory;
    struct batch_header header;
    struct batch_iterator it;
    struct record record;
    slice batch;
    bool right = true;
    memory_init(&memory);
    while (right && batch_next(&bytes, &header, &batch, NULL) == 1) {
        const struct model_batch *known = &m->batches[model_find_batch(m, header.base_offset)];
        if (batch_iterator_open(&it, batch, &memory, SIZE_MAX, NULL) != 0)
            return model_fail(m, "the batch at %" PRId64 " cannot be read", header.base_offset);
        while (right && batch_iterator_next(&it, &record, NULL) == 1)
            right = record.offset >= end || record.offset < m->start ||
                    !known->records[record.offset - header.base_offset].is_superseded ||
                    model_fail(m, "compacted to %" PRId64 ", and the record at %" PRId64 " is still there", end,
                               record.offset);
        batch_iterator_close(&it);
    }
    return right;
}

/* ---- time ---- */

bool model_check_found(struct model *m, int64_t timestamp, int64_t end, int64_t offset, int64_t found_timestamp)
{
    bool latest = timestamp == LOG_FIND_MAX_TIMESTAMP;
    bool is_known = offset < 0;
    for (size_t i = model_find_batch(m, m->start); i < m->count; i++) {
        for (int32_t j = 0; j < m->batches[i].header.count; j++) {
            const struct model_record *record = &m->batches[i].records[j];
            int64_t at = offset_of(&m->batches[i], record);
            if (at < m->start || at >= end)
                continue;
            if (at == offset && record->timestamp == found_timestamp && (latest || found_timestamp >= timestamp))
                is_known = true;
            bool better =
                latest ? record->timestamp > found_timestamp || (record->timestamp == found_timestamp && at < offset)
                       : record->timestamp >= timestamp && (offset < 0 || at < offset);
            if (better && !record->may_go)
                return model_fail(m,
                                  "the record for %" PRId64 " is %" PRId64 " (%" PRId64 "), the log says %" PRId64
                                  " (%" PRId64 ")",
                                  timestamp, at, record->timestamp, offset, found_timestamp);
        }
    }
    return is_known || model_fail(m, "searching %" PRId64 " finds %" PRId64 " (%" PRId64 "), which is no record",
                                  timestamp, offset, found_timestamp);
}
