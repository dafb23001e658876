/* Who waits for the disk.
 *
 * Happy path. What was written for acks=all, or was written before and is sent again, waits on its partition; so does a
 * batch with which flush.messages have come together. A sync
 * begins as soon as none is under way; it covers all that is written by then. What is written while it runs waits for
 * the next one. Its end settles those that it covered, in order.
 *
 * Behind a slow sync, the next one may wait a moment for company (gather.h), under one timer.
 *
 * Failures. A failed sync fails all who wait: their batches are in the log and may be on the disk, or not. Where the
 * log is not offline for it, a producer that tries again finds its batch there, and waits for the next sync. */
#include "operations/append_private.h"
#include "operations/failure.h"

static int64_t end_of(const struct log_append *entry)
{
    return entry->base_offset + entry->header.last_offset_delta + 1;
}

/* flush.messages counts offsets, as in Kafka, and the batch that reaches it waits. */
bool append_waits_for_disk(const struct log *log, struct log_append *entry)
{
    const struct append_part *part = append_part_of(entry);
    int64_t unsynced = end_of(entry) - log_synced_end_offset(log);
    return (entry->status == 0 || entry->status == FURROW_DUPLICATE_SEQUENCE) && unsynced > 0 &&
           (part->request->acks == APPEND_ACKS_ALL || unsynced >= part->partition->topic->config.flush_messages);
}

static void wait_for_company(struct partition_append *state)
{
    struct append_service *service = state->service;
    if (state->is_gathering)
        return;
    state->is_gathering = true;
    state->next_gathering = service->gathering;
    service->gathering = state;
    if (!uv_is_active((uv_handle_t *)&service->gather_timer))
        uv_timer_start(&service->gather_timer, append_on_gather_timer, GATHER_WAIT_MS, 0);
}

void append_on_gather_timer(uv_timer_t *timer)
{
    struct append_service *service = CONTAINER_OF(timer, struct append_service, gather_timer);
    struct partition_append *gathering = service->gathering;
    service->gathering = NULL;
    for (struct partition_append *state = gathering, *next; state != NULL; state = next) {
        next = state->next_gathering;
        state->is_gathering = false;
        gather_give_up(&state->gather);
        append_ask_for_sync(state);
        append_release_if_idle(state);
    }
}

void append_await_sync(struct partition_append *state, struct log_append *entry)
{
    entry->next = NULL;
    *state->unsynced_tail = entry;
    state->unsynced_tail = &entry->next;
    (void)gather_note_arrival(&state->gather);
}

/* From the front, those that end at or before `end`. */
static struct log_append *take_unsynced(struct partition_append *state, int64_t end, uint32_t *count)
{
    struct log_append *taken = NULL;
    struct log_append **tail = &taken;
    *count = 0;
    while (state->unsynced != NULL && end_of(state->unsynced) <= end) {
        struct log_append *entry = state->unsynced;
        state->unsynced = entry->next;
        entry->next = NULL;
        *tail = entry;
        tail = &entry->next;
        (*count)++;
    }
    if (state->unsynced == NULL)
        state->unsynced_tail = &state->unsynced;
    return taken;
}

/* Those that wait for the disk, or will. */
static uint32_t count_waiting(struct log_append *entries)
{
    uint32_t count = 0;
    for (; entries != NULL; entries = entries->next)
        count += append_part_of(entries)->request->acks == APPEND_ACKS_ALL;
    return count;
}

static void fail_unsynced(struct partition_append *state, enum kafka_error code)
{
    uint32_t count;
    append_fail_all(take_unsynced(state, INT64_MAX, &count), code);
}

static void on_synced(struct writer_job *job)
{
    struct partition_append *state = CONTAINER_OF(job, struct partition_append, sync);
    struct log *log = state->partition->log;
    struct error error = {0};
    int rc = log_sync_end(log, job->sync, &error);
    state->is_syncing = false;
    uint32_t count;
    struct log_append *taken = take_unsynced(state, rc == 0 ? log_synced_end_offset(log) : INT64_MAX, &count);
    for (struct log_append *entry = taken; rc != 0 && entry != NULL; entry = entry->next)
        entry->status = rc;
    if (rc != 0)
        append_report_failure(state, &error);
    uint32_t answered = rc == 0 ? count : 0;
    uint32_t waiting = count_waiting(state->unsynced);
    if (gather_end_sync(&state->gather, answered, waiting, count_waiting(state->queue), uv_hrtime()))
        wait_for_company(state);
    append_ask_for_sync(state);
    append_settle(state->partition, taken);
    append_release_if_idle(state);
}

void append_ask_for_sync(struct partition_append *state)
{
    if (state->unsynced == NULL || state->is_syncing || state->gather.is_waiting)
        return;
    if (state->partition->topic->is_deleted) {
        fail_unsynced(state, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
        return;
    }
    struct log_sync *sync = NULL;
    struct error error = {0};
    int rc = log_sync_begin(state->partition->log, false, &sync, &error);
    if (rc != 0) {
        append_report_failure(state, &error);
        fail_unsynced(state, failure_code(rc));
        return;
    }
    if (sync == NULL) { /* the background flush was faster */
        uint32_t count;
        append_settle(state->partition, take_unsynced(state, INT64_MAX, &count));
        return;
    }
    state->is_syncing = true;
    gather_start_sync(&state->gather, uv_hrtime());
    state->sync = (struct writer_job){.sync = sync, .done = on_synced};
    writer_thread_submit(state->service->operations->writer, &state->sync);
}
