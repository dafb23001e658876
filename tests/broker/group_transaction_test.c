#include "group_fixture.h"
#include "seeded_random.h"
#include "transaction_marker.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct group_fixture f;

struct one_commit {
    struct commit_partition partition;
    struct commit_transaction transaction;
    struct commit_call call;
};

/* Sent; it waits for the log. */
static void send(struct one_commit *one, const char *group, int64_t producer, const char *topic, int32_t partition,
                 int64_t offset)
{
    one->partition = group_fixture_partition(topic, partition, offset);
    one->transaction = (struct commit_transaction){.producer_id = producer, .producer_epoch = 3};
    one->call = group_fixture_commit_call(&f, group, &one->partition, 1);
    one->call.transaction = &one->transaction;
    group_coordinator_commit(f.coordinator, &one->call, f.now);
}

static void commit(const char *group, int64_t producer, const char *topic, int32_t partition, int64_t offset)
{
    struct one_commit one;
    send(&one, group, producer, topic, partition, offset);
    CHECK_EQUAL(f.answers, 0);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK_EQUAL(f.answers, 1);
    CHECK_EQUAL(one.partition.error, KAFKA_NONE);
}

struct noted_end {
    struct group_transaction_end end;
    int calls;
    enum kafka_error error;
};

static void on_ended(struct group_transaction_end *end, enum kafka_error error)
{
    struct noted_end *noted = end->context;
    noted->calls++;
    noted->error = error;
}

static void begin_end(struct noted_end *noted, int64_t producer, bool commits)
{
    *noted = (struct noted_end){.end = {.producer_id = producer,
                                        .producer_epoch = 3,
                                        .coordinator_epoch = 1,
                                        .commits = commits,
                                        .done = on_ended,
                                        .context = noted}};
    group_coordinator_end_transaction(f.coordinator, &noted->end, f.now);
}

static void end(int64_t producer, bool commits)
{
    struct noted_end noted;
    begin_end(&noted, producer, commits);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK_EQUAL(noted.calls, 1);
    CHECK_EQUAL(noted.error, KAFKA_NONE);
}

/* -1: none. */
static int64_t offset_of(const char *group, const char *topic, int32_t partition)
{
    const struct committed_offset *found = group_fixture_find(&f, group, topic, partition);
    return found != NULL ? found->offset : -1;
}

static bool is_unstable(const char *group, const char *topic, int32_t partition)
{
    const struct group *found = group_coordinator_find(f.coordinator, slice_of_text(group));
    return found != NULL && committed_offsets_is_pending(group_offsets(found), slice_of_text(topic), partition);
}

/* ---- one transaction ---- */

static void what_a_transaction_commits_holds_at_its_end(void)
{
    group_fixture_open(&f);
    group_fixture_commit(&f, "g", "t", 0, 5);
    commit("g", 7, "t", 0, 10);
    commit("g", 7, "u", 1, 11);
    for (int i = 0; i < 2; i++) { /* before a restart and after it */
        CHECK_EQUAL(offset_of("g", "t", 0), 5);
        CHECK_EQUAL(offset_of("g", "u", 1), -1);
        CHECK(is_unstable("g", "t", 0) && is_unstable("g", "u", 1) && !is_unstable("g", "t", 1));
        group_fixture_restart(&f);
    }
    end(7, true);
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(offset_of("g", "t", 0), 10);
        CHECK_EQUAL(offset_of("g", "u", 1), 11);
        CHECK(!is_unstable("g", "t", 0) && !is_unstable("g", "u", 1));
        group_fixture_restart(&f);
    }
    group_fixture_close(&f);
}

static void what_an_aborted_one_commits_never_was(void)
{
    group_fixture_open(&f);
    group_fixture_commit(&f, "g", "t", 0, 5);
    commit("g", 7, "t", 0, 10);
    commit("h", 7, "t", 0, 12);
    end(7, false);
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(offset_of("g", "t", 0), 5);
        CHECK_EQUAL(offset_of("h", "t", 0), -1);
        CHECK(!is_unstable("g", "t", 0));
        group_fixture_restart(&f);
    }
    group_fixture_close(&f);
}

