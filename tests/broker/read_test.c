#include "check.h"
#include "operations_fixture.h"
#include "simulated_disk.h"
#include "transaction_marker.h"

#include <errno.h>

static struct operations_fixture f;

static void open_default(int32_t partitions)
{
    struct topic_config config = fixture_topic_config();
    REQUIRE(operations_fixture_open(&f, partitions, &config) == 0);
}

static void close_all(void)
{
    CHECK(operations_fixture_close(&f));
}

static void append_to(int32_t partition, int32_t records)
{
    struct fixture_append append;
    fixture_append_init(&f, &append, APPEND_ACKS_LEADER);
    fixture_append_add(&f, &append, partition, fixture_make_batch(&f, &(struct fixture_batch){.records = records}));
    fixture_append_run(&f, &append);
    REQUIRE(append.parts[0].error == KAFKA_NONE);
}

static size_t batch_bytes(int32_t records)
{
    return fixture_make_batch(&f, &(struct fixture_batch){.records = records}).size;
}

static uint32_t bytes_of(const struct read_part *part)
{
    return part->read != NULL ? part->read->bytes : 0;
}

static void turns(int count)
{
    for (int i = 0; i < count; i++) {
        uv_run(&f.loop, UV_RUN_NOWAIT);
        uv_sleep(1);
    }
}

static void what_is_there_is_answered_at_once(void)
{
    open_default(2);
    append_to(0, 3);
    append_to(0, 2);
    append_to(1, 1);
    struct fixture_read read;
    fixture_read_init(&f, &read);
    read.request.max_wait_ms = 100000;
    fixture_read_add(&f, &read, 0, 0);
    fixture_read_add(&f, &read, 1, 0);
    fixture_read_run(&f, &read);
    CHECK_EQUAL(bytes_of(&read.parts[0]), batch_bytes(3) + batch_bytes(2));
    CHECK_EQUAL(bytes_of(&read.parts[1]), batch_bytes(1));
    CHECK_EQUAL(read.parts[0].high_watermark, 5);
    CHECK_EQUAL(read.parts[0].stable_end, 5);
    CHECK_EQUAL(read.parts[0].log_start, 0);
    CHECK_EQUAL(read.parts[1].high_watermark, 1);
    read_release(&read.request);
    CHECK(read_service_idle(f.operations.reads));
    close_all();
}

static void an_offset_within_a_batch_gives_the_whole_batch(void)
{
    open_default(1);
    append_to(0, 5);
    append_to(0, 5);
    struct fixture_read read;
    fixture_read_init(&f, &read);
    fixture_read_add(&f, &read, 0, 7);
    fixture_read_run(&f, &read);
    CHECK_EQUAL(bytes_of(&read.parts[0]), batch_bytes(5));
    read_release(&read.request);
    close_all();
}

static void the_first_partition_with_records_gives_a_batch_whatever_the_limits(void)
{
    open_default(3);
    append_to(1, 5);
    append_to(2, 5);
    struct fixture_read read;
    fixture_read_init(&f, &read);
    read.request.max_bytes = 10;
    for (int32_t i = 0; i < 3; i++) {
        fixture_read_add(&f, &read, i, 0);
        read.parts[i].max_bytes = 1;
    }
    fixture_read_run(&f, &read);
    CHECK_EQUAL(bytes_of(&read.parts[0]), 0);
    CHECK_EQUAL(bytes_of(&read.parts[1]), batch_bytes(5));
    CHECK_EQUAL(bytes_of(&read.parts[2]), 0);
    read_release(&read.request);
    close_all();
}

static void later_partitions_share_what_the_limit_leaves(void)
{
    open_default(2);
    append_to(0, 5);
    append_to(1, 5);
    append_to(1, 5);
    struct fixture_read read;
    fixture_read_init(&f, &read);
    read.request.max_bytes = (int32_t)(2 * batch_bytes(5));
    fixture_read_add(&f, &read, 0, 0);
    fixture_read_add(&f, &read, 1, 0);
    fixture_read_run(&f, &read);
    /* A cold part counts with all that it might have brought, so a second try may bring more. */
    CHECK(bytes_of(&read.parts[0]) + bytes_of(&read.parts[1]) <= (uint32_t)read.request.max_bytes);
    CHECK_EQUAL(bytes_of(&read.parts[0]), batch_bytes(5));
    read_release(&read.request);
    fixture_read_init(&f, &read);
    read.request.max_bytes = (int32_t)(2 * batch_bytes(5));
    fixture_read_add(&f, &read, 0, 0);
    fixture_read_add(&f, &read, 1, 0);
    fixture_read_run(&f, &read);
    CHECK_EQUAL(bytes_of(&read.parts[1]), batch_bytes(5));
    read_release(&read.request);
    close_all();
}

