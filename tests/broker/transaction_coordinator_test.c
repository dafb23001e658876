#include "batch_iterator.h"
#include "check.h"
#include "container.h"
#include "transaction/transaction_coordinator.h"

#include <stdlib.h>

#define WAITING_MAX 16
#define LOG_MAX     512
#define WALL        1700000000000

/* The log of transactions as a list of batches, and the endings, each waiting until the test lets it happen. */
struct fixture {
    struct memory memory;
    struct transaction_limits limits;
    struct transaction_coordinator *coordinator;
    struct transaction_time now;
    struct coordinator_batch *appends[WAITING_MAX];
    int append_count;
    struct transaction_ending *endings[WAITING_MAX];
    int ending_count;
    int64_t next_id;
    enum kafka_error no_id;   /* why none is given out */
    struct memory log_memory; /* what the log holds is nobody's memory here */
    uint8_t *log[LOG_MAX];
    size_t log_sizes[LOG_MAX];
    int log_count;
    struct arena arena;
    int answers;
};

static void take_append(void *context, struct coordinator_batch *append)
{
    struct fixture *f = context;
    REQUIRE(f->append_count < WAITING_MAX);
    f->appends[f->append_count++] = append;
}

static void take_ending(void *context, struct transaction_ending *ending)
{
    struct fixture *f = context;
    REQUIRE(f->ending_count < WAITING_MAX);
    f->endings[f->ending_count++] = ending;
}

static void take_id(void *context, struct transaction_call *call)
{
    struct fixture *f = context;
    int64_t id = f->no_id == KAFKA_NONE ? f->next_id++ : -1;
    transaction_coordinator_took(f->coordinator, call, f->no_id, id, f->now);
}

static int64_t age(void *context, int64_t since)
{
    const struct fixture *f = context;
    return f->now.wall - since;
}

static int try_open(struct fixture *f)
{
    struct transaction_store store = {
        .append = take_append, .end = take_ending, .take_producer_id = take_id, .age = age, .context = f};
    return transaction_coordinator_open(&f->memory, &f->limits, &store, &f->coordinator);
}

static void init_fixture(struct fixture *f)
{
    *f = (struct fixture){.limits = {.max_transactions = 4,
                                     .memory_bytes = 1 << 20,
                                     .max_timeout_ms = 900000,
                                     .abort_interval_ms = 10000,
                                     .expiration_ms = 604800000},
                          .now = {.steady = 1000, .wall = WALL},
                          .next_id = 100};
    memory_init(&f->memory);
    memory_init(&f->log_memory);
    arena_init(&f->arena, &f->memory, MEMORY_REQUESTS, 1 << 20);
}

static void open_fixture(struct fixture *f)
{
    init_fixture(f);
    REQUIRE(try_open(f) == 0);
}

static void close_fixture(struct fixture *f)
{
    transaction_coordinator_close(f->coordinator);
    arena_close(&f->arena);
    for (int i = 0; i < f->log_count; i++)
        memory_free(&f->log_memory, MEMORY_LOGS, f->log[i], f->log_sizes[i]);
    CHECK(memory_total_bytes(&f->log_memory) == 0);
    CHECK(memory_total_bytes(&f->memory) == 0);
}

static void pass(struct fixture *f, int64_t ms)
{
    f->now.steady += ms;
    f->now.wall += ms;
}

static void write_first(struct fixture *f, enum kafka_error error)
{
    REQUIRE(f->append_count > 0);
    struct coordinator_batch *append = f->appends[0];
    memmove(f->appends, f->appends + 1, (size_t)--f->append_count * sizeof(void *));
    if (error == KAFKA_NONE) {
        REQUIRE(f->log_count < LOG_MAX);
        f->log[f->log_count] = memory_alloc(&f->log_memory, MEMORY_LOGS, append->size);
        REQUIRE(f->log[f->log_count] != NULL);
        f->log_sizes[f->log_count] = append->size;
        memcpy(f->log[f->log_count++], append->bytes, append->size);
    }
    transaction_coordinator_appended(f->coordinator, append, error, f->now);
}

/* What waits for the log now, not what comes of it. */
static void write_all(struct fixture *f, enum kafka_error error)
{
    for (int n = f->append_count; n > 0; n--)
        write_first(f, error);
}

static void end_all(struct fixture *f)
{
    while (f->ending_count > 0)
        transaction_coordinator_ended(f->coordinator, f->endings[--f->ending_count], f->now);
}

static void settle(struct fixture *f)
{
    while (f->append_count > 0 || f->ending_count > 0) {
        write_all(f, KAFKA_NONE);
        end_all(f);
    }
}

static void load(struct fixture *f)
{
    for (int i = 0; i < f->log_count; i++) {
        struct batch_iterator it;
        struct record record;
        REQUIRE(batch_iterator_open(&it, slice_of(f->log[i], f->log_sizes[i]), &f->memory, 1 << 20, NULL) == 0);
        while (batch_iterator_next(&it, &record, NULL) == 1)
            REQUIRE(transaction_coordinator_load(f->coordinator, record.key, record.value, &f->arena) == 0);
        batch_iterator_close(&it);
    }
    transaction_coordinator_loaded(f->coordinator, f->now);
}

