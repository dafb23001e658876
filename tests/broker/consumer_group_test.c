#include "group_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define MEMBERS_MAX    5
#define PARTITIONS_MAX 8
#define HELD_MAX       64

/* ---- a member of the protocol, as clients are ---- */

struct held {
    uint8_t topic; /* the first byte of its id */
    int32_t partition;
};

struct client {
    struct group_fixture *f;
    char id[16];
    const char *instance;
    slice names[4];
    int name_count;
    const char *regex;
    const char *assignor;
    int32_t epoch;
    struct held held[HELD_MAX];
    int held_count;
    bool says_all; /* its next heartbeat is a full one */
    bool is_beating;
    struct arena arena;  /* the request's */
    struct arena asking; /* what it says */
    struct consumer_group_heartbeat_request asked;
    struct consumer_call call;
    enum kafka_error error; /* of the last answer */
};

static void client_init(struct client *c, struct group_fixture *f, const char *id)
{
    *c = (struct client){.f = f, .says_all = true, .names = {slice_of_text("t")}, .name_count = 1};
    snprintf(c->id, sizeof c->id, "%s", id);
    arena_init(&c->arena, &f->memory, MEMORY_REQUESTS, 1 << 20);
    arena_init(&c->asking, &f->log_memory, MEMORY_REQUESTS, 1 << 20);
}

static void client_close(struct client *c)
{
    arena_close(&c->arena);
    arena_close(&c->asking);
}

static bool holds(const struct client *c, uint8_t topic, int32_t partition)
{
    for (int i = 0; i < c->held_count; i++) {
        if (c->held[i].topic == topic && c->held[i].partition == partition)
            return true;
    }
    return false;
}

static void take_assignment(struct client *c, const struct consumer_group_heartbeat_response_assignment *assignment)
{
    c->held_count = 0;
    for (int32_t i = 0; i < assignment->topic_partitions.count; i++) {
        const struct consumer_group_heartbeat_response_topic *topic = &assignment->topic_partitions.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            REQUIRE(c->held_count < HELD_MAX);
            c->held[c->held_count++] = (struct held){topic->topic_id.bytes[0], topic->partitions.items[j]};
        }
    }
    c->says_all = true; /* what it has given up is told with the next */
}

/* As the protocol wants it: a fenced member drops everything at once and joins again. */
static void on_answer(struct group_call *call)
{
    struct client *c = call->context;
    const struct consumer_group_heartbeat_response *response = &c->call.response;
    c->is_beating = false;
    c->f->answers++;
    c->error = call->error;
    if (call->error == KAFKA_FENCED_MEMBER_EPOCH || call->error == KAFKA_UNKNOWN_MEMBER_ID ||
        call->error == KAFKA_GROUP_ID_NOT_FOUND) {
        c->epoch = 0;
        c->held_count = 0;
        c->says_all = true;
    }
    if (call->error != KAFKA_NONE) {
        c->says_all = true;
        return;
    }
    c->epoch = response->member_epoch;
    if (response->assignment != NULL)
        take_assignment(c, response->assignment);
}

static void list_held(struct client *c)
{
    struct consumer_group_heartbeat_request_topic *topics = arena_alloc(&c->asking, HELD_MAX * sizeof *topics);
    REQUIRE(topics != NULL);
    c->asked.topic_partitions.items = topics;
    c->asked.topic_partitions.count = 0;
    for (int i = 0; i < c->held_count; i++) {
        int32_t *partition = arena_alloc(&c->asking, sizeof *partition);
        REQUIRE(partition != NULL);
        *partition = c->held[i].partition;
        topics[c->asked.topic_partitions.count++] = (struct consumer_group_heartbeat_request_topic){
            .topic_id = {{c->held[i].topic, 1}}, .partitions = {partition, 1}};
    }
}

