#include "transaction_fixture.h"

#include "batch_iterator.h"

#include <stdlib.h>

/* ---- the log ---- */

static void a_restart_knows_what_was_written(void)
{
    struct transaction_fixture f;
    transaction_fixture_open(&f);
    transaction_fixture_init_of(&f, "open", -1, -1);
    transaction_fixture_init_of(&f, "ended", -1, -1);
    transaction_fixture_add_of(&f, "open", 100, 0);
    transaction_fixture_add_of(&f, "ended", 101, 0);
    transaction_fixture_end_of(&f, "ended", 101, 0, true, TRANSACTION_EPOCHS);
    transaction_fixture_pass(&f, 20000);
    f.now.steady = 500;
    transaction_fixture_restart(&f);
    CHECK_EQUAL(transaction_coordinator_count(f.coordinator), 2);
    CHECK_EQUAL(transaction_fixture_verify(&f, "open", 100, 0), KAFKA_NONE);
    CHECK_EQUAL(transaction_fixture_values_of(&f, "open")->timeout_ms, 60000);
    CHECK_EQUAL(transaction_fixture_values_of(&f, "open")->started_at, TRANSACTION_FIXTURE_WALL);
    CHECK_EQUAL(transaction_fixture_values_of(&f, "ended")->state, TRANSACTION_COMPLETE_COMMIT);
    CHECK_EQUAL(transaction_fixture_values_of(&f, "ended")->producer_epoch, 1);
    CHECK_EQUAL(transaction_coordinator_wake_at(f.coordinator), 500 + 40000);
    transaction_fixture_close(&f);
}

/* It names what it held when it asked for the end; the answer was lost. */
static void who_committed_before_a_restart_goes_on_and_who_was_aborted_is_fenced(void)
{
    for (int i = 0; i < 4; i++) {
        bool commits = i % 2 == 0, is_complete = i / 2 == 0;
        struct transaction_fixture f;
        struct transaction_end end;
        transaction_fixture_open(&f);
        transaction_fixture_init_of(&f, "t", -1, -1);
        transaction_fixture_add_of(&f, "t", 100, 0);
        transaction_fixture_start_end(&f, &end, "t", 100, 0, commits, TRANSACTION_EPOCHS);
        transaction_fixture_write_all(&f, KAFKA_NONE);
        if (is_complete)
            transaction_fixture_settle(&f);
        transaction_fixture_restart(&f);
        transaction_fixture_settle(&f);
        struct transaction_init again = transaction_fixture_init_of(&f, "t", 100, 0);
        CHECK_EQUAL(again.call.error, commits ? KAFKA_NONE : KAFKA_PRODUCER_FENCED);
        CHECK(!commits || (again.producer_id == 100 && again.producer_epoch == 1));
        /* Somebody else has begun. */
        transaction_fixture_init_of(&f, "t", -1, -1);
        transaction_fixture_restart(&f);
        CHECK_EQUAL(transaction_fixture_init_of(&f, "t", 100, 0).call.error, KAFKA_PRODUCER_FENCED);
        transaction_fixture_close(&f);
    }
}

/* However far the writing has come: what was told is so, and what was decided is ended that way. */
static void after_a_crash_at_any_step_a_transaction_ends_as_it_was_decided(void)
{
    static const enum transaction_protocol protocols[] = {TRANSACTION_CLASSIC, TRANSACTION_EPOCHS};
    for (int i = 0; i < 8; i++) {
        bool commits = i % 2 == 0;
        enum transaction_protocol protocol = protocols[i / 2 % 2];
        bool is_written = i / 4 % 2 == 0;
        struct transaction_fixture f;
        struct transaction_end end;
        transaction_fixture_open(&f);
        transaction_fixture_init_of(&f, "t", -1, -1);
        transaction_fixture_add_of(&f, "t", 100, 0);
        transaction_fixture_start_end(&f, &end, "t", 100, 0, commits, protocol);
        if (is_written)
            transaction_fixture_write_all(&f, KAFKA_NONE);
        transaction_fixture_restart(&f);
        if (!is_written) {
            CHECK_EQUAL(transaction_fixture_values_of(&f, "t")->state, TRANSACTION_ONGOING);
            CHECK_EQUAL(f.ending_count, 0);
        }
        /* Between the markers and the record of completion: once more. */
        for (int again = 0; is_written && again < 2; again++) {
            REQUIRE(f.ending_count == 1);
            CHECK_EQUAL(f.endings[0]->commits, commits);
            CHECK_EQUAL(f.endings[0]->producer_epoch, protocol == TRANSACTION_EPOCHS);
            CHECK_EQUAL(f.endings[0]->partitions->count, 2);
            transaction_coordinator_ended(f.coordinator, f.endings[--f.ending_count], f.now);
            transaction_fixture_restart(&f);
        }
        transaction_fixture_settle(&f);
        if (is_written)
            CHECK_EQUAL(transaction_fixture_values_of(&f, "t")->state,
                        commits ? TRANSACTION_COMPLETE_COMMIT : TRANSACTION_COMPLETE_ABORT);
        transaction_fixture_close(&f);
    }
}