/* Only what was written is known; what was on its way is lost. */
static void restart(struct fixture *f)
{
    write_all(f, KAFKA_COORDINATOR_NOT_AVAILABLE);
    f->ending_count = 0;
    transaction_coordinator_close(f->coordinator);
    REQUIRE(try_open(f) == 0);
    load(f);
}

static void on_done(struct transaction_call *call)
{
    ((struct fixture *)call->context)->answers++;
}

#define CALL(f)                                                                                                        \
    {                                                                                                                  \
        .done = on_done, .context = (f), .error = KAFKA_UNKNOWN_SERVER_ERROR                                           \
    }

static void start_init(struct fixture *f, struct transaction_init *init, const char *id, int64_t producer_id,
                       int16_t epoch)
{
    *init = (struct transaction_init){.call = CALL(f),
                                      .transactional_id = slice_of_text(id),
                                      .timeout_ms = 60000,
                                      .producer_id = producer_id,
                                      .producer_epoch = epoch};
    transaction_coordinator_init(f->coordinator, init, f->now);
}

/* The answer, everything written that is to be. */
static struct transaction_init init_of(struct fixture *f, const char *id, int64_t producer_id, int16_t epoch)
{
    struct transaction_init init;
    int before = f->answers;
    start_init(f, &init, id, producer_id, epoch);
    settle(f);
    CHECK_EQUAL(f->answers, before + 1);
    return init;
}

static const struct transaction_partition two_partitions[] = {{.topic = {(const uint8_t *)"orders", 6}, .partition = 3},
                                                              {.topic = {(const uint8_t *)"bills", 5}, .partition = 0}};

static void start_add(struct fixture *f, struct transaction_add *add, const char *id, int64_t producer_id,
                      int16_t epoch)
{
    *add = (struct transaction_add){.call = CALL(f),
                                    .transactional_id = slice_of_text(id),
                                    .producer_id = producer_id,
                                    .producer_epoch = epoch,
                                    .partitions = two_partitions,
                                    .count = 2};
    transaction_coordinator_add(f->coordinator, add, f->now);
}

static enum kafka_error add_of(struct fixture *f, const char *id, int64_t producer_id, int16_t epoch)
{
    struct transaction_add add;
    int before = f->answers;
    start_add(f, &add, id, producer_id, epoch);
    settle(f);
    CHECK_EQUAL(f->answers, before + 1);
    return add.call.error;
}

static void start_end(struct fixture *f, struct transaction_end *end, const char *id, int64_t producer_id,
                      int16_t epoch, bool commits, enum transaction_protocol protocol)
{
    *end = (struct transaction_end){.call = CALL(f),
                                    .transactional_id = slice_of_text(id),
                                    .producer_id = producer_id,
                                    .producer_epoch = epoch,
                                    .commits = commits,
                                    .protocol = protocol};
    transaction_coordinator_end(f->coordinator, end, f->now);
}

static struct transaction_end end_of(struct fixture *f, const char *id, int64_t producer_id, int16_t epoch,
                                     bool commits, enum transaction_protocol protocol)
{
    struct transaction_end end;
    int before = f->answers;
    start_end(f, &end, id, producer_id, epoch, commits, protocol);
    settle(f);
    CHECK_EQUAL(f->answers, before + 1);
    return end;
}

static const struct transaction_values *values_of(const struct fixture *f, const char *id)
{
    const struct transaction *transaction = transaction_coordinator_find(f->coordinator, slice_of_text(id));
    REQUIRE(transaction != NULL);
    return transaction_values(transaction);
}

static enum kafka_error verify(const struct fixture *f, const char *id, int64_t producer_id, int16_t epoch)
{
    return transaction_coordinator_verify(f->coordinator, slice_of_text(id), producer_id, epoch,
                                          slice_of_text("orders"), 3);
}

/* ---- beginning ---- */

static void a_new_transactional_id_begins_at_epoch_0_when_the_log_has_it(void)
{
    struct fixture f;
    struct transaction_init init;
    open_fixture(&f);
    start_init(&f, &init, "t", -1, -1);
    CHECK_EQUAL(f.answers, 0);
    write_all(&f, KAFKA_NONE);
    CHECK_EQUAL(init.call.error, KAFKA_NONE);
    CHECK_EQUAL(init.producer_id, 100);
    CHECK_EQUAL(init.producer_epoch, 0);
    CHECK_EQUAL(values_of(&f, "t")->state, TRANSACTION_EMPTY);
    close_fixture(&f);
}

static void the_next_producer_gets_the_next_epoch_and_fences_the_one_before(void)
{
    struct fixture f;
    open_fixture(&f);
    init_of(&f, "t", -1, -1);
    struct transaction_init second = init_of(&f, "t", -1, -1);
    CHECK_EQUAL(second.producer_id, 100);
    CHECK_EQUAL(second.producer_epoch, 1);
    CHECK_EQUAL(add_of(&f, "t", 100, 0), KAFKA_PRODUCER_FENCED);
    CHECK_EQUAL(end_of(&f, "t", 100, 0, true, TRANSACTION_CLASSIC).call.error, KAFKA_PRODUCER_FENCED);
    CHECK_EQUAL(end_of(&f, "t", 100, 0, true, TRANSACTION_EPOCHS).call.error, KAFKA_PRODUCER_FENCED);
    CHECK_EQUAL(verify(&f, "t", 100, 0), KAFKA_PRODUCER_FENCED);
    CHECK_EQUAL(init_of(&f, "t", 100, 0).call.error, KAFKA_PRODUCER_FENCED);
    close_fixture(&f);
}

