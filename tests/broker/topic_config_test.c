#include "check.h"
#include "config.h"
#include "topic_config.h"

#include <errno.h>

static struct memory memory;
static struct config *config;
static struct topic_config topic;

static void open_config(const char *argument)
{
    const struct machine machine = {.memory_bytes = (uint64_t)8 << 30, .cores = 1};
    memory_init(&memory);
    config = config_create(&memory, &machine);
    REQUIRE(config != NULL);
    if (argument != NULL)
        REQUIRE(config_set_argument(config, argument, NULL) == 0);
    REQUIRE(config_finish(config, NULL) == 0);
    topic_config_init(&topic, config);
}

static void close_config(void)
{
    topic_config_close(&topic, &memory);
    config_destroy(config);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static int set(const char *name, const char *value)
{
    return topic_config_set(&topic, config, &memory, topic_config_find(slice_of_text(name)), slice_of_text(value),
                            NULL);
}

static void what_is_set_holds_until_it_is_unset(void)
{
    open_config(NULL);
    bool is_own;
    int key = topic_config_find(slice_of_text("retention.ms"));
    CHECK_EQUAL(topic.retention_ms, 604800000);
    CHECK(set("retention.ms", "1000") == 0);
    CHECK_EQUAL(topic.retention_ms, 1000);
    CHECK(strcmp(topic_config_text(&topic, config, key, &is_own), "1000") == 0);
    CHECK(is_own);
    CHECK(set("retention.ms", "-1") == 0);
    CHECK_EQUAL(topic.retention_ms, -1);
    CHECK_EQUAL(topic.retention_records, -1);
    CHECK(set("furrow.retention.records", "12") == 0 && set("file.delete.delay.ms", "5") == 0);
    CHECK(topic.retention_records == 12 && topic.file_delete_delay_ms == 5);
    CHECK(set("furrow.retention.records", "-2") == -EINVAL);
    topic_config_unset(&topic, config, &memory, key);
    CHECK_EQUAL(topic.retention_ms, 604800000);
    topic_config_text(&topic, config, key, &is_own);
    CHECK(!is_own);
    close_config();
}

static void what_is_not_set_comes_from_the_broker(void)
{
    open_config("log.retention.hours=2");
    CHECK_EQUAL(topic.retention_ms, 2 * 3600 * 1000);
    close_config();
    open_config("log.cleanup.policy=compact");
    CHECK_EQUAL(topic.cleanup_policy, CLEANUP_COMPACT);
    close_config();
    open_config("message.max.bytes=2000");
    CHECK_EQUAL(topic.max_message_bytes, 2000);
    close_config();
}

/* The valid values of Kafka 4's topic configurations. */
static void values_that_kafka_refuses_are_refused(void)
{
    static const char *const bad[][2] = {
        {"cleanup.policy", "keep"},
        {"cleanup.policy", "delete,"},
        {"cleanup.policy", ","},
        {"cleanup.policy", "delete, ,compact"},
        {"cleanup.policy", "compact,delete,compact"},
        {"compression.type", "brotli"},
        {"compression.gzip.level", "0"},
        {"compression.gzip.level", "10"},
        {"compression.lz4.level", "18"},
        {"compression.zstd.level", "23"},
        {"max.message.bytes", "-1"},
        {"max.message.bytes", "2147483648"},
        {"max.message.bytes", "ten"},
        {"max.message.bytes", ""},
        {"max.message.bytes", "5 5"},
        {"compression.type", " gzip"},
        {"message.timestamp.type", "Never"},
        {"min.cleanable.dirty.ratio", "1.1"},
        {"min.cleanable.dirty.ratio", "-1"},
        {"min.insync.replicas", "0"},
        {"preallocate", "yes"},
        {"retention.ms", "-2"},
        {"segment.bytes", "1000"},
        {"segment.index.bytes", "3"},
        {"segment.ms", "0"},
        {"retention.ms", "9223372036854775808"},
        {"leader.replication.throttled.replicas", "1"},
        {"leader.replication.throttled.replicas", "1:"},
        {"leader.replication.throttled.replicas", ":1"},
        {"follower.replication.throttled.replicas", "0:1,*"},
        {"follower.replication.throttled.replicas", "0:1x"},
        {"remote.storage.enable", "true"},
        {"remote.storage.enable", "TRUE"},
        {"local.retention.ms", "-3"},
        {"furrow.compaction.keep", "0"},
        {"furrow.compaction.keep", "65536"},
        {"furrow.compaction.key", ""},
        {"furrow.compaction.key", "value"},
        {"furrow.compaction.key", "header:"},
        {"furrow.compaction.key", "prefix:"},
        {"furrow.compaction.key", "prefix:0"},
        {"furrow.compaction.key", "prefix:-1"},
        {"furrow.compaction.key", "prefix:1x"},
        {"furrow.compaction.key", "prefix:65536"},
        {"furrow.compaction.key", "prefix:4294967297"},
        {"furrow.compaction.key", "suffix:1"},
    };
    open_config(NULL);
    size_t before = memory_total_bytes(&memory);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int rc = set(bad[i][0], bad[i][1]);
        if (rc != -EINVAL)
            printf("%s=%s is taken\n", bad[i][0], bad[i][1]);
        CHECK_EQUAL(rc, -EINVAL);
    }
    CHECK_EQUAL(memory_total_bytes(&memory), before);
    CHECK_EQUAL(set("no.such.key", "1"), -ENOENT);
    close_config();
}