static void the_batch_is_the_producers(void)
{
    struct one_commit one;
    struct batch_header header;
    group_fixture_open(&f);
    send(&one, "g", 7, "t", 0, 10);
    REQUIRE(f.waiting_count == 1);
    slice batch = slice_of(f.waiting[0]->bytes, f.waiting[0]->size);
    REQUIRE(batch_parse_header(batch, &header, NULL) == 0);
    CHECK(batch_is_transactional(&header) && !batch_is_control(&header));
    CHECK_EQUAL(header.producer_id, 7);
    CHECK_EQUAL(header.producer_epoch, 3);
    CHECK_EQUAL(header.base_sequence, 0);
    group_fixture_answer(&f, KAFKA_NONE);

    struct noted_end noted;
    struct transaction_marker marker;
    begin_end(&noted, 7, true);
    REQUIRE(f.waiting_count == 1);
    batch = slice_of(f.waiting[0]->bytes, f.waiting[0]->size);
    REQUIRE(batch_parse_header(batch, &header, NULL) == 0);
    REQUIRE(transaction_marker_parse(batch, &header, &marker) == 0);
    CHECK(marker.commit && marker.producer_id == 7 && marker.producer_epoch == 3 && marker.coordinator_epoch == 1);
    group_fixture_answer(&f, KAFKA_NONE);
    group_fixture_close(&f);
}

/* ---- what fails ---- */

static void a_commit_that_is_not_written_is_not_pending(void)
{
    struct one_commit one;
    group_fixture_open(&f);
    send(&one, "g", 7, "t", 0, 10);
    group_fixture_answer(&f, KAFKA_KAFKA_STORAGE_ERROR);
    CHECK_EQUAL(f.answers, 1);
    CHECK_EQUAL(one.partition.error, KAFKA_NOT_COORDINATOR);
    CHECK(!is_unstable("g", "t", 0));
    end(7, true);
    CHECK_EQUAL(offset_of("g", "t", 0), -1);
    group_fixture_close(&f);
}

static void an_end_that_is_not_written_changes_nothing(void)
{
    struct noted_end noted;
    group_fixture_open(&f);
    commit("g", 7, "t", 0, 10);
    begin_end(&noted, 7, true);
    CHECK(noted.calls == 0 && is_unstable("g", "t", 0));
    group_fixture_answer(&f, KAFKA_KAFKA_STORAGE_ERROR);
    CHECK(noted.calls == 1 && noted.error == KAFKA_KAFKA_STORAGE_ERROR);
    CHECK(is_unstable("g", "t", 0));
    end(7, true);
    CHECK_EQUAL(offset_of("g", "t", 0), 10);
    group_fixture_close(&f);
}

static void a_member_of_a_generation_that_is_not_there_is_refused(void)
{
    struct one_commit one;
    char id[80];
    group_fixture_open(&f);
    one.partition = group_fixture_partition("t", 0, 1);
    one.transaction = (struct commit_transaction){.producer_id = 7};
    one.call = group_fixture_commit_call(&f, "none", &one.partition, 1);
    one.call.transaction = &one.transaction;
    one.call.generation = 1;
    group_coordinator_commit(f.coordinator, &one.call, f.now);
    CHECK_EQUAL(one.partition.error, KAFKA_ILLEGAL_GENERATION);

    group_fixture_settle(&f, id);
    one.partition.error = KAFKA_NONE;
    one.call = group_fixture_commit_call(&f, "g", &one.partition, 1);
    one.call.transaction = &one.transaction;
    one.call.member_id = slice_of_text(id);
    one.call.generation = 9;
    group_coordinator_commit(f.coordinator, &one.call, f.now);
    CHECK_EQUAL(one.partition.error, KAFKA_ILLEGAL_GENERATION);
    CHECK(f.answers == 1 && f.waiting_count == 0);

    /* Of nobody: a producer that assigns partitions itself may commit beside members, in a transaction alone. */
    one.partition.error = KAFKA_NONE;
    one.call = group_fixture_commit_call(&f, "g", &one.partition, 1);
    one.call.transaction = &one.transaction;
    group_coordinator_commit(f.coordinator, &one.call, f.now);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK_EQUAL(one.partition.error, KAFKA_NONE);
    group_fixture_close(&f);
}