static void send_epoch(struct client *c, int32_t epoch)
{
    arena_reset(&c->arena);
    arena_reset(&c->asking);
    c->asked = (struct consumer_group_heartbeat_request)CONSUMER_GROUP_HEARTBEAT_REQUEST_DEFAULTS;
    c->asked.group_id = slice_of_text("g");
    c->asked.member_id = slice_of_text(c->id);
    c->asked.member_epoch = epoch;
    c->asked.instance_id = c->instance != NULL ? slice_of_text(c->instance) : NULL_SLICE;
    if (epoch == 0)
        c->held_count = 0;
    if (c->says_all || epoch == 0) {
        c->asked.rebalance_timeout_ms = 60000;
        c->asked.subscribed_topic_names.items = c->names;
        c->asked.subscribed_topic_names.count = c->name_count;
        c->asked.subscribed_topic_regex = c->regex != NULL ? slice_of_text(c->regex) : NULL_SLICE;
        c->asked.server_assignor = c->assignor != NULL ? slice_of_text(c->assignor) : NULL_SLICE;
        list_held(c);
    }
    c->says_all = false;
    c->is_beating = true;
    c->call = (struct consumer_call){.call = {.done = on_answer, .context = c, .arena = &c->arena},
                                     .asked = &c->asked,
                                     .version = 1,
                                     .client_id = slice_of_text("client"),
                                     .client_host = slice_of_text("/here")};
    group_coordinator_consumer_heartbeat(c->f->coordinator, &c->call, c->f->now);
}

static void beat(struct client *c)
{
    send_epoch(c, c->epoch);
}

/* And it is written. */
static enum kafka_error beat_once(struct client *c)
{
    beat(c);
    group_fixture_answer(c->f, KAFKA_NONE);
    REQUIRE(!c->is_beating);
    return c->error;
}

static void settle(struct client **clients, int count)
{
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < count; i++)
            CHECK(beat_once(clients[i]) == KAFKA_NONE);
    }
}

static const char *state_of(const struct group_fixture *f)
{
    const struct group *group = group_coordinator_find(f->coordinator, slice_of_text("g"));
    return group != NULL ? group_state_text(group) : "Dead";
}

static bool is_state(const struct group_fixture *f, const char *state)
{
    return strcmp(state_of(f), state) == 0;
}

static slice words(const struct client *c)
{
    return c->call.response.error_message;
}

/* ---- one member, two members ---- */

static void the_first_member_is_given_everything_with_its_first_heartbeat(void)
{
    struct group_fixture f;
    struct client a;
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 3);
    client_init(&a, &f, "a");
    beat(&a);
    CHECK(a.is_beating && f.waiting_count == 1); /* until it is durable, nothing is said */
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(a.error == KAFKA_NONE && a.epoch == 2 && a.held_count == 3);
    CHECK(a.call.response.heartbeat_interval_ms == 5000 && is_state(&f, "Stable"));
    CHECK(beat_once(&a) == KAFKA_NONE && f.log_count == 1); /* what changes nothing is not written */
    client_close(&a);
    group_fixture_close(&f);
}

static void a_partition_goes_over_when_its_owner_has_given_it_up(void)
{
    struct group_fixture f;
    struct client a, b;
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 2);
    client_init(&a, &f, "a");
    client_init(&b, &f, "b");
    CHECK(beat_once(&a) == KAFKA_NONE && a.held_count == 2);
    CHECK(beat_once(&b) == KAFKA_NONE && b.held_count == 0 && b.epoch == 3);
    CHECK(is_state(&f, "Reconciling"));
    CHECK(beat_once(&a) == KAFKA_NONE && a.held_count == 1 && a.epoch == 2); /* asked to give one up */
    CHECK(beat_once(&b) == KAFKA_NONE && b.held_count == 0);
    CHECK(beat_once(&a) == KAFKA_NONE && a.epoch == 3); /* has said so */
    CHECK(beat_once(&b) == KAFKA_NONE && b.held_count == 1);
    CHECK(b.held[0].partition != a.held[0].partition && is_state(&f, "Stable"));
    client_close(&a);
    client_close(&b);
    group_fixture_close(&f);
}

static void who_leaves_frees_what_it_held_at_once(void)
{
    struct group_fixture f;
    struct client a, b, *both[] = {&a, &b};
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 4);
    client_init(&a, &f, "a");
    client_init(&b, &f, "b");
    settle(both, 2);
    CHECK(a.held_count == 2 && b.held_count == 2);
    send_epoch(&b, -1);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(b.error == KAFKA_NONE && b.call.response.member_epoch == -1);
    CHECK(beat_once(&a) == KAFKA_NONE && a.held_count == 4);
    CHECK(beat_once(&b) == KAFKA_UNKNOWN_MEMBER_ID);
    send_epoch(&a, -1);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(is_state(&f, "Empty"));
    client_close(&a);
    client_close(&b);
    group_fixture_close(&f);
}

