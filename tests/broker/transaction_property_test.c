/* Random producers, clocks, failing writes and crashes against the coordinator of transactions: what was decided is
 * decided once, what was told is ended that way, and no epoch is given to two producers. */
#include "batch_iterator.h"
#include "check.h"
#include "container.h"
#include "seeded_random.h"
#include "transaction/transaction_coordinator.h"

#include <stdlib.h>

#define SEEDS       2000
#define STEPS       400
#define PRODUCERS   3
#define WAITING_MAX 64
#define LOG_MAX     2048
#define FATES_MAX   1024
#define GIVEN_MAX   1024

/* A transaction, known by when it began: the clock never stands. */
struct fate {
    int64_t began;
    bool is_decided;
    bool commits;
    bool is_told;
    bool is_ended;
};

struct producer {
    struct transaction_init init;
    struct transaction_add add;
    struct transaction_end end;
    struct transaction_call *busy; /* the call under way */
    int64_t id;
    int16_t epoch;
    int64_t began; /* of the transaction that the call is to end; -1: none was open */
};

struct world {
    struct memory memory;
    struct transaction_limits limits;
    struct transaction_coordinator *coordinator;
    struct transaction_time now;
    struct seeded_random random;
    struct coordinator_batch *batches[WAITING_MAX];
    int batch_count;
    struct transaction_ending *endings[WAITING_MAX];
    int ending_count;
    uint8_t *log[LOG_MAX];
    size_t log_sizes[LOG_MAX];
    int log_count;
    int synced_count; /* of these survive a crash for certain */
    int64_t next_id;
    struct arena arena;
    struct fate fates[FATES_MAX];
    int fate_count;
    int64_t given_ids[GIVEN_MAX];
    int16_t given_epochs[GIVEN_MAX];
    int given_count;
    struct producer producers[PRODUCERS];
};

static struct world w;

static uint32_t pick(uint32_t below)
{
    return (uint32_t)random_below(&w.random, below);
}

static struct fate *fate_of(int64_t began)
{
    for (int i = 0; i < w.fate_count; i++) {
        if (w.fates[i].began == began)
            return &w.fates[i];
    }
    REQUIRE(w.fate_count < FATES_MAX);
    w.fates[w.fate_count] = (struct fate){.began = began};
    return &w.fates[w.fate_count++];
}

static const struct transaction_values *values_now(void)
{
    const struct transaction *transaction = transaction_coordinator_find(w.coordinator, slice_of_text("t"));
    return transaction != NULL ? transaction_values(transaction) : NULL;
}

static void decide(int64_t began, bool commits)
{
    struct fate *fate = fate_of(began);
    CHECK(!fate->is_decided || fate->commits == commits);
    fate->is_decided = true;
    fate->commits = commits;
}

/* ---- the store ---- */

static void take_batch(void *context, struct coordinator_batch *batch)
{
    (void)context;
    REQUIRE(w.batch_count < WAITING_MAX);
    w.batches[w.batch_count++] = batch;
}

static void take_ending(void *context, struct transaction_ending *ending)
{
    (void)context;
    REQUIRE(w.ending_count < WAITING_MAX);
    w.endings[w.ending_count++] = ending;
    decide(values_now()->started_at, ending->commits);
}

static void take_id(void *context, struct transaction_call *call)
{
    (void)context;
    bool fails = pick(10) == 0;
    transaction_coordinator_took(w.coordinator, call, fails ? KAFKA_COORDINATOR_LOAD_IN_PROGRESS : KAFKA_NONE,
                                 fails ? -1 : w.next_id++, w.now);
}

static int64_t age(void *context, int64_t since)
{
    (void)context;
    return w.now.wall - since;
}

static void open_coordinator(void)
{
    struct transaction_store store = {
        .append = take_batch, .end = take_ending, .take_producer_id = take_id, .age = age};
    REQUIRE(transaction_coordinator_open(&w.memory, &w.limits, &store, &w.coordinator) == 0);
}

/* ---- what happens ---- */

