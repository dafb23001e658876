#include "group_fixture.h"

#include "batch_iterator.h"
#include "group/group_records.h"
#include "transaction_marker.h"

#include <stdio.h>

static void take_append(void *context, struct coordinator_batch *append)
{
    struct group_fixture *f = context;
    REQUIRE(f->waiting_count < APPENDS_MAX);
    f->waiting[f->waiting_count++] = append;
}

static void fill(void *context, void *to, size_t size)
{
    (void)context;
    memset(to, 7, size);
}

static int64_t age(void *context, int64_t since)
{
    const struct group_fixture *f = context;
    return f->now.wall - since;
}

static struct group_settings settings(void *context, slice group_id)
{
    (void)group_id;
    return (struct group_settings){.consumer_session_timeout_ms = 45000,
                                   .consumer_heartbeat_interval_ms = 5000,
                                   .consumer_assignment_interval_ms =
                                       ((const struct group_fixture *)context)->assignment_interval_ms};
}

/* ---- topics ---- */

static struct group_topic *find_topic(struct group_fixture *f, slice name)
{
    int at = 0;
    while (at < f->topic_count && !slice_equal(f->topics[at].name, name))
        at++;
    return at < f->topic_count ? &f->topics[at] : NULL;
}

static bool find_by_name(void *context, slice name, struct group_topic *topic)
{
    struct group_fixture *f = context;
    f->lookups++;
    const struct group_topic *found = find_topic(f, name);
    if (found != NULL)
        *topic = *found;
    return found != NULL;
}

static bool find_by_id(void *context, struct uuid id, struct group_topic *topic)
{
    struct group_fixture *f = context;
    for (int i = 0; i < f->topic_count; i++) {
        if (uuid_equal(f->topics[i].id, id)) {
            *topic = f->topics[i];
            return true;
        }
    }
    return false;
}

static int list_topics(void *context, group_topics_callback *callback, void *callback_context)
{
    struct group_fixture *f = context;
    int rc = 0;
    for (int i = 0; i < f->topic_count && rc == 0; i++)
        rc = callback(callback_context, &f->topics[i]);
    return rc;
}

static uint64_t topics_version(void *context)
{
    return ((struct group_fixture *)context)->topics_version;
}

void group_fixture_set_topic(struct group_fixture *f, const char *name, uint8_t id, int32_t partitions)
{
    struct group_topic *topic = find_topic(f, slice_of_text(name));
    if (topic == NULL) {
        REQUIRE(f->topic_count < TOPICS_MAX);
        topic = &f->topics[f->topic_count++];
    }
    *topic = (struct group_topic){.id = {{id, 1}}, .name = slice_of_text(name), .partition_count = partitions};
    f->topics_version++;
}

void group_fixture_delete_topic(struct group_fixture *f, const char *name)
{
    struct group_topic *topic = find_topic(f, slice_of_text(name));
    REQUIRE(topic != NULL);
    *topic = f->topics[--f->topic_count];
    f->topics_version++;
}

static void open_coordinator(struct group_fixture *f)
{
    struct group_store store = {.append = take_append,
                                .random = fill,
                                .age = age,
                                .settings = settings,
                                .topics = {find_by_name, find_by_id, list_topics, topics_version, f},
                                .context = f};
    REQUIRE(group_coordinator_open(&f->memory, &f->limits, &store, &f->coordinator) == 0);
}

void group_fixture_open(struct group_fixture *f)
{
    *f = (struct group_fixture){
        .limits = {.groups = {.max_size = 10, .min_session_timeout_ms = 6000, .max_session_timeout_ms = 60000},
                   .consumer_max_size = 10,
                   .assignors = {{ASSIGNOR_UNIFORM, ASSIGNOR_RANGE}, ASSIGNOR_COUNT},
                   .regex_refresh_ms = 600000,
                   .consumer_migration = CONSUMER_MIGRATION_BIDIRECTIONAL,
                   .max_groups = 3,
                   .memory_bytes = 1 << 20,
                   .offsets_retention_ms = 100000},
        .protocol = {slice_of_text("range"), slice_of_text("m")},
        .now = {.steady = 1000, .wall = 1700000000000}};
    memory_init(&f->memory);
    memory_init(&f->log_memory);
    arena_init(&f->arena, &f->memory, MEMORY_REQUESTS, 1 << 20);
    open_coordinator(f);
}

