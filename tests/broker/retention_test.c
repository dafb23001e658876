/* Retention on a simulated disk, with the server's own writer, pool and loop. Segments take four records. */
#include "retention.h"

#include "batch_builder.h"
#include "check.h"
#include "checkpoints.h"
#include "flush.h"
#include "log_trim.h"
#include "metadata_log.h"
#include "operations/operations.h"
#include "segment.h"
#include "server_fixture.h"
#include "simulated_disk.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define VALUE_BYTES 160
#define SEGMENT     1000 /* bytes at most: four batches of one record */

static const char *const often[] = {"furrow.clock.trusted=true", "log.retention.check.interval.ms=20",
                                    "log.segment.delete.delay.ms=0", NULL};
static const char *const later[] = {"furrow.clock.trusted=true", "log.retention.check.interval.ms=20",
                                    "log.segment.delete.delay.ms=200", NULL};
static const char *const seldom[] = {"furrow.clock.trusted=true", "log.retention.check.interval.ms=1000000",
                                     "log.segment.delete.delay.ms=0", NULL};
static struct server_fixture f;

static int64_t wall(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void note_done(void *context, int status, const struct error *error)
{
    (void)error;
    *(int *)context = status;
}

static struct topic *create(const char *name, int32_t partitions, unsigned policy)
{
    struct topic *topic;
    REQUIRE(server_fixture_create_topic(&f, name, partitions, NULL, &topic) == 0);
    topic->config.log.segment_bytes = SEGMENT;
    topic->config.cleanup_policy = policy;
    topic->config.retention_ms = -1;
    for (int32_t i = 0; i < partitions; i++)
        log_set_config(topic->partitions[i]->log, &topic->config.log);
    return topic;
}

static int open_retention(void)
{
    int rc = retention_create(&f.server, &f.server.retention, &f.error);
    if (rc == 0)
        f.server.operations->retention = f.server.retention;
    return rc;
}

static void open_with(const char *const *settings)
{
    server_fixture_open(&f, settings);
    server_fixture_make_disk(&f, 1);
    REQUIRE(server_fixture_open_storage(&f) == 0);
    REQUIRE(open_retention() == 0);
}

static void wait_until_idle(void)
{
    retention_stop(f.server.retention);
    while (!flush_idle(f.server.flush) || !writer_thread_idle(f.server.writer) || !jobs_idle(&f.server.jobs) ||
           !append_service_idle(f.server.appends) || !retention_idle(f.server.retention) ||
           !checkpoints_idle(f.server.checkpoints))
        uv_run(&f.loop, UV_RUN_ONCE);
}

static void close_storage(void)
{
    wait_until_idle();
    retention_destroy(f.server.retention);
    f.server.retention = NULL;
    server_fixture_close_storage(&f);
}

static void close_all(void)
{
    close_storage();
    CHECK(server_fixture_close(&f));
}

static void append(struct partition *partition, int64_t age_ms)
{
    static const uint8_t value[VALUE_BYTES];
    CHECK_EQUAL(server_fixture_append(&f, partition, APPEND_ACKS_LEADER, wall() - age_ms, NULL_SLICE,
                                      slice_of(value, sizeof value)),
                KAFKA_NONE);
}

static void append_many(struct partition *partition, int count, int64_t age_ms)
{
    for (int i = 0; i < count; i++)
        append(partition, age_ms);
}

/* ---- looking ---- */

struct names {
    int logs, aside;
};

static int count_name(void *context, const struct disk_entry *entry)
{
    struct names *names = context;
    int64_t base_offset;
    enum segment_part part;
    if (strstr(entry->name, ".deleted") != NULL)
        names->aside++;
    else if (segment_parse_name(entry->name, &base_offset, &part) && part == SEGMENT_LOG)
        names->logs++;
    return 0;
}

static struct names names_of(const struct partition *partition)
{
    struct names names = {0};
    REQUIRE(disk_list(f.server.disk, log_folder(partition->log), count_name, &names, NULL) == 0);
    return names;
}

/* Turns the loop until the log starts there; false after two seconds. */
static bool wait_for_start(const struct partition *partition, int64_t start)
{
    for (int i = 0; i < 200 && log_start_offset(partition->log) != start; i++)
        server_fixture_run_ms(&f, 10);
    return log_start_offset(partition->log) == start;
}

static bool wait_for_files(const struct partition *partition, int logs, int aside)
{
    for (int i = 0; i < 200; i++) {
        struct names names = names_of(partition);
        if (names.logs == logs && names.aside == aside)
            return true;
        server_fixture_run_ms(&f, 10);
    }
    return false;
}

/* What the checkpoint on the disk says. */
static int64_t saved_start(const char *topic, int32_t partition)
{
    static const uint8_t random[32] = {1};
    struct data_folder *folder;
    struct data_folder_start start;
    REQUIRE(data_folder_open(f.server.disk, 1, random, &folder, &start, &f.error) == 0);
    int64_t offset = data_folder_log_start(folder, slice_of_text(topic), partition);
    data_folder_close(folder);
    return offset;
}

/* ---- one partition ---- */

static void what_is_too_much_goes_and_the_start_is_saved_first(void)
{
    open_with(often);
    struct topic *topic = create("orders", 1, CLEANUP_DELETE);
    append_many(topic->partitions[0], 40, 0);
    CHECK_EQUAL(names_of(topic->partitions[0]).logs, 10);
    topic->config.retention_bytes = 3000;
    CHECK(wait_for_start(topic->partitions[0], 24)); /* four segments: three would be less than the limit */
    CHECK(wait_for_files(topic->partitions[0], 4, 0));
    CHECK_EQUAL(saved_start("orders", 0), 24);
    append_many(topic->partitions[0], 8, 0);
    CHECK(wait_for_files(topic->partitions[0], 4, 0));
    close_all();
}

static void the_last_segment_is_rolled_when_it_is_too_old(void)
{
    open_with(often);
    struct topic *topic = create("orders", 2, CLEANUP_DELETE);
    append_many(topic->partitions[0], 6, 100000);
    append_many(topic->partitions[1], 6, 100);
    topic->config.retention_ms = 50000;
    CHECK(wait_for_start(topic->partitions[0], 6));
    CHECK(wait_for_files(topic->partitions[0], 1, 0));
    CHECK_EQUAL(log_bytes(topic->partitions[0]->log), 0);
    CHECK_EQUAL(log_start_offset(topic->partitions[1]->log), 0);
    append(topic->partitions[0], 0);
    CHECK_EQUAL(log_end_offset(topic->partitions[0]->log), 7);
    close_all();
}

static void only_topics_with_delete_in_their_policy_lose_records(void)
{
    open_with(often);
    struct topic *topic = create("orders", 1, CLEANUP_COMPACT);
    topic->config.cleanup_policy = 0;
    append_many(topic->partitions[0], 12, 100000);
    topic->config.cleanup_policy = CLEANUP_COMPACT;
    topic->config.retention_ms = 1000;
    topic->config.retention_bytes = 1000;
    server_fixture_run_ms(&f, 200);
    CHECK_EQUAL(log_start_offset(topic->partitions[0]->log), 0);
    topic->config.cleanup_policy = CLEANUP_COMPACT | CLEANUP_DELETE;
    CHECK(wait_for_start(topic->partitions[0], 12));
    close_all();
}

static void files_wait_aside_for_their_time(void)
{
    open_with(later);
    struct topic *topic = create("orders", 1, CLEANUP_DELETE);
    append_many(topic->partitions[0], 12, 0);
    topic->config.retention_records = 3;
    CHECK(wait_for_start(topic->partitions[0], 9));
    CHECK(wait_for_files(topic->partitions[0], 1, 2 * 4 - 1));
    append_many(topic->partitions[0], 4, 0); /* while one trim waits, the next does too */
    CHECK(wait_for_files(topic->partitions[0], 1, 0));
    close_all();
}

static void what_waits_aside_at_a_stop_is_gone_after_the_next_start(void)
{
    open_with(later);
    struct topic *topic = create("orders", 1, CLEANUP_DELETE);
    append_many(topic->partitions[0], 12, 0);
    topic->config.retention_records = 0;
    CHECK(wait_for_start(topic->partitions[0], 12));
    CHECK(wait_for_files(topic->partitions[0], 1, 2 * 4 - 1));
    close_storage();
    REQUIRE(server_fixture_open_storage(&f) == 0);
    REQUIRE(open_retention() == 0);
    topic = topics_find(&f.server.topics, slice_of_text("orders"));
    CHECK(names_of(topic->partitions[0]).aside == 0 && names_of(topic->partitions[0]).logs == 1);
    CHECK_EQUAL(log_start_offset(topic->partitions[0]->log), 12);
    close_all();
}

static void a_topic_that_is_deleted_meanwhile_takes_its_files_along(void)
{
    open_with(later);
    struct topic *topic = create("orders", 1, CLEANUP_DELETE);
    append_many(topic->partitions[0], 12, 0);
    topic->config.retention_records = 0;
    CHECK(wait_for_files(topic->partitions[0], 1, 2 * 4 - 1));
    int status = INT32_MAX;
    metadata_log_delete_topic(f.server.metadata, topic, note_done, &status);
    while (status == INT32_MAX)
        uv_run(&f.loop, UV_RUN_ONCE);
    CHECK_EQUAL(status, 0);
    topic = create("orders", 1, CLEANUP_DELETE);
    append_many(topic->partitions[0], 5, 0);
    server_fixture_run_ms(&f, 300);
    CHECK(names_of(topic->partitions[0]).logs == 2 && names_of(topic->partitions[0]).aside == 0);
    CHECK_EQUAL(log_start_offset(topic->partitions[0]->log), 0);
    close_all();
}

/* ---- failures ---- */

static void without_a_saved_start_no_file_goes(void)
{
    open_with(often);
    struct topic *topic = create("orders", 1, CLEANUP_DELETE);
    append_many(topic->partitions[0], 12, 0);
    server_fixture_run_ms(&f, 100);
    for (int i = 0; i < 3; i++) {
        simulated_disk_fail_call_at(f.server.disk, SIMULATED_RENAME, 0, -EIO); /* of a checkpoint */
        topic->config.retention_records = 3 - i;
        CHECK(wait_for_start(topic->partitions[0], 9 + i));
        CHECK(wait_for_files(topic->partitions[0], 1, 0)); /* the next round saves it */
        CHECK(!log_is_offline(topic->partitions[0]->log));
    }
    close_all();
}

/* Any call fails once while segments go; in the end they have gone and nothing else has. */
static void a_failing_disk_delays_what_goes(void)
{
    for (int64_t nth = 0; nth < 40; nth++) {
        open_with(often);
        struct topic *topic = create("orders", 1, CLEANUP_DELETE);
        append_many(topic->partitions[0], 12, 100000);
        simulated_disk_fail_at(f.server.disk, nth, -EIO);
        topic->config.retention_ms = 1000;
        CHECK(wait_for_start(topic->partitions[0], 12) || log_is_offline(topic->partitions[0]->log));
        server_fixture_run_ms(&f, 60);
        CHECK_EQUAL(log_end_offset(topic->partitions[0]->log), 12);
        simulated_disk_fail_at(f.server.disk, -1, 0);
        close_all();
    }
}

static void without_memory_nothing_is_lost(void)
{
    for (int64_t nth = 0; nth < 25; nth++) {
        open_with(often);
        struct topic *topic = create("orders", 1, CLEANUP_DELETE);
        append_many(topic->partitions[0], 12, 100000);
        memory_fail_at(&f.memory, nth);
        topic->config.retention_ms = 1000;
        CHECK(wait_for_start(topic->partitions[0], 12));
        CHECK(wait_for_files(topic->partitions[0], 1, 0));
        memory_fail_at(&f.memory, -1);
        close_all();
    }
}

/* ---- the whole data folder ---- */

static void limit_total(int64_t bytes)
{
    char text[64];
    wait_until_idle();
    retention_destroy(f.server.retention);
    snprintf(text, sizeof text, "furrow.retention.total.bytes=%lld", (long long)bytes);
    REQUIRE(config_set_argument(f.server.config, text, NULL) == 0);
    REQUIRE(open_retention() == 0);
}

static void of_all_together_the_oldest_go_from_whoever_has_more_than_its_share(void)
{
    open_with(seldom);
    struct topic *quiet = create("quiet", 1, CLEANUP_DELETE);
    struct topic *loud = create("loud", 2, CLEANUP_DELETE);
    append_many(quiet->partitions[0], 8, 500000);
    append_many(loud->partitions[0], 20, 2000);
    append_many(loud->partitions[1], 20, 1000);
    int64_t segment = (int64_t)log_bytes(loud->partitions[1]->log) / 5;
    limit_total(12 * segment); /* 2, 5 and 5 segments: nothing goes */
    append(loud->partitions[1], 0);
    CHECK(wait_for_start(loud->partitions[0], 4));
    server_fixture_run_ms(&f, 300);
    append_many(loud->partitions[1], 4, 0); /* now it has more than all others */
    CHECK(wait_for_start(loud->partitions[1], 4));
    CHECK(wait_for_files(loud->partitions[1], 6, 0));
    server_fixture_run_ms(&f, 300);
    CHECK_EQUAL(log_start_offset(loud->partitions[0]->log), 4);
    CHECK_EQUAL(log_start_offset(quiet->partitions[0]->log), 0);
    close_all();
}

static void of_those_that_have_the_same_the_oldest_goes(void)
{
    open_with(seldom);
    struct topic *topic = create("orders", 3, CLEANUP_DELETE);
    append_many(topic->partitions[0], 8, 2000);
    append_many(topic->partitions[1], 8, 3000);
    append_many(topic->partitions[2], 8, 1000);
    int64_t segment = (int64_t)log_bytes(topic->partitions[2]->log) / 2;
    limit_total(5 * segment);
    append(topic->partitions[2], 0);
    CHECK(wait_for_start(topic->partitions[1], 4));
    CHECK(wait_for_start(topic->partitions[0], 4));
    server_fixture_run_ms(&f, 300);
    CHECK_EQUAL(log_start_offset(topic->partitions[2]->log), 0);
    close_all();
}

static void in_the_end_segments_that_are_appended_to_go(void)
{
    open_with(seldom);
    struct topic *topic = create("orders", 2, CLEANUP_DELETE);
    struct topic *kept = create("kept", 1, CLEANUP_COMPACT);
    kept->config.cleanup_policy = 0;
    append_many(kept->partitions[0], 4, 0);
    int64_t segment = (int64_t)log_bytes(kept->partitions[0]->log);
    kept->config.cleanup_policy = CLEANUP_COMPACT;
    append_many(topic->partitions[0], 2, 0);
    append_many(topic->partitions[1], 3, 0);
    limit_total(7 * segment / 4);
    append(topic->partitions[0], 0);
    CHECK(wait_for_start(topic->partitions[0], 3) || wait_for_start(topic->partitions[1], 3));
    server_fixture_run_ms(&f, 600);
    CHECK_EQUAL(log_start_offset(kept->partitions[0]->log), 0);
    CHECK_EQUAL(log_end_offset(topic->partitions[0]->log), 3);
    close_all();
}

static void a_disk_that_is_nearly_full_lets_the_oldest_go_at_once(void)
{
    open_with(seldom);
    struct topic *topic = create("orders", 1, CLEANUP_DELETE);
    append_many(topic->partitions[0], 20, 0);
    limit_total((int64_t)log_bytes(topic->partitions[0]->log));
    struct disk_watch *watch = &f.server.disk_watch;
    watch->reserve = 1000;
    watch->free = 1000;
    watch->on_low(watch->on_low_context); /* 2250 are wanted, so 1250 go: two segments */
    CHECK(wait_for_start(topic->partitions[0], 8));
    CHECK(wait_for_files(topic->partitions[0], 3, 0));
    close_all();
}

/* It is somebody else who fills it: giving all would not help for long. */
static void half_of_the_limit_stays_however_full_the_disk_is(void)
{
    open_with(seldom);
    struct topic *topic = create("orders", 1, CLEANUP_DELETE);
    append_many(topic->partitions[0], 20, 0);
    uint64_t limit = log_bytes(topic->partitions[0]->log);
    limit_total((int64_t)limit);
    struct disk_watch *watch = &f.server.disk_watch;
    watch->reserve = 1 << 20;
    watch->free = 0;
    for (int i = 0; i < 6; i++) {
        watch->on_low(watch->on_low_context);
        server_fixture_run_ms(&f, 300);
    }
    CHECK_EQUAL(log_start_offset(topic->partitions[0]->log), 12); /* closed segments only, to the one that crosses */
    CHECK_EQUAL(log_end_offset(topic->partitions[0]->log), 20);
    close_all();
}

/* ---- the clock ---- */

static void what_is_known_of_the_clock_is_kept_over_a_restart(void)
{
    open_with(often);
    server_fixture_run_ms(&f, 100);
    int64_t proven = retention_time(f.server.retention)->proven;
    CHECK(proven > 0);
    writer text;
    writer_init(&text, &f.memory, MEMORY_LOGS, 1 << 16);
    retention_write_time(f.server.retention, true, &text);
    REQUIRE(retention_save_time(f.server.disk, writer_slice(&text), NULL) == 0);
    writer_close(&text);
    close_storage();
    REQUIRE(server_fixture_open_storage(&f) == 0);
    REQUIRE(open_retention() == 0);
    CHECK(retention_time(f.server.retention)->proven >= proven);
    close_storage();
    REQUIRE(simulated_disk_flip_bit(f.server.disk, "furrow-clock-checkpoint", 3));
    REQUIRE(server_fixture_open_storage(&f) == 0);
    REQUIRE(open_retention() == 0); /* nothing is known then, and that is said */
    CHECK_EQUAL(server_fixture_logged(&f, "nothing is known of how much time has passed"), 1);
    close_all();
}

SUITE("retention", CHECK_TEST(what_is_too_much_goes_and_the_start_is_saved_first),
      CHECK_TEST(the_last_segment_is_rolled_when_it_is_too_old),
      CHECK_TEST(only_topics_with_delete_in_their_policy_lose_records), CHECK_TEST(files_wait_aside_for_their_time),
      CHECK_TEST(what_waits_aside_at_a_stop_is_gone_after_the_next_start),
      CHECK_TEST(a_topic_that_is_deleted_meanwhile_takes_its_files_along),
      CHECK_TEST(without_a_saved_start_no_file_goes), CHECK_TEST(a_failing_disk_delays_what_goes),
      CHECK_TEST(without_memory_nothing_is_lost),
      CHECK_TEST(of_all_together_the_oldest_go_from_whoever_has_more_than_its_share),
      CHECK_TEST(of_those_that_have_the_same_the_oldest_goes), CHECK_TEST(in_the_end_segments_that_are_appended_to_go),
      CHECK_TEST(a_disk_that_is_nearly_full_lets_the_oldest_go_at_once),
      CHECK_TEST(half_of_the_limit_stays_however_full_the_disk_is),
      CHECK_TEST(what_is_known_of_the_clock_is_kept_over_a_restart))
