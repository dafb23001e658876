/* Any sequence of requests to the coordinator of groups, of both protocols and of transactions, of times, of topics
 * that come and go, of writes that succeed or fail, of failing allocations and restarts. Whoever asks is answered,
 * once; what is committed, and what waits for its transaction, is the same after a restart. */
#include "group/group_coordinator.h"

#include "batch_iterator.h"
#include "transaction_marker.h"

#include <stdlib.h>

#define CLIENTS     6
#define GROUPS      3
#define TOPICS      3
#define PARTITIONS  3
#define PRODUCERS   2
#define WRITES_MAX  64
#define BATCHES_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

struct client {
    struct arena arena; /* of its request under way */
    struct join_call join;
    struct sync_call sync;
    struct commit_call commit;
    struct commit_partition partitions[PARTITIONS];
    struct group_assignment assignments[2];
    struct join_protocol protocol;
    struct commit_transaction transaction;
    struct consumer_call heartbeat;
    struct consumer_group_heartbeat_request asked;
    slice subscribed[TOPICS];
    struct consumer_group_heartbeat_request_topic owned;
    int32_t owned_partitions[PARTITIONS];
    uint8_t id[64];
    size_t id_size;
    int32_t generation;
    bool is_waiting;
};

struct world {
    const uint8_t *data;
    size_t size;
    struct memory memory;
    struct memory log_memory; /* never fails */
    struct group_coordinator_limits limits;
    struct group_coordinator *coordinator;
    struct group_time now;
    struct client clients[CLIENTS];
    struct coordinator_batch *writes[WRITES_MAX];
    bool is_stale[WRITES_MAX]; /* of a log that was deleted */
    int write_count;
    struct group_transaction_end ends[PRODUCERS];
    bool is_ending[PRODUCERS];
    unsigned topics; /* that are there: a bit each */
    uint64_t topics_version;
    uint8_t *batches[BATCHES_MAX];
    size_t sizes[BATCHES_MAX];
    int batch_count;
    int64_t committed[GROUPS][TOPICS][PARTITIONS];
};

static const char *const group_names[GROUPS] = {"a", "group", ""};
static const char *const topic_names[TOPICS] = {"t", "topic", "u"};

static uint8_t next(struct world *w)
{
    if (w->size == 0)
        return 0;
    w->size--;
    return *w->data++;
}

/* ---- the log ---- */

static void take_append(void *context, struct coordinator_batch *append)
{
    struct world *w = context;
    require(w->write_count < WRITES_MAX);
    w->is_stale[w->write_count] = false;
    w->writes[w->write_count++] = append;
}

static void fill(void *context, void *to, size_t size)
{
    struct world *w = context;
    memset(to, next(w), size);
}

static int64_t age(void *context, int64_t since)
{
    return ((struct world *)context)->now.wall - since;
}

static void answer_writes(struct world *w, bool succeeds)
{
    int count = w->write_count;
    struct coordinator_batch *writes[WRITES_MAX];
    bool is_stale[WRITES_MAX];
    memcpy(writes, w->writes, sizeof writes);
    memcpy(is_stale, w->is_stale, sizeof is_stale);
    w->write_count = 0; /* the answers lead to others */
    for (int i = 0; i < count; i++) {
        struct coordinator_batch *append = writes[i];
        if (succeeds && is_stale[i]) {
            group_coordinator_appended(w->coordinator, append, KAFKA_NONE, w->now);
            continue;
        }
        if (succeeds && w->batch_count < BATCHES_MAX) {
            uint8_t *copy = malloc(append->size);
            require(copy != NULL);
            w->sizes[w->batch_count] = append->size;
            w->batches[w->batch_count++] = memcpy(copy, append->bytes, append->size);
        } else {
            succeeds = false; /* those behind it too: writes are in order */
        }
        group_coordinator_appended(w->coordinator, append, succeeds ? KAFKA_NONE : KAFKA_KAFKA_STORAGE_ERROR, w->now);
    }
}

/* ---- answers ---- */

static void answered(struct client *client)
{
    require(client->is_waiting);
    client->is_waiting = false;
}

