/* Opens the log as after a crash, which makes its indexes, and compacts all of it in slices. */
#include "compact.h"

#include "clock.h"
#include "compaction.h"

#include <stdio.h>
#include <stdlib.h>

#define SLICE ((uint64_t)1 << 20) /* bytes: what the server takes when it is alone */

static const struct log_config config = {
    .segment_ms = INT64_MAX, .segment_index_bytes = 10 << 20, .index_interval_bytes = 4096};

static struct log *open_log(struct log_environment *environment, const struct compact_options *options, char *root)
{
    struct error error;
    struct log *log;
    struct log_recovery recovery;
    struct log_opening opening = {.recovery_point = 0, .now = 1700000000000};
    struct log_config with_size = config;
    char *slash = strrchr(root, '/');
    if (slash == NULL)
        compact_fail(root, "name the folder with the one that it lies in");
    *slash = '\0';
    with_size.segment_bytes = (int64_t)options->segment_bytes;
    if (disk_open_real(root, environment->memory, &environment->disk, &error) != 0 ||
        file_cache_create(environment->disk, 64, &environment->files) != 0 ||
        log_open(environment, slash + 1, &with_size, &opening, &log, &recovery, &error) != 0)
        compact_fail(options->folder, error.message);
    if (recovery.bytes_cut != 0)
        compact_fail(options->folder, recovery.reason);
    return log;
}

/* Nothing is compacted before it is on the disk. */
static void sync_log(struct log *log)
{
    struct error error;
    struct log_sync *sync;
    if (log_sync_begin(log, true, &sync, &error) != 0)
        compact_fail("sync", error.message);
    if (sync == NULL)
        return;
    log_sync_execute(sync);
    if (log_sync_end(log, sync, &error) != 0)
        compact_fail("sync", error.message);
}

static void run(struct log *log, struct memory *memory, const struct compact_options *options)
{
    struct error error;
    struct log_compaction *compaction;
    struct compaction_config how = {.delete_retention_ms = 86400000, .keep = 1};
    struct compaction_bounds bounds = {.recovery_point = log_end_offset(log)};
    for (uint64_t i = 0, state = 1; i < sizeof how.secret; i++, state = state * 6364136223846793005U + 1)
        how.secret[i] = (uint8_t)(state >> 56);
    size_t memory_before = memory_total_bytes(memory);
    uint64_t longest = 0, slices = 0;
    int64_t start = clock_ns();
    double cpu = compact_cpu_seconds();
    int rc = log_compaction_begin(log, &how, &bounds, 1700000000000, options->buffer, &compaction, &error);
    if (rc != 0 || compaction == NULL)
        compact_fail("begin", rc != 0 ? error.message : "nothing to compact");
    size_t peak = memory_total_bytes(memory) - memory_before;
    do {
        int64_t before = clock_ns();
        log_compaction_execute(compaction, SLICE);
        uint64_t took = (uint64_t)(clock_ns() - before);
        longest = took > longest ? took : longest;
        slices++;
        size_t held = memory_total_bytes(memory) - memory_before;
        peak = held > peak ? held : peak;
    } while ((rc = log_compaction_step(log, compaction, &error)) == 1);
    if (rc != 0)
        compact_fail("step", error.message);
    struct compaction_result result;
    log_compaction_end(log, compaction, &result);
    printf("{\"seconds\": %.3f, \"cpu_seconds\": %.3f, \"slices\": %u, \"bytes_before\": %llu, \"bytes_after\": %llu, "
           "\"records_before\": %llu, \"records_after\": %llu, \"bytes_read\": %llu, \"bytes_written\": %llu, "
           "\"memory\": %zu, \"steps\": %llu, \"longest_step_ms\": %.2f}\n",
           (double)(clock_ns() - start) / 1e9, compact_cpu_seconds() - cpu, result.slices,
           (unsigned long long)result.bytes_before, (unsigned long long)result.bytes_after,
           (unsigned long long)result.records_before, (unsigned long long)result.records_after,
           (unsigned long long)result.bytes_read, (unsigned long long)result.bytes_written, peak,
           (unsigned long long)slices, (double)longest / 1e6);
}

void compact_run(const struct compact_options *options)
{
    struct memory memory;
    struct log_environment environment = {.memory = &memory, .producer_expiry_ms = INT64_MAX};
    char root[4096];
    snprintf(root, sizeof root, "%s", options->folder);
    memory_init(&memory);
    struct log *log = open_log(&environment, options, root);
    sync_log(log);
    run(log, &memory, options);
    log_close(log);
    file_cache_close(environment.files);
    disk_close(environment.disk);
}
