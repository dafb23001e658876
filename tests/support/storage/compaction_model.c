#include "compaction_model.h"

#include "batch_iterator.h"
#include "simulated_disk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool compaction_model_fail(struct compaction_model *m, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (m->message[0] == '\0')
        vsnprintf(m->message, sizeof m->message, format, arguments);
    va_end(arguments);
    return false;
}

void compaction_model_init(struct compaction_model *m, uint64_t seed)
{
    *m = (struct compaction_model){.random = {seed}, .buffer = 1 << 20, .budget = 1 << 20};
    log_fixture_init(&m->f, seed);
    m->config = (struct compaction_config){.delete_retention_ms = 1000, .keep = 1, .prefix = MODEL_PREFIX_BYTES};
    m->config.header = slice_of_text(MODEL_HEADER);
    for (size_t i = 0; i < sizeof m->config.secret; i++)
        m->config.secret[i] = (uint8_t)random_next(&m->random);
    for (int i = 0; i < 4; i++)
        m->producers[i] = -1;
}

bool compaction_model_close(struct compaction_model *m)
{
    free(m->records);
    free(m->batches);
    bool same = log_fixture_close(&m->f);
    return (same || compaction_model_fail(m, "memory was not given back")) && m->message[0] == '\0';
}

/* ---- writing ---- */

static struct model_record *add_record(struct compaction_model *m)
{
    if (m->record_count == m->record_capacity) {
        m->record_capacity = m->record_capacity * 2 + 64;
        m->records = realloc(m->records, m->record_capacity * sizeof *m->records);
        if (m->records == NULL)
            abort();
    }
    return &m->records[m->record_count++];
}

static struct model_batch *add_batch(struct compaction_model *m)
{
    if (m->batch_count == m->batch_capacity) {
        m->batch_capacity = m->batch_capacity * 2 + 64;
        m->batches = realloc(m->batches, m->batch_capacity * sizeof *m->batches);
        if (m->batches == NULL)
            abort();
    }
    return &m->batches[m->batch_count++];
}

/* Lengths from 6 to 35, so that each form of the hash is met. */
static slice key_text(int32_t key, char text[64])
{
    int length = snprintf(text, 64, "%06d%.*s", key, key % 30, "abcdefghijklmnopqrstuvwxyz0123456789");
    return slice_of(text, (size_t)length);
}

