#include "check.h"
#include "group/classic_group.h"
#include "seeded_random.h"

#include <stdio.h>
#include <stdlib.h>

/* A client that waits for its answers, and remembers them. */
struct client {
    struct arena arena;
    struct join_call join;
    struct sync_call sync;
    char id[80];
    char instance[16]; /* empty: dynamic */
    char metadata[16];
    struct join_protocol protocols[2];
    int joined; /* answers */
    int synced;
};

struct fixture {
    struct memory memory;
    struct group_limits limits;
    struct group_answers answers;
    struct classic_group *group;
    struct seeded_random random;
    int64_t now;
    uint64_t written[64]; /* tokens that wait for their result */
    int writes;
};

static bool note_write(void *context, struct classic_group *group, uint64_t token)
{
    (void)group;
    struct fixture *f = context;
    REQUIRE(f->writes < 64);
    f->written[f->writes++] = token;
    return true;
}

static void fill_random(void *context, void *to, size_t size)
{
    struct fixture *f = context;
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)to)[i] = (uint8_t)random_next(&f->random);
}

static void open_fixture(struct fixture *f)
{
    *f = (struct fixture){.limits = {.max_size = 100,
                                     .initial_delay_ms = 0,
                                     .min_session_timeout_ms = 6000,
                                     .max_session_timeout_ms = 1800000},
                          .now = 1000};
    memory_init(&f->memory);
    group_answers_init(&f->answers);
    struct group_surroundings surroundings = {.memory = &f->memory,
                                              .limits = &f->limits,
                                              .answers = &f->answers,
                                              .write = note_write,
                                              .random = fill_random,
                                              .context = f};
    REQUIRE(classic_group_create(&surroundings, slice_of_text("g"), &f->group) == 0);
}

/* Whoever waits is answered. */
static void close_group(struct fixture *f)
{
    classic_group_close(f->group, KAFKA_NOT_COORDINATOR);
    group_answers_give(&f->answers);
}

/* The group and the clients are closed. */
static void close_fixture(struct fixture *f)
{
    CHECK(memory_total_bytes(&f->memory) == 0);
}

static void on_join(struct group_call *call)
{
    ((struct client *)call->context)->joined++;
}

static void on_sync(struct group_call *call)
{
    ((struct client *)call->context)->synced++;
}

static void open_client(struct fixture *f, struct client *c, const char *instance, const char *metadata)
{
    *c = (struct client){0};
    arena_init(&c->arena, &f->memory, MEMORY_REQUESTS, 0x100000);
    snprintf(c->instance, sizeof c->instance, "%s", instance);
    snprintf(c->metadata, sizeof c->metadata, "%s", metadata);
}

static slice instance_of(const struct client *c)
{
    return c->instance[0] != '\0' ? slice_of_text(c->instance) : NULL_SLICE;
}

static void join_as(struct fixture *f, struct client *c, const char *first, const char *second, bool requires_id)
{
    c->protocols[0] = (struct join_protocol){slice_of_text(first), slice_of_text(c->metadata)};
    c->protocols[1] = (struct join_protocol){slice_of_text(second), slice_of_text(c->metadata)};
    c->join = (struct join_call){.call = {.done = on_join, .context = c, .arena = &c->arena},
                                 .member_id = slice_of_text(c->id),
                                 .instance_id = instance_of(c),
                                 .client_id = slice_of_text("client"),
                                 .client_host = slice_of_text("/127.0.0.1"),
                                 .protocol_type = slice_of_text("consumer"),
                                 .protocols = c->protocols,
                                 .protocol_count = second[0] != '\0' ? 2 : 1,
                                 .session_timeout_ms = 10000,
                                 .rebalance_timeout_ms = 60000,
                                 .requires_member_id = requires_id,
                                 .may_skip_assignment = true};
    c->joined = 0;
    classic_group_join(f->group, &c->join, f->now);
    group_answers_give(&f->answers);
}

static void keep_id(struct client *c)
{
    snprintf(c->id, sizeof c->id, "%.*s", SLICE_PRINT(c->join.found_member_id));
}

