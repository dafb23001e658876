#include "check.h"
#include "producer_state.h"
#include "seeded_random.h"
#include "vector_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define T0 INT64_C(1700000000000)

static struct memory ledger;
static struct producer_state *state;

static void start(uint32_t max_producers)
{
    memory_init(&ledger);
    REQUIRE(producer_state_create(&ledger, max_producers, &state) == 0);
}

static void finish(void)
{
    producer_state_close(state);
    CHECK_EQUAL(memory_total_bytes(&ledger), 0);
}

static struct batch_header batch(int64_t id, int16_t epoch, int32_t sequence, int32_t count, int64_t offset)
{
    return (struct batch_header){.base_offset = offset,
                                 .last_offset_delta = count - 1,
                                 .count = count,
                                 .producer_id = id,
                                 .producer_epoch = epoch,
                                 .base_sequence = sequence};
}

static int check(struct batch_header header)
{
    int64_t offset;
    return producer_state_check(state, &header, &offset, NULL);
}

static int64_t duplicate_of(struct batch_header header)
{
    int64_t offset = -1;
    struct error error = {0};
    if (producer_state_check(state, &header, &offset, &error) != FURROW_DUPLICATE_SEQUENCE)
        return -1;
    CHECK(error.message[0] != '\0');
    return offset;
}

static int note(struct batch_header header)
{
    return producer_state_update(state, &header, T0);
}

static void an_unknown_producer_may_start_anywhere(void)
{
    start(10);
    CHECK(check(batch(1, 0, 0, 1, 0)) == 0);
    CHECK(check(batch(1, 7, 1234, 1, 0)) == 0);
    CHECK(note(batch(1, 7, 1234, 1, 0)) == 0);
    CHECK(check(batch(1, 7, 1235, 1, 0)) == 0);
    CHECK(check(batch(1, 7, 1236, 1, 0)) == FURROW_OUT_OF_ORDER_SEQUENCE);
    CHECK(check(batch(2, 7, 99, 1, 0)) == 0);
    finish();
}

static void five_batches_are_remembered(void)
{
    start(10);
    for (int32_t i = 0; i < 8; i++)
        CHECK(note(batch(1, 0, 10 * i, 10, 1000 + 10 * i)) == 0);
    for (int32_t i = 3; i < 8; i++) {
        CHECK_EQUAL(duplicate_of(batch(1, 0, 10 * i, 10, 0)), 1000 + 10 * i);
        CHECK(check(batch(1, 0, 10 * i, 9, 0)) == FURROW_OUT_OF_ORDER_SEQUENCE);
    }
    CHECK(check(batch(1, 0, 20, 10, 0)) == FURROW_OUT_OF_ORDER_SEQUENCE);
    CHECK(check(batch(1, 0, 80, 3, 0)) == 0);
    finish();
}

static void a_new_epoch_starts_at_zero_and_an_old_one_is_refused(void)
{
    start(10);
    CHECK(note(batch(1, 3, 50, 1, 0)) == 0);
    CHECK(check(batch(1, 4, 51, 1, 0)) == FURROW_OUT_OF_ORDER_SEQUENCE);
    CHECK(check(batch(1, 4, 0, 1, 0)) == 0);
    CHECK(check(batch(1, 2, 0, 1, 0)) == FURROW_STALE_PRODUCER_EPOCH);
    CHECK(note(batch(1, 4, 0, 1, 1)) == 0);
    CHECK(check(batch(1, 3, 50, 1, 0)) == FURROW_STALE_PRODUCER_EPOCH);
    CHECK(check(batch(1, 4, 51, 1, 0)) == FURROW_OUT_OF_ORDER_SEQUENCE);
    finish();
}

