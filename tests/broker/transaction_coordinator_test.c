#include "transaction_fixture.h"

/* ---- beginning ---- */

static void a_new_transactional_id_begins_at_epoch_0_when_the_log_has_it(void)
{
    struct transaction_fixture f;
    struct transaction_init init;
    transaction_fixture_open(&f);
    transaction_fixture_start_init(&f, &init, "t", -1, -1);
    CHECK_EQUAL(f.answers, 0);
    transaction_fixture_write_all(&f, KAFKA_NONE);
    CHECK_EQUAL(init.call.error, KAFKA_NONE);
    CHECK_EQUAL(init.producer_id, 100);
    CHECK_EQUAL(init.producer_epoch, 0);
    CHECK_EQUAL(transaction_fixture_values_of(&f, "t")->state, TRANSACTION_EMPTY);
    transaction_fixture_close(&f);
}

static void the_next_producer_gets_the_next_epoch_and_fences_the_one_before(void)
{
    struct transaction_fixture f;
    transaction_fixture_open(&f);
    transaction_fixture_init_of(&f, "t", -1, -1);
    struct transaction_init second = transaction_fixture_init_of(&f, "t", -1, -1);
    CHECK_EQUAL(second.producer_id, 100);
    CHECK_EQUAL(second.producer_epoch, 1);
    CHECK_EQUAL(transaction_fixture_add_of(&f, "t", 100, 0), KAFKA_PRODUCER_FENCED);
    CHECK_EQUAL(transaction_fixture_end_of(&f, "t", 100, 0, true, TRANSACTION_CLASSIC).call.error,
                KAFKA_PRODUCER_FENCED);
    CHECK_EQUAL(transaction_fixture_end_of(&f, "t", 100, 0, true, TRANSACTION_EPOCHS).call.error,
                KAFKA_PRODUCER_FENCED);
    CHECK_EQUAL(transaction_fixture_verify(&f, "t", 100, 0), KAFKA_PRODUCER_FENCED);
    CHECK_EQUAL(transaction_fixture_init_of(&f, "t", 100, 0).call.error, KAFKA_PRODUCER_FENCED);
    transaction_fixture_close(&f);
}

static void what_cannot_be_is_refused(void)
{
    struct transaction_fixture f;
    struct transaction_init init;
    transaction_fixture_open(&f);
    CHECK_EQUAL(transaction_fixture_init_of(&f, "", -1, -1).call.error, KAFKA_INVALID_REQUEST);
    static const int32_t timeouts[] = {-1, 0, 900001};
    for (size_t i = 0; i < 3; i++) {
        init = (struct transaction_init){.call = TRANSACTION_FIXTURE_CALL(&f),
                                         .transactional_id = slice_of_text("t"),
                                         .timeout_ms = timeouts[i],
                                         .producer_id = -1,
                                         .producer_epoch = -1};
        transaction_coordinator_init(f.coordinator, &init, f.now);
        CHECK_EQUAL(init.call.error, KAFKA_INVALID_TRANSACTION_TIMEOUT);
    }
    CHECK_EQUAL(transaction_fixture_add_of(&f, "", 1, 0), KAFKA_INVALID_REQUEST);
    CHECK_EQUAL(transaction_fixture_add_of(&f, "t", 1, 0), KAFKA_INVALID_PRODUCER_ID_MAPPING);
    CHECK_EQUAL(transaction_fixture_end_of(&f, "", 1, 0, true, TRANSACTION_CLASSIC).call.error, KAFKA_INVALID_REQUEST);
    CHECK_EQUAL(transaction_fixture_end_of(&f, "t", 1, 0, true, TRANSACTION_CLASSIC).call.error,
                KAFKA_INVALID_PRODUCER_ID_MAPPING);
    CHECK_EQUAL(transaction_fixture_verify(&f, "", 1, 0), KAFKA_INVALID_REQUEST);
    CHECK_EQUAL(transaction_fixture_verify(&f, "t", 1, 0), KAFKA_INVALID_PRODUCER_ID_MAPPING);
    transaction_fixture_init_of(&f, "t", -1, -1);
    CHECK_EQUAL(transaction_fixture_add_of(&f, "t", 7, 0), KAFKA_INVALID_PRODUCER_ID_MAPPING);
    CHECK_EQUAL(transaction_fixture_end_of(&f, "t", 7, 0, true, TRANSACTION_EPOCHS).call.error,
                KAFKA_INVALID_PRODUCER_ID_MAPPING);
    CHECK_EQUAL(transaction_fixture_verify(&f, "t", 100, 0), KAFKA_TRANSACTION_ABORTABLE);
    CHECK_EQUAL(transaction_fixture_end_of(&f, "t", 100, 0, true, TRANSACTION_CLASSIC).call.error,
                KAFKA_INVALID_TXN_STATE);
    CHECK_EQUAL(transaction_fixture_end_of(&f, "t", 100, 0, false, TRANSACTION_CLASSIC).call.error,
                KAFKA_INVALID_TXN_STATE);
    CHECK_EQUAL(transaction_fixture_end_of(&f, "t", 100, 0, true, TRANSACTION_EPOCHS).call.error,
                KAFKA_INVALID_TXN_STATE);
    transaction_fixture_close(&f);
}

