/* The cleaner on a simulated disk, with the server's own writer, pool and loop: logs are compacted when they are due,
 * and whatever happens meanwhile, what is left of them is right. */
#include "cleaner.h"

#include "batch_builder.h"
#include "batch_iterator.h"
#include "check.h"
#include "checkpoints.h"
#include "compaction.h"
#include "flush.h"
#include "metadata_log.h"
#include "metadata_private.h"
#include "operations/operations.h"
#include "server_fixture.h"
#include "simulated_disk.h"

#include <errno.h>
#include <stdio.h>

#define KEYS       4
#define RECORDS    60
#define PATIENCE_S 10

static const char *const eager[] = {"log.cleaner.backoff.ms=1", "log.cleaner.dedupe.buffer.size=65536",
                                    "log.cleaner.min.cleanable.ratio=0", "log.flush.interval.ms=5", NULL};
static const char *const slow[] = {"log.cleaner.backoff.ms=1", "log.cleaner.io.max.bytes.per.second=10",
                                   "log.cleaner.min.cleanable.ratio=0", "log.flush.interval.ms=5", NULL};
static struct server_fixture f;

/* ---- the server ---- */

static void open_with(const char *const *settings)
{
    server_fixture_open(&f, settings);
    server_fixture_make_disk(&f, 1);
    REQUIRE(server_fixture_open_storage(&f) == 0);
    cleaner_wake(f.server.cleaner);
}

static bool is_idle(void)
{
    return flush_idle(f.server.flush) && writer_thread_idle(f.server.writer) && jobs_idle(&f.server.jobs) &&
           append_service_idle(f.server.appends) && checkpoints_idle(f.server.checkpoints) &&
           metadata_log_idle(f.server.metadata) && cleaner_idle(f.server.cleaner);
}

static void stop(void)
{
    cleaner_stop(f.server.cleaner);
    while (!is_idle())
        uv_run(&f.loop, UV_RUN_ONCE);
    server_fixture_close_storage(&f);
}

static void close_all(void)
{
    stop();
    CHECK(server_fixture_close(&f));
}

static void note_status(void *context, int status, const struct error *error)
{
    (void)error;
    *(int *)context = status;
}

static int wait_for(const int *status)
{
    while (*status == INT32_MAX)
        uv_run(&f.loop, UV_RUN_ONCE);
    return *status;
}

/* Its segments hold a few records; a key without a value: a name of the table and what it is set to. */
static struct topic *create(const char *name, const char *key, const char *value)
{
    struct topic *topic;
    struct topic_config config;
    topic_config_init(&config, f.server.config);
    REQUIRE(topic_config_set(&config, f.server.config, &f.memory, topic_config_find(slice_of_text("cleanup.policy")),
                             slice_of_text("compact"), NULL) == 0);
    if (key != NULL)
        REQUIRE(topic_config_set(&config, f.server.config, &f.memory, topic_config_find(slice_of_text(key)),
                                 slice_of_text(value), NULL) == 0);
    int status = server_fixture_create_topic(&f, name, 1, &config, &topic);
    topic_config_close(&config, &f.memory);
    REQUIRE(status == 0);
    return topic;
}

static void use_small_segments(struct topic *topic)
{
    topic->config.log.segment_bytes = 400;
    metadata_use_config(topic);
}

/* ---- records ---- */

/* The n-th: its key is n % KEYS, its value n. */
static void append(struct topic *topic, int n)
{
    char key[16], value[16];
    snprintf(key, sizeof key, "%d", n % KEYS);
    snprintf(value, sizeof value, "%d", n);
    CHECK_EQUAL(server_fixture_append(&f, topic->partitions[0], APPEND_ACKS_ALL, 1700000000000 + n, slice_of_text(key),
                                      slice_of_text(value)),
                KAFKA_NONE);
}

static void append_many(struct topic *topic)
{
    use_small_segments(topic);
    for (int n = 0; n < RECORDS; n++)
        append(topic, n);
}

/* Counts the records, whose values must be their offsets. */
static int count_batch(slice batch)
{
    struct batch_iterator it;
    struct record record;
    int count = 0;
    REQUIRE(batch_iterator_open(&it, batch, NULL, batch.size, NULL) == 0);
    for (; batch_iterator_next(&it, &record, NULL) == 1; count++) {
        char value[16];
        snprintf(value, sizeof value, "%d", (int)record.offset);
        CHECK(slice_equal(record.value, slice_of_text(value)));
    }
    batch_iterator_close(&it);
    return count;
}

