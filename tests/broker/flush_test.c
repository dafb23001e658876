/* The background flush on a simulated disk, with the server's own writer, pool and loop: what nobody waits for reaches
 * the disk when its time has come, and the recovery points follow. */
#include "flush.h"

#include "batch_builder.h"
#include "check.h"
#include "metadata_log.h"
#include "operations/operations.h"
#include "recovery_points.h"
#include "server_fixture.h"
#include "simulated_disk.h"

#include <errno.h>

#define INTERVAL_MS 200

static const char *const often[] = {"log.flush.interval.ms=200", "log.cleaner.enable=false", NULL};
static struct server_fixture f;

static struct topic *create(const char *name, int32_t partitions)
{
    struct topic *topic;
    CHECK_EQUAL(server_fixture_create_topic(&f, name, partitions, NULL, &topic), 0);
    return topic;
}

static void open_with(const char *const *settings)
{
    server_fixture_open(&f, settings);
    server_fixture_make_disk(&f, 1);
    REQUIRE(server_fixture_open_storage(&f) == 0);
}

static void wait_until_idle(void)
{
    while (!flush_idle(f.server.flush) || !writer_thread_idle(f.server.writer) || !jobs_idle(&f.server.jobs) ||
           !append_service_idle(f.server.appends))
        uv_run(&f.loop, UV_RUN_ONCE);
}

static void close_all(void)
{
    wait_until_idle();
    server_fixture_close_storage(&f);
    CHECK(server_fixture_close(&f));
}

/* One record. What became of it. */
static enum kafka_error append(struct partition *partition, enum append_acks acks)
{
    return server_fixture_append(&f, partition, acks, 1700000000000, NULL_SLICE, slice_of_text("a record"));
}

/* What the checkpoint on the disk says; -1: it does not name it. */
static int64_t checkpointed(const char *topic, int32_t partition)
{
    static const uint8_t random[32] = {1};
    struct data_folder *folder;
    struct data_folder_start start;
    REQUIRE(data_folder_open(f.server.disk, 1, random, &folder, &start, &f.error) == 0);
    int64_t offset = data_folder_recovery_point(folder, slice_of_text(topic), partition);
    data_folder_close(folder);
    return offset;
}

static void what_nobody_waits_for_is_synced_when_its_time_has_come(void)
{
    open_with(often);
    struct topic *topic = create("farm:barn", 2);
    server_fixture_run_ms(&f, 2 * INTERVAL_MS);
    CHECK_EQUAL(server_fixture_timers(&f), 0);
    uint64_t syncs = simulated_disk_calls_of(f.server.disk, SIMULATED_SYNC);
    uint64_t calls = simulated_disk_calls(f.server.disk);
    server_fixture_run_ms(&f, 2 * INTERVAL_MS);
    CHECK_EQUAL(simulated_disk_calls(f.server.disk), calls); /* at rest it does nothing */

    for (int i = 0; i < 3; i++)
        CHECK_EQUAL(append(topic->partitions[1], APPEND_ACKS_LEADER), KAFKA_NONE);
    CHECK_EQUAL(server_fixture_timers(&f), 1);
    uint64_t dirty = uv_now(&f.loop);
    server_fixture_run_ms(&f, INTERVAL_MS / 2);
    if (uv_now(&f.loop) - dirty < INTERVAL_MS / 2 + INTERVAL_MS / 4) { /* the machine was not too slow to tell */
        CHECK_EQUAL(simulated_disk_calls_of(f.server.disk, SIMULATED_SYNC), syncs);
        CHECK_EQUAL(log_synced_end_offset(topic->partitions[1]->log), 0);
    }
    server_fixture_run_ms(&f, INTERVAL_MS);
    wait_until_idle();
    CHECK_EQUAL(log_synced_end_offset(topic->partitions[1]->log), 3);
    CHECK_EQUAL(server_fixture_timers(&f), 0);
    CHECK_EQUAL(checkpointed("farm:barn", 1), 3);
    CHECK_EQUAL(checkpointed("farm:barn", 0), 0);
    CHECK_EQUAL(checkpointed("another", 0), -1);
    close_all();
}