void group_fixture_close(struct group_fixture *f)
{
    group_coordinator_close(f->coordinator);
    arena_close(&f->arena);
    for (int i = 0; i < f->log_count; i++)
        memory_free(&f->log_memory, MEMORY_LOGS, f->log[i], f->log_sizes[i]);
    CHECK(memory_total_bytes(&f->log_memory) == 0);
    CHECK(memory_total_bytes(&f->memory) == 0);
}

static void write_batch(struct group_fixture *f, const uint8_t *bytes, size_t size)
{
    REQUIRE(f->log_count < LOG_BATCHES_MAX);
    f->log[f->log_count] = memory_alloc(&f->log_memory, MEMORY_LOGS, size);
    REQUIRE(f->log[f->log_count] != NULL);
    f->log_sizes[f->log_count] = size;
    memcpy(f->log[f->log_count++], bytes, size);
}

void group_fixture_write_tombstone(struct group_fixture *f, const struct message_type *key_type, const void *key)
{
    struct batch_builder builder;
    writer w;
    writer_init(&w, &f->memory, MEMORY_REQUESTS, 1 << 10);
    batch_builder_open(&builder, &w, &BATCH_OPTIONS_PLAIN);
    REQUIRE(group_records_add(&builder, f->now.wall, key_type, key, NULL, 0, NULL) == 0);
    REQUIRE(batch_builder_close(&builder, NULL) == 0);
    write_batch(f, w.data, w.size);
    writer_close(&w);
}

int group_fixture_count_standing(const struct group_fixture *f, const char *member)
{
    bool stands[16] = {false};
    int count = 0;
    for (int i = 0; i < f->log_count; i++) {
        struct memory memory;
        struct batch_iterator it;
        struct record record;
        memory_init(&memory);
        REQUIRE(batch_iterator_open(&it, slice_of(f->log[i], f->log_sizes[i]), &memory, 1 << 20, NULL) == 0);
        while (batch_iterator_next(&it, &record, NULL) == 1) {
            if (memmem(record.key.data, record.key.size, member, strlen(member)) != NULL)
                stands[record.key.data[1] % 16] = !slice_is_null(record.value);
        }
        batch_iterator_close(&it);
    }
    for (int i = 0; i < 16; i++)
        count += stands[i];
    return count;
}

void group_fixture_answer_one(struct group_fixture *f, enum kafka_error error)
{
    struct coordinator_batch *append = f->waiting[0];
    f->waiting_count--;
    memmove(f->waiting, f->waiting + 1, (size_t)f->waiting_count * sizeof f->waiting[0]);
    if (error == KAFKA_NONE)
        write_batch(f, append->bytes, append->size);
    group_coordinator_appended(f->coordinator, append, error, f->now);
}

void group_fixture_answer(struct group_fixture *f, enum kafka_error error)
{
    while (f->waiting_count > 0)
        group_fixture_answer_one(f, error);
}

static void load_batch(struct group_fixture *f, slice batch)
{
    struct batch_iterator it;
    struct record record;
    struct transaction_marker marker;
    REQUIRE(batch_iterator_open(&it, batch, &f->memory, 1 << 20, NULL) == 0);
    int64_t producer = batch_is_transactional(&it.header) ? it.header.producer_id : BATCH_NO_PRODUCER_ID;
    if (batch_is_control(&it.header)) {
        REQUIRE(transaction_marker_parse(batch, &it.header, &marker) == 0);
        group_coordinator_load_marker(f->coordinator, marker.producer_id, marker.commit);
    }
    while (!batch_is_control(&it.header) && batch_iterator_next(&it, &record, NULL) == 1)
        REQUIRE(group_coordinator_load_transactional(f->coordinator, producer, record.key, record.value, &f->arena) ==
                0);
    batch_iterator_close(&it);
}

