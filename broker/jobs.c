#include "jobs.h"

#include "container.h"

void jobs_init(struct jobs *jobs, uv_loop_t *loop, unsigned pool_threads)
{
    *jobs = (struct jobs){.loop = loop, .slow_limit = pool_threads > 1 ? pool_threads - 1 : 1};
    jobs->waiting_tail = &jobs->waiting;
}

static bool is_slow(const struct job *job)
{
    return job->kind != JOB_READ;
}

static void execute(uv_work_t *work)
{
    struct job *job = CONTAINER_OF(work, struct job, work);
    job->begun = uv_hrtime();
    job->execute(job);
}

static void finish(uv_work_t *work, int status);

static void start(struct jobs *jobs, struct job *job)
{
    jobs->running++;
    jobs->slow_running += is_slow(job);
    (void)uv_queue_work(jobs->loop, &job->work, execute, finish); /* fails only without a function */
}

static void start_waiting(struct jobs *jobs)
{
    while (jobs->waiting != NULL && jobs->slow_running < jobs->slow_limit) {
        struct job *job = jobs->waiting;
        jobs->waiting = job->next;
        if (jobs->waiting == NULL)
            jobs->waiting_tail = &jobs->waiting;
        start(jobs, job);
    }
}

static void finish(uv_work_t *work, int status)
{
    (void)status; /* nothing is ever cancelled */
    struct job *job = CONTAINER_OF(work, struct job, work);
    struct jobs *jobs = job->jobs;
    jobs->running--;
    jobs->slow_running -= is_slow(job);
    start_waiting(jobs);
    histogram_add(&jobs->waits, job->begun - job->submitted);
    job->done(job);
}

void jobs_submit(struct jobs *jobs, struct job *job, enum job_kind kind)
{
    job->jobs = jobs;
    job->kind = kind;
    job->next = NULL;
    job->submitted = uv_hrtime();
    if (is_slow(job) && jobs->slow_running >= jobs->slow_limit) {
        *jobs->waiting_tail = job;
        jobs->waiting_tail = &job->next;
    } else {
        start(jobs, job);
    }
}

bool jobs_idle(const struct jobs *jobs)
{
    return jobs->running == 0 && jobs->waiting == NULL;
}
