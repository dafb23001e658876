/* Folders of a deleted topic that could be neither renamed nor removed: nothing takes them over. */
#include "check.h"
#include "metadata_log.h"
#include "operations/operations.h"
#include "server_fixture.h"
#include "simulated_disk.h"

#include <errno.h>

static struct server_fixture f;

static void open_all(void)
{
    server_fixture_open(&f, NULL);
    server_fixture_make_disk(&f, 1);
    REQUIRE(server_fixture_open_storage(&f) == 0);
}

static void wait_until_idle(void)
{
    while (!operations_idle(&f.server) || !metadata_log_idle(f.server.metadata) || !jobs_idle(&f.server.jobs) ||
           !writer_thread_idle(f.server.writer))
        uv_run(&f.loop, UV_RUN_ONCE);
}

static void restart(void)
{
    wait_until_idle();
    server_fixture_close_storage(&f);
    REQUIRE(server_fixture_open_storage(&f) == 0);
}

static void close_all(void)
{
    wait_until_idle();
    server_fixture_close_storage(&f);
    CHECK(server_fixture_close(&f));
}

static void note_done(void *context, int status, const struct error *error)
{
    (void)error;
    *(int *)context = status;
}

/* Whose second partition has a record. */
static void create_with_a_record(void)
{
    struct topic *topic;
    REQUIRE(server_fixture_create_topic(&f, "orders", 2, NULL, &topic) == 0);
    CHECK_EQUAL(server_fixture_append(&f, topic->partitions[1], APPEND_ACKS_ALL, 1700000000000, NULL_SLICE,
                                      slice_of_text("old")),
                KAFKA_NONE);
}

/* The second partition's folder stays. */
static void delete_with_a_failure(void)
{
    int status = 1;
    simulated_disk_fail_call_at(f.server.disk, SIMULATED_RENAME, 1, -EIO);
    metadata_log_delete_topic(f.server.metadata, topics_find(&f.server.topics, slice_of_text("orders")), note_done,
                              &status);
    while (status == 1)
        uv_run(&f.loop, UV_RUN_ONCE);
    CHECK_EQUAL(status, 0);
    REQUIRE(!simulated_disk_fail_pending(f.server.disk));
}

static bool is_there(const char *folder)
{
    struct uuid id;
    return log_read_topic_id(f.server.disk, folder, &id, NULL) == 0;
}

static void a_new_topic_of_the_name_does_not_take_them_over(void)
{
    for (int grown = 0; grown < 2; grown++) {
        struct topic *topic;
        open_all();
        create_with_a_record();
        delete_with_a_failure();
        REQUIRE(is_there("orders-1"));
        REQUIRE(server_fixture_create_topic(&f, "orders", grown ? 1 : 2, NULL, &topic) == 0);
        if (grown) {
            int status = 1;
            metadata_log_add_partitions(f.server.metadata, topic, 2, note_done, &status);
            while (status == 1)
                uv_run(&f.loop, UV_RUN_ONCE);
            CHECK_EQUAL(status, 0);
        }
        CHECK_EQUAL(log_end_offset(topic->partitions[1]->log), 0);
        close_all();
    }
}

/* Also when a start cannot either. */
static void the_next_start_removes_them_and_has_not_forgotten_whose_they_are(void)
{
    int failed = 0;
    bool happened = true;
    for (int64_t nth = 0; happened; nth++) {
        open_all();
        CHECK(metadata_log_may_be_compacted(f.server.metadata));
        create_with_a_record();
        delete_with_a_failure();
        CHECK(is_there("orders-1") && !metadata_log_may_be_compacted(f.server.metadata));
        wait_until_idle();
        server_fixture_close_storage(&f);
        simulated_disk_fail_call_at(f.server.disk, SIMULATED_RENAME, nth, -EIO);
        int opened = server_fixture_open_storage(&f);
        happened = !simulated_disk_fail_pending(f.server.disk);
        simulated_disk_fail_call_at(f.server.disk, SIMULATED_RENAME, -1, 0);
        if (opened != 0)
            REQUIRE(server_fixture_open_storage(&f) == 0);
        if (is_there("orders-1")) {
            failed++;
            CHECK(!metadata_log_may_be_compacted(f.server.metadata));
            restart();
        }
        CHECK(!is_there("orders-1") && metadata_log_may_be_compacted(f.server.metadata));
        close_all();
        REQUIRE(nth < 20);
    }
    CHECK_EQUAL(failed, 1);
}

SUITE("leftover_folders", CHECK_TEST(a_new_topic_of_the_name_does_not_take_them_over),
      CHECK_TEST(the_next_start_removes_them_and_has_not_forgotten_whose_they_are))
