#include "writer_thread.h"

#include "sync_choice.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#define STACK_BYTES    ((size_t)128 << 10)
#define TOGETHER_LIMIT 64 /* syncs */
#define PATIENCE_NS    ((uint64_t)500000000)

struct queue {
    struct writer_job *first;
    struct writer_job **tail;
};

/* One thread and what it has to do. */
struct lane {
    struct writer_thread *thread;
    pthread_t handle;
    void (*execute)(struct lane *lane, struct queue *queue);
    pthread_cond_t wake;
    struct queue submitted; /* guarded by the mutex, as the next */
    struct queue patient;
    uint64_t passed_since; /* ns; the patient have been passed over since then; 0: they are not */
};

struct writer_thread {
    struct memory *memory;
    uv_async_t async;
    size_t under_way; /* submitted and not yet handed back; the loop's, as the next */
    struct writer_times times;
    _Atomic uint32_t sync_delay_ms;
    struct lane writes;
    struct lane syncs;
    struct sync_choice choice; /* the syncing thread's */

    pthread_mutex_t mutex; /* guards all below */
    struct queue finished;
    bool closing;
};

static void queue_clear(struct queue *queue)
{
    queue->first = NULL;
    queue->tail = &queue->first;
}

static void queue_push(struct queue *queue, struct writer_job *job)
{
    job->next = NULL;
    *queue->tail = job;
    queue->tail = &job->next;
}

static void queue_move(struct queue *from, struct queue *to)
{
    queue_clear(to);
    if (from->first == NULL)
        return;
    *to = *from;
    queue_clear(from);
}

/* ---- the threads ---- */

static void hand_back(struct writer_thread *thread, struct queue *done)
{
    if (done->first == NULL)
        return;
    pthread_mutex_lock(&thread->mutex);
    *thread->finished.tail = done->first;
    thread->finished.tail = done->tail;
    pthread_mutex_unlock(&thread->mutex);
    queue_clear(done);
    uv_async_send(&thread->async);
}

static void execute_writes(struct lane *lane, struct queue *queue)
{
    for (struct writer_job *job = queue->first; job != NULL; job = job->next) {
        job->begun = uv_hrtime();
        log_write_execute(job->write);
        job->ended = uv_hrtime();
    }
    hand_back(lane->thread, queue);
}

