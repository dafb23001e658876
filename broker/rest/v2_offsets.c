/* What an instance has committed, commits, and where it reads on. */
#include "operations/find_offset.h"
#include "operations/groups.h"
#include "rest/consumer_commit.h"
#include "rest/consumer_fetch.h"
#include "rest/rest_body.h"
#include "rest/rest_failure.h"
#include "rest/v2.h"
#include "server.h"
#include "time_text.h"

#define READY_MS 3000 /* that a request waits for the instance's partitions */

/* ---- waiting for the partitions ---- */

struct waiting {
    struct consumer_waiter waiter;
    struct http_exchange *exchange;
    void (*handle)(struct http_exchange *exchange);
};

static void on_ready(struct consumer_waiter *waiter, enum consumer_change change)
{
    struct waiting *waiting = (struct waiting *)(void *)waiter;
    struct http_exchange *exchange = waiting->exchange;
    void (*handle)(struct http_exchange * exchange) = waiting->handle;
    (void)change;
    memory_free(exchange->server->memory, MEMORY_REQUESTS, waiting, sizeof *waiting);
    handle(exchange);
}

/* True: the instance is on its way into its group, and the handler will be called again; once. */
static bool waits(struct http_exchange *exchange, struct consumer_instance *instance,
                  void (*handle)(struct http_exchange *exchange))
{
    static const char was_waiting[] = "";
    if (consumer_instance_is_ready(instance) || exchange->context == was_waiting)
        return false;
    struct waiting *waiting = memory_alloc(exchange->server->memory, MEMORY_REQUESTS, sizeof *waiting);
    if (waiting == NULL)
        return false;
    exchange->context = (void *)(uintptr_t)was_waiting;
    *waiting = (struct waiting){
        .waiter = {.changed = on_ready, .deadline = (int64_t)uv_now(exchange->server->loop) + READY_MS},
        .exchange = exchange,
        .handle = handle};
    consumer_instance_wait(instance, &waiting->waiter);
    return true;
}

/* ---- lists of partitions ---- */

struct place {
    slice topic;
    int32_t partition;
    int64_t offset;
    slice metadata;
    slice timestamp;
};

static const struct rest_field place_fields[] = {
    {"topic", REST_TEXT, true, offsetof(struct place, topic)},
    {"partition", REST_INT32, true, offsetof(struct place, partition)},
};
static const struct rest_field offset_fields[] = {
    {"topic", REST_TEXT, true, offsetof(struct place, topic)},
    {"partition", REST_INT32, true, offsetof(struct place, partition)},
    {"offset", REST_INT64, true, offsetof(struct place, offset)},
    {"metadata", REST_TEXT, false, offsetof(struct place, metadata)},
};
static const struct rest_field timestamp_fields[] = {
    {"topic", REST_TEXT, true, offsetof(struct place, topic)},
    {"partition", REST_INT32, true, offsetof(struct place, partition)},
    {"timestamp", REST_TEXT, true, offsetof(struct place, timestamp)},
    {"metadata", REST_TEXT, false, offsetof(struct place, metadata)},
};

struct lists {
    const struct json_value *partitions, *offsets, *timestamps;
};

static const struct rest_field partitions_field[] = {
    {"partitions", REST_LIST, true, offsetof(struct lists, partitions)},
};
static const struct rest_field offsets_field[] = {
    {"offsets", REST_LIST, false, offsetof(struct lists, offsets)},
};
static const struct rest_field positions_fields[] = {
    {"offsets", REST_LIST, false, offsetof(struct lists, offsets)},
    {"timestamps", REST_LIST, false, offsetof(struct lists, timestamps)},
};

/* NULL: error->code. Without the list, no places. */
static struct place *read_places(struct rest_body *body, const struct json_value *list, const struct rest_field *fields,
                                 size_t field_count, size_t *count, struct error *error)
{
    static struct place none;
    *count = list != NULL ? list->count : 0;
    return list != NULL ? rest_read_list(body, list, fields, field_count, sizeof(struct place), error) : &none;
}

static void refuse(struct http_exchange *exchange, const struct error *error)
{
    http_reply_error(exchange, error->code, error->message);
}

/* ---- what is committed ---- */

