/* How long 1000 logs take to open after a clean stop, and what they hold then: bench_open_logs FOLDER [LOGS].
 *
 * FOLDER must not exist; it is made, filled with logs of 200 small batches and two idempotent producers, and removed.
 * The page cache is warm. Runs alone: it needs no server. */
#include "batch_builder.h"
#include "log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define BATCHES  200
#define MAX_LOGS 10000

static const struct log_config config = {
    .segment_bytes = 16 << 20, .segment_ms = INT64_MAX, .segment_index_bytes = 10 << 20, .index_interval_bytes = 4096};

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int append_one(struct log *log, struct memory *memory, int i)
{
    struct batch_options options = BATCH_OPTIONS_PLAIN;
    options.producer_id = 1 + i % 2;
    options.producer_epoch = 0;
    options.base_sequence = i / 2;
    writer w;
    struct batch_builder builder;
    writer_init(&w, memory, MEMORY_REQUESTS, SIZE_MAX);
    batch_builder_open(&builder, &w, &options);
    batch_builder_add(&builder, 1700000000000 + i, NULL_SLICE, slice_of_text("a record of a few bytes"));
    int rc = batch_builder_close(&builder, NULL);
    struct log_append append = {.batch = w.data, .size = w.size};
    if (rc == 0)
        rc = batch_parse_header(writer_slice(&w), &append.header, NULL);
    struct log_append *queue = &append;
    struct log_append *done;
    struct log_write *write;
    if (rc == 0)
        rc = log_write_begin(log, &queue, 0, &write, &done, NULL);
    if (rc == 0 && write != NULL) {
        log_write_execute(write);
        (void)log_write_end(log, write, NULL);
    }
    writer_close(&w);
    return rc != 0 ? rc : append.status;
}

static int fill(const struct log_environment *environment, const char *folder, struct error *error)
{
    struct log_opening opening = {.clean = true, .recovery_point = -1, .log_start = -1};
    struct log_recovery recovery;
    struct log *log;
    int rc = log_create_files(environment->disk, folder, UUID_ZERO, error);
    if (rc == 0)
        rc = log_open(environment, folder, &config, &opening, &log, &recovery, error);
    if (rc != 0)
        return rc;
    for (int i = 0; i < BATCHES && rc == 0; i++)
        rc = append_one(log, environment->memory, i);
    if (rc == 0)
        rc = log_flush_for_stop(log, 0, error);
    log_close(log);
    return rc;
}

static int open_all(const struct log_environment *environment, struct log **logs, int count, struct error *error)
{
    struct log_opening opening = {.clean = true, .recovery_point = BATCHES, .log_start = -1};
    struct log_recovery recovery;
    for (int i = 0; i < count; i++) {
        char folder[64];
        snprintf(folder, sizeof folder, "topic-%d", i);
        int rc = log_open(environment, folder, &config, &opening, &logs[i], &recovery, error);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int measure(const struct log_environment *environment, int count, struct error *error)
{
    static struct log *logs[MAX_LOGS];
    size_t before = memory_total_bytes(environment->memory);
    for (int round = 0; round < 5; round++) {
        double start = now_ms();
        int rc = open_all(environment, logs, count, error);
        double end = now_ms();
        if (rc != 0)
            return rc;
        printf("%d logs open in %.1f ms, %zu bytes each\n", count, end - start,
               (memory_total_bytes(environment->memory) - before) / (size_t)count);
        for (int i = 0; i < count; i++)
            log_close(logs[i]);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2 || mkdir(argv[1], 0700) != 0) {
        fprintf(stderr, "usage: bench_open_logs FOLDER [LOGS], FOLDER must not exist\n");
        return 2;
    }
    int count = argc > 2 ? atoi(argv[2]) : 1000;
    if (count < 1 || count > MAX_LOGS)
        count = MAX_LOGS;
    struct memory memory;
    struct error error = {0};
    struct log_environment environment = {.memory = &memory, .producer_expiry_ms = INT64_MAX};
    memory_init(&memory);
    if (disk_open_real(argv[1], &memory, &environment.disk, &error) != 0 ||
        file_cache_create(environment.disk, 64, &environment.files) != 0) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    int rc = 0;
    for (int i = 0; i < count && rc == 0; i++) {
        char folder[64];
        snprintf(folder, sizeof folder, "topic-%d", i);
        rc = fill(&environment, folder, &error);
    }
    if (rc == 0)
        rc = measure(&environment, count, &error);
    if (rc != 0)
        fprintf(stderr, "%d: %s\n", rc, error.message);
    for (int i = 0; i < count; i++) {
        char folder[64];
        snprintf(folder, sizeof folder, "topic-%d", i);
        if (disk_remove_tree(environment.disk, folder, &error) != 0)
            fprintf(stderr, "%s\n", error.message);
    }
    file_cache_close(environment.files);
    disk_close(environment.disk);
    return rc != 0 || remove(argv[1]) != 0;
}