static slice value_of(uint64_t content, uint32_t most, uint8_t bytes[1024])
{
    struct seeded_random random = {content};
    uint32_t size = (uint32_t)random_below(&random, (most < 1024 ? most : 1023) + 1);
    for (uint32_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(random_next(&random) % 7);
    return slice_of(bytes, size);
}

static void add_to_builder(struct compaction_model *m, struct batch_builder *b, const struct model_record *record,
                           uint32_t value_size)
{
    char text[64];
    uint8_t bytes[1024];
    slice number = record->key != MODEL_NO_KEY ? key_text(record->key, text) : NULL_SLICE;
    slice value = record->tombstone ? NULL_SLICE : value_of(record->content, value_size, bytes);
    if (m->config.key == COMPACTION_RECORD_KEY) {
        batch_builder_add(b, record->timestamp, number, value);
    } else if (m->config.key == COMPACTION_PREFIX) {
        char longer[64];
        snprintf(longer, sizeof longer, "%.*s-%u", MODEL_PREFIX_BYTES, text, (unsigned)(record->content % 100));
        slice key = record->key != MODEL_NO_KEY ? slice_of_text(longer) : slice_of_text("short");
        batch_builder_add(b, record->timestamp, key, value);
    } else {
        struct record_header headers[3] = {{slice_of_text("other"), slice_of_text("x")},
                                           {slice_of_text(MODEL_HEADER), slice_of_text("first of two")},
                                           {slice_of_text(MODEL_HEADER), number}};
        batch_builder_add_with_headers(b, record->timestamp, slice_of_text("k"), value, headers,
                                       record->key != MODEL_NO_KEY ? 3 : 1);
    }
}

static struct log_append *append_of(struct compaction_model *m, const writer *w)
{
    struct log_append *append = memory_alloc_zeroed(&m->f.memory, MEMORY_REQUESTS, sizeof *append);
    append->batch = memory_alloc(&m->f.memory, MEMORY_REQUESTS, w->size);
    append->size = w->size;
    memcpy(append->batch, w->data, w->size);
    if (batch_parse_header(writer_slice(w), &append->header, NULL) != 0)
        abort();
    return append;
}

static struct log_append *make_append(struct compaction_model *m, const struct model_batch_plan *plan)
{
    struct batch_options options = BATCH_OPTIONS_PLAIN;
    struct batch_builder builder;
    writer w;
    options.codec = plan->codec;
    options.level = codec_default_level(plan->codec);
    options.attributes = plan->attributes;
    if (plan->producer >= 0) {
        options.producer_id = 1000 + plan->producer;
        options.producer_epoch = 0;
        options.base_sequence = m->sequences[plan->producer];
    }
    writer_init(&w, &m->f.memory, MEMORY_REQUESTS, SIZE_MAX);
    batch_builder_open(&builder, &w, &options);
    for (int32_t i = 0; i < plan->records; i++) {
        struct model_record *record = add_record(m);
        *record = (struct model_record){
            .offset = i,
            .timestamp = m->f.now + (int64_t)random_below(&m->random, 50) - 20,
            .content = random_next(&m->random),
            .horizon = -1,
            .key = random_chance(&m->random, plan->keyless_percent)
                       ? MODEL_NO_KEY
                       : (int32_t)random_below(&m->random, (uint64_t)plan->keys),
            .batch = (uint32_t)m->batch_count,
            .tombstone = random_chance(&m->random, plan->tombstone_percent),
        };
        add_to_builder(m, &builder, record, plan->value_size);
    }
    struct log_append *append = NULL;
    if (batch_builder_close(&builder, &m->f.error) == 0) {
        if (plan->append_time)
            batch_stamp_log_append_time(w.data, w.size, m->f.now);
        append = append_of(m, &w);
    }
    writer_close(&w);
    return append;
}

static bool append_batch(struct compaction_model *m, struct log_append *append, size_t before, bool append_time)
{
    int rc = log_fixture_append_queue(&m->f, append, false);
    struct batch_header header;
    if (rc == 0)
        rc = append->status;
    if (rc == 0)
        rc = batch_parse_header(slice_of(append->batch, append->size), &header, NULL);
    test_append_free(&m->f.memory, append);
    if (rc != 0) {
        m->record_count = before;
        return compaction_model_fail(m, "append: %d", rc);
    }
    for (size_t i = before; i < m->record_count; i++) {
        m->records[i].offset += header.base_offset;
        if (append_time)
            m->records[i].timestamp = header.max_timestamp;
    }
    add_batch(m)->header = header;
    return true;
}

bool compaction_model_append(struct compaction_model *m, const struct model_batch_plan *plan)
{
    size_t before = m->record_count;
    struct log_append *append = make_append(m, plan);
    if (append == NULL)
        return compaction_model_fail(m, "no batch: %s", m->f.error.message);
    if (!append_batch(m, append, before, plan->append_time))
        return false;
    if (plan->producer >= 0) {
        m->producers[plan->producer] = batch_last_offset(&m->batches[m->batch_count - 1].header);
        m->sequences[plan->producer] += plan->records;
    }
    return true;
}

/* ---- running ---- */

static bool is_kept_whole(const struct compaction_model *m, const struct model_record *record)
{
    const struct batch_header *header = &m->batches[record->batch].header;
    return batch_is_control(header) || batch_is_transactional(header);
}

void compaction_model_apply(const struct compaction_model *m, struct model_record *records, int64_t end)
{
    bool kept_whole = false;
    for (size_t i = 0; i < m->record_count; i++)
        kept_whole |= records[i].offset < end && is_kept_whole(m, &records[i]);
    uint32_t *later = calloc(1 << 20, sizeof *later);
    bool *removed = calloc(1 << 20, sizeof *removed);
    for (size_t i = m->record_count; i-- > 0;) {
        struct model_record *record = &records[i];
        if (record->gone || record->offset >= end || record->key == MODEL_NO_KEY || is_kept_whole(m, record))
            continue;
        record->gone = removed[record->key] || later[record->key] >= m->config.keep;
        later[record->key]++;
        removed[record->key] |= record->tombstone;
    }
    for (size_t i = 0; i < m->record_count; i++) {
        struct model_record *record = &records[i];
        if (record->gone || record->offset >= end || !record->tombstone || record->key == MODEL_NO_KEY ||
            is_kept_whole(m, record))
            continue;
        if (record->horizon < 0)
            record->horizon = m->f.now + m->config.delete_retention_ms;
        else if (record->horizon <= m->f.now && !kept_whole)
            record->gone = true;
    }
    free(later);
    free(removed);
}

struct compaction_bounds compaction_model_bounds(const struct compaction_model *m)
{
    return (struct compaction_bounds){m->cleaned_end, log_synced_end_offset(m->f.log)};
}

int compaction_model_run_once(struct compaction_model *m)
{
    struct log_compaction *run;
    struct compaction_bounds bounds = compaction_model_bounds(m);
    m->result = (struct compaction_result){.cleaned_end = m->cleaned_end};
    struct compaction_look look;
    m->f.opening.recovery_point = bounds.recovery_point;
    log_compaction_look(m->f.log, &m->config, &bounds, m->f.now, &look);
    m->run_end = look.first_uncleanable;
    int rc = log_compaction_begin(m->f.log, &m->config, &bounds, m->f.now, m->buffer, &run, &m->f.error);
    if (rc != 0 || run == NULL)
        return rc;
    do {
        log_compaction_execute(run, m->budget);
        rc = log_compaction_step(m->f.log, run, &m->f.error);
    } while (rc == 1);
    log_compaction_end(m->f.log, run, &m->result);
    return rc;
}

bool compaction_model_run(struct compaction_model *m)
{
    struct compaction_look look;
    if (log_fixture_sync(&m->f) != 0)
        return compaction_model_fail(m, "sync: %s", m->f.error.message);
    struct compaction_bounds bounds = compaction_model_bounds(m);
    log_compaction_look(m->f.log, &m->config, &bounds, m->f.now, &look);
    int rc = compaction_model_run_once(m);
    if (rc != 0)
        return compaction_model_fail(m, "run: %d %s", rc, m->f.error.message);
    if (look.dirty_bytes == 0)
        return true;
    if (m->result.cleaned_end != look.first_uncleanable)
        return compaction_model_fail(m, "cleaned to %" PRId64 ", not to %" PRId64, m->result.cleaned_end,
                                     look.first_uncleanable);
    m->cleaned_end = m->result.cleaned_end;
    compaction_model_apply(m, m->records, m->cleaned_end);
    return true;
}

/* ---- checking ---- */

static struct model_record *find_record(struct compaction_model *m, int64_t offset)
{
    size_t low = 0;
    size_t high = m->record_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (m->records[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < m->record_count && m->records[low].offset == offset ? &m->records[low] : NULL;
}

static bool check_record(struct compaction_model *m, const struct record *found, uint8_t *seen)
{
    uint8_t bytes[1024];
    struct model_record *record = find_record(m, found->offset);
    if (record == NULL)
        return compaction_model_fail(m, "offset %" PRId64 " was never written", found->offset);
    seen[record - m->records] = 1;
    if (found->timestamp != record->timestamp)
        return compaction_model_fail(m, "offset %" PRId64 ": timestamp %" PRId64 ", not %" PRId64, found->offset,
                                     found->timestamp, record->timestamp);
    if (slice_is_null(found->value) != record->tombstone)
        return compaction_model_fail(m, "offset %" PRId64 ": value is or is not null", found->offset);
    slice value = value_of(record->content, 1023, bytes);
    size_t same = value.size < found->value.size ? value.size : found->value.size;
    if (!record->tombstone && same > 0 && memcmp(value.data, found->value.data, same) != 0)
        return compaction_model_fail(m, "offset %" PRId64 ": another value", found->offset);
    return true;
}

static const struct batch_header *find_batch(const struct compaction_model *m, int64_t base_offset)
{
    for (size_t low = 0, high = m->batch_count; low < high;) {
        size_t middle = low + (high - low) / 2;
        const struct batch_header *header = &m->batches[middle].header;
        if (header->base_offset == base_offset)
            return header;
        if (header->base_offset < base_offset)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool check_header(struct compaction_model *m, slice batch, const struct batch_header *found)
{
    const struct batch_header *header = find_batch(m, found->base_offset);
    if (!batch_crc_matches(batch, found))
        return compaction_model_fail(m, "batch %" PRId64 ": the CRC is wrong", found->base_offset);
    if (header == NULL)
        return compaction_model_fail(m, "batch %" PRId64 " was never written", found->base_offset);
    int kept = ~(BATCH_CODEC_MASK | BATCH_DELETE_HORIZON);
    if (found->last_offset_delta != header->last_offset_delta || found->producer_id != header->producer_id ||
        found->producer_epoch != header->producer_epoch || found->base_sequence != header->base_sequence ||
        found->leader_epoch != header->leader_epoch || (found->attributes & kept) != (header->attributes & kept) ||
        (found->count > 0 && batch_codec(found) != batch_codec(header)))
        return compaction_model_fail(m, "batch %" PRId64 " is not what it was", found->base_offset);
    return true;
}

static bool check_batch(struct compaction_model *m, slice batch, const struct batch_header *header, uint8_t *seen)
{
    struct batch_iterator it;
    struct record record;
    int64_t largest = -1;
    int rc = batch_iterator_open(&it, batch, &m->f.memory, SIZE_MAX, &m->f.error);
    if (!check_header(m, batch, header) || rc != 0)
        return compaction_model_fail(m, "batch %" PRId64 ": %s", header->base_offset, m->f.error.message);
    bool right = true;
    while (right && (rc = batch_iterator_next(&it, &record, &m->f.error)) == 1) {
        largest = record.timestamp > largest ? record.timestamp : largest;
        right = check_record(m, &record, seen);
    }
    batch_iterator_close(&it);
    if (rc < 0)
        return compaction_model_fail(m, "batch %" PRId64 ": %s", header->base_offset, m->f.error.message);
    if (right && header->count > 0 && largest != header->max_timestamp)
        return compaction_model_fail(m, "batch %" PRId64 ": largest timestamp %" PRId64 ", not %" PRId64,
                                     header->base_offset, header->max_timestamp, largest);
    return right;
}

/* seen[i] of each record that is there. */
static bool read_log(struct compaction_model *m, uint8_t *seen)
{
    uint8_t *bytes;
    size_t size;
    bool producers[4] = {false, false, false, false};
    uint32_t step = 1 + (uint32_t)random_below(&m->random, 20000);
    int rc = log_fixture_read_all(&m->f, log_start_offset(m->f.log), step, &bytes, &size);
    if (rc != 0)
        return compaction_model_fail(m, "reading all: %d", rc);
    slice rest = slice_of(bytes, size);
    struct batch_header header;
    slice batch;
    int64_t next = 0;
    bool right = true;
    while (right && batch_next(&rest, &header, &batch, &m->f.error) == 1) {
        right = header.base_offset >= next ||
                compaction_model_fail(m, "batch %" PRId64 " comes too late", header.base_offset);
        next = batch_last_offset(&header) + 1;
        right = right && check_batch(m, batch, &header, seen);
        for (int i = 0; i < 4; i++)
            producers[i] |= next - 1 == m->producers[i];
    }
    memory_free(&m->f.memory, MEMORY_REQUESTS, bytes, size);
    for (int i = 0; i < 4 && right; i++) {
        if (m->producers[i] >= 0 && !producers[i])
            right = compaction_model_fail(m, "producer %d's last batch is gone", i);
    }
    return right;
}

bool compaction_model_check(struct compaction_model *m)
{
    uint8_t *seen = calloc(m->record_count + 1, 1);
    bool right = read_log(m, seen);
    for (size_t i = 0; i < m->record_count && right; i++) {
        if (seen[i] != !m->records[i].gone)
            right = compaction_model_fail(m, "offset %" PRId64 " key %" PRId32 " is %s", m->records[i].offset,
                                          m->records[i].key, seen[i] ? "there" : "gone");
    }
    free(seen);
    return right;
}

/* By the last record of a key; a tombstone is the same as none. */
static bool same_state(struct compaction_model *m, const uint8_t *seen)
{
    bool *done = calloc(1 << 20, sizeof *done);
    bool *seen_done = calloc(1 << 20, sizeof *seen_done);
    bool right = true;
    for (size_t i = m->record_count; i-- > 0 && right;) {
        const struct model_record *record = &m->records[i];
        if (record->key == MODEL_NO_KEY || is_kept_whole(m, record))
            continue;
        bool is_last = !done[record->key];
        done[record->key] = true;
        if (!seen[i])
            continue;
        if (!seen_done[record->key] && !is_last && !record->tombstone)
            right = compaction_model_fail(m, "key %" PRId32 " has come back at %" PRId64, record->key, record->offset);
        seen_done[record->key] = true;
    }
    free(done);
    free(seen_done);
    return right;
}

bool compaction_model_check_interrupted(struct compaction_model *m)
{
    uint8_t *seen = calloc(m->record_count + 1, 1);
    struct model_record *after = malloc((m->record_count + 1) * sizeof *after);
    memcpy(after, m->records, m->record_count * sizeof *after);
    compaction_model_apply(m, after, m->run_end);
    bool right = read_log(m, seen);
    for (size_t i = 0; i < m->record_count && right; i++) {
        if (!seen[i] && !after[i].gone)
            right =
                compaction_model_fail(m, "offset %" PRId64 " key %" PRId32 " is lost", after[i].offset, after[i].key);
        if (seen[i] && m->records[i].gone)
            right =
                compaction_model_fail(m, "offset %" PRId64 " key %" PRId32 " is back", after[i].offset, after[i].key);
    }
    right = right && same_state(m, seen);
    for (size_t i = 0; i < m->record_count; i++)
        m->records[i].gone |= !seen[i];
    free(after);
    free(seen);
    return right;
}
