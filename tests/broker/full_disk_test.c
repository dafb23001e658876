/* Appending and reading while the disk is full. */
#include "operations_fixture.h"

#include "check.h"
#include "simulated_disk.h"

#define RESERVE      (64 << 10)
#define RECORD_BYTES 10000

static struct operations_fixture f;
static struct disk_watch watch;

static void start(uint64_t room)
{
    struct topic_config config = fixture_topic_config();
    REQUIRE(operations_fixture_open(&f, 1, &config) == 0);
    struct disk_space space;
    REQUIRE(disk_find_space(f.disk, &space, NULL) == 0);
    simulated_disk_set_space(f.disk, space.total - space.free + RESERVE + room);
    disk_watch_init(&watch, f.disk, NULL, RESERVE);
    f.operations.disk_watch = &watch;
}

static struct append_part append(void)
{
    return fixture_append_one(&f, &(struct fixture_batch){.size = RECORD_BYTES});
}

static uint64_t read_all(void)
{
    struct fixture_read read;
    fixture_read_init(&f, &read);
    fixture_read_add(&f, &read, 0, 0);
    fixture_read_run(&f, &read);
    CHECK_EQUAL(read.parts[0].error, KAFKA_NONE);
    uint64_t bytes = read.parts[0].read != NULL ? read.parts[0].read->bytes : 0;
    read_release(&read.request);
    return bytes;
}

static void a_second_passes(void)
{
    uint64_t until = uv_now(&f.loop) + 1001;
    while (uv_now(&f.loop) < until) {
        uv_update_time(&f.loop);
        uv_sleep(10);
    }
}

static void records_are_refused_before_the_last_byte_and_taken_again(void)
{
    start(35000);
    for (int i = 0; i < 3; i++)
        CHECK_EQUAL(append().error, KAFKA_NONE);
    for (int i = 0; i < 3; i++) {
        struct append_part refused = append();
        CHECK_EQUAL(refused.error, KAFKA_KAFKA_STORAGE_ERROR);
        CHECK_EQUAL(refused.base_offset, -1);
    }
    CHECK_EQUAL(log_end_offset(fixture_partition(&f, 0)->log), 3);
    CHECK(!log_is_offline(fixture_partition(&f, 0)->log));
    CHECK(read_all() > 3 * RECORD_BYTES);
    simulated_disk_set_space(f.disk, UINT64_MAX);
    CHECK_EQUAL(append().error, KAFKA_KAFKA_STORAGE_ERROR); /* it is looked at once a second */
    a_second_passes();
    CHECK_EQUAL(append().base_offset, 3);
    CHECK(operations_fixture_close(&f));
}

/* Nothing is kept free: the disk itself refuses, and is then left alone for a second. */
static void without_a_reserve_the_disk_is_not_asked_again_and_again(void)
{
    start(0);
    watch.reserve = 0;
    struct disk_space space;
    REQUIRE(disk_find_space(f.disk, &space, NULL) == 0);
    simulated_disk_set_space(f.disk, space.total - space.free + RECORD_BYTES / 2);
    CHECK_EQUAL(append().error, KAFKA_KAFKA_STORAGE_ERROR);
    uint64_t writes = simulated_disk_calls_of(f.disk, SIMULATED_WRITE);
    for (int i = 0; i < 3; i++)
        CHECK_EQUAL(append().error, KAFKA_KAFKA_STORAGE_ERROR);
    CHECK_EQUAL(simulated_disk_calls_of(f.disk, SIMULATED_WRITE), writes);
    simulated_disk_set_space(f.disk, UINT64_MAX);
    a_second_passes();
    CHECK_EQUAL(append().base_offset, 0);
    CHECK(!log_is_offline(fixture_partition(&f, 0)->log));
    CHECK(operations_fixture_close(&f));
}

SUITE("full disk", CHECK_TEST(records_are_refused_before_the_last_byte_and_taken_again),
      CHECK_TEST(without_a_reserve_the_disk_is_not_asked_again_and_again))