static void join(struct fixture *f, struct client *c)
{
    join_as(f, c, "range", "", false);
    if (c->joined)
        keep_id(c);
}

static void sync_with(struct fixture *f, struct client *c, const struct group_assignment *assignments, int32_t count)
{
    c->sync = (struct sync_call){.call = {.done = on_sync, .context = c, .arena = &c->arena},
                                 .member_id = slice_of_text(c->id),
                                 .instance_id = instance_of(c),
                                 .generation = c->join.generation,
                                 .assignments = assignments,
                                 .assignment_count = count};
    c->synced = 0;
    classic_group_sync(f->group, &c->sync, f->now);
    group_answers_give(&f->answers);
}

static void answer_writes(struct fixture *f, enum kafka_error error)
{
    for (int i = 0; i < f->writes; i++)
        classic_group_written(f->group, f->written[i], error, f->now);
    f->writes = 0;
    group_answers_give(&f->answers);
}

static void wait_until(struct fixture *f, int64_t now)
{
    f->now = now;
    if (classic_group_wake_at(f->group) <= now)
        classic_group_expire(f->group, now);
    group_answers_give(&f->answers);
}

static enum kafka_error heartbeat(struct fixture *f, const struct client *c)
{
    return classic_group_heartbeat(f->group, slice_of_text(c->id), instance_of(c), c->join.generation, f->now);
}

/* One member that leads a stable group of itself. */
static void settle_alone(struct fixture *f, struct client *c)
{
    join(f, c);
    REQUIRE(c->joined == 1 && c->join.call.error == KAFKA_NONE);
    struct group_assignment mine = {slice_of_text(c->id), slice_of_text("all")};
    sync_with(f, c, &mine, 1);
    answer_writes(f, KAFKA_NONE);
    REQUIRE(classic_group_state(f->group) == CLASSIC_STABLE);
}

/* Two members, the first one leads; assigned "first" and "second". */
static void settle_two(struct fixture *f, struct client *first, struct client *second)
{
    settle_alone(f, first);
    join(f, second);
    REQUIRE(second->joined == 0);
    join(f, first);
    REQUIRE(first->joined == 1 && second->joined == 1);
    keep_id(second);
    struct group_assignment both[] = {{slice_of_text(first->id), slice_of_text("first")},
                                      {slice_of_text(second->id), slice_of_text("second")}};
    sync_with(f, second, NULL, 0);
    sync_with(f, first, both, 2);
    answer_writes(f, KAFKA_NONE);
    REQUIRE(first->synced == 1 && second->synced == 1);
    REQUIRE(classic_group_state(f->group) == CLASSIC_STABLE);
}

static void a_lone_member_leads_at_once_and_is_answered_when_its_assignment_is_written(void)
{
    struct fixture f;
    struct client c;
    open_fixture(&f);
    open_client(&f, &c, "", "topics");
    join(&f, &c);
    REQUIRE(c.joined == 1);
    CHECK(c.join.call.error == KAFKA_NONE && c.join.generation == 1);
    CHECK(slice_equal(c.join.leader, c.join.found_member_id));
    CHECK(slice_equal(c.join.found_protocol, slice_of_text("range")));
    REQUIRE(c.join.member_count == 1);
    CHECK(slice_equal(c.join.members[0].metadata, slice_of_text("topics")));
    CHECK(strncmp(c.id, "client-", 7) == 0 && strlen(c.id) == 7 + 36);

    struct group_assignment mine = {slice_of_text(c.id), slice_of_text("all")};
    sync_with(&f, &c, &mine, 1);
    CHECK(c.synced == 0);
    answer_writes(&f, KAFKA_NONE);
    CHECK(c.synced == 1 && slice_equal(c.sync.assignment, slice_of_text("all")));
    CHECK(classic_group_state(f.group) == CLASSIC_STABLE);
    close_group(&f);
    arena_close(&c.arena);
    close_fixture(&f);
}