static void a_log_that_cannot_be_read_ends_nothing(void)
{
    struct noted_end noted;
    group_fixture_open(&f);
    group_coordinator_give_up(f.coordinator);
    begin_end(&noted, 7, true);
    CHECK(noted.calls == 1 && noted.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    CHECK_EQUAL(f.waiting_count, 0);
    group_fixture_close(&f);
}

/* ---- what takes pending offsets away ---- */

static void a_group_with_pending_offsets_stays_until_these_are_decided(void)
{
    group_fixture_open(&f);
    commit("g", 7, "t", 0, 10);
    f.now.wall += 10 * f.limits.offsets_retention_ms;
    group_coordinator_clean(f.coordinator, f.now);
    CHECK_EQUAL(f.waiting_count, 0);
    CHECK(is_unstable("g", "t", 0));
    end(7, false);
    group_coordinator_clean(f.coordinator, f.now);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK_EQUAL(group_coordinator_count(f.coordinator), 0);
    group_fixture_close(&f);
}

static void deletion_of_the_group_takes_them(void)
{
    group_fixture_open(&f);
    commit("g", 7, "t", 0, 10);
    struct commit_call deletion = group_fixture_commit_call(&f, "g", NULL, 0);
    group_coordinator_delete(f.coordinator, &deletion, f.now);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(f.answers == 1 && deletion.call.error == KAFKA_NONE);
    CHECK_EQUAL(group_coordinator_count(f.coordinator), 0);
    end(7, true);
    CHECK_EQUAL(offset_of("g", "t", 0), -1);
    group_fixture_restart(&f);
    CHECK_EQUAL(offset_of("g", "t", 0), -1);
    group_fixture_close(&f);
}

static void deletion_of_the_offset_takes_it(void)
{
    group_fixture_open(&f);
    commit("g", 7, "t", 0, 10);
    commit("g", 7, "t", 1, 11);
    struct commit_partition asked = group_fixture_partition("t", 0, 0);
    struct commit_call deletion = group_fixture_commit_call(&f, "g", &asked, 1);
    group_coordinator_delete_offsets(f.coordinator, &deletion, f.now);
    group_fixture_answer(&f, KAFKA_NONE);
    CHECK(!is_unstable("g", "t", 0) && is_unstable("g", "t", 1));
    end(7, true);
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(offset_of("g", "t", 0), -1);
        CHECK_EQUAL(offset_of("g", "t", 1), 11);
        group_fixture_restart(&f);
    }
    group_fixture_close(&f);
}

static void deletion_of_the_topic_takes_them(void)
{
    group_fixture_open(&f);
    commit("g", 7, "t", 0, 10);
    commit("g", 7, "u", 0, 11);
    group_coordinator_forget_topic(f.coordinator, slice_of_text("t"), f.now);
    group_fixture_answer(&f, KAFKA_NONE);
    end(7, true);
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(offset_of("g", "t", 0), -1);
        CHECK_EQUAL(offset_of("g", "u", 0), 11);
        group_fixture_restart(&f);
    }
    group_fixture_close(&f);
}

/* ---- against a model ---- */

#define KEYS      4
#define PRODUCERS 3

/* As Kafka's coordinator decides: the value whose record stands later in the log holds. */
struct model {
    int64_t record; /* the next one */
    int64_t offset[KEYS];
    int64_t at[KEYS]; /* the record of what holds, or of its deletion */
    int64_t pending[PRODUCERS][KEYS];
    int64_t pending_at[PRODUCERS][KEYS]; /* -1: none */
};