static void delay(struct writer_thread *thread)
{
    uint32_t ms = atomic_load_explicit(&thread->sync_delay_ms, memory_order_relaxed);
    if (ms == 0)
        return;
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

static void note_times(struct queue *done, uint64_t begun, uint64_t ended)
{
    for (struct writer_job *job = done->first; job != NULL; job = job->next) {
        job->begun = begun;
        job->ended = job == done->first ? ended : 0; /* one call for all of them is one sync */
    }
}

/* Up to TOGETHER_LIMIT syncs from the front; the rest is returned. */
static struct writer_job *execute_together(struct writer_thread *thread, struct writer_job *jobs)
{
    struct log_sync *syncs[TOGETHER_LIMIT];
    struct queue done;
    uint32_t count = 0;
    queue_clear(&done);
    while (jobs != NULL && count < TOGETHER_LIMIT) {
        struct writer_job *job = jobs;
        jobs = job->next;
        syncs[count++] = job->sync;
        queue_push(&done, job);
    }
    delay(thread);
    uint64_t started = uv_hrtime();
    log_sync_execute_together(syncs, count);
    uint64_t ended = uv_hrtime();
    sync_choice_note_all(&thread->choice, ended - started);
    note_times(&done, started, ended);
    hand_back(thread, &done);
    return jobs;
}

/* Each is handed back when it is done: the others may take long. */
static struct writer_job *execute_one(struct writer_thread *thread, struct writer_job *job)
{
    struct writer_job *next = job->next;
    struct queue done;
    queue_clear(&done);
    delay(thread);
    uint64_t started = uv_hrtime();
    uint32_t pauses = log_sync_pauses(job->sync);
    log_sync_execute(job->sync);
    uint64_t ended = uv_hrtime();
    sync_choice_note_each(&thread->choice, pauses, ended - started);
    queue_push(&done, job);
    note_times(&done, started, ended);
    hand_back(thread, &done);
    return next;
}

static uint32_t count_pauses(const struct writer_job *jobs)
{
    uint32_t pauses = 0;
    for (; jobs != NULL; jobs = jobs->next)
        pauses += log_sync_pauses(jobs->sync);
    return pauses;
}

/* Of those that are patient: all, or the first. */
static void take_patient(struct lane *lane, bool all, struct queue *to)
{
    struct writer_job *first = lane->patient.first;
    if (first == NULL)
        return;
    struct writer_job *rest = all ? NULL : first->next;
    struct writer_job **end = all ? lane->patient.tail : &first->next;
    *to->tail = first;
    to->tail = end;
    *end = NULL;
    lane->patient.first = rest;
    if (rest == NULL)
        lane->patient.tail = &lane->patient.first;
}

/* Others may never come to an end, so patience does. From then on one of the patient is taken each time. */
static bool is_patience_over(struct lane *lane, const struct queue *others)
{
    if (lane->patient.first == NULL || others->first == NULL) {
        lane->passed_since = 0;
        return false;
    }
    if (lane->passed_since == 0)
        lane->passed_since = uv_hrtime();
    return uv_hrtime() - lane->passed_since >= PATIENCE_NS;
}

static void execute_syncs(struct lane *lane, struct queue *queue)
{
    struct writer_thread *thread = lane->thread;
    pthread_mutex_lock(&thread->mutex);
    uint32_t pauses = count_pauses(queue->first) + count_pauses(lane->patient.first);
    const struct writer_job *any = queue->first != NULL ? queue->first : lane->patient.first;
    bool together = log_sync_can_join(any->sync) && sync_choice_all(&thread->choice, pauses);
    bool is_over = is_patience_over(lane, queue);
    if (together || queue->first == NULL || is_over)
        take_patient(lane, together, queue);
    pthread_mutex_unlock(&thread->mutex);
    struct writer_job *jobs = queue->first;
    while (jobs != NULL)
        jobs = together ? execute_together(thread, jobs) : execute_one(thread, jobs);
}

static bool lane_is_empty(const struct lane *lane)
{
    return lane->submitted.first == NULL && lane->patient.first == NULL;
}

static void *run(void *context)
{
    struct lane *lane = context;
    struct writer_thread *thread = lane->thread;
    pthread_mutex_lock(&thread->mutex);
    for (;;) {
        while (lane_is_empty(lane) && !thread->closing)
            pthread_cond_wait(&lane->wake, &thread->mutex);
        if (lane_is_empty(lane))
            break;
        struct queue taken;
        queue_move(&lane->submitted, &taken);
        pthread_mutex_unlock(&thread->mutex);
        lane->execute(lane, &taken);
        pthread_mutex_lock(&thread->mutex);
    }
    pthread_mutex_unlock(&thread->mutex);
    return NULL;
}

/* ---- the loop's side ---- */

static void count_times(struct writer_times *times, const struct writer_job *job)
{
    histogram_add(&times->waits, job->begun - job->submitted);
    if (job->ended != 0)
        histogram_add(job->write != NULL ? &times->writes : &times->syncs, job->ended - job->begun);
}

static void deliver(struct writer_thread *thread)
{
    pthread_mutex_lock(&thread->mutex);
    struct queue finished;
    queue_move(&thread->finished, &finished);
    pthread_mutex_unlock(&thread->mutex);
    for (struct writer_job *job = finished.first, *next; job != NULL; job = next) {
        next = job->next; /* done may free or submit it again */
        thread->under_way--;
        count_times(&thread->times, job);
        job->done(job);
    }
}

static void on_async(uv_async_t *async)
{
    deliver(async->data);
}

static int lane_start(struct lane *lane)
{
    pthread_attr_t attributes;
    int rc = pthread_attr_init(&attributes);
    if (rc != 0)
        return -rc;
    rc = pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (rc == 0)
        rc = pthread_create(&lane->handle, &attributes, run, lane);
    pthread_attr_destroy(&attributes);
    return -rc;
}

static void lane_stop(struct lane *lane)
{
    struct writer_thread *thread = lane->thread;
    pthread_mutex_lock(&thread->mutex);
    thread->closing = true;
    pthread_cond_signal(&lane->wake);
    pthread_mutex_unlock(&thread->mutex);
    pthread_join(lane->handle, NULL);
}

static void lane_init(struct lane *lane, struct writer_thread *thread,
                      void (*execute)(struct lane *lane, struct queue *queue))
{
    lane->thread = thread;
    lane->execute = execute;
    queue_clear(&lane->submitted);
    queue_clear(&lane->patient);
    pthread_cond_init(&lane->wake, NULL);
}

static void free_writer(uv_handle_t *handle)
{
    struct writer_thread *thread = handle->data;
    pthread_cond_destroy(&thread->writes.wake);
    pthread_cond_destroy(&thread->syncs.wake);
    pthread_mutex_destroy(&thread->mutex);
    memory_free(thread->memory, MEMORY_SERVER, thread, sizeof *thread);
}

int writer_thread_open(uv_loop_t *loop, struct memory *memory, struct writer_thread **opened, struct error *error)
{
    struct writer_thread *thread = memory_alloc_zeroed(memory, MEMORY_SERVER, sizeof *thread);
    if (thread == NULL)
        return error_set_status(error, -ENOMEM, "writer thread");
    thread->memory = memory;
    queue_clear(&thread->finished);
    int rc = uv_async_init(loop, &thread->async, on_async);
    if (rc != 0) {
        memory_free(memory, MEMORY_SERVER, thread, sizeof *thread);
        return error_set_status(error, rc, "writer thread");
    }
    thread->async.data = thread;
    pthread_mutex_init(&thread->mutex, NULL);
    lane_init(&thread->writes, thread, execute_writes);
    lane_init(&thread->syncs, thread, execute_syncs);
    rc = lane_start(&thread->writes);
    if (rc != 0)
        goto err_close;
    rc = lane_start(&thread->syncs);
    if (rc != 0)
        goto err_stop;
    *opened = thread;
    return 0;

err_stop:
    lane_stop(&thread->writes);
err_close:
    uv_close((uv_handle_t *)&thread->async, free_writer);
    return error_set_status(error, rc, "writer thread");
}

void writer_thread_close(struct writer_thread *thread)
{
    lane_stop(&thread->writes);
    lane_stop(&thread->syncs);
    deliver(thread);
    uv_close((uv_handle_t *)&thread->async, free_writer);
}

void writer_thread_submit(struct writer_thread *thread, struct writer_job *job)
{
    struct lane *lane = job->write != NULL ? &thread->writes : &thread->syncs;
    thread->under_way++;
    job->submitted = uv_hrtime();
    pthread_mutex_lock(&thread->mutex);
    bool sleeps = lane_is_empty(lane);
    queue_push(job->is_patient ? &lane->patient : &lane->submitted, job);
    pthread_mutex_unlock(&thread->mutex);
    if (sleeps)
        pthread_cond_signal(&lane->wake);
}

const struct writer_times *writer_thread_times(const struct writer_thread *thread)
{
    return &thread->times;
}

bool writer_thread_idle(const struct writer_thread *thread)
{
    return thread->under_way == 0;
}

void writer_thread_set_sync_delay(struct writer_thread *thread, uint32_t delay_ms)
{
    atomic_store_explicit(&thread->sync_delay_ms, delay_ms, memory_order_relaxed);
}