static void a_new_member_is_given_an_id_first_when_its_protocol_says_so(void)
{
    struct fixture f;
    struct client c;
    open_fixture(&f);
    open_client(&f, &c, "", "");
    join_as(&f, &c, "range", "", true);
    REQUIRE(c.joined == 1 && c.join.call.error == KAFKA_MEMBER_ID_REQUIRED);
    keep_id(&c);
    CHECK(classic_group_member_count(f.group) == 0);
    CHECK(heartbeat(&f, &c) == KAFKA_UNKNOWN_MEMBER_ID);
    join_as(&f, &c, "range", "", true);
    CHECK(c.joined == 1 && c.join.call.error == KAFKA_NONE && c.join.generation == 1);

    struct client never;
    open_client(&f, &never, "", "");
    join_as(&f, &never, "range", "", true);
    keep_id(&never);
    wait_until(&f, f.now + 9000);
    CHECK(heartbeat(&f, &c) == KAFKA_NONE);
    wait_until(&f, f.now + 1000);
    join_as(&f, &never, "range", "", true);
    CHECK(never.joined == 1 && never.join.call.error == KAFKA_UNKNOWN_MEMBER_ID);
    close_group(&f);
    arena_close(&c.arena);
    arena_close(&never.arena);
    close_fixture(&f);
}

static void followers_wait_for_the_leader_and_get_what_it_assigned_them(void)
{
    struct fixture f;
    struct client a, b;
    open_fixture(&f);
    open_client(&f, &a, "", "a");
    open_client(&f, &b, "", "b");
    settle_alone(&f, &a);
    join(&f, &b);
    CHECK(b.joined == 0);
    CHECK(heartbeat(&f, &a) == KAFKA_REBALANCE_IN_PROGRESS);
    join(&f, &a);
    REQUIRE(a.joined == 1 && b.joined == 1);
    keep_id(&b);
    CHECK(a.join.generation == 2 && b.join.generation == 2);
    CHECK(a.join.member_count == 2 && b.join.member_count == 0);
    CHECK(slice_equal(b.join.leader, slice_of_text(a.id)));
    sync_with(&f, &b, NULL, 0);
    CHECK(b.synced == 0);
    struct group_assignment only_b = {slice_of_text(b.id), slice_of_text("everything")};
    sync_with(&f, &a, &only_b, 1);
    CHECK(f.writes == 1);
    answer_writes(&f, KAFKA_NONE);
    CHECK(slice_equal(b.sync.assignment, slice_of_text("everything")));
    CHECK(a.sync.assignment.size == 0 && a.sync.call.error == KAFKA_NONE);
    CHECK(heartbeat(&f, &a) == KAFKA_NONE && heartbeat(&f, &b) == KAFKA_NONE);
    close_group(&f);
    arena_close(&a.arena);
    arena_close(&b.arena);
    close_fixture(&f);
}

static void an_assignment_that_cannot_be_written_is_taken_back(void)
{
    struct fixture f;
    struct client c;
    open_fixture(&f);
    open_client(&f, &c, "", "");
    join(&f, &c);
    struct group_assignment mine = {slice_of_text(c.id), slice_of_text("all")};
    sync_with(&f, &c, &mine, 1);
    answer_writes(&f, KAFKA_KAFKA_STORAGE_ERROR);
    CHECK(c.synced == 1 && c.sync.call.error == KAFKA_NOT_COORDINATOR);
    CHECK(classic_group_state(f.group) == CLASSIC_PREPARING_REBALANCE);
    settle_alone(&f, &c);
    CHECK(classic_group_generation(f.group) == 2);
    close_group(&f);
    arena_close(&c.arena);
    close_fixture(&f);
}

static void a_member_that_is_silent_is_removed_and_the_others_rebalance(void)
{
    struct fixture f;
    struct client a, b;
    open_fixture(&f);
    open_client(&f, &a, "", "");
    open_client(&f, &b, "", "");
    settle_two(&f, &a, &b);
    wait_until(&f, f.now + 9000);
    CHECK(heartbeat(&f, &b) == KAFKA_NONE);
    wait_until(&f, f.now + 1000);
    CHECK(classic_group_member_count(f.group) == 1);
    CHECK(heartbeat(&f, &a) == KAFKA_UNKNOWN_MEMBER_ID);
    CHECK(heartbeat(&f, &b) == KAFKA_REBALANCE_IN_PROGRESS);
    join(&f, &b);
    CHECK(b.joined == 1 && b.join.generation == 3 && b.join.member_count == 1);
    close_group(&f);
    arena_close(&a.arena);
    arena_close(&b.arena);
    close_fixture(&f);
}