static void a_producer_that_names_what_it_holds_goes_on(void)
{
    struct transaction_fixture f;
    transaction_fixture_open(&f);
    transaction_fixture_init_of(&f, "t", -1, -1);
    struct transaction_init bumped = transaction_fixture_init_of(&f, "t", 100, 0);
    CHECK_EQUAL(bumped.producer_epoch, 1);
    /* The answer was lost: the same question has the same answer. */
    struct transaction_init retried = transaction_fixture_init_of(&f, "t", 100, 0);
    CHECK_EQUAL(retried.call.error, KAFKA_NONE);
    CHECK_EQUAL(retried.producer_epoch, 1);
    CHECK_EQUAL(transaction_fixture_init_of(&f, "t", 99, 1).call.error, KAFKA_PRODUCER_FENCED);
    /* Somebody else has begun: the one before is fenced. */
    transaction_fixture_init_of(&f, "t", -1, -1);
    CHECK_EQUAL(transaction_fixture_init_of(&f, "t", 100, 1).call.error, KAFKA_PRODUCER_FENCED);
    transaction_fixture_close(&f);
}

static void when_the_epochs_are_used_up_there_is_a_new_producer_id(void)
{
    struct transaction_fixture f;
    transaction_fixture_open(&f);
    f.next_id = 100;
    transaction_fixture_init_of(&f, "t", -1, -1);
    int16_t epoch = 0;
    while (epoch < INT16_MAX - 1) {
        struct transaction_init init;
        transaction_fixture_start_init(&f, &init, "t", 100, epoch);
        REQUIRE(f.append_count == 1);
        transaction_coordinator_appended(f.coordinator, f.appends[--f.append_count], KAFKA_NONE, f.now);
        REQUIRE(init.call.error == KAFKA_NONE && init.producer_epoch == epoch + 1);
        epoch = init.producer_epoch;
    }
    CHECK_EQUAL(transaction_fixture_init_of(&f, "t", 100, 5).call.error, KAFKA_UNKNOWN_SERVER_ERROR);
    f.no_id = KAFKA_COORDINATOR_LOAD_IN_PROGRESS;
    CHECK_EQUAL(transaction_fixture_init_of(&f, "t", 100, epoch).call.error, KAFKA_COORDINATOR_LOAD_IN_PROGRESS);
    f.no_id = KAFKA_NONE;
    struct transaction_init rotated = transaction_fixture_init_of(&f, "t", 100, epoch);
    CHECK_EQUAL(rotated.producer_id, 101);
    CHECK_EQUAL(rotated.producer_epoch, 0);
    struct transaction_init retried = transaction_fixture_init_of(&f, "t", 100, epoch);
    CHECK_EQUAL(retried.producer_id, 101);
    CHECK_EQUAL(retried.producer_epoch, 0);
    transaction_fixture_close(&f);
}