void group_fixture_restart(struct group_fixture *f)
{
    group_coordinator_close(f->coordinator);
    open_coordinator(f);
    for (int i = 0; i < f->log_count; i++)
        load_batch(f, slice_of(f->log[i], f->log_sizes[i]));
    group_coordinator_loaded(f->coordinator, f->now);
}

void group_fixture_done(struct group_call *call)
{
    ((struct group_fixture *)call->context)->answers++;
}

struct commit_partition group_fixture_partition(const char *topic, int32_t partition, int64_t offset)
{
    return (struct commit_partition){.topic = slice_of_text(topic),
                                     .partition = partition,
                                     .value = {.offset = offset, .leader_epoch = 2, .metadata = slice_of_text("mine")}};
}

struct commit_call group_fixture_commit_call(struct group_fixture *f, const char *group,
                                             struct commit_partition *partitions, size_t count)
{
    f->answers = 0;
    return (struct commit_call){.call = {.done = group_fixture_done, .context = f, .arena = &f->arena},
                                .group_id = slice_of_text(group),
                                .member_id = slice_of_text(""),
                                .generation = -1,
                                .partitions = partitions,
                                .count = count};
}

const struct committed_offset *group_fixture_find(const struct group_fixture *f, const char *group, const char *topic,
                                                  int32_t partition)
{
    const struct group *found = group_coordinator_find(f->coordinator, slice_of_text(group));
    return found != NULL ? committed_offsets_find(group_offsets(found), slice_of_text(topic), partition) : NULL;
}

void group_fixture_commit(struct group_fixture *f, const char *group, const char *topic, int32_t partition,
                          int64_t offset)
{
    struct commit_partition one = group_fixture_partition(topic, partition, offset);
    struct commit_call call = group_fixture_commit_call(f, group, &one, 1);
    group_coordinator_commit(f->coordinator, &call, f->now);
    group_fixture_answer(f, KAFKA_NONE);
    REQUIRE(f->answers == 1 && one.error == KAFKA_NONE);
}

struct join_call group_fixture_join_call(struct group_fixture *f, const char *member)
{
    f->answers = 0;
    return (struct join_call){.call = {.done = group_fixture_done, .context = f, .arena = &f->arena},
                              .member_id = slice_of_text(member),
                              .client_id = slice_of_text("c"),
                              .client_host = slice_of_text("/h"),
                              .protocol_type = slice_of_text("consumer"),
                              .protocols = &f->protocol,
                              .protocol_count = 1,
                              .session_timeout_ms = 10000,
                              .rebalance_timeout_ms = 10000};
}

void group_fixture_settle(struct group_fixture *f, char id[80])
{
    struct join_call join = group_fixture_join_call(f, "");
    group_coordinator_join(f->coordinator, slice_of_text("g"), &join, f->now);
    REQUIRE(f->answers == 1 && join.call.error == KAFKA_NONE);
    snprintf(id, 80, "%.*s", SLICE_PRINT(join.found_member_id));
    struct group_assignment mine = {slice_of_text(id), slice_of_text("all")};
    struct sync_call sync = {.call = {.done = group_fixture_done, .context = f, .arena = &f->arena},
                             .member_id = slice_of_text(id),
                             .generation = join.generation,
                             .assignments = &mine,
                             .assignment_count = 1};
    group_coordinator_sync(f->coordinator, slice_of_text("g"), &sync, f->now);
    group_fixture_answer(f, KAFKA_NONE);
    REQUIRE(f->answers == 2 && sync.call.error == KAFKA_NONE);
}