static void what_cannot_be_is_refused(void)
{
    struct fixture f;
    struct transaction_init init;
    open_fixture(&f);
    CHECK_EQUAL(init_of(&f, "", -1, -1).call.error, KAFKA_INVALID_REQUEST);
    static const int32_t timeouts[] = {-1, 0, 900001};
    for (size_t i = 0; i < 3; i++) {
        init = (struct transaction_init){.call = CALL(&f),
                                         .transactional_id = slice_of_text("t"),
                                         .timeout_ms = timeouts[i],
                                         .producer_id = -1,
                                         .producer_epoch = -1};
        transaction_coordinator_init(f.coordinator, &init, f.now);
        CHECK_EQUAL(init.call.error, KAFKA_INVALID_TRANSACTION_TIMEOUT);
    }
    CHECK_EQUAL(add_of(&f, "", 1, 0), KAFKA_INVALID_REQUEST);
    CHECK_EQUAL(add_of(&f, "t", 1, 0), KAFKA_INVALID_PRODUCER_ID_MAPPING);
    CHECK_EQUAL(end_of(&f, "", 1, 0, true, TRANSACTION_CLASSIC).call.error, KAFKA_INVALID_REQUEST);
    CHECK_EQUAL(end_of(&f, "t", 1, 0, true, TRANSACTION_CLASSIC).call.error, KAFKA_INVALID_PRODUCER_ID_MAPPING);
    CHECK_EQUAL(verify(&f, "", 1, 0), KAFKA_INVALID_REQUEST);
    CHECK_EQUAL(verify(&f, "t", 1, 0), KAFKA_INVALID_PRODUCER_ID_MAPPING);
    init_of(&f, "t", -1, -1);
    CHECK_EQUAL(add_of(&f, "t", 7, 0), KAFKA_INVALID_PRODUCER_ID_MAPPING);
    CHECK_EQUAL(end_of(&f, "t", 7, 0, true, TRANSACTION_EPOCHS).call.error, KAFKA_INVALID_PRODUCER_ID_MAPPING);
    CHECK_EQUAL(verify(&f, "t", 100, 0), KAFKA_TRANSACTION_ABORTABLE);
    CHECK_EQUAL(end_of(&f, "t", 100, 0, true, TRANSACTION_CLASSIC).call.error, KAFKA_INVALID_TXN_STATE);
    CHECK_EQUAL(end_of(&f, "t", 100, 0, false, TRANSACTION_CLASSIC).call.error, KAFKA_INVALID_TXN_STATE);
    CHECK_EQUAL(end_of(&f, "t", 100, 0, true, TRANSACTION_EPOCHS).call.error, KAFKA_INVALID_TXN_STATE);
    close_fixture(&f);
}

static void a_producer_that_names_what_it_holds_goes_on(void)
{
    struct fixture f;
    open_fixture(&f);
    init_of(&f, "t", -1, -1);
    struct transaction_init bumped = init_of(&f, "t", 100, 0);
    CHECK_EQUAL(bumped.producer_epoch, 1);
    /* The answer was lost: the same question has the same answer. */
    struct transaction_init retried = init_of(&f, "t", 100, 0);
    CHECK_EQUAL(retried.call.error, KAFKA_NONE);
    CHECK_EQUAL(retried.producer_epoch, 1);
    CHECK_EQUAL(init_of(&f, "t", 99, 1).call.error, KAFKA_PRODUCER_FENCED);
    /* Somebody else has begun: the one before is fenced. */
    init_of(&f, "t", -1, -1);
    CHECK_EQUAL(init_of(&f, "t", 100, 1).call.error, KAFKA_PRODUCER_FENCED);
    close_fixture(&f);
}

static void when_the_epochs_are_used_up_there_is_a_new_producer_id(void)
{
    struct fixture f;
    open_fixture(&f);
    f.next_id = 100;
    init_of(&f, "t", -1, -1);
    int16_t epoch = 0;
    while (epoch < INT16_MAX - 1) {
        struct transaction_init init;
        start_init(&f, &init, "t", 100, epoch);
        REQUIRE(f.append_count == 1);
        transaction_coordinator_appended(f.coordinator, f.appends[--f.append_count], KAFKA_NONE, f.now);
        REQUIRE(init.call.error == KAFKA_NONE && init.producer_epoch == epoch + 1);
        epoch = init.producer_epoch;
    }
    CHECK_EQUAL(init_of(&f, "t", 100, 5).call.error, KAFKA_UNKNOWN_SERVER_ERROR);
    f.no_id = KAFKA_COORDINATOR_LOAD_IN_PROGRESS;
    CHECK_EQUAL(init_of(&f, "t", 100, epoch).call.error, KAFKA_COORDINATOR_LOAD_IN_PROGRESS);
    f.no_id = KAFKA_NONE;
    struct transaction_init rotated = init_of(&f, "t", 100, epoch);
    CHECK_EQUAL(rotated.producer_id, 101);
    CHECK_EQUAL(rotated.producer_epoch, 0);
    struct transaction_init retried = init_of(&f, "t", 100, epoch);
    CHECK_EQUAL(retried.producer_id, 101);
    CHECK_EQUAL(retried.producer_epoch, 0);
    close_fixture(&f);
}

