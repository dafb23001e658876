#include "workload.h"

#include "seeded_random.h"
#include "simulated_disk.h"
#include "workload_model.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define PRODUCERS 4
#define MAX_QUEUE 6

struct producer_at {
    int16_t epoch;
    int32_t sequence; /* of its next batch */
};

struct workload {
    struct log_fixture f;
    struct model model;
    struct seeded_random random;
    struct producer_at producers[PRODUCERS];
    struct workload_counts *counts;
    uint64_t next_content;
    struct log_sync *sync; /* under way, begun when the log ended at sync_end; NULL: none */
    int64_t sync_end;
    bool sync_executed;
    unsigned failing_percent;
    bool deleting; /* the topic is to be removed, whatever a restart finds */
    bool lost;     /* a sync failed: what was written and not synced may be gone */
};

static uint64_t below(struct workload *w, uint64_t limit)
{
    return random_below(&w->random, limit);
}

static bool chance(struct workload *w, unsigned percent)
{
    return random_chance(&w->random, percent);
}

/* ---- failures ---- */

static void arm(struct workload *w)
{
    if (!chance(w, w->failing_percent))
        return;
    int64_t nth = (int64_t)below(w, 12);
    if (chance(w, 25))
        simulated_disk_stop_at(w->f.disk, nth);
    else
        simulated_disk_fail_at(w->f.disk, nth, chance(w, 50) ? -EIO : -ENOSPC);
}

static void disarm(struct workload *w)
{
    simulated_disk_fail_at(w->f.disk, -1, 0);
    if (!simulated_disk_is_stopped(w->f.disk))
        simulated_disk_stop_at(w->f.disk, -1);
}

/* ---- appending ---- */

static struct log_append *make_append(struct workload *w)
{
    struct test_batch batch = {.records = 1 + (int32_t)below(w, 5),
                               .size = 1 + (uint32_t)below(w, chance(w, 10) ? 3000 : 200),
                               .timestamp = w->f.now - (int64_t)below(w, 50),
                               .content = ++w->next_content};
    if (chance(w, 50)) {
        uint64_t id = below(w, PRODUCERS);
        struct producer_at *producer = &w->producers[id];
        if (chance(w, 3)) {
            producer->epoch++;
            producer->sequence = 0;
        }
        batch.idempotent = true;
        batch.producer_id = (int64_t)id + 1000;
        batch.epoch = producer->epoch;
        batch.sequence = producer->sequence;
        producer->sequence += batch.records;
    }
    return test_append_make(&w->f.memory, &batch);
}

/* The producers go on where the log says they are. */
static void reset_producers(struct workload *w)
{
    for (int i = 0; i < PRODUCERS; i++) {
        const struct batch_header *last = model_last_of(&w->model, i + 1000);
        w->producers[i].sequence = last != NULL ? batch_last_sequence(last) + 1 : 0;
        if (last != NULL)
            w->producers[i].epoch = last->producer_epoch;
    }
}

static bool note_results(struct workload *w, struct log_append **appends, size_t count)
{
    bool right = true;
    for (size_t i = 0; i < count && right; i++) {
        struct log_append *append = appends[i];
        if (append->status == 0) {
            w->counts->appends++;
            if (append->base_offset != w->model.end)
                right =
                    model_fail(&w->model, "appended at %" PRId64 ", not %" PRId64, append->base_offset, w->model.end);
            model_append(&w->model, &append->header);
        } else {
            w->counts->failed_appends++;
            model_note_failed(&w->model, &append->header);
        }
    }
    return right;
}

/* ---- syncing, beside everything else ---- */

static void begin_sync(struct workload *w)
{
    if (w->sync != NULL || log_sync_begin(w->f.log, chance(w, 50), &w->sync, NULL) != 0)
        return;
    w->sync_end = log_end_offset(w->f.log);
    w->sync_executed = false;
}

