/* Happy path. append_start checks each part's batch (append_check.h) and queues it on its partition. At the end of the
 * loop's turn, what was queued on partitions without a write under way becomes one write each; a small one is executed
 * there and then (loop_writes.h), others go to the writer. When a write is done, whoever waits for records is woken,
 * what was queued meanwhile becomes the next write, and the parts get their results in order; but those that wait for
 * the disk get theirs after a sync (append_sync.c).
 *
 * A batch that a pool job must look into is held, and what arrives behind it for the same partition too.
 *
 * Failures. A write that fails, fails all that it took; what was queued behind it is tried anew. When a write cannot
 * even be formed, the queue fails. Nothing is retried here: producers do.
 *
 * A partition's state is made when it is needed; a few are kept for reuse. */
#include "flush.h"
#include "operations/append_private.h"
#include "operations/failure.h"
#include "operations/read.h"
#include "retention.h"

#include <errno.h>

#define SPARE_STATES_MAX 64

/* ---- a partition's state ---- */

struct partition_append *append_acquire(struct append_service *service, struct partition *partition)
{
    if (partition->append != NULL)
        return partition->append;
    struct partition_append *state = service->spare;
    if (state != NULL) {
        service->spare = state->next;
        service->spare_count--;
    } else {
        state = memory_alloc(service->operations->memory, MEMORY_REQUESTS, sizeof *state);
        if (state == NULL)
            return NULL;
    }
    *state = (struct partition_append){.service = service, .partition = partition};
    state->queue_tail = &state->queue;
    state->held_tail = &state->held;
    state->unsynced_tail = &state->unsynced;
    partition->append = state;
    topic_hold(partition->topic);
    service->states++;
    return state;
}

void append_release_if_idle(struct partition_append *state)
{
    bool is_queued = state->queue != NULL || state->held != NULL || state->is_asked || state->is_writing;
    if (is_queued || state->roll != NULL || state->unsynced != NULL || state->is_syncing || state->is_gathering)
        return;
    struct append_service *service = state->service;
    struct topic *topic = state->partition->topic;
    state->partition->append = NULL;
    service->states--;
    if (service->spare_count < SPARE_STATES_MAX) {
        state->next = service->spare;
        service->spare = state;
        service->spare_count++;
    } else {
        memory_free(service->operations->memory, MEMORY_REQUESTS, state, sizeof *state);
    }
    topic_release(service->operations->topics, topic);
}

void append_ask_for_write(struct partition_append *state)
{
    struct append_service *service = state->service;
    if (state->is_asked || state->is_writing || (state->queue == NULL && state->roll == NULL))
        return;
    state->is_asked = true;
    state->next = NULL;
    *service->to_form_tail = state;
    service->to_form_tail = &state->next;
    turn_end_ask(&service->turn_end);
}

static void queue_part(struct partition_append *state, struct append_part *part)
{
    part->entry.next = NULL;
    *state->queue_tail = &part->entry;
    state->queue_tail = &part->entry.next;
    append_ask_for_write(state);
}

/* ---- writing ---- */

/* Bytes written. */
static size_t count_written(struct topic_traffic *traffic, const struct log_append *entries)
{
    size_t bytes = 0;
    for (const struct log_append *entry = entries; entry != NULL; entry = entry->next) {
        if (entry->status != 0)
            continue;
        bytes += entry->size;
        traffic->records_in += (uint64_t)entry->header.count;
    }
    traffic->bytes_in += bytes;
    return bytes;
}

/* Those that wait for the disk go to their list; the others are returned, to be settled. */
static struct log_append *sort_out(struct partition_append *state, struct log_append *entries)
{
    struct log_append *settled = NULL;
    struct log_append **tail = &settled;
    for (struct log_append *entry = entries, *next; entry != NULL; entry = next) {
        next = entry->next;
        if (append_waits_for_disk(state->partition->log, entry)) {
            append_await_sync(state, entry);
            continue;
        }
        entry->next = NULL;
        *tail = entry;
        tail = &entry->next;
    }
    return settled;
}

/* Of an executed write. */
static void finish_write(struct partition_append *state, struct log_write *write)
{
    struct append_service *service = state->service;
    struct partition *partition = state->partition;
    struct error error = {0};
    struct log_append *done = log_write_end(partition->log, write, &error);
    if (error.code != 0)
        append_report_failure(state, &error);

    size_t bytes = count_written(&partition->topic->traffic, done);
    struct log_append *settled = sort_out(state, done);
    append_ask_for_sync(state);
    append_ask_for_write(state);
    if (bytes != 0 && service->operations->reads != NULL)
        read_note_append(service->operations->reads, partition, bytes);
    if (service->operations->flush != NULL)
        flush_note_dirty(service->operations->flush, partition);
    if (service->operations->retention != NULL)
        retention_note_append(service->operations->retention, bytes);
    append_settle(partition, settled);
}