static void a_silent_member_is_fenced_and_so_is_one_that_keeps_what_it_is_to_give_up(void)
{
    struct group_fixture f;
    struct client a, b;
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 2);
    client_init(&a, &f, "a");
    client_init(&b, &f, "b");
    CHECK(beat_once(&a) == KAFKA_NONE && beat_once(&b) == KAFKA_NONE && beat_once(&a) == KAFKA_NONE);
    a.says_all = false;
    for (int i = 0; i < 6; i++) { /* its rebalance timeout is 60 s, its session 45 s */
        f.now.steady += 10001;
        group_coordinator_expire(f.coordinator, f.now);
        group_fixture_answer(&f, KAFKA_NONE);
        a.says_all = false;
        CHECK(beat_once(&b) == KAFKA_NONE);
        if (i < 5)
            CHECK(beat_once(&a) == KAFKA_NONE);
    }
    CHECK(b.held_count == 2);
    CHECK(beat_once(&a) == KAFKA_UNKNOWN_MEMBER_ID);
    f.now.steady += 45000;
    group_coordinator_expire(f.coordinator, f.now);
    CHECK(is_state(&f, "Empty"));
    group_fixture_answer(&f, KAFKA_NONE);
    client_close(&a);
    client_close(&b);
    group_fixture_close(&f);
}

/* ---- static members ---- */

static void a_static_member_comes_back_to_what_it_had(void)
{
    struct group_fixture f;
    struct client a, b, again;
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 4);
    client_init(&a, &f, "a");
    client_init(&b, &f, "b");
    client_init(&again, &f, "again");
    a.instance = again.instance = "i";
    struct client *both[] = {&a, &b};
    settle(both, 2);
    int32_t epoch = b.epoch;
    beat(&again);
    CHECK(again.error == KAFKA_UNRELEASED_INSTANCE_ID);
    send_epoch(&a, -2);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(a.error == KAFKA_NONE && a.call.response.member_epoch == -2);
    CHECK(beat_once(&b) == KAFKA_NONE && b.held_count == 2);
    again.epoch = 0;
    CHECK(beat_once(&again) == KAFKA_NONE && again.held_count == 2 && again.epoch == epoch);
    CHECK(beat_once(&b) == KAFKA_NONE && b.epoch == epoch); /* nobody else noticed */
    a.epoch = epoch;
    CHECK(beat_once(&a) == KAFKA_FENCED_INSTANCE_ID);
    CHECK(slice_equal(words(&a), slice_of_text("Static member a with instance id i was fenced by member again.")));
    client_close(&a);
    client_close(&b);
    client_close(&again);
    group_fixture_close(&f);
}

/* ---- topics ---- */

static void topics_that_come_grow_and_go_are_noticed(void)
{
    struct group_fixture f;
    struct client a;
    group_fixture_open(&f);
    client_init(&a, &f, "a");
    a.names[1] = slice_of_text("u");
    a.name_count = 2;
    CHECK(beat_once(&a) == KAFKA_NONE && a.held_count == 0 && a.epoch == 2);
    group_fixture_set_topic(&f, "t", 1, 1);
    CHECK(beat_once(&a) == KAFKA_NONE && a.held_count == 1 && a.epoch == 3);
    group_fixture_set_topic(&f, "t", 1, 3);
    group_fixture_set_topic(&f, "other", 9, 3);
    CHECK(beat_once(&a) == KAFKA_NONE && a.held_count == 3 && a.epoch == 4);
    group_fixture_set_topic(&f, "other", 9, 4);
    CHECK(beat_once(&a) == KAFKA_NONE && a.epoch == 4); /* not its affair */
    group_fixture_set_topic(&f, "u", 2, 2);
    CHECK(beat_once(&a) == KAFKA_NONE && a.held_count == 5);
    group_fixture_delete_topic(&f, "t");
    CHECK(beat_once(&a) == KAFKA_NONE && a.held_count == 2);
    CHECK(beat_once(&a) == KAFKA_NONE && a.held_count == 2 && is_state(&f, "Stable"));
    group_fixture_set_topic(&f, "t", 3, 2); /* another one of the name */
    CHECK(beat_once(&a) == KAFKA_NONE && holds(&a, 3, 0) && holds(&a, 3, 1) && holds(&a, 2, 0));
    client_close(&a);
    group_fixture_close(&f);
}

