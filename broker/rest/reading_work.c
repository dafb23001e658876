/* A step is made: read_start, then a pass over what was found, then one step for each of its blocks. Whoever waited may
 * have gone meanwhile; what was made is kept all the same. */
#include "connection.h"
#include "container.h"
#include "operations/failure.h"
#include "operations/operations.h"
#include "operations/read.h"
#include "rest/reading_private.h"
#include "rest/record_mark.h"

#define BLOCK_BYTES    ((size_t)32 << 10)
#define PASS_LEAST     ((size_t)64 << 10)
#define PASS_MOST      ((size_t)1 << 20)
#define ARENA_MAX      ((size_t)4 << 20)
#define MARK_MAX       ((size_t)2 << 20)
#define FEW_BYTES      (16 << 10)
#define FEW_BYTES_EACH 1024
#define WAIT_MS        INT32_MAX

struct reading_work {
    struct reading_step *step;
    struct record_readers *readers;
    struct arena arena;
    struct read_request request;
    int32_t *part_of; /* of each of the request's parts: which of the reading's */
    struct record_range *ranges;
    struct record_pass pass;
    struct job job;
    bool is_reading; /* the request is not done */
};

/* ---- ends ---- */

/* The step's work is done. */
static struct reading_step *take_step(struct reading_work *work)
{
    work->step->work = NULL;
    return work->step;
}

static void free_work(struct reading_work *work)
{
    struct record_readers *readers = work->readers;
    readers->works--;
    arena_close(&work->arena);
    memory_free(readers->memory, MEMORY_RESPONSES, work, sizeof *work);
}

static void fail_step(struct reading_step *step, enum kafka_error error)
{
    step->error = error;
    step_made(step);
}

static void start_again(struct reading_work *work)
{
    struct reading_step *step = take_step(work);
    free_work(work);
    if (step->waiters.first != NULL)
        step_queue(step);
    else
        step_give_up(step);
}

/* ---- blocks become steps ---- */

static bool set_bytes(struct reading_step *step, slice bytes)
{
    const struct record_readers *readers = step->reading->readers;
    if (bytes.size == 0)
        return true;
    step->bytes = shared_bytes_make(readers->memory, connections_orphans(readers->server->connections), bytes.size);
    if (step->bytes != NULL)
        memcpy(step->bytes->data, bytes.data, bytes.size);
    return step->bytes != NULL;
}

static bool fill(struct reading_step *step, const struct record_pass *pass, int32_t i)
{
    const struct record_block *block = &pass->blocks[i];
    size_t begin = i != 0 ? pass->blocks[i - 1].end : 0;
    memcpy(step->after, block->positions, (size_t)pass->wish->part_count * sizeof *step->after);
    step->after_turn = block->turn;
    step->records = block->records;
    step->first_offset = block->first_offset;
    return set_bytes(step, slice_of(pass->bytes.data + begin, block->end - begin));
}

/* What comes behind the first block is found by whoever gets there. False: from here on it is to be made anew. */
static bool add_next(struct reading *reading, const struct record_pass *pass, int32_t i, int32_t limit)
{
    const struct record_block *before = &pass->blocks[i - 1];
    if (limit != CURSOR_NO_LIMIT || step_find(reading, before->positions, before->turn, limit) != NULL)
        return false;
    struct reading_step *step = step_add(reading, before->positions, before->turn, limit);
    if (step == NULL)
        return false;
    if (!fill(step, pass, i)) {
        step_give_up(step);
        return false;
    }
    step_made(step);
    return true;
}

static void finish_pass(struct reading_work *work)
{
    struct reading_step *step = take_step(work);
    struct reading *reading = step->reading;
    struct record_pass *pass = &work->pass;
    int32_t limit = step->limit;
    read_release(&work->request);
    reading->holds++;
    for (int32_t i = 1; i < pass->block_count && add_next(reading, pass, i, limit); i++)
        ;
    if (pass->block_count == 0)
        fail_step(step, pass->status != 0 ? failure_code(pass->status) : KAFKA_CORRUPT_MESSAGE);
    else if (fill(step, pass, 0))
        step_made(step);
    else
        fail_step(step, KAFKA_KAFKA_STORAGE_ERROR);
    record_pass_close(pass);
    free_work(work);
    reading_release(reading);
}

static void execute_pass(struct job *job)
{
    record_pass_run(&CONTAINER_OF(job, struct reading_work, job)->pass);
}

static void on_pass_done(struct job *job)
{
    struct reading_work *work = CONTAINER_OF(job, struct reading_work, job);
    work->readers->passes--;
    finish_pass(work);
}

/* ---- what was read ---- */

/* Shared out among those who read at once: what the others make must still be there when it is wanted. */
static size_t pass_bytes(const struct record_readers *readers)
{
    size_t share = readers->cached_limit / 2 / (readers->passes + 1);
    return share < PASS_LEAST ? PASS_LEAST : share > PASS_MOST ? PASS_MOST : share;
}

static void run_pass(struct reading_work *work, int32_t ranges)
{
    struct reading_step *step = work->step;
    struct record_readers *readers = work->readers;
    work->pass = (struct record_pass){
        .memory = readers->memory,
        .wish = &step->reading->wish,
        .ranges = work->ranges,
        .range_count = ranges,
        .positions = step->positions,
        .block_bytes = BLOCK_BYTES,
        .max_bytes = pass_bytes(readers),
        .max_records = step->limit,
    };
    if (record_pass_is_light(&work->pass)) {
        record_pass_run(&work->pass);
        finish_pass(work);
        return;
    }
    readers->passes++;
    work->job.execute = execute_pass;
    work->job.done = on_pass_done;
    jobs_submit(&readers->server->jobs, &work->job, JOB_RECORDS);
}