/* ---- a transaction ---- */

static void a_decision_is_told_when_it_is_durable_and_complete_when_the_markers_are(void)
{
    struct transaction_fixture f;
    struct transaction_end end;
    transaction_fixture_open(&f);
    transaction_fixture_init_of(&f, "t", -1, -1);
    CHECK_EQUAL(transaction_fixture_add_of(&f, "t", 100, 0), KAFKA_NONE);
    CHECK_EQUAL(transaction_fixture_verify(&f, "t", 100, 0), KAFKA_NONE);
    int before = f.answers;
    transaction_fixture_start_end(&f, &end, "t", 100, 0, true, TRANSACTION_CLASSIC);
    CHECK_EQUAL(f.answers, before);
    CHECK_EQUAL(f.ending_count, 0);
    CHECK_EQUAL(transaction_fixture_values_of(&f, "t")->state, TRANSACTION_ONGOING);
    CHECK(f.append_count == 1 && f.appends[0]->is_awaited);
    transaction_fixture_write_all(&f, KAFKA_NONE);
    CHECK_EQUAL(f.answers, before + 1);
    CHECK_EQUAL(end.call.error, KAFKA_NONE);
    CHECK_EQUAL(transaction_fixture_values_of(&f, "t")->state, TRANSACTION_PREPARE_COMMIT);
    REQUIRE(f.ending_count == 1);
    CHECK(f.endings[0]->commits && f.endings[0]->producer_id == 100 && f.endings[0]->producer_epoch == 0);
    CHECK_EQUAL(f.endings[0]->partitions->count, 2);
    CHECK_EQUAL(f.append_count, 0);
    CHECK_EQUAL(transaction_fixture_verify(&f, "t", 100, 0), KAFKA_CONCURRENT_TRANSACTIONS);
    CHECK_EQUAL(transaction_fixture_end_of(&f, "t", 100, 0, true, TRANSACTION_CLASSIC).call.error,
                KAFKA_CONCURRENT_TRANSACTIONS);
    CHECK_EQUAL(transaction_fixture_values_of(&f, "t")->state, TRANSACTION_COMPLETE_COMMIT);
    CHECK_EQUAL(transaction_fixture_end_of(&f, "t", 100, 0, true, TRANSACTION_CLASSIC).call.error, KAFKA_NONE);
    CHECK_EQUAL(transaction_fixture_end_of(&f, "t", 100, 0, false, TRANSACTION_CLASSIC).call.error,
                KAFKA_INVALID_TXN_STATE);
    CHECK_EQUAL(transaction_fixture_verify(&f, "t", 100, 0), KAFKA_TRANSACTION_ABORTABLE);
    transaction_fixture_close(&f);
}

static void with_epochs_each_end_gives_the_next_one(void)
{
    struct transaction_fixture f;
    transaction_fixture_open(&f);
    transaction_fixture_init_of(&f, "t", -1, -1);
    for (int16_t epoch = 0; epoch < 3; epoch++) {
        bool commits = epoch % 2 == 0;
        CHECK_EQUAL(transaction_fixture_add_of(&f, "t", 100, epoch), KAFKA_NONE);
        struct transaction_end end = transaction_fixture_end_of(&f, "t", 100, epoch, commits, TRANSACTION_EPOCHS);
        CHECK_EQUAL(end.call.error, KAFKA_NONE);
        CHECK_EQUAL(end.producer_id, 100);
        CHECK_EQUAL(end.producer_epoch, epoch + 1);
        struct transaction_end retried = transaction_fixture_end_of(&f, "t", 100, epoch, commits, TRANSACTION_EPOCHS);
        CHECK_EQUAL(retried.call.error, KAFKA_NONE);
        CHECK_EQUAL(retried.producer_epoch, epoch + 1);
        CHECK_EQUAL(transaction_fixture_end_of(&f, "t", 100, epoch, !commits, TRANSACTION_EPOCHS).call.error,
                    KAFKA_INVALID_TXN_STATE);
        CHECK_EQUAL(transaction_fixture_end_of(&f, "t", 100, (int16_t)(epoch + 1), true, TRANSACTION_EPOCHS).call.error,
                    KAFKA_INVALID_TXN_STATE);
    }
    CHECK_EQUAL(transaction_fixture_add_of(&f, "t", 100, 2), KAFKA_PRODUCER_FENCED);
    /* An abort without any partition bumps, too. */
    CHECK_EQUAL(transaction_fixture_end_of(&f, "t", 100, 3, false, TRANSACTION_EPOCHS).producer_epoch, 4);
    transaction_fixture_close(&f);
}

