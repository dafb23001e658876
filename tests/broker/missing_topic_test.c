/* The topic that records are to go to, while others make and delete it. */
#include "check.h"
#include "metadata_log.h"
#include "operations/missing_topic.h"
#include "operations/operations.h"
#include "server_fixture.h"

static struct server_fixture f;

struct asking {
    struct missing_topic_request request;
    struct topic *topic;
    enum kafka_error code;
    unsigned answers;
};

static void open_with(const char *const *settings)
{
    server_fixture_open(&f, settings);
    server_fixture_make_disk(&f, 1);
    REQUIRE(server_fixture_open_storage(&f) == 0);
}

static void close_all(void)
{
    server_fixture_close_storage(&f);
    CHECK(server_fixture_close(&f));
}

static void note(struct missing_topic_request *request, struct topic *topic, enum kafka_error code,
                 const struct error *error)
{
    struct asking *asking = request->context;
    CHECK((topic != NULL) == (code == KAFKA_NONE) && error != NULL);
    asking->topic = topic;
    asking->code = code;
    asking->answers++;
}

static void ask(struct asking *asking, const char *name)
{
    *asking = (struct asking){.request = {.name = slice_of_text(name), .done = note, .context = asking}};
    missing_topic_start(f.server.missing_topics, &asking->request);
}

static void await_one(const struct asking *asking)
{
    for (int i = 0; i < 100000 && asking->answers == 0; i++)
        uv_run(&f.loop, UV_RUN_ONCE);
    CHECK_EQUAL(asking->answers, 1);
    CHECK(missing_topics_idle(f.server.missing_topics));
}

static void one_that_is_there_is_found_at_once(void)
{
    struct topic *topic;
    struct asking asking;
    open_with(NULL);
    REQUIRE(server_fixture_create_topic(&f, "orders", 2, NULL, &topic) == 0);
    ask(&asking, "orders");
    CHECK_EQUAL(asking.answers, 1);
    CHECK(asking.topic == topic);
    close_all();
}

static void one_that_is_missing_is_made_as_the_server_makes_topics(void)
{
    static const char *const settings[] = {"num.partitions=3", NULL};
    struct asking asking, other;
    open_with(settings);
    ask(&asking, "orders");
    ask(&other, "orders");
    CHECK_EQUAL(asking.answers + other.answers, 0);
    for (int i = 0; i < 100000 && (asking.answers == 0 || other.answers == 0); i++)
        uv_run(&f.loop, UV_RUN_ONCE);
    REQUIRE(asking.topic != NULL);
    CHECK(asking.topic == other.topic);
    CHECK_EQUAL(asking.topic->partition_count, 3);
    CHECK_EQUAL(f.server.topics.count, 1);
    close_all();
}

static void what_may_not_be_made_is_refused_at_once(void)
{
    static const char *const settings[] = {"auto.create.topics.enable=false", NULL};
    struct asking asking;
    open_with(settings);
    ask(&asking, "orders");
    CHECK_EQUAL(asking.code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    close_all();
    open_with(NULL);
    static const char *const names[] = {"", "a b", "..", "__consumer_offsets", "__transaction_state"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ask(&asking, names[i]);
        CHECK_EQUAL(asking.answers, 1);
        CHECK_EQUAL(asking.code, KAFKA_INVALID_TOPIC_EXCEPTION);
    }
    CHECK_EQUAL(f.server.topics.count, 0);
    close_all();
}

static void ignore(void *context, int status, const struct error *error)
{
    (void)context;
    (void)status;
    (void)error;
}

static void one_that_somebody_else_makes_is_waited_for(void)
{
    struct topic_config config;
    struct asking asking;
    open_with(NULL);
    topic_config_init(&config, f.server.config);
    metadata_log_create_topic(f.server.metadata, slice_of_text("orders"), &config, 5, ignore, NULL);
    topic_config_close(&config, f.server.memory);
    ask(&asking, "orders");
    CHECK_EQUAL(asking.answers, 0);
    await_one(&asking);
    REQUIRE(asking.topic != NULL);
    CHECK_EQUAL(asking.topic->partition_count, 5);
    close_all();
}

static void one_that_is_being_deleted_is_made_anew(void)
{
    struct topic *topic;
    struct asking asking;
    open_with(NULL);
    REQUIRE(server_fixture_create_topic(&f, "orders", 4, NULL, &topic) == 0);
    metadata_log_delete_topic(f.server.metadata, topic, ignore, NULL);
    for (int i = 0; i < 100000 && topics_find(&f.server.topics, slice_of_text("orders")) != NULL; i++)
        uv_run(&f.loop, UV_RUN_ONCE);
    ask(&asking, "orders");
    await_one(&asking);
    REQUIRE(asking.topic != NULL);
    CHECK_EQUAL(asking.topic->partition_count, 1);
    close_all();
}

static void a_stop_waits_for_nobody(void)
{
    struct topic_config config;
    struct asking asking;
    open_with(NULL);
    topic_config_init(&config, f.server.config);
    metadata_log_create_topic(f.server.metadata, slice_of_text("orders"), &config, 1, ignore, NULL);
    topic_config_close(&config, f.server.memory);
    ask(&asking, "orders");
    operations_end_waits(&f.server);
    await_one(&asking);
    CHECK(asking.code == KAFKA_NONE || asking.code == KAFKA_LEADER_NOT_AVAILABLE);
    close_all();
}

static void any_allocation_may_fail(void)
{
    bool outlived = false;
    int failed = 0;
    for (int64_t nth = 0; !outlived; nth++) {
        struct asking asking;
        open_with(NULL);
        memory_fail_at(&f.memory, nth);
        ask(&asking, "orders");
        for (int i = 0; i < 100000 && asking.answers == 0; i++)
            uv_run(&f.loop, UV_RUN_ONCE);
        outlived = memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        CHECK_EQUAL(asking.answers, 1);
        failed += asking.topic == NULL;
        close_all();
    }
    CHECK(failed > 0);
}

SUITE("missing_topic", CHECK_TEST(one_that_is_there_is_found_at_once),
      CHECK_TEST(one_that_is_missing_is_made_as_the_server_makes_topics),
      CHECK_TEST(what_may_not_be_made_is_refused_at_once), CHECK_TEST(one_that_somebody_else_makes_is_waited_for),
      CHECK_TEST(one_that_is_being_deleted_is_made_anew), CHECK_TEST(a_stop_waits_for_nobody),
      CHECK_TEST(any_allocation_may_fail))