/* All records of the log, and whether the last one of each key is among them. */
static int count_records(struct topic *topic)
{
    static uint8_t bytes[1 << 16];
    struct log *log = topic->partitions[0]->log;
    int count = 0;
    int64_t end = log_end_offset(log);
    for (int64_t offset = log_start_offset(log); offset < end;) {
        struct log_read read = {.offset = offset, .end_offset = end, .max_bytes = sizeof bytes, .whole_batch = true};
        if (log_read_begin(log, &read) == 0) {
            log_read_execute(&read);
            log_read_end(log, &read);
        }
        REQUIRE(read.status == 0 && read.bytes != 0);
        size_t got;
        REQUIRE(file_read(read.file, bytes, read.bytes, read.position, &got, NULL) == 0);
        log_read_release(log, &read);
        struct batch_header header;
        slice batch, rest = slice_of(bytes, got);
        while (batch_next(&rest, &header, &batch, NULL) == 1) {
            count += count_batch(batch);
            if (header.count == 0)
                CHECK(batch_last_offset(&header) < end - KEYS);
            offset = batch_last_offset(&header) + 1;
        }
    }
    return count;
}

static bool is_clean(const struct topic *topic)
{
    const struct partition *partition = topic->partitions[0];
    return partition->clean.cleaned_end == log_active_base(partition->log);
}

/* False when it takes too long. */
static bool run_until_clean(const struct topic *topic)
{
    uint64_t start = uv_hrtime();
    while (!is_clean(topic) || !is_idle()) {
        if (uv_hrtime() - start > PATIENCE_S * UINT64_C(1000000000))
            return false;
        server_fixture_run_ms(&f, 2);
    }
    return true;
}

/* The last records of each key, and the segment that is written to. */
static bool is_compacted(struct topic *topic, int keep)
{
    const struct log *log = topic->partitions[0]->log;
    int active = (int)(log_end_offset(log) - log_active_base(log));
    return count_records(topic) <= KEYS * keep + active;
}

/* ---- tests ---- */

static void what_is_dirty_is_compacted_and_stays_so_over_a_restart(void)
{
    open_with(eager);
    struct topic *topic = create("orders", NULL, NULL);
    append_many(topic);
    REQUIRE(run_until_clean(topic));
    CHECK(is_compacted(topic, 1));
    CHECK(server_fixture_logged(&f, "compacted") >= 1);
    int64_t cleaned_end = topic->partitions[0]->clean.cleaned_end;
    int records = count_records(topic);
    stop();
    REQUIRE(server_fixture_open_storage(&f) == 0);
    topic = topics_find(&f.server.topics, slice_of_text("orders"));
    CHECK_EQUAL(topic->partitions[0]->clean.cleaned_end, cleaned_end);
    CHECK_EQUAL(count_records(topic), records);
    unsigned runs = server_fixture_logged(&f, "compacted");
    cleaner_wake(f.server.cleaner);
    server_fixture_run_ms(&f, 20);
    CHECK_EQUAL(server_fixture_logged(&f, "compacted"), runs); /* nothing is dirty */
    use_small_segments(topic);
    for (int n = RECORDS; n < 2 * RECORDS; n++)
        append(topic, n);
    REQUIRE(run_until_clean(topic));
    CHECK(is_compacted(topic, 1));
    close_all();
}

static void a_log_is_left_alone_until_its_dirty_share_is_large_enough(void)
{
    open_with(eager);
    struct topic *topic = create("orders", "min.cleanable.dirty.ratio", "1");
    append_many(topic);
    server_fixture_run_ms(&f, 50);
    CHECK_EQUAL(topic->partitions[0]->clean.cleaned_end, 0);
    CHECK_EQUAL(count_records(topic), RECORDS);
    close_all();

    open_with(eager); /* overdue: its records are years old */
    topic = create("orders", "max.compaction.lag.ms", "1000");
    topic->config.min_cleanable_ratio = 1;
    append_many(topic);
    CHECK(run_until_clean(topic));
    CHECK(is_compacted(topic, 1));
    close_all();
}

static void without_compacted_topics_nothing_wakes_the_server(void)
{
    open_with(eager);
    server_fixture_run_ms(&f, 50);
    CHECK_EQUAL(server_fixture_timers(&f), 0);
    close_all();
}

static void switched_off_it_does_nothing(void)
{
    open_with(
        (const char *const[]){"log.cleaner.enable=false", "log.cleaner.backoff.ms=1", "log.flush.interval.ms=5", NULL});
    struct topic *topic = create("orders", NULL, NULL);
    append_many(topic);
    server_fixture_run_ms(&f, 50);
    CHECK_EQUAL(count_records(topic), RECORDS);
    CHECK_EQUAL(server_fixture_timers(&f), 0);
    close_all();
}