static void recovery_points_advance_behind_acks_all_too(void)
{
    open_with(often);
    struct topic *topic = create("orders", 1);
    for (int64_t round = 1; round <= 3; round++) {
        CHECK_EQUAL(append(topic->partitions[0], APPEND_ACKS_ALL), KAFKA_NONE);
        CHECK_EQUAL(log_synced_end_offset(topic->partitions[0]->log), round);
        CHECK_EQUAL(checkpointed("orders", 0) < round, true);
        server_fixture_run_ms(&f, INTERVAL_MS + INTERVAL_MS / 2);
        wait_until_idle();
        CHECK_EQUAL(checkpointed("orders", 0), round);
    }
    close_all();
}

static void a_power_cut_costs_only_what_lies_behind_the_last_round(void)
{
    open_with(often);
    struct topic *topic = create("orders", 1);
    for (int i = 0; i < 5; i++)
        CHECK_EQUAL(append(topic->partitions[0], APPEND_ACKS_LEADER), KAFKA_NONE);
    server_fixture_run_ms(&f, INTERVAL_MS + INTERVAL_MS / 2);
    wait_until_idle();
    CHECK_EQUAL(append(topic->partitions[0], APPEND_ACKS_LEADER), KAFKA_NONE);
    server_fixture_close_storage(&f);
    simulated_disk_power_cut(f.server.disk, 3);
    REQUIRE(server_fixture_open_storage(&f) == 0);
    topic = topics_find(&f.server.topics, slice_of_text("orders"));
    REQUIRE(topic != NULL && topic->partitions[0]->log != NULL);
    int64_t end = log_end_offset(topic->partitions[0]->log);
    CHECK(end == 5 || end == 6);
    close_all();
}

static void starts_that_have_moved_are_remembered(void)
{
    static const uint8_t random[32] = {1};
    struct data_folder *folder;
    struct data_folder_start start;
    open_with(often);
    struct topic *topic = create("orders", 2);
    for (int i = 0; i < 4; i++)
        CHECK_EQUAL(append(topic->partitions[1], APPEND_ACKS_ALL), KAFKA_NONE);
    REQUIRE(log_set_start_offset(topic->partitions[1]->log, 3, &f.error) == 0);
    struct recovery_points points;
    struct recovery_points_written written = {.starts_empty = true};
    REQUIRE(recovery_points_collect(&f.server, &points) == 0);
    CHECK_EQUAL(points.synced_count, 3); /* the metadata log's, too */
    CHECK_EQUAL(points.starts_count, 1);
    CHECK_EQUAL(recovery_points_write(&points, f.server.disk, &written, true, &f.error), 0);
    CHECK(!written.starts_empty && written.cleaned_known);
    recovery_points_free(&points);
    REQUIRE(data_folder_open(f.server.disk, 1, random, &folder, &start, &f.error) == 0);
    CHECK_EQUAL(data_folder_log_start(folder, slice_of_text("orders"), 1), 3);
    CHECK(data_folder_log_start(folder, slice_of_text("orders"), 0) <= 0);
    CHECK(data_folder_recovery_point(folder, slice_of_text("__furrow_metadata"), 0) > 0);
    data_folder_close(folder);
    close_all();
}

static void write_points_now(void)
{
    struct recovery_points points;
    struct recovery_points_written written = {.starts_empty = true};
    REQUIRE(recovery_points_collect(&f.server, &points) == 0);
    CHECK_EQUAL(recovery_points_write(&points, f.server.disk, &written, true, &f.error), 0);
    recovery_points_free(&points);
}

/* Starts anew, the nth opening of a file fails. False when the server did not start. */
static bool start_with_failing_open(int64_t nth)
{
    simulated_disk_fail_call_at(f.server.disk, SIMULATED_OPEN, nth, -EIO);
    bool is_open = server_fixture_open_storage(&f) == 0;
    simulated_disk_fail_at(f.server.disk, -1, -EIO);
    return is_open;
}

