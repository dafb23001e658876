/* The metadata log on a simulated disk, with the server's own writer, pool and loop: what was answered is there after a
 * restart and after a power cut; what failed left nothing behind. */
#include "check.h"
#include "checkpoints.h"
#include "flush.h"
#include "kafka/error_code.h"
#include "metadata_log.h"
#include "operations/new_topic.h"
#include "operations/operations.h"
#include "simulated_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static struct memory memory;
static struct logger logger;
static struct server server;
static uv_loop_t loop;
static int null_descriptor;

/* One change under way. */
struct outcome {
    bool is_done;
    int status;
};

static void note_done(void *context, int status, const struct error *error)
{
    (void)error;
    struct outcome *outcome = context;
    *outcome = (struct outcome){true, status};
}

static int wait_for(struct outcome *outcome)
{
    while (!outcome->is_done)
        uv_run(&loop, UV_RUN_ONCE);
    return outcome->status;
}

/* ---- a server without listeners ---- */

static int open_storage(void)
{
    static const uint8_t random[32] = {1, 2, 3};
    struct error error = {0};
    REQUIRE(writer_thread_open(&loop, &memory, &server.writer, NULL) == 0);
    int rc = data_folder_open(server.disk, 1, random, &server.folder, &server.start, &error);
    if (rc != 0)
        return rc;
    server.logs = (struct log_environment){.disk = server.disk, .memory = &memory, .producer_expiry_ms = 86400000};
    rc = file_cache_create(server.disk, 64, &server.logs.files);
    if (rc != 0)
        goto err_close_folder;
    topics_init(&server.topics, &memory);
    rc = metadata_log_open(&server, &server.metadata, &error);
    if (rc != 0)
        goto err_close_files;
    rc = checkpoints_create(&server, &server.checkpoints);
    if (rc != 0)
        goto err_close_metadata;
    rc = flush_create(&server, &server.flush);
    if (rc != 0)
        goto err_destroy_checkpoints;
    rc = operations_open(&server, &error);
    if (rc == 0)
        return 0;
    flush_destroy(server.flush);
err_destroy_checkpoints:
    checkpoints_destroy(server.checkpoints);
err_close_metadata:
    metadata_log_close(server.metadata);
err_close_files:
    topics_close(&server.topics);
    file_cache_close(server.logs.files);
err_close_folder:
    data_folder_close(server.folder);
    return rc;
}

static void close_storage(void)
{
    operations_close(&server);
    flush_destroy(server.flush);
    writer_thread_close(server.writer);
    uv_run(&loop, UV_RUN_DEFAULT);
    checkpoints_destroy(server.checkpoints);
    metadata_log_close(server.metadata);
    topics_close(&server.topics);
    file_cache_close(server.logs.files);
    data_folder_close(server.folder);
}

static void open_machine(uint64_t seed)
{
    const struct machine machine = {.memory_bytes = (uint64_t)1 << 30, .cores = 1};
    memory_init(&memory);
    null_descriptor = open("/dev/null", O_WRONLY);
    logger_init(&logger, null_descriptor, LOG_ERROR);
    server = (struct server){.memory = &memory, .logger = &logger, .loop = &loop};
    REQUIRE(uv_loop_init(&loop) == 0);
    server.config = config_create(&memory, &machine);
    REQUIRE(server.config != NULL && config_finish(server.config, NULL) == 0);
    jobs_init(&server.jobs, &loop, 4);
    server.disk = simulated_disk_create(&memory, seed);
}