static struct coordinator_batch *take_first(void)
{
    struct coordinator_batch *batch = w.batches[0];
    memmove(w.batches, w.batches + 1, (size_t)--w.batch_count * sizeof(void *));
    return batch;
}

static void write_down(const struct coordinator_batch *batch)
{
    REQUIRE(w.log_count < LOG_MAX);
    w.log[w.log_count] = malloc(batch->size);
    REQUIRE(w.log[w.log_count] != NULL);
    memcpy(w.log[w.log_count], batch->bytes, batch->size);
    w.log_sizes[w.log_count++] = batch->size;
}

/* Behind one that fails others may still be written: each is a request of its own. */
static void answer_batch(bool succeeds)
{
    if (w.batch_count == 0)
        return;
    struct coordinator_batch *batch = take_first();
    if (succeeds)
        write_down(batch);
    if (succeeds && batch->is_awaited)
        w.synced_count = w.log_count;
    transaction_coordinator_appended(w.coordinator, batch, succeeds ? KAFKA_NONE : KAFKA_KAFKA_STORAGE_ERROR, w.now);
}

static void answer_ending(void)
{
    if (w.ending_count == 0)
        return;
    struct transaction_ending *ending = w.endings[--w.ending_count];
    fate_of(values_now()->started_at)->is_ended = true;
    transaction_coordinator_ended(w.coordinator, ending, w.now);
}

static void load(int64_t offset)
{
    struct batch_iterator it;
    struct record record;
    REQUIRE(batch_iterator_open(&it, slice_of(w.log[offset], w.log_sizes[offset]), &w.memory, 1 << 20, NULL) == 0);
    while (batch_iterator_next(&it, &record, NULL) == 1)
        REQUIRE(transaction_coordinator_load(w.coordinator, record.key, record.value, &w.arena) == 0);
    batch_iterator_close(&it);
}

/* What was on its way may be in the log though nobody was told, and a part of what was not synced is lost. */
static void crash(void)
{
    bool reaches_log = true;
    while (w.batch_count > 0) {
        struct coordinator_batch *batch = take_first();
        reaches_log = reaches_log && pick(2) == 0;
        if (reaches_log)
            write_down(batch);
        transaction_coordinator_appended(w.coordinator, batch, KAFKA_KAFKA_STORAGE_ERROR, w.now);
    }
    w.ending_count = 0;
    transaction_coordinator_close(w.coordinator);
    int kept = w.synced_count + (int)pick((uint32_t)(w.log_count - w.synced_count) + 1);
    while (w.log_count > kept)
        free(w.log[--w.log_count]);
    w.synced_count = w.log_count;
    open_coordinator();
    for (int i = 0; i < w.log_count; i++)
        load(i);
    transaction_coordinator_loaded(w.coordinator, w.now);
}

static struct producer *producer_of(struct transaction_call *call)
{
    struct producer *producer = call->context;
    REQUIRE(producer->busy == call);
    producer->busy = NULL;
    return producer;
}

static void give(struct producer *producer, int64_t id, int16_t epoch)
{
    REQUIRE(w.given_count < GIVEN_MAX);
    w.given_ids[w.given_count] = producer->id = id;
    w.given_epochs[w.given_count++] = producer->epoch = epoch;
}

static void on_begun(struct transaction_call *call)
{
    struct producer *producer = producer_of(call);
    if (call->error != KAFKA_NONE)
        return;
    for (int i = 0; i < w.given_count; i++)
        CHECK(w.given_ids[i] != producer->init.producer_id || w.given_epochs[i] != producer->init.producer_epoch);
    give(producer, producer->init.producer_id, producer->init.producer_epoch);
}

static void on_added(struct transaction_call *call)
{
    (void)producer_of(call);
}

static void on_ended(struct transaction_call *call)
{
    struct producer *producer = producer_of(call);
    if (call->error != KAFKA_NONE)
        return;
    if (producer->began >= 0) {
        decide(producer->began, producer->end.commits);
        fate_of(producer->began)->is_told = true;
    }
    if (producer->end.producer_id != producer->id || producer->end.producer_epoch != producer->epoch)
        give(producer, producer->end.producer_id, producer->end.producer_epoch);
}