static void the_markers_of_the_last_epoch_carry_the_old_producer_id(void)
{
    struct transaction_fixture f;
    struct transaction_end end;
    transaction_fixture_open(&f);
    transaction_fixture_init_of(&f, "t", -1, -1);
    for (int16_t epoch = 0; epoch < INT16_MAX - 1; epoch++) {
        transaction_fixture_start_end(&f, &end, "t", 100, epoch, false, TRANSACTION_EPOCHS);
        while (f.append_count > 0)
            transaction_coordinator_appended(f.coordinator, f.appends[--f.append_count], KAFKA_NONE, f.now);
        REQUIRE(end.call.error == KAFKA_NONE && end.producer_epoch == epoch + 1);
    }
    CHECK_EQUAL(transaction_fixture_add_of(&f, "t", 100, INT16_MAX - 1), KAFKA_NONE);
    transaction_fixture_start_end(&f, &end, "t", 100, INT16_MAX - 1, true, TRANSACTION_EPOCHS);
    transaction_fixture_write_all(&f, KAFKA_NONE);
    CHECK_EQUAL(end.call.error, KAFKA_NONE);
    CHECK_EQUAL(end.producer_id, 101);
    CHECK_EQUAL(end.producer_epoch, 0);
    REQUIRE(f.ending_count == 1);
    CHECK_EQUAL(f.endings[0]->producer_id, 100);
    CHECK_EQUAL(f.endings[0]->producer_epoch, INT16_MAX);
    /* It says so after a restart in between, too. */
    transaction_fixture_restart(&f);
    REQUIRE(f.ending_count == 1);
    CHECK_EQUAL(f.endings[0]->producer_id, 100);
    CHECK_EQUAL(f.endings[0]->producer_epoch, INT16_MAX);
    transaction_fixture_settle(&f);
    struct transaction_end retried = transaction_fixture_end_of(&f, "t", 100, INT16_MAX - 1, true, TRANSACTION_EPOCHS);
    CHECK_EQUAL(retried.call.error, KAFKA_NONE);
    CHECK_EQUAL(retried.producer_id, 101);
    CHECK_EQUAL(transaction_fixture_add_of(&f, "t", 101, 0), KAFKA_NONE);
    transaction_fixture_close(&f);
}

static void a_new_producer_aborts_what_the_old_one_left_open(void)
{
    struct transaction_fixture f;
    struct transaction_init init;
    transaction_fixture_open(&f);
    transaction_fixture_init_of(&f, "t", -1, -1);
    transaction_fixture_add_of(&f, "t", 100, 0);
    transaction_fixture_start_init(&f, &init, "t", -1, -1);
    transaction_fixture_write_all(&f, KAFKA_NONE);
    CHECK_EQUAL(init.call.error, KAFKA_CONCURRENT_TRANSACTIONS);
    REQUIRE(f.ending_count == 1);
    CHECK(!f.endings[0]->commits && f.endings[0]->producer_epoch == 1);
    transaction_fixture_start_init(&f, &init, "t", -1, -1);
    CHECK_EQUAL(init.call.error, KAFKA_CONCURRENT_TRANSACTIONS);
    transaction_fixture_settle(&f);
    CHECK_EQUAL(transaction_fixture_end_of(&f, "t", 100, 0, true, TRANSACTION_CLASSIC).call.error,
                KAFKA_PRODUCER_FENCED);
    CHECK_EQUAL(transaction_fixture_init_of(&f, "t", -1, -1).producer_epoch, 2);
    transaction_fixture_close(&f);
}

