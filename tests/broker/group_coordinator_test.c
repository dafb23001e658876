#include "batch_iterator.h"
#include "check.h"
#include "group/group_coordinator.h"

#include <stdio.h>

#define APPENDS_MAX 32

/* The log of groups, as a list of batches; each waits until the test lets it be written. */
struct fixture {
    struct memory memory;
    struct group_coordinator_limits limits;
    struct group_coordinator *coordinator;
    struct group_time now;
    struct group_append *waiting[APPENDS_MAX];
    int waiting_count;
    struct memory log_memory; /* what the log holds is nobody's memory here */
    uint8_t *log[256];
    size_t log_sizes[256];
    int log_count;
    struct arena arena;
    int answers;
};

static void take_append(void *context, struct group_append *append)
{
    struct fixture *f = context;
    REQUIRE(f->waiting_count < APPENDS_MAX);
    f->waiting[f->waiting_count++] = append;
}

static void fill(void *context, void *to, size_t size)
{
    (void)context;
    memset(to, 7, size);
}

static int64_t age(void *context, int64_t since)
{
    const struct fixture *f = context;
    return f->now.wall - since;
}

static struct group_settings settings(void *context, slice group_id)
{
    (void)context;
    (void)group_id;
    return (struct group_settings){.consumer_session_timeout_ms = 45000, .consumer_heartbeat_interval_ms = 5000};
}

static void open_coordinator(struct fixture *f)
{
    struct group_store store = {.append = take_append, .random = fill, .age = age, .settings = settings, .context = f};
    REQUIRE(group_coordinator_open(&f->memory, &f->limits, &store, &f->coordinator) == 0);
}

static void open_fixture(struct fixture *f)
{
    *f = (struct fixture){
        .limits = {.groups = {.max_size = 10, .min_session_timeout_ms = 6000, .max_session_timeout_ms = 60000},
                   .max_groups = 3,
                   .memory_bytes = 1 << 20,
                   .offsets_retention_ms = 100000},
        .now = {.steady = 1000, .wall = 1700000000000}};
    memory_init(&f->memory);
    memory_init(&f->log_memory);
    arena_init(&f->arena, &f->memory, MEMORY_REQUESTS, 1 << 20);
    open_coordinator(f);
}

static void close_fixture(struct fixture *f)
{
    group_coordinator_close(f->coordinator);
    arena_close(&f->arena);
    for (int i = 0; i < f->log_count; i++)
        memory_free(&f->log_memory, MEMORY_LOGS, f->log[i], f->log_sizes[i]);
    CHECK(memory_total_bytes(&f->log_memory) == 0);
    CHECK(memory_total_bytes(&f->memory) == 0);
}

/* Those that wait are written, or not. */
static void answer_appends(struct fixture *f, enum kafka_error error)
{
    for (int i = 0; i < f->waiting_count; i++) {
        struct group_append *append = f->waiting[i];
        if (error == KAFKA_NONE) {
            f->log[f->log_count] = memory_alloc(&f->log_memory, MEMORY_LOGS, append->size);
            REQUIRE(f->log[f->log_count] != NULL);
            f->log_sizes[f->log_count] = append->size;
            memcpy(f->log[f->log_count++], append->batch, append->size);
        }
        group_coordinator_appended(f->coordinator, append, error, f->now);
    }
    f->waiting_count = 0;
}

/* A restart: only what was written is known. */
static void restart(struct fixture *f)
{
    group_coordinator_close(f->coordinator);
    open_coordinator(f);
    for (int i = 0; i < f->log_count; i++) {
        struct batch_iterator it;
        struct record record;
        REQUIRE(batch_iterator_open(&it, slice_of(f->log[i], f->log_sizes[i]), &f->memory, 1 << 20, NULL) == 0);
        while (batch_iterator_next(&it, &record, NULL) == 1)
            REQUIRE(group_coordinator_load(f->coordinator, record.key, record.value, &f->arena) == 0);
        batch_iterator_close(&it);
    }
    group_coordinator_loaded(f->coordinator, f->now);
}

static void on_done(struct group_call *call)
{
    ((struct fixture *)call->context)->answers++;
}

