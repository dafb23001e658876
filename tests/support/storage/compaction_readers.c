/* Readers beside a run: reads and searches by time begin, are executed and end at any point of it. */
#include "compaction_model.h"
#include "simulated_disk.h"

#include "batch_iterator.h"

#include <inttypes.h>
#include <stdlib.h>

#define READERS 4

enum stage { IDLE, BEGUN, EXECUTED };

struct readers {
    struct compaction_model *m;
    const struct model_record *after; /* what the run leaves, of m->records */
    struct log_read reads[READERS];
    enum stage stages[READERS];
    struct log_find *find;
    int64_t find_timestamp;
    enum stage find_stage;
    uint32_t count;
};

/* The first record at or after `offset` that stays. */
static int64_t next_that_stays(const struct readers *r, int64_t offset)
{
    for (size_t i = 0; i < r->m->record_count; i++) {
        if (r->after[i].offset >= offset && !r->after[i].gone)
            return r->after[i].offset;
    }
    return INT64_MAX;
}

/* From the first batch on, none that stays is stepped over. */
static bool check_bytes(struct readers *r, int64_t offset, slice rest)
{
    struct batch_header header;
    slice batch;
    int64_t expected = next_that_stays(r, offset);
    int64_t next = offset;
    while (batch_next(&rest, &header, &batch, NULL) == 1) {
        struct batch_iterator it;
        struct record record;
        if (!batch_crc_matches(batch, &header) || batch_last_offset(&header) < next)
            return compaction_model_fail(r->m, "read at %" PRId64 ": wrong bytes", offset);
        next = batch_last_offset(&header) + 1;
        if (batch_iterator_open(&it, batch, &r->m->f.memory, SIZE_MAX, NULL) != 0)
            return compaction_model_fail(r->m, "read at %" PRId64 ": no batch", offset);
        while (batch_iterator_next(&it, &record, NULL) == 1) {
            if (record.offset > expected && record.offset >= offset) {
                batch_iterator_close(&it);
                return compaction_model_fail(r->m, "read at %" PRId64 " misses %" PRId64, offset, expected);
            }
            if (record.offset == expected)
                expected = next_that_stays(r, expected + 1);
        }
        batch_iterator_close(&it);
        if (expected < next)
            return compaction_model_fail(r->m, "read at %" PRId64 " misses %" PRId64, offset, expected);
    }
    return true;
}

static bool finish_read(struct readers *r, struct log_read *read)
{
    struct compaction_model *m = r->m;
    if (read->status != 0)
        return compaction_model_fail(m, "read at %" PRId64 ": status %d", read->offset, read->status);
    if (read->bytes == 0)
        return compaction_model_fail(m, "read at %" PRId64 ": nothing", read->offset);
    uint8_t *bytes = malloc(read->bytes);
    size_t got = 0;
    bool right = file_read(read->file, bytes, read->bytes, read->position, &got, NULL) == 0 && got == read->bytes &&
                 check_bytes(r, read->offset, slice_of(bytes, got));
    free(bytes);
    log_read_release(m->f.log, read);
    r->count++;
    return right || compaction_model_fail(m, "read at %" PRId64 ": cannot be read", read->offset);
}

static bool move_read(struct readers *r, int i)
{
    struct compaction_model *m = r->m;
    struct log_read *read = &r->reads[i];
    switch (r->stages[i]) {
    case IDLE:
        simulated_disk_set_cached(m->f.disk, random_chance(&m->random, 50));
        if (random_chance(&m->random, 30))
            file_cache_forget(m->f.files, LOG_FIXTURE_FOLDER "/"); /* so the read opens the file itself */
        read->offset = (int64_t)random_below(&m->random, (uint64_t)log_end_offset(m->f.log));
        read->end_offset = log_end_offset(m->f.log);
        read->max_bytes = 1 + (uint32_t)random_below(&m->random, 5000);
        read->whole_batch = true;
        if (log_read_begin(m->f.log, read) == 1)
            return finish_read(r, read);
        r->stages[i] = BEGUN;
        return true;
    case BEGUN:
        log_read_execute(read);
        r->stages[i] = EXECUTED;
        return true;
    case EXECUTED:
        log_read_end(m->f.log, read);
        r->stages[i] = IDLE;
        return finish_read(r, read);
    }
    return true;
}