/* ---- a transaction ---- */

static void a_decision_is_told_when_it_is_durable_and_complete_when_the_markers_are(void)
{
    struct fixture f;
    struct transaction_end end;
    open_fixture(&f);
    init_of(&f, "t", -1, -1);
    CHECK_EQUAL(add_of(&f, "t", 100, 0), KAFKA_NONE);
    CHECK_EQUAL(verify(&f, "t", 100, 0), KAFKA_NONE);
    int before = f.answers;
    start_end(&f, &end, "t", 100, 0, true, TRANSACTION_CLASSIC);
    CHECK_EQUAL(f.answers, before);
    CHECK_EQUAL(f.ending_count, 0);
    CHECK_EQUAL(values_of(&f, "t")->state, TRANSACTION_ONGOING);
    CHECK(f.append_count == 1 && f.appends[0]->is_awaited);
    write_all(&f, KAFKA_NONE);
    CHECK_EQUAL(f.answers, before + 1);
    CHECK_EQUAL(end.call.error, KAFKA_NONE);
    CHECK_EQUAL(values_of(&f, "t")->state, TRANSACTION_PREPARE_COMMIT);
    REQUIRE(f.ending_count == 1);
    CHECK(f.endings[0]->commits && f.endings[0]->producer_id == 100 && f.endings[0]->producer_epoch == 0);
    CHECK_EQUAL(f.endings[0]->partitions->count, 2);
    CHECK_EQUAL(f.append_count, 0);
    CHECK_EQUAL(verify(&f, "t", 100, 0), KAFKA_CONCURRENT_TRANSACTIONS);
    CHECK_EQUAL(end_of(&f, "t", 100, 0, true, TRANSACTION_CLASSIC).call.error, KAFKA_CONCURRENT_TRANSACTIONS);
    CHECK_EQUAL(values_of(&f, "t")->state, TRANSACTION_COMPLETE_COMMIT);
    CHECK_EQUAL(end_of(&f, "t", 100, 0, true, TRANSACTION_CLASSIC).call.error, KAFKA_NONE);
    CHECK_EQUAL(end_of(&f, "t", 100, 0, false, TRANSACTION_CLASSIC).call.error, KAFKA_INVALID_TXN_STATE);
    CHECK_EQUAL(verify(&f, "t", 100, 0), KAFKA_TRANSACTION_ABORTABLE);
    close_fixture(&f);
}

static void with_epochs_each_end_gives_the_next_one(void)
{
    struct fixture f;
    open_fixture(&f);
    init_of(&f, "t", -1, -1);
    for (int16_t epoch = 0; epoch < 3; epoch++) {
        bool commits = epoch % 2 == 0;
        CHECK_EQUAL(add_of(&f, "t", 100, epoch), KAFKA_NONE);
        struct transaction_end end = end_of(&f, "t", 100, epoch, commits, TRANSACTION_EPOCHS);
        CHECK_EQUAL(end.call.error, KAFKA_NONE);
        CHECK_EQUAL(end.producer_id, 100);
        CHECK_EQUAL(end.producer_epoch, epoch + 1);
        struct transaction_end retried = end_of(&f, "t", 100, epoch, commits, TRANSACTION_EPOCHS);
        CHECK_EQUAL(retried.call.error, KAFKA_NONE);
        CHECK_EQUAL(retried.producer_epoch, epoch + 1);
        CHECK_EQUAL(end_of(&f, "t", 100, epoch, !commits, TRANSACTION_EPOCHS).call.error, KAFKA_INVALID_TXN_STATE);
        CHECK_EQUAL(end_of(&f, "t", 100, (int16_t)(epoch + 1), true, TRANSACTION_EPOCHS).call.error,
                    KAFKA_INVALID_TXN_STATE);
    }
    CHECK_EQUAL(add_of(&f, "t", 100, 2), KAFKA_PRODUCER_FENCED);
    /* An abort without any partition bumps, too. */
    CHECK_EQUAL(end_of(&f, "t", 100, 3, false, TRANSACTION_EPOCHS).producer_epoch, 4);
    close_fixture(&f);
}

static void the_markers_of_the_last_epoch_carry_the_old_producer_id(void)
{
    struct fixture f;
    struct transaction_end end;
    open_fixture(&f);
    init_of(&f, "t", -1, -1);
    for (int16_t epoch = 0; epoch < INT16_MAX - 1; epoch++) {
        start_end(&f, &end, "t", 100, epoch, false, TRANSACTION_EPOCHS);
        while (f.append_count > 0)
            transaction_coordinator_appended(f.coordinator, f.appends[--f.append_count], KAFKA_NONE, f.now);
        REQUIRE(end.call.error == KAFKA_NONE && end.producer_epoch == epoch + 1);
    }
    CHECK_EQUAL(add_of(&f, "t", 100, INT16_MAX - 1), KAFKA_NONE);
    start_end(&f, &end, "t", 100, INT16_MAX - 1, true, TRANSACTION_EPOCHS);
    write_all(&f, KAFKA_NONE);
    CHECK_EQUAL(end.call.error, KAFKA_NONE);
    CHECK_EQUAL(end.producer_id, 101);
    CHECK_EQUAL(end.producer_epoch, 0);
    REQUIRE(f.ending_count == 1);
    CHECK_EQUAL(f.endings[0]->producer_id, 100);
    CHECK_EQUAL(f.endings[0]->producer_epoch, INT16_MAX);
    /* It says so after a restart in between, too. */
    restart(&f);
    REQUIRE(f.ending_count == 1);
    CHECK_EQUAL(f.endings[0]->producer_id, 100);
    CHECK_EQUAL(f.endings[0]->producer_epoch, INT16_MAX);
    settle(&f);
    struct transaction_end retried = end_of(&f, "t", 100, INT16_MAX - 1, true, TRANSACTION_EPOCHS);
    CHECK_EQUAL(retried.call.error, KAFKA_NONE);
    CHECK_EQUAL(retried.producer_id, 101);
    CHECK_EQUAL(add_of(&f, "t", 101, 0), KAFKA_NONE);
    close_fixture(&f);
}