static void a_transaction_that_outlives_its_timeout_is_aborted_and_its_producer_fenced(void)
{
    struct transaction_fixture f;
    transaction_fixture_open(&f);
    transaction_fixture_init_of(&f, "t", -1, -1);
    CHECK_EQUAL(transaction_coordinator_wake_at(f.coordinator), TRANSACTION_NEVER);
    transaction_fixture_add_of(&f, "t", 100, 0);
    CHECK_EQUAL(transaction_coordinator_wake_at(f.coordinator), f.now.steady + 60000);
    transaction_fixture_pass(&f, 59999);
    transaction_coordinator_expire(f.coordinator, f.now);
    CHECK_EQUAL(f.append_count, 0);
    transaction_fixture_pass(&f, 1);
    transaction_coordinator_expire(f.coordinator, f.now);
    CHECK_EQUAL(f.append_count, 1);
    /* It could not be written: it is tried again when the next look is due. */
    transaction_fixture_write_all(&f, KAFKA_COORDINATOR_NOT_AVAILABLE);
    CHECK_EQUAL(transaction_coordinator_wake_at(f.coordinator), f.now.steady + 10000);
    transaction_fixture_pass(&f, 9999);
    transaction_coordinator_expire(f.coordinator, f.now);
    CHECK_EQUAL(f.append_count, 0);
    transaction_fixture_pass(&f, 1);
    transaction_coordinator_expire(f.coordinator, f.now);
    transaction_fixture_settle(&f);
    CHECK_EQUAL(transaction_fixture_values_of(&f, "t")->state, TRANSACTION_COMPLETE_ABORT);
    CHECK_EQUAL(transaction_fixture_add_of(&f, "t", 100, 0), KAFKA_PRODUCER_FENCED);
    CHECK_EQUAL(transaction_fixture_end_of(&f, "t", 100, 0, true, TRANSACTION_CLASSIC).call.error,
                KAFKA_PRODUCER_FENCED);
    transaction_fixture_close(&f);
}

/* ---- those who wait ---- */

static void who_waits_is_added_when_the_last_transaction_has_ended(void)
{
    struct transaction_fixture f;
    struct transaction_end end;
    struct transaction_add first, second, refused;
    transaction_fixture_open(&f);
    transaction_fixture_init_of(&f, "t", -1, -1);
    transaction_fixture_add_of(&f, "t", 100, 0);
    transaction_fixture_start_end(&f, &end, "t", 100, 0, true, TRANSACTION_EPOCHS);
    transaction_fixture_write_all(&f, KAFKA_NONE);
    transaction_fixture_start_add(&f, &refused, "t", 100, 1);
    CHECK_EQUAL(refused.call.error, KAFKA_CONCURRENT_TRANSACTIONS);
    struct transaction_add asked = {.call = TRANSACTION_FIXTURE_CALL(&f),
                                    .transactional_id = slice_of_text("t"),
                                    .producer_id = 100,
                                    .producer_epoch = 1,
                                    .protocol = TRANSACTION_EPOCHS,
                                    .waits = true,
                                    .partitions = transaction_fixture_partitions,
                                    .count = 1};
    first = second = asked;
    second.partitions = transaction_fixture_partitions + 1;
    f.answers = 0;
    transaction_coordinator_add(f.coordinator, &first, f.now);
    transaction_coordinator_add(f.coordinator, &second, f.now);
    CHECK_EQUAL(f.answers, 0);
    transaction_fixture_end_all(&f);
    /* The record of completion, and one for both. */
    CHECK_EQUAL(f.append_count, 2);
    transaction_fixture_write_all(&f, KAFKA_NONE);
    CHECK_EQUAL(f.answers, 2);
    CHECK_EQUAL(first.call.error, KAFKA_NONE);
    CHECK_EQUAL(second.call.error, KAFKA_NONE);
    CHECK_EQUAL(transaction_fixture_verify(&f, "t", 100, 1), KAFKA_NONE);
    transaction_fixture_close(&f);
}

