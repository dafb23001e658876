#include "log_fixture.h"
#include "segment.h"
#include "simulated_disk.h"

#include "check.h"

#include <errno.h>

/* ---- what stands on the disk ---- */

static bool part_is(struct log_fixture *f, int64_t base_offset, enum segment_part part, slice expected)
{
    char path[DISK_PATH_MAX];
    uint8_t *bytes;
    size_t size;
    segment_path(LOG_FIXTURE_FOLDER, base_offset, part, path);
    if (disk_read_file(f->disk, path, SIZE_MAX, MEMORY_REQUESTS, &bytes, &size, &f->error) != 0)
        return false;
    bool is = slice_equal(slice_of(bytes, size), expected);
    memory_free(&f->memory, MEMORY_REQUESTS, bytes, size);
    return is;
}

static void what_is_appended_is_read_back(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    int64_t records = 0;
    for (int i = 0; i < 500; i++) {
        struct test_batch batch = {.records = 1 + i % 7, .size = 10 + (uint32_t)i * 3, .content = (uint64_t)i};
        REQUIRE(log_fixture_append(&f, &batch, i % 10 == 0) == records);
        records += batch.records;
    }
    CHECK_EQUAL(log_end_offset(f.log), records);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 1 << 20), records);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 5000), records);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 1), records);
    REQUIRE(log_fixture_restart(&f) == 0);
    CHECK_EQUAL(log_end_offset(f.log), records);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 100000), records);
    CHECK(log_fixture_close(&f));
}

static void on_a_real_disk_too(void)
{
    struct log_fixture f;
    char folder[64];
    log_fixture_init_real(&f, folder);
    f.config.segment_bytes = 20000;
    REQUIRE(log_fixture_open(&f) == 0);
    for (int i = 0; i < 200; i++) {
        struct test_batch batch = {.records = 2, .size = 300, .content = (uint64_t)i};
        REQUIRE(log_fixture_append(&f, &batch, i % 50 == 0) == 2 * i);
    }
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 4000), 400);
    REQUIRE(log_fixture_restart(&f) == 0);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 4000), 400);
    REQUIRE(log_fixture_crash(&f) == 0);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 4000), 400);
    CHECK(uuid_equal(log_topic_id(f.log), LOG_FIXTURE_TOPIC_ID));
    log_fixture_shut(&f);
    CHECK(log_delete_files(f.disk, LOG_FIXTURE_FOLDER, &f.error) == 0);
    CHECK(log_fixture_close(&f));
    CHECK(remove(folder) == 0);
}

static void batches_stand_as_they_were_sent_but_for_offset_and_epoch(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.opening.leader_epoch = 7;
    REQUIRE(log_fixture_open(&f) == 0);
    struct test_batch first = {.records = 3, .timestamp = LOG_FIXTURE_TIME, .content = 1};
    struct test_batch second = {.records = 2, .codec = CODEC_ZSTD, .timestamp = LOG_FIXTURE_TIME, .content = 2};
    struct log_append *a = test_append_make(&f.memory, &first);
    struct log_append *b = test_append_make(&f.memory, &second);
    REQUIRE(a != NULL && b != NULL);
    a->next = b;
    uint8_t expected[1000];
    size_t size = a->size + b->size;
    REQUIRE(size <= sizeof expected);
    memcpy(expected, a->batch, a->size);
    memcpy(expected + a->size, b->batch, b->size);
    batch_stamp_offset(expected, 0, 7);
    batch_stamp_offset(expected + a->size, 3, 7);
    uint64_t writes = simulated_disk_calls_of(f.disk, SIMULATED_WRITE);
    REQUIRE(log_fixture_append_queue(&f, a, false) == 0);
    CHECK_EQUAL(simulated_disk_calls_of(f.disk, SIMULATED_WRITE), writes + 1);
    CHECK(part_is(&f, 0, SEGMENT_LOG, slice_of(expected, size)));
    test_append_free(&f.memory, a);
    test_append_free(&f.memory, b);
    CHECK(log_fixture_close(&f));
}

