#include "config.h"

#include "check.h"

#include <errno.h>

static const struct machine desktop = {.memory_bytes = (uint64_t)16 << 30, .cores = 8};
static const struct machine router = {.memory_bytes = (uint64_t)128 << 20, .cores = 1};
static struct memory memory;
static struct error error;

static struct config *fresh(const struct machine *machine)
{
    memory_init(&memory);
    return config_create(&memory, machine);
}

static int set(struct config *config, const char *name, const char *value, enum config_source source)
{
    return config_set(config, slice_of_text(name), slice_of_text(value), source, &error);
}

static int read_text(struct config *config, const char *text)
{
    return config_read(config, "a.properties", slice_of_text(text), &error);
}

static void every_default_is_a_valid_value_of_its_key(void)
{
    struct config *config = fresh(&desktop);
    REQUIRE(config != NULL);
    for (int id = 0; id < CONFIG_KEY_COUNT; id++) {
        CHECK_EQUAL(config_find(slice_of_text(config_key(id)->name)), id);
        CHECK(config_key(id)->documentation[0] != '\0');
        const char *text = config_text_of(config, id, CONFIG_OF_DEFAULT);
        if (text != NULL)
            CHECK_EQUAL(set(config, config_key(id)->name, text, CONFIG_FROM_FILE), 0);
    }
    config_destroy(config);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static void defaults_follow_the_machine(void)
{
    struct config *config = fresh(&desktop);
    CHECK_EQUAL(config_number(config, CONFIG_LOG_SEGMENT_BYTES), 1 << 30);
    CHECK_EQUAL(config_number(config, CONFIG_SOCKET_REQUEST_MAX_BYTES), 100 << 20);
    CHECK_EQUAL(config_number(config, CONFIG_FURROW_MEMORY_LIMIT_BYTES), 1 << 30);
    CHECK_EQUAL(config_number(config, CONFIG_LOG_CLEANER_DEDUPE_BUFFER_SIZE), 32 << 20);
    config_destroy(config);

    config = fresh(&router);
    CHECK_EQUAL(config_number(config, CONFIG_LOG_SEGMENT_BYTES), 16 << 20);
    CHECK_EQUAL(config_number(config, CONFIG_SOCKET_REQUEST_MAX_BYTES), 8 << 20);
    CHECK_EQUAL(config_number(config, CONFIG_FURROW_MEMORY_LIMIT_BYTES), 32 << 20);
    CHECK_EQUAL(config_number(config, CONFIG_LOG_CLEANER_DEDUPE_BUFFER_SIZE), 1 << 20);
    CHECK(strcmp(config_text(config, "log.segment.bytes"), "16777216") == 0);
    config_destroy(config);
}

static void the_stronger_source_wins_in_any_order(void)
{
    struct config *config = fresh(&desktop);
    CHECK_EQUAL(set(config, "num.partitions", "4", CONFIG_FROM_ARGUMENT), 0);
    CHECK_EQUAL(set(config, "num.partitions", "3", CONFIG_FROM_ENVIRONMENT), 0);
    CHECK_EQUAL(set(config, "num.partitions", "2", CONFIG_FROM_FILE), 0);
    CHECK_EQUAL(config_number(config, CONFIG_NUM_PARTITIONS), 4);
    CHECK_EQUAL(config_source_at(config, CONFIG_NUM_PARTITIONS), CONFIG_FROM_ARGUMENT);
    CHECK_EQUAL(set(config, "num.partitions", "5", CONFIG_FROM_ARGUMENT), 0);
    CHECK_EQUAL(config_number(config, CONFIG_NUM_PARTITIONS), 5);
    config_destroy(config);
}

static void values_out_of_range_are_refused_and_change_nothing(void)
{
    static const char *const wrong[][2] = {
        {"num.partitions", "0"},
        {"num.partitions", "-1"},
        {"num.partitions", "many"},
        {"num.partitions", ""},
        {"num.partitions", "1 "},
        {"num.partitions", "99999999999999999999"},
        {"log.segment.bytes", "2147483648"},
        {"auto.create.topics.enable", "yes"},
        {"compression.type", "brotli"},
        {"log.cleanup.policy", "delete,burn"},
        {"log.cleanup.policy", ""},
        {"log.cleaner.min.cleanable.ratio", "1.5"},
        {"log.level", "loud"},
        {"default.replication.factor", "2"},
    };
    struct config *config = fresh(&desktop);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_EQUAL(set(config, wrong[i][0], wrong[i][1], CONFIG_FROM_ARGUMENT), -EINVAL);
        CHECK(strstr(error.message, wrong[i][0]) != NULL);
        CHECK_EQUAL(config_source_at(config, config_find(slice_of_text(wrong[i][0]))), CONFIG_FROM_DEFAULT);
    }
    CHECK_EQUAL(config_number(config, CONFIG_NUM_PARTITIONS), 1);
    config_destroy(config);
}

