/* The scrub on a simulated disk, with the server's own pool and loop. */
#include "scrub.h"

#include "batch_builder.h"
#include "check.h"
#include "checkpoint.h"
#include "flush.h"
#include "metadata_log.h"
#include "operations/operations.h"
#include "server_fixture.h"
#include "simulated_disk.h"

static const char *const often[] = {"furrow.scrub.interval.hours=0.0001", NULL}; /* 360 ms */
static struct server_fixture f;

static void note_done(void *context, int status, const struct error *error)
{
    (void)error;
    *(int *)context = status;
}

static struct topic *create(const char *name, int32_t partitions)
{
    struct topic *topic;
    CHECK_EQUAL(server_fixture_create_topic(&f, name, partitions, NULL, &topic), 0);
    return topic;
}

static void append(struct partition *partition)
{
    CHECK_EQUAL(
        server_fixture_append(&f, partition, APPEND_ACKS_ALL, 1700000000000, NULL_SLICE, slice_of_text("a record")),
        KAFKA_NONE);
}

static void open_with(const char *const *settings)
{
    server_fixture_open(&f, settings);
    server_fixture_make_disk(&f, 1);
    REQUIRE(server_fixture_open_storage(&f) == 0);
}

static void end_scrub(void)
{
    scrub_stop(f.server.scrub);
    while (!scrub_idle(f.server.scrub))
        uv_run(&f.loop, UV_RUN_ONCE);
    scrub_destroy(f.server.scrub);
}

static void close_all(void)
{
    while (!flush_idle(f.server.flush) || !writer_thread_idle(f.server.writer) || !jobs_idle(&f.server.jobs) ||
           !append_service_idle(f.server.appends))
        uv_run(&f.loop, UV_RUN_ONCE);
    server_fixture_close_storage(&f);
    CHECK(server_fixture_close(&f));
}

static void what_has_rotted_is_told_and_the_rest_is_looked_at_too(void)
{
    open_with(often);
    struct topic *topic = create("orders", 3);
    for (int32_t i = 0; i < 6; i++)
        append(topic->partitions[i % 3]);
    CHECK(simulated_disk_flip_bit(f.server.disk, "orders-1/00000000000000000000.log", 65 * 8));
    REQUIRE(scrub_create(&f.server, &f.server.scrub) == 0);
    CHECK_EQUAL(server_fixture_logged(&f, "looked through"), 0);
    for (int i = 0; i < 100 && server_fixture_logged(&f, "looked through") == 0; i++)
        server_fixture_run_ms(&f, 50);
    CHECK_EQUAL(server_fixture_logged(&f, "damaged=1 looked through"), 1);
    CHECK_EQUAL(server_fixture_logged(&f, "ERROR scrub partition=orders-1 segment=0 offset=0 position=0"), 1);
    CHECK_EQUAL(server_fixture_logged(&f, "ERROR scrub"), 1);
    CHECK_EQUAL(scrub_found(f.server.scrub), 1);
    for (int i = 0; i < 3; i++)
        CHECK(!log_is_offline(topic->partitions[i]->log));
    end_scrub();
    close_all();
}

static void a_topic_deleted_meanwhile_is_let_go(void)
{
    open_with(often);
    struct topic *topic = create("orders", 1);
    append(topic->partitions[0]);
    REQUIRE(scrub_create(&f.server, &f.server.scrub) == 0);
    while (topic->holds == 1)
        uv_run(&f.loop, UV_RUN_ONCE);
    int status = INT32_MAX;
    metadata_log_delete_topic(f.server.metadata, topic, note_done, &status);
    while (status == INT32_MAX)
        uv_run(&f.loop, UV_RUN_ONCE);
    for (int i = 0; i < 100 && server_fixture_logged(&f, "looked through") == 0; i++)
        server_fixture_run_ms(&f, 50);
    CHECK_EQUAL(server_fixture_logged(&f, "damaged=0 looked through"), 1);
    end_scrub();
    close_all();
}

static bool checkpoint_says(const char *line)
{
    uint8_t *bytes;
    size_t size;
    REQUIRE(disk_read_file(f.server.disk, "scrub-checkpoint", 1000, MEMORY_LOGS, &bytes, &size, &f.error) == 0);
    bool says = memmem(bytes, size, line, strlen(line)) != NULL;
    memory_free(&f.memory, MEMORY_LOGS, bytes, size);
    return says;
}

static void a_pass_goes_on_where_the_last_run_has_stopped(void)
{
    open_with(often);
    struct topic *topic = create("orders", 3);
    for (int32_t i = 0; i < 3; i++)
        append(topic->partitions[i]);
    struct checkpoint_offset entries[] = {{.topic = slice_of_text("."), .offset = 1},
                                          {.topic = slice_of_text("orders"), .partition = 1, .offset = 0}};
    REQUIRE(checkpoint_replace_offsets_file(f.server.disk, "scrub-checkpoint", entries, 2, &f.error) == 0);
    for (int i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof path, "orders-%d/00000000000000000000.log", i);
        CHECK(simulated_disk_flip_bit(f.server.disk, path, 65 * 8));
    }
    REQUIRE(scrub_create(&f.server, &f.server.scrub) == 0);
    for (int i = 0; i < 100 && server_fixture_logged(&f, "looked through") == 0; i++)
        server_fixture_run_ms(&f, 50);
    CHECK_EQUAL(server_fixture_logged(&f, "damaged=2 looked through"), 1);
    CHECK_EQUAL(server_fixture_logged(&f, "ERROR scrub partition=orders-0"), 0);
    end_scrub();
    CHECK(!checkpoint_says("orders"));
    close_all();
}

static void it_can_be_turned_off(void)
{
    static const char *const never[] = {"furrow.scrub.interval.hours=0", NULL};
    open_with(never);
    unsigned timers = server_fixture_timers(&f);
    REQUIRE(scrub_create(&f.server, &f.server.scrub) == 0);
    CHECK_EQUAL(server_fixture_timers(&f), timers);
    CHECK(scrub_idle(f.server.scrub));
    end_scrub();
    close_all();
}

SUITE("scrub", CHECK_TEST(what_has_rotted_is_told_and_the_rest_is_looked_at_too),
      CHECK_TEST(a_topic_deleted_meanwhile_is_let_go), CHECK_TEST(a_pass_goes_on_where_the_last_run_has_stopped),
      CHECK_TEST(it_can_be_turned_off))
