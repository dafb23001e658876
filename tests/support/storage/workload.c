#include "workload_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

bool workload_fail(struct workload *w, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(w->message, sizeof w->message, format, arguments);
    va_end(arguments);
    return false;
}

bool partition_fail(struct workload_partition *p)
{
    return workload_fail(p->w, "%s: %s", p->folder, p->model.message);
}

/* ---- failures ---- */

void workload_arm(struct workload *w)
{
    if (!chance(w, w->failing_percent))
        return;
    int64_t nth = (int64_t)below(w, chance(w, 50) ? 3 : 15);
    if (chance(w, 25))
        simulated_disk_stop_at(w->disk, nth);
    else
        simulated_disk_fail_at(w->disk, nth, chance(w, 50) ? -EIO : -ENOSPC);
}

void workload_disarm(struct workload *w)
{
    simulated_disk_fail_at(w->disk, -1, 0);
    if (!simulated_disk_is_stopped(w->disk))
        simulated_disk_stop_at(w->disk, -1);
}

/* ---- one step ---- */

/* A step of one partition; with failures where the disk is used. */
static bool step_partition(struct workload_partition *p)
{
    struct workload *w = p->w;
    unsigned dice = (unsigned)below(w, 100);
    workload_arm(w);
    if (dice < 40)
        return workload_step_write(p);
    if (dice < 52)
        return workload_step_sync(p);
    if (dice < 70)
        return workload_step_read(p, &p->reads[below(w, MAX_READS)]);
    if (dice < 80)
        return workload_step_find(p);
    if (p->model.keep > 0 && (dice < 86 || p->compaction.run != NULL) && chance(w, 80))
        return workload_step_compaction(p);
    if (dice < 86)
        return workload_step_trim(p);
    if (dice < 89)
        return workload_step_timestamps(p);
    workload_disarm(w);
    if (dice < 93)
        return workload_send_again(p);
    if (dice < 95)
        return workload_delete_records(p);
    if (dice < 97)
        return workload_retain(p);
    return workload_check_whole(p);
}

static bool step_server(struct workload *w)
{
    unsigned dice = (unsigned)below(w, 100);
    struct workload_partition *p = &w->partitions[below(w, w->partition_count)];
    if (dice < 50) {
        workload_arm(w);
        (void)workload_save_points(w, chance(w, 70));
        return true;
    }
    if (dice < 62)
        return workload_restart(w);
    if (dice < 70)
        return workload_crash(w, false);
    if (dice < 82)
        return workload_crash(w, true);
    if (dice < 85) { /* the disk is full, or gets space again */
        bool is_full = chance(w, 50);
        simulated_disk_set_space(w->disk, is_full ? below(w, 200000) : UINT64_MAX);
        w->counts->full += is_full;
        return true;
    }
    if (dice < 91) {
        workload_arm(w);
        return p->exists ? workload_delete(p) : true;
    }
    return true;
}

static bool step(struct workload *w)
{
    struct workload_partition *p = &w->partitions[below(w, w->partition_count)];
    w->now += (int64_t)below(w, 20);
    bool right = true;
    if (chance(w, w->server_percent))
        right = step_server(w);
    else if (!p->exists) {
        workload_arm(w);
        right = workload_make(p);
    } else if (!step_partition(p))
        right = partition_fail(p);
    workload_disarm(w);
    if (!right)
        return false;
    if (simulated_disk_is_stopped(w->disk))
        return workload_crash(w, true);
    if (p->exists && !log_is_offline(p->log) && p->write.write == NULL && !model_check_state(&p->model, p->log))
        return partition_fail(p);
    if (p->exists && log_is_offline(p->log) && chance(w, 20))
        return workload_crash(w, chance(w, 50));
    return true;
}

/* ---- all of it ---- */

static void init_partition(struct workload *w, uint32_t number)
{
    struct workload_partition *p = &w->partitions[number];
    p->w = w;
    snprintf(p->topic, sizeof p->topic, "topic%u", (unsigned)number);
    snprintf(p->folder, sizeof p->folder, "topic%u-0", (unsigned)number);
    p->exists = chance(w, 70);
    p->keys = 2 + (uint32_t)below(w, 40);
    p->config = (struct log_config){.segment_bytes = 5000 + (int64_t)below(w, 20000),
                                    .segment_ms = chance(w, 30) ? 1000 : 100000000,
                                    .segment_index_bytes = chance(w, 30) ? 120 : 10000,
                                    .index_interval_bytes = (int32_t)below(w, 2000)};
    p->cleaning.key = (enum compaction_key)below(w, 3);
    p->cleaning.prefix = 1 + (uint32_t)below(w, 3);
    if (chance(w, 60))
        p->model.keep = chance(w, 70) ? 1 : 1 + (uint32_t)below(w, 3);
    p->cleaning.keep = p->model.keep;
    p->transactions = chance(w, 60);
    p->cleaning.min_lag_ms = chance(w, 30) ? (int64_t)below(w, 1000) : 0;
    p->cleaning.delete_retention_ms = (int64_t)below(w, 2000);
    p->cleaning.header = slice_of_text(WORKLOAD_HEADER);
}

static void init(struct workload *w, uint64_t seed)
{
    memory_init(&w->memory);
    w->disk = simulated_disk_create(&w->memory, seed);
    w->now = 1700000000000;
    w->rots = chance(w, 20);
    w->partition_count = 1 + (uint32_t)below(w, MAX_PARTITIONS);
    w->failing_percent = (unsigned)below(w, chance(w, 50) ? 5 : 30);
    w->server_percent = 1 + (unsigned)below(w, 6);
    w->environment = (struct log_environment){.disk = w->disk,
                                              .memory = &w->memory,
                                              .producer_expiry_ms = 86400000,
                                              .mark_bytes = 500 + (uint32_t)below(w, 4000)};
    for (uint32_t i = 0; i < w->partition_count; i++)
        init_partition(w, i);
}

bool workload_run(uint64_t seed, struct workload_counts *counts, char *message, size_t size)
{
    struct workload w = {.random = {seed}, .counts = counts};
    init(&w, seed);
    bool right = workload_start(&w);
    uint64_t steps = 100 + below(&w, 1200) * w.partition_count;
    for (uint64_t i = 0; i < steps && right; i++)
        right = step(&w);
    workload_disarm(&w);
    workload_shut(&w);
    disk_close(w.disk);
    if (right && memory_total_bytes(&w.memory) != 0)
        right = workload_fail(&w, "%zu bytes of memory were not given back", memory_total_bytes(&w.memory));
    for (uint32_t i = 0; i < w.partition_count; i++)
        model_close(&w.partitions[i].model);
    snprintf(message, size, "%s", w.message);
    return right;
}
