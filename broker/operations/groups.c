/* Happy path. The coordinator gives a batch; it is appended to its log (coordinator_log.h), and its outcome goes back.
 * One timer wakes the coordinator when the first of its deadlines comes, another one lets it forget what is old.
 *
 * Failures. A batch that cannot be appended fails, and whoever waited for it is told to try again. */
#include "operations/groups.h"

#include "container.h"
#include "group_config.h"
#include "log_records.h"
#include "operations/append.h"
#include "operations/coordinator_log.h"
#include "operations/group_transactions.h"
#include "operations/operations.h"
#include "retention.h"
#include "server.h"
#include "transaction_marker.h"

#include <errno.h>

#define RECORD_LIMIT ((size_t)16 << 20)

struct group_service {
    struct server *server;
    struct memory *memory; /* the server goes before the handles are closed */
    struct group_coordinator *coordinator;
    struct group_coordinator_limits limits;
    uv_timer_t wake;
    uv_timer_t clean;
    struct coordinator_log log;
    int open_handles;
    unsigned commits; /* that wait for what they cover */
};

/* ---- time ---- */

struct group_time group_service_now(const struct group_service *service)
{
    return (struct group_time){.steady = (int64_t)uv_now(service->server->loop), .wall = server_now(service->server)};
}

static int64_t age(void *context, int64_t since)
{
    const struct group_service *service = context;
    int64_t ms = proven_time_age(retention_time(service->server->retention), since);
    return ms == PROVEN_TIME_UNKNOWN ? 0 : ms;
}

static struct group_settings settings(void *context, slice group_id)
{
    const struct group_service *service = context;
    return group_config_settings(service->server, group_id);
}

static void on_wake(uv_timer_t *timer)
{
    struct group_service *service = timer->data;
    group_coordinator_expire(service->coordinator, group_service_now(service));
    group_service_rearm(service);
}

static void on_clean(uv_timer_t *timer)
{
    struct group_service *service = timer->data;
    group_coordinator_clean(service->coordinator, group_service_now(service));
    group_service_rearm(service);
}

/* While there are no groups, nothing wakes the server. */
static void arm_clean(struct group_service *service)
{
    uint64_t every = (uint64_t)config_number(service->server->config, CONFIG_OFFSETS_RETENTION_CHECK_INTERVAL_MS);
    if (group_coordinator_count(service->coordinator) > 0 && !uv_is_active((uv_handle_t *)&service->clean))
        uv_timer_start(&service->clean, on_clean, every, 0);
}

void group_service_rearm(struct group_service *service)
{
    arm_clean(service);
    int64_t at = group_coordinator_wake_at(service->coordinator);
    int64_t now = (int64_t)uv_now(service->server->loop);
    if (at == GROUP_NEVER)
        uv_timer_stop(&service->wake);
    else
        uv_timer_start(&service->wake, on_wake, at > now ? (uint64_t)(at - now) : 0, 0);
}

/* ---- the log ---- */

static struct partition *find_partition(const struct group_service *service)
{
    return coordinator_log_partition(&service->log);
}

static void on_appended(struct coordinator_log *log, struct coordinator_batch *batch, enum kafka_error error)
{
    struct group_service *service = CONTAINER_OF(log, struct group_service, log);
    group_coordinator_appended(service->coordinator, batch, error, group_service_now(service));
    group_service_rearm(service);
}

static void append_batch(void *context, struct coordinator_batch *batch)
{
    struct group_service *service = context;
    coordinator_log_append(&service->log, batch);
}

void group_service_prepare(struct group_service *service)
{
    coordinator_log_prepare(&service->log);
}

static void fill_random(void *context, void *to, size_t size)
{
    struct group_service *service = context;
    server_random(service->server, to, size);
}

/* ---- topics, as groups see them ---- */

static struct group_topic view_of(const struct topic *topic)
{
    return (struct group_topic){.id = topic->id, .name = topic_name(topic), .partition_count = topic->partition_count};
}

static bool find_topic(void *context, slice name, struct group_topic *found)
{
    const struct group_service *service = context;
    const struct topic *topic = topics_find(&service->server->topics, name);
    if (topic != NULL)
        *found = view_of(topic);
    return topic != NULL;
}