static void sequences_go_on_at_zero_after_the_largest(void)
{
    start(10);
    CHECK(note(batch(1, 0, INT32_MAX - 2, 2, 0)) == 0);
    CHECK(check(batch(1, 0, INT32_MAX, 4, 2)) == 0);
    CHECK(note(batch(1, 0, INT32_MAX, 4, 2)) == 0);
    CHECK_EQUAL(duplicate_of(batch(1, 0, INT32_MAX, 4, 0)), 2);
    CHECK(check(batch(1, 0, 3, 1, 0)) == 0);
    CHECK(note(batch(1, 0, 3, 1, 6)) == 0);
    CHECK(note(batch(1, 0, INT32_MAX, 1, 7)) == 0);
    CHECK(check(batch(1, 0, 0, 1, 0)) == 0);
    finish();
}

/* ---- Apache Kafka's own verdicts (vectors/README.md) ---- */

struct line {
    char kind;
    int64_t id;
    int epoch;
    int32_t sequence;
    int32_t count;
    int transactional;
    char verdict[16];
    int64_t offset;
    int64_t first_open_offset;
};

static int status_of(const char *verdict)
{
    if (strcmp(verdict, "ok") == 0)
        return 0;
    if (strcmp(verdict, "duplicate") == 0)
        return FURROW_DUPLICATE_SEQUENCE;
    return strcmp(verdict, "order") == 0 ? FURROW_OUT_OF_ORDER_SEQUENCE : FURROW_STALE_PRODUCER_EPOCH;
}

/* Takes the line in and says whether Kafka's verdict was ours. Markers are checked by whoever sends them. */
static bool follow(const struct line *line)
{
    struct batch_header header = batch(line->id, (int16_t)line->epoch, line->sequence, line->count, line->offset);
    if (line->kind == 'm') {
        const struct producer *producer = producer_state_find(state, line->id);
        bool is_stale = producer != NULL && line->epoch < producer->epoch;
        if (!is_stale && producer_state_end_transaction(state, &header, line->sequence, T0 + line->offset) != 0)
            return false;
        return is_stale == (strcmp(line->verdict, "stale") == 0);
    }
    if (line->transactional)
        header.attributes = BATCH_TRANSACTIONAL;
    int64_t offset = line->offset;
    int rc = producer_state_check(state, &header, &offset, NULL);
    if (rc == 0)
        rc = producer_state_update(state, &header, T0 + line->offset + line->count - 1);
    else if (rc != FURROW_DUPLICATE_SEQUENCE)
        offset = -1;
    return rc == status_of(line->verdict) && offset == line->offset;
}

static void follow_kafka(void)
{
    slice text = vector_read("producers.txt");
    REQUIRE(text.data != NULL);
    char *words = calloc(1, text.size + 1);
    REQUIRE(words != NULL);
    memcpy(words, text.data, text.size);
    int lines = 0, wrong = 0;
    char *rest = NULL;
    for (char *word = strtok_r(words, "\n", &rest); word != NULL; word = strtok_r(NULL, "\n", &rest)) {
        struct line line;
        int fields = sscanf(word, "%c %" SCNd64 " %d %" SCNd32 " %" SCNd32 " %d %15s %" SCNd64 " %" SCNd64, &line.kind,
                            &line.id, &line.epoch, &line.sequence, &line.count, &line.transactional, line.verdict,
                            &line.offset, &line.first_open_offset); /* NOLINT(cert-err34-c) */
        REQUIRE(fields == 9);
        wrong += !follow(&line) || producer_state_first_open_offset(state) != line.first_open_offset;
        lines++;
    }
    CHECK_EQUAL(lines, 1500);
    CHECK_EQUAL(wrong, 0);
    free(words);
    free((void *)text.data);
}

static void verdicts_are_kafkas(void)
{
    start(100);
    follow_kafka();
    CHECK_EQUAL(producer_state_count(state), 12);
    finish();
}

static int compare_entries(const void *a, const void *b)
{
    return memcmp(a, b, 46);
}