static void a_reader_waits_and_is_woken_by_an_append(void)
{
    open_default(2);
    struct fixture_read read;
    fixture_read_init(&f, &read);
    read.request.max_wait_ms = 100000;
    fixture_read_add(&f, &read, 0, 0);
    fixture_read_add(&f, &read, 1, 0);
    read_start(f.operations.reads, &read.request);
    turns(5);
    CHECK(!read.is_done);
    append_to(1, 2);
    fixture_run_until(&f, &read.is_done);
    CHECK_EQUAL(bytes_of(&read.parts[0]), 0);
    CHECK_EQUAL(bytes_of(&read.parts[1]), batch_bytes(2));
    CHECK_EQUAL(read.parts[1].high_watermark, 2);
    read_release(&read.request);
    CHECK(fixture_partition(&f, 0)->waiters == NULL && fixture_partition(&f, 1)->waiters == NULL);
    close_all();
}

static slice make_marker(bool commit)
{
    struct transaction_marker marker = {.producer_id = 7, .commit = commit, .timestamp = FIXTURE_NOW};
    writer w;
    writer_init(&w, &f.memory, MEMORY_REQUESTS, 1000);
    transaction_marker_write(&marker, &w);
    void *bytes = arena_alloc(&f.arena, w.size);
    REQUIRE(writer_ok(&w) && bytes != NULL);
    memcpy(bytes, w.data, w.size);
    slice batch = slice_of(bytes, w.size);
    writer_close(&w);
    return batch;
}

static void append_as_coordinator(slice batch)
{
    struct fixture_append append;
    fixture_append_init(&f, &append, APPEND_ACKS_LEADER);
    append.request.origin = APPEND_FROM_COORDINATOR;
    fixture_append_add(&f, &append, 0, batch);
    fixture_append_run(&f, &append);
    REQUIRE(append.parts[0].error == KAFKA_NONE);
}

/* What stands behind an open transaction wakes nobody who reads what is committed, until the marker comes. */
static void a_committed_reader_waits_for_the_marker(void)
{
    open_default(1);
    struct fixture_read read;
    struct fixture_batch data = {.attributes = BATCH_TRANSACTIONAL, .idempotent = true, .producer_id = 7, .records = 2};
    fixture_read_init(&f, &read);
    read.request.max_wait_ms = 100000;
    read.request.committed = true;
    fixture_read_add(&f, &read, 0, 0);
    read_start(f.operations.reads, &read.request);
    append_as_coordinator(fixture_make_batch(&f, &data));
    append_to(0, 3);
    turns(5);
    CHECK(!read.is_done);
    append_as_coordinator(make_marker(false));
    fixture_run_until(&f, &read.is_done);
    CHECK_EQUAL(read.parts[0].stable_end, 6);
    CHECK(bytes_of(&read.parts[0]) > batch_bytes(3));
    REQUIRE(read.parts[0].read != NULL && read.parts[0].read->aborted_count == 1);
    CHECK_EQUAL(read.parts[0].read->aborted[0].producer_id, 7);
    CHECK_EQUAL(read.parts[0].read->aborted[0].first_offset, 0);
    read_release(&read.request);
    close_all();
}

static void min_bytes_is_waited_for_over_all_partitions(void)
{
    open_default(2);
    append_to(0, 1);
    struct fixture_read read;
    fixture_read_init(&f, &read);
    read.request.max_wait_ms = 100000;
    read.request.min_bytes = (int32_t)(3 * batch_bytes(1));
    fixture_read_add(&f, &read, 0, 0);
    fixture_read_add(&f, &read, 1, 0);
    read_start(f.operations.reads, &read.request);
    turns(5);
    CHECK(!read.is_done);
    append_to(1, 1);
    turns(5);
    CHECK(!read.is_done);
    append_to(0, 1);
    fixture_run_until(&f, &read.is_done);
    CHECK_EQUAL(bytes_of(&read.parts[0]), 2 * batch_bytes(1));
    CHECK_EQUAL(bytes_of(&read.parts[1]), batch_bytes(1));
    read_release(&read.request);
    close_all();
}

