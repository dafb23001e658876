/* Any sequence of requests to the coordinator of groups, of times, of writes that succeed or fail, of failing
 * allocations and restarts. Whoever asks is answered, once; what was committed is the same after a restart. */
#include "group/group_coordinator.h"

#include "batch_iterator.h"

#include <stdlib.h>

#define CLIENTS     6
#define GROUPS      3
#define TOPICS      3
#define PARTITIONS  3
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
    struct group_append *writes[WRITES_MAX];
    int write_count;
    uint8_t *batches[BATCHES_MAX];
    size_t sizes[BATCHES_MAX];
    int batch_count;
    int64_t committed[GROUPS][TOPICS][PARTITIONS];
    bool is_armed;   /* an allocation is to fail */
    bool has_failed; /* one has: what the log has may be more than is known of it */
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

static void take_append(void *context, struct group_append *append)
{
    struct world *w = context;
    require(w->write_count < WRITES_MAX);
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
    w->write_count = 0;
    for (int i = 0; i < count; i++) {
        struct group_append *append = w->writes[i];
        if (succeeds && w->batch_count < BATCHES_MAX) {
            uint8_t *copy = malloc(append->size);
            require(copy != NULL);
            w->sizes[w->batch_count] = append->size;
            w->batches[w->batch_count++] = memcpy(copy, append->batch, append->size);
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
                                          .partitions = client->partitions,
                                          .count = PARTITIONS};
    if (kind == 0)
        group_coordinator_commit(w->coordinator, &client->commit, w->now);
    else if (kind == 1)
        group_coordinator_delete(w->coordinator, &client->commit, w->now);
    else
        group_coordinator_delete_offsets(w->coordinator, &client->commit, w->now);
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
    struct group_store store = {.append = take_append, .random = fill, .age = age, .settings = settings, .context = w};
    require(group_coordinator_open(&w->memory, &w->limits, &store, &w->coordinator) == 0);
}

static void note_committed(struct world *w)
{
    for (int g = 0; g < GROUPS; g++) {
        const struct group *group = group_coordinator_find(w->coordinator, slice_of_text(group_names[g]));
        for (int i = 0; i < TOPICS * PARTITIONS; i++) {
            const struct committed_offset *found =
                group == NULL ? NULL
                              : committed_offsets_find(group_offsets(group), slice_of_text(topic_names[i / PARTITIONS]),
                                                       i % PARTITIONS);
            w->committed[g][i / PARTITIONS][i % PARTITIONS] = found != NULL ? found->offset : -1;
        }
    }
}

static void load(struct world *w)
{
    struct arena arena;
    arena_init(&arena, &w->log_memory, MEMORY_REQUESTS, 1 << 20);
    for (int i = 0; i < w->batch_count; i++) {
        struct batch_iterator it;
        struct record record;
        require(batch_iterator_open(&it, slice_of(w->batches[i], w->sizes[i]), &w->log_memory, 1 << 20, NULL) == 0);
        while (batch_iterator_next(&it, &record, NULL) == 1)
            require(group_coordinator_load(w->coordinator, record.key, record.value, &arena) == 0);
        batch_iterator_close(&it);
    }
    arena_close(&arena);
    group_coordinator_loaded(w->coordinator, w->now);
}

static void note_failure(struct world *w)
{
    if (w->is_armed && !memory_fail_pending(&w->memory))
        w->has_failed = true;
}

static void restart(struct world *w)
{
    answer_writes(w, true);
    answer_writes(w, false); /* what the answers have led to */
    while (w->write_count > 0)
        answer_writes(w, false);
    note_failure(w);
    memory_fail_at(&w->memory, -1);
    w->is_armed = false;
    int64_t before[GROUPS][TOPICS][PARTITIONS];
    note_committed(w);
    memcpy(before, w->committed, sizeof before);
    group_coordinator_close(w->coordinator);
    for (int i = 0; i < CLIENTS; i++)
        require(!w->clients[i].is_waiting);
    open_coordinator(w);
    load(w);
    note_committed(w);
    require(w->has_failed || memcmp(before, w->committed, sizeof before) == 0);
    w->has_failed = false;
}

/* ---- events ---- */

static void act(struct world *w)
{
    uint8_t what = next(w);
    struct client *client = &w->clients[next(w) % CLIENTS];
    slice group = slice_of_text(group_names[what >> 6 & 3 ? (what >> 6) % GROUPS : 0]);
    if (what % 16 < 6 && client->is_waiting)
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
    case 9:
        answer_writes(w, true);
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
        group_coordinator_forget_topic(w->coordinator, slice_of_text(topic_names[next(w) % TOPICS]), w->now);
        break;
    case 14:
        note_failure(w);
        memory_fail_at(&w->memory, next(w) % 32);
        w->is_armed = true;
        break;
    default:
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
        .max_groups = GROUPS,
        .memory_bytes = 1 << 20,
        .offsets_retention_ms = 50000};
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