static void answer_offsets(struct http_exchange *exchange, const struct consumer_instance *instance,
                           const struct place *places, size_t count)
{
    struct v2_answer answer;
    const struct group *group =
        group_coordinator_find(group_service_coordinator(exchange->server->groups), instance->group);
    if (!v2_answer_open(&answer, exchange))
        return;
    struct json *json = &answer.json;
    json_begin_object(json);
    json_key(json, "offsets");
    json_begin_array(json);
    for (size_t i = 0; group != NULL && i < count; i++) {
        const struct committed_offset *committed =
            committed_offsets_find(group_offsets(group), places[i].topic, places[i].partition);
        if (committed == NULL)
            continue;
        json_begin_object(json);
        json_key(json, "topic");
        json_string(json, places[i].topic);
        json_key(json, "partition");
        json_int(json, places[i].partition);
        json_key(json, "offset");
        json_int(json, committed->offset);
        json_key(json, "metadata");
        json_string(json, slice_is_null(committed->metadata) ? slice_of_text("") : committed->metadata);
        json_end_object(json);
    }
    json_end_array(json);
    json_end_object(json);
    v2_answer_send(&answer);
}

void v2_show_offsets(struct http_exchange *exchange)
{
    struct rest_body body;
    struct error error = {.code = 0};
    struct lists lists = {.partitions = NULL};
    size_t count = 0;
    const struct consumer_instance *instance = v2_find_instance(exchange);
    if (instance == NULL)
        return;
    if (exchange->body.size == 0) {
        http_reply_error(exchange, REST_PARTITION_NOT_FOUND, "Partition not found.");
        return;
    }
    if (!rest_body_open(&body, exchange))
        return;
    int rc = rest_read_object(&body, rest_body_root(&body), REST_FIELDS(partitions_field), &lists, &error);
    const struct place *places =
        rc == 0 ? read_places(&body, lists.partitions, REST_FIELDS(place_fields), &count, &error) : NULL;
    if (places != NULL)
        answer_offsets(exchange, instance, places, count);
    else
        refuse(exchange, &error);
    rest_body_close(&body);
}

/* ---- commits ---- */

static void on_committed(void *context, enum kafka_error error)
{
    struct http_exchange *exchange = context;
    const char *type = error == KAFKA_NONE ? v2_answer_type(exchange) : NULL;
    if (error != KAFKA_NONE)
        v2_refuse_kafka(exchange, error);
    else if (type != NULL)
        http_reply(exchange, 200, type, NULL, slice_of_text("[]"));
}

/* What a client names is the last record that is done: the next one is committed. */
static int check_offsets(struct http_exchange *exchange, const struct place *places, size_t count,
                         struct consumer_offset *offsets, struct error *error)
{
    int64_t longest = config_number(exchange->server->config, CONFIG_OFFSET_METADATA_MAX_BYTES);
    for (size_t i = 0; i < count; i++) {
        const struct topic *topic = topics_find(&exchange->server->topics, places[i].topic);
        if (topic == NULL)
            return error_set(error, REST_TOPIC_NOT_FOUND, "Topic not found.");
        if (topic_partition(topic, places[i].partition) == NULL)
            return error_set(error, REST_PARTITION_NOT_FOUND, "Partition not found.");
        if (places[i].offset < -1 || places[i].offset == INT64_MAX)
            return error_set(error, V2_KAFKA_ERROR, "Kafka error: Invalid negative offset");
        if ((int64_t)places[i].metadata.size > longest)
            return error_set(error, V2_KAFKA_ERROR, "Kafka error: %s",
                             rest_error_text(KAFKA_OFFSET_METADATA_TOO_LARGE));
        offsets[i] =
            (struct consumer_offset){places[i].topic, places[i].partition, places[i].offset + 1, places[i].metadata};
    }
    return 0;
}

static void commit_listed(struct rest_body *body, struct consumer_instance *instance)
{
    struct http_exchange *exchange = body->exchange;
    struct error error = {.code = 0};
    struct lists lists = {.partitions = NULL};
    size_t count = 0;
    int rc = rest_read_object(body, rest_body_root(body), REST_FIELDS(offsets_field), &lists, &error);
    if (rc == 0 && lists.offsets == NULL) {
        consumer_commit_positions(instance, CONSUMER_ALL, on_committed, exchange);
        return;
    }
    const struct place *places =
        rc == 0 ? read_places(body, lists.offsets, REST_FIELDS(offset_fields), &count, &error) : NULL;
    struct consumer_offset *offsets = arena_alloc(&body->arena, count * sizeof *offsets);
    if (offsets == NULL)
        rest_reply_no_memory(exchange);
    else if (places == NULL || check_offsets(exchange, places, count, offsets, &error) != 0)
        refuse(exchange, &error);
    else
        consumer_commit(instance, offsets, count, on_committed, exchange);
}