static void a_wait_ends_at_its_time_with_what_there_is(void)
{
    open_default(1);
    append_to(0, 1);
    struct fixture_read longer, shorter;
    fixture_read_init(&f, &longer);
    longer.request.max_wait_ms = 100000;
    fixture_read_add(&f, &longer, 0, 1);
    read_start(f.operations.reads, &longer.request);
    fixture_read_init(&f, &shorter);
    shorter.request.max_wait_ms = 20;
    shorter.request.min_bytes = 1 << 19;
    fixture_read_add(&f, &shorter, 0, 0);
    fixture_read_run(&f, &shorter);
    CHECK_EQUAL(bytes_of(&shorter.parts[0]), batch_bytes(1));
    CHECK(!longer.is_done);
    read_release(&shorter.request);
    read_cancel(&longer.request);
    fixture_run_until(&f, &longer.is_done);
    CHECK_EQUAL(bytes_of(&longer.parts[0]), 0);
    read_release(&longer.request);
    close_all();
}

static void nobody_waits_without_a_time(void)
{
    open_default(1);
    struct fixture_read read;
    fixture_read_init(&f, &read);
    fixture_read_add(&f, &read, 0, 0);
    fixture_read_run(&f, &read);
    CHECK_EQUAL(read.parts[0].error, KAFKA_NONE);
    CHECK_EQUAL(read.parts[0].high_watermark, 0);
    read_release(&read.request);
    fixture_read_init(&f, &read);
    read.request.max_wait_ms = 100000;
    fixture_read_run(&f, &read); /* no partitions: nothing to wait for */
    read_release(&read.request);
    close_all();
}

static void an_error_is_answered_at_once_and_the_others_are_read(void)
{
    open_default(3);
    append_to(0, 1);
    struct fixture_read read;
    fixture_read_init(&f, &read);
    read.request.max_wait_ms = 100000;
    read.request.min_bytes = 1 << 19;
    fixture_read_add(&f, &read, 0, 0);
    fixture_read_add(&f, &read, 1, 1);
    fixture_read_add(&f, &read, 2, 0);
    read.parts[2].partition = NULL;
    read.parts[2].error = KAFKA_UNKNOWN_TOPIC_ID;
    fixture_read_run(&f, &read);
    CHECK_EQUAL(bytes_of(&read.parts[0]), batch_bytes(1));
    CHECK_EQUAL(read.parts[1].error, KAFKA_OFFSET_OUT_OF_RANGE);
    CHECK_EQUAL(read.parts[1].high_watermark, -1);
    CHECK_EQUAL(read.parts[2].error, KAFKA_UNKNOWN_TOPIC_ID);
    read_release(&read.request);
    close_all();
}

static void negative_offsets_are_out_of_range(void)
{
    open_default(1);
    struct fixture_read read;
    fixture_read_init(&f, &read);
    fixture_read_add(&f, &read, 0, -1);
    fixture_read_run(&f, &read);
    CHECK_EQUAL(read.parts[0].error, KAFKA_OFFSET_OUT_OF_RANGE);
    read_release(&read.request);
    close_all();
}

static void a_failing_disk_is_that_partitions_error(void)
{
    open_default(2);
    append_to(0, 1);
    append_to(1, 1);
    simulated_disk_set_cached(f.disk, false);
    simulated_disk_fail_call_at(f.disk, SIMULATED_READ, 0, -EIO);
    struct fixture_read read;
    fixture_read_init(&f, &read);
    fixture_read_add(&f, &read, 0, 0);
    fixture_read_add(&f, &read, 1, 0);
    fixture_read_run(&f, &read);
    CHECK_EQUAL(read.parts[0].error, KAFKA_KAFKA_STORAGE_ERROR);
    CHECK_EQUAL(bytes_of(&read.parts[0]), 0);
    CHECK_EQUAL(bytes_of(&read.parts[1]), batch_bytes(1));
    read_release(&read.request);
    close_all();
}