static void execute_sync(void *context)
{
    struct workload *w = context;
    if (w->sync != NULL && !w->sync_executed)
        log_sync_execute(w->sync);
    w->sync_executed = w->sync != NULL;
}

static bool end_sync(struct workload *w)
{
    if (w->sync == NULL)
        return true;
    int64_t before = log_synced_end_offset(w->f.log);
    int rc = log_sync_end(w->f.log, w->sync, NULL);
    w->sync = NULL;
    w->sync_executed = false;
    if (rc != 0 && log_is_offline(w->f.log))
        w->lost = true;
    if (rc != 0)
        return true;
    if (w->sync_end > w->model.durable_end)
        w->model.durable_end = w->sync_end;
    int64_t after = log_synced_end_offset(w->f.log);
    if (after != (before > w->sync_end ? before : w->sync_end))
        return model_fail(&w->model, "synced to %" PRId64 ", the log says %" PRId64, w->sync_end, after);
    return after == log_end_offset(w->f.log) || log_unsynced_bytes(w->f.log) != 0 ||
           model_fail(&w->model, "there is more than is synced, the log says no");
}

static bool sync_now(struct workload *w)
{
    execute_sync(w);
    bool right = end_sync(w);
    begin_sync(w);
    execute_sync(w);
    return end_sync(w) && right;
}

/* ---- */

static void write_some(struct workload *w, struct log_append **queue, bool *stop)
{
    struct log_write *write;
    struct log_append *done;
    *stop = true;
    if (chance(w, 10))
        begin_sync(w);
    if (log_write_begin(w->f.log, queue, w->f.now, &write, &done, &w->f.error) != 0)
        return;
    *stop = false;
    if (write == NULL)
        return;
    if (chance(w, 10))
        begin_sync(w);
    if (chance(w, 30))
        simulated_disk_beside_at(w->f.disk, (int64_t)below(w, 6), execute_sync, w);
    if (!chance(w, 3))
        log_write_execute(write);
    simulated_disk_beside_at(w->f.disk, -1, NULL, NULL);
    (void)log_write_end(w->f.log, write, &w->f.error);
}

static bool do_append(struct workload *w)
{
    struct log_append *appends[MAX_QUEUE];
    size_t count = 1 + (size_t)below(w, MAX_QUEUE);
    bool sync = chance(w, 40);
    for (size_t i = 0; i < count; i++) {
        appends[i] = make_append(w);
        appends[i]->status = -ECANCELED;
        if (i > 0)
            appends[i - 1]->next = appends[i];
    }
    struct log_append *queue = appends[0];
    bool stop = false;
    while (queue != NULL && !stop)
        write_some(w, &queue, &stop);
    bool right = note_results(w, appends, count);
    for (size_t i = 0; i < count; i++)
        test_append_free(&w->f.memory, appends[i]);
    reset_producers(w);
    if (sync)
        right = sync_now(w) && right;
    else if (chance(w, 20))
        right = end_sync(w) && right;
    return right;
}

/* A producer that has not heard the answer sends its last batch again. */
static bool do_duplicate(struct workload *w)
{
    int64_t id = (int64_t)below(w, PRODUCERS) + 1000;
    const struct batch_header *last = model_last_of(&w->model, id);
    if (last == NULL)
        return true;
    struct test_batch again = {.records = last->last_offset_delta + 1,
                               .idempotent = true,
                               .producer_id = id,
                               .epoch = last->producer_epoch,
                               .sequence = last->base_sequence,
                               .content = ++w->next_content};
    struct log_append *append = test_append_make(&w->f.memory, &again);
    int rc = log_fixture_append_queue(&w->f, append, false);
    bool right = true;
    if (rc == 0 && append->status != FURROW_DUPLICATE_SEQUENCE)
        right = model_fail(&w->model, "a duplicate at %" PRId64 " got status %d", last->base_offset, append->status);
    else if (rc == 0 && append->base_offset != last->base_offset)
        right =
            model_fail(&w->model, "a duplicate of %" PRId64 " got %" PRId64, last->base_offset, append->base_offset);
    if (right && rc == 0 && last->last_offset_delta + 1 < 1000) {
        append->header.base_sequence += 1000;
        append->next = NULL;
        rc = log_fixture_append_queue(&w->f, append, false);
        if (rc == 0 && append->status != FURROW_OUT_OF_ORDER_SEQUENCE)
            right = model_fail(&w->model, "a gap in the sequence got status %d", append->status);
    }
    test_append_free(&w->f.memory, append);
    return right;
}