static void valid_values_are_taken(void)
{
    struct config *config = fresh(&desktop);
    CHECK_EQUAL(set(config, "log.cleanup.policy", "compact,delete", CONFIG_FROM_FILE), 0);
    CHECK_EQUAL(set(config, "log.cleanup.policy", "compact, delete", CONFIG_FROM_FILE), 0);
    CHECK_EQUAL(set(config, "auto.create.topics.enable", "FALSE", CONFIG_FROM_FILE), 0);
    CHECK(!config_flag(config, CONFIG_AUTO_CREATE_TOPICS_ENABLE));
    CHECK_EQUAL(set(config, "log.cleaner.min.cleanable.ratio", "0.25", CONFIG_FROM_FILE), 0);
    CHECK_EQUAL(set(config, "broker.id", "7", CONFIG_FROM_FILE), 0);
    CHECK_EQUAL(config_number(config, CONFIG_NODE_ID), 7);
    config_destroy(config);
}

static void an_unknown_key_names_the_nearest_known_one(void)
{
    struct config *config = fresh(&desktop);
    CHECK_EQUAL(set(config, "log.segment.byte", "1", CONFIG_FROM_FILE), -ENOENT);
    CHECK(strstr(error.message, "did you mean log.segment.bytes?") != NULL);
    CHECK_EQUAL(set(config, "num.partition", "1", CONFIG_FROM_FILE), -ENOENT);
    CHECK(strstr(error.message, "num.partitions") != NULL);
    CHECK_EQUAL(set(config, "zzz", "1", CONFIG_FROM_FILE), -ENOENT);
    CHECK(strstr(error.message, "did you mean") == NULL);
    config_destroy(config);
}

static void a_properties_file_is_read_as_java_reads_it(void)
{
    struct config *config = fresh(&desktop);
    CHECK_EQUAL(read_text(config, "# a comment\n"
                                  "! another\n"
                                  "\n"
                                  "   num.partitions = 3  \r\n"
                                  "node.id: 9\n"
                                  "log.cleanup.policy=compact,\\\n"
                                  "      delete\n"
                                  "advertised.listeners=host:9092"),
                0);
    CHECK_EQUAL(config_number(config, CONFIG_NUM_PARTITIONS), 3);
    CHECK_EQUAL(config_number(config, CONFIG_NODE_ID), 9);
    CHECK(strcmp(config_string(config, CONFIG_LOG_CLEANUP_POLICY), "compact,delete") == 0);
    CHECK(strcmp(config_string(config, CONFIG_ADVERTISED_LISTENERS), "host:9092") == 0);
    config_destroy(config);
}

static void an_error_in_a_file_names_file_and_line(void)
{
    struct config *config = fresh(&desktop);
    CHECK_EQUAL(read_text(config, "num.partitions=3\n# x\nnum.partitoins=4\n"), -ENOENT);
    CHECK(strncmp(error.message, "a.properties:3: ", 16) == 0);
    CHECK_EQUAL(read_text(config, "node.id=1\\\n\n\nnonsense\n"), -EINVAL);
    CHECK(strncmp(error.message, "a.properties:4: ", 16) == 0);
    config_destroy(config);
}

struct unknown {
    int count;
    char last[64];
};

static void note_unknown(void *context, const char *variable)
{
    struct unknown *unknown = context;
    unknown->count++;
    snprintf(unknown->last, sizeof unknown->last, "%s", variable);
}

