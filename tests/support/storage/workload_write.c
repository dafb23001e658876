/* Appending and syncing, a step at a time. */
#include "workload_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- one queue of appends ---- */

static void note_failed(struct workload_partition *p, struct workload_append *append)
{
    append->batch.header = append->append.header;
    model_note_failed(&p->model, &append->batch);
    p->write.failed = true;
    p->w->counts->failed_appends++;
}

static bool is_too_large(const struct workload_partition *p, const struct workload_append *append)
{
    return append->append.status == FURROW_TOO_LARGE && (int64_t)append->append.size > p->config.segment_bytes;
}

/* Of a batch behind one that has failed, or whose producer's header was damaged. */
static bool is_refusal(int status)
{
    return status == FURROW_OUT_OF_ORDER_SEQUENCE || status == FURROW_DUPLICATE_SEQUENCE ||
           status == FURROW_STALE_PRODUCER_EPOCH;
}

static bool note_result(struct workload_partition *p, struct workload_append *append)
{
    int status = append->append.status;
    if (status == 0 && append->append.base_offset == p->model.end) {
        append->batch.header = append->append.header;
        model_append(&p->model, &append->batch);
        p->w->counts->appends++;
        p->w->counts->markers += batch_is_control(&append->append.header);
        return true;
    }
    if (status == 0)
        model_fail(&p->model, "appended at %" PRId64 ", not %" PRId64, append->append.base_offset, p->model.end);
    else if (workload_is_disk_failure(status) || is_too_large(p, append) ||
             (is_refusal(status) && (p->write.failed || p->model.is_damaged)))
        note_failed(p, append);
    else
        model_fail(&p->model, "an append got status %d", status);
    return p->model.message[0] == '\0';
}

/* Those that have come back, in order. */
static bool note_done(struct workload_partition *p, struct log_append *done)
{
    bool right = true;
    for (; done != NULL && right; done = done->next) {
        struct workload_append *append = p->write.appends[p->write.done++];
        if (&append->append != done)
            return model_fail(&p->model, "appends come back in another order");
        right = note_result(p, append);
    }
    return right;
}

static void free_appends(struct workload_partition *p)
{
    for (size_t i = 0; i < p->write.count; i++)
        workload_append_free(&p->w->memory, p->write.appends[i]);
    p->write = (struct flying_write){.write = NULL};
}

static bool end_queue(struct workload_partition *p)
{
    free_appends(p);
    workload_reset_producers(p);
    return true;
}

static bool give_up_queue(struct workload_partition *p)
{
    while (p->write.done < p->write.count)
        note_failed(p, p->write.appends[p->write.done++]);
    return end_queue(p);
}

static bool begin_write(struct workload_partition *p)
{
    struct log_append *done;
    int rc = log_write_begin(p->log, &p->write.queue, p->w->now, &p->write.write, &done, &p->w->error);
    if (rc != 0)
        return rc == FURROW_OFFLINE ? give_up_queue(p) : model_fail(&p->model, "a write begins with status %d", rc);
    p->write.executed = false;
    if (p->write.write != NULL)
        return true;
    if (!note_done(p, done))
        return false;
    return p->write.queue != NULL ? begin_write(p) : end_queue(p);
}

static bool begin_queue(struct workload_partition *p)
{
    struct workload *w = p->w;
    struct flying_write *flying = &p->write;
    struct workload_batch_options options = {.now = w->now,
                                             .keys = p->keys,
                                             .longest = 200,
                                             .compaction = p->cleaning,
                                             .producers = p->producers,
                                             .transactions = p->transactions,
                                             .content = &w->content};
    flying->count = 1 + (size_t)below(w, MAX_QUEUE);
    for (size_t i = 0; i < flying->count; i++) {
        flying->appends[i] = workload_append_make(&w->memory, &w->random, &options);
        if (flying->appends[i] == NULL)
            abort();
        flying->appends[i]->append.status = -ECANCELED;
        if (i > 0)
            flying->appends[i - 1]->append.next = &flying->appends[i]->append;
    }
    flying->queue = &flying->appends[0]->append;
    return begin_write(p);
}

static bool begin_roll(struct workload_partition *p)
{
    int rc = log_roll_begin(p->log, p->w->now, &p->write.write, &p->w->error);
    p->write.executed = false;
    p->wants_roll = false;
    return rc == 0 || rc == FURROW_OFFLINE || model_fail(&p->model, "a roll begins with status %d", rc);
}

static bool end_write(struct workload_partition *p)
{
    struct log_write *write = p->write.write;
    p->write.write = NULL;
    if (!note_done(p, log_write_end(p->log, write, &p->w->error)))
        return false;
    p->lost |= log_is_offline(p->log);
    return p->write.queue != NULL ? begin_write(p) : end_queue(p);
}

bool workload_step_write(struct workload_partition *p)
{
    struct flying_write *flying = &p->write;
    if (flying->write == NULL)
        return p->wants_roll || chance(p->w, 3) ? begin_roll(p) : begin_queue(p);
    if (flying->executed || chance(p->w, 2))
        return end_write(p);
    workload_execute_write(p);
    return true;
}

