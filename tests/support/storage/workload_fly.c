/* Executing what was begun, with more of it beside, as other threads would; and bringing all of it to an end. */
#include "workload_private.h"

#include <errno.h>

bool workload_is_disk_failure(int status)
{
    return status == -EIO || status == -ENOSPC || status == -ECANCELED || status == FURROW_OFFLINE;
}

/* ---- executing ---- */

static void execute_another(void *context)
{
    workload_execute_any(context);
}

/* In the middle of what is executed now, another operation of the partition may be. */
static void begin(struct workload_partition *p)
{
    if (chance(p->w, 30))
        simulated_disk_beside_at(p->w->disk, (int64_t)below(p->w, 8), execute_another, p);
}

static void end(struct workload_partition *p)
{
    simulated_disk_beside_at(p->w->disk, -1, NULL, NULL);
}

void workload_execute_write(struct workload_partition *p)
{
    begin(p);
    p->write.executed = true;
    log_write_execute(p->write.write);
    end(p);
}

/* NULL: none waits, or one is executed just now. */
static struct flying_sync *next_sync(struct workload_partition *p)
{
    size_t i = 0;
    while (i < p->sync_count && p->syncs[i].executed)
        i++;
    return i < p->sync_count && !p->is_syncing ? &p->syncs[i] : NULL;
}

/* As the thread that syncs: one of each log. */
static void sync_together(struct workload *w)
{
    struct log_sync *syncs[MAX_PARTITIONS];
    bool is_taken[MAX_PARTITIONS] = {false};
    uint32_t count = 0;
    for (uint32_t i = 0; i < w->partition_count; i++) {
        struct flying_sync *flying = next_sync(&w->partitions[i]);
        if (flying == NULL || !log_sync_can_join(flying->sync))
            continue;
        w->partitions[i].is_syncing = is_taken[i] = true;
        flying->executed = true;
        syncs[count++] = flying->sync;
    }
    if (count > 0)
        log_sync_execute_together(syncs, count);
    for (uint32_t i = 0; i < w->partition_count; i++)
        w->partitions[i].is_syncing &= !is_taken[i];
}

bool workload_execute_sync(struct workload_partition *p)
{
    struct flying_sync *flying = next_sync(p);
    if (flying == NULL)
        return false;
    begin(p);
    if (chance(p->w, 40) && log_sync_can_join(flying->sync)) {
        sync_together(p->w);
    } else {
        p->is_syncing = flying->executed = true;
        log_sync_execute(flying->sync);
        p->is_syncing = false;
    }
    end(p);
    return true;
}

void workload_execute_read(struct workload_partition *p, struct flying_read *flying)
{
    begin(p);
    flying->executed = true;
    log_read_execute(&flying->read);
    end(p);
}

void workload_execute_find(struct workload_partition *p)
{
    begin(p);
    p->find.executed = true;
    log_find_execute(p->find.find);
    end(p);
}

void workload_execute_timestamps(struct workload_partition *p)
{
    begin(p);
    p->timestamps.executed = true;
    log_timestamps_execute(p->timestamps.job);
    end(p);
}

void workload_execute_trim(struct workload_partition *p)
{
    struct flying_trim *flying = &p->trim;
    enum trim_stage stage = flying->stage;
    begin(p);
    flying->stage = TRIM_BUSY;
    int rc = stage == TRIM_BEGUN ? log_trim_execute(flying->trim, &p->w->error)
                                 : log_trim_remove(flying->trim, &p->w->error);
    flying->stage = rc != 0 ? stage : stage == TRIM_BEGUN ? TRIM_RENAMED : TRIM_REMOVED;
    end(p);
}

void workload_execute_compaction(struct workload_partition *p)
{
    begin(p);
    p->compaction.executed = true;
    if (chance(p->w, p->w->failing_percent)) /* a replacement is soon done, and must be met in its middle */
        simulated_disk_stop_at(p->w->disk, (int64_t)below(p->w, 20));
    log_compaction_execute(p->compaction.run, 1 + below(p->w, chance(p->w, 30) ? 3000 : 60000));
    end(p);
}

#define KINDS 6

void workload_execute_any(struct workload_partition *p)
{
    uint64_t first = below(p->w, KINDS + MAX_READS);
    for (uint64_t i = 0; i < KINDS + MAX_READS; i++) {
        uint64_t which = (first + i) % (KINDS + MAX_READS);
        if (which == 0 && p->write.write != NULL && !p->write.executed)
            workload_execute_write(p);
        else if (which == 1 && workload_execute_sync(p))
            return;
        else if (which == 2 && p->find.find != NULL && !p->find.executed)
            workload_execute_find(p);
        else if (which == 3 && p->timestamps.job != NULL && !p->timestamps.executed)
            workload_execute_timestamps(p);
        else if (which == 4 && p->trim.trim != NULL && (p->trim.stage == TRIM_BEGUN || p->trim.stage == TRIM_RENAMED))
            workload_execute_trim(p);
        else if (which == 5 && p->compaction.run != NULL && !p->compaction.executed)
            workload_execute_compaction(p);
        else if (which >= KINDS && p->reads[which - KINDS].under_way && !p->reads[which - KINDS].executed)
            workload_execute_read(p, &p->reads[which - KINDS]);
        else
            continue;
        return;
    }
}

/* ---- to the end ---- */

static bool is_busy(const struct workload_partition *p)
{
    bool busy = p->write.write != NULL || p->sync_count > 0 || p->find.find != NULL || p->timestamps.job != NULL;
    for (size_t i = 0; i < MAX_READS; i++)
        busy |= p->reads[i].under_way;
    return busy;
}

static void drop_trim(struct workload_partition *p)
{
    if (p->trim.trim != NULL)
        log_trim_end(p->log, p->trim.trim);
    p->trim.trim = NULL;
}

bool workload_finish(struct workload_partition *p)
{
    bool right = true;
    while (right && is_busy(p)) {
        if (p->write.write != NULL)
            right = workload_step_write(p);
        if (right && p->sync_count > 0)
            right = workload_step_sync(p);
        if (right && p->find.find != NULL)
            right = workload_step_find(p);
        if (right && p->timestamps.job != NULL)
            right = workload_step_timestamps(p);
        for (size_t i = 0; i < MAX_READS && right; i++)
            right = !p->reads[i].under_way || workload_step_read(p, &p->reads[i]);
    }
    drop_trim(p);
    workload_drop_compaction(p);
    return right;
}

static void drop_reads(struct workload_partition *p)
{
    for (size_t i = 0; i < MAX_READS; i++) {
        if (!p->reads[i].under_way)
            continue;
        log_read_end(p->log, &p->reads[i].read);
        log_read_release(p->log, &p->reads[i].read);
        p->reads[i].under_way = false;
    }
}

void workload_drop(struct workload_partition *p)
{
    int64_t offset, timestamp;
    int32_t epoch;
    int rc = 0;
    workload_drop_write(p);
    for (size_t i = 0; i < p->sync_count; i++)
        rc = log_sync_end(p->log, p->syncs[i].sync, NULL);
    p->lost |= log_is_offline(p->log);
    if (p->find.find != NULL)
        rc = log_find_end(p->log, p->find.find, &offset, &timestamp, &epoch, NULL);
    if (p->timestamps.job != NULL)
        rc = log_timestamps_end(p->log, p->timestamps.job, NULL);
    (void)rc;
    p->sync_count = 0;
    p->find.find = NULL;
    p->timestamps.job = NULL;
    drop_trim(p);
    workload_drop_compaction(p);
    drop_reads(p);
}