static void values_at_the_edges_are_taken(void)
{
    static const char *const good[][2] = {
        {"cleanup.policy", "compact,delete"},
        {"compression.gzip.level", "-1"},
        {"compression.lz4.level", "17"},
        {"compression.zstd.level", "-131072"},
        {"max.message.bytes", "0"},
        {"min.cleanable.dirty.ratio", "0"},
        {"min.cleanable.dirty.ratio", "1.0"},
        {"segment.bytes", "1048576"},
        {"segment.index.bytes", "4"},
        {"retention.bytes", "-1"},
        {"retention.ms", "9223372036854775807"},
        {"flush.ms", "0"},
        {"retention.bytes", " 77 "},
        {"preallocate", "TRUE"},
        {"cleanup.policy", ""},
        {"cleanup.policy", "delete , compact "},
        {"leader.replication.throttled.replicas", "*"},
        {"leader.replication.throttled.replicas", "0:1, 12:1,"},
        {"follower.replication.throttled.replicas", ""},
        {"remote.storage.enable", "false"},
        {"remote.log.copy.disable", "true"},
        {"remote.log.delete.on.disable", "true"},
        {"local.retention.ms", "-2"},
        {"local.retention.bytes", "10"},
        {"furrow.compaction.keep", "65535"},
        {"furrow.compaction.key", "header:x"},
        {"furrow.compaction.key", "prefix:65535"},
        {"furrow.compaction.key", "key"},
    };
    open_config(NULL);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        CHECK_EQUAL(set(good[i][0], good[i][1]), 0);
    CHECK_EQUAL(topic.cleanup_policy, CLEANUP_COMPACT | CLEANUP_DELETE);
    CHECK_EQUAL(topic.log.segment_bytes, 1048576);
    CHECK_EQUAL(topic.retention_bytes, 77);
    close_config();
}

static void a_list_of_replicas_is_not_endless(void)
{
    char text[SETTING_TEXT_MAX + 2];
    memset(text, ',', sizeof text);
    text[SETTING_TEXT_MAX + 1] = '\0';
    open_config(NULL);
    CHECK_EQUAL(set("leader.replication.throttled.replicas", text), -EINVAL);
    text[SETTING_TEXT_MAX] = '\0';
    CHECK_EQUAL(set("leader.replication.throttled.replicas", text), 0);
    close_config();
}

static void without_a_cleanup_policy_nothing_is_cleaned_up(void)
{
    open_config(NULL);
    CHECK(set("cleanup.policy", "") == 0);
    CHECK_EQUAL(topic.cleanup_policy, 0);
    close_config();
}

static void the_least_compaction_lag_is_not_above_the_largest(void)
{
    struct error error;
    open_config(NULL);
    CHECK_EQUAL(topic_config_check(&topic, config, NULL), 0);
    CHECK(set("min.compaction.lag.ms", "10") == 0 && set("max.compaction.lag.ms", "10") == 0);
    CHECK_EQUAL(topic_config_check(&topic, config, NULL), 0);
    CHECK(set("max.compaction.lag.ms", "5") == 0);
    CHECK_EQUAL(topic_config_check(&topic, config, &error), -EINVAL);
    CHECK(strcmp(error.message,
                 "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)") == 0);
    close_config();
}