static void who_waits_is_done_in_the_order_of_the_calls(void)
{
    struct transaction_fixture f;
    struct transaction_add first;
    transaction_fixture_open(&f);
    transaction_fixture_init_of(&f, "t", -1, -1);
    struct transaction_add asked = {.call = TRANSACTION_FIXTURE_CALL(&f),
                                    .transactional_id = slice_of_text("t"),
                                    .producer_id = 100,
                                    .producer_epoch = 0,
                                    .waits = true,
                                    .partitions = transaction_fixture_partitions,
                                    .count = 1};
    first = asked;
    transaction_coordinator_add(f.coordinator, &first, f.now);
    /* Of these two the second needs nothing more once the first add is written. */
    struct transaction_add needs = asked, has = asked;
    needs.count = 2;
    transaction_coordinator_add(f.coordinator, &needs, f.now);
    transaction_coordinator_add(f.coordinator, &has, f.now);
    transaction_fixture_write_all(&f, KAFKA_NONE);
    CHECK_EQUAL(first.call.error, KAFKA_NONE);
    CHECK_EQUAL(has.call.error, KAFKA_UNKNOWN_SERVER_ERROR);
    transaction_fixture_settle(&f);
    CHECK_EQUAL(needs.call.error, KAFKA_NONE);
    CHECK_EQUAL(has.call.error, KAFKA_NONE);
    transaction_fixture_close(&f);
}

static void who_waits_for_too_long_is_told_to_come_again(void)
{
    struct transaction_fixture f;
    struct transaction_end end;
    transaction_fixture_open(&f);
    transaction_fixture_init_of(&f, "t", -1, -1);
    transaction_fixture_add_of(&f, "t", 100, 0);
    transaction_fixture_start_end(&f, &end, "t", 100, 0, true, TRANSACTION_EPOCHS);
    transaction_fixture_write_all(&f, KAFKA_NONE);
    struct transaction_add add = {.call = TRANSACTION_FIXTURE_CALL(&f),
                                  .transactional_id = slice_of_text("t"),
                                  .producer_id = 100,
                                  .producer_epoch = 1,
                                  .waits = true,
                                  .partitions = transaction_fixture_partitions,
                                  .count = 2};
    f.answers = 0;
    transaction_coordinator_add(f.coordinator, &add, f.now);
    int64_t at = transaction_coordinator_wake_at(f.coordinator);
    CHECK(at > f.now.steady && at <= f.now.steady + 10000);
    transaction_fixture_pass(&f, at - f.now.steady);
    transaction_coordinator_expire(f.coordinator, f.now);
    CHECK_EQUAL(f.answers, 1);
    CHECK_EQUAL(add.call.error, KAFKA_CONCURRENT_TRANSACTIONS);
    transaction_fixture_settle(&f);
    transaction_fixture_close(&f);
}

SUITE("transaction coordinator", CHECK_TEST(a_new_transactional_id_begins_at_epoch_0_when_the_log_has_it),
      CHECK_TEST(the_next_producer_gets_the_next_epoch_and_fences_the_one_before),
      CHECK_TEST(what_cannot_be_is_refused), CHECK_TEST(a_producer_that_names_what_it_holds_goes_on),
      CHECK_TEST(when_the_epochs_are_used_up_there_is_a_new_producer_id),
      CHECK_TEST(a_decision_is_told_when_it_is_durable_and_complete_when_the_markers_are),
      CHECK_TEST(with_epochs_each_end_gives_the_next_one),
      CHECK_TEST(the_markers_of_the_last_epoch_carry_the_old_producer_id),
      CHECK_TEST(a_new_producer_aborts_what_the_old_one_left_open),
      CHECK_TEST(a_transaction_that_outlives_its_timeout_is_aborted_and_its_producer_fenced),
      CHECK_TEST(who_waits_is_added_when_the_last_transaction_has_ended),
      CHECK_TEST(who_waits_is_done_in_the_order_of_the_calls), CHECK_TEST(who_waits_for_too_long_is_told_to_come_again))