static void a_new_producer_aborts_what_the_old_one_left_open(void)
{
    struct fixture f;
    struct transaction_init init;
    open_fixture(&f);
    init_of(&f, "t", -1, -1);
    add_of(&f, "t", 100, 0);
    start_init(&f, &init, "t", -1, -1);
    write_all(&f, KAFKA_NONE);
    CHECK_EQUAL(init.call.error, KAFKA_CONCURRENT_TRANSACTIONS);
    REQUIRE(f.ending_count == 1);
    CHECK(!f.endings[0]->commits && f.endings[0]->producer_epoch == 1);
    start_init(&f, &init, "t", -1, -1);
    CHECK_EQUAL(init.call.error, KAFKA_CONCURRENT_TRANSACTIONS);
    settle(&f);
    CHECK_EQUAL(end_of(&f, "t", 100, 0, true, TRANSACTION_CLASSIC).call.error, KAFKA_PRODUCER_FENCED);
    CHECK_EQUAL(init_of(&f, "t", -1, -1).producer_epoch, 2);
    close_fixture(&f);
}

static void a_transaction_that_outlives_its_timeout_is_aborted_and_its_producer_fenced(void)
{
    struct fixture f;
    open_fixture(&f);
    init_of(&f, "t", -1, -1);
    CHECK_EQUAL(transaction_coordinator_wake_at(f.coordinator), TRANSACTION_NEVER);
    add_of(&f, "t", 100, 0);
    CHECK_EQUAL(transaction_coordinator_wake_at(f.coordinator), f.now.steady + 60000);
    pass(&f, 59999);
    transaction_coordinator_expire(f.coordinator, f.now);
    CHECK_EQUAL(f.append_count, 0);
    pass(&f, 1);
    transaction_coordinator_expire(f.coordinator, f.now);
    CHECK_EQUAL(f.append_count, 1);
    /* It could not be written: it is tried again when the next look is due. */
    write_all(&f, KAFKA_COORDINATOR_NOT_AVAILABLE);
    CHECK_EQUAL(transaction_coordinator_wake_at(f.coordinator), f.now.steady + 10000);
    pass(&f, 9999);
    transaction_coordinator_expire(f.coordinator, f.now);
    CHECK_EQUAL(f.append_count, 0);
    pass(&f, 1);
    transaction_coordinator_expire(f.coordinator, f.now);
    settle(&f);
    CHECK_EQUAL(values_of(&f, "t")->state, TRANSACTION_COMPLETE_ABORT);
    CHECK_EQUAL(add_of(&f, "t", 100, 0), KAFKA_PRODUCER_FENCED);
    CHECK_EQUAL(end_of(&f, "t", 100, 0, true, TRANSACTION_CLASSIC).call.error, KAFKA_PRODUCER_FENCED);
    close_fixture(&f);
}

/* ---- those who wait ---- */

static void who_waits_is_added_when_the_last_transaction_has_ended(void)
{
    struct fixture f;
    struct transaction_end end;
    struct transaction_add first, second, refused;
    open_fixture(&f);
    init_of(&f, "t", -1, -1);
    add_of(&f, "t", 100, 0);
    start_end(&f, &end, "t", 100, 0, true, TRANSACTION_EPOCHS);
    write_all(&f, KAFKA_NONE);
    start_add(&f, &refused, "t", 100, 1);
    CHECK_EQUAL(refused.call.error, KAFKA_CONCURRENT_TRANSACTIONS);
    struct transaction_add asked = {.call = CALL(&f),
                                    .transactional_id = slice_of_text("t"),
                                    .producer_id = 100,
                                    .producer_epoch = 1,
                                    .protocol = TRANSACTION_EPOCHS,
                                    .waits = true,
                                    .partitions = two_partitions,
                                    .count = 1};
    first = second = asked;
    second.partitions = two_partitions + 1;
    f.answers = 0;
    transaction_coordinator_add(f.coordinator, &first, f.now);
    transaction_coordinator_add(f.coordinator, &second, f.now);
    CHECK_EQUAL(f.answers, 0);
    end_all(&f);
    /* The record of completion, and one for both. */
    CHECK_EQUAL(f.append_count, 2);
    write_all(&f, KAFKA_NONE);
    CHECK_EQUAL(f.answers, 2);
    CHECK_EQUAL(first.call.error, KAFKA_NONE);
    CHECK_EQUAL(second.call.error, KAFKA_NONE);
    CHECK_EQUAL(verify(&f, "t", 100, 1), KAFKA_NONE);
    close_fixture(&f);
}