static void an_active_segment_is_not_older_than_records_may_stay_uncompacted(void)
{
    open_config("log.roll.ms=5000");
    CHECK(set("max.compaction.lag.ms", "1000") == 0);
    CHECK_EQUAL(topic.log.segment_ms, 5000);
    CHECK(set("cleanup.policy", "delete,compact") == 0);
    CHECK_EQUAL(topic.log.segment_ms, 1000);
    CHECK(set("segment.ms", "900") == 0);
    CHECK_EQUAL(topic.log.segment_ms, 900);
    close_config();
}

static void what_records_are_compacted_by_is_said_in_one_text(void)
{
    open_config("furrow.compaction.key=prefix:12");
    struct topic_compaction_key key = topic_config_compaction_key(&topic, config);
    CHECK_EQUAL(key.kind, COMPACTION_BY_PREFIX);
    CHECK_EQUAL(key.prefix, 12);
    CHECK_EQUAL(topic.compaction_keep, 1);
    CHECK(!topic.keys_required);
    CHECK(set("cleanup.policy", "compact") == 0);
    CHECK(topic.keys_required);
    CHECK(set("furrow.compaction.key", "header:device:id") == 0);
    key = topic_config_compaction_key(&topic, config);
    CHECK_EQUAL(key.kind, COMPACTION_BY_HEADER);
    CHECK(slice_equal(key.header, slice_of_text("device:id")));
    CHECK(!topic.keys_required);
    CHECK(set("furrow.compaction.key", "key") == 0 && set("furrow.compaction.keep", "3") == 0);
    CHECK_EQUAL(topic_config_compaction_key(&topic, config).kind, COMPACTION_BY_KEY);
    CHECK_EQUAL(topic.compaction_keep, 3);
    CHECK(topic.keys_required);
    close_config();
}

static void the_codec_follows_compression_type(void)
{
    open_config(NULL);
    CHECK(!topic.recompress);
    CHECK(set("compression.type", "zstd") == 0);
    CHECK(set("compression.zstd.level", "7") == 0);
    CHECK(topic.recompress);
    CHECK_EQUAL(topic.codec, CODEC_ZSTD);
    CHECK_EQUAL(topic.compression_level, 7);
    CHECK(set("compression.type", "uncompressed") == 0);
    CHECK(topic.recompress);
    CHECK_EQUAL(topic.codec, CODEC_NONE);
    close_config();
}

static void a_copy_survives_any_refused_allocation(void)
{
    open_config(NULL);
    CHECK(set("retention.ms", "1") == 0 && set("segment.bytes", "2000000") == 0 &&
          set("cleanup.policy", "compact") == 0);
    size_t before = memory_total_bytes(&memory);
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        struct topic_config copy;
        memory_fail_at(&memory, nth);
        int rc = topic_config_copy(&copy, &topic, &memory);
        failed = !memory_fail_pending(&memory);
        memory_fail_at(&memory, -1);
        CHECK_EQUAL(rc, failed ? -ENOMEM : 0);
        if (rc == 0) {
            CHECK_EQUAL(copy.own.count, 3);
            CHECK_EQUAL(copy.log.segment_bytes, 2000000);
            topic_config_close(&copy, &memory);
        }
        CHECK_EQUAL(memory_total_bytes(&memory), before);
    }
    close_config();
}

SUITE("topic_config", CHECK_TEST(what_is_set_holds_until_it_is_unset),
      CHECK_TEST(what_is_not_set_comes_from_the_broker), CHECK_TEST(values_that_kafka_refuses_are_refused),
      CHECK_TEST(values_at_the_edges_are_taken), CHECK_TEST(a_list_of_replicas_is_not_endless),
      CHECK_TEST(without_a_cleanup_policy_nothing_is_cleaned_up),
      CHECK_TEST(the_least_compaction_lag_is_not_above_the_largest), CHECK_TEST(the_codec_follows_compression_type),
      CHECK_TEST(an_active_segment_is_not_older_than_records_may_stay_uncompacted),
      CHECK_TEST(what_records_are_compacted_by_is_said_in_one_text), CHECK_TEST(a_copy_survives_any_refused_allocation))