static void a_topic_that_is_compacted_otherwise_is_compacted_anew(void)
{
    open_with(eager);
    struct topic *topic = create("orders", "furrow.compaction.keep", "3");
    append_many(topic);
    REQUIRE(run_until_clean(topic));
    CHECK(is_compacted(topic, 3));
    CHECK(!is_compacted(topic, 1));

    int status = INT32_MAX;
    struct topic_config config;
    REQUIRE(topic_config_copy(&config, &topic->config, &f.memory) == 0);
    topic_config_unset(&config, f.server.config, &f.memory, topic_config_find(slice_of_text("furrow.compaction.keep")));
    metadata_log_set_topic_config(f.server.metadata, topic, &config, note_status, &status);
    topic_config_close(&config, &f.memory);
    CHECK_EQUAL(topic->partitions[0]->clean.cleaned_end, 0);
    CHECK_EQUAL(wait_for(&status), 0);
    REQUIRE(run_until_clean(topic));
    CHECK(is_compacted(topic, 1));
    close_all();
}

/* The limit makes it rest for a second behind each slice. */
static void begin_slowly(struct topic *topic)
{
    append_many(topic);
    while (cleaner_idle(f.server.cleaner) || !checkpoints_idle(f.server.checkpoints))
        server_fixture_run_ms(&f, 2);
    server_fixture_run_ms(&f, 20);
    CHECK(!cleaner_idle(f.server.cleaner));
}

static void a_stop_does_not_wait_for_a_compaction(void)
{
    open_with(slow);
    struct topic *topic = create("orders", NULL, NULL);
    begin_slowly(topic);
    uint64_t start = uv_hrtime();
    stop();
    CHECK(uv_hrtime() - start < UINT64_C(500000000));
    REQUIRE(server_fixture_open_storage(&f) == 0);
    topic = topics_find(&f.server.topics, slice_of_text("orders"));
    CHECK(count_records(topic) >= KEYS);
    CHECK_EQUAL(log_end_offset(topic->partitions[0]->log), RECORDS);
    close_all();
}

static void a_topic_may_be_deleted_and_come_again_while_it_is_compacted(void)
{
    open_with(slow);
    struct topic *topic = create("orders", NULL, NULL);
    begin_slowly(topic);
    int status = INT32_MAX;
    metadata_log_delete_topic(f.server.metadata, topic, note_status, &status);
    CHECK_EQUAL(wait_for(&status), 0);
    topic = create("orders", NULL, NULL);
    CHECK_EQUAL(topic->partitions[0]->clean.cleaned_end, 0);
    CHECK_EQUAL(log_end_offset(topic->partitions[0]->log), 0);
    append_many(topic);
    CHECK_EQUAL(log_end_offset(topic->partitions[0]->log), RECORDS);
    close_all();
}

static void the_metadata_log_is_compacted(void)
{
    static char replicas[4000];
    memset(replicas, ',', sizeof replicas - 1);
    open_with(eager);
    struct topic *topic = create("orders", "leader.replication.throttled.replicas", replicas);
    const struct log *log = metadata_log_log(f.server.metadata);
    for (int i = 0; i < 600; i++) { /* 4 KB each: two segments and more */
        int status = INT32_MAX;
        struct topic_config config;
        REQUIRE(topic_config_copy(&config, &topic->config, &f.memory) == 0);
        metadata_log_set_topic_config(f.server.metadata, topic, &config, note_status, &status);
        topic_config_close(&config, &f.memory);
        CHECK_EQUAL(wait_for(&status), 0);
    }
    uint64_t start = uv_hrtime();
    while (metadata_log_clean(f.server.metadata)->cleaned_end != log_active_base(log) &&
           uv_hrtime() - start < PATIENCE_S * UINT64_C(1000000000))
        server_fixture_run_ms(&f, 5);
    CHECK(log_bytes(log) < 1100000);
    stop();
    REQUIRE(server_fixture_open_storage(&f) == 0);
    topic = topics_find(&f.server.topics, slice_of_text("orders"));
    REQUIRE(topic != NULL);
    CHECK_EQUAL(topic->config.cleanup_policy, CLEANUP_COMPACT);
    CHECK_EQUAL(topic->config.own.count, 2);
    close_all();
}