static void a_lone_record_costs_one_call_and_one_for_the_sync(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    struct test_batch batch = {.content = 1};
    REQUIRE(log_fixture_append(&f, &batch, true) == 0);
    uint64_t calls = simulated_disk_calls(f.disk);
    REQUIRE(log_fixture_append(&f, &batch, false) == 1);
    CHECK_EQUAL(simulated_disk_calls(f.disk), calls + 1);
    REQUIRE(log_fixture_append(&f, &batch, true) == 2);
    CHECK_EQUAL(simulated_disk_calls(f.disk), calls + 3);
    CHECK(log_fixture_close(&f));
}

/* Kafka's LogSegment.append, written again from its description. */
static void indexes_are_as_kafka_makes_them(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.config.index_interval_bytes = 1000;
    REQUIRE(log_fixture_open(&f) == 0);
    uint8_t index[20000];
    uint8_t times[30000];
    size_t index_size = 0;
    size_t times_size = 0;
    uint32_t position = 0;
    uint32_t since = 0;
    int64_t largest = -1;
    int64_t largest_offset = 0;
    int64_t last_entry = -1;
    for (int i = 0; i < 1000; i++) {
        struct test_batch what = {.records = 1 + i % 3,
                                  .size = 1 + (uint32_t)(i * 37 % 900),
                                  .timestamp = LOG_FIXTURE_TIME + i * 10 - (i % 5) * 40,
                                  .content = (uint64_t)i};
        struct log_append *append = test_append_make(&f.memory, &what);
        REQUIRE(append != NULL && log_fixture_append_queue(&f, append, false) == 0 && append->status == 0);
        int64_t last_offset = append->base_offset + what.records - 1;
        if (append->header.max_timestamp > largest) {
            largest = append->header.max_timestamp;
            largest_offset = last_offset;
        }
        if (since > 1000) {
            store_u32(index + index_size, (uint32_t)last_offset);
            store_u32(index + index_size + 4, position);
            index_size += 8;
            if (largest > last_entry) {
                store_u64(times + times_size, (uint64_t)largest);
                store_u32(times + times_size + 8, (uint32_t)largest_offset);
                times_size += 12;
                last_entry = largest;
            }
            since = 0;
        }
        since += (uint32_t)append->size;
        position += (uint32_t)append->size;
        test_append_free(&f.memory, append);
    }
    if (largest > last_entry) {
        store_u64(times + times_size, (uint64_t)largest);
        store_u32(times + times_size + 8, (uint32_t)largest_offset);
        times_size += 12;
    }
    REQUIRE(log_flush_for_stop(f.log, f.now, &f.error) == 0);
    CHECK(part_is(&f, 0, SEGMENT_OFFSET_INDEX, slice_of(index, index_size)));
    CHECK(part_is(&f, 0, SEGMENT_TIME_INDEX, slice_of(times, times_size)));
    CHECK(log_fixture_close(&f));
}

/* ---- rolling ---- */

static int64_t active_base_after(struct log_fixture *f, const struct test_batch *batch)
{
    REQUIRE(log_fixture_append(f, batch, false) >= 0);
    return log_active_base(f->log);
}

static void a_segment_is_rolled_when_the_next_batch_does_not_fit(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    struct test_batch batch = {.records = 2, .size = 100, .content = 1};
    struct log_append *append = test_append_make(&f.memory, &batch);
    f.config.segment_bytes = (int64_t)append->size * 3;
    test_append_free(&f.memory, append);
    REQUIRE(log_fixture_open(&f) == 0);
    CHECK_EQUAL(active_base_after(&f, &batch), 0);
    CHECK_EQUAL(active_base_after(&f, &batch), 0);
    CHECK_EQUAL(active_base_after(&f, &batch), 0);
    CHECK_EQUAL(active_base_after(&f, &batch), 6);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 10000), 8);
    batch.size = 1000;
    CHECK_EQUAL(log_fixture_append(&f, &batch, false), FURROW_TOO_LARGE);
    CHECK_EQUAL(log_end_offset(f.log), 8);
    CHECK(log_fixture_close(&f));
}