static struct commit_partition partition_of(const char *topic, int32_t partition, int64_t offset)
{
    return (struct commit_partition){.topic = slice_of_text(topic),
                                     .partition = partition,
                                     .value = {.offset = offset, .leader_epoch = 2, .metadata = slice_of_text("mine")}};
}

static struct commit_call commit_of(struct fixture *f, const char *group, struct commit_partition *partitions,
                                    size_t count)
{
    f->answers = 0;
    return (struct commit_call){.call = {.done = on_done, .context = f, .arena = &f->arena},
                                .group_id = slice_of_text(group),
                                .member_id = slice_of_text(""),
                                .generation = -1,
                                .partitions = partitions,
                                .count = count};
}

static const struct committed_offset *find(const struct fixture *f, const char *group, const char *topic,
                                           int32_t partition)
{
    const struct group *found = group_coordinator_find(f->coordinator, slice_of_text(group));
    return found != NULL ? committed_offsets_find(group_offsets(found), slice_of_text(topic), partition) : NULL;
}

static void commit(struct fixture *f, const char *group, const char *topic, int32_t partition, int64_t offset)
{
    struct commit_partition one = partition_of(topic, partition, offset);
    struct commit_call call = commit_of(f, group, &one, 1);
    group_coordinator_commit(f->coordinator, &call, f->now);
    answer_appends(f, KAFKA_NONE);
    REQUIRE(f->answers == 1 && one.error == KAFKA_NONE);
}