static void a_subscription_by_expression_follows_the_topics(void)
{
    struct group_fixture f;
    struct client a;
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "logs-1", 1, 1);
    group_fixture_set_topic(&f, "metrics", 2, 1);
    client_init(&a, &f, "a");
    a.name_count = 0;
    a.regex = "logs-.*";
    CHECK(beat_once(&a) == KAFKA_NONE && a.held_count == 1 && holds(&a, 1, 0));
    group_fixture_set_topic(&f, "logs-2", 3, 2);
    f.now.steady += CONSUMER_REGEX_REFRESH_MS;
    CHECK(beat_once(&a) == KAFKA_NONE && a.held_count == 3);
    group_fixture_restart(&f);
    CHECK(beat_once(&a) == KAFKA_NONE && a.held_count == 3);
    a.regex = "metrics|none";
    a.says_all = true;
    CHECK(beat_once(&a) == KAFKA_NONE && beat_once(&a) == KAFKA_NONE);
    CHECK(a.held_count == 1 && holds(&a, 2, 0));
    a.regex = "(";
    a.says_all = true;
    CHECK(beat_once(&a) == KAFKA_INVALID_REGULAR_EXPRESSION && words(&a).size > 0);
    client_close(&a);
    group_fixture_close(&f);
}

/* ---- bad input ---- */

static void bad_requests_change_nothing(void)
{
    struct group_fixture f;
    struct client a, b;
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 2);
    client_init(&a, &f, "a");
    client_init(&b, &f, "b");
    CHECK(beat_once(&a) == KAFKA_NONE);
    int batches = f.log_count;
    b.epoch = 5;
    CHECK(beat_once(&b) == KAFKA_UNKNOWN_MEMBER_ID);
    CHECK(slice_equal(words(&b), slice_of_text("Member b is not a member of group g.")));
    b.assignor = "sticky";
    CHECK(beat_once(&b) == KAFKA_UNSUPPORTED_ASSIGNOR);
    b.assignor = NULL;
    b.id[0] = '\0';
    CHECK(beat_once(&b) == KAFKA_INVALID_REQUEST);
    CHECK(slice_equal(words(&b), slice_of_text("MemberId can't be empty.")));
    struct client stale;
    client_init(&stale, &f, "a");
    stale.epoch = 7;
    CHECK(beat_once(&stale) == KAFKA_FENCED_MEMBER_EPOCH);
    send_epoch(&stale, -3);
    CHECK(stale.error == KAFKA_INVALID_REQUEST);
    send_epoch(&stale, -2);
    CHECK(stale.error == KAFKA_INVALID_REQUEST);
    CHECK(f.log_count == batches && f.waiting_count == 0);
    CHECK(beat_once(&a) == KAFKA_NONE && a.held_count == 2 && a.epoch == 2);
    client_close(&stale);
    client_close(&a);
    client_close(&b);
    group_fixture_close(&f);
}

static void a_full_group_takes_no_more_members(void)
{
    struct group_fixture f;
    struct client a, b;
    group_fixture_open(&f);
    f.limits.consumer_max_size = 1;
    client_init(&a, &f, "a");
    client_init(&b, &f, "b");
    CHECK(beat_once(&a) == KAFKA_NONE);
    CHECK(beat_once(&b) == KAFKA_GROUP_MAX_SIZE_REACHED);
    CHECK(beat_once(&a) == KAFKA_NONE);
    client_close(&a);
    client_close(&b);
    group_fixture_close(&f);
}

/* ---- kinds ---- */

static void an_empty_group_changes_its_protocol_with_its_members(void)
{
    struct group_fixture f;
    struct client a;
    char id[80];
    group_fixture_open(&f);
    group_fixture_set_topic(&f, "t", 1, 1);
    client_init(&a, &f, "a");
    group_fixture_settle(&f, id);
    CHECK(beat_once(&a) == KAFKA_GROUP_ID_NOT_FOUND);
    struct leave_member leaving = {.member_id = slice_of_text(id), .instance_id = NULL_SLICE};
    CHECK(group_coordinator_leave(f.coordinator, slice_of_text("g"), &leaving, 1, f.now) == KAFKA_NONE);
    group_fixture_answer(&f, KAFKA_NONE);
    group_fixture_commit(&f, "g", "t", 0, 42);
    CHECK(beat_once(&a) == KAFKA_NONE && a.held_count == 1);
    group_fixture_restart(&f);
    const struct group *group = group_coordinator_find(f.coordinator, slice_of_text("g"));
    CHECK(group_is_consumer(group) && is_state(&f, "Stable"));
    CHECK(group_fixture_find(&f, "g", "t", 0)->offset == 42);
    send_epoch(&a, -1);
    group_fixture_answer(&f, KAFKA_NONE);
    group_fixture_settle(&f, id);
    group_fixture_restart(&f);
    group = group_coordinator_find(f.coordinator, slice_of_text("g"));
    CHECK(!group_is_consumer(group) && is_state(&f, "Stable"));
    CHECK(group_fixture_find(&f, "g", "t", 0)->offset == 42);
    client_close(&a);
    group_fixture_close(&f);
}