static void a_segment_is_rolled_by_the_timestamps_of_its_batches(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.config.segment_ms = 1000;
    REQUIRE(log_fixture_open(&f) == 0);
    struct test_batch batch = {.timestamp = LOG_FIXTURE_TIME, .content = 1};
    CHECK_EQUAL(active_base_after(&f, &batch), 0);
    batch.timestamp += 1000;
    f.now += 100000; /* the clock does not count where batches have timestamps */
    CHECK_EQUAL(active_base_after(&f, &batch), 0);
    batch.timestamp += 1;
    CHECK_EQUAL(active_base_after(&f, &batch), 2);
    batch.timestamp -= 50000;
    CHECK_EQUAL(active_base_after(&f, &batch), 2);
    REQUIRE(log_fixture_restart(&f) == 0);
    batch.timestamp += 51001;
    CHECK_EQUAL(active_base_after(&f, &batch), 4);
    CHECK(log_fixture_close(&f));
}

static void a_segment_without_timestamps_is_rolled_by_the_clock(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.config.segment_ms = 1000;
    REQUIRE(log_fixture_open(&f) == 0);
    struct test_batch batch = {.timestamp = -1, .content = 1};
    CHECK_EQUAL(active_base_after(&f, &batch), 0);
    f.now += 1000;
    CHECK_EQUAL(active_base_after(&f, &batch), 0);
    f.now += 1;
    CHECK_EQUAL(active_base_after(&f, &batch), 2);
    CHECK(log_fixture_close(&f));
}

/* Records 1 ms apart: a segment has as many as it may become old. */
static void jitter_makes_segments_younger_each_in_its_own_way(void)
{
    enum { SEGMENTS = 20 };
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.config.segment_ms = 100;
    f.config.segment_jitter_ms = 60;
    REQUIRE(log_fixture_open(&f) == 0);
    int64_t bases[SEGMENTS + 1] = {0}, shortest = INT64_MAX, longest = 0;
    struct test_batch batch = {.timestamp = LOG_FIXTURE_TIME, .content = 1};
    for (int found = 0; found < SEGMENTS; batch.timestamp++) {
        int64_t base = active_base_after(&f, &batch);
        if (base == bases[found])
            continue;
        int64_t age = base - bases[found];
        bases[++found] = base;
        shortest = age < shortest ? age : shortest;
        longest = age > longest ? age : longest;
    }
    CHECK(shortest > 40 && longest <= 101);
    CHECK(longest - shortest > 30);
    CHECK(log_fixture_close(&f));
}

static void a_segment_is_rolled_when_its_index_is_full(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.config.index_interval_bytes = 0;
    f.config.segment_index_bytes = 8 * 10;
    REQUIRE(log_fixture_open(&f) == 0);
    struct test_batch batch = {.timestamp = LOG_FIXTURE_TIME, .content = 1};
    for (int i = 0; i < 11; i++) /* the first gets no entry */
        CHECK_EQUAL(active_base_after(&f, &batch), 0);
    CHECK_EQUAL(active_base_after(&f, &batch), 11);
    CHECK(log_fixture_close(&f));
}

static void a_segment_is_rolled_before_an_offset_too_far_for_its_index(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    struct test_batch batch = {.timestamp = LOG_FIXTURE_TIME, .content = 1};
    struct log_append *append = test_append_make(&f.memory, &batch);
    /* As a compacted batch: one record and many offsets. */
    store_u32(append->batch + 23, INT32_MAX - 1);
    batch_stamp_max_timestamp(append->batch, append->size, append->header.max_timestamp);
    REQUIRE(batch_parse_header(slice_of(append->batch, append->size), &append->header, NULL) == 0);
    REQUIRE(log_fixture_append_queue(&f, append, false) == 0);
    test_append_free(&f.memory, append);
    CHECK_EQUAL(active_base_after(&f, &batch), 0); /* INT32_MAX itself can still be told */
    CHECK_EQUAL(active_base_after(&f, &batch), (int64_t)INT32_MAX + 1);
    CHECK(log_fixture_close(&f));
}