static void a_member_that_does_not_join_again_is_left_behind(void)
{
    struct fixture f;
    struct client a, b;
    open_fixture(&f);
    open_client(&f, &a, "", "");
    open_client(&f, &b, "", "");
    settle_two(&f, &a, &b);
    join(&f, &a);
    CHECK(a.joined == 0);
    for (int64_t end = f.now + 59000; f.now < end;) {
        CHECK(heartbeat(&f, &b) == KAFKA_REBALANCE_IN_PROGRESS);
        wait_until(&f, f.now + 1000);
    }
    CHECK(a.joined == 0);
    wait_until(&f, f.now + 1000);
    CHECK(a.joined == 1 && a.join.call.error == KAFKA_NONE && a.join.member_count == 1);
    CHECK(heartbeat(&f, &b) == KAFKA_UNKNOWN_MEMBER_ID);
    close_group(&f);
    arena_close(&a.arena);
    arena_close(&b.arena);
    close_fixture(&f);
}

static void who_does_not_sync_in_time_is_removed(void)
{
    struct fixture f;
    struct client c;
    open_fixture(&f);
    open_client(&f, &c, "", "");
    join(&f, &c);
    for (int64_t end = f.now + 59000; f.now < end;) {
        wait_until(&f, f.now + 1000);
        CHECK(heartbeat(&f, &c) == KAFKA_NONE);
    }
    wait_until(&f, f.now + 1000);
    CHECK(classic_group_member_count(f.group) == 0 && classic_group_state(f.group) == CLASSIC_EMPTY);
    CHECK(f.writes == 1); /* that it is empty */
    close_group(&f);
    arena_close(&c.arena);
    close_fixture(&f);
}

static void leaving_rebalances_at_once_and_the_last_to_leave_empties_the_group(void)
{
    struct fixture f;
    struct client a, b;
    open_fixture(&f);
    open_client(&f, &a, "", "");
    open_client(&f, &b, "", "");
    settle_two(&f, &a, &b);
    CHECK(classic_group_leave(f.group, slice_of_text("nobody"), NULL_SLICE) == KAFKA_UNKNOWN_MEMBER_ID);
    CHECK(classic_group_leave(f.group, slice_of_text(a.id), NULL_SLICE) == KAFKA_NONE);
    classic_group_settle(f.group, f.now);
    CHECK(heartbeat(&f, &b) == KAFKA_REBALANCE_IN_PROGRESS);
    join(&f, &b);
    CHECK(b.joined == 1 && slice_equal(b.join.leader, slice_of_text(b.id)));
    CHECK(classic_group_leave(f.group, slice_of_text(b.id), NULL_SLICE) == KAFKA_NONE);
    classic_group_settle(f.group, f.now);
    CHECK(classic_group_state(f.group) == CLASSIC_EMPTY && f.writes == 1);
    CHECK(slice_is_null(classic_group_leader(f.group)));
    close_group(&f);
    arena_close(&a.arena);
    arena_close(&b.arena);
    close_fixture(&f);
}

static void the_protocol_is_one_that_all_speak_and_most_prefer(void)
{
    struct fixture f;
    struct client a, b;
    open_fixture(&f);
    open_client(&f, &a, "", "");
    open_client(&f, &b, "", "");
    join_as(&f, &a, "range", "roundrobin", false);
    keep_id(&a);
    join_as(&f, &b, "sticky", "", false);
    CHECK(b.joined == 1 && b.join.call.error == KAFKA_INCONSISTENT_GROUP_PROTOCOL);
    join_as(&f, &b, "sticky", "roundrobin", false);
    CHECK(b.joined == 0);
    join_as(&f, &a, "range", "roundrobin", false);
    REQUIRE(a.joined == 1);
    CHECK(slice_equal(a.join.found_protocol, slice_of_text("roundrobin")));
    close_group(&f);
    arena_close(&a.arena);
    arena_close(&b.arena);
    close_fixture(&f);
}

