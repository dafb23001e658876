/* Settings made at run time, in the metadata log on a simulated disk. */
#include "check.h"
#include "group_config.h"
#include "metadata_log.h"
#include "server_fixture.h"
#include "simulated_disk.h"

#include <errno.h>

static struct server_fixture f;

struct outcome {
    bool is_done;
    int status;
};

static void note_done(void *context, int status, const struct error *error)
{
    (void)error;
    *(struct outcome *)context = (struct outcome){true, status};
}

static int wait_for(const struct outcome *outcome)
{
    while (!outcome->is_done)
        uv_run(&f.loop, UV_RUN_ONCE);
    return outcome->status;
}

static void open_fixture(uint64_t seed, const char *const *settings)
{
    server_fixture_open(&f, settings);
    server_fixture_make_disk(&f, seed);
    REQUIRE(server_fixture_open_storage(&f) == 0);
}

static void close_fixture(void)
{
    server_fixture_close_storage(&f);
    CHECK(server_fixture_close(&f));
}

static void restart_after_power_cut(uint64_t seed)
{
    server_fixture_close_storage(&f);
    simulated_disk_power_cut(f.server.disk, seed);
    REQUIRE(server_fixture_open_storage(&f) == 0);
}

/* One key more than what is planned; NULL: one less. */
static int begin(enum settings_of of, const char *name, int key, const char *value, struct outcome *outcome)
{
    struct memory *memory = &f.memory;
    struct settings settings = {.items = NULL};
    const struct settings *planned = metadata_log_planned_settings(f.server.metadata, of, slice_of_text(name));
    int rc = planned != NULL ? settings_copy(&settings, planned, memory) : 0;
    if (rc == 0 && value != NULL)
        rc = settings_set(&settings, memory, key, slice_of_text(value));
    else if (rc == 0)
        settings_unset(&settings, memory, key);
    *outcome = (struct outcome){false, 0};
    if (rc == 0)
        metadata_log_set_settings(f.server.metadata, of, slice_of_text(name), &settings, note_done, outcome);
    else
        *outcome = (struct outcome){true, rc};
    settings_close(&settings, memory);
    return rc;
}

static int set(enum settings_of of, const char *name, int key, const char *value)
{
    struct outcome outcome;
    (void)begin(of, name, key, value, &outcome);
    return wait_for(&outcome);
}

static int32_t timeout_of(const char *group)
{
    return group_config_settings(&f.server, slice_of_text(group)).consumer_session_timeout_ms;
}

static int session_key(void)
{
    return group_config_find(slice_of_text("consumer.session.timeout.ms"));
}

static void what_was_answered_survives_a_power_cut(void)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        open_fixture(seed, NULL);
        CHECK_EQUAL(set(SETTINGS_OF_BROKER, "", CONFIG_LOG_RETENTION_MS, "1000"), 0);
        CHECK_EQUAL(set(SETTINGS_OF_BROKER, "1", CONFIG_LOG_RETENTION_MS, "2000"), 0);
        CHECK_EQUAL(set(SETTINGS_OF_BROKER, "1", CONFIG_MAX_CONNECTIONS_PER_IP, "7"), 0);
        CHECK_EQUAL(set(SETTINGS_OF_GROUP, "g", session_key(), "50000"), 0);
        CHECK_EQUAL(set(SETTINGS_OF_GROUP, "gone", session_key(), "50000"), 0);
        CHECK_EQUAL(set(SETTINGS_OF_GROUP, "gone", session_key(), NULL), 0);
        for (int start = 0; start < 2; start++) {
            CHECK_EQUAL(config_number(f.server.config, CONFIG_LOG_RETENTION_MS), 2000);
            CHECK_EQUAL(config_number(f.server.config, CONFIG_MAX_CONNECTIONS_PER_IP), 7);
            CHECK_EQUAL(timeout_of("g"), 50000);
            CHECK_EQUAL(timeout_of("gone"), 45000);
            CHECK(metadata_log_settings(f.server.metadata, SETTINGS_OF_GROUP, slice_of_text("gone")) == NULL);
            restart_after_power_cut(seed);
        }
        CHECK_EQUAL(set(SETTINGS_OF_BROKER, "1", CONFIG_LOG_RETENTION_MS, NULL), 0);
        CHECK_EQUAL(config_number(f.server.config, CONFIG_LOG_RETENTION_MS), 1000);
        close_fixture();
    }
}

