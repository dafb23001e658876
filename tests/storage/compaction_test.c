#include "compaction_model.h"
#include "simulated_disk.h"

#include "check.h"

#include <errno.h>

static void open_model(struct compaction_model *m, uint64_t seed)
{
    compaction_model_init(m, seed);
    m->f.config.segment_bytes = 20000;
    m->f.config.index_interval_bytes = 1000;
}

static void write_batches(struct compaction_model *m, int count, const struct model_batch_plan *plan)
{
    for (int i = 0; i < count; i++)
        REQUIRE(compaction_model_append(m, plan));
}

#define CHECK_MODEL(condition) check_model(&m, condition, __LINE__)

static void check_model(const struct compaction_model *m, bool right, int line)
{
    CU_assertImplementation(right ? CU_TRUE : CU_FALSE, (unsigned)line, m->message, __FILE__, "", CU_FALSE);
}

static void the_last_record_of_each_key_stays(void)
{
    struct compaction_model m;
    open_model(&m, 1);
    REQUIRE(log_fixture_open(&m.f) == 0);
    write_batches(&m, 200, &(struct model_batch_plan){.records = 20, .keys = 300, .value_size = 40, .producer = -1});
    CHECK_MODEL(compaction_model_run(&m));
    CHECK(m.result.records_after < m.result.records_before / 4);
    CHECK_EQUAL(m.result.slices, 1);
    CHECK_MODEL(compaction_model_check(&m));
    REQUIRE(log_fixture_restart(&m.f) == 0);
    CHECK_MODEL(compaction_model_check(&m));
    REQUIRE(log_fixture_crash(&m.f) == 0);
    CHECK_MODEL(compaction_model_check(&m));
    CHECK_MODEL(compaction_model_close(&m));
}

/* Everything at random: codecs, tombstones, producers, kinds of keys, how many stay, restarts in between. */
static void run_seed(uint64_t seed)
{
    struct compaction_model m;
    open_model(&m, seed);
    struct seeded_random *random = &m.random;
    m.config.key = (enum compaction_key)random_below(random, 3);
    m.config.keep = random_chance(random, 60) ? 1 : 1 + (uint32_t)random_below(random, 4);
    m.config.min_lag_ms = random_chance(random, 30) ? (int64_t)random_below(random, 500) : 0;
    m.f.config.segment_bytes = 8000 + (int64_t)random_below(random, 20000);
    m.f.config.index_interval_bytes = (int32_t)random_below(random, 2000);
    m.budget = 1 + random_below(random, 100000);
    REQUIRE(log_fixture_open(&m.f) == 0);
    int32_t keys = 1 + (int32_t)random_below(random, random_chance(random, 20) ? 20000 : 200);
    bool right = true;
    for (int round = 0; round < 5 && right; round++) {
        int count = 1 + (int)random_below(random, 120);
        for (int i = 0; i < count; i++) {
            struct model_batch_plan plan = {
                .records = 1 + (int32_t)random_below(random, 40),
                .keys = keys,
                .tombstone_percent = random_chance(random, 30) ? 20 : 0,
                .keyless_percent = random_chance(random, 10) ? 10 : 0,
                .value_size = (uint32_t)random_below(random, 100),
                .codec = random_chance(random, 50) ? CODEC_NONE : (enum codec)random_below(random, CODECS),
                .producer = random_chance(random, 60) ? -1 : (int)random_below(random, 4),
                .append_time = random_chance(random, 20)};
            right = right && compaction_model_append(&m, &plan);
            m.f.now += (int64_t)random_below(random, 10);
        }
        right = right && compaction_model_run(&m) && compaction_model_check(&m);
        m.f.now += (int64_t)random_below(random, 1000);
        if (right && random_chance(random, 30))
            right = log_fixture_restart(&m.f) == 0 && compaction_model_check(&m);
        else if (right && random_chance(random, 30))
            right = log_fixture_crash(&m.f) == 0 && compaction_model_check(&m);
    }
    bool closed = compaction_model_close(&m);
    if (!right || !closed)
        printf("seed %llu: %s (%s)\n", (unsigned long long)seed, m.message, m.f.error.message);
    CHECK(right && closed);
}