static void close_machine(void)
{
    disk_close(server.disk);
    config_destroy(server.config);
    CHECK(uv_loop_close(&loop) == 0);
    close(null_descriptor);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static void restart_after_power_cut(uint64_t seed)
{
    close_storage();
    simulated_disk_power_cut(server.disk, seed);
    REQUIRE(open_storage() == 0);
}

/* ---- changes ---- */

static int create(const char *name, int32_t partitions, const char *retention)
{
    struct outcome outcome = {false, 0};
    struct topic_config config;
    topic_config_init(&config, server.config);
    if (retention != NULL)
        CHECK_EQUAL(
            new_topic_set_config(&server, &config, slice_of_text("retention.ms"), slice_of_text(retention), NULL),
            KAFKA_NONE);
    metadata_log_create_topic(server.metadata, slice_of_text(name), &config, partitions, note_done, &outcome);
    topic_config_close(&config, &memory);
    return wait_for(&outcome);
}

static struct topic *find(const char *name)
{
    return topics_find(&server.topics, slice_of_text(name));
}

static int delete (const char *name)
{
    struct outcome outcome = {false, 0};
    metadata_log_delete_topic(server.metadata, find(name), note_done, &outcome);
    return wait_for(&outcome);
}

static int grow(const char *name, int32_t partitions)
{
    struct outcome outcome = {false, 0};
    metadata_log_add_partitions(server.metadata, find(name), partitions, note_done, &outcome);
    return wait_for(&outcome);
}

static int configure(const char *name, const char *retention)
{
    struct outcome outcome = {false, 0};
    struct topic_config config;
    CHECK(topic_config_copy(&config, &find(name)->config, &memory) == 0);
    CHECK_EQUAL(new_topic_set_config(&server, &config, slice_of_text("retention.ms"), slice_of_text(retention), NULL),
                KAFKA_NONE);
    metadata_log_set_topic_config(server.metadata, find(name), &config, note_done, &outcome);
    topic_config_close(&config, &memory);
    return wait_for(&outcome);
}

static void what_was_answered_survives_a_power_cut(void)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        open_machine(seed);
        REQUIRE(open_storage() == 0);
        CHECK_EQUAL(create("orders", 3, "1000"), 0);
        CHECK_EQUAL(create("farm:barn", 1, NULL), 0);
        CHECK_EQUAL(create("short-lived", 1, NULL), 0);
        struct uuid id = find("orders")->id;
        CHECK_EQUAL(grow("orders", 5), 0);
        CHECK_EQUAL(configure("farm:barn", "77"), 0);
        CHECK_EQUAL(delete ("short-lived"), 0);
        restart_after_power_cut(seed);
        REQUIRE(find("orders") != NULL && find("farm:barn") != NULL);
        CHECK(uuid_equal(find("orders")->id, id));
        CHECK_EQUAL(find("orders")->partition_count, 5);
        CHECK_EQUAL(find("orders")->config.retention_ms, 1000);
        CHECK_EQUAL(find("farm:barn")->config.retention_ms, 77);
        CHECK(find("short-lived") == NULL);
        for (int32_t i = 0; i < 5; i++)
            CHECK(find("orders")->partitions[i]->log != NULL);
        close_storage();
        close_machine();
    }
}

static void a_name_can_be_taken_again_once_its_topic_is_deleted(void)
{
    open_machine(1);
    REQUIRE(open_storage() == 0);
    CHECK_EQUAL(create("orders", 1, NULL), 0);
    struct uuid first = find("orders")->id;
    CHECK_EQUAL(create("orders", 1, NULL), -EEXIST);
    CHECK_EQUAL(delete ("orders"), 0);
    CHECK(find("orders") == NULL);
    CHECK_EQUAL(create("orders", 2, NULL), 0);
    CHECK(!uuid_equal(find("orders")->id, first));
    CHECK_EQUAL(log_end_offset(find("orders")->partitions[0]->log), 0);
    restart_after_power_cut(7);
    CHECK_EQUAL(find("orders")->partition_count, 2);
    close_storage();
    close_machine();
}

/* Its start and its recovery point lay beyond all that the next one has. */
static void what_the_checkpoints_said_of_a_deleted_topic_is_not_believed_of_the_next(void)
{
    static const uint8_t random[32] = {1};
    struct data_folder *folder;
    struct data_folder_start start;
    struct checkpoint_offset offset = {.topic = slice_of_text("orders"), .partition = 0, .offset = 1000};
    open_machine(1);
    REQUIRE(open_storage() == 0);
    CHECK_EQUAL(create("orders", 1, NULL), 0);
    CHECK_EQUAL(data_folder_write_log_starts(server.disk, &offset, 1, NULL), 0);
    CHECK_EQUAL(data_folder_write_recovery_points(server.disk, &offset, 1, NULL), 0);
    CHECK_EQUAL(delete ("orders"), 0);
    REQUIRE(data_folder_open(server.disk, 1, random, &folder, &start, NULL) == 0);
    CHECK_EQUAL(data_folder_log_start(folder, slice_of_text("orders"), 0), -1);
    CHECK_EQUAL(data_folder_recovery_point(folder, slice_of_text("orders"), 0), -1);
    data_folder_close(folder);
    close_storage();
    close_machine();
}

