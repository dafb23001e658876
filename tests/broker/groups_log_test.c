/* The groups' log on a simulated disk. */
#include "check.h"
#include "group/group_records.h"
#include "operations/groups.h"
#include "operations/operations.h"
#include "server_fixture.h"
#include "simulated_disk.h"

static struct server_fixture f;

static void write_offset(struct partition *partition, const char *group, int64_t offset)
{
    struct memory memory;
    struct batch_builder builder;
    writer w;
    memory_init(&memory);
    writer_init(&w, &memory, MEMORY_REQUESTS, 1 << 10);
    batch_builder_open(&builder, &w, &BATCH_OPTIONS_PLAIN);
    struct committed_offset value = {.offset = offset, .committed_at = 1700000000000, .leader_epoch = -1};
    REQUIRE(group_records_add_offset(&builder, 1700000000000, slice_of_text(group), slice_of_text("orders"), UUID_ZERO,
                                     0, &value) == 0);
    REQUIRE(batch_builder_close(&builder, NULL) == 0);
    struct append_part part = {.partition = partition, .batch = w.data, .size = w.size};
    CHECK_EQUAL(server_fixture_append_batch(&f, &part, APPEND_ACKS_ALL, APPEND_FROM_COORDINATOR), KAFKA_NONE);
    writer_close(&w);
}

static int64_t offset_of(const char *group)
{
    const struct group *found =
        group_coordinator_find(group_service_coordinator(f.server.groups), slice_of_text(group));
    const struct committed_offset *offset =
        found != NULL ? committed_offsets_find(group_offsets(found), slice_of_text("orders"), 0) : NULL;
    return offset != NULL ? offset->offset : -1;
}

static void the_partitions_of_a_log_that_kafka_made_are_read_before_the_one_that_is_written(void)
{
    static const char *const settings[] = {"furrow.clock.trusted=true", NULL};
    struct topic *topic;
    server_fixture_open(&f, settings);
    server_fixture_make_disk(&f, 1);
    REQUIRE(server_fixture_open_storage(&f) == 0);
    REQUIRE(server_fixture_create_topic(&f, "orders", 1, NULL, &topic) == 0);
    REQUIRE(server_fixture_create_topic(&f, GROUPS_TOPIC, 3, NULL, &topic) == 0);
    write_offset(topic_partition(topic, 2), "kafka's", 5);
    write_offset(topic_partition(topic, 1), "both", 6);
    write_offset(topic_partition(topic, 0), "both", 7);
    while (!operations_idle(&f.server))
        uv_run(&f.loop, UV_RUN_NOWAIT);
    server_fixture_close_storage(&f);
    REQUIRE(server_fixture_open_storage(&f) == 0);
    CHECK_EQUAL(offset_of("kafka's"), 5);
    CHECK_EQUAL(offset_of("both"), 7);
    server_fixture_close_storage(&f);
    CHECK(server_fixture_close(&f));
}

SUITE("the groups' log", CHECK_TEST(the_partitions_of_a_log_that_kafka_made_are_read_before_the_one_that_is_written))