static void topics_follow_what_they_inherit(void)
{
    struct topic *plain, *own;
    struct topic_config config;
    open_fixture(1, NULL);
    topic_config_init(&config, f.server.config);
    REQUIRE(topic_config_set(&config, f.server.config, &f.memory, topic_config_find(slice_of_text("retention.ms")),
                             slice_of_text("77"), NULL) == 0);
    REQUIRE(server_fixture_create_topic(&f, "plain", 1, NULL, &plain) == 0);
    REQUIRE(server_fixture_create_topic(&f, "own", 1, &config, &own) == 0);
    topic_config_close(&config, &f.memory);
    CHECK_EQUAL(set(SETTINGS_OF_BROKER, "", CONFIG_LOG_RETENTION_MS, "1000"), 0);
    CHECK_EQUAL(set(SETTINGS_OF_BROKER, "", CONFIG_LOG_CLEANUP_POLICY, "compact"), 0);
    CHECK(plain->config.retention_ms == 1000 && plain->config.keys_required);
    CHECK(own->config.retention_ms == 77 && own->config.keys_required);
    restart_after_power_cut(1); /* the topics' records stand before those of the settings */
    plain = topics_find(&f.server.topics, slice_of_text("plain"));
    own = topics_find(&f.server.topics, slice_of_text("own"));
    CHECK(plain->config.retention_ms == 1000 && plain->config.keys_required);
    CHECK(own->config.retention_ms == 77 && own->config.keys_required);
    CHECK_EQUAL(set(SETTINGS_OF_BROKER, "", CONFIG_LOG_CLEANUP_POLICY, NULL), 0);
    CHECK(!plain->config.keys_required);
    close_fixture();
}

static void changes_at_the_same_time_do_not_forget_each_other(void)
{
    struct outcome outcomes[4];
    open_fixture(1, NULL);
    (void)begin(SETTINGS_OF_BROKER, "1", CONFIG_LOG_RETENTION_MS, "1000", &outcomes[0]);
    (void)begin(SETTINGS_OF_BROKER, "1", CONFIG_LOG_RETENTION_BYTES, "2000", &outcomes[1]);
    (void)begin(SETTINGS_OF_BROKER, "1", CONFIG_LOG_ROLL_MS, "3000", &outcomes[2]);
    (void)begin(SETTINGS_OF_BROKER, "1", CONFIG_LOG_RETENTION_MS, NULL, &outcomes[3]);
    CHECK_EQUAL(config_number(f.server.config, CONFIG_LOG_RETENTION_BYTES), -1);
    for (int i = 0; i < 4; i++)
        CHECK_EQUAL(wait_for(&outcomes[i]), 0);
    restart_after_power_cut(3);
    CHECK_EQUAL(config_number(f.server.config, CONFIG_LOG_RETENTION_MS), 604800000);
    CHECK_EQUAL(config_number(f.server.config, CONFIG_LOG_RETENTION_BYTES), 2000);
    CHECK_EQUAL(config_number(f.server.config, CONFIG_LOG_ROLL_MS), 3000);
    close_fixture();
}

/* The first is written alone, the others wait for it and share a write. */
static void what_could_not_be_written_is_not_in_force(void)
{
    for (int64_t nth = 0; nth < 4; nth++) {
        struct outcome outcomes[3];
        const char *values[] = {"46000", "47000", "48000"};
        const char *last = NULL;
        open_fixture((uint64_t)nth, NULL);
        simulated_disk_fail_call_at(f.server.disk, SIMULATED_WRITE, nth, -ENOSPC);
        for (int i = 0; i < 3; i++)
            (void)begin(SETTINGS_OF_GROUP, "g", session_key(), values[i], &outcomes[i]);
        for (int i = 0; i < 3; i++)
            last = wait_for(&outcomes[i]) == 0 ? values[i] : last;
        simulated_disk_fail_at(f.server.disk, -1, 0);
        CHECK_EQUAL(timeout_of("g"), last != NULL ? atoi(last) : 45000);
        CHECK_EQUAL(set(SETTINGS_OF_GROUP, "g", session_key(), "49000"), 0);
        restart_after_power_cut((uint64_t)nth);
        CHECK_EQUAL(timeout_of("g"), 49000);
        close_fixture();
    }
}