/* A producer that has not heard the answer sends its last batch again; another one has lost a batch on the way. */
bool workload_send_again(struct workload_partition *p)
{
    int64_t id = (int64_t)below(p->w, WORKLOAD_PRODUCERS) + 1000;
    const struct batch_header *last;
    int16_t epoch;
    bool is_known = model_find_producer(&p->model, id, &epoch, &last);
    if (!is_known || last == NULL || p->write.write != NULL || log_is_offline(p->log) || p->model.is_damaged)
        return true;
    struct workload_append *again = workload_append_again(&p->w->memory, last, ++p->w->content);
    bool right = true;
    if (again == NULL)
        abort();
    for (int round = 0; round < 2 && right; round++) {
        int expected = round == 0 ? FURROW_DUPLICATE_SEQUENCE : FURROW_OUT_OF_ORDER_SEQUENCE;
        struct log_append *queue = &again->append, *done;
        struct log_write *write;
        int rc = log_write_begin(p->log, &queue, p->w->now, &write, &done, &p->w->error);
        if (rc != 0 || write != NULL || done != &again->append || done->status != expected)
            right = model_fail(&p->model, "a batch out of sequence: begin %d, status %d, not %d", rc,
                               again->append.status, expected);
        else if (round == 0 && done->base_offset != last->base_offset)
            right =
                model_fail(&p->model, "a duplicate of %" PRId64 " got %" PRId64, last->base_offset, done->base_offset);
        if (write != NULL)
            (void)log_write_end(p->log, write, &p->w->error);
        again->append.header.base_sequence = (int32_t)(((uint32_t)last->base_sequence + 1000) & INT32_MAX);
        again->append.next = NULL;
    }
    workload_append_free(&p->w->memory, again);
    return right;
}

/* One whose batches are all forgotten begins anew, as the log may still know of it. */
void workload_reset_producers(struct workload_partition *p)
{
    for (int i = 0; i < WORKLOAD_PRODUCERS; i++) {
        struct workload_producer *producer = &p->producers[i];
        const struct batch_header *last;
        int16_t epoch;
        bool is_known = model_find_producer(&p->model, i + 1000, &epoch, &last);
        producer->in_transaction = model_is_in_transaction(&p->model, i + 1000);
        if (last != NULL) {
            producer->epoch = epoch;
            producer->sequence = (int32_t)(((uint32_t)batch_last_sequence(last) + 1) & INT32_MAX);
        } else {
            producer->epoch = is_known ? (int16_t)(epoch + 1) : (int16_t)(producer->epoch + 1);
            producer->sequence = 0;
        }
    }
}

/* ---- syncing ---- */

/* The oldest. */
static bool end_sync(struct workload_partition *p)
{
    struct flying_sync flying = p->syncs[0];
    struct model *m = &p->model;
    int64_t before = log_synced_end_offset(p->log);
    p->sync_count--;
    memmove(&p->syncs[0], &p->syncs[1], p->sync_count * sizeof p->syncs[0]);
    int rc = log_sync_end(p->log, flying.sync, &p->w->error);
    p->lost |= log_is_offline(p->log);
    if (rc != 0) {
        p->w->counts->failed_syncs++;
        return workload_is_disk_failure(rc) || model_fail(m, "a sync ends with status %d", rc);
    }
    p->w->counts->syncs++;
    if (flying.end > m->durable_end)
        m->durable_end = flying.end;
    int64_t expected = before > flying.end ? before : flying.end;
    int64_t after = log_synced_end_offset(p->log);
    if (after != expected)
        return model_fail(m, "synced to %" PRId64 ", the log says %" PRId64, expected, after);
    return after == log_end_offset(p->log) || log_unsynced_bytes(p->log) != 0 ||
           model_fail(m, "there is more than is synced, the log says no");
}

static bool begin_sync(struct workload_partition *p)
{
    struct flying_sync *flying = &p->syncs[p->sync_count];
    *flying = (struct flying_sync){.end = log_end_offset(p->log)};
    int rc = log_sync_begin(p->log, chance(p->w, 50), &flying->sync, &p->w->error);
    p->sync_count += flying->sync != NULL;
    return rc == 0 || workload_is_disk_failure(rc) || model_fail(&p->model, "a sync begins with status %d", rc);
}

bool workload_step_sync(struct workload_partition *p)
{
    if (p->sync_count == 0 || (p->sync_count < MAX_SYNCS && chance(p->w, 30)))
        return begin_sync(p);
    if (p->syncs[0].executed ? chance(p->w, 70) : chance(p->w, 5))
        return end_sync(p);
    return workload_execute_sync(p) || end_sync(p);
}

/* What a failed sync has lost is seen from its execution on. */
bool workload_is_whole(struct workload_partition *p)
{
    while (p->sync_count > 0 && p->syncs[0].executed)
        (void)end_sync(p);
    return !p->lost;
}

/* Appends whose write was executed are in the log without anyone having heard of it. */
void workload_drop_write(struct workload_partition *p)
{
    if (p->write.write == NULL)
        return;
    (void)log_write_end(p->log, p->write.write, NULL);
    while (p->write.done < p->write.count) {
        struct workload_append *append = p->write.appends[p->write.done++];
        append->batch.header = append->append.header;
        model_note_failed(&p->model, &append->batch);
    }
    free_appends(p);
}
