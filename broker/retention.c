/* Happy path. Every log.retention.check.interval.ms a round looks at each partition and moves the starts of logs of
 * which something is to go. What cannot be decided without the disk is visited one after the other: ages are learnt, a
 * segment that is appended to is rolled. Then the starts are saved, once for all; then the files of one partition after
 * the other are set aside, and removed when file.delete.delay.ms have passed.
 *
 * One thing is under way at a time, and belongs to a partition whose topic is held. When it ends, what comes next is
 * begun: files whose time has come, visits, the look at the whole data folder, saving, setting aside.
 *
 * Failures. Whatever fails is said in the log and tried again by the next round; nothing goes offline for it. A start
 * that cannot be saved keeps its files.
 *
 * Closing. retention_stop begins nothing more. Files that were set aside are removed by the next start. */
#include "retention_private.h"

#include <errno.h>

#define FIRST_ROUND_MS 30000 /* as Kafka's log.initial.task.delay.ms; the start has enough to do */

/* ---- lists ---- */

void retention_ask_visit(struct retention *retention, struct partition *partition)
{
    if (partition->retention.is_to_visit)
        return;
    partition->retention.is_to_visit = true;
    partition->retention.next_visit = retention->to_visit;
    retention->to_visit = partition;
    topic_hold(partition->topic);
}

void retention_ask_trim(struct retention *retention, struct partition *partition)
{
    if (partition->retention.is_to_trim)
        return;
    partition->retention.is_to_trim = true;
    partition->retention.next_trim = retention->to_trim;
    retention->to_trim = partition;
    topic_hold(partition->topic);
}

static struct partition *pop_visit(struct retention *retention)
{
    struct partition *partition = retention->to_visit;
    retention->to_visit = partition->retention.next_visit;
    partition->retention.is_to_visit = false;
    return partition;
}

static struct partition *pop_trim(struct retention *retention)
{
    struct partition *partition = retention->to_trim;
    retention->to_trim = partition->retention.next_trim;
    partition->retention.is_to_trim = false;
    return partition;
}

static void release(struct retention *retention, struct partition *partition)
{
    topic_release(&retention->server->topics, partition->topic);
}

bool retention_can_touch(const struct partition *partition)
{
    return !partition->topic->is_deleted && partition->log != NULL && !log_is_offline(partition->log);
}

void retention_warn(struct retention *retention, const struct partition *partition, const struct error *error)
{
    if (!partition->topic->is_deleted)
        log_line_limited(retention->server->logger, &retention->failures, LOG_WARN, "retention", "partition=%s %s",
                         log_folder(partition->log), error->message);
}

/* ---- what comes next ---- */

static void on_saved(struct checkpoint_request *request, int status)
{
    struct retention *retention = CONTAINER_OF(request, struct retention, checkpoint);
    (void)status; /* said already; the next round saves again */
    retention->is_busy = false;
    retention_advance(retention);
}

static void save_starts(struct retention *retention)
{
    retention->wants_checkpoint = false;
    retention->is_busy = true;
    retention->checkpoint.done = on_saved;
    checkpoints_write(retention->server->checkpoints, &retention->checkpoint);
}

/* The list's hold goes over to the step, if one is begun. */
static void take_up(struct retention *retention, struct partition *partition,
                    bool (*begin)(struct retention *, struct partition *))
{
    if (!begin(retention, partition))
        release(retention, partition);
}

/* False: there is nothing to do now. */
static bool step(struct retention *retention)
{
    uint64_t due;
    if (retention_remove_due(retention))
        return true;
    if (retention->to_visit != NULL)
        take_up(retention, pop_visit(retention), retention_visit);
    else if (retention_wants_look(retention, &due) && due <= retention_now(retention))
        retention_make_space(retention);
    else if (retention->wants_checkpoint)
        save_starts(retention);
    else if (retention->to_trim != NULL)
        take_up(retention, pop_trim(retention), retention_trim);
    else
        return false;
    return true;
}

static void on_due(uv_timer_t *timer)
{
    retention_advance(timer->data);
}

void retention_arm(struct retention *retention)
{
    if (retention->is_busy || retention->is_stopping)
        return;
    uint64_t due = retention_next_due(retention), look;
    if (retention_wants_look(retention, &look) && look < due)
        due = look;
    if (due == UINT64_MAX)
        return;
    uint64_t now = retention_now(retention);
    uv_timer_start(&retention->due_timer, on_due, due > now ? due - now : 0, 0);
}