static void a_static_member_that_comes_back_takes_its_place_without_a_rebalance(void)
{
    struct fixture f;
    struct client a, b, again;
    open_fixture(&f);
    open_client(&f, &a, "one", "");
    open_client(&f, &b, "two", "");
    settle_two(&f, &a, &b);
    open_client(&f, &again, "two", "");
    join_as(&f, &again, "range", "", true);
    CHECK(again.joined == 0 && f.writes == 1);
    answer_writes(&f, KAFKA_NONE);
    REQUIRE(again.joined == 1 && again.join.call.error == KAFKA_NONE);
    keep_id(&again);
    CHECK(strncmp(again.id, "two-", 4) == 0 && strcmp(again.id, b.id) != 0);
    CHECK(again.join.generation == b.join.generation && !again.join.skip_assignment);
    CHECK(heartbeat(&f, &b) == KAFKA_FENCED_INSTANCE_ID);
    CHECK(heartbeat(&f, &a) == KAFKA_NONE);
    sync_with(&f, &again, NULL, 0);
    CHECK(again.synced == 1 && slice_equal(again.sync.assignment, slice_of_text("second")));

    /* The leader too: it is told not to assign anything. */
    struct client leader;
    open_client(&f, &leader, "one", "");
    join_as(&f, &leader, "range", "", true);
    answer_writes(&f, KAFKA_NONE);
    CHECK(leader.joined == 1 && leader.join.skip_assignment && leader.join.member_count == 2);
    close_group(&f);
    arena_close(&a.arena);
    arena_close(&b.arena);
    arena_close(&again.arena);
    arena_close(&leader.arena);
    close_fixture(&f);
}

static void a_static_members_old_id_is_valid_again_when_the_new_one_cannot_be_written(void)
{
    struct fixture f;
    struct client a, again;
    open_fixture(&f);
    open_client(&f, &a, "one", "");
    settle_alone(&f, &a);
    open_client(&f, &again, "one", "");
    join_as(&f, &again, "range", "", true);
    answer_writes(&f, KAFKA_KAFKA_STORAGE_ERROR);
    CHECK(again.joined == 1 && again.join.call.error == KAFKA_NOT_COORDINATOR);
    CHECK(heartbeat(&f, &a) == KAFKA_NONE);
    close_group(&f);
    arena_close(&a.arena);
    arena_close(&again.arena);
    close_fixture(&f);
}

static void a_full_group_takes_nobody_else(void)
{
    struct fixture f;
    struct client a, b;
    open_fixture(&f);
    f.limits.max_size = 1;
    open_client(&f, &a, "", "");
    open_client(&f, &b, "", "");
    settle_alone(&f, &a);
    join(&f, &b);
    CHECK(b.joined == 1 && b.join.call.error == KAFKA_GROUP_MAX_SIZE_REACHED);
    join(&f, &a);
    CHECK(a.joined == 1 && a.join.call.error == KAFKA_NONE);
    close_group(&f);
    arena_close(&a.arena);
    arena_close(&b.arena);
    close_fixture(&f);
}

static void the_initial_delay_gathers_members_into_one_generation(void)
{
    struct fixture f;
    struct client a, b;
    open_fixture(&f);
    f.limits.initial_delay_ms = 3000;
    open_client(&f, &a, "", "");
    open_client(&f, &b, "", "");
    join(&f, &a);
    wait_until(&f, f.now + 2000);
    join(&f, &b);
    wait_until(&f, f.now + 1000);
    CHECK(a.joined == 0 && b.joined == 0); /* somebody came: a while longer */
    wait_until(&f, f.now + 3000);
    CHECK(a.joined == 1 && b.joined == 1 && a.join.generation == 1 && a.join.member_count == 2);
    close_group(&f);
    arena_close(&a.arena);
    arena_close(&b.arena);
    close_fixture(&f);
}