/* Kafka writes its producers in no order. */
static void sort_snapshot(slice snapshot)
{
    qsort((uint8_t *)snapshot.data + 10, (snapshot.size - 10) / 46, 46, compare_entries);
}

static void snapshots_are_kafkas(void)
{
    start(100);
    follow_kafka();
    slice kafkas = vector_read("producers.snapshot");
    REQUIRE(kafkas.size == 10 + 12 * 46);
    writer w;
    writer_init(&w, &ledger, MEMORY_PRODUCERS, PRODUCER_SNAPSHOT_MAX_SIZE);
    producer_state_write(state, &w);
    REQUIRE(writer_ok(&w));

    REQUIRE(producer_state_parse(state, kafkas, T0, 86400000, NULL) == 0);
    CHECK_EQUAL(producer_state_count(state), 12);
    writer again;
    writer_init(&again, &ledger, MEMORY_PRODUCERS, PRODUCER_SNAPSHOT_MAX_SIZE);
    producer_state_write(state, &again);
    REQUIRE(writer_ok(&again));
    CHECK(slice_equal(writer_slice(&again), kafkas));

    sort_snapshot(kafkas);
    sort_snapshot(writer_slice(&w));
    CHECK_EQUAL(w.size, kafkas.size);
    CHECK(memcmp(w.data + 6, kafkas.data + 6, kafkas.size - 6) == 0);
    writer_close(&w);
    writer_close(&again);
    free((void *)kafkas.data);
    finish();
}

/* ---- snapshots ---- */

static void a_snapshot_has_the_last_batch_of_each(void)
{
    start(10);
    CHECK(note(batch(1, 2, 0, 5, 100)) == 0);
    CHECK(note(batch(1, 2, 5, 5, 105)) == 0);
    struct batch_header open = batch(7, 1, 0, 1, 110);
    open.attributes = BATCH_TRANSACTIONAL;
    CHECK(note(open) == 0);
    writer w;
    writer_init(&w, &ledger, MEMORY_PRODUCERS, PRODUCER_SNAPSHOT_MAX_SIZE);
    producer_state_write(state, &w);
    REQUIRE(writer_ok(&w));
    producer_state_clear(state);
    CHECK_EQUAL(producer_state_first_open_offset(state), -1);
    REQUIRE(producer_state_parse(state, writer_slice(&w), T0, 1000, NULL) == 0);
    CHECK_EQUAL(duplicate_of(batch(1, 2, 5, 5, 0)), 105);
    CHECK(check(batch(1, 2, 0, 5, 0)) == FURROW_OUT_OF_ORDER_SEQUENCE);
    CHECK(check(batch(1, 2, 10, 5, 0)) == 0);
    CHECK_EQUAL(producer_state_first_open_offset(state), 110);

    /* An open transaction keeps its producer. */
    REQUIRE(producer_state_parse(state, writer_slice(&w), T0 + 1000, 1000, NULL) == 0);
    CHECK(producer_state_find(state, 1) == NULL);
    CHECK(producer_state_find(state, 7) != NULL);
    writer_close(&w);
    finish();
}