/* ---- members of both protocols ---- */

/* A client of the classic protocol, subscribed to "t". */
struct old_client {
    struct group_fixture *f;
    char id[80];
    int32_t generation;
    uint8_t subscription[64];
    struct join_protocol protocol;
    struct arena arena;
    struct join_call join;
    struct sync_call sync;
};

static void old_init(struct old_client *c, struct group_fixture *f)
{
    *c = (struct old_client){.f = f, .generation = -1};
    arena_init(&c->arena, &f->memory, MEMORY_REQUESTS, 1 << 20);
}

static void old_close(struct old_client *c)
{
    arena_close(&c->arena);
}

/* Version 1: the topic, no user data, what is held. */
static slice make_subscription(struct old_client *c, int held)
{
    static const uint8_t start[] = {0, 1, 0, 0, 0, 1, 0, 1, 't', 0xff, 0xff, 0xff, 0xff};
    uint8_t *at = c->subscription;
    memcpy(at, start, sizeof start);
    at += sizeof start;
    const uint8_t owned[] = {0, 0, 0, (uint8_t)(held > 0), 0, 1, 't', 0, 0, 0, (uint8_t)held};
    memcpy(at, owned, held > 0 ? sizeof owned : 4);
    at += held > 0 ? sizeof owned : 4;
    for (int i = 0; i < held; i++) {
        const uint8_t partition[] = {0, 0, 0, (uint8_t)i};
        memcpy(at, partition, 4);
        at += 4;
    }
    return slice_of(c->subscription, (size_t)(at - c->subscription));
}

/* It says that it holds the first `held` partitions. */
static enum kafka_error old_join(struct old_client *c, int held)
{
    arena_reset(&c->arena);
    c->protocol = (struct join_protocol){slice_of_text("cooperative-sticky"), make_subscription(c, held)};
    c->join = group_fixture_join_call(c->f, c->id);
    c->join.call.arena = &c->arena;
    c->join.protocols = &c->protocol;
    group_coordinator_join(c->f->coordinator, slice_of_text("g"), &c->join, c->f->now);
    group_fixture_answer(c->f, KAFKA_NONE);
    REQUIRE(c->f->answers > 0);
    if (c->join.call.error != KAFKA_NONE)
        return c->join.call.error;
    snprintf(c->id, sizeof c->id, "%.*s", SLICE_PRINT(c->join.found_member_id));
    c->generation = c->join.generation;
    return KAFKA_NONE;
}

/* Version 0 of one topic: how many partitions, and the first of them. */
static int count_assigned(slice assignment)
{
    return assignment.size < 17 ? 0 : assignment.data[12];
}

/* A leader gives itself partitions 0 and 1. */
static enum kafka_error old_sync(struct old_client *c, bool leads)
{
    static const uint8_t both[] = {0, 1, 0, 0, 0, 1, 0, 1, 't',  0,    0,    0,   2,
                                   0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff};
    static struct group_assignment mine;
    mine = (struct group_assignment){slice_of_text(c->id), slice_of(both, sizeof both)};
    c->f->answers = 0;
    c->sync = (struct sync_call){.call = {.done = group_fixture_done, .context = c->f, .arena = &c->arena},
                                 .member_id = slice_of_text(c->id),
                                 .generation = c->generation,
                                 .assignments = &mine,
                                 .assignment_count = leads};
    group_coordinator_sync(c->f->coordinator, slice_of_text("g"), &c->sync, c->f->now);
    group_fixture_answer(c->f, KAFKA_NONE);
    REQUIRE(c->f->answers > 0);
    return c->sync.call.error;
}

static enum kafka_error old_beat(struct old_client *c)
{
    enum kafka_error error = group_coordinator_heartbeat(c->f->coordinator, slice_of_text("g"), slice_of_text(c->id),
                                                         NULL_SLICE, c->generation, c->f->now);
    group_fixture_answer(c->f, KAFKA_NONE);
    return error;
}

static void open_migration(struct group_fixture *f, struct old_client *old, struct client *new)
{
    group_fixture_open(f);
    group_fixture_set_topic(f, "t", 1, 2);
    old_init(old, f);
    client_init(new, f, "new");
    REQUIRE(old_join(old, 0) == KAFKA_NONE && old_sync(old, true) == KAFKA_NONE);
}