static void commits_are_for_members_of_this_generation_or_for_groups_without_members(void)
{
    struct fixture f;
    struct client c;
    open_fixture(&f);
    open_client(&f, &c, "", "");
    slice none = slice_of_text(""), id;
    CHECK(classic_group_check_commit(f.group, none, NULL_SLICE, -1, false, f.now) == KAFKA_NONE);
    join(&f, &c);
    id = slice_of_text(c.id);
    CHECK(classic_group_check_commit(f.group, none, NULL_SLICE, -1, false, f.now) == KAFKA_UNKNOWN_MEMBER_ID);
    CHECK(classic_group_check_commit(f.group, none, NULL_SLICE, -1, true, f.now) == KAFKA_NONE);
    CHECK(classic_group_check_commit(f.group, id, NULL_SLICE, 1, false, f.now) == KAFKA_REBALANCE_IN_PROGRESS);
    settle_alone(&f, &c);
    CHECK(classic_group_check_commit(f.group, id, NULL_SLICE, 1, false, f.now) == KAFKA_NONE);
    CHECK(classic_group_check_commit(f.group, id, NULL_SLICE, 0, false, f.now) == KAFKA_ILLEGAL_GENERATION);
    CHECK(classic_group_check_commit(f.group, slice_of_text("x"), NULL_SLICE, 1, false, f.now) ==
          KAFKA_UNKNOWN_MEMBER_ID);
    close_group(&f);
    arena_close(&c.arena);
    close_fixture(&f);
}

static void a_join_survives_any_failing_allocation(void)
{
    struct fixture f;
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        struct client a, b;
        open_fixture(&f);
        open_client(&f, &a, "one", "metadata");
        open_client(&f, &b, "", "metadata");
        memory_fail_at(&f.memory, nth);
        join(&f, &a);
        join(&f, &b);
        join(&f, &a);
        sync_with(&f, &a, NULL, 0);
        answer_writes(&f, KAFKA_NONE);
        failed = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        close_group(&f);
        arena_close(&a.arena);
        arena_close(&b.arena);
        close_fixture(&f);
        REQUIRE(nth < 200);
    }
}

/* ---- any order of events ---- */

#define CLIENTS    5
#define PARTITIONS 8

struct crowd {
    struct fixture f;
    struct client clients[CLIENTS];
    bool joining[CLIENTS];
    bool syncing[CLIENTS];
    int32_t owner_generation[CLIENTS]; /* of the assignment it holds; 0: none */
    unsigned owned[CLIENTS];           /* partitions, a bit each */
};

static void hear_answers(struct crowd *crowd)
{
    for (int i = 0; i < CLIENTS; i++) {
        struct client *c = &crowd->clients[i];
        if (crowd->joining[i] && c->joined) {
            crowd->joining[i] = false;
            enum kafka_error error = c->join.call.error;
            if (error == KAFKA_NONE || error == KAFKA_MEMBER_ID_REQUIRED)
                keep_id(c);
            else if (error == KAFKA_UNKNOWN_MEMBER_ID || error == KAFKA_FENCED_INSTANCE_ID)
                c->id[0] = '\0';
            crowd->owned[i] = 0;
        }
        if (crowd->syncing[i] && c->synced) {
            crowd->syncing[i] = false;
            if (c->sync.call.error != KAFKA_NONE)
                continue;
            crowd->owner_generation[i] = c->sync.generation;
            crowd->owned[i] = c->sync.assignment.size == 1 ? c->sync.assignment.data[0] : 0;
        }
    }
    for (int i = 0; i < CLIENTS; i++) {
        for (int j = i + 1; j < CLIENTS; j++) {
            bool same = crowd->owner_generation[i] == crowd->owner_generation[j];
            CHECK(!same || (crowd->owned[i] & crowd->owned[j]) == 0);
        }
    }
}

