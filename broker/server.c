/* The server's life.
 *
 * Happy path. server_open opens the storage, then the listeners, so that a client that can connect is served.
 * server_run turns the loop until SIGTERM or SIGINT. From then on nothing is accepted, connections end when what they
 * sent is answered, long polls are answered with what there is; a tick looks every few milliseconds whether all is
 * done. Then the logs are flushed, the checkpoints written, the folder is marked.
 *
 * Failures. Connections that do not end in time are closed. A log that cannot be flushed leaves the folder unmarked:
 * the next start recovers, and the exit code says so.
 *
 * Closing. Handles belong to the loop until their close callbacks have run, so the loop turns once more at the end. */
#include "server.h"

#include "cleaner.h"
#include "connection.h"
#include "http/session.h"
#include "http/site.h"
#include "kafka/session.h"
#include "listener.h"
#include "metadata_log.h"
#include "notify.h"
#include "operations/operations.h"
#include "rest/rest.h"
#include "retention.h"
#include "scrub.h"
#include "server_storage.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#define STOP_TICK_MS  5
#define STOP_GRACE_MS 5000 /* for connections to take their answers */

struct lifecycle {
    struct server *server;
    struct listeners *kafka, *rest;
    uv_signal_t signals[4];
    uv_timer_t stop_tick;
    bool is_stopping;
    int64_t stop_started; /* ms of uv_now */
};

int64_t server_now(const struct server *server)
{
    (void)server;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void server_random(struct server *server, void *to, size_t size)
{
    (void)server;
    uint8_t *bytes = to;
    while (size != 0) {
        ssize_t got = getrandom(bytes, size, 0);
        if (got > 0) {
            bytes += got;
            size -= (size_t)got;
        }
    }
}

/* ---- signals ---- */

static void log_memory(struct server *server)
{
    const struct memory *memory = server->memory;
    for (int i = 0; i < MEMORY_PURPOSES; i++)
        log_info(server->logger, "memory", "purpose=%s bytes=%zu blocks=%zu peak_bytes=%zu",
                 memory_purpose_text((enum memory_purpose)i), atomic_load(&memory->counts[i].bytes),
                 atomic_load(&memory->counts[i].blocks), atomic_load(&memory->counts[i].peak_bytes));
    log_info(server->logger, "memory", "budget_used=%zu budget_limit=%zu waiting=%zu connections=%zu",
             budget_used(server->budget), budget_limit(server->budget), budget_waiting(server->budget),
             connections_count(server->connections));
}

static void reload_log_level(struct server *server)
{
    enum log_level level;
    struct error error;
    if (server->read_log_level(&level, &error) != 0) {
        log_error(server->logger, "config", "the log level stays as it is: %s", error.message);
        return;
    }
    logger_set_level(server->logger, level);
    log_info(server->logger, "config", "log.level=%s read anew", log_level_text(level));
}

static bool all_is_done(const struct server *server)
{
    return connections_count(server->connections) == 0 && rest_idle(server) && server_storage_idle(server) &&
           writer_thread_idle(server->writer) && jobs_idle(&server->jobs);
}

static void on_stop_tick(uv_timer_t *tick)
{
    struct lifecycle *lifecycle = tick->data;
    struct server *server = lifecycle->server;
    if ((int64_t)uv_now(server->loop) - lifecycle->stop_started > STOP_GRACE_MS)
        connections_close_all(server->connections);
    if (all_is_done(server))
        uv_stop(server->loop);
}

static void stop(struct lifecycle *lifecycle, int signal)
{
    struct server *server = lifecycle->server;
    if (lifecycle->is_stopping) {
        connections_close_all(server->connections); /* asked twice: without their grace */
        return;
    }
    lifecycle->is_stopping = true;
    lifecycle->stop_started = (int64_t)uv_now(server->loop);
    log_info(server->logger, "server", "signal=%s connections=%zu stopping", signal == SIGINT ? "SIGINT" : "SIGTERM",
             connections_count(server->connections));
    notify_supervisor("STOPPING=1");
    listeners_close(lifecycle->kafka);
    listeners_close(lifecycle->rest);
    rest_end_waits(server);
    connections_end_all(server->connections);
    operations_end_waits(server);
    cleaner_stop(server->cleaner);
    retention_stop(server->retention);
    scrub_stop(server->scrub);
    uv_timer_start(&lifecycle->stop_tick, on_stop_tick, 0, STOP_TICK_MS);
}

static void on_signal(uv_signal_t *handle, int signal)
{
    struct lifecycle *lifecycle = handle->data;
    switch (signal) {
    case SIGHUP:
        reload_log_level(lifecycle->server);
        break;
    case SIGUSR1:
        log_memory(lifecycle->server);
        break;
    default:
        stop(lifecycle, signal);
    }
}

static void start_signals(struct lifecycle *lifecycle)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        uv_signal_init(lifecycle->server->loop, &lifecycle->signals[i]);
        lifecycle->signals[i].data = lifecycle;
        (void)uv_signal_start(&lifecycle->signals[i], on_signal, signals[i]);
    }
    signal(SIGPIPE, SIG_IGN); /* sendfile has no flag against it */
}

/* ---- opening ---- */

static void turn_until_closed(struct server *server)
{
    while (uv_run(server->loop, UV_RUN_DEFAULT) != 0)
        ;
}