static void a_damaged_snapshot_is_refused(void)
{
    start(10);
    for (int64_t id = 0; id < 3; id++)
        CHECK(note(batch(id, 2, 0, 5, 100)) == 0);
    writer w;
    writer_init(&w, &ledger, MEMORY_PRODUCERS, PRODUCER_SNAPSHOT_MAX_SIZE);
    producer_state_write(state, &w);
    REQUIRE(writer_ok(&w));
    for (size_t size = 0; size < w.size; size++) {
        CHECK_EQUAL(producer_state_parse(state, slice_of(w.data, size), T0, 1000, NULL), FURROW_CORRUPT);
        CHECK_EQUAL(producer_state_count(state), 0);
    }
    for (size_t bit = 0; bit < 8 * w.size; bit++) {
        w.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        struct error error;
        int rc = producer_state_parse(state, writer_slice(&w), T0, 1000, &error);
        CHECK_EQUAL(rc, bit < 16 ? FURROW_WRONG_VERSION : FURROW_CORRUPT);
        CHECK(strncmp(error.message, "producer snapshot: ", 19) == 0);
        w.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    writer_close(&w);
    finish();
}

/* ---- runs ---- */

static bool snapshot_is(slice expected)
{
    writer w;
    writer_init(&w, &ledger, MEMORY_PRODUCERS, PRODUCER_SNAPSHOT_MAX_SIZE);
    producer_state_write(state, &w);
    sort_snapshot(writer_slice(&w));
    bool result = writer_ok(&w) && w.size == expected.size && memcmp(w.data + 6, expected.data + 6, w.size - 6) == 0;
    writer_close(&w);
    return result;
}

static void a_failed_write_leaves_no_trace(void)
{
    start(6);
    struct seeded_random random = {.state = 9};
    int32_t next[8] = {0};
    for (int round = 0; round < 200; round++) {
        writer before;
        writer_init(&before, &ledger, MEMORY_PRODUCERS, PRODUCER_SNAPSHOT_MAX_SIZE);
        producer_state_write(state, &before);
        sort_snapshot(writer_slice(&before));
        int64_t open_before = producer_state_first_open_offset(state);

        int32_t saved[8];
        memcpy(saved, next, sizeof saved);
        bool fails = random_chance(&random, 50);
        producer_state_begin(state);
        for (uint64_t i = random_below(&random, 10); i > 0; i--) {
            int64_t id = (int64_t)random_below(&random, 8);
            struct batch_header header = batch(id, 0, next[id], 2, 1000 + round);
            if (id == 3)
                header.attributes = BATCH_TRANSACTIONAL;
            if (producer_state_find(state, id) != NULL)
                CHECK(check(header) == 0);
            CHECK(note(header) == 0);
            CHECK_EQUAL(duplicate_of(header), 1000 + round);
            next[id] += 2;
            if (id == 3 && random_chance(&random, 30))
                CHECK(producer_state_end_transaction(state, &header, round, T0) == 0);
        }
        if (fails) {
            producer_state_rollback(state);
            memcpy(next, saved, sizeof next);
            CHECK(snapshot_is(writer_slice(&before)));
            CHECK_EQUAL(producer_state_first_open_offset(state), open_before);
        } else {
            producer_state_commit(state);
            CHECK(producer_state_count(state) <= 6);
        }
        writer_close(&before);
    }
    producer_state_begin(state);
    CHECK(note(batch(100, 0, 0, 1, 0)) == 0);
    finish();
}

static void without_memory_nothing_is_noted(void)
{
    bool pending = false;
    for (int64_t nth = 0; !pending; nth++) {
        memory_init(&ledger);
        memory_fail_at(&ledger, nth);
        if (producer_state_create(&ledger, 100, &state) != 0)
            continue;
        int rc = note(batch(1, 0, 0, 1, 0));
        producer_state_begin(state);
        int64_t id;
        for (id = 1; id < 40 && rc == 0; id++) /* enough for the table to grow */
            rc = note(batch(id, 0, id == 1, 1, 0));
        pending = memory_fail_pending(&ledger);
        memory_fail_at(&ledger, -1);
        CHECK_EQUAL(rc, pending ? 0 : -ENOMEM);
        if (rc != 0 && id > 2)
            CHECK(producer_state_find(state, id - 1) == NULL);
        producer_state_rollback(state);
        CHECK(producer_state_count(state) <= 1);
        finish();
    }
}

static void parsing_without_memory_knows_nothing(void)
{
    start(100);
    for (int64_t id = 0; id < 20; id++)
        CHECK(note(batch(id, 2, 0, 5, 100)) == 0);
    writer w;
    writer_init(&w, &ledger, MEMORY_PRODUCERS, PRODUCER_SNAPSHOT_MAX_SIZE);
    producer_state_write(state, &w);
    bool pending = false;
    for (int64_t nth = 0; !pending; nth++) {
        memory_fail_at(&ledger, nth);
        int rc = producer_state_parse(state, writer_slice(&w), T0, 1000, NULL);
        pending = memory_fail_pending(&ledger);
        CHECK_EQUAL(rc, pending ? 0 : -ENOMEM);
        CHECK_EQUAL(producer_state_count(state), pending ? 20 : 0);
    }
    memory_fail_at(&ledger, -1);
    writer_close(&w);
    finish();
}

/* ---- how many, how long ---- */

static void those_idle_longest_are_forgotten_beyond_the_bound(void)
{
    start(3);
    for (int64_t id = 1; id <= 3; id++)
        CHECK(note(batch(id, 0, 0, 1, 0)) == 0);
    CHECK(note(batch(1, 0, 1, 1, 3)) == 0);
    CHECK(note(batch(4, 0, 0, 1, 4)) == 0);
    CHECK_EQUAL(producer_state_count(state), 3);
    CHECK(producer_state_find(state, 2) == NULL);
    CHECK(producer_state_find(state, 1) != NULL);
    CHECK(check(batch(2, 0, 77, 1, 0)) == 0);
    finish();
}

static void idle_producers_expire(void)
{
    start(10);
    for (int64_t id = 1; id <= 3; id++) {
        struct batch_header header = batch(id, 0, 0, 1, id);
        if (id == 1)
            header.attributes = BATCH_TRANSACTIONAL;
        CHECK(producer_state_update(state, &header, T0 + id) == 0);
    }
    producer_state_expire(state, T0 + 102, 101);
    CHECK_EQUAL(producer_state_count(state), 3);
    producer_state_expire(state, T0 + 102, 100);
    CHECK(producer_state_find(state, 1) != NULL && producer_state_find(state, 3) != NULL);
    CHECK(producer_state_find(state, 2) == NULL);
    finish();
}

static int count_producers(void *context, const struct producer *producer)
{
    CHECK(producer->id > 0);
    return ++*(int *)context == 2 ? 42 : 0;
}

static void producers_are_listed_until_the_caller_has_enough(void)
{
    start(10);
    int count = 0;
    for (int64_t id = 1; id <= 3; id++)
        CHECK(note(batch(id, 0, 0, 1, 0)) == 0);
    CHECK_EQUAL(producer_state_list(state, count_producers, &count), 42);
    CHECK_EQUAL(count, 2);
    finish();
}

static void a_producer_costs_at_most_256_bytes(void)
{
    start(1000);
    size_t before = memory_total_bytes(&ledger);
    for (int64_t id = 0; id < 100; id++)
        CHECK(note(batch(id, 0, 0, 1, 0)) == 0);
    CHECK((memory_total_bytes(&ledger) - before) / 100 <= 256);
    finish();
}

SUITE("producer state", CHECK_TEST(an_unknown_producer_may_start_anywhere), CHECK_TEST(five_batches_are_remembered),
      CHECK_TEST(a_new_epoch_starts_at_zero_and_an_old_one_is_refused),
      CHECK_TEST(sequences_go_on_at_zero_after_the_largest), CHECK_TEST(verdicts_are_kafkas),
      CHECK_TEST(snapshots_are_kafkas), CHECK_TEST(a_snapshot_has_the_last_batch_of_each),
      CHECK_TEST(a_damaged_snapshot_is_refused), CHECK_TEST(a_failed_write_leaves_no_trace),
      CHECK_TEST(without_memory_nothing_is_noted), CHECK_TEST(parsing_without_memory_knows_nothing),
      CHECK_TEST(those_idle_longest_are_forgotten_beyond_the_bound), CHECK_TEST(idle_producers_expire),
      CHECK_TEST(producers_are_listed_until_the_caller_has_enough), CHECK_TEST(a_producer_costs_at_most_256_bytes))
