/* Settings that somebody has made. */
#include "check.h"
#include "config.h"
#include "settings.h"

#include <errno.h>

static struct memory memory;

static bool holds(const struct settings *settings, int key, const char *text)
{
    const char *found = settings_find(settings, key);
    return text == NULL ? found == NULL : found != NULL && strcmp(found, text) == 0;
}

static void what_is_set_is_found_until_it_is_unset(void)
{
    struct settings settings = {.items = NULL}, copy;
    memory_init(&memory);
    for (int key = 0; key < 9; key++)
        CHECK(settings_set(&settings, &memory, key, slice_of_text("x")) == 0);
    CHECK(settings_set(&settings, &memory, 4, slice_of_text("other")) == 0);
    CHECK_EQUAL(settings.count, 9);
    CHECK(holds(&settings, 4, "other") && holds(&settings, 8, "x") && holds(&settings, 9, NULL));
    REQUIRE(settings_copy(&copy, &settings, &memory) == 0);
    CHECK(settings_unset(&settings, &memory, 0) && !settings_unset(&settings, &memory, 0));
    CHECK(holds(&settings, 0, NULL) && holds(&settings, 8, "x"));
    CHECK(holds(&copy, 0, "x") && holds(&copy, 4, "other"));
    settings_close(&settings, &memory);
    settings_close(&copy, &memory);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static void out_of_memory_changes_nothing(void)
{
    for (int64_t nth = 0; nth < 3; nth++) {
        struct settings settings = {.items = NULL}, copy;
        memory_init(&memory);
        for (int key = 0; key < 4; key++)
            REQUIRE(settings_set(&settings, &memory, key, slice_of_text("kept")) == 0);
        memory_fail_at(&memory, nth);
        int rc = nth == 0 ? settings_set(&settings, &memory, 2, slice_of_text("new"))
                          : settings_set(&settings, &memory, 4, slice_of_text("new"));
        CHECK_EQUAL(rc, nth == 2 ? 0 : -ENOMEM);
        CHECK(holds(&settings, 2, "kept"));
        CHECK_EQUAL(settings.count, nth == 2 ? 5 : 4);
        memory_fail_at(&memory, 1);
        CHECK_EQUAL(settings_copy(&copy, &settings, &memory), -ENOMEM);
        memory_fail_at(&memory, -1);
        settings_close(&settings, &memory);
        CHECK_EQUAL(memory_total_bytes(&memory), 0);
    }
}

/* ---- over those that the server was started with ---- */

static const char *text_of(const struct config *config, int id, enum config_level level)
{
    const char *text = config_text_of(config, id, level);
    return text != NULL ? text : "none";
}

static void a_change_for_this_broker_is_stronger_than_one_for_all_and_both_than_the_start(void)
{
    const struct machine machine = {.memory_bytes = (uint64_t)8 << 30, .cores = 1};
    struct settings cluster = {.items = NULL}, broker = {.items = NULL};
    int id = CONFIG_LOG_RETENTION_MS;
    memory_init(&memory);
    struct config *config = config_create(&memory, &machine);
    REQUIRE(config != NULL && config_set_argument(config, "log.retention.hours=2", NULL) == 0);
    REQUIRE(config_finish(config, NULL) == 0);
    CHECK_EQUAL(config_number(config, CONFIG_LOG_RETENTION_MS), 7200000);
    CHECK_EQUAL(config_level_at(config, id), CONFIG_OF_DEFAULT);

    REQUIRE(settings_set(&cluster, &memory, id, slice_of_text("1000")) == 0);
    config_use_changes(config, CONFIG_OF_CLUSTER, &cluster);
    CHECK_EQUAL(config_number(config, CONFIG_LOG_RETENTION_MS), 1000);
    REQUIRE(settings_set(&broker, &memory, id, slice_of_text("2000")) == 0);
    config_use_changes(config, CONFIG_OF_BROKER, &broker);
    CHECK_EQUAL(config_number(config, CONFIG_LOG_RETENTION_MS), 2000);
    CHECK_EQUAL(config_source_at(config, id), CONFIG_FROM_BROKER);
    CHECK(strcmp(text_of(config, id, CONFIG_OF_BROKER), "2000") == 0);
    CHECK(strcmp(text_of(config, id, CONFIG_OF_CLUSTER), "1000") == 0);
    CHECK(strcmp(text_of(config, id, CONFIG_OF_START), "none") == 0);
    CHECK(strcmp(text_of(config, id, CONFIG_OF_DEFAULT), "7200000") == 0);

    config_use_changes(config, CONFIG_OF_BROKER, NULL);
    CHECK_EQUAL(config_number(config, CONFIG_LOG_RETENTION_MS), 1000);
    CHECK_EQUAL(config_source_at(config, id), CONFIG_FROM_CLUSTER);
    CHECK(settings_unset(&cluster, &memory, id));
    config_use_changes(config, CONFIG_OF_CLUSTER, &cluster);
    CHECK_EQUAL(config_number(config, CONFIG_LOG_RETENTION_MS), 7200000);

    settings_close(&cluster, &memory);
    settings_close(&broker, &memory);
    config_destroy(config);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static void a_change_is_checked_as_kafka_does(void)
{
    static const struct {
        enum config_id id;
        const char *value, *words;
    } wrong[] = {
        {CONFIG_LOG_RETENTION_MS, "x", "Invalid value x for configuration log.retention.ms: Not a number of type LONG"},
        {CONFIG_LOG_RETENTION_MS, "", "Invalid value  for configuration log.retention.ms: Not a number of type LONG"},
        {CONFIG_LOG_SEGMENT_BYTES, "10",
         "Invalid value 10 for configuration log.segment.bytes: Value must be at least 1048576"},
        {CONFIG_COMPRESSION_GZIP_LEVEL, "0",
         "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1"},
        {CONFIG_COMPRESSION_TYPE, "x",
         "Invalid value x for configuration compression.type: String must be one of: uncompressed, zstd, lz4, snappy, "
         "gzip, producer"},
        {CONFIG_LOG_PREALLOCATE, "maybe",
         "Invalid value maybe for configuration log.preallocate: Expected value to be either true or false"},
        {CONFIG_LOG_CLEANER_MIN_CLEANABLE_RATIO, "2",
         "Invalid value 2 for configuration log.cleaner.min.cleanable.ratio: Value must be no more than 1"},
        {CONFIG_LOG_CLEANUP_POLICY, "delete,burn",
         "Invalid value burn for configuration log.cleanup.policy: String must be one of: compact, delete"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct error error = {0};
        CHECK_EQUAL(config_check_change((int)wrong[i].id, slice_of_text(wrong[i].value), &error), -EINVAL);
        CHECK(strcmp(error.message, wrong[i].words) == 0);
        CHECK(config_is_dynamic((int)wrong[i].id));
    }
    CHECK(config_check_change(CONFIG_LOG_CLEANUP_POLICY, slice_of_text("compact, delete"), NULL) == 0);
    CHECK(config_check_change(CONFIG_LOG_CLEANER_IO_MAX_BYTES_PER_SECOND, slice_of_text("1.5E6"), NULL) == 0);
    CHECK(config_check_change(CONFIG_LOG_RETENTION_MS, slice_of("70\0x", 4), NULL) == -EINVAL);
    CHECK(!config_is_dynamic(CONFIG_LISTENERS) && !config_is_dynamic(CONFIG_NODE_ID));
}

SUITE("broker/settings", CHECK_TEST(what_is_set_is_found_until_it_is_unset), CHECK_TEST(out_of_memory_changes_nothing),
      CHECK_TEST(a_change_for_this_broker_is_stronger_than_one_for_all_and_both_than_the_start),
      CHECK_TEST(a_change_is_checked_as_kafka_does))
