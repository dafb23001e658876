/* A request goes on in rounds, at the ends of the loop's turns. A round looks at each part in order: where records are,
 * it asks the log for them. What the log finds in memory is there at once; else a job brings it, several at a time, and
 * the part counts with what it may bring at most until then. When all parts are known, the request is done, or it lets
 * go of everything and waits (read_wait.c); after waiting comes one last round.
 *
 * Failures. A part that cannot be read has an error and ends the waiting; the others are read all the same. */
#include "operations/read.h"

#include "container.h"
#include "operations/failure.h"
#include "operations/read_private.h"

#include <errno.h>
#include <inttypes.h>

#define JOBS_MAX        8  /* in the pool at once; the others wait */
#define PARTS_FOUND_MAX 64 /* parts with bytes in one answer: each holds a file open until it was sent */

struct read_job {
    struct job job;
    struct read_part *part;
    struct read_request *request;
    struct read_job *next;
};

static void run_round(struct read_request *request);

/* ---- a part ---- */

static void fail_part(struct read_part *part, enum kafka_error code)
{
    part->error = code;
    part->high_watermark = -1;
    part->log_start = -1;
    part->stable_end = -1;
    part->read = NULL;
}

static void release_part(struct read_part *part)
{
    if (part->read == NULL)
        return;
    log_read_release(part->partition->log, part->slot);
    part->read = NULL;
}

/* A topic that is deleted meanwhile takes its files with it. */
static void report_failure(struct read_service *service, const struct read_part *part, int status)
{
    const struct partition *partition = part->partition;
    struct logger *logger = service->operations->logger;
    if (logger == NULL || partition->topic->is_deleted || status == -ENOMEM || status == FURROW_OUT_OF_RANGE)
        return;
    log_line_limited(logger, &service->log_limit, LOG_ERROR, "read", "partition=%s offset=%" PRId64 " %s",
                     log_folder(partition->log), part->offset,
                     status == FURROW_CORRUPT ? "damaged: the records cannot be served" : status_text(status));
}

/* The log's answer is in the slot. */
static void take_result(struct read_request *request, struct read_part *part)
{
    struct log_read *read = part->slot;
    if (read->status == 0 && read->bytes != 0) {
        part->read = read;
        part->counted = read->bytes;
        request->found++;
        return;
    }
    log_read_release(part->partition->log, read);
    if (read->status == 0)
        return;
    report_failure(request->service, part, read->status);
    fail_part(part, failure_code(read->status));
}

