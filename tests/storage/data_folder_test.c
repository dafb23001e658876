#include "check.h"
#include "data_folder.h"
#include "simulated_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NODE 1

static struct memory ledger;
static struct disk *disk;
static struct data_folder *folder;
static struct data_folder_start found;
static struct error error;
static const uint8_t random_bytes[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};

static void start(void)
{
    memory_init(&ledger);
    disk = simulated_disk_create(&ledger, 1);
}

static void finish(void)
{
    CHECK_EQUAL(simulated_disk_open_files(disk), 0);
    disk_close(disk);
    CHECK_EQUAL(memory_total_bytes(&ledger), 0);
}

/* Opens and closes; `found` says what was found. */
static int open_folder(void)
{
    int rc = data_folder_open(disk, NODE, random_bytes, &folder, &found, &error);
    if (rc == 0)
        data_folder_close(folder);
    return rc;
}

static void put(const char *path, const char *text)
{
    REQUIRE(disk_replace_file(disk, path, slice_of_text(text), NULL) == 0);
}

static bool holds(const char *path, const char *text)
{
    uint8_t *bytes;
    size_t size;
    if (disk_read_file(disk, path, 10000, MEMORY_SERVER, &bytes, &size, NULL) != 0)
        return false;
    bool result = slice_equal(slice_of(bytes, size), slice_of_text(text));
    memory_free(&ledger, MEMORY_SERVER, bytes, size);
    return result;
}

static void an_empty_folder_gets_its_ids(void)
{
    start();
    put("lost+found", "");
    put(".DS_Store", "");
    REQUIRE(open_folder() == 0);
    CHECK(found.fresh && found.clean && !found.offsets_lost);
    CHECK_EQUAL(found.leader_epoch, 0);
    CHECK_EQUAL(found.node_id, NODE);
    CHECK_EQUAL(strlen(found.cluster_id), UUID_TEXT_SIZE - 1);
    struct uuid id;
    CHECK(uuid_parse(slice_of_text(found.cluster_id), &id));
    char text[200];
    char directory[UUID_TEXT_SIZE];
    uuid_print(uuid_from_random(random_bytes + 16), directory);
    snprintf(text, sizeof text, "version=1\ncluster.id=%s\nnode.id=1\ndirectory.id=%s\n", found.cluster_id, directory);
    CHECK(holds("meta.properties", text));
    CHECK(holds("furrow.properties", "version=1\nleader.epoch=0\n"));
    CHECK(simulated_disk_is_all_synced(disk));
    finish();
}

static void only_a_clean_stop_keeps_the_leader_epoch(void)
{
    start();
    REQUIRE(open_folder() == 0);
    char cluster_id[UUID_TEXT_SIZE];
    memcpy(cluster_id, found.cluster_id, sizeof cluster_id);
    REQUIRE(open_folder() == 0);
    CHECK(!found.fresh && !found.clean);
    CHECK_EQUAL(found.leader_epoch, 1);
    CHECK(strcmp(found.cluster_id, cluster_id) == 0);
    REQUIRE(data_folder_mark_clean(disk, NULL) == 0);
    CHECK(holds(".kafka_cleanshutdown", "{\"version\":0,\"brokerEpoch\":-1}"));
    REQUIRE(open_folder() == 0);
    CHECK(found.clean && !found.fresh);
    CHECK_EQUAL(found.leader_epoch, 1);
    CHECK(!holds(".kafka_cleanshutdown", "{\"version\":0,\"brokerEpoch\":-1}"));
    REQUIRE(open_folder() == 0);
    CHECK(!found.clean);
    CHECK_EQUAL(found.leader_epoch, 2);
    finish();
}