static void a_topic_in_the_making_keeps_its_name(void)
{
    open_machine(1);
    REQUIRE(open_storage() == 0);
    struct outcome first = {false, 0}, second = {false, 0};
    struct topic_config config;
    topic_config_init(&config, server.config);
    slice name = slice_of_text("orders");
    metadata_log_create_topic(server.metadata, name, &config, 1, note_done, &first);
    CHECK(metadata_log_is_busy(server.metadata, name));
    CHECK(find("orders") == NULL);
    metadata_log_create_topic(server.metadata, name, &config, 1, note_done, &second);
    CHECK_EQUAL(wait_for(&second), -EEXIST);
    CHECK_EQUAL(wait_for(&first), 0);
    CHECK(!metadata_log_is_busy(server.metadata, name));
    CHECK(metadata_log_idle(server.metadata));
    close_storage();
    close_machine();
}

static void partitions_are_only_added(void)
{
    open_machine(1);
    REQUIRE(open_storage() == 0);
    CHECK_EQUAL(create("orders", 2, NULL), 0);
    CHECK_EQUAL(grow("orders", 2), -EINVAL);
    CHECK_EQUAL(grow("orders", 1), -EINVAL);
    CHECK_EQUAL(grow("orders", 3), 0);
    close_storage();
    close_machine();
}

static void nothing_said_of_a_topic_behind_its_deletion_brings_it_back(void)
{
    open_machine(1);
    REQUIRE(open_storage() == 0);
    CHECK_EQUAL(create("orders", 1, NULL), 0);
    struct topic *topic = find("orders");
    struct outcome deleted = {false, 0}, others[3] = {{false, 0}};
    metadata_log_delete_topic(server.metadata, topic, note_done, &deleted);
    metadata_log_set_topic_config(server.metadata, topic, &topic->config, note_done, &others[0]);
    metadata_log_add_partitions(server.metadata, topic, 2, note_done, &others[1]);
    metadata_log_delete_topic(server.metadata, topic, note_done, &others[2]);
    CHECK_EQUAL(wait_for(&deleted), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQUAL(wait_for(&others[i]), -ENOENT);
    restart_after_power_cut(1);
    CHECK(find("orders") == NULL);
    close_storage();
    close_machine();
}

static void partitions_that_are_being_made_count_with_those_there_are(void)
{
    open_machine(1);
    REQUIRE(open_storage() == 0);
    CHECK_EQUAL(create("orders", 1, NULL), 0);
    struct outcome made = {false, 0}, grown = {false, 0}, deleted = {false, 0};
    struct topic_config config;
    topic_config_init(&config, server.config);
    metadata_log_create_topic(server.metadata, slice_of_text("others"), &config, 3, note_done, &made);
    CHECK_EQUAL(metadata_log_planned_partitions(server.metadata), 3);
    CHECK_EQUAL(wait_for(&made), 0);
    metadata_log_add_partitions(server.metadata, find("orders"), 5, note_done, &grown);
    CHECK_EQUAL(metadata_log_planned_partitions(server.metadata), 4);
    metadata_log_delete_topic(server.metadata, find("orders"), note_done, &deleted);
    CHECK_EQUAL(wait_for(&deleted), -EBUSY); /* folders that are being made would be left behind */
    CHECK_EQUAL(wait_for(&grown), 0);
    CHECK_EQUAL(metadata_log_planned_partitions(server.metadata), 0);
    struct new_topic large = {
        .name = slice_of_text("large"), .partitions = NEW_TOPIC_PARTITIONS_MAX - 7, .replication_factor = -1};
    CHECK_EQUAL(new_topic_check(&server, &large, NULL), KAFKA_POLICY_VIOLATION);
    large.partitions--;
    CHECK_EQUAL(new_topic_check(&server, &large, NULL), KAFKA_NONE);
    CHECK_EQUAL(delete ("orders"), 0);
    close_storage();
    close_machine();
}

/* The first is written alone, the others wait for it and share a write. */
static void what_is_configured_is_what_was_written_last(void)
{
    for (int64_t nth = 0; nth < 6; nth++) {
        open_machine((uint64_t)nth);
        REQUIRE(open_storage() == 0);
        CHECK_EQUAL(create("orders", 1, "1000"), 0);
        struct outcome outcomes[3] = {{false, 0}};
        simulated_disk_fail_call_at(server.disk, SIMULATED_WRITE, nth, -ENOSPC);
        for (int i = 0; i < 3; i++) {
            struct topic_config config;
            char text[2] = {(char)('1' + i), '\0'};
            topic_config_init(&config, server.config);
            CHECK_EQUAL(
                new_topic_set_config(&server, &config, slice_of_text("retention.ms"), slice_of_text(text), NULL),
                KAFKA_NONE);
            metadata_log_set_topic_config(server.metadata, find("orders"), &config, note_done, &outcomes[i]);
            topic_config_close(&config, &memory);
        }
        int64_t expected = 1000;
        for (int i = 0; i < 3; i++)
            expected = wait_for(&outcomes[i]) == 0 ? i + 1 : expected;
        if (nth == 1)
            CHECK_EQUAL(expected, 1);
        CHECK_EQUAL(find("orders")->config.retention_ms, expected);
        CHECK(find("orders")->configured_by == NULL);
        close_storage();
        close_machine();
    }
}

static int64_t reserve(int64_t count)
{
    struct outcome outcome = {false, 0};
    int64_t first = -1;
    metadata_log_reserve_producer_ids(server.metadata, count, &first, note_done, &outcome);
    CHECK_EQUAL(wait_for(&outcome), 0);
    return first;
}

static void a_producer_id_is_never_given_twice(void)
{
    open_machine(1);
    REQUIRE(open_storage() == 0);
    int64_t last = -1;
    for (uint64_t seed = 0; seed < 20; seed++) {
        for (int i = 0; i < 3; i++) {
            int64_t first = reserve(1000);
            CHECK(first > last);
            last = first + 999;
        }
        restart_after_power_cut(seed);
    }
    close_storage();
    close_machine();
}

/* Any disk call fails once while topics come and go; afterwards the power is cut. A change that was answered with
 * success holds; one that failed happened whole or not at all; nothing leaks. */
static void any_failing_disk_call_is_survived(void)
{
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        open_machine((uint64_t)nth);
        REQUIRE(open_storage() == 0);
        simulated_disk_fail_at(server.disk, nth, -EIO);
        int created = create("orders", 2, "5");
        int configured = created == 0 ? configure("orders", "6") : -1;
        int deleted = configured == 0 ? delete ("orders") : -1;
        int other = create("others", 1, NULL);
        failed = !simulated_disk_fail_pending(server.disk);
        simulated_disk_fail_at(server.disk, -1, 0);
        restart_after_power_cut((uint64_t)nth);
        const struct topic *orders = find("orders");
        if (created == 0 && deleted != 0)
            CHECK(orders != NULL || configured == 0);
        if (deleted == 0)
            CHECK(orders == NULL);
        if (orders != NULL && configured == 0)
            CHECK_EQUAL(orders->config.retention_ms, 6);
        if (other == 0)
            CHECK(find("others") != NULL);
        close_storage();
        close_machine();
    }
}