/* A step that only tells of something. */
static void tell(struct reading_work *work, void (*write)(struct reading_step *step, int32_t part, writer *w),
                 int32_t part)
{
    struct reading_step *step = take_step(work);
    writer w;
    writer_init(&w, work->readers->memory, MEMORY_RESPONSES, MARK_MAX);
    write(step, part, &w);
    if (!writer_ok(&w) || !set_bytes(step, writer_slice(&w)))
        step->error = KAFKA_KAFKA_STORAGE_ERROR;
    step->after_turn = step->turn;
    writer_close(&w);
    read_release(&work->request);
    free_work(work);
    step_made(step);
}

static void write_gap(struct reading_step *step, int32_t part, writer *w)
{
    const struct log *log = step->reading->partitions[part]->log;
    step->gap = (struct reading_gap){part, step->positions[part], log_start_offset(log)};
    step->after[part] = step->gap.to;
    record_mark_gap(&step->reading->wish, &step->gap, step->after, w);
}

static void write_deleted(struct reading_step *step, int32_t part, writer *w)
{
    step->after[part] = RECORD_PART_GONE;
    step->tells_deleted = true;
    record_mark_deleted(&step->reading->wish, part, step->after, w);
}

static void take_error(struct reading_work *work, const struct read_part *part, int32_t index)
{
    if (part->error == KAFKA_OFFSET_OUT_OF_RANGE && part->partition->log != NULL) {
        tell(work, write_gap, index);
    } else if (part->error == KAFKA_UNKNOWN_TOPIC_OR_PARTITION) {
        tell(work, write_deleted, index);
    } else {
        struct reading_step *step = take_step(work);
        enum kafka_error error = part->error;
        read_release(&work->request);
        free_work(work);
        fail_step(step, error);
    }
}

static void on_read_done(struct read_request *request)
{
    struct reading_work *work = CONTAINER_OF(request, struct reading_work, request);
    work->is_reading = false;
    int32_t ranges = 0;
    for (int32_t i = 0; i < request->part_count; i++) {
        const struct read_part *part = &request->parts[i];
        if (part->error != KAFKA_NONE && !request->is_cancelled) {
            take_error(work, part, work->part_of[i]);
            return;
        }
        if (part->error == KAFKA_NONE && part->read != NULL)
            work->ranges[ranges++] = record_range_of(work->part_of[i], part->read);
    }
    if (ranges != 0 && !request->is_cancelled) {
        run_pass(work, ranges);
        return;
    }
    read_release(request);
    start_again(work);
}

/* ---- the beginning ---- */

/* JSON is about twice as long. Where few records are wanted, few bytes are. */
static int32_t bytes_to_read(const struct reading_step *step)
{
    int32_t most = (int32_t)(pass_bytes(step->reading->readers) / 2);
    if (step->limit >= most / FEW_BYTES_EACH)
        return most;
    return step->limit * FEW_BYTES_EACH > FEW_BYTES ? step->limit * FEW_BYTES_EACH : FEW_BYTES;
}

/* The step's turn is first, then the others in order. */
static bool set_parts(struct reading_work *work)
{
    const struct reading_step *step = work->step;
    const struct reading *reading = step->reading;
    int32_t count = reading->wish.part_count;
    struct read_request *request = &work->request;
    request->parts = arena_alloc(&work->arena, (size_t)count * sizeof *request->parts);
    work->part_of = arena_alloc(&work->arena, (size_t)count * sizeof *work->part_of);
    work->ranges = arena_alloc(&work->arena, (size_t)count * sizeof *work->ranges);
    if (request->parts == NULL || work->part_of == NULL || work->ranges == NULL)
        return false;
    for (int32_t i = 0; i < count; i++) {
        int32_t index = (step->turn + i) % count;
        struct partition *partition = reading->partitions[index];
        if (step->positions[index] == RECORD_PART_GONE || (partition->log == NULL && !partition->topic->is_deleted))
            continue;
        work->part_of[request->part_count] = index;
        request->parts[request->part_count++] = (struct read_part){
            .partition = partition,
            .offset = step->positions[index],
            .max_bytes = request->max_bytes,
        };
    }
    return true;
}

void work_start(struct reading_step *step)
{
    struct record_readers *readers = step->reading->readers;
    if (step->waiters.first == NULL) {
        step_give_up(step);
        return;
    }
    struct reading_work *work = memory_alloc_zeroed(readers->memory, MEMORY_RESPONSES, sizeof *work);
    if (work == NULL) {
        fail_step(step, KAFKA_KAFKA_STORAGE_ERROR);
        return;
    }
    work->step = step;
    work->readers = readers;
    step->work = work;
    step->state = STEP_UNDER_WAY;
    readers->works++;
    arena_init(&work->arena, readers->memory, MEMORY_RESPONSES, ARENA_MAX);
    work->request.max_bytes = bytes_to_read(step);
    work->request.min_bytes = 1;
    work->request.max_wait_ms = WAIT_MS;
    work->request.committed = step->reading->asked.committed;
    work->request.arena = &work->arena;
    work->request.done = on_read_done;
    if (!set_parts(work) || work->request.part_count == 0) { /* all are offline */
        (void)take_step(work);
        free_work(work);
        fail_step(step, KAFKA_KAFKA_STORAGE_ERROR);
        return;
    }
    work->is_reading = true;
    read_start(readers->server->reads, &work->request);
}

void work_cancel(struct reading_work *work)
{
    if (work->is_reading)
        read_cancel(&work->request);
}