static void close_migration(struct group_fixture *f, struct old_client *old, struct client *new)
{
    old_close(old);
    client_close(new);
    group_fixture_close(f);
}

static bool is_consumer(const struct group_fixture *f)
{
    return group_is_consumer(group_coordinator_find(f->coordinator, slice_of_text("g")));
}

static void a_group_is_migrated_and_back_member_by_member(void)
{
    struct group_fixture f;
    struct old_client old;
    struct client new;
    open_migration(&f, &old, &new);
    CHECK(beat_once(&new) == KAFKA_NONE && new.held_count == 0 && new.epoch == 2 && is_consumer(&f));
    CHECK(old_beat(&old) == KAFKA_REBALANCE_IN_PROGRESS);
    CHECK(old_join(&old, 2) == KAFKA_NONE && old.generation == 1 && old_sync(&old, false) == KAFKA_NONE);
    CHECK(count_assigned(old.sync.assignment) == 1 && old.sync.assignment.data[16] == 0);
    CHECK(beat_once(&new) == KAFKA_NONE && new.held_count == 0);
    CHECK(old_beat(&old) == KAFKA_REBALANCE_IN_PROGRESS); /* to say that it has given up the other */
    group_fixture_restart(&f);
    CHECK(is_consumer(&f));
    CHECK(old_join(&old, 1) == KAFKA_NONE && old.generation == 2 && old_sync(&old, false) == KAFKA_NONE);
    CHECK(count_assigned(old.sync.assignment) == 1 && old_beat(&old) == KAFKA_NONE);
    CHECK(beat_once(&new) == KAFKA_NONE && holds(&new, 1, 1) && is_state(&f, "Stable"));

    send_epoch(&new, -1);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(new.error == KAFKA_NONE && !is_consumer(&f) && is_state(&f, "PreparingRebalance"));
    CHECK(old_beat(&old) != KAFKA_NONE);
    CHECK(old_join(&old, 1) == KAFKA_NONE && old_sync(&old, true) == KAFKA_NONE && old_beat(&old) == KAFKA_NONE);
    group_fixture_restart(&f);
    CHECK(!is_consumer(&f) && is_state(&f, "Stable") && old_beat(&old) == KAFKA_NONE);
    close_migration(&f, &old, &new);
}

static void the_last_of_the_consumer_protocol_may_also_expire(void)
{
    struct group_fixture f;
    struct old_client old;
    struct client new;
    open_migration(&f, &old, &new);
    CHECK(beat_once(&new) == KAFKA_NONE && is_consumer(&f));
    for (int i = 0; i < 9; i++) {
        f.now.steady += 5001;
        group_coordinator_expire(f.coordinator, f.now);
        group_fixture_answer(&f, KAFKA_NONE);
        enum kafka_error error = old_beat(&old);
        if (error == KAFKA_REBALANCE_IN_PROGRESS)
            CHECK(old_join(&old, 1) == KAFKA_NONE && old_sync(&old, false) == KAFKA_NONE);
    }
    CHECK(!is_consumer(&f));
    close_migration(&f, &old, &new);
}

static void a_group_is_not_migrated_where_that_is_not_wanted_or_not_possible(void)
{
    struct group_fixture f;
    struct old_client old;
    struct client new;
    open_migration(&f, &old, &new);
    f.limits.consumer_migration = CONSUMER_MIGRATION_DOWNGRADE;
    CHECK(beat_once(&new) == KAFKA_GROUP_ID_NOT_FOUND);
    CHECK(slice_equal(words(&new), slice_of_text("Cannot upgrade classic group g to consumer group because online "
                                                 "upgrade is disabled.")));
    f.limits.consumer_migration = CONSUMER_MIGRATION_UPGRADE;
    f.limits.consumer_max_size = 0;
    CHECK(beat_once(&new) == KAFKA_GROUP_ID_NOT_FOUND && !is_consumer(&f));
    f.limits.consumer_max_size = 2;
    CHECK(beat_once(&new) == KAFKA_NONE && is_consumer(&f));
    send_epoch(&new, -1);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(is_consumer(&f)); /* not back */
    old.protocol = (struct join_protocol){slice_of_text("range"), NULL_SLICE};
    struct join_call join = group_fixture_join_call(&f, "");
    group_coordinator_join(f.coordinator, slice_of_text("g"), &join, f.now);
    CHECK(join.call.error == KAFKA_INCONSISTENT_GROUP_PROTOCOL);
    close_migration(&f, &old, &new);
}

