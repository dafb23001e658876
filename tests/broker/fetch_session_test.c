#include "check.h"
#include "kafka/fetch_session.h"

/* A client and the sessions that it talks to. Topics "a", "b" and "c" exist; each test is a table of what a client does
 * and what it must be told. */

#define NO_EPOCH  (-1)
#define LIMIT     3
#define MAX_NAMES 8
#define BY_NAME   12
#define BY_ID     13

static struct memory memory;
static struct topics topics;
static struct fetch_sessions *sessions;
static struct arena arena;
static int64_t now;
static uint32_t next_random;
static int32_t session_id; /* of the last answer */

static void count_up(void *context, void *to, size_t size)
{
    (void)context;
    next_random++;
    memcpy(to, &next_random, size < sizeof next_random ? size : sizeof next_random);
}

static struct uuid id_of(char name)
{
    struct uuid id = UUID_ZERO;
    id.bytes[0] = (uint8_t)name;
    return id;
}

static void add_topic(char name, uint8_t generation)
{
    struct topic_config config = {0};
    struct topic *topic;
    struct uuid id = id_of(name);
    id.bytes[1] = generation;
    REQUIRE(topics_add(&topics, slice_of(&name, 1), id, &config, &topic) == 0);
}

static void remove_topic(char name)
{
    topics_remove(&topics, topics_find(&topics, slice_of(&name, 1)));
}

static void set_up(void)
{
    memory_init(&memory);
    topics_init(&topics, &memory);
    arena_init(&arena, &memory, MEMORY_REQUESTS, 1 << 20);
    now = 0;
    next_random = 0;
    session_id = 0;
    REQUIRE(fetch_sessions_open(&memory, LIMIT, count_up, NULL, &sessions) == 0);
    for (int name = 'a'; name <= 'c'; name++)
        add_topic((char)name, 0);
}

