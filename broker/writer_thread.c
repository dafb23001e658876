#include "writer_thread.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#define STACK_BYTES ((size_t)128 << 10)

struct queue {
    struct writer_job *first;
    struct writer_job **tail;
};

/* One thread and what it has to do. */
struct lane {
    struct writer_thread *thread;
    pthread_t handle;
    void (*execute)(struct lane *lane, struct writer_job *job);
    bool each; /* is handed back when it is done, and not with those taken with it */
    pthread_cond_t wake;
    struct queue submitted; /* guarded by the mutex */
};

struct writer_thread {
    struct memory *memory;
    uv_async_t async;
    size_t under_way; /* submitted and not yet handed back; the loop's */
    _Atomic uint32_t sync_delay_ms;
    struct lane writes;
    struct lane syncs;

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

static struct writer_job *queue_take_all(struct queue *queue)
{
    struct writer_job *first = queue->first;
    queue_clear(queue);
    return first;
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

static void execute_write(struct lane *lane, struct writer_job *job)
{
    (void)lane;
    log_write_execute(job->write);
}

static void delay(struct writer_thread *thread)
{
    uint32_t ms = atomic_load_explicit(&thread->sync_delay_ms, memory_order_relaxed);
    if (ms == 0)
        return;
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

static void execute_sync(struct lane *lane, struct writer_job *job)
{
    delay(lane->thread);
    log_sync_execute(job->sync);
}

static void *run(void *context)
{
    struct lane *lane = context;
    struct writer_thread *thread = lane->thread;
    pthread_mutex_lock(&thread->mutex);
    for (;;) {
        while (lane->submitted.first == NULL && !thread->closing)
            pthread_cond_wait(&lane->wake, &thread->mutex);
        if (lane->submitted.first == NULL)
            break;
        struct writer_job *jobs = queue_take_all(&lane->submitted);
        pthread_mutex_unlock(&thread->mutex);
        struct queue done;
        queue_clear(&done);
        for (struct writer_job *job = jobs, *next; job != NULL; job = next) {
            next = job->next;
            lane->execute(lane, job);
            queue_push(&done, job);
            if (lane->each)
                hand_back(thread, &done);
        }
        hand_back(thread, &done);
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
                      void (*execute)(struct lane *lane, struct writer_job *job))
{
    lane->thread = thread;
    lane->execute = execute;
    queue_clear(&lane->submitted);
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
    lane_init(&thread->writes, thread, execute_write);
    lane_init(&thread->syncs, thread, execute_sync);
    thread->syncs.each = true;
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
    pthread_mutex_lock(&thread->mutex);
    bool sleeps = lane->submitted.first == NULL;
    queue_push(&lane->submitted, job);
    pthread_mutex_unlock(&thread->mutex);
    if (sleeps)
        pthread_cond_signal(&lane->wake);
}

bool writer_thread_idle(const struct writer_thread *thread)
{
    return thread->under_way == 0;
}

void writer_thread_set_sync_delay(struct writer_thread *thread, uint32_t delay_ms)
{
    atomic_store_explicit(&thread->sync_delay_ms, delay_ms, memory_order_relaxed);
}