/* Sets what is known of the partition. False when there is nothing to read. */
static bool look_at(struct read_request *request, struct read_part *part)
{
    const struct log *log = part->partition->log;
    if (part->is_final)
        return false;
    if (part->partition->topic->is_deleted) {
        fail_part(part, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
        return false;
    }
    if (log == NULL) {
        fail_part(part, KAFKA_KAFKA_STORAGE_ERROR);
        return false;
    }
    part->error = KAFKA_NONE;
    part->high_watermark = log_end_offset(log);
    part->log_start = log_start_offset(log);
    part->stable_end = log_stable_end_offset(log);
    part->end_offset = request->committed ? part->stable_end : part->high_watermark;
    part->counted = 0;
    part->unstable = 0;
    if (part->offset < part->log_start || part->offset > part->high_watermark) {
        fail_part(part, KAFKA_OFFSET_OUT_OF_RANGE);
        return false;
    }
    return part->offset < part->end_offset;
}

/* ---- jobs ---- */

static void execute_job(struct job *job)
{
    log_read_execute(CONTAINER_OF(job, struct read_job, job)->part->slot);
}

static void end_round(struct read_request *request);

static void on_job_done(struct job *done);

static void start_jobs(struct read_service *service)
{
    while (service->jobs_queued != NULL && service->jobs_running < JOBS_MAX) {
        struct read_job *job = service->jobs_queued;
        service->jobs_queued = job->next;
        if (service->jobs_queued == NULL)
            service->jobs_queued_tail = &service->jobs_queued;
        service->jobs_running++;
        job->job.execute = execute_job;
        job->job.done = on_job_done;
        jobs_submit(service->operations->jobs, &job->job, JOB_READ);
    }
}

static void on_job_done(struct job *done)
{
    struct read_job *job = CONTAINER_OF(done, struct read_job, job);
    struct read_request *request = job->request;
    struct read_part *part = job->part;
    struct read_service *service = request->service;
    memory_free(service->operations->memory, MEMORY_REQUESTS, job, sizeof *job);
    service->jobs_running--;
    start_jobs(service);

    log_read_end(part->partition->log, part->slot);
    take_result(request, part);
    if (--request->jobs == 0)
        end_round(request);
}

static bool submit_job(struct read_request *request, struct read_part *part)
{
    struct read_service *service = request->service;
    struct read_job *job = memory_alloc(service->operations->memory, MEMORY_REQUESTS, sizeof *job);
    if (job == NULL)
        return false;
    *job = (struct read_job){.part = part, .request = request};
    request->jobs++;
    *service->jobs_queued_tail = job;
    service->jobs_queued_tail = &job->next;
    start_jobs(service);
    return true;
}

/* ---- a round ---- */

/* What a part may bring that is not read yet. */
static int64_t at_most(const struct log *log, int64_t max_bytes)
{
    uint64_t bytes = log_bytes(log);
    return max_bytes > 0 && (uint64_t)max_bytes > bytes ? (int64_t)bytes : max_bytes;
}

static void read_part(struct read_request *request, struct read_part *part)
{
    bool is_first = !request->found_first;
    int64_t max_bytes = part->max_bytes < request->bytes_left ? part->max_bytes : request->bytes_left;
    request->found_first = true;
    if (!is_first && (max_bytes <= 0 || request->found + (int32_t)request->jobs >= PARTS_FOUND_MAX))
        return;
    if (part->slot == NULL)
        part->slot = arena_alloc(request->arena, sizeof *part->slot);
    if (part->slot == NULL) {
        fail_part(part, KAFKA_KAFKA_STORAGE_ERROR);
        return;
    }
    *part->slot = (struct log_read){
        .offset = part->offset,
        .end_offset = part->end_offset,
        .max_bytes = max_bytes > 0 ? (uint32_t)max_bytes : 0,
        .whole_batch = is_first,
        .committed = request->committed,
    };
    struct log *log = part->partition->log;
    if (log_read_begin(log, part->slot) == 1) {
        take_result(request, part);
        request->bytes_left -= part->counted;
    } else if (submit_job(request, part)) {
        request->bytes_left -= at_most(log, max_bytes);
    } else {
        log_read_end(log, part->slot);
        log_read_release(log, part->slot);
        fail_part(part, KAFKA_KAFKA_STORAGE_ERROR);
    }
}

static void finish(struct read_request *request)
{
    request->state = READ_DONE;
    request->service->requests--;
    for (int32_t i = 0; i < request->part_count; i++)
        if (request->parts[i].partition != NULL && request->parts[i].read != NULL)
            request->parts[i].partition->topic->traffic.bytes_out += request->parts[i].read->bytes;
    request->done(request);
}

/* Records came while jobs were under way. */
static bool has_moved(const struct read_request *request, const struct read_part *part)
{
    const struct log *log = part->partition->log;
    return part->end_offset != (request->committed ? log_stable_end_offset(log) : log_end_offset(log));
}

/* Kafka's rules: at once on any error, when enough was found, and when more cannot be expected to come into the same
 * answer, because the offset lies behind the active segment. */
static bool is_enough(const struct read_request *request)
{
    int32_t asked = 0;
    for (int32_t i = 0; i < request->part_count; i++) {
        const struct read_part *part = &request->parts[i];
        if (part->error != KAFKA_NONE || part->is_final)
            return true;
        if (part->partition == NULL)
            continue;
        asked++;
        if (part->offset < part->end_offset && part->offset < log_active_base(part->partition->log))
            return true;
    }
    return asked == 0 || request->max_wait_ms <= 0 || request->counted >= (uint64_t)request->min_bytes;
}

static bool must_look_again(const struct read_request *request)
{
    for (int32_t i = 0; i < request->part_count; i++) {
        if (request->parts[i].partition != NULL && has_moved(request, &request->parts[i]))
            return true;
    }
    return false;
}

static void end_round(struct read_request *request)
{
    request->counted = 0;
    for (int32_t i = 0; i < request->part_count; i++)
        request->counted += request->parts[i].counted;
    if (request->is_last_round || is_enough(request)) {
        finish(request);
        return;
    }
    for (int32_t i = 0; i < request->part_count; i++) {
        struct read_part *part = &request->parts[i];
        release_part(part);
        if (part->max_bytes >= 0 && part->counted > (uint32_t)part->max_bytes)
            part->counted = (uint32_t)part->max_bytes;
    }
    if (must_look_again(request))
        read_queue(request);
    else
        read_wait_begin(request);
}

static void run_round(struct read_request *request)
{
    request->bytes_left = request->max_bytes;
    request->found_first = false;
    request->found = 0;
    request->jobs = 1; /* until all parts were begun */
    request->state = READ_WORKING;
    for (int32_t i = 0; i < request->part_count; i++) {
        struct read_part *part = &request->parts[i];
        if (part->partition != NULL && look_at(request, part) && !request->is_cancelled)
            read_part(request, part);
    }
    if (--request->jobs == 0)
        end_round(request);
}

void read_queue(struct read_request *request)
{
    struct read_service *service = request->service;
    request->state = READ_QUEUED;
    request->next = NULL;
    *service->queued_tail = request;
    service->queued_tail = &request->next;
    turn_end_ask(&service->turn_end);
}

static void on_turn_end(struct turn_end *turn_end)
{
    struct read_service *service = CONTAINER_OF(turn_end, struct read_service, turn_end);
    struct read_request *queued = service->queued;
    service->queued = NULL;
    service->queued_tail = &service->queued;
    for (struct read_request *request = queued, *next; request != NULL; request = next) {
        next = request->next;
        run_round(request);
    }
}

/* ---- requests ---- */

void read_start(struct read_service *service, struct read_request *request)
{
    request->service = service;
    request->is_last_round = false;
    request->is_cancelled = false;
    if (request->min_bytes > request->max_bytes)
        request->min_bytes = request->max_bytes;
    if (request->min_bytes < 0)
        request->min_bytes = 0;
    request->deadline =
        uv_now(service->operations->loop) + (request->max_wait_ms > 0 ? (uint64_t)request->max_wait_ms : 0);
    for (int32_t i = 0; i < request->part_count; i++) {
        struct read_part *part = &request->parts[i];
        part->slot = NULL;
        part->read = NULL;
        part->counted = 0;
        if (part->partition != NULL)
            topic_hold(part->partition->topic);
    }
    service->requests++;
    read_queue(request);
}

void read_hurry(struct read_request *request)
{
    request->is_last_round = true;
    if (request->state == READ_WAITING)
        read_wait_end(request);
}

void read_cancel(struct read_request *request)
{
    request->is_cancelled = true;
    read_hurry(request);
}

void read_release(struct read_request *request)
{
    for (int32_t i = 0; i < request->part_count; i++) {
        struct read_part *part = &request->parts[i];
        if (part->partition == NULL)
            continue;
        release_part(part);
        topic_release(request->service->operations->topics, part->partition->topic);
        part->partition = NULL;
    }
}

/* ---- the service ---- */

int read_service_open(struct operations *operations, struct read_service **opened, struct error *error)
{
    struct read_service *service = memory_alloc_zeroed(operations->memory, MEMORY_SERVER, sizeof *service);
    if (service == NULL)
        return error_set_status(error, -ENOMEM, "read");
    service->memory = operations->memory;
    service->operations = operations;
    service->queued_tail = &service->queued;
    service->jobs_queued_tail = &service->jobs_queued;
    turn_end_init(&service->turn_end, operations->loop, on_turn_end);
    (void)uv_timer_init(operations->loop, &service->timer); /* never fails */
    service->open_handles = 2;
    *opened = service;
    return 0;
}

static void closed_one(struct read_service *service)
{
    if (--service->open_handles == 0)
        memory_free(service->memory, MEMORY_SERVER, service, sizeof *service);
}

static void on_turn_end_closed(struct turn_end *turn_end)
{
    closed_one(CONTAINER_OF(turn_end, struct read_service, turn_end));
}

static void on_timer_closed(uv_handle_t *handle)
{
    closed_one(CONTAINER_OF(handle, struct read_service, timer));
}

void read_service_close(struct read_service *service)
{
    turn_end_close(&service->turn_end, on_turn_end_closed);
    uv_close((uv_handle_t *)&service->timer, on_timer_closed);
}

bool read_service_idle(const struct read_service *service)
{
    return service->requests == 0;
}