static void a_migration_survives_any_failing_allocation(void)
{
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        struct group_fixture f;
        struct old_client old;
        struct client new;
        open_migration(&f, &old, &new);
        memory_fail_at(&f.memory, nth);
        beat(&new);
        group_fixture_answer(&f, KAFKA_NONE);
        CHECK(new.error == KAFKA_NONE || new.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
        if (is_consumer(&f) && old_beat(&old) == KAFKA_REBALANCE_IN_PROGRESS) {
            enum kafka_error error = old_join(&old, 2);
            CHECK(error == KAFKA_NONE || error == KAFKA_COORDINATOR_NOT_AVAILABLE);
            if (error == KAFKA_NONE)
                error = old_sync(&old, false);
            CHECK(error == KAFKA_NONE || error == KAFKA_COORDINATOR_NOT_AVAILABLE);
        }
        send_epoch(&new, -1);
        group_fixture_answer(&f, KAFKA_NONE);
        failed = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        f.now.steady += CONSUMER_RETRY_MS;
        group_coordinator_expire(f.coordinator, f.now);
        group_fixture_answer(&f, KAFKA_NONE);
        group_fixture_restart(&f);
        CHECK(!is_state(&f, "Dead"));
        close_migration(&f, &old, &new);
    }
}

/* ---- any order of things ---- */

static uint32_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

struct world {
    struct group_fixture f;
    struct client clients[MEMBERS_MAX];
    uint64_t random;
};

/* What a client holds it may read: no two may hold the same. (No session ends here: such a client would not know.) */
static void check_owners(struct world *w)
{
    for (int i = 0; i < MEMBERS_MAX; i++) {
        for (int j = 0; j < i; j++) {
            for (int k = 0; k < w->clients[j].held_count; k++)
                CHECK(!holds(&w->clients[i], w->clients[j].held[k].topic, w->clients[j].held[k].partition));
        }
    }
}

static void act(struct world *w)
{
    struct client *c = &w->clients[next_random(&w->random) % MEMBERS_MAX];
    static const char *const names[] = {"t", "u", "v"};
    uint32_t what = next_random(&w->random) % 20;
    if (what < 12 && !c->is_beating) {
        beat(c);
    } else if (what == 12 && !c->is_beating) {
        c->name_count = 1 + (int)(next_random(&w->random) % 2);
        for (int i = 0; i < c->name_count; i++)
            c->names[i] = slice_of_text(names[next_random(&w->random) % 3]);
        c->says_all = true;
    } else if (what == 13 && !c->is_beating && c->epoch > 0) {
        send_epoch(c, -1);
        c->held_count = 0;
    } else if (what == 14) {
        uint32_t which = next_random(&w->random) % 3;
        struct group_topic found;
        int32_t count = 1 + (int32_t)(next_random(&w->random) % PARTITIONS_MAX);
        for (int i = 0; i < w->f.topic_count; i++) {
            found = w->f.topics[i];
            if (slice_equal(found.name, slice_of_text(names[which])) && found.partition_count > count)
                count = found.partition_count;
        }
        group_fixture_set_topic(&w->f, names[which], (uint8_t)(which + 1), count);
    } else if (what == 15) {
        c->regex = c->regex == NULL ? "[tu]" : "";
        c->says_all = true;
    } else if (w->f.waiting_count > 0) {
        group_fixture_answer_one(&w->f, what == 19 ? KAFKA_KAFKA_STORAGE_ERROR : KAFKA_NONE);
    }
    if (c->epoch < 0)
        c->epoch = 0;
}

static void drain(struct world *w)
{
    while (w->f.waiting_count > 0)
        group_fixture_answer_one(&w->f, KAFKA_NONE);
}

/* Everybody's heartbeats, until nobody is on the way; each partition is somebody's then. */
static void converge(struct world *w)
{
    for (int round = 0; round < 12; round++) {
        w->f.now.steady += CONSUMER_REGEX_REFRESH_MS;
        for (int i = 0; i < MEMBERS_MAX; i++) {
            if (!w->clients[i].is_beating)
                beat(&w->clients[i]);
            drain(w);
            if (w->clients[i].epoch < 0)
                w->clients[i].epoch = 0;
        }
        check_owners(w);
    }
    CHECK(is_state(&w->f, "Stable"));
}

