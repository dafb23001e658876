/* Happy path. The coordinator gives batches, which are appended to its log, and endings, whose markers are written;
 * both outcomes go back. One timer wakes the coordinator when the first of its deadlines comes, another one lets it
 * forget what nobody uses.
 *
 * Failures. A batch that cannot be appended fails, and whoever waited for it is told to try again. Markers are tried
 * until they are durable (transaction_markers.h). */
#include "operations/transactions.h"

#include "container.h"
#include "metadata_log.h"
#include "operations/coordinator_log.h"
#include "operations/groups.h"
#include "operations/producer_ids.h"
#include "operations/transaction_markers.h"
#include "operations/transaction_orphans.h"
#include "retention.h"
#include "server.h"

#include <errno.h>

#define RECORD_LIMIT ((size_t)16 << 20)

struct transaction_service {
    struct server *server;
    struct memory *memory; /* the server goes before the handles are closed */
    struct transaction_coordinator *coordinator;
    struct transaction_limits limits;
    struct coordinator_log log;
    struct transaction_markers *markers;
    uv_timer_t wake;
    uv_timer_t clean;
    int open_handles;
};

/* ---- time ---- */

static struct transaction_time now_of(const struct transaction_service *service)
{
    return (struct transaction_time){.steady = (int64_t)uv_now(service->server->loop),
                                     .wall = server_now(service->server)};
}

static int64_t age(void *context, int64_t since)
{
    const struct transaction_service *service = context;
    struct retention *retention = service->server->retention;
    int64_t ms = retention != NULL ? proven_time_age(retention_time(retention), since) : PROVEN_TIME_UNKNOWN;
    return ms == PROVEN_TIME_UNKNOWN ? 0 : ms;
}

static void rearm(struct transaction_service *service);

static void on_wake(uv_timer_t *timer)
{
    struct transaction_service *service = timer->data;
    transaction_coordinator_expire(service->coordinator, now_of(service));
    rearm(service);
}

/* What was loaded goes on in the loop's first turn, before anybody is served: all that it needs is there then. */
static void on_first_turn(uv_timer_t *timer)
{
    struct transaction_service *service = timer->data;
    transaction_coordinator_loaded(service->coordinator, now_of(service));
    transaction_orphans_end(service->server, service->coordinator);
    rearm(service);
}

static void on_clean(uv_timer_t *timer)
{
    struct transaction_service *service = timer->data;
    transaction_coordinator_clean(service->coordinator, now_of(service));
    rearm(service);
}

/* While there is nothing to wake up for, nothing wakes the server. */
static void rearm(struct transaction_service *service)
{
    int64_t at = transaction_coordinator_wake_at(service->coordinator);
    int64_t now = (int64_t)uv_now(service->server->loop);
    uint64_t every = (uint64_t)config_number(service->server->config, CONFIG_TRANSACTION_REMOVE_INTERVAL_MS);
    if (transaction_coordinator_count(service->coordinator) > 0 && !uv_is_active((uv_handle_t *)&service->clean))
        uv_timer_start(&service->clean, on_clean, every, 0);
    if (at == TRANSACTION_NEVER)
        uv_timer_stop(&service->wake);
    else
        uv_timer_start(&service->wake, on_wake, at > now ? (uint64_t)(at - now) : 0, 0);
}

/* ---- what the coordinator asks for ---- */

static void append_batch(void *context, struct coordinator_batch *batch)
{
    struct transaction_service *service = context;
    coordinator_log_append(&service->log, batch);
}

static void on_appended(struct coordinator_log *log, struct coordinator_batch *batch, enum kafka_error error)
{
    struct transaction_service *service = CONTAINER_OF(log, struct transaction_service, log);
    if (error != KAFKA_NONE)
        log_warn(service->server->logger, "transactions", "topic=" TRANSACTIONS_TOPIC " error=%s",
                 kafka_error_name((int16_t)error));
    transaction_coordinator_appended(service->coordinator, batch, error, now_of(service));
    rearm(service);
}

static void send_markers(void *context, struct transaction_ending *ending)
{
    struct transaction_service *service = context;
    transaction_markers_send(service->markers, ending);
}

static void on_ended(void *context, struct transaction_ending *ending)
{
    struct transaction_service *service = context;
    transaction_coordinator_ended(service->coordinator, ending, now_of(service));
    rearm(service);
}