static void a_wait_for_a_topic_ends_with_the_topic(void)
{
    open_default(1);
    struct fixture_read read;
    fixture_read_init(&f, &read);
    read.request.max_wait_ms = 100000;
    fixture_read_add(&f, &read, 0, 0);
    read_start(f.operations.reads, &read.request);
    turns(3);
    struct partition *partition = fixture_partition(&f, 0);
    topic_hold(f.topic);
    topics_remove(&f.topics, f.topic);
    read_wake(f.operations.reads, partition);
    fixture_run_until(&f, &read.is_done);
    CHECK_EQUAL(read.parts[0].error, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    read_release(&read.request);
    topic_release(&f.topics, f.topic);
    close_all();
}

static void many_wait_under_one_timer(void)
{
    open_default(1);
    struct fixture_read reads[50];
    for (int i = 0; i < 50; i++) {
        fixture_read_init(&f, &reads[i]);
        reads[i].request.max_wait_ms = (i * 37) % 50 + 1;
        fixture_read_add(&f, &reads[i], 0, 0);
        read_start(f.operations.reads, &reads[i].request);
    }
    uint64_t started = uv_now(&f.loop);
    for (int i = 0; i < 50; i++) {
        fixture_run_until(&f, &reads[i].is_done);
        read_release(&reads[i].request);
    }
    CHECK(uv_now(&f.loop) - started >= 50);
    CHECK(read_service_idle(f.operations.reads));
    close_all();
}

static void a_fetch_behind_the_active_segment_does_not_wait(void)
{
    struct topic_config config = fixture_topic_config();
    config.log.segment_bytes = 300;
    REQUIRE(operations_fixture_open(&f, 1, &config) == 0);
    for (int i = 0; i < 10; i++)
        append_to(0, 3);
    struct fixture_read read;
    fixture_read_init(&f, &read);
    read.request.max_wait_ms = 100000;
    read.request.min_bytes = 1 << 20;
    fixture_read_add(&f, &read, 0, 0);
    fixture_read_run(&f, &read);
    CHECK(bytes_of(&read.parts[0]) != 0);
    read_release(&read.request);
    close_all();
}

static void all_records_come_back_in_order_from_many_segments(void)
{
    struct topic_config config = fixture_topic_config();
    config.log.segment_bytes = 1000;
    REQUIRE(operations_fixture_open(&f, 1, &config) == 0);
    for (int i = 0; i < 40; i++)
        append_to(0, 1 + i % 3);
    int64_t end = log_end_offset(fixture_partition(&f, 0)->log), offset = 0;
    while (offset < end) {
        struct fixture_read read;
        fixture_read_init(&f, &read);
        fixture_read_add(&f, &read, 0, offset);
        read.parts[0].max_bytes = 250;
        fixture_read_run(&f, &read);
        REQUIRE(bytes_of(&read.parts[0]) >= BATCH_HEADER_SIZE);
        uint8_t bytes[BATCH_HEADER_SIZE];
        size_t got;
        struct batch_header header;
        REQUIRE(file_read(read.parts[0].read->file, bytes, sizeof bytes, read.parts[0].read->position, &got, NULL) ==
                0);
        REQUIRE(batch_parse_header(slice_of(bytes, got), &header, NULL) == 0);
        CHECK_EQUAL(header.base_offset, offset);
        offset = batch_last_offset(&header) + 1;
        read_release(&read.request);
    }
    CHECK_EQUAL(offset, end);
    close_all();
}

struct found {
    struct find_offset find;
    bool is_done;
};

static void on_found(struct find_offset *find)
{
    ((struct found *)find->context)->is_done = true;
}

static struct find_offset find_at(int64_t timestamp)
{
    struct find_group group;
    find_group_init(&group);
    struct found found = {.find = {.group = &group,
                                   .partition = fixture_partition(&f, 0),
                                   .timestamp = timestamp,
                                   .done = on_found,
                                   .context = &found}};
    find_offset_start(&f.operations, &found.find);
    fixture_run_until(&f, &found.is_done);
    return found.find;
}

static void offsets_are_found_by_time_and_by_name(void)
{
    open_default(1);
    for (int i = 0; i < 5; i++)
        (void)fixture_append_one(&f, &(struct fixture_batch){.records = 10, .timestamp = FIXTURE_NOW + 100 * i});
    CHECK_EQUAL(find_at(FIND_EARLIEST).offset, 0);
    CHECK_EQUAL(find_at(FIND_EARLIEST_LOCAL).offset, 0);
    CHECK_EQUAL(find_at(FIND_LATEST).offset, 50);
    CHECK_EQUAL(find_at(FIND_LATEST).found_timestamp, -1);
    CHECK_EQUAL(find_at(FIND_LATEST).leader_epoch, log_leader_epoch(fixture_partition(&f, 0)->log));
    CHECK_EQUAL(find_at(FIND_LATEST_TIERED).offset, -1);
    CHECK_EQUAL(find_at(FIND_EARLIEST_PENDING_UPLOAD).offset, -1);
    CHECK_EQUAL(find_at(FIND_MAX_TIMESTAMP).offset, 49);
    CHECK_EQUAL(find_at(FIND_MAX_TIMESTAMP).found_timestamp, FIXTURE_NOW + 409);
    struct find_offset found = find_at(FIXTURE_NOW + 103);
    CHECK_EQUAL(found.offset, 13);
    CHECK_EQUAL(found.found_timestamp, FIXTURE_NOW + 103);
    CHECK_EQUAL(find_at(FIXTURE_NOW + 50).offset, 10);
    CHECK_EQUAL(find_at(0).offset, 0);
    CHECK_EQUAL(find_at(FIXTURE_NOW + 410).offset, -1);
    CHECK_EQUAL(find_at(FIXTURE_NOW + 410).error, KAFKA_NONE);
    close_all();
}

static unsigned jobs_submitted(void)
{
    unsigned count = f.jobs.running;
    for (const struct job *job = f.jobs.waiting; job != NULL; job = job->next)
        count++;
    return count;
}

static void start_searches(struct find_group *group, struct found *found, int count)
{
    find_group_init(group);
    for (int i = 0; i < count; i++) {
        found[i] = (struct found){.find = {.group = group,
                                           .partition = fixture_partition(&f, 0),
                                           .timestamp = FIXTURE_NOW + i,
                                           .done = on_found,
                                           .context = &found[i]}};
        find_offset_start(&f.operations, &found[i].find);
    }
}

static void searches_of_one_request_take_turns_in_the_pool(void)
{
    open_default(1);
    (void)fixture_append_one(&f, &(struct fixture_batch){.records = 30});
    struct find_group group;
    struct found found[30];
    start_searches(&group, found, 30);
    for (int i = 0; i < 30; i++) {
        CHECK(jobs_submitted() <= FIND_SEARCHES_MAX);
        fixture_run_until(&f, &found[i].is_done);
        CHECK_EQUAL(found[i].find.error, KAFKA_NONE);
        CHECK_EQUAL(found[i].find.offset, i);
    }
    close_all();
}

static void a_search_that_waits_ends_with_its_topic(void)
{
    open_default(1);
    (void)fixture_append_one(&f, &(struct fixture_batch){.records = 30});
    struct find_group group;
    struct found found[30];
    start_searches(&group, found, 30);
    topics_remove(&f.topics, f.topic);
    for (int i = 0; i < 30; i++)
        fixture_run_until(&f, &found[i].is_done);
    CHECK_EQUAL(found[29].find.error, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    CHECK_EQUAL(found[29].find.offset, -1);
    close_all();
}

static void begin_epoch(int32_t epoch)
{
    struct partition *partition = fixture_partition(&f, 0);
    struct log_opening opening = {.clean = true,
                                  .recovery_point = log_end_offset(partition->log),
                                  .log_start = -1,
                                  .leader_epoch = epoch,
                                  .now = f.now};
    struct log_recovery recovery;
    REQUIRE(log_flush_for_stop(partition->log, f.now, NULL) == 0);
    log_close(partition->log);
    partition->log = NULL;
    REQUIRE(log_open(&f.logs, "orders-0", &f.topic->config.log, &opening, &partition->log, &recovery, NULL) == 0);
}

static void check_epoch_end(int32_t asked, int32_t expected_epoch, int64_t expected_end)
{
    int32_t epoch;
    int64_t end;
    find_epoch_end(fixture_partition(&f, 0)->log, asked, &epoch, &end);
    CHECK_EQUAL(epoch, expected_epoch);
    CHECK_EQUAL(end, expected_end);
}

/* As a client asks that wonders whether what it has read is still there (KIP-320). */
static void an_epoch_ends_where_the_next_one_began(void)
{
    open_default(1);
    check_epoch_end(0, 0, 0);
    append_to(0, 3);
    begin_epoch(2);
    check_epoch_end(2, 2, 3); /* nothing was written in it yet */
    append_to(0, 4);
    begin_epoch(5);
    check_epoch_end(0, 0, 3);
    check_epoch_end(1, 0, 3);
    check_epoch_end(2, 2, 7);
    check_epoch_end(4, 4, 7); /* began and ended without a batch */
    check_epoch_end(5, 5, 7);
    check_epoch_end(6, -1, -1);
    check_epoch_end(-1, -1, -1);
    CHECK_EQUAL(find_at(FIND_EARLIEST).leader_epoch, 0);
    CHECK_EQUAL(find_at(FIND_LATEST).leader_epoch, 5);
    REQUIRE(log_set_start_offset(fixture_partition(&f, 0)->log, 3, NULL) == 0);
    CHECK_EQUAL(find_at(FIND_EARLIEST).offset, 3);
    CHECK_EQUAL(find_at(FIND_EARLIEST).leader_epoch, 2);
    const struct log *log = fixture_partition(&f, 0)->log;
    CHECK_EQUAL(find_epoch_error(log, -1), KAFKA_NONE);
    CHECK_EQUAL(find_epoch_error(log, 5), KAFKA_NONE);
    CHECK_EQUAL(find_epoch_error(log, 4), KAFKA_FENCED_LEADER_EPOCH);
    CHECK_EQUAL(find_epoch_error(log, -2), KAFKA_FENCED_LEADER_EPOCH);
    CHECK_EQUAL(find_epoch_error(log, 6), KAFKA_UNKNOWN_LEADER_EPOCH);
    close_all();
}

/* Whatever allocation fails: an answer comes, with records or with an error, and nothing is lost. */
static void any_allocation_may_fail(void)
{
    bool more = true;
    for (int64_t nth = 0; more; nth++) {
        struct topic_config config = fixture_topic_config();
        config.log.segment_bytes = 200;
        REQUIRE(operations_fixture_open(&f, 2, &config) == 0);
        for (int i = 0; i < 4; i++)
            append_to(i % 2, 2);
        struct fixture_read read;
        fixture_read_init(&f, &read);
        fixture_read_add(&f, &read, 0, 0);
        fixture_read_add(&f, &read, 1, 0);
        memory_fail_at(&f.memory, nth);
        fixture_read_run(&f, &read);
        more = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        for (int i = 0; i < 2; i++)
            CHECK((bytes_of(&read.parts[i]) != 0) == (read.parts[i].error == KAFKA_NONE));
        read_release(&read.request);
        close_all();
    }
}

SUITE("read", CHECK_TEST(what_is_there_is_answered_at_once), CHECK_TEST(an_offset_within_a_batch_gives_the_whole_batch),
      CHECK_TEST(the_first_partition_with_records_gives_a_batch_whatever_the_limits),
      CHECK_TEST(later_partitions_share_what_the_limit_leaves), CHECK_TEST(a_reader_waits_and_is_woken_by_an_append),
      CHECK_TEST(a_committed_reader_waits_for_the_marker), CHECK_TEST(min_bytes_is_waited_for_over_all_partitions),
      CHECK_TEST(a_wait_ends_at_its_time_with_what_there_is), CHECK_TEST(nobody_waits_without_a_time),
      CHECK_TEST(an_error_is_answered_at_once_and_the_others_are_read), CHECK_TEST(negative_offsets_are_out_of_range),
      CHECK_TEST(a_failing_disk_is_that_partitions_error), CHECK_TEST(a_wait_for_a_topic_ends_with_the_topic),
      CHECK_TEST(many_wait_under_one_timer), CHECK_TEST(a_fetch_behind_the_active_segment_does_not_wait),
      CHECK_TEST(all_records_come_back_in_order_from_many_segments), CHECK_TEST(offsets_are_found_by_time_and_by_name),
      CHECK_TEST(searches_of_one_request_take_turns_in_the_pool), CHECK_TEST(a_search_that_waits_ends_with_its_topic),
      CHECK_TEST(an_epoch_ends_where_the_next_one_began), CHECK_TEST(any_allocation_may_fail))