static void check_model(const struct model *m)
{
    for (int32_t key = 0; key < KEYS; key++) {
        bool pends = false;
        for (int p = 0; p < PRODUCERS; p++)
            pends = pends || m->pending_at[p][key] > m->at[key];
        CHECK_EQUAL(offset_of("g", "t", key), m->offset[key]);
        CHECK_EQUAL(is_unstable("g", "t", key), pends);
    }
}

static void end_in_model(struct model *m, int p, bool commits)
{
    for (int key = 0; key < KEYS; key++) {
        if (commits && m->pending_at[p][key] > m->at[key]) {
            m->offset[key] = m->pending[p][key];
            m->at[key] = m->pending_at[p][key];
        }
        m->pending_at[p][key] = -1;
    }
    m->record++;
}

static void delete_one(struct model *m, int32_t key)
{
    struct commit_partition asked = group_fixture_partition("t", key, 0);
    struct commit_call deletion = group_fixture_commit_call(&f, "g", &asked, 1);
    group_coordinator_delete_offsets(f.coordinator, &deletion, f.now);
    group_fixture_answer(&f, KAFKA_NONE);
    m->offset[key] = -1;
    m->at[key] = m->record++;
    for (int p = 0; p < PRODUCERS; p++)
        m->pending_at[p][key] = -1;
}

static void step(struct model *m, struct seeded_random *random)
{
    int32_t key = (int32_t)random_below(random, KEYS);
    int p = (int)random_below(random, PRODUCERS);
    int64_t offset = (int64_t)random_below(random, 1000);
    switch (random_below(random, 8)) {
    case 0:
    case 1:
        group_fixture_commit(&f, "g", "t", key, offset);
        m->offset[key] = offset;
        m->at[key] = m->record++;
        break;
    case 2:
    case 3:
    case 4:
        commit("g", p, "t", key, offset);
        m->pending[p][key] = offset;
        m->pending_at[p][key] = m->record++;
        break;
    case 5:
        delete_one(m, key);
        break;
    default: {
        bool commits = random_below(random, 3) > 0;
        end(p, commits);
        end_in_model(m, p, commits);
    }
    }
}

static void what_stands_later_in_the_log_holds(void)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct seeded_random random = {.state = seed};
        struct model m = {0};
        for (int key = 0; key < KEYS; key++) {
            m.offset[key] = m.at[key] = -1;
            for (int p = 0; p < PRODUCERS; p++)
                m.pending_at[p][key] = -1;
        }
        group_fixture_open(&f);
        group_fixture_commit(&f, "g", "other", 0, 1); /* the group is there */
        for (int i = 0; i < 60; i++) {
            step(&m, &random);
            check_model(&m);
            if (i % 10 == 9) {
                group_fixture_restart(&f);
                check_model(&m);
            }
        }
        group_fixture_close(&f);
    }
}

/* One request may name a partition as often as it likes. Two transactions that do would look through each other's
 * values for each of their own. */
static void a_partition_that_is_committed_very_often_takes_no_more_time(void)
{
    enum { COUNT = 50000, SECONDS = 2 };
    struct commit_partition *partitions = calloc(COUNT, sizeof *partitions);
    REQUIRE(partitions != NULL);
    group_fixture_open(&f);
    f.limits.memory_bytes = (size_t)256 << 20;
    for (int i = 0; i < 2; i++) {
        struct commit_transaction transaction = {.producer_id = 7 + i, .producer_epoch = 3};
        struct commit_call call = group_fixture_commit_call(&f, "g", partitions, COUNT);
        for (int j = 0; j < COUNT; j++)
            partitions[j] = group_fixture_partition("t", 0, i * COUNT + j);
        call.transaction = &transaction;
        group_coordinator_commit(f.coordinator, &call, f.now);
        group_fixture_answer(&f, KAFKA_NONE);
        CHECK_EQUAL(partitions[0].error, KAFKA_NONE);
    }
    clock_t began = clock();
    end(8, true);
    CHECK(clock() - began < SECONDS * CLOCKS_PER_SEC);
    CHECK_EQUAL(offset_of("g", "t", 0), 2 * COUNT - 1);
    CHECK(!is_unstable("g", "t", 0));
    end(7, true);
    CHECK_EQUAL(offset_of("g", "t", 0), 2 * COUNT - 1);
    group_fixture_close(&f);
    free(partitions);
}