struct id_taking {
    struct transaction_service *service;
    struct transaction_call *call;
    struct producer_id_request request;
};

static void on_taken(struct producer_id_request *request, int status, int64_t producer_id)
{
    struct id_taking *taking = CONTAINER_OF(request, struct id_taking, request);
    struct transaction_service *service = taking->service;
    struct transaction_call *call = taking->call;
    memory_free(service->memory, MEMORY_TRANSACTIONS, taking, sizeof *taking);
    /* Kafka's own answer while it cannot reserve a block: clients try again. */
    transaction_coordinator_took(service->coordinator, call,
                                 status == 0 ? KAFKA_NONE : KAFKA_COORDINATOR_LOAD_IN_PROGRESS, producer_id,
                                 now_of(service));
    rearm(service);
}

static void take_producer_id(void *context, struct transaction_call *call)
{
    struct transaction_service *service = context;
    struct id_taking *taking = memory_alloc_zeroed(service->memory, MEMORY_TRANSACTIONS, sizeof *taking);
    if (taking == NULL) {
        transaction_coordinator_took(service->coordinator, call, KAFKA_COORDINATOR_NOT_AVAILABLE, -1, now_of(service));
        return;
    }
    *taking = (struct id_taking){.service = service, .call = call, .request = {.done = on_taken}};
    producer_ids_take(service->server->producer_ids, &taking->request);
}

/* ---- calls ---- */

const struct transaction_coordinator *transaction_service_coordinator(const struct transaction_service *service)
{
    return service->coordinator;
}

void transaction_service_prepare(struct transaction_service *service)
{
    coordinator_log_prepare(&service->log);
}

void transaction_service_forget_topic(struct transaction_service *service, slice topic)
{
    if (slice_equal(topic, slice_of_text(TRANSACTIONS_TOPIC)))
        transaction_coordinator_begin_anew(service->coordinator);
}

void transaction_service_init(struct transaction_service *service, struct transaction_init *init)
{
    transaction_coordinator_init(service->coordinator, init, now_of(service));
    rearm(service);
}

void transaction_service_add(struct transaction_service *service, struct transaction_add *add)
{
    transaction_coordinator_add(service->coordinator, add, now_of(service));
    rearm(service);
}

void transaction_service_end(struct transaction_service *service, struct transaction_end *end)
{
    transaction_coordinator_end(service->coordinator, end, now_of(service));
    rearm(service);
}

enum kafka_error transaction_service_verify(const struct transaction_service *service, slice transactional_id,
                                            int64_t producer_id, int16_t producer_epoch, slice topic, int32_t partition)
{
    return transaction_coordinator_verify(service->coordinator, transactional_id, producer_id, producer_epoch, topic,
                                          partition);
}

/* ---- life ---- */

struct loading {
    struct transaction_service *service;
    struct arena arena;
    uint64_t records;
    uint64_t passed_over;
};

static int load_record(void *context, const struct record *record, struct error *error)
{
    struct loading *loading = context;
    int rc = transaction_coordinator_load(loading->service->coordinator, record->key, record->value, &loading->arena);
    arena_reset(&loading->arena);
    loading->records++;
    if (rc == -ENOMEM)
        return error_set_status(error, rc, "record %lld", (long long)record->offset);
    loading->passed_over += rc != 0;
    return 0;
}

static int load_batch(void *context, const struct batch_header *header, slice batch, struct error *error)
{
    const struct loading *loading = context;
    return log_walk_records(header, batch, loading->service->memory, load_record, context, error);
}

/* In a folder that was Kafka's, producers have ids that were not given out here. */
static int note_producer_ids(void *context, const struct transaction *transaction)
{
    const struct transaction_values *values = transaction_values(transaction);
    metadata_log_note_producer_id(context, values->producer_id);
    metadata_log_note_producer_id(context, values->next_producer_id);
    return 0;
}

/* Everything else is served: an epoch that was given out may not be given out again. */
static int load(struct transaction_service *service, struct error *error)
{
    struct server *server = service->server;
    struct loading loading = {.service = service};
    arena_init(&loading.arena, server->memory, MEMORY_TRANSACTIONS, RECORD_LIMIT);
    int rc = coordinator_log_read(&service->log, load_batch, &loading, error);
    arena_close(&loading.arena);
    if (rc == -ENOMEM)
        return error_wrap(error, rc, TRANSACTIONS_TOPIC);
    if (rc != 0) {
        log_error(server->logger, "transactions",
                  "topic=" TRANSACTIONS_TOPIC
                  " %s: no transactions are served; where they may be lost, delete the topic",
                  error->message);
        transaction_coordinator_give_up(service->coordinator);
        return 0;
    }
    (void)transaction_coordinator_list(service->coordinator, note_producer_ids, server->metadata);
    if (loading.records > 0)
        log_info(server->logger, "transactions", "records=%llu not_understood=%llu loaded",
                 (unsigned long long)loading.records, (unsigned long long)loading.passed_over);
    return 0;
}