static void on_join(struct group_call *call)
{
    struct client *client = call->context;
    answered(client);
    slice id = client->join.found_member_id;
    if (call->error != KAFKA_NONE && call->error != KAFKA_MEMBER_ID_REQUIRED)
        id = slice_of_text("");
    client->id_size = id.size < sizeof client->id ? id.size : 0;
    if (client->id_size > 0)
        memcpy(client->id, id.data, client->id_size);
    client->generation = client->join.generation;
}

static void on_heartbeat(struct group_call *call)
{
    struct client *client = call->context;
    answered(client);
    slice id = client->heartbeat.response.member_id;
    if (call->error == KAFKA_NONE && id.size > 0 && id.size < sizeof client->id) {
        memcpy(client->id, id.data, id.size);
        client->id_size = id.size;
    }
    client->generation = call->error == KAFKA_NONE ? client->heartbeat.response.member_epoch : 0;
}

static void on_ended(struct group_transaction_end *end, enum kafka_error error)
{
    (void)error;
    struct world *w = end->context;
    require(w->is_ending[end->producer_id]);
    w->is_ending[end->producer_id] = false;
}

static void on_other(struct group_call *call)
{
    answered(call->context);
}

/* ---- requests ---- */

static struct group_call call_of(struct client *client, void (*done)(struct group_call *call))
{
    client->is_waiting = true;
    arena_reset(&client->arena);
    return (struct group_call){.done = done, .context = client, .arena = &client->arena};
}

static slice id_of(const struct client *client)
{
    return slice_of(client->id, client->id_size);
}

static slice instance_of(uint8_t byte)
{
    return byte & 1 ? slice_of_text(byte & 2 ? "one" : "two") : NULL_SLICE;
}

static void join(struct world *w, struct client *client, slice group)
{
    uint8_t flags = next(w);
    client->protocol = (struct join_protocol){slice_of_text(flags & 4 ? "range" : "other"),
                                              slice_of_text(flags & 8 ? "metadata" : "")};
    client->join = (struct join_call){.call = call_of(client, on_join),
                                      .member_id = flags & 16 ? id_of(client) : slice_of_text(""),
                                      .instance_id = instance_of(flags),
                                      .client_id = slice_of_text("client"),
                                      .client_host = slice_of_text("/host"),
                                      .protocol_type = slice_of_text("consumer"),
                                      .protocols = &client->protocol,
                                      .protocol_count = flags & 128 ? 0 : 1,
                                      .session_timeout_ms = 6000,
                                      .rebalance_timeout_ms = (int8_t)next(w) * 100,
                                      .requires_member_id = flags & 32,
                                      .may_skip_assignment = flags & 64};
    group_coordinator_join(w->coordinator, group, &client->join, w->now);
}

static void sync_group(struct world *w, struct client *client, slice group)
{
    uint8_t flags = next(w);
    client->assignments[0] = (struct group_assignment){id_of(client), slice_of_text("mine")};
    client->assignments[1] = (struct group_assignment){slice_of_text("nobody"), slice_of_text("")};
    client->sync = (struct sync_call){.call = call_of(client, on_other),
                                      .member_id = id_of(client),
                                      .instance_id = instance_of(flags),
                                      .generation = client->generation + (flags & 16 ? 1 : 0),
                                      .assignments = client->assignments,
                                      .assignment_count = flags & 4 ? 2 : 0};
    group_coordinator_sync(w->coordinator, group, &client->sync, w->now);
}

/* kind 0: a commit; 1: the group's deletion; 2: of some offsets. */
static void change_offsets(struct world *w, struct client *client, slice group, int kind)
{
    uint8_t flags = next(w);
    for (int i = 0; i < PARTITIONS; i++)
        client->partitions[i] = (struct commit_partition){
            .topic = slice_of_text(topic_names[next(w) % TOPICS]),
            .partition = i,
            .value = {.offset = next(w), .metadata = flags & 4 ? slice_of_text("note") : NULL_SLICE},
            .error = flags & 8 && i == 0 ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : KAFKA_NONE};
    client->commit = (struct commit_call){.call = call_of(client, on_other),
                                          .group_id = group,
                                          .member_id = flags & 1 ? id_of(client) : slice_of_text(""),
                                          .generation = flags & 1 ? client->generation : -1,
                                          .retention_ms = flags & 16 ? 5000 : 0,
                                          .partitions = client->partitions,
                                          .count = PARTITIONS};
    if (kind == 0 && flags & 32) {
        client->transaction = (struct commit_transaction){.id = slice_of_text("t"), .producer_id = flags >> 6 & 1};
        client->commit.transaction = &client->transaction;
    }
    if (kind == 0)
        group_coordinator_commit(w->coordinator, &client->commit, w->now);
    else if (kind == 1)
        group_coordinator_delete(w->coordinator, &client->commit, w->now);
    else
        group_coordinator_delete_offsets(w->coordinator, &client->commit, w->now);
}

