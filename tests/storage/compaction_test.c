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
    m.config.keep = random_chance(random, 50) ? 1 : 1 + (uint32_t)random_below(random, 12);
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
    m->config.keep = seed % 3 != 0 ? 1 : seed % 2 != 0 ? 2 : 6;
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

/* ---- readers ---- */

static void readers_miss_nothing_while_files_are_replaced(void)
{
    uint32_t reads = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct compaction_model m;
        compaction_model_init(&m, seed);
        m.f.config.segment_bytes = 9000;
        m.f.config.index_interval_bytes = 300;
        m.budget = 2000;
        REQUIRE(log_fixture_open(&m.f) == 0);
        bool right = true;
        for (int round = 0; round < 3 && right; round++) {
            write_batches(&m, 40,
                          &(struct model_batch_plan){.records = 10, .keys = 80, .value_size = 60, .producer = -1});
            right = compaction_model_run_beside_readers(&m, &reads) && compaction_model_check(&m);
        }
        CHECK_MODEL(compaction_model_close(&m) && right);
    }
    CHECK(reads > 1000);
}

/* True nine times in ten, so that some begin after each step. */
static bool begin_late(struct compaction_model *m, struct log_read *read)
{
    simulated_disk_set_cached(m->f.disk, false);
    file_cache_forget(m->f.files, LOG_FIXTURE_FOLDER "/");
    *read = (struct log_read){.offset = 1 + (int64_t)random_below(&m->random, 300),
                              .end_offset = log_end_offset(m->f.log),
                              .max_bytes = 1000,
                              .whole_batch = true};
    REQUIRE(log_read_begin(m->f.log, read) == 0);
    return random_chance(&m->random, 90);
}

/* Whole batches, the first of them the one for the offset. */
static void read_late(struct compaction_model *m, struct log_read *read)
{
    uint8_t bytes[8192];
    size_t got = 0;
    struct batch_header header;
    slice batch;
    log_read_execute(read);
    log_read_end(m->f.log, read);
    CHECK_EQUAL(read->status, 0);
    REQUIRE(read->bytes > 0 && read->bytes <= sizeof bytes);
    REQUIRE(file_read(read->file, bytes, read->bytes, read->position, &got, NULL) == 0);
    slice rest = slice_of(bytes, got);
    while (batch_next(&rest, &header, &batch, NULL) == 1)
        CHECK(batch_crc_matches(batch, &header));
    CHECK_EQUAL(rest.size, 0);
    log_read_release(m->f.log, read);
}

/* Who begins while a segment's files have their .swap names looks for those first, perhaps when the next run has made
 * new ones. */
static void a_late_reader_does_not_meet_the_next_replacement(void)
{
    static const struct model_batch_plan plan = {.records = 10, .keys = 200, .value_size = 60, .producer = -1};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct compaction_model m;
        struct log_compaction *run;
        struct log_read reads[64];
        int count = 0;
        compaction_model_init(&m, seed);
        m.f.config.segment_bytes = 16000;
        m.f.config.index_interval_bytes = 300;
        REQUIRE(log_fixture_open(&m.f) == 0);
        for (int round = 0; round < 2; round++) {
            write_batches(&m, 40, &plan);
            REQUIRE(log_fixture_sync(&m.f) == 0);
            struct compaction_bounds bounds = compaction_model_bounds(&m);
            REQUIRE(log_compaction_begin(m.f.log, &m.config, &bounds, m.f.now, m.buffer, &run, &m.f.error) == 0);
            int rc = 1;
            while (rc == 1) {
                log_compaction_execute(run, UINT64_MAX);
                for (; round == 1 && count > 0; count--)
                    read_late(&m, &reads[count - 1]);
                rc = log_compaction_step(m.f.log, run, &m.f.error);
                while (round == 0 && count < 64 && begin_late(&m, &reads[count]))
                    count++;
            }
            CHECK_EQUAL(rc, 0);
            log_compaction_end(m.f.log, run, &m.result);
            m.cleaned_end = m.result.cleaned_end;
        }
        CHECK_EQUAL(count, 0);
        simulated_disk_set_cached(m.f.disk, true);
        CHECK_MODEL(compaction_model_close(&m));
    }
}