static void a_metadata_log_that_was_lost_is_not_begun_anew(void)
{
    open_machine(1);
    REQUIRE(open_storage() == 0);
    CHECK_EQUAL(create("orders", 1, NULL), 0);
    const struct checkpoint_offset point = {slice_of_text("__furrow_metadata"), 0,
                                            log_end_offset(metadata_log_log(server.metadata))};
    CHECK(data_folder_write_recovery_points(server.disk, &point, 1, NULL) == 0);
    close_storage();
    CHECK(disk_remove_tree(server.disk, "__furrow_metadata-0", NULL) == 0);
    CHECK_EQUAL(open_storage(), FURROW_CORRUPT);
    writer_thread_close(server.writer);
    uv_run(&loop, UV_RUN_DEFAULT);
    close_machine();
}

SUITE("metadata_log", CHECK_TEST(a_metadata_log_that_was_lost_is_not_begun_anew),
      CHECK_TEST(what_was_answered_survives_a_power_cut),
      CHECK_TEST(a_name_can_be_taken_again_once_its_topic_is_deleted),
      CHECK_TEST(what_the_checkpoints_said_of_a_deleted_topic_is_not_believed_of_the_next),
      CHECK_TEST(a_topic_in_the_making_keeps_its_name), CHECK_TEST(partitions_are_only_added),
      CHECK_TEST(nothing_said_of_a_topic_behind_its_deletion_brings_it_back),
      CHECK_TEST(partitions_that_are_being_made_count_with_those_there_are),
      CHECK_TEST(what_is_configured_is_what_was_written_last), CHECK_TEST(a_producer_id_is_never_given_twice),
      CHECK_TEST(any_failing_disk_call_is_survived))
