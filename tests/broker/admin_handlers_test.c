/* Settings and facts of the server asked for over a connection, with a log on a simulated disk behind them. */
#include "check.h"
#include "config.h"
#include "kafka/api.h"
#include "kafka/session.h"
#include "metadata_log.h"
#include "server_fixture.h"
#include "simulated_disk.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TOPIC = 2, BROKER = 4, LOGGER = 8, GROUP = 32 };
enum { SET, DELETE, APPEND, SUBTRACT };

static struct server_fixture f;
static struct memory own; /* a failure asked for by the test must not hit the test */
static struct arena arena;
static uint8_t heard[1 << 18];

static void open_fixture(void)
{
    struct topic *topic;
    server_fixture_open(&f, NULL);
    server_fixture_make_disk(&f, 1);
    REQUIRE(server_fixture_open_connections(&f) == 0);
    REQUIRE(server_fixture_open_storage(&f) == 0);
    REQUIRE(server_fixture_create_topic(&f, "orders", 1, NULL, &topic) == 0);
    memory_init(&own);
    arena_init(&arena, &own, MEMORY_REQUESTS, 1 << 20);
}

static void close_fixture(void)
{
    arena_close(&arena);
    CHECK_EQUAL(memory_total_bytes(&own), 0);
    server_fixture_close_services(&f);
    CHECK(server_fixture_close(&f));
}

/* False when the connection is closed. */
static bool send_request(int peer, const struct kafka_api *api, int16_t version, const void *message)
{
    struct request_header header = REQUEST_HEADER_DEFAULTS;
    writer w;
    writer_init(&w, &own, MEMORY_REQUESTS, 1 << 18);
    header.request_api_key = api->request->key;
    header.request_api_version = version;
    size_t length = write_reserved_u32(&w);
    REQUIRE(kafka_encode_request_header(&header, &w) == 0);
    REQUIRE(kafka_encode(api->request, version, message, &w) == 0);
    writer_set_u32(&w, length, (uint32_t)(w.size - 4));
    bool is_sent = send(peer, w.data, w.size, MSG_NOSIGNAL) == (ssize_t)w.size;
    writer_close(&w);
    return is_sent;
}

