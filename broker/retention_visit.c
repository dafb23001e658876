/* One partition: what its topic's policy lets go. */
#include "retention_private.h"

static struct retention_limits limits_of(const struct topic *topic)
{
    if ((topic->config.cleanup_policy & CLEANUP_DELETE) == 0)
        return (struct retention_limits){-1, -1, -1};
    return (struct retention_limits){
        .ms = topic->config.retention_ms,
        .bytes = topic->config.retention_bytes,
        .records = topic->config.retention_records,
    };
}

void retention_move_start(struct retention *retention, struct partition *partition, int64_t start)
{
    if (start <= log_start_offset(partition->log) || log_set_start_offset(partition->log, start, NULL) != 0)
        return;
    retention->wants_checkpoint = true;
    retention_ask_trim(retention, partition);
}

static struct retention_verdict decide(struct retention *retention, struct partition *partition)
{
    struct retention_limits limits = limits_of(partition->topic);
    struct retention_verdict verdict = retention_decide(partition->log, &limits, &retention->time);
    retention_move_start(retention, partition, verdict.start);
    return verdict;
}

bool retention_look_at(struct retention *retention, struct partition *partition)
{
    struct retention_verdict verdict = decide(retention, partition);
    return !verdict.wants_timestamps && !verdict.wants_roll;
}

/* ---- learning ages ---- */

static void learn(struct job *job)
{
    log_timestamps_execute(CONTAINER_OF(job, struct retention, job)->timestamps);
}

static void on_learnt(struct job *job)
{
    struct retention *retention = CONTAINER_OF(job, struct retention, job);
    struct partition *partition = retention->partition;
    if (log_timestamps_end(partition->log, retention->timestamps, &retention->error) != 0)
        retention_warn(retention, partition, &retention->error);
    else if (retention_can_touch(partition) && !retention_look_at(retention, partition))
        retention_ask_visit(retention, partition);
    retention_end_step(retention);
}

/* False: all is known. */
static bool begin_learning(struct retention *retention, struct partition *partition)
{
    if (log_timestamps_begin(partition->log, &retention->timestamps, NULL) != 0 || retention->timestamps == NULL)
        return false;
    retention->is_busy = true;
    retention->partition = partition;
    retention->job = (struct job){.execute = learn, .done = on_learnt};
    jobs_submit(&retention->server->jobs, &retention->job, JOB_FLUSH);
    return true;
}

/* ---- rolling ---- */

static void on_rolled(struct append_roll *roll, int status)
{
    struct retention *retention = CONTAINER_OF(roll, struct retention, roll);
    struct partition *partition = retention->partition;
    if (status == 0 && retention_can_touch(partition))
        (void)retention_look_at(retention, partition); /* what it leaves open is for the next round */
    retention_end_step(retention);
}

static void begin_roll(struct retention *retention, struct partition *partition)
{
    retention->is_busy = true;
    retention->partition = partition;
    retention->roll = (struct append_roll){.partition = partition, .done = on_rolled};
    append_roll_start(retention->server->appends, &retention->roll);
}

bool retention_visit(struct retention *retention, struct partition *partition)
{
    bool wants_learning = partition->retention.wants_learning;
    bool wants_roll = partition->retention.wants_roll;
    partition->retention.wants_learning = false;
    partition->retention.wants_roll = false;
    if (!retention_can_touch(partition))
        return false;
    struct retention_verdict verdict = decide(retention, partition);
    if ((verdict.wants_timestamps || wants_learning) && begin_learning(retention, partition))
        return true;
    if (!verdict.wants_roll && !wants_roll)
        return false;
    begin_roll(retention, partition);
    return true;
}