/* ---- reading ---- */

static bool do_read(struct workload *w)
{
    struct log_read read;
    int64_t offset = w->model.start + (int64_t)below(w, (uint64_t)(w->model.end - w->model.start) + 1);
    for (int i = 0; i < 4; i++) {
        int rc = log_fixture_read(&w->f, &read, offset, 1 + (uint32_t)below(w, chance(w, 30) ? 100000 : 3000));
        if (rc == -EIO || rc == -ENOSPC)
            return true;
        if (rc != 0)
            return model_fail(&w->model, "read at %" PRId64 ": status %d", offset, rc);
        if (read.bytes == 0)
            return offset == w->model.end ||
                   model_fail(&w->model, "read at %" PRId64 " of %" PRId64 " gave nothing", offset, w->model.end);
        uint8_t *bytes = memory_alloc(&w->f.memory, MEMORY_REQUESTS, read.bytes);
        size_t got = 0;
        rc = file_read(read.file, bytes, read.bytes, read.position, &got, NULL);
        bool right = rc != 0 || model_check_read(&w->model, offset, slice_of(bytes, got));
        struct batch_header header;
        slice batch;
        slice rest = slice_of(bytes, rc == 0 ? got : 0);
        while (batch_next(&rest, &header, &batch, NULL) == 1)
            offset = batch_last_offset(&header) + 1;
        memory_free(&w->f.memory, MEMORY_REQUESTS, bytes, read.bytes);
        log_read_release(w->f.log, &read);
        if (!right || rc != 0 || chance(w, 30))
            return right;
    }
    return true;
}

static bool starts_at_batch(const struct model *m)
{
    for (size_t i = 0; i < m->count; i++) {
        if (m->batches[i].header.base_offset == m->start)
            return true;
    }
    return m->start == 0;
}

static bool do_find(struct workload *w)
{
    int64_t timestamp = w->f.now - (int64_t)below(w, 4000);
    if (chance(w, 20)) {
        if (!starts_at_batch(&w->model))
            return true;
        timestamp = LOG_FIND_MAX_TIMESTAMP;
    }
    int64_t found_timestamp;
    int64_t offset = log_fixture_find(&w->f, timestamp, &found_timestamp);
    if (offset == -EIO || offset == -ENOSPC)
        return true;
    return model_check_found(&w->model, timestamp, offset, found_timestamp);
}

/* What a failed sync has lost may be seen from its execution on: then nothing is to be expected of it. */
static bool look(struct workload *w, bool read)
{
    if (w->sync_executed && !end_sync(w))
        return false;
    if (log_is_offline(w->f.log))
        return true;
    return read ? do_read(w) : do_find(w);
}

/* ---- starting again ---- */

static void save_recovery_point(struct workload *w)
{
    w->f.opening.recovery_point = log_synced_end_offset(w->f.log);
    w->f.opening.log_start = log_start_offset(w->f.log);
}

/* As the broker's start: what was to be deleted goes, and the topic is made anew. */
static int finish_deleting(struct workload *w)
{
    int rc = disk_remove_tree(w->f.disk, LOG_FIXTURE_FOLDER, NULL);
    if (rc == 0)
        rc = log_delete_files(w->f.disk, LOG_FIXTURE_FOLDER ".x-delete", NULL);
    return rc;
}