static void read_limits(struct transaction_service *service)
{
    const struct config *config = service->server->config;
    service->limits = (struct transaction_limits){
        .max_transactions = (uint32_t)config_number(config, CONFIG_FURROW_TRANSACTIONS_MAX),
        .memory_bytes = (size_t)config_number(config, CONFIG_FURROW_TRANSACTIONS_MEMORY_BYTES),
        .max_timeout_ms = (int32_t)config_number(config, CONFIG_TRANSACTION_MAX_TIMEOUT_MS),
        .abort_interval_ms = config_number(config, CONFIG_TRANSACTION_ABORT_INTERVAL_MS),
        .expiration_ms = config_number(config, CONFIG_TRANSACTIONAL_ID_EXPIRATION_MS),
    };
}

static void closed_one(struct transaction_service *service)
{
    if (--service->open_handles == 0)
        memory_free(service->memory, MEMORY_TRANSACTIONS, service, sizeof *service);
}

static void on_timer_closed(uv_handle_t *handle)
{
    closed_one(handle->data);
}

static void on_log_closed(struct coordinator_log *log)
{
    closed_one(CONTAINER_OF(log, struct transaction_service, log));
}

int transaction_service_open(struct server *server, struct transaction_service **opened, struct error *error)
{
    struct transaction_service *service = memory_alloc_zeroed(server->memory, MEMORY_TRANSACTIONS, sizeof *service);
    if (service == NULL)
        return error_set_status(error, -ENOMEM, "transactions");
    service->server = server;
    service->memory = server->memory;
    read_limits(service);
    struct transaction_store store = {.append = append_batch,
                                      .end = send_markers,
                                      .take_producer_id = take_producer_id,
                                      .age = age,
                                      .groups_topic = slice_of_text(GROUPS_TOPIC),
                                      .context = service};
    int rc = transaction_coordinator_open(server->memory, &service->limits, &store, &service->coordinator);
    if (rc != 0)
        goto err_free;
    rc = transaction_markers_open(server, on_ended, service, &service->markers);
    if (rc != 0)
        goto err_close;
    service->log = (struct coordinator_log){.server = server,
                                            .topic = TRANSACTIONS_TOPIC,
                                            .segment_bytes = CONFIG_TRANSACTION_STATE_LOG_SEGMENT_BYTES,
                                            .subsystem = "transactions",
                                            .purpose = MEMORY_TRANSACTIONS,
                                            .appended = on_appended};
    coordinator_log_init(&service->log);
    uv_timer_init(server->loop, &service->wake);
    uv_timer_init(server->loop, &service->clean);
    service->wake.data = service->clean.data = service;
    service->open_handles = 3;
    rc = load(service, error);
    if (rc != 0) {
        transaction_service_close(service);
        return rc;
    }
    uv_timer_start(&service->wake, on_first_turn, 0, 0);
    *opened = service;
    return 0;

err_close:
    transaction_coordinator_close(service->coordinator);
err_free:
    memory_free(server->memory, MEMORY_TRANSACTIONS, service, sizeof *service);
    return error_set_status(error, rc, "transactions");
}

void transaction_service_close(struct transaction_service *service)
{
    transaction_markers_close(service->markers);
    transaction_coordinator_close(service->coordinator);
    uv_close((uv_handle_t *)&service->wake, on_timer_closed);
    uv_close((uv_handle_t *)&service->clean, on_timer_closed);
    coordinator_log_close(&service->log, on_log_closed);
}

bool transaction_service_idle(const struct transaction_service *service)
{
    return transaction_coordinator_idle(service->coordinator) && coordinator_log_idle(&service->log) &&
           transaction_markers_idle(service->markers);
}

void transaction_service_end_waits(struct transaction_service *service)
{
    transaction_markers_stop(service->markers);
    transaction_coordinator_end_waits(service->coordinator);
}