static void what_cannot_be_written_has_not_happened(void)
{
    struct transaction_fixture f;
    struct transaction_init init;
    struct transaction_add add;
    struct transaction_end end;
    transaction_fixture_open(&f);
    transaction_fixture_start_init(&f, &init, "t", -1, -1);
    transaction_fixture_write_all(&f, KAFKA_KAFKA_STORAGE_ERROR);
    CHECK_EQUAL(init.call.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    CHECK_EQUAL(transaction_coordinator_count(f.coordinator), 0);
    transaction_fixture_init_of(&f, "t", -1, -1);
    transaction_fixture_start_add(&f, &add, "t", 101, 0);
    transaction_fixture_write_all(&f, KAFKA_KAFKA_STORAGE_ERROR);
    CHECK_EQUAL(add.call.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    CHECK_EQUAL(transaction_fixture_verify(&f, "t", 101, 0), KAFKA_TRANSACTION_ABORTABLE);
    transaction_fixture_add_of(&f, "t", 101, 0);
    transaction_fixture_start_end(&f, &end, "t", 101, 0, true, TRANSACTION_EPOCHS);
    transaction_fixture_write_all(&f, KAFKA_KAFKA_STORAGE_ERROR);
    CHECK_EQUAL(end.call.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    CHECK_EQUAL(f.ending_count, 0);
    CHECK_EQUAL(transaction_fixture_values_of(&f, "t")->state, TRANSACTION_ONGOING);
    CHECK_EQUAL(transaction_fixture_end_of(&f, "t", 101, 0, true, TRANSACTION_EPOCHS).call.error, KAFKA_NONE);
    transaction_fixture_close(&f);
}

static void an_id_that_nobody_uses_is_forgotten(void)
{
    struct transaction_fixture f;
    transaction_fixture_open(&f);
    transaction_fixture_init_of(&f, "idle", -1, -1);
    transaction_fixture_init_of(&f, "open", -1, -1);
    transaction_fixture_add_of(&f, "open", 101, 0);
    transaction_fixture_pass(&f, 604799999);
    transaction_coordinator_clean(f.coordinator, f.now);
    CHECK_EQUAL(f.append_count, 0);
    transaction_fixture_pass(&f, 1);
    transaction_coordinator_clean(f.coordinator, f.now);
    CHECK_EQUAL(f.append_count, 1);
    transaction_fixture_write_all(&f, KAFKA_KAFKA_STORAGE_ERROR);
    CHECK_EQUAL(transaction_coordinator_count(f.coordinator), 2);
    transaction_coordinator_clean(f.coordinator, f.now);
    transaction_fixture_settle(&f);
    CHECK_EQUAL(transaction_coordinator_count(f.coordinator), 1);
    transaction_fixture_restart(&f);
    CHECK_EQUAL(transaction_coordinator_count(f.coordinator), 1);
    CHECK(transaction_coordinator_find(f.coordinator, slice_of_text("idle")) == NULL);
    transaction_fixture_settle(&f);
    transaction_fixture_close(&f);
}

static void a_log_that_cannot_be_read_serves_nobody_until_it_is_gone(void)
{
    struct transaction_fixture f;
    transaction_fixture_open(&f);
    transaction_coordinator_give_up(f.coordinator);
    CHECK(!transaction_coordinator_available(f.coordinator));
    CHECK_EQUAL(transaction_fixture_init_of(&f, "t", -1, -1).call.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    CHECK_EQUAL(transaction_fixture_add_of(&f, "t", 1, 0), KAFKA_COORDINATOR_NOT_AVAILABLE);
    CHECK_EQUAL(transaction_fixture_end_of(&f, "t", 1, 0, true, TRANSACTION_CLASSIC).call.error,
                KAFKA_COORDINATOR_NOT_AVAILABLE);
    CHECK_EQUAL(transaction_fixture_verify(&f, "t", 1, 0), KAFKA_COORDINATOR_NOT_AVAILABLE);
    transaction_coordinator_begin_anew(f.coordinator);
    CHECK_EQUAL(transaction_fixture_init_of(&f, "t", -1, -1).call.error, KAFKA_NONE);
    transaction_fixture_close(&f);
}

static void beginning_anew_forgets_what_is_under_way(void)
{
    struct transaction_fixture f;
    struct transaction_end end;
    struct transaction_init init;
    transaction_fixture_open(&f);
    transaction_fixture_init_of(&f, "ending", -1, -1);
    transaction_fixture_add_of(&f, "ending", 100, 0);
    transaction_fixture_start_end(&f, &end, "ending", 100, 0, true, TRANSACTION_CLASSIC);
    transaction_fixture_write_all(&f, KAFKA_NONE);
    transaction_fixture_start_init(&f, &init, "new", -1, -1);
    transaction_coordinator_begin_anew(f.coordinator);
    CHECK_EQUAL(transaction_coordinator_count(f.coordinator), 0);
    transaction_fixture_settle(&f);
    CHECK_EQUAL(init.call.error, KAFKA_NOT_COORDINATOR);
    CHECK_EQUAL(transaction_coordinator_count(f.coordinator), 0);
    transaction_fixture_close(&f);
}

static void bounds_hold(void)
{
    struct transaction_fixture f;
    transaction_fixture_open(&f);
    static const char *const ids[] = {"a", "b", "c", "d"};
    for (size_t i = 0; i < 4; i++)
        CHECK_EQUAL(transaction_fixture_init_of(&f, ids[i], -1, -1).call.error, KAFKA_NONE);
    CHECK_EQUAL(transaction_fixture_init_of(&f, "e", -1, -1).call.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    CHECK_EQUAL(transaction_fixture_init_of(&f, "a", -1, -1).call.error, KAFKA_NONE);
    f.limits.memory_bytes = 1;
    CHECK_EQUAL(transaction_fixture_add_of(&f, "b", 101, 0), KAFKA_COORDINATOR_NOT_AVAILABLE);
    transaction_fixture_close(&f);
}

static void a_transaction_of_too_many_partitions_is_refused_before_it_cannot_be_ended(void)
{
    struct transaction_fixture f;
    enum { SEGMENT_BYTES = 1 << 20, COUNT = SEGMENT_BYTES / 4 };
    struct transaction_partition *many = calloc(COUNT, sizeof *many);
    REQUIRE(many != NULL);
    for (int32_t i = 0; i < COUNT; i++)
        many[i] = (struct transaction_partition){.topic = slice_of_text("orders"), .partition = i};
    transaction_fixture_open(&f);
    f.limits.memory_bytes = (size_t)1 << 30;
    transaction_fixture_init_of(&f, "t", -1, -1);
    struct transaction_add add = {.call = TRANSACTION_FIXTURE_CALL(&f),
                                  .transactional_id = slice_of_text("t"),
                                  .producer_id = 100,
                                  .partitions = many,
                                  .count = COUNT};
    transaction_coordinator_add(f.coordinator, &add, f.now);
    CHECK_EQUAL(add.call.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    add.count = (896 << 10) / 4 - 100;
    transaction_coordinator_add(f.coordinator, &add, f.now);
    transaction_fixture_settle(&f);
    CHECK_EQUAL(add.call.error, KAFKA_NONE);
    CHECK_EQUAL(transaction_fixture_end_of(&f, "t", 100, 0, true, TRANSACTION_EPOCHS).call.error, KAFKA_NONE);
    for (int i = 0; i < f.log_count; i++)
        CHECK(f.log_sizes[i] <= (size_t)SEGMENT_BYTES);
    transaction_fixture_close(&f);
    free(many);
}

static void nobody_waits_while_the_server_stops(void)
{
    struct transaction_fixture f;
    struct transaction_init init;
    transaction_fixture_open(&f);
    transaction_fixture_init_of(&f, "t", -1, -1);
    struct transaction_add first = {.call = TRANSACTION_FIXTURE_CALL(&f),
                                    .transactional_id = slice_of_text("t"),
                                    .producer_id = 100,
                                    .producer_epoch = 1,
                                    .waits = true,
                                    .partitions = transaction_fixture_partitions,
                                    .count = 2};
    struct transaction_add second = first;
    transaction_fixture_start_init(&f, &init, "t", -1, -1);
    transaction_coordinator_add(f.coordinator, &first, f.now);
    transaction_coordinator_end_waits(f.coordinator);
    CHECK_EQUAL(first.call.error, KAFKA_NOT_COORDINATOR);
    transaction_coordinator_add(f.coordinator, &second, f.now);
    CHECK_EQUAL(second.call.error, KAFKA_CONCURRENT_TRANSACTIONS);
    transaction_fixture_settle(&f);
    transaction_fixture_close(&f);
}

static void records_that_are_not_understood_are_passed_over(void)
{
    struct transaction_fixture f;
    transaction_fixture_open(&f);
    static const uint8_t garbage[] = {0, 0, 0};
    static const uint8_t other[] = {0, 9, 1, 2};
    static const uint8_t key[] = {0, 0, 0, 1, 't'};
    static const uint8_t value[] = {0, 1, 0};
    slice nothing = {NULL, 0};
    CHECK_EQUAL(transaction_coordinator_load(f.coordinator, slice_of(garbage, 1), nothing, &f.arena), FURROW_MALFORMED);
    CHECK_EQUAL(transaction_coordinator_load(f.coordinator, slice_of(garbage, 3), nothing, &f.arena), FURROW_MALFORMED);
    CHECK_EQUAL(transaction_coordinator_load(f.coordinator, slice_of(other, 4), nothing, &f.arena), 0);
    CHECK_EQUAL(transaction_coordinator_load(f.coordinator, slice_of(key, 5), slice_of(value, 3), &f.arena),
                FURROW_MALFORMED);
    CHECK_EQUAL(transaction_coordinator_load(f.coordinator, slice_of(key, 5), nothing, &f.arena), 0);
    CHECK_EQUAL(transaction_coordinator_count(f.coordinator), 0);
    transaction_fixture_close(&f);
}

/* ---- memory ---- */

/* A life of one transactional id; whatever fails, a later try succeeds, and the end is that of the decision. */
static void live(struct transaction_fixture *f)
{
    struct transaction_init init;
    do {
        init = transaction_fixture_init_of(f, "t", -1, -1);
    } while (init.call.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    REQUIRE(init.call.error == KAFKA_NONE);
    int64_t id = init.producer_id;
    enum kafka_error error;
    do {
        error = transaction_fixture_add_of(f, "t", id, 0);
    } while (error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    REQUIRE(error == KAFKA_NONE);
    struct transaction_end end;
    do {
        end = transaction_fixture_end_of(f, "t", id, 0, true, TRANSACTION_EPOCHS);
    } while (end.call.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    REQUIRE(end.call.error == KAFKA_NONE);
    CHECK_EQUAL(transaction_fixture_values_of(f, "t")->state, TRANSACTION_COMPLETE_COMMIT);
}

static void every_allocation_may_fail_once(void)
{
    bool is_over = false;
    for (int nth = 0; !is_over; nth++) {
        struct transaction_fixture f;
        transaction_fixture_init(&f);
        memory_fail_at(&f.memory, nth);
        if (transaction_fixture_try_open(&f) != 0)
            REQUIRE(transaction_fixture_try_open(&f) == 0);
        live(&f);
        is_over = memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        transaction_fixture_close(&f);
    }
}

static void loading_survives_any_failing_allocation(void)
{
    struct transaction_fixture f;
    transaction_fixture_open(&f);
    transaction_fixture_init_of(&f, "t", -1, -1);
    transaction_fixture_add_of(&f, "t", 100, 0);
    bool is_over = false;
    for (int nth = 0; !is_over; nth++) {
        transaction_coordinator_close(f.coordinator);
        REQUIRE(transaction_fixture_try_open(&f) == 0);
        struct batch_iterator it;
        struct record record;
        REQUIRE(batch_iterator_open(&it, slice_of(f.log[1], f.log_sizes[1]), &f.memory, 1 << 20, NULL) == 0);
        REQUIRE(batch_iterator_next(&it, &record, NULL) == 1);
        memory_fail_at(&f.memory, nth);
        int rc = transaction_coordinator_load(f.coordinator, record.key, record.value, &f.arena);
        is_over = memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        CHECK_EQUAL(rc != 0, !is_over);
        batch_iterator_close(&it);
    }
    transaction_fixture_close(&f);
}

SUITE("transaction log", CHECK_TEST(a_restart_knows_what_was_written),
      CHECK_TEST(who_committed_before_a_restart_goes_on_and_who_was_aborted_is_fenced),
      CHECK_TEST(after_a_crash_at_any_step_a_transaction_ends_as_it_was_decided),
      CHECK_TEST(what_cannot_be_written_has_not_happened), CHECK_TEST(an_id_that_nobody_uses_is_forgotten),
      CHECK_TEST(a_log_that_cannot_be_read_serves_nobody_until_it_is_gone),
      CHECK_TEST(beginning_anew_forgets_what_is_under_way), CHECK_TEST(bounds_hold),
      CHECK_TEST(a_transaction_of_too_many_partitions_is_refused_before_it_cannot_be_ended),
      CHECK_TEST(nobody_waits_while_the_server_stops), CHECK_TEST(records_that_are_not_understood_are_passed_over),
      CHECK_TEST(every_allocation_may_fail_once), CHECK_TEST(loading_survives_any_failing_allocation))