void v2_commit_offsets(struct http_exchange *exchange)
{
    struct rest_body body;
    struct consumer_instance *instance = v2_find_instance(exchange);
    if (instance == NULL || waits(exchange, instance, v2_commit_offsets))
        return;
    if (exchange->body.size == 0) {
        consumer_commit_positions(instance, CONSUMER_ALL, on_committed, exchange);
        return;
    }
    if (!rest_body_open(&body, exchange))
        return;
    commit_listed(&body, instance);
    rest_body_close(&body);
}

/* ---- positions ---- */

/* False: one is not assigned; it has been answered. */
static bool are_assigned(struct http_exchange *exchange, const struct consumer_instance *instance,
                         const struct place *places, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool has_any = instance->is_assigned || instance->mode == CONSUMER_ASSIGNED;
        if (!has_any || consumer_partitions_find(&instance->partitions, places[i].topic, places[i].partition) == NULL) {
            v2_refuse(exchange, V2_ILLEGAL_STATE, "Illegal state: No current assignment for partition %.*s-%d",
                      SLICE_PRINT(places[i].topic), places[i].partition);
            return false;
        }
    }
    return true;
}

static void seek_to_ends(struct http_exchange *exchange, void (*handle)(struct http_exchange *exchange), bool is_end)
{
    struct rest_body body;
    struct error error = {.code = 0};
    struct lists lists = {.partitions = NULL};
    size_t count = 0;
    struct consumer_instance *instance = v2_find_instance(exchange);
    if (instance == NULL || waits(exchange, instance, handle) || !rest_body_open(&body, exchange))
        return;
    int rc = rest_read_object(&body, rest_body_root(&body), REST_FIELDS(partitions_field), &lists, &error);
    const struct place *places =
        rc == 0 ? read_places(&body, lists.partitions, REST_FIELDS(place_fields), &count, &error) : NULL;
    if (places == NULL) {
        refuse(exchange, &error);
    } else if (are_assigned(exchange, instance, places, count)) {
        for (size_t i = 0; i < count; i++) {
            struct consumer_partition *partition =
                consumer_partitions_find(&instance->partitions, places[i].topic, places[i].partition);
            const struct partition *found = consumer_instance_locate(instance, partition);
            if (found != NULL)
                consumer_partition_put(partition,
                                       is_end ? log_stable_end_offset(found->log) : log_start_offset(found->log));
        }
        consumer_fetch_interrupt(instance);
        v2_answer_nothing(exchange);
    }
    rest_body_close(&body);
}

void v2_seek_to_beginning(struct http_exchange *exchange)
{
    seek_to_ends(exchange, v2_seek_to_beginning, false);
}

void v2_seek_to_end(struct http_exchange *exchange)
{
    seek_to_ends(exchange, v2_seek_to_end, true);
}

/* ---- positions by time ---- */

/* Lives until the last search is done; then the instance may be gone. */
struct seeking {
    struct http_exchange *exchange;
    struct arena arena;
    struct place *places;
    struct find_offset *finds;
    struct find_group group;
    size_t count, running;
    enum kafka_error error;
};

static void end_seeking(struct seeking *seeking)
{
    struct http_exchange *exchange = seeking->exchange;
    enum kafka_error error = seeking->error;
    struct memory *memory = exchange->server->memory;
    struct consumer_instance *instance = v2_find_instance(exchange);
    for (size_t i = 0; instance != NULL && error == KAFKA_NONE && i < seeking->count; i++) {
        struct consumer_partition *partition =
            consumer_partitions_find(&instance->partitions, seeking->places[i].topic, seeking->places[i].partition);
        const struct partition *found = partition != NULL ? consumer_instance_locate(instance, partition) : NULL;
        int64_t offset = seeking->finds[i].offset; /* -1: nothing is so late */
        if (found != NULL)
            consumer_partition_put(partition, offset >= 0 ? offset : log_stable_end_offset(found->log));
    }
    arena_close(&seeking->arena);
    memory_free(memory, MEMORY_REQUESTS, seeking, sizeof *seeking);
    if (instance == NULL)
        return;
    consumer_fetch_interrupt(instance);
    if (error == KAFKA_NONE)
        v2_answer_nothing(exchange);
    else
        v2_refuse_kafka(exchange, error);
}

static void on_found(struct find_offset *find)
{
    struct seeking *seeking = find->context;
    if (find->error != KAFKA_NONE)
        seeking->error = find->error;
    if (--seeking->running == 0)
        end_seeking(seeking);
}