/* A start that is not saved yet goes back at a power cut: what lies below it must not outlive its tombstones. */
static void what_lies_below_an_unsaved_start_is_compacted_too(void)
{
    struct model_batch_plan plan = {
        .records = 10, .keys = 30, .tombstone_percent = 40, .value_size = 60, .producer = -1};
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct compaction_model m;
        compaction_model_init(&m, seed);
        m.f.config.segment_bytes = 3000;
        REQUIRE(log_fixture_open(&m.f) == 0);
        write_batches(&m, 60, &plan);
        REQUIRE(log_set_start_offset(m.f.log, 400, &m.f.error) == 0);
        for (int round = 0; round < 2; round++) {
            CHECK_MODEL(compaction_model_run(&m));
            m.f.now += m.config.delete_retention_ms + 1;
        }
        REQUIRE(log_fixture_crash(&m.f) == 0);
        CHECK_EQUAL(log_start_offset(m.f.log), 0);
        CHECK_MODEL(compaction_model_check(&m));
        CHECK_MODEL(compaction_model_close(&m));
    }
}

/* ---- what is left alone ---- */

static void a_segment_with_a_wrong_batch_stays_as_it_is(void)
{
    static const char path[] = LOG_FIXTURE_FOLDER "/00000000000000000000.log";
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct compaction_model m;
        open_model(&m, seed);
        REQUIRE(log_fixture_open(&m.f) == 0);
        write_batches(&m, 100,
                      &(struct model_batch_plan){.records = 20,
                                                 .keys = 100,
                                                 .tombstone_percent = 10,
                                                 .value_size = 40,
                                                 .codec = seed % 2 == 0 ? CODEC_ZSTD : CODEC_NONE,
                                                 .producer = -1});
        REQUIRE(log_fixture_sync(&m.f) == 0);
        uint64_t bit = 17 * 8 + random_below(&m.random, (uint64_t)15000 * 8);
        REQUIRE(simulated_disk_flip_bit(m.f.disk, path, bit));
        for (int round = 0; round < 2; round++) {
            m.config.delete_retention_ms = 0;
            CHECK_EQUAL(compaction_model_run_once(&m), 0);
            CHECK_EQUAL(m.result.segments_left, 1);
            m.cleaned_end = round == 0 ? 0 : m.result.cleaned_end;
            m.f.now += 10;
        }
        CHECK(m.result.bytes_after < m.result.bytes_before || m.result.records_after == m.result.records_before);
        REQUIRE(simulated_disk_flip_bit(m.f.disk, path, bit));
        CHECK_MODEL(compaction_model_check_interrupted(&m));
        CHECK_MODEL(compaction_model_close(&m));
    }
}

/* Nothing behind an open transaction is cleaned. */
static void an_open_transaction_holds_compaction_back(void)
{
    struct compaction_model m;
    open_model(&m, 1);
    REQUIRE(log_fixture_open(&m.f) == 0);
    struct model_batch_plan plan = {.records = 20, .keys = 5, .value_size = 40, .producer = -1};
    write_batches(&m, 60, &plan);
    int64_t open_from = log_end_offset(m.f.log);
    plan.producer = 0;
    plan.attributes = BATCH_TRANSACTIONAL;
    write_batches(&m, 1, &plan);
    plan = (struct model_batch_plan){.records = 20, .keys = 5, .value_size = 40, .producer = -1};
    write_batches(&m, 60, &plan);
    CHECK_MODEL(compaction_model_run(&m));
    CHECK(m.cleaned_end > 0 && m.cleaned_end <= open_from);
    CHECK_MODEL(compaction_model_check(&m));
    CHECK_MODEL(compaction_model_close(&m));
}

/* ---- bounds ---- */

static void many_keys_take_no_more_memory_but_more_slices(void)
{
    struct compaction_model m;
    compaction_model_init(&m, 1);
    m.f.config.segment_bytes = 200000;
    m.buffer = 65536;
    REQUIRE(log_fixture_open(&m.f) == 0);
    write_batches(&m, 400, &(struct model_batch_plan){.records = 50, .keys = 18000, .value_size = 10, .producer = -1});
    REQUIRE(log_fixture_sync(&m.f) == 0);
    size_t before = memory_total_bytes(&m.f.memory);
    atomic_store(&m.f.memory.counts[MEMORY_LOGS].peak_bytes, atomic_load(&m.f.memory.counts[MEMORY_LOGS].bytes));
    size_t logs = atomic_load(&m.f.memory.counts[MEMORY_LOGS].bytes);
    CHECK_MODEL(compaction_model_run(&m));
    CHECK(m.result.slices >= 3 && m.result.slices <= 6);
    CHECK(atomic_load(&m.f.memory.counts[MEMORY_LOGS].peak_bytes) - logs < m.buffer + (512 << 10));
    CHECK(memory_total_bytes(&m.f.memory) <= before);
    CHECK_MODEL(compaction_model_check(&m));
    CHECK_MODEL(compaction_model_close(&m));
}