static bool finish_find(struct readers *r)
{
    int64_t offset, timestamp;
    int32_t epoch;
    int rc = log_find_end(r->m->f.log, r->find, &offset, &timestamp, &epoch, &r->m->f.error);
    r->count++;
    if (rc != 0)
        return compaction_model_fail(r->m, "find: %d", rc);
    for (size_t i = 0; i < r->m->record_count; i++) {
        const struct model_record *record = &r->after[i];
        if (record->gone || record->timestamp < r->find_timestamp)
            continue;
        if (offset < 0 || record->offset < offset)
            return compaction_model_fail(r->m, "find of %" PRId64 ": %" PRId64 ", not %" PRId64, r->find_timestamp,
                                         offset, record->offset);
        break;
    }
    return offset < 0 || timestamp >= r->find_timestamp || compaction_model_fail(r->m, "find: too early");
}

static bool move_find(struct readers *r)
{
    struct compaction_model *m = r->m;
    switch (r->find_stage) {
    case IDLE:
        r->find_timestamp = m->records[random_below(&m->random, m->record_count)].timestamp;
        if (log_find_begin(m->f.log, r->find_timestamp, log_end_offset(m->f.log), &r->find, NULL) != 0)
            return compaction_model_fail(m, "find does not begin");
        r->find_stage = BEGUN;
        return true;
    case BEGUN:
        log_find_execute(r->find);
        r->find_stage = EXECUTED;
        return true;
    case EXECUTED:
        r->find_stage = IDLE;
        return finish_find(r);
    }
    return true;
}

static bool move_some(struct readers *r)
{
    bool right = true;
    for (int i = 0; i < READERS && right; i++) {
        if (random_chance(&r->m->random, 50))
            right = move_read(r, i);
    }
    return right && (random_chance(&r->m->random, 50) || move_find(r));
}

static bool finish_all(struct readers *r)
{
    bool right = true;
    for (int i = 0; i < READERS; i++) {
        while (r->stages[i] != IDLE)
            right = move_read(r, i) && right;
    }
    while (r->find_stage != IDLE)
        right = move_find(r) && right;
    return right;
}

bool compaction_model_run_beside_readers(struct compaction_model *m, uint32_t *reads)
{
    struct log_compaction *run;
    struct compaction_look look;
    if (log_fixture_sync(&m->f) != 0)
        return compaction_model_fail(m, "sync");
    struct compaction_bounds bounds = compaction_model_bounds(m);
    struct model_record *after = malloc((m->record_count + 1) * sizeof *after);
    struct readers r = {.m = m, .after = after};
    log_compaction_look(m->f.log, &m->config, &bounds, m->f.now, &look);
    memcpy(after, m->records, m->record_count * sizeof *after);
    compaction_model_apply(m, after, look.first_uncleanable);
    int rc = log_compaction_begin(m->f.log, &m->config, &bounds, m->f.now, m->buffer, &run, &m->f.error);
    bool right = rc == 0 && run != NULL;
    if (right) {
        do {
            right = move_some(&r);
            log_compaction_execute(run, m->budget);
            right = right && move_some(&r);
            rc = log_compaction_step(m->f.log, run, &m->f.error);
            right = right && move_some(&r);
        } while (rc == 1);
        log_compaction_end(m->f.log, run, &m->result);
        m->cleaned_end = m->result.cleaned_end;
        right = (rc == 0 || compaction_model_fail(m, "run: %d", rc)) && right;
    }
    right = finish_all(&r) && right;
    memcpy(m->records, after, m->record_count * sizeof *after);
    free(after);
    simulated_disk_set_cached(m->f.disk, true);
    *reads += r.count;
    return right || compaction_model_fail(m, "beside readers");
}