static void what_stays_is_what_the_model_says(void)
{
    for (uint64_t seed = 1; seed <= 60; seed++)
        run_seed(seed);
}

/* ---- interruptions ---- */

/* Two rounds: a log that was cleaned before, and more of it. */
static void open_for_interruption(struct compaction_model *m, uint64_t seed)
{
    struct model_batch_plan plan = {
        .records = 20, .keys = 60, .tombstone_percent = 15, .keyless_percent = 3, .value_size = 30, .producer = -1};
    compaction_model_init(m, seed);
    m->f.config.segment_bytes = 6000;
    m->f.config.index_interval_bytes = 500;
    m->config.keep = 1 + (uint32_t)(seed % 3 == 0);
    m->budget = 3000;
    REQUIRE(log_fixture_open(&m->f) == 0);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 24; i++) {
            plan.producer = i % 8 - 4;
            plan.codec = i % 5 == 0 ? CODEC_LZ4 : CODEC_NONE;
            REQUIRE(compaction_model_append(m, &plan));
        }
        if (round == 0)
            REQUIRE(compaction_model_run(m));
        m->f.now += 700;
    }
    REQUIRE(log_fixture_sync(&m->f) == 0);
}

static void check_after_interruption(struct compaction_model *m, int64_t nth)
{
    bool right = compaction_model_check_interrupted(m) && compaction_model_run(m) && compaction_model_check(m);
    if (right && nth % 2 == 0)
        right = log_fixture_crash(&m->f) == 0 && compaction_model_check(m);
    if (!compaction_model_close(m) || !right) {
        printf("call %lld: %s (%s)\n", (long long)nth, m->message, m->f.error.message);
        CU_FAIL("an interruption");
    }
}

static void a_power_cut_anywhere_loses_nothing(void)
{
    bool stopped = true;
    for (int64_t nth = 0; stopped; nth++) {
        struct compaction_model m;
        open_for_interruption(&m, (uint64_t)nth + 1);
        simulated_disk_stop_at(m.f.disk, nth);
        (void)!compaction_model_run_once(&m);
        stopped = simulated_disk_is_stopped(m.f.disk);
        log_fixture_shut(&m.f);
        simulated_disk_power_cut(m.f.disk, (uint64_t)nth);
        m.f.opening.clean = false;
        m.f.opening.leader_epoch++;
        REQUIRE(log_fixture_open(&m.f) == 0);
        if (!stopped)
            m.cleaned_end = m.result.cleaned_end;
        check_after_interruption(&m, nth);
    }
}

static void a_failing_call_anywhere_loses_nothing(void)
{
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        struct compaction_model m;
        open_for_interruption(&m, (uint64_t)nth + 1);
        simulated_disk_fail_at(m.f.disk, nth, nth % 3 == 0 ? -ENOSPC : -EIO);
        (void)!compaction_model_run_once(&m);
        m.cleaned_end = m.result.cleaned_end;
        failed = !simulated_disk_fail_pending(m.f.disk);
        simulated_disk_fail_at(m.f.disk, -1, 0);
        CHECK(!log_is_offline(m.f.log));
        if (nth % 4 == 1)
            REQUIRE(log_fixture_crash(&m.f) == 0);
        check_after_interruption(&m, nth);
    }
}

static void without_memory_nothing_is_lost(void)
{
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        struct compaction_model m;
        open_for_interruption(&m, 3);
        memory_fail_at(&m.f.memory, nth);
        (void)!compaction_model_run_once(&m);
        m.cleaned_end = m.result.cleaned_end;
        failed = !memory_fail_pending(&m.f.memory);
        memory_fail_at(&m.f.memory, -1);
        check_after_interruption(&m, nth);
    }
}

SUITE("compaction", CHECK_TEST(the_last_record_of_each_key_stays), CHECK_TEST(what_stays_is_what_the_model_says),
      CHECK_TEST(a_power_cut_anywhere_loses_nothing), CHECK_TEST(a_failing_call_anywhere_loses_nothing),
      CHECK_TEST(without_memory_nothing_is_lost))