static void tear_down(void)
{
    fetch_sessions_close(sessions);
    topics_close(&topics);
    arena_close(&arena);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

/* One fetch. Partitions are written "a0 b1"; every partition's high watermark is 10 unless `marks` says otherwise
 * ("a0=12"), those in `full` have records, those in `failed` an error. */
struct event {
    int32_t id;
    int32_t epoch;
    const char *ask;
    const char *forget;
    const char *full;
    const char *failed;
    const char *marks;
    int64_t later; /* ms passed before */

    enum kafka_error error;
    const char *answered; /* in order */
    bool has_session;
};

static bool lists(const char *list, char topic, int32_t partition)
{
    for (const char *at = list; at != NULL && *at != '\0'; at++) {
        if (at[0] == topic && at[1] == '0' + partition && (at[2] == ' ' || at[2] == '\0'))
            return true;
    }
    return false;
}

static int64_t mark_of(const char *marks, char topic, int32_t partition)
{
    for (const char *at = marks; at != NULL && *at != '\0'; at++) {
        if (at[0] == topic && at[1] == '0' + partition && at[2] == '=')
            return 10 + (at[3] - '0');
    }
    return 10;
}

struct asked {
    char names[MAX_NAMES];
    struct fetch_request_topic topics[MAX_NAMES];
    struct fetch_request_partition partitions[MAX_NAMES];
    struct fetch_request_forgotten_topic forgotten[MAX_NAMES];
    int32_t forgotten_partitions[MAX_NAMES];
    char forgotten_names[MAX_NAMES];
};

static int32_t fill_topics(struct asked *asked, const char *list)
{
    int32_t count = 0;
    for (const char *at = list; at != NULL && *at != '\0'; at++) {
        if (*at < 'a' || *at > 'z')
            continue;
        asked->names[count] = *at;
        asked->partitions[count] = FETCH_REQUEST_PARTITION_DEFAULTS;
        asked->partitions[count].partition = at[1] - '0';
        asked->partitions[count].partition_max_bytes = 1000;
        asked->topics[count] = FETCH_REQUEST_TOPIC_DEFAULTS;
        asked->topics[count].topic = slice_of(&asked->names[count], 1);
        asked->topics[count].topic_id = id_of(*at);
        asked->topics[count].partitions.items = &asked->partitions[count];
        asked->topics[count].partitions.count = 1;
        count++;
    }
    return count;
}

static int32_t fill_forgotten(struct asked *asked, const char *list)
{
    int32_t count = 0;
    for (const char *at = list; at != NULL && *at != '\0'; at++) {
        if (*at < 'a' || *at > 'z')
            continue;
        asked->forgotten_names[count] = *at;
        asked->forgotten_partitions[count] = at[1] - '0';
        asked->forgotten[count] = (struct fetch_request_forgotten_topic){
            .topic = slice_of(&asked->forgotten_names[count], 1),
            .topic_id = id_of(*at),
            .partitions = {&asked->forgotten_partitions[count], 1},
        };
        count++;
    }
    return count;
}

static char name_of(const struct fetch_target *target, int16_t version)
{
    return version >= BY_ID ? (char)target->topic_id.bytes[0] : (char)target->topic_name.data[0];
}

static int begin(const struct event *event, int16_t version, struct fetch_context *context)
{
    struct asked asked;
    struct fetch_request request = FETCH_REQUEST_DEFAULTS;
    request.session_id = event->id;
    request.session_epoch = event->epoch;
    request.topics.items = asked.topics;
    request.topics.count = fill_topics(&asked, event->ask);
    request.forgotten_topics_data.items = asked.forgotten;
    request.forgotten_topics_data.count = fill_forgotten(&asked, event->forget);
    int rc = fetch_sessions_begin(sessions, &request, version, &topics, now, &arena, context);
    for (int32_t i = 0; rc == 0 && i < context->count; i++)
        context->targets[i].topic_name =
            version >= BY_ID ? NULL_SLICE : arena_copy(&arena, context->targets[i].topic_name);
    return rc;
}

static void end(const struct event *event, int16_t version, struct fetch_context *context)
{
    for (int32_t i = 0; i < context->count; i++) {
        struct fetch_target *target = &context->targets[i];
        char name = name_of(target, version);
        if (lists(event->failed, name, target->partition))
            target->error = KAFKA_OFFSET_OUT_OF_RANGE;
        target->has_records = lists(event->full, name, target->partition);
        target->high_watermark = mark_of(event->marks, name, target->partition);
        target->log_start = 0;
    }
    fetch_sessions_end(sessions, context, now);
}

static void text_of_answer(const struct fetch_context *context, int16_t version, char *text)
{
    for (int32_t i = 0; i < context->count; i++) {
        if (!context->targets[i].must_answer)
            continue;
        *text++ = name_of(&context->targets[i], version);
        *text++ = (char)('0' + context->targets[i].partition);
        *text++ = ' ';
    }
    *text = '\0';
}

static void play_event(const struct event *event, int16_t version, size_t number)
{
    struct fetch_context context;
    char text[MAX_NAMES * 3 + 1], expected[MAX_NAMES * 3 + 2];
    now += event->later;
    REQUIRE(begin(event, version, &context) == 0);
    if (context.error == KAFKA_NONE)
        end(event, version, &context);
    CHECK_EQUAL(context.error, event->error);
    if (context.error != KAFKA_NONE)
        return;
    text_of_answer(&context, version, text);
    snprintf(expected, sizeof expected, "%s%s", event->answered, *event->answered != '\0' ? " " : "");
    if (strcmp(text, expected) != 0)
        fprintf(stderr, "event %zu answers \"%s\", not \"%s\"\n", number, text, expected);
    CHECK(strcmp(text, expected) == 0);
    CHECK_EQUAL(context.session_id != 0, event->has_session);
    session_id = context.session_id;
    arena_reset(&arena);
}

static void play(const struct event *events, size_t count, int16_t version)
{
    for (size_t i = 0; i < count; i++)
        play_event(&events[i], version, i);
}

#define PLAY(version, ...)                                                                                             \
    play((const struct event[]){__VA_ARGS__}, sizeof((const struct event[]){__VA_ARGS__}) / sizeof(struct event),      \
         version)

static void a_full_fetch_lists_everything_and_opens_a_session(void)
{
    set_up();
    PLAY(BY_NAME, {.ask = "a0 b0 b1", .answered = "a0 b0 b1", .has_session = true});
    CHECK_EQUAL(fetch_sessions_count(sessions), 1);
    tear_down();
}

static void a_final_fetch_opens_none(void)
{
    set_up();
    PLAY(BY_NAME, {.epoch = NO_EPOCH, .ask = "a0", .answered = "a0"});
    CHECK_EQUAL(fetch_sessions_count(sessions), 0);
    tear_down();
}

static void an_incremental_answer_names_what_changed(void)
{
    for (int16_t version = BY_NAME; version <= BY_ID; version++) {
        set_up();
        PLAY(version, {.ask = "a0 b0 c0", .answered = "a0 b0 c0", .has_session = true},
             {.id = 1, .epoch = 1, .answered = "", .has_session = true},
             {.id = 1, .epoch = 2, .full = "b0", .answered = "b0", .has_session = true},
             {.id = 1, .epoch = 3, .marks = "c0=2", .answered = "c0", .has_session = true},
             {.id = 1, .epoch = 4, .marks = "c0=2", .answered = "", .has_session = true});
        tear_down();
    }
}

static void a_partition_with_records_goes_to_the_end(void)
{
    set_up();
    PLAY(BY_NAME, {.ask = "a0 b0 c0", .answered = "a0 b0 c0", .has_session = true},
         {.id = 1, .epoch = 1, .full = "a0", .answered = "a0", .has_session = true},
         {.id = 1, .epoch = 2, .full = "a0 b0 c0", .answered = "b0 c0 a0", .has_session = true});
    tear_down();
}

static void a_partition_added_is_answered_once(void)
{
    set_up();
    PLAY(BY_ID, {.ask = "a0", .answered = "a0", .has_session = true},
         {.id = 1, .epoch = 1, .ask = "b0", .answered = "b0", .has_session = true},
         {.id = 1, .epoch = 2, .answered = "", .has_session = true});
    tear_down();
}

static void a_forgotten_partition_is_not_read_any_more(void)
{
    set_up();
    PLAY(BY_NAME, {.ask = "a0 b0", .answered = "a0 b0", .has_session = true},
         {.id = 1, .epoch = 1, .forget = "a0", .full = "a0 b0", .answered = "b0", .has_session = true});
    tear_down();
}

static void a_session_without_partitions_ends(void)
{
    set_up();
    PLAY(BY_NAME, {.ask = "a0", .answered = "a0", .has_session = true},
         {.id = 1, .epoch = 1, .forget = "a0", .answered = ""},
         {.id = 1, .epoch = 2, .error = KAFKA_FETCH_SESSION_ID_NOT_FOUND});
    tear_down();
}

static void an_error_is_answered_and_so_is_its_end(void)
{
    set_up();
    PLAY(BY_NAME, {.ask = "a0", .answered = "a0", .has_session = true},
         {.id = 1, .epoch = 1, .failed = "a0", .answered = "a0", .has_session = true},
         {.id = 1, .epoch = 2, .failed = "a0", .answered = "a0", .has_session = true},
         {.id = 1, .epoch = 3, .answered = "a0", .has_session = true},
         {.id = 1, .epoch = 4, .answered = "", .has_session = true});
    tear_down();
}

static void wrong_ids_and_epochs_are_refused(void)
{
    set_up();
    PLAY(BY_NAME, {.ask = "a0", .answered = "a0", .has_session = true},
         {.id = 7, .epoch = 1, .error = KAFKA_FETCH_SESSION_ID_NOT_FOUND},
         {.id = 1, .epoch = 2, .error = KAFKA_INVALID_FETCH_SESSION_EPOCH},
         {.id = 1, .epoch = 1, .answered = "", .has_session = true},
         {.id = 1, .epoch = 1, .error = KAFKA_INVALID_FETCH_SESSION_EPOCH});
    tear_down();
}

static void a_session_by_name_takes_no_ids(void)
{
    set_up();
    PLAY(BY_NAME, {.ask = "a0", .answered = "a0", .has_session = true});
    PLAY(BY_ID, {.id = 1, .epoch = 1, .error = KAFKA_FETCH_SESSION_TOPIC_ID_ERROR});
    tear_down();
}

static void a_full_fetch_replaces_the_session_it_names(void)
{
    set_up();
    PLAY(BY_NAME, {.ask = "a0", .answered = "a0", .has_session = true},
         {.id = 1, .epoch = 0, .ask = "b0", .answered = "b0", .has_session = true},
         {.id = 1, .epoch = 1, .error = KAFKA_FETCH_SESSION_ID_NOT_FOUND},
         {.id = 2, .epoch = 1, .answered = "", .has_session = true},
         {.id = 2, .epoch = NO_EPOCH, .ask = "b0", .answered = "b0"});
    CHECK_EQUAL(fetch_sessions_count(sessions), 0);
    tear_down();
}

static void no_session_is_evicted_while_it_is_in_use(void)
{
    set_up();
    for (int i = 0; i < LIMIT; i++)
        PLAY(BY_NAME, {.ask = "a0", .answered = "a0", .has_session = true});
    PLAY(BY_NAME, {.ask = "a0", .answered = "a0", .later = 1000});
    CHECK_EQUAL(fetch_sessions_count(sessions), LIMIT);
    tear_down();
}

static void the_least_recently_used_goes_first(void)
{
    set_up();
    for (int i = 0; i < LIMIT; i++)
        PLAY(BY_NAME, {.ask = "a0", .answered = "a0", .has_session = true});
    PLAY(BY_NAME, {.id = 1, .epoch = 1, .answered = "", .has_session = true, .later = 1000},
         {.ask = "b0", .answered = "b0", .has_session = true, .later = FETCH_SESSION_EVICTION_MS},
         {.id = 2, .epoch = 1, .error = KAFKA_FETCH_SESSION_ID_NOT_FOUND},
         {.id = 1, .epoch = 2, .answered = "", .has_session = true});
    tear_down();
}

static void a_larger_session_takes_the_place_of_a_smaller_old_one(void)
{
    set_up();
    for (int32_t id = 1; id <= LIMIT; id++)
        PLAY(BY_NAME, {.ask = "a0 b0", .answered = "a0 b0", .has_session = true});
    now += FETCH_SESSION_EVICTION_MS;
    for (int32_t id = 1; id <= LIMIT; id++)
        PLAY(BY_NAME, {.id = id, .epoch = 1, .answered = "", .has_session = true, .later = 1});
    PLAY(BY_NAME, {.ask = "a0", .answered = "a0"}, {.ask = "a0 b0 c0", .answered = "a0 b0 c0", .has_session = true});
    CHECK_EQUAL(fetch_sessions_count(sessions), LIMIT);
    tear_down();
}

static void a_session_that_moved_on_meanwhile_refuses_the_older_answer(void)
{
    set_up();
    struct fetch_context older, newer;
    PLAY(BY_NAME, {.ask = "a0", .answered = "a0", .has_session = true});
    const struct event first = {.id = 1, .epoch = 1}, second = {.id = 1, .epoch = 2};
    REQUIRE(begin(&first, BY_NAME, &older) == 0);
    REQUIRE(begin(&second, BY_NAME, &newer) == 0);
    end(&first, BY_NAME, &older);
    end(&second, BY_NAME, &newer);
    CHECK_EQUAL(older.error, KAFKA_INVALID_FETCH_SESSION_EPOCH);
    CHECK_EQUAL(newer.error, KAFKA_NONE);
    tear_down();
}

static void an_evicted_session_still_answers_what_was_asked(void)
{
    set_up();
    struct fetch_context context;
    PLAY(BY_NAME, {.ask = "a0", .answered = "a0", .has_session = true});
    const struct event event = {.id = 1, .epoch = 1, .full = "a0"};
    REQUIRE(begin(&event, BY_NAME, &context) == 0);
    PLAY(BY_NAME, {.id = 1, .epoch = NO_EPOCH, .ask = "b0", .answered = "b0"});
    end(&event, BY_NAME, &context);
    CHECK_EQUAL(context.error, KAFKA_NONE);
    CHECK(context.targets[0].must_answer);
    tear_down();
}

static enum kafka_error error_of_first(int16_t version, int32_t id, int32_t epoch)
{
    struct fetch_context context;
    const struct event event = {.id = id, .epoch = epoch, .ask = epoch == 0 ? "a0" : NULL};
    REQUIRE(begin(&event, version, &context) == 0);
    REQUIRE(context.count == 1);
    enum kafka_error error = context.targets[0].error;
    end(&event, version, &context);
    return error;
}

static void a_topic_that_went_is_told_from_one_that_never_was(void)
{
    set_up();
    remove_topic('a');
    CHECK_EQUAL(error_of_first(BY_NAME, 0, 0), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    CHECK_EQUAL(error_of_first(BY_ID, 0, 0), KAFKA_UNKNOWN_TOPIC_ID);
    CHECK_EQUAL(error_of_first(BY_ID, 2, 1), KAFKA_UNKNOWN_TOPIC_ID);
    add_topic('a', 0);
    CHECK_EQUAL(error_of_first(BY_ID, 2, 2), KAFKA_NONE);
    remove_topic('a');
    CHECK_EQUAL(error_of_first(BY_ID, 2, 3), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    add_topic('a', 1);
    CHECK_EQUAL(error_of_first(BY_ID, 2, 4), KAFKA_INCONSISTENT_TOPIC_ID);
    remove_topic('a');
    add_topic('a', 0);
    CHECK_EQUAL(error_of_first(BY_ID, 0, 0), KAFKA_NONE);
    remove_topic('a');
    CHECK_EQUAL(error_of_first(BY_ID, 3, 1), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    add_topic('a', 1);
    CHECK_EQUAL(error_of_first(BY_ID, 3, 2), KAFKA_INCONSISTENT_TOPIC_ID);
    tear_down();
}

static void a_partition_named_twice_is_read_once(void)
{
    for (int16_t version = BY_NAME; version <= BY_ID; version++) {
        set_up();
        PLAY(version, {.ask = "a0 b0 a0 a1 b0 a0", .answered = "a0 b0 a1", .has_session = true},
             {.epoch = -1, .ask = "a0 a0 a0", .answered = "a0"});
        tear_down();
    }
}

/* Whatever allocation fails, the client is answered or told to start anew, and nothing is lost. */
static void any_allocation_may_fail(void)
{
    bool more = true;
    for (int64_t nth = 0; more; nth++) {
        set_up();
        struct fetch_context context;
        const struct event full = {.ask = "a0 b0 c0"}, next = {.id = 1, .epoch = 1, .ask = "a1 b1", .forget = "a0"};
        memory_fail_at(&memory, nth);
        if (begin(&full, BY_NAME, &context) == 0) {
            end(&full, BY_NAME, &context);
            if (begin(&next, BY_NAME, &context) == 0 && context.error == KAFKA_NONE)
                end(&next, BY_NAME, &context);
            else
                CHECK(context.error == KAFKA_NONE || context.error == KAFKA_FETCH_SESSION_ID_NOT_FOUND);
        }
        more = !memory_fail_pending(&memory);
        memory_fail_at(&memory, -1);
        tear_down();
    }
}

SUITE("fetch sessions", CHECK_TEST(a_full_fetch_lists_everything_and_opens_a_session),
      CHECK_TEST(a_final_fetch_opens_none), CHECK_TEST(an_incremental_answer_names_what_changed),
      CHECK_TEST(a_partition_with_records_goes_to_the_end), CHECK_TEST(a_partition_added_is_answered_once),
      CHECK_TEST(a_forgotten_partition_is_not_read_any_more), CHECK_TEST(a_session_without_partitions_ends),
      CHECK_TEST(an_error_is_answered_and_so_is_its_end), CHECK_TEST(wrong_ids_and_epochs_are_refused),
      CHECK_TEST(a_session_by_name_takes_no_ids), CHECK_TEST(a_full_fetch_replaces_the_session_it_names),
      CHECK_TEST(no_session_is_evicted_while_it_is_in_use), CHECK_TEST(the_least_recently_used_goes_first),
      CHECK_TEST(a_larger_session_takes_the_place_of_a_smaller_old_one),
      CHECK_TEST(a_session_that_moved_on_meanwhile_refuses_the_older_answer),
      CHECK_TEST(an_evicted_session_still_answers_what_was_asked),
      CHECK_TEST(a_topic_that_went_is_told_from_one_that_never_was), CHECK_TEST(a_partition_named_twice_is_read_once),
      CHECK_TEST(any_allocation_may_fail))
