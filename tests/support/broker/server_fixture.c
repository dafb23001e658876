#include "server_fixture.h"

#include "batch_builder.h"
#include "checkpoints.h"
#include "cleaner.h"
#include "flush.h"
#include "metadata_log.h"
#include "operations/operations.h"
#include "rest/reading.h"
#include "simulated_disk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define TURNS           8
#define POOL_THREADS    4
#define OPEN_FILES      64

#define need(condition) need_that((condition), #condition)

static void need_that(bool holds, const char *condition)
{
    if (holds)
        return;
    fprintf(stderr, "the fixture needs %s\n", condition);
    abort();
}

void server_fixture_open(struct server_fixture *f, const char *const *settings)
{
    const struct machine machine = {.memory_bytes = (uint64_t)1 << 30, .cores = 1};
    setenv("UV_THREADPOOL_SIZE", "1", 1); /* the simulated disk is for one thread at a time */
    memset(f, 0, sizeof *f);
    memory_init(&f->memory);
    f->log = memfd_create("log", MFD_CLOEXEC);
    logger_init(&f->logger, f->log, LOG_DEBUG);
    f->server = (struct server){.memory = &f->memory, .logger = &f->logger, .loop = &f->loop, .data = "/data"};
    need(uv_loop_init(&f->loop) == 0);
    f->server.config = config_create(&f->memory, &machine);
    need(f->log >= 0 && f->server.config != NULL);
    for (; settings != NULL && *settings != NULL; settings++)
        need(config_set_argument(f->server.config, *settings, NULL) == 0);
    need(config_finish(f->server.config, NULL) == 0);
    jobs_init(&f->server.jobs, &f->loop, POOL_THREADS);
}

bool server_fixture_close(struct server_fixture *f)
{
    if (f->server.disk != NULL)
        disk_close(f->server.disk);
    config_destroy(f->server.config);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    bool is_closed = uv_loop_close(&f->loop) == 0;
    close(f->log);
    return is_closed && memory_total_bytes(&f->memory) == 0;
}

/* ---- connections ---- */

int server_fixture_open_connections(struct server_fixture *f)
{
    struct server *server = &f->server;
    size_t limit = (size_t)config_number(server->config, CONFIG_FURROW_MEMORY_LIMIT_BYTES);
    int rc = budget_create(server->memory, limit, &server->budget);
    if (rc != 0)
        return rc;
    rc = connections_create(server, &server->connections);
    if (rc != 0)
        budget_destroy(server->budget);
    return rc;
}

static void end_connections(struct server_fixture *f)
{
    connections_close_all(f->server.connections);
    while (connections_count(f->server.connections) != 0)
        uv_run(&f->loop, UV_RUN_NOWAIT);
}

void server_fixture_close_connections(struct server_fixture *f)
{
    end_connections(f);
    connections_destroy(f->server.connections);
    f->server.connections = NULL;
    uv_run(&f->loop, UV_RUN_DEFAULT);
    budget_destroy(f->server.budget);
}

int server_fixture_connect(struct server_fixture *f, const struct connection_dialect *dialect, const char *address)
{
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(40000)};
    int ends[2];
    need(inet_pton(AF_INET, address, &peer.sin_addr) == 1);
    need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    connections_accept(f->server.connections, ends[0], (const struct sockaddr *)&peer, dialect);
    return ends[1];
}

/* ---- the loop ---- */

void server_fixture_turn(struct server_fixture *f)
{
    for (int i = 0; i < TURNS; i++)
        uv_run(&f->loop, UV_RUN_NOWAIT);
}

