/* What a power cut leaves of a deleted topic among the committed offsets goes with the next start. */
#include "check.h"
#include "metadata_log.h"
#include "operations/groups.h"
#include "operations/operations.h"
#include "server_fixture.h"

static struct server_fixture f;

static void wait_until_idle(void)
{
    while (!operations_idle(&f.server) || !metadata_log_idle(f.server.metadata) || !jobs_idle(&f.server.jobs) ||
           !writer_thread_idle(f.server.writer))
        uv_run(&f.loop, UV_RUN_ONCE);
}

static void create(const char *name)
{
    struct topic *topic;
    REQUIRE(server_fixture_create_topic(&f, name, 1, NULL, &topic) == 0);
}

static void note_done(void *context, int status, const struct error *error)
{
    (void)error;
    *(int *)context = status;
}

static void delete_topic(const char *name)
{
    int status = 1;
    metadata_log_delete_topic(f.server.metadata, topics_find(&f.server.topics, slice_of_text(name)), note_done,
                              &status);
    while (status == 1)
        uv_run(&f.loop, UV_RUN_ONCE);
    CHECK_EQUAL(status, 0);
    wait_until_idle();
}

static void note_committed(struct group_call *call)
{
    *(bool *)call->context = true;
}

/* Whether or not there is such a topic. */
static void commit(const char *topic)
{
    bool done = false;
    struct arena arena;
    arena_init(&arena, &f.memory, MEMORY_REQUESTS, 1 << 16);
    struct commit_partition one = {.topic = slice_of_text(topic), .value = {.offset = 5}};
    struct commit_call call = {.call = {.done = note_committed, .context = &done, .arena = &arena},
                               .group_id = slice_of_text("g"),
                               .member_id = slice_of_text(""),
                               .generation = -1,
                               .partitions = &one,
                               .count = 1};
    group_coordinator_commit(group_service_coordinator(f.server.groups), &call, group_service_now(f.server.groups));
    while (!done)
        uv_run(&f.loop, UV_RUN_ONCE);
    CHECK_EQUAL(one.error, KAFKA_NONE);
    arena_close(&arena);
}

static bool is_committed(const char *topic)
{
    const struct group *group = group_coordinator_find(group_service_coordinator(f.server.groups), slice_of_text("g"));
    return group != NULL && committed_offsets_find(group_offsets(group), slice_of_text(topic), 0) != NULL;
}

static void restart(void)
{
    wait_until_idle();
    server_fixture_close_storage(&f);
    REQUIRE(server_fixture_open_storage(&f) == 0);
}

static void a_start_forgets_the_offsets_of_topics_that_were_deleted_before(void)
{
    server_fixture_open(&f, NULL);
    server_fixture_make_disk(&f, 1);
    REQUIRE(server_fixture_open_storage(&f) == 0);
    create("deleted");
    create("made-again");
    delete_topic("deleted");
    delete_topic("made-again");
    create("made-again");
    commit("deleted"); /* as if its removal had not reached the disk */
    commit("made-again");
    commit("of-another-server");
    restart();
    CHECK(is_committed("deleted"));
    metadata_log_note_started(f.server.metadata);
    for (int restarted = 0; restarted < 2; restarted++) {
        CHECK(!is_committed("deleted"));
        CHECK(is_committed("made-again") && is_committed("of-another-server"));
        restart();
    }
    wait_until_idle();
    server_fixture_close_storage(&f);
    CHECK(server_fixture_close(&f));
}

SUITE("deleted_topics", CHECK_TEST(a_start_forgets_the_offsets_of_topics_that_were_deleted_before))