/* NULL without memory. The texts are copied: the body goes. */
static struct seeking *make_seeking(struct http_exchange *exchange, const struct place *places, size_t count)
{
    struct memory *memory = exchange->server->memory;
    struct seeking *seeking = memory_alloc_zeroed(memory, MEMORY_REQUESTS, sizeof *seeking);
    if (seeking == NULL)
        return NULL;
    seeking->exchange = exchange;
    seeking->count = count;
    find_group_init(&seeking->group);
    arena_init(&seeking->arena, memory, MEMORY_REQUESTS, (size_t)16 << 20);
    seeking->places = arena_alloc(&seeking->arena, count * sizeof *seeking->places);
    seeking->finds = arena_alloc(&seeking->arena, count * sizeof *seeking->finds);
    bool ok = seeking->places != NULL && seeking->finds != NULL;
    for (size_t i = 0; ok && i < count; i++) {
        seeking->places[i] =
            (struct place){.topic = arena_copy(&seeking->arena, places[i].topic), .partition = places[i].partition};
        ok = !slice_is_null(seeking->places[i].topic);
    }
    if (ok)
        return seeking;
    arena_close(&seeking->arena);
    memory_free(memory, MEMORY_REQUESTS, seeking, sizeof *seeking);
    return NULL;
}

static void seek_to_times(struct http_exchange *exchange, struct consumer_instance *instance,
                          const struct place *places, const int64_t *times, size_t count)
{
    struct seeking *seeking = make_seeking(exchange, places, count);
    if (seeking == NULL) {
        rest_reply_no_memory(exchange);
        return;
    }
    seeking->running = 1;
    for (size_t i = 0; i < count; i++) {
        struct consumer_partition *partition =
            consumer_partitions_find(&instance->partitions, places[i].topic, places[i].partition);
        seeking->finds[i] = (struct find_offset){.group = &seeking->group,
                                                 .partition = consumer_instance_locate(instance, partition),
                                                 .timestamp = times[i] > 0 ? times[i] : 0,
                                                 .committed = true,
                                                 .done = on_found,
                                                 .context = seeking,
                                                 .offset = -1};
        if (seeking->finds[i].partition == NULL)
            continue;
        seeking->running++;
        find_offset_start(exchange->server->operations, &seeking->finds[i]);
    }
    if (--seeking->running == 0)
        end_seeking(seeking);
}

static int read_times(struct rest_body *body, const struct place *places, size_t count, int64_t **times,
                      struct error *error)
{
    *times = arena_alloc(&body->arena, count * sizeof **times);
    if (*times == NULL)
        return error_set(error, REST_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        if (!time_parse(places[i].timestamp, &(*times)[i]))
            return error_set(error, 400, "timestamp must be an RFC 3339 moment");
    }
    return 0;
}

static void seek(struct rest_body *body, struct consumer_instance *instance)
{
    struct http_exchange *exchange = body->exchange;
    struct error error = {.code = 0};
    struct lists lists = {.partitions = NULL};
    size_t count = 0, timed_count = 0;
    const struct place *places = NULL, *timed = NULL;
    int64_t *times = NULL;
    int rc = rest_read_object(body, rest_body_root(body), REST_FIELDS(positions_fields), &lists, &error);
    if (rc == 0)
        places = read_places(body, lists.offsets, REST_FIELDS(offset_fields), &count, &error);
    if (places != NULL)
        timed = read_places(body, lists.timestamps, REST_FIELDS(timestamp_fields), &timed_count, &error);
    if (timed == NULL || read_times(body, timed, timed_count, &times, &error) != 0) {
        refuse(exchange, &error);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (places[i].offset < 0) {
            http_reply_error(exchange, REST_UNPROCESSABLE, "seek offset must not be a negative number");
            return;
        }
    }
    if (!are_assigned(exchange, instance, places, count) || !are_assigned(exchange, instance, timed, timed_count))
        return;
    for (size_t i = 0; i < count; i++)
        consumer_partition_put(consumer_partitions_find(&instance->partitions, places[i].topic, places[i].partition),
                               places[i].offset);
    seek_to_times(exchange, instance, timed, times, timed_count);
}

void v2_seek(struct http_exchange *exchange)
{
    struct rest_body body;
    struct consumer_instance *instance = v2_find_instance(exchange);
    if (instance == NULL || waits(exchange, instance, v2_seek) || !rest_body_open(&body, exchange))
        return;
    seek(&body, instance);
    rest_body_close(&body);
}