static void a_long_queue_is_written_segment_by_segment(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.config.segment_bytes = 1000;
    f.config.index_interval_bytes = 10;
    REQUIRE(log_fixture_open(&f) == 0);
    struct log_append *appends[200];
    for (int i = 0; i < 200; i++) {
        struct test_batch batch = {.timestamp = LOG_FIXTURE_TIME, .content = (uint64_t)i};
        appends[i] = test_append_make(&f.memory, &batch);
        if (i > 0)
            appends[i - 1]->next = appends[i];
    }
    REQUIRE(log_fixture_append_queue(&f, appends[0], true) == 0);
    for (int i = 0; i < 200; i++) {
        CHECK(appends[i]->status == 0 && appends[i]->base_offset == i);
        test_append_free(&f.memory, appends[i]);
    }
    CHECK_EQUAL(log_synced_end_offset(f.log), 200);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 700), 200);
    CHECK(log_fixture_close(&f));
}

/* ---- producers ---- */

static void a_duplicate_in_the_same_queue_is_told_where_the_first_stands(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    struct test_batch plain = {.records = 4, .content = 1};
    REQUIRE(log_fixture_append(&f, &plain, false) == 0);
    struct test_batch batch = {.records = 2, .idempotent = true, .producer_id = 9, .content = 2};
    struct log_append *first = test_append_make(&f.memory, &batch);
    struct log_append *again = test_append_make(&f.memory, &batch);
    batch.sequence = 3;
    struct log_append *gap = test_append_make(&f.memory, &batch);
    batch.sequence = 2;
    struct log_append *next = test_append_make(&f.memory, &batch);
    first->next = again;
    again->next = gap;
    gap->next = next;
    REQUIRE(log_fixture_append_queue(&f, first, false) == 0);
    CHECK(first->status == 0 && first->base_offset == 4);
    CHECK(again->status == FURROW_DUPLICATE_SEQUENCE && again->base_offset == 4);
    CHECK(gap->status == FURROW_OUT_OF_ORDER_SEQUENCE);
    CHECK(next->status == 0 && next->base_offset == 6);
    CHECK_EQUAL(log_end_offset(f.log), 8);

    /* Refused at once: there is nothing to write. */
    again->next = NULL;
    struct log_append *queue = again;
    struct log_write *write;
    struct log_append *done;
    REQUIRE(log_write_begin(f.log, &queue, f.now, &write, &done, &f.error) == 0);
    CHECK(write == NULL && done == again && queue == NULL);
    CHECK(again->status == FURROW_DUPLICATE_SEQUENCE && again->base_offset == 4);
    test_append_free(&f.memory, first);
    test_append_free(&f.memory, again);
    test_append_free(&f.memory, gap);
    test_append_free(&f.memory, next);
    CHECK(log_fixture_close(&f));
}

static void a_duplicate_fails_with_the_write_that_has_the_first(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    struct test_batch batch = {.records = 2, .idempotent = true, .producer_id = 9, .content = 2};
    struct log_append *first = test_append_make(&f.memory, &batch);
    struct log_append *again = test_append_make(&f.memory, &batch);
    first->next = again;
    simulated_disk_fail_call_at(f.disk, SIMULATED_WRITE, 0, -ENOSPC);
    REQUIRE(log_fixture_append_queue(&f, first, false) == 0);
    CHECK_EQUAL(first->status, -ENOSPC);
    CHECK_EQUAL(again->status, -ENOSPC);
    first->next = again;
    REQUIRE(log_fixture_append_queue(&f, first, false) == 0);
    CHECK(first->status == 0 && first->base_offset == 0);
    CHECK(again->status == FURROW_DUPLICATE_SEQUENCE && again->base_offset == 0);
    test_append_free(&f.memory, first);
    test_append_free(&f.memory, again);
    CHECK(log_fixture_close(&f));
}

/* ---- failures ---- */