/* Or a start that can open it would bring deleted records back, and look for the end of what is long safe. */
static void the_checkpoints_of_a_partition_that_cannot_be_opened_stay(void)
{
    static const uint8_t random[32] = {1};
    struct data_folder *folder;
    struct data_folder_start start;
    int unopened = 0;
    open_with(often);
    struct topic *topic = create("orders", 1);
    for (int i = 0; i < 4; i++)
        CHECK_EQUAL(append(topic->partitions[0], APPEND_ACKS_ALL), KAFKA_NONE);
    REQUIRE(log_set_start_offset(topic->partitions[0]->log, 3, &f.error) == 0);
    write_points_now();
    wait_until_idle();
    server_fixture_close_storage(&f);
    for (int64_t nth = 0; nth < 40; nth++) {
        if (!start_with_failing_open(nth))
            continue;
        topic = topics_find(&f.server.topics, slice_of_text("orders"));
        REQUIRE(topic != NULL);
        unopened += topic->partitions[0]->log == NULL;
        write_points_now();
        server_fixture_close_storage(&f);
        REQUIRE(data_folder_open(f.server.disk, 1, random, &folder, &start, &f.error) == 0);
        CHECK_EQUAL(data_folder_log_start(folder, slice_of_text("orders"), 0), 3);
        CHECK_EQUAL(data_folder_recovery_point(folder, slice_of_text("orders"), 0), 4);
        data_folder_close(folder);
    }
    CHECK(unopened > 0);
    REQUIRE(server_fixture_open_storage(&f) == 0);
    CHECK_EQUAL(log_start_offset(topics_find(&f.server.topics, slice_of_text("orders"))->partitions[0]->log), 3);
    close_all();
}

static void a_topic_deleted_while_it_is_dirty_goes_in_the_next_round(void)
{
    open_with(often);
    struct topic *topic = create("orders", 2);
    struct topic *other = create("others", 1);
    CHECK_EQUAL(append(topic->partitions[0], APPEND_ACKS_LEADER), KAFKA_NONE);
    CHECK_EQUAL(append(topic->partitions[1], APPEND_ACKS_LEADER), KAFKA_NONE);
    CHECK_EQUAL(append(other->partitions[0], APPEND_ACKS_LEADER), KAFKA_NONE);
    size_t before = atomic_load(&f.memory.counts[MEMORY_TOPICS].bytes);
    topics_remove(&f.server.topics, topic);
    CHECK_EQUAL(atomic_load(&f.memory.counts[MEMORY_TOPICS].bytes), before); /* it is held */
    server_fixture_run_ms(&f, INTERVAL_MS + INTERVAL_MS / 2);
    wait_until_idle();
    CHECK(atomic_load(&f.memory.counts[MEMORY_TOPICS].bytes) < before);
    CHECK_EQUAL(log_synced_end_offset(other->partitions[0]->log), 1);
    CHECK_EQUAL(checkpointed("orders", 0), -1);
    CHECK_EQUAL(checkpointed("others", 0), 1);
    close_all();
}

static void a_topic_deleted_while_it_is_synced(void)
{
    open_with(often);
    struct topic *topic = create("orders", 1);
    CHECK_EQUAL(append(topic->partitions[0], APPEND_ACKS_LEADER), KAFKA_NONE);
    while (flush_idle(f.server.flush))
        uv_run(&f.loop, UV_RUN_ONCE);
    topics_remove(&f.server.topics, topic);
    wait_until_idle();
    CHECK_EQUAL(checkpointed("orders", 0), -1);
    close_all();
}

static void a_sync_that_fails_takes_its_partition_offline_alone(void)
{
    open_with(often);
    struct topic *topic = create("orders", 2);
    for (int32_t i = 0; i < 4; i++) /* what comes only with the first sync is over */
        CHECK_EQUAL(append(topic->partitions[i % 2], i < 2 ? APPEND_ACKS_ALL : APPEND_ACKS_LEADER), KAFKA_NONE);
    simulated_disk_fail_call_at(f.server.disk, SIMULATED_SYNC, 0, -EIO);
    server_fixture_run_ms(&f, INTERVAL_MS + INTERVAL_MS / 2);
    wait_until_idle();
    bool first = log_is_offline(topic->partitions[0]->log);
    CHECK(first != log_is_offline(topic->partitions[1]->log));
    CHECK_EQUAL(server_fixture_logged(&f, "ERROR storage partition=orders-"), 1);
    CHECK_EQUAL(append(topic->partitions[first ? 1 : 0], APPEND_ACKS_ALL), KAFKA_NONE);
    CHECK_EQUAL(append(topic->partitions[first ? 0 : 1], APPEND_ACKS_ALL), KAFKA_KAFKA_STORAGE_ERROR);
    CHECK_EQUAL(checkpointed("orders", first ? 1 : 0), 2);
    server_fixture_run_ms(&f, 2 * INTERVAL_MS);
    wait_until_idle();
    CHECK_EQUAL(server_fixture_timers(&f), 0); /* what is offline is not tried for ever */
    close_all();
}