static int open_again(struct workload *w)
{
    if (w->deleting) {
        int rc = finish_deleting(w);
        if (rc != 0)
            return rc;
        model_clear(&w->model);
        w->f.opening.recovery_point = -1;
        w->f.opening.log_start = -1;
    }
    int rc = log_fixture_open(&w->f);
    if (rc == 0)
        w->deleting = false;
    return rc;
}

/* Opens until it succeeds, with failures on the way. */
static bool open_somehow(struct workload *w, bool *was_cut)
{
    for (int i = 0; i < 50; i++) {
        if (i < 5)
            arm(w);
        int rc = open_again(w);
        if (rc == 0 && !simulated_disk_is_stopped(w->f.disk)) {
            disarm(w);
            return true;
        }
        log_fixture_shut(&w->f);
        if (simulated_disk_is_stopped(w->f.disk)) {
            simulated_disk_power_cut(w->f.disk, random_next(&w->random));
            w->counts->power_cuts++;
            *was_cut = true;
        }
        disarm(w);
        w->f.opening.clean = false;
        w->f.opening.leader_epoch++;
    }
    return model_fail(&w->model, "it does not open: %s", w->f.error.message);
}

static bool check_clean(struct workload *w)
{
    uint8_t *bytes;
    size_t size;
    int rc = log_fixture_read_all(&w->f, log_start_offset(w->f.log), 4096, &bytes, &size);
    if (rc != 0)
        return model_fail(&w->model, "reading all: status %d", rc);
    bool right = model_check_read(&w->model, log_start_offset(w->f.log), slice_of(bytes, size));
    memory_free(&w->f.memory, MEMORY_REQUESTS, bytes, size);
    return right;
}

static bool check_after_crash(struct workload *w, bool all_written)
{
    uint8_t *bytes;
    size_t size;
    int rc = log_fixture_read_all(&w->f, log_start_offset(w->f.log), 4096, &bytes, &size);
    if (rc != 0)
        return model_fail(&w->model, "reading all after a crash: status %d: %s", rc, w->f.error.message);
    bool right = model_check_recovered(&w->model, w->f.log, slice_of(bytes, size), all_written);
    memory_free(&w->f.memory, MEMORY_REQUESTS, bytes, size);
    return right;
}

static bool crash(struct workload *w, bool cut_power)
{
    disarm(w);
    bool was_cut = cut_power || simulated_disk_is_stopped(w->f.disk);
    if (!end_sync(w))
        return false;
    log_fixture_shut(&w->f);
    if (was_cut) {
        simulated_disk_power_cut(w->f.disk, random_next(&w->random));
        w->counts->power_cuts++;
    }
    w->f.opening.clean = false;
    w->f.opening.leader_epoch += 1 + (int32_t)below(w, 2);
    w->counts->crashes++;
    if (!open_somehow(w, &was_cut))
        return false;
    w->counts->bytes_cut += w->f.recovery.bytes_cut;
    w->counts->segments_cut += w->f.recovery.segments_cut;
    bool all_written = !was_cut && !w->lost;
    w->lost = false;
    bool right = check_after_crash(w, all_written);
    reset_producers(w);
    return right && model_check_state(&w->model, w->f.log);
}

static bool restart(struct workload *w)
{
    bool was_cut = false;
    if (!end_sync(w))
        return false;
    arm(w);
    int rc = log_flush_for_stop(w->f.log, w->f.now, &w->f.error);
    if (rc != 0 || simulated_disk_is_stopped(w->f.disk)) {
        if (log_is_offline(w->f.log))
            w->lost = true;
        return crash(w, false);
    }
    disarm(w);
    w->model.durable_end = w->model.end;
    save_recovery_point(w);
    w->f.opening.clean = true;
    log_fixture_shut(&w->f);
    w->counts->restarts++;
    if (chance(w, 30)) {
        simulated_disk_power_cut(w->f.disk, random_next(&w->random)); /* after a clean stop all is on the disk */
        was_cut = true;
    }
    if (!open_somehow(w, &was_cut))
        return false;
    if (!w->f.opening.clean)
        return check_after_crash(w, true);
    if (w->f.recovery.bytes_scanned + w->f.recovery.bytes_cut + w->f.recovery.segments_cut != 0)
        return model_fail(&w->model, "a clean start has scanned or cut: %s", w->f.recovery.reason);
    return check_clean(w) && model_check_state(&w->model, w->f.log);
}