static void a_commit_is_seen_and_answered_when_it_is_written(void)
{
    struct fixture f;
    open_fixture(&f);
    struct commit_partition parts[2] = {partition_of("t", 0, 10), partition_of("gone", 0, 5)};
    parts[1].error = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    struct commit_call call = commit_of(&f, "g", parts, 2);
    group_coordinator_commit(f.coordinator, &call, f.now);
    CHECK(f.answers == 0 && find(&f, "g", "t", 0) == NULL);
    answer_appends(&f, KAFKA_NONE);
    CHECK(f.answers == 1 && parts[0].error == KAFKA_NONE && parts[1].error == KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    const struct committed_offset *found = find(&f, "g", "t", 0);
    REQUIRE(found != NULL);
    CHECK(found->offset == 10 && found->leader_epoch == 2 && slice_equal(found->metadata, slice_of_text("mine")));
    CHECK(find(&f, "g", "gone", 0) == NULL);
    restart(&f);
    found = find(&f, "g", "t", 0);
    REQUIRE(found != NULL);
    CHECK(found->offset == 10 && found->committed_at == f.now.wall);
    close_fixture(&f);
}

static void a_commit_that_cannot_be_written_changes_nothing(void)
{
    struct fixture f;
    open_fixture(&f);
    commit(&f, "g", "t", 0, 10);
    struct commit_partition one = partition_of("t", 0, 11);
    struct commit_call call = commit_of(&f, "g", &one, 1);
    group_coordinator_commit(f.coordinator, &call, f.now);
    answer_appends(&f, KAFKA_KAFKA_STORAGE_ERROR);
    CHECK(f.answers == 1 && one.error == KAFKA_NOT_COORDINATOR);
    CHECK(find(&f, "g", "t", 0)->offset == 10);
    close_fixture(&f);
}

static void a_member_commits_to_no_group_that_is_not_there(void)
{
    struct fixture f;
    open_fixture(&f);
    struct commit_partition one = partition_of("t", 0, 11);
    struct commit_call call = commit_of(&f, "g", &one, 1);
    call.generation = 4;
    call.member_id = slice_of_text("m");
    group_coordinator_commit(f.coordinator, &call, f.now);
    CHECK(f.answers == 1 && one.error == KAFKA_GROUP_ID_NOT_FOUND && f.waiting_count == 0);
    close_fixture(&f);
}

static void no_more_groups_than_the_limit(void)
{
    struct fixture f;
    open_fixture(&f);
    commit(&f, "a", "t", 0, 1);
    commit(&f, "b", "t", 0, 1);
    commit(&f, "c", "t", 0, 1);
    struct commit_partition one = partition_of("t", 0, 11);
    struct commit_call call = commit_of(&f, "d", &one, 1);
    group_coordinator_commit(f.coordinator, &call, f.now);
    CHECK(f.answers == 1 && one.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    f.limits.memory_bytes = 100;
    one = partition_of("t", 0, 11);
    call = commit_of(&f, "a", &one, 1);
    group_coordinator_commit(f.coordinator, &call, f.now);
    CHECK(f.answers == 1 && one.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    close_fixture(&f);
}

static void a_deleted_group_is_gone_after_a_restart_too(void)
{
    struct fixture f;
    open_fixture(&f);
    commit(&f, "g", "t", 0, 1);
    commit(&f, "g", "u", 3, 1);
    struct commit_call call = commit_of(&f, "g", NULL, 0);
    group_coordinator_delete(f.coordinator, &call, f.now);
    CHECK(f.answers == 0);
    answer_appends(&f, KAFKA_NONE);
    CHECK(f.answers == 1 && call.call.error == KAFKA_NONE);
    CHECK(group_coordinator_find(f.coordinator, slice_of_text("g")) == NULL);
    restart(&f);
    CHECK(group_coordinator_find(f.coordinator, slice_of_text("g")) == NULL);
    call = commit_of(&f, "g", NULL, 0);
    group_coordinator_delete(f.coordinator, &call, f.now);
    CHECK(f.answers == 1 && call.call.error == KAFKA_GROUP_ID_NOT_FOUND);
    close_fixture(&f);
}

static void a_group_is_not_deleted_while_a_commit_is_on_its_way(void)
{
    struct fixture f;
    open_fixture(&f);
    struct commit_partition one = partition_of("t", 0, 1);
    struct commit_call call = commit_of(&f, "g", &one, 1), deletion = commit_of(&f, "g", NULL, 0);
    group_coordinator_commit(f.coordinator, &call, f.now);
    group_coordinator_delete(f.coordinator, &deletion, f.now);
    CHECK(f.answers == 1 && deletion.call.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    answer_appends(&f, KAFKA_NONE);
    deletion = commit_of(&f, "g", NULL, 0);
    group_coordinator_delete(f.coordinator, &deletion, f.now);
    answer_appends(&f, KAFKA_NONE);
    CHECK(f.answers == 1 && deletion.call.error == KAFKA_NONE);
    restart(&f);
    CHECK(group_coordinator_find(f.coordinator, slice_of_text("g")) == NULL);
    close_fixture(&f);
}

static void single_offsets_can_be_deleted(void)
{
    struct fixture f;
    open_fixture(&f);
    commit(&f, "g", "t", 0, 1);
    commit(&f, "g", "t", 1, 1);
    struct commit_partition parts[2] = {partition_of("t", 0, 0), partition_of("never", 0, 0)};
    struct commit_call call = commit_of(&f, "g", parts, 2);
    group_coordinator_delete_offsets(f.coordinator, &call, f.now);
    answer_appends(&f, KAFKA_NONE);
    CHECK(f.answers == 1 && parts[0].error == KAFKA_NONE && parts[1].error == KAFKA_NONE);
    CHECK(find(&f, "g", "t", 0) == NULL && find(&f, "g", "t", 1) != NULL);
    restart(&f);
    CHECK(find(&f, "g", "t", 0) == NULL && find(&f, "g", "t", 1) != NULL);
    close_fixture(&f);
}

static void a_deleted_topic_takes_its_offsets_along(void)
{
    struct fixture f;
    open_fixture(&f);
    commit(&f, "g", "t", 0, 1);
    commit(&f, "g", "u", 0, 1);
    commit(&f, "h", "u", 0, 1);
    group_coordinator_forget_topic(f.coordinator, slice_of_text("t"), f.now);
    answer_appends(&f, KAFKA_NONE);
    CHECK(find(&f, "g", "t", 0) == NULL && find(&f, "g", "u", 0) != NULL && find(&f, "h", "u", 0) != NULL);
    restart(&f);
    CHECK(find(&f, "g", "t", 0) == NULL && find(&f, "g", "u", 0) != NULL);
    close_fixture(&f);
}

static struct join_call join_of(struct fixture *f, const char *member)
{
    static const struct join_protocol range = {{(const uint8_t *)"range", 5}, {(const uint8_t *)"m", 1}};
    f->answers = 0;
    return (struct join_call){.call = {.done = on_done, .context = f, .arena = &f->arena},
                              .member_id = slice_of_text(member),
                              .client_id = slice_of_text("c"),
                              .client_host = slice_of_text("/h"),
                              .protocol_type = slice_of_text("consumer"),
                              .protocols = &range,
                              .protocol_count = 1,
                              .session_timeout_ms = 10000,
                              .rebalance_timeout_ms = 10000};
}

static void a_group_that_is_being_deleted_takes_no_commits_though_a_topic_goes(void)
{
    struct fixture f;
    open_fixture(&f);
    commit(&f, "g", "t", 0, 1);
    struct commit_call deletion = commit_of(&f, "g", NULL, 0);
    group_coordinator_delete(f.coordinator, &deletion, f.now);
    group_coordinator_forget_topic(f.coordinator, slice_of_text("t"), f.now);
    struct commit_partition one = partition_of("t", 0, 2);
    struct commit_call call = commit_of(&f, "g", &one, 1);
    group_coordinator_commit(f.coordinator, &call, f.now);
    CHECK(f.answers == 1 && one.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    answer_appends(&f, KAFKA_NONE);
    CHECK(f.answers == 2 && deletion.call.error == KAFKA_NONE);
    restart(&f);
    CHECK(group_coordinator_find(f.coordinator, slice_of_text("g")) == NULL);
    close_fixture(&f);
}

static void a_coordinator_that_does_not_know_what_is_committed_serves_no_group(void)
{
    struct fixture f;
    open_fixture(&f);
    commit(&f, "g", "t", 0, 1);
    group_coordinator_give_up(f.coordinator);
    CHECK(!group_coordinator_available(f.coordinator) && group_coordinator_count(f.coordinator) == 0);
    struct commit_partition one = partition_of("t", 0, 2);
    struct commit_call call = commit_of(&f, "g", &one, 1), deletion = commit_of(&f, "g", NULL, 0);
    group_coordinator_commit(f.coordinator, &call, f.now);
    CHECK(f.answers == 1 && one.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    group_coordinator_delete(f.coordinator, &deletion, f.now);
    CHECK(f.answers == 2 && deletion.call.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    const char *const ids[] = {"", "a member of before"};
    for (int i = 0; i < 2; i++) {
        struct join_call join = join_of(&f, ids[i]);
        group_coordinator_join(f.coordinator, slice_of_text("g"), &join, f.now);
        CHECK(f.answers == 1 && join.call.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    }
    CHECK(f.waiting_count == 0 && group_coordinator_count(f.coordinator) == 0);
    group_coordinator_begin_anew(f.coordinator);
    commit(&f, "g", "t", 0, 3);
    CHECK(find(&f, "g", "t", 0)->offset == 3);
    close_fixture(&f);
}

static void offsets_expire_from_their_commit_where_there_was_never_a_member(void)
{
    struct fixture f;
    open_fixture(&f);
    commit(&f, "g", "old", 0, 1);
    f.now.wall += 60000;
    commit(&f, "g", "new", 0, 1);
    f.now.wall += 50000;
    group_coordinator_clean(f.coordinator, f.now);
    answer_appends(&f, KAFKA_NONE);
    CHECK(find(&f, "g", "old", 0) == NULL && find(&f, "g", "new", 0) != NULL);
    f.now.wall += 100000;
    group_coordinator_clean(f.coordinator, f.now);
    answer_appends(&f, KAFKA_NONE);
    CHECK(group_coordinator_find(f.coordinator, slice_of_text("g")) == NULL);
    restart(&f);
    CHECK(group_coordinator_find(f.coordinator, slice_of_text("g")) == NULL);
    close_fixture(&f);
}

/* ---- members ---- */

/* A stable group of one; its id is copied to `id`. */
static void settle(struct fixture *f, char id[80])
{
    struct join_call join = join_of(f, "");
    group_coordinator_join(f->coordinator, slice_of_text("g"), &join, f->now);
    REQUIRE(f->answers == 1 && join.call.error == KAFKA_NONE);
    snprintf(id, 80, "%.*s", SLICE_PRINT(join.found_member_id));
    struct group_assignment mine = {slice_of_text(id), slice_of_text("all")};
    struct sync_call sync = {.call = {.done = on_done, .context = f, .arena = &f->arena},
                             .member_id = slice_of_text(id),
                             .generation = join.generation,
                             .assignments = &mine,
                             .assignment_count = 1};
    group_coordinator_sync(f->coordinator, slice_of_text("g"), &sync, f->now);
    answer_appends(f, KAFKA_NONE);
    REQUIRE(f->answers == 2 && sync.call.error == KAFKA_NONE);
}

static void a_group_and_its_members_survive_a_restart(void)
{
    struct fixture f;
    char id[80];
    open_fixture(&f);
    settle(&f, id);
    restart(&f);
    slice group_name = slice_of_text("g"), member = slice_of_text(id);
    CHECK(group_coordinator_heartbeat(f.coordinator, group_name, member, NULL_SLICE, 1, f.now) == KAFKA_NONE);
    struct sync_call sync = {
        .call = {.done = on_done, .context = &f, .arena = &f.arena}, .member_id = member, .generation = 1};
    f.answers = 0;
    group_coordinator_sync(f.coordinator, group_name, &sync, f.now);
    CHECK(f.answers == 1 && slice_equal(sync.assignment, slice_of_text("all")));
    CHECK(group_coordinator_wake_at(f.coordinator) == f.now.steady + 10000);
    f.now.steady += 10000;
    group_coordinator_expire(f.coordinator, f.now);
    CHECK(group_coordinator_heartbeat(f.coordinator, group_name, member, NULL_SLICE, 1, f.now) ==
          KAFKA_UNKNOWN_MEMBER_ID);
    answer_appends(&f, KAFKA_NONE);
    close_fixture(&f);
}

static void offsets_of_a_group_expire_from_when_its_last_member_left(void)
{
    struct fixture f;
    char id[80];
    open_fixture(&f);
    settle(&f, id);
    struct commit_partition one = partition_of("t", 0, 1);
    struct commit_call call = commit_of(&f, "g", &one, 1);
    call.member_id = slice_of_text(id);
    call.generation = 1;
    group_coordinator_commit(f.coordinator, &call, f.now);
    answer_appends(&f, KAFKA_NONE);
    REQUIRE(one.error == KAFKA_NONE);
    f.now.wall += 200000;
    group_coordinator_clean(f.coordinator, f.now);
    CHECK(f.waiting_count == 0 && find(&f, "g", "t", 0) != NULL); /* there is a member */
    struct leave_member leaving = {.member_id = slice_of_text(id)};
    CHECK(group_coordinator_leave(f.coordinator, slice_of_text("g"), &leaving, 1, f.now) == KAFKA_NONE);
    answer_appends(&f, KAFKA_NONE);
    f.now.wall += 99000;
    group_coordinator_clean(f.coordinator, f.now);
    CHECK(f.waiting_count == 0);
    restart(&f);
    f.now.wall += 1000;
    group_coordinator_clean(f.coordinator, f.now);
    answer_appends(&f, KAFKA_NONE);
    CHECK(group_coordinator_find(f.coordinator, slice_of_text("g")) == NULL);
    close_fixture(&f);
}

static void a_group_with_members_is_not_deleted(void)
{
    struct fixture f;
    char id[80];
    open_fixture(&f);
    settle(&f, id);
    struct commit_call call = commit_of(&f, "g", NULL, 0);
    group_coordinator_delete(f.coordinator, &call, f.now);
    CHECK(f.answers == 1 && call.call.error == KAFKA_NON_EMPTY_GROUP);
    close_fixture(&f);
}

static void what_expires_together_may_take_several_batches(void)
{
    enum { COUNT = 1200 };
    static struct commit_partition parts[COUNT];
    static char name[1001];
    struct fixture f;
    open_fixture(&f);
    memset(name, 'g', sizeof name - 1);
    for (int32_t i = 0; i < COUNT; i++)
        parts[i] = partition_of("t", i, 1);
    struct commit_call call = commit_of(&f, name, parts, COUNT);
    group_coordinator_commit(f.coordinator, &call, f.now);
    answer_appends(&f, KAFKA_NONE);
    f.now.wall += 200000;
    int rounds = 0;
    for (; group_coordinator_count(f.coordinator) > 0 && rounds < 10; rounds++) {
        group_coordinator_clean(f.coordinator, f.now);
        REQUIRE(f.waiting_count == 1);
        CHECK(f.waiting[0]->size < 1 << 20);
        answer_appends(&f, KAFKA_NONE);
    }
    CHECK(rounds == 3);
    close_fixture(&f);
}

static void more_protocols_than_any_client_has_are_refused(void)
{
    static struct join_protocol protocols[GROUP_PROTOCOLS_MAX + 1];
    struct fixture f;
    open_fixture(&f);
    struct join_call join = join_of(&f, "");
    for (int i = 0; i <= GROUP_PROTOCOLS_MAX; i++)
        protocols[i] = join.protocols[0];
    join.protocols = protocols;
    join.protocol_count = GROUP_PROTOCOLS_MAX + 1;
    group_coordinator_join(f.coordinator, slice_of_text("g"), &join, f.now);
    CHECK(f.answers == 1 && join.call.error == KAFKA_INCONSISTENT_GROUP_PROTOCOL);
    join.protocol_count = GROUP_PROTOCOLS_MAX;
    group_coordinator_join(f.coordinator, slice_of_text("g"), &join, f.now);
    CHECK(f.answers == 2 && join.call.error == KAFKA_NONE);
    close_fixture(&f);
}

static void every_call_survives_any_failing_allocation(void)
{
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        struct fixture f;
        open_fixture(&f);
        memory_fail_at(&f.memory, nth);
        struct join_call join = join_of(&f, "");
        group_coordinator_join(f.coordinator, slice_of_text("g"), &join, f.now);
        CHECK(f.answers == 1);
        struct sync_call sync = {.call = {.done = on_done, .context = &f, .arena = &f.arena},
                                 .member_id = join.found_member_id,
                                 .generation = join.generation};
        group_coordinator_sync(f.coordinator, slice_of_text("g"), &sync, f.now);
        answer_appends(&f, KAFKA_NONE);
        CHECK(f.answers == 2);
        struct commit_partition one = partition_of("t", 0, 1);
        struct commit_call call = commit_of(&f, "h", &one, 1);
        group_coordinator_commit(f.coordinator, &call, f.now);
        answer_appends(&f, KAFKA_NONE);
        CHECK(f.answers == 1);
        struct commit_call deletion = commit_of(&f, "h", NULL, 0);
        group_coordinator_delete(f.coordinator, &deletion, f.now);
        answer_appends(&f, KAFKA_NONE);
        CHECK(f.answers == 1);
        failed = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        close_fixture(&f);
        REQUIRE(nth < 300);
    }
}

SUITE("group_coordinator", CHECK_TEST(a_commit_is_seen_and_answered_when_it_is_written),
      CHECK_TEST(a_commit_that_cannot_be_written_changes_nothing),
      CHECK_TEST(a_member_commits_to_no_group_that_is_not_there), CHECK_TEST(no_more_groups_than_the_limit),
      CHECK_TEST(a_deleted_group_is_gone_after_a_restart_too), CHECK_TEST(single_offsets_can_be_deleted),
      CHECK_TEST(a_group_is_not_deleted_while_a_commit_is_on_its_way),
      CHECK_TEST(a_deleted_topic_takes_its_offsets_along),
      CHECK_TEST(a_group_that_is_being_deleted_takes_no_commits_though_a_topic_goes),
      CHECK_TEST(a_coordinator_that_does_not_know_what_is_committed_serves_no_group),
      CHECK_TEST(offsets_expire_from_their_commit_where_there_was_never_a_member),
      CHECK_TEST(a_group_and_its_members_survive_a_restart),
      CHECK_TEST(offsets_of_a_group_expire_from_when_its_last_member_left),
      CHECK_TEST(a_group_with_members_is_not_deleted), CHECK_TEST(what_expires_together_may_take_several_batches),
      CHECK_TEST(more_protocols_than_any_client_has_are_refused),
      CHECK_TEST(every_call_survives_any_failing_allocation))
