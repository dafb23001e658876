#include "writer_thread.h"

#include "check.h"
#include "container.h"
#include "log_fixture.h"

#define LOGS 3

struct item {
    struct writer_job write;
    struct writer_job sync;
    struct log_fixture *log;
    struct log_append *append;
    bool is_synced; /* a sync follows the write */
    int number;
};

static uv_loop_t loop;
static struct memory memory;
static struct writer_thread *thread;
static struct log_fixture logs[LOGS];
static struct item items[LOGS];
static int order[2 * LOGS];
static int done_count;

static void on_synced(struct writer_job *job)
{
    struct item *item = CONTAINER_OF(job, struct item, sync);
    order[done_count++] = item->number;
    CHECK_EQUAL(log_sync_end(item->log->log, job->sync, &item->log->error), 0);
}

static void submit_sync(struct item *item, bool is_patient)
{
    struct log_sync *sync = NULL;
    REQUIRE(log_sync_begin(item->log->log, false, &sync, &item->log->error) == 0 && sync != NULL);
    item->sync = (struct writer_job){.sync = sync, .is_patient = is_patient, .done = on_synced};
    writer_thread_submit(thread, &item->sync);
}

static void on_written(struct writer_job *job)
{
    struct item *item = CONTAINER_OF(job, struct item, write);
    struct error error = {0};
    struct log_append *done = log_write_end(item->log->log, job->write, &error);
    CHECK(done == item->append);
    CHECK_EQUAL(done->status, 0);
    CHECK_EQUAL(done->base_offset, 0);
    if (item->is_synced)
        submit_sync(item, false);
    else
        order[done_count++] = item->number;
}

static void submit(int number, bool sync)
{
    struct item *item = &items[number];
    struct log_fixture *fixture = &logs[number];
    struct log_append *done = NULL;
    *item = (struct item){.log = fixture, .number = number, .is_synced = sync};
    item->append = test_append_make(&fixture->memory, &(struct test_batch){.records = 1});
    struct log_append *queue = item->append;
    REQUIRE(log_write_begin(fixture->log, &queue, fixture->now, &item->write.write, &done, &fixture->error) == 0);
    REQUIRE(item->write.write != NULL);
    item->write.done = on_written;
    writer_thread_submit(thread, &item->write);
}

static void set_up(void)
{
    struct error error;
    memory_init(&memory);
    done_count = 0;
    REQUIRE(uv_loop_init(&loop) == 0);
    REQUIRE(writer_thread_open(&loop, &memory, &thread, &error) == 0);
    for (int i = 0; i < LOGS; i++) {
        items[i] = (struct item){.number = i};
        log_fixture_init(&logs[i], (uint64_t)i + 1);
        REQUIRE(log_fixture_open(&logs[i]) == 0);
    }
}