static bool do_delete(struct workload *w)
{
    w->deleting = true;
    (void)end_sync(w);
    log_fixture_shut(&w->f);
    arm(w);
    int rc = disk_rename(w->f.disk, LOG_FIXTURE_FOLDER, LOG_FIXTURE_FOLDER ".x-delete", NULL);
    if (rc == 0)
        rc = log_delete_files(w->f.disk, LOG_FIXTURE_FOLDER ".x-delete", NULL);
    w->counts->failed_deletes += rc != 0; /* finished by the start that follows */
    bool was_cut = simulated_disk_is_stopped(w->f.disk);
    if (was_cut)
        simulated_disk_power_cut(w->f.disk, random_next(&w->random));
    disarm(w);
    w->f.opening.clean = true;
    bool right = open_somehow(w, &was_cut);
    reset_producers(w);
    return right;
}

static bool do_set_start(struct workload *w)
{
    if (w->model.end == w->model.start)
        return true;
    int64_t offset = w->model.start + (int64_t)below(w, (uint64_t)(w->model.end - w->model.start) / 4 + 1);
    if (log_set_start_offset(w->f.log, offset, NULL) != 0)
        return model_fail(&w->model, "the start cannot be set to %" PRId64, offset);
    w->model.start = offset;
    return true;
}

/* ---- all of it ---- */

static bool step(struct workload *w)
{
    w->f.now += (int64_t)below(w, 100);
    unsigned dice = (unsigned)below(w, 100);
    bool right = true;
    uint32_t may_fail = dice < 75;
    if (may_fail)
        arm(w);
    if (dice < 45)
        right = do_append(w);
    else if (dice < 50) {
        right = sync_now(w);
    } else if (dice < 75)
        right = look(w, dice < 65);
    else if (dice < 82)
        save_recovery_point(w);
    else if (dice < 86)
        right = do_duplicate(w);
    else if (dice < 88)
        right = do_set_start(w);
    else if (dice < 92)
        right = restart(w);
    else if (dice < 95)
        right = crash(w, false);
    else if (dice < 99)
        right = crash(w, true);
    else
        right = do_delete(w);
    disarm(w);
    if (!right)
        return false;
    if (simulated_disk_is_stopped(w->f.disk))
        return crash(w, true);
    if (log_is_offline(w->f.log) && !w->deleting) {
        w->lost = true;
        return crash(w, chance(w, 50));
    }
    return model_check_state(&w->model, w->f.log);
}

bool workload_run(uint64_t seed, struct workload_counts *counts, char *message, size_t size)
{
    struct workload w = {.random = {seed}, .counts = counts};
    log_fixture_init(&w.f, seed);
    w.f.config.segment_bytes = 4000 + (int64_t)below(&w, 20000);
    w.f.config.segment_ms = chance(&w, 30) ? 1000 : 100000000;
    w.f.config.index_interval_bytes = (int32_t)below(&w, 2000);
    w.f.config.segment_index_bytes = chance(&w, 30) ? 120 : 10000;
    w.f.mark_bytes = 500 + (uint32_t)below(&w, 4000);
    w.failing_percent = 5 + (unsigned)below(&w, 30);
    bool was_cut = false;
    bool right = open_somehow(&w, &was_cut);
    uint64_t steps = 20 + below(&w, 120);
    for (uint64_t i = 0; i < steps && right; i++)
        right = step(&w);
    if (!right)
        snprintf(message, size, "%s", w.model.message);
    disarm(&w);
    (void)end_sync(&w);
    if (!log_fixture_close(&w.f) && right) {
        snprintf(message, size, "memory was not given back");
        right = false;
    }
    model_close(&w.model);
    return right;
}
