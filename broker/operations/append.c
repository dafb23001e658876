/* Happy path. append_start checks each part's batch (append_check.h) and queues it on its partition. At the end of the
 * loop's turn, what was queued on partitions without a write under way becomes one write each, and goes to the writer.
 * When a write is done, the parts get their results in order, whoever waits for records is woken, and what was queued
 * meanwhile becomes the next write.
 *
 * A batch that a pool job must look into is held, and what arrives behind it for the same partition too.
 *
 * Failures. A write that fails, fails all that it took; what was queued behind it is tried anew. When a write cannot
 * even be formed, the queue fails. Nothing is retried here: producers do.
 *
 * Behind a slow sync, the next write may wait a moment for company (gather.h), under one timer.
 *
 * A partition's state exists while something is queued, held or written, and holds the topic. A few are kept for reuse.
 */
#include "operations/append.h"

#include "container.h"
#include "flush.h"
#include "operations/append_check.h"
#include "operations/append_prepare.h"
#include "operations/failure.h"
#include "operations/gather.h"
#include "operations/read.h"
#include "operations/turn_end.h"

#include <errno.h>
#include <inttypes.h>

#define SPARE_STATES_MAX 64

struct partition_append {
    struct append_service *service;
    struct partition *partition;
    struct log_append *queue; /* for the next write */
    struct log_append **queue_tail;
    struct append_part *held; /* behind a preparation, itself included */
    struct append_part **held_tail;
    struct writer_job job; /* the write under way, or the sync of what was written before */
    struct log_append
        *refused; /* while that sync is under way: the duplicates that wait for it, and what came with them */
    bool is_writing;
    bool is_asked; /* on the list of those to be formed */
    struct partition_append *next;
    struct gather gather;
    bool is_gathering; /* on the list of those that the timer looks at */
    struct partition_append *next_gathering;
};

struct append_service {
    struct memory *memory; /* the operations go before the handles below are closed */
    struct operations *operations;
    struct turn_end turn_end;
    struct partition_append *to_form;
    struct partition_append **to_form_tail;
    struct append_request *refused; /* requests that were done at once */
    struct append_request **refused_tail;
    struct partition_append *spare;
    unsigned spare_count;
    size_t states; /* in use */
    uv_timer_t gather_timer;
    struct partition_append *gathering;
    int open_handles;
    struct log_limit log_limit;
};

/* ---- a partition's state ---- */

static struct partition_append *acquire_state(struct append_service *service, struct partition *partition)
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
    partition->append = state;
    topic_hold(partition->topic);
    service->states++;
    return state;
}

