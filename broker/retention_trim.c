/* The files of what has gone: set aside, then removed. */
#include "compaction.h"
#include "retention_private.h"

#define RETRY_MS 60000

/* ---- those that were set aside ---- */

static void put_aside(struct retention *retention, struct retention_aside *aside, uint64_t after_ms)
{
    aside->due = after_ms < UINT64_MAX - retention_now(retention) ? retention_now(retention) + after_ms : UINT64_MAX;
    aside->next = retention->aside;
    retention->aside = aside;
    retention->aside_bytes += log_trim_bytes(aside->trim);
}

static struct retention_aside *take_due(struct retention *retention)
{
    for (struct retention_aside **at = &retention->aside; *at != NULL; at = &(*at)->next) {
        struct retention_aside *aside = *at;
        if (aside->due > retention_now(retention))
            continue;
        *at = aside->next;
        retention->aside_bytes -= log_trim_bytes(aside->trim);
        return aside;
    }
    return NULL;
}

uint64_t retention_next_due(const struct retention *retention)
{
    uint64_t due = UINT64_MAX;
    for (const struct retention_aside *aside = retention->aside; aside != NULL; aside = aside->next)
        due = aside->due < due ? aside->due : due;
    return due;
}

void retention_hurry(struct retention *retention)
{
    for (struct retention_aside *aside = retention->aside; aside != NULL; aside = aside->next)
        aside->due = 0;
}

/* The trim and its hold end. */
static void end_aside(struct retention *retention, struct retention_aside *aside)
{
    log_trim_end(aside->partition->log, aside->trim);
    topic_release(&retention->server->topics, aside->partition->topic);
    memory_free(retention->server->memory, MEMORY_LOGS, aside, sizeof *aside);
}

void retention_drop_aside(struct retention *retention)
{
    while (retention->aside != NULL) {
        struct retention_aside *aside = retention->aside;
        retention->aside = aside->next;
        end_aside(retention, aside);
    }
}

/* ---- the job ---- */

static void move_files(struct job *job)
{
    struct retention *retention = CONTAINER_OF(job, struct retention, job);
    struct retention_aside *aside = retention->moving;
    retention->status = 0;
    if (!aside->is_executed)
        retention->status = log_trim_execute(aside->trim, &retention->error);
    aside->is_executed = retention->status == 0;
    if (aside->is_executed && aside->removes)
        retention->status = log_trim_remove(aside->trim, &retention->error);
}

static void on_moved(struct job *job)
{
    struct retention *retention = CONTAINER_OF(job, struct retention, job);
    struct retention_aside *aside = retention->moving;
    struct partition *partition = retention->partition;
    if (retention->status != 0) {
        error_wrap(&retention->error, retention->status, "old segments stay for now");
        retention_warn(retention, partition, &retention->error);
        put_aside(retention, aside, RETRY_MS);
    } else if (!aside->removes) {
        put_aside(retention, aside, (uint64_t)partition->topic->config.file_delete_delay_ms);
    } else {
        end_aside(retention, aside);
        if (retention_can_touch(partition) && log_wants_trim(partition->log))
            retention_ask_trim(retention, partition); /* a trim takes a bounded number of segments */
    }
    retention_end_step(retention);
}

static void submit(struct retention *retention, struct retention_aside *aside)
{
    retention->is_busy = true;
    retention->partition = aside->partition;
    retention->moving = aside;
    retention->job = (struct job){.execute = move_files, .done = on_moved};
    jobs_submit(&retention->server->jobs, &retention->job, JOB_FLUSH);
}

bool retention_remove_due(struct retention *retention)
{
    struct retention_aside *aside = take_due(retention);
    if (aside == NULL)
        return false;
    topic_hold(aside->partition->topic); /* of the step */
    aside->removes = true;
    submit(retention, aside);
    return true;
}

/* ---- what is not synced ---- */

static void on_synced(struct writer_job *job)
{
    struct retention *retention = CONTAINER_OF(job, struct retention, sync);
    struct partition *partition = retention->partition;
    if (log_sync_end(partition->log, job->sync, &retention->error) != 0)
        retention_warn(retention, partition, &retention->error);
    else
        retention_ask_trim(retention, partition);
    retention_end_step(retention);
}

static bool begin_sync(struct retention *retention, struct partition *partition)
{
    struct log_sync *sync;
    if (log_sync_begin(partition->log, false, &sync, NULL) != 0 || sync == NULL)
        return false; /* the next round tries again */
    retention->is_busy = true;
    retention->partition = partition;
    retention->sync = (struct writer_job){.sync = sync, .done = on_synced};
    writer_thread_submit(retention->server->writer, &retention->sync);
    return true;
}

/* ---- what is being compacted ---- */

static void on_let_go(struct cleaner_wait *wait)
{
    struct retention *retention = CONTAINER_OF(wait, struct retention, let_go);
    retention_ask_trim(retention, retention->partition);
    retention_end_step(retention);
}

/* Space is needed more than a compaction, which loses nothing but work. True: it is being ended. */
static bool end_compaction(struct retention *retention, struct partition *partition)
{
    if (!partition->retention.at_once || !log_is_compacting(partition->log))
        return false;
    retention->let_go.done = on_let_go;
    if (!cleaner_let_go(retention->server->cleaner, partition->topic, &retention->let_go))
        return false;
    retention->is_busy = true;
    retention->partition = partition;
    return true;
}

/* ---- one partition ---- */

static void report(struct retention *retention, const struct partition *partition, const struct log_trim *trim)
{
    log_info(retention->server->logger, "retention",
             "partition=%s start=%" PRId64 " segments=%" PRIu32 " bytes=%" PRIu64 " deleted",
             log_folder(partition->log), log_start_offset(partition->log), log_trim_segments(trim),
             log_trim_bytes(trim));
}

bool retention_trim(struct retention *retention, struct partition *partition)
{
    struct memory *memory = retention->server->memory;
    if (!retention_can_touch(partition))
        return false;
    if (end_compaction(retention, partition))
        return true;
    if (!log_wants_trim(partition->log))
        return false;
    if (log_trim_wants_sync(partition->log))
        return begin_sync(retention, partition);
    struct retention_aside *aside = memory_alloc_zeroed(memory, MEMORY_LOGS, sizeof *aside);
    if (aside == NULL)
        return false;
    if (log_trim_begin(partition->log, &aside->trim, NULL) != 0 || aside->trim == NULL) {
        memory_free(memory, MEMORY_LOGS, aside, sizeof *aside);
        return false;
    }
    aside->partition = partition;
    aside->removes = partition->retention.at_once || partition->topic->config.file_delete_delay_ms == 0;
    partition->retention.at_once = false;
    topic_hold(partition->topic);
    report(retention, partition, aside->trim);
    submit(retention, aside);
    return true;
}