static void close_thread(void)
{
    writer_thread_close(thread);
    CHECK(uv_run(&loop, UV_RUN_DEFAULT) == 0);
    CHECK(uv_loop_close(&loop) == 0);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static void tear_down(void)
{
    for (int i = 0; i < LOGS; i++) {
        if (items[i].append != NULL)
            test_append_free(&logs[i].memory, items[i].append);
        CHECK(log_fixture_close(&logs[i]));
    }
}

static void turn_until(int count)
{
    for (int turns = 0; done_count < count && turns < 1000; turns++)
        uv_run(&loop, UV_RUN_ONCE);
    CHECK_EQUAL(done_count, count);
}

static void a_write_and_a_sync_are_executed_and_handed_back(void)
{
    set_up();
    CHECK(writer_thread_idle(thread));
    submit(0, true);
    CHECK(!writer_thread_idle(thread));
    turn_until(1);
    CHECK(writer_thread_idle(thread));
    CHECK_EQUAL(log_synced_end_offset(logs[0].log), 1);
    close_thread();
    tear_down();
}

static void a_write_does_not_wait_for_a_sync(void)
{
    set_up();
    submit(0, false);
    submit(1, false);
    turn_until(2);
    writer_thread_set_sync_delay(thread, 50);
    done_count = 0;
    submit_sync(&items[0], false);
    submit_sync(&items[1], false);
    uv_sleep(10);
    submit(2, false);
    turn_until(3);
    CHECK_EQUAL(order[0], 2);
    CHECK_EQUAL(order[1], 0);
    CHECK_EQUAL(order[2], 1);
    CHECK_EQUAL(log_synced_end_offset(logs[2].log), 0);
    CHECK_EQUAL(log_end_offset(logs[2].log), 1);
    close_thread();
    tear_down();
}

static void who_is_patient_lets_others_go_first(void)
{
    set_up();
    for (int i = 0; i < LOGS; i++)
        submit(i, false);
    turn_until(LOGS);
    writer_thread_set_sync_delay(thread, 50);
    done_count = 0;
    submit_sync(&items[0], false);
    uv_sleep(10);
    submit_sync(&items[1], true);
    submit_sync(&items[2], false);
    turn_until(LOGS);
    CHECK_EQUAL(order[0], 0);
    CHECK_EQUAL(order[1], 2);
    CHECK_EQUAL(order[2], 1);
    close_thread();
    tear_down();
}

/* Two logs that are synced again as soon as they are: there is always one that waits. */
static void on_synced_again(struct writer_job *job)
{
    struct item *item = CONTAINER_OF(job, struct item, sync);
    CHECK_EQUAL(log_sync_end(item->log->log, job->sync, &item->log->error), 0);
    done_count++;
    if (order[0] != 0 || done_count > 200)
        return;
    struct log_sync *sync = NULL;
    REQUIRE(log_fixture_append(item->log, &(struct test_batch){.records = 1}, false) > 0);
    REQUIRE(log_sync_begin(item->log->log, false, &sync, &item->log->error) == 0 && sync != NULL);
    item->sync = (struct writer_job){.sync = sync, .done = on_synced_again};
    writer_thread_submit(thread, &item->sync);
}

static void on_patient_synced(struct writer_job *job)
{
    struct item *item = CONTAINER_OF(job, struct item, sync);
    CHECK_EQUAL(log_sync_end(item->log->log, job->sync, &item->log->error), 0);
    order[0] = done_count;
}

static void patience_has_an_end(void)
{
    set_up();
    for (int i = 0; i < LOGS; i++) {
        submit(i, false);
        logs[i].disk->sync_all_failed = true; /* nothing is synced together */
    }
    turn_until(LOGS);
    writer_thread_set_sync_delay(thread, 20);
    done_count = 0;
    order[0] = 0;
    submit_sync(&items[0], false);
    items[0].sync.done = on_synced_again;
    submit_sync(&items[1], false);
    items[1].sync.done = on_synced_again;
    submit_sync(&items[2], true);
    items[2].sync.done = on_patient_synced;
    while (!writer_thread_idle(thread))
        uv_run(&loop, UV_RUN_ONCE);
    CHECK(order[0] > 2); /* it was patient */
    CHECK(order[0] < 100);
    close_thread();
    tear_down();
}

static void closing_finishes_what_was_submitted(void)
{
    set_up();
    for (int i = 0; i < LOGS; i++)
        submit(i, false);
    turn_until(LOGS);
    writer_thread_set_sync_delay(thread, 5);
    done_count = 0;
    for (int i = 0; i < LOGS; i++)
        submit_sync(&items[i], i == 0);
    close_thread();
    CHECK_EQUAL(done_count, LOGS);
    for (int i = 0; i < LOGS; i++)
        CHECK_EQUAL(log_synced_end_offset(logs[i].log), 1);
    tear_down();
}

static void opening_may_fail(void)
{
    struct error error;
    memory_init(&memory);
    REQUIRE(uv_loop_init(&loop) == 0);
    memory_fail_at(&memory, 0);
    CHECK(writer_thread_open(&loop, &memory, &thread, &error) != 0);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
    CHECK(uv_loop_close(&loop) == 0);
}

SUITE("writer thread", CHECK_TEST(a_write_and_a_sync_are_executed_and_handed_back),
      CHECK_TEST(a_write_does_not_wait_for_a_sync), CHECK_TEST(who_is_patient_lets_others_go_first),
      CHECK_TEST(patience_has_an_end), CHECK_TEST(closing_finishes_what_was_submitted), CHECK_TEST(opening_may_fail))