static void a_checkpoint_that_cannot_be_written_is_written_with_the_next_round(void)
{
    open_with(often);
    struct topic *topic = create("orders", 1);
    CHECK_EQUAL(append(topic->partitions[0], APPEND_ACKS_ALL), KAFKA_NONE);
    for (int64_t round = 2; round <= 3; round++) {
        CHECK_EQUAL(append(topic->partitions[0], APPEND_ACKS_LEADER), KAFKA_NONE);
        if (round == 2)
            simulated_disk_fail_call_at(f.server.disk, SIMULATED_RENAME, 0, -ENOSPC);
        server_fixture_run_ms(&f, INTERVAL_MS + INTERVAL_MS / 2);
        wait_until_idle();
        CHECK_EQUAL(log_synced_end_offset(topic->partitions[0]->log), round);
        CHECK_EQUAL(server_fixture_logged(&f, "checkpoints could not be written"), 1);
    }
    CHECK_EQUAL(checkpointed("orders", 0), 3);
    close_all();
}

/* The first sync of a log writes its leader epochs, too; on a full disk that fails while the records are still whole.
 */
static void what_could_not_be_synced_yet_is_tried_again(void)
{
    open_with(often);
    struct topic *topic = create("orders", 1);
    CHECK_EQUAL(append(topic->partitions[0], APPEND_ACKS_LEADER), KAFKA_NONE);
    simulated_disk_fail_call_at(f.server.disk, SIMULATED_RENAME, 0, -ENOSPC);
    server_fixture_run_ms(&f, INTERVAL_MS + INTERVAL_MS / 2);
    wait_until_idle();
    CHECK_EQUAL(log_synced_end_offset(topic->partitions[0]->log), 0);
    CHECK(!log_is_offline(topic->partitions[0]->log));
    CHECK_EQUAL(server_fixture_logged(&f, "partition=orders-0 not synced yet"), 1);
    CHECK_EQUAL(server_fixture_timers(&f), 1);
    server_fixture_run_ms(&f, INTERVAL_MS + INTERVAL_MS / 2);
    wait_until_idle();
    CHECK_EQUAL(log_synced_end_offset(topic->partitions[0]->log), 1);
    CHECK_EQUAL(checkpointed("orders", 0), 1);
    CHECK_EQUAL(server_fixture_timers(&f), 0);
    close_all();
}

static void any_allocation_may_fail(void)
{
    bool more = true;
    for (int64_t nth = 0; more; nth++) {
        open_with((const char *const[]){"log.flush.interval.ms=1", "log.cleaner.enable=false", NULL});
        struct topic *topic = create("orders", 2);
        CHECK_EQUAL(append(topic->partitions[0], APPEND_ACKS_LEADER), KAFKA_NONE);
        wait_until_idle();
        server_fixture_run_ms(&f, 20);
        wait_until_idle();
        memory_fail_at(&f.memory, nth);
        bool written = append(topic->partitions[0], APPEND_ACKS_LEADER) == KAFKA_NONE;
        server_fixture_run_ms(&f, 20);
        wait_until_idle();
        more = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        server_fixture_run_ms(&f, server_fixture_timers(&f) != 0 ? 1100 : 1); /* tried again after a second */
        wait_until_idle();
        const struct log *log = topic->partitions[0]->log;
        if (written && !log_is_offline(log))
            CHECK_EQUAL(log_synced_end_offset(log), 2);
        close_all();
    }
}

SUITE("flush", CHECK_TEST(what_nobody_waits_for_is_synced_when_its_time_has_come),
      CHECK_TEST(recovery_points_advance_behind_acks_all_too),
      CHECK_TEST(a_power_cut_costs_only_what_lies_behind_the_last_round),
      CHECK_TEST(starts_that_have_moved_are_remembered),
      CHECK_TEST(the_checkpoints_of_a_partition_that_cannot_be_opened_stay),
      CHECK_TEST(a_topic_deleted_while_it_is_dirty_goes_in_the_next_round),
      CHECK_TEST(a_topic_deleted_while_it_is_synced), CHECK_TEST(a_sync_that_fails_takes_its_partition_offline_alone),
      CHECK_TEST(a_checkpoint_that_cannot_be_written_is_written_with_the_next_round),
      CHECK_TEST(what_could_not_be_synced_yet_is_tried_again), CHECK_TEST(any_allocation_may_fail))