void retention_advance(struct retention *retention)
{
    while (!retention->is_busy && !retention->is_stopping && step(retention))
        ;
    retention_arm(retention);
}

void retention_end_step(struct retention *retention)
{
    struct partition *partition = retention->partition;
    retention->is_busy = false;
    retention->partition = NULL;
    release(retention, partition);
    retention_advance(retention);
}

/* ---- rounds ---- */

static void on_round(uv_timer_t *timer);

static void arm_round_timer(struct retention *retention, int64_t most)
{
    int64_t interval = config_number(retention->server->config, CONFIG_LOG_RETENTION_CHECK_INTERVAL_MS);
    uv_timer_start(&retention->round_timer, on_round, (uint64_t)(interval < most ? interval : most), 0);
}

static void look_at_topic(struct retention *retention, struct topic *topic)
{
    for (int32_t i = 0; i < topic->partition_count; i++) {
        struct partition *partition = topic->partitions[i];
        if (!retention_can_touch(partition))
            continue;
        if (!retention_look_at(retention, partition))
            retention_ask_visit(retention, partition);
        retention->wants_checkpoint |= !log_is_start_saved(partition->log);
        if (log_wants_trim(partition->log))
            retention_ask_trim(retention, partition);
    }
}

static void on_round(uv_timer_t *timer)
{
    struct retention *retention = timer->data;
    if (retention->is_stopping)
        return;
    arm_round_timer(retention, INT64_MAX);
    (void)retention_time(retention);
    for (struct topic *topic = retention->server->topics.by_name; topic != NULL; topic = topic->by_name.next)
        look_at_topic(retention, topic);
    retention->wants_checkpoint |= retention_time_is_due(retention);
    retention->wants_space = true;
    retention_advance(retention);
}

/* ---- its life ---- */

int retention_create(struct server *server, struct retention **created, struct error *error)
{
    struct retention *retention = memory_alloc_zeroed(server->memory, MEMORY_LOGS, sizeof *retention);
    if (retention == NULL)
        return error_set_status(error, -ENOMEM, "retention");
    retention->server = server;
    int rc = retention_time_open(retention, error);
    if (rc == 0)
        rc = retention_total_open(retention, error);
    if (rc != 0) {
        memory_free(server->memory, MEMORY_LOGS, retention, sizeof *retention);
        return rc;
    }
    uv_timer_init(server->loop, &retention->round_timer);
    uv_timer_init(server->loop, &retention->due_timer);
    retention->round_timer.data = retention;
    retention->due_timer.data = retention;
    retention->open_handles = 2;
    arm_round_timer(retention, FIRST_ROUND_MS);
    *created = retention;
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct retention *retention = handle->data;
    if (--retention->open_handles == 0)
        memory_free(retention->server->memory, MEMORY_LOGS, retention, sizeof *retention);
}

void retention_stop(struct retention *retention)
{
    retention->is_stopping = true;
    uv_timer_stop(&retention->round_timer);
    uv_timer_stop(&retention->due_timer);
}

void retention_destroy(struct retention *retention)
{
    retention_stop(retention);
    while (retention->to_visit != NULL)
        release(retention, pop_visit(retention));
    while (retention->to_trim != NULL)
        release(retention, pop_trim(retention));
    retention_drop_aside(retention);
    uv_close((uv_handle_t *)&retention->round_timer, on_timer_closed);
    uv_close((uv_handle_t *)&retention->due_timer, on_timer_closed);
}

bool retention_idle(const struct retention *retention)
{
    return !retention->is_busy;
}

void retention_note_start(struct retention *retention, struct partition *partition)
{
    if (retention->is_stopping || !log_wants_trim(partition->log))
        return;
    retention_ask_trim(retention, partition);
    retention_advance(retention);
}

void retention_note_append(struct retention *retention, size_t bytes)
{
    retention->grown += bytes;
    uint64_t total = retention->total + retention->grown;
    if (retention->wants_space || retention->is_stopping || retention->total_limit < 0 ||
        total <= (uint64_t)retention->total_limit)
        return;
    retention->wants_space = true;
    retention_arm(retention);
}