static void who_waits_is_done_in_the_order_of_the_calls(void)
{
    struct fixture f;
    struct transaction_add first;
    open_fixture(&f);
    init_of(&f, "t", -1, -1);
    struct transaction_add asked = {.call = CALL(&f),
                                    .transactional_id = slice_of_text("t"),
                                    .producer_id = 100,
                                    .producer_epoch = 0,
                                    .waits = true,
                                    .partitions = two_partitions,
                                    .count = 1};
    first = asked;
    transaction_coordinator_add(f.coordinator, &first, f.now);
    /* Of these two the second needs nothing more once the first add is written. */
    struct transaction_add needs = asked, has = asked;
    needs.count = 2;
    transaction_coordinator_add(f.coordinator, &needs, f.now);
    transaction_coordinator_add(f.coordinator, &has, f.now);
    write_all(&f, KAFKA_NONE);
    CHECK_EQUAL(first.call.error, KAFKA_NONE);
    CHECK_EQUAL(has.call.error, KAFKA_UNKNOWN_SERVER_ERROR);
    settle(&f);
    CHECK_EQUAL(needs.call.error, KAFKA_NONE);
    CHECK_EQUAL(has.call.error, KAFKA_NONE);
    close_fixture(&f);
}

static void who_waits_for_too_long_is_told_to_come_again(void)
{
    struct fixture f;
    struct transaction_end end;
    open_fixture(&f);
    init_of(&f, "t", -1, -1);
    add_of(&f, "t", 100, 0);
    start_end(&f, &end, "t", 100, 0, true, TRANSACTION_EPOCHS);
    write_all(&f, KAFKA_NONE);
    struct transaction_add add = {.call = CALL(&f),
                                  .transactional_id = slice_of_text("t"),
                                  .producer_id = 100,
                                  .producer_epoch = 1,
                                  .waits = true,
                                  .partitions = two_partitions,
                                  .count = 2};
    f.answers = 0;
    transaction_coordinator_add(f.coordinator, &add, f.now);
    int64_t at = transaction_coordinator_wake_at(f.coordinator);
    CHECK(at > f.now.steady && at <= f.now.steady + 10000);
    pass(&f, at - f.now.steady);
    transaction_coordinator_expire(f.coordinator, f.now);
    CHECK_EQUAL(f.answers, 1);
    CHECK_EQUAL(add.call.error, KAFKA_CONCURRENT_TRANSACTIONS);
    settle(&f);
    close_fixture(&f);
}

/* ---- the log ---- */

static void a_restart_knows_what_was_written(void)
{
    struct fixture f;
    open_fixture(&f);
    init_of(&f, "open", -1, -1);
    init_of(&f, "ended", -1, -1);
    add_of(&f, "open", 100, 0);
    add_of(&f, "ended", 101, 0);
    end_of(&f, "ended", 101, 0, true, TRANSACTION_EPOCHS);
    pass(&f, 20000);
    f.now.steady = 500;
    restart(&f);
    CHECK_EQUAL(transaction_coordinator_count(f.coordinator), 2);
    CHECK_EQUAL(verify(&f, "open", 100, 0), KAFKA_NONE);
    CHECK_EQUAL(values_of(&f, "open")->timeout_ms, 60000);
    CHECK_EQUAL(values_of(&f, "open")->started_at, WALL);
    CHECK_EQUAL(values_of(&f, "ended")->state, TRANSACTION_COMPLETE_COMMIT);
    CHECK_EQUAL(values_of(&f, "ended")->producer_epoch, 1);
    CHECK_EQUAL(transaction_coordinator_wake_at(f.coordinator), 500 + 40000);
    close_fixture(&f);
}

/* However far the writing has come: what was told is so, and what was decided is ended that way. */
static void after_a_crash_at_any_step_a_transaction_ends_as_it_was_decided(void)
{
    static const enum transaction_protocol protocols[] = {TRANSACTION_CLASSIC, TRANSACTION_EPOCHS};
    for (int i = 0; i < 8; i++) {
        bool commits = i % 2 == 0;
        enum transaction_protocol protocol = protocols[i / 2 % 2];
        bool is_written = i / 4 % 2 == 0;
        struct fixture f;
        struct transaction_end end;
        open_fixture(&f);
        init_of(&f, "t", -1, -1);
        add_of(&f, "t", 100, 0);
        start_end(&f, &end, "t", 100, 0, commits, protocol);
        if (is_written)
            write_all(&f, KAFKA_NONE);
        restart(&f);
        if (!is_written) {
            CHECK_EQUAL(values_of(&f, "t")->state, TRANSACTION_ONGOING);
            CHECK_EQUAL(f.ending_count, 0);
        }
        /* Between the markers and the record of completion: once more. */
        for (int again = 0; is_written && again < 2; again++) {
            REQUIRE(f.ending_count == 1);
            CHECK_EQUAL(f.endings[0]->commits, commits);
            CHECK_EQUAL(f.endings[0]->producer_epoch, protocol == TRANSACTION_EPOCHS);
            CHECK_EQUAL(f.endings[0]->partitions->count, 2);
            transaction_coordinator_ended(f.coordinator, f.endings[--f.ending_count], f.now);
            restart(&f);
        }
        settle(&f);
        if (is_written)
            CHECK_EQUAL(values_of(&f, "t")->state, commits ? TRANSACTION_COMPLETE_COMMIT : TRANSACTION_COMPLETE_ABORT);
        close_fixture(&f);
    }
}