/* False when the connection was closed instead. */
static bool ask(int peer, int16_t key, int16_t version, const void *message, void *response)
{
    const struct kafka_api *api = kafka_api_find(key);
    size_t size = 0;
    ssize_t got;
    int32_t correlation;
    if (!send_request(peer, api, version, message))
        return false;
    while (size < 4 || size - 4 < load_u32(heard)) {
        uv_run(&f.loop, UV_RUN_NOWAIT);
        got = recv(peer, heard + size, sizeof heard - size, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            return false;
        size += got > 0 ? (size_t)got : 0;
    }
    reader r = reader_of(slice_of(heard + 4, size - 4));
    REQUIRE(kafka_decode_response_header(api, version, &r, &correlation, &arena) == 0);
    REQUIRE(kafka_decode(api->response, version, &r, response, &arena) == 0);
    return true;
}

static int connect_peer(void)
{
    return server_fixture_connect(&f, &kafka_dialect, "10.0.0.1");
}

/* The error code; INT16_MAX when the connection was closed. */
static int16_t alter(int peer, int8_t type, const char *name, const char *key, int8_t operation, const char *value)
{
    struct incremental_alter_configs_request_config config = {
        .name = slice_of_text(key),
        .config_operation = operation,
        .value = value != NULL ? slice_of_text(value) : NULL_SLICE,
    };
    struct incremental_alter_configs_request_resource resource = {
        .resource_type = type, .resource_name = slice_of_text(name), .configs = {.items = &config, .count = 1}};
    struct incremental_alter_configs_request request = {.resources = {.items = &resource, .count = 1}};
    struct incremental_alter_configs_response response;
    if (!ask(peer, API_INCREMENTAL_ALTER_CONFIGS, 1, &request, &response))
        return INT16_MAX;
    return response.responses.items[0].error_code;
}

/* The value and the source, "VALUE SOURCE"; "" when there is no such setting, "closed" for the connection. */
static const char *describe(int peer, int8_t type, const char *name, const char *key)
{
    static char text[128];
    slice keys[] = {slice_of_text(key)};
    struct describe_configs_request_resource resource = {
        .resource_type = type, .resource_name = slice_of_text(name), .configuration_keys = {.items = keys, .count = 1}};
    struct describe_configs_request request = {
        .resources = {.items = &resource, .count = 1}, .include_synonyms = true, .include_documentation = true};
    struct describe_configs_response response;
    if (!ask(peer, API_DESCRIBE_CONFIGS, 4, &request, &response))
        return "closed";
    if (response.results.items[0].configs.count == 0)
        return "";
    const struct describe_configs_response_config *found = &response.results.items[0].configs.items[0];
    snprintf(text, sizeof text, "%.*s %d", SLICE_PRINT(found->value), found->config_source);
    return text;
}

static void what_is_set_is_described_where_it_was_set(void)
{
    open_fixture();
    int peer = connect_peer();
    CHECK_EQUAL(alter(peer, BROKER, "1", "log.retention.ms", SET, " 1000 "), KAFKA_NONE);
    CHECK_EQUAL(alter(peer, BROKER, "", "log.retention.ms", SET, "2000"), KAFKA_NONE);
    CHECK(strcmp(describe(peer, BROKER, "1", "log.retention.ms"), "1000 2") == 0);
    CHECK(strcmp(describe(peer, BROKER, "", "log.retention.ms"), "2000 3") == 0);
    CHECK(strcmp(describe(peer, BROKER, "", "log.retention.bytes"), "") == 0);
    CHECK(strcmp(describe(peer, TOPIC, "orders", "retention.ms"), "1000 2") == 0);
    CHECK_EQUAL(alter(peer, BROKER, "1", "log.retention.ms", DELETE, NULL), KAFKA_NONE);
    CHECK(strcmp(describe(peer, TOPIC, "orders", "retention.ms"), "2000 3") == 0);
    CHECK_EQUAL(alter(peer, TOPIC, "orders", "retention.ms", SET, "3000"), KAFKA_NONE);
    CHECK(strcmp(describe(peer, TOPIC, "orders", "retention.ms"), "3000 1") == 0);
    CHECK_EQUAL(alter(peer, GROUP, "g", "consumer.session.timeout.ms", SET, "50000"), KAFKA_NONE);
    CHECK(strcmp(describe(peer, GROUP, "g", "consumer.session.timeout.ms"), "50000 8") == 0);
    CHECK(strcmp(describe(peer, GROUP, "h", "consumer.session.timeout.ms"), "45000 5") == 0);
    CHECK_EQUAL(alter(peer, LOGGER, "1", "root", SET, "WARN"), KAFKA_NONE);
    CHECK(strcmp(describe(peer, LOGGER, "1", "root"), "WARN 6") == 0);
    close(peer);
    close_fixture();
}

static void settings_of_groups_that_kafka_has_are_described(void)
{
    open_fixture();
    int peer = connect_peer();
    CHECK(strcmp(describe(peer, BROKER, "1", "group.consumer.assignors"), "uniform,range 5") == 0);
    CHECK(strcmp(describe(peer, BROKER, "1", "group.consumer.regex.refresh.interval.ms"), "600000 5") == 0);
    CHECK(strcmp(describe(peer, BROKER, "1", "group.consumer.assignment.interval.ms"), "0 5") == 0);
    CHECK(strcmp(describe(peer, BROKER, "1", "transaction.state.log.segment.bytes"), "1048576 5") == 0);
    CHECK(strcmp(describe(peer, BROKER, "1", "offsets.topic.segment.bytes"), "1048576 5") == 0);
    CHECK_EQUAL(alter(peer, GROUP, "g", "consumer.assignment.interval.ms", SET, "0"), KAFKA_NONE);
    CHECK_EQUAL(alter(peer, GROUP, "g", "consumer.assignment.interval.ms", SET, "16000"), KAFKA_INVALID_CONFIG);
    CHECK_EQUAL(alter(peer, GROUP, "g", "consumer.assignment.interval.ms", SET, "2000"), KAFKA_NONE);
    CHECK(strcmp(describe(peer, GROUP, "g", "consumer.assignment.interval.ms"), "2000 8") == 0);
    CHECK(strcmp(describe(peer, GROUP, "h", "consumer.assignment.interval.ms"), "0 5") == 0);
    CHECK_EQUAL(alter(peer, GROUP, "g", "consumer.session.timeout.ms", SET, "0"), KAFKA_INVALID_CONFIG);
    CHECK_EQUAL(alter(peer, BROKER, "1", "group.consumer.assignment.interval.ms", SET, "500"), KAFKA_NONE);
    CHECK(strcmp(describe(peer, GROUP, "h", "consumer.assignment.interval.ms"), "500 2") == 0);
    close(peer);
    close_fixture();
}

/* Also where a setting is named again and again, among names of none. */
static void only_what_is_asked_for_is_described(void)
{
    enum { COUNT = 6000 };
    static slice keys[COUNT];
    open_fixture();
    int peer = connect_peer();
    for (int i = 0; i < COUNT; i++)
        keys[i] = slice_of_text(i % 3 == 0 ? "retention.ms" : i % 3 == 1 ? "retention.m" : "cleanup.policy");
    struct describe_configs_request_resource resource = {.resource_type = TOPIC,
                                                         .resource_name = slice_of_text("orders"),
                                                         .configuration_keys = {.items = keys, .count = COUNT}};
    struct describe_configs_request request = {.resources = {.items = &resource, .count = 1}};
    struct describe_configs_response response;
    REQUIRE(ask(peer, API_DESCRIBE_CONFIGS, 4, &request, &response));
    CHECK_EQUAL(response.results.items[0].configs.count, 2);
    resource.configuration_keys.count = 0;
    REQUIRE(ask(peer, API_DESCRIBE_CONFIGS, 4, &request, &response));
    CHECK_EQUAL(response.results.items[0].configs.count, 0);
    resource.configuration_keys = (struct string_array){.items = NULL, .count = -1};
    REQUIRE(ask(peer, API_DESCRIBE_CONFIGS, 4, &request, &response));
    CHECK(response.results.items[0].configs.count > 20);
    close(peer);
    close_fixture();
}

static void a_group_that_is_named_often_is_described_once(void)
{
    slice names[] = {slice_of_text("g"), slice_of_text("h"), slice_of_text("g"), slice_of_text("g")};
    open_fixture();
    int peer = connect_peer();
    struct describe_groups_request classic = {.groups = {.items = names, .count = 4}};
    struct describe_groups_response described;
    REQUIRE(ask(peer, API_DESCRIBE_GROUPS, 6, &classic, &described));
    CHECK_EQUAL(described.groups.count, 2);
    CHECK(slice_equal(described.groups.items[0].group_id, names[0]));
    CHECK(slice_equal(described.groups.items[1].group_id, names[1]));
    struct consumer_group_describe_request consumer = {.group_ids = {.items = names, .count = 4}};
    struct consumer_group_describe_response answer;
    REQUIRE(ask(peer, API_CONSUMER_GROUP_DESCRIBE, 1, &consumer, &answer));
    CHECK_EQUAL(answer.groups.count, 2);
    close(peer);
    close_fixture();
}

static void what_is_refused_changes_nothing(void)
{
    static const struct {
        const char *name, *key, *value;
        int16_t code;
        int8_t type, operation;
    } refused[] = {
        {"1", "node.id", "2", KAFKA_INVALID_REQUEST, BROKER, SET},
        {"1", "log.retention.ms", "x", KAFKA_INVALID_REQUEST, BROKER, SET},
        {"1", "log.retention.ms", NULL, KAFKA_INVALID_REQUEST, BROKER, SET},
        {"1", "log.retention.ms", "5", KAFKA_INVALID_CONFIG, BROKER, APPEND},
        {"1", "log.retention.ms", "5", KAFKA_INVALID_REQUEST, BROKER, 4},
        {"1", "log.cleanup.policy", NULL, KAFKA_INVALID_REQUEST, BROKER, SUBTRACT},
        {"1", "log.retenton.ms", "5", KAFKA_INVALID_CONFIG, BROKER, SET},
        {"2", "log.retention.ms", "5", KAFKA_INVALID_REQUEST, BROKER, SET},
        {"one", "log.retention.ms", "5", KAFKA_INVALID_REQUEST, BROKER, SET},
        {"", "consumer.session.timeout.ms", "50000", KAFKA_INVALID_REQUEST, GROUP, SET},
        {"g", "consumer.session.timeout.ms", "1", KAFKA_INVALID_CONFIG, GROUP, SET},
        {"g", "consumer.session.timeout.ms", "90000", KAFKA_INVALID_CONFIG, GROUP, SET},
        {"g", "consumer.session.timeout.ms", "1", KAFKA_INVALID_CONFIG, GROUP, SUBTRACT},
        {"g", "session.timeout.ms", "50000", KAFKA_INVALID_CONFIG, GROUP, SET},
        {"1", "root", "LOUD", KAFKA_INVALID_CONFIG, LOGGER, SET},
        {"1", "root", NULL, KAFKA_INVALID_REQUEST, LOGGER, DELETE},
        {"1", "kafka", "INFO", KAFKA_INVALID_CONFIG, LOGGER, SET},
        {"", "retention.ms", "5", KAFKA_INVALID_REQUEST, TOPIC, SET},
        {"nope", "retention.ms", "5", KAFKA_UNKNOWN_TOPIC_OR_PARTITION, TOPIC, SET},
        {"m", "interval.ms", "5", KAFKA_INVALID_REQUEST, 16, SET},
    };
    open_fixture();
    int peer = connect_peer();
    int64_t end = log_end_offset(metadata_log_log(f.server.metadata));
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        CHECK_EQUAL(
            alter(peer, refused[i].type, refused[i].name, refused[i].key, refused[i].operation, refused[i].value),
            refused[i].code);
    CHECK_EQUAL(log_end_offset(metadata_log_log(f.server.metadata)), end);
    CHECK_EQUAL(config_number(f.server.config, CONFIG_LOG_RETENTION_MS), 604800000);
    CHECK(metadata_log_settings(f.server.metadata, SETTINGS_OF_GROUP, slice_of_text("g")) == NULL);
    close(peer);
    close_fixture();
}

static void what_cannot_be_written_is_told(void)
{
    open_fixture();
    int peer = connect_peer();
    simulated_disk_fail_call_at(f.server.disk, SIMULATED_WRITE, 0, -ENOSPC);
    CHECK_EQUAL(alter(peer, BROKER, "1", "log.retention.ms", SET, "1000"), KAFKA_KAFKA_STORAGE_ERROR);
    CHECK_EQUAL(config_number(f.server.config, CONFIG_LOG_RETENTION_MS), 604800000);
    CHECK_EQUAL(alter(peer, BROKER, "1", "log.retention.ms", SET, "1000"), KAFKA_NONE);
    CHECK_EQUAL(config_number(f.server.config, CONFIG_LOG_RETENTION_MS), 1000);
    close(peer);
    close_fixture();
}

static void ask_for_everything(int peer)
{
    struct list_config_resources_request list = {.resource_types = {.count = 0}};
    struct list_config_resources_response listed;
    struct describe_quorum_request_partition partition = {.partition_index = 0};
    struct describe_quorum_request_topic topic = {.topic_name = slice_of_text("__cluster_metadata"),
                                                  .partitions = {.items = &partition, .count = 1}};
    struct describe_quorum_request quorum = {.topics = {.items = &topic, .count = 1}};
    struct describe_quorum_response described;
    struct update_features_request_feature_update update = {
        .feature = slice_of_text("group.version"), .max_version_level = 1, .upgrade_type = 1};
    struct update_features_request features = {.feature_updates = {.items = &update, .count = 1}};
    struct update_features_response updated;
    struct api_versions_request versions = {.client_software_name = slice_of_text("test"),
                                            .client_software_version = slice_of_text("1")};
    struct api_versions_response told;
    if (ask(peer, API_LIST_CONFIG_RESOURCES, 1, &list, &listed))
        CHECK(listed.config_resources.count >= 3);
    if (ask(peer, API_DESCRIBE_QUORUM, 2, &quorum, &described))
        CHECK_EQUAL(described.topics.items[0].partitions.items[0].leader_id, 1);
    topic.topic_name = slice_of_text("other");
    if (ask(peer, API_DESCRIBE_QUORUM, 2, &quorum, &described))
        CHECK_EQUAL(described.topics.items[0].partitions.items[0].error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    if (ask(peer, API_UPDATE_FEATURES, 1, &features, &updated))
        CHECK(updated.error_code == KAFKA_NONE && updated.results.count == 1);
    if (ask(peer, API_API_VERSIONS, 4, &versions, &told))
        CHECK(told.finalized_features.count >= 2 && told.finalized_features_epoch == 0);
}

/* A connection may be closed instead of answered; what was answered holds, and nothing leaks. */
static void any_allocation_may_be_refused(void)
{
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        open_fixture();
        int peers[5];
        for (int i = 0; i < 5; i++)
            peers[i] = connect_peer();
        memory_fail_at(&f.memory, nth);
        int16_t broker = alter(peers[0], BROKER, "1", "log.cleanup.policy", APPEND, "compact");
        int16_t group = alter(peers[1], GROUP, "g", "consumer.session.timeout.ms", SET, "50000");
        int16_t topic = alter(peers[2], TOPIC, "orders", "retention.ms", SET, "3000");
        bool was_described = strcmp(describe(peers[3], BROKER, "1", "log.cleanup.policy"), "closed") != 0;
        ask_for_everything(peers[4]);
        failed = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        CHECK(broker == KAFKA_NONE || failed);
        CHECK(was_described || failed);
        bool is_set = metadata_log_settings(f.server.metadata, SETTINGS_OF_GROUP, slice_of_text("g")) != NULL;
        CHECK(is_set || group != KAFKA_NONE);
        CHECK(topic != KAFKA_NONE ||
              topics_find(&f.server.topics, slice_of_text("orders"))->config.retention_ms == 3000);
        CHECK(broker != KAFKA_NONE ||
              strcmp(config_string(f.server.config, CONFIG_LOG_CLEANUP_POLICY), "delete,compact") == 0);
        for (int i = 0; i < 5; i++)
            close(peers[i]);
        server_fixture_turn(&f);
        CHECK_EQUAL(budget_used(f.server.budget), 0);
        close_fixture();
    }
}

SUITE("admin_handlers", CHECK_TEST(what_is_set_is_described_where_it_was_set),
      CHECK_TEST(settings_of_groups_that_kafka_has_are_described), CHECK_TEST(only_what_is_asked_for_is_described),
      CHECK_TEST(a_group_that_is_named_often_is_described_once), CHECK_TEST(what_is_refused_changes_nothing),
      CHECK_TEST(what_cannot_be_written_is_told), CHECK_TEST(any_allocation_may_be_refused))