static void end_transaction(struct world *w)
{
    uint8_t flags = next(w);
    int producer = flags & 1;
    if (w->is_ending[producer])
        return;
    w->is_ending[producer] = true;
    w->ends[producer] =
        (struct group_transaction_end){.producer_id = producer, .commits = flags & 2, .done = on_ended, .context = w};
    group_coordinator_end_transaction(w->coordinator, &w->ends[producer], w->now);
}

static const struct uuid topic_ids[TOPICS] = {{{1}}, {{2}}, {{3}}};

static void consumer_heartbeat(struct world *w, struct client *client, slice group)
{
    uint8_t flags = next(w), more = next(w);
    struct consumer_group_heartbeat_request *asked = &client->asked;
    *asked = (struct consumer_group_heartbeat_request)CONSUMER_GROUP_HEARTBEAT_REQUEST_DEFAULTS;
    asked->group_id = group;
    asked->member_id = flags & 1 ? slice_of_text("new member") : id_of(client);
    asked->instance_id = instance_of(flags >> 1);
    asked->member_epoch = flags & 8 ? 0 : flags & 16 ? -1 - (flags >> 5 & 1) : client->generation;
    asked->subscribed_topic_names.count = -1;
    asked->topic_partitions.count = -1;
    if (asked->member_epoch == 0 || more & 1) {
        for (int t = 0; t < TOPICS; t++)
            client->subscribed[t] = slice_of_text(topic_names[t]);
        asked->rebalance_timeout_ms = 6000;
        asked->subscribed_topic_names.items = client->subscribed;
        asked->subscribed_topic_names.count = more >> 1 & 3;
        asked->topic_partitions.count = 0;
    }
    if (more & 8)
        asked->subscribed_topic_regex = slice_of_text(more & 16 ? "t.*" : "(");
    if (more & 32) {
        for (int i = 0; i < PARTITIONS; i++)
            client->owned_partitions[i] = i;
        client->owned = (struct consumer_group_heartbeat_request_topic){
            .topic_id = topic_ids[more >> 6 & 1], .partitions = {client->owned_partitions, more >> 7 ? 1 : PARTITIONS}};
        asked->topic_partitions.items = &client->owned;
        asked->topic_partitions.count = 1;
    }
    client->heartbeat = (struct consumer_call){.call = call_of(client, on_heartbeat),
                                               .asked = asked,
                                               .version = 1,
                                               .client_id = slice_of_text("client"),
                                               .client_host = slice_of_text("/host")};
    group_coordinator_consumer_heartbeat(w->coordinator, &client->heartbeat, w->now);
}

/* ---- topics ---- */

static struct group_topic topic_at(int at)
{
    return (struct group_topic){
        .id = topic_ids[at], .name = slice_of_text(topic_names[at]), .partition_count = PARTITIONS};
}

static bool find_topic(void *context, slice name, struct group_topic *topic)
{
    const struct world *w = context;
    for (int i = 0; i < TOPICS; i++) {
        if (w->topics >> i & 1 && slice_equal(name, slice_of_text(topic_names[i]))) {
            *topic = topic_at(i);
            return true;
        }
    }
    return false;
}

static bool find_topic_id(void *context, struct uuid id, struct group_topic *topic)
{
    const struct world *w = context;
    for (int i = 0; i < TOPICS; i++) {
        if (w->topics >> i & 1 && uuid_equal(id, topic_ids[i])) {
            *topic = topic_at(i);
            return true;
        }
    }
    return false;
}

static int list_topics(void *context, group_topics_callback *callback, void *callback_context)
{
    const struct world *w = context;
    int rc = 0;
    for (int i = 0; i < TOPICS && rc == 0; i++) {
        struct group_topic topic = topic_at(i);
        if (w->topics >> i & 1)
            rc = callback(callback_context, &topic);
    }
    return rc;
}