static int open_services(struct server *server, struct error *error)
{
    int rc = budget_create(server->memory, (size_t)config_number(server->config, CONFIG_FURROW_MEMORY_LIMIT_BYTES),
                           &server->budget);
    if (rc != 0)
        return error_set_status(error, rc, "budget");
    loop_watch_open(&server->loop_watch, server->loop);
    rc = connections_create(server, &server->connections);
    if (rc != 0) {
        rc = error_set_status(error, rc, "connections");
        goto err_destroy_budget;
    }
    rc = writer_thread_open(server->loop, server->memory, &server->writer, error);
    if (rc != 0)
        goto err_destroy_connections;
    writer_thread_set_sync_delay(server->writer,
                                 (uint32_t)config_number(server->config, CONFIG_LOG_FLUSH_TEST_DELAY_MS));
    return 0;

err_destroy_connections:
    connections_destroy(server->connections);
err_destroy_budget:
    loop_watch_close(&server->loop_watch);
    turn_until_closed(server);
    budget_destroy(server->budget);
    return rc;
}

static void close_services(struct server *server)
{
    writer_thread_close(server->writer);
    connections_destroy(server->connections);
    loop_watch_close(&server->loop_watch);
    turn_until_closed(server);
    budget_destroy(server->budget);
}

/* What was chosen for this machine and its disk, in one line; "set" names what the configuration says instead. */
static void log_sizes(const struct server *server)
{
    static const enum config_id sized[] = {
        CONFIG_FURROW_MEMORY_LIMIT_BYTES,      CONFIG_SOCKET_REQUEST_MAX_BYTES, CONFIG_LOG_SEGMENT_BYTES,
        CONFIG_LOG_CLEANER_DEDUPE_BUFFER_SIZE, CONFIG_MAX_OPEN_FILES,           CONFIG_DISK_RESERVE_BYTES};
    char values[LOG_LINE_MAX] = "", set[LOG_LINE_MAX] = "";
    for (size_t i = 0; i < sizeof sized / sizeof sized[0]; i++) {
        int id = (int)sized[i];
        const char *name = config_key(id)->name;
        size_t size = strlen(values);
        snprintf(values + size, sizeof values - size, "%s=%" PRId64 " ", name, config_number(server->config, sized[i]));
        size = strlen(set);
        if (config_source_at(server->config, id) != CONFIG_FROM_DEFAULT)
            snprintf(set + size, sizeof set - size, "%s%s", size != 0 ? "," : "", name);
    }
    log_info(server->logger, "config", "%sset=%s sizes", values, set[0] != '\0' ? set : "none");
}

static int open_listeners(struct server *server, struct lifecycle *lifecycle, struct error *error)
{
    bool anywhere = config_flag(server->config, CONFIG_ALLOW_UNAUTHENTICATED);
    int rc = listeners_open(server, config_string(server->config, CONFIG_LISTENERS), &kafka_dialect, anywhere,
                            &lifecycle->kafka, error);
    if (rc != 0)
        return rc;
    server->kafka_port = listeners_port(lifecycle->kafka);
    rc = listeners_open(server, config_string(server->config, CONFIG_REST_LISTENERS), &http_dialect, anywhere,
                        &lifecycle->rest, error);
    if (rc == 0)
        return 0;
    listeners_close(lifecycle->kafka);
    return error_wrap(error, rc, "rest");
}

int server_open(struct server *server, const char *data, struct error *error)
{
    struct lifecycle *lifecycle = memory_alloc_zeroed(server->memory, MEMORY_SERVER, sizeof *lifecycle);
    if (lifecycle == NULL)
        return error_set_status(error, -ENOMEM, "server");
    lifecycle->server = server;
    server->lifecycle = lifecycle;
    server->http_apis = http_apis;
    server->started = server_now(server);
    int rc = open_services(server, error);
    if (rc != 0)
        goto err_free;
    rc = server_storage_open(server, data, error);
    server->folder_failed = rc != 0;
    if (rc != 0)
        goto err_close_services;
    log_sizes(server);
    rc = rest_open(server, error);
    if (rc != 0)
        goto err_close_storage;
    rc = open_listeners(server, lifecycle, error);
    if (rc != 0)
        goto err_close_rest;
    uv_timer_init(server->loop, &lifecycle->stop_tick);
    lifecycle->stop_tick.data = lifecycle;
    start_signals(lifecycle);
    metadata_log_note_started(server->metadata);
    notify_supervisor("READY=1");
    return 0;

err_close_rest:
    rest_close(server);
err_close_storage:
    if (server_storage_flush(server, NULL) != 0)
        log_warn(server->logger, "storage", "the logs could not be flushed");
    server_storage_close_handles(server);
    close_services(server);
    server_storage_close(server);
    goto err_free;
err_close_services:
    close_services(server);
err_free:
    memory_free(server->memory, MEMORY_SERVER, lifecycle, sizeof *lifecycle);
    return rc;
}

int server_run(struct server *server, struct error *error)
{
    while (!server->lifecycle->is_stopping || !all_is_done(server))
        uv_run(server->loop, UV_RUN_DEFAULT);
    return server_storage_flush(server, error);
}

void server_close(struct server *server)
{
    struct lifecycle *lifecycle = server->lifecycle;
    for (size_t i = 0; i < sizeof lifecycle->signals / sizeof lifecycle->signals[0]; i++)
        uv_close((uv_handle_t *)&lifecycle->signals[i], NULL);
    uv_close((uv_handle_t *)&lifecycle->stop_tick, NULL);
    rest_close(server);
    server_storage_close_handles(server);
    close_services(server);
    server_storage_close(server);
    memory_free(server->memory, MEMORY_SERVER, lifecycle, sizeof *lifecycle);
    log_info(server->logger, "server", "stopped");
}