static void a_write_that_is_not_executed_leaves_the_log_as_it_was(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    struct test_batch batch = {.idempotent = true, .content = 1};
    struct log_append *append = test_append_make(&f.memory, &batch);
    struct log_append *queue = append;
    struct log_write *write;
    struct log_append *done;
    REQUIRE(log_write_begin(f.log, &queue, f.now, &write, &done, &f.error) == 0);
    REQUIRE(write != NULL && queue == NULL);
    struct log_append *other = append;
    CHECK_EQUAL(log_write_begin(f.log, &other, f.now, &(struct log_write *){0}, &done, &f.error), -EBUSY);
    CHECK(log_write_end(f.log, write, &f.error) == append);
    CHECK_EQUAL(append->status, -ECANCELED);
    CHECK_EQUAL(log_end_offset(f.log), 0);
    REQUIRE(log_fixture_append_queue(&f, append, true) == 0);
    CHECK(append->status == 0 && append->base_offset == 0);
    test_append_free(&f.memory, append);
    CHECK(log_fixture_close(&f));
}

static void a_failed_sync_takes_the_log_offline_and_reading_goes_on(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    struct test_batch batch = {.content = 1};
    REQUIRE(log_fixture_append(&f, &batch, true) == 0);
    simulated_disk_fail_call_at(f.disk, SIMULATED_SYNC, 0, -EIO);
    CHECK_EQUAL(log_fixture_append(&f, &batch, true), -EIO);
    CHECK(log_is_offline(f.log));
    CHECK_EQUAL(log_fixture_append(&f, &batch, false), FURROW_OFFLINE);
    CHECK_EQUAL(log_fixture_sync(&f), FURROW_OFFLINE);
    CHECK_EQUAL(log_flush_for_stop(f.log, f.now, &f.error), FURROW_OFFLINE);
    CHECK_EQUAL(log_end_offset(f.log), 2); /* it was written, and could be read before its sync failed */
    CHECK_EQUAL(log_synced_end_offset(f.log), 1);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 1), 2);
    CHECK(log_fixture_close(&f));
}

static void what_is_written_can_be_read_before_it_is_synced(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    struct test_batch batch = {.content = 1};
    REQUIRE(log_fixture_append(&f, &batch, false) == 0);
    struct log_sync *sync;
    REQUIRE(log_sync_begin(f.log, false, &sync, &f.error) == 0 && sync != NULL);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 1000), 1);
    log_sync_execute(sync);
    CHECK_EQUAL(log_synced_end_offset(f.log), 0);
    REQUIRE(log_sync_end(f.log, sync, &f.error) == 0);
    CHECK_EQUAL(log_synced_end_offset(f.log), 1);
    CHECK(log_fixture_close(&f));
}

/* The write rolls, too, while the sync is under way. */
static void a_sync_promises_what_was_written_before_it_began(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.config.segment_bytes = 1000;
    REQUIRE(log_fixture_open(&f) == 0);
    struct test_batch batch = {.size = 600, .content = 1};
    for (int64_t i = 0; i < 4; i++) {
        REQUIRE(log_fixture_append(&f, &batch, false) == 2 * i);
        struct log_sync *sync;
        REQUIRE(log_sync_begin(f.log, i % 2 == 0, &sync, &f.error) == 0 && sync != NULL);
        if (i < 2)
            log_sync_execute(sync);
        REQUIRE(log_fixture_append(&f, &batch, false) == 2 * i + 1);
        if (i >= 2)
            log_sync_execute(sync);
        REQUIRE(log_sync_end(f.log, sync, &f.error) == 0);
        CHECK_EQUAL(log_synced_end_offset(f.log), 2 * i + 1);
        CHECK(log_unsynced_bytes(f.log) != 0);
        CHECK(!simulated_disk_is_all_synced(f.disk));
    }
    REQUIRE(log_fixture_sync(&f) == 0);
    CHECK(simulated_disk_is_all_synced(f.disk) && log_synced_end_offset(f.log) == 8);
    CHECK(log_fixture_close(&f));
}

/* Its handle is not in the cache after a start, and the segment is trimmed between the sync's begin and its execution.
 */