static void act(struct producer *producer)
{
    static const struct transaction_partition partitions[] = {{.topic = {(const uint8_t *)"a", 1}},
                                                              {.topic = {(const uint8_t *)"b", 1}, .partition = 1}};
    const struct transaction_values *values = values_now();
    slice id = slice_of_text("t");
    if (producer->busy != NULL)
        return;
    switch (producer->id < 0 ? 0 : pick(12)) {
    case 0:
        producer->init = (struct transaction_init){.call = {.done = on_begun, .context = producer},
                                                   .transactional_id = id,
                                                   .timeout_ms = 1000,
                                                   .producer_id = -1,
                                                   .producer_epoch = -1};
        producer->busy = &producer->init.call;
        transaction_coordinator_init(w.coordinator, &producer->init, w.now);
        break;
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
        producer->add = (struct transaction_add){.call = {.done = on_added, .context = producer},
                                                 .transactional_id = id,
                                                 .producer_id = producer->id,
                                                 .producer_epoch = producer->epoch,
                                                 .waits = pick(2) == 0,
                                                 .partitions = partitions + pick(2),
                                                 .count = 1};
        producer->busy = &producer->add.call;
        transaction_coordinator_add(w.coordinator, &producer->add, w.now);
        break;
    default:
        producer->end = (struct transaction_end){.call = {.done = on_ended, .context = producer},
                                                 .transactional_id = id,
                                                 .producer_id = producer->id,
                                                 .producer_epoch = producer->epoch,
                                                 .commits = pick(2) == 0,
                                                 .protocol = pick(2) == 0 ? TRANSACTION_CLASSIC : TRANSACTION_EPOCHS};
        producer->began = values != NULL && values->state == TRANSACTION_ONGOING ? values->started_at : -1;
        producer->busy = &producer->end.call;
        transaction_coordinator_end(w.coordinator, &producer->end, w.now);
        break;
    }
}

static void step(void)
{
    w.now.wall++;
    w.now.steady++;
    switch (pick(16)) {
    case 0:
        crash();
        break;
    case 1:
        w.now.wall += pick(2000);
        w.now.steady += pick(2000);
        transaction_coordinator_expire(w.coordinator, w.now);
        break;
    case 2:
        answer_batch(false);
        break;
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
        answer_batch(true);
        break;
    case 8:
    case 9:
        answer_ending();
        break;
    default:
        act(&w.producers[pick(PRODUCERS)]);
        break;
    }
}

static int run(uint64_t seed)
{
    int told = 0;
    w = (struct world){.limits = {.max_transactions = 4,
                                  .memory_bytes = 1 << 20,
                                  .max_timeout_ms = 900000,
                                  .abort_interval_ms = 10,
                                  .expiration_ms = INT64_MAX},
                       .now = {.steady = 1000, .wall = 1700000000000},
                       .random = {.state = seed},
                       .next_id = 100};
    memory_init(&w.memory);
    arena_init(&w.arena, &w.memory, MEMORY_REQUESTS, 1 << 20);
    for (int i = 0; i < PRODUCERS; i++)
        w.producers[i].id = -1;
    open_coordinator();
    for (int i = 0; i < STEPS; i++)
        step();
    while (w.batch_count > 0 || w.ending_count > 0) {
        answer_batch(true);
        answer_ending();
    }
    for (int i = 0; i < w.fate_count; i++) {
        CHECK(!w.fates[i].is_told || w.fates[i].is_ended);
        told += w.fates[i].is_told;
    }
    transaction_coordinator_close(w.coordinator);
    arena_close(&w.arena);
    while (w.log_count > 0)
        free(w.log[--w.log_count]);
    CHECK_EQUAL(memory_total_bytes(&w.memory), 0);
    return told;
}

static void what_was_told_holds_whatever_happens(void)
{
    int told = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        told += run(seed);
    CHECK(told > SEEDS);
}

SUITE("transactions, random", CHECK_TEST(what_was_told_holds_whatever_happens))