/* Every call of the disk from the beginning of a compaction on fails once: it is said, nothing is lost. */
static void any_failing_call_leaves_what_was_there(void)
{
    bool more = true;
    for (int64_t nth = 0; more; nth += 1 + nth / 16) {
        open_with((const char *const[]){"log.cleaner.backoff.ms=1", "log.cleaner.min.cleanable.ratio=0", NULL});
        struct topic *topic = create("orders", NULL, NULL);
        topic->config.min_cleanable_ratio = 1;
        append_many(topic);
        topic->config.min_cleanable_ratio = 0;
        cleaner_wake(f.server.cleaner);
        simulated_disk_fail_at(f.server.disk, nth, -EIO);
        server_fixture_run_ms(&f, 15);
        while (!is_idle())
            uv_run(&f.loop, UV_RUN_ONCE);
        more = !simulated_disk_fail_pending(f.server.disk);
        simulated_disk_fail_at(f.server.disk, -1, 0);
        CHECK(!log_is_offline(topic->partitions[0]->log));
        CHECK(count_records(topic) >= KEYS);
        stop();
        REQUIRE(server_fixture_open_storage(&f) == 0);
        topic = topics_find(&f.server.topics, slice_of_text("orders"));
        REQUIRE(topic != NULL && topic->partitions[0]->log != NULL);
        CHECK_EQUAL(log_end_offset(topic->partitions[0]->log), RECORDS);
        CHECK(count_records(topic) >= KEYS);
        close_all();
    }
}

/* Files that could not get their names stand in the way of trims and of the next run. */
static void what_could_not_be_settled_is_settled_later(bool is_deleting_policy)
{
    bool more = true;
    for (int64_t nth = 0; more; nth++) {
        open_with((const char *const[]){"log.cleaner.backoff.ms=1", "log.cleaner.min.cleanable.ratio=0", NULL});
        struct topic *topic = create("orders", NULL, NULL);
        struct partition *partition = topic->partitions[0];
        topic->config.min_cleanable_ratio = 1;
        append_many(topic);
        topic->config.min_cleanable_ratio = 0;
        cleaner_wake(f.server.cleaner);
        simulated_disk_fail_call_at(f.server.disk, SIMULATED_RENAME, nth, -ENOSPC);
        for (int i = 0; i < 400 && !is_clean(topic) && partition->clean.retry_at == 0; i++)
            server_fixture_run_ms(&f, 1);
        more = !simulated_disk_fail_pending(f.server.disk);
        simulated_disk_fail_at(f.server.disk, -1, 0);
        int records = count_records(topic);
        bool was_unsettled = partition->clean.retry_at != 0 && log_is_compacting(partition->log);
        if (is_deleting_policy)
            topic->config.cleanup_policy = CLEANUP_DELETE;
        partition->clean.retry_at = 0;
        for (int i = 0; i < 100 && log_is_compacting(partition->log); i++)
            server_fixture_run_ms(&f, 5);
        CHECK(!log_is_compacting(partition->log));
        if (is_deleting_policy && was_unsettled)
            CHECK_EQUAL(count_records(topic), records);
        else if (!is_deleting_policy)
            CHECK(run_until_clean(topic));
        close_all();
    }
}

static void what_a_failure_left_unsettled_is_settled_later(void)
{
    what_could_not_be_settled_is_settled_later(false);
}

static void it_is_settled_even_when_the_topic_is_not_compacted_any_more(void)
{
    what_could_not_be_settled_is_settled_later(true);
}

static void any_allocation_may_fail(void)
{
    bool more = true;
    for (int64_t nth = 0; more; nth++) {
        open_with((const char *const[]){"log.cleaner.backoff.ms=1", "log.cleaner.min.cleanable.ratio=0", NULL});
        struct topic *topic = create("orders", NULL, NULL);
        topic->config.min_cleanable_ratio = 1;
        append_many(topic);
        topic->config.min_cleanable_ratio = 0;
        cleaner_wake(f.server.cleaner);
        memory_fail_at(&f.memory, nth);
        server_fixture_run_ms(&f, 10);
        while (!is_idle())
            uv_run(&f.loop, UV_RUN_ONCE);
        more = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        CHECK(!log_is_offline(topic->partitions[0]->log));
        CHECK(count_records(topic) >= KEYS);
        close_all();
    }
}

SUITE("cleaner", CHECK_TEST(what_is_dirty_is_compacted_and_stays_so_over_a_restart),
      CHECK_TEST(a_log_is_left_alone_until_its_dirty_share_is_large_enough),
      CHECK_TEST(without_compacted_topics_nothing_wakes_the_server), CHECK_TEST(switched_off_it_does_nothing),
      CHECK_TEST(a_topic_that_is_compacted_otherwise_is_compacted_anew),
      CHECK_TEST(a_stop_does_not_wait_for_a_compaction),
      CHECK_TEST(a_topic_may_be_deleted_and_come_again_while_it_is_compacted),
      CHECK_TEST(the_metadata_log_is_compacted), CHECK_TEST(any_failing_call_leaves_what_was_there),
      CHECK_TEST(what_a_failure_left_unsettled_is_settled_later),
      CHECK_TEST(it_is_settled_even_when_the_topic_is_not_compacted_any_more), CHECK_TEST(any_allocation_may_fail))