static void what_cannot_be_written_has_not_happened(void)
{
    struct fixture f;
    struct transaction_init init;
    struct transaction_add add;
    struct transaction_end end;
    open_fixture(&f);
    start_init(&f, &init, "t", -1, -1);
    write_all(&f, KAFKA_KAFKA_STORAGE_ERROR);
    CHECK_EQUAL(init.call.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    CHECK_EQUAL(transaction_coordinator_count(f.coordinator), 0);
    init_of(&f, "t", -1, -1);
    start_add(&f, &add, "t", 101, 0);
    write_all(&f, KAFKA_KAFKA_STORAGE_ERROR);
    CHECK_EQUAL(add.call.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    CHECK_EQUAL(verify(&f, "t", 101, 0), KAFKA_TRANSACTION_ABORTABLE);
    add_of(&f, "t", 101, 0);
    start_end(&f, &end, "t", 101, 0, true, TRANSACTION_EPOCHS);
    write_all(&f, KAFKA_KAFKA_STORAGE_ERROR);
    CHECK_EQUAL(end.call.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    CHECK_EQUAL(f.ending_count, 0);
    CHECK_EQUAL(values_of(&f, "t")->state, TRANSACTION_ONGOING);
    CHECK_EQUAL(end_of(&f, "t", 101, 0, true, TRANSACTION_EPOCHS).call.error, KAFKA_NONE);
    close_fixture(&f);
}

static void an_id_that_nobody_uses_is_forgotten(void)
{
    struct fixture f;
    open_fixture(&f);
    init_of(&f, "idle", -1, -1);
    init_of(&f, "open", -1, -1);
    add_of(&f, "open", 101, 0);
    pass(&f, 604799999);
    transaction_coordinator_clean(f.coordinator, f.now);
    CHECK_EQUAL(f.append_count, 0);
    pass(&f, 1);
    transaction_coordinator_clean(f.coordinator, f.now);
    CHECK_EQUAL(f.append_count, 1);
    write_all(&f, KAFKA_KAFKA_STORAGE_ERROR);
    CHECK_EQUAL(transaction_coordinator_count(f.coordinator), 2);
    transaction_coordinator_clean(f.coordinator, f.now);
    settle(&f);
    CHECK_EQUAL(transaction_coordinator_count(f.coordinator), 1);
    restart(&f);
    CHECK_EQUAL(transaction_coordinator_count(f.coordinator), 1);
    CHECK(transaction_coordinator_find(f.coordinator, slice_of_text("idle")) == NULL);
    settle(&f);
    close_fixture(&f);
}

static void a_log_that_cannot_be_read_serves_nobody_until_it_is_gone(void)
{
    struct fixture f;
    open_fixture(&f);
    transaction_coordinator_give_up(f.coordinator);
    CHECK(!transaction_coordinator_available(f.coordinator));
    CHECK_EQUAL(init_of(&f, "t", -1, -1).call.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    CHECK_EQUAL(add_of(&f, "t", 1, 0), KAFKA_COORDINATOR_NOT_AVAILABLE);
    CHECK_EQUAL(end_of(&f, "t", 1, 0, true, TRANSACTION_CLASSIC).call.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    CHECK_EQUAL(verify(&f, "t", 1, 0), KAFKA_COORDINATOR_NOT_AVAILABLE);
    transaction_coordinator_begin_anew(f.coordinator);
    CHECK_EQUAL(init_of(&f, "t", -1, -1).call.error, KAFKA_NONE);
    close_fixture(&f);
}

static void beginning_anew_forgets_what_is_under_way(void)
{
    struct fixture f;
    struct transaction_end end;
    struct transaction_init init;
    open_fixture(&f);
    init_of(&f, "ending", -1, -1);
    add_of(&f, "ending", 100, 0);
    start_end(&f, &end, "ending", 100, 0, true, TRANSACTION_CLASSIC);
    write_all(&f, KAFKA_NONE);
    start_init(&f, &init, "new", -1, -1);
    transaction_coordinator_begin_anew(f.coordinator);
    CHECK_EQUAL(transaction_coordinator_count(f.coordinator), 0);
    settle(&f);
    CHECK_EQUAL(init.call.error, KAFKA_NOT_COORDINATOR);
    CHECK_EQUAL(transaction_coordinator_count(f.coordinator), 0);
    close_fixture(&f);
}

static void bounds_hold(void)
{
    struct fixture f;
    open_fixture(&f);
    static const char *const ids[] = {"a", "b", "c", "d"};
    for (size_t i = 0; i < 4; i++)
        CHECK_EQUAL(init_of(&f, ids[i], -1, -1).call.error, KAFKA_NONE);
    CHECK_EQUAL(init_of(&f, "e", -1, -1).call.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    CHECK_EQUAL(init_of(&f, "a", -1, -1).call.error, KAFKA_NONE);
    f.limits.memory_bytes = 1;
    CHECK_EQUAL(add_of(&f, "b", 101, 0), KAFKA_COORDINATOR_NOT_AVAILABLE);
    close_fixture(&f);
}

static void a_transaction_of_too_many_partitions_is_refused_before_it_cannot_be_ended(void)
{
    struct fixture f;
    enum { SEGMENT_BYTES = 1 << 20, COUNT = SEGMENT_BYTES / 4 };
    struct transaction_partition *many = calloc(COUNT, sizeof *many);
    REQUIRE(many != NULL);
    for (int32_t i = 0; i < COUNT; i++)
        many[i] = (struct transaction_partition){.topic = slice_of_text("orders"), .partition = i};
    open_fixture(&f);
    f.limits.memory_bytes = (size_t)1 << 30;
    init_of(&f, "t", -1, -1);
    struct transaction_add add = {.call = CALL(&f),
                                  .transactional_id = slice_of_text("t"),
                                  .producer_id = 100,
                                  .partitions = many,
                                  .count = COUNT};
    transaction_coordinator_add(f.coordinator, &add, f.now);
    CHECK_EQUAL(add.call.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    add.count = (896 << 10) / 4 - 100;
    transaction_coordinator_add(f.coordinator, &add, f.now);
    settle(&f);
    CHECK_EQUAL(add.call.error, KAFKA_NONE);
    CHECK_EQUAL(end_of(&f, "t", 100, 0, true, TRANSACTION_EPOCHS).call.error, KAFKA_NONE);
    for (int i = 0; i < f.log_count; i++)
        CHECK(f.log_sizes[i] <= (size_t)SEGMENT_BYTES);
    close_fixture(&f);
    free(many);
}

static void nobody_waits_while_the_server_stops(void)
{
    struct fixture f;
    struct transaction_init init;
    open_fixture(&f);
    init_of(&f, "t", -1, -1);
    struct transaction_add first = {.call = CALL(&f),
                                    .transactional_id = slice_of_text("t"),
                                    .producer_id = 100,
                                    .producer_epoch = 1,
                                    .waits = true,
                                    .partitions = two_partitions,
                                    .count = 2};
    struct transaction_add second = first;
    start_init(&f, &init, "t", -1, -1);
    transaction_coordinator_add(f.coordinator, &first, f.now);
    transaction_coordinator_end_waits(f.coordinator);
    CHECK_EQUAL(first.call.error, KAFKA_NOT_COORDINATOR);
    transaction_coordinator_add(f.coordinator, &second, f.now);
    CHECK_EQUAL(second.call.error, KAFKA_CONCURRENT_TRANSACTIONS);
    settle(&f);
    close_fixture(&f);
}

static void records_that_are_not_understood_are_passed_over(void)
{
    struct fixture f;
    open_fixture(&f);
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
    close_fixture(&f);
}

/* ---- memory ---- */

/* A life of one transactional id; whatever fails, a later try succeeds, and the end is that of the decision. */
static void live(struct fixture *f)
{
    struct transaction_init init;
    do {
        init = init_of(f, "t", -1, -1);
    } while (init.call.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    REQUIRE(init.call.error == KAFKA_NONE);
    int64_t id = init.producer_id;
    enum kafka_error error;
    do {
        error = add_of(f, "t", id, 0);
    } while (error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    REQUIRE(error == KAFKA_NONE);
    struct transaction_end end;
    do {
        end = end_of(f, "t", id, 0, true, TRANSACTION_EPOCHS);
    } while (end.call.error == KAFKA_COORDINATOR_NOT_AVAILABLE);
    REQUIRE(end.call.error == KAFKA_NONE);
    CHECK_EQUAL(values_of(f, "t")->state, TRANSACTION_COMPLETE_COMMIT);
}

static void every_allocation_may_fail_once(void)
{
    bool is_over = false;
    for (int nth = 0; !is_over; nth++) {
        struct fixture f;
        init_fixture(&f);
        memory_fail_at(&f.memory, nth);
        if (try_open(&f) != 0)
            REQUIRE(try_open(&f) == 0);
        live(&f);
        is_over = memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        close_fixture(&f);
    }
}

static void loading_survives_any_failing_allocation(void)
{
    struct fixture f;
    open_fixture(&f);
    init_of(&f, "t", -1, -1);
    add_of(&f, "t", 100, 0);
    bool is_over = false;
    for (int nth = 0; !is_over; nth++) {
        transaction_coordinator_close(f.coordinator);
        REQUIRE(try_open(&f) == 0);
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
    close_fixture(&f);
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
      CHECK_TEST(who_waits_is_done_in_the_order_of_the_calls), CHECK_TEST(who_waits_for_too_long_is_told_to_come_again),
      CHECK_TEST(a_restart_knows_what_was_written),
      CHECK_TEST(after_a_crash_at_any_step_a_transaction_ends_as_it_was_decided),
      CHECK_TEST(what_cannot_be_written_has_not_happened), CHECK_TEST(an_id_that_nobody_uses_is_forgotten),
      CHECK_TEST(a_log_that_cannot_be_read_serves_nobody_until_it_is_gone),
      CHECK_TEST(beginning_anew_forgets_what_is_under_way), CHECK_TEST(bounds_hold),
      CHECK_TEST(a_transaction_of_too_many_partitions_is_refused_before_it_cannot_be_ended),
      CHECK_TEST(nobody_waits_while_the_server_stops), CHECK_TEST(records_that_are_not_understood_are_passed_over),
      CHECK_TEST(every_allocation_may_fail_once), CHECK_TEST(loading_survives_any_failing_allocation))