static void release_state_if_idle(struct partition_append *state)
{
    if (state->queue != NULL || state->held != NULL || state->is_writing || state->is_asked || state->is_gathering)
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

static void ask_for_write(struct partition_append *state)
{
    struct append_service *service = state->service;
    if (state->is_asked || state->is_writing || state->queue == NULL || state->gather.is_waiting)
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
    if (gather_note_arrival(&state->gather))
        ask_for_write(state);
}

static void on_gather_timer(uv_timer_t *timer)
{
    struct append_service *service = CONTAINER_OF(timer, struct append_service, gather_timer);
    struct partition_append *gathering = service->gathering;
    service->gathering = NULL;
    for (struct partition_append *state = gathering, *next; state != NULL; state = next) {
        next = state->next_gathering;
        state->is_gathering = false;
        gather_give_up(&state->gather);
        ask_for_write(state);
        release_state_if_idle(state);
    }
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
        uv_timer_start(&service->gather_timer, on_gather_timer, GATHER_WAIT_MS, 0);
}

/* ---- results ---- */

static void settle(struct append_part *part)
{
    append_check_end(part);
    struct append_request *request = part->request;
    if (--request->pending == 0)
        request->done(request);
}

static void fail(struct append_part *part, enum kafka_error code)
{
    (void)append_refuse(part, code, NULL);
    part->base_offset = -1;
    part->log_append_time = -1;
    part->log_start = -1;
    append_note_log_start(part);
    settle(part);
}

static enum kafka_error code_of_write(int status)
{
    return status == FURROW_TOO_LARGE ? KAFKA_RECORD_LIST_TOO_LARGE : failure_code(status);
}

static struct append_part *part_of(struct log_append *entry)
{
    return CONTAINER_OF(entry, struct append_part, entry);
}

static void settle_written(const struct partition *partition, struct log_append *entries)
{
    for (struct log_append *entry = entries, *next; entry != NULL; entry = next) {
        next = entry->next;
        struct append_part *part = part_of(entry);
        enum kafka_error code = code_of_write(entry->status);
        if (code != KAFKA_NONE) {
            fail(part, partition->topic->is_deleted ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : code);
            continue;
        }
        part->base_offset = entry->base_offset;
        part->log_start = log_start_offset(partition->log);
        settle(part);
    }
}

static size_t written_bytes(const struct log_append *entries)
{
    size_t bytes = 0;
    for (const struct log_append *entry = entries; entry != NULL; entry = entry->next) {
        if (entry->status == 0)
            bytes += entry->size;
    }
    return bytes;
}

static uint32_t count_entries(const struct log_append *entries)
{
    uint32_t count = 0;
    for (; entries != NULL; entries = entries->next)
        count++;
    return count;
}

/* Of a topic that is deleted meanwhile, the files may be gone. */
static void report_failure(struct partition_append *state, const struct error *error)
{
    struct append_service *service = state->service;
    enum log_level level = state->partition->topic->is_deleted ? LOG_DEBUG : LOG_ERROR;
    if (service->operations->logger != NULL)
        log_line_limited(service->operations->logger, &service->log_limit, level, "append",
                         "topic=%s partition=%" PRId32 " %s", log_quote(topic_name(state->partition->topic)).text,
                         state->partition->index, error->message);
}

/* ---- writing ---- */

static bool wants_sync(struct log_append *queue)
{
    for (struct log_append *entry = queue; entry != NULL; entry = entry->next) {
        if (part_of(entry)->request->acks == APPEND_ACKS_ALL)
            return true;
    }
    return false;
}

static void on_written(struct writer_job *job)
{
    struct partition_append *state = CONTAINER_OF(job, struct partition_append, job);
    struct append_service *service = state->service;
    struct partition *partition = state->partition;
    struct error error = {0};
    struct log_append *done = log_write_end(partition->log, job->write, &error);
    state->is_writing = false;
    if (error.code != 0)
        report_failure(state, &error);

    size_t bytes = written_bytes(done);
    if (bytes != 0 && service->operations->reads != NULL)
        read_note_append(service->operations->reads, partition, bytes);
    if (service->operations->flush != NULL)
        flush_note_dirty(service->operations->flush, partition);
    if (gather_end_write(&state->gather, count_entries(done), count_entries(state->queue), uv_hrtime()))
        wait_for_company(state);
    ask_for_write(state);
    settle_written(partition, done);
    release_state_if_idle(state);
}

static void fail_queue(struct partition_append *state, enum kafka_error code)
{
    struct log_append *queue = state->queue;
    state->queue = NULL;
    state->queue_tail = &state->queue;
    for (struct log_append *entry = queue, *next; entry != NULL; entry = next) {
        next = entry->next;
        fail(part_of(entry), code);
    }
}

/* ---- duplicates ---- */

/* A batch that was written before may not be on the disk yet: the server was killed before its sync, or it was sent
 * with acks=1 then. */
static bool wants_sync_of_earlier(const struct log *log, struct log_append *duplicate)
{
    int64_t last = duplicate->base_offset + duplicate->header.last_offset_delta;
    return duplicate->status == FURROW_DUPLICATE_SEQUENCE && part_of(duplicate)->request->acks == APPEND_ACKS_ALL &&
           last >= log_synced_end_offset(log);
}

static void settle_refused(struct partition_append *state, struct log_append *refused, int status)
{
    const struct log *log = state->partition->log;
    for (struct log_append *entry = refused; status != 0 && entry != NULL; entry = entry->next) {
        if (wants_sync_of_earlier(log, entry))
            entry->status = status;
    }
    settle_written(state->partition, refused);
}

static void on_earlier_synced(struct writer_job *job)
{
    struct partition_append *state = CONTAINER_OF(job, struct partition_append, job);
    struct log_append *refused = state->refused;
    struct error error = {0};
    int rc = log_sync_end(state->partition->log, job->sync, &error);
    state->is_writing = false;
    state->refused = NULL;
    if (rc != 0)
        report_failure(state, &error);
    ask_for_write(state);
    settle_refused(state, refused, rc);
    release_state_if_idle(state);
}

/* Of a write that was all refused. */
static void take_refused(struct partition_append *state, struct log_append *refused)
{
    struct log *log = state->partition->log;
    struct log_sync *sync = NULL;
    int rc = 0;
    bool must_sync = false;
    for (struct log_append *entry = refused; entry != NULL && !must_sync; entry = entry->next)
        must_sync = wants_sync_of_earlier(log, entry);
    if (must_sync)
        rc = log_sync_begin(log, &sync, NULL);
    if (sync == NULL) {
        settle_refused(state, refused, rc);
        return;
    }
    state->refused = refused;
    state->is_writing = true;
    gather_start_write(&state->gather, false, uv_hrtime());
    state->job = (struct writer_job){.sync = sync, .done = on_earlier_synced};
    writer_thread_submit(state->service->operations->writer, &state->job);
}

/* Forms writes until one is under way or nothing is queued: refused batches make no write. */
static void form_write(struct partition_append *state)
{
    struct operations *operations = state->service->operations;
    struct partition *partition = state->partition;
    while (state->queue != NULL && !state->is_writing) {
        if (partition->topic->is_deleted) {
            fail_queue(state, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
            break;
        }
        struct log_write *write = NULL;
        struct log_append *refused = NULL;
        struct error error = {0};
        bool sync = wants_sync(state->queue);
        int rc =
            log_write_begin(partition->log, &state->queue, operations_now(operations), sync, &write, &refused, &error);
        if (rc != 0) {
            report_failure(state, &error);
            fail_queue(state, failure_code(rc));
            break;
        }
        if (state->queue == NULL)
            state->queue_tail = &state->queue;
        if (write != NULL) {
            state->is_writing = true;
            gather_start_write(&state->gather, sync, uv_hrtime());
            state->job = (struct writer_job){.write = write, .wants_sync = sync, .done = on_written};
            writer_thread_submit(operations->writer, &state->job);
        }
        if (refused != NULL)
            take_refused(state, refused);
    }
    release_state_if_idle(state);
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
            fail(part, part->error);
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
    release_state_if_idle(state);
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
    struct partition_append *state = acquire_state(service, part->partition);
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

void append_start(struct append_service *service, struct append_request *request)
{
    int64_t now = operations_now(service->operations);
    request->pending = 0;
    for (int32_t i = 0; i < request->part_count; i++) {
        struct append_part *part = &request->parts[i];
        part->request = request;
        part->base_offset = -1;
        part->log_append_time = -1;
        part->log_start = -1;
        if (part->partition != NULL && start_part(service, part, now))
            request->pending++;
    }
    if (request->pending != 0)
        return;
    request->next_done = NULL;
    *service->refused_tail = request;
    service->refused_tail = &request->next_done;
    turn_end_ask(&service->turn_end);
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

bool append_service_idle(const struct append_service *service)
{
    return service->states == 0 && service->refused == NULL;
}