static void check_complete(const struct world *w)
{
    for (int t = 0; t < w->f.topic_count; t++) {
        bool is_wanted = false;
        for (int i = 0; i < MEMBERS_MAX; i++) {
            const struct client *c = &w->clients[i];
            for (int n = 0; n < c->name_count; n++)
                is_wanted = is_wanted || slice_equal(c->names[n], w->f.topics[t].name);
            is_wanted = is_wanted || (c->regex != NULL && c->regex[0] != '\0' && w->f.topics[t].name.data[0] != 'v');
        }
        for (int32_t p = 0; is_wanted && p < w->f.topics[t].partition_count; p++) {
            int owners = 0;
            for (int i = 0; i < MEMBERS_MAX; i++)
                owners += holds(&w->clients[i], w->f.topics[t].id.bytes[0], p);
            CHECK(owners == 1);
        }
    }
}

static void run_world(uint64_t seed)
{
    static struct world world;
    struct world *w = &world;
    group_fixture_open(&w->f);
    w->random = seed;
    group_fixture_set_topic(&w->f, "t", 1, 5);
    for (int i = 0; i < MEMBERS_MAX; i++) {
        char id[8];
        snprintf(id, sizeof id, "m%d", i);
        client_init(&w->clients[i], &w->f, id);
    }
    for (int step = 0; step < 300; step++) {
        act(w);
        check_owners(w);
        if (w->f.waiting_count >= APPENDS_MAX - 2)
            drain(w);
        if (step % 100 == 99) { /* the power goes, and with it what was on its way */
            while (w->f.waiting_count > 0)
                group_fixture_answer_one(&w->f, w->f.waiting_count > 2 ? KAFKA_NONE : KAFKA_KAFKA_STORAGE_ERROR);
            group_fixture_restart(&w->f);
            check_owners(w);
        }
    }
    drain(w);
    converge(w);
    check_complete(w);
    for (int i = 0; i < MEMBERS_MAX; i++)
        client_close(&w->clients[i]);
    group_fixture_close(&w->f);
}

static void each_partition_has_one_owner_and_everything_converges(void)
{
    for (uint64_t seed = 1; seed <= 60; seed++)
        run_world(seed);
}

/* ---- memory ---- */

static void a_rebalance_survives_any_failing_allocation(void)
{
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        struct group_fixture f;
        struct client a, b, *both[] = {&a, &b};
        group_fixture_open(&f);
        group_fixture_set_topic(&f, "t", 1, 3);
        client_init(&a, &f, "a");
        client_init(&b, &f, "b");
        b.regex = "t";
        CHECK(beat_once(&a) == KAFKA_NONE);
        memory_fail_at(&f.memory, nth);
        for (int i = 0; i < 3; i++) {
            for (int j = 0; j < 2; j++) {
                beat(both[j]);
                group_fixture_answer(&f, KAFKA_NONE);
                CHECK(both[j]->error == KAFKA_NONE || both[j]->error == KAFKA_COORDINATOR_NOT_AVAILABLE);
            }
        }
        failed = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        settle(both, 2);
        CHECK(a.held_count + b.held_count == 3 && is_state(&f, "Stable"));
        group_fixture_restart(&f);
        CHECK(is_state(&f, "Stable"));
        settle(both, 2);
        CHECK(a.held_count + b.held_count == 3);
        client_close(&a);
        client_close(&b);
        group_fixture_close(&f);
    }
}

SUITE("consumer_group", CHECK_TEST(the_first_member_is_given_everything_with_its_first_heartbeat),
      CHECK_TEST(a_partition_goes_over_when_its_owner_has_given_it_up),
      CHECK_TEST(who_leaves_frees_what_it_held_at_once),
      CHECK_TEST(a_silent_member_is_fenced_and_so_is_one_that_keeps_what_it_is_to_give_up),
      CHECK_TEST(a_static_member_comes_back_to_what_it_had), CHECK_TEST(topics_that_come_grow_and_go_are_noticed),
      CHECK_TEST(a_subscription_by_expression_follows_the_topics), CHECK_TEST(bad_requests_change_nothing),
      CHECK_TEST(a_full_group_takes_no_more_members), CHECK_TEST(an_empty_group_changes_its_protocol_with_its_members),
      CHECK_TEST(a_group_is_migrated_and_back_member_by_member),
      CHECK_TEST(the_last_of_the_consumer_protocol_may_also_expire),
      CHECK_TEST(a_group_is_not_migrated_where_that_is_not_wanted_or_not_possible),
      CHECK_TEST(a_migration_survives_any_failing_allocation),
      CHECK_TEST(each_partition_has_one_owner_and_everything_converges),
      CHECK_TEST(a_rebalance_survives_any_failing_allocation))