static void the_environment_sets_keys_and_reports_unknown_variables(void)
{
    char *environment[] = {"PATH=/bin", "FURROW_LOG_SEGMENT_BYTES=2097152", "FURROW_MEMORY_LIMIT_BYTES=200000000",
                           "FURROW_NONSENSE=1", NULL};
    struct unknown unknown = {.count = 0};
    struct config *config = fresh(&desktop);
    CHECK_EQUAL(config_read_environment(config, environment, note_unknown, &unknown, &error), 0);
    CHECK_EQUAL(config_number(config, CONFIG_LOG_SEGMENT_BYTES), 2097152);
    CHECK_EQUAL(config_number(config, CONFIG_FURROW_MEMORY_LIMIT_BYTES), 200000000);
    CHECK_EQUAL(unknown.count, 1);
    CHECK(strcmp(unknown.last, "FURROW_NONSENSE") == 0);

    char *wrong[] = {"FURROW_NODE_ID=x", NULL};
    CHECK_EQUAL(config_read_environment(config, wrong, note_unknown, &unknown, &error), -EINVAL);
    CHECK(strstr(error.message, "FURROW_NODE_ID") != NULL);
    config_destroy(config);
}

static void the_finer_unit_decides(void)
{
    struct config *config = fresh(&desktop);
    CHECK_EQUAL(config_finish(config, &error), 0);
    CHECK(strcmp(config_text(config, "log.retention.ms"), "604800000") == 0);
    CHECK_EQUAL(set(config, "log.retention.hours", "1", CONFIG_FROM_FILE), 0);
    CHECK_EQUAL(config_finish(config, &error), 0);
    CHECK_EQUAL(config_number(config, CONFIG_LOG_RETENTION_MS), 3600000);
    CHECK_EQUAL(set(config, "log.retention.minutes", "2", CONFIG_FROM_FILE), 0);
    CHECK_EQUAL(config_finish(config, &error), 0);
    CHECK_EQUAL(config_number(config, CONFIG_LOG_RETENTION_MS), 120000);
    CHECK_EQUAL(set(config, "log.retention.ms", "-1", CONFIG_FROM_FILE), 0);
    CHECK_EQUAL(config_finish(config, &error), 0);
    CHECK_EQUAL(config_number(config, CONFIG_LOG_RETENTION_MS), -1);
    CHECK_EQUAL(config_number(config, CONFIG_LOG_ROLL_MS), 604800000);
    config_destroy(config);
}

static void the_largest_request_follows_the_memory_for_all(void)
{
    struct config *config = fresh(&desktop);
    CHECK_EQUAL(set(config, "furrow.memory.limit.bytes", "16777216", CONFIG_FROM_FILE), 0);
    CHECK_EQUAL(config_finish(config, &error), 0);
    CHECK_EQUAL(config_number(config, CONFIG_SOCKET_REQUEST_MAX_BYTES), 4 << 20);
    CHECK_EQUAL(config_source_at(config, CONFIG_SOCKET_REQUEST_MAX_BYTES), CONFIG_FROM_DEFAULT);
    CHECK_EQUAL(set(config, "furrow.memory.limit.bytes", "65536", CONFIG_FROM_FILE), 0);
    CHECK_EQUAL(config_finish(config, &error), 0);
    CHECK_EQUAL(config_number(config, CONFIG_SOCKET_REQUEST_MAX_BYTES), 16 << 10);
    CHECK_EQUAL(set(config, "furrow.memory.limit.bytes", "1900000000", CONFIG_FROM_FILE), 0);
    CHECK_EQUAL(config_finish(config, &error), 0);
    CHECK_EQUAL(config_number(config, CONFIG_SOCKET_REQUEST_MAX_BYTES), 100 << 20);
    config_destroy(config);
}

static void a_request_that_is_set_may_have_half_of_the_memory_for_all(void)
{
    struct config *config = fresh(&desktop);
    CHECK_EQUAL(set(config, "furrow.memory.limit.bytes", "1048576", CONFIG_FROM_FILE), 0);
    CHECK_EQUAL(set(config, "socket.request.max.bytes", "524289", CONFIG_FROM_FILE), 0);
    CHECK_EQUAL(config_finish(config, &error), -EINVAL);
    CHECK(strstr(error.message, "socket.request.max.bytes=524289") != NULL);
    CHECK_EQUAL(set(config, "socket.request.max.bytes", "524288", CONFIG_FROM_FILE), 0);
    CHECK_EQUAL(config_finish(config, &error), 0);
    config_destroy(config);
}