static uint64_t topics_version(void *context)
{
    return ((const struct world *)context)->topics_version;
}

/* It goes, or is there again. */
static void change_topic(struct world *w, int at)
{
    w->topics ^= 1U << at;
    w->topics_version++;
    if (w->topics >> at & 1)
        return;
    group_coordinator_forget_topic(w->coordinator, slice_of_text(topic_names[at]), w->now);
}

static void forget_all(struct world *w)
{
    for (int i = 0; i < w->write_count; i++)
        w->is_stale[i] = true;
    for (int i = 0; i < w->batch_count; i++)
        free(w->batches[i]);
    w->batch_count = 0;
    group_coordinator_forget_all(w->coordinator, w->now);
}

/* ---- restarts ---- */

static struct group_settings settings(void *context, slice group_id)
{
    (void)context;
    (void)group_id;
    return (struct group_settings){.consumer_session_timeout_ms = 45000, .consumer_heartbeat_interval_ms = 5000};
}

static void open_coordinator(struct world *w)
{
    struct group_store store = {.append = take_append,
                                .random = fill,
                                .age = age,
                                .settings = settings,
                                .topics = {find_topic, find_topic_id, list_topics, topics_version, w},
                                .context = w};
    require(group_coordinator_open(&w->memory, &w->limits, &store, &w->coordinator) == 0);
}

/* Each offset, or -1, and whether one is pending. What waits to be removed, for its topic is gone, may come back. */
static int64_t note_of(const struct committed_offsets *offsets, slice topic, int32_t partition)
{
    const struct committed_topic *found = committed_offsets_find_topic(offsets, topic);
    if (found != NULL && found->is_going)
        return INT64_MAX;
    const struct committed_offset *value = committed_offsets_find(offsets, topic, partition);
    return (value != NULL ? value->offset : -1) * 2 + committed_offsets_is_pending(offsets, topic, partition);
}

static void note_committed(struct world *w)
{
    for (int g = 0; g < GROUPS; g++) {
        const struct group *group = group_coordinator_find(w->coordinator, slice_of_text(group_names[g]));
        for (int i = 0; i < TOPICS * PARTITIONS; i++)
            w->committed[g][i / PARTITIONS][i % PARTITIONS] =
                group == NULL
                    ? -2
                    : note_of(group_offsets(group), slice_of_text(topic_names[i / PARTITIONS]), i % PARTITIONS);
    }
}

static void load_batch(struct world *w, slice batch, struct arena *arena)
{
    struct batch_iterator it;
    struct record record;
    struct transaction_marker marker;
    require(batch_iterator_open(&it, batch, &w->log_memory, 1 << 20, NULL) == 0);
    int64_t producer = batch_is_transactional(&it.header) ? it.header.producer_id : BATCH_NO_PRODUCER_ID;
    if (batch_is_control(&it.header)) {
        require(transaction_marker_parse(batch, &it.header, &marker) == 0);
        group_coordinator_load_marker(w->coordinator, marker.producer_id, marker.commit);
    }
    while (!batch_is_control(&it.header) && batch_iterator_next(&it, &record, NULL) == 1)
        require(group_coordinator_load_transactional(w->coordinator, producer, record.key, record.value, arena) == 0);
    batch_iterator_close(&it);
}

static void load(struct world *w)
{
    struct arena arena;
    arena_init(&arena, &w->log_memory, MEMORY_REQUESTS, 1 << 20);
    for (int i = 0; i < w->batch_count; i++)
        load_batch(w, slice_of(w->batches[i], w->sizes[i]), &arena);
    arena_close(&arena);
    group_coordinator_loaded(w->coordinator, w->now);
}