/* As kafka-storage.sh format and a clean stop of Apache Kafka leave it. */
static void a_folder_that_kafka_wrote_is_taken(void)
{
    start();
    put("meta.properties", "#\n#Sat Nov 21 13:00:00 UTC 2026\ncluster.id=MkU3OEVBNTcwNTJENDM2Qk\n"
                           "directory.id=TfSGoWN7S2ZoZsBGNwiOJQ\nnode.id=1\nversion=1\n");
    put(".kafka_cleanshutdown", "{\"version\":0,\"brokerEpoch\":17}");
    put("recovery-point-offset-checkpoint", "0\n1\norders 0 10\n");
    REQUIRE(disk_make_folder(disk, "orders-0", NULL) == 0);
    REQUIRE(data_folder_open(disk, NODE, random_bytes, &folder, &found, &error) == 0);
    CHECK(!found.fresh && found.clean);
    CHECK(strcmp(found.cluster_id, "MkU3OEVBNTcwNTJENDM2Qk") == 0);
    CHECK_EQUAL(data_folder_recovery_point(folder, slice_of_text("orders"), 0), 10);
    CHECK_EQUAL(found.leader_epoch, 0);
    CHECK(data_folder_raise_leader_epoch(disk, folder, 12, NULL) == 0);
    CHECK(data_folder_raise_leader_epoch(disk, folder, 11, NULL) == 0);
    data_folder_close(folder);
    REQUIRE(open_folder() == 0);
    CHECK_EQUAL(found.leader_epoch, 13);
    finish();
}

static void others_folders_are_refused_untouched(void)
{
    static const struct {
        const char *path;
        const char *text;
        int code;
        const char *words;
    } folders[] = {
        {"holiday.jpg", "", -ENOTEMPTY, "holiday.jpg"},
        {"meta.properties", "version=2\ncluster.id=a\nnode.id=1\n", FURROW_WRONG_VERSION, "version 2"},
        {"meta.properties", "version=0\nbroker.id=1\n", FURROW_WRONG_VERSION, "version 0"},
        {"meta.properties", "version=1\ncluster.id=a\nnode.id=7\n", -EINVAL, "node 7"},
        {"meta.properties", "version=1\ncluster.id=a\n", FURROW_CORRUPT, "node.id"},
        {"meta.properties", "version=one\n", FURROW_CORRUPT, "'one'"},
        {"meta.properties", "\1\2\3", FURROW_CORRUPT, "version"},
        {"meta.properties", "", FURROW_CORRUPT, "version"},
        {"meta.properties", "version=1\nnode.id=1\n", FURROW_CORRUPT, "cluster.id"},
        {"meta.properties", "version=1\nnode.id=1\ncluster.id=longer-than-22-characters\n", FURROW_CORRUPT,
         "cluster.id"},
        {"meta.properties", "version=1\nnode.id=1\ncluster.id=a\001b\n", FURROW_CORRUPT, "cluster.id"},
    };
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        start();
        put(folders[i].path, folders[i].text);
        put(".kafka_cleanshutdown", "");
        uint64_t written = simulated_disk_bytes_written(disk);
        uint64_t removed = simulated_disk_calls_of(disk, SIMULATED_REMOVE);
        CHECK_EQUAL(open_folder(), folders[i].code);
        CHECK(strstr(error.message, folders[i].words) != NULL);
        CHECK_EQUAL(simulated_disk_bytes_written(disk), written);
        CHECK_EQUAL(simulated_disk_calls_of(disk, SIMULATED_REMOVE), removed);
        CHECK_EQUAL(simulated_disk_calls_of(disk, SIMULATED_MAKE_FOLDER), 0);
        finish();
    }
    start();
    REQUIRE(open_folder() == 0);
    put("furrow.properties", "version=2\nleader.epoch=5\n");
    CHECK_EQUAL(open_folder(), FURROW_WRONG_VERSION);
    put("furrow.properties", "version=1\n");
    CHECK_EQUAL(open_folder(), FURROW_CORRUPT);
    put("furrow.properties", "version=1\nleader.epoch=2147483647\n");
    CHECK_EQUAL(open_folder(), FURROW_CORRUPT);
    put("furrow.properties", "version=1\nleader.epoch=5\n");
    put("log-start-offset-checkpoint", "1\n0\n");
    CHECK_EQUAL(open_folder(), FURROW_WRONG_VERSION);
    CHECK(holds("furrow.properties", "version=1\nleader.epoch=5\n"));
    finish();
}

