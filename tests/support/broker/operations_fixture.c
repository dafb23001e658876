#include "operations_fixture.h"

#include "simulated_disk.h"

#include <stdlib.h>

#define PATIENCE_MS   10000
#define RANDOM_SEED   7
#define OPEN_FILES    32
#define POOL_THREADS  1
#define READ_BYTES    (1 << 20)
#define MEMORY_LIMIT  ((size_t)1 << 30)
#define BATCH_MAX     ((size_t)16 << 20)
#define PRODUCER_LIFE 86400000

struct topic_config fixture_topic_config(void)
{
    return (struct topic_config){
        .log = {.segment_bytes = 1 << 30,
                .segment_ms = 7 * 86400000LL,
                .segment_index_bytes = 10 << 20,
                .index_interval_bytes = 4096},
        .cleanup_policy = CLEANUP_DELETE,
        .max_message_bytes = 1048588,
        .retention_ms = -1,
        .retention_bytes = -1,
        .timestamp_before_max_ms = INT64_MAX,
        .timestamp_after_max_ms = 3600000,
        .flush_messages = INT64_MAX,
        .flush_ms = INT64_MAX,
    };
}

static int64_t now_of_fixture(const void *context)
{
    return ((const struct operations_fixture *)context)->now;
}

static int open_partition(struct operations_fixture *f, int32_t index, const struct topic_config *config)
{
    char folder[DISK_PATH_MAX];
    snprintf(folder, sizeof folder, "orders-%d", (int)index);
    struct log_opening opening = {.clean = true, .recovery_point = -1, .log_start = -1, .now = f->now};
    struct log_recovery recovery;
    struct log *log = NULL;
    int rc = log_create_files(f->disk, folder, f->topic->id, &f->error);
    if (rc == 0)
        rc = log_open(&f->logs, folder, &config->log, &opening, &log, &recovery, &f->error);
    if (rc == 0) {
        rc = topic_add_partition(&f->topics, f->topic, log);
        if (rc != 0)
            log_close(log);
    }
    return rc;
}

static int open_services(struct operations_fixture *f)
{
    f->operations = (struct operations){
        .memory = &f->memory,
        .memory_limit = MEMORY_LIMIT,
        .loop = &f->loop,
        .jobs = &f->jobs,
        .writer = f->writer,
        .topics = &f->topics,
        .now = now_of_fixture,
        .now_context = f,
    };
    int rc = append_service_open(&f->operations, &f->operations.appends, &f->error);
    if (rc == 0)
        rc = read_service_open(&f->operations, &f->operations.reads, &f->error);
    return rc;
}

int operations_fixture_open(struct operations_fixture *f, int32_t partitions, const struct topic_config *config)
{
    setenv("UV_THREADPOOL_SIZE", "1", 1); /* the simulated disk is for one thread at a time */
    memset(f, 0, sizeof *f);
    memory_init(&f->memory);
    f->now = FIXTURE_NOW;
    arena_init(&f->arena, &f->memory, MEMORY_REQUESTS, BATCH_MAX);
    topics_init(&f->topics, &f->memory);
    if (uv_loop_init(&f->loop) != 0)
        abort();
    jobs_init(&f->jobs, &f->loop, POOL_THREADS);
    f->disk = simulated_disk_create(&f->memory, RANDOM_SEED);
    if (f->disk == NULL)
        abort();
    int rc = file_cache_create(f->disk, OPEN_FILES, &f->files);
    f->logs = (struct log_environment){
        .disk = f->disk, .files = f->files, .memory = &f->memory, .producer_expiry_ms = PRODUCER_LIFE};
    if (rc == 0)
        rc = writer_thread_open(&f->loop, &f->memory, &f->writer, &f->error);
    if (rc == 0)
        rc = topics_add(&f->topics, slice_of_text("orders"), (struct uuid){{1}}, config, &f->topic);
    for (int32_t i = 0; rc == 0 && i < partitions; i++)
        rc = open_partition(f, i, config);
    return rc == 0 ? open_services(f) : rc;
}

bool operations_fixture_close(struct operations_fixture *f)
{
    if (f->operations.reads != NULL)
        read_service_end_waits(f->operations.reads);
    while (!jobs_idle(&f->jobs) || (f->writer != NULL && !writer_thread_idle(f->writer)) ||
           (f->operations.appends != NULL && !append_service_idle(f->operations.appends)))
        uv_run(&f->loop, UV_RUN_ONCE);
    if (f->operations.appends != NULL)
        append_service_close(f->operations.appends);
    if (f->operations.reads != NULL)
        read_service_close(f->operations.reads);
    if (f->writer != NULL)
        writer_thread_close(f->writer);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    bool is_closed = uv_loop_close(&f->loop) == 0;
    topics_close(&f->topics);
    if (f->files != NULL)
        file_cache_close(f->files);
    disk_close(f->disk);
    arena_close(&f->arena);
    return is_closed && memory_total_bytes(&f->memory) == 0;
}