static void restart(struct world *w)
{
    answer_writes(w, true);
    for (int i = 0; w->write_count > 0; i++) { /* what the answers have led to */
        require(i < 1000);
        answer_writes(w, false);
    }
    memory_fail_at(&w->memory, -1);
    int64_t before[GROUPS][TOPICS][PARTITIONS];
    note_committed(w);
    memcpy(before, w->committed, sizeof before);
    group_coordinator_end_waits(w->coordinator, w->now);
    while (w->write_count > 0)
        answer_writes(w, false);
    group_coordinator_close(w->coordinator);
    for (int i = 0; i < CLIENTS; i++)
        require(!w->clients[i].is_waiting);
    for (int i = 0; i < PRODUCERS; i++)
        require(!w->is_ending[i]);
    open_coordinator(w);
    load(w);
    note_committed(w);
    for (int i = 0; i < GROUPS * TOPICS * PARTITIONS; i++) {
        int g = i / (TOPICS * PARTITIONS), t = i / PARTITIONS % TOPICS, p = i % PARTITIONS;
        require(before[g][t][p] == INT64_MAX || before[g][t][p] == w->committed[g][t][p]);
    }
}

/* ---- events ---- */

static void act(struct world *w)
{
    uint8_t what = next(w);
    struct client *client = &w->clients[next(w) % CLIENTS];
    slice group = slice_of_text(group_names[what >> 6 & 3 ? (what >> 6) % GROUPS : 0]);
    if ((what % 16 < 6 || what % 16 == 9) && client->is_waiting)
        return;
    switch (what % 16) {
    case 0:
    case 1:
        join(w, client, group);
        break;
    case 2:
        sync_group(w, client, group);
        break;
    case 3:
    case 4:
    case 5:
        change_offsets(w, client, group, what % 16 - 3);
        break;
    case 6: {
        struct leave_member leaving = {.member_id = id_of(client), .instance_id = instance_of(next(w))};
        (void)group_coordinator_leave(w->coordinator, group, &leaving, 1, w->now);
        break;
    }
    case 7:
        (void)group_coordinator_heartbeat(w->coordinator, group, id_of(client), NULL_SLICE, client->generation, w->now);
        break;
    case 8:
        answer_writes(w, true);
        break;
    case 9:
        consumer_heartbeat(w, client, group);
        break;
    case 10:
        answer_writes(w, false);
        break;
    case 11:
        w->now.steady += next(w) * 100;
        w->now.wall += 1000;
        group_coordinator_expire(w->coordinator, w->now);
        break;
    case 12:
        w->now.wall += next(w) * 1000;
        group_coordinator_clean(w->coordinator, w->now);
        break;
    case 13:
        change_topic(w, next(w) % TOPICS);
        break;
    case 14:
        memory_fail_at(&w->memory, next(w) % 32);
        break;
    default:
        if (what >> 4 & 1)
            end_transaction(w);
        else if (what >> 5 == 7)
            forget_all(w);
        else
            restart(w);
    }
    if (w->write_count > WRITES_MAX / 2)
        answer_writes(w, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *w = calloc(1, sizeof *w);
    require(w != NULL);
    w->data = data;
    w->size = size;
    w->limits = (struct group_coordinator_limits){
        .groups = {.max_size = 3, .min_session_timeout_ms = 1000, .max_session_timeout_ms = 100000},
        .consumer_max_size = 3,
        .assignors = {{ASSIGNOR_UNIFORM, ASSIGNOR_RANGE}, ASSIGNOR_COUNT},
        .regex_refresh_ms = 600000,
        .consumer_migration = CONSUMER_MIGRATION_BIDIRECTIONAL,
        .max_groups = GROUPS,
        .memory_bytes = 1 << 20,
        .offsets_retention_ms = 50000};
    w->topics = (1U << TOPICS) - 1;
    w->now = (struct group_time){.steady = 1000, .wall = 1700000000000};
    memory_init(&w->memory);
    memory_init(&w->log_memory);
    for (int i = 0; i < CLIENTS; i++)
        arena_init(&w->clients[i].arena, &w->log_memory, MEMORY_REQUESTS, 1 << 20);
    open_coordinator(w);
    w->limits.groups.initial_delay_ms = next(w) & 1 ? 500 : 0;
    while (w->size > 0)
        act(w);
    restart(w);
    group_coordinator_close(w->coordinator);
    for (int i = 0; i < CLIENTS; i++)
        arena_close(&w->clients[i].arena);
    for (int i = 0; i < w->batch_count; i++)
        free(w->batches[i]);
    require(memory_total_bytes(&w->memory) == 0 && memory_total_bytes(&w->log_memory) == 0);
    free(w);
    return 0;
}