static void offsets_are_found_by_topic_and_partition(void)
{
    start();
    REQUIRE(open_folder() == 0);
    enum { TOPICS = 40, PARTITIONS = 7 };
    static struct checkpoint_offset offsets[TOPICS * PARTITIONS];
    static char names[TOPICS][16];
    for (int32_t i = 0; i < TOPICS * PARTITIONS; i++) {
        int32_t topic = i * 17 % TOPICS;
        snprintf(names[topic], sizeof names[topic], "topic:%d", topic);
        offsets[i] = (struct checkpoint_offset){slice_of_text(names[topic]), i / TOPICS, topic * 1000 + i / TOPICS};
    }
    REQUIRE(data_folder_write_recovery_points(disk, offsets, TOPICS * PARTITIONS, NULL) == 0);
    REQUIRE(data_folder_write_log_starts(disk, offsets, 1, NULL) == 0);
    REQUIRE(data_folder_write_cleaned_ends(disk, offsets + 1, 1, NULL) == 0);
    REQUIRE(data_folder_mark_clean(disk, NULL) == 0);
    REQUIRE(data_folder_open(disk, NODE, random_bytes, &folder, &found, &error) == 0);
    for (int32_t i = 0; i < TOPICS * PARTITIONS; i++)
        CHECK_EQUAL(data_folder_recovery_point(folder, offsets[i].topic, offsets[i].partition), offsets[i].offset);
    CHECK_EQUAL(data_folder_recovery_point(folder, slice_of_text("topic:0"), PARTITIONS), -1);
    CHECK_EQUAL(data_folder_recovery_point(folder, slice_of_text("other"), 0), -1);
    CHECK_EQUAL(data_folder_log_start(folder, slice_of_text("topic:0"), 0), 0);
    CHECK_EQUAL(data_folder_log_start(folder, slice_of_text("topic:1"), 0), -1);
    CHECK_EQUAL(data_folder_cleaned_end(folder, offsets[1].topic, offsets[1].partition), offsets[1].offset);
    CHECK_EQUAL(data_folder_cleaned_end(folder, slice_of_text("topic:0"), 0), -1);
    data_folder_drop_offsets(folder);
    CHECK_EQUAL(data_folder_log_start(folder, slice_of_text("topic:0"), 0), -1);
    CHECK_EQUAL(data_folder_cleaned_end(folder, offsets[1].topic, offsets[1].partition), -1);
    data_folder_close(folder);
    finish();
}

static void damaged_offsets_count_as_missing_and_unclean(void)
{
    start();
    REQUIRE(open_folder() == 0);
    put("recovery-point-offset-checkpoint", "0\n2\norders 0 10\npayments");
    REQUIRE(data_folder_mark_clean(disk, NULL) == 0);
    REQUIRE(data_folder_open(disk, NODE, random_bytes, &folder, &found, &error) == 0);
    CHECK(found.offsets_lost && !found.clean);
    CHECK_EQUAL(data_folder_recovery_point(folder, slice_of_text("orders"), 0), -1);
    CHECK_EQUAL(found.leader_epoch, 1);
    data_folder_close(folder);
    finish();
}

static void without_the_cleaner_s_offsets_a_start_is_clean_all_the_same(void)
{
    start();
    REQUIRE(open_folder() == 0);
    put("cleaner-offset-checkpoint", "0\n1\norders 0 ten\n");
    REQUIRE(data_folder_mark_clean(disk, NULL) == 0);
    REQUIRE(data_folder_open(disk, NODE, random_bytes, &folder, &found, &error) == 0);
    CHECK(found.clean);
    CHECK_EQUAL(data_folder_cleaned_end(folder, slice_of_text("orders"), 0), -1);
    data_folder_close(folder);
    finish();
}

/* Stops in every call of a start, twice in a row: the epoch never goes back, and no start that said so was in vain. */
static void a_start_may_be_cut_off_anywhere(void)
{
    for (uint64_t seed = 0; seed < 600; seed++) {
        start();
        int32_t epoch = -1;
        bool marked = false;
        for (uint64_t round = 0; round < 6; round++) {
            simulated_disk_stop_at(disk, (int64_t)((seed * 7 + round * 11) % 23));
            int rc = open_folder();
            CHECK(rc == 0 || rc == -EIO);
            if (rc == 0) {
                CHECK(found.leader_epoch > epoch || (marked && found.clean && found.leader_epoch == epoch));
                epoch = found.leader_epoch;
                marked = data_folder_mark_clean(disk, NULL) == 0 || simulated_disk_is_stopped(disk);
            }
            simulated_disk_power_cut(disk, seed * 31 + round);
        }
        REQUIRE(open_folder() == 0);
        CHECK(found.leader_epoch >= epoch);
        finish();
    }
}

