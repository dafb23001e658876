#include "transaction_fixture.h"

#include "batch_iterator.h"

static void take_append(void *context, struct coordinator_batch *append)
{
    struct transaction_fixture *f = context;
    REQUIRE(f->append_count < WAITING_MAX);
    f->appends[f->append_count++] = append;
}

static void take_ending(void *context, struct transaction_ending *ending)
{
    struct transaction_fixture *f = context;
    REQUIRE(f->ending_count < WAITING_MAX);
    f->endings[f->ending_count++] = ending;
}

static void take_id(void *context, struct transaction_call *call)
{
    struct transaction_fixture *f = context;
    int64_t id = f->no_id == KAFKA_NONE ? f->next_id++ : -1;
    transaction_coordinator_took(f->coordinator, call, f->no_id, id, f->now);
}

static int64_t age(void *context, int64_t since)
{
    const struct transaction_fixture *f = context;
    return f->now.wall - since;
}

int transaction_fixture_try_open(struct transaction_fixture *f)
{
    struct transaction_store store = {
        .append = take_append, .end = take_ending, .take_producer_id = take_id, .age = age, .context = f};
    return transaction_coordinator_open(&f->memory, &f->limits, &store, &f->coordinator);
}

void transaction_fixture_init(struct transaction_fixture *f)
{
    *f = (struct transaction_fixture){.limits = {.max_transactions = 4,
                                                 .memory_bytes = 1 << 20,
                                                 .max_timeout_ms = 900000,
                                                 .abort_interval_ms = 10000,
                                                 .expiration_ms = 604800000},
                                      .now = {.steady = 1000, .wall = TRANSACTION_FIXTURE_WALL},
                                      .next_id = 100};
    memory_init(&f->memory);
    memory_init(&f->log_memory);
    arena_init(&f->arena, &f->memory, MEMORY_REQUESTS, 1 << 20);
}

void transaction_fixture_open(struct transaction_fixture *f)
{
    transaction_fixture_init(f);
    REQUIRE(transaction_fixture_try_open(f) == 0);
}

void transaction_fixture_close(struct transaction_fixture *f)
{
    transaction_coordinator_close(f->coordinator);
    arena_close(&f->arena);
    for (int i = 0; i < f->log_count; i++)
        memory_free(&f->log_memory, MEMORY_LOGS, f->log[i], f->log_sizes[i]);
    CHECK(memory_total_bytes(&f->log_memory) == 0);
    CHECK(memory_total_bytes(&f->memory) == 0);
}

void transaction_fixture_pass(struct transaction_fixture *f, int64_t ms)
{
    f->now.steady += ms;
    f->now.wall += ms;
}

void transaction_fixture_write_first(struct transaction_fixture *f, enum kafka_error error)
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

void transaction_fixture_write_all(struct transaction_fixture *f, enum kafka_error error)
{
    for (int n = f->append_count; n > 0; n--)
        transaction_fixture_write_first(f, error);
}

void transaction_fixture_end_all(struct transaction_fixture *f)
{
    while (f->ending_count > 0)
        transaction_coordinator_ended(f->coordinator, f->endings[--f->ending_count], f->now);
}

void transaction_fixture_settle(struct transaction_fixture *f)
{
    while (f->append_count > 0 || f->ending_count > 0) {
        transaction_fixture_write_all(f, KAFKA_NONE);
        transaction_fixture_end_all(f);
    }
}

void transaction_fixture_load(struct transaction_fixture *f)
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

void transaction_fixture_restart(struct transaction_fixture *f)
{
    transaction_fixture_write_all(f, KAFKA_COORDINATOR_NOT_AVAILABLE);
    f->ending_count = 0;
    transaction_coordinator_close(f->coordinator);
    REQUIRE(transaction_fixture_try_open(f) == 0);
    transaction_fixture_load(f);
}

void transaction_fixture_done(struct transaction_call *call)
{
    ((struct transaction_fixture *)call->context)->answers++;
}

void transaction_fixture_start_init(struct transaction_fixture *f, struct transaction_init *init, const char *id,
                                    int64_t producer_id, int16_t epoch)
{
    *init = (struct transaction_init){.call = TRANSACTION_FIXTURE_CALL(f),
                                      .transactional_id = slice_of_text(id),
                                      .timeout_ms = 60000,
                                      .producer_id = producer_id,
                                      .producer_epoch = epoch};
    transaction_coordinator_init(f->coordinator, init, f->now);
}

struct transaction_init transaction_fixture_init_of(struct transaction_fixture *f, const char *id, int64_t producer_id,
                                                    int16_t epoch)
{
    struct transaction_init init;
    int before = f->answers;
    transaction_fixture_start_init(f, &init, id, producer_id, epoch);
    transaction_fixture_settle(f);
    CHECK_EQUAL(f->answers, before + 1);
    return init;
}

const struct transaction_partition transaction_fixture_partitions[2] = {
    {.topic = {(const uint8_t *)"orders", 6}, .partition = 3},
    {.topic = {(const uint8_t *)"bills", 5}, .partition = 0}};

void transaction_fixture_start_add(struct transaction_fixture *f, struct transaction_add *add, const char *id,
                                   int64_t producer_id, int16_t epoch)
{
    *add = (struct transaction_add){.call = TRANSACTION_FIXTURE_CALL(f),
                                    .transactional_id = slice_of_text(id),
                                    .producer_id = producer_id,
                                    .producer_epoch = epoch,
                                    .partitions = transaction_fixture_partitions,
                                    .count = 2};
    transaction_coordinator_add(f->coordinator, add, f->now);
}

enum kafka_error transaction_fixture_add_of(struct transaction_fixture *f, const char *id, int64_t producer_id,
                                            int16_t epoch)
{
    struct transaction_add add;
    int before = f->answers;
    transaction_fixture_start_add(f, &add, id, producer_id, epoch);
    transaction_fixture_settle(f);
    CHECK_EQUAL(f->answers, before + 1);
    return add.call.error;
}

void transaction_fixture_start_end(struct transaction_fixture *f, struct transaction_end *end, const char *id,
                                   int64_t producer_id, int16_t epoch, bool commits, enum transaction_protocol protocol)
{
    *end = (struct transaction_end){.call = TRANSACTION_FIXTURE_CALL(f),
                                    .transactional_id = slice_of_text(id),
                                    .producer_id = producer_id,
                                    .producer_epoch = epoch,
                                    .commits = commits,
                                    .protocol = protocol};
    transaction_coordinator_end(f->coordinator, end, f->now);
}

struct transaction_end transaction_fixture_end_of(struct transaction_fixture *f, const char *id, int64_t producer_id,
                                                  int16_t epoch, bool commits, enum transaction_protocol protocol)
{
    struct transaction_end end;
    int before = f->answers;
    transaction_fixture_start_end(f, &end, id, producer_id, epoch, commits, protocol);
    transaction_fixture_settle(f);
    CHECK_EQUAL(f->answers, before + 1);
    return end;
}

const struct transaction_values *transaction_fixture_values_of(const struct transaction_fixture *f, const char *id)
{
    const struct transaction *transaction = transaction_coordinator_find(f->coordinator, slice_of_text(id));
    REQUIRE(transaction != NULL);
    return transaction_values(transaction);
}

enum kafka_error transaction_fixture_verify(const struct transaction_fixture *f, const char *id, int64_t producer_id,
                                            int16_t epoch)
{
    return transaction_coordinator_verify(f->coordinator, slice_of_text(id), producer_id, epoch,
                                          slice_of_text("orders"), 3);
}