static void what_is_too_young_or_not_saved_is_not_looked_at(void)
{
    struct compaction_model m;
    open_model(&m, 1);
    REQUIRE(log_fixture_open(&m.f) == 0);
    struct model_batch_plan plan = {.records = 20, .keys = 5, .value_size = 40, .producer = -1};
    write_batches(&m, 40, &plan);
    int64_t old_end = log_active_base(m.f.log);
    m.f.now += 100000;
    write_batches(&m, 40, &plan);
    REQUIRE(log_fixture_sync(&m.f) == 0);
    m.config.min_lag_ms = 50000;
    struct compaction_bounds bounds = {0, log_synced_end_offset(m.f.log)};
    struct compaction_look look;
    log_compaction_look(m.f.log, &m.config, &bounds, m.f.now, &look);
    CHECK_EQUAL(look.first_uncleanable, old_end);
    CHECK(look.clean_bytes == 0 && look.dirty_bytes > 0 && look.first_dirty == 0 && !look.wants_timestamps);
    m.config.min_lag_ms = 0;
    bounds.recovery_point = old_end - 1;
    log_compaction_look(m.f.log, &m.config, &bounds, m.f.now, &look);
    CHECK(look.first_uncleanable < old_end);
    bounds = (struct compaction_bounds){old_end, log_synced_end_offset(m.f.log)};
    log_compaction_look(m.f.log, &m.config, &bounds, m.f.now, &look);
    CHECK(look.clean_bytes > 0 && look.first_dirty == old_end && look.first_uncleanable == log_active_base(m.f.log));
    REQUIRE(log_fixture_restart(&m.f) == 0);
    m.config.min_lag_ms = 1;
    log_compaction_look(m.f.log, &m.config, &bounds, m.f.now + 10, &look);
    CHECK(look.wants_timestamps);
    CHECK_MODEL(compaction_model_close(&m));
}

static void a_cancelled_run_ends_soon_and_another_goes_on(void)
{
    for (int steps = 0; steps < 30; steps++) {
        struct compaction_model m;
        struct log_compaction *run;
        int rc = 1;
        open_for_interruption(&m, (uint64_t)steps + 1);
        struct compaction_bounds bounds = {m.cleaned_end, log_synced_end_offset(m.f.log)};
        REQUIRE(log_compaction_begin(m.f.log, &m.config, &bounds, m.f.now, m.buffer, &run, &m.f.error) == 0);
        m.run_end = bounds.recovery_point;
        REQUIRE(run != NULL);
        CHECK(log_is_compacting(m.f.log));
        struct log_compaction *other;
        CHECK_EQUAL(log_compaction_begin(m.f.log, &m.config, &bounds, m.f.now, m.buffer, &other, NULL), -EBUSY);
        for (int i = 0; i < steps && rc == 1; i++) {
            log_compaction_execute(run, 3000);
            rc = log_compaction_step(m.f.log, run, &m.f.error);
        }
        log_compaction_cancel(run);
        int more = 0;
        for (; rc == 1; more++) {
            log_compaction_execute(run, 3000);
            rc = log_compaction_step(m.f.log, run, &m.f.error);
        }
        CHECK(rc == 0 && more <= 3);
        log_compaction_end(m.f.log, run, &m.result);
        CHECK(!log_is_compacting(m.f.log));
        m.cleaned_end = m.result.cleaned_end;
        check_after_interruption(&m, steps);
    }
}

SUITE("compaction", CHECK_TEST(the_last_record_of_each_key_stays), CHECK_TEST(what_stays_is_what_the_model_says),
      CHECK_TEST(a_power_cut_anywhere_loses_nothing), CHECK_TEST(a_failing_call_anywhere_loses_nothing),
      CHECK_TEST(without_memory_nothing_is_lost), CHECK_TEST(readers_miss_nothing_while_files_are_replaced),
      CHECK_TEST(a_late_reader_does_not_meet_the_next_replacement),
      CHECK_TEST(what_lies_below_an_unsaved_start_is_compacted_too),
      CHECK_TEST(a_segment_with_a_wrong_batch_stays_as_it_is), CHECK_TEST(an_open_transaction_holds_compaction_back),
      CHECK_TEST(many_keys_take_no_more_memory_but_more_slices),
      CHECK_TEST(what_is_too_young_or_not_saved_is_not_looked_at),
      CHECK_TEST(a_cancelled_run_ends_soon_and_another_goes_on))