static void a_group_has_settings_within_the_brokers_bounds(void)
{
    static const char *const wide[] = {"group.consumer.max.session.timeout.ms=100000", NULL};
    struct settings settings = {.items = NULL};
    struct error error;
    open_fixture(1, wide);
    CHECK_EQUAL(set(SETTINGS_OF_GROUP, "g", session_key(), "90000"), 0);
    CHECK_EQUAL(timeout_of("g"), 90000);
    REQUIRE(config_set_argument(f.server.config, "group.consumer.max.session.timeout.ms=70000", NULL) == 0);
    CHECK_EQUAL(timeout_of("g"), 70000);
    REQUIRE(settings_set(&settings, &f.memory, session_key(), slice_of_text("80000")) == 0);
    CHECK_EQUAL(group_config_check(f.server.config, &settings, &error), -EINVAL);
    CHECK(strcmp(error.message, "consumer.session.timeout.ms must be less than or equal to "
                                "group.consumer.max.session.timeout.ms") == 0);
    REQUIRE(settings_set(&settings, &f.memory, session_key(), slice_of_text("60000")) == 0);
    CHECK_EQUAL(group_config_check(f.server.config, &settings, NULL), 0);
    settings_close(&settings, &f.memory);
    close_fixture();
}

static void settings_of_groups_are_bounded(void)
{
    static const char *const few[] = {"furrow.groups.max=2", NULL};
    static char name[20000];
    open_fixture(1, few);
    CHECK_EQUAL(set(SETTINGS_OF_GROUP, "a", session_key(), "50000"), 0);
    CHECK_EQUAL(set(SETTINGS_OF_GROUP, "b", session_key(), "50000"), 0);
    CHECK_EQUAL(set(SETTINGS_OF_GROUP, "c", session_key(), "50000"), -EDQUOT);
    CHECK_EQUAL(set(SETTINGS_OF_GROUP, "b", session_key(), "51000"), 0);
    CHECK_EQUAL(set(SETTINGS_OF_GROUP, "b", session_key(), NULL), 0);
    CHECK_EQUAL(set(SETTINGS_OF_GROUP, "c", session_key(), "50000"), 0);
    close_fixture();

    static const char *const little[] = {"furrow.groups.memory.bytes=131072", NULL};
    open_fixture(1, little);
    memset(name, 'x', sizeof name - 1);
    CHECK_EQUAL(set(SETTINGS_OF_GROUP, name, session_key(), "50000"), -EDQUOT);
    struct outcome outcomes[100];
    int done = 0;
    for (int i = 0; i < 100; i++) {
        char group[8];
        snprintf(group, sizeof group, "g%d", i);
        (void)begin(SETTINGS_OF_GROUP, group, session_key(), "50000", &outcomes[i]);
    }
    for (int i = 0; i < 100; i++)
        done += wait_for(&outcomes[i]) == 0;
    CHECK(done > 0 && done < 50); /* at a time */
    for (int i = 0; i < 50; i++) {
        char group[8];
        snprintf(group, sizeof group, "g%d", i);
        CHECK_EQUAL(set(SETTINGS_OF_GROUP, group, session_key(), "50000"), 0);
    }
    close_fixture();
}

static void any_allocation_may_be_refused(void)
{
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        open_fixture(1, NULL);
        memory_fail_at(&f.memory, nth);
        int broker = set(SETTINGS_OF_BROKER, "", CONFIG_LOG_RETENTION_MS, "1000");
        int group = set(SETTINGS_OF_GROUP, "g", session_key(), "50000");
        failed = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        for (int start = 0; start < 2; start++) {
            CHECK_EQUAL(config_number(f.server.config, CONFIG_LOG_RETENTION_MS), broker == 0 ? 1000 : 604800000);
            CHECK_EQUAL(timeout_of("g"), group == 0 ? 50000 : 45000);
            restart_after_power_cut((uint64_t)nth);
        }
        close_fixture();
    }
}

SUITE("metadata_settings", CHECK_TEST(what_was_answered_survives_a_power_cut),
      CHECK_TEST(topics_follow_what_they_inherit), CHECK_TEST(changes_at_the_same_time_do_not_forget_each_other),
      CHECK_TEST(what_could_not_be_written_is_not_in_force), CHECK_TEST(a_group_has_settings_within_the_brokers_bounds),
      CHECK_TEST(settings_of_groups_are_bounded), CHECK_TEST(any_allocation_may_be_refused))