static void what_groups_inherit_lies_where_their_own_settings_must(void)
{
    static const char *const wrong[][2] = {
        {"group.consumer.heartbeat.interval.ms", "100"},      {"group.consumer.heartbeat.interval.ms", "20000"},
        {"group.consumer.session.timeout.ms", "44999"},       {"group.consumer.session.timeout.ms", "60001"},
        {"group.consumer.max.heartbeat.interval.ms", "4999"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct config *config = fresh(&desktop);
        CHECK_EQUAL(set(config, wrong[i][0], wrong[i][1], CONFIG_FROM_FILE), 0);
        CHECK_EQUAL(config_finish(config, &error), -EINVAL);
        CHECK(strstr(error.message, wrong[i][0]) != NULL && strstr(error.message, wrong[i][1]) != NULL);
        config_destroy(config);
    }
    struct config *config = fresh(&desktop);
    CHECK_EQUAL(set(config, "group.consumer.min.session.timeout.ms", "1", CONFIG_FROM_FILE), 0);
    CHECK_EQUAL(set(config, "group.consumer.session.timeout.ms", "5000", CONFIG_FROM_FILE), 0);
    CHECK_EQUAL(config_finish(config, &error), -EINVAL); /* not above the interval */
    CHECK_EQUAL(set(config, "group.consumer.session.timeout.ms", "5001", CONFIG_FROM_FILE), 0);
    CHECK_EQUAL(config_finish(config, &error), 0);
    config_destroy(config);
}

/* A number of bytes that no pointer can reach would be cut to a small one. */
static void the_memory_for_all_can_be_addressed(void)
{
    int expected = SIZE_MAX > UINT32_MAX ? 0 : -EINVAL;
    struct config *config = fresh(&desktop);
    CHECK_EQUAL(set(config, "furrow.memory.limit.bytes", "2147483647", CONFIG_FROM_FILE), 0);
    CHECK_EQUAL(set(config, "furrow.memory.limit.bytes", "4294967296", CONFIG_FROM_FILE), expected);
    CHECK_EQUAL(set(config, "furrow.memory.limit.bytes", "9223372036854775807", CONFIG_FROM_FILE), expected);
    int64_t limit = config_number(config, CONFIG_FURROW_MEMORY_LIMIT_BYTES);
    CHECK_EQUAL((int64_t)(size_t)limit, limit);
    config_destroy(config);
}

static void every_allocation_may_fail(void)
{
    memory_init(&memory);
    for (int64_t nth = 0;; nth++) {
        memory_fail_at(&memory, nth);
        struct config *config = config_create(&memory, &desktop);
        if (config != NULL) {
            int rc = config_set(config, slice_of_text("node.id"), slice_of_text("3"), CONFIG_FROM_FILE, &error);
            CHECK(rc == 0 || rc == -ENOMEM);
            rc = config_finish(config, &error);
            CHECK(rc == 0 || rc == -ENOMEM);
            config_destroy(config);
        }
        CHECK_EQUAL(memory_total_bytes(&memory), 0);
        if (memory_fail_pending(&memory))
            break;
    }
}

SUITE("config", CHECK_TEST(every_default_is_a_valid_value_of_its_key), CHECK_TEST(defaults_follow_the_machine),
      CHECK_TEST(the_stronger_source_wins_in_any_order), CHECK_TEST(values_out_of_range_are_refused_and_change_nothing),
      CHECK_TEST(valid_values_are_taken), CHECK_TEST(an_unknown_key_names_the_nearest_known_one),
      CHECK_TEST(a_properties_file_is_read_as_java_reads_it), CHECK_TEST(an_error_in_a_file_names_file_and_line),
      CHECK_TEST(the_environment_sets_keys_and_reports_unknown_variables), CHECK_TEST(the_finer_unit_decides),
      CHECK_TEST(the_largest_request_follows_the_memory_for_all),
      CHECK_TEST(a_request_that_is_set_may_have_half_of_the_memory_for_all),
      CHECK_TEST(what_groups_inherit_lies_where_their_own_settings_must),
      CHECK_TEST(the_memory_for_all_can_be_addressed), CHECK_TEST(every_allocation_may_fail))