static void a_segment_that_goes_meanwhile_needs_no_sync(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.config.segment_bytes = 1000;
    REQUIRE(log_fixture_open(&f) == 0);
    struct test_batch batch = {.size = 600, .content = 1};
    for (int64_t i = 0; i < 3; i++)
        REQUIRE(log_fixture_append(&f, &batch, false) == i);
    REQUIRE(log_fixture_crash(&f) == 0);
    struct log_sync *sync;
    REQUIRE(log_sync_begin(f.log, false, &sync, &f.error) == 0 && sync != NULL);
    REQUIRE(disk_remove_file(f.disk, LOG_FIXTURE_FOLDER "/00000000000000000000.log", &f.error) == 0);
    log_sync_execute(sync);
    CHECK_EQUAL(log_sync_end(f.log, sync, &f.error), 0);
    CHECK_EQUAL(log_synced_end_offset(f.log), 3);
    CHECK(log_fixture_close(&f));
}

static void a_sync_of_all_is_one_call_and_a_failure_is_its_owners(void)
{
    int failed = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct log_fixture f;
        log_fixture_init(&f, seed);
        REQUIRE(log_fixture_open(&f) == 0);
        struct test_batch batch = {.content = 1};
        REQUIRE(log_fixture_append(&f, &batch, true) == 0);
        for (int i = 0; i < 2; i++) {
            REQUIRE(log_fixture_append(&f, &batch, false) == i + 1);
            struct log_sync *sync;
            REQUIRE(log_sync_begin(f.log, false, &sync, &f.error) == 0 && sync != NULL && log_sync_can_join(sync));
            CHECK_EQUAL(log_sync_pauses(sync), 1);
            uint64_t syncs = simulated_disk_calls_of(f.disk, SIMULATED_SYNC);
            if (i == 1)
                simulated_disk_fail_call_at(f.disk, SIMULATED_SYNC_ALL, 0, -EIO);
            log_sync_execute_together(&sync, 1);
            CHECK_EQUAL(simulated_disk_calls_of(f.disk, SIMULATED_SYNC), syncs + (uint64_t)i);
            CHECK_EQUAL(log_sync_can_join(sync), i == 0); /* a later success would prove nothing */
            int rc = log_sync_end(f.log, sync, &f.error);
            CHECK(rc == 0 || (i == 1 && rc == -EIO));
            CHECK_EQUAL(log_synced_end_offset(f.log), rc == 0 ? i + 2 : i + 1);
            CHECK_EQUAL(log_is_offline(f.log), rc != 0);
            CHECK(rc != 0 || simulated_disk_is_all_synced(f.disk));
            failed += rc != 0;
        }
        CHECK(log_fixture_close(&f));
    }
    CHECK(failed > 0 && failed < 20); /* another's file was it sometimes */
}

static void a_full_disk_refuses_and_takes_again_when_there_is_room(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.config.segment_bytes = 3000;
    REQUIRE(log_fixture_open(&f) == 0);
    struct test_batch batch = {.size = 500, .content = 1};
    simulated_disk_set_space(f.disk, 10000);
    int64_t appended = 0;
    while (log_fixture_append(&f, &batch, true) >= 0)
        appended++;
    CHECK(appended > 5 && !log_is_offline(f.log));
    CHECK_EQUAL(log_fixture_append(&f, &batch, true), -ENOSPC);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 1000), appended);
    simulated_disk_set_space(f.disk, 1000000);
    CHECK_EQUAL(log_fixture_append(&f, &batch, true), appended);
    REQUIRE(log_fixture_restart(&f) == 0);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 1000), appended + 1);
    CHECK(log_fixture_close(&f));
}

/* Appends with rolls, syncs and producers; what fails fails. Counts what was acknowledged as synced. */
static int64_t append_much(struct log_fixture *f)
{
    int64_t synced_end = 0;
    int32_t sequence = 0;
    for (int i = 0; i < 40; i++) {
        struct test_batch batch = {.records = 2, .size = 200, .content = (uint64_t)i + 1};
        if (i % 3 == 0)
            batch.idempotent = true, batch.producer_id = 5, batch.sequence = sequence;
        bool sync = i % 4 == 0;
        int64_t offset = log_fixture_append(f, &batch, sync);
        if (offset >= 0 && batch.idempotent)
            sequence += 2;
        if (offset >= 0 && sync)
            synced_end = offset + 2;
    }
    return synced_end;
}

