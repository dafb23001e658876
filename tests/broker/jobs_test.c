#include "jobs.h"

#include "check.h"
#include "container.h"

#include <stdatomic.h>

#define POOL_THREADS 4
#define JOBS         20

struct test_job {
    struct job job;
    bool executed;
    bool done;
};

static uv_loop_t loop;
static struct jobs jobs;
static struct test_job all[JOBS];
static _Atomic int running, most_running;
static int done_count;
static uv_sem_t gate;

static void note_start(void)
{
    int now = atomic_fetch_add(&running, 1) + 1;
    int most = atomic_load(&most_running);
    while (now > most && !atomic_compare_exchange_weak(&most_running, &most, now))
        ;
}

static void execute(struct job *job)
{
    note_start();
    CONTAINER_OF(job, struct test_job, job)->executed = true;
    uv_sem_wait(&gate);
    atomic_fetch_sub(&running, 1);
}

static void execute_at_once(struct job *job)
{
    CONTAINER_OF(job, struct test_job, job)->executed = true;
}

static void on_done(struct job *job)
{
    CONTAINER_OF(job, struct test_job, job)->done = true;
    done_count++;
}

static void set_up(unsigned threads)
{
    memset(all, 0, sizeof all);
    atomic_store(&running, 0);
    atomic_store(&most_running, 0);
    done_count = 0;
    REQUIRE(uv_loop_init(&loop) == 0);
    REQUIRE(uv_sem_init(&gate, 0) == 0);
    jobs_init(&jobs, &loop, threads);
}

static void tear_down(void)
{
    CHECK(uv_run(&loop, UV_RUN_DEFAULT) == 0);
    CHECK(uv_loop_close(&loop) == 0);
    CHECK(jobs_idle(&jobs));
    uv_sem_destroy(&gate);
}

static void submit(int number, void (*function)(struct job *), enum job_kind kind)
{
    all[number].job.execute = function;
    all[number].job.done = on_done;
    jobs_submit(&jobs, &all[number].job, kind);
}

static void open_gate(int times)
{
    for (int i = 0; i < times; i++)
        uv_sem_post(&gate);
}

static void every_job_is_executed_and_then_done(void)
{
    static const enum job_kind kinds[] = {JOB_READ, JOB_FILES, JOB_FLUSH};
    set_up(POOL_THREADS);
    CHECK(jobs_idle(&jobs));
    for (int i = 0; i < JOBS; i++)
        submit(i, execute_at_once, kinds[i % 3]);
    CHECK(!jobs_idle(&jobs));
    tear_down();
    for (int i = 0; i < JOBS; i++)
        CHECK(all[i].executed && all[i].done);
}

/* All threads but one at most are busy with slow kinds: a read is executed although ten slow jobs came before it. */
static void a_read_does_not_stand_behind_slow_jobs(void)
{
    set_up(POOL_THREADS);
    for (int i = 0; i < 10; i++)
        submit(i, execute, i % 2 == 0 ? JOB_FILES : JOB_FLUSH);
    submit(10, execute_at_once, JOB_READ);
    for (int turns = 0; !all[10].done && turns < 100; turns++)
        uv_run(&loop, UV_RUN_ONCE);
    CHECK(all[10].done);
    CHECK_EQUAL(done_count, 1);
    open_gate(10);
    tear_down();
    CHECK_EQUAL(done_count, 11);
    CHECK(atomic_load(&most_running) <= POOL_THREADS - 1);
}

static void with_one_thread_slow_jobs_still_get_their_turn(void)
{
    set_up(1);
    open_gate(3);
    for (int i = 0; i < 3; i++)
        submit(i, execute, JOB_FLUSH);
    tear_down();
    CHECK_EQUAL(done_count, 3);
    CHECK_EQUAL(atomic_load(&most_running), 1);
}

static void submit_next(struct job *job)
{
    on_done(job);
    int next = done_count;
    if (next < 5) {
        all[next].job.execute = execute_at_once;
        all[next].job.done = submit_next;
        jobs_submit(&jobs, &all[next].job, JOB_FLUSH);
    }
}

static void done_may_submit_the_next_job(void)
{
    set_up(POOL_THREADS);
    all[0].job.execute = execute_at_once;
    all[0].job.done = submit_next;
    jobs_submit(&jobs, &all[0].job, JOB_FLUSH);
    tear_down();
    CHECK_EQUAL(done_count, 5);
}

SUITE("jobs", CHECK_TEST(every_job_is_executed_and_then_done), CHECK_TEST(a_read_does_not_stand_behind_slow_jobs),
      CHECK_TEST(with_one_thread_slow_jobs_still_get_their_turn), CHECK_TEST(done_may_submit_the_next_job))
