#include "writer_thread.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#define STACK_BYTES ((size_t)128 << 10)

struct queue {
    struct writer_job *first;
    struct writer_job **tail;
};

struct writer_thread {
    struct memory *memory;
    uv_async_t async;
    pthread_t handle;
    size_t under_way; /* submitted and not yet handed back; the loop's */
    _Atomic uint32_t sync_delay_ms;

    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t wake;
    struct queue submitted;
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

static struct writer_job *queue_take_all(struct queue *queue)
{
    struct writer_job *first = queue->first;
    queue_clear(queue);
    return first;
}

/* ---- the thread ---- */

static bool asks_for_sync(const struct writer_job *job)
{
    return job->sync != NULL || (job->write != NULL && job->wants_sync);
}

static void delay(struct writer_thread *thread)
{
    uint32_t ms = atomic_load_explicit(&thread->sync_delay_ms, memory_order_relaxed);
    if (ms == 0)
        return;
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

static void execute_sync(struct writer_thread *thread, struct writer_job *job)
{
    delay(thread);
    if (job->sync != NULL)
        log_sync_execute(job->sync);
    if (job->write != NULL)
        log_write_sync(job->write);
}

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

static void execute(struct writer_thread *thread, struct writer_job *jobs)
{
    struct queue written, to_sync;
    queue_clear(&written);
    queue_clear(&to_sync);
    for (struct writer_job *job = jobs, *next; job != NULL; job = next) {
        next = job->next;
        if (job->write != NULL)
            log_write_execute(job->write);
        queue_push(asks_for_sync(job) ? &to_sync : &written, job);
    }
    hand_back(thread, &written);
    for (struct writer_job *job = to_sync.first; job != NULL; job = job->next)
        execute_sync(thread, job);
    hand_back(thread, &to_sync);
}

static void *run(void *context)
{
    struct writer_thread *thread = context;
    pthread_mutex_lock(&thread->mutex);
    for (;;) {
        while (thread->submitted.first == NULL && !thread->closing)
            pthread_cond_wait(&thread->wake, &thread->mutex);
        if (thread->submitted.first == NULL)
            break;
        struct writer_job *jobs = queue_take_all(&thread->submitted);
        pthread_mutex_unlock(&thread->mutex);
        execute(thread, jobs);
        pthread_mutex_lock(&thread->mutex);
    }
    pthread_mutex_unlock(&thread->mutex);
    return NULL;
}

/* ---- the loop's side ---- */

static void deliver(struct writer_thread *thread)
{
    pthread_mutex_lock(&thread->mutex);
    struct writer_job *jobs = queue_take_all(&thread->finished);
    pthread_mutex_unlock(&thread->mutex);
    for (struct writer_job *job = jobs, *next; job != NULL; job = next) {
        next = job->next; /* done may free or submit it again */
        thread->under_way--;
        job->done(job);
    }
}

static void on_async(uv_async_t *async)
{
    deliver(async->data);
}

static int start_thread(struct writer_thread *thread)
{
    pthread_attr_t attributes;
    int rc = pthread_attr_init(&attributes);
    if (rc != 0)
        return -rc;
    rc = pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (rc == 0)
        rc = pthread_create(&thread->handle, &attributes, run, thread);
    pthread_attr_destroy(&attributes);
    return -rc;
}

static void free_writer(uv_handle_t *handle)
{
    struct writer_thread *thread = handle->data;
    pthread_cond_destroy(&thread->wake);
    pthread_mutex_destroy(&thread->mutex);
    memory_free(thread->memory, MEMORY_SERVER, thread, sizeof *thread);
}

int writer_thread_open(uv_loop_t *loop, struct memory *memory, struct writer_thread **opened, struct error *error)
{
    struct writer_thread *thread = memory_alloc_zeroed(memory, MEMORY_SERVER, sizeof *thread);
    if (thread == NULL)
        return error_set_status(error, -ENOMEM, "writer thread");
    thread->memory = memory;
    queue_clear(&thread->submitted);
    queue_clear(&thread->finished);
    int rc = uv_async_init(loop, &thread->async, on_async);
    if (rc != 0)
        goto err_free;
    thread->async.data = thread;
    pthread_mutex_init(&thread->mutex, NULL);
    pthread_cond_init(&thread->wake, NULL);
    rc = start_thread(thread);
    if (rc != 0) {
        uv_close((uv_handle_t *)&thread->async, free_writer);
        return error_set_status(error, rc, "writer thread");
    }
    *opened = thread;
    return 0;

err_free:
    memory_free(memory, MEMORY_SERVER, thread, sizeof *thread);
    return error_set_status(error, rc, "writer thread");
}

void writer_thread_close(struct writer_thread *thread)
{
    pthread_mutex_lock(&thread->mutex);
    thread->closing = true;
    pthread_cond_signal(&thread->wake);
    pthread_mutex_unlock(&thread->mutex);
    pthread_join(thread->handle, NULL);
    deliver(thread);
    uv_close((uv_handle_t *)&thread->async, free_writer);
}

void writer_thread_submit(struct writer_thread *thread, struct writer_job *job)
{
    thread->under_way++;
    pthread_mutex_lock(&thread->mutex);
    bool sleeps = thread->submitted.first == NULL;
    queue_push(&thread->submitted, job);
    pthread_mutex_unlock(&thread->mutex);
    if (sleeps)
        pthread_cond_signal(&thread->wake);
}

bool writer_thread_idle(const struct writer_thread *thread)
{
    return thread->under_way == 0;
}

void writer_thread_set_sync_delay(struct writer_thread *thread, uint32_t delay_ms)
{
    atomic_store_explicit(&thread->sync_delay_ms, delay_ms, memory_order_relaxed);
}