struct partition *fixture_partition(struct operations_fixture *f, int32_t index)
{
    return topic_partition(f->topic, index);
}

static void on_patience_ended(uv_timer_t *timer)
{
    (void)timer;
    fprintf(stderr, "what the test waits for did not come\n");
    abort();
}

static void on_patience_closed(uv_handle_t *timer)
{
    *(bool *)timer->data = true;
}

void fixture_run_until(struct operations_fixture *f, const bool *flag)
{
    uv_timer_t patience;
    bool is_closed = false;
    uv_timer_init(&f->loop, &patience);
    patience.data = &is_closed;
    uv_timer_start(&patience, on_patience_ended, PATIENCE_MS, 0);
    while (!*flag)
        uv_run(&f->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&patience, on_patience_closed);
    while (!is_closed)
        uv_run(&f->loop, UV_RUN_NOWAIT);
}

static void add_records(struct batch_builder *builder, const struct fixture_batch *what)
{
    static const uint8_t bytes[1 << 20];
    size_t size = what->size != 0 ? what->size : 10;
    int64_t timestamp = what->timestamp != 0 ? what->timestamp : FIXTURE_NOW;
    for (int32_t i = 0; i < (what->records != 0 ? what->records : 1); i++)
        batch_builder_add(builder, timestamp + i, what->has_key ? slice_of("key", 3) : NULL_SLICE,
                          slice_of(bytes, size));
}

slice fixture_make_batch(struct operations_fixture *f, const struct fixture_batch *what)
{
    struct memory memory; /* a failure asked for by the test must not hit the test */
    memory_init(&memory);
    struct batch_options options = BATCH_OPTIONS_PLAIN;
    options.codec = what->codec;
    options.level = codec_default_level(what->codec);
    options.attributes = what->attributes;
    if (what->idempotent) {
        options.producer_id = what->producer_id;
        options.producer_epoch = what->epoch;
        options.base_sequence = what->sequence;
    }
    writer w;
    writer_init(&w, &memory, MEMORY_REQUESTS, BATCH_MAX);
    struct batch_builder builder;
    batch_builder_open(&builder, &w, &options);
    add_records(&builder, what);
    if (batch_builder_close(&builder, NULL) != 0)
        abort();
    slice batch = arena_copy(&f->arena, writer_slice(&w));
    writer_close(&w);
    return batch;
}

/* ---- appending ---- */

static void on_appended(struct append_request *request)
{
    ((struct fixture_append *)request->context)->is_done = true;
}

void fixture_append_init(struct operations_fixture *f, struct fixture_append *append, enum append_acks acks)
{
    *append = (struct fixture_append){.request = {.acks = acks, .arena = &f->arena, .done = on_appended}};
    append->request.parts = append->parts;
    append->request.context = append;
}

void fixture_append_add(struct operations_fixture *f, struct fixture_append *append, int32_t partition, slice batch)
{
    struct append_part *part = &append->parts[append->request.part_count++];
    part->partition = fixture_partition(f, partition);
    part->batch = (uint8_t *)(uintptr_t)batch.data;
    part->size = batch.size;
}

void fixture_append_run(struct operations_fixture *f, struct fixture_append *append)
{
    append_start(f->operations.appends, &append->request);
    fixture_run_until(f, &append->is_done);
}

struct append_part fixture_append_one(struct operations_fixture *f, const struct fixture_batch *what)
{
    struct fixture_append append;
    fixture_append_init(f, &append, APPEND_ACKS_LEADER);
    fixture_append_add(f, &append, 0, fixture_make_batch(f, what));
    fixture_append_run(f, &append);
    return append.parts[0];
}

/* ---- reading ---- */

static void on_read(struct read_request *request)
{
    ((struct fixture_read *)request->context)->is_done = true;
}

void fixture_read_init(struct operations_fixture *f, struct fixture_read *read)
{
    *read = (struct fixture_read){
        .request = {.max_bytes = READ_BYTES, .min_bytes = 1, .arena = &f->arena, .done = on_read}};
    read->request.parts = read->parts;
    read->request.context = read;
}

void fixture_read_add(struct operations_fixture *f, struct fixture_read *read, int32_t partition, int64_t offset)
{
    struct read_part *part = &read->parts[read->request.part_count++];
    part->partition = fixture_partition(f, partition);
    part->offset = offset;
    part->max_bytes = READ_BYTES;
}

void fixture_read_run(struct operations_fixture *f, struct fixture_read *read)
{
    read_start(f->operations.reads, &read->request);
    fixture_run_until(f, &read->is_done);
}