static void crowd_sync(struct crowd *crowd, int i)
{
    struct client *c = &crowd->clients[i];
    struct group_assignment assignments[CLIENTS];
    uint8_t owned[CLIENTS] = {0};
    int32_t members = c->join.member_count;
    for (int p = 0; members > 0 && p < PARTITIONS; p++)
        owned[p % members] |= (uint8_t)(1U << p);
    for (int32_t m = 0; m < members; m++)
        assignments[m] = (struct group_assignment){c->join.members[m].id, slice_of(&owned[m], 1)};
    crowd->syncing[i] = true;
    sync_with(&crowd->f, c, assignments, members);
}

static void crowd_act(struct crowd *crowd)
{
    struct fixture *f = &crowd->f;
    int i = (int)random_below(&f->random, CLIENTS);
    struct client *c = &crowd->clients[i];
    switch (random_below(&f->random, 8)) {
    case 0:
    case 1:
        if (!crowd->joining[i] && !crowd->syncing[i]) {
            crowd->joining[i] = true;
            join_as(f, c, "range", "", random_chance(&f->random, 50));
        }
        break;
    case 2:
    case 3:
        if (!crowd->joining[i] && !crowd->syncing[i] && c->join.call.error == KAFKA_NONE && c->joined)
            crowd_sync(crowd, i);
        break;
    case 4:
        (void)heartbeat(f, c);
        break;
    case 5:
        if (classic_group_leave(f->group, slice_of_text(c->id), instance_of(c)) == KAFKA_NONE)
            classic_group_settle(f->group, f->now);
        group_answers_give(&f->answers);
        break;
    case 6:
        answer_writes(f, random_chance(&f->random, 80) ? KAFKA_NONE : KAFKA_KAFKA_STORAGE_ERROR);
        break;
    default:
        wait_until(f, f->now + (int64_t)random_below(&f->random, 20000));
    }
}

static void a_partition_never_has_two_owners_in_one_generation(void)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct crowd crowd = {0};
        open_fixture(&crowd.f);
        crowd.f.random.state = seed;
        crowd.f.limits.initial_delay_ms = seed % 3 == 0 ? 3000 : 0;
        for (int i = 0; i < CLIENTS; i++)
            open_client(&crowd.f, &crowd.clients[i], i < 2 ? (i == 0 ? "one" : "two") : "", "m");
        for (int step = 0; step < 200; step++) {
            crowd_act(&crowd);
            hear_answers(&crowd);
        }
        close_group(&crowd.f);
        hear_answers(&crowd);
        for (int i = 0; i < CLIENTS; i++) {
            CHECK(!crowd.joining[i] && !crowd.syncing[i]); /* whoever asked was answered */
            arena_close(&crowd.clients[i].arena);
        }
        CHECK(memory_total_bytes(&crowd.f.memory) == 0);
    }
}

SUITE("classic_group", CHECK_TEST(a_lone_member_leads_at_once_and_is_answered_when_its_assignment_is_written),
      CHECK_TEST(a_new_member_is_given_an_id_first_when_its_protocol_says_so),
      CHECK_TEST(followers_wait_for_the_leader_and_get_what_it_assigned_them),
      CHECK_TEST(an_assignment_that_cannot_be_written_is_taken_back),
      CHECK_TEST(a_member_that_is_silent_is_removed_and_the_others_rebalance),
      CHECK_TEST(a_member_that_does_not_join_again_is_left_behind), CHECK_TEST(who_does_not_sync_in_time_is_removed),
      CHECK_TEST(leaving_rebalances_at_once_and_the_last_to_leave_empties_the_group),
      CHECK_TEST(the_protocol_is_one_that_all_speak_and_most_prefer),
      CHECK_TEST(a_static_member_that_comes_back_takes_its_place_without_a_rebalance),
      CHECK_TEST(a_static_members_old_id_is_valid_again_when_the_new_one_cannot_be_written),
      CHECK_TEST(a_full_group_takes_nobody_else), CHECK_TEST(the_initial_delay_gathers_members_into_one_generation),
      CHECK_TEST(commits_are_for_members_of_this_generation_or_for_groups_without_members),
      CHECK_TEST(a_join_survives_any_failing_allocation),
      CHECK_TEST(a_partition_never_has_two_owners_in_one_generation))