static void check_after_failures(struct log_fixture *f, int64_t synced_end)
{
    if (f->log == NULL)
        return;
    int64_t end = log_end_offset(f->log);
    if (!log_is_offline(f->log))
        CHECK_EQUAL(log_fixture_count_records(f, 0, 3000), end);
    REQUIRE(log_fixture_crash(f) == 0);
    CHECK(log_end_offset(f->log) >= synced_end);
    CHECK_EQUAL(log_fixture_count_records(f, 0, 3000), log_end_offset(f->log));
}

static void appending_survives_each_disk_call_that_fails(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    f.config.segment_bytes = 3000;
    f.config.index_interval_bytes = 50;
    int64_t nth = 0;
    for (bool outlived = false; !outlived; nth++) {
        REQUIRE(!simulated_disk_outlived(f.disk, nth));
        f.opening = (struct log_opening){.clean = true, .recovery_point = -1, .log_start = -1};
        int64_t synced_end = log_fixture_open(&f) == 0 ? append_much(&f) : 0;
        outlived = simulated_disk_fail_pending(f.disk);
        simulated_disk_fail_at(f.disk, -1, 0);
        check_after_failures(&f, synced_end);
        log_fixture_shut(&f);
        CHECK_EQUAL(memory_total_bytes(&f.memory), f.bytes_before);
    }
    CHECK(nth > 80);
    CHECK(log_fixture_close(&f));
}

static void appending_survives_each_allocation_that_fails(void)
{
    bool pending = false;
    for (int64_t nth = 0; !pending; nth++) {
        struct log_fixture f;
        log_fixture_init(&f, 1);
        f.config.segment_bytes = 3000;
        f.config.index_interval_bytes = 50;
        memory_fail_at(&f.memory, nth);
        int64_t synced_end = log_fixture_open(&f) == 0 ? append_much(&f) : 0;
        pending = memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        if (f.log != NULL)
            CHECK(!log_is_offline(f.log));
        check_after_failures(&f, synced_end);
        CHECK(log_fixture_close(&f));
    }
}

SUITE("log_write", CHECK_TEST(what_is_appended_is_read_back), CHECK_TEST(on_a_real_disk_too),
      CHECK_TEST(batches_stand_as_they_were_sent_but_for_offset_and_epoch),
      CHECK_TEST(a_lone_record_costs_one_call_and_one_for_the_sync), CHECK_TEST(indexes_are_as_kafka_makes_them),
      CHECK_TEST(a_segment_is_rolled_when_the_next_batch_does_not_fit),
      CHECK_TEST(a_segment_is_rolled_by_the_timestamps_of_its_batches),
      CHECK_TEST(a_segment_without_timestamps_is_rolled_by_the_clock),
      CHECK_TEST(jitter_makes_segments_younger_each_in_its_own_way),
      CHECK_TEST(a_segment_is_rolled_when_its_index_is_full),
      CHECK_TEST(a_segment_is_rolled_before_an_offset_too_far_for_its_index),
      CHECK_TEST(a_long_queue_is_written_segment_by_segment),
      CHECK_TEST(a_duplicate_in_the_same_queue_is_told_where_the_first_stands),
      CHECK_TEST(a_duplicate_fails_with_the_write_that_has_the_first),
      CHECK_TEST(a_write_that_is_not_executed_leaves_the_log_as_it_was),
      CHECK_TEST(a_failed_sync_takes_the_log_offline_and_reading_goes_on),
      CHECK_TEST(what_is_written_can_be_read_before_it_is_synced),
      CHECK_TEST(a_sync_promises_what_was_written_before_it_began),
      CHECK_TEST(a_segment_that_goes_meanwhile_needs_no_sync),
      CHECK_TEST(a_sync_of_all_is_one_call_and_a_failure_is_its_owners),
      CHECK_TEST(a_full_disk_refuses_and_takes_again_when_there_is_room),
      CHECK_TEST(appending_survives_each_disk_call_that_fails),
      CHECK_TEST(appending_survives_each_allocation_that_fails))