static bool find_topic_id(void *context, struct uuid id, struct group_topic *found)
{
    const struct group_service *service = context;
    const struct topic *topic = topics_find_id(&service->server->topics, id);
    if (topic != NULL)
        *found = view_of(topic);
    return topic != NULL;
}

static int list_topics(void *context, group_topics_callback *callback, void *callback_context)
{
    const struct group_service *service = context;
    const struct topic *topic, *next;
    HASH_ITER (by_name, service->server->topics.by_name, topic, next) {
        struct group_topic view = view_of(topic);
        int rc = callback(callback_context, &view);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static uint64_t topics_version(void *context)
{
    const struct group_service *service = context;
    return service->server->topics.changes;
}

/* ---- commits ---- */

/* The syncs of what a commit covers, on the way to the commit. */
struct covering {
    struct group_service *service;
    struct commit_call *commit;
    struct append_request request;
};

static const struct partition *find_covered(const struct group_service *service, const struct commit_partition *asked)
{
    const struct topic *topic = topics_find(&service->server->topics, asked->topic);
    struct partition *partition = topic != NULL ? topic_partition(topic, asked->partition) : NULL;
    bool has_log = partition != NULL && partition->log != NULL && !log_is_offline(partition->log);
    return has_log && asked->error == KAFKA_NONE ? partition : NULL;
}

static void commit_now(struct group_service *service, struct commit_call *commit)
{
    if (commit->transaction != NULL) {
        group_transactions_commit(service->server, commit);
        return;
    }
    group_coordinator_commit(service->coordinator, commit, group_service_now(service));
    group_service_rearm(service);
}

static void on_covered(struct append_request *request)
{
    struct covering *covering = CONTAINER_OF(request, struct covering, request);
    struct group_service *service = covering->service;
    struct commit_call *commit = covering->commit;
    for (size_t i = 0; i < commit->count; i++) {
        const struct append_part *part = &request->parts[i];
        bool is_gone = part->partition != NULL && find_covered(service, &commit->partitions[i]) != part->partition;
        if (part->error != KAFKA_NONE || is_gone)
            commit->partitions[i].error = KAFKA_COORDINATOR_NOT_AVAILABLE;
    }
    service->commits--;
    commit_now(service, commit);
}

void group_service_commit(struct group_service *service, struct commit_call *commit)
{
    bool is_covered = true;
    for (size_t i = 0; i < commit->count && is_covered; i++) {
        const struct partition *partition = find_covered(service, &commit->partitions[i]);
        is_covered = partition == NULL || log_synced_end_offset(partition->log) >= commit->partitions[i].value.offset ||
                     log_synced_end_offset(partition->log) >= log_end_offset(partition->log);
    }
    struct covering *covering = is_covered ? NULL : arena_alloc(commit->call.arena, sizeof *covering);
    struct append_part *parts =
        is_covered ? NULL : arena_alloc(commit->call.arena, commit->count * sizeof(struct append_part));
    if (covering == NULL || parts == NULL) {
        for (size_t i = 0; !is_covered && i < commit->count; i++)
            commit->partitions[i].error = KAFKA_COORDINATOR_NOT_AVAILABLE;
        commit_now(service, commit);
        return;
    }
    for (size_t i = 0; i < commit->count; i++) {
        const struct partition *partition = find_covered(service, &commit->partitions[i]);
        parts[i].partition = (struct partition *)(uintptr_t)partition;
        parts[i].base_offset = commit->partitions[i].value.offset;
    }
    *covering = (struct covering){.service = service, .commit = commit};
    covering->request = (struct append_request){
        .parts = parts, .part_count = (int32_t)commit->count, .arena = commit->call.arena, .done = on_covered};
    service->commits++;
    append_start_sync(service->server->appends, &covering->request);
}

void group_service_end_transaction(struct group_service *service, struct group_transaction_end *end)
{
    if (find_partition(service) == NULL && !service->log.is_creating)
        end->done(end, KAFKA_NONE); /* the topic is gone, and what the transaction committed with it */
    else
        group_coordinator_end_transaction(service->coordinator, end, group_service_now(service));
}

void group_service_forget_topic(struct group_service *service, slice topic)
{
    if (slice_equal(topic, slice_of_text(GROUPS_TOPIC)))
        group_coordinator_forget_all(service->coordinator, group_service_now(service));
    else
        group_coordinator_forget_topic(service->coordinator, topic, group_service_now(service));
    group_service_rearm(service);
}

void group_service_forget_gone(struct group_service *service, bool (*is_gone)(void *context, slice topic),
                               void *context)
{
    group_coordinator_forget_gone(service->coordinator, is_gone, context, group_service_now(service));
    group_service_rearm(service);
}

/* ---- life ---- */

struct loading {
    struct group_service *service;
    struct arena arena;
    int64_t producer_id; /* whose transaction the batch at hand belongs to; -1: none's */
    uint64_t records;
    uint64_t passed_over;
};

static int load_record(void *context, const struct record *record, struct error *error)
{
    struct loading *loading = context;
    int rc = group_coordinator_load_transactional(loading->service->coordinator, loading->producer_id, record->key,
                                                  record->value, &loading->arena);
    arena_reset(&loading->arena);
    loading->records++;
    if (rc == -ENOMEM)
        return error_set_status(error, rc, "record %lld", (long long)record->offset);
    loading->passed_over += rc != 0;
    return 0;
}

static int load_batch(void *context, const struct batch_header *header, slice batch, struct error *error)
{
    struct loading *loading = context;
    struct transaction_marker marker;
    if (batch_is_control(header)) {
        if (transaction_marker_parse(batch, header, &marker) == 0)
            group_coordinator_load_marker(loading->service->coordinator, marker.producer_id, marker.commit);
        return 0;
    }
    loading->producer_id = batch_is_transactional(header) ? header->producer_id : BATCH_NO_PRODUCER_ID;
    return log_walk_records(header, batch, loading->service->memory, load_record, loading, error);
}

/* Everything else is served. A group that was told that it has committed nothing would begin anywhere. */
static void give_up(struct group_service *service, const char *why)
{
    log_error(service->server->logger, "groups",
              "topic=" GROUPS_TOPIC " %s: no group is served; where its offsets may be lost, delete the topic", why);
    group_coordinator_give_up(service->coordinator);
}

static int load(struct group_service *service, struct error *error)
{
    struct server *server = service->server;
    struct loading loading = {.service = service};
    if (find_partition(service) == NULL)
        return 0;
    arena_init(&loading.arena, server->memory, MEMORY_GROUPS, RECORD_LIMIT);
    int rc = coordinator_log_read(&service->log, load_batch, &loading, error);
    arena_close(&loading.arena);
    if (rc == -ENOMEM)
        return error_wrap(error, rc, GROUPS_TOPIC);
    if (rc != 0) {
        give_up(service, error->message);
        return 0;
    }
    group_coordinator_loaded(service->coordinator, group_service_now(service));
    log_info(server->logger, "groups", "records=%llu not_understood=%llu loaded", (unsigned long long)loading.records,
             (unsigned long long)loading.passed_over);
    return 0;
}

static enum consumer_migration read_migration(const struct config *config)
{
    static const char *const policies[] = {[CONSUMER_MIGRATION_DISABLED] = "disabled",
                                           [CONSUMER_MIGRATION_UPGRADE] = "upgrade",
                                           [CONSUMER_MIGRATION_DOWNGRADE] = "downgrade"};
    const char *policy = config_string(config, CONFIG_GROUP_CONSUMER_MIGRATION_POLICY);
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        if (strcmp(policy, policies[i]) == 0)
            return (enum consumer_migration)i;
    }
    return CONSUMER_MIGRATION_BIDIRECTIONAL;
}

static struct assignor_list read_assignors(const struct config *config)
{
    struct assignor_list list = {.count = 0};
    slice rest = slice_of_text(config_string(config, CONFIG_GROUP_CONSUMER_ASSIGNORS)), name;
    enum assignor assignor;
    while (setting_next_element(&rest, &name)) {
        if (assignor_find(name, &assignor) && list.count < ASSIGNOR_COUNT)
            list.items[list.count++] = assignor;
    }
    return list;
}

static void read_limits(struct group_service *service)
{
    const struct config *config = service->server->config;
    service->limits = (struct group_coordinator_limits){
        .groups = {.max_size = (int32_t)config_number(config, CONFIG_GROUP_MAX_SIZE),
                   .initial_delay_ms = (int32_t)config_number(config, CONFIG_GROUP_INITIAL_REBALANCE_DELAY_MS),
                   .min_session_timeout_ms = (int32_t)config_number(config, CONFIG_GROUP_MIN_SESSION_TIMEOUT_MS),
                   .max_session_timeout_ms = (int32_t)config_number(config, CONFIG_GROUP_MAX_SESSION_TIMEOUT_MS)},
        .consumer_migration = read_migration(config),
        .assignors = read_assignors(config),
        .regex_refresh_ms = config_number(config, CONFIG_GROUP_CONSUMER_REGEX_REFRESH_INTERVAL_MS),
        .consumer_max_size = (int32_t)config_number(config, CONFIG_GROUP_CONSUMER_MAX_SIZE),
        .max_groups = (uint32_t)config_number(config, CONFIG_FURROW_GROUPS_MAX),
        .memory_bytes = (size_t)config_number(config, CONFIG_FURROW_GROUPS_MEMORY_BYTES),
        .offsets_retention_ms = config_number(config, CONFIG_OFFSETS_RETENTION_MINUTES) * 60000,
    };
}

static void closed_one(struct group_service *service)
{
    if (--service->open_handles == 0)
        memory_free(service->memory, MEMORY_GROUPS, service, sizeof *service);
}

static void on_timer_closed(uv_handle_t *handle)
{
    closed_one(handle->data);
}

static void on_log_closed(struct coordinator_log *log)
{
    closed_one(CONTAINER_OF(log, struct group_service, log));
}

int group_service_open(struct server *server, struct group_service **opened, struct error *error)
{
    struct group_service *service = memory_alloc_zeroed(server->memory, MEMORY_GROUPS, sizeof *service);
    if (service == NULL)
        return error_set_status(error, -ENOMEM, "groups");
    service->server = server;
    service->memory = server->memory;
    read_limits(service);
    struct group_store store = {.append = append_batch,
                                .random = fill_random,
                                .age = age,
                                .settings = settings,
                                .topics = {.find = find_topic,
                                           .find_id = find_topic_id,
                                           .list = list_topics,
                                           .version = topics_version,
                                           .context = service},
                                .context = service};
    int rc = group_coordinator_open(server->memory, &service->limits, &store, &service->coordinator);
    if (rc != 0) {
        memory_free(server->memory, MEMORY_GROUPS, service, sizeof *service);
        return error_set_status(error, rc, "groups");
    }
    uv_timer_init(server->loop, &service->wake);
    uv_timer_init(server->loop, &service->clean);
    service->wake.data = service->clean.data = service;
    service->log = (struct coordinator_log){.server = server,
                                            .topic = GROUPS_TOPIC,
                                            .segment_bytes = CONFIG_OFFSETS_TOPIC_SEGMENT_BYTES,
                                            .subsystem = "groups",
                                            .purpose = MEMORY_GROUPS,
                                            .appended = on_appended};
    coordinator_log_init(&service->log);
    service->open_handles = 3;
    rc = load(service, error);
    if (rc != 0) {
        group_service_close(service);
        return rc;
    }
    group_service_rearm(service);
    *opened = service;
    return 0;
}

void group_service_close(struct group_service *service)
{
    group_coordinator_close(service->coordinator);
    uv_close((uv_handle_t *)&service->wake, on_timer_closed);
    uv_close((uv_handle_t *)&service->clean, on_timer_closed);
    coordinator_log_close(&service->log, on_log_closed);
}

bool group_service_idle(const struct group_service *service)
{
    return group_coordinator_idle(service->coordinator) && service->commits == 0 && coordinator_log_idle(&service->log);
}

void group_service_end_waits(struct group_service *service)
{
    group_coordinator_end_waits(service->coordinator, group_service_now(service));
}

struct group_coordinator *group_service_coordinator(struct group_service *service)
{
    return service->coordinator;
}