static void any_failing_call_or_allocation_is_told(void)
{
    for (int existing = 0; existing < 2; existing++) {
        bool failed = true;
        for (int64_t nth = 0; failed; nth++) {
            start();
            struct checkpoint_offset offset = {slice_of_text("orders"), 0, 5};
            if (existing) {
                REQUIRE(open_folder() == 0);
                REQUIRE(data_folder_write_recovery_points(disk, &offset, 1, NULL) == 0);
            }
            simulated_disk_fail_at(disk, nth, -EIO);
            int rc = open_folder();
            failed = !simulated_disk_fail_pending(disk);
            CHECK_EQUAL(rc, failed ? -EIO : 0);
            simulated_disk_fail_at(disk, -1, 0);
            REQUIRE(open_folder() == 0);
            finish();
        }
        bool pending = false;
        for (int64_t nth = 0; !pending; nth++) {
            start();
            struct checkpoint_offset offset = {slice_of_text("orders"), 0, 5};
            if (existing) {
                REQUIRE(open_folder() == 0);
                REQUIRE(data_folder_write_recovery_points(disk, &offset, 1, NULL) == 0);
            }
            memory_fail_at(&ledger, nth);
            int rc = open_folder();
            pending = memory_fail_pending(&ledger);
            memory_fail_at(&ledger, -1);
            CHECK_EQUAL(rc, pending ? 0 : -ENOMEM);
            finish();
        }
    }
}

/* ---- names of folders ---- */