static void on_written(struct writer_job *job)
{
    struct partition_append *state = CONTAINER_OF(job, struct partition_append, write);
    state->is_writing = false;
    finish_write(state, job->write);
    append_release_if_idle(state);
}

static bool write_on_loop(struct partition_append *state, struct log_write *write)
{
    struct loop_writes *writes = &state->service->loop_writes;
    uint64_t started = uv_hrtime();
    if (!log_write_is_small(write, LOOP_WRITE_MAX_BYTES) || !loop_writes_allowed(writes, started))
        return false;
    log_write_execute(write);
    loop_writes_note(writes, started, uv_hrtime());
    finish_write(state, write);
    return true;
}

static void fail_queue(struct partition_append *state, enum kafka_error code)
{
    struct log_append *queue = state->queue;
    state->queue = NULL;
    state->queue_tail = &state->queue;
    append_fail_all(queue, code);
}

/* Of a write that was all refused. */
static void take_refused(struct partition_append *state, struct log_append *refused)
{
    struct log_append *settled = sort_out(state, refused);
    append_ask_for_sync(state);
    append_settle(state->partition, settled);
}

/* Forms writes until one is under way or nothing is queued: refused batches make no write. */
static void form_write(struct partition_append *state)
{
    struct operations *operations = state->service->operations;
    struct partition *partition = state->partition;
    append_form_roll(state);
    while (state->queue != NULL && !state->is_writing) {
        if (partition->topic->is_deleted) {
            fail_queue(state, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
            break;
        }
        struct log_write *write = NULL;
        struct log_append *refused = NULL;
        struct error error = {0};
        int rc = log_write_begin(partition->log, &state->queue, operations_now(operations), &write, &refused, &error);
        if (rc != 0) {
            append_report_failure(state, &error);
            fail_queue(state, failure_code(rc));
            break;
        }
        if (state->queue == NULL)
            state->queue_tail = &state->queue;
        if (write != NULL && !write_on_loop(state, write)) {
            state->is_writing = true;
            state->write = (struct writer_job){.write = write, .done = on_written};
            writer_thread_submit(operations->writer, &state->write);
        }
        if (refused != NULL)
            take_refused(state, refused);
    }
    append_release_if_idle(state);
}

static void finish_refused(struct append_service *service)
{
    struct append_request *refused = service->refused;
    service->refused = NULL;
    service->refused_tail = &service->refused;
    for (struct append_request *request = refused, *next; request != NULL; request = next) {
        next = request->next_done;
        request->done(request);
    }
}

static void on_turn_end(struct turn_end *turn_end)
{
    struct append_service *service = CONTAINER_OF(turn_end, struct append_service, turn_end);
    struct partition_append *to_form = service->to_form;
    service->to_form = NULL;
    service->to_form_tail = &service->to_form;
    for (struct partition_append *state = to_form, *next; state != NULL; state = next) {
        next = state->next;
        state->is_asked = false;
        form_write(state);
    }
    finish_refused(service);
}

/* ---- batches that are looked into first ---- */

static void hold_part(struct partition_append *state, struct append_part *part, bool is_ready)
{
    part->is_ready = is_ready;
    part->next_held = NULL;
    *state->held_tail = part;
    state->held_tail = &part->next_held;
}

/* What is ready at the front goes on, in order. */
static void pass_on_held(struct partition_append *state)
{
    while (state->held != NULL && state->held->is_ready) {
        struct append_part *part = state->held;
        state->held = part->next_held;
        if (state->held == NULL)
            state->held_tail = &state->held;
        if (part->error != KAFKA_NONE)
            append_fail(part, part->error);
        else
            queue_part(state, part);
    }
}

static void execute_preparation(struct job *job)
{
    append_preparation_execute(CONTAINER_OF(job, struct append_preparation, job));
}

static void on_prepared(struct job *job)
{
    struct append_part *part = CONTAINER_OF(job, struct append_preparation, job)->context;
    struct partition_append *state = part->partition->append;
    (void)append_check_prepared(part, operations_now(state->service->operations)); /* part->error says it */
    part->is_ready = true;
    pass_on_held(state);
    append_release_if_idle(state);
}

static void start_preparation(struct partition_append *state, struct append_part *part)
{
    hold_part(state, part, false);
    struct append_preparation *preparation = part->preparation;
    preparation->context = part;
    preparation->job.execute = execute_preparation;
    preparation->job.done = on_prepared;
    jobs_submit(state->service->operations->jobs, &preparation->job, JOB_RECORDS);
}

/* ---- starting ---- */

/* True when the part waits for its result. */
static bool start_part(struct append_service *service, struct append_part *part, int64_t now)
{
    enum append_verdict verdict = append_check(part, service->operations, now);
    if (verdict == APPEND_REFUSED)
        return false;
    struct partition_append *state = append_acquire(service, part->partition);
    if (state == NULL) {
        append_check_end(part);
        (void)append_refuse(part, KAFKA_KAFKA_STORAGE_ERROR, NULL);
        return false;
    }
    if (verdict == APPEND_PREPARE)
        start_preparation(state, part);
    else if (state->held != NULL)
        hold_part(state, part, true);
    else
        queue_part(state, part);
    return true;
}

static void settle_at_turn_end(struct append_service *service, struct append_request *request)
{
    request->next_done = NULL;
    *service->refused_tail = request;
    service->refused_tail = &request->next_done;
    turn_end_ask(&service->turn_end);
}

void append_start(struct append_service *service, struct append_request *request)
{
    int64_t now = operations_now(service->operations);
    request->pending = 0;
    request->begun = uv_hrtime();
    request->times = &service->times;
    for (int32_t i = 0; i < request->part_count; i++) {
        struct append_part *part = &request->parts[i];
        part->request = request;
        part->base_offset = -1;
        part->log_append_time = -1;
        part->log_start = -1;
        if (part->partition != NULL && start_part(service, part, now))
            request->pending++;
    }
    if (request->pending == 0)
        settle_at_turn_end(service, request);
}

/* Waits behind an entry that nobody wrote. True when the part waits. */
static bool await_part(struct append_service *service, struct append_part *part)
{
    struct log *log = part->partition->log;
    int64_t end = part->base_offset < log_end_offset(log) ? part->base_offset : log_end_offset(log);
    if (end <= log_synced_end_offset(log))
        return false;
    part->is_ready = part->partition->append == NULL;
    struct partition_append *state = append_acquire(service, part->partition);
    if (state == NULL) {
        (void)append_refuse(part, KAFKA_KAFKA_STORAGE_ERROR, NULL);
        return false;
    }
    part->entry = (struct log_append){.base_offset = end - 1};
    append_await_sync(state, &part->entry);
    return true;
}

void append_start_sync(struct append_service *service, struct append_request *request)
{
    request->pending = 1;
    request->times = NULL;
    for (int32_t i = 0; i < request->part_count; i++) {
        struct append_part *part = &request->parts[i];
        part->request = request;
        part->is_ready = false;
        if (part->partition != NULL && await_part(service, part))
            request->pending++;
    }
    for (int32_t i = 0; i < request->part_count; i++) {
        const struct append_part *part = &request->parts[i];
        const struct partition *partition = part->partition;
        if (partition != NULL && partition->append != NULL)
            append_ask_for_sync(partition->append);
        /* Nothing waits where no sync could begin. A state that was there before is let go by whoever uses it: this may
         * be called from within a `done`. */
        if (partition != NULL && partition->append != NULL && part->is_ready)
            append_release_if_idle(partition->append);
    }
    if (--request->pending == 0)
        settle_at_turn_end(service, request);
}

/* ---- the service ---- */

int append_service_open(struct operations *operations, struct append_service **opened, struct error *error)
{
    struct append_service *service = memory_alloc_zeroed(operations->memory, MEMORY_SERVER, sizeof *service);
    if (service == NULL)
        return error_set_status(error, -ENOMEM, "append");
    service->memory = operations->memory;
    service->operations = operations;
    service->to_form_tail = &service->to_form;
    service->refused_tail = &service->refused;
    turn_end_init(&service->turn_end, operations->loop, on_turn_end);
    (void)uv_timer_init(operations->loop, &service->gather_timer); /* never fails */
    service->open_handles = 2;
    *opened = service;
    return 0;
}

static void closed_one(struct append_service *service)
{
    if (--service->open_handles == 0)
        memory_free(service->memory, MEMORY_SERVER, service, sizeof *service);
}

static void on_turn_end_closed(struct turn_end *turn_end)
{
    closed_one(CONTAINER_OF(turn_end, struct append_service, turn_end));
}

static void on_timer_closed(uv_handle_t *handle)
{
    closed_one(CONTAINER_OF(handle, struct append_service, gather_timer));
}

void append_service_close(struct append_service *service)
{
    while (service->spare != NULL) {
        struct partition_append *state = service->spare;
        service->spare = state->next;
        memory_free(service->operations->memory, MEMORY_REQUESTS, state, sizeof *state);
    }
    turn_end_close(&service->turn_end, on_turn_end_closed);
    uv_close((uv_handle_t *)&service->gather_timer, on_timer_closed);
}

const struct histogram *append_service_times(const struct append_service *service)
{
    return &service->times;
}

bool append_service_idle(const struct append_service *service)
{
    return service->states == 0 && service->refused == NULL;
}