static void on_time(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

static void on_timer_closed(uv_handle_t *timer)
{
    *(bool *)timer->data = true;
}

unsigned server_fixture_run_ms(struct server_fixture *f, unsigned ms)
{
    uv_timer_t timer;
    bool is_over = false, is_closed = false;
    unsigned turns = 0;
    uv_update_time(&f->loop);
    uv_timer_init(&f->loop, &timer);
    timer.data = &is_over;
    uv_timer_start(&timer, on_time, ms, 0);
    while (!is_over) {
        uv_run(&f->loop, UV_RUN_ONCE);
        turns++;
    }
    timer.data = &is_closed;
    uv_close((uv_handle_t *)&timer, on_timer_closed);
    while (!is_closed)
        uv_run(&f->loop, UV_RUN_NOWAIT);
    return turns;
}

unsigned server_fixture_logged(const struct server_fixture *f, const char *text)
{
    off_t size = lseek(f->log, 0, SEEK_END);
    char *all = calloc(1, (size_t)size + 1);
    unsigned count = 0;
    need(all != NULL && pread(f->log, all, (size_t)size, 0) == size);
    for (const char *at = all; (at = strstr(at, text)) != NULL; at++)
        count++;
    free(all);
    return count;
}

static void count_timer(uv_handle_t *handle, void *context)
{
    *(unsigned *)context += handle->type == UV_TIMER && uv_is_active(handle);
}

unsigned server_fixture_timers(struct server_fixture *f)
{
    unsigned count = 0;
    uv_walk(&f->loop, count_timer, &count);
    return count;
}

/* ---- storage ---- */

void server_fixture_make_disk(struct server_fixture *f, uint64_t seed)
{
    f->server.disk = simulated_disk_create(&f->memory, seed);
    need(f->server.disk != NULL);
}

static int open_topics(struct server_fixture *f)
{
    struct server *server = &f->server;
    topics_init(&server->topics, &f->memory);
    int rc = metadata_log_open(server, &server->metadata, &f->error);
    if (rc != 0)
        goto err_close_topics;
    rc = checkpoints_create(server, &server->checkpoints);
    if (rc != 0)
        goto err_close_metadata;
    rc = flush_create(server, &server->flush);
    if (rc != 0)
        goto err_destroy_checkpoints;
    rc = cleaner_create(server, &server->cleaner);
    if (rc != 0)
        goto err_destroy_flush;
    rc = operations_open(server, &f->error);
    if (rc != 0)
        goto err_destroy_cleaner;
    rc = record_readers_open(server, &server->record_readers, &f->error);
    if (rc != 0)
        goto err_close_operations;
    return 0;

err_close_operations:
    operations_close(server);
err_destroy_cleaner:
    cleaner_destroy(server->cleaner);
err_destroy_flush:
    flush_destroy(server->flush);
err_destroy_checkpoints:
    checkpoints_destroy(server->checkpoints);
err_close_metadata:
    metadata_log_close(server->metadata);
err_close_topics:
    topics_close(&server->topics);
    return rc;
}

int server_fixture_open_storage(struct server_fixture *f)
{
    static const uint8_t random[32] = {1, 2, 3};
    struct server *server = &f->server;
    int rc = writer_thread_open(&f->loop, &f->memory, &server->writer, &f->error);
    if (rc != 0)
        return rc;
    rc = data_folder_open(server->disk, 1, random, &server->folder, &server->start, &f->error);
    if (rc != 0)
        goto err_close_writer;
    disk_watch_init(&server->disk_watch, server->disk, server->logger, 0);
    server->logs = (struct log_environment){.disk = server->disk, .memory = &f->memory, .producer_expiry_ms = 86400000};
    rc = file_cache_create(server->disk, OPEN_FILES, &server->logs.files);
    if (rc != 0)
        goto err_close_folder;
    rc = open_topics(f);
    if (rc != 0)
        goto err_close_files;
    return 0;

err_close_files:
    file_cache_close(server->logs.files);
err_close_folder:
    data_folder_close(server->folder);
err_close_writer:
    writer_thread_close(server->writer);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    return rc;
}

/* As a server that stops, which waits for what the disk does: it may speak to any part of the server. */
static void close_storage_handles(struct server *server)
{
    while (!jobs_idle(&server->jobs) || !writer_thread_idle(server->writer))
        uv_run(server->loop, UV_RUN_ONCE);
    record_readers_close(server->record_readers);
    operations_close(server);
    cleaner_destroy(server->cleaner);
    flush_destroy(server->flush);
    writer_thread_close(server->writer);
}

static void free_storage(struct server *server)
{
    checkpoints_destroy(server->checkpoints);
    metadata_log_close(server->metadata);
    topics_close(&server->topics);
    file_cache_close(server->logs.files);
    data_folder_close(server->folder);
}

void server_fixture_close_storage(struct server_fixture *f)
{
    close_storage_handles(&f->server);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    free_storage(&f->server);
}

void server_fixture_close_services(struct server_fixture *f)
{
    end_connections(f);
    close_storage_handles(&f->server);
    connections_destroy(f->server.connections);
    f->server.connections = NULL;
    uv_run(&f->loop, UV_RUN_DEFAULT);
    budget_destroy(f->server.budget);
    free_storage(&f->server);
}

/* ---- topics and records ---- */

static void note_status(void *context, int status, const struct error *error)
{
    (void)error;
    *(int *)context = status;
}

int server_fixture_create_topic(struct server_fixture *f, const char *name, int32_t partitions,
                                const struct topic_config *config, struct topic **topic)
{
    int status = INT32_MAX;
    struct topic_config defaults;
    topic_config_init(&defaults, f->server.config);
    metadata_log_create_topic(f->server.metadata, slice_of_text(name), config != NULL ? config : &defaults, partitions,
                              note_status, &status);
    topic_config_close(&defaults, &f->memory);
    while (status == INT32_MAX)
        uv_run(&f->loop, UV_RUN_ONCE);
    *topic = topics_find(&f->server.topics, slice_of_text(name));
    return status;
}

static void on_appended(struct append_request *request)
{
    *(bool *)request->context = true;
}

enum kafka_error server_fixture_append_batch(struct server_fixture *f, struct append_part *part, enum append_acks acks,
                                             enum append_origin origin)
{
    struct memory memory;
    struct arena arena;
    bool is_done = false;
    memory_init(&memory);
    arena_init(&arena, &memory, MEMORY_REQUESTS, 1 << 16);
    struct append_request request = {.parts = part,
                                     .part_count = 1,
                                     .acks = acks,
                                     .origin = origin,
                                     .arena = &arena,
                                     .done = on_appended,
                                     .context = &is_done};
    append_start(f->server.appends, &request);
    while (!is_done)
        uv_run(&f->loop, UV_RUN_ONCE);
    arena_close(&arena);
    return part->error;
}

enum kafka_error server_fixture_append(struct server_fixture *f, struct partition *partition, enum append_acks acks,
                                       int64_t timestamp, slice key, slice value)
{
    struct memory memory;
    struct batch_builder builder;
    writer w;
    memory_init(&memory);
    writer_init(&w, &memory, MEMORY_REQUESTS, 1 << 14);
    batch_builder_open(&builder, &w, &BATCH_OPTIONS_PLAIN);
    batch_builder_add(&builder, timestamp, key, value);
    need(batch_builder_close(&builder, NULL) == 0);
    struct append_part part = {.partition = partition, .batch = w.data, .size = w.size};
    enum kafka_error error = server_fixture_append_batch(f, &part, acks, APPEND_FROM_CLIENT);
    writer_close(&w);
    return error;
}