static void topics_become_folders_and_back(void)
{
    static const struct {
        const char *topic;
        int32_t partition;
        const char *folder;
    } names[] = {
        {"orders", 0, "orders-0"},
        {"a-b-3", 12, "a-b-3-12"},
        {"shop:orders", 2147483647, "shop%3Aorders-2147483647"},
        {"::", 7, "%3A%3A-7"},
        {"__consumer_offsets", 49, "__consumer_offsets-49"},
        {"3A", 1, "3A-1"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char made[DISK_PATH_MAX], topic[DISK_PATH_MAX];
        int32_t partition;
        REQUIRE(partition_folder_name(slice_of_text(names[i].topic), names[i].partition, made) == 0);
        CHECK(strcmp(made, names[i].folder) == 0);
        REQUIRE(partition_folder_parse(made, topic, &partition));
        CHECK(strcmp(topic, names[i].topic) == 0);
        CHECK_EQUAL(partition, names[i].partition);
    }
}

static void other_names_are_no_partitions(void)
{
    static const char *const names[] = {"orders",     "orders-",           "-0",     "orders-x",
                                        "orders-01",  "orders--1x",        "a%3a-0", "a%-0",
                                        "a%2F-0",     "orders-2147483648", "a b-0",  ".lock",
                                        "lost+found", "orders-0.cleaned",  "",       "orders-0.1f2e-delete"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char topic[DISK_PATH_MAX];
        int32_t partition;
        CHECK(!partition_folder_parse(names[i], topic, &partition));
    }
    char made[DISK_PATH_MAX], long_topic[250];
    CHECK_EQUAL(partition_folder_name(slice_of_text("a/b"), 0, made), -EINVAL);
    CHECK_EQUAL(partition_folder_name(slice_of_text("a%3A"), 0, made), -EINVAL);
    CHECK_EQUAL(partition_folder_name(slice_of_text(""), 0, made), -EINVAL);
    CHECK_EQUAL(partition_folder_name(slice_of_text("a"), -1, made), -EINVAL);
    memset(long_topic, 'a', sizeof long_topic);
    CHECK_EQUAL(partition_folder_name(slice_of(long_topic, 249), 12345, made), 0);
    CHECK_EQUAL(strlen(made), 255);
    CHECK_EQUAL(partition_folder_name(slice_of(long_topic, 249), 123456, made), -ENAMETOOLONG);
    memset(long_topic, ':', sizeof long_topic);
    CHECK_EQUAL(partition_folder_name(slice_of(long_topic, 249), 0, made), -ENAMETOOLONG);
}

/* ---- the lock, on the real disk ---- */

static void the_second_server_is_refused(void)
{
    char parent[] = "/tmp/furrow-lock-XXXXXX", root[64], lock[80];
    REQUIRE(mkdtemp(parent) != NULL);
    snprintf(root, sizeof root, "%s/data", parent);
    snprintf(lock, sizeof lock, "%s/.lock", root);
    int first, second;
    REQUIRE(data_folder_lock(root, &first, &error) == 0);
    CHECK((fcntl(first, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK_EQUAL(data_folder_lock(root, &second, &error), FURROW_IN_USE);
    CHECK(strstr(error.message, root) != NULL);
    close(first);
    REQUIRE(data_folder_lock(root, &second, &error) == 0);
    close(second);
    CHECK(unlink(lock) == 0);
    CHECK(rmdir(root) == 0);
    CHECK(rmdir(parent) == 0);
    CHECK_EQUAL(data_folder_lock(root, &second, &error), -ENOENT);
    CHECK(strstr(error.message, root) != NULL);
}

static void others_folders_get_no_lock(void)
{
    char root[] = "/tmp/furrow-lock-XXXXXX", file[64], lock[64];
    REQUIRE(mkdtemp(root) != NULL);
    snprintf(file, sizeof file, "%s/holiday.jpg", root);
    snprintf(lock, sizeof lock, "%s/.lock", root);
    int descriptor = open(file, O_CREAT | O_WRONLY, 0600);
    REQUIRE(descriptor >= 0);
    close(descriptor);
    CHECK_EQUAL(data_folder_lock(root, &descriptor, &error), -ENOTEMPTY);
    CHECK(strstr(error.message, "holiday.jpg") != NULL);
    CHECK(access(lock, F_OK) != 0);
    CHECK(unlink(file) == 0);
    REQUIRE(data_folder_lock(root, &descriptor, &error) == 0);
    close(descriptor);
    CHECK(unlink(lock) == 0);
    CHECK(rmdir(root) == 0);
}

/* The superuser may write everywhere, so the test is nobody for a while. */
static void a_folder_that_cannot_be_used_is_told_in_words(void)
{
    char parent[] = "/tmp/furrow-lock-XXXXXX", path[64], expected[160];
    int descriptor;
    REQUIRE(mkdtemp(parent) != NULL);
    snprintf(path, sizeof path, "%s/file", parent);
    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL);
    fclose(file);
    CHECK_EQUAL(data_folder_lock(path, &descriptor, &error), -ENOTDIR);
    snprintf(expected, sizeof expected, "the data folder %s is a file", path);
    CHECK(strcmp(error.message, expected) == 0);
    CHECK(unlink(path) == 0);

    snprintf(path, sizeof path, "%s/missing/data", parent);
    CHECK_EQUAL(data_folder_lock(path, &descriptor, &error), -ENOENT);
    snprintf(expected, sizeof expected, "%s: its parent folder does not exist", path);
    CHECK(strcmp(error.message, expected) == 0);

    REQUIRE(chmod(parent, 0555) == 0);
    bool was_root = geteuid() == 0;
    REQUIRE(!was_root || seteuid(65534) == 0);
    CHECK_EQUAL(data_folder_lock(parent, &descriptor, &error), -EACCES);
    REQUIRE(!was_root || seteuid(0) == 0);
    snprintf(expected, sizeof expected, "the data folder %s cannot be written: Permission denied", parent);
    CHECK(strcmp(error.message, expected) == 0);
    CHECK(rmdir(parent) == 0);
}

SUITE("data folder", CHECK_TEST(an_empty_folder_gets_its_ids), CHECK_TEST(only_a_clean_stop_keeps_the_leader_epoch),
      CHECK_TEST(a_folder_that_kafka_wrote_is_taken), CHECK_TEST(others_folders_are_refused_untouched),
      CHECK_TEST(offsets_are_found_by_topic_and_partition), CHECK_TEST(damaged_offsets_count_as_missing_and_unclean),
      CHECK_TEST(without_the_cleaner_s_offsets_a_start_is_clean_all_the_same),
      CHECK_TEST(a_start_may_be_cut_off_anywhere), CHECK_TEST(any_failing_call_or_allocation_is_told),
      CHECK_TEST(topics_become_folders_and_back), CHECK_TEST(other_names_are_no_partitions),
      CHECK_TEST(the_second_server_is_refused), CHECK_TEST(others_folders_get_no_lock),
      CHECK_TEST(a_folder_that_cannot_be_used_is_told_in_words))