/* Whatever it commits, and whoever's else is pending beside it. */
static void a_transaction_holds_the_last_value_of_each_partition(void)
{
    enum { PARTITIONS = 5, COUNT = 200 };
    group_fixture_open(&f);
    size_t held = 0;
    commit("g", 8, "t", 2, 1);
    for (int i = 0; i < COUNT; i++) {
        struct commit_partition partitions[2 * PARTITIONS];
        struct commit_transaction transaction = {.producer_id = 7, .producer_epoch = 3};
        struct commit_call call = group_fixture_commit_call(&f, "g", partitions, 2 * PARTITIONS);
        for (int j = 0; j < 2 * PARTITIONS; j++) /* each twice, from the last to the first */
            partitions[j] = group_fixture_partition("t", (2 * PARTITIONS - 1 - j) % PARTITIONS, i * 100 + j);
        call.transaction = &transaction;
        group_coordinator_commit(f.coordinator, &call, f.now);
        group_fixture_answer(&f, KAFKA_NONE);
        CHECK_EQUAL(partitions[0].error, KAFKA_NONE);
        held = i == 2 ? memory_total_bytes(&f.memory) : held;
    }
    CHECK(memory_total_bytes(&f.memory) <= held);
    for (int restarted = 0; restarted < 2; restarted++) {
        CHECK_EQUAL(offset_of("g", "t", 2), -1);
        CHECK(is_unstable("g", "t", 2));
        if (restarted == 0)
            group_fixture_restart(&f);
    }
    end(7, true);
    for (int j = 0; j < PARTITIONS; j++) {
        CHECK_EQUAL(offset_of("g", "t", PARTITIONS - 1 - j), (COUNT - 1) * 100 + PARTITIONS + j);
        CHECK(!is_unstable("g", "t", j));
    }
    end(8, true); /* it committed before */
    CHECK_EQUAL(offset_of("g", "t", 2), (COUNT - 1) * 100 + PARTITIONS + 2);
    group_fixture_close(&f);
}

static void any_allocation_may_fail(void)
{
    bool more = true;
    for (int64_t nth = 0; more; nth++) {
        struct one_commit one;
        struct noted_end noted;
        group_fixture_open(&f);
        memory_fail_at(&f.memory, nth);
        send(&one, "g", 7, "t", 0, 10);
        group_fixture_answer(&f, KAFKA_NONE);
        begin_end(&noted, 7, true);
        group_fixture_answer(&f, KAFKA_NONE);
        more = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        CHECK(f.answers == 1 && noted.calls == 1);
        if (noted.error != KAFKA_NONE)
            end(7, true);
        CHECK_EQUAL(offset_of("g", "t", 0), one.partition.error == KAFKA_NONE ? 10 : -1);
        group_fixture_close(&f);
    }
}

SUITE("group transaction", CHECK_TEST(what_a_transaction_commits_holds_at_its_end),
      CHECK_TEST(what_an_aborted_one_commits_never_was), CHECK_TEST(the_batch_is_the_producers),
      CHECK_TEST(a_commit_that_is_not_written_is_not_pending), CHECK_TEST(an_end_that_is_not_written_changes_nothing),
      CHECK_TEST(a_member_of_a_generation_that_is_not_there_is_refused),
      CHECK_TEST(a_log_that_cannot_be_read_ends_nothing),
      CHECK_TEST(a_group_with_pending_offsets_stays_until_these_are_decided),
      CHECK_TEST(deletion_of_the_group_takes_them), CHECK_TEST(deletion_of_the_offset_takes_it),
      CHECK_TEST(deletion_of_the_topic_takes_them), CHECK_TEST(what_stands_later_in_the_log_holds),
      CHECK_TEST(a_partition_that_is_committed_very_often_takes_no_more_time),
      CHECK_TEST(a_transaction_holds_the_last_value_of_each_partition), CHECK_TEST(any_allocation_may_fail))
